/* A group is read in two steps: its quants into small integers, then those times the scale. Both
 * are loops over 16 or 32 neighbours without branches, which compilers make vectors of. Nothing is
 * fused
 * (-ffp-contract=off), so that the bits are those of the reference.
 */
#include "nn/blocks.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/half.h"

/* Values of F32 are copied as they stand in the file, and eight quants are taken as one integer. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "GGUF files are little-endian");

#define SMALL 32  /* values of a block of Q4_0 … Q8_0 */
#define LARGE 256 /* values of a block of Q4_K … Q6_K, which hold eight groups */
#define GROUP TJ_GROUP

static uint16_t load_u16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static void store_u16(unsigned char *p, uint16_t v)
{
    p[0] = (unsigned char)v;
    p[1] = (unsigned char)(v >> 8);
}

static float load_scale(const unsigned char *p)
{
    return tj_f32_from_f16(load_u16(p));
}

/* ------------------------------------------------------------------ floats */

static void read_f32(float *out, const unsigned char *b, size_t n)
{
    memcpy(out, b, n * sizeof *out);
}

static void read_bf16(float *out, const unsigned char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = tj_f32_from_bf16(load_u16(b + 2 * i));
    }
}

/* tj_f32_from_f16 without its branches. The fraction and exponent, moved to their places in an f32,
 * stand for the value times 2^-112, subnormal ones too; infinities and NaNs have all bits of their
 * exponent set, and get those of an f32. */
static void read_f16(float *out, const unsigned char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t h = load_u16(b + 2 * i);
        uint32_t magnitude = (h & 0x7fffU) << 13;
        uint32_t special = magnitude >= 0x7c00U << 13 ? 0x7f800000U : 0U;
        float f = tj_f32_from_bits(magnitude) * 0x1p112F;
        out[i] = tj_f32_from_bits(tj_bits_of_f32(f) | special | (h & 0x8000U) << 16);
    }
}

/* ------------------------------------------------------------------ quants */

/* Of n bytes, the low halves are the first n values and the high halves the n after them. */
static void unpack_nibbles(uint8_t *restrict q, const unsigned char *restrict b, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        q[k] = b[k] & 15U;
        q[k + n] = b[k] >> 4;
    }
}

/* Bit k of the four bytes is bit 4 of value k. */
static void add_fifth_bits(uint8_t q[SMALL], const unsigned char *b)
{
    for (size_t i = 0; i < 4; i++) {
        /* eight copies of the byte, of each another bit; adding 127 carries it to the highest */
        uint64_t copies = b[i] * (uint64_t)0x0101010101010101U;
        uint64_t bits = (copies & (uint64_t)0x8040201008040201U) + (uint64_t)0x7f7f7f7f7f7f7f7fU;
        uint64_t values;
        memcpy(&values, q + 8 * i, sizeof values);
        values |= bits >> 3 & (uint64_t)0x1010101010101010U;
        memcpy(q + 8 * i, &values, sizeof values);
    }
}

static void set_scale(tj_quant_group *g, float d, uint8_t zero)
{
    g->d[0] = d;
    g->d[1] = d;
    g->zero = zero;
    g->has_min = false;
}

static void set_range(tj_quant_group *g, float d, float m)
{
    set_scale(g, d, 0);
    g->m = m;
    g->has_min = true;
}

/* The 6-bit scale and minimum of group g, of the twelve bytes of eight: those of the first four in
 * the low bits of s[0..4) and s[4..8); of the others the low four bits in the halves of s[8..12),
 * and the upper two above the former. */
static void unpack_scale(uint8_t *scale, uint8_t *min, const unsigned char *s, size_t g)
{
    if (g < 4) {
        *scale = s[g] & 63U;
        *min = s[4 + g] & 63U;
    } else {
        *scale = (uint8_t)((s[4 + g] & 15U) | (s[g - 4] & 0xc0U) >> 2);
        *min = (uint8_t)(s[4 + g] >> 4 | (s[g] & 0xc0U) >> 2);
    }
}

/* { f16 d, dmin; scales and minima[12]; … }, with nibbles[4][32] at some place: each 32 bytes hold
 * two groups; d scale q - dmin min. */
