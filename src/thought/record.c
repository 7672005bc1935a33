/* See record.h. */
#include "thought/record.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "thought/trace.h"

#define MAX_DEPTH 64 /* of JSON; ours has five levels */

const char *const tj_meta_names[TJ_N_META + 1] = {
    "prompt", "answer", "id", "level", "subject", "language", "source", "licence", "author", NULL};

void tj_record_deinit(tj_record *record)
{
    tj_thought_deinit(&record->thought);
    for (size_t i = 0; i < TJ_N_META; i++) {
        tj_free(record->meta[i]);
    }
    memset(record, 0, sizeof *record);
}

tj_code tj_record_set(tj_record *record, tj_meta meta, const char *text, size_t len, tj_err *err)
{
    char *copy = text == NULL ? NULL : tj_strndup(text, len);
    if (text != NULL && copy == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a record's %s", tj_meta_names[meta]);
    }
    tj_free(record->meta[meta]);
    record->meta[meta] = copy;
    return TJ_OK;
}

const char *tj_record_get(const tj_record *record, tj_meta meta)
{
    return record->meta[meta] == NULL ? "" : record->meta[meta];
}

size_t tj_record_n_tokens(const tj_record *record)
{
    return record->thought.ids != NULL ? record->thought.n_ids : record->n_tokens;
}

/* ------------------------------------------------------------------ writing */

static int set_size(json_t *object, const char *key, size_t value)
{
    return json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *span_json(const tj_thought *t, const tj_span *s)
{
    json_t *node = s->node == TJ_SPAN_NO_NODE ? json_null() : json_integer((json_int_t)s->node);
    json_t *one = json_pack("{s:s, s:s, s:b, s:o}", "action", tj_action_name(s->action), "editor",
                            tj_editor_name(s->editor), "on_path", (int)s->on_path, "node", node);
    int bad = one == NULL ? 1 : 0;
    if (!bad && s->name[0] != 0) {
        bad |= json_object_set_new(one, "name", tj_json_text(s->name, strlen(s->name)));
    }
    if (!bad && s->mark != TJ_MARK_NONE) {
        bad |= json_object_set_new(one, "mark", json_string(tj_mark_name(s->mark)));
    }
    if (!bad && s->has_value) {
        bad |= json_object_set_new(one, "value", json_real(s->value));
    }
    if (!bad && s->annotation > 0) {
        bad |= set_size(one, "annotation", s->annotation);
        bad |= s->action == TJ_BACKTRACK ? set_size(one, "back_to", s->back_to) : 0;
    }
    if (!bad) {
        bad |=
            json_object_set_new(one, "text", tj_json_text(t->text + s->begin, s->end - s->begin));
    }
    if (bad) {
        json_decref(one);
        return NULL;
    }
    return one;
}

json_t *tj_thought_spans_json(const tj_thought *t)
{
    json_t *spans = json_array();
    for (size_t i = 0; spans != NULL && i < t->n_spans; i++) {
        if (json_array_append_new(spans, span_json(t, &t->spans[i])) != 0) {
            json_decref(spans);
            return NULL;
        }
    }
    return spans;
}

json_t *tj_record_to_json(const tj_record *r)
{
    const tj_thought *t = &r->thought;
    json_t *j = json_pack("{s:i, s:I, s:s}", "thought_version", 1, "problem",
                          (json_int_t)t->problem, "kind", tj_thought_kind_name(t->kind));
    int bad = j == NULL ? 1 : 0;
    for (size_t i = 0; i < TJ_N_META && !bad; i++) {
        if (r->meta[i] != NULL) {
            bad |= json_object_set_new(j, tj_meta_names[i],
                                       tj_json_text(r->meta[i], strlen(r->meta[i])));
        }
    }
    if (!bad && r->correct != TJ_UNKNOWN) {
        bad |= json_object_set_new(j, "correct", json_boolean(r->correct == TJ_YES));
    }
    if (!bad) {
        bad |= json_object_set_new(j, "completion", tj_json_text(t->text, t->n_text));
    }
    if (!bad && tj_record_n_tokens(r) > 0) {
        bad |= set_size(j, "n_tokens", tj_record_n_tokens(r));
    }
    if (!bad && t->n_spans > 0) {
        bad |= set_size(j, "n_backtracks", t->n_backtracks);
        bad |= json_object_set_new(j, "spans", tj_thought_spans_json(t));
    }
    if (bad) {
        json_decref(j);
        return NULL;
    }
    return j;
}

/* ------------------------------------------------------------------ reading */

static tj_code read_size(const json_t *object, const char *key, size_t max, size_t *out,
                         const char *where, tj_err *err)
{
    const json_t *v = json_object_get(object, key);
    if (v == NULL || json_is_null(v)) {
        return TJ_OK;
    }
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < 0 || (uint64_t)n > max) {
        return tj_fail(err, TJ_E_PARSE, "%s: %s: expected an integer from 0 to %zu", where, key,
                       max);
    }
    *out = (size_t)n;
    return TJ_OK;
}

