/* Means over problems with percentile bootstrap intervals.
 *
 * A resample draws n problems with replacement and takes the mean of their values. Each resample
 * has its own Philox stream, so resamples are shared out among threads and the interval does not
 * depend on how. All statistics here are means of one value a problem: arms over several seeds
 * become one by averaging over seeds first, so that the interval speaks of problems, and the
 * spread over seeds is stated beside it instead of being mixed in. */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/par.h"
#include "base/rng.h"
#include "eval/eval.h"
#include "eval/quantiles.h"

#define BOOT_PURPOSE   UINT64_C(0x626f6f7473747270) /* "bootstrp": the `run` of these streams */
#define BOOT_BLOCK     64                           /* resamples a work item */
#define BOOT_MIN_DRAWS 100                          /* fewer have no tails to speak of */
#define BOOT_MAX_DRAWS 10000000

void tj_boot_config_default(tj_boot_config *cfg)
{
    *cfg = (tj_boot_config){.n_resamples = 10000, .level = 0.95, .seed = 1};
}

typedef struct boot {
    const double *values; /* [n] */
    uint32_t n;
    uint32_t reject_below; /* 2^32 mod n: products whose low half is below it are drawn again */
    uint64_t seed;
    size_t n_resamples;
    double *means; /* [n_resamples] */
} boot;

/* A uniform index in [0, n) by multiplication, without bias (Lemire 2019, arXiv:1805.10941). */
static uint32_t draw_index(const boot *b, tj_rng *rng)
{
    for (;;) {
        uint64_t product = (uint64_t)tj_rng_u32(rng) * b->n;
        if ((uint32_t)product >= b->reject_below) {
            return (uint32_t)(product >> 32);
        }
    }
}

static void resample_block(void *ctx, size_t item, size_t thread)
{
    const boot *b = ctx;
    (void)thread;
    size_t end = (item + 1) * BOOT_BLOCK;
    end = end < b->n_resamples ? end : b->n_resamples;
    for (size_t r = item * BOOT_BLOCK; r < end; r++) {
        tj_rng rng;
        tj_rng_init(&rng, b->seed, BOOT_PURPOSE, r, 0);
        double sum = 0.0;
        for (uint32_t i = 0; i < b->n; i++) {
            sum += b->values[draw_index(b, &rng)];
        }
        b->means[r] = sum / b->n;
    }
}

int tj_eval_compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double tj_eval_quantile(const double *sorted, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t below = (size_t)at;
    if (below + 1 >= n) {
        return sorted[n - 1];
    }
    double share = at - (double)below;
    return sorted[below] + share * (sorted[below + 1] - sorted[below]);
}

static tj_code check_boot(const tj_boot_config *cfg, size_t n, tj_err *err)
{
    if (n == 0 || n > UINT32_MAX) {
        return tj_fail(err, TJ_E_INVAL, "cannot resample %zu values", n);
    }
    if (cfg->n_resamples < BOOT_MIN_DRAWS || cfg->n_resamples > BOOT_MAX_DRAWS) {
        return tj_fail(err, TJ_E_INVAL, "n_resamples is %zu, expected %d to %d", cfg->n_resamples,
                       BOOT_MIN_DRAWS, BOOT_MAX_DRAWS);
    }
    if (!(cfg->level > 0.0 && cfg->level < 1.0)) {
        return tj_fail(err, TJ_E_INVAL, "level is %g, expected a number between 0 and 1",
                       cfg->level);
    }
    return TJ_OK;
}

tj_code tj_eval_mean(tj_interval *out, const double *values, size_t n, const tj_boot_config *cfg,
                     tj_err *err)
{
    tj_code rc = check_boot(cfg, n, err);
    if (rc != TJ_OK) {
        return rc;
    }
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return tj_fail(err, TJ_E_NUMERIC, "value %zu is not finite", i);
        }
        sum += values[i];
    }
    boot b = {.values = values, .n = (uint32_t)n, .seed = cfg->seed};
    b.reject_below = (uint32_t)(-b.n) % b.n;
    b.n_resamples = cfg->n_resamples;
    b.means = tj_calloc(b.n_resamples, sizeof *b.means);
    if (b.means == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu resamples", b.n_resamples);
    }
    tj_par_for((b.n_resamples + BOOT_BLOCK - 1) / BOOT_BLOCK, resample_block, &b);
    qsort(b.means, b.n_resamples, sizeof *b.means, tj_eval_compare);
    double tail = (1.0 - cfg->level) / 2.0;
    out->mean = sum / (double)n;
    out->low = tj_eval_quantile(b.means, b.n_resamples, tail);
    out->high = tj_eval_quantile(b.means, b.n_resamples, 1.0 - tail);
    tj_free(b.means);
    return TJ_OK;
}

/* ------------------------------------------------------------ arms over seeds */

