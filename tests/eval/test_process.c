/* Process counts of hand-made walks, one behaviour a test, and of random walks against what must
 * hold of any walk and against a second count written the slow way. A walk is written as a string,
 * one word a line of the answer:
 *
 *   sK:STATE  a step with key K to STATE        rI  a REACHED line    o  connective words
 *   then a letter: + solvable, - dead,          f   a FAILED line
 *   ! at a wrong end, * at the goal, x invalid  bSTATE  a BACK line ("b?" to an unvisited state) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "eval/eval.h"

#define MAX_LINES 64

typedef struct script {
    tj_walk_line lines[MAX_LINES];
    tj_walk walk;
    tj_task_state first;
} script;

static void set_state(tj_task_state *state, char name)
{
    *state = (tj_task_state){.bytes = {(unsigned char)name}};
}

/* The verdict's solvable, terminal and correct of a state by the letter of the line that made it.
 */
static void set_flags(tj_line_verdict *v, char mark)
{
    v->solvable = mark == '+' || mark == '*';
    v->terminal = mark == '!' || mark == '*';
    v->correct = mark == '*';
}

/* "s<key>:<state><mark>", where an invalid step stays in the state before it. */
static void write_step(tj_walk_line *line, const char *word, const tj_walk_line *before)
{
    tj_line_verdict *v = &line->verdict;
    const char *colon = strchr(word, ':');
    assert_non_null(colon);
    v->kind = TJ_LINE_STEP;
    (void)snprintf(v->key, sizeof v->key, "%.*s", (int)(colon - word - 1), word + 1);
    v->valid = colon[2] != 'x';
    if (v->valid) {
        set_state(&line->state, colon[1]);
        set_flags(v, colon[2]);
        return;
    }
    v->solvable = before->verdict.solvable;
    v->terminal = before->verdict.terminal;
    v->correct = before->verdict.correct;
}

/* Flags of the state named by the last line that stood there; the first state is solvable. */
static void go_back(script *s, size_t n, char name)
{
    tj_walk_line *line = &s->lines[n];
    line->verdict.kind = TJ_LINE_BACK;
    line->verdict.valid = name == 'A';
    line->verdict.solvable = true;
    set_state(&line->state, name);
    for (size_t i = 0; i < n; i++) {
        if (s->lines[i].verdict.kind == TJ_LINE_STEP && s->lines[i].verdict.valid &&
            s->lines[i].state.bytes[0] == (unsigned char)name) {
            line->verdict.valid = true;
            line->verdict.solvable = s->lines[i].verdict.solvable;
        }
    }
}

/* Reads the words; the first state is 'A'. */
static void write_script(script *s, const char *words)
{
    *s = (script){.walk = {.first_wrong = SIZE_MAX}};
    set_state(&s->first, 'A');
    tj_walk_line start = {.state = s->first, .verdict = {.solvable = true}};
    char copy[1024];
    (void)snprintf(copy, sizeof copy, "%s", words);
    char *rest = NULL;
    bool clean = true; /* no invalid step since the last BACK */
    for (char *w = strtok_r(copy, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest)) {
        size_t n = s->walk.n_lines++;
        const tj_walk_line *before = n == 0 ? &start : &s->lines[n - 1];
        tj_walk_line *line = &s->lines[n];
        *line = *before;
        line->verdict.key[0] = '\0';
        switch (w[0]) {
        case 's':
            write_step(line, w, before);
            clean = clean && line->verdict.valid;
            break;
        case 'b':
            go_back(s, n, w[1]);
            line->verdict.terminal = line->verdict.correct = false;
            clean = true;
            break;
        case 'r':
            line->verdict.kind = TJ_LINE_REACHED;
            line->verdict.valid = before->verdict.correct;
            break;
        case 'f':
            line->verdict.kind = TJ_LINE_FAILED;
            line->verdict.valid = !before->verdict.correct;
            break;
        default:
            line->verdict.kind = TJ_LINE_OTHER;
            break;
        }
        s->walk.correct = w[0] == 'r' && line->verdict.valid && clean;
    }
    s->walk.lines = s->lines;
}

static tj_process counts(const char *words)
{
    script s;
    write_script(&s, words);
    tj_process p;
    assert_int_equal(tj_eval_process(&p, &s.walk, &s.first, 10, false, NULL), TJ_OK);
    return p;
}

