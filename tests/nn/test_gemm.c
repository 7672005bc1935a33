/* Products of every kind and type against sums in double, at sizes that tiles fit and at others;
 * sums over rows are the runs one after the other, bit for bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "nn/gemm.h"
#include "nn/kernels.h"

#define TIMES 9 /* more rows than the tiles' way takes at once */

typedef struct operands {
    void *a, *b, *c, *packed;
    float *af, *bf; /* what they hold */
} operands;

static float value(tj_rng *rng)
{
    return (float)(tj_rng_double(rng) * 2.0 - 1.0);
}

/* n values in the type, and as they are then in f32. */
static void *fill(float *held, size_t n, tj_dtype dtype, tj_rng *rng)
{
    const tj_kernels *k = tj_kernels_get();
    void *out = tj_aligned_array(n, sizeof(float));
    assert_non_null(out);
    for (size_t i = 0; i < n; i++) {
        held[i] = value(rng);
    }
    k->to_act(out, dtype, held, n);
    k->from_act(held, out, dtype, n);
    return out;
}

static double wanted(const tj_gemm_spec *s, const operands *o, size_t rows, size_t i, size_t j)
{
    double sum = s->accumulate ? 1.0 : 0.0; /* what C held */
    for (size_t p = 0; p < rows; p++) {
        double a = (double)(s->a_transposed ? o->af[p * s->lda + i] : o->af[i * s->lda + p]);
        sum += a * (double)o->bf[p * s->b_stride_k + j * s->b_stride_n];
    }
    return sum;
}

static void expect_product(const tj_gemm_spec *s, const operands *o, size_t rows)
{
    double bound = s->dtype == TJ_F32 ? 1e-5 : 2e-2; /* bf16 weights are rounded by the product */
    for (size_t i = 0; i < s->m; i++) {
        for (size_t j = 0; j < s->n; j++) {
            float got;
            size_t at = i * s->ldc + j;
            tj_kernels_get()->from_act(&got, (char *)o->c + at * (s->out == TJ_F32 ? 4 : 2), s->out,
                                       1);
            double want = wanted(s, o, rows, i, j);
            if (fabs((double)got - want) > bound * sqrt((double)rows)) {
                fail_msg("(%zu, %zu) of %zux%zux%zu is %g, expected %g", i, j, s->m, s->k, s->n,
                         (double)got, want);
            }
        }
    }
}

static void ones(void *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ((float *)c)[i] = 1.0F;
    }
}

static void drop(operands *o)
{
    void *all[] = {o->a, o->b, o->c, o->packed, o->af, o->bf};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        tj_free(all[i]);
    }
}

