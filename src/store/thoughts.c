/* Long thoughts and shortcuts with their spans, and what a record knows beside them. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "store/inner.h"

/* ------------------------------------------------------------------ beside the thought */

/* The record's texts as canonical JSON (tj_free); NULL where there are none. */
static tj_code meta_text(char **out, const tj_record *r, tj_err *err)
{
    json_t *json = json_object();
    int bad = json == NULL;
    *out = NULL;
    for (size_t i = 0; i < TJ_N_META; i++) {
        if (r->meta[i] != NULL) {
            bad |= json_object_set_new(json, tj_meta_names[i], json_string(r->meta[i]));
        }
    }
    if (r->correct != TJ_UNKNOWN) {
        bad |= json_object_set_new(json, "correct", json_boolean(r->correct == TJ_YES));
    }
    if (r->n_tokens > 0) {
        bad |= json_object_set_new(json, "n_tokens", json_integer((json_int_t)r->n_tokens));
    }
    tj_code rc = TJ_OK;
    if (bad != 0) {
        rc = tj_fail(err, TJ_E_INVAL,
                     "what is known of a thought is not UTF-8, or memory is "
                     "exhausted");
    } else if (json_object_size(json) > 0) {
        *out = tj_json_canonical(json);
        rc = *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot add a thought") : TJ_OK;
    }
    json_decref(json);
    return rc;
}

static tj_code read_meta(tj_record *r, const char *text, size_t n, tj_err *err)
{
    json_t *json = json_loadb(text, n, 0, NULL);
    tj_code rc = json_is_object(json)
                     ? TJ_OK
                     : tj_fail(err, TJ_E_PARSE, "what is known of a thought is not JSON");
    for (size_t i = 0; i < TJ_N_META && rc == TJ_OK; i++) {
        const json_t *v = json_object_get(json, tj_meta_names[i]);
        if (json_is_string(v)) {
            rc = tj_record_set(r, (tj_meta)i, json_string_value(v), json_string_length(v), err);
        }
    }
    const json_t *correct = json_object_get(json, "correct");
    r->correct = json_is_true(correct) ? TJ_YES : json_is_false(correct) ? TJ_NO : TJ_UNKNOWN;
    json_int_t n_tokens = json_integer_value(json_object_get(json, "n_tokens"));
    r->n_tokens = n_tokens > 0 ? (size_t)n_tokens : 0;
    json_decref(json);
    return rc;
}

/* ------------------------------------------------------------------ adding */

static tj_code insert_thought(tj_store *store, const tj_origin *o, const tj_thought *t,
                              const char *config, const char *made_of, const char *meta,
                              tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "INSERT INTO thought (run, ordinal, problem, tree, tokenizer, kind,"
                              " text, ids, n_backtracks, config, origin, meta)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
    tj_stmt_text(st, t->text == NULL ? "" : t->text, t->n_text);
    tj_bind_values(st, t->ids, t->n_ids * sizeof *t->ids);
    tj_stmt_size(st, t->n_backtracks);
    tj_stmt_str(st, config);
    tj_stmt_str(st, made_of);
    tj_stmt_str(st, meta);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}

static void bind_span(tj_stmt *st, const tj_span *s)
{
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
    tj_stmt_int(st, (int64_t)s->editor);
    tj_stmt_str(st, s->name);
    tj_stmt_int(st, (int64_t)s->mark);
    tj_stmt_size(st, s->annotation);
    tj_stmt_size(st, s->back_to);
    if (s->has_value) {
        tj_stmt_real(st, s->value);
    } else {
        tj_stmt_null(st);
    }
}

static tj_code insert_spans(tj_store *store, int64_t id, const tj_thought *t, tj_err *err)
{
    tj_stmt *st;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "INSERT INTO span (thought, ordinal, begin_byte, end_byte, ids_begin,"
                              " ids_end, action, node, on_path, editor, editor_name, mark,"
                              " annotation, back_to, value)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < t->n_spans && rc == TJ_OK; i++) {
        tj_stmt_int(st, id);
        tj_stmt_size(st, i);
        bind_span(st, &t->spans[i]);
        rc = tj_stmt_run(st, err);
    }
    tj_stmt_close(st);
    return rc;
}

