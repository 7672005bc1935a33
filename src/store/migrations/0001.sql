-- Schema version 1. Never changed: a new version is a new file. docs/workspace.md describes it.

-- What was done to this database, and when.
CREATE TABLE migration (version INTEGER PRIMARY KEY, applied_us INTEGER NOT NULL) STRICT;

-- One execution of a stage, failed ones included.
CREATE TABLE run ( id INTEGER PRIMARY KEY, stage TEXT NOT NULL, name TEXT NOT NULL, config TEXT
    NOT NULL, config_digest TEXT NOT NULL, inputs_digest TEXT NOT NULL, seed INTEGER NOT NULL,
    status INTEGER NOT NULL, started_us INTEGER NOT NULL, ended_us INTEGER, error TEXT, metrics
    TEXT, result TEXT, build_id TEXT NOT NULL, isa TEXT NOT NULL, n_threads INTEGER NOT NULL,
    tokens INTEGER NOT NULL DEFAULT 0, updates INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL
    DEFAULT 0) STRICT;
CREATE INDEX run_by_config ON run (stage, config_digest, inputs_digest, seed);

-- What a run read, and what it made.
CREATE TABLE run_input (run INTEGER NOT NULL REFERENCES run (id), ordinal INTEGER NOT NULL, role
    TEXT NOT NULL, kind TEXT NOT NULL, ref INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY
    (run, ordinal)) STRICT;
CREATE TABLE run_output (run INTEGER NOT NULL REFERENCES run (id), ordinal INTEGER NOT NULL, kind
    TEXT NOT NULL, name TEXT NOT NULL, n_rows INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY
    (run, ordinal)) STRICT;

-- Learning curves.
CREATE TABLE metric (run INTEGER NOT NULL REFERENCES run (id), name TEXT NOT NULL, at INTEGER NOT
    NULL, value REAL NOT NULL, PRIMARY KEY (run, name, at)) STRICT, WITHOUT ROWID;

-- How far a run is; gone when it is done.
CREATE TABLE cursor (run INTEGER NOT NULL REFERENCES run (id), key TEXT NOT NULL, value TEXT NOT
    NULL, PRIMARY KEY (run, key)) STRICT, WITHOUT ROWID;

-- Of the whole workspace; not in the ledger.
CREATE TABLE note (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- Problems and their splits.
CREATE TABLE problem_set (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id), name
    TEXT NOT NULL, task TEXT NOT NULL, config TEXT NOT NULL, digest TEXT NOT NULL) STRICT;
CREATE TABLE problem (id INTEGER PRIMARY KEY, set_id INTEGER NOT NULL REFERENCES problem_set (id),
    split INTEGER NOT NULL, ordinal INTEGER NOT NULL, json TEXT NOT NULL, digest TEXT NOT NULL,
    difficulty INTEGER NOT NULL, UNIQUE (set_id, split, ordinal), UNIQUE (set_id, digest)) STRICT;

-- Tokenizers by their hash, models and their files.
CREATE TABLE tokenizer (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id), name
    TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, json TEXT NOT NULL) STRICT;
CREATE TABLE model (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id), name TEXT
    NOT NULL, family TEXT NOT NULL, config TEXT NOT NULL, path TEXT NOT NULL, digest TEXT NOT
    NULL, parent INTEGER REFERENCES model (id), tokenizer INTEGER REFERENCES tokenizer (id))
    STRICT;
CREATE TABLE model_file (model INTEGER NOT NULL REFERENCES model (id), name TEXT NOT NULL, n_bytes
    INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (model, name)) STRICT;

-- Trees, nodes with token ids and log-probabilities, rewards in rows of their own.
CREATE TABLE tree (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id), ordinal
    INTEGER NOT NULL, problem INTEGER NOT NULL REFERENCES problem (id), model INTEGER REFERENCES
    model (id), tokenizer INTEGER REFERENCES tokenizer (id), seed INTEGER NOT NULL, stream INTEGER
    NOT NULL, prompt_ids BLOB NOT NULL, first BLOB NOT NULL, UNIQUE (run, ordinal)) STRICT;