static void read_k_group(tj_quant_group *out, const unsigned char *b, const unsigned char *nibbles,
                         size_t g)
{
    uint8_t scale;
    uint8_t min;
    uint8_t both[2 * GROUP];
    unpack_nibbles(both, nibbles + g / 2 * GROUP, GROUP);
    memcpy(out->q, both + g % 2 * GROUP, GROUP);
    unpack_scale(&scale, &min, b + 4, g);
    set_range(out, load_scale(b) * (float)scale, -(load_scale(b + 2) * (float)min));
}

/* { nibbles[2][64]; upper bits[2][32]; signed scales[16]; f16 d }: d scale (q - 32), a scale for
 * each 16 values. In each half of the block, bits 2 g and 2 g + 1 of upper byte k belong to value k
 * of its group g. */
static void read_q6_k(tj_quant_group *out, const unsigned char *b, size_t group)
{
    uint8_t all[LARGE / 2];
    size_t g = group % 4;
    const unsigned char *upper = b + 128 + group / 4 * GROUP;
    float d = load_scale(b + 208);
    unpack_nibbles(all, b + group / 4 * 64, 64);
    for (size_t k = 0; k < GROUP; k++) {
        out->q[k] = all[g * GROUP + k] | (uint8_t)((upper[k] >> 2 * g & 3U) << 4);
    }
    set_scale(out, 0.0F, 32);
    out->d[0] = d * (float)(int8_t)b[192 + 2 * group];
    out->d[1] = d * (float)(int8_t)b[192 + 2 * group + 1];
}

void tj_quant_read(tj_quant_group *out, const unsigned char *b, tj_ggml_type type, size_t g)
{
    switch (type) {
    case TJ_GGML_Q4_0: /* { f16 d; nibbles[16] }: d (q - 8) */
        unpack_nibbles(out->q, b + 2, GROUP / 2);
        set_scale(out, load_scale(b), 8);
        return;
    case TJ_GGML_Q4_1: /* { f16 d, m; nibbles[16] }: d q + m */
        unpack_nibbles(out->q, b + 4, GROUP / 2);
        set_range(out, load_scale(b), load_scale(b + 2));
        return;
    case TJ_GGML_Q5_0: /* { f16 d; fifth bits[4]; nibbles[16] }: d (q - 16) */
        unpack_nibbles(out->q, b + 6, GROUP / 2);
        add_fifth_bits(out->q, b + 2);
        set_scale(out, load_scale(b), 16);
        return;
    case TJ_GGML_Q5_1: /* { f16 d, m; fifth bits[4]; nibbles[16] }: d q + m */
        unpack_nibbles(out->q, b + 8, GROUP / 2);
        add_fifth_bits(out->q, b + 4);
        set_range(out, load_scale(b), load_scale(b + 2));
        return;
    case TJ_GGML_Q8_0: /* { f16 d; signed bytes[32] }: d q */
        for (size_t k = 0; k < GROUP; k++) {
            out->q[k] = b[2 + k] ^ 128U;
        }
        set_scale(out, load_scale(b), 128);
        return;
    case TJ_GGML_Q4_K: /* { …[16]; nibbles[4][32] } */
        read_k_group(out, b, b + 16, g);
        return;
    case TJ_GGML_Q5_K: /* { …[16]; fifth bits[32]; nibbles[4][32] }: bit g of byte k is value k's */
        read_k_group(out, b, b + 48, g);
        for (size_t k = 0; k < GROUP; k++) {
            out->q[k] |= (uint8_t)((b[16 + k] >> g & 1U) << 4);
        }
        return;
    case TJ_GGML_Q6_K:
        read_q6_k(out, b, g);
        return;
    case TJ_GGML_F32:
    case TJ_GGML_F16:
    case TJ_GGML_BF16:
        break;
    }
    TJ_ASSERT(type != TJ_GGML_F32 && type != TJ_GGML_F16 && type != TJ_GGML_BF16);
}

static void read_group(float *restrict out, const unsigned char *b, tj_ggml_type type, size_t g)
{
    tj_quant_group group;
    tj_quant_read(&group, b, type, g);
    if (group.has_min) {
        for (size_t k = 0; k < GROUP; k++) {
            out[k] = group.d[0] * (float)group.q[k] + group.m;
        }
        return;
    }
    for (size_t half = 0; half < 2; half++) {
        for (size_t k = half * GROUP / 2; k < (half + 1) * GROUP / 2; k++) {
            out[k] = group.d[half] * (float)(group.q[k] - group.zero);
        }
    }
}

