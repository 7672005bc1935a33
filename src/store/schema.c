/* Schema version 1 and the migrations to it. A new version appends a migration; none is ever
 * changed. */
#include "store/schema.h"

static const char *const version_1 =
    "CREATE TABLE migration (version INTEGER PRIMARY KEY, applied_us INTEGER NOT NULL) STRICT;"
    "CREATE TABLE run ("
    "  id INTEGER PRIMARY KEY, stage TEXT NOT NULL, name TEXT NOT NULL, config TEXT NOT NULL,"
    "  config_digest TEXT NOT NULL, inputs_digest TEXT NOT NULL, seed INTEGER NOT NULL,"
    "  status INTEGER NOT NULL, started_us INTEGER NOT NULL, ended_us INTEGER, error TEXT,"
    "  metrics TEXT, result TEXT, build_id TEXT NOT NULL, isa TEXT NOT NULL,"
    "  n_threads INTEGER NOT NULL, tokens INTEGER NOT NULL DEFAULT 0,"
    "  updates INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX run_by_config ON run (stage, config_digest, inputs_digest, seed);"
    "CREATE TABLE run_input (run INTEGER NOT NULL REFERENCES run (id), ordinal INTEGER NOT NULL,"
    "  role TEXT NOT NULL, kind TEXT NOT NULL, ref INTEGER NOT NULL, digest TEXT NOT NULL,"
    "  PRIMARY KEY (run, ordinal)) STRICT;"
    "CREATE TABLE run_output (run INTEGER NOT NULL REFERENCES run (id), ordinal INTEGER NOT NULL,"
    "  kind TEXT NOT NULL, name TEXT NOT NULL, n_rows INTEGER NOT NULL, digest TEXT NOT NULL,"
    "  PRIMARY KEY (run, ordinal)) STRICT;"
    "CREATE TABLE metric (run INTEGER NOT NULL REFERENCES run (id), name TEXT NOT NULL,"
    "  at INTEGER NOT NULL, value REAL NOT NULL, PRIMARY KEY (run, name, at)) STRICT, WITHOUT "
    "ROWID;"
    "CREATE TABLE cursor (run INTEGER NOT NULL REFERENCES run (id), key TEXT NOT NULL,"
    "  value TEXT NOT NULL, PRIMARY KEY (run, key)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE problem_set (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id),"
    "  name TEXT NOT NULL, task TEXT NOT NULL, config TEXT NOT NULL, digest TEXT NOT NULL) STRICT;"
    "CREATE TABLE problem (id INTEGER PRIMARY KEY, set_id INTEGER NOT NULL REFERENCES problem_set "
    "(id),"
    "  split INTEGER NOT NULL, ordinal INTEGER NOT NULL, json TEXT NOT NULL,"
    "  digest TEXT NOT NULL, difficulty INTEGER NOT NULL,"
    "  UNIQUE (set_id, split, ordinal), UNIQUE (set_id, digest)) STRICT;"
    "CREATE TABLE tokenizer (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id),"
    "  name TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, json TEXT NOT NULL) STRICT;"
    "CREATE TABLE model (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id),"
    "  name TEXT NOT NULL, family TEXT NOT NULL, config TEXT NOT NULL, path TEXT NOT NULL,"
    "  digest TEXT NOT NULL, parent INTEGER REFERENCES model (id),"
    "  tokenizer INTEGER REFERENCES tokenizer (id)) STRICT;"
    "CREATE TABLE model_file (model INTEGER NOT NULL REFERENCES model (id), name TEXT NOT NULL,"
    "  n_bytes INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (model, name)) STRICT;"
    "CREATE TABLE tree (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id),"
    "  ordinal INTEGER NOT NULL, problem INTEGER NOT NULL REFERENCES problem (id),"
    "  model INTEGER REFERENCES model (id), tokenizer INTEGER REFERENCES tokenizer (id),"
    "  seed INTEGER NOT NULL, stream INTEGER NOT NULL, prompt_ids BLOB NOT NULL,"
    "  first BLOB NOT NULL, UNIQUE (run, ordinal)) STRICT;"
    "CREATE TABLE node (tree INTEGER NOT NULL REFERENCES tree (id), ordinal INTEGER NOT NULL,"
    "  parent INTEGER, depth INTEGER NOT NULL, sampled INTEGER NOT NULL, ids BLOB NOT NULL,"
    "  logprobs BLOB NOT NULL, text TEXT NOT NULL, key TEXT NOT NULL, state BLOB NOT NULL,"
    "  draw INTEGER NOT NULL, valid INTEGER NOT NULL, solvable INTEGER NOT NULL,"
    "  terminal INTEGER NOT NULL, correct INTEGER NOT NULL, pruned INTEGER NOT NULL,"
    "  n_duplicates INTEGER NOT NULL, PRIMARY KEY (tree, ordinal)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE reward (tree INTEGER NOT NULL, node INTEGER NOT NULL,"
    "  run INTEGER NOT NULL REFERENCES run (id), ordinal INTEGER NOT NULL, rewarder TEXT NOT NULL,"
    "  meaning INTEGER NOT NULL, value REAL NOT NULL, reason TEXT NOT NULL,"
    "  PRIMARY KEY (tree, run, ordinal),"
    "  FOREIGN KEY (tree, node) REFERENCES node (tree, ordinal)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE thought (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id),"
    "  ordinal INTEGER NOT NULL, problem INTEGER NOT NULL REFERENCES problem (id),"
    "  tree INTEGER REFERENCES tree (id), tokenizer INTEGER REFERENCES tokenizer (id),"
    "  kind INTEGER NOT NULL, text TEXT NOT NULL, ids BLOB NOT NULL, n_backtracks INTEGER NOT NULL,"
    "  config TEXT, UNIQUE (run, ordinal)) STRICT;"
    "CREATE TABLE span (thought INTEGER NOT NULL REFERENCES thought (id), ordinal INTEGER NOT NULL,"
    "  begin_byte INTEGER NOT NULL, end_byte INTEGER NOT NULL, ids_begin INTEGER NOT NULL,"
    "  ids_end INTEGER NOT NULL, action INTEGER NOT NULL, node INTEGER, on_path INTEGER NOT NULL,"
    "  PRIMARY KEY (thought, ordinal)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE output (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id),"
    "  ordinal INTEGER NOT NULL, problem INTEGER NOT NULL REFERENCES problem (id),"
    "  model INTEGER REFERENCES model (id), tokenizer INTEGER REFERENCES tokenizer (id),"
    "  sampling TEXT NOT NULL, seed INTEGER NOT NULL, stream INTEGER NOT NULL,"
    "  draw INTEGER NOT NULL, text BLOB NOT NULL, ids BLOB NOT NULL, logprobs BLOB,"
    "  n_tokens INTEGER NOT NULL, finish INTEGER NOT NULL, correct INTEGER NOT NULL, metrics TEXT,"
    "  UNIQUE (run, ordinal)) STRICT;"
    "CREATE INDEX output_by_problem ON output (problem);"
    "CREATE INDEX output_by_model ON output (model);"
    "CREATE TABLE ledger (seq INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, kind TEXT NOT NULL,"
    "  run INTEGER REFERENCES run (id), body TEXT NOT NULL, prev TEXT NOT NULL,"
    "  hash TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger"
    "  BEGIN SELECT RAISE (ABORT, 'the ledger is append-only'); END;"
    "CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger"
    "  BEGIN SELECT RAISE (ABORT, 'the ledger is append-only'); END;"
    "CREATE VIEW run_summary AS SELECT id, stage, name, CASE status WHEN 0 THEN 'started'"
    "  WHEN 1 THEN 'done' WHEN 2 THEN 'failed' WHEN 3 THEN 'cancelled' ELSE 'abandoned' END AS "
    "status,"
    "  tokens, updates, seconds, error FROM run;";

static const char *const migrations[TJ_STORE_SCHEMA_VERSION] = {version_1};

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
            rc = tj_db_exec(db, "PRAGMA user_version = 1", err); /* the one version there is */
        }
        if (rc == TJ_OK) {
            rc = tj_db_commit(db, err);
        } else {
            tj_db_rollback(db);
        }
    }
    return rc;
}
