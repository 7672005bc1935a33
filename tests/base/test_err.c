/* Messages are put together as the header says and never outgrow their buffer, nor end within a
 * character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void fail_fills_code_and_message(void **state)
{
    (void)state;
    tj_err err;
    assert_int_equal(tj_fail(&err, TJ_E_PARSE, "line %d: '%s'", 3, "x"), TJ_E_PARSE);
    assert_int_equal(err.code, TJ_E_PARSE);
    assert_string_equal(err.msg, "line 3: 'x'");
    assert_int_equal(tj_fail(NULL, TJ_E_IO, "%s", "nobody listens"), TJ_E_IO);
}

static void context_goes_before_and_keeps_the_code(void **state)
{
    (void)state;
    tj_err err;
    (void)tj_fail(&err, TJ_E_LIMIT, "too long");
    tj_err_context(&err, "field %s", "a.b");
    tj_err_context(&err, "cannot read %s", "file.yaml");
    assert_string_equal(err.msg, "cannot read file.yaml: field a.b: too long");
    assert_int_equal(err.code, TJ_E_LIMIT);
    tj_err_context(NULL, "%s", "nobody listens");
}

static void a_message_may_be_made_of_itself(void **state)
{
    (void)state;
    tj_err err;
    (void)tj_fail(&err, TJ_E_IO, "disk");
    (void)tj_fail(&err, TJ_E_INVAL, "<%s>", err.msg);
    tj_err_context(&err, "[%s]", err.msg);
    assert_string_equal(err.msg, "[<disk>]: <disk>");
}

static void long_messages_are_cut_at_the_end(void **state)
{
    (void)state;
    char text[2 * TJ_ERR_MSG_BYTES];
    for (size_t n = TJ_ERR_MSG_BYTES - 8; n < TJ_ERR_MSG_BYTES + 8; n++) {
        tj_err err;
        memset(text, 'x', n);
        text[n] = '\0';
        size_t kept = n < TJ_ERR_MSG_BYTES - 1 ? n : TJ_ERR_MSG_BYTES - 1;
        (void)tj_fail(&err, TJ_E_IO, "%s", text);
        assert_int_equal(strlen(err.msg), kept);
        (void)tj_fail(&err, TJ_E_IO, "why");
        tj_err_context(&err, "%s", text);
        assert_memory_equal(err.msg, text, kept);
        size_t whole = n + strlen(": why");
        assert_int_equal(strlen(err.msg),
                         whole < TJ_ERR_MSG_BYTES - 1 ? whole : TJ_ERR_MSG_BYTES - 1);
    }
}

/* Whole characters of 2, 3 and 4 bytes at every offset before the end. */
static void no_message_ends_within_a_character(void **state)
{
    (void)state;
    static const char *const characters[] = {"\xC3\xA9", "\xE6\x97\x85", "\xF0\x9F\x98\x80"};
    for (size_t c = 0; c < 3; c++) {
        size_t width = strlen(characters[c]);
        for (size_t n = TJ_ERR_MSG_BYTES - 6; n < TJ_ERR_MSG_BYTES; n++) {
            char text[TJ_ERR_MSG_BYTES + 8];
            tj_err err[2];
            memset(text, 'x', n);
            memcpy(text + n, characters[c], width + 1);
            size_t want = n + width < TJ_ERR_MSG_BYTES ? n + width : n;
            (void)tj_fail(&err[0], TJ_E_IO, "%s", text);
            err[1].msg[0] = '\0';
            (void)tj_fail(&err[1], TJ_E_IO, "%s", text + 3);
            tj_err_context(&err[1], "%s", "x"); /* "x" and ": " are three bytes again */
            for (size_t i = 0; i < 2; i++) {
                assert_int_equal(strlen(err[i].msg),
                                 want < TJ_ERR_MSG_BYTES - 1 ? want : TJ_ERR_MSG_BYTES - 1);
            }
        }
    }
}

static void every_code_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = TJ_OK; a <= TJ_E_BACKEND; a++) {
        assert_string_not_equal(tj_code_name((tj_code)a), "unknown error");
        for (int b = TJ_OK; b < a; b++) {
            assert_string_not_equal(tj_code_name((tj_code)a), tj_code_name((tj_code)b));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_fills_code_and_message),
        cmocka_unit_test(context_goes_before_and_keeps_the_code),
        cmocka_unit_test(a_message_may_be_made_of_itself),
        cmocka_unit_test(long_messages_are_cut_at_the_end),
        cmocka_unit_test(no_message_ends_within_a_character),
        cmocka_unit_test(every_code_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
