/* For each row: the scores of all visible keys into one buffer in path order, a softmax over it,
 * and the weighted sum of values token by token in path order. Keys are gathered chunk by chunk,
 * but no sum knows where a chunk ends, so the result has the same bits however the path is cut into
 * segments and blocks.
 *
 * What is read of the cache costs more than what is computed, so an item takes a bundle of
 * neighbouring rows, and reads what they all see once for all their query heads:
 *
 *     bundle            before   common   after
 *     row 0             |-----|========|
 *     row 1               |---|========|--|       of a prompt: its next tokens
 *     row 2                 |-|========|---|      of siblings: the path to their parent
 *
 * Before (with a window) and after, each row reads for itself. How long a bundle's paths lie in the
 * same places is found once a call: it takes a walk over every chunk, and is alike for all layers
 * and heads. What a window leaves of it is a layer's own. */
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

#define ITEM_SCORES ((size_t)1 << 16) /* scores of one item: 256 KiB, a fraction of an L2 cache */
#define BUNDLE_ROWS 16                /* of an item, at most */

static size_t group_of(const tj_attn_layout *layout)
{
    return layout->cfg->n_heads / layout->cfg->n_kv_heads;
}

/* Rows below max_len whose scores for one KV head stay in the cache; at least one. */
static size_t most_rows(const tj_attn_layout *layout, size_t max_len)
{
    size_t n = ITEM_SCORES / (group_of(layout) * scores_stride(max_len));
    n = n < BUNDLE_ROWS ? n : BUNDLE_ROWS;
    return n > 0 ? n : 1;
}

