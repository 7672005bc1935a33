/* For each row: the scores of all visible keys into one buffer in path order, a softmax over it,
 * and the weighted sum of values token by token in path order. Keys are gathered chunk by chunk,
 * but no sum knows where a chunk ends, so the result has the same bits however the path is cut into
 * segments and blocks. The query heads of a KV head go together, so that its keys and values are
 * read once for them.
 *
 * Decoding many branches is bound by memory, so an item takes all KV heads of a row, chunk by
 * chunk, and reads long stretches of a block; it takes fewer only where the scores would not stay
 * in the cache or where rows are too few for the threads. Neighbouring rows are mostly siblings,
 * whose common blocks are then in the cache already. */
#include "infer/attend.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/half.h"
#include "base/par.h"

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

/* Bytes from a block's start to the keys, and to the values, of a layer's KV head. */
static size_t keys_at(const tj_attn_layout *layout, size_t layer, size_t head)
{
    size_t head_dim = layout->cfg->head_dim;
    size_t before = layer * layout->cfg->n_kv_heads * (head_dim + layout->value_width);
    return (before + head * head_dim) * layout->block_tokens * value_bytes(layout->dtype);
}

static size_t values_at(const tj_attn_layout *layout, size_t layer, size_t head)
{
    size_t head_values = layout->value_width * layout->block_tokens;
    return keys_at(layout, layer, layout->cfg->n_kv_heads) +
           head * head_values * value_bytes(layout->dtype);
}

/* Scores of one query head: padded for whole vectors at both the writing and the reading end. */
static size_t scores_stride(size_t len)
{
    return round_up(len, TJ_KV_LANES) + 2 * TJ_KV_LANES;
}

#define ITEM_SCORES ((size_t)1 << 15) /* scores of one item: 128 KiB, a fraction of an L2 cache */

/* KV heads that one item takes at most. */
static size_t item_heads(const tj_attn_layout *layout, size_t max_len)
{
    size_t group = layout->cfg->n_heads / layout->cfg->n_kv_heads;
    size_t n = ITEM_SCORES / (group * scores_stride(max_len));
    n = n < layout->cfg->n_kv_heads ? n : layout->cfg->n_kv_heads;
    return n > 0 ? n : 1;
}

size_t tj_attn_scratch_floats(const tj_attn_layout *layout, size_t max_len)
{
    size_t each = layout->cfg->head_dim + layout->value_width;
    size_t n;
    if (max_len > SIZE_MAX / 1024) {
        return SIZE_MAX;
    }
    size_t n_heads = layout->cfg->n_heads / layout->cfg->n_kv_heads * item_heads(layout, max_len);
    if (!tj_add_size(&each, each, scores_stride(max_len)) || !tj_mul_size(&n, each, n_heads) ||
        n > SIZE_MAX / 2) {
        return SIZE_MAX;
    }
    return round_up(n, TJ_KV_LANES);
}

/* ------------------------------------------------------------ storing */

