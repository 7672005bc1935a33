/* Blocks of GGUF tensors have the values that ggml's own Python package gives, and values become
 * the bytes that it gives, bit for bit (tests/golden/make-blocks-golden, which also says what is
 * left out); every one of the 65536 halves is what its definition says, and what is written comes
 * back as near as the type can be. */
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "nn/blocks.h"
#include "nn/nn_testing.h"

/* ------------------------------------------------------------------ the reference's */

static json_t *golden;

static int load_golden(void **state)
{
    (void)state;
    json_error_t je;
    golden = json_load_file("tests/golden/blocks.json", 0, &je);
    return golden == NULL ? -1 : 0;
}

static int drop_golden(void **state)
{
    (void)state;
    json_decref(golden);
    return 0;
}

/* The bytes that a case's hexadecimal text stands for, after `before` unused ones. */
static unsigned char *from_hex(const json_t *item, const char *key, size_t before, size_t *n)
{
    const char *hex = json_string_value(json_object_get(item, key));
    assert_non_null(hex);
    *n = strlen(hex) / 2;
    unsigned char *bytes = tj_malloc(before + *n);
    for (size_t i = 0; i < *n; i++) {
        const char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[before + i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    return bytes;
}

static tj_ggml_type type_of(const json_t *item)
{
    int type = tj_ggml_type_of(json_string_value(json_object_get(item, "type")));
    assert_int_not_equal(type, -1);
    return (tj_ggml_type)type;
}

static void assert_bytes(const unsigned char *got, const unsigned char *want, size_t n,
                         size_t block_bytes, tj_ggml_type type)
{
    for (size_t i = 0; i < n; i++) {
        if (got[i] != want[i]) {
            fail_msg("%s: byte %zu of block %zu is %02x, expected %02x",
                     tj_ggml_type_name((int)type), i % block_bytes, i / block_bytes, got[i],
                     want[i]);
        }
    }
}

static void every_type_is_read_as_the_reference_reads_it(void **state)
{
    (void)state;
    const json_t *cases = json_object_get(golden, "read");
    assert_int_equal(json_array_size(cases), 11);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *item = json_array_get(cases, i);
        tj_ggml_type type = type_of(item);
        size_t n_bytes;
        size_t n_want;
        unsigned char *bytes = from_hex(item, "bytes", 1, &n_bytes); /* at an odd address */
        unsigned char *want = from_hex(item, "values", 0, &n_want);
        size_t n = n_want / sizeof(float);
        float *got = tj_calloc(n, sizeof *got);
        assert_true(n > 0);
        assert_int_equal(n / tj_ggml_block_values(type) * tj_ggml_block_bytes(type), n_bytes);
        tj_blocks_to_f32(got, bytes + 1, type, n);
        assert_bytes((const unsigned char *)got, want, n_want,
                     tj_ggml_block_values(type) * sizeof(float), type);
        tj_free(bytes);
        tj_free(want);
        tj_free(got);
    }
}

static void values_become_the_references_bytes(void **state)
{
    (void)state;
    const json_t *cases = json_object_get(golden, "write");
    assert_int_equal(json_array_size(cases), 7);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *item = json_array_get(cases, i);
        tj_ggml_type type = type_of(item);
        size_t n_src;
        size_t n_want;
        tj_err err = {.msg = ""};
        unsigned char *src = from_hex(item, "values", 0, &n_src);
        unsigned char *want = from_hex(item, "bytes", 0, &n_want);
        size_t n = n_src / sizeof(float);
        float *values = tj_calloc(n, sizeof *values);
        unsigned char *got = tj_calloc(n_want + 1, 1);
        memcpy(values, src, n_src);
        assert_int_equal(n / tj_ggml_block_values(type) * tj_ggml_block_bytes(type), n_want);
        if (tj_blocks_from_f32(got + 1, values, type, n, &err) != TJ_OK) {
            fail_msg("%s", err.msg);
        }
        assert_bytes(got + 1, want, n_want, tj_ggml_block_bytes(type), type);
        tj_free(src);
        tj_free(want);
        tj_free(values);
        tj_free(got);
    }
}

/* ------------------------------------------------------------------ halves */

/* A finite half by its definition: exact in a double. */
static double half_value(unsigned h)
{
    int exponent = (int)(h >> 10 & 31U);
    double fraction = (double)(h & 1023U) / 1024.0;
    double v = exponent == 0 ? ldexp(fraction, -14) : ldexp(1.0 + fraction, exponent - 15);
    return (h & 0x8000U) != 0 ? -v : v;
}

