/* Forward: for a tile of queries, all tiles of keys before it that any of them sees. Backward: for
 * each tile of keys of a tree, all tiles of queries that see it, so that dk and dv stay in scratch
 * and dq is added to in key order: one thread a (tree, head), hence always the same bits. */
#include "nn/attention.h"

#include <math.h>
#include <string.h>

#define Q TJ_ATT_Q
#define K TJ_ATT_K

static size_t padded_dim(const tj_model *m)
{
    return (m->cfg.head_dim + 15) / 16 * 16;
}

size_t tj_attn_scratch(const tj_model *m)
{
    size_t dim = padded_dim(m);
    size_t group = m->cfg.n_heads / m->cfg.n_kv_heads;
    size_t forward = 2 * dim * K + group * Q * (2 * dim + 2) + Q * K + Q;
    size_t backward = 5 * dim * K + 3 * dim * Q + 2 * Q * K + 2 * Q;
    return forward > backward ? forward : backward;
}

/* dst [n, dim] = rows of one head, zero past n_valid rows and past head_dim columns. */
static void load_rows(const tj_model *m, float *dst, const void *src, tj_dtype dtype, size_t ld,
                      size_t col, size_t row, size_t n_valid, size_t n)
{
    size_t dim = padded_dim(m);
    size_t elem = dtype == TJ_BF16 ? 2 : 4;
    for (size_t i = 0; i < n; i++) {
        float *to = dst + i * dim;
        if (i >= n_valid) {
            memset(to, 0, dim * sizeof *to);
            continue;
        }
        m->k->from_act(to, (const char *)src + ((row + i) * ld + col) * elem, dtype,
                       m->cfg.head_dim);
        for (size_t d = m->cfg.head_dim; d < dim; d++) {
            to[d] = 0.0F;
        }
    }
}

static void transpose(float *dst, const float *src, size_t rows, size_t cols)
{
    for (size_t c0 = 0; c0 < cols; c0 += 16) {
        for (size_t r = 0; r < rows; r++) {
            for (size_t c = c0; c < c0 + 16; c++) {
                dst[c * rows + r] = src[r * cols + c];
            }
        }
    }
}

static double scale_of(const tj_attn_args *a)
{
    return a->attn->scale > 0.0 ? a->attn->scale : 1.0 / sqrt((double)a->model->cfg.head_dim);
}

/* What a tile of queries and one of keys have to do with each other. */
typedef enum relation { NOTHING, SOME, ALL } relation;

static relation relate(const tj_attn_args *a, size_t q0, size_t n_q, size_t k0, size_t n_k)
{
    const tj_layout *l = a->layout;
    uint32_t min_end = UINT32_MAX;
    uint32_t max_end = 0;
    for (size_t k = k0; k < k0 + n_k; k++) {
        min_end = l->end[k] < min_end ? l->end[k] : min_end;
        max_end = l->end[k] > max_end ? l->end[k] : max_end;
    }
    if (max_end <= q0 || k0 >= q0 + n_q) {
        return NOTHING;
    }
    bool all = n_k == K && min_end >= q0 + n_q && k0 + n_k <= q0 + 1 && a->attn->window == 0;
    return all ? ALL : SOME;
}

/* Hides with -INFINITY what a query does not see. */
static void mask_block(const tj_attn_args *a, float *s, size_t q0, size_t n_q, size_t k0,
                       size_t n_k)
{
    const tj_layout *l = a->layout;
    size_t window = a->attn->window == 0 ? SIZE_MAX : a->attn->window;
    for (size_t i = 0; i < n_q; i++) {
        size_t q = q0 + i;
        float *row = s + i * K;
        for (size_t j = 0; j < n_k; j++) {
            size_t k = k0 + j;
            bool sees = k <= q && q < l->end[k] && l->pos[q] - l->pos[k] < window;
            row[j] = sees ? row[j] : -INFINITY;
        }
        for (size_t j = n_k; j < K; j++) {
            row[j] = -INFINITY;
        }
    }
}

typedef struct forward_tile { /* of one key-value head; per query head of its group */
    float *q;                 /* [group][Q][dim], scaled */
    float *o;                 /* [group][Q][dim] */
    float *m, *l;             /* [group][Q] */
    float *kt, *v, *s, *corr; /* [dim][K], [K][dim], [Q][K], [Q] */
} forward_tile;

static void store_tile(const tj_attn_args *a, const forward_tile *t, size_t head, size_t h_in_group,
                       size_t q0, size_t n_q)
{
    const tj_model *m = a->model;
    size_t dim = padded_dim(m);
    for (size_t i = 0; i < n_q; i++) {
        float *o = t->o + (h_in_group * Q + i) * dim;
        float l = t->l[h_in_group * Q + i];
        float inv = l > 0.0F ? 1.0F / l : 0.0F;
        for (size_t d = 0; d < dim; d++) {
            o[d] *= inv;
        }
        size_t at = (q0 + i) * m->q_width + head * m->cfg.head_dim;
        m->k->to_act((char *)a->out + at * m->elem, m->dtype, o, m->cfg.head_dim);
        if (a->lse != NULL) {
            a->lse[head * a->layout->n_padded + q0 + i] =
                l > 0.0F ? t->m[h_in_group * Q + i] + logf(l) : INFINITY;
        }
    }
}

