/* A store's inside, shared by the files of this room. */
#ifndef TJ_STORE_INNER_H
#define TJ_STORE_INNER_H

#include "store/db.h"
#include "store/head.h"
#include "store/store.h"

/* A rewarder as this handle knows it. */
typedef struct tj_known_rewarder {
    int64_t id;
    const char *name; /* lent by the store */
    bool stands;      /* its name, given alone, means this one */
} tj_known_rewarder;

struct tj_store {
    tj_db *db;
    char *dir;
    int lock_fd; /* -1: not held */
    bool writable;
    tj_store_options options;
    char **names; /* [n_names] rewarders' names, lent until the store is closed */
    size_t n_names, cap_names;
    tj_known_rewarder *rewarders; /* [n_rewarders]; forgotten when a bracket is undone */
    size_t n_rewarders, cap_rewarders;
    tj_key *key;    /* signs the ledger's head; NULL: none */
    bool head_due;  /* the open bracket has ledger entries */
    bool unsettled; /* ledger.head.next holds the head, ledger.head the one before */
};

/* The kinds of rows that a run makes, each with a digest of its own. */
#define TJ_N_ROW_KINDS 22
const char *tj_row_kind_name(size_t kind);
/* SHA-256 over the run's rows of a kind, in order (docs/workspace.md). form: how rows are written,
 * and which columns; a new entry's is TJ_ROWS_FORM, that of schemas 1 and 2 was 1. 0 rows where
 * the form has no such kind. */
#define TJ_ROWS_FORM 2
TJ_MUST_USE tj_code tj_rows_digest(tj_store *store, char out[TJ_SHA256_HEX], size_t *n_rows,
                                   size_t kind, int64_t form, int64_t run, tj_err *err);

/* The same of the rows in which a run lists what it read and what it made. */
typedef enum tj_run_list_kind { TJ_LIST_READ = 0, TJ_LIST_MADE } tj_run_list_kind;
TJ_MUST_USE tj_code tj_list_digest(tj_store *store, char out[TJ_SHA256_HEX], tj_run_list_kind list,
                                   int64_t run, tj_err *err);

/* Adds rewards in the bracket at hand. judgement: 0: of none. */
TJ_MUST_USE tj_code tj_rewards_insert(tj_store *store, int64_t tree, int64_t run, int64_t judgement,
                                      const tj_reward *rewards, size_t n, tj_err *err);

/* Whom a name stands for: the one that was added or judged last, or one without more than a name.
 */
TJ_MUST_USE tj_code tj_rewarder_of_name(tj_store *store, int64_t *id, int64_t run, const char *name,
                                        tj_err *err);
/* Who a rewarder is; *out is lent until the next call. Errors: TJ_E_NOTFOUND. */
TJ_MUST_USE tj_code tj_rewarder_know(tj_store *store, tj_known_rewarder **out, int64_t id,
                                     tj_err *err);
/* From now on its name stands for this one. */
void tj_rewarder_let_stand(tj_store *store, tj_known_rewarder *known);
void tj_rewarders_forget(tj_store *store);

/* The hash of an entry (docs/workspace.md). */
void tj_ledger_hash(char out[TJ_SHA256_HEX], const char *prev, int64_t seq, int64_t time_us,
                    const char *kind, int64_t run, const char *body);
TJ_MUST_USE tj_code tj_ledger_append(tj_store *store, int64_t *seq, const char *kind, int64_t run,
                                     const json_t *body, tj_err *err);

/* ------------------------------------------------------------ head_file.c */

#define TJ_HEAD_FILE         "ledger.head"
#define TJ_HEAD_NEXT         "ledger.head.next"
#define TJ_FIRST_HEAD_SCHEMA 3 /* workspaces of earlier schemas have no such file */
/* Errors: TJ_E_NOTFOUND, TJ_E_PARSE, TJ_E_IO; *out is zero then. */
TJ_MUST_USE tj_code tj_head_file_read(const tj_store *store, const char *name, tj_head *out,
                                      tj_err *err);
bool tj_head_is_signed_by(const tj_head *head, const char *public_hex);
/* Commits the outermost bracket, which has entries; a failure undoes it. */
TJ_MUST_USE tj_code tj_head_commit(tj_store *store, tj_err *err);
/* Whether the file, or the one that a crash left, names the ledger's last entry, signed by its key.
 * Errors: TJ_E_PARSE saying what does not agree. */
TJ_MUST_USE tj_code tj_head_check(tj_store *store, tj_err *err);
/* The public key that the ledger names last; "" where it names none. */
TJ_MUST_USE tj_code tj_ledger_key_on_record(tj_store *store, char public_hex[TJ_KEY_HEX],
                                            tj_err *err);
/* Loads the key of the options, the environment or the workspace's note, if there is any. *is_new:
 * the ledger does not name it yet. */
TJ_MUST_USE tj_code tj_head_load_key(tj_store *store, bool *is_new, tj_err *err);
/* Adds the entry that names it. */
TJ_MUST_USE tj_code tj_head_record_key(tj_store *store, tj_err *err);
void tj_head_close(tj_store *store);

/* TJ_E_CONFLICT unless the run is `started`; TJ_E_NOTFOUND if it is not there. */
TJ_MUST_USE tj_code tj_need_started(tj_store *store, int64_t run, tj_err *err);
/* An input as inputs_digest is made of. */
void tj_run_input_print(tj_buf *out, const char *role, const char *kind, const char *digest);
/* Digests the models' files again; adds to *n. */
TJ_MUST_USE tj_code tj_model_files_check(tj_store *store, size_t *n, tj_mismatch_fn fn, void *ctx,
                                         tj_err *err);
/* Binds n bytes of 4-byte values as the next parameter; none as an empty blob. */
void tj_bind_values(tj_stmt *st, const void *bytes, size_t n);
/* A copy of a blob column of 4-byte values (tj_free); NULL where empty. *n counts values. */
TJ_MUST_USE tj_code tj_copy_values(tj_stmt *st, int column, void **out, size_t *n, tj_err *err);
TJ_MUST_USE tj_code tj_need_write(const tj_store *store, tj_err *err);

#endif
