/* The whole server from outside, by raw sockets: every route and status, streams that say the same
 * as whole answers, and clients that are slow, wrong, too many or gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/job.h"
#include "http_client.h"
#include "served.h"

#define CHAT  "/v1/chat/completions"
#define PLAIN "/v1/completions"

static served s;
static tj_service *service;
static tj_server *server;
static uint16_t port;
static http_answer answer;

static void start(const tj_service_config *service_cfg, const tj_server_config *cfg)
{
    tj_err err;
    if (tj_service_create(&service, service_cfg, &err) != TJ_OK ||
        tj_server_start(&server, service, cfg, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    port = tj_server_port(server);
}

static void stop(void)
{
    tj_server_stop(server);
    tj_service_destroy(service);
}

static tj_server_config defaults(void)
{
    tj_server_config cfg;
    tj_server_config_default(&cfg);
    cfg.port = 0;
    return cfg;
}

static void start_default(void)
{
    const tj_server_config cfg = defaults();
    start(&s.cfg, &cfg);
}

/* The answer as JSON; fails unless it has this status. */
static json_t *expect(int status)
{
    if (answer.status != status) {
        fail_msg("status %d, expected %d: %s", answer.status, status, answer.body);
    }
    json_t *root = json_loads(answer.body, 0, NULL);
    if (root == NULL) {
        fail_msg("not JSON: %s", answer.body);
    }
    return root;
}

static void expect_error(int status, const char *param, const char *code)
{
    json_t *root = expect(status);
    const json_t *error = json_object_get(root, "error");
    assert_true(json_string_length(json_object_get(error, "message")) > 0);
    assert_true(json_is_string(json_object_get(error, "type")));
    if (param != NULL) {
        assert_string_equal(json_string_value(json_object_get(error, "param")), param);
    }
    if (code != NULL) {
        assert_string_equal(json_string_value(json_object_get(error, "code")), code);
    }
    json_decref(root);
}

