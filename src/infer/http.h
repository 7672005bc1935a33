/* POST requests of JSON over HTTP, many at a time. No retries, no redirects: what comes of a
 * request is told, what is done about it is the caller's affair. Internal to infer; by libcurl.
 *
 * Ownership: create/destroy; the client keeps a call from start until it comes out of wait or is
 *            stopped.
 * Threads:   confined to one thread; several clients may be in several.
 */
#ifndef TJ_INFER_HTTP_H
#define TJ_INFER_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define TJ_MAX_URL_BYTES ((size_t)2048) /* what servers and proxies take */
#define TJ_MAX_ANSWER_BYTES                                                                        \
    ((size_t)64 << 20) /* some 50,000 tokens with 20 alternatives each; samples of a query that    \
                        * are larger together can be asked for apart (samples_per_request) */
#define TJ_MAX_ANSWER_HEADERS ((size_t)64 << 10) /* bytes of all of them; usual are 1 KiB */

typedef struct tj_http tj_http;

typedef enum tj_http_end {
    TJ_HTTP_ANSWERED,  /* a whole answer is there */
    TJ_HTTP_FAILED,    /* the transport failed; another try may not */
    TJ_HTTP_TOO_LARGE, /* the answer is beyond its bounds */
    TJ_HTTP_REFUSED    /* another try would fail alike: TLS, memory */
} tj_http_end;

typedef struct tj_http_call {
    /* the request; strings are borrowed until the call is out */
    const char *url;
    const char *body; /* [n_body] JSON */
    size_t n_body;
    const char *key;     /* sent as bearer token; NULL: none */
    const char *ca_file; /* certificates that servers are checked against; NULL: the machine's */
    bool stream;         /* events are asked for: */
    size_t silence_ms;   /* then the longest time without a byte, else 0 */
    size_t timeout_ms;   /* of the whole request; 0: no bound */
    size_t connect_timeout_ms;
    void *owner; /* the caller's */
    /* what came of it */
    tj_http_end end;
    long status;      /* of an answer */
    tj_buf answer;    /* its body, or what came of it */
    size_t n_headers; /* bytes */
    char content_type[64], retry_after[64], location[TJ_MAX_URL_BYTES]; /* "" if not said */
    char failure[256];  /* of one that has no answer */
    double last_byte_s; /* tj_clock_seconds of the last sign of life */
    /* inner: libcurl's handle and headers */
    void *easy, *headers;
} tj_http_call;

/* Errors: TJ_E_BACKEND, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_http_create(tj_http **out, tj_err *err);
void tj_http_destroy(tj_http *http); /* NULL is allowed; no call may be running */
/* Begins a call. Errors: TJ_E_BACKEND, TJ_E_NOMEM; it is not running then. */
TJ_MUST_USE tj_code tj_http_start(tj_http *http, tj_http_call *call, tj_err *err);
/* Works for at most timeout_ms, and less once a call is out: gives it, or NULL. running [n_running]
 * are those that were started and are not out. Errors: TJ_E_BACKEND. */
TJ_MUST_USE tj_code tj_http_wait(tj_http *http, tj_http_call **done, tj_http_call *const *running,
                                 size_t n_running, size_t timeout_ms, tj_err *err);
void tj_http_stop(tj_http *http, tj_http_call *call); /* nothing if it is not running */
/* Frees what came; an empty call is allowed. It must not be running. */
void tj_http_call_deinit(tj_http_call *call);

/* Where a URL leads: "https://host:port", in lower case, the port always there. Errors: TJ_E_INVAL
 * (not an http or https URL; it has a user, a query or a fragment). */
typedef struct tj_http_place {
    char origin[TJ_MAX_URL_BYTES];
    bool is_plain;    /* http */
    bool is_loopback; /* this machine */
    bool has_path;    /* other than "/" */
} tj_http_place;
TJ_MUST_USE tj_code tj_http_place_of(tj_http_place *out, const char *url, tj_err *err);
/* Gives the absolute URL that a Location means on a page of `base` (tj_free). Errors: TJ_E_PARSE,
 * TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_http_resolve(char **out, const char *base, const char *location,
                                    tj_err *err);
/* Seconds since 1970 of an HTTP date (RFC 9110, section 5.6.7); -1 if it is none. */
int64_t tj_http_date(const char *text);

#endif
