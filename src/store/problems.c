/* Problem sets and tokenizers. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "store/inner.h"

static tj_code insert_set(tj_store *store, int64_t run, const char *name, const char *task,
                          const json_t *config, const char *digest, tj_err *err)
{
    tj_stmt *st;
    char *text = tj_json_canonical(config);
    if (text == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot add a problem set");
    }
    tj_code rc = tj_stmt_open(&st, store->db,
                              "INSERT INTO problem_set (run, name, task, config, digest)"
                              " VALUES (?, ?, ?, ?, ?)",
                              err);
    if (rc == TJ_OK) {
        tj_stmt_int(st, run);
        tj_stmt_str(st, name);
        tj_stmt_str(st, task);
        tj_stmt_str(st, text);
        tj_stmt_str(st, digest);
        rc = tj_stmt_run(st, err);
        tj_stmt_close(st);
    }
    tj_free(text);
    return rc;
}

static tj_code insert_problems(tj_store *store, int64_t set, const tj_problem *problems, size_t n,
                               tj_err *err)
{
    tj_stmt *st;
    size_t next[3] = {0, 0, 0};
    tj_code rc = tj_stmt_open(&st, store->db,
                              "INSERT INTO problem (set_id, split, ordinal, json, digest,"
                              " difficulty) VALUES (?, ?, ?, ?, ?, ?)",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        const tj_problem *p = &problems[i];
        char digest[TJ_SHA256_HEX];
        tj_sha256_hex(digest, p->json, p->n_json);
        tj_stmt_int(st, set);
        tj_stmt_int(st, (int64_t)p->split);
        tj_stmt_size(st, next[p->split]++);
        tj_stmt_text(st, p->json, p->n_json);
        tj_stmt_str(st, digest);
        tj_stmt_size(st, p->difficulty);
        rc = tj_stmt_run(st, err);
        if (rc == TJ_E_CONFLICT) {
            tj_err_context(err, "problem %zu stands in the set twice", i);
        }
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_store_add_problem_set(tj_store *store, int64_t *set, int64_t run, const char *name,
                                 const char *task, const json_t *config, const tj_problem *problems,
                                 size_t n, tj_err *err)
{
    tj_buf all;
    char digest[TJ_SHA256_HEX];
    *set = 0;
    tj_code rc = tj_need_started(store, run, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_buf_init(&all);
    for (size_t i = 0; i < n; i++) {
        tj_buf_printf(&all, "%d\n", (int)problems[i].split);
        tj_buf_add(&all, problems[i].json, problems[i].n_json);
        tj_buf_char(&all, '\n');
    }
    tj_sha256_hex(digest, tj_buf_text(&all), all.len);
    rc = tj_buf_check(&all, err);
    tj_buf_deinit(&all);
    if (rc == TJ_OK) {
        rc = tj_store_begin(store, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    rc = insert_set(store, run, name, task, config, digest, err);
    int64_t id = tj_db_last_id(store->db);
    if (rc == TJ_OK) {
        rc = insert_problems(store, id, problems, n, err);
    }
    if (rc == TJ_OK) {
        *set = id;
        return tj_store_commit(store, err);
    }
    tj_store_rollback(store);
    return rc;
}

/* ------------------------------------------------------------------ piece by piece */

tj_code tj_store_begin_set(tj_store *store, int64_t *set, int64_t run, const char *name,
                           const char *task, const json_t *config, tj_err *err)
{
    *set = 0;
    tj_code rc = tj_need_started(store, run, err);
    if (rc == TJ_OK) {
        rc = insert_set(store, run, name, task, config, "", err);
    }
    *set = rc == TJ_OK ? tj_db_last_id(store->db) : 0;
    return rc;
}

