/* JSON that comes from outside: bodies of HTTP, files of caches.
 *
 * Ownership: stated at the function.
 * Threads:   no shared state.
 */
#ifndef TJ_BASE_JSON_H
#define TJ_BASE_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

/* Gives the value that text is (json_decref); NULL on error. Zero bytes in strings are kept: a
 * reader asks json_string_length. `what` names the text in messages. max_depth bounds nesting,
 * since Jansson's parser recurses. Errors: TJ_E_PARSE (not UTF-8, not JSON, a key twice, nested
 * deeper than max_depth), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_json_parse(json_t **out, const char *text, size_t len, size_t max_depth,
                                  const char *what, tj_err *err);

#endif
