/* An import as it goes on. Internal to stage.
 *
 * Ownership: a tj_importer borrows everything but its JSON buffer.
 * Threads:   confined to one thread.
 */
#ifndef TJ_STAGE_IMPORT_H
#define TJ_STAGE_IMPORT_H

#include "stage/stage.h"

typedef struct tj_importer {
    tj_store *store;
    const tj_import_config *cfg;
    const tj_import_listener *listener;
    const tj_job *job;
    tj_data_map map;
    int64_t run, set;
    size_t n_done;           /* files */
    size_t n_trees;          /* of the run: the next tree's ordinal */
    tj_import_counts counts; /* of the files that are done */
    tj_buf json;             /* of a problem */
    tj_data_file row;        /* of the file at hand */
    tj_import_file file;
} tj_importer;

/* Takes the next record into the workspace, or notes why not; *more is false at the end of the
 * file. Errors: TJ_E_PARSE or TJ_E_LIMIT (it was refused, and bad ones are not skipped), and those
 * of reading and adding. */
TJ_MUST_USE tj_code tj_import_next(tj_importer *im, tj_dataset *data, bool *more, tj_err *err);

/* For imports of trees, too: the files as a run's inputs [n], which borrow paths and digests [n].
 */
TJ_MUST_USE tj_code tj_import_inputs(tj_run_input *inputs, char (*digests)[TJ_SHA256_HEX],
                                     const char *const *paths, size_t n, tj_err *err);
/* As tj_ledger_run_take_up; but where another run made a set of that name, which the new one would
 * shadow: TJ_E_CONFLICT, and nothing is begun. */
TJ_MUST_USE tj_code tj_import_take_up(tj_store *store, int64_t *run, bool *done, bool *resumed,
                                      const tj_run_spec *spec, const char *set, tj_err *err);

#endif
