/* Validity follows table 3-7 of the Unicode Standard ("Well-Formed UTF-8 Byte Sequences"): what the
 * second byte may be depends on the first, and later bytes are 80..BF. */
#include "text/utf8.h"

#include "base/assert.h"
#include "text/text.h"

/* Length of the well-formed sequence at p, of which n > 0 bytes are there; 0 if there is none. */
static size_t well_formed(const unsigned char *p, size_t n)
{
    unsigned char lead = p[0], lo = 0x80, hi = 0xBF;
    size_t len;
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        len = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        len = 3;
        lo = lead == 0xE0 ? 0xA0 : lo; /* no overlong forms */
        hi = lead == 0xED ? 0x9F : hi; /* no surrogates */
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        len = 4;
        lo = lead == 0xF0 ? 0x90 : lo;
        hi = lead == 0xF4 ? 0x8F : hi; /* nothing above U+10FFFF */
    } else {
        return 0;
    }
    if (n < len || p[1] < lo || p[1] > hi) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if (p[i] < 0x80 || p[i] > 0xBF) {
            return 0;
        }
    }
    return len;
}

size_t tj_utf8_check(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        size_t n = well_formed((const unsigned char *)text + at, len - at);
        if (n == 0) {
            return at;
        }
        at += n;
    }
    return len;
}

size_t tj_utf8_length(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

uint32_t tj_utf8_decode(const char *text, size_t *n_bytes)
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
