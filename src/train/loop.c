/* The loop of all trainings. An update's sequences are cut into passes of at most micro_tokens; a
 * pass is a forest, whose log-probabilities and values the loss turns into derivatives. A snapshot
 * holds weights, moments and the number of updates. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "train/train.h"

void tj_train_config_default(tj_train_config *cfg)
{
    *cfg = (tj_train_config){
        .optimizer = {.lr_max = 1e-3,
                      .beta1 = 0.9,
                      .beta2 = 0.98,
                      .eps = 1e-8,
                      .weight_decay = 0.05,
                      .clip_norm = 1.0,
                      .n_warmup = 50,
                      .n_updates = 1000,
                      .schedule = TJ_SCHEDULE_COSINE},
        .micro_tokens = 16384,
        .share = true,
    };
}

void tj_update_add(tj_update *up, const char *name, double value)
{
    size_t i = 0;
    while (i < up->n_metrics && strcmp(up->metrics[i].name, name) != 0) {
        i++;
    }
    if (i == up->n_metrics) {
        TJ_ASSERT(i < TJ_MAX_METRICS);
        up->metrics[up->n_metrics++] = (tj_metric){name, 0.0};
    }
    up->metrics[i].value += value;
}

typedef struct trainer {
    tj_model *model;
    tj_source source;
    const tj_loss *loss;
    const tj_train_config *cfg;
    const char *dir;
    tj_adamw *opt;
    tj_pass *pass;
    tj_batch *batch;
    tj_forest *forest;
    tj_rows rows;
    float *logp, *dlogp;     /* [rows.n_loss] */
    float *values, *dvalues; /* [rows.n_values] */
    size_t cap_logp, cap_dlogp, cap_values, cap_dvalues;
} trainer;

static tj_code reserve_rows(trainer *t, tj_err *err)
{
    size_t n = t->rows.n_loss;
    size_t v = t->rows.n_values;
    if (!tj_grow(&t->logp, &t->cap_logp, n, sizeof *t->logp) ||
        !tj_grow(&t->dlogp, &t->cap_dlogp, n, sizeof *t->dlogp) ||
        !tj_grow(&t->values, &t->cap_values, v, sizeof *t->values) ||
        !tj_grow(&t->dvalues, &t->cap_dvalues, v, sizeof *t->dvalues)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu loss rows and %zu value rows", n, v);
    }
    return TJ_OK;
}

/* Room for the pass's rows, and derivatives of 0. */
static tj_code begin_rows(trainer *t, tj_err *err)
{
    tj_code rc = reserve_rows(t, err);
    for (size_t i = 0; rc == TJ_OK && i < t->rows.n_loss; i++) {
        t->dlogp[i] = 0.0F;
    }
    for (size_t i = 0; rc == TJ_OK && i < t->rows.n_values; i++) {
        t->dvalues[i] = 0.0F;
    }
    return rc;
}

/* The fused way: derivatives first, and the loss is their product with the log-probabilities. */
static tj_code run_linear(trainer *t, tj_train_pass pass, tj_update *up, tj_err *err)
{
    tj_code rc = t->loss->derive(t->loss->ctx, &pass, t->dlogp, t->dvalues, up, err);
    if (rc == TJ_OK) {
        rc = tj_forward_backward(t->pass, t->forest, t->logp, t->dlogp, err);
    }
    for (size_t i = 0; rc == TJ_OK && i < t->rows.n_loss; i++) {
        up->loss += (double)t->dlogp[i] * (double)t->logp[i];
    }
    return rc;
}

static tj_code run_general(trainer *t, tj_train_pass pass, tj_update *up, tj_err *err)
{
    tj_code rc = tj_forward(t->pass, t->forest, t->logp, t->values, err);
    pass.logp = t->logp;
    pass.values = t->values;
    if (rc == TJ_OK) {
        rc = t->loss->derive(t->loss->ctx, &pass, t->dlogp, t->dvalues, up, err);
    }
    return rc == TJ_OK ? tj_backward(t->pass, t->forest, t->dlogp, t->dvalues, err) : rc;
}

/* One pass: sequences [first, first + n). */
static tj_code run_pass(trainer *t, size_t first, size_t n, tj_update *up, tj_err *err)
{
    tj_train_pass pass = {.batch = t->batch, .first = first, .n = n, .rows = &t->rows};
    tj_forest_clear(t->forest);
    tj_code rc = tj_batch_to_forest(t->batch, first, n, t->cfg->share, t->forest, &t->rows, err);
    if (rc == TJ_OK) {
        rc = begin_rows(t, err);
    }
    if (rc == TJ_OK) {
        rc = t->loss->linear ? run_linear(t, pass, up, err) : run_general(t, pass, up, err);
    }
    up->n_unique += tj_forest_n_tokens(t->forest);
    up->n_rows += t->rows.n_loss;
    up->n_values += t->rows.n_values;
    return rc;
}

/* The number of sequences from `first` on that fit into one pass, in whole groups. */
static size_t pass_length(const trainer *t, const size_t *lengths, size_t first, size_t n_seqs)
{
    size_t group = t->loss->group > 0 ? t->loss->group : 1;
    size_t tokens = 0;
    size_t n = 0;
    while (first + n < n_seqs) {
        for (size_t i = 0; i < group; i++) {
            tokens += lengths[first + n + i];
        }
        if (n > 0 && tokens > t->cfg->micro_tokens) {
            break;
        }
        n += group;
    }
    return n;
}

