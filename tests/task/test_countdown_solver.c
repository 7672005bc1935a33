/* The solver against two other ways to the answer: the values of all subsets joined in pairs, and
 * the rules of the game written out over ordered pairs. Random states lean to small and equal
 * numbers, zeros, and bounds that cut results off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "task/task.h"

#define MAX_VALUE 64 /* of the random states, so that sets of values are bit masks */

static const tj_countdown_config cfg = {.n_numbers = 4,
                                        .number_min = 1,
                                        .number_max = 13,
                                        .target_min = 1,
                                        .target_max = MAX_VALUE - 1,
                                        .value_max = MAX_VALUE - 1};

static tj_countdown_state random_state(tj_rng *rng, size_t max_n)
{
    uint32_t n = (uint32_t)(1 + tj_rng_below(rng, max_n));
    uint32_t top = (uint32_t)(1 + tj_rng_below(rng, 25));
    tj_countdown_state s = {.n_numbers = n, .n_given = n};
    for (uint32_t i = 0; i < n; i++) { /* ascending by adding; zeros and equal numbers are common */
        uint32_t least = i == 0 ? 0 : s.numbers[i - 1];
        s.numbers[i] = least + (uint32_t)tj_rng_below(rng, top / n + 1);
    }
    s.target = (uint32_t)tj_rng_below(rng, MAX_VALUE);
    return s;
}

/* All results of one operation on values of two bit masks. */
static uint64_t join(uint64_t left, uint64_t right, uint64_t value_max)
{
    uint64_t made = 0;
    for (uint64_t a = 0; a < MAX_VALUE; a++) {
        for (uint64_t b = 0; b < MAX_VALUE && (left >> a & 1) != 0; b++) {
            if ((right >> b & 1) == 0) {
                continue;
            }
            const uint64_t results[] = {a + b, a * b, a >= b ? a - b : UINT64_MAX,
                                        b != 0 && a % b == 0 ? a / b : UINT64_MAX};
            for (size_t i = 0; i < 4; i++) {
                made |= results[i] <= value_max ? UINT64_C(1) << results[i] : 0;
            }
        }
    }
    return made;
}

/* What a subset of the numbers can make is what any of its two halves can make, joined. */
static uint64_t values_of_all(const tj_countdown_state *s, uint64_t value_max)
{
    uint64_t values[1 << TJ_COUNTDOWN_MAX_NUMBERS] = {0};
    for (size_t set = 1; set < (size_t)1 << s->n_numbers; set++) {
        for (size_t i = 0; i < s->n_numbers; i++) {
            if (set == (size_t)1 << i) {
                values[set] = UINT64_C(1) << s->numbers[i];
            }
        }
        for (size_t half = (set - 1) & set; half > 0; half = (half - 1) & set) {
            values[set] |= join(values[half], values[set ^ half], value_max);
        }
    }
    return values[((size_t)1 << s->n_numbers) - 1];
}

static void solvable_agrees_with_joined_subsets(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 11, 0, 0, 0);
    for (size_t trial = 0; trial < 300; trial++) {
        tj_countdown_state s = random_state(&rng, 5);
        tj_countdown_config c = cfg;
        c.value_max = s.n_numbers == 0 ? 1 : s.numbers[s.n_numbers - 1];
        c.value_max += tj_rng_below(&rng, MAX_VALUE - c.value_max);
        uint64_t values = values_of_all(&s, c.value_max);
        for (s.target = 0; s.target < MAX_VALUE; s.target++) {
            bool want = (values >> s.target & 1) != 0;
            if (tj_countdown_solvable(&c, &s) != want) {
                fail_msg("trial %zu: %u numbers, target %u: expected %d", trial, s.n_numbers,
                         s.target, want);
            }
        }
    }
}

/* The rules: which steps there are, over ordered pairs of positions, as text. */
static size_t legal_keys(const tj_countdown_config *c, const tj_countdown_state *s,
                         char keys[][TJ_STEP_KEY_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_numbers; i++) {
        for (size_t j = 0; j < s->n_numbers; j++) {
            uint32_t a = s->numbers[i], b = s->numbers[j];
            for (const char *op = "+-*/"; i != j && *op != '\0'; op++) {
                uint32_t r = *op == '+' ? a + b : *op == '*' ? a * b : *op == '-' ? a - b : 0;
                bool legal = *op == '-' ? a >= b : *op == '/' ? b != 0 && a % b == 0 : a >= b;
                r = *op == '/' && legal ? a / b : r;
                if (!legal || r > c->value_max) {
                    continue;
                }
                char key[TJ_STEP_KEY_BYTES];
                (void)snprintf(key, sizeof key, "%u%c%u=%u", a, *op, b, r);
                bool known = false;
                for (size_t k = 0; k < n; k++) {
                    known = known || strcmp(keys[k], key) == 0;
                }
                if (!known) {
                    memcpy(keys[n++], key, sizeof key);
                }
            }
        }
    }
    return n;
}

static void steps_are_all_legal_ones_once(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 12, 0, 0, 0);
    for (size_t trial = 0; trial < 2000; trial++) {
        tj_countdown_state s = random_state(&rng, 6);
        char want[256][TJ_STEP_KEY_BYTES];
        size_t n_want = legal_keys(&cfg, &s, want);
        tj_countdown_step steps[TJ_COUNTDOWN_MAX_STEPS];
        size_t n = tj_countdown_steps(&cfg, &s, steps);
        assert_int_equal(n, n_want);
        for (size_t i = 0; i < n; i++) {
            char key[TJ_STEP_KEY_BYTES];
            (void)snprintf(key, sizeof key, "%u%c%u=%u", steps[i].a, steps[i].op, steps[i].b,
                           steps[i].result);
            bool found = false;
            for (size_t k = 0; k < n_want && !found; k++) {
                found = strcmp(want[k], key) == 0;
                if (found) {
                    want[k][0] = '\0'; /* each once */
                }
            }
            assert_true(found);
        }
    }
}

