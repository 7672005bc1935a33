/* Chooses how a product is done, once, when it is made. */
#include "nn/gemm_parts.h"

#include "base/alloc.h"

struct tj_gemm { /* one of the two */
    tj_own_gemm *own;
    tj_dnnl_gemm *dnnl;
};

tj_code tj_gemm_create(tj_gemm **out, const tj_gemm_spec *spec, tj_err *err)
{
    *out = NULL;
    tj_gemm *g = tj_calloc(1, sizeof *g);
    if (g == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a product");
    }
    tj_code rc = tj_own_gemm_fits(spec) ? tj_own_gemm_create(&g->own, spec, err)
                                        : tj_dnnl_gemm_create(&g->dnnl, spec, err);
    if (rc != TJ_OK) {
        tj_gemm_destroy(g);
        return rc;
    }
    *out = g;
    return TJ_OK;
}

void tj_gemm_destroy(tj_gemm *g)
{
    if (g == NULL) {
        return;
    }
    tj_own_gemm_destroy(g->own);
    tj_dnnl_gemm_destroy(g->dnnl);
    tj_free(g);
}

size_t tj_gemm_packed_bytes(const tj_gemm *g)
{
    return g->own != NULL ? tj_own_gemm_packed_bytes(g->own) : tj_dnnl_gemm_packed_bytes(g->dnnl);
}

tj_code tj_gemm_pack(const tj_gemm *g, size_t thread, void *packed, const float *weights,
                     tj_err *err)
{
    if (g->own != NULL) {
        tj_own_gemm_pack(g->own, thread, packed, weights);
        return TJ_OK;
    }
    return tj_dnnl_gemm_pack(g->dnnl, thread, packed, weights, err);
}

size_t tj_gemm_put_a_bytes(const tj_gemm *g, size_t width, size_t n_rows)
{
    return g->own != NULL ? tj_own_gemm_put_a_bytes(g->own, width, n_rows) : 0;
}

size_t tj_gemm_put_b_bytes(const tj_gemm *g, size_t n_rows)
{
    return g->own != NULL ? tj_own_gemm_put_b_bytes(g->own, n_rows) : 0;
}

void tj_gemm_put_a(const tj_gemm *g, void *put, size_t width, size_t n_rows, size_t row,
                   const void *a)
{
    tj_own_gemm_put_a(g->own, put, width, n_rows, row, a);
}

void tj_gemm_put_b(const tj_gemm *g, void *put, size_t n_rows, size_t row, const void *b)
{
    tj_own_gemm_put_b(g->own, put, n_rows, row, b);
}

const void *tj_gemm_put_block(const void *put, size_t n_rows, size_t column)
{
    return (const uint16_t *)put + column * n_rows;
}

void tj_gemm_run(const tj_gemm *g, size_t thread, const void *a, const void *b, void *c)
{
    if (g->own != NULL) {
        tj_own_gemm_run(g->own, thread, a, b, c);
    } else {
        tj_dnnl_gemm_run(g->dnnl, thread, a, b, c);
    }
}

void tj_gemm_sum(const tj_gemm *g, size_t thread, const void *a, const void *b, float *c,
                 size_t times)
{
    if (g->own != NULL) {
        tj_own_gemm_sum(g->own, thread, a, b, c, times);
    } else {
        tj_dnnl_gemm_sum(g->dnnl, thread, a, b, c, times);
    }
}
