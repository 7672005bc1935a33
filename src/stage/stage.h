/* Stages and experiments: each stage reads rows of the workspace, does the work of the rooms above
 * and writes rows of the workspace as one run in the ledger. A stage that is done is not repeated;
 * one that was stopped goes on where it was; the same configuration, seed and inputs give the same
 * result.
 *
 *     data ─▶ train base ─▶ grow ─▶ derive ─▶ declare ─▶ train arms ─▶ eval ─▶ report
 *
 * Ownership: stated at each function; configurations are plain structs.
 * Threads:   confined to one thread; work inside is shared out.
 */
#ifndef TJ_STAGE_STAGE_H
#define TJ_STAGE_STAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "base/err.h"
#include "base/job.h"
#include "nn/nn.h"
#include "stage/contamination.h"
#include "stage/eval_task.h"
#include "stage/growth.h"
#include "stage/ledger_run.h"
#include "stage/lineage.h"
#include "stage/score.h"
#include "stage/thoughts.h"
#include "store/store.h"
#include "task/task.h"
#include "thought/thought.h"
#include "train/train.h"
#include "tree/tree.h"

#define TJ_STAGE_MAX_SEEDS 16
#define TJ_STAGE_MAX_CURVE 16

/* Phase 1: many problems with solver-made attempts, some of them honest failures, several to a
 * chain so that later ones attend over earlier ones. */
typedef struct tj_corpus_config {
    size_t n_problems;   /* the pool that is drawn from */
    size_t chain_tokens; /* a chain ends with the text that reaches this length */
    double p_fail;       /* share of attempts that fail honestly */
    double p_late;       /* of a failing attempt's steps: chance to keep to a solvable state */
    double p_again;      /* chance that a failed problem is put again at once */
    double p_smaller;    /* share of problems with one number less */
} tj_corpus_config;

typedef struct tj_phase_config {
    size_t n_updates;   /* phase 1 */
    size_t chains;      /* phase 1: chains an update */
    size_t epochs;      /* phase 2: over the N problems... */
    size_t max_updates; /* ...but at most so many updates, in both arms; 0: any */
    size_t problems;    /* phase 2: problems an update */
    double replay;      /* phase 2: phase-1 texts beside each problem, in both arms */
    double lr_max, lr_min_ratio, weight_decay, beta2, clip_norm;
    size_t n_warmup;
    size_t save_every; /* updates between snapshots */
} tj_phase_config;

typedef struct tj_eval_config {
    size_t n_problems;  /* test problems */
    size_t n_valid;     /* validation problems kept apart: for settings, never for claims */
    int split;          /* 0: test; 1: validation problems, for choosing settings */
    size_t max_tokens;  /* of an answer, of a shortcut or a journey model */
    double temperature; /* of the sampled controls */
    size_t max_samples; /* of a control at most */
    size_t n_resamples; /* of the bootstrap */
} tj_eval_config;

typedef struct tj_demo_config {
    uint64_t seed;                    /* everything hangs on it */
    size_t seeds[TJ_STAGE_MAX_SEEDS]; /* fine-tuning seeds; the first is McNemar's */
    size_t n_seeds;
    size_t n_bases;                   /* independent base models */
    size_t n_train;                   /* the headline N */
    size_t curve[TJ_STAGE_MAX_CURVE]; /* further N, computed by the full profile */
    size_t n_curve;
    bool full;     /* the whole curve, all controls */
    int precision; /* 0 auto, 1 f32, 2 bf16 */
    size_t margin; /* the setting must have this many times the problems used */
    tj_countdown_config task;
    tj_model_config model;
    tj_corpus_config corpus;
    tj_phase_config phase1, phase2;
    tj_grow_config grow;
    double grow_spare; /* problems grown for each one used: some trees have no answer */
    tj_derive_config derive;
    tj_eval_config eval;
} tj_demo_config;

/* ------------------------------------------------------------ importing data sets */

#define TJ_IMPORT_MAX_FILES TJ_STORE_MAX_INPUTS

typedef struct tj_import_config {
    const char *const *paths; /* [n_paths] */
    size_t n_paths;
    const char *set;              /* the problem set's name, which must be new */
    const char *source, *licence; /* where the data are from, and under what terms; may be "" */
    tj_data_format format;        /* AUTO: seen from each file */
    const char *map;              /* of the format `fields`; NULL: none */
    int split;                    /* a tj_split; -1: as the path says (tj_split_of_path) */
    bool skip;                    /* go on behind a record that is refused */
    size_t limit;                 /* records of each file at most; 0: all */
} tj_import_config;

