/* Runs: begun and ended together with their entries in the ledger. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "store/inner.h"

const char *tj_run_status_name(tj_run_status status)
{
    static const char *const names[] = {"started", "done", "failed", "cancelled", "abandoned"};
    return (unsigned)status < sizeof names / sizeof names[0] ? names[status] : "unknown";
}

/* ------------------------------------------------------------------ identity */

/* What makes two runs equal: stage, config, seed and the inputs' digests. */
typedef struct identity {
    char *config; /* canonical */
    char config_digest[TJ_SHA256_HEX], inputs_digest[TJ_SHA256_HEX];
    char digests[TJ_STORE_MAX_INPUTS][TJ_SHA256_HEX]; /* of the inputs */
} identity;

void tj_run_input_print(tj_buf *out, const char *role, const char *kind, const char *digest)
{
    tj_buf_printf(out, "%s\n%s\n%s\n", role, kind, digest);
}

static tj_code look_up(tj_store *store, const tj_run_input *in, char out[TJ_SHA256_HEX],
                       tj_err *err)
{
    static const struct {
        const char *kind, *sql;
    } kinds[] = {{"problem_set", "SELECT digest FROM problem_set WHERE id = ? AND digest <> ''"},
                 {"tokenizer", "SELECT hash FROM tokenizer WHERE id = ?"},
                 {"model", "SELECT digest FROM model WHERE id = ?"},
                 {"run", "SELECT result FROM run WHERE id = ? AND status = 1"}};
    tj_code rc = tj_fail(err, TJ_E_INVAL, "an input of the kind '%s' needs a digest", in->kind);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        tj_stmt *st;
        bool row = false;
        if (strcmp(kinds[i].kind, in->kind) != 0) {
            continue;
        }
        rc = tj_stmt_open(&st, store->db, kinds[i].sql, err);
        if (rc != TJ_OK) {
            return rc;
        }
        tj_stmt_int(st, in->id);
        rc = tj_stmt_step(st, &row, err);
        if (rc == TJ_OK && !row) {
            rc = tj_fail(err, TJ_E_NOTFOUND, "the input '%s': no finished %s %lld", in->role,
                         in->kind, (long long)in->id);
        }
        if (rc == TJ_OK) {
            tj_stmt_get_name(st, 0, out, TJ_SHA256_HEX);
        }
        tj_stmt_close(st);
    }
    return rc;
}

static tj_code identify(tj_store *store, identity *id, const tj_run_spec *spec, tj_err *err)
{
    tj_buf all;
    tj_code rc = TJ_OK;
    memset(id, 0, sizeof *id);
    if (spec->n_inputs > TJ_STORE_MAX_INPUTS) {
        return tj_fail(err, TJ_E_INVAL, "a run with %zu inputs, at most %d are recorded",
                       spec->n_inputs, TJ_STORE_MAX_INPUTS);
    }
    tj_buf_init(&all);
    for (size_t i = 0; i < spec->n_inputs && rc == TJ_OK; i++) {
        const tj_run_input *in = &spec->inputs[i];
        if (in->digest != NULL) {
            snprintf(id->digests[i], TJ_SHA256_HEX, "%s", in->digest);
        } else {
            rc = look_up(store, in, id->digests[i], err);
        }
        tj_run_input_print(&all, in->role, in->kind, id->digests[i]);
    }
    id->config = rc == TJ_OK ? tj_json_canonical(spec->config) : NULL;
    if (rc == TJ_OK && (id->config == NULL || all.failed)) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot describe a run");
    }
    if (rc == TJ_OK) {
        tj_sha256_hex(id->config_digest, id->config, strlen(id->config));
        tj_sha256_hex(id->inputs_digest, tj_buf_text(&all), all.len);
    }
    tj_buf_deinit(&all);
    return rc;
}

