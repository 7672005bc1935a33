/* What comes of a request: an answer, another try, or an error that names URL, status and field. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "infer/remote_client.h"

/* ------------------------------------------------------------ words */

/* A server's words as they may stand in a message: cut, on one line, without the key. */
static void quote(const tj_remote *r, char out[TJ_MAX_SERVER_WORDS + 4], const char *words)
{
    const size_t n_key = r->key == NULL ? 0 : strlen(r->key);
    size_t n = 0;
    for (const char *p = words; *p != '\0'; p++) {
        if (n >= TJ_MAX_SERVER_WORDS) {
            memcpy(out + n, "...", 3);
            n += 3;
            break;
        }
        bool is_key = n_key > 0 && strncmp(p, r->key, n_key) == 0;
        out[n++] = is_key ? '*' : (unsigned char)*p < ' ' || *p == 0x7f ? ' ' : *p;
        p += is_key ? n_key - 1 : 0;
    }
    out[n] = '\0';
}

static const char *url_of(const tj_remote_batch *b, const tj_remote_request *request)
{
    return request->moved != NULL ? request->moved : tj_remote_url(b, &b->queries[request->query]);
}

static void say_again(const tj_remote_batch *b, const tj_remote_request *request, const tj_err *why,
                      double ms)
{
    tj_job_log(b->job, "%s; try %zu of %zu in %.1f s", why->msg, request->n_tries + 1,
               b->r->cfg.max_tries, ms / 1000.0);
}

/* ------------------------------------------------------------ endings */

static void end(tj_remote_batch *b, tj_remote_request *request)
{
    request->state = TJ_REMOTE_DONE;
    b->n_done += request->n;
    tj_http_call_deinit(&request->call);
    tj_free(request->body);
    tj_free(request->moved);
    request->body = request->moved = NULL;
}

void tj_remote_fail(tj_remote_batch *b, tj_remote_request *request, const tj_err *why)
{
    tj_query *q = &b->queries[request->query];
    if (q->error.code == TJ_OK) {
        q->error = *why;
    }
    end(b, request);
}

/* Waits for another try, if there may be one. */
static void again(tj_remote_batch *b, tj_remote_request *request, tj_err *why)
{
    tj_remote *r = b->r;
    const tj_query *q = &b->queries[request->query];
    const char *patience = request->call.retry_after;
    double ms = tj_remote_backoff_ms(&r->cfg, q, request->first, request->n_tries);
    int64_t asked_ms = patience[0] == '\0'
                           ? -1
                           : tj_remote_retry_after_ms(patience, r->clock.unix_us(r->clock.ctx));
    tj_err last = *why;
    if (request->n_tries >= r->cfg.max_tries) {
        (void)tj_fail(why, last.code, "%s (try %zu of %zu)", last.msg, request->n_tries,
                      r->cfg.max_tries);
        tj_remote_fail(b, request, why);
    } else if (r->retries_left == 0) {
        (void)tj_fail(why, last.code, "%s (and all %zu retries are used)", last.msg,
                      r->cfg.max_retries);
        tj_remote_fail(b, request, why);
    } else if (asked_ms > (int64_t)r->cfg.max_retry_after_s * 1000) {
        (void)tj_fail(why, TJ_E_LIMIT, "%s (Retry-After is %" PRId64 " s, max_retry_after_s %zu)",
                      last.msg, asked_ms / 1000, r->cfg.max_retry_after_s);
        tj_remote_fail(b, request, why);
    } else {
        double now = r->clock.seconds(r->clock.ctx);
        ms = ms > (double)asked_ms ? ms : (double)asked_ms;
        request->ready_s = now + ms / 1000.0;
        request->state = TJ_REMOTE_WAITS;
        if (asked_ms > 0 && now + (double)asked_ms / 1000.0 > b->pause_s) {
            b->pause_s = now + (double)asked_ms / 1000.0; /* the others would be refused too */
        }
        r->retries_left--;
        r->stats.n_retries++;
        say_again(b, request, why, ms);
        tj_http_call_deinit(&request->call);
    }
}

/* ------------------------------------------------------------ answers */

