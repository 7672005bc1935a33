/* Does a text keep another's mathematics? What is compared are numbers, operators beside them,
 * single letters beside those, and LaTeX commands, in their order; words are free. It does not
 * understand the mathematics: a text that says the same by other signs is refused, which costs a
 * rewriting and never a mistake.
 *
 * Ownership: plain functions.
 * Threads:   no state.
 */
#ifndef TJ_THOUGHT_MATHCHECK_H
#define TJ_THOUGHT_MATHCHECK_H

#include "base/buf.h"
#include "base/err.h"

#define TJ_WHY_BYTES 160

/* The signs of a text, each followed by a blank: "11 - 7 = 4 ". */
void tj_math_signs(tj_buf *out, const char *text, size_t len);

/* The same signs in the same order. Where not, `why` says which sign stands first where another
 * did. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_math_same(bool *same, const char *old, size_t n_old, const char *now,
                                 size_t n_now, char why[TJ_WHY_BYTES], tj_err *err);

/* The old signs all stand in the new text in their order, maybe with others between; and each
 * number of the new text is in `known` (the problem and what was said before) or in the old text,
 * or is what a true equation of the new text (a + b = c, with - * / too) comes to. */
TJ_MUST_USE tj_code tj_math_extends(bool *extends, const char *old, size_t n_old, const char *now,
                                    size_t n_now, const char *known, size_t n_known,
                                    char why[TJ_WHY_BYTES], tj_err *err);

#endif
