/* Weights, their names, and the copies that products read. */
#include "nn/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "base/rng.h"
#include "nn/blocks.h"
#include "nn/lora.h"
#include "nn/source.h"

#define N_VALUE_PARAMS 2 /* of a value head, the slab's last: weight and bias */

/* ------------------------------------------------------------------ layout of the slab */

typedef struct builder {
    tj_model *m;
    size_t at; /* next free value */
} builder;

static size_t add_param(builder *b, const char *name, size_t rows, size_t cols, bool decay)
{
    size_t at = b->at;
    if (b->m->params != NULL) {
        tj_param *p = &b->m->params[b->m->n_params];
        snprintf(p->name, sizeof p->name, "%s", name);
        p->shape[0] = rows;
        p->shape[1] = cols;
        p->n = rows * cols;
        p->weight = b->m->weights + at;
        p->trainable = true;
        p->decay = decay;
    }
    b->m->n_params++;
    b->at += rows * cols;
    return at;
}

/* What a model for generation only reads where it stands in the file. */
static size_t add_matrix(builder *b, const char *name, size_t rows, size_t cols)
{
    return b->m->is_frozen ? b->at : add_param(b, name, rows, cols, true);
}

/* Of a layer: what decays is a matrix. */
static size_t add_layer_param(builder *b, size_t layer, const char *name, size_t rows, size_t cols,
                              bool decay)
{
    char full[sizeof(((tj_param *)0)->name)];
    snprintf(full, sizeof full, "model.layers.%zu.%s", layer, name);
    return decay ? add_matrix(b, full, rows, cols) : add_param(b, full, rows, cols, false);
}

static void align(builder *b) /* groups begin on a cache line */
{
    b->at = (b->at + 15) / 16 * 16;
}

static void add_layer(builder *b, size_t l)
{
    tj_model *m = b->m;
    const tj_model_config *c = &m->cfg;
    tj_layer_at *at = &m->at[l];
    at->norm1 = add_layer_param(b, l, "input_layernorm.weight", 1, c->width, false);
    align(b);
    at->qkv = add_layer_param(b, l, "self_attn.q_proj.weight", m->q_width, c->width, true);
    add_layer_param(b, l, "self_attn.k_proj.weight", m->kv_width, c->width, true);
    add_layer_param(b, l, "self_attn.v_proj.weight", m->kv_width, c->width, true);
    align(b);
    if (c->qkv_bias) {
        at->qkv_bias = add_layer_param(b, l, "self_attn.q_proj.bias", 1, m->q_width, false);
        add_layer_param(b, l, "self_attn.k_proj.bias", 1, m->kv_width, false);
        add_layer_param(b, l, "self_attn.v_proj.bias", 1, m->kv_width, false);
        align(b);
    }
    if (c->qk_norm) {
        at->q_norm = add_layer_param(b, l, "self_attn.q_norm.weight", 1, c->head_dim, false);
        align(b);
        at->k_norm = add_layer_param(b, l, "self_attn.k_norm.weight", 1, c->head_dim, false);
        align(b);
    }
    at->o = add_layer_param(b, l, "self_attn.o_proj.weight", c->width, m->q_width, true);
    align(b);
    if (c->post_norms) {
        at->post1 = add_layer_param(b, l, "post_attention_layernorm.weight", 1, c->width, false);
        align(b);
    }
    at->norm2 = add_layer_param(b, l,
                                c->post_norms ? "pre_feedforward_layernorm.weight"
                                              : "post_attention_layernorm.weight",
                                1, c->width, false);
    align(b);
    at->gu = add_layer_param(b, l, "mlp.gate_proj.weight", c->ffn_width, c->width, true);
    add_layer_param(b, l, "mlp.up_proj.weight", c->ffn_width, c->width, true);
    align(b);
    at->down = add_layer_param(b, l, "mlp.down_proj.weight", c->width, c->ffn_width, true);
    align(b);
    if (c->post_norms) {
        at->post2 = add_layer_param(b, l, "post_feedforward_layernorm.weight", 1, c->width, false);
        align(b);
    }
}

/* Run twice: first, with no params array, to count. */
static void build(tj_model *m)
{
    const tj_model_config *c = &m->cfg;
    builder b = {.m = m};
    m->n_params = 0;
    m->at_embed = add_matrix(&b, "model.embed_tokens.weight", c->n_vocab, c->width);
    align(&b);
    for (size_t l = 0; l < c->n_layers; l++) {
        add_layer(&b, l);
    }
    m->at_norm = add_param(&b, "model.norm.weight", 1, c->width, false);
    align(&b);
    m->at_head = m->at_embed;
    if (!c->tied_embedding) {
        m->at_head = add_matrix(&b, "lm_head.weight", c->n_vocab, c->width);
        align(&b);
    }
    if (c->value_head) {
        m->at_value = add_param(&b, "value_head.weight", 1, c->width, true);
        align(&b);
        m->at_value_bias = add_param(&b, "value_head.bias", 1, 1, false);
        align(&b);
    }
    m->n_slab = b.at;
}

