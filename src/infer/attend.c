/* For each row and KV head: the scores of all visible keys into one buffer in path order, a softmax
 * over it, and the weighted sum of values token by token in path order. Keys are gathered chunk by
 * chunk, but no sum knows where a chunk ends, so the result has the same bits however the path is
 * cut into segments and blocks. The query heads of a KV head go together, so that keys and values
 * are read once for them.
 *
 * Items are numbered with the rows innermost: neighbouring rows are mostly siblings, and the blocks
 * of their common prefix are then still in the processor's cache. */
#include "infer/attend.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/par.h"

#define STORE_ROWS 8 /* rows of one item of storing: a few kilobytes of keys */

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

static size_t value_bytes(tj_dtype dtype)
{
    return dtype == TJ_F32 ? sizeof(float) : sizeof(uint16_t);
}

tj_code tj_attn_layout_init(tj_attn_layout *layout, const tj_model_config *cfg, tj_dtype dtype,
                            size_t block_tokens, tj_err *err)
{
    if (block_tokens == 0 || block_tokens % TJ_KV_LANES != 0) {
        return tj_fail(err, TJ_E_INVAL, "block_tokens is %zu, expected a multiple of %d",
                       block_tokens, TJ_KV_LANES);
    }
    *layout = (tj_attn_layout){.cfg = cfg,
                               .kernels = tj_infer_kernels_get(),
                               .dtype = dtype,
                               .block_tokens = block_tokens,
                               .value_width = round_up(cfg->head_dim, TJ_KV_LANES)};
    size_t bytes = (cfg->head_dim + layout->value_width) * value_bytes(dtype);
    if (!tj_mul_size(&bytes, bytes, block_tokens) || !tj_mul_size(&bytes, bytes, cfg->n_kv_heads) ||
        !tj_mul_size(&bytes, bytes, cfg->n_layers)) {
        return tj_fail(err, TJ_E_LIMIT, "a KV block of %zu tokens is too large", block_tokens);
    }
    layout->block_bytes = bytes;
    return TJ_OK;
}

/* Bytes from a block's start to the keys, and from there to the values, of a layer's KV head. */
static size_t keys_at(const tj_attn_layout *layout, size_t layer, size_t head)
{
    size_t head_values = (layout->cfg->head_dim + layout->value_width) * layout->block_tokens;
    return (layer * layout->cfg->n_kv_heads + head) * head_values * value_bytes(layout->dtype);
}

static size_t keys_bytes(const tj_attn_layout *layout)
{
    return layout->cfg->head_dim * layout->block_tokens * value_bytes(layout->dtype);
}

/* Scores of one query head: padded for whole vectors at both the writing and the reading end. */
static size_t scores_stride(size_t len)
{
    return round_up(len, TJ_KV_LANES) + 2 * TJ_KV_LANES;
}

size_t tj_attn_scratch_floats(const tj_attn_layout *layout, size_t max_len)
{
    size_t n_heads = layout->cfg->n_heads / layout->cfg->n_kv_heads;
    size_t each = layout->cfg->head_dim + layout->value_width;
    size_t n;
    if (max_len > SIZE_MAX / 2 || !tj_add_size(&each, each, scores_stride(max_len)) ||
        !tj_mul_size(&n, each, n_heads) || n > SIZE_MAX / 2) {
        return SIZE_MAX;
    }
    return round_up(n, TJ_KV_LANES);
}

/* ------------------------------------------------------------ storing */

typedef struct attend_job {
    const tj_attn_call *call;
    size_t layer, n_rows;
    const float *q, *k, *v; /* [n_rows, H, D], [n_rows, G, D], [n_rows, G, D] */
    float *out;             /* [n_rows, H, D] */
} attend_job;

/* Round to nearest even; a NaN need not survive, since the row's own activations hold it too. */
static uint16_t bf16_from_f32(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return (uint16_t)((u + 0x7fffU + ((u >> 16) & 1U)) >> 16);
}

static void store_row(const attend_job *job, const tj_attn_row *row, size_t r)
{
    const tj_attn_layout *layout = job->call->layout;
    size_t head_dim = layout->cfg->head_dim;
    size_t n_kv_heads = layout->cfg->n_kv_heads;
    size_t stride = layout->block_tokens;
    for (size_t g = 0; g < n_kv_heads; g++) {
        const float *k = job->k + (r * n_kv_heads + g) * head_dim;
        const float *v = job->v + (r * n_kv_heads + g) * head_dim;
        unsigned char *keys = row->block + keys_at(layout, job->layer, g);
        unsigned char *values = keys + keys_bytes(layout);
        if (layout->dtype == TJ_F32) {
            float *to = (float *)(void *)keys + row->slot;
            for (size_t d = 0; d < head_dim; d++) {
                to[d * stride] = k[d];
            }
            memcpy((float *)(void *)values + row->slot * layout->value_width, v,
                   head_dim * sizeof *v);
        } else {
            uint16_t *to = (uint16_t *)(void *)keys + row->slot;
            uint16_t *vto = (uint16_t *)(void *)values + row->slot * layout->value_width;
            for (size_t d = 0; d < head_dim; d++) {
                to[d * stride] = bf16_from_f32(k[d]);
                vto[d] = bf16_from_f32(v[d]);
            }
        }
    }
}

