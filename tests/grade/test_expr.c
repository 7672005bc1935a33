/* The order of trees is total and is 0 exactly for trees that print alike; nodes made by hand are
 * those that are read; names of functions read as their functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "grade/read.h"

static tj_arena arena, scratch;

static const tj_ex *read_text(const char *text)
{
    const tj_ex *ex;
    tj_err err = {.msg = ""};
    if (tj_read(&ex, &arena, text, strlen(text), &err) != TJ_OK) {
        fail_msg("'%s': %s", text, err.msg);
    }
    return ex;
}

static const char *const texts[] = {
    "0",
    "1",
    "10",
    "1.0",
    "0.5",
    "1/2",
    "-1",
    "x",
    "y",
    "x+1",
    "1+x",
    "x-1",
    "x*y",
    "x^2",
    "2^x",
    "sin x",
    "cos x",
    "\\pi",
    "e",
    "i",
    "f(x)",
    "\\pm 1",
    "\\mp 1",
    "\\sum_{k=1}^2 k",
    "\\prod_{k=1}^2 k",
    "5 cm",
    "5 ft",
    "5 apples",
    "50\\%",
    "(1,2)",
    "(1,2,3)",
    "1,2",
    "1 or 2",
    "{1,2}",
    "[[1,2]]",
    "[[1],[2]]",
    "[1,2]",
    "[1,2)",
    "(1,2]",
    "[1,2]\\cup[3,4]",
    "[1,2]\\cap[3,4]",
    "\\mathbb{R}",
    "\\mathbb{Z}",
    "\\{x:x>3\\}",
    "2k, k\\in\\mathbb{Z}",
    "x=1",
    "x<1",
    "1<x<2",
    "x=1,y=2",
    "A",
    "(A)",
    "even",
    "3:45 p.m.",
    "May 5",
    "1_2",
    "1E5",
    "0.(3)",
};
#define N_TEXTS (sizeof texts / sizeof texts[0])

static void order_is_total_and_zero_for_equal_prints(void **state)
{
    (void)state;
    const tj_ex *trees[N_TEXTS];
    tj_buf prints[N_TEXTS];
    for (size_t i = 0; i < N_TEXTS; i++) {
        trees[i] = read_text(texts[i]);
        tj_buf_init(&prints[i]);
        tj_ex_print(&prints[i], &scratch, trees[i]);
    }
    for (size_t i = 0; i < N_TEXTS; i++) {
        for (size_t j = 0; j < N_TEXTS; j++) {
            int order = tj_ex_compare(trees[i], trees[j]);
            assert_int_equal(order == 0, i == j);
            assert_int_equal(order == 0,
                             strcmp(tj_buf_text(&prints[i]), tj_buf_text(&prints[j])) == 0);
            assert_int_equal(order<0, tj_ex_compare(trees[j], trees[i])> 0);
            for (size_t k = 0; k < N_TEXTS; k++) {
                if (order < 0 && tj_ex_compare(trees[j], trees[k]) < 0) {
                    assert_true(tj_ex_compare(trees[i], trees[k]) < 0);
                }
            }
        }
    }
    for (size_t i = 0; i < N_TEXTS; i++) {
        tj_buf_deinit(&prints[i]);
    }
}

static void integers_are_those_that_are_read(void **state)
{
    (void)state;
    static const int64_t values[] = {0, 1, -1, 7, 10, -10, 12345, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[32];
        snprintf(text, sizeof text, "%lld", (long long)values[i]);
        assert_int_equal(tj_ex_compare(tj_ex_integer(&arena, values[i]), read_text(text)), 0);
    }
}

static void nodes_made_by_hand_are_those_that_are_read(void **state)
{
    (void)state;
    tj_ex *half =
        tj_ex_binary(&arena, TJ_EX_DIV, tj_ex_integer(&arena, 1), tj_ex_integer(&arena, 2));
    assert_int_equal(tj_ex_compare(half, read_text("1/2")), 0);
    tj_ex *root = tj_ex_call(&arena, TJ_FN_SQRT, half, NULL);
    assert_int_equal(tj_ex_compare(root, read_text("\\sqrt{\\frac12}")), 0);
    tj_ex *minus = tj_ex_unary(&arena, TJ_EX_NEG, root);
    assert_int_equal(tj_ex_compare(minus, read_text("-\\sqrt{1/2}")), 0);
    assert_null(tj_ex_unary(&arena, TJ_EX_NEG, NULL));
    assert_null(tj_ex_binary(&arena, TJ_EX_ADD, half, NULL));
    assert_null(tj_ex_call(&arena, TJ_FN_SIN, NULL, NULL));
}

static void functions_are_read_by_their_names(void **state)
{
    (void)state;
    for (int fn = TJ_FN_SQRT; fn <= TJ_FN_TRANSPOSE; fn++) {
        char text[64];
        const char *name = tj_ex_fn_name((tj_ex_fn)fn);
        bool two = fn == TJ_FN_ROOT || fn == TJ_FN_LOG || fn == TJ_FN_BINOMIAL ||
                   fn == TJ_FN_PERMUTATIONS || fn == TJ_FN_GCD || fn == TJ_FN_LCM ||
                   fn == TJ_FN_MIN || fn == TJ_FN_MAX || fn == TJ_FN_MOD;
        snprintf(text, sizeof text, two ? "%s(x, y)" : "%s(x)", name);
        const tj_ex *ex = read_text(text);
        assert_int_equal(ex->kind, TJ_EX_CALL);
        assert_int_equal(ex->id, fn);
        assert_int_equal(ex->n_args, two ? 2 : 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_total_and_zero_for_equal_prints),
        cmocka_unit_test(integers_are_those_that_are_read),
        cmocka_unit_test(nodes_made_by_hand_are_those_that_are_read),
        cmocka_unit_test(functions_are_read_by_their_names),
    };
    tj_arena_init(&arena, 0);
    tj_arena_init(&scratch, 0);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    tj_arena_deinit(&arena);
    tj_arena_deinit(&scratch);
    return rc;
}
