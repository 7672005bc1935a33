/* Sets of countdown problems: how many a setting has, and how they are drawn.
 *
 * A multiset of n numbers from R values is a choice of n different places among R + n - 1 (stars
 * and bars: subtract 0, 1, ... from the places in order), so uniform multisets are uniform choices
 * of places, made by Floyd's algorithm (Bentley and Floyd 1987, "A sample of brilliance"). With a
 * uniform target, and kept only if solvable, every solvable problem is equally likely. */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "task/countdown.h"

/* Results looked at by one count: some ten seconds. 4 numbers of 1 to 60 fit, 5 of 1 to 30 too. */
#define COUNT_BUDGET UINT64_C(4000000000)

/* ------------------------------------------------------------ counting */

/* The next multiset in order, ascending numbers; false after the last. */
static bool next_multiset(tj_countdown_problem *p, const tj_countdown_config *cfg)
{
    for (size_t i = p->n_numbers; i-- > 0;) {
        if (p->numbers[i] < cfg->number_max) {
            uint32_t v = p->numbers[i] + 1;
            for (size_t j = i; j < p->n_numbers; j++) {
                p->numbers[j] = v;
            }
            return true;
        }
    }
    return false;
}

static void first_multiset(tj_countdown_problem *p, const tj_countdown_config *cfg)
{
    *p = (tj_countdown_problem){.n_numbers = (uint32_t)cfg->n_numbers};
    for (size_t i = 0; i < p->n_numbers; i++) {
        p->numbers[i] = (uint32_t)cfg->number_min;
    }
}

/* Bits set from target_min to target_max. */
static size_t count_targets(const tj_countdown_config *cfg, const uint64_t *reachable)
{
    size_t n = 0;
    for (size_t t = cfg->target_min; t <= cfg->target_max; t++) {
        n += (reachable[t / 64] >> (t % 64)) & 1;
    }
    return n;
}

