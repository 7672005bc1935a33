/* Validity against the definition: what encoding a code point by its formula gives is valid, and of
 * all sequences of up to four bytes exactly those are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "text/text.h"
#include "text/utf8.h"

static size_t encode(char out[4], uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; c >>= 6) {
        out[i] = (char)(unsigned char)(0x80 | (c & 0x3F));
    }
    out[0] = (char)(unsigned char)(leads[n] | c);
    return n;
}

/* True when the n bytes are one character, told by decoding and encoding again. */
static bool is_one_char(const unsigned char *p, size_t n)
{
    uint32_t c = n == 1 ? p[0] : p[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return false;
        }
        c = c << 6 | (p[i] & 0x3F);
    }
    char again[4];
    return c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF) && encode(again, c) == n &&
           memcmp(again, p, n) == 0;
}

static void every_code_point_is_valid_and_decodes(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        char bytes[4];
        size_t n = encode(bytes, c), n_decoded;
        bool surrogate = c >= 0xD800 && c <= 0xDFFF;
        assert_int_equal(tj_utf8_check(bytes, n), surrogate ? 0 : n);
        if (!surrogate) {
            assert_int_equal(tj_utf8_decode(bytes, &n_decoded), c);
            assert_int_equal(n_decoded, n);
            assert_int_equal(tj_utf8_length((unsigned char)bytes[0]), n);
            assert_int_equal(tj_utf8_check(bytes, n - 1), 0); /* cut short, or nothing */
        }
        if (c < 0x800) {
            char two[2];
            assert_int_equal(tj_utf8_encode2(two, c), n);
            assert_memory_equal(two, bytes, n);
        }
    }
}

static void short_sequences_are_valid_only_if_characters(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        const unsigned char p[] = {(unsigned char)(bits >> 8), (unsigned char)bits};
        bool first = is_one_char(p, 1);
        size_t want = first ? (is_one_char(p + 1, 1) ? 2 : 1) : is_one_char(p, 2) ? 2 : 0;
        assert_int_equal(tj_utf8_check((const char *)p, 2), want);
    }
    /* Three and four bytes: all leads and second bytes, corners of the others. */
    static const unsigned char corners[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0};
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        for (size_t i = 0; i < sizeof corners; i++) {
            for (size_t j = 0; j < sizeof corners; j++) {
                const unsigned char p[] = {(unsigned char)(bits >> 8), (unsigned char)bits,
                                           corners[i], corners[j]};
                if (p[0] < 0xE0) {
                    continue;
                }
                bool three = is_one_char(p, 3), four = is_one_char(p, 4);
                size_t want = four ? 4 : three ? (p[3] < 0x80 ? 4 : 3) : 0;
                assert_int_equal(tj_utf8_check((const char *)p, 4), want);
            }
        }
    }
}

static void the_first_wrong_byte_is_named(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 61, 0, 0, 0);
    for (size_t trial = 0; trial < 2000; trial++) {
        char text[64];
        size_t len = 0, n_chars = (size_t)tj_rng_below(&rng, 12);
        for (size_t i = 0; i < n_chars; i++) {
            static const uint32_t tops[] = {0x80, 0x800, 0xD800, 0x10000};
            len += encode(text + len, (uint32_t)tj_rng_below(&rng, tops[tj_rng_below(&rng, 3)]));
        }
        assert_int_equal(tj_utf8_check(text, len), len);
        text[len] = (char)(unsigned char)(0xF8 + tj_rng_below(&rng, 8));
        assert_int_equal(tj_utf8_check(text, len + 1), len);
    }
    assert_int_equal(tj_utf8_check(NULL, 0), 0);
}

/* As CPython 3.11 decodes with errors="replace". */
static void maximal_subparts_are_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *want;
    } cases[] = {
        {"", ""},
        {"a\xC3\xA9z", "a\xC3\xA9z"},
        {"\xE2\x82\x41", "\uFFFDA"},
        {"\xF0\x9F\x98", "\uFFFD"},
        {"\x80\xBF", "\uFFFD\uFFFD"},
        {"\xC0\xAF", "\uFFFD\uFFFD"},
        {"\xE0\x80\x80", "\uFFFD\uFFFD\uFFFD"},
        {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
        {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
        {"\xF1\x80\x80\xE2\x28\xA1", "\uFFFD\uFFFD(\uFFFD"},
        {"12345678\xFF"
         "12345678",
         "12345678\uFFFD"
         "12345678"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_buf out;
        tj_buf_init(&out);
        tj_utf8_replace(&out, cases[i].bytes, strlen(cases[i].bytes));
        assert_string_equal(tj_buf_text(&out), cases[i].want);
        tj_buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_valid_and_decodes),
        cmocka_unit_test(short_sequences_are_valid_only_if_characters),
        cmocka_unit_test(the_first_wrong_byte_is_named),
        cmocka_unit_test(maximal_subparts_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
