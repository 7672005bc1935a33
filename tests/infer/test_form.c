/* Forms over bytes. What is read as valid and as not valid; schemas that are refused by name; and
 * of random walks along bytes that may come: all of them can be ended, what they give is JSON that
 * a validator of the test's own finds valid, and a mask of a vocabulary has exactly the tokens
 * whose bytes may come one after the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/rng.h"
#include "infer/form_mask.h"

static tj_form *compile(const char *schema)
{
    tj_form *form = NULL;
    tj_err err = {.code = TJ_OK};
    json_t *json = json_loads(schema, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    if (tj_form_create(&form, json, "schema", &err) != TJ_OK) {
        fail_msg("%s: %s", schema, err.msg);
    }
    json_decref(json);
    return form;
}

/* ------------------------------------------------------------ texts */

/* How far a text goes on in the form. */
static size_t follow(tj_form_state *state, const tj_form *form, bool thinks, const char *text)
{
    size_t n = 0;
    tj_form_begin(state, form, thinks);
    while (text[n] != 0 && tj_form_step(state, form, (unsigned char)text[n])) {
        n++;
    }
    return n;
}

static bool takes(const char *schema, bool thinks, const char *text)
{
    tj_form *form = compile(schema);
    tj_form_state state;
    bool good =
        follow(&state, form, thinks, text) == strlen(text) && tj_form_is_complete(&state, form);
    tj_form_destroy(form);
    return good;
}

#define VERDICT                                                                                    \
    "{\"type\":\"object\",\"properties\":{\"reason\":{\"type\":\"string\",\"minLength\":1,"        \
    "\"maxLength\":8},\"verdict\":{\"enum\":[1,0,-1]}},\"required\":[\"reason\",\"verdict\"],"     \
    "\"additionalProperties\":false}"
#define LIST "{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":1,\"maxItems\":2}"
#define TEXT "{\"type\":\"string\"}"

