/* Growing trees: one loop for every search method. In each round a method names the nodes of a tree
 * that are to have children; the steps they lack are sampled for all trees of a batch in one call
 * of the policy, again with a higher temperature where too few are distinct; new nodes are judged
 * and scored in one call of the scorer; then the method decides what goes on.
 *
 *     select ─▶ sample (until distinct) ─▶ judge, merge ─▶ score ─▶ update ─▶ select …
 *
 * Part of tree.h. docs/trees.md says what each method does, and from which source.
 *
 * Ownership: stated at each function.
 * Threads:   confined to one thread.
 */
#ifndef TJ_TREE_GROW_H
#define TJ_TREE_GROW_H

#include "grade/grade.h"
#include "tree/tree.h"

struct tj_policy;
struct tj_scorer;
struct tj_tree_model;

typedef enum tj_search {
    TJ_SEARCH_BREADTH = 0, /* level by level, each pruned as `prune` says */
    TJ_SEARCH_BEST_FIRST,  /* the best open node of the whole tree next */
    TJ_SEARCH_BEAM,        /* the best prune_k of each level, ends among them */
    TJ_SEARCH_DVTS,        /* prune_k subtrees, in each the best step goes on */
    TJ_SEARCH_UCT,         /* Monte-Carlo tree search */
    TJ_SEARCH_PUCT,        /* the same with the policy's own probabilities as priors */
    TJ_SEARCH_BEST_OF_N    /* width whole answers, beginnings that are the same merged */
} tj_search;
/* In their order, ended by NULL: "breadth", "best-first", "beam", "dvts", "uct", "puct",
 * "best-of-n". */
extern const char *const tj_search_names[];

typedef enum tj_prune { TJ_PRUNE_NONE = 0, TJ_PRUNE_TOP_K, TJ_PRUNE_AT_MOST_K_CORRECT } tj_prune;

typedef struct tj_grow_config {
    size_t width;            /* w: distinct steps sought at each node */
    size_t depth;            /* D: most steps of a path */
    size_t max_tries;        /* samples a node at most, to find `width` distinct steps */
    double temperature;      /* of the first try */
    double temperature_rise; /* added at each further round of tries */
    size_t max_step_tokens;
    tj_prune prune;        /* of breadth */
    size_t prune_k;        /* nodes kept a level (TOP_K), or solvable ones kept a level; beams;
                            * subtrees */
    size_t max_nodes;      /* a tree; 0: no bound */
    size_t batch_problems; /* problems grown together */
    tj_search method;
    size_t max_rounds;  /* nodes chosen by best-first, uct and puct; 0: no bound */
    size_t max_tokens;  /* sampled for a tree; 0: no bound */
    size_t max_answers; /* ends of a tree after which it grows no further; 0: no bound */
    double max_seconds; /* of a tree, from its beginning; 0: no bound. A tree that this cuts depends
                         * on the machine; all others on (seed, run, problem) alone */
    double exploration; /* c of uct and puct */
} tj_grow_config;
void tj_grow_config_default(tj_grow_config *cfg);
/* Errors: TJ_E_INVAL (a method that has nothing to end it, a width or depth of 0). */
TJ_MUST_USE tj_code tj_grow_config_check(const tj_grow_config *cfg, tj_err *err);

/* One problem to grow a tree for: a state, or words. */
typedef struct tj_grow_item {
    int64_t problem;
    tj_task_state first;
    const char *question; /* in words, borrowed; NULL: `first` is it */
    const char *answer;   /* the reference; NULL: not known */
} tj_grow_item;

/* What growing came to so far. */
typedef struct tj_grow_stats {
    size_t n_trees, n_solved; /* done; of them with a correct path */
    uint64_t n_nodes, n_tokens, n_duplicates, n_loops, n_endless;
    uint64_t n_scores, n_failed; /* asked of the scorer; of them without an answer */
    double score_money;
    uint64_t score_tokens;
    char failure[TJ_STEP_REASON_BYTES]; /* of the first that failed */
} tj_grow_stats;

/* A step that the scorer gave no score for. */
typedef struct tj_unscored {
    size_t node;
    struct tj_score *score; /* as it came, failed; [1] */
} tj_unscored;

/* What a tree cost. */
typedef struct tj_tree_cost {
    uint64_t tokens; /* sampled for it, those of merged steps included, and spent on its scores */
    double seconds, money;
    const tj_unscored *unscored; /* [n_unscored], lent for the call of `done` */
    size_t n_unscored;
} tj_tree_cost;

/* Called as each tree is done; it is freed then, unless taken by zeroing the struct. */
typedef tj_code (*tj_tree_done_fn)(void *ctx, tj_tree *tree, tj_err *err);

typedef struct tj_growth {
    const struct tj_policy *policy;
    const tj_task *task;            /* of states; NULL where all problems are words */
    const struct tj_scorer *scorer; /* NULL: none; then paths rank by the policy's probabilities */
    const tj_grow_config *cfg;
    tj_grader *grader; /* of problems in words; best in a process of its own, made before the model
                        * is loaded. NULL: one is made, in this process */
    uint64_t seed, run;
    tj_tree_done_fn done;
    void *ctx;
    const tj_job *job;
    tj_grow_stats *stats; /* added to as it goes; NULL: not wanted */
    tj_tree_cost *cost;   /* of the tree that `done` is called with; NULL: not wanted */
} tj_growth;
/* Grows a tree for each item, `batch_problems` of them at once; as one ends, the next begins. A
 * tree depends on (seed, run, its problem) alone, not on the others. Errors: those of the config,
 * the policy, the scorer and done; TJ_E_CANCELLED. Trees that were not done are lost then. */
TJ_MUST_USE tj_code tj_trees_grow(const tj_growth *growth, const tj_grow_item *items,
                                  size_t n_items, tj_err *err);

/* The same with a model of this machine that writes a step a line, and no scorer. */
TJ_MUST_USE tj_code tj_tree_grow(const struct tj_tree_model *model, const tj_task *task,
                                 const tj_grow_item *items, size_t n_items,
                                 const tj_grow_config *cfg, uint64_t seed, uint64_t run,
                                 tj_tree_done_fn done, void *ctx, const tj_job *job, tj_err *err);

/* ------------------------------------------------------------ votes */

/* The answer that a tree's ends agree on. An end counts as often as it was sampled. */
typedef struct tj_ballot {
    size_t end;     /* a node with the answer that won; TJ_NO_NODE: no end has an answer */
    char *answer;   /* as it stands there (tj_ballot_deinit); NULL: none */
    double weight;  /* of it */
    double total;   /* of all ends */
    tj_label right; /* as the end's own label */
} tj_ballot;
void tj_ballot_deinit(tj_ballot *vote);
/* rewarder NULL: each sample has the weight 1 (self-consistency, Wang et al. 2022). Else the weight
 * is the end's reward by that name, moved to begin at `low` (Li et al. 2022, weighted voting); an
 * end without one weighs nothing. Answers are the same where the grader says so. Errors: those of
 * tj_grade_pair but for TJ_E_PARSE. */
TJ_MUST_USE tj_code tj_tree_vote(tj_ballot *out, const tj_tree *tree, tj_grader *grader,
                                 const char *rewarder, double low, tj_err *err);

#endif
