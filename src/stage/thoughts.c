/* The cursor is {"items", "set", "trees", "judgements", "thoughts", "counts"}: all that a run which
 * goes on has to know of what it did. A bracket is opened by the first row of an item, not before:
 * a language model may think for minutes, and meanwhile nothing waits. */
#include "stage/thoughts.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "stage/ledger_run.h"
#include "stage/scope.h"

#define CURSOR "thoughts"

struct tj_thought_run {
    tj_stage_env env;
    tj_scope scope;
    char stage[32];
    size_t n_done;
    size_t n_thoughts, n_trees, n_judgements; /* made so far: the next ordinals */
    int64_t set;                              /* of problems of its own; 0: none yet */
    json_t *counts;                           /* name -> integer */
    bool is_open;                             /* the item's bracket */
    tj_run_cost unpaid;                       /* spent, and not written yet */
    double since;                             /* tj_clock_seconds of the last that was */
};

/* ------------------------------------------------------------------ the cursor */

static tj_code save_cursor(tj_thought_run *r, tj_err *err)
{
    json_t *cursor = json_pack("{s:I, s:I, s:I, s:I, s:I, s:O}", "items", (json_int_t)r->n_done,
                               "set", (json_int_t)r->set, "trees", (json_int_t)r->n_trees,
                               "judgements", (json_int_t)r->n_judgements, "thoughts",
                               (json_int_t)r->n_thoughts, "counts", r->counts);
    char *text = cursor == NULL ? NULL : tj_json_canonical(cursor);
    tj_code rc = text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot say how far the run is")
                              : tj_store_set_cursor(r->env.store, r->scope.run, CURSOR, text, err);
    tj_free(text);
    json_decref(cursor);
    return rc;
}

static size_t size_at(const json_t *object, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(object, key));
    return n > 0 ? (size_t)n : 0;
}

static tj_code load_cursor(tj_thought_run *r, tj_err *err)
{
    char *text = NULL;
    tj_code rc = tj_store_get_cursor(r->env.store, &text, r->scope.run, CURSOR, err);
    if (rc != TJ_OK || text == NULL) {
        return rc;
    }
    json_t *cursor = json_loads(text, 0, NULL);
    json_t *counts = json_object_get(cursor, "counts");
    tj_free(text);
    if (!json_is_object(counts)) {
        json_decref(cursor);
        return tj_fail(err, TJ_E_PARSE, "run %lld: its cursor cannot be read",
                       (long long)r->scope.run);
    }
    r->n_done = size_at(cursor, "items");
    r->set = json_integer_value(json_object_get(cursor, "set"));
    r->n_trees = size_at(cursor, "trees");
    r->n_judgements = size_at(cursor, "judgements");
    r->n_thoughts = size_at(cursor, "thoughts");
    json_decref(r->counts);
    r->counts = json_incref(counts);
    json_decref(cursor);
    return TJ_OK;
}

/* ------------------------------------------------------------------ a run's life */

tj_code tj_thought_run_begin(tj_thought_run **out, tj_store *store, const tj_thought_run_spec *spec,
                             tj_err *err)
{
    tj_scope_spec scope = {.stage = spec->stage, .config = spec->config, .seed = spec->seed};
    tj_thought_run *r = tj_calloc(1, sizeof *r);
    *out = NULL;
    snprintf(scope.name, sizeof scope.name, "%.90s", spec->name);
    if (spec->n_inputs > TJ_STORE_MAX_INPUTS || r == NULL) {
        json_decref(spec->config);
        tj_free(r);
        return r == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot begin '%s'", spec->name)
                         : tj_fail(err, TJ_E_INVAL, "%zu inputs, at most %d", spec->n_inputs,
                                   TJ_STORE_MAX_INPUTS);
    }
    for (size_t i = 0; i < spec->n_inputs; i++) {
        scope.inputs[scope.n_inputs++] = spec->inputs[i];
    }
    r->env = (tj_stage_env){.store = store, .build_id = spec->build_id, .job = spec->job};
    snprintf(r->env.isa, sizeof r->env.isa, "%s", tj_isa_name());
    snprintf(r->stage, sizeof r->stage, "%s", spec->stage);
    r->counts = json_object();
    tj_code rc = r->counts == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot begin '%s'", spec->name)
                                   : tj_scope_begin(&r->env, &r->scope, &scope, err);
    json_decref(scope.config); /* taken by tj_scope_begin unless it was not called */
    if (rc == TJ_OK && !r->scope.done) {
        rc = load_cursor(r, err);
    }
    if (rc != TJ_OK) {
        json_decref(r->counts);
        tj_free(r);
        return rc;
    }
    r->since = tj_clock_seconds();
    *out = r;
    return TJ_OK;
}

static tj_code open_item(tj_thought_run *r, tj_err *err)
{
    tj_code rc = r->is_open ? TJ_OK : tj_store_begin(r->env.store, err);
    r->is_open = r->is_open || rc == TJ_OK;
    return rc;
}

