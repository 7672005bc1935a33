/* thought import: annotated thinking in Markdown, and records in JSON, as records or as rows of a
 * workspace: the thought, the tree of what was tried, and what the author said of each step. */
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/common.h"
#include "cli/flow.h"
#include "cli/show.h"

#define STREAM_IMPORT 204 /* of the random numbers */

typedef struct import {
    tj_cli_flow flow; /* with --workspace; else zeroed */
    tj_cli_reader reader;
    tj_templates *templates;
    const tj_args *args;
    size_t seed;
    bool as_json;
    int64_t tok_row; /* of --tokenizer in the workspace; 0: not there yet */
} import;

static tj_code print_record(const tj_record *record, tj_err *err)
{
    json_t *json = tj_record_to_json(record);
    tj_code rc = tj_print_json_line(json, err);
    json_decref(json);
    return rc;
}

static tj_code print_human(const tj_human *human, const tj_record *record, bool as_json,
                           tj_err *err)
{
    if (as_json) {
        return print_record(record, err);
    }
    tj_print_text(tj_record_get(record, TJ_META_PROMPT),
                  strlen(tj_record_get(record, TJ_META_PROMPT)));
    printf("%s%zu entries, %zu ways back\n", human->meta[TJ_META_PROMPT] == NULL ? "" : "\n",
           human->n_lines, record->thought.n_backtracks);
    tj_print_spans(&record->thought);
    return TJ_OK;
}

/* ------------------------------------------------------------------ one file */

static bool is_file(const char *path)
{
    return path != NULL && strcmp(path, "-") != 0;
}

