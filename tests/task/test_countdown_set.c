/* Counts against plain enumeration, splits that keep multisets apart, and draws that are even over
 * the problems of a split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "task/task.h"

static tj_countdown_config config(size_t n, size_t lo, size_t hi, size_t t_lo, size_t t_hi,
                                  size_t value_max)
{
    return (tj_countdown_config){.n_numbers = n,
                                 .number_min = lo,
                                 .number_max = hi,
                                 .target_min = t_lo,
                                 .target_max = t_hi,
                                 .value_max = value_max};
}

static bool solvable(const tj_countdown_config *cfg, const tj_countdown_problem *p)
{
    tj_countdown_state s;
    tj_countdown_first_state(&s, p);
    return tj_countdown_solvable(cfg, &s);
}

static void counts_equal_plain_enumeration(void **state)
{
    (void)state;
    tj_countdown_config cfg = config(3, 2, 9, 5, 40, 50);
    size_t want_sets = 0, want[3] = {0}, want_all = 0;
    for (uint32_t a = 2; a <= 9; a++) {
        for (uint32_t b = a; b <= 9; b++) {
            for (uint32_t c = b; c <= 9; c++) {
                want_sets++;
                for (uint32_t t = 5; t <= 40; t++) {
                    tj_countdown_problem p = {.numbers = {a, b, c}, .n_numbers = 3, .target = t};
                    if (solvable(&cfg, &p)) {
                        want_all++;
                        want[tj_countdown_split_of(&p, 3)]++;
                    }
                }
            }
        }
    }
    size_t n_multisets, n_problems, sum = 0;
    assert_int_equal(tj_countdown_count(&cfg, &n_multisets, &n_problems, NULL), TJ_OK);
    assert_int_equal(n_multisets, want_sets);
    assert_int_equal(n_problems, want_all);
    for (tj_split split = TJ_SPLIT_TRAIN; split <= TJ_SPLIT_TEST; split++) {
        assert_int_equal(
            tj_countdown_count_split(&cfg, split, 3, SIZE_MAX, &n_multisets, &n_problems, NULL),
            TJ_OK);
        assert_int_equal(n_problems, want[split]);
        sum += n_multisets;
    }
    assert_int_equal(sum, want_sets);
}

static void playing_cards_make_1820_multisets(void **state)
{
    (void)state;
    tj_countdown_config cfg = config(4, 1, 13, 1, 100, 100);
    size_t n_multisets, n_problems;
    assert_int_equal(tj_countdown_count(&cfg, &n_multisets, &n_problems, NULL), TJ_OK);
    assert_int_equal(n_multisets, 1820); /* C(16, 4) */
    /* Of the 1,362 that make 24, some need fractions or larger intermediate results. */
    cfg.target_min = cfg.target_max = 24;
    assert_int_equal(tj_countdown_count(&cfg, &n_multisets, &n_problems, NULL), TJ_OK);
    assert_in_range(n_problems, 1200, 1361);
}

static void settings_too_large_to_count_say_so(void **state)
{
    (void)state;
    tj_countdown_config cfg = config(6, 1, 100000, 1, 100, 1000000);
    cfg.number_max = TJ_COUNTDOWN_MAX_VALUE;
    tj_err err = {.code = TJ_OK};
    size_t n_multisets, n_problems;
    /* stop_at keeps this test short; the full count would use up its budget. */
    assert_int_equal(
        tj_countdown_count_split(&cfg, TJ_SPLIT_TRAIN, 1, 10, &n_multisets, &n_problems, &err),
        TJ_OK);
    assert_true(n_problems >= 10);
}

