/* Vectors for kernels that are compiled once per instruction set (nn/kernels.inc,
 * infer/infer_kernels.inc); included by nothing else.
 *
 * `vf` has 16 lanes on every machine, so that a sum over lanes has the same order everywhere. The
 * compiler keeps vectors wider than the machine's registers in memory between operations; `vm` is
 * the machine's own, for what is long (exp) or many (products).
 *
 * Threads: pure functions of their arguments.
 */
#ifndef TJ_BASE_LANES_H
#define TJ_BASE_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define LANES 16
typedef float vf __attribute__((vector_size(64)));
typedef int32_t vi __attribute__((vector_size(64)));
typedef uint32_t vu __attribute__((vector_size(64)));
typedef float vfu __attribute__((vector_size(64), aligned(4), may_alias));
typedef float v8 __attribute__((vector_size(32)));
typedef float v4 __attribute__((vector_size(16)));
typedef uint16_t vh __attribute__((vector_size(32)));
typedef uint16_t vhu __attribute__((vector_size(32), aligned(2), may_alias));

#if defined(__AVX512F__)
#define OWN_BYTES 64
#define STRIP     4 /* vectors of a strip of products: with four rows 16 of 32 registers */
#elif defined(__AVX2__)
#define OWN_BYTES 32
#define STRIP     2 /* 8 of 16 registers */
#else
#define OWN_BYTES 16
#define STRIP     2
#endif
#define OWN_LANES (OWN_BYTES / sizeof(float))
#define N_OWN     (LANES / OWN_LANES)
typedef float vm __attribute__((vector_size(OWN_BYTES)));
typedef int32_t vmi __attribute__((vector_size(OWN_BYTES)));
typedef uint32_t vmu __attribute__((vector_size(OWN_BYTES)));
typedef float vml __attribute__((vector_size(OWN_BYTES), aligned(4), may_alias));
typedef uint16_t vmh __attribute__((vector_size(OWN_BYTES / 2)));
typedef uint16_t vmhl __attribute__((vector_size(OWN_BYTES / 2), aligned(2), may_alias));

/* Before a loop with a constant number of turns, at most 16: all of them are written out, so that
 * what depends on the turn is constant in each. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* For functions whose size parameters are constants wherever they are called, so that their small
 * loops disappear. */
#define ALWAYS_INLINE __attribute__((always_inline)) static inline

#define LOW8(v)  __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7)
#define HIGH8(v) __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)
#define LOW4(v)  __builtin_shufflevector(v, v, 0, 1, 2, 3)
#define HIGH4(v) __builtin_shufflevector(v, v, 4, 5, 6, 7)

