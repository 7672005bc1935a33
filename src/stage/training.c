/* Training runs. Snapshots lie in DIR/snapshots/<run> while the run goes on. */
#include "stage/training.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "stage/answers.h"

json_t *tj_training_config_json(const tj_stage_env *env, const char *phase, size_t n)
{
    json_t *all = tj_demo_config_write(env->cfg);
    const char *const keys[] = {"corpus", "task", "model", phase, "precision"};
    json_t *out = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_object_set(out, keys[i], json_object_get(all, keys[i]));
    }
    json_object_set_new(out, "n", json_integer((json_int_t)n));
    json_decref(all);
    return out;
}

typedef struct curve {
    tj_store *store;
    tj_scope *scope;
    size_t every; /* updates between points */
    double sum;
    size_t n;
    tj_run_cost cost; /* not yet stored */
    tj_code rc;
} curve;

/* Means of `every` updates are the points of the learning curve. */
static void note_update(void *ctx, const tj_update *up)
{
    curve *c = ctx;
    c->sum += up->loss;
    c->n++;
    c->cost.tokens += up->n_tokens;
    c->cost.updates++;
    if (c->n < c->every || c->rc != TJ_OK) {
        return;
    }
    c->rc = tj_store_begin(c->store, NULL);
    if (c->rc != TJ_OK) {
        return;
    }
    c->rc = tj_run_metric(c->store, c->scope->run, "loss", up->update, c->sum / (double)c->n, NULL);
    if (c->rc == TJ_OK) {
        c->rc = tj_run_metric(c->store, c->scope->run, "lr", up->update, up->lr, NULL);
    }
    if (c->rc == TJ_OK) {
        c->rc = tj_run_add_cost(c->store, c->scope->run, &c->cost, NULL);
    }
    if (c->rc == TJ_OK) {
        c->rc = tj_store_commit(c->store, NULL);
    } else {
        tj_store_rollback(c->store);
    }
    c->sum = 0.0;
    c->n = 0;
    c->cost = (tj_run_cost){0};
}

static tj_code begin_model(const tj_stage_env *env, const tj_training *t, tj_model **model,
                           tj_err *err)
{
    if (t->from != 0) {
        return tj_stage_load_model(env, model, t->from, err);
    }
    tj_model_config cfg = env->cfg->model;
    cfg.n_vocab = tj_tokenizer_n_vocab(env->tok);
    cfg.bos_id = env->eos;
    cfg.eos_id = env->eos;
    return tj_model_create(model, &cfg, env->dtype, t->spec->seed, err);
}

static tj_code store_model(const tj_stage_env *env, const tj_training *t, const tj_model *model,
                           int64_t run, int64_t *out, tj_err *err)
{
    char *folder = NULL;
    char digest[65];
    const char *family = NULL;
    json_t *config = tj_model_config_to_json(tj_model_cfg(model));
    tj_model_digest(model, digest);
    tj_code rc = config == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot describe the model")
                                : tj_model_config_family(&family, tj_model_cfg(model), err);
    tj_model_spec spec = {.run = run,
                          .name = t->model_name,
                          .family = family,
                          .config = config,
                          .digest = digest,
                          .parent = t->from,
                          .tokenizer = env->tok_row};
    if (rc == TJ_OK) {
        rc = tj_store_next_model(env->store, &spec.id, &folder, err);
    }
    if (rc == TJ_OK) {
        rc = tj_model_save(model, folder, TJ_F32, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_add_model(env->store, out, &spec, err);
    }
    json_decref(config);
    tj_free(folder);
    return rc;
}

static tj_train_config sft_config(const tj_training *t)
{
    const tj_phase_config *p = t->phase;
    tj_train_config c;
    tj_train_config_default(&c);
    c.optimizer = (tj_adamw_config){.lr_max = p->lr_max,
                                    .lr_min = p->lr_max * p->lr_min_ratio,
                                    .beta1 = 0.9,
                                    .beta2 = p->beta2,
                                    .eps = 1e-8,
                                    .weight_decay = p->weight_decay,
                                    .clip_norm = p->clip_norm,
                                    .n_warmup = p->n_warmup,
                                    .n_updates = t->n_updates,
                                    .schedule = TJ_SCHEDULE_COSINE};
    c.save_every = p->save_every;
    c.share = false; /* chains share nothing but their first token */
    return c;
}

static tj_code train(const tj_stage_env *env, const tj_training *t, tj_scope *scope, int64_t *out,
                     tj_err *err)
{
    tj_model *model = NULL;
    char *snapshots = NULL;
    char relative[64];
    tj_train_config sft = sft_config(t);
    tj_named_job job;
    curve c = {.store = env->store, .scope = scope};
    c.every = t->n_updates / 80 > 0 ? t->n_updates / 80 : 1; /* some 80 points */
    tj_named_job_init(&job, env->job, t->spec->name);
    snprintf(relative, sizeof relative, "snapshots/%lld", (long long)scope->run);
    tj_code rc = tj_store_path(env->store, &snapshots, relative, err);
    if (rc == TJ_OK) {
        rc = begin_model(env, t, &model, err);
    }
    if (rc == TJ_OK) {
        rc = tj_train_sft(model, t->source, &sft, snapshots, note_update, &c, &job.job, err);
    }
    if (rc == TJ_OK && c.rc != TJ_OK) {
        rc = tj_fail(err, c.rc, "cannot store the learning curve");
    }
    scope->cost = c.cost;
    if (rc == TJ_OK) {
        rc = store_model(env, t, model, scope->run, out, err);
    }
    if (rc == TJ_OK) {
        tj_snapshot_remove(snapshots);
    }
    tj_free(snapshots);
    tj_model_destroy(model);
    return rc;
}

tj_code tj_stage_train(const tj_stage_env *env, tj_training *t, int64_t *model, int64_t *run,
                       tj_err *err)
{
    tj_scope scope;
    tj_code rc = tj_scope_begin(env, &scope, t->spec, err);
    *run = scope.run;
    if (rc == TJ_OK && !scope.done) {
        rc = train(env, t, &scope, model, err);
        rc = tj_scope_end(env, &scope, rc, NULL, err);
    } else if (rc == TJ_OK) {
        tj_model_row row = {0};
        rc = tj_store_find_model(env->store, &row, t->model_name, scope.run, err);
        *model = row.id;
        tj_model_row_deinit(&row);
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "%s", t->spec->name);
    }
    return rc;
}

static tj_code latest_entry(void *ctx, const tj_ledger_entry *entry, tj_err *err)
{
    (void)err;
    *(int64_t *)ctx = entry->seq;
    return TJ_OK;
}

tj_code tj_declaration_find(tj_store *store, int64_t *seq, tj_err *err)
{
    *seq = 0;
    tj_code rc = tj_ledger_each(store, "declared", 0, latest_entry, seq, err);
    if (rc == TJ_OK && *seq == 0) {
        rc = tj_fail(err, TJ_E_NOTFOUND, "nothing was declared in this workspace");
    }
    return rc;
}
