/* Examples from JSON lines. Lines are parsed one at a time and freed at once, so that memory grows
 * by eight bytes a token, whatever else stands in the file; Jansson does the parsing, since a line
 * is small and its errors are good. What kind of examples a file holds is seen from the fields of
 * its first line, and all others must be of that kind. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "train/jsonl.h"

static bool has(const json_t *object, const char *field)
{
    return json_object_get(object, field) != NULL;
}

/* Data sets carry fields beside those that are read, so the rarer names decide. */
static tj_example_kind kind_of(const json_t *object)
{
    return has(object, "chosen") || has(object, "rejected")      ? TJ_EXAMPLE_PAIRS
           : has(object, "completions") || has(object, "labels") ? TJ_EXAMPLE_STEPS
                                                                 : TJ_EXAMPLE_COMPLETIONS;
}

static tj_code read_object(tj_jsonl *j, const json_t *object, tj_err *err)
{
    static const char *const names[] = {"a completion", "a preference pair", "labelled steps"};
    static tj_code (*const forms[])(tj_jsonl *, const json_t *, tj_err *) = {
        tj_jsonl_completion, tj_jsonl_pair, tj_jsonl_steps};
    tj_example_kind kind = kind_of(object);
    if (kind == TJ_EXAMPLE_COMPLETIONS && json_is_boolean(json_object_get(object, "label"))) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s:%zu: label: unpaired preferences (KTO) are not supported: expected "
                       "pairs with chosen and rejected",
                       j->path, j->line);
    }
    if (j->first_line == 0) {
        j->first_line = j->line;
        j->out->kind = kind;
    }
    if (kind != j->out->kind) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: %s, but line %zu has %s: a file holds one kind",
                       j->path, j->line, names[kind], j->first_line, names[j->out->kind]);
    }
    return forms[kind](j, object, err);
}

static tj_code read_line(tj_jsonl *j, const char *line, size_t n, tj_err *err)
{
    json_error_t why;
    if (n > TJ_MAX_JSONL_LINE) {
        return tj_fail(err, TJ_E_LIMIT, "%s:%zu: a line of %zu bytes, at most %zu are read",
                       j->path, j->line, n, TJ_MAX_JSONL_LINE);
    }
    size_t valid = tj_utf8_check(line, n);
    if (valid < n) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: not UTF-8 at byte %zu of the line", j->path,
                       j->line, valid + 1);
    }
    json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    tj_code rc = object == NULL
                     ? tj_fail(err, TJ_E_PARSE, "%s:%zu: not JSON: %s", j->path, j->line, why.text)
                 : json_is_object(object)
                     ? read_object(j, object, err)
                     : tj_fail(err, TJ_E_PARSE,
                               "%s:%zu: expected an object with prompt and completion, messages, "
                               "chosen and rejected, or completions and labels",
                               j->path, j->line);
    json_decref(object);
    return rc;
}

static bool is_blank(const char *line, size_t n)
{
    size_t i = 0;
    while (i < n && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r')) {
        i++;
    }
    return i == n;
}

static tj_code read_lines(tj_jsonl *j, const char *at, size_t n_bytes, tj_err *err)
{
    tj_code rc = TJ_OK;
    if (n_bytes >= 4 && memcmp(at, "PAR1", 4) == 0) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s is Parquet: write it as JSON lines first (in Python: "
                       "datasets.load_dataset(...).to_json(\"file.jsonl\"))",
                       j->path);
    }
    for (size_t left = n_bytes; left > 0 && rc == TJ_OK; j->line++) {
        const char *newline = memchr(at, '\n', left);
        size_t n = newline == NULL ? left : (size_t)(newline - at);
        rc = is_blank(at, n) ? TJ_OK : read_line(j, at, n, err);
        size_t used = newline == NULL ? n : n + 1;
        at += used;
        left -= used;
    }
    return rc == TJ_OK && j->out->n == 0 ? tj_fail(err, TJ_E_PARSE, "%s has no examples", j->path)
                                         : rc;
}

tj_code tj_examples_parse(tj_examples *out, const void *bytes, size_t n_bytes, const char *name,
                          const tj_example_format *format, tj_err *err)
{
    tj_jsonl j = {.path = name, .line = 1, .format = format, .out = out};
    memset(out, 0, sizeof *out);
    tj_chat_init(&j.chat);
    tj_code rc = tj_encoder_create(&j.encoder, format->tok, err);
    if (rc == TJ_OK) {
        rc = read_lines(&j, bytes, n_bytes, err);
    }
    if (rc == TJ_OK) {
        tj_sha256_hex(out->digest, bytes, n_bytes);
    }
    tj_encoder_destroy(j.encoder);
    tj_chat_deinit(&j.chat);
    out->ids = j.ids.ids; /* taken: all are freed with tj_free */
    out->learned = j.learned.ids;
    out->n_ids = j.ids.n;
    if (rc != TJ_OK) {
        tj_examples_deinit(out);
    }
    return rc;
}

tj_code tj_examples_load(tj_examples *out, const char *path, const tj_example_format *format,
                         tj_err *err)
{
    tj_fs_map map = {0};
    memset(out, 0, sizeof *out);
    tj_code rc = tj_fs_map_open(&map, path, err);
    if (rc == TJ_OK) {
        rc = tj_examples_parse(out, map.data, map.n_bytes, path, format, err);
        tj_fs_map_close(&map);
    }
    return rc;
}

size_t tj_examples_group(const tj_examples *examples)
{
    return examples->kind == TJ_EXAMPLE_PAIRS ? 2 : 1;
}

size_t tj_examples_n_lines(const tj_examples *examples)
{
    return examples->lines != NULL ? examples->n_lines : examples->n / tj_examples_group(examples);
}

size_t tj_examples_line(const tj_examples *examples, size_t line, size_t *first)
{
    size_t group = tj_examples_group(examples);
    *first = examples->lines != NULL ? examples->lines[line] : line * group;
    return examples->lines != NULL ? examples->lines[line + 1] - *first : group;
}

void tj_examples_deinit(tj_examples *examples)
{
    tj_free(examples->lines);
    tj_free(examples->ids);
    tj_free(examples->learned);
    tj_free(examples->examples);
    tj_free(examples->labels);
    tj_free(examples->references);
    memset(examples, 0, sizeof *examples);
}
