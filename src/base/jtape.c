/* What stands on a tape: members by name, texts decoded in place, numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/jscan.h"
#include "base/jscan_inner.h"

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
    uint32_t c = (uint32_t)tj_hex4((const unsigned char *)*from + 2);
    *from += 6;
    if (tj_is_high_surrogate((int32_t)c)) {
        uint32_t low = (uint32_t)tj_hex4((const unsigned char *)*from + 2);
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
