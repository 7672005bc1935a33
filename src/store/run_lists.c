/* Runs as they are read: one, lists of them, what they read and made, their learning curves. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "store/inner.h"

#define RUN_COLUMNS                                                                                \
    "id, stage, name, config, config_digest, inputs_digest, error, metrics, result, build_id, "    \
    "isa,"                                                                                         \
    " n_threads, seed, status, started_us, ended_us, tokens, updates, seconds, money"

static tj_code read_run(tj_stmt *st, tj_run_info *r, tj_err *err)
{
    memset(r, 0, sizeof *r);
    const tj_copy copies[] = {{1, &r->stage, NULL},         {2, &r->name, NULL},
                              {3, &r->config, NULL},        {4, &r->config_digest, NULL},
                              {5, &r->inputs_digest, NULL}, {6, &r->error, NULL},
                              {7, &r->metrics, NULL},       {8, &r->result, NULL},
                              {9, &r->build_id, NULL},      {10, &r->isa, NULL}};
    tj_code rc = tj_stmt_copy(st, &r->owned, copies, sizeof copies / sizeof copies[0], err);
    r->id = tj_stmt_get_int(st, 0);
    r->n_threads = tj_stmt_get_size(st, 11);
    r->seed = tj_stmt_get_u64(st, 12);
    r->status = (tj_run_status)tj_stmt_get_int(st, 13);
    r->started_us = tj_stmt_get_int(st, 14);
    r->ended_us = tj_stmt_get_int(st, 15);
    r->cost.tokens = tj_stmt_get_u64(st, 16);
    r->cost.updates = tj_stmt_get_u64(st, 17);
    r->cost.seconds = tj_stmt_get_real(st, 18);
    r->cost.money = tj_stmt_get_real(st, 19);
    return rc;
}

tj_code tj_run_get(tj_store *store, tj_run_info *out, int64_t run, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_stmt_open(&st, store->db, "SELECT " RUN_COLUMNS " FROM run WHERE id = ?", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK) {
        rc = row ? read_run(st, out, err)
                 : tj_fail(err, TJ_E_NOTFOUND, "there is no run %lld", (long long)run);
    }
    tj_stmt_close(st);
    return rc;
}

void tj_run_info_deinit(tj_run_info *info)
{
    tj_free(info->owned);
    memset(info, 0, sizeof *info);
}

tj_code tj_run_list(tj_store *store, const tj_run_filter *f, tj_run_fn fn, void *ctx, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    const char *sql = f->newest ? "SELECT " RUN_COLUMNS " FROM run WHERE ((1 << status) & ?1) != 0"
                                  " AND (?2 IS NULL OR stage = ?2) AND (?3 IS NULL OR id < ?3)"
                                  " ORDER BY id DESC LIMIT ?4"
                                : "SELECT " RUN_COLUMNS " FROM run WHERE ((1 << status) & ?1) != 0"
                                  " AND (?2 IS NULL OR stage = ?2) AND (?3 IS NULL OR id > ?3)"
                                  " ORDER BY id LIMIT ?4";
    tj_code rc = tj_stmt_open(&st, store->db, sql, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, (int64_t)(f->statuses == 0 ? TJ_RUN_ANY : f->statuses));
    tj_stmt_str(st, f->stage);
    tj_stmt_id(st, f->after);
    tj_stmt_int(st, f->limit == 0 || f->limit > (size_t)INT32_MAX ? -1 : (int64_t)f->limit);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        tj_run_info info;
        rc = read_run(st, &info, err);
        if (rc == TJ_OK) {
            rc = fn(ctx, &info, err);
        }
        tj_run_info_deinit(&info);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_run_each(tj_store *store, unsigned statuses, tj_run_fn fn, void *ctx, tj_err *err)
{
    tj_run_filter filter = {.statuses = statuses};
    return statuses == 0 ? TJ_OK : tj_run_list(store, &filter, fn, ctx, err);
}

/* ------------------------------------------------------------------ what it read and made */

static tj_code give_input(tj_stmt *st, tj_run_input_fn fn, void *ctx, tj_err *err)
{
    tj_run_input in = {.id = tj_stmt_get_int(st, 2)};
    void *owned = NULL;
    const tj_copy copies[] = {{0, &in.role, NULL}, {1, &in.kind, NULL}, {3, &in.digest, NULL}};
    tj_code rc = tj_stmt_copy(st, &owned, copies, sizeof copies / sizeof copies[0], err);
    if (rc == TJ_OK) {
        rc = fn(ctx, &in, err);
    }
    tj_free(owned);
    return rc;
}

tj_code tj_run_inputs_each(tj_store *store, int64_t run, tj_run_input_fn fn, void *ctx, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(
        &st, store->db,
        "SELECT role, kind, ref, digest FROM run_input WHERE run = ? ORDER BY ordinal", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        rc = give_input(st, fn, ctx, err);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}

static tj_code give_output(tj_stmt *st, tj_run_output_fn fn, void *ctx, tj_err *err)
{
    tj_run_output o = {.n_rows = tj_stmt_get_size(st, 2)};
    void *owned = NULL;
    const tj_copy copies[] = {{0, &o.kind, NULL}, {1, &o.name, NULL}, {3, &o.digest, NULL}};
    tj_code rc = tj_stmt_copy(st, &owned, copies, sizeof copies / sizeof copies[0], err);
    if (rc == TJ_OK) {
        rc = fn(ctx, &o, err);
    }
    tj_free(owned);
    return rc;
}

tj_code tj_run_outputs_each(tj_store *store, int64_t run, tj_run_output_fn fn, void *ctx,
                            tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(
        &st, store->db,
        "SELECT kind, name, n_rows, digest FROM run_output WHERE run = ? ORDER BY ordinal", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        rc = give_output(st, fn, ctx, err);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}

/* ------------------------------------------------------------------ learning curves */

tj_code tj_run_series(tj_store *store, tj_metric_point **points, size_t *n, int64_t run,
                      const char *name, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    size_t cap = 0;
    *points = NULL;
    *n = 0;
    tj_code rc = tj_stmt_open(
        &st, store->db, "SELECT at, value FROM metric WHERE run = ? AND name = ? ORDER BY at", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    tj_stmt_str(st, name);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        if (!tj_grow(points, &cap, *n + 1, sizeof **points)) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot read a learning curve");
            break;
        }
        (*points)[(*n)++] = (tj_metric_point){tj_stmt_get_u64(st, 0), tj_stmt_get_real(st, 1)};
    }
    tj_stmt_close(st);
    if (rc != TJ_OK) {
        tj_free(*points);
        *points = NULL;
        *n = 0;
    }
    return rc;
}

tj_code tj_run_series_each(tj_store *store, int64_t run, tj_series_fn fn, void *ctx, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT name, count(*) FROM metric WHERE run = ? GROUP BY name", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        char name[TJ_STORE_MAX_NAME + 1];
        tj_stmt_get_name(st, 0, name, sizeof name);
        rc = fn(ctx, name, tj_stmt_get_size(st, 1), err);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}
