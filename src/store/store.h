/* The workspace: everything that was made, where it came from, and the ledger that notices when any
 * of it is changed afterwards. docs/workspace.md has the tables and the ledger's hash rule.
 *
 *     DIR/tabiji.db      one SQLite database (WAL)         tj_store_open(…WRITE…) ── 1 process
 *     DIR/tabiji.lock    held by the one that writes       tj_store_open(…READ…)  ── any number
 *     DIR/ledger.head    the ledger's head (ledger.h)
 *     DIR/answers.db     answers of servers (answers.h)
 *     DIR/models/<id>/…  files of model <id>
 *
 *     run ─┬─ run_input ──▶ problem_set │ tokenizer │ model │ run │ file   (kind, digest)
 *          ├─ problem_set ─ problem
 *          ├─ tokenizer      model ─ model_file
 *          ├─ tree ─ node ─ reward ─ rewarder, judgement      thought ─ span      output
 *          ├─ annotation, metric, cursor
 *          └─ ledger: started … done │ failed │ cancelled │ abandoned, with digests of all of these
 *
 * Everything belongs to a run: rows are added between tj_run_begin (or tj_run_resume) and
 * tj_run_end, and never changed. Rows that a run makes many of (trees, thoughts, outputs) carry an
 * `ordinal`, the index of the work item in the run, and a run cannot add the same one twice: so a
 * stage that is stopped and started again neither loses nor repeats an item.
 *
 * Transactions: each function that writes is one transaction, all or nothing. Between
 * tj_store_begin and tj_store_commit it is all or nothing within that larger one, which commits
 * rows, the cursor and the costs together. Bulk work belongs in such a bracket (some hundred
 * items each); outside of one, every call waits for the disk.
 *
 * Errors of every function, beside those it names: TJ_E_NOMEM; TJ_E_IO (disk full, folder not
 * writable, read error); TJ_E_PARSE (the database file is damaged); TJ_E_BACKEND (any other answer
 * of SQLite). An error leaves the workspace as it was before the call, and outputs 0 or empty; a
 * full disk and some others undo the whole bracket: then every further call in it fails, and so
 * does tj_store_commit, until the bracket is ended. Writing functions give TJ_E_INVAL on a
 * workspace opened for reading.
 *
 * Ownership: stated at each function. Strings inside results are lent by the result.
 * Threads:   a store is confined to one thread; other threads open the same DIR for reading.
 * Cost:      reading by id O(what is read); figures in docs/benchmarks.md, "The workspace".
 */
#ifndef TJ_STORE_STORE_H
#define TJ_STORE_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/job.h"
#include "infer/infer.h"
#include "store/answers.h"
#include "store/ledger.h"
#include "store/lists.h"
#include "store/rewards.h"
#include "task/task.h"
#include "thought/thought.h"
#include "tree/tree.h"

#define TJ_STORE_SCHEMA_VERSION 3

/* A name, stage, kind, key, path: long enough for people, short enough to be shown. */
#define TJ_STORE_MAX_NAME  255
/* One text, blob or JSON value: far above any answer, far below SQLite's own bound of 1e9. */
#define TJ_STORE_MAX_BYTES ((size_t)256 << 20)

#define TJ_STORE_MAX_INPUTS 64 /* of a run: the files of a data set */

/* ------------------------------------------------------------ the workspace */

typedef enum tj_store_mode {
    TJ_STORE_READ = 0, /* an existing workspace; others may be writing to it */
    TJ_STORE_WRITE,    /* an existing workspace, alone; brings an older schema up to date */
    TJ_STORE_CREATE    /* the same, and makes folder and database where there are none */
} tj_store_mode;

typedef struct tj_store_options {
    int64_t (*now_us)(void *ctx); /* microseconds since 1970 UTC; NULL: tj_clock_unix_us */
    void *ctx;                    /* of now_us */
    uint64_t max_bytes;           /* most that the database may grow to (then: disk full); 0: any */
    const char *ledger_key; /* the key that signs the ledger (tj_ledger_keygen; kept while open);
                             * NULL: the environment's TABIJI_LEDGER_KEY, or that of which the
                             * workspace has a note */
    bool change_key;        /* it may be another than the one that signed until now */
    bool adopt;             /* where ledger and head do not agree, record that and go on */
} tj_store_options;

