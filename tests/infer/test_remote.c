/* The client against a server on loopback that answers rightly and, in every way that a server can,
 * wrongly. Back-off is waited for on a clock of the test's, so that it takes no time; requests are
 * counted, to show what is asked again and what is not. */
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

#include "base/alloc.h"
#include "base/fs.h"
#include "base/json.h"
#include "infer/remote.h"
#include "support/http_script.h"

#define SECRET  "sk-secret-key"
#define MAX_ASK 16 /* queries at once */

/* ------------------------------------------------------------ the test's clock and log */

typedef struct fake_clock {
    double now;
} fake_clock;

static double fake_seconds(void *ctx)
{
    return ((fake_clock *)ctx)->now;
}

static int64_t fake_unix_us(void *ctx) /* the clock began Sun, 06 Nov 1994 08:49:37 GMT */
{
    return (784111777 + (int64_t)fake_seconds(ctx)) * 1000000;
}

static void fake_sleep(void *ctx, double seconds)
{
    ((fake_clock *)ctx)->now += seconds > 0.001 ? seconds : 0.001;
}

static void real_pause(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* ------------------------------------------------------------ a client and what it asks */

typedef struct fixture {
    http_script server;
    fake_clock clock;
    tj_clock clock_fns;
    tj_remote_config cfg;
    tj_generator generator;
    tj_query queries[MAX_ASK];
    tj_message message;
    tj_err err;
    tj_buf log; /* all that the client said to its job */
    tj_cancel cancel;
    tj_job job;
    char format[512];            /* what a request says of a form, */
    bool refuses;                /* for which it is refused */
    char text[64];               /* what the server's functions keep of a request */
    atomic_size_t n_now, n_most; /* requests in flight; at any moment */
} fixture;

static void keep_log(void *ctx, const char *line)
{
    fixture *f = ctx;
    tj_buf_printf(&f->log, "%s\n", line);
}

static void begin(fixture *f, http_script_fn fn)
{
    memset(f, 0, sizeof *f);
    unsetenv("TABIJI_API_KEY");
    unsetenv("OPENAI_API_KEY");
    tj_buf_init(&f->log);
    f->clock_fns = (tj_clock){fake_seconds, fake_unix_us, fake_sleep, &f->clock};
    f->job = (tj_job){.log = keep_log, .ctx = f, .cancel = &f->cancel};
    f->message = (tj_message){TJ_ROLE_USER, "Hello", 5};
    tj_remote_config_default(&f->cfg);
    snprintf(f->cfg.model, sizeof f->cfg.model, "%s", "m");
    f->cfg.max_tries = 3;
    http_script_start(&f->server, fn, f);
}

static void open_client(fixture *f, const tj_cache *cache)
{
    if (tj_remote_open_at(&f->generator, f->server.url, &f->cfg, cache, &f->clock_fns, &f->err) !=
        TJ_OK) {
        fail_msg("%s", f->err.msg);
    }
}

/* Asks n queries, which differ by `problem`, for n_samples each. */
static tj_code ask(fixture *f, size_t n, size_t n_samples)
{
    if (f->generator.ctx == NULL) {
        open_client(f, NULL);
    }
    for (size_t i = 0; i < n; i++) {
        tj_query_deinit(&f->queries[i]);
        f->queries[i] = (tj_query){.messages = &f->message,
                                   .n_messages = 1,
                                   .sampling = {.temperature = 1.0, .top_p = 1.0},
                                   .seed = 5,
                                   .problem = i,
                                   .n_samples = n_samples,
                                   .max_tokens = 16};
    }
    return f->generator.generate(f->generator.ctx, f->queries, n, &f->job, &f->err);
}

static void end(fixture *f)
{
    tj_generator_close(&f->generator);
    http_script_stop(&f->server);
    for (size_t i = 0; i < MAX_ASK; i++) {
        tj_query_deinit(&f->queries[i]);
    }
    tj_buf_deinit(&f->log);
}

static void expect_error(fixture *f, tj_code got, tj_code want, const char *words)
{
    if (got != want || strstr(f->err.msg, words) == NULL) {
        fail_msg("code %d, '%s'; expected %d, '%s'", (int)got, f->err.msg, (int)want, words);
    }
    assert_non_null(strstr(f->err.msg, f->server.url)); /* errors name the URL */
}

static void expect_ok(fixture *f, tj_code rc)
{
    if (rc != TJ_OK) {
        fail_msg("%s", f->err.msg);
    }
}

static size_t n_requests(const fixture *f)
{
    return atomic_load(&f->server.n_requests);
}

/* ------------------------------------------------------------ right answers */

#define USAGE "\"usage\": {\"prompt_tokens\": 10, \"completion_tokens\": 5}"
#define GOOD                                                                                       \
    "{\"choices\": [{\"index\": 0, \"message\": {\"content\": \"Hi\"}, \"finish_reason\":"         \
    " \"stop\"}], " USAGE "}"

static size_t field_of(const char *body, const char *name, size_t fallback)
{
    json_t *json = json_loads(body, 0, NULL);
    const json_t *value = json_object_get(json, name);
    size_t n = json_is_integer(value) ? (size_t)json_integer_value(value) : fallback;
    json_decref(json);
    return n;
}

/* `n` choices whose texts tell the request's seed and their index. */
static void answer_choices(const http_request *r, size_t n)
{
    tj_buf body;
    size_t seed = field_of(r->body, "seed", 0);
    tj_buf_init(&body);
    tj_buf_str(&body, "{\"choices\": [");
    for (size_t i = 0; i < n; i++) {
        tj_buf_printf(&body,
                      "%s{\"index\": %zu, \"message\": {\"content\": \"%zu/%zu\"},"
                      " \"finish_reason\": \"stop\"}",
                      i == 0 ? "" : ", ", i, seed, i);
    }
    tj_buf_str(&body, "], " USAGE "}");
    http_answer(r->fd, 200, "Content-Type: application/json\r\n", tj_buf_text(&body));
    tj_buf_deinit(&body);
}

static void give_all(void *ctx, const http_request *r)
{
    (void)ctx;
    answer_choices(r, field_of(r->body, "n", 1));
}

static void check_request(void *ctx, const http_request *r)
{
    fixture *f = ctx;
    json_t *json = json_loads(r->body, JSON_REJECT_DUPLICATES, NULL);
    json_t *want =
        json_pack("{s:s, s:f, s:i, s:i, s:[{s:s, s:s}], s:[s]}", "model", "m", "temperature", 1.0,
                  "max_tokens", 16, "seed", (int)field_of(r->body, "seed", 0), "messages", "role",
                  "user", "content", "Hello", "stop", "\n");
    snprintf(f->text, sizeof f->text, "%s, %s, %s",
             strncmp(r->head, "POST /v1/chat/completions ", 26) == 0 ? "route" : "?",
             strstr(r->head, "\r\nAuthorization: Bearer " SECRET "\r\n") != NULL ? "key" : "?",
             json_equal(json, want) ? "body" : r->body);
    json_decref(json);
    json_decref(want);
    http_answer(r->fd, 200, "", GOOD);
}

static void a_conversation_is_answered(void **state)
{
    fixture f;
    const char *stop = "\n";
    (void)state;
    begin(&f, check_request);
    setenv("OPENAI_API_KEY", "not-this-one", 1);
    setenv("TABIJI_API_KEY", SECRET, 1);
    f.cfg.price_input = 1.0;
    f.cfg.price_output = 10.0;
    open_client(&f, NULL);
    tj_query q = {.messages = &f.message,
                  .n_messages = 1,
                  .sampling = {.temperature = 1.0, .top_p = 1.0},
                  .n_samples = 1,
                  .max_tokens = 16,
                  .stop = &stop,
                  .n_stop = 1};
    expect_ok(&f, f.generator.generate(f.generator.ctx, &q, 1, &f.job, &f.err));
    assert_string_equal(f.text, "route, key, body");
    assert_string_equal(q.completions[0].text, "Hi");
    assert_int_equal(q.completions[0].finish, TJ_FINISH_STOP);
    assert_int_equal(q.usage.n_prompt, 10);
    assert_true(q.usage.cost == (10.0 + 50.0) / 1e6);
    tj_generator_stats stats = f.generator.get_stats(f.generator.ctx);
    assert_int_equal(stats.n_tries, 1);
    assert_int_equal(stats.n_answers, 1);
    assert_true(stats.has_prices && stats.usage.cost == q.usage.cost);
    tj_query_deinit(&q);
    end(&f);
}

/* What of a body is about a form; the order of a schema is that of the answer. */
static void keep_format(void *ctx, const http_request *r)
{
    fixture *f = ctx;
    const char *at = strstr(r->body, "\"response_format\":");
    snprintf(f->format, sizeof f->format, "%s", at == NULL ? "none" : at + 18);
    if (f->refuses) {
        http_answer(r->fd, 400, "Content-Type: application/json\r\n",
                    "{\"error\": {\"message\": \"what is this?\"}}");
    } else {
        http_answer(r->fd, 200, "", GOOD);
    }
}

static tj_code ask_in_form(fixture *f, const tj_form *form)
{
    tj_query q = {.messages = &f->message,
                  .n_messages = 1,
                  .sampling = {.temperature = 1.0, .top_p = 1.0},
                  .n_samples = 1,
                  .max_tokens = 16,
                  .form = form};
    open_client(f, NULL);
    tj_code rc = f->generator.generate(f->generator.ctx, &q, 1, &f->job, &f->err);
    tj_query_deinit(&q);
    tj_generator_close(&f->generator);
    return rc;
}

static tj_form *compile_form(const char *schema)
{
    tj_form *form = NULL;
    json_t *json = json_loads(schema, 0, NULL);
    assert_int_equal(tj_form_create(&form, json, "schema", NULL), TJ_OK);
    json_decref(json);
    return form;
}

static void a_form_is_asked_for_as_the_settings_say(void **state)
{
    static const char schema[] =
        "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"answer\",\"strict\":true,\"schema\":"
        "{\"type\":\"object\",\"properties\":{\"z\":{\"type\":\"string\"},\"a\":{\"const\":1}}}}}";
    static const char *const sent[] = {schema,
                                       "{\"type\":\"json_object\",\"schema\":{\"type\":\"object\","
                                       "\"properties\":{\"z\":",
                                       "{\"type\":\"json_object\"}", "none"};
    fixture f;
    tj_form *form = compile_form(
        "{\"type\":\"object\",\"properties\":{\"z\":{\"type\":\"string\"},\"a\":{\"const\":1}}}");
    tj_form *any = compile_form("{\"type\":\"object\"}");
    (void)state;
    begin(&f, keep_format);
    for (int i = TJ_RESPONSE_SCHEMA; i <= TJ_RESPONSE_NONE; i++) {
        f.cfg.response_format = i;
        expect_ok(&f, ask_in_form(&f, form));
        assert_int_equal(strncmp(f.format, sent[i], strlen(sent[i])), 0);
        expect_ok(&f, ask_in_form(&f, any));
        int of_any = i == TJ_RESPONSE_NONE ? i : TJ_RESPONSE_OBJECT;
        assert_int_equal(strncmp(f.format, sent[of_any], strlen(sent[of_any])), 0);
        expect_ok(&f, ask_in_form(&f, NULL));
        assert_string_equal(f.format, "none");
    }
    tj_form_destroy(form);
    tj_form_destroy(any);
    end(&f);
}

static void a_server_that_refuses_a_form_is_told_of_by_the_setting(void **state)
{
    fixture f;
    tj_form *form = compile_form("{\"type\":\"array\"}");
    (void)state;
    begin(&f, keep_format);
    f.refuses = true;
    expect_error(&f, ask_in_form(&f, form), TJ_E_INVAL,
                 "what is this? (a response_format was sent: if the server does not know it, set "
                 "remote.response_format to object_schema, object or none)");
    assert_int_equal(ask_in_form(&f, NULL), TJ_E_INVAL);
    assert_null(strstr(f.err.msg, "response_format"));
    tj_form_destroy(form);
    end(&f);
}

/* Answers in one form are not those in another, or in none. */
static void keys_of_the_cache_know_the_form(void **state)
{
    static const char *const schemas[] = {
        "{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}}}",
        "{\"type\":\"object\",\"properties\":{\"b\":{},\"a\":{}}}", "{\"type\":\"object\"}"};
    fixture f;
    char keys[4][TJ_SHA256_HEX];
    (void)state;
    begin(&f, give_all);
    tj_query q = {.messages = &f.message, .n_messages = 1, .n_samples = 1, .max_tokens = 1};
    for (size_t i = 0; i < 4; i++) {
        tj_form *form = i < 3 ? compile_form(schemas[i]) : NULL;
        q.form = form;
        assert_int_equal(tj_remote_key(keys[i], "u", &f.cfg, &q, 0, NULL), TJ_OK);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(keys[k], keys[i]);
        }
        tj_form_destroy(form);
    }
    end(&f);
}

