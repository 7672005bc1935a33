/* Solutions as numbered steps: where sentences end and where they must not, what of a record
 * becomes the steps, and why records are left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "task/mathprose.h"
#include "task/task.h"

static tj_str str(const char *s)
{
    return (tj_str){s, strlen(s)};
}

/* ------------------------------------------------------------------ sentences */

/* The sentences of a text with " | " between them, "<open>" where one does not end. */
static void assert_sentences(const char *text, const char *want)
{
    tj_buf got;
    tj_str sentence;
    size_t at = 0;
    tj_prose found;
    tj_buf_init(&got);
    while ((found = tj_prose_next(&sentence, str(text), &at)) == TJ_PROSE_SENTENCE) {
        tj_buf_str(&got, got.len > 0 ? " | " : "");
        tj_prose_line(&got, sentence);
    }
    tj_buf_str(&got, found == TJ_PROSE_OPEN ? "<open>" : "");
    assert_string_equal(tj_buf_text(&got), want);
    tj_buf_deinit(&got);
}

static void sentences_end_with_their_marks(void **state)
{
    (void)state;
    assert_sentences("Add 2. Then 3! Why? So it is.", "Add 2. | Then 3! | Why? | So it is.");
    assert_sentences("It is 3.5 m long. $x$ is more.", "It is 3.5 m long. | $x$ is more.");
    assert_sentences("He said (so.) Then it was.", "He said (so.) | Then it was.");
    assert_sentences("one\n\ntwo\n \nthree\nfour", "one | two | three four");
    assert_sentences("  ", "");
}

static void abbreviations_and_numbers_do_not_end_one(void **state)
{
    (void)state;
    assert_sentences("Primes, e.g. Two, i.e. Even ones vs. Others.",
                     "Primes, e.g. Two, i.e. Even ones vs. Others.");
    assert_sentences("1. First this. 2. Then that.", "1. First this. | 2. Then that.");
    assert_sentences("It goes on ... and on. Fine.", "It goes on ... and on. | Fine.");
}

static void mathematics_is_never_cut(void **state)
{
    (void)state;
    assert_sentences("Let $f(x) = 1. Then$ be. Go.", "Let $f(x) = 1. Then$ be. | Go.");
    assert_sentences("Say \\(a. B\\) or \\[c. D\\\\[2pt] E. F\\] and so.",
                     "Say \\(a. B\\) or \\[c. D\\\\[2pt] E. F\\] and so.");
    assert_sentences(
        "We get \\begin{align*} a&=1.\\\\ B&=\\begin{cases} 1. & X \\end{cases} \\end{align*} "
        "as said.",
        "We get \\begin{align*} a&=1.\\\\ B&=\\begin{cases} 1. & X \\end{cases} "
        "\\end{align*} as said.");
    assert_sentences("$\\text{if $x$. Y}$ holds. \\textbf{A. B} too.",
                     "$\\text{if $x$. Y}$ holds. | \\textbf{A. B} too.");
    assert_sentences("It costs \\$3. Then \\$4.", "It costs \\$3. | Then \\$4.");
}

static void formulas_can_end_one(void **state)
{
    (void)state;
    assert_sentences("So $x=3.$ Then $y=4$. End", "So $x=3.$ | Then $y=4$. | End");
    assert_sentences("It is $$x=1$$This lies on it, as $$y=2$$ does.",
                     "It is $$x=1$$ | This lies on it, as $$y=2$$ does.");
    assert_sentences("so \\[x=1\\] where \\[y=2.\\]\nNow z.",
                     "so \\[x=1\\] where \\[y=2.\\] | Now z.");
    assert_sentences("terms $1,2,...$ Then on", "terms $1,2,...$ Then on");
    assert_sentences("have $a.$ $b$ is", "have $a.$ | $b$ is");
}

static void what_does_not_end_is_told(void **state)
{
    (void)state;
    assert_sentences("All. So $x = 3", "All.<open>");
    assert_sentences("\\begin{align*} a \\end", "<open>");
    assert_sentences("\\begin{a} \\begin{b} \\end{b}", "<open>");
    assert_sentences("{ never", "<open>");
    assert_sentences("\\[ x", "<open>");
    assert_sentences("a } b. \\", "a } b. | \\");
}

static void assert_unboxed(const char *text, const char *want)
{
    tj_buf got;
    tj_buf_init(&got);
    tj_prose_unboxed(&got, str(text));
    assert_string_equal(tj_buf_text(&got), want);
    tj_buf_deinit(&got);
}

