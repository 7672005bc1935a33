/* The sinks run on the service's thread, write JSON into `out` and wake the HTTP side. Until the
 * first event of a stream, an error still has its own status; later it is an event.
 *
 * Lock order: the service's, then mu. */
#include "web/exchange.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/job.h"
#include "web/openai_response.h"
#include "web/prompt.h"

#define MAX_UNSENT ((size_t)64 << 20) /* of a stream that its client does not read */
#define MAX_EXCESS 4                  /* times the largest body that is read only to be refused */

struct tj_exchange {
    tj_service *service;
    const char *method;
    const tj_route *route;
    tj_sleeper sleeper;
    double started;
    tj_buf body;
    size_t n_body;
    tj_api_request api;
    tj_api_writer *writer;
    bool refused;
    pthread_mutex_t mu;
    /* guarded by mu */
    tj_ticket ticket; /* 0: nothing was submitted */
    unsigned status;
    tj_buf out;
    size_t n_taken; /* of out */
    bool began;     /* a stream has its first event */
    bool asleep, done, gone;
    size_t n_prompt, n_cached, n_generated;
};

tj_exchange *tj_exchange_create(tj_service *service, const char *method, const tj_route *route,
                                const tj_sleeper *sleeper)
{
    tj_exchange *ex = tj_calloc(1, sizeof *ex);
    if (ex != NULL) {
        ex->service = service;
        ex->method = method;
        ex->route = route;
        ex->sleeper = *sleeper;
        ex->started = tj_clock_seconds();
        tj_buf_init(&ex->body);
        tj_buf_init(&ex->out);
        (void)pthread_mutex_init(&ex->mu, NULL); /* never fails with default attributes on Linux */
    }
    return ex;
}

void tj_exchange_destroy(tj_exchange *ex)
{
    if (ex == NULL) {
        return;
    }
    if (ex->ticket != 0) {
        tj_service_leave(ex->service, ex->ticket);
    }
    tj_api_writer_destroy(ex->writer);
    tj_api_request_deinit(&ex->api);
    tj_buf_deinit(&ex->body);
    tj_buf_deinit(&ex->out);
    (void)pthread_mutex_destroy(&ex->mu);
    tj_free(ex);
}

/* ------------------------------------------------------------ answers, locked */

static void finish(tj_exchange *ex, unsigned status)
{
    static const char empty[] = "{\"error\":{\"message\":\"memory is exhausted\",\"type\":"
                                "\"server_error\",\"param\":null,\"code\":null}}";
    ex->done = true;
    ex->status = ex->began ? ex->status : status;
    if (ex->out.failed) { /* what there was of it is lost */
        tj_buf_deinit(&ex->out);
        tj_buf_init(&ex->out);
        tj_buf_str(&ex->out, ex->began ? "" : empty);
        ex->status = 503;
        ex->gone = ex->began;
    }
}

static void wake(tj_exchange *ex)
{
    if (ex->asleep) {
        ex->asleep = false;
        ex->sleeper.resume(ex->sleeper.ctx);
    }
}

static void refuse(tj_exchange *ex, const tj_api_error *error)
{
    if (ex->began) {
        tj_api_write_error_event(&ex->out, error);
    } else {
        tj_buf_clear(&ex->out);
        tj_api_error_json(&ex->out, error);
    }
    ex->refused = true;
    finish(ex, error->status);
}

/* ------------------------------------------------------------ the service's side */

static void count(tj_exchange *ex, const tj_reply *reply)
{
    ex->n_prompt = reply->n_prompt_tokens;
    ex->n_cached = reply->n_cached;
    ex->n_generated = reply->n_generated;
}

static void on_progress(void *ctx, const tj_reply *reply)
{
    tj_exchange *ex = ctx;
    (void)pthread_mutex_lock(&ex->mu);
    count(ex, reply);
    if (ex->api.stream && !ex->gone) {
        tj_api_write_events(ex->writer, &ex->out, reply);
        if (ex->out.failed || ex->out.len - ex->n_taken > MAX_UNSENT) {
            ex->gone = true;
        }
        if (ex->out.len > ex->n_taken || ex->gone) {
            ex->status = 200;
            ex->began = true;
            wake(ex);
        }
    }
    (void)pthread_mutex_unlock(&ex->mu);
}

static void on_done(void *ctx, const tj_reply *reply, tj_code rc, const tj_err *err)
{
    tj_exchange *ex = ctx;
    tj_api_error error;
    (void)pthread_mutex_lock(&ex->mu);
    count(ex, reply);
    if (rc != TJ_OK) {
        tj_api_from_err(&error, rc == TJ_E_LIMIT ? TJ_E_BACKEND : rc, err); /* no queue is full */
        refuse(ex, &error);
    } else if (ex->api.stream) {
        tj_api_write_end(ex->writer, &ex->out, reply);
        ex->status = 200;
        ex->began = true;
        finish(ex, 200);
    } else {
        tj_api_write_answer(ex->writer, &ex->out, reply);
        finish(ex, 200);
    }
    wake(ex);
    (void)pthread_mutex_unlock(&ex->mu);
}

/* ------------------------------------------------------------ the HTTP side */

void tj_exchange_refuse(tj_exchange *ex, const tj_api_error *error)
{
    (void)pthread_mutex_lock(&ex->mu);
    if (!ex->refused) {
        refuse(ex, error);
    }
    (void)pthread_mutex_unlock(&ex->mu);
}

bool tj_exchange_is_refused(const tj_exchange *ex)
{
    return ex->refused;
}

bool tj_exchange_may_read(unsigned long long n_bytes, size_t max_bytes)
{
    return n_bytes / MAX_EXCESS <= max_bytes;
}

