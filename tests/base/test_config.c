/* Tables read JSON into structs and back without a change; what does not fit is refused by its
 * dotted name and changes nothing; assignments set one value. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/config.h"

typedef struct inner {
    double rate;
    bool on;
} inner;

typedef struct outer {
    size_t width;
    uint64_t seed;
    double scale;
    bool flag;
    char name[8];
    int kind;
    inner in;
    size_t list[3];
    size_t n_list;
} outer;

static const char *const kinds[] = {"plain", "fancy", NULL};
static const tj_field inner_fields[] = {TJ_FIELD_DOUBLE(inner, rate, 0.0, 1.0, "a rate"),
                                        TJ_FIELD_BOOL(inner, on, "a switch"), TJ_FIELD_END};
static const tj_field fields[] = {TJ_FIELD_SIZE(outer, width, 1, 64, "a width"),
                                  TJ_FIELD_U64(outer, seed, "a seed"),
                                  TJ_FIELD_DOUBLE(outer, scale, -1e6, 1e6, "a scale"),
                                  TJ_FIELD_BOOL(outer, flag, "a flag"),
                                  TJ_FIELD_STRING(outer, name, "a name"),
                                  TJ_FIELD_ENUM(outer, kind, kinds, "a kind"),
                                  TJ_FIELD_TABLE(outer, in, inner_fields, "a table"),
                                  TJ_FIELD_SIZES(outer, list, n_list, "a list"),
                                  TJ_FIELD_END};

static const outer example = {.width = 5,
                              .seed = UINT64_MAX,
                              .scale = -0.1,
                              .flag = true,
                              .name = "seven77",
                              .kind = 1,
                              .in = {.rate = 1.0 / 3.0, .on = true},
                              .list = {1, 0, 99},
                              .n_list = 2};

static tj_code read_text(outer *out, const char *text, tj_err *err)
{
    json_t *json;
    assert_int_equal(tj_config_parse(&json, text, strlen(text), "f.yaml", err), TJ_OK);
    tj_code rc = tj_config_read(out, fields, json, "", err);
    json_decref(json);
    return rc;
}

static void what_is_written_reads_back_to_the_same(void **state)
{
    (void)state;
    static const uint64_t seeds[] = {0, 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
    static const double scales[] = {-0.0, 0.1, 1e-300, 5e-324, 1e6, -1e6, 3.0};
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < 7; k++) {
            outer a = example;
            outer b = {.n_list = 3, .list = {0, 0, 99}};
            a.seed = seeds[i];
            a.scale = scales[k];
            json_t *json = tj_config_write(&a, fields);
            char *text = tj_json_canonical(json);
            assert_int_equal(read_text(&b, text, NULL), TJ_OK);
            assert_memory_equal(&a.scale, &b.scale, sizeof a.scale); /* the sign of 0, too */
            assert_true(a.seed == b.seed);
            json_t *again = tj_config_write(&b, fields);
            assert_true(json_equal(json, again));
            assert_int_equal(b.n_list, 2);
            json_decref(again);
            json_decref(json);
            tj_free(text);
        }
    }
}

static void fields_that_are_not_there_keep_their_values(void **state)
{
    (void)state;
    outer a = example;
    assert_int_equal(read_text(&a, "in: {on: false}\nwidth: 64\n", NULL), TJ_OK);
    outer want = example;
    want.in.on = false;
    want.width = 64;
    json_t *got = tj_config_write(&a, fields);
    json_t *wanted = tj_config_write(&want, fields);
    assert_true(json_equal(got, wanted));
    json_decref(got);
    json_decref(wanted);
    assert_int_equal(read_text(&a, "{}", NULL), TJ_OK);
}

/* Each wrong value comes after a right one, so that reading as far as possible would be seen. The
 * message begins with the field's name; its line is found by it. */
