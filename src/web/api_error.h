/* What a client is told when its request cannot be served: OpenAI's error object and the HTTP
 * status beside it. The only place that maps error codes to statuses.
 *
 * Ownership: plain values.
 * Threads:   any.
 */
#ifndef TJ_WEB_API_ERROR_H
#define TJ_WEB_API_ERROR_H

#include "base/buf.h"
#include "base/err.h"

typedef struct tj_api_error {
    unsigned status;  /* HTTP */
    const char *code; /* a word for programs ("model_not_found"), or NULL; static */
    char param[64];   /* the field at fault, or "" */
    char message[TJ_ERR_MSG_BYTES];
} tj_api_error;

/* The status of an error code: 400 for what the request says, 404, 429 for a queue that is full,
 * 503 while draining, 504 for what took too long, 500 for the rest. */
unsigned tj_http_status(tj_code code);

/* Fills *e (never NULL) from a field's name (NULL: none) and a message; returns code. */
tj_code tj_api_fail(tj_api_error *e, tj_code code, const char *param, const char *fmt, ...)
    TJ_PRINTF(4, 5);
/* The same from an error of another room. */
void tj_api_from_err(tj_api_error *e, tj_code code, const tj_err *err);
/* The same for what has a status and no code of ours: an unknown route, a missing key. */
void tj_api_refuse(tj_api_error *e, unsigned status, const char *code, const char *fmt, ...)
    TJ_PRINTF(4, 5);

/* Appends {"error":{"message","type","param","code"}}. */
void tj_api_error_json(tj_buf *out, const tj_api_error *e);

#endif
