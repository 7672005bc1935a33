/* The harness's filters and comparisons. Expected values are what lm-evaluation-harness 0.4.13 gave
 * for the same texts (bench/lm_eval/scores.py compares thousands more, and found these corners). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "eval/eval.h"

static tj_str str(const char *text)
{
    return (tj_str){text, strlen(text)};
}

static tj_harness *harness_of(const char *task)
{
    tj_harness *h = NULL;
    tj_err err = {0};
    if (tj_harness_create(&h, tj_prompt_find(task), &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return h;
}

static void expect_found(tj_harness *h, size_t filter, const char *text, const char *want)
{
    tj_buf out;
    tj_buf_init(&out);
    assert_int_equal(tj_harness_extract(h, &out, filter, str(text), NULL), TJ_OK);
    assert_string_equal(tj_buf_text(&out), want);
    tj_buf_deinit(&out);
}

static void expect_match(tj_harness *h, const char *found, const char *target, bool want)
{
    bool right = !want;
    assert_int_equal(tj_harness_match(h, &right, str(found), str(target), NULL), TJ_OK);
    if (right != want) {
        fail_msg("'%s' and '%s': expected %d", found, target, want);
    }
}

static void strict_match_takes_the_first_and_flexible_the_last(void **state)
{
    tj_harness *h = harness_of("gsm8k");
    (void)state;
    assert_int_equal(tj_harness_n_filters(h), 2);
    expect_found(h, 0, "5 eggs\n#### 12\n#### 13", "12");
    expect_found(h, 1, "5 eggs\n#### 12\n#### 13", "13");
    expect_found(h, 0, "no mark: 7", TJ_HARNESS_INVALID);
    expect_found(h, 1, "no number", TJ_HARNESS_INVALID);
    expect_found(h, 0, "", TJ_HARNESS_INVALID);
    expect_found(h, 1, "it is $1,234.50.", "$1,234.50.");
    expect_found(h, 1, "7.", "7.");
    expect_found(h, 1, "a 7 b", "7");
    expect_found(h, 1, "ends with ... dots", "...");
    expect_found(h, 0, "#### -1,000 eggs", "-1,000");
    tj_harness_destroy(h);
}

static void numbers_are_compared_without_what_is_ignored(void **state)
{
    tj_harness *h = harness_of("gsm8k");
    (void)state;
    expect_match(h, "1,000.", "So 500 * 2 = <<500*2=1000>>1000\n#### 1,000", true);
    expect_match(h, "$18", "16 - 3\n#### 18", true);
    expect_match(h, "18.0", "#### 18", false);
    expect_match(h, "18", "18", true);
    expect_match(h, TJ_HARNESS_INVALID, "#### 18", false);
    tj_harness_destroy(h);
}

static void japanese_answers_are_found_in_their_sentence(void **state)
{
    tj_harness *h = harness_of("mgsm_ja");
    (void)state;
    expect_found(h, 0, "5 + 6 = 11。答えは11です。", "11");
    expect_found(h, 0, "答えは 11 です。", TJ_HARNESS_INVALID);
    expect_match(h, "1,000", "1000", true); /* punctuation is ignored */
    tj_buf target;
    tj_buf_init(&target);
    assert_int_equal(tj_harness_target(h, &target, (tj_str){NULL, 0}, str("1,000"), NULL), TJ_OK);
    assert_string_equal(tj_buf_text(&target), "1000");
    tj_buf_deinit(&target);
    tj_harness_destroy(h);
    h = harness_of("mgsm_direct_ja");
    expect_found(h, 0, "\xe3\x80\x80 18\n", "18"); /* an ideographic space before it */
    tj_harness_destroy(h);
}

static void llama_takes_the_last_of_its_sentences(void **state)
{
    tj_harness *h = harness_of("gsm8k_cot_llama");
    (void)state;
    expect_found(h, 0, "The final answer is 7. The final answer is $1,200", "$1,200");
    expect_found(h, 0, "The final answer is x", TJ_HARNESS_INVALID);
    tj_harness_destroy(h);
}

static void hendrycks_unifies_spellings(void **state)
{
    tj_harness *h = harness_of("hendrycks_math");
    (void)state;
    expect_match(h, "The answer is $\\dfrac12$.", "\\frac{1}{2}", true);
    expect_match(h, "$1/2$", "\\frac{1}{2}", true);
    expect_match(h, "0.5", "\\frac{1}{2}", true);
    expect_match(h, ".5", "0.5", true);
    expect_match(h, "$k = 5$", "5", true);
    expect_match(h, "$\\sqrt3$", "\\sqrt{3}", true);
    expect_match(h, "12 \\text{ cm}", "12", true);
    expect_match(h, "\\left(1, 2\\right)", "(1,2)", true);
    expect_match(h, "5\\%", "5", true);
    expect_match(h, "90^\\circ", "90", true);
    expect_match(h, "6", "5", false);
    tj_harness_destroy(h);
}

