/* The client of OpenAI-compatible servers: opening it, and the loop that sends requests as their
 * time comes, no more at once than may be in flight. */
#include "infer/remote.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "infer/remote_client.h"

#define POLL_S        0.2 /* how often a wait looks whether it is cancelled */
#define BATCHES_AHEAD 4   /* queries a call for each request in flight, so that none waits idly */

/* ------------------------------------------------------------ the machine's clock */

static double machine_seconds(void *ctx)
{
    (void)ctx;
    return tj_clock_seconds();
}

static int64_t machine_unix_us(void *ctx)
{
    (void)ctx;
    return tj_clock_unix_us();
}

static void machine_sleep(void *ctx, double seconds)
{
    struct timespec t = {.tv_sec = (time_t)seconds};
    (void)ctx;
    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    nanosleep(&t, NULL); /* a signal ends it early, and the caller looks again */
}

static const tj_clock machine_clock = {machine_seconds, machine_unix_us, machine_sleep, NULL};

/* ------------------------------------------------------------ sending */

static void start(tj_remote_batch *b, tj_remote_request *request)
{
    tj_remote *r = b->r;
    const tj_query *q = &b->queries[request->query];
    tj_err err;
    tj_code rc = TJ_OK;
    if (request->body == NULL) {
        rc = tj_remote_body(&request->body, &r->cfg, q, request->first, request->n, &err);
    }
    if (rc == TJ_OK &&
        !tj_grow(&b->running, &b->cap_running, b->n_running + 1, sizeof(tj_http_call *))) {
        rc = tj_fail(&err, TJ_E_NOMEM, "cannot send a request");
    }
    if (rc == TJ_OK) {
        tj_http_call *call = &request->call;
        call->url = request->moved != NULL ? request->moved : tj_remote_url(b, q);
        call->body = request->body;
        call->n_body = strlen(request->body);
        call->key = r->key;
        call->ca_file = r->cfg.ca_file[0] == '\0' ? NULL : r->cfg.ca_file;
        call->stream = r->cfg.stream && !q->pooled;
        call->silence_ms = call->stream ? r->cfg.silence_ms : 0;
        call->timeout_ms = call->stream ? 0 : r->cfg.timeout_ms;
        call->connect_timeout_ms = r->cfg.connect_timeout_ms;
        call->owner = request;
        rc = tj_http_start(r->http, call, &err);
    }
    if (rc != TJ_OK) {
        tj_remote_fail(b, request, &err);
        return;
    }
    request->state = TJ_REMOTE_RUNS;
    request->n_tries++;
    r->stats.n_tries++;
    b->running[b->n_running++] = &request->call;
}

/* Sends what may be sent now. *next_s: seconds until something else may be; below 0: nothing
 * waits. */
static void start_ready(tj_remote_batch *b, double *next_s)
{
    double now = b->r->clock.seconds(b->r->clock.ctx);
    *next_s = -1.0;
    while (b->first_open < b->n_requests && b->requests[b->first_open]->state == TJ_REMOTE_DONE) {
        b->first_open++;
    }
    for (size_t i = b->first_open; i < b->n_requests; i++) {
        tj_remote_request *request = b->requests[i];
        double ready = request->ready_s > b->pause_s ? request->ready_s : b->pause_s;
        if (request->state != TJ_REMOTE_WAITS) {
            continue;
        }
        if (b->n_running >= b->r->cfg.max_in_flight) {
            break; /* the next one out makes room */
        }
        if (b->fatal.code != TJ_OK) {
            tj_remote_fail(b, request, &b->fatal);
        } else if (ready <= now) {
            start(b, request);
        } else if (*next_s < 0.0 || ready - now < *next_s) {
            *next_s = ready - now;
        }
    }
}

static void forget_running(tj_remote_batch *b, const tj_http_call *call)
{
    for (size_t i = 0; i < b->n_running; i++) {
        if (b->running[i] == call) {
            b->running[i] = b->running[--b->n_running];
            return;
        }
    }
}

static void tell_progress(const tj_remote_batch *b)
{
    const tj_generator_stats *s = &b->r->stats;
    char note[96] = "";
    if (s->has_prices) {
        snprintf(note, sizeof note, "cost %.4f", s->usage.cost);
    }
    tj_job_progress(b->job, "asking", b->n_done, b->n_samples, "answers",
                    s->has_prices ? note : NULL);
}

/* Until every request is done. Errors: TJ_E_CANCELLED, TJ_E_BACKEND. */
static tj_code work(tj_remote_batch *b, tj_err *err)
{
    const tj_clock *clock = &b->r->clock;
    for (;;) {
        double next_s;
        tj_http_call *done = NULL;
        tj_code rc = tj_job_check(b->job, err);
        if (rc != TJ_OK) {
            return rc;
        }
        start_ready(b, &next_s);
        double wait_s = next_s >= 0.0 && next_s < POLL_S ? next_s : POLL_S;
        if (b->n_running > 0) {
            rc = tj_http_wait(b->r->http, &done, b->running, b->n_running,
                              (size_t)(wait_s * 1000.0) + 1, err);
        } else if (next_s >= 0.0) {
            clock->sleep(clock->ctx, wait_s);
        } else {
            return TJ_OK;
        }
        if (rc != TJ_OK) {
            return rc;
        }
        if (done != NULL) {
            forget_running(b, done);
            tj_remote_settle(b, done->owner);
            tell_progress(b);
        }
    }
}