/* The problem of a set with a digest; *problem 0 if there is none. */
static tj_code find_by_digest(tj_store *store, int64_t *problem, tj_split *split, int64_t set,
                              const char *digest, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    *problem = 0;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT id, split FROM problem WHERE set_id = ? AND digest = ?", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, set);
    tj_stmt_str(st, digest);
    rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK && row) {
        *problem = tj_stmt_get_int(st, 0);
        *split = (tj_split)tj_stmt_get_int(st, 1);
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_store_put_problem(tj_store *store, int64_t *problem, bool *is_new, int64_t set,
                             const tj_problem *p, tj_err *err)
{
    static const char *const names[] = {"train", "valid", "test"};
    tj_stmt *st;
    tj_split split = p->split;
    char digest[TJ_SHA256_HEX];
    tj_sha256_hex(digest, p->json, p->n_json);
    tj_code rc = find_by_digest(store, problem, &split, set, digest, err);
    *is_new = rc == TJ_OK && *problem == 0;
    if (rc == TJ_OK && split != p->split) {
        *problem = 0;
        return tj_fail(err, TJ_E_CONFLICT, "the same problem stands in the split %s of the set",
                       names[split]);
    }
    if (!*is_new) {
        return rc;
    }
    rc = tj_stmt_open(&st, store->db,
                      "INSERT INTO problem (set_id, split, ordinal, json, digest, difficulty)"
                      " VALUES (?1, ?2, (SELECT coalesce(max(ordinal) + 1, 0) FROM problem"
                      " WHERE set_id = ?1 AND split = ?2), ?3, ?4, ?5)",
                      err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, set);
    tj_stmt_int(st, (int64_t)p->split);
    tj_stmt_text(st, p->json, p->n_json);
    tj_stmt_str(st, digest);
    tj_stmt_size(st, p->difficulty);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    *problem = rc == TJ_OK ? tj_db_last_id(store->db) : 0;
    return rc;
}

/* The digest that tj_store_add_problem_set computes, of what is there. */
static tj_code digest_of_set(tj_store *store, char digest[TJ_SHA256_HEX], int64_t set, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_sha256 hash;
    tj_sha256_begin(&hash);
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT split, json FROM problem WHERE set_id = ? ORDER BY id", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, set);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        char line[8];
        size_t n;
        int n_line = snprintf(line, sizeof line, "%d\n", (int)tj_stmt_get_int(st, 0));
        const void *json = tj_stmt_get_bytes(st, 1, &n);
        tj_sha256_add(&hash, line, (size_t)n_line);
        tj_sha256_add(&hash, json, n);
        tj_sha256_add(&hash, "\n", 1);
    }
    tj_stmt_close(st);
    tj_sha256_end(&hash, digest);
    return rc;
}

tj_code tj_store_seal_set(tj_store *store, int64_t set, tj_err *err)
{
    tj_stmt *st;
    char digest[TJ_SHA256_HEX];
    tj_code rc = tj_need_write(store, err);
    if (rc == TJ_OK) {
        rc = digest_of_set(store, digest, set, err);
    }
    if (rc == TJ_OK) {
        rc = tj_stmt_open(&st, store->db,
                          "UPDATE problem_set SET digest = ? WHERE id = ? AND digest = ''", err);
    }
    if (rc == TJ_OK) {
        tj_stmt_str(st, digest);
        tj_stmt_int(st, set);
        rc = tj_stmt_run(st, err);
        tj_stmt_close(st);
    }
    return rc;
}

/* Reads the row at hand. */
static tj_code read_set_row(tj_store *store, tj_problem_set *out, tj_stmt *st, tj_err *err)
{
    bool row = false;
    memset(out, 0, sizeof *out);
    const tj_copy copies[] = {{2, &out->name, NULL},
                              {3, &out->task, NULL},
                              {4, &out->config, NULL},
                              {5, &out->digest, NULL}};
    tj_code rc = tj_stmt_copy(st, &out->owned, copies, 4, err);
    out->id = tj_stmt_get_int(st, 0);
    out->run = tj_stmt_get_int(st, 1);
    for (int split = 0; split < 3 && rc == TJ_OK; split++) {
        tj_stmt *count;
        rc = tj_stmt_open(&count, store->db,
                          "SELECT count(*) FROM problem WHERE set_id = ? AND split = ?", err);
        if (rc == TJ_OK) {
            tj_stmt_int(count, out->id);
            tj_stmt_int(count, split);
            rc = tj_stmt_step(count, &row, err);
            out->n_problems[split] = tj_stmt_get_size(count, 0);
            tj_stmt_close(count);
        }
    }
    return rc;
}

