/* Reads tokenizer.json. The file is read into a tree by Jansson and checked field by field: a field
 * that would change the ids and is not understood is refused, so that a tokenizer that loads gives
 * the ids that its makers meant.
 *
 * The hash is of a text made here, "tabiji-bpe-1", which lists what determines the ids in a fixed
 * order with every length written before its bytes; see write_canonical() and its callers. */
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

#define MAX_ADDED 65536 /* reserved and control tokens; known files have a few thousand */
#define MAX_DEPTH 8     /* pre-tokenizers inside sequences */

/* GPT-2's pattern, which ByteLevel with use_regex stands for. */
#define GPT2_PATTERN                                                                               \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

typedef struct loader {
    tj_tokenizer *tok;
    const char *name; /* of the file */
    tj_buf slab;
    tj_buf canonical; /* what the hash is of */
} loader;

static tj_code refuse(const loader *l, tj_err *err, const char *fmt, ...) TJ_PRINTF(3, 4);
static tj_code refuse(const loader *l, tj_err *err, const char *fmt, ...)
{
    char msg[TJ_ERR_MSG_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    return tj_fail(err, TJ_E_PARSE, "%s: %s", l->name, msg);
}

static tj_code no_memory(const loader *l, tj_err *err)
{
    return tj_fail(err, TJ_E_NOMEM, "%s: cannot allocate a tokenizer", l->name);
}

static void write_canonical(loader *l, const char *what, const char *bytes, size_t n)
{
    tj_buf_printf(&l->canonical, "%s %zu ", what, n);
    tj_buf_add(&l->canonical, bytes, n);
    tj_buf_char(&l->canonical, '\n');
}

/* ------------------------------------------------------------ fields */

/* A flag; absent or null is `otherwise`. */
static tj_code read_flag(const loader *l, bool *out, const json_t *object, const char *field,
                         bool otherwise, tj_err *err)
{
    const json_t *value = json_object_get(object, field);
    *out = otherwise;
    if (value == NULL || json_is_null(value)) {
        return TJ_OK;
    }
    if (!json_is_boolean(value)) {
        return refuse(l, err, "%s must be true or false", field);
    }
    *out = json_is_true(value);
    return TJ_OK;
}

/* Refuses a flag that is set. */
static tj_code refuse_flag(const loader *l, const json_t *object, const char *where,
                           const char *field, tj_err *err)
{
    bool set;
    tj_code rc = read_flag(l, &set, object, field, false, err);
    if (rc == TJ_OK && set) {
        rc = refuse(l, err, "%s: %s is not supported", where, field);
    }
    return rc;
}

/* The "type" of an object, "" if it has none. */
static const char *type_of(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    return type == NULL ? "" : type;
}

/* ------------------------------------------------------------ the byte-level alphabet */

static bool is_own_char(uint32_t byte)
{
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
           (byte >= 0xAE && byte <= 0xFF);
}

/* The other 68 bytes, 00..20, 7F..A0 and AD, become U+0100 and up in order. */
uint32_t tj_byte_char(unsigned char byte)
{
    if (is_own_char(byte)) {
        return byte;
    }
    return 256u + (byte <= 0x20 ? byte : byte <= 0xA0 ? byte - 0x7Fu + 33u : 67u);
}

int tj_char_byte(uint32_t c)
{
    if (c < 256) {
        return is_own_char(c) ? (int)c : -1;
    }
    uint32_t i = c - 256;
    return i <= 32 ? (int)i : i <= 66 ? (int)(i - 33 + 0x7F) : i == 67 ? 0xAD : -1;
}

/* ------------------------------------------------------------ vocabulary */

/* Puts the text of token id into the slab, zero-terminated. */
static void store_text(loader *l, int32_t id, const char *text, size_t n)
{
    tj_token *t = &l->tok->tokens[id];
    t->exists = true;
    t->text = l->slab.len;
    t->n_text = n;
    tj_buf_add(&l->slab, text, n);
    tj_buf_char(&l->slab, '\0');
    t->bytes = t->text;
    t->n_bytes = n;
}

/* What a token of the model spells: its characters' bytes, or the byte NN of "<0xNN>". */
static void store_bytes(loader *l, int32_t id, const char *text, size_t n)
{
    tj_token *t = &l->tok->tokens[id];
    size_t begin = l->slab.len;
    if (l->tok->byte_level) {
        for (size_t i = 0; i < n;) {
            size_t n_char;
            int byte = tj_char_byte(tj_utf8_decode(text + i, &n_char));
            if (byte <
                0) { /* outside the alphabet: it spells its own text, and BPE cannot make it */
                l->slab.len = begin;
                return;
            }
            tj_buf_char(&l->slab, (char)(unsigned char)byte);
            i += n_char;
        }
    } else {
        unsigned int byte;
        char rest;
        if (!l->tok->byte_fallback || n != 6 || text[5] != '>' ||
            sscanf(text, "<0x%2X%c", &byte, &rest) != 2) {
            return;
        }
        tj_buf_char(&l->slab, (char)(unsigned char)byte);
        l->tok->byte_ids[byte] = id;
    }
    t->bytes = begin;
    t->n_bytes = l->slab.len - begin;
    tj_buf_char(&l->slab, '\0');
}

/* An id from JSON. */
static tj_code read_id(const loader *l, int32_t *out, const json_t *value, const char *what,
                       tj_err *err)
{
    json_int_t id = json_integer_value(value);
    *out = -1;
    if (!json_is_integer(value) || id < 0 || id >= (json_int_t)TJ_MAX_VOCAB) {
        return refuse(l, err, "%s must have an id from 0 to %zu", what, TJ_MAX_VOCAB - 1);
    }
    *out = (int32_t)id;
    return TJ_OK;
}

/* Makes room for the largest id of the vocabulary and the added tokens. */
static tj_code allocate_tokens(loader *l, json_t *vocab, const json_t *added, tj_err *err)
{
    const char *text;
    json_t *value;
    int32_t id, largest = -1;
    tj_code rc = TJ_OK;
    json_object_foreach(vocab, text, value)
    {
        rc = read_id(l, &id, value, "each entry of model.vocab", err);
        if (rc != TJ_OK) {
            return rc;
        }
        largest = id > largest ? id : largest;
    }
    size_t i;
    json_array_foreach(added, i, value)
    {
        rc = read_id(l, &id, json_object_get(value, "id"), "each of added_tokens", err);
        if (rc != TJ_OK) {
            return rc;
        }
        largest = id > largest ? id : largest;
    }
    tj_tokenizer *tok = l->tok;
    tok->n_vocab = (size_t)(largest + 1);
    tok->n_text_slots = 16;
    while (tok->n_text_slots < 2 * tok->n_vocab) {
        tok->n_text_slots *= 2;
    }
    tok->tokens = tj_calloc(tok->n_vocab, sizeof *tok->tokens);
    tok->text_slots = tj_calloc(tok->n_text_slots, sizeof *tok->text_slots);
    if (tok->tokens == NULL || tok->text_slots == NULL) {
        return no_memory(l, err);
    }
    memset(tok->text_slots, 0xFF, tok->n_text_slots * sizeof *tok->text_slots); /* -1 */
    return TJ_OK;
}

static tj_code read_vocab(loader *l, json_t *vocab, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    const char *text;
    json_t *value;
    json_object_foreach(vocab, text, value)
    {
        int32_t id = (int32_t)json_integer_value(value); /* checked by allocate_tokens */
        size_t n = strlen(text);
        if (tok->tokens[id].exists) {
            return refuse(l, err, "model.vocab: '%s' has the id %d of another token", text,
                          (int)id);
        }
        store_text(l, id, text, n);
        store_bytes(l, id, text, n);
        size_t mask = tok->n_text_slots - 1, at = (size_t)tj_hash_bytes(text, n) & mask;
        while (tok->text_slots[at] >= 0) {
            at = (at + 1) & mask; /* JSON has no key twice */
        }
        tok->text_slots[at] = id;
    }
    tj_code rc = tj_buf_check(&l->slab, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tok->slab = l->slab.data; /* lookups below need it; the loader owns it until the end */
    for (size_t i = 0; i < tok->n_vocab; i++) {
        const tj_token *t = &tok->tokens[i];
        if (t->exists) {
            tj_buf_printf(&l->canonical, "%zu ", i);
            write_canonical(l, "token", tok->slab + t->text, t->n_text);
        }
    }
    return TJ_OK;
}

/* The single symbols of byte-level text. */
static void find_byte_symbols(tj_tokenizer *tok)
{
    for (size_t b = 0; b < 256; b++) {
        char text[2];
        size_t n = tj_utf8_encode2(text, tj_byte_char((unsigned char)b));
        tok->byte_ids[b] = tj_tokenizer_lookup(tok, text, n);
    }
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

/* Finds the ids of merge `rank`; what it makes must be a token, or there is nothing to merge into.
 */
static tj_code read_merge(const loader *l, tj_merge *out, const json_t *value, size_t rank,
                          tj_buf *joined, tj_err *err)
{
    const char *texts[2];
    size_t lens[2];
    if (!split_merge(value, texts, lens)) {
        return refuse(l, err, "model.merges[%zu] is not a pair of tokens", rank);
    }
    tj_buf_clear(joined);
    tj_buf_add(joined, texts[0], lens[0]);
    tj_buf_add(joined, texts[1], lens[1]);
    tj_code rc = tj_buf_check(joined, err);
    if (rc != TJ_OK) {
        return rc;
    }
    out->left = tj_tokenizer_lookup(l->tok, texts[0], lens[0]);
    out->right = tj_tokenizer_lookup(l->tok, texts[1], lens[1]);
    out->made = tj_tokenizer_lookup(l->tok, tj_buf_text(joined), joined->len);
    out->rank = (uint32_t)rank;
    if (out->left < 0 || out->right < 0 || out->made < 0) {
        return refuse(l, err, "model.merges[%zu]: '%.*s' is not in the vocabulary", rank,
                      out->left < 0    ? (int)lens[0]
                      : out->right < 0 ? (int)lens[1]
                                       : (int)joined->len,
                      out->left < 0    ? texts[0]
                      : out->right < 0 ? texts[1]
                                       : tj_buf_text(joined));
    }
    return TJ_OK;
}

/* The last of several merges of one pair counts, as in the reference. */
static void insert_merge(tj_tokenizer *tok, const tj_merge *merge)
{
    size_t mask = tok->n_merge_slots - 1;
    size_t at = (size_t)tj_hash_pair(merge->left, merge->right) & mask;
    while (tok->merge_slots[at].left >= 0 && (tok->merge_slots[at].left != merge->left ||
                                              tok->merge_slots[at].right != merge->right)) {
        at = (at + 1) & mask;
    }
    tok->merge_slots[at] = *merge;
}

static tj_code read_merges(loader *l, const json_t *merges, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    size_t n = json_array_size(merges);
    if (!json_is_array(merges) || n > TJ_MAX_VOCAB) {
        return refuse(l, err, "model.merges must be an array of at most %zu pairs", TJ_MAX_VOCAB);
    }
    tok->n_merge_slots = 16;
    while (tok->n_merge_slots < 2 * n) {
        tok->n_merge_slots *= 2;
    }
    tok->merge_slots = tj_calloc(tok->n_merge_slots, sizeof *tok->merge_slots);
    if (tok->merge_slots == NULL) {
        return no_memory(l, err);
    }
    for (size_t i = 0; i < tok->n_merge_slots; i++) {
        tok->merge_slots[i].left = -1;
    }
    tj_buf joined;
    tj_buf_init(&joined);
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        tj_merge merge;
        rc = read_merge(l, &merge, json_array_get(merges, i), i, &joined, err);
        if (rc == TJ_OK) {
            insert_merge(tok, &merge);
            tj_buf_printf(&l->canonical, "merge %" PRId32 " %" PRId32 "\n", merge.left,
                          merge.right);
        }
    }
    tj_buf_deinit(&joined);
    return rc;
}

/* ------------------------------------------------------------ the model */

static tj_code check_model(loader *l, const json_t *model, tj_err *err)
{
    if (strcmp(type_of(model), "BPE") != 0) {
        return refuse(l, err, "model.type is '%s', only BPE is supported", type_of(model));
    }
    static const char *const affixes[] = {"continuing_subword_prefix", "end_of_word_suffix"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *value = json_object_get(model, affixes[i]);
        if (value != NULL && !json_is_null(value) && json_string_length(value) > 0) {
            return refuse(l, err, "model.%s is not supported", affixes[i]);
        }
    }
    const json_t *dropout = json_object_get(model, "dropout");
    if (dropout != NULL && !json_is_null(dropout) && json_number_value(dropout) > 0.0) {
        return refuse(l, err, "model.dropout is not supported");
    }
    if (!json_is_object(json_object_get(model, "vocab"))) {
        return refuse(l, err, "model.vocab must be an object");
    }
    tj_code rc = read_flag(l, &l->tok->byte_fallback, model, "byte_fallback", false, err);
    if (rc == TJ_OK) {
        rc = read_flag(l, &l->tok->ignore_merges, model, "ignore_merges", false, err);
    }
    return rc;
}

/* The decoder only says how ids become text again, which must be the way that it is done here. */
static tj_code check_decoder(const loader *l, const json_t *decoder, tj_err *err)
{
    if (decoder == NULL || json_is_null(decoder)) {
        return TJ_OK;
    }
    if (strcmp(type_of(decoder), "Sequence") == 0) {
        const json_t *part;
        size_t i;
        json_array_foreach(json_object_get(decoder, "decoders"), i, part)
        {
            const char *type = type_of(part);
            if (l->tok->byte_level ||
                (strcmp(type, "ByteFallback") != 0 && strcmp(type, "Fuse") != 0)) {
                return refuse(l, err, "decoder '%s' in a sequence is not supported", type);
            }
        }
        return TJ_OK;
    }
    bool known = l->tok->byte_level ? strcmp(type_of(decoder), "ByteLevel") == 0
                                    : strcmp(type_of(decoder), "Fuse") == 0 ||
                                          strcmp(type_of(decoder), "ByteFallback") == 0;
    if (!known) {
        return refuse(l, err, "decoder '%s' is not supported", type_of(decoder));
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ pre-tokenizers */

static tj_code add_pattern(loader *l, const char *pattern, size_t len, bool literal,
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
    write_canonical(l, "split", pattern, len);
    return TJ_OK;
}

static tj_code read_split(loader *l, const json_t *pre, tj_err *err)
{
    const json_t *pattern = json_object_get(pre, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    const json_t *literal = json_object_get(pattern, "String");
    const json_t *chosen = regex != NULL ? regex : literal;
    const char *behavior = json_string_value(json_object_get(pre, "behavior"));
    bool invert;
    tj_code rc = read_flag(l, &invert, pre, "invert", false, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (json_object_size(pattern) != 1 || !json_is_string(chosen)) {
        return refuse(l, err, "pre_tokenizer: Split needs a pattern, Regex or String");
    }
    bool isolated = behavior != NULL && strcmp(behavior, "Isolated") == 0;
    bool removed = behavior != NULL && strcmp(behavior, "Removed") == 0;
    if (!isolated && !removed) {
        return refuse(l, err, "pre_tokenizer: Split behavior '%s' is not supported",
                      behavior == NULL ? "" : behavior);
    }
    return add_pattern(l, json_string_value(chosen), json_string_length(chosen), regex == NULL,
                       isolated || invert, isolated || !invert, err);
}

static tj_code read_byte_level(loader *l, const json_t *pre, tj_err *err)
{
    bool use_regex;
    tj_code rc = refuse_flag(l, pre, "pre_tokenizer ByteLevel", "add_prefix_space", err);
    if (rc == TJ_OK) {
        rc = read_flag(l, &use_regex, pre, "use_regex", true, err);
    }
    if (rc == TJ_OK && use_regex) {
        rc = add_pattern(l, GPT2_PATTERN, strlen(GPT2_PATTERN), false, true, true, err);
    }
    l->tok->byte_level = true;
    return rc;
}

static tj_code read_pretokenizer(loader *l, const json_t *pre, size_t depth, tj_err *err)
{
    if (pre == NULL || json_is_null(pre)) {
        return TJ_OK;
    }
    const char *type = type_of(pre);
    if (l->tok->byte_level) { /* later stages would see its alphabet instead of the text */
        return refuse(l, err, "pre_tokenizer: %s after ByteLevel is not supported", type);
    }
    if (strcmp(type, "Split") == 0) {
        return read_split(l, pre, err);
    }
    if (strcmp(type, "ByteLevel") == 0) {
        return read_byte_level(l, pre, err);
    }
    if (strcmp(type, "Digits") == 0) {
        bool each;
        tj_code rc = read_flag(l, &each, pre, "individual_digits", false, err);
        const char *pattern = each ? "\\p{N}" : "\\p{N}+";
        return rc != TJ_OK ? rc : add_pattern(l, pattern, strlen(pattern), false, true, true, err);
    }
    const json_t *parts = json_object_get(pre, "pretokenizers");
    if (strcmp(type, "Sequence") != 0 || !json_is_array(parts)) {
        return refuse(l, err, "pre_tokenizer '%s' is not supported", type);
    }
    if (depth == MAX_DEPTH) {
        return refuse(l, err, "pre_tokenizer: sequences are nested more than %d deep", MAX_DEPTH);
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

/* ------------------------------------------------------------ added tokens */

static tj_code read_added_token(loader *l, const json_t *value, tj_added *out, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    const json_t *content = json_object_get(value, "content");
    const char *text = json_string_value(content);
    size_t n = json_string_length(content);
    if (text == NULL || n == 0) {
        return refuse(l, err, "each of added_tokens must have a content");
    }
    static const char *const flags[] = {"lstrip", "rstrip", "single_word"};
    for (size_t i = 0; i < 3; i++) {
        tj_code rc = refuse_flag(l, value, "added_tokens", flags[i], err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    int32_t id = (int32_t)json_integer_value(json_object_get(value, "id"));
    tj_code rc = read_flag(l, &out->special, value, "special", false, err);
    if (rc == TJ_OK) {
        rc = read_flag(l, &out->normalized, value, "normalized", !out->special, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_token *t = &tok->tokens[id];
    int32_t same = tj_tokenizer_lookup(tok, text, n);
    if ((same >= 0 && same != id) || (t->exists && same != id)) {
        return refuse(l, err, "added token '%s' has the id %d of another token", text, (int)id);
    }
    if (same < 0) {
        store_text(l, id, text, n);
        rc = tj_buf_check(&l->slab, err);
        if (rc != TJ_OK) {
            return rc;
        }
        tok->slab = l->slab.data; /* the append may have moved it */
    }
    t->bytes = t->text; /* an added token spells its text, in byte-level vocabularies too */
    t->n_bytes = t->n_text;
    t->is_special = out->special;
    out->id = id;
    tj_buf_printf(&l->canonical, "%" PRId32 " %d%d ", id, out->special, out->normalized);
    write_canonical(l, "added", text, n);
    return TJ_OK;
}

/* By first byte, then longest first, then by text; a stable insertion of the few there are would
 * do, but some files have thousands. */
static bool added_before(const tj_tokenizer *tok, const tj_added *a, const tj_added *b)
{
    const tj_token *ta = &tok->tokens[a->id], *tb = &tok->tokens[b->id];
    unsigned char fa = (unsigned char)tok->slab[ta->text];
    unsigned char fb = (unsigned char)tok->slab[tb->text];
    if (fa != fb) {
        return fa < fb;
    }
    if (ta->n_text != tb->n_text) {
        return ta->n_text > tb->n_text;
    }
    return memcmp(tok->slab + ta->text, tok->slab + tb->text, ta->n_text) < 0;
}

/* Heap sort: qsort has no context, and there is no mutable global to put one in. */
static void sift_down(const tj_tokenizer *tok, size_t at, size_t n)
{
    tj_added *list = tok->added, moved = list[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && added_before(tok, &list[child], &list[child + 1])) {
            child++;
        }
        if (!added_before(tok, &moved, &list[child])) {
            break;
        }
        list[at] = list[child];
    }
    list[at] = moved;
}

static void sort_added(tj_tokenizer *tok)
{
    for (size_t i = tok->n_added / 2; i-- > 0;) {
        sift_down(tok, i, tok->n_added);
    }
    for (size_t n = tok->n_added; n-- > 1;) {
        tj_added last = tok->added[n];
        tok->added[n] = tok->added[0];
        tok->added[0] = last;
        sift_down(tok, 0, n);
    }
    size_t i = 0;
    for (size_t b = 0; b < 256; b++) {
        tok->added_begin[b] = i;
        while (i < tok->n_added &&
               (unsigned char)tok->slab[tok->tokens[tok->added[i].id].text] == b) {
            i++;
        }
    }
    tok->added_begin[256] = i;
}

static tj_code read_added(loader *l, const json_t *added, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    size_t n = json_array_size(added);
    tok->added = tj_calloc(n, sizeof *tok->added);
    if (tok->added == NULL) {
        return no_memory(l, err);
    }
    for (size_t i = 0; i < n; i++) {
        tj_code rc = read_added_token(l, json_array_get(added, i), &tok->added[i], err);
        if (rc != TJ_OK) {
            return rc;
        }
        tok->n_added++;
    }
    sort_added(tok);
    for (size_t i = 1; i < n; i++) {
        if (tok->added[i].id == tok->added[i - 1].id) {
            return refuse(l, err, "added token %d is listed twice", (int)tok->added[i].id);
        }
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ the whole */

static tj_code read_root(loader *l, const json_t *root, tj_err *err)
{
    const json_t *model = json_object_get(root, "model");
    const json_t *added = json_object_get(root, "added_tokens");
    const json_t *normalizer = json_object_get(root, "normalizer");
    if (normalizer != NULL && !json_is_null(normalizer)) {
        return refuse(l, err, "normalizer '%s' is not supported", type_of(normalizer));
    }
    bool added_fits = added == NULL || json_is_null(added) ||
                      (json_is_array(added) && json_array_size(added) <= MAX_ADDED);
    if (!added_fits) {
        return refuse(l, err, "added_tokens must be an array of at most %d", MAX_ADDED);
    }
    tj_code rc = read_pretokenizer(l, json_object_get(root, "pre_tokenizer"), 0, err);
    if (rc == TJ_OK) {
        rc = check_decoder(l, json_object_get(root, "decoder"), err);
    }
    if (rc == TJ_OK) {
        rc = check_model(l, model, err);
    }
    if (rc == TJ_OK) {
        rc = allocate_tokens(l, json_object_get(model, "vocab"), added, err);
    }
    if (rc == TJ_OK) {
        rc = read_vocab(l, json_object_get(model, "vocab"), err);
    }
    if (rc == TJ_OK) {
        if (l->tok->byte_level) {
            find_byte_symbols(l->tok);
        }
        rc = read_merges(l, json_object_get(model, "merges"), err);
    }
    if (rc == TJ_OK) {
        rc = read_added(l, added, err);
    }
    return rc;
}

static tj_code finish(loader *l, tj_err *err)
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
    loader l = {.name = name, .tok = tj_calloc(1, sizeof *l.tok)};
    tj_buf_init(&l.slab);
    tj_buf_init(&l.canonical);
    tj_buf_str(&l.slab, ""); /* so that slab.data is never NULL */
    tj_buf_str(&l.canonical, "tabiji-bpe-1\n");
    tj_code rc = l.tok == NULL ? no_memory(&l, err) : TJ_OK;
    if (rc == TJ_OK) {
        memset(l.tok->byte_ids, 0xFF, sizeof l.tok->byte_ids); /* -1 */
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
