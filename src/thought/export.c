/* See export.h. */
#include "thought/export.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "text/text.h"
#include "thought/export_inner.h"
#include "thought/human.h"

const char *const tj_export_names[TJ_N_EXPORTS + 1] = {"jsonl",
                                                       "trl",
                                                       "trl-messages",
                                                       "trl-dpo",
                                                       "trl-prm",
                                                       "openrlhf",
                                                       "openrlhf-prm",
                                                       "llama-factory",
                                                       "llama-factory-dpo",
                                                       "step-dpo",
                                                       "prm800k",
                                                       "markdown",
                                                       NULL};

tj_code tj_exporter_create(tj_exporter **out, const tj_export_config *cfg, tj_err *err)
{
    *out = tj_calloc(1, sizeof **out);
    if (*out == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot make an exporter");
    }
    (*out)->cfg = *cfg;
    return TJ_OK;
}

void tj_exporter_destroy(tj_exporter *x)
{
    for (size_t t = 0; x != NULL && t < TJ_N_TALLIES; t++) {
        for (size_t i = 0; i < x->tallies[t].n; i++) {
            tj_free(x->tallies[t].items[i].name);
        }
        tj_free(x->tallies[t].items);
    }
    tj_free(x);
}

size_t tj_exporter_n_rows(const tj_exporter *x)
{
    return x->n_rows;
}

size_t tj_exporter_skipped(const tj_exporter *x, size_t i, const char **why)
{
    const tj_tally *t = &x->tallies[TJ_TALLY_SKIPPED];
    if (i >= t->n) {
        return 0;
    }
    *why = t->items[i].name;
    return t->items[i].count;
}

static tj_code tally(tj_exporter *x, tj_tally_kind kind, const char *name, tj_err *err)
{
    tj_tally *t = &x->tallies[kind];
    name = name[0] == 0 ? "not stated" : name;
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->items[i].name, name) == 0) {
            t->items[i].count++;
            return TJ_OK;
        }
    }
    if (t->n == TJ_MAX_TALLIES) {
        t->n_others++;
        return TJ_OK;
    }
    char *copy = tj_strdup(name);
    if (copy == NULL || !tj_grow(&t->items, &t->cap, t->n + 1, sizeof *t->items)) {
        tj_free(copy);
        return tj_fail(err, TJ_E_NOMEM, "cannot count '%s'", name);
    }
    t->items[t->n++] = (tj_tally_item){copy, 1};
    return TJ_OK;
}

/* ------------------------------------------------------------------ rows */

typedef struct row {
    tj_buf *out;
    bool any;
} row;

static row begin_row(tj_buf *out)
{
    tj_buf_char(out, '{');
    return (row){out, false};
}

static void key(row *r, const char *name)
{
    tj_buf_str(r->out, r->any ? ", \"" : "\"");
    tj_buf_str(r->out, name);
    tj_buf_str(r->out, "\": ");
    r->any = true;
}

static void text_field(row *r, const char *name, const char *text, size_t n)
{
    key(r, name);
    tj_buf_json(r->out, text, n);
}

static void end_row(tj_exporter *x, row *r)
{
    tj_buf_str(r->out, "}\n");
    x->n_rows++;
}

/* The prompt, ending so that what is joined to it does not run into its last word. */
static void write_prompt(const tj_record *r, tj_buf *out)
{
    const char *prompt = tj_record_get(r, TJ_META_PROMPT);
    size_t n = strlen(prompt);
    tj_buf_add(out, prompt, n);
    if (n > 0 && strchr(" \n\t", prompt[n - 1]) == NULL) {
        tj_buf_char(out, '\n');
    }
}

static void prompt_field(row *r, const char *name, const tj_record *record)
{
    tj_buf prompt;
    tj_buf_init(&prompt);
    write_prompt(record, &prompt);
    text_field(r, name, tj_buf_text(&prompt), prompt.len);
    r->out->failed = r->out->failed || prompt.failed;
    tj_buf_deinit(&prompt);
}

/* What a model is to say: the text, or the thinking in tags and then the conclusion. */
static void write_completion(const tj_exporter *x, const tj_thought *t, tj_buf *out)
{
    size_t at = t->n_text;
    for (size_t i = t->n_spans; i-- > 0 && t->spans[i].action == TJ_CONCLUDE;) {
        at = t->spans[i].begin;
    }
    if (!x->cfg.think || at == t->n_text) {
        tj_buf_add(out, t->text, t->n_text);
        return;
    }
    tj_buf_str(out, "<think>\n");
    tj_buf_add(out, t->text, at);
    tj_buf_str(out, at > 0 && t->text[at - 1] == '\n' ? "</think>\n" : "\n</think>\n");
    tj_buf_add(out, t->text + at, t->n_text - at);
}

