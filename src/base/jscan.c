/* One loop over the text with a state that says what may come next; containers that are open are
 * found through their nodes' parents, so that nothing recurses. Strings, nearly all of the bytes,
 * are passed over eight bytes at a time. */
#include "base/jscan.h"

#include <string.h>

#include "base/alloc.h"
#include "base/character.h"
#include "base/jscan_inner.h"

#define NO_PARENT UINT32_MAX

/* ------------------------------------------------------------------ strings */

typedef struct scan {
    tj_jtape *tape;
    const unsigned char *s;
    size_t n, at;
    const char *what;
} scan;

static tj_jscan_result wrong(scan *c, const char *what)
{
    c->what = what;
    return TJ_JSCAN_WRONG;
}

static tj_jscan_result cut(scan *c)
{
    c->at = c->n;
    c->what = "the text ends inside a value";
    return TJ_JSCAN_CUT;
}

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* Whether one of eight bytes is a quote, a backslash, a control character or not ASCII. (Borrows
 * may report a byte above one that is; they never hide one.) */
static inline bool is_special(uint64_t w)
{
    uint64_t quote = w ^ (ONES * '"');
    uint64_t slash = w ^ (ONES * '\\');
    uint64_t hit = (quote - ONES) & ~quote;
    hit |= (slash - ONES) & ~slash;
    hit |= (w - ONES * 0x20) & ~w;
    return ((hit | w) & HIGHS) != 0;
}

static inline size_t pass_plain(const unsigned char *s, size_t n, size_t at)
{
    while (n - at >= 8) {
        uint64_t w;
        memcpy(&w, s + at, sizeof w);
        if (is_special(w)) {
            break;
        }
        at += 8;
    }
    while (at < n && s[at] >= 0x20 && s[at] < 0x80 && s[at] != '"' && s[at] != '\\') {
        at++;
    }
    return at;
}

/* Checks \uXXXX at c->at and passes over it. */
static tj_jscan_result pass_unicode(scan *c)
{
    const unsigned char *s = c->s + c->at;
    size_t left = c->n - c->at;
    if (left < 6) {
        return cut(c);
    }
    int32_t first = tj_hex4(s + 2);
    if (first < 0) {
        return wrong(c, "\\u needs four hexadecimal digits");
    }
    if (first == 0) {
        return wrong(c, "a zero character in a text");
    }
    c->at += 6;
    if (first < 0xD800 || first >= 0xE000) {
        return TJ_JSCAN_OK;
    }
    if (left < 12 && (left < 7 || s[6] == '\\')) {
        return cut(c);
    }
    int32_t second = left >= 12 && s[6] == '\\' && s[7] == 'u' ? tj_hex4(s + 8) : -1;
    if (!tj_is_high_surrogate(first) || second < 0xDC00 || second >= 0xE000) {
        c->at -= 6;
        return wrong(c, "half of a surrogate pair, which is no character");
    }
    c->at += 6;
    return TJ_JSCAN_OK;
}

static tj_jscan_result pass_escape(scan *c)
{
    if (c->n - c->at < 2) {
        return cut(c);
    }
    unsigned char e = c->s[c->at + 1];
    if (e == 'u') {
        return pass_unicode(c);
    }
    if (e == 0 || strchr("\"\\/bfnrt", e) == NULL) {
        return wrong(c, "an escape that JSON does not have");
    }
    c->at += 2;
    return TJ_JSCAN_OK;
}

/* From behind the opening quote to behind the closing one. */
static tj_jscan_result pass_string(scan *c, bool *escaped)
{
    *escaped = false;
    for (;;) {
        c->at = pass_plain(c->s, c->n, c->at);
        if (c->at == c->n) {
            return cut(c);
        }
        unsigned char b = c->s[c->at];
        if (b == '"') {
            c->at++;
            return TJ_JSCAN_OK;
        }
        if (b == '\\') {
            *escaped = true;
            tj_jscan_result r = pass_escape(c);
            if (r != TJ_JSCAN_OK) {
                return r;
            }
            continue;
        }
        if (b < 0x20) {
            return wrong(c, b == '\n' ? "a line ends inside a text" : "a control character");
        }
        size_t bytes = tj_character_bytes(c->s + c->at, c->n - c->at);
        if (bytes == 0) {
            return c->n - c->at < 4 && b >= 0xC2 && b <= 0xF4 ? cut(c) : wrong(c, "not UTF-8");
        }
        c->at += bytes;
    }
}

