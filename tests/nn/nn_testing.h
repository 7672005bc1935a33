/* What the tests of nn share: tiny models with every option, their references, comparisons. */
#ifndef TJ_TESTS_NN_NN_TESTING_H
#define TJ_TESTS_NN_NN_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "nn/decoder_ref.h"
#include "nn/nn.h"

/* The seed of the random part of a test: TABIJI_TEST_SEED, or `fallback`; printed. */
uint64_t nn_seed(uint64_t fallback);

/* ---------------------------------------------------------------- models */

/* V 37, C 24, L 2, H 4, G 2, D 6, F 20: no width is a multiple of a vector. */
void nn_config_small(tj_model_config *cfg);

/* Options by number in [0, NN_N_OPTIONS): every combination of bias, q/k norm, tied embedding,
 * value head, and of six kinds of attention (plain; windows; scales; two RoPE tables; all of
 * them; Gemma 3's, with its norms, activation and embedding scale). */
#define NN_N_OPTIONS 96
void nn_config_options(tj_model_config *cfg, size_t option);
/* "bias qk_norm tied value windows", for messages. Lent until the next call. */
const char *nn_config_name(const tj_model_config *cfg);

/* A model whose every weight, norms and biases too, is random: nothing hides behind a 1 or 0. */
tj_model *nn_model(const tj_model_config *cfg, tj_dtype compute, uint64_t seed);
/* Gives a model adapters of few ranks for some targets, all of it drawn by the seed, B too, and
 * gradients for them. */
void nn_add_lora(tj_model *model, uint64_t seed);
/* nn_model, for every third seed with adapters, for every sixth with its value head trained beside
 * them. */
tj_model *nn_any_model(const tj_model_config *cfg, tj_dtype compute, uint64_t seed);
/* The reference with a model's weights. */
tj_ref *nn_ref(tj_model *model);
void nn_ref_zero(tj_ref *ref);

/* n ids in [0, n_vocab). */
void nn_ids(int32_t *ids, size_t n, size_t n_vocab, tj_rng *rng);

/* ---------------------------------------------------------------- comparisons */

/* max |got - want| / max(max |want|, 1e-8): what "equal to e" bounds for a tensor. */
double nn_tensor_error(const float *got, const double *want, size_t n);
/* max of |got - want| / max(1, |want|): the same for losses and log-probabilities. */
double nn_logp_error(const float *got, const double *want, size_t n);
/* Where terms nearly cancel, a gradient is ill-conditioned and no arithmetic of so many bits can be
 * near: how far one rounding of every weight takes it is measured on the reference, and an error of
 * NN_ROUNDINGS such is allowed: a value passes about as many in two layers and back. A gradient
 * that vanishes by cancellation (of q and k, where a token sees one key only) is nothing but
 * rounding of the terms that cancel. */
#define NN_ROUNDINGS 20.0
/* What an error of a gradient is measured by, from its own largest value and the whole model's: the
 * former, but the latter where the former vanishes beside it. */
double nn_gradient_scale(double own, double everywhere);
double nn_rounding(tj_dtype dtype); /* largest relative error of one: 2^-24, 2^-9 */
/* Moves every weight by one rounding, up or down. */
void nn_ref_round(tj_ref *ref, tj_dtype dtype, uint64_t seed);
/* Fails, with names and numbers, unless the gradients of the trainable parameters are equal to e in
 * this sense; `rounded` is the reference after nn_ref_round and the same run. */
void nn_assert_grads(tj_model *model, const tj_ref *ref, const tj_ref *rounded, double e,
                     const char *what);
/* Whether the gradients of `got` (joined, as all here) are those of `want` to e in the same sense;
 * with `rounded` (or NULL), a model whose weights are one rounding off, to NN_ROUNDINGS such where
 * that is more. Tells the first parameter that is not, and the largest error of the last one looked
 * at. */
bool nn_grads_are_near(tj_model *got, tj_model *want, tj_model *rounded, double e,
                       const char **where, double *by);
void nn_assert_logp(const float *got, const double *want, size_t n, double e, const char *what);
/* Fails unless two models have the same bits in all gradients (joined) or weights. */
void nn_assert_same_grads(tj_model *a, tj_model *b);
void nn_assert_same_weights(tj_model *a, tj_model *b);
/* Fails unless two arrays have the same bits. */
void nn_assert_same_bits(const float *a, const float *b, size_t n, const char *what);

/* Central differences (five points, error O(h^4)) of f with respect to x [n] against g [n]: their
 * largest difference, over the largest |g|. */
double nn_gradient_error(double *x, const double *g, size_t n, double (*f)(void *ctx), void *ctx);

/* Fixtures of cmocka: a folder for a test's files, and its end. */
extern char nn_folder[256];
int nn_make_folder(void **state);
int nn_remove_folder(void **state);
/* nn_folder/NAME; lent until the eighth call from now. */
const char *nn_in_folder(const char *name);
void nn_remove(const char *path); /* a folder in it, with all that it holds */

#endif
