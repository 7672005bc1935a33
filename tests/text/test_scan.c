/* The patterns that are written out in C against the regular expressions themselves: the same
 * pieces of random texts that lean to white space, apostrophes and digits; and classes of
 * characters against PCRE2's, of every code point that both libraries know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "text/pretokenize.h"
#include "text/unicode.h"

#define MAX_CHARS 24

static size_t encode(char out[4], uint32_t c)
{
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (n == 1) {
        out[0] = (char)c;
        return 1;
    }
    for (size_t i = n; i-- > 1; c >>= 6) {
        out[i] = (char)(unsigned char)(0x80 | (c & 0x3F));
    }
    out[0] = (char)(unsigned char)(leads[n] | c);
    return n;
}

static tj_pattern *compile(const char *pattern)
{
    tj_pattern *made;
    tj_err err = {.msg = ""};
    if (tj_pattern_create(&made, pattern, strlen(pattern), false, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return made;
}

static bool matches(const tj_pattern *pattern, tj_matcher *matcher, const char *text, size_t len)
{
    bool found;
    size_t begin, end;
    assert_int_equal(tj_pattern_search(pattern, matcher, text, len, 0, &found, &begin, &end, NULL),
                     TJ_OK);
    return found;
}

/* 0 where PCRE2 does not know the character, which a newer version of Unicode may have. */
static uint8_t *classes_of_pcre2(void)
{
    tj_pattern *patterns[] = {compile("\\p{Cn}"), compile("\\p{L}"), compile("\\p{N}"),
                              compile("\\s")};
    static const uint8_t classes[] = {0, 1 + TJ_CLASS_LETTER, 1 + TJ_CLASS_NUMBER,
                                      1 + TJ_CLASS_SPACE};
    uint8_t *found = tj_malloc(0x110000);
    tj_matcher *matcher;
    assert_non_null(found);
    assert_int_equal(tj_matcher_create(&matcher, NULL), TJ_OK);
    memset(found, 1 + TJ_CLASS_OTHER, 0x110000);
    for (uint32_t c = 0; c < 0x110000; c++) {
        char text[4];
        if (c >= 0xD800 && c < 0xE000) {
            continue;
        }
        size_t len = encode(text, c);
        for (size_t i = 0; i < 4; i++) {
            if (matches(patterns[i], matcher, text, len)) {
                found[c] = classes[i];
                break;
            }
        }
    }
    for (size_t i = 0; i < 4; i++) {
        tj_pattern_destroy(patterns[i]);
    }
    tj_matcher_destroy(matcher);
    return found;
}

/* PCRE2 counts U+180E as white space, as Unicode did before version 6.3. */
#define MONGOLIAN_VOWEL_SEPARATOR 0x180Eu

static void classes_are_those_of_the_expressions(void **state)
{
    (void)state;
    uint8_t *classes = classes_of_pcre2();
    size_t n_known = 0;
    for (uint32_t c = 0; c < 0x110000; c++) {
        if (classes[c] == 0 || (c >= 0xD800 && c < 0xE000) || c == MONGOLIAN_VOWEL_SEPARATOR) {
            continue;
        }
        n_known++;
        if (tj_class_of(c) != classes[c] - 1u) {
            fail_msg("U+%04X has class %d, PCRE2 says %d", (unsigned)c, (int)tj_class_of(c),
                     classes[c] - 1);
        }
    }
    assert_true(n_known > 280000); /* 144,697 characters of Unicode 14, and private ones */
    assert_int_equal(tj_class_of(MONGOLIAN_VOWEL_SEPARATOR), TJ_CLASS_OTHER);
    tj_free(classes);
}

