/* Properties of characters, and the normal form NFC.
 *
 * Ownership: plain functions; what they append to is the caller's.
 * Threads:   no state.
 */
#ifndef TJ_TEXT_UNICODE_H
#define TJ_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* The classes that pre-tokenizers tell apart: \p{L}, \p{N}, \s, and what is none of them. */
typedef enum tj_class {
    TJ_CLASS_OTHER = 0,
    TJ_CLASS_LETTER,
    TJ_CLASS_NUMBER,
    TJ_CLASS_SPACE /* Unicode's White_Space */
} tj_class;

/* Of a character that is not ASCII; see tj_class_of. */
tj_class tj_class_of_wide(uint32_t c);

static inline tj_class tj_class_of(uint32_t c)
{
    if (c >= 0x80) {
        return tj_class_of_wide(c);
    }
    uint32_t lower = c | 0x20;
    return lower >= 'a' && lower <= 'z'           ? TJ_CLASS_LETTER
           : c >= '0' && c <= '9'                 ? TJ_CLASS_NUMBER
           : c == ' ' || (c >= '\t' && c <= '\r') ? TJ_CLASS_SPACE
                                                  : TJ_CLASS_OTHER;
}

/* Bytes at the beginning of valid UTF-8 that NFC surely leaves as they are, whatever follows; len
 * where that is the whole, as it nearly always is. Cost: some ns a character. */
size_t tj_nfc_prefix(const char *text, size_t len);

/* Marks that may follow one another: real text has a few; ordering them is quadratic. */
#define TJ_MAX_MARKS 1024
/* Appends the NFC of valid UTF-8. Errors: TJ_E_LIMIT (more than TJ_MAX_MARKS marks in a row),
 * TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_nfc(tj_buf *out, const char *text, size_t len, tj_err *err);

/* A character without regard to case and to how it is written (full width, superscript, ligature,
 * as one or with its marks apart): NFKD with case folding. Returns how many characters of out are
 * filled in. */
#define TJ_MAX_FOLDED 24 /* the longest is 18 */
size_t tj_fold(uint32_t out[TJ_MAX_FOLDED], uint32_t c);
/* A mark, which belongs to the character before it. */
bool tj_is_mark(uint32_t c);

#endif
