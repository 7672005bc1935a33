/* Reads tokenizer.json. The file is read into a tree by Jansson and checked field by field: a field
 * that would change the ids and is not understood is refused, so that a tokenizer that loads gives
 * the ids that its makers meant. */
#include "text/tokenizer_json.h"

#include <string.h>

/* ------------------------------------------------------------ fields */

tj_code tj_json_flag(const tj_loader *l, bool *out, const json_t *object, const char *field,
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

tj_code tj_json_refuse_flag(const tj_loader *l, const json_t *object, const char *where,
                            const char *field, tj_err *err)
{
    bool set;
    tj_code rc = tj_json_flag(l, &set, object, field, false, err);
    if (rc == TJ_OK && set) {
        rc = tj_loader_refuse(l, err, "%s: %s is not supported", where, field);
    }
    return rc;
}

const char *tj_json_type(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    return type == NULL ? "" : type;
}

/* ------------------------------------------------------------ the model */

static tj_code check_model(tj_loader *l, const json_t *model, tj_err *err)
{
    if (strcmp(tj_json_type(model), "BPE") != 0) {
        return tj_loader_refuse(l, err, "model.type is '%s', only BPE is supported",
                                tj_json_type(model));
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
    tj_code rc = tj_json_flag(l, &l->tok->byte_fallback, model, "byte_fallback", false, err);
    if (rc == TJ_OK) {
        rc = tj_json_flag(l, &l->tok->ignore_merges, model, "ignore_merges", false, err);
    }
    return rc;
}

/* ------------------------------------------------------------ the decoder */

static bool is_text(const json_t *value, const char *text)
{
    const char *s = json_string_value(value);
    return s != NULL && strcmp(s, text) == 0;
}

/* Marks become spaces. */
static bool is_space_decoder(const json_t *part)
{
    const json_t *pattern = json_object_get(part, "pattern");
    return strcmp(tj_json_type(part), "Replace") == 0 &&
           is_text(json_object_get(pattern, "String"), TJ_SPACE_MARK) &&
           is_text(json_object_get(part, "content"), " ");
}

/* The first space goes. */
static bool is_strip_decoder(const json_t *part)
{
    return strcmp(tj_json_type(part), "Strip") == 0 &&
           is_text(json_object_get(part, "content"), " ") &&
           json_integer_value(json_object_get(part, "start")) == 1 &&
           json_integer_value(json_object_get(part, "stop")) == 0;
}

static tj_code read_decoder_part(tj_loader *l, const json_t *part, const char *where, tj_err *err)
{
    const char *type = tj_json_type(part);
    if (l->tok->byte_level && strcmp(type, "ByteLevel") == 0) {
        return TJ_OK;
    }
    if (l->tok->byte_level) {
        return tj_loader_refuse(l, err, "decoder '%s'%s is not supported", type, where);
    }
    if (is_space_decoder(part)) {
        l->spells_spaces = true;
    } else if (is_strip_decoder(part)) {
        l->tok->drops_space = true;
    } else if (strcmp(type, "ByteFallback") != 0 && strcmp(type, "Fuse") != 0) {
        return tj_loader_refuse(l, err, "decoder '%s'%s is not supported", type, where);
    }
    return TJ_OK;
}

/* The decoder only says how ids become text again, which must be a way that is done here. */
static tj_code read_decoder(tj_loader *l, const json_t *decoder, tj_err *err)
{
    if (decoder == NULL || json_is_null(decoder)) {
        return TJ_OK;
    }
    if (strcmp(tj_json_type(decoder), "Sequence") != 0) {
        return read_decoder_part(l, decoder, "", err);
    }
    const json_t *part;
    size_t i;
    json_array_foreach(json_object_get(decoder, "decoders"), i, part)
    {
        tj_code rc = read_decoder_part(l, part, " in a sequence", err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ the post-processor */

/* The id of a template's {"SpecialToken": {"id": NAME}} by its `special_tokens`; -1 if it is
 * another entry or stands for several ids. */
static int32_t id_of_entry(const json_t *processor, const json_t *entry)
{
    const json_t *token = json_object_get(entry, "SpecialToken");
    const char *name = json_string_value(json_object_get(token, "id"));
    const json_t *tokens = json_object_get(processor, "special_tokens");
    const json_t *ids = name == NULL ? NULL : json_object_get(json_object_get(tokens, name), "ids");
    json_int_t id = json_array_size(ids) == 1 ? json_integer_value(json_array_get(ids, 0)) : -1;
    return id >= 0 && id < (json_int_t)TJ_MAX_VOCAB ? (int32_t)id : -1;
}

/* A template of the form [bos] text [eos] says which tokens the file wants around a text; others
 * are for pairs of texts and the like, and tell nothing here. */
static void read_template(tj_loader *l, const json_t *processor)
{
    tj_tokenizer_extras *x = &l->tok->extras;
    const json_t *single = json_object_get(processor, "single");
    size_t n = json_array_size(single), text = 0;
    while (text < n && json_object_get(json_array_get(single, text), "Sequence") == NULL) {
        text++;
    }
    int32_t bos = text == 1 ? id_of_entry(processor, json_array_get(single, 0)) : -1;
    int32_t eos = text + 2 == n ? id_of_entry(processor, json_array_get(single, text + 1)) : -1;
    if (bos >= 0 && (size_t)bos < l->tok->n_vocab) {
        x->bos = bos;
        x->add_bos = true;
    }
    if (eos >= 0 && (size_t)eos < l->tok->n_vocab) {
        x->eos = eos;
        x->add_eos = true;
    }
}

static void read_post_processor(tj_loader *l, const json_t *processor)
{
    const json_t *part;
    size_t i;
    if (strcmp(tj_json_type(processor), "TemplateProcessing") == 0) {
        read_template(l, processor);
    }
    json_array_foreach(json_object_get(processor, "processors"), i, part)
    {
        if (strcmp(tj_json_type(part), "TemplateProcessing") == 0) {
            read_template(l, part);
        }
    }
}

/* ------------------------------------------------------------ the whole */

static tj_code read_root(tj_loader *l, const json_t *root, tj_err *err)
{
    const json_t *model = json_object_get(root, "model");
    const json_t *added = json_object_get(root, "added_tokens");
    tj_code rc = tj_json_read_normalizer(l, json_object_get(root, "normalizer"), err);
    if (rc == TJ_OK) {
        rc = tj_json_read_split(l, json_object_get(root, "pre_tokenizer"), err);
    }
    if (rc == TJ_OK) {
        rc = read_decoder(l, json_object_get(root, "decoder"), err);
    }
    if (rc == TJ_OK) {
        rc = check_model(l, model, err);
    }
    if (rc == TJ_OK) {
        rc = tj_json_read_vocab(l, json_object_get(model, "vocab"),
                                json_object_get(model, "merges"), added, err);
    }
    if (rc == TJ_OK) {
        read_post_processor(l, json_object_get(root, "post_processor"));
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
    tj_loader l;
    tj_code rc = tj_loader_begin(&l, name, err);
    if (rc == TJ_OK) {
        rc = read_root(&l, root, err);
    }
    rc = tj_loader_end(&l, out, rc, err);
    json_decref(root);
    return rc;
}
