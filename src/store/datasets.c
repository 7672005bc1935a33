/* Imported data sets: files, the records that were taken and those that were not, solutions and
 * their steps. */
#include <string.h>

#include "base/alloc.h"
#include "store/inner.h"

/* ------------------------------------------------------------------ files */

tj_code tj_store_add_data_file(tj_store *store, int64_t *id, const tj_data_file *f, tj_err *err)
{
    tj_stmt *st;
    *id = 0;
    tj_code rc = tj_need_started(store, f->run, err);
    if (rc == TJ_OK) {
        rc = tj_stmt_open(&st, store->db,
                          "INSERT INTO data_file (run, ordinal, set_id, path, format, split,"
                          " source, licence, framing, compression, digest, content_bytes,"
                          " content_digest, n_records, n_refused)"
                          " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '', 0, 0)",
                          err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, f->run);
    tj_stmt_size(st, f->ordinal);
    tj_stmt_int(st, f->set);
    tj_stmt_str(st, f->path);
    tj_stmt_str(st, f->format);
    tj_stmt_int(st, (int64_t)f->split);
    tj_stmt_str(st, f->source);
    tj_stmt_str(st, f->licence);
    tj_stmt_str(st, f->framing);
    tj_stmt_str(st, f->compression);
    tj_stmt_str(st, f->digest);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    *id = rc == TJ_OK ? tj_db_last_id(store->db) : 0;
    return rc;
}

tj_code tj_store_end_data_file(tj_store *store, int64_t id, const tj_data_file *f, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "UPDATE data_file SET content_bytes = ?, content_digest = ?,"
                              " n_records = ?, n_refused = ? WHERE id = ?",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_u64(st, f->content_bytes);
    tj_stmt_str(st, f->content_digest);
    tj_stmt_size(st, f->n_records);
    tj_stmt_size(st, f->n_refused);
    tj_stmt_int(st, id);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}

static tj_code give_file(tj_stmt *st, tj_data_file_fn fn, void *ctx, tj_err *err)
{
    tj_data_file f = {.id = tj_stmt_get_int(st, 0),
                      .run = tj_stmt_get_int(st, 1),
                      .ordinal = tj_stmt_get_size(st, 2),
                      .set = tj_stmt_get_int(st, 3),
                      .split = (tj_split)tj_stmt_get_int(st, 6),
                      .content_bytes = tj_stmt_get_u64(st, 12),
                      .n_records = tj_stmt_get_size(st, 14),
                      .n_refused = tj_stmt_get_size(st, 15)};
    void *owned = NULL;
    const tj_copy copies[] = {{4, &f.path, NULL},    {5, &f.format, NULL},
                              {7, &f.source, NULL},  {8, &f.licence, NULL},
                              {9, &f.framing, NULL}, {10, &f.compression, NULL},
                              {11, &f.digest, NULL}, {13, &f.content_digest, NULL}};
    tj_code rc = tj_stmt_copy(st, &owned, copies, sizeof copies / sizeof copies[0], err);
    if (rc == TJ_OK) {
        rc = fn(ctx, &f, err);
    }
    tj_free(owned);
    return rc;
}

#define FILES                                                                                      \
    "SELECT id, run, ordinal, set_id, path, format, split, source, licence, framing, compression," \
    " digest, content_bytes, content_digest, n_records, n_refused FROM data_file WHERE "

static tj_code each_file(tj_store *store, const char *sql, int64_t id, tj_data_file_fn fn,
                         void *ctx, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(&st, store->db, sql, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_id(st, id);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        rc = give_file(st, fn, ctx, err);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_store_data_file_each(tj_store *store, int64_t set, tj_data_file_fn fn, void *ctx,
                                tj_err *err)
{
    return each_file(store, FILES "(?1 IS NULL OR set_id = ?1) ORDER BY id", set, fn, ctx, err);
}

tj_code tj_store_data_file_of(tj_store *store, int64_t problem, tj_data_file_fn fn, void *ctx,
                              tj_err *err)
{
    return each_file(store, FILES "id IN (SELECT file FROM record WHERE problem = ?1) ORDER BY id",
                     problem, fn, ctx, err);
}

/* ------------------------------------------------------------------ records */

/* None is NULL; an empty text is not. */
static void bind_text(tj_stmt *st, tj_str text)
{
    if (text.s == NULL) {
        tj_stmt_null(st);
    } else {
        tj_stmt_text(st, text.s, text.n);
    }
}

static tj_code insert_steps(tj_store *store, int64_t solution, const tj_data_step *steps, size_t n,
                            tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db, "INSERT INTO solution_step VALUES (?, ?, ?, ?)", err);
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        tj_stmt_int(st, solution);
        tj_stmt_size(st, i);
        tj_stmt_text(st, steps[i].text.s, steps[i].text.n);
        if (steps[i].label == TJ_NO_LABEL) {
            tj_stmt_null(st);
        } else {
            tj_stmt_int(st, steps[i].label);
        }
        rc = tj_stmt_run(st, err);
    }
    tj_stmt_close(st);
    return rc;
}

static tj_code insert_solution(tj_store *store, int64_t file, const tj_data_record *record,
                               size_t ordinal, tj_err *err)
{
    tj_stmt *st;
    const tj_data_solution *s = &record->solutions[ordinal];
    tj_code rc = tj_stmt_open(&st, store->db,
                              "INSERT INTO solution (file, number, ordinal, role, author, text,"
                              " answer, correct, labeller, n_steps)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    bool labelled = false;
    for (size_t i = 0; i < s->n_steps; i++) {
        labelled = labelled || s->steps[i].label != TJ_NO_LABEL;
    }
    tj_stmt_int(st, file);
    tj_stmt_size(st, record->number);
    tj_stmt_size(st, ordinal);
    tj_stmt_int(st, (int64_t)s->role);
    bind_text(st, s->author);
    bind_text(st, s->text);
    bind_text(st, s->answer);
    tj_stmt_int(st, s->correct);
    tj_stmt_str(st, labelled ? record->labeller : NULL);
    tj_stmt_size(st, s->n_steps);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc == TJ_OK ? insert_steps(store, tj_db_last_id(store->db), s->steps, s->n_steps, err)
                       : rc;
}

static tj_code insert_record(tj_store *store, int64_t file, const tj_data_record *record,
                             int64_t problem, int64_t tree, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db, "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, file);
    tj_stmt_size(st, record->number);
    tj_stmt_size(st, record->line);
    tj_stmt_int(st, problem);
    tj_stmt_id(st, tree);
    bind_text(st, record->meta);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}

tj_code tj_store_add_record(tj_store *store, int64_t file, const tj_data_record *record,
                            int64_t problem, int64_t tree, tj_err *err)
{
    tj_code rc = tj_store_begin(store, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = insert_record(store, file, record, problem, tree, err);
    for (size_t i = 0; i < record->n_solutions && rc == TJ_OK; i++) {
        rc = insert_solution(store, file, record, i, err);
    }
    if (rc == TJ_OK) {
        return tj_store_commit(store, err);
    }
    tj_store_rollback(store);
    return rc;
}

tj_code tj_store_add_refusal(tj_store *store, int64_t file, const tj_refusal *refusal, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db, "INSERT INTO refusal VALUES (?, ?, ?, ?, ?)", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, file);
    tj_stmt_size(st, refusal->number);
    tj_stmt_size(st, refusal->line);
    tj_stmt_str(st, refusal->field);
    tj_stmt_str(st, refusal->reason);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}

tj_code tj_store_add_node_meta(tj_store *store, int64_t tree, size_t node, tj_str json, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db, "INSERT INTO node_meta VALUES (?, ?, ?)", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, tree);
    tj_stmt_size(st, node);
    tj_stmt_text(st, json.s, json.n);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}

/* ------------------------------------------------------------------ reading */

typedef struct steps {
    tj_data_step *all; /* [n] */
    size_t n, cap;
    tj_buf text; /* of all, a zero behind each */
} steps;

static tj_code load_steps(tj_store *store, steps *s, int64_t solution, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    s->n = 0;
    tj_buf_clear(&s->text);
    tj_code rc = tj_stmt_open(
        &st, store->db, "SELECT text, label FROM solution_step WHERE solution = ? ORDER BY ordinal",
        err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, solution);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        size_t n;
        if (!tj_grow(&s->all, &s->cap, s->n + 1, sizeof *s->all)) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot hold the steps of a solution");
            break;
        }
        const char *text = tj_stmt_get_bytes(st, 0, &n);
        bool none = tj_stmt_type(st, 1) == TJ_COLUMN_NULL;
        tj_buf_add(&s->text, text, n);
        tj_buf_char(&s->text, '\0');
        s->all[s->n++] =
            (tj_data_step){{NULL, n}, none ? TJ_NO_LABEL : (int)tj_stmt_get_int(st, 1)};
    }
    tj_stmt_close(st);
    if (rc == TJ_OK) {
        rc = tj_buf_check(&s->text, err);
    }
    const char *at = tj_buf_text(&s->text);
    for (size_t i = 0; i < s->n; i++) { /* the text does not move any more */
        s->all[i].text.s = at;
        at += s->all[i].text.n + 1;
    }
    return rc;
}

