/* See trace.h. An evaluation that is missing or unknown gives no mark: nothing is guessed. */
#include "thought/trace.h"

#include <stdio.h>
#include <string.h>

#include "thought/ways.h"

bool tj_is_trace(const json_t *json)
{
    return json_is_object(json) && json_object_get(json, "events") != NULL;
}

typedef struct tracer {
    tj_scribe scribe;
    const char *where;
    const char *author;
    bool fresh; /* the next action begins an attempt */
} tracer;

/* A text field that is not blank: *text, lent; NULL where it is missing and may be. */
static tj_code read_text(const char **text, const json_t *object, const char *key, bool needed,
                         const char *where, tj_err *err)
{
    const json_t *v = json_object_get(object, key);
    *text = json_string_value(v);
    if (v == NULL || json_is_null(v)) {
        *text = NULL;
        return needed ? tj_fail(err, TJ_E_PARSE, "%s: %s: is missing", where, key) : TJ_OK;
    }
    if (*text == NULL || (*text)[strspn(*text, " \t\r\n")] == 0 ||
        strlen(*text) != json_string_length(v)) {
        return tj_fail(err, TJ_E_PARSE, "%s: %s: expected a text that is not blank", where, key);
    }
    return TJ_OK;
}

static tj_code add(tracer *t, tj_span span, const char *text, size_t event, tj_err *err)
{
    tj_buf line;
    size_t n = strlen(text);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) {
        n--;
    }
    span.node = TJ_SPAN_NO_NODE;
    span.editor = TJ_BY_HUMAN;
    span.annotation = event;
    tj_span_set_name(&span, t->author);
    tj_buf_init(&line);
    tj_buf_add(&line, text, n);
    tj_buf_char(&line, '\n');
    tj_code rc = tj_buf_check(&line, err);
    if (rc == TJ_OK) {
        rc = tj_scribe_add(&t->scribe, &span, tj_buf_text(&line), line.len, err);
    }
    tj_buf_deinit(&line);
    return rc;
}

static tj_code read_mark(tj_mark *mark, const json_t *event, const char *where, tj_err *err)
{
    static const char *const names[] = {"unknown", "right", "dead", "wrong", NULL};
    const char *text;
    *mark = TJ_MARK_NONE;
    tj_code rc = read_text(&text, event, "evaluation", false, where, err);
    if (rc != TJ_OK || text == NULL) {
        return rc;
    }
    size_t i = tj_name_index(text, names);
    if (names[i] == NULL) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s: evaluation: expected right, wrong, dead (right in itself, but leading "
                       "nowhere) or unknown",
                       where);
    }
    *mark = (tj_mark)i; /* wrong is invalid */
    return TJ_OK;
}

static tj_code add_decision(tracer *t, const json_t *event, size_t number, const char *where,
                            tj_err *err)
{
    const char *text;
    const json_t *back = json_object_get(event, "back_to");
    bool goes_back = back != NULL && !json_is_null(back);
    tj_code rc = read_text(&text, event, "decision", goes_back, where, err);
    if (rc != TJ_OK || text == NULL) {
        return rc;
    }
    tj_span span = {.action = goes_back ? TJ_BACKTRACK : TJ_REFLECT};
    if (goes_back) {
        if (!json_is_integer(back) || json_integer_value(back) < 0 ||
            json_integer_value(back) >= (json_int_t)number) {
            return tj_fail(err, TJ_E_PARSE,
                           "%s: back_to: expected the number of an earlier event, or 0 for the "
                           "start",
                           where);
        }
        span.back_to = (size_t)json_integer_value(back);
        t->fresh = true;
    }
    return add(t, span, text, number, err);
}

