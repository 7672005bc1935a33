/* What users of PCRE2 share: its memory is ours, its newline is \n, and its errors are texts of
 * ours. Only files named *_pcre2.c include this.
 *
 * Ownership: stated at each function.
 * Threads:   contexts are confined to one thread; compiled patterns are not.
 */
#ifndef TJ_BASE_PATTERN_PCRE2_H
#define TJ_BASE_PATTERN_PCRE2_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A context over tj_malloc, to be freed with pcre2_general_context_free; NULL without memory. What
 * is made with it keeps what it needs of it. */
pcre2_general_context *tj_pcre2_memory(void);
/* Compiles. Gives *out, to be freed with pcre2_code_free; NULL on error. Errors: TJ_E_PARSE (names
 * the byte), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_pcre2_compile(pcre2_code **out, const char *pattern, size_t len,
                                     uint32_t options, tj_err *err);

#endif
