/* Products by panels: against plain sums in double, for every type and instruction set; and the
 * promise that a row's result does not depend on the rows beside it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/half.h"
#include "base/rng.h"
#include "nn/blocks.h"
#include "nn/panels.h"

#define IN     512 /* two blocks of 256 */
#define OUT    37  /* two panels and a part of one */
#define N_ROWS 19  /* no multiple of any block of rows */
#define LD     48  /* of the outputs */

static const tj_ggml_type types[] = {TJ_GGML_F32,  TJ_GGML_F16,  TJ_GGML_BF16, TJ_GGML_Q4_0,
                                     TJ_GGML_Q4_1, TJ_GGML_Q5_0, TJ_GGML_Q5_1, TJ_GGML_Q8_0,
                                     TJ_GGML_Q4_K, TJ_GGML_Q5_K, TJ_GGML_Q6_K};
#define N_TYPES (sizeof types / sizeof types[0])

static size_t tables(const tj_panel_kernels **out)
{
    size_t n = 0;
    out[n++] = &tj_panel_kernels_generic;
#if defined(__x86_64__)
    const char *best = tj_panel_kernels_get()->isa;
    if (strcmp(best, "generic") != 0) {
        out[n++] = &tj_panel_kernels_avx2;
    }
    if (strcmp(best, "avx512vnni") == 0) {
        out[n++] = &tj_panel_kernels_avx512vnni;
    }
#endif
    return n;
}

/* Bytes of W [OUT, IN] in a type: random ones with scales that are small finite numbers. */
static unsigned char *random_blocks(tj_ggml_type type, tj_rng *rng, size_t *row_bytes)
{
    size_t block = tj_ggml_block_bytes(type);
    *row_bytes = IN / tj_ggml_block_values(type) * block;
    unsigned char *bytes = malloc(*row_bytes * OUT);
    assert_non_null(bytes);
    for (size_t i = 0; i < *row_bytes * OUT; i++) {
        bytes[i] = (unsigned char)tj_rng_below(rng, 256);
    }
    for (size_t at = 0; at < *row_bytes * OUT; at += block) {
        uint16_t d = tj_f16_from_f32((float)(0.01 * tj_rng_normal(rng)));
        uint16_t m = tj_f16_from_f32((float)(0.02 * tj_rng_normal(rng)));
        float f = (float)tj_rng_normal(rng);
        uint16_t narrow = type == TJ_GGML_F16 ? tj_f16_from_f32(f) : tj_bf16_from_f32(f);
        switch (type) {
        case TJ_GGML_F32:
            memcpy(bytes + at, &f, sizeof f);
            break;
        case TJ_GGML_F16:
        case TJ_GGML_BF16:
            memcpy(bytes + at, &narrow, sizeof narrow);
            break;
        case TJ_GGML_Q6_K:
            memcpy(bytes + at + 208, &d, sizeof d);
            break;
        case TJ_GGML_Q4_1:
        case TJ_GGML_Q5_1:
        case TJ_GGML_Q4_K:
        case TJ_GGML_Q5_K:
            memcpy(bytes + at + 2, &m, sizeof m);
            memcpy(bytes + at, &d, sizeof d);
            break;
        case TJ_GGML_Q4_0:
        case TJ_GGML_Q5_0:
        case TJ_GGML_Q8_0:
            memcpy(bytes + at, &d, sizeof d);
            break;
        }
    }
    return bytes;
}

/* Rows upside down, as an order of a file's rows may be. */
static size_t upside_down(const void *ctx, size_t row)
{
    (void)ctx;
    return OUT - 1 - row;
}

typedef struct fixture {
    tj_panels panels;
    float w[OUT][IN]; /* what the panels hold */
    float x[N_ROWS][IN];
    int8_t q[N_ROWS][IN];
    float d[N_ROWS][IN / TJ_QUANT];
    float total[N_ROWS][IN / TJ_QUANT];
    int32_t sums[N_ROWS][IN / TJ_QUANT_HALF];
} fixture;

static void setup(fixture *f, tj_ggml_type type)
{
    tj_rng rng;
    size_t row_bytes;
    tj_rng_init(&rng, 7, type, 0, 0);
    unsigned char *bytes = random_blocks(type, &rng, &row_bytes);
    assert_int_equal(tj_panels_init(&f->panels, tj_panel_type_for(type, IN), OUT, IN, NULL), TJ_OK);
    for (size_t i = 0; i < f->panels.n_panels; i++) {
        tj_panels_pack_blocks(&f->panels, i, bytes, row_bytes, type, upside_down, NULL);
    }
    for (size_t o = 0; o < OUT; o++) {
        tj_blocks_to_f32(f->w[o], bytes + upside_down(NULL, o) * row_bytes, type, IN);
    }
    for (size_t r = 0; r < N_ROWS; r++) {
        for (size_t k = 0; k < IN; k++) {
            f->x[r][k] = r == 3 ? 0.0F : (float)tj_rng_normal(&rng);
        }
    }
    free(bytes);
}

/* Each row for itself, so that its values stand in their order. */
static void quantize(fixture *f, const tj_panel_kernels *k)
{
    for (size_t r = 0; r < N_ROWS; r++) {
        const tj_quant_rows to = {f->q[r], f->d[r], f->total[r], f->sums[r]};
        k->quantize(&to, 0, 1, f->x[r], IN);
    }
}