static tj_code read_name(const json_t *object, const char *key, const char *const *names,
                         size_t fallback, size_t *out, const char *where, tj_err *err)
{
    const json_t *v = json_object_get(object, key);
    *out = fallback;
    if (v == NULL) {
        return TJ_OK;
    }
    size_t i = json_is_string(v) ? tj_name_index(json_string_value(v), names) : SIZE_MAX;
    if (i == SIZE_MAX || names[i] == NULL) {
        return tj_fail(err, TJ_E_PARSE, "%s: %s: '%.40s' is none that is known", where, key,
                       json_is_string(v) ? json_string_value(v) : "not a text");
    }
    *out = i;
    return TJ_OK;
}

static tj_code read_span(tj_scribe *scribe, const json_t *json, const char *where, tj_err *err)
{
    tj_span s = {.node = TJ_SPAN_NO_NODE};
    size_t action = 0;
    size_t editor = 0;
    size_t mark = 0;
    const json_t *text = json_object_get(json, "text");
    const json_t *value = json_object_get(json, "value");
    const char *name = json_string_value(json_object_get(json, "name"));
    if (!json_is_string(text) || json_string_length(text) == 0) {
        return tj_fail(err, TJ_E_PARSE, "%s: text: expected a text that is not empty", where);
    }
    if (json_object_get(json, "action") == NULL) {
        return tj_fail(err, TJ_E_PARSE, "%s: action: missing", where);
    }
    tj_code rc = read_name(json, "action", tj_action_names, 0, &action, where, err);
    if (rc == TJ_OK) {
        rc = read_name(json, "editor", tj_editor_names, TJ_BY_POLICY, &editor, where, err);
    }
    if (rc == TJ_OK) {
        rc = read_name(json, "mark", tj_mark_names, TJ_MARK_NONE, &mark, where, err);
    }
    if (rc == TJ_OK) {
        rc = read_size(json, "node", SIZE_MAX >> 1, &s.node, where, err);
    }
    if (rc == TJ_OK) {
        rc = read_size(json, "annotation", SIZE_MAX >> 1, &s.annotation, where, err);
    }
    if (rc == TJ_OK) {
        rc = read_size(json, "back_to", SIZE_MAX >> 1, &s.back_to, where, err);
    }
    if (rc == TJ_OK && value != NULL && !json_is_null(value)) {
        s.has_value = true;
        s.value = json_number_value(value);
        if (!json_is_number(value) || !(s.value >= -1.0 && s.value <= 1.0)) {
            rc = tj_fail(err, TJ_E_PARSE, "%s: value: expected a number from -1 to 1", where);
        }
    }
    if (rc == TJ_OK && name != NULL) {
        tj_span_set_name(&s, name);
    }
    s.action = (tj_action)action;
    s.editor = (tj_editor)editor;
    s.mark = (tj_mark)mark;
    s.on_path = json_is_true(json_object_get(json, "on_path"));
    return rc == TJ_OK
               ? tj_scribe_add(scribe, &s, json_string_value(text), json_string_length(text), err)
               : rc;
}

