/* AdamW with decoupled decay (Loshchilov & Hutter 2019, arXiv:1711.05101, alg. 2), global-norm
 * clipping, warm-up and a schedule. Works on fixed chunks of each parameter, so that neither sums
 * nor updates depend on threads. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "nn/adamw.h"

#define CHUNK 65536 /* values of a work item */

typedef struct piece {
    size_t param, begin, n;
    size_t at; /* of its moments */
} piece;

struct tj_adamw {
    tj_model *model;
    tj_adamw_config cfg;
    size_t n_done;
    float *m, *v; /* moments of the trainable parameters, each from a cache line on */
    piece *pieces;
    double *sums; /* [n_pieces] of squared gradients */
    size_t n_pieces;
    float gscale, step_size, inv_bc2; /* of the update at hand */
    double lr;
};

static size_t count_pieces(const tj_model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_params; i++) {
        n += m->params[i].trainable ? (m->params[i].n + CHUNK - 1) / CHUNK : 0;
    }
    return n;
}

static size_t count_moments(const tj_model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_params; i++) {
        n += m->params[i].trainable ? (m->params[i].n + 15) / 16 * 16 : 0;
    }
    return n;
}

static void place_pieces(tj_adamw *o)
{
    size_t next = 0;
    size_t moment = 0;
    for (size_t i = 0; i < o->model->n_params; i++) {
        const tj_param *p = &o->model->params[i];
        for (size_t b = 0; p->trainable && b < p->n; b += CHUNK) {
            size_t n = p->n - b < CHUNK ? p->n - b : CHUNK;
            o->pieces[next++] = (piece){i, b, n, moment + b};
        }
        moment += p->trainable ? (p->n + 15) / 16 * 16 : 0;
    }
}

static tj_code check(const tj_adamw_config *c, tj_err *err)
{
    const struct {
        const char *name;
        double value, min, max;
    } fields[] = {
        {"lr_max", c->lr_max, 0.0, 10.0},      {"lr_min", c->lr_min, 0.0, c->lr_max},
        {"beta1", c->beta1, 0.0, 0.999999},    {"beta2", c->beta2, 0.0, 0.9999999},
        {"eps", c->eps, 1e-30, 1.0},           {"weight_decay", c->weight_decay, 0.0, 10.0},
        {"clip_norm", c->clip_norm, 0.0, 1e30}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!(fields[i].value >= fields[i].min) || !(fields[i].value <= fields[i].max)) {
            return tj_fail(err, TJ_E_INVAL, "optimizer: %s is %g, expected %g to %g",
                           fields[i].name, fields[i].value, fields[i].min, fields[i].max);
        }
    }
    return TJ_OK;
}

