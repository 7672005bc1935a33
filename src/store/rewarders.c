/* Rewarders. A handle knows those that it met by id and name, and whom a name, given alone, means.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "store/inner.h"

static const char *const kind_names[] = {"verifier", "prm", "judge", "rollout", "human", "other"};

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

void tj_rewarder_let_stand(tj_store *store, tj_known_rewarder *known)
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
        tj_rewarder_let_stand(store, known);
    }
    *rewarder = rc == TJ_OK ? *rewarder : 0;
    return rc;
}

/* Whom a name stands for: the one that was added or judged last, or one without more than a name.
 */
tj_code tj_rewarder_of_name(tj_store *store, int64_t *id, int64_t run, const char *name,
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

tj_code tj_rewarder_know(tj_store *store, tj_known_rewarder **out, int64_t id, tj_err *err)
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
