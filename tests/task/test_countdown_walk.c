/* Whole answers: hand-made journeys, nasty ones among them, and random ones against a second
 * reading that keeps a plain list of what was visited. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/rng.h"
#include "task/task.h"

static const tj_countdown_config cfg = {.n_numbers = 4,
                                        .number_min = 1,
                                        .number_max = 13,
                                        .target_min = 1,
                                        .target_max = 100,
                                        .value_max = 100};

static const tj_countdown_problem problem = {
    .numbers = {3, 6, 7, 11}, .n_numbers = 4, .target = 18};

#define STEP1   "1. 11 - 7 = 4 left 3 4 6\n"
#define GOOD2   "2. 4 * 3 = 12 left 6 12\n"
#define GOOD3   "3. 12 + 6 = 18 left 18\n"
#define REACHED "Reached 18.\n"
#define BAD2    "2. 6 - 3 = 3 left 3 4\n"
#define BAD3    "3. 4 - 3 = 1 left 1\n"
#define FAILED  "1 is not 18.\n"

static tj_walk walk(const char *text)
{
    tj_walk w;
    assert_int_equal(tj_countdown_walk(&w, &cfg, &problem, text, strlen(text), NULL), TJ_OK);
    return w;
}

static void expect(const char *text, bool correct, size_t first_wrong, const char *expression)
{
    tj_walk w = walk(text);
    size_t at = 0;
    for (size_t i = 0; i < w.n_lines; i++) { /* lines follow one another without gaps */
        assert_int_equal(w.lines[i].begin, at);
        at = w.lines[i].end;
    }
    if (w.correct != correct || w.first_wrong != first_wrong ||
        strcmp(w.expression, expression) != 0) {
        fail_msg("correct %d, first wrong %zu, '%s' in:\n%s", w.correct, w.first_wrong,
                 w.expression, text);
    }
    tj_walk_deinit(&w);
}

#define NONE SIZE_MAX

static void a_shortcut_is_correct(void **state)
{
    (void)state;
    expect(STEP1 GOOD2 GOOD3 REACHED, true, NONE, "(((11-7)*3)+6)");
    expect(STEP1 GOOD2 GOOD3 "Reached 18.", true, NONE, "(((11-7)*3)+6)"); /* no last newline */
    expect(STEP1 GOOD2 GOOD3, false, NONE, "(((11-7)*3)+6)");              /* claims nothing */
    expect(STEP1 GOOD2 REACHED, false, 2, "");
    expect(REACHED, false, 0, "");
    expect("", false, NONE, "");
    expect("\n\n", false, NONE, "");
}

static void what_follows_the_claim_is_not_read(void **state)
{
    (void)state;
    expect(STEP1 GOOD2 GOOD3 REACHED "1. 1 + 1 = 3 left 3\nReached 19.\n", true, NONE,
           "(((11-7)*3)+6)");
}

static void a_journey_may_fail_and_go_back(void **state)
{
    (void)state;
    expect(STEP1 BAD2 BAD3 FAILED "Hmm, no luck.\nBack to 3 4 6, make 18.\n" GOOD2 GOOD3 REACHED,
           true, NONE, "(((11-7)*3)+6)");
    expect(STEP1 BAD2
           "This is a dead end. Let me go back to 3 6 7 11, make 18.\n" STEP1 GOOD2 GOOD3 REACHED,
           true, NONE, "(((11-7)*3)+6)");
    tj_walk w = walk(STEP1 BAD2 BAD3 FAILED "Back to 3 4 6, make 18.\n" GOOD2 GOOD3 REACHED);
    static const size_t attempts[] = {0, 0, 0, 0, 1, 1, 1, 1};
    static const bool solvable[] = {true, false, false, false, true, true, true, true};
    assert_int_equal(w.n_lines, 8);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(w.lines[i].attempt, attempts[i]);
        assert_int_equal(w.lines[i].verdict.solvable, solvable[i]);
        assert_int_equal(w.lines[i].verdict.correct, i >= 6);
    }
    tj_walk_deinit(&w);
}