/* Reads and keeps the choices of an answer; *n_found may be less than were asked for. */
static tj_code take_choices(tj_remote_batch *b, const tj_remote_request *request, size_t *n_found,
                            const json_t *answer, tj_err *err)
{
    tj_query *q = &b->queries[request->query];
    tj_remote_asked asked = tj_remote_asked_of(q, request->n);
    const json_t *choices[TJ_MAX_REQUEST_SAMPLES];
    tj_code rc = tj_remote_find_choices(choices, n_found, answer, asked, err);
    for (size_t i = 0; rc == TJ_OK && i < *n_found; i++) {
        size_t sample = request->first + i;
        rc = tj_remote_read_choice(&q->completions[sample], choices[i], asked, err);
        if (rc != TJ_OK) {
            tj_err_context(err, "%s[%zu]", asked.pooled ? "data" : "choices", i);
            break;
        }
        b->r->stats.n_answers++;
        rc = tj_remote_keep(b, q, sample, choices[i],
                            i == 0 ? json_object_get(answer, "usage") : NULL, err);
        if (rc != TJ_OK) {
            b->fatal = *err; /* without its cache a run would pay twice */
        }
    }
    return rc;
}

/* What is used is counted whatever else is wrong with the answer. */
static tj_code take_usage(tj_remote_batch *b, const tj_remote_request *request,
                          const json_t *answer, tj_err *err)
{
    tj_usage usage;
    bool there;
    tj_code rc = tj_remote_read_usage(&usage, &there, answer, &b->r->cfg, err);
    b->r->stats.n_without_usage += there ? 0 : 1;
    tj_usage_add(&b->queries[request->query].usage, &usage);
    tj_usage_add(&b->r->stats.usage, &usage);
    return rc;
}

static tj_code parse(json_t **out, bool *is_cut, const tj_remote_batch *b,
                     const tj_remote_request *request, tj_err *err)
{
    const tj_http_call *call = &request->call;
    const tj_query *q = &b->queries[request->query];
    char what[96];
    *is_cut = false;
    if (strncmp(call->content_type, "text/event-stream", 17) == 0) {
        return tj_remote_join_stream(out, is_cut, tj_buf_text(&call->answer), call->answer.len,
                                     tj_remote_asked_of(q, request->n), err);
    }
    snprintf(what, sizeof what, "the answer, of type '%s',", call->content_type);
    return tj_json_parse(out, tj_buf_text(&call->answer), call->answer.len, TJ_MAX_ANSWER_DEPTH,
                         what, err);
}

static void take_answer(tj_remote_batch *b, tj_remote_request *request)
{
    json_t *answer = NULL;
    tj_err err = {.code = TJ_OK};
    char words[TJ_MAX_SERVER_WORDS + 4];
    bool is_cut;
    size_t n_found = 0;
    tj_code rc = parse(&answer, &is_cut, b, request, &err);
    if (rc == TJ_OK) {
        rc = take_usage(b, request, answer, &err);
    }
    if (rc == TJ_OK) {
        rc = take_choices(b, request, &n_found, answer, &err);
    }
    if (rc == TJ_OK && n_found < request->n) { /* some servers have bounds of their own on n */
        rc = tj_remote_add(b, request->query, request->first + n_found, request->n - n_found, &err);
        request->n = rc == TJ_OK ? n_found : request->n;
    }
    json_decref(answer);
    if (rc == TJ_OK) {
        end(b, request);
        return;
    }
    quote(b->r, words, err.msg);
    (void)tj_fail(&err, rc, "%s: status 200: %s", url_of(b, request), words);
    if (is_cut) {
        again(b, request, &err);
    } else {
        tj_remote_fail(b, request, &err);
    }
}

/* ------------------------------------------------------------ other statuses */

static void refuse_redirect(tj_remote_batch *b, tj_remote_request *request, const char *why)
{
    tj_err err;
    (void)tj_fail(&err, TJ_E_INVAL, "%s: status %ld redirects %s", url_of(b, request),
                  request->call.status, why);
    tj_remote_fail(b, request, &err);
}

/* Only where the same server answers: nobody else is given the prompts, or the key. */
static void redirect(tj_remote_batch *b, tj_remote_request *request)
{
    tj_http_place from, to;
    char *url = NULL;
    char why[TJ_ERR_MSG_BYTES];
    long status = request->call.status;
    if (request->call.location[0] == '\0') {
        refuse_redirect(b, request, "nowhere");
    } else if (tj_http_resolve(&url, url_of(b, request), request->call.location, NULL) != TJ_OK ||
               tj_http_place_of(&to, url, NULL) != TJ_OK ||
               tj_http_place_of(&from, url_of(b, request), NULL) != TJ_OK) {
        refuse_redirect(b, request, "to what is no plain http or https URL");
    } else if (strcmp(from.origin, to.origin) != 0) {
        snprintf(why, sizeof why, "to %.200s, another server, which is not followed", to.origin);
        refuse_redirect(b, request, why);
    } else if (status != 307 && status != 308) {
        refuse_redirect(b, request, "within the server by a status that makes a GET of a POST");
    } else if (++request->n_redirects > TJ_MAX_REDIRECTS) {
        refuse_redirect(b, request, "again and again");
    } else {
        tj_http_call_deinit(&request->call);
        tj_free(request->moved);
        request->moved = url;
        url = NULL;
        request->ready_s = 0.0;
        request->state = TJ_REMOTE_WAITS;
    }
    tj_free(url);
}

