/* The text of a continuation as it comes: whole characters only, nothing that may turn out to be
 * the beginning of a stop string, and thoughts apart from the answer.
 *
 *     ids -> bytes -> characters -> [ settled | may begin a stop string ] -> thought, text
 *
 * Ownership: create/destroy; appends to buffers of the caller.
 * Threads:   confined to one thread.
 */
#ifndef TJ_WEB_SPEECH_H
#define TJ_WEB_SPEECH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/text.h"

typedef struct tj_speech tj_speech;

/* Keeps tok and the stop strings. Gives NULL when memory is exhausted. */
tj_speech *tj_speech_create(const tj_tokenizer *tok, char *const *stop, size_t n_stop,
                            bool splits_thought);
void tj_speech_destroy(tj_speech *speech); /* NULL is allowed */

/* Feeds the next id; appends what is settled by it to *text and *thought. True once a stop string
 * is complete: nothing is appended after that. */
bool tj_speech_add(tj_speech *speech, tj_buf *text, tj_buf *thought, int32_t id);
/* There are no more ids: appends what was held back. */
void tj_speech_end(tj_speech *speech, tj_buf *text, tj_buf *thought);
bool tj_speech_is_thinking(const tj_speech *speech); /* the last id was part of a thought */
/* TJ_E_NOMEM if memory was exhausted on the way. */
TJ_MUST_USE tj_code tj_speech_check(const tj_speech *speech, tj_err *err);

#endif