/* Where the CPU multiplies pairs in registers, a block of the gradient stays in the second cache
 * while all tokens pass by; in larger ones the operands' way into tiles or kernels is shared by
 * more rows. A multiple of a panel's rows if there is one. */
size_t tj_model_dw_block(size_t out)
{
    const tj_kernels *k = tj_kernels_get();
    size_t limit = tj_par_threads() <= 4 ? 512 : 256;
    size_t step = out % 16 == 0 ? 16 : 1;
    size_t best = step;
    limit = k->pairs && !k->tiles ? 128 : limit;
    for (size_t b = step; b <= limit && b <= out; b += step) {
        best = out % b == 0 ? b : best;
    }
    return best;
}

/* Values from a row to the next of an array whose columns are read for weight gradients. Rows that
 * lie a multiple of a kilobyte apart fall on the same few lines of a cache: they are moved off. */
static size_t row_stride(size_t width)
{
    return width % 256 == 0 ? width + 16 : width;
}

static void set_shapes(tj_model *m)
{
    const tj_model_config *c = &m->cfg;
    m->elem = m->dtype == TJ_BF16 ? 2 : 4;
    m->tile = c->width <= TJ_NARROW ? TJ_TILE_NARROW : TJ_TILE_WIDE;
    m->embed_scale = c->embed_scale > 0.0 ? (float)c->embed_scale : 1.0F;
    m->norm_plus = c->norm_plus_one ? 1.0F : 0.0F;
    m->k = tj_kernels_get();
    m->pk = tj_panel_kernels_get();
    m->q_width = c->n_heads * c->head_dim;
    m->kv_width = c->n_kv_heads * c->head_dim;
    m->qkv_width = m->q_width + 2 * m->kv_width;
    m->mat[TJ_MAT_QKV] = (tj_mat_shape){.out = m->qkv_width, .in = c->width};
    m->mat[TJ_MAT_O] = (tj_mat_shape){.out = c->width, .in = m->q_width};
    m->mat[TJ_MAT_GU] = (tj_mat_shape){.out = 2 * c->ffn_width, .in = c->width};
    m->mat[TJ_MAT_DOWN] = (tj_mat_shape){.out = c->width, .in = c->ffn_width};
    for (size_t i = 0; i < TJ_N_MATS; i++) {
        m->mat[i].block = tj_model_dw_block(m->mat[i].out);
        m->mat[i].ld = m->mat[i].out;
    }
    m->gu_ld = row_stride(2 * c->ffn_width);
    m->logits_ld = row_stride(c->n_vocab);
    m->mat[TJ_MAT_GU].ld = m->gu_ld;
    m->chunk = c->n_vocab <= TJ_HEAD_CHUNK_MAX ? c->n_vocab : TJ_HEAD_CHUNK;
    m->n_chunks = (c->n_vocab + m->chunk - 1) / m->chunk;
    m->last_chunk = c->n_vocab - (m->n_chunks - 1) * m->chunk;
}