static tj_code code_of(long status)
{
    return status == 404                    ? TJ_E_NOTFOUND
           : status == 429                  ? TJ_E_LIMIT
           : status >= 400 && status <= 499 ? TJ_E_INVAL
                                            : TJ_E_BACKEND;
}

/* What may be at fault where a request with a form is refused: with the status of a wrong request,
 * or with any and a message that names the field. */
static const char *hint_of(const tj_remote_batch *b, const tj_remote_request *request,
                           const char *message)
{
    const tj_remote_config *cfg = &b->r->cfg;
    long status = request->call.status;
    bool is_named = message != NULL && strstr(message, "response_format") != NULL;
    if ((status != 400 && status != 422 && !is_named) ||
        !tj_remote_sends_format(cfg, &b->queries[request->query])) {
        return "";
    }
    return cfg->response_format == TJ_RESPONSE_OBJECT
               ? " (a response_format was sent: if the server does not know it, set "
                 "remote.response_format to none)"
               : " (a response_format was sent: if the server does not know it, set "
                 "remote.response_format to object_schema, object or none)";
}

static void take_refusal(tj_remote_batch *b, tj_remote_request *request)
{
    const tj_http_call *call = &request->call;
    char words[TJ_MAX_SERVER_WORDS + 4];
    json_t *answer = NULL;
    tj_err err;
    const char *message = NULL;
    if (tj_json_parse(&answer, tj_buf_text(&call->answer), call->answer.len, TJ_MAX_ANSWER_DEPTH,
                      "it", NULL) == TJ_OK) {
        message = tj_remote_error_message(answer);
    }
    quote(b->r, words, message != NULL ? message : call->content_type);
    (void)tj_fail(&err, code_of(call->status),
                  message != NULL ? "%s: status %ld: %s%s"
                                  : "%s: status %ld, with no message in an answer of type '%s'%s",
                  url_of(b, request), call->status, words, hint_of(b, request, message));
    json_decref(answer);
    if (tj_remote_may_retry(call->status)) {
        again(b, request, &err);
        return;
    }
    if (call->status == 401 || call->status == 403 || call->status == 404) {
        b->fatal = err; /* the others would be refused alike */
        b->r->stats.is_refused = true;
    }
    tj_remote_fail(b, request, &err);
}

void tj_remote_settle(tj_remote_batch *b, tj_remote_request *request)
{
    const tj_http_call *call = &request->call;
    tj_err err;
    if (call->answer.failed) {
        (void)tj_fail(&err, TJ_E_NOMEM, "%s: cannot hold the answer", url_of(b, request));
        tj_remote_fail(b, request, &err);
    } else if (call->end == TJ_HTTP_FAILED || call->end == TJ_HTTP_REFUSED) {
        char words[TJ_MAX_SERVER_WORDS + 4];
        quote(b->r, words, call->failure);
        (void)tj_fail(&err, TJ_E_IO, "%s: %s", url_of(b, request), words);
        if (call->end == TJ_HTTP_FAILED) {
            again(b, request, &err);
        } else {
            tj_remote_fail(b, request, &err);
        }
    } else if (call->end == TJ_HTTP_TOO_LARGE) {
        bool headers = call->n_headers > TJ_MAX_ANSWER_HEADERS;
        (void)tj_fail(&err, TJ_E_LIMIT, "%s: status %ld: %s of more than %zu bytes",
                      url_of(b, request), call->status, headers ? "headers" : "an answer",
                      headers ? TJ_MAX_ANSWER_HEADERS : TJ_MAX_ANSWER_BYTES);
        tj_remote_fail(b, request, &err);
    } else if (call->status == 200) {
        take_answer(b, request);
    } else if (call->status >= 300 && call->status <= 399) {
        redirect(b, request);
    } else {
        take_refusal(b, request);
    }
}
