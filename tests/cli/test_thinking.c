/* A model that thinks, all the way: one that learnt a conversation by heart, whose answer is 2 and
 * whose thoughts end in 7, is served, asked over HTTP whole and streamed, asked by our client, and
 * measured here and behind its URL. Thoughts are apart everywhere, and no score sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "../web/http_client.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "support/byte_tokenizer.h"
#include "support/command.h"

#define THOUGHT "One and one.\n#### 7"
#define ANSWER  "#### 2"
#define TINY                                                                                       \
    "--shape width=32 --shape n_layers=2 --shape n_heads=2 --shape n_kv_heads=2 "                  \
    "--shape head_dim=16 --shape ffn_width=64"
/* One question twice: 2 is right of the first, and 7, which stands in thoughts alone, of the other.
 */
#define EVAL "eval --task gsm8k --shots 0 --data data.jsonl --chat --max-tokens 80 -q --json "

static http_answer answer;
static uint16_t port;
static char url[64];
static json_t *messages; /* of the question */

static void expect_run(const char *what)
{
    char line[1024];
    (void)snprintf(line, sizeof line, "$T %s", what);
    int status = command_run(line);
    if (status != 0) {
        fail_msg("%s: status %d: %s", what, status, command_err);
    }
}

/* ------------------------------------------------------------ the model */

/* Shorter than the embedding of the demo's shape. */
static void write_tokenizer(void)
{
    tj_buf json;
    tj_buf_init(&json);
    byte_tokenizer_json(&json);
    command_write("random/tokenizer.json", tj_buf_text(&json));
    command_write("random/tokenizer_config.json", "{\"eos_token\":\"<|im_end|>\"}");
    tj_buf_deinit(&json);
}

/* The conversation that the evaluation will have, with the answer to be learnt. */
static void write_chat(void)
{
    expect_run("eval --task gsm8k --shots 0 --data data.jsonl --chat --prompts --limit 1");
    json_t *prompt = command_json(command_out);
    messages = json_incref(json_object_get(prompt, "messages"));
    json_t *all = json_copy(messages);
    json_array_append_new(all, json_pack("{s:s, s:s}", "role", "assistant", "content",
                                         "<think>\n" THOUGHT "\n</think>\n\n" ANSWER));
    json_t *line = json_pack("{s:o}", "messages", all);
    char *text = json_dumps(line, JSON_COMPACT);
    command_write("chat.jsonl", text);
    free(text);
    json_decref(line);
    json_decref(prompt);
}

static void serve(void)
{
    command_expect("$T serve -m model --chat-template chatml --port 0 --json -t 1 >served "
                   "2>served.err & echo $! >pid; "
                   "for i in $(seq 200); do test -s served && break; sleep 0.1; done",
                   0);
    char *said = command_read("served");
    json_t *event = json_loads(said, JSON_DISABLE_EOF_CHECK, NULL);
    (void)snprintf(url, sizeof url, "%s", json_string_value(json_object_get(event, "url")));
    port = (uint16_t)json_integer_value(json_object_get(event, "port"));
    json_decref(event);
    tj_free(said);
}

static int begin(void **state)
{
    (void)state;
    if (command_begin("thinking") != 0) {
        return -1;
    }
    command_write("data.jsonl", "{\"question\":\"1 + 1?\",\"answer\":\"so\\n#### 2\"}\n"
                                "{\"question\":\"1 + 1?\",\"answer\":\"so\\n#### 7\"}\n");
    command_write("first.jsonl", "{\"prompt\":\"1\",\"completion\":\"2\"}\n");
    expect_run("train first.jsonl --new " TINY " --epochs 1 -t 1 -q --out random");
    write_tokenizer();
    write_chat();
    expect_run("train chat.jsonl --from random --chat-template chatml --epochs 200 --batch 1 "
               "--lr 0.01 -t 1 -q --out model");
    serve();
    return 0;
}

static int end(void **state)
{
    (void)state;
    json_decref(messages);
    return command_run("kill $(cat pid)") == 0 && command_end() == 0 ? 0 : -1;
}

/* ------------------------------------------------------------ over HTTP */

static void ask(bool stream)
{
    json_t *body = json_pack("{s:s, s:O, s:i, s:i, s:b}", "model", "model", "messages", messages,
                             "max_tokens", 80, "temperature", 0, "stream", stream);
    char *text = json_dumps(body, JSON_COMPACT);
    http_ask(port, &answer, "POST", "/v1/chat/completions", NULL, text);
    assert_int_equal(answer.status, 200);
    free(text);
    json_decref(body);
}