bool tj_exchange_add_body(tj_exchange *ex, const char *bytes, size_t n, size_t max_bytes)
{
    tj_api_error error;
    ex->n_body += n;
    if (ex->n_body > max_bytes && !ex->refused) {
        tj_api_refuse(&error, 413, "request_too_large", "the body has more than %zu bytes",
                      max_bytes);
        tj_exchange_refuse(ex, &error);
        tj_buf_deinit(&ex->body);
        tj_buf_init(&ex->body);
    }
    if (!ex->refused) {
        tj_buf_add(&ex->body, bytes, n);
    }
    return tj_exchange_may_read(ex->n_body, max_bytes);
}

/* Everything up to the queue. */
static tj_code submit(tj_exchange *ex, tj_api_error *error)
{
    const tj_service_config *cfg = tj_service_get_config(ex->service);
    const tj_sink sink = {on_progress, on_done, ex};
    tj_request request = {0};
    tj_err err;
    if (tj_buf_check(&ex->body, &err) != TJ_OK) {
        return tj_api_fail(error, TJ_E_NOMEM, NULL, "cannot hold the body");
    }
    tj_code rc = tj_api_request_parse(&ex->api,
                                      ex->route->which == TJ_ROUTE_CHAT ? TJ_API_CHAT : TJ_API_TEXT,
                                      tj_buf_text(&ex->body), ex->body.len, error);
    if (rc == TJ_OK) {
        rc = tj_prompt_prepare(&request, &ex->api, cfg, tj_service_random(ex->service), error);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_ticket ticket = 0;
    rc = tj_api_writer_create(&ex->writer, &ex->api, cfg, tj_service_random(ex->service),
                              tj_clock_unix_us() / 1000000, &err);
    if (rc == TJ_OK) {
        rc = tj_service_submit(ex->service, &ticket, &request, &sink, &err);
    }
    if (rc != TJ_OK) {
        tj_api_from_err(error, rc, &err);
    }
    tj_request_deinit(&request);
    (void)pthread_mutex_lock(&ex->mu);
    ex->ticket = ticket;
    (void)pthread_mutex_unlock(&ex->mu);
    return rc;
}

void tj_exchange_submit(tj_exchange *ex)
{
    tj_api_error error;
    if (submit(ex, &error) != TJ_OK) {
        tj_exchange_refuse(ex, &error);
    }
    tj_buf_deinit(&ex->body); /* what is needed of it is in ex->api */
    tj_buf_init(&ex->body);
}

void tj_exchange_answer(tj_exchange *ex, unsigned status, tj_buf *body)
{
    (void)pthread_mutex_lock(&ex->mu);
    tj_buf_deinit(&ex->out);
    ex->out = *body;
    tj_buf_init(body);
    finish(ex, status);
    (void)pthread_mutex_unlock(&ex->mu);
}

static void sleep_now(tj_exchange *ex)
{
    ex->asleep = true;
    ex->sleeper.suspend(ex->sleeper.ctx);
}

tj_exchange_state tj_exchange_look(tj_exchange *ex)
{
    tj_exchange_state state = TJ_EXCHANGE_ASLEEP;
    (void)pthread_mutex_lock(&ex->mu);
    if (ex->gone) {
        state = TJ_EXCHANGE_GONE;
    } else if (ex->began) {
        state = TJ_EXCHANGE_STREAM;
    } else if (ex->done) {
        state = TJ_EXCHANGE_WHOLE;
    } else {
        sleep_now(ex);
    }
    (void)pthread_mutex_unlock(&ex->mu);
    return state;
}

unsigned tj_exchange_status(tj_exchange *ex)
{
    (void)pthread_mutex_lock(&ex->mu);
    unsigned status = ex->status;
    (void)pthread_mutex_unlock(&ex->mu);
    return status;
}

size_t tj_exchange_read(tj_exchange *ex, char *out, size_t max, tj_exchange_state *state)
{
    (void)pthread_mutex_lock(&ex->mu);
    size_t n = ex->out.len - ex->n_taken;
    n = n < max ? n : max;
    n = ex->gone ? 0 : n;
    if (n > 0) {
        memcpy(out, ex->out.data + ex->n_taken, n);
        ex->n_taken += n;
        if (ex->n_taken == ex->out.len) {
            tj_buf_clear(&ex->out);
            ex->n_taken = 0;
        }
    }
    *state = ex->gone ? TJ_EXCHANGE_GONE : ex->done ? TJ_EXCHANGE_WHOLE : TJ_EXCHANGE_ASLEEP;
    if (n == 0 && *state == TJ_EXCHANGE_ASLEEP) {
        sleep_now(ex);
    }
    (void)pthread_mutex_unlock(&ex->mu);
    return n;
}

void tj_exchange_give_up(tj_exchange *ex, unsigned status)
{
    (void)pthread_mutex_lock(&ex->mu);
    tj_ticket ticket = ex->ticket; /* 0 while it is being submitted: destroy leaves it then */
    if (!ex->gone) {
        ex->gone = true;
        ex->status = status;
    }
    wake(ex);
    (void)pthread_mutex_unlock(&ex->mu);
    if (ticket != 0) {
        tj_service_leave(ex->service, ticket);
    }
}

tj_http_event tj_exchange_event(tj_exchange *ex)
{
    (void)pthread_mutex_lock(&ex->mu);
    const tj_http_event event = {.method = ex->method,
                                 .route = ex->route->name,
                                 .status = ex->status,
                                 .n_prompt_tokens = ex->n_prompt,
                                 .n_cached = ex->n_cached,
                                 .n_generated = ex->n_generated,
                                 .seconds = tj_clock_seconds() - ex->started};
    (void)pthread_mutex_unlock(&ex->mu);
    return event;
}
