/* Who proposes steps: the batched engine, a script in tests, later a server. Internal to tree. */
#ifndef TJ_TREE_POLICY_H
#define TJ_TREE_POLICY_H

#include "tree/tree.h"

/* One step asked for after a node. */
typedef struct tj_step_request {
    tj_tree *tree;
    size_t node;
    uint64_t draw; /* with (seed, run, problem) the random stream of the sample */
    double temperature;
    /* answers, given: freed by the grower */
    int32_t *ids;    /* [n_ids] */
    float *logprobs; /* [n_ids] */
    size_t n_ids;
    char *text; /* zero-terminated */
    bool whole; /* the step ended with its delimiter, or with the answer */
    bool last;  /* the answer ended with it: no step follows */
} tj_step_request;

typedef struct tj_policy {
    /* Fills in the answers of all requests. An answer depends on its own path and stream alone. */
    tj_code (*sample)(void *ctx, tj_step_request *requests, size_t n, const tj_job *job,
                      tj_err *err);
    void *ctx;
} tj_policy;

/* Grows one tree from each item with any policy; see tj_tree_grow. prompt(ctx, tree) gives the
 * prompt's ids. */
TJ_MUST_USE tj_code tj_tree_grow_by(const tj_policy *policy, const tj_task *task,
                                    const tj_grow_item *items, size_t n_items,
                                    const tj_grow_config *cfg, uint64_t seed, uint64_t run,
                                    tj_code (*prompt)(void *ctx, tj_tree *tree, tj_err *err),
                                    tj_tree_done_fn done, void *ctx, const tj_job *job,
                                    tj_err *err);

#endif
