/* Rewarders against labels: what is asked, that thresholds come from the validation problems alone,
 * baselines, failures, and cost. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "stage/stage.h"

#define N_PROBLEMS 60

/* Problem i: two steps, the second wrong where i is odd. */
static void make_set(tj_labelled *set)
{
    *set = (tj_labelled){.format = "made"};
    for (size_t i = 0; i < N_PROBLEMS; i++) {
        char problem[32];
        size_t step;
        int n = snprintf(problem, sizeof problem, "Problem %zu", i);
        assert_int_equal(
            tj_labelled_begin(set, (tj_str){problem, (size_t)n}, (tj_str){"4", 1}, i, NULL), TJ_OK);
        assert_int_equal(tj_labelled_add(set, &step, SIZE_MAX, (tj_str){"good", 4}, 1.0, NULL),
                         TJ_OK);
        assert_int_equal(tj_labelled_add(set, &step, 0,
                                         (tj_str){i % 2 == 1 ? "bad" : "good", 4 - i % 2},
                                         i % 2 == 1 ? 0.0 : 1.0, NULL),
                         TJ_OK);
        tj_labelled_end(set);
    }
}

/* Knows the answer, on a scale of its own from -1 to 1: 0.9 for right, 0.8 for wrong. */
static tj_code score_knowing(void *ctx, tj_score *out, const tj_score_ask *asks, size_t n,
                             const tj_job *job, tj_err *err)
{
    const char *fails_at = ctx;
    (void)job;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        const char *last = asks[i].steps[asks[i].n_steps - 1];
        assert_string_equal(asks[i].answer, "4");
        out[i] = (tj_score){
            .value = strcmp(last, "bad") == 0 ? 0.8 : 0.9, .tokens = 2, .path_tokens = 5};
        if (fails_at != NULL && strcmp(asks[i].problem, fails_at) == 0) {
            assert_int_equal(tj_score_fail(&out[i], NULL, "no answer"), TJ_OK);
        }
    }
    return TJ_OK;
}

static tj_scorer knowing(const char *fails_at)
{
    return (tj_scorer){.name = "knowing",
                       .meaning = TJ_VALID,
                       .low = -1.0,
                       .high = 1.0,
                       .threshold = 0.0,
                       .score = score_knowing,
                       .ctx = (void *)(uintptr_t)fails_at};
}

static const json_t *row(const json_t *table, const char *name)
{
    const json_t *rows = json_object_get(table, "rewarders");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *r = json_array_get(rows, i);
        if (strcmp(json_string_value(json_object_get(r, "rewarder")), name) == 0) {
            return r;
        }
    }
    fail_msg("no row %s", name);
    return NULL;
}

static double value(const json_t *r, const char *figure)
{
    return json_number_value(
        json_object_get(json_object_get(json_object_get(r, "figures"), figure), "value"));
}

static double number(const json_t *object, const char *a, const char *b)
{
    return json_number_value(json_object_get(json_object_get(object, a), b));
}

