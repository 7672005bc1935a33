/* Memory of a pass, and the public forward and backward. */
#include "nn/pass.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "nn/lora.h"

tj_code tj_pass_create(tj_pass **out, tj_model *model, tj_pass_options options, tj_err *err)
{
    *out = NULL;
    tj_pass *p = tj_calloc(1, sizeof *p);
    if (p == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a pass");
    }
    p->model = model;
    p->options = options;
    p->partial_width = tj_layers_partial_width(model);
    p->layers = tj_calloc(model->cfg.n_layers + 1, sizeof *p->layers);
    if (p->layers == NULL) {
        tj_free(p);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a pass");
    }
    *out = p;
    return TJ_OK;
}

/* ------------------------------------------------------------------ buffers */

static bool is_shared(const tj_pass *p) /* layers share their buffers */
{
    return !p->options.train || p->options.recompute;
}

/* Frees what is not an alias of an earlier layer's buffer. */
static void free_layers(tj_pass *p)
{
    size_t n = p->model->cfg.n_layers;
    for (size_t l = n + 1; l-- > 0;) {
        tj_layer_acts *a = &p->layers[l];
        bool owns_rest = l == 0 || !is_shared(p);
        if (l == 0 || p->options.train) {
            tj_free(a->x);
        }
        if (l < n && owns_rest) {
            tj_free(a->x_mid);
            tj_free(a->att);
            tj_free(a->gu);
            tj_free(a->lse);
            tj_free(a->raw);
            tj_free(a->o_raw);
            tj_free(a->down_raw);
        }
        if (l < n && (owns_rest || l == 1)) {
            tj_free(a->qkv); /* shared ones alternate between two */
        }
        memset(a, 0, sizeof *a);
    }
}

static void free_buffers(tj_pass *p)
{
    void **buffers[] = {(void **)&p->dx,   &p->dx_down,
                        &p->dx_o,          &p->act,
                        &p->dgu,           &p->xn,
                        &p->dout,          (void **)&p->delta,
                        &p->q_rows,        &p->dout_rows,
                        (void **)&p->dqkv, &p->dqkv_act,
                        &p->xn_qkv,        (void **)&p->partials};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        tj_free(*buffers[i]);
        *buffers[i] = NULL;
    }
    for (size_t i = 0; i < TJ_N_MATS; i++) {
        tj_free(p->lora_h[i]);
        tj_free(p->lora_dh[i]);
        tj_free(p->put_dy[i]);
        tj_free(p->put_x[i]);
        p->put_dy[i] = NULL;
        p->put_x[i] = NULL;
        p->lora_h[i] = NULL;
        p->lora_dh[i] = NULL;
    }
    free_layers(p);
    p->cap = 0;
}

static void free_head(tj_pass *p)
{
    void **buffers[] = {(void **)&p->head_x,   (void **)&p->head_dx,  (void **)&p->lse,
                        &p->head_xn,           &p->head_put,          (void **)&p->logits,
                        (void **)&p->part_max, (void **)&p->part_sum, (void **)&p->value_x};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        tj_free(*buffers[i]);
        *buffers[i] = NULL;
    }
    p->cap_pos = 0;
    p->cap_values = 0;
}

void tj_pass_destroy(tj_pass *p)
{
    if (p == NULL) {
        return;
    }
    free_buffers(p);
    free_head(p);
    tj_layout_deinit(&p->layout);
    for (size_t i = 0; i < p->n_scratch; i++) {
        tj_free(p->scratch[i]);
    }
    tj_free(p->layers);
    tj_free(p);
}

size_t tj_pass_bytes(const tj_pass *p)
{
    return p->bytes;
}

/* An allocation that adds to the pass's count; *ok becomes false on failure. */
static void *get(tj_pass *p, bool *ok, size_t n, size_t width, size_t elem)
{
    size_t values;
    size_t bytes;
    if (!*ok || !tj_mul_size(&values, n, width) || !tj_mul_size(&bytes, values, elem)) {
        *ok = false;
        return NULL;
    }
    void *buffer = tj_aligned_array(bytes, 1);
    *ok = buffer != NULL;
    p->bytes += bytes;
    return buffer;
}

