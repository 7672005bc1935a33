/* What dialogues have in common: their transcript, and lines of the thought that they become.
 * Internal to thought.
 *
 * Ownership: everything is borrowed, unless a function says otherwise.
 * Threads:   confined to one thread.
 */
#ifndef TJ_THOUGHT_DIALOGUE_H
#define TJ_THOUGHT_DIALOGUE_H

#include "thought/critique.h"

/* An empty transcript, and a record that knows the problem [n]. After an error too it is to be
 * deinit'ed. */
TJ_MUST_USE tj_code tj_dialogue_begin(tj_dialogue *out, const char *problem, size_t n, tj_err *err);
/* An entry of the transcript; takes it. NULL is one that could not be made: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_dialogue_note(tj_dialogue *out, json_t *entry, tj_err *err);

/* The words as a line of the thought. */
TJ_MUST_USE tj_code tj_dialogue_line(tj_scribe *scribe, const tj_span *span, const char *words,
                                     tj_err *err);
/* A way back as a sentence of the templates; *last is the sentence said before, and then this one.
 * Sets the span's action and editor. Errors: TJ_E_INVAL (the language has no such sentence). */
TJ_MUST_USE tj_code tj_dialogue_way_back(tj_scribe *scribe, tj_span *span,
                                         const tj_templates *templates, const char *language,
                                         size_t *last, tj_rng *rng, tj_err *err);
/* "The answer is ...", said by an agent on the path; sets the span's action, editor and name. */
TJ_MUST_USE tj_code tj_dialogue_conclude(tj_scribe *scribe, tj_span *span, const char *who,
                                         const char *answer, const char *language, tj_err *err);

#endif
