/* Walking over UTF-8 that was checked before.
 *
 * Ownership: plain functions.
 * Threads:   no state.
 */
#ifndef TJ_TEXT_UTF8_H
#define TJ_TEXT_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character that begins with `lead`, the first byte of a valid one: 1 to 4. */
size_t tj_utf8_length(unsigned char lead);
/* Decodes the character at text, which is valid; *n_bytes is its length. */
uint32_t tj_utf8_decode(const char *text, size_t *n_bytes);
/* Writes a character below U+0800 in 1 or 2 bytes; returns how many. */
size_t tj_utf8_encode2(char out[2], uint32_t c);

#endif
