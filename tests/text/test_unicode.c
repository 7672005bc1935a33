/* NFC piece by piece against utf8proc's of the whole text: every code point in places where it may
 * change or be changed, and random sequences of letters, marks and vowels that compose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <utf8proc.h>

#include "base/rng.h"
#include "text/normalize.h"
#include "text/unicode.h"

static size_t encode(char *out, const uint32_t *chars, size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        len +=
            (size_t)utf8proc_encode_char((utf8proc_int32_t)chars[i], (utf8proc_uint8_t *)out + len);
    }
    return len;
}

static void check(const uint32_t *chars, size_t n)
{
    char text[128];
    utf8proc_uint8_t *whole;
    size_t len = encode(text, chars, n);
    utf8proc_ssize_t n_whole = utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len,
                                            &whole, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    tj_buf out;
    tj_buf_init(&out);
    assert_true(n_whole >= 0);
    assert_int_equal(tj_nfc(&out, text, len, NULL), TJ_OK);
    bool equal = out.len == (size_t)n_whole && memcmp(out.data, whole, out.len) == 0;
    size_t prefix = tj_nfc_prefix(text, len);
    bool stays = out.len == len && memcmp(out.data, text, len) == 0;
    if (!equal || (prefix == len && !stays) || (out.len < prefix) ||
        memcmp(tj_buf_text(&out), text, prefix) != 0) {
        fail_msg("U+%04X U+%04X U+%04X ...: NFC differs", (unsigned)chars[0],
                 n > 1 ? (unsigned)chars[1] : 0, n > 2 ? (unsigned)chars[2] : 0);
    }
    free(whole); /* utf8proc's own allocation */
    tj_buf_deinit(&out);
}

static void every_character_is_normalized_in_its_place(void **state)
{
    (void)state;
    for (uint32_t c = 1; c < 0x110000; c += c < 0x30000 ? 1 : 97) { /* above it stands next to
                                                                     * nothing */
        if ((c >= 0x4E00 && c < 0x9FF0) || (c >= 0xAD00 && c < 0xE000)) {
            c = c < 0xA000 ? 0x9FF0 : 0xE000; /* ideographs, more syllables, surrogates, private */
        }
        check((const uint32_t[]){c}, 1);
        check((const uint32_t[]){'a', c, 0x301, 'e'}, 4);
        check((const uint32_t[]){0x304B, c, 0x3099}, 3);
        check((const uint32_t[]){0x1100, c, 0x11A8}, 3);
    }
}

static void sequences_that_compose_are_normalized(void **state)
{
    (void)state;
    static const uint32_t pool[] = {
        'a',    'e',   'q',     ' ',    0xE9,   0x300,  0x301,  0x323,  0x327,  0x338,
        '=',    0x3B1, 0x345,   0x1F00, 0x304B, 0x3099, 0x309A, 0x1100, 0x1161, 0x11A8,
        0xAC00, 0x9C7, 0x9BE,   0x9D7,  0x5D1,  0x5BC,  0x5B8,  0x212B, 0x2126, 0xF73,
        0xF71,  0xF72, 0x1D15E, 0xFB1D, 0x344,  0x958,  0x4E00, 0xFE0F, 0x200D, 0x1E9B};
    tj_rng rng;
    tj_rng_init(&rng, 101, 0, 0, 0);
    for (size_t trial = 0; trial < 200000; trial++) {
        uint32_t chars[12];
        size_t n = 1 + (size_t)tj_rng_below(&rng, 12);
        for (size_t i = 0; i < n; i++) {
            chars[i] = pool[tj_rng_below(&rng, sizeof pool / sizeof pool[0])];
        }
        check(chars, n);
    }
}

static void too_many_marks_are_refused(void **state)
{
    (void)state;
    tj_buf text, out;
    tj_buf_init(&text);
    tj_buf_init(&out);
    tj_buf_char(&text, 'a');
    for (size_t i = 0; i < TJ_MAX_MARKS; i++) {
        tj_buf_str(&text, i % 2 == 0 ? "\u0323" : "\u0301");
    }
    assert_int_equal(tj_nfc(&out, text.data, text.len, NULL), TJ_OK);
    tj_buf_str(&text, "\u0301");
    assert_int_equal(tj_nfc(&out, text.data, text.len, NULL), TJ_E_LIMIT);
    tj_buf_deinit(&text);
    tj_buf_deinit(&out);
}

static void expect_normal(const tj_normalizer *norm, const char *text, const char *want)
{
    tj_buf bufs[2];
    const char *out;
    size_t len;
    tj_buf_init(&bufs[0]);
    tj_buf_init(&bufs[1]);
    assert_int_equal(tj_normalize(norm, bufs, &out, &len, text, strlen(text), NULL), TJ_OK);
    assert_int_equal(len, strlen(want));
    assert_memory_equal(out, want, len);
    assert_true(strcmp(text, want) != 0 || out == text); /* what does not change is not copied */
    tj_buf_deinit(&bufs[0]);
    tj_buf_deinit(&bufs[1]);
}

static void steps_follow_one_another(void **state)
{
    (void)state;
    tj_normalizer norm = {.n_steps = 0};
    expect_normal(&norm, "a b", "a b");
    assert_int_equal(tj_normalizer_add(&norm, TJ_NORMAL_REPLACE, "ab", 2, "b", 1, NULL), TJ_OK);
    expect_normal(&norm, "aabbab", "abbb"); /* what a replacement makes is not replaced again */
    expect_normal(&norm, "a", "a");
    expect_normal(&norm, "", "");
    assert_int_equal(tj_normalizer_add(&norm, TJ_NORMAL_PREPEND, "", 0, "^", 1, NULL), TJ_OK);
    assert_int_equal(tj_normalizer_add(&norm, TJ_NORMAL_REPLACE, "^b", 2, "", 0, NULL), TJ_OK);
    assert_int_equal(tj_normalizer_add(&norm, TJ_NORMAL_NFC, "", 0, "", 0, NULL), TJ_OK);
    expect_normal(&norm, "ab", "");
    expect_normal(&norm, "", "");
    expect_normal(&norm, "abe\u0301", "\u00e9");
    expect_normal(&norm, "xab", "^xb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_normalized_in_its_place),
        cmocka_unit_test(sequences_that_compose_are_normalized),
        cmocka_unit_test(too_many_marks_are_refused),
        cmocka_unit_test(steps_follow_one_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
