/* Bootstrap intervals: against the enumeration of all resamples of a tiny set, against the normal
 * interval of a large one, by their coverage of a known mean; and what holds exactly: the same bits
 * for any number of threads, pairing, degenerate cases, refusals. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/par.h"
#include "base/rng.h"
#include "eval/eval.h"

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("got %.17g, want %.17g within %g", got, want, tolerance);
    }
}

static void flips(double *values, size_t n, double p, uint64_t seed)
{
    tj_rng rng;
    tj_rng_init(&rng, seed, 1, 2, 3);
    for (size_t i = 0; i < n; i++) {
        values[i] = tj_rng_double(&rng) < p ? 1.0 : 0.0;
    }
}

static tj_interval interval(const double *values, size_t n, size_t n_resamples, uint64_t seed)
{
    tj_boot_config cfg = {.n_resamples = n_resamples, .level = 0.95, .seed = seed};
    tj_interval out;
    tj_err err;
    assert_int_equal(tj_eval_mean(&out, values, n, &cfg, &err), TJ_OK);
    return out;
}

/* 0, 1, 10: the smallest and the largest of the 27 equally likely means have probability 1/27 =
 * .037 each, so the .025 and .975 quantiles are 0 and 10 and the .10 and .90 quantiles lie on the
 * next means, 1/3 and 7 (cumulated 4/27 = .148 at 1/3; 10 and 7 hold 4/27 from above). */
static void tiny_set_has_the_quantiles_of_all_its_resamples(void **state)
{
    (void)state;
    const double values[] = {0.0, 1.0, 10.0};
    tj_interval got = interval(values, 3, 10000, 7);
    assert_near(got.mean, 11.0 / 3.0, 1e-15);
    assert_near(got.low, 0.0, 0.0);
    assert_near(got.high, 10.0, 0.0);
    tj_boot_config cfg = {.n_resamples = 10000, .level = 0.80, .seed = 7};
    assert_int_equal(tj_eval_mean(&got, values, 3, &cfg, NULL), TJ_OK);
    assert_near(got.low, 1.0 / 3.0, 1e-15);
    assert_near(got.high, 7.0, 1e-15);
}

static void large_set_has_nearly_the_normal_interval(void **state)
{
    (void)state;
    double values[2000];
    flips(values, 2000, 0.3, 11);
    tj_interval got = interval(values, 2000, 10000, 1);
    double half = 1.96 * sqrt(got.mean * (1.0 - got.mean) / 2000.0);
    assert_near(got.low, got.mean - half, 0.001); /* 10,000 resamples: sd of an end is 0.0003 */
    assert_near(got.high, got.mean + half, 0.001);
}

static void interval_covers_the_true_mean_about_as_often_as_it_says(void **state)
{
    (void)state;
    size_t covered = 0;
    const size_t n_sets = 500;
    for (size_t i = 0; i < n_sets; i++) {
        double values[120];
        flips(values, 120, 0.4, 1000 + i);
        tj_interval got = interval(values, 120, 300, i);
        covered += got.low <= 0.4 && 0.4 <= got.high;
    }
    /* Nominal .95; four binomial standard deviations (.0097) and the small set's bias below it. */
    assert_in_range(covered, 450, 494);
}

static void same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    double values[257];
    flips(values, 257, 0.5, 3);
    size_t before = tj_par_threads();
    tj_par_set_threads(1);
    tj_interval one = interval(values, 257, 1001, 5);
    tj_par_set_threads(3);
    tj_interval three = interval(values, 257, 1001, 5);
    tj_par_set_threads(before);
    assert_memory_equal(&one, &three, sizeof one);
    tj_interval other = interval(values, 257, 1001, 6);
    assert_true(other.low != one.low || other.high != one.high);
}

static void equal_values_have_an_interval_of_no_width(void **state)
{
    (void)state;
    const double ones[] = {1.0, 1.0, 1.0, 1.0};
    for (size_t n = 1; n <= 4; n++) {
        tj_interval got = interval(ones, n, 100, 1);
        assert_near(got.low, 1.0, 0.0);
        assert_near(got.high, 1.0, 0.0);
    }
}

