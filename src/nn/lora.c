/* Shapes and weights of adapters. A layer's slab holds, for each fused matrix, the A of its
 * targeted parts one after another, then their B. */
#include "nn/lora.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "base/rng.h"

#define STREAM_LORA 0x10a /* of a seed: initial values of A */

typedef struct target_entry {
    const char *name, *module;
    tj_mat mat;
} target_entry;

static const target_entry targets[TJ_N_LORA_TARGETS] = {
    [TJ_LORA_Q] = {"q_proj", "self_attn.q_proj", TJ_MAT_QKV},
    [TJ_LORA_K] = {"k_proj", "self_attn.k_proj", TJ_MAT_QKV},
    [TJ_LORA_V] = {"v_proj", "self_attn.v_proj", TJ_MAT_QKV},
    [TJ_LORA_O] = {"o_proj", "self_attn.o_proj", TJ_MAT_O},
    [TJ_LORA_GATE] = {"gate_proj", "mlp.gate_proj", TJ_MAT_GU},
    [TJ_LORA_UP] = {"up_proj", "mlp.up_proj", TJ_MAT_GU},
    [TJ_LORA_DOWN] = {"down_proj", "mlp.down_proj", TJ_MAT_DOWN},
};

/* ------------------------------------------------------------------ configuration */

void tj_lora_config_default(tj_lora_config *cfg)
{
    *cfg = (tj_lora_config){.rank = 16, .alpha = 32.0};
    cfg->targets[TJ_LORA_Q] = true;
    cfg->targets[TJ_LORA_V] = true;
}

const char *tj_lora_target_name(tj_lora_target target)
{
    return targets[target].name;
}

tj_mat tj_lora_mat(tj_lora_target target)
{
    return targets[target].mat;
}

tj_code tj_lora_targets_parse(bool out[TJ_N_LORA_TARGETS], const char *text, tj_err *err)
{
    bool all = strcmp(text, "all-linear") == 0;
    bool found[TJ_N_LORA_TARGETS];
    for (size_t i = 0; i < TJ_N_LORA_TARGETS; i++) {
        found[i] = all;
    }
    for (const char *at = text; !all; at += strcspn(at, ",") + 1) {
        size_t n = strcspn(at, ",");
        size_t i = 0;
        while (i < TJ_N_LORA_TARGETS &&
               (strlen(targets[i].name) != n || memcmp(targets[i].name, at, n) != 0)) {
            i++;
        }
        if (i == TJ_N_LORA_TARGETS) {
            return tj_fail(err, TJ_E_INVAL,
                           "LoRA target '%.*s' is not q_proj, k_proj, v_proj, o_proj, gate_proj, "
                           "up_proj, down_proj or, alone, all-linear",
                           n > 40 ? 40 : (int)n, at);
        }
        found[i] = true;
        if (at[n] == '\0') {
            break;
        }
    }
    memcpy(out, found, sizeof found);
    return TJ_OK;
}

static tj_code check_config(const tj_lora_config *c, tj_err *err)
{
    bool any = false;
    for (size_t i = 0; i < TJ_N_LORA_TARGETS; i++) {
        any = any || c->targets[i];
    }
    if (c->rank == 0 || c->rank > TJ_MAX_LORA_RANK) {
        return tj_fail(err, TJ_E_INVAL, "LoRA: rank is %zu, expected 1 to %d", c->rank,
                       TJ_MAX_LORA_RANK);
    }
    if (!(c->alpha > 0.0) || !(c->alpha <= TJ_MAX_LORA_ALPHA)) {
        return tj_fail(err, TJ_E_INVAL, "LoRA: alpha is %g, expected above 0, at most %g", c->alpha,
                       TJ_MAX_LORA_ALPHA);
    }
    return any ? TJ_OK : tj_fail(err, TJ_E_INVAL, "LoRA: no matrix is targeted");
}

/* ------------------------------------------------------------------ shapes */

static void set_shapes(tj_lora *a, const tj_model_config *c)
{
    size_t q = c->n_heads * c->head_dim;
    size_t kv = c->n_kv_heads * c->head_dim;
    const struct {
        size_t out, in, column;
    } shapes[TJ_N_LORA_TARGETS] = {
        [TJ_LORA_Q] = {q, c->width, 0},
        [TJ_LORA_K] = {kv, c->width, q},
        [TJ_LORA_V] = {kv, c->width, q + kv},
        [TJ_LORA_O] = {c->width, q, 0},
        [TJ_LORA_GATE] = {c->ffn_width, c->width, 0},
        [TJ_LORA_UP] = {c->ffn_width, c->width, c->ffn_width},
        [TJ_LORA_DOWN] = {c->width, c->ffn_width, 0},
    };
    for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
        size_t *width = &a->width[targets[t].mat];
        a->out[t] = shapes[t].out;
        a->in[t] = shapes[t].in;
        a->column[t] = shapes[t].column;
        a->block[t] = tj_model_dw_block(shapes[t].out);
        a->part[t] = *width;
        *width += a->cfg.targets[t] ? a->cfg.rank : 0;
    }
}

