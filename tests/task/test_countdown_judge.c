/* Verdicts of single lines: what each kind is and why it is wrong, in the words that users see; and
 * that every written step is judged valid and every changed byte of it gets a verdict that keeps
 * the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

static const tj_countdown_state start = {
    .numbers = {3, 6, 7, 11}, .n_numbers = 4, .target = 36, .n_given = 4};
static const tj_countdown_state middle = {
    .numbers = {3, 4, 6}, .n_numbers = 3, .target = 36, .n_given = 4};
static const tj_countdown_state twins = {
    .numbers = {0, 3, 3}, .n_numbers = 3, .target = 36, .n_given = 4};
static const tj_countdown_state reached = {
    .numbers = {36}, .n_numbers = 1, .target = 36, .n_given = 4};
static const tj_countdown_state missed = {
    .numbers = {18}, .n_numbers = 1, .target = 36, .n_given = 4};

static tj_line_verdict judge(const tj_countdown_state *state, const char *line,
                             tj_countdown_state *after)
{
    tj_line_verdict verdict;
    /* A copy without a zero, so that reading past the end is seen. */
    size_t len = strlen(line);
    char *copy = tj_malloc(len);
    assert_non_null(copy);
    memcpy(copy, line, len);
    tj_countdown_judge_line(&cfg, state, copy, len, &verdict, after);
    tj_free(copy);
    return verdict;
}

static void a_valid_step_leads_on(void **state)
{
    (void)state;
    tj_countdown_state s = start;
    tj_line_verdict v = judge(&s, "1. 11 - 7 = 4 left 3 4 6", &s); /* aliased */
    assert_int_equal(v.kind, TJ_LINE_STEP);
    assert_true(v.valid);
    assert_string_equal(v.key, "11-7=4");
    assert_string_equal(v.reason, "");
    assert_true(v.solvable); /* (6 + 3) * 4 */
    assert_memory_equal(&s, &middle, sizeof s);
    v = judge(&s, "2. 3 * 4 = 12 left 6 12", &s); /* operands in either order, the key in one */
    assert_true(v.valid);
    assert_string_equal(v.key, "4*3=12");
    assert_false(v.terminal);
    v = judge(&s, "3. 12 * 6 = 72 left 72", &s);
    assert_true(v.valid && v.terminal);
    assert_false(v.correct || v.solvable);
}

static void zero_and_equal_numbers_follow_the_rules(void **state)
{
    (void)state;
    tj_countdown_state s;
    assert_true(judge(&twins, "2. 3 - 3 = 0 left 0 0", &s).valid);
    assert_true(judge(&twins, "2. 3 / 3 = 1 left 0 1", &s).valid);
    assert_true(judge(&twins, "2. 0 / 3 = 0 left 0 3", &s).valid);
    assert_true(judge(&twins, "2. 3 - 0 = 3 left 3 3", &s).valid);
}

