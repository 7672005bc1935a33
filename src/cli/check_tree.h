/* Whether a tree of a file says no more than what can be found again.
 *
 * Ownership: everything is borrowed.
 * Threads:   one.
 */
#ifndef TJ_CLI_CHECK_TREE_H
#define TJ_CLI_CHECK_TREE_H

#include "cli/domain.h"
#include "tree/tree.h"

/* The tree that json holds; one in words loses its token ids, since nobody knows of which tokenizer
 * they are. *ends grades answers in words; where it is NULL it is made when the first are met
 * (tj_ends_destroy). `where` names the tree in messages. Errors: TJ_E_PARSE (it claims too much),
 * those of tj_ends_create and tj_ends_judge. */
TJ_MUST_USE tj_code tj_cli_check_tree(const tj_domain *domain, tj_ends **ends, tj_tree *tree,
                                      const json_t *json, const char *where, tj_err *err);

#endif
