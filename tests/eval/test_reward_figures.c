/* The figures of rewarders: by hand on a set small enough for it, against other definitions of the
 * same on drawn ones, and thresholds against trying them all. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "eval/eval.h"

static const tj_boot_config boot = {.n_resamples = 200, .level = 0.95, .seed = 1};

/* Two solutions and a loose step: right right WRONG | right right | right without a score. */
static const tj_rewarded steps[] = {{0, 0.9, true},  {0, 0.4, true}, {0, 0.2, false},
                                    {1, 0.85, true}, {1, 0.7, true}, {2, (double)NAN, true}};
static const tj_rewarded_solution solutions[] = {{0, 0, 3}, {1, 3, 2}};
static const tj_rewarded_set small = {steps, solutions, 6, 2, 3};

static void close_to(double x, double want)
{
    if (!(fabs(x - want) < 1e-12)) {
        fail_msg("%.15g, expected %.15g", x, want);
    }
}

static double mean(const tj_reward_measures *m, tj_reward_figure f)
{
    return m->figures[f].mean;
}

static void figures_are_those_by_hand(void **state)
{
    tj_reward_measures m;
    (void)state;
    assert_int_equal(tj_reward_measure(&m, &small, 0.5, &boot, NULL), TJ_OK);
    assert_int_equal(m.n_steps, 5);
    assert_int_equal(m.n_unscored, 1);
    assert_int_equal(m.n_wrong, 1);
    assert_int_equal(m.n_false, 1);
    close_to(mean(&m, TJ_REWARD_WRONG_PRECISION), 0.5);
    close_to(mean(&m, TJ_REWARD_WRONG_RECALL), 1.0);
    close_to(mean(&m, TJ_REWARD_WRONG_F1), 2.0 / 3.0);
    close_to(mean(&m, TJ_REWARD_RIGHT_PRECISION), 1.0);
    close_to(mean(&m, TJ_REWARD_RIGHT_RECALL), 0.75);
    close_to(mean(&m, TJ_REWARD_ACCURACY), 0.8);
    close_to(mean(&m, TJ_REWARD_BRIER), (0.01 + 0.36 + 0.04 + 0.0225 + 0.09) / 5.0);
    close_to(mean(&m, TJ_REWARD_ECE), (0.1 + 0.6 + 0.2 + 0.15 + 0.3) / 5.0); /* a bin each */
    close_to(mean(&m, TJ_REWARD_AUC), 1.0);
    close_to(mean(&m, TJ_REWARD_FIRST_ERRONEOUS), 0.0); /* 0.4 is called wrong before it */
    close_to(mean(&m, TJ_REWARD_FIRST_CORRECT), 1.0);
    close_to(mean(&m, TJ_REWARD_FIRST_F1), 0.0);
    assert_int_equal(m.bins[9].n, 1);
    assert_int_equal(m.bins[8].n_right, 1);
    assert_true(isnan(m.bins[0].mean_value));
}

static void the_first_wrong_step_is_found_below_the_right_threshold(void **state)
{
    tj_reward_measures m;
    (void)state;
    assert_int_equal(tj_reward_measure(&m, &small, 0.3, &boot, NULL), TJ_OK);
    close_to(mean(&m, TJ_REWARD_FIRST_F1), 1.0);
    close_to(mean(&m, TJ_REWARD_WRONG_F1), 1.0);
    double threshold;
    assert_int_equal(tj_reward_choose(&threshold, &small, TJ_BY_FIRST_F1, NULL), TJ_OK);
    close_to(threshold, 0.4); /* the value itself: what is not below it is right */
}

static void solutions_with_a_step_that_has_no_score_are_not_found(void **state)
{
    const tj_rewarded s[] = {{0, (double)NAN, true}, {0, 0.9, true}};
    const tj_rewarded_solution one[] = {{0, 0, 2}};
    const tj_rewarded_set set = {s, one, 2, 1, 1};
    tj_reward_measures m;
    (void)state;
    assert_int_equal(tj_reward_measure(&m, &set, 0.5, &boot, NULL), TJ_OK);
    close_to(mean(&m, TJ_REWARD_FIRST_CORRECT), 0.0);
    assert_true(isnan(mean(&m, TJ_REWARD_FIRST_F1)) && isnan(mean(&m, TJ_REWARD_AUC)));
    assert_true(isnan(m.figures[TJ_REWARD_AUC].low));
}

#define N 400

/* Drawn values that know something of the labels, with ties. */
static void draw(tj_rewarded *s, uint64_t seed)
{
    tj_rng rng;
    tj_rng_init(&rng, seed, 1, 2, 3);
    for (size_t i = 0; i < N; i++) {
        bool right = tj_rng_double(&rng) < 0.7;
        double v = 0.5 * tj_rng_double(&rng) + (right ? 0.4 : 0.1);
        s[i] = (tj_rewarded){i / 4, floor(v * 50.0) / 50.0, right};
    }
}