tj_code tj_model_create_empty(tj_model **out, const tj_model_config *cfg, tj_dtype compute,
                              bool frozen, tj_err *err)
{
    *out = NULL;
    tj_code rc = tj_model_config_check(cfg, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (compute == TJ_BF16 && !tj_gemm_has_bf16()) {
        return tj_fail(err, TJ_E_INVAL, "this CPU has no bf16 products: compute in f32");
    }
    tj_model *m = tj_calloc(1, sizeof *m);
    if (m == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a model");
    }
    m->cfg = *cfg;
    m->dtype = compute;
    m->is_frozen = frozen;
    m->stale_fwd = true;
    m->stale_bwd = true;
    m->stale_gen = !frozen;
    set_shapes(m);
    build(m);
    size_t n_params = m->n_params;
    m->weights = tj_aligned_array(m->n_slab, sizeof *m->weights);
    m->params = tj_calloc(n_params, sizeof *m->params);
    m->packed_fwd = tj_calloc(cfg->n_layers * TJ_N_MATS, sizeof(void *));
    m->packed_bwd = tj_calloc(cfg->n_layers * TJ_N_MATS, sizeof(void *));
    m->gen = tj_calloc(cfg->n_layers * TJ_N_GEN, sizeof *m->gen);
    m->packed_head_fwd = tj_calloc(m->n_chunks, sizeof(void *));
    m->packed_head_bwd = tj_calloc(m->n_chunks, sizeof(void *));
    if (m->weights == NULL || m->params == NULL || m->packed_fwd == NULL || m->packed_bwd == NULL ||
        m->gen == NULL || m->packed_head_fwd == NULL || m->packed_head_bwd == NULL) {
        size_t n_weights = m->n_slab;
        tj_model_destroy(m);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a model of %zu weights", n_weights);
    }
    build(m);
    m->n_base = m->n_params;
    *out = m;
    return TJ_OK;
}

static bool is_norm_name(const char *name)
{
    size_t n = strlen(name);
    const char *tail = "norm.weight";
    return n >= strlen(tail) && strcmp(name + n - strlen(tail), tail) == 0;
}

/* Normal weights; the projections that write to the residual stream are scaled down by
 * sqrt(2 L), as in GPT-2 (Radford et al. 2019, sec. 2.3); norms multiply by 1 at
 * first, biases are 0. */
static void init_weights(tj_model *m, uint64_t seed)
{
    double residual = m->cfg.init_std / sqrt(2.0 * (double)m->cfg.n_layers);
    for (size_t i = 0; i < m->n_params; i++) {
        tj_param *p = &m->params[i];
        if (!p->decay) {
            for (size_t j = 0; j < p->n; j++) {
                p->weight[j] = is_norm_name(p->name) ? 1.0F - m->norm_plus : 0.0F;
            }
            continue;
        }
        bool is_residual =
            strstr(p->name, "o_proj") != NULL || strstr(p->name, "down_proj") != NULL;
        double std = is_residual ? residual : m->cfg.init_std;
        tj_rng rng;
        tj_rng_init(&rng, seed, 0, 0, i);
        for (size_t j = 0; j < p->n; j++) {
            p->weight[j] = (float)(std * tj_rng_normal(&rng));
        }
    }
}

tj_code tj_model_create(tj_model **out, const tj_model_config *cfg, tj_dtype compute, uint64_t seed,
                        tj_err *err)
{
    tj_code rc = tj_model_create_empty(out, cfg, compute, false, err);
    if (rc == TJ_OK) {
        init_weights(*out, seed);
    }
    return rc;
}

static void destroy_gemms(tj_gemm **gemms, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tj_gemm_destroy(gemms[i]);
        gemms[i] = NULL;
    }
}

static void free_copies(void **copies, size_t n)
{
    for (size_t i = 0; copies != NULL && i < n; i++) {
        tj_free(copies[i]);
        copies[i] = NULL;
    }
}

void tj_model_drop_products(tj_model *m)
{
    destroy_gemms(m->fwd, TJ_N_MATS);
    destroy_gemms(m->bwd, TJ_N_MATS);
    destroy_gemms(m->dw, TJ_N_MATS);
    destroy_gemms(m->head_fwd, 2);
    destroy_gemms(m->head_bwd, 2);
    destroy_gemms(m->head_dw, 2);
    free_copies(m->packed_fwd, m->cfg.n_layers * TJ_N_MATS);
    free_copies(m->packed_bwd, m->cfg.n_layers * TJ_N_MATS);
    free_copies(m->packed_head_fwd, m->n_chunks);
    free_copies(m->packed_head_bwd, m->n_chunks);
    m->ready_fwd = false;
    m->ready_bwd = false;
}

void tj_model_drop_grads(tj_model *m)
{
    tj_free(m->grads);
    tj_free(m->lookup_grad);
    tj_free(m->looked_up);
    tj_free(m->value_grads);
    m->grads = NULL;
    m->lookup_grad = NULL;
    m->looked_up = NULL;
    m->value_grads = NULL;
}

void tj_model_destroy(tj_model *m)
{
    if (m == NULL) {
        return;
    }
    tj_lora_destroy(m->lora);
    tj_model_drop_products(m);
    tj_model_drop_grads(m);
    tj_free(m->packed_fwd);
    tj_free(m->packed_bwd);
    tj_free(m->packed_head_fwd);
    tj_free(m->packed_head_bwd);
    for (size_t i = 0; i < TJ_MAX_ROPE; i++) {
        tj_free(m->rope[i]);
    }
    tj_free(m->params);
    tj_free(m->weights);
    for (size_t i = 0; m->gen != NULL && i < m->cfg.n_layers * TJ_N_GEN; i++) {
        tj_panels_deinit(&m->gen[i]);
    }
    tj_free(m->gen);
    tj_panels_deinit(&m->gen_head);
    tj_source_close(m->source);
    tj_free(m);
}

/* ------------------------------------------------------------------ access */

