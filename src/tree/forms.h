/* Trees of other programs: from the records of data sets (PRM800K's rated alternatives, Monte-Carlo
 * trees, the released trees, labelled solutions), and back into OmegaPRM's form.
 *
 * Part of tree.h.
 *
 * Ownership: stated at each function.
 * Threads:   no shared state.
 */
#ifndef TJ_TREE_FORMS_H
#define TJ_TREE_FORMS_H

#include <jansson.h>

#include "task/task.h"
#include "tree/tree.h"

/* Whether a record has a tree, or labelled solutions that make one. */
bool tj_record_has_tree(const tj_data_record *record);

/* Makes a tree in words of a record: its nodes, or its labelled solutions side by side, steps that
 * are the same merged. Labels and scores become rewards; what nobody labelled stays unknown. The
 * tree has no ids. Gives *out (tj_tree_deinit; empty on error). Errors: TJ_E_INVAL (nothing to make
 * a tree of), TJ_E_LIMIT (a path of more than TJ_MAX_TREE_DEPTH steps), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_tree_from_record(tj_tree *out, const tj_data_record *record, tj_err *err);
/* Adds a labelled solution of the same problem. Errors: as above. */
TJ_MUST_USE tj_code tj_tree_add_solution(tj_tree *tree, const tj_data_record *record,
                                         const tj_data_solution *solution, tj_err *err);

/* The tree in OmegaPRM's nested form: {"question", "final_answer", "reasoning_steps": {"text",
 * "mc_value", "children"}}. A node's mc_value is its reward by `rewarder` (NULL: "monte-carlo", or
 * else "rollout"); where it has none, the share of right ends below it, each counted as often as it
 * was sampled. *n_left_out counts nodes left out, with all below them, since neither is known.
 * Gives *out (json_decref). Errors: TJ_E_INVAL (the problem is not words, the root has no value),
 * TJ_E_PARSE (a text that is not UTF-8), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_tree_to_omegaprm(json_t **out, size_t *n_left_out, const tj_tree *tree,
                                        const char *rewarder, tj_err *err);

#endif
