/* JSON of requests: bodies within their bounds, values of fields, and what becomes of fields that
 * are not ours. Internal to openai_request.c.
 *
 * Ownership: stated at each function.
 * Threads:   any.
 */
#ifndef TJ_WEB_API_FIELDS_H
#define TJ_WEB_API_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "web/api_error.h"

/* Gives the object of a body (json_decref). Errors: TJ_E_PARSE (not UTF-8, not JSON, a field twice,
 * deeper than TJ_MAX_REQUEST_DEPTH), TJ_E_INVAL (not an object); *out is NULL then. */
TJ_MUST_USE tj_code tj_api_load(json_t **out, const char *body, size_t len, tj_api_error *e);

/* Values of a field; *out is unchanged on an error, which is TJ_E_INVAL. */
TJ_MUST_USE tj_code tj_api_size(size_t *out, const char *name, const json_t *value, size_t min,
                                size_t max, tj_api_error *e);
TJ_MUST_USE tj_code tj_api_double(double *out, const char *name, const json_t *value, double min,
                                  double max, tj_api_error *e);
TJ_MUST_USE tj_code tj_api_bool(bool *out, const char *name, const json_t *value, tj_api_error *e);
/* An object that has no other fields than the known ones (NULL-terminated). */
TJ_MUST_USE tj_code tj_api_object(const char *name, json_t *value, const char *const *known,
                                  tj_api_error *e);

/* A field that is not ours: passed over where it cannot change the answer, or where it asks for
 * what is done anyway. Errors: TJ_E_INVAL naming it. */
TJ_MUST_USE tj_code tj_api_other_field(const char *name, const json_t *value, tj_api_error *e);

bool tj_api_is_among(const char *const *names, const char *name);
bool tj_api_is_empty(const json_t *value); /* null, "", [], {} or false */

#endif
