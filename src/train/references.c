/* Log-probabilities under the reference policy, computed once, before that policy is trained away:
 * no second model is held in memory while training. */
#include "base/alloc.h"
#include "train/train.h"

typedef struct referrer {
    tj_examples *examples;
    const tj_train_config *cfg;
    tj_pass *pass;
    tj_batch *batch;
    tj_forest *forest;
    tj_rows rows;
    float *logp; /* [rows.n_loss] */
    size_t cap_logp;
} referrer;

/* Puts examples from `first` on into the batch, as many as fit into a pass; *n is their number. */
static tj_code fill(const referrer *r, size_t first, size_t *n, tj_err *err)
{
    const tj_examples *all = r->examples;
    size_t group = tj_examples_group(all);
    tj_code rc = TJ_OK;
    *n = 0;
    tj_batch_clear(r->batch);
    while (first + *n < all->n && rc == TJ_OK) {
        size_t tokens = tj_batch_n_tokens(r->batch);
        for (size_t g = 0; g < group; g++) {
            tokens += all->examples[first + *n + g].n;
        }
        if (*n > 0 && tokens > r->cfg->micro_tokens) {
            break;
        }
        for (size_t g = 0; g < group && rc == TJ_OK; g++) {
            rc = tj_examples_add(all, first + (*n)++, r->batch, err);
        }
    }
    return rc;
}

static tj_code run_pass(referrer *r, size_t first, size_t n, double *references, tj_err *err)
{
    tj_forest_clear(r->forest);
    tj_code rc = tj_batch_to_forest(r->batch, 0, n, r->cfg->share, r->forest, &r->rows, err);
    if (rc == TJ_OK && !tj_grow(&r->logp, &r->cap_logp, r->rows.n_loss, sizeof *r->logp)) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot hold %zu loss rows", r->rows.n_loss);
    }
    if (rc == TJ_OK) {
        rc = tj_forward(r->pass, r->forest, r->logp, NULL, err);
    }
    for (size_t i = 0; rc == TJ_OK && i < r->rows.n_loss; i++) {
        references[first + r->rows.sequence[i]] += (double)r->rows.weights[i] * (double)r->logp[i];
    }
    return rc;
}

static tj_code run_all(referrer *r, double *references, const tj_job *job, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < r->examples->n && rc == TJ_OK;) {
        size_t n = 0;
        rc = tj_job_check(job, err);
        if (rc == TJ_OK) {
            rc = fill(r, i, &n, err);
        }
        if (rc == TJ_OK) {
            rc = run_pass(r, i, n, references, err);
        }
        i += n;
        tj_job_progress(job, "reference", i, r->examples->n, "completions", NULL);
    }
    return rc;
}

tj_code tj_examples_refer(tj_examples *examples, tj_model *model, const tj_train_config *cfg,
                          const tj_job *job, tj_err *err)
{
    referrer r = {.examples = examples, .cfg = cfg};
    tj_free(examples->references); /* what they were, if anything, is not the batch's any more */
    examples->references = NULL;
    double *references = tj_calloc(examples->n, sizeof *references);
    tj_code rc = references == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot hold %zu log-probabilities", examples->n)
                     : tj_pass_create(&r.pass, model, (tj_pass_options){0}, err);
    if (rc == TJ_OK) {
        rc = tj_batch_create(&r.batch, err);
    }
    if (rc == TJ_OK) {
        rc = tj_forest_create(&r.forest, err);
    }
    if (rc == TJ_OK) {
        rc = run_all(&r, references, job, err);
    }
    if (rc == TJ_OK) {
        examples->references = references;
        references = NULL;
    }
    tj_free(references);
    tj_free(r.logp);
    tj_rows_deinit(&r.rows);
    tj_forest_destroy(r.forest);
    tj_batch_destroy(r.batch);
    tj_pass_destroy(r.pass);
    return rc;
}
