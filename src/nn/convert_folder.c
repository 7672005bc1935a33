/* A Hugging Face folder. Each file is written whole under another name, NAME.next, the weights
 * last since they are the largest; then all get their names, config.json last. A full disk thus
 * leaves what was there. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fs.h"
#include "nn/convert.h"
#include "nn/hf_config.h"
#include "nn/safetensors.h"
#include "text/text.h"

#define MAX_NEXT 16 /* files of a folder */

/* Files beside the model that come along from folder to folder. Readers of a folder take whichever
 * are there, so that others' are not left beside a model. */
static const char *const companions[] = {
    "tokenizer.json",      "tokenizer_config.json",  "special_tokens_map.json", "added_tokens.json",
    "chat_template.jinja", "generation_config.json", "tokenizer.model",         "vocab.json",
    "merges.txt"};
#define N_COMPANIONS (sizeof companions / sizeof companions[0])

/* A file that is written as NAME.next. Its paths are made before, so that giving names cannot fail
 * for want of memory. */
typedef struct next_file {
    const char *name;
    char *path, *next_path;
} next_file;

typedef struct folder {
    const char *dir;
    next_file files[MAX_NEXT]; /* the configuration first, the weights last */
    size_t n;
} folder;

static tj_code no_memory(const folder *f, tj_err *err)
{
    return tj_fail(err, TJ_E_NOMEM, "cannot write to %s", f->dir);
}

/* Adds a file, to be written at its next_path. */
static tj_code add_file(folder *f, const char *name, tj_err *err)
{
    char next[64];
    next_file *file = &f->files[f->n++];
    snprintf(next, sizeof next, "%s.next", name);
    *file = (next_file){name, tj_fs_join(f->dir, name), tj_fs_join(f->dir, next)};
    return file->path == NULL || file->next_path == NULL ? no_memory(f, err) : TJ_OK;
}

static tj_code write_next(folder *f, const char *name, const char *bytes, size_t n, tj_err *err)
{
    tj_code rc = add_file(f, name, err);
    return rc == TJ_OK ? tj_fs_write(f->files[f->n - 1].next_path, bytes, n, err) : rc;
}

/* Gives the files their names, from the last to the first. When the first one to go has its name,
 * the others follow, whatever fails meanwhile: the new model is whole, or the old one. */
static tj_code name_files(folder *f, tj_err *err)
{
    tj_code first = TJ_OK;
    for (size_t i = f->n; i-- > 0;) {
        const next_file *file = &f->files[i];
        tj_code rc = tj_fs_rename(file->next_path, file->path, first == TJ_OK ? err : NULL);
        first = first == TJ_OK ? rc : first;
        if (rc != TJ_OK && i + 1 == f->n && tj_fs_exists(file->next_path)) {
            return rc;
        }
    }
    return first;
}

/* Removes what has no name yet. */
static void folder_deinit(folder *f)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->files[i].next_path != NULL) {
            (void)remove(f->files[i].next_path);
        }
        tj_free(f->files[i].path);
        tj_free(f->files[i].next_path);
    }
}

/* ------------------------------------------------------------------ config.json */

/* The decimal number that a file meant which could hold it in f32 only: the shortest one that
 * rounds to it. 9.99999975e-06 is 1e-05 again. */
static double as_meant(double x)
{
    float f = (float)x;
    if ((double)f != x) {
        return x;
    }
    for (int digits = 1; digits < 10; digits++) {
        char text[32];
        snprintf(text, sizeof text, "%.*g", digits, x);
        double shorter = strtod(text, NULL);
        if ((float)shorter == f) {
            return shorter;
        }
    }
    return x;
}

static void mean_numbers(tj_model_config *c)
{
    c->norm_eps = as_meant(c->norm_eps);
    for (size_t i = 0; i < c->n_rope; i++) {
        c->rope[i].theta = as_meant(c->rope[i].theta);
        c->rope[i].factor = as_meant(c->rope[i].factor);
        c->rope[i].low_freq_factor = as_meant(c->rope[i].low_freq_factor);
        c->rope[i].high_freq_factor = as_meant(c->rope[i].high_freq_factor);
        c->rope[i].beta_fast = as_meant(c->rope[i].beta_fast);
        c->rope[i].beta_slow = as_meant(c->rope[i].beta_slow);
    }
}