/* Opens the workspace DIR. options may be NULL. Gives *out, to be closed with tj_store_close; NULL
 * on error. Runs that a crash left `started` are still that: list them with tj_run_each, and
 * resume or abandon them.
 * Errors: TJ_E_NOTFOUND (no workspace there); TJ_E_CONFLICT (another process has it open for
 * writing: names DIR and its pid); TJ_E_PARSE (tabiji.db is not a database, or not of tabiji);
 * TJ_E_INVAL (its schema is newer than this build knows, or, for READ, older: the message says
 * what to do; the ledger is signed, and there is no key); TJ_E_IO. For WRITE and CREATE also
 * TJ_E_PARSE where ledger.head is not of the ledger's last entry, or not signed by its key, and
 * TJ_E_CONFLICT where the key is another. Nothing is left half-written. */
TJ_MUST_USE tj_code tj_store_open(tj_store **out, const char *dir, tj_store_mode mode,
                                  const tj_store_options *options, tj_err *err);
/* Undoes an open bracket, closes, and lets go of the lock; NULL is allowed. */
void tj_store_close(tj_store *store);

const char *tj_store_dir(const tj_store *store); /* lent; as given to open */
/* Gives "DIR/relative", or `relative` itself where it is absolute (free with tj_free). */
TJ_MUST_USE tj_code tj_store_path(const tj_store *store, char **out, const char *relative,
                                  tj_err *err);
int64_t tj_store_now_us(const tj_store *store); /* the clock that records are stamped with */

/* A bracket: one transaction around several calls (for READ: one snapshot). Brackets nest; an inner
 * one can be undone alone. rollback is allowed after any error, and needed where commit was not
 * reached. commit ends its bracket in any case: on error everything in it is undone. */
TJ_MUST_USE tj_code tj_store_begin(tj_store *store, tj_err *err);
TJ_MUST_USE tj_code tj_store_commit(tj_store *store, tj_err *err);
void tj_store_rollback(tj_store *store);

/* ------------------------------------------------------------ runs */

typedef enum tj_run_status {
    TJ_RUN_STARTED = 0, /* going on, or left behind by a crash */
    TJ_RUN_DONE,
    TJ_RUN_FAILED,
    TJ_RUN_CANCELLED,
    TJ_RUN_ABANDONED /* given up after a crash */
} tj_run_status;
const char *tj_run_status_name(tj_run_status status); /* "started", "done", … */
/* For sets of statuses. */
#define TJ_RUN_BIT(status) (1U << (unsigned)(status))
#define TJ_RUN_ANY         0x1fU
#define TJ_RUN_RESUMABLE                                                                           \
    (TJ_RUN_BIT(TJ_RUN_STARTED) | TJ_RUN_BIT(TJ_RUN_FAILED) | TJ_RUN_BIT(TJ_RUN_CANCELLED))

/* Something that a run reads. Kinds and their digests:
 *   problem_set  all its problems       tokenizer  its hash
 *   model        its weights            run        the `result` of a finished run: all that it made
 *   file         SHA-256 of the bytes; id 0
 * For the kinds with an id, digest may be NULL: it is looked up (TJ_E_NOTFOUND; for a run that is
 * not done TJ_E_INVAL). */
typedef struct tj_run_input {
    const char *role; /* what it is to the stage: "policy", "problems"; a file's path */
    const char *kind;
    int64_t id;
    const char *digest; /* 64 hexadecimal digits, or NULL */
} tj_run_input;

typedef struct tj_run_spec {
    const char *stage;          /* "grow" */
    const char *name;           /* for people: "grow seed 1"; not part of what makes runs equal */
    const json_t *config;       /* an object: everything that the result depends on, beside... */
    uint64_t seed;              /* ...the seed... */
    const tj_run_input *inputs; /* [n_inputs] ...and these, in the stage's order */
    size_t n_inputs;
    const char *build_id; /* "" when not known */
    const char *isa;      /* the instruction set used: "avx512-bf16" */
    size_t n_threads;
} tj_run_spec;

/* Adds the run and its `started` entry in the ledger, in one transaction. Gives its id (> 0).
 * Errors: TJ_E_INVAL, TJ_E_NOTFOUND (inputs). */
TJ_MUST_USE tj_code tj_run_begin(tj_store *store, int64_t *run, const tj_run_spec *spec,
                                 tj_err *err);

