/* Statements are kept, prepared, in a list that is searched by the address of their SQL text: there
 * are some dozens, and comparing addresses costs less than SQLite's own work on any of them. A
 * statement that is in use when it is asked for again (a callback that calls back) is prepared a
 * second time for that use only. */
#include "store/db.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define BUSY_MS 10000 /* the wait for another process, which can hold a lock only for moments */

struct tj_stmt {
    tj_db *db;
    const char *sql;
    sqlite3_stmt *handle;
    int n_bound;
    int bind_rc; /* the first error of a bind */
    bool in_use;
    bool kept; /* in the list; else finalized when closed */
};

struct tj_db {
    sqlite3 *handle;
    char *where;
    tj_stmt **stmts; /* [n_stmts] */
    size_t n_stmts, cap_stmts;
    size_t depth; /* of open brackets */
    bool lost;    /* SQLite undid the bracket by itself */
};

/* ------------------------------------------------------------ errors */

static tj_code fail_io(const tj_db *db, int rc, tj_err *err)
{
    int os = sqlite3_system_errno(db->handle);
    if (rc == SQLITE_FULL || os == ENOSPC || os == EDQUOT) {
        return tj_fail(err, TJ_E_IO, "cannot write %s: disk is full, or a stated bound is reached",
                       db->where);
    }
    if (rc == SQLITE_READONLY) {
        return tj_fail(err, TJ_E_IO, "cannot write %s: it is read-only", db->where);
    }
    return tj_fail(err, TJ_E_IO, "cannot read or write %s: %s", db->where,
                   os != 0 ? strerror(os) : sqlite3_errmsg(db->handle));
}

static tj_code fail_constraint(const tj_db *db, int extended, tj_err *err)
{
    const char *msg = sqlite3_errmsg(db->handle);
    switch (extended) {
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return tj_fail(err, TJ_E_NOTFOUND, "a row of %s names another that is not there",
                       db->where);
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
    case SQLITE_CONSTRAINT_TRIGGER:
        return tj_fail(err, TJ_E_CONFLICT, "%s: %s", db->where, msg);
    default:
        return tj_fail(err, TJ_E_INVAL, "%s: %s", db->where, msg);
    }
}

/* Turns SQLite's answer into a code, and notes when the bracket is gone. */
static tj_code fail(tj_db *db, int answer, tj_err *err)
{
    if (db->depth > 0 && sqlite3_get_autocommit(db->handle) != 0) {
        db->lost = true;
    }
    if (answer == SQLITE_IOERR_NOMEM) {
        answer = SQLITE_NOMEM;
    }
    int rc = answer & 0xff;
    switch (rc) {
    case SQLITE_NOMEM:
        return tj_fail(err, TJ_E_NOMEM, "memory is exhausted in %s", db->where);
    case SQLITE_READONLY:
        if (answer == SQLITE_READONLY_RECOVERY || answer == SQLITE_READONLY_ROLLBACK ||
            answer == SQLITE_READONLY_CANTINIT) {
            return tj_fail(err, TJ_E_IO,
                           "cannot read %s: a crash left it half-done, and it cannot be brought in "
                           "order where it is read-only",
                           db->where);
        }
        return fail_io(db, rc, err);
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return fail_io(db, rc, err);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return tj_fail(err, TJ_E_CONFLICT, "%s is locked by another process", db->where);
    case SQLITE_NOTADB:
        return tj_fail(err, TJ_E_PARSE, "%s is not a database", db->where);
    case SQLITE_CORRUPT:
        return tj_fail(err, TJ_E_PARSE, "%s is damaged: %s", db->where, sqlite3_errmsg(db->handle));
    case SQLITE_CONSTRAINT:
        return fail_constraint(db, answer, err);
    case SQLITE_TOOBIG:
        return tj_fail(err, TJ_E_LIMIT, "a value is too big for %s", db->where);
    default:
        return tj_fail(err, TJ_E_BACKEND, "%s: %s", db->where, sqlite3_errmsg(db->handle));
    }
}

static tj_code fail_lost(const tj_db *db, tj_err *err)
{
    return tj_fail(err, TJ_E_IO, "an earlier error undid the changes to %s", db->where);
}

/* ------------------------------------------------------------ open and close */

/* "file:" + path with what a URI reserves as %XX + "?immutable=1". */
static char *frozen_uri(const char *path)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char tail[] = "?immutable=1";
    size_t n = strlen(path);
    char *uri = tj_malloc(5 + 3 * n + sizeof tail);
    if (uri == NULL) {
        return NULL;
    }
    memcpy(uri, "file:", 5);
    char *to = uri + 5;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)path[i];
        if (c == '?' || c == '#' || c == '%') {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        } else {
            *to++ = path[i];
        }
    }
    memcpy(to, tail, sizeof tail);
    return uri;
}

