/* Multiple choice by log-likelihood. A query and a choice are encoded as the harness does it: both
 * as one text, of which the choice's tokens are those behind as many as the query has alone; white
 * space at the query's end goes to the choice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "stage/eval_inner.h"

#define MAX_ROW_DEPTH     8
#define MAX_CHOICES       256
#define MAX_PREFIX_TOKENS 65536
#define DELIMITER         " "

/* A choice's score. */
typedef struct scored {
    double logprob;
    bool is_greedy; /* each of its tokens is the likeliest */
    size_t n_tokens;
} scored;

typedef struct choices_run {
    const tj_eval_choices_config *cfg;
    tj_voice *voice;
    tj_prefixes *prefixes;
    tj_fs_writer *samples; /* NULL: none */
    tj_ids query, whole;
    float *logprobs, *top_logprobs; /* [cap_tokens] */
    int32_t *top_ids;
    size_t cap_logprobs, cap_top_logprobs, cap_top_ids;
    size_t n, n_acc, n_norm;
    uint64_t n_tokens;
    json_t *rows;
    tj_buf hashes;
} choices_run;

/* ------------------------------------------------------------ texts to tokens */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The query's ids, and those of query and choice together. */
static tj_code encode(choices_run *r, tj_str query, tj_str choice, size_t *n_query, tj_err *err)
{
    tj_buf text;
    size_t n = query.n;
    const tj_tokenizer_extras *extras = tj_tokenizer_get_extras(r->voice->tok);
    while (n > 0 && is_space(query.s[n - 1])) {
        n--;
    }
    tj_buf_init(&text);
    tj_buf_add(&text, query.s, query.n);
    tj_buf_str(&text, DELIMITER);
    tj_buf_add(&text, choice.s, choice.n);
    r->query.n = 0;
    r->whole.n = 0;
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK && n == 0) { /* the token that begins or ends texts stands for nothing */
        int32_t first = extras->bos >= 0 ? extras->bos : extras->eos;
        rc = first >= 0 ? tj_ids_add(&r->query, &first, 1, err)
                        : tj_fail(err, TJ_E_INVAL,
                                  "the query is empty, and the tokenizer begins "
                                  "and ends texts with nothing");
        if (rc == TJ_OK) {
            rc = tj_ids_add(&r->whole, &first, 1, err);
        }
        if (rc == TJ_OK) {
            rc = tj_encoder_encode(r->voice->encoder, &r->whole, text.data, text.len, false, err);
        }
    } else if (rc == TJ_OK) {
        rc = tj_voice_encode_text(r->voice, &r->query, query.s, n, err);
        if (rc == TJ_OK) {
            rc = tj_voice_encode_text(r->voice, &r->whole, text.data, text.len, err);
        }
    }
    *n_query = r->query.n;
    tj_buf_deinit(&text);
    if (rc == TJ_OK && r->whole.n <= r->query.n) {
        rc = tj_fail(err, TJ_E_INVAL, "a choice has no tokens of its own");
    }
    return rc;
}

/* ------------------------------------------------------------ scores */

static tj_code score_branch(choices_run *r, scored *out, tj_branch branch, size_t begin,
                            tj_err *err)
{
    size_t end = tj_engine_length(r->voice->engine, branch);
    size_t n = end - begin;
    if (!tj_grow(&r->logprobs, &r->cap_logprobs, n, sizeof *r->logprobs) ||
        !tj_grow(&r->top_logprobs, &r->cap_top_logprobs, n, sizeof *r->top_logprobs) ||
        !tj_grow(&r->top_ids, &r->cap_top_ids, n, sizeof *r->top_ids)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot score %zu tokens", n);
    }
    tj_code rc = tj_engine_score_top(r->voice->engine, branch, begin, end, r->logprobs, 1,
                                     r->top_ids, r->top_logprobs, err);
    *out = (scored){.is_greedy = true, .n_tokens = n};
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        out->logprob += (double)r->logprobs[i];
        out->is_greedy = out->is_greedy && r->top_ids[i] == r->whole.ids[begin + i];
    }
    return rc;
}

