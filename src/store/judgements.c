/* What rewarders were asked, and what became of it. */
#include <string.h>

#include "base/alloc.h"
#include "store/inner.h"

static tj_code insert_judgement(tj_store *store, const tj_judgement *j, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "INSERT INTO judgement (run, ordinal, rewarder, tree, node, failed,"
                              " n_tries, answer, error, tokens, seconds, money, time_us)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, j->run);
    tj_stmt_size(st, j->ordinal);
    tj_stmt_int(st, j->rewarder);
    tj_stmt_int(st, j->tree);
    if (j->node == TJ_NO_NODE) {
        tj_stmt_null(st);
    } else {
        tj_stmt_size(st, j->node);
    }
    tj_stmt_int(st, j->failed ? 1 : 0);
    tj_stmt_size(st, j->n_tries);
    tj_stmt_str(st, j->answer);
    tj_stmt_str(st, j->error);
    tj_stmt_u64(st, j->cost.tokens);
    tj_stmt_real(st, j->cost.seconds);
    tj_stmt_real(st, j->cost.money);
    tj_stmt_int(st, j->time_us == 0 ? tj_store_now_us(store) : j->time_us);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}

/* Every reward of a judgement is by its rewarder. */
static tj_code check_judgement(tj_store *store, const tj_judgement *j, tj_err *err)
{
    tj_known_rewarder *known;
    if (j->failed != (j->error != NULL) || (j->failed && j->n_rewards > 0)) {
        return tj_fail(err, TJ_E_INVAL, "a judgement has either an error or rewards");
    }
    tj_code rc = tj_rewarder_know(store, &known, j->rewarder, err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < j->n_rewards; i++) {
        if (strcmp(j->rewards[i].rewarder, known->name) != 0) {
            return tj_fail(err, TJ_E_INVAL, "a judgement by %s has a reward by %s", known->name,
                           j->rewards[i].rewarder);
        }
    }
    tj_rewarder_let_stand(store, known);
    return TJ_OK;
}

tj_code tj_store_add_judgement(tj_store *store, int64_t *id, const tj_judgement *j, tj_err *err)
{
    *id = 0;
    tj_code rc = tj_need_started(store, j->run, err);
    if (rc == TJ_OK) {
        rc = check_judgement(store, j, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_begin(store, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    rc = insert_judgement(store, j, err);
    int64_t row = tj_db_last_id(store->db);
    if (rc == TJ_OK) {
        rc = tj_rewards_insert(store, j->tree, j->run, row, j->rewards, j->n_rewards, err);
    }
    if (rc == TJ_OK) {
        *id = row;
        return tj_store_commit(store, err);
    }
    tj_store_rollback(store);
    return rc;
}

static tj_code give_judgement(tj_stmt *st, tj_judgement_fn fn, void *ctx, tj_err *err)
{
    bool whole = tj_stmt_type(st, 5) == TJ_COLUMN_NULL;
    tj_judgement j = {.id = tj_stmt_get_int(st, 0),
                      .run = tj_stmt_get_int(st, 1),
                      .ordinal = tj_stmt_get_size(st, 2),
                      .rewarder = tj_stmt_get_int(st, 3),
                      .tree = tj_stmt_get_int(st, 4),
                      .node = whole ? TJ_NO_NODE : tj_stmt_get_size(st, 5),
                      .failed = tj_stmt_get_bool(st, 6),
                      .n_tries = tj_stmt_get_size(st, 7),
                      .cost = {.tokens = tj_stmt_get_u64(st, 10),
                               .seconds = tj_stmt_get_real(st, 11),
                               .money = tj_stmt_get_real(st, 12)},
                      .time_us = tj_stmt_get_int(st, 13)};
    void *owned = NULL;
    const tj_copy copies[] = {{8, &j.answer, NULL}, {9, &j.error, NULL}};
    tj_code rc = tj_stmt_copy(st, &owned, copies, sizeof copies / sizeof copies[0], err);
    if (rc == TJ_OK) {
        rc = fn(ctx, &j, err);
    }
    tj_free(owned);
    return rc;
}

#define JUDGEMENTS                                                                                 \
    "SELECT id, run, ordinal, rewarder, tree, node, failed, n_tries, answer, error, tokens,"       \
    " seconds, money, time_us FROM judgement "

tj_code tj_store_judgement_each(tj_store *store, int64_t run, int64_t tree, tj_judgement_fn fn,
                                void *ctx, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    if (run == 0 && tree == 0) {
        return tj_fail(err, TJ_E_INVAL, "judgements of which run or tree");
    }
    const char *sql = tree != 0 ? JUDGEMENTS "WHERE tree = ?2 AND (?1 IS NULL OR run = ?1)"
                                             " ORDER BY run, ordinal"
                                : JUDGEMENTS "WHERE run = ?1 AND ?2 IS NULL ORDER BY ordinal";
    tj_code rc = tj_stmt_open(&st, store->db, sql, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_id(st, run);
    tj_stmt_id(st, tree);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        rc = give_judgement(st, fn, ctx, err);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}
