/* Forward: for each tile of keys that a tile of rows sees, all its query heads; keys are packed
 * once. Backward: for each tile of keys of a tree, all tiles of queries that see it, so that dk and
 * dv stay in scratch and dq is added to in key order: one thread a (tree, head), hence always the
 * same bits. Products take f32 or pairs of bf16 as the activations have; scores, sums and softmax
 * are f32. */
#include "nn/attention.h"

#include <math.h>
#include <string.h>

#define Q TJ_ATT_Q
#define K TJ_ATT_K

#define LOG2_E 1.4426950408889634

/* Tiles of queries stand at multiples of Q and never reach past the padded rows. */
_Static_assert(TJ_TILE_NARROW % Q == 0 && TJ_TILE_NARROW % K == 0 &&
                   TJ_TILE_WIDE % TJ_TILE_NARROW == 0,
               "attention tiles must divide a tile of rows");

static size_t per_cell(const tj_model *m)
{
    return m->dtype == TJ_BF16 ? 2 : 1;
}

/* Columns of a packed head. */
static size_t padded_dim(const tj_model *m)
{
    size_t step = 16 * per_cell(m);
    return (m->cfg.head_dim + step - 1) / step * step;
}

static size_t group_size(const tj_model *m)
{
    return m->cfg.n_heads / m->cfg.n_kv_heads;
}

size_t tj_attn_scratch(const tj_model *m)
{
    size_t dim = padded_dim(m);
    size_t forward = group_size(m) * m->tile * (dim + 2) + 2 * dim * K + 2 * Q * K + Q;
    size_t backward = 5 * dim * K + dim * Q + 4 * Q * K;
    return forward > backward ? forward : backward;
}

static float scale_of(const tj_attn_args *a)
{
    double plain = 1.0 / sqrt((double)a->model->cfg.head_dim);
    return (float)(a->attn->scale > 0.0 ? a->attn->scale : plain);
}

/* The scale under which scores are exponents of 2. */
static float scale2_of(const tj_attn_args *a)
{
    return (float)((double)scale_of(a) * LOG2_E);
}

/* Activations at a row and column, of rows `width` wide. */
static const void *act_at(const tj_model *m, const void *act, size_t row, size_t width, size_t col)
{
    return (const char *)act + (row * width + col) * m->elem;
}

/* A tile of keys of a tree, and where its visibility ends. */
typedef struct key_tile {
    size_t first, n;
    uint32_t min_end, max_end;
} key_tile;

static key_tile key_tile_at(const tj_layout *l, size_t first, size_t limit)
{
    key_tile t = {first, limit - first < K ? limit - first : K, UINT32_MAX, 0};
    for (size_t k = first; k < first + t.n; k++) {
        t.min_end = l->end[k] < t.min_end ? l->end[k] : t.min_end;
        t.max_end = l->end[k] > t.max_end ? l->end[k] : t.max_end;
    }
    return t;
}

static bool sees_some(const key_tile *t, size_t q0)
{
    return t->max_end > q0 && t->first < q0 + Q;
}

static void mask_block(const tj_attn_args *a, float *s, size_t q0, const key_tile *t)
{
    const tj_layout *l = a->layout;
    uint32_t end[K] = {0}; /* 0: seen by nobody */
    uint32_t pos[K] = {0};
    if (t->n == K && t->min_end >= q0 + Q && t->first + K <= q0 + 1 && a->attn->window == 0) {
        return; /* all of it is seen */
    }
    memcpy(end, l->end + t->first, t->n * sizeof *end);
    memcpy(pos, l->pos + t->first, t->n * sizeof *pos);
    uint32_t window = a->attn->window == 0 || a->attn->window > UINT32_MAX
                          ? UINT32_MAX
                          : (uint32_t)a->attn->window;
    a->model->k->mask_block(s, end, pos, l->pos + q0, q0, t->first, window, Q);
}

/* ------------------------------------------------------------------ forward */

