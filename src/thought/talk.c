/* See talk.h. */
#include "thought/talk.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"

#define MAX_DEPTH    16
#define MAX_MESSAGES 16

void tj_talk_init(tj_talk *talk, tj_generator *generator)
{
    *talk = (tj_talk){.generator = generator,
                      .sampling = {.temperature = 0.7, .top_p = 1.0},
                      .temperature_rise = 0.2,
                      .max_tokens = 1024,
                      .max_tries = 3,
                      .seed = 1};
}

void tj_talk_deinit(tj_talk *talk)
{
    tj_free(talk->failures);
    *talk = (tj_talk){.generator = NULL};
}

static tj_code record_failure(tj_talk *talk, const char *what, size_t attempt, const char *why,
                              tj_err *err)
{
    tj_talk_failure *f;
    bool is_last = attempt == talk->max_tries;
    talk->n_refused++;
    talk->n_failed += is_last ? 1 : 0;
    if (talk->n_failures == TJ_TALK_MAX_FAILURES) {
        return TJ_OK;
    }
    if (!tj_grow(&talk->failures, &talk->cap_failures, talk->n_failures + 1,
                 sizeof *talk->failures)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot record a failed answer");
    }
    f = &talk->failures[talk->n_failures++];
    *f = (tj_talk_failure){.attempt = attempt, .is_last = is_last};
    snprintf(f->what, sizeof f->what, "%s", what);
    snprintf(f->why, sizeof f->why, "%s", why);
    return TJ_OK;
}