/* The query's branch is kept for all of its choices, and for queries that begin alike. */
static tj_code score_choice(choices_run *r, scored *out, tj_str query, tj_str choice, tj_err *err)
{
    tj_engine *engine = r->voice->engine;
    tj_branch root = TJ_NO_BRANCH;
    tj_branch branch = TJ_NO_BRANCH;
    size_t n_query = 0;
    size_t n_shared = 0;
    tj_code rc = encode(r, query, choice, &n_query, err);
    if (rc == TJ_OK) {
        rc = tj_prefixes_lend(r->prefixes, &root, &n_shared, r->query.ids, n_query, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tj_engine_fork(engine, &branch, root, n_query, err);
    if (rc == TJ_OK) {
        rc = tj_engine_append(engine, branch, r->whole.ids + n_query, r->whole.n - n_query, err);
        if (rc == TJ_OK) {
            rc = score_branch(r, out, branch, n_query, err);
        }
        tj_engine_drop(engine, branch);
    }
    tj_prefixes_keep(r->prefixes, root);
    r->n_tokens += r->whole.n;
    return rc;
}

/* ------------------------------------------------------------ rows */

static tj_str text_of(const json_t *value)
{
    return (tj_str){json_string_value(value), json_string_length(value)};
}

static size_t n_characters(tj_str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        n += ((unsigned char)text.s[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return n;
}

/* The index of the right choice, which may be named by its text. */
static tj_code read_row(const json_t *row, size_t *gold, size_t *n, tj_err *err)
{
    const json_t *choices = json_object_get(row, "choices");
    const json_t *right = json_object_get(row, "gold");
    *n = json_array_size(choices);
    *gold = SIZE_MAX;
    if (!json_is_string(json_object_get(row, "query"))) {
        return tj_fail(err, TJ_E_PARSE, "query: expected text");
    }
    if (*n == 0 || *n > MAX_CHOICES) {
        return tj_fail(err, TJ_E_PARSE, "choices: expected a list of 1 to %d texts", MAX_CHOICES);
    }
    for (size_t i = 0; i < *n; i++) {
        const json_t *choice = json_array_get(choices, i);
        if (json_string_length(choice) == 0) {
            return tj_fail(err, TJ_E_PARSE, "choices: number %zu is not a text, or empty", i);
        }
        if (json_is_string(right) && json_equal(choice, right) && *gold == SIZE_MAX) {
            *gold = i;
        }
    }
    if (json_is_integer(right) && json_integer_value(right) >= 0) {
        *gold = (size_t)json_integer_value(right);
    }
    return *gold < *n ? TJ_OK
                      : tj_fail(err, TJ_E_PARSE,
                                "gold: expected the index of a choice (from 0), or its text");
}

static size_t best_of(const double *values, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        best = values[i] > values[best] ? i : best;
    }
    return best;
}

/* The row's line of the samples file, as the harness has it. */
static json_t *sample_line(choices_run *r, const json_t *row, const scored *all, size_t n,
                           size_t gold, double acc, double norm)
{
    char hash[3][TJ_SHA256_HEX];
    char number[32];
    char name[32];
    json_t *choices = json_object_get(row, "choices");
    tj_str query = text_of(json_object_get(row, "query"));
    json_t *arguments = json_object();
    json_t *resps = json_array();
    json_t *filtered = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *choice = json_pack("s+", DELIMITER, json_string_value(json_array_get(choices, i)));
        (void)snprintf(name, sizeof name, "gen_args_%zu", i);
        json_object_set_new(arguments, name,
                            json_pack("{s:o, s:o}", "arg_0", tj_eval_text(query), "arg_1", choice));
        (void)snprintf(number, sizeof number, "%.9g", all[i].logprob);
        json_t *pair = json_pack("[s, s]", number, all[i].is_greedy ? "True" : "False");
        json_array_append_new(resps, json_pack("[O]", pair));
        json_array_append_new(filtered, pair);
    }
    char *doc = json_dumps(row, JSON_INDENT(2));
    tj_sha256_hex(hash[0], doc == NULL ? "" : doc, doc == NULL ? 0 : strlen(doc));
    tj_sha256_hex(hash[1], query.s, query.n);
    (void)snprintf(number, sizeof number, "%zu", gold);
    tj_sha256_hex(hash[2], number, strlen(number));
    tj_buf_printf(&r->hashes, "%s%s%s", hash[0], hash[1], hash[2]);
    free(doc); /* Jansson's own allocation */
    return json_pack("{s:I, s:O, s:s, s:o, s:o, s:o, s:s, s:[s, s], s:s, s:s, s:s, s:f, s:f}",
                     "doc_id", (json_int_t)r->n, "doc", row, "target", number, "arguments",
                     arguments, "resps", resps, "filtered_resps", filtered, "filter", "none",
                     "metrics", "acc", "acc_norm", "doc_hash", hash[0], "prompt_hash", hash[1],
                     "target_hash", hash[2], "acc", acc, "acc_norm", norm);
}

static tj_code write_sample(choices_run *r, json_t *line, tj_err *err)
{
    char *text = line == NULL ? NULL : json_dumps(line, JSON_COMPACT);
    json_decref(line);
    if (text == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot write the samples");
    }
    tj_fs_writer_add(r->samples, text, strlen(text));
    tj_fs_writer_add(r->samples, "\n", 1);
    free(text); /* Jansson's own allocation */
    return TJ_OK;
}

static tj_code do_row(choices_run *r, const json_t *row, tj_err *err)
{
    scored all[MAX_CHOICES];
    double sums[MAX_CHOICES], means[MAX_CHOICES];
    size_t gold, n;
    tj_code rc = read_row(row, &gold, &n, err);
    tj_str query = text_of(json_object_get(row, "query"));
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        tj_str choice = text_of(json_array_get(json_object_get(row, "choices"), i));
        rc = score_choice(r, &all[i], query, choice, err);
        if (rc == TJ_OK) {
            sums[i] = all[i].logprob;
            means[i] = all[i].logprob / (double)n_characters(choice);
        }
    }
    if (rc != TJ_OK) {
        return rc;
    }
    bool acc = best_of(sums, n) == gold;
    bool norm = best_of(means, n) == gold;
    if (r->samples != NULL) {
        rc = write_sample(r, sample_line(r, row, all, n, gold, acc, norm), err);
    }
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list,
                              json_pack("{s:f, s:b, s:I}", "logprob", all[i].logprob, "greedy",
                                        all[i].is_greedy, "tokens", (json_int_t)all[i].n_tokens));
    }
    json_array_append_new(r->rows, list);
    r->n++;
    r->n_acc += acc ? 1 : 0;
    r->n_norm += norm ? 1 : 0;
    return rc;
}