/* The latest run with the stage, config, seed and input digests of spec whose status is in the set
 * (of TJ_RUN_BITs); 0 if there is none. So a stage that has been done is not repeated
 * (TJ_RUN_BIT(TJ_RUN_DONE)), and one that was stopped is found again (TJ_RUN_RESUMABLE). */
TJ_MUST_USE tj_code tj_run_find(tj_store *store, int64_t *run, const tj_run_spec *spec,
                                unsigned statuses, tj_err *err);

/* Goes on with a run left `started` by a crash, or failed, or cancelled: its status is `started`
 * again, and the ledger gets an entry `resumed` with the build, instruction set and threads of now
 * (from spec, whose other fields are not read). Its rows, cursors and costs are as last committed.
 * Errors: TJ_E_NOTFOUND; TJ_E_CONFLICT (done or abandoned). */
TJ_MUST_USE tj_code tj_run_resume(tj_store *store, int64_t run, const tj_run_spec *spec,
                                  tj_err *err);

/* Adds what a run spent since it began or was resumed, or since the last call; in the
 * bracket of the rows that it paid for. Errors: TJ_E_NUMERIC. */
TJ_MUST_USE tj_code tj_run_add_cost(tj_store *store, int64_t run, const tj_run_cost *cost,
                                    tj_err *err);

/* A file that a run made outside of the database (a report, an export). */
typedef struct tj_run_file {
    const char *path;
    const char *digest; /* of its bytes */
} tj_run_file;

typedef struct tj_run_outcome {
    tj_run_status status;     /* DONE, FAILED, CANCELLED or ABANDONED */
    const char *error;        /* the message; NULL where there is none */
    const json_t *metrics;    /* an object; NULL: none */
    tj_run_cost cost;         /* added to what tj_run_add_cost added */
    const tj_run_file *files; /* [n_files] */
    size_t n_files;
} tj_run_outcome;

/* Ends a run that is `started`: computes the digests of all rows it made, fills in run_output and
 * the run's result, and adds an entry named like the status to the ledger; one transaction. DONE
 * and ABANDONED are final, and drop the run's cursors. O(rows of the run).
 * Errors: TJ_E_NOTFOUND, TJ_E_CONFLICT (not `started`), TJ_E_INVAL. */
TJ_MUST_USE tj_code tj_run_end(tj_store *store, int64_t run, const tj_run_outcome *outcome,
                               tj_err *err);

/* A run as stored. Strings are lent by the struct, "" where NULL is not mentioned. */
typedef struct tj_run_info {
    int64_t id;
    const char *stage, *name;
    const char *config; /* canonical JSON */
    const char *config_digest, *inputs_digest;
    const char *error;   /* NULL: none */
    const char *metrics; /* JSON; NULL: none */
    const char *result;  /* digest of the rows it made; NULL until it ended */
    const char *build_id, *isa;
    size_t n_threads;
    uint64_t seed;
    tj_run_status status;
    int64_t started_us, ended_us; /* ended_us 0: not ended */
    tj_run_cost cost;
    void *owned; /* freed by deinit; NULL inside a callback */
} tj_run_info;
/* Gives *out. Errors: TJ_E_NOTFOUND. */
TJ_MUST_USE tj_code tj_run_get(tj_store *store, tj_run_info *out, int64_t run, tj_err *err);
void tj_run_info_deinit(tj_run_info *info);

/* Callbacks of every *_each function: what they get is lent for the call; a result other than TJ_OK
 * stops the walk and is returned. They may call any function of the store; rows added meanwhile may
 * or may not be visited. */
typedef tj_code (*tj_run_fn)(void *ctx, const tj_run_info *info, tj_err *err);
/* Runs with a status in the set, by id. */
TJ_MUST_USE tj_code tj_run_each(tj_store *store, unsigned statuses, tj_run_fn fn, void *ctx,
                                tj_err *err);
typedef struct tj_run_filter {
    unsigned statuses; /* TJ_RUN_BITs; 0: any */
    const char *stage; /* NULL: any */
    bool newest;       /* by id downwards, else upwards */
    int64_t after;     /* a run: the page begins behind it; 0: at the beginning */
    size_t limit;      /* of a page; 0: all */
} tj_run_filter;
TJ_MUST_USE tj_code tj_run_list(tj_store *store, const tj_run_filter *filter, tj_run_fn fn,
                                void *ctx, tj_err *err);

typedef tj_code (*tj_run_input_fn)(void *ctx, const tj_run_input *input, tj_err *err);
TJ_MUST_USE tj_code tj_run_inputs_each(tj_store *store, int64_t run, tj_run_input_fn fn, void *ctx,
                                       tj_err *err);

