/* Rows through the decoder for generation and scoring; attention is the caller's.
 *
 * All threads walk the layers together, phase by phase (tj_team_for): what belongs to a row (norms,
 * RoPE, activations) is shared out by rows, products by panels of weights and rows, so that one row
 * keeps all threads busy and many rows read each weight once. Every sum of a row runs in an order
 * that depends on nothing but the shapes, hence a row's bits do not depend on the others. */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/par.h"
#include "nn/model.h"

#define ROWS_OF_ITEM    8 /* rows of an item of per-row work */
/* Of an item of a product: whole tiles, few enough for their activations to stay in a cache. */
#define ROWS_OF_PRODUCT (6 * TJ_QUANT_ROWS)

typedef struct row_shape { /* values of a row */
    size_t x, q, kv, in, out, logits;
} row_shape;

struct tj_infer_scratch {
    row_shape shape;      /* of the model that the buffers fit */
    size_t cap, head_cap; /* rows */
    float *x;             /* [cap, C] residual stream */
    float *in;            /* [cap, widest] input of a product */
    tj_quant_rows quant;  /* the same quantised */
    float *out;           /* [cap, widest of padded outputs] of a group of products */
    float *q, *k, *v;     /* [cap, H, D], [cap, G, D] */
    float *att;           /* [cap, H, D] */
    float *logits;        /* [head_cap, padded V] */
    uint32_t *pos;        /* [cap] */
};

static size_t padded(size_t n)
{
    return (n + TJ_PANEL - 1) / TJ_PANEL * TJ_PANEL;
}

static size_t max2(size_t a, size_t b)
{
    return a > b ? a : b;
}

tj_code tj_infer_scratch_create(tj_infer_scratch **out, tj_err *err)
{
    *out = tj_calloc(1, sizeof **out);
    return *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot allocate scratch") : TJ_OK;
}

static void free_buffers(tj_infer_scratch *s)
{
    void *buffers[] = {s->x, s->in, s->quant.q, s->quant.d, s->quant.total, s->quant.sums, s->out,
                       s->q, s->k,  s->v,       s->att,     s->logits,      s->pos};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        tj_free(buffers[i]);
    }
    memset(s, 0, sizeof *s);
}

void tj_infer_scratch_destroy(tj_infer_scratch *s)
{
    if (s != NULL) {
        free_buffers(s);
        tj_free(s);
    }
}

static row_shape shape_of(const tj_model *m)
{
    size_t in = max2(m->cfg.width, max2(m->q_width, m->cfg.ffn_width));
    size_t qkv = padded(m->q_width) + 2 * padded(m->kv_width);
    return (row_shape){.x = m->cfg.width,
                       .q = m->q_width,
                       .kv = m->kv_width,
                       .in = (in + TJ_QUANT - 1) / TJ_QUANT * TJ_QUANT,
                       .out = max2(qkv, max2(2 * padded(m->cfg.ffn_width), padded(m->cfg.width))),
                       .logits = padded(m->cfg.n_vocab)};
}

static tj_code reserve(tj_infer_scratch *s, const tj_model *m, size_t n_rows, size_t n_out,
                       tj_err *err)
{
    row_shape shape = shape_of(m);
    bool same = memcmp(&s->shape, &shape, sizeof shape) == 0;
    if (same && n_rows <= s->cap && n_out <= s->head_cap) {
        return TJ_OK;
    }
    size_t rows = max2(same ? max2(n_rows, s->cap) : n_rows, n_out);
    size_t out_rows = same ? max2(n_out, s->head_cap) : n_out;
    free_buffers(s);
    s->x = tj_aligned_array(rows * shape.x, sizeof(float));
    s->in = tj_aligned_array(rows * shape.in, sizeof(float));
    s->quant.q = tj_aligned_array(rows * shape.in, 1);
    s->quant.d = tj_aligned_array(rows * (shape.in / TJ_QUANT), sizeof(float));
    s->quant.total = tj_aligned_array(rows * (shape.in / TJ_QUANT), sizeof(float));
    s->quant.sums = tj_aligned_array(rows * (shape.in / TJ_QUANT_HALF), sizeof(int32_t));
    s->out = tj_aligned_array(rows * shape.out, sizeof(float));
    s->q = tj_aligned_array(rows * shape.q, sizeof(float));
    s->k = tj_aligned_array(rows * shape.kv, sizeof(float));
    s->v = tj_aligned_array(rows * shape.kv, sizeof(float));
    s->att = tj_aligned_array(rows * shape.q, sizeof(float));
    s->logits = tj_aligned_array(out_rows * shape.logits, sizeof(float));
    s->pos = tj_aligned_array(rows, sizeof *s->pos);
    if (s->x == NULL || s->in == NULL || s->quant.q == NULL || s->quant.d == NULL ||
        s->quant.total == NULL || s->quant.sums == NULL || s->out == NULL || s->q == NULL ||
        s->k == NULL || s->v == NULL || s->att == NULL || s->logits == NULL || s->pos == NULL) {
        free_buffers(s);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate scratch for %zu rows", n_rows);
    }
    s->shape = shape;
    s->cap = rows;
    s->head_cap = out_rows;
    return TJ_OK;
}

