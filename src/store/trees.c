/* Trees with their nodes and rewards; thoughts with their spans; outputs. Arrays of ids and
 * log-probabilities are blobs of little-endian int32 and f32, bit for bit. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "store/inner.h"

_Static_assert(sizeof(float) == 4 && sizeof(int32_t) == 4, "blobs hold 4-byte values");

/* ------------------------------------------------------------------ lists */

static const struct {
    const char *list, *count;
} row_kinds[] = {
    {"SELECT id, row_number() OVER (ORDER BY id) - 1 FROM problem_set WHERE run = ? ORDER BY id",
     "SELECT count(*) FROM problem_set WHERE run = ?"},
    {"SELECT id, row_number() OVER (ORDER BY id) - 1 FROM tokenizer WHERE run = ? ORDER BY id",
     "SELECT count(*) FROM tokenizer WHERE run = ?"},
    {"SELECT id, row_number() OVER (ORDER BY id) - 1 FROM model WHERE run = ? ORDER BY id",
     "SELECT count(*) FROM model WHERE run = ?"},
    {"SELECT id, ordinal FROM tree WHERE run = ? ORDER BY ordinal",
     "SELECT count(*) FROM tree WHERE run = ?"},
    {"SELECT id, ordinal FROM thought WHERE run = ? ORDER BY ordinal",
     "SELECT count(*) FROM thought WHERE run = ?"},
    {"SELECT id, ordinal FROM output WHERE run = ? ORDER BY ordinal",
     "SELECT count(*) FROM output WHERE run = ?"}};

tj_code tj_store_list(tj_store *store, tj_row_ref **rows, size_t *n, tj_row_kind kind, int64_t run,
                      tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    size_t cap = 0;
    *rows = NULL;
    *n = 0;
    tj_code rc = tj_stmt_open(&st, store->db, row_kinds[kind].list, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        if (!tj_grow(rows, &cap, *n + 1, sizeof **rows)) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot list the rows of run %lld", (long long)run);
            break;
        }
        (*rows)[(*n)++] = (tj_row_ref){tj_stmt_get_int(st, 0), tj_stmt_get_size(st, 1)};
    }
    tj_stmt_close(st);
    if (rc != TJ_OK) {
        tj_free(*rows);
        *rows = NULL;
        *n = 0;
    }
    return rc;
}

tj_code tj_store_count(tj_store *store, size_t *n, tj_row_kind kind, int64_t run, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    *n = 0;
    tj_code rc = tj_stmt_open(&st, store->db, row_kinds[kind].count, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    rc = tj_stmt_step(st, &row, err);
    *n = rc == TJ_OK && row ? tj_stmt_get_size(st, 0) : 0;
    tj_stmt_close(st);
    return rc;
}

/* ------------------------------------------------------------------ trees */

static void bind_blob(tj_stmt *st, const void *bytes, size_t n)
{
    tj_stmt_blob(st, n == 0 ? "" : bytes, n);
}

static tj_code insert_tree(tj_store *store, const tj_origin *o, const tj_tree *t, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "INSERT INTO tree (run, ordinal, problem, model, tokenizer, seed,"
                              " stream, prompt_ids, first) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, o->run);
    tj_stmt_size(st, o->ordinal);
    tj_stmt_int(st, t->problem);
    tj_stmt_id(st, o->model);
    tj_stmt_id(st, o->tokenizer);
    tj_stmt_u64(st, t->seed);
    tj_stmt_u64(st, t->run);
    bind_blob(st, t->prompt_ids, t->n_prompt * sizeof *t->prompt_ids);
    bind_blob(st, t->first.bytes, sizeof t->first.bytes);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}

static tj_code insert_nodes(tj_store *store, int64_t id, const tj_tree *t, tj_err *err)
{
    tj_stmt *st;
    tj_code rc =
        tj_stmt_open(&st, store->db,
                     "INSERT INTO node VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                     " ?, ?)",
                     err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < t->n_nodes && rc == TJ_OK; i++) {
        const tj_node *n = &t->nodes[i];
        if (i == 0 ? n->parent != TJ_NO_NODE : n->parent >= i) {
            rc = tj_fail(err, TJ_E_INVAL, "the parent of node %zu does not stand before it", i);
            break;
        }
        tj_stmt_int(st, id);
        tj_stmt_size(st, i);
        if (i == 0) {
            tj_stmt_null(st);
        } else {
            tj_stmt_size(st, n->parent);
        }
        tj_stmt_size(st, n->depth);
        tj_stmt_size(st, n->order);
        bind_blob(st, n->ids, n->n_ids * sizeof *n->ids);
        bind_blob(st, n->logprobs, n->n_ids * sizeof *n->logprobs);
        tj_stmt_str(st, n->text == NULL ? "" : n->text);
        tj_stmt_str(st, n->key);
        bind_blob(st, n->state.bytes, sizeof n->state.bytes);
        tj_stmt_u64(st, n->draw);
        const bool flags[] = {n->valid, n->solvable, n->terminal, n->correct, n->pruned};
        for (size_t f = 0; f < 5; f++) {
            tj_stmt_int(st, flags[f] ? 1 : 0);
        }
        tj_stmt_size(st, n->n_duplicates);
        rc = tj_stmt_run(st, err);
    }
    tj_stmt_close(st);
    return rc;
}

