/* Trees out of files: those of tabiji as they are, those of data sets made of their records. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/par.h"
#include "base/stream.h"
#include "stage/growth.h"
#include "stage/import.h"
#include "stage/ledger_run.h"

#define MAX_DEPTH 32                  /* of the JSON; tabiji's trees have 5 levels */
#define SNIFFED   ((size_t)64 * 1024) /* bytes in which a tree's version stands */

typedef struct reading {
    const char *path;
    tj_ends *ends; /* NULL: answers are not graded */
    tj_tree_done_fn fn;
    void *ctx;
    const tj_job *job;
    size_t n; /* trees so far */
} reading;

static tj_code give(reading *r, tj_tree *tree, tj_err *err)
{
    tj_code rc = tj_job_check(r->job, err);
    if (rc == TJ_OK) {
        rc = r->fn(r->ctx, tree, err);
    }
    r->n++;
    tj_tree_deinit(tree);
    return rc;
}

/* Ends of which nobody says whether they are right: others say it of few, and trees of our own know
 * it from when they grew, unless the reference answer was added to them since. */
static tj_code give_graded(reading *r, tj_tree *tree, tj_err *err)
{
    tj_code rc = r->ends == NULL ? TJ_OK : tj_ends_grade(r->ends, tree, r->job, err);
    return rc == TJ_OK ? give(r, tree, err) : rc;
}

/* ------------------------------------------------------------------ tabiji's JSON */

static tj_code give_own(reading *r, const json_t *json, const char *where, tj_err *err)
{
    tj_tree tree;
    tj_code rc = tj_tree_from_json(&tree, json, where, err);
    return rc == TJ_OK ? give_graded(r, &tree, err) : rc;
}

static tj_code take_value(void *ctx, const json_t *json, size_t line, tj_err *err)
{
    reading *r = ctx;
    char where[TJ_ERR_MSG_BYTES / 4];
    tj_code rc = TJ_OK;
    if (!json_is_array(json)) {
        (void)snprintf(where, sizeof where, "%s:%zu", r->path, line);
        return give_own(r, json, where, err);
    }
    for (size_t i = 0; i < json_array_size(json) && rc == TJ_OK; i++) {
        (void)snprintf(where, sizeof where, "%s:%zu: tree %zu", r->path, line, i);
        rc = give_own(r, json_array_get(json, i), where, err);
    }
    return rc;
}

/* Reads on to the end, or up to n_max bytes in all. */
static tj_code read_on(tj_stream *stream, tj_buf *out, size_t n_max, const char *path, tj_err *err)
{
    char piece[16384];
    size_t n = 1;
    tj_code rc = TJ_OK;
    while (rc == TJ_OK && n > 0 && out->len < n_max) {
        rc = tj_stream_read(stream, piece, sizeof piece, &n, err);
        if (rc == TJ_OK) {
            tj_buf_add(out, piece, n);
            rc = tj_buf_check(out, err);
        }
    }
    return rc == TJ_OK && out->len > TJ_TREES_MAX_FILE
               ? tj_fail(err, TJ_E_LIMIT, "%s: more than %zu bytes", path, TJ_TREES_MAX_FILE)
               : rc;
}

static bool is_own(const tj_buf *text)
{
    return strstr(tj_buf_text(text), "\"tree_version\"") != NULL;
}

/* *own: the file has trees of tabiji, and they were read. */
static tj_code read_own(reading *r, bool *own, tj_err *err)
{
    tj_stream *stream = NULL;
    tj_buf text;
    *own = false;
    tj_buf_init(&text);
    tj_code rc = tj_stream_open(&stream, r->path, err);
    if (rc == TJ_OK) {
        rc = read_on(stream, &text, SNIFFED, r->path, err);
    }
    *own = rc == TJ_OK && is_own(&text);
    if (*own) {
        rc = read_on(stream, &text, SIZE_MAX, r->path, err);
    }
    if (rc == TJ_OK && *own && tj_json_is_deeper(text.data, text.len, MAX_DEPTH)) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: JSON nested deeper than %d", r->path, MAX_DEPTH);
    }
    if (rc == TJ_OK && *own) {
        rc = tj_json_values_each(text.data, text.len, r->path, 0, take_value, r, err);
    }
    tj_stream_close(stream);
    tj_buf_deinit(&text);
    return rc;
}

/* ------------------------------------------------------------------ data sets */

static bool is_same(const char *text, tj_str other)
{
    return strlen(text) == other.n && memcmp(text, other.s, other.n) == 0;
}

/* Labelled solutions of one problem that follow each other are branches of one tree, `open`. */
static tj_code add_to_open(tj_tree *open, const tj_data_record *record, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < record->n_solutions && rc == TJ_OK; i++) {
        rc = tj_tree_add_solution(open, record, &record->solutions[i], err);
    }
    return rc;
}

