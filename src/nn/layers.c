/* The decoder layers over tiles of rows. A tile goes through a layer in two halves, since
 * attention needs the keys of all earlier tiles:
 *
 *     first half   x -> norm -> q, k, v -> RoPE
 *     second half  attention -> o -> + x -> norm -> gate, up -> silu -> down -> +
 *
 * and the second half of a layer runs together with the first half of the next. Backward runs the
 * halves in the opposite order, with the weight gradients and attention's gradient in between. */
#include <string.h>

#include "nn/lora.h"
#include "nn/pass.h"

typedef struct layer_job {
    tj_pass *p;
    size_t layer;
} layer_job;

static char *at_row(void *act, const tj_model *m, size_t row, size_t width)
{
    return (char *)act + row * width * m->elem;
}

static const float *slab(const tj_model *m, size_t offset)
{
    return m->weights + offset;
}

/* ------------------------------------------------------------------ forward */

static void embed_tile(tj_pass *p, size_t row)
{
    const tj_model *m = p->model;
    size_t width = m->cfg.width;
    float *x = p->layers[0].x + row * width;
    for (size_t i = 0; i < m->tile; i++) {
        if (row + i < p->layout.n_tokens) {
            const float *e = slab(m, m->at_embed) + (size_t)p->layout.ids[row + i] * width;
            for (size_t j = 0; j < width; j++) {
                x[i * width + j] = e[j] * m->embed_scale;
            }
        } else {
            memset(x + i * width, 0, width * sizeof *x);
        }
    }
}

static void norm_heads(const tj_model *m, float *rows, size_t width, size_t col, size_t n_heads,
                       const float *w)
{
    for (size_t i = 0; i < m->tile; i++) {
        float *at = rows + i * width + col;
        m->k->rmsnorm(at, TJ_F32, NULL, at, w, m->norm_plus, m->cfg.norm_eps, n_heads,
                      m->cfg.head_dim);
    }
}

static void first_half(tj_pass *p, size_t layer, size_t row, size_t thread)
{
    const tj_model *m = p->model;
    const tj_layer_at *at = &m->at[layer];
    tj_layer_acts *acts = &p->layers[layer];
    size_t width = m->cfg.width;
    size_t wide = m->qkv_width;
    float *qkv = p->scratch[thread];
    float *xn = qkv + m->tile * wide;
    m->k->rmsnorm(xn, m->dtype, NULL, acts->x + row * width, slab(m, at->norm1), m->norm_plus,
                  m->cfg.norm_eps, m->tile, width);
    tj_gemm_run(m->fwd[TJ_MAT_QKV], thread, xn, tj_model_layer_operand(m, false, layer, TJ_MAT_QKV),
                qkv);
    tj_lora_forward(p, layer, TJ_MAT_QKV, thread, xn, qkv);
    if (m->cfg.qkv_bias) {
        for (size_t i = 0; i < m->tile; i++) {
            m->k->add(qkv + i * wide, slab(m, at->qkv_bias), wide);
        }
    }
    if (m->cfg.qk_norm) {
        m->k->to_act(at_row(acts->raw, m, row, wide), m->dtype, qkv, m->tile * wide);
        norm_heads(m, qkv, wide, 0, m->cfg.n_heads, slab(m, at->q_norm));
        norm_heads(m, qkv, wide, m->q_width, m->cfg.n_kv_heads, slab(m, at->k_norm));
    }
    /* q and k lie side by side: one rotation for both */
    m->k->rope(qkv, wide, p->layout.pos + row, m->rope[m->cfg.layer[layer].rope], m->tile,
               m->cfg.n_heads + m->cfg.n_kv_heads, m->cfg.head_dim, 1.0F);
    m->k->to_act(at_row(acts->qkv, m, row, wide), m->dtype, qkv, m->tile * wide);
}

static tj_attn_args attn_args(tj_pass *p, size_t layer)
{
    tj_layer_acts *acts = &p->layers[layer];
    return (tj_attn_args){.model = p->model,
                          .layout = &p->layout,
                          .attn = &p->model->cfg.layer[layer],
                          .qkv = acts->qkv,
                          .out = acts->att,
                          .lse = acts->lse,
                          .dout = p->dout,
                          .delta = p->delta,
                          .q_rows = p->q_rows,
                          .dout_rows = p->dout_rows,
                          .dqkv = p->dqkv};
}

