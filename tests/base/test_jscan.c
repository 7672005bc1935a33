/* The scanner against Jansson, a parser of another make: on texts that are cut, changed and put
 * together at random both must say the same of what is JSON, and find the same values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/jscan.h"
#include "base/rng.h"

static const char *const seeds[] = {
    "{\"a\":[1,-2.5e3,true,false,null],\"b\":{\"c\":\"x\\n\\u00e9\\ud83d\\ude00\"}}",
    "[]",
    "{}",
    "[[[[]]],{},[{}]]",
    " [ 1 , 2 ] ",
    "{\"\":\"\"}",
    "[0,-0,0.0,1E+5,1e-5,12345678901234]",
    "\"plain\"",
    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
    "[\"\xE6\x97\xA5\xE6\x9C\xAC\", \"\xF0\x9F\x98\x80\"]",
    "{\"long\":\"0123456789012345678901234567890123456789\\\\frac{1}{2}\"}"};
#define N_SEEDS (sizeof seeds / sizeof seeds[0])

/* Whether the tape from *at on is the value; passes over it. */
static bool same(tj_jtape *tape, size_t *at, const json_t *value)
{
    static const tj_json_kind kinds[] = {
        [JSON_OBJECT] = TJ_JSON_OBJECT, [JSON_ARRAY] = TJ_JSON_ARRAY,
        [JSON_STRING] = TJ_JSON_STRING, [JSON_INTEGER] = TJ_JSON_NUMBER,
        [JSON_REAL] = TJ_JSON_NUMBER,   [JSON_TRUE] = TJ_JSON_TRUE,
        [JSON_FALSE] = TJ_JSON_FALSE,   [JSON_NULL] = TJ_JSON_NULL};
    size_t i = (*at)++;
    const tj_jnode *node = &tape->nodes[i];
    if (node->kind != (uint32_t)kinds[json_typeof(value)]) {
        return false;
    }
    if (json_is_string(value)) {
        tj_str text = tj_jtape_text(tape, i);
        return text.n == json_string_length(value) && strlen(text.s) == text.n &&
               memcmp(text.s, json_string_value(value), text.n) == 0;
    }
    if (json_is_number(value)) {
        double d = 0.0;
        return tj_jtape_double(tape, i, &d) && d == json_number_value(value);
    }
    size_t n = json_is_array(value) ? json_array_size(value) : json_object_size(value);
    bool ok = !(json_is_array(value) || json_is_object(value)) || node->count == n;
    for (size_t k = 0; json_is_array(value) && k < n && ok; k++) {
        ok = same(tape, at, json_array_get(value, k));
    }
    for (size_t k = 0; json_is_object(value) && k < n && ok; k++) {
        tj_str name = tj_jtape_text(tape, (*at)++);
        ok = same(tape, at, json_object_get(value, name.s));
    }
    return ok && *at == tape->nodes[i].past;
}

