/* Records: what is written reads back to the same, forms of others are taken, and what is wrong is
 * named with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "thought/thought.h"

static tj_code keep(void *ctx, tj_record *record, const char *where, tj_err *err)
{
    tj_record **to = ctx;
    (void)where;
    (void)err;
    **to = *record;
    (*to)++;
    memset(record, 0, sizeof *record);
    return TJ_OK;
}

static size_t read_all(tj_record *out, const char *text)
{
    tj_record *to = out;
    tj_err err;
    if (tj_records_read(text, strlen(text), "x", keep, &to, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return (size_t)(to - out);
}

static void a_record_reads_back_to_the_same(void **state)
{
    (void)state;
    static const char text[] =
        "{\"thought_version\":1,\"problem\":7,\"kind\":\"debate\",\"prompt\":\"p\",\"answer\":"
        "\"4\",\"level\":\"3\",\"licence\":\"MIT\",\"correct\":true,\"completion\":\"ab\\nc\","
        "\"n_tokens\":5,\"n_backtracks\":1,\"spans\":[{\"action\":\"propose\",\"editor\":\"agent\","
        "\"on_path\":true,\"node\":3,\"name\":\"A\",\"mark\":\"dead\",\"value\":0.5,\"text\":"
        "\"ab\\n\"},{\"action\":\"backtrack\",\"editor\":\"human\",\"on_path\":false,\"node\":null,"
        "\"annotation\":2,\"back_to\":1,\"text\":\"c\"}]}";
    tj_record r[1];
    assert_int_equal(read_all(r, text), 1);
    assert_int_equal(r[0].thought.n_spans, 2);
    assert_int_equal(r[0].thought.n_backtracks, 1);
    json_t *once = tj_record_to_json(&r[0]);
    json_t *want = json_loads(text, 0, NULL);
    assert_true(json_equal(once, want));
    json_decref(once);
    json_decref(want);
    tj_record_deinit(&r[0]);
}

static void forms_of_others_are_taken(void **state)
{
    (void)state;
    static const char text[] =
        "[{\"instruction\":\"i1\",\"response\":\"t1\"},{\"question\":\"i2\",\"answer\":\"t2\"}]\n"
        "{\"problem\":\"i3\",\"solution\":\"t3\",\"answer\":9,\"level\":4}\n"
        "{\"messages\":[{\"role\":\"user\",\"content\":\"i4\"},{\"role\":\"assistant\",\"content\":"
        "\"t4\"}]}\n"
        "{\"prompt\":\"i5\",\n \"completion\":\"t5\"}";
    tj_record r[8];
    assert_int_equal(read_all(r, text), 5);
    for (size_t i = 0; i < 5; i++) {
        char want[3] = {'t', (char)('1' + i), 0};
        assert_string_equal(r[i].thought.text, want);
        want[0] = 'i';
        assert_string_equal(tj_record_get(&r[i], TJ_META_PROMPT), want);
        assert_int_equal(r[i].thought.kind, TJ_FOREIGN);
    }
    assert_string_equal(tj_record_get(&r[2], TJ_META_ANSWER), "9");
    assert_string_equal(tj_record_get(&r[2], TJ_META_LEVEL), "4");
    assert_string_equal(tj_record_get(&r[1], TJ_META_ANSWER), "");
    for (size_t i = 0; i < 5; i++) {
        tj_record_deinit(&r[i]);
    }
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"completion\":\"a\"}\n{\"completion\":",
         "x:2: not JSON: unexpected token near end of file"},
        {"{\"a\":1}", "x:1: no thought: expected `prompt` and `completion` (or another pair of "
                      "fields that docs/formats.md names)"},
        {"\n\n{\"completion\":7}", "x:3: completion: expected a text"},
        {"{\"completion\":\"ab\",\"spans\":[{\"action\":\"propose\",\"text\":\"a\"}]}",
         "x:1: spans: their texts do not make the completion"},
        {"{\"completion\":\"a\",\"spans\":[{\"action\":\"dance\",\"text\":\"a\"}]}",
         "x:1: spans[0]: action: 'dance' is none that is known"},
        {"[{\"completion\":\"a\"},{\"completion\":\"a\",\"spans\":[{\"action\":\"propose\","
         "\"text\":\"a\",\"node\":-1}]}]",
         "x:1: item 2 of the list: spans[0]: node: expected an integer from 0 to "
         "9223372036854775807"},
        {"{\"completion\":\"a\\u0000\"}", "x:1: completion: has a zero byte"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_record r[4];
        tj_record *to = r;
        tj_err err = {.msg = ""};
        assert_int_equal(tj_records_read(cases[i][0], strlen(cases[i][0]), "x", keep, &to, &err),
                         TJ_E_PARSE);
        assert_string_equal(err.msg, cases[i][1]);
        while (to > r) {
            tj_record_deinit(--to);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_record_reads_back_to_the_same),
                                       cmocka_unit_test(forms_of_others_are_taken),
                                       cmocka_unit_test(what_is_wrong_is_named_with_its_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