/* The type that transformers loads the model in where it is asked to follow the files. */
static const char *dtype_name(const tj_conversion *c)
{
    tj_ggml_type type = tj_conversion_main_type(c);
    return type == TJ_GGML_BF16 ? "bfloat16" : type == TJ_GGML_F16 ? "float16" : "float32";
}

static tj_code write_config(folder *f, const tj_conversion *c, tj_err *err)
{
    tj_model_config cfg = *tj_source_config(c->source);
    if (tj_source_is_gguf(c->source)) {
        mean_numbers(&cfg);
    }
    json_t *j = tj_hf_config_write(&cfg, tj_source_family(c->source), TJ_F32);
    json_object_set_new(j, "torch_dtype", json_string(dtype_name(c)));
    char *text = j == NULL ? NULL : json_dumps(j, JSON_INDENT(2));
    tj_code rc =
        text == NULL ? no_memory(f, err) : write_next(f, "config.json", text, strlen(text), err);
    free(text); /* Jansson's own allocation */
    json_decref(j);
    return rc;
}

/* ------------------------------------------------------------------ the tokenizer */

typedef tj_code (*make_fn)(const tj_tokenizer *tok, tj_buf *out, tj_err *err);

static tj_code write_made(folder *f, const tj_tokenizer *tok, make_fn make, const char *name,
                          tj_err *err)
{
    tj_buf text;
    tj_buf_init(&text);
    tj_code rc = make(tok, &text, err);
    if (rc == TJ_OK) {
        rc = write_next(f, name, tj_buf_text(&text), text.len, err);
    }
    tj_buf_deinit(&text);
    return rc;
}

/* A GGUF's tokenizer as tokenizer.json. One that is not understood does not keep the weights from
 * being converted. */
static tj_code write_tokenizer(folder *f, tj_conversion *c, tj_err *err)
{
    tj_tokenizer *tok = NULL;
    tj_err why;
    if (!tj_conversion_has_tokenizer(c)) {
        tj_conversion_note(c, "no tokenizer: the source has none");
        return TJ_OK;
    }
    if (tj_tokenizer_read_gguf(&tok, tj_source_gguf(c->source), &why) != TJ_OK) {
        tj_conversion_note(c, "no tokenizer.json: %s", why.msg);
        return TJ_OK;
    }
    tj_code rc = write_made(f, tok, tj_tokenizer_to_json, "tokenizer.json", err);
    if (rc == TJ_OK) {
        rc = write_made(f, tok, tj_tokenizer_config_to_json, "tokenizer_config.json", err);
    }
    if (rc == TJ_OK) {
        tj_conversion_note(c, "tokenizer.json is made of the file's vocabulary (%s)",
                           tj_tokenizer_kind(tok));
    }
    tj_tokenizer_destroy(tok);
    return rc;
}

/* ------------------------------------------------------------------ the files beside */

static tj_code copy_companion(folder *f, const tj_conversion *c, const char *name, tj_err *err)
{
    char *bytes = NULL;
    size_t n;
    char *path = tj_fs_join(c->from, name);
    tj_code rc = path == NULL ? no_memory(f, err) : TJ_OK;
    if (rc == TJ_OK && tj_fs_exists(path)) {
        rc = tj_fs_read(&bytes, &n, path, TJ_MAX_TOKENIZER_BYTES, err);
        rc = rc == TJ_OK ? write_next(f, name, bytes, n, err) : rc;
    }
    tj_free(bytes);
    tj_free(path);
    return rc;
}

static tj_code copy_companions(folder *f, tj_conversion *c, tj_err *err)
{
    size_t before = f->n;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < N_COMPANIONS && rc == TJ_OK; i++) {
        rc = copy_companion(f, c, companions[i], err);
    }
    if (rc == TJ_OK && f->n == before) {
        tj_conversion_note(c, "no tokenizer: the source has none");
    }
    return rc;
}

