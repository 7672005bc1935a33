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

static tj_code open_db(tj_store *store, tj_store_mode mode, tj_err *err)
{
    char *path = tj_fs_join(store->dir, "tabiji.db");
    bool fresh = false;
    tj_db_mode db_mode = mode == TJ_STORE_READ    ? TJ_DB_READ
                         : mode == TJ_STORE_WRITE ? TJ_DB_WRITE
                                                  : TJ_DB_CREATE;
    tj_code rc = path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot open %s", store->dir) : TJ_OK;
    if (rc == TJ_OK && mode != TJ_STORE_CREATE && !tj_fs_exists(path)) {
        rc = tj_fail(err, TJ_E_NOTFOUND, "there is no workspace in %s", store->dir);
    }
    if (rc == TJ_OK && mode == TJ_STORE_READ && access(store->dir, W_OK) != 0) {
        db_mode = TJ_DB_READ_FROZEN;
    }
    if (rc == TJ_OK) {
        rc = tj_db_open(&store->db, path, path, db_mode, err);
    }
    if (rc == TJ_OK && store->writable) { /* readers go on while a writer writes */
        rc = tj_db_exec(store->db, "PRAGMA journal_mode = WAL", err);
    }
    if (rc == TJ_OK && store->options.max_bytes > 0) {
        rc = tj_db_limit(store->db, store->options.max_bytes, err);
    }
    if (rc == TJ_OK) {
        rc = tj_schema_migrate(store->db, path, store->writable, tj_store_now_us(store), &fresh,
                               err);
    }
    if (rc == TJ_OK && fresh && store->writable) {
        json_t *body = json_pack("{s:i}", "schema", TJ_STORE_SCHEMA_VERSION);
        int64_t seq;
        rc = tj_ledger_append(store, &seq, "created", 0, body, err);
        json_decref(body);
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
        rc = open_db(store, mode, err);
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
    tj_free(store->dir);
    tj_free(store);
}

tj_code tj_store_begin(tj_store *store, tj_err *err)
{
    return tj_db_begin(store->db, store->writable, err);
}

tj_code tj_store_commit(tj_store *store, tj_err *err)
{
    return tj_db_commit(store->db, err);
}

void tj_store_rollback(tj_store *store)
{
    tj_db_rollback(store->db);
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
