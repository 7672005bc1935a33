/* Parts of an experiment's report data (docs/report.md). Internal to stage.
 *
 * Ownership: JSON values are new references; NULL without memory.
 * Threads:   confined to one thread.
 */
#ifndef TJ_STAGE_EXPERIMENT_PARTS_H
#define TJ_STAGE_EXPERIMENT_PARTS_H

#include "stage/experiment.h"

#define TJ_NOTE_DEMO "demo/config" /* the workspace's note of an experiment's settings */

/* All runs of the workspace, and what the stages of the pipeline spent. */
#define TJ_N_PIPELINE 6
typedef struct tj_run_sums {
    json_t *runs;
    double seconds[TJ_N_PIPELINE];
    uint64_t tokens[TJ_N_PIPELINE];
    size_t n[TJ_N_PIPELINE];
    double total_seconds;
    uint64_t total_tokens;
} tj_run_sums;
TJ_MUST_USE tj_code tj_report_runs(tj_store *store, tj_run_sums *out, tj_err *err);
json_t *tj_report_pipeline(const tj_experiment *x, const tj_run_sums *sums);
/* The head and the declaration, which is this entry (0: none). */
TJ_MUST_USE tj_code tj_report_ledger(tj_store *store, int64_t declaration, json_t **out,
                                     tj_err *err);
/* What it ran on. precision may be NULL. */
json_t *tj_report_environment(const char *build_id, const char *isa, const char *precision);
json_t *tj_report_time(int64_t us); /* microseconds since 1970 as RFC 3339 */

#define TJ_REPORT_TREES 10
/* A tree with the thoughts that tell of it (0: none), added to *out, unless it is too big to be
 * looked at; *example, where it is NULL, becomes one problem written in two ways. */
TJ_MUST_USE tj_code tj_report_tree(tj_store *store, json_t *out, json_t **example, int64_t tree,
                                   int64_t shortcut, int64_t journey, uint64_t seed, tj_err *err);
/* The same of the first TJ_REPORT_TREES trees that the thoughts of a run tell of. */
TJ_MUST_USE tj_code tj_report_run_trees(tj_store *store, json_t *out, json_t **example, int64_t run,
                                        uint64_t seed, tj_err *err);
/* Statistics of the thoughts of each run that made some, the newest first, added to *out. */
TJ_MUST_USE tj_code tj_report_thoughts(tj_store *store, json_t *out, tj_err *err);
/* What models scored on data sets, of the evaluations that are done, added to *out. */
TJ_MUST_USE tj_code tj_report_evaluations(tj_store *store, json_t *out, tj_err *err);
/* Answers to look at, added to *out. */
TJ_MUST_USE tj_code tj_report_cases(const tj_experiment *x, json_t *out, tj_err *err);

#endif