static void give_few(void *ctx, const http_request *r)
{
    (void)ctx;
    size_t n = field_of(r->body, "n", 1);
    answer_choices(r, n < 2 ? n : 2);
}

static void samples_that_a_server_leaves_out_are_asked_for_again(void **state)
{
    fixture f;
    (void)state;
    begin(&f, give_few);
    expect_ok(&f, ask(&f, 1, 5));
    assert_int_equal(n_requests(&f), 3);
    for (size_t i = 0; i < 5; i++) { /* each request has a seed of its own */
        char want[64];
        snprintf(want, sizeof want, "%zu/%zu", (size_t)tj_remote_seed(&f.queries[0], i / 2 * 2),
                 i % 2);
        assert_string_equal(f.queries[0].completions[i].text, want);
    }
    assert_int_equal(f.queries[0].usage.n_prompt, 30);
    end(&f);
}

static void samples_can_be_asked_for_apart(void **state)
{
    fixture f;
    (void)state;
    begin(&f, give_all);
    f.cfg.samples_per_request = 2;
    expect_ok(&f, ask(&f, 1, 5));
    assert_int_equal(n_requests(&f), 3);
    for (size_t i = 0; i < 5; i++) { /* a request's samples differ by index, requests by seed */
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(f.queries[0].completions[i].text,
                                    f.queries[0].completions[k].text);
        }
    }
    end(&f);
}