static void texts_are_taken_or_not(void **state)
{
    static const struct {
        const char *schema, *text;
        bool good;
    } cases[] = {
        {VERDICT, "{\"reason\": \"a b\", \"verdict\": 1}", true},
        {VERDICT, "{\"reason\":\"a\",\"verdict\":-1}", true},
        {VERDICT, "{\n  \"reason\": \"a\",\n  \"verdict\": 0\n}", true},
        {VERDICT, "{\"verdict\": 1, \"reason\": \"a\"}", false}, /* another order */
        {VERDICT, "{\"reason\": \"\", \"verdict\": 1}", false},
        {VERDICT, "{\"reason\": \" a\", \"verdict\": 1}", false},
        {VERDICT, "{\"reason\": \"\\u0020a\", \"verdict\": 1}", false},
        {VERDICT, "{\"reason\": \"\\na\", \"verdict\": 1}", false},
        {VERDICT, "{\"reason\": \"12345678\", \"verdict\": 1}", true},
        {VERDICT, "{\"reason\": \"123456789\", \"verdict\": 1}", false},
        {VERDICT,
         "{\"reason\": \"\xE3\x81\x82\xE3\x81\x84\xE3\x81\x86\xE3\x81\x88\", "
         "\"verdict\": 1}",
         true},
        {VERDICT, "{\"reason\": \"a\", \"verdict\": 2}", false},
        {VERDICT, "{\"reason\": \"a\", \"verdict\": 1, \"x\": 1}", false},
        {VERDICT, "{\"reason\": \"a\"}", false},
        {VERDICT, "{\"reason\":  \"a\", \"verdict\": 1}", false}, /* two blanks */
        {VERDICT, "{\n\n\"reason\": \"a\", \"verdict\": 1}", false},
        {VERDICT, " {\"reason\": \"a\", \"verdict\": 1}", false},
        {LIST, "[1]", true},
        {LIST, "[-0, 12]", true},
        {LIST, "[]", false},
        {LIST, "[1,2,3]", false},
        {LIST, "[1.5]", false},
        {LIST, "[01]", false},
        {LIST, "[1234567890123456]", false}, /* too many digits */
        {LIST, "[1 ]", true},
        {TEXT, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"", true},
        {TEXT, "\"\\ud83d\\uDE00\"", true},
        {TEXT, "\"\\ud83d\"", false},
        {TEXT, "\"\\ud83d\\u0041\"", false},
        {TEXT, "\"\\udc00\"", false},
        {TEXT, "\"\\u0000\"", false},
        {TEXT, "\"\\x\"", false},
        {TEXT, "\"\n\"", false},
        {TEXT, "\"\x7f\"", true},
        {TEXT, "\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \xF4\x8F\xBF\xBF\"", true},
        {TEXT, "\"\xC0\x80\"", false}, /* overlong */
        {TEXT, "\"\xE0\x80\x80\"", false},
        {TEXT, "\"\xED\xA0\x80\"", false}, /* a surrogate */
        {TEXT, "\"\xF0\x80\x80\x80\"", false},
        {TEXT, "\"\xF4\x90\x80\x80\"", false}, /* above U+10FFFF */
        {TEXT, "\"\xC3\"", false},
        {TEXT, "\"\x80\"", false},
        {"{\"type\":\"number\"}", "-12.50e+7", true},
        {"{\"type\":\"number\"}", "1.", false},
        {"{\"type\":\"number\"}", "1e999", false},
        {"{\"type\":\"boolean\"}", "true", true},
        {"{\"type\":\"null\"}", "null", true},
        {"{\"type\":\"null\"}", "true", false},
        {"{\"const\":\"a\\\"b\"}", "\"a\\\"b\"", true},
        {"{\"enum\":[1,12,\"x\",null]}", "12", true},
        {"{\"enum\":[1,12,\"x\",null]}", "1", true},
        {"{\"enum\":[1,12,\"x\",null]}", "2", false},
        {"{\"enum\":[\"a\",\"ab\"],\"type\":\"string\"}", "\"ab\"", true},
        {"{\"type\":[\"string\",\"null\"]}", "null", true},
        {"{\"type\":[\"null\",\"string\"]}", "\"\"", true},
        {"{\"type\":[\"string\",\"null\"]}", "1", false},
        {"{\"type\":[\"string\",\"null\"],\"enum\":[\"a\",null]}", "null", true},
        {"{\"type\":[\"string\",\"null\"],\"enum\":[\"a\"]}", "null", false},
        {"{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}],\"title\":\"t\"}", "null", true},
        {"{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"integer\"}]}", "7", true},
        {"{\"type\":\"object\"}", "{}", true},
        {"{\"type\":\"object\"}", "{\"\": [1, {\"a\": null}, \"b\"], \"c\": -1.5}", true},
        {"{\"type\":\"object\"}", "[]", false},
        {"{\"type\":\"object\"}", "{\"a\": 1,}", false},
        {"{\"type\":\"object\",\"properties\":{}}", "{}", true},
        {"{\"type\":\"object\",\"additionalProperties\":false}", "{\"a\":1}", false},
        {"{}", "[[[[[[[[[[[[]]]]]]]]]]]]", true},
        {"{}", "[[[[[[[[[[[[[]]]]]]]]]]]]]", false}, /* deeper than TJ_FORM_MAX_DEPTH */
        {"{}", "[1,]", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (takes(cases[i].schema, false, cases[i].text) != cases[i].good) {
            fail_msg("%s: %s is %s", cases[i].schema, cases[i].text,
                     cases[i].good ? "not taken" : "taken");
        }
    }
}

static void a_thought_may_come_first_where_it_may(void **state)
{
    (void)state;
    assert_true(takes(LIST, true, "<think>\nwhat </thin <</think>\n\n[1]"));
    assert_true(takes(LIST, true, "<think></think>[1]"));
    assert_true(takes(LIST, true, "[1]"));
    assert_false(takes(LIST, true, "<think></think>\n\n\n[1]"));
    assert_false(takes(LIST, true, "<think></think>[]"));
    assert_false(takes(LIST, true, "<think>[1]"));
    assert_false(takes(LIST, true, "<thank></think>[1]"));
    assert_false(takes(LIST, false, "<think></think>[1]"));
}

static void what_may_be_ended_and_what_is(void **state)
{
    tj_form *number = compile("{\"type\":\"number\"}");
    tj_form *list = compile(LIST);
    tj_form_state s;
    (void)state;
    (void)follow(&s, number, false, "12");
    assert_true(tj_form_is_complete(&s, number) && !tj_form_is_closed(&s));
    (void)follow(&s, number, false, "12.");
    assert_false(tj_form_is_complete(&s, number));
    (void)follow(&s, list, false, "[12]");
    assert_true(tj_form_is_complete(&s, list) && tj_form_is_closed(&s));
    assert_false(tj_form_step(&s, list, ' '));
    tj_form_destroy(number);
    tj_form_destroy(list);
}

/* ------------------------------------------------------------ schemas */

static void schemas_are_refused_by_name_and_path(void **state)
{
    static const struct {
        const char *schema, *words;
    } cases[] = {
        {"[]", "schema: it is not an object"},
        {"{\"type\":\"date\"}", "type: 'date' is not supported"},
        {"{\"type\":[\"string\",\"integer\"]}", "type: 'a list' is not supported"},
        {"{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}", "anyOf is not supported"},
        {"{\"anyOf\":[{\"oneOf\":[]},{\"type\":\"null\"}]}", "schema: anyOf: oneOf is not"},
        {"{\"type\":\"string\",\"pattern\":\"a\"}", "pattern is not supported beside type string"},
        {"{\"type\":\"string\",\"minLength\":-1}", "minLength is not a whole number"},
        {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":1}", "minLength is 2, more than"},
        {"{\"type\":\"integer\",\"minimum\":1}", "minimum is not supported"},
        {"{\"anyOf\":[]}", "anyOf is not supported without a type"},
        {"{\"enum\":[]}", "enum is no list"},
        {"{\"enum\":[1,[]]}", "enum: objects and arrays"},
        {"{\"enum\":[1,\"a\"],\"type\":\"integer\"}", "value 1 is not of type integer"},
        {"{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{}}", "required: 'a' is not in"},
        {"{\"type\":\"object\",\"additionalProperties\":{}}", "additionalProperties: a schema"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":{\"$ref\":"
         "\"#\"}}}}",
         "schema: properties.a: items: $ref is not supported"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_err err = {.msg = ""};
        tj_form *form = NULL;
        json_t *json = json_loads(cases[i].schema, 0, NULL);
        assert_int_equal(tj_form_create(&form, json, "schema", &err), TJ_E_INVAL);
        assert_null(form);
        if (strstr(err.msg, cases[i].words) == NULL) {
            fail_msg("%s: '%s'", cases[i].schema, err.msg);
        }
        json_decref(json);
    }
}

static json_t *nested(size_t depth)
{
    json_t *schema = json_pack("{s:s}", "type", "integer");
    for (size_t i = 0; i < depth; i++) {
        schema = json_pack("{s:s, s:o}", "type", "array", "items", schema);
    }
    return schema;
}

static void schemas_have_bounds(void **state)
{
    tj_form *form = NULL;
    tj_err err = {.msg = ""};
    json_t *good = nested(TJ_FORM_MAX_DEPTH);
    json_t *deep = nested(TJ_FORM_MAX_DEPTH + 1);
    json_t *wide = json_pack("{s:s, s:{}}", "type", "object", "properties");
    (void)state;
    assert_int_equal(tj_form_create(&form, good, "schema", &err), TJ_OK);
    tj_form_destroy(form);
    assert_int_equal(tj_form_create(&form, deep, "schema", &err), TJ_E_LIMIT);
    for (size_t i = 0; i <= TJ_FORM_MAX_NODES; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%zu", i);
        json_object_set_new(json_object_get(wide, "properties"), key, json_object());
    }
    assert_int_equal(tj_form_create(&form, wide, "schema", &err), TJ_E_LIMIT);
    json_decref(good);
    json_decref(deep);
    json_decref(wide);
}

static void failed_allocations_leave_nothing_behind(void **state)
{
    tj_code rc = TJ_E_NOMEM;
    json_t *json = json_loads(VERDICT, 0, NULL);
    (void)state;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_form *form = NULL;
        tj_err err;
        tj_alloc_fail_after(k);
        rc = tj_form_create(&form, json, "schema", &err);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || (rc == TJ_E_NOMEM && form == NULL));
        tj_form_destroy(form);
    }
    json_decref(json);
}

