/* Answers of models. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "store/inner.h"

tj_code tj_store_add_output(tj_store *store, int64_t *id, const tj_output *o, tj_err *err)
{
    tj_stmt *st;
    *id = 0;
    tj_code rc = tj_need_started(store, o->origin.run, err);
    if (rc == TJ_OK) {
        rc = tj_stmt_open(&st, store->db,
                          "INSERT INTO output (run, ordinal, problem, model, tokenizer, sampling,"
                          " seed, stream, draw, text, ids, logprobs, n_tokens, finish, correct,"
                          " metrics) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                          err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, o->origin.run);
    tj_stmt_size(st, o->origin.ordinal);
    tj_stmt_int(st, o->problem);
    tj_stmt_id(st, o->origin.model);
    tj_stmt_id(st, o->origin.tokenizer);
    tj_stmt_str(st, o->sampling == NULL ? "" : o->sampling);
    tj_stmt_u64(st, o->seed);
    tj_stmt_u64(st, o->stream);
    tj_stmt_u64(st, o->draw);
    tj_bind_values(st, o->text, o->n_text);
    tj_bind_values(st, o->ids, o->n_ids * sizeof *o->ids);
    if (o->logprobs == NULL) {
        tj_stmt_null(st);
    } else {
        tj_bind_values(st, o->logprobs, o->n_ids * sizeof *o->logprobs);
    }
    tj_stmt_size(st, o->n_tokens);
    tj_stmt_int(st, (int64_t)o->finish);
    tj_stmt_int(st, o->correct);
    tj_stmt_str(st, o->metrics);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    *id = rc == TJ_OK ? tj_db_last_id(store->db) : 0;
    return rc;
}

#define OUTPUT_COLUMNS                                                                             \
    "id, run, ordinal, problem, model, tokenizer, sampling, seed, stream, draw, text, ids,"        \
    " logprobs, n_tokens, finish, correct, metrics"

static tj_code read_output(tj_stmt *st, tj_output *o, tj_err *err)
{
    size_t n_ids = 0;
    const char *ids = NULL;
    const char *logprobs = NULL;
    memset(o, 0, sizeof *o);
    const tj_copy copies[] = {{6, &o->sampling, NULL},
                              {10, &o->text, &o->n_text},
                              {11, &ids, &n_ids},
                              {12, &logprobs, NULL},
                              {16, &o->metrics, NULL}};
    tj_code rc = tj_stmt_copy(st, &o->owned, copies, 5, err);
    o->id = tj_stmt_get_int(st, 0);
    o->origin = (tj_origin){.run = tj_stmt_get_int(st, 1),
                            .ordinal = tj_stmt_get_size(st, 2),
                            .model = tj_stmt_get_int(st, 4),
                            .tokenizer = tj_stmt_get_int(st, 5)};
    o->problem = tj_stmt_get_int(st, 3);
    o->seed = tj_stmt_get_u64(st, 7);
    o->stream = tj_stmt_get_u64(st, 8);
    o->draw = tj_stmt_get_u64(st, 9);
    o->ids = (const int32_t *)(const void *)ids; /* copies are 8-byte aligned */
    o->logprobs = (const float *)(const void *)logprobs;
    o->n_ids = n_ids / sizeof *o->ids;
    o->n_tokens = tj_stmt_get_size(st, 13);
    o->finish = (tj_finish)tj_stmt_get_int(st, 14);
    o->correct = (int)tj_stmt_get_int(st, 15);
    return rc;
}

void tj_output_deinit(tj_output *output)
{
    tj_free(output->owned);
    memset(output, 0, sizeof *output);
}

tj_code tj_store_get_output(tj_store *store, tj_output *out, int64_t id, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    memset(out, 0, sizeof *out);
    tj_code rc =
        tj_stmt_open(&st, store->db, "SELECT " OUTPUT_COLUMNS " FROM output WHERE id = ?", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, id);
    rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK) {
        rc = row ? read_output(st, out, err)
                 : tj_fail(err, TJ_E_NOTFOUND, "there is no output %lld", (long long)id);
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_store_output_each(tj_store *store, const tj_output_filter *f, tj_output_fn fn, void *ctx,
                             tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    const char *sql =
        f->run != 0 ? "SELECT " OUTPUT_COLUMNS " FROM output WHERE run = ?1 AND (?2 IS NULL OR"
                      " model = ?2) AND (?3 IS NULL OR problem = ?3) ORDER BY ordinal"
                    : "SELECT " OUTPUT_COLUMNS " FROM output WHERE (?1 IS NULL OR run = ?1) AND"
                      " (?2 IS NULL OR model = ?2) AND (?3 IS NULL OR problem = ?3)"
                      " ORDER BY run, ordinal";
    if (f->run == 0 && f->model == 0 && f->problem == 0) {
        return tj_fail(err, TJ_E_INVAL, "outputs of which run, model or problem");
    }
    tj_code rc = tj_stmt_open(&st, store->db, sql, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_id(st, f->run);
    tj_stmt_id(st, f->model);
    tj_stmt_id(st, f->problem);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        tj_output o;
        rc = read_output(st, &o, err);
        if (rc == TJ_OK) {
            rc = fn(ctx, &o, err);
        }
        tj_output_deinit(&o);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}
