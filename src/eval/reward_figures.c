/* Sums of a set, weighted by problem, give all figures; a resample is other weights. */
#include "eval/reward_figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/rng.h"
#include "eval/quantiles.h"

#define STREAM_RESAMPLE 0x72657764u /* `run` of the resamples' random streams */
#define MAX_CANDIDATES  512         /* thresholds tried */

const char *tj_reward_figure_name(tj_reward_figure figure)
{
    static const char *const names[] = {"wrong_precision",
                                        "wrong_recall",
                                        "wrong_f1",
                                        "right_precision",
                                        "right_recall",
                                        "right_f1",
                                        "accuracy",
                                        "brier",
                                        "ece",
                                        "auc",
                                        "first_erroneous",
                                        "first_correct",
                                        "first_f1"};
    _Static_assert(sizeof names / sizeof names[0] == TJ_N_REWARD_FIGURES, "a name each");
    return names[figure];
}

/* ------------------------------------------------------------ sums */

typedef struct sums {
    double found, false_alarms, missed, passed; /* of wrong: found and missed */
    double squares;                             /* of value - label */
    double bin_n[TJ_REWARD_BINS], bin_value[TJ_REWARD_BINS], bin_right[TJ_REWARD_BINS];
    double erroneous, erroneous_found, correct, correct_found;
    double pairs_won, pairs; /* of a right and a wrong step */
} sums;

static size_t bin_of(double value)
{
    size_t bin = (size_t)(value * TJ_REWARD_BINS);
    return bin < TJ_REWARD_BINS ? bin : TJ_REWARD_BINS - 1;
}

static void add_step(sums *s, const tj_rewarded *step, double threshold, double weight)
{
    double label = step->right ? 1.0 : 0.0;
    bool taken_right = step->value >= threshold;
    size_t bin = bin_of(step->value);
    *(step->right ? (taken_right ? &s->passed : &s->false_alarms)
                  : (taken_right ? &s->missed : &s->found)) += weight;
    s->squares += weight * (step->value - label) * (step->value - label);
    s->bin_n[bin] += weight;
    s->bin_value[bin] += weight * step->value;
    s->bin_right[bin] += weight * label;
}

/* What is found to be the first wrong step: n where none is, SIZE_MAX where a step before it has no
 * score. */
static size_t first_found(const tj_rewarded *steps, size_t n, double threshold)
{
    for (size_t i = 0; i < n; i++) {
        if (isnan(steps[i].value)) {
            return SIZE_MAX;
        }
        if (steps[i].value < threshold) {
            return i;
        }
    }
    return n;
}

static size_t first_wrong(const tj_rewarded *steps, size_t n)
{
    size_t i = 0;
    while (i < n && steps[i].right) {
        i++;
    }
    return i;
}

static void add_solution(sums *s, const tj_rewarded_set *set, size_t i, double threshold,
                         double weight)
{
    const tj_rewarded_solution *solution = &set->solutions[i];
    const tj_rewarded *steps = set->steps + solution->begin;
    size_t wrong = first_wrong(steps, solution->n);
    double hit = first_found(steps, solution->n, threshold) == wrong ? weight : 0.0;
    *(wrong < solution->n ? &s->erroneous : &s->correct) += weight;
    *(wrong < solution->n ? &s->erroneous_found : &s->correct_found) += hit;
}

/* The pairs of a right and a wrong step, by steps in the order of their values. */
static void add_pairs(sums *s, const tj_rewarded_set *set, const size_t *order, size_t n,
                      const double *weights)
{
    double wrong_below = 0.0;
    double n_right = 0.0;
    for (size_t i = 0; i < n;) {
        double wrong = 0.0;
        double right = 0.0;
        double value = set->steps[order[i]].value;
        for (; i < n && set->steps[order[i]].value == value; i++) {
            const tj_rewarded *step = &set->steps[order[i]];
            *(step->right ? &right : &wrong) += weights[step->problem];
        }
        s->pairs_won += right * (wrong_below + 0.5 * wrong);
        wrong_below += wrong;
        n_right += right;
    }
    s->pairs = n_right * wrong_below;
}

static void add_all(sums *s, const tj_rewarded_set *set, const size_t *order, size_t n_scored,
                    double threshold, const double *weights)
{
    *s = (sums){.found = 0.0};
    for (size_t i = 0; i < n_scored; i++) {
        const tj_rewarded *step = &set->steps[order[i]];
        add_step(s, step, threshold, weights[step->problem]);
    }
    for (size_t i = 0; i < set->n_solutions; i++) {
        add_solution(s, set, i, threshold, weights[set->solutions[i].problem]);
    }
    add_pairs(s, set, order, n_scored, weights);
}

