/* Trees and thoughts as text on standard output.
 *
 * Ownership: stated at each function.
 * Threads:   one.
 */
#ifndef TJ_CLI_SHOW_H
#define TJ_CLI_SHOW_H

#include <jansson.h>

#include "base/err.h"
#include "thought/thought.h"
#include "tree/tree.h"

/* A node a line, children below and to the right of their parent, with marks: + correct, x invalid,
 * - dead (the goal is out of reach), . open. */
TJ_MUST_USE tj_code tj_print_tree(const tj_tree *tree, tj_err *err);
TJ_MUST_USE tj_code tj_print_tree_dot(const tj_tree *tree, tj_err *err);

/* A span a line with its action; * marks the path that ends in the answer. */
void tj_print_spans(const tj_thought *thought);

#endif
