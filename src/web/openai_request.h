/* Requests of OpenAI's /v1/completions and /v1/chat/completions, read from JSON. What would change
 * the answer and is not done here is refused by name; what would not is passed over.
 *
 * Ownership: strings and messages are lent by the JSON document, which the request keeps.
 * Threads:   confined to one thread.
 */
#ifndef TJ_WEB_OPENAI_REQUEST_H
#define TJ_WEB_OPENAI_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infer/infer.h"
#include "text/text.h"
#include "web/api_error.h"

#define TJ_MAX_REQUEST_DEPTH 32 /* of JSON; a schema has two levels for each object in it */
#define TJ_MAX_PROMPTS       ((size_t)1024) /* of a request; clients send batches of some dozens */
#define TJ_MAX_SAMPLES       ((size_t)128)  /* n and best_of, as OpenAI */
#define TJ_MAX_CHOICES       ((size_t)1024) /* prompts times samples, so that one request is bounded */
#define TJ_MAX_MESSAGES      ((size_t)4096) /* of a conversation */
#define TJ_MAX_STOPS         ((size_t)4)    /* as OpenAI */
#define TJ_MAX_STOP_BYTES                                                                          \
    ((size_t)1024) /* the end of a text is compared with each of its                               \
                    * beginnings, token by token */

typedef enum tj_api_kind { TJ_API_TEXT, TJ_API_CHAT } tj_api_kind;

/* A prompt is text, or ids that are there already. */
typedef struct tj_api_prompt {
    const char *text; /* NULL: ids */
    size_t len;
    tj_ids ids;
} tj_api_prompt;

typedef struct tj_api_request {
    tj_api_kind kind;
    json_t *root;
    const char *model;
    tj_api_prompt *prompts; /* [n_prompts]; of a chat none */
    size_t n_prompts;
    tj_message *messages; /* [n_messages] */
    size_t n_messages;
    char **joined; /* [n_messages]; texts given in parts, or NULL */
    size_t n, best_of;
    bool echo;
    bool logprobs; /* asked for, */
    size_t n_top;  /* with so many alternatives */
    tj_sampling sampling;
    bool has_seed;
    uint64_t seed;
    bool has_max_tokens;
    size_t max_tokens;
    const char *stop[TJ_MAX_STOPS];
    size_t n_stop;
    tj_form *form; /* that response_format asks for; NULL: any text */
    bool stream, include_usage;
    bool says_thinking; /* there is a chat_template_kwargs.enable_thinking, */
    bool no_thinking;   /* and it is false */
} tj_api_request;

/* Reads a body. On an error (its fields say what the client is told) *out needs no deinit. */
TJ_MUST_USE tj_code tj_api_request_parse(tj_api_request *out, tj_api_kind kind, const char *body,
                                         size_t len, tj_api_error *e);
void tj_api_request_deinit(tj_api_request *req); /* a zeroed one is allowed */

#endif