const tj_model_config *tj_model_cfg(const tj_model *m)
{
    return &m->cfg;
}

tj_dtype tj_model_compute(const tj_model *m)
{
    return m->dtype;
}

tj_dtype tj_dtype_best(void)
{
    return tj_gemm_has_bf16() ? TJ_BF16 : TJ_F32;
}

const char *tj_dtype_name(tj_dtype dtype)
{
    return dtype == TJ_BF16 ? "bf16" : "f32";
}

const char *tj_isa_name(void)
{
    return tj_kernels_get()->isa;
}

tj_param *tj_model_params(tj_model *m, size_t *n_params)
{
    *n_params = m->n_params;
    return m->params;
}

size_t tj_model_n_trainable(const tj_model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_params; i++) {
        n += m->params[i].trainable ? m->params[i].n : 0;
    }
    return n;
}

bool tj_model_trains(const tj_model *m)
{
    return m->grads != NULL || (m->lora != NULL && m->lora->grads != NULL);
}

bool tj_model_adapts(const tj_model *m, tj_mat mat)
{
    return m->lora != NULL && m->lora->width[mat] > 0;
}

float *tj_model_value_grads(const tj_model *m)
{
    return m->grads != NULL ? m->grads + m->at_value : m->value_grads;
}

size_t tj_model_n_frozen(const tj_model *m)
{
    if (m->lora == NULL) {
        return 0;
    }
    bool head = m->cfg.value_head && (m->params[m->n_base - N_VALUE_PARAMS].trainable ||
                                      m->params[m->n_base - 1].trainable);
    return m->n_base - (head ? N_VALUE_PARAMS : 0);
}

static bool is_of_value_head(const tj_model *m, const tj_param *p)
{
    return m->cfg.value_head && p->weight >= m->weights + m->at_value &&
           p->weight < m->weights + m->n_slab;
}

static float *grad_of(const tj_model *m, const tj_param *p, bool is_base)
{
    if (!is_base) {
        return m->lora->grads + (p->weight - m->lora->weights);
    }
    return m->grads != NULL ? m->grads + (p->weight - m->weights)
                            : m->value_grads + (p->weight - (m->weights + m->at_value));
}

static void point_to_grads(tj_model *m) /* frozen parameters have none, as nn.h says */
{
    for (size_t i = 0; i < m->n_params; i++) {
        tj_param *p = &m->params[i];
        p->grad = p->trainable ? grad_of(m, p, i < m->n_base) : NULL;
    }
}

static tj_code check_trainable(const tj_model *m, tj_err *err)
{
    return m->is_frozen ? tj_fail(err, TJ_E_INVAL,
                                  "the model was opened for generation, with weights as its file "
                                  "holds them")
                        : TJ_OK;
}

/* Those that are missing: a value head may be said to be trainable after the others were made. */
static tj_code make_lora_grads(tj_model *m, tj_err *err)
{
    bool head = false;
    for (size_t i = 0; i < m->n_base; i++) {
        const tj_param *p = &m->params[i];
        if (p->trainable && !is_of_value_head(m, p)) {
            return tj_fail(err, TJ_E_INVAL, "%s is to be trained, but lies below adapters",
                           p->name);
        }
        head = head || p->trainable;
    }
    size_t n_head = head ? m->n_slab - m->at_value : 0;
    if (head && m->value_grads == NULL) {
        m->value_grads = tj_aligned_array(n_head, sizeof *m->value_grads);
    }
    if (m->lora->grads == NULL) {
        m->lora->grads = tj_aligned_array(m->lora->n_slab, sizeof *m->lora->grads);
    }
    return m->lora->grads != NULL && (!head || m->value_grads != NULL)
               ? TJ_OK
               : tj_fail(err, TJ_E_NOMEM, "cannot allocate gradients of %zu weights",
                         m->lora->n_slab + n_head);
}

static tj_code make_base_grads(tj_model *m, tj_err *err)
{
    m->grads = tj_aligned_array(m->n_slab, sizeof *m->grads);
    if (m->grads != NULL && m->cfg.tied_embedding) {
        m->lookup_grad = tj_aligned_array(m->cfg.n_vocab * m->cfg.width, sizeof *m->lookup_grad);
        m->looked_up = tj_calloc(m->cfg.n_vocab, sizeof *m->looked_up);
    }
    if (m->grads == NULL ||
        (m->cfg.tied_embedding && (m->lookup_grad == NULL || m->looked_up == NULL))) {
        tj_model_drop_grads(m);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate gradients of %zu weights", m->n_slab);
    }
    return TJ_OK;
}