static tj_code run_passes(trainer *t, tj_update *up, tj_err *err)
{
    size_t n_seqs = tj_batch_n_sequences(t->batch);
    if (n_seqs == 0 || (t->loss->group > 1 && n_seqs % t->loss->group != 0)) {
        return tj_fail(err, TJ_E_INVAL, "%zu sequences, expected a multiple of %zu", n_seqs,
                       t->loss->group > 0 ? t->loss->group : 1);
    }
    size_t *lengths = tj_calloc(n_seqs, sizeof *lengths);
    if (lengths == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu sequences", n_seqs);
    }
    tj_batch_lengths(t->batch, lengths);
    tj_code rc = TJ_OK;
    for (size_t i = 0; rc == TJ_OK && i < n_seqs;) {
        size_t n = pass_length(t, lengths, i, n_seqs);
        rc = run_pass(t, i, n, up, err);
        i += n;
    }
    tj_free(lengths);
    return rc;
}

static tj_code run_update(trainer *t, tj_update *up, tj_err *err)
{
    double start = tj_clock_seconds();
    tj_batch_clear(t->batch);
    tj_code rc = t->source.fill(t->source.ctx, up->update, t->batch, err);
    if (rc == TJ_OK) {
        rc = run_passes(t, up, err);
    }
    if (rc == TJ_OK) {
        up->lr = tj_adamw_lr(&t->cfg->optimizer, up->update);
        rc = tj_adamw_update(t->opt, &up->grad_norm, err);
    }
    up->n_tokens = tj_batch_n_tokens(t->batch);
    up->seconds = tj_clock_seconds() - start;
    return rc;
}

static tj_code open_trainer(trainer *t, tj_err *err)
{
    tj_pass_options options = {.train = true, .recompute = t->cfg->recompute};
    tj_code rc = tj_model_make_grads(t->model, err);
    if (rc == TJ_OK) {
        rc = tj_adamw_create(&t->opt, t->model, &t->cfg->optimizer, err);
    }
    if (rc == TJ_OK) {
        rc = tj_pass_create(&t->pass, t->model, options, err);
    }
    if (rc == TJ_OK) {
        rc = tj_batch_create(&t->batch, err);
    }
    if (rc == TJ_OK) {
        rc = tj_forest_create(&t->forest, err);
    }
    return rc;
}

static void close_trainer(trainer *t)
{
    tj_adamw_destroy(t->opt);
    tj_pass_destroy(t->pass);
    tj_batch_destroy(t->batch);
    tj_forest_destroy(t->forest);
    tj_rows_deinit(&t->rows);
    tj_free(t->logp);
    tj_free(t->dlogp);
    tj_free(t->values);
    tj_free(t->dvalues);
}

static tj_code resume(trainer *t, tj_err *err)
{
    if (t->dir == NULL) {
        return TJ_OK;
    }
    json_t *state = NULL;
    tj_code rc = tj_snapshot_load(t->dir, t->model, t->opt, &state, err);
    json_decref(state);
    return rc == TJ_E_NOTFOUND ? TJ_OK : rc;
}

static tj_code save(const trainer *t, tj_err *err)
{
    if (t->dir == NULL) {
        return TJ_OK;
    }
    json_t *state = json_pack("{s:I}", "updates", (json_int_t)tj_adamw_n_done(t->opt));
    tj_code rc = state == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot save a snapshot")
                               : tj_snapshot_save(t->dir, t->model, t->opt, state, err);
    json_decref(state);
    return rc;
}

static tj_code train_loop(trainer *t, tj_update_fn done, void *ctx, const tj_job *job, tj_err *err)
{
    size_t n_updates = t->cfg->optimizer.n_updates;
    char note[64];
    for (size_t u = tj_adamw_n_done(t->opt); u < n_updates; u++) {
        tj_code rc = tj_job_check(job, err);
        if (rc != TJ_OK) {
            tj_code saved = save(t, err); /* a failure to save is the worse news */
            return saved != TJ_OK ? saved : tj_job_check(job, err);
        }
        tj_update up = {.update = u};
        rc = run_update(t, &up, err);
        if (rc != TJ_OK) {
            tj_err_context(err, "update %zu", u);
            return rc;
        }
        if (done != NULL) {
            done(ctx, &up);
        }
        snprintf(note, sizeof note, "loss %.3f", up.loss);
        tj_job_progress(job, "training", u + 1, n_updates, "updates", note);
        bool due = t->cfg->save_every > 0 && (u + 1) % t->cfg->save_every == 0;
        if (due && u + 1 < n_updates) {
            rc = save(t, err);
            if (rc != TJ_OK) {
                return rc;
            }
        }
    }
    return TJ_OK;
}

tj_code tj_train_loop(tj_model *model, tj_source source, const tj_loss *loss,
                      const tj_train_config *cfg, const char *snapshot_dir, tj_update_fn done,
                      void *ctx, const tj_job *job, tj_err *err)
{
    trainer t = {.model = model, .source = source, .loss = loss, .cfg = cfg, .dir = snapshot_dir};
    tj_code rc = open_trainer(&t, err);
    if (rc == TJ_OK) {
        rc = resume(&t, err);
    }
    if (rc == TJ_OK) {
        rc = train_loop(&t, done, ctx, job, err);
    }
    close_trainer(&t);
    return rc;
}
