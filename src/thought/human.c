/* Annotated thinking written, and turned into a record and back. */
#include "thought/human.h"

#include <string.h>

#include "base/alloc.h"

/* ------------------------------------------------------------------ writing */

static void write_front(const tj_human *h, tj_buf *out)
{
    bool any = h->correct != TJ_UNKNOWN;
    for (size_t i = TJ_META_ANSWER; i < TJ_N_META; i++) {
        any = any || h->meta[i] != NULL;
    }
    if (!any) {
        return;
    }
    tj_buf_str(out, "---\n");
    for (size_t i = TJ_META_ANSWER; i < TJ_N_META; i++) {
        if (h->meta[i] != NULL) {
            tj_buf_printf(out, "%s: ", tj_meta_names[i]);
            tj_buf_json(out, h->meta[i], strlen(h->meta[i])); /* JSON text is YAML text */
            tj_buf_char(out, '\n');
        }
    }
    if (h->correct != TJ_UNKNOWN) {
        tj_buf_printf(out, "correct: %s\n", h->correct == TJ_YES ? "true" : "false");
    }
    tj_buf_str(out, "---\n");
}

/* The text with `prefix` before its lines but the first. */
static void write_lines(tj_buf *out, const char *text, const char *prefix)
{
    for (; *text != 0; text++) {
        tj_buf_char(out, *text);
        if (*text == '\n') {
            tj_buf_str(out, prefix);
        }
    }
    tj_buf_char(out, '\n');
}

/* Would a reader take the beginning of a step's words for something else? */
static bool needs_escape(const tj_human_line *l, bool first)
{
    const char *t = l->text;
    size_t n = strlen(t);
    size_t end = strcspn(t, "\n");
    bool comment = end >= 7 && memcmp(t, "<!--", 4) == 0 && memcmp(t + end - 3, "-->", 3) == 0;
    if (l->mark == TJ_HUMAN_BACK) {
        return !l->has_to && n > 0 && (t[0] == '\\' || (t[0] >= '0' && t[0] <= '9'));
    }
    return l->mark == TJ_HUMAN_STEP &&
           (t[0] == '\\' || comment || (t[0] == '>' && first) || strncmp(t, "  ", 2) == 0 ||
            strncmp(t, "---", 3) == 0 ||
            (strchr("!~?<+=", t[0]) != NULL && (t[1] == ' ' || t[1] == 0 || t[1] == '\n')));
}

void tj_human_write(const tj_human *h, tj_buf *out)
{
    static const char *const marks[] = {"", "! ", "~ ", "? ", "<", "+ ", "= "};
    write_front(h, out);
    if (h->meta[TJ_META_PROMPT] != NULL) {
        tj_buf_str(out, "> ");
        write_lines(out, h->meta[TJ_META_PROMPT], "> ");
        tj_buf_char(out, '\n');
    }
    for (size_t i = 0; i < h->n_lines; i++) {
        const tj_human_line *l = &h->lines[i];
        tj_buf_str(out, marks[l->mark]);
        if (l->has_to) {
            tj_buf_printf(out, " %zu", l->to);
        }
        if (l->mark == TJ_HUMAN_BACK && l->text[0] != 0) {
            tj_buf_char(out, ' ');
        }
        if (needs_escape(l, i == 0)) {
            tj_buf_char(out, '\\');
        }
        write_lines(out, l->text, "  ");
    }
}

/* ------------------------------------------------------------------ as a record */

/* Which entries lie on the way that ends in the last one. before [n_lines + 1]: of a step entry
 * (from 1), the step before it on its way; scratch. */
static void find_path(const tj_human *h, bool *on_path, size_t *before)
{
    size_t at = 0; /* the step where the thinking stands; 0: at the start */
    for (size_t i = 0; i < h->n_lines; i++) {
        const tj_human_line *l = &h->lines[i];
        if (l->mark == TJ_HUMAN_BACK) {
            for (at = l->to; at > 0 && h->lines[at - 1].mark > TJ_HUMAN_DEAD;) {
                at--; /* after a reflection is after the step that it reflects on */
            }
        } else if (l->mark <= TJ_HUMAN_DEAD) {
            before[i + 1] = at;
            at = i + 1;
        } else {
            on_path[i] = l->mark == TJ_HUMAN_CONCLUDE;
        }
    }
    for (; at > 0; at = before[at]) {
        on_path[at - 1] = h->lines[at - 1].mark == TJ_HUMAN_STEP;
    }
}