typedef struct forward_state { /* of one key-value head and a tile of rows */
    float *o;                  /* [group][n_rows][dim] */
    float *m, *l;              /* [group][n_rows] */
    float *kt, *v;             /* packed keys and values */
    float *s, *corr;           /* [Q][K], [Q] */
    void *p;                   /* act [Q][K] */
    size_t row, n_rows;
} forward_state;

/* The queries of one head at q0 against the packed tile of keys. */
static void forward_block(const tj_attn_args *a, const forward_state *t, size_t head, size_t at,
                          size_t q0, const key_tile *keys)
{
    const tj_model *m = a->model;
    size_t per = per_cell(m);
    size_t dim = padded_dim(m);
    float *o = t->o + at * dim;
    const void *q = act_at(m, a->qkv, q0, m->qkv_width, head * m->cfg.head_dim);
    m->k->mm(t->s, K, q, m->qkv_width / per, 1, t->kt, K, Q, K, m->cfg.head_dim / per, m->dtype, 0);
    mask_block(a, t->s, q0, keys);
    m->k->softmax_block(t->p, m->dtype, t->s, scale2_of(a), t->m + at, t->l + at, t->corr, Q);
    m->k->scale_rows(o, t->corr, Q, dim);
    m->k->mm(o, dim, t->p, K / per, 1, t->v, dim, Q, dim, K / per, m->dtype, 1);
}

static void forward_keys(const tj_attn_args *a, const forward_state *t, size_t g,
                         const key_tile *keys)
{
    const tj_model *m = a->model;
    size_t dim = padded_dim(m);
    size_t col = m->q_width + g * m->cfg.head_dim;
    m->k->pack_cols(t->kt, act_at(m, a->qkv, keys->first, m->qkv_width, col), m->qkv_width, keys->n,
                    m->cfg.head_dim, K, m->dtype);
    m->k->pack_rows(t->v, act_at(m, a->qkv, keys->first, m->qkv_width, col + m->kv_width),
                    m->qkv_width, keys->n, m->cfg.head_dim, dim, K, m->dtype);
    for (size_t q0 = t->row; q0 < t->row + t->n_rows; q0 += Q) {
        for (size_t h = 0; h < group_size(m) && sees_some(keys, q0); h++) {
            forward_block(a, t, g * group_size(m) + h, h * t->n_rows + q0 - t->row, q0, keys);
        }
    }
}

static void store_head(const tj_attn_args *a, const forward_state *t, size_t head, size_t h)
{
    const tj_model *m = a->model;
    size_t dim = padded_dim(m);
    for (size_t i = 0; i < t->n_rows; i++) {
        size_t at = h * t->n_rows + i;
        float l = t->l[at];
        float inv = l > 0.0F ? 1.0F / l : 0.0F;
        size_t to = (t->row + i) * m->q_width + head * m->cfg.head_dim;
        m->k->scale_rows(t->o + at * dim, &inv, 1, dim);
        m->k->to_act((char *)a->out + to * m->elem, m->dtype, t->o + at * dim, m->cfg.head_dim);
        if (a->lse != NULL) {
            a->lse[head * a->layout->n_padded + t->row + i] =
                l > 0.0F ? t->m[at] + log2f(l) : INFINITY;
        }
    }
}

void tj_attn_forward(const tj_attn_args *a, size_t row, size_t n_rows, float *scratch)
{
    const tj_model *m = a->model;
    size_t dim = padded_dim(m);
    size_t n = group_size(m) * n_rows;
    forward_state t = {.row = row, .n_rows = n_rows};
    t.kt = scratch;
    t.v = t.kt + dim * K;
    t.s = t.v + dim * K;
    t.p = t.s + Q * K;
    t.corr = (float *)t.p + Q * K;
    t.o = t.corr + Q;
    t.m = t.o + n * dim;
    t.l = t.m + n;
    size_t k_begin = a->layout->root[row] / K * K;
    for (size_t g = 0; g < m->cfg.n_kv_heads; g++) {
        memset(t.o, 0, n * dim * sizeof *t.o);
        for (size_t i = 0; i < n; i++) {
            t.m[i] = -INFINITY;
            t.l[i] = 0.0F;
        }
        for (size_t k0 = k_begin; k0 < row + n_rows; k0 += K) {
            key_tile keys = key_tile_at(a->layout, k0, a->layout->n_padded);
            if (keys.max_end > row) {
                forward_keys(a, &t, g, &keys);
            }
        }
        for (size_t h = 0; h < group_size(m); h++) {
            store_head(a, &t, g * group_size(m) + h, h);
        }
    }
}

