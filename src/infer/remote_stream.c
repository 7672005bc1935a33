/* Streams of events, joined to the answer that would have come without streaming, so that there is
 * one reader of answers. Texts of a choice are appended to one another, its log-probabilities too;
 * what comes once (finish_reason, usage) is taken over. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "infer/remote.h"
#include "infer/sse.h"

/* What a choice has gathered. */
typedef struct gathered {
    tj_buf content, reasoning, refusal;
    bool seen, has_content, has_reasoning, has_refusal;
    json_t *finish, *logprobs;
} gathered;

typedef struct joiner {
    tj_remote_asked asked;
    gathered *choices; /* [asked.n] */
    json_t *usage;
} joiner;

static tj_code no_memory(tj_err *err)
{
    return tj_fail(err, TJ_E_NOMEM, "cannot join a stream");
}

/* ------------------------------------------------------------ events to choices */

static tj_code append_text(tj_buf *buf, bool *has, const json_t *from, const char *field,
                           tj_err *err)
{
    const json_t *text = json_object_get(from, field);
    if (text == NULL || json_is_null(text)) {
        return TJ_OK;
    }
    if (!json_is_string(text)) {
        return tj_fail(err, TJ_E_PARSE, "%s is not text", field);
    }
    *has = true;
    tj_buf_add(buf, json_string_value(text), json_string_length(text));
    return TJ_OK;
}

/* The lists of one object are appended to those of the other; what is no list (null) is passed
 * over. */
static tj_code append_logprobs(gathered *g, const json_t *choice, tj_err *err)
{
    const char *field;
    json_t *list, *more = json_object_get(choice, "logprobs");
    if (more == NULL || json_is_null(more)) {
        return TJ_OK;
    }
    if (!json_is_object(more)) {
        return tj_fail(err, TJ_E_PARSE, "logprobs is not an object");
    }
    if (g->logprobs == NULL && (g->logprobs = json_object()) == NULL) {
        return no_memory(err);
    }
    json_object_foreach(more, field, list)
    {
        json_t *have = json_object_get(g->logprobs, field);
        if (!json_is_array(list)) {
            continue;
        }
        if (have == NULL) {
            have = json_array();
            if (json_object_set_new(g->logprobs, field, have) != 0) {
                return no_memory(err);
            }
        }
        if (json_array_extend(have, list) != 0) {
            return no_memory(err);
        }
    }
    return TJ_OK;
}

static tj_code take_delta(gathered *g, const json_t *choice, tj_err *err)
{
    const json_t *delta = json_object_get(choice, "delta");
    if (!json_is_object(delta)) {
        return tj_fail(err, TJ_E_PARSE, "delta is %s", delta == NULL ? "missing" : "not an object");
    }
    tj_code rc = append_text(&g->content, &g->has_content, delta, "content", err);
    if (rc == TJ_OK) {
        /* a server that has both fields has the same in them */
        const json_t *own = json_object_get(delta, "reasoning_content");
        rc = append_text(&g->reasoning, &g->has_reasoning, delta,
                         json_is_string(own) ? "reasoning_content" : "reasoning", err);
    }
    if (rc == TJ_OK) {
        rc = append_text(&g->refusal, &g->has_refusal, delta, "refusal", err);
    }
    return rc;
}

static tj_code take_choice(joiner *j, const json_t *choice, tj_err *err)
{
    const json_t *index = json_object_get(choice, "index");
    json_t *finish = json_object_get(choice, "finish_reason");
    json_int_t at = json_is_integer(index) ? json_integer_value(index) : -1;
    if (at < 0 || (size_t)at >= j->asked.n) {
        return tj_fail(err, TJ_E_PARSE, "index %s",
                       index == NULL ? "is missing" : "is not that of a choice that was asked for");
    }
    gathered *g = &j->choices[at];
    g->seen = true;
    tj_code rc = j->asked.chat ? take_delta(g, choice, err)
                               : append_text(&g->content, &g->has_content, choice, "text", err);
    if (rc == TJ_OK) {
        rc = append_logprobs(g, choice, err);
    }
    if (rc == TJ_OK && finish != NULL && !json_is_null(finish)) {
        json_decref(g->finish);
        g->finish = json_incref(finish);
    }
    return rc;
}

