/* The output side: final norm, logits and log-probabilities at the loss positions, and their
 * gradients, TJ_HEAD_ROWS positions at a time, so that [rows, vocabulary] is never held at once.
 *
 *     logp(row) = logit[target] - lse,   lse = log sum exp over the vocabulary
 *     d logit[v] = sum over the position's rows of dlogp (1[v = target] - softmax[v])
 */
#include <math.h>
#include <string.h>

#include "nn/pass.h"

typedef struct head_job {
    tj_pass *p;
    size_t begin, n; /* positions of this block */
    size_t n_tiles;  /* of the model's tile rows */
    float *logp;     /* [R] or NULL */
    const float *dlogp;
} head_job;

static void gather_tile(void *ctx, size_t tile, size_t thread)
{
    (void)thread;
    const head_job *job = ctx;
    tj_pass *p = job->p;
    const tj_model *m = p->model;
    size_t width = m->cfg.width;
    const float *x = p->layers[m->cfg.n_layers].x;
    float *to = p->head_x + (job->begin + tile * m->tile) * width;
    for (size_t i = 0; i < m->tile; i++) {
        size_t pos = tile * m->tile + i;
        if (pos < job->n) {
            memcpy(to + i * width, x + p->layout.loss_pos[job->begin + pos] * width,
                   width * sizeof *to);
        } else {
            memset(to + i * width, 0, width * sizeof *to);
        }
    }
    m->k->rmsnorm((char *)p->head_xn + tile * m->tile * width * m->elem, m->dtype, NULL, to,
                  m->weights + m->at_norm, m->norm_plus, m->cfg.norm_eps, m->tile, width);
    if (p->head_put != NULL && job->dlogp != NULL) {
        tj_gemm_put_b(m->head_dw[0], p->head_put, job->n_tiles * m->tile, tile * m->tile,
                      (char *)p->head_xn + tile * m->tile * width * m->elem);
    }
}

static size_t count_rows(const head_job *job, size_t tile) /* positions in a tile */
{
    size_t rows = job->p->model->tile;
    size_t first = tile * rows;
    return job->n - first < rows ? job->n - first : rows;
}

/* Item: a chunk of the vocabulary and a tile of positions. */
static void logits_item(void *ctx, size_t item, size_t thread)
{
    const head_job *job = ctx;
    tj_pass *p = job->p;
    const tj_model *m = p->model;
    size_t chunk = item / job->n_tiles;
    size_t tile = item % job->n_tiles;
    float *out = p->logits + tile * m->tile * m->logits_ld + chunk * m->chunk;
    tj_gemm_run(m->head_fwd[tj_model_chunk_kind(m, chunk)], thread,
                (const char *)p->head_xn + tile * m->tile * m->cfg.width * m->elem,
                tj_model_head_operand(m, false, chunk), out);
    for (size_t i = 0; i < count_rows(job, tile); i++) {
        size_t at = chunk * TJ_HEAD_ROWS + tile * m->tile + i;
        m->k->max_sum_exp(&p->part_max[at], &p->part_sum[at], out + i * m->logits_ld,
                          tj_model_chunk_size(m, chunk));
    }
}

/* Joins the chunks' sums in order. */
static float join_lse(const tj_pass *p, size_t row)
{
    float max = -INFINITY;
    double sum = 0.0;
    for (size_t c = 0; c < p->model->n_chunks; c++) {
        float m = p->part_max[c * TJ_HEAD_ROWS + row];
        max = m > max ? m : max;
    }
    for (size_t c = 0; c < p->model->n_chunks; c++) {
        size_t at = c * TJ_HEAD_ROWS + row;
        sum += p->part_sum[at] * exp((double)(p->part_max[at] - max));
    }
    return (float)((double)max + log(sum));
}

