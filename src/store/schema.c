/* The migrations, from migrations/NNNN.sql. A new version appends one; none is ever changed. */
#include "store/schema.h"

#include "store/migrations.h"

/* SQL takes no parameter in a PRAGMA. */
static const struct {
    const char *sql, *mark;
} migrations[TJ_STORE_SCHEMA_VERSION] = {{(const char *)tj_schema_0001, "PRAGMA user_version = 1"},
                                         {(const char *)tj_schema_0002, "PRAGMA user_version = 2"},
                                         {(const char *)tj_schema_0003, "PRAGMA user_version = 3"}};

tj_code tj_schema_version(tj_db *db, int64_t *version, const char *where, bool writable,
                          tj_err *err)
{
    int64_t n_tables = 0;
    int64_t n_ours = 0;
    *version = 0;
    tj_code rc = tj_db_get_int(db, version, "PRAGMA user_version", err);
    if (rc == TJ_OK) {
        rc = tj_db_get_int(db, &n_tables, "SELECT count(*) FROM sqlite_schema", err);
    }
    if (rc == TJ_OK) {
        rc = tj_db_get_int(db, &n_ours,
                           "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"
                           " AND name IN ('migration', 'run', 'ledger')",
                           err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    if (*version == 0 ? n_tables > 0 : n_ours != 3) {
        return tj_fail(err, TJ_E_PARSE, "%s is not a workspace's database but another's", where);
    }
    if (*version > TJ_STORE_SCHEMA_VERSION) {
        return tj_fail(err, TJ_E_INVAL,
                       "%s has schema version %lld, this build knows %d: use a newer tabiji", where,
                       (long long)*version, TJ_STORE_SCHEMA_VERSION);
    }
    if (*version < TJ_STORE_SCHEMA_VERSION && !writable) {
        return tj_fail(err, TJ_E_INVAL,
                       "%s has schema version %lld, this build reads %d: open it once for writing, "
                       "as 'tabiji migrate' does",
                       where, (long long)*version, TJ_STORE_SCHEMA_VERSION);
    }
    return TJ_OK;
}

static tj_code apply(tj_db *db, int64_t v, int64_t now_us, tj_err *err)
{
    tj_stmt *st = NULL;
    tj_code rc = tj_db_exec(db, migrations[v].sql, err);
    if (rc == TJ_OK) {
        rc = tj_stmt_open(&st, db, "INSERT INTO migration VALUES (?, ?)", err);
    }
    if (rc == TJ_OK) {
        tj_stmt_int(st, v + 1);
        tj_stmt_int(st, now_us);
        rc = tj_stmt_run(st, err);
    }
    tj_stmt_close(st);
    return rc == TJ_OK ? tj_db_exec(db, migrations[v].mark, err) : rc;
}

tj_code tj_schema_migrate(tj_db *db, int64_t from, int64_t now_us, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (int64_t v = from; v < TJ_STORE_SCHEMA_VERSION && rc == TJ_OK; v++) {
        rc = apply(db, v, now_us, err);
    }
    return rc;
}