/* gate and up of a tile; adapters add to them in f32, before they are rounded. */
static void run_gate_up(const tj_pass *p, size_t layer, void *gu, const void *xn, size_t thread)
{
    const tj_model *m = p->model;
    size_t n = 2 * m->cfg.ffn_width;
    bool apart = tj_model_adapts(m, TJ_MAT_GU) && m->dtype != TJ_F32;
    float *exact = apart ? tj_lora_wide(p, thread) : gu;
    tj_gemm_run(m->fwd[TJ_MAT_GU], thread, xn, tj_model_layer_operand(m, false, layer, TJ_MAT_GU),
                exact);
    tj_lora_forward(p, layer, TJ_MAT_GU, thread, xn, exact);
    for (size_t i = 0; apart && i < m->tile; i++) {
        m->k->to_act(at_row(gu, m, i, m->gu_ld), m->dtype, exact + i * m->gu_ld, n);
    }
}

/* What the o (down) projection of a tile gives, before a norm of its own: kept for its gradient
 * where there is such a norm. */
static float *raw_output(const tj_pass *p, float *kept, size_t row, float *scratch)
{
    return p->model->cfg.post_norms ? kept + row * p->model->cfg.width : scratch;
}

/* y = x + raw, or x + norm(raw); scratch [tile, C], which may be raw. */
static void add_output(const tj_model *m, float *y, const float *x, const float *raw, size_t norm,
                       float *scratch)
{
    size_t n = m->tile * m->cfg.width;
    if (m->cfg.post_norms) {
        m->k->rmsnorm(scratch, TJ_F32, NULL, raw, slab(m, norm), m->norm_plus, m->cfg.norm_eps,
                      m->tile, m->cfg.width);
        raw = scratch;
    }
    for (size_t i = 0; i < n; i++) {
        y[i] = x[i] + raw[i];
    }
}

/* With `again`, only what the gradient needs of the activations is computed once more. */
static void second_half(tj_pass *p, size_t layer, size_t row, bool again, size_t thread)
{
    const tj_model *m = p->model;
    const tj_layer_at *at = &m->at[layer];
    tj_layer_acts *acts = &p->layers[layer];
    size_t width = m->cfg.width;
    float *x_mid = acts->x_mid + row * width;
    float *out = p->scratch[thread];
    float *o = raw_output(p, acts->o_raw, row, out);
    tj_attn_args args = attn_args(p, layer);
    tj_attn_forward(&args, row, m->tile, out);
    tj_gemm_run(m->fwd[TJ_MAT_O], thread, at_row(acts->att, m, row, m->q_width),
                tj_model_layer_operand(m, false, layer, TJ_MAT_O), o);
    tj_lora_forward(p, layer, TJ_MAT_O, thread, at_row(acts->att, m, row, m->q_width), o);
    add_output(m, x_mid, acts->x + row * width, o, at->post1, out);
    void *xn = out + m->tile * width;
    void *gu = at_row(acts->gu, m, row, m->gu_ld);
    m->k->rmsnorm(xn, m->dtype, NULL, x_mid, slab(m, at->norm2), m->norm_plus, m->cfg.norm_eps,
                  m->tile, width);
    run_gate_up(p, layer, gu, xn, thread);
    if (again && !m->cfg.post_norms) {
        return;
    }
    void *act = xn; /* which is used up */
    float *down = raw_output(p, acts->down_raw, row, out);
    m->k->glu(act, gu, m->gu_ld, m->dtype, m->cfg.activation, m->tile, m->cfg.ffn_width);
    tj_gemm_run(m->fwd[TJ_MAT_DOWN], thread, act,
                tj_model_layer_operand(m, false, layer, TJ_MAT_DOWN), down);
    tj_lora_forward(p, layer, TJ_MAT_DOWN, thread, act, down);
    if (!again) {
        add_output(m, p->layers[layer + 1].x + row * width, x_mid, down, at->post2, out);
    }
}