static tj_code close_item(tj_thought_run *r, tj_err *err)
{
    double now = tj_clock_seconds();
    tj_run_cost cost = r->unpaid;
    tj_code rc = open_item(r, err);
    if (rc != TJ_OK) {
        return rc;
    }
    cost.seconds += now - r->since;
    r->n_done++;
    rc = tj_run_add_cost(r->env.store, r->scope.run, &cost, err);
    if (rc == TJ_OK) {
        rc = save_cursor(r, err);
    }
    if (rc == TJ_OK) {
        r->is_open = false; /* commit ends the bracket in any case */
        rc = tj_store_commit(r->env.store, err);
    }
    if (rc == TJ_OK) {
        r->unpaid = (tj_run_cost){0};
        r->since = now;
    }
    return rc;
}

tj_code tj_thought_run_items(tj_thought_run *r, size_t n_items, tj_thought_item_fn fn, void *ctx,
                             tj_err *err)
{
    tj_code rc = TJ_OK;
    while (!r->scope.done && rc == TJ_OK && r->n_done < n_items) {
        rc = tj_job_check(r->env.job, err);
        if (rc == TJ_OK) {
            tj_job_progress(r->env.job, r->stage, r->n_done, n_items, "items", NULL);
            rc = fn(ctx, r, r->n_done, err);
        }
        if (rc == TJ_OK) {
            rc = close_item(r, err);
        }
        if (r->is_open) {
            tj_store_rollback(r->env.store);
            r->is_open = false;
        }
    }
    return rc;
}

static json_t *metrics_of(tj_thought_run *r)
{
    json_t *metrics = json_deep_copy(r->counts);
    if (metrics != NULL &&
        json_object_set_new(metrics, "thoughts", json_integer((json_int_t)r->n_thoughts)) != 0) {
        json_decref(metrics);
        return NULL;
    }
    return metrics;
}

static json_t *metrics_of_done(tj_thought_run *r)
{
    tj_run_info info = {0};
    json_t *metrics = NULL;
    if (tj_run_get(r->env.store, &info, r->scope.run, NULL) == TJ_OK && info.metrics != NULL) {
        metrics = json_loads(info.metrics, 0, NULL);
    }
    tj_run_info_deinit(&info);
    return metrics != NULL ? metrics : json_object();
}

static tj_code end_run(tj_thought_run *r, tj_code rc, const tj_run_file *files, size_t n_files,
                       tj_err *err)
{
    if (rc == TJ_OK && r->set != 0) {
        rc = tj_store_seal_set(r->env.store, r->set, err);
    }
    json_t *metrics = metrics_of(r);
    tj_run_outcome outcome = {.metrics = metrics,
                              .cost = r->unpaid,
                              .files = files,
                              .n_files = rc == TJ_OK ? n_files : 0};
    outcome.cost.seconds += tj_clock_seconds() - r->since;
    rc = tj_ledger_run_end(r->env.store, r->scope.run, rc, &outcome, err);
    json_decref(metrics);
    return rc;
}

tj_code tj_thought_run_end(tj_thought_run *r, tj_code rc, const tj_run_file *files, size_t n_files,
                           tj_thought_result *result, tj_err *err)
{
    *result = (tj_thought_result){0};
    if (!r->scope.done) {
        rc = end_run(r, rc, files, n_files, err);
    }
    if (rc == TJ_OK) {
        result->run = r->scope.run;
        result->was_done = r->scope.done;
        result->metrics = r->scope.done ? metrics_of_done(r) : metrics_of(r);
        if (result->metrics == NULL) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot say what run %lld made", (long long)r->scope.run);
        }
    }
    json_decref(r->counts);
    tj_free(r);
    return rc;
}

/* ------------------------------------------------------------------ within an item */

int64_t tj_thought_run_id(const tj_thought_run *r)
{
    return r->scope.run;
}

tj_code tj_thought_run_count(tj_thought_run *r, const char *name, size_t n, tj_err *err)
{
    json_int_t now = (json_int_t)(size_at(r->counts, name) + n);
    return json_object_set_new(r->counts, name, json_integer(now)) == 0
               ? TJ_OK
               : tj_fail(err, TJ_E_NOMEM, "cannot count '%s'", name);
}

void tj_thought_run_spend(tj_thought_run *r, const tj_run_cost *cost)
{
    r->unpaid.tokens += cost->tokens;
    r->unpaid.updates += cost->updates;
    r->unpaid.seconds += cost->seconds;
    r->unpaid.money += cost->money;
}

static tj_code need_set(tj_thought_run *r, tj_err *err)
{
    char name[64];
    json_t *config = json_object();
    tj_code rc = config == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot begin a problem set") : TJ_OK;
    if (rc == TJ_OK) {
        snprintf(name, sizeof name, "%s of run %lld", r->stage, (long long)r->scope.run);
        rc = tj_store_begin_set(r->env.store, &r->set, r->scope.run, name, "mathematics", config,
                                err);
    }
    json_decref(config);
    return rc;
}