/* Where its Python raises an exception, texts are compared as they stand. */
static void hendrycks_compares_as_they_stand_what_it_cannot_rewrite(void **state)
{
    tj_harness *h = harness_of("hendrycks_math");
    (void)state;
    expect_match(h, "x/2", "x/2", true);
    expect_match(h, "x/ 2", "x/2", false);
    expect_match(h, "\\frac", "\\frac ", false);
    expect_match(h, "\\sqrt", "\\sqrt", true);
    expect_match(h, "1\\text{ a}\\text{ b}", "1", false);
    expect_match(h, "-0/2", "\\frac{0}{2}", false);
    expect_match(h, "\\frac1", "\\frac1", true); /* too short: left as it was */
    tj_harness_destroy(h);
}

static void expect_target(tj_harness *h, const char *solution, const char *want)
{
    tj_buf out;
    tj_buf_init(&out);
    assert_int_equal(tj_harness_target(h, &out, str(solution), str("none"), NULL), TJ_OK);
    assert_string_equal(tj_buf_text(&out), want);
    tj_buf_deinit(&out);
}

static void targets_are_what_the_last_box_holds(void **state)
{
    tj_harness *h = harness_of("hendrycks_math");
    (void)state;
    expect_target(h, "so \\boxed{1} or \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}");
    expect_target(h, "so $\\boxed 5$.", "5");
    expect_target(h, "so \\boxed{5", "none"); /* never closed */
    expect_target(h, "no box", "none");
    tj_harness_destroy(h);
}

static void minerva_normalizes_both_sides(void **state)
{
    tj_harness *h = harness_of("math500");
    (void)state;
    assert_string_equal(tj_harness_metric(h), "normalized_match");
    expect_target(h, "\\boxed{x = 12\\text{ inches}}", "12");
    expect_target(h, "\\boxed{1,000}", "1000");
    expect_target(h, "\\boxed{0,1}", "0,1");
    expect_target(h, "\\boxed{\\frac12}", "\\frac{1}{2}");
    expect_target(h, "\\boxed{\\left(3\\right)}", "\\left(3\\right)"); /* its "ft" stays */
    expect_target(h, "\\boxed{\\sqrt[3]2}", "\\sqrt[3]{2}");
    expect_match(h, "Final Answer: The final answer is $\\frac12$. I hope it is correct.",
                 "\\frac{1}{2}", true);
    expect_match(h, "The answer is $\\frac12$", "\\frac{1}{2}", false); /* not said as asked */
    expect_match(h, "Final Answer: The final answer is $5$", "5", false);
    expect_match(h, "Final Answer: The final answer is $5$. ", "5", true);
    tj_harness_destroy(h);
}

static void tasks_of_ours_have_no_filters(void **state)
{
    tj_harness *h = harness_of("math_boxed");
    (void)state;
    assert_int_equal(tj_harness_n_filters(h), 0);
    tj_harness_destroy(h);
}

static void failed_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    for (size_t k = 0;; k++) {
        tj_harness *h = NULL;
        tj_alloc_fail_after(k);
        tj_code rc = tj_harness_create(&h, tj_prompt_find("math500"), NULL);
        tj_alloc_fail_after(SIZE_MAX);
        if (rc == TJ_OK) {
            tj_harness_destroy(h);
            assert_true(k > 10);
            return;
        }
        assert_int_equal(rc, TJ_E_NOMEM);
        assert_null(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strict_match_takes_the_first_and_flexible_the_last),
        cmocka_unit_test(numbers_are_compared_without_what_is_ignored),
        cmocka_unit_test(japanese_answers_are_found_in_their_sentence),
        cmocka_unit_test(llama_takes_the_last_of_its_sentences),
        cmocka_unit_test(hendrycks_unifies_spellings),
        cmocka_unit_test(hendrycks_compares_as_they_stand_what_it_cannot_rewrite),
        cmocka_unit_test(targets_are_what_the_last_box_holds),
        cmocka_unit_test(minerva_normalizes_both_sides),
        cmocka_unit_test(tasks_of_ours_have_no_filters),
        cmocka_unit_test(failed_allocations_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