static void accuracy_is_the_mean_over_seeds_with_an_interval_over_problems(void **state)
{
    (void)state;
    /* Two seeds that agree on every problem: averaging over seeds changes nothing. */
    double one[600];
    double two[1200];
    flips(one, 600, 0.3, 9);
    memcpy(two, one, sizeof one);
    memcpy(two + 600, one, sizeof one);
    tj_boot_config cfg;
    tj_boot_config_default(&cfg);
    tj_accuracy a;
    tj_accuracy b;
    const tj_scores sa = {one, 1, 600};
    const tj_scores sb = {two, 2, 600};
    assert_int_equal(tj_eval_accuracy(&a, &sa, NULL, &cfg, NULL), TJ_OK);
    assert_int_equal(tj_eval_accuracy(&b, &sb, two, &cfg, NULL), TJ_OK);
    assert_near(a.accuracy, b.accuracy, 1e-15);
    assert_near(a.ci_low, b.ci_low, 1e-12);
    assert_near(a.ci_high, b.ci_high, 1e-12);
    assert_true(isnan(a.seed_sd) && isnan(a.tokens_per_answer));
    assert_near(b.seed_sd, 0.0, 0.0);
    assert_near(b.tokens_per_answer, b.accuracy, 1e-15); /* the "tokens" given are the scores */
    assert_near(b.by_seed[1], a.by_seed[0], 0.0);
}

static void difference_is_paired(void **state)
{
    (void)state;
    /* a has what b has and 40 more of 1,000: unpaired intervals would straddle zero. */
    double a[1000];
    double b[1000];
    flips(b, 1000, 0.5, 21);
    memcpy(a, b, sizeof a);
    size_t changed = 0;
    for (size_t i = 0; i < 1000 && changed < 40; i++) {
        changed += a[i] < 0.5;
        a[i] = 1.0;
    }
    const tj_scores sa = {a, 1, 1000};
    const tj_scores sb = {b, 1, 1000};
    tj_boot_config cfg;
    tj_boot_config_default(&cfg);
    tj_difference d;
    assert_int_equal(tj_eval_difference(&d, &sa, &sb, &cfg, NULL), TJ_OK);
    assert_near(d.points, 0.040, 1e-12);
    assert_near(d.ci_low, 0.028, 0.002); /* 0.04 - 1.96 * sqrt(.04 * .96 / 1000) */
    assert_near(d.ci_high, 0.052, 0.002);
    assert_int_equal(d.mcnemar[0].only_a, 40);
    assert_int_equal(d.mcnemar[0].only_b, 0);
    assert_near(d.mcnemar[0].log10_p, -39.0 * log10(2.0), 1e-9);
    tj_difference mirror;
    assert_int_equal(tj_eval_difference(&mirror, &sb, &sa, &cfg, NULL), TJ_OK);
    assert_near(mirror.points, -d.points, 1e-15);
    assert_int_equal(mirror.mcnemar[0].only_b, 40);
}

static void difference_lists_every_seed(void **state)
{
    (void)state;
    const double a[] = {1, 1, 0, 0, /* seed 2: */ 1, 1, 1, 0};
    const double b[] = {0, 1, 1, 0, /* seed 2: */ 0, 0, 1, 0};
    const tj_scores sa = {a, 2, 4};
    const tj_scores sb = {b, 2, 4};
    tj_boot_config cfg;
    tj_boot_config_default(&cfg);
    tj_difference d;
    assert_int_equal(tj_eval_difference(&d, &sa, &sb, &cfg, NULL), TJ_OK);
    assert_near(d.points, 0.25, 1e-15);
    assert_near(d.by_seed[0], 0.0, 0.0);
    assert_near(d.by_seed[1], 0.5, 0.0);
    assert_near(d.a_by_seed[1], 0.75, 0.0);
    assert_near(d.b_by_seed[1], 0.25, 0.0);
    assert_near(d.seed_sd, 0.5 / sqrt(2.0), 1e-15);
    assert_int_equal(d.mcnemar[0].only_a, 1);
    assert_int_equal(d.mcnemar[0].only_b, 1);
    assert_int_equal(d.mcnemar[1].only_a, 2);
}

