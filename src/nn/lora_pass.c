/* Adapters in a pass: small products beside those of the frozen weights, on the same tiles and in
 * the same order, so that neither threads nor batches show in their gradients. */
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "nn/lora.h"
#include "nn/pass.h"

/* ------------------------------------------------------------------ products */

static tj_code make(tj_gemm **gemm, const tj_gemm_spec *spec, tj_err *err)
{
    return *gemm != NULL ? TJ_OK : tj_gemm_create(gemm, spec, err);
}

static tj_code make_down(const tj_model *m, size_t mat, tj_err *err)
{
    tj_lora_products *p = &m->lora->products;
    size_t in = m->mat[mat].in;
    size_t width = m->lora->width[mat];
    tj_gemm_spec down = tj_model_fwd_spec(m, in, width);
    tj_gemm_spec bwd = tj_model_bwd_spec(m, in, width);
    tj_gemm_spec da = tj_model_dw_spec(m, in, width);
    bwd.accumulate = true;
    da.lda = width;
    tj_code rc = make(&p->down[mat], &down, err);
    if (rc == TJ_OK) {
        rc = make(&p->down_bwd[mat], &bwd, err);
    }
    return rc == TJ_OK ? make(&p->da[mat], &da, err) : rc;
}

static tj_code make_up(const tj_model *m, size_t t, tj_err *err)
{
    const tj_lora *a = m->lora;
    tj_lora_products *p = &m->lora->products;
    size_t mat = tj_lora_mat((tj_lora_target)t);
    size_t width = a->width[mat]; /* of h, of which this part's columns are read and written */
    size_t ld = m->mat[mat].ld;
    tj_gemm_spec up = tj_model_fwd_spec(m, a->cfg.rank, a->out[t]);
    tj_gemm_spec bwd = tj_model_bwd_spec(m, a->cfg.rank, a->out[t]);
    tj_gemm_spec db = tj_model_dw_spec(m, a->cfg.rank, a->block[t]);
    up.lda = width;
    up.ldc = ld;
    up.accumulate = true;
    bwd.lda = ld;
    bwd.ldc = width;
    db.lda = ld;
    db.b_stride_k = width;
    tj_code rc = make(&p->up[t], &up, err);
    if (rc == TJ_OK) {
        rc = make(&p->up_bwd[t], &bwd, err);
    }
    return rc == TJ_OK ? make(&p->db[t], &db, err) : rc;
}

static tj_code make_products(const tj_model *m, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t mat = 0; mat < TJ_N_MATS && rc == TJ_OK; mat++) {
        rc = m->lora->width[mat] > 0 ? make_down(m, mat, err) : TJ_OK;
    }
    for (size_t t = 0; t < TJ_N_LORA_TARGETS && rc == TJ_OK; t++) {
        rc = m->lora->cfg.targets[t] ? make_up(m, t, err) : TJ_OK;
    }
    return rc;
}

/* ------------------------------------------------------------------ packed copies */

static bool alloc_copies(void ***copies, size_t n_layers, size_t n_kinds, tj_gemm *const *gemms)
{
    if (*copies == NULL) {
        *copies = tj_calloc(n_layers * n_kinds, sizeof **copies);
    }
    for (size_t i = 0; *copies != NULL && i < n_layers * n_kinds; i++) {
        const tj_gemm *g = gemms[i % n_kinds];
        size_t bytes = g == NULL ? 0 : tj_gemm_packed_bytes(g);
        if (bytes == 0 || (*copies)[i] != NULL) {
            continue;
        }
        (*copies)[i] = tj_aligned_array(bytes, 1);
        if ((*copies)[i] == NULL) {
            return false;
        }
    }
    return *copies != NULL;
}

typedef struct pack_job {
    tj_lora *lora;
    bool backward;
    tj_code rc[TJ_MAX_THREADS];
} pack_job;

static void pack(pack_job *job, size_t thread, const tj_gemm *gemm, void *copy, const float *w)
{
    tj_code rc = copy == NULL ? TJ_OK : tj_gemm_pack(gemm, thread, copy, w, NULL);
    job->rc[thread] = rc != TJ_OK ? rc : job->rc[thread];
}

/* The first targeted part of a fused matrix, whose A all others' follow. */
static tj_lora_target first_part(const tj_lora *a, size_t mat)
{
    size_t t = 0;
    while (!a->cfg.targets[t] || tj_lora_mat((tj_lora_target)t) != mat) {
        t++;
    }
    return (tj_lora_target)t;
}

/* The weights of a layer's A of a fused matrix (all its parts'), and of the B of a part. */
static const float *a_weights(const tj_lora *a, size_t layer, size_t mat)
{
    return a->weights + a->at[layer].a[first_part(a, mat)];
}

static const float *b_weights(const tj_lora *a, size_t layer, size_t t)
{
    return a->weights + a->at[layer].b[t];
}

