/* HTTP by libcurl's multi interface. Each call has an easy handle of its own; connections are kept
 * and shared by the multi handle.
 *
 * TLS libraries write to sockets that may be closed, and so may raise SIGPIPE. libcurl could ignore
 * it for the whole process meanwhile, which other threads would notice; here it is held back from
 * the calling thread, and one that came is taken away. */
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/alloc.h"
#include "base/job.h"
#include "infer/http.h"

struct tj_http {
    CURLM *multi;
};

/* libcurl's own globals: made once, for the life of the process. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global_rc;

static void init_global(void)
{
    global_rc = curl_global_init(CURL_GLOBAL_DEFAULT);
}

tj_code tj_http_create(tj_http **out, tj_err *err)
{
    *out = NULL;
    pthread_once(&once, init_global);
    if (global_rc != CURLE_OK) {
        return tj_fail(err, TJ_E_BACKEND, "cannot start libcurl: %s",
                       curl_easy_strerror(global_rc));
    }
    tj_http *http = tj_calloc(1, sizeof *http);
    if (http != NULL) {
        http->multi = curl_multi_init();
    }
    if (http == NULL || http->multi == NULL) {
        tj_free(http);
        return tj_fail(err, TJ_E_NOMEM, "cannot make an HTTP client");
    }
    *out = http;
    return TJ_OK;
}

/* SIGPIPE held back: what the thread's mask was, and whether one was waiting already. */
typedef struct held {
    sigset_t mask;
    bool was_pending;
} held;

static sigset_t sigpipe_alone(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

static held hold_sigpipe(void)
{
    sigset_t pending, pipe = sigpipe_alone();
    held h;
    sigpending(&pending);
    h.was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &h.mask);
    return h;
}

static void let_sigpipe(const held *h)
{
    const struct timespec now = {.tv_sec = 0};
    sigset_t pipe = sigpipe_alone();
    if (!h->was_pending) {
        sigtimedwait(&pipe, NULL, &now);
    }
    pthread_sigmask(SIG_SETMASK, &h->mask, NULL);
}

void tj_http_destroy(tj_http *http)
{
    if (http != NULL) {
        held h = hold_sigpipe();
        curl_multi_cleanup(http->multi);
        let_sigpipe(&h);
        tj_free(http);
    }
}

/* ------------------------------------------------------------ what comes in */

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
    tj_http_call *call = ctx;
    call->last_byte_s = tj_clock_seconds();
    if (size * n > TJ_MAX_ANSWER_BYTES - call->answer.len) {
        call->end = TJ_HTTP_TOO_LARGE;
        return 0; /* stops the transfer */
    }
    tj_buf_add(&call->answer, bytes, size * n);
    if (call->answer.failed) {
        call->end = TJ_HTTP_REFUSED;
        return 0;
    }
    return size * n;
}

/* Copies the value of the header line if it is of that name; what is too long is as if not said. */
static void take_header(char *out, size_t room, const char *name, const char *line, size_t n)
{
    size_t n_name = strlen(name);
    if (n <= n_name || strncasecmp(line, name, n_name) != 0 || line[n_name] != ':') {
        return;
    }
    const char *p = line + n_name + 1, *end = line + n;
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }
    while (end > p && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ')) {
        end--;
    }
    size_t len = (size_t)(end - p) < room ? (size_t)(end - p) : 0;
    memcpy(out, p, len);
    out[len] = '\0';
}

static size_t on_header(char *line, size_t size, size_t n, void *ctx)
{
    tj_http_call *call = ctx;
    n *= size;
    call->last_byte_s = tj_clock_seconds();
    call->n_headers += n;
    if (call->n_headers > TJ_MAX_ANSWER_HEADERS) {
        call->end = TJ_HTTP_TOO_LARGE;
        return 0;
    }
    take_header(call->content_type, sizeof call->content_type, "content-type", line, n);
    take_header(call->retry_after, sizeof call->retry_after, "retry-after", line, n);
    take_header(call->location, sizeof call->location, "location", line, n);
    return n;
}

/* ------------------------------------------------------------ calls */

static bool add_header(tj_http_call *call, const char *line)
{
    struct curl_slist *more = curl_slist_append(call->headers, line);
    call->headers = more != NULL ? more : call->headers;
    return more != NULL;
}

static bool add_headers(tj_http_call *call)
{
    bool ok = add_header(call, "Content-Type: application/json") &&
              add_header(call, call->stream ? "Accept: text/event-stream, application/json"
                                            : "Accept: application/json") &&
              add_header(call, "Expect:"); /* no 100-continue: it costs a round trip */
    if (ok && call->key != NULL) {
        tj_buf line;
        tj_buf_init(&line);
        tj_buf_printf(&line, "Authorization: Bearer %s", call->key);
        ok = !line.failed && add_header(call, tj_buf_text(&line));
        tj_buf_deinit(&line);
    }
    return ok;
}

