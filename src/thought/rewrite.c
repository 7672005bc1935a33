/* See rewrite.h. */
#include "thought/rewrite.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "thought/answer.h"

#define MAX_AT_ONCE 64
#define SPARE_BYTES 200

const char *const tj_rewrite_names[TJ_N_REWRITES + 1] = {"coherence", "granularity", "gradual",
                                                         "explorer", NULL};

static const char *const tasks[TJ_N_REWRITES] = {
    "Reword the pieces so that the whole reads as one person's coherent train of thought: connect "
    "them, vary the wording, keep each piece's role.",
    "Make the reasoning finer: where a piece takes several small steps at once, write each of them "
    "out, with its arithmetic as an equation.",
    "Make the reasoning gradual: let each piece come to its result little by little, saying why, "
    "instead of stating it at once.",
    "Write as an explorer who does not know the way yet: curious, noticing, wondering, in the "
    "first "
    "person and the present tense."};

void tj_rewrite_config_default(tj_rewrite_config *cfg)
{
    *cfg = (tj_rewrite_config){
        .line = TJ_REWRITE_COHERENCE, .spans_at_once = 16, .max_growth = 4.0, .eos = -1};
}

typedef struct work {
    const tj_record *record;
    const tj_thought *t;
    tj_talk *talk;
    const tj_rewrite_config *cfg;
    tj_rewrite_verdict *verdicts; /* [n_spans] */
    char **texts;                 /* [n_spans] new words; NULL: the old ones stay */
    size_t begin, end;            /* the piece at hand */
} work;

static const char *words_of(const work *w, size_t i, size_t *n)
{
    const tj_span *s = &w->t->spans[i];
    *n = s->end - s->begin;
    return w->t->text + s->begin;
}

/* ------------------------------------------------------------------ the question */

static void write_system(const work *w, tj_buf *out)
{
    tj_buf_str(out, "You edit written reasoning. ");
    tj_buf_str(out, tasks[w->cfg->line]);
    tj_buf_str(
        out,
        " Never change the mathematics: every number, equation and formula of a piece stays in it, "
        "in the same order and exactly as written, wrong ones too, since mistakes that are noticed "
        "later are part of the reasoning. Do not move anything from one piece to another. "
        "Keep the language of the text. Answer with one JSON object and nothing else: {\"spans\": "
        "[{\"n\": NUMBER, \"text\": \"NEW WORDS\"}, ...]}. Leave out pieces that should stay as "
        "they "
        "are.");
}

static void write_user(const work *w, tj_buf *out)
{
    size_t from = w->begin > 4 ? w->begin - 4 : 0;
    const char *prompt = tj_record_get(w->record, TJ_META_PROMPT);
    if (prompt[0] != 0) {
        tj_buf_str(out, "The problem:\n");
        tj_buf_str(out, prompt);
        tj_buf_str(out, "\n\n");
    }
    if (from < w->begin) {
        tj_buf_str(out, "What stands before, not to be edited:\n");
        for (size_t i = from; i < w->begin; i++) {
            size_t n;
            const char *words = words_of(w, i, &n);
            tj_buf_add(out, words, n);
        }
        tj_buf_str(out, "\n\n");
    }
    tj_buf_str(out, "The pieces, as JSON:\n");
    for (size_t i = w->begin; i < w->end; i++) {
        size_t n;
        const char *words = words_of(w, i, &n);
        tj_buf_printf(out, "{\"n\": %zu, \"role\": \"%s\", \"text\": ", i + 1,
                      tj_action_name(w->t->spans[i].action));
        tj_buf_json(out, words, n);
        tj_buf_str(out, "}\n");
    }
}

/* ------------------------------------------------------------------ checking a span */

static void refuse(tj_rewrite_verdict *v, const char *why)
{
    v->fate = TJ_REWRITE_REFUSED;
    snprintf(v->why, sizeof v->why, "%s", why);
}

/* Does the new text say the same final answer? Only conclusions state one. */
static bool same_answer(const char *old, size_t n_old, const char *now, size_t n_now)
{
    tj_final_answer a;
    tj_final_answer b;
    tj_answer_find(&a, old, n_old);
    tj_answer_find(&b, now, n_now);
    if (a.rule == NULL) {
        return b.rule == NULL;
    }
    return b.rule != NULL &&
           tj_answer_same(old + a.begin, a.end - a.begin, now + b.begin, b.end - b.begin) == TJ_YES;
}

