/* Data sets into the workspace. Reading lends one record at a time, which is added at once, so that
 * memory does not grow with the file; a file is one transaction, which the cursor is part of. */
#include "stage/import.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "stage/ledger_run.h"

#define CURSOR "import"

static const char *const split_names[] = {"train", "valid", "test"};

/* ------------------------------------------------------------------ files */

static tj_code begin_file(tj_importer *im, tj_dataset *data, const char *digest, tj_err *err)
{
    tj_dataset_info *info = &im->file.info;
    tj_dataset_describe(data, info);
    im->file.split = (tj_split)im->cfg->split;
    tj_code rc = im->cfg->split >= 0
                     ? TJ_OK
                     : tj_split_of_path(&im->file.split, im->file.path, info->format, err);
    if (rc != TJ_OK) {
        return rc;
    }
    im->row = (tj_data_file){.run = im->run,
                             .set = im->set,
                             .ordinal = im->n_done,
                             .path = im->file.path,
                             .format = tj_data_format_name(info->format),
                             .source = im->cfg->source,
                             .licence = im->cfg->licence,
                             .framing = info->framing,
                             .compression = info->compression,
                             .digest = digest,
                             .split = im->file.split};
    return tj_store_add_data_file(im->store, &im->row.id, &im->row, err);
}

static tj_code end_file(tj_importer *im, tj_dataset *data, tj_err *err)
{
    tj_import_file *f = &im->file;
    tj_dataset_describe(data, &f->info);
    f->counts.n_bytes = f->info.n_bytes;
    f->counts.hash_seconds = f->info.hash_seconds;
    f->counts.read_seconds -= f->info.hash_seconds;
    im->row.content_bytes = f->info.n_bytes;
    im->row.content_digest = f->info.digest; /* "" where a limit stopped before the end */
    im->row.n_records = f->counts.n_records;
    im->row.n_refused = f->counts.n_refused;
    return tj_store_end_data_file(im->store, im->row.id, &im->row, err);
}

static tj_code read_records(tj_importer *im, tj_dataset *data, tj_err *err)
{
    tj_code rc = TJ_OK;
    size_t limit = im->cfg->limit == 0 ? SIZE_MAX : im->cfg->limit;
    bool more = true;
    while (rc == TJ_OK && more && im->file.counts.n_records < limit) {
        rc = tj_import_next(im, data, &more, err);
        if (rc == TJ_OK && im->file.counts.n_records % 256 == 0) {
            tj_job_progress(im->job, "importing", im->file.counts.n_records, 0, "records",
                            im->file.path);
            rc = tj_job_check(im->job, err);
        }
    }
    return rc;
}

static void add_counts(tj_import_counts *to, const tj_import_counts *c)
{
    to->n_records += c->n_records;
    to->n_refused += c->n_refused;
    to->n_problems += c->n_problems;
    to->n_known += c->n_known;
    to->n_solutions += c->n_solutions;
    to->n_steps += c->n_steps;
    to->n_labels += c->n_labels;
    to->n_trees += c->n_trees;
    to->n_nodes += c->n_nodes;
    to->n_bytes += c->n_bytes;
    to->read_seconds += c->read_seconds;
    to->hash_seconds += c->hash_seconds;
    to->add_seconds += c->add_seconds;
}

json_t *tj_import_counts_json(const tj_import_counts *c)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "records",
                     (json_int_t)c->n_records, "refused", (json_int_t)c->n_refused, "problems",
                     (json_int_t)c->n_problems, "known", (json_int_t)c->n_known, "solutions",
                     (json_int_t)c->n_solutions, "steps", (json_int_t)c->n_steps, "labels",
                     (json_int_t)c->n_labels, "trees", (json_int_t)c->n_trees, "nodes",
                     (json_int_t)c->n_nodes, "bytes", (json_int_t)c->n_bytes);
}

/* What a resumed run has to know again: files done, and the counts of them. */
static tj_code save_cursor(tj_importer *im, tj_err *err)
{
    json_t *counts = tj_import_counts_json(&im->counts);
    json_t *cursor = json_pack("{s:I, s:I, s:o}", "files", (json_int_t)im->n_done, "set",
                               (json_int_t)im->set, "counts", counts);
    char *text = cursor == NULL ? NULL : tj_json_canonical(cursor);
    tj_code rc = text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot say how far the import is")
                              : tj_store_set_cursor(im->store, im->run, CURSOR, text, err);
    tj_free(text);
    json_decref(cursor);
    return rc;
}

static size_t count_of(const json_t *counts, const char *key)
{
    return (size_t)json_integer_value(json_object_get(counts, key));
}