static bool set_options(tj_http_call *call, bool is_loopback)
{
    CURL *easy = call->easy;
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_URL, call->url);
#define SET(option, value) rc = rc != CURLE_OK ? rc : curl_easy_setopt(easy, option, value)
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->n_body);
    SET(CURLOPT_POSTFIELDS, call->body);
    SET(CURLOPT_HTTPHEADER, (struct curl_slist *)call->headers);
    SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* a proxy does not see the key */
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)call->connect_timeout_ms);
    SET(CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_ERRORBUFFER, call->failure);
    SET(CURLOPT_PRIVATE, call);
    if (call->ca_file != NULL) {
        SET(CURLOPT_CAINFO, call->ca_file);
    }
    if (is_loopback) {
        SET(CURLOPT_PROXY, ""); /* whatever the environment says: this machine needs none */
    }
#undef SET
    return rc == CURLE_OK;
}

_Static_assert(sizeof((tj_http_call *)0)->failure >= CURL_ERROR_SIZE, "libcurl writes so much");

tj_code tj_http_start(tj_http *http, tj_http_call *call, tj_err *err)
{
    tj_http_place place;
    tj_http_call_deinit(call);
    tj_code rc = tj_http_place_of(&place, call->url, err);
    if (rc != TJ_OK) {
        return rc;
    }
    call->end = TJ_HTTP_ANSWERED;
    call->status = 0;
    call->n_headers = 0;
    call->content_type[0] = call->retry_after[0] = call->location[0] = call->failure[0] = '\0';
    call->last_byte_s = tj_clock_seconds();
    call->easy = curl_easy_init();
    if (call->easy == NULL || !add_headers(call) || !set_options(call, place.is_loopback) ||
        curl_multi_add_handle(http->multi, call->easy) != CURLM_OK) {
        tj_http_call_deinit(call);
        return tj_fail(err, TJ_E_BACKEND, "cannot prepare a request to %s", call->url);
    }
    return TJ_OK;
}

static void free_handles(tj_http_call *call)
{
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    call->easy = call->headers = NULL;
}

void tj_http_call_deinit(tj_http_call *call)
{
    free_handles(call);
    tj_buf_deinit(&call->answer);
    tj_buf_init(&call->answer);
}

void tj_http_stop(tj_http *http, tj_http_call *call)
{
    if (call->easy != NULL) {
        held h = hold_sigpipe();
        curl_multi_remove_handle(http->multi, call->easy);
        free_handles(call);
        let_sigpipe(&h);
    }
}

/* ------------------------------------------------------------ waiting */

/* What cannot be better the next time. */
static bool is_lasting(CURLcode rc)
{
    return rc == CURLE_OUT_OF_MEMORY || rc == CURLE_PEER_FAILED_VERIFICATION ||
           rc == CURLE_SSL_CACERT_BADFILE || rc == CURLE_SSL_CERTPROBLEM ||
           rc == CURLE_UNSUPPORTED_PROTOCOL || rc == CURLE_URL_MALFORMAT;
}

static void conclude(tj_http *http, tj_http_call *call, CURLcode rc)
{
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &call->status);
    if (rc != CURLE_OK && call->end == TJ_HTTP_ANSWERED) {
        call->end = is_lasting(rc) ? TJ_HTTP_REFUSED : TJ_HTTP_FAILED;
    }
    if (rc != CURLE_OK && call->failure[0] == '\0') {
        snprintf(call->failure, sizeof call->failure, "%s", curl_easy_strerror(rc));
    }
    tj_http_stop(http, call);
}

static tj_http_call *take_done(tj_http *http)
{
    int n_left;
    for (CURLMsg *m = curl_multi_info_read(http->multi, &n_left); m != NULL;
         m = curl_multi_info_read(http->multi, &n_left)) {
        if (m->msg == CURLMSG_DONE) {
            char *call = NULL;
            CURLcode rc = m->data.result; /* m does not outlive the handle */
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &call);
            conclude(http, (tj_http_call *)(void *)call, rc);
            return (tj_http_call *)(void *)call;
        }
    }
    return NULL;
}

/* A call that has been silent for too long. */
static tj_http_call *take_silent(tj_http *http, tj_http_call *const *running, size_t n)
{
    double now = tj_clock_seconds();
    for (size_t i = 0; i < n; i++) {
        tj_http_call *call = running[i];
        if (call->silence_ms > 0 && now - call->last_byte_s > (double)call->silence_ms / 1000.0) {
            snprintf(call->failure, sizeof call->failure, "nothing came for %zu ms",
                     call->silence_ms);
            call->end = TJ_HTTP_FAILED;
            tj_http_stop(http, call);
            return call;
        }
    }
    return NULL;
}

