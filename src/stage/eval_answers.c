/* Answers as they come: a line a problem, appended and flushed, so that a run that is stopped loses
 * no more than what was being asked. What is written is read back by the same function that takes
 * up an earlier run's lines: there is one way from a line to an answer. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "stage/eval_inner.h"
#include "text/text.h"

#define MAX_LINE_DEPTH 8
#define MAX_NUMBER     1e12 /* of tokens, seconds or money of one answer */

/* By tj_finish. */
static const char *const finishes[] = {"none", "eos", "stop", "length", "failed", "filter"};

static tj_code no_memory(tj_err *err)
{
    return tj_fail(err, TJ_E_NOMEM, "cannot hold the answers");
}

tj_code tj_eval_answers_begin(tj_eval_answers *a, const char *path, size_t n_docs, tj_err *err)
{
    memset(a, 0, sizeof *a);
    tj_arena_init(&a->arena, 0);
    a->path = path;
    a->n_docs = n_docs;
    a->of = tj_calloc(n_docs == 0 ? 1 : n_docs, sizeof *a->of);
    return a->of == NULL ? no_memory(err) : TJ_OK;
}

void tj_eval_answers_close(tj_eval_answers *a)
{
    if (a->file != NULL) {
        (void)fclose(a->file); /* flush has told what failed */
    }
    tj_arena_deinit(&a->arena);
    tj_free(a->of);
    memset(a, 0, sizeof *a);
}

/* ------------------------------------------------------------ a line to an answer */

/* A sample's text without its thoughts; one that never ends them answers nothing. */
static tj_code take_sample(tj_eval_answers *a, tj_eval_answer *answer, size_t i, const json_t *text,
                           const char *finish, tj_err *err)
{
    tj_thinking parts;
    const char *all = json_string_value(text);
    size_t n = json_string_length(text);
    (void)tj_split_thinking(&parts, all, n);                       /* thoughts may be empty */
    (void)tj_split_thinking(&parts, parts.answer, parts.n_answer); /* and begin again behind them */
    const char *kept = tj_arena_strndup(&a->arena, parts.answer, parts.n_answer);
    answer->texts[i] = (tj_str){kept, parts.n_answer};
    answer->finishes[i] = TJ_FINISH_NONE;
    for (size_t f = 0; finish != NULL && f < sizeof finishes / sizeof finishes[0]; f++) {
        answer->finishes[i] = strcmp(finishes[f], finish) == 0 ? (tj_finish)f : answer->finishes[i];
    }
    return kept == NULL ? no_memory(err) : TJ_OK;
}

static const json_t *sample_text(const json_t *sample)
{
    return json_is_string(sample) ? sample : json_object_get(sample, "text");
}

static tj_code take_samples(tj_eval_answers *a, size_t doc, const json_t *samples, tj_err *err)
{
    tj_eval_answer *answer = &a->of[doc];
    size_t n = json_array_size(samples);
    answer->texts = tj_arena_calloc(&a->arena, n, sizeof *answer->texts);
    answer->finishes = tj_arena_calloc(&a->arena, n, sizeof *answer->finishes);
    if (answer->texts == NULL || answer->finishes == NULL) {
        answer->texts = NULL;
        return no_memory(err);
    }
    answer->n = n;
    a->n_answered++;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        const json_t *sample = json_array_get(samples, i);
        const char *finish = json_string_value(json_object_get(sample, "finish"));
        rc = take_sample(a, answer, i, sample_text(sample), finish, err);
    }
    return rc;
}

static bool are_samples(const json_t *samples)
{
    bool ok = json_array_size(samples) > 0;
    for (size_t i = 0; ok && i < json_array_size(samples); i++) {
        ok = json_is_string(sample_text(json_array_get(samples, i)));
    }
    return ok;
}

/* What an answer cost. Absent is 0; sums over all problems stay finite, and whole numbers. */
static tj_code take_number(double *out, const json_t *line, const char *name, tj_err *err)
{
    const json_t *value = json_object_get(line, name);
    double number = json_number_value(value);
    *out = 0.0;
    if (value == NULL || json_is_null(value)) {
        return TJ_OK;
    }
    if (!json_is_number(value) || !(number >= 0.0 && number <= MAX_NUMBER)) {
        return tj_fail(err, TJ_E_PARSE, "%s: expected a number from 0 to %g", name, MAX_NUMBER);
    }
    *out = number;
    return TJ_OK;
}

