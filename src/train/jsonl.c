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
    const tj_example_format *format;
    tj_encoder *encoder;
    tj_ids ids, learned;
    tj_chat chat;
} reader;

static tj_code wrong_type(const reader *r, const char *field, const char *expected,
                          const json_t *found, tj_err *err)
{
    static const char *const types[] = {"an object", "an array", "text",  "an integer",
                                        "a number",  "true",     "false", "null"};
    if (found == NULL) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: %s is missing", r->path, r->line, field);
    }
    return tj_fail(err, TJ_E_PARSE, "%s:%zu: %s: expected %s, found %s", r->path, r->line, field,
                   expected, types[json_typeof(found)]);
}

/* ------------------------------------------------------------------ plain text */

static tj_code add_learned(reader *r, int32_t learned, tj_err *err)
{
    tj_code rc = TJ_OK;
    while (r->learned.n < r->ids.n && rc == TJ_OK) {
        rc = tj_ids_add(&r->learned, &learned, 1, err);
    }
    return rc;
}

static tj_code add_token(reader *r, int32_t id, int32_t learned, tj_err *err)
{
    tj_code rc = id >= 0 ? tj_ids_add(&r->ids, &id, 1, err) : TJ_OK;
    return rc == TJ_OK ? add_learned(r, learned, err) : rc;
}

static tj_code add_text(reader *r, const json_t *object, const char *field, int32_t learned,
                        tj_err *err)
{
    const json_t *text = json_object_get(object, field);
    if (!json_is_string(text)) {
        return wrong_type(r, field, "text", text, err);
    }
    tj_code rc = tj_encoder_encode(r->encoder, &r->ids, json_string_value(text),
                                   json_string_length(text), false, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s:%zu: %s", r->path, r->line, field);
        return rc;
    }
    return add_learned(r, learned, err);
}

static tj_code add_plain(reader *r, const json_t *object, tj_err *err)
{
    tj_code rc = add_token(r, r->format->begin, 0, err);
    if (rc == TJ_OK) {
        rc = add_text(r, object, "prompt", 0, err);
    }
    if (rc == TJ_OK) {
        rc = add_text(r, object, "completion", 1, err);
    }
    return rc == TJ_OK ? add_token(r, r->format->end, 1, err) : rc;
}

/* ------------------------------------------------------------------ messages */

#define MAX_MESSAGES 1024 /* turns of one conversation */

static tj_code read_message(const reader *r, const char *field, const json_t *from, tj_message *to,
                            tj_err *err)
{
    static const char *const roles[] = {"system", "user", "assistant"};
    const char *role = json_string_value(json_object_get(from, "role"));
    const json_t *content = json_object_get(from, "content");
    for (size_t i = 0; role != NULL && i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(role, roles[i]) == 0 && json_is_string(content)) {
            *to = (tj_message){(tj_role)i, json_string_value(content), json_string_length(content)};
            return TJ_OK;
        }
    }
    return tj_fail(err, TJ_E_PARSE,
                   "%s:%zu: %s: a message needs a role (system, user or assistant) and a content "
                   "that is text",
                   r->path, r->line, field);
}