static tj_code insert_rewards(tj_store *store, int64_t tree, int64_t run, const tj_reward *rewards,
                              size_t n, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "INSERT INTO reward VALUES (?1, ?2, ?3, (SELECT count(*) FROM reward"
                              " WHERE tree = ?1 AND run = ?3), ?4, ?5, ?6, ?7)",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        tj_stmt_int(st, tree);
        tj_stmt_size(st, rewards[i].node);
        tj_stmt_int(st, run);
        tj_stmt_str(st, rewards[i].rewarder);
        tj_stmt_int(st, (int64_t)rewards[i].meaning);
        tj_stmt_real(st, rewards[i].value);
        tj_stmt_str(st, rewards[i].reason);
        rc = tj_stmt_run(st, err);
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_store_add_tree(tj_store *store, int64_t *id, const tj_origin *origin,
                          const tj_tree *tree, tj_err *err)
{
    *id = 0;
    tj_code rc = tj_need_started(store, origin->run, err);
    if (rc == TJ_OK) {
        rc = tj_store_begin(store, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    rc = insert_tree(store, origin, tree, err);
    int64_t row = tj_db_last_id(store->db);
    if (rc == TJ_OK) {
        rc = insert_nodes(store, row, tree, err);
    }
    if (rc == TJ_OK) {
        rc = insert_rewards(store, row, origin->run, tree->rewards, tree->n_rewards, err);
    }
    if (rc == TJ_OK) {
        *id = row;
        return tj_store_commit(store, err);
    }
    tj_store_rollback(store);
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
    rc = insert_rewards(store, tree, run, rewards, n, err);
    if (rc == TJ_OK) {
        return tj_store_commit(store, err);
    }
    tj_store_rollback(store);
    return rc;
}

/* A copy of a blob column of 4-byte values: NULL where empty. */
static tj_code copy_blob(tj_stmt *st, int column, void **out, size_t *n, tj_err *err)
{
    size_t bytes;
    const void *from = tj_stmt_get_bytes(st, column, &bytes);
    *out = NULL;
    *n = bytes / 4;
    if (*n == 0) {
        return TJ_OK;
    }
    *out = tj_malloc(bytes);
    if (*out == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot read %zu bytes", bytes);
    }
    memcpy(*out, from, bytes);
    return TJ_OK;
}

static void copy_state(tj_stmt *st, int column, tj_task_state *state)
{
    size_t n;
    const void *from = tj_stmt_get_bytes(st, column, &n);
    if (n == sizeof state->bytes) {
        memcpy(state->bytes, from, n);
    }
}

static tj_code load_tree_row(tj_store *store, tj_tree *out, tj_origin *origin, int64_t id,
                             tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    void *ids = NULL;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT run, ordinal, problem, model, tokenizer, seed, stream,"
                              " prompt_ids, first FROM tree WHERE id = ?",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, id);
    rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK && !row) {
        rc = tj_fail(err, TJ_E_NOTFOUND, "there is no tree %lld", (long long)id);
    }
    if (rc == TJ_OK) {
        tj_origin o = {.run = tj_stmt_get_int(st, 0),
                       .ordinal = tj_stmt_get_size(st, 1),
                       .model = tj_stmt_get_int(st, 3),
                       .tokenizer = tj_stmt_get_int(st, 4)};
        out->problem = tj_stmt_get_int(st, 2);
        out->seed = tj_stmt_get_u64(st, 5);
        out->run = tj_stmt_get_u64(st, 6);
        copy_state(st, 8, &out->first);
        rc = copy_blob(st, 7, &ids, &out->n_prompt, err);
        out->prompt_ids = ids;
        if (origin != NULL) {
            *origin = o;
        }
    }
    tj_stmt_close(st);
    return rc;
}

static tj_code load_node(tj_stmt *st, tj_tree *out, tj_err *err)
{
    size_t i;
    size_t n_ids;
    size_t n_logprobs;
    size_t n_text;
    void *ids = NULL;
    void *logprobs = NULL;
    size_t parent = tj_stmt_type(st, 0) == TJ_COLUMN_NULL ? TJ_NO_NODE : tj_stmt_get_size(st, 0);
    const char *text = tj_stmt_get_bytes(st, 4, &n_text);
    tj_code rc = copy_blob(st, 2, &ids, &n_ids, err);
    if (rc == TJ_OK) {
        rc = copy_blob(st, 3, &logprobs, &n_logprobs, err);
    }
    if (rc == TJ_OK) {
        rc = tj_tree_add_node(out, &i, parent, text == NULL ? "" : text, ids, logprobs, n_ids, err);
    }
    tj_free(ids);
    tj_free(logprobs);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_node *n = &out->nodes[i];
    n->order = tj_stmt_get_size(st, 1);
    tj_stmt_get_name(st, 5, n->key, sizeof n->key);
    copy_state(st, 6, &n->state);
    n->draw = tj_stmt_get_u64(st, 7);
    n->valid = tj_stmt_get_bool(st, 8);
    n->solvable = tj_stmt_get_bool(st, 9);
    n->terminal = tj_stmt_get_bool(st, 10);
    n->correct = tj_stmt_get_bool(st, 11);
    n->pruned = tj_stmt_get_bool(st, 12);
    n->n_duplicates = tj_stmt_get_size(st, 13);
    return TJ_OK;
}

static tj_code load_nodes(tj_store *store, tj_tree *out, int64_t id, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc =
        tj_stmt_open(&st, store->db,
                     "SELECT parent, sampled, ids, logprobs, text, key, state, draw, valid,"
                     " solvable, terminal, correct, pruned, n_duplicates FROM node"
                     " WHERE tree = ? ORDER BY ordinal",
                     err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, id);
    rc = tj_stmt_step(st, &row, err);
    while (rc == TJ_OK && row) {
        rc = load_node(st, out, err);
        if (rc == TJ_OK) {
            rc = tj_stmt_step(st, &row, err);
        }
    }
    tj_stmt_close(st);
    return rc;
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

tj_code tj_store_load_rewards(tj_store *store, tj_reward **rewards, size_t *n, int64_t tree,
                              int64_t run, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    size_t cap = 0;
    *rewards = NULL;
    *n = 0;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT node, rewarder, meaning, value, reason FROM reward"
                              " WHERE tree = ?1 AND (?2 IS NULL OR run = ?2) ORDER BY run, ordinal",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, tree);
    tj_stmt_id(st, run);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        char name[TJ_STORE_MAX_NAME + 1];
        tj_stmt_get_name(st, 1, name, sizeof name);
        const char *lent = lend_name(store, name);
        if (lent == NULL || !tj_grow(rewards, &cap, *n + 1, sizeof **rewards)) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot hold the rewards of a tree");
            break;
        }
        tj_reward *r = &(*rewards)[(*n)++];
        *r = (tj_reward){.node = tj_stmt_get_size(st, 0),
                         .rewarder = lent,
                         .meaning = (tj_meaning)tj_stmt_get_int(st, 2),
                         .value = tj_stmt_get_real(st, 3)};
        tj_stmt_get_name(st, 4, r->reason, sizeof r->reason);
    }
    tj_stmt_close(st);
    if (rc != TJ_OK) {
        tj_free(*rewards);
        *rewards = NULL;
        *n = 0;
    }
    return rc;
}

tj_code tj_store_load_tree(tj_store *store, tj_tree *out, tj_origin *origin, int64_t id,
                           tj_err *err)
{
    tj_origin o = {0};
    memset(out, 0, sizeof *out);
    tj_code rc = load_tree_row(store, out, &o, id, err);
    if (rc == TJ_OK) {
        rc = load_nodes(store, out, id, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_load_rewards(store, &out->rewards, &out->n_rewards, id, o.run, err);
        out->cap_rewards = out->n_rewards;
    }
    if (rc != TJ_OK) {
        tj_tree_deinit(out);
        return rc;
    }
    if (origin != NULL) {
        *origin = o;
    }
    return TJ_OK;
}

/* ------------------------------------------------------------------ thoughts */

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
    bind_blob(st, t->ids, t->n_ids * sizeof *t->ids);
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
                               : copy_blob(st, 7, &ids, &out->n_ids, err);
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

/* ------------------------------------------------------------------ outputs */

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
    bind_blob(st, o->text, o->n_text);
    bind_blob(st, o->ids, o->n_ids * sizeof *o->ids);
    if (o->logprobs == NULL) {
        tj_stmt_null(st);
    } else {
        bind_blob(st, o->logprobs, o->n_ids * sizeof *o->logprobs);
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
