/* Text and token ids: tokenizers read from Hugging Face tokenizer.json files (BPE).
 *
 * Token ids are the truth: every sequence of ids names the tokenizer it belongs to by its hash, and
 * text is encoded once.
 *
 * Ownership: a tokenizer is immutable after loading; free with tj_tokenizer_destroy.
 * Threads:   immutable after create; encode uses the caller's buffers only.
 */
#ifndef TJ_TEXT_TEXT_H
#define TJ_TEXT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define TJ_MAX_TOKENIZER_BYTES                                                                     \
    ((size_t)64 << 20)                         /* a tokenizer.json; 256k tokens take about 30      \
                                                */
#define TJ_MAX_VOCAB        ((size_t)1 << 21)  /* token ids below; eight times today's largest */
#define TJ_MAX_ENCODE_BYTES ((size_t)64 << 20) /* a text; offsets in it fit 32 bits */

/* A growing array of token ids. */
typedef struct tj_ids {
    int32_t *ids; /* [cap]; tj_free */
    size_t n;
    size_t cap;
} tj_ids;
void tj_ids_deinit(tj_ids *ids);
TJ_MUST_USE tj_code tj_ids_add(tj_ids *ids, const int32_t *more, size_t n, tj_err *err);

typedef struct tj_tokenizer tj_tokenizer;

/* Reads a tokenizer.json: model type BPE, byte-level or not, with `ignore_merges` and
 * `byte_fallback`; pre-tokenizers Split (Isolated, Removed), Digits, ByteLevel and Sequence; added
 * tokens. What is not supported and would change the ids is refused by name. post_processor,
 * truncation and padding are the caller's affair and not applied: a text has no tokens but its own.
 * Gives *out; NULL on error. `name` is the file's name for messages.
 * Errors: TJ_E_PARSE naming file and field (or line, where the text is not UTF-8 or not JSON),
 * TJ_E_LIMIT, TJ_E_NOMEM; for load, those of tj_fs_read. */
TJ_MUST_USE tj_code tj_tokenizer_load(tj_tokenizer **out, const char *path, tj_err *err);
TJ_MUST_USE tj_code tj_tokenizer_parse(tj_tokenizer **out, const char *json, size_t len,
                                       const char *name, tj_err *err);
void tj_tokenizer_destroy(tj_tokenizer *tok);

/* SHA-256 (64 hex digits) of what determines its ids: vocabulary, merges, pre-tokenizer, added
 * tokens; not of white space, order of fields or the form of merges in the file. Lent. */
const char *tj_tokenizer_hash(const tj_tokenizer *tok);
size_t tj_tokenizer_n_vocab(const tj_tokenizer *tok); /* largest id + 1 */
/* The id of a token by its text as it stands in the vocabulary file; -1 if there is none. */
int32_t tj_tokenizer_find(const tj_tokenizer *tok, const char *text);

/* Appends the ids of UTF-8 text to *out, which is unchanged on error. With parse_special, the texts
 * of special added tokens ("<eos>") become those tokens; without, they are ordinary text. Added
 * tokens that are not special are always recognised. Errors: TJ_E_PARSE (byte offset of what is not
 * UTF-8), TJ_E_INVAL (a character that the vocabulary cannot spell), TJ_E_LIMIT (more than
 * TJ_MAX_ENCODE_BYTES, or the tokenizer's pattern takes too much work on this text), TJ_E_NOMEM.
 * Cost: O(n log n) in the length of the longest piece; the pattern's own cost is bounded. */
TJ_MUST_USE tj_code tj_tokenizer_encode(const tj_tokenizer *tok, tj_ids *out, const char *text,
                                        size_t len, bool parse_special, tj_err *err);
/* Lends the bytes of one token (of an added token: its text). For an id without a token, "" and
 * n_bytes 0. */
const char *tj_tokenizer_bytes(const tj_tokenizer *tok, int32_t id, size_t *n_bytes);
bool tj_tokenizer_is_special(const tj_tokenizer *tok, int32_t id);
/* Appends the bytes of ids; special tokens are left out unless with_special. */
void tj_tokenizer_decode(const tj_tokenizer *tok, tj_buf *out, const int32_t *ids, size_t n,
                         bool with_special);

/* Byte offset of the first byte that is not valid UTF-8 (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF), or len when all is. */
size_t tj_utf8_check(const char *text, size_t len);

#endif