tj_code tj_http_wait(tj_http *http, tj_http_call **done, tj_http_call *const *running,
                     size_t n_running, size_t timeout_ms, tj_err *err)
{
    int n_left;
    double end = tj_clock_seconds() + (double)timeout_ms / 1000.0;
    for (;;) {
        held h = hold_sigpipe();
        CURLMcode rc = curl_multi_perform(http->multi, &n_left);
        let_sigpipe(&h);
        *done = rc == CURLM_OK ? take_done(http) : NULL;
        double left = end - tj_clock_seconds();
        if (rc == CURLM_OK && *done == NULL && left > 0.0) {
            rc = curl_multi_poll(http->multi, NULL, 0, (int)(left * 1000.0) + 1, NULL);
        } else if (rc == CURLM_OK) {
            *done = *done != NULL ? *done : take_silent(http, running, n_running);
            return TJ_OK;
        }
        if (rc != CURLM_OK) {
            return tj_fail(err, TJ_E_BACKEND, "libcurl: %s", curl_multi_strerror(rc));
        }
    }
}

/* ------------------------------------------------------------ URLs and dates */

static bool is_loopback_host(const char *host)
{
    unsigned a, b, c, d;
    char rest;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (sscanf(host, "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &rest) == 4 && a == 127);
}

static bool has_part(CURLU *u, CURLUPart part)
{
    char *text = NULL;
    bool there = curl_url_get(u, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return there;
}

static tj_code read_place(tj_http_place *out, CURLU *u, tj_err *err)
{
    char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL;
    tj_code rc = TJ_OK;
    if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_PATH, &path, 0) != CURLUE_OK) {
        rc = tj_fail(err, TJ_E_INVAL, "the URL has no host");
    } else {
        for (char *p = host; *p != '\0'; p++) {
            *p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
        }
        out->is_plain = strcmp(scheme, "http") == 0;
        out->is_loopback = is_loopback_host(host);
        out->has_path = strcmp(path, "/") != 0;
        snprintf(out->origin, sizeof out->origin, "%s://%s:%s", scheme, host, port);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(path);
    return rc;
}

tj_code tj_http_place_of(tj_http_place *out, const char *url, tj_err *err)
{
    CURLU *u = curl_url();
    tj_code rc = TJ_OK;
    *out = (tj_http_place){.has_path = false};
    if (u == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot read a URL");
    }
    /* the URL itself stays out of messages: what is wrong with it may be a secret in it */
    if (strlen(url) >= TJ_MAX_URL_BYTES) {
        rc = tj_fail(err, TJ_E_INVAL, "the URL has more than %zu bytes", TJ_MAX_URL_BYTES - 1);
    } else if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) {
        rc = tj_fail(err, TJ_E_INVAL, "the URL does not begin with http:// or https://");
    } else if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK) {
        rc = tj_fail(err, TJ_E_INVAL, "the URL is malformed");
    } else if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD)) {
        rc = tj_fail(err, TJ_E_INVAL,
                     "the URL has a user or a password: keys come from the "
                     "environment or a file");
    } else if (has_part(u, CURLUPART_QUERY) || has_part(u, CURLUPART_FRAGMENT)) {
        rc = tj_fail(err, TJ_E_INVAL,
                     "the URL has a query or a fragment: give the base of the "
                     "server's routes");
    } else {
        rc = read_place(out, u, err);
    }
    curl_url_cleanup(u);
    return rc;
}

tj_code tj_http_resolve(char **out, const char *base, const char *location, tj_err *err)
{
    CURLU *u = curl_url();
    char *text = NULL;
    *out = NULL;
    tj_code rc = u == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot read a URL") : TJ_OK;
    if (rc == TJ_OK && (curl_url_set(u, CURLUPART_URL, base, 0) != CURLUE_OK ||
                        curl_url_set(u, CURLUPART_URL, location, 0) != CURLUE_OK ||
                        curl_url_get(u, CURLUPART_URL, &text, 0) != CURLUE_OK)) {
        rc = tj_fail(err, TJ_E_PARSE, "the redirect leads to no URL");
    }
    if (rc == TJ_OK) {
        *out = tj_strdup(text);
        rc = *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a URL") : TJ_OK;
    }
    curl_free(text);
    curl_url_cleanup(u);
    return rc;
}

int64_t tj_http_date(const char *text)
{
    return (int64_t)curl_getdate(text, NULL);
}