static tj_code read_set(tj_store *store, tj_problem_set *out, tj_stmt *st, tj_err *err)
{
    bool row = false;
    tj_code rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK && !row) {
        rc = tj_fail(err, TJ_E_NOTFOUND, "there is no such problem set");
    }
    return rc == TJ_OK ? read_set_row(store, out, st, err) : rc;
}

tj_code tj_store_problem_set_each(tj_store *store, tj_problem_set_fn fn, void *ctx, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(
        &st, store->db, "SELECT id, run, name, task, config, digest FROM problem_set ORDER BY id",
        err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        tj_problem_set set;
        rc = read_set_row(store, &set, st, err);
        if (rc == TJ_OK) {
            rc = fn(ctx, &set, err);
        }
        tj_problem_set_deinit(&set);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_store_get_problem_set(tj_store *store, tj_problem_set *out, int64_t set, tj_err *err)
{
    tj_stmt *st;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_stmt_open(
        &st, store->db, "SELECT id, run, name, task, config, digest FROM problem_set WHERE id = ?",
        err);
    if (rc == TJ_OK) {
        tj_stmt_int(st, set);
        rc = read_set(store, out, st, err);
        tj_stmt_close(st);
    }
    return rc;
}

tj_code tj_store_find_problem_set(tj_store *store, tj_problem_set *out, const char *name,
                                  tj_err *err)
{
    tj_stmt *st;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT id, run, name, task, config, digest FROM problem_set"
                              " WHERE name = ? AND digest <> '' ORDER BY id DESC LIMIT 1",
                              err);
    if (rc == TJ_OK) {
        tj_stmt_str(st, name);
        rc = read_set(store, out, st, err);
        tj_stmt_close(st);
    }
    return rc;
}

void tj_problem_set_deinit(tj_problem_set *set)
{
    tj_free(set->owned);
    memset(set, 0, sizeof *set);
}

/* ------------------------------------------------------------------ loading */

typedef struct loader {
    tj_problems *out;
    size_t cap, cap_text;
    tj_buf text; /* all JSON, one after the other */
} loader;

static tj_code load_rows(tj_stmt *st, tj_problems *out, tj_err *err)
{
    loader l = {.out = out};
    bool row = false;
    tj_code rc;
    tj_buf_init(&l.text);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        size_t n;
        if (!tj_grow(&out->rows, &l.cap, out->n + 1, sizeof *out->rows)) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot hold %zu problems", out->n + 1);
            break;
        }
        tj_problem *p = &out->rows[out->n++];
        memset(p, 0, sizeof *p);
        p->id = tj_stmt_get_int(st, 0);
        p->set = tj_stmt_get_int(st, 1);
        p->split = (tj_split)tj_stmt_get_int(st, 2);
        p->ordinal = tj_stmt_get_size(st, 3);
        const char *json = tj_stmt_get_bytes(st, 4, &n);
        p->n_json = n;
        tj_buf_add(&l.text, json, n);
        tj_buf_char(&l.text, '\0');
        tj_stmt_get_name(st, 5, p->digest, sizeof p->digest);
        p->difficulty = tj_stmt_get_size(st, 6);
    }
    if (rc == TJ_OK) {
        rc = tj_buf_check(&l.text, err);
    }
    char *text = tj_buf_take(&l.text);
    out->owned = text;
    const char *at = text;
    for (size_t i = 0; i < out->n && rc == TJ_OK; i++) {
        out->rows[i].json = at;
        at += out->rows[i].n_json + 1;
    }
    if (rc != TJ_OK) {
        tj_problems_deinit(out);
    }
    return rc;
}