/* Every sequence of legal steps, counted without cutting anything off. */
static size_t count_plainly(const tj_countdown_state *s)
{
    if (s->n_numbers == 1) {
        return s->numbers[0] == s->target;
    }
    tj_countdown_step steps[TJ_COUNTDOWN_MAX_STEPS];
    size_t n = tj_countdown_steps(&cfg, s, steps), count = 0;
    for (size_t i = 0; i < n; i++) {
        tj_countdown_state after = *s;
        tj_countdown_apply(&after, &steps[i]);
        count += count_plainly(&after);
    }
    return count;
}

static void solutions_are_counted_up_to_the_bound(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 13, 0, 0, 0);
    for (size_t trial = 0; trial < 300; trial++) {
        tj_countdown_state s = random_state(&rng, 4);
        size_t want = count_plainly(&s);
        assert_int_equal(tj_countdown_n_solutions(&cfg, &s, SIZE_MAX), want);
        assert_int_equal(tj_countdown_n_solutions(&cfg, &s, 3), want < 3 ? want : 3);
        assert_int_equal(tj_countdown_n_solutions(&cfg, &s, 0), 0);
        assert_int_equal(tj_countdown_solvable(&cfg, &s), want > 0);
    }
}

static void a_drawn_solution_reaches_the_target_by_legal_steps(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 14, 0, 0, 0);
    for (size_t trial = 0; trial < 2000; trial++) {
        tj_countdown_state s = random_state(&rng, 5);
        tj_countdown_step steps[TJ_COUNTDOWN_MAX_NUMBERS];
        bool solved = tj_countdown_solve(&cfg, &s, steps, &rng);
        assert_int_equal(solved, tj_countdown_solvable(&cfg, &s));
        for (size_t i = 0; solved && s.n_numbers > 1; i++) {
            tj_line_verdict verdict;
            tj_buf line;
            tj_countdown_state after = s;
            tj_countdown_apply(&after, &steps[i]);
            tj_buf_init(&line);
            tj_countdown_write_step(&line, i + 1, &steps[i], &after);
            tj_countdown_judge_line(&cfg, &s, line.data, line.len - 1, &verdict, &s);
            tj_buf_deinit(&line);
            assert_true(verdict.valid);
            assert_memory_equal(&s, &after, sizeof s);
        }
        assert_true(!solved || s.numbers[0] == s.target);
    }
}

/* 1 2 3, make 6: from the start 1 + 2, 1 * 2, 3 + 2, 3 * 2, 3 + 1 ... each solvable first step is
 * drawn about as often as any other. */
static void solve_draws_first_steps_evenly(void **state)
{
    (void)state;
    const tj_countdown_state s = {.numbers = {1, 2, 3}, .n_numbers = 3, .n_given = 3, .target = 6};
    tj_countdown_step all[TJ_COUNTDOWN_MAX_STEPS];
    size_t n = tj_countdown_steps(&cfg, &s, all), n_good = 0, drawn[TJ_COUNTDOWN_MAX_STEPS] = {0};
    tj_rng rng;
    tj_rng_init(&rng, 15, 0, 0, 0);
    enum { DRAWS = 20000 };
    for (size_t k = 0; k < DRAWS; k++) {
        tj_countdown_step steps[2];
        assert_true(tj_countdown_solve(&cfg, &s, steps, &rng));
        for (size_t i = 0; i < n; i++) {
            drawn[i] +=
                all[i].a == steps[0].a && all[i].b == steps[0].b && all[i].op == steps[0].op;
        }
    }
    for (size_t i = 0; i < n; i++) {
        tj_countdown_state after = s;
        tj_countdown_apply(&after, &all[i]);
        n_good += tj_countdown_solvable(&cfg, &after);
    }
    assert_true(n_good > 2);
    for (size_t i = 0; i < n; i++) {
        tj_countdown_state after = s;
        tj_countdown_apply(&after, &all[i]);
        size_t want = tj_countdown_solvable(&cfg, &after) ? DRAWS / n_good : 0;
        /* Five standard deviations of a binomial count are below 5 sqrt(want). */
        size_t off = drawn[i] > want ? drawn[i] - want : want - drawn[i];
        assert_true(off * off <= 25 * want);
    }
}

static void random_steps_are_legal_and_end_with_one_number(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 16, 0, 0, 0);
    for (size_t trial = 0; trial < 2000; trial++) {
        tj_countdown_state s = random_state(&rng, 6);
        tj_countdown_step step;
        while (tj_countdown_random_step(&cfg, &s, &step, &rng)) {
            char keys[256][TJ_STEP_KEY_BYTES], key[TJ_STEP_KEY_BYTES];
            size_t n = legal_keys(&cfg, &s, keys), found = 0;
            (void)snprintf(key, sizeof key, "%u%c%u=%u", step.a, step.op, step.b, step.result);
            for (size_t i = 0; i < n; i++) {
                found += strcmp(keys[i], key) == 0;
            }
            assert_int_equal(found, 1);
            tj_countdown_apply(&s, &step);
        }
        assert_int_equal(s.n_numbers, 1); /* subtracting is always legal */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solvable_agrees_with_joined_subsets),
        cmocka_unit_test(steps_are_all_legal_ones_once),
        cmocka_unit_test(solutions_are_counted_up_to_the_bound),
        cmocka_unit_test(a_drawn_solution_reaches_the_target_by_legal_steps),
        cmocka_unit_test(solve_draws_first_steps_evenly),
        cmocka_unit_test(random_steps_are_legal_and_end_with_one_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
