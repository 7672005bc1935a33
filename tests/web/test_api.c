/* The protocol without engine and without HTTP: requests are read into plain values or refused with
 * the field's name; errors, routes, keys and counters say what they should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "web/keys.h"
#include "web/listen.h"
#include "web/metrics.h"
#include "web/openai_request.h"
#include "web/routes.h"

#define CHAT  "\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define PLAIN "\"model\":\"m\",\"prompt\":\"hi\""

static void parse(tj_api_request *req, tj_api_kind kind, const char *fields, const char *more)
{
    char body[2048];
    tj_api_error e;
    snprintf(body, sizeof body, "{%s%s%s}", fields, more[0] != 0 ? "," : "", more);
    if (tj_api_request_parse(req, kind, body, strlen(body), &e) != TJ_OK) {
        fail_msg("%s: %s", body, e.message);
    }
}

static void refused(tj_api_kind kind, const char *body, const char *param, const char *part)
{
    tj_api_request req;
    tj_api_error e;
    if (tj_api_request_parse(&req, kind, body, strlen(body), &e) == TJ_OK) {
        fail_msg("not refused: %s", body);
    }
    assert_null(req.root);
    assert_int_equal(e.status, 400);
    assert_string_equal(e.param, param);
    if (strstr(e.message, part) == NULL) {
        fail_msg("'%s' does not say '%s'", e.message, part);
    }
}

static void refused_field(tj_api_kind kind, const char *param, const char *value)
{
    char body[512], field[128];
    snprintf(field, sizeof field, "%s", param);
    snprintf(body, sizeof body, "{%s,\"%s\":%s}", kind == TJ_API_CHAT ? CHAT : PLAIN, field, value);
    refused(kind, body, param, field);
}

/* ------------------------------------------------------------ requests */

static void defaults_are_openais(void **state)
{
    (void)state;
    tj_api_request req;
    parse(&req, TJ_API_CHAT, CHAT, "");
    assert_string_equal(req.model, "m");
    assert_int_equal(req.n_messages, 1);
    assert_int_equal(req.n, 1);
    assert_int_equal(req.best_of, 1);
    assert_true(req.sampling.temperature == 1.0 && req.sampling.top_p == 1.0);
    assert_false(req.has_seed || req.has_max_tokens || req.stream || req.logprobs || req.echo);
    assert_int_equal(req.n_stop, 0);
    tj_api_request_deinit(&req);
}

static void all_fields_of_completions_are_read(void **state)
{
    (void)state;
    tj_api_request req;
    parse(&req, TJ_API_TEXT, PLAIN,
          "\"echo\":true,\"logprobs\":5,\"n\":2,\"best_of\":3,\"seed\":-1,\"stop\":[\"a\",\"b\"],"
          "\"temperature\":0.5,\"top_p\":0.9,\"top_k\":40,\"min_p\":0.1,\"max_tokens\":0,"
          "\"user\":\"u\",\"suffix\":null,\"logit_bias\":{},\"presence_penalty\":0,"
          "\"frequency_penalty\":0.0");
    assert_true(req.echo && req.logprobs && req.has_seed && req.has_max_tokens);
    assert_int_equal(req.n_top, 5);
    assert_int_equal(req.n, 2);
    assert_int_equal(req.best_of, 3);
    assert_true(req.seed == UINT64_MAX);
    assert_int_equal(req.n_stop, 2);
    assert_string_equal(req.stop[1], "b");
    assert_true(req.sampling.temperature == 0.5 && req.sampling.top_p == 0.9);
    assert_true(req.sampling.min_p == 0.1);
    assert_int_equal(req.sampling.top_k, 40);
    assert_int_equal(req.max_tokens, 0);
    tj_api_request_deinit(&req);
}