static tj_code add_thought(tj_store *store, int64_t *id, const tj_origin *origin,
                           const tj_thought *thought, const char *config, const char *made_of,
                           const char *meta, tj_err *err)
{
    *id = 0;
    tj_code rc = tj_need_started(store, origin->run, err);
    if (rc == TJ_OK) {
        rc = tj_store_begin(store, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    rc = insert_thought(store, origin, thought, config, made_of, meta, err);
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

tj_code tj_store_add_thought(tj_store *store, int64_t *id, const tj_origin *origin,
                             const tj_thought *thought, const char *config, tj_err *err)
{
    return add_thought(store, id, origin, thought, config, NULL, NULL, err);
}

tj_code tj_store_put_thought(tj_store *store, int64_t *id, const tj_origin *origin,
                             const tj_record *record, const char *config, const char *made_of,
                             tj_err *err)
{
    char *meta = NULL;
    *id = 0;
    tj_code rc = meta_text(&meta, record, err);
    if (rc == TJ_OK) {
        rc = add_thought(store, id, origin, &record->thought, config, made_of, meta, err);
    }
    tj_free(meta);
    return rc;
}

/* ------------------------------------------------------------------ loading */

/* Before schema 3 spans did not say whose words they have: sentences of the walk were templates. */
static tj_editor editor_of_old(tj_action action)
{
    return action == TJ_REFLECT || action == TJ_BACKTRACK || action == TJ_CONCLUDE ? TJ_BY_TEMPLATE
                                                                                   : TJ_BY_POLICY;
}

static tj_code load_span(tj_stmt *st, tj_span *out, tj_err *err)
{
    bool no_node = tj_stmt_type(st, 5) == TJ_COLUMN_NULL;
    int64_t action = tj_stmt_get_int(st, 4);
    int64_t mark = tj_stmt_get_int(st, 9);
    bool is_old = tj_stmt_type(st, 7) == TJ_COLUMN_NULL;
    int64_t editor = is_old ? 0 : tj_stmt_get_int(st, 7);
    if (action < 0 || action >= TJ_N_ACTIONS || mark < 0 || mark >= TJ_N_MARKS || editor < 0 ||
        editor >= TJ_N_EDITORS) {
        return tj_fail(err, TJ_E_PARSE, "a span has the action %lld, mark %lld, editor %lld",
                       (long long)action, (long long)mark, (long long)editor);
    }
    *out = (tj_span){.begin = tj_stmt_get_size(st, 0),
                     .end = tj_stmt_get_size(st, 1),
                     .ids_begin = tj_stmt_get_size(st, 2),
                     .ids_end = tj_stmt_get_size(st, 3),
                     .action = (tj_action)action,
                     .node = no_node ? TJ_NO_NODE : tj_stmt_get_size(st, 5),
                     .on_path = tj_stmt_get_bool(st, 6),
                     .editor = is_old ? editor_of_old((tj_action)action) : (tj_editor)editor,
                     .mark = (tj_mark)mark,
                     .annotation = tj_stmt_get_size(st, 10),
                     .back_to = tj_stmt_get_size(st, 11),
                     .has_value = tj_stmt_type(st, 12) != TJ_COLUMN_NULL,
                     .value = tj_stmt_get_real(st, 12)};
    tj_stmt_get_name(st, 8, out->name, sizeof out->name);
    return TJ_OK;
}

static tj_code load_spans(tj_store *store, tj_thought *out, int64_t id, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    size_t cap = 0;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT begin_byte, end_byte, ids_begin, ids_end, action, node,"
                              " on_path, editor, editor_name, mark, annotation, back_to, value"
                              " FROM span WHERE thought = ? ORDER BY ordinal",
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
        rc = load_span(st, &out->spans[out->n_spans], err);
        if (rc != TJ_OK) {
            break;
        }
        out->n_spans++;
    }
    tj_stmt_close(st);
    return rc;
}

/* What stands in the row of table thought. */
static tj_code read_thought(tj_stmt *st, tj_record *out, char **made_of, tj_origin *origin,
                            tj_err *err)
{
    size_t n = 0;
    void *ids = NULL;
    tj_thought *t = &out->thought;
    int64_t kind = tj_stmt_get_int(st, 5);
    if (kind < 0 || kind >= TJ_N_KINDS) {
        return tj_fail(err, TJ_E_PARSE, "a thought has the kind %lld", (long long)kind);
    }
    const char *text = tj_stmt_get_bytes(st, 6, &t->n_text);
    t->text = tj_strndup(text == NULL ? "" : text, t->n_text);
    tj_code rc = t->text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a thought")
                                 : tj_copy_values(st, 7, &ids, &t->n_ids, err);
    t->ids = ids;
    t->problem = tj_stmt_get_int(st, 2);
    t->kind = (tj_thought_kind)kind;
    t->n_backtracks = tj_stmt_get_size(st, 8);
    const char *meta = tj_stmt_get_bytes(st, 10, &n);
    if (rc == TJ_OK && meta != NULL) {
        rc = read_meta(out, meta, n, err);
    }
    const char *source = tj_stmt_get_bytes(st, 9, &n);
    if (rc == TJ_OK && source != NULL && made_of != NULL) {
        *made_of = tj_strndup(source, n);
        rc = *made_of == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a thought's origin") : TJ_OK;
    }
    if (origin != NULL) {
        *origin = (tj_origin){.run = tj_stmt_get_int(st, 0),
                              .ordinal = tj_stmt_get_size(st, 1),
                              .tree = tj_stmt_get_int(st, 3),
                              .tokenizer = tj_stmt_get_int(st, 4)};
    }
    return rc;
}

tj_code tj_store_get_thought(tj_store *store, tj_record *out, char **made_of, tj_origin *origin,
                             int64_t id, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    memset(out, 0, sizeof *out);
    if (made_of != NULL) {
        *made_of = NULL;
    }
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT run, ordinal, problem, tree, tokenizer, kind, text, ids,"
                              " n_backtracks, origin, meta FROM thought WHERE id = ?",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, id);
    rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK) {
        rc = row ? read_thought(st, out, made_of, origin, err)
                 : tj_fail(err, TJ_E_NOTFOUND, "there is no thought %lld", (long long)id);
    }
    tj_stmt_close(st);
    if (rc == TJ_OK) {
        rc = load_spans(store, &out->thought, id, err);
    }
    if (rc != TJ_OK) {
        tj_record_deinit(out);
        memset(out, 0, sizeof *out);
        if (made_of != NULL) {
            tj_free(*made_of);
            *made_of = NULL;
        }
        return rc == TJ_E_NOTFOUND ? rc : (tj_err_context(err, "thought %lld", (long long)id), rc);
    }
    return rc;
}

tj_code tj_store_load_thought(tj_store *store, tj_thought *out, tj_origin *origin, int64_t id,
                              tj_err *err)
{
    tj_record record;
    tj_code rc = tj_store_get_thought(store, &record, NULL, origin, id, err);
    *out = record.thought;
    memset(&record.thought, 0, sizeof record.thought); /* taken */
    tj_record_deinit(&record);
    return rc;
}
