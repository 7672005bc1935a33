/* Inside of growing: what the loop (grow.c) and the methods (search.c) share. Internal to tree.
 *
 * Ownership: the grower owns its slots; a slot owns its tree and arrays.
 * Threads:   confined to one thread.
 */
#ifndef TJ_TREE_SEARCH_H
#define TJ_TREE_SEARCH_H

#include "tree/tree.h"

/* What a search knows of a node beside what the tree keeps. */
typedef struct tj_side {
    bool has_score;
    double score;     /* the scorer's */
    size_t n_samples; /* asked for after it, merged ones included */
    bool expanded;    /* the method has chosen it */
    bool closed;      /* uct and puct: nothing below it can change any more */
    size_t n_visits;  /* uct and puct: values backed up through it, */
    double total;     /* and their sum */
} tj_side;

/* A node that is to have children. */
typedef struct tj_want {
    size_t node;
    size_t width; /* distinct children that it should have, */
    size_t tries; /* in so many samples at most; */
    size_t exact; /* or so many samples, distinct or not; 0: as above */
} tj_want;

/* A tree that grows. */
typedef struct tj_slot {
    bool live;
    bool done; /* nothing is to be grown any more */
    tj_tree tree;
    tj_buf problem; /* its text, for scorers */
    tj_side *sides; /* [n_nodes] */
    size_t cap_sides;
    tj_want *wants; /* [n_wants], of this round */
    size_t n_wants, cap_wants;
    size_t first_new; /* nodes from here on came in this round */
    size_t level;     /* breadth: nodes of this depth are next */
    size_t *fronts;   /* [n_fronts] beams, subtrees, samples: where each is; TJ_NO_NODE: ended */
    size_t *owners;   /* [n_fronts] best-of-n: 1 where the front has moved in this round */
    size_t n_fronts;
    size_t simulated; /* uct and puct without scores: the node a simulation is at; TJ_NO_NODE */
    size_t n_rounds, n_answers;
    uint64_t n_tokens;
    tj_unscored *unscored; /* [n_unscored] */
    size_t n_unscored, cap_unscored;
    uint64_t score_tokens;
    double score_money;
    double begun; /* tj_clock_seconds */
} tj_slot;

typedef struct tj_grower {
    const tj_growth *growth;
    const tj_grow_config *cfg;
    tj_grader *grader; /* NULL: no problem is words */
    tj_slot *slots;    /* [n_slots] */
    size_t n_slots;
    struct tj_step_request *requests; /* [n_requests] */
    size_t n_requests, cap_requests;
    size_t turn;
    tj_grow_stats stats;
    double begun;
} tj_grower;

/* A mixing of two words, for streams of random numbers. */
uint64_t tj_grow_mix(uint64_t a, uint64_t b);

/* What a search knows of the node that was added last: nothing. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_slot_add_side(tj_slot *slot, tj_err *err);
/* Puts one sampled step into its tree, or counts it as a duplicate of a sibling: grow_take.c. */
TJ_MUST_USE tj_code tj_grow_take(tj_grower *g, tj_slot *slot, const struct tj_step_request *r,
                                 tj_err *err);
/* Scores the new nodes of all trees in one call: grow_score.c. */
TJ_MUST_USE tj_code tj_grow_score(tj_grower *g, tj_err *err);

/* Whether a step may follow the node. */
bool tj_slot_grows(const tj_grower *g, const tj_slot *slot, size_t node);
/* Adds a node to the wants. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_slot_want(tj_slot *slot, const tj_want *want, tj_err *err);

/* The method's part, in search.c: prepares a slot whose tree has its root; names the nodes that
 * this round grows, or says that the tree is done; takes note of where a sample came to; decides.
 */
TJ_MUST_USE tj_code tj_search_begin(const tj_grower *g, tj_slot *slot, tj_err *err);
TJ_MUST_USE tj_code tj_search_select(const tj_grower *g, tj_slot *slot, tj_err *err);
void tj_search_landed(const tj_grower *g, tj_slot *slot, size_t parent, size_t node);
TJ_MUST_USE tj_code tj_search_update(const tj_grower *g, tj_slot *slot, tj_err *err);

#endif