static void compute_logits(head_job *job)
{
    tj_pass *p = job->p;
    tj_par_for(job->n_tiles, gather_tile, job);
    tj_par_for(p->model->n_chunks * job->n_tiles, logits_item, job);
    for (size_t i = 0; i < job->n; i++) {
        p->lse[job->begin + i] = join_lse(p, i);
        size_t pos = job->begin + i;
        for (size_t r = p->layout.row_begin[pos];
             job->logp != NULL && r < p->layout.row_begin[pos + 1]; r++) {
            size_t row = p->layout.rows[r];
            size_t target = (size_t)p->layout.target[row];
            job->logp[row] = p->logits[i * p->model->logits_ld + target] - p->lse[pos];
        }
    }
}

/* Derivatives of one position's logits, in the logits' own memory. */
static void dlogits_row(const head_job *job, size_t i)
{
    tj_pass *p = job->p;
    const tj_model *m = p->model;
    const tj_layout *l = &p->layout;
    size_t n_vocab = m->cfg.n_vocab;
    size_t pos = job->begin + i;
    float *logits = p->logits + i * m->logits_ld;
    float total = 0.0F;
    float fixed[16]; /* logits at the targets, before they are overwritten; few rows a position */
    size_t first = l->row_begin[pos];
    size_t n = l->row_begin[pos + 1] - first;
    for (size_t r = 0; r < n; r++) {
        total += job->dlogp[l->rows[first + r]];
        if (r < 16) {
            fixed[r] = logits[l->target[l->rows[first + r]]];
        }
    }
    if (n > 16 && m->dtype != TJ_F32) { /* rare: many targets after one token, kept exact in f32 */
        m->k->softmax_scale(logits, TJ_F32, logits, p->lse[pos], -total, n_vocab);
        for (size_t r = 0; r < n; r++) {
            size_t row = l->rows[first + r];
            logits[l->target[row]] += job->dlogp[row];
        }
        m->k->to_act(logits, m->dtype, logits, n_vocab);
        return;
    }
    m->k->softmax_scale(logits, m->dtype, logits, p->lse[pos], -total, n_vocab);
    for (size_t r = 0; r < n; r++) {
        size_t row = l->rows[first + r];
        int32_t target = l->target[row];
        if (m->dtype == TJ_F32) {
            logits[target] += job->dlogp[row];
            continue;
        }
        float d = -total * expf(fixed[r] - p->lse[pos]);
        for (size_t s = 0; s < n; s++) { /* rows may share a target */
            size_t other = l->rows[first + s];
            d += l->target[other] == target ? job->dlogp[other] : 0.0F;
        }
        m->k->to_act((uint16_t *)(void *)logits + target, m->dtype, &d, 1);
    }
}

static void dlogits_item(void *ctx, size_t tile, size_t thread)
{
    (void)thread;
    const head_job *job = ctx;
    const tj_model *m = job->p->model;
    for (size_t i = tile * m->tile; i < (tile + 1) * m->tile; i++) {
        if (i < job->n) {
            dlogits_row(job, i);
        } else {
            memset(job->p->logits + i * m->logits_ld, 0, m->cfg.n_vocab * sizeof(float));
        }
    }
}

/* Items: first each tile's dx, then, unless all are frozen, each chunk's weight gradient. */
static void head_backward_item(void *ctx, size_t item, size_t thread)
{
    const head_job *job = ctx;
    tj_pass *p = job->p;
    const tj_model *m = p->model;
    size_t width = m->cfg.width;
    size_t row_bytes = m->logits_ld * sizeof(float);
    const char *dlogits = (const char *)p->logits;
    if (item < job->n_tiles) {
        float *dx = p->head_dx + (job->begin + item * m->tile) * width;
        memset(dx, 0, m->tile * width * sizeof *dx);
        for (size_t c = 0; c < m->n_chunks; c++) {
            tj_gemm_run(m->head_bwd[tj_model_chunk_kind(m, c)], thread,
                        dlogits + item * m->tile * row_bytes + c * m->chunk * m->elem,
                        tj_model_head_operand(m, true, c), dx);
        }
        return;
    }
    size_t c = item - job->n_tiles;
    float *grad = m->grads + m->at_head + c * m->chunk * width;
    tj_gemm_sum(m->head_dw[tj_model_chunk_kind(m, c)], thread, dlogits + c * m->chunk * m->elem,
                p->head_put != NULL ? p->head_put : p->head_xn, grad, job->n_tiles);
}

