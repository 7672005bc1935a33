/* A growing byte buffer for building text. A failed append (no memory) makes the buffer `failed`,
 * later appends do nothing, and the caller checks once at the end with tj_buf_check().
 *
 * Ownership: init/deinit on the caller's storage; tj_buf_take() gives the bytes away.
 * Threads:   confined to one thread.
 */
#ifndef TJ_BASE_BUF_H
#define TJ_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct tj_buf {
    char *data; /* [cap]; data[len] is 0 once anything was appended; NULL before */
    size_t len;
    size_t cap;
    bool failed;
} tj_buf;

void tj_buf_init(tj_buf *buf);
void tj_buf_deinit(tj_buf *buf);
void tj_buf_clear(tj_buf *buf); /* keeps the memory; not failed any more */
void tj_buf_add(tj_buf *buf, const char *bytes, size_t n);
void tj_buf_str(tj_buf *buf, const char *s);
void tj_buf_char(tj_buf *buf, char c);
void tj_buf_printf(tj_buf *buf, const char *fmt, ...) TJ_PRINTF(2, 3);
/* The text as a JSON string literal in quotes (UTF-8 kept, control characters escaped, bytes that
 * are not UTF-8 replaced by U+FFFD, so that the result is always JSON). */
void tj_buf_json(tj_buf *buf, const char *s, size_t n);
/* The text with & < > " ' as HTML entities. */
void tj_buf_html(tj_buf *buf, const char *s, size_t n);
/* TJ_E_NOMEM if any append failed. */
TJ_MUST_USE tj_code tj_buf_check(const tj_buf *buf, tj_err *err);
/* Gives the zero-terminated bytes (free with tj_free; never NULL unless failed) and empties buf. */
char *tj_buf_take(tj_buf *buf);
/* The text so far, zero-terminated; "" when empty. Lent until the next append. */
const char *tj_buf_text(const tj_buf *buf);

#endif