static tj_code sft_row(tj_exporter *x, tj_buf *out, const tj_record *r, tj_err *err)
{
    tj_buf text;
    const char *prompt = tj_record_get(r, TJ_META_PROMPT);
    tj_buf_init(&text);
    write_completion(x, &r->thought, &text);
    row line = begin_row(out);
    const char *done = tj_buf_text(&text);
    switch (x->cfg.format) {
    case TJ_EXPORT_TRL_MESSAGES:
        key(&line, "messages");
        tj_buf_str(out, "[{\"role\": \"user\", \"content\": ");
        tj_buf_json(out, prompt, strlen(prompt));
        tj_buf_str(out, "}, {\"role\": \"assistant\", \"content\": ");
        tj_buf_json(out, done, text.len);
        tj_buf_str(out, "}]");
        break;
    case TJ_EXPORT_OPENRLHF:
        text_field(&line, "input", prompt, strlen(prompt));
        text_field(&line, "output", done, text.len);
        break;
    case TJ_EXPORT_LLAMA_FACTORY:
        text_field(&line, "instruction", prompt, strlen(prompt));
        text_field(&line, "input", "", 0);
        text_field(&line, "output", done, text.len);
        break;
    default:
        prompt_field(&line, "prompt", r);
        text_field(&line, "completion", done, text.len);
        break;
    }
    end_row(x, &line);
    tj_code rc = tj_buf_check(&text, err);
    tj_buf_deinit(&text);
    return rc;
}

/* ------------------------------------------------------------------ preferences */

typedef struct ways {
    const tj_thought *t;
    tj_ways w;
    size_t *to; /* [n_steps] scratch */
} ways;

static const tj_span *span_of(const ways *v, size_t step)
{
    return &v->t->spans[v->w.steps[step].span];
}

static void add_step(tj_buf *out, const ways *v, size_t step)
{
    const tj_span *s = span_of(v, step);
    tj_buf_add(out, v->t->text + s->begin, s->end - s->begin);
}

static bool is_wrong(const tj_span *s)
{
    return s->mark == TJ_MARK_INVALID || s->mark == TJ_MARK_DEAD;
}

/* The place on the path that a wrong step stands beside: the path's step of the same parent. */
static size_t beside(const ways *v, size_t step)
{
    for (size_t i = 0; i < v->w.n_path; i++) {
        if (v->w.steps[v->w.path[i]].parent == v->w.steps[step].parent) {
            return i;
        }
    }
    return TJ_NO_STEP;
}

/* The step behind the last one of the branch from `step` on, as the thought told it. */
static size_t branch_end(const ways *v, size_t step)
{
    size_t i = step + 1;
    while (i < v->w.n_steps && !v->w.steps[i - 1].is_last && v->w.steps[i].parent == i - 1) {
        i++;
    }
    return i;
}

static void add_branch(tj_buf *out, const ways *v, size_t step)
{
    for (size_t i = step; i < branch_end(v, step); i++) {
        add_step(out, v, i);
    }
}

/* Whether the way to the answer is to be preferred to this step, which is new and stands beside it:
 * a single step must itself be wrong; of a branch that is told whole it is enough that something in
 * it is, as its end where only ends were graded. */
static bool is_rejected(const tj_exporter *x, const ways *v, size_t step, size_t place)
{
    if (x->cfg.format == TJ_EXPORT_STEP_DPO) {
        return is_wrong(span_of(v, step));
    }
    for (size_t i = step; i < branch_end(v, step) && v->w.path[place] != step; i++) {
        if (is_wrong(span_of(v, i))) {
            return true;
        }
    }
    return false;
}

static void add_path_end(tj_buf *out, const ways *v, size_t from)
{
    for (size_t i = from; i < v->w.n_path; i++) {
        add_step(out, v, v->w.path[i]);
    }
    if (v->w.conclusion != TJ_NO_STEP) {
        const tj_span *s = &v->t->spans[v->w.conclusion];
        tj_buf_add(out, v->t->text + s->begin, s->end - s->begin);
    }
}

