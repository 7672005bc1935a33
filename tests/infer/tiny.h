/* Tiny random models and helpers for the tests of generation. */
#ifndef TJ_TESTS_INFER_TINY_H
#define TJ_TESTS_INFER_TINY_H

#include <stdint.h>

#include "infer/infer.h"
#include "nn/nn.h"
#include "text/text.h"

/* 3 layers (the second with a window of 7), width 32, 4 heads over 2 KV heads, 61 tokens, wide
 * initial weights so that distributions are far from flat; a value head. Token 60 is the end. */
void tiny_config(tj_model_config *cfg, size_t max_positions);
tj_model *tiny_model(tj_dtype compute, size_t max_positions);
tj_engine *tiny_engine(tj_model *model, const tj_tokenizer *tok, size_t kv_bytes,
                       size_t batch_rows);
/* n ids in [0, 59], a function of the seed. */
void tiny_ids(int32_t *ids, size_t n, uint64_t seed);
tj_branch tiny_root(tj_engine *engine, size_t n, uint64_t seed);
/* Log-probabilities [61] of what follows ids, computed from nothing by the training forward. */
void tiny_next_logprobs(float *out, tj_model *model, const int32_t *ids, size_t n);
tj_gen tiny_gen(tj_branch branch, double temperature, uint64_t node, size_t max_tokens);
/* Frees all of it; asserts that the branches of gens [n] were the last that the engine held. */
void tiny_end(tj_engine *engine, tj_model *model, tj_gen *gens, size_t n);
/* Asserts that two sampled the same, bit for bit. */
void tiny_assert_same(const tj_gen *a, const tj_gen *b);
/* Asserts that gen, sampled in `engine`, is what its path before it gives alone in an engine of its
 * own, bit for bit: as far as it got, if it is not finished. */
void tiny_check_alone(tj_model *model, const tj_engine *engine, const tj_gen *gen);

#endif
