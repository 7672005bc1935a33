/* What is done to a text before it is cut: replacing literal texts, putting one before, NFC.
 *
 *     "a b"  ─prepend ▁─▶  "▁a b"  ─replace ␣ by ▁─▶  "▁a▁b"
 *
 * Ownership: a normalizer owns its texts.
 * Threads:   immutable after loading; the caller's buffers are confined to one thread.
 */
#ifndef TJ_TEXT_NORMALIZE_H
#define TJ_TEXT_NORMALIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define TJ_MAX_NORMALIZERS      8   /* in a row; known files have two */
#define TJ_MAX_NORMALIZER_BYTES 255 /* of a text that is replaced or put; known ones have 3 */
#define TJ_MAX_NORMALIZED_BYTES ((size_t)256 << 20) /* of a result; offsets in it fit 32 bits */

typedef enum tj_normal_kind {
    TJ_NORMAL_NFC,
    TJ_NORMAL_PREPEND, /* `to` before a text that is not empty */
    TJ_NORMAL_REPLACE  /* each `from`, which is not empty, by `to` */
} tj_normal_kind;

typedef struct tj_normal_step {
    tj_normal_kind kind;
    char from[TJ_MAX_NORMALIZER_BYTES + 1], to[TJ_MAX_NORMALIZER_BYTES + 1];
    size_t n_from, n_to;
} tj_normal_step;

typedef struct tj_normalizer {
    tj_normal_step steps[TJ_MAX_NORMALIZERS];
    size_t n_steps;
} tj_normalizer;

/* Adds a step. Errors: TJ_E_LIMIT (too many steps, or a text too long). */
TJ_MUST_USE tj_code tj_normalizer_add(tj_normalizer *norm, tj_normal_kind kind, const char *from,
                                      size_t n_from, const char *to, size_t n_to, tj_err *err);

/* The normalized text, in one of the two buffers or, where nothing changes, `text` itself: lent in
 * *out until one of them changes. Errors: those of tj_nfc, TJ_E_LIMIT (a longer result than
 * TJ_MAX_NORMALIZED_BYTES), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_normalize(const tj_normalizer *norm, tj_buf bufs[2], const char **out,
                                 size_t *out_len, const char *text, size_t len, tj_err *err);

#endif