static int open_handle(tj_db *db, const char *path, tj_db_mode mode)
{
    static const int flags[] = {
        /* not READONLY: what a crash left half-done is brought in order by who opens it first */
        [TJ_DB_READ] = SQLITE_OPEN_READWRITE,
        [TJ_DB_READ_FROZEN] = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
        [TJ_DB_WRITE] = SQLITE_OPEN_READWRITE,
        [TJ_DB_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
    };
    char *uri = NULL;
    if (mode == TJ_DB_READ_FROZEN) {
        uri = frozen_uri(path);
        if (uri == NULL) {
            return SQLITE_NOMEM;
        }
    }
    int rc = sqlite3_open_v2(uri != NULL ? uri : path, &db->handle,
                             flags[mode] | SQLITE_OPEN_NOMUTEX, NULL);
    tj_free(uri);
    if (rc != SQLITE_OK) {
        return rc;
    }
    (void)sqlite3_extended_result_codes(db->handle, 1);
    (void)sqlite3_busy_timeout(db->handle, BUSY_MS);
    /* A database is data: what a stranger put into its schema does not run with our rights. */
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    return SQLITE_OK;
}

tj_code tj_db_open(tj_db **out, const char *path, const char *where, tj_db_mode mode, tj_err *err)
{
    *out = NULL;
    tj_db *db = tj_calloc(1, sizeof *db);
    char *copy = tj_strdup(where);
    if (db == NULL || copy == NULL) {
        tj_free(db);
        tj_free(copy);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a database handle");
    }
    db->where = copy;
    int rc = open_handle(db, path, mode);
    if (rc != SQLITE_OK) {
        tj_code code = db->handle == NULL
                           ? tj_fail(err, TJ_E_NOMEM, "memory is exhausted in %s", where)
                           : fail(db, rc, err);
        tj_db_close(db);
        return code;
    }
    tj_code code = tj_db_exec(
        db, mode == TJ_DB_READ ? "PRAGMA query_only = ON" : "PRAGMA foreign_keys = ON", err);
    if (code != TJ_OK) {
        tj_db_close(db);
        return code;
    }
    *out = db;
    return TJ_OK;
}

void tj_db_close(tj_db *db)
{
    if (db == NULL) {
        return;
    }
    for (size_t i = 0; i < db->n_stmts; i++) {
        TJ_ASSERT(!db->stmts[i]->in_use);
        (void)sqlite3_finalize(db->stmts[i]->handle);
        tj_free(db->stmts[i]);
    }
    tj_free(db->stmts);
    int rc = sqlite3_close(db->handle); /* undoes an open transaction */
    TJ_ASSERT(rc == SQLITE_OK);
    tj_free(db->where);
    tj_free(db);
}

tj_code tj_db_exec(tj_db *db, const char *sql, tj_err *err)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? TJ_OK : fail(db, rc, err);
}