/* Item: a tile, the last one first, since attention has the most to do at a tree's end: threads
 * then finish together. Second half of layer - 1, then first half of layer. */
static void forward_item(void *ctx, size_t item, size_t thread)
{
    const layer_job *job = ctx;
    size_t row = (tj_pass_n_tiles(job->p) - 1 - item) * job->p->model->tile;
    if (job->layer == 0) {
        embed_tile(job->p, row);
    } else {
        second_half(job->p, job->layer - 1, row, false, thread);
    }
    if (job->layer < job->p->model->cfg.n_layers) {
        first_half(job->p, job->layer, row, thread);
    }
}

void tj_layers_forward(tj_pass *p)
{
    for (size_t l = 0; l <= p->model->cfg.n_layers; l++) {
        layer_job job = {.p = p, .layer = l};
        tj_par_for(tj_pass_n_tiles(p), forward_item, &job);
    }
}

/* ------------------------------------------------------------------ backward by tiles */

static float *partial(const tj_pass *p, size_t row, size_t offset)
{
    return p->partials + row / p->model->tile * p->partial_width + offset;
}

/* Where a layer's sums over a tile's rows stand in `partials`. */
typedef struct partial_at {
    size_t norm2, norm1, bias, q_norm, k_norm, post1, post2, width;
} partial_at;

static partial_at partial_layout(const tj_model *m)
{
    partial_at at;
    at.norm2 = 0;
    at.norm1 = at.norm2 + m->cfg.width;
    at.bias = at.norm1 + m->cfg.width;
    at.q_norm = at.bias + m->qkv_width;
    at.k_norm = at.q_norm + m->cfg.head_dim;
    at.post1 = at.k_norm + m->cfg.head_dim;
    at.post2 = at.post1 + (m->cfg.post_norms ? m->cfg.width : 0);
    at.width = at.post2 + (m->cfg.post_norms ? m->cfg.width : 0);
    return at;
}

size_t tj_layers_partial_width(const tj_model *m)
{
    return partial_layout(m).width;
}

/* The gradient of the o (down) projection's output, from dx, that of what it was added to. */
static void to_output(const tj_model *m, void *dy, const float *dx, const float *raw, size_t norm,
                      float *dnorm, float *scratch)
{
    size_t n = m->tile * m->cfg.width;
    if (m->cfg.post_norms) {
        memset(scratch, 0, n * sizeof *scratch);
        m->k->rmsnorm_bwd(scratch, dnorm, dx, raw, slab(m, norm), m->norm_plus, m->cfg.norm_eps,
                          m->tile, m->cfg.width);
        dx = scratch;
    }
    m->k->to_act(dy, m->dtype, dx, n);
}

/* A tile's derivatives of what a matrix gave, and what it multiplied, for its weight gradient and
 * its adapters'. */
static void keep_rows(const tj_pass *p, size_t layer, tj_mat mat, size_t row, size_t thread,
                      const void *dy, const void *x)
{
    const tj_model *m = p->model;
    size_t n_rows = p->layout.n_padded;
    tj_lora_keep(p, layer, mat, row, thread, x);
    if (p->put_dy[mat] != NULL) {
        tj_gemm_put_a(m->dw[mat], p->put_dy[mat], m->mat[mat].out, n_rows, row, dy);
        tj_gemm_put_b(m->dw[mat], p->put_x[mat], n_rows, row, x);
    }
}

/* From the gradient of a tile's o projection to that of attention's output, which adapters add to
 * in f32. */
static void o_backward(const tj_pass *p, size_t layer, size_t row, const void *dy, size_t thread)
{
    const tj_model *m = p->model;
    void *dout = at_row(p->dout, m, row, m->q_width);
    bool apart = tj_model_adapts(m, TJ_MAT_O) && m->dtype != TJ_F32;
    float *exact = apart ? tj_lora_wide(p, thread) : dout;
    tj_gemm_run(m->bwd[TJ_MAT_O], thread, dy, tj_model_layer_operand(m, true, layer, TJ_MAT_O),
                exact);
    tj_lora_backward(p, layer, TJ_MAT_O, row, thread, dy, exact);
    keep_rows(p, layer, TJ_MAT_O, row, thread, dy,
              at_row(p->layers[layer].att, m, row, m->q_width));
    if (apart) {
        m->k->to_act(dout, m->dtype, exact, m->tile * m->q_width);
    }
}

