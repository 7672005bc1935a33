/* Row and tile kernels of the decoder: everything between the matrix products. Internal to nn.
 *
 * One source (kernels.inc) is compiled once per instruction set and chosen at start through a table
 * of function pointers. All sums are in f32 or wider; bf16 is a storage type only. "act" arrays are
 * f32 or bf16 as their dtype says. Leading dimensions (ld…) are in values.
 *
 * Threads: pure functions of their arguments.
 */
#ifndef TJ_NN_KERNELS_H
#define TJ_NN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/nn.h"

/* Tiles of attention: queries and keys of one block of scores. */
#define TJ_ATT_Q       32
#define TJ_ATT_K       64
/* Bytes of a row that mm_panel fetches: two cache lines, a row of a panel. */
#define TJ_AHEAD_BYTES 128

/* C [m, n] = sums so far + A [m, k] * B [k, n] of pairs of bf16, n 16 or 32, m and k (in cells)
 * multiples of 8: element (i, p) of A at a[i * rsa + p * csa], B [k][n] without gaps. */
typedef struct tj_mm_panel {
    size_t m, n, k;
    const uint32_t *a;
    size_t rsa, csa;
    const uint32_t *b;
    const float *from; /* the sums so far, which may be C itself; NULL: none */
    size_t ld_from;
    void *c; /* in f32 or bf16, as `out` says */
    size_t ldc;
    tj_dtype out;
    /* What is wanted after this: n_next rows of TJ_AHEAD_BYTES, next_stride bytes apart, which are
     * fetched into the second cache meanwhile, wherever they lie. */
    const void *next;
    size_t next_stride, n_next;
} tj_mm_panel;

