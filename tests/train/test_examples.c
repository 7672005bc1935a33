/* Examples from JSON lines: each of the forms, what of it is learnt, and what is refused. The
 * tokenizer has a token for each small letter, space and newline, so that ids can be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fs.h"
#include "train/train.h"

static char path[] = "/tmp/tabiji-examples-XXXXXX";
static tj_tokenizer *tok;

static int setup(void **state)
{
    static const char *const special[] = {"<|im_start|>", "<|im_end|>", "<eos>"};
    tj_buf json;
    (void)state;
    tj_buf_init(&json);
    tj_buf_str(&json, "{\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{\" \":26,\"\\n\":27");
    for (int i = 0; i < 26; i++) {
        tj_buf_printf(&json, ",\"%c\":%d", 'a' + i, i);
    }
    tj_buf_str(&json, "}},\"added_tokens\":[");
    for (int i = 0; i < 3; i++) {
        tj_buf_printf(&json, "%s{\"id\":%d,\"content\":\"%s\",\"special\":true}", i == 0 ? "" : ",",
                      28 + i, special[i]);
    }
    tj_buf_str(&json, "]}");
    tj_err err = {.msg = ""};
    if (tj_tokenizer_parse(&tok, json.data, json.len, "test", &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_buf_deinit(&json);
    int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int teardown(void **state)
{
    (void)state;
    tj_tokenizer_destroy(tok);
    return unlink(path);
}

static tj_example_format format_with(bool chat)
{
    return (tj_example_format){.tok = tok,
                               .begin = 30,
                               .end = 30,
                               .has_chat = chat,
                               .chat = TJ_CHAT_CHATML,
                               .max_tokens = 80};
}

static tj_code load(tj_examples *out, const char *text, bool chat, tj_err *err)
{
    tj_example_format format = format_with(chat);
    assert_int_equal(tj_fs_write(path, text, strlen(text), NULL), TJ_OK);
    return tj_examples_load(out, path, &format, err);
}

/* An example as text, what is learnt in capitals and <> for special tokens: "<hi><YO>". */
static void write_out(char *out, const tj_examples *e, size_t i)
{
    const tj_example *one = &e->examples[i];
    for (size_t t = one->begin; t < one->begin + one->n; t++) {
        int32_t id = e->ids[t];
        char plain = (char)(id < 26    ? 'a' + id
                            : id == 26 ? '_'
                            : id == 27 ? '/'
                            : id == 28 ? '['
                            : id == 29 ? ']'
                                       : '$');
        char learned = (char)(id < 26 ? 'A' + id : id == 29 ? '>' : id == 30 ? '!' : plain);
        *out++ = e->learned[t] == 1 ? learned : plain;
    }
    *out = '\0';
}

