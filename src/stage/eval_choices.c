/* Multiple choice by log-likelihood. A query and a choice are encoded as the harness does it: both
 * as one text, of which the choice's tokens are those behind as many as the query has alone; white
 * space at the query's end goes to the choice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "stage/eval_inner.h"

#define MAX_PREFIX_TOKENS 65536
#define DELIMITER         " "

typedef struct choices_run {
    const tj_eval_choices_config *cfg;
    tj_voice *voice;
    tj_prefixes *prefixes;
    tj_ids query, whole;
    float *logprobs, *top_logprobs; /* [cap_tokens] */
    int32_t *top_ids;
    size_t cap_logprobs, cap_top_logprobs, cap_top_ids;
    tj_choice_rows rows;
    double seconds; /* of scoring, those of an earlier call that was stopped included */
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

static tj_code score_branch(choices_run *r, tj_choice_score *out, tj_branch branch, size_t begin,
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
    *out = (tj_choice_score){.is_greedy = true, .n_tokens = n};
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        out->logprob += (double)r->logprobs[i];
        out->is_greedy = out->is_greedy && r->top_ids[i] == r->whole.ids[begin + i];
    }
    return rc;
}

/* The query's branch is kept for all of its choices, and for queries that begin alike. */
static tj_code score_choice(choices_run *r, tj_choice_row *row, size_t which, tj_err *err)
{
    tj_engine *engine = r->voice->engine;
    tj_branch root = TJ_NO_BRANCH;
    tj_branch branch = TJ_NO_BRANCH;
    size_t n_query = 0;
    size_t n_shared = 0;
    tj_code rc = encode(r, tj_choice_query(row), tj_choice_text(row, which), &n_query, err);
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
            rc = score_branch(r, &row->scores[which], branch, n_query, err);
        }
        tj_engine_drop(engine, branch);
    }
    tj_prefixes_keep(r->prefixes, root);
    row->n_tokens += r->whole.n;
    return rc;
}

static tj_code score_row(choices_run *r, tj_choice_row *row, tj_err *err)
{
    tj_code rc = TJ_OK;
    row->n_tokens = 0;
    row->scores = tj_calloc(row->n, sizeof *row->scores);
    if (row->scores == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot score %zu choices", row->n);
    }
    for (size_t i = 0; i < row->n && rc == TJ_OK; i++) {
        rc = score_choice(r, row, i, err);
    }
    if (rc != TJ_OK) {
        tj_free(row->scores);
        row->scores = NULL;
        tj_err_context(err, "%s:%zu", r->cfg->data, row->line);
    }
    return rc;
}

/* Scores what is not known yet. */
static tj_code score_rows(choices_run *r, tj_choices_ledger *ledger, const tj_job *job, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < r->rows.n && rc == TJ_OK; i++) {
        tj_choice_row *row = &r->rows.rows[i];
        if (row->scores != NULL) {
            continue;
        }
        double begin = tj_clock_seconds();
        rc = score_row(r, row, err);
        double seconds = tj_clock_seconds() - begin;
        if (rc == TJ_OK) {
            r->seconds += seconds;
            rc = tj_choices_ledger_add(ledger, &r->rows, i, seconds, err);
        }
        if (rc == TJ_OK) {
            tj_job_progress(job, "choices", i + 1, r->rows.n, "items", NULL);
            rc = tj_job_check(job, err);
        }
    }
    return rc;
}

/* ------------------------------------------------------------ files */

/* The row's line of the samples file, as the harness has it; what the task's hash is made of goes
 * to hashes. */