static void give_many(void *ctx, const http_request *r)
{
    (void)ctx;
    answer_choices(r, field_of(r->body, "n", 1) + 1);
}

static void more_samples_than_asked_for_are_an_error(void **state)
{
    fixture f;
    (void)state;
    begin(&f, give_many);
    expect_error(&f, ask(&f, 1, 2), TJ_E_PARSE, "status 200: choices has 3 entries, 2 were asked");
    assert_int_equal(n_requests(&f), 1);
    assert_int_equal(f.queries[0].usage.n_prompt, 10); /* paid, whatever it was worth */
    end(&f);
}

/* The request is counted as in flight until its answer begins: once the client has that, it may
 * send the next one. */
static void give_slowly(void *ctx, const http_request *r)
{
    fixture *f = ctx;
    size_t now = atomic_fetch_add(&f->n_now, 1) + 1, most = atomic_load(&f->n_most);
    while (now > most && !atomic_compare_exchange_weak(&f->n_most, &most, now)) {
    }
    real_pause(30);
    atomic_fetch_sub(&f->n_now, 1);
    give_all(ctx, r);
}

static void no_more_are_in_flight_than_may_be(void **state)
{
    fixture f;
    (void)state;
    begin(&f, give_slowly);
    f.cfg.max_in_flight = 4;
    expect_ok(&f, ask(&f, 12, 1));
    assert_int_equal(n_requests(&f), 12);
    assert_in_range(atomic_load(&f.n_most), 2, 4);
    for (size_t i = 1; i < 12; i++) {
        assert_string_not_equal(f.queries[i].completions[0].text, f.queries[0].completions[0].text);
    }
    end(&f);
}

/* ------------------------------------------------------------ again */

static void refuse_twice(void *ctx, const http_request *r)
{
    if (r->index == 0) {
        http_answer(r->fd, 429, "Retry-After: 20\r\n", "{\"error\": {\"message\": \"slow\"}}");
    } else if (r->index == 1) {
        http_answer(r->fd, 503, "Retry-After: Sun, 06 Nov 1994 08:51:37 GMT\r\n", "");
    } else {
        give_all(ctx, r);
    }
}