static void going_back_needs_a_visit(void **state)
{
    (void)state;
    /* 6 12 is possible but was not visited; nor was the state that a wrong step claims. */
    expect(STEP1 BAD2 "Back to 6 12, make 18.\n3. 12 + 6 = 18 left 18\n" REACHED, false, 2, "");
    expect("1. 11 - 7 = 5 left 3 5 6\nBack to 3 5 6, make 18.\n", false, 0, "");
    expect(STEP1 "Back to 3 4 6, make 17.\n" GOOD2 GOOD3 REACHED, false, 1, "(((11-7)*3)+6)");
    /* After a wrong BACK line a right one mends all. */
    expect(STEP1 "Back to 1 2, make 18.\nBack to 3 4 6, make 18.\n" GOOD2 GOOD3 REACHED, true, 1,
           "(((11-7)*3)+6)");
}

static void a_wrong_line_counts_only_in_the_last_attempt(void **state)
{
    (void)state;
    /* Abandoned: harmless. */
    expect(STEP1 "2. 6 - 3 = 2 left 2 4\nBack to 3 4 6, make 18.\n" GOOD2 GOOD3 REACHED, true, 1,
           "(((11-7)*3)+6)");
    expect(STEP1 REACHED "Back to 3 4 6, make 18.\n" GOOD2 GOOD3 REACHED, true, 1,
           "(((11-7)*3)+6)");
    /* In the chain that ends: not, even where the state did not advance on it. */
    expect(STEP1 "2. 6 - 3 = 2 left 2 4\n" GOOD2 GOOD3 REACHED, false, 1, "(((11-7)*3)+6)");
    expect(STEP1 GOOD2 GOOD3 "18 is not 18.\n" REACHED, false, 3, "(((11-7)*3)+6)");
    /* Nor when the state gone back to lies after it. */
    expect("1. 7 - 6 = 2 left 2 3 11\n" STEP1 BAD2 "Back to 3 4 6, make 18.\n" GOOD2 GOOD3 REACHED,
           false, 0, "(((11-7)*3)+6)");
    /* The same state, reached again without it, is clean; so is the first. */
    expect("1. 7 - 6 = 2 left 2 3 11\n" STEP1
           "Back to 3 6 7 11, make 18.\n" STEP1 GOOD2 GOOD3 REACHED,
           true, 0, "(((11-7)*3)+6)");
    expect(STEP1 "Back to 3 6 7 11, make 18.\n1. 7 - 6 = 2 left 2 3 11\n" STEP1
                 "Back to 3 6 7 11, make 18.\nBack to 3 4 6, make 18.\n" GOOD2 GOOD3 REACHED,
           true, 2, "(((11-7)*3)+6)");
}

static void steps_after_going_back_are_numbered_from_there(void **state)
{
    (void)state;
    expect(STEP1 BAD2 "Back to 3 4 6, make 18.\n1. 4 * 3 = 12 left 6 12\n", false, 3, "");
    expect(STEP1 BAD2 "Back to 3 4 6, make 18.\n3. 4 * 3 = 12 left 6 12\n", false, 3, "");
}

static void expressions_do_not_depend_on_the_order_of_steps(void **state)
{
    (void)state;
    tj_countdown_problem p = {.numbers = {3, 4, 7, 11}, .n_numbers = 4, .target = 16};
    static const char *const ways[] = {
        "1. 11 - 7 = 4 left 3 4 4\n2. 4 * 3 = 12 left 4 12\n3. 12 + 4 = 16 left 16\nReached 16.\n",
        "1. 4 * 3 = 12 left 7 11 12\n2. 11 - 7 = 4 left 4 12\n3. 4 + 12 = 16 left 16\nReached 16.",
        "1. 3 * 4 = 12 left 7 11 12\n2. 11 - 7 = 4 left 4 12\n3. 12 + 4 = 16 left 16\nReached 16.",
    };
    for (size_t i = 0; i < 3; i++) {
        tj_walk w;
        assert_int_equal(tj_countdown_walk(&w, &cfg, &p, ways[i], strlen(ways[i]), NULL), TJ_OK);
        assert_true(w.correct);
        assert_string_equal(w.expression, "((3*4)+(11-7))");
        tj_walk_deinit(&w);
    }
}

/* ------------------------------------------------------------ random journeys */

/* A random text of valid and spoilt steps, claims and returns to visited and unvisited states, with
 * what the rules say of it, kept the plain way: `at` is an index into all states ever visited. */
typedef struct journey {
    tj_buf text;
    tj_countdown_state visited[256];
    bool clean[256];
    size_t n_visited;
    tj_countdown_state at;
    bool now_clean, correct, done;
    size_t first_wrong, n_lines;
} journey;

