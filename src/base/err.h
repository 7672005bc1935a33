/* Errors are values: a function that can fail returns a tj_code and fills in a message.
 *
 * The message names what failed first, then the offending value and where it was (file, line or
 * field), in lower case without a full stop; a caller that knows more prepends with
 * tj_err_context().
 *
 * Ownership: tj_err is a plain struct with a fixed buffer; nothing is allocated.
 * Threads:   no global state; one tj_err belongs to one thread at a time.
 */
#ifndef TJ_BASE_ERR_H
#define TJ_BASE_ERR_H

#include <stdarg.h>

#define TJ_MUST_USE         __attribute__((warn_unused_result))
#define TJ_PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))

/* Codes are few, by what the caller can do about them. */
typedef enum tj_code {
    TJ_OK = 0,
    TJ_E_NOMEM,     /* memory is exhausted */
    TJ_E_INVAL,     /* an argument or a configuration is wrong */
    TJ_E_PARSE,     /* malformed bytes */
    TJ_E_IO,        /* the operating system refused a read or a write */
    TJ_E_LIMIT,     /* a stated bound was reached */
    TJ_E_NOTFOUND,  /* a named thing does not exist */
    TJ_E_CONFLICT,  /* a thing exists already, is in use, or differs from what was recorded */
    TJ_E_CANCELLED, /* the caller asked to stop */
    TJ_E_NUMERIC,   /* a NaN or an infinity where none may be */
    TJ_E_BACKEND    /* another library failed for a reason of its own */
} tj_code;

#define TJ_ERR_MSG_BYTES 512

typedef struct tj_err {
    tj_code code;
    char msg[TJ_ERR_MSG_BYTES]; /* zero-terminated; cut, never overrun */
} tj_err;

/* Fills *err (NULL is allowed) with code and the formatted message; returns code, so that a
 * failing function can end with `return tj_fail(...)`. */
tj_code tj_fail(tj_err *err, tj_code code, const char *fmt, ...) TJ_PRINTF(3, 4);

/* Puts "<formatted>: " before the message of *err (NULL is allowed); its code is unchanged. */
void tj_err_context(tj_err *err, const char *fmt, ...) TJ_PRINTF(2, 3);

/* The name of a code as users see it ("parse error"); never NULL. */
const char *tj_code_name(tj_code code);

#endif
