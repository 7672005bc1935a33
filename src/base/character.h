/* One character of UTF-8, checked. What else is known about characters is in room text.
 *
 * Ownership: a plain function.
 * Threads:   no state.
 */
#ifndef TJ_BASE_CHARACTER_H
#define TJ_BASE_CHARACTER_H

#include <stddef.h>

/* Bytes of the valid UTF-8 character at s, of which n > 0 bytes are there (RFC 3629: no surrogates,
 * no long forms); 0 if it is not one. */
static inline size_t tj_character_bytes(const unsigned char *s, size_t n)
{
    if (s[0] < 0x80) {
        return 1;
    }
    size_t len = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || len > n) {
        return 0;
    }
    unsigned char lowest = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char highest = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < lowest || s[1] > highest) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((s[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return len;
}

#endif