static inline vf splat(float x)
{
    return (vf){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}

static inline vf load(const float *p)
{
    return *(const vfu *)p;
}

static inline void store(float *p, vf v)
{
    *(vfu *)p = v;
}

static inline vf select_vf(vi mask, vf a, vf b) /* mask lanes are 0 or -1 */
{
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

static inline vf max_vf(vf a, vf b) /* b where one is not a number */
{
#if defined(__AVX512F__)
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#else
    return select_vf(a > b, a, b);
#endif
}

/* Lane i joined with lane i + 8, then i + 4, i + 2, i + 1. */
static inline float lanes_sum(vf v)
{
    v8 h = LOW8(v) + HIGH8(v);
    v4 q = LOW4(h) + HIGH4(h);
    return (q[0] + q[2]) + (q[1] + q[3]);
}

static inline float lanes_max(vf v)
{
    v = max_vf(v,
               __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    v = max_vf(v,
               __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    float m = v[0] > v[2] ? v[0] : v[2];
    float n = v[1] > v[3] ? v[1] : v[3];
    return m > n ? m : n;
}

static inline vm own(float x) /* in every lane */
{
    return x - (vm){0};
}

static inline vm load_own(const float *p)
{
    return *(const vml *)p;
}

static inline void store_own(float *p, vm v)
{
    *(vml *)p = v;
}

static inline vm select_vm(vmi mask, vm a, vm b)
{
    return (vm)((mask & (vmi)a) | (~mask & (vmi)b));
}

/* a b + c, with one rounding where the instruction set has that. Asked for by name: a compiler that
 * fuses as it likes may do so for eight rows and not for one. */
ALWAYS_INLINE vm fused(vm a, vm b, vm c)
{
#if defined(__AVX512F__)
    return (vm)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
    return (vm)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

/* exp(x) to 2 ulp for x in [-87, 88]; below, 0; above, clamped. Cody-Waite reduction and the
 * degree-6 minimax polynomial on [-ln2/2, ln2/2] with coefficients as in Cephes expf. */
static inline vm exp_vm(vm x)
{
    vmi tiny = x < own(-87.0F);
    x = select_vm(x > own(88.0F), own(88.0F), x);
    x = select_vm(tiny, own(-87.0F), x);
    const vm magic = own(12582912.0F); /* 1.5 * 2^23: adding rounds to an integer */
    vm t = x * own(1.44269504088896341F) + magic;
    vm n = t - magic;
    vm r = x - n * own(0.693359375F);
    r = r - n * own(-2.12194440e-4F);
    vm p = own(1.9875691500e-4F);
    p = p * r + own(1.3981999507e-3F);
    p = p * r + own(8.3334519073e-3F);
    p = p * r + own(4.1665795894e-2F);
    p = p * r + own(1.6666665459e-1F);
    p = p * r + own(5.0000001201e-1F);
    p = p * r * r + r + own(1.0F);
    vmi e = (vmi)(((vmu)t - (vmu)magic) << 23);
    vm y = (vm)((vmi)p + e);
    return select_vm(tiny, own(0.0F), y);
}

/* f, which is known where this is called, of each of the machine's own vectors in x. */
ALWAYS_INLINE vf by_parts(vm (*const f)(vm), vf x)
{
    vm part[N_OWN];
    memcpy(part, &x, sizeof x);
    for (size_t i = 0; i < N_OWN; i++) {
        part[i] = f(part[i]);
    }
    memcpy(&x, part, sizeof x);
    return x;
}

static inline vf exp_vf(vf x)
{
    return by_parts(exp_vm, x);
}

/* 2^x to 1.3 ulp (1 where products and sums fuse) for x in [-125, 127]; below, 0; above, clamped.
 * With x = n + r, n whole, 2^r is a polynomial 1 + r q(r), fitted on [-1/2, 1/2] by least squares
 * weighted anew until its largest error was least. */
static inline vm exp2_vm(vm x)
{
#if defined(__AVX512F__)
    x = (vm)_mm512_min_ps(_mm512_set1_ps(127.0F), (__m512)x); /* the latter where it is NaN */
    vm n = (vm)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    vmi tiny = x < own(-125.0F);
    x = select_vm(x > own(127.0F), own(127.0F), x);
    x = select_vm(tiny, own(-125.0F), x);
    const vm magic = own(12582912.0F); /* 1.5 * 2^23: adding rounds to an integer */
    vm t = x + magic;
    vm n = t - magic;
#endif
    vm r = x - n;
    vm p = own(1.535349147e-4F);
    p = p * r + own(1.339891693e-3F);
    p = p * r + own(9.618436918e-3F);
    p = p * r + own(5.550332367e-2F);
    p = p * r + own(2.402264774e-1F);
    p = p * r + own(6.931471825e-1F);
    p = p * r + own(1.0F);
#if defined(__AVX512F__)
    __mmask16 counts = _mm512_cmp_ps_mask((__m512)x, _mm512_set1_ps(-125.0F), _CMP_NLT_UQ);
    return (vm)_mm512_maskz_scalef_ps(counts, (__m512)p, (__m512)n);
#else
    vm y = (vm)((vmi)p + (vmi)(((vmu)t - (vmu)magic) << 23));
    return select_vm(tiny, own(0.0F), y);
#endif
}

static inline vf exp2_vf(vf x)
{
    return by_parts(exp2_vm, x);
}

#endif