static float read_half(unsigned h)
{
    const unsigned char bytes[2] = {(unsigned char)h, (unsigned char)(h >> 8)};
    float v;
    tj_blocks_to_f32(&v, bytes, TJ_GGML_F16, 1);
    return v;
}

static void every_half_is_what_it_says(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        float v = read_half(h);
        bool special = (h & 0x7c00U) == 0x7c00U;
        assert_int_equal(signbit(v) != 0, h >> 15);
        if (!special) {
            assert_true((double)v == half_value(h));
        } else {
            assert_true((h & 1023U) == 0 ? isinf(v) : isnan(v));
        }
    }
}

/* What is written for a value, or 65536 if it is refused. */
static unsigned written_half(float v)
{
    unsigned char bytes[2];
    tj_code rc = tj_blocks_from_f32(bytes, &v, TJ_GGML_F16, 1, NULL);
    assert_true(rc == TJ_OK || rc == TJ_E_NUMERIC);
    return rc == TJ_OK ? (unsigned)(bytes[0] | bytes[1] << 8) : 65536U;
}

static void values_go_to_the_nearest_half(void **state)
{
    (void)state;
    for (unsigned sign = 0; sign < 65536; sign += 32768) {
        for (unsigned h = 0; h < 0x7c00U; h++) { /* the last one's neighbour is infinity */
            float v = read_half(h | sign);
            /* the middle is exact in a float, and so are its neighbours */
            double next = h + 1 == 0x7c00U ? 65536.0 : half_value(h + 1);
            float middle = (float)((half_value(h) + next) / 2.0);
            middle = sign != 0 ? -middle : middle;
            unsigned even = h % 2 == 0 ? h | sign : h + 1 == 0x7c00U ? 65536U : (h + 1) | sign;
            unsigned above = h + 1 == 0x7c00U ? 65536U : (h + 1) | sign;
            assert_int_equal(written_half(v), h | sign);
            assert_int_equal(written_half(middle), even);
            assert_int_equal(written_half(nextafterf(middle, 0.0F)), h | sign);
            assert_int_equal(written_half(middle * (1.0F + FLT_EPSILON)), above);
        }
    }
    assert_int_equal(written_half(FLT_MAX), 65536);
    assert_int_equal(written_half(-FLT_MIN), 32768);
}

static void bf16_is_the_upper_half(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const unsigned char bytes[2] = {(unsigned char)h, (unsigned char)(h >> 8)};
        unsigned char back[2];
        float v;
        uint32_t bits;
        tj_blocks_to_f32(&v, bytes, TJ_GGML_BF16, 1);
        memcpy(&bits, &v, sizeof bits);
        assert_int_equal(bits, h << 16);
        tj_code rc = tj_blocks_from_f32(back, &v, TJ_GGML_BF16, 1, NULL);
        assert_int_equal(rc, isfinite(v) ? TJ_OK : TJ_E_NUMERIC);
        if (rc == TJ_OK) {
            assert_memory_equal(back, bytes, 2);
        }
    }
}

/* ------------------------------------------------------------------ there and back */

/* The largest error that a type's rounding allows in a block: half a step, a whole one at the far
 * end of Q4_0 and Q5_0, and what rounding scale and minimum to f16 (2^-11) makes of the quants. */
static double allowed(tj_ggml_type type, const float *x)
{
    double max = (double)x[0];
    double min = max;
    for (size_t k = 1; k < 32; k++) {
        max = fmax(max, (double)x[k]);
        min = fmin(min, (double)x[k]);
    }
    double size = fmax(fabs(max), fabs(min));
    double f16 = ldexp(1.0, -11) * 1.001;
    double tiny = 1e-6; /* scales that are subnormal in f16, and arithmetic in f32 */
    switch (type) {
    case TJ_GGML_Q4_0:
        return size / 8.0 + size * f16 + tiny;
    case TJ_GGML_Q5_0:
        return size / 16.0 + size * f16 + tiny;
    case TJ_GGML_Q4_1:
        return (max - min) * (0.5 / 15.0 + f16) + size * f16 + tiny;
    case TJ_GGML_Q5_1:
        return (max - min) * (0.5 / 31.0 + f16) + size * f16 + tiny;
    case TJ_GGML_Q8_0:
        return size * (0.5 / 127.0 + f16) + tiny;
    default:
        return 0.0;
    }
}