static void retry_after_is_obeyed(void **state)
{
    fixture f;
    (void)state;
    begin(&f, refuse_twice);
    expect_ok(&f, ask(&f, 1, 1));
    assert_int_equal(n_requests(&f), 3);
    assert_true(f.clock.now >= 120.0 && f.clock.now < 121.0); /* 20 s, then until that date */
    assert_non_null(strstr(tj_buf_text(&f.log), "status 429: slow; try 2 of 3 in 20.0 s"));
    assert_int_equal(f.generator.get_stats(f.generator.ctx).n_retries, 2);
    end(&f);
}

static void refuse_the_first(void *ctx, const http_request *r)
{
    fixture *f = ctx;
    if (r->index == 0) {
        http_answer(r->fd, 429, "Retry-After: 20\r\n", "");
    } else {
        if (r->index == 1) { /* the client waits for this answer, and so its clock stands */
            snprintf(f->text, sizeof f->text, "%s", f->clock.now >= 20.0 ? "waited" : "early");
        }
        give_all(ctx, r);
    }
}

static void retry_after_is_for_all_requests(void **state)
{
    fixture f;
    (void)state;
    begin(&f, refuse_the_first);
    f.cfg.max_in_flight = 1;
    expect_ok(&f, ask(&f, 3, 1));
    assert_int_equal(n_requests(&f), 4);
    assert_string_equal(f.text, "waited");
    end(&f);
}

static void refuse_for_a_day(void *ctx, const http_request *r)
{
    (void)ctx;
    http_answer(r->fd, 429, "Retry-After: 86400\r\n", "{\"error\": {\"message\": \"quota\"}}");
}

static void more_patience_than_there_is_is_an_error(void **state)
{
    fixture f;
    (void)state;
    begin(&f, refuse_for_a_day);
    expect_error(&f, ask(&f, 1, 1), TJ_E_LIMIT, "Retry-After is 86400 s, max_retry_after_s 600");
    assert_int_equal(n_requests(&f), 1);
    end(&f);
}

static int status_now; /* of the answers of give_status, set before the server starts */

static void give_status(void *ctx, const http_request *r)
{
    (void)ctx;
    http_answer(r->fd, status_now, "", "{\"error\": {\"message\": \"words\"}}");
}

static void some_statuses_are_tried_again(void **state)
{
    static const struct {
        int status;
        size_t tries;
        tj_code code;
    } cases[] = {{408, 3, TJ_E_INVAL},   {409, 3, TJ_E_INVAL},   {425, 3, TJ_E_INVAL},
                 {429, 3, TJ_E_LIMIT},   {500, 3, TJ_E_BACKEND}, {502, 3, TJ_E_BACKEND},
                 {503, 3, TJ_E_BACKEND}, {504, 3, TJ_E_BACKEND}, {400, 1, TJ_E_INVAL},
                 {401, 1, TJ_E_INVAL},   {403, 1, TJ_E_INVAL},   {404, 1, TJ_E_NOTFOUND},
                 {413, 1, TJ_E_INVAL},   {422, 1, TJ_E_INVAL},   {501, 1, TJ_E_BACKEND},
                 {204, 1, TJ_E_BACKEND}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f;
        char words[64];
        status_now = cases[i].status;
        begin(&f, give_status);
        snprintf(words, sizeof words, "/v1/chat/completions: status %d", cases[i].status);
        expect_error(&f, ask(&f, 1, 1), cases[i].code, words);
        assert_int_equal(n_requests(&f), cases[i].tries);
        if (cases[i].tries > 1) { /* 500 ms, then 1 s, each with its jitter */
            assert_true(f.clock.now >= 0.75 && f.clock.now < 1.6);
            assert_non_null(strstr(f.err.msg, "words (try 3 of 3)"));
        }
        end(&f);
    }
}

static void all_retries_together_are_bounded(void **state)
{
    fixture f;
    (void)state;
    status_now = 500;
    begin(&f, give_status);
    f.cfg.max_tries = 10;
    f.cfg.max_retries = 4;
    expect_error(&f, ask(&f, 3, 1), TJ_E_BACKEND, "(and all 4 retries are used)");
    assert_int_equal(n_requests(&f), 7);
    end(&f);
}

static void refusing_the_key_stops_the_others(void **state)
{
    fixture f;
    (void)state;
    status_now = 401;
    begin(&f, give_status);
    f.cfg.max_in_flight = 1;
    expect_error(&f, ask(&f, 5, 1), TJ_E_INVAL, "status 401: words");
    assert_int_equal(n_requests(&f), 1);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(f.queries[i].error.code, TJ_E_INVAL);
    }
    end(&f);
}

static void fail_some(void *ctx, const http_request *r)
{
    tj_query third = {.seed = 5, .problem = 2};
    if (field_of(r->body, "seed", 0) == tj_remote_seed(&third, 0)) {
        http_answer(r->fd, 400, "", "{\"error\": \"no\"}");
    } else {
        give_all(ctx, r);
    }
}

static void others_are_answered_beside_one_that_fails(void **state)
{
    fixture f;
    (void)state;
    begin(&f, fail_some);
    expect_error(&f, ask(&f, 4, 1), TJ_E_INVAL, "status 400: no");
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(f.queries[i].error.code == TJ_OK, i != 2);
        assert_int_equal(f.queries[i].completions[0].text != NULL, i != 2);
    }
    end(&f);
}

/* ------------------------------------------------------------ the transport */

static void break_off(void *ctx, const http_request *r)
{
    static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"choices\": [";
    if (r->index == 0) {
        http_reset(r->fd);
    } else if (r->index == 1) {
        http_write(r->fd, half, strlen(half));
    } else if (r->index == 2) {
        http_write(r->fd, "HTTP/1.1 20", 11);
    } else {
        give_all(ctx, r);
    }
}