static void store_row(void *ctx, size_t layer, size_t r, const float *k, const float *v)
{
    const tj_attn_call *call = ctx;
    const tj_attn_row *row = &call->rows[r];
    const tj_attn_layout *layout = call->layout;
    size_t head_dim = layout->cfg->head_dim;
    size_t stride = layout->block_tokens;
    for (size_t g = 0; row->block != NULL && g < layout->cfg->n_kv_heads; g++) {
        unsigned char *keys = row->block + keys_at(layout, layer, g);
        unsigned char *values = row->block + values_at(layout, layer, g);
        if (layout->dtype == TJ_F32) {
            float *to = (float *)(void *)keys + row->slot;
            for (size_t d = 0; d < head_dim; d++) {
                to[d * stride] = k[g * head_dim + d];
            }
            memcpy((float *)(void *)values + row->slot * layout->value_width, v + g * head_dim,
                   head_dim * sizeof *v);
        } else {
            uint16_t *to = (uint16_t *)(void *)keys + row->slot;
            uint16_t *vto = (uint16_t *)(void *)values + row->slot * layout->value_width;
            for (size_t d = 0; d < head_dim; d++) {
                to[d * stride] = tj_bf16_from_f32(k[g * head_dim + d]);
                vto[d] = tj_bf16_from_f32(v[g * head_dim + d]);
            }
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

/* One item: query heads q [n_kv, group, D] of KV heads [kv_head, kv_head + n_kv) at one row. */
typedef struct attend_item_job {
    const tj_attn_layout *layout;
    const tj_attn_row *row;
    size_t layer, kv_head, n_kv;
    size_t group;      /* query heads of a KV head */
    size_t begin, end; /* visible path positions */
    size_t ld;         /* from one query head's scores to the next one's */
    float *scores;     /* [n_kv, group, ld] */
    float *acc;        /* [n_kv, group, Dv] */
    float *scaled;     /* [n_kv, group, D] */
} attend_item_job;

static void score_path(const attend_item_job *a)
{
    const tj_attn_layout *layout = a->layout;
    const tj_attn_row *row = a->row;
    size_t head_dim = layout->cfg->head_dim;
    size_t at = 0;
    for (size_t c = 0; c < row->n_chunks && at < a->end; at += row->chunks[c++].n) {
        tj_kvchunk part = visible(&row->chunks[c], at, a->begin, a->end);
        size_t to = at > a->begin ? at - a->begin : 0;
        for (size_t g = 0; part.n > 0 && g < a->n_kv; g++) {
            layout->kernels->scores[layout->dtype](
                a->scores + g * a->group * a->ld + to, a->ld, a->scaled + g * a->group * head_dim,
                part.block + keys_at(layout, a->layer, a->kv_head + g), part.slot, part.n, a->group,
                head_dim, layout->block_tokens);
        }
    }
    TJ_ASSERT(at >= a->end);
}

static void weigh_path(const attend_item_job *a)
{
    const tj_attn_layout *layout = a->layout;
    const tj_attn_row *row = a->row;
    size_t width = layout->value_width;
    size_t at = 0;
    for (size_t c = 0; c < row->n_chunks && at < a->end; at += row->chunks[c++].n) {
        tj_kvchunk part = visible(&row->chunks[c], at, a->begin, a->end);
        size_t from = at > a->begin ? at - a->begin : 0;
        for (size_t g = 0; part.n > 0 && g < a->n_kv; g++) {
            layout->kernels->weighted[layout->dtype](
                a->acc + g * a->group * width, a->scores + g * a->group * a->ld + from, a->ld,
                part.block + values_at(layout, a->layer, a->kv_head + g) +
                    part.slot * width * value_bytes(layout->dtype),
                part.n, a->group, width);
        }
    }
}

/* out [n_kv, group, D]. */
static void attend_heads(attend_item_job *a, const float *q, float *out, float *scratch)
{
    const tj_attn_layout *layout = a->layout;
    size_t head_dim = layout->cfg->head_dim;
    size_t width = layout->value_width;
    size_t window = layout->cfg->layer[a->layer].window;
    double scale = layout->cfg->layer[a->layer].scale;
    size_t n_heads = a->n_kv * a->group;
    a->end = a->row->pos + 1;
    a->begin = window > 0 && window < a->end ? a->end - window : 0;
    a->ld = scores_stride(a->end - a->begin);
    a->scores = scratch;
    a->acc = a->scores + n_heads * a->ld;
    a->scaled = a->acc + n_heads * width;
    float factor = (float)(scale > 0.0 ? scale : 1.0 / sqrt((double)head_dim));
    for (size_t i = 0; i < n_heads * head_dim; i++) {
        a->scaled[i] = q[i] * factor;
    }
    score_path(a);
    float *sums = a->scaled; /* the queries are not needed any more */
    for (size_t h = 0; h < n_heads; h++) {
        sums[h] = layout->kernels->softmax(a->scores + h * a->ld, a->end - a->begin);
    }
    memset(a->acc, 0, n_heads * width * sizeof *a->acc);
    weigh_path(a);
    for (size_t h = 0; h < n_heads; h++) {
        for (size_t d = 0; d < head_dim; d++) {
            out[h * head_dim + d] = a->acc[h * width + d] / sums[h];
        }
    }
}

static void attend_item(void *ctx, size_t layer, size_t item, size_t thread, const float *q,
                        float *out)
{
    const tj_attn_call *call = ctx;
    const tj_model_config *cfg = call->layout->cfg;
    size_t part = call->part_heads;
    size_t row = item % call->n_rows;
    size_t kv_head = item / call->n_rows * part;
    size_t left = cfg->n_kv_heads - kv_head;
    size_t group = cfg->n_heads / cfg->n_kv_heads;
    size_t at = (row * cfg->n_heads + kv_head * group) * cfg->head_dim;
    attend_item_job a = {.layout = call->layout,
                         .row = &call->rows[row],
                         .layer = layer,
                         .kv_head = kv_head,
                         .n_kv = left < part ? left : part,
                         .group = group};
    attend_heads(&a, q + at, out + at, call->scratch + thread * call->scratch_floats);
}

tj_attend tj_attn_attend(tj_attn_call *call)
{
    bool few = call->n_rows < 4 * tj_par_threads(); /* the heads are all there is to share out */
    call->part_heads = few ? 1 : item_heads(call->layout, call->max_len);
    call->scratch_floats = tj_attn_scratch_floats(call->layout, call->max_len);
    size_t parts = (call->layout->cfg->n_kv_heads - 1) / call->part_heads + 1;
    return (tj_attend){
        .store = store_row, .attend = attend_item, .n_items = call->n_rows * parts, .ctx = call};
}
