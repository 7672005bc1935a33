/* What the tokenizer's files share: the loaded vocabulary and the merging of pairs.
 *
 *     tokenizer_load.c   tokenizer.json ─▶ struct tj_tokenizer (with tokenizer_load.h)
 *     bpe.c              a piece's symbols ─▶ its ids
 *     tokenizer.c        text ─▶ ids ─▶ text
 *
 * Ownership: a tokenizer owns all it points to.
 * Threads:   immutable after loading; a tj_bpe is confined to one thread.
 */
#ifndef TJ_TEXT_TOKENIZER_H
#define TJ_TEXT_TOKENIZER_H

#include "base/fs.h"
#include "text/pretokenize.h"
#include "text/text.h"

typedef struct tj_token {
    size_t text, n_text;   /* in slab: as it stands in the file, followed by a zero */
    size_t bytes, n_bytes; /* in slab: what it spells; of an added token its text */
    bool exists;           /* ids may have holes */
    bool is_special;
} tj_token;

typedef struct tj_added {
    int32_t id;
    bool special, normalized; /* those not normalized are looked for first */
} tj_added;

/* The pair of ids, what they make, and how early: a smaller rank is merged first. */
typedef struct tj_merge {
    int32_t left, right, made;
    uint32_t rank;
} tj_merge;

struct tj_tokenizer {
    char hash[TJ_SHA256_HEX];
    tj_token *tokens; /* [n_vocab] */
    size_t n_vocab;
    char *slab; /* texts and bytes of tokens */
    /* Vocabulary of the model (not the added tokens) by text, and merges by pair: open addressing
     * with linear probing, sizes powers of two. */
    int32_t *text_slots; /* [n_text_slots]; id, or -1 */
    size_t n_text_slots;
    tj_merge *merge_slots; /* [n_merge_slots]; left is -1 where empty */
    size_t n_merge_slots;
    tj_added *added; /* [n_added]; by first byte, then longest first, then by text */
    size_t n_added;
    size_t added_begin[257]; /* those with first byte b are added[begin[b] .. begin[b + 1]) */
    int32_t byte_ids[256];   /* symbol of a byte: byte-level, or "<0xNN>"; -1 if there is none */
    bool byte_level, byte_fallback, ignore_merges;
    tj_pretokenizer pre;
};

/* The id in the model's vocabulary of a text (in byte-level tokenizers, of its alphabet); -1. */
int32_t tj_tokenizer_lookup(const tj_tokenizer *tok, const char *text, size_t len);
/* The merge of two ids, or NULL. */
const tj_merge *tj_tokenizer_merge(const tj_tokenizer *tok, int32_t left, int32_t right);
uint64_t tj_hash_bytes(const char *bytes, size_t n);
uint64_t tj_hash_pair(int32_t left, int32_t right);

/* The character that stands for a byte in byte-level vocabularies (GPT-2's bytes_to_unicode):
 * itself if it is printable in Latin-1, else 256 and up in order. */
uint32_t tj_byte_char(unsigned char byte);
/* The byte that a character stands for; -1 if none. */
int tj_char_byte(uint32_t c);

/* Storage for merging, reused from piece to piece. Zero-initialised before use. */
typedef struct tj_bpe_symbol {
    int32_t id; /* -1: merged into the one before */
    uint32_t prev, next;
} tj_bpe_symbol;
typedef struct tj_bpe_candidate {
    uint32_t rank, at; /* the pair at symbol `at` and its next */
    int32_t left, right, made;
} tj_bpe_candidate;
typedef struct tj_bpe {
    tj_bpe_symbol *symbols; /* [n_symbols] */
    size_t n_symbols, cap_symbols;
    tj_bpe_candidate *heap; /* [n_heap] least rank, then leftmost, first */
    size_t n_heap, cap_heap;
} tj_bpe;
void tj_bpe_deinit(tj_bpe *bpe);
/* Adds a symbol at the end; n_symbols = 0 starts anew. */
TJ_MUST_USE tj_code tj_bpe_add(tj_bpe *bpe, int32_t id, tj_err *err);
/* Merges until no pair is left to merge and appends the ids. Cost: O(n log n) for n symbols. */
TJ_MUST_USE tj_code tj_bpe_merge(tj_bpe *bpe, const tj_tokenizer *tok, tj_ids *out, tj_err *err);

#endif