static tj_code pair_row(tj_exporter *x, tj_buf *out, const tj_record *r, const ways *v, size_t step,
                        size_t place, tj_err *err)
{
    tj_export_format f = x->cfg.format;
    const char *prompt = tj_record_get(r, TJ_META_PROMPT);
    tj_buf begin;
    tj_buf good;
    tj_buf bad;
    tj_buf_init(&begin);
    tj_buf_init(&good);
    tj_buf_init(&bad);
    if (f != TJ_EXPORT_STEP_DPO) {
        write_prompt(r, &begin);
    }
    for (size_t i = 0; i < place; i++) {
        add_step(&begin, v, v->w.path[i]);
    }
    if (f == TJ_EXPORT_STEP_DPO) {
        add_step(&good, v, v->w.path[place]);
        add_step(&bad, v, step);
    } else {
        add_path_end(&good, v, place);
        add_branch(&bad, v, step);
    }
    row line = begin_row(out);
    if (f == TJ_EXPORT_STEP_DPO) {
        text_field(&line, "prompt", prompt, strlen(prompt));
        text_field(&line, "initial_reason_steps", tj_buf_text(&begin), begin.len);
    } else {
        bool llama = f == TJ_EXPORT_LLAMA_FACTORY_DPO;
        text_field(&line, llama ? "instruction" : "prompt", tj_buf_text(&begin), begin.len);
        if (llama) {
            text_field(&line, "input", "", 0);
        }
    }
    text_field(&line, "chosen", tj_buf_text(&good), good.len);
    text_field(&line, "rejected", tj_buf_text(&bad), bad.len);
    end_row(x, &line);
    bool failed = begin.failed || good.failed || bad.failed;
    tj_buf_deinit(&begin);
    tj_buf_deinit(&good);
    tj_buf_deinit(&bad);
    return failed ? tj_fail(err, TJ_E_NOMEM, "cannot write a row") : TJ_OK;
}

/* A pair for each step beside the path that is rejected. */
static tj_code pair_rows(tj_exporter *x, tj_buf *out, const tj_record *r, const ways *v,
                         const char **why, tj_err *err)
{
    size_t n_before = x->n_rows;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < v->w.n_steps && rc == TJ_OK; i++) {
        size_t parent = v->w.steps[i].parent;
        bool first = parent == TJ_NO_STEP || !is_wrong(span_of(v, parent));
        size_t place = beside(v, i);
        if (first && !v->w.steps[i].again && place != TJ_NO_STEP && is_rejected(x, v, i, place)) {
            rc = pair_row(x, out, r, v, i, place, err);
        }
    }
    if (x->n_rows == n_before) {
        *why = x->cfg.format == TJ_EXPORT_STEP_DPO
                   ? "no step that is known to be wrong beside a right one"
                   : "no branch that is known to be wrong";
    }
    return rc;
}

/* ------------------------------------------------------------------ labelled steps */

static bool all_marked(const ways *v, const size_t *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (span_of(v, steps[i])->mark == TJ_MARK_NONE) {
            return false;
        }
    }
    return n > 0;
}

static void steps_row(tj_exporter *x, tj_buf *out, const tj_record *r, const ways *v, size_t n)
{
    bool rlhf = x->cfg.format == TJ_EXPORT_OPENRLHF_PRM;
    row line = begin_row(out);
    if (rlhf) {
        tj_buf input;
        tj_buf_init(&input);
        write_prompt(r, &input);
        for (size_t i = 0; i < n; i++) {
            const tj_span *s = span_of(v, v->to[i]);
            size_t len = s->end - s->begin;
            bool newline = len > 0 && v->t->text[s->end - 1] == '\n';
            tj_buf_add(&input, v->t->text + s->begin, len - (newline ? 1 : 0));
            tj_buf_str(&input, " " TJ_STEP_TOKEN "\n");
        }
        text_field(&line, "input", tj_buf_text(&input), input.len);
        out->failed = out->failed || input.failed;
        tj_buf_deinit(&input);
        key(&line, "value");
    } else {
        prompt_field(&line, "prompt", r);
        key(&line, "completions"); /* trainers put the separator, a newline, after each */
        for (size_t i = 0; i < n; i++) {
            const tj_span *s = span_of(v, v->to[i]);
            tj_buf_str(out, i == 0 ? "[" : ", ");
            size_t len = s->end - s->begin;
            len -= len > 0 && v->t->text[s->end - 1] == '\n' ? 1 : 0;
            tj_buf_json(out, v->t->text + s->begin, len);
        }
        tj_buf_char(out, ']');
        key(&line, "labels");
    }
    for (size_t i = 0; i < n; i++) {
        bool right = !is_wrong(span_of(v, v->to[i]));
        tj_buf_str(out, i == 0 ? "[" : ", ");
        tj_buf_str(out, rlhf ? (right ? "\"+\"" : "\"-\"") : right ? "true" : "false");
    }
    tj_buf_char(out, ']');
    end_row(x, &line);
}

