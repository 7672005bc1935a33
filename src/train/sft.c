/* Supervised fine-tuning:  -sum(w logp) / sum over the whole update of w,  so that the number of
 * passes does not change the loss. Its derivatives are known before any log-probability is. */
#include "train/train.h"

static tj_code derive(void *ctx, const tj_train_pass *pass, float *dlogp, float *dvalues,
                      tj_update *update, tj_err *err)
{
    (void)ctx;
    (void)dvalues;
    (void)update;
    double total = tj_batch_weight(pass->batch);
    if (!(total > 0.0)) {
        return tj_fail(err, TJ_E_INVAL, "nothing to learn: no token has a weight");
    }
    for (size_t i = 0; i < pass->rows->n_loss; i++) {
        dlogp[i] = (float)(-(double)pass->rows->weights[i] / total);
    }
    return TJ_OK;
}

tj_code tj_train_sft(tj_model *model, tj_source source, const tj_train_config *cfg,
                     const char *snapshot_dir, tj_update_fn done, void *ctx, const tj_job *job,
                     tj_err *err)
{
    const tj_loss loss = {.derive = derive, .linear = true};
    return tj_train_loop(model, source, &loss, cfg, snapshot_dir, done, ctx, job, err);
}
