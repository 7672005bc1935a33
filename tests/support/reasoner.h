/* A language model of a test's: a function says what it answers to each sample of each query, many
 * at once. Ownership: its generator borrows the reasoner. For tests. */
#ifndef TJ_TESTS_REASONER_H
#define TJ_TESTS_REASONER_H

#include "infer/infer.h"
#include "tree/asking.h"

#define REASONER_MAX_ASKED 512

typedef struct reasoner reasoner;
/* Appends the answer; "" with *lost set: there is none. asked: the last message, or the text. */
typedef void (*reasoner_fn)(reasoner *r, tj_buf *out, const char *asked, const tj_query *query,
                            size_t sample, bool *lost);

struct reasoner {
    reasoner_fn fn;
    void *ctx;
    size_t n_queries, n_samples;
    size_t cancel_at;                /* the query at which all is cancelled; 0: none */
    tj_query seen[REASONER_MAX_ASKED]; /* what was asked; its texts are gone */
    char *asked[REASONER_MAX_ASKED];
    tj_generator_stats stats;
    tj_asked_model model;
};

void reasoner_open(reasoner *r, reasoner_fn fn, void *ctx);
void reasoner_close(reasoner *r);
/* For functions: the n-th of a list, "!" in it being no answer. */
void reasoner_say(reasoner *r, tj_buf *out, const char *asked, const tj_query *query, size_t sample,
                  bool *lost);

#endif
