/* See flow.h. */
#include "cli/flow.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/common.h"

#define THOUGHTS "thoughts" /* role of the run whose thoughts a run reads */

bool tj_cli_has_workspace(const tj_args *args)
{
    return tj_args_has(args, "workspace");
}

tj_code tj_cli_flow_open(tj_cli_flow *f, const tj_args *args, bool create, tj_err *err)
{
    memset(f, 0, sizeof *f);
    return tj_store_open(&f->store, tj_args_get(args, "workspace"),
                         create ? TJ_STORE_CREATE : TJ_STORE_WRITE, NULL, err);
}

static void drop_row(tj_cli_flow *f)
{
    tj_free(f->made_of);
    f->made_of = NULL;
    f->thought = 0;
    f->origin = (tj_origin){0};
}

void tj_cli_flow_close(tj_cli_flow *f)
{
    drop_row(f);
    tj_tokenizer_destroy(f->tok);
    tj_cli_reader_close(&f->reader);
    tj_free(f->rows);
    tj_store_close(f->store);
    memset(f, 0, sizeof *f);
}

tj_code tj_cli_source_run(int64_t *run, tj_store *store, const tj_args *args, tj_row_kind kind,
                          tj_err *err)
{
    size_t given = 0;
    size_t n = 0;
    const char *what = kind == TJ_ROW_TREE ? "trees" : "thoughts";
    tj_code rc = tj_args_size(args, "run", 0, INT64_MAX, &given, err);
    *run = (int64_t)given;
    if (rc != TJ_OK || given == 0) {
        return rc == TJ_OK ? tj_find_run_with(store, run, kind, NULL, err) : rc;
    }
    rc = tj_store_count(store, &n, kind, *run, err);
    return rc != TJ_OK || n > 0 ? rc
                                : tj_fail(err, TJ_E_NOTFOUND, "run %zu made no %s", given, what);
}

/* ------------------------------------------------------------------ the run */

tj_code tj_cli_flow_begin(tj_cli_flow *f, const char *stage, json_t *config, uint64_t seed,
                          const tj_run_input *inputs, size_t n_inputs, tj_err *err)
{
    char name[96];
    if (n_inputs > 0 && strcmp(inputs[0].kind, "run") == 0) {
        (void)snprintf(name, sizeof name, "%s of run %" PRId64, stage, inputs[0].id);
    } else {
        (void)snprintf(name, sizeof name, "%s", stage);
    }
    tj_thought_run_spec spec = {.stage = stage,
                                .name = name,
                                .config = config,
                                .seed = seed,
                                .inputs = inputs,
                                .n_inputs = n_inputs,
                                .build_id = tj_build_id(),
                                .job = tj_cli_job()};
    return tj_thought_run_begin(&f->run, f->store, &spec, err);
}

static tj_code print_result(const tj_args *args, const tj_thought_result *r, tj_err *err)
{
    const char *key;
    const json_t *value;
    if (tj_args_has(args, "json")) {
        json_t *json = json_pack("{s:I, s:b, s:O}", "run", (json_int_t)r->run, "was_done",
                                 (int)r->was_done, "metrics", r->metrics);
        tj_code rc = tj_print_json(json, err);
        json_decref(json);
        return rc;
    }
    printf("run %" PRId64 "%s:", r->run, r->was_done ? " (done before)" : "");
    size_t n = 0;
    json_object_foreach(r->metrics, key, value)
    {
        if (json_is_integer(value)) {
            printf("%s %s %lld", n++ == 0 ? "" : ",", key, (long long)json_integer_value(value));
        }
    }
    putchar('\n');
    return TJ_OK;
}

tj_code tj_cli_flow_end(tj_cli_flow *f, const tj_args *args, tj_code rc, const tj_run_file *files,
                        size_t n_files, tj_err *err)
{
    tj_thought_result result = {0};
    rc = tj_thought_run_end(f->run, rc, files, n_files, &result, err);
    f->run = NULL;
    tj_cli_progress_end();
    if (rc == TJ_OK) {
        rc = print_result(args, &result, err);
    }
    json_decref(result.metrics);
    return rc;
}

/* ------------------------------------------------------------------ thoughts of a run */