/* A row for each attempt, from the start to its last step. */
static void step_rows(tj_exporter *x, tj_buf *out, const tj_record *r, ways *v, const char **why)
{
    size_t n_before = x->n_rows;
    if (x->cfg.format == TJ_EXPORT_OPENRLHF_PRM &&
        (strstr(v->t->text, TJ_STEP_TOKEN) != NULL ||
         strstr(tj_record_get(r, TJ_META_PROMPT), TJ_STEP_TOKEN) != NULL)) {
        *why = "its text has the token that ends steps";
        return;
    }
    for (size_t i = 0; i < v->w.n_steps; i++) {
        if (v->w.steps[i].is_last && !v->w.steps[i].again) {
            size_t n = tj_ways_to(&v->w, i, v->to);
            if (all_marked(v, v->to, n)) {
                steps_row(x, out, r, v, n);
            }
        }
    }
    if (x->n_rows == n_before) {
        *why = "no attempt whose steps all have marks";
    }
}

/* ------------------------------------------------------------------ PRM800K */

static void rated_step(tj_buf *out, const ways *v, size_t step, bool first)
{
    const tj_span *s = span_of(v, step);
    size_t len = s->end - s->begin;
    len -= len > 0 && v->t->text[s->end - 1] == '\n' ? 1 : 0;
    tj_buf_str(out, first ? "{\"text\": " : ", {\"text\": ");
    tj_buf_json(out, v->t->text + s->begin, len);
    tj_buf_printf(out, ", \"rating\": %s, \"flagged\": false}",
                  s->mark == TJ_MARK_RIGHT     ? "1"
                  : s->mark == TJ_MARK_DEAD    ? "0"
                  : s->mark == TJ_MARK_INVALID ? "-1"
                                               : "null");
}

static void prm800k_row(tj_exporter *x, tj_buf *out, const tj_record *r, const ways *v)
{
    const char *prompt = tj_record_get(r, TJ_META_PROMPT);
    const char *answer = tj_record_get(r, TJ_META_ANSWER);
    const char *author = tj_record_get(r, TJ_META_AUTHOR);
    row line = begin_row(out);
    text_field(&line, "labeler", author[0] == 0 ? "tabiji" : author,
               author[0] == 0 ? 6 : strlen(author));
    tj_buf_str(out,
               ", \"timestamp\": null, \"generation\": null, \"is_quality_control_question\": "
               "false, \"is_initial_screening_question\": false, \"question\": {\"problem\": ");
    tj_buf_json(out, prompt, strlen(prompt));
    tj_buf_str(out, ", \"ground_truth_answer\": ");
    tj_buf_json(out, answer, strlen(answer));
    tj_buf_str(out, "}, \"label\": {\"steps\": [");
    for (size_t p = 0; p < v->w.n_path; p++) {
        tj_buf_str(out, p == 0 ? "{\"completions\": [" : ", {\"completions\": [");
        rated_step(out, v, v->w.path[p], true);
        for (size_t i = 0; i < v->w.n_steps; i++) {
            if (!v->w.steps[i].again && i != v->w.path[p] && beside(v, i) == p) {
                rated_step(out, v, i, false);
            }
        }
        tj_buf_str(out, "], \"human_completion\": null, \"chosen_completion\": 0}");
    }
    tj_buf_printf(out, "], \"total_time\": null, \"finish_reason\": \"%s\"}",
                  v->w.conclusion != TJ_NO_STEP && r->correct != TJ_NO ? "solution" : "give_up");
    end_row(x, &line);
}

/* ------------------------------------------------------------------ a record */

static void add_json(tj_exporter *x, tj_buf *out, const tj_record *r)
{
    json_t *json = tj_record_to_json(r);
    tj_json_line(out, json);
    json_decref(json);
    x->n_rows++;
}

/* A thought behind another begins with front matter, maybe an empty one. */
static void write_apart(const tj_exporter *x, tj_buf *out, const tj_human *human)
{
    tj_buf text;
    tj_buf_init(&text);
    tj_human_write(human, &text);
    if (x->n_rows > 0) {
        tj_buf_str(out, strncmp(tj_buf_text(&text), "---", 3) == 0 ? "\n" : "\n---\n---\n");
    }
    tj_buf_add(out, tj_buf_text(&text), text.len);
    out->failed = out->failed || text.failed;
    tj_buf_deinit(&text);
}

