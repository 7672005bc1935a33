/* Packing of panels, from values and from the blocks of GGUF tensors. */
#include "nn/panels.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/half.h"
#include "nn/blocks.h"

_Static_assert(TJ_GROUP == TJ_QUANT, "a group of a file is a group of a panel");

/* Bytes of 32 k's of a panel: scales, minima, quantised values. */
static size_t group_bytes(tj_panel_type type)
{
    const size_t narrow = TJ_PANEL * sizeof(uint16_t);
    const size_t wide = TJ_PANEL * sizeof(float);
    const size_t values = TJ_PANEL * (size_t)TJ_QUANT;
    switch (type) {
    case TJ_PANEL_F32:
        return values * sizeof(float);
    case TJ_PANEL_BF16:
        return values * sizeof(uint16_t);
    case TJ_PANEL_U4:
        return 2 * narrow + values / 2;
    case TJ_PANEL_U4_WIDE:
        return 2 * wide + values / 2;
    case TJ_PANEL_U5_WIDE:
    case TJ_PANEL_S6_WIDE:
        return 2 * wide + values;
    case TJ_PANEL_S5:
    case TJ_PANEL_S8:
        return narrow + values;
    case TJ_N_PANEL_TYPES:
        break;
    }
    return 0;
}

tj_panel_type tj_panel_type_for(tj_ggml_type type, size_t in)
{
    if (in % tj_ggml_block_values(type) != 0) {
        return TJ_PANEL_F32;
    }
    switch (type) {
    case TJ_GGML_BF16:
        return TJ_PANEL_BF16;
    case TJ_GGML_Q4_0:
    case TJ_GGML_Q4_1:
        return TJ_PANEL_U4;
    case TJ_GGML_Q4_K:
        return TJ_PANEL_U4_WIDE;
    case TJ_GGML_Q5_0:
        return TJ_PANEL_S5;
    case TJ_GGML_Q5_1:
    case TJ_GGML_Q5_K:
        return TJ_PANEL_U5_WIDE;
    case TJ_GGML_Q6_K:
        return TJ_PANEL_S6_WIDE;
    case TJ_GGML_Q8_0:
        return TJ_PANEL_S8;
    case TJ_GGML_F32:
    case TJ_GGML_F16:
        return TJ_PANEL_F32;
    }
    return TJ_PANEL_F32;
}

tj_code tj_panels_init(tj_panels *p, tj_panel_type type, size_t out, size_t in, tj_err *err)
{
    size_t per_k = type == TJ_PANEL_BF16 ? TJ_PANEL * sizeof(uint16_t) : TJ_PANEL * sizeof(float);
    size_t bytes;
    *p = (tj_panels){.type = type, .out = out, .in = in, .n_panels = (out - 1) / TJ_PANEL + 1};
    p->panel_bytes = type <= TJ_PANEL_BF16 ? in * per_k : in / TJ_QUANT * group_bytes(type);
    p->panel_bytes = (p->panel_bytes + 63) / 64 * 64;
    if (!tj_mul_size(&bytes, p->panel_bytes, p->n_panels)) {
        return tj_fail(err, TJ_E_NOMEM, "a [%zu, %zu] matrix is too large", out, in);
    }
    p->bytes = tj_aligned_array(bytes, 1);
    return p->bytes != NULL
               ? TJ_OK
               : tj_fail(err, TJ_E_NOMEM, "cannot allocate a [%zu, %zu] matrix", out, in);
}

void tj_panels_deinit(tj_panels *p)
{
    tj_free(p->bytes);
    memset(p, 0, sizeof *p);
}

static size_t outputs_of(const tj_panels *p, size_t i)
{
    size_t left = p->out - i * TJ_PANEL;
    return left < TJ_PANEL ? left : TJ_PANEL;
}

/* One row of values as column `lane` of a panel. */
static void put_values(const tj_panels *p, unsigned char *panel, size_t lane, const float *row)
{
    if (p->type == TJ_PANEL_F32) {
        float *to = (float *)(void *)panel + lane;
        for (size_t k = 0; k < p->in; k++) {
            to[k * TJ_PANEL] = row[k];
        }
        return;
    }
    uint16_t *to = (uint16_t *)(void *)panel + lane;
    for (size_t k = 0; k < p->in; k++) {
        to[k * TJ_PANEL] = tj_bf16_from_f32(row[k]);
    }
}

/* Sixteen rows at a time by squares that stay in the first cache: a row is read along, a panel
 * written along. */
#define SQUARE 64

void tj_panels_pack(tj_panels *p, size_t i, const float *w)
{
    unsigned char *panel = p->bytes + i * p->panel_bytes;
    size_t n = outputs_of(p, i);
    const float *rows = w + i * TJ_PANEL * p->in;
    if (p->type != TJ_PANEL_F32) {
        TJ_ASSERT(p->type == TJ_PANEL_BF16);
        for (size_t o = 0; o < n; o++) {
            put_values(p, panel, o, rows + o * p->in);
        }
        return;
    }
    float *to = (float *)(void *)panel;
    for (size_t k0 = 0; k0 < p->in; k0 += SQUARE) {
        size_t end = k0 + SQUARE < p->in ? k0 + SQUARE : p->in;
        for (size_t o = 0; o < n; o++) {
            for (size_t k = k0; k < end; k++) {
                to[k * TJ_PANEL + o] = rows[o * p->in + k];
            }
        }
    }
}

/* ------------------------------------------------------------------ quantised */