void tj_blocks_to_f32(float *out, const void *bytes, tj_ggml_type type, size_t n)
{
    const unsigned char *b = bytes;
    size_t n_values = tj_ggml_block_values(type);
    size_t n_bytes = tj_ggml_block_bytes(type);
    TJ_ASSERT(n % n_values == 0);
    if (type == TJ_GGML_F32) {
        read_f32(out, b, n);
    } else if (type == TJ_GGML_F16) {
        read_f16(out, b, n);
    } else if (type == TJ_GGML_BF16) {
        read_bf16(out, b, n);
    } else {
        for (size_t at = 0; at < n; at += GROUP) {
            read_group(out + at, b + at / n_values * n_bytes, type, at % n_values / GROUP);
        }
    }
}

/* ------------------------------------------------------------------ writing */

/* Each gives false where a finite value, or the scale that it needs, becomes infinite. */

static bool is_finite_f16(uint16_t h)
{
    return (h & 0x7c00U) != 0x7c00U;
}

static bool write_f32(unsigned char *b, const float *x)
{
    memcpy(b, x, sizeof *x);
    return true;
}

static bool write_f16(unsigned char *b, const float *x)
{
    uint16_t h = tj_f16_from_f32(*x);
    store_u16(b, h);
    return is_finite_f16(h);
}

static bool write_bf16(unsigned char *b, const float *x)
{
    uint16_t h = tj_bf16_from_f32(*x);
    store_u16(b, h);
    return (h & 0x7f80U) != 0x7f80U;
}

static float inverse(float d)
{
    return d == 0.0F ? 0.0F : 1.0F / d;
}

/* Cuts the fraction off and keeps to [0, top]. A scale so small that its inverse is infinite is 0
 * in f16, and its quants do not matter; but an infinity or NaN must not be converted. */
static uint8_t quant(float v, uint8_t top)
{
    if (!(v < (float)top)) {
        return top;
    }
    return v > 0.0F ? (uint8_t)v : 0;
}

/* The value of the largest magnitude, with its sign; the first of several. */
static float largest(const float *x)
{
    float max = x[0];
    for (size_t k = 1; k < SMALL; k++) {
        max = fabsf(x[k]) > fabsf(max) ? x[k] : max;
    }
    return max;
}

static void pack_nibbles(unsigned char *b, const uint8_t q[SMALL])
{
    for (size_t k = 0; k < SMALL / 2; k++) {
        b[k] = (unsigned char)((q[k] & 15U) | (q[k + SMALL / 2] & 15U) << 4);
    }
}

static void pack_fifth_bits(unsigned char *b, const uint8_t q[SMALL])
{
    memset(b, 0, 4);
    for (size_t k = 0; k < SMALL; k++) {
        b[k / 8] |= (unsigned char)(q[k] >> 4 << k % 8);
    }
}

/* q of d (q - half), where the value of the largest magnitude becomes 0: the range below zero is
 * one longer than that above. */
static bool quantise(unsigned char *scale_at, uint8_t q[SMALL], const float *x, uint8_t half)
{
    float d = largest(x) / -(float)half;
    float by = inverse(d);
    for (size_t k = 0; k < SMALL; k++) {
        q[k] = quant(x[k] * by + ((float)half + 0.5F), (uint8_t)(2 * half - 1));
    }
    uint16_t h = tj_f16_from_f32(d);
    store_u16(scale_at, h);
    return is_finite_f16(h);
}

/* q of d q + m in [0, top]; m is the least value. */
static bool quantise_range(unsigned char *scales_at, uint8_t q[SMALL], const float *x, uint8_t top)
{
    float min = x[0];
    float max = x[0];
    for (size_t k = 1; k < SMALL; k++) {
        min = x[k] < min ? x[k] : min;
        max = x[k] > max ? x[k] : max;
    }
    float d = (max - min) / (float)top;
    float by = inverse(d);
    for (size_t k = 0; k < SMALL; k++) {
        q[k] = quant((x[k] - min) * by + 0.5F, top);
    }
    uint16_t h_d = tj_f16_from_f32(d);
    uint16_t h_m = tj_f16_from_f32(min);
    store_u16(scales_at, h_d);
    store_u16(scales_at + 2, h_m);
    return is_finite_f16(h_d) && is_finite_f16(h_m);
}

