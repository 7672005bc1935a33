/* Prompts with blanks that are filled in: {{problem}}, {{steps}}. Internal to tree.
 *
 * Ownership: plain functions.
 * Threads:   no state.
 */
#ifndef TJ_TREE_BLANKS_H
#define TJ_TREE_BLANKS_H

#include "base/buf.h"
#include "base/err.h"
#include "tree/scorer.h"

#define TJ_MAX_BLANKS_BYTES ((size_t)64 << 10)

typedef enum tj_language { TJ_ENGLISH = 0, TJ_JAPANESE } tj_language;
extern const char *const tj_language_names[]; /* "en", "ja", NULL */

/* Whether every place is one that tj_blanks_write fills in ({{problem}}, {{answer}}, {{steps}},
 * {{step}}, {{number}}) and `needed`, a list ended by NULL, are there. Errors: TJ_E_INVAL naming
 * `where` and the line. */
TJ_MUST_USE tj_code tj_blanks_check(const char *form, const char *const *needed, const char *where,
                                  tj_err *err);
bool tj_blanks_asks_answer(const char *form); /* it has {{answer}} */

/* Appends the form of an ask. Steps are those before the one in question, or with `whole` that one
 * too, each on a line of its own. What is filled in is not looked through again. */
void tj_blanks_write(tj_buf *out, const char *form, const tj_score_ask *ask, bool whole,
                   tj_language language);

/* Appends a step without the newlines behind it. */
void tj_blanks_step(tj_buf *out, const char *step);

#endif
