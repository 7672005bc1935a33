/* Exact search: take two of the numbers, put a result in their place, go on with one number fewer.
 * There are at most six numbers, so the recursion is at most five deep. Three numbers take at most
 * 48 results and four at most 1,152, less than a table of states would cost to keep; hence no memo.
 * Only the results of a pair matter for what can be reached, so equal ones are tried once. Where
 * solutions are counted or drawn, the steps themselves matter: tj_countdown_steps() lists those
 * that differ in their keys. */
#include <string.h>

#include "base/assert.h"
#include "task/countdown.h"

#define MAX_RESULTS 4

/* The distinct values that one operation makes of two numbers; returns how many. */
static size_t pair_results(uint32_t out[MAX_RESULTS], uint32_t a, uint32_t b, uint64_t value_max)
{
    uint32_t hi = a > b ? a : b, lo = a > b ? b : a;
    uint64_t sum = (uint64_t)hi + lo, product = (uint64_t)hi * lo;
    size_t n = 0;
    out[n++] = hi - lo;
    if (lo > 0 && sum <= value_max) { /* lo = 0: the same as hi - lo */
        out[n++] = (uint32_t)sum;
    }
    if (product <= value_max && !(hi == 2 && lo == 2)) { /* 2 * 2 = 2 + 2 */
        out[n++] = (uint32_t)product;
    }
    if (lo > 1 && hi % lo == 0) { /* lo = 1: the same as hi * lo */
        out[n++] = hi / lo;
    }
    return n;
}

/* True when one operation on two numbers makes the target. */
static bool pair_makes(uint32_t a, uint32_t b, uint32_t target)
{
    uint32_t hi = a > b ? a : b, lo = a > b ? b : a;
    return (uint64_t)hi + lo == target || hi - lo == target || (uint64_t)hi * lo == target ||
           (lo > 0 && (uint64_t)lo * target == hi);
}

/* rest = numbers without those at i < j; the result of the two is to be put at rest[n - 2]. */
static void take_pair(uint32_t *rest, const uint32_t *numbers, size_t n, size_t i, size_t j)
{
    size_t k = 0;
    for (size_t m = 0; m < n; m++) {
        if (m != i && m != j) {
            rest[k++] = numbers[m];
        }
    }
}

static bool reaches(const uint32_t *numbers, size_t n, uint32_t target, uint64_t value_max)
{
    if (n == 2) {
        return pair_makes(numbers[0], numbers[1], target);
    }
    uint32_t rest[TJ_COUNTDOWN_MAX_NUMBERS];
    uint32_t results[MAX_RESULTS];
    for (size_t i = 0; i + 1 < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            take_pair(rest, numbers, n, i, j);
            size_t n_results = pair_results(results, numbers[i], numbers[j], value_max);
            for (size_t r = 0; r < n_results; r++) {
                rest[n - 2] = results[r];
                if (reaches(rest, n - 1, target, value_max)) {
                    return true;
                }
            }
        }
    }
    return false;
}

bool tj_countdown_solvable(const tj_countdown_config *cfg, const tj_countdown_state *state)
{
    if (state->n_numbers == 1) {
        return state->numbers[0] == state->target;
    }
    return state->n_numbers > 1 && state->target <= cfg->value_max &&
           reaches(state->numbers, state->n_numbers, state->target, cfg->value_max);
}

void tj_countdown_mark_reachable(const tj_countdown_config *cfg, uint64_t *reachable,
                                 const uint32_t *numbers, size_t n, uint64_t *work)
{
    if (n == 1) {
        reachable[numbers[0] / 64] |= UINT64_C(1) << (numbers[0] % 64);
        ++*work;
        return;
    }
    uint32_t rest[TJ_COUNTDOWN_MAX_NUMBERS];
    uint32_t results[MAX_RESULTS];
    for (size_t i = 0; i + 1 < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            take_pair(rest, numbers, n, i, j);
            size_t n_results = pair_results(results, numbers[i], numbers[j], cfg->value_max);
            for (size_t r = 0; r < n_results; r++) {
                rest[n - 2] = results[r];
                tj_countdown_mark_reachable(cfg, reachable, rest, n - 1, work);
            }
        }
    }
}

