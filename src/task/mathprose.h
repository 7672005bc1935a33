/* Prose with LaTeX in it, sentence by sentence: formulas, environments and braces are never cut.
 * Internal to task.
 *
 * Ownership: sentences lie in the text they are of.
 * Threads:   no shared state.
 * Cost:      linear, but for a formula that does not end, which ends the walk.
 */
#ifndef TJ_TASK_MATHPROSE_H
#define TJ_TASK_MATHPROSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/jscan.h"

typedef enum tj_prose {
    TJ_PROSE_SENTENCE = 0,
    TJ_PROSE_END, /* nothing is left */
    TJ_PROSE_OPEN /* a formula, an environment or a brace does not end */
} tj_prose;

/* The sentence of `text` that begins at *at or behind white space there, without white space
 * around it; *at is then behind it. A sentence ends with a full stop, question or exclamation mark
 * that is no abbreviation's and has white space and no small letter behind it; with a formula whose
 * last sign is such a mark; with a displayed formula before a capital letter; at an empty line. */
tj_prose tj_prose_next(tj_str *sentence, tj_str text, size_t *at);

/* Appends a text on one line: runs of white space become one blank. */
void tj_prose_line(tj_buf *out, tj_str text);
/* The same, with what stands in \boxed{} or \fbox{} set free; outside of a formula it becomes one.
 */
void tj_prose_unboxed(tj_buf *out, tj_str text);

/* Whether a % begins a comment, which would swallow what follows on the same line. */
bool tj_prose_has_comment(tj_str text);

#endif
