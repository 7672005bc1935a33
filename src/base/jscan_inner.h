/* The digits of \uXXXX, which the scanner checks and the tape decodes. Internal to base.
 *
 * Ownership: plain functions.
 * Threads:   no state.
 */
#ifndef TJ_BASE_JSCAN_INNER_H
#define TJ_BASE_JSCAN_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline int tj_hex_value(unsigned char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The four digits at s, or -1. */
static inline int32_t tj_hex4(const unsigned char *s)
{
    int32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = tj_hex_value(s[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

static inline bool tj_is_high_surrogate(int32_t c)
{
    return c >= 0xD800 && c < 0xDC00;
}

#endif
