/* The migrations, from migrations/NNNN.sql. A new version appends one; none is ever changed. */
#include "store/schema.h"

#include "store/migrations.h"

static const char *const migrations[TJ_STORE_SCHEMA_VERSION] = {(const char *)tj_schema_0001,
                                                                (const char *)tj_schema_0002};

/* SQL takes no parameter here. */
static const char *const marks[TJ_STORE_SCHEMA_VERSION] = {"PRAGMA user_version = 1",
                                                           "PRAGMA user_version = 2"};

tj_code tj_schema_migrate(tj_db *db, const char *where, bool writable, int64_t now_us, bool *fresh,
                          tj_err *err)
{
    int64_t version = 0;
    tj_code rc = tj_db_get_int(db, &version, "PRAGMA user_version", err);
    *fresh = version == 0;
    if (rc != TJ_OK) {
        return rc;
    }
    if (version > TJ_STORE_SCHEMA_VERSION) {
        return tj_fail(err, TJ_E_INVAL,
                       "%s has schema version %lld, this build knows %d: use a newer tabiji", where,
                       (long long)version, TJ_STORE_SCHEMA_VERSION);
    }
    if (version < TJ_STORE_SCHEMA_VERSION && !writable) {
        return tj_fail(err, TJ_E_INVAL, "%s has schema version %lld: open it once for writing",
                       where, (long long)version);
    }
    for (int64_t v = version; v < TJ_STORE_SCHEMA_VERSION && rc == TJ_OK; v++) {
        rc = tj_db_begin(db, true, err);
        if (rc != TJ_OK) {
            return rc;
        }
        rc = tj_db_exec(db, migrations[v], err);
        tj_stmt *st = NULL;
        if (rc == TJ_OK) {
            rc = tj_stmt_open(&st, db, "INSERT INTO migration VALUES (?, ?)", err);
        }
        if (rc == TJ_OK) {
            tj_stmt_int(st, v + 1);
            tj_stmt_int(st, now_us);
            rc = tj_stmt_run(st, err);
        }
        tj_stmt_close(st);
        if (rc == TJ_OK) {
            rc = tj_db_exec(db, marks[v], err);
        }
        if (rc == TJ_OK) {
            rc = tj_db_commit(db, err);
        } else {
            tj_db_rollback(db);
        }
    }
    return rc;
}