static void boxes_are_opened(void **state)
{
    (void)state;
    assert_unboxed("so $b=\\boxed{8}$.", "so $b=8$.");
    assert_unboxed("$x\\le\\boxed{y}$ and $2^\\boxed{10}$", "$x\\le y$ and $2^{10}$");
    assert_unboxed("It is \\boxed{\\frac{1}{2}}.", "It is $\\frac{1}{2}$.");
    assert_unboxed("It is \\fbox{$3$}, $\\boxed 5$", "It is $3$, $5$");
    assert_unboxed("\\$2 is \\boxed{2}\n  \\$", "\\$2 is $2$ \\$");
    assert_unboxed("cut \\boxed{2", "cut \\boxed{2");
    assert_true(tj_prose_has_comment(str("a % b")));
    assert_false(tj_prose_has_comment(str("5\\% of \\\\ 3")));
}

/* ------------------------------------------------------------------ records */

static void assert_form_with(const tj_data_record *record, bool calculations, const char *want_gold,
                             const char *want)
{
    tj_buf got;
    tj_str gold;
    tj_stepform_options options = {.calculations = calculations};
    tj_buf_init(&got);
    tj_buf_str(&got, ">");
    tj_stepform_result result = tj_stepform_write(&got, &gold, record, &options);
    assert_string_equal(
        result == TJ_STEPFORM_OK ? tj_buf_text(&got) + 1 : tj_stepform_reasons[result], want);
    assert_int_equal(tj_buf_text(&got)[0], '>');
    assert_true(result == TJ_STEPFORM_OK || got.len == 1);
    assert_true(want_gold == NULL || tj_str_is(gold, want_gold));
    tj_buf_deinit(&got);
}

/* What the only record of a data set's file becomes. */
static void assert_file(const char *file, size_t number, bool calculations, const char *want)
{
    tj_dataset *set;
    const tj_data_record *record = NULL;
    assert_int_equal(tj_dataset_open(&set, file, NULL, NULL), TJ_OK);
    for (size_t i = 0; i < number; i++) {
        assert_int_equal(tj_dataset_next(set, &record, NULL), TJ_OK);
        assert_non_null(record);
    }
    assert_form_with(record, calculations, NULL, want);
    tj_dataset_close(set);
}

#define FOLDER "tests/golden/datasets/"

static void lines_of_gsm8k_are_steps(void **state)
{
    (void)state;
    assert_file(FOLDER "gsm8k.jsonl", 1, false,
                "1. The bags hold 3*4=12 shells.\n"
                "2. With 2 more she has 12+2=14 shells.\n"
                "3. The answer is \\boxed{14}.");
    assert_file(FOLDER "gsm8k.jsonl", 1, true,
                "1. The bags hold 3*4=<<3*4=12>>12 shells.\n"
                "2. With 2 more she has 12+2=<<12+2=14>>14 shells.\n"
                "3. The answer is \\boxed{14}.");
}

static void sentences_of_math_are_steps(void **state)
{
    (void)state;
    assert_file(FOLDER "math.jsonl", 1, false,
                "1. The common denominator is 6, so the sum is "
                "$\\frac{3}{6}+\\frac{2}{6}=\\frac{5}{6}$.\n"
                "2. The answer is \\boxed{\\frac{5}{6}}.");
    assert_file(FOLDER "math.jsonl", 2, false,
                "1. They are 2, 3, 5, 7 and 11: first $4$, corrected to $5$.\n"
                "2. The answer is \\boxed{5}.");
}

static void paths_of_prm800k_are_steps(void **state)
{
    (void)state;
    assert_file(FOLDER "prm800k.jsonl", 1, false,
                "1. Multiply first: 3*4=12.\n"
                "2. Then 2+12=14.\n"
                "3. So the answer is 14.\n"
                "4. The answer is \\boxed{14}.");
    assert_file(FOLDER "prm800k-critic.jsonl", 1, false, "no solution that is right to its end");
    assert_file(FOLDER "prm800k-critic.jsonl", 3, false, "no solution that is right to its end");
    tj_data_step steps[] = {{str("Add."), TJ_NO_LABEL}, {str("It is 5."), 1}};
    tj_data_solution s = {
        .role = TJ_SOLUTION_ATTEMPT, .answer = str("5"), .steps = steps, .n_steps = 2};
    tj_data_record r = {.problem = str("2+3?"),
                        .solutions = &s,
                        .n_solutions = 1,
                        .meta = str("{\"is_solution\":true}")};
    assert_form_with(&r, false, "5", "1. Add.\n2. It is 5.\n3. The answer is \\boxed{5}.");
    r.meta = str("{\"is_solution\":false}");
    assert_form_with(&r, false, NULL, "no solution that is right to its end");
}

static void paths_with_a_wrong_step_are_left_out(void **state)
{
    (void)state;
    tj_data_node nodes[] = {{.parent = SIZE_MAX},
                            {.parent = 0, .text = str("Add."), .label = -1},
                            {.parent = 1,
                             .text = str("So 5.\n\n# Answer\n\n5"),
                             .label = 1,
                             .terminal = true,
                             .correct = true}};
    tj_data_record r = {.problem = str("p"), .answer = str("5"), .nodes = nodes, .n_nodes = 3};
    assert_form_with(&r, false, NULL, "no solution that is right to its end");
    nodes[1].label = 0;
    assert_form_with(&r, false, "5", "1. Add.\n2. So 5.\n3. The answer is \\boxed{5}.");
    nodes[2].text = str("So 5.");
    assert_form_with(&r, false, NULL, "the solution does not say its answer");
}

