-- Schema version 3: rewarders and what they were asked, annotations, money, whose words a span has,
-- and what lists of trees need. Never changed: a new version is a new file.

-- What a run cost in money, by the prices and in the currency of its configuration. A run that was
-- started cannot vanish.
ALTER TABLE run ADD COLUMN money REAL NOT NULL DEFAULT 0;
CREATE TRIGGER run_no_delete BEFORE DELETE ON run BEGIN SELECT RAISE (ABORT, 'a run cannot be
    deleted'); END;
DROP VIEW run_summary;
CREATE VIEW run_summary AS SELECT id, stage, name, CASE status WHEN 0 THEN 'started' WHEN 1 THEN
    'done' WHEN 2 THEN 'failed' WHEN 3 THEN 'cancelled' ELSE 'abandoned' END AS status, tokens,
    updates, seconds, money, error FROM run;

-- Who gives rewards. kind: 0 verifier, 1 prm, 2 judge, 3 rollout, 4 human, 5 other. run: the first
-- that named it.
CREATE TABLE rewarder (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id), name TEXT
    NOT NULL, kind INTEGER NOT NULL, model INTEGER REFERENCES model (id), url TEXT NOT NULL, config
    TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX rewarder_by_identity ON rewarder (name, kind, ifnull(model, 0), url, config);

-- One question to a rewarder that costs something or can fail, and its outcome: the answer as it
-- came, or why there is none. node NULL: the whole tree.
CREATE TABLE judgement (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id), ordinal
    INTEGER NOT NULL, rewarder INTEGER NOT NULL REFERENCES rewarder (id), tree INTEGER NOT NULL
    REFERENCES tree (id), node INTEGER, failed INTEGER NOT NULL, n_tries INTEGER NOT NULL, answer
    TEXT, error TEXT, tokens INTEGER NOT NULL, seconds REAL NOT NULL, money REAL NOT NULL, time_us
    INTEGER NOT NULL, UNIQUE (run, ordinal), FOREIGN KEY (tree, node) REFERENCES node (tree,
    ordinal)) STRICT;
CREATE INDEX judgement_by_node ON judgement (tree, node);

-- Rewards name their rewarder by its row, and the judgement that they come from.
INSERT INTO rewarder (run, name, kind, url, config) SELECT min(run), rewarder, CASE rewarder WHEN
    'verifier' THEN 0 WHEN 'solver' THEN 0 WHEN 'prm' THEN 1 WHEN 'judge' THEN 2 WHEN 'rollout' THEN
    3 WHEN 'human' THEN 4 ELSE 5 END, '', '{}' FROM reward GROUP BY rewarder ORDER BY min(run),
    rewarder;
ALTER TABLE reward RENAME TO reward_2;
CREATE TABLE reward (tree INTEGER NOT NULL, node INTEGER NOT NULL, run INTEGER NOT NULL REFERENCES
    run (id), ordinal INTEGER NOT NULL, rewarder INTEGER NOT NULL REFERENCES rewarder (id), meaning
    INTEGER NOT NULL, value REAL NOT NULL, reason TEXT NOT NULL, judgement INTEGER REFERENCES
    judgement (id), PRIMARY KEY (tree, run, ordinal), FOREIGN KEY (tree, node) REFERENCES node
    (tree, ordinal)) STRICT, WITHOUT ROWID;
INSERT INTO reward SELECT r.tree, r.node, r.run, r.ordinal, w.id, r.meaning, r.value, r.reason, NULL
    FROM reward_2 r JOIN rewarder w ON w.name = r.rewarder;
DROP TABLE reward_2;

-- Of each tree what lists filter by; of each run, rewarder and meaning what it gave the tree's
-- nodes. Both follow from node and reward.
CREATE TABLE tree_summary (tree INTEGER PRIMARY KEY REFERENCES tree (id), run INTEGER NOT NULL,
    set_id INTEGER NOT NULL, problem INTEGER NOT NULL, n_nodes INTEGER NOT NULL, depth INTEGER NOT
    NULL, n_leaves INTEGER NOT NULL, n_correct INTEGER NOT NULL, n_tokens INTEGER NOT NULL) STRICT;
INSERT INTO tree_summary SELECT t.id, t.run, p.set_id, t.problem, count(n.ordinal),
    ifnull(max(n.depth), 0), ifnull(sum(n.terminal), 0), ifnull(sum(n.correct), 0),
    ifnull(sum(length(n.ids) / 4), 0) FROM tree t JOIN problem p ON p.id = t.problem LEFT JOIN node
    n ON n.tree = t.id GROUP BY t.id;
CREATE INDEX tree_summary_by_run ON tree_summary (run);
CREATE INDEX tree_summary_by_set ON tree_summary (set_id);
CREATE INDEX tree_summary_by_problem ON tree_summary (problem);
CREATE TABLE tree_reward (tree INTEGER NOT NULL REFERENCES tree (id), run INTEGER NOT NULL REFERENCES
    run (id), rewarder INTEGER NOT NULL REFERENCES rewarder (id), meaning INTEGER NOT NULL, n
    INTEGER NOT NULL, low REAL NOT NULL, high REAL NOT NULL, total REAL NOT NULL, PRIMARY KEY (tree,
    run, rewarder, meaning)) STRICT, WITHOUT ROWID;
INSERT INTO tree_reward SELECT tree, run, rewarder, meaning, count(*), min(value), max(value),
    sum(value) FROM reward GROUP BY tree, run, rewarder, meaning;
CREATE INDEX tree_reward_by_run ON tree_reward (run);

-- What somebody says of a tree's node, of a thought's span, or of the whole (node, span NULL).
-- supersedes: the annotation in whose place it stands.
CREATE TABLE annotation (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES run (id), tree
    INTEGER REFERENCES tree (id), node INTEGER, thought INTEGER REFERENCES thought (id), span
    INTEGER, author TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, time_us INTEGER NOT NULL,
    supersedes INTEGER UNIQUE REFERENCES annotation (id), FOREIGN KEY (tree, node) REFERENCES node
    (tree, ordinal), FOREIGN KEY (thought, span) REFERENCES span (thought, ordinal), CHECK ((tree IS
    NULL) <> (thought IS NULL)), CHECK (node IS NULL OR tree IS NOT NULL), CHECK (span IS NULL OR
    thought IS NOT NULL)) STRICT;
CREATE INDEX annotation_by_node ON annotation (tree, node) WHERE tree IS NOT NULL;
CREATE INDEX annotation_by_span ON annotation (thought, span) WHERE thought IS NOT NULL;
CREATE INDEX annotation_by_run ON annotation (run);

-- Whose words a span has, what is known of it, and what its annotation and its value are. editor
-- NULL: of before this version. Of a thought what it was made of and what is known beside it (JSON).
ALTER TABLE span ADD COLUMN editor INTEGER;
ALTER TABLE span ADD COLUMN editor_name TEXT NOT NULL DEFAULT '';
ALTER TABLE span ADD COLUMN mark INTEGER NOT NULL DEFAULT 0;
ALTER TABLE span ADD COLUMN annotation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE span ADD COLUMN back_to INTEGER NOT NULL DEFAULT 0;
ALTER TABLE span ADD COLUMN value REAL;
ALTER TABLE thought ADD COLUMN origin TEXT;
ALTER TABLE thought ADD COLUMN meta TEXT;
