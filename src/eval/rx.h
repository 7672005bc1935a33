/* Regular expressions as Python's re reads them, for what the harness finds in answers.
 *
 * Ownership: create/destroy; texts go to the caller's buffers.
 * Threads:   confined to one thread.
 * Cost:      backtracking is bounded (TJ_RX_MATCH_LIMIT): a hostile text cannot hang a search.
 */
#ifndef TJ_EVAL_RX_H
#define TJ_EVAL_RX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define TJ_RX_MATCH_LIMIT 10000000 /* steps of a search; answers take some thousands */

typedef struct tj_rx tj_rx;
/* Gives *out; NULL on error. Errors: TJ_E_PARSE (byte of the pattern), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_rx_create(tj_rx **out, const char *pattern, tj_err *err);
void tj_rx_destroy(tj_rx *rx); /* NULL is allowed */

/* The first match, or the last of all that do not overlap; of a match its first group that is not
 * empty, or the whole where the pattern has no groups. *found is false where there is no match, or
 * every group of it is empty. Text is UTF-8. Errors: TJ_E_LIMIT, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_rx_find(tj_rx *rx, bool *found, size_t *begin, size_t *end, const char *text,
                               size_t len, bool last, tj_err *err);
/* Replaces *text, every match by `with` ("$1" is a group, "$$" a dollar). Errors as above; *text is
 * then unchanged. */
TJ_MUST_USE tj_code tj_rx_replace(tj_rx *rx, tj_buf *text, const char *with, tj_err *err);

#endif
