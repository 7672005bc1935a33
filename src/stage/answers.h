/* Answers of a model to problems: generated and stored by an eval stage, read back and judged by
 * whoever needs them, so that every figure of a report can be made again from the workspace.
 * Internal to stage. */
#ifndef TJ_STAGE_ANSWERS_H
#define TJ_STAGE_ANSWERS_H

#include "eval/eval.h"
#include "stage/scope.h"

/* Problems of one split, as stages use them. */
typedef struct tj_problem_list {
    size_t n;
    int64_t *ids;                    /* [n] rows of the workspace */
    tj_task_state *first;            /* [n] */
    tj_countdown_problem *countdown; /* [n] */
    size_t *difficulty;              /* [n] */
} tj_problem_list;
TJ_MUST_USE tj_code tj_problem_list_load(tj_problem_list *out, const tj_stage_env *env, int64_t set,
                                         tj_split split, size_t offset, size_t n, tj_err *err);
void tj_problem_list_deinit(tj_problem_list *list);

typedef struct tj_answer {
    bool correct, claims, truncated;
    size_t n_tokens;
    double mean_logprob;
    char expression[128];
    int64_t output; /* row */
    tj_process process;
} tj_answer;

typedef struct tj_answers {
    size_t n_problems, n_samples;
    tj_answer *rows; /* [n_samples][n_problems] */
    int64_t run;
} tj_answers;
void tj_answers_deinit(tj_answers *answers);

typedef struct tj_answer_spec {
    int64_t model;
    const char *name;   /* "journey seed 1, greedy" */
    double temperature; /* 0: greedy */
    size_t n_samples;
    uint64_t seed;
    int64_t set;
    tj_split split;
    const tj_problem_list *problems;
} tj_answer_spec;

/* The eval stage: one run; found if it was done. Gives the judged answers. */
TJ_MUST_USE tj_code tj_stage_answer(const tj_stage_env *env, tj_answers *out,
                                    const tj_answer_spec *spec, tj_err *err);

/* The ids of a problem's prompt as every model here reads it: the end token, then the text.
 * Gives *ids (tj_ids_deinit). */
TJ_MUST_USE tj_code tj_stage_prompt(const tj_stage_env *env, tj_ids *ids,
                                    const tj_task_state *first, tj_err *err);
/* Loads a stored model. */
TJ_MUST_USE tj_code tj_stage_load_model(const tj_stage_env *env, tj_model **out, int64_t id,
                                        tj_err *err);

#endif
