/* Lists of runs and trees by filters, a page at a time.
 *
 * A page begins behind a row (`after`), not at a number of rows: it costs the same wherever it is,
 * and rows that are added meanwhile shift nothing.
 *
 * Part of store.h.
 *
 * Ownership: strings given are borrowed.
 * Threads:   those of the store.
 * Cost:      with a million nodes below 100 ms (docs/benchmarks.md, "The workspace").
 */
#ifndef TJ_STORE_LISTS_H
#define TJ_STORE_LISTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tree/tree.h"

typedef struct tj_store tj_store;

/* Which of a rewarder's rewards of a tree is looked at. */
typedef enum tj_measure { TJ_MEASURE_HIGH = 0, TJ_MEASURE_MEAN, TJ_MEASURE_LOW } tj_measure;

typedef enum tj_solved { TJ_SOLVED_ANY = 0, TJ_SOLVED_YES, TJ_SOLVED_NO } tj_solved;

typedef struct tj_tree_filter {
    int64_t set, run, problem; /* 0: any */
    tj_solved solved;          /* a leaf is correct */
    size_t min_nodes;
    size_t max_nodes;     /* 0: no bound */
    const char *rewarder; /* some run's rewards by one of this name have the measure in
                           * [min_reward, max_reward]; NULL: of whatever rewards */
    tj_measure measure;
    double min_reward, max_reward;
    bool newest;   /* by id downwards, else upwards */
    int64_t after; /* a tree: the page begins behind it; 0: at the beginning */
    size_t limit;  /* trees of a page; 0: all */
} tj_tree_filter;

/* A tree without its nodes. */
typedef struct tj_tree_row {
    int64_t id, run, set, problem;
    int64_t model; /* the policy; 0: none */
    size_t n_nodes, depth, n_leaves, n_correct, n_tokens;
} tj_tree_row;
typedef tj_code (*tj_tree_row_fn)(void *ctx, const tj_tree_row *row, tj_err *err);
/* Errors: TJ_E_INVAL (a reward's bound that is not a number), those of fn. */
TJ_MUST_USE tj_code tj_store_tree_list(tj_store *store, const tj_tree_filter *filter,
                                       tj_tree_row_fn fn, void *ctx, tj_err *err);
/* How many there are in all; after and limit are not read. */
TJ_MUST_USE tj_code tj_store_tree_count(tj_store *store, size_t *n, const tj_tree_filter *filter,
                                        tj_err *err);

/* What a rewarder gave a tree in a run. */
typedef struct tj_tree_reward {
    int64_t run, rewarder;
    tj_meaning meaning;
    size_t n;
    double low, high, mean;
} tj_tree_reward;
typedef tj_code (*tj_tree_reward_fn)(void *ctx, const tj_tree_reward *row, tj_err *err);
TJ_MUST_USE tj_code tj_store_tree_reward_each(tj_store *store, int64_t tree, tj_tree_reward_fn fn,
                                              void *ctx, tj_err *err);

#endif