static tj_code do_file(choices_run *r, const tj_job *job, tj_err *err)
{
    tj_fs_map map = {NULL, 0};
    size_t line_no = 0;
    tj_code rc = tj_fs_map_open(&map, r->cfg->data, err);
    if (rc != TJ_OK) {
        return rc;
    }
    const char *text = (const char *)map.data;
    for (size_t at = 0; at < map.n_bytes && rc == TJ_OK;) {
        const char *newline = memchr(text + at, '\n', map.n_bytes - at);
        size_t n = newline == NULL ? map.n_bytes - at : (size_t)(newline - (text + at));
        json_t *row = NULL;
        line_no++;
        if (n > 0 && (r->cfg->limit == 0 || r->n < r->cfg->limit)) {
            rc = tj_json_parse(&row, text + at, n, MAX_ROW_DEPTH, "a row", err);
            rc = rc == TJ_OK ? do_row(r, row, err) : rc;
            tj_job_progress(job, "choices", at + n, map.n_bytes, "bytes", NULL);
        }
        json_decref(row);
        at += n + 1;
        rc = rc == TJ_OK ? tj_job_check(job, err) : rc;
    }
    if (rc != TJ_OK && rc != TJ_E_CANCELLED) {
        tj_err_context(err, "%s:%zu", r->cfg->data, line_no);
    }
    tj_fs_map_close(&map);
    if (rc == TJ_OK && r->n == 0) {
        rc = tj_fail(err, TJ_E_PARSE, "%s has no rows", r->cfg->data);
    }
    return rc;
}

/* ------------------------------------------------------------ files */

static json_t *metrics_json(const choices_run *r)
{
    return json_pack("{s:f, s:o, s:f, s:o}", "acc,none", (double)r->n_acc / (double)r->n,
                     "acc_stderr,none", tj_eval_stderr(r->n_acc, r->n), "acc_norm,none",
                     (double)r->n_norm / (double)r->n, "acc_norm_stderr,none",
                     tj_eval_stderr(r->n_norm, r->n));
}

