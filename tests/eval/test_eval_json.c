/* The JSON forms: numbers arrive under the names of docs/report.md, what cannot be said is null. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "eval/eval.h"

static double real_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_non_null(value);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void accuracy_of_one_seed_has_no_spread(void **state)
{
    (void)state;
    tj_accuracy a = {.accuracy = 0.25,
                     .ci_low = 0.2,
                     .ci_high = 0.3,
                     .tokens_per_answer = (double)NAN,
                     .by_seed = {0.25},
                     .seed_sd = (double)NAN,
                     .n_seeds = 1,
                     .n_problems = 2000};
    json_t *json = tj_accuracy_json(&a);
    assert_true(real_at(json, "accuracy") == 0.25);
    assert_true(real_at(json, "ci_low") == 0.2);
    assert_true(real_at(json, "ci_high") == 0.3);
    assert_true(json_is_null(json_object_get(json, "tokens_per_answer")));
    assert_true(json_is_null(json_object_get(json, "seed_sd")));
    assert_int_equal(json_array_size(json_object_get(json, "by_seed")), 1);
    json_decref(json);
}

static void difference_lists_seeds_by_their_numbers(void **state)
{
    (void)state;
    tj_difference d = {.points = 0.1, .ci_low = -0.1, .ci_high = 0.3, .n_seeds = 2};
    d.mcnemar[0] = (tj_mcnemar){.only_a = 7, .only_b = 2, .p = 0.18, .log10_p = -0.74};
    d.mcnemar[1] = (tj_mcnemar){.p = (double)NAN, .log10_p = (double)NAN};
    d.a_by_seed[1] = 0.5;
    const uint64_t seeds[] = {11, 12};
    json_t *json = tj_difference_json(&d, seeds);
    const json_t *rows = json_object_get(json, "seeds");
    assert_int_equal(json_array_size(rows), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 1), "seed")), 12);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "only_a")), 7);
    assert_true(real_at(json_array_get(rows, 0), "p_mcnemar") == 0.18);
    assert_true(real_at(json_array_get(rows, 1), "a") == 0.5);
    assert_true(json_is_null(json_object_get(json_array_get(rows, 1), "p_mcnemar")));
    json_decref(json);
}

static void rates_follow_from_counts_and_are_null_over_nothing(void **state)
{
    (void)state;
    tj_process_table table = {0};
    tj_process p = {.n_answers = 4,
                    .n_correct = 1,
                    .n_tokens = 100,
                    .n_attempts = 6,
                    .n_wrong = 4,
                    .n_noticed = 3,
                    .n_missed = 1,
                    .n_answers_wrong = 2,
                    .n_recovered = 1,
                    .n_repeated = 1,
                    .tried = {4, 2},
                    .succeeded = {1, 1}};
    tj_process_table_add(&table, &p, 1);
    json_t *json = tj_process_table_json(&table, NULL);
    assert_true(real_at(json, "accuracy") == 0.25);
    assert_true(real_at(json, "tokens_per_answer") == 25.0);
    assert_true(real_at(json, "noticed_rate") == 0.75);
    assert_true(real_at(json, "missed_rate") == 0.25);
    assert_true(real_at(json, "recovered_rate") == 0.5);
    assert_true(real_at(json, "repeated_rate") == 0.5); /* of the two later attempts */
    assert_true(json_is_null(json_object_get(json, "needless_rate")));
    assert_true(json_is_null(json_object_get(json, "false_claim_rate")));
    const json_t *success = json_object_get(json, "success_by_attempt");
    assert_true(json_real_value(json_array_get(success, 1)) == 0.5);
    assert_true(json_is_null(json_array_get(success, 2)));
    const json_t *strata = json_object_get(json, "by_difficulty");
    assert_int_equal(json_array_size(strata), 2);
    assert_true(json_is_null(json_object_get(json_array_get(strata, 0), "accuracy")));
    assert_true(real_at(json_array_get(strata, 1), "accuracy") == 0.25);
    assert_string_equal(json_string_value(json_object_get(json_array_get(strata, 1), "name")), "1");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accuracy_of_one_seed_has_no_spread),
        cmocka_unit_test(difference_lists_seeds_by_their_numbers),
        cmocka_unit_test(rates_follow_from_counts_and_are_null_over_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
