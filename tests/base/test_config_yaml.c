/* YAML of the core schema and JSON give the same trees; whatever is refused is named with file and
 * line, and costs no more than its bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/job.h"

static void plain_text_becomes_values_of_the_core_schema(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a: 1", "{\"a\":1}"},
        {"[null, Null, NULL, ~, ]", "[null,null,null,null]"},
        {"[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]"},
        {"[yes, no, on, off, y, n]", "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\"]"},
        {"[012, -012, +3, 0o17, 0x1F]", "[12,-12,3,15,31]"},
        {"[9223372036854775807, -9223372036854775808]",
         "[9223372036854775807,-9223372036854775808]"},
        {"[.5, 5., -1.5e3, 1E-2]", "[0.5,5.0,-1500.0,0.01]"},
        {"[0o8, 0x, 1_000, 1e, '1', \"2\", 1 2, ., -, e1]",
         "[\"0o8\",\"0x\",\"1_000\",\"1e\",\"1\",\"2\",\"1 2\",\".\",\"-\",\"e1\"]"},
        {"a:\n  - b: |\n      x\n      y\n    c: ''\n",
         "{\"a\":[{\"b\":\"x\\ny\\n\",\"c\":\"\"}]}"},
        {"\"\\x41\\u65c5\": é", "{\"A旅\":\"é\"}"},
        {"# a remark\n---\na: 1 # another\n...\n", "{\"a\":1}"},
        {"{\"a\": [1, 2.5, \"\\ud83d\\ude00\", {}]}", "{\"a\":[1,2.5,\"😀\",{}]}"},
        {"{}", "{}"},
        {"7", "7"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *json;
        tj_err err = {.msg = ""};
        if (tj_config_parse(&json, cases[i][0], strlen(cases[i][0]), "f", &err) != TJ_OK) {
            fail_msg("case %zu: %s", i, err.msg);
        }
        char *text = tj_json_canonical(json);
        assert_string_equal(text, cases[i][1]);
        tj_free(text);
        json_decref(json);
    }
}

static void wrong_text_is_refused_by_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"a: 1\nb: 2\na: 3\n", "f.yaml:3: key 'a' is there twice"},
        {"a: 1\nb:\n  c: 1\n  c: 2\n", "f.yaml:4: key 'c' is there twice"},
        {"{\"a\": 1,\n \"a\": 2}", "f.yaml:2: key 'a' is there twice"},
        {"a: 1\nb: &x 2\n", "f.yaml:2: anchors and aliases ('x') are not allowed"},
        {"a: 1\nb: *x\n", "f.yaml:2: anchors and aliases ('x') are not allowed"},
        {"a: &x [1]\nb: [*x, *x]\n", "f.yaml:1: anchors and aliases ('x') are not allowed"},
        {"&x a: 1\n", "f.yaml:1: anchors and aliases ('x') are not allowed"},
        {"a: 1\nb: !!str 2\n", "f.yaml:2: tags ('tag:yaml.org,2002:str') are not allowed"},
        {"a: 1\n---\nb: 2\n", "f.yaml:2: a second document begins"},
        {"a: 1\nb: .inf\n", "f.yaml:2: '.inf' is not a finite number"},
        {"a: 1\nb: .NaN\n", "f.yaml:2: '.NaN' is not a finite number"},
        {"a: 1\nb: 1e999\n", "f.yaml:2: '1e999' is not a finite number"},
        {"a: 1\nb: 9223372036854775808\n", "f.yaml:2: integer '9223372036854775808' does not fit"},
        {"a: 1\nb: 0xFFFFFFFFFFFFFFFFF\n", "f.yaml:2: integer '0xFFFFFFFFFFFFFFFFF' does not fit"},
        {"a: 1\n? [b]\n: 2\n", "f.yaml:2: a key must be text"},
        {"a: 1\nb: \"x\\0y\"\n", "f.yaml:2: text with a zero byte"},
        {"a: 1\n\"x\\0y\": 1\n", "f.yaml:2: key with a zero byte"},
        {"a: 1\nb: [1\nc: 2\n", "f.yaml:"},
        {"a: 1\n\tb: 2\n", "f.yaml:2: "},
        {"a: 1\nb: \xff\n", "f.yaml:2: "},
        {"a: 1\nb: \xc0\xaf\n", "f.yaml:2: "},
        {"a: 1\nb: \xed\xa0\x80\n", "f.yaml:2: "},
        {"a: 1\nb: \"\x01\"\n", "f.yaml:2: "},
        {"", "f.yaml:1: nothing in it"},
        {"# only this\n", "f.yaml:1: nothing in it"},
        {"{\"a\": 1", "f.yaml:1: "},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        json_t *json;
        tj_err err = {.msg = ""};
        tj_code rc = tj_config_parse(&json, wrong[i].text, strlen(wrong[i].text), "f.yaml", &err);
        if (rc != TJ_E_PARSE || strncmp(err.msg, wrong[i].says, strlen(wrong[i].says)) != 0) {
            fail_msg("case %zu: %d, '%s' is not '%s'", i, (int)rc, err.msg, wrong[i].says);
        }
        assert_null(json);
    }
}

/* The bytes before one that is no UTF-8 are lines of the file; the line must be that of the byte,
 * however far the reader had looked ahead. */
