/* Rows through the decoder for generation, TJ_TILE_GEN rows a tile; attention is the caller's. All
 * tiles have the same shape and each is one thread's, so a row's bits do not depend on the others.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "nn/model.h"

#define T TJ_TILE_GEN

struct tj_infer_scratch {
    size_t cap;                                  /* rows, a multiple of T */
    size_t width, q_width, kv_width, ffn, vocab; /* of the model that the buffers fit */
    float *x, *q, *k, *v, *att;                  /* [cap, …] */
    char *tiles;                                 /* per thread: act [T, max], f32 [T, max] … */
    size_t tile_bytes, n_tiles;
    uint32_t *pos;
    float *head_x; /* [cap, C] */
    float *logits; /* [cap, V] */
    size_t head_cap;
};

tj_code tj_infer_scratch_create(tj_infer_scratch **out, tj_err *err)
{
    *out = tj_calloc(1, sizeof **out);
    return *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot allocate scratch") : TJ_OK;
}

static void free_buffers(tj_infer_scratch *s)
{
    void *buffers[] = {s->x, s->q, s->k, s->v, s->att, s->tiles, s->pos, s->head_x, s->logits};
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

static size_t tiles_of(size_t rows)
{
    return (rows + T - 1) / T;
}

static size_t widest(const tj_model *m)
{
    size_t w = m->qkv_width > 2 * m->cfg.ffn_width ? m->qkv_width : 2 * m->cfg.ffn_width;
    return m->cfg.width > w ? m->cfg.width : w;
}

static tj_code reserve(tj_infer_scratch *s, const tj_model *m, size_t n_rows, size_t n_out,
                       tj_err *err)
{
    bool same = s->width == m->cfg.width && s->q_width == m->q_width &&
                s->kv_width == m->kv_width && s->ffn == m->cfg.ffn_width &&
                s->vocab == m->cfg.n_vocab && s->n_tiles >= tj_par_threads();
    size_t rows = tiles_of(n_rows) * T;
    size_t out_rows = tiles_of(n_out) * T;
    if (same && rows <= s->cap && out_rows <= s->head_cap) {
        return TJ_OK;
    }
    rows = same && s->cap > rows ? s->cap : rows;
    out_rows = same && s->head_cap > out_rows ? s->head_cap : out_rows;
    free_buffers(s);
    s->tile_bytes = T * widest(m) * sizeof(float) * 3;
    s->n_tiles = tj_par_threads();
    s->x = tj_aligned_array(rows * m->cfg.width, sizeof(float));
    s->q = tj_aligned_array(rows * m->q_width, sizeof(float));
    s->k = tj_aligned_array(rows * m->kv_width, sizeof(float));
    s->v = tj_aligned_array(rows * m->kv_width, sizeof(float));
    s->att = tj_aligned_array(rows * m->q_width, sizeof(float));
    s->pos = tj_aligned_array(rows, sizeof *s->pos);
    s->tiles = tj_aligned_array(s->tile_bytes, s->n_tiles);
    s->head_x = tj_aligned_array(out_rows * m->cfg.width, sizeof(float));
    s->logits = tj_aligned_array(out_rows * m->cfg.n_vocab, sizeof(float));
    if (s->x == NULL || s->q == NULL || s->k == NULL || s->v == NULL || s->att == NULL ||
        s->pos == NULL || s->tiles == NULL || s->head_x == NULL || s->logits == NULL) {
        free_buffers(s);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate scratch for %zu rows", n_rows);
    }
    s->cap = rows;
    s->head_cap = out_rows;
    s->width = m->cfg.width;
    s->q_width = m->q_width;
    s->kv_width = m->kv_width;
    s->ffn = m->cfg.ffn_width;
    s->vocab = m->cfg.n_vocab;
    return TJ_OK;
}

typedef struct rows_job {
    tj_model *m;
    tj_infer_scratch *s;
    size_t layer;
    const int32_t *ids;
    size_t n_rows;
    const size_t *out_rows;
    size_t n_out;
    float *values;
} rows_job;

/* Three scratch areas of a thread, each [T, widest] f32. */
static float *area(const rows_job *job, size_t thread, size_t i)
{
    return (float *)(void *)(job->s->tiles + thread * job->s->tile_bytes +
                             i * job->s->tile_bytes / 3);
}

static void embed(const rows_job *job, size_t row)
{
    size_t width = job->m->cfg.width;
    for (size_t i = row; i < row + T; i++) {
        float *x = job->s->x + i * width;
        if (i < job->n_rows) {
            memcpy(x, job->m->weights + job->m->at_embed + (size_t)job->ids[i] * width,
                   width * sizeof *x);
        } else {
            memset(x, 0, width * sizeof *x);
        }
    }
}

static void before_attention(const rows_job *job, size_t row, size_t thread)
{
    tj_model *m = job->m;
    const tj_layer_at *at = &m->at[job->layer];
    tj_infer_scratch *s = job->s;
    float *qkv = area(job, thread, 0);
    void *xn = area(job, thread, 1);
    m->k->rmsnorm(xn, m->dtype, NULL, s->x + row * m->cfg.width, m->weights + at->norm1,
                  m->cfg.norm_eps, T, m->cfg.width);
    tj_gemm_run(m->gen[TJ_MAT_QKV], thread, xn, m->packed_fwd[job->layer * TJ_N_MATS + TJ_MAT_QKV],
                qkv);
    for (size_t i = 0; i < T; i++) {
        float *r = qkv + i * m->qkv_width;
        if (m->cfg.qkv_bias) {
            m->k->add(r, m->weights + at->qkv_bias, m->qkv_width);
        }
        if (m->cfg.qk_norm) {
            m->k->rmsnorm(r, TJ_F32, NULL, r, m->weights + at->q_norm, m->cfg.norm_eps,
                          m->cfg.n_heads, m->cfg.head_dim);
            m->k->rmsnorm(r + m->q_width, TJ_F32, NULL, r + m->q_width, m->weights + at->k_norm,
                          m->cfg.norm_eps, m->cfg.n_kv_heads, m->cfg.head_dim);
        }
    }
    m->k->rope(qkv, m->qkv_width, s->pos + row, m->rope[m->cfg.layer[job->layer].rope], T,
               m->cfg.n_heads + m->cfg.n_kv_heads, m->cfg.head_dim, 1.0F);
    for (size_t i = 0; i < T; i++) {
        const float *r = qkv + i * m->qkv_width;
        memcpy(s->q + (row + i) * m->q_width, r, m->q_width * sizeof *r);
        memcpy(s->k + (row + i) * m->kv_width, r + m->q_width, m->kv_width * sizeof *r);
        memcpy(s->v + (row + i) * m->kv_width, r + m->q_width + m->kv_width,
               m->kv_width * sizeof *r);
    }
}

static void after_attention(const rows_job *job, size_t layer, size_t row, size_t thread)
{
    tj_model *m = job->m;
    const tj_layer_at *at = &m->at[layer];
    size_t n = T * m->cfg.width;
    void *const *w = m->packed_fwd + layer * TJ_N_MATS;
    float *x = job->s->x + row * m->cfg.width;
    float *out = area(job, thread, 0);
    void *in = area(job, thread, 1);
    void *gu = area(job, thread, 2);
    m->k->to_act(in, m->dtype, job->s->att + row * m->q_width, T * m->q_width);
    tj_gemm_run(m->gen[TJ_MAT_O], thread, in, w[TJ_MAT_O], out);
    m->k->add(x, out, n);
    m->k->rmsnorm(in, m->dtype, NULL, x, m->weights + at->norm2, m->cfg.norm_eps, T, m->cfg.width);
    tj_gemm_run(m->gen[TJ_MAT_GU], thread, in, w[TJ_MAT_GU], gu);
    m->k->swiglu(in, gu, m->dtype, T, m->cfg.ffn_width);
    tj_gemm_run(m->gen[TJ_MAT_DOWN], thread, in, w[TJ_MAT_DOWN], out);
    m->k->add(x, out, n);
}

/* Item: a tile. What follows attention of layer - 1, then what precedes that of layer. */
static void rows_item(void *ctx, size_t tile, size_t thread)
{
    const rows_job *job = ctx;
    if (job->layer == 0) {
        embed(job, tile * T);
    } else {
        after_attention(job, job->layer - 1, tile * T, thread);
    }
    if (job->layer < job->m->cfg.n_layers) {
        before_attention(job, tile * T, thread);
    }
}

/* Item: a chunk of the vocabulary and a tile of output rows. */
static void logits_item(void *ctx, size_t item, size_t thread)
{
    const rows_job *job = ctx;
    tj_model *m = job->m;
    size_t width = m->cfg.width;
    size_t row = item / m->n_chunks * T;
    size_t chunk = item % m->n_chunks;
    float *x = area(job, thread, 0);
    void *xn = area(job, thread, 1);
    for (size_t i = 0; i < T; i++) {
        if (row + i < job->n_out) {
            memcpy(x + i * width, job->s->x + job->out_rows[row + i] * width, width * sizeof *x);
        } else {
            memset(x + i * width, 0, width * sizeof *x);
        }
    }
    m->k->rmsnorm(xn, m->dtype, NULL, x, m->weights + m->at_norm, m->cfg.norm_eps, T, width);
    tj_gemm_run(m->head_gen[tj_model_chunk_kind(m, chunk)], thread, xn, m->packed_head_fwd[chunk],
                job->s->logits + row * m->cfg.n_vocab + chunk * m->chunk);
    if (chunk == 0 && job->values != NULL) {
        m->k->rmsnorm(x, TJ_F32, NULL, x, m->weights + m->at_norm, m->cfg.norm_eps, T, width);
        for (size_t i = 0; i < T && row + i < job->n_out; i++) {
            job->values[row + i] =
                (float)m->k->dot(x + i * width, m->weights + m->at_value, width) +
                m->weights[m->at_value_bias];
        }
    }
}

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
        last = pos[i] > last ? pos[i] : last;
    }
    if (rc == TJ_OK) {
        for (size_t i = n_rows; i < tiles_of(n_rows) * T; i++) {
            s->pos[i] = 0;
        }
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
    if (rc != TJ_OK) {
        return rc;
    }
    rows_job job = {.m = m,
                    .s = s,
                    .ids = ids,
                    .n_rows = n_rows,
                    .out_rows = out_rows,
                    .n_out = n_out,
                    .values = values};
    for (size_t l = 0; l <= m->cfg.n_layers; l++) {
        job.layer = l;
        tj_par_for(tiles_of(n_rows), rows_item, &job);
        if (l < m->cfg.n_layers) {
            attend.fn(attend.ctx, l, n_rows, s->q, s->k, s->v, s->att);
        }
    }
    tj_par_for(tiles_of(n_out) * m->n_chunks, logits_item, &job);
    if (n_out > 0 && logits != NULL) {
        memcpy(logits, s->logits, n_out * m->cfg.n_vocab * sizeof *logits);
    }
    return TJ_OK;
}
