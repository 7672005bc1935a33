/* The response cache over DIR/answers.db. Writes wait for no disk (synchronous NORMAL in WAL mode):
 * a killed process loses nothing, a cut of power at most the last answers. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/fs.h"
#include "base/job.h"
#include "store/inner.h"

#define ANSWERS_VERSION 1
#define SET_UP_TRIES    500 /* ten seconds, as everywhere */

struct tj_answers {
    pthread_mutex_t mu;
    tj_db *db; /* guarded by mu */
};

static tj_code make_tables(tj_db *db, tj_err *err)
{
    int64_t version = 0;
    tj_code rc = tj_db_begin(db, true, err); /* before looking: another process may be making it */
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tj_db_get_int(db, &version, "PRAGMA user_version", err);
    if (rc == TJ_OK && version == 0) {
        rc = tj_db_exec(db,
                        "CREATE TABLE answer (key TEXT PRIMARY KEY, value BLOB NOT NULL, added_us"
                        " INTEGER NOT NULL) STRICT;"
                        "PRAGMA user_version = 1",
                        err);
    } else if (rc == TJ_OK && version > ANSWERS_VERSION) {
        rc = tj_fail(err, TJ_E_INVAL,
                     "answers.db has version %lld, this build knows %d: use a "
                     "newer tabiji, or delete it",
                     (long long)version, ANSWERS_VERSION);
    }
    if (rc == TJ_OK) {
        return tj_db_commit(db, err);
    }
    tj_db_rollback(db);
    return rc;
}

/* SQLite waits for others everywhere but here, where two processes make the database at once. */
static tj_code set_up(tj_db *db, tj_err *err)
{
    const struct timespec a_moment = {.tv_nsec = 20000000};
    tj_code rc = TJ_E_CONFLICT;
    for (int i = 0; i < SET_UP_TRIES && rc == TJ_E_CONFLICT; i++) {
        if (i > 0) {
            (void)nanosleep(&a_moment, NULL);
        }
        rc = tj_db_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", err);
        if (rc == TJ_OK) {
            rc = make_tables(db, err);
        }
    }
    return rc;
}

tj_code tj_answers_open(tj_answers **out, const char *dir, tj_err *err)
{
    *out = NULL;
    tj_answers *a = tj_calloc(1, sizeof *a);
    char *path = tj_fs_join(dir, "answers.db");
    if (a == NULL || path == NULL) {
        tj_free(a);
        tj_free(path);
        return tj_fail(err, TJ_E_NOMEM, "cannot open the answers of %s", dir);
    }
    if (pthread_mutex_init(&a->mu, NULL) != 0) {
        tj_free(a);
        tj_free(path);
        return tj_fail(err, TJ_E_BACKEND, "cannot open the answers of %s: no lock", dir);
    }
    tj_code rc = tj_db_open(&a->db, path, path, TJ_DB_CREATE, err);
    tj_free(path);
    if (rc == TJ_OK) {
        rc = set_up(a->db, err);
    }
    if (rc != TJ_OK) {
        tj_answers_close(a);
        return rc;
    }
    *out = a;
    return TJ_OK;
}

void tj_answers_close(tj_answers *a)
{
    if (a == NULL) {
        return;
    }
    tj_db_close(a->db);
    (void)pthread_mutex_destroy(&a->mu);
    tj_free(a);
}

static void lock(tj_answers *a)
{
    int rc = pthread_mutex_lock(&a->mu);
    TJ_ASSERT(rc == 0);
}

static void unlock(tj_answers *a)
{
    int rc = pthread_mutex_unlock(&a->mu);
    TJ_ASSERT(rc == 0);
}

static tj_code read_value(tj_db *db, char **out, size_t *len, const char *key, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(&st, db, "SELECT value FROM answer WHERE key = ?", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_str(st, key);
    rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK && row) {
        const char *bytes = tj_stmt_get_bytes(st, 0, len);
        *out = tj_malloc(*len + 1);
        rc = *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold an answer") : TJ_OK;
        if (rc == TJ_OK) {
            memcpy(*out, bytes == NULL ? "" : bytes, *len);
            (*out)[*len] = 0;
        }
    }
    tj_stmt_close(st);
    return rc;
}

static tj_code get(void *ctx, char **out, size_t *len, const char *key, tj_err *err)
{
    tj_answers *a = ctx;
    *out = NULL;
    *len = 0;
    lock(a);
    tj_code rc = read_value(a->db, out, len, key, err);
    unlock(a);
    return rc;
}

static tj_code write_value(tj_db *db, const char *key, const char *value, size_t len, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, db, "INSERT OR REPLACE INTO answer VALUES (?, ?, ?)", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_str(st, key);
    tj_bind_values(st, value, len);
    tj_stmt_int(st, tj_clock_unix_us());
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}

static tj_code put(void *ctx, const char *key, const char *value, size_t len, tj_err *err)
{
    tj_answers *a = ctx;
    lock(a);
    tj_code rc = write_value(a->db, key, value, len, err);
    unlock(a);
    return rc;
}

tj_cache tj_answers_cache(tj_answers *answers)
{
    return (tj_cache){.get = get, .put = put, .ctx = answers};
}

tj_code tj_answers_count(tj_answers *a, size_t *n, uint64_t *n_bytes, tj_err *err)
{
    tj_stmt *st = NULL;
    bool row = false;
    *n = 0;
    *n_bytes = 0;
    lock(a);
    tj_code rc =
        tj_stmt_open(&st, a->db, "SELECT count(*), ifnull(sum(length(value)), 0) FROM answer", err);
    if (rc == TJ_OK) {
        rc = tj_stmt_step(st, &row, err);
    }
    if (rc == TJ_OK && row) {
        *n = tj_stmt_get_size(st, 0);
        *n_bytes = tj_stmt_get_u64(st, 1);
    }
    tj_stmt_close(st);
    unlock(a);
    return rc;
}
