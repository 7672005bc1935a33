/* Walking over UTF-8.
 *
 * Ownership: plain functions.
 * Threads:   no state.
 */
#ifndef TJ_TEXT_UTF8_H
#define TJ_TEXT_UTF8_H

#include <stddef.h>
#include <stdint.h>

typedef enum tj_utf8_kind {
    TJ_UTF8_CHAR,  /* a character */
    TJ_UTF8_WRONG, /* bytes that no character begins with, whatever follows */
    TJ_UTF8_CUT    /* the beginning of a character whose end is missing */
} tj_utf8_kind;

/* What stands at text, of which n > 0 bytes are there, and its length: of a character, or else of
 * the maximal subpart of one (Unicode Standard 15, section 3.9, "U+FFFD Substitution of Maximal
 * Subparts"), which is at least a byte. */
tj_utf8_kind tj_utf8_next(const char *text, size_t n, size_t *len);

/* The rest takes valid UTF-8 only. Bytes of the character that begins with `lead`: 1 to 4. */
static inline size_t tj_utf8_length(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

/* Decodes the character at text; *n_bytes is its length. */
static inline uint32_t tj_utf8_decode(const char *text, size_t *n_bytes)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t n = tj_utf8_length(p[0]);
    uint32_t c = n == 1 ? p[0] : p[0] & (0x7Fu >> n);
    for (size_t i = 1; i < n; i++) {
        c = c << 6 | (p[i] & 0x3Fu);
    }
    *n_bytes = n;
    return c;
}

/* Writes a character below U+0800 in 1 or 2 bytes; returns how many. */
size_t tj_utf8_encode2(char out[2], uint32_t c);

#endif