typedef struct teller {
    const tj_human *human;
    const tj_templates *templates;
    tj_rng *rng;
    size_t last; /* sentence said */
    tj_why why;  /* what the attempt was marked with */
    bool fresh;  /* the next step begins an attempt */
    const char *author;
    const char *language;
} teller;

static tj_code tell_back(teller *t, tj_scribe *scribe, tj_span *span, tj_err *err)
{
    tj_saying what = {.language = t->language, .action = TJ_BACKTRACK, .why = t->why};
    size_t chosen = tj_templates_choose(t->templates, &what, t->last, t->rng);
    if (chosen == TJ_NO_SENTENCE) {
        return tj_fail(err, TJ_E_INVAL, "a way back without words, and no sentences in '%s'",
                       t->language);
    }
    tj_buf line;
    tj_buf_init(&line);
    tj_templates_write(t->templates, chosen, &what, &line);
    t->last = chosen;
    span->editor = TJ_BY_TEMPLATE;
    tj_span_set_name(span, t->language);
    tj_code rc = tj_buf_check(&line, err);
    if (rc == TJ_OK) {
        rc = tj_scribe_add(scribe, span, tj_buf_text(&line), line.len, err);
    }
    tj_buf_deinit(&line);
    return rc;
}

static tj_code tell_entry(teller *t, tj_scribe *scribe, size_t i, bool on_path, tj_err *err)
{
    static const tj_action actions[] = {TJ_CONTINUE,  TJ_CONTINUE, TJ_CONTINUE, TJ_REFLECT,
                                        TJ_BACKTRACK, TJ_VERIFY,   TJ_CONCLUDE};
    static const tj_mark marks[] = {TJ_MARK_RIGHT, TJ_MARK_INVALID, TJ_MARK_DEAD, TJ_MARK_NONE,
                                    TJ_MARK_NONE,  TJ_MARK_NONE,    TJ_MARK_NONE};
    const tj_human_line *l = &t->human->lines[i];
    tj_span span = {.action = actions[l->mark],
                    .node = TJ_SPAN_NO_NODE,
                    .on_path = on_path,
                    .editor = TJ_BY_HUMAN,
                    .mark = marks[l->mark],
                    .annotation = i + 1,
                    .back_to = l->mark == TJ_HUMAN_BACK ? l->to : 0};
    tj_span_set_name(&span, t->author);
    if (tj_is_step(&span)) {
        span.action = t->fresh ? TJ_PROPOSE : TJ_CONTINUE;
        t->fresh = false;
        t->why = l->mark == TJ_HUMAN_WRONG  ? TJ_WHY_INVALID
                 : l->mark == TJ_HUMAN_DEAD ? TJ_WHY_DEAD
                                            : t->why;
    }
    if (l->mark == TJ_HUMAN_BACK) {
        t->fresh = true;
    }
    if (l->mark == TJ_HUMAN_BACK && l->text[0] == 0) {
        return tell_back(t, scribe, &span, err);
    }
    tj_buf line;
    tj_buf_init(&line);
    tj_buf_str(&line, l->text);
    tj_buf_char(&line, '\n');
    tj_code rc = tj_buf_check(&line, err);
    if (rc == TJ_OK) {
        rc = tj_scribe_add(scribe, &span, tj_buf_text(&line), line.len, err);
    }
    tj_buf_deinit(&line);
    return rc;
}

tj_code tj_human_to_record(tj_record *out, const tj_human *h, const tj_tokenizer *tok, int32_t eos,
                           const tj_templates *templates, tj_rng *rng, tj_err *err)
{
    tj_scribe scribe;
    const char *language = h->meta[TJ_META_LANGUAGE];
    teller t = {.human = h,
                .templates = templates,
                .rng = rng,
                .last = TJ_NO_SENTENCE,
                .fresh = true,
                .author = h->meta[TJ_META_AUTHOR] == NULL ? "" : h->meta[TJ_META_AUTHOR],
                .language = language == NULL || strcmp(language, "en") == 0 ||
                                    !tj_templates_has(templates, language)
                                ? "en-open"
                                : language};
    bool *on_path = tj_calloc(h->n_lines, sizeof *on_path);
    size_t *before = tj_calloc(h->n_lines + 1, sizeof *before);
    tj_code rc = on_path == NULL || before == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot hold %zu entries", h->n_lines)
                     : TJ_OK;
    memset(out, 0, sizeof *out);
    tj_scribe_init(&scribe, tok);
    if (rc == TJ_OK) {
        find_path(h, on_path, before);
    }
    for (size_t i = 0; i < h->n_lines && rc == TJ_OK; i++) {
        rc = tell_entry(&t, &scribe, i, on_path[i], err);
        out->thought.n_backtracks += h->lines[i].mark == TJ_HUMAN_BACK ? 1 : 0;
    }
    if (rc == TJ_OK) {
        rc = tj_scribe_end(&scribe, &out->thought, eos, err);
    }
    for (size_t i = 0; i < TJ_N_META && rc == TJ_OK; i++) {
        const char *text = h->meta[i];
        rc = tj_record_set(out, (tj_meta)i, text, text == NULL ? 0 : strlen(text), err);
    }
    out->thought.kind = TJ_HUMAN;
    out->correct = h->correct;
    tj_scribe_deinit(&scribe);
    tj_free(on_path);
    tj_free(before);
    if (rc != TJ_OK) {
        tj_record_deinit(out);
    }
    return rc;
}

