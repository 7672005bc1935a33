/* Parts of an experiment's report data (docs/report.md). Internal to stage.
 *
 * Ownership: JSON values are new references; NULL without memory.
 * Threads:   confined to one thread.
 */
#ifndef TJ_STAGE_EXPERIMENT_PARTS_H
#define TJ_STAGE_EXPERIMENT_PARTS_H

#include "stage/experiment.h"

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
TJ_MUST_USE tj_code tj_report_runs(const tj_experiment *x, tj_run_sums *out, tj_err *err);
json_t *tj_report_pipeline(const tj_experiment *x, const tj_run_sums *sums);
/* The head and the declaration. */
TJ_MUST_USE tj_code tj_report_ledger(const tj_experiment *x, json_t **out, tj_err *err);
json_t *tj_report_time(int64_t us); /* microseconds since 1970 as RFC 3339 */

/* Ten trees with their journeys, added to *out; *example is one problem written in two ways. */
TJ_MUST_USE tj_code tj_report_trees(const tj_experiment *x, json_t *out, json_t **example,
                                    tj_err *err);
/* Answers to look at, added to *out. */
TJ_MUST_USE tj_code tj_report_cases(const tj_experiment *x, json_t *out, tj_err *err);

#endif
