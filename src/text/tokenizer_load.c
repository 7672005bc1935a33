/* Reads tokenizer.json. The file is read into a tree by Jansson and checked field by field: a field
 * that would change the ids and is not understood is refused, so that a tokenizer that loads gives
 * the ids that its makers meant.
 *
 * The hash is of a text made here, "tabiji-bpe-1", which lists what determines the ids in a fixed
 * order with every length written before its bytes; see tj_loader_note() and its callers. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "text/tokenizer_load.h"

tj_code tj_loader_refuse(const tj_loader *l, tj_err *err, const char *fmt, ...)
{
    char msg[TJ_ERR_MSG_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    return tj_fail(err, TJ_E_PARSE, "%s: %s", l->name, msg);
}

tj_code tj_loader_no_memory(const tj_loader *l, tj_err *err)
{
    return tj_fail(err, TJ_E_NOMEM, "%s: cannot allocate a tokenizer", l->name);
}

void tj_loader_note(tj_loader *l, const char *what, const char *bytes, size_t n)
{
    tj_buf_printf(&l->canonical, "%s %zu ", what, n);
    tj_buf_add(&l->canonical, bytes, n);
    tj_buf_char(&l->canonical, '\n');
}

/* ------------------------------------------------------------ fields */

tj_code tj_loader_flag(const tj_loader *l, bool *out, const json_t *object, const char *field,
                       bool otherwise, tj_err *err)
{
    const json_t *value = json_object_get(object, field);
    *out = otherwise;
    if (value == NULL || json_is_null(value)) {
        return TJ_OK;
    }
    if (!json_is_boolean(value)) {
        return tj_loader_refuse(l, err, "%s must be true or false", field);
    }
    *out = json_is_true(value);
    return TJ_OK;
}

tj_code tj_loader_refuse_flag(const tj_loader *l, const json_t *object, const char *where,
                              const char *field, tj_err *err)
{
    bool set;
    tj_code rc = tj_loader_flag(l, &set, object, field, false, err);
    if (rc == TJ_OK && set) {
        rc = tj_loader_refuse(l, err, "%s: %s is not supported", where, field);
    }
    return rc;
}

const char *tj_loader_type(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    return type == NULL ? "" : type;
}

/* ------------------------------------------------------------ the model */

static tj_code check_model(tj_loader *l, const json_t *model, tj_err *err)
{
    if (strcmp(tj_loader_type(model), "BPE") != 0) {
        return tj_loader_refuse(l, err, "model.type is '%s', only BPE is supported",
                                tj_loader_type(model));
    }
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *value = json_object_get(model, affixes[i]);
        if (value != NULL && !json_is_null(value) && json_string_length(value) > 0) {
            return tj_loader_refuse(l, err, "model.%s is not supported", affixes[i]);
        }
    }
    const json_t *dropout = json_object_get(model, "dropout");
    if (dropout != NULL && !json_is_null(dropout) && json_number_value(dropout) > 0.0) {
        return tj_loader_refuse(l, err, "model.dropout is not supported");
    }
    if (!json_is_object(json_object_get(model, "vocab"))) {
        return tj_loader_refuse(l, err, "model.vocab must be an object");
    }
    tj_code rc = tj_loader_flag(l, &l->tok->byte_fallback, model, "byte_fallback", false, err);
    if (rc == TJ_OK) {
        rc = tj_loader_flag(l, &l->tok->ignore_merges, model, "ignore_merges", false, err);
    }
    return rc;
}

