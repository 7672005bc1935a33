/* Philox4x32-10 of Salmon et al. 2011, section 3.3 and table 2: ten rounds of two 32x32 -> 64 bit
 * products, the key bumped by the Weyl constants between rounds.
 *
 * How a stream becomes a key and a counter. The key is the seed itself, so distinct seeds never
 * meet. run, problem and node are 192 bits and the counter has 96 to spare, so they are hashed: two
 * chains h <- mix(h ^ word) from different starts, mix being the finaliser of SplitMix64 (Steele,
 * Lea and Flood 2014, "Fast splittable pseudorandom number generators"), a bijection of 64 bits.
 * counter[1], counter[2] are the first chain, counter[3] the upper half of the second. Two streams
 * of one seed coincide with probability 2^-96. */
#include "base/rng.h"

#include <math.h>

#include "base/assert.h"

#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u /* golden ratio */
#define PHILOX_W1 0xBB67AE85u /* sqrt(3) - 1 */

#define CHAIN_A 0x9E3779B97F4A7C15u /* the increment of SplitMix64 */
#define CHAIN_B 0x6A09E667F3BCC908u /* sqrt(2): any other start will do */

#define PI 3.14159265358979323846

void tj_philox4x32(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * c0;
        uint64_t p1 = (uint64_t)PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint64_t chain(uint64_t h, uint64_t run, uint64_t problem, uint64_t node)
{
    h = mix(h ^ run);
    h = mix((h + CHAIN_A) ^ problem);
    return mix((h + CHAIN_A) ^ node);
}

void tj_rng_init(tj_rng *rng, uint64_t seed, uint64_t run, uint64_t problem, uint64_t node)
{
    uint64_t a = chain(CHAIN_A, run, problem, node);
    uint64_t b = chain(CHAIN_B, run, problem, node);
    *rng = (tj_rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {0, (uint32_t)a, (uint32_t)(a >> 32), (uint32_t)(b >> 32)},
    };
}

uint32_t tj_rng_u32(tj_rng *rng)
{
    if (rng->n_left == 0) {
        tj_philox4x32(rng->block, rng->counter, rng->key);
        rng->counter[0]++;
        /* 2^34 draws: no stream of ours comes near, and a repeat must not pass in silence. */
        TJ_ASSERT(rng->counter[0] != 0);
        rng->n_left = 4;
    }
    return rng->block[--rng->n_left];
}

uint64_t tj_rng_u64(tj_rng *rng)
{
    uint64_t high = tj_rng_u32(rng);
    return high << 32 | tj_rng_u32(rng);
}

uint64_t tj_rng_below(tj_rng *rng, uint64_t n)
{
    TJ_ASSERT(n > 0);
    /* 2^64 mod n values at the bottom would be drawn once too often: they are drawn again. */
    uint64_t too_often = (0 - n) % n;
    uint64_t r = tj_rng_u64(rng);
    while (r < too_often) {
        r = tj_rng_u64(rng);
    }
    return r % n;
}

float tj_rng_float(tj_rng *rng)
{
    return (float)(tj_rng_u32(rng) >> 8) * 0x1p-24f;
}

double tj_rng_double(tj_rng *rng)
{
    return (double)(tj_rng_u64(rng) >> 11) * 0x1p-53;
}

double tj_rng_normal(tj_rng *rng)
{
    double u = 1.0 - tj_rng_double(rng); /* in (0, 1], so that its logarithm is finite */
    double angle = 2.0 * PI * tj_rng_double(rng);
    return sqrt(-2.0 * log(u)) * cos(angle);
}

void tj_rng_shuffle(tj_rng *rng, size_t *indexes, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)tj_rng_below(rng, i);
        size_t moved = indexes[i - 1];
        indexes[i - 1] = indexes[j];
        indexes[j] = moved;
    }
}
