/* Contamination: what is learnt against problems that are measured. */
#include "stage/contamination.h"

#include <string.h>

#include "base/alloc.h"
#include "base/jscan.h"
#include "base/json.h"
#include "task/task.h"
#include "text/text.h"

/* ------------------------------------------------------------------ texts */

void tj_texts_deinit(tj_texts *t)
{
    for (size_t i = 0; i < t->n; i++) {
        tj_free(t->all[i]);
    }
    tj_free(t->all);
    tj_free(t->ids);
    memset(t, 0, sizeof *t);
}

tj_code tj_texts_add(tj_texts *t, int64_t id, const char *text, size_t len, tj_err *err)
{
    char *copy = tj_strndup(text, len);
    if (copy == NULL || !tj_grow(&t->all, &t->cap, t->n + 1, sizeof *t->all) ||
        !tj_grow(&t->ids, &t->cap_ids, t->n + 1, sizeof *t->ids)) {
        tj_free(copy);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu texts", t->n + 1);
    }
    t->ids[t->n] = id;
    t->all[t->n++] = copy;
    return TJ_OK;
}

/* Adds the statement of a problem that is kept as JSON. */
static tj_code add_problem(tj_texts *out, tj_jtape *tape, tj_buf *copy, const tj_problem *p,
                           tj_err *err)
{
    tj_jscan_end end;
    tj_buf_clear(copy);
    tj_buf_add(copy, p->json, p->n_json);
    tj_code rc = tj_buf_check(copy, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t value = 0;
    if (tj_jscan(tape, copy->data, copy->len, &end) == TJ_JSCAN_OK) {
        value = tj_jtape_member(tape, 0, "problem", NULL);
    }
    if (value == 0 || tape->nodes[value].kind != TJ_JSON_STRING) {
        return tj_fail(err, TJ_E_INVAL, "problem %lld has no text that could be compared",
                       (long long)p->id);
    }
    tj_str text = tj_jtape_text(tape, value);
    return tj_texts_add(out, p->id, text.s, text.n, err);
}

tj_code tj_texts_of_set(tj_store *store, tj_texts *out, int64_t set, unsigned splits, tj_err *err)
{
    tj_jtape tape;
    tj_buf copy;
    tj_code rc = TJ_OK;
    memset(out, 0, sizeof *out);
    tj_jtape_init(&tape);
    tj_buf_init(&copy);
    for (int split = TJ_SPLIT_TRAIN; split <= TJ_SPLIT_TEST && rc == TJ_OK; split++) {
        tj_problems problems;
        if ((splits & TJ_SPLIT_BIT(split)) == 0) {
            continue;
        }
        rc = tj_store_load_problems(store, &problems, set, (tj_split)split, 0, SIZE_MAX, err);
        for (size_t i = 0; rc == TJ_OK && i < problems.n; i++) {
            rc = add_problem(out, &tape, &copy, &problems.rows[i], err);
        }
        tj_problems_deinit(&problems);
    }
    tj_buf_deinit(&copy);
    tj_jtape_deinit(&tape);
    if (rc != TJ_OK) {
        tj_texts_deinit(out);
    }
    return rc;
}

tj_code tj_texts_of_file(tj_texts *out, const char *path, const char *map, tj_err *err)
{
    tj_dataset *data;
    tj_data_map fields;
    tj_dataset_options options = {.format = map == NULL ? TJ_DATA_AUTO : TJ_DATA_FIELDS,
                                  .map = map == NULL ? NULL : &fields};
    const tj_data_record *r = NULL;
    memset(out, 0, sizeof *out);
    tj_code rc = map == NULL ? TJ_OK : tj_data_map_parse(&fields, map, err);
    if (rc == TJ_OK) {
        rc = tj_dataset_open(&data, path, &options, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    for (rc = tj_dataset_next(data, &r, err); rc == TJ_OK && r != NULL;
         rc = tj_dataset_next(data, &r, err)) {
        /* records of one problem follow one another */
        bool again = out->n > 0 && strlen(out->all[out->n - 1]) == r->problem.n &&
                     memcmp(out->all[out->n - 1], r->problem.s, r->problem.n) == 0;
        rc = again ? TJ_OK : tj_texts_add(out, (int64_t)r->number, r->problem.s, r->problem.n, err);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_dataset_close(data);
    if (rc != TJ_OK) {
        tj_texts_deinit(out);
    }
    return rc;
}

/* ------------------------------------------------------------------ examples */

typedef struct example {
    tj_texts *out;
    int64_t line;
    tj_buf all; /* every text of the line */
    tj_code rc;
    tj_err *err;
} example;

static void add_piece(example *x, const char *text, size_t n)
{
    if (x->rc == TJ_OK && n > 0) {
        x->rc = tj_texts_add(x->out, x->line, text, n, x->err);
    }
}

static void add_pieces(example *x, const char *text, size_t n)
{
    add_piece(x, text, n);
    for (size_t at = 0; at < n;) {
        const char *line = text + at;
        const char *end = memchr(line, '\n', n - at);
        size_t n_line = end == NULL ? n - at : (size_t)(end - line);
        const char *colon = memchr(line, ':', n_line);
        if (n_line < n) {
            add_piece(x, line, n_line);
        }
        if (colon != NULL) {
            add_piece(x, colon + 1, n_line - (size_t)(colon + 1 - line));
        }
        at += n_line + 1;
    }
}

static bool names_a_prompt(const char *key)
{
    static const char *const keys[] = {"prompt",      "problem", "question",
                                       "instruction", "input",   "query"};
    bool is_one = false;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        is_one = is_one || strcmp(key, keys[i]) == 0;
    }
    return is_one;
}

/* Jansson reads no deeper than 2,048 levels, which bounds this. */
static void gather(example *x, const json_t *value, bool is_prompt)
{
    size_t i;
    const char *key;
    json_t *part;
    if (json_is_string(value)) {
        tj_buf_add(&x->all, json_string_value(value), json_string_length(value));
        tj_buf_char(&x->all, '\n');
        if (is_prompt) {
            add_pieces(x, json_string_value(value), json_string_length(value));
        }
    }
    json_array_foreach(value, i, part)
    {
        gather(x, part, is_prompt);
    }
    const char *role = json_string_value(json_object_get(value, "role"));
    bool is_said = role != NULL && strcmp(role, "assistant") == 0;
    json_object_foreach((json_t *)(uintptr_t)value, key, part)
    {
        if (role == NULL) {
            gather(x, part, is_prompt || names_a_prompt(key));
        } else if (strcmp(key, "role") != 0) {
            gather(x, part, !is_said);
        }
    }
}

static tj_code add_example(void *ctx, const json_t *json, size_t line, tj_err *err)
{
    example *x = ctx;
    x->line = (int64_t)line;
    x->rc = TJ_OK;
    x->err = err;
    tj_buf_clear(&x->all);
    gather(x, json, false);
    if (x->rc == TJ_OK) {
        x->rc = tj_buf_check(&x->all, err);
    }
    if (x->rc == TJ_OK) {
        x->rc = tj_texts_add(x->out, x->line, tj_buf_text(&x->all), x->all.len, err);
    }
    return x->rc;
}

tj_code tj_texts_parse_examples(tj_texts *out, const char *bytes, size_t n_bytes, const char *name,
                                tj_err *err)
{
    example x = {.out = out};
    memset(out, 0, sizeof *out);
    tj_buf_init(&x.all);
    tj_code rc = tj_json_values_each(bytes, n_bytes, name, 0, add_example, &x, err);
    tj_buf_deinit(&x.all);
    if (rc != TJ_OK) {
        tj_texts_deinit(out);
    }
    return rc;
}

tj_code tj_texts_of_examples(tj_texts *out, const char *path, tj_err *err)
{
    tj_fs_map map = {0};
    memset(out, 0, sizeof *out);
    tj_code rc = tj_fs_map_open(&map, path, err);
    if (rc == TJ_OK) {
        rc = tj_texts_parse_examples(out, (const char *)map.data, map.n_bytes, path, err);
        tj_fs_map_close(&map);
    }
    return rc;
}

tj_code tj_texts_of_learned(tj_texts *out, const char *path, tj_err *err)
{
    tj_code rc = tj_texts_of_file(out, path, NULL, err);
    return rc == TJ_E_PARSE ? tj_texts_of_examples(out, path, err) : rc;
}

tj_code tj_texts_of_measured(tj_texts *out, const char *path, tj_err *err)
{
    tj_code rc = tj_texts_of_file(out, path, NULL, err);
    return rc == TJ_E_PARSE && tj_texts_of_choices(out, path, NULL) == TJ_OK ? TJ_OK : rc;
}

/* ------------------------------------------------------------------ the check */

static bool is_better(const tj_shared_text *a, const tj_shared_text *b)
{
    int of_a = (a->is_same ? 1 : 0) + (a->is_whole ? 1 : 0);
    int of_b = (b->is_same ? 1 : 0) + (b->is_whole ? 1 : 0);
    return of_a != of_b ? of_a > of_b : a->n_shared > b->n_shared;
}

/* Parts of one thing give one entry, that of the part that shares most. */
static tj_code note(tj_contamination *out, const tj_overlap_match *m, const tj_texts *learned,
                    size_t i, tj_err *err)
{
    tj_shared_text found = {.learned = i,
                            .measured = m->item,
                            .is_same = m->is_same,
                            .is_whole = m->is_whole,
                            .n_items = m->n_items,
                            .n_shared = m->n_shared,
                            .n_runs = m->n_runs,
                            .begin = m->begin,
                            .end = m->end};
    if (m->item == SIZE_MAX) {
        return TJ_OK;
    }
    tj_shared_text *last = out->n_list == 0 ? NULL : &out->list[out->n_list - 1];
    if (last != NULL && learned->ids[last->learned] == learned->ids[i]) {
        *last = is_better(&found, last) ? found : *last;
        return TJ_OK;
    }
    if (!tj_grow(&out->list, &out->cap_list, out->n_list + 1, sizeof *out->list)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a list of %zu texts", out->n_list + 1);
    }
    out->list[out->n_list++] = found;
    return TJ_OK;
}

static void count(tj_contamination *out, const tj_texts *learned, const tj_overlap *index)
{
    tj_overlap_counts hits = tj_overlap_hits(index);
    for (size_t i = 0; i < learned->n; i++) {
        out->n_learned += i == 0 || learned->ids[i] != learned->ids[i - 1] ? 1 : 0;
    }
    for (size_t i = 0; i < out->n_list; i++) {
        out->same_learned += out->list[i].is_same ? 1 : 0;
        out->whole_learned += out->list[i].is_whole ? 1 : 0;
        out->shared_learned++;
    }
    out->same_measured = hits.n_same;
    out->whole_measured = hits.n_whole;
    out->shared_measured = hits.n_shared;
}

tj_code tj_contamination_check(tj_contamination *out, const tj_texts *learned,
                               const tj_texts *measured, size_t n_words, const tj_job *job,
                               tj_err *err)
{
    tj_overlap *index;
    *out = (tj_contamination){.n_measured = measured->n};
    tj_code rc = tj_overlap_create(&index, n_words, err);
    for (size_t i = 0; i < measured->n && rc == TJ_OK; i++) {
        rc = tj_overlap_add(index, measured->all[i], strlen(measured->all[i]), err);
    }
    for (size_t i = 0; i < learned->n && rc == TJ_OK; i++) {
        tj_overlap_match match;
        rc = tj_overlap_find(index, &match, learned->all[i], strlen(learned->all[i]), err);
        if (rc == TJ_OK) {
            rc = note(out, &match, learned, i, err);
        }
        if (rc == TJ_OK && i % 256 == 0) {
            tj_job_progress(job, "comparing", i, learned->n, "texts", NULL);
            rc = tj_job_check(job, err);
        }
    }
    if (rc == TJ_OK) {
        count(out, learned, index);
    } else {
        tj_contamination_deinit(out);
    }
    tj_overlap_destroy(index);
    return rc;
}

json_t *tj_contamination_json(const tj_contamination *c, const char *learned, const char *measured)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "learned", learned,
                     "measured", measured, "n_learned", (json_int_t)c->n_learned, "n_measured",
                     (json_int_t)c->n_measured, "same_learned", (json_int_t)c->same_learned,
                     "same_measured", (json_int_t)c->same_measured, "whole_learned",
                     (json_int_t)c->whole_learned, "whole_measured", (json_int_t)c->whole_measured,
                     "shared_learned", (json_int_t)c->shared_learned, "shared_measured",
                     (json_int_t)c->shared_measured);
}

void tj_contamination_deinit(tj_contamination *c)
{
    tj_free(c->list);
    memset(c, 0, sizeof *c);
}
