/* Rewarders, what they were asked, and the rewards they gave. Of each tree, run, rewarder and
 * meaning table tree_reward keeps number, lowest, highest and sum, so that lists need not look at
 * the rewards themselves. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "store/inner.h"

/* ------------------------------------------------------------------ rewarders */

static const char *const kind_names[] = {"verifier", "prm",   "judge",
                                         "rollout",  "human", "other"};

const char *tj_rewarder_kind_name(tj_rewarder_kind kind)
{
    return (size_t)kind < sizeof kind_names / sizeof kind_names[0] ? kind_names[kind] : "unknown";
}

/* What a name says of its kind, where nothing else does. */
static tj_rewarder_kind kind_of_name(const char *name)
{
    for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++) {
        if (strcmp(name, kind_names[i]) == 0) {
            return (tj_rewarder_kind)i;
        }
    }
    return strcmp(name, "solver") == 0 ? TJ_REWARDER_VERIFIER : TJ_REWARDER_OTHER;
}

void tj_rewarders_forget(tj_store *store)
{
    store->n_rewarders = 0;
}

/* The store's own copy of a rewarder's name, lent until it is closed. */
static const char *lend_name(tj_store *store, const char *name)
{
    for (size_t i = 0; i < store->n_names; i++) {
        if (strcmp(store->names[i], name) == 0) {
            return store->names[i];
        }
    }
    char *copy = tj_strdup(name);
    if (copy == NULL ||
        !tj_grow(&store->names, &store->cap_names, store->n_names + 1, sizeof *store->names)) {
        tj_free(copy);
        return NULL;
    }
    store->names[store->n_names++] = copy;
    return copy;
}

static tj_known_rewarder *find_known(const tj_store *store, int64_t id)
{
    for (size_t i = 0; i < store->n_rewarders; i++) {
        if (store->rewarders[i].id == id) {
            return &store->rewarders[i];
        }
    }
    return NULL;
}

/* Remembers who a rewarder is; *out is lent until the next call. */
static tj_code remember(tj_store *store, tj_known_rewarder **out, int64_t id, const char *name,
                        tj_err *err)
{
    *out = find_known(store, id);
    if (*out != NULL) {
        return TJ_OK;
    }
    const char *lent = lend_name(store, name);
    if (lent == NULL || !tj_grow(&store->rewarders, &store->cap_rewarders, store->n_rewarders + 1,
                                 sizeof *store->rewarders)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a rewarder's name");
    }
    *out = &store->rewarders[store->n_rewarders++];
    **out = (tj_known_rewarder){id, lent, false};
    return TJ_OK;
}

/* From now on its name stands for this one. */
static void let_stand(tj_store *store, tj_known_rewarder *known)
{
    for (size_t i = 0; i < store->n_rewarders; i++) {
        if (strcmp(store->rewarders[i].name, known->name) == 0) {
            store->rewarders[i].stands = false;
        }
    }
    known->stands = true;
}

static tj_code find_same(tj_store *store, int64_t *id, const tj_rewarder_spec *spec,
                         const char *config, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    *id = 0;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT id FROM rewarder WHERE name = ? AND kind = ?"
                              " AND ifnull(model, 0) = ? AND url = ? AND config = ?",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_str(st, spec->name);
    tj_stmt_int(st, (int64_t)spec->kind);
    tj_stmt_int(st, spec->model);
    tj_stmt_str(st, spec->url == NULL ? "" : spec->url);
    tj_stmt_str(st, config);
    rc = tj_stmt_step(st, &row, err);
    *id = rc == TJ_OK && row ? tj_stmt_get_int(st, 0) : 0;
    tj_stmt_close(st);
    return rc;
}