static void get_rest(tj_pass *p, bool *ok, tj_layer_acts *a, size_t n)
{
    const tj_model *m = p->model;
    a->x_mid = get(p, ok, n, m->cfg.width, sizeof(float));
    a->qkv = get(p, ok, n, m->qkv_width, m->elem);
    a->att = get(p, ok, n, m->q_width, m->elem);
    a->gu = get(p, ok, n, m->gu_ld, m->elem);
    a->lse = get(p, ok, n, m->cfg.n_heads, sizeof(float));
    a->raw = m->cfg.qk_norm ? get(p, ok, n, m->qkv_width, m->elem) : NULL;
    if (m->cfg.post_norms) {
        a->o_raw = get(p, ok, n, m->cfg.width, sizeof(float));
        a->down_raw = get(p, ok, n, m->cfg.width, sizeof(float));
    }
}

static void get_layers(tj_pass *p, bool *ok, size_t n)
{
    const tj_model *m = p->model;
    void *other_qkv = NULL;
    for (size_t l = 0; l <= m->cfg.n_layers; l++) {
        tj_layer_acts *a = &p->layers[l];
        bool own_x = l == 0 || p->options.train;
        if (l > 0 && l < m->cfg.n_layers && is_shared(p)) {
            *a = p->layers[0];
            if (l == 1) {
                other_qkv = get(p, ok, n, m->qkv_width, m->elem);
            }
            /* a tile of the next layer may be written while this layer's is still read */
            a->qkv = l % 2 == 1 ? other_qkv : p->layers[0].qkv;
        } else if (l < m->cfg.n_layers) {
            get_rest(p, ok, a, n);
        }
        a->x = own_x ? get(p, ok, n, m->cfg.width, sizeof(float)) : p->layers[0].x;
    }
}

static void get_gradients(tj_pass *p, bool *ok, size_t n)
{
    const tj_model *m = p->model;
    size_t ffn = m->cfg.ffn_width;
    size_t width = m->cfg.width;
    p->dx = get(p, ok, n, width, sizeof(float));
    p->dx_down = get(p, ok, n, width, m->elem);
    p->dx_o = get(p, ok, n, width, m->elem);
    p->act = get(p, ok, n, ffn, m->elem);
    p->dgu = get(p, ok, n, m->gu_ld, m->elem);
    p->xn = get(p, ok, n, width, m->elem);
    p->dout = get(p, ok, n, m->q_width, m->elem);
    p->delta = get(p, ok, n, m->cfg.n_heads, sizeof(float));
    p->q_rows = get(p, ok, n, tj_attn_packed_width(m), m->elem);
    p->dout_rows = get(p, ok, n, tj_attn_packed_width(m), m->elem);
    p->dqkv = get(p, ok, n, m->qkv_width, sizeof(float));
    p->dqkv_act = get(p, ok, n, m->qkv_width, m->elem);
    p->xn_qkv = get(p, ok, n, width, m->elem);
    p->partials = get(p, ok, n / p->model->tile, p->partial_width, sizeof(float));
    for (size_t i = 0; i < TJ_N_MATS; i++) {
        if (tj_model_adapts(m, (tj_mat)i)) {
            p->lora_h[i] = get(p, ok, n, m->lora->width[i], m->elem);
            p->lora_dh[i] = get(p, ok, n, m->lora->width[i], m->elem);
        }
    }
}

static size_t max2(size_t a, size_t b)
{
    return a > b ? a : b;
}

static bool get_scratch(tj_pass *p)
{
    const tj_model *m = p->model;
    size_t wide = max2(m->qkv_width, max2(m->cfg.ffn_width, m->cfg.width));
    p->scratch_floats = max2(p->model->tile * (wide + max2(m->cfg.width, m->cfg.ffn_width)),
                             max2(tj_attn_scratch(m), 2 * m->q_width));
    p->scratch_floats = (p->scratch_floats + 15) / 16 * 16 + tj_lora_scratch(m);
    while (p->n_scratch < tj_par_threads()) {
        float *s = tj_aligned_array(p->scratch_floats, sizeof *s);
        if (s == NULL) {
            return false;
        }
        p->scratch[p->n_scratch++] = s;
        p->bytes += p->scratch_floats * sizeof *s;
    }
    return true;
}