tj_code tj_run_find(tj_store *store, int64_t *run, const tj_run_spec *spec, unsigned statuses,
                    tj_err *err)
{
    identity id;
    tj_stmt *st = NULL;
    bool row = false;
    *run = 0;
    tj_code rc = identify(store, &id, spec, err);
    if (rc == TJ_OK) {
        rc = tj_stmt_open(&st, store->db,
                          "SELECT id FROM run WHERE stage = ? AND config_digest = ?"
                          " AND inputs_digest = ? AND seed = ? AND ((1 << status) & ?) != 0"
                          " ORDER BY id DESC LIMIT 1",
                          err);
    }
    if (rc == TJ_OK) {
        tj_stmt_str(st, spec->stage);
        tj_stmt_str(st, id.config_digest);
        tj_stmt_str(st, id.inputs_digest);
        tj_stmt_u64(st, spec->seed);
        tj_stmt_int(st, (int64_t)statuses);
        rc = tj_stmt_step(st, &row, err);
    }
    if (rc == TJ_OK && row) {
        *run = tj_stmt_get_int(st, 0);
    }
    tj_stmt_close(st);
    tj_free(id.config);
    return rc;
}

/* ------------------------------------------------------------------ beginning */

static tj_code insert_run(tj_store *store, int64_t *run, const tj_run_spec *spec,
                          const identity *id, int64_t now_us, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "INSERT INTO run (stage, name, config, config_digest, inputs_digest,"
                              " seed, status, started_us, build_id, isa, n_threads)"
                              " VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_str(st, spec->stage);
    tj_stmt_str(st, spec->name);
    tj_stmt_str(st, id->config);
    tj_stmt_str(st, id->config_digest);
    tj_stmt_str(st, id->inputs_digest);
    tj_stmt_u64(st, spec->seed);
    tj_stmt_int(st, now_us);
    tj_stmt_str(st, spec->build_id);
    tj_stmt_str(st, spec->isa);
    tj_stmt_size(st, spec->n_threads);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    *run = tj_db_last_id(store->db);
    return rc;
}

static tj_code insert_inputs(tj_store *store, int64_t run, const tj_run_spec *spec,
                             const identity *id, tj_err *err)
{
    tj_stmt *st;
    tj_code rc =
        tj_stmt_open(&st, store->db, "INSERT INTO run_input VALUES (?, ?, ?, ?, ?, ?)", err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < spec->n_inputs && rc == TJ_OK; i++) {
        tj_stmt_int(st, run);
        tj_stmt_size(st, i);
        tj_stmt_str(st, spec->inputs[i].role);
        tj_stmt_str(st, spec->inputs[i].kind);
        tj_stmt_int(st, spec->inputs[i].id);
        tj_stmt_str(st, id->digests[i]);
        rc = tj_stmt_run(st, err);
    }
    tj_stmt_close(st);
    return rc;
}

static json_t *started_body(const tj_run_spec *spec, const identity *id, const char *reads,
                            int64_t now_us)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:s}", "stage", spec->stage,
                     "name", spec->name, "config", id->config_digest, "inputs", id->inputs_digest,
                     "seed", (json_int_t)spec->seed, "build", spec->build_id, "isa", spec->isa,
                     "threads", (json_int_t)spec->n_threads, "started", (json_int_t)now_us, "reads",
                     reads);
}