/* ------------------------------------------------------------------ products */

/* Products of the same rows, one after the other in `out`. */
#define MAX_GROUP 3
typedef struct product_group {
    const tj_panels *mats[MAX_GROUP];
    float *out[MAX_GROUP]; /* [rows, ld] */
    size_t n_mats, ld, n_rows;
    size_t first[MAX_GROUP + 1]; /* first panel of each, counted through */
    size_t panels_of_item, n_row_items, n_items;
    tj_operand x;
    const tj_panel_kernels *kernels;
} product_group;

static void add_mat(product_group *g, const tj_panels *mat, float *out)
{
    g->mats[g->n_mats] = mat;
    g->out[g->n_mats] = out;
    g->first[g->n_mats + 1] = g->first[g->n_mats] + mat->n_panels;
    g->n_mats++;
}

/* Enough items to even threads out, not so many that handing them out shows. */
static void cut_items(product_group *g, size_t n_threads)
{
    size_t n_panels = g->first[g->n_mats];
    size_t wanted = 8 * n_threads;
    g->n_row_items = (g->n_rows - 1) / ROWS_OF_PRODUCT + 1;
    size_t cuts = (wanted - 1) / g->n_row_items + 1;
    g->panels_of_item = (n_panels - 1) / cuts + 1;
    g->n_items = ((n_panels - 1) / g->panels_of_item + 1) * g->n_row_items;
}

static void multiply(const product_group *g, size_t mat, size_t panel, size_t row, size_t n_rows)
{
    const tj_panels *p = g->mats[mat];
    const tj_operand x = {.x = g->x.x + row * g->x.ld,
                          .ld = g->x.ld,
                          .quant = {.q = g->x.quant.q + row * p->in,
                                    .d = g->x.quant.d + row * (p->in / TJ_QUANT),
                                    .total = g->x.quant.total + row * (p->in / TJ_QUANT),
                                    .sums = g->x.quant.sums + row * (p->in / TJ_QUANT_HALF)}};
    g->kernels->mul[p->type](g->out[mat] + row * g->ld + panel * TJ_PANEL, g->ld, &x,
                             p->bytes + panel * p->panel_bytes, p->in, n_rows);
}

/* Item: a few panels and a block of rows; those of the same panels follow each other. */
static void product_item(void *ctx, size_t item, size_t thread)
{
    const product_group *g = ctx;
    size_t begin = item / g->n_row_items * g->panels_of_item;
    size_t row = item % g->n_row_items * ROWS_OF_PRODUCT;
    size_t left = g->n_rows - row;
    size_t mat = 0;
    (void)thread;
    for (size_t i = begin; i < begin + g->panels_of_item && i < g->first[g->n_mats]; i++) {
        while (i >= g->first[mat + 1]) {
            mat++;
        }
        multiply(g, mat, i - g->first[mat], row, left < ROWS_OF_PRODUCT ? left : ROWS_OF_PRODUCT);
    }
}

/* ------------------------------------------------------------------ the walk */

typedef struct rows_job {
    tj_model *m;
    tj_infer_scratch *s;
    const tj_attend *attend;
    size_t layer;
    const int32_t *ids;
    size_t n_rows;
    const size_t *out_rows;
    size_t n_out;
    float *logits, *values;
    product_group *group; /* of the phase at hand */
} rows_job;

static bool is_quantised(const tj_panels *p)
{
    return p->type > TJ_PANEL_BF16;
}

