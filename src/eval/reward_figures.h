/* How good a rewarder is, against people's labels: the figures of `tabiji reward eval`.
 *
 * A value in [0, 1] stands for the probability that a step is right; a step is taken for wrong
 * where it is below a threshold. "Wrong" is the positive class of detecting errors, "right" that of
 * the paper's table; both are given. A threshold is chosen on other problems than those it is
 * measured on.
 *
 * Ownership: structs are plain data; json_t results are new references.
 * Threads:   no shared state.
 * Cost:      n_resamples passes over the steps.
 */
#ifndef TJ_EVAL_REWARD_FIGURES_H
#define TJ_EVAL_REWARD_FIGURES_H

#include "eval/eval.h"

#define TJ_REWARD_BINS 10 /* of calibration, equally wide (Guo et al. 2017, arXiv:1706.04599) */

typedef struct tj_rewarded {
    size_t problem; /* index in [0, n_problems): what intervals are over */
    double value;   /* NaN: it got no score */
    bool right;     /* people's label */
} tj_rewarded;

/* One solution, whose steps up to the first wrong one all have labels: steps [begin, begin + n). */
typedef struct tj_rewarded_solution {
    size_t problem, begin, n;
} tj_rewarded_solution;

/* Borrowed. */
typedef struct tj_rewarded_set {
    const tj_rewarded *steps;              /* [n_steps] */
    const tj_rewarded_solution *solutions; /* [n_solutions] */
    size_t n_steps, n_solutions, n_problems;
} tj_rewarded_set;

typedef enum tj_reward_criterion {
    TJ_BY_WRONG_F1 = 0, /* of detecting wrong steps */
    TJ_BY_FIRST_F1      /* of finding the first wrong step, where there are solutions */
} tj_reward_criterion;

typedef enum tj_reward_figure {
    TJ_REWARD_WRONG_PRECISION = 0,
    TJ_REWARD_WRONG_RECALL,
    TJ_REWARD_WRONG_F1,
    TJ_REWARD_RIGHT_PRECISION,
    TJ_REWARD_RIGHT_RECALL,
    TJ_REWARD_RIGHT_F1,
    TJ_REWARD_ACCURACY,
    TJ_REWARD_BRIER,           /* mean of (value - label)^2; smaller is better */
    TJ_REWARD_ECE,             /* expected calibration error over the bins; smaller is better */
    TJ_REWARD_AUC,             /* a right step has a higher value than a wrong one; ties half */
    TJ_REWARD_FIRST_ERRONEOUS, /* of solutions with an error: the first wrong step was found */
    TJ_REWARD_FIRST_CORRECT,   /* of solutions without: none was found */
    TJ_REWARD_FIRST_F1,        /* harmonic mean of the two, as ProcessBench (arXiv:2412.06559) */
    TJ_N_REWARD_FIGURES
} tj_reward_figure;
const char *tj_reward_figure_name(tj_reward_figure figure); /* "wrong_f1" */

typedef struct tj_reward_bin {
    size_t n, n_right;
    double mean_value; /* NaN where n is 0 */
} tj_reward_bin;

typedef struct tj_reward_measures {
    double threshold;
    size_t n_steps, n_right, n_wrong;  /* scored ones */
    size_t n_unscored;                 /* left out of the figures of steps */
    size_t n_found, n_false, n_missed; /* wrong: taken for it; right ones taken for it; not taken */
    size_t n_erroneous, n_correct;     /* solutions; a step without a score is never found right */
    /* Each with its percentile bootstrap interval over problems; NaN where it is not defined. */
    tj_interval figures[TJ_N_REWARD_FIGURES];
    tj_reward_bin bins[TJ_REWARD_BINS];
} tj_reward_measures;

/* Errors: TJ_E_INVAL (no step, a problem out of range, a solution beyond the steps, a value that is
 * not in [0, 1], a bad config), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_reward_measure(tj_reward_measures *out, const tj_rewarded_set *set,
                                      double threshold, const tj_boot_config *cfg, tj_err *err);
/* The threshold that is best on a set: of the values there are (at most 512 quantiles of them), and
 * one above all; of several that are equal the one nearest to 0.5, then the lowest. 0.5 where
 * nothing is scored. Errors: as above. */
TJ_MUST_USE tj_code tj_reward_choose(double *threshold, const tj_rewarded_set *set,
                                     tj_reward_criterion criterion, tj_err *err);

/* {"threshold", "steps": {…}, "solutions": {…}, "figures": {NAME: {"value", "low", "high"}},
 * "bins": […]}; NaN becomes null. NULL when memory is exhausted. */
json_t *tj_reward_json(const tj_reward_measures *measures);

#endif
