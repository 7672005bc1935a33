/* Exact rational values of trees, of any size that the budget allows.
 *
 * Sizes are estimated before they are computed: FLINT can neither be interrupted nor does it return
 * when memory is exhausted.
 *
 * Threads: no shared state but FLINT's own caches, which are per thread.
 */
#ifndef TJ_GRADE_EXACT_H
#define TJ_GRADE_EXACT_H

#include "grade/decide_inner.h"

/* *sign of a - b. `at` gives the letters' values (NULL: there are none). OTHER if a side is no
 * rational, as far as rules for single operations show (sqrt(4) is 2, sqrt(2)^2 is not tried). */
tj_eval tj_exact_compare(int *sign, tj_work *work, int64_t max_bits, const tj_ex *a, const tj_ex *b,
                         const tj_point *at);
/* The value where it fits; OTHER where it does not. */
tj_eval tj_exact_small(tj_small *out, tj_work *work, const tj_ex *ex, const tj_point *at);
/* Does the decimal expansion of the value end? */
tj_eval tj_exact_terminates(bool *out, tj_work *work, const tj_ex *ex);
/* The value as num or num/den in the arena if it is short; NULL otherwise. */
const char *tj_exact_text(tj_deciding *d, const tj_ex *ex, const tj_point *at);

/* Gives back what FLINT keeps for this thread. */
void tj_exact_cleanup(void);

#endif
