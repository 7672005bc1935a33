/* Validity follows table 3-7 of the Unicode Standard ("Well-Formed UTF-8 Byte Sequences"): what the
 * second byte may be depends on the first, and later bytes are 80..BF. */
#include "text/utf8.h"

#include <string.h>

#include "base/assert.h"
#include "text/text.h"

#define HIGH_BITS 0x8080808080808080u

tj_utf8_kind tj_utf8_next(const char *text, size_t n, size_t *len)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned char lead = p[0], lo = 0x80, hi = 0xBF;
    size_t want = tj_utf8_length(lead);
    *len = 1;
    if (lead < 0x80) {
        return TJ_UTF8_CHAR;
    }
    if (lead < 0xC2 || lead > 0xF4) {
        return TJ_UTF8_WRONG;
    }
    lo = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : lo; /* no overlong forms */
    hi = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : hi; /* no surrogates, none above U+10FFFF */
    for (; *len < want; (*len)++) {
        if (*len == n) {
            return TJ_UTF8_CUT;
        }
        if (p[*len] < lo || p[*len] > hi) {
            return TJ_UTF8_WRONG;
        }
        lo = 0x80;
        hi = 0xBF;
    }
    return TJ_UTF8_CHAR;
}

/* Bytes at the beginning that are ASCII, eight at a time (the last few may be missed). */
static size_t skip_ascii(const char *text, size_t len)
{
    size_t at = 0;
    for (uint64_t word; len - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if ((word & HIGH_BITS) != 0) {
            break;
        }
    }
    return at;
}

size_t tj_utf8_check(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        at += skip_ascii(text + at, len - at);
        size_t n;
        if (at < len && tj_utf8_next(text + at, len - at, &n) != TJ_UTF8_CHAR) {
            return at;
        }
        at += at < len ? n : 0;
    }
    return len;
}

void tj_utf8_replace(tj_buf *out, const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t valid = tj_utf8_check(text + at, len - at);
        tj_buf_add(out, text + at, valid);
        at += valid;
        if (at < len) {
            size_t n;
            (void)tj_utf8_next(text + at, len - at, &n);
            tj_buf_str(out, TJ_REPLACEMENT);
            at += n;
        }
    }
}

size_t tj_utf8_encode2(char out[2], uint32_t c)
{
    TJ_ASSERT(c < 0x800);
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = (char)(unsigned char)(0xC0 | c >> 6);
    out[1] = (char)(unsigned char)(0x80 | (c & 0x3F));
    return 2;
}
