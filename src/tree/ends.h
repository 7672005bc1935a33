/* Ends of paths in words that others made: where nobody has said whether an answer is right, the
 * grader says it, in processes of its own, which hostile texts may end without harm. What it cannot
 * decide stays unknown.
 *
 * Part of tree.h.
 *
 * Ownership: create/destroy; trees are the caller's.
 * Threads:   confined to one thread; created before threads are started, as a tj_grade_pool.
 */
#ifndef TJ_TREE_ENDS_H
#define TJ_TREE_ENDS_H

#include "tree/tree.h"

typedef struct tj_ends tj_ends;

/* Gives *out (tj_ends_destroy); NULL on error. Errors: those of tj_grade_pool_create. */
TJ_MUST_USE tj_code tj_ends_create(tj_ends **out, size_t n_workers, tj_err *err);
void tj_ends_destroy(tj_ends *ends);

/* What the grader says of the path to a node, taken as its end: of the answer that the node states,
 * or, where it states none but is terminal, of what is found last in the path. UNKNOWN where there
 * is no answer, no reference or no decision, with the reason. Errors: TJ_E_NOMEM, TJ_E_CANCELLED,
 * TJ_E_BACKEND. */
TJ_MUST_USE tj_code tj_ends_judge(tj_ends *ends, tj_words_verdict *out, const tj_tree *tree,
                                  size_t node, const tj_job *job, tj_err *err);

/* Grades the leaves of a tree in words that state an answer, or are terminal, and of which nobody
 * knows whether it is right: they become terminal, and with a verdict solvable or not, correct, and
 * rewarded by `verifier`. Errors: as tj_ends_judge; the tree is then graded in part, and
 * nothing more can be graded. */
TJ_MUST_USE tj_code tj_ends_grade(tj_ends *ends, tj_tree *tree, const tj_job *job, tj_err *err);

typedef struct tj_ends_stats {
    size_t n_right, n_wrong, n_undecided; /* of all ends that had a reference */
    size_t n_limits;                      /* of the undecided: a limit of the pool fired */
} tj_ends_stats;
tj_ends_stats tj_ends_get_stats(const tj_ends *ends);

#endif
