/* Supervised fine-tuning. An update's sequences are cut into passes of at most micro_tokens; each
 * pass adds gradients of  -sum(w logp) / sum over the whole update of w,  so that the number of
 * passes does not change the loss. A snapshot holds weights, moments and the number of updates. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "train/train.h"

void tj_sft_config_default(tj_sft_config *cfg)
{
    *cfg = (tj_sft_config){
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

typedef struct trainer {
    tj_model *model;
    tj_source source;
    const tj_sft_config *cfg;
    const char *dir;
    tj_adamw *opt;
    tj_pass *pass;
    tj_batch *batch;
    tj_forest *forest;
    float *weights, *logp, *dlogp; /* [cap] by loss row */
    size_t cap;
} trainer;

static tj_code reserve_rows(trainer *t, size_t n, tj_err *err)
{
    if (n <= t->cap) {
        return TJ_OK;
    }
    tj_free(t->weights);
    tj_free(t->logp);
    tj_free(t->dlogp);
    t->cap = n + n / 4;
    t->weights = tj_calloc(t->cap, sizeof *t->weights);
    t->logp = tj_calloc(t->cap, sizeof *t->logp);
    t->dlogp = tj_calloc(t->cap, sizeof *t->dlogp);
    if (t->weights == NULL || t->logp == NULL || t->dlogp == NULL) {
        t->cap = 0;
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu loss rows", n);
    }
    return TJ_OK;
}

/* One pass: sequences [first, first + n). */
static tj_code run_pass(trainer *t, size_t first, size_t n, double total, tj_update *up,
                        tj_err *err)
{
    tj_forest_clear(t->forest);
    tj_code rc = tj_batch_to_forest(t->batch, first, n, t->cfg->share, t->forest, t->weights, err);
    size_t n_rows = tj_forest_n_loss_rows(t->forest);
    for (size_t i = 0; rc == TJ_OK && i < n_rows; i++) {
        t->dlogp[i] = (float)(-(double)t->weights[i] / total);
    }
    if (rc == TJ_OK) {
        rc = tj_forward_backward(t->pass, t->forest, t->logp, t->dlogp, err);
    }
    for (size_t i = 0; rc == TJ_OK && i < n_rows; i++) {
        up->loss -= (double)t->weights[i] * (double)t->logp[i] / total;
    }
    up->n_unique += tj_forest_n_tokens(t->forest);
    up->n_rows += n_rows;
    return rc;
}

/* The number of sequences from `first` on that fit into one pass. */
static size_t pass_length(const trainer *t, const size_t *lengths, size_t first, size_t n_seqs)
{
    size_t tokens = 0;
    size_t n = 0;
    while (first + n < n_seqs && (n == 0 || tokens + lengths[first + n] <= t->cfg->micro_tokens)) {
        tokens += lengths[first + n];
        n++;
    }
    return n;
}

static tj_code run_update(trainer *t, tj_update *up, tj_err *err)
{
    double start = tj_clock_seconds();
    size_t n_seqs;
    size_t *lengths = NULL;
    tj_batch_clear(t->batch);
    tj_code rc = t->source.fill(t->source.ctx, up->update, t->batch, err);
    if (rc != TJ_OK) {
        return rc;
    }
    n_seqs = tj_batch_n_sequences(t->batch);
    double total = tj_batch_weight(t->batch);
    if (!(total > 0.0)) {
        return tj_fail(err, TJ_E_INVAL, "update %zu has nothing to learn: no token has a weight",
                       up->update);
    }
    rc = reserve_rows(t, tj_batch_n_tokens(t->batch), err);
    lengths = tj_calloc(n_seqs, sizeof *lengths);
    if (rc == TJ_OK && lengths == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot hold %zu sequences", n_seqs);
    }
    if (rc == TJ_OK) {
        tj_batch_lengths(t->batch, lengths);
    }
    for (size_t i = 0; rc == TJ_OK && i < n_seqs;) {
        size_t n = pass_length(t, lengths, i, n_seqs);
        rc = run_pass(t, i, n, total, up, err);
        i += n;
    }
    tj_free(lengths);
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
    tj_free(t->weights);
    tj_free(t->logp);
    tj_free(t->dlogp);
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

tj_code tj_train_sft(tj_model *model, tj_source source, const tj_sft_config *cfg,
                     const char *snapshot_dir, tj_update_fn done, void *ctx, const tj_job *job,
                     tj_err *err)
{
    trainer t = {.model = model, .source = source, .cfg = cfg, .dir = snapshot_dir};
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