static tj_code load_cursor(tj_importer *im, tj_err *err)
{
    char *text;
    tj_code rc = tj_store_get_cursor(im->store, &text, im->run, CURSOR, err);
    json_t *cursor = rc == TJ_OK && text != NULL ? json_loads(text, 0, NULL) : NULL;
    const json_t *c = json_object_get(cursor, "counts");
    im->n_done = count_of(cursor, "files");
    im->set = (int64_t)json_integer_value(json_object_get(cursor, "set"));
    im->counts = (tj_import_counts){.n_records = count_of(c, "records"),
                                    .n_refused = count_of(c, "refused"),
                                    .n_problems = count_of(c, "problems"),
                                    .n_known = count_of(c, "known"),
                                    .n_solutions = count_of(c, "solutions"),
                                    .n_steps = count_of(c, "steps"),
                                    .n_labels = count_of(c, "labels"),
                                    .n_trees = count_of(c, "trees"),
                                    .n_nodes = count_of(c, "nodes"),
                                    .n_bytes = count_of(c, "bytes")};
    im->n_trees = im->counts.n_trees;
    json_decref(cursor);
    tj_free(text);
    return rc;
}

/* One file in one transaction, the cursor behind it included. */
static tj_code import_file(tj_importer *im, const char *path, const char *digest, tj_err *err)
{
    tj_dataset *data = NULL;
    tj_dataset_options options = {
        .format = im->cfg->format, .map = im->cfg->map == NULL ? NULL : &im->map, .digest = true};
    im->file = (tj_import_file){.path = path};
    tj_import_counts before = im->counts;
    size_t trees_before = im->n_trees;
    tj_code rc = tj_dataset_open(&data, path, &options, err);
    if (rc == TJ_OK) {
        rc = tj_store_begin(im->store, err);
    }
    if (rc != TJ_OK) {
        tj_dataset_close(data);
        return rc;
    }
    rc = begin_file(im, data, digest, err);
    if (rc == TJ_OK) {
        rc = read_records(im, data, err);
    }
    if (rc == TJ_OK) {
        rc = end_file(im, data, err);
    }
    if (rc == TJ_OK) {
        add_counts(&im->counts, &im->file.counts);
        im->n_done++;
        rc = save_cursor(im, err);
    }
    if (rc == TJ_OK) {
        double start = tj_clock_seconds();
        rc = tj_store_commit(im->store, err);
        im->file.counts.add_seconds += tj_clock_seconds() - start;
    } else {
        tj_store_rollback(im->store);
    }
    tj_dataset_close(data);
    if (rc != TJ_OK) {
        im->counts = before;
        im->n_trees = trees_before;
    } else if (im->listener != NULL && im->listener->done != NULL) {
        im->listener->done(im->listener->ctx, &im->file);
    }
    return rc;
}

/* ------------------------------------------------------------------ the run */

static json_t *config_json(const tj_import_config *cfg)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "set", cfg->set, "format",
                     tj_data_format_name(cfg->format), "source", cfg->source, "licence",
                     cfg->licence, "map", cfg->map == NULL ? "" : cfg->map, "split",
                     cfg->split < 0 ? "by path" : split_names[cfg->split], "on_error",
                     cfg->skip ? "skip" : "stop", "limit", (json_int_t)cfg->limit);
}

tj_code tj_import_inputs(tj_run_input *inputs, char (*digests)[TJ_SHA256_HEX],
                         const char *const *paths, size_t n, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = tj_sha256_file(digests[i], paths[i], err);
        inputs[i] = (tj_run_input){.role = paths[i], .kind = "file", .digest = digests[i]};
    }
    return rc;
}

/* A set of that name that another run made and sealed is not shadowed silently. */
static tj_code need_new_set(tj_store *store, const char *name, tj_err *err)
{
    tj_problem_set set;
    tj_code rc = tj_store_find_problem_set(store, &set, name, NULL);
    if (rc == TJ_OK) {
        rc = tj_fail(err, TJ_E_CONFLICT,
                     "there is a set '%s' already, made by run %lld: give all files of a set at "
                     "once, or another name",
                     name, (long long)set.run);
        tj_problem_set_deinit(&set);
        return rc;
    }
    return rc == TJ_E_NOTFOUND ? TJ_OK : tj_fail(err, rc, "cannot look for the set '%s'", name);
}

tj_code tj_import_take_up(tj_store *store, int64_t *run, bool *done, bool *resumed,
                          const tj_run_spec *spec, const char *set, tj_err *err)
{
    *resumed = false;
    tj_code rc = tj_ledger_run_find_done(store, run, done, spec, err);
    if (rc != TJ_OK || *done) {
        return rc;
    }
    rc = need_new_set(store, set, err);
    return rc == TJ_OK ? tj_ledger_run_go_on(store, run, resumed, spec, err) : rc;
}