static void wrong_values_are_refused_by_field_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"seed: 1\nwidht: 3\n", "f.yaml:2: widht: unknown field, expected one of width, seed"},
        {"seed: 1\nin:\n  rat: 3\n", "f.yaml:3: in.rat: unknown field, expected one of rate, on"},
        {"seed: 1\nwidth: 0\n", "f.yaml:2: width: 0 is not from 1 to 64"},
        {"seed: 1\nwidth: 65\n", "f.yaml:2: width: 65 is not from 1 to 64"},
        {"seed: 1\nwidth: -1\n", "f.yaml:2: width: -1 is not from 1 to 64"},
        {"seed: 1\nwidth: 1.0\n", "f.yaml:2: width: expected an integer from 1 to 64, found a num"},
        {"seed: 1\nwidth: '5'\n", "f.yaml:2: width: expected an integer from 1 to 64, found text"},
        {"seed: 1\nwidth:\n", "f.yaml:2: width: expected an integer from 1 to 64, found nothing"},
        {"width: 2\nseed: -1\n", "f.yaml:2: seed: -1 is negative"},
        {"width: 2\nseed: 1.5\n", "f.yaml:2: seed: expected an integer from 0, found a number"},
        {"width: 2\nseed: '1x'\n", "f.yaml:2: seed: '1x' is not an integer from 0"},
        {"width: 2\nseed: '-1'\n", "f.yaml:2: seed: '-1' is not an integer from 0"},
        {"width: 2\nseed: ' 1'\n", "f.yaml:2: seed: ' 1' is not an integer from 0"},
        {"width: 2\nseed: ''\n", "f.yaml:2: seed: '' is not an integer from 0"},
        {"width: 2\nseed: '18446744073709551616'\n", "f.yaml:2: seed: '18446744073709551616' is"},
        {"seed: 1\nscale: x\n", "f.yaml:2: scale: expected a number from -1e+06 to 1e+06, found t"},
        {"seed: 1\nscale: 1000001\n", "f.yaml:2: scale: 1000001 is not from -1e+06 to 1e+06"},
        {"seed: 1\nflag: 1\n", "f.yaml:2: flag: expected true or false, found an integer"},
        {"seed: 1\nflag: yes\n", "f.yaml:2: flag: expected true or false, found text"},
        {"seed: 1\nname: 5\n", "f.yaml:2: name: expected text, found an integer"},
        {"seed: 1\nname: eighteight\n", "f.yaml:2: name: text of 10 bytes, at most 7 are allowed"},
        {"seed: 1\nkind: odd\n", "f.yaml:2: kind: 'odd' is not one of plain, fancy"},
        {"seed: 1\nkind: 1\n", "f.yaml:2: kind: expected one of plain, fancy, found an integer"},
        {"seed: 1\nin: [1]\n", "f.yaml:2: in: expected a table, found a list"},
        {"seed: 1\nin:\n  on: true\n  rate: 2\n", "f.yaml:4: in.rate: 2 is not from 0 to 1"},
        {"seed: 1\nlist: 3\n", "f.yaml:2: list: expected a list of integers, found an integer"},
        {"seed: 1\nlist: [1, 2, 3, 4]\n", "f.yaml:2: list: 4 items, at most 3 are allowed"},
        {"seed: 1\nlist:\n- 1\n- x\n", "f.yaml:4: list[1]: expected an integer"},
        {"seed: 1\nlist:\n- 1\n- -1\n", "f.yaml:4: list[1]: -1 is not from 0"},
        {"- 1\n", "f.yaml: configuration: expected a table, found a list"},
        {"{\n\"seed\": 1,\n\"width\": \"\\ud83d\\ude00\"}", "f.yaml"}, /* no YAML: no line */
    };
    json_t *before = tj_config_write(&example, fields);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        outer a = example;
        tj_err err = {.msg = ""};
        assert_int_equal(read_text(&a, wrong[i].text, &err), TJ_E_INVAL);
        tj_config_add_line(&err, wrong[i].text, strlen(wrong[i].text), "f.yaml");
        assert_int_equal(err.code, TJ_E_INVAL);
        if (strncmp(err.msg, wrong[i].says, strlen(wrong[i].says)) != 0) {
            fail_msg("case %zu: '%s' is not '%s'", i, err.msg, wrong[i].says);
        }
        json_t *after = tj_config_write(&a, fields);
        assert_true(json_equal(before, after));
        json_decref(after);
    }
    json_decref(before);
}

static void names_say_where_in_the_whole(void **state)
{
    (void)state;
    outer a = example;
    tj_err err;
    json_t *json = json_pack("{s:{s:f}}", "in", "rate", 7.0);
    assert_int_equal(tj_config_read(&a, fields, json, "train.opt", &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "train.opt.in.rate: 7 is not"));
    json_decref(json);
    assert_int_equal(tj_config_read(&a, fields, NULL, "train", &err), TJ_E_INVAL);
    assert_string_equal(err.msg, "train: expected a table, found nothing");
}