/* ------------------------------------------------------------ random walks */

static const char *const schemas[] = {
    VERDICT,
    LIST,
    TEXT,
    "{\"type\":\"object\"}",
    "{}",
    "{\"type\":\"number\"}",
    "{\"enum\":[1,12,123,\"a\",\"ab\",true,null,-1]}",
    "{\"type\":\"array\"}",
    "{\"type\":\"object\",\"properties\":{\"z\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
    "\"properties\":{\"n\":{\"type\":\"number\"},\"t\":{\"type\":\"string\",\"minLength\":3,"
    "\"maxLength\":5}}},\"maxItems\":3},\"a\\n\\\"b\":{\"type\":\"boolean\"},\"any\":{}}}",
};
#define N_SCHEMAS (sizeof schemas / sizeof schemas[0])

static size_t n_characters(const json_t *text)
{
    size_t n = 0;
    for (size_t i = 0; i < json_string_length(text); i++) {
        n += ((unsigned char)json_string_value(text)[i] & 0xC0) != 0x80 ? 1 : 0;
    }
    return n;
}

static bool within(const json_t *schema, const char *min, const char *max, size_t n)
{
    const json_t *low = json_object_get(schema, min);
    const json_t *high = json_object_get(schema, max);
    return (low == NULL || n >= (size_t)json_integer_value(low)) &&
           (high == NULL || n <= (size_t)json_integer_value(high));
}