tj_code tj_db_get_int(tj_db *db, int64_t *out, const char *sql, tj_err *err)
{
    *out = 0;
    tj_stmt *st = NULL;
    bool row = false;
    tj_code rc = tj_stmt_open(&st, db, sql, err);
    if (rc == TJ_OK) {
        rc = tj_stmt_step(st, &row, err);
    }
    if (rc == TJ_OK && row) {
        *out = tj_stmt_get_int(st, 0);
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_db_limit(tj_db *db, uint64_t max_bytes, tj_err *err)
{
    int64_t page_bytes = 0;
    tj_code rc = tj_db_get_int(db, &page_bytes, "PRAGMA page_size", err);
    if (rc != TJ_OK) {
        return rc;
    }
    TJ_ASSERT(page_bytes > 0);
    uint64_t n_pages = max_bytes / (uint64_t)page_bytes;
    n_pages = n_pages < 1 ? 1 : n_pages > 4294967294U ? 4294967294U : n_pages;
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA max_page_count = %llu", (unsigned long long)n_pages);
    return tj_db_exec(db, sql, err);
}

/* ------------------------------------------------------------ brackets */

tj_code tj_db_begin(tj_db *db, bool write, tj_err *err)
{
    if (db->lost) {
        return fail_lost(db, err);
    }
    const char *sql = db->depth > 0 ? "SAVEPOINT bracket" : write ? "BEGIN IMMEDIATE" : "BEGIN";
    tj_stmt *st = NULL;
    tj_code rc = tj_stmt_open(&st, db, sql, err);
    if (rc == TJ_OK) {
        rc = tj_stmt_run(st, err);
    }
    tj_stmt_close(st);
    if (rc == TJ_OK) {
        db->depth++;
    }
    return rc;
}

static tj_code run_sql(tj_db *db, const char *sql, tj_err *err)
{
    tj_stmt *st = NULL;
    tj_code rc = tj_stmt_open(&st, db, sql, err);
    if (rc == TJ_OK) {
        rc = tj_stmt_run(st, err);
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_db_commit(tj_db *db, tj_err *err)
{
    TJ_ASSERT(db->depth > 0);
    tj_code rc = db->lost         ? fail_lost(db, err)
                 : db->depth == 1 ? run_sql(db, "COMMIT", err)
                                  : run_sql(db, "RELEASE bracket", err);
    if (rc != TJ_OK) {
        tj_db_rollback(db);
        return rc;
    }
    db->depth--;
    return TJ_OK;
}

/* sqlite3_exec, not a kept statement: it must work when preparing failed for lack of memory. If
 * even this fails, the bracket counts as lost, so that nothing of it can be committed. */
void tj_db_rollback(tj_db *db)
{
    TJ_ASSERT(db->depth > 0);
    db->depth--;
    bool open = sqlite3_get_autocommit(db->handle) == 0;
    if (db->depth > 0) {
        if (!open || sqlite3_exec(db->handle, "ROLLBACK TO bracket; RELEASE bracket", NULL, NULL,
                                  NULL) != SQLITE_OK) {
            db->lost = true;
        }
        return;
    }
    for (int i = 0; open && i < 3; i++) { /* again, where an allocation failed in between */
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
        open = sqlite3_get_autocommit(db->handle) == 0;
    }
    db->lost = open;
}

size_t tj_db_depth(const tj_db *db)
{
    return db->depth;
}

int64_t tj_db_last_id(const tj_db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

/* ------------------------------------------------------------ statements */

static tj_stmt *find_free(const tj_db *db, const char *sql)
{
    for (size_t i = 0; i < db->n_stmts; i++) {
        if (db->stmts[i]->sql == sql && !db->stmts[i]->in_use) {
            return db->stmts[i];
        }
    }
    return NULL;
}

static bool is_kept(const tj_db *db, const char *sql)
{
    for (size_t i = 0; i < db->n_stmts; i++) {
        if (db->stmts[i]->sql == sql) {
            return true;
        }
    }
    return false;
}

static tj_code prepare(tj_stmt **out, tj_db *db, const char *sql, tj_err *err)
{
    bool keep = !is_kept(db, sql);
    tj_stmt *st = tj_calloc(1, sizeof *st);
    if (st == NULL ||
        (keep && !tj_grow(&db->stmts, &db->cap_stmts, db->n_stmts + 1, sizeof *db->stmts))) {
        tj_free(st);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a statement");
    }
    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &st->handle, NULL);
    if (rc != SQLITE_OK) {
        tj_free(st);
        return fail(db, rc, err);
    }
    st->db = db;
    st->sql = sql;
    st->kept = keep;
    if (keep) {
        db->stmts[db->n_stmts++] = st;
    }
    *out = st;
    return TJ_OK;
}

tj_code tj_stmt_open(tj_stmt **out, tj_db *db, const char *sql, tj_err *err)
{
    *out = NULL;
    tj_stmt *st = find_free(db, sql);
    if (st == NULL) {
        tj_code rc = prepare(&st, db, sql, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    st->in_use = true;
    st->n_bound = 0;
    st->bind_rc = SQLITE_OK;
    *out = st;
    return TJ_OK;
}

static void rewind_stmt(tj_stmt *st)
{
    (void)sqlite3_reset(st->handle); /* repeats the error of the step, which was reported there */
    (void)sqlite3_clear_bindings(st->handle);
    st->n_bound = 0;
    st->bind_rc = SQLITE_OK;
}

void tj_stmt_close(tj_stmt *st)
{
    if (st == NULL) {
        return;
    }
    st->in_use = false;
    if (st->kept) {
        rewind_stmt(st);
    } else {
        (void)sqlite3_finalize(st->handle);
        tj_free(st);
    }
}

static void bound(tj_stmt *st, int rc)
{
    if (st->bind_rc == SQLITE_OK) {
        st->bind_rc = rc;
    }
}

void tj_stmt_int(tj_stmt *st, int64_t value)
{
    bound(st, sqlite3_bind_int64(st->handle, ++st->n_bound, value));
}

void tj_stmt_size(tj_stmt *st, size_t value)
{
    if (value > INT64_MAX) {
        bound(st, SQLITE_TOOBIG);
        return;
    }
    tj_stmt_int(st, (int64_t)value);
}

void tj_stmt_u64(tj_stmt *st, uint64_t value)
{
    int64_t same_bits;
    memcpy(&same_bits, &value, sizeof same_bits);
    tj_stmt_int(st, same_bits);
}

void tj_stmt_id(tj_stmt *st, int64_t id)
{
    if (id == 0) {
        tj_stmt_null(st);
    } else {
        tj_stmt_int(st, id);
    }
}

void tj_stmt_real(tj_stmt *st, double value)
{
    bound(st, sqlite3_bind_double(st->handle, ++st->n_bound, value));
}

void tj_stmt_str(tj_stmt *st, const char *text)
{
    tj_stmt_text(st, text, text != NULL ? strlen(text) : 0);
}

void tj_stmt_text(tj_stmt *st, const char *text, size_t n)
{
    bound(st, sqlite3_bind_text64(st->handle, ++st->n_bound, text, n, SQLITE_STATIC, SQLITE_UTF8));
}

void tj_stmt_blob(tj_stmt *st, const void *bytes, size_t n)
{
    bound(st, sqlite3_bind_blob64(st->handle, ++st->n_bound, bytes, n, SQLITE_STATIC));
}

void tj_stmt_null(tj_stmt *st)
{
    bound(st, sqlite3_bind_null(st->handle, ++st->n_bound));
}

tj_code tj_stmt_step(tj_stmt *st, bool *row, tj_err *err)
{
    *row = false;
    if (st->db->lost) {
        return fail_lost(st->db, err);
    }
    if (st->bind_rc != SQLITE_OK) {
        return fail(st->db, st->bind_rc, err);
    }
    int rc = sqlite3_step(st->handle);
    if (rc == SQLITE_ROW) {
        *row = true;
        return TJ_OK;
    }
    return rc == SQLITE_DONE ? TJ_OK : fail(st->db, rc, err);
}

tj_code tj_stmt_run(tj_stmt *st, tj_err *err)
{
    bool row = true;
    tj_code rc = TJ_OK;
    while (rc == TJ_OK && row) {
        rc = tj_stmt_step(st, &row, err);
    }
    rewind_stmt(st);
    return rc;
}

/* ------------------------------------------------------------ columns */

int tj_stmt_n_columns(const tj_stmt *st)
{
    return sqlite3_column_count(st->handle);
}

tj_column tj_stmt_type(tj_stmt *st, int column)
{
    switch (sqlite3_column_type(st->handle, column)) {
    case SQLITE_INTEGER:
        return TJ_COLUMN_INT;
    case SQLITE_FLOAT:
        return TJ_COLUMN_REAL;
    case SQLITE_TEXT:
        return TJ_COLUMN_TEXT;
    case SQLITE_BLOB:
        return TJ_COLUMN_BLOB;
    default:
        return TJ_COLUMN_NULL;
    }
}

int64_t tj_stmt_get_int(tj_stmt *st, int column)
{
    return sqlite3_column_int64(st->handle, column);
}

uint64_t tj_stmt_get_u64(tj_stmt *st, int column)
{
    return (uint64_t)tj_stmt_get_int(st, column);
}

size_t tj_stmt_get_size(tj_stmt *st, int column)
{
    int64_t value = tj_stmt_get_int(st, column);
    return value < 0 ? 0 : (size_t)value;
}

bool tj_stmt_get_bool(tj_stmt *st, int column)
{
    return tj_stmt_get_int(st, column) != 0;
}

double tj_stmt_get_real(tj_stmt *st, int column)
{
    return sqlite3_column_double(st->handle, column);
}

/* As a blob also for text: its bytes as they are stored, UTF-8 or not. */
const void *tj_stmt_get_bytes(tj_stmt *st, int column, size_t *n)
{
    const void *bytes = sqlite3_column_blob(st->handle, column);
    *n = bytes == NULL ? 0 : (size_t)sqlite3_column_bytes(st->handle, column);
    return bytes;
}

void tj_stmt_get_name(tj_stmt *st, int column, char *out, size_t size)
{
    size_t n = 0;
    const void *bytes = tj_stmt_get_bytes(st, column, &n);
    n = n < size ? n : size - 1;
    if (n > 0) {
        memcpy(out, bytes, n);
    }
    out[n] = '\0';
}

tj_code tj_stmt_copy(tj_stmt *st, void **owned, const tj_copy *items, size_t n, tj_err *err)
{
    *owned = NULL;
    size_t total = 8; /* never nothing */
    for (size_t i = 0; i < n; i++) {
        size_t bytes = (size_t)sqlite3_column_bytes(st->handle, items[i].column);
        total += (bytes + 8) / 8 * 8; /* with the zero */
    }
    char *slab = tj_calloc(total, 1);
    if (slab == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a row of %zu bytes", total);
    }
    char *to = slab;
    for (size_t i = 0; i < n; i++) {
        size_t bytes = 0;
        const void *from = tj_stmt_get_bytes(st, items[i].column, &bytes);
        bool null = tj_stmt_type(st, items[i].column) == TJ_COLUMN_NULL;
        if (bytes > 0) {
            memcpy(to, from, bytes);
        }
        *items[i].to = null ? NULL : to;
        if (items[i].n != NULL) {
            *items[i].n = bytes;
        }
        to += (bytes + 8) / 8 * 8;
    }
    *owned = slab;
    return TJ_OK;
}