tj_code tj_model_make_grads(tj_model *m, tj_err *err)
{
    tj_code rc = check_trainable(m, err);
    if (rc == TJ_OK) {
        tj_model_zero_grads(m); /* of before */
    }
    if (rc == TJ_OK && m->lora != NULL) {
        rc = make_lora_grads(m, err);
    } else if (rc == TJ_OK && m->grads == NULL) {
        rc = make_base_grads(m, err);
    }
    if (rc == TJ_OK) {
        point_to_grads(m);
    }
    return rc;
}

void tj_model_zero_grads(tj_model *m)
{
    if (m->grads != NULL) {
        memset(m->grads, 0, m->n_slab * sizeof *m->grads);
    }
    if (m->lookup_grad != NULL) {
        memset(m->lookup_grad, 0, m->cfg.n_vocab * m->cfg.width * sizeof *m->lookup_grad);
        memset(m->looked_up, 0, m->cfg.n_vocab * sizeof *m->looked_up);
    }
    if (m->value_grads != NULL) {
        memset(m->value_grads, 0, (m->n_slab - m->at_value) * sizeof *m->value_grads);
    }
    if (m->lora != NULL && m->lora->grads != NULL) {
        memset(m->lora->grads, 0, m->lora->n_slab * sizeof *m->lora->grads);
    }
}

void tj_model_join_grads(tj_model *m)
{
    if (m->lookup_grad == NULL) {
        return;
    }
    size_t width = m->cfg.width;
    for (size_t v = 0; v < m->cfg.n_vocab; v++) {
        if (m->looked_up[v]) {
            float *row = m->lookup_grad + v * width;
            m->k->add(m->grads + m->at_embed + v * width, row, width);
            memset(row, 0, width * sizeof *row);
            m->looked_up[v] = false;
        }
    }
}

tj_code tj_model_refresh(tj_model *m, tj_err *err)
{
    (void)err;
    m->stale_fwd = true;
    m->stale_bwd = true;
    if (m->lora != NULL) {
        m->lora->base_digest[0] = '\0';
    }
    tj_model_trained(m);
    return TJ_OK;
}

void tj_model_trained(tj_model *m)
{
    m->stale_fwd = m->stale_fwd || m->grads != NULL;
    m->stale_bwd = m->stale_bwd || m->grads != NULL;
    m->stale_gen = !m->is_frozen;
    if (m->lora != NULL) {
        m->lora->products.stale = true;
        m->lora->products.stale_bwd = true;
    }
}

/* ------------------------------------------------------------------ products and copies */

tj_gemm_spec tj_model_fwd_spec(const tj_model *m, size_t in, size_t out)
{
    return (tj_gemm_spec){.m = m->tile,
                          .k = in,
                          .n = out,
                          .lda = in,
                          .ldc = out,
                          .b_stride_k = 1,
                          .b_stride_n = in,
                          .b_weights = true,
                          .dtype = m->dtype,
                          .out = TJ_F32};
}

tj_gemm_spec tj_model_bwd_spec(const tj_model *m, size_t in, size_t out)
{
    tj_gemm_spec spec = tj_model_fwd_spec(m, out, in);
    spec.b_stride_k = in;
    spec.b_stride_n = 1;
    return spec;
}

tj_gemm_spec tj_model_dw_spec(const tj_model *m, size_t in, size_t rows)
{
    return (tj_gemm_spec){.m = rows,
                          .k = m->tile,
                          .n = in,
                          .ldc = in,
                          .b_stride_k = in,
                          .b_stride_n = 1,
                          .a_transposed = true,
                          .accumulate = true,
                          .dtype = m->dtype,
                          .out = TJ_F32};
}

/* The last chunk of the vocabulary may be short: a second shape. */
static size_t n_chunk_kinds(const tj_model *m)
{
    return m->last_chunk != m->chunk ? 2 : 1;
}

static size_t chunk_of_kind(const tj_model *m, size_t kind)
{
    return kind == 1 || m->n_chunks == 1 ? m->last_chunk : m->chunk;
}

static tj_code make_forward(tj_model *m, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < TJ_N_MATS && rc == TJ_OK; i++) {
        tj_gemm_spec spec = tj_model_fwd_spec(m, m->mat[i].in, m->mat[i].out);
        spec.out = i == TJ_MAT_GU && !tj_model_adapts(m, TJ_MAT_GU) ? m->dtype : TJ_F32;
        spec.ldc = m->mat[i].ld;
        rc = m->fwd[i] != NULL ? TJ_OK : tj_gemm_create(&m->fwd[i], &spec, err);
    }
    for (size_t i = 0; i < n_chunk_kinds(m) && rc == TJ_OK; i++) {
        tj_gemm_spec spec = tj_model_fwd_spec(m, m->cfg.width, chunk_of_kind(m, i));
        spec.ldc = m->logits_ld;
        rc = m->head_fwd[i] != NULL ? TJ_OK : tj_gemm_create(&m->head_fwd[i], &spec, err);
    }
    return rc;
}