size_t tj_attn_scratch_floats(const tj_attn_layout *layout, size_t max_len)
{
    size_t each = layout->cfg->head_dim + layout->value_width;
    size_t n;
    if (max_len > SIZE_MAX / 1024) {
        return SIZE_MAX;
    }
    size_t n_heads = group_of(layout) * most_rows(layout, max_len);
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

/* A bundle of rows and one KV head. */
typedef struct bundle {
    const tj_attn_layout *layout;
    const tj_attn_row *rows; /* [n_rows] */
    size_t n_rows;
    size_t layer, kv_head;
    size_t common;     /* of the call's, its own */
    size_t group;      /* query heads of the KV head */
    size_t base;       /* path position of the first score */
    size_t begin, end; /* path positions that all rows see, in the same places of the cache */
    size_t ld;         /* from one query head's scores to the next one's */
    float *scores;     /* [n_rows, group, ld] */
    float *acc;        /* [n_rows, group, Dv] */
    float *scaled;     /* [n_rows, group, D] */
} bundle;

static size_t first_visible(const bundle *b, size_t row)
{
    size_t window = b->layout->cfg->layer[b->layer].window;
    size_t end = b->rows[row].pos + 1;
    return window > 0 && window < end ? end - window : 0;
}

/* Path positions from 0 on that lie in the same places of the cache. */
static size_t common_length(const tj_attn_row *a, const tj_attn_row *b)
{
    if (a->chunks == b->chunks) {
        return SIZE_MAX;
    }
    size_t n = 0;
    for (size_t c = 0; c < a->n_chunks && c < b->n_chunks; c++) {
        const tj_kvchunk *x = &a->chunks[c], *y = &b->chunks[c];
        if (x->block != y->block || x->slot != y->slot) {
            break;
        }
        n += x->n < y->n ? x->n : y->n;
        if (x->n != y->n) {
            break;
        }
    }
    return n;
}

/* common_length of all rows. */
static size_t common_of(const tj_attn_row *rows, size_t n_rows)
{
    size_t n = SIZE_MAX;
    for (size_t r = 1; r < n_rows; r++) {
        size_t common = common_length(&rows[0], &rows[r]);
        n = common < n ? common : n;
    }
    return n;
}

/* Sets base, begin, end and ld. */
static void find_spans(bundle *b)
{
    size_t longest = 0;
    b->base = SIZE_MAX;
    b->begin = 0;
    b->end = b->common;
    for (size_t r = 0; r < b->n_rows; r++) {
        size_t first = first_visible(b, r), end = b->rows[r].pos + 1;
        b->base = first < b->base ? first : b->base;
        b->begin = first > b->begin ? first : b->begin;
        b->end = end < b->end ? end : b->end;
        longest = end > longest ? end : longest;
    }
    b->end = b->end > b->begin ? b->end : b->begin; /* nothing in common: none between the two */
    b->ld = scores_stride(longest - b->base);
}

/* Path positions [begin, end) of a row, walked in parts of its chunks. */
typedef struct span {
    const tj_attn_row *row;
    size_t begin, end;
    size_t chunk, at; /* the next chunk, and where it begins */
} span;

/* The next part that is not empty, and its position; false at the end. */
static bool next_part(span *s, tj_kvchunk *part, size_t *pos)
{
    while (s->begin < s->end && s->chunk < s->row->n_chunks && s->at < s->end) {
        const tj_kvchunk *chunk = &s->row->chunks[s->chunk++];
        size_t skip = s->begin > s->at ? s->begin - s->at : 0;
        size_t n = s->end - s->at < chunk->n ? s->end - s->at : chunk->n;
        *pos = s->at + skip;
        s->at += chunk->n;
        if (n > skip) {
            *part = (tj_kvchunk){.block = chunk->block,
                                 .slot = chunk->slot + (uint32_t)skip,
                                 .n = (uint32_t)(n - skip)};
            return true;
        }
    }
    TJ_ASSERT(s->begin >= s->end || s->at >= s->end);
    return false;
}

typedef void span_fn(const bundle *b, size_t row, size_t n_rows, span s);

/* Scores of the span for rows [row, row + n_rows), which all see it. */
static void score(const bundle *b, size_t row, size_t n_rows, span s)
{
    const tj_attn_layout *layout = b->layout;
    size_t head = row * b->group, head_dim = layout->cfg->head_dim, pos;
    tj_kvchunk part;
    while (next_part(&s, &part, &pos)) {
        layout->kernels->scores[layout->dtype](
            b->scores + head * b->ld + pos - b->base, b->ld, b->scaled + head * head_dim,
            part.block + keys_at(layout, b->layer, b->kv_head), part.slot, part.n,
            n_rows * b->group, head_dim, layout->block_tokens);
    }
}

static void weigh(const bundle *b, size_t row, size_t n_rows, span s)
{
    const tj_attn_layout *layout = b->layout;
    size_t head = row * b->group, width = layout->value_width, pos;
    tj_kvchunk part;
    while (next_part(&s, &part, &pos)) {
        layout->kernels->weighted[layout->dtype](
            b->acc + head * width, b->scores + head * b->ld + pos - b->base, b->ld,
            part.block + values_at(layout, b->layer, b->kv_head) +
                part.slot * width * value_bytes(layout->dtype),
            part.n, n_rows * b->group, width);
    }
}

/* All that the rows see, each row's in path order: what fn writes past a span is of later ones. */
static void walk(const bundle *b, span_fn *fn)
{
    for (size_t r = 0; r < b->n_rows; r++) {
        size_t end = b->rows[r].pos + 1;
        fn(b, r, 1,
           (span){.row = &b->rows[r],
                  .begin = first_visible(b, r),
                  .end = end < b->begin ? end : b->begin});
    }
    fn(b, 0, b->n_rows, (span){.row = &b->rows[0], .begin = b->begin, .end = b->end});
    for (size_t r = 0; r < b->n_rows; r++) {
        size_t begin = first_visible(b, r);
        fn(b, r, 1,
           (span){.row = &b->rows[r],
                  .begin = begin > b->end ? begin : b->end,
                  .end = b->rows[r].pos + 1});
    }
}

static void scale_queries(const bundle *b, const float *q, size_t stride)
{
    size_t head_dim = b->layout->cfg->head_dim;
    double scale = b->layout->cfg->layer[b->layer].scale;
    float factor = (float)(scale > 0.0 ? scale : 1.0 / sqrt((double)head_dim));
    size_t n = b->group * head_dim;
    for (size_t r = 0; r < b->n_rows; r++) {
        for (size_t i = 0; i < n; i++) {
            b->scaled[r * n + i] = q[r * stride + i] * factor;
        }
    }
}

/* q and out: the first row's query heads of the KV head; `stride` from a row to the next. */
static void attend_bundle(bundle *b, const float *q, float *out, size_t stride, float *scratch)
{
    const tj_attn_layout *layout = b->layout;
    size_t head_dim = layout->cfg->head_dim, width = layout->value_width;
    size_t n_heads = b->n_rows * b->group;
    find_spans(b);
    b->scores = scratch;
    b->acc = b->scores + n_heads * b->ld;
    b->scaled = b->acc + n_heads * width;
    scale_queries(b, q, stride);
    walk(b, score);
    float *sums = b->scaled; /* the queries are not needed any more */
    for (size_t h = 0; h < n_heads; h++) {
        size_t row = h / b->group, begin = first_visible(b, row);
        sums[h] = layout->kernels->softmax(b->scores + h * b->ld + begin - b->base,
                                           b->rows[row].pos + 1 - begin);
    }
    memset(b->acc, 0, n_heads * width * sizeof *b->acc);
    walk(b, weigh);
    for (size_t h = 0; h < n_heads; h++) {
        float *to = out + h / b->group * stride + h % b->group * head_dim;
        for (size_t d = 0; d < head_dim; d++) {
            to[d] = b->acc[h * width + d] / sums[h];
        }
    }
}

static size_t bundles_of(const tj_attn_call *call)
{
    return call->n_rows == 0 ? 0 : (call->n_rows - 1) / call->bundle_rows + 1;
}

/* Rows of the bundle that begins with one. */
static size_t rows_from(const tj_attn_call *call, size_t row)
{
    size_t left = call->n_rows - row;
    return left < call->bundle_rows ? left : call->bundle_rows;
}

static void attend_item(void *ctx, size_t layer, size_t item, size_t thread, const float *q,
                        float *out)
{
    const tj_attn_call *call = ctx;
    const tj_model_config *cfg = call->layout->cfg;
    size_t n_bundles = bundles_of(call);
    size_t row = item % n_bundles * call->bundle_rows;
    size_t stride = cfg->n_heads * cfg->head_dim;
    bundle b = {.layout = call->layout,
                .rows = &call->rows[row],
                .n_rows = rows_from(call, row),
                .layer = layer,
                .kv_head = item / n_bundles,
                .common = call->common[item % n_bundles],
                .group = group_of(call->layout)};
    size_t at = row * stride + b.kv_head * b.group * cfg->head_dim;
    attend_bundle(&b, q + at, out + at, stride, call->scratch + thread * call->scratch_floats);
}

tj_attend tj_attn_attend(tj_attn_call *call)
{
    size_t n_kv = call->layout->cfg->n_kv_heads;
    call->bundle_rows = most_rows(call->layout, call->max_len);
    while (call->bundle_rows > 1 && bundles_of(call) * n_kv < 2 * tj_par_threads()) {
        /* few rows: every thread shall have some */
        call->bundle_rows = (call->bundle_rows + 1) / 2;
    }
    call->scratch_floats = tj_attn_scratch_floats(call->layout, call->max_len);
    size_t n_bundles = bundles_of(call);
    for (size_t i = 0; i < n_bundles; i++) {
        size_t row = i * call->bundle_rows;
        call->common[i] = common_of(&call->rows[row], rows_from(call, row));
    }
    return (tj_attend){
        .store = store_row, .attend = attend_item, .n_items = n_bundles * n_kv, .ctx = call};
}