static json_t *evaluate(const tj_labelled *set, const tj_scorer *scorer, bool keeps,
                        double valid_part)
{
    const tj_reward_contender contender = {scorer, "spec", keeps};
    const tj_reward_eval_config cfg = {.valid_part = valid_part,
                                       .by_first = true,
                                       .boot = {.n_resamples = 100, .level = 0.95, .seed = 1}};
    json_t *table;
    tj_err err = {.code = TJ_OK};
    if (tj_reward_eval(&table, set, "set", &contender, 1, &cfg, NULL, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return table;
}

static void thresholds_come_from_other_problems_than_figures(void **state)
{
    tj_labelled set;
    tj_scorer s = knowing(NULL);
    (void)state;
    make_set(&set);
    json_t *table = evaluate(&set, &s, false, 0.3);
    double n_valid = number(table, "validation", "problems");
    assert_true(n_valid > 5.0 && n_valid + number(table, "test", "problems") == N_PROBLEMS);
    const json_t *r = row(table, "knowing");
    assert_true(number(r, "steps", "scored") == number(table, "test", "steps"));
    assert_true(value(r, "first_f1") == 1.0 && value(r, "wrong_f1") == 1.0);
    double t = json_number_value(json_object_get(r, "threshold"));
    assert_true(t > 0.9 && t <= 0.95); /* on the scale from 0 to 1 */
    assert_true(json_number_value(json_object_get(r, "sharing_ratio")) == 2.5);
    json_decref(table);
    table = evaluate(&set, &s, true, 0.3); /* its own, 0 of -1 to 1, takes all for right */
    assert_true(json_number_value(json_object_get(row(table, "knowing"), "threshold")) == 0.5);
    assert_true(value(row(table, "knowing"), "wrong_recall") == 0.0);
    json_decref(table);
    tj_labelled_deinit(&set);
}

static void baselines_stand_beside(void **state)
{
    tj_labelled set;
    tj_scorer s = knowing(NULL);
    (void)state;
    make_set(&set);
    json_t *table = evaluate(&set, &s, false, 0.3);
    const json_t *always = row(table, "always right");
    assert_true(value(always, "right_recall") == 1.0 && value(always, "first_correct") == 1.0);
    assert_true(value(always, "first_erroneous") == 0.0);
    const json_t *majority = row(table, "majority");
    assert_true(value(majority, "brier") > 0.1 && value(majority, "brier") < 0.3);
    json_decref(table);
    table = evaluate(&set, &s, false, 0.0); /* no validation part: no majority, own thresholds */
    assert_int_equal(json_array_size(json_object_get(table, "rewarders")), 2);
    json_decref(table);
    tj_labelled_deinit(&set);
}

static void failed_scores_are_counted_and_not_guessed(void **state)
{
    tj_labelled set;
    tj_scorer s = knowing("Problem 7");
    (void)state;
    make_set(&set);
    json_t *table = evaluate(&set, &s, false, 0.0);
    const json_t *r = row(table, "knowing");
    assert_int_equal(json_integer_value(json_object_get(r, "failed")), 2);
    assert_string_equal(json_string_value(json_object_get(r, "first_error")), "no answer");
    assert_true(number(r, "steps", "unscored") == 2.0);
    json_decref(table);
    tj_labelled_deinit(&set);
}

static void without_both_kinds_of_solutions_thresholds_are_for_steps(void **state)
{
    tj_labelled set = {.format = "made"};
    tj_scorer s = knowing(NULL);
    (void)state;
    for (size_t i = 0; i < N_PROBLEMS; i++) { /* all have an error */
        char problem[32];
        size_t step;
        int n = snprintf(problem, sizeof problem, "Problem %zu", i);
        assert_int_equal(
            tj_labelled_begin(&set, (tj_str){problem, (size_t)n}, (tj_str){"4", 1}, i, NULL),
            TJ_OK);
        assert_int_equal(tj_labelled_add(&set, &step, SIZE_MAX, (tj_str){"good", 4}, 1.0, NULL),
                         TJ_OK);
        assert_int_equal(tj_labelled_add(&set, &step, 0, (tj_str){"bad", 3}, 0.0, NULL), TJ_OK);
        tj_labelled_end(&set);
    }
    json_t *table = evaluate(&set, &s, false, 0.3);
    const json_t *r = row(table, "knowing");
    assert_string_equal(json_string_value(json_object_get(r, "threshold_from")),
                        "validation, wrong_f1");
    assert_true(value(r, "wrong_f1") == 1.0);
    json_decref(table);
    tj_labelled_deinit(&set);
}

static tj_code score_nothing(void *ctx, tj_score *out, const tj_score_ask *asks, size_t n,
                             const tj_job *job, tj_err *err)
{
    (void)ctx;
    (void)out;
    (void)asks;
    (void)n;
    (void)job;
    return tj_fail(err, TJ_E_CANCELLED, "stopped");
}

static void a_call_that_ends_ends_the_evaluation(void **state)
{
    tj_labelled set;
    tj_scorer s = knowing(NULL);
    tj_err err = {.code = TJ_OK};
    json_t *table;
    (void)state;
    make_set(&set);
    s.score = score_nothing;
    const tj_reward_contender contender = {&s, "spec", false};
    const tj_reward_eval_config cfg = {.valid_part = 0.2,
                                       .boot = {.n_resamples = 100, .level = 0.95, .seed = 1}};
    assert_int_equal(tj_reward_eval(&table, &set, "set", &contender, 1, &cfg, NULL, &err),
                     TJ_E_CANCELLED);
    assert_null(table);
    assert_string_equal(err.msg, "set: knowing: stopped");
    tj_labelled_deinit(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thresholds_come_from_other_problems_than_figures),
        cmocka_unit_test(baselines_stand_beside),
        cmocka_unit_test(failed_scores_are_counted_and_not_guessed),
        cmocka_unit_test(without_both_kinds_of_solutions_thresholds_are_for_steps),
        cmocka_unit_test(a_call_that_ends_ends_the_evaluation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
