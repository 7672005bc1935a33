/* What servers of process reward models answer. Inside tree only.
 *
 * Threads:   no shared state.
 */
#ifndef TJ_TREE_PRM_ANSWER_H
#define TJ_TREE_PRM_ANSWER_H

#include "infer/infer.h"

/* The probability of `good` against `bad` at a completion's first token, whose alternatives are
 * given: p(good) / (p(good) + p(bad)), white space around tokens aside; one that is not among the
 * alternatives has less than any of them and counts as 0. Errors: TJ_E_PARSE (no token, or neither
 * is there). */
TJ_MUST_USE tj_code tj_prm_read_tags(double *out, const tj_completion *answer, const char *good,
                                     const char *bad, tj_err *err);

/* The probabilities that steps are right, as vLLM's pooling of a Qwen PRM gives them: a list with
 * [wrong, right] for each step, or one such list inside a list. out [n]. Errors: TJ_E_PARSE (not
 * such a list, not as many as steps, a pair that is no pair of probabilities), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_prm_read_pooled(double *out, size_t n, const char *text, size_t len,
                                       tj_err *err);

#endif
