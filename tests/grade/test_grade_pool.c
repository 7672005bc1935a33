/* A pool says of every pair what a grader in this process says, in order; what its limits stop is
 * undecided and told as such. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "grade/grade.h"

static const char *const texts[] = {
    "5",          "5.0",      "\\frac{1}{3}",
    "0.333",      "x^2",      "The answer is $x \\cdot x$.",
    "\\boxed{5}", "<think>5", "",
    "\\frac{",    "(1, 2)",   "\\pi/4",
    "45^\\circ",  "$1,234$",  "Evelyn",
    "evelyn",     "x = 5",    "\\sqrt{2}",
};
#define N_TEXTS (sizeof texts / sizeof texts[0])

static void push(tj_grade_pool *pool, const char *gold, const char *pred)
{
    assert_int_equal(tj_grade_pool_push(pool, gold, strlen(gold), pred, strlen(pred), NULL), TJ_OK);
}

static void expect_extraction(const tj_extraction *a, const tj_extraction *b)
{
    assert_true((a->rule == NULL) == (b->rule == NULL));
    if (a->rule != NULL) {
        assert_string_equal(a->rule, b->rule);
    }
    assert_true(a->begin == b->begin && a->end == b->end);
}

static void expect_as_here(tj_grade_pool *pool, tj_grader *grader, const char *gold,
                           const char *pred)
{
    tj_graded v;
    tj_grade here;
    assert_int_equal(tj_grade_pool_pull(pool, &v, NULL, NULL), TJ_OK);
    tj_code rc = tj_grade_pair(&here, grader, gold, strlen(gold), pred, strlen(pred), NULL);
    assert_int_equal(v.code, rc);
    assert_false(v.limit);
    assert_true(v.seconds >= 0.0 && v.seconds < 100.0);
    assert_int_equal(v.grade.verdict, here.verdict);
    assert_string_equal(v.grade.method, here.method);
    assert_string_equal(v.grade.reason, here.reason);
    assert_string_equal(v.grade.witness, here.witness);
    assert_string_equal(v.grade.normalized_gold, here.normalized_gold);
    assert_string_equal(v.grade.normalized_pred, here.normalized_pred);
    expect_extraction(&v.grade.gold, &here.gold);
    expect_extraction(&v.grade.pred, &here.pred);
}

static void a_pool_says_what_a_grader_says(void **state)
{
    (void)state;
    tj_grade_options options = {.min_digits = 3, .normalize = true};
    tj_grade_pool *pool = NULL;
    tj_grader *grader = NULL;
    size_t pulled = 0, all = N_TEXTS * N_TEXTS * 3;
    assert_int_equal(tj_grade_pool_create(&pool, 3, &options, NULL, NULL), TJ_OK);
    assert_int_equal(tj_grader_create(&grader, &options, NULL), TJ_OK);
    for (size_t i = 0; i < all || pulled < all;) {
        const char *gold = texts[i / N_TEXTS % N_TEXTS], *pred = texts[i % N_TEXTS];
        if (i < all && tj_grade_pool_has_room(pool, strlen(gold), strlen(pred))) {
            push(pool, gold, pred);
            i++;
        } else {
            expect_as_here(pool, grader, texts[pulled / N_TEXTS % N_TEXTS],
                           texts[pulled % N_TEXTS]);
            pulled++;
        }
        assert_int_equal(tj_grade_pool_pending(pool), i - pulled);
    }
    tj_grader_destroy(grader);
    tj_grade_pool_destroy(pool);
}

static void a_grader_apart_says_what_a_grader_says(void **state)
{
    (void)state;
    tj_grader *apart = NULL, *here = NULL;
    tj_err err, err_here;
    tj_grade a, b;
    assert_int_equal(tj_grader_create_apart(&apart, NULL, NULL, NULL), TJ_OK);
    assert_int_equal(tj_grader_create(&here, NULL, NULL), TJ_OK);
    for (size_t i = 0; i < N_TEXTS * N_TEXTS; i++) {
        const char *gold = texts[i / N_TEXTS], *pred = texts[i % N_TEXTS];
        err.msg[0] = err_here.msg[0] = 0;
        tj_code rc = tj_grade_pair(&b, here, gold, strlen(gold), pred, strlen(pred), &err_here);
        assert_int_equal(tj_grade_pair(&a, apart, gold, strlen(gold), pred, strlen(pred), &err),
                         rc);
        assert_string_equal(err.msg, err_here.msg);
        assert_int_equal(a.verdict, b.verdict);
        assert_string_equal(a.method, b.method);
        assert_string_equal(a.reason, b.reason);
        assert_string_equal(a.witness, b.witness);
        expect_extraction(&a.gold, &b.gold);
        expect_extraction(&a.pred, &b.pred);
    }
    assert_int_equal(tj_grader_n_stopped(apart), 0);
    tj_grader_destroy(here);
    tj_grader_destroy(apart);
}

static void a_grader_apart_refuses_what_is_too_long_as_a_grader_does(void **state)
{
    (void)state;
    size_t len = TJ_MAX_OUTPUT_BYTES + 1;
    tj_grader *apart = NULL;
    tj_grade g;
    char *text = tj_malloc(len);
    assert_non_null(text);
    memset(text, '5', len);
    assert_int_equal(tj_grader_create_apart(&apart, NULL, NULL, NULL), TJ_OK);
    assert_int_equal(tj_grade_pair(&g, apart, text, len, "5", 1, NULL), TJ_E_PARSE);
    assert_int_equal(tj_grade_pair(&g, apart, "5", 1, text, len, NULL), TJ_OK);
    assert_int_equal(g.verdict, TJ_VERDICT_UNDECIDED);
    assert_string_equal(g.method, "unreadable");
    tj_grader_destroy(apart);
    tj_free(text);
}

#if defined(__SANITIZE_ADDRESS__)
#define OWN_ALLOCATOR 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OWN_ALLOCATOR 1
#endif
#endif

/* The address sanitizer's allocator has its memory beforehand. */
static const tj_grade_limits no_memory = {
    .memory_bytes = 1, .cpu_seconds = 1.0, .wall_seconds = 2.0};