static void broken_connections_are_tried_again(void **state)
{
    fixture f;
    (void)state;
    begin(&f, break_off);
    f.cfg.max_tries = 4;
    expect_ok(&f, ask(&f, 1, 1));
    assert_int_equal(n_requests(&f), 4);
    end(&f);
}

static void write_too_much(void *ctx, const http_request *r)
{
    /* says that it is shorter than it is: what is past its end is not the answer's */
    static const char more[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n";
    (void)ctx;
    http_write(r->fd, more, strlen(more));
    http_write(r->fd, GOOD, strlen(GOOD));
}

static void a_length_that_is_too_short_is_noticed(void **state)
{
    fixture f;
    (void)state;
    begin(&f, write_too_much);
    expect_error(&f, ask(&f, 1, 1), TJ_E_PARSE, "is not JSON");
    end(&f);
}

static void say_nothing(void *ctx, const http_request *r)
{
    (void)ctx;
    (void)r;
    real_pause(400);
}

static void a_slow_server_is_given_up(void **state)
{
    fixture f;
    (void)state;
    begin(&f, say_nothing);
    f.cfg.timeout_ms = 100;
    f.cfg.max_tries = 2;
    expect_error(&f, ask(&f, 1, 1), TJ_E_IO, "timed out");
    assert_int_equal(n_requests(&f), 2);
    end(&f);
}

static void a_server_that_is_not_there_is_an_error(void **state)
{
    fixture f;
    (void)state;
    begin(&f, give_all);
    open_client(&f, NULL);
    shutdown(f.server.listener, SHUT_RDWR); /* nobody accepts any more */
    f.cfg.max_tries = 1;
    tj_code rc = ask(&f, 1, 1);
    assert_int_equal(rc, TJ_E_IO);
    end(&f);
}

static void flood(void *ctx, const http_request *r)
{
    static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
    char block[65536];
    (void)ctx;
    memset(block, ' ', sizeof block);
    http_write(r->fd, head, strlen(head));
    for (size_t i = 0; i < 1025; i++) {
        http_write(r->fd, block, sizeof block);
    }
}

static void flood_headers(void *ctx, const http_request *r)
{
    char line[1000];
    (void)ctx;
    memset(line, 'x', sizeof line);
    memcpy(line, "X-Header: ", 10);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    http_write(r->fd, "HTTP/1.1 200 OK\r\n", 17);
    for (size_t i = 0; i < 80; i++) {
        http_write(r->fd, line, sizeof line);
    }
    http_write(r->fd, "\r\n", 2);
}

static void answers_are_bounded(void **state)
{
    fixture f;
    (void)state;
    begin(&f, flood);
    expect_error(&f, ask(&f, 1, 1), TJ_E_LIMIT, "an answer of more than 67108864 bytes");
    assert_int_equal(n_requests(&f), 1);
    end(&f);
    begin(&f, flood_headers);
    expect_error(&f, ask(&f, 1, 1), TJ_E_LIMIT, "headers of more than 65536 bytes");
    end(&f);
}

static void ask_to_stop(void *ctx, const http_request *r)
{
    fixture *f = ctx;
    (void)r;
    tj_cancel_ask(&f->cancel);
    real_pause(50);
}

static void a_cancelled_job_stops(void **state)
{
    fixture f;
    (void)state;
    begin(&f, ask_to_stop);
    double before = tj_clock_seconds();
    assert_int_equal(ask(&f, 2, 1), TJ_E_CANCELLED);
    assert_true(tj_clock_seconds() - before < 2.0);
    assert_int_equal(f.queries[1].error.code, TJ_E_CANCELLED);
    end(&f);
}

/* ------------------------------------------------------------ wrong answers */

static const char *body_now, *headers_now; /* of give_body; set before the server starts */

static void give_body(void *ctx, const http_request *r)
{
    (void)ctx;
    http_answer(r->fd, 200, headers_now, body_now);
}

static void wrong_answers_are_errors_and_not_asked_for_again(void **state)
{
    static char deep[256];
    static const struct {
        const char *headers, *body, *words;
    } cases[] = {
        {"", "", "is not JSON"},
        {"", "\xff\xfe", "is not JSON"},
        {"Content-Type: text/html\r\n", "<html>busy</html>",
         "the answer, of type 'text/html', is not JSON"},
        {"", deep, "is JSON of more than 32 levels"},
        {"", "[]", "choices is missing"},
        {"", "{\"choices\": 3}", "choices is not a list"},
        {"", "{\"choices\": [], \"choices\": []}", "duplicate"},
        {"", "{\"choices\": [{\"index\": 0, \"finish_reason\": \"stop\", \"message\": {}}]}",
         "choices[0]: message: content is missing"},
        {"", "{\"usage\": {\"prompt_tokens\": \"many\"}}", "usage: prompt_tokens is not a count"},
        {"Content-Type: text/event-stream\r\n", "data: {\"error\": {\"message\": \"M\"}}\n\n",
         "event 1 of the stream: an error: M"},
    };
    (void)state;
    memset(deep, '[', 200);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f;
        headers_now = cases[i].headers;
        body_now = cases[i].body;
        begin(&f, give_body);
        tj_code rc = ask(&f, 1, 1);
        assert_true(rc == TJ_E_PARSE || rc == TJ_E_BACKEND);
        expect_error(&f, rc, rc, "status 200: ");
        expect_error(&f, rc, rc, cases[i].words);
        assert_int_equal(n_requests(&f), 1);
        end(&f);
    }
}