/* Half of them from a list of what the patterns name, or nearly. */
static uint32_t random_char(tj_rng *rng)
{
    static const uint32_t corners[] = {
        ' ',    ' ',    ' ',  '\n',    '\r',   '\t',   '\'',   '\'',   's',     'S',
        't',    'r',    'e',  'v',     'E',    'l',    'L',    'm',    'd',     'D',
        'a',    '1',    '2',  '.',     '!',    '_',    0x17F,  0x212A, 0xA0,    0x85,
        0x3000, 0x2028, 0x0B, 0x1C,    0x301,  0x200D, 0x2160, 0xBD,   0x661,   0x4E00,
        0x3042, 0xAC00, 0xE9, 0x1F600, 0xFF11, 0x2019, 0x5F3,  0xFFFD, 0x10000, 0x41E};
    static const uint32_t tops[] = {0x80, 0x800, 0xD800, 0x20000};
    if (tj_rng_below(rng, 4) > 0) {
        return corners[tj_rng_below(rng, sizeof corners / sizeof corners[0])];
    }
    return (uint32_t)tj_rng_below(rng, tops[tj_rng_below(rng, 4)]);
}

/* A random text of characters that both know. */
static size_t random_text(char *text, const uint8_t *classes, tj_rng *rng)
{
    size_t len = 0, n = 1 + (size_t)tj_rng_below(rng, MAX_CHARS);
    for (size_t i = 0; i < n; i++) {
        uint32_t c;
        do {
            c = random_char(rng);
        } while (c == 0 || (c >= 0xD800 && c < 0xE000) || classes[c] == 0 ||
                 c == MONGOLIAN_VOWEL_SEPARATOR);
        len += encode(text + len, c);
        if (tj_rng_below(rng, 6) == 0 && i + 1 < n) { /* a run */
            i++;
            len += encode(text + len, c);
        }
    }
    return len;
}

/* Ends of pieces, by the expression: matches and what is between them. */
static size_t ends_of(size_t *ends, const tj_pattern *pattern, tj_matcher *matcher,
                      const char *text, size_t len)
{
    size_t n = 0, done = 0;
    while (done < len) {
        bool found;
        size_t begin, end;
        assert_int_equal(
            tj_pattern_search(pattern, matcher, text, len, done, &found, &begin, &end, NULL),
            TJ_OK);
        begin = found ? begin : len;
        if (begin > done) {
            ends[n++] = begin;
        }
        if (found) {
            assert_true(end > begin);
            ends[n++] = end;
        }
        done = found ? end : len;
    }
    return n;
}

static void pieces_are_those_of_the_expression(void **state)
{
    (void)state;
    static const char *const known[] = {TJ_PATTERN_GPT2, TJ_PATTERN_LLAMA3, TJ_PATTERN_QWEN2,
                                        TJ_PATTERN_DIGIT};
    uint8_t *classes = classes_of_pcre2();
    tj_matcher *matcher;
    tj_rng rng;
    tj_rng_init(&rng, 91, 0, 0, 0);
    assert_int_equal(tj_matcher_create(&matcher, NULL), TJ_OK);
    for (size_t p = 0; p < sizeof known / sizeof known[0]; p++) {
        tj_pattern *pattern = compile(known[p]);
        tj_scan_fn scan = tj_scan_find(known[p], strlen(known[p]));
        assert_non_null(scan);
        for (size_t trial = 0; trial < 60000; trial++) {
            char text[4 * MAX_CHARS + 8];
            size_t want[4 * MAX_CHARS + 8];
            size_t len = random_text(text, classes, &rng);
            size_t n = ends_of(want, pattern, matcher, text, len);
            size_t at = 0;
            for (size_t i = 0; i < n; i++) {
                size_t end = scan(text, len, at);
                if (end != want[i]) {
                    fail_msg("pattern %zu, '%.*s': a piece from %zu to %zu, expected %zu", p,
                             (int)len, text, at, end, want[i]);
                }
                at = end;
            }
            assert_int_equal(at, len);
        }
        tj_pattern_destroy(pattern);
    }
    assert_null(tj_scan_find("\\p{L}", 5));
    assert_null(tj_scan_find(TJ_PATTERN_GPT2, strlen(TJ_PATTERN_GPT2) - 1));
    tj_matcher_destroy(matcher);
    tj_free(classes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_those_of_the_expressions),
        cmocka_unit_test(pieces_are_those_of_the_expression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
