/* What servers say, without a server: events of streams whatever their ends of lines, streams
 * joined to the answer that would have come whole, answers in every form that servers have, and
 * each way of being wrong refused with the name of the field; when to try again; entries of the
 * cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/json.h"
#include "infer/remote.h"
#include "infer/sse.h"

static const tj_remote_asked chat1 = {.chat = true, .n = 1};
static const tj_remote_asked text1 = {.chat = false, .n = 1};

static json_t *parse(const char *text)
{
    json_t *json = NULL;
    tj_err err;
    if (tj_json_parse(&json, text, strlen(text), 32, "it", &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return json;
}

/* ------------------------------------------------------------ events */

static void expect_events(const char *stream, size_t len, const char *const *want)
{
    tj_sse sse;
    const char *data = "";
    size_t n;
    tj_sse_begin(&sse, stream, len);
    for (size_t i = 0; data != NULL; i++) {
        assert_int_equal(tj_sse_next(&sse, &data, &n, NULL), TJ_OK);
        if (want[i] == NULL) {
            assert_null(data);
        } else {
            assert_non_null(data);
            assert_string_equal(data, want[i]);
            assert_int_equal(n, strlen(want[i]));
        }
    }
    tj_sse_end(&sse);
}

static void events_are_the_data_between_empty_lines(void **state)
{
    static const char *const want[] = {"a", "b\nc", "", " d", NULL};
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    (void)state;
    for (size_t e = 0; e < 3; e++) {
        tj_buf s;
        tj_buf_init(&s);
        const char *lines[] = {("\xEF\xBB\xBF"
                                "data: a"),
                               "",
                               ": ping",
                               "",
                               "event: x",
                               "",
                               "data:b",
                               "id: 1",
                               "data: c",
                               "retry: 3",
                               "",
                               "data",
                               "",
                               "data:  d",
                               "database: no",
                               "",
                               "data: cut short"};
        for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
            tj_buf_printf(&s, "%s%s", lines[i], ends[e]);
        }
        expect_events(s.data, s.len, want);
        tj_buf_deinit(&s);
    }
}

/* ------------------------------------------------------------ choices */