static void straight_success_has_nothing_wrong(void **state)
{
    (void)state;
    tj_process p = counts("s1:B+ s2:C+ s3:D* r");
    assert_int_equal(p.n_correct, 1);
    assert_int_equal(p.n_attempts, 1);
    assert_int_equal(p.n_wrong, 0);
    assert_int_equal(p.n_claims, 1);
    assert_int_equal(p.n_false_claims, 0);
    assert_int_equal(p.tried[0], 1);
    assert_int_equal(p.succeeded[0], 1);
    assert_int_equal(p.tried[1], 0);
    assert_int_equal(p.n_tokens, 10);
}

static void noticed_and_recovered(void **state)
{
    (void)state;
    tj_process p = counts("s1:B- s2:C! o f bA s3:D+ s4:E* r");
    assert_int_equal(p.n_wrong_end, 1);
    assert_int_equal(p.n_noticed, 1);
    assert_int_equal(p.n_missed, 0);
    assert_int_equal(p.n_recovered, 1);
    assert_int_equal(p.n_backtracks, 1);
    assert_int_equal(p.n_backtracks_needless, 0);
    assert_int_equal(p.n_denials, 1);
    assert_int_equal(p.n_false_denials, 0);
    assert_int_equal(p.succeeded[0], 0);
    assert_int_equal(p.tried[1], 1);
    assert_int_equal(p.succeeded[1], 1);
}

static void back_alone_notices_too(void **state)
{
    (void)state;
    tj_process p = counts("s1:B- s2:C! bB s3:D! f");
    assert_int_equal(p.n_wrong, 2);
    assert_int_equal(p.n_noticed, 2);
    assert_int_equal(p.n_recovered, 0);
    assert_int_equal(p.n_answers_wrong, 1);
}

static void wrong_end_called_success_is_a_false_claim_and_missed(void **state)
{
    (void)state;
    tj_process p = counts("s1:B- s2:C! r");
    assert_int_equal(p.n_missed_claimed, 1);
    assert_int_equal(p.n_false_claims, 1);
    assert_int_equal(p.n_noticed, 0);
}

static void forged_arithmetic_is_an_invalid_step_missed_by_its_claim(void **state)
{
    (void)state;
    tj_process p = counts("s1:B+ s2:Cx r");
    assert_int_equal(p.n_wrong_invalid, 1);
    assert_int_equal(p.n_missed_claimed, 1);
    assert_int_equal(p.n_false_claims, 1);
}

static void going_on_after_an_invalid_step_is_missed_even_if_noticed_late(void **state)
{
    (void)state;
    tj_process p = counts("s1:Bx s2:C+ s3:Dx f bA s4:B+");
    assert_int_equal(p.n_wrong, 1); /* at most one an attempt */
    assert_int_equal(p.n_missed_went_on, 1);
    assert_int_equal(p.n_noticed_late, 1); /* once, though FAILED and BACK both follow */
    assert_int_equal(p.n_noticed, 0);
}

static void stopping_at_a_wrong_end_is_missed(void **state)
{
    (void)state;
    assert_int_equal(counts("s1:B- s2:C!").n_missed_stopped, 1);
    assert_int_equal(counts("s1:B- s2:C! o").n_missed_stopped, 1);
    assert_int_equal(counts("s1:B-").n_wrong, 0); /* dead but not at an end: nothing said yet */
}

static void backtrack_from_a_solvable_state_is_needless(void **state)
{
    (void)state;
    assert_int_equal(counts("s1:B+ bA s2:C+").n_backtracks_needless, 1);
    assert_int_equal(counts("bA s2:C+").n_backtracks_needless, 1);
    assert_int_equal(counts("s1:B+ s2:C* bA").n_backtracks_needless, 1);
    assert_int_equal(counts("s1:B+ s2:C* r bA").n_backtracks_needless, 1);
    /* After an invalid step going back is right, though the state before it is still solvable. */
    assert_int_equal(counts("s1:B+ s2:Cx bA").n_backtracks_needless, 0);
}

static void leaving_a_dead_branch_before_its_end_is_early_not_needless(void **state)
{
    (void)state;
    tj_process p = counts("s1:B- bA s2:C+");
    assert_int_equal(p.n_backtracks_early, 1);
    assert_int_equal(p.n_backtracks_needless, 0);
    assert_int_equal(p.n_wrong, 0);
}

