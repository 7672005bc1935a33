/* From a request in OpenAI's words to one of the service: the model is the one that is served, the
 * prompts are token ids.
 *
 * Ownership: gives a request.
 * Threads:   one, since it uses the service's encoder.
 */
#ifndef TJ_WEB_PROMPT_H
#define TJ_WEB_PROMPT_H

#include "web/openai_request.h"
#include "web/web.h"

/* Takes the form from api. `seed` is for a request without one. Errors: TJ_E_NOTFOUND (another
 * model), TJ_E_INVAL (prompts that are empty or too long, chats without a template, more tokens
 * than are given), TJ_E_NOMEM; *out is empty then. */
TJ_MUST_USE tj_code tj_prompt_prepare(tj_request *out, tj_api_request *api,
                                      const tj_service_config *cfg, uint64_t seed, tj_api_error *e);

#endif