static void assert_math(const char *solution, const char *want)
{
    tj_data_solution s = {.role = TJ_SOLUTION_REFERENCE, .text = str(solution)};
    tj_data_record r = {.problem = str("p"), .solutions = &s, .n_solutions = 1};
    assert_form_with(&r, false, NULL, want);
}

static void what_is_not_understood_is_left_out(void **state)
{
    (void)state;
    assert_math("A. [asy] draw [/asy] So \\boxed{1}.", "a figure");
    assert_math("All. % no\nSo \\boxed{1}.", "a comment of LaTeX's");
    assert_math("All $x. So \\boxed{1}.", "mathematics that does not end");
    assert_math("All. So 1.", "the solution does not say its answer");
    assert_math("The answer is $\\boxed{1}$.", "nothing stands before the answer");
    assert_form_with(&(tj_data_record){.problem = str("p")}, false, NULL,
                     "no solution that is right to its end");
}

static void the_answer_is_said_once(void **state)
{
    (void)state;
    assert_math("Add $2$. Therefore, the answer is $\\boxed{5}$.",
                "1. Add $2$.\n2. The answer is \\boxed{5}.");
    assert_math("Add $2$. The answer is $\\boxed{5}$, as $x$.",
                "1. Add $2$.\n2. The answer is $5$, as $x$.\n3. The answer is \\boxed{5}.");
}

static void assert_gsm8k(const char *step, const char *answer, const char *want)
{
    tj_data_step steps[] = {{str(step), TJ_NO_LABEL}};
    tj_data_solution s = {
        .role = TJ_SOLUTION_REFERENCE, .answer = str(answer), .steps = steps, .n_steps = 1};
    tj_data_record r = {
        .problem = str("p"), .answer = str(answer), .solutions = &s, .n_solutions = 1};
    assert_form_with(&r, false, answer, want);
}

static void gsm8k_must_arrive_at_its_answer(void **state)
{
    (void)state;
    assert_gsm8k("She has 48+18 = 64 points.", "66",
                 "the last step does not have the answer's number");
    assert_gsm8k("It costs $54.00.", "54", "1. It costs $54.00.\n2. The answer is \\boxed{54}.");
    assert_gsm8k("It is 1,200", "1200", "1. It is 1,200\n2. The answer is \\boxed{1200}.");
    assert_gsm8k("Step 1: 5-7=-2", "-2", "1. 5-7=-2\n2. The answer is \\boxed{-2}.");
}

static void lack_of_memory_shows_in_the_buffer(void **state)
{
    (void)state;
    tj_data_solution s = {.role = TJ_SOLUTION_REFERENCE, .text = str("Add. So $\\boxed{1}$.")};
    tj_data_record r = {.problem = str("p"), .solutions = &s, .n_solutions = 1};
    tj_data_node nodes[] = {
        {.parent = SIZE_MAX},
        {.parent = 0, .text = str("x\n\n# Answer\n\n5"), .terminal = true, .correct = true}};
    tj_data_record tree = {.problem = str("p"), .nodes = nodes, .n_nodes = 2};
    for (int which = 0; which < 2; which++) {
        bool failed = true;
        for (size_t k = 0; failed; k++) {
            tj_buf out;
            tj_str gold;
            tj_buf_init(&out);
            tj_alloc_fail_after(k);
            (void)tj_stepform_write(&out, &gold, which == 0 ? &r : &tree,
                                    &(tj_stepform_options){0});
            tj_alloc_fail_after(SIZE_MAX);
            failed = tj_buf_check(&out, NULL) != TJ_OK;
            tj_buf_deinit(&out);
            assert_true(k < 100);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sentences_end_with_their_marks),
                                       cmocka_unit_test(abbreviations_and_numbers_do_not_end_one),
                                       cmocka_unit_test(mathematics_is_never_cut),
                                       cmocka_unit_test(formulas_can_end_one),
                                       cmocka_unit_test(what_does_not_end_is_told),
                                       cmocka_unit_test(boxes_are_opened),
                                       cmocka_unit_test(lines_of_gsm8k_are_steps),
                                       cmocka_unit_test(sentences_of_math_are_steps),
                                       cmocka_unit_test(paths_of_prm800k_are_steps),
                                       cmocka_unit_test(paths_with_a_wrong_step_are_left_out),
                                       cmocka_unit_test(what_is_not_understood_is_left_out),
                                       cmocka_unit_test(the_answer_is_said_once),
                                       cmocka_unit_test(gsm8k_must_arrive_at_its_answer),
                                       cmocka_unit_test(lack_of_memory_shows_in_the_buffer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