typedef struct group_at { /* the parts of a panel's group */
    unsigned char *scales, *minima, *values;
} group_at;

static group_at parts_of(tj_panel_type type, unsigned char *group)
{
    const size_t narrow = TJ_PANEL * sizeof(uint16_t);
    const size_t wide = TJ_PANEL * sizeof(float);
    switch (type) {
    case TJ_PANEL_U4:
        return (group_at){group, group + narrow, group + 2 * narrow};
    case TJ_PANEL_U4_WIDE:
    case TJ_PANEL_U5_WIDE:
    case TJ_PANEL_S6_WIDE: /* the second scales stand where others have minima */
        return (group_at){group, group + wide, group + 2 * wide};
    case TJ_PANEL_S5:
    case TJ_PANEL_S8:
    case TJ_PANEL_F32:
    case TJ_PANEL_BF16:
    case TJ_N_PANEL_TYPES:
        break;
    }
    return (group_at){group, NULL, group + narrow};
}

static bool is_wide(tj_panel_type type)
{
    return type == TJ_PANEL_U4_WIDE || type == TJ_PANEL_U5_WIDE || type == TJ_PANEL_S6_WIDE;
}

static void put_scale(tj_panel_type type, unsigned char *to, size_t lane, float value)
{
    if (is_wide(type)) {
        ((float *)(void *)to)[lane] = value;
    } else {
        ((uint16_t *)(void *)to)[lane] = tj_f16_from_f32(value);
    }
}

/* 32 values of one output into a group. Panels with minima hold q as it is, the others q - zero.
 * Nibbles: of four k's, the low halves are k and the high halves k + 16. */
static void put_group(tj_panel_type type, unsigned char *group, size_t lane,
                      const tj_quant_group *from)
{
    group_at at = parts_of(type, group);
    bool nibbles = type == TJ_PANEL_U4 || type == TJ_PANEL_U4_WIDE;
    bool has_minima = nibbles || type == TJ_PANEL_U5_WIDE;
    int zero = has_minima ? 0 : from->zero;
    float min = from->has_min ? from->m : -(float)from->zero * from->d[0];
    put_scale(type, at.scales, lane, from->d[0]);
    if (at.minima != NULL) {
        put_scale(type, at.minima, lane, has_minima ? min : from->d[1]);
    }
    for (size_t k = 0; k < (nibbles ? TJ_QUANT / 2 : TJ_QUANT); k++) {
        unsigned char *to = at.values + (k / 4 * TJ_PANEL + lane) * 4 + k % 4;
        *to = (unsigned char)(nibbles ? from->q[k] | from->q[k + TJ_QUANT / 2] << 4
                                      : from->q[k] - zero);
    }
}

static void pack_quantised(const tj_panels *p, unsigned char *panel, size_t lane,
                           const unsigned char *row, tj_ggml_type type)
{
    size_t per_block = tj_ggml_block_values(type) / TJ_QUANT;
    size_t block_bytes = tj_ggml_block_bytes(type);
    tj_quant_group group;
    for (size_t g = 0; g < p->in / TJ_QUANT; g++) {
        tj_quant_read(&group, row + g / per_block * block_bytes, type, g % per_block);
        put_group(p->type, panel + g * group_bytes(p->type), lane, &group);
    }
}

void tj_panels_pack_blocks(tj_panels *p, size_t i, const unsigned char *rows, size_t row_bytes,
                           tj_ggml_type type, size_t (*row_at)(const void *ctx, size_t row),
                           const void *ctx)
{
    unsigned char *panel = p->bytes + i * p->panel_bytes;
    for (size_t o = 0; o < outputs_of(p, i); o++) {
        size_t at = i * TJ_PANEL + o;
        const unsigned char *row = rows + (row_at == NULL ? at : row_at(ctx, at)) * row_bytes;
        if (p->type > TJ_PANEL_BF16) {
            pack_quantised(p, panel, o, row, type);
            continue;
        }
        float part[TJ_QUANT];
        for (size_t k = 0; k < p->in; k += TJ_QUANT) {
            size_t n = p->in - k < TJ_QUANT ? p->in - k : TJ_QUANT;
            tj_blocks_to_f32(part, row + k * tj_ggml_block_bytes(type), type, n);
            for (size_t j = 0; j < n; j++) {
                size_t cell = (k + j) * TJ_PANEL + o;
                if (p->type == TJ_PANEL_F32) {
                    ((float *)(void *)panel)[cell] = part[j];
                } else {
                    ((uint16_t *)(void *)panel)[cell] = tj_bf16_from_f32(part[j]);
                }
            }
        }
    }
}

/* ------------------------------------------------------------------ kernels */

static const tj_panel_kernels *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose(void)
{
    chosen = &tj_panel_kernels_generic;
#if defined(__x86_64__)
    const char *force = getenv("TABIJI_ISA");
    bool any = force == NULL || strncmp(force, "avx512", 6) == 0;
    __builtin_cpu_init();
    if (any && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
        chosen = &tj_panel_kernels_avx512vnni;
    } else if ((any || strcmp(force, "avx2") == 0) && __builtin_cpu_supports("avx2") &&
               __builtin_cpu_supports("fma")) { /* and f16c, which every such CPU has */
        chosen = &tj_panel_kernels_avx2;
    }
#endif
}

const tj_panel_kernels *tj_panel_kernels_get(void)
{
    pthread_once(&once, choose);
    return chosen;
}
