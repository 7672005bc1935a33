/* A block is read in two steps: its quants into small integers, then those times the scale. Both
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
#define LARGE 256 /* values of a block of Q4_K … Q6_K: */
#define GROUP 32  /* in groups of so many */

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

/* out = d (q - zero) */
static void scale(float *restrict out, const uint8_t *restrict q, size_t n, float d, int zero)
{
    for (size_t k = 0; k < n; k++) {
        out[k] = d * (float)(q[k] - zero);
    }
}

/* out = d q + m */
static void scale_add(float *restrict out, const uint8_t *restrict q, size_t n, float d, float m)
{
    for (size_t k = 0; k < n; k++) {
        out[k] = d * (float)q[k] + m;
    }
}

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

/* { f16 d; nibbles[16] }: d (q - 8) */
static void read_q4_0(float *out, const unsigned char *b)
{
    uint8_t q[SMALL];
    unpack_nibbles(q, b + 2, SMALL / 2);
    scale(out, q, SMALL, load_scale(b), 8);
}

/* { f16 d, m; nibbles[16] }: d q + m */
static void read_q4_1(float *out, const unsigned char *b)
{
    uint8_t q[SMALL];
    unpack_nibbles(q, b + 4, SMALL / 2);
    scale_add(out, q, SMALL, load_scale(b), load_scale(b + 2));
}

/* { f16 d; fifth bits[4]; nibbles[16] }: d (q - 16) */
static void read_q5_0(float *out, const unsigned char *b)
{
    uint8_t q[SMALL];
    unpack_nibbles(q, b + 6, SMALL / 2);
    add_fifth_bits(q, b + 2);
    scale(out, q, SMALL, load_scale(b), 16);
}

/* { f16 d, m; fifth bits[4]; nibbles[16] }: d q + m */
static void read_q5_1(float *out, const unsigned char *b)
{
    uint8_t q[SMALL];
    unpack_nibbles(q, b + 8, SMALL / 2);
    add_fifth_bits(q, b + 4);
    scale_add(out, q, SMALL, load_scale(b), load_scale(b + 2));
}

/* { f16 d; signed bytes[32] }: d q */
static void read_q8_0(float *out, const unsigned char *b)
{
    float d = load_scale(b);
    for (size_t k = 0; k < SMALL; k++) {
        out[k] = d * (float)(int8_t)b[2 + k];
    }
}

/* The 6-bit scale and minimum of each of eight groups, in twelve bytes: those of the first four in
 * the low bits of s[0..4) and s[4..8); of the others the low four bits in the halves of s[8..12),
 * and the upper two above the former. */
static void unpack_scales(uint8_t scales[8], uint8_t mins[8], const unsigned char *s)
{
    for (size_t i = 0; i < 4; i++) {
        scales[i] = s[i] & 63U;
        mins[i] = s[4 + i] & 63U;
        scales[4 + i] = (uint8_t)((s[8 + i] & 15U) | (s[i] & 0xc0U) >> 2);
        mins[4 + i] = (uint8_t)(s[8 + i] >> 4 | (s[4 + i] & 0xc0U) >> 2);
    }
}

/* { f16 d, dmin; scales and minima[12]; … }: d scale q - dmin min for each group. */
static void scale_groups(float *out, const uint8_t q[LARGE], const unsigned char *b)
{
    uint8_t scales[8];
    uint8_t mins[8];
    float d = load_scale(b);
    float d_min = load_scale(b + 2);
    unpack_scales(scales, mins, b + 4);
    for (size_t g = 0; g < LARGE / GROUP; g++) {
        scale_add(out + g * GROUP, q + g * GROUP, GROUP, d * (float)scales[g],
                  -(d_min * (float)mins[g]));
    }
}

/* { …[16]; nibbles[4][32] }: each 32 bytes hold two groups. */
static void read_q4_k(float *out, const unsigned char *b)
{
    uint8_t q[LARGE];
    for (size_t i = 0; i < 4; i++) {
        unpack_nibbles(q + 2 * i * GROUP, b + 16 + i * GROUP, GROUP);
    }
    scale_groups(out, q, b);
}

/* { …[16]; fifth bits[32]; nibbles[4][32] }: bit g of byte k belongs to value k of group g. */
static void read_q5_k(float *out, const unsigned char *b)
{
    uint8_t q[LARGE];
    for (size_t i = 0; i < 4; i++) {
        unpack_nibbles(q + 2 * i * GROUP, b + 48 + i * GROUP, GROUP);
    }
    for (size_t g = 0; g < LARGE / GROUP; g++) {
        for (size_t k = 0; k < GROUP; k++) {
            q[g * GROUP + k] |= (uint8_t)((b[16 + k] >> g & 1U) << 4);
        }
    }
    scale_groups(out, q, b);
}

/* { nibbles[2][64]; upper bits[2][32]; signed scales[16]; f16 d }: d scale (q - 32), a scale for
 * each 16 values. In each half of the block, bits 2 g and 2 g + 1 of upper byte k belong to value k
 * of its group g. */
static void read_q6_k(float *out, const unsigned char *b)
{
    uint8_t q[LARGE];
    const unsigned char *scales = b + 192;
    float d = load_scale(b + 208);
    for (size_t half = 0; half < 2; half++) {
        uint8_t *to = q + half * LARGE / 2;
        const unsigned char *upper = b + 128 + half * GROUP;
        unpack_nibbles(to, b + half * 64, 64);
        for (size_t g = 0; g < 4; g++) {
            for (size_t k = 0; k < GROUP; k++) {
                to[g * GROUP + k] |= (uint8_t)((upper[k] >> 2 * g & 3U) << 4);
            }
        }
    }
    for (size_t i = 0; i < 16; i++) {
        scale(out + 16 * i, q + 16 * i, 16, d * (float)(int8_t)scales[i], 32);
    }
}

void tj_blocks_to_f32(float *out, const void *bytes, tj_ggml_type type, size_t n)
{
    void (*read_block)(float *out, const unsigned char *block) = NULL;
    const unsigned char *b = bytes;
    size_t n_values = tj_ggml_block_values(type);
    size_t n_bytes = tj_ggml_block_bytes(type);
    TJ_ASSERT(n % n_values == 0);
    switch (type) {
    case TJ_GGML_F32:
        read_f32(out, b, n);
        return;
    case TJ_GGML_F16:
        read_f16(out, b, n);
        return;
    case TJ_GGML_BF16:
        read_bf16(out, b, n);
        return;
    case TJ_GGML_Q4_0:
        read_block = read_q4_0;
        break;
    case TJ_GGML_Q4_1:
        read_block = read_q4_1;
        break;
    case TJ_GGML_Q5_0:
        read_block = read_q5_0;
        break;
    case TJ_GGML_Q5_1:
        read_block = read_q5_1;
        break;
    case TJ_GGML_Q8_0:
        read_block = read_q8_0;
        break;
    case TJ_GGML_Q4_K:
        read_block = read_q4_k;
        break;
    case TJ_GGML_Q5_K:
        read_block = read_q5_k;
        break;
    case TJ_GGML_Q6_K:
        read_block = read_q6_k;
        break;
    }
    for (size_t i = 0; i < n / n_values; i++) {
        read_block(out + i * n_values, b + i * n_bytes);
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