/* What a path says of its records: train, valid or test, by the words of its last parts; of a
 * format made for measuring, test; else train. Errors: TJ_E_INVAL (it says two things). */
TJ_MUST_USE tj_code tj_split_of_path(tj_split *out, const char *path, tj_data_format format,
                                     tj_err *err);

/* What was read of a file, or of all. */
typedef struct tj_import_counts {
    size_t n_records, n_refused; /* n_records: the refused ones included */
    size_t n_problems, n_known;  /* new in the set, and found there already */
    size_t n_solutions, n_steps, n_labels, n_trees, n_nodes;
    uint64_t n_bytes;    /* decompressed */
    double read_seconds; /* decompressing, scanning, checking, mapping... */
    double hash_seconds; /* ...the content's digest... */
    double add_seconds;  /* ...and adding to the workspace */
} tj_import_counts;
/* The counts, without times, as an object; NULL without memory. */
json_t *tj_import_counts_json(const tj_import_counts *counts);

typedef struct tj_import_file {
    const char *path;
    tj_dataset_info info;
    tj_split split;
    tj_import_counts counts;
} tj_import_file;

/* Called with each refused record, and with each file that is done. May be NULL. */
typedef struct tj_import_listener {
    void (*refused)(void *ctx, const char *path, const tj_refusal *refusal);
    void (*done)(void *ctx, const tj_import_file *file);
    void *ctx;
} tj_import_listener;

typedef struct tj_import_result {
    int64_t run, set;
    bool was_done; /* the same import was done before: nothing was read */
    tj_import_counts counts;
} tj_import_result;

/* Imports files as one problem set, in one run: problems (the same one once), solutions, labelled
 * steps, trees. One transaction a file: of a file that fails nothing is kept, of the files before
 * it all; the same call goes on there. Errors: TJ_E_CONFLICT (the set's name is taken), TJ_E_PARSE
 * (a record was refused, and skip is not set: names file, line and field), TJ_E_CANCELLED and those
 * of the rooms. */
TJ_MUST_USE tj_code tj_import(tj_store *store, tj_import_result *out, const tj_import_config *cfg,
                              const char *build_id, const tj_import_listener *listener,
                              const tj_job *job, tj_err *err);

/* ------------------------------------------------------------ the demo */

/* The settings of `make demo`; with full, of `tabiji demo --full`. */
void tj_demo_config_default(tj_demo_config *cfg, bool full);
/* Sets what `json` has; unknown keys, wrong types and impossible values are refused by name. */
TJ_MUST_USE tj_code tj_demo_config_read(tj_demo_config *cfg, const json_t *json, const char *where,
                                        tj_err *err);
json_t *tj_demo_config_write(const tj_demo_config *cfg);
/* The settings as YAML, each with what it is as a comment. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_demo_config_print(tj_buf *out, const tj_demo_config *cfg, tj_err *err);
TJ_MUST_USE tj_code tj_demo_config_check(const tj_demo_config *cfg, tj_err *err);

/* The whole experiment in the workspace DIR, from whatever is there already. Gives *data, the
 * report data of docs/report.md (a new reference; NULL on error); `command` is what the report says
 * to run. Errors: TJ_E_CANCELLED (run it again to go on), TJ_E_CONFLICT (workspace in use, or begun
 * with another configuration) and those of every room. */
TJ_MUST_USE tj_code tj_demo_run(const char *dir, const tj_demo_config *cfg, const char *command,
                                const char *build_id, json_t **data, const tj_job *job,
                                tj_err *err);

/* The report data of an experiment that the workspace holds, whole.
 * Errors: TJ_E_NOTFOUND (no workspace, no experiment in it, or a stage that has not been done). */
TJ_MUST_USE tj_code tj_demo_report(const char *dir, const char *build_id, json_t **data,
                                   tj_err *err);

/* The report data of a workspace: that of its experiment, or, where none was begun, of its problem
 * sets, runs, trees and long thoughts. Gives *data (a new reference; NULL on error). Errors: those
 * of tj_demo_report; TJ_E_NOTFOUND (no workspace). */
TJ_MUST_USE tj_code tj_report_data(const char *dir, const char *build_id, json_t **data,
                                   tj_err *err);

#include "stage/labelled_set.h" /* imported solutions as labelled steps */
#include "stage/reward_eval.h"  /* rewarders against people's labels */

#endif
