/* Philox gives the published numbers; a stream is the blocks of its key and counter, depends on
 * each of its four words, and what is made of its draws has the distribution that it should. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

/* The lines "philox4x32 10" of Random123's kat_vectors. */
static void blocks_are_the_published_ones(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t out[4];
        tj_philox4x32(out, known[i].counter, known[i].key);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
}

static void a_stream_is_its_blocks_in_order(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 0x0123456789abcdef, 1, 2, 3);
    uint32_t counter[4];
    memcpy(counter, rng.counter, sizeof counter);
    assert_int_equal(rng.key[0], 0x89abcdef);
    assert_int_equal(rng.key[1], 0x01234567);
    assert_int_equal(counter[0], 0);
    for (uint32_t block = 0; block < 100; block++) {
        uint32_t want[4];
        counter[0] = block;
        tj_philox4x32(want, counter, rng.key);
        for (size_t i = 4; i-- > 0;) { /* from its end */
            assert_int_equal(tj_rng_u32(&rng), want[i]);
        }
    }
}

static void equal_streams_are_equal_and_copies_go_on(void **state)
{
    (void)state;
    tj_rng a, b;
    tj_rng_init(&a, 5, 6, 7, 8);
    tj_rng_init(&b, 5, 6, 7, 8);
    for (size_t i = 0; i < 10; i++) {
        assert_true(tj_rng_u64(&a) == tj_rng_u64(&b));
        tj_rng copy = a;
        assert_true(tj_rng_u32(&copy) == tj_rng_u32(&b));
        a = copy;
    }
}

/* Streams that differ in one word, or have two words exchanged, agree in bits as often as chance
 * has it: 4096 bits, deviation 32; 6 deviations. */
static void streams_that_differ_in_one_word_are_independent(void **state)
{
    (void)state;
    static const uint64_t words[][4] = {
        {0, 0, 0, 0}, {1, 0, 0, 0},          {0, 1, 0, 0},          {0, 0, 1, 0},
        {0, 0, 0, 1}, {0, 1, 2, 0},          {0, 2, 1, 0},          {0, 0, 2, 1},
        {0, 0, 1, 2}, {1ULL << 32, 0, 0, 0}, {0, 0, 0, 1ULL << 63}, {0, UINT64_MAX, 0, 0}};
    const size_t n = sizeof words / sizeof words[0];
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            tj_rng a, b;
            int same = 0;
            tj_rng_init(&a, words[i][0], words[i][1], words[i][2], words[i][3]);
            tj_rng_init(&b, words[j][0], words[j][1], words[j][2], words[j][3]);
            for (size_t k = 0; k < 128; k++) {
                same += 32 - __builtin_popcount(tj_rng_u32(&a) ^ tj_rng_u32(&b));
            }
            assert_in_range(same, 2048 - 6 * 32, 2048 + 6 * 32);
        }
    }
}

static void below_is_in_range_and_even(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 1, 0, 0, 0);
    size_t counts[7] = {0};
    const size_t n_draws = 70000;
    for (size_t i = 0; i < n_draws; i++) {
        counts[tj_rng_below(&rng, 7)]++;
    }
    double chi2 = 0.0;
    for (size_t i = 0; i < 7; i++) {
        double d = (double)counts[i] - 10000.0;
        chi2 += d * d / 10000.0;
    }
    assert_true(chi2 < 22.5); /* 6 degrees: p 0.001 */
    assert_int_equal(tj_rng_below(&rng, 1), 0);
}

/* The remainder of 64 bits alone would give the lowest third of 3 * 2^62 half of the draws. */
static void below_draws_again_where_a_remainder_is_biased(void **state)
{
    (void)state;
    tj_rng rng;
    const uint64_t third = 1ULL << 62;
    size_t low = 0;
    tj_rng_init(&rng, 2, 0, 0, 0);
    for (size_t i = 0; i < 30000; i++) {
        uint64_t x = tj_rng_below(&rng, 3 * third);
        assert_true(x < 3 * third);
        low += x < third ? 1 : 0;
    }
    assert_in_range(low, 10000 - 6 * 82, 10000 + 6 * 82); /* deviation 82 */
    for (size_t i = 0; i < 1000; i++) {
        assert_true(tj_rng_below(&rng, UINT64_MAX) < UINT64_MAX);
    }
}

static void fractions_have_their_range_and_moments(void **state)
{
    (void)state;
    tj_rng rng;
    double sum = 0.0, sum2 = 0.0, normal = 0.0, normal2 = 0.0;
    const size_t n = 100000;
    tj_rng_init(&rng, 3, 0, 0, 0);
    for (size_t i = 0; i < n; i++) {
        float f = tj_rng_float(&rng);
        double d = tj_rng_double(&rng);
        double z = tj_rng_normal(&rng);
        assert_true(f >= 0.0F && f < 1.0F);
        assert_true(d >= 0.0 && d < 1.0);
        assert_true(isfinite(z));
        sum += d + (double)f;
        sum2 += d * d;
        normal += z;
        normal2 += z * z;
    }
    /* six standard errors of the means */
    assert_true(fabs(sum / (2.0 * (double)n) - 0.5) < 6.0 * 0.289 / sqrt(2.0 * (double)n));
    assert_true(fabs(sum2 / (double)n - 1.0 / 3.0) < 6.0 * 0.298 / sqrt((double)n));
    assert_true(fabs(normal / (double)n) < 6.0 / sqrt((double)n));
    assert_true(fabs(normal2 / (double)n - 1.0) < 6.0 * sqrt(2.0 / (double)n));
}

static void a_shuffle_is_a_permutation_and_all_are_as_likely(void **state)
{
    (void)state;
    tj_rng rng;
    size_t counts[24] = {0};
    tj_rng_init(&rng, 4, 0, 0, 0);
    for (size_t round = 0; round < 24000; round++) {
        size_t x[4] = {0, 1, 2, 3};
        tj_rng_shuffle(&rng, x, 4);
        size_t seen = 0;
        size_t rank = 0; /* of the permutation, by its Lehmer code */
        for (size_t i = 0; i < 4; i++) {
            size_t smaller = 0;
            for (size_t j = i + 1; j < 4; j++) {
                smaller += x[j] < x[i] ? 1 : 0;
            }
            rank = rank * (4 - i) + smaller;
            seen |= (size_t)1 << x[i];
        }
        assert_int_equal(seen, 15);
        counts[rank]++;
    }
    double chi2 = 0.0;
    for (size_t i = 0; i < 24; i++) {
        double d = (double)counts[i] - 1000.0;
        chi2 += d * d / 1000.0;
    }
    assert_true(chi2 < 49.8); /* 23 degrees: p 0.001 */
    size_t one[1] = {9};
    tj_rng_shuffle(&rng, one, 0);
    tj_rng_shuffle(&rng, one, 1);
    assert_int_equal(one[0], 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_the_published_ones),
        cmocka_unit_test(a_stream_is_its_blocks_in_order),
        cmocka_unit_test(equal_streams_are_equal_and_copies_go_on),
        cmocka_unit_test(streams_that_differ_in_one_word_are_independent),
        cmocka_unit_test(below_is_in_range_and_even),
        cmocka_unit_test(below_draws_again_where_a_remainder_is_biased),
        cmocka_unit_test(fractions_have_their_range_and_moments),
        cmocka_unit_test(a_shuffle_is_a_permutation_and_all_are_as_likely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
