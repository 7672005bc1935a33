/* Rollouts and the search over them as rewarders. */
#include <string.h>

#include "base/alloc.h"
#include "tree/rollout.h"

typedef struct roller {
    tj_rollouts *rollouts;
    bool searches;
    char name[TJ_SCORER_NAME_BYTES];
} roller;

static tj_code score_each(tj_rollouts *rollouts, tj_score *out, const tj_score_ask *asks, size_t n,
                          const tj_job *job, tj_err *err)
{
    size_t *which = tj_calloc(n, sizeof *which);
    memset(out, 0, n * sizeof *out);
    if (which == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot roll out %zu steps", n);
    }
    for (size_t i = 0; i < n; i++) {
        which[i] = i;
    }
    tj_code rc = tj_rollouts_measure(rollouts, out, asks, which, n, job, err);
    for (size_t i = 0; i < n && rc != TJ_OK; i++) {
        tj_score_deinit(&out[i]);
    }
    tj_free(which);
    return rc;
}

static tj_code score(void *ctx, tj_score *out, const tj_score_ask *asks, size_t n,
                     const tj_job *job, tj_err *err)
{
    roller *r = ctx;
    return r->searches ? tj_rollouts_search(r->rollouts, out, asks, n, job, err)
                       : score_each(r->rollouts, out, asks, n, job, err);
}

static void close_roller(void *ctx)
{
    roller *r = ctx;
    tj_rollouts_destroy(r->rollouts);
    tj_free(r);
}

tj_code tj_rollout_scorer(tj_scorer *out, tj_rollouts *rollouts, const char *name, bool searches,
                          tj_err *err)
{
    roller *r = tj_calloc(1, sizeof *r);
    *out = (tj_scorer){.ctx = NULL};
    if (r == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot make a rewarder");
    }
    r->rollouts = rollouts;
    r->searches = searches;
    memcpy(r->name, name, strnlen(name, sizeof r->name - 1));
    *out = (tj_scorer){.name = r->name,
                       .meaning = searches ? TJ_VALID : TJ_SOLVABLE,
                       .low = searches ? -1.0 : 0.0,
                       .high = 1.0,
                       /* MC > 0 says that the goal can still be reached */
                       .threshold = searches ? 0.5 : 1.0 / TJ_MAX_ROLLOUTS,
                       .score = score,
                       .close = close_roller,
                       .ctx = r};
    return TJ_OK;
}

static tj_code open_roller(tj_scorer *out, const json_t *settings, bool searches,
                           const tj_scorer_options *options, tj_err *err)
{
    tj_rollout_config cfg;
    tj_asked_model model = {.is_remote = false};
    tj_rollouts *rollouts = NULL;
    json_t *own = json_deep_copy(settings);
    json_t *of_model = json_object();
    *out = (tj_scorer){.ctx = NULL};
    tj_rollout_config_default(&cfg);
    cfg.seed = options->seed;
    tj_code rc = own == NULL || of_model == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot read settings")
                     : tj_asked_model_split(of_model, own, err);
    if (rc == TJ_OK) {
        rc = tj_config_read(&cfg, tj_rollout_fields, own, "settings", err);
    }
    if (rc == TJ_OK) {
        rc = tj_rollouts_create(&rollouts, &cfg, options->task, err);
    }
    if (rc == TJ_OK) {
        rc = tj_asked_model_open(&model, of_model, options, err);
    }
    if (rc == TJ_OK) {
        tj_rollouts_take_model(rollouts, &model);
        rc = tj_rollout_scorer(out, rollouts, cfg.name, searches, err);
    }
    if (rc != TJ_OK) {
        tj_rollouts_destroy(rollouts);
    }
    json_decref(own);
    json_decref(of_model);
    return rc;
}

tj_code tj_scorer_open_rollout(tj_scorer *out, const json_t *settings,
                               const tj_scorer_options *options, tj_err *err)
{
    return open_roller(out, settings, false, options, err);
}

tj_code tj_scorer_open_search(tj_scorer *out, const json_t *settings,
                              const tj_scorer_options *options, tj_err *err)
{
    return open_roller(out, settings, true, options, err);
}
