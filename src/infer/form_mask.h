/* Which tokens of a vocabulary may come next in a form.
 *
 *     tj_form_vocab   the tokens in the order of their bytes; built once for an engine
 *     tj_form_masks   masks that were computed, by form and place
 *
 * Tokens that begin alike stand together, so that what they share is stepped over once, and a
 * beginning that may not come rules out all that have it. In a string nearly every token may come:
 * those that are whole characters without quote and backslash are known beforehand by their number
 * of characters, and only the others are looked at.
 *
 * Ownership: stated at each function.
 * Threads:   a vocabulary is immutable; masks are confined to one thread, and what they lend may be
 *            read by any.
 */
#ifndef TJ_INFER_FORM_MASK_H
#define TJ_INFER_FORM_MASK_H

#include "infer/form.h"

#define TJ_FORM_MAX_TOKEN_BYTES 256 /* longer tokens never come: hundreds of blanks, for one */

typedef struct tj_form_vocab tj_form_vocab;
/* Keeps tok; masks have bits for n_vocab tokens, at least the tokenizer's. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_form_vocab_create(tj_form_vocab **out, const tj_tokenizer *tok,
                                         size_t n_vocab, tj_err *err);
void tj_form_vocab_destroy(tj_form_vocab *vocab); /* NULL is allowed */

typedef struct tj_form_mask {
    const uint64_t *bits; /* [(n_vocab + 63) / 64]; token id is bit id % 64 of word id / 64 */
    bool is_empty;        /* no token may come */
} tj_form_mask;

typedef struct tj_form_masks tj_form_masks;
/* Keeps vocab. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_form_masks_create(tj_form_masks **out, const tj_form_vocab *vocab,
                                         tj_err *err);
void tj_form_masks_destroy(tj_form_masks *masks); /* NULL is allowed */
/* Lends the mask of a place in a form: the tokens whose bytes may all come one after the other.
 * Special tokens, and such as have no bytes, never may. It is valid until the next call of
 * tj_form_masks_trim. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_form_masks_get(tj_form_masks *masks, tj_form_mask *out, const tj_form *form,
                                      const tj_form_state *state, tj_err *err);
/* Forgets all masks if they take more than their share of memory. */
void tj_form_masks_trim(tj_form_masks *masks);

#endif
