/* Evaluation: how good are the answers, how sure can one be of it, and what happened on the way.
 *
 *   scores [seed, problem] ──▶ accuracy  with a bootstrap interval over problems
 *   two of them, paired    ──▶ difference with interval, spread over seeds, McNemar's exact test
 *   samples of one problem ──▶ majority vote, pass@k
 *   a tj_walk of an answer ──▶ process counts: wrong results noticed, missed, recovered, needless
 *                              backtracks, repeated branches, success after a backtrack
 *
 * Everything is pure computation on values in memory. What is random (the bootstrap) is drawn from
 * Philox streams keyed by (seed, purpose, resample), so that equal inputs give equal bits for any
 * number of threads. The JSON forms are those of docs/report.md.
 *
 * Ownership: structs are plain data without pointers of their own; json_t results are new
 * references. Threads:   no shared state; functions that take a tj_boot_config use tj_par_for, and
 * so are called from one thread at a time. Cost:      a bootstrap is n_resamples * n_problems draws
 * (2,000 problems: about 0.2 s a core).
 */
#ifndef TJ_EVAL_EVAL_H
#define TJ_EVAL_EVAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "task/task.h"

#define TJ_EVAL_MAX_SEEDS    64 /* seeds are listed one by one; more would not be read */
#define TJ_EVAL_MAX_ATTEMPTS 8  /* attempts told apart; the last one stands for all later ones */
#define TJ_EVAL_MAX_STRATA   32 /* strata of difficulty */

/* ------------------------------------------------------------ accuracy and differences */

typedef struct tj_boot_config {
    size_t n_resamples; /* at least 100, at most 10,000,000 */
    double level;       /* of the interval, in (0, 1) */
    uint64_t seed;
} tj_boot_config;
void tj_boot_config_default(tj_boot_config *cfg); /* 10,000 resamples, 0.95, seed 1 */

typedef struct tj_interval {
    double mean, low, high;
} tj_interval;

/* The mean of values [n] with its percentile bootstrap interval (Efron 1979): the quantiles (linear
 * between order statistics) of the means of n values drawn with replacement.
 * Errors: TJ_E_INVAL (n = 0, a bad config), TJ_E_NUMERIC (a value is not finite), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_eval_mean(tj_interval *out, const double *values, size_t n,
                                 const tj_boot_config *cfg, tj_err *err);

/* Scores of one arm on the same problems for every seed: 1 right, 0 wrong; fractions are allowed
 * (an expected score), but then there is no McNemar test. Borrowed. */
typedef struct tj_scores {
    const double *values; /* [n_seeds, n_problems], each in [0, 1] */
    size_t n_seeds;       /* 1 to TJ_EVAL_MAX_SEEDS */
    size_t n_problems;
} tj_scores;

typedef struct tj_accuracy {
    double accuracy, ci_low, ci_high; /* of the mean over seeds, interval over problems */
    double tokens_per_answer;         /* NaN when no tokens were given */
    double by_seed[TJ_EVAL_MAX_SEEDS];
    double seed_sd; /* sample standard deviation over seeds; NaN for one seed */
    size_t n_seeds, n_problems;
} tj_accuracy;

/* Each problem's score is its mean over seeds; the interval is a bootstrap over problems.
 * tokens [n_seeds, n_problems], or NULL. Errors as tj_eval_mean. */
TJ_MUST_USE tj_code tj_eval_accuracy(tj_accuracy *out, const tj_scores *scores,
                                     const double *tokens, const tj_boot_config *cfg, tj_err *err);

typedef struct tj_mcnemar {
    size_t only_a, only_b; /* problems that only a (only b) has right */
    double p;              /* two-sided; NaN when scores are not all 0 or 1 */
    double log10_p;        /* keeps its meaning where p underflows */
} tj_mcnemar;

typedef struct tj_difference {
    double points, ci_low, ci_high; /* a minus b, as fractions of 1 */
    double seed_sd;                 /* of points over seeds; NaN for one seed */
    double by_seed[TJ_EVAL_MAX_SEEDS];
    double a_by_seed[TJ_EVAL_MAX_SEEDS], b_by_seed[TJ_EVAL_MAX_SEEDS];
    tj_mcnemar mcnemar[TJ_EVAL_MAX_SEEDS]; /* of each seed; [0] is the one declared beforehand */
    size_t n_seeds, n_problems;
} tj_difference;

/* Paired: the difference of each problem is its mean over seeds, the interval a bootstrap over
 * problems. Errors: TJ_E_INVAL also when the shapes differ. */
TJ_MUST_USE tj_code tj_eval_difference(tj_difference *out, const tj_scores *a, const tj_scores *b,
                                       const tj_boot_config *cfg, tj_err *err);

/* McNemar's exact test: two-sided, twice the smaller tail of Binomial(only_a + only_b, 1/2), at
 * most 1. Summed in log space, so that large counts neither overflow nor underflow. O(counts). */
void tj_eval_mcnemar(tj_mcnemar *out, size_t only_a, size_t only_b);

/* Wilson's score interval for n_success of n (n > 0) at a level in (0, 1). */
void tj_eval_wilson(tj_interval *out, size_t n_success, size_t n, double level);

/* ------------------------------------------------------------ several samples a problem */