static void forward_keys(const tj_attn_args *a, const forward_tile *t, size_t g, size_t q0,
                         size_t n_q, size_t k0, relation rel)
{
    const tj_model *m = a->model;
    size_t dim = padded_dim(m);
    size_t group = m->cfg.n_heads / m->cfg.n_kv_heads;
    size_t n_k = a->layout->n_padded - k0 < K ? a->layout->n_padded - k0 : K;
    size_t k_col = m->q_width + g * m->cfg.head_dim;
    load_rows(m, t->v, a->qkv, m->dtype, m->qkv_width, k_col, k0, n_k, K);
    transpose(t->kt, t->v, K, dim);
    load_rows(m, t->v, a->qkv, m->dtype, m->qkv_width, k_col + m->kv_width, k0, n_k, K);
    for (size_t h = 0; h < group; h++) {
        float *o = t->o + h * Q * dim;
        m->k->mm(t->s, K, t->q + h * Q * dim, dim, 1, t->kt, K, Q, K, m->cfg.head_dim, 0);
        if (rel == SOME) {
            mask_block(a, t->s, q0, n_q, k0, n_k);
        }
        m->k->softmax_block(t->s, t->m + h * Q, t->l + h * Q, t->corr, n_q);
        for (size_t i = 0; i < n_q; i++) {
            for (size_t d = 0; d < dim; d++) {
                o[i * dim + d] *= t->corr[i];
            }
        }
        m->k->mm(o, dim, t->s, K, 1, t->v, dim, Q, dim, K, 1);
    }
}

void tj_attn_forward(const tj_attn_args *a, size_t row, size_t n_rows, float *scratch)
{
    const tj_model *m = a->model;
    size_t dim = padded_dim(m);
    size_t group = m->cfg.n_heads / m->cfg.n_kv_heads;
    forward_tile t;
    t.q = scratch;
    t.o = t.q + group * Q * dim;
    t.m = t.o + group * Q * dim;
    t.l = t.m + group * Q;
    t.kt = t.l + group * Q;
    t.v = t.kt + dim * K;
    t.s = t.v + dim * K;
    t.corr = t.s + Q * K;
    float scale = (float)scale_of(a);
    for (size_t q0 = row; q0 < row + n_rows; q0 += Q) {
        size_t n_q = row + n_rows - q0 < Q ? row + n_rows - q0 : Q;
        size_t k_begin = a->layout->root[q0] / K * K;
        for (size_t g = 0; g < m->cfg.n_kv_heads; g++) {
            memset(t.s, 0, Q * K * sizeof *t.s);
            for (size_t h = 0; h < group; h++) {
                load_rows(m, t.q + h * Q * dim, a->qkv, m->dtype, m->qkv_width,
                          (g * group + h) * m->cfg.head_dim, q0, n_q, Q);
            }
            for (size_t i = 0; i < group * Q * dim; i++) {
                t.q[i] *= scale;
                t.o[i] = 0.0F;
            }
            for (size_t i = 0; i < group * Q; i++) {
                t.m[i] = -INFINITY;
                t.l[i] = 0.0F;
            }
            for (size_t k0 = k_begin; k0 < q0 + n_q; k0 += K) {
                size_t n_k = a->layout->n_padded - k0 < K ? a->layout->n_padded - k0 : K;
                relation rel = relate(a, q0, n_q, k0, n_k);
                if (rel != NOTHING) {
                    forward_keys(a, &t, g, q0, n_q, k0, rel);
                }
            }
            for (size_t h = 0; h < group; h++) {
                store_tile(a, &t, g * group + h, h, q0, n_q);
            }
        }
    }
}

/* ------------------------------------------------------------------ backward */

typedef struct backward_tile {
    float *kt, *vt;       /* [dim][K] transposed keys and values */
    float *k;             /* [K][dim] */
    float *dk, *dv;       /* [K][dim] */
    float *q, *dout, *dq; /* [Q][dim]; q is scaled */
    float *p, *dp;        /* [Q][K] */
    float *delta, *lse;   /* [Q] */
} backward_tile;

static void load_queries(const tj_attn_args *a, const backward_tile *t, size_t h, size_t q0,
                         size_t n_q, float scale)
{
    const tj_model *m = a->model;
    size_t dim = padded_dim(m);
    size_t col = h * m->cfg.head_dim;
    load_rows(m, t->dq, a->out, m->dtype, m->q_width, col, q0, n_q, Q); /* dq: borrowed for out */
    load_rows(m, t->dout, a->dout, TJ_F32, m->q_width, col, q0, n_q, Q);
    load_rows(m, t->q, a->qkv, m->dtype, m->qkv_width, col, q0, n_q, Q);
    for (size_t i = 0; i < Q * dim; i++) {
        t->q[i] *= scale;
    }
    for (size_t i = 0; i < Q; i++) {
        /* delta = sum_j P_j dP_j = dout . out (eq. 4 of Dao et al.) */
        t->delta[i] = (float)m->k->dot(t->dout + i * dim, t->dq + i * dim, dim);
        t->lse[i] = i < n_q ? a->lse[h * a->layout->n_padded + q0 + i] : INFINITY;
    }
}