static void back_to_an_unvisited_state_is_bad(void **state)
{
    (void)state;
    tj_process p = counts("s1:B- s2:C! b? s2:C!");
    assert_int_equal(p.n_backtracks_bad, 1);
    assert_int_equal(p.n_repeated, 0); /* from an unknown place nothing can be compared */
}

static void repeated_branch_has_the_same_steps_from_the_start(void **state)
{
    (void)state;
    assert_int_equal(counts("s1:B- s2:C! bA s1:B- s2:C!").n_repeated, 1);
    assert_int_equal(counts("s1:B- s2:C! bB s2:C!").n_repeated, 1);
    assert_int_equal(counts("s1:B- s2:C! bB s2:C! bA s1:B- s2:C!").n_repeated, 2);
    assert_int_equal(counts("s1:B- s2:C! bB s3:D!").n_repeated, 0);
    assert_int_equal(counts("s1:B- s2:C! bA s2:D- s1:C!").n_repeated, 0); /* another order */
    assert_int_equal(counts("s1:B- s2:C! bA s1:B- bB s2:C!").n_repeated, 1);
    assert_int_equal(counts("s:B- s:C! bA s:B- s:C!").n_repeated, 0); /* unreadable steps */
}

static void same_state_by_two_ways_goes_back_along_the_present_one(void **state)
{
    (void)state;
    /* C is reached as 1,2 and as 2,1; the third attempt goes on from the second way. */
    tj_process p = counts("s1:B- s2:C- s3:D! bA s2:E- s1:C- s4:F! bC s3:D! bC s4:F!");
    assert_int_equal(p.n_attempts, 4);
    assert_int_equal(p.n_repeated, 1); /* the fourth repeats the second */
}

static void late_attempts_share_the_last_place(void **state)
{
    (void)state;
    tj_process p = counts("s1:B! bA s2:C! bA s3:D! bA s4:E! bA s5:F! bA s6:G! bA s7:H! bA s8:I! "
                          "bA s9:J! bA sa:K* r");
    assert_int_equal(p.n_attempts, 10);
    assert_int_equal(p.tried[TJ_EVAL_MAX_ATTEMPTS - 1], 3);
    assert_int_equal(p.succeeded[TJ_EVAL_MAX_ATTEMPTS - 1], 1);
    assert_int_equal(p.n_noticed, 9);
}

static void empty_answers_are_counted(void **state)
{
    (void)state;
    tj_process p = counts("");
    assert_int_equal(p.n_answers, 1);
    assert_int_equal(p.n_attempts, 0);
    assert_int_equal(counts("o o").n_attempts, 0);
    assert_int_equal(counts("r").n_false_claims, 1);
    assert_int_equal(counts("bA bA s1:B+").n_attempts, 1);
}

static void false_denial_at_the_goal(void **state)
{
    (void)state;
    tj_process p = counts("s1:B* f bA s2:C+");
    assert_int_equal(p.n_false_denials, 1);
    assert_int_equal(p.n_backtracks_needless, 1);
}