static void wrong_settings_are_named(void **state)
{
    (void)state;
    const tj_countdown_config good = config(4, 1, 13, 1, 100, 100);
    const struct {
        tj_countdown_config cfg;
        const char *field;
    } wrong[] = {
        {config(1, 1, 13, 1, 100, 100), "n_numbers"},
        {config(7, 1, 13, 1, 100, 100), "n_numbers"},
        {config(4, 0, 13, 1, 100, 100), "number_min"},
        {config(4, 14, 13, 1, 100, 100), "number_min"},
        {config(4, 1, 101, 1, 100, 100), "number_max"},
        {config(4, 1, 13, 0, 100, 100), "target_min"},
        {config(4, 1, 13, 1, 101, 100), "target_max"},
        {config(4, 1, 13, 1, 100, TJ_COUNTDOWN_MAX_VALUE + 1), "value_max"},
    };
    tj_err err;
    assert_int_equal(tj_countdown_check_config(&good, &err), TJ_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(tj_countdown_check_config(&wrong[i].cfg, &err), TJ_E_INVAL);
        assert_non_null(strstr(err.msg, wrong[i].field));
        tj_countdown_problem p;
        tj_rng rng;
        tj_rng_init(&rng, 1, 0, 0, 0);
        assert_int_equal(tj_countdown_draw(&p, &wrong[i].cfg, TJ_SPLIT_TRAIN, 0, &rng, NULL),
                         TJ_E_INVAL);
    }
}

static void a_split_depends_on_numbers_and_seed_alone(void **state)
{
    (void)state;
    size_t n_in[3] = {0}, n_moved = 0;
    for (uint32_t a = 1; a <= 60; a++) {
        for (uint32_t b = a; b <= 60; b++) {
            tj_countdown_problem p = {.numbers = {a, b, 60}, .n_numbers = 3, .target = a};
            tj_split split = tj_countdown_split_of(&p, 5);
            p.target = b + 7;
            assert_int_equal(tj_countdown_split_of(&p, 5), split);
            n_moved += tj_countdown_split_of(&p, 6) != split;
            n_in[split]++;
        }
    }
    /* 1,830 multisets; about 91 each of valid and test, five deviations being 47. */
    assert_in_range(n_in[TJ_SPLIT_VALID], 44, 139);
    assert_in_range(n_in[TJ_SPLIT_TEST], 44, 139);
    assert_true(n_moved > 150);
}

/* Chi-square of draws over all problems of a split of a small setting. */
static void draws_are_even_over_the_problems_of_a_split(void **state)
{
    (void)state;
    tj_countdown_config cfg = config(3, 1, 5, 1, 12, 20);
    size_t n_multisets, n_problems;
    assert_int_equal(tj_countdown_count_split(&cfg, TJ_SPLIT_TRAIN, 2, SIZE_MAX, &n_multisets,
                                              &n_problems, NULL),
                     TJ_OK);
    static size_t drawn[6][6][6][13];
    memset(drawn, 0, sizeof drawn);
    tj_rng rng;
    tj_rng_init(&rng, 21, 0, 0, 0);
    const size_t each = 100;
    for (size_t i = 0; i < each * n_problems; i++) {
        tj_countdown_problem p;
        assert_int_equal(tj_countdown_draw(&p, &cfg, TJ_SPLIT_TRAIN, 2, &rng, NULL), TJ_OK);
        assert_true(solvable(&cfg, &p));
        assert_int_equal(tj_countdown_split_of(&p, 2), TJ_SPLIT_TRAIN);
        assert_true(p.numbers[0] <= p.numbers[1] && p.numbers[1] <= p.numbers[2]);
        drawn[p.numbers[0]][p.numbers[1]][p.numbers[2]][p.target]++;
    }
    double chi2 = 0.0;
    size_t n_seen = 0;
    for (size_t i = 0; i < sizeof drawn / sizeof(size_t); i++) {
        size_t n = (&drawn[0][0][0][0])[i];
        if (n > 0) {
            double off = (double)n - (double)each;
            chi2 += off * off / (double)each;
            n_seen++;
        }
    }
    assert_int_equal(n_seen, n_problems);
    /* Mean n - 1, deviation sqrt(2 n): six deviations. */
    double mean = (double)n_problems - 1.0, off = chi2 - mean;
    assert_true(off * off < 36.0 * 2.0 * mean);
}

