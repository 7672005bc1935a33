/* What every stage works with, and how a stage becomes a run: found if done, resumed if stopped,
 * begun otherwise. Internal to stage.
 *
 *     rc = tj_scope_begin(env, &scope, &spec, err);
 *     if (rc == TJ_OK && !scope.done) {
 *         rc = …the work…;
 *         rc = tj_scope_end(env, &scope, rc, metrics, err);
 *     }
 */
#ifndef TJ_STAGE_SCOPE_H
#define TJ_STAGE_SCOPE_H

#include "stage/stage.h"
#include "text/text.h"

typedef struct tj_stage_env {
    tj_store *store;
    const tj_demo_config *cfg;
    tj_task task;
    tj_tokenizer *tok;
    int64_t tok_row; /* in the workspace; 0 before the data stage */
    int32_t eos;
    tj_dtype dtype;
    char isa[32]; /* "avx512-bf16" */
    const char *build_id;
    const tj_job *job;
    bool only_done; /* a stage that is not done is an error: for writing a report again */
} tj_stage_env;

typedef struct tj_scope {
    int64_t run;
    bool done;        /* nothing to do: it was done before */
    double start;     /* tj_clock_seconds */
    tj_run_cost cost; /* filled in by the work: tokens and updates */
} tj_scope;

typedef struct tj_scope_spec {
    const char *stage;
    char name[96];
    json_t *config; /* taken by begin */
    uint64_t seed;
    tj_run_input inputs[TJ_STORE_MAX_INPUTS];
    size_t n_inputs;
} tj_scope_spec;

void tj_scope_input(tj_scope_spec *spec, const char *role, const char *kind, int64_t id);
TJ_MUST_USE tj_code tj_scope_begin(const tj_stage_env *env, tj_scope *scope, tj_scope_spec *spec,
                                   tj_err *err);
/* Ends the run by rc: done, cancelled, or failed with *err's message. metrics (may be NULL) is
 * taken. Returns rc, or what went wrong with ending it. */
TJ_MUST_USE tj_code tj_scope_end(const tj_stage_env *env, tj_scope *scope, tj_code rc,
                                 json_t *metrics, tj_err *err);

/* A job whose progress lines begin with the stage's name. */
typedef struct tj_named_job {
    tj_job job;
    const tj_job *outer;
    const char *name;
} tj_named_job;
void tj_named_job_init(tj_named_job *named, const tj_job *outer, const char *name);

#endif