static tj_code add_markdown(tj_exporter *x, tj_buf *out, const tj_record *r, const char **why,
                            tj_err *err)
{
    tj_human human;
    if (r->thought.n_spans == 0) {
        *why = "it has no spans";
        return TJ_OK;
    }
    tj_code rc = tj_human_from_record(&human, r, err);
    if (rc == TJ_OK) {
        write_apart(x, out, &human);
        tj_human_deinit(&human);
        x->n_rows++;
    }
    return rc;
}

static tj_code add_ways(tj_exporter *x, tj_buf *out, const tj_record *r, const char **why,
                        tj_err *err)
{
    ways v = {.t = &r->thought};
    if (r->thought.n_spans == 0 || r->thought.n_spans > TJ_MAX_WAY_SPANS) {
        *why = r->thought.n_spans == 0 ? "it has no spans" : "it has too many spans";
        return TJ_OK;
    }
    tj_code rc = tj_ways_of(&v.w, v.t, err);
    if (rc != TJ_OK) {
        return rc;
    }
    v.to = tj_calloc(v.w.n_steps, sizeof *v.to);
    switch (x->cfg.format) {
    case TJ_EXPORT_TRL_PRM:
    case TJ_EXPORT_OPENRLHF_PRM:
        rc = v.to == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold its steps") : TJ_OK;
        if (rc == TJ_OK) {
            step_rows(x, out, r, &v, why);
        }
        break;
    case TJ_EXPORT_PRM800K:
        if (v.w.n_path == 0) {
            *why = "it has no way to its end";
        } else {
            prm800k_row(x, out, r, &v);
        }
        break;
    default:
        rc = pair_rows(x, out, r, &v, why, err);
        break;
    }
    tj_free(v.to);
    tj_ways_deinit(&v.w);
    return rc;
}

static tj_code count_record(tj_exporter *x, const tj_record *r, const char *why, tj_err *err)
{
    const tj_thought *t = &r->thought;
    x->n_records++;
    x->n_bytes += t->n_text;
    x->n_tokens += tj_record_n_tokens(r);
    x->n_counted += tj_record_n_tokens(r) > 0 ? 1 : 0;
    x->n_backtracks += t->n_backtracks;
    x->by_correct[r->correct]++;
    x->by_kind[t->kind]++;
    for (size_t i = 0; i < t->n_spans; i++) {
        size_t n = t->spans[i].end - t->spans[i].begin;
        x->spans[t->spans[i].action]++;
        x->bytes[t->spans[i].action] += n;
        x->by_editor[t->spans[i].editor] += n;
    }
    x->by_editor[TJ_BY_RULES] += t->n_spans == 0 ? t->n_text : 0;
    tj_code rc = tally(x, TJ_TALLY_LICENCE, tj_record_get(r, TJ_META_LICENCE), err);
    if (rc == TJ_OK) {
        rc = tally(x, TJ_TALLY_SOURCE, tj_record_get(r, TJ_META_SOURCE), err);
    }
    if (rc == TJ_OK) {
        rc = tally(x, TJ_TALLY_LANGUAGE, tj_record_get(r, TJ_META_LANGUAGE), err);
    }
    if (rc == TJ_OK && why != NULL) {
        rc = tally(x, TJ_TALLY_SKIPPED, why, err);
    }
    return rc;
}

tj_code tj_exporter_add(tj_exporter *x, tj_buf *out, const tj_record *r, const char *where,
                        tj_err *err)
{
    const char *why = NULL;
    size_t valid = tj_utf8_check(r->thought.text, r->thought.n_text);
    tj_code rc = TJ_OK;
    if (valid < r->thought.n_text) {
        return tj_fail(err, TJ_E_PARSE, "%s: byte %zu of the thought is not UTF-8", where, valid);
    }
    switch (x->cfg.format) {
    case TJ_EXPORT_JSONL:
        add_json(x, out, r);
        break;
    case TJ_EXPORT_MARKDOWN:
        rc = add_markdown(x, out, r, &why, err);
        break;
    case TJ_EXPORT_TRL:
    case TJ_EXPORT_TRL_MESSAGES:
    case TJ_EXPORT_OPENRLHF:
    case TJ_EXPORT_LLAMA_FACTORY:
        if (r->meta[TJ_META_PROMPT] == NULL) {
            why = "it has no prompt";
        } else {
            rc = sft_row(x, out, r, err);
        }
        break;
    default:
        if (r->meta[TJ_META_PROMPT] == NULL) {
            why = "it has no prompt";
        } else {
            rc = add_ways(x, out, r, &why, err);
        }
        break;
    }
    if (rc == TJ_OK) {
        rc = tj_buf_check(out, err);
    }
    return rc == TJ_OK ? count_record(x, r, why, err) : rc;
}