/* ------------------------------------------------------------ figures */

static double share(double part, double whole)
{
    return whole > 0.0 ? part / whole : (double)NAN;
}

/* Harmonic mean; 0 where both are. */
static double harmonic(double a, double b)
{
    return a + b > 0.0 ? 2.0 * a * b / (a + b) : 0.0;
}

/* 2 TP / (2 TP + FP + FN): also defined where nothing was found. */
static double f1(double hits, double false_ones, double missed)
{
    return share(2.0 * hits, 2.0 * hits + false_ones + missed);
}

static void compute(double figures[TJ_N_REWARD_FIGURES], const sums *s)
{
    double n = s->found + s->false_alarms + s->missed + s->passed;
    double gap = 0.0;
    for (size_t b = 0; b < TJ_REWARD_BINS; b++) {
        gap += fabs(s->bin_value[b] - s->bin_right[b]);
    }
    figures[TJ_REWARD_WRONG_PRECISION] = share(s->found, s->found + s->false_alarms);
    figures[TJ_REWARD_WRONG_RECALL] = share(s->found, s->found + s->missed);
    figures[TJ_REWARD_WRONG_F1] = f1(s->found, s->false_alarms, s->missed);
    figures[TJ_REWARD_RIGHT_PRECISION] = share(s->passed, s->passed + s->missed);
    figures[TJ_REWARD_RIGHT_RECALL] = share(s->passed, s->passed + s->false_alarms);
    figures[TJ_REWARD_RIGHT_F1] = f1(s->passed, s->missed, s->false_alarms);
    figures[TJ_REWARD_ACCURACY] = share(s->found + s->passed, n);
    figures[TJ_REWARD_BRIER] = share(s->squares, n);
    figures[TJ_REWARD_ECE] = share(gap, n);
    figures[TJ_REWARD_AUC] = share(s->pairs_won, s->pairs);
    figures[TJ_REWARD_FIRST_ERRONEOUS] = share(s->erroneous_found, s->erroneous);
    figures[TJ_REWARD_FIRST_CORRECT] = share(s->correct_found, s->correct);
    figures[TJ_REWARD_FIRST_F1] =
        harmonic(figures[TJ_REWARD_FIRST_ERRONEOUS], figures[TJ_REWARD_FIRST_CORRECT]);
    if (!(s->erroneous > 0.0 && s->correct > 0.0)) {
        figures[TJ_REWARD_FIRST_F1] = (double)NAN;
    }
}

/* ------------------------------------------------------------ order */

typedef struct place {
    double value;
    size_t step;
} place;

static int by_value(const void *a, const void *b)
{
    const place *x = a;
    const place *y = b;
    return x->value != y->value ? (x->value < y->value ? -1 : 1)
                                : (x->step > y->step) - (x->step < y->step);
}

static tj_code check_set(const tj_rewarded_set *set, tj_err *err)
{
    if (set->n_steps == 0) {
        return tj_fail(err, TJ_E_INVAL, "no labelled step to measure a rewarder on");
    }
    for (size_t i = 0; i < set->n_steps; i++) {
        double v = set->steps[i].value;
        if (set->steps[i].problem >= set->n_problems || (!isnan(v) && !(v >= 0.0 && v <= 1.0))) {
            return tj_fail(err, TJ_E_INVAL, "step %zu: problem %zu of %zu, value %g", i,
                           set->steps[i].problem, set->n_problems, v);
        }
    }
    for (size_t i = 0; i < set->n_solutions; i++) {
        const tj_rewarded_solution *s = &set->solutions[i];
        if (s->problem >= set->n_problems || s->begin > set->n_steps ||
            s->n > set->n_steps - s->begin) {
            return tj_fail(err, TJ_E_INVAL, "solution %zu is beyond the set", i);
        }
    }
    return TJ_OK;
}

/* The scored steps by value: gives *out [*n] (tj_free). */
static tj_code sort_steps(size_t **out, size_t *n, const tj_rewarded_set *set, tj_err *err)
{
    place *places = tj_calloc(set->n_steps, sizeof *places);
    *out = tj_calloc(set->n_steps, sizeof **out);
    *n = 0;
    if (places == NULL || *out == NULL) {
        tj_free(places);
        tj_free(*out);
        *out = NULL;
        return tj_fail(err, TJ_E_NOMEM, "cannot sort %zu steps", set->n_steps);
    }
    for (size_t i = 0; i < set->n_steps; i++) {
        if (!isnan(set->steps[i].value)) {
            places[(*n)++] = (place){set->steps[i].value, i};
        }
    }
    qsort(places, *n, sizeof *places, by_value);
    for (size_t i = 0; i < *n; i++) {
        (*out)[i] = places[i].step;
    }
    tj_free(places);
    return TJ_OK;
}

