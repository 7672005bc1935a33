/* Reasoning trees: grow, score, prune, label and export. A node is one step after a given prefix;
 * it keeps the token ids it was sampled with, their bytes and log-probabilities, so that a path is
 * the concatenation of its nodes' ids and is never tokenized again. (Of a policy behind a server
 * only the text is known.)
 *
 * A problem is a state of an embedded task (Countdown), or words: a question with, where it is
 * known, a reference answer. Of words nobody knows at once whether a step is right; then its labels
 * say so, and only where a path ends can the grader decide.
 *
 * Rewards are rows of their own: (node, rewarder, meaning, value, reason); "valid" says that this
 * step is correct, "solvable" that the goal can still be reached, so that a step can be valid and
 * yet dead.
 *
 * The room's other public parts, included at the end: policy.h, who proposes steps; scorer.h, who
 * gives rewards; grow.h, the search methods; forms.h, trees of other programs.
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

/* What is known of a step. Both of what is right and of what nobody knows an `if` is true: "not
 * known to be wrong". */
typedef enum tj_label { TJ_LABEL_NO = 0, TJ_LABEL_YES, TJ_LABEL_UNKNOWN } tj_label;

/* Why a node that could be grown is not. */
typedef enum tj_pruned {
    TJ_KEPT = 0,
    TJ_PRUNED,        /* others were better, or there were enough */
    TJ_PRUNED_LOOP,   /* it says again what a step of its path has said */
    TJ_PRUNED_ENDLESS /* it was cut: the policy did not end the step */
} tj_pruned;
const char *tj_pruned_name(tj_pruned pruned); /* "kept", "pruned", "loop", "endless" */

typedef struct tj_reward {
    size_t node;
    const char *rewarder; /* a static name ("verifier", "solver"), or lent by who gave it */
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
    tj_label valid, solvable;    /* the verifier's and the solver's labels, also given as rewards
                                  * where they are known. Of an end `solvable` says whether its
                                  * answer is right */
    bool terminal;               /* no step can follow */
    bool correct;                /* terminal and the goal is known to be reached */
    tj_pruned pruned;            /* in the tree, but not grown further */
    size_t n_duplicates;         /* samples merged into it */
    size_t n_children;           /* counted as they are added */
} tj_node;

typedef struct tj_tree {
    int64_t problem;     /* id in the workspace */
    int32_t *prompt_ids; /* [n_prompt] */
    size_t n_prompt;
    char *question; /* the problem in words; NULL: it is the state `first` */
    char *answer;   /* the reference answer to it; NULL: not known */
    tj_task_state first;
    tj_node *nodes; /* [n_nodes]; parents before children; 0 is the root */
    size_t n_nodes, cap_nodes;
    tj_reward *rewards; /* [n_rewards] */
    size_t n_rewards, cap_rewards;
    char **names; /* [n_names] of rewarders that the tree itself keeps */
    size_t n_names, cap_names;
    uint64_t seed, run;
} tj_tree;
void tj_tree_deinit(tj_tree *tree);

/* For tests and imports: adds a node by hand. Gives its index. */
TJ_MUST_USE tj_code tj_tree_add_node(tj_tree *tree, size_t *out, size_t parent, const char *text,
                                     const int32_t *ids, const float *logprobs, size_t n_ids,
                                     tj_err *err);
TJ_MUST_USE tj_code tj_tree_add_reward(tj_tree *tree, const tj_reward *reward, tj_err *err);
/* The same name, lent by the tree for its life; NULL when memory is exhausted. */
const char *tj_tree_keep_name(tj_tree *tree, const char *name);
/* Children of a node in sampled order. *n of them in out [cap]; returns how many there are. */
size_t tj_tree_children(const tj_tree *tree, size_t node, size_t *out, size_t cap);
/* True when a correct leaf lies below (or at) the node. */
bool tj_tree_leads_to_correct(const tj_tree *tree, size_t node);

/* The path to a node as the policy reads it: the texts of its steps, one after the other. */
void tj_tree_path_text(const tj_tree *tree, size_t node, tj_buf *out);

/* Makes the problem of an empty tree one in words; copies. answer may be NULL. Errors: TJ_E_NOMEM.
 */
TJ_MUST_USE tj_code tj_tree_set_question(tj_tree *tree, const char *question, size_t n_question,
                                         const char *answer, size_t n_answer, tj_err *err);

#define TJ_MAX_TREE_DEPTH                                                                          \
    4096 /* of trees that are read: no path of reasoning is nearly as long                         \
          */
#define TJ_MAX_TREE_NODES 1000000       /* far above any tree that is grown or looked at */
#define TJ_WORDS_TASK     "mathematics" /* the task's name in JSON where the problem is words */

/* JSON (documented in docs/formats.md; round trips exactly) and GraphViz. task: of a tree that has
 * no question. */
json_t *tj_tree_to_json(const tj_tree *tree, const tj_task *task);
TJ_MUST_USE tj_code tj_tree_from_json(tj_tree *out, const json_t *json, const char *where,
                                      tj_err *err);
void tj_tree_to_dot(const tj_tree *tree, tj_buf *out);

/* Parts below may be met in any order. */
typedef struct tj_score tj_score;
typedef struct tj_scorer tj_scorer;
typedef struct tj_words_verdict tj_words_verdict;

#include "tree/ends.h"     /* answers of others, graded */
#include "tree/forms.h"    /* trees of other programs */
#include "tree/grow.h"     /* search methods */
#include "tree/labelled.h" /* steps with what people say of them */
#include "tree/policy.h"   /* who proposes steps */
#include "tree/prm_form.h" /* how process reward models are asked */
#include "tree/scorer.h"   /* what rewarders are asked and give */
#include "tree/scorers.h"  /* rewarders by name */

#endif
