/* The harness's ways with answers of MATH. Internal.
 *
 * Threads: no shared state; a tj_minerva is confined to one thread.
 */
#ifndef TJ_EVAL_HARNESS_MATH_H
#define TJ_EVAL_HARNESS_MATH_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/jscan.h"
#include "eval/rx.h"

/* Without the white space of Unicode around it, as Python's str.strip. */
tj_str tj_harness_strip(tj_str text);

/* What the last \boxed of a solution holds; s is NULL where there is none (or an \fbox, with which
 * the harness cannot go on). */
tj_str tj_harness_boxed(tj_str solution);

/* What stands between the first and the last $; the whole where there are not two. */
tj_str tj_hendrycks_answer(tj_str text);
/* Whether two answers are the same after spellings are unified. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_hendrycks_match(bool *same, tj_str a, tj_str b, tj_err *err);

#define TJ_MINERVA_RULES 9
typedef struct tj_minerva {
    tj_rx *final, *rules[TJ_MINERVA_RULES];
} tj_minerva;
TJ_MUST_USE tj_code tj_minerva_init(tj_minerva *m, tj_err *err);
void tj_minerva_deinit(tj_minerva *m); /* a zeroed one is allowed */
/* Appends what stands behind "Final Answer: The final answer is", or "[invalidanswer]". */
TJ_MUST_USE tj_code tj_minerva_answer(tj_minerva *m, tj_buf *out, tj_str text, tj_err *err);
/* Replaces *text by its normal form. */
TJ_MUST_USE tj_code tj_minerva_normalize(tj_minerva *m, tj_buf *text, tj_err *err);

#endif