/* From the gradient of the layer's output to that of attention's output. */
static void backward_second_half(tj_pass *p, size_t layer, size_t row, size_t thread)
{
    const tj_model *m = p->model;
    const tj_layer_at *at = &m->at[layer];
    tj_layer_acts *acts = &p->layers[layer];
    size_t width = m->cfg.width;
    size_t ffn = m->cfg.ffn_width;
    const partial_at sums = partial_layout(m);
    float *dx = p->dx + row * width;
    float *wide = p->scratch[thread];                           /* [tile, max(F, C)] */
    float *dout = wide + m->tile * (ffn > width ? ffn : width); /* [tile, C] */
    void *gu = at_row(acts->gu, m, row, m->gu_ld);
    void *dgu = at_row(p->dgu, m, row, m->gu_ld);
    void *dy = at_row(p->dx_down, m, row, width);
    const float *x_mid = acts->x_mid + row * width;
    /* y = x_mid + post2(down(act)), act = f(gate) * up */
    to_output(m, dy, dx, raw_output(p, acts->down_raw, row, NULL), at->post2,
              partial(p, row, sums.post2), dout);
    tj_gemm_run(m->bwd[TJ_MAT_DOWN], thread, dy,
                tj_model_layer_operand(m, true, layer, TJ_MAT_DOWN), wide);
    tj_lora_backward(p, layer, TJ_MAT_DOWN, row, thread, dy, wide);
    m->k->glu_bwd(dgu, at_row(p->act, m, row, ffn), gu, m->gu_ld, wide, m->dtype, m->cfg.activation,
                  m->tile, ffn);
    keep_rows(p, layer, TJ_MAT_DOWN, row, thread, dy, at_row(p->act, m, row, ffn));
    /* gate, up = W norm2(x_mid) */
    tj_gemm_run(m->bwd[TJ_MAT_GU], thread, dgu, tj_model_layer_operand(m, true, layer, TJ_MAT_GU),
                wide);
    tj_lora_backward(p, layer, TJ_MAT_GU, row, thread, dgu, wide);
    m->k->rmsnorm(at_row(p->xn, m, row, width), m->dtype, NULL, x_mid, slab(m, at->norm2),
                  m->norm_plus, m->cfg.norm_eps, m->tile, width);
    keep_rows(p, layer, TJ_MAT_GU, row, thread, dgu, at_row(p->xn, m, row, width));
    m->k->rmsnorm_bwd(dx, partial(p, row, sums.norm2), wide, x_mid, slab(m, at->norm2),
                      m->norm_plus, m->cfg.norm_eps, m->tile, width);
    /* x_mid = x + post1(o(att)) */
    void *dmid = at_row(p->dx_o, m, row, width);
    to_output(m, dmid, dx, raw_output(p, acts->o_raw, row, NULL), at->post1,
              partial(p, row, sums.post1), dout);
    o_backward(p, layer, row, dmid, thread);
    tj_attn_args args = attn_args(p, layer);
    tj_attn_prepare(&args, row, m->tile);
}

/* Gradient through q/k norm of one row's heads at `col`; dqkv is overwritten. */
static void norm_heads_bwd(const tj_pass *p, size_t layer, size_t row, size_t col, size_t n_heads,
                           const float *w, float *dw, float *scratch)
{
    const tj_model *m = p->model;
    size_t n = n_heads * m->cfg.head_dim;
    float *raw = scratch;
    float *dx = raw + n;
    float *d = p->dqkv + row * m->qkv_width + col;
    const char *from = at_row(p->layers[layer].raw, m, row, m->qkv_width);
    m->k->from_act(raw, from + col * m->elem, m->dtype, n);
    memset(dx, 0, n * sizeof *dx);
    m->k->rmsnorm_bwd(dx, dw, d, raw, w, m->norm_plus, m->cfg.norm_eps, n_heads, m->cfg.head_dim);
    memcpy(d, dx, n * sizeof *dx);
}