tj_code tj_cli_flow_tokenizer(tj_cli_flow *f, tj_err *err)
{
    tj_tokenizer_row row = {0};
    if (f->origin.tokenizer == f->tok_row) {
        return TJ_OK;
    }
    tj_tokenizer_destroy(f->tok);
    f->tok = NULL;
    f->tok_row = f->origin.tokenizer;
    if (f->tok_row == 0) {
        return TJ_OK;
    }
    tj_code rc = tj_store_get_tokenizer(f->store, &row, f->tok_row, err);
    if (rc == TJ_OK) {
        rc = tj_tokenizer_parse(&f->tok, row.json, row.n_json, row.name, err);
    }
    tj_tokenizer_row_deinit(&row);
    return rc;
}

/* Gives a thought of the workspace to the reader. */
static tj_code visit(tj_cli_flow *f, int64_t thought, tj_err *err)
{
    tj_record record;
    char where[48];
    drop_row(f);
    snprintf(where, sizeof where, "thought %" PRId64, thought);
    tj_code rc = tj_told_thought_load(&record, &f->made_of, &f->origin, f->store, thought, err);
    if (rc != TJ_OK) {
        return rc;
    }
    f->thought = thought;
    rc = tj_cli_flow_tokenizer(f, err);
    if (rc == TJ_OK) {
        rc = tj_cli_reader_take(&f->reader, &record, where, err);
    }
    tj_record_deinit(&record);
    return rc;
}

static tj_code visit_item(void *ctx, tj_thought_run *run, size_t item, tj_err *err)
{
    (void)run;
    tj_cli_flow *f = ctx;
    return visit(f, f->rows[item].id, err);
}

static tj_code find_source(const tj_cli_flow *f, int64_t *source, const tj_args *args, tj_err *err)
{
    return tj_args_n_operands(args) > 0
               ? tj_fail(err, TJ_E_INVAL,
                         "with --workspace thoughts come from there: bring files in with "
                         "'tabiji thought import -w DIR FILE...'")
               : tj_cli_source_run(source, f->store, args, TJ_ROW_THOUGHT, err);
}

static tj_code list_source(tj_cli_flow *f, int64_t source, const tj_args *args, tj_record_fn fn,
                           void *ctx, tj_err *err)
{
    tj_code rc = tj_store_list(f->store, &f->rows, &f->n_rows, TJ_ROW_THOUGHT, source, err);
    return rc == TJ_OK ? tj_cli_reader_open(&f->reader, args, fn, ctx, err) : rc;
}

static tj_code take_source(void *ctx, const tj_run_input *input, tj_err *err)
{
    (void)err;
    int64_t *source = ctx;
    *source = strcmp(input->role, THOUGHTS) == 0 ? input->id : *source;
    return TJ_OK;
}

tj_code tj_cli_thoughts_read_by(int64_t *source, tj_store *store, int64_t run, tj_err *err)
{
    *source = 0;
    return tj_run_inputs_each(store, run, take_source, source, err);
}

/* The same command again: where the newest thoughts are those that this stage made with this
 * configuration, *source becomes what it read then, so that the run is found and not repeated on
 * its own result. */
static tj_code same_again(int64_t *source, tj_store *store, const char *stage, const json_t *config,
                          uint64_t seed, tj_err *err)
{
    tj_run_info info = {0};
    char *text = config == NULL ? NULL : tj_json_canonical(config);
    tj_code rc = text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot describe the stage '%s'", stage)
                              : tj_run_get(store, &info, *source, err);
    if (rc == TJ_OK && info.seed == seed && strcmp(info.stage, stage) == 0 &&
        strcmp(info.config, text) == 0) {
        rc = tj_cli_thoughts_read_by(source, store, info.id, err);
    }
    tj_run_info_deinit(&info);
    tj_free(text);
    return rc;
}

tj_code tj_cli_flow_records(tj_cli_flow *f, const tj_args *args, const char *stage, json_t *config,
                            uint64_t seed, tj_record_fn fn, void *ctx, tj_err *err)
{
    int64_t source = 0;
    memset(f, 0, sizeof *f);
    if (!tj_cli_has_workspace(args)) {
        json_decref(config);
        return tj_cli_records(args, fn, ctx, NULL, err);
    }
    tj_code rc = tj_cli_flow_open(f, args, false, err);
    if (rc == TJ_OK) {
        rc = find_source(f, &source, args, err);
    }
    if (rc == TJ_OK && !tj_args_has(args, "run")) {
        rc = same_again(&source, f->store, stage, config, seed, err);
    }
    if (rc == TJ_OK) {
        rc = list_source(f, source, args, fn, ctx, err);
    }
    if (rc != TJ_OK) {
        json_decref(config);
        tj_cli_flow_close(f);
        return rc;
    }
    tj_run_input input = {.role = THOUGHTS, .kind = "run", .id = source};
    rc = tj_cli_flow_begin(f, stage, config, seed, &input, 1, err);
    if (rc == TJ_OK) {
        rc = tj_thought_run_items(f->run, f->n_rows, visit_item, f, err);
        rc = tj_cli_flow_end(f, args, rc, NULL, 0, err);
    }
    tj_cli_flow_close(f);
    return rc;
}