static void prompts_are_texts_or_ids(void **state)
{
    (void)state;
    static const struct {
        const char *prompt;
        size_t n, n_ids; /* of the first; 0: a text */
    } cases[] = {{"\"a\"", 1, 0},       {"[\"a\",\"b\"]", 2, 0}, {"[1,2,3]", 1, 3},
                 {"[[1],[2,3]]", 2, 1}, {"[\"a\",[1]]", 2, 0},   {"\"\\u0000\"", 1, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char fields[128];
        tj_api_request req;
        snprintf(fields, sizeof fields, "\"model\":\"m\",\"prompt\":%s", cases[i].prompt);
        parse(&req, TJ_API_TEXT, fields, "");
        assert_int_equal(req.n_prompts, cases[i].n);
        assert_int_equal(req.prompts[0].ids.n, cases[i].n_ids);
        assert_int_equal(req.prompts[0].text != NULL, cases[i].n_ids == 0);
        tj_api_request_deinit(&req);
    }
    refused(TJ_API_TEXT, "{\"model\":\"m\",\"prompt\":[]}", "prompt", "no tokens");
    refused(TJ_API_TEXT, "{\"model\":\"m\",\"prompt\":[[]]}", "prompt", "no tokens");
    refused(TJ_API_TEXT, "{\"model\":\"m\",\"prompt\":[1,-1]}", "prompt", "prompt[1]");
    refused(TJ_API_TEXT, "{\"model\":\"m\",\"prompt\":[1,2.5]}", "prompt", "prompt[1]");
    refused(TJ_API_TEXT, "{\"model\":\"m\",\"prompt\":[4294967296]}", "prompt", "prompt[0]");
    refused(TJ_API_TEXT, "{\"model\":\"m\",\"prompt\":{}}", "prompt", "neither");
    refused(TJ_API_TEXT, "{\"model\":\"m\",\"prompt\":null}", "prompt", "missing");
}

static void messages_are_texts_or_parts(void **state)
{
    (void)state;
    tj_api_request req;
    parse(&req, TJ_API_CHAT,
          "\"model\":\"m\",\"messages\":["
          "{\"role\":\"developer\",\"content\":\"be brief\"},"
          "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},"
          "{\"type\":\"text\",\"text\":\"b\"}],\"name\":\"x\"},"
          "{\"role\":\"assistant\",\"content\":\"c\",\"reasoning_content\":\"t\","
          "\"tool_calls\":[]}]",
          "\"max_completion_tokens\":7,\"top_logprobs\":2,\"logprobs\":true,"
          "\"response_format\":{\"type\":\"text\"},\"tools\":[],\"tool_choice\":\"auto\","
          "\"chat_template_kwargs\":{\"enable_thinking\":false}");
    assert_int_equal(req.messages[0].role, TJ_ROLE_SYSTEM);
    assert_int_equal(req.messages[1].len, 2);
    assert_memory_equal(req.messages[1].text, "ab", 2);
    assert_int_equal(req.messages[2].role, TJ_ROLE_ASSISTANT);
    assert_int_equal(req.max_tokens, 7);
    assert_int_equal(req.n_top, 2);
    assert_true(req.says_thinking && req.no_thinking);
    tj_api_request_deinit(&req);
    static const char *const bad[][2] = {
        {"[]", "1 to"},
        {"[1]", "messages[0] is not an object"},
        {"[{\"role\":\"tool\",\"content\":\"x\"}]", "messages[0].role is 'tool'"},
        {"[{\"role\":\"user\"}]", "messages[0].content"},
        {"[{\"role\":\"user\",\"content\":1}]", "messages[0].content"},
        {"[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]",
         "messages[0].content[0] is not a part of type 'text'"},
        {"[{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[1]}]",
         "messages[0].tool_calls is not supported"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char body[256];
        snprintf(body, sizeof body, "{\"model\":\"m\",\"messages\":%s}", bad[i][0]);
        refused(TJ_API_CHAT, body, "messages", bad[i][1]);
    }
}

static void what_would_change_the_answer_is_refused_by_name(void **state)
{
    (void)state;
    refused_field(TJ_API_TEXT, "suffix", "\"x\"");
    refused_field(TJ_API_TEXT, "logit_bias", "{\"1\":5}");
    refused_field(TJ_API_TEXT, "presence_penalty", "0.5");
    refused_field(TJ_API_CHAT, "frequency_penalty", "-1");
    refused_field(TJ_API_CHAT, "tools", "[{}]");
    refused_field(TJ_API_CHAT, "tool_choice", "\"required\"");
    refused_field(TJ_API_CHAT, "response_format", "{\"type\":\"grammar\"}");
    refused_field(TJ_API_CHAT, "modalities", "[\"text\",\"audio\"]");
    refused_field(TJ_API_CHAT, "reasoning_effort", "\"high\"");
    refused_field(TJ_API_CHAT, "no_such_field", "1");
    refused_field(TJ_API_CHAT, "echo", "true"); /* of completions only */
    refused_field(TJ_API_CHAT, "prompt", "\"x\"");
    refused_field(TJ_API_TEXT, "max_completion_tokens", "1");
}

#define SCHEMA(S) "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":" S "}"

static void answers_may_be_held_to_a_form(void **state)
{
    (void)state;
    static const char *const good[] = {
        "\"response_format\":{\"type\":\"json_object\"}",
        SCHEMA("{\"name\":\"a\",\"strict\":true,\"schema\":{\"type\":\"array\"}}")};
    static const char *const bad[][3] = {
        {"\"response_format\":{}", "response_format.type is ''"},
        {"\"response_format\":\"json_object\"", "response_format is not an object"},
        {"\"response_format\":{\"type\":\"json_schema\"}", "with a json_schema"},
        {SCHEMA("[]"), "is not an object", "response_format.json_schema"},
        {SCHEMA("{\"name\":\"a\"}"), "json_schema.schema is missing"},
        {SCHEMA("{\"grammar\":\"a\"}"), "json_schema.grammar is not supported",
         "response_format.json_schema"},
        {SCHEMA("{\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"oneOf\":[]}}}}"),
         "response_format.json_schema.schema: properties.a: oneOf is not supported"}};
    for (size_t i = 0; i < 2; i++) {
        tj_api_request req;
        parse(&req, TJ_API_CHAT, CHAT, good[i]);
        assert_non_null(req.form);
        tj_api_request_deinit(&req);
        parse(&req, TJ_API_TEXT, PLAIN, good[i]);
        assert_non_null(req.form);
        tj_api_request_deinit(&req);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char body[512];
        snprintf(body, sizeof body, "{%s,%s}", CHAT, bad[i][0]);
        refused(TJ_API_CHAT, body, bad[i][2] != NULL ? bad[i][2] : "response_format", bad[i][1]);
    }
}

static void values_out_of_range_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const both[][2] = {{"n", "0"},
                                          {"n", "129"},
                                          {"n", "1.5"},
                                          {"temperature", "-0.1"},
                                          {"temperature", "3"},
                                          {"top_p", "0"},
                                          {"top_p", "1.1"},
                                          {"top_p", "\"1\""},
                                          {"min_p", "2"},
                                          {"top_k", "-2"},
                                          {"seed", "1.5"},
                                          {"seed", "\"1\""},
                                          {"max_tokens", "-1"},
                                          {"stream", "1"},
                                          {"stop", "[\"a\",1]"},
                                          {"stop", "\"\""},
                                          {"stop", "[\"1\",\"2\",\"3\",\"4\",\"5\"]"},
                                          {"stop", "\"a\\u0000b\""},
                                          {"stream_options", "1"}};
    for (size_t i = 0; i < sizeof both / sizeof both[0]; i++) {
        char body[512];
        for (int kind = 0; kind < 2; kind++) {
            snprintf(body, sizeof body, "{%s,\"%s\":%s}", kind == TJ_API_CHAT ? CHAT : PLAIN,
                     both[i][0], both[i][1]);
            refused((tj_api_kind)kind, body, both[i][0], both[i][0]);
        }
    }
}

static void fields_that_contradict_are_refused(void **state)
{
    (void)state;
    refused(TJ_API_TEXT, "{" PLAIN ",\"n\":3,\"best_of\":2}", "best_of", "less than n");
    refused(TJ_API_TEXT, "{" PLAIN ",\"n\":1,\"best_of\":2,\"stream\":true}", "best_of",
            "streamed");
    refused(TJ_API_CHAT, "{" CHAT ",\"top_logprobs\":1}", "top_logprobs", "without logprobs");
    refused(TJ_API_CHAT, "{" CHAT ",\"stream_options\":{\"include_usage\":true}}", "stream_options",
            "without stream");
    refused(TJ_API_CHAT, "{" CHAT ",\"stream\":true,\"stream_options\":{\"x\":true}}",
            "stream_options", "stream_options.x");
    refused(TJ_API_CHAT, "{" CHAT ",\"chat_template_kwargs\":{\"x\":1}}", "chat_template_kwargs",
            "chat_template_kwargs.x");
}

static void bodies_that_are_not_requests_are_refused(void **state)
{
    (void)state;
    refused(TJ_API_TEXT, "", "", "not JSON");
    refused(TJ_API_TEXT, "{", "", "not JSON");
    refused(TJ_API_TEXT, "[]", "", "not an object");
    refused(TJ_API_TEXT, "{\"model\":\"\xff\"}", "", "not JSON");
    refused(TJ_API_TEXT, "{\"model\":\"m\",\"model\":\"m\"}", "", "not JSON");
    refused(TJ_API_TEXT, "{\"prompt\":\"x\"}", "model", "missing");
    char deep[128] = "{\"model\":";
    for (size_t i = strlen(deep); i < 60; i++) {
        deep[i] = '[';
    }
    refused(TJ_API_TEXT, deep, "", "levels");
    tj_api_request req; /* brackets in strings are no levels */
    parse(&req, TJ_API_TEXT, "\"model\":\"m\",\"prompt\":\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"", "");
    tj_api_request_deinit(&req);
}

static void failed_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    const char *body = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                       "[{\"type\":\"text\",\"text\":\"a\"}]}]}";
    tj_code rc = TJ_E_NOMEM;
    size_t k = 0;
    for (; rc != TJ_OK && k < 100; k++) {
        tj_api_request req;
        tj_api_error e;
        tj_alloc_fail_after(k);
        rc = tj_api_request_parse(&req, TJ_API_CHAT, body, strlen(body), &e);
        tj_alloc_fail_after(SIZE_MAX);
        if (rc == TJ_OK) {
            tj_api_request_deinit(&req);
        } else {
            assert_int_equal(rc, TJ_E_NOMEM);
            assert_int_equal(e.status, 503);
        }
    }
    assert_in_range(k, 2, 99);
}

/* ------------------------------------------------------------ errors, routes, keys, counters */

static void errors_are_in_openais_form(void **state)
{
    (void)state;
    tj_api_error e;
    tj_buf out;
    tj_buf_init(&out);
    (void)tj_api_fail(&e, TJ_E_LIMIT, "x", "say \"no\"");
    tj_api_error_json(&out, &e);
    json_t *root = json_loads(tj_buf_text(&out), 0, NULL);
    const char *message, *type, *param, *code;
    assert_int_equal(json_unpack(root, "{s:{s:s,s:s,s:s,s:s}}", "error", "message", &message,
                                 "type", &type, "param", &param, "code", &code),
                     0);
    assert_int_equal(e.status, 429);
    assert_string_equal(message, "say \"no\"");
    assert_string_equal(type, "rate_limit_error");
    assert_string_equal(param, "x");
    assert_string_equal(code, "queue_full");
    json_decref(root);
    tj_buf_deinit(&out);
}

static void routes_are_found_by_their_whole_path(void **state)
{
    (void)state;
    const char *id;
    assert_int_equal(tj_route_find("/v1/models", &id)->which, TJ_ROUTE_MODELS);
    assert_int_equal(tj_route_find("/v1/models/a/b", &id)->which, TJ_ROUTE_MODEL);
    assert_string_equal(id, "a/b");
    assert_int_equal(tj_route_find("/v1/models/", &id)->which, TJ_ROUTE_NONE);
    assert_int_equal(tj_route_find("/v1/completions", &id)->which, TJ_ROUTE_COMPLETIONS);
    assert_int_equal(tj_route_find("/v1/completions/x", &id)->which, TJ_ROUTE_NONE);
    assert_int_equal(tj_route_find("/", &id)->which, TJ_ROUTE_NONE);
    assert_true(tj_route_find("/health", &id)->is_open);
    assert_false(tj_route_find("/metrics", &id)->is_open);
}

static void only_the_given_keys_open(void **state)
{
    (void)state;
    tj_keys *keys;
    tj_err err;
    assert_int_equal(tj_keys_create(&keys, "# mine\r\nabc\r\n\n d-e_f , ghi\n", &err), TJ_OK);
    assert_true(tj_keys_allow(keys, "Bearer abc"));
    assert_true(tj_keys_allow(keys, "bearer d-e_f"));
    assert_true(tj_keys_allow(keys, "Bearer ghi"));
    assert_false(tj_keys_allow(keys, "Bearer ab"));
    assert_false(tj_keys_allow(keys, "Bearer abcd"));
    assert_false(tj_keys_allow(keys, "Bearer "));
    assert_false(tj_keys_allow(keys, "Basic abc"));
    assert_false(tj_keys_allow(keys, "abc"));
    assert_false(tj_keys_allow(keys, NULL));
    tj_keys_destroy(keys);
    assert_int_equal(tj_keys_create(&keys, "# none\n\n", &err), TJ_OK);
    assert_null(keys);
    assert_int_equal(tj_keys_create(&keys, "abc\nsecret key\n", &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "line 2"));
    assert_null(strstr(err.msg, "secret"));
}

static void an_address_that_others_reach_needs_to_be_open(void **state)
{
    (void)state;
    int fd;
    uint16_t port;
    tj_err err;
    assert_int_equal(tj_listen(&fd, &port, "0.0.0.0", 0, false, &err), TJ_E_INVAL);
    assert_int_equal(fd, -1);
    assert_int_equal(tj_listen(&fd, &port, "no.such.host.invalid", 0, true, &err), TJ_E_NOTFOUND);
}

static void counters_are_prometheus_text(void **state)
{
    (void)state;
    tj_metrics m;
    tj_buf out;
    tj_buf_init(&out);
    tj_metrics_init(&m);
    tj_metrics_request(&m, "/health", 200, 0.02);
    tj_metrics_request(&m, "/health", 200, 400.0);
    tj_metrics_request(&m, "/health", 503, 0.02);
    tj_metrics_tokens(&m, 10, 4, 3);
    tj_metrics_first_token(&m, 0.3);
    tj_metrics_set(&m, &(tj_gauges){.n_waiting = 2, .n_computed = 10, .n_path = 25});
    tj_metrics_text(&m, &out);
    static const char *const lines[] = {
        "tabiji_requests_total{route=\"/health\",status=\"200\"} 2\n",
        "tabiji_requests_total{route=\"/health\",status=\"503\"} 1\n",
        "tabiji_prompt_tokens_total 10\n",
        "tabiji_cached_tokens_total 4\n",
        "tabiji_generated_tokens_total 3\n",
        "tabiji_queue_length 2\n",
        "tabiji_sharing_ratio 2.5\n",
        "tabiji_time_to_first_token_seconds_bucket{le=\"0.25\"} 0\n",
        "tabiji_time_to_first_token_seconds_bucket{le=\"0.5\"} 1\n",
        "tabiji_request_duration_seconds_bucket{le=\"300\"} 2\n",
        "tabiji_request_duration_seconds_bucket{le=\"+Inf\"} 3\n",
        "tabiji_request_duration_seconds_count 3\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (strstr(tj_buf_text(&out), lines[i]) == NULL) {
            fail_msg("no %s", lines[i]);
        }
    }
    tj_metrics_deinit(&m);
    tj_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_openais),
        cmocka_unit_test(all_fields_of_completions_are_read),
        cmocka_unit_test(prompts_are_texts_or_ids),
        cmocka_unit_test(messages_are_texts_or_parts),
        cmocka_unit_test(what_would_change_the_answer_is_refused_by_name),
        cmocka_unit_test(answers_may_be_held_to_a_form),
        cmocka_unit_test(values_out_of_range_are_refused_by_name),
        cmocka_unit_test(fields_that_contradict_are_refused),
        cmocka_unit_test(bodies_that_are_not_requests_are_refused),
        cmocka_unit_test(failed_allocations_leave_nothing_behind),
        cmocka_unit_test(errors_are_in_openais_form),
        cmocka_unit_test(routes_are_found_by_their_whole_path),
        cmocka_unit_test(only_the_given_keys_open),
        cmocka_unit_test(an_address_that_others_reach_needs_to_be_open),
        cmocka_unit_test(counters_are_prometheus_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