/* From the gradients of q, k and v to that of the layer's input. */
static void backward_first_half(tj_pass *p, size_t layer, size_t row, size_t thread)
{
    const tj_model *m = p->model;
    const tj_layer_at *at = &m->at[layer];
    const partial_at sums = partial_layout(m);
    size_t width = m->cfg.width;
    size_t wide = m->qkv_width;
    float *dqkv = p->dqkv + row * wide;
    float *dxn = p->scratch[thread];
    const float *x = p->layers[layer].x + row * width;
    if (row + m->tile > p->layout.n_tokens) { /* padding belongs to no tree */
        size_t n = p->layout.n_tokens - row;
        memset(dqkv + n * wide, 0, (m->tile - n) * wide * sizeof *dqkv);
    }
    m->k->rope(dqkv, wide, p->layout.pos + row, m->rope[m->cfg.layer[layer].rope], m->tile,
               m->cfg.n_heads + m->cfg.n_kv_heads, m->cfg.head_dim, -1.0F);
    for (size_t i = 0; i < m->tile; i++) {
        if (m->cfg.qk_norm) {
            norm_heads_bwd(p, layer, row + i, 0, m->cfg.n_heads, slab(m, at->q_norm),
                           partial(p, row, sums.q_norm), dxn);
            norm_heads_bwd(p, layer, row + i, m->q_width, m->cfg.n_kv_heads, slab(m, at->k_norm),
                           partial(p, row, sums.k_norm), dxn);
        }
        if (m->cfg.qkv_bias) {
            m->k->add(partial(p, row, sums.bias), dqkv + i * wide, wide);
        }
    }
    void *d = at_row(p->dqkv_act, m, row, wide);
    m->k->to_act(d, m->dtype, dqkv, m->tile * wide);
    tj_gemm_run(m->bwd[TJ_MAT_QKV], thread, d, tj_model_layer_operand(m, true, layer, TJ_MAT_QKV),
                dxn);
    tj_lora_backward(p, layer, TJ_MAT_QKV, row, thread, d, dxn);
    m->k->rmsnorm(at_row(p->xn_qkv, m, row, width), m->dtype, NULL, x, slab(m, at->norm1),
                  m->norm_plus, m->cfg.norm_eps, m->tile, width);
    keep_rows(p, layer, TJ_MAT_QKV, row, thread, d, at_row(p->xn_qkv, m, row, width));
    m->k->rmsnorm_bwd(p->dx + row * width, partial(p, row, sums.norm1), dxn, x, slab(m, at->norm1),
                      m->norm_plus, m->cfg.norm_eps, m->tile, width);
}

typedef struct backward_tiles_job {
    tj_pass *p;
    size_t done_layer; /* whose first half is to be undone; L: none */
    size_t next_layer; /* whose second half is to be undone; L: none */
} backward_tiles_job;

static void backward_tile_item(void *ctx, size_t tile, size_t thread)
{
    const backward_tiles_job *job = ctx;
    size_t n_layers = job->p->model->cfg.n_layers;
    size_t row = tile * job->p->model->tile;
    if (job->done_layer < n_layers) {
        backward_first_half(job->p, job->done_layer, row, thread);
    }
    if (job->next_layer < n_layers) {
        backward_second_half(job->p, job->next_layer, row, thread);
    }
}

/* ------------------------------------------------------------------ weight gradients */

typedef struct dw_task { /* all blocks of one matrix */
    tj_mat mat;
    size_t layer;
    const void *dy; /* act [N, out] */
    const void *x;  /* act [N, in] */
    size_t n_base;  /* blocks of the matrix itself, 0 where it is frozen; its adapters' follow */
} dw_task;

typedef struct middle_job {
    tj_pass *p;
    size_t layer;       /* attention's gradient; L: none */
    size_t n_attention; /* items: a tree and a key-value head */
    dw_task dw[TJ_N_MATS];
    size_t n_dw;
} middle_job;

static size_t n_blocks(const tj_model *m, const dw_task *t)
{
    return t->n_base + tj_lora_n_blocks(m, t->mat);
}

