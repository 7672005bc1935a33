/* Where models come from and what they were measured on, as the ledger has it. Part of stage.h.
 *
 *     weights ◀─ made by ─ run ─ reads ─▶ examples (file), problems (set), earlier models, runs ─▶
 * …
 *
 * Ownership: what callbacks get is lent for the call.
 * Threads:   confined to one thread.
 */
#ifndef TJ_STAGE_LINEAGE_H
#define TJ_STAGE_LINEAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store.h"

#define TJ_LINEAGE_MAX_RUNS 4096 /* that one model comes from */

/* Roles of a run's inputs that are of one meaning everywhere. */
#define TJ_INPUT_MODEL "model"   /* the model that is trained on, or measured */
#define TJ_INPUT_SHOTS "shots: " /* before a path: worked examples, which are neither */

/* Calls fn with each set and file that the run that made a file of this digest learnt from,
 * directly or through the runs and models that it read: each run once. Nothing where no run made
 * it. Errors: TJ_E_LIMIT (more than TJ_LINEAGE_MAX_RUNS runs), those of fn. */
TJ_MUST_USE tj_code tj_lineage_of_file(tj_store *store, const char *digest, tj_run_input_fn fn,
                                       void *ctx, tj_err *err);
/* Calls fn with each set and file that runs of the stage "eval" measured models on. */
TJ_MUST_USE tj_code tj_lineage_measured(tj_store *store, tj_run_input_fn fn, void *ctx,
                                        tj_err *err);

#endif