static tj_code insert_rewarder(tj_store *store, int64_t *id, int64_t run,
                               const tj_rewarder_spec *spec, const char *config, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_need_started(store, run, err);
    if (rc == TJ_OK) {
        rc = tj_stmt_open(&st, store->db,
                          "INSERT INTO rewarder (run, name, kind, model, url, config)"
                          " VALUES (?, ?, ?, ?, ?, ?)",
                          err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    tj_stmt_str(st, spec->name);
    tj_stmt_int(st, (int64_t)spec->kind);
    tj_stmt_id(st, spec->model);
    tj_stmt_str(st, spec->url == NULL ? "" : spec->url);
    tj_stmt_str(st, config);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    *id = rc == TJ_OK ? tj_db_last_id(store->db) : 0;
    return rc;
}

tj_code tj_store_add_rewarder(tj_store *store, int64_t *rewarder, int64_t run,
                              const tj_rewarder_spec *spec, tj_err *err)
{
    *rewarder = 0;
    if (spec->name == NULL || spec->name[0] == 0 || strlen(spec->name) > TJ_STORE_MAX_NAME ||
        spec->kind > TJ_REWARDER_OTHER) {
        return tj_fail(err, TJ_E_INVAL, "a rewarder needs a kind, and a name of 1 to %d bytes",
                       TJ_STORE_MAX_NAME);
    }
    char *config = spec->config == NULL ? tj_strdup("{}") : tj_json_canonical(spec->config);
    if (config == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot add a rewarder");
    }
    tj_code rc = find_same(store, rewarder, spec, config, err);
    if (rc == TJ_OK && *rewarder == 0) {
        rc = insert_rewarder(store, rewarder, run, spec, config, err);
    }
    tj_free(config);
    tj_known_rewarder *known;
    if (rc == TJ_OK) {
        rc = remember(store, &known, *rewarder, spec->name, err);
    }
    if (rc == TJ_OK) {
        let_stand(store, known);
    }
    *rewarder = rc == TJ_OK ? *rewarder : 0;
    return rc;
}

/* Whom a name stands for: the one that was added or judged last, or one without more than a name. */
static tj_code rewarder_of_name(tj_store *store, int64_t *id, int64_t run, const char *name,
                                tj_err *err)
{
    for (size_t i = 0; i < store->n_rewarders; i++) {
        if (store->rewarders[i].stands && strcmp(store->rewarders[i].name, name) == 0) {
            *id = store->rewarders[i].id;
            return TJ_OK;
        }
    }
    tj_rewarder_spec spec = {.name = name, .kind = kind_of_name(name)};
    return tj_store_add_rewarder(store, id, run, &spec, err);
}

static tj_code know(tj_store *store, tj_known_rewarder **out, int64_t id, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    char name[TJ_STORE_MAX_NAME + 1];
    *out = find_known(store, id);
    if (*out != NULL) {
        return TJ_OK;
    }
    tj_code rc = tj_stmt_open(&st, store->db, "SELECT name FROM rewarder WHERE id = ?", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, id);
    rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK && !row) {
        rc = tj_fail(err, TJ_E_NOTFOUND, "there is no rewarder %lld", (long long)id);
    }
    if (rc == TJ_OK) {
        tj_stmt_get_name(st, 0, name, sizeof name);
        rc = remember(store, out, id, name, err);
    }
    tj_stmt_close(st);
    return rc;
}

static tj_code give_rewarder(tj_stmt *st, tj_rewarder_fn fn, void *ctx, tj_err *err)
{
    tj_rewarder w = {.id = tj_stmt_get_int(st, 0),
                     .run = tj_stmt_get_int(st, 1),
                     .kind = (tj_rewarder_kind)tj_stmt_get_int(st, 3),
                     .model = tj_stmt_get_int(st, 4),
                     .n_rewards = tj_stmt_get_size(st, 7),
                     .n_judgements = tj_stmt_get_size(st, 8),
                     .n_failed = tj_stmt_get_size(st, 9),
                     .cost = {.tokens = tj_stmt_get_u64(st, 10),
                              .seconds = tj_stmt_get_real(st, 11),
                              .money = tj_stmt_get_real(st, 12)}};
    void *owned = NULL;
    const tj_copy copies[] = {{2, &w.name, NULL}, {5, &w.url, NULL}, {6, &w.config, NULL}};
    tj_code rc = tj_stmt_copy(st, &owned, copies, sizeof copies / sizeof copies[0], err);
    if (rc == TJ_OK) {
        rc = fn(ctx, &w, err);
    }
    tj_free(owned);
    return rc;
}

tj_code tj_store_rewarder_each(tj_store *store, tj_rewarder_fn fn, void *ctx, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(
        &st, store->db,
        "WITH g AS (SELECT rewarder, sum(n) AS n FROM tree_reward GROUP BY rewarder),"
        " j AS (SELECT rewarder, count(*) AS n, sum(failed) AS failed, sum(tokens) AS tokens,"
        " sum(seconds) AS seconds, sum(money) AS money FROM judgement GROUP BY rewarder)"
        " SELECT w.id, w.run, w.name, w.kind, w.model, w.url, w.config, g.n, j.n, j.failed,"
        " j.tokens, j.seconds, j.money FROM rewarder w LEFT JOIN g ON g.rewarder = w.id"
        " LEFT JOIN j ON j.rewarder = w.id ORDER BY w.id",
        err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        rc = give_rewarder(st, fn, ctx, err);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}

/* ------------------------------------------------------------------ adding rewards */

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
        &st, store->db,
        "SELECT ifnull(max(ordinal) + 1, 0) FROM reward WHERE tree = ? AND run = ?", err);
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
    tj_code rc = rewarder_of_name(store, &rewarder, to.run, r->rewarder, err);
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

/* ------------------------------------------------------------------ judgements */

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
    tj_code rc = know(store, &known, j->rewarder, err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < j->n_rewards; i++) {
        if (strcmp(j->rewards[i].rewarder, known->name) != 0) {
            return tj_fail(err, TJ_E_INVAL, "a judgement by %s has a reward by %s", known->name,
                           j->rewards[i].rewarder);
        }
    }
    let_stand(store, known);
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

/* ------------------------------------------------------------------ loading rewards */

static tj_code load_reward(tj_store *store, tj_reward_row *out, tj_stmt *st, tj_err *err)
{
    tj_known_rewarder *known = NULL;
    *out = (tj_reward_row){.tree = tj_stmt_get_int(st, 0),
                           .run = tj_stmt_get_int(st, 1),
                           .rewarder = tj_stmt_get_int(st, 3),
                           .judgement = tj_stmt_get_int(st, 7)};
    tj_code rc = know(store, &known, out->rewarder, err);
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