/* ------------------------------------------------------------------ from a record */

/* The entry (from 1) that a way back goes to: the last step so far that tells of its node, or that
 * was made of its annotation; of several spans of one line the last. 0, the start, where none is.
 */
static size_t entry_of(const tj_thought *t, size_t back)
{
    const tj_span *b = &t->spans[back];
    for (size_t i = back; i-- > 0;) {
        const tj_span *s = &t->spans[i];
        bool same = b->node != TJ_SPAN_NO_NODE ? s->node == b->node
                                               : b->back_to > 0 && s->annotation == b->back_to;
        if (tj_is_step(s) && same) {
            return i + 1;
        }
    }
    return 0;
}

static tj_code add_span(tj_human *h, const tj_thought *t, size_t i, tj_err *err)
{
    static const tj_human_mark marks[] = {TJ_HUMAN_STEP, TJ_HUMAN_STEP,   TJ_HUMAN_REFLECT,
                                          TJ_HUMAN_BACK, TJ_HUMAN_VERIFY, TJ_HUMAN_CONCLUDE};
    const tj_span *s = &t->spans[i];
    tj_human_line line = {.mark = marks[s->action]};
    const char *text = t->text + s->begin;
    size_t n = s->end - s->begin;
    while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL) {
        n--;
    }
    while (n > 0 && strchr(" \t\r\n", text[0]) != NULL) {
        text++;
        n--;
    }
    if (tj_is_step(s) && s->mark == TJ_MARK_INVALID) {
        line.mark = TJ_HUMAN_WRONG;
    } else if (tj_is_step(s) && s->mark == TJ_MARK_DEAD) {
        line.mark = TJ_HUMAN_DEAD;
    }
    if (line.mark == TJ_HUMAN_BACK) {
        line.has_to = true;
        line.to = entry_of(t, i);
    }
    tj_buf words;
    tj_buf_init(&words);
    for (size_t k = 0; k < n; k++) {
        while (text[k] == '\n' && words.len > 0 && strchr(" \t\r\n", words.data[words.len - 1])) {
            words.data[--words.len] = 0; /* an empty line would end the entry */
        }
        tj_buf_char(&words, text[k]);
    }
    if (words.len == 0 && line.mark != TJ_HUMAN_BACK) {
        tj_buf_str(&words, "..."); /* white space alone: the entry keeps its number */
    }
    line.text = words.failed ? NULL : tj_buf_take(&words);
    tj_buf_deinit(&words);
    if (line.text == NULL || !tj_grow(&h->lines, &h->cap_lines, h->n_lines + 1, sizeof *h->lines)) {
        tj_free(line.text);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu entries", h->n_lines + 1);
    }
    h->lines[h->n_lines++] = line;
    return TJ_OK;
}

tj_code tj_human_from_record(tj_human *out, const tj_record *record, tj_err *err)
{
    const tj_thought *t = &record->thought;
    tj_code rc = TJ_OK;
    memset(out, 0, sizeof *out);
    if (t->n_spans == 0) {
        return tj_fail(err, TJ_E_INVAL, "the thought has no spans");
    }
    for (size_t i = 0; i < t->n_spans && rc == TJ_OK; i++) {
        rc = add_span(out, t, i, err);
    }
    for (size_t i = 0; i < TJ_N_META && rc == TJ_OK; i++) {
        out->meta[i] = record->meta[i] == NULL ? NULL : tj_strdup(record->meta[i]);
        for (char *c = out->meta[i]; c != NULL && *c != 0 && i != TJ_META_PROMPT; c++) {
            *c = (unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c; /* one line */
        }
        if (record->meta[i] != NULL && out->meta[i] == NULL) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot hold a record's %s", tj_meta_names[i]);
        }
    }
    out->correct = record->correct;
    if (rc != TJ_OK) {
        tj_human_deinit(out);
    }
    return rc;
}
