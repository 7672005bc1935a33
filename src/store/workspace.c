/* Opening, closing, brackets, notes and cursors. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "store/inner.h"
#include "store/schema.h"

tj_code tj_need_write(const tj_store *store, tj_err *err)
{
    return store->writable
               ? TJ_OK
               : tj_fail(err, TJ_E_INVAL, "the workspace %s was opened for reading", store->dir);
}

int64_t tj_store_now_us(const tj_store *store)
{
    return store->options.now_us == NULL ? tj_clock_unix_us()
                                         : store->options.now_us(store->options.ctx);
}

const char *tj_store_dir(const tj_store *store)
{
    return store->dir;
}

tj_code tj_store_path(const tj_store *store, char **out, const char *relative, tj_err *err)
{
    *out = relative[0] == '/' ? tj_strdup(relative) : tj_fs_join(store->dir, relative);
    return *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot name %s", relative) : TJ_OK;
}

/* An exclusive lock that the kernel drops with the process; the file says whose it is. */
static tj_code lock(tj_store *store, tj_err *err)
{
    char *path = tj_fs_join(store->dir, "tabiji.lock");
    char pid[32] = "";
    if (path == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot lock %s", store->dir);
    }
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    tj_free(path);
    if (store->lock_fd < 0) {
        return tj_fail(err, TJ_E_IO, "cannot lock the workspace %s: %s", store->dir,
                       strerror(errno));
    }
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t n = read(store->lock_fd, pid, sizeof pid - 1);
        pid[n > 0 ? (size_t)n : 0] = 0;
        pid[strcspn(pid, "\n")] = 0;
        return tj_fail(err, TJ_E_CONFLICT, "the workspace %s is in use by process %s", store->dir,
                       pid[0] == 0 ? "(unknown)" : pid);
    }
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(store->lock_fd, 0) != 0 || pwrite(store->lock_fd, pid, (size_t)n, 0) != n) {
        return tj_fail(err, TJ_E_IO, "cannot lock the workspace %s: %s", store->dir,
                       strerror(errno));
    }
    return TJ_OK;
}

/* A folder that cannot be written holds no writer either, unless one's -wal is there to be read. */
static tj_db_mode reading_mode(const tj_store *store)
{
    char *wal = tj_fs_join(store->dir, "tabiji.db-wal");
    bool is_frozen = access(store->dir, W_OK) != 0 && (wal == NULL || !tj_fs_exists(wal));
    tj_free(wal);
    return is_frozen ? TJ_DB_READ_FROZEN : TJ_DB_READ;
}

static tj_code open_db(tj_store *store, tj_store_mode mode, const char *path, tj_err *err)
{
    tj_db_mode db_mode = mode == TJ_STORE_READ    ? reading_mode(store)
                         : mode == TJ_STORE_WRITE ? TJ_DB_WRITE
                                                  : TJ_DB_CREATE;
    if (mode != TJ_STORE_CREATE && !tj_fs_exists(path)) {
        return tj_fail(err, TJ_E_NOTFOUND, "there is no workspace in %s", store->dir);
    }
    tj_code rc = tj_db_open(&store->db, path, path, db_mode, err);
    if (rc == TJ_OK) {
        rc = tj_db_exec(store->db, "PRAGMA cache_size = -65536", err); /* KiB */
    }
    if (rc == TJ_OK && store->writable) {
        /* A page holds a dozen nodes, and takes a step of some hundred tokens whole. Readers go on
         * while a writer writes; 64 MiB are written before they go over into the database. */
        rc = tj_db_exec(store->db,
                        "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL;"
                        "PRAGMA wal_autocheckpoint = 4000",
                        err);
    }
    if (rc == TJ_OK && store->options.max_bytes > 0) {
        rc = tj_db_limit(store->db, store->options.max_bytes, err);
    }
    return rc;
}

/* A new database beside the head of another: somebody took the old one away. */
static tj_code check_new(const tj_store *store, tj_err *err)
{
    tj_head head;
    tj_code rc = tj_head_file_read(store, TJ_HEAD_FILE, &head, err);
    if (rc == TJ_E_NOTFOUND) {
        return TJ_OK;
    }
    return rc != TJ_OK ? rc
                       : tj_fail(err, TJ_E_PARSE,
                                 "%s has no database, but a " TJ_HEAD_FILE
                                 " that names entry %lld of one: remove it to begin anew",
                                 store->dir, (long long)head.n_entries);
}

