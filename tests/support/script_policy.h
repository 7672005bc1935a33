/* A policy that needs no model: it proposes legal steps of a countdown state drawn by the request's
 * own random stream, and now and then a wrong one. For tests of trees and thoughts. */
#ifndef TJ_TESTS_SCRIPT_POLICY_H
#define TJ_TESTS_SCRIPT_POLICY_H

#include "tree/tree.h"

typedef struct script {
    tj_countdown_config cfg;
    tj_task task;
    tj_tokenizer *tok;
    int32_t eos;
    double p_wrong; /* chance of a step with a wrong result */
} script;

void script_open(script *s, double p_wrong);
void script_close(script *s);
/* n test problems' first states. */
void script_items(const script *s, tj_grow_item *items, size_t n, uint64_t seed);
tj_code script_sample(void *ctx, tj_step_request *requests, size_t n, const tj_job *job,
                      tj_err *err);
/* Trees of these problems by this policy; the stream is 1. */
tj_code script_grow(const script *s, const tj_grow_config *cfg, const tj_grow_item *items, size_t n,
                    uint64_t seed, tj_tree_done_fn done, void *ctx);

#endif
