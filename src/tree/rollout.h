/* Monte-Carlo: what a step is worth is how often a policy reaches the right answer from it. k
 * rollouts go on from the step to the end of the solution, and the grader compares each one's
 * answer with the reference (or the task's verifier judges the whole walk, where there is one).
 *
 *     value = right / k, in [0, 1], with Wilson's interval in the reason
 *
 * A rollout that was cut, gives no answer, or whose answer the grader cannot decide is not right; the
 * reason counts them. A step that gives the final answer itself is graded alone, without rollouts.
 * Rollouts of a step depend on the scorer's seed and the ask's key alone.
 *
 * Internal to tree; others open it by its settings (scorers.h).
 *
 * Ownership: stated at each function.
 * Threads:   as tj_scorer.
 */
#ifndef TJ_TREE_ROLLOUT_H
#define TJ_TREE_ROLLOUT_H

#include "tree/asking.h"

#define TJ_MAX_ROLLOUTS 256 /* of a step */

typedef struct tj_rollout_config {
    char name[TJ_SCORER_NAME_BYTES];
    char prompt[64];  /* a prompt task (task/prompts.h) */
    size_t shots;     /* of its examples, at most */
    size_t rollouts;  /* of a step */
    size_t max_tokens;
    double temperature, top_p;
    int unanswered; /* tj_unanswered */
    uint64_t seed;
} tj_rollout_config;
void tj_rollout_config_default(tj_rollout_config *cfg);
extern const tj_field tj_rollout_fields[];

typedef struct tj_rollouts tj_rollouts;
/* Keeps task (NULL: answers are graded). Without a model yet, since the grader's process is best
 * begun before a model begins threads. Errors: TJ_E_INVAL (the prompt), those of
 * tj_grade_pool_create. */
TJ_MUST_USE tj_code tj_rollouts_create(tj_rollouts **out, const tj_rollout_config *cfg,
                                       const tj_task *task, tj_err *err);
void tj_rollouts_take_model(tj_rollouts *rollouts, const tj_asked_model *model);
void tj_rollouts_destroy(tj_rollouts *rollouts); /* NULL is allowed */

/* Measures asks[which[i]] into out[which[i]], i < n; each was empty. Errors: as tj_scorer.score; the
 * caller then empties out. */
TJ_MUST_USE tj_code tj_rollouts_measure(tj_rollouts *rollouts, tj_score *out,
                                        const tj_score_ask *asks, const size_t *which, size_t n,
                                        const tj_job *job, tj_err *err);

/* OmegaPRM's search for the first wrong step (Luo et al. 2024, arXiv:2406.06592, section 3.2): a
 * step from which some rollout is right is taken for right with all steps before it, one from which
 * none is for wrong; so that halving finds the first wrong step of n in about log2(n) measurements.
 * Each path of the asks is searched, and what paths share is measured once. Values: 1 before the
 * first wrong step, -1 at it, 0 behind it, where nothing is said. */
TJ_MUST_USE tj_code tj_rollouts_search(tj_rollouts *rollouts, tj_score *out,
                                       const tj_score_ask *asks, size_t n, const tj_job *job,
                                       tj_err *err);

/* The scorers; both take rollouts on success. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_rollout_scorer(tj_scorer *out, tj_rollouts *rollouts,
                                      const char *name, bool searches, tj_err *err);

#endif