static void get_head(tj_pass *p, bool *ok, size_t rows, size_t n_values)
{
    const tj_model *m = p->model;
    if (rows > 0) {
        p->head_x = get(p, ok, rows, m->cfg.width, sizeof(float));
        p->lse = get(p, ok, rows, 1, sizeof(float));
        p->head_xn = get(p, ok, TJ_HEAD_ROWS, m->cfg.width, m->elem);
        p->logits = get(p, ok, TJ_HEAD_ROWS, m->logits_ld, sizeof(float));
        p->part_max = get(p, ok, TJ_HEAD_ROWS, m->n_chunks, sizeof(float));
        p->part_sum = get(p, ok, TJ_HEAD_ROWS, m->n_chunks, sizeof(double));
        p->head_dx = p->options.train ? get(p, ok, rows, m->cfg.width, sizeof(float)) : NULL;
    }
    if (n_values > 0) {
        p->value_x = get(p, ok, n_values, m->cfg.width, sizeof(float));
    }
}

/* Grows to the layout's tokens, loss positions and value rows. Where one of them is too many, all
 * buffers are made anew, none smaller than before: forests that differ in which is large would
 * otherwise take each other's buffers away in turn, and the count of bytes would drift. */
static tj_code reserve(tj_pass *p, tj_err *err)
{
    size_t n = p->layout.n_padded;
    size_t n_pos = p->layout.n_pos;
    size_t n_values = p->layout.n_values;
    size_t cap = p->cap;
    size_t cap_pos = p->cap_pos;
    size_t cap_values = p->cap_values;
    bool ok = get_scratch(p);
    if (n > cap) {
        cap = (n + n / 8 + p->model->tile - 1) / p->model->tile * p->model->tile;
    }
    if (n_pos > cap_pos) {
        cap_pos = (n_pos + n_pos / 4 + TJ_HEAD_ROWS) / TJ_HEAD_ROWS * TJ_HEAD_ROWS;
    }
    if (n_values > cap_values) {
        cap_values = n_values + n_values / 4;
    }
    if (ok && cap == p->cap && cap_pos == p->cap_pos && cap_values == p->cap_values) {
        return TJ_OK;
    }
    free_buffers(p);
    free_head(p);
    p->bytes = p->n_scratch * p->scratch_floats * sizeof(float);
    get_layers(p, &ok, cap);
    if (p->options.train) {
        get_gradients(p, &ok, cap);
    }
    get_head(p, &ok, cap_pos, cap_values);
    if (!ok) {
        free_buffers(p);
        free_head(p);
        p->bytes = p->n_scratch * p->scratch_floats * sizeof(float);
        return tj_fail(err, TJ_E_NOMEM,
                       "cannot hold the activations of %zu tokens, %zu of them loss positions",
                       p->layout.n_tokens, n_pos);
    }
    p->cap = cap;
    p->cap_pos = cap_pos;
    p->cap_values = cap_values;
    return TJ_OK;
}

static void get_once(tj_pass *p, bool *ok, void **buffer, size_t bytes)
{
    if (bytes > 0 && *buffer == NULL) {
        *buffer = get(p, ok, bytes, 1, 1);
    }
}

/* Room for what weight gradients want to be put (gemm.h), which is known once there are such
 * products: before a backward. */
static tj_code reserve_puts(tj_pass *p, tj_err *err)
{
    const tj_model *m = p->model;
    bool ok = true;
    for (size_t i = 0; i < TJ_N_MATS && m->dw[i] != NULL; i++) {
        get_once(p, &ok, &p->put_dy[i], tj_gemm_put_a_bytes(m->dw[i], m->mat[i].out, p->cap));
        get_once(p, &ok, &p->put_x[i], tj_gemm_put_b_bytes(m->dw[i], p->cap));
    }
    if (m->head_dw[0] != NULL && p->cap_pos > 0) {
        get_once(p, &ok, &p->head_put, tj_gemm_put_b_bytes(m->head_dw[0], TJ_HEAD_ROWS));
    }
    return ok ? TJ_OK
              : tj_fail(err, TJ_E_NOMEM,
                        "cannot hold the operands of weight gradients of %zu tokens",
                        p->layout.n_tokens);
}

/* ------------------------------------------------------------------ the public calls */

/* After a failure the pass holds no forest's activations: no forest has so many rows, so backward
 * refuses all. */
static void forget_forest(tj_pass *p)
{
    p->layout.n_tokens = 0;
    p->layout.n_rows = SIZE_MAX;
}