/* Whether the head agrees; a difference that is to be adopted is given as text (tj_free). */
static tj_code check_head(tj_store *store, char **adopted, tj_err *err)
{
    tj_err why = {.msg = ""};
    tj_code rc = tj_head_check(store, &why);
    *adopted = NULL;
    if (rc == TJ_E_PARSE && store->options.adopt) {
        *adopted = tj_strdup(why.msg);
        return *adopted == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot adopt a ledger") : TJ_OK;
    }
    return rc == TJ_OK ? TJ_OK
           : rc == TJ_E_PARSE
               ? tj_fail(err, rc,
                         "%s: %s: 'tabiji ledger verify' says more, 'tabiji ledger adopt' records "
                         "it and goes on",
                         store->dir, why.msg)
               : tj_fail(err, rc, "%s", why.msg);
}

static tj_code add_entry(tj_store *store, const char *kind, json_t *body, tj_err *err)
{
    int64_t seq;
    tj_code rc = body == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write a ledger entry")
                              : tj_ledger_append(store, &seq, kind, 0, body, err);
    json_decref(body);
    return rc;
}

/* Within a bracket: what the opening itself leaves in the ledger. */
static tj_code record_opening(tj_store *store, int64_t from, const char *adopted, tj_err *err)
{
    bool is_new_key = false;
    tj_code rc = tj_schema_migrate(store->db, from, tj_store_now_us(store), err);
    if (rc == TJ_OK) {
        rc = tj_head_load_key(store, &is_new_key, err);
    }
    if (rc == TJ_OK && from == 0) {
        rc =
            add_entry(store, "created", json_pack("{s:i}", "schema", TJ_STORE_SCHEMA_VERSION), err);
    } else if (rc == TJ_OK && from < TJ_STORE_SCHEMA_VERSION) {
        rc = add_entry(
            store, "migrated",
            json_pack("{s:I, s:i}", "from", (json_int_t)from, "to", TJ_STORE_SCHEMA_VERSION), err);
    }
    if (rc == TJ_OK && adopted != NULL) {
        rc = add_entry(store, "adopted", json_pack("{s:s}", "why", adopted), err);
    }
    return rc == TJ_OK && is_new_key ? tj_head_record_key(store, err) : rc;
}

static tj_code open_for_writing(tj_store *store, int64_t from, tj_err *err)
{
    char *adopted = NULL;
    tj_code rc = from == 0                      ? check_new(store, err)
                 : from >= TJ_FIRST_HEAD_SCHEMA ? check_head(store, &adopted, err)
                                                : TJ_OK;
    if (rc == TJ_OK) {
        rc = tj_store_begin(store, err);
    }
    if (rc != TJ_OK) {
        tj_free(adopted);
        return rc;
    }
    rc = record_opening(store, from, adopted, err);
    tj_free(adopted);
    if (rc == TJ_OK) {
        return tj_store_commit(store, err);
    }
    tj_store_rollback(store);
    return rc;
}

static tj_code open_all(tj_store *store, tj_store_mode mode, tj_err *err)
{
    int64_t version = 0;
    char *path = tj_fs_join(store->dir, "tabiji.db");
    tj_code rc = path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot open %s", store->dir)
                              : open_db(store, mode, path, err);
    if (rc == TJ_OK) {
        rc = tj_schema_version(store->db, &version, path, store->writable, err);
    }
    if (rc == TJ_OK && store->writable) {
        rc = open_for_writing(store, version, err);
    }
    tj_free(path);
    return rc;
}