static void fractions_have_no_mcnemar_test(void **state)
{
    (void)state;
    const double a[] = {0.5, 1.0};
    const double b[] = {0.0, 1.0};
    const tj_scores sa = {a, 1, 2};
    const tj_scores sb = {b, 1, 2};
    tj_boot_config cfg;
    tj_boot_config_default(&cfg);
    tj_difference d;
    assert_int_equal(tj_eval_difference(&d, &sa, &sb, &cfg, NULL), TJ_OK);
    assert_near(d.points, 0.25, 1e-15);
    assert_true(isnan(d.mcnemar[0].p));
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    const double good[] = {0.0, 1.0, 1.0};
    const double nan[] = {0.0, (double)NAN, 1.0};
    const double above[] = {0.0, 1.5, 1.0};
    tj_boot_config cfg;
    tj_boot_config_default(&cfg);
    tj_interval i;
    tj_accuracy a;
    tj_difference d;
    tj_err err;
    assert_int_equal(tj_eval_mean(&i, good, 0, &cfg, &err), TJ_E_INVAL);
    assert_int_equal(tj_eval_mean(&i, nan, 3, &cfg, &err), TJ_E_NUMERIC);
    const tj_boot_config bad[] = {
        {99, 0.95, 1}, {1000, 0.0, 1}, {1000, 1.0, 1}, {1000, (double)NAN, 1}};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        assert_int_equal(tj_eval_mean(&i, good, 3, &bad[k], &err), TJ_E_INVAL);
    }
    const tj_scores none = {good, 0, 3};
    const tj_scores many = {good, TJ_EVAL_MAX_SEEDS + 1, 3};
    const tj_scores high = {above, 1, 3};
    const tj_scores ok = {good, 1, 3};
    const tj_scores shorter = {good, 1, 2};
    assert_int_equal(tj_eval_accuracy(&a, &none, NULL, &cfg, &err), TJ_E_INVAL);
    assert_int_equal(tj_eval_accuracy(&a, &many, NULL, &cfg, &err), TJ_E_INVAL);
    assert_int_equal(tj_eval_accuracy(&a, &high, NULL, &cfg, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "problem 1 is 1.5"));
    assert_int_equal(tj_eval_difference(&d, &ok, &shorter, &cfg, &err), TJ_E_INVAL);
}

static void each_failed_allocation_is_reported(void **state)
{
    (void)state;
    const double values[] = {0.0, 1.0, 1.0, 0.0};
    const tj_scores scores = {values, 2, 2};
    tj_boot_config cfg = {.n_resamples = 100, .level = 0.95, .seed = 1};
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK && k < 10; k++) {
        tj_difference d;
        tj_alloc_fail_after(k);
        rc = tj_eval_difference(&d, &scores, &scores, &cfg, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true(rc != TJ_OK || k >= 2); /* the means over seeds, the resamples */
    }
    assert_int_equal(rc, TJ_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_set_has_the_quantiles_of_all_its_resamples),
        cmocka_unit_test(large_set_has_nearly_the_normal_interval),
        cmocka_unit_test(interval_covers_the_true_mean_about_as_often_as_it_says),
        cmocka_unit_test(same_bits_for_any_number_of_threads),
        cmocka_unit_test(equal_values_have_an_interval_of_no_width),
        cmocka_unit_test(accuracy_is_the_mean_over_seeds_with_an_interval_over_problems),
        cmocka_unit_test(difference_is_paired),
        cmocka_unit_test(difference_lists_every_seed),
        cmocka_unit_test(fractions_have_no_mcnemar_test),
        cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(each_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
