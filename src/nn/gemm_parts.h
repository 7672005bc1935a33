/* The two ways of a product behind gemm.h, with its contract each. Internal to gemm*.c. */
#ifndef TJ_NN_GEMM_PARTS_H
#define TJ_NN_GEMM_PARTS_H

#include "nn/gemm.h"

typedef struct tj_dnnl_gemm tj_dnnl_gemm;
TJ_MUST_USE tj_code tj_dnnl_gemm_create(tj_dnnl_gemm **out, const tj_gemm_spec *spec, tj_err *err);
void tj_dnnl_gemm_destroy(tj_dnnl_gemm *gemm);
size_t tj_dnnl_gemm_packed_bytes(const tj_dnnl_gemm *gemm);
TJ_MUST_USE tj_code tj_dnnl_gemm_pack(const tj_dnnl_gemm *gemm, size_t thread, void *packed,
                                      const float *weights, tj_err *err);
void tj_dnnl_gemm_run(const tj_dnnl_gemm *gemm, size_t thread, const void *a, const void *b,
                      void *c);
void tj_dnnl_gemm_sum(const tj_dnnl_gemm *gemm, size_t thread, const void *a, const void *b,
                      float *c, size_t times);

typedef struct tj_own_gemm tj_own_gemm;
/* Whether it can be done so: the CPU multiplies pairs of bf16, and sizes are multiples of a tile's.
 */
bool tj_own_gemm_fits(const tj_gemm_spec *spec);
TJ_MUST_USE tj_code tj_own_gemm_create(tj_own_gemm **out, const tj_gemm_spec *spec, tj_err *err);
void tj_own_gemm_destroy(tj_own_gemm *gemm);
size_t tj_own_gemm_packed_bytes(const tj_own_gemm *gemm);
void tj_own_gemm_pack(const tj_own_gemm *gemm, size_t thread, void *packed, const float *weights);
size_t tj_own_gemm_put_a_bytes(const tj_own_gemm *gemm, size_t width, size_t n_rows);
size_t tj_own_gemm_put_b_bytes(const tj_own_gemm *gemm, size_t n_rows);
void tj_own_gemm_put_a(const tj_own_gemm *gemm, void *put, size_t width, size_t n_rows, size_t row,
                       const void *a);
void tj_own_gemm_put_b(const tj_own_gemm *gemm, void *put, size_t n_rows, size_t row,
                       const void *b);
void tj_own_gemm_run(const tj_own_gemm *gemm, size_t thread, const void *a, const void *b, void *c);
void tj_own_gemm_sum(const tj_own_gemm *gemm, size_t thread, const void *a, const void *b, float *c,
                     size_t times);

#endif