/* One tile of queries of one head against one tile of keys. */
static void backward_block(const tj_attn_args *a, const backward_tile *t, size_t h, size_t q0,
                           size_t n_q, size_t k0, size_t n_k, relation rel, float scale)
{
    const tj_model *m = a->model;
    size_t dim = padded_dim(m);
    load_queries(a, t, h, q0, n_q, scale);
    m->k->mm(t->p, K, t->q, dim, 1, t->kt, K, Q, K, m->cfg.head_dim, 0);
    if (rel == SOME) {
        mask_block(a, t->p, q0, n_q, k0, n_k);
    }
    m->k->exp_block(t->p, t->lse, Q);
    m->k->mm(t->dv, dim, t->p, 1, K, t->dout, dim, K, dim, Q, 1);
    m->k->mm(t->dp, K, t->dout, dim, 1, t->vt, K, Q, K, m->cfg.head_dim, 0);
    for (size_t i = 0; i < Q; i++) {
        for (size_t j = 0; j < K; j++) {
            t->p[i * K + j] *= t->dp[i * K + j] - t->delta[i];
        }
    }
    m->k->mm(t->dk, dim, t->p, 1, K, t->q, dim, K, dim, Q, 1);
    m->k->mm(t->dq, dim, t->p, K, 1, t->k, dim, Q, dim, K, 0);
    for (size_t i = 0; i < n_q; i++) {
        float *to = a->dqkv + (q0 + i) * m->qkv_width + h * m->cfg.head_dim;
        m->k->axpy(to, scale, t->dq + i * dim, m->cfg.head_dim);
    }
}

static void backward_keys(const tj_attn_args *a, const backward_tile *t, size_t g, size_t k0,
                          size_t n_k, size_t tree_end, float scale)
{
    const tj_model *m = a->model;
    size_t dim = padded_dim(m);
    size_t group = m->cfg.n_heads / m->cfg.n_kv_heads;
    size_t k_col = m->q_width + g * m->cfg.head_dim;
    load_rows(m, t->k, a->qkv, m->dtype, m->qkv_width, k_col + m->kv_width, k0, n_k, K);
    transpose(t->vt, t->k, K, dim);
    load_rows(m, t->k, a->qkv, m->dtype, m->qkv_width, k_col, k0, n_k, K);
    transpose(t->kt, t->k, K, dim);
    memset(t->dk, 0, K * dim * sizeof *t->dk);
    memset(t->dv, 0, K * dim * sizeof *t->dv);
    for (size_t h = g * group; h < (g + 1) * group; h++) {
        for (size_t q0 = k0; q0 < tree_end; q0 += Q) {
            size_t n_q = tree_end - q0 < Q ? tree_end - q0 : Q;
            relation rel = relate(a, q0, n_q, k0, n_k);
            if (rel != NOTHING) {
                backward_block(a, t, h, q0, n_q, k0, n_k, rel, scale);
            }
        }
    }
    for (size_t i = 0; i < n_k; i++) {
        float *to = a->dqkv + (k0 + i) * m->qkv_width + k_col;
        memcpy(to, t->dk + i * dim, m->cfg.head_dim * sizeof *to);
        memcpy(to + m->kv_width, t->dv + i * dim, m->cfg.head_dim * sizeof *to);
    }
}

void tj_attn_backward(const tj_attn_args *a, size_t tree, size_t g, float *scratch)
{
    const tj_model *m = a->model;
    size_t dim = padded_dim(m);
    size_t group = m->cfg.n_heads / m->cfg.n_kv_heads;
    backward_tile t;
    t.kt = scratch;
    t.vt = t.kt + dim * K;
    t.k = t.vt + dim * K;
    t.dk = t.k + dim * K;
    t.dv = t.dk + dim * K;
    t.q = t.dv + dim * K;
    t.dout = t.q + dim * Q;
    t.dq = t.dout + dim * Q;
    t.p = t.dq + dim * Q;
    t.dp = t.p + Q * K;
    t.delta = t.dp + Q * K;
    t.lse = t.delta + Q;
    float scale = (float)scale_of(a);
    size_t begin = a->layout->tree_begin[tree];
    size_t end = a->layout->tree_begin[tree + 1];
    for (size_t r = begin; r < end; r++) {
        memset(a->dqkv + r * m->qkv_width + g * group * m->cfg.head_dim, 0,
               group * m->cfg.head_dim * sizeof *a->dqkv);
    }
    for (size_t k0 = begin; k0 < end; k0 += K) {
        size_t n_k = end - k0 < K ? end - k0 : K;
        backward_keys(a, &t, g, k0, n_k, end, scale);
    }
}