static const tj_panels *gen_mat(const rows_job *job, size_t layer, tj_gen_mat mat)
{
    return &job->m->gen[layer * TJ_N_GEN + mat];
}

/* The input row of a group of products is in place in `in`, one of n_rows: quantises it, where a
 * product of the group takes it so. */
static void finish_input(const rows_job *job, size_t row, size_t n_rows, size_t width,
                         bool quantised)
{
    if (quantised) {
        job->m->pk->quantize(&job->s->quant, row, n_rows, job->s->in + row * width, width);
    }
}

static void norm_row(const tj_model *m, float *y, const float *x, size_t at, size_t rows,
                     size_t width)
{
    m->k->rmsnorm(y, TJ_F32, NULL, x, m->weights + at, m->norm_plus, m->cfg.norm_eps, rows, width);
}

/* x += what o (down) gave, or its norm. */
static void add_output(const rows_job *job, size_t row, size_t norm)
{
    const tj_model *m = job->m;
    float *out = job->s->out + row * padded(m->cfg.width);
    if (m->cfg.post_norms) {
        norm_row(m, out, out, norm, 1, m->cfg.width);
    }
    m->k->add(job->s->x + row * m->cfg.width, out, m->cfg.width);
}

static bool qkv_quantised(const rows_job *job, size_t layer)
{
    return is_quantised(gen_mat(job, layer, TJ_GEN_Q)) ||
           is_quantised(gen_mat(job, layer, TJ_GEN_K)) ||
           is_quantised(gen_mat(job, layer, TJ_GEN_V));
}

static void row_before_qkv(const rows_job *job, size_t row)
{
    const tj_model *m = job->m;
    size_t width = m->cfg.width;
    float *x = job->s->x + row * width;
    if (job->layer == 0) {
        tj_model_embed(m, x, job->ids[row]);
    } else {
        add_output(job, row, m->at[job->layer - 1].post2);
    }
    norm_row(m, job->s->in + row * width, x, m->at[job->layer].norm1, 1, width);
    finish_input(job, row, job->n_rows, width, qkv_quantised(job, job->layer));
}

static void row_after_qkv(const rows_job *job, size_t row)
{
    const tj_model *m = job->m;
    const tj_layer_at *at = &m->at[job->layer];
    tj_infer_scratch *s = job->s;
    size_t kv_pad = padded(m->kv_width);
    size_t q_pad = padded(m->q_width);
    const float *out = s->out + row * (q_pad + 2 * kv_pad);
    float *q = s->q + row * m->q_width;
    float *k = s->k + row * m->kv_width;
    float *v = s->v + row * m->kv_width;
    memcpy(q, out, m->q_width * sizeof *q);
    memcpy(k, out + q_pad, m->kv_width * sizeof *k);
    memcpy(v, out + q_pad + kv_pad, m->kv_width * sizeof *v);
    if (m->cfg.qkv_bias) {
        const float *bias = m->weights + at->qkv_bias;
        m->k->add(q, bias, m->q_width);
        m->k->add(k, bias + m->q_width, m->kv_width);
        m->k->add(v, bias + m->q_width + m->kv_width, m->kv_width);
    }
    if (m->cfg.qk_norm) {
        norm_row(m, q, q, at->q_norm, m->cfg.n_heads, m->cfg.head_dim);
        norm_row(m, k, k, at->k_norm, m->cfg.n_kv_heads, m->cfg.head_dim);
    }
    const float *table = m->rope[m->cfg.layer[job->layer].rope];
    m->k->rope(q, 0, s->pos + row, table, 1, m->cfg.n_heads, m->cfg.head_dim, 1.0F);
    m->k->rope(k, 0, s->pos + row, table, 1, m->cfg.n_kv_heads, m->cfg.head_dim, 1.0F);
    job->attend->store(job->attend->ctx, job->layer, row, k, v);
}

/* Only where o takes its input quantised; else it reads attention's output as it is. */
static void row_after_attention(const rows_job *job, size_t row)
{
    size_t width = job->m->q_width;
    job->m->pk->quantize(&job->s->quant, row, job->n_rows, job->s->att + row * width, width);
}