typedef struct quant_buffer {
    int8_t q[N_ROWS * IN];
    float d[N_ROWS * (IN / TJ_QUANT)], total[N_ROWS * (IN / TJ_QUANT)];
    int32_t sums[N_ROWS * (IN / TJ_QUANT_HALF)];
} quant_buffer;

/* Rows [first, first + n), quantised together. */
static tj_operand rows_from(const fixture *f, const tj_panel_kernels *k, size_t first, size_t n,
                            quant_buffer *buffer)
{
    tj_operand x = {f->x[first], IN, {buffer->q, buffer->d, buffer->total, buffer->sums}};
    for (size_t r = 0; r < n; r++) {
        k->quantize(&x.quant, r, n, f->x[first + r], IN);
    }
    return x;
}

/* What a product of the type is to give: quantised ones see the quantised activations. */
static double expected(const fixture *f, size_t row, size_t output, double *scale)
{
    bool quantised = f->panels.type > TJ_PANEL_BF16;
    double sum = 0.0;
    *scale = 0.0;
    for (size_t k = 0; k < IN; k++) {
        double a =
            quantised ? (double)f->d[row][k / TJ_QUANT] * f->q[row][k] : (double)f->x[row][k];
        double part = a * (double)f->w[output][k];
        sum += part;
        *scale += fabs(part);
    }
    return sum;
}

typedef void (*check_fn)(const fixture *f, const tj_panel_kernels *k, tj_ggml_type type);

/* Calls check for every type and instruction set. */
static void check_all(check_fn check)
{
    const tj_panel_kernels *isa[3];
    size_t n_isa = tables(isa);
    fixture *f = malloc(sizeof *f);
    assert_non_null(f);
    for (size_t t = 0; t < N_TYPES; t++) {
        setup(f, types[t]);
        for (size_t i = 0; i < n_isa; i++) {
            quantize(f, isa[i]);
            check(f, isa[i], types[t]);
        }
        tj_panels_deinit(&f->panels);
    }
    free(f);
}

static void check_sums(const fixture *f, const tj_panel_kernels *k, tj_ggml_type type)
{
    float y[N_ROWS][LD];
    quant_buffer buffer;
    tj_operand x = rows_from(f, k, 0, N_ROWS, &buffer);
    for (size_t p = 0; p < f->panels.n_panels; p++) {
        k->mul[f->panels.type](&y[0][p * TJ_PANEL], LD, &x,
                               f->panels.bytes + p * f->panels.panel_bytes, IN, N_ROWS);
    }
    for (size_t r = 0; r < N_ROWS; r++) {
        for (size_t o = 0; o < OUT; o++) {
            double scale;
            double want = expected(f, r, o, &scale);
            if (!(fabs((double)y[r][o] - want) <= 1e-6 * scale + 1e-30)) {
                fail_msg("%s %s row %zu output %zu: %g, want %g", k->isa,
                         tj_ggml_type_name((int)type), r, o, (double)y[r][o], want);
            }
        }
        for (size_t o = OUT; o < LD; o++) { /* what fills the last panel */
            assert_true(y[r][o] == 0.0F);
        }
    }
}

static void products_equal_sums_in_double(void **state)
{
    (void)state;
    check_all(check_sums);
}

static void check_rows_alone(const fixture *f, const tj_panel_kernels *k, tj_ggml_type type)
{
    float alone[N_ROWS][TJ_PANEL];
    float among[N_ROWS][TJ_PANEL];
    quant_buffer buffer;
    (void)type;
    for (size_t r = 0; r < N_ROWS; r++) {
        tj_operand x = rows_from(f, k, r, 1, &buffer);
        k->mul[f->panels.type](alone[r], TJ_PANEL, &x, f->panels.bytes, IN, 1);
    }
    for (size_t first = 0; first < 8; first++) {
        tj_operand x = rows_from(f, k, first, N_ROWS - first, &buffer);
        k->mul[f->panels.type](among[first], TJ_PANEL, &x, f->panels.bytes, IN, N_ROWS - first);
        assert_memory_equal(alone[first], among[first], (N_ROWS - first) * sizeof among[0]);
    }
}

static void a_row_alone_has_the_bits_it_has_among_others(void **state)
{
    (void)state;
    check_all(check_rows_alone);
}

static void activations_are_quantised_to_the_nearest(void **state)
{
    (void)state;
    const tj_panel_kernels *isa[3];
    size_t n_isa = tables(isa);
    fixture *f = malloc(sizeof *f);
    assert_non_null(f);
    setup(f, TJ_GGML_F32);
    for (size_t i = 0; i < n_isa; i++) {
        quantize(f, isa[i]);
        for (size_t r = 0; r < N_ROWS; r++) {
            for (size_t k = 0; k < IN; k++) {
                double d = (double)f->d[r][k / TJ_QUANT];
                assert_true(fabs(d * f->q[r][k] - (double)f->x[r][k]) <= 0.5001 * d);
            }
            for (size_t h = 0; h < IN / TJ_QUANT_HALF; h++) {
                int32_t sum = 0;
                for (size_t k = 0; k < TJ_QUANT_HALF; k++) {
                    sum += f->q[r][h * TJ_QUANT_HALF + k];
                }
                assert_int_equal(sum, f->sums[r][h]);
            }
        }
    }
    tj_panels_deinit(&f->panels);
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_equal_sums_in_double),
        cmocka_unit_test(a_row_alone_has_the_bits_it_has_among_others),
        cmocka_unit_test(activations_are_quantised_to_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
