/* A training in the ledger of --workspace: what it read, what it wrote, what it cost.
 *
 * Ownership: open/close.
 * Threads:   one.
 */
#ifndef TJ_CLI_TRAIN_LEDGER_H
#define TJ_CLI_TRAIN_LEDGER_H

#include <jansson.h>

#include "cli/cli.h"
#include "store/store.h"

typedef struct tj_train_ledger {
    tj_store *store; /* NULL: --workspace was not given, and everything below does nothing */
    int64_t run;     /* 0: not begun */
    double start;
} tj_train_ledger;

/* Opens the workspace and holds the examples against what was measured (guarding.h). To be closed
 * in any case. Errors: TJ_E_CONFLICT (contaminated). */
TJ_MUST_USE tj_code tj_train_ledger_open(tj_train_ledger *ledger, const tj_args *args,
                                         const char *examples, tj_err *err);
/* Begins the run, or goes on with one that was stopped. record: everything that the weights depend
 * on; from: the first model's folder or file, NULL for a new one. */
TJ_MUST_USE tj_code tj_train_ledger_begin(tj_train_ledger *ledger, const tj_args *args,
                                          const json_t *record, size_t seed, const char *examples,
                                          const char *from, tj_err *err);
/* Ends it by rc, with the files of the folders out and, unless NULL, merged. Returns rc, or what
 * went wrong with ending it. */
TJ_MUST_USE tj_code tj_train_ledger_end(tj_train_ledger *ledger, tj_code rc, const char *out,
                                        const char *merged, tj_run_cost cost, const json_t *metrics,
                                        tj_err *err);
void tj_train_ledger_close(tj_train_ledger *ledger);

#endif