static tj_code check_scores(const tj_scores *scores, const char *name, tj_err *err)
{
    if (scores->n_seeds == 0 || scores->n_seeds > TJ_EVAL_MAX_SEEDS || scores->n_problems == 0) {
        return tj_fail(err, TJ_E_INVAL,
                       "%s have %zu seeds and %zu problems, expected 1 to %d seeds", name,
                       scores->n_seeds, scores->n_problems, TJ_EVAL_MAX_SEEDS);
    }
    for (size_t i = 0; i < scores->n_seeds * scores->n_problems; i++) {
        if (!(scores->values[i] >= 0.0 && scores->values[i] <= 1.0)) {
            return tj_fail(err, TJ_E_INVAL, "%s: the score of seed %zu, problem %zu is %g", name,
                           i / scores->n_problems, i % scores->n_problems, scores->values[i]);
        }
    }
    return TJ_OK;
}

/* Mean of one seed's row. */
static double row_mean(const double *row, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += row[i];
    }
    return sum / (double)n;
}

/* Sample standard deviation; NaN for n = 1. */
static double sample_sd(const double *x, size_t n)
{
    if (n < 2) {
        return (double)NAN;
    }
    double mean = row_mean(x, n);
    double squares = 0.0;
    for (size_t i = 0; i < n; i++) {
        squares += (x[i] - mean) * (x[i] - mean);
    }
    return sqrt(squares / (double)(n - 1));
}

/* Mean over seeds of (a - b) for each problem (b may be NULL), with its interval. */
static tj_code mean_over_seeds(tj_interval *out, const tj_scores *a, const double *b,
                               const tj_boot_config *cfg, tj_err *err)
{
    double *mean = tj_calloc(a->n_problems, sizeof *mean);
    if (mean == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu means", a->n_problems);
    }
    for (size_t i = 0; i < a->n_problems; i++) {
        double sum = 0.0;
        for (size_t s = 0; s < a->n_seeds; s++) {
            size_t at = s * a->n_problems + i;
            sum += a->values[at] - (b == NULL ? 0.0 : b[at]);
        }
        mean[i] = sum / (double)a->n_seeds;
    }
    tj_code rc = tj_eval_mean(out, mean, a->n_problems, cfg, err);
    tj_free(mean);
    return rc;
}

tj_code tj_eval_accuracy(tj_accuracy *out, const tj_scores *scores, const double *tokens,
                         const tj_boot_config *cfg, tj_err *err)
{
    tj_code rc = check_scores(scores, "scores", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_interval mean;
    rc = mean_over_seeds(&mean, scores, NULL, cfg, err);
    if (rc != TJ_OK) {
        return rc;
    }
    *out = (tj_accuracy){.accuracy = mean.mean,
                         .ci_low = mean.low,
                         .ci_high = mean.high,
                         .n_seeds = scores->n_seeds,
                         .n_problems = scores->n_problems};
    for (size_t s = 0; s < scores->n_seeds; s++) {
        out->by_seed[s] = row_mean(scores->values + s * scores->n_problems, scores->n_problems);
    }
    out->seed_sd = sample_sd(out->by_seed, out->n_seeds);
    out->tokens_per_answer =
        tokens == NULL ? (double)NAN : row_mean(tokens, scores->n_seeds * scores->n_problems);
    return TJ_OK;
}

/* Discordant pairs of one seed; p is NaN where a score is neither 0 nor 1. */
static void compare_seed(tj_mcnemar *out, const double *a, const double *b, size_t n)
{
    size_t only_a = 0;
    size_t only_b = 0;
    for (size_t i = 0; i < n; i++) {
        if ((a[i] > 0.0 && a[i] < 1.0) || (b[i] > 0.0 && b[i] < 1.0)) {
            *out = (tj_mcnemar){.p = (double)NAN, .log10_p = (double)NAN};
            return;
        }
        only_a += a[i] > b[i];
        only_b += a[i] < b[i];
    }
    tj_eval_mcnemar(out, only_a, only_b);
}

tj_code tj_eval_difference(tj_difference *out, const tj_scores *a, const tj_scores *b,
                           const tj_boot_config *cfg, tj_err *err)
{
    tj_code rc = check_scores(a, "scores of a", err);
    rc = rc != TJ_OK ? rc : check_scores(b, "scores of b", err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (a->n_seeds != b->n_seeds || a->n_problems != b->n_problems) {
        return tj_fail(err, TJ_E_INVAL,
                       "cannot pair %zu seeds of %zu problems with %zu seeds of %zu problems",
                       a->n_seeds, a->n_problems, b->n_seeds, b->n_problems);
    }
    tj_interval mean;
    rc = mean_over_seeds(&mean, a, b->values, cfg, err);
    if (rc != TJ_OK) {
        return rc;
    }
    *out = (tj_difference){.points = mean.mean,
                           .ci_low = mean.low,
                           .ci_high = mean.high,
                           .n_seeds = a->n_seeds,
                           .n_problems = a->n_problems};
    for (size_t s = 0; s < a->n_seeds; s++) {
        const double *row_a = a->values + s * a->n_problems;
        const double *row_b = b->values + s * a->n_problems;
        out->a_by_seed[s] = row_mean(row_a, a->n_problems);
        out->b_by_seed[s] = row_mean(row_b, a->n_problems);
        out->by_seed[s] = out->a_by_seed[s] - out->b_by_seed[s];
        compare_seed(&out->mcnemar[s], row_a, row_b, a->n_problems);
    }
    out->seed_sd = sample_sd(out->by_seed, out->n_seeds);
    return TJ_OK;
}
