/* Rewards. Of each tree, run, rewarder and meaning table tree_reward keeps number, lowest, highest
 * and sum, so that lists need not look at the rewards themselves. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "store/inner.h"

/* ------------------------------------------------------------------ adding */

/* What is told of one rewarder's rewards of one meaning. */
typedef struct sum {
    int64_t rewarder, meaning;
    size_t n;
    double low, high, total;
} sum;

typedef struct sums {
    sum *all; /* [n] */
    size_t n, cap;
} sums;

static tj_code add_to_sums(sums *s, int64_t rewarder, const tj_reward *r, tj_err *err)
{
    size_t i = 0;
    int64_t meaning = (int64_t)r->meaning;
    while (i < s->n && (s->all[i].rewarder != rewarder || s->all[i].meaning != meaning)) {
        i++;
    }
    if (i == s->n) {
        if (!tj_grow(&s->all, &s->cap, s->n + 1, sizeof *s->all)) {
            return tj_fail(err, TJ_E_NOMEM, "cannot sum up rewards");
        }
        s->all[s->n++] = (sum){rewarder, meaning, 0, r->value, r->value, 0.0};
    }
    sum *at = &s->all[i];
    at->n++;
    at->low = r->value < at->low ? r->value : at->low;
    at->high = r->value > at->high ? r->value : at->high;
    at->total += r->value;
    return TJ_OK;
}

static tj_code insert_sums(tj_store *store, int64_t tree, int64_t run, const sums *s, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(
        &st, store->db,
        "INSERT INTO tree_reward VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " n = n + excluded.n, low = min(low, excluded.low), high = max(high, excluded.high),"
        " total = total + excluded.total",
        err);
    for (size_t i = 0; i < s->n && rc == TJ_OK; i++) {
        tj_stmt_int(st, tree);
        tj_stmt_int(st, run);
        tj_stmt_int(st, s->all[i].rewarder);
        tj_stmt_int(st, s->all[i].meaning);
        tj_stmt_size(st, s->all[i].n);
        tj_stmt_real(st, s->all[i].low);
        tj_stmt_real(st, s->all[i].high);
        tj_stmt_real(st, s->all[i].total);
        rc = tj_stmt_run(st, err);
    }
    tj_stmt_close(st);
    return rc;
}

static tj_code next_ordinal(tj_store *store, int64_t *next, int64_t tree, int64_t run, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(
        &st, store->db, "SELECT ifnull(max(ordinal) + 1, 0) FROM reward WHERE tree = ? AND run = ?",
        err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, tree);
    tj_stmt_int(st, run);
    rc = tj_stmt_step(st, &row, err);
    *next = rc == TJ_OK && row ? tj_stmt_get_int(st, 0) : 0;
    tj_stmt_close(st);
    return rc;
}

typedef struct target {
    int64_t tree, run, judgement;
} target;