/* ------------------------------------------------------------------ backward */

size_t tj_attn_packed_width(const tj_model *m)
{
    return m->cfg.n_heads * padded_dim(m);
}

/* Where a head's rows from `row` on stand in q_rows or dout_rows: [H][n_padded (/ 2)][dim] cells.
 */
static void *packed_at(const tj_attn_args *a, void *rows, size_t head, size_t row)
{
    size_t at = (head * a->layout->n_padded + row) * padded_dim(a->model);
    return (char *)rows + at * a->model->elem;
}

void tj_attn_prepare(const tj_attn_args *a, size_t row, size_t n_rows)
{
    const tj_model *m = a->model;
    size_t dim = padded_dim(m);
    for (size_t h = 0; h < m->cfg.n_heads; h++) {
        size_t col = h * m->cfg.head_dim;
        m->k->pack_rows(packed_at(a, a->q_rows, h, row), act_at(m, a->qkv, row, m->qkv_width, col),
                        m->qkv_width, n_rows, m->cfg.head_dim, dim, n_rows, m->dtype);
        m->k->pack_rows(packed_at(a, a->dout_rows, h, row),
                        act_at(m, a->dout, row, m->q_width, col), m->q_width, n_rows,
                        m->cfg.head_dim, dim, n_rows, m->dtype);
        m->k->row_dots(a->delta + h * a->layout->n_padded + row,
                       act_at(m, a->dout, row, m->q_width, col), m->q_width,
                       act_at(m, a->out, row, m->q_width, col), m->q_width, m->dtype, n_rows,
                       m->cfg.head_dim);
    }
}

typedef struct backward_state {
    size_t tree_begin, tree_end;
    float *kt, *vt, *k;           /* keys and values packed by columns, keys by rows */
    float *dk, *dv;               /* [K][dim] */
    float *dq;                    /* [Q][dim] */
    float *s, *dp;                /* [Q][K] */
    void *ds;                     /* act [Q][K] */
    void *p_columns, *ds_columns; /* cells [Q (/ 2)][K] */
} backward_state;

/* dq [Q][dim] of one head to where it is gathered, but only the tree's own rows. */
static void add_dq(const tj_attn_args *a, const backward_state *t, size_t head, size_t q0)
{
    const tj_model *m = a->model;
    size_t begin = q0 > t->tree_begin ? q0 : t->tree_begin;
    size_t end = q0 + Q < t->tree_end ? q0 + Q : t->tree_end;
    for (size_t row = begin; row < end; row++) {
        m->k->axpy(a->dqkv + row * m->qkv_width + head * m->cfg.head_dim, scale_of(a),
                   t->dq + (row - q0) * padded_dim(m), m->cfg.head_dim);
    }
}

/* The queries of one head at q0 against the packed tile of keys: with P = exp(S - lse) and
 * dP = dout V', dS = P (dP - delta) (Dao et al. 2022, eq. 4 and alg. 4). */