static tj_code read_messages(const reader *r, const json_t *object, const char *field,
                             tj_message *messages, size_t *n, tj_err *err)
{
    const json_t *list = json_object_get(object, field);
    size_t i;
    json_t *one;
    if (!json_is_array(list)) {
        return wrong_type(r, field, "a list of messages", list, err);
    }
    json_array_foreach(list, i, one)
    {
        if (*n == MAX_MESSAGES) {
            return tj_fail(err, TJ_E_LIMIT, "%s:%zu: %s: more than %d messages", r->path, r->line,
                           field, MAX_MESSAGES);
        }
        tj_code rc = read_message(r, field, one, &messages[(*n)++], err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

/* Keeps only the last stretch of learnt tokens. */
static void learn_last(reader *r, size_t begin)
{
    size_t i = r->learned.n;
    while (i > begin && r->learned.ids[i - 1] == 0) {
        i--;
    }
    while (i > begin && r->learned.ids[i - 1] == 1) {
        i--;
    }
    memset(r->learned.ids + begin, 0, (i - begin) * sizeof *r->learned.ids);
}

static tj_code add_chat(reader *r, const json_t *object, bool split, tj_err *err)
{
    tj_message messages[MAX_MESSAGES];
    size_t n = 0;
    size_t begin = r->ids.n;
    if (!r->format->has_chat) {
        return tj_fail(err, TJ_E_INVAL,
                       "%s:%zu: messages need a chat template: name one with --chat-template",
                       r->path, r->line);
    }
    tj_code rc = read_messages(r, object, split ? "prompt" : "messages", messages, &n, err);
    size_t n_prompt = n;
    if (rc == TJ_OK && split) {
        rc = read_messages(r, object, "completion", messages, &n, err);
    }
    if (rc == TJ_OK && split && (n != n_prompt + 1 || messages[n - 1].role != TJ_ROLE_ASSISTANT)) {
        rc = tj_fail(err, TJ_E_PARSE, "%s:%zu: completion: expected one message of the assistant",
                     r->path, r->line);
    }
    if (rc == TJ_OK) {
        rc = tj_chat_render(&r->chat, r->format->chat, messages, n, (tj_chat_options){0}, err);
        if (rc == TJ_OK) {
            rc = tj_chat_encode(r->encoder, &r->chat, &r->ids, &r->learned, err);
        }
        if (rc != TJ_OK) {
            tj_err_context(err, "%s:%zu", r->path, r->line);
        }
    }
    if (rc == TJ_OK && split) {
        learn_last(r, begin);
    }
    return rc;
}

/* ------------------------------------------------------------------ lines */

static tj_code add_example(tj_examples *out, reader *r, const json_t *object, tj_err *err)
{
    if (!tj_grow(&out->examples, &out->cap, out->n + 1, sizeof *out->examples)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu examples", out->n + 1);
    }
    tj_example *e = &out->examples[out->n];
    *e = (tj_example){.begin = r->ids.n};
    bool messages = json_object_get(object, "messages") != NULL;
    bool split = !messages && json_is_array(json_object_get(object, "prompt"));
    tj_code rc = messages || split ? add_chat(r, object, split, err) : add_plain(r, object, err);
    e->n = r->ids.n - e->begin;
    if (rc == TJ_OK && e->n > r->format->max_tokens) {
        rc = tj_fail(err, TJ_E_LIMIT,
                     "%s:%zu: %zu tokens with those around the texts, but the model reads %zu at "
                     "most",
                     r->path, r->line, e->n, r->format->max_tokens);
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
    tj_code rc = object == NULL
                     ? tj_fail(err, TJ_E_PARSE, "%s:%zu: not JSON: %s", r->path, r->line, why.text)
                 : json_is_object(object)
                     ? add_example(out, r, object, err)
                     : tj_fail(err, TJ_E_PARSE,
                               "%s:%zu: expected an object with prompt and completion, or messages",
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

static tj_code read_lines(tj_examples *out, reader *r, const tj_fs_map *map, tj_err *err)
{
    const char *at = (const char *)map->data;
    tj_code rc = TJ_OK;
    if (map->n_bytes >= 4 && memcmp(at, "PAR1", 4) == 0) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s is Parquet: write it as JSON lines first (in Python: "
                       "datasets.load_dataset(...).to_json(\"file.jsonl\"))",
                       r->path);
    }
    for (size_t left = map->n_bytes; left > 0 && rc == TJ_OK; r->line++) {
        const char *newline = memchr(at, '\n', left);
        size_t n = newline == NULL ? left : (size_t)(newline - at);
        rc = is_blank(at, n) ? TJ_OK : read_line(out, r, at, n, err);
        size_t used = newline == NULL ? n : n + 1;
        at += used;
        left -= used;
    }
    return rc == TJ_OK && out->n == 0 ? tj_fail(err, TJ_E_PARSE, "%s has no examples", r->path)
                                      : rc;
}

tj_code tj_examples_load(tj_examples *out, const char *path, const tj_example_format *format,
                         tj_err *err)
{
    reader r = {.path = path, .line = 1, .format = format};
    tj_fs_map map = {0};
    memset(out, 0, sizeof *out);
    tj_code rc = tj_fs_map_open(&map, path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_chat_init(&r.chat);
    rc = tj_encoder_create(&r.encoder, format->tok, err);
    if (rc == TJ_OK) {
        rc = read_lines(out, &r, &map, err);
    }
    if (rc == TJ_OK) {
        tj_sha256_hex(out->digest, map.data, map.n_bytes);
    }
    tj_fs_map_close(&map);
    tj_encoder_destroy(r.encoder);
    tj_chat_deinit(&r.chat);
    out->ids = r.ids.ids; /* taken: all are freed with tj_free */
    out->learned = r.learned.ids;
    out->n_ids = r.ids.n;
    if (rc != TJ_OK) {
        tj_examples_deinit(out);
    }
    return rc;
}

void tj_examples_deinit(tj_examples *examples)
{
    tj_free(examples->ids);
    tj_free(examples->learned);
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

/* Stretch by stretch of tokens that are, or are not, learnt. */
static tj_code add_to_batch(const tj_examples *all, const tj_example *e, tj_batch *batch,
                            tj_err *err)
{
    const int32_t *ids = all->ids + e->begin;
    const int32_t *learned = all->learned + e->begin;
    tj_code rc = tj_batch_begin(batch, err);
    for (size_t at = 0; at < e->n && rc == TJ_OK;) {
        size_t n = 1;
        while (at + n < e->n && learned[at + n] == learned[at]) {
            n++;
        }
        rc = tj_batch_add(batch, ids + at, n, (float)learned[at], err);
        at += n;
    }
    return rc;
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
        rc = add_to_batch(s->examples, e, batch, err);
    }
    return rc;
}