/* What an ended run made: one line a kind of row ("tree", "node", "output", …; name "") and one a
 * file (kind "file", name its path). */
typedef struct tj_run_output {
    const char *kind, *name;
    size_t n_rows;
    const char *digest;
} tj_run_output;
typedef tj_code (*tj_run_output_fn)(void *ctx, const tj_run_output *output, tj_err *err);
TJ_MUST_USE tj_code tj_run_outputs_each(tj_store *store, int64_t run, tj_run_output_fn fn,
                                        void *ctx, tj_err *err);

/* Learning curves: (name, update) -> value. Giving a value again replaces it (a resumed run repeats
 * the updates since its last checkpoint). Values must be finite (TJ_E_NUMERIC); -0.0 becomes 0.0.
 * The run must be `started` (TJ_E_CONFLICT). */
TJ_MUST_USE tj_code tj_run_metric(tj_store *store, int64_t run, const char *name, uint64_t update,
                                  double value, tj_err *err);
typedef struct tj_metric_point {
    uint64_t update;
    double value;
} tj_metric_point;
/* Gives *points [*n], by update (tj_free); empty where the run has no such series. */
TJ_MUST_USE tj_code tj_run_series(tj_store *store, tj_metric_point **points, size_t *n, int64_t run,
                                  const char *name, tj_err *err);
typedef tj_code (*tj_series_fn)(void *ctx, const char *name, size_t n_points, tj_err *err);
TJ_MUST_USE tj_code tj_run_series_each(tj_store *store, int64_t run, tj_series_fn fn, void *ctx,
                                       tj_err *err);

/* How far a run is: key -> JSON text, replaced by each set, in the bracket of the rows that it
 * speaks of. NULL as value deletes. get gives *value (tj_free), NULL where there is none. */
TJ_MUST_USE tj_code tj_store_set_cursor(tj_store *store, int64_t run, const char *key,
                                        const char *value, tj_err *err);
TJ_MUST_USE tj_code tj_store_get_cursor(tj_store *store, char **value, int64_t run, const char *key,
                                        tj_err *err);

/* Key -> JSON text of the whole workspace (an experiment's name, a preference). Not in the ledger.
 */
TJ_MUST_USE tj_code tj_store_set_note(tj_store *store, const char *key, const char *value,
                                      tj_err *err);
TJ_MUST_USE tj_code tj_store_get_note(tj_store *store, char **value, const char *key, tj_err *err);

/* ------------------------------------------------------------ problems */

/* A problem to add, or one that was loaded. */
typedef struct tj_problem {
    int64_t id, set; /* not read by add */
    tj_split split;
    size_t ordinal; /* in its split, from 0; not read by add: the order given decides */
    const char *json;
    size_t n_json;
    size_t difficulty;          /* the task's stratum */
    char digest[TJ_SHA256_HEX]; /* of json; not read by add */
} tj_problem;

/* Adds a set with all its problems. Gives its id. Errors: TJ_E_CONFLICT (the same JSON twice,
 * naming both places: a problem is in one split once; or the run is not `started`), TJ_E_INVAL. */
TJ_MUST_USE tj_code tj_store_add_problem_set(tj_store *store, int64_t *set, int64_t run,
                                             const char *name, const char *task,
                                             const json_t *config, const tj_problem *problems,
                                             size_t n_problems, tj_err *err);

/* The same piece by piece, for sets that do not fit memory: begin gives a set that is not found by
 * its name yet; put adds a problem, or finds the one with the same JSON there (*is_new says which);
 * seal fixes the set's digest, after which it is as if added whole. Errors of put: TJ_E_CONFLICT
 * (the problem stands in another split of the set). */
TJ_MUST_USE tj_code tj_store_begin_set(tj_store *store, int64_t *set, int64_t run, const char *name,
                                       const char *task, const json_t *config, tj_err *err);
TJ_MUST_USE tj_code tj_store_put_problem(tj_store *store, int64_t *problem, bool *is_new,
                                         int64_t set, const tj_problem *given, tj_err *err);
TJ_MUST_USE tj_code tj_store_seal_set(tj_store *store, int64_t set, tj_err *err);

