/* Closed forms against a second way to the answer: McNemar's p against sums of exact binomial
 * coefficients, Wilson's interval against published values, pass@k against the enumeration of all
 * subsets, votes against hand-made cases. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "eval/eval.h"

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("got %.17g, want %.17g within %g", got, want, tolerance);
    }
}

static uint64_t choose(uint64_t n, uint64_t k)
{
    uint64_t c = 1;
    for (uint64_t i = 1; i <= k; i++) {
        c = c * (n - k + i) / i;
    }
    return c;
}

static void mcnemar_equals_the_sum_of_binomials(void **state)
{
    (void)state;
    for (uint64_t n = 0; n <= 40; n++) {
        uint64_t tail = 0; /* number of sequences of n coin flips with at most k heads */
        for (uint64_t k = 0; 2 * k <= n; k++) {
            tail += choose(n, k);
            double want = fmin(1.0, 2.0 * (double)tail / ldexp(1.0, (int)n));
            tj_mcnemar test;
            tj_eval_mcnemar(&test, (size_t)k, (size_t)(n - k));
            assert_near(test.p, want, 1e-13);
            assert_near(test.log10_p, log10(want), 1e-12);
            tj_eval_mcnemar(&test, (size_t)(n - k), (size_t)k);
            assert_near(test.p, want, 1e-13);
        }
    }
}

static void mcnemar_of_published_tables(void **state)
{
    (void)state;
    tj_mcnemar test;
    tj_eval_mcnemar(&test, 5, 15); /* binom.test(5, 20) in R: 0.04138947 */
    assert_near(test.p, 0.04138947, 5e-9);
    /* Approval ratings, Agresti 1990, p. 350; mcnemar.exact of R's exact2x2 gives 3.716e-05. */
    tj_eval_mcnemar(&test, 86, 150);
    assert_near(test.p, 3.716e-5, 5e-9);
}

static void mcnemar_of_large_counts_neither_overflows_nor_underflows(void **state)
{
    (void)state;
    tj_mcnemar test;
    tj_eval_mcnemar(&test, 0, 5000);
    assert_true(test.p == 0.0 || test.p < 1e-300);
    assert_near(test.log10_p, (1.0 - 5000.0) * log10(2.0), 1e-8);
    tj_eval_mcnemar(&test, 50000, 50000);
    assert_near(test.p, 1.0, 0.0);
    /* The normal approximation with continuity correction is good to 1e-4 here. */
    tj_eval_mcnemar(&test, 49700, 50300);
    assert_near(test.p, erfc((300.0 - 0.5) / sqrt(25000.0) / sqrt(2.0)), 1e-4);
    tj_eval_mcnemar(&test, 0, 0);
    assert_near(test.p, 1.0, 0.0);
}

/* Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3. */
static void wilson_of_published_values(void **state)
{
    (void)state;
    const struct {
        size_t k, n;
        double low, high;
    } rows[] = {{81, 263, 0.2553, 0.3662},
                {15, 148, 0.0624, 0.1605},
                {0, 20, 0.0000, 0.1611},
                {1, 29, 0.0061, 0.1718}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tj_interval got;
        tj_eval_wilson(&got, rows[i].k, rows[i].n, 0.95);
        assert_near(got.low, rows[i].low, 5e-5);
        assert_near(got.high, rows[i].high, 5e-5);
        tj_interval mirror; /* failures instead of successes */
        tj_eval_wilson(&mirror, rows[i].n - rows[i].k, rows[i].n, 0.95);
        assert_near(mirror.low, 1.0 - got.high, 1e-12);
        assert_near(mirror.high, 1.0 - got.low, 1e-12);
    }
}

/* Its ends are where the score test is just significant: |p - end| = z sqrt(end (1 - end) / n). */
static void wilson_ends_solve_the_score_equation(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 30; n++) {
        for (size_t k = 0; k <= n; k++) {
            tj_interval got;
            tj_eval_wilson(&got, k, n, 0.95);
            double z = 1.959963984540054;
            double low = got.low;
            double high = got.high;
            assert_near(got.mean - low, z * sqrt(low * (1.0 - low) / (double)n), 1e-9);
            assert_near(high - got.mean, z * sqrt(high * (1.0 - high) / (double)n), 1e-9);
        }
    }
}

static void pass_at_equals_the_enumeration_of_subsets(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 9; n++) {
        for (unsigned c = 0; c <= n; c++) {
            size_t hits[10] = {0};
            size_t sets[10] = {0};
            for (unsigned mask = 0; mask < 1u << n; mask++) {
                size_t size = (size_t)__builtin_popcount(mask);
                sets[size]++;
                hits[size] += (mask & ((1u << c) - 1u)) != 0; /* the first c are right */
            }
            for (size_t k = 1; k <= n; k++) {
                assert_near(tj_eval_pass_at(n, c, k), (double)hits[k] / (double)sets[k], 1e-14);
            }
            assert_near(tj_eval_pass_at(n, c, n), c > 0 ? 1.0 : 0.0, 0.0);
        }
    }
}

static void majority_is_the_key_with_most_votes(void **state)
{
    (void)state;
    const tj_vote votes[] = {{"a", -1.0}, {"b", -9.0}, {"b", -8.0}, {"c", -0.1}};
    assert_int_equal(tj_eval_majority(votes, 4), 2); /* of b's samples the more probable one */
    assert_int_equal(tj_eval_majority(votes, 1), 0);
}

static void majority_ties_go_to_the_mean_logprob_then_to_the_first(void **state)
{
    (void)state;
    const tj_vote votes[] = {{"a", -1.0}, {"a", -5.0}, {"b", -2.0}, {"b", -2.0}};
    assert_int_equal(tj_eval_majority(votes, 4), 2); /* means -3 and -2 */
    const tj_vote equal[] = {{"a", -2.0}, {"b", -2.0}};
    assert_int_equal(tj_eval_majority(equal, 2), 0);
}

static void majority_lets_samples_without_answer_abstain(void **state)
{
    (void)state;
    const tj_vote votes[] = {{"", -0.1}, {NULL, -0.1}, {"", -0.1}, {"a", -9.0}};
    assert_int_equal(tj_eval_majority(votes, 4), 3);
    assert_true(tj_eval_majority(votes, 3) == SIZE_MAX);
    assert_true(tj_eval_majority(NULL, 0) == SIZE_MAX);
}

static void samples_never_spend_less_than_the_budget(void **state)
{
    (void)state;
    assert_int_equal(tj_eval_samples_for(61.0, 30.0), 3);
    assert_int_equal(tj_eval_samples_for(60.0, 30.0), 2);
    assert_int_equal(tj_eval_samples_for(10.0, 30.0), 1);
    assert_int_equal(tj_eval_samples_for(10.0, 0.0), 1);
    assert_int_equal(tj_eval_samples_for((double)NAN, 30.0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mcnemar_equals_the_sum_of_binomials),
        cmocka_unit_test(mcnemar_of_published_tables),
        cmocka_unit_test(mcnemar_of_large_counts_neither_overflows_nor_underflows),
        cmocka_unit_test(wilson_of_published_values),
        cmocka_unit_test(wilson_ends_solve_the_score_equation),
        cmocka_unit_test(pass_at_equals_the_enumeration_of_subsets),
        cmocka_unit_test(majority_is_the_key_with_most_votes),
        cmocka_unit_test(majority_ties_go_to_the_mean_logprob_then_to_the_first),
        cmocka_unit_test(majority_lets_samples_without_answer_abstain),
        cmocka_unit_test(samples_never_spend_less_than_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