static void a_whole_answer_has_its_thoughts_apart(void **state)
{
    (void)state;
    ask(false);
    json_t *all = command_json(answer.body);
    const json_t *choice = json_array_get(json_object_get(all, "choices"), 0);
    const json_t *message = json_object_get(choice, "message");
    const json_t *usage = json_object_get(all, "usage");
    assert_string_equal(json_string_value(json_object_get(message, "reasoning_content")), THOUGHT);
    assert_string_equal(json_string_value(json_object_get(message, "content")), ANSWER);
    assert_string_equal(json_string_value(json_object_get(choice, "finish_reason")), "stop");
    json_int_t n_thought = json_integer_value(
        json_object_get(json_object_get(usage, "completion_tokens_details"), "reasoning_tokens"));
    assert_true(n_thought >= (json_int_t)strlen(THOUGHT));
    assert_true(n_thought < json_integer_value(json_object_get(usage, "completion_tokens")));
    json_decref(all);
}

/* Adds what a piece says to its part; thoughts never come after the answer has begun. */
static void add_delta(tj_buf *thought, tj_buf *text, const json_t *delta)
{
    const char *more = json_string_value(json_object_get(delta, "reasoning_content"));
    if (more != NULL) {
        assert_int_equal(text->len, 0);
        tj_buf_str(thought, more);
    }
    more = json_string_value(json_object_get(delta, "content"));
    tj_buf_str(text, more == NULL ? "" : more);
}

static void a_stream_has_its_thoughts_apart(void **state)
{
    tj_buf thought, text;
    size_t n = 0;
    (void)state;
    tj_buf_init(&thought);
    tj_buf_init(&text);
    ask(true);
    for (char *at = answer.body; (at = strstr(at, "data: {")) != NULL; at++) {
        json_t *event = json_loads(at + 6, JSON_DISABLE_EOF_CHECK, NULL);
        const json_t *choice = json_array_get(json_object_get(event, "choices"), 0);
        assert_non_null(choice);
        add_delta(&thought, &text, json_object_get(choice, "delta"));
        n++;
        json_decref(event);
    }
    assert_true(n > 10); /* it did stream */
    assert_string_equal(tj_buf_text(&thought), THOUGHT);
    assert_string_equal(tj_buf_text(&text), ANSWER);
    tj_buf_deinit(&thought);
    tj_buf_deinit(&text);
}

/* ------------------------------------------------------------ our client */

static void the_client_keeps_them_apart(void **state)
{
    static const char *const ways[] = {"false", "true"};
    const char *asked = json_string_value(json_object_get(json_array_get(messages, 0), "content"));
    char line[512];
    (void)state;
    command_write("asked", asked);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(line, sizeof line,
                       "generate -m %s --remote-model model --remote-set stream=%s --max-tokens 80 "
                       "--temperature 0 --json \"$(cat asked)\"",
                       url, ways[i]);
        expect_run(line);
        json_t *all = command_json(command_out);
        const json_t *one = json_array_get(all, 0);
        assert_string_equal(json_string_value(json_object_get(one, "reasoning")), THOUGHT);
        assert_string_equal(json_string_value(json_object_get(one, "text")), ANSWER);
        json_decref(all);
    }
}

/* ------------------------------------------------------------ scores */

/* Half of the two problems, whoever asks: 7 is never found. */
static void expect_half(const char *what)
{
    static const char *const filters[] = {"strict-match", "flexible-extract", "grader"};
    expect_run(what);
    json_t *result = command_json(command_out);
    for (size_t i = 0; i < 3; i++) {
        const json_t *score = json_object_get(json_object_get(result, "scores"), filters[i]);
        assert_true(json_number_value(json_object_get(score, "mean")) == 0.5);
    }
    json_decref(result);
}

static void no_score_looks_into_thoughts(void **state)
{
    char line[512];
    (void)state;
    (void)snprintf(line, sizeof line, EVAL "-m %s --remote-model model --out there", url);
    expect_half(line);
    expect_half(EVAL "-m model --chat-template chatml --out here -t 1");
    command_expect("for d in here there; do grep -c '\"text\":\"#### 2\",\"reasoning\":\"One and "
                   "one.\\\\n#### 7\"' $d/answers.jsonl; done",
                   0);
    assert_string_equal(command_out, "2\n2\n");
    expect_half(
        "eval --task gsm8k --shots 0 --data data.jsonl --answers there/answers.jsonl --json");
    command_write("pairs.jsonl", "{\"gold\":\"7\",\"pred\":\"<think>"
                                 "\\\\boxed{7}"
                                 "</think>" ANSWER "\"}\n");
    expect_run("grade pairs.jsonl");
    command_expect_text(command_out, "\"equal\": false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_answer_has_its_thoughts_apart),
        cmocka_unit_test(a_stream_has_its_thoughts_apart),
        cmocka_unit_test(the_client_keeps_them_apart),
        cmocka_unit_test(no_score_looks_into_thoughts),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