/* From the gradient of the normed rows to the residual stream's, summing dw tile by tile. */
static void head_norm_backward(const head_job *job)
{
    tj_pass *p = job->p;
    const tj_model *m = p->model;
    size_t width = m->cfg.width;
    for (size_t tile = 0; tile < job->n_tiles; tile++) {
        size_t n = count_rows(job, tile);
        float *sums = p->partials; /* one tile's, cleared */
        memset(sums, 0, width * sizeof *sums);
        for (size_t i = 0; i < n; i++) {
            size_t pos = job->begin + tile * m->tile + i;
            float *dx = p->dx + p->layout.loss_pos[pos] * width;
            m->k->rmsnorm_bwd(dx, sums, p->head_dx + pos * width, p->head_x + pos * width,
                              m->weights + m->at_norm, m->norm_plus, m->cfg.norm_eps, 1, width);
        }
        if (m->grads != NULL) {
            m->k->add(m->grads + m->at_norm, sums, width);
        }
    }
}

static void compute_gradients(head_job *job)
{
    const tj_model *m = job->p->model;
    tj_par_for(job->n_tiles, dlogits_item, job);
    tj_par_for(job->n_tiles + (m->grads != NULL ? m->n_chunks : 0), head_backward_item, job);
    head_norm_backward(job);
}

static head_job block_at(tj_pass *p, size_t begin, float *logp, const float *dlogp)
{
    size_t n = p->layout.n_pos - begin < TJ_HEAD_ROWS ? p->layout.n_pos - begin : TJ_HEAD_ROWS;
    return (head_job){.p = p,
                      .begin = begin,
                      .n = n,
                      .n_tiles = (n + p->model->tile - 1) / p->model->tile,
                      .logp = logp,
                      .dlogp = dlogp};
}

void tj_head_forward(tj_pass *p, float *logp, const float *dlogp)
{
    for (size_t begin = 0; begin < p->layout.n_pos; begin += TJ_HEAD_ROWS) {
        head_job job = block_at(p, begin, logp, dlogp);
        compute_logits(&job);
        if (dlogp != NULL) {
            compute_gradients(&job);
        }
    }
}

void tj_head_backward(tj_pass *p, const float *dlogp)
{
    tj_head_forward(p, NULL, dlogp); /* logits are computed again, block by block */
}

/* ------------------------------------------------------------------ values */

void tj_values_forward(tj_pass *p, float *values)
{
    const tj_model *m = p->model;
    size_t width = m->cfg.width;
    for (size_t i = 0; i < p->layout.n_values; i++) {
        const float *x = p->layers[m->cfg.n_layers].x + p->layout.value_tok[i] * width;
        float *xn = p->value_x + i * width;
        m->k->rmsnorm(xn, TJ_F32, NULL, x, m->weights + m->at_norm, m->norm_plus, m->cfg.norm_eps,
                      1, width);
        values[i] =
            (float)m->k->dot(xn, m->weights + m->at_value, width) + m->weights[m->at_value_bias];
    }
}

void tj_values_backward(tj_pass *p, const float *dvalues)
{
    const tj_model *m = p->model;
    size_t width = m->cfg.width;
    float *dy = p->scratch[0];
    float *dnorm = m->grads != NULL ? m->grads + m->at_norm : p->partials; /* not read if frozen */
    float *grads = tj_model_value_grads(m);
    for (size_t i = 0; i < p->layout.n_values; i++) {
        size_t tok = p->layout.value_tok[i];
        if (grads != NULL) {
            m->k->axpy(grads, dvalues[i], p->value_x + i * width, width);
            grads[m->at_value_bias - m->at_value] += dvalues[i];
        }
        memset(dy, 0, width * sizeof *dy);
        m->k->axpy(dy, dvalues[i], m->weights + m->at_value, width);
        m->k->rmsnorm_bwd(p->dx + tok * width, dnorm, dy,
                          p->layers[m->cfg.n_layers].x + tok * width, m->weights + m->at_norm,
                          m->norm_plus, m->cfg.norm_eps, 1, width);
    }
}