static void store_item(void *ctx, size_t item, size_t thread)
{
    const attend_job *job = ctx;
    (void)thread;
    size_t end = (item + 1) * STORE_ROWS < job->n_rows ? (item + 1) * STORE_ROWS : job->n_rows;
    for (size_t r = item * STORE_ROWS; r < end; r++) {
        if (job->call->rows[r].block != NULL) {
            store_row(job, &job->call->rows[r], r);
        }
    }
}

/* ------------------------------------------------------------ attending */

/* The part of a chunk that lies in path positions [begin, end), where the chunk starts at `at`. */
static tj_kvchunk visible(const tj_kvchunk *chunk, size_t at, size_t begin, size_t end)
{
    size_t skip = begin > at ? begin - at : 0;
    skip = skip < chunk->n ? skip : chunk->n;
    size_t n = end - at < chunk->n ? end - at : chunk->n;
    return (tj_kvchunk){.block = chunk->block,
                        .slot = chunk->slot + (uint32_t)skip,
                        .n = (uint32_t)(n > skip ? n - skip : 0)};
}

/* out [n_heads, D] of the query heads q [n_heads, D] of one KV head. */
static void attend_heads(const tj_attn_call *call, const tj_attn_row *row, size_t layer,
                         size_t kv_head, const float *q, float *out, float *scratch)
{
    const tj_attn_layout *layout = call->layout;
    const tj_infer_kernels *kernels = layout->kernels;
    size_t head_dim = layout->cfg->head_dim;
    size_t width = layout->value_width;
    size_t n_heads = layout->cfg->n_heads / layout->cfg->n_kv_heads;
    size_t window = layout->cfg->layer[layer].window;
    double scale = layout->cfg->layer[layer].scale;
    size_t end = row->pos + 1;
    size_t begin = window > 0 && window < end ? end - window : 0;
    size_t ld = scores_stride(end - begin);
    float *scores = scratch;               /* [n_heads, ld] */
    float *acc = scores + n_heads * ld;    /* [n_heads, Dv] */
    float *scaled = acc + n_heads * width; /* [n_heads, D] */
    float factor = (float)(scale > 0.0 ? scale : 1.0 / sqrt((double)head_dim));
    for (size_t i = 0; i < n_heads * head_dim; i++) {
        scaled[i] = q[i] * factor;
    }
    size_t keys = keys_at(layout, layer, kv_head);
    size_t values = keys + keys_bytes(layout);
    size_t at = 0;
    for (size_t c = 0; c < row->n_chunks && at < end; at += row->chunks[c++].n) {
        tj_kvchunk part = visible(&row->chunks[c], at, begin, end);
        if (part.n > 0) {
            kernels->scores[layout->dtype](scores + (at > begin ? at - begin : 0), ld, scaled,
                                           part.block + keys, part.slot, part.n, n_heads, head_dim,
                                           layout->block_tokens);
        }
    }
    TJ_ASSERT(at >= end);
    memset(acc, 0, n_heads * width * sizeof *acc);
    float *sums = scaled; /* the queries are not needed any more */
    for (size_t h = 0; h < n_heads; h++) {
        sums[h] = kernels->softmax(scores + h * ld, end - begin);
    }
    at = 0;
    for (size_t c = 0; c < row->n_chunks && at < end; at += row->chunks[c++].n) {
        tj_kvchunk part = visible(&row->chunks[c], at, begin, end);
        if (part.n > 0) {
            const unsigned char *first =
                part.block + values + part.slot * width * value_bytes(layout->dtype);
            kernels->weighted[layout->dtype](acc, scores + (at > begin ? at - begin : 0), ld, first,
                                             part.n, n_heads, width);
        }
    }
    for (size_t h = 0; h < n_heads; h++) {
        for (size_t d = 0; d < head_dim; d++) {
            out[h * head_dim + d] = acc[h * width + d] / sums[h];
        }
    }
}

static void attend_item(void *ctx, size_t item, size_t thread)
{
    const attend_job *job = ctx;
    const tj_model_config *cfg = job->call->layout->cfg;
    size_t row = item % job->n_rows;
    size_t kv_head = item / job->n_rows;
    size_t group = cfg->n_heads / cfg->n_kv_heads * cfg->head_dim;
    size_t at = row * cfg->n_heads * cfg->head_dim + kv_head * group;
    attend_heads(job->call, &job->call->rows[row], job->layer, kv_head, job->q + at, job->out + at,
                 job->call->scratch + thread * job->call->scratch_floats);
}

void tj_attn_attend(void *ctx, size_t layer, size_t n_rows, const float *q, const float *k,
                    const float *v, float *out)
{
    attend_job job = {
        .call = ctx, .layer = layer, .n_rows = n_rows, .q = q, .k = k, .v = v, .out = out};
    tj_par_for((n_rows + STORE_ROWS - 1) / STORE_ROWS, store_item, &job);
    tj_par_for(n_rows * job.call->layout->cfg->n_kv_heads, attend_item, &job);
}