static void claims_is_the_last_verdict_line(void **state)
{
    (void)state;
    const struct {
        const char *words;
        bool claims;
    } rows[] = {{"s1:B! r", true},     {"s1:B! f", false}, {"s1:B* r o", true},
                {"s1:B* r bA", false}, {"s1:B+", false},   {"", false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        script s;
        write_script(&s, rows[i].words);
        assert_int_equal(tj_eval_claims(&s.walk), rows[i].claims);
    }
}

/* A random script: mostly legal words over a handful of states and keys. */
static void random_words(char *out, size_t size, tj_rng *rng)
{
    size_t n = 0;
    size_t n_lines = (size_t)tj_rng_below(rng, 24);
    out[0] = '\0';
    for (size_t i = 0; i < n_lines && n + 8 < size; i++) {
        uint64_t kind = tj_rng_below(rng, 10);
        char name = (char)('A' + (int)tj_rng_below(rng, 5));
        if (kind < 6) {
            char key = (char)('1' + (int)tj_rng_below(rng, 3));
            char mark = "+-!*x"[tj_rng_below(rng, 5)];
            n += (size_t)snprintf(out + n, size - n, "s%c:%c%c ", key, name, mark);
        } else if (kind == 6) {
            n += (size_t)snprintf(out + n, size - n, "b%c ", name);
        } else {
            n += (size_t)snprintf(out + n, size - n, "%c ", "rfo"[kind - 7]);
        }
    }
}

/* The same counts the slow way, from the words alone: split at 'b', look at what follows. */
static void count_again(const char *words, size_t *n_wrong, size_t *n_noticed, size_t *n_claimed)
{
    bool wrong = false;
    bool answered = false;
    for (const char *w = words; *w != '\0'; w += strcspn(w, " ") + 1) {
        char kind = w[0];
        if (wrong && !answered && kind != 'o') {
            answered = true;
            *n_noticed += kind == 'f' || kind == 'b';
            *n_claimed += kind == 'r';
        }
        if (kind == 'b') {
            wrong = answered = false;
        }
        if (kind == 's' && !wrong && (w[4] == 'x' || w[4] == '!')) {
            wrong = true;
            (*n_wrong)++;
        }
    }
}

static void random_walks_keep_the_sums(void **state)
{
    (void)state;
    tj_process_table table = {0};
    tj_process sum = {0};
    for (uint64_t trial = 0; trial < 20000; trial++) {
        tj_rng rng;
        tj_rng_init(&rng, 77, trial, 0, 0);
        char words[512];
        random_words(words, sizeof words, &rng);
        tj_process p = counts(words);
        size_t n_wrong = 0;
        size_t n_noticed = 0;
        size_t n_claimed = 0;
        count_again(words, &n_wrong, &n_noticed, &n_claimed);
        if (p.n_wrong != n_wrong || p.n_noticed != n_noticed || p.n_missed_claimed != n_claimed ||
            p.n_wrong != p.n_noticed + p.n_missed || p.n_noticed_late > p.n_missed_went_on ||
            p.n_backtracks_needless + p.n_backtracks_early > p.n_backtracks ||
            p.n_attempts > p.n_backtracks + 1 || p.n_repeated > p.n_attempts) {
            fail_msg("trial %llu: %s", (unsigned long long)trial, words);
        }
        size_t tried = 0;
        for (size_t k = 0; k < TJ_EVAL_MAX_ATTEMPTS; k++) {
            tried += p.tried[k];
            assert_true(p.succeeded[k] <= p.tried[k]);
        }
        assert_int_equal(tried, p.n_attempts);
        tj_process_add(&sum, &p);
        tj_process_table_add(&table, &p, (size_t)trial % 40);
    }
    assert_memory_equal(&sum, &table.all, sizeof sum);
    assert_int_equal(table.n_strata, TJ_EVAL_MAX_STRATA);
    tj_process strata = {0};
    for (size_t d = 0; d < table.n_strata; d++) {
        tj_process_add(&strata, &table.strata[d]);
    }
    assert_memory_equal(&sum, &strata, sizeof sum);
}

static void failed_allocation_is_reported(void **state)
{
    (void)state;
    script s;
    write_script(&s, "s1:B+ s2:C* r");
    tj_process p;
    tj_alloc_fail_after(0);
    tj_code rc = tj_eval_process(&p, &s.walk, &s.first, 1, false, NULL);
    tj_alloc_fail_after(SIZE_MAX);
    assert_int_equal(rc, TJ_E_NOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(straight_success_has_nothing_wrong),
        cmocka_unit_test(noticed_and_recovered),
        cmocka_unit_test(back_alone_notices_too),
        cmocka_unit_test(wrong_end_called_success_is_a_false_claim_and_missed),
        cmocka_unit_test(forged_arithmetic_is_an_invalid_step_missed_by_its_claim),
        cmocka_unit_test(going_on_after_an_invalid_step_is_missed_even_if_noticed_late),
        cmocka_unit_test(stopping_at_a_wrong_end_is_missed),
        cmocka_unit_test(backtrack_from_a_solvable_state_is_needless),
        cmocka_unit_test(leaving_a_dead_branch_before_its_end_is_early_not_needless),
        cmocka_unit_test(back_to_an_unvisited_state_is_bad),
        cmocka_unit_test(repeated_branch_has_the_same_steps_from_the_start),
        cmocka_unit_test(same_state_by_two_ways_goes_back_along_the_present_one),
        cmocka_unit_test(late_attempts_share_the_last_place),
        cmocka_unit_test(empty_answers_are_counted),
        cmocka_unit_test(false_denial_at_the_goal),
        cmocka_unit_test(claims_is_the_last_verdict_line),
        cmocka_unit_test(random_walks_keep_the_sums),
        cmocka_unit_test(failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