static tj_code write_results(choices_run *r, int64_t started_us, tj_err *err)
{
    static const char *const names[] = {"acc", "acc_norm", NULL};
    json_t *metrics = metrics_json(r);
    json_t *extra = json_pack("{s:s}", "model_digest", r->cfg->model_digest);
    tj_eval_report report = {.task = "choices",
                             .version = "1",
                             .model = r->cfg->model,
                             .metrics = metrics,
                             .extra = extra,
                             .names = names,
                             .n_original = r->n,
                             .n = r->n,
                             .limit = r->cfg->limit,
                             .started_us = started_us,
                             .ended_us = tj_clock_unix_us(),
                             .date_us = started_us};
    tj_sha256_hex(report.task_hash, tj_buf_text(&r->hashes), r->hashes.len);
    tj_code rc = tj_eval_write_results(r->cfg->out, &report, err);
    json_decref(metrics);
    json_decref(extra);
    return rc;
}

static json_t *result_json(const choices_run *r, double seconds)
{
    tj_interval acc, norm;
    tj_eval_wilson(&acc, r->n_acc, r->n, 0.95);
    tj_eval_wilson(&norm, r->n_norm, r->n, 0.95);
    return json_pack("{s:s, s:s, s:s, s:I, s:{s:f, s:f, s:f}, s:{s:f, s:f, s:f}, s:I, s:f, s:O}",
                     "task", "choices", "model", r->cfg->model, "model_digest",
                     r->cfg->model_digest, "problems", (json_int_t)r->n, "acc", "mean", acc.mean,
                     "low", acc.low, "high", acc.high, "acc_norm", "mean", norm.mean, "low",
                     norm.low, "high", norm.high, "tokens", (json_int_t)r->n_tokens, "seconds",
                     seconds, "rows", r->rows);
}

static tj_code open_samples(choices_run *r, int64_t date_us, tj_err *err)
{
    char date[32];
    char name[64];
    tj_eval_date(date, date_us);
    (void)snprintf(name, sizeof name, "samples_choices_%s.jsonl", date);
    char *path = tj_fs_join(r->cfg->out, name);
    tj_code rc = tj_fs_mkdirs(r->cfg->out, err);
    if (rc == TJ_OK) {
        rc = path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write %s", name)
                          : tj_fs_writer_open(&r->samples, path, err);
    }
    tj_free(path);
    return rc;
}

static void run_deinit(choices_run *r)
{
    tj_fs_writer_abort(r->samples);
    tj_prefixes_destroy(r->prefixes);
    tj_ids_deinit(&r->query);
    tj_ids_deinit(&r->whole);
    tj_free(r->logprobs);
    tj_free(r->top_logprobs);
    tj_free(r->top_ids);
    tj_buf_deinit(&r->hashes);
    json_decref(r->rows);
}

tj_code tj_eval_choices(const tj_eval_choices_config *cfg, tj_voice *voice, json_t **result,
                        const tj_job *job, tj_err *err)
{
    int64_t started_us = tj_clock_unix_us(); /* also the date in the files' names */
    double begin = tj_clock_seconds();
    choices_run r = {.cfg = cfg, .voice = voice, .rows = json_array()};
    *result = NULL;
    tj_buf_init(&r.hashes);
    tj_code rc = tj_prefixes_create(&r.prefixes, voice->engine, MAX_PREFIX_TOKENS, err);
    if (rc == TJ_OK && cfg->out != NULL) {
        rc = open_samples(&r, started_us, err);
    }
    if (rc == TJ_OK) {
        rc = do_file(&r, job, err);
    }
    if (rc == TJ_OK && r.samples != NULL) {
        rc = tj_fs_writer_commit(r.samples, err);
        r.samples = NULL;
        rc = rc == TJ_OK ? write_results(&r, started_us, err) : rc;
    }
    if (rc == TJ_OK) {
        *result = result_json(&r, tj_clock_seconds() - begin);
        rc = *result == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold the result") : TJ_OK;
    }
    if (rc == TJ_OK && cfg->out != NULL) {
        rc = tj_eval_write_json(cfg->out, "eval.json", *result, err);
    }
    run_deinit(&r);
    return rc;
}