/* Also that what was begun is ended: another client asks in the end. */
static void asking_survives_a_lack_of_memory(void **state)
{
    fixture f;
    tj_code rc = TJ_E_NOMEM;
    size_t k = 0;
    (void)state;
    headers_now = "";
    body_now = GOOD;
    begin(&f, give_body);
    for (; rc != TJ_OK; k++) {
        tj_remote_config cfg = f.cfg;
        tj_query q = {.messages = &f.message,
                      .n_messages = 1,
                      .sampling = {.top_p = 1.0},
                      .n_samples = 1,
                      .max_tokens = 1};
        tj_alloc_fail_after(k);
        rc = tj_remote_open_at(&f.generator, f.server.url, &cfg, NULL, &f.clock_fns, NULL);
        if (rc == TJ_OK) {
            rc = f.generator.generate(f.generator.ctx, &q, 1, NULL, NULL);
        }
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        tj_query_deinit(&q);
        tj_generator_close(&f.generator);
    }
    assert_true(k > 10 && n_requests(&f) >= 1);
    end(&f);
}

static void an_answer_without_usage_is_counted(void **state)
{
    fixture f;
    (void)state;
    headers_now = "";
    body_now = "{\"choices\": [{\"index\": 0, \"text\": \"x\", \"message\": {\"content\": \"x\"},"
               " \"finish_reason\": \"stop\"}]}";
    begin(&f, give_body);
    expect_ok(&f, ask(&f, 1, 1));
    assert_int_equal(f.generator.get_stats(f.generator.ctx).n_without_usage, 1);
    end(&f);
}

/* ------------------------------------------------------------ streams */

#define STREAM_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define EVENT(text) "data: " text "\n\n"

static void stream_slowly(void *ctx, const http_request *r)
{
    static const char *const parts[] = {
        STREAM_HEAD,
        ": one moment\n\n",
        EVENT("{\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"H\"}}]}"),
        "data: {\"choices\": [{\"index\": 0, \"delta\": {\"con",
        "tent\": \"i\"}}]}\n\n",
        EVENT("{\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \"stop\"}]}"),
        EVENT("{\"choices\": [], " USAGE "}") EVENT("[DONE]")};
    (void)ctx;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        http_write(r->fd, parts[i], strlen(parts[i]));
        real_pause(60);
    }
}

static void a_long_stream_is_not_given_up(void **state)
{
    fixture f;
    (void)state;
    begin(&f, stream_slowly);
    f.cfg.stream = true;
    f.cfg.timeout_ms = 1; /* is not of streams */
    f.cfg.silence_ms = 250;
    expect_ok(&f, ask(&f, 1, 1));
    assert_string_equal(f.queries[0].completions[0].text, "Hi");
    assert_int_equal(f.queries[0].usage.n_completion, 5);
    end(&f);
}

static void stream_cut(void *ctx, const http_request *r)
{
    static const char part[] =
        STREAM_HEAD EVENT("{\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"H\"}}]}");
    if (r->index == 0) {
        http_write(r->fd, part, strlen(part));
    } else if (r->index == 1) {
        http_write(r->fd, part, strlen(part));
        real_pause(300);
    } else {
        stream_slowly(ctx, r);
    }
}

static void a_stream_that_ends_or_falls_silent_is_tried_again(void **state)
{
    fixture f;
    (void)state;
    begin(&f, stream_cut);
    f.cfg.stream = true;
    f.cfg.silence_ms = 150;
    expect_ok(&f, ask(&f, 1, 1));
    assert_int_equal(n_requests(&f), 3);
    assert_string_equal(f.queries[0].completions[0].text, "Hi");
    assert_non_null(strstr(tj_buf_text(&f.log), "the stream ends before [DONE]"));
    assert_non_null(strstr(tj_buf_text(&f.log), "nothing came for 150 ms"));
    end(&f);
}

/* ------------------------------------------------------------ redirects and keys */

static char location_now[256];

static void redirect_once(void *ctx, const http_request *r)
{
    fixture *f = ctx;
    if (strncmp(r->head, "POST /v2/", 9) == 0) {
        snprintf(f->text, sizeof f->text, "%s",
                 strstr(r->head, "Bearer " SECRET) != NULL ? "key" : "no key");
        give_all(ctx, r);
    } else {
        http_answer(r->fd, status_now, location_now, "");
    }
}

static void redirects_within_the_server_are_followed(void **state)
{
    fixture f;
    (void)state;
    for (status_now = 307; status_now <= 308; status_now++) {
        snprintf(location_now, sizeof location_now, "Location: /v2/x\r\n");
        begin(&f, redirect_once);
        setenv("TABIJI_API_KEY", SECRET, 1);
        expect_ok(&f, ask(&f, 1, 1));
        assert_int_equal(n_requests(&f), 2);
        assert_string_equal(f.text, "key");
        end(&f);
    }
    status_now = 307;
    snprintf(location_now, sizeof location_now, "Location: /v1/circle\r\n");
    begin(&f, redirect_once);
    assert_int_equal(ask(&f, 1, 1), TJ_E_INVAL);
    assert_non_null(strstr(f.err.msg, "again and again"));
    assert_int_equal(n_requests(&f), 6);
    end(&f);
}

static void redirects_to_another_server_are_not_followed(void **state)
{
    http_script other;
    fixture f;
    (void)state;
    http_script_start(&other, give_all, NULL);
    for (status_now = 301; status_now <= 308; status_now++) {
        snprintf(location_now, sizeof location_now, "Location: %s/chat/completions\r\n", other.url);
        begin(&f, redirect_once);
        setenv("TABIJI_API_KEY", SECRET, 1);
        expect_error(&f, ask(&f, 1, 1), TJ_E_INVAL, "another server, which is not followed");
        assert_int_equal(n_requests(&f), 1);
        end(&f);
    }
    assert_int_equal(atomic_load(&other.n_requests), 0); /* neither the key nor the prompt */
    http_script_stop(&other);
}

