/* Who gave which reward, what it was asked for it and what that cost; and what people and models
 * say beside numbers. Many rewarders may judge the same node, in runs of their own.
 *
 *     rewarder ──┬── reward (node, meaning, value, reason) ◀── judgement (the question's outcome)
 *       kind,    └── judgement: given, or failed with its error; tries, tokens, seconds, money
 *       model or URL, config
 *
 * Part of store.h.
 *
 * Ownership: strings given are borrowed, strings in results lent for the callback.
 * Threads:   those of the store.
 */
#ifndef TJ_STORE_REWARDS_H
#define TJ_STORE_REWARDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tree/tree.h"

typedef struct tj_store tj_store;

/* What was spent. */
typedef struct tj_run_cost {
    uint64_t tokens;  /* trained on, generated or scored */
    uint64_t updates; /* of an optimiser */
    double seconds;
    double money; /* by the prices and in the currency of the configuration */
} tj_run_cost;

/* ------------------------------------------------------------ rewarders */

typedef enum tj_rewarder_kind {
    TJ_REWARDER_VERIFIER = 0, /* exact: the task's verifier, its solver */
    TJ_REWARDER_PRM,          /* a process reward model */
    TJ_REWARDER_JUDGE,        /* a language model that is asked */
    TJ_REWARDER_ROLLOUT,      /* Monte-Carlo continuations */
    TJ_REWARDER_HUMAN,
    TJ_REWARDER_OTHER /* imported, a consensus of others, … */
} tj_rewarder_kind;
const char *tj_rewarder_kind_name(tj_rewarder_kind kind); /* "verifier", "prm", … */

typedef struct tj_rewarder_spec {
    const char *name; /* "judge-a": what tj_reward.rewarder says */
    tj_rewarder_kind kind;
    int64_t model;        /* of the workspace; 0: none */
    const char *url;      /* of a server; NULL: none */
    const json_t *config; /* an object: all that its rewards depend on; NULL: {} */
} tj_rewarder_spec;
/* Gives the rewarder that is the same in all of this, or adds it to the run. From now on rewards
 * that this handle adds under the name are its. (A name that was never added gets a rewarder of
 * that name and nothing else: "verifier" and "solver" need no more.) Errors: TJ_E_INVAL (no name),
 * TJ_E_NOTFOUND (the model), TJ_E_CONFLICT (the run is not `started`). */
TJ_MUST_USE tj_code tj_store_add_rewarder(tj_store *store, int64_t *rewarder, int64_t run,
                                          const tj_rewarder_spec *spec, tj_err *err);

typedef struct tj_rewarder {
    int64_t id, run; /* run: the first that named it */
    const char *name;
    tj_rewarder_kind kind;
    int64_t model; /* 0: none */
    const char *url, *config;
    size_t n_rewards, n_judgements, n_failed;
    tj_run_cost cost; /* of its judgements */
} tj_rewarder;
typedef tj_code (*tj_rewarder_fn)(void *ctx, const tj_rewarder *rewarder, tj_err *err);
TJ_MUST_USE tj_code tj_store_rewarder_each(tj_store *store, tj_rewarder_fn fn, void *ctx,
                                           tj_err *err);

/* ------------------------------------------------------------ rewards */

/* Adds rewards to the nodes of a tree that is there already (a PRM or a judge, in its own run).
 * Errors: TJ_E_NUMERIC (a value that is not finite), TJ_E_INVAL (of a node that the tree does not
 * have). */
TJ_MUST_USE tj_code tj_store_add_rewards(tj_store *store, int64_t tree, int64_t run,
                                         const tj_reward *rewards, size_t n_rewards, tj_err *err);
/* Gives *rewards [*n] (tj_free) of a tree, by all runs (run 0) or one of them. Names are lent by
 * the store until it is closed. */
TJ_MUST_USE tj_code tj_store_load_rewards(tj_store *store, tj_reward **rewards, size_t *n,
                                          int64_t tree, int64_t run, tj_err *err);

typedef struct tj_reward_row {
    int64_t tree, run, rewarder;
    int64_t judgement; /* 0: of none */
    tj_reward reward;
} tj_reward_row;
typedef tj_code (*tj_reward_fn)(void *ctx, const tj_reward_row *row, tj_err *err);
/* The same, one by one, with all that is known of each. */
TJ_MUST_USE tj_code tj_store_reward_each(tj_store *store, int64_t tree, int64_t run,
                                         tj_reward_fn fn, void *ctx, tj_err *err);

/* ------------------------------------------------------------ judgements */

/* One question to a rewarder that costs something or can fail: a judge's call, a node's rollouts.
 */
typedef struct tj_judgement {
    int64_t id; /* not read by add */
    int64_t run;
    size_t ordinal; /* unique among the run's */
    int64_t rewarder;
    int64_t tree;
    size_t node; /* TJ_NO_NODE: the whole tree */
    bool failed; /* no answer of use came: then error says why, and there are no rewards */
    size_t n_tries;
    const char *answer; /* as it came; NULL: none */
    const char *error;  /* NULL where it did not fail */
    tj_run_cost cost;   /* tokens, seconds, money; not added to the run's, which the stage does */
    int64_t time_us;    /* 0 at add: now */
    const tj_reward *rewards; /* [n_rewards] that it gave, named as the rewarder; not set by each */
    size_t n_rewards;
} tj_judgement;
/* Adds it with its rewards. Errors: those of tj_store_add_rewards; TJ_E_INVAL (both an error and
 * rewards, neither, a reward by another); TJ_E_CONFLICT (that ordinal is there). */
TJ_MUST_USE tj_code tj_store_add_judgement(tj_store *store, int64_t *id,
                                           const tj_judgement *judgement, tj_err *err);
typedef tj_code (*tj_judgement_fn)(void *ctx, const tj_judgement *judgement, tj_err *err);
/* Of a run, of a tree, or of both (0: any; one must be given), by run and ordinal. */
TJ_MUST_USE tj_code tj_store_judgement_each(tj_store *store, int64_t run, int64_t tree,
                                            tj_judgement_fn fn, void *ctx, tj_err *err);

/* ------------------------------------------------------------ annotations */

/* Of a tree or a thought, as a whole (node, span TJ_NO_NODE) or of one of its parts. */
typedef struct tj_annotation {
    int64_t id; /* not read by add */
    int64_t run;
    int64_t tree; /* one of the two is given, the other 0 */
    int64_t thought;
    size_t node, span;
    const char *author, *kind, *text; /* "j. doe", "label", "this step repeats the one before" */
    int64_t time_us;                  /* 0 at add: now */
    int64_t supersedes;               /* the annotation in whose place it stands; 0: none */
} tj_annotation;
/* Adds it; nothing is ever changed or deleted. Errors: TJ_E_NOTFOUND (tree, node, thought, span,
 * run, or what it supersedes), TJ_E_CONFLICT (that one is superseded already), TJ_E_INVAL (no
 * author or kind; not exactly one of tree and thought). */
TJ_MUST_USE tj_code tj_store_add_annotation(tj_store *store, int64_t *id,
                                            const tj_annotation *annotation, tj_err *err);
typedef tj_code (*tj_annotation_fn)(void *ctx, const tj_annotation *annotation, tj_err *err);
/* Those of a tree or a thought (one is given, the other 0), by id; superseded ones only if `all`.
 */
TJ_MUST_USE tj_code tj_store_annotation_each(tj_store *store, int64_t tree, int64_t thought,
                                             bool all, tj_annotation_fn fn, void *ctx, tj_err *err);

#endif
