/* Runs of stages. */
#include "stage/scope.h"

#include <stdio.h>
#include <string.h>

#include "base/par.h"
#include "stage/ledger_run.h"

void tj_scope_input(tj_scope_spec *spec, const char *role, const char *kind, int64_t id)
{
    spec->inputs[spec->n_inputs++] = (tj_run_input){.role = role, .kind = kind, .id = id};
}

static tj_code begin(const tj_stage_env *env, tj_scope *scope, const tj_run_spec *spec, tj_err *err)
{
    tj_code rc = tj_ledger_run_find_done(env->store, &scope->run, &scope->done, spec, err);
    if (rc != TJ_OK || scope->done) {
        return rc;
    }
    if (env->only_done) {
        return tj_fail(err, TJ_E_NOTFOUND, "the stage '%s' has not been done in this workspace",
                       spec->name);
    }
    bool resumed = false;
    rc = tj_ledger_run_go_on(env->store, &scope->run, &resumed, spec, err);
    if (rc == TJ_OK) {
        tj_job_log(env->job, "%s%s", resumed ? "going on with " : "", spec->name);
    }
    return rc;
}

tj_code tj_scope_begin(const tj_stage_env *env, tj_scope *scope, tj_scope_spec *spec, tj_err *err)
{
    memset(scope, 0, sizeof *scope);
    if (spec->config == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot describe the stage '%s'", spec->name);
    }
    tj_run_spec run = {.stage = spec->stage,
                       .name = spec->name,
                       .config = spec->config,
                       .seed = spec->seed,
                       .inputs = spec->inputs,
                       .n_inputs = spec->n_inputs,
                       .build_id = env->build_id,
                       .isa = env->isa,
                       .n_threads = tj_par_threads()};
    tj_code rc = tj_job_check(env->job, err);
    if (rc == TJ_OK) {
        rc = begin(env, scope, &run, err);
    }
    json_decref(spec->config);
    spec->config = NULL;
    scope->start = tj_clock_seconds();
    return rc;
}

tj_code tj_scope_end(const tj_stage_env *env, tj_scope *scope, tj_code rc, json_t *metrics,
                     tj_err *err)
{
    tj_run_outcome outcome = {.metrics = metrics, .cost = scope->cost};
    outcome.cost.seconds = tj_clock_seconds() - scope->start;
    rc = tj_ledger_run_end(env->store, scope->run, rc, &outcome, err);
    json_decref(metrics);
    return rc;
}

static void named_progress(void *ctx, const char *what, uint64_t done, uint64_t total,
                           const char *unit, const char *note)
{
    (void)what;
    const tj_named_job *n = ctx;
    tj_job_progress(n->outer, n->name, done, total, unit, note);
}

static void named_log(void *ctx, const char *line)
{
    const tj_named_job *n = ctx;
    tj_job_log(n->outer, "%s", line);
}

void tj_named_job_init(tj_named_job *n, const tj_job *outer, const char *name)
{
    n->outer = outer;
    n->name = name;
    n->job = (tj_job){.progress = named_progress,
                      .log = named_log,
                      .ctx = n,
                      .cancel = outer == NULL ? NULL : outer->cancel};
}
