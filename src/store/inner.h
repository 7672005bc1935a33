/* A store's inside, shared by the files of this room. */
#ifndef TJ_STORE_INNER_H
#define TJ_STORE_INNER_H

#include "store/db.h"
#include "store/store.h"

struct tj_store {
    tj_db *db;
    char *dir;
    int lock_fd; /* -1: not held */
    bool writable;
    tj_store_options options;
    char **names; /* [n_names] rewarders' names, lent until the store is closed */
    size_t n_names, cap_names;
};

/* The kinds of rows that a run makes, each with a digest of its own. */
#define TJ_N_ROW_KINDS 17
const char *tj_row_kind_name(size_t kind);
/* SHA-256 over the run's rows of a kind, in order: each column as its type's letter, its length and
 * its bytes (docs/workspace.md). */
TJ_MUST_USE tj_code tj_rows_digest(tj_store *store, char out[TJ_SHA256_HEX], size_t *n_rows,
                                   size_t kind, int64_t run, tj_err *err);

TJ_MUST_USE tj_code tj_ledger_append(tj_store *store, int64_t *seq, const char *kind, int64_t run,
                                     const json_t *body, tj_err *err);
/* TJ_E_CONFLICT unless the run is `started`; TJ_E_NOTFOUND if it is not there. */
TJ_MUST_USE tj_code tj_need_started(tj_store *store, int64_t run, tj_err *err);
/* Digests the models' files again; adds to *n. */
TJ_MUST_USE tj_code tj_model_files_check(tj_store *store, size_t *n, tj_mismatch_fn fn, void *ctx,
                                         tj_err *err);
/* Binds n bytes of 4-byte values as the next parameter; none as an empty blob. */
void tj_bind_values(tj_stmt *st, const void *bytes, size_t n);
/* A copy of a blob column of 4-byte values (tj_free); NULL where empty. *n counts values. */
TJ_MUST_USE tj_code tj_copy_values(tj_stmt *st, int column, void **out, size_t *n, tj_err *err);
TJ_MUST_USE tj_code tj_need_write(const tj_store *store, tj_err *err);

#endif