static tj_code read_spans(tj_thought *t, const json_t *spans, const char *where, tj_err *err)
{
    tj_scribe scribe;
    tj_code rc = TJ_OK;
    char span_where[400];
    if (!json_is_array(spans)) {
        return tj_fail(err, TJ_E_PARSE, "%s: spans: expected a list", where);
    }
    tj_scribe_init(&scribe, NULL);
    for (size_t i = 0; i < json_array_size(spans) && rc == TJ_OK; i++) {
        snprintf(span_where, sizeof span_where, "%.300s: spans[%zu]", where, i);
        rc = read_span(&scribe, json_array_get(spans, i), span_where, err);
    }
    if (rc == TJ_OK && (scribe.text.len != t->n_text ||
                        memcmp(tj_buf_text(&scribe.text), t->text, t->n_text) != 0)) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: spans: their texts do not make the completion", where);
    }
    if (rc == TJ_OK) {
        t->spans = scribe.spans;
        t->n_spans = scribe.n_spans;
        scribe.spans = NULL;
        for (size_t i = 0; i < t->n_spans; i++) {
            bool goes_back = t->spans[i].action == TJ_BACKTRACK;
            t->n_backtracks +=
                goes_back && (i == 0 || t->spans[i - 1].action != TJ_BACKTRACK) ? 1 : 0;
        }
    }
    tj_scribe_deinit(&scribe);
    return rc;
}

static tj_code set_text(tj_record *r, const json_t *text, const char *key, const char *where,
                        tj_err *err)
{
    tj_thought *t = &r->thought;
    if (!json_is_string(text)) {
        return tj_fail(err, TJ_E_PARSE, "%s: %s: expected a text", where, key);
    }
    t->n_text = json_string_length(text);
    if (t->n_text > TJ_MAX_THOUGHT_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "%s: %s: %zu bytes, at most %zu", where, key, t->n_text,
                       TJ_MAX_THOUGHT_BYTES);
    }
    t->text = tj_strndup(json_string_value(text), t->n_text);
    return t->text != NULL && strlen(t->text) == t->n_text ? TJ_OK
           : t->text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a thought")
                             : tj_fail(err, TJ_E_PARSE, "%s: %s: has a zero byte", where, key);
}

/* A text, or a number as its decimal text. */
static tj_code set_meta(tj_record *r, tj_meta meta, const json_t *v, const char *where, tj_err *err)
{
    char number[32];
    if (json_is_string(v)) {
        return tj_record_set(r, meta, json_string_value(v), json_string_length(v), err);
    }
    if (json_is_integer(v)) {
        int n = snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
        return tj_record_set(r, meta, number, (size_t)n, err);
    }
    return json_is_null(v) ? TJ_OK
                           : tj_fail(err, TJ_E_PARSE, "%s: %s: expected a text or an integer",
                                     where, tj_meta_names[meta]);
}

static const json_t *last_of(const json_t *messages, const char *role)
{
    const json_t *found = NULL;
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *m = json_array_get(messages, i);
        const char *is = json_string_value(json_object_get(m, "role"));
        found = is != NULL && strcmp(is, role) == 0 ? json_object_get(m, "content") : found;
    }
    return found;
}

/* Where the forms of others have the prompt and the thought. */
static const char *find_text(const json_t *json, const json_t **prompt, const json_t **text)
{
    static const char *const forms[][2] = {{"prompt", "completion"},  {"instruction", "response"},
                                           {"instruction", "output"}, {"problem", "solution"},
                                           {"question", "answer"},    {"question", "solution"},
                                           {"prompt", "response"},    {"input", "output"}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        *text = json_object_get(json, forms[i][1]);
        *prompt = json_object_get(json, forms[i][0]);
        if (*text != NULL && (*prompt != NULL || i == 0)) {
            return forms[i][1];
        }
    }
    const json_t *messages = json_object_get(json, "messages");
    *prompt = last_of(messages, "user");
    *text = last_of(messages, "assistant");
    return *text == NULL ? NULL : "messages";
}