size_t tj_lora_n_values(const tj_model_config *shape, const tj_lora_config *cfg)
{
    tj_lora a = {.cfg = *cfg};
    size_t n = 0;
    set_shapes(&a, shape);
    for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
        n += cfg->targets[t] ? cfg->rank * (a.in[t] + a.out[t]) : 0;
    }
    return n * shape->n_layers;
}

static size_t aligned(size_t at) /* groups begin on a cache line */
{
    return (at + 15) / 16 * 16;
}

/* Places a layer's matrices from `next` on; gives the next free value. */
static size_t place_layer(const tj_lora *a, tj_lora_at *at, size_t next)
{
    for (size_t mat = 0; mat < TJ_N_MATS; mat++) {
        next = aligned(next);
        for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
            if (a->cfg.targets[t] && targets[t].mat == mat) {
                at->a[t] = next;
                next += a->cfg.rank * a->in[t];
            }
        }
    }
    for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
        if (a->cfg.targets[t]) {
            next = aligned(next);
            at->b[t] = next;
            next += a->out[t] * a->cfg.rank;
        }
    }
    return next;
}

tj_code tj_lora_create(tj_lora **out, const tj_model_config *shape, const tj_lora_config *cfg,
                       tj_err *err)
{
    *out = NULL;
    tj_code rc = check_config(cfg, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_lora *a = tj_calloc(1, sizeof *a);
    if (a == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate adapters");
    }
    double rank = (double)cfg->rank;
    a->cfg = *cfg;
    a->n_layers = shape->n_layers;
    a->scale = (float)(cfg->alpha / (cfg->rslora ? sqrt(rank) : rank));
    set_shapes(a, shape);
    a->at = tj_calloc(a->n_layers, sizeof *a->at);
    for (size_t l = 0; a->at != NULL && l < a->n_layers; l++) {
        a->n_slab = place_layer(a, &a->at[l], a->n_slab);
    }
    a->weights = tj_aligned_array(a->n_slab, sizeof *a->weights);
    if (a->at == NULL || a->weights == NULL) {
        tj_lora_destroy(a);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate adapters of rank %zu", cfg->rank);
    }
    *out = a;
    return TJ_OK;
}

void tj_lora_name(char out[96], size_t layer, tj_lora_target target, char which)
{
    snprintf(out, 96, "model.layers.%zu.%s.lora_%c.weight", layer, targets[target].module, which);
}

bool tj_lora_find(size_t *layer, tj_lora_target *target, const char *name)
{
    static const char prefix[] = "model.layers.";
    char *tail = NULL;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    *layer = strtoul(name + sizeof prefix - 1, &tail, 10);
    for (size_t t = 0; *tail == '.' && t < TJ_N_LORA_TARGETS; t++) {
        size_t n = strlen(targets[t].module);
        if (strncmp(tail + 1, targets[t].module, n) == 0 && strcmp(tail + 1 + n, ".weight") == 0) {
            *target = (tj_lora_target)t;
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------ what they add */

#define COLUMNS 256 /* summed at once, on the stack */

void tj_lora_add_row(const tj_lora *a, size_t layer, tj_lora_target t, size_t row, float *w)
{
    size_t rank = a->cfg.rank;
    size_t in = a->in[t];
    const float *b = a->weights + a->at[layer].b[t] + row * rank;
    for (size_t begin = 0; begin < in; begin += COLUMNS) {
        double sum[COLUMNS] = {0.0};
        size_t n = in - begin < COLUMNS ? in - begin : COLUMNS;
        const float *from = a->weights + a->at[layer].a[t] + begin;
        for (size_t k = 0; k < rank; k++) {
            for (size_t i = 0; i < n; i++) {
                sum[i] += (double)b[k] * (double)from[k * in + i];
            }
        }
        for (size_t i = 0; i < n; i++) {
            w[begin + i] = (float)((double)w[begin + i] + (double)a->scale * sum[i]);
        }
    }
}

/* Item: a matrix of a layer. */
static void merge_item(void *ctx, size_t item, size_t thread)
{
    tj_model *m = ctx;
    size_t layer = item / TJ_N_LORA_TARGETS;
    tj_lora_target t = (tj_lora_target)(item % TJ_N_LORA_TARGETS);
    float *w = tj_model_matrix(m, layer, (tj_gen_mat)t);
    (void)thread;
    for (size_t row = 0; m->lora->cfg.targets[t] && row < m->lora->out[t]; row++) {
        tj_lora_add_row(m->lora, layer, t, row, w + row * m->lora->in[t]);
    }
}

/* ------------------------------------------------------------------ in a model */

/* What generation calls a layer's matrices is what can be targeted. */
_Static_assert((int)TJ_LORA_Q == (int)TJ_GEN_Q && (int)TJ_LORA_K == (int)TJ_GEN_K &&
                   (int)TJ_LORA_V == (int)TJ_GEN_V && (int)TJ_LORA_O == (int)TJ_GEN_O &&
                   (int)TJ_LORA_GATE == (int)TJ_GEN_GATE && (int)TJ_LORA_UP == (int)TJ_GEN_UP &&
                   (int)TJ_LORA_DOWN == (int)TJ_GEN_DOWN && (int)TJ_N_LORA_TARGETS == (int)TJ_N_GEN,
               "targets are a layer's matrices, in their order");

/* Uniform in +-1 / sqrt(in): PEFT's kaiming_uniform_ with a = sqrt(5) (He et al. 2015,
 * arXiv:1502.01852: a bound of sqrt(6 / ((1 + a^2) in))). */
static void init_values(tj_lora *a, uint64_t seed)
{
    for (size_t l = 0; l < a->n_layers; l++) {
        for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
            double bound = 1.0 / sqrt((double)a->in[t]);
            float *w = a->weights + a->at[l].a[t];
            tj_rng rng;
            tj_rng_init(&rng, seed, STREAM_LORA, l, t);
            for (size_t i = 0; a->cfg.targets[t] && i < a->cfg.rank * a->in[t]; i++) {
                w[i] = (float)(bound * (2.0 * tj_rng_double(&rng) - 1.0));
            }
        }
    }
}

static void add_param(tj_param *p, tj_lora *a, size_t layer, tj_lora_target t, char which)
{
    bool is_a = which == 'A';
    tj_lora_name(p->name, layer, t, which);
    p->shape[0] = is_a ? a->cfg.rank : a->out[t];
    p->shape[1] = is_a ? a->in[t] : a->cfg.rank;
    p->n = p->shape[0] * p->shape[1];
    p->weight = a->weights + (is_a ? a->at[layer].a[t] : a->at[layer].b[t]);
    p->trainable = true;
    p->decay = true;
}

tj_code tj_model_put_lora(tj_model *m, tj_lora *lora, tj_err *err)
{
    size_t n = 0;
    if (m->is_frozen || m->lora != NULL) {
        return tj_fail(err, TJ_E_INVAL,
                       m->is_frozen ? "a model that was opened for generation takes no adapters"
                                    : "the model has adapters already");
    }
    for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
        n += lora->cfg.targets[t] ? 2 * m->cfg.n_layers : 0;
    }
    tj_param *params = tj_calloc(m->n_params + n, sizeof *params);
    if (params == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot add %zu parameters", n);
    }
    memcpy(params, m->params, m->n_params * sizeof *params);
    for (size_t i = 0; i < m->n_params; i++) {
        params[i].trainable = false;
        params[i].grad = NULL;
    }
    tj_free(m->params);
    m->params = params;
    m->lora = lora;
    for (size_t l = 0; l < m->cfg.n_layers; l++) {
        for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
            if (lora->cfg.targets[t]) {
                add_param(&m->params[m->n_params++], lora, l, (tj_lora_target)t, 'A');
                add_param(&m->params[m->n_params++], lora, l, (tj_lora_target)t, 'B');
            }
        }
    }
    tj_model_drop_grads(m);
    tj_model_drop_products(m); /* gate and up, and o's gradient, are now summed in f32 */
    return tj_model_refresh(m, err);
}

tj_code tj_model_add_lora(tj_model *m, const tj_lora_config *cfg, uint64_t seed, tj_err *err)
{
    tj_lora *lora;
    tj_code rc = tj_lora_create(&lora, &m->cfg, cfg, err);
    if (rc == TJ_OK) {
        init_values(lora, seed);
        rc = tj_model_put_lora(m, lora, err);
    }
    if (rc != TJ_OK) {
        tj_lora_destroy(lora);
    }
    return rc;
}

const tj_lora_config *tj_model_lora(const tj_model *m)
{
    return m->lora == NULL ? NULL : &m->lora->cfg;
}

tj_code tj_model_merge_lora(tj_model *m, tj_err *err)
{
    if (m->lora == NULL) {
        return tj_fail(err, TJ_E_INVAL, "the model has no adapters to merge");
    }
    tj_par_for(m->cfg.n_layers * TJ_N_LORA_TARGETS, merge_item, m);
    tj_lora_destroy(m->lora);
    m->lora = NULL;
    m->n_params = m->n_base;
    for (size_t i = 0; i < m->n_params; i++) {
        m->params[i].trainable = true;
        m->params[i].grad = NULL;
    }
    tj_model_drop_grads(m);
    tj_model_drop_products(m);
    return tj_model_refresh(m, err);
}

const char *tj_lora_base_digest(const tj_model *m)
{
    if (m->lora->base_digest[0] == '\0') { /* they are frozen: once will do */
        tj_model_digest_params(m, tj_model_n_frozen(m), m->lora->base_digest);
    }
    return m->lora->base_digest;
}