static void auc_is_the_share_of_pairs_in_order(void **state)
{
    tj_rewarded s[N];
    const tj_rewarded_set set = {s, NULL, N, 0, N / 4};
    tj_reward_measures m;
    double won = 0.0;
    double n = 0.0;
    (void)state;
    draw(s, 5);
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < N; k++) {
            if (s[i].right && !s[k].right) {
                won += s[i].value > s[k].value ? 1.0 : s[i].value == s[k].value ? 0.5 : 0.0;
                n += 1.0;
            }
        }
    }
    assert_int_equal(tj_reward_measure(&m, &set, 0.5, &boot, NULL), TJ_OK);
    close_to(mean(&m, TJ_REWARD_AUC), won / n);
    for (size_t f = 0; f <= TJ_REWARD_AUC; f++) {
        const tj_interval *x = &m.figures[f];
        assert_true(x->low <= x->mean + 0.02 && x->mean <= x->high + 0.02 && x->low < x->high);
    }
}

static void no_other_threshold_is_better(void **state)
{
    tj_rewarded s[N];
    const tj_rewarded_set set = {s, NULL, N, 0, N / 4};
    const tj_boot_config quick = {.n_resamples = 100, .level = 0.95, .seed = 1};
    tj_reward_measures m;
    double threshold;
    (void)state;
    draw(s, 6);
    assert_int_equal(tj_reward_choose(&threshold, &set, TJ_BY_WRONG_F1, NULL), TJ_OK);
    assert_int_equal(tj_reward_measure(&m, &set, threshold, &quick, NULL), TJ_OK);
    double best = mean(&m, TJ_REWARD_WRONG_F1);
    for (size_t i = 0; i <= 60; i++) {
        assert_int_equal(tj_reward_measure(&m, &set, (double)i / 60.0, &quick, NULL), TJ_OK);
        assert_true(mean(&m, TJ_REWARD_WRONG_F1) <= best);
    }
}

static void equal_seeds_give_equal_intervals(void **state)
{
    tj_rewarded s[N];
    const tj_rewarded_set set = {s, NULL, N, 0, N / 4};
    tj_reward_measures a;
    tj_reward_measures b;
    (void)state;
    draw(s, 7);
    assert_int_equal(tj_reward_measure(&a, &set, 0.5, &boot, NULL), TJ_OK);
    assert_int_equal(tj_reward_measure(&b, &set, 0.5, &boot, NULL), TJ_OK);
    assert_memory_equal(&a.figures[TJ_REWARD_AUC], &b.figures[TJ_REWARD_AUC], sizeof a.figures[0]);
    json_t *json = tj_reward_json(&a);
    const json_t *auc = json_object_get(json_object_get(json, "figures"), "auc");
    close_to(json_real_value(json_object_get(auc, "value")), mean(&a, TJ_REWARD_AUC));
    assert_true(json_is_null(
        json_object_get(json_object_get(json_object_get(json, "figures"), "first_f1"), "value")));
    assert_int_equal(json_array_size(json_object_get(json, "bins")), TJ_REWARD_BINS);
    json_decref(json);
}

static void impossible_sets_are_refused(void **state)
{
    const tj_rewarded bad[] = {{0, 1.5, true}};
    const tj_rewarded far_off[] = {{3, 0.5, true}};
    const tj_rewarded good[] = {{0, 0.5, true}};
    const tj_rewarded_solution beyond[] = {{0, 0, 2}};
    tj_reward_measures m;
    double t;
    (void)state;
    assert_int_equal(tj_reward_measure(&m, &(tj_rewarded_set){.n_steps = 0}, 0.5, &boot, NULL),
                     TJ_E_INVAL);
    assert_int_equal(
        tj_reward_measure(&m, &(tj_rewarded_set){bad, NULL, 1, 0, 1}, 0.5, &boot, NULL),
        TJ_E_INVAL);
    assert_int_equal(
        tj_reward_choose(&t, &(tj_rewarded_set){far_off, NULL, 1, 0, 1}, TJ_BY_WRONG_F1, NULL),
        TJ_E_INVAL);
    assert_int_equal(
        tj_reward_measure(&m, &(tj_rewarded_set){good, beyond, 1, 1, 1}, 0.5, &boot, NULL),
        TJ_E_INVAL);
    for (size_t k = 0; k < 4; k++) {
        tj_alloc_fail_after(k);
        assert_int_equal(tj_reward_measure(&m, &small, 0.5, &boot, NULL), TJ_E_NOMEM);
        tj_alloc_fail_after(SIZE_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_by_hand),
        cmocka_unit_test(the_first_wrong_step_is_found_below_the_right_threshold),
        cmocka_unit_test(solutions_with_a_step_that_has_no_score_are_not_found),
        cmocka_unit_test(auc_is_the_share_of_pairs_in_order),
        cmocka_unit_test(no_other_threshold_is_better),
        cmocka_unit_test(equal_seeds_give_equal_intervals),
        cmocka_unit_test(impossible_sets_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
