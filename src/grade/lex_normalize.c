/* Characters that are ASCII's in another width or face become ASCII, so that the lexer's rules need
 * no second spelling. Texts of ASCII alone are given back as they are. */
#include <string.h>

#include "grade/lex_tables.h"
#include "text/text.h"

/* Mathematical letters and digits (U+1D400 to U+1D7FF) repeat the alphabet and the digits. */
static char plain_letter(uint32_t c)
{
    if (c >= 0x1D400 && c < 0x1D6A4) {
        uint32_t at = (c - 0x1D400) % 52;
        return (char)(at < 26 ? 'A' + at : 'a' + at - 26);
    }
    if (c >= 0x1D7CE && c <= 0x1D7FF) {
        return (char)('0' + (c - 0x1D7CE) % 10);
    }
    return c == 0x210E ? 'h' : c == 0x2113 ? 'l' : c == 0x212C ? 'B' : '\0';
}

static size_t one(char out[2], char c)
{
    out[0] = c;
    return 1;
}

/* What c becomes: at most two bytes in out; 0 if it is dropped, SIZE_MAX if it stays. */
static size_t replace(uint32_t c, char out[2])
{
    if (c >= 0xFF01 && c <= 0xFF5E) { /* full-width forms */
        return one(out, (char)(c - 0xFEE0));
    }
    if ((c >= 0x2000 && c <= 0x200A) || c == 0xA0 || c == 0x202F || c == 0x205F || c == 0x3000) {
        return one(out, ' ');
    }
    switch (c) {
    case 0x200B: /* marks without width */
    case 0x200C:
    case 0x200D:
    case 0x200E:
    case 0x200F:
    case 0x2060: /* operators that cannot be seen */
    case 0x2061:
    case 0x2062:
    case 0x2064:
    case 0xFE0E:
    case 0xFE0F:
    case 0xFEFF:
    case 0xAD:
        return 0;
    case 0x2010: /* hyphens, dashes, minus signs */
    case 0x2011:
    case 0x2012:
    case 0x2013:
    case 0x2014:
    case 0x2212:
    case 0x2796:
    case 0xFE63:
        return one(out, '-');
    case 0x2018:
    case 0x2019:
        return one(out, '\'');
    case 0x201C:
    case 0x201D:
    case 0x300C:
    case 0x300D:
    case 0x00AB:
    case 0x00BB:
        return one(out, ' ');
    case 0x3001: /* a comma that never separates thousands */
        out[0] = ',';
        out[1] = ' ';
        return 2;
    case 0x3002:
        return one(out, '.');
    case 0x2215:
    case 0x29F8:
        return one(out, '/');
    case 0x2236:
        return one(out, ':');
    case 0x2223:
    case 0x23AE:
        return one(out, '|');
    case 0xFFE5:
        out[0] = (char)0xC2; /* the half-width sign of the yen */
        out[1] = (char)0xA5;
        return 2;
    default:
        out[0] = plain_letter(c);
        return out[0] != '\0' ? 1 : SIZE_MAX;
    }
}

tj_code tj_lex_normalize(const char **out, size_t *n, const uint32_t **origin, tj_arena *arena,
                         const char *text, size_t len, tj_err *err)
{
    *out = text;
    *n = len;
    *origin = NULL;
    size_t plain = 0;
    while (plain < len && (unsigned char)text[plain] < 0x80) {
        plain++;
    }
    if (plain == len) {
        return TJ_OK;
    }
    size_t bad = tj_utf8_check(text, len);
    if (bad < len) {
        return tj_fail(err, TJ_E_PARSE, "byte %zu is not UTF-8", bad);
    }
    char *made = tj_arena_calloc(arena, len + 1, 1); /* no character becomes longer */
    uint32_t *from = tj_arena_calloc(arena, len + 1, sizeof *from);
    if (made == NULL || from == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate the text of an answer");
    }
    size_t to = 0;
    for (size_t at = 0; at < len;) {
        size_t n_bytes;
        uint32_t c = tj_lex_decode(text + at, &n_bytes);
        char bytes[2];
        size_t n_new = c < 0x80 ? SIZE_MAX : replace(c, bytes);
        const char *source = n_new == SIZE_MAX ? text + at : bytes;
        n_new = n_new == SIZE_MAX ? n_bytes : n_new;
        for (size_t i = 0; i < n_new; i++) {
            from[to] = (uint32_t)at;
            made[to++] = source[i];
        }
        at += n_bytes;
    }
    from[to] = (uint32_t)len;
    *out = made;
    *n = to;
    *origin = from;
    return TJ_OK;
}
