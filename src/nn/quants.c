/* The layouts are those of ggml-org/ggml (ggml-common.h, block_q4_0 … block_q6_K): little-endian,
 * scales in f16. */
#include "nn/quants.h"

#include <string.h>

#include "base/assert.h"
#include "base/half.h"

static float half_at(const unsigned char *bytes)
{
    return tj_f32_from_f16((uint16_t)(bytes[0] | bytes[1] << 8));
}

static void set_scale(tj_quant_group *g, float d, float m)
{
    g->d[0] = d;
    g->d[1] = d;
    g->m = m;
}

/* 16 bytes: low halves are the first 16 values, high halves the others. */
static void read_nibbles(tj_quant_group *g, const unsigned char *bytes)
{
    for (size_t k = 0; k < TJ_GROUP / 2; k++) {
        g->q[k] = bytes[k] & 15;
        g->q[k + TJ_GROUP / 2] = bytes[k] >> 4;
    }
}

/* Bit k of the four bytes is bit 4 of value k. */
static void add_fifth_bits(tj_quant_group *g, const unsigned char *bytes)
{
    for (size_t k = 0; k < TJ_GROUP; k++) {
        g->q[k] = (int16_t)(g->q[k] | (bytes[k / 8] >> k % 8 & 1) << 4);
    }
}

static void read_bytes(tj_quant_group *g, const unsigned char *bytes)
{
    for (size_t k = 0; k < TJ_GROUP; k++) {
        g->q[k] = (int8_t)bytes[k];
    }
}

static void shift(tj_quant_group *g, int by)
{
    for (size_t k = 0; k < TJ_GROUP; k++) {
        g->q[k] = (int16_t)(g->q[k] - by);
    }
}

/* The 6-bit scale and minimum of group g of a block of 256: twelve bytes hold the eight pairs. */
static void read_scale_min(tj_quant_group *out, const unsigned char *block, size_t g)
{
    const unsigned char *s = block + 4;
    unsigned scale;
    unsigned min;
    if (g < 4) {
        scale = s[g] & 63U;
        min = s[g + 4] & 63U;
    } else {
        unsigned low = s[g + 4];
        unsigned high_scale = s[g - 4];
        unsigned high_min = s[g];
        scale = (low & 15U) | high_scale >> 6U << 4U;
        min = low >> 4U | high_min >> 6U << 4U;
    }
    set_scale(out, half_at(block) * (float)scale, -(half_at(block + 2) * (float)min));
}

/* Groups 2 i and 2 i + 1 are the low and high halves of the same 32 bytes. */
static void read_k_nibbles(tj_quant_group *out, const unsigned char *bytes, size_t g)
{
    const unsigned char *at = bytes + g / 2 * TJ_GROUP;
    for (size_t k = 0; k < TJ_GROUP; k++) {
        out->q[k] = g % 2 == 0 ? at[k] & 15 : at[k] >> 4;
    }
}

static void read_q6_k(tj_quant_group *out, const unsigned char *block, size_t g)
{
    size_t half = g / 4; /* of the block: 128 values */
    size_t part = g % 4;
    const unsigned char *low = block + half * 64 + part % 2 * TJ_GROUP;
    const unsigned char *high = block + 128 + half * 32;
    const signed char *scales = (const signed char *)block + 192 + half * 8 + part * 2;
    float d = half_at(block + 208);
    for (size_t k = 0; k < TJ_GROUP; k++) {
        int q = part < 2 ? low[k] & 15 : low[k] >> 4;
        out->q[k] = (int16_t)((q | (high[k] >> (2 * part) & 3) << 4) - 32);
    }
    out->d[0] = d * (float)scales[0];
    out->d[1] = d * (float)scales[1];
    out->m = 0.0F;
}

void tj_quant_read(tj_quant_group *out, const unsigned char *block, tj_ggml_type type, size_t g)
{
    switch (type) {
    case TJ_GGML_Q4_0:
        set_scale(out, half_at(block), -8.0F * half_at(block));
        read_nibbles(out, block + 2);
        return;
    case TJ_GGML_Q4_1:
        set_scale(out, half_at(block), half_at(block + 2));
        read_nibbles(out, block + 4);
        return;
    case TJ_GGML_Q5_0:
        set_scale(out, half_at(block), 0.0F);
        read_nibbles(out, block + 6);
        add_fifth_bits(out, block + 2);
        shift(out, 16);
        return;
    case TJ_GGML_Q5_1:
        set_scale(out, half_at(block), half_at(block + 2));
        read_nibbles(out, block + 8);
        add_fifth_bits(out, block + 4);
        return;
    case TJ_GGML_Q8_0:
        set_scale(out, half_at(block), 0.0F);
        read_bytes(out, block + 2);
        return;
    case TJ_GGML_Q4_K:
        read_scale_min(out, block, g);
        read_k_nibbles(out, block + 16, g);
        return;
    case TJ_GGML_Q5_K:
        read_scale_min(out, block, g);
        read_k_nibbles(out, block + 48, g);
        for (size_t k = 0; k < TJ_GROUP; k++) {
            out->q[k] = (int16_t)(out->q[k] | (block[16 + k] >> g & 1) << 4);
        }
        return;
    case TJ_GGML_Q6_K:
        read_q6_k(out, block, g);
        return;
    case TJ_GGML_F32:
    case TJ_GGML_F16:
    case TJ_GGML_BF16:
        break;
    }
    TJ_ASSERT(type != TJ_GGML_F32 && type != TJ_GGML_F16 && type != TJ_GGML_BF16);
}