static void row_before_ffn(const rows_job *job, size_t row)
{
    const tj_model *m = job->m;
    size_t width = m->cfg.width;
    add_output(job, row, m->at[job->layer].post1);
    norm_row(m, job->s->in + row * width, job->s->x + row * width, m->at[job->layer].norm2, 1,
             width);
    finish_input(job, row, job->n_rows, width,
                 is_quantised(gen_mat(job, job->layer, TJ_GEN_GATE)) ||
                     is_quantised(gen_mat(job, job->layer, TJ_GEN_UP)));
}

static void row_in_ffn(const rows_job *job, size_t row)
{
    const tj_model *m = job->m;
    size_t ffn = m->cfg.ffn_width;
    float *gu = job->s->out + row * 2 * padded(ffn);
    if (padded(ffn) != ffn) {
        memmove(gu + ffn, gu + padded(ffn), ffn * sizeof *gu); /* no gap between gate and up */
    }
    m->k->glu(job->s->in + row * ffn, gu, 2 * ffn, TJ_F32, m->cfg.activation, 1, ffn);
    finish_input(job, row, job->n_rows, ffn, is_quantised(gen_mat(job, job->layer, TJ_GEN_DOWN)));
}

/* Output row i: the last layer's addition, and the final norm. */
static void row_before_head(const rows_job *job, size_t i)
{
    tj_model *m = job->m;
    size_t width = m->cfg.width;
    float *in = job->s->in + i * width;
    size_t row = job->out_rows[i];
    norm_row(m, in, job->s->x + row * width, m->at_norm, 1, width);
    if (job->values != NULL) {
        job->values[i] =
            (float)m->k->dot(in, m->weights + m->at_value, width) + m->weights[m->at_value_bias];
    }
    finish_input(job, i, job->n_out, width, is_quantised(&m->gen_head));
}

static void row_at_end(const rows_job *job, size_t row)
{
    add_output(job, row, job->m->at[job->m->cfg.n_layers - 1].post2);
}

typedef struct row_phase {
    const rows_job *job;
    void (*fn)(const rows_job *job, size_t row);
    size_t n_rows;
} row_phase;

static void row_item(void *ctx, size_t item, size_t thread)
{
    const row_phase *phase = ctx;
    (void)thread;
    for (size_t r = item * ROWS_OF_ITEM; r < (item + 1) * ROWS_OF_ITEM && r < phase->n_rows; r++) {
        phase->fn(phase->job, r);
    }
}

/* The threads of the team, walking in step. */
typedef struct walker {
    rows_job job; /* each thread's own */
    tj_team *team;
    size_t thread;
} walker;

static void by_rows(walker *w, size_t n_rows, void (*fn)(const rows_job *job, size_t row))
{
    row_phase phase = {.job = &w->job, .fn = fn, .n_rows = n_rows};
    tj_team_for(w->team, w->thread, (n_rows + ROWS_OF_ITEM - 1) / ROWS_OF_ITEM, row_item, &phase);
}

/* Matrices of one layer applied to the rows of x (which `in` holds quantised where they take it
 * so), their outputs side by side in `out`. */
static void multiply_rows(walker *w, size_t layer, const float *x, const tj_gen_mat *mats,
                          size_t n_mats)
{
    tj_infer_scratch *s = w->job.s;
    size_t in = gen_mat(&w->job, layer, mats[0])->in;
    product_group g = {.n_rows = w->job.n_rows, .x = {x, in, s->quant}, .kernels = w->job.m->pk};
    size_t at = 0;
    for (size_t i = 0; i < n_mats; i++) {
        const tj_panels *mat = gen_mat(&w->job, layer, mats[i]);
        add_mat(&g, mat, s->out + at);
        at += padded(mat->out);
    }
    g.ld = at;
    cut_items(&g, tj_par_threads());
    tj_team_for(w->team, w->thread, g.n_items, product_item, &g);
}

static void attend_item(void *ctx, size_t item, size_t thread)
{
    const rows_job *job = ctx;
    job->attend->attend(job->attend->ctx, job->layer, item, thread, job->s->q, job->s->att);
}

