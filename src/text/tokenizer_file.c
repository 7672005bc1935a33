/* A path to a tokenizer: by what stands there, one of the two readers, and for a folder the files
 * beside tokenizer.json. */
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "text/tokenizer_load.h"

#define MAX_CONFIG_BYTES ((size_t)16 << 20) /* tokenizer_config.json; known ones reach 200 KiB */

static tj_code load_json(tj_tokenizer **out, const char *path, tj_err *err)
{
    char *json;
    size_t len;
    tj_code rc = tj_fs_read(&json, &len, path, TJ_MAX_TOKENIZER_BYTES, err);
    if (rc == TJ_OK) {
        rc = tj_tokenizer_parse(out, json, len, path, err);
        tj_free(json);
    }
    return rc;
}

static tj_code load_gguf(tj_tokenizer **out, const char *path, tj_err *err)
{
    tj_gguf *gguf;
    tj_code rc = tj_gguf_open(&gguf, path, err);
    if (rc == TJ_OK) {
        rc = tj_tokenizer_read_gguf(out, gguf, err);
        tj_gguf_close(gguf);
    }
    return rc;
}

/* ------------------------------------------------------------ tokenizer_config.json */

static tj_code refuse(const char *path, const char *field, const char *what, tj_err *err)
{
    return tj_fail(err, TJ_E_PARSE, "%s: %s %s", path, field, what);
}

/* A token by its text, or by an object with its `content`; null or absent leaves *id. */
static tj_code read_token(const tj_tokenizer *tok, int32_t *id, const json_t *config,
                          const char *field, const char *path, tj_err *err)
{
    const json_t *value = json_object_get(config, field);
    if (value == NULL || json_is_null(value)) {
        return TJ_OK;
    }
    const char *text =
        json_string_value(json_is_object(value) ? json_object_get(value, "content") : value);
    if (text == NULL) {
        return refuse(path, field, "is not the text of a token", err);
    }
    *id = tj_tokenizer_find(tok, text);
    return *id < 0 ? refuse(path, field, "is not in the vocabulary", err) : TJ_OK;
}

static tj_code read_flag(bool *out, const json_t *config, const char *field, const char *path,
                         tj_err *err)
{
    const json_t *value = json_object_get(config, field);
    if (value == NULL || json_is_null(value)) {
        return TJ_OK;
    }
    *out = json_is_true(value);
    return json_is_boolean(value) ? TJ_OK : refuse(path, field, "must be true or false", err);
}

/* A text, or a list of named ones, of which "default" is meant. */
static tj_code read_template(tj_tokenizer *tok, const json_t *config, tj_err *err)
{
    const json_t *value = json_object_get(config, "chat_template"), *one;
    size_t i;
    json_array_foreach(value, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        if (name != NULL && strcmp(name, "default") == 0) {
            value = json_object_get(one, "template");
            break;
        }
    }
    return json_is_string(value) ? tj_loader_set_template(tok, json_string_value(value),
                                                          json_string_length(value), err)
                                 : TJ_OK;
}

static tj_code read_config(tj_tokenizer *tok, const json_t *config, const char *path, tj_err *err)
{
    tj_tokenizer_extras *x = &tok->extras;
    tj_code rc = read_token(tok, &x->bos, config, "bos_token", path, err);
    if (rc == TJ_OK) {
        rc = read_token(tok, &x->eos, config, "eos_token", path, err);
    }
    if (rc == TJ_OK) {
        rc = read_token(tok, &x->unk, config, "unk_token", path, err);
    }
    if (rc == TJ_OK) {
        rc = read_token(tok, &x->pad, config, "pad_token", path, err);
    }
    if (rc == TJ_OK) {
        rc = read_flag(&x->add_bos, config, "add_bos_token", path, err);
    }
    if (rc == TJ_OK) {
        rc = read_flag(&x->add_eos, config, "add_eos_token", path, err);
    }
    if (rc == TJ_OK && x->add_bos && x->bos < 0) {
        rc = refuse(path, "add_bos_token", "is set without a bos_token", err);
    }
    if (rc == TJ_OK && x->add_eos && x->eos < 0) {
        rc = refuse(path, "add_eos_token", "is set without an eos_token", err);
    }
    return rc == TJ_OK ? read_template(tok, config, err) : rc;
}

static tj_code load_config(tj_tokenizer *tok, const char *path, tj_err *err)
{
    char *json;
    size_t len;
    json_error_t why;
    tj_code rc = tj_fs_read(&json, &len, path, MAX_CONFIG_BYTES, err);
    if (rc != TJ_OK) {
        return rc;
    }
    json_t *config = json_loadb(json, len, 0, &why);
    tj_free(json);
    if (config == NULL) {
        return tj_fail(err, TJ_E_PARSE, "%s:%d: %s", path, why.line, why.text);
    }
    rc = read_config(tok, config, path, err);
    json_decref(config);
    return rc;
}

/* ------------------------------------------------------------ a folder */

typedef tj_code (*read_fn)(tj_tokenizer *tok, const char *path, tj_err *err);

static tj_code load_template(tj_tokenizer *tok, const char *path, tj_err *err)
{
    char *text;
    size_t len;
    tj_code rc = tj_fs_read(&text, &len, path, MAX_CONFIG_BYTES, err);
    if (rc == TJ_OK) {
        rc = tj_loader_set_template(tok, text, len, err);
        tj_free(text);
    }
    return rc;
}

/* Reads a file of the folder, if it is there. */
static tj_code read_beside(tj_tokenizer *tok, const char *dir, const char *name, read_fn read,
                           tj_err *err)
{
    char *path = tj_fs_join(dir, name);
    if (path == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a path");
    }
    tj_code rc = tj_fs_exists(path) ? read(tok, path, err) : TJ_OK;
    tj_free(path);
    return rc;
}

static tj_code load_dir(tj_tokenizer **out, const char *dir, tj_err *err)
{
    char *path = tj_fs_join(dir, "tokenizer.json");
    if (path == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a path");
    }
    tj_code rc = load_json(out, path, err);
    tj_free(path);
    if (rc == TJ_OK) {
        rc = read_beside(*out, dir, "tokenizer_config.json", load_config, err);
    }
    if (rc == TJ_OK) { /* newer folders keep the template in a file of its own */
        rc = read_beside(*out, dir, "chat_template.jinja", load_template, err);
    }
    if (rc != TJ_OK) {
        tj_tokenizer_destroy(*out);
        *out = NULL;
    }
    return rc;
}

static bool is_dir(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

tj_code tj_tokenizer_load(tj_tokenizer **out, const char *path, tj_err *err)
{
    size_t n = strlen(path);
    *out = NULL;
    if (is_dir(path)) {
        return load_dir(out, path, err);
    }
    return n > 5 && strcmp(path + n - 5, ".gguf") == 0 ? load_gguf(out, path, err)
                                                       : load_json(out, path, err);
}
