/* The vocabulary: look-ups by text, by pair and of added tokens, and what tokens spell. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

/* ------------------------------------------------------------ ids */

void tj_ids_deinit(tj_ids *ids)
{
    tj_free(ids->ids);
    *ids = (tj_ids){.ids = NULL};
}

tj_code tj_ids_add(tj_ids *ids, const int32_t *more, size_t n, tj_err *err)
{
    size_t need;
    if (!tj_add_size(&need, ids->n, n) || !tj_grow(&ids->ids, &ids->cap, need, sizeof *ids->ids)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu more token ids", n);
    }
    if (n > 0) {
        memcpy(ids->ids + ids->n, more, n * sizeof *more);
        ids->n = need;
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ the model's vocabulary */

#define HASH_FACTOR 0x9E3779B97F4A7C15u /* 2^64 divided by the golden ratio (Knuth 1973, 6.4) */

static uint64_t mix(uint64_t h)
{
    h *= HASH_FACTOR;
    return h ^ h >> 32;
}

/* Eight bytes at a time; the order of bytes in a word may differ between machines, which reaches no
 * result. */
uint64_t tj_hash_bytes(const char *bytes, size_t n)
{
    uint64_t h = n, word;
    for (; n >= sizeof word; n -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        h = mix(h ^ word);
    }
    word = 0;
    for (size_t i = 0; i < n; i++) {
        word = word << 8 | (unsigned char)bytes[i];
    }
    return mix(mix(h ^ word));
}

uint64_t tj_hash_pair(uint32_t left, uint32_t right)
{
    return mix((uint64_t)left << 32 | right);
}

int32_t tj_tokenizer_lookup(const tj_tokenizer *tok, const char *text, size_t len)
{
    uint64_t hash = tj_hash_bytes(text, len);
    size_t mask = tok->n_text_slots - 1;
    for (size_t at = (size_t)hash & mask; tok->text_slots[at].id >= 0; at = (at + 1) & mask) {
        int32_t id = tok->text_slots[at].id;
        const tj_token *t = &tok->tokens[id];
        if (tok->text_slots[at].hash == (uint32_t)(hash >> 32) && t->n_text == len &&
            memcmp(tok->slab + t->text, text, len) == 0) {
            return id;
        }
    }
    return -1;
}

const tj_merge *tj_tokenizer_merge(const tj_tokenizer *tok, int32_t left, int32_t right)
{
    size_t mask = tok->n_merge_slots - 1;
    for (size_t at = (size_t)tj_hash_pair((uint32_t)left, (uint32_t)right) & mask;
         tok->merge_slots[at].left >= 0; at = (at + 1) & mask) {
        const tj_merge *m = &tok->merge_slots[at];
        if (m->left == left && m->right == right) {
            return m;
        }
    }
    return NULL;
}

static int by_rank(const void *a, const void *b)
{
    uint32_t x = ((const tj_merge *)a)->rank;
    uint32_t y = ((const tj_merge *)b)->rank;
    return x < y ? -1 : x > y;
}

tj_merge *tj_tokenizer_merges(const tj_tokenizer *tok, size_t *n)
{
    tj_merge *merges = tj_calloc(tok->n_merge_slots, sizeof *merges);
    *n = 0;
    for (size_t i = 0; merges != NULL && i < tok->n_merge_slots; i++) {
        if (tok->merge_slots[i].left >= 0) {
            merges[(*n)++] = tok->merge_slots[i];
        }
    }
    if (merges != NULL) {
        qsort(merges, *n, sizeof *merges, by_rank);
    }
    return merges;
}

/* ------------------------------------------------------------ added tokens */

/* Byte k of an added token's text; the zero at its end where it has no more. */
static unsigned char byte_of(const tj_tokenizer *tok, const tj_added *a, size_t k)
{
    return k < a->n_text ? (unsigned char)tok->slab[a->text + k] : 0;
}

/* The first of added[lo .. hi), which share k bytes, whose byte k is at least b. */
static size_t lower_bound(const tj_tokenizer *tok, size_t lo, size_t hi, size_t k, unsigned char b)
{
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (byte_of(tok, &tok->added[middle], k) < b) {
            lo = middle + 1;
        } else {
            hi = middle;
        }
    }
    return lo;
}

/* added[lo .. hi) are those whose first k bytes are the text's; one that has no more stands first,
 * since they are sorted. Each byte of the text leaves fewer. */
const tj_added *tj_tokenizer_added_at(const tj_tokenizer *tok, bool normalized, bool parse_special,
                                      const char *text, size_t at, size_t len)
{
    unsigned char b = (unsigned char)text[at];
    size_t lo = tok->added_begin[b], hi = tok->added_begin[b + 1];
    const tj_added *best = NULL;
    for (size_t k = 1; lo < hi; k++) {
        for (; lo < hi && tok->added[lo].n_text == k; lo++) {
            const tj_added *a = &tok->added[lo];
            bool wanted = a->normalized == normalized && (!a->special || parse_special);
            best = wanted ? a : best;
        }
        if (at + k == len) {
            break;
        }
        b = (unsigned char)text[at + k];
        lo = lower_bound(tok, lo, hi, k, b);
        hi = b == 0xFF ? hi : lower_bound(tok, lo, hi, k, (unsigned char)(b + 1));
    }
    return best;
}

/* ------------------------------------------------------------ what the outside asks */

const char *tj_tokenizer_hash(const tj_tokenizer *tok)
{
    return tok->hash;
}

size_t tj_tokenizer_n_vocab(const tj_tokenizer *tok)
{
    return tok->n_vocab;
}

const tj_tokenizer_extras *tj_tokenizer_get_extras(const tj_tokenizer *tok)
{
    return &tok->extras;
}

int32_t tj_tokenizer_find(const tj_tokenizer *tok, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < tok->n_added; i++) {
        const tj_token *t = &tok->tokens[tok->added[i].id];
        if (t->n_text == len && memcmp(tok->slab + t->text, text, len) == 0) {
            return tok->added[i].id;
        }
    }
    return tj_tokenizer_lookup(tok, text, len);
}