static void wrong_steps_say_why(void **state)
{
    (void)state;
    static const struct {
        const tj_countdown_state *state;
        const char *line, *key, *reason;
    } cases[] = {
        {&start, "1. 11 - 7 = 5 left 3 5 6", "11-7=5", "11 - 7 is 4, not 5"},
        {&middle, "2. 9 - 3 = 6 left 4 6", "9-3=6", "9 is not among 3 4 6"},
        {&middle, "2. 6 - 5 = 1 left 1 3", "6-5=1", "5 is not among 3 4 6"},
        {&middle, "2. 3 + 3 = 6 left 4 6", "3+3=6", "there is only one 3 among 3 4 6"},
        {&start, "1. 7 / 3 = 2 left 2 6 11", "7/3=2", "7 / 3 is not exact"},
        {&twins, "2. 3 / 0 = 0 left 0 3", "3/0=0", "3 / 0 is a division by 0"},
        {&start, "1. 7 - 11 = 4 left 3 4 6", "7-11=4", "7 - 11 is below 0"},
        {&start, "1. 11 - 7 = 4 left 4 6", "11-7=4", "the numbers left should be 3 4 6"},
        {&start, "1. 11 - 7 = 4 left 3 6 4", "11-7=4", "the numbers left should be 3 4 6"},
        {&start, "1. 11 - 7 = 4 left 3 4 6 7", "11-7=4", "the numbers left should be 3 4 6"},
        {&start, "2. 11 - 7 = 4 left 3 4 6", "11-7=4", "this should be step 1, not 2"},
        {&reached, "4. 36 - 1 = 35 left 35", "36-1=35", "only 36 is left"},
        {&start, "1. 11 - 7 = 4", "11-7=4", "the numbers left cannot be read"},
        {&start, "1. 11 - 7 = 4 left", "11-7=4", "the numbers left cannot be read"},
        {&start, "1. 11 - 7 = 4 left 3 4 6 ", "11-7=4", "the numbers left cannot be read"},
        {&start, "1. 11 - 7 = 4 left 3 4 6\r", "11-7=4", "the numbers left cannot be read"},
        {&start, "1. 11 - 7 = 4 left 1 2 3 4 5 6 7", "11-7=4", "the numbers left cannot be read"},
        {&start, "1. 11 - 7", "", "not of the form '1. 11 - 7 = 4 left 3 4 6'"},
        {&start, "1. 11 -7 = 4 left 3 4 6", "", "not of the form '1. 11 - 7 = 4 left 3 4 6'"},
        {&start, "1. 011 - 7 = 4 left 3 4 6", "", "not of the form '1. 11 - 7 = 4 left 3 4 6'"},
        {&start, "1. 11 % 7 = 4 left 3 4 6", "", "not of the form '1. 11 - 7 = 4 left 3 4 6'"},
        {&start, "1. ", "", "not of the form '1. 11 - 7 = 4 left 3 4 6'"},
        {&start, "1. 9999999999 - 7 = 4 left 3", "", "not of the form '1. 11 - 7 = 4 left 3 4 6'"},
        {&start, "99999999999. 11 - 7 = 4 left 3 4 6", "",
         "not of the form '1. 11 - 7 = 4 left 3 4 6'"},
        {&start, "1. 999999999 * 999999999 = 1 left 1", "999999999*999999999=1",
         "999999999 is not among 3 6 7 11"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_countdown_state after;
        tj_line_verdict v = judge(cases[i].state, cases[i].line, &after);
        assert_int_equal(v.kind, TJ_LINE_STEP);
        assert_false(v.valid || v.correct);
        assert_string_equal(v.reason, cases[i].reason);
        assert_string_equal(v.key, cases[i].key);
        assert_memory_equal(&after, cases[i].state, sizeof after);
    }
}

static void results_above_the_bound_are_wrong(void **state)
{
    (void)state;
    const tj_countdown_state s = {.numbers = {11, 12}, .n_numbers = 2, .target = 1, .n_given = 2};
    tj_countdown_state after;
    tj_line_verdict v = judge(&s, "1. 12 * 11 = 132 left 132", &after);
    assert_false(v.valid);
    assert_string_equal(v.reason, "132 is more than 100");
    assert_true(v.solvable); /* from the state it stays in: 12 - 11 */
}

static void claims_are_judged_by_the_state(void **state)
{
    (void)state;
    static const struct {
        const tj_countdown_state *state;
        const char *line;
        tj_line_kind kind;
        const char *reason; /* NULL: valid */
    } cases[] = {
        {&reached, "Reached 36.", TJ_LINE_REACHED, NULL},
        {&missed, "Reached 36.", TJ_LINE_REACHED, "18 is left, not 36"},
        {&missed, "Reached 18.", TJ_LINE_REACHED, "the target is 36, not 18"},
        {&middle, "Reached 36.", TJ_LINE_REACHED, "3 4 6 are left, not 36"},
        {&reached, "Reached 36", TJ_LINE_REACHED, "not of the form 'Reached 36.'"},
        {&reached, "Reached 36!", TJ_LINE_REACHED, "not of the form 'Reached 36.'"},
        {&missed, "18 is not 36.", TJ_LINE_FAILED, NULL},
        {&reached, "36 is not 36.", TJ_LINE_FAILED, "36 is the target"},
        {&missed, "17 is not 36.", TJ_LINE_FAILED, "18 is left, not 17"},
        {&missed, "18 is not 35.", TJ_LINE_FAILED, "the target is 36, not 35"},
        {&middle, "18 is not 36.", TJ_LINE_FAILED, "3 4 6 are left, not 18"},
        {&missed, "18 is not good.", TJ_LINE_FAILED, "not of the form '18 is not 36.'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_countdown_state after;
        tj_line_verdict v = judge(cases[i].state, cases[i].line, &after);
        assert_int_equal(v.kind, cases[i].kind);
        assert_int_equal(v.valid, cases[i].reason == NULL);
        assert_string_equal(v.reason, cases[i].reason == NULL ? "" : cases[i].reason);
        assert_memory_equal(&after, cases[i].state, sizeof after);
        assert_int_equal(v.terminal, cases[i].state->n_numbers == 1);
        assert_int_equal(v.correct, cases[i].state == &reached);
    }
}

static void going_back_is_found_anywhere_in_a_line(void **state)
{
    (void)state;
    static const char *const good[] = {
        "Back to 3 4 6, make 36.",         "Let me go back to 3 4 6, make 36.",
        "OK, BACK TO 6 3 4, Make 36 then", "I went back to sleep; back to 3 4 6, make 36",
        "Back to back to 3 4 6, make 36.",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        tj_countdown_state after;
        tj_line_verdict v = judge(&missed, good[i], &after);
        assert_int_equal(v.kind, TJ_LINE_BACK);
        assert_true(v.valid);
        assert_false(v.terminal || v.correct);
        assert_memory_equal(&after, &middle, sizeof after);
        assert_int_equal(v.solvable, tj_countdown_solvable(&cfg, &middle));
    }
}

static void going_back_needs_a_state_of_the_problem(void **state)
{
    (void)state;
    static const struct {
        const char *line, *reason;
    } wrong[] = {
        {"Back to 3 4 6, make 35.", "the target is 36, not 35"},
        {"Back to 1 2 3 4 5, make 36.", "the problem has only 4 numbers"},
        {"Back to 3 4 600, make 36.", "600 is more than 100"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        tj_countdown_state after;
        tj_line_verdict v = judge(&missed, wrong[i].line, &after);
        assert_int_equal(v.kind, TJ_LINE_BACK);
        assert_false(v.valid);
        assert_string_equal(v.reason, wrong[i].reason);
        assert_memory_equal(&after, &missed, sizeof after);
    }
}

static void other_lines_are_only_words(void **state)
{
    (void)state;
    static const char *const words[] = {
        "",
        "Hmm, that went wrong.",
        "Back to the start.",
        "Back to 3 4 6.",
        "Back to 3 4 6 make 36.",
        "Feedback to 3 4 6, make 36.",
        "Back to  3 4 6, make 36.",
        "Reached the end.",
        "36",
        "1.5 is a fraction",
        "x 1. 11 - 7 = 4 left 3 4 6",
        "\xff\xfe\x80 back to 1, make",
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        tj_countdown_state after;
        tj_line_verdict v = judge(&middle, words[i], &after);
        assert_int_equal(v.kind, TJ_LINE_OTHER);
        assert_true(v.valid);
        assert_memory_equal(&after, &middle, sizeof after);
    }
}

/* Any verdict, of any bytes, keeps these. */
static void check_rules(const tj_countdown_state *before, const tj_line_verdict *v,
                        const tj_countdown_state *after)
{
    assert_in_range(after->n_numbers, 1, 4);
    assert_int_equal(after->target, before->target);
    assert_int_equal(after->n_given, before->n_given);
    assert_int_equal(v->terminal, after->n_numbers == 1);
    assert_int_equal(v->valid, v->reason[0] == '\0');
    assert_int_equal(v->solvable, tj_countdown_solvable(&cfg, after));
    bool moves = v->valid && (v->kind == TJ_LINE_STEP || v->kind == TJ_LINE_BACK);
    assert_true(moves || memcmp(before, after, sizeof *after) == 0);
    assert_true(v->kind != TJ_LINE_STEP || !v->valid || after->n_numbers + 1 == before->n_numbers);
    assert_non_null(memchr(v->key, '\0', sizeof v->key));
    assert_non_null(memchr(v->reason, '\0', sizeof v->reason));
}

static void written_steps_are_valid_and_changed_ones_judged(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 41, 0, 0, 0);
    for (size_t trial = 0; trial < 3000; trial++) {
        tj_countdown_state s = start, after;
        tj_countdown_step step;
        tj_buf line;
        tj_buf_init(&line);
        for (size_t number = 1; tj_countdown_random_step(&cfg, &s, &step, &rng); number++) {
            after = s;
            tj_countdown_apply(&after, &step);
            tj_buf_clear(&line);
            tj_countdown_write_step(&line, number, &step, &after);
            tj_line_verdict v;
            tj_countdown_state got;
            tj_countdown_judge_line(&cfg, &s, line.data, line.len - 1, &v, &got);
            assert_true(v.kind == TJ_LINE_STEP && v.valid);
            assert_memory_equal(&got, &after, sizeof got);
            static const char bytes[] = "0123456789 .+-*/=left\xff\n";
            line.data[tj_rng_below(&rng, line.len)] = bytes[tj_rng_below(&rng, sizeof bytes)];
            tj_countdown_judge_line(&cfg, &s, line.data, line.len - 1, &v, &got);
            check_rules(&s, &v, &got);
            s = after;
        }
        tj_buf_deinit(&line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_valid_step_leads_on),
        cmocka_unit_test(zero_and_equal_numbers_follow_the_rules),
        cmocka_unit_test(wrong_steps_say_why),
        cmocka_unit_test(results_above_the_bound_are_wrong),
        cmocka_unit_test(claims_are_judged_by_the_state),
        cmocka_unit_test(going_back_is_found_anywhere_in_a_line),
        cmocka_unit_test(going_back_needs_a_state_of_the_problem),
        cmocka_unit_test(other_lines_are_only_words),
        cmocka_unit_test(written_steps_are_valid_and_changed_ones_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