static bool is_valid(const json_t *schema, const json_t *value);

/* Every member of the schema, in its order. */
static bool is_valid_object(json_t *properties, json_t *value)
{
    void *at = json_object_iter(value);
    const char *key;
    json_t *one;
    json_object_foreach(properties, key, one)
    {
        if (at == NULL || strcmp(json_object_iter_key(at), key) != 0 ||
            !is_valid(one, json_object_iter_value(at))) {
            return false;
        }
        at = json_object_iter_next(value, at);
    }
    return at == NULL;
}

static bool is_valid_array(const json_t *schema, const json_t *value)
{
    const json_t *items = json_object_get(schema, "items");
    for (size_t i = 0; items != NULL && i < json_array_size(value); i++) {
        if (!is_valid(items, json_array_get(value, i))) {
            return false;
        }
    }
    return within(schema, "minItems", "maxItems", json_array_size(value));
}

static bool is_among(const json_t *list, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_equal(json_array_get(list, i), value)) {
            return true;
        }
    }
    return false;
}

static bool is_valid(const json_t *schema, const json_t *value)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    json_t *properties = json_object_get(schema, "properties");
    if (json_object_get(schema, "enum") != NULL) {
        return is_among(json_object_get(schema, "enum"), value);
    }
    if (type == NULL) {
        return true;
    }
    switch (type[0]) {
    case 'o':
        return json_is_object(value) &&
               (properties == NULL || is_valid_object(properties, (json_t *)(uintptr_t)value));
    case 'a':
        return json_is_array(value) && is_valid_array(schema, value);
    case 's':
        return json_is_string(value) &&
               within(schema, "minLength", "maxLength", n_characters(value));
    case 'b':
        return json_is_boolean(value);
    case 'i':
        return json_is_integer(value);
    default:
        return json_is_number(value);
    }
}

static bool may(const tj_form_state *s, const tj_form *form, unsigned byte)
{
    tj_form_state next = *s;
    return tj_form_step(&next, form, (unsigned char)byte);
}

/* A byte that may come: at random, or (ending) one that leads to the end. */
static unsigned char choose(const tj_form_state *s, const tj_form *form, tj_rng *rng, bool ending)
{
    static const char closing[] = "\"}]:0";
    unsigned char good[256];
    size_t n = 0;
    for (size_t i = 0; ending && i + 1 < sizeof closing; i++) {
        if (may(s, form, (unsigned char)closing[i])) {
            return (unsigned char)closing[i];
        }
    }
    for (unsigned b = 0; b < 256; b++) {
        good[n] = (unsigned char)b;
        n += may(s, form, b) ? 1 : 0;
    }
    assert_true(n > 0); /* no place is without a way on */
    return ending ? good[0] : good[tj_rng_below(rng, n)];
}

static void walk(tj_buf *out, const tj_form *form, tj_rng *rng)
{
    tj_form_state s;
    size_t most = tj_rng_below(rng, 200);
    tj_form_begin(&s, form, false);
    for (size_t n = 0; !tj_form_is_closed(&s); n++) {
        bool ending = n >= most;
        if (tj_form_is_complete(&s, form) && (ending || tj_rng_below(rng, 4) == 0)) {
            break;
        }
        unsigned char b = choose(&s, form, rng, ending);
        assert_true(tj_form_step(&s, form, b));
        tj_buf_add(out, (const char *)&b, 1);
        assert_true(n < 20000);
    }
}

static void what_random_walks_give_is_valid(void **state)
{
    tj_rng rng;
    (void)state;
    tj_rng_init(&rng, 3, 0, 0, 0);
    for (size_t i = 0; i < N_SCHEMAS; i++) {
        tj_form *form = compile(schemas[i]);
        json_t *schema = json_loads(schemas[i], 0, NULL);
        for (size_t k = 0; k < 300; k++) {
            tj_buf text;
            tj_buf_init(&text);
            walk(&text, form, &rng);
            json_t *value = json_loads(tj_buf_text(&text), JSON_DECODE_ANY, NULL);
            if (value == NULL || !is_valid(schema, value)) {
                fail_msg("%s: %s", schemas[i], tj_buf_text(&text));
            }
            json_decref(value);
            tj_buf_deinit(&text);
        }
        json_decref(schema);
        tj_form_destroy(form);
    }
}

