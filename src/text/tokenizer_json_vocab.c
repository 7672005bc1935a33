/* Reads vocabulary, merges and added tokens of tokenizer.json. */
#include <string.h>

#include "text/tokenizer_json.h"

#define MAX_ADDED 65536 /* reserved and control tokens; known files have a few thousand */

/* ------------------------------------------------------------ vocabulary */

/* An id from JSON. */
static tj_code read_id(const tj_loader *l, int32_t *out, const json_t *value, const char *what,
                       tj_err *err)
{
    json_int_t id = json_integer_value(value);
    *out = -1;
    if (!json_is_integer(value) || id < 0 || id >= (json_int_t)TJ_MAX_VOCAB) {
        return tj_loader_refuse(l, err, "%s must have an id from 0 to %zu", what, TJ_MAX_VOCAB - 1);
    }
    *out = (int32_t)id;
    return TJ_OK;
}

/* The largest id of the vocabulary and the added tokens, and one. */
static tj_code count_vocab(tj_loader *l, size_t *n_vocab, json_t *vocab, const json_t *added,
                           tj_err *err)
{
    const char *text;
    json_t *value;
    int32_t id;
    *n_vocab = 0;
    json_object_foreach(vocab, text, value)
    {
        tj_code rc = read_id(l, &id, value, "each entry of model.vocab", err);
        if (rc != TJ_OK) {
            return rc;
        }
        *n_vocab = (size_t)id >= *n_vocab ? (size_t)id + 1 : *n_vocab;
    }
    size_t i;
    json_array_foreach(added, i, value)
    {
        tj_code rc = read_id(l, &id, json_object_get(value, "id"), "each of added_tokens", err);
        if (rc != TJ_OK) {
            return rc;
        }
        *n_vocab = (size_t)id >= *n_vocab ? (size_t)id + 1 : *n_vocab;
    }
    return TJ_OK;
}

static tj_code read_vocab(tj_loader *l, json_t *vocab, tj_err *err)
{
    const char *text;
    json_t *value;
    json_object_foreach(vocab, text, value)
    {
        int32_t id = (int32_t)json_integer_value(value); /* checked by count_vocab */
        tj_code rc = tj_loader_add_token(l, id, text, strlen(text), "model.vocab", err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return tj_loader_end_tokens(l, err);
}

/* ------------------------------------------------------------ merges */

/* The two texts of a merge: "a b", or ["a", "b"]. */
static bool split_merge(const json_t *value, const char *texts[2], size_t lens[2])
{
    if (json_is_array(value) && json_array_size(value) == 2) {
        for (size_t i = 0; i < 2; i++) {
            const json_t *side = json_array_get(value, i);
            texts[i] = json_string_value(side);
            lens[i] = json_string_length(side);
        }
        return texts[0] != NULL && texts[1] != NULL;
    }
    const char *both = json_string_value(value);
    const char *space = both == NULL ? NULL : strchr(both, ' ');
    if (space == NULL || strchr(space + 1, ' ') != NULL) {
        return false;
    }
    texts[0] = both;
    lens[0] = (size_t)(space - both);
    texts[1] = space + 1;
    lens[1] = strlen(space + 1);
    return true;
}

static tj_code read_merges(tj_loader *l, const json_t *merges, tj_err *err)
{
    size_t n = json_array_size(merges);
    if (!json_is_array(merges) || n > TJ_MAX_VOCAB) {
        return tj_loader_refuse(l, err, "model.merges must be an array of at most %zu pairs",
                                TJ_MAX_VOCAB);
    }
    tj_code rc = tj_loader_begin_merges(l, n, err);
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        const char *texts[2];
        size_t lens[2];
        if (!split_merge(json_array_get(merges, i), texts, lens)) {
            return tj_loader_refuse(l, err, "model.merges[%zu] is not a pair of tokens", i);
        }
        rc = tj_loader_add_merge(l, i, texts, lens, "model.merges", err);
    }
    return rc;
}

/* ------------------------------------------------------------ added tokens */

static tj_code read_added_token(tj_loader *l, const json_t *value, tj_err *err)
{
    const json_t *content = json_object_get(value, "content");
    const char *text = json_string_value(content);
    size_t n = json_string_length(content);
    if (text == NULL || n == 0) {
        return tj_loader_refuse(l, err, "each of added_tokens must have a content");
    }
    static const char *const flags[] = {"lstrip", "rstrip", "single_word"};
    for (size_t i = 0; i < 3; i++) {
        tj_code rc = tj_json_refuse_flag(l, value, "added_tokens", flags[i], err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    bool special, normalized;
    tj_code rc = tj_json_flag(l, &special, value, "special", false, err);
    if (rc == TJ_OK) {
        rc = tj_json_flag(l, &normalized, value, "normalized", !special, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    int32_t id = (int32_t)json_integer_value(json_object_get(value, "id")); /* checked before */
    return tj_loader_add_added(l, id, text, n, special, normalized, err);
}

static tj_code read_added(tj_loader *l, const json_t *added, tj_err *err)
{
    size_t n = json_array_size(added);
    tj_code rc = tj_loader_begin_added(l, n, err);
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = read_added_token(l, json_array_get(added, i), err);
    }
    return rc == TJ_OK ? tj_loader_end_added(l, err) : rc;
}

/* ------------------------------------------------------------ the three */

tj_code tj_json_read_vocab(tj_loader *l, json_t *vocab, const json_t *merges, const json_t *added,
                           tj_err *err)
{
    if (added != NULL && !json_is_null(added) &&
        (!json_is_array(added) || json_array_size(added) > MAX_ADDED)) {
        return tj_loader_refuse(l, err, "added_tokens must be an array of at most %d", MAX_ADDED);
    }
    size_t n_vocab;
    tj_code rc = count_vocab(l, &n_vocab, vocab, added, err);
    if (rc == TJ_OK) {
        rc = tj_loader_allocate(l, n_vocab, err);
    }
    if (rc == TJ_OK) {
        rc = read_vocab(l, vocab, err);
    }
    if (rc == TJ_OK) {
        rc = read_merges(l, merges, err);
    }
    if (rc == TJ_OK) {
        rc = read_added(l, added, err);
    }
    return rc;
}