static void assert_reads(const char *line, const char *want)
{
    tj_examples e;
    tj_err err = {.msg = ""};
    char got[256];
    if (load(&e, line, true, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(e.n, 1);
    write_out(got, &e, 0);
    assert_string_equal(got, want);
    tj_examples_deinit(&e);
}

static void every_form_is_read_and_only_completions_are_learnt(void **state)
{
    (void)state;
    assert_reads("{\"prompt\":\"hi\\n\",\"completion\":\"yo\",\"extra\":[1]}", "$hi/YO!");
    assert_reads("\n{\"prompt\":\"\",\"completion\":\"\"}\n", "$!");
    assert_reads("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},"
                 "{\"role\":\"assistant\",\"content\":\"yo\"},"
                 "{\"role\":\"user\",\"content\":\"so\"},"
                 "{\"role\":\"assistant\",\"content\":\"no\"}]}",
                 "[user/hi]/[assistant/YO>/[user/so]/[assistant/NO>/");
    assert_reads("{\"prompt\":[{\"role\":\"system\",\"content\":\"be\"},"
                 "{\"role\":\"user\",\"content\":\"hi\"},"
                 "{\"role\":\"assistant\",\"content\":\"yo\"},"
                 "{\"role\":\"user\",\"content\":\"so\"}],"
                 "\"completion\":[{\"role\":\"assistant\",\"content\":\"no\"}]}",
                 "[system/be]/[user/hi]/[assistant/yo]/[user/so]/[assistant/NO>/");
}

static void wrong_lines_are_refused_by_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
        bool chat;
        tj_code code;
    } cases[] = {
        {"", "has no examples", true, TJ_E_PARSE},
        {"PAR1....", "is Parquet", true, TJ_E_PARSE},
        {"{\"prompt\":\"a\",\"completion\":\"b\"}\n[]", ":2: expected an object", true, TJ_E_PARSE},
        {"{\"prompt\":\"a\"}", ":1: completion is missing", true, TJ_E_PARSE},
        {"{\"prompt\":1,\"completion\":\"b\"}", ":1: prompt: expected text, found an integer", true,
         TJ_E_PARSE},
        {"{\"prompt\":\"A\",\"completion\":\"b\"}", ":1: prompt: ", true, TJ_E_INVAL},
        {"{\"messages\":{}}", ":1: messages: expected a list of messages, found an object", true,
         TJ_E_PARSE},
        {"{\"messages\":[{\"role\":\"bot\",\"content\":\"a\"}]}", ":1: messages: a message needs",
         true, TJ_E_PARSE},
        {"{\"messages\":[{\"role\":\"user\",\"content\":null}]}", ":1: messages: a message needs",
         true, TJ_E_PARSE},
        {"{\"messages\":[]}", ":1: ", true, TJ_E_INVAL},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", "--chat-template", false,
         TJ_E_INVAL},
        {"{\"prompt\":[{\"role\":\"user\",\"content\":\"a\"}],"
         "\"completion\":[{\"role\":\"user\",\"content\":\"a\"}]}",
         ":1: completion: expected one message of the assistant", true, TJ_E_PARSE},
        {"{\"prompt\":[{\"role\":\"user\",\"content\":\"a\"}],\"completion\":\"b\"}",
         ":1: completion: expected a list of messages, found text", true, TJ_E_PARSE},
        {"{\"prompt\":"
         "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "\",\"completion\":\"b\"}",
         ":1: 82 tokens", true, TJ_E_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_examples e;
        tj_err err = {.msg = ""};
        tj_code rc = load(&e, cases[i].text, cases[i].chat, &err);
        if (rc != cases[i].code || strstr(err.msg, cases[i].says) == NULL ||
            strstr(err.msg, path) == NULL) {
            fail_msg("case %zu: %s: '%s' does not say '%s'", i, tj_code_name(rc), err.msg,
                     cases[i].says);
        }
        assert_null(e.ids);
        assert_int_equal(e.n, 0);
    }
}

static void a_batch_has_the_weights_of_what_is_learnt(void **state)
{
    (void)state;
    tj_examples e;
    tj_example_source source;
    tj_batch *batch;
    assert_int_equal(load(&e,
                          "{\"prompt\":\"hi\",\"completion\":\"yo\"}\n"
                          "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
                          "{\"role\":\"assistant\",\"content\":\"bcd\"}]}",
                          true, NULL),
                     TJ_OK);
    assert_int_equal(tj_example_source_init(&source, &e, 2, 1, NULL), TJ_OK);
    assert_int_equal(tj_batch_create(&batch, NULL), TJ_OK);
    assert_int_equal(tj_example_source_fill(&source, 0, batch, NULL), TJ_OK);
    assert_int_equal(tj_batch_n_sequences(batch), 2);
    assert_int_equal(tj_batch_n_tokens(batch), e.n_ids);
    assert_true(tj_batch_weight(batch) == 3.0 + 4.0); /* "yo" and its end, "bcd" and its end */
    tj_batch_destroy(batch);
    tj_example_source_deinit(&source);
    tj_examples_deinit(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read_and_only_completions_are_learnt),
        cmocka_unit_test(wrong_lines_are_refused_by_file_and_line),
        cmocka_unit_test(a_batch_has_the_weights_of_what_is_learnt),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
