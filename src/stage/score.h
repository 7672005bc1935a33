/* Rewards for trees that are in the workspace already: every step of every tree that a filter finds
 * is put to a rewarder, and what became of it is a judgement, given or failed, with its rewards and
 * its cost, in one transaction. The run resumes after a crash with the first step that has none;
 * answers of servers that were paid for before it are in the response cache.
 *
 * Part of stage.h.
 *
 * Ownership: stated at each function.
 * Threads:   confined to one thread.
 */
#ifndef TJ_STAGE_SCORE_H
#define TJ_STAGE_SCORE_H

#include <jansson.h>

#include "store/store.h"
#include "tree/tree.h"

#define TJ_SCORE_MAX_PIECE 4096 /* steps put to a rewarder at once */

typedef struct tj_score_config {
    tj_rewarder_kind kind;
    const char *url;        /* NULL: none */
    const json_t *settings; /* an object: all that the rewards depend on, beside the seed */
    uint64_t seed;
    tj_tree_filter trees;      /* which; `after`, `limit` and `newest` are not read */
    const int64_t *tree_ids;   /* [n_tree_ids] these instead; NULL: those of the filter */
    size_t n_tree_ids;
    const tj_run_input *files; /* [n_files] what the rewarder reads: models, prompts */
    size_t n_files;
    size_t piece;   /* steps put to the rewarder at once, and lost by a crash at most */
    bool by_trees;  /* a piece is whole trees: for rewarders that look at paths */
    const char *build_id, *isa;
} tj_score_config;

/* What the run came to, from its rows. */
typedef struct tj_score_result {
    int64_t run;
    bool was_done; /* by an earlier call: nothing was asked */
    size_t n_trees, n_steps, n_judged, n_failed;
    size_t n_right; /* values at or above the rewarder's threshold */
    size_t n_low, n_high, n_between; /* values that are its lowest, its highest, neither */
    double sum;                      /* of the values */
    uint64_t n_tries;
    tj_run_cost cost; /* of all judgements, whoever paid */
    uint64_t cached_tokens; /* of it such as a cache held, in this call only */
    double cached_money;
    char failure[TJ_STEP_REASON_BYTES]; /* of the first judgement that failed; "": none */
} tj_score_result;

/* Runs it. Errors: TJ_E_INVAL (no tree, the run of a tree is not done, a setting), TJ_E_LIMIT (trees
 * of too many runs), TJ_E_CANCELLED, those of the rewarder and the store; the run can be resumed by
 * the same call. *out is what it came to until then. */
TJ_MUST_USE tj_code tj_score_trees(tj_store *store, tj_score_result *out, const tj_scorer *scorer,
                                   const tj_score_config *cfg, const tj_job *job, tj_err *err);

#endif
