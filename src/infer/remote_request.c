/* Requests of /chat/completions and /completions. */
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/rng.h"
#include "infer/form.h"
#include "infer/remote.h"

/* `run` of the stream that seeds are drawn from, mixed with the query's own. */
#define RUN_SEEDS 0x73656564u

uint64_t tj_remote_seed(const tj_query *query, size_t first)
{
    tj_rng rng;
    tj_rng_init(&rng, query->seed, query->run ^ RUN_SEEDS, query->problem, first);
    return tj_rng_u32(&rng) >> 1;
}

/* A text as a JSON string. Errors: TJ_E_INVAL (not UTF-8), TJ_E_NOMEM. */
static tj_code put_text(json_t *object, const char *name, const char *text, size_t len, tj_err *err)
{
    size_t at = tj_utf8_check(text, len);
    if (at < len) {
        return tj_fail(err, TJ_E_INVAL, "%s is not UTF-8 at byte %zu", name, at);
    }
    return json_object_set_new(object, name, json_stringn(text, len)) == 0
               ? TJ_OK
               : tj_fail(err, TJ_E_NOMEM, "cannot write a request");
}

static tj_code put_messages(json_t *body, const tj_query *q, tj_err *err)
{
    static const char *const roles[] = {
        [TJ_ROLE_SYSTEM] = "system", [TJ_ROLE_USER] = "user", [TJ_ROLE_ASSISTANT] = "assistant"};
    json_t *list = json_array();
    tj_code rc = list == NULL || json_object_set_new(body, "messages", list) != 0
                     ? tj_fail(err, TJ_E_NOMEM, "cannot write a request")
                     : TJ_OK;
    for (size_t i = 0; i < q->n_messages && rc == TJ_OK; i++) {
        json_t *message = json_pack("{s:s}", "role", roles[q->messages[i].role]);
        if (message == NULL || json_array_append_new(list, message) != 0) {
            return tj_fail(err, TJ_E_NOMEM, "cannot write a request");
        }
        rc = put_text(message, "content", q->messages[i].text, q->messages[i].len, err);
    }
    return rc;
}

static bool put(json_t *body, const char *name, json_t *value)
{
    return json_object_set_new(body, name, value) == 0;
}

static bool put_size(json_t *body, const char *name, size_t value)
{
    return put(body, name, json_integer((json_int_t)value));
}

/* top_k and min_p are not OpenAI's: a server that does not know them says so. */
static bool put_sampling(json_t *body, const tj_remote_config *cfg, const tj_query *q, size_t first)
{
    const tj_sampling *s = &q->sampling;
    const char *limit =
        cfg->max_tokens_field == TJ_MAX_COMPLETION_TOKENS ? "max_completion_tokens" : "max_tokens";
    return put(body, "temperature", json_real(s->temperature)) &&
           put_size(body, limit, q->max_tokens) &&
           (s->top_p == 1.0 || put(body, "top_p", json_real(s->top_p))) &&
           (s->top_k == 0 || put_size(body, "top_k", s->top_k)) &&
           (s->min_p == 0.0 || put(body, "min_p", json_real(s->min_p))) &&
           (!cfg->send_seed || put_size(body, "seed", (size_t)tj_remote_seed(q, first)));
}

static bool put_logprobs(json_t *body, const tj_query *q)
{
    if (!q->logprobs) {
        return true;
    }
    return q->messages == NULL ? put_size(body, "logprobs", q->n_top)
                               : put(body, "logprobs", json_true()) &&
                                     (q->n_top == 0 || put_size(body, "top_logprobs", q->n_top));
}

static tj_code put_stops(json_t *body, const tj_query *q, tj_err *err)
{
    json_t *list = q->n_stop == 0 ? NULL : json_array();
    if (q->n_stop > 0 && (list == NULL || !put(body, "stop", list))) {
        return tj_fail(err, TJ_E_NOMEM, "cannot write a request");
    }
    for (size_t i = 0; i < q->n_stop; i++) {
        if (json_array_append_new(list, json_string(q->stop[i])) != 0) {
            return tj_fail(err, TJ_E_INVAL, "a stop string is not UTF-8");
        }
    }
    return TJ_OK;
}

/* How the server is asked for the query's form. */
static tj_response_format format_of(const tj_remote_config *cfg, const tj_query *q)
{
    if (q->form == NULL || q->messages == NULL) {
        return TJ_RESPONSE_NONE;
    }
    bool is_any = q->form->nodes[q->form->root].kind == TJ_FORM_ANY_OBJECT;
    return cfg->response_format != TJ_RESPONSE_NONE && is_any
               ? TJ_RESPONSE_OBJECT
               : (tj_response_format)cfg->response_format;
}