static bool write_q4_0(unsigned char *b, const float *x)
{
    uint8_t q[SMALL];
    bool fits = quantise(b, q, x, 8);
    pack_nibbles(b + 2, q);
    return fits;
}

static bool write_q4_1(unsigned char *b, const float *x)
{
    uint8_t q[SMALL];
    bool fits = quantise_range(b, q, x, 15);
    pack_nibbles(b + 4, q);
    return fits;
}

static bool write_q5_0(unsigned char *b, const float *x)
{
    uint8_t q[SMALL];
    bool fits = quantise(b, q, x, 16);
    pack_fifth_bits(b + 2, q);
    pack_nibbles(b + 6, q);
    return fits;
}

static bool write_q5_1(unsigned char *b, const float *x)
{
    uint8_t q[SMALL];
    bool fits = quantise_range(b, q, x, 31);
    pack_fifth_bits(b + 4, q);
    pack_nibbles(b + 8, q);
    return fits;
}

/* To the nearest integer, ties away from zero; kept to [-127, 127], see quant. */
static int8_t round_quant(float v)
{
    if (!(fabsf(v) < 127.0F)) {
        return v < 0.0F ? -127 : 127;
    }
    int whole = (int)v;
    float rest = v - (float)whole; /* exact */
    return (int8_t)(whole + (rest >= 0.5F) - (rest <= -0.5F));
}

static bool write_q8_0(unsigned char *b, const float *x)
{
    float d = fabsf(largest(x)) / 127.0F;
    float by = inverse(d);
    for (size_t k = 0; k < SMALL; k++) {
        b[2 + k] = (unsigned char)round_quant(x[k] * by);
    }
    uint16_t h = tj_f16_from_f32(d);
    store_u16(b, h);
    return is_finite_f16(h);
}

static size_t find_not_finite(const float *x, size_t n)
{
    size_t i = 0;
    while (i < n && isfinite(x[i])) {
        i++;
    }
    return i;
}

tj_code tj_blocks_from_f32(void *out, const float *src, tj_ggml_type type, size_t n, tj_err *err)
{
    bool (*write_block)(unsigned char *block, const float *values) = NULL;
    unsigned char *b = out;
    size_t n_values = tj_ggml_block_values(type);
    size_t n_bytes = tj_ggml_block_bytes(type);
    TJ_ASSERT(n % n_values == 0);
    switch (type) {
    case TJ_GGML_F32:
        write_block = write_f32;
        break;
    case TJ_GGML_F16:
        write_block = write_f16;
        break;
    case TJ_GGML_BF16:
        write_block = write_bf16;
        break;
    case TJ_GGML_Q4_0:
        write_block = write_q4_0;
        break;
    case TJ_GGML_Q4_1:
        write_block = write_q4_1;
        break;
    case TJ_GGML_Q5_0:
        write_block = write_q5_0;
        break;
    case TJ_GGML_Q5_1:
        write_block = write_q5_1;
        break;
    case TJ_GGML_Q8_0:
        write_block = write_q8_0;
        break;
    case TJ_GGML_Q4_K:
    case TJ_GGML_Q5_K:
    case TJ_GGML_Q6_K:
        return tj_fail(err, TJ_E_INVAL, "cannot write values as %s: it is only read",
                       tj_ggml_type_name((int)type));
    }
    for (size_t i = 0; i < n; i += n_values, b += n_bytes) {
        size_t wrong = find_not_finite(src + i, n_values);
        if (wrong < n_values) {
            return tj_fail(err, TJ_E_NUMERIC, "cannot write values as %s: value %zu is %f",
                           tj_ggml_type_name((int)type), i + wrong, (double)src[i + wrong]);
        }
        if (!write_block(b, src + i)) {
            return tj_fail(err, TJ_E_NUMERIC,
                           "cannot write values as %s: of the %zu from %zu on, some are too large",
                           tj_ggml_type_name((int)type), n_values, i);
        }
    }
    return TJ_OK;
}