typedef struct tj_problem_set {
    int64_t id, run;
    const char *name, *task, *config;
    const char *digest;   /* of its problems, in their order */
    size_t n_problems[3]; /* by tj_split */
    void *owned;
} tj_problem_set;
/* By id, or the latest of that name. Errors: TJ_E_NOTFOUND. */
TJ_MUST_USE tj_code tj_store_get_problem_set(tj_store *store, tj_problem_set *out, int64_t set,
                                             tj_err *err);
TJ_MUST_USE tj_code tj_store_find_problem_set(tj_store *store, tj_problem_set *out,
                                              const char *name, tj_err *err);
void tj_problem_set_deinit(tj_problem_set *set);
typedef tj_code (*tj_problem_set_fn)(void *ctx, const tj_problem_set *set, tj_err *err);
/* Sets by id, those that are not sealed too (digest ""). */
TJ_MUST_USE tj_code tj_store_problem_set_each(tj_store *store, tj_problem_set_fn fn, void *ctx,
                                              tj_err *err);

typedef struct tj_problems {
    tj_problem *rows; /* [n] */
    size_t n;
    void *owned;
} tj_problems;
/* Gives the problems offset .. offset + n of a split (fewer at its end; n may be SIZE_MAX). */
TJ_MUST_USE tj_code tj_store_load_problems(tj_store *store, tj_problems *out, int64_t set,
                                           tj_split split, size_t offset, size_t n, tj_err *err);
/* One problem by its id: rows[0]. Errors: TJ_E_NOTFOUND. */
TJ_MUST_USE tj_code tj_store_load_problem(tj_store *store, tj_problems *out, int64_t problem,
                                          tj_err *err);
void tj_problems_deinit(tj_problems *problems);

/* ------------------------------------------------------------ imported data sets */

/* A file that was imported (docs/datasets.md). Strings are borrowed by add, lent by each. */
typedef struct tj_data_file {
    int64_t id, run, set; /* id is not read by add */
    size_t ordinal;       /* in its run */
    const char *path, *format, *source, *licence, *framing, *compression;
    const char *digest;         /* SHA-256 of the file as it is... */
    const char *content_digest; /* ...and of its bytes once decompressed */
    tj_split split;
    uint64_t content_bytes;
    size_t n_records, n_refused; /* n_records: the refused ones included */
} tj_data_file;
/* Adds a file, of which what is known only at its end (content_bytes and so on) is given by end,
 * in the same bracket. Errors: TJ_E_CONFLICT (the run is not `started`). */
TJ_MUST_USE tj_code tj_store_add_data_file(tj_store *store, int64_t *id, const tj_data_file *file,
                                           tj_err *err);
TJ_MUST_USE tj_code tj_store_end_data_file(tj_store *store, int64_t id, const tj_data_file *file,
                                           tj_err *err);
typedef tj_code (*tj_data_file_fn)(void *ctx, const tj_data_file *file, tj_err *err);
/* Files of a set (0: of all), by id. */
TJ_MUST_USE tj_code tj_store_data_file_each(tj_store *store, int64_t set, tj_data_file_fn fn,
                                            void *ctx, tj_err *err);

/* Files that have a record of this problem, by id. */
TJ_MUST_USE tj_code tj_store_data_file_of(tj_store *store, int64_t problem, tj_data_file_fn fn,
                                          void *ctx, tj_err *err);

/* Adds a record of a file with its solutions and their steps; tree: what its nodes became, or 0.
 * Errors: TJ_E_CONFLICT (that number is there). */
TJ_MUST_USE tj_code tj_store_add_record(tj_store *store, int64_t file, const tj_data_record *record,
                                        int64_t problem, int64_t tree, tj_err *err);
TJ_MUST_USE tj_code tj_store_add_refusal(tj_store *store, int64_t file, const tj_refusal *refusal,
                                         tj_err *err);
/* What a tree's node has beside its columns: JSON text. */
TJ_MUST_USE tj_code tj_store_add_node_meta(tj_store *store, int64_t tree, size_t node, tj_str json,
                                           tj_err *err);

/* A solution as it was imported. */
typedef struct tj_solution_row {
    int64_t id, problem, file;
    size_t number;            /* of the record in the file */
    tj_str labeller;          /* none where nobody labelled its steps */
    tj_data_solution content; /* texts are ended by zero */
} tj_solution_row;
typedef tj_code (*tj_solution_fn)(void *ctx, const tj_solution_row *row, tj_err *err);
/* The solutions of a set, in the order of their files and records. */
TJ_MUST_USE tj_code tj_store_solution_each(tj_store *store, int64_t set, tj_solution_fn fn,
                                           void *ctx, tj_err *err);

