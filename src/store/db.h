/* A thin layer over SQLite, so that it is met in one file: transactions that nest, prepared
 * statements kept by their text, bound parameters, and SQLite's answers turned into tj_codes.
 *
 *     tj_stmt *st;
 *     rc = tj_stmt_open(&st, db, "SELECT json FROM problem WHERE id = ?", err);
 *     tj_stmt_int(st, id);                      parameters in order; errors are kept …
 *     rc = tj_stmt_step(st, &row, err);         … and come out here
 *     if (rc == TJ_OK && row) { … tj_stmt_get_bytes(st, 0, &n) … }
 *     tj_stmt_close(st);                        NULL is allowed
 *
 * Private to store.
 *
 * Ownership: a db owns its statements; SQL texts are string literals (kept by address).
 * Threads:   confined to one thread.
 */
#ifndef TJ_STORE_DB_H
#define TJ_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct tj_db tj_db;
typedef struct tj_stmt tj_stmt;

typedef enum tj_db_mode {
    TJ_DB_READ = 0,
    TJ_DB_READ_FROZEN, /* nobody writes, and the folder cannot be written: no locks, no WAL */
    TJ_DB_WRITE,
    TJ_DB_CREATE
} tj_db_mode;

/* Opens the file; `where` names it in messages (kept as a copy). Gives *out; NULL on error. */
TJ_MUST_USE tj_code tj_db_open(tj_db **out, const char *path, const char *where, tj_db_mode mode,
                               tj_err *err);
void tj_db_close(tj_db *db); /* NULL is allowed; undoes what was not committed */

/* SQL without parameters or results. */
TJ_MUST_USE tj_code tj_db_exec(tj_db *db, const char *sql, tj_err *err);
/* The first column of the first row as an integer; 0 where there is none. sql: a literal. */
TJ_MUST_USE tj_code tj_db_get_int(tj_db *db, int64_t *out, const char *sql, tj_err *err);
/* The whole database may not grow past this. */
TJ_MUST_USE tj_code tj_db_limit(tj_db *db, uint64_t max_bytes, tj_err *err);

/* Transactions. The outermost one takes the write lock at once if `write`; inner ones are
 * savepoints. SQLite undoes everything by itself after some errors: the rest of the bracket then
 * fails until the outermost end. commit ends its level in any case. */
TJ_MUST_USE tj_code tj_db_begin(tj_db *db, bool write, tj_err *err);
TJ_MUST_USE tj_code tj_db_commit(tj_db *db, tj_err *err);
void tj_db_rollback(tj_db *db);
size_t tj_db_depth(const tj_db *db); /* of open brackets */
int64_t tj_db_last_id(const tj_db *db);

TJ_MUST_USE tj_code tj_stmt_open(tj_stmt **out, tj_db *db, const char *sql, tj_err *err);
void tj_stmt_close(tj_stmt *st);

/* Each binds the next parameter. Text and blobs are borrowed until the statement is closed or
 * rewound. A NULL text or blob is NULL. */
void tj_stmt_int(tj_stmt *st, int64_t value);
void tj_stmt_size(tj_stmt *st, size_t value);
void tj_stmt_u64(tj_stmt *st, uint64_t value); /* as the int64_t of the same 64 bits */
void tj_stmt_id(tj_stmt *st, int64_t id);      /* 0 is NULL */
void tj_stmt_real(tj_stmt *st, double value);
void tj_stmt_str(tj_stmt *st, const char *text);
void tj_stmt_text(tj_stmt *st, const char *text, size_t n);
void tj_stmt_blob(tj_stmt *st, const void *bytes, size_t n);
void tj_stmt_null(tj_stmt *st);

/* *row: there is one, readable until the next step. */
TJ_MUST_USE tj_code tj_stmt_step(tj_stmt *st, bool *row, tj_err *err);
/* Runs a statement without rows to its end, and rewinds it for new parameters. */
TJ_MUST_USE tj_code tj_stmt_run(tj_stmt *st, tj_err *err);

typedef enum tj_column {
    TJ_COLUMN_NULL = 0,
    TJ_COLUMN_INT,
    TJ_COLUMN_REAL,
    TJ_COLUMN_TEXT,
    TJ_COLUMN_BLOB
} tj_column;
int tj_stmt_n_columns(const tj_stmt *st);
tj_column tj_stmt_type(tj_stmt *st, int column);
int64_t tj_stmt_get_int(tj_stmt *st, int column); /* 0 for NULL */
uint64_t tj_stmt_get_u64(tj_stmt *st, int column);
size_t tj_stmt_get_size(tj_stmt *st, int column); /* 0 for what is negative */
bool tj_stmt_get_bool(tj_stmt *st, int column);
double tj_stmt_get_real(tj_stmt *st, int column);
/* Lends the bytes of a text or blob, NULL for NULL or an empty one. */
const void *tj_stmt_get_bytes(tj_stmt *st, int column, size_t *n);
/* Copies a text of at most size - 1 bytes, cut where longer; "" for NULL. */
void tj_stmt_get_name(tj_stmt *st, int column, char *out, size_t size);

/* Copies texts and blobs of the current row into one allocation, each 8-byte aligned and with a
 * zero behind it. */
typedef struct tj_copy {
    int column;
    const char **to; /* NULL for NULL */
    size_t *n;       /* its bytes; may be NULL */
} tj_copy;
/* Gives *owned (tj_free). Errors: TJ_E_NOMEM; *owned is NULL then. */
TJ_MUST_USE tj_code tj_stmt_copy(tj_stmt *st, void **owned, const tj_copy *items, size_t n,
                                 tj_err *err);

#endif