static tj_gemm *make(const tj_gemm_spec *s)
{
    tj_gemm *g;
    tj_err err = {.msg = ""};
    if (tj_gemm_create(&g, s, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return g;
}

/* A by weights, read by columns (forward) or by rows (backward). */
static void check_weights(size_t m, size_t k, size_t n, bool by_rows, tj_dtype dtype, tj_dtype out)
{
    tj_gemm_spec s = {.m = m,
                      .k = k,
                      .n = n,
                      .lda = k + 16,
                      .ldc = n + 16,
                      .b_weights = true,
                      .accumulate = by_rows && out == TJ_F32,
                      .dtype = dtype,
                      .out = out};
    s.b_stride_k = by_rows ? n : 1;
    s.b_stride_n = by_rows ? 1 : k;
    tj_rng rng;
    operands o = {0};
    tj_rng_init(&rng, 1, m, k, n);
    o.af = tj_calloc(m * s.lda, sizeof *o.af);
    o.bf = tj_calloc(k * n, sizeof *o.bf);
    o.a = fill(o.af, m * s.lda, dtype, &rng);
    o.b = fill(o.bf, k * n, TJ_F32, &rng);
    o.c = tj_aligned_array(m * s.ldc, sizeof(float));
    ones(o.c, m * s.ldc);
    tj_gemm *g = make(&s);
    if (tj_gemm_packed_bytes(g) > 0) {
        o.packed = tj_aligned_array(tj_gemm_packed_bytes(g), 1);
        assert_int_equal(tj_gemm_pack(g, 0, o.packed, o.b, NULL), TJ_OK);
    }
    tj_gemm_run(g, 0, o.a, o.packed != NULL ? o.packed : o.b, o.c);
    expect_product(&s, &o, k);
    tj_gemm_destroy(g);
    drop(&o);
}

/* The same sum of operands that are put tile by tile, the last one first, A as the second of two
 * blocks. */
static void check_put_sum(const tj_gemm_spec *raw, const operands *o, const float *expected)
{
    tj_gemm_spec s = *raw;
    size_t rows = TIMES * s.k;
    size_t elem = s.dtype == TJ_BF16 ? 2 : 4;
    size_t first = 16; /* a narrow block before it */
    s.a_put = true;
    s.b_put = true;
    tj_gemm *g = make(&s);
    if (tj_gemm_put_b_bytes(g, rows) == 0) {
        assert_int_equal(tj_gemm_put_a_bytes(g, s.m, rows), 0);
        tj_gemm_destroy(g);
        return;
    }
    assert_int_equal(tj_gemm_put_b_bytes(g, rows), s.n * rows * elem);
    size_t width = first + s.m;
    char *whole = tj_calloc(rows * s.lda + s.lda, elem); /* A, `first` columns further right */
    memcpy(whole + first * elem, o->a, rows * s.lda * elem);
    void *a = tj_aligned_array(tj_gemm_put_a_bytes(g, width, rows), 1);
    void *b = tj_aligned_array(tj_gemm_put_b_bytes(g, rows), 1);
    float *c = tj_aligned_array(s.m * s.n, sizeof *c);
    ones(c, s.m * s.n);
    for (size_t i = TIMES; i-- > 0;) {
        size_t row = i * s.k;
        tj_gemm_put_a(g, a, width, rows, row, whole + row * s.lda * elem);
        tj_gemm_put_b(g, b, rows, row, (char *)o->b + row * s.b_stride_k * elem);
    }
    tj_gemm_sum(g, 0, tj_gemm_put_block(a, rows, first), b, c, TIMES);
    assert_memory_equal(expected, c, s.m * s.n * sizeof *c);
    tj_gemm_destroy(g);
    tj_free(whole);
    tj_free(a);
    tj_free(b);
    tj_free(c);
}

/* A weight's gradient: the sum, and the runs that it stands for. */
static void check_sum(size_t m, size_t k, size_t n, tj_dtype dtype)
{
    tj_gemm_spec s = {.m = m,
                      .k = k,
                      .n = n,
                      .lda = m + 16,
                      .ldc = n,
                      .b_stride_k = n,
                      .b_stride_n = 1,
                      .a_transposed = true,
                      .accumulate = true,
                      .dtype = dtype,
                      .out = TJ_F32};
    size_t elem = dtype == TJ_BF16 ? 2 : 4;
    size_t rows = TIMES * k;
    tj_rng rng;
    operands o = {0};
    tj_rng_init(&rng, 2, m, k, n);
    o.af = tj_calloc(rows * s.lda, sizeof *o.af);
    o.bf = tj_calloc(rows * n, sizeof *o.bf);
    o.a = fill(o.af, rows * s.lda, dtype, &rng);
    o.b = fill(o.bf, rows * n, dtype, &rng);
    o.c = tj_aligned_array(m * n, sizeof(float));
    float *again = tj_aligned_array(m * n, sizeof *again);
    ones(o.c, m * n);
    ones(again, m * n);
    tj_gemm *g = make(&s);
    tj_gemm_sum(g, 0, o.a, o.b, o.c, TIMES);
    expect_product(&s, &o, rows);
    for (size_t i = 0; i < TIMES; i++) {
        tj_gemm_run(g, 0, (char *)o.a + i * k * s.lda * elem, (char *)o.b + i * k * n * elem,
                    again);
    }
    assert_memory_equal(again, o.c, m * n * sizeof *again);
    tj_gemm_destroy(g);
    check_put_sum(&s, &o, again);
    tj_free(again);
    drop(&o);
}

static void products_agree_with_sums_in_double(void **state)
{
    (void)state;
    static const size_t sizes[][3] = {{64, 64, 96}, {128, 704, 48}, {128, 32, 64},
                                      {64, 48, 60}, {128, 33, 17},  {64, 1536, 80}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t *z = sizes[i];
        for (int by_rows = 0; by_rows < 2; by_rows++) {
            check_weights(z[0], z[1], z[2], by_rows != 0, TJ_F32, TJ_F32);
            if (tj_gemm_has_bf16()) {
                check_weights(z[0], z[1], z[2], by_rows != 0, TJ_BF16, TJ_F32);
                check_weights(z[0], z[1], z[2], by_rows != 0, TJ_BF16, TJ_BF16);
            }
        }
    }
}

static void sums_are_runs_one_after_the_other(void **state)
{
    (void)state;
    static const size_t sizes[][3] = {{96, 128, 64}, {48, 64, 80}, {60, 64, 33}, {16, 128, 16}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t *z = sizes[i];
        check_sum(z[0], z[1], z[2], TJ_F32);
        if (tj_gemm_has_bf16()) {
            check_sum(z[0], z[1], z[2], TJ_BF16);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_agree_with_sums_in_double),
        cmocka_unit_test(sums_are_runs_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
