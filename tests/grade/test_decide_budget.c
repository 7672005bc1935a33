/* What exceeds a bound is undecided, the same way each time, and lack of memory is an error that
 * leaves the decider usable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "deciding.h"
#include "grade/read.h"

typedef struct pair {
    const char *a, *b;
} pair;

/* Each asks for something that would take hours or more memory than there is, or comes near the
 * budget. */
static const pair hard[] = {
    {"9^{9^{9^9}}", "9^{9^{9^8}}"},
    {"2^{2^{2^{2^{2^2}}}}", "2^{2^{2^{2^{2^2}}}}+1"},
    {"\\sin(e^{e^{e^2}})", "1"},
    {"(10^{12})!", "10^{12}"},
    {"10^{100000}!", "1"},
    {"\\binom{1000000}{500000}", "\\binom{1000000}{500000}+1"},
    {"(x+y+z)^{5000}", "(x+y+z)^{4999}(x+y+z)"},
    {"(x+1)^{100000}", "(x+1)^{99999}(x+1)"},
    {"\\sum_{k=1}^{1000}\\sum_{j=1}^{1000}jk", "1"},
    {"\\sum_{k=1}^{10^{9}}\\frac1k", "1"},
    {"\\sqrt2+\\sqrt3+\\sqrt5+\\sqrt7+\\sqrt{11}+\\sqrt{13}+\\sqrt{17}", "18.1"},
    {"(\\sqrt2+\\sqrt3+\\sqrt5+\\sqrt7+\\sqrt{11}+\\sqrt{13})^{10}",
     "(\\sqrt2+\\sqrt3+\\sqrt5+\\sqrt7+\\sqrt{11}+\\sqrt{13})^5"
     "(\\sqrt2+\\sqrt3+\\sqrt5+\\sqrt7+\\sqrt{11}+\\sqrt{13})^5"},
    {"\\sqrt[97]2+\\sqrt[89]3", "\\sqrt[89]3+\\sqrt[97]2+10^{-700}"},
    {"\\cos\\frac{\\pi}{59}+\\sin\\frac{\\pi}{53}",
     "\\sin\\frac{\\pi}{53}+\\cos\\frac{\\pi}{59}+10^{-700}"},
    {"\\gcd(2^{100000}-1,2^{60000}-1)", "2^{20000}-1"},
    {"\\pm1\\pm2\\pm3\\pm4\\pm5\\pm6", "1"},
    {"k\\pi/97, k\\in\\mathbb{Z}", "k\\pi/97, 1+k\\pi/89, k\\in\\mathbb{Z}"},
};
#define N_HARD (sizeof hard / sizeof *hard)

static const tj_ex *tree_of(tj_arena *arena, const char *text)
{
    const tj_ex *ex;
    assert_int_equal(tj_read(&ex, arena, text, strlen(text), NULL), TJ_OK);
    return ex;
}

static void what_was_decided_before_does_not_matter(void **state)
{
    (void)state;
    tj_grade_options options = {.min_digits = 3};
    tj_decider *used;
    tj_arena arena;
    tj_arena_init(&arena, 0);
    assert_int_equal(tj_decider_create(&used, &options, NULL), TJ_OK);
    for (size_t i = 0; i < N_HARD; i++) {
        tj_decider *fresh;
        tj_decision first, second;
        tj_arena_clear(&arena);
        const tj_ex *a = tree_of(&arena, hard[i].a), *b = tree_of(&arena, hard[i].b);
        tj_verdict verdict = verdict_of_trees(used, &arena, a, b);
        assert_int_equal(tj_decide(&first, used, &arena, a, b, NULL), TJ_OK);
        assert_int_equal(tj_decider_create(&fresh, &options, NULL), TJ_OK);
        assert_int_equal(tj_decide(&second, fresh, &arena, a, b, NULL), TJ_OK);
        assert_int_equal(first.verdict, verdict);
        assert_int_equal(first.verdict, second.verdict);
        assert_string_equal(first.method, second.method);
        assert_string_equal(first.reason, second.reason);
        assert_string_equal(first.witness, second.witness);
        tj_decider_destroy(fresh);
    }
    tj_decider_destroy(used);
    tj_arena_deinit(&arena);
}

