/* Trees with their nodes and rewards. Arrays of ids and log-probabilities are blobs (blobs.c). */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "store/inner.h"

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
    tj_bind_values(st, t->prompt_ids, t->n_prompt * sizeof *t->prompt_ids);
    tj_bind_values(st, t->first.bytes, sizeof t->first.bytes);
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
        tj_bind_values(st, n->ids, n->n_ids * sizeof *n->ids);
        tj_bind_values(st, n->logprobs, n->n_ids * sizeof *n->logprobs);
        tj_stmt_str(st, n->text == NULL ? "" : n->text);
        tj_stmt_str(st, n->key);
        tj_bind_values(st, n->state.bytes, sizeof n->state.bytes);
        tj_stmt_u64(st, n->draw);
        tj_stmt_int(st, (int64_t)n->valid); /* labels: 0 no, 1 yes, 2 unknown */
        tj_stmt_int(st, (int64_t)n->solvable);
        tj_stmt_int(st, n->terminal ? 1 : 0);
        tj_stmt_int(st, n->correct ? 1 : 0);
        tj_stmt_int(st, (int64_t)n->pruned);
        tj_stmt_size(st, n->n_duplicates);
        rc = tj_stmt_run(st, err);
    }
    tj_stmt_close(st);
    return rc;
}

/* What lists of trees filter by. */
static tj_code insert_summary(tj_store *store, int64_t id, int64_t run, const tj_tree *t,
                              tj_err *err)
{
    size_t depth = 0;
    size_t n_leaves = 0;
    size_t n_correct = 0;
    size_t n_tokens = 0;
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "INSERT INTO tree_summary SELECT ?1, ?2, set_id, id, ?4, ?5, ?6, ?7,"
                              " ?8 FROM problem WHERE id = ?3",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < t->n_nodes; i++) {
        const tj_node *n = &t->nodes[i];
        depth = n->depth > depth ? n->depth : depth;
        n_leaves += n->terminal ? 1 : 0;
        n_correct += n->correct ? 1 : 0;
        n_tokens += n->n_ids;
    }
    tj_stmt_int(st, id);
    tj_stmt_int(st, run);
    tj_stmt_int(st, t->problem);
    tj_stmt_size(st, t->n_nodes);
    tj_stmt_size(st, depth);
    tj_stmt_size(st, n_leaves);
    tj_stmt_size(st, n_correct);
    tj_stmt_size(st, n_tokens);
    rc = tj_stmt_run(st, err);
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
        rc = insert_summary(store, row, origin->run, tree, err);
    }
    if (rc == TJ_OK) {
        rc = tj_rewards_insert(store, row, origin->run, 0, tree->rewards, tree->n_rewards, err);
    }
    if (rc == TJ_OK) {
        *id = row;
        return tj_store_commit(store, err);
    }
    tj_store_rollback(store);
    return rc;
}

static void copy_state(tj_stmt *st, int column, tj_task_state *state)
{
    size_t n;
    const void *from = tj_stmt_get_bytes(st, column, &n);
    if (n == sizeof state->bytes) {
        memcpy(state->bytes, from, n);
    }
}

/* A problem in words is kept with its set, once for all its trees. */
static tj_code load_words(tj_store *store, tj_tree *out, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT p.json ->> '$.problem', p.json ->> '$.answer' FROM problem p"
                              " JOIN problem_set s ON s.id = p.set_id WHERE p.id = ? AND s.task ="
                              " '" TJ_WORDS_TASK "'",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, out->problem);
    rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK && row && tj_stmt_type(st, 0) != TJ_COLUMN_NULL) {
        size_t n_question;
        size_t n_answer = 0;
        const char *question = tj_stmt_get_bytes(st, 0, &n_question);
        const char *answer =
            tj_stmt_type(st, 1) == TJ_COLUMN_NULL ? NULL : tj_stmt_get_bytes(st, 1, &n_answer);
        rc = tj_tree_set_question(out, question, n_question, answer, n_answer, err);
    }
    tj_stmt_close(st);
    return rc;
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
        rc = tj_copy_values(st, 7, &ids, &out->n_prompt, err);
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
    tj_code rc = tj_copy_values(st, 2, &ids, &n_ids, err);
    if (rc == TJ_OK) {
        rc = tj_copy_values(st, 3, &logprobs, &n_logprobs, err);
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
    n->valid = (tj_label)tj_stmt_get_int(st, 8);
    n->solvable = (tj_label)tj_stmt_get_int(st, 9);
    n->terminal = tj_stmt_get_bool(st, 10);
    n->correct = tj_stmt_get_bool(st, 11);
    n->pruned = (tj_pruned)tj_stmt_get_int(st, 12);
    n->n_duplicates = tj_stmt_get_size(st, 13);
    if (n->valid > TJ_LABEL_UNKNOWN || n->solvable > TJ_LABEL_UNKNOWN ||
        n->pruned > TJ_PRUNED_ENDLESS) {
        return tj_fail(err, TJ_E_PARSE, "node %zu has labels that this build does not know", i);
    }
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

tj_code tj_store_load_tree(tj_store *store, tj_tree *out, tj_origin *origin, int64_t id,
                           tj_err *err)
{
    tj_origin o = {0};
    memset(out, 0, sizeof *out);
    tj_code rc = load_tree_row(store, out, &o, id, err);
    if (rc == TJ_OK) {
        rc = load_words(store, out, err);
    }
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
