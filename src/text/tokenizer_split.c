/* Reads the pre-tokenizers of tokenizer.json into stages of patterns. */
#include <string.h>

#include "text/tokenizer_load.h"

#define MAX_DEPTH 8 /* pre-tokenizers inside sequences */

/* GPT-2's pattern, which ByteLevel with use_regex stands for. */
#define GPT2_PATTERN                                                                               \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

static tj_code add_pattern(tj_loader *l, const char *pattern, size_t len, bool literal,
                           bool keep_matches, bool keep_gaps, tj_err *err)
{
    tj_pattern *made;
    tj_code rc = tj_pattern_create(&made, pattern, len, literal, err);
    if (rc == TJ_OK) {
        rc = tj_pretokenizer_add(&l->tok->pre, made, keep_matches, keep_gaps, err);
        if (rc != TJ_OK) {
            tj_pattern_destroy(made);
        }
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "%s: pre_tokenizer", l->name);
        return rc;
    }
    tj_buf_printf(&l->canonical, "%d%d%d ", literal, keep_matches, keep_gaps);
    tj_loader_note(l, "split", pattern, len);
    return TJ_OK;
}

static tj_code read_split(tj_loader *l, const json_t *pre, tj_err *err)
{
    const json_t *pattern = json_object_get(pre, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    const json_t *literal = json_object_get(pattern, "String");
    const json_t *chosen = regex != NULL ? regex : literal;
    const char *behavior = json_string_value(json_object_get(pre, "behavior"));
    bool invert;
    tj_code rc = tj_loader_flag(l, &invert, pre, "invert", false, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (json_object_size(pattern) != 1 || !json_is_string(chosen)) {
        return tj_loader_refuse(l, err, "pre_tokenizer: Split needs a pattern, Regex or String");
    }
    bool isolated = behavior != NULL && strcmp(behavior, "Isolated") == 0;
    bool removed = behavior != NULL && strcmp(behavior, "Removed") == 0;
    if (!isolated && !removed) {
        return tj_loader_refuse(l, err, "pre_tokenizer: Split behavior '%s' is not supported",
                                behavior == NULL ? "" : behavior);
    }
    return add_pattern(l, json_string_value(chosen), json_string_length(chosen), regex == NULL,
                       isolated || invert, isolated || !invert, err);
}

static tj_code read_byte_level(tj_loader *l, const json_t *pre, tj_err *err)
{
    bool use_regex;
    tj_code rc = tj_loader_refuse_flag(l, pre, "pre_tokenizer ByteLevel", "add_prefix_space", err);
    if (rc == TJ_OK) {
        rc = tj_loader_flag(l, &use_regex, pre, "use_regex", true, err);
    }
    if (rc == TJ_OK && use_regex) {
        rc = add_pattern(l, GPT2_PATTERN, strlen(GPT2_PATTERN), false, true, true, err);
    }
    l->tok->byte_level = true;
    return rc;
}

static tj_code read_pretokenizer(tj_loader *l, const json_t *pre, size_t depth, tj_err *err)
{
    if (pre == NULL || json_is_null(pre)) {
        return TJ_OK;
    }
    const char *type = tj_loader_type(pre);
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
        bool each;
        tj_code rc = tj_loader_flag(l, &each, pre, "individual_digits", false, err);
        const char *pattern = each ? "\\p{N}" : "\\p{N}+";
        return rc != TJ_OK ? rc : add_pattern(l, pattern, strlen(pattern), false, true, true, err);
    }
    const json_t *parts = json_object_get(pre, "pretokenizers");
    if (strcmp(type, "Sequence") != 0 || !json_is_array(parts)) {
        return tj_loader_refuse(l, err, "pre_tokenizer '%s' is not supported", type);
    }
    if (depth == MAX_DEPTH) {
        return tj_loader_refuse(l, err, "pre_tokenizer: sequences are nested more than %d deep",
                                MAX_DEPTH);
    }
    size_t i;
    const json_t *part;
    json_array_foreach(parts, i, part)
    {
        tj_code rc = read_pretokenizer(l, part, depth + 1, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

tj_code tj_loader_read_split(tj_loader *l, const json_t *pre, tj_err *err)
{
    return read_pretokenizer(l, pre, 0, err);
}
