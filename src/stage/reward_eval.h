/* Rewarders measured against people's labels: `tabiji reward eval`.
 *
 *     labelled set ─▶ asks ─▶ each rewarder ─▶ values ─┬─ validation problems ─▶ threshold
 *                                                      └─ test problems ─▶ figures with intervals
 *
 * A problem is in the validation part by its text alone (SHA-256), so that it is there in every set
 * and for every seed. Only steps that have a label are asked about.
 *
 * Ownership: stated at the function.
 * Threads:   one.
 */
#ifndef TJ_STAGE_REWARD_EVAL_H
#define TJ_STAGE_REWARD_EVAL_H

#include <jansson.h>

#include "eval/eval.h"
#include "tree/tree.h"

typedef struct tj_reward_contender {
    const tj_scorer *scorer;
    const char *spec;     /* as it was named */
    bool keeps_threshold; /* its own is used, and none is chosen */
} tj_reward_contender;

typedef struct tj_reward_eval_config {
    double valid_part; /* of the problems, in [0, 1); 0: thresholds are the rewarders' */
    bool by_first; /* thresholds by the first error's F1, where the validation part has solutions
                    * with and without one; else by the F1 of wrong steps */
    uint64_t seed; /* of rewarders that draw */
    tj_boot_config boot;
} tj_reward_eval_config;

/* Scores a set by each contender, and by two baselines: "always right", and "majority", which gives
 * every step the share of right ones in the validation part. Gives *out, a new reference, as
 * docs/rewards.md has it; NULL on error. Values of rewarders from -1 to 1 are mapped to [0, 1].
 * Errors: those of the scorers and of tj_reward_measure, TJ_E_INVAL (no problem is left to measure
 * on), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_reward_eval(json_t **out, const tj_labelled *set, const char *name,
                                   const tj_reward_contender *contenders, size_t n,
                                   const tj_reward_eval_config *cfg, const tj_job *job,
                                   tj_err *err);

#endif