static void wrong_line(journey *j)
{
    j->now_clean = false;
    j->first_wrong = j->first_wrong == SIZE_MAX ? j->n_lines : j->first_wrong;
}

static void step_line(journey *j, tj_rng *rng)
{
    tj_countdown_step step;
    if (!tj_countdown_random_step(&cfg, &j->at, &step, rng)) {
        return;
    }
    tj_countdown_state after = j->at;
    tj_countdown_apply(&after, &step);
    bool spoil = tj_rng_below(rng, 6) == 0;
    step.result += spoil;
    tj_countdown_write_step(&j->text, j->at.n_given - j->at.n_numbers + 1, &step, &after);
    if (spoil) {
        wrong_line(j);
    } else {
        j->at = after;
        j->visited[j->n_visited] = after;
        j->clean[j->n_visited++] = j->now_clean;
    }
    j->n_lines++;
}

/* Goes back to a state that no other visit shares, so that the chain is not a matter of choice. */
static void back_line(journey *j, tj_rng *rng)
{
    size_t to = (size_t)tj_rng_below(rng, j->n_visited), n_same = 0;
    for (size_t i = 0; i < j->n_visited; i++) {
        n_same += memcmp(&j->visited[i], &j->visited[to], sizeof j->at) == 0;
    }
    if (n_same > 1) {
        return;
    }
    tj_countdown_state state = j->visited[to];
    bool spoil = tj_rng_below(rng, 6) == 0;
    state.numbers[0] += spoil ? 50 : 0; /* unvisited: no number of a state comes near */
    tj_countdown_write_back(&j->text, &state);
    if (spoil) {
        wrong_line(j);
    } else {
        j->at = state;
        j->now_clean = j->clean[to];
    }
    j->n_lines++;
}

static void claim_line(journey *j)
{
    tj_countdown_write_reached(&j->text, j->at.target);
    if (j->at.n_numbers == 1 && j->at.numbers[0] == j->at.target) {
        j->correct = j->now_clean;
        j->done = true;
    } else {
        wrong_line(j);
    }
    j->n_lines++;
}

static void random_journeys_are_read_as_they_were_written(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 51, 0, 0, 0);
    size_t n_correct = 0, n_wrong = 0;
    for (size_t trial = 0; trial < 3000; trial++) {
        journey j = {.now_clean = true, .first_wrong = SIZE_MAX, .n_visited = 1};
        tj_buf_init(&j.text);
        const tj_countdown_problem small = {.numbers = {2, 5, 9}, .n_numbers = 3, .target = 7};
        tj_countdown_first_state(&j.at, &small);
        j.visited[0] = j.at;
        j.clean[0] = true;
        for (size_t i = 0; i < 60 && !j.done; i++) {
            uint64_t what = tj_rng_below(&rng, 10);
            if (what < 6) {
                step_line(&j, &rng);
            } else if (what < 8) {
                back_line(&j, &rng);
            } else if (what < 9 || j.at.n_numbers == 1) {
                claim_line(&j);
            } else {
                tj_buf_str(&j.text, "Hmm.\n");
                j.n_lines++;
            }
        }
        tj_walk w;
        assert_int_equal(tj_countdown_walk(&w, &cfg, &small, j.text.data, j.text.len, NULL), TJ_OK);
        if (w.n_lines != j.n_lines || w.correct != j.correct || w.first_wrong != j.first_wrong) {
            fail_msg("trial %zu: correct %d, first wrong %zu; expected %d, %zu in:\n%s", trial,
                     w.correct, w.first_wrong, j.correct, j.first_wrong, j.text.data);
        }
        n_correct += w.correct;
        n_wrong += j.done && !w.correct;
        tj_walk_deinit(&w);
        tj_buf_deinit(&j.text);
    }
    assert_true(n_correct > 100 && n_wrong > 100);
}

/* ------------------------------------------------------------ expressions */

/* The value of a fully parenthesised expression; moves *p past it. */
static long value_of(const char **p)
{
    if (**p != '(') {
        char *end;
        long v = strtol(*p, &end, 10);
        *p = end;
        return v;
    }
    ++*p;
    long a = value_of(p);
    char op = *(*p)++;
    long b = value_of(p);
    assert_int_equal(*(*p)++, ')');
    switch (op) {
    case '+':
        return a + b;
    case '-':
        return a - b;
    case '*':
        return a * b;
    default:
        assert_true(b != 0 && a % b == 0);
        return a / b;
    }
}