/* Adds to the sums; tokens of an answer are whole numbers. */
static tj_code take_costs(tj_eval_answers *a, size_t doc, const json_t *line, tj_err *err)
{
    double costs[5];
    static const char *const names[] = {"prompt_tokens", "cached_tokens", "completion_tokens",
                                        "seconds", "cost"};
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < 5 && rc == TJ_OK; i++) {
        rc = take_number(&costs[i], line, names[i], err);
    }
    if (rc == TJ_OK) {
        a->n_prompt += (uint64_t)costs[0];
        a->n_cached += (uint64_t)costs[1];
        a->n_completion += (uint64_t)costs[2];
        a->of[doc].n_tokens = (uint64_t)costs[2];
        a->seconds += costs[3];
        a->cost += costs[4];
    }
    return rc;
}

/* Of answers.jsonl: {"problem", "samples", ...}; of the harness: {"doc_id", "resps": [[texts]]}, a
 * line a filter with the same answers. */
static tj_code take_line(tj_eval_answers *a, const json_t *line, tj_err *err)
{
    const json_t *number = json_object_get(line, "problem");
    const json_t *samples = json_object_get(line, "samples");
    if (number == NULL) {
        number = json_object_get(line, "doc_id");
        samples = json_array_get(json_object_get(line, "resps"), 0);
    }
    json_int_t doc = json_is_integer(number) ? json_integer_value(number) : -1;
    if (doc < 0) {
        return tj_fail(err, TJ_E_PARSE, "problem: expected the problem's number");
    }
    if (!are_samples(samples)) {
        return tj_fail(err, TJ_E_PARSE, "samples: expected texts");
    }
    if ((size_t)doc >= a->n_docs || a->of[doc].texts != NULL) {
        return TJ_OK; /* beyond the limit, or known */
    }
    tj_code rc = take_costs(a, (size_t)doc, line, err);
    return rc == TJ_OK ? take_samples(a, (size_t)doc, samples, err) : rc;
}

/* ------------------------------------------------------------ files */

/* Whether a line of ours is about the prompt that the problem has now, and has all samples. */
static tj_code check_line(const json_t *line, const tj_eval_docs *docs, size_t n_samples,
                          tj_err *err)
{
    const json_t *number = json_object_get(line, "problem");
    json_int_t doc = json_integer_value(number);
    const char *hash = json_string_value(json_object_get(line, "prompt_hash"));
    if (!json_is_integer(number)) {
        return tj_fail(err, TJ_E_PARSE, "problem: expected the problem's number");
    }
    if (doc < 0 || (size_t)doc >= docs->n) {
        return TJ_OK;
    }
    if (hash == NULL || strcmp(hash, docs->docs[doc].prompt_hash) != 0) {
        return tj_fail(err, TJ_E_CONFLICT, "problem %lld was asked with another prompt",
                       (long long)doc);
    }
    size_t n = json_array_size(json_object_get(line, "samples"));
    return n == n_samples ? TJ_OK
                          : tj_fail(err, TJ_E_CONFLICT, "%zu samples, expected %zu", n, n_samples);
}

tj_code tj_eval_answers_parse(tj_eval_answers *a, const char *bytes, size_t n_bytes,
                              const tj_eval_docs *docs, size_t n_samples, size_t *n_whole,
                              tj_err *err)
{
    size_t line_no = 0;
    tj_code rc = TJ_OK;
    *n_whole = 0;
    while (*n_whole < n_bytes && rc == TJ_OK) {
        size_t left = n_bytes - *n_whole;
        const char *newline = memchr(bytes + *n_whole, '\n', left);
        size_t n = newline == NULL ? left : (size_t)(newline - (bytes + *n_whole));
        json_t *line = NULL;
        if (newline == NULL && docs != NULL) {
            break; /* cut short */
        }
        line_no++;
        if (n > 0) {
            rc = tj_json_parse(&line, bytes + *n_whole, n, MAX_LINE_DEPTH, "an answer", err);
        }
        if (rc == TJ_OK && n > 0 && docs != NULL) {
            rc = check_line(line, docs, n_samples, err);
        }
        if (rc == TJ_OK && n > 0) {
            rc = take_line(a, line, err);
        }
        json_decref(line);
        *n_whole += n + (newline == NULL ? 0 : 1);
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "%s:%zu", a->path, line_no);
    }
    return rc;
}