static tj_code give_solution(tj_store *store, tj_stmt *st, steps *s, tj_solution_fn fn, void *ctx,
                             tj_err *err)
{
    tj_solution_row row = {.id = tj_stmt_get_int(st, 0),
                           .problem = tj_stmt_get_int(st, 1),
                           .file = tj_stmt_get_int(st, 2),
                           .number = tj_stmt_get_size(st, 3)};
    tj_data_solution *c = &row.content;
    void *owned = NULL;
    const tj_copy copies[] = {{5, &c->author.s, &c->author.n},
                              {6, &c->text.s, &c->text.n},
                              {7, &c->answer.s, &c->answer.n},
                              {9, &row.labeller.s, &row.labeller.n}};
    c->role = (tj_data_role)tj_stmt_get_int(st, 4);
    c->correct = (int)tj_stmt_get_int(st, 8);
    tj_code rc = tj_stmt_copy(st, &owned, copies, sizeof copies / sizeof copies[0], err);
    if (rc == TJ_OK) {
        rc = load_steps(store, s, row.id, err);
    }
    c->steps = s->all;
    c->n_steps = s->n;
    if (rc == TJ_OK) {
        rc = fn(ctx, &row, err);
    }
    tj_free(owned);
    return rc;
}

tj_code tj_store_solution_each(tj_store *store, int64_t set, tj_solution_fn fn, void *ctx,
                               tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    steps s = {0};
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT s.id, r.problem, s.file, s.number, s.role, s.author, s.text,"
                              " s.answer, s.correct, s.labeller FROM data_file f"
                              " CROSS JOIN solution s ON s.file = f.id"
                              " CROSS JOIN record r ON r.file = s.file AND r.number = s.number"
                              " WHERE f.set_id = ? ORDER BY f.id, s.number, s.ordinal",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_buf_init(&s.text);
    tj_stmt_int(st, set);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        rc = give_solution(store, st, &s, fn, ctx, err);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    tj_buf_deinit(&s.text);
    tj_free(s.all);
    return rc;
}
