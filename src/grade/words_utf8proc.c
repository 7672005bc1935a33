/* Case and width of letters by utf8proc, which alone is met here. */
#include <utf8proc.h>

#include <string.h>

#include "grade/words.h"

char *tj_words_casefold(tj_arena *arena, const char *text, size_t len, size_t *n)
{
    const utf8proc_option_t how =
        UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    utf8proc_ssize_t n_chars = utf8proc_decompose(bytes, (utf8proc_ssize_t)len, NULL, 0, how);
    if (n_chars < 0) { /* not UTF-8: as it is */
        *n = len;
        return tj_arena_strndup(arena, text, len);
    }
    /* One more, for the zero that reencode writes. */
    utf8proc_int32_t *chars = tj_arena_calloc(arena, (size_t)n_chars + 1, sizeof *chars);
    if (chars == NULL) {
        return NULL;
    }
    n_chars = utf8proc_decompose(bytes, (utf8proc_ssize_t)len, chars, n_chars, how);
    n_chars = utf8proc_reencode(chars, n_chars, how);
    *n = n_chars < 0 ? 0 : (size_t)n_chars;
    return (char *)chars;
}
