/* Problems to grow trees for, as command lines give them: operands, lines of standard input, or a
 * data set's file.
 *
 * Ownership: read/deinit.
 * Threads:   one.
 */
#ifndef TJ_CLI_TREE_PROBLEMS_H
#define TJ_CLI_TREE_PROBLEMS_H

#include "cli/cli.h"
#include "tree/tree.h"

typedef struct tj_tree_problems {
    bool words;
    tj_grow_item *items; /* [n] */
    char **texts;        /* [n_texts] what they point to */
    size_t n, cap, n_texts, cap_texts;
} tj_tree_problems;

/* Reads them into *out, which begins as {0}: prompts of the embedded domain, or words, as text or
 * as JSON with problem or question and maybe answer. Options: --data with --offset and --limit, and
 * --answer. Errors: TJ_E_PARSE naming the problem, TJ_E_INVAL (there is none; options that do not
 * go together), those of tj_dataset_open and tj_dataset_next. deinit in any case. */
TJ_MUST_USE tj_code tj_tree_problems_read(tj_tree_problems *out, const tj_args *args, bool words,
                                          tj_err *err);
void tj_tree_problems_deinit(tj_tree_problems *problems); /* a zeroed one is allowed */

#endif
