/* What lm-evaluation-harness makes of an answer: where it looks for it (its filters) and whether it
 * calls it right. Beside our grader's verdict, so that numbers can be compared with published ones.
 *
 * The rules are the harness's, quirks included. Of MATH in Minerva's way only the comparison as
 * text is done; where texts differ the harness asks SymPy, which may turn a "wrong" into a "right".
 * Hence its name here: normalized_match, not exact_match.
 *
 * Ownership: create/destroy; texts go to the caller's buffers.
 * Threads:   confined to one thread.
 */
#ifndef TJ_EVAL_HARNESS_H
#define TJ_EVAL_HARNESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "task/task.h"

#define TJ_HARNESS_INVALID "[invalid]" /* what a filter gives that finds nothing */

typedef struct tj_harness tj_harness;
/* Keeps task. Gives *out; NULL on error. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_harness_create(tj_harness **out, const tj_prompt_task *task, tj_err *err);
void tj_harness_destroy(tj_harness *harness); /* NULL is allowed */

/* Filters of the task (none of a task of ours), and the name of its comparison: "exact_match" or
 * "normalized_match". */
size_t tj_harness_n_filters(const tj_harness *harness);
const char *tj_harness_metric(const tj_harness *harness);

/* Appends the problem's target: GSM8K's whole solution or its answer, MATH's boxed answer
 * (normalised, for Minerva), MGSM's number without commas. Where a solution has no box the answer
 * stands for it. Errors: TJ_E_LIMIT, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_harness_target(tj_harness *harness, tj_buf *out, tj_str solution,
                                      tj_str answer, tj_err *err);
/* Appends what filter i finds in a text (UTF-8, without thoughts). Errors: TJ_E_LIMIT, TJ_E_NOMEM.
 */
TJ_MUST_USE tj_code tj_harness_extract(tj_harness *harness, tj_buf *out, size_t i, tj_str text,
                                       tj_err *err);
/* Whether what was found is the target. Errors as above. */
TJ_MUST_USE tj_code tj_harness_match(tj_harness *harness, bool *right, tj_str found, tj_str target,
                                     tj_err *err);

#endif
