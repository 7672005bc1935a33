/* Inside of decide: plus-minus signs. NULL when the arena is exhausted. */
#ifndef TJ_GRADE_DECIDE_EXPAND_H
#define TJ_GRADE_DECIDE_EXPAND_H

#include "grade/decide_inner.h"

/* Expressions with plus-minus signs become lists of their values, and take their place among the
 * elements of the list or set they stand in. Signs are independent of each other, unless there is a
 * minus-plus too: then all are tied. Unchanged where there are more than TJ_DECIDE_MAX_SIGNS. */
const tj_ex *tj_expand_signs(tj_deciding *d, const tj_ex *ex);

/* A sum or product of letters whose subscripts hold the index, term by term: x_1 + x_2 + x_3.
 * Unchanged where it is no such, or its bounds are not two near numbers. */
const tj_ex *tj_write_out_sum(tj_deciding *d, const tj_ex *ex);

#endif
