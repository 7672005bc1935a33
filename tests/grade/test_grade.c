/* Pairs from their texts to a verdict: what is said where a side cannot be read, that an answer
 * counts alike wherever it stands, and that a grader allocates nothing once warm. Whether verdicts
 * are right is for test_pairs and the tests of deciding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "grade/grade.h"

static tj_grader *grader;

static int make(void **state)
{
    (void)state;
    tj_grade_options options = tj_grade_defaults();
    options.normalize = true;
    return tj_grader_create(&grader, &options, NULL) == TJ_OK ? 0 : -1;
}

static int unmake(void **state)
{
    (void)state;
    tj_grader_destroy(grader);
    return 0;
}

static tj_code grade(tj_grade *out, const char *gold, const char *pred, tj_err *err)
{
    return tj_grade_pair(out, grader, gold, strlen(gold), pred, strlen(pred), err);
}

static tj_verdict verdict(const char *gold, const char *pred)
{
    tj_grade g;
    tj_err err = {.msg = ""};
    if (grade(&g, gold, pred, &err) != TJ_OK) {
        fail_msg("%s | %s: %s", gold, pred, err.msg);
    }
    return g.verdict;
}

/* Answers, no two of which are equal. */
static const char *const answers[] = {"5",      "-3/4", "x^2 + 1", "(1, 2)",     "\\{1, 2, 4\\}",
                                      "Evelyn", "\\pi", "0.25",    "2\\sqrt{3}", "(A)"};
#define N_ANSWERS (sizeof answers / sizeof answers[0])

/* Ways to say an answer; the first is the answer alone. */
static const char *const ways[] = {
    "%s",
    "$%s$",
    "\\boxed{%s}",
    "<think>It may be 7. Or \\boxed{8}?</think>\nWe find $\\boxed{%s}$.",
    "We add 17 and 4.\n\nFinal Answer: The final answer is $%s$. I hope it is correct.",
    "**Answer:** %s",
    "It takes some steps.\n#### %s",
    "したがって、答えは $%s$ です。",
    "<answer>%s</answer>",
};

static void an_answer_counts_alike_wherever_it_stands(void **state)
{
    (void)state;
    char gold[256], pred[256];
    for (size_t i = 0; i < N_ANSWERS; i++) {
        for (size_t k = 0; k < N_ANSWERS; k++) {
            for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
                /* the format is one of ours */
                int n = snprintf(gold, sizeof gold, "%s", answers[i]);
                const char *hole = strstr(ways[w], "%s");
                int m = snprintf(pred, sizeof pred, "%.*s%s%s", (int)(hole - ways[w]), ways[w],
                                 answers[k], hole + 2);
                assert_true(n > 0 && m > 0);
                tj_verdict want = i == k ? TJ_VERDICT_EQUAL : TJ_VERDICT_DIFFERENT;
                if (verdict(gold, pred) != want || verdict(pred, gold) != want) {
                    fail_msg("%s | %s: expected %s", gold, pred, tj_verdict_name(want));
                }
            }
        }
    }
}

static void a_reference_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    static const char *const bad[] = {"\\frac{1}{2",
                                      "",
                                      " ",
                                      "<think>5",
                                      "\\boxed{\\frac{1}{2",
                                      "The answer is $\\sqrt{$.",
                                      "5 +",
                                      "\xff\xfe"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *const preds[] = {bad[i], "5", ""};
        for (size_t k = 0; k < 3; k++) {
            tj_grade g;
            tj_err err = {.msg = ""};
            assert_int_equal(grade(&g, bad[i], preds[k], &err), TJ_E_PARSE);
            assert_int_equal(err.code, TJ_E_PARSE);
            assert_non_null(strstr(err.msg, "the reference cannot be read"));
            assert_string_equal(g.reason, err.msg);
            assert_int_equal(g.verdict, TJ_VERDICT_UNDECIDED);
            assert_string_equal(g.normalized_gold, "");
        }
    }
}

static void an_answer_that_cannot_be_read_is_undecided(void **state)
{
    (void)state;
    static const char *const bad[] = {"\\frac{1}{2", "5 +", "The answer is $\\frac{5}{$.",
                                      "so \\boxed{5 + }"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tj_grade g;
        assert_int_equal(grade(&g, "5", bad[i], NULL), TJ_OK);
        assert_int_equal(g.verdict, TJ_VERDICT_UNDECIDED);
        assert_string_equal(g.method, "unreadable");
        assert_non_null(strstr(g.reason, "the answer cannot be read: byte "));
        assert_non_null(g.pred.rule);
        assert_string_equal(g.normalized_gold, "5");
        assert_string_equal(g.normalized_pred, "");
    }
}

static void no_answer_is_different_from_any(void **state)
{
    (void)state;
    static const char *const none[] = {"", "\n", "<think>It is 5.", "so \\boxed{5", "</s>"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        tj_grade g;
        assert_int_equal(grade(&g, "5", none[i], NULL), TJ_OK);
        assert_int_equal(g.verdict, TJ_VERDICT_DIFFERENT);
        assert_string_equal(g.method, "no answer");
        assert_null(g.pred.rule);
        assert_int_equal(g.pred.end, 0);
    }
}