static void walk_layer(walker *w, size_t layer)
{
    static const tj_gen_mat qkv[] = {TJ_GEN_Q, TJ_GEN_K, TJ_GEN_V};
    static const tj_gen_mat o[] = {TJ_GEN_O};
    static const tj_gen_mat gate_up[] = {TJ_GEN_GATE, TJ_GEN_UP};
    static const tj_gen_mat down[] = {TJ_GEN_DOWN};
    size_t n_rows = w->job.n_rows;
    const tj_infer_scratch *s = w->job.s;
    w->job.layer = layer;
    by_rows(w, n_rows, row_before_qkv);
    multiply_rows(w, layer, s->in, qkv, 3);
    by_rows(w, n_rows, row_after_qkv);
    tj_team_for(w->team, w->thread, w->job.attend->n_items, attend_item, &w->job);
    if (is_quantised(gen_mat(&w->job, layer, TJ_GEN_O))) {
        by_rows(w, n_rows, row_after_attention);
    }
    multiply_rows(w, layer, s->att, o, 1);
    by_rows(w, n_rows, row_before_ffn);
    multiply_rows(w, layer, s->in, gate_up, 2);
    by_rows(w, n_rows, row_in_ffn);
    multiply_rows(w, layer, s->in, down, 1);
}

static void copy_logits(const rows_job *job, size_t i)
{
    size_t n = job->m->cfg.n_vocab;
    memcpy(job->logits + i * n, job->s->logits + i * padded(n), n * sizeof *job->logits);
}

static void walk_head(walker *w)
{
    const rows_job *job = &w->job;
    tj_infer_scratch *s = job->s;
    by_rows(w, job->n_out, row_before_head);
    if (job->logits == NULL || job->n_out == 0) {
        return;
    }
    size_t n_vocab = job->m->cfg.n_vocab;
    bool is_whole = padded(n_vocab) == n_vocab; /* panels: written where they are wanted */
    product_group g = {.n_rows = job->n_out,
                       .ld = padded(n_vocab),
                       .x = {s->in, job->m->cfg.width, s->quant},
                       .kernels = job->m->pk};
    add_mat(&g, &job->m->gen_head, is_whole ? job->logits : s->logits);
    cut_items(&g, tj_par_threads());
    tj_team_for(w->team, w->thread, g.n_items, product_item, &g);
    if (!is_whole) {
        by_rows(w, job->n_out, copy_logits);
    }
}

static void walk(void *ctx, tj_team *team, size_t thread)
{
    walker w = {.job = *(const rows_job *)ctx, .team = team, .thread = thread};
    for (size_t l = 0; l < w.job.m->cfg.n_layers; l++) {
        walk_layer(&w, l);
    }
    by_rows(&w, w.job.n_rows, row_at_end);
    walk_head(&w);
}

/* ------------------------------------------------------------------ the public call */

static tj_code prepare(tj_model *m, tj_infer_scratch *s, size_t n_rows, const int32_t *ids,
                       const size_t *pos, size_t n_out, tj_err *err)
{
    tj_code rc = reserve(s, m, n_rows, n_out, err);
    size_t last = 0;
    for (size_t i = 0; i < n_rows && rc == TJ_OK; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= m->cfg.n_vocab || pos[i] >= m->cfg.max_positions) {
            return tj_fail(err, TJ_E_INVAL, "row %zu: token %d at position %zu is out of range", i,
                           ids[i], pos[i]);
        }
        s->pos[i] = (uint32_t)pos[i];
        last = max2(last, pos[i]);
    }
    if (rc == TJ_OK) {
        rc = tj_model_need_positions(m, last + 1, err);
    }
    return rc == TJ_OK ? tj_model_need_generation(m, err) : rc;
}

tj_code tj_infer(tj_model *m, tj_infer_scratch *s, size_t n_rows, const int32_t *ids,
                 const size_t *pos, tj_attend attend, size_t n_out, const size_t *out_rows,
                 float *logits, float *values, tj_err *err)
{
    if (values != NULL && !m->cfg.value_head) {
        return tj_fail(err, TJ_E_INVAL, "the model has no value head");
    }
    tj_code rc = prepare(m, s, n_rows, ids, pos, n_out, err);
    if (rc != TJ_OK || n_rows == 0) {
        return rc;
    }
    rows_job job = {.m = m,
                    .s = s,
                    .attend = &attend,
                    .ids = ids,
                    .n_rows = n_rows,
                    .out_rows = out_rows,
                    .n_out = n_out,
                    .logits = logits,
                    .values = values};
    tj_par_team(walk, &job);
    return TJ_OK;
}
