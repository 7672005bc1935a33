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

/* A set of that name that another run made and sealed is not shadowed silently: TJ_E_CONFLICT. */
TJ_MUST_USE tj_code tj_import_need_new_set(tj_store *store, const char *name, tj_err *err);

#endif
