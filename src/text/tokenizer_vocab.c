/* Reads vocabulary, merges and added tokens of tokenizer.json into their tables. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "text/tokenizer_load.h"
#include "text/utf8.h"

#define MAX_ADDED 65536 /* reserved and control tokens; known files have a few thousand */

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
static void store_text(tj_loader *l, int32_t id, const char *text, size_t n)
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

/* The byte NN of "<0xNN>"; -1 for any other text. */
static int byte_of_fallback(const char *text, size_t n)
{
    static const char digits[] = "0123456789ABCDEF";
    if (n != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>') {
        return -1;
    }
    const char *high = strchr(digits, text[3]), *low = strchr(digits, text[4]);
    return high == NULL || low == NULL ? -1 : (int)(high - digits) * 16 + (int)(low - digits);
}

/* What a token of the model spells: its characters' bytes, or the byte NN of "<0xNN>". */
static void store_bytes(tj_loader *l, int32_t id, const char *text, size_t n)
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
        int byte = l->tok->byte_fallback ? byte_of_fallback(text, n) : -1;
        if (byte < 0) {
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

/* Makes room for the largest id of the vocabulary and the added tokens. */
static tj_code allocate_tokens(tj_loader *l, json_t *vocab, const json_t *added, tj_err *err)
{
    const char *text;
    json_t *value;
    int32_t id;
    size_t n_vocab = 0;
    tj_code rc = TJ_OK;
    json_object_foreach(vocab, text, value)
    {
        rc = read_id(l, &id, value, "each entry of model.vocab", err);
        if (rc != TJ_OK) {
            return rc;
        }
        n_vocab = (size_t)id >= n_vocab ? (size_t)id + 1 : n_vocab;
    }
    size_t i;
    json_array_foreach(added, i, value)
    {
        rc = read_id(l, &id, json_object_get(value, "id"), "each of added_tokens", err);
        if (rc != TJ_OK) {
            return rc;
        }
        n_vocab = (size_t)id >= n_vocab ? (size_t)id + 1 : n_vocab;
    }
    tj_tokenizer *tok = l->tok;
    tok->n_vocab = n_vocab;
    tok->n_text_slots = 16;
    while (tok->n_text_slots < 2 * tok->n_vocab) {
        tok->n_text_slots *= 2;
    }
    tok->tokens = tj_calloc(tok->n_vocab, sizeof *tok->tokens);
    tok->text_slots = tj_calloc(tok->n_text_slots, sizeof *tok->text_slots);
    if (tok->tokens == NULL || tok->text_slots == NULL) {
        return tj_loader_no_memory(l, err);
    }
    memset(tok->text_slots, 0xFF, tok->n_text_slots * sizeof *tok->text_slots); /* -1 */
    return TJ_OK;
}

static tj_code read_vocab(tj_loader *l, json_t *vocab, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    const char *text;
    json_t *value;
    json_object_foreach(vocab, text, value)
    {
        int32_t id = (int32_t)json_integer_value(value); /* checked by allocate_tokens */
        size_t n = strlen(text);
        if (tok->tokens[id].exists) {
            return tj_loader_refuse(l, err, "model.vocab: '%s' has the id %d of another token",
                                    text, (int)id);
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
            tj_loader_note(l, "token", tok->slab + t->text, t->n_text);
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
static tj_code read_merge(const tj_loader *l, tj_merge *out, const json_t *value, size_t rank,
                          tj_buf *joined, tj_err *err)
{
    const char *texts[2];
    size_t lens[2];
    if (!split_merge(value, texts, lens)) {
        return tj_loader_refuse(l, err, "model.merges[%zu] is not a pair of tokens", rank);
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
        return tj_loader_refuse(l, err, "model.merges[%zu]: '%.*s' is not in the vocabulary", rank,
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

static tj_code read_merges(tj_loader *l, const json_t *merges, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    size_t n = json_array_size(merges);
    if (!json_is_array(merges) || n > TJ_MAX_VOCAB) {
        return tj_loader_refuse(l, err, "model.merges must be an array of at most %zu pairs",
                                TJ_MAX_VOCAB);
    }
    tok->n_merge_slots = 16;
    while (tok->n_merge_slots < 2 * n) {
        tok->n_merge_slots *= 2;
    }
    tok->merge_slots = tj_calloc(tok->n_merge_slots, sizeof *tok->merge_slots);
    if (tok->merge_slots == NULL) {
        return tj_loader_no_memory(l, err);
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

/* ------------------------------------------------------------ added tokens */

static tj_code read_added_token(tj_loader *l, const json_t *value, tj_added *out, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    const json_t *content = json_object_get(value, "content");
    const char *text = json_string_value(content);
    size_t n = json_string_length(content);
    if (text == NULL || n == 0) {
        return tj_loader_refuse(l, err, "each of added_tokens must have a content");
    }
    static const char *const flags[] = {"lstrip", "rstrip", "single_word"};
    for (size_t i = 0; i < 3; i++) {
        tj_code rc = tj_loader_refuse_flag(l, value, "added_tokens", flags[i], err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    int32_t id = (int32_t)json_integer_value(json_object_get(value, "id"));
    tj_code rc = tj_loader_flag(l, &out->special, value, "special", false, err);
    if (rc == TJ_OK) {
        rc = tj_loader_flag(l, &out->normalized, value, "normalized", !out->special, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_token *t = &tok->tokens[id];
    int32_t same = tj_tokenizer_lookup(tok, text, n);
    if ((same >= 0 && same != id) || (t->exists && same != id)) {
        return tj_loader_refuse(l, err, "added token '%s' has the id %d of another token", text,
                                (int)id);
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
    tj_loader_note(l, "added", text, n);
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

static tj_code read_added(tj_loader *l, const json_t *added, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    size_t n = json_array_size(added);
    tok->added = tj_calloc(n, sizeof *tok->added);
    if (tok->added == NULL) {
        return tj_loader_no_memory(l, err);
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
            return tj_loader_refuse(l, err, "added token %d is listed twice",
                                    (int)tok->added[i].id);
        }
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ the three */

tj_code tj_loader_read_vocab(tj_loader *l, json_t *vocab, const json_t *merges, const json_t *added,
                             tj_err *err)
{
    if (added != NULL && !json_is_null(added) &&
        (!json_is_array(added) || json_array_size(added) > MAX_ADDED)) {
        return tj_loader_refuse(l, err, "added_tokens must be an array of at most %d", MAX_ADDED);
    }
    memset(l->tok->byte_ids, 0xFF, sizeof l->tok->byte_ids); /* -1 */
    tj_code rc = allocate_tokens(l, vocab, added, err);
    if (rc == TJ_OK) {
        rc = read_vocab(l, vocab, err);
    }
    if (rc == TJ_OK) {
        if (l->tok->byte_level) {
            find_byte_symbols(l->tok);
        }
        rc = read_merges(l, merges, err);
    }
    if (rc == TJ_OK) {
        rc = read_added(l, added, err);
    }
    return rc;
}