static void wait_idle(double seconds)
{
    double end = tj_clock_seconds() + seconds;
    while (!tj_service_is_idle(service)) {
        assert_true(tj_clock_seconds() < end);
        (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}

/* ------------------------------------------------------------ answers */

static void routes_answer(void **state)
{
    (void)state;
    start_default();
    http_ask(port, &answer, "GET", "/health", NULL, NULL);
    json_decref(expect(200));
    http_ask(port, &answer, "GET", "/v1/models", NULL, NULL);
    json_t *root = expect(200);
    const char *id;
    assert_int_equal(json_unpack(root, "{s:[{s:s}]}", "data", "id", &id), 0);
    assert_string_equal(id, "tiny");
    json_decref(root);
    http_ask(port, &answer, "GET", "/v1/models/tiny", NULL, NULL);
    json_decref(expect(200));
    http_ask(port, &answer, "GET", "/v1/models/other", NULL, NULL);
    expect_error(404, NULL, "model_not_found");
    http_ask(port, &answer, "GET", "/nowhere", NULL, NULL);
    expect_error(404, NULL, "not_found");
    http_ask(port, &answer, "GET", CHAT, NULL, NULL);
    expect_error(405, NULL, "method_not_allowed");
    assert_non_null(strstr(answer.head, "Allow: POST"));
    http_ask(port, &answer, "DELETE", "/health", NULL, NULL);
    expect_error(405, NULL, NULL);
    http_ask(port, &answer, "GET", "/metrics", NULL, NULL);
    assert_int_equal(answer.status, 200);
    assert_non_null(
        strstr(answer.body, "tabiji_requests_total{route=\"other\",status=\"404\"} 1\n"));
    assert_non_null(strstr(answer.head, "text/plain; version=0.0.4"));
    stop();
}

/* Joins the pieces of a stream; the last event is [DONE]. */
static size_t join_stream(char *text, size_t max, const char *kind, json_t **usage)
{
    size_t n_events = 0, n = 0;
    bool done = false;
    text[0] = 0;
    for (char *line = strtok(answer.body, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_int_equal(strncmp(line, "data: ", 6), 0);
        assert_false(done);
        if (strcmp(line + 6, "[DONE]") == 0) {
            done = true;
            continue;
        }
        json_t *event = json_loads(line + 6, 0, NULL);
        assert_non_null(event);
        const json_t *choice = json_array_get(json_object_get(event, "choices"), 0);
        const json_t *piece = strcmp(kind, "text") == 0
                                  ? json_object_get(choice, "text")
                                  : json_object_get(json_object_get(choice, "delta"), kind);
        if (json_is_string(piece)) {
            n += (size_t)snprintf(text + n, max - n, "%s", json_string_value(piece));
        }
        if (usage != NULL && json_is_object(json_object_get(event, "usage"))) {
            *usage = json_incref(json_object_get(event, "usage"));
        }
        n_events++;
        json_decref(event);
    }
    assert_true(done);
    return n_events;
}

static void streams_say_what_whole_answers_say(void **state)
{
    (void)state;
    static const struct {
        const char *path, *kind, *body;
    } cases[] = {{CHAT, "content",
                  "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                  "\"seed\":3,\"max_tokens\":40"},
                 {PLAIN, "text",
                  "{\"model\":\"tiny\",\"prompt\":\"Once upon\",\"seed\":4,\"max_tokens\":40,"
                  "\"echo\":true"}};
    start_default();
    for (size_t i = 0; i < 2; i++) {
        char body[512], text[8192];
        snprintf(body, sizeof body, "%s}", cases[i].body);
        http_ask(port, &answer, "POST", cases[i].path, NULL, body);
        json_t *whole = expect(200);
        const json_t *choice = json_array_get(json_object_get(whole, "choices"), 0);
        const char *want =
            i == 0
                ? json_string_value(json_object_get(json_object_get(choice, "message"), "content"))
                : json_string_value(json_object_get(choice, "text"));
        snprintf(body, sizeof body,
                 "%s,\"stream\":true,\"stream_options\":{\"include_usage\":true}}", cases[i].body);
        http_ask(port, &answer, "POST", cases[i].path, NULL, body);
        assert_int_equal(answer.status, 200);
        assert_non_null(strstr(answer.head, "text/event-stream"));
        json_t *usage = NULL;
        assert_true(join_stream(text, sizeof text, cases[i].kind, &usage) >= 3);
        assert_string_equal(text, want);
        assert_true(json_integer_value(json_object_get(usage, "completion_tokens")) ==
                    json_integer_value(
                        json_object_get(json_object_get(whole, "usage"), "completion_tokens")));
        json_decref(usage);
        json_decref(whole);
    }
    stop();
}

#define LIST_FORMAT                                                                                \
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"l\",\"schema\":"    \
    "{\"type\":\"object\",\"properties\":{\"t\":{\"type\":\"string\",\"maxLength\":20},\"n\":"     \
    "{\"enum\":[1,0,-1]}}}}}"

/* What an answer in that form says; of a stream or whole. */
static void check_form(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    if (json == NULL || json_object_size(json) != 2 ||
        !json_is_integer(json_object_get(json, "n"))) {
        fail_msg("not in the form: %s", text);
    }
    json_decref(json);
}

static void answers_are_held_to_the_form_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *path, *kind, *body;
    } cases[] = {
        {CHAT, "content",
         "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]," LIST_FORMAT
         ",\"seed\":3"},
        {PLAIN, "text",
         "{\"model\":\"tiny\",\"prompt\":\"Once\",\"max_tokens\":300,"
         "\"seed\":4," LIST_FORMAT}};
    start_default();
    for (size_t i = 0; i < 2; i++) {
        char body[1024], text[8192];
        snprintf(body, sizeof body, "%s}", cases[i].body);
        http_ask(port, &answer, "POST", cases[i].path, NULL, body);
        json_t *whole = expect(200);
        const json_t *choice = json_array_get(json_object_get(whole, "choices"), 0);
        const json_t *message = i == 0 ? json_object_get(choice, "message") : choice;
        check_form(json_string_value(json_object_get(message, cases[i].kind)));
        assert_string_equal(json_string_value(json_object_get(choice, "finish_reason")), "stop");
        snprintf(body, sizeof body, "%s,\"stream\":true}", cases[i].body);
        http_ask(port, &answer, "POST", cases[i].path, NULL, body);
        assert_int_equal(answer.status, 200);
        (void)join_stream(text, sizeof text, cases[i].kind, NULL);
        assert_string_equal(text, json_string_value(json_object_get(message, cases[i].kind)));
        json_decref(whole);
    }
    stop();
}

static void log_probabilities_line_up_with_the_text(void **state)
{
    (void)state;
    start_default();
    http_ask(port, &answer, "POST", PLAIN, NULL,
             "{\"model\":\"tiny\",\"prompt\":\"\\u65c5\\u8def, a way\",\"echo\":true,"
             "\"logprobs\":2,\"max_tokens\":3,\"seed\":1,\"temperature\":0}");
    json_t *root = expect(200);
    json_t *choice = json_array_get(json_object_get(root, "choices"), 0);
    json_t *tokens, *logprobs, *top, *offsets;
    assert_int_equal(json_unpack(choice, "{s:{s:o, s:o, s:o, s:o}}", "logprobs", "tokens", &tokens,
                                 "token_logprobs", &logprobs, "top_logprobs", &top, "text_offset",
                                 &offsets),
                     0);
    size_t n = json_array_size(tokens);
    json_int_t n_all =
        json_integer_value(json_object_get(json_object_get(root, "usage"), "total_tokens"));
    assert_true((json_int_t)n == n_all);
    assert_int_equal(json_array_size(logprobs), n);
    assert_int_equal(json_array_size(top), n);
    assert_int_equal(json_array_size(offsets), n);
    assert_true(json_is_null(json_array_get(logprobs, 0)));
    assert_true(json_is_null(json_array_get(top, 0)));
    for (size_t i = 1; i < n; i++) {
        const char *key;
        json_t *value, *own = json_array_get(logprobs, i);
        bool found = false;
        assert_true(json_number_value(own) <= 0.0);
        assert_true(json_integer_value(json_array_get(offsets, i)) >=
                    json_integer_value(json_array_get(offsets, i - 1)));
        json_object_foreach(json_array_get(top, i), key, value)
        {
            found = found || json_equal(value, own);
        }
        assert_true(found); /* the token itself is always among them */
    }
    json_decref(root);
    stop();
}

static void scoring_needs_no_new_token(void **state)
{
    (void)state;
    start_default();
    http_ask(port, &answer, "POST", PLAIN, NULL,
             "{\"model\":\"tiny\",\"prompt\":[[1,2,3,4],[5,6]],\"echo\":true,\"logprobs\":0,"
             "\"max_tokens\":0}");
    json_t *root = expect(200);
    json_t *a, *b;
    const char *finish;
    json_int_t n_new;
    assert_int_equal(json_unpack(root, "{s:[{s:{s:o}, s:s}, {s:{s:o}}], s:{s:I}}", "choices",
                                 "logprobs", "token_logprobs", &a, "finish_reason", &finish,
                                 "logprobs", "token_logprobs", &b, "usage", "completion_tokens",
                                 &n_new),
                     0);
    assert_int_equal(json_array_size(a), 4);
    assert_int_equal(json_array_size(b), 2);
    assert_string_equal(finish, "length");
    assert_true(n_new == 0);
    json_decref(root);
    stop();
}

static void the_best_of_several_come_first(void **state)
{
    (void)state;
    double means[6], best[2] = {0.0, 0.0};
    start_default();
    http_ask(port, &answer, "POST", PLAIN, NULL,
             "{\"model\":\"tiny\",\"prompt\":\"a\",\"n\":6,\"logprobs\":0,\"max_tokens\":9,"
             "\"seed\":1}");
    json_t *all = expect(200);
    http_ask(port, &answer, "POST", PLAIN, NULL,
             "{\"model\":\"tiny\",\"prompt\":\"a\",\"n\":2,\"best_of\":6,\"logprobs\":0,"
             "\"max_tokens\":9,\"seed\":1}");
    json_t *two = expect(200);
    assert_int_equal(json_array_size(json_object_get(two, "choices")), 2);
    for (size_t i = 0; i < 8; i++) {
        const json_t *choice =
            json_array_get(json_object_get(i < 6 ? all : two, "choices"), i < 6 ? i : i - 6);
        const json_t *list = json_object_get(json_object_get(choice, "logprobs"), "token_logprobs");
        double sum = 0.0;
        for (size_t t = 0; t < json_array_size(list); t++) {
            sum += json_number_value(json_array_get(list, t));
        }
        sum /= (double)json_array_size(list);
        if (i < 6) {
            means[i] = sum;
        } else {
            best[i - 6] = sum;
        }
    }
    for (size_t i = 0; i < 6; i++) { /* none is better than the first, at most it than the second */
        assert_true(means[i] <= best[0]);
        assert_true(means[i] <= best[1] || means[i] >= best[0]);
    }
    assert_true(json_equal(json_object_get(json_object_get(all, "usage"), "completion_tokens"),
                           json_object_get(json_object_get(two, "usage"), "completion_tokens")));
    json_decref(all);
    json_decref(two);
    stop();
}

/* ------------------------------------------------------------ refusals */

static void wrong_requests_are_refused_with_their_field(void **state)
{
    (void)state;
    start_default();
    http_ask(port, &answer, "POST", CHAT, NULL, "not json");
    expect_error(400, NULL, NULL);
    http_ask(port, &answer, "POST", CHAT, NULL, "{\"model\":\"tiny\",\"messages\":[]}");
    expect_error(400, "messages", NULL);
    http_ask(port, &answer, "POST", PLAIN, NULL, "{\"model\":\"other\",\"prompt\":\"a\"}");
    expect_error(404, "model", "model_not_found");
    http_ask(port, &answer, "POST", PLAIN, NULL, "{\"model\":\"tiny\",\"prompt\":\"\"}");
    expect_error(400, "prompt", NULL);
    http_ask(port, &answer, "POST", PLAIN, NULL, "{\"model\":\"tiny\",\"prompt\":[999999]}");
    expect_error(400, NULL, NULL);
    http_ask(port, &answer, "POST", PLAIN, NULL,
             "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":401}");
    expect_error(400, "max_tokens", NULL);
    char body[8192] = "{\"model\":\"tiny\",\"prompt\":[1";
    for (size_t i = 0; i < 600; i++) {
        strcat(body, ",1");
    }
    strcat(body, "]}");
    http_ask(port, &answer, "POST", PLAIN, NULL, body);
    expect_error(400, "prompt", "context_length_exceeded");
    http_ask(port, &answer, "POST", PLAIN, NULL,
             "{\"model\":\"tiny\",\"prompt\":\"a\",\"temperature\":1e-30,\"stream\":true}");
    assert_int_equal(answer.status, 400); /* no stream has begun: the status says it */
    stop();
}

static void bodies_of_another_type_are_refused(void **state)
{
    (void)state;
    static const char request[] =
        "POST " CHAT " HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
        "Content-Length: 2\r\n\r\n{}";
    start_default();
    int fd = http_connect(port);
    http_send(fd, request, strlen(request));
    http_read(fd, &answer);
    expect_error(415, NULL, NULL);
    close(fd);
    stop();
}

static void bodies_that_are_too_large_are_refused(void **state)
{
    (void)state;
    tj_server_config cfg = defaults();
    cfg.max_body = 1000;
    start(&s.cfg, &cfg);
    char *body = calloc(1, 200001);
    memset(body, ' ', 1001);
    http_ask(port, &answer, "POST", CHAT, NULL, body);
    expect_error(413, NULL, "request_too_large");
    memset(body, ' ', 200000); /* is not even read */
    http_ask(port, &answer, "POST", CHAT, NULL, body);
    assert_true(answer.status == 413 || answer.status == 0);
    static const char chunked[] = "POST " CHAT " HTTP/1.1\r\nHost: x\r\nContent-Type: "
                                  "application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    int fd = http_connect(port);
    http_send(fd, chunked, strlen(chunked));
    for (size_t i = 0; i < 100; i++) { /* without saying how much is to come */
        http_send(fd, "100\r\n", 5);
        http_send(fd, body, 256);
        http_send(fd, "\r\n", 2);
    }
    http_read(fd, &answer);
    assert_int_equal(answer.status, 0);
    close(fd);
    free(body);
    http_ask(port, &answer, "GET", "/health", NULL, NULL);
    assert_int_equal(answer.status, 200);
    stop();
}

static void keys_are_asked_for(void **state)
{
    (void)state;
    tj_server_config cfg = defaults();
    cfg.keys = "first\nsecond\n";
    start(&s.cfg, &cfg);
    const char *paths[] = {"/v1/models", "/metrics", "/nowhere"};
    for (size_t i = 0; i < 3; i++) {
        http_ask(port, &answer, "GET", paths[i], NULL, NULL);
        expect_error(401, NULL, "invalid_api_key");
        http_ask(port, &answer, "GET", paths[i], "third", NULL);
        expect_error(401, NULL, "invalid_api_key");
        http_ask(port, &answer, "GET", paths[i], "second", NULL);
        assert_int_not_equal(answer.status, 401);
    }
    http_ask(port, &answer, "POST", CHAT, NULL, "{}");
    expect_error(401, NULL, "invalid_api_key");
    http_ask(port, &answer, "POST", CHAT, "first", "{}");
    expect_error(400, "model", NULL);
    http_ask(port, &answer, "GET", "/health", NULL, NULL);
    assert_int_equal(answer.status, 200);
    stop();
}

static void a_server_for_others_needs_keys(void **state)
{
    (void)state;
    tj_server_config cfg = defaults();
    tj_err err;
    cfg.host = "0.0.0.0";
    assert_int_equal(tj_service_create(&service, &s.cfg, &err), TJ_OK);
    assert_int_equal(tj_server_start(&server, service, &cfg, &err), TJ_E_INVAL);
    assert_null(server);
    cfg.host = "127.0.0.1";
    cfg.tls_cert = "no certificate";
    assert_int_equal(tj_server_start(&server, service, &cfg, &err), TJ_E_INVAL);
    cfg.tls_key = "no key";
    assert_int_equal(tj_server_start(&server, service, &cfg, &err), TJ_E_BACKEND);
    cfg = defaults();
    assert_int_equal(tj_server_start(&server, service, &cfg, &err), TJ_OK);
    tj_server *other;
    cfg.port = tj_server_port(server);
    assert_int_equal(tj_server_start(&other, service, &cfg, &err), TJ_E_CONFLICT);
    stop();
}

/* ------------------------------------------------------------ clients that misbehave */

static void half_a_request_is_given_up(void **state)
{
    (void)state;
    static const char head[] = "POST " CHAT " HTTP/1.1\r\nHost: x\r\nContent-Type: "
                               "application/json\r\nContent-Length: 100\r\n\r\n{\"model\"";
    tj_server_config cfg = defaults();
    cfg.read_timeout_s = 0.3;
    start(&s.cfg, &cfg);
    double begin = tj_clock_seconds();
    int fd = http_connect(port); /* half a body */
    http_send(fd, head, strlen(head));
    int dumb = http_connect(port); /* half a header */
    http_send(dumb, head, 10);
    http_read(fd, &answer);
    assert_int_equal(answer.status, 408);
    http_read(dumb, &answer);
    assert_int_equal(answer.status, 0);
    assert_true(tj_clock_seconds() - begin < 5.0);
    close(fd);
    close(dumb);
    stop();
}

static void a_byte_now_and_then_does_not_keep_a_connection(void **state)
{
    (void)state;
    static const char line[] = "GET /health HTTP/1.1\r\nHost: x\r\nX: ";
    tj_server_config cfg = defaults();
    cfg.read_timeout_s = 0.3;
    start(&s.cfg, &cfg);
    int fd = http_connect(port);
    char c;
    bool closed = false;
    http_send(fd, line, strlen(line));
    for (size_t i = 0; i < 100 && !closed; i++) {
        http_send(fd, "x", 1);
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        closed = recv(fd, &c, 1, MSG_DONTWAIT) == 0;
    }
    assert_true(closed);
    close(fd);
    stop();
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    start_default();
    int fd = http_connect(port);
    for (size_t i = 0; i < 3; i++) {
        http_request(fd, "GET", "/v1/models", NULL, NULL);
        http_request(fd, "POST", PLAIN, NULL,
                     "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":2}");
        http_request(fd, "GET", "/nowhere", NULL, NULL);
    }
    for (size_t i = 0; i < 9; i++) {
        http_read(fd, &answer);
        assert_int_equal(answer.status, i % 3 == 2 ? 404 : 200);
        assert_int_equal(strstr(answer.body, "text_completion") != NULL, i % 3 == 1);
    }
    close(fd);
    stop();
}

static void bytes_that_are_no_http_are_refused(void **state)
{
    (void)state;
    start_default();
    int fd = http_connect(port);
    http_send(fd, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15);
    http_read(fd, &answer);
    assert_true(answer.status == 0 || answer.status >= 400);
    close(fd);
    http_ask(port, &answer, "GET", "/health", NULL, NULL);
    assert_int_equal(answer.status, 200);
    stop();
}

/* Until the metrics say it: a request is counted when its connection is done with, which may be a
 * moment after its work has stopped. */
static void wait_metric(const char *line, double seconds)
{
    double end = tj_clock_seconds() + seconds;
    do {
        http_ask(port, &answer, "GET", "/metrics", NULL, NULL);
    } while (strstr(answer.body, line) == NULL && tj_clock_seconds() < end);
    assert_non_null(strstr(answer.body, line));
}

/* Whoever leaves, its continuations stop: 16 of 400 tokens each would run for much longer. */
static void generation_stops_when_its_client_goes(void **state)
{
    (void)state;
    start_default();
    for (size_t streamed = 0; streamed < 2; streamed++) {
        char body[256], bytes[64];
        snprintf(body, sizeof body,
                 "{\"model\":\"tiny\",\"prompt\":\"a\",\"n\":16,\"max_tokens\":400,\"seed\":%zu,"
                 "\"stream\":%s}",
                 streamed + 2, streamed != 0 ? "true" : "false");
        int fd = http_connect(port);
        http_request(fd, "POST", PLAIN, NULL, body);
        if (streamed != 0) {
            assert_true(recv(fd, bytes, sizeof bytes, 0) > 0);
        } else {
            while (tj_service_is_idle(service)) {
                (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
            }
        }
        close(fd);
        wait_idle(10.0);
    }
    wait_metric("requests_total{route=\"/v1/completions\",status=\"499\"} 2\n", 10.0);
    stop();
}

static void a_full_queue_says_when_to_come_back(void **state)
{
    (void)state;
    tj_service_config service_cfg = s.cfg;
    const tj_server_config cfg = defaults();
    service_cfg.max_running = 1;
    service_cfg.max_queue = 1;
    start(&service_cfg, &cfg);
    int fds[3];
    int n_full = 0;
    for (size_t i = 0; i < 3; i++) {
        fds[i] = http_connect(port);
        http_request(fds[i], "POST", PLAIN, NULL,
                     "{\"model\":\"tiny\",\"prompt\":\"a\",\"n\":64,\"max_tokens\":400}");
        (void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    http_read(fds[2], &answer);
    if (answer.status == 429) {
        n_full++;
        assert_non_null(strstr(answer.head, "Retry-After: 1"));
        expect_error(429, NULL, "queue_full");
    }
    assert_int_equal(n_full, 1);
    for (size_t i = 0; i < 3; i++) {
        close(fds[i]);
    }
    wait_idle(10.0);
    stop();
}

static void what_takes_too_long_ends(void **state)
{
    (void)state;
    tj_service_config service_cfg = s.cfg;
    const tj_server_config cfg = defaults();
    service_cfg.timeout_s = 0.05;
    start(&service_cfg, &cfg);
    http_ask(port, &answer, "POST", PLAIN, NULL,
             "{\"model\":\"tiny\",\"prompt\":\"a\",\"n\":64,\"max_tokens\":400}");
    expect_error(504, NULL, "timeout");
    http_ask(port, &answer, "POST", PLAIN, NULL,
             "{\"model\":\"tiny\",\"prompt\":\"a\",\"n\":64,\"max_tokens\":400,\"stream\":true}");
    if (answer.status == 200) { /* it had begun: the last event says it */
        assert_non_null(strstr(answer.body, "\"code\":\"timeout\""));
        assert_null(strstr(answer.body, "[DONE]"));
    } else {
        assert_int_equal(answer.status, 504);
    }
    stop();
}

static void a_draining_server_ends_what_it_has(void **state)
{
    (void)state;
    start_default();
    int fd = http_connect(port);
    http_request(fd, "POST", PLAIN, NULL,
                 "{\"model\":\"tiny\",\"prompt\":\"a\",\"n\":4,\"max_tokens\":100,\"seed\":1}");
    while (tj_service_is_idle(service)) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    tj_service_drain(service);
    static http_answer late;
    http_ask(port, &late, "POST", PLAIN, NULL, "{\"model\":\"tiny\",\"prompt\":\"a\"}");
    assert_int_equal(late.status, 503);
    assert_non_null(strstr(late.body, "shutting_down"));
    http_ask(port, &late, "GET", "/health", NULL, NULL);
    assert_int_equal(late.status, 503);
    tj_server_drain(server, 5.0);
    http_read(fd, &answer); /* it was sent before drain returned */
    json_decref(expect(200));
    close(fd);
    stop();
}

static void a_server_stops_in_the_middle_of_a_stream(void **state)
{
    (void)state;
    char bytes[64];
    start_default();
    int fd = http_connect(port);
    http_request(fd, "POST", PLAIN, NULL,
                 "{\"model\":\"tiny\",\"prompt\":\"a\",\"n\":32,\"max_tokens\":400,"
                 "\"stream\":true}");
    assert_true(recv(fd, bytes, sizeof bytes, 0) > 0);
    int waiting = http_connect(port);
    http_request(waiting, "POST", PLAIN, NULL,
                 "{\"model\":\"tiny\",\"prompt\":\"a\",\"n\":64,\"max_tokens\":400}");
    (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    stop();
    close(fd);
    close(waiting);
}

static int open_all(void **state)
{
    (void)state;
    served_open(&s);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    served_close(&s);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_answer),
        cmocka_unit_test(streams_say_what_whole_answers_say),
        cmocka_unit_test(answers_are_held_to_the_form_asked_for),
        cmocka_unit_test(log_probabilities_line_up_with_the_text),
        cmocka_unit_test(scoring_needs_no_new_token),
        cmocka_unit_test(the_best_of_several_come_first),
        cmocka_unit_test(wrong_requests_are_refused_with_their_field),
        cmocka_unit_test(bodies_of_another_type_are_refused),
        cmocka_unit_test(bodies_that_are_too_large_are_refused),
        cmocka_unit_test(keys_are_asked_for),
        cmocka_unit_test(a_server_for_others_needs_keys),
        cmocka_unit_test(half_a_request_is_given_up),
        cmocka_unit_test(a_byte_now_and_then_does_not_keep_a_connection),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(bytes_that_are_no_http_are_refused),
        cmocka_unit_test(generation_stops_when_its_client_goes),
        cmocka_unit_test(a_full_queue_says_when_to_come_back),
        cmocka_unit_test(what_takes_too_long_ends),
        cmocka_unit_test(a_draining_server_ends_what_it_has),
        cmocka_unit_test(a_server_stops_in_the_middle_of_a_stream)};
    return cmocka_run_group_tests(tests, open_all, close_all);
}
