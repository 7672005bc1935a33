/* What the files that read tokenizer.json share.
 *
 *     tokenizer_json.c         the whole: model, decoder
 *     tokenizer_json_split.c   normalizers and pre-tokenizers
 *     tokenizer_json_vocab.c   vocabulary, merges, added tokens
 *
 * Ownership: values are borrowed.
 * Threads:   confined to one thread.
 */
#ifndef TJ_TEXT_TOKENIZER_JSON_H
#define TJ_TEXT_TOKENIZER_JSON_H

#include <jansson.h>

#include "text/tokenizer_load.h"

/* A flag; absent or null is `otherwise`. */
TJ_MUST_USE tj_code tj_json_flag(const tj_loader *l, bool *out, const json_t *object,
                                 const char *field, bool otherwise, tj_err *err);
/* Refuses a flag that is set. */
TJ_MUST_USE tj_code tj_json_refuse_flag(const tj_loader *l, const json_t *object, const char *where,
                                        const char *field, tj_err *err);
/* The "type" of an object, "" if it has none. Lent. */
const char *tj_json_type(const json_t *object);

/* Reads normalizer, which may be NULL. */
TJ_MUST_USE tj_code tj_json_read_normalizer(tj_loader *l, const json_t *norm, tj_err *err);
/* Reads pre_tokenizer, which may be NULL; sets byte_level. */
TJ_MUST_USE tj_code tj_json_read_split(tj_loader *l, const json_t *pre, tj_err *err);
/* Reads model.vocab (an object), model.merges and added_tokens (an array or NULL), in this order
 * and after the rest. */
TJ_MUST_USE tj_code tj_json_read_vocab(tj_loader *l, json_t *vocab, const json_t *merges,
                                       const json_t *added, tj_err *err);

#endif