/* One block of rows of a weight's gradient, over all tiles in order. */
static void dw_block(const tj_pass *p, const dw_task *t, size_t block, size_t thread)
{
    const tj_model *m = p->model;
    const tj_mat_shape *s = &m->mat[t->mat];
    const tj_layer_at *at = &m->at[t->layer];
    const size_t offset[TJ_N_MATS] = {at->qkv, at->o, at->gu, at->down};
    if (block >= t->n_base) {
        tj_lora_block(p, t->layer, t->mat, block - t->n_base, thread, t->dy, t->x);
        return;
    }
    float *grad = m->grads + offset[t->mat] + block * s->block * s->in;
    const void *dy = (const char *)t->dy + block * s->block * m->elem;
    const void *x = t->x;
    if (p->put_dy[t->mat] != NULL) {
        dy = tj_gemm_put_block(p->put_dy[t->mat], p->layout.n_padded, block * s->block);
        x = p->put_x[t->mat];
    }
    tj_gemm_sum(m->dw[t->mat], thread, dy, x, grad, tj_pass_n_tiles(p));
}

static void middle_item(void *ctx, size_t item, size_t thread)
{
    const middle_job *job = ctx;
    tj_pass *p = job->p;
    if (item < job->n_attention) {
        tj_attn_args args = attn_args(p, job->layer);
        size_t heads = p->model->cfg.n_kv_heads;
        tj_attn_backward(&args, item / heads, item % heads, p->scratch[thread]);
        return;
    }
    item -= job->n_attention;
    for (size_t i = 0; i < job->n_dw; i++) {
        size_t n = n_blocks(p->model, &job->dw[i]);
        if (item < n) {
            dw_block(p, &job->dw[i], item, thread);
            return;
        }
        item -= n;
    }
}

/* Whether any parameter of the n values at an offset is trained: q, k and v are one matrix, as are
 * gate and up, and one of them may be frozen alone. */
static bool group_trains(const tj_model *m, size_t offset, size_t n)
{
    for (size_t i = 0; m->grads != NULL && i < m->n_base; i++) {
        const tj_param *p = &m->params[i];
        size_t at = (size_t)(p->weight - m->weights);
        if (p->trainable && at >= offset && at < offset + n) {
            return true;
        }
    }
    return false;
}

static void add_dw(middle_job *job, tj_mat mat, size_t layer, const void *dy, const void *x)
{
    const tj_model *m = job->p->model;
    const tj_layer_at *at = &m->at[layer];
    const size_t offset[TJ_N_MATS] = {at->qkv, at->o, at->gu, at->down};
    bool trains = group_trains(m, offset[mat], m->mat[mat].out * m->mat[mat].in);
    dw_task task = {.mat = mat,
                    .layer = layer,
                    .dy = dy,
                    .x = x,
                    .n_base = trains ? m->mat[mat].out / m->mat[mat].block : 0};
    if (n_blocks(m, &task) > 0) {
        job->dw[job->n_dw++] = task;
    }
}

/* Attention's gradient of `layer` beside the weight gradients that are ready by now: that layer's
 * but q/k/v, and q/k/v of the layer above. */
static void run_middle(tj_pass *p, size_t layer)
{
    const tj_model *m = p->model;
    size_t n_layers = m->cfg.n_layers;
    middle_job job = {.p = p, .layer = layer};
    size_t items = 0;
    bool above = layer == SIZE_MAX || layer + 1 < n_layers;
    if (layer != SIZE_MAX) {
        job.n_attention = p->layout.n_trees * m->cfg.n_kv_heads;
        add_dw(&job, TJ_MAT_DOWN, layer, p->dx_down, p->act);
        add_dw(&job, TJ_MAT_GU, layer, p->dgu, p->xn);
        add_dw(&job, TJ_MAT_O, layer, p->dx_o, p->layers[layer].att);
    }
    if (above) {
        add_dw(&job, TJ_MAT_QKV, layer == SIZE_MAX ? 0 : layer + 1, p->dqkv_act, p->xn_qkv);
    }
    items = job.n_attention;
    for (size_t i = 0; i < job.n_dw; i++) {
        items += n_blocks(m, &job.dw[i]);
    }
    tj_par_for(items, middle_item, &job);
}