static void bytes_that_are_not_utf8_are_found_on_their_line(void **state)
{
    (void)state;
    for (size_t n_before = 0; n_before < 600; n_before += 37) {
        tj_buf buf;
        tj_err err = {.msg = ""};
        json_t *json;
        char says[32];
        tj_buf_init(&buf);
        for (size_t i = 0; i < n_before; i++) {
            tj_buf_printf(&buf, "key_%zu: value\n", i);
        }
        size_t at = buf.len + 6;
        tj_buf_str(&buf, "name: \xff\nlast: 1\n");
        assert_int_equal(tj_config_parse(&json, buf.data, buf.len, "f", &err), TJ_E_PARSE);
        snprintf(says, sizeof says, "f:%zu: ", n_before + 1);
        if (strncmp(err.msg, says, strlen(says)) != 0) {
            fail_msg("byte %zu: '%s' does not begin with '%s'", at, err.msg, says);
        }
        tj_buf_deinit(&buf);
    }
}

static void nesting_has_a_bound(void **state)
{
    (void)state;
    char text[4 * TJ_MAX_CONFIG_DEPTH + 8];
    for (size_t depth = TJ_MAX_CONFIG_DEPTH - 1; depth <= TJ_MAX_CONFIG_DEPTH + 1; depth++) {
        for (size_t form = 0; form < 2; form++) { /* JSON, then YAML */
            size_t n = 0;
            tj_err err = {.msg = ""};
            json_t *json;
            for (size_t i = 0; i < depth; i++) {
                text[n++] = i % 2 == form ? '[' : '{';
                n += (size_t)snprintf(text + n, 5, "%s",
                                      i % 2 == form || i + 1 == depth ? "" : "\"k\":");
            }
            for (size_t i = depth; i-- > 0;) {
                text[n++] = i % 2 == form ? ']' : '}';
            }
            if (form == 1) {
                text[n++] = '\n';
                text[n++] = '#'; /* no JSON */
            }
            tj_code rc = tj_config_parse(&json, text, n, "f", &err);
            assert_int_equal(rc, depth <= TJ_MAX_CONFIG_DEPTH ? TJ_OK : TJ_E_PARSE);
            assert_true(rc == TJ_OK || strstr(err.msg, "f:1: nested deeper than 32") != NULL);
            json_decref(json);
        }
    }
}

static void length_has_a_bound(void **state)
{
    (void)state;
    char *text = tj_malloc(TJ_MAX_CONFIG_BYTES + 1);
    json_t *json;
    tj_err err;
    memset(text, ' ', TJ_MAX_CONFIG_BYTES + 1);
    text[0] = '7';
    assert_int_equal(tj_config_parse(&json, text, TJ_MAX_CONFIG_BYTES + 1, "f", &err), TJ_E_LIMIT);
    assert_null(json);
    assert_non_null(strstr(err.msg, "f has 1048577 bytes"));
    assert_int_equal(tj_config_parse(&json, text, TJ_MAX_CONFIG_BYTES, "f", &err), TJ_OK);
    json_decref(json);
    tj_free(text);
}

/* What is known to make other readers slow or large, at the largest size that is read. */
static void bombs_are_refused_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *begin, *repeat, *end;
    } bombs[] = {
        {"a: &a [x, x]\n", "b: &b [*a, *a, *a, *a, *a, *a]\n", ""},
        {"", "[", ""},
        {"", "{", ""},
        {"", "- ", ""},
        {"", "{\"a\":", ""},
        {"", "? ", ""},
        {"[", "\"\\u0041\",", "1]"},
        {"{", "a: 1, ", "}"},
    };
    char *text = tj_malloc(TJ_MAX_CONFIG_BYTES + 1);
    for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
        size_t n = strlen(bombs[i].begin);
        size_t m = strlen(bombs[i].repeat);
        memcpy(text, bombs[i].begin, n);
        while (n + m + strlen(bombs[i].end) <= TJ_MAX_CONFIG_BYTES) {
            memcpy(text + n, bombs[i].repeat, m);
            n += m;
        }
        memcpy(text + n, bombs[i].end, strlen(bombs[i].end));
        n += strlen(bombs[i].end);
        json_t *json;
        double begin = tj_clock_seconds();
        tj_code rc = tj_config_parse(&json, text, n, "f", NULL);
        assert_true(rc == TJ_OK || rc == TJ_E_PARSE);
        assert_true(tj_clock_seconds() - begin < 5.0); /* a few hundredths; sanitizers take more */
        json_decref(json);
    }
    tj_free(text);
}

static void failing_allocations_are_told(void **state)
{
    (void)state;
    static const char text[] = "a: 1\nb: {c: [1, 2], d: x}\n";
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        json_t *json;
        tj_err err = {.code = TJ_OK};
        tj_alloc_fail_after(k);
        rc = tj_config_parse(&json, text, sizeof text - 1, "f", &err);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || (rc == TJ_E_NOMEM && json == NULL && err.code == rc));
        assert_true(k < 100);
        json_decref(json);
    }
}

static void files_are_read_and_named(void **state)
{
    (void)state;
    json_t *json;
    tj_err err;
    assert_int_equal(tj_config_load(&json, "/no/such/file.yaml", &err), TJ_E_NOTFOUND);
    assert_non_null(strstr(err.msg, "/no/such/file.yaml"));
    assert_null(json);
    assert_int_equal(tj_config_load(&json, "/dev/zero", &err), TJ_E_LIMIT);
    assert_null(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_becomes_values_of_the_core_schema),
        cmocka_unit_test(wrong_text_is_refused_by_file_and_line),
        cmocka_unit_test(bytes_that_are_not_utf8_are_found_on_their_line),
        cmocka_unit_test(nesting_has_a_bound),
        cmocka_unit_test(length_has_a_bound),
        cmocka_unit_test(bombs_are_refused_at_once),
        cmocka_unit_test(failing_allocations_are_told),
        cmocka_unit_test(files_are_read_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