/* Compares both on a text; returns whether it is JSON. */
static bool compare(tj_jtape *tape, const char *text, size_t n)
{
    char *copy = tj_malloc(n + 1); /* of its own, so that sanitizers see a read past its end */
    tj_jscan_end end;
    json_error_t why;
    memcpy(copy, text, n);
    json_t *value = json_loadb(text, n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
    enum json_error_code code = value == NULL ? json_error_code(&why) : json_error_unknown;
    tj_jscan_result r = tj_jscan(tape, copy, n, &end);
    for (; r == TJ_JSCAN_OK && end.at < n; end.at++) {
        r = strchr(" \t\r\n", text[end.at]) == NULL || text[end.at] == 0 ? TJ_JSCAN_WRONG : r;
    }
    /* numbers that Jansson cannot hold and names that stand twice are not the scanner's affair */
    bool skip = code == json_error_numeric_overflow || code == json_error_duplicate_key;
    if (!skip && (value != NULL) != (r == TJ_JSCAN_OK)) {
        fail_msg("%.*s: Jansson says %s, the scanner '%s'", (int)n, text,
                 value != NULL ? "JSON" : why.text, end.what);
    }
    size_t at = 0;
    if (value != NULL && !same(tape, &at, value)) {
        fail_msg("%.*s: other values", (int)n, text);
    }
    bool is_json = value != NULL;
    json_decref(value);
    tj_free(copy);
    return is_json;
}

static void both_say_the_same_of_changed_texts(void **state)
{
    (void)state;
    static const char bytes[] = "{}[]\",:\\/0123456789.eE+-truefalsn \t\n\x01\x7f\x80\xC3\xE2\xFF";
    tj_jtape tape;
    size_t n_json = 0;
    tj_jtape_init(&tape);
    for (uint64_t round = 0; round < 60000; round++) {
        tj_rng rng;
        char text[160];
        tj_rng_init(&rng, 11, round, 0, 0);
        const char *seed = seeds[tj_rng_below(&rng, N_SEEDS)];
        size_t n = strlen(seed);
        memcpy(text, seed, n);
        for (size_t k = tj_rng_below(&rng, 4); k > 0 && n > 1; k--) {
            size_t at = tj_rng_below(&rng, n);
            size_t how = tj_rng_below(&rng, 3);
            char c = bytes[tj_rng_below(&rng, sizeof bytes - 1)];
            if (how == 0) {
                text[at] = c;
            } else if (how == 1) {
                memmove(text + at, text + at + 1, n - at - 1);
                n--;
            } else {
                memmove(text + at + 1, text + at, n - at);
                text[at] = c;
                n++;
            }
        }
        n_json += compare(&tape, text, n) ? 1 : 0;
    }
    assert_true(n_json > 10000 && n_json < 50000); /* both kinds were met */
    tj_jtape_deinit(&tape);
}

/* Texts are passed over eight bytes at a time: each byte in each of their places. */
static void both_say_the_same_of_every_byte_in_a_text(void **state)
{
    (void)state;
    tj_jtape tape;
    size_t n_json = 0;
    tj_jtape_init(&tape);
    for (int c = 1; c < 256; c++) {
        for (size_t at = 1; at < 20; at++) {
            char text[] = "\"abcdefghijklmnopqrs\"";
            text[at] = (char)c;
            n_json += compare(&tape, text, strlen(text)) ? 1 : 0;
        }
    }
    assert_true(n_json > 90 * 19 && n_json < 96 * 19); /* printable ASCII, nearly all */
    tj_jtape_deinit(&tape);
}

static void every_beginning_of_a_value_is_cut(void **state)
{
    (void)state;
    tj_jtape tape;
    tj_jtape_init(&tape);
    for (size_t s = 0; s < N_SEEDS; s++) {
        const char *end_of = strrchr(seeds[s], ' ');
        size_t whole = end_of != NULL && end_of[1] == 0 ? strlen(seeds[s]) - 1 : strlen(seeds[s]);
        for (size_t n = 0; n < whole; n++) {
            char *copy = tj_malloc(n + 1);
            tj_jscan_end end;
            memcpy(copy, seeds[s], n);
            assert_int_equal(tj_jscan(&tape, copy, n, &end), TJ_JSCAN_CUT);
            tj_free(copy);
        }
    }
    tj_jtape_deinit(&tape);
}

static void what_follows_a_value_is_not_looked_at(void **state)
{
    (void)state;
    char text[] = " {\"a\":1}\x01 nothing";
    tj_jtape tape;
    tj_jscan_end end;
    tj_jtape_init(&tape);
    assert_int_equal(tj_jscan(&tape, text, strlen(text), &end), TJ_JSCAN_OK);
    assert_int_equal(end.at, 8);
    tj_jtape_deinit(&tape);
}

static void members_are_found_by_name(void **state)
{
    (void)state;
    char text[] = "{\"a\":{\"b\":1},\"\\u0062\":2,\"c\":3,\"c\":4}";
    tj_jtape tape;
    tj_jscan_end end;
    bool twice;
    int64_t number;
    tj_jtape_init(&tape);
    assert_int_equal(tj_jscan(&tape, text, strlen(text), &end), TJ_JSCAN_OK);
    assert_true(tj_jtape_int(&tape, tj_jtape_member(&tape, 0, "b", &twice), &number));
    assert_int_equal(number, 2);
    assert_false(twice);
    assert_true(tj_jtape_int(&tape, tj_jtape_member(&tape, 0, "c", &twice), &number));
    assert_int_equal(number, 3);
    assert_true(twice);
    assert_int_equal(tj_jtape_member(&tape, 0, "d", NULL), 0);
    size_t a = tj_jtape_member(&tape, 0, "a", NULL);
    assert_true(tj_jtape_int(&tape, tj_jtape_member(&tape, a, "b", NULL), &number));
    assert_int_equal(number, 1);
    assert_int_equal(tj_jtape_member(&tape, a + 2, "b", NULL), 0); /* no object */
    tj_jtape_deinit(&tape);
}

static void integers_are_exact_or_none(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is;
        int64_t value;
    } cases[] = {{"0", true, 0},
                 {"-7", true, -7},
                 {"3.0", true, 3},
                 {"3.5", false, 0},
                 {"1e2", false, 0},
                 {"922337203685477579", true, 922337203685477579},
                 {"99999999999999999999", false, 0}};
    tj_jtape tape;
    tj_jtape_init(&tape);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        tj_jscan_end end;
        int64_t value = 0;
        (void)snprintf(text, sizeof text, "%s", cases[i].text);
        assert_int_equal(tj_jscan(&tape, text, strlen(text), &end), TJ_JSCAN_OK);
        assert_int_equal(tj_jtape_int(&tape, 0, &value), cases[i].is);
        assert_true(!cases[i].is || value == cases[i].value);
    }
    tj_jtape_deinit(&tape);
}