/* ------------------------------------------------------------ tokenizers and models */

/* Adds a tokenizer's JSON text under its hash (tj_tokenizer_hash), or finds it there. */
TJ_MUST_USE tj_code tj_store_add_tokenizer(tj_store *store, int64_t *tokenizer, int64_t run,
                                           const char *name, const char *hash, const char *json,
                                           size_t n_json, tj_err *err);
typedef struct tj_tokenizer_row {
    int64_t id, run;
    const char *hash, *name, *json;
    size_t n_json;
    void *owned;
} tj_tokenizer_row;
/* By id, or by hash. Errors: TJ_E_NOTFOUND. */
TJ_MUST_USE tj_code tj_store_get_tokenizer(tj_store *store, tj_tokenizer_row *out,
                                           int64_t tokenizer, tj_err *err);
TJ_MUST_USE tj_code tj_store_find_tokenizer(tj_store *store, tj_tokenizer_row *out,
                                            const char *hash, tj_err *err);
void tj_tokenizer_row_deinit(tj_tokenizer_row *row);

/* A model's files are written first, its row after them, so that no row names a missing file:
 *     tj_store_next_model(store, &id, &folder, err);   "DIR/models/<id>", made, and emptied of what
 *     …write config.json, model.safetensors…            an interrupted attempt left there
 *     tj_store_add_model(store, &spec, err);            spec.id = id */
TJ_MUST_USE tj_code tj_store_next_model(tj_store *store, int64_t *model, char **folder,
                                        tj_err *err);
typedef struct tj_model_spec {
    int64_t id; /* from tj_store_next_model; 0: next one, and path is given */
    int64_t run;
    const char *name;     /* "journey seed 1"; several models may share it */
    const char *family;   /* "llama" */
    const json_t *config; /* the model's own configuration, an object */
    const char *path; /* NULL: "models/<id>"; else relative to DIR, or absolute: a folder or file */
    const char *digest; /* of the weights: tj_model_digest */
    int64_t parent;     /* the model that it was trained from; 0: none */
    int64_t tokenizer;  /* 0: none */
} tj_model_spec;
/* Digests the files (those of a relative path; files elsewhere are not read) and adds model and
 * model_file rows. Gives the id. Errors: TJ_E_NOTFOUND (the path, parent or tokenizer),
 * TJ_E_CONFLICT (id taken, or the run is not `started`), TJ_E_INVAL. */
TJ_MUST_USE tj_code tj_store_add_model(tj_store *store, int64_t *model, const tj_model_spec *spec,
                                       tj_err *err);

typedef struct tj_model_row {
    int64_t id, run, parent, tokenizer; /* parent, tokenizer 0: none */
    const char *name, *family, *config, *path, *digest;
    void *owned;
} tj_model_row;
/* By id, or the latest of that name (made by run, unless run is 0). Errors: TJ_E_NOTFOUND. */
TJ_MUST_USE tj_code tj_store_get_model(tj_store *store, tj_model_row *out, int64_t model,
                                       tj_err *err);
TJ_MUST_USE tj_code tj_store_find_model(tj_store *store, tj_model_row *out, const char *name,
                                        int64_t run, tj_err *err);
void tj_model_row_deinit(tj_model_row *row);

/* ------------------------------------------------------------ trees, thoughts, outputs */

/* Where a row comes from. */
typedef struct tj_origin {
    int64_t run;       /* `started` when adding (TJ_E_CONFLICT) */
    size_t ordinal;    /* unique among the run's rows of this kind (TJ_E_CONFLICT) */
    int64_t model;     /* the policy; 0: none (imported, or made by hand). Not for thoughts */
    int64_t tokenizer; /* of its ids; 0: none, and then it has no ids (TJ_E_INVAL) */
    int64_t tree;      /* thoughts only: the tree it tells of; 0: none */
} tj_origin;

/* What a run made, by ordinal: to walk it, and to know what is there when resuming. */
typedef enum tj_row_kind {
    TJ_ROW_PROBLEM_SET = 0, /* ordinals of these three: 0, 1, … by id */
    TJ_ROW_TOKENIZER,
    TJ_ROW_MODEL,
    TJ_ROW_TREE,
    TJ_ROW_THOUGHT,
    TJ_ROW_OUTPUT
} tj_row_kind;
typedef struct tj_row_ref {
    int64_t id;
    size_t ordinal;
} tj_row_ref;
/* Gives *rows [*n] (tj_free). */
TJ_MUST_USE tj_code tj_store_list(tj_store *store, tj_row_ref **rows, size_t *n, tj_row_kind kind,
                                  int64_t run, tj_err *err);
