/* Server-sent events (WHATWG HTML, section 9.2.6): of a whole stream, the data of one event after
 * another. Comments and the fields event, id and retry are passed over; an event whose closing
 * empty line is missing is none.
 *
 * Ownership: the reader borrows the stream; an event's data are lent until the next call.
 * Threads:   confined to one thread.
 * Cost:      linear in the stream.
 */
#ifndef TJ_INFER_SSE_H
#define TJ_INFER_SSE_H

#include "base/buf.h"
#include "base/err.h"

typedef struct tj_sse {
    const char *at, *end; /* what is not read yet */
    tj_buf data;          /* of the event at hand */
} tj_sse;

void tj_sse_begin(tj_sse *sse, const char *stream, size_t len);
/* Lends the next event's data: *data is zero-terminated, of *n bytes; NULL past the last event.
 * Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_sse_next(tj_sse *sse, const char **data, size_t *n, tj_err *err);
void tj_sse_end(tj_sse *sse);

#endif