tj_code tj_adamw_create(tj_adamw **out, tj_model *model, const tj_adamw_config *cfg, tj_err *err)
{
    *out = NULL;
    tj_code rc = check(cfg, err);
    if (rc == TJ_OK && !tj_model_trains(model)) {
        rc = tj_model_make_grads(model, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_adamw *o = tj_calloc(1, sizeof *o);
    if (o == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate an optimizer");
    }
    o->model = model;
    o->cfg = *cfg;
    o->n_pieces = count_pieces(model);
    size_t n_moments = count_moments(model);
    o->m = tj_aligned_array(n_moments, sizeof *o->m);
    o->v = tj_aligned_array(n_moments, sizeof *o->v);
    o->pieces = tj_calloc(o->n_pieces, sizeof *o->pieces);
    o->sums = tj_calloc(o->n_pieces, sizeof *o->sums);
    if (o->m == NULL || o->v == NULL || o->pieces == NULL || o->sums == NULL) {
        tj_adamw_destroy(o);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate moments of %zu weights", n_moments);
    }
    place_pieces(o);
    *out = o;
    return TJ_OK;
}

void tj_adamw_destroy(tj_adamw *o)
{
    if (o == NULL) {
        return;
    }
    tj_free(o->m);
    tj_free(o->v);
    tj_free(o->pieces);
    tj_free(o->sums);
    tj_free(o);
}

double tj_adamw_lr(const tj_adamw_config *c, size_t t)
{
    if (t < c->n_warmup) {
        return c->lr_max * (double)(t + 1) / (double)c->n_warmup;
    }
    if (c->schedule == TJ_SCHEDULE_CONSTANT || c->n_updates <= c->n_warmup) {
        return c->lr_max;
    }
    double done = (double)(t - c->n_warmup) / (double)(c->n_updates - c->n_warmup);
    done = done > 1.0 ? 1.0 : done;
    double left = c->schedule == TJ_SCHEDULE_COSINE
                      ? 0.5 * (1.0 + cos(3.14159265358979323846 * done))
                      : 1.0 - done;
    return c->lr_min + (c->lr_max - c->lr_min) * left;
}

static void norm_item(void *ctx, size_t i, size_t thread)
{
    (void)thread;
    tj_adamw *o = ctx;
    const piece *pc = &o->pieces[i];
    o->sums[i] = o->model->k->sum_squares(o->model->params[pc->param].grad + pc->begin, pc->n);
}

static void update_item(void *ctx, size_t i, size_t thread)
{
    (void)thread;
    tj_adamw *o = ctx;
    const piece *pc = &o->pieces[i];
    tj_param *p = &o->model->params[pc->param];
    double shrink = p->decay ? 1.0 - o->lr * o->cfg.weight_decay : 1.0;
    o->model->k->adamw(p->weight + pc->begin, p->grad + pc->begin, o->m + pc->at, o->v + pc->at,
                       pc->n, o->gscale, (float)o->cfg.beta1, (float)o->cfg.beta2,
                       (float)o->cfg.eps, o->step_size, o->inv_bc2, (float)shrink);
}

static tj_code global_norm(tj_adamw *o, double *norm, tj_err *err)
{
    tj_par_for(o->n_pieces, norm_item, o);
    double sum = 0.0;
    for (size_t i = 0; i < o->n_pieces; i++) {
        if (!isfinite(o->sums[i])) {
            return tj_fail(err, TJ_E_NUMERIC, "update %zu: the gradient of %s is not finite",
                           o->n_done, o->model->params[o->pieces[i].param].name);
        }
        sum += o->sums[i];
    }
    *norm = sqrt(sum);
    return TJ_OK;
}

tj_code tj_adamw_update(tj_adamw *o, double *norm, tj_err *err)
{
    double total = 0.0;
    tj_model_join_grads(o->model);
    tj_code rc = global_norm(o, &total, err);
    if (rc != TJ_OK) {
        return rc;
    }
    double t = (double)(o->n_done + 1);
    bool clip = o->cfg.clip_norm > 0.0 && total > o->cfg.clip_norm;
    o->lr = tj_adamw_lr(&o->cfg, o->n_done);
    o->gscale = clip ? (float)(o->cfg.clip_norm / total) : 1.0F;
    /* of the betas that the moments are kept with, or the first updates are off by their rounding
     */
    o->step_size = (float)(o->lr / (1.0 - pow((double)(float)o->cfg.beta1, t)));
    o->inv_bc2 = (float)(1.0 / (1.0 - pow((double)(float)o->cfg.beta2, t)));
    tj_par_for(o->n_pieces, update_item, o);
    o->n_done++;
    if (norm != NULL) {
        *norm = total;
    }
    tj_model_trained(o->model);
    return TJ_OK;
}

size_t tj_adamw_n_done(const tj_adamw *o)
{
    return o->n_done;
}

float *tj_adamw_moment(const tj_adamw *o, size_t which, size_t param)
{
    size_t i = 0;
    while (i < o->n_pieces && o->pieces[i].param != param) {
        i++;
    }
    return i == o->n_pieces ? NULL : (which == 0 ? o->m : o->v) + o->pieces[i].at;
}

void tj_adamw_set_done(tj_adamw *o, size_t n_done)
{
    o->n_done = n_done;
}

tj_model *tj_adamw_model(const tj_adamw *o)
{
    return o->model;
}
