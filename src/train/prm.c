/* Process reward models: a value head read at each step's last token, learnt by logistic loss. With
 * value z and label y:  y log(1 + e^-z) + (1 - y) log(1 + e^z),  of derivative  sigmoid(z) - y.
 * It is the cross-entropy of two classes whose logits differ by z, as TRL's PRMTrainer has it. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "train/train.h"

static tj_code derive(void *ctx, const tj_train_pass *pass, float *dlogp, float *dvalues,
                      tj_update *up, tj_err *err)
{
    (void)ctx;
    (void)dlogp;
    double n = (double)tj_batch_n_labels(pass->batch);
    if (!(n > 0.0)) {
        return tj_fail(err, TJ_E_INVAL, "nothing to learn: no step has a label");
    }
    for (size_t i = 0; i < pass->rows->n_values; i++) {
        double y = (double)pass->rows->labels[i];
        double z = (double)pass->values[i];
        double small = exp(-fabs(z)); /* never overflows */
        double p = (z >= 0.0 ? 1.0 : small) / (1.0 + small);
        up->loss += (log1p(small) + fmax(z, 0.0) - y * z) / n;
        dvalues[i] = (float)((p - y) / n);
        tj_update_add(up, "accuracy", (z > 0.0) == (y > 0.5) ? 1.0 / n : 0.0);
    }
    return TJ_OK;
}

tj_loss tj_prm_loss(void)
{
    return (tj_loss){.derive = derive};
}

/* ------------------------------------------------------------------ the head */

static const tj_param *find(const tj_param *params, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(params[i].name, name) == 0) {
            return &params[i];
        }
    }
    return NULL;
}

void tj_prm_train_head(tj_model *model)
{
    size_t n;
    tj_param *params = tj_model_params(model, &n);
    for (size_t i = 0; i < n; i++) {
        if (strncmp(params[i].name, "value_head.", strlen("value_head.")) == 0) {
            params[i].trainable = true;
        }
    }
}

tj_code tj_prm_add_head(tj_model **model, uint64_t seed, tj_err *err)
{
    tj_model_config cfg = *tj_model_cfg(*model);
    tj_model *with = NULL;
    size_t n_old;
    size_t n_new;
    if (cfg.value_head) {
        return TJ_OK;
    }
    cfg.value_head = true;
    tj_code rc = tj_model_create(&with, &cfg, tj_model_compute(*model), seed, err);
    if (rc != TJ_OK) {
        return rc;
    }
    const tj_param *old = tj_model_params(*model, &n_old);
    tj_param *fresh = tj_model_params(with, &n_new);
    for (size_t i = 0; i < n_new; i++) {
        const tj_param *from = find(old, n_old, fresh[i].name);
        if (from != NULL) {
            memcpy(fresh[i].weight, from->weight, from->n * sizeof *from->weight);
        }
    }
    rc = tj_model_refresh(with, err);
    if (rc == TJ_OK) {
        tj_model_destroy(*model);
        *model = with;
    } else {
        tj_model_destroy(with);
    }
    return rc;
}