static void finish(tj_remote_batch *b, const tj_err *why)
{
    for (size_t i = 0; i < b->n_requests; i++) {
        tj_remote_request *request = b->requests[i];
        tj_http_stop(b->r->http, &request->call);
        if (request->state != TJ_REMOTE_DONE) {
            tj_remote_fail(b, request, why);
        }
        tj_free(request);
    }
    tj_free(b->requests);
    tj_free(b->running);
}

static tj_code generate(void *ctx, tj_query *queries, size_t n, const tj_job *job, tj_err *err)
{
    tj_remote_batch b = {.r = ctx, .queries = queries, .n_queries = n, .job = job};
    tj_err why = {.code = TJ_OK};
    tj_code rc = tj_remote_plan(&b, &why);
    if (rc == TJ_OK && b.n_requests > 0) {
        tell_progress(&b);
        rc = work(&b, &why);
    }
    finish(&b, &why);
    return rc == TJ_OK ? tj_queries_end(queries, n, err) : tj_fail(err, rc, "%s", why.msg);
}

/* ------------------------------------------------------------ opening */

static tj_generator_stats get_stats(const void *ctx)
{
    return ((const tj_remote *)ctx)->stats;
}

static void close_remote(void *ctx)
{
    tj_remote *r = ctx;
    tj_http_destroy(r->http);
    tj_remote_forget_key(r->key);
    tj_free(r->chat_url);
    tj_free(r->text_url);
    tj_free(r->pool_url);
    tj_free(r);
}

/* Gives base + route (tj_free), with "/v1" where the base has no path. */
static char *join_url(const char *base, bool has_path, const char *route)
{
    tj_buf url;
    size_t n = strlen(base);
    while (n > 0 && base[n - 1] == '/') {
        n--;
    }
    tj_buf_init(&url);
    tj_buf_add(&url, base, n);
    tj_buf_printf(&url, "%s/%s", has_path ? "" : "/v1", route);
    return tj_buf_take(&url);
}

/* Gives the URL of /pooling (tj_free), which stands beside "/v1", not below it. */
static char *pooling_url(const char *base)
{
    tj_buf url;
    size_t n = strlen(base);
    while (n > 0 && base[n - 1] == '/') {
        n--;
    }
    n -= n > 3 && strncmp(base + n - 3, "/v1", 3) == 0 ? 3 : 0;
    tj_buf_init(&url);
    tj_buf_add(&url, base, n);
    tj_buf_str(&url, "/pooling");
    return tj_buf_take(&url);
}

static tj_code read_key(tj_remote *r, const tj_http_place *place, tj_err *err)
{
    char from[160];
    tj_code rc = tj_remote_find_key(&r->key, from, &r->cfg, err);
    if (rc == TJ_OK && r->key != NULL && place->is_plain && !place->is_loopback &&
        !r->cfg.allow_plain_http) {
        rc = tj_fail(err, TJ_E_INVAL,
                     "the key in %s would be sent in the clear to %s: use https, or set "
                     "allow_plain_http",
                     from, place->origin);
    }
    return rc;
}

static tj_code open_parts(tj_remote *r, const char *url, tj_err *err)
{
    tj_http_place place;
    tj_code rc = tj_http_place_of(&place, url, err);
    if (rc == TJ_OK && r->cfg.model[0] == '\0') {
        rc = tj_fail(err, TJ_E_INVAL, "%s: which of the server's models is not said", url);
    }
    if (rc == TJ_OK) {
        rc = read_key(r, &place, err);
    }
    if (rc == TJ_OK) {
        r->chat_url = join_url(url, place.has_path, "chat/completions");
        r->text_url = join_url(url, place.has_path, "completions");
        r->pool_url = pooling_url(url);
        if (r->chat_url == NULL || r->text_url == NULL || r->pool_url == NULL) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot open %s", url);
        }
    }
    return rc == TJ_OK ? tj_http_create(&r->http, err) : rc;
}

tj_code tj_remote_open_at(tj_generator *out, const char *url, const tj_remote_config *cfg,
                          const tj_cache *cache, const tj_clock *clock, tj_err *err)
{
    *out = (tj_generator){.ctx = NULL};
    tj_remote *r = tj_calloc(1, sizeof *r);
    if (r == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot open %s", url);
    }
    r->cfg = *cfg;
    r->cache = cache != NULL ? *cache : (tj_cache){.ctx = NULL};
    r->clock = clock != NULL ? *clock : machine_clock;
    r->retries_left = cfg->max_retries;
    r->stats.has_prices = cfg->price_input > 0.0 || cfg->price_output > 0.0;
    tj_code rc = open_parts(r, url, err);
    if (rc != TJ_OK) {
        close_remote(r);
        return rc;
    }
    *out = (tj_generator){.generate = generate,
                          .get_stats = get_stats,
                          .close = close_remote,
                          .ctx = r,
                          .chats = true,
                          .batch = cfg->max_in_flight * BATCHES_AHEAD};
    return TJ_OK;
}

tj_code tj_remote_open(tj_generator *out, const char *url, const tj_remote_config *cfg,
                       const tj_cache *cache, tj_err *err)
{
    return tj_remote_open_at(out, url, cfg, cache, NULL, err);
}
