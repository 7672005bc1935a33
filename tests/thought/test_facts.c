/* What happened in a thought, counted by hand; the words, lines and numbers it is made of; loops.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "thought/thought.h"
#include "thought/words.h"

typedef struct piece {
    tj_action action;
    size_t node;
    tj_mark mark;
    double value;
    const char *text;
} piece;

static tj_thought make(const piece *pieces, size_t n)
{
    tj_scribe s;
    tj_thought t = {.problem = 1};
    tj_scribe_init(&s, NULL);
    for (size_t i = 0; i < n; i++) {
        const piece *p = &pieces[i];
        tj_span span = {.action = p->action, .node = p->node, .mark = p->mark};
        span.has_value = tj_is_step(&span) && !isnan(p->value);
        span.value = p->value;
        assert_int_equal(tj_scribe_add(&s, &span, p->text, strlen(p->text), NULL), TJ_OK);
    }
    assert_int_equal(tj_scribe_end(&s, &t, -1, NULL), TJ_OK);
    return t;
}

static const piece journey[] = {{TJ_PROPOSE, 1, TJ_MARK_RIGHT, 0.5, "first step here\n"},
                                {TJ_CONTINUE, 2, TJ_MARK_INVALID, 0.0, "a wrong step\n"},
                                {TJ_CONTINUE, 3, TJ_MARK_DEAD, 0.0, "and going on\n"},
                                {TJ_REFLECT, 3, TJ_MARK_NONE, 0, "hmm no\n"},
                                {TJ_BACKTRACK, 1, TJ_MARK_NONE, 0, "let us go back\n"},
                                {TJ_BACKTRACK, 1, TJ_MARK_NONE, 0, "to the first\n"},
                                {TJ_PROPOSE, 4, TJ_MARK_RIGHT, 0.75, "a better one\n"},
                                {TJ_BACKTRACK, 0, TJ_MARK_NONE, 0, "from the start again\n"},
                                {TJ_PROPOSE, 5, TJ_MARK_RIGHT, 1.0, "first step here\n"},
                                {TJ_CONCLUDE, 5, TJ_MARK_NONE, 0, "the answer\n"}};
#define N_JOURNEY (sizeof journey / sizeof journey[0])

static void a_journey_is_counted(void **state)
{
    (void)state;
    tj_thought t = make(journey, N_JOURNEY);
    tj_facts f;
    assert_int_equal(tj_facts_of(&f, &t, NULL), TJ_OK);
    assert_int_equal(f.n_lines, 10);
    assert_int_equal(f.n_steps, 5);
    assert_int_equal(f.n_marked, 5);
    assert_int_equal(f.spans[TJ_PROPOSE], 3);
    assert_int_equal(f.n_attempts, 3);
    assert_int_equal(f.n_backtracks, 2);
    assert_int_equal(f.n_justified, 1);
    assert_int_equal(f.n_needless, 1);
    assert_int_equal(f.n_unjudged, 0);
    assert_int_equal(f.n_wrong, 1);
    assert_int_equal(f.n_noticed, 1);
    assert_int_equal(f.lag_steps, 1);
    assert_int_equal(f.lag_words, 3);
    assert_int_equal(f.n_unexplained, 0);
    assert_int_equal(f.n_repeated_lines, 1);
    assert_int_equal(f.n_repeated_attempts, 0);
    tj_thought_deinit(&t);
}

/* After 1 (0.5) on to 2: the start is worth 1, regret 0.5. After 2 (0) on to 3: 1. After 3 back to
 * 1 (0.5): 0.5. After 4 (0.75) back to the start (1): none. After 5 nothing follows. */
static void choices_are_regretted_by_the_best_that_was_at_hand(void **state)
{
    (void)state;
    tj_thought t = make(journey, N_JOURNEY);
    tj_facts f;
    assert_int_equal(tj_facts_of(&f, &t, NULL), TJ_OK);
    assert_int_equal(f.n_choices, 4);
    assert_int_equal(f.n_continued, 2);
    assert_int_equal(f.n_left, 2);
    assert_int_equal(f.n_regretted, 3);
    assert_true(fabs(f.regret_continued - 1.5) < 1e-12);
    assert_true(fabs(f.regret_left - 0.5) < 1e-12);
    assert_true(fabs(f.regret - 2.0) < 1e-12);
    tj_thought_deinit(&t);
}

static void without_marks_nothing_is_judged(void **state)
{
    (void)state;
    static const piece pieces[] = {
        {TJ_PROPOSE, TJ_SPAN_NO_NODE, TJ_MARK_NONE, (double)NAN, "one\n"},
        {TJ_PROPOSE, TJ_SPAN_NO_NODE, TJ_MARK_NONE, (double)NAN, "two\n"},
        {TJ_BACKTRACK, TJ_SPAN_NO_NODE, TJ_MARK_NONE, (double)NAN, "back\n"},
        {TJ_PROPOSE, TJ_SPAN_NO_NODE, TJ_MARK_NONE, (double)NAN, "one\n"},
        {TJ_CONTINUE, TJ_SPAN_NO_NODE, TJ_MARK_NONE, (double)NAN, "two\n"}};
    tj_thought t = make(pieces, 5);
    tj_facts f;
    assert_int_equal(tj_facts_of(&f, &t, NULL), TJ_OK);
    assert_int_equal(f.n_unjudged, 1);
    assert_int_equal(f.n_justified + f.n_needless, 0);
    assert_int_equal(f.n_choices, 0);
    assert_int_equal(f.n_unexplained, 1);
    assert_int_equal(f.n_repeated_attempts, 1);
    tj_thought_deinit(&t);
}