tj_code tj_run_begin(tj_store *store, int64_t *run, const tj_run_spec *spec, tj_err *err)
{
    identity id = {0};
    char reads[TJ_SHA256_HEX];
    int64_t seq;
    int64_t now = tj_store_now_us(store);
    *run = 0;
    tj_code rc = tj_need_write(store, err);
    if (rc == TJ_OK) {
        rc = identify(store, &id, spec, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_begin(store, err);
    }
    if (rc != TJ_OK) {
        tj_free(id.config);
        return rc;
    }
    rc = insert_run(store, run, spec, &id, now, err);
    if (rc == TJ_OK) {
        rc = insert_inputs(store, *run, spec, &id, err);
    }
    if (rc == TJ_OK) {
        rc = tj_list_digest(store, reads, TJ_LIST_READ, *run, err);
    }
    if (rc == TJ_OK) {
        json_t *body = started_body(spec, &id, reads, now);
        rc = tj_ledger_append(store, &seq, "started", *run, body, err);
        json_decref(body);
    }
    tj_free(id.config);
    if (rc == TJ_OK) {
        return tj_store_commit(store, err);
    }
    tj_store_rollback(store);
    *run = 0;
    return rc;
}

static tj_code set_status(tj_store *store, int64_t run, tj_run_status status, tj_err *err)
{
    tj_stmt *st;
    tj_code rc =
        tj_stmt_open(&st, store->db, "UPDATE run SET status = ?, error = NULL WHERE id = ?", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, (int64_t)status);
    tj_stmt_int(st, run);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}

tj_code tj_run_resume(tj_store *store, int64_t run, const tj_run_spec *spec, tj_err *err)
{
    tj_run_info info;
    int64_t seq;
    tj_code rc = tj_need_write(store, err);
    if (rc == TJ_OK) {
        rc = tj_run_get(store, &info, run, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_run_status status = info.status;
    tj_run_info_deinit(&info);
    if (status == TJ_RUN_DONE || status == TJ_RUN_ABANDONED) {
        return tj_fail(err, TJ_E_CONFLICT, "run %lld is %s", (long long)run,
                       tj_run_status_name(status));
    }
    rc = tj_store_begin(store, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = set_status(store, run, TJ_RUN_STARTED, err);
    if (rc == TJ_OK) {
        json_t *body = json_pack("{s:s, s:s, s:I}", "build", spec->build_id, "isa", spec->isa,
                                 "threads", (json_int_t)spec->n_threads);
        rc = tj_ledger_append(store, &seq, "resumed", run, body, err);
        json_decref(body);
    }
    if (rc == TJ_OK) {
        return tj_store_commit(store, err);
    }
    tj_store_rollback(store);
    return rc;
}

/* ------------------------------------------------------------------ ending */

tj_code tj_run_add_cost(tj_store *store, int64_t run, const tj_run_cost *cost, tj_err *err)
{
    tj_stmt *st;
    if (!isfinite(cost->seconds) || !isfinite(cost->money)) {
        return tj_fail(err, TJ_E_NUMERIC, "the cost of run %lld: %g seconds, money %g",
                       (long long)run, cost->seconds, cost->money);
    }
    tj_code rc = tj_stmt_open(&st, store->db,
                              "UPDATE run SET tokens = tokens + ?, updates = updates + ?,"
                              " seconds = seconds + ?, money = money + ? WHERE id = ?",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_u64(st, cost->tokens);
    tj_stmt_u64(st, cost->updates);
    tj_stmt_real(st, cost->seconds);
    tj_stmt_real(st, cost->money);
    tj_stmt_int(st, run);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}

tj_code tj_need_started(tj_store *store, int64_t run, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_need_write(store, err);
    if (rc == TJ_OK) {
        rc = tj_stmt_open(&st, store->db, "SELECT status FROM run WHERE id = ?", err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK && !row) {
        rc = tj_fail(err, TJ_E_NOTFOUND, "there is no run %lld", (long long)run);
    } else if (rc == TJ_OK && tj_stmt_get_int(st, 0) != TJ_RUN_STARTED) {
        rc = tj_fail(err, TJ_E_CONFLICT, "run %lld is not going on", (long long)run);
    }
    tj_stmt_close(st);
    return rc;
}

/* Digests of all that the run made, as rows of run_output and as an object. */
static tj_code record_outputs(tj_store *store, int64_t run, const tj_run_outcome *outcome,
                              json_t *outputs, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "INSERT OR REPLACE INTO run_output VALUES (?, ?, ?, ?, ?, ?)", err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t k = 0; k < TJ_N_ROW_KINDS + outcome->n_files && rc == TJ_OK; k++) {
        char digest[TJ_SHA256_HEX];
        char key[TJ_STORE_MAX_NAME + 6];
        size_t n_rows = 1;
        bool is_file = k >= TJ_N_ROW_KINDS;
        const tj_run_file *file = is_file ? &outcome->files[k - TJ_N_ROW_KINDS] : NULL;
        if (is_file) {
            snprintf(digest, sizeof digest, "%s", file->digest);
        } else {
            rc = tj_rows_digest(store, digest, &n_rows, k, TJ_ROWS_FORM, run, err);
        }
        if (rc != TJ_OK || n_rows == 0) {
            continue;
        }
        snprintf(key, sizeof key, "%s%s", is_file ? "file:" : "",
                 is_file ? file->path : tj_row_kind_name(k));
        json_object_set_new(outputs, key, json_string(digest));
        tj_stmt_int(st, run);
        tj_stmt_size(st, k);
        tj_stmt_str(st, is_file ? "file" : tj_row_kind_name(k));
        tj_stmt_str(st, is_file ? file->path : "");
        tj_stmt_size(st, n_rows);
        tj_stmt_str(st, digest);
        rc = tj_stmt_run(st, err);
    }
    tj_stmt_close(st);
    return rc;
}

static tj_code update_ended(tj_store *store, int64_t run, const tj_run_outcome *outcome,
                            const char *metrics, const char *result, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "UPDATE run SET status = ?, ended_us = ?, error = ?, metrics = ?,"
                              " result = ? WHERE id = ?",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, (int64_t)outcome->status);
    tj_stmt_int(st, tj_store_now_us(store));
    tj_stmt_str(st, outcome->error);
    tj_stmt_str(st, metrics);
    tj_stmt_str(st, result);
    tj_stmt_int(st, run);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}

static tj_code end_entry(tj_store *store, int64_t run, const tj_run_outcome *outcome,
                         const char *metrics, const json_t *outputs, tj_err *err)
{
    tj_run_info info;
    char metrics_digest[TJ_SHA256_HEX];
    char made[TJ_SHA256_HEX];
    int64_t seq;
    tj_code rc = tj_run_get(store, &info, run, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tj_list_digest(store, made, TJ_LIST_MADE, run, err);
    if (rc != TJ_OK) {
        tj_run_info_deinit(&info);
        return rc;
    }
    tj_sha256_hex(metrics_digest, metrics == NULL ? "" : metrics,
                  metrics == NULL ? 0 : strlen(metrics));
    json_t *body = json_pack("{s:s, s:s, s:s, s:O, s:I, s:I, s:f, s:f, s:I, s:i, s:s}", "config",
                             info.config_digest, "inputs", info.inputs_digest, "metrics",
                             metrics_digest, "outputs", outputs, "tokens",
                             (json_int_t)info.cost.tokens, "updates", (json_int_t)info.cost.updates,
                             "seconds", info.cost.seconds, "money", info.cost.money, "ended",
                             (json_int_t)info.ended_us, "form", TJ_ROWS_FORM, "listed", made);
    if (outcome->error != NULL) {
        json_object_set_new(body, "error", json_string(outcome->error));
    }
    rc = tj_ledger_append(store, &seq, tj_run_status_name(outcome->status), run, body, err);
    json_decref(body);
    tj_run_info_deinit(&info);
    return rc;
}

static tj_code end_all(tj_store *store, int64_t run, const tj_run_outcome *outcome, tj_err *err)
{
    json_t *outputs = json_object();
    char *metrics = outcome->metrics == NULL ? NULL : tj_json_canonical(outcome->metrics);
    char *text = NULL;
    char result[TJ_SHA256_HEX];
    tj_code rc = tj_run_add_cost(store, run, &outcome->cost, err);
    if (rc == TJ_OK) {
        rc = record_outputs(store, run, outcome, outputs, err);
    }
    if (rc == TJ_OK) {
        text = tj_json_canonical(outputs);
        if (text == NULL || (outcome->metrics != NULL && metrics == NULL)) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot record what a run made");
        }
    }
    if (rc == TJ_OK) {
        tj_sha256_hex(result, text, strlen(text));
        rc = update_ended(store, run, outcome, metrics, result, err);
    }
    if (rc == TJ_OK) {
        rc = end_entry(store, run, outcome, metrics, outputs, err);
    }
    tj_free(text);
    tj_free(metrics);
    json_decref(outputs);
    return rc;
}

tj_code tj_run_end(tj_store *store, int64_t run, const tj_run_outcome *outcome, tj_err *err)
{
    tj_code rc = tj_need_started(store, run, err);
    if (rc == TJ_OK) {
        rc = tj_store_begin(store, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    rc = end_all(store, run, outcome, err);
    if (rc == TJ_OK) {
        return tj_store_commit(store, err);
    }
    tj_store_rollback(store);
    return rc;
}

/* ------------------------------------------------------------------ metrics */

tj_code tj_run_metric(tj_store *store, int64_t run, const char *name, uint64_t update, double value,
                      tj_err *err)
{
    tj_stmt *st;
    if (!isfinite(value)) {
        return tj_fail(err, TJ_E_NUMERIC, "update %llu: %s is %g", (unsigned long long)update, name,
                       value);
    }
    tj_code rc = tj_need_started(store, run, err);
    if (rc == TJ_OK) {
        rc = tj_stmt_open(&st, store->db, "INSERT OR REPLACE INTO metric VALUES (?, ?, ?, ?)", err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    tj_stmt_str(st, name);
    tj_stmt_u64(st, update);
    tj_stmt_real(st, value + 0.0);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}