static tj_code insert_one(tj_store *store, tj_stmt *st, target to, int64_t ordinal,
                          const tj_reward *r, sums *s, tj_err *err)
{
    int64_t rewarder = 0;
    if (!isfinite(r->value)) {
        return tj_fail(err, TJ_E_NUMERIC, "the reward of node %zu by %s is %g", r->node,
                       r->rewarder, r->value);
    }
    tj_code rc = tj_rewarder_of_name(store, &rewarder, to.run, r->rewarder, err);
    if (rc == TJ_OK) {
        rc = add_to_sums(s, rewarder, r, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, to.tree);
    tj_stmt_size(st, r->node);
    tj_stmt_int(st, to.run);
    tj_stmt_int(st, ordinal);
    tj_stmt_int(st, rewarder);
    tj_stmt_int(st, (int64_t)r->meaning);
    tj_stmt_real(st, r->value);
    tj_stmt_str(st, r->reason);
    tj_stmt_id(st, to.judgement);
    rc = tj_stmt_run(st, err);
    if (rc == TJ_E_NOTFOUND) {
        rc = tj_fail(err, TJ_E_INVAL, "a reward of node %zu, which tree %lld does not have",
                     r->node, (long long)to.tree);
    }
    return rc;
}

tj_code tj_rewards_insert(tj_store *store, int64_t tree, int64_t run, int64_t judgement,
                          const tj_reward *rewards, size_t n, tj_err *err)
{
    tj_stmt *st;
    sums s = {NULL, 0, 0};
    int64_t ordinal = 0;
    if (n == 0) {
        return TJ_OK;
    }
    tj_code rc = next_ordinal(store, &ordinal, tree, run, err);
    if (rc == TJ_OK) {
        rc = tj_stmt_open(&st, store->db, "INSERT INTO reward VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                          err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    target to = {tree, run, judgement};
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = insert_one(store, st, to, ordinal + (int64_t)i, &rewards[i], &s, err);
    }
    tj_stmt_close(st);
    if (rc == TJ_OK) {
        rc = insert_sums(store, tree, run, &s, err);
    }
    tj_free(s.all);
    return rc;
}

tj_code tj_store_add_rewards(tj_store *store, int64_t tree, int64_t run, const tj_reward *rewards,
                             size_t n, tj_err *err)
{
    tj_code rc = tj_need_started(store, run, err);
    if (rc == TJ_OK) {
        rc = tj_store_begin(store, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tj_rewards_insert(store, tree, run, 0, rewards, n, err);
    if (rc == TJ_OK) {
        return tj_store_commit(store, err);
    }
    tj_store_rollback(store);
    return rc;
}

/* ------------------------------------------------------------------ loading */

static tj_code load_reward(tj_store *store, tj_reward_row *out, tj_stmt *st, tj_err *err)
{
    tj_known_rewarder *known = NULL;
    *out = (tj_reward_row){.tree = tj_stmt_get_int(st, 0),
                           .run = tj_stmt_get_int(st, 1),
                           .rewarder = tj_stmt_get_int(st, 3),
                           .judgement = tj_stmt_get_int(st, 7)};
    tj_code rc = tj_rewarder_know(store, &known, out->rewarder, err);
    tj_reward *r = &out->reward;
    int64_t meaning = tj_stmt_get_int(st, 4);
    if (rc == TJ_OK && (meaning < TJ_VALID || meaning > TJ_PROGRESS)) {
        rc = tj_fail(err, TJ_E_PARSE, "a reward of tree %lld has the meaning %lld",
                     (long long)out->tree, (long long)meaning);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    r->node = tj_stmt_get_size(st, 2);
    r->rewarder = known->name;
    r->meaning = (tj_meaning)meaning;
    r->value = tj_stmt_get_real(st, 5);
    tj_stmt_get_name(st, 6, r->reason, sizeof r->reason);
    return TJ_OK;
}

tj_code tj_store_reward_each(tj_store *store, int64_t tree, int64_t run, tj_reward_fn fn, void *ctx,
                             tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT tree, run, node, rewarder, meaning, value, reason, judgement"
                              " FROM reward WHERE tree = ?1 AND (?2 IS NULL OR run = ?2)"
                              " ORDER BY run, ordinal",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, tree);
    tj_stmt_id(st, run);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        tj_reward_row r;
        rc = load_reward(store, &r, st, err);
        if (rc == TJ_OK) {
            rc = fn(ctx, &r, err);
        }
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}

typedef struct list {
    tj_reward *rewards; /* [n] */
    size_t n, cap;
} list;

static tj_code collect(void *ctx, const tj_reward_row *row, tj_err *err)
{
    list *l = ctx;
    if (!tj_grow(&l->rewards, &l->cap, l->n + 1, sizeof *l->rewards)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold the rewards of a tree");
    }
    l->rewards[l->n++] = row->reward;
    return TJ_OK;
}

tj_code tj_store_load_rewards(tj_store *store, tj_reward **rewards, size_t *n, int64_t tree,
                              int64_t run, tj_err *err)
{
    list l = {NULL, 0, 0};
    tj_code rc = tj_store_reward_each(store, tree, run, collect, &l, err);
    if (rc != TJ_OK) {
        tj_free(l.rewards);
        l = (list){NULL, 0, 0};
    }
    *rewards = l.rewards;
    *n = l.n;
    return rc;
}
