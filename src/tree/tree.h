/* Reasoning trees: grow, score, prune, label and export. A node is one step after a given prefix;
 * it keeps the token ids it was sampled with, their bytes and log-probabilities, so that a path is
 * the concatenation of its nodes' ids and is never tokenized again.
 *
 * Rewards are rows of their own: (node, rewarder, meaning, value, reason); "valid" says that this
 * step is correct, "solvable" that the goal can still be reached, so that a step can be valid and
 * yet dead.
 *
 * Ownership: a tree owns its nodes; tj_tree_deinit frees all.
 * Threads:   confined to one thread.
 */
#ifndef TJ_TREE_TREE_H
#define TJ_TREE_TREE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/job.h"
#include "infer/infer.h"
#include "task/task.h"
#include "text/text.h"

#define TJ_NO_NODE SIZE_MAX

typedef enum tj_meaning { TJ_VALID = 0, TJ_SOLVABLE, TJ_PROGRESS } tj_meaning;
const char *tj_meaning_name(tj_meaning meaning); /* "valid", "solvable", "progress" */

typedef struct tj_reward {
    size_t node;
    const char *rewarder; /* static name: "verifier", "solver" */
    tj_meaning meaning;
    double value; /* -1, 0, 1 or in [0, 1]; for the verifier and solver: 0 or 1 */
    char reason[TJ_STEP_REASON_BYTES];
} tj_reward;

typedef struct tj_node {
    size_t parent;   /* TJ_NO_NODE for the root, which has no step */
    size_t depth;    /* 0 for the root */
    size_t order;    /* among its siblings, as the policy sampled them, pruned ones included */
    int32_t *ids;    /* [n_ids] as sampled; NULL for the root (the prompt is the tree's) */
    float *logprobs; /* [n_ids] */
    size_t n_ids;
    char *text;                  /* the step's line with its newline, zero-terminated */
    char key[TJ_STEP_KEY_BYTES]; /* canonical form, by which steps are distinct */
    uint64_t draw;               /* the `node` key of its random stream: repeats the sample */
    tj_task_state state;         /* after the step (the parent's, if not valid) */
    bool valid, solvable;        /* the verifier's and the solver's labels, also given as rewards */
    bool terminal;               /* no step can follow */
    bool correct;                /* terminal and the goal is reached */
    bool pruned;                 /* kept in the tree, not grown further */
    size_t n_duplicates;         /* samples merged into it */
    size_t n_children;           /* counted as they are added */
} tj_node;

typedef struct tj_tree {
    int64_t problem;     /* id in the workspace */
    int32_t *prompt_ids; /* [n_prompt] */
    size_t n_prompt;
    tj_task_state first;
    tj_node *nodes; /* [n_nodes]; parents before children; 0 is the root */
    size_t n_nodes, cap_nodes;
    tj_reward *rewards; /* [n_rewards] */
    size_t n_rewards, cap_rewards;
    uint64_t seed, run;
} tj_tree;
void tj_tree_deinit(tj_tree *tree);

typedef enum tj_prune { TJ_PRUNE_NONE = 0, TJ_PRUNE_TOP_K, TJ_PRUNE_AT_MOST_K_CORRECT } tj_prune;

typedef struct tj_grow_config {
    size_t width;            /* w: distinct steps sought at each node */
    size_t depth;            /* D: most steps of a path */
    size_t max_tries;        /* samples a node at most, to find `width` distinct steps */
    double temperature;      /* of the first try */
    double temperature_rise; /* added at each further round of tries */
    size_t max_step_tokens;
    tj_prune prune;
    size_t prune_k;        /* nodes kept a level (TOP_K), or solvable ones kept a level */
    size_t max_nodes;      /* a tree; 0: no bound */
    size_t batch_problems; /* problems grown together */
} tj_grow_config;
void tj_grow_config_default(tj_grow_config *cfg);

/* One problem to grow a tree for. */
typedef struct tj_grow_item {
    int64_t problem;
    tj_task_state first;
} tj_grow_item;

/* A model on this machine as the policy. */
typedef struct tj_tree_model {
    tj_engine *engine;
    const tj_tokenizer *tok;
    /* Appends the ids of what stands before a problem's first step. */
    tj_code (*encode)(void *ctx, tj_ids *ids, const tj_task *task, const tj_task_state *first,
                      tj_err *err);
    void *ctx;
    const int32_t *ends; /* tokens that end an answer, besides the model's own */
    size_t n_ends;
} tj_tree_model;

/* An `encode` for models trained on the domain: the prompt as the task writes it, after a token
 * (-1: none) that their texts begin with. ctx is one of these. */
typedef struct tj_plain_prompt {
    const tj_tokenizer *tok;
    int32_t begin;
} tj_plain_prompt;
TJ_MUST_USE tj_code tj_plain_prompt_encode(void *ctx, tj_ids *ids, const tj_task *task,
                                           const tj_task_state *first, tj_err *err);

/* Grows a tree for each item, hundreds at once: level by level, the missing steps of all nodes of
 * all trees are sampled as one batch. Called back as each batch of trees is done (so that a caller
 * can store it); trees are then freed unless the callback takes them by zeroing the struct. A tree
 * depends on (seed, run, its problem) alone, not on the others. A step ends with the first token
 * that holds a newline, or with the model's answer: no step follows that one. */
typedef tj_code (*tj_tree_done_fn)(void *ctx, tj_tree *tree, tj_err *err);
TJ_MUST_USE tj_code tj_tree_grow(const tj_tree_model *model, const tj_task *task,
                                 const tj_grow_item *items, size_t n_items,
                                 const tj_grow_config *cfg, uint64_t seed, uint64_t run,
                                 tj_tree_done_fn done, void *ctx, const tj_job *job, tj_err *err);

/* For tests and imports: adds a node by hand. Gives its index. */
TJ_MUST_USE tj_code tj_tree_add_node(tj_tree *tree, size_t *out, size_t parent, const char *text,
                                     const int32_t *ids, const float *logprobs, size_t n_ids,
                                     tj_err *err);
TJ_MUST_USE tj_code tj_tree_add_reward(tj_tree *tree, const tj_reward *reward, tj_err *err);
/* Children of a node in sampled order. *n of them in out [cap]; returns how many there are. */
size_t tj_tree_children(const tj_tree *tree, size_t node, size_t *out, size_t cap);
/* True when a correct leaf lies below (or at) the node. */
bool tj_tree_leads_to_correct(const tj_tree *tree, size_t node);

/* JSON (documented in docs/formats.md; round trips exactly) and GraphViz. */
json_t *tj_tree_to_json(const tj_tree *tree, const tj_task *task);
TJ_MUST_USE tj_code tj_tree_from_json(tj_tree *out, const json_t *json, const char *where,
                                      tj_err *err);
void tj_tree_to_dot(const tj_tree *tree, tj_buf *out);

#include "tree/scorer.h"  /* what rewarders are asked and give */
#include "tree/labelled.h" /* steps with what people say of them */
#include "tree/prm_form.h" /* how process reward models are asked */
#include "tree/scorers.h" /* rewarders by name */

#endif