bool tj_remote_sends_format(const tj_remote_config *cfg, const tj_query *q)
{
    return format_of(cfg, q) != TJ_RESPONSE_NONE;
}

static tj_code put_format(json_t *body, const tj_remote_config *cfg, const tj_query *q, tj_err *err)
{
    json_t *format = NULL;
    switch (format_of(cfg, q)) {
    case TJ_RESPONSE_NONE:
        return TJ_OK;
    case TJ_RESPONSE_OBJECT_SCHEMA:
        format = json_pack("{s:s, s:o}", "type", "json_object", "schema",
                           json_loads(q->form->schema, 0, NULL));
        break;
    case TJ_RESPONSE_OBJECT:
        format = json_pack("{s:s}", "type", "json_object");
        break;
    case TJ_RESPONSE_SCHEMA:
        format =
            json_pack("{s:s, s:{s:s, s:b, s:o}}", "type", "json_schema", "json_schema", "name",
                      "answer", "strict", true, "schema", json_loads(q->form->schema, 0, NULL));
        break;
    }
    return put(body, "response_format", format)
               ? TJ_OK
               : tj_fail(err, TJ_E_NOMEM, "cannot write a request");
}

/* Gives the object of a request for pooling (json_decref): the conversation alone. */
static tj_code make_pooling(json_t **out, const tj_remote_config *cfg, const tj_query *q,
                            tj_err *err)
{
    json_t *body = json_pack("{s:s}", "model", cfg->model);
    tj_code rc = body != NULL ? put_messages(body, q, err)
                              : tj_fail(err, TJ_E_NOMEM, "cannot write a request");
    if (rc != TJ_OK) {
        json_decref(body);
        body = NULL;
    }
    *out = body;
    return rc;
}

/* Gives the request's object (json_decref). */
static tj_code make_body(json_t **out, const tj_remote_config *cfg, const tj_query *q, size_t first,
                         size_t n, bool stream, tj_err *err)
{
    if (q->pooled) {
        return make_pooling(out, cfg, q, err);
    }
    json_t *body = json_pack("{s:s}", "model", cfg->model);
    tj_code rc = body != NULL && put_sampling(body, cfg, q, first) && put_logprobs(body, q) &&
                         (n == 1 || put_size(body, "n", n)) &&
                         (!stream ||
                          (put(body, "stream", json_true()) &&
                           put(body, "stream_options", json_pack("{s:b}", "include_usage", true))))
                     ? TJ_OK
                     : tj_fail(err, TJ_E_NOMEM, "cannot write a request");
    if (rc == TJ_OK) {
        rc = put_stops(body, q, err);
    }
    if (rc == TJ_OK) {
        rc = put_format(body, cfg, q, err);
    }
    if (rc == TJ_OK) {
        rc = q->messages != NULL ? put_messages(body, q, err)
                                 : put_text(body, "prompt", q->text, q->n_text, err);
    }
    if (rc != TJ_OK) {
        json_decref(body);
        body = NULL;
    }
    *out = body;
    return rc;
}

/* The text of json, whose reference is taken: canonical, but that a schema keeps its order, since
 * that is the order of the answer's members. */
static tj_code write_text(char **out, json_t *json, bool has_order, tj_err *err)
{
    *out = json == NULL ? NULL : has_order ? tj_json_ordered(json) : tj_json_canonical(json);
    json_decref(json);
    return *out != NULL ? TJ_OK : tj_fail(err, TJ_E_NOMEM, "cannot write a request");
}

tj_code tj_remote_body(char **out, const tj_remote_config *cfg, const tj_query *query, size_t first,
                       size_t n, tj_err *err)
{
    json_t *body;
    *out = NULL;
    tj_code rc = make_body(&body, cfg, query, first, n, cfg->stream, err);
    return rc == TJ_OK ? write_text(out, body, tj_remote_sends_format(cfg, query), err) : rc;
}

tj_code tj_remote_key(char out[TJ_SHA256_HEX], const char *endpoint, const tj_remote_config *cfg,
                      const tj_query *query, size_t sample, tj_err *err)
{
    json_t *body;
    char *text = NULL;
    tj_code rc = make_body(&body, cfg, query, 0, 1, false, err);
    if (rc == TJ_OK) {
        rc = write_text(&text,
                        json_pack("{s:o, s:s, s:I}", "body", body, "endpoint", endpoint, "sample",
                                  (json_int_t)sample),
                        tj_remote_sends_format(cfg, query), err);
    }
    if (rc == TJ_OK) {
        tj_sha256_hex(out, text, strlen(text));
    }
    tj_free(text);
    return rc;
}