/* ------------------------------------------------------------ intervals */

/* draws [n]: one figure of each resample; those that are not defined are left out. */
static void set_interval(tj_interval *out, double *draws, size_t n, double level)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(draws[i])) {
            draws[kept++] = draws[i];
        }
    }
    qsort(draws, kept, sizeof *draws, tj_eval_compare);
    bool has = kept > 0 && !isnan(out->mean);
    out->low = has ? tj_eval_quantile(draws, kept, (1.0 - level) / 2.0) : (double)NAN;
    out->high = has ? tj_eval_quantile(draws, kept, (1.0 + level) / 2.0) : (double)NAN;
}

static void draw_weights(double *weights, size_t n, const tj_boot_config *cfg, size_t resample)
{
    tj_rng rng;
    tj_rng_init(&rng, cfg->seed, STREAM_RESAMPLE, resample, 0);
    memset(weights, 0, n * sizeof *weights);
    for (size_t i = 0; i < n; i++) {
        weights[tj_rng_below(&rng, n)] += 1.0;
    }
}

static tj_code resample(tj_reward_measures *out, const tj_rewarded_set *set, const size_t *order,
                        size_t n_scored, double *weights, const tj_boot_config *cfg, tj_err *err)
{
    size_t n = cfg->n_resamples;
    double *draws = NULL; /* [figures, n] */
    size_t n_draws;
    if (tj_mul_size(&n_draws, n, TJ_N_REWARD_FIGURES)) {
        draws = tj_calloc(n_draws, sizeof *draws);
    }
    if (draws == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu resamples", n);
    }
    for (size_t r = 0; r < n; r++) {
        sums s;
        double figures[TJ_N_REWARD_FIGURES];
        draw_weights(weights, set->n_problems, cfg, r);
        add_all(&s, set, order, n_scored, out->threshold, weights);
        compute(figures, &s);
        for (size_t f = 0; f < TJ_N_REWARD_FIGURES; f++) {
            draws[f * n + r] = figures[f];
        }
    }
    for (size_t f = 0; f < TJ_N_REWARD_FIGURES; f++) {
        set_interval(&out->figures[f], draws + f * n, n, cfg->level);
    }
    tj_free(draws);
    return TJ_OK;
}

/* ------------------------------------------------------------ all of it */

static void take_sums(tj_reward_measures *out, const sums *s)
{
    double figures[TJ_N_REWARD_FIGURES];
    compute(figures, s);
    for (size_t f = 0; f < TJ_N_REWARD_FIGURES; f++) {
        out->figures[f].mean = figures[f];
    }
    out->n_found = (size_t)s->found;
    out->n_false = (size_t)s->false_alarms;
    out->n_missed = (size_t)s->missed;
    out->n_wrong = out->n_found + out->n_missed;
    out->n_right = out->n_false + (size_t)s->passed;
    out->n_steps = out->n_wrong + out->n_right;
    out->n_erroneous = (size_t)s->erroneous;
    out->n_correct = (size_t)s->correct;
    for (size_t b = 0; b < TJ_REWARD_BINS; b++) {
        out->bins[b] = (tj_reward_bin){.n = (size_t)s->bin_n[b],
                                       .n_right = (size_t)s->bin_right[b],
                                       .mean_value = share(s->bin_value[b], s->bin_n[b])};
    }
}

