/* What the files that read tokenizer.json share.
 *
 *     tokenizer_load.c    the whole: model, decoder, hash
 *     tokenizer_vocab.c   vocabulary, merges, added tokens
 *     tokenizer_split.c   pre-tokenizers
 *
 * Ownership: a loader lives for one call; it owns the tokenizer and the slab until they are given.
 * Threads:   confined to one thread.
 */
#ifndef TJ_TEXT_TOKENIZER_LOAD_H
#define TJ_TEXT_TOKENIZER_LOAD_H

#include <jansson.h>

#include "base/buf.h"
#include "text/tokenizer.h"

typedef struct tj_loader {
    tj_tokenizer *tok;
    const char *name; /* of the file */
    tj_buf slab;
    tj_buf canonical; /* what the hash is of */
} tj_loader;

/* TJ_E_PARSE, with the file's name before the message. */
tj_code tj_loader_refuse(const tj_loader *l, tj_err *err, const char *fmt, ...) TJ_PRINTF(3, 4);
tj_code tj_loader_no_memory(const tj_loader *l, tj_err *err);
/* Adds "what n bytes" and a newline to what the hash is of. */
void tj_loader_note(tj_loader *l, const char *what, const char *bytes, size_t n);
/* A flag; absent or null is `otherwise`. */
TJ_MUST_USE tj_code tj_loader_flag(const tj_loader *l, bool *out, const json_t *object,
                                   const char *field, bool otherwise, tj_err *err);
/* Refuses a flag that is set. */
TJ_MUST_USE tj_code tj_loader_refuse_flag(const tj_loader *l, const json_t *object,
                                          const char *where, const char *field, tj_err *err);
/* The "type" of an object, "" if it has none. Lent. */
const char *tj_loader_type(const json_t *object);

/* Reads pre_tokenizer, which may be NULL; sets byte_level. */
TJ_MUST_USE tj_code tj_loader_read_split(tj_loader *l, const json_t *pre, tj_err *err);
/* Reads model.vocab (an object), model.merges and added_tokens (an array or NULL), in this order
 * and after the pre-tokenizer. */
TJ_MUST_USE tj_code tj_loader_read_vocab(tj_loader *l, json_t *vocab, const json_t *merges,
                                         const json_t *added, tj_err *err);

#endif