typedef struct tj_kernels {
    const char *isa; /* "amx", "avx512bf16", "avx512", "avx2", "generic" */
    bool pairs; /* the CPU multiplies pairs of bf16: mm of bf16 is worth more than one of f32 */
    bool tiles; /* mm of bf16 runs in tile registers, where its sizes are multiples of theirs and A
                 * stands by rows */

    /* dst[i] = src[i], converted (round to nearest even). */
    void (*to_act)(void *dst, tj_dtype dtype, const float *src, size_t n);
    void (*from_act)(float *dst, const void *src, tj_dtype dtype, size_t n);

    /* y = x * rstd * (w + plus) with rstd = 1/sqrt(mean(x^2) + eps) (Zhang & Sennrich 2019), row by
     * row; rstd [rows] may be NULL. */
    void (*rmsnorm)(void *y, tj_dtype dtype, float *rstd, const float *x, const float *w,
                    float plus, double eps, size_t rows, size_t width);
    /* dx += d(loss)/dx; dw += sum over rows of dy * x * rstd. */
    void (*rmsnorm_bwd)(float *dx, float *dw, const float *dy, const float *x, const float *w,
                        float plus, double eps, size_t rows, size_t width);

    /* Rotates pairs (i, i + D/2) of each head (the Llama half-split form): sign +1 forward, -1 for
     * the gradient. x [rows, n_heads * D] with row stride ld; pos [rows]; table [pos][D/2] of
     * (cos, sin) pairs. */
    void (*rope)(float *x, size_t ld, const uint32_t *pos, const float *table, size_t rows,
                 size_t n_heads, size_t head_dim, float sign);

    /* act = f(gate) * up; gu [rows, 2F] with row stride ld: gate then up
     * (Shazeer 2020). */
    void (*glu)(void *act, const void *gu, size_t ld, tj_dtype dtype, tj_activation f, size_t rows,
                size_t ffn);
    /* Gives act again beside the derivatives. */
    void (*glu_bwd)(void *dgu, void *act, const void *gu, size_t ld, const float *dact,
                    tj_dtype dtype, tj_activation f, size_t rows, size_t ffn);

    void (*add)(float *dst, const float *src, size_t n); /* dst += src */
    void (*axpy)(float *dst, float a, const float *src, size_t n);
    double (*dot)(const float *a, const float *b, size_t n); /* in double */
    double (*sum_squares)(const float *x, size_t n);         /* in double */

    /* *max = max(x), *sum = sum(exp(x - *max)). */
    void (*max_sum_exp)(float *max, double *sum, const float *x, size_t n);
    /* dst = scale * exp(x - lse), converted. dst may be x where dtype is f32. */
    void (*softmax_scale)(void *dst, tj_dtype dtype, const float *x, float lse, float scale,
                          size_t n);

    /* Attention's operands are arrays of 4-byte cells along the inner dimension k: a cell is one
     * f32, or the bf16 of two successive k. Rows of activations are such cells as they lie.
     *
     * C [m, n] (+)= A [m, k] * B [k, n], k in cells: element (i, p) of A at a[i * rsa + p * csa],
     * (p, j) of B at b[p * ldb + j]; m a multiple of 4, n of 16. */
    void (*mm)(float *c, size_t ldc, const void *a, size_t rsa, size_t csa, const void *b,
               size_t ldb, size_t m, size_t n, size_t k, tj_dtype dtype, int accumulate);
    /* The same for a panel of a large product; NULL unless `pairs`. */
    void (*mm_panel)(const tj_mm_panel *panel);
    /* B with rows of src [rows, cols] as inner dimension: cells [out_rows (/ 2)][out_cols], zero
     * past rows and cols. out_cols a multiple of 16, out_rows even. */
    void (*pack_rows)(void *dst, const void *src, size_t ld, size_t rows, size_t cols,
                      size_t out_cols, size_t out_rows, tj_dtype dtype);
    /* B with columns of src as inner dimension: cells [cols (/ 2), up to a multiple of 16]
     * [out_rows], zero past rows. out_rows a multiple of 16, cols and ld even where bf16. */
    void (*pack_cols)(void *dst, const void *src, size_t ld, size_t rows, size_t cols,
                      size_t out_rows, tj_dtype dtype);
    /* out[r] = a[r] . b[r] over cols. */
    void (*row_dots)(float *out, const void *a, size_t lda, const void *b, size_t ldb,
                     tj_dtype dtype, size_t rows, size_t cols);

    /* Blocks of scores s [rows, TJ_ATT_K].
     * Hides with -INFINITY what queries q0.. do not see among keys k0..: forest.h's rule; end,
     * key_pos [TJ_ATT_K], query_pos [rows]. */
    void (*mask_block)(float *s, const uint32_t *end, const uint32_t *key_pos,
                       const uint32_t *query_pos, size_t q0, size_t k0, uint32_t window,
                       size_t rows);
    /* One block of online softmax, to the base 2: p = 2^(scale * s - m_new), as act; m, l [rows]
     * are updated; corr [rows] is 2^(m_old - m_new). p may be s where dtype is f32. */
    void (*softmax_block)(void *p, tj_dtype dtype, const float *s, float scale, float *m, float *l,
                          float *corr, size_t rows);
    /* x[r] *= by[r]; width a multiple of 16. */
    void (*scale_rows)(float *x, const float *by, size_t rows, size_t width);
    /* p = 2^(scale * s - lse[row]) and ds = p * (dp - delta[row]) as left operands of products: ds
     * as act, and both with their rows as inner dimension: cells [rows (/ 2)][TJ_ATT_K]. A row with
     * lse = INFINITY gives zeros; rows even. In f32 ds and ds_columns are one array, p_columns may
     * be s, and they may be dp. */
    void (*softmax_bwd_block)(void *p_columns, void *ds, void *ds_columns, const float *s,
                              const float *dp, float scale, const float *lse, const float *delta,
                              size_t rows, tj_dtype dtype);

    /* AdamW on n values (Loshchilov & Hutter 2019, alg. 2); step_size = lr / (1 - beta1^t),
     * inv_bc2 = 1 / (1 - beta2^t), shrink = 1 - lr * decay, gscale multiplies gradients, which are
     * then zeroed. */
    void (*adamw)(float *w, float *g, float *m, float *v, size_t n, float gscale, float beta1,
                  float beta2, float eps, float step_size, float inv_bc2, float shrink);
} tj_kernels;

/* The best table of this CPU, chosen once; TABIJI_ISA=generic|avx2|avx512|avx512bf16|amx in the
 * environment forces a lower one, for tests. */
const tj_kernels *tj_kernels_get(void);

extern const tj_kernels tj_kernels_generic;
extern const tj_kernels tj_kernels_avx2;
extern const tj_kernels tj_kernels_avx512;
extern const tj_kernels tj_kernels_avx512bf16;
extern const tj_kernels tj_kernels_amx;

#endif