/* Counts the multisets of a split, or of all when split is NULL. */
static tj_code count(const tj_countdown_config *cfg, const tj_split *split, uint64_t split_seed,
                     size_t stop_at, size_t *n_multisets, size_t *n_problems, tj_err *err)
{
    *n_multisets = 0;
    *n_problems = 0;
    tj_code rc = tj_countdown_check_config(cfg, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t n_words = cfg->value_max / 64 + 1;
    uint64_t *reachable = tj_calloc(n_words, sizeof *reachable);
    if (reachable == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu bits", cfg->value_max);
    }
    uint64_t work = 0;
    tj_countdown_problem p;
    first_multiset(&p, cfg);
    do {
        work++;
        if (split != NULL && tj_countdown_split_of(&p, split_seed) != *split) {
            continue;
        }
        ++*n_multisets;
        memset(reachable, 0, n_words * sizeof *reachable);
        work += n_words;
        tj_countdown_mark_reachable(cfg, reachable, p.numbers, p.n_numbers, &work);
        *n_problems += count_targets(cfg, reachable);
    } while (work < COUNT_BUDGET && *n_problems < stop_at && next_multiset(&p, cfg));
    tj_free(reachable);
    if (work >= COUNT_BUDGET) {
        return tj_fail(err, TJ_E_LIMIT,
                       "setting is too large to count: at least %zu problems of %zu multisets",
                       *n_problems, *n_multisets);
    }
    return TJ_OK;
}

tj_code tj_countdown_count(const tj_countdown_config *cfg, size_t *n_multisets, size_t *n_problems,
                           tj_err *err)
{
    tj_code rc = count(cfg, NULL, 0, SIZE_MAX, n_multisets, n_problems, err);
    if (rc == TJ_OK || rc == TJ_E_LIMIT) {
        /* C(R + n - 1, n), whole after each factor; settings far too large to count may have more
         * than a size_t holds, so it saturates. */
        size_t range = cfg->number_max - cfg->number_min + 1, product = 1;
        for (size_t k = 1; k <= cfg->n_numbers; k++) {
            if (!tj_mul_size(&product, product, range + k - 1)) {
                product = SIZE_MAX;
                break;
            }
            product /= k;
        }
        *n_multisets = product;
    }
    return rc;
}

tj_code tj_countdown_count_split(const tj_countdown_config *cfg, tj_split split,
                                 uint64_t split_seed, size_t stop_at, size_t *n_multisets,
                                 size_t *n_problems, tj_err *err)
{
    return count(cfg, &split, split_seed, stop_at, n_multisets, n_problems, err);
}

/* ------------------------------------------------------------ drawing */

/* Searches before a draw gives up, by n_numbers; together below a second or two. Two small numbers
 * make few of many targets, so short problems need more tries than long ones. */
static const size_t max_searches[TJ_COUNTDOWN_MAX_NUMBERS + 1] = {0,      0,     1000000, 500000,
                                                                  100000, 10000, 500};
#define MAX_OTHER_SPLIT 1000000 /* multisets in a row that are of another split */

/* Uniform among the multisets of the setting. */
static void draw_multiset(tj_countdown_problem *p, const tj_countdown_config *cfg, tj_rng *rng)
{
    size_t n = cfg->n_numbers;
    size_t n_places = cfg->number_max - cfg->number_min + n; /* R + n - 1 */
    p->n_numbers = (uint32_t)n;
    for (size_t k = 0; k < n; k++) {
        size_t last = n_places - n + k;
        uint32_t place = (uint32_t)tj_rng_below(rng, last + 1);
        for (size_t i = 0; i < k; i++) {
            if (p->numbers[i] == place) { /* taken: Floyd takes the last one instead */
                place = (uint32_t)last;
                break;
            }
        }
        p->numbers[k] = place;
    }
    tj_countdown_sort(p->numbers, n);
    for (size_t k = 0; k < n; k++) {
        p->numbers[k] = (uint32_t)(p->numbers[k] - k + cfg->number_min);
    }
}

/* Plays random legal steps to the end; false if that is no target of the setting. */
static bool play_target(tj_countdown_problem *p, const tj_countdown_config *cfg, tj_rng *rng)
{
    tj_countdown_state state;
    tj_countdown_step step;
    tj_countdown_first_state(&state, p);
    while (state.n_numbers > 1 && tj_countdown_random_step(cfg, &state, &step, rng)) {
        tj_countdown_apply(&state, &step);
    }
    p->target = state.numbers[0];
    return state.n_numbers == 1 && p->target >= cfg->target_min && p->target <= cfg->target_max;
}

static bool draw_target(tj_countdown_problem *p, const tj_countdown_config *cfg, tj_rng *rng)
{
    tj_countdown_state state;
    if (cfg->targets_by_play) {
        return play_target(p, cfg, rng);
    }
    p->target =
        (uint32_t)(cfg->target_min + tj_rng_below(rng, cfg->target_max - cfg->target_min + 1));
    tj_countdown_first_state(&state, p);
    return tj_countdown_solvable(cfg, &state);
}

tj_code tj_countdown_draw(tj_countdown_problem *out, const tj_countdown_config *cfg, tj_split split,
                          uint64_t split_seed, tj_rng *rng, tj_err *err)
{
    tj_code rc = tj_countdown_check_config(cfg, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t n_other = 0, n_searched = 0;
    while (n_other < MAX_OTHER_SPLIT && n_searched < max_searches[cfg->n_numbers]) {
        tj_countdown_problem p = {.n_numbers = 0};
        draw_multiset(&p, cfg, rng);
        if (tj_countdown_split_of(&p, split_seed) != split) {
            n_other++;
            continue;
        }
        n_other = 0;
        if (draw_target(&p, cfg, rng)) {
            *out = p;
            return TJ_OK;
        }
        n_searched++;
    }
    return tj_fail(err, TJ_E_LIMIT, "no solvable problem of the split found in %zu searches",
                   n_searched);
}

/* ------------------------------------------------------------ sets */

/* A set of problems by open addressing: slots hold index + 1 into an array of problems. */
typedef struct problem_set {
    size_t *slots; /* [n_slots], a power of two, at least twice the problems */
    size_t n_slots;
} problem_set;

static uint64_t problem_hash(const tj_countdown_problem *p)
{
    uint64_t h = p->target;
    for (size_t i = 0; i < p->n_numbers; i++) {
        h = (h ^ p->numbers[i]) * 0x9E3779B97F4A7C15u;
        h ^= h >> 32;
    }
    return h;
}

/* Adds problems[idx] unless an equal one is there; true if it was added. */
static bool add_problem(problem_set *set, const tj_countdown_problem *problems, size_t idx)
{
    size_t at = (size_t)problem_hash(&problems[idx]) & (set->n_slots - 1);
    while (set->slots[at] != 0) {
        if (memcmp(&problems[set->slots[at] - 1], &problems[idx], sizeof problems[idx]) == 0) {
            return false;
        }
        at = (at + 1) & (set->n_slots - 1);
    }
    set->slots[at] = idx + 1;
    return true;
}

/* Draws until n are different. A set of all problems of a split (margin 1) takes about
 * n (ln n + 1) draws, the coupon collector's; 100 n + 10000 are as good as never needed. */
static tj_code fill_set(tj_countdown_problem *problems, problem_set *set, size_t n,
                        const tj_countdown_config *cfg, tj_split split, uint64_t split_seed,
                        uint64_t seed, tj_err *err)
{
    tj_rng rng;
    tj_rng_init(&rng, seed, 0, (uint64_t)split, cfg->n_numbers);
    size_t n_filled = 0;
    for (size_t tries = 0; n_filled < n && tries / 100 < n + 100; tries++) {
        tj_code rc = tj_countdown_draw(&problems[n_filled], cfg, split, split_seed, &rng, err);
        if (rc != TJ_OK) {
            return rc;
        }
        n_filled += add_problem(set, problems, n_filled);
    }
    if (n_filled < n) {
        return tj_fail(err, TJ_E_LIMIT, "drew only %zu different problems of %zu", n_filled, n);
    }
    return TJ_OK;
}

/* TJ_E_LIMIT unless the split has margin * n problems. */
static tj_code check_margin(size_t n, size_t margin, const tj_countdown_config *cfg, tj_split split,
                            uint64_t split_seed, tj_err *err)
{
    size_t need, n_multisets, n_problems;
    if (!tj_mul_size(&need, n, margin > 1 ? margin : 1)) {
        return tj_fail(err, TJ_E_INVAL, "cannot ask for %zu times %zu problems", margin, n);
    }
    tj_code rc =
        tj_countdown_count_split(cfg, split, split_seed, need, &n_multisets, &n_problems, err);
    if (rc == TJ_OK && n_problems < need) {
        rc = tj_fail(err, TJ_E_LIMIT,
                     "the setting has %zu problems in this split, %zu needed (%zu times %zu)",
                     n_problems, need, margin, n);
    }
    return rc;
}

tj_code tj_countdown_make_set(tj_countdown_problem **out, size_t n, size_t margin,
                              const tj_countdown_config *cfg, tj_split split, uint64_t split_seed,
                              uint64_t seed, tj_err *err)
{
    *out = NULL;
    problem_set set = {.slots = NULL};
    tj_countdown_problem *problems = NULL;
    tj_code rc = check_margin(n, margin, cfg, split, split_seed, err);
    if (rc != TJ_OK) {
        return rc;
    }
    set.n_slots = 16;
    while (set.n_slots / 2 < n) { /* n problems were counted, so n is far from overflow */
        set.n_slots *= 2;
    }
    problems = tj_calloc(n, sizeof *problems);
    set.slots = tj_calloc(set.n_slots, sizeof *set.slots);
    if (problems == NULL || set.slots == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu problems", n);
        goto out;
    }
    rc = fill_set(problems, &set, n, cfg, split, split_seed, seed, err);
    if (rc == TJ_OK) {
        *out = problems;
        problems = NULL;
    }
out:
    tj_free(set.slots);
    tj_free(problems);
    return rc;
}
