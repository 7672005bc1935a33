/* Contamination, asked before a training or an evaluation: --check-against, --contaminated, and
 * what the ledger of --workspace knows.
 *
 * Ownership: stated at each function.
 * Threads:   one.
 */
#ifndef TJ_CLI_GUARDING_H
#define TJ_CLI_GUARDING_H

#include <jansson.h>

#include "cli/cli.h"
#include "cli/model_files.h"
#include "store/store.h"

/* Opens the workspace where --workspace is given, making it where `create` says so; else *out is
 * NULL. */
TJ_MUST_USE tj_code tj_cli_workspace_if_given(tj_store **out, const tj_args *args, bool create,
                                              tj_err *err);

/* Both tell on standard error what is shared, and give *found (json_decref): the list of tj_guard,
 * NULL where there was nothing to compare with. Errors: TJ_E_CONFLICT (what is learnt holds a
 * problem that is measured whole, and --contaminated does not let that pass), those of tj_guard_…
 *
 * Examples to learn from, against what is named and all that was measured in the workspace: unless
 * told otherwise contamination is refused. */
TJ_MUST_USE tj_code tj_cli_guard_training(json_t **found, const tj_args *args, tj_store *store,
                                          const char *examples, tj_err *err);
/* Problems to be measured, against what is named and all that the workspace knows the model to have
 * learnt from: unless told otherwise contamination is a warning. model NULL: behind a server. */
TJ_MUST_USE tj_code tj_cli_guard_evaluation(json_t **found, const tj_args *args, tj_store *store,
                                            const tj_model_files *model, tj_err *err);

#endif