static const float *mat_weights(const tj_model *m, size_t layer, size_t mat)
{
    const tj_layer_at *at = &m->at[layer];
    const size_t offset[TJ_N_MATS] = {at->qkv, at->o, at->gu, at->down};
    return m->weights + offset[mat];
}

typedef struct pack_job {
    tj_model *m;
    bool directions[2]; /* forward, backward */
    tj_code rc[TJ_MAX_THREADS];
} pack_job;

/* A matrix that products read: layers' matrices first, then the chunks of the output embedding. */
typedef struct operand {
    const tj_gemm *gemm;
    const float *weights;
    void **copy; /* what the product reads in place of the weights; *copy NULL: the weights */
} operand;

static operand get_operand(const tj_model *m, bool backward, size_t item)
{
    size_t n_mats = m->cfg.n_layers * TJ_N_MATS;
    if (item < n_mats) {
        size_t mat = item % TJ_N_MATS;
        return (operand){backward ? m->bwd[mat] : m->fwd[mat],
                         mat_weights(m, item / TJ_N_MATS, mat),
                         &(backward ? m->packed_bwd : m->packed_fwd)[item]};
    }
    size_t chunk = item - n_mats;
    size_t kind = tj_model_chunk_kind(m, chunk);
    return (operand){backward ? m->head_bwd[kind] : m->head_fwd[kind],
                     m->weights + m->at_head + chunk * m->chunk * m->cfg.width,
                     &(backward ? m->packed_head_bwd : m->packed_head_fwd)[chunk]};
}

static size_t n_operands(const tj_model *m)
{
    return m->cfg.n_layers * TJ_N_MATS + m->n_chunks;
}

const void *tj_model_layer_operand(const tj_model *m, bool backward, size_t layer, tj_mat mat)
{
    const operand o = get_operand(m, backward, layer * TJ_N_MATS + mat);
    return *o.copy != NULL ? *o.copy : o.weights;
}

const void *tj_model_head_operand(const tj_model *m, bool backward, size_t chunk)
{
    const operand o = get_operand(m, backward, m->cfg.n_layers * TJ_N_MATS + chunk);
    return *o.copy != NULL ? *o.copy : o.weights;
}

static void pack_item(void *ctx, size_t item, size_t thread)
{
    pack_job *job = ctx;
    for (size_t i = 0; i < 2; i++) {
        if (job->directions[i]) {
            const operand o = get_operand(job->m, i == 1, item);
            tj_code rc =
                *o.copy == NULL ? TJ_OK : tj_gemm_pack(o.gemm, thread, *o.copy, o.weights, NULL);
            job->rc[thread] = rc != TJ_OK ? rc : job->rc[thread];
        }
    }
}

/* Copies that are stale, both of a matrix in turn: it is fetched from memory once. */
static tj_code pack_stale(tj_model *m, tj_err *err)
{
    pack_job job = {.m = m,
                    .directions = {m->ready_fwd && m->stale_fwd, m->ready_bwd && m->stale_bwd}};
    if (!job.directions[0] && !job.directions[1]) {
        return TJ_OK;
    }
    tj_par_for(n_operands(m), pack_item, &job);
    for (size_t i = 0; i < TJ_MAX_THREADS; i++) {
        if (job.rc[i] != TJ_OK) {
            return tj_fail(err, job.rc[i], "cannot pack the weights for products");
        }
    }
    m->stale_fwd = m->stale_fwd && !job.directions[0];
    m->stale_bwd = m->stale_bwd && !job.directions[1];
    return TJ_OK;
}

static tj_code alloc_packed(const tj_model *m, bool backward, tj_err *err)
{
    for (size_t i = 0; i < n_operands(m); i++) {
        const operand o = get_operand(m, backward, i);
        size_t bytes = tj_gemm_packed_bytes(o.gemm);
        if (bytes > 0 && *o.copy == NULL) {
            *o.copy = tj_aligned_array(bytes, 1);
            if (*o.copy == NULL) {
                return tj_fail(err, TJ_E_NOMEM, "cannot allocate the packed weights");
            }
        }
    }
    return TJ_OK;
}

tj_code tj_model_need_forward(tj_model *m, tj_err *err)
{
    tj_code rc = check_trainable(m, err);
    if (rc == TJ_OK && !m->ready_fwd) {
        rc = make_forward(m, err);
        if (rc == TJ_OK) {
            rc = alloc_packed(m, false, err);
        }
        m->ready_fwd = rc == TJ_OK;
    }
    if (rc == TJ_OK) {
        rc = pack_stale(m, err);
    }
    return rc == TJ_OK && m->lora != NULL ? tj_lora_need(m, false, err) : rc;
}

