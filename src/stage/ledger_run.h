/* A run of the ledger as stages begin and end it. Part of stage.h.
 *
 * Ownership: everything is borrowed.
 * Threads:   those of the store.
 */
#ifndef TJ_STAGE_LEDGER_RUN_H
#define TJ_STAGE_LEDGER_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* The latest run like spec that is done; *run is 0 and *done false if there is none. */
TJ_MUST_USE tj_code tj_ledger_run_find_done(tj_store *store, int64_t *run, bool *done,
                                            const tj_run_spec *spec, tj_err *err);
/* Goes on with the latest run like spec that was stopped (*resumed), or else begins one. */
TJ_MUST_USE tj_code tj_ledger_run_go_on(tj_store *store, int64_t *run, bool *resumed,
                                        const tj_run_spec *spec, tj_err *err);
/* The latest run like spec that is done (*done: nothing is left to do), or else as go_on. */
TJ_MUST_USE tj_code tj_ledger_run_take_up(tj_store *store, int64_t *run, bool *done, bool *resumed,
                                          const tj_run_spec *spec, tj_err *err);
/* Ends the run by rc: done, cancelled, or failed with *err's message; status and error of *outcome
 * are filled in. Returns rc, or, where that is TJ_OK, what went wrong with ending it. */
TJ_MUST_USE tj_code tj_ledger_run_end(tj_store *store, int64_t run, tj_code rc,
                                      tj_run_outcome *outcome, tj_err *err);

#endif
