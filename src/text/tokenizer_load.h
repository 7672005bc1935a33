/* What the readers of tokenizer.json and of GGUF share: a loader, to which a tokenizer is told part
 * by part, in this order: normalizers, pre-tokenizers, tokens, merges or scores, added tokens.
 *
 *     tokenizer_load.c    the loader; normalizers, pre-tokenizers; the hash
 *     tokenizer_vocab.c   tables of tokens, merges and added tokens
 *
 * The hash is of a text made on the way, "tabiji-bpe-1", which lists what determines the ids in a
 * fixed order with every length written before its bytes.
 *
 * Ownership: a loader lives for one call; it owns the tokenizer and the slab until they are given.
 * Threads:   confined to one thread.
 */
#ifndef TJ_TEXT_TOKENIZER_LOAD_H
#define TJ_TEXT_TOKENIZER_LOAD_H

#include "base/buf.h"
#include "text/tokenizer.h"

typedef struct tj_loader {
    tj_tokenizer *tok;
    const char *name;   /* of the file */
    bool spells_spaces; /* TJ_SPACE_MARK in a token's text spells a space */
    bool merges_bytes;  /* a merge joins tokens "<0xNN>": their texts are not what is joined */
    tj_buf slab;
    tj_buf canonical; /* what the hash is of */
} tj_loader;

TJ_MUST_USE tj_code tj_loader_begin(tj_loader *l, const char *name, tj_err *err);
/* Gives the tokenizer if rc is TJ_OK and returns what became of it; frees the rest. */
TJ_MUST_USE tj_code tj_loader_end(tj_loader *l, tj_tokenizer **out, tj_code rc, tj_err *err);

/* TJ_E_PARSE, with the file's name before the message. */
tj_code tj_loader_refuse(const tj_loader *l, tj_err *err, const char *fmt, ...) TJ_PRINTF(3, 4);
tj_code tj_loader_no_memory(const tj_loader *l, tj_err *err);
/* Adds "what n bytes" and a newline, or "number ", to what the hash is of. */
void tj_loader_note(tj_loader *l, const char *what, const char *bytes, size_t n);
void tj_loader_note_number(tj_loader *l, size_t number);

TJ_MUST_USE tj_code tj_loader_add_normal(tj_loader *l, tj_normal_kind kind, const char *from,
                                         size_t n_from, const char *to, size_t n_to, tj_err *err);

TJ_MUST_USE tj_code tj_loader_add_split(tj_loader *l, tj_split_kind kind, bool literal,
                                        const char *pattern, size_t len, tj_err *err);

/* Tokens of the model: ids below n_vocab, each told at most once. */
TJ_MUST_USE tj_code tj_loader_allocate(tj_loader *l, size_t n_vocab, tj_err *err);
TJ_MUST_USE tj_code tj_loader_add_token(tj_loader *l, int32_t id, const char *text, size_t n,
                                        const char *where, tj_err *err);
TJ_MUST_USE tj_code tj_loader_end_tokens(tj_loader *l, tj_err *err);

/* n merges in the order of their ranks; `where` names the list in messages. */
TJ_MUST_USE tj_code tj_loader_begin_merges(tj_loader *l, size_t n, tj_err *err);
TJ_MUST_USE tj_code tj_loader_add_merge(tj_loader *l, size_t rank, const char *const texts[2],
                                        const size_t lens[2], const char *where, tj_err *err);
/* In place of merges: the score of each token (not NaN). */
void tj_loader_add_score(tj_loader *l, int32_t id, float score);

/* At most n added tokens. */
TJ_MUST_USE tj_code tj_loader_begin_added(tj_loader *l, size_t n, tj_err *err);
TJ_MUST_USE tj_code tj_loader_add_added(tj_loader *l, int32_t id, const char *text, size_t n,
                                        bool special, bool normalized, tj_err *err);
TJ_MUST_USE tj_code tj_loader_end_added(tj_loader *l, tj_err *err);

/* Keeps a copy of the chat template. */
TJ_MUST_USE tj_code tj_loader_set_template(tj_tokenizer *tok, const char *text, size_t len,
                                           tj_err *err);

#endif
