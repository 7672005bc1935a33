/* One HTTP request and its answer, between the thread that speaks HTTP and the service's thread.
 * The HTTP side does not wait: it puts the exchange to sleep (suspend) and is woken (resume).
 *
 * Ownership: create/destroy by the HTTP side.
 * Threads:   locked inside; all but tj_exchange_give_up are the HTTP side's to call.
 */
#ifndef TJ_WEB_EXCHANGE_H
#define TJ_WEB_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "web/api_error.h"
#include "web/routes.h"
#include "web/web.h"

typedef struct tj_exchange tj_exchange;

/* How the HTTP side sleeps; both are called while the exchange is locked. */
typedef struct tj_sleeper {
    void (*suspend)(void *ctx);
    void (*resume)(void *ctx); /* from any thread */
    void *ctx;
} tj_sleeper;

/* Gives NULL when memory is exhausted. */
tj_exchange *tj_exchange_create(tj_service *service, const char *method, const tj_route *route,
                                const tj_sleeper *sleeper);
/* Gives up what still runs for it; NULL is allowed. */
void tj_exchange_destroy(tj_exchange *ex);

/* Decides that the answer is this error. The first decision stays. */
void tj_exchange_refuse(tj_exchange *ex, const tj_api_error *error);
bool tj_exchange_is_refused(const tj_exchange *ex);

/* Whether a body of so many bytes is worth reading, if only to say that it is too large: a client
 * that is still sending does not listen. */
bool tj_exchange_may_read(unsigned long long n_bytes, size_t max_bytes);
/* Adds to the body. Bytes beyond max_bytes and those of a refused request are dropped; false when
 * there are more than is worth reading. */
bool tj_exchange_add_body(tj_exchange *ex, const char *bytes, size_t n, size_t max_bytes);
/* The body is complete: reads it and submits the request, or refuses. */
void tj_exchange_submit(tj_exchange *ex);
/* Ends with this answer, of a request that needs no engine. */
void tj_exchange_answer(tj_exchange *ex, unsigned status, tj_buf *body);

typedef enum tj_exchange_state {
    TJ_EXCHANGE_ASLEEP, /* suspended: ask again when resumed */
    TJ_EXCHANGE_WHOLE,  /* the answer is there to its end */
    TJ_EXCHANGE_STREAM, /* its first events are there */
    TJ_EXCHANGE_GONE    /* nobody listens */
} tj_exchange_state;
/* Where the answer stands before any of it is sent; may suspend. */
tj_exchange_state tj_exchange_look(tj_exchange *ex);
unsigned tj_exchange_status(tj_exchange *ex); /* HTTP, once it does not sleep */
/* Takes the next bytes of the answer, at most max. 0: see *state, which is ASLEEP, WHOLE (no more
 * comes) or GONE. */
size_t tj_exchange_read(tj_exchange *ex, char *out, size_t max, tj_exchange_state *state);

/* Nobody listens any more: stops what runs for it and wakes the HTTP side. From any thread. */
void tj_exchange_give_up(tj_exchange *ex, unsigned status);

/* What the log is told. */
tj_http_event tj_exchange_event(tj_exchange *ex);

#endif