const char *tj_tokenizer_bytes(const tj_tokenizer *tok, int32_t id, size_t *n_bytes)
{
    *n_bytes = 0;
    if (id < 0 || (size_t)id >= tok->n_vocab || !tok->tokens[id].exists) {
        return "";
    }
    *n_bytes = tok->tokens[id].n_bytes;
    return tok->slab + tok->tokens[id].bytes;
}

bool tj_tokenizer_is_special(const tj_tokenizer *tok, int32_t id)
{
    return id >= 0 && (size_t)id < tok->n_vocab && tok->tokens[id].is_special;
}

void tj_tokenizer_decode(const tj_tokenizer *tok, tj_buf *out, const int32_t *ids, size_t n,
                         bool with_special)
{
    for (size_t i = 0; i < n; i++) {
        if (with_special || !tj_tokenizer_is_special(tok, ids[i])) {
            size_t n_bytes;
            const char *bytes = tj_tokenizer_bytes(tok, ids[i], &n_bytes);
            tj_buf_add(out, bytes, n_bytes);
        }
    }
}

void tj_tokenizer_destroy(tj_tokenizer *tok)
{
    if (tok != NULL) {
        for (size_t i = 0; i < tok->pre.n_stages; i++) {
            tj_free(tok->splits[i].pattern);
        }
        tj_pretokenizer_deinit(&tok->pre);
        tj_free(tok->tokens);
        tj_free(tok->slab);
        tj_free(tok->text_slots);
        tj_free(tok->merge_slots);
        tj_free(tok->added);
        tj_free(tok->joints);
        tj_free(tok->chat_template);
        tj_free(tok);
    }
}
