/* One loop over the text with a state that says what may come next; containers that are open are
 * found through their nodes' parents, so that nothing recurses. Strings, nearly all of the bytes,
 * are passed over eight bytes at a time. */
#include "base/jscan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/character.h"

#define NO_PARENT UINT32_MAX

void tj_jtape_init(tj_jtape *tape)
{
    *tape = (tj_jtape){0};
}

void tj_jtape_deinit(tj_jtape *tape)
{
    tj_free(tape->nodes);
    *tape = (tj_jtape){0};
}

bool tj_str_is(tj_str text, const char *other)
{
    return text.s != NULL && strlen(other) == text.n && memcmp(text.s, other, text.n) == 0;
}

const char *tj_json_kind_name(tj_json_kind kind)
{
    static const char *const names[] = {"null", "false",    "true",     "a number",
                                        "text", "an array", "an object"};
    return names[kind];
}

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

static int hex_value(unsigned char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The four digits at s, or -1. */
static int32_t hex4(const unsigned char *s)
{
    int32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_value(s[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

static bool is_high_surrogate(int32_t c)
{
    return c >= 0xD800 && c < 0xDC00;
}

/* Checks \uXXXX at c->at and passes over it. */
static tj_jscan_result pass_unicode(scan *c)
{
    const unsigned char *s = c->s + c->at;
    size_t left = c->n - c->at;
    if (left < 6) {
        return cut(c);
    }
    int32_t first = hex4(s + 2);
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
    int32_t second = left >= 12 && s[6] == '\\' && s[7] == 'u' ? hex4(s + 8) : -1;
    if (!is_high_surrogate(first) || second < 0xDC00 || second >= 0xE000) {
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

/* ------------------------------------------------------------------ values */

size_t tj_jtape_member(tj_jtape *tape, size_t object, const char *name, bool *twice)
{
    size_t n = strlen(name);
    size_t found = 0;
    const tj_jnode *o = &tape->nodes[object];
    if (twice != NULL) {
        *twice = false;
    }
    for (size_t i = object + 1; o->kind == TJ_JSON_OBJECT && i < o->past;) {
        if (tape->nodes[i].escaped) {
            (void)tj_jtape_text(tape, i);
        }
        const tj_jnode *key = &tape->nodes[i];
        if (key->n == n && memcmp(tape->text + key->at, name, n) == 0) {
            if (found != 0 && twice != NULL) {
                *twice = true;
            }
            found = found == 0 ? i + 1 : found;
        }
        i = tape->nodes[i + 1].past;
    }
    return found;
}

static char *put_character(char *to, uint32_t c)
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; c >>= 6) {
        to[i] = (char)(0x80 | (c & 0x3F));
    }
    to[0] = (char)(leads[n] | c);
    return to + n;
}

/* Decodes the escape at *from, which was checked; it is never shorter than what it stands for. */
static char *put_escape(char *to, const char **from)
{
    static const char codes[] = "bfnrt";
    static const char values[] = "\b\f\n\r\t";
    char e = (*from)[1];
    const char *code = strchr(codes, e);
    if (e != 'u') {
        *to = code == NULL ? e : values[code - codes];
        *from += 2;
        return to + 1;
    }
    uint32_t c = (uint32_t)hex4((const unsigned char *)*from + 2);
    *from += 6;
    if (is_high_surrogate((int32_t)c)) {
        uint32_t low = (uint32_t)hex4((const unsigned char *)*from + 2);
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        *from += 6;
    }
    return put_character(to, c);
}

static void decode(tj_jtape *tape, tj_jnode *node)
{
    char *to = tape->text + node->at;
    const char *from = to;
    const char *end = to + node->n;
    while (from < end) {
        const char *slash = memchr(from, '\\', (size_t)(end - from));
        size_t plain = (size_t)((slash == NULL ? end : slash) - from);
        memmove(to, from, plain);
        to += plain;
        from += plain;
        if (slash != NULL) {
            to = put_escape(to, &from);
        }
    }
    node->n = (uint32_t)(to - (tape->text + node->at));
    node->escaped = 0;
}

tj_str tj_jtape_text(tj_jtape *tape, size_t string)
{
    tj_jnode *node = &tape->nodes[string];
    if (node->escaped) {
        decode(tape, node);
    }
    tape->text[node->at + node->n] = '\0'; /* over the closing quote, or what it was moved from */
    return (tj_str){tape->text + node->at, node->n};
}

bool tj_jtape_int(const tj_jtape *tape, size_t number, int64_t *out)
{
    const tj_jnode *node = &tape->nodes[number];
    const char *s = tape->text + node->at;
    size_t n = node->n;
    bool minus = n > 0 && s[0] == '-';
    int64_t value = 0;
    size_t i = minus ? 1 : 0;
    if (node->kind != TJ_JSON_NUMBER) {
        return false;
    }
    for (; i < n && s[i] >= '0' && s[i] <= '9'; i++) {
        if (value > (INT64_MAX - 9) / 10) {
            return false;
        }
        value = value * 10 + (s[i] - '0');
    }
    if (i < n && s[i] == '.') {
        i++;
        while (i < n && s[i] == '0') {
            i++;
        }
    }
    *out = minus ? -value : value;
    return i == n;
}

bool tj_jtape_double(const tj_jtape *tape, size_t number, double *out)
{
    const tj_jnode *node = &tape->nodes[number];
    char copy[512]; /* digits past these would not change the double */
    if (node->kind != TJ_JSON_NUMBER || node->n >= sizeof copy) {
        return false;
    }
    memcpy(copy, tape->text + node->at, node->n);
    copy[node->n] = '\0';
    *out = strtod(copy, NULL);
    return isfinite(*out);
}