/* One sample's vote: its canonical final expression (tj_walk.expression). NULL or "" abstains; a
 * caller lets those abstain whose answer does not claim success (tj_eval_claims). */
typedef struct tj_vote {
    const char *key;     /* borrowed */
    double mean_logprob; /* of its tokens */
} tj_vote;

/* The sample that stands for the majority: the key with most votes, ties by the mean of its votes'
 * mean_logprob, then by the first vote; of that key's samples the one with the highest
 * mean_logprob, then the first. SIZE_MAX when all abstain. */
size_t tj_eval_majority(const tj_vote *votes, size_t n);

/* pass@k from n samples of which n_correct are right: 1 - C(n - c, k) / C(n, k), the unbiased
 * estimator of Chen et al. 2021 (arXiv:2107.03374), eq. (1); 1 <= k <= n. With k = n: any right. */
double tj_eval_pass_at(size_t n, size_t n_correct, size_t k);

/* Samples of `tokens_per_answer` tokens that together spend at least `budget` tokens (at least 1):
 * rounded up, so that a control is never given less than what it is compared with. */
size_t tj_eval_samples_for(double budget, double tokens_per_answer);

/* ------------------------------------------------------------ what happened on the way */

/* Counts about answers; of one answer or, added up, of many. An *attempt* is the lines from the
 * start or a BACK line to the next BACK line, if it has a step. Its *wrong result*, at most one, is
 * its first step that is invalid or that ends in a terminal state which is not the goal. */
typedef struct tj_process {
    size_t n_answers, n_correct;
    size_t n_tokens;    /* of the answers, end token included */
    size_t n_truncated; /* answers cut by the token limit */
    size_t n_attempts;

    size_t n_wrong;         /* wrong results = n_wrong_invalid + n_wrong_end */
    size_t n_wrong_invalid; /* an invalid step */
    size_t n_wrong_end;     /* valid steps to an end that is not the goal */
    /* What follows a wrong result, connective words aside: n_wrong = n_noticed + n_missed. */
    size_t n_noticed;        /* at once a FAILED or a BACK line */
    size_t n_missed;         /* = n_missed_claimed + n_missed_went_on + n_missed_stopped */
    size_t n_missed_claimed; /* a REACHED line: claims success */
    size_t n_missed_went_on; /* a further step, as if nothing had happened */
    size_t n_missed_stopped; /* the text ends */
    size_t n_noticed_late;   /* of n_missed_went_on: FAILED or BACK later in the same attempt */
    size_t n_answers_wrong;  /* answers with at least one wrong result */
    size_t n_recovered;      /* of those: correct in the end */

    size_t n_backtracks;          /* BACK lines */
    size_t n_answers_backtrack;   /* answers with at least one */
    size_t n_backtracks_needless; /* after success, or nothing wrong and the goal still solvable */
    size_t n_backtracks_early;    /* valid so far, not at an end, but dead: left before its end */
    size_t n_backtracks_bad;      /* to a state that was not visited */
    size_t n_repeated; /* attempts whose steps from the start equal those of an earlier attempt */

    size_t n_claims, n_false_claims;   /* REACHED lines; those that are not true */
    size_t n_denials, n_false_denials; /* FAILED lines; those at the goal */

    /* By attempt (0: the first; k: right after the k-th backtrack; the last: all later ones). */
    size_t tried[TJ_EVAL_MAX_ATTEMPTS];
    size_t succeeded[TJ_EVAL_MAX_ATTEMPTS]; /* reached the goal by valid steps */
} tj_process;

/* Counts one answer. `first` is the problem's first state (solvable, as all test problems are).
 * Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_eval_process(tj_process *out, const tj_walk *walk,
                                    const tj_task_state *first, size_t n_tokens, bool truncated,
                                    tj_err *err);
/* True when the answer's last verdict line (REACHED, FAILED, BACK) claims success. */
bool tj_eval_claims(const tj_walk *walk);
void tj_process_add(tj_process *sum, const tj_process *more);

/* The counts of many answers, as a whole and by difficulty. Zero-initialised before use. */
typedef struct tj_process_table {
    tj_process all;
    tj_process strata[TJ_EVAL_MAX_STRATA]; /* harder ones count in the last */
    size_t n_strata;                       /* highest seen + 1 */
} tj_process_table;
void tj_process_table_add(tj_process_table *table, const tj_process *answer, size_t difficulty);

/* ------------------------------------------------------------ as JSON (docs/report.md) */

/* New references; NULL when memory is exhausted. NaN becomes null. */
json_t *tj_accuracy_json(const tj_accuracy *accuracy);
/* seeds [difference->n_seeds]: the seeds' own numbers, to be listed. */
json_t *tj_difference_json(const tj_difference *difference, const uint64_t *seeds);
/* Counts, and the rates that follow from them (null where there is nothing to divide by). */
json_t *tj_process_json(const tj_process *process);
/* The same with "by_difficulty", named by the task; task may be NULL ("0", "1", …). */
json_t *tj_process_table_json(const tj_process_table *table, const tj_task *task);

#include "eval/harness.h"        /* what lm-evaluation-harness makes of an answer */
#include "eval/reward_figures.h" /* rewarders against people's labels */
#include "eval/samples.h"        /* several samples a problem, by our grader */

#endif