json_t *tj_talk_failures_json(const tj_talk *talk)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < talk->n_failures; i++) {
        const tj_talk_failure *f = &talk->failures[i];
        tj_buf why; /* may hold a piece of an answer, cut anywhere */
        tj_buf_init(&why);
        tj_utf8_replace(&why, f->why, strlen(f->why));
        json_t *one =
            json_pack("{s:s, s:I, s:b, s:s}", "what", f->what, "attempt", (json_int_t)f->attempt,
                      "given_up", (int)f->is_last, "why", tj_buf_text(&why));
        tj_buf_deinit(&why);
        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

const char *tj_talk_text(const json_t *json, const char *key, char why[TJ_TALK_WHY_BYTES])
{
    const char *text = json_string_value(json_object_get(json, key));
    if (text == NULL || text[strspn(text, " \t\r\n")] == 0 ||
        strlen(text) != json_string_length(json_object_get(json, key))) {
        snprintf(why, TJ_TALK_WHY_BYTES, "`%s` is not a text with words in it", key);
        return NULL;
    }
    return text;
}

/* ------------------------------------------------------------------ one attempt */

static tj_code take_answer(const tj_completion *c, tj_talk_read_fn read, void *ctx, char *why,
                           tj_err *err)
{
    tj_err local = {.code = TJ_OK};
    json_t *json = NULL;
    const char *text = c->text;
    size_t n = c->n_text;
    why[0] = 0;
    if (text == NULL || c->finish == TJ_FINISH_LENGTH || n > TJ_TALK_MAX_ANSWER) {
        snprintf(why, TJ_TALK_WHY_BYTES, "%s", text == NULL ? "no answer" : "the answer was cut");
        return TJ_OK;
    }
    tj_json_unfence(&text, &n);
    tj_code rc = tj_json_parse(&json, text, n, MAX_DEPTH, "the answer", &local);
    if (rc == TJ_E_NOMEM) {
        return tj_fail(err, rc, "%s", local.msg);
    }
    if (rc != TJ_OK || !json_is_object(json)) {
        snprintf(why, TJ_TALK_WHY_BYTES, "%.150s",
                 rc != TJ_OK ? local.msg : "it is JSON, but not an object");
        json_decref(json);
        return TJ_OK;
    }
    rc = read(ctx, json, why, err);
    json_decref(json);
    return rc;
}

static void flatten(tj_buf *out, const tj_message *messages, size_t n)
{
    static const char *const names[] = {"System: ", "User: ", "Assistant: "};
    for (size_t i = 0; i < n; i++) {
        tj_buf_str(out, names[messages[i].role]);
        tj_buf_add(out, messages[i].text, messages[i].len);
        tj_buf_str(out, "\n\n");
    }
    tj_buf_str(out, "Assistant:");
}

/* Asks once. Gives the query with its answer (tj_query_deinit); a failure that may pass leaves the
 * completion's text NULL and *why written, and counts in *n_unheard if nothing came back at all. */
static tj_code send(tj_talk *talk, tj_query *q, const tj_message *messages, size_t n,
                    const tj_form *form, size_t attempt, size_t *n_unheard, char *why, tj_err *err)
{
    static const char *const stop[] = {"\nUser:", "\nSystem:"};
    tj_err local = {.code = TJ_OK};
    tj_buf text;
    tj_buf_init(&text);
    *q = (tj_query){.sampling = talk->sampling,
                    .seed = talk->seed,
                    .run = talk->run,
                    .problem = talk->n_things * 64 + attempt,
                    .n_samples = 1,
                    .max_tokens = talk->max_tokens,
                    .form = form};
    q->sampling.temperature += talk->temperature_rise * (double)(attempt - 1);
    if (talk->generator->chats) {
        q->messages = messages;
        q->n_messages = n;
    } else {
        flatten(&text, messages, n);
        q->text = tj_buf_text(&text);
        q->n_text = text.len;
        q->stop = stop;
        q->n_stop = 2;
    }
    tj_code rc = tj_buf_check(&text, &local);
    if (rc == TJ_OK) {
        rc = talk->generator->generate(talk->generator->ctx, q, 1, talk->job, &local);
    }
    talk->n_asked++;
    talk->usage.n_prompt += q->usage.n_prompt;
    talk->usage.n_cached += q->usage.n_cached;
    talk->usage.n_completion += q->usage.n_completion;
    talk->usage.n_reasoning += q->usage.n_reasoning;
    talk->usage.cost += q->usage.cost;
    tj_buf_deinit(&text);
    if (rc == TJ_E_CANCELLED || rc == TJ_E_NOMEM || rc == TJ_E_INVAL || rc == TJ_E_NOTFOUND) {
        return tj_fail(err, rc, "%s", local.msg);
    }
    if (rc != TJ_OK) {
        snprintf(why, TJ_TALK_WHY_BYTES, "%.190s", local.msg);
        *n_unheard += rc == TJ_E_IO ? 1 : 0;
    }
    return TJ_OK;
}

tj_code tj_talk_ask(tj_talk *talk, bool *ok, const char *what, const tj_message *messages, size_t n,
                    const tj_form *form, tj_talk_read_fn read, void *ctx, tj_err *err)
{
    tj_message all[MAX_MESSAGES];
    char why[TJ_TALK_WHY_BYTES] = "";
    tj_buf again;
    size_t n_unheard = 0;
    tj_code rc = TJ_OK;
    *ok = false;
    if (n + 2 > MAX_MESSAGES || talk->max_tries < 1) {
        return tj_fail(err, TJ_E_INVAL, "%zu messages and %zu tries: too many or too few", n,
                       talk->max_tries);
    }
    memcpy(all, messages, n * sizeof *messages);
    tj_buf_init(&again);
    talk->n_things++;
    for (size_t attempt = 1; attempt <= talk->max_tries && rc == TJ_OK && !*ok; attempt++) {
        tj_query q;
        size_t n_all = n;
        if (why[0] != 0) { /* tell it what was wrong */
            tj_buf_clear(&again);
            tj_buf_str(&again, "Your last answer could not be used: ");
            tj_utf8_replace(&again, why, strlen(why));
            tj_buf_str(&again, ". Answer again, with one JSON object in the form that was asked "
                               "for and nothing else.");
            all[n_all++] = (tj_message){TJ_ROLE_USER, tj_buf_text(&again), again.len};
            if (n > 0 && messages[n - 1].role == TJ_ROLE_USER) { /* roles take turns */
                all[n] = (tj_message){TJ_ROLE_ASSISTANT, "(not usable)", 12};
                all[n_all++] = (tj_message){TJ_ROLE_USER, tj_buf_text(&again), again.len};
            }
        }
        why[0] = 0;
        rc = tj_job_check(talk->job, err);
        if (rc != TJ_OK) {
            break;
        }
        rc = send(talk, &q, all, n_all, form, attempt, &n_unheard, why, err);
        if (rc == TJ_OK && why[0] == 0) {
            rc = take_answer(q.completions == NULL ? &(tj_completion){.text = NULL}
                                                   : &q.completions[0],
                             read, ctx, why, err);
        }
        tj_query_deinit(&q);
        *ok = rc == TJ_OK && why[0] == 0;
        if (rc == TJ_OK && !*ok) {
            rc = record_failure(talk, what, attempt, why, err);
        }
    }
    if (rc == TJ_OK && n_unheard == talk->max_tries) { /* gone: what follows would fare alike */
        rc = tj_fail(err, TJ_E_IO, "%s", why);
    }
    tj_buf_deinit(&again);
    return rc;
}

static tj_code compile(tj_form **out, const char *schema, tj_err *err)
{
    *out = NULL;
    if (schema == NULL) {
        return TJ_OK;
    }
    json_t *json = json_loads(schema, JSON_REJECT_DUPLICATES, NULL);
    tj_code rc = json == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold the form of an answer")
                              : tj_form_create(out, json, "the form of an answer", err);
    json_decref(json);
    return rc;
}

tj_code tj_talk_ask_like(tj_talk *talk, bool *ok, const char *what, const tj_talk_prompt *p,
                         tj_talk_read_fn read, void *ctx, tj_err *err)
{
    const tj_message messages[] = {{TJ_ROLE_SYSTEM, p->system, strlen(p->system)},
                                   {TJ_ROLE_USER, p->example, strlen(p->example)},
                                   {TJ_ROLE_ASSISTANT, p->answer, strlen(p->answer)},
                                   {TJ_ROLE_USER, p->user, strlen(p->user)}};
    tj_form *form;
    tj_code rc = compile(&form, p->schema, err);
    *ok = false;
    if (rc == TJ_OK) {
        rc = tj_talk_ask(talk, ok, what, messages, sizeof messages / sizeof messages[0], form, read,
                         ctx, err);
    }
    tj_form_destroy(form);
    return rc;
}