static void words_lines_and_numbers_are_found(void **state)
{
    (void)state;
    static const char text[] =
        "It's caf\xc3\xa9 3.50, \xe6\x84\x9b\xe5\xad\x90\xe3\x81\xa8.\n\n  x1  \n";
    static const char numbers[] = "1,234.500 and 007, 1,2 \xef\xbc\x94\xef\xbc\x92. 0.0";
    static const char *const want[] = {"1234.5", "7", "1", "2", "42", "0"};
    tj_number_at n;
    size_t at = 0;
    assert_int_equal(tj_count_words(text, strlen(text)), 8);
    tj_line line;
    assert_true(tj_next_line(text, strlen(text), &at, &line));
    assert_true(tj_next_line(text, strlen(text), &at, &line));
    assert_memory_equal(text + line.begin, "x1", 2);
    assert_false(tj_next_line(text, strlen(text), &at, &line));
    at = 0;
    for (size_t i = 0; i < 6; i++) {
        assert_true(tj_next_number(numbers, strlen(numbers), &at, &n));
        assert_string_equal(n.text, want[i]);
    }
    assert_false(tj_next_number(numbers, strlen(numbers), &at, &n));
    assert_int_equal(tj_count_phrase("Wait, await. WAIT", 17, "wait"), 2);
    assert_string_equal(tj_guess_language("1 + 1 is two", 12), "en");
    assert_string_equal(tj_guess_language("\xe5\x88\xa5\xe3\x81\xae\xe9\x81\x93", 9), "ja");
    assert_string_equal(tj_guess_language("\xe4\xb8\x8d\xe5\xaf\xb9", 6), "zh");
}

static void loops_are_found_with_their_block(void **state)
{
    (void)state;
    static const char text[] = "so then a b c. a b c. A b c. a b c and on";
    tj_loop loop;
    assert_int_equal(tj_find_loop(&loop, text, strlen(text), NULL), TJ_OK);
    assert_int_equal(loop.n_times, 4);
    assert_int_equal(loop.n_words, 12);
    assert_memory_equal(text + loop.begin, "a b c", loop.end - loop.begin);
    assert_int_equal(tj_find_loop(&loop, "all words differ here", 21, NULL), TJ_OK);
    assert_int_equal(loop.n_times, 1);
    assert_int_equal(tj_find_loop(&loop, "", 0, NULL), TJ_OK);
    assert_int_equal(loop.n_times, 1);
}

static void answers_are_found_and_compared(void **state)
{
    (void)state;
    static const char *const texts[][2] = {{"so \\boxed{\\frac{3}{4}} it is", "\\frac{3}{4}"},
                                           {"1 + 1\n#### 1,234\n", "1,234"},
                                           {"The answer is 42.\n", "42"},
                                           {"<Output>\nyes\n</Output>", "yes"},
                                           {"we get 5 and then 7 apples", "7"},
                                           {"x\nReached 36.\n", "36"}};
    static const struct {
        const char *a, *b;
        tj_known same;
    } pairs[] = {{"1/2", "0.50", TJ_YES},   {"\\frac{3}{4}", "0.75", TJ_YES},
                 {"1,234", "1234", TJ_YES}, {"-3", "3", TJ_NO},
                 {"$5$", "5", TJ_YES},      {"Yes", "yes.", TJ_YES},
                 {"x + 1", "x+1", TJ_YES},  {"x", "y", TJ_UNKNOWN},
                 {"1/3", "0.333", TJ_NO},   {"5 apples", "5", TJ_UNKNOWN}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        tj_final_answer answer;
        tj_answer_find(&answer, texts[i][0], strlen(texts[i][0]));
        assert_non_null(answer.rule);
        assert_int_equal(answer.end - answer.begin, strlen(texts[i][1]));
        assert_memory_equal(texts[i][0] + answer.begin, texts[i][1], strlen(texts[i][1]));
    }
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_int_equal(
            tj_answer_same(pairs[i].a, strlen(pairs[i].a), pairs[i].b, strlen(pairs[i].b)),
            pairs[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_journey_is_counted),
        cmocka_unit_test(choices_are_regretted_by_the_best_that_was_at_hand),
        cmocka_unit_test(without_marks_nothing_is_judged),
        cmocka_unit_test(words_lines_and_numbers_are_found),
        cmocka_unit_test(loops_are_found_with_their_block),
        cmocka_unit_test(answers_are_found_and_compared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