static tj_code find_own_set(tj_importer *im, tj_err *err)
{
    tj_problem_set set;
    tj_code rc = tj_store_find_problem_set(im->store, &set, im->cfg->set, err);
    im->set = set.id;
    tj_problem_set_deinit(&set);
    return rc;
}

static tj_code begin_set(tj_importer *im, const tj_run_spec *spec, tj_err *err)
{
    tj_code rc = tj_store_begin_set(im->store, &im->set, im->run, im->cfg->set, "mathematics",
                                    spec->config, err);
    return rc == TJ_OK ? save_cursor(im, err) : rc;
}

/* Finds the run if it is done, goes on with it if it was stopped, else begins it and its set. */
static tj_code begin_run(tj_importer *im, bool *was_done, const tj_run_spec *spec, tj_err *err)
{
    bool resumed;
    tj_code rc =
        tj_import_take_up(im->store, &im->run, was_done, &resumed, spec, im->cfg->set, err);
    if (rc == TJ_OK && *was_done) {
        return find_own_set(im, err);
    }
    if (rc == TJ_OK && resumed) {
        rc = load_cursor(im, err);
    }
    return rc == TJ_OK && im->set == 0 ? begin_set(im, spec, err) : rc;
}

static tj_code end_run(tj_importer *im, tj_code rc, double seconds, tj_err *err)
{
    if (rc == TJ_OK) {
        rc = tj_store_seal_set(im->store, im->set, err);
    }
    json_t *metrics = tj_import_counts_json(&im->counts);
    tj_run_outcome outcome = {.metrics = metrics, .cost = {.seconds = seconds}};
    rc = tj_ledger_run_end(im->store, im->run, rc, &outcome, err);
    json_decref(metrics);
    return rc;
}

static tj_code run_files(tj_importer *im, const tj_run_input *inputs, tj_err *err)
{
    double start = tj_clock_seconds();
    tj_code rc = TJ_OK;
    for (size_t i = im->n_done; i < im->cfg->n_paths && rc == TJ_OK; i++) {
        rc = import_file(im, im->cfg->paths[i], inputs[i].digest, err);
    }
    return end_run(im, rc, tj_clock_seconds() - start, err);
}

static tj_code check_config(tj_importer *im, tj_err *err)
{
    const tj_import_config *cfg = im->cfg;
    if (cfg->n_paths == 0 || cfg->n_paths > TJ_IMPORT_MAX_FILES) {
        return tj_fail(err, TJ_E_INVAL, "%zu files: expected 1 to %d", cfg->n_paths,
                       TJ_IMPORT_MAX_FILES);
    }
    if (cfg->set == NULL || cfg->set[0] == '\0' || strlen(cfg->set) > TJ_STORE_MAX_NAME) {
        return tj_fail(err, TJ_E_INVAL, "a set needs a name of 1 to %d bytes", TJ_STORE_MAX_NAME);
    }
    if ((cfg->format == TJ_DATA_FIELDS) != (cfg->map != NULL)) {
        return tj_fail(err, TJ_E_INVAL, "a map of fields goes with the format 'fields'");
    }
    return cfg->map == NULL ? TJ_OK : tj_data_map_parse(&im->map, cfg->map, err);
}

tj_code tj_import(tj_store *store, tj_import_result *out, const tj_import_config *cfg,
                  const char *build_id, const tj_import_listener *listener, const tj_job *job,
                  tj_err *err)
{
    tj_importer im = {.store = store, .cfg = cfg, .listener = listener, .job = job};
    tj_run_input inputs[TJ_IMPORT_MAX_FILES];
    char digests[TJ_IMPORT_MAX_FILES][TJ_SHA256_HEX];
    char name[96];
    *out = (tj_import_result){0};
    tj_code rc = check_config(&im, err);
    if (rc == TJ_OK) {
        rc = tj_import_inputs(inputs, digests, cfg->paths, cfg->n_paths, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    (void)snprintf(name, sizeof name, "import %.80s", cfg->set);
    json_t *config = config_json(cfg);
    tj_run_spec spec = {.stage = "import",
                        .name = name,
                        .config = config,
                        .inputs = inputs,
                        .n_inputs = cfg->n_paths,
                        .build_id = build_id,
                        .isa = "",
                        .n_threads = 1};
    tj_buf_init(&im.json);
    rc = config == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot describe the import")
                        : begin_run(&im, &out->was_done, &spec, err);
    if (rc == TJ_OK && !out->was_done) {
        rc = run_files(&im, inputs, err);
    }
    *out = (tj_import_result){
        .run = im.run, .set = im.set, .was_done = out->was_done, .counts = im.counts};
    tj_buf_deinit(&im.json);
    json_decref(config);
    return rc;
}
