/* Kernels of generation: scores and weighted sums of attention over KV blocks, and exponentials for
 * the sampler. Internal to infer.
 *
 * One source (infer_kernels.inc) is compiled once per instruction set and chosen at start through a
 * table of function pointers. The same table gives the same bits.
 *
 * Threads: pure functions of their arguments.
 */
#ifndef TJ_INFER_INFER_KERNELS_H
#define TJ_INFER_INFER_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Tokens of one vector of scores; the tokens of a KV block are a multiple of it, and so is the
 * padded width of a value row. */
#define TJ_KV_LANES 16

typedef struct tj_infer_kernels {
    const char *isa; /* "avx512", "avx2", "generic" */

    /* s[h * ld + i] = sum over d of q[h * D + d] * k[d, slot + i] for the n tokens from `slot` on
     * of a block whose keys are k [D, T]. May write up to TJ_KV_LANES values past the n. A token's
     * score depends on q and its key alone: not on slot, n or its neighbours. [0]: keys in f32;
     * [1]: in bf16. */
    void (*scores[2])(float *s, size_t ld, const float *q, const void *k, size_t slot, size_t n,
                      size_t n_heads, size_t head_dim, size_t block_tokens);

    /* s[0 .. n) becomes exp(s - max), zero up to the next multiple of TJ_KV_LANES; returns the
     * sum, joined in a fixed order. exp is right to 2 ulp. */
    float (*softmax)(float *s, size_t n);

    /* acc[h, :] += s[h * ld + i] * v[i, :] for i = 0 .. n-1 in turn; v [n, width] in f32 or bf16,
     * acc [n_heads, width], width a multiple of TJ_KV_LANES. */
    void (*weighted[2])(float *acc, const float *s, size_t ld, const void *v, size_t n,
                        size_t n_heads, size_t width);

    /* The largest of x; NaN if any is NaN. */
    float (*max)(const float *x, size_t n);

    /* w[i] = exp((x[i] - max) * inv_temp) in double, relative error below 2^-50; w may be NULL.
     * Returns their sum, joined in a fixed order. (x[i] - max) * inv_temp <= 0. */
    double (*exp_sum)(double *w, const float *x, size_t n, double max, double inv_temp);
} tj_infer_kernels;

/* The best table of this CPU, chosen once; TABIJI_ISA=generic|avx2|avx512 in the environment forces
 * a lower one, for tests. */
const tj_infer_kernels *tj_infer_kernels_get(void);

extern const tj_infer_kernels tj_infer_kernels_generic;
#if defined(__x86_64__)
extern const tj_infer_kernels tj_infer_kernels_avx2;
extern const tj_infer_kernels tj_infer_kernels_avx512;
#endif

#endif
