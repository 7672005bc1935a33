/* Character classes and NFC by utf8proc, which alone is met here.
 *
 * NFC: a text is cut before every character at which normal forms may be joined, "boundaries"
 * below, so that each piece is normalized by itself; pieces of one character that has no canonical
 * decomposition stay, and only the others are given to utf8proc. */
#include <utf8proc.h>

#include "text/unicode.h"
#include "text/utf8.h"

tj_class tj_class_of_wide(uint32_t c)
{
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return TJ_CLASS_LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return TJ_CLASS_NUMBER;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return TJ_CLASS_SPACE;
    default:
        return c == 0x85 ? TJ_CLASS_SPACE : TJ_CLASS_OTHER;
    }
}

bool tj_is_mark(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
           category == UTF8PROC_CATEGORY_ME;
}

size_t tj_fold(uint32_t out[TJ_MAX_FOLDED], uint32_t c)
{
    utf8proc_int32_t parts[TJ_MAX_FOLDED];
    int unused = 0;
    utf8proc_ssize_t n =
        utf8proc_decompose_char((utf8proc_int32_t)c, parts, TJ_MAX_FOLDED,
                                UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD, &unused);
    if (n <= 0 || n > TJ_MAX_FOLDED) { /* not assigned, or too long: as it is */
        out[0] = c;
        return 1;
    }
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        out[i] = (uint32_t)parts[i];
    }
    return (size_t)n;
}

/* Characters from here on may change or compose; all below are in NFC and begin a piece. */
#define FIRST_MARK 0x300u

static bool is_between(uint32_t c, uint32_t first, uint32_t last)
{
    return c >= first && c <= last;
}

/* Great blocks where a look at the number is enough: all boundaries that alone are in NFC. */
static bool is_plain_block(uint32_t c)
{
    return is_between(c, 0x4E00, 0x9FFF) || /* CJK ideographs */
           is_between(c, 0x3001, 0x3029) || /* CJK punctuation */
           is_between(c, 0x3041, 0x3096) || /* Hiragana */
           is_between(c, 0x30A0, 0x30FF) || /* Katakana */
           is_between(c, 0xAC00, 0xD7A3) || /* Hangul syllables */
           is_between(c, 0x0400, 0x0482) || /* Cyrillic */
           is_between(c, 0x1EA0, 0x1EF9) || /* Vietnamese */
           is_between(c, 0x2010, 0x2027) || /* punctuation */
           is_between(c, 0xFE00, 0xFE0F) || /* variation selectors: marks that do not combine */
           is_between(c, 0xFF01, 0xFFEF) || /* full-width forms */
           is_between(c, 0x1F300, 0x1FAFF); /* pictographs */
}

/* Whether nothing before c can change it or be changed by it: it is no mark and no later part of a
 * composition (vowels and final consonants of Hangul; Kirat Rai has letters that are). */
static bool is_boundary(uint32_t c)
{
    if (c < FIRST_MARK || is_plain_block(c)) {
        return true;
    }
    return !tj_is_mark(c) && !is_between(c, 0x1160, 0x11FF) && !is_between(c, 0x16D63, 0x16D6A);
}

/* Whether c, alone between two boundaries, is its own NFC. */
static bool is_inert(uint32_t c)
{
    utf8proc_int32_t parts[4];
    int unused;
    return c < FIRST_MARK || is_plain_block(c) ||
           (utf8proc_decompose_char((utf8proc_int32_t)c, parts, 4, UTF8PROC_DECOMPOSE, &unused) ==
                1 &&
            parts[0] == (utf8proc_int32_t)c);
}

/* The end of the piece that begins at text[from]; *inert tells whether it surely stays. */
static size_t next_piece(const char *text, size_t len, size_t from, size_t *n_chars, bool *inert)
{
    size_t n;
    uint32_t c = tj_utf8_decode(text + from, &n);
    size_t at = from + n;
    *n_chars = 1;
    *inert = is_boundary(c) && is_inert(c);
    while (at < len && (unsigned char)text[at] >= 0xCC) { /* below it stand U+0000 to U+02FF */
        c = tj_utf8_decode(text + at, &n);
        if (is_boundary(c)) {
            break;
        }
        *inert = false;
        (*n_chars)++;
        at += n;
    }
    return at;
}

size_t tj_nfc_prefix(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t n_chars;
        bool inert = true;
        size_t end =
            (unsigned char)text[at] < 0x80 && at + 1 < len && (unsigned char)text[at + 1] < 0xCC
                ? at + 1
                : next_piece(text, len, at, &n_chars, &inert);
        if (!inert) {
            return at;
        }
        at = end;
    }
    return len;
}

static tj_code add_piece(tj_buf *out, const char *text, size_t len, size_t n_chars, tj_err *err)
{
    utf8proc_int32_t chars[4 * (TJ_MAX_MARKS + 1)]; /* none decomposes into more than four */
    if (n_chars > TJ_MAX_MARKS + 1) {
        return tj_fail(err, TJ_E_LIMIT, "text has more than %d marks in a row", TJ_MAX_MARKS);
    }
    const utf8proc_option_t how = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    utf8proc_ssize_t n = utf8proc_decompose((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len,
                                            chars, sizeof chars / sizeof chars[0], how);
    n = n < 0 ? n : utf8proc_normalize_utf32(chars, n, how);
    if (n < 0) {
        return tj_fail(err, TJ_E_BACKEND, "utf8proc: %s", utf8proc_errmsg(n));
    }
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        utf8proc_uint8_t bytes[4];
        utf8proc_ssize_t n_bytes = utf8proc_encode_char(chars[i], bytes);
        tj_buf_add(out, (const char *)bytes, (size_t)n_bytes);
    }
    return TJ_OK;
}

tj_code tj_nfc(tj_buf *out, const char *text, size_t len, tj_err *err)
{
    size_t clean = 0; /* from here to the piece at hand nothing changes */
    for (size_t at = 0; at < len;) {
        size_t n_chars;
        bool inert;
        size_t end = next_piece(text, len, at, &n_chars, &inert);
        if (!inert) {
            tj_buf_add(out, text + clean, at - clean);
            tj_code rc = add_piece(out, text + at, end - at, n_chars, err);
            if (rc != TJ_OK) {
                return rc;
            }
            clean = end;
        }
        at = end;
    }
    tj_buf_add(out, text + clean, len - clean);
    return tj_buf_check(out, err);
}