static tj_code take_record(reading *r, tj_tree *open, const tj_data_record *record, tj_err *err)
{
    if (!tj_record_has_tree(record) && record->n_solutions > 0 &&
        record->solutions[0].role == TJ_SOLUTION_ATTEMPT) {
        return TJ_OK; /* steps that nobody labelled say nothing: passed over */
    }
    bool whole = record->n_nodes > 0;
    bool joins = !whole && open->question != NULL && is_same(open->question, record->problem) &&
                 tj_record_has_tree(record);
    tj_code rc = TJ_OK;
    if (joins) {
        rc = add_to_open(open, record, err);
    } else {
        rc = open->question == NULL ? TJ_OK : give_graded(r, open, err);
        if (rc == TJ_OK) {
            rc = tj_tree_from_record(open, record, err);
        }
    }
    if (rc != TJ_OK && rc != TJ_E_CANCELLED) {
        tj_err_context(err, "%s:%zu", r->path, record->line);
    }
    return rc == TJ_OK && whole ? give_graded(r, open, err) : rc;
}

static tj_code read_records(reading *r, tj_data_format format, tj_err *err)
{
    tj_dataset *data = NULL;
    const tj_data_record *record = NULL;
    tj_dataset_options options = {.format = format};
    tj_tree open = {.problem = 0};
    tj_code rc = tj_dataset_open(&data, r->path, &options, err);
    if (rc == TJ_OK) {
        rc = tj_dataset_next(data, &record, err);
    }
    while (rc == TJ_OK && record != NULL) {
        rc = take_record(r, &open, record, err);
        if (rc == TJ_OK) {
            rc = tj_dataset_next(data, &record, err);
        }
    }
    if (rc == TJ_OK && open.question != NULL) {
        rc = give_graded(r, &open, err);
    }
    tj_tree_deinit(&open);
    tj_dataset_close(data);
    return rc;
}

tj_code tj_trees_of_file(const char *path, tj_data_format format, tj_ends *ends, tj_tree_done_fn fn,
                         void *ctx, const tj_job *job, tj_err *err)
{
    reading r = {.path = path, .ends = ends, .fn = fn, .ctx = ctx, .job = job};
    bool own = false;
    tj_code rc = format == TJ_DATA_AUTO ? read_own(&r, &own, err) : TJ_OK;
    return rc == TJ_OK && !own ? read_records(&r, format, err) : rc;
}

/* ------------------------------------------------------------------ into the workspace */

typedef struct importing {
    tj_store *store;
    const tj_tree_import_config *cfg;
    tj_tree_import_result *out;
    tj_ends *ends;
    const tj_job *job;
    size_t n_files; /* done */
    size_t at;      /* trees of the run so far: the next one's ordinal */
} importing;

static tj_code put_problem(importing *im, tj_tree *tree, tj_err *err)
{
    bool is_new = false;
    tj_buf json;
    tj_data_record record = {.problem = {tree->question, strlen(tree->question)}};
    if (tree->answer != NULL) {
        record.answer = (tj_str){tree->answer, strlen(tree->answer)};
    }
    tj_buf_init(&json);
    tj_data_write_problem(&json, &record);
    tj_code rc = tj_buf_check(&json, err);
    if (rc == TJ_OK) {
        tj_problem row = {.split = im->cfg->split, .json = json.data, .n_json = json.len};
        rc = tj_store_put_problem(im->store, &tree->problem, &is_new, im->out->set, &row, err);
    }
    im->out->n_problems += is_new ? 1 : 0;
    tj_buf_deinit(&json);
    return rc;
}

static void forget_ids(tj_tree *tree)
{
    tree->n_prompt = 0;
    for (size_t i = 0; i < tree->n_nodes; i++) {
        tree->nodes[i].n_ids = 0; /* the arrays are freed with the tree */
    }
}

static tj_code import_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    importing *im = ctx;
    int64_t id;
    if (tree->question == NULL) {
        return tj_fail(err, TJ_E_INVAL, "tree %zu: only trees of problems in words are imported",
                       im->at);
    }
    tj_origin origin = {.run = im->out->run, .ordinal = im->at++};
    forget_ids(tree);
    tj_code rc = put_problem(im, tree, err);
    if (rc == TJ_OK) {
        rc = tj_store_add_tree(im->store, &id, &origin, tree, err);
    }
    im->out->n_trees += rc == TJ_OK ? 1 : 0;
    im->out->n_nodes += rc == TJ_OK ? tree->n_nodes : 0;
    tj_job_progress(im->job, "importing", im->out->n_trees, 0, "trees", NULL);
    return rc;
}

/* What a resumed run has to know again. */
static tj_code save_cursor(importing *im, tj_err *err)
{
    char cursor[160];
    (void)snprintf(cursor, sizeof cursor,
                   "{\"files\":%zu,\"nodes\":%zu,\"problems\":%zu,\"set\":%lld,\"trees\":%zu}",
                   im->n_files, im->out->n_nodes, im->out->n_problems, (long long)im->out->set,
                   im->out->n_trees);
    return tj_store_set_cursor(im->store, im->out->run, "import", cursor, err);
}