static tj_code make_backward(tj_model *m, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < TJ_N_MATS && rc == TJ_OK; i++) {
        const tj_mat_shape *s = &m->mat[i];
        tj_gemm_spec bwd = tj_model_bwd_spec(m, s->in, s->out);
        bwd.out = i == TJ_MAT_O && !tj_model_adapts(m, TJ_MAT_O) ? m->dtype : TJ_F32;
        bwd.lda = s->ld;
        tj_gemm_spec dw = tj_model_dw_spec(m, s->in, s->block);
        dw.lda = s->ld;
        dw.a_put = true;
        dw.b_put = true;
        rc = m->bwd[i] != NULL ? TJ_OK : tj_gemm_create(&m->bwd[i], &bwd, err);
        if (rc == TJ_OK && m->dw[i] == NULL && m->grads != NULL) {
            rc = tj_gemm_create(&m->dw[i], &dw, err);
        }
    }
    /* Derivatives of logits stand in the f32 logits' own memory: bf16 rows are then twice as far
     * apart as their length. */
    size_t ld = m->logits_ld * (m->dtype == TJ_BF16 ? 2 : 1);
    for (size_t i = 0; i < n_chunk_kinds(m) && rc == TJ_OK; i++) {
        size_t n = chunk_of_kind(m, i);
        tj_gemm_spec bwd = tj_model_bwd_spec(m, m->cfg.width, n);
        bwd.lda = ld;
        bwd.accumulate = true;
        tj_gemm_spec dw = tj_model_dw_spec(m, m->cfg.width, n);
        dw.lda = ld;
        dw.b_put = m->last_chunk % 16 == 0; /* for both kinds; of A a copy would be too large */
        rc = m->head_bwd[i] != NULL ? TJ_OK : tj_gemm_create(&m->head_bwd[i], &bwd, err);
        if (rc == TJ_OK && m->head_dw[i] == NULL && m->grads != NULL) {
            rc = tj_gemm_create(&m->head_dw[i], &dw, err);
        }
    }
    return rc;
}

tj_code tj_model_need_backward(tj_model *m, tj_err *err)
{
    if (!tj_model_trains(m)) {
        return tj_fail(err, TJ_E_INVAL, "the model has no gradients to add to");
    }
    tj_code rc = TJ_OK;
    if (!m->ready_bwd) {
        rc = make_backward(m, err);
        if (rc == TJ_OK) {
            rc = alloc_packed(m, true, err);
        }
        m->ready_bwd = rc == TJ_OK;
    }
    if (rc == TJ_OK) {
        rc = pack_stale(m, err);
    }
    return rc == TJ_OK && m->lora != NULL ? tj_lora_need(m, true, err) : rc;
}

/* ------------------------------------------------------------------ generation */

tj_mat_shape tj_model_gen_shape(const tj_model *m, tj_gen_mat mat)
{
    size_t width = m->cfg.width;
    size_t ffn = m->cfg.ffn_width;
    switch (mat) {
    case TJ_GEN_Q:
        return (tj_mat_shape){.out = m->q_width, .in = width};
    case TJ_GEN_K:
    case TJ_GEN_V:
        return (tj_mat_shape){.out = m->kv_width, .in = width};
    case TJ_GEN_O:
        return (tj_mat_shape){.out = width, .in = m->q_width};
    case TJ_GEN_GATE:
    case TJ_GEN_UP:
        return (tj_mat_shape){.out = ffn, .in = width};
    case TJ_GEN_DOWN:
        return (tj_mat_shape){.out = width, .in = ffn};
    case TJ_N_GEN:
        break;
    }
    return (tj_mat_shape){0};
}

float *tj_model_matrix(const tj_model *m, size_t layer, tj_gen_mat mat)
{
    const tj_layer_at *at = &m->at[layer];
    size_t width = m->cfg.width;
    const size_t offset[TJ_N_GEN] = {at->qkv,
                                     at->qkv + m->q_width * width,
                                     at->qkv + (m->q_width + m->kv_width) * width,
                                     at->o,
                                     at->gu,
                                     at->gu + m->cfg.ffn_width * width,
                                     at->down};
    return m->weights + offset[mat];
}