static tj_code take_event(joiner *j, const json_t *event, tj_err *err)
{
    const json_t *choices = json_object_get(event, "choices"), *choice;
    json_t *usage = json_object_get(event, "usage");
    size_t i;
    const json_t *error = json_object_get(event, "error");
    if (error != NULL && !json_is_null(error)) {
        const char *message = tj_remote_error_message(event);
        return tj_fail(err, TJ_E_BACKEND, "an error: %s", message == NULL ? "?" : message);
    }
    if (!json_is_array(choices)) {
        return tj_fail(err, TJ_E_PARSE, "choices is %s",
                       choices == NULL ? "missing" : "not a list");
    }
    if (usage != NULL && !json_is_null(usage)) {
        json_decref(j->usage);
        j->usage = json_incref(usage);
    }
    json_array_foreach(choices, i, choice)
    {
        tj_code rc = take_choice(j, choice, err);
        if (rc != TJ_OK) {
            tj_err_context(err, "choices[%zu]", i);
            return rc;
        }
    }
    return TJ_OK;
}

static tj_code take_events(joiner *j, bool *is_cut, tj_sse *sse, tj_err *err)
{
    const char *data;
    size_t n;
    for (size_t i = 0;; i++) {
        json_t *event = NULL;
        tj_code rc = tj_sse_next(sse, &data, &n, err);
        if (rc == TJ_OK && data == NULL) {
            *is_cut = true;
            return tj_fail(err, TJ_E_PARSE, "the stream ends before [DONE]");
        }
        if (rc != TJ_OK || (n == 6 && memcmp(data, "[DONE]", 6) == 0)) {
            return rc;
        }
        rc = tj_json_parse(&event, data, n, TJ_MAX_ANSWER_DEPTH, "it", err);
        if (rc == TJ_OK) {
            rc = take_event(j, event, err);
        }
        json_decref(event);
        if (rc != TJ_OK) {
            tj_err_context(err, "event %zu of the stream", i + 1);
            return rc;
        }
    }
}

/* ------------------------------------------------------------ choices to an answer */

static bool set_text(json_t *object, const char *field, bool has, const tj_buf *text)
{
    return !has ||
           (!text->failed && json_object_set_new_nocheck(
                                 object, field, json_stringn(tj_buf_text(text), text->len)) == 0);
}

/* Gives a choice (json_decref), NULL without memory. */
static json_t *write_choice(gathered *g, size_t index, bool chat)
{
    json_t *choice = json_pack("{s:I, s:O*, s:O*}", "index", (json_int_t)index, "finish_reason",
                               g->finish, "logprobs", g->logprobs);
    json_t *message = chat ? json_object() : json_incref(choice);
    bool ok = choice != NULL && message != NULL &&
              set_text(message, chat ? "content" : "text", g->has_content, &g->content) &&
              set_text(message, "reasoning_content", g->has_reasoning, &g->reasoning) &&
              set_text(message, "refusal", g->has_refusal, &g->refusal);
    /* a message of nothing but thoughts has a content of null */
    ok = ok &&
         (!chat || g->has_content || json_object_set_new(message, "content", json_null()) == 0);
    ok = ok && (!chat || json_object_set(choice, "message", message) == 0);
    json_decref(message);
    if (!ok) {
        json_decref(choice);
        return NULL;
    }
    return choice;
}

static tj_code write_answer(json_t **out, joiner *j, tj_err *err)
{
    json_t *list = json_array();
    json_t *answer = json_pack("{s:o, s:O*}", "choices", list, "usage", j->usage);
    for (size_t i = 0; i < j->asked.n && answer != NULL; i++) {
        if (j->choices[i].seen &&
            json_array_append_new(list, write_choice(&j->choices[i], i, j->asked.chat)) != 0) {
            json_decref(answer);
            answer = NULL;
        }
    }
    *out = answer;
    return answer != NULL ? TJ_OK : no_memory(err);
}

tj_code tj_remote_join_stream(json_t **out, bool *is_cut, const char *stream, size_t len,
                              tj_remote_asked asked, tj_err *err)
{
    joiner j = {.asked = asked, .choices = tj_calloc(asked.n, sizeof *j.choices)};
    tj_sse sse;
    *out = NULL;
    *is_cut = false;
    if (j.choices == NULL) {
        return no_memory(err);
    }
    tj_sse_begin(&sse, stream, len);
    tj_code rc = take_events(&j, is_cut, &sse, err);
    if (rc == TJ_OK) {
        rc = write_answer(out, &j, err);
    }
    for (size_t i = 0; i < asked.n; i++) {
        gathered *g = &j.choices[i];
        tj_buf_deinit(&g->content);
        tj_buf_deinit(&g->reasoning);
        tj_buf_deinit(&g->refusal);
        json_decref(g->finish);
        json_decref(g->logprobs);
    }
    json_decref(j.usage);
    tj_free(j.choices);
    tj_sse_end(&sse);
    return rc;
}
