/* The two half-width floats, to and from f32 by integer arithmetic: the same bits on every machine.
 * Rounding is to nearest, ties to even. */
#ifndef TJ_BASE_HALF_H
#define TJ_BASE_HALF_H

#include <stdint.h>
#include <string.h>

static inline float tj_f32_from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static inline uint32_t tj_bits_of_f32(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static inline float tj_f32_from_bf16(uint16_t h)
{
    return tj_f32_from_bits((uint32_t)h << 16);
}

/* NaNs stay NaNs. */
static inline uint16_t tj_bf16_from_f32(float f)
{
    uint32_t u = tj_bits_of_f32(f);
    if ((u & 0x7fffffffU) > 0x7f800000U) {
        return (uint16_t)(u >> 16 | 0x40U);
    }
    return (uint16_t)((u + 0x7fffU + ((u >> 16) & 1U)) >> 16);
}

/* IEEE 754 binary16: 5 bits of exponent, 10 of fraction. */
static inline float tj_f32_from_f16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000U) << 16;
    uint32_t magnitude = h & 0x7fffU;
    if (magnitude >= 0x7c00U) { /* infinity, NaN */
        return tj_f32_from_bits(sign | 0x7f800000U | (magnitude & 0x3ffU) << 13);
    }
    if (magnitude < 0x400U) { /* zero and subnormals: fraction * 2^-24 */
        float f = (float)magnitude * 0x1p-24F;
        return sign != 0 ? -f : f;
    }
    return tj_f32_from_bits(sign | ((magnitude << 13) + (112U << 23)));
}

static inline uint16_t tj_f16_from_f32(float f)
{
    uint32_t u = tj_bits_of_f32(f);
    uint16_t sign = (uint16_t)(u >> 16 & 0x8000U);
    uint32_t magnitude = u & 0x7fffffffU;
    if (magnitude > 0x7f800000U) {
        return (uint16_t)(sign | 0x7e00U | (magnitude >> 13 & 0x3ffU));
    }
    if (magnitude >= 0x477ff000U) { /* 65520 and above round to infinity */
        return (uint16_t)(sign | 0x7c00U);
    }
    if (magnitude < 0x38800000U) { /* below 2^-14: adding 0.5 leaves the fraction at 2^-24 */
        float fraction = tj_f32_from_bits(magnitude) + 0.5F;
        return (uint16_t)(sign | (uint16_t)(tj_bits_of_f32(fraction) - 0x3f000000U));
    }
    uint32_t even = magnitude >> 13 & 1U;
    return (uint16_t)(sign | (uint16_t)((magnitude - (112U << 23) + 0xfffU + even) >> 13));
}

#endif