tj_code tj_store_open(tj_store **out, const char *dir, tj_store_mode mode,
                      const tj_store_options *options, tj_err *err)
{
    *out = NULL;
    tj_store *store = tj_calloc(1, sizeof *store);
    if (store == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot open the workspace %s", dir);
    }
    store->lock_fd = -1;
    store->writable = mode != TJ_STORE_READ;
    store->dir = tj_strdup(dir);
    if (options != NULL) {
        store->options = *options;
    }
    tj_code rc =
        store->dir == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot open the workspace %s", dir) : TJ_OK;
    if (rc == TJ_OK && mode == TJ_STORE_CREATE) {
        rc = tj_fs_mkdirs(dir, err);
    }
    if (rc == TJ_OK && mode != TJ_STORE_CREATE && !tj_fs_exists(dir)) {
        rc = tj_fail(err, TJ_E_NOTFOUND, "there is no workspace in %s", dir);
    }
    if (rc == TJ_OK && store->writable) {
        rc = lock(store, err);
    }
    if (rc == TJ_OK) {
        rc = open_all(store, mode, err);
    }
    if (rc != TJ_OK) {
        tj_store_close(store);
        return rc;
    }
    *out = store;
    return TJ_OK;
}

void tj_store_close(tj_store *store)
{
    if (store == NULL) {
        return;
    }
    tj_db_close(store->db);
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
    }
    for (size_t i = 0; i < store->n_names; i++) {
        tj_free(store->names[i]);
    }
    tj_free(store->names);
    tj_free(store->rewarders);
    tj_head_close(store);
    tj_free(store->dir);
    tj_free(store);
}

tj_code tj_store_begin(tj_store *store, tj_err *err)
{
    return tj_db_begin(store->db, store->writable, err);
}

tj_code tj_store_commit(tj_store *store, tj_err *err)
{
    bool with_head = store->head_due && tj_db_depth(store->db) == 1;
    tj_code rc = with_head ? tj_head_commit(store, err) : tj_db_commit(store->db, err);
    if (rc != TJ_OK) {
        tj_rewarders_forget(store);
    }
    return rc;
}

void tj_store_rollback(tj_store *store)
{
    tj_db_rollback(store->db);
    tj_rewarders_forget(store);
    store->head_due = store->head_due && tj_db_depth(store->db) > 0;
}

/* ------------------------------------------------------------------ notes and cursors */

static tj_code get_text(tj_store *store, char **value, const char *sql, int64_t run,
                        const char *key, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    *value = NULL;
    tj_code rc = tj_stmt_open(&st, store->db, sql, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (run != 0) {
        tj_stmt_int(st, run);
    }
    tj_stmt_str(st, key);
    rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK && row) {
        size_t n;
        const char *text = tj_stmt_get_bytes(st, 0, &n);
        *value = tj_strndup(text == NULL ? "" : text, n);
        rc = *value == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot read '%s'", key) : TJ_OK;
    }
    tj_stmt_close(st);
    return rc;
}

static tj_code set_text(tj_store *store, const char *sql, int64_t run, const char *key,
                        const char *value, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_need_write(store, err);
    if (rc == TJ_OK) {
        rc = tj_stmt_open(&st, store->db, sql, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    if (run != 0) {
        tj_stmt_int(st, run);
    }
    tj_stmt_str(st, key);
    if (value != NULL) {
        tj_stmt_str(st, value);
    }
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}

tj_code tj_store_set_cursor(tj_store *store, int64_t run, const char *key, const char *value,
                            tj_err *err)
{
    const char *set = "INSERT OR REPLACE INTO cursor (run, key, value) VALUES (?, ?, ?)";
    const char *drop = "DELETE FROM cursor WHERE run = ? AND key = ?";
    return set_text(store, value == NULL ? drop : set, run, key, value, err);
}

tj_code tj_store_get_cursor(tj_store *store, char **value, int64_t run, const char *key,
                            tj_err *err)
{
    return get_text(store, value, "SELECT value FROM cursor WHERE run = ? AND key = ?", run, key,
                    err);
}

tj_code tj_store_set_note(tj_store *store, const char *key, const char *value, tj_err *err)
{
    const char *set = "INSERT OR REPLACE INTO note (key, value) VALUES (?, ?)";
    const char *drop = "DELETE FROM note WHERE key = ?";
    return set_text(store, value == NULL ? drop : set, 0, key, value, err);
}

tj_code tj_store_get_note(tj_store *store, char **value, const char *key, tj_err *err)
{
    return get_text(store, value, "SELECT value FROM note WHERE key = ?", 0, key, err);
}