/* More memory than the first pair of a worker finds. */
static void write_long_sum(char text[4096])
{
    char *end = text + 1;
    text[0] = '1';
    for (size_t i = 2; i < 800; i++) {
        end += snprintf(end, 8, "+%zu", i);
    }
}

static void what_a_limit_stops_is_undecided(void **state)
{
    (void)state;
#ifdef OWN_ALLOCATOR
    skip();
#endif
    tj_grade_pool *pool = NULL;
    char gold[4096];
    tj_graded v;
    write_long_sum(gold);
    assert_int_equal(tj_grade_pool_create(&pool, 1, NULL, &no_memory, NULL), TJ_OK);
    tj_code rc = tj_grade_pool_push(pool, gold, strlen(gold), gold + 2, strlen(gold + 2), NULL);
    assert_int_equal(rc, TJ_OK);
    rc = tj_grade_pool_pull(pool, &v, NULL, NULL);
    if (rc == TJ_OK) {
        assert_true(v.limit);
        assert_int_equal(v.grade.verdict, TJ_VERDICT_UNDECIDED);
        assert_string_equal(v.grade.method, "limit");
        assert_string_equal(v.grade.reason, "stopped: memory");
        assert_string_equal(v.grade.normalized_gold, "");
        assert_null(v.grade.gold.rule);
    } else { /* or no grader could be made at all */
        assert_int_equal(rc, TJ_E_BACKEND);
    }
    tj_grade_pool_destroy(pool);
}

static void a_grader_apart_counts_what_a_limit_stops(void **state)
{
    (void)state;
#ifdef OWN_ALLOCATOR
    skip();
#endif
    tj_grader *grader = NULL;
    char gold[4096];
    tj_grade g;
    write_long_sum(gold);
    assert_int_equal(tj_grader_create_apart(&grader, NULL, &no_memory, NULL), TJ_OK);
    tj_code rc = tj_grade_pair(&g, grader, gold, strlen(gold), gold + 2, strlen(gold + 2), NULL);
    assert_int_equal(g.verdict, TJ_VERDICT_UNDECIDED);
    if (rc == TJ_OK) {
        assert_string_equal(g.method, "limit");
        assert_int_equal(tj_grader_n_stopped(grader), 1);
    } else { /* no worker could be made at all */
        assert_int_equal(rc, TJ_E_BACKEND);
        assert_string_equal(g.method, "error");
    }
    tj_grader_destroy(grader);
}

static void texts_may_be_as_long_as_the_bound_and_no_longer(void **state)
{
    (void)state;
    size_t len = TJ_MAX_OUTPUT_BYTES;
    tj_grade_pool *pool = NULL;
    tj_graded v;
    char *text = tj_malloc(len + 1);
    assert_non_null(text);
    memset(text, ' ', len + 1);
    memcpy(text + len - 9, "\\boxed{5}", 9);
    assert_int_equal(tj_grade_pool_create(&pool, 2, NULL, NULL, NULL), TJ_OK);
    for (size_t i = 0; i < 6; i++) {
        while (!tj_grade_pool_has_room(pool, len, len)) {
            assert_int_equal(tj_grade_pool_pull(pool, &v, NULL, NULL), TJ_OK);
            assert_int_equal(v.grade.verdict, TJ_VERDICT_EQUAL);
        }
        assert_int_equal(tj_grade_pool_push(pool, text, len, text, len, NULL), TJ_OK);
    }
    assert_false(tj_grade_pool_has_room(pool, len + 1, 0));
    assert_int_equal(tj_grade_pool_push(pool, text, len + 1, "5", 1, NULL), TJ_E_LIMIT);
    assert_int_equal(tj_grade_pool_push(pool, "5", 1, text, len + 1, NULL), TJ_E_LIMIT);
    while (tj_grade_pool_pending(pool) > 0) {
        assert_int_equal(tj_grade_pool_pull(pool, &v, NULL, NULL), TJ_OK);
        assert_int_equal(v.grade.verdict, TJ_VERDICT_EQUAL);
    }
    tj_free(text);
    tj_grade_pool_destroy(pool);
}

static void a_lack_of_memory_is_an_error(void **state)
{
    (void)state;
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_grade_pool *pool = NULL;
        tj_alloc_fail_after(k);
        rc = tj_grade_pool_create(&pool, 1, NULL, NULL, NULL);
        if (rc == TJ_OK) {
            rc = tj_grade_pool_push(pool, "5", 1, "5", 1, NULL);
        }
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || (rc == TJ_E_NOMEM && k < 20));
        tj_grade_pool_destroy(pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pool_says_what_a_grader_says),
        cmocka_unit_test(a_grader_apart_says_what_a_grader_says),
        cmocka_unit_test(a_grader_apart_refuses_what_is_too_long_as_a_grader_does),
        cmocka_unit_test(what_a_limit_stops_is_undecided),
        cmocka_unit_test(a_grader_apart_counts_what_a_limit_stops),
        cmocka_unit_test(texts_may_be_as_long_as_the_bound_and_no_longer),
        cmocka_unit_test(a_lack_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