/* Adds a layer's sums over tiles, in tile order, and clears them; below adapters nobody wants them.
 */
static void join_partials(tj_pass *p, size_t layer, bool second)
{
    const tj_model *m = p->model;
    const tj_layer_at *at = &m->at[layer];
    const partial_at sums = partial_layout(m);
    const struct {
        bool on;
        size_t from, to, n;
    } parts[] = {
        {second, sums.norm2, at->norm2, m->cfg.width},
        {second && m->cfg.post_norms, sums.post1, at->post1, m->cfg.width},
        {second && m->cfg.post_norms, sums.post2, at->post2, m->cfg.width},
        {!second, sums.norm1, at->norm1, m->cfg.width},
        {!second && m->cfg.qkv_bias, sums.bias, at->qkv_bias, m->qkv_width},
        {!second && m->cfg.qk_norm, sums.q_norm, at->q_norm, m->cfg.head_dim},
        {!second && m->cfg.qk_norm, sums.k_norm, at->k_norm, m->cfg.head_dim},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (size_t tile = 0; parts[i].on && tile < tj_pass_n_tiles(p); tile++) {
            float *from = p->partials + tile * p->partial_width + parts[i].from;
            if (m->grads != NULL) {
                m->k->add(m->grads + parts[i].to, from, parts[i].n);
            }
            memset(from, 0, parts[i].n * sizeof *from);
        }
    }
}

/* ------------------------------------------------------------------ recomputation */

static void again_first(void *ctx, size_t tile, size_t thread)
{
    const layer_job *job = ctx;
    first_half(job->p, job->layer, tile * job->p->model->tile, thread);
}

static void again_second(void *ctx, size_t tile, size_t thread)
{
    const layer_job *job = ctx;
    second_half(job->p, job->layer, tile * job->p->model->tile, true, thread);
}

static void recompute(tj_pass *p, size_t layer)
{
    layer_job job = {.p = p, .layer = layer};
    tj_par_for(tj_pass_n_tiles(p), again_first, &job);
    tj_par_for(tj_pass_n_tiles(p), again_second, &job);
}

/* The embedding rows' gradients, token by token. */
static void embed_backward(tj_pass *p)
{
    const tj_model *m = p->model;
    size_t width = m->cfg.width;
    float *grad = m->lookup_grad != NULL ? m->lookup_grad : m->grads + m->at_embed;
    for (size_t t = 0; t < p->layout.n_tokens; t++) {
        size_t id = (size_t)p->layout.ids[t];
        m->k->axpy(grad + id * width, m->embed_scale, p->dx + t * width, width);
        if (m->looked_up != NULL) {
            m->looked_up[id] = true;
        }
    }
}

static void backward_tiles(tj_pass *p, size_t done_layer, size_t next_layer)
{
    backward_tiles_job job = {p, done_layer, next_layer};
    tj_par_for(tj_pass_n_tiles(p), backward_tile_item, &job);
}

void tj_layers_backward(tj_pass *p)
{
    size_t n_layers = p->model->cfg.n_layers;
    memset(p->partials, 0, tj_pass_n_tiles(p) * p->partial_width * sizeof *p->partials);
    for (size_t l = n_layers; l-- > 0;) {
        size_t above = l + 1;
        if (p->options.recompute) {
            backward_tiles(p, above, n_layers); /* before its activations are overwritten */
            recompute(p, l);
            backward_tiles(p, n_layers, l);
        } else {
            backward_tiles(p, above, l);
        }
        if (above < n_layers) {
            join_partials(p, above, false);
        }
        join_partials(p, l, true);
        run_middle(p, l);
    }
    backward_tiles(p, 0, n_layers);
    join_partials(p, 0, false);
    run_middle(p, SIZE_MAX);
    const tj_model_config *cfg = &p->model->cfg;
    if (group_trains(p->model, p->model->at_embed, cfg->n_vocab * cfg->width)) {
        embed_backward(p);
    }
}