static tj_code read_meta(tj_record *r, const json_t *json, const json_t *prompt, const json_t *text,
                         const char *where, tj_err *err)
{
    tj_code rc = json_is_string(prompt) ? set_meta(r, TJ_META_PROMPT, prompt, where, err) : TJ_OK;
    for (size_t i = TJ_META_ANSWER; i < TJ_N_META && rc == TJ_OK; i++) {
        const json_t *v = json_object_get(json, tj_meta_names[i]);
        if (v != NULL && v != text) {
            rc = set_meta(r, (tj_meta)i, v, where, err);
        }
    }
    return rc;
}

tj_code tj_record_from_json(tj_record *out, const json_t *json, const char *where, tj_err *err)
{
    const json_t *prompt = NULL;
    const json_t *text = NULL;
    size_t kind = TJ_FOREIGN;
    memset(out, 0, sizeof *out);
    const char *key = json_is_object(json) ? find_text(json, &prompt, &text) : NULL;
    if (key == NULL) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s: no thought: expected `prompt` and `completion` (or another pair of "
                       "fields that docs/formats.md names)",
                       where);
    }
    tj_code rc = set_text(out, text, key, where, err);
    if (rc == TJ_OK) {
        rc = read_meta(out, json, prompt, text, where, err);
    }
    if (rc == TJ_OK) {
        rc = read_name(json, "kind", tj_thought_kind_names, TJ_FOREIGN, &kind, where, err);
    }
    if (rc == TJ_OK) {
        rc = read_size(json, "n_tokens", SIZE_MAX >> 1, &out->n_tokens, where, err);
    }
    if (rc == TJ_OK && json_object_get(json, "spans") != NULL) {
        rc = read_spans(&out->thought, json_object_get(json, "spans"), where, err);
    }
    if (rc != TJ_OK) {
        tj_record_deinit(out);
        return rc;
    }
    const json_t *correct = json_object_get(json, "correct");
    out->correct = json_is_boolean(correct) ? (json_is_true(correct) ? TJ_YES : TJ_NO) : TJ_UNKNOWN;
    out->thought.kind = (tj_thought_kind)kind;
    const json_t *problem = json_object_get(json, "problem");
    out->thought.problem = json_is_integer(problem) ? json_integer_value(problem) : 0;
    return TJ_OK;
}

/* ------------------------------------------------------------------ files */

static tj_code read_one(const json_t *json, const char *where, tj_record_fn fn, void *ctx,
                        tj_err *err)
{
    tj_record record;
    tj_code rc = tj_is_trace(json) ? tj_trace_to_record(&record, json, where, err)
                                   : tj_record_from_json(&record, json, where, err);
    if (rc == TJ_OK) {
        rc = fn(ctx, &record, where, err);
        tj_record_deinit(&record);
    }
    return rc;
}

typedef struct reading {
    const char *name; /* of the file */
    tj_record_fn fn;
    void *ctx;
} reading;

/* A record, or a list of records. */
static tj_code read_value(void *ctx, const json_t *json, size_t line, tj_err *err)
{
    const reading *r = ctx;
    char where[320];
    tj_code rc = TJ_OK;
    if (!json_is_array(json)) {
        snprintf(where, sizeof where, "%.200s:%zu", r->name, line);
        return read_one(json, where, r->fn, r->ctx, err);
    }
    for (size_t i = 0; i < json_array_size(json) && rc == TJ_OK; i++) {
        snprintf(where, sizeof where, "%.200s:%zu: item %zu of the list", r->name, line, i + 1);
        rc = read_one(json_array_get(json, i), where, r->fn, r->ctx, err);
    }
    return rc;
}

tj_code tj_records_read(const char *text, size_t len, const char *name, tj_record_fn fn, void *ctx,
                        tj_err *err)
{
    reading r = {name, fn, ctx};
    /* Jansson's parser recurses: what is nested too deep is refused before it sees it */
    if (tj_json_is_deeper(text, len, MAX_DEPTH)) {
        return tj_fail(err, TJ_E_PARSE, "%s: nested deeper than %d", name, MAX_DEPTH);
    }
    return tj_json_values_each(text, len, name, JSON_ALLOW_NUL, read_value, &r, err);
}
