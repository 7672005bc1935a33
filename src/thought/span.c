/* See span.h. */
#include "thought/span.h"

#include <string.h>

#include "base/alloc.h"

const char *const tj_action_names[TJ_N_ACTIONS + 1] = {
    "propose", "continue", "reflect", "backtrack", "verify", "conclude", NULL};
const char *const tj_editor_names[TJ_N_EDITORS + 1] = {
    "policy", "template", "task", "rewrite", "human", "critic", "agent", "rules", NULL};
const char *const tj_mark_names[TJ_N_MARKS + 1] = {"none", "right", "dead", "invalid", NULL};
const char *const tj_thought_kind_names[TJ_N_KINDS + 1] = {
    "shortcut", "journey", "critique", "debate", "human", "foreign", NULL};

const char *tj_action_name(tj_action action)
{
    return tj_action_names[action];
}

const char *tj_editor_name(tj_editor editor)
{
    return tj_editor_names[editor];
}

const char *tj_mark_name(tj_mark mark)
{
    return tj_mark_names[mark];
}

const char *tj_thought_kind_name(tj_thought_kind kind)
{
    return tj_thought_kind_names[kind];
}

size_t tj_name_index(const char *name, const char *const *names)
{
    size_t i = 0;
    while (names[i] != NULL && strcmp(name, names[i]) != 0) {
        i++;
    }
    return i;
}

void tj_span_set_name(tj_span *span, const char *name)
{
    size_t n = strlen(name);
    if (n >= sizeof span->name) {
        for (n = sizeof span->name - 1; n > 0 && ((unsigned char)name[n] & 0xC0) == 0x80;) {
            n--;
        }
    }
    memcpy(span->name, name, n);
    span->name[n] = 0;
}

bool tj_is_step(const tj_span *span)
{
    return span->action == TJ_PROPOSE || span->action == TJ_CONTINUE;
}

void tj_thought_deinit(tj_thought *t)
{
    tj_free(t->text);
    tj_free(t->ids);
    tj_free(t->spans);
    memset(t, 0, sizeof *t);
}

tj_code tj_thought_check(const tj_thought *t, tj_err *err)
{
    size_t byte = 0;
    size_t id = 0;
    for (size_t i = 0; i < t->n_spans; i++) {
        const tj_span *s = &t->spans[i];
        if (s->begin != byte || s->end <= s->begin || s->end > t->n_text) {
            return tj_fail(err, TJ_E_INVAL, "span %zu: bytes %zu to %zu do not follow byte %zu", i,
                           s->begin, s->end, byte);
        }
        if (t->ids != NULL && (s->ids_begin != id || s->ids_end < id || s->ids_end > t->n_ids)) {
            return tj_fail(err, TJ_E_INVAL, "span %zu: tokens %zu to %zu do not follow token %zu",
                           i, s->ids_begin, s->ids_end, id);
        }
        byte = s->end;
        id = s->ids_end;
    }
    if (t->n_spans > 0 && byte != t->n_text) {
        return tj_fail(err, TJ_E_INVAL, "the spans end at byte %zu of %zu", byte, t->n_text);
    }
    return TJ_OK;
}

static void *copy_of(const void *items, size_t n, size_t size)
{
    void *copy = tj_calloc(n, size);
    if (copy != NULL && n > 0) {
        memcpy(copy, items, n * size);
    }
    return copy;
}

tj_code tj_thought_copy(tj_thought *out, const tj_thought *t, tj_err *err)
{
    *out = *t;
    out->text = tj_strndup(t->text, t->n_text);
    out->ids = t->ids == NULL ? NULL : copy_of(t->ids, t->n_ids, sizeof *t->ids);
    out->spans = copy_of(t->spans, t->n_spans, sizeof *t->spans);
    if (out->text == NULL || out->spans == NULL || (t->ids != NULL && out->ids == NULL)) {
        tj_thought_deinit(out);
        return tj_fail(err, TJ_E_NOMEM, "cannot copy a thought of %zu bytes", t->n_text);
    }
    return TJ_OK;
}

/* ------------------------------------------------------------------ writing */

void tj_scribe_init(tj_scribe *s, const tj_tokenizer *tok)
{
    memset(s, 0, sizeof *s);
    s->tok = tok;
    tj_buf_init(&s->text);
}

void tj_scribe_deinit(tj_scribe *s)
{
    tj_buf_deinit(&s->text);
    tj_ids_deinit(&s->ids);
    tj_free(s->spans);
    memset(s, 0, sizeof *s);
}

static tj_code push_span(tj_scribe *s, const tj_span *span, size_t begin, size_t ids_begin,
                         tj_err *err)
{
    if (s->n_spans >= TJ_MAX_THOUGHT_SPANS || s->text.len > TJ_MAX_THOUGHT_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "a thought has more than %zu bytes or %zu spans",
                       TJ_MAX_THOUGHT_BYTES, TJ_MAX_THOUGHT_SPANS);
    }
    if (!tj_grow(&s->spans, &s->cap_spans, s->n_spans + 1, sizeof *s->spans)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu spans", s->n_spans + 1);
    }
    tj_span *to = &s->spans[s->n_spans++];
    *to = *span;
    to->begin = begin;
    to->end = s->text.len;
    to->ids_begin = ids_begin;
    to->ids_end = s->ids.n;
    return tj_buf_check(&s->text, err);
}

tj_code tj_scribe_add(tj_scribe *s, const tj_span *span, const char *text, size_t len, tj_err *err)
{
    size_t begin = s->text.len;
    size_t ids_begin = s->ids.n;
    if (len == 0) {
        return TJ_OK;
    }
    tj_buf_add(&s->text, text, len);
    tj_code rc =
        s->tok == NULL ? TJ_OK : tj_tokenizer_encode(s->tok, &s->ids, text, len, false, err);
    return rc == TJ_OK ? push_span(s, span, begin, ids_begin, err) : rc;
}

tj_code tj_scribe_add_ids(tj_scribe *s, const tj_span *span, const char *text, size_t len,
                          const int32_t *ids, size_t n_ids, tj_err *err)
{
    size_t begin = s->text.len;
    size_t ids_begin = s->ids.n;
    if (len == 0) {
        return TJ_OK;
    }
    tj_buf_add(&s->text, text, len);
    tj_code rc = s->tok == NULL ? TJ_OK : tj_ids_add(&s->ids, ids, n_ids, err);
    return rc == TJ_OK ? push_span(s, span, begin, ids_begin, err) : rc;
}

tj_code tj_scribe_end(tj_scribe *s, tj_thought *out, int32_t eos, tj_err *err)
{
    tj_code rc = tj_buf_check(&s->text, err);
    if (rc == TJ_OK && s->tok != NULL && eos >= 0) {
        rc = tj_ids_add(&s->ids, &eos, 1, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    size_t n_text = s->text.len;
    char *text = tj_buf_take(&s->text);
    if (text == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a thought");
    }
    out->text = text;
    out->n_text = n_text;
    out->ids = s->ids.ids;
    out->n_ids = s->ids.n;
    out->spans = s->spans;
    out->n_spans = s->n_spans;
    tj_scribe_init(s, s->tok);
    return TJ_OK;
}
