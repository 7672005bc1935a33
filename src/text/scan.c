/* Every function below follows its pattern alternative by alternative, in the order that they stand
 * there. What makes that simple: after the class of one or two characters is known, at most one
 * alternative can match, but for white space, whose last three are told apart by where its run
 * ends. */
#include "text/scan.h"

#include <stdbool.h>
#include <string.h>

#include "text/unicode.h"
#include "text/utf8.h"

/* The class of the character at text[at], and where the next one begins. */
static inline tj_class class_at(const char *text, size_t at, size_t *next)
{
    unsigned char lead = (unsigned char)text[at];
    if (lead < 0x80) {
        *next = at + 1;
        return tj_class_of(lead);
    }
    size_t n;
    uint32_t c = tj_utf8_decode(text + at, &n);
    *next = at + n;
    return tj_class_of(c);
}

/* The end of the run of one class that goes on at `at`. */
static inline size_t run_end(const char *text, size_t len, size_t at, tj_class wanted)
{
    size_t next;
    while (at < len && class_at(text, at, &next) == wanted) {
        at = next;
    }
    return at;
}

/* The end of a contraction that begins with the apostrophe at `at`; `at` if there is none.
 * Without regard to case, the long s (U+017F) is an s. */
static size_t contraction_end(const char *text, size_t len, size_t at, bool any_case)
{
    size_t left = len - at;
    if (text[at] != '\'' || left < 2) {
        return at;
    }
    char mask = any_case ? 0x20 : 0; /* small letters have this bit, and no other ASCII character
                                      * becomes one of those below by it */
    char a = (char)(text[at + 1] | mask), b = left < 3 ? '\0' : (char)(text[at + 2] | mask);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') {
        return at + 2;
    }
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) {
        return at + 3;
    }
    return any_case && left >= 3 && memcmp(text + at + 1, "\xC5\xBF", 2) == 0 ? at + 3 : at;
}

/* \s+(?!\S)|\s+ : a run of white space that ends before something else leaves its last character
 * to that, unless it is the only one. */
static size_t space_end(const char *text, size_t len, size_t from)
{
    size_t last = from, next = from, at = from;
    while (at < len && class_at(text, at, &next) == TJ_CLASS_SPACE) {
        last = at;
        at = next;
    }
    return at == len || last == from ? at : last;
}

static size_t scan_gpt2(const char *text, size_t len, size_t from)
{
    size_t after, end = contraction_end(text, len, from, false);
    if (end > from) {
        return end;
    }
    tj_class class = class_at(text, from, &after);
    if (text[from] == ' ' && after < len) { /* the optional space of three alternatives */
        class = class_at(text, after, &after);
    }
    return class == TJ_CLASS_SPACE ? space_end(text, len, from) : run_end(text, len, after, class);
}

/* \s*[\r\n]+|\s+(?!\S)|\s+ : up to the last newline of the run, if there is one. */
static size_t space_or_newline_end(const char *text, size_t len, size_t from)
{
    size_t newline = from, next;
    for (size_t at = from; at < len && class_at(text, at, &next) == TJ_CLASS_SPACE; at = next) {
        newline = text[at] == '\n' || text[at] == '\r' ? next : newline;
    }
    return newline > from ? newline : space_end(text, len, from);
}

static size_t newlines_end(const char *text, size_t len, size_t at)
{
    while (at < len && (text[at] == '\n' || text[at] == '\r')) {
        at++;
    }
    return at;
}

static inline size_t scan_words(const char *text, size_t len, size_t from, size_t max_digits)
{
    size_t after, after2, end = contraction_end(text, len, from, true);
    if (end > from) {
        return end;
    }
    tj_class class = class_at(text, from, &after);
    if (class == TJ_CLASS_LETTER) {
        return run_end(text, len, after, TJ_CLASS_LETTER);
    }
    if (class == TJ_CLASS_NUMBER) {
        for (size_t n = 1; n < max_digits && after < len; n++) {
            if (class_at(text, after, &after2) != TJ_CLASS_NUMBER) {
                break;
            }
            after = after2;
        }
        return after;
    }
    tj_class second = after < len ? class_at(text, after, &after2) : TJ_CLASS_SPACE;
    if (second == TJ_CLASS_LETTER && text[from] != '\n' && text[from] != '\r') {
        return run_end(text, len, after2, TJ_CLASS_LETTER);
    }
    if (class == TJ_CLASS_OTHER || (text[from] == ' ' && second == TJ_CLASS_OTHER)) {
        return newlines_end(text, len, run_end(text, len, after, TJ_CLASS_OTHER));
    }
    return space_or_newline_end(text, len, from);
}

static size_t scan_llama3(const char *text, size_t len, size_t from)
{
    return scan_words(text, len, from, 3);
}

static size_t scan_qwen2(const char *text, size_t len, size_t from)
{
    return scan_words(text, len, from, 1);
}

/* A number by itself, or what is between two. */
static size_t scan_digit(const char *text, size_t len, size_t from)
{
    size_t next, at = from;
    if (class_at(text, from, &next) == TJ_CLASS_NUMBER) {
        return next;
    }
    while (at < len && class_at(text, at, &next) != TJ_CLASS_NUMBER) {
        at = next;
    }
    return at;
}

tj_scan_fn tj_scan_find(const char *pattern, size_t len)
{
    static const struct {
        const char *pattern;
        tj_scan_fn scan;
    } known[] = {
        {TJ_PATTERN_GPT2, scan_gpt2},
        {TJ_PATTERN_LLAMA3, scan_llama3},
        {TJ_PATTERN_QWEN2, scan_qwen2},
        {TJ_PATTERN_DIGIT, scan_digit},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i].pattern) == len && memcmp(known[i].pattern, pattern, len) == 0) {
            return known[i].scan;
        }
    }
    return NULL;
}