tj_code tj_store_load_problems(tj_store *store, tj_problems *out, int64_t set, tj_split split,
                               size_t offset, size_t n, tj_err *err)
{
    tj_stmt *st;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT id, set_id, split, ordinal, json, digest, difficulty"
                              " FROM problem WHERE set_id = ? AND split = ? AND ordinal >= ?"
                              " ORDER BY ordinal LIMIT ?",
                              err);
    if (rc == TJ_OK) {
        tj_stmt_int(st, set);
        tj_stmt_int(st, (int64_t)split);
        tj_stmt_size(st, offset);
        tj_stmt_int(st, n > (size_t)INT32_MAX ? -1 : (int64_t)n);
        rc = load_rows(st, out, err);
        tj_stmt_close(st);
    }
    return rc;
}

tj_code tj_store_load_problem(tj_store *store, tj_problems *out, int64_t problem, tj_err *err)
{
    tj_stmt *st;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT id, set_id, split, ordinal, json, digest, difficulty"
                              " FROM problem WHERE id = ?",
                              err);
    if (rc == TJ_OK) {
        tj_stmt_int(st, problem);
        rc = load_rows(st, out, err);
        tj_stmt_close(st);
    }
    if (rc == TJ_OK && out->n == 0) {
        tj_problems_deinit(out);
        rc = tj_fail(err, TJ_E_NOTFOUND, "there is no problem %lld", (long long)problem);
    }
    return rc;
}

void tj_problems_deinit(tj_problems *problems)
{
    tj_free(problems->rows);
    tj_free(problems->owned);
    memset(problems, 0, sizeof *problems);
}

/* ------------------------------------------------------------------ tokenizers */

static tj_code read_tokenizer(tj_tokenizer_row *out, tj_stmt *st, tj_err *err)
{
    bool row = false;
    tj_code rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK && !row) {
        rc = tj_fail(err, TJ_E_NOTFOUND, "there is no such tokenizer");
    }
    if (rc == TJ_OK) {
        const tj_copy copies[] = {
            {2, &out->hash, NULL}, {3, &out->name, NULL}, {4, &out->json, &out->n_json}};
        rc = tj_stmt_copy(st, &out->owned, copies, 3, err);
        out->id = tj_stmt_get_int(st, 0);
        out->run = tj_stmt_get_int(st, 1);
    }
    return rc;
}

tj_code tj_store_get_tokenizer(tj_store *store, tj_tokenizer_row *out, int64_t tokenizer,
                               tj_err *err)
{
    tj_stmt *st;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT id, run, hash, name, json FROM tokenizer WHERE id = ?", err);
    if (rc == TJ_OK) {
        tj_stmt_int(st, tokenizer);
        rc = read_tokenizer(out, st, err);
        tj_stmt_close(st);
    }
    return rc;
}

tj_code tj_store_find_tokenizer(tj_store *store, tj_tokenizer_row *out, const char *hash,
                                tj_err *err)
{
    tj_stmt *st;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_stmt_open(
        &st, store->db, "SELECT id, run, hash, name, json FROM tokenizer WHERE hash = ?", err);
    if (rc == TJ_OK) {
        tj_stmt_str(st, hash);
        rc = read_tokenizer(out, st, err);
        tj_stmt_close(st);
    }
    return rc;
}

void tj_tokenizer_row_deinit(tj_tokenizer_row *row)
{
    tj_free(row->owned);
    memset(row, 0, sizeof *row);
}

tj_code tj_store_add_tokenizer(tj_store *store, int64_t *tokenizer, int64_t run, const char *name,
                               const char *hash, const char *json, size_t n_json, tj_err *err)
{
    tj_tokenizer_row there;
    tj_stmt *st;
    tj_code rc = tj_store_find_tokenizer(store, &there, hash, NULL);
    *tokenizer = there.id;
    tj_tokenizer_row_deinit(&there);
    if (rc == TJ_OK) {
        return rc;
    }
    rc = tj_need_started(store, run, err);
    if (rc == TJ_OK) {
        rc = tj_stmt_open(&st, store->db,
                          "INSERT INTO tokenizer (run, name, hash, json) VALUES (?, ?, ?, ?)", err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, run);
    tj_stmt_str(st, name);
    tj_stmt_str(st, hash);
    tj_stmt_text(st, json, n_json);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    *tokenizer = rc == TJ_OK ? tj_db_last_id(store->db) : 0;
    return rc;
}
