#include "tree/prm_answer.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

#define MAX_POOLED_DEPTH 8    /* of JSON; the answer has 3 levels */
#define PAIR_SLACK       1e-2 /* of the sum of a pair: servers compute in half precision */

/* ------------------------------------------------------------ tags */

/* Whether a token is the tag but for white space, also as SentencePiece writes it. */
static bool is_tag(const char *bytes, size_t n, const char *tag)
{
    static const char space[] = "\xE2\x96\x81";
    size_t n_tag = strlen(tag);
    while (n > 0 && (bytes[0] == ' ' || bytes[0] == '\n')) {
        bytes++;
        n--;
    }
    if (n >= 3 && memcmp(bytes, space, 3) == 0) {
        bytes += 3;
        n -= 3;
    }
    while (n > 0 && (bytes[n - 1] == ' ' || bytes[n - 1] == '\n')) {
        n--;
    }
    return n == n_tag && memcmp(bytes, tag, n) == 0;
}

typedef struct tags {
    const char *good, *bad;
    double p_good, p_bad;
} tags;

static void add_token(tags *t, const tj_completion *answer, const tj_token_prob *token)
{
    const char *bytes = answer->bytes + token->begin;
    double p = exp(token->logprob);
    t->p_good += is_tag(bytes, token->n_bytes, t->good) ? p : 0.0;
    t->p_bad += is_tag(bytes, token->n_bytes, t->bad) ? p : 0.0;
}

/* Whether the sampled token stands among its own alternatives. */
static bool is_listed(const tj_completion *a)
{
    for (size_t i = a->top_begin[0]; i < a->top_begin[1]; i++) {
        const tj_token_prob *top = &a->top[i];
        if (top->n_bytes == a->tokens[0].n_bytes &&
            memcmp(a->bytes + top->begin, a->bytes + a->tokens[0].begin, top->n_bytes) == 0) {
            return true;
        }
    }
    return false;
}

tj_code tj_prm_read_tags(double *out, const tj_completion *answer, const char *good,
                         const char *bad, tj_err *err)
{
    tags t = {.good = good, .bad = bad};
    *out = 0.0;
    if (answer->n_tokens == 0 || answer->top_begin == NULL) {
        return tj_fail(err, TJ_E_PARSE, "the server gives no token with its log-probabilities");
    }
    for (size_t i = answer->top_begin[0]; i < answer->top_begin[1]; i++) {
        add_token(&t, answer, &answer->top[i]);
    }
    if (!is_listed(answer)) {
        add_token(&t, answer, &answer->tokens[0]);
    }
    double sum = t.p_good + t.p_bad;
    if (!(sum > 0.0) || !isfinite(sum)) {
        return tj_fail(err, TJ_E_PARSE, "neither '%s' nor '%s' is among the %zu tokens told", good,
                       bad, answer->top_begin[1] - answer->top_begin[0]);
    }
    *out = t.p_good / sum;
    return TJ_OK;
}

/* ------------------------------------------------------------ pooling */

static tj_code read_pair(double *out, const json_t *pair, size_t i, tj_err *err)
{
    double wrong = json_number_value(json_array_get(pair, 0));
    double right = json_number_value(json_array_get(pair, 1));
    bool ok = json_array_size(pair) == 2 && json_is_number(json_array_get(pair, 0)) &&
              json_is_number(json_array_get(pair, 1)) && wrong >= 0.0 && right >= 0.0 &&
              fabs(wrong + right - 1.0) <= PAIR_SLACK;
    if (!ok) {
        return tj_fail(err, TJ_E_PARSE,
                       "step %zu: expected the probabilities of wrong and of right", i + 1);
    }
    *out = right / (wrong + right);
    return TJ_OK;
}

/* Whether the list is one list of pairs inside another. */
static bool is_wrapped(const json_t *list)
{
    const json_t *inner = json_array_get(list, 0);
    return json_array_size(list) == 1 && json_is_array(json_array_get(inner, 0));
}

tj_code tj_prm_read_pooled(double *out, size_t n, const char *text, size_t len, tj_err *err)
{
    json_t *json;
    tj_code rc = tj_json_parse(&json, text, len, MAX_POOLED_DEPTH, "the pooling", err);
    if (rc != TJ_OK) {
        return rc;
    }
    const json_t *list = is_wrapped(json) ? json_array_get(json, 0) : json;
    if (!json_is_array(list) || json_array_size(list) != n) {
        rc = tj_fail(err, TJ_E_PARSE, "%zu values for %zu steps", json_array_size(list), n);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = read_pair(&out[i], json_array_get(list, i), i, err);
    }
    json_decref(json);
    return rc;
}
