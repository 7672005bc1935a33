/* Queries and completions, whoever answers. */
#include "infer/generator.h"

#include <string.h>

#include "base/alloc.h"

bool tj_is_url(const char *path_or_url)
{
    return strncmp(path_or_url, "http://", 7) == 0 || strncmp(path_or_url, "https://", 8) == 0;
}

void tj_generator_close(tj_generator *generator)
{
    if (generator->close != NULL) {
        generator->close(generator->ctx);
    }
    *generator = (tj_generator){.ctx = NULL};
}

/* ------------------------------------------------------------ queries */

void tj_completion_deinit(tj_completion *c)
{
    tj_free(c->text);
    tj_free(c->reasoning);
    tj_free(c->tokens);
    tj_free(c->top_begin);
    tj_free(c->top);
    tj_free(c->bytes);
    *c = (tj_completion){.text = NULL};
}

void tj_query_deinit(tj_query *query)
{
    for (size_t i = 0; query->completions != NULL && i < query->n_samples; i++) {
        tj_completion_deinit(&query->completions[i]);
    }
    tj_free(query->completions);
    query->completions = NULL;
}

static tj_code check(const tj_query *q, bool chats, tj_err *err)
{
    if (q->n_samples < 1 || q->n_samples > TJ_MAX_QUERY_SAMPLES) {
        return tj_fail(err, TJ_E_INVAL, "n_samples is %zu, not from 1 to %d", q->n_samples,
                       TJ_MAX_QUERY_SAMPLES);
    }
    if (q->max_tokens < 1) {
        return tj_fail(err, TJ_E_INVAL, "max_tokens is 0, expected at least 1");
    }
    if (q->n_top > TJ_MAX_TOP) {
        return tj_fail(err, TJ_E_INVAL, "n_top is %zu, at most %d", q->n_top, TJ_MAX_TOP);
    }
    if (q->pooled && (q->messages == NULL || q->n_samples != 1)) {
        return tj_fail(err, TJ_E_INVAL, "pooling takes one conversation, of one sample");
    }
    if (q->messages != NULL && !chats) {
        return tj_fail(err, TJ_E_INVAL,
                       "a conversation is given, and the model has no chat "
                       "template");
    }
    return TJ_OK;
}

tj_code tj_query_begin(tj_query *query, bool chats)
{
    query->completions = NULL;
    query->usage = query->saved = (tj_usage){.n_prompt = 0};
    query->error = (tj_err){.code = TJ_OK};
    tj_code rc = check(query, chats, &query->error);
    if (rc == TJ_OK) {
        query->completions = tj_calloc(query->n_samples, sizeof *query->completions);
        if (query->completions == NULL) {
            rc = tj_fail(&query->error, TJ_E_NOMEM, "cannot hold %zu answers", query->n_samples);
        }
    }
    return rc;
}

tj_code tj_queries_end(const tj_query *queries, size_t n, tj_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (queries[i].error.code != TJ_OK) {
            return tj_fail(err, queries[i].error.code, "%s", queries[i].error.msg);
        }
    }
    return TJ_OK;
}

void tj_usage_add(tj_usage *sum, const tj_usage *more)
{
    sum->n_prompt += more->n_prompt;
    sum->n_cached += more->n_cached;
    sum->n_completion += more->n_completion;
    sum->n_reasoning += more->n_reasoning;
    sum->cost += more->cost;
}

/* ------------------------------------------------------------ completions */

/* A copy with a zero after it; tj_strndup would end at a zero in it. */
static char *copy_bytes(const char *bytes, size_t n)
{
    char *copy = tj_malloc(n + 1);
    if (copy != NULL) {
        if (n > 0) {
            memcpy(copy, bytes, n);
        }
        copy[n] = '\0';
    }
    return copy;
}

tj_code tj_completion_set_text(tj_completion *out, const char *text, size_t len, bool thinks,
                               tj_err *err)
{
    tj_thinking parts = {.answer = text, .n_answer = len};
    if (thinks && tj_split_thinking(&parts, text, len)) {
        out->reasoning = copy_bytes(parts.thought, parts.n_thought);
        out->n_reasoning = parts.n_thought;
        if (out->reasoning == NULL) {
            return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu bytes of thoughts", parts.n_thought);
        }
    }
    out->text = copy_bytes(parts.answer, parts.n_answer);
    out->n_text = parts.n_answer;
    return out->text != NULL
               ? TJ_OK
               : tj_fail(err, TJ_E_NOMEM, "cannot hold an answer of %zu bytes", parts.n_answer);
}

void tj_token_list_begin(tj_token_list *list, tj_completion *completion)
{
    *list = (tj_token_list){.completion = completion};
    tj_buf_init(&list->bytes);
    completion->n_tokens = 0;
}

static tj_token_prob add_bytes(tj_token_list *list, const char *bytes, size_t n, double logprob)
{
    tj_token_prob prob = {.begin = list->bytes.len, .n_bytes = n, .logprob = logprob};
    tj_buf_add(&list->bytes, bytes, n);
    return prob;
}

void tj_token_list_add(tj_token_list *list, const char *bytes, size_t n, double logprob)
{
    tj_completion *c = list->completion;
    if (list->failed ||
        !tj_grow(&c->tokens, &list->cap_tokens, c->n_tokens + 1, sizeof *c->tokens) ||
        !tj_grow(&c->top_begin, &list->cap_begin, c->n_tokens + 2, sizeof *c->top_begin)) {
        list->failed = true;
        return;
    }
    c->tokens[c->n_tokens] = add_bytes(list, bytes, n, logprob);
    c->top_begin[c->n_tokens++] = list->n_top;
    c->top_begin[c->n_tokens] = list->n_top;
}

void tj_token_list_add_top(tj_token_list *list, const char *bytes, size_t n, double logprob)
{
    tj_completion *c = list->completion;
    if (list->failed || !tj_grow(&c->top, &list->cap_top, list->n_top + 1, sizeof *c->top)) {
        list->failed = true;
        return;
    }
    c->top[list->n_top++] = add_bytes(list, bytes, n, logprob);
    c->top_begin[c->n_tokens] = list->n_top;
}

void tj_token_list_abort(tj_token_list *list)
{
    tj_completion *c = list->completion;
    tj_buf_deinit(&list->bytes);
    tj_free(c->tokens);
    tj_free(c->top_begin);
    tj_free(c->top);
    tj_free(c->bytes);
    c->tokens = c->top = NULL;
    c->top_begin = NULL;
    c->bytes = NULL;
    c->n_tokens = 0;
}

tj_code tj_token_list_end(tj_token_list *list, tj_err *err)
{
    tj_completion *c = list->completion;
    list->failed |= list->bytes.failed;
    if (!list->failed && c->n_tokens == 0) { /* an answer of no tokens has a list, too */
        c->tokens = tj_calloc(1, sizeof *c->tokens);
        c->top_begin = tj_calloc(1, sizeof *c->top_begin);
        list->failed = c->tokens == NULL || c->top_begin == NULL;
    }
    if (!list->failed) {
        c->bytes = tj_buf_take(&list->bytes);
        list->failed = c->bytes == NULL;
    }
    if (list->failed) {
        tj_token_list_abort(list);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold the log-probabilities of an answer");
    }
    return TJ_OK;
}
