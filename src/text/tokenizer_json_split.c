/* Reads the normalizers and pre-tokenizers of tokenizer.json. */
#include <string.h>

#include "text/tokenizer_json.h"

#define MAX_DEPTH 8 /* sequences inside sequences */

/* ------------------------------------------------------------ both */

typedef tj_code (*read_part_fn)(tj_loader *l, const json_t *part, size_t depth, tj_err *err);

/* What is none of the kinds that have a reader of their own must be a Sequence of such. */
static tj_code read_sequence(tj_loader *l, const json_t *json, const char *what,
                             const json_t *parts, read_part_fn read_part, size_t depth, tj_err *err)
{
    const char *type = tj_json_type(json);
    if (strcmp(type, "Sequence") != 0 || !json_is_array(parts)) {
        return tj_loader_refuse(l, err, "%s '%s' is not supported", what, type);
    }
    if (depth == MAX_DEPTH) {
        return tj_loader_refuse(l, err, "%s: sequences are nested more than %d deep", what,
                                MAX_DEPTH);
    }
    size_t i;
    const json_t *part;
    json_array_foreach(parts, i, part)
    {
        tj_code rc = read_part(l, part, depth + 1, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ normalizers */

static tj_code read_replace(tj_loader *l, const json_t *norm, tj_err *err)
{
    const json_t *pattern = json_object_get(norm, "pattern");
    const json_t *from = json_object_get(pattern, "String");
    const json_t *to = json_object_get(norm, "content");
    if (json_object_size(pattern) != 1 || json_string_length(from) == 0 || !json_is_string(to)) {
        return tj_loader_refuse(l, err,
                                "normalizer: Replace needs a pattern, String, and a content");
    }
    return tj_loader_add_normal(l, TJ_NORMAL_REPLACE, json_string_value(from),
                                json_string_length(from), json_string_value(to),
                                json_string_length(to), err);
}

static tj_code read_normalizer(tj_loader *l, const json_t *norm, size_t depth, tj_err *err)
{
    const char *type = tj_json_type(norm);
    if (norm == NULL || json_is_null(norm)) {
        return TJ_OK;
    }
    if (strcmp(type, "NFC") == 0) {
        return tj_loader_add_normal(l, TJ_NORMAL_NFC, "", 0, "", 0, err);
    }
    if (strcmp(type, "Replace") == 0) {
        return read_replace(l, norm, err);
    }
    const json_t *before = json_object_get(norm, "prepend");
    if (strcmp(type, "Prepend") == 0 && json_is_string(before)) {
        return tj_loader_add_normal(l, TJ_NORMAL_PREPEND, "", 0, json_string_value(before),
                                    json_string_length(before), err);
    }
    return read_sequence(l, norm, "normalizer", json_object_get(norm, "normalizers"),
                         read_normalizer, depth, err);
}

tj_code tj_json_read_normalizer(tj_loader *l, const json_t *norm, tj_err *err)
{
    return read_normalizer(l, norm, 0, err);
}

/* ------------------------------------------------------------ pre-tokenizers */

static tj_code read_split(tj_loader *l, const json_t *pre, tj_err *err)
{
    const json_t *pattern = json_object_get(pre, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    const json_t *literal = json_object_get(pattern, "String");
    const json_t *chosen = regex != NULL ? regex : literal;
    const char *behavior = json_string_value(json_object_get(pre, "behavior"));
    bool invert;
    tj_code rc = tj_json_flag(l, &invert, pre, "invert", false, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (json_object_size(pattern) != 1 || !json_is_string(chosen)) {
        return tj_loader_refuse(l, err, "pre_tokenizer: Split needs a pattern, Regex or String");
    }
    tj_split_kind kind;
    if (behavior != NULL && strcmp(behavior, "Isolated") == 0) {
        kind = TJ_SPLIT_ISOLATED;
    } else if (behavior != NULL && strcmp(behavior, "Removed") == 0) {
        kind = invert ? TJ_SPLIT_INVERTED : TJ_SPLIT_REMOVED;
    } else if (behavior != NULL && strcmp(behavior, "MergedWithPrevious") == 0 && !invert) {
        kind = TJ_SPLIT_MERGED;
    } else {
        return tj_loader_refuse(l, err, "pre_tokenizer: Split behavior '%s'%s is not supported",
                                behavior == NULL ? "" : behavior, invert ? ", inverted," : "");
    }
    return tj_loader_add_split(l, kind, regex == NULL, json_string_value(chosen),
                               json_string_length(chosen), err);
}

static tj_code read_byte_level(tj_loader *l, const json_t *pre, tj_err *err)
{
    bool use_regex;
    tj_code rc = tj_json_refuse_flag(l, pre, "pre_tokenizer ByteLevel", "add_prefix_space", err);
    if (rc == TJ_OK) {
        rc = tj_json_flag(l, &use_regex, pre, "use_regex", true, err);
    }
    if (rc == TJ_OK && use_regex) {
        rc = tj_loader_add_split(l, TJ_SPLIT_ISOLATED, false, TJ_PATTERN_GPT2,
                                 strlen(TJ_PATTERN_GPT2), err);
    }
    l->tok->byte_level = true;
    return rc;
}

static tj_code read_digits(tj_loader *l, const json_t *pre, tj_err *err)
{
    bool each;
    tj_code rc = tj_json_flag(l, &each, pre, "individual_digits", false, err);
    const char *pattern = each ? TJ_PATTERN_DIGIT : TJ_PATTERN_DIGIT "+";
    return rc != TJ_OK
               ? rc
               : tj_loader_add_split(l, TJ_SPLIT_ISOLATED, false, pattern, strlen(pattern), err);
}

static tj_code read_pretokenizer(tj_loader *l, const json_t *pre, size_t depth, tj_err *err)
{
    if (pre == NULL || json_is_null(pre)) {
        return TJ_OK;
    }
    const char *type = tj_json_type(pre);
    if (l->tok->byte_level) { /* later stages would see its alphabet instead of the text */
        return tj_loader_refuse(l, err, "pre_tokenizer: %s after ByteLevel is not supported", type);
    }
    if (strcmp(type, "Split") == 0) {
        return read_split(l, pre, err);
    }
    if (strcmp(type, "ByteLevel") == 0) {
        return read_byte_level(l, pre, err);
    }
    if (strcmp(type, "Digits") == 0) {
        return read_digits(l, pre, err);
    }
    return read_sequence(l, pre, "pre_tokenizer", json_object_get(pre, "pretokenizers"),
                         read_pretokenizer, depth, err);
}

tj_code tj_json_read_split(tj_loader *l, const json_t *pre, tj_err *err)
{
    return read_pretokenizer(l, pre, 0, err);
}
