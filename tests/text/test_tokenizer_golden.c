/* Ids equal those of the reference (Hugging Face tokenizers) on the texts of
 * tests/golden/tokenizer_ids.json, and of tokenizer_more.json, whose tokenizers are changed or
 * written as GGUF; the script beside them made them. "ids" are with special tokens recognised,
 * "plain" with special tokens taken as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "gguf_testing.h"
#include "task/task.h"
#include "text/text.h"

static void check_ids(const tj_tokenizer *tok, const json_t *one, const char *name,
                      const char *field, bool special)
{
    const json_t *text = json_object_get(one, "text"), *want = json_object_get(one, field);
    tj_ids ids = {.ids = NULL};
    tj_err err = {.msg = ""};
    tj_code rc = tj_tokenizer_encode(tok, &ids, json_string_value(text), json_string_length(text),
                                     special, &err);
    if (rc != TJ_OK) {
        fail_msg("'%s': %s", json_string_value(text), err.msg);
    }
    bool equal = ids.n == json_array_size(want);
    for (size_t i = 0; equal && i < ids.n; i++) {
        equal = ids.ids[i] == json_integer_value(json_array_get(want, i));
    }
    if (!equal) {
        for (size_t i = 0; i < ids.n || i < json_array_size(want); i++) {
            print_message("%d/%d ", i < ids.n ? (int)ids.ids[i] : -1,
                          (int)json_integer_value(json_array_get(want, i)));
        }
        fail_msg("%s: ids of '%s' differ (%s)", name, json_string_value(text), field);
    }
    tj_ids_deinit(&ids);
}

static void ids_equal_the_reference(void **state)
{
    (void)state;
    json_error_t why;
    json_t *golden = json_load_file("tests/golden/tokenizer_ids.json", 0, &why);
    assert_non_null(golden);
    tj_tokenizer *tok = NULL;
    const char *loaded = "";
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(golden, "cases"), i, one)
    {
        const char *path = json_string_value(json_object_get(one, "tokenizer"));
        if (strcmp(path, loaded) != 0) {
            tj_tokenizer_destroy(tok);
            tj_err err = {.msg = ""};
            if (tj_tokenizer_load(&tok, path, &err) != TJ_OK) {
                fail_msg("%s", err.msg);
            }
            loaded = path;
        }
        check_ids(tok, one, path, "ids", true);
        check_ids(tok, one, path, "plain", false);
    }
    assert_true(i > 100);
    tj_tokenizer_destroy(tok);
    json_decref(golden);
}

/* The tokenizer of a group: a file with some fields changed, or the GGUF of it. */
static tj_tokenizer *load_group(const json_t *group)
{
    json_error_t why;
    json_t *root = json_load_file(json_string_value(json_object_get(group, "tokenizer")), 0, &why);
    const char *pre = json_string_value(json_object_get(group, "pre"));
    char gguf[32];
    tj_tokenizer *tok = NULL;
    tj_err err = {.msg = ""};
    tj_code rc;
    assert_non_null(root);
    json_object_update(root, json_object_get(group, "changes"));
    if (pre != NULL) {
        tj_gguf *opened;
        gguf_temp_path(gguf);
        gguf_write_json(gguf, root, pre);
        rc = tj_gguf_open(&opened, gguf, &err);
        if (rc == TJ_OK) {
            rc = tj_tokenizer_read_gguf(&tok, opened, &err);
            tj_gguf_close(opened);
        }
        remove(gguf);
    } else {
        char *text = json_dumps(root, 0);
        assert_non_null(text);
        rc = tj_tokenizer_parse(&tok, text, strlen(text), "changed", &err);
        free(text); /* Jansson's own allocation */
    }
    if (rc != TJ_OK) {
        fail_msg("%s: %s", pre == NULL ? "json" : pre, err.msg);
    }
    json_decref(root);
    return tok;
}

static void ids_of_changed_tokenizers_equal_the_reference(void **state)
{
    (void)state;
    json_error_t why;
    json_t *golden = json_load_file("tests/golden/tokenizer_more.json", 0, &why);
    size_t g, i, n = 0;
    json_t *group, *one;
    assert_non_null(golden);
    json_array_foreach(json_object_get(golden, "groups"), g, group)
    {
        tj_tokenizer *tok = load_group(group);
        const char *pre = json_string_value(json_object_get(group, "pre"));
        json_array_foreach(json_object_get(group, "cases"), i, one)
        {
            check_ids(tok, one, pre == NULL ? "json" : pre, "ids", true);
            check_ids(tok, one, pre == NULL ? "json" : pre, "plain", false);
            n++;
        }
        tj_tokenizer_destroy(tok);
    }
    assert_true(n > 300);
    json_decref(golden);
}

static void the_embedded_tokenizer_is_the_file(void **state)
{
    (void)state;
    tj_tokenizer *embedded, *file;
    size_t len;
    const char *json = tj_countdown_tokenizer_json(&len);
    assert_int_equal(tj_tokenizer_parse(&embedded, json, len, "countdown", NULL), TJ_OK);
    assert_int_equal(tj_tokenizer_load(&file, "share/countdown/tokenizer.json", NULL), TJ_OK);
    assert_string_equal(tj_tokenizer_hash(embedded), tj_tokenizer_hash(file));
    tj_tokenizer_destroy(embedded);
    tj_tokenizer_destroy(file);
}

static void countdown_lines_are_short(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n_ids;
    } lines[] = {
        {"Use 3 6 7 11 to make 36.\n", 9},
        {"1. 11 - 7 = 4 left 3 4 6\n", 11},
        {"3. 12 + 6 = 18 left 18\n", 9},
        {"Reached 36.\n", 3},
        {"18 is not 36.\n", 5},
        {"Back to 3 4 6, make 36.\n", 9},
        {"Let me go back to 3 4 6, make 36.\n", 12},
        {"Hmm, that went wrong.\n", 6},
    };
    tj_tokenizer *tok;
    assert_int_equal(tj_tokenizer_load(&tok, "share/countdown/tokenizer.json", NULL), TJ_OK);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        tj_ids ids = {.ids = NULL};
        assert_int_equal(
            tj_tokenizer_encode(tok, &ids, lines[i].text, strlen(lines[i].text), false, NULL),
            TJ_OK);
        assert_int_equal(ids.n, lines[i].n_ids);
        tj_ids_deinit(&ids);
    }
    static const char *const specials[] = {"<pad>", "<eos>", "<bos>"};
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(tj_tokenizer_find(tok, specials[i]), i);
        assert_true(tj_tokenizer_is_special(tok, i));
    }
    assert_true(tj_tokenizer_find(tok, "\xc4\xa0"
                                       "11") > 255); /* as it stands in the file */
    tj_tokenizer_destroy(tok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_equal_the_reference),
        cmocka_unit_test(ids_of_changed_tokenizers_equal_the_reference),
        cmocka_unit_test(the_embedded_tokenizer_is_the_file),
        cmocka_unit_test(countdown_lines_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
