/* What people and models say of trees, nodes, thoughts and spans. */
#include <string.h>

#include "base/alloc.h"
#include "store/inner.h"

static void bind_place(tj_stmt *st, size_t place)
{
    if (place == TJ_NO_NODE) {
        tj_stmt_null(st);
    } else {
        tj_stmt_size(st, place);
    }
}

static tj_code check(const tj_annotation *a, tj_err *err)
{
    if ((a->tree != 0) == (a->thought != 0)) {
        return tj_fail(err, TJ_E_INVAL, "an annotation is of either a tree or a thought");
    }
    if ((a->tree == 0 && a->node != TJ_NO_NODE) || (a->thought == 0 && a->span != TJ_NO_NODE)) {
        return tj_fail(err, TJ_E_INVAL, "an annotation is of a tree's node or of a thought's span");
    }
    if (a->author == NULL || a->author[0] == 0 || a->kind == NULL || a->kind[0] == 0) {
        return tj_fail(err, TJ_E_INVAL, "an annotation needs an author and a kind");
    }
    return TJ_OK;
}

/* What is superseded must be of the same tree or thought. */
static tj_code check_superseded(tj_store *store, const tj_annotation *a, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    if (a->supersedes == 0) {
        return TJ_OK;
    }
    tj_code rc =
        tj_stmt_open(&st, store->db, "SELECT tree, thought FROM annotation WHERE id = ?", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, a->supersedes);
    rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK &&
        (!row || tj_stmt_get_int(st, 0) != a->tree || tj_stmt_get_int(st, 1) != a->thought)) {
        rc = tj_fail(err, TJ_E_NOTFOUND, "there is no annotation %lld of the same to supersede",
                     (long long)a->supersedes);
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_store_add_annotation(tj_store *store, int64_t *id, const tj_annotation *a, tj_err *err)
{
    tj_stmt *st;
    *id = 0;
    tj_code rc = check(a, err);
    if (rc == TJ_OK) {
        rc = tj_need_started(store, a->run, err);
    }
    if (rc == TJ_OK) {
        rc = check_superseded(store, a, err);
    }
    if (rc == TJ_OK) {
        rc = tj_stmt_open(&st, store->db,
                          "INSERT INTO annotation (run, tree, node, thought, span, author, kind,"
                          " text, time_us, supersedes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                          err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, a->run);
    tj_stmt_id(st, a->tree);
    bind_place(st, a->node);
    tj_stmt_id(st, a->thought);
    bind_place(st, a->span);
    tj_stmt_str(st, a->author);
    tj_stmt_str(st, a->kind);
    tj_stmt_str(st, a->text == NULL ? "" : a->text);
    tj_stmt_int(st, a->time_us == 0 ? tj_store_now_us(store) : a->time_us);
    tj_stmt_id(st, a->supersedes);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    *id = rc == TJ_OK ? tj_db_last_id(store->db) : 0;
    return rc;
}

static size_t place_of(tj_stmt *st, int column)
{
    return tj_stmt_type(st, column) == TJ_COLUMN_NULL ? TJ_NO_NODE : tj_stmt_get_size(st, column);
}

static tj_code give(tj_stmt *st, tj_annotation_fn fn, void *ctx, tj_err *err)
{
    tj_annotation a = {.id = tj_stmt_get_int(st, 0),
                       .run = tj_stmt_get_int(st, 1),
                       .tree = tj_stmt_get_int(st, 2),
                       .node = place_of(st, 3),
                       .thought = tj_stmt_get_int(st, 4),
                       .span = place_of(st, 5),
                       .time_us = tj_stmt_get_int(st, 9),
                       .supersedes = tj_stmt_get_int(st, 10)};
    void *owned = NULL;
    const tj_copy copies[] = {{6, &a.author, NULL}, {7, &a.kind, NULL}, {8, &a.text, NULL}};
    tj_code rc = tj_stmt_copy(st, &owned, copies, sizeof copies / sizeof copies[0], err);
    if (rc == TJ_OK) {
        rc = fn(ctx, &a, err);
    }
    tj_free(owned);
    return rc;
}

#define ANNOTATIONS                                                                                \
    "SELECT id, run, tree, node, thought, span, author, kind, text, time_us, supersedes"           \
    " FROM annotation a WHERE "
#define CURRENT                                                                                    \
    " AND (?2 OR NOT EXISTS (SELECT 1 FROM annotation b WHERE b.supersedes = a.id)) ORDER BY id"

tj_code tj_store_annotation_each(tj_store *store, int64_t tree, int64_t thought, bool all,
                                 tj_annotation_fn fn, void *ctx, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    if ((tree != 0) == (thought != 0)) {
        return tj_fail(err, TJ_E_INVAL, "annotations of which tree or thought");
    }
    tj_code rc = tj_stmt_open(
        &st, store->db,
        tree != 0 ? ANNOTATIONS "tree = ?1" CURRENT : ANNOTATIONS "thought = ?1" CURRENT, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, tree != 0 ? tree : thought);
    tj_stmt_int(st, all ? 1 : 0);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        rc = give(st, fn, ctx, err);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}