static void tell_the_key(void *ctx, const http_request *r)
{
    (void)ctx;
    http_answer(r->fd, r->index == 0 ? 500 : 401, "",
                "{\"error\": {\"message\": \"Incorrect API key: " SECRET "!\"}}");
}

static void no_message_holds_the_key(void **state)
{
    fixture f;
    (void)state;
    begin(&f, tell_the_key);
    setenv("OPENAI_API_KEY", SECRET, 1);
    expect_error(&f, ask(&f, 1, 1), TJ_E_INVAL, "Incorrect API key: *!");
    assert_null(strstr(f.err.msg, SECRET));
    assert_null(strstr(tj_buf_text(&f.log), SECRET));
    assert_non_null(strstr(tj_buf_text(&f.log), "Incorrect API key: *!"));
    end(&f);
}

static void expect_no_client(const char *url, const tj_remote_config *cfg, tj_code code,
                             const char *words)
{
    tj_generator g;
    tj_err err;
    tj_code rc = tj_remote_open(&g, url, cfg, NULL, &err);
    if (rc != code || strstr(err.msg, words) == NULL) {
        fail_msg("code %d, '%s'; expected %d, '%s'", (int)rc, err.msg, (int)code, words);
    }
    assert_null(strstr(err.msg, SECRET));
    assert_null(g.ctx);
}

static void keys_are_kept_from_where_they_would_be_seen(void **state)
{
    tj_remote_config cfg;
    tj_generator g;
    char path[] = "/tmp/tabiji-key-XXXXXX";
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    tj_remote_config_default(&cfg);
    unsetenv("TABIJI_API_KEY");
    unsetenv("OPENAI_API_KEY");
    expect_no_client("http://127.0.0.1:1/v1", &cfg, TJ_E_INVAL, "models is not said");
    snprintf(cfg.model, sizeof cfg.model, "%s", "m");
    expect_no_client("http://me:" SECRET "@127.0.0.1:1/v1", &cfg, TJ_E_INVAL, "has a user");
    expect_no_client("http://127.0.0.1:1/v1?key=" SECRET, &cfg, TJ_E_INVAL, "has a query");
    expect_no_client("ftp://127.0.0.1/", &cfg, TJ_E_INVAL, "does not begin with http");
    snprintf(cfg.key_variable, sizeof cfg.key_variable, "%s", "TABIJI_TEST_KEY");
    unsetenv("TABIJI_TEST_KEY");
    expect_no_client("http://127.0.0.1:1/v1", &cfg, TJ_E_INVAL, "TABIJI_TEST_KEY");
    setenv("TABIJI_TEST_KEY", SECRET "\r\nX: y", 1);
    expect_no_client("http://127.0.0.1:1/v1", &cfg, TJ_E_INVAL, "a byte 14 that no key");
    setenv("TABIJI_TEST_KEY", SECRET, 1);
    expect_no_client("http://192.0.2.1/v1", &cfg, TJ_E_INVAL,
                     "in the clear to http://192.0.2.1:80");
    expect_no_client("http://localhost.example/v1", &cfg, TJ_E_INVAL, "in the clear");
    expect_no_client("http://127.0.0.1.example/v1", &cfg, TJ_E_INVAL, "in the clear");
    cfg.allow_plain_http = true;
    assert_int_equal(tj_remote_open(&g, "http://192.0.2.1/v1", &cfg, NULL, NULL), TJ_OK);
    tj_generator_close(&g);
    cfg.allow_plain_http = false;
    assert_int_equal(tj_remote_open(&g, "https://192.0.2.1/v1", &cfg, NULL, NULL), TJ_OK);
    tj_generator_close(&g);
    snprintf(cfg.key_file, sizeof cfg.key_file, "%s", path);
    expect_no_client("http://127.0.0.1:1/v1", &cfg, TJ_E_INVAL, "is empty");
    assert_int_equal(write(fd, SECRET "\n", strlen(SECRET) + 1), (ssize_t)strlen(SECRET) + 1);
    assert_int_equal(tj_remote_open(&g, "http://[::1]:1/v1", &cfg, NULL, NULL), TJ_OK);
    tj_generator_close(&g);
    close(fd);
    unlink(path);
    expect_no_client("http://127.0.0.1:1/v1", &cfg, TJ_E_NOTFOUND, "cannot read the key");
}

/* ------------------------------------------------------------ the cache */

static void damage(const char *dir)
{
    char command[128]; /* every entry loses its last byte */
    snprintf(command, sizeof command, "find %s -type f -exec truncate -s -1 {} +", dir);
    assert_int_equal(system(command), 0);
}