/* The decoder only says how ids become text again, which must be the way that it is done here. */
static tj_code check_decoder(const tj_loader *l, const json_t *decoder, tj_err *err)
{
    if (decoder == NULL || json_is_null(decoder)) {
        return TJ_OK;
    }
    if (strcmp(tj_loader_type(decoder), "Sequence") == 0) {
        const json_t *part;
        size_t i;
        json_array_foreach(json_object_get(decoder, "decoders"), i, part)
        {
            const char *type = tj_loader_type(part);
            if (l->tok->byte_level ||
                (strcmp(type, "ByteFallback") != 0 && strcmp(type, "Fuse") != 0)) {
                return tj_loader_refuse(l, err, "decoder '%s' in a sequence is not supported",
                                        type);
            }
        }
        return TJ_OK;
    }
    bool known = l->tok->byte_level ? strcmp(tj_loader_type(decoder), "ByteLevel") == 0
                                    : strcmp(tj_loader_type(decoder), "Fuse") == 0 ||
                                          strcmp(tj_loader_type(decoder), "ByteFallback") == 0;
    if (!known) {
        return tj_loader_refuse(l, err, "decoder '%s' is not supported", tj_loader_type(decoder));
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ the whole */

static tj_code read_root(tj_loader *l, const json_t *root, tj_err *err)
{
    const json_t *model = json_object_get(root, "model");
    const json_t *added = json_object_get(root, "added_tokens");
    const json_t *normalizer = json_object_get(root, "normalizer");
    if (normalizer != NULL && !json_is_null(normalizer)) {
        return tj_loader_refuse(l, err, "normalizer '%s' is not supported",
                                tj_loader_type(normalizer));
    }
    tj_code rc = tj_loader_read_split(l, json_object_get(root, "pre_tokenizer"), err);
    if (rc == TJ_OK) {
        rc = check_decoder(l, json_object_get(root, "decoder"), err);
    }
    if (rc == TJ_OK) {
        rc = check_model(l, model, err);
    }
    if (rc == TJ_OK) {
        rc = tj_loader_read_vocab(l, json_object_get(model, "vocab"),
                                  json_object_get(model, "merges"), added, err);
    }
    return rc;
}

static tj_code finish(tj_loader *l, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    tj_buf_printf(&l->canonical, "byte_level %d byte_fallback %d ignore_merges %d\n",
                  tok->byte_level, tok->byte_fallback, tok->ignore_merges);
    tj_code rc = tj_buf_check(&l->canonical, err);
    if (rc == TJ_OK) {
        tj_sha256_hex(tok->hash, tj_buf_text(&l->canonical), l->canonical.len);
        tok->slab = tj_buf_take(&l->slab);
    }
    return rc;
}

tj_code tj_tokenizer_parse(tj_tokenizer **out, const char *json, size_t len, const char *name,
                           tj_err *err)
{
    *out = NULL;
    if (len > TJ_MAX_TOKENIZER_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "%s: tokenizer has %zu bytes, at most %zu are read", name,
                       len, TJ_MAX_TOKENIZER_BYTES);
    }
    json_error_t why;
    json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL) {
        tj_code code = json_error_code(&why) == json_error_out_of_memory ? TJ_E_NOMEM : TJ_E_PARSE;
        return tj_fail(err, code, "%s:%d: %s", name, why.line, why.text);
    }
    tj_loader l = {.name = name, .tok = tj_calloc(1, sizeof *l.tok)};
    tj_buf_init(&l.slab);
    tj_buf_init(&l.canonical);
    tj_buf_str(&l.slab, ""); /* so that slab.data is never NULL */
    tj_buf_str(&l.canonical, "tabiji-bpe-1\n");
    tj_code rc = l.tok == NULL ? tj_loader_no_memory(&l, err) : TJ_OK;
    if (rc == TJ_OK) {
        rc = read_root(&l, root, err);
    }
    if (rc == TJ_OK) {
        rc = finish(&l, err);
    }
    if (rc == TJ_OK) {
        *out = l.tok;
    } else if (l.tok != NULL) {
        l.tok->slab = NULL; /* still the loader's */
        tj_tokenizer_destroy(l.tok);
    }
    tj_buf_deinit(&l.slab);
    tj_buf_deinit(&l.canonical);
    json_decref(root);
    return rc;
}

tj_code tj_tokenizer_load(tj_tokenizer **out, const char *path, tj_err *err)
{
    *out = NULL;
    char *json;
    size_t len;
    tj_code rc = tj_fs_read(&json, &len, path, TJ_MAX_TOKENIZER_BYTES, err);
    if (rc == TJ_OK) {
        rc = tj_tokenizer_parse(out, json, len, path, err);
        tj_free(json);
    }
    return rc;
}

void tj_tokenizer_destroy(tj_tokenizer *tok)
{
    if (tok != NULL) {
        tj_pretokenizer_deinit(&tok->pre);
        tj_free(tok->tokens);
        tj_free(tok->slab);
        tj_free(tok->text_slots);
        tj_free(tok->merge_slots);
        tj_free(tok->added);
        tj_free(tok);
    }
}