/* Files of records are told by their name. */
static bool is_json(const char *path)
{
    static const char *const ends[] = {".json", ".jsonl", ".ndjson"};
    for (size_t i = 0; path != NULL && i < sizeof ends / sizeof ends[0]; i++) {
        size_t n = strlen(path);
        size_t n_end = strlen(ends[i]);
        if (n > n_end && strcmp(path + n - n_end, ends[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Calls fn with each thought of a file; human is NULL where it is a record of JSON. */
typedef tj_code (*thought_fn)(import *im, const tj_human *human, tj_record *record,
                              const char *where, tj_err *err);

typedef struct reading {
    import *im;
    thought_fn fn;
    const tj_human *human; /* of the record at hand; NULL: none */
} reading;

static tj_code take_record(void *ctx, tj_record *record, const char *where, tj_err *err)
{
    reading *r = ctx;
    return r->fn(r->im, r->human, record, where, err);
}

/* The thought at *place; rng chooses sentences. */
static tj_code read_one(reading *r, const tj_buf *text, tj_human_place *place, const char *path,
                        tj_rng *rng, tj_err *err)
{
    tj_human human = {.n_lines = 0};
    tj_record record = {.n_tokens = 0};
    const char *name = is_file(path) ? path : "standard input";
    tj_code rc = tj_human_read_next(&human, place, tj_buf_text(text), text->len, name, err);
    if (rc == TJ_OK) {
        rc = tj_human_to_record(&record, &human, r->im->reader.tok, -1, r->im->templates, rng, err);
    }
    if (rc == TJ_OK && record.meta[TJ_META_SOURCE] == NULL && is_file(path)) {
        rc = tj_record_set(&record, TJ_META_SOURCE, path, strlen(path), err);
    }
    if (rc == TJ_OK) {
        r->human = &human;
        rc = tj_cli_reader_take(&r->im->reader, &record, name, err);
    }
    tj_record_deinit(&record);
    tj_human_deinit(&human);
    return rc;
}

static tj_code read_humans(reading *r, const tj_buf *text, const char *path, size_t index,
                           tj_err *err)
{
    tj_human_place place = {0};
    tj_code rc = TJ_OK;
    for (size_t i = 0; rc == TJ_OK && (i == 0 || place.at < text->len); i++) {
        tj_rng rng;
        tj_rng_init(&rng, r->im->seed, STREAM_IMPORT, index, i);
        rc = read_one(r, text, &place, path, &rng, err);
    }
    return rc;
}

static tj_code import_file(import *im, const char *path, size_t index, thought_fn fn, tj_err *err)
{
    tj_buf text;
    reading r = {im, fn, NULL};
    bool json = is_json(path);
    tj_buf_init(&text);
    im->reader.fn = take_record;
    im->reader.ctx = &r;
    tj_code rc = tj_read_input(&text, path, json ? TJ_MAX_RECORDS_BYTES : TJ_MAX_HUMAN_BYTES, err);
    if (rc == TJ_OK) {
        rc = json ? tj_records_read(tj_buf_text(&text), text.len, path, tj_cli_reader_take,
                                    &im->reader, err)
                  : read_humans(&r, &text, path, index, err);
    }
    tj_buf_deinit(&text);
    return rc;
}

static tj_code print_one(import *im, const tj_human *human, tj_record *record, const char *where,
                         tj_err *err)
{
    (void)where;
    if (human != NULL) {
        return print_human(human, record, im->as_json, err);
    }
    return print_record(record, err);
}

/* ------------------------------------------------------------------ in a workspace */

/* What a mark says as rewards of a node: the step is valid or not, the goal in reach or not. */
static tj_code reward_marks(import *im, tj_tree *tree, const tj_thought *t, const char *author,
                            tj_err *err)
{
    int64_t rewarder;
    tj_rewarder_spec spec = {.name = author, .kind = TJ_REWARDER_HUMAN};
    tj_code rc = tj_store_add_rewarder(im->flow.store, &rewarder, tj_thought_run_id(im->flow.run),
                                       &spec, err);
    for (size_t i = 0; i < t->n_spans && rc == TJ_OK; i++) {
        const tj_span *s = &t->spans[i];
        if (!tj_is_step(s) || s->editor != TJ_BY_HUMAN || s->mark == TJ_MARK_NONE) {
            continue;
        }
        bool valid = s->mark != TJ_MARK_INVALID;
        tj_reward reward = {
            .node = s->node, .rewarder = author, .meaning = TJ_VALID, .value = valid ? 1.0 : 0.0};
        rc = tj_tree_add_reward(tree, &reward, err);
        if (rc == TJ_OK && valid) {
            reward.meaning = TJ_SOLVABLE;
            reward.value = s->mark == TJ_MARK_RIGHT ? 1.0 : 0.0;
            rc = tj_tree_add_reward(tree, &reward, err);
        }
    }
    return rc;
}

static tj_code add_tree(import *im, int64_t *id, tj_record *record, tj_err *err)
{
    tj_tree tree;
    const char *author = tj_record_get(record, TJ_META_AUTHOR);
    bool by_human = false;
    *id = 0;
    for (size_t i = 0; i < record->thought.n_spans; i++) {
        by_human = by_human || record->thought.spans[i].editor == TJ_BY_HUMAN;
    }
    tj_code rc = tj_thought_to_tree(&tree, &record->thought, record->correct, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (by_human) {
        rc = reward_marks(im, &tree, &record->thought, author[0] == 0 ? "human" : author, err);
    }
    if (rc == TJ_OK) {
        rc = tj_thought_run_tree(im->flow.run, id, &tree, err);
    }
    tj_tree_deinit(&tree);
    return rc;
}

static const char *kind_of(const tj_span *s)
{
    static const char *const kinds[] = {"step", "step", "reflect", "back", "verify", "conclude"};
    return !tj_is_step(s) || s->mark <= TJ_MARK_RIGHT ? kinds[s->action]
           : s->mark == TJ_MARK_INVALID               ? "wrong"
                                                      : "dead";
}

/* What a person wrote is an annotation of the span that it became. */
static tj_code annotate(import *im, int64_t thought, const tj_record *record, tj_err *err)
{
    const tj_thought *t = &record->thought;
    const char *author = tj_record_get(record, TJ_META_AUTHOR);
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < t->n_spans && rc == TJ_OK; i++) {
        const tj_span *s = &t->spans[i];
        if (s->editor != TJ_BY_HUMAN) {
            continue;
        }
        char *text = tj_strndup(t->text + s->begin, s->end - s->begin);
        tj_annotation a = {.thought = thought,
                           .node = TJ_NO_NODE,
                           .span = i,
                           .author = author[0] == 0 ? "human" : author,
                           .kind = kind_of(s),
                           .text = text};
        rc = text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot keep an annotation")
                          : tj_thought_run_annotate(im->flow.run, a, err);
        tj_free(text);
    }
    return rc;
}

static tj_code need_tokenizer(import *im, tj_err *err)
{
    tj_buf json;
    const tj_tokenizer *tok = im->reader.tok;
    if (tok == NULL || im->tok_row != 0) {
        return TJ_OK;
    }
    tj_buf_init(&json);
    tj_code rc = tj_tokenizer_to_json(tok, &json, err);
    if (rc == TJ_OK) {
        rc = tj_store_add_tokenizer(im->flow.store, &im->tok_row, tj_thought_run_id(im->flow.run),
                                    tj_args_get(im->args, "tokenizer"), tj_tokenizer_hash(tok),
                                    tj_buf_text(&json), json.len, err);
    }
    tj_buf_deinit(&json);
    return rc;
}

static tj_code keep_one(import *im, const tj_human *human, tj_record *record, const char *where,
                        tj_err *err)
{
    int64_t id;
    tj_buf source;
    tj_thought *t = &record->thought;
    tj_thought_row row = {.record = record};
    tj_buf_init(&source);
    tj_code rc = tj_thought_run_problem(im->flow.run, &t->problem, record, err);
    if (rc == TJ_OK && t->n_spans > 0) {
        rc = add_tree(im, &row.tree, record, err);
    }
    if (rc == TJ_OK && t->ids != NULL) {
        rc = need_tokenizer(im, err);
        row.tokenizer = im->tok_row;
    }
    if (rc == TJ_OK && human != NULL) {
        tj_human_write(human, &source);
        rc = tj_buf_check(&source, err);
        row.made_of = tj_buf_text(&source);
    }
    if (rc == TJ_OK) {
        rc = tj_thought_run_put(im->flow.run, &id, &row, err);
    }
    if (rc == TJ_OK) {
        rc = annotate(im, id, record, err);
    }
    tj_buf_deinit(&source);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s", where);
    }
    return rc;
}

static tj_code import_item(void *ctx, tj_thought_run *run, size_t item, tj_err *err)
{
    (void)run;
    import *im = ctx;
    im->tok_row = 0; /* what an item that failed added is gone; it is found again by its hash */
    return import_file(im, tj_args_operand(im->args, item), item, keep_one, err);
}

/* The files as inputs, or, where they are too many for that, all as one. */
static tj_code digest_files(tj_run_input *inputs, char (*digests)[TJ_SHA256_HEX], size_t *n,
                            const tj_args *args, tj_err *err)
{
    tj_buf all;
    size_t n_files = tj_args_n_operands(args);
    tj_code rc = TJ_OK;
    bool apart = n_files <= TJ_STORE_MAX_INPUTS;
    tj_buf_init(&all);
    for (size_t i = 0; i < n_files && rc == TJ_OK; i++) {
        const char *path = tj_args_operand(args, i);
        char *digest = digests[apart ? i : 0];
        rc = is_file(path) ? tj_sha256_file(digest, path, err)
                           : tj_fail(err, TJ_E_INVAL,
                                     "with --workspace thoughts come from files, so that a run "
                                     "that was stopped can go on");
        tj_buf_printf(&all, "%s\n", digest);
        inputs[apart ? i : 0] =
            (tj_run_input){.role = apart ? path : "files", .kind = "file", .digest = digest};
    }
    if (!apart) {
        tj_sha256_hex(digests[0], tj_buf_text(&all), all.len);
    }
    *n = apart ? n_files : 1;
    tj_buf_deinit(&all);
    return rc;
}

static tj_code run_in_workspace(import *im, tj_err *err)
{
    char digests[TJ_STORE_MAX_INPUTS][TJ_SHA256_HEX];
    tj_run_input inputs[TJ_STORE_MAX_INPUTS];
    size_t n_inputs = 0;
    size_t n_files = tj_args_n_operands(im->args);
    if (n_files == 0) {
        return tj_fail(err, TJ_E_INVAL, "name the files to import");
    }
    tj_code rc = digest_files(inputs, digests, &n_inputs, im->args, err);
    if (rc == TJ_OK) {
        rc = tj_cli_flow_open(&im->flow, im->args, true, err);
    }
    if (rc == TJ_OK) {
        json_t *config = json_pack(
            "{s:s?, s:s?, s:b}", "tokenizer", tj_args_get(im->args, "tokenizer"), "sentences",
            tj_args_get(im->args, "sentences"), "by_rules", (int)im->reader.by_rules);
        rc = tj_cli_flow_begin(&im->flow, "import-thoughts", config, im->seed, inputs, n_inputs,
                               err);
    }
    if (rc == TJ_OK) {
        rc = tj_thought_run_items(im->flow.run, n_files, import_item, im, err);
        rc = tj_cli_flow_end(&im->flow, im->args, rc, NULL, 0, err);
    }
    tj_cli_flow_close(&im->flow);
    return rc;
}

tj_code tj_cmd_thought_import(const tj_args *args, tj_err *err)
{
import im = {.args = args, .as_json = tj_args_has(args, "json") };
    tj_code rc = tj_args_size(args, "seed", 1, SIZE_MAX, &im.seed, err);
    if (rc == TJ_OK) {
        rc = tj_templates_create(&im.templates, err);
    }
    for (size_t i = 0; rc == TJ_OK && tj_args_nth(args, "sentences", i) != NULL; i++) {
        rc = tj_templates_add_file(im.templates, tj_args_nth(args, "sentences", i), err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_reader_open(&im.reader, args, NULL, NULL, err);
    }
    if (rc == TJ_OK && tj_cli_has_workspace(args)) {
        rc = run_in_workspace(&im, err);
    } else {
        for (size_t i = 0; rc == TJ_OK && (i == 0 || i < tj_args_n_operands(args)); i++) {
            rc = import_file(&im, tj_args_operand(args, i), i, print_one, err);
        }
    }
    tj_cli_reader_close(&im.reader);
    tj_templates_destroy(im.templates);
    return rc;
}