static void depth_and_values_are_bounded(void **state)
{
    (void)state;
    tj_jtape tape;
    tj_jscan_end end;
    size_t n = TJ_JSCAN_MAX_VALUES;
    char *text = tj_malloc(2 * n + 3);
    tj_jtape_init(&tape);
    memset(text, '[', TJ_JSCAN_MAX_DEPTH + 1);
    assert_int_equal(tj_jscan(&tape, text, TJ_JSCAN_MAX_DEPTH, &end), TJ_JSCAN_CUT);
    assert_int_equal(tj_jscan(&tape, text, TJ_JSCAN_MAX_DEPTH + 1, &end), TJ_JSCAN_LIMIT);
    text[0] = '[';
    for (size_t i = 0; i < n; i++) {
        text[1 + 2 * i] = '1';
        text[2 + 2 * i] = i + 1 < n ? ',' : ']';
    }
    assert_int_equal(tj_jscan(&tape, text, 2 * n + 1, &end), TJ_JSCAN_LIMIT);
    text[2 * n - 2] = ']'; /* one value less */
    assert_int_equal(tj_jscan(&tape, text, 2 * n - 1, &end), TJ_JSCAN_OK);
    tj_free(text);
    tj_jtape_deinit(&tape);
}

static void a_value_that_is_wrong_is_passed_over_by_its_brackets(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } cases[] = {{"{\"a\":NaN},{}", 9}, {"x]", 1},           {"[1,2", 4},
                 {"{\"}],\":1}]", 9},   {"\"\\\"],\",1", 6}, {"", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(tj_jscan_skip(cases[i].text, strlen(cases[i].text)), cases[i].at);
    }
}

static void a_tape_that_cannot_grow_says_so(void **state)
{
    (void)state;
    char text[] = "[1,2,3]";
    tj_jtape tape;
    tj_jscan_end end;
    tj_jtape_init(&tape);
    tj_alloc_fail_after(0);
    assert_int_equal(tj_jscan(&tape, text, strlen(text), &end), TJ_JSCAN_NOMEM);
    tj_alloc_fail_after(SIZE_MAX);
    assert_int_equal(tj_jscan(&tape, text, strlen(text), &end), TJ_JSCAN_OK);
    tj_jtape_deinit(&tape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_say_the_same_of_changed_texts),
        cmocka_unit_test(both_say_the_same_of_every_byte_in_a_text),
        cmocka_unit_test(every_beginning_of_a_value_is_cut),
        cmocka_unit_test(what_follows_a_value_is_not_looked_at),
        cmocka_unit_test(members_are_found_by_name),
        cmocka_unit_test(integers_are_exact_or_none),
        cmocka_unit_test(depth_and_values_are_bounded),
        cmocka_unit_test(a_value_that_is_wrong_is_passed_over_by_its_brackets),
        cmocka_unit_test(a_tape_that_cannot_grow_says_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
