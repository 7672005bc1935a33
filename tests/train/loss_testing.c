#include "train/loss_testing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

tj_model *loss_model(bool value_head)
{
    tj_model_config c;
    tj_model *m;
    tj_model_config_default(&c);
    c.n_vocab = LOSS_VOCAB;
    c.width = 32;
    c.n_layers = 2;
    c.n_heads = 2;
    c.n_kv_heads = 2;
    c.head_dim = 16;
    c.ffn_width = 64;
    c.init_std = 0.1;
    c.value_head = value_head;
    assert_int_equal(tj_model_create(&m, &c, TJ_F32, 5, NULL), TJ_OK);
    return m;
}

/* ------------------------------------------------------------------ derivatives */

static double loss_at(const tj_loss *loss, const tj_train_pass *pass, float *dlogp, float *dvalues)
{
    tj_update up = {.update = 0};
    assert_int_equal(loss->derive(loss->ctx, pass, dlogp, dvalues, &up, NULL), TJ_OK);
    return up.loss;
}

/* Steps of 1/256 are exact in float; the error of the differences, h^2/6 of a third derivative of
 * at most 1, is below 3e-6, and derivatives are floats. */
static void check_each(const tj_loss *loss, tj_train_pass *pass, float *x, size_t n, const float *d,
                       float *scratch)
{
    const float h = 1.0F / 256.0F;
    for (size_t i = 0; i < n; i++) {
        float at = x[i];
        x[i] = at + h;
        double up = loss_at(loss, pass, scratch, scratch + pass->rows->n_loss);
        x[i] = at - h;
        double down = loss_at(loss, pass, scratch, scratch + pass->rows->n_loss);
        x[i] = at;
        double want = (up - down) / (2.0 * (double)h);
        if (!(fabs((double)d[i] - want) <= 1e-5 * fmax(1.0, fabs(want)))) {
            fail_msg("derivative %zu is %g, by differences %g", i, (double)d[i], want);
        }
    }
}

void loss_check_derivatives(const tj_loss *loss, const tj_batch *batch, const tj_rows *rows,
                            const float *logp, const float *values)
{
    size_t n = rows->n_loss;
    size_t v = rows->n_values;
    float *x = tj_calloc(n + v, sizeof *x);
    float *d = tj_calloc(n + v, sizeof *d);
    float *scratch = tj_calloc(n + v, sizeof *scratch);
    for (size_t i = 0; i < n + v; i++) {
        x[i] = i < n ? logp[i] : values[i - n];
    }
    tj_train_pass pass = {
        .batch = batch, .n = tj_batch_n_sequences(batch), .rows = rows, .logp = x, .values = x + n};
    (void)loss_at(loss, &pass, d, d + n);
    check_each(loss, &pass, x, n, d, scratch);
    check_each(loss, &pass, x + n, v, d + n, scratch);
    tj_free(x);
    tj_free(d);
    tj_free(scratch);
}

/* ------------------------------------------------------------------ sharing */

typedef struct result {
    tj_model *model; /* with its gradients */
    double loss;
    size_t n_unique;
} result;

static result run(const tj_loss *loss, const tj_batch *batch, bool value_head, bool share)
{
    result r = {.model = loss_model(value_head)};
    tj_pass *p;
    tj_forest *f;
    tj_rows rows = {0};
    tj_update up = {.update = 0};
    size_t n = tj_batch_n_tokens(batch);
    float *x = tj_calloc(4 * n, sizeof *x); /* logp, values and their derivatives */
    assert_int_equal(tj_model_make_grads(r.model, NULL), TJ_OK);
    assert_int_equal(tj_pass_create(&p, r.model, (tj_pass_options){.train = true}, NULL), TJ_OK);
    assert_int_equal(tj_forest_create(&f, NULL), TJ_OK);
    tj_train_pass pass = {.batch = batch,
                          .n = tj_batch_n_sequences(batch),
                          .rows = &rows,
                          .logp = x,
                          .values = x + n};
    assert_int_equal(tj_batch_to_forest(batch, 0, pass.n, share, f, &rows, NULL), TJ_OK);
    assert_int_equal(tj_forward(p, f, x, x + n, NULL), TJ_OK);
    assert_int_equal(loss->derive(loss->ctx, &pass, x + 2 * n, x + 3 * n, &up, NULL), TJ_OK);
    assert_int_equal(tj_backward(p, f, x + 2 * n, x + 3 * n, NULL), TJ_OK);
    tj_model_join_grads(r.model);
    r.loss = up.loss;
    r.n_unique = tj_forest_n_tokens(f);
    tj_rows_deinit(&rows);
    tj_forest_destroy(f);
    tj_pass_destroy(p);
    tj_free(x);
    return r;
}

/* Sums in another order: equal to 1e-5 of the largest value, as the design page has it. */
void loss_check_sharing(const tj_loss *loss, const tj_batch *batch, bool value_head)
{
    result a = run(loss, batch, value_head, true);
    result b = run(loss, batch, value_head, false);
    size_t n;
    const tj_param *x = tj_model_params(a.model, &n);
    const tj_param *y = tj_model_params(b.model, &n);
    assert_true(a.n_unique < b.n_unique);
    assert_true(fabs(a.loss - b.loss) <= 1e-5 * fmax(1.0, fabs(b.loss)));
    double all = 0.0;
    for (size_t i = 0; i < n; i++) {
        double largest = 1e-8;
        double off = 0.0;
        for (size_t k = 0; k < x[i].n; k++) {
            largest = fmax(largest, fabs((double)y[i].grad[k]));
            off = fmax(off, fabs((double)x[i].grad[k] - (double)y[i].grad[k]));
        }
        if (!(off <= 1e-5 * largest)) {
            fail_msg("the gradient of %s is off by %g of %g", x[i].name, off, largest);
        }
        all = fmax(all, largest);
    }
    assert_true(all > 1e-4); /* there was something to compare */
    tj_model_destroy(a.model);
    tj_model_destroy(b.model);
}

/* ------------------------------------------------------------------ resuming */

#define N_UPDATES 5

static void stop(void *ctx, const tj_update *up)
{
    (void)up;
    tj_cancel_ask(ctx);
}

/* Trains with a process's worth of updates at a time: all, or one. */
static void train(const tj_loss *loss, tj_source source, tj_model *(*make)(void), bool broken,
                  char digest[65])
{
    char dir[] = "/tmp/tabiji-loss-XXXXXX";
    tj_train_config c;
    tj_code rc = TJ_E_CANCELLED;
    assert_non_null(mkdtemp(dir));
    tj_train_config_default(&c);
    c.optimizer.n_updates = N_UPDATES;
    c.optimizer.n_warmup = 1;
    c.micro_tokens = 20; /* several passes an update */
    for (size_t i = 0; rc == TJ_E_CANCELLED && i < N_UPDATES + 1; i++) {
        tj_model *m = make();
        tj_cancel cancel = {0};
        tj_job job = {.cancel = &cancel};
        rc = tj_train_loop(m, source, loss, &c, dir, broken ? stop : NULL, &cancel, &job, NULL);
        tj_model_digest(m, digest);
        tj_model_destroy(m);
    }
    assert_int_equal(rc, TJ_OK);
    tj_snapshot_remove(dir);
}

void loss_check_resume(const tj_loss *loss, tj_source source, tj_model *(*make)(void))
{
    char whole[65];
    char parts[65];
    train(loss, source, make, false, whole);
    train(loss, source, make, true, parts);
    assert_string_equal(whole, parts);
}