static void trees_beyond_the_reader_s_bounds_are_undecided(void **state)
{
    (void)state;
    tj_grade_options options = {.min_digits = 3};
    tj_decider *decider;
    tj_arena arena;
    tj_arena_init(&arena, 0);
    assert_int_equal(tj_decider_create(&decider, &options, NULL), TJ_OK);
    const tj_ex *deep = tj_ex_integer(&arena, 1), *wide;
    for (size_t i = 0; i <= TJ_EX_MAX_DEPTH; i++) {
        deep = tj_ex_call(&arena, TJ_FN_SQRT, deep, NULL);
    }
    tj_ex *sum = tj_ex_new(&arena, TJ_EX_ADD, TJ_EX_MAX_NODES);
    for (size_t i = 0; i < TJ_EX_MAX_NODES; i++) {
        sum->args[i] = tj_ex_integer(&arena, 1);
    }
    wide = sum;
    const tj_ex *one = tj_ex_integer(&arena, 1);
    assert_int_equal(verdict_of_trees(decider, &arena, deep, one), TJ_VERDICT_UNDECIDED);
    assert_int_equal(verdict_of_trees(decider, &arena, wide, one), TJ_VERDICT_UNDECIDED);
    tj_decider_destroy(decider);
    tj_arena_deinit(&arena);
}

static void a_lack_of_memory_is_an_error_and_passes(void **state)
{
    (void)state;
    static const pair pairs[] = {
        {"\\{\\sqrt2,\\frac13,x\\}", "\\{x,0.333,\\frac{2}{\\sqrt2}\\}"},
        {"1<x\\le2", "(1,2]"},
        {"\\frac{\\pi}4+k\\pi, k\\in\\mathbb{Z}", "\\frac{5\\pi}4+2k\\pi, k\\in\\mathbb{Z}"},
        {"x^2+y^2=1", "y=\\sqrt{1-x^2}"},
        {"100\\text{ cm}", "1\\text{ m}"},
    };
    tj_grade_options options = {.min_digits = 3};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        tj_arena trees;
        tj_decider *decider;
        tj_decision want, got;
        tj_arena_init(&trees, 0);
        assert_int_equal(tj_decider_create(&decider, &options, NULL), TJ_OK);
        const tj_ex *a = tree_of(&trees, pairs[i].a), *b = tree_of(&trees, pairs[i].b);
        assert_int_equal(tj_decide(&want, decider, &trees, a, b, NULL), TJ_OK);
        size_t n_failed = 0;
        for (size_t max = 16;; max += 16) {
            tj_arena small;
            tj_arena_init(&small, max);
            tj_code code = tj_decide(&got, decider, &small, a, b, NULL);
            if (code == TJ_OK) {
                assert_int_equal(got.verdict, want.verdict);
                assert_string_equal(got.method, want.method);
                assert_string_equal(got.witness, want.witness);
                tj_arena_deinit(&small);
                break;
            }
            assert_int_equal(code, TJ_E_NOMEM);
            assert_int_equal(got.verdict, TJ_VERDICT_UNDECIDED);
            n_failed++;
            tj_arena_deinit(&small);
        }
        assert_true(n_failed > 3);
        tj_decider_destroy(decider);
        tj_arena_deinit(&trees);
    }
    tj_decider *none;
    tj_alloc_fail_after(0);
    assert_int_equal(tj_decider_create(&none, &options, NULL), TJ_E_NOMEM);
    tj_alloc_fail_after(SIZE_MAX);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_decided_before_does_not_matter),
        cmocka_unit_test(trees_beyond_the_reader_s_bounds_are_undecided),
        cmocka_unit_test(a_lack_of_memory_is_an_error_and_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
