/* See score_lines.h. */
#include "cli/score_lines.h"

#include <string.h>

#include "base/alloc.h"
#include "cli/common.h"

#define MAX_FILE_BYTES ((size_t)1 << 30)

typedef struct lines {
    const char *name; /* of the file */
    const tj_scorer *scorer;
    size_t piece;
    json_t **records; /* [n_records] whose scores are not known yet */
    size_t n_records, cap_records;
    size_t n_steps; /* of them */
    size_t n_done, n_failed;
} lines;

/* ------------------------------------------------------------------ reading */

static bool is_text(const json_t *value)
{
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

static tj_code check(const json_t *record, const char *name, size_t line, tj_err *err)
{
    const json_t *steps = json_object_get(record, "steps");
    const json_t *answer = json_object_get(record, "answer");
    if (!json_is_object(record)) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: expected an object", name, line);
    }
    if (!is_text(json_object_get(record, "problem"))) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: problem: expected a text", name, line);
    }
    if (answer != NULL && !json_is_null(answer) && !is_text(answer)) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: answer: expected a text", name, line);
    }
    if (!json_is_array(steps)) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: steps: expected a list of texts", name, line);
    }
    for (size_t i = 0; i < json_array_size(steps); i++) {
        if (!is_text(json_array_get(steps, i))) {
            return tj_fail(err, TJ_E_PARSE, "%s:%zu: steps[%zu]: expected a text", name, line, i);
        }
    }
    return TJ_OK;
}

/* ------------------------------------------------------------------ scoring */

static json_t *score_json(const tj_score *s)
{
    json_t *json =
        json_pack("{s:I, s:I, s:f, s:f}", "tries", (json_int_t)s->n_tries, "tokens",
                  (json_int_t)s->tokens, "seconds", s->seconds, "money", s->money);
    if (s->failed) {
        json_object_set_new(json, "error", tj_json_text(s->error, strlen(s->error)));
    } else {
        json_object_set_new(json, "value", json_real(s->value));
    }
    if (s->reason != NULL) {
        json_object_set_new(json, "reason", tj_json_text(s->reason, strlen(s->reason)));
    }
    if (s->raw != NULL) {
        json_object_set_new(json, "raw", tj_json_text(s->raw, strlen(s->raw)));
    }
    return json;
}

/* The asks of all records; texts [n_steps] are the steps one after the other. */
static void write_asks(const lines *l, tj_score_ask *asks, const char **texts)
{
    size_t at = 0;
    for (size_t r = 0; r < l->n_records; r++) {
        const json_t *record = l->records[r];
        const json_t *steps = json_object_get(record, "steps");
        const size_t first = at;
        for (size_t i = 0; i < json_array_size(steps); i++, at++) {
            texts[at] = json_string_value(json_array_get(steps, i));
            asks[at] = (tj_score_ask){
                .problem = json_string_value(json_object_get(record, "problem")),
                .answer = json_string_value(json_object_get(record, "answer")),
                .steps = texts + first,
                .n_steps = i + 1,
                .node = TJ_NO_NODE};
            asks[at].key = tj_score_ask_key(&asks[at]);
        }
    }
}

static tj_code print_records(lines *l, const tj_score *scores, tj_err *err)
{
    size_t at = 0;
    tj_code rc = TJ_OK;
    tj_cli_progress_end();
    for (size_t r = 0; r < l->n_records && rc == TJ_OK; r++) {
        json_t *record = l->records[r];
        json_t *list = json_array();
        for (size_t i = 0; i < json_array_size(json_object_get(record, "steps")); i++, at++) {
            json_array_append_new(list, score_json(&scores[at]));
            l->n_failed += scores[at].failed ? 1 : 0;
        }
        json_object_set_new(record, "rewarder", json_string(l->scorer->name));
        json_object_set_new(record, "meaning", json_string(tj_meaning_name(l->scorer->meaning)));
        json_object_set_new(record, "scores", list);
        rc = tj_print_json_line(record, err);
        l->n_done++;
    }
    return rc;
}

static tj_code score_records(lines *l, tj_err *err)
{
    size_t n = l->n_steps;
    tj_score_ask *asks = tj_calloc(n, sizeof *asks);
    tj_score *scores = tj_calloc(n, sizeof *scores);
    const char **texts = tj_calloc(n, sizeof *texts);
    tj_code rc = TJ_OK;
    if (asks == NULL || scores == NULL || texts == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot score %zu steps", n);
    } else {
        write_asks(l, asks, texts);
    }
    if (rc == TJ_OK && n > 0) {
        rc = l->scorer->score(l->scorer->ctx, scores, asks, n, tj_cli_job(), err);
    }
    if (rc == TJ_OK) {
        rc = print_records(l, scores, err);
        for (size_t i = 0; i < n; i++) {
            tj_score_deinit(&scores[i]);
        }
    }
    tj_free(asks);
    tj_free(scores);
    tj_free(texts);
    for (size_t i = 0; i < l->n_records; i++) {
        json_decref(l->records[i]);
    }
    l->n_records = 0;
    l->n_steps = 0;
    return rc;
}

static tj_code take_record(void *ctx, const json_t *json, size_t line, tj_err *err)
{
    lines *l = ctx;
    tj_code rc = check(json, l->name, line, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (!tj_grow(&l->records, &l->cap_records, l->n_records + 1, sizeof *l->records)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu solutions", l->n_records + 1);
    }
    l->records[l->n_records++] = json_incref((json_t *)(uintptr_t)json);
    l->n_steps += json_array_size(json_object_get(json, "steps"));
    tj_job_progress(tj_cli_job(), "scoring", l->n_done, 0, "solutions", NULL);
    rc = tj_job_check(tj_cli_job(), err);
    return rc == TJ_OK && l->n_steps >= l->piece ? score_records(l, err) : rc;
}

tj_code tj_cli_score_lines(const char *path, const tj_scorer *scorer, size_t piece, tj_err *err)
{
    lines l = {.name = path, .scorer = scorer, .piece = piece};
    tj_buf text;
    tj_buf_init(&text);
    tj_code rc = tj_read_input(&text, path, MAX_FILE_BYTES, err);
    if (rc == TJ_OK) {
        rc = tj_json_values_each(tj_buf_text(&text), text.len, path, 0, take_record, &l, err);
    }
    if (rc == TJ_OK) {
        rc = score_records(&l, err);
    }
    for (size_t i = 0; i < l.n_records; i++) {
        json_decref(l.records[i]);
    }
    tj_free(l.records);
    tj_buf_deinit(&text);
    tj_cli_progress_end();
    if (rc == TJ_OK) {
        fprintf(stderr, "%zu solutions; %zu steps without a score\n", l.n_done, l.n_failed);
    }
    return rc;
}