/* ------------------------------------------------------------------ other values */

static size_t pass_digits(const scan *c, size_t at)
{
    while (at < c->n && c->s[at] >= '0' && c->s[at] <= '9') {
        at++;
    }
    return at;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? */
static tj_jscan_result pass_number(scan *c)
{
    size_t at = c->at + (c->s[c->at] == '-' ? 1 : 0);
    size_t end = pass_digits(c, at);
    if (end == at) {
        return end == c->n ? cut(c) : wrong(c, "not a value");
    }
    if (c->s[at] == '0' && end > at + 1) {
        return wrong(c, "a number that begins with 0");
    }
    if (end < c->n && c->s[end] == '.') {
        at = end + 1;
        end = pass_digits(c, at);
        if (end == at) {
            return end == c->n ? cut(c) : wrong(c, "a number without digits after its point");
        }
    }
    if (end < c->n && (c->s[end] | 0x20) == 'e') {
        at = end + 1;
        at += at < c->n && (c->s[at] == '+' || c->s[at] == '-') ? 1 : 0;
        end = pass_digits(c, at);
        if (end == at) {
            return end == c->n ? cut(c) : wrong(c, "a number without digits in its exponent");
        }
    }
    c->at = end;
    return TJ_JSCAN_OK;
}

static tj_jscan_result pass_word(scan *c, tj_json_kind *kind)
{
    static const struct {
        const char *word;
        tj_json_kind kind;
    } words[] = {{"null", TJ_JSON_NULL}, {"true", TJ_JSON_TRUE}, {"false", TJ_JSON_FALSE}};
    size_t left = c->n - c->at;
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i].word);
        size_t there = left < n ? left : n;
        if (memcmp(c->s + c->at, words[i].word, there) == 0) {
            if (there < n) {
                return cut(c);
            }
            *kind = words[i].kind;
            c->at += n;
            return TJ_JSCAN_OK;
        }
    }
    if (left >= 3 && memcmp(c->s + c->at, "NaN", 3) == 0) {
        return wrong(c, "NaN, which is not JSON");
    }
    if (left >= 8 && memcmp(c->s + c->at, "Infinity", 8) == 0) {
        return wrong(c, "Infinity, which is not JSON");
    }
    return wrong(c, "not a value");
}

static void pass_space(scan *c)
{
    while (c->at < c->n && (c->s[c->at] == ' ' || c->s[c->at] == '\n' || c->s[c->at] == '\r' ||
                            c->s[c->at] == '\t')) {
        c->at++;
    }
}

/* ------------------------------------------------------------------ the tape */

/* Adds the value that begins at c->at; a container is only opened. */
static tj_jscan_result add_value(scan *c, uint32_t parent)
{
    tj_jtape *t = c->tape;
    if (t->n == TJ_JSCAN_MAX_VALUES) {
        c->what = "too many values";
        return TJ_JSCAN_LIMIT;
    }
    if (!tj_grow(&t->nodes, &t->cap, t->n + 1, sizeof *t->nodes)) {
        return TJ_JSCAN_NOMEM;
    }
    unsigned char b = c->s[c->at];
    size_t begin = c->at;
    tj_json_kind kind = TJ_JSON_NUMBER;
    bool escaped = false;
    tj_jscan_result r = TJ_JSCAN_OK;
    if (b == '{' || b == '[') {
        kind = b == '{' ? TJ_JSON_OBJECT : TJ_JSON_ARRAY;
        c->at++;
    } else if (b == '"') {
        kind = TJ_JSON_STRING;
        begin = ++c->at;
        r = pass_string(c, &escaped);
    } else if (b == '-' || (b >= '0' && b <= '9')) {
        r = pass_number(c);
    } else {
        r = pass_word(c, &kind);
    }
    if (r != TJ_JSCAN_OK) {
        return r;
    }
    size_t end = kind == TJ_JSON_STRING ? c->at - 1 : c->at;
    uint32_t i = (uint32_t)t->n++;
    t->nodes[i] = (tj_jnode){.kind = (uint32_t)kind & 7U,
                             .escaped = escaped ? 1 : 0,
                             .at = (uint32_t)begin,
                             .n = (uint32_t)(end - begin),
                             .past = i + 1,
                             .parent = parent};
    return TJ_JSCAN_OK;
}