static tj_code write_companions(folder *f, tj_conversion *c, tj_err *err)
{
    return tj_source_is_gguf(c->source) ? write_tokenizer(f, c, err) : copy_companions(f, c, err);
}

tj_code tj_model_copy_companions(const char *from, const char *to, tj_err *err)
{
    tj_conversion c = {.from = from, .to = to};
    folder f = {.dir = to};
    tj_code rc = tj_source_open(&c.source, from, err);
    if (rc == TJ_OK) {
        rc = write_companions(&f, &c, err);
    }
    if (rc == TJ_OK) {
        rc = name_files(&f, err);
    }
    folder_deinit(&f);
    tj_source_close(c.source);
    return rc;
}

static bool will_write(const folder *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++) {
        if (strcmp(f->files[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static tj_code check_stranger(const folder *f, const char *name, tj_err *err)
{
    char *path = tj_fs_join(f->dir, name);
    tj_code rc = path == NULL ? no_memory(f, err) : TJ_OK;
    if (rc == TJ_OK && !will_write(f, name) && tj_fs_exists(path)) {
        rc = tj_fail(err, TJ_E_CONFLICT,
                     "%s is another model's and would be taken for this one's: remove it, or "
                     "choose another folder",
                     path);
    }
    tj_free(path);
    return rc;
}

/* Nothing that readers would take for this model's may be another's. */
static tj_code check_strangers(const folder *f, tj_err *err)
{
    tj_code rc = check_stranger(f, "model.safetensors.index.json", err);
    for (size_t i = 0; i < N_COMPANIONS && rc == TJ_OK; i++) {
        rc = check_stranger(f, companions[i], err);
    }
    return rc;
}

/* ------------------------------------------------------------------ weights */

static void put_bytes(void *ctx, const void *bytes, size_t n)
{
    tj_st_writer_bytes(ctx, bytes, n);
}

/* Of four bytes a value first, so that the others leave none unaligned. */
static bool is_in_part(const tj_conversion *c, size_t i, size_t part)
{
    return (c->types[i] == TJ_GGML_F32) == (part == 0);
}

static tj_code put_tensors(tj_st_writer *w, tj_conversion *c, tj_err *err)
{
    for (size_t part = 0; part < 2; part++) {
        for (size_t i = 0; i < c->n; i++) {
            const tj_tensor_spec *s = &c->specs[i];
            const size_t shape[] = {s->rows, s->cols};
            bool is_vector = s->rows == 1;
            if (is_in_part(c, i, part)) {
                tj_st_writer_declare_as(w, s->name, c->types[i], is_vector ? shape + 1 : shape,
                                        is_vector ? 1 : 2);
            }
        }
    }
    tj_code rc = TJ_OK;
    for (size_t part = 0; part < 2; part++) {
        for (size_t i = 0; i < c->n && rc == TJ_OK; i++) {
            if (is_in_part(c, i, part)) {
                rc = tj_conversion_give(c, i, put_bytes, w, err);
            }
        }
    }
    return rc;
}

static tj_code write_weights(folder *f, tj_conversion *c, tj_err *err)
{
    tj_st_writer *w = NULL;
    tj_code rc = add_file(f, "model.safetensors", err);
    if (rc == TJ_OK) {
        rc = tj_st_writer_open(&w, f->files[f->n - 1].next_path, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_st_writer_meta(w, "format", "pt");
    rc = put_tensors(w, c, err);
    if (rc != TJ_OK) {
        tj_st_writer_abort(w);
        return rc;
    }
    return tj_st_writer_commit(w, err);
}

tj_code tj_convert_to_folder(tj_conversion *c, tj_err *err)
{
    folder f = {.dir = c->to};
    tj_code rc = tj_fs_mkdirs(c->to, err);
    if (rc == TJ_OK) {
        rc = write_config(&f, c, err);
    }
    if (rc == TJ_OK) {
        rc = write_companions(&f, c, err);
    }
    if (rc == TJ_OK) {
        rc = check_strangers(&f, err);
    }
    if (rc == TJ_OK) {
        rc = write_weights(&f, c, err);
    }
    if (rc == TJ_OK) {
        rc = name_files(&f, err);
    }
    folder_deinit(&f);
    return rc;
}