static json_t *sample_line(const tj_choice_row *row, size_t doc, tj_buf *hashes)
{
    char hash[3][TJ_SHA256_HEX];
    char number[32];
    char name[32];
    tj_str query = tj_choice_query(row);
    json_t *arguments = json_object();
    json_t *resps = json_array();
    json_t *filtered = json_array();
    for (size_t i = 0; i < row->n; i++) {
        json_t *choice = json_pack("s+", DELIMITER, tj_choice_text(row, i).s);
        (void)snprintf(name, sizeof name, "gen_args_%zu", i);
        json_object_set_new(arguments, name,
                            json_pack("{s:o, s:o}", "arg_0", tj_eval_text(query), "arg_1", choice));
        (void)snprintf(number, sizeof number, "%.9g", row->scores[i].logprob);
        json_t *pair = json_pack("[s, s]", number, row->scores[i].is_greedy ? "True" : "False");
        json_array_append_new(resps, json_pack("[O]", pair));
        json_array_append_new(filtered, pair);
    }
    char *text = json_dumps(row->json, JSON_INDENT(2));
    tj_sha256_hex(hash[0], text == NULL ? "" : text, text == NULL ? 0 : strlen(text));
    tj_sha256_hex(hash[1], query.s, query.n);
    (void)snprintf(number, sizeof number, "%zu", row->gold);
    tj_sha256_hex(hash[2], number, strlen(number));
    tj_buf_printf(hashes, "%s%s%s", hash[0], hash[1], hash[2]);
    free(text); /* Jansson's own allocation */
    return json_pack("{s:I, s:O, s:s, s:o, s:o, s:o, s:s, s:[s, s], s:s, s:s, s:s, s:f, s:f}",
                     "doc_id", (json_int_t)doc, "doc", row->json, "target", number, "arguments",
                     arguments, "resps", resps, "filtered_resps", filtered, "filter", "none",
                     "metrics", "acc", "acc_norm", "doc_hash", hash[0], "prompt_hash", hash[1],
                     "target_hash", hash[2], "acc", tj_choice_best(row) == row->gold ? 1.0 : 0.0,
                     "acc_norm", tj_choice_best_norm(row) == row->gold ? 1.0 : 0.0);
}

static tj_code write_samples(const choices_run *r, int64_t date_us, tj_buf *hashes, tj_err *err)
{
    char date[32];
    char name[64];
    tj_fs_writer *writer = NULL;
    tj_eval_date(date, date_us);
    (void)snprintf(name, sizeof name, "samples_choices_%s.jsonl", date);
    char *path = tj_fs_join(r->cfg->out, name);
    tj_code rc = path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write %s", name)
                              : tj_fs_writer_open(&writer, path, err);
    for (size_t i = 0; i < r->rows.n && rc == TJ_OK; i++) {
        rc = tj_eval_add_sample(writer, sample_line(&r->rows.rows[i], i, hashes), err);
    }
    if (rc == TJ_OK) {
        rc = tj_fs_writer_commit(writer, err);
        writer = NULL;
    }
    tj_fs_writer_abort(writer);
    tj_free(path);
    return rc;
}

/* How many rows are right, by the log-likelihood and by that a character. */
static void count_right(const choices_run *r, size_t *n_acc, size_t *n_norm)
{
    *n_acc = 0;
    *n_norm = 0;
    for (size_t i = 0; i < r->rows.n; i++) {
        const tj_choice_row *row = &r->rows.rows[i];
        *n_acc += tj_choice_best(row) == row->gold ? 1 : 0;
        *n_norm += tj_choice_best_norm(row) == row->gold ? 1 : 0;
    }
}

static json_t *metrics_json(const choices_run *r)
{
    size_t n_acc, n_norm;
    double n = (double)r->rows.n;
    count_right(r, &n_acc, &n_norm);
    return json_pack("{s:f, s:o, s:f, s:o}", "acc,none", (double)n_acc / n, "acc_stderr,none",
                     tj_eval_stderr(n_acc, r->rows.n), "acc_norm,none", (double)n_norm / n,
                     "acc_norm_stderr,none", tj_eval_stderr(n_norm, r->rows.n));
}

static tj_code write_results(const choices_run *r, int64_t started_us, const tj_buf *hashes,
                             tj_err *err)
{
    static const char *const names[] = {"acc", "acc_norm", NULL};
    json_t *metrics = metrics_json(r);
    json_t *extra = json_pack("{s:s}", "model_digest", r->cfg->model_digest);
    tj_eval_report report = {.task = TJ_CHOICES_TASK,
                             .version = "1",
                             .model = r->cfg->model,
                             .metrics = metrics,
                             .extra = extra,
                             .names = names,
                             .n_original = r->rows.n,
                             .n = r->rows.n,
                             .limit = r->cfg->limit,
                             .started_us = started_us,
                             .ended_us = tj_clock_unix_us(),
                             .date_us = started_us};
    tj_sha256_hex(report.task_hash, tj_buf_text(hashes), hashes->len);
    tj_code rc = tj_eval_write_results(r->cfg->out, &report, err);
    json_decref(metrics);
    json_decref(extra);
    return rc;
}