static void a_setting_without_solvable_problems_is_refused(void **state)
{
    (void)state;
    tj_countdown_config cfg = config(2, 1, 2, 90, 99, 100);
    tj_countdown_problem p;
    tj_countdown_problem *set;
    tj_rng rng;
    tj_rng_init(&rng, 1, 0, 0, 0);
    assert_int_equal(tj_countdown_draw(&p, &cfg, TJ_SPLIT_TRAIN, 0, &rng, NULL), TJ_E_LIMIT);
    assert_int_equal(tj_countdown_make_set(&set, 1, 1, &cfg, TJ_SPLIT_TRAIN, 0, 0, NULL),
                     TJ_E_LIMIT);
    assert_null(set);
}

static void a_set_has_different_problems_of_its_split_and_repeats(void **state)
{
    (void)state;
    tj_countdown_config cfg = config(4, 1, 13, 1, 100, 100);
    tj_countdown_problem *set, *again, *other;
    const size_t n = 1500;
    assert_int_equal(tj_countdown_make_set(&set, n, 2, &cfg, TJ_SPLIT_TEST, 4, 9, NULL), TJ_OK);
    assert_int_equal(tj_countdown_make_set(&again, n, 1, &cfg, TJ_SPLIT_TEST, 4, 9, NULL), TJ_OK);
    assert_int_equal(tj_countdown_make_set(&other, n, 1, &cfg, TJ_SPLIT_TEST, 4, 10, NULL), TJ_OK);
    assert_memory_equal(set, again, n * sizeof *set);
    assert_memory_not_equal(set, other, n * sizeof *set);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(tj_countdown_split_of(&set[i], 4), TJ_SPLIT_TEST);
        for (size_t j = 0; j < i; j++) {
            if (memcmp(&set[i], &set[j], sizeof set[i]) == 0) {
                fail_msg("problems %zu and %zu are equal", j, i);
            }
        }
    }
    tj_free(set);
    tj_free(again);
    tj_free(other);
}

static void a_set_can_be_the_whole_split_but_not_more(void **state)
{
    (void)state;
    tj_countdown_config cfg = config(3, 1, 9, 1, 20, 30);
    size_t n_multisets, n;
    tj_countdown_problem *set;
    tj_err err;
    assert_int_equal(
        tj_countdown_count_split(&cfg, TJ_SPLIT_VALID, 1, SIZE_MAX, &n_multisets, &n, NULL), TJ_OK);
    assert_true(n > 20);
    assert_int_equal(tj_countdown_make_set(&set, n, 1, &cfg, TJ_SPLIT_VALID, 1, 0, NULL), TJ_OK);
    tj_free(set);
    assert_int_equal(tj_countdown_make_set(&set, n + 1, 1, &cfg, TJ_SPLIT_VALID, 1, 0, &err),
                     TJ_E_LIMIT);
    assert_null(set);
    assert_int_equal(tj_countdown_make_set(&set, n / 2 + 1, 2, &cfg, TJ_SPLIT_VALID, 1, 0, &err),
                     TJ_E_LIMIT);
    assert_int_equal(tj_countdown_make_set(&set, SIZE_MAX, 2, &cfg, TJ_SPLIT_VALID, 1, 0, &err),
                     TJ_E_INVAL);
}

static void a_set_survives_failing_allocations(void **state)
{
    (void)state;
    tj_countdown_config cfg = config(3, 1, 9, 1, 20, 30);
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_countdown_problem *set;
        tj_alloc_fail_after(k);
        rc = tj_countdown_make_set(&set, 20, 1, &cfg, TJ_SPLIT_TRAIN, 1, 0, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK ? set != NULL : rc == TJ_E_NOMEM && set == NULL);
        tj_free(set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_equal_plain_enumeration),
        cmocka_unit_test(playing_cards_make_1820_multisets),
        cmocka_unit_test(settings_too_large_to_count_say_so),
        cmocka_unit_test(wrong_settings_are_named),
        cmocka_unit_test(a_split_depends_on_numbers_and_seed_alone),
        cmocka_unit_test(draws_are_even_over_the_problems_of_a_split),
        cmocka_unit_test(a_setting_without_solvable_problems_is_refused),
        cmocka_unit_test(a_set_has_different_problems_of_its_split_and_repeats),
        cmocka_unit_test(a_set_can_be_the_whole_split_but_not_more),
        cmocka_unit_test(a_set_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