static tj_code import_file(importing *im, const char *path, tj_err *err)
{
    tj_tree_import_result before = *im->out;
    size_t at = im->at;
    tj_code rc = tj_store_begin(im->store, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tj_trees_of_file(path, im->cfg->format, im->ends, import_tree, im, im->job, err);
    if (rc == TJ_OK) {
        im->n_files++;
        rc = save_cursor(im, err);
    }
    if (rc == TJ_OK) {
        return tj_store_commit(im->store, err);
    }
    tj_store_rollback(im->store);
    *im->out = before;
    im->at = at;
    return rc;
}

static tj_code load_cursor(importing *im, tj_err *err)
{
    char *text = NULL;
    tj_code rc = tj_store_get_cursor(im->store, &text, im->out->run, "import", err);
    json_t *json = rc == TJ_OK && text != NULL ? json_loads(text, 0, NULL) : NULL;
    im->n_files = (size_t)json_integer_value(json_object_get(json, "files"));
    im->out->n_nodes = (size_t)json_integer_value(json_object_get(json, "nodes"));
    im->out->n_problems = (size_t)json_integer_value(json_object_get(json, "problems"));
    im->out->set = json_integer_value(json_object_get(json, "set"));
    im->out->n_trees = (size_t)json_integer_value(json_object_get(json, "trees"));
    im->at = im->out->n_trees;
    json_decref(json);
    tj_free(text);
    return rc;
}

static tj_code begin_set(importing *im, const tj_run_spec *spec, tj_err *err)
{
    tj_code rc = tj_store_begin_set(im->store, &im->out->set, im->out->run, im->cfg->set,
                                    TJ_WORDS_TASK, spec->config, err);
    return rc == TJ_OK ? save_cursor(im, err) : rc;
}

static tj_code begin_run(importing *im, const tj_run_spec *spec, tj_err *err)
{
    bool resumed;
    tj_tree_import_result *r = im->out;
    tj_code rc =
        tj_import_take_up(im->store, &r->run, &r->was_done, &resumed, spec, im->cfg->set, err);
    return rc == TJ_OK && resumed ? load_cursor(im, err) : rc;
}

static tj_code end_run(importing *im, tj_code rc, double seconds, tj_err *err)
{
    tj_tree_import_result *r = im->out;
    json_t *metrics = json_pack("{s:I, s:I, s:I}", "trees", (json_int_t)r->n_trees, "nodes",
                                (json_int_t)r->n_nodes, "problems", (json_int_t)r->n_problems);
    tj_run_outcome outcome = {.metrics = metrics, .cost = {.seconds = seconds}};
    rc = tj_ledger_run_end(im->store, r->run, rc, &outcome, err);
    json_decref(metrics);
    return rc;
}

static tj_code import_files(importing *im, const tj_run_spec *spec, tj_err *err)
{
    double start = tj_clock_seconds();
    tj_code rc = tj_ends_create(&im->ends, tj_par_threads(), err);
    if (rc == TJ_OK && im->out->set == 0) {
        rc = begin_set(im, spec, err);
    }
    for (size_t i = im->n_files; i < im->cfg->n_paths && rc == TJ_OK; i++) {
        rc = import_file(im, im->cfg->paths[i], err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_seal_set(im->store, im->out->set, err);
    }
    if (im->ends != NULL) {
        im->out->ends = tj_ends_get_stats(im->ends);
        tj_ends_destroy(im->ends);
    }
    return end_run(im, rc, tj_clock_seconds() - start, err);
}

tj_code tj_trees_import(tj_store *store, tj_tree_import_result *out,
                        const tj_tree_import_config *cfg, const tj_job *job, tj_err *err)
{
    importing im = {.store = store, .cfg = cfg, .out = out, .job = job};
    tj_run_input inputs[TJ_STORE_MAX_INPUTS];
    char digests[TJ_STORE_MAX_INPUTS][TJ_SHA256_HEX];
    char name[96];
    *out = (tj_tree_import_result){.run = 0};
    tj_code rc = cfg->n_paths > TJ_STORE_MAX_INPUTS
                     ? tj_fail(err, TJ_E_INVAL, "more than %d files", TJ_STORE_MAX_INPUTS)
                     : TJ_OK;
    if (rc == TJ_OK) {
        rc = tj_import_inputs(inputs, digests, cfg->paths, cfg->n_paths, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    json_t *config = json_pack("{s:s, s:s, s:I}", "set", cfg->set, "format",
                               tj_data_format_name(cfg->format), "split", (json_int_t)cfg->split);
    (void)snprintf(name, sizeof name, "import trees as %.64s", cfg->set);
    tj_run_spec spec = {.stage = "import-trees",
                        .name = name,
                        .config = config,
                        .inputs = inputs,
                        .n_inputs = cfg->n_paths,
                        .build_id = cfg->build_id,
                        .isa = "",
                        .n_threads = 1};
    rc = config == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot describe the import")
                        : begin_run(&im, &spec, err);
    if (rc == TJ_OK && !out->was_done) {
        rc = import_files(&im, &spec, err);
    }
    json_decref(config);
    return rc;
}