static void the_expression_of_a_solution_has_the_value(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 52, 0, 0, 0);
    for (size_t trial = 0; trial < 500; trial++) {
        tj_countdown_problem p;
        tj_countdown_config c = cfg;
        c.n_numbers = 2 + tj_rng_below(&rng, 4);
        assert_int_equal(tj_countdown_draw(&p, &c, TJ_SPLIT_TRAIN, 0, &rng, NULL), TJ_OK);
        tj_countdown_state s;
        tj_countdown_step steps[TJ_COUNTDOWN_MAX_NUMBERS];
        tj_countdown_first_state(&s, &p);
        assert_true(tj_countdown_solve(&c, &s, steps, &rng));
        tj_buf text;
        tj_buf_init(&text);
        for (size_t i = 0; s.n_numbers > 1; i++) {
            tj_countdown_apply(&s, &steps[i]);
            tj_countdown_write_step(&text, i + 1, &steps[i], &s);
        }
        tj_countdown_write_reached(&text, p.target);
        tj_walk w;
        assert_int_equal(tj_countdown_walk(&w, &c, &p, text.data, text.len, NULL), TJ_OK);
        assert_true(w.correct);
        assert_int_equal(w.first_wrong, SIZE_MAX);
        const char *at = w.expression;
        assert_int_equal(value_of(&at), p.target);
        assert_int_equal(*at, '\0');
        tj_walk_deinit(&w);
        tj_buf_deinit(&text);
    }
}

/* ------------------------------------------------------------ bounds and faults */

static void long_answers_are_refused_and_hostile_ones_end(void **state)
{
    (void)state;
    char *text = tj_malloc(TJ_WALK_MAX_BYTES + 1);
    assert_non_null(text);
    memset(text, '\n', TJ_WALK_MAX_BYTES + 1);
    tj_walk w;
    assert_int_equal(tj_countdown_walk(&w, &cfg, &problem, text, TJ_WALK_MAX_BYTES + 1, NULL),
                     TJ_E_LIMIT);
    assert_null(w.lines);
    assert_int_equal(tj_countdown_walk(&w, &cfg, &problem, text, TJ_WALK_MAX_BYTES, NULL), TJ_OK);
    assert_int_equal(w.n_lines, TJ_WALK_MAX_BYTES);
    tj_walk_deinit(&w);
    /* As many visits as fit, then as many returns to what was never visited. */
    static const char visit[] = "Back to 3 6 7 11, make 18.\n" STEP1;
    static const char lost[] = "Back to 1 2, make 18.\n";
    size_t at = 0, half = TJ_WALK_MAX_BYTES / 2;
    for (; at + sizeof visit < half; at += sizeof visit - 1) {
        memcpy(text + at, visit, sizeof visit - 1);
    }
    for (; at + sizeof lost < TJ_WALK_MAX_BYTES; at += sizeof lost - 1) {
        memcpy(text + at, lost, sizeof lost - 1);
    }
    assert_int_equal(tj_countdown_walk(&w, &cfg, &problem, text, at, NULL), TJ_OK);
    assert_false(w.correct);
    tj_walk_deinit(&w);
    tj_free(text);
}

static void failing_allocations_leave_an_empty_walk(void **state)
{
    (void)state;
    static const char text[] =
        STEP1 BAD2 BAD3 FAILED "Back to 3 4 6, make 18.\n" GOOD2 GOOD3 REACHED;
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_walk w;
        tj_alloc_fail_after(k);
        rc = tj_countdown_walk(&w, &cfg, &problem, text, strlen(text), NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || (rc == TJ_E_NOMEM && w.lines == NULL && w.n_lines == 0));
        tj_walk_deinit(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shortcut_is_correct),
        cmocka_unit_test(what_follows_the_claim_is_not_read),
        cmocka_unit_test(a_journey_may_fail_and_go_back),
        cmocka_unit_test(going_back_needs_a_visit),
        cmocka_unit_test(a_wrong_line_counts_only_in_the_last_attempt),
        cmocka_unit_test(steps_after_going_back_are_numbered_from_there),
        cmocka_unit_test(expressions_do_not_depend_on_the_order_of_steps),
        cmocka_unit_test(random_journeys_are_read_as_they_were_written),
        cmocka_unit_test(the_expression_of_a_solution_has_the_value),
        cmocka_unit_test(long_answers_are_refused_and_hostile_ones_end),
        cmocka_unit_test(failing_allocations_leave_an_empty_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
