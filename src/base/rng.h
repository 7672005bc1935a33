/* Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as
 * easy as 1, 2, 3", SC'11), keyed by what a number is for, so that no order of threads or batches
 * can change it.
 *
 * A stream is (seed, run, problem, node); the k-th draw of a stream depends on nothing else.
 *
 * Ownership: plain value, copy freely.
 * Threads:   confined to one thread; equal streams give equal numbers anywhere.
 */
#ifndef TJ_BASE_RNG_H
#define TJ_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct tj_rng {
    uint32_t key[2];     /* from the seed */
    uint32_t counter[4]; /* counter[0]: draw block; the others: hashed run, problem, node */
    uint32_t block[4];   /* the current block of outputs */
    uint32_t n_left;     /* unused outputs in block, taken from its end */
} tj_rng;

/* The stream of (seed, run, problem, node). Where there is no run, `run` is a small fixed number:
 * each purpose of a seed has its own, named beside the code that draws. */
void tj_rng_init(tj_rng *rng, uint64_t seed, uint64_t run, uint64_t problem, uint64_t node);

/* One block of Philox4x32-10, as published; the known-answer tests use it. */
void tj_philox4x32(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

uint32_t tj_rng_u32(tj_rng *rng);
uint64_t tj_rng_u64(tj_rng *rng);
/* Uniform in [0, n), without bias; n > 0. */
uint64_t tj_rng_below(tj_rng *rng, uint64_t n);
/* Uniform in [0, 1) with 24 and 53 random bits. */
float tj_rng_float(tj_rng *rng);
double tj_rng_double(tj_rng *rng);
/* Standard normal (Box-Muller, one of the pair). */
double tj_rng_normal(tj_rng *rng);
/* Fisher-Yates over indexes[0 .. n). */
void tj_rng_shuffle(tj_rng *rng, size_t *indexes, size_t n);

#endif
