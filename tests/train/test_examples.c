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

#include "base/alloc.h"
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

/* An example as text, what is learnt in capitals, [ ] $ for special tokens (> ! where learnt), +
 * and
 * - after the steps that are right and wrong. Returns its end. */
static char *write_out(char *out, const tj_examples *e, size_t i)
{
    const tj_example *one = &e->examples[i];
    const tj_step_label *label = e->labels;
    size_t left = one->n_labels;
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
        for (size_t l = one->first_label; l < one->first_label + one->n_labels; l++) {
            if (t == one->begin + label[l].at) {
                *out++ = label[l].label > 0.5F ? '+' : '-';
                left--;
            }
        }
    }
    assert_int_equal(left, 0);
    *out = '\0';
    return out;
}

/* Examples are joined by a space. */
static void assert_format_reads(const tj_example_format *format, const char *line, const char *want,
                                tj_example_kind kind)
{
    tj_examples e;
    tj_err err = {.msg = ""};
    char got[512] = "";
    char *end = got;
    assert_int_equal(tj_fs_write(path, line, strlen(line), NULL), TJ_OK);
    if (tj_examples_load(&e, path, format, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(e.kind, kind);
    for (size_t i = 0; i < e.n; i++) {
        if (i > 0) {
            *end++ = ' ';
        }
        end = write_out(end, &e, i);
    }
    assert_string_equal(got, want);
    tj_examples_deinit(&e);
}

static void assert_reads(const char *line, const char *want)
{
    tj_example_format format = format_with(true);
    assert_format_reads(&format, line, want, TJ_EXAMPLE_COMPLETIONS);
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

#define USER(text)      "{\"role\":\"user\",\"content\":\"" text "\"}"
#define ASSISTANT(text) "{\"role\":\"assistant\",\"content\":\"" text "\"}"

static void pairs_are_two_examples_of_one_prompt(void **state)
{
    (void)state;
    tj_example_format format = format_with(true);
    static const struct {
        const char *line, *want;
    } cases[] = {
        {"{\"prompt\":\"hi\\n\",\"chosen\":\"yo\",\"rejected\":\"no\"}", "$hi/YO! $hi/NO!"},
        /* an implied prompt: what both begin with, without a space before the difference */
        {"{\"chosen\":\"a b yo\",\"rejected\":\"a b no\"}", "$a_b_YO! $a_b_NO!"},
        {"{\"chosen\":\"ab\",\"rejected\":\"abc\"}", "$ab! $abC!"},
        {"{\"chosen\":\"a\",\"rejected\":\"b\"}", "$A! $B!"},
        {"{\"prompt\":[" USER("hi") "],\"chosen\":[" ASSISTANT("yo") "],\"rejected\":[" ASSISTANT(
             "no") "]}",
         "[user/hi]/[assistant/YO>/ [user/hi]/[assistant/NO>/"},
        /* an implied prompt of messages, and a dialogue that parts early */
        {"{\"chosen\":[" USER("hi") "," ASSISTANT("a") "," USER("so") "," ASSISTANT(
             "yo") "],\"rejected\":[" USER("hi") "," ASSISTANT("a") "," USER("so") "," ASSISTANT("n"
                                                                                                 "o") "]}",
         "[user/hi]/[assistant/a]/[user/so]/[assistant/YO>/ "
         "[user/hi]/[assistant/a]/[user/so]/[assistant/NO>/"},
        {"{\"chosen\":[" USER("hi") "," ASSISTANT("a") "," USER("so") "," ASSISTANT(
             "yo") "],\"rejected\":[" USER("hi") "," ASSISTANT("no") "]}",
         "[user/hi]/[assistant/A>/[user/so]/[assistant/YO>/ [user/hi]/[assistant/NO>/"},
        /* data sets carry the conversation beside the pair */
        {"{\"messages\":[],\"prompt\":\"a\",\"chosen\":\"b\",\"rejected\":\"c\",\"label\":true}",
         "$aB! $aC!"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_format_reads(&format, cases[i].line, cases[i].want, TJ_EXAMPLE_PAIRS);
    }
}

/* The prompt that texts imply ends between characters, not between bytes of one. */
static void an_implied_prompt_ends_at_a_character(void **state)
{
    (void)state;
    tj_examples e;
    tj_err err = {.msg = ""};
    /* e with acute and e with grave share their first byte, which alone is not UTF-8; the
     * vocabulary spells neither, and the message says where they were met */
    assert_int_equal(load(&e, "{\"chosen\":\"a\xC3\xA9\",\"rejected\":\"a\xC3\xA8\"}", true, &err),
                     TJ_E_INVAL);
    assert_non_null(strstr(err.msg, ":1: chosen: "));
    assert_null(strstr(err.msg, "UTF-8"));
}

static void labels_sit_where_steps_end(void **state)
{
    (void)state;
    const char *three =
        "{\"prompt\":\"hi\\n\",\"completions\":[\"a\",\"bc\",\"\"],\"labels\":[true,false,true]}";
    const char *numbers =
        "{\"prompt\":\"\",\"completions\":[\"a\",\"b\",\"c\"],\"labels\":[1,0,true]}";
    const char *ratings =
        "{\"prompt\":\"\",\"completions\":[\"a\",\"b\",\"c\"],\"labels\":[1,0,-1]}\n"
        "{\"prompt\":\"q\",\"completions\":[\"d\"],\"labels\":[0]}\n"
        "{\"prompt\":\"q\",\"completions\":[\"e\"],\"labels\":[1]}";
    tj_example_format format = format_with(true);
    assert_format_reads(&format, three, "$hi/a/+bc/-/+", TJ_EXAMPLE_STEPS);
    assert_format_reads(&format, numbers, "$a/+b/-c/+", TJ_EXAMPLE_STEPS);
    format.neutral = TJ_NEUTRAL_SKIP; /* and a line of neutral steps alone is passed over */
    assert_format_reads(&format, ratings, "$a/+b/c/- $qe/+", TJ_EXAMPLE_STEPS);
    format.neutral = TJ_NEUTRAL_RIGHT;
    assert_format_reads(&format, ratings, "$a/+b/+c/- $qd/+ $qe/+", TJ_EXAMPLE_STEPS);
    format.neutral = TJ_NEUTRAL_WRONG;
    assert_format_reads(&format, ratings, "$a/+b/-c/- $qd/- $qe/+", TJ_EXAMPLE_STEPS);
    format.neutral = TJ_NEUTRAL_NONE;
    format.step_separator = " x ";
    assert_format_reads(&format, numbers, "$a_x_+b_x_-c_x_+", TJ_EXAMPLE_STEPS);
    format.step_separator = "";
    assert_format_reads(&format, numbers, "$a+b-c+", TJ_EXAMPLE_STEPS);
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
         ":1: completion: expected messages of which the last is the assistant's", true,
         TJ_E_PARSE},
        {"{\"prompt\":[{\"role\":\"user\",\"content\":\"a\"}],\"completion\":\"b\"}",
         ":1: completion: expected a list of messages, found text", true, TJ_E_PARSE},
        {"{\"prompt\":"
         "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "\",\"completion\":\"b\"}",
         ":1: 82 tokens", true, TJ_E_LIMIT},
        {"{\"prompt\":\"a\",\"completion\":\"b\",\"label\":true}",
         ":1: label: unpaired preferences (KTO) are not supported", true, TJ_E_PARSE},
        {"{\"prompt\":\"a\",\"chosen\":\"b\"}", ":1: rejected is missing", true, TJ_E_PARSE},
        {"{\"prompt\":\"a\",\"rejected\":\"b\"}", ":1: chosen is missing", true, TJ_E_PARSE},
        {"{\"prompt\":\"a\",\"chosen\":\"b\",\"rejected\":[]}",
         ":1: rejected: expected text, as chosen is, found an array", true, TJ_E_PARSE},
        {"{\"prompt\":[],\"chosen\":\"b\",\"rejected\":\"c\"}",
         ":1: prompt: expected text, as chosen is, found an array", true, TJ_E_PARSE},
        {"{\"chosen\":\"b\",\"rejected\":\"b\"}", ":1: chosen and rejected are the same", true,
         TJ_E_PARSE},
        {"{\"chosen\":[" USER("a") "],\"rejected\":[" USER("b") "]}",
         ":1: chosen and rejected do not begin with the same message", true, TJ_E_PARSE},
        {"{\"chosen\":[" USER("a") "," ASSISTANT("b") "],\"rejected\":[" USER("a") "," ASSISTANT(
             "b") "]}",
         ":1: chosen: expected messages of which the last is the assistant's", true, TJ_E_PARSE},
        {"{\"prompt\":\"a\",\"completions\":[\"b\",\"c\"],\"labels\":[true]}",
         ":1: 2 completions, but 1 labels", true, TJ_E_PARSE},
        {"{\"prompt\":\"a\",\"completions\":[\"b\"]}", ":1: labels is missing", true, TJ_E_PARSE},
        {"{\"prompt\":\"a\",\"labels\":[true]}", ":1: completions is missing", true, TJ_E_PARSE},
        {"{\"completions\":[\"b\"],\"labels\":[true]}", ":1: prompt is missing", true, TJ_E_PARSE},
        {"{\"prompt\":\"a\",\"completions\":[],\"labels\":[]}", ":1: completions has no step", true,
         TJ_E_PARSE},
        {"{\"prompt\":\"a\",\"completions\":[7],\"labels\":[true]}",
         ":1: completions[0]: expected text, found an integer", true, TJ_E_PARSE},
        {"{\"prompt\":\"a\",\"completions\":[\"b\"],\"labels\":[-1]}",
         ":1: labels[0] is -1, expected 0 or 1 (for -1, 0 and 1, --neutral", true, TJ_E_PARSE},
        {"{\"prompt\":\"a\",\"completions\":[\"b\"],\"labels\":[-100]}", ":1: labels[0] is -100",
         true, TJ_E_PARSE},
        {"{\"prompt\":\"a\",\"completions\":[\"b\"],\"labels\":[null]}",
         ":1: labels[0]: expected true or false, found null", true, TJ_E_PARSE},
        {"{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"a\",\"chosen\":\"b\",\"rejected\":"
         "\"c\"}",
         ":2: a preference pair, but line 1 has a completion", true, TJ_E_PARSE},
        {"\n{\"chosen\":\"b\",\"rejected\":\"c\"}\n{\"prompt\":\"a\",\"completion\":\"b\"}",
         ":3: a completion, but line 2 has a preference pair", true, TJ_E_PARSE},
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

static void batches_keep_pairs_together_and_carry_labels(void **state)
{
    (void)state;
    tj_examples e;
    tj_example_source source;
    tj_batch *b;
    double references[] = {-1.0, -2.0, -3.0, -4.0, -5.0, -6.0};
    assert_int_equal(load(&e,
                          "{\"prompt\":\"a\",\"chosen\":\"b\",\"rejected\":\"cd\"}\n"
                          "{\"prompt\":\"a\",\"chosen\":\"bb\",\"rejected\":\"cdd\"}\n"
                          "{\"prompt\":\"a\",\"chosen\":\"bbb\",\"rejected\":\"cddd\"}",
                          true, NULL),
                     TJ_OK);
    e.references = references;
    assert_int_equal(tj_example_source_init(&source, &e, 2, 1, NULL), TJ_OK);
    assert_int_equal(tj_example_source_updates(&source), 2);
    assert_int_equal(tj_batch_create(&b, NULL), TJ_OK);
    for (size_t u = 0; u < 6; u++) {
        size_t n[4];
        tj_batch_clear(b);
        assert_int_equal(tj_example_source_fill(&source, u, b, NULL), TJ_OK);
        assert_int_equal(tj_batch_n_sequences(b), u % 2 == 0 ? 4 : 2);
        tj_batch_lengths(b, n);
        for (size_t i = 0; i < tj_batch_n_sequences(b); i += 2) {
            assert_int_equal(n[i] + 1, n[i + 1]);
            assert_true(tj_batch_reference(b, i) - tj_batch_reference(b, i + 1) == 1.0);
        }
    }
    e.references = NULL;
    tj_example_source_deinit(&source);
    tj_examples_deinit(&e);
    assert_int_equal(
        load(&e, "{\"prompt\":\"a\",\"completions\":[\"b\",\"c\"],\"labels\":[true,false]}", true,
             NULL),
        TJ_OK);
    tj_batch_clear(b);
    assert_int_equal(tj_examples_add(&e, 0, b, NULL), TJ_OK);
    assert_int_equal(tj_batch_n_tokens(b), e.n_ids);
    assert_int_equal(tj_batch_n_labels(b), 2);
    assert_true(tj_batch_weight(b) == 0.0);
    tj_batch_destroy(b);
    tj_examples_deinit(&e);
}

static void without_memory_nothing_is_kept(void **state)
{
    (void)state;
    const char *files[] = {
        "{\"prompt\":\"a\",\"chosen\":\"b\",\"rejected\":\"cd\"}",
        "{\"prompt\":\"a\",\"completions\":[\"b\",\"c\"],\"labels\":[true,false]}",
        "{\"chosen\":[" USER("a") "," ASSISTANT("b") "],\"rejected\":[" USER("a") "," ASSISTANT(
            "c") "]}"};
    tj_example_format format = format_with(true);
    for (size_t f = 0; f < 3; f++) {
        tj_examples e;
        tj_code rc = TJ_E_NOMEM;
        for (size_t k = 0; rc != TJ_OK; k++) {
            tj_alloc_fail_after(k);
            rc = tj_examples_parse(&e, files[f], strlen(files[f]), "file", &format, NULL);
            tj_alloc_fail_after(SIZE_MAX);
            assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
            assert_true(rc == TJ_OK || (e.ids == NULL && e.n == 0));
        }
        tj_examples_deinit(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read_and_only_completions_are_learnt),
        cmocka_unit_test(pairs_are_two_examples_of_one_prompt),
        cmocka_unit_test(an_implied_prompt_ends_at_a_character),
        cmocka_unit_test(labels_sit_where_steps_end),
        cmocka_unit_test(without_memory_nothing_is_kept),
        cmocka_unit_test(batches_keep_pairs_together_and_carry_labels),
        cmocka_unit_test(wrong_lines_are_refused_by_file_and_line),
        cmocka_unit_test(a_batch_has_the_weights_of_what_is_learnt),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