/* Results and samples; started_us is also the date in their names. */
static tj_code write_files(const choices_run *r, int64_t started_us, tj_err *err)
{
    tj_buf hashes;
    tj_buf_init(&hashes);
    tj_code rc = write_samples(r, started_us, &hashes, err);
    if (rc == TJ_OK) {
        rc = tj_buf_check(&hashes, err);
    }
    if (rc == TJ_OK) {
        rc = write_results(r, started_us, &hashes, err);
    }
    tj_buf_deinit(&hashes);
    return rc;
}

/* ------------------------------------------------------------ the result */

static json_t *rows_json(const choices_run *r)
{
    json_t *all = json_array();
    for (size_t k = 0; k < r->rows.n; k++) {
        const tj_choice_row *row = &r->rows.rows[k];
        json_t *list = json_array();
        for (size_t i = 0; i < row->n; i++) {
            json_array_append_new(list, tj_choice_json(&row->scores[i]));
        }
        json_array_append_new(all, list);
    }
    return all;
}

static json_t *score_json(size_t n_right, size_t n, const char *metric)
{
    tj_interval share;
    tj_eval_wilson(&share, n_right, n, 0.95);
    return json_pack("{s:f, s:f, s:f, s:s}", "mean", share.mean, "low", share.low, "high",
                     share.high, "metric", metric);
}

static json_t *result_json(const choices_run *r)
{
    size_t n_acc, n_norm;
    uint64_t n_tokens = 0;
    count_right(r, &n_acc, &n_norm);
    for (size_t i = 0; i < r->rows.n; i++) {
        n_tokens += r->rows.rows[i].n_tokens;
    }
    json_t *result =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:i, s:{s:o, s:o}, s:I, s:f, s:o}", "task",
                  TJ_CHOICES_TASK, "data_digest", r->rows.digest, "model", r->cfg->model,
                  "model_digest", r->cfg->model_digest, "problems", (json_int_t)r->rows.n,
                  "samples", 1, "scores", "acc", score_json(n_acc, r->rows.n, "log-likelihood"),
                  "acc_norm", score_json(n_norm, r->rows.n, "per character"), "tokens",
                  (json_int_t)n_tokens, "seconds", r->seconds, "rows", rows_json(r));
    if (result != NULL && r->cfg->contamination != NULL) {
        json_object_set_new(result, "contamination", json_deep_copy(r->cfg->contamination));
    }
    return result;
}

/* ------------------------------------------------------------ the course of it */

static tj_code conclude(const choices_run *r, int64_t started_us, json_t **result, tj_err *err)
{
    tj_code rc = TJ_OK;
    *result = result_json(r);
    if (*result == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold the result");
    }
    if (r->cfg->out != NULL) {
        rc = tj_fs_mkdirs(r->cfg->out, err);
        rc = rc == TJ_OK ? write_files(r, started_us, err) : rc;
        rc = rc == TJ_OK ? tj_eval_write_json(r->cfg->out, "eval.json", *result, err) : rc;
    }
    return rc;
}

static tj_code carry_out(choices_run *r, json_t **result, const tj_job *job, tj_err *err)
{
    int64_t started_us = tj_clock_unix_us();
    tj_choices_ledger ledger;
    tj_code rc = tj_choices_ledger_begin(&ledger, r->cfg, &r->rows, err);
    if (rc == TJ_OK) {
        r->seconds = ledger.seconds;
        rc = score_rows(r, &ledger, job, err);
    }
    if (rc == TJ_OK) {
        rc = conclude(r, started_us, result, err);
    }
    rc = tj_choices_ledger_end(&ledger, rc, r->cfg, *result, err);
    if (rc != TJ_OK) {
        json_decref(*result);
        *result = NULL;
    }
    return rc;
}

tj_code tj_eval_choices(const tj_eval_choices_config *cfg, tj_voice *voice, json_t **result,
                        const tj_job *job, tj_err *err)
{
    choices_run r = {.cfg = cfg, .voice = voice};
    *result = NULL;
    tj_code rc = tj_choice_rows_open(&r.rows, cfg->data, cfg->limit, err);
    if (rc == TJ_OK) {
        rc = tj_prefixes_create(&r.prefixes, voice->engine, MAX_PREFIX_TOKENS, err);
    }
    if (rc == TJ_OK) {
        rc = carry_out(&r, result, job, err);
    }
    tj_choice_rows_close(&r.rows);
    tj_prefixes_destroy(r.prefixes);
    tj_ids_deinit(&r.query);
    tj_ids_deinit(&r.whole);
    tj_free(r.logprobs);
    tj_free(r.top_logprobs);
    tj_free(r.top_ids);
    return rc;
}
