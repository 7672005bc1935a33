/* Matrix products of fixed shapes on one thread each: our own of bf16 where the CPU multiplies them
 * in pairs (gemm_own.c), else a oneDNN primitive (gemm_dnnl.c). Internal to nn.
 *
 * Our own loops run over row tiles of fixed shape and call these from several threads, so that a
 * row's result depends neither on the batch nor on the number of threads.
 *
 * Ownership: create/destroy; a gemm is immutable after create.
 * Threads:   tj_gemm_run may be called by up to tj_par_threads() threads at once, each passing its
 *            own thread number.
 */
#ifndef TJ_NN_GEMM_H
#define TJ_NN_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "nn/nn.h"

typedef struct tj_gemm tj_gemm;

/* C [m, n] (+)= A [m, k] * B [k, n]. Row-major with leading dimensions in values. */
typedef struct tj_gemm_spec {
    size_t m, k, n;
    size_t lda, ldc;
    size_t b_stride_k, b_stride_n; /* element (i, j) of B is b[i * b_stride_k + j * b_stride_n] */
    bool a_transposed;             /* A is stored as [k, m] with leading dimension lda */
    bool b_weights;                /* B is f32 weights, used many times: see tj_gemm_packed_bytes */
    bool a_put, b_put; /* a sum's operands are put first, if it wants that: tj_gemm_put_a_bytes */
    bool accumulate;   /* += ; C must be f32 */
    tj_dtype dtype;    /* of A and B */
    tj_dtype out;      /* of C */
} tj_gemm_spec;

TJ_MUST_USE tj_code tj_gemm_create(tj_gemm **out, const tj_gemm_spec *spec, tj_err *err);
void tj_gemm_destroy(tj_gemm *gemm);
/* With b_weights: bytes of the copy of B that tj_gemm_run wants, in a layout and type of its own;
 * 0: it reads the weights where they stand, which takes neither memory nor time. */
size_t tj_gemm_packed_bytes(const tj_gemm *gemm);
/* Makes that copy of weights. May be called from several threads at once for different copies. */
TJ_MUST_USE tj_code tj_gemm_pack(const tj_gemm *gemm, size_t thread, void *packed,
                                 const float *weights, tj_err *err);
/* Runs it. A failure of the library inside is a bug of ours (shapes are checked at create), and
 * ends the process with a message. */
void tj_gemm_run(const tj_gemm *gemm, size_t thread, const void *a, const void *b, void *c);
/* A sum's operands can be put in its own order as their rows are computed, once for all blocks of a
 * matrix: with a_put A, with b_put B. Bytes that n_rows of A, `width` wide for all blocks together,
 * or of B then take; 0: it reads them where they stand. */
size_t tj_gemm_put_a_bytes(const tj_gemm *gemm, size_t width, size_t n_rows);
size_t tj_gemm_put_b_bytes(const tj_gemm *gemm, size_t n_rows);
/* Where bytes are wanted: puts k rows, [row, row + k) of n_rows. May be called from several threads
 * at once for different rows. */
void tj_gemm_put_a(const tj_gemm *gemm, void *put, size_t width, size_t n_rows, size_t row,
                   const void *a);
void tj_gemm_put_b(const tj_gemm *gemm, void *put, size_t n_rows, size_t row, const void *b);
/* What was put of the block of A from `column` on, a multiple of 16. */
const void *tj_gemm_put_block(const void *put, size_t n_rows, size_t column);
/* For a weight gradient (a_transposed, accumulate, B row by row): A and B go on for `times` times k
 * rows. The same as that many runs one after the other, bit for bit, but C is fetched less often.
 * An operand that wants to be put is what was put of times * k rows. */
void tj_gemm_sum(const tj_gemm *gemm, size_t thread, const void *a, const void *b, float *c,
                 size_t times);

/* True where the CPU multiplies bf16 natively. */
bool tj_gemm_has_bf16(void);

#endif
