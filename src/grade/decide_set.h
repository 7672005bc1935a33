/* Inside of decide: sets of real numbers, written as intervals, unions, sets of values, conditions
 * on one letter. */
#ifndef TJ_GRADE_DECIDE_SET_H
#define TJ_GRADE_DECIDE_SET_H

#include "grade/decide_inner.h"

/* An interval, union, set of all numbers ...: a set by its form. */
bool tj_is_set_like(const tj_ex *ex);
/* A condition that may describe a set: an inequality, several of them. */
bool tj_is_condition(const tj_ex *ex);
/* Both as sets of reals; false (and *out untouched) if one is not seen to be such a set. */
bool tj_decide_real_sets(tj_decision *out, tj_deciding *d, const tj_ex *a, const tj_ex *b);
/* What is left: sets by their form. */
tj_decision tj_decide_sets(tj_deciding *d, const tj_ex *a, const tj_ex *b);

#endif