/* Appends the legal steps of one pair, hi >= lo. */
static size_t add_pair_steps(tj_countdown_step *steps, size_t n, uint32_t hi, uint32_t lo,
                             uint64_t value_max)
{
    uint64_t sum = (uint64_t)hi + lo, product = (uint64_t)hi * lo;
    if (sum <= value_max) {
        steps[n++] = (tj_countdown_step){.a = hi, .b = lo, .result = (uint32_t)sum, .op = '+'};
    }
    steps[n++] = (tj_countdown_step){.a = hi, .b = lo, .result = hi - lo, .op = '-'};
    if (product <= value_max) {
        steps[n++] = (tj_countdown_step){.a = hi, .b = lo, .result = (uint32_t)product, .op = '*'};
    }
    if (lo > 0 && hi % lo == 0) {
        steps[n++] = (tj_countdown_step){.a = hi, .b = lo, .result = hi / lo, .op = '/'};
    } else if (lo == 0 && hi > 0) {
        steps[n++] = (tj_countdown_step){.a = lo, .b = hi, .result = 0, .op = '/'};
    }
    return n;
}

size_t tj_countdown_steps(const tj_countdown_config *cfg, const tj_countdown_state *state,
                          tj_countdown_step steps[TJ_COUNTDOWN_MAX_STEPS])
{
    const uint32_t *v = state->numbers; /* ascending, so equal numbers are neighbours */
    size_t n = 0;
    for (size_t i = 0; i + 1 < state->n_numbers; i++) {
        if (i > 0 && v[i] == v[i - 1]) {
            continue;
        }
        for (size_t j = i + 1; j < state->n_numbers; j++) {
            if (j > i + 1 && v[j] == v[j - 1]) {
                continue;
            }
            n = add_pair_steps(steps, n, v[j], v[i], cfg->value_max);
        }
    }
    TJ_ASSERT(n <= TJ_COUNTDOWN_MAX_STEPS);
    return n;
}

/* Adds solutions to `count` until it is max_count. */
static size_t count_solutions(const tj_countdown_config *cfg, const tj_countdown_state *state,
                              size_t count, size_t max_count)
{
    if (state->n_numbers == 1) {
        return count + (state->numbers[0] == state->target && count < max_count);
    }
    tj_countdown_step steps[TJ_COUNTDOWN_MAX_STEPS];
    size_t n = tj_countdown_steps(cfg, state, steps);
    for (size_t i = 0; i < n && count < max_count; i++) {
        if (state->n_numbers == 2) {
            count += steps[i].result == state->target;
            continue;
        }
        tj_countdown_state after = *state;
        tj_countdown_apply(&after, &steps[i]);
        count = count_solutions(cfg, &after, count, max_count);
    }
    return count;
}

size_t tj_countdown_n_solutions(const tj_countdown_config *cfg, const tj_countdown_state *state,
                                size_t max_count)
{
    return state->n_numbers == 0 ? 0 : count_solutions(cfg, state, 0, max_count);
}

bool tj_countdown_solve(const tj_countdown_config *cfg, const tj_countdown_state *state,
                        tj_countdown_step *steps, tj_rng *rng)
{
    if (!tj_countdown_solvable(cfg, state)) {
        return false;
    }
    tj_countdown_state at = *state;
    for (size_t k = 0; at.n_numbers > 1; k++) {
        tj_countdown_step choices[TJ_COUNTDOWN_MAX_STEPS];
        size_t n = tj_countdown_steps(cfg, &at, choices), n_good = 0;
        for (size_t i = 0; i < n; i++) {
            tj_countdown_state after = at;
            tj_countdown_apply(&after, &choices[i]);
            if (tj_countdown_solvable(cfg, &after)) {
                choices[n_good++] = choices[i];
            }
        }
        TJ_ASSERT(n_good > 0); /* a solvable state has a first step of a solution */
        steps[k] = choices[tj_rng_below(rng, n_good)];
        tj_countdown_apply(&at, &steps[k]);
    }
    return true;
}

bool tj_countdown_random_step(const tj_countdown_config *cfg, const tj_countdown_state *state,
                              tj_countdown_step *step, tj_rng *rng)
{
    tj_countdown_step choices[TJ_COUNTDOWN_MAX_STEPS];
    size_t n = tj_countdown_steps(cfg, state, choices);
    if (n == 0) {
        return false;
    }
    *step = choices[tj_rng_below(rng, n)];
    return true;
}
