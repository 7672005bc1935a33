/* The first journey as one value: what its stages made, for the next stages and for the report.
 * Internal to stage. A *cell* is one base and one fine-tuning seed; its seed number is the seed
 * plus 100 for each further base. */
#ifndef TJ_STAGE_EXPERIMENT_H
#define TJ_STAGE_EXPERIMENT_H

#include "eval/eval.h"
#include "stage/answers.h"

#define TJ_MAX_CELLS 64
#define TJ_MAX_ARMS  16

/* Ways to train from a base on N problems. */
typedef enum tj_arm_kind {
    TJ_ARM_SHORTCUT = 0,
    TJ_ARM_JOURNEY,
    TJ_ARM_SHORTCUT_TOKENS, /* shortcuts for as many tokens as the journeys */
    TJ_ARM_JOURNEY_MASKED,  /* wrong branches kept out of the loss */
    TJ_N_ARM_KINDS
} tj_arm_kind;
const char *tj_arm_kind_name(tj_arm_kind kind); /* "shortcut", … */

typedef struct tj_cell {
    size_t base, seed_index;
    uint64_t seed; /* as listed */
    int64_t grow_run, derive_run;
    size_t n_trees; /* grown, until enough have an answer */
} tj_cell;

/* One row of the comparison: scores and tokens of [n_cells][n_test]. */
typedef struct tj_arm_result {
    const char *key, *label, *budget, *decoding;
    double n_samples;
    double *scores, *tokens;
    size_t n_cells; /* 1 for the base of a demo */
    tj_accuracy accuracy;
    bool has_process;
    tj_process_table process;
    char note[160];
} tj_arm_result;

/* One N of the curve. */
typedef struct tj_curve_point {
    size_t n;
    tj_accuracy shortcut, journey, masked;
    bool has_masked;
    tj_difference difference;
} tj_curve_point;

typedef struct tj_experiment {
    tj_stage_env env;
    tj_countdown_config task_cfg; /* the task keeps it */
    int64_t set;
    size_t n_multisets, n_countdown_problems;
    bool count_is_bound;
    size_t n_needed;     /* N of the headline or the largest of the curve */
    size_t n_candidates; /* problems grown a cell at most, until n_needed trees have an answer */
    size_t n_valid;
    tj_problem_list test;
    int64_t base_model[16], base_run[16];
    tj_cell cells[TJ_MAX_CELLS];
    size_t n_cells;
    int64_t declaration;                         /* ledger entry */
    int64_t model[TJ_N_ARM_KINDS][TJ_MAX_CELLS]; /* of the headline */
    int64_t train_run[TJ_N_ARM_KINDS][TJ_MAX_CELLS];
    tj_answers greedy[2][TJ_MAX_CELLS]; /* shortcut and journey, for the cases */
    tj_arm_result arms[TJ_MAX_ARMS];
    size_t n_arms;
    tj_difference headline;
    struct {
        char label[96];
        const char *a, *b;
        tj_difference difference;
    } others[8];
    size_t n_others;
    tj_curve_point curve[TJ_STAGE_MAX_CURVE + 2];
    size_t n_curve;
    double start; /* tj_clock_seconds */
} tj_experiment;

TJ_MUST_USE tj_code tj_experiment_open(tj_experiment *x, const char *dir, const tj_demo_config *cfg,
                                       const char *build_id, bool only_done, const tj_job *job,
                                       tj_err *err);
void tj_experiment_close(tj_experiment *x);
/* Where the problems of the evaluation come from. */
tj_split tj_experiment_split(const tj_experiment *x);

/* The stages, in their order; each finds what is done. */
TJ_MUST_USE tj_code tj_experiment_data(tj_experiment *x, tj_err *err);
TJ_MUST_USE tj_code tj_experiment_base(tj_experiment *x, size_t base, tj_err *err);
TJ_MUST_USE tj_code tj_experiment_grow(tj_experiment *x, tj_cell *cell, tj_err *err);
TJ_MUST_USE tj_code tj_experiment_derive(tj_experiment *x, tj_cell *cell, tj_err *err);
TJ_MUST_USE tj_code tj_experiment_declare(tj_experiment *x, tj_err *err);
/* Gives the model and the run of an arm on the first n problems of a cell. */
TJ_MUST_USE tj_code tj_experiment_train(tj_experiment *x, int64_t *model, int64_t *run,
                                        const tj_cell *cell, tj_arm_kind kind, size_t n,
                                        tj_err *err);
TJ_MUST_USE tj_code tj_experiment_evaluate(tj_experiment *x, tj_err *err);

/* The report data of docs/report.md: a new reference. */
TJ_MUST_USE tj_code tj_experiment_report(tj_experiment *x, json_t **data, const char *command,
                                         tj_err *err);

#endif