static tj_code make_panels(tj_model *m, tj_err *err)
{
    tj_panel_type type = m->dtype == TJ_BF16 ? TJ_PANEL_BF16 : TJ_PANEL_F32;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < m->cfg.n_layers * TJ_N_GEN && rc == TJ_OK; i++) {
        tj_mat_shape s = tj_model_gen_shape(m, (tj_gen_mat)(i % TJ_N_GEN));
        rc = m->gen[i].bytes != NULL ? TJ_OK : tj_panels_init(&m->gen[i], type, s.out, s.in, err);
    }
    if (rc == TJ_OK && m->gen_head.bytes == NULL) {
        rc = tj_panels_init(&m->gen_head, type, m->cfg.n_vocab, m->cfg.width, err);
    }
    return rc;
}

typedef struct panels_job {
    tj_model *m;
    bool failed[TJ_MAX_THREADS];
} panels_job;

/* A matrix as generation reads it: with its adapters, if it has any, added to a copy. */
static bool pack_matrix(tj_model *m, size_t item)
{
    size_t layer = item / TJ_N_GEN;
    size_t mat = item % TJ_N_GEN;
    const float *w = tj_model_matrix(m, layer, (tj_gen_mat)mat);
    float *merged = NULL;
    if (m->lora != NULL && m->lora->cfg.targets[mat]) {
        size_t in = m->lora->in[mat];
        merged = tj_malloc(m->lora->out[mat] * in * sizeof *merged);
        if (merged == NULL) {
            return false;
        }
        memcpy(merged, w, m->lora->out[mat] * in * sizeof *merged);
        for (size_t row = 0; row < m->lora->out[mat]; row++) {
            tj_lora_add_row(m->lora, layer, (tj_lora_target)mat, row, merged + row * in);
        }
        w = merged;
    }
    for (size_t i = 0; i < m->gen[item].n_panels; i++) {
        tj_panels_pack(&m->gen[item], i, w);
    }
    tj_free(merged);
    return true;
}

static void pack_panels_item(void *ctx, size_t item, size_t thread)
{
    panels_job *job = ctx;
    tj_model *m = job->m;
    if (item < m->cfg.n_layers * TJ_N_GEN) {
        job->failed[thread] = !pack_matrix(m, item) || job->failed[thread];
    } else {
        tj_panels_pack(&m->gen_head, item - m->cfg.n_layers * TJ_N_GEN, m->weights + m->at_head);
    }
}

tj_code tj_model_need_generation(tj_model *m, tj_err *err)
{
    if (!m->stale_gen) {
        return TJ_OK;
    }
    tj_code rc = make_panels(m, err);
    if (rc != TJ_OK) {
        return rc;
    }
    panels_job job = {.m = m};
    tj_par_for(m->cfg.n_layers * TJ_N_GEN + m->gen_head.n_panels, pack_panels_item, &job);
    for (size_t i = 0; i < TJ_MAX_THREADS; i++) {
        if (job.failed[i]) {
            return tj_fail(err, TJ_E_NOMEM, "cannot add the adapters for generation");
        }
    }
    m->stale_gen = false;
    return TJ_OK;
}

void tj_model_embed(const tj_model *m, float *x, int32_t id)
{
    size_t width = m->cfg.width;
    const float *e = x;
    if (m->is_frozen) {
        tj_blocks_to_f32(x, m->embed.bytes + (size_t)id * m->embed.row_bytes, m->embed.type, width);
    } else {
        e = m->weights + m->at_embed + (size_t)id * width;
    }
    for (size_t i = 0; i < width; i++) {
        x[i] = e[i] * m->embed_scale;
    }
}

tj_code tj_model_need_positions(tj_model *m, size_t n, tj_err *err)
{
    if (n <= m->n_positions) {
        return TJ_OK;
    }
    size_t want = n + n / 2 < m->cfg.max_positions ? n + n / 2 : m->cfg.max_positions;
    size_t dim = m->cfg.head_dim;
    for (size_t t = 0; t < m->cfg.n_rope; t++) {
        float *table = tj_realloc(m->rope[t], want * dim, sizeof *table);
        if (table == NULL) {
            return tj_fail(err, TJ_E_NOMEM, "cannot allocate RoPE tables of %zu positions", want);
        }
        m->rope[t] = table;
        double amplitude = tj_rope_amplitude(&m->cfg.rope[t]);
        for (size_t i = 0; i < dim / 2; i++) {
            float freq = (float)tj_rope_frequency(&m->cfg.rope[t], i, dim);
            for (size_t p = m->n_positions; p < want; p++) {
                /* transformers computes the angle in f32, and we follow it */
                double angle = (double)((float)p * freq);
                table[p * dim + i] = (float)(cos(angle) * amplitude);
                table[p * dim + dim / 2 + i] = (float)(sin(angle) * amplitude);
            }
        }
    }
    m->n_positions = want;
    return TJ_OK;
}