static void pack_layer(void *ctx, size_t l, size_t thread)
{
    pack_job *job = ctx;
    const tj_lora *a = job->lora;
    const tj_lora_products *p = &a->products;
    for (size_t mat = 0; mat < TJ_N_MATS; mat++) {
        if (a->width[mat] > 0) {
            pack(job, thread, (job->backward ? p->down_bwd : p->down)[mat],
                 (job->backward ? p->a_bwd : p->a)[l * TJ_N_MATS + mat], a_weights(a, l, mat));
        }
    }
    for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
        if (a->cfg.targets[t]) {
            pack(job, thread, (job->backward ? p->up_bwd : p->up)[t],
                 (job->backward ? p->b_bwd : p->b)[l * TJ_N_LORA_TARGETS + t], b_weights(a, l, t));
        }
    }
}

/* What a product reads: the copy, or the weights where it needs none. */
static const void *a_operand(const tj_lora *a, void *const *copies, size_t layer, size_t mat)
{
    const void *copy = copies[layer * TJ_N_MATS + mat];
    return copy != NULL ? copy : a_weights(a, layer, mat);
}

static const void *b_operand(const tj_lora *a, void *const *copies, size_t layer, size_t t)
{
    const void *copy = copies[layer * TJ_N_LORA_TARGETS + t];
    return copy != NULL ? copy : b_weights(a, layer, t);
}

tj_code tj_lora_need(tj_model *m, bool backward, tj_err *err)
{
    tj_lora *a = m->lora;
    tj_lora_products *p = &a->products;
    bool *stale = backward ? &p->stale_bwd : &p->stale;
    if (!*stale) {
        return TJ_OK;
    }
    tj_code rc = make_products(m, err);
    if (rc != TJ_OK) {
        return rc;
    }
    bool ok = backward ? alloc_copies(&p->a_bwd, a->n_layers, TJ_N_MATS, p->down_bwd) &&
                             alloc_copies(&p->b_bwd, a->n_layers, TJ_N_LORA_TARGETS, p->up_bwd)
                       : alloc_copies(&p->a, a->n_layers, TJ_N_MATS, p->down) &&
                             alloc_copies(&p->b, a->n_layers, TJ_N_LORA_TARGETS, p->up);
    if (!ok) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate the packed adapters");
    }
    pack_job job = {.lora = a, .backward = backward};
    tj_par_for(a->n_layers, pack_layer, &job);
    for (size_t i = 0; i < TJ_MAX_THREADS; i++) {
        if (job.rc[i] != TJ_OK) {
            return tj_fail(err, job.rc[i], "cannot pack the adapters for oneDNN");
        }
    }
    *stale = false;
    return TJ_OK;
}

static void free_copies(void **copies, size_t n)
{
    for (size_t i = 0; copies != NULL && i < n; i++) {
        tj_free(copies[i]);
    }
    tj_free(copies);
}

void tj_lora_destroy(tj_lora *a)
{
    if (a == NULL) {
        return;
    }
    tj_lora_products *p = &a->products;
    for (size_t i = 0; i < TJ_N_MATS; i++) {
        tj_gemm_destroy(p->down[i]);
        tj_gemm_destroy(p->down_bwd[i]);
        tj_gemm_destroy(p->da[i]);
    }
    for (size_t i = 0; i < TJ_N_LORA_TARGETS; i++) {
        tj_gemm_destroy(p->up[i]);
        tj_gemm_destroy(p->up_bwd[i]);
        tj_gemm_destroy(p->db[i]);
    }
    free_copies(p->a, a->n_layers * TJ_N_MATS);
    free_copies(p->a_bwd, a->n_layers * TJ_N_MATS);
    free_copies(p->b, a->n_layers * TJ_N_LORA_TARGETS);
    free_copies(p->b_bwd, a->n_layers * TJ_N_LORA_TARGETS);
    tj_free(a->at);
    tj_free(a->weights);
    tj_free(a->grads);
    tj_free(a);
}

/* ------------------------------------------------------------------ scratch */

