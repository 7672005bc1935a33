/* Tokens and log-probabilities as JSON. Internal to openai_response.c.
 *
 * Ownership: appends to buffers of the caller.
 * Threads:   any.
 */
#ifndef TJ_WEB_TOKEN_JSON_H
#define TJ_WEB_TOKEN_JSON_H

#include "base/buf.h"
#include "text/text.h"

/* A token's text as a JSON string; "bytes:\xe2\x80" where it is not UTF-8 by itself. */
void tj_token_json(tj_buf *out, const tj_tokenizer *tok, int32_t id);
/* A log-probability with all its bits; -9999 for minus infinity, as OpenAI. */
void tj_logprob_json(tj_buf *out, float logprob);
/* {"text": logprob, ...} of the most probable tokens, and of the token itself (-1: none) if it is
 * not among them; of tokens that look alike only the most probable. */
void tj_top_json(tj_buf *out, const tj_tokenizer *tok, const int32_t *ids, const float *logprobs,
                 size_t n, int32_t id, float logprob);
/* {"token", "logprob", "bytes"} without the closing brace. */
void tj_chat_token_json(tj_buf *out, const tj_tokenizer *tok, int32_t id, float logprob);

#endif
