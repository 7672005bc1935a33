/* A buffer holds what was appended, latches a failure until it is cleared, and escapes any bytes to
 * JSON that Jansson reads back. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/rng.h"
#include "text/text.h"

static void appended_text_is_kept_in_order(void **state)
{
    (void)state;
    tj_buf buf;
    tj_buf_init(&buf);
    assert_string_equal(tj_buf_text(&buf), "");
    tj_buf_add(&buf, NULL, 0);
    tj_buf_str(&buf, "ab");
    tj_buf_char(&buf, '\0');
    tj_buf_printf(&buf, "%d-%s", 12, "");
    tj_buf_add(&buf, "xyz", 2);
    assert_int_equal(buf.len, 8);
    assert_memory_equal(buf.data,
                        "ab\0"
                        "12-xy",
                        9); /* and the zero after it */
    tj_buf_clear(&buf);
    assert_int_equal(buf.len, 0);
    assert_string_equal(tj_buf_text(&buf), "");
    tj_buf_deinit(&buf);
}

static void growth_keeps_every_byte(void **state)
{
    (void)state;
    tj_buf buf;
    tj_buf_init(&buf);
    size_t n_allocs = tj_alloc_count();
    for (size_t i = 0; i < 10000; i++) {
        tj_buf_char(&buf, (char)('a' + i % 26));
        assert_int_equal(buf.data[buf.len], 0);
    }
    assert_true(tj_alloc_count() - n_allocs <= 12);
    for (size_t i = 0; i < 10000; i++) {
        assert_int_equal(buf.data[i], 'a' + (int)(i % 26));
    }
    for (size_t width = 0; width < 300; width++) { /* printf at every room that is left */
        tj_buf_clear(&buf);
        tj_buf_printf(&buf, "%*d", (int)width, 7);
        assert_int_equal(buf.len, width == 0 ? 1 : width);
        assert_int_equal(strlen(buf.data), buf.len);
    }
    tj_buf_deinit(&buf);
}

static void a_failure_latches_until_cleared(void **state)
{
    (void)state;
    tj_buf buf;
    tj_err err;
    tj_buf_init(&buf);
    tj_buf_str(&buf, "abc");
    tj_alloc_fail_after(0);
    tj_buf_printf(&buf, "%1000d", 1);
    tj_alloc_fail_after(SIZE_MAX);
    tj_buf_str(&buf, "def"); /* there is room, but the text would have a hole */
    assert_string_equal(buf.data, "abc");
    assert_int_equal(tj_buf_check(&buf, &err), TJ_E_NOMEM);
    assert_null(tj_buf_take(&buf));
    assert_int_equal(tj_buf_check(&buf, &err), TJ_OK); /* empty again */
    tj_buf_str(&buf, "ghi");
    tj_alloc_fail_after(0);
    tj_buf_printf(&buf, "%1000d", 1);
    tj_alloc_fail_after(SIZE_MAX);
    tj_buf_clear(&buf);
    tj_buf_str(&buf, "jkl");
    assert_int_equal(tj_buf_check(&buf, &err), TJ_OK);
    char *text = tj_buf_take(&buf);
    assert_string_equal(text, "jkl");
    assert_null(buf.data);
    tj_free(text);
    text = tj_buf_take(&buf); /* never NULL unless failed */
    assert_string_equal(text, "");
    tj_free(text);
}

static void html_has_no_markup_of_the_text(void **state)
{
    (void)state;
    tj_buf buf;
    tj_buf_init(&buf);
    tj_buf_html(&buf, "<a href=\"x\">'&'\0</a>", 20);
    assert_int_equal(buf.len, strlen("&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;") + 1 +
                                  strlen("&lt;/a&gt;"));
    assert_memory_equal(buf.data, "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;\0&lt;/a&gt;",
                        buf.len);
    tj_buf_deinit(&buf);
}

/* Random bytes that lean to the edges of UTF-8. What is valid comes back the same; the rest comes
 * back with U+FFFD for its bad bytes. */
static void any_bytes_become_json(void **state)
{
    (void)state;
    static const unsigned char corners[] = {0x00, 0x1F, 0x22, 0x5C, 0x7F, 0x80, 0x9F, 0xA0,
                                            0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xED, 0xEF,
                                            0xF0, 0xF4, 0xF5, 0xFF, 0x8F, 0x90, 0x61};
    tj_rng rng;
    tj_buf buf;
    tj_rng_init(&rng, 1, 0, 0, 0);
    tj_buf_init(&buf);
    size_t n_valid = 0;
    for (size_t round = 0; round < 20000; round++) {
        char s[8];
        size_t n = (size_t)tj_rng_below(&rng, 6);
        for (size_t i = 0; i < n; i++) {
            s[i] = (char)corners[tj_rng_below(&rng, sizeof corners)];
        }
        tj_buf_clear(&buf);
        tj_buf_json(&buf, s, n);
        json_t *json = json_loadb(buf.data, buf.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_true(json_is_string(json));
        bool valid = tj_utf8_check(s, n) == n;
        bool same = json_string_length(json) == n && memcmp(json_string_value(json), s, n) == 0;
        assert_true(same == valid);
        assert_true(valid || strstr(buf.data, "\xEF\xBF\xBD") != NULL);
        n_valid += valid ? 1 : 0;
        json_decref(json);
    }
    assert_true(n_valid > 1000);
    tj_buf_deinit(&buf);
}

static void a_value_is_a_line_and_none_is_a_failure(void **state)
{
    (void)state;
    tj_buf buf;
    json_t *json = json_pack("{s:[i, s]}", "a", 1, "two\nlines");
    tj_buf_init(&buf);
    tj_json_line(&buf, json);
    tj_json_line(&buf, json);
    assert_string_equal(tj_buf_text(&buf), "{\"a\":[1,\"two\\nlines\"]}\n"
                                           "{\"a\":[1,\"two\\nlines\"]}\n");
    tj_json_line(&buf, NULL);
    assert_int_equal(tj_buf_check(&buf, NULL), TJ_E_NOMEM);
    json_decref(json);
    tj_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_text_is_kept_in_order),
        cmocka_unit_test(growth_keeps_every_byte),
        cmocka_unit_test(a_failure_latches_until_cleared),
        cmocka_unit_test(html_has_no_markup_of_the_text),
        cmocka_unit_test(any_bytes_become_json),
        cmocka_unit_test(a_value_is_a_line_and_none_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