tj_code tj_eval_answers_open(tj_eval_answers *a, const char *path, const tj_eval_docs *docs,
                             size_t n_samples, tj_err *err)
{
    tj_fs_map map = {NULL, 0};
    size_t n_whole = 0;
    tj_code rc = tj_eval_answers_begin(a, path, docs->n, err);
    bool is_there = tj_fs_exists(path);
    if (rc == TJ_OK && is_there) {
        rc = tj_fs_map_open(&map, path, err);
    }
    if (rc == TJ_OK && is_there) {
        rc = tj_eval_answers_parse(a, (const char *)map.data, map.n_bytes, docs, n_samples,
                                   &n_whole, err);
        bool is_cut = n_whole < map.n_bytes;
        tj_fs_map_close(&map);
        if (rc == TJ_OK && is_cut && truncate(path, (off_t)n_whole) != 0) {
            rc = tj_fail(err, TJ_E_IO, "cannot cut off the last line of %s: %s", path,
                         strerror(errno));
        }
    }
    if (rc == TJ_OK) {
        a->file = fopen(path, "a");
        rc = a->file != NULL ? TJ_OK
                             : tj_fail(err, TJ_E_IO, "cannot write %s: %s", path, strerror(errno));
    }
    return rc;
}

tj_code tj_eval_answers_read(tj_eval_answers *a, const char *path, const tj_eval_docs *docs,
                             tj_err *err)
{
    tj_fs_map map = {NULL, 0};
    size_t n_whole = 0;
    tj_code rc = tj_eval_answers_begin(a, path, docs->n, err);
    if (rc == TJ_OK) {
        rc = tj_fs_map_open(&map, path, err);
    }
    if (rc == TJ_OK) {
        rc = tj_eval_answers_parse(a, (const char *)map.data, map.n_bytes, NULL, 0, &n_whole, err);
        tj_fs_map_close(&map);
    }
    if (rc == TJ_OK && a->n_answered == 0) {
        rc = tj_fail(err, TJ_E_PARSE, "%s has no answer to any of the problems", path);
    }
    return rc;
}

/* ------------------------------------------------------------ an answer to a line */

static void write_line(tj_buf *out, const tj_eval_docs *docs, size_t doc, const tj_query *q,
                       double seconds)
{
    tj_buf_printf(out, "{\"problem\":%zu,\"prompt_hash\":\"%s\",\"samples\":[", doc,
                  docs->docs[doc].prompt_hash);
    for (size_t i = 0; i < q->n_samples; i++) {
        const tj_completion *c = &q->completions[i];
        tj_buf_str(out, i == 0 ? "{\"text\":" : ",{\"text\":");
        tj_buf_json(out, c->text, c->n_text);
        if (c->reasoning != NULL) {
            tj_buf_str(out, ",\"reasoning\":");
            tj_buf_json(out, c->reasoning, c->n_reasoning);
        }
        tj_buf_printf(out, ",\"finish\":\"%s\"}", finishes[c->finish]);
    }
    tj_buf_printf(out,
                  "],\"prompt_tokens\":%llu,\"cached_tokens\":%llu,\"completion_tokens\":%llu,"
                  "\"seconds\":%.6f",
                  (unsigned long long)q->usage.n_prompt, (unsigned long long)q->usage.n_cached,
                  (unsigned long long)q->usage.n_completion, seconds);
    if (q->usage.cost > 0.0) {
        tj_buf_printf(out, ",\"cost\":%.9g", q->usage.cost);
    }
    tj_buf_str(out, "}\n");
}

tj_code tj_eval_answers_add(tj_eval_answers *a, const tj_eval_docs *docs, size_t doc,
                            const tj_query *query, double seconds, tj_err *err)
{
    tj_buf text;
    json_t *line = NULL;
    tj_buf_init(&text);
    write_line(&text, docs, doc, query, seconds);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK && fwrite(text.data, 1, text.len, a->file) != text.len) {
        rc = tj_fail(err, TJ_E_IO, "cannot write %s: %s", a->path, strerror(errno));
    }
    if (rc == TJ_OK) {
        rc = tj_json_parse(&line, text.data, text.len, MAX_LINE_DEPTH, "an answer", err);
    }
    if (rc == TJ_OK) {
        rc = take_line(a, line, err);
    }
    json_decref(line);
    tj_buf_deinit(&text);
    return rc;
}

tj_code tj_eval_answers_flush(tj_eval_answers *a, tj_err *err)
{
    if (fflush(a->file) != 0 || fsync(fileno(a->file)) != 0) {
        return tj_fail(err, TJ_E_IO, "cannot write %s: %s", a->path, strerror(errno));
    }
    return TJ_OK;
}