static bool has_markup(const char *text)
{
    static const char *const marks[] = {"<think>", "</think>", "```", "<Thought>", "</Thought>"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (strstr(text, marks[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static tj_code check_words(work *w, size_t i, const char *now, size_t n_now, tj_err *err)
{
    tj_rewrite_verdict *v = &w->verdicts[i];
    size_t n_old;
    const char *old = words_of(w, i, &n_old);
    tj_rewrite_line line = w->cfg->line;
    bool fine = false;
    char why[TJ_WHY_BYTES];
    tj_buf known;
    tj_buf_init(&known);
    if ((double)n_now > w->cfg->max_growth * (double)n_old + SPARE_BYTES) {
        refuse(v, "it is too long");
        return TJ_OK;
    }
    if (has_markup(now)) {
        refuse(v, "it has tags or fences");
        return TJ_OK;
    }
    if (w->t->spans[i].action == TJ_CONCLUDE && !same_answer(old, n_old, now, n_now)) {
        refuse(v, "the final answer is another, or gone");
        return TJ_OK;
    }
    tj_code rc;
    if (line == TJ_REWRITE_GRANULARITY || line == TJ_REWRITE_GRADUAL) {
        tj_buf_str(&known, tj_record_get(w->record, TJ_META_PROMPT));
        tj_buf_char(&known, '\n');
        tj_buf_add(&known, w->t->text, w->t->spans[i].begin);
        rc = tj_buf_check(&known, err);
        if (rc == TJ_OK) {
            rc = tj_math_extends(&fine, old, n_old, now, n_now, tj_buf_text(&known), known.len, why,
                                 err);
        }
    } else {
        rc = tj_math_same(&fine, old, n_old, now, n_now, why, err);
    }
    tj_buf_deinit(&known);
    if (rc == TJ_OK && !fine) {
        refuse(v, why);
    } else if (rc == TJ_OK) {
        v->fate = TJ_REWRITE_TAKEN;
    }
    return rc;
}

/* New words with the blanks that the old ones end with, so that lines stay lines. */
static char *with_old_end(const char *old, size_t n_old, const char *text, size_t *n)
{
    size_t end = n_old;
    size_t len = strlen(text);
    while (end > 0 && strchr(" \t\r\n", old[end - 1]) != NULL) {
        end--;
    }
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL) {
        len--;
    }
    char *both = tj_malloc(len + (n_old - end) + 1);
    if (both != NULL) {
        memcpy(both, text, len);
        memcpy(both + len, old + end, n_old - end);
        *n = len + (n_old - end);
        both[*n] = 0;
    }
    return both;
}

static tj_code take_words(work *w, size_t i, const char *text, tj_err *err)
{
    size_t n_old;
    size_t n = 0;
    const char *old = words_of(w, i, &n_old);
    char *now = with_old_end(old, n_old, text, &n);
    if (now == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold the new words of span %zu", i + 1);
    }
    tj_code rc = TJ_OK;
    if (n == n_old && memcmp(now, old, n) == 0) {
        w->verdicts[i].fate = TJ_REWRITE_SAME;
    } else {
        rc = check_words(w, i, now, n, err);
    }
    if (rc == TJ_OK && w->verdicts[i].fate == TJ_REWRITE_TAKEN) {
        w->texts[i] = now;
        now = NULL;
    }
    tj_free(now);
    return rc;
}

/* ------------------------------------------------------------------ the answer */

static bool is_item(const work *w, const json_t *item, const bool *seen, char *why)
{
    const json_t *n = json_object_get(item, "n");
    json_int_t number = json_integer_value(n);
    if (!json_is_integer(n) || number < (json_int_t)w->begin + 1 || number > (json_int_t)w->end) {
        snprintf(why, TJ_TALK_WHY_BYTES, "`n` is not the number of one of the pieces %zu to %zu",
                 w->begin + 1, w->end);
        return false;
    }
    if (seen[(size_t)number - 1 - w->begin]) {
        snprintf(why, TJ_TALK_WHY_BYTES, "piece %lld is there twice", (long long)number);
        return false;
    }
    return tj_talk_text(item, "text", why) != NULL;
}

/* An answer is looked through as a whole before anything of it is taken. */
static tj_code read_answer(void *ctx, const json_t *json, char why[TJ_TALK_WHY_BYTES], tj_err *err)
{
    work *w = ctx;
    bool seen[MAX_AT_ONCE] = {false};
    const json_t *list = json_object_get(json, "spans");
    tj_code rc = TJ_OK;
    if (!json_is_array(list)) {
        snprintf(why, TJ_TALK_WHY_BYTES, "`spans` is not a list");
        return TJ_OK;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (!is_item(w, item, seen, why)) {
            return TJ_OK;
        }
        seen[(size_t)json_integer_value(json_object_get(item, "n")) - 1 - w->begin] = true;
    }
    for (size_t i = 0; i < json_array_size(list) && rc == TJ_OK; i++) {
        const json_t *item = json_array_get(list, i);
        rc = take_words(w, (size_t)json_integer_value(json_object_get(item, "n")) - 1,
                        json_string_value(json_object_get(item, "text")), err);
    }
    return rc;
}

static tj_code ask_piece(work *w, tj_err *err)
{
    tj_buf system;
    tj_buf user;
    char what[48];
    bool ok = false;
    tj_buf_init(&system);
    tj_buf_init(&user);
    write_system(w, &system);
    write_user(w, &user);
    snprintf(what, sizeof what, "%s of spans %zu to %zu", tj_rewrite_names[w->cfg->line],
             w->begin + 1, w->end);
    tj_talk_prompt prompt = {
        .system = tj_buf_text(&system),
        .example = "The pieces, as JSON:\n{\"n\": 1, \"role\": \"propose\", \"text\": \"3 * 4 = "
                   "11\\n\"}\n{\"n\": 2, \"role\": \"reflect\", \"text\": \"No.\\n\"}\n",
        .answer = "{\"spans\": [{\"n\": 1, \"text\": \"I start with 3 * 4 = 11.\"}, {\"n\": 2, "
                  "\"text\": \"No, wait, that cannot be.\"}]}",
        .schema = "{\"type\":\"object\",\"properties\":{\"spans\":{\"type\":\"array\","
                  "\"items\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"},"
                  "\"text\":{\"type\":\"string\",\"minLength\":1}},\"required\":[\"n\","
                  "\"text\"],\"additionalProperties\":false}}},\"required\":[\"spans\"],"
                  "\"additionalProperties\":false}",
        .user = tj_buf_text(&user)};
    for (size_t i = w->begin; i < w->end; i++) {
        w->verdicts[i].fate = TJ_REWRITE_SAME;
    }
    tj_code rc = tj_buf_check(&user, err);
    if (rc == TJ_OK) {
        rc = tj_buf_check(&system, err);
    }
    if (rc == TJ_OK) {
        rc = tj_talk_ask_like(w->talk, &ok, what, &prompt, read_answer, w, err);
    }
    for (size_t i = w->begin; i < w->end && rc == TJ_OK && !ok; i++) {
        w->verdicts[i].fate = TJ_REWRITE_UNASKED;
    }
    tj_buf_deinit(&system);
    tj_buf_deinit(&user);
    return rc;
}

/* ------------------------------------------------------------------ putting together */

static tj_code join(const work *w, tj_record *out, tj_err *err)
{
    tj_scribe scribe;
    tj_code rc = TJ_OK;
    tj_scribe_init(&scribe, w->cfg->tok);
    for (size_t i = 0; i < w->t->n_spans && rc == TJ_OK; i++) {
        size_t n;
        const char *words = words_of(w, i, &n);
        tj_span span = w->t->spans[i];
        if (w->texts[i] != NULL) {
            words = w->texts[i];
            n = strlen(words);
            span.editor = TJ_BY_REWRITE;
            tj_span_set_name(&span, w->talk->name == NULL ? "model" : w->talk->name);
        }
        rc = tj_scribe_add(&scribe, &span, words, n, err);
    }
    if (rc == TJ_OK) {
        rc = tj_scribe_end(&scribe, &out->thought, w->cfg->eos, err);
    }
    for (size_t i = 0; i < TJ_N_META && rc == TJ_OK; i++) {
        const char *text = w->record->meta[i];
        rc = tj_record_set(out, (tj_meta)i, text, text == NULL ? 0 : strlen(text), err);
    }
    out->thought.problem = w->t->problem;
    out->thought.kind = w->t->kind;
    out->thought.n_backtracks = w->t->n_backtracks;
    out->correct = w->record->correct;
    tj_scribe_deinit(&scribe);
    return rc;
}

tj_code tj_rewrite(tj_record *out, tj_rewrite_verdict *verdicts, const tj_record *record,
                   tj_talk *talk, const tj_rewrite_config *cfg, tj_err *err)
{
    const tj_thought *t = &record->thought;
    memset(out, 0, sizeof *out);
    if (t->n_spans == 0) {
        return tj_fail(err, TJ_E_INVAL, "the thought has no spans to reword");
    }
    if (cfg->spans_at_once < 1 || cfg->spans_at_once > MAX_AT_ONCE) {
        return tj_fail(err, TJ_E_INVAL, "spans_at_once is %zu, expected 1 to %d",
                       cfg->spans_at_once, MAX_AT_ONCE);
    }
    work w = {.record = record, .t = t, .talk = talk, .cfg = cfg, .verdicts = verdicts};
    w.texts = tj_calloc(t->n_spans, sizeof *w.texts);
    if (w.texts == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu spans", t->n_spans);
    }
    memset(verdicts, 0, t->n_spans * sizeof *verdicts);
    tj_code rc = TJ_OK;
    for (w.begin = 0; w.begin < t->n_spans && rc == TJ_OK; w.begin = w.end) {
        w.end =
            w.begin + cfg->spans_at_once < t->n_spans ? w.begin + cfg->spans_at_once : t->n_spans;
        rc = ask_piece(&w, err);
    }
    if (rc == TJ_OK) {
        rc = join(&w, out, err);
    }
    for (size_t i = 0; i < t->n_spans; i++) {
        tj_free(w.texts[i]);
    }
    tj_free(w.texts);
    if (rc != TJ_OK) {
        tj_record_deinit(out);
    }
    return rc;
}