static void text_with_a_zero_byte_is_refused(void **state)
{
    (void)state;
    outer a = example;
    json_t *json = json_pack("{s:s}", "name", "a");
    /* text with a zero byte cannot come from a file, but from a request */
    json_object_set_new(json, "name", json_stringn("a\0b", 3));
    assert_int_equal(tj_config_read(&a, fields, json, "", NULL), TJ_E_INVAL);
    json_decref(json);
    assert_string_equal(a.name, "seven77");
}

static void assignments_set_one_value(void **state)
{
    (void)state;
    static const struct {
        const char *assignment, *becomes;
    } cases[] = {
        {"a=1", "{\"a\":1,\"t\":{\"x\":1}}"},
        {"t.x=[1, {b: c}]", "{\"t\":{\"x\":[1,{\"b\":\"c\"}]}}"},
        {"t.y.z=a=b", "{\"t\":{\"x\":1,\"y\":{\"z\":\"a=b\"}}}"},
        {"u.v.w=0.5", "{\"t\":{\"x\":1},\"u\":{\"v\":{\"w\":0.5}}}"},
        {"t={}", "{\"t\":{}}"},
        {"t.x=''", "{\"t\":{\"x\":\"\"}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *root = json_pack("{s:{s:i}}", "t", "x", 1);
        assert_int_equal(tj_config_set(root, cases[i].assignment, NULL), TJ_OK);
        char *text = tj_json_canonical(root);
        assert_string_equal(text, cases[i].becomes);
        tj_free(text);
        json_decref(root);
    }
}

static void wrong_assignments_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *assignment, *says;
    } wrong[] = {
        {"a", "'a' is not of the form name=value"},
        {"=1", "'=1' has an empty name in its path"},
        {"a..b=1", "has an empty name"},
        {".a=1", "has an empty name"},
        {"a.=1", "has an empty name"},
        {"t.x.y=1", "cannot set a field inside 't.x': it is not a table"},
        {"a=[1", "cannot set 'a': value:1: "},
        {"a=", "cannot set 'a': value:1: nothing in it"},
        {"a=*b", "cannot set 'a': value:1: anchors and aliases"},
        {"a=\xff", "cannot set 'a': value:1: "},
        {"a=[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
         "nested deeper than 32"},
        {"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.A.B.C.D.E.F.G=1", "deeper than 32"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        json_t *root = json_pack("{s:{s:i}}", "t", "x", 1);
        json_t *before = json_deep_copy(root);
        tj_err err;
        assert_int_equal(tj_config_set(root, wrong[i].assignment, &err), TJ_E_INVAL);
        assert_int_equal(err.code, TJ_E_INVAL);
        if (strstr(err.msg, wrong[i].says) == NULL) {
            fail_msg("case %zu: '%s' does not say '%s'", i, err.msg, wrong[i].says);
        }
        assert_true(json_equal(root, before));
        json_decref(root);
        json_decref(before);
    }
    assert_int_equal(tj_config_set(NULL, "a=1", NULL), TJ_E_INVAL);
}

static void canonical_json_has_sorted_keys(void **state)
{
    (void)state;
    json_t *a = json_pack("{s:i, s:{s:b, s:n}}", "b", 1, "a", "d", 1, "c");
    json_t *b = json_pack("{s:{s:n, s:b}, s:i}", "a", "c", "d", 1, "b", 1);
    char *x = tj_json_canonical(a);
    char *y = tj_json_canonical(b);
    assert_string_equal(x, "{\"a\":{\"c\":null,\"d\":true},\"b\":1}");
    assert_string_equal(x, y);
    tj_free(x);
    tj_free(y);
    json_decref(a);
    json_decref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back_to_the_same),
        cmocka_unit_test(fields_that_are_not_there_keep_their_values),
        cmocka_unit_test(wrong_values_are_refused_by_field_and_line),
        cmocka_unit_test(names_say_where_in_the_whole),
        cmocka_unit_test(text_with_a_zero_byte_is_refused),
        cmocka_unit_test(assignments_set_one_value),
        cmocka_unit_test(wrong_assignments_change_nothing),
        cmocka_unit_test(canonical_json_has_sorted_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