static void what_is_written_is_near(void **state)
{
    (void)state;
    static const tj_ggml_type types[] = {TJ_GGML_Q4_0, TJ_GGML_Q4_1, TJ_GGML_Q5_0,
                                         TJ_GGML_Q5_1, TJ_GGML_Q8_0, TJ_GGML_F32};
    tj_rng rng;
    tj_rng_init(&rng, nn_seed(5), 0, 0, 0);
    for (size_t i = 0; i < 3000; i++) {
        float x[32], back[32];
        unsigned char bytes[32 * sizeof(float)];
        tj_ggml_type type = types[i % 6];
        double size = exp(2.0 * tj_rng_normal(&rng));
        double shift = i % 4 == 0 ? size * tj_rng_normal(&rng) : 0.0;
        for (size_t k = 0; k < 32; k++) {
            x[k] = (float)(size * tj_rng_normal(&rng) + shift);
        }
        assert_int_equal(tj_blocks_from_f32(bytes, x, type, 32, NULL), TJ_OK);
        tj_blocks_to_f32(back, bytes, type, 32);
        for (size_t k = 0; k < 32; k++) {
            if (!(fabs((double)back[k] - (double)x[k]) <= allowed(type, x))) {
                fail_msg("%s: %g comes back as %g", tj_ggml_type_name((int)type), (double)x[k],
                         (double)back[k]);
            }
        }
    }
}

/* ------------------------------------------------------------------ refusals */

static void what_cannot_be_written_is_named(void **state)
{
    (void)state;
    static const tj_ggml_type written[] = {TJ_GGML_F32,  TJ_GGML_F16,  TJ_GGML_BF16, TJ_GGML_Q4_0,
                                           TJ_GGML_Q4_1, TJ_GGML_Q5_0, TJ_GGML_Q5_1, TJ_GGML_Q8_0};
    static const tj_ggml_type only_read[] = {TJ_GGML_Q4_K, TJ_GGML_Q5_K, TJ_GGML_Q6_K};
    static const float wrong[] = {NAN, INFINITY, -INFINITY};
    float x[256] = {0.0F};
    unsigned char bytes[sizeof x];
    tj_err err;
    for (size_t i = 0; i < 8; i++) {
        const char *name = tj_ggml_type_name((int)written[i]);
        for (size_t w = 0; w < 3; w++) {
            x[37] = wrong[w];
            assert_int_equal(tj_blocks_from_f32(bytes, x, written[i], 64, &err), TJ_E_NUMERIC);
            assert_non_null(strstr(err.msg, name));
            assert_non_null(strstr(err.msg, "value 37 is "));
        }
        x[37] = FLT_MAX;
        tj_code rc = tj_blocks_from_f32(bytes, x, written[i], 64, &err);
        assert_int_equal(rc, written[i] == TJ_GGML_F32 ? TJ_OK : TJ_E_NUMERIC);
        assert_true(rc == TJ_OK || strstr(err.msg, "too large") != NULL);
        assert_true(rc == TJ_OK || strstr(err.msg, name) != NULL);
    }
    x[37] = 0.0F;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tj_blocks_from_f32(bytes, x, only_read[i], 256, &err), TJ_E_INVAL);
        assert_non_null(strstr(err.msg, tj_ggml_type_name((int)only_read[i])));
    }
}

/* Scales whose inverse is infinite: no conversion of an infinity, and zeros come back. */
static void vanishing_values_become_zeros(void **state)
{
    (void)state;
    static const tj_ggml_type types[] = {TJ_GGML_Q4_0, TJ_GGML_Q4_1, TJ_GGML_Q5_0, TJ_GGML_Q5_1,
                                         TJ_GGML_Q8_0};
    for (size_t i = 0; i < 5; i++) {
        float x[32] = {0.0F, 1e-44F, -1e-44F, 1e-40F, -3e-40F};
        float back[32];
        unsigned char bytes[64];
        assert_int_equal(tj_blocks_from_f32(bytes, x, types[i], 32, NULL), TJ_OK);
        tj_blocks_to_f32(back, bytes, types[i], 32);
        for (size_t k = 0; k < 32; k++) {
            assert_true(back[k] == 0.0F);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read_as_the_reference_reads_it),
        cmocka_unit_test(values_become_the_references_bytes),
        cmocka_unit_test(every_half_is_what_it_says),
        cmocka_unit_test(values_go_to_the_nearest_half),
        cmocka_unit_test(bf16_is_the_upper_half),
        cmocka_unit_test(what_is_written_is_near),
        cmocka_unit_test(what_cannot_be_written_is_named),
        cmocka_unit_test(vanishing_values_become_zeros),
    };
    return cmocka_run_group_tests(tests, load_golden, drop_golden);
}
