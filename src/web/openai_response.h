/* Replies in OpenAI's words: one JSON object, or events of server-sent events
 * (https://html.spec.whatwg.org/multipage/server-sent-events.html) as the text comes.
 *
 * Every sampled token has its log-probability, those of a stop string and the end token included,
 * so that their number is usage.completion_tokens. A token that is not UTF-8 by itself is named
 * "bytes:\xe2\x80", as OpenAI does it.
 *
 * Ownership: create/destroy.
 * Threads:   confined to one thread at a time.
 */
#ifndef TJ_WEB_OPENAI_RESPONSE_H
#define TJ_WEB_OPENAI_RESPONSE_H

#include "base/buf.h"
#include "web/openai_request.h"
#include "web/web.h"

typedef struct tj_api_writer tj_api_writer;

/* Keeps the request and cfg; id is a number for the answer's name, created the time in seconds
 * since 1970. Gives *out; NULL on error. */
TJ_MUST_USE tj_code tj_api_writer_create(tj_api_writer **out, const tj_api_request *api,
                                         const tj_service_config *cfg, uint64_t id, int64_t created,
                                         tj_err *err);
void tj_api_writer_destroy(tj_api_writer *writer); /* NULL is allowed */

/* Appends the whole answer to a reply that is done: of each prompt the n samples of the highest
 * mean log-probability, the best first where some are left out, in their order otherwise. */
void tj_api_write_answer(tj_api_writer *writer, tj_buf *out, const tj_reply *reply);
/* Appends the events for what is new in a reply. */
void tj_api_write_events(tj_api_writer *writer, tj_buf *out, const tj_reply *reply);
/* Appends the last ones: the usage, where it is asked for, and [DONE]. */
void tj_api_write_end(tj_api_writer *writer, tj_buf *out, const tj_reply *reply);
/* An error after the first event. */
void tj_api_write_error_event(tj_buf *out, const tj_api_error *e);

/* /v1/models and /v1/models/{id}. */
void tj_api_write_models(tj_buf *out, const tj_service_config *cfg);
void tj_api_write_model(tj_buf *out, const tj_service_config *cfg);

#endif