static bool is_container(const tj_jnode *node)
{
    return node->kind >= TJ_JSON_ARRAY;
}

/* Closes the innermost container; its parent becomes the innermost. */
static uint32_t close_container(scan *c, uint32_t open)
{
    tj_jnode *node = &c->tape->nodes[open];
    c->at++;
    node->past = (uint32_t)c->tape->n;
    node->n = (uint32_t)(c->at - node->at);
    return node->parent;
}

/* A member's name and its colon. */
static tj_jscan_result add_name(scan *c, uint32_t open)
{
    if (c->s[c->at] != '"') {
        return wrong(c, "expected a name in quotes");
    }
    tj_jscan_result r = add_value(c, open);
    if (r != TJ_JSCAN_OK) {
        return r;
    }
    pass_space(c);
    if (c->at == c->n) {
        return cut(c);
    }
    if (c->s[c->at] != ':') {
        return wrong(c, "expected a colon after a name");
    }
    c->at++;
    pass_space(c);
    return c->at == c->n ? cut(c) : TJ_JSCAN_OK;
}

/* What follows inside an open container: its end, or a comma and the next value. *open becomes the
 * innermost open one. */
static tj_jscan_result go_on(scan *c, uint32_t *open, size_t *depth)
{
    tj_jnode *node = &c->tape->nodes[*open];
    bool object = node->kind == TJ_JSON_OBJECT;
    unsigned char b = c->s[c->at];
    if (b == (object ? '}' : ']')) {
        *open = close_container(c, *open);
        (*depth)--;
        return TJ_JSCAN_OK;
    }
    if (node->count > 0) {
        if (b != ',') {
            return wrong(c, object ? "expected a comma or }" : "expected a comma or ]");
        }
        c->at++;
        pass_space(c);
        if (c->at == c->n) {
            return cut(c);
        }
    }
    node->count++;
    tj_jscan_result r = object ? add_name(c, *open) : TJ_JSCAN_OK;
    if (r == TJ_JSCAN_OK) {
        r = add_value(c, *open);
    }
    if (r != TJ_JSCAN_OK) {
        return r;
    }
    uint32_t last = (uint32_t)c->tape->n - 1;
    if (is_container(&c->tape->nodes[last])) {
        *open = last;
        if (++*depth > TJ_JSCAN_MAX_DEPTH) {
            c->what = "nested too deeply";
            return TJ_JSCAN_LIMIT;
        }
    }
    return TJ_JSCAN_OK;
}

static tj_jscan_result scan_value(scan *c)
{
    pass_space(c);
    if (c->at == c->n) {
        return cut(c);
    }
    tj_jscan_result r = add_value(c, NO_PARENT);
    if (r != TJ_JSCAN_OK || !is_container(&c->tape->nodes[0])) {
        return r;
    }
    uint32_t open = 0;
    for (size_t depth = 1; open != NO_PARENT && r == TJ_JSCAN_OK;) {
        pass_space(c);
        r = c->at == c->n ? cut(c) : go_on(c, &open, &depth);
    }
    return r;
}

tj_jscan_result tj_jscan(tj_jtape *tape, char *text, size_t n, tj_jscan_end *end)
{
    scan c = {.tape = tape, .s = (const unsigned char *)text, .n = n, .what = ""};
    tape->text = text;
    tape->n = 0;
    tj_jscan_result r = TJ_JSCAN_LIMIT;
    if (n > TJ_JSCAN_MAX_BYTES) {
        c.what = "too long";
    } else {
        r = scan_value(&c);
    }
    *end = (tj_jscan_end){.at = c.at, .what = c.what};
    return r;
}

size_t tj_jscan_skip(const char *text, size_t n)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        char b = text[i];
        if (in_string) {
            i += b == '\\' ? 1 : 0;
            in_string = b != '"';
        } else if (b == '"') {
            in_string = true;
        } else if (b == '{' || b == '[') {
            depth++;
        } else if ((b == ',' && depth == 0) || ((b == '}' || b == ']') && depth-- == 0)) {
            return i;
        }
    }
    return n;
}
