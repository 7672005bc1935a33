/* Tokens and log-probabilities as JSON. */
#include "web/token_json.h"

#include <math.h>
#include <string.h>

void tj_token_json(tj_buf *out, const tj_tokenizer *tok, int32_t id)
{
    size_t n = 0;
    const char *bytes = tj_tokenizer_bytes(tok, id, &n);
    if (tj_utf8_check(bytes, n) == n) {
        tj_buf_json(out, bytes, n);
        return;
    }
    tj_buf_str(out, "\"bytes:");
    for (size_t i = 0; i < n; i++) {
        tj_buf_printf(out, "\\\\x%02x", (unsigned)(unsigned char)bytes[i]);
    }
    tj_buf_char(out, '"');
}

void tj_logprob_json(tj_buf *out, float logprob)
{
    if (isfinite(logprob)) {
        tj_buf_printf(out, "%.9g", (double)logprob);
    } else {
        tj_buf_str(out, "-9999");
    }
}

static bool look_alike(const tj_tokenizer *tok, int32_t a, int32_t b)
{
    size_t n_a = 0, n_b = 0;
    const char *x = tj_tokenizer_bytes(tok, a, &n_a);
    const char *y = tj_tokenizer_bytes(tok, b, &n_b);
    return n_a == n_b && (n_a == 0 || memcmp(x, y, n_a) == 0);
}

static bool is_before(const tj_tokenizer *tok, const int32_t *ids, size_t n, int32_t id)
{
    for (size_t i = 0; i < n; i++) {
        if (look_alike(tok, ids[i], id)) {
            return true;
        }
    }
    return false;
}

static void pair(tj_buf *out, const tj_tokenizer *tok, int32_t id, float logprob, const char *comma)
{
    tj_buf_str(out, comma);
    tj_token_json(out, tok, id);
    tj_buf_char(out, ':');
    tj_logprob_json(out, logprob);
}

void tj_top_json(tj_buf *out, const tj_tokenizer *tok, const int32_t *ids, const float *logprobs,
                 size_t n, int32_t id, float logprob)
{
    const char *comma = "";
    tj_buf_char(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (!is_before(tok, ids, i, ids[i])) {
            pair(out, tok, ids[i], logprobs[i], comma);
            comma = ",";
        }
    }
    if (id >= 0 && !is_before(tok, ids, n, id)) {
        pair(out, tok, id, logprob, comma);
    }
    tj_buf_char(out, '}');
}

void tj_chat_token_json(tj_buf *out, const tj_tokenizer *tok, int32_t id, float logprob)
{
    size_t n = 0;
    const char *bytes = tj_tokenizer_bytes(tok, id, &n);
    tj_buf_str(out, "{\"token\":");
    tj_token_json(out, tok, id);
    tj_buf_str(out, ",\"logprob\":");
    tj_logprob_json(out, logprob);
    tj_buf_str(out, ",\"bytes\":[");
    for (size_t i = 0; i < n; i++) {
        tj_buf_printf(out, "%s%u", i == 0 ? "" : ",", (unsigned)(unsigned char)bytes[i]);
    }
    tj_buf_char(out, ']');
}
