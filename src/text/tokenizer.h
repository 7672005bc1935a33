/* What the tokenizer's files share: the loaded vocabulary and the merging of pairs.
 *
 *     tokenizer_file.c   a path ─▶ one of the two readers, and the files beside it
 *     tokenizer_json.c   tokenizer.json ─▶ ┐ struct tj_tokenizer
 *     tokenizer_gguf.c   GGUF ─▶           ┘ (with tokenizer_load.h)
 *     tokenizer_write.c, tokenizer_write_json.c   and back
 *     normalize.c        text ─▶ normalized text
 *     pretokenize.c      text ─▶ pieces
 *     bpe.c              a piece's symbols ─▶ its ids
 *     encode.c           text ─▶ ids, by the three above
 *     tokenizer.c        the vocabulary; ids ─▶ bytes
 *     detok.c            ids ─▶ whole characters
 *
 * Ownership: a tokenizer owns all it points to.
 * Threads:   immutable after loading; a tj_bpe is confined to one thread.
 */
#ifndef TJ_TEXT_TOKENIZER_H
#define TJ_TEXT_TOKENIZER_H

#include "base/fs.h"
#include "text/normalize.h"
#include "text/pretokenize.h"
#include "text/text.h"

#define TJ_SPACE_MARK "\xE2\x96\x81" /* U+2581, SentencePiece's space */

typedef struct tj_token {
    uint32_t text, n_text;   /* in slab: as it stands in the file, followed by a zero */
    uint32_t bytes, n_bytes; /* in slab: what it spells; of an added token its text */
    uint32_t rank;           /* by_score: of joining its two parts; the highest score is 0 */
    bool exists;             /* ids may have holes */
    bool in_model;           /* of the vocabulary, not added alone */
    bool is_special;
    bool is_byte; /* "<0xNN>" */
} tj_token;

typedef enum tj_split_kind {
    TJ_SPLIT_ISOLATED,
    TJ_SPLIT_REMOVED,  /* matches are */
    TJ_SPLIT_INVERTED, /* what is between matches is removed */
    TJ_SPLIT_MERGED    /* with the previous piece */
} tj_split_kind;

/* A stage of the pre-tokenizer as its file says it. */
typedef struct tj_split {
    tj_split_kind kind;
    bool literal;  /* the pattern is a text, not a regular expression */
    char *pattern; /* [len], followed by a zero */
    size_t len;
} tj_split;

typedef struct tj_added {
    int32_t id;
    bool special, normalized; /* those not normalized are looked for first, in the text as it is */
    uint32_t text, n_text;    /* in slab: what is looked for; of normalized ones the normal form */
} tj_added;

/* The pair of ids, what they make, and how early: a smaller rank is merged first. */
typedef struct tj_merge {
    int32_t left, right, made;
    uint32_t rank;
} tj_merge;

/* A slot of the vocabulary: the token's id (-1: empty) and some bits of its text's hash, so that
 * other texts in the way are seldom looked at. */
typedef struct tj_text_slot {
    uint32_t hash;
    int32_t id;
} tj_text_slot;

struct tj_tokenizer {
    char hash[TJ_SHA256_HEX];
    tj_token *tokens; /* [n_vocab] */
    size_t n_vocab;
    char *slab; /* texts and bytes of tokens */
    /* Vocabulary of the model (not the added tokens) by text, and merges by pair: open addressing
     * with linear probing, sizes powers of two. */
    tj_text_slot *text_slots; /* [n_text_slots] */
    size_t n_text_slots;
    tj_merge *merge_slots; /* [n_merge_slots]; left is -1 where empty */
    size_t n_merge_slots;
    tj_added *added; /* [n_added]; by text */
    size_t n_added;
    size_t added_begin[257]; /* those with first byte b are added[begin[b] .. begin[b + 1]) */
    size_t n_of_kind[2][2];  /* [normalized][special]: how many added tokens are that */
    int32_t byte_ids[256];   /* symbol of a byte: byte-level, or "<0xNN>"; -1 if there is none */
    int32_t unk;             /* by_score: for characters that even bytes cannot spell; -1 */
    bool byte_level, byte_fallback, ignore_merges;
    bool by_score;       /* SentencePiece's BPE: there are no merges, tokens have ranks */
    bool drops_space;    /* a text's first space is the tokenizer's own */
    bool spells_spaces;  /* TJ_SPACE_MARK in a token's text spells a space */
    uint64_t *joints;    /* [n_joint_bits / 64]: see bpe.c; NULL: all neighbours may be joined */
    size_t n_joint_bits; /* a power of two */
    tj_normalizer norm;
    tj_pretokenizer pre;
    tj_split splits[TJ_MAX_PRETOKENIZERS]; /* [pre.n_stages] what pre was made of: for writing */
    tj_tokenizer_extras extras;
    char *chat_template; /* what extras lends */
};