static size_t max2(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t h_floats(const tj_model *m)
{
    size_t width = 0;
    for (size_t mat = 0; mat < TJ_N_MATS; mat++) {
        width = max2(width, m->lora->width[mat]);
    }
    return m->tile * ((width + 15) / 16 * 16);
}

size_t tj_lora_scratch(const tj_model *m)
{
    return m->lora == NULL ? 0 : 2 * h_floats(m) + m->tile * max2(m->gu_ld, m->q_width);
}

static float *h_scratch(const tj_pass *p, size_t thread)
{
    return p->scratch[thread] + p->scratch_floats - tj_lora_scratch(p->model);
}

float *tj_lora_wide(const tj_pass *p, size_t thread)
{
    return h_scratch(p, thread) + 2 * h_floats(p->model);
}

/* ------------------------------------------------------------------ tiles */

static const void *at_value(const void *act, const tj_model *m, size_t values)
{
    return (const char *)act + values * m->elem;
}

static void *own_row(void *act, const tj_model *m, size_t row, size_t width)
{
    return (char *)act + row * width * m->elem;
}

/* h [tile, width], scaled and rounded, of what stands in the scratch. */
static void round_h(const tj_pass *p, void *h, float *exact, tj_mat mat)
{
    const tj_model *m = p->model;
    size_t n = m->tile * m->lora->width[mat];
    for (size_t i = 0; i < n; i++) {
        exact[i] *= m->lora->scale;
    }
    m->k->to_act(h, m->dtype, exact, n);
}

/* h = s A x */
static void project(const tj_pass *p, size_t layer, tj_mat mat, size_t thread, const void *x,
                    void *h)
{
    const tj_lora *a = p->model->lora;
    float *exact = h_scratch(p, thread);
    tj_gemm_run(a->products.down[mat], thread, x, a_operand(a, a->products.a, layer, mat), exact);
    round_h(p, h, exact, mat);
}

static bool is_part(const tj_lora *a, size_t t, tj_mat mat)
{
    return a->cfg.targets[t] && tj_lora_mat((tj_lora_target)t) == mat;
}

void tj_lora_forward(const tj_pass *p, size_t layer, tj_mat mat, size_t thread, const void *x,
                     float *y)
{
    const tj_model *m = p->model;
    const tj_lora *a = m->lora;
    if (!tj_model_adapts(m, mat)) {
        return;
    }
    void *h = h_scratch(p, thread) + h_floats(m);
    project(p, layer, mat, thread, x, h);
    for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
        if (is_part(a, t, mat)) {
            tj_gemm_run(a->products.up[t], thread, at_value(h, m, a->part[t]),
                        b_operand(a, a->products.b, layer, t), y + a->column[t]);
        }
    }
}

void tj_lora_backward(const tj_pass *p, size_t layer, tj_mat mat, size_t row, size_t thread,
                      const void *dy, float *dx)
{
    const tj_model *m = p->model;
    const tj_lora *a = m->lora;
    if (!tj_model_adapts(m, mat)) {
        return;
    }
    float *exact = h_scratch(p, thread);
    void *dh = own_row(p->lora_dh[mat], m, row, a->width[mat]);
    for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
        if (is_part(a, t, mat)) {
            tj_gemm_run(a->products.up_bwd[t], thread, at_value(dy, m, a->column[t]),
                        b_operand(a, a->products.b_bwd, layer, t), exact + a->part[t]);
        }
    }
    round_h(p, dh, exact, mat);
    tj_gemm_run(a->products.down_bwd[mat], thread, dh, a_operand(a, a->products.a_bwd, layer, mat),
                dx);
}

void tj_lora_keep(const tj_pass *p, size_t layer, tj_mat mat, size_t row, size_t thread,
                  const void *x)
{
    const tj_model *m = p->model;
    if (tj_model_adapts(m, mat)) {
        project(p, layer, mat, thread, x, own_row(p->lora_h[mat], m, row, m->lora->width[mat]));
    }
}

/* ------------------------------------------------------------------ gradients */

/* All A of the fused matrix are the first block, then come those of each B. */
size_t tj_lora_n_blocks(const tj_model *m, tj_mat mat)
{
    size_t n = 1;
    if (!tj_model_adapts(m, mat)) {
        return 0;
    }
    for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
        n += is_part(m->lora, t, mat) ? m->lora->out[t] / m->lora->block[t] : 0;
    }
    return n;
}

static void a_block(const tj_pass *p, size_t layer, tj_mat mat, size_t thread, const void *x)
{
    const tj_model *m = p->model;
    const tj_lora *a = m->lora;
    float *grad = a->grads + a->at[layer].a[first_part(a, mat)];
    tj_gemm_sum(a->products.da[mat], thread, p->lora_dh[mat], x, grad, tj_pass_n_tiles(p));
}

static void b_block(const tj_pass *p, size_t layer, size_t t, size_t block, size_t thread,
                    const void *dy)
{
    const tj_model *m = p->model;
    const tj_lora *a = m->lora;
    tj_mat mat = tj_lora_mat((tj_lora_target)t);
    size_t first = block * a->block[t];
    float *grad = a->grads + a->at[layer].b[t] + first * a->cfg.rank;
    tj_gemm_sum(a->products.db[t], thread, at_value(dy, m, a->column[t] + first),
                at_value(p->lora_h[mat], m, a->part[t]), grad, tj_pass_n_tiles(p));
}

void tj_lora_block(const tj_pass *p, size_t layer, tj_mat mat, size_t block, size_t thread,
                   const void *dy, const void *x)
{
    const tj_lora *a = p->model->lora;
    if (block == 0) {
        a_block(p, layer, mat, thread, x);
        return;
    }
    block--;
    for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
        size_t n = is_part(a, t, mat) ? a->out[t] / a->block[t] : 0;
        if (block < n) {
            b_block(p, layer, t, block, thread, dy);
            return;
        }
        block -= n;
    }
}