static tj_code make_ready(tj_pass *p, const tj_forest *forest, tj_err *err)
{
    tj_model *m = p->model;
    tj_code rc = tj_forest_layout(forest, &p->layout, p->model->tile, m->cfg.n_vocab,
                                  m->cfg.max_positions, err);
    if (rc == TJ_OK && p->layout.n_values > 0 && !m->cfg.value_head) {
        rc = tj_fail(err, TJ_E_INVAL, "value rows need a model with a value head");
    }
    if (rc == TJ_OK) {
        rc = reserve(p, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    size_t last = 0;
    for (size_t i = 0; i < p->layout.n_tokens; i++) {
        last = max2(last, p->layout.pos[i]);
    }
    rc = tj_model_need_positions(m, last + 1, err);
    return rc == TJ_OK ? tj_model_need_forward(m, err) : rc;
}

static tj_code prepare(tj_pass *p, const tj_forest *forest, tj_err *err)
{
    tj_code rc = make_ready(p, forest, err);
    if (rc != TJ_OK) {
        forget_forest(p);
    }
    return rc;
}

static tj_code check_finite(const float *x, size_t n, const char *what, tj_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) {
            return tj_fail(err, TJ_E_NUMERIC, "%s of row %zu is %g", what, i, (double)x[i]);
        }
    }
    return TJ_OK;
}

static tj_code run_forward(tj_pass *p, float *logp, const float *dlogp, float *values, tj_err *err)
{
    tj_layers_forward(p);
    if (p->layout.n_pos > 0) {
        tj_head_forward(p, logp, dlogp);
    }
    if (p->layout.n_values > 0) {
        tj_values_forward(p, values);
    }
    tj_code rc = check_finite(logp, p->layout.n_rows, "the log-probability", err);
    if (rc == TJ_OK) {
        rc = check_finite(values, p->layout.n_values, "the value", err);
    }
    if (rc != TJ_OK) {
        forget_forest(p);
    }
    return rc;
}

tj_code tj_forward(tj_pass *p, const tj_forest *forest, float *logp, float *values, tj_err *err)
{
    tj_code rc = prepare(p, forest, err);
    if (rc == TJ_OK && p->layout.n_tokens > 0) {
        rc = run_forward(p, logp, NULL, values, err);
    }
    return rc;
}

static void clear_dx(tj_pass *p)
{
    memset(p->dx, 0, p->layout.n_padded * p->model->cfg.width * sizeof *p->dx);
}

tj_code tj_backward(tj_pass *p, const tj_forest *forest, const float *dlogp, const float *dvalues,
                    tj_err *err)
{
    if (!p->options.train || p->layout.n_tokens != tj_forest_n_tokens(forest) ||
        p->layout.n_rows != tj_forest_n_loss_rows(forest) ||
        p->layout.n_values != tj_forest_n_value_rows(forest)) {
        return tj_fail(err, TJ_E_INVAL, "backward needs a training pass and its forest's forward");
    }
    tj_code rc = tj_model_need_backward(p->model, err);
    if (rc == TJ_OK) {
        rc = reserve_puts(p, err);
    }
    if (rc != TJ_OK || p->layout.n_tokens == 0) {
        return rc;
    }
    clear_dx(p);
    if (p->layout.n_pos > 0) {
        tj_head_backward(p, dlogp);
    }
    if (p->layout.n_values > 0) {
        tj_values_backward(p, dvalues);
    }
    tj_layers_backward(p);
    return TJ_OK;
}

tj_code tj_forward_backward(tj_pass *p, const tj_forest *forest, float *logp, const float *dlogp,
                            tj_err *err)
{
    if (!p->options.train || tj_forest_n_value_rows(forest) > 0) {
        return tj_fail(err, TJ_E_INVAL, "the fused way needs a training pass and no value rows");
    }
    tj_code rc = tj_model_need_backward(p->model, err);
    if (rc == TJ_OK) {
        rc = prepare(p, forest, err);
    }
    if (rc == TJ_OK) {
        rc = reserve_puts(p, err);
    }
    if (rc != TJ_OK || p->layout.n_tokens == 0) {
        return rc;
    }
    clear_dx(p);
    rc = run_forward(p, logp, dlogp, NULL, err);
    if (rc == TJ_OK) {
        tj_layers_backward(p);
    }
    return rc;
}