/* ------------------------------------------------------------ masks */

/* All bytes, a special token that looks like JSON, and pieces of JSON at random. */
static tj_tokenizer *make_tokenizer(void)
{
    static const char *const pieces[] = {"{\\\"", "\\\": ",   "\\\",", "re",   "reason", "true",
                                         "12",    "1]",       "é",     "日本", " a",     "}}",
                                         "]]",    "\\\\\\\"", "aa",    "aaaa", "\\n  ",  "]}"};
    tj_buf json;
    tj_tokenizer *tok = NULL;
    tj_err err = {.msg = ""};
    int id = 256;
    tj_buf_init(&json);
    tj_buf_str(&json,
               "{\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,\"merges\":[],\"vocab\":{");
    for (int i = 0; i < 256; i++) {
        tj_buf_printf(&json, "%s\"<0x%02X>\":%d", i == 0 ? "" : ",", (unsigned)i, i);
    }
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        tj_buf_printf(&json, ",\"%s\":%d", pieces[i], id++);
    }
    tj_buf_printf(&json, "}},\"added_tokens\":[{\"id\":%d,\"content\":\"[[\",\"special\":true}]}",
                  id);
    if (tj_tokenizer_parse(&tok, tj_buf_text(&json), json.len, "test", &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_buf_deinit(&json);
    return tok;
}

static bool fits(const tj_tokenizer *tok, int32_t id, const tj_form *form, tj_form_state s)
{
    size_t n = 0;
    const char *bytes = tj_tokenizer_bytes(tok, id, &n);
    bool good = n > 0 && !tj_tokenizer_is_special(tok, id);
    for (size_t i = 0; i < n && good; i++) {
        good = tj_form_step(&s, form, (unsigned char)bytes[i]);
    }
    return good;
}

static void check_mask(tj_form_masks *masks, const tj_tokenizer *tok, const tj_form *form,
                       const tj_form_state *s)
{
    tj_form_mask mask;
    bool is_empty = true;
    assert_int_equal(tj_form_masks_get(masks, &mask, form, s, NULL), TJ_OK);
    for (int32_t id = 0; id < 320; id++) {
        bool has = (mask.bits[id / 64] >> (id % 64) & 1) != 0;
        bool want = (size_t)id < tj_tokenizer_n_vocab(tok) && fits(tok, id, form, *s);
        if (has != want) {
            fail_msg("token %d of %s is %s", (int)id, form->schema, has ? "set" : "not set");
        }
        is_empty = is_empty && !has;
    }
    assert_int_equal(mask.is_empty, is_empty);
}

static void masks_have_the_tokens_that_fit(void **state)
{
    tj_tokenizer *tok = make_tokenizer();
    tj_form_vocab *vocab = NULL;
    tj_form_masks *masks = NULL;
    tj_rng rng;
    (void)state;
    tj_rng_init(&rng, 4, 0, 0, 0);
    assert_int_equal(tj_form_vocab_create(&vocab, tok, 320, NULL), TJ_OK);
    assert_int_equal(tj_form_masks_create(&masks, vocab, NULL), TJ_OK);
    for (size_t i = 0; i < N_SCHEMAS; i++) {
        tj_form *form = compile(schemas[i]);
        for (size_t k = 0; k < 10; k++) {
            tj_form_state s;
            tj_form_begin(&s, form, k % 2 == 0);
            check_mask(masks, tok, form, &s);
            for (size_t n = 0; n < 60 && !tj_form_is_closed(&s); n++) {
                assert_true(tj_form_step(&s, form, choose(&s, form, &rng, n > 40)));
                check_mask(masks, tok, form, &s);
            }
        }
        tj_form_destroy(form);
        tj_form_masks_trim(masks);
    }
    tj_form_masks_destroy(masks);
    tj_form_vocab_destroy(vocab);
    tj_tokenizer_destroy(tok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_taken_or_not),
        cmocka_unit_test(a_thought_may_come_first_where_it_may),
        cmocka_unit_test(what_may_be_ended_and_what_is),
        cmocka_unit_test(schemas_are_refused_by_name_and_path),
        cmocka_unit_test(schemas_have_bounds),
        cmocka_unit_test(failed_allocations_leave_nothing_behind),
        cmocka_unit_test(what_random_walks_give_is_valid),
        cmocka_unit_test(masks_have_the_tokens_that_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