static tj_completion read_ok(const char *choice, tj_remote_asked asked)
{
    tj_completion c;
    tj_err err;
    json_t *json = parse(choice);
    if (tj_remote_read_choice(&c, json, asked, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    json_decref(json);
    return c;
}

static void expect_text(const char *choice, tj_remote_asked asked, const char *text,
                        const char *reasoning, tj_finish finish)
{
    tj_completion c = read_ok(choice, asked);
    assert_string_equal(c.text, text);
    assert_int_equal(c.n_text, strlen(text));
    assert_int_equal(reasoning == NULL, c.reasoning == NULL);
    if (reasoning != NULL) {
        assert_string_equal(c.reasoning, reasoning);
    }
    assert_int_equal(c.finish, finish);
    tj_completion_deinit(&c);
}

static void texts_thoughts_and_finishes_are_kept_apart(void **state)
{
    tj_remote_asked stops = {.chat = true, .n = 1, .has_stops = true};
    (void)state;
#define MESSAGE(m, f) "{\"message\": " m ", \"finish_reason\": \"" f "\"}"
    expect_text(MESSAGE("{\"content\": \"A\"}", "stop"), chat1, "A", NULL, TJ_FINISH_EOS);
    expect_text(MESSAGE("{\"content\": \"A\"}", "stop"), stops, "A", NULL, TJ_FINISH_STOP);
    expect_text(MESSAGE("{\"content\": \"A\", \"reasoning_content\": \"B\"}", "length"), chat1, "A",
                "B", TJ_FINISH_LENGTH);
    expect_text(MESSAGE("{\"content\": \"A\", \"reasoning\": \"B\"}", "stop"), chat1, "A", "B",
                TJ_FINISH_EOS);
    expect_text(MESSAGE("{\"content\": null, \"reasoning\": \"B\"}", "length"), chat1, "", "B",
                TJ_FINISH_LENGTH);
    expect_text(MESSAGE("{\"content\": \"<think>\\nB\\n</think>\\n\\nA\"}", "stop"), chat1, "A",
                "B", TJ_FINISH_EOS);
    expect_text(MESSAGE("{\"content\": \"A\", \"reasoning_content\": null}", "content_filter"),
                chat1, "A", NULL, TJ_FINISH_FILTER);
    expect_text(MESSAGE("{\"content\": null, \"refusal\": \"No.\"}", "stop"), chat1, "No.", NULL,
                TJ_FINISH_FILTER);
    expect_text("{\"text\": \" A</think>\", \"finish_reason\": \"length\"}", text1, " A</think>",
                NULL, TJ_FINISH_LENGTH);
}

static void expect_prob(const tj_completion *c, const tj_token_prob *p, const char *bytes,
                        double logprob)
{
    assert_int_equal(p->n_bytes, strlen(bytes));
    assert_memory_equal(c->bytes + p->begin, bytes, p->n_bytes);
    assert_true(p->logprob == logprob);
}

/* The same two tokens, 日 cut in two, in both forms and at both routes. */
static void log_probabilities_come_in_two_forms(void **state)
{
    static const char content[] =
        "{\"content\": [{\"token\": \"\\ufffd\", \"bytes\": [230, 151], \"logprob\": -0.5,"
        " \"top_logprobs\": [{\"token\": \"x\", \"bytes\": null, \"logprob\": -0.25},"
        " {\"token\": \"y\", \"logprob\": -2}]},"
        " {\"token\": \"b\", \"logprob\": 0, \"top_logprobs\": []}]}";
    static const char lists[] =
        "{\"tokens\": [\"a\", \"b\"], \"token_logprobs\": [-0.5, 0], \"text_offset\": [0, 1],"
        " \"top_logprobs\": [{\"x\": -0.25, \"y\": -2}, null]}";
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        bool is_chat = i % 2 == 0;
        const char *form = i < 2 ? content : lists;
        tj_buf choice;
        tj_buf_init(&choice);
        tj_buf_printf(&choice, "{\"finish_reason\": \"stop\", %s, \"logprobs\": %s}",
                      is_chat ? "\"message\": {\"content\": \"?\"}" : "\"text\": \"?\"", form);
        tj_completion c = read_ok(tj_buf_text(&choice),
                                  (tj_remote_asked){.chat = is_chat, .n = 1, .logprobs = true});
        assert_int_equal(c.n_tokens, 2);
        expect_prob(&c, &c.tokens[0], i < 2 ? "\xE6\x97" : "a", -0.5);
        expect_prob(&c, &c.tokens[1], "b", 0.0);
        assert_int_equal(c.top_begin[0], 0);
        assert_int_equal(c.top_begin[1], 2);
        assert_int_equal(c.top_begin[2], 2);
        expect_prob(&c, &c.top[0], "x", -0.25);
        expect_prob(&c, &c.top[1], "y", -2.0);
        tj_completion_deinit(&c);
        tj_buf_deinit(&choice);
    }
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *choice, *message;
        bool chat, logprobs;
    } cases[] = {
        {"{}", "finish_reason is missing", true, false},
        {"[]", "finish_reason is missing", true, false},
        {"{\"finish_reason\": null}", "finish_reason is not text", true, false},
        {"{\"finish_reason\": \"tool_calls\"}", "'tool_calls', which is not known", true, false},
        {"{\"finish_reason\": \"stop\"}", "message is missing", true, false},
        {"{\"finish_reason\": \"stop\"}", "text is missing", false, false},
        {"{\"finish_reason\": \"stop\", \"text\": 3}", "text is not text", false, false},
        {MESSAGE("3", "stop"), "message is not an object", true, false},
        {MESSAGE("{}", "stop"), "message: content is missing", true, false},
        {MESSAGE("{\"content\": [\"A\"]}", "stop"), "content is not text", true, false},
        {MESSAGE("{\"content\": \"A\", \"reasoning\": 1}", "stop"), "reasoning_content", true,
         false},
        {MESSAGE("{\"content\": \"A\"}", "stop"), "logprobs is missing", true, true},
#define LOGPROBS(l) "{\"finish_reason\": \"stop\", \"text\": \"A\", \"logprobs\": " l "}"
        {LOGPROBS("null"), "logprobs is not an object", false, true},
        {LOGPROBS("{}"), "logprobs: tokens is missing", false, true},
        {LOGPROBS("{\"content\": null}"), "content is not a list", false, true},
        {LOGPROBS("{\"tokens\": [], \"token_logprobs\": 1}"), "token_logprobs is not", false, true},
        {LOGPROBS("{\"tokens\": [\"a\"], \"token_logprobs\": []}"), "1 tokens have 0", false, true},
        {LOGPROBS("{\"tokens\": [\"a\"], \"token_logprobs\": [null]}"), "token 0: logprob", false,
         true},
        {LOGPROBS("{\"tokens\": [\"a\"], \"token_logprobs\": [0.5]}"), "0.5, not at most 0", false,
         true},
        {LOGPROBS("{\"content\": [{\"token\": \"a\", \"logprob\": -1, \"bytes\": [256]}]}"),
         "content[0]: bytes[0]", false, true},
        {LOGPROBS("{\"content\": [{\"token\": \"a\", \"logprob\": -1, \"top_logprobs\": [{}]}]}"),
         "content[0]: top_logprobs[0]: logprob is missing", false, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_remote_asked asked = {.chat = cases[i].chat, .n = 1, .logprobs = cases[i].logprobs};
        json_t *json = parse(cases[i].choice);
        tj_completion c;
        tj_err err;
        assert_int_equal(tj_remote_read_choice(&c, json, asked, &err), TJ_E_PARSE);
        if (strstr(err.msg, cases[i].message) == NULL) {
            fail_msg("'%s' does not say '%s'", err.msg, cases[i].message);
        }
        assert_null(c.text);
        json_decref(json);
    }
}

static void reading_survives_a_lack_of_memory(void **state)
{
    json_t *json = parse("{\"finish_reason\": \"stop\", \"message\": {\"content\": \"A\","
                         " \"reasoning\": \"B\"}, \"logprobs\": {\"content\": [{\"token\": \"a\","
                         " \"logprob\": -1, \"top_logprobs\": [{\"token\": \"b\","
                         " \"logprob\": -2, \"bytes\": [1, 2]}]}]}}");
    tj_remote_asked asked = {.chat = true, .n = 1, .logprobs = true};
    tj_completion c;
    tj_code rc = TJ_E_NOMEM;
    size_t k = 0;
    (void)state;
    for (; rc != TJ_OK; k++) {
        tj_alloc_fail_after(k);
        rc = tj_remote_read_choice(&c, json, asked, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true(rc == TJ_OK || c.text == NULL);
    }
    assert_true(k > 5);
    tj_completion_deinit(&c);
    json_decref(json);
}

/* ------------------------------------------------------------ answers */

static void choices_stand_in_the_order_of_their_indexes(void **state)
{
    json_t *json = parse("{\"choices\": [{\"index\": 2, \"t\": 2}, {\"index\": 0, \"t\": 0}]}");
    const json_t *choices[3];
    size_t n;
    (void)state;
    tj_remote_asked asked = {.n = 3};
    assert_int_equal(tj_remote_find_choices(choices, &n, json, asked, NULL), TJ_OK);
    assert_int_equal(n, 2);
    assert_int_equal(json_integer_value(json_object_get(choices[0], "t")), 0);
    assert_int_equal(json_integer_value(json_object_get(choices[1], "t")), 2);
    json_decref(json);
    static const char *const wrong[] = {
        "{}",
        "[]",
        "{\"choices\": {}}",
        "{\"choices\": []}",
        "{\"choices\": [{}]}",
        "{\"choices\": [{\"index\": 3}]}",
        "{\"choices\": [{\"index\": -1}]}",
        "{\"choices\": [{\"index\": 1}, {\"index\": 1}]}",
        "{\"choices\": [1]}",
        "{\"choices\": [{\"index\": 0}, {\"index\": 1}, {\"index\": 2}, {\"index\": 3}]}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        tj_err err;
        json = parse(wrong[i]);
        assert_int_equal(tj_remote_find_choices(choices, &n, json, asked, &err), TJ_E_PARSE);
        assert_memory_equal(err.msg, "choices", 7);
        json_decref(json);
    }
}

static void usage_is_priced(void **state)
{
    tj_remote_config cfg;
    tj_usage usage;
    bool there;
    (void)state;
    tj_remote_config_default(&cfg);
    cfg.price_input = 2.0;
    cfg.price_output = 8.0;
    json_t *json = parse("{\"usage\": {\"prompt_tokens\": 1000, \"completion_tokens\": 100,"
                         " \"prompt_tokens_details\": {\"cached_tokens\": 400},"
                         " \"completion_tokens_details\": {\"reasoning_tokens\": 30}}}");
    assert_int_equal(tj_remote_read_usage(&usage, &there, json, &cfg, NULL), TJ_OK);
    assert_true(there);
    assert_int_equal(usage.n_prompt, 1000);
    assert_int_equal(usage.n_cached, 400);
    assert_int_equal(usage.n_completion, 100);
    assert_int_equal(usage.n_reasoning, 30);
    assert_true(usage.cost == (1000 * 2.0 + 100 * 8.0) / 1e6);
    cfg.price_cached_input = 0.5;
    assert_int_equal(tj_remote_read_usage(&usage, &there, json, &cfg, NULL), TJ_OK);
    assert_true(usage.cost == (600 * 2.0 + 400 * 0.5 + 100 * 8.0) / 1e6);
    json_decref(json);
    json = parse("{\"usage\": null}");
    assert_int_equal(tj_remote_read_usage(&usage, &there, json, &cfg, NULL), TJ_OK);
    assert_false(there);
    json_decref(json);
    static const char *const wrong[] = {
        "{\"usage\": 1}", "{\"usage\": {}}", "{\"usage\": {\"prompt_tokens\": 1}}",
        "{\"usage\": {\"prompt_tokens\": -1, \"completion_tokens\": 1}}",
        ("{\"usage\": {\"prompt_tokens\": 1, \"completion_tokens\": 1,"
         " \"prompt_tokens_details\": {\"cached_tokens\": 2}}}")};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        tj_err err;
        json = parse(wrong[i]);
        assert_int_equal(tj_remote_read_usage(&usage, &there, json, &cfg, &err), TJ_E_PARSE);
        assert_memory_equal(err.msg, "usage", 5);
        json_decref(json);
    }
}

static void error_messages_are_found_in_their_forms(void **state)
{
    static const char *const forms[] = {"{\"error\": {\"message\": \"M\"}}", "{\"error\": \"M\"}",
                                        "{\"message\": \"M\"}", "{\"detail\": \"M\"}"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        json_t *json = parse(forms[i]);
        assert_string_equal(tj_remote_error_message(json), "M");
        json_decref(json);
    }
    json_t *json = parse("{\"detail\": [1]}");
    assert_null(tj_remote_error_message(json));
    json_decref(json);
    assert_null(tj_remote_error_message(NULL));
}

/* ------------------------------------------------------------ streams */

#define EVENT(text) "data: " text "\n\n"

static void a_stream_joins_to_the_whole_answer(void **state)
{
    static const char stream[] = EVENT(
        "{\"choices\": [{\"index\": 1, \"delta\": {\"role\": \"assistant\"}}]}")
        EVENT("{\"choices\": [{\"index\": 0, \"delta\": {\"reasoning_content\": \"I\"}}]}") EVENT(
            "{\"choices\": [{\"index\": 0, \"delta\": {\"reasoning_content\": \" think\"}},"
            " {\"index\": 1, \"delta\": {\"content\": \"B\"}, \"logprobs\": null}]}")
            EVENT("{\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"A\"},"
                  " \"logprobs\": {\"content\": [{\"token\": \"A\", \"logprob\": -1}]}}]}")
                EVENT("{\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"a\"},"
                      " \"logprobs\": {\"content\": [{\"token\": \"a\", \"logprob\": -2}]}}]}")
                    EVENT(
                        "{\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \"stop\"},"
                        " {\"index\": 1, \"delta\": {}, \"finish_reason\": \"length\"}], "
                        "\"usage\": null}")
                        EVENT("{\"choices\": [], \"usage\": {\"prompt_tokens\": 3, "
                              "\"completion_tokens\": 5}}") EVENT("[DONE]");
    json_t *whole = parse(
        "{\"choices\": [{\"index\": 0, \"finish_reason\": \"stop\", \"message\": {\"content\":"
        " \"Aa\", \"reasoning_content\": \"I think\"}, \"logprobs\": {\"content\": [{\"token\":"
        " \"A\", \"logprob\": -1}, {\"token\": \"a\", \"logprob\": -2}]}}, {\"index\": 1,"
        " \"finish_reason\": \"length\", \"message\": {\"content\": \"B\"}}],"
        " \"usage\": {\"prompt_tokens\": 3, \"completion_tokens\": 5}}");
    json_t *joined;
    bool is_cut;
    tj_err err;
    (void)state;
    tj_remote_asked asked = {.chat = true, .n = 2};
    if (tj_remote_join_stream(&joined, &is_cut, stream, strlen(stream), asked, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    assert_true(json_equal(joined, whole));
    json_decref(joined);
    json_decref(whole);
    for (size_t len = 0; len < strlen(stream); len++) { /* cut anywhere, it is no answer */
        assert_int_equal(tj_remote_join_stream(&joined, &is_cut, stream, len, asked, &err),
                         TJ_E_PARSE);
        assert_true(is_cut);
        assert_null(joined);
    }
}

static void a_stream_of_texts_joins_too(void **state)
{
    static const char stream[] = EVENT(
        "{\"choices\": [{\"index\": 0, \"text\": \"a\", \"logprobs\": {\"tokens\": [\"a\"],"
        " \"token_logprobs\": [-1], \"top_logprobs\": [{\"a\": -1}]}}]}")
        EVENT("{\"choices\": [{\"index\": 0, \"text\": \"b\", \"logprobs\": {\"tokens\": [\"b\"],"
              " \"token_logprobs\": [-2], \"top_logprobs\": [{\"b\": -2}]},"
              " \"finish_reason\": \"stop\"}]}") EVENT("[DONE]");
    json_t *joined;
    bool is_cut;
    (void)state;
    tj_remote_asked asked = {.n = 1, .logprobs = true};
    assert_int_equal(tj_remote_join_stream(&joined, &is_cut, stream, strlen(stream), asked, NULL),
                     TJ_OK);
    tj_completion c;
    assert_int_equal(tj_remote_read_choice(
                         &c, json_array_get(json_object_get(joined, "choices"), 0), asked, NULL),
                     TJ_OK);
    assert_string_equal(c.text, "ab");
    assert_int_equal(c.n_tokens, 2);
    expect_prob(&c, &c.top[1], "b", -2.0);
    tj_completion_deinit(&c);
    json_decref(joined);
}

static void what_is_wrong_in_a_stream_is_named(void **state)
{
    static const struct {
        const char *event, *message;
        tj_code code;
    } cases[] = {
        {"nonsense", "event 2 of the stream: it is not JSON", TJ_E_PARSE},
        {"{}", "event 2 of the stream: choices is missing", TJ_E_PARSE},
        {"{\"error\": {\"message\": \"M\"}}", "event 2 of the stream: an error: M", TJ_E_BACKEND},
        {"{\"choices\": [{}]}", "choices[0]: index is missing", TJ_E_PARSE},
        {"{\"choices\": [{\"index\": 1, \"delta\": {}}]}", "choices[0]: index is not", TJ_E_PARSE},
        {"{\"choices\": [{\"index\": 0}]}", "choices[0]: delta is missing", TJ_E_PARSE},
        {"{\"choices\": [{\"index\": 0, \"delta\": {\"content\": 1}}]}", "content is not text",
         TJ_E_PARSE},
        {"{\"choices\": [{\"index\": 0, \"delta\": {}, \"logprobs\": 1}]}", "logprobs is not",
         TJ_E_PARSE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_buf stream;
        json_t *joined;
        bool is_cut;
        tj_err err;
        tj_buf_init(&stream);
        tj_buf_printf(&stream, EVENT("{\"choices\": []}") EVENT("%s") EVENT("[DONE]"),
                      cases[i].event);
        assert_int_equal(
            tj_remote_join_stream(&joined, &is_cut, stream.data, stream.len, chat1, &err),
            cases[i].code);
        assert_null(joined);
        if (strstr(err.msg, cases[i].message) == NULL) {
            fail_msg("'%s' does not say '%s'", err.msg, cases[i].message);
        }
        tj_buf_deinit(&stream);
    }
}

/* ------------------------------------------------------------ trying again */

static void retry_after_is_seconds_or_a_date(void **state)
{
    const int64_t at_us = INT64_C(784111777) * 1000000; /* Sun, 06 Nov 1994 08:49:37 GMT */
    (void)state;
    assert_int_equal(tj_remote_retry_after_ms("0", at_us), 0);
    assert_int_equal(tj_remote_retry_after_ms("120", at_us), 120000);
    assert_int_equal(tj_remote_retry_after_ms("Sun, 06 Nov 1994 08:50:07 GMT", at_us), 30000);
    assert_int_equal(tj_remote_retry_after_ms("Sun, 06 Nov 1994 08:00:00 GMT", at_us), 0);
    assert_true(tj_remote_retry_after_ms("99999999999999999999", at_us) > INT64_C(1) << 60);
    assert_int_equal(tj_remote_retry_after_ms("soon", at_us), -1);
    assert_int_equal(tj_remote_retry_after_ms("-3", at_us), -1);
    assert_int_equal(tj_remote_retry_after_ms("", at_us), -1);
}

static void backoff_doubles_within_its_jitter_and_bound(void **state)
{
    tj_remote_config cfg;
    tj_query q = {.seed = 1}, other = {.seed = 2};
    bool differs = false;
    (void)state;
    tj_remote_config_default(&cfg);
    cfg.backoff_ms = 100;
    cfg.max_backoff_ms = 1000;
    for (size_t tries = 1; tries < 100; tries++) {
        double most = tries < 5 ? 100.0 * (double)(1 << (tries - 1)) : 1000.0;
        double ms = tj_remote_backoff_ms(&cfg, &q, 0, tries);
        assert_true(ms >= most / 2.0 && ms < most);
        assert_true(ms == tj_remote_backoff_ms(&cfg, &q, 0, tries));
        differs |= ms != tj_remote_backoff_ms(&cfg, &other, 0, tries);
    }
    assert_true(differs);
}

/* ------------------------------------------------------------ entries of the cache */

static void a_damaged_entry_is_none(void **state)
{
    char key[65], other[65];
    char *value;
    size_t len;
    (void)state;
    memset(key, 'a', 64);
    memset(other, 'b', 64);
    key[64] = other[64] = '\0';
    json_t *choice = parse("{\"text\": \"x\\u0000y\", \"finish_reason\": \"stop\"}");
    assert_int_equal(tj_remote_seal(&value, &len, key, choice, NULL, NULL), TJ_OK);
    json_t *entry = tj_remote_unseal(value, len, key);
    assert_true(json_equal(json_object_get(entry, "choice"), choice));
    json_decref(entry);
    assert_null(tj_remote_unseal(value, len, other));
    for (size_t i = 0; i < len; i++) {
        assert_null(tj_remote_unseal(value, i, key));
        value[i] ^= 1;
        assert_null(tj_remote_unseal(value, len, key));
        value[i] ^= 1;
    }
    tj_free(value);
    json_decref(choice);
}

/* ------------------------------------------------------------ requests */

static void the_cache_key_tells_apart_what_gives_other_answers(void **state)
{
    const tj_message a = {TJ_ROLE_USER, "hello", 5}, b = {TJ_ROLE_ASSISTANT, "hello", 5};
    const char *stop = "x";
    tj_remote_config cfg, cfg2;
    tj_remote_config_default(&cfg);
    snprintf(cfg.model, sizeof cfg.model, "m");
    cfg2 = cfg;
    snprintf(cfg2.model, sizeof cfg2.model, "n");
    tj_query base = {.messages = &a,
                     .n_messages = 1,
                     .sampling = {.temperature = 1.0, .top_p = 1.0},
                     .seed = 1,
                     .n_samples = 1,
                     .max_tokens = 9};
    tj_query q[10];
    char keys[12][TJ_SHA256_HEX], again[TJ_SHA256_HEX];
    (void)state;
    for (size_t i = 0; i < 10; i++) {
        q[i] = base;
    }
    q[1].messages = &b;
    q[2].messages = NULL;
    q[2].text = "hello";
    q[2].n_text = 5;
    q[3].seed = 2;
    q[4].max_tokens = 8;
    q[5].sampling.top_k = 4;
    q[6].stop = &stop;
    q[6].n_stop = 1;
    q[7].logprobs = true;
    q[8].problem = 1;
    q[9].sampling.temperature = 0.5;
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(tj_remote_key(keys[i], "http://h/v1", &cfg, &q[i], 0, NULL), TJ_OK);
    }
    assert_int_equal(tj_remote_key(keys[10], "http://h/v1", &cfg, &base, 1, NULL), TJ_OK);
    assert_int_equal(tj_remote_key(keys[11], "http://h/v1", &cfg2, &base, 0, NULL), TJ_OK);
    for (size_t i = 0; i < 12; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(keys[i], keys[k]);
        }
    }
    base.n_samples = 7; /* how many are asked for together does not matter, nor how */
    cfg.stream = true;
    assert_int_equal(tj_remote_key(again, "http://h/v1", &cfg, &base, 0, NULL), TJ_OK);
    assert_string_equal(again, keys[0]);
    assert_int_equal(tj_remote_key(again, "http://g/v1", &cfg, &base, 0, NULL), TJ_OK);
    assert_string_not_equal(again, keys[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_the_data_between_empty_lines),
        cmocka_unit_test(texts_thoughts_and_finishes_are_kept_apart),
        cmocka_unit_test(log_probabilities_come_in_two_forms),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(reading_survives_a_lack_of_memory),
        cmocka_unit_test(choices_stand_in_the_order_of_their_indexes),
        cmocka_unit_test(usage_is_priced),
        cmocka_unit_test(error_messages_are_found_in_their_forms),
        cmocka_unit_test(a_stream_joins_to_the_whole_answer),
        cmocka_unit_test(a_stream_of_texts_joins_too),
        cmocka_unit_test(what_is_wrong_in_a_stream_is_named),
        cmocka_unit_test(retry_after_is_seconds_or_a_date),
        cmocka_unit_test(backoff_doubles_within_its_jitter_and_bound),
        cmocka_unit_test(a_damaged_entry_is_none),
        cmocka_unit_test(the_cache_key_tells_apart_what_gives_other_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
