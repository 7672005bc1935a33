/* From the text of an answer to its tree. How texts are read, and what is chosen where a text
 * leaves something open, is written down in docs/grader.md.
 *
 * Ownership: the tree lives in the caller's arena.
 * Threads:   no shared state.
 * Cost:      linear in the text, but for ambiguous texts, which are read at most
 *            TJ_EX_MAX_READINGS times more.
 */
#ifndef TJ_GRADE_READ_H
#define TJ_GRADE_READ_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "grade/expr.h"

/* Reads LaTeX or plain text, with or without $ around it. All of it must be read: a text half of
 * which makes sense is an error. Words that are no mathematics become TEXT. EITHER stands only at
 * the root. Errors: TJ_E_PARSE naming the byte and what was expected, TJ_E_LIMIT (a TJ_EX_MAX_*),
 * TJ_E_NOMEM; *out is NULL. */
TJ_MUST_USE tj_code tj_read(const tj_ex **out, tj_arena *arena, const char *text, size_t len,
                            tj_err *err);

#endif
