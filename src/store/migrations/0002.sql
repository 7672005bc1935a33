-- Schema version 2: imported data sets. Never changed: a new version is a new file.

-- A file that a run imported: where it comes from, and what was read of it. digest: of the file as
-- it is; content_digest: of its bytes once decompressed.
CREATE TABLE data_file (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id), ordinal
    INTEGER NOT NULL, set_id INTEGER NOT NULL REFERENCES problem_set (id), path TEXT NOT NULL,
    format TEXT NOT NULL, split INTEGER NOT NULL, source TEXT NOT NULL, licence TEXT NOT NULL,
    framing TEXT NOT NULL, compression TEXT NOT NULL, digest TEXT NOT NULL, content_bytes INTEGER
    NOT NULL, content_digest TEXT NOT NULL, n_records INTEGER NOT NULL, n_refused INTEGER NOT
    NULL, UNIQUE (run, ordinal)) STRICT;

-- Each record that was taken, by its number in the file, and the problem that it is of; what it has
-- of small fields that have no column, as JSON.
CREATE TABLE record (file INTEGER NOT NULL REFERENCES data_file (id), number INTEGER NOT NULL, line
    INTEGER NOT NULL, problem INTEGER NOT NULL REFERENCES problem (id), tree INTEGER REFERENCES
    tree (id), meta TEXT, PRIMARY KEY (file, number)) STRICT, WITHOUT ROWID;
CREATE INDEX record_by_problem ON record (problem);

-- Each record that was not.
CREATE TABLE refusal (file INTEGER NOT NULL REFERENCES data_file (id), number INTEGER NOT NULL,
    line INTEGER NOT NULL, field TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (file, number))
    STRICT, WITHOUT ROWID;

-- Solutions of a record: references (role 0) and attempts (1), with the data set's own mark.
CREATE TABLE solution (id INTEGER PRIMARY KEY, file INTEGER NOT NULL, number INTEGER NOT NULL,
    ordinal INTEGER NOT NULL, role INTEGER NOT NULL, author TEXT, text TEXT, answer TEXT, correct
    INTEGER NOT NULL, labeller TEXT, n_steps INTEGER NOT NULL, UNIQUE (file, number, ordinal),
    FOREIGN KEY (file, number) REFERENCES record (file, number)) STRICT;

-- Their steps; label 1 right, 0 neutral, -1 wrong, NULL none.
CREATE TABLE solution_step (solution INTEGER NOT NULL REFERENCES solution (id), ordinal INTEGER NOT
    NULL, text TEXT NOT NULL, label INTEGER CHECK (label IN (-1, 0, 1)), PRIMARY KEY (solution,
    ordinal)) STRICT, WITHOUT ROWID;

-- What an imported tree's node has beside a node's columns, as JSON.
CREATE TABLE node_meta (tree INTEGER NOT NULL, node INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY
    KEY (tree, node), FOREIGN KEY (tree, node) REFERENCES node (tree, ordinal)) STRICT, WITHOUT
    ROWID;