/* The id in the model's vocabulary of a text (in byte-level tokenizers, of its alphabet); -1. */
int32_t tj_tokenizer_lookup(const tj_tokenizer *tok, const char *text, size_t len);
/* The merge of two ids, or NULL. */
const tj_merge *tj_tokenizer_merge(const tj_tokenizer *tok, int32_t left, int32_t right);
uint64_t tj_hash_bytes(const char *bytes, size_t n);
uint64_t tj_hash_pair(uint32_t left, uint32_t right);

/* The added token of this pass that begins at text[at], the longest of several; NULL. */
const tj_added *tj_tokenizer_added_at(const tj_tokenizer *tok, bool normalized, bool parse_special,
                                      const char *text, size_t at, size_t len);

/* The character that stands for a byte in byte-level vocabularies (GPT-2's bytes_to_unicode):
 * itself if it is printable in Latin-1, else 256 and up in order. */
uint32_t tj_byte_char(unsigned char byte);
/* The byte that a character stands for; -1 if none. */
int tj_char_byte(uint32_t c);

/* Storage for merging, reused from piece to piece. Zero-initialised before use. */
typedef struct tj_bpe_symbol {
    int32_t id;     /* -1: a text that is no token */
    uint32_t at, n; /* its bytes in the piece; n is 0 after it was merged into the one before */
    uint32_t prev, next;
} tj_bpe_symbol;
typedef struct tj_bpe_candidate {
    uint32_t rank, at; /* the pair at symbol `at` and its next */
    uint32_t n;        /* bytes of both: neither has changed while they have so many */
    int32_t made;
} tj_bpe_candidate;
typedef struct tj_bpe {
    tj_bpe_symbol *symbols; /* [n_symbols] */
    size_t n_symbols, cap_symbols;
    tj_bpe_candidate *heap; /* [n_heap] least rank, then leftmost, first */
    size_t n_heap, cap_heap;
} tj_bpe;
void tj_bpe_deinit(tj_bpe *bpe);
/* Adds a symbol of n bytes at the end; n_symbols = 0 starts anew. */
TJ_MUST_USE tj_code tj_bpe_add(tj_bpe *bpe, int32_t id, size_t n, tj_err *err);
/* Merges until no pair is left to merge; the symbols that are left are then symbols[0], the ones
 * after it by `next` (TJ_BPE_NONE ends). `piece` is their text. Cost: O(n log n) for n symbols. */
#define TJ_BPE_NONE UINT32_MAX
TJ_MUST_USE tj_code tj_bpe_merge(tj_bpe *bpe, const tj_tokenizer *tok, const char *piece,
                                 tj_err *err);

/* The merges in the order of their ranks: gives [*n] (tj_free); NULL without memory. */
tj_merge *tj_tokenizer_merges(const tj_tokenizer *tok, size_t *n);
/* The name that GGUF files have for a byte-level tokenizer's way of cutting texts; NULL if they
 * have none. Lent. */
const char *tj_pretokenizer_name(const tj_tokenizer *tok);

/* What an encoder encodes with. */
const tj_tokenizer *tj_encoder_tokenizer(const tj_encoder *encoder);

/* Notes which characters stand side by side in some token of the vocabulary; to be called once all
 * are there. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_joints_build(tj_tokenizer *tok, tj_err *err);
/* The end of the part of a piece that begins at `from` and can be merged by itself: no token joins
 * what is before its end with what is after. */
size_t tj_joints_next(const tj_tokenizer *tok, const char *piece, size_t len, size_t from);

#endif
