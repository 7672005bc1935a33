/* Examples from JSON lines. Lines are parsed one at a time and freed at once, so that memory grows
 * by four bytes a token, whatever else stands in the file; Jansson does the parsing, since a line
 * is small and its errors are good. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/rng.h"
#include "train/train.h"

#define STREAM_ORDER 204 /* of the random numbers that order an epoch's examples */

/* Where reading stands. */
typedef struct reader {
    const char *path;
    size_t line; /* 1-based */
    const tj_tokenizer *tok;
    int32_t eos;
    size_t max_tokens;
    tj_ids ids;
} reader;

/* The text of a field of this line, or an error. */
static tj_code text_of(const reader *r, const json_t *object, const char *field, const char **text,
                       size_t *len, tj_err *err)
{
    static const char *const types[] = {"an object", "an array", "text",  "an integer",
                                        "a number",  "true",     "false", "null"};
    const json_t *value = json_object_get(object, field);
    if (value == NULL) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: %s is missing", r->path, r->line, field);
    }
    if (!json_is_string(value)) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: %s: expected text, found %s", r->path, r->line,
                       field, types[json_typeof(value)]);
    }
    *text = json_string_value(value);
    *len = json_string_length(value);
    return TJ_OK;
}

static tj_code encode(reader *r, const json_t *object, const char *field, tj_err *err)
{
    const char *text = NULL;
    size_t len = 0;
    tj_code rc = text_of(r, object, field, &text, &len, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tj_tokenizer_encode(r->tok, &r->ids, text, len, false, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s:%zu: %s", r->path, r->line, field);
    }
    return rc;
}

static tj_code add_example(tj_examples *out, reader *r, const json_t *object, tj_err *err)
{
    if (!tj_grow(&out->examples, &out->cap, out->n + 1, sizeof *out->examples)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu examples", out->n + 1);
    }
    tj_example *e = &out->examples[out->n];
    *e = (tj_example){.begin = r->ids.n};
    tj_code rc = tj_ids_add(&r->ids, &r->eos, 1, err);
    if (rc == TJ_OK) {
        rc = encode(r, object, "prompt", err);
        e->n_prompt = r->ids.n - e->begin;
    }
    if (rc == TJ_OK) {
        rc = encode(r, object, "completion", err);
    }
    if (rc == TJ_OK) {
        rc = tj_ids_add(&r->ids, &r->eos, 1, err);
    }
    e->n = r->ids.n - e->begin;
    if (rc == TJ_OK && e->n > r->max_tokens) {
        rc = tj_fail(err, TJ_E_LIMIT,
                     "%s:%zu: %zu tokens with the end tokens, but the model reads %zu at most",
                     r->path, r->line, e->n, r->max_tokens);
    }
    out->n += rc == TJ_OK ? 1 : 0;
    return rc;
}

static tj_code read_line(tj_examples *out, reader *r, const char *line, size_t n, tj_err *err)
{
    json_error_t why;
    if (n > TJ_MAX_JSONL_LINE) {
        return tj_fail(err, TJ_E_LIMIT, "%s:%zu: a line of %zu bytes, at most %zu are read",
                       r->path, r->line, n, TJ_MAX_JSONL_LINE);
    }
    size_t valid = tj_utf8_check(line, n);
    if (valid < n) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: not UTF-8 at byte %zu of the line", r->path,
                       r->line, valid + 1);
    }
    json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    tj_code rc =
        object == NULL
            ? tj_fail(err, TJ_E_PARSE, "%s:%zu: not JSON: %s", r->path, r->line, why.text)
        : json_is_object(object)
            ? add_example(out, r, object, err)
            : tj_fail(err, TJ_E_PARSE, "%s:%zu: expected an object with prompt and completion",
                      r->path, r->line);
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

tj_code tj_examples_load(tj_examples *out, const char *path, const tj_tokenizer *tok, int32_t eos,
                         size_t max_tokens, tj_err *err)
{
    reader r = {.path = path, .line = 1, .tok = tok, .eos = eos, .max_tokens = max_tokens};
    tj_fs_map map = {0};
    memset(out, 0, sizeof *out);
    tj_code rc = tj_fs_map_open(&map, path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    const char *at = (const char *)map.data;
    for (size_t left = map.n_bytes; left > 0 && rc == TJ_OK; r.line++) {
        const char *newline = memchr(at, '\n', left);
        size_t n = newline == NULL ? left : (size_t)(newline - at);
        rc = is_blank(at, n) ? TJ_OK : read_line(out, &r, at, n, err);
        size_t used = newline == NULL ? n : n + 1;
        at += used;
        left -= used;
    }
    if (rc == TJ_OK && out->n == 0) {
        rc = tj_fail(err, TJ_E_PARSE, "%s has no examples", path);
    }
    if (rc == TJ_OK) {
        tj_sha256_hex(out->digest, map.data, map.n_bytes);
    }
    tj_fs_map_close(&map);
    out->ids = r.ids.ids; /* taken: both are freed with tj_free */
    out->n_ids = r.ids.n;
    if (rc != TJ_OK) {
        tj_examples_deinit(out);
    }
    return rc;
}

void tj_examples_deinit(tj_examples *examples)
{
    tj_free(examples->ids);
    tj_free(examples->examples);
    memset(examples, 0, sizeof *examples);
}

/* ------------------------------------------------------------------ the source */

tj_code tj_example_source_init(tj_example_source *s, const tj_examples *examples, size_t per_update,
                               uint64_t seed, tj_err *err)
{
    *s = (tj_example_source){.examples = examples,
                             .per_update = per_update,
                             .seed = seed,
                             .order = tj_calloc(examples->n, sizeof *s->order),
                             .order_epoch = SIZE_MAX};
    if (per_update == 0) {
        tj_example_source_deinit(s);
        return tj_fail(err, TJ_E_INVAL, "an update needs at least one example");
    }
    return s->order == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot order %zu examples", examples->n)
                            : TJ_OK;
}

void tj_example_source_deinit(tj_example_source *s)
{
    tj_free(s->order);
    s->order = NULL;
}

size_t tj_example_source_updates(const tj_example_source *s)
{
    return s->examples->n / s->per_update + (s->examples->n % s->per_update > 0 ? 1 : 0);
}

tj_code tj_example_source_fill(void *ctx, size_t update, tj_batch *batch, tj_err *err)
{
    tj_example_source *s = ctx;
    size_t n = s->examples->n;
    size_t an_epoch = tj_example_source_updates(s);
    size_t epoch = update / an_epoch;
    size_t first = update % an_epoch * s->per_update;
    if (s->order_epoch != epoch) {
        tj_rng rng;
        for (size_t i = 0; i < n; i++) {
            s->order[i] = i;
        }
        tj_rng_init(&rng, s->seed, STREAM_ORDER, epoch, 0);
        tj_rng_shuffle(&rng, s->order, n);
        s->order_epoch = epoch;
    }
    tj_code rc = TJ_OK;
    for (size_t i = first; i < n && i - first < s->per_update && rc == TJ_OK; i++) {
        const tj_example *e = &s->examples->examples[s->order[i]];
        const int32_t *ids = s->examples->ids + e->begin;
        rc = tj_batch_begin(batch, err);
        if (rc == TJ_OK) {
            rc = tj_batch_add(batch, ids, e->n_prompt, 0.0F, err);
        }
        if (rc == TJ_OK) {
            rc = tj_batch_add(batch, ids + e->n_prompt, e->n - e->n_prompt, 1.0F, err);
        }
    }
    return rc;
}