static tj_code note_input(const tj_cli_flow *f, tj_cli_inputs *inputs, int64_t run, tj_err *err)
{
    char name[64];
    tj_run_info info = {0};
    snprintf(name, sizeof name, "run %" PRId64, run);
    tj_code rc = tj_run_get(f->store, &info, run, err);
    if (rc == TJ_OK && inputs != NULL) {
        rc = tj_cli_inputs_add(inputs, name, info.result == NULL ? "" : info.result, err);
    }
    tj_run_info_deinit(&info);
    return rc;
}

tj_code tj_cli_flow_read(tj_cli_flow *f, const tj_args *args, bool write, int64_t *source,
                         tj_record_fn fn, void *ctx, tj_cli_inputs *inputs, tj_err *err)
{
    memset(f, 0, sizeof *f);
    *source = 0;
    if (!tj_cli_has_workspace(args)) {
        return tj_cli_records(args, fn, ctx, inputs, err);
    }
    tj_code rc =
        write ? tj_cli_flow_open(f, args, false, err) : tj_open_workspace(&f->store, args, err);
    if (rc == TJ_OK) {
        rc = find_source(f, source, args, err);
    }
    if (rc == TJ_OK) {
        rc = list_source(f, *source, args, fn, ctx, err);
    }
    if (rc == TJ_OK) {
        rc = note_input(f, inputs, *source, err);
    }
    for (size_t i = 0; i < f->n_rows && rc == TJ_OK; i++) {
        rc = visit(f, f->rows[i].id, err);
    }
    return rc;
}

/* ------------------------------------------------------------------ what is made */

static tj_code keep_row(tj_cli_flow *f, const tj_record *record, json_t *more, tj_err *err)
{
    int64_t id;
    if (f->thought != 0) {
        json_object_set_new(more, "from", json_integer((json_int_t)f->thought));
    }
    char *config = tj_json_canonical(more);
    tj_thought_row row = {.record = record,
                          .tree = f->origin.tree,
                          .tokenizer = f->origin.tokenizer,
                          .config = config,
                          .made_of = f->made_of};
    tj_code rc = config == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot keep a thought")
                                : tj_thought_run_put(f->run, &id, &row, err);
    tj_free(config);
    return rc;
}

static tj_code keep_line(const tj_record *record, json_t *more, tj_buf *out, tj_err *err)
{
    json_t *json = tj_record_to_json(record);
    tj_code rc = TJ_OK;
    if (json == NULL || json_object_update(json, more) != 0) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot write a record");
    } else if (out == NULL) {
        rc = tj_print_json_line(json, err);
    } else {
        tj_json_line(out, json);
        rc = tj_buf_check(out, err);
    }
    json_decref(json);
    return rc;
}

tj_code tj_cli_flow_keep(tj_cli_flow *f, const tj_record *record, json_t *more, tj_buf *out,
                         tj_err *err)
{
    more = more == NULL ? json_object() : more;
    tj_code rc = more == NULL       ? tj_fail(err, TJ_E_NOMEM, "cannot keep a thought")
                 : f->store == NULL ? keep_line(record, more, out, err)
                                    : keep_row(f, record, more, err);
    json_decref(more);
    return rc;
}

tj_code tj_cli_flow_refuse(tj_cli_flow *f, const char *rule, const char *reason, tj_err *err)
{
    char text[320];
    if (f->store == NULL) {
        return TJ_OK;
    }
    snprintf(text, sizeof text, "%s: %s", rule, reason);
    tj_annotation annotation = {.thought = f->thought,
                                .node = TJ_NO_NODE,
                                .span = TJ_NO_NODE,
                                .author = "tabiji",
                                .kind = TJ_REFUSED,
                                .text = text};
    return tj_thought_run_annotate(f->run, annotation, err);
}

tj_code tj_cli_flow_count(tj_cli_flow *f, const char *name, size_t n, tj_err *err)
{
    return f->store == NULL ? TJ_OK : tj_thought_run_count(f->run, name, n, err);
}
