/* JSON that comes from outside: bodies of HTTP, files of caches.
 *
 * Ownership: stated at the function.
 * Threads:   no shared state.
 */
#ifndef TJ_BASE_JSON_H
#define TJ_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* The bytes as a JSON string; what is not UTF-8 becomes U+FFFD. Gives it; NULL without memory. */
json_t *tj_json_text(const char *text, size_t n);
/* A number, or null where there is none to give: JSON knows no NaN. NULL without memory. */
json_t *tj_json_number(double x);

/* Put into *object, or behind *array, what is taken. A collection that failed once (NULL; also
 * where value is) becomes and stays NULL, so that only the whole needs a look. */
void tj_json_set(json_t **object, const char *key, json_t *value);
void tj_json_append(json_t **array, json_t *value);

/* Appends the value on one line, and a newline. The buffer fails where the value is NULL, which is
 * a value that could not be made. */
void tj_json_line(tj_buf *out, const json_t *json);

/* Whether brackets open deeper than max_depth; those in strings do not count. Says nothing of
 * whether the text is JSON. */
bool tj_json_is_deeper(const char *text, size_t len, size_t max_depth);

/* Gives the value that text is (json_decref); NULL on error. Zero bytes in strings are kept: a
 * reader asks json_string_length. `what` names the text in messages. max_depth bounds nesting,
 * since Jansson's parser recurses. Errors: TJ_E_PARSE (not UTF-8, not JSON, a key twice, nested
 * deeper than max_depth), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_json_parse(json_t **out, const char *text, size_t len, size_t max_depth,
                                  const char *what, tj_err *err);

/* Narrows a text to what stands in a Markdown fence around all of it, or to the text without the
 * blanks around it: how models wrap JSON that they were asked for. */
void tj_json_unfence(const char **text, size_t *len);

/* Calls fn with each of several values, one after the other: JSON lines, one value over several
 * lines, or both. line is where the value begins, from 1; json is lent for the call. An error of fn
 * ends the walk and is returned. `name` (of the file) names the text in messages; flags are
 * Jansson's, beside refusing keys that come twice. Errors: TJ_E_PARSE naming the line. */
typedef tj_code (*tj_json_value_fn)(void *ctx, const json_t *json, size_t line, tj_err *err);
TJ_MUST_USE tj_code tj_json_values_each(const char *text, size_t len, const char *name,
                                        size_t flags, tj_json_value_fn fn, void *ctx, tj_err *err);

#endif
