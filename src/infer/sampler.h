/* Draws a token from a row of logits, or from some tokens of it.
 *
 * p = softmax(logits / temperature). The filters keep a prefix of the tokens ordered by falling
 * logit (ties: the lower id first), each applied to what the one before left:
 *
 *     top_k  the first k;
 *     top_p  the fewest whose share of the mass that top_k left is at least top_p (one at least);
 *     min_p  those with p >= min_p * p of the most probable.
 *
 * What is left is renormalised. Temperature 0 is greedy: the largest logit, ties to the lowest id.
 * A draw is a function of (logits, settings, u) alone, with u uniform in [0, 1).
 *
 * Ownership: a sampler owns scratch that grows to the largest vocabulary seen.
 * Threads:   each thread uses a sampler of its own.
 */
#ifndef TJ_INFER_SAMPLER_H
#define TJ_INFER_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "infer/infer.h"

typedef struct tj_sampler {
    double *weights; /* [cap]; unnormalised probabilities */
    int32_t *ids;    /* [cap]; candidates: a heap from the start, the kept from the end down */
    float *masked;   /* [cap]; the logits of the tokens that may be drawn; others -infinity */
    size_t cap;
} tj_sampler;
void tj_sampler_init(tj_sampler *sampler);
void tj_sampler_deinit(tj_sampler *sampler);
/* Makes room for n_vocab logits; nothing is allocated by the draws. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_sampler_reserve(tj_sampler *sampler, size_t n_vocab, tj_err *err);

/* TJ_E_INVAL unless the temperature is 0 or at least TJ_MIN_TEMPERATURE and finite, 0 < top_p <= 1
 * and 0 <= min_p <= 1. */
#define TJ_MIN_TEMPERATURE 1e-6 /* below, logits divided by it stop being numbers; 0 is meant */
TJ_MUST_USE tj_code tj_sampling_check(const tj_sampling *sampling, tj_err *err);

/* Where the n most probable tokens of a row go, n <= n_vocab: the most probable first, ties by id,
 * with log-probabilities under the whole vocabulary at temperature 1. */
typedef struct tj_top {
    size_t n;
    int32_t *ids;    /* [n] */
    float *logprobs; /* [n] */
} tj_top;
/* The row `at` of many that lie one after the other from `first` on. */
tj_top tj_top_at(tj_top first, size_t at);

/* Draws *id, with its log-probability as those of tj_top in *logprob (may be NULL), and tells the
 * most probable tokens beside it (top may be NULL). The sampler was reserved for n_vocab. Errors:
 * TJ_E_NUMERIC (a logit is NaN or +infinity, or all are -infinity; a single -infinity is a token
 * of probability 0). */
TJ_MUST_USE tj_code tj_sampler_draw(tj_sampler *sampler, int32_t *id, float *logprob,
                                    const tj_top *top, const float *logits, size_t n_vocab,
                                    const tj_sampling *sampling, double u, tj_err *err);

/* Tokens that may be drawn: those of `bits`, but of `ends`, whatever their bits say, all or none.
 */
typedef struct tj_allowed {
    const uint64_t *bits;   /* [(n_vocab + 63) / 64]; token id is bit id % 64 of word id / 64 */
    const int32_t *ends[2]; /* [n_ends] ids below n_vocab each */
    size_t n_ends[2];
    bool may_end;
} tj_allowed;
/* As tj_sampler_draw from these tokens alone: as if all other logits were -infinity. The
 * log-probabilities are those under the whole vocabulary. Errors: as there, also where none of them
 * has a probability above 0. */
TJ_MUST_USE tj_code tj_sampler_draw_allowed(tj_sampler *sampler, int32_t *id, float *logprob,
                                            const tj_top *top, const float *logits, size_t n_vocab,
                                            const tj_allowed *allowed, const tj_sampling *sampling,
                                            double u, tj_err *err);

/* The distribution that tj_sampler_draw draws from: probs [n_vocab]. Errors: as there. */
TJ_MUST_USE tj_code tj_sampler_probs(tj_sampler *sampler, double *probs, const float *logits,
                                     size_t n_vocab, const tj_sampling *sampling, tj_err *err);

/* Log-probability of one token at temperature 1, the log-sum-exp in double; top as there. Errors:
 * as there. */
TJ_MUST_USE tj_code tj_sampler_logprob(float *logprob, const tj_top *top, const float *logits,
                                       size_t n_vocab, int32_t id, tj_err *err);

#endif
