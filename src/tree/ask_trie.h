/* Asks as the trees that they are: each different path of steps once, beginnings shared, whether
 * the asks come from trees, from solutions step by step, or from both. Inside tree only.
 *
 *     asks: P a / P a b / P a c / Q x          P ── a (ask 0) ─┬─ b (ask 1)
 *                                                              └─ c (ask 2)
 *                                              Q ── x (ask 3)
 *
 * Ownership: init/deinit; texts are borrowed from the asks.
 * Threads:   confined to one thread.
 * Cost:      a step is looked for among its siblings.
 */
#ifndef TJ_TREE_ASK_TRIE_H
#define TJ_TREE_ASK_TRIE_H

#include "tree/scorer.h"

typedef struct tj_ask_node {
    size_t parent;                        /* TJ_NO_NODE: a problem, which has no step */
    size_t depth;                         /* steps up to it */
    size_t first_child, last_child, next; /* TJ_NO_NODE: none */
    size_t ask;                           /* the first that asks about it; TJ_NO_NODE: none does */
    const char *text;                     /* the step's, or the problem's */
} tj_ask_node;

typedef struct tj_ask_trie {
    tj_ask_node *nodes; /* [n_nodes], parents before children */
    size_t n_nodes, cap_nodes;
    size_t first_root, last_root; /* linked by next */
    size_t *node_of;              /* [n_asks] the node that each ask is about */
    size_t n_asks;
} tj_ask_trie;

/* Errors: TJ_E_INVAL (an ask without a step), TJ_E_NOMEM; it is empty then. */
TJ_MUST_USE tj_code tj_ask_trie_init(tj_ask_trie *trie, const tj_score_ask *asks, size_t n,
                                     tj_err *err);
void tj_ask_trie_deinit(tj_ask_trie *trie);
/* The steps up to a node, from the first on: lends steps [depth of the node]. */
void tj_ask_trie_path(const tj_ask_trie *trie, size_t node, const char **steps);
/* The problem above a node. */
size_t tj_ask_trie_root(const tj_ask_trie *trie, size_t node);
/* Gives each ask the score of its node, scores [n_nodes] of those that are asked about: the first
 * ask takes it, with what it cost, the others get copies that cost nothing. Errors: TJ_E_NOMEM;
 * out is then empty, and so are the scores. */
TJ_MUST_USE tj_code tj_ask_trie_give(const tj_ask_trie *trie, tj_score *out, tj_score *scores,
                                     tj_err *err);

#endif
