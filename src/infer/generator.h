/* What both kinds of generators share. Internal; other rooms use infer.h. */
#ifndef TJ_INFER_GENERATOR_H
#define TJ_INFER_GENERATOR_H

#include "base/buf.h"
#include "infer/infer.h"

/* Checks a query's numbers, empties its outputs and makes room for its completions. Errors, which
 * are in query->error: TJ_E_INVAL naming the field, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_query_begin(tj_query *query, bool chats);
/* The error of the first query that has one, to *err. */
TJ_MUST_USE tj_code tj_queries_end(const tj_query *queries, size_t n, tj_err *err);

void tj_usage_add(tj_usage *sum, const tj_usage *more);

/* Sets text and, where `thinks` and the text has a thought, reasoning; both are copies. Errors:
 * TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_completion_set_text(tj_completion *out, const char *text, size_t len,
                                           bool thinks, tj_err *err);

/* Builds a completion's tokens one after another; what a failed allocation cut short is found by
 * end. After end the completion has the arrays, or on error none of them. */
typedef struct tj_token_list {
    tj_completion *completion;
    tj_buf bytes;
    size_t cap_tokens, cap_begin, cap_top, n_top;
    bool failed;
} tj_token_list;
void tj_token_list_begin(tj_token_list *list, tj_completion *completion);
void tj_token_list_add(tj_token_list *list, const char *bytes, size_t n, double logprob);
/* An alternative to the token added last. */
void tj_token_list_add_top(tj_token_list *list, const char *bytes, size_t n, double logprob);
void tj_token_list_abort(tj_token_list *list); /* instead of end: the completion has none */
TJ_MUST_USE tj_code tj_token_list_end(tj_token_list *list, tj_err *err);

#endif