static void a_text_above_the_bound_is_not_read(void **state)
{
    (void)state;
    size_t len = TJ_MAX_OUTPUT_BYTES + 1;
    char *text = tj_malloc(len);
    tj_grade g;
    tj_err err = {.msg = ""};
    assert_non_null(text);
    memset(text, '1', len);
    assert_int_equal(tj_grade_pair(&g, grader, "1", 1, text, len, &err), TJ_OK);
    assert_int_equal(g.verdict, TJ_VERDICT_UNDECIDED);
    assert_non_null(strstr(g.reason, "1048577 bytes"));
    assert_int_equal(tj_grade_pair(&g, grader, text, len, "1", 1, &err), TJ_E_PARSE);
    assert_int_equal(tj_grade_pair(&g, grader, text, len - 1, "1", 1, &err), TJ_E_PARSE);
    tj_free(text);
}

static void the_extraction_is_that_of_each_text_alone(void **state)
{
    (void)state;
    static const char *const texts[] = {"5", "so \\boxed{6}", "The answer is 7.", "**8**",
                                        "\\frac{"};
    size_t n = sizeof texts / sizeof texts[0];
    for (size_t i = 0; i + 1 < n; i++) {
        for (size_t k = 0; k < n; k++) {
            tj_grade g;
            tj_extraction a, b;
            assert_int_equal(grade(&g, texts[i], texts[k], NULL), TJ_OK);
            tj_extraction gold = g.gold, pred = g.pred;
            tj_grade_extract(&a, grader, texts[i], strlen(texts[i]));
            tj_grade_extract(&b, grader, texts[k], strlen(texts[k]));
            assert_string_equal(gold.rule, a.rule);
            assert_string_equal(pred.rule, b.rule);
            assert_true(gold.begin == a.begin && gold.end == a.end);
            assert_true(pred.begin == b.begin && pred.end == b.end);
        }
    }
}

static void texts_are_normalized_only_when_asked(void **state)
{
    (void)state;
    tj_grader *plain = NULL;
    tj_grade g;
    assert_int_equal(tj_grader_create(&plain, NULL, NULL), TJ_OK);
    assert_int_equal(tj_grade_pair(&g, plain, "\\frac12", 7, "0.5", 3, NULL), TJ_OK);
    assert_string_equal(g.normalized_gold, "");
    assert_string_equal(g.normalized_pred, "");
    tj_grader_destroy(plain);
    assert_int_equal(grade(&g, "\\frac12", "$0.5$", NULL), TJ_OK);
    assert_string_equal(g.normalized_gold, "1/2");
    assert_string_equal(g.normalized_pred, "0.5");
}

static void options_reach_the_verdict(void **state)
{
    (void)state;
    tj_grade_options options = {.min_digits = 2, .strict_units = true};
    tj_grader *strict = NULL;
    tj_grade g;
    assert_int_equal(verdict("1/3", "0.33"), TJ_VERDICT_DIFFERENT);
    assert_int_equal(verdict("5", "5 cm"), TJ_VERDICT_EQUAL);
    assert_int_equal(tj_grader_create(&strict, &options, NULL), TJ_OK);
    assert_int_equal(tj_grade_pair(&g, strict, "1/3", 3, "0.33", 4, NULL), TJ_OK);
    assert_int_equal(g.verdict, TJ_VERDICT_EQUAL);
    assert_int_equal(tj_grade_pair(&g, strict, "5", 1, "5 cm", 4, NULL), TJ_OK);
    assert_int_equal(g.verdict, TJ_VERDICT_DIFFERENT);
    tj_grader_destroy(strict);
}

static void a_warm_grader_allocates_nothing(void **state)
{
    (void)state;
    char pred[256];
    for (size_t round = 0; round < 3; round++) {
        size_t before = tj_alloc_count();
        for (size_t i = 0; i < N_ANSWERS; i++) {
            for (size_t k = 0; k < N_ANSWERS; k++) {
                tj_grade g;
                snprintf(pred, sizeof pred, "We see that the answer is $\\boxed{%s}$.", answers[k]);
                assert_int_equal(grade(&g, answers[i], pred, NULL), TJ_OK);
            }
        }
        assert_true(round == 0 || tj_alloc_count() == before);
    }
}

/* Each allocation of a grader's life fails in turn; it stays usable. */
static void a_lack_of_memory_is_an_error(void **state)
{
    (void)state;
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_grade_options options = {.min_digits = 3, .normalize = true};
        tj_grader *g = NULL;
        tj_grade out;
        tj_alloc_fail_after(k);
        rc = tj_grader_create(&g, &options, NULL);
        if (rc == TJ_OK) {
            rc = tj_grade_pair(&out, g, "x^2 - 1", 7, "\\boxed{(x - 1)(x + 1)}", 22, NULL);
        }
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true(k < 200);
        if (g != NULL && rc != TJ_OK) {
            assert_int_equal(out.verdict, TJ_VERDICT_UNDECIDED);
        }
        if (g != NULL) {
            assert_int_equal(
                tj_grade_pair(&out, g, "x^2 - 1", 7, "\\boxed{(x - 1)(x + 1)}", 22, NULL), TJ_OK);
            assert_int_equal(out.verdict, TJ_VERDICT_EQUAL);
        }
        tj_grader_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_counts_alike_wherever_it_stands),
        cmocka_unit_test(a_reference_that_cannot_be_read_is_an_error),
        cmocka_unit_test(an_answer_that_cannot_be_read_is_undecided),
        cmocka_unit_test(no_answer_is_different_from_any),
        cmocka_unit_test(a_text_above_the_bound_is_not_read),
        cmocka_unit_test(the_extraction_is_that_of_each_text_alone),
        cmocka_unit_test(texts_are_normalized_only_when_asked),
        cmocka_unit_test(options_reach_the_verdict),
        cmocka_unit_test(a_warm_grader_allocates_nothing),
        cmocka_unit_test(a_lack_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