static tj_str text_of(const tj_record *about, tj_meta meta)
{
    const char *text = about->meta[meta];
    return (tj_str){text, text == NULL ? 0 : strlen(text)};
}

tj_code tj_thought_run_problem(tj_thought_run *r, int64_t *problem, const tj_record *about,
                               tj_err *err)
{
    tj_data_record record = {.problem = text_of(about, TJ_META_PROMPT),
                             .answer = text_of(about, TJ_META_ANSWER),
                             .id = text_of(about, TJ_META_ID),
                             .subject = text_of(about, TJ_META_SUBJECT)};
    const char *level = tj_record_get(about, TJ_META_LEVEL);
    tj_buf json;
    bool is_new;
    *problem = 0;
    if (record.problem.n == 0) {
        return tj_fail(err, TJ_E_INVAL, "a thought of the workspace needs a problem: it has none");
    }
    if (level[0] >= '1' && level[0] <= '5' && level[1] == 0) {
        record.level = (size_t)(level[0] - '0');
    }
    tj_buf_init(&json);
    tj_data_write_problem(&json, &record);
    tj_code rc = tj_buf_check(&json, err);
    if (rc == TJ_OK) {
        rc = open_item(r, err);
    }
    if (rc == TJ_OK && r->set == 0) {
        rc = need_set(r, err);
    }
    if (rc == TJ_OK) {
        tj_problem row = {.split = TJ_SPLIT_TRAIN,
                          .json = tj_buf_text(&json),
                          .n_json = json.len,
                          .difficulty = record.level};
        rc = tj_store_put_problem(r->env.store, problem, &is_new, r->set, &row, err);
    }
    tj_buf_deinit(&json);
    return rc;
}

/* A record that lends all but its ids, which are counted only. *spans is to be freed. */
static tj_code without_ids(tj_record *out, tj_span **spans, const tj_record *record, tj_err *err)
{
    *out = *record;
    *spans = tj_calloc(record->thought.n_spans + 1, sizeof **spans);
    if (*spans == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu spans", record->thought.n_spans);
    }
    for (size_t i = 0; i < record->thought.n_spans; i++) {
        (*spans)[i] = record->thought.spans[i];
        (*spans)[i].ids_begin = 0;
        (*spans)[i].ids_end = 0;
    }
    out->n_tokens = tj_record_n_tokens(record);
    out->thought.ids = NULL;
    out->thought.n_ids = 0;
    out->thought.spans = *spans;
    return TJ_OK;
}

tj_code tj_thought_run_put(tj_thought_run *r, int64_t *id, const tj_thought_row *row, tj_err *err)
{
    tj_origin origin = {.run = r->scope.run,
                        .ordinal = r->n_thoughts,
                        .tree = row->tree,
                        .tokenizer = row->record->thought.ids == NULL ? 0 : row->tokenizer};
    tj_record bare;
    tj_span *spans = NULL;
    bool drop = row->record->thought.ids != NULL && row->tokenizer == 0;
    *id = 0;
    tj_code rc = open_item(r, err);
    if (rc == TJ_OK && drop) {
        rc = without_ids(&bare, &spans, row->record, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_put_thought(r->env.store, id, &origin, drop ? &bare : row->record,
                                  row->config, row->made_of, err);
    }
    r->n_thoughts += rc == TJ_OK ? 1 : 0;
    tj_free(spans);
    return rc;
}

tj_code tj_thought_run_tree(tj_thought_run *r, int64_t *id, const tj_tree *tree, tj_err *err)
{
    tj_origin origin = {.run = r->scope.run, .ordinal = r->n_trees};
    *id = 0;
    tj_code rc = open_item(r, err);
    if (rc == TJ_OK) {
        rc = tj_store_add_tree(r->env.store, id, &origin, tree, err);
    }
    r->n_trees += rc == TJ_OK ? 1 : 0;
    return rc;
}

tj_code tj_thought_run_annotate(tj_thought_run *r, tj_annotation annotation, tj_err *err)
{
    int64_t id;
    annotation.run = r->scope.run;
    tj_code rc = open_item(r, err);
    return rc == TJ_OK ? tj_store_add_annotation(r->env.store, &id, &annotation, err) : rc;
}

tj_code tj_thought_run_judge(tj_thought_run *r, tj_judgement judgement, tj_err *err)
{
    int64_t id;
    judgement.run = r->scope.run;
    judgement.ordinal = r->n_judgements;
    tj_code rc = open_item(r, err);
    if (rc == TJ_OK) {
        rc = tj_store_add_judgement(r->env.store, &id, &judgement, err);
    }
    r->n_judgements += rc == TJ_OK ? 1 : 0;
    return rc;
}