TJ_MUST_USE tj_code tj_store_count(tj_store *store, size_t *n, tj_row_kind kind, int64_t run,
                                   tj_err *err);

/* Adds a tree with its nodes and rewards; tree->problem names the problem. Log-probabilities keep
 * every bit. Rewards must be finite (TJ_E_NUMERIC). Gives its id. Errors: TJ_E_NOTFOUND (problem,
 * model, tokenizer), TJ_E_CONFLICT, TJ_E_INVAL (a parent that does not stand before its child, a
 * reward of no node: names it). */
TJ_MUST_USE tj_code tj_store_add_tree(tj_store *store, int64_t *id, const tj_origin *origin,
                                      const tj_tree *tree, tj_err *err);
/* Gives *out (tj_tree_deinit) as it was added, with the rewards that came with it; origin may be
 * NULL. Rewarders' names are lent by the store until it is closed. Errors: TJ_E_NOTFOUND. */
TJ_MUST_USE tj_code tj_store_load_tree(tj_store *store, tj_tree *out, tj_origin *origin, int64_t id,
                                       tj_err *err);
/* Adds a long thought or shortcut with its spans; thought->problem names the problem; config (JSON
 * text) is how it was derived where that differs within the run, else NULL. Gives its id. */
TJ_MUST_USE tj_code tj_store_add_thought(tj_store *store, int64_t *id, const tj_origin *origin,
                                         const tj_thought *thought, const char *config,
                                         tj_err *err);
/* Gives *out (tj_thought_deinit); origin may be NULL. Errors: TJ_E_NOTFOUND. */
TJ_MUST_USE tj_code tj_store_load_thought(tj_store *store, tj_thought *out, tj_origin *origin,
                                          int64_t id, tj_err *err);
/* The same with what a record knows beside its thought (tj_record: answer, level, licence, …), and
 * `made_of`: the JSON text whose lines or entries the spans' annotations number (a transcript,
 * annotated Markdown), or NULL. load gives *made_of (tj_free; may be NULL as an argument). */
TJ_MUST_USE tj_code tj_store_put_thought(tj_store *store, int64_t *id, const tj_origin *origin,
                                         const tj_record *record, const char *config,
                                         const char *made_of, tj_err *err);
TJ_MUST_USE tj_code tj_store_get_thought(tj_store *store, tj_record *out, char **made_of,
                                         tj_origin *origin, int64_t id, tj_err *err);

#define TJ_UNDECIDED (-1)

/* An answer that a model wrote. Pointers are borrowed by add and lent by each and get. */
typedef struct tj_output {
    int64_t id; /* not read by add */
    tj_origin origin;
    int64_t problem;
    const char *sampling; /* JSON text: temperature, top_p, …; stored once for all that share it */
    uint64_t seed, stream, draw; /* the random stream: tj_gen's seed, run, node */
    const char *text;
    size_t n_text;
    const int32_t *ids;    /* [n_ids] */
    const float *logprobs; /* [n_ids], or NULL */
    size_t n_ids;
    size_t n_tokens; /* of the answer; n_ids where the ids are known */
    tj_finish finish;
    int correct;         /* 1, 0 or TJ_UNDECIDED */
    const char *metrics; /* JSON text, or NULL */
    void *owned;
} tj_output;
TJ_MUST_USE tj_code tj_store_add_output(tj_store *store, int64_t *id, const tj_output *output,
                                        tj_err *err);
TJ_MUST_USE tj_code tj_store_get_output(tj_store *store, tj_output *out, int64_t id, tj_err *err);
void tj_output_deinit(tj_output *output);

/* Outputs of a run, a model or a problem (0: any; one must be given), by run and ordinal. */
typedef struct tj_output_filter {
    int64_t run, model, problem;
} tj_output_filter;
typedef tj_code (*tj_output_fn)(void *ctx, const tj_output *output, tj_err *err);
TJ_MUST_USE tj_code tj_store_output_each(tj_store *store, const tj_output_filter *filter,
                                         tj_output_fn fn, void *ctx, tj_err *err);

#endif