tj_code tj_reward_measure(tj_reward_measures *out, const tj_rewarded_set *set, double threshold,
                          const tj_boot_config *cfg, tj_err *err)
{
    size_t *order = NULL;
    double *weights = NULL;
    size_t n_scored = 0;
    sums s;
    *out = (tj_reward_measures){.threshold = threshold};
    if (cfg->n_resamples < 100 || cfg->n_resamples > 1000000 ||
        !(cfg->level > 0.0 && cfg->level < 1.0)) {
        return tj_fail(err, TJ_E_INVAL,
                       "%zu resamples at level %g: expected 100 to 1000000, (0, 1)",
                       cfg->n_resamples, cfg->level);
    }
    tj_code rc = check_set(set, err);
    if (rc == TJ_OK) {
        rc = sort_steps(&order, &n_scored, set, err);
    }
    if (rc == TJ_OK) {
        weights = tj_calloc(set->n_problems, sizeof *weights);
        rc = weights == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot weigh problems") : TJ_OK;
    }
    if (rc == TJ_OK) {
        for (size_t p = 0; p < set->n_problems; p++) {
            weights[p] = 1.0;
        }
        add_all(&s, set, order, n_scored, threshold, weights);
        take_sums(out, &s);
        out->n_unscored = set->n_steps - n_scored;
        rc = resample(out, set, order, n_scored, weights, cfg, err);
    }
    tj_free(order);
    tj_free(weights);
    return rc;
}

/* ------------------------------------------------------------ thresholds */

static double worth_of(const tj_rewarded_set *set, const size_t *order, size_t n_scored,
                       double threshold, tj_reward_criterion criterion)
{
    sums s = {.found = 0.0};
    double figures[TJ_N_REWARD_FIGURES];
    for (size_t i = 0; i < n_scored; i++) {
        add_step(&s, &set->steps[order[i]], threshold, 1.0);
    }
    for (size_t i = 0; i < set->n_solutions; i++) {
        add_solution(&s, set, i, threshold, 1.0);
    }
    compute(figures, &s);
    return figures[criterion == TJ_BY_FIRST_F1 ? TJ_REWARD_FIRST_F1 : TJ_REWARD_WRONG_F1];
}

tj_code tj_reward_choose(double *threshold, const tj_rewarded_set *set,
                         tj_reward_criterion criterion, tj_err *err)
{
    size_t *order = NULL;
    size_t n = 0;
    double best = -1.0;
    *threshold = 0.5;
    tj_code rc = check_set(set, err);
    if (rc == TJ_OK) {
        rc = sort_steps(&order, &n, set, err);
    }
    size_t n_tried = n < MAX_CANDIDATES ? n : MAX_CANDIDATES;
    for (size_t i = 0; rc == TJ_OK && n > 0 && i <= n_tried; i++) {
        /* the last is above all values */
        double at = i < n_tried ? set->steps[order[i * n / n_tried]].value
                                : nextafter(set->steps[order[n - 1]].value, 2.0);
        double worth = worth_of(set, order, n, at, criterion);
        bool nearer = worth == best && fabs(at - 0.5) < fabs(*threshold - 0.5);
        if (worth > best || nearer) {
            best = worth;
            *threshold = at;
        }
    }
    tj_free(order);
    return rc;
}

/* ------------------------------------------------------------ as JSON */

static json_t *bins_json(const tj_reward_measures *m)
{
    json_t *list = json_array();
    for (size_t b = 0; b < TJ_REWARD_BINS; b++) {
        const tj_reward_bin *bin = &m->bins[b];
        json_t *item =
            json_pack("{s:f, s:f, s:I, s:I, s:o}", "from", (double)b / TJ_REWARD_BINS, "to",
                      (double)(b + 1) / TJ_REWARD_BINS, "steps", (json_int_t)bin->n, "right",
                      (json_int_t)bin->n_right, "mean_value", tj_json_number(bin->mean_value));
        if (json_array_append_new(list, item) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *tj_reward_json(const tj_reward_measures *m)
{
    json_t *figures = json_object();
    for (size_t f = 0; f < TJ_N_REWARD_FIGURES; f++) {
        const tj_interval *x = &m->figures[f];
        if (json_object_set_new(figures, tj_reward_figure_name((tj_reward_figure)f),
                                json_pack("{s:o, s:o, s:o}", "value", tj_json_number(x->mean),
                                          "low", tj_json_number(x->low), "high",
                                          tj_json_number(x->high))) != 0) {
            json_decref(figures);
            return NULL;
        }
    }
    return json_pack("{s:f, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I}, s:{s:I, s:I}, s:o, s:o}",
                     "threshold", m->threshold, "steps", "scored", (json_int_t)m->n_steps,
                     "unscored", (json_int_t)m->n_unscored, "right", (json_int_t)m->n_right,
                     "wrong", (json_int_t)m->n_wrong, "found", (json_int_t)m->n_found,
                     "false_alarms", (json_int_t)m->n_false, "missed", (json_int_t)m->n_missed,
                     "solutions", "erroneous", (json_int_t)m->n_erroneous, "correct",
                     (json_int_t)m->n_correct, "figures", figures, "bins", bins_json(m));
}