CREATE TABLE node (tree INTEGER NOT NULL REFERENCES tree (id), ordinal INTEGER NOT NULL, parent
    INTEGER, depth INTEGER NOT NULL, sampled INTEGER NOT NULL, ids BLOB NOT NULL, logprobs BLOB
    NOT NULL, text TEXT NOT NULL, key TEXT NOT NULL, state BLOB NOT NULL, draw INTEGER NOT NULL,
    valid INTEGER NOT NULL, solvable INTEGER NOT NULL, terminal INTEGER NOT NULL, correct INTEGER
    NOT NULL, pruned INTEGER NOT NULL, n_duplicates INTEGER NOT NULL, PRIMARY KEY (tree, ordinal))
    STRICT, WITHOUT ROWID;
CREATE TABLE reward (tree INTEGER NOT NULL, node INTEGER NOT NULL, run INTEGER NOT NULL REFERENCES
    run (id), ordinal INTEGER NOT NULL, rewarder TEXT NOT NULL, meaning INTEGER NOT NULL, value
    REAL NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (tree, run, ordinal), FOREIGN KEY (tree,
    node) REFERENCES node (tree, ordinal)) STRICT, WITHOUT ROWID;

-- Long thoughts and shortcuts, span by span.
CREATE TABLE thought (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id), ordinal
    INTEGER NOT NULL, problem INTEGER NOT NULL REFERENCES problem (id), tree INTEGER REFERENCES
    tree (id), tokenizer INTEGER REFERENCES tokenizer (id), kind INTEGER NOT NULL, text TEXT NOT
    NULL, ids BLOB NOT NULL, n_backtracks INTEGER NOT NULL, config TEXT, UNIQUE (run, ordinal))
    STRICT;
CREATE TABLE span (thought INTEGER NOT NULL REFERENCES thought (id), ordinal INTEGER NOT NULL,
    begin_byte INTEGER NOT NULL, end_byte INTEGER NOT NULL, ids_begin INTEGER NOT NULL, ids_end
    INTEGER NOT NULL, action INTEGER NOT NULL, node INTEGER, on_path INTEGER NOT NULL, PRIMARY KEY
    (thought, ordinal)) STRICT, WITHOUT ROWID;

-- Answers of models.
CREATE TABLE output (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id), ordinal
    INTEGER NOT NULL, problem INTEGER NOT NULL REFERENCES problem (id), model INTEGER REFERENCES
    model (id), tokenizer INTEGER REFERENCES tokenizer (id), sampling TEXT NOT NULL, seed INTEGER
    NOT NULL, stream INTEGER NOT NULL, draw INTEGER NOT NULL, text BLOB NOT NULL, ids BLOB NOT
    NULL, logprobs BLOB, n_tokens INTEGER NOT NULL, finish INTEGER NOT NULL, correct INTEGER NOT
    NULL, metrics TEXT, UNIQUE (run, ordinal)) STRICT;
CREATE INDEX output_by_problem ON output (problem);
CREATE INDEX output_by_model ON output (model);

-- The hash-chained record; docs/workspace.md has its rule.
CREATE TABLE ledger (seq INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, kind TEXT NOT NULL, run
    INTEGER REFERENCES run (id), body TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL
    UNIQUE) STRICT;
CREATE TRIGGER ledger_no_update BEFORE UPDATE ON ledger BEGIN SELECT RAISE (ABORT, 'the ledger is
    append-only'); END;
CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger BEGIN SELECT RAISE (ABORT, 'the ledger is
    append-only'); END;
CREATE VIEW run_summary AS SELECT id, stage, name, CASE status WHEN 0 THEN 'started' WHEN 1 THEN
    'done' WHEN 2 THEN 'failed' WHEN 3 THEN 'cancelled' ELSE 'abandoned' END AS status, tokens,
    updates, seconds, error FROM run;
