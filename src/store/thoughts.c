/* Long thoughts and shortcuts with their spans. */
#include <string.h>

#include "base/alloc.h"
#include "store/inner.h"

static tj_code insert_thought(tj_store *store, const tj_origin *o, const tj_thought *t,
                              const char *config, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "INSERT INTO thought (run, ordinal, problem, tree, tokenizer, kind,"
                              " text, ids, n_backtracks, config)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, o->run);
    tj_stmt_size(st, o->ordinal);
    tj_stmt_int(st, t->problem);
    tj_stmt_id(st, o->tree);
    tj_stmt_id(st, o->tokenizer);
    tj_stmt_int(st, (int64_t)t->kind);
    tj_stmt_text(st, t->text, t->n_text);
    tj_bind_values(st, t->ids, t->n_ids * sizeof *t->ids);
    tj_stmt_size(st, t->n_backtracks);
    tj_stmt_str(st, config);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}

static tj_code insert_spans(tj_store *store, int64_t id, const tj_thought *t, tj_err *err)
{
    tj_stmt *st;
    tj_code rc =
        tj_stmt_open(&st, store->db, "INSERT INTO span VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < t->n_spans && rc == TJ_OK; i++) {
        const tj_span *s = &t->spans[i];
        tj_stmt_int(st, id);
        tj_stmt_size(st, i);
        tj_stmt_size(st, s->begin);
        tj_stmt_size(st, s->end);
        tj_stmt_size(st, s->ids_begin);
        tj_stmt_size(st, s->ids_end);
        tj_stmt_int(st, (int64_t)s->action);
        if (s->node == TJ_NO_NODE) {
            tj_stmt_null(st);
        } else {
            tj_stmt_size(st, s->node);
        }
        tj_stmt_int(st, s->on_path ? 1 : 0);
        rc = tj_stmt_run(st, err);
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_store_add_thought(tj_store *store, int64_t *id, const tj_origin *origin,
                             const tj_thought *thought, const char *config, tj_err *err)
{
    *id = 0;
    tj_code rc = tj_need_started(store, origin->run, err);
    if (rc == TJ_OK) {
        rc = tj_store_begin(store, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    rc = insert_thought(store, origin, thought, config, err);
    int64_t row = tj_db_last_id(store->db);
    if (rc == TJ_OK) {
        rc = insert_spans(store, row, thought, err);
    }
    if (rc == TJ_OK) {
        *id = row;
        return tj_store_commit(store, err);
    }
    tj_store_rollback(store);
    return rc;
}

static tj_code load_spans(tj_store *store, tj_thought *out, int64_t id, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    size_t cap = 0;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT begin_byte, end_byte, ids_begin, ids_end, action, node,"
                              " on_path FROM span WHERE thought = ? ORDER BY ordinal",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, id);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        if (!tj_grow(&out->spans, &cap, out->n_spans + 1, sizeof *out->spans)) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot hold a thought's spans");
            break;
        }
        bool none = tj_stmt_type(st, 5) == TJ_COLUMN_NULL;
        out->spans[out->n_spans++] = (tj_span){.begin = tj_stmt_get_size(st, 0),
                                               .end = tj_stmt_get_size(st, 1),
                                               .ids_begin = tj_stmt_get_size(st, 2),
                                               .ids_end = tj_stmt_get_size(st, 3),
                                               .action = (tj_action)tj_stmt_get_int(st, 4),
                                               .node = none ? TJ_NO_NODE : tj_stmt_get_size(st, 5),
                                               .on_path = tj_stmt_get_bool(st, 6)};
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_store_load_thought(tj_store *store, tj_thought *out, tj_origin *origin, int64_t id,
                              tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    void *ids = NULL;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT run, ordinal, problem, tree, tokenizer, kind, text, ids,"
                              " n_backtracks FROM thought WHERE id = ?",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, id);
    rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK && !row) {
        rc = tj_fail(err, TJ_E_NOTFOUND, "there is no thought %lld", (long long)id);
    }
    if (rc == TJ_OK) {
        const char *text = tj_stmt_get_bytes(st, 6, &out->n_text);
        out->text = tj_strndup(text == NULL ? "" : text, out->n_text);
        rc = out->text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a thought")
                               : tj_copy_values(st, 7, &ids, &out->n_ids, err);
        out->ids = ids;
        out->problem = tj_stmt_get_int(st, 2);
        out->kind = (tj_thought_kind)tj_stmt_get_int(st, 5);
        out->n_backtracks = tj_stmt_get_size(st, 8);
        if (origin != NULL) {
            *origin = (tj_origin){.run = tj_stmt_get_int(st, 0),
                                  .ordinal = tj_stmt_get_size(st, 1),
                                  .tree = tj_stmt_get_int(st, 3),
                                  .tokenizer = tj_stmt_get_int(st, 4)};
        }
    }
    tj_stmt_close(st);
    if (rc == TJ_OK) {
        rc = load_spans(store, out, id, err);
    }
    if (rc != TJ_OK) {
        tj_thought_deinit(out);
    }
    return rc;
}