static tj_code add_event(tracer *t, const json_t *event, size_t number, tj_err *err)
{
    char where[400];
    const char *action;
    const char *cause;
    snprintf(where, sizeof where, "%.300s: events[%zu]", t->where, number - 1);
    if (!json_is_object(event)) {
        return tj_fail(err, TJ_E_PARSE, "%s: expected an object", where);
    }
    tj_span step = {.action = t->fresh ? TJ_PROPOSE : TJ_CONTINUE};
    tj_code rc = read_text(&action, event, "action", true, where, err);
    if (rc == TJ_OK) {
        rc = read_mark(&step.mark, event, where, err);
    }
    if (rc == TJ_OK) {
        rc = add(t, step, action, number, err);
    }
    t->fresh = false;
    if (rc == TJ_OK) {
        rc = read_text(&cause, event, "cause", false, where, err);
    }
    if (rc == TJ_OK && cause != NULL) {
        rc = add(t, (tj_span){.action = TJ_REFLECT}, cause, number, err);
    }
    return rc == TJ_OK ? add_decision(t, event, number, where, err) : rc;
}

static tj_code add_outcome(tracer *t, const json_t *json, size_t n_events, tj_err *err)
{
    const char *text;
    tj_code rc = read_text(&text, json, "outcome", false, t->where, err);
    tj_span span = {.action = TJ_CONCLUDE, .on_path = true};
    return rc == TJ_OK && text != NULL ? add(t, span, text, n_events + 1, err) : rc;
}

static tj_code read_meta(tj_record *out, const json_t *json, const char *where, tj_err *err)
{
    const char *text;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < TJ_N_META && rc == TJ_OK; i++) {
        bool is_intent = i == TJ_META_PROMPT;
        rc = read_text(&text, json, is_intent ? "intent" : tj_meta_names[i], is_intent, where, err);
        if (rc == TJ_OK && text != NULL) {
            rc = tj_record_set(out, (tj_meta)i, text, strlen(text), err);
        }
    }
    return rc;
}

/* The way that it ended on, without what was wrong. */
static tj_code mark_path(tj_thought *t, tj_err *err)
{
    tj_ways ways;
    tj_code rc = tj_ways_of(&ways, t, err);
    for (size_t i = 0; rc == TJ_OK && i < ways.n_path; i++) {
        tj_span *s = &t->spans[ways.steps[ways.path[i]].span];
        s->on_path = s->mark != TJ_MARK_INVALID && s->mark != TJ_MARK_DEAD;
    }
    if (rc == TJ_OK) {
        tj_ways_deinit(&ways);
    }
    return rc;
}

tj_code tj_trace_to_record(tj_record *out, const json_t *json, const char *where, tj_err *err)
{
    const json_t *events = json_object_get(json, "events");
    size_t n = json_array_size(events);
    tracer t = {.where = where, .fresh = true};
    memset(out, 0, sizeof *out);
    if (n == 0 || n > TJ_MAX_TRACE_EVENTS) {
        return tj_fail(err, n == 0 ? TJ_E_PARSE : TJ_E_LIMIT,
                       "%s: events: expected a list of 1 to %zu events", where,
                       TJ_MAX_TRACE_EVENTS);
    }
    tj_scribe_init(&t.scribe, NULL);
    tj_code rc = read_meta(out, json, where, err);
    t.author = tj_record_get(out, TJ_META_AUTHOR);
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = add_event(&t, json_array_get(events, i), i + 1, err);
    }
    if (rc == TJ_OK) {
        rc = add_outcome(&t, json, n, err);
    }
    if (rc == TJ_OK) {
        rc = tj_scribe_end(&t.scribe, &out->thought, -1, err);
    }
    if (rc == TJ_OK) {
        rc = mark_path(&out->thought, err);
    }
    tj_scribe_deinit(&t.scribe);
    for (size_t i = 0; rc == TJ_OK && i < out->thought.n_spans; i++) {
        out->thought.n_backtracks += out->thought.spans[i].action == TJ_BACKTRACK ? 1 : 0;
    }
    out->thought.kind = TJ_HUMAN;
    if (rc != TJ_OK) {
        tj_record_deinit(out);
        memset(out, 0, sizeof *out);
    }
    return rc;
}