static void what_was_paid_for_is_not_asked_for_again(void **state)
{
    fixture f;
    tj_cache cache;
    char dir[] = "/tmp/tabiji-cache-XXXXXX", command[64];
    char first[4][32];
    (void)state;
    assert_non_null(mkdtemp(dir));
    begin(&f, give_all);
    assert_int_equal(tj_cache_open_dir(&cache, dir, NULL), TJ_OK);
    open_client(&f, &cache);
    expect_ok(&f, ask(&f, 2, 2));
    assert_int_equal(n_requests(&f), 2);
    for (size_t i = 0; i < 4; i++) {
        snprintf(first[i], sizeof first[i], "%s", f.queries[i / 2].completions[i % 2].text);
    }
    expect_ok(&f, ask(&f, 2, 2)); /* the same again */
    assert_int_equal(n_requests(&f), 2);
    for (size_t i = 0; i < 4; i++) {
        const tj_completion *c = &f.queries[i / 2].completions[i % 2];
        assert_true(c->is_cached);
        assert_string_equal(c->text, first[i]);
    }
    assert_int_equal(f.queries[1].usage.n_prompt, 0);
    assert_int_equal(f.queries[1].saved.n_prompt, 10);
    expect_ok(&f, ask(&f, 2, 3)); /* a sample more of each */
    assert_int_equal(n_requests(&f), 4);
    assert_string_equal(f.queries[1].completions[1].text, first[3]);
    assert_false(f.queries[1].completions[2].is_cached);
    damage(dir);
    expect_ok(&f, ask(&f, 2, 2));
    assert_int_equal(n_requests(&f), 6);
    tj_generator_stats stats = f.generator.get_stats(f.generator.ctx);
    assert_int_equal(stats.n_damaged, 4);
    assert_int_equal(stats.n_from_cache, 8);
    expect_ok(&f, ask(&f, 2, 2)); /* and mended */
    assert_int_equal(n_requests(&f), 6);
    end(&f);
    tj_cache_close_dir(&cache);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void a_run_that_failed_keeps_what_it_paid_for(void **state)
{
    fixture f;
    tj_cache cache;
    char dir[] = "/tmp/tabiji-cache-XXXXXX", command[64];
    (void)state;
    assert_non_null(mkdtemp(dir));
    begin(&f, fail_some);
    assert_int_equal(tj_cache_open_dir(&cache, dir, NULL), TJ_OK);
    open_client(&f, &cache);
    assert_int_equal(ask(&f, 4, 1), TJ_E_INVAL);
    assert_int_equal(n_requests(&f), 4);
    assert_int_equal(ask(&f, 4, 1), TJ_E_INVAL);
    assert_int_equal(n_requests(&f), 5); /* only the one that failed */
    end(&f);
    tj_cache_close_dir(&cache);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

/* ------------------------------------------------------------ queries */

static void queries_that_cannot_be_sent_are_refused_alone(void **state)
{
    fixture f;
    (void)state;
    begin(&f, give_all);
    open_client(&f, NULL);
    tj_message bad = {TJ_ROLE_USER, "\xff", 1};
    tj_query q[5];
    for (size_t i = 0; i < 5; i++) {
        q[i] = (tj_query){.messages = &f.message,
                          .n_messages = 1,
                          .sampling = {.top_p = 1.0},
                          .n_samples = 1,
                          .max_tokens = 1};
    }
    q[0].messages = &bad;
    q[1].n_samples = 0;
    q[2].max_tokens = 0;
    q[3].n_top = TJ_MAX_TOP + 1;
    assert_int_equal(f.generator.generate(f.generator.ctx, q, 5, NULL, &f.err), TJ_E_INVAL);
    static const char *const words[] = {"content is not UTF-8 at byte 0", "n_samples is 0",
                                        "max_tokens is 0", "n_top is 21"};
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(strstr(q[i].error.msg, words[i]));
    }
    assert_string_equal(f.err.msg, q[0].error.msg);
    assert_non_null(q[4].completions[0].text);
    assert_int_equal(n_requests(&f), 1);
    for (size_t i = 0; i < 5; i++) {
        tj_query_deinit(&q[i]);
    }
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conversation_is_answered),
        cmocka_unit_test(a_form_is_asked_for_as_the_settings_say),
        cmocka_unit_test(a_server_that_refuses_a_form_is_told_of_by_the_setting),
        cmocka_unit_test(keys_of_the_cache_know_the_form),
        cmocka_unit_test(samples_that_a_server_leaves_out_are_asked_for_again),
        cmocka_unit_test(samples_can_be_asked_for_apart),
        cmocka_unit_test(more_samples_than_asked_for_are_an_error),
        cmocka_unit_test(no_more_are_in_flight_than_may_be),
        cmocka_unit_test(retry_after_is_obeyed),
        cmocka_unit_test(retry_after_is_for_all_requests),
        cmocka_unit_test(more_patience_than_there_is_is_an_error),
        cmocka_unit_test(some_statuses_are_tried_again),
        cmocka_unit_test(all_retries_together_are_bounded),
        cmocka_unit_test(refusing_the_key_stops_the_others),
        cmocka_unit_test(others_are_answered_beside_one_that_fails),
        cmocka_unit_test(broken_connections_are_tried_again),
        cmocka_unit_test(a_length_that_is_too_short_is_noticed),
        cmocka_unit_test(a_slow_server_is_given_up),
        cmocka_unit_test(a_server_that_is_not_there_is_an_error),
        cmocka_unit_test(answers_are_bounded),
        cmocka_unit_test(a_cancelled_job_stops),
        cmocka_unit_test(wrong_answers_are_errors_and_not_asked_for_again),
        cmocka_unit_test(asking_survives_a_lack_of_memory),
        cmocka_unit_test(an_answer_without_usage_is_counted),
        cmocka_unit_test(a_long_stream_is_not_given_up),
        cmocka_unit_test(a_stream_that_ends_or_falls_silent_is_tried_again),
        cmocka_unit_test(redirects_within_the_server_are_followed),
        cmocka_unit_test(redirects_to_another_server_are_not_followed),
        cmocka_unit_test(no_message_holds_the_key),
        cmocka_unit_test(keys_are_kept_from_where_they_would_be_seen),
        cmocka_unit_test(what_was_paid_for_is_not_asked_for_again),
        cmocka_unit_test(a_run_that_failed_keeps_what_it_paid_for),
        cmocka_unit_test(queries_that_cannot_be_sent_are_refused_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
