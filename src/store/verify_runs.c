/* Runs against the ledger: each that was started is there, as it was started; each that ended has
 * its outcome, its costs, and rows of the digests that the entry holds; none is there that the
 * ledger does not know. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "store/verify.h"

/* ------------------------------------------------------------------ what entries say */

/* The place of a run among those heard of, or where it belongs. */
static size_t find(const tj_verifier *v, int64_t run)
{
    size_t low = 0;
    size_t high = v->n_said;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (v->said[middle].run < run) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static tj_said *said_of(tj_verifier *v, int64_t run, tj_err *err)
{
    size_t at = find(v, run);
    if (at < v->n_said && v->said[at].run == run) {
        return &v->said[at];
    }
    if (!tj_grow(&v->said, &v->cap_said, v->n_said + 1, sizeof *v->said)) {
        (void)tj_fail(err, TJ_E_NOMEM, "cannot hold what the ledger says of runs");
        return NULL;
    }
    memmove(&v->said[at + 1], &v->said[at], (v->n_said - at) * sizeof *v->said);
    v->said[at] = (tj_said){.run = run};
    v->n_said++;
    return &v->said[at];
}

static bool ends(const char *kind)
{
    return strcmp(kind, "done") == 0 || strcmp(kind, "failed") == 0 ||
           strcmp(kind, "cancelled") == 0 || strcmp(kind, "abandoned") == 0;
}

tj_code tj_verify_hear(tj_verifier *v, const tj_ledger_entry *e, tj_err *err)
{
    bool starts = strcmp(e->kind, "started") == 0;
    bool ended = ends(e->kind);
    if (e->run == 0 || (!starts && !ended && strcmp(e->kind, "resumed") != 0)) {
        return TJ_OK;
    }
    tj_said *s = said_of(v, e->run, err);
    if (s == NULL) {
        return TJ_E_NOMEM;
    }
    s->seq = e->seq;
    snprintf(s->kind, sizeof s->kind, "%s", e->kind);
    json_decref(s->ended);
    s->ended = ended ? json_loads(e->body, 0, NULL) : NULL;
    if (starts && s->started_seq == 0) {
        s->started_seq = e->seq;
        s->started = json_loads(e->body, 0, NULL);
    }
    return TJ_OK;
}

void tj_verify_forget(tj_verifier *v)
{
    for (size_t i = 0; i < v->n_said; i++) {
        json_decref(v->said[i].started);
        json_decref(v->said[i].ended);
    }
    tj_free(v->said);
    v->said = NULL;
    v->n_said = 0;
}

/* ------------------------------------------------------------------ comparing */

static bool is_text(const json_t *body, const char *key, const char *now)
{
    const char *was = json_string_value(json_object_get(body, key));
    return was != NULL && strcmp(was, now) == 0;
}

static bool is_int(const json_t *body, const char *key, int64_t now)
{
    const json_t *was = json_object_get(body, key);
    return json_is_integer(was) && json_integer_value(was) == now;
}

/* What entries of before schema 3 do not hold is not held against them. */
static bool is_int_if_there(const json_t *body, const char *key, int64_t now)
{
    return json_object_get(body, key) == NULL || is_int(body, key, now);
}

static bool is_text_if_there(const json_t *body, const char *key, const char *now)
{
    return json_object_get(body, key) == NULL || is_text(body, key, now);
}

static bool is_real(const json_t *body, const char *key, double now)
{
    return json_number_value(json_object_get(body, key)) == now;
}

static tj_code add_input(void *ctx, const tj_run_input *in, tj_err *err)
{
    (void)err;
    tj_run_input_print(ctx, in->role, in->kind, in->digest);
    return TJ_OK;
}

static tj_code inputs_now(tj_verifier *v, char digest[TJ_SHA256_HEX], int64_t run, tj_err *err)
{
    tj_buf all;
    tj_buf_init(&all);
    tj_code rc = tj_run_inputs_each(v->store, run, add_input, &all, err);
    if (rc == TJ_OK) {
        rc = tj_buf_check(&all, err);
    }
    tj_sha256_hex(digest, tj_buf_text(&all), all.len);
    tj_buf_deinit(&all);
    return rc;
}

static tj_code check_started(tj_verifier *v, const tj_said *s, const tj_run_info *r, tj_err *err)
{
    char digest[TJ_SHA256_HEX];
    const json_t *b = s->started;
    int64_t seq = s->started_seq;
    bool same = is_text(b, "stage", r->stage) && is_text(b, "name", r->name) &&
                is_int(b, "seed", (int64_t)r->seed) && is_text(b, "build", r->build_id) &&
                is_text(b, "isa", r->isa) && is_int(b, "threads", (int64_t)r->n_threads) &&
                is_int_if_there(b, "started", r->started_us);
    tj_code rc = same ? TJ_OK
                      : tj_verify_report(v, seq, s->run, "record",
                                         "the run is not what was recorded at its start", err);
    tj_sha256_hex(digest, r->config, strlen(r->config));
    if (rc == TJ_OK && (!is_text(b, "config", digest) || strcmp(digest, r->config_digest) != 0)) {
        rc = tj_verify_report(v, seq, s->run, "config",
                              "the configuration is not what was recorded", err);
    }
    if (rc == TJ_OK) {
        rc = inputs_now(v, digest, s->run, err);
    }
    bool reads_same = strcmp(digest, r->inputs_digest) == 0 && is_text(b, "inputs", digest);
    if (rc == TJ_OK) {
        rc = tj_list_digest(v->store, digest, TJ_LIST_READ, s->run, err);
    }
    if (rc == TJ_OK && (!reads_same || !is_text_if_there(b, "reads", digest))) {
        rc =
            tj_verify_report(v, seq, s->run, "inputs", "the inputs are not what was recorded", err);
    }
    return rc;
}

static tj_code check_rows(tj_verifier *v, const tj_said *s, const json_t *outputs, tj_err *err)
{
    const json_t *recorded = json_object_get(s->ended, "form");
    int64_t form = json_is_integer(recorded) ? json_integer_value(recorded) : 1;
    if (form < 1 || form > TJ_ROWS_FORM) {
        return tj_verify_report(v, s->seq, s->run, "rows", "digests of an unknown form", err);
    }
    tj_code rc = TJ_OK;
    for (size_t k = 0; k < TJ_N_ROW_KINDS && rc == TJ_OK; k++) {
        char digest[TJ_SHA256_HEX];
        char field[48];
        size_t n_rows;
        rc = tj_job_check(v->job, err);
        if (rc == TJ_OK) {
            rc = tj_rows_digest(v->store, digest, &n_rows, k, form, s->run, err);
        }
        if (rc != TJ_OK) {
            break;
        }
        const char *was = json_string_value(json_object_get(outputs, tj_row_kind_name(k)));
        bool same = n_rows == 0 ? was == NULL : was != NULL && strcmp(was, digest) == 0;
        if (!same) {
            snprintf(field, sizeof field, "rows.%s", tj_row_kind_name(k));
            rc = tj_verify_report(v, s->seq, s->run, field, "the rows are not what was recorded",
                                  err);
        }
    }
    return rc;
}

typedef struct listed {
    const json_t *outputs;
    size_t n_same, n;
} listed;

static tj_code compare_output(void *ctx, const tj_run_output *o, tj_err *err)
{
    (void)err;
    listed *l = ctx;
    char key[TJ_STORE_MAX_NAME + 6];
    bool is_file = strcmp(o->kind, "file") == 0;
    snprintf(key, sizeof key, "%s%s", is_file ? "file:" : "", is_file ? o->name : o->kind);
    bool same = is_text(l->outputs, key, o->digest) ||
                (is_file && is_text(l->outputs, o->name, o->digest)); /* before schema 3 */
    l->n_same += same ? 1 : 0;
    l->n++;
    return TJ_OK;
}

/* Table run_output and the run's result say the same as the entry. */
static tj_code check_result(tj_verifier *v, const tj_said *s, const tj_run_info *r,
                            const json_t *outputs, tj_err *err)
{
    listed l = {outputs, 0, 0};
    char digest[TJ_SHA256_HEX] = "";
    char *text = tj_json_canonical(outputs);
    if (text != NULL) {
        tj_sha256_hex(digest, text, strlen(text));
    }
    tj_free(text);
    tj_code rc = r->result != NULL && strcmp(r->result, digest) == 0
                     ? TJ_OK
                     : tj_verify_report(v, s->seq, s->run, "result",
                                        "the result is not what was recorded", err);
    if (rc == TJ_OK) {
        rc = tj_run_outputs_each(v->store, s->run, compare_output, &l, err);
    }
    if (rc == TJ_OK) {
        rc = tj_list_digest(v->store, digest, TJ_LIST_MADE, s->run, err);
    }
    if (rc == TJ_OK && (l.n_same != l.n || l.n != json_object_size(outputs) ||
                        !is_text_if_there(s->ended, "listed", digest))) {
        rc = tj_verify_report(v, s->seq, s->run, "outputs",
                              "the list of what it made is not what was recorded", err);
    }
    return rc;
}

static tj_code check_ended(tj_verifier *v, const tj_said *s, const tj_run_info *r, tj_err *err)
{
    char digest[TJ_SHA256_HEX];
    const json_t *b = s->ended;
    const json_t *outputs = json_object_get(b, "outputs");
    const char *metrics = r->metrics == NULL ? "" : r->metrics;
    const char *error = json_string_value(json_object_get(b, "error"));
    tj_sha256_hex(digest, metrics, strlen(metrics));
    tj_code rc = is_text(b, "metrics", digest)
                     ? TJ_OK
                     : tj_verify_report(v, s->seq, s->run, "metrics",
                                        "the metrics are not what was recorded", err);
    bool same =
        is_int(b, "tokens", (int64_t)r->cost.tokens) &&
        is_int(b, "updates", (int64_t)r->cost.updates) && is_real(b, "seconds", r->cost.seconds) &&
        is_real(b, "money", r->cost.money) && is_int_if_there(b, "ended", r->ended_us) &&
        (error == NULL ? r->error == NULL : r->error != NULL && strcmp(error, r->error) == 0);
    if (rc == TJ_OK && !same) {
        rc = tj_verify_report(v, s->seq, s->run, "record",
                              "cost, time or error are not what was recorded", err);
    }
    if (rc == TJ_OK) {
        rc = check_result(v, s, r, outputs, err);
    }
    return rc == TJ_OK ? check_rows(v, s, outputs, err) : rc;
}

static tj_code check_run(tj_verifier *v, const tj_said *s, tj_err *err)
{
    tj_run_info r;
    if (s->started_seq == 0) {
        return tj_verify_report(v, s->seq, s->run, "record", "no entry says that it was started",
                                err);
    }
    tj_code rc = tj_run_get(v->store, &r, s->run, err);
    if (rc != TJ_OK) {
        return rc == TJ_E_NOTFOUND
                   ? tj_verify_report(v, s->seq, s->run, "run", "the run is gone", err)
                   : rc;
    }
    const char *status = s->ended == NULL && !ends(s->kind) ? "started" : s->kind;
    if (strcmp(status, tj_run_status_name(r.status)) != 0) {
        rc = tj_verify_report(v, s->seq, s->run, "status", "the status is not what was recorded",
                              err);
    }
    if (rc == TJ_OK) {
        rc = check_started(v, s, &r, err);
    }
    if (rc == TJ_OK && ends(s->kind)) {
        rc = check_ended(v, s, &r, err);
    }
    tj_run_info_deinit(&r);
    return rc;
}

/* ------------------------------------------------------------------ all */

/* Not by tj_run_each: a status that is none would be passed over. */
static tj_code find_unknown(tj_verifier *v, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(&st, v->store->db, "SELECT id FROM run ORDER BY id", err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        int64_t run = tj_stmt_get_int(st, 0);
        size_t at = find(v, run);
        if (at == v->n_said || v->said[at].run != run) {
            rc = tj_verify_report(v, 0, run, "run", "a run that the ledger does not know", err);
        }
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_verify_runs(tj_verifier *v, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < v->n_said && rc == TJ_OK; i++) {
        tj_job_progress(v->job, "checking runs", i, v->n_said, "runs", NULL);
        rc = check_run(v, &v->said[i], err);
    }
    return rc == TJ_OK ? find_unknown(v, err) : rc;
}