static void backward_block(const tj_attn_args *a, const backward_state *t, size_t head, size_t q0,
                           const key_tile *keys)
{
    const tj_model *m = a->model;
    const tj_kernels *k = m->k;
    size_t per = per_cell(m);
    size_t dim = padded_dim(m);
    size_t inner = m->cfg.head_dim / per;
    size_t col = head * m->cfg.head_dim;
    size_t at = head * a->layout->n_padded + q0;
    const void *q = act_at(m, a->qkv, q0, m->qkv_width, col);
    const void *dout = act_at(m, a->dout, q0, m->q_width, col);
    k->mm(t->s, K, q, m->qkv_width / per, 1, t->kt, K, Q, K, inner, m->dtype, 0);
    mask_block(a, t->s, q0, keys);
    k->mm(t->dp, K, dout, m->q_width / per, 1, t->vt, K, Q, K, inner, m->dtype, 0);
    k->softmax_bwd_block(t->p_columns, t->ds, t->ds_columns, t->s, t->dp, scale2_of(a), a->lse + at,
                         a->delta + at, Q, m->dtype);

    k->mm(t->dv, dim, t->p_columns, 1, K, packed_at(a, a->dout_rows, head, q0), dim, K, dim,
          Q / per, m->dtype, 1);
    k->mm(t->dk, dim, t->ds_columns, 1, K, packed_at(a, a->q_rows, head, q0), dim, K, dim, Q / per,
          m->dtype, 1);
    k->mm(t->dq, dim, t->ds, K / per, 1, t->k, dim, Q, dim, K / per, m->dtype, 0);
    add_dq(a, t, head, q0);
}

static void backward_keys(const tj_attn_args *a, const backward_state *t, size_t g,
                          const key_tile *keys)
{
    const tj_model *m = a->model;
    size_t dim = padded_dim(m);
    size_t col = m->q_width + g * m->cfg.head_dim;
    const void *k = act_at(m, a->qkv, keys->first, m->qkv_width, col);
    const void *v = act_at(m, a->qkv, keys->first, m->qkv_width, col + m->kv_width);
    m->k->pack_cols(t->kt, k, m->qkv_width, keys->n, m->cfg.head_dim, K, m->dtype);
    m->k->pack_cols(t->vt, v, m->qkv_width, keys->n, m->cfg.head_dim, K, m->dtype);
    m->k->pack_rows(t->k, k, m->qkv_width, keys->n, m->cfg.head_dim, dim, K, m->dtype);
    memset(t->dk, 0, K * dim * sizeof *t->dk);
    memset(t->dv, 0, K * dim * sizeof *t->dv);
    for (size_t q0 = keys->first / Q * Q; q0 < t->tree_end; q0 += Q) {
        for (size_t h = 0; h < group_size(m) && sees_some(keys, q0); h++) {
            backward_block(a, t, g * group_size(m) + h, q0, keys);
        }
    }
    float scale = scale_of(a);
    for (size_t i = 0; i < keys->n; i++) {
        float *to = a->dqkv + (keys->first + i) * m->qkv_width + col;
        memset(to, 0, m->cfg.head_dim * sizeof *to);
        m->k->axpy(to, scale, t->dk + i * dim, m->cfg.head_dim);
        memcpy(to + m->kv_width, t->dv + i * dim, m->cfg.head_dim * sizeof *to);
    }
}

void tj_attn_backward(const tj_attn_args *a, size_t tree, size_t g, float *scratch)
{
    const tj_model *m = a->model;
    size_t dim = padded_dim(m);
    backward_state t = {.tree_begin = a->layout->tree_begin[tree],
                        .tree_end = a->layout->tree_begin[tree + 1]};
    t.kt = scratch;
    t.vt = t.kt + dim * K;
    t.k = t.vt + dim * K;
    t.dk = t.k + dim * K;
    t.dv = t.dk + dim * K;
    t.dq = t.dv + dim * K;
    t.s = t.dq + dim * Q;
    t.dp = t.s + Q * K;
    /* f32 needs one form of ds and no other p */
    t.p_columns = m->dtype == TJ_F32 ? t.s : t.dp + Q * K;
    t.ds_columns = m->dtype == TJ_F32 ? t.dp : t.dp + Q * K + Q * K / 2;
    t.ds = m->dtype == TJ_F32 ? t.dp : t.dp + 2 * Q * K;
    size_t width = group_size(m) * m->cfg.head_dim;
    for (size_t r = t.tree_begin; r < t.tree_end; r++) {
        memset(a->dqkv + r * m->qkv_width + g * width, 0, width * sizeof *a->dqkv);
    }
    for (size_t k0 = t.tree_begin; k0 < t.tree_end; k0 += K) {
        key_tile keys = key_tile_at(a->layout, k0, t.tree_end);
        backward_keys(a, &t, g, &keys);
    }
}
