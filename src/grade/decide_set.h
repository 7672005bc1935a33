/* Inside of decide: sets of real numbers, written as intervals, unions, sets of values, conditions
 * on one letter. */
#ifndef TJ_GRADE_DECIDE_SET_H
#define TJ_GRADE_DECIDE_SET_H

#include "grade/decide_inner.h"

/* An interval, union, set of all numbers ...: a set by its form. */
bool tj_is_set_like(const tj_ex *ex);
/* An interval whose ends are known to be in the wrong order, which holds nothing. */
bool tj_is_backward(tj_deciding *d, const tj_ex *interval);
/* A condition that may describe a set: an inequality, several of them. */
bool tj_is_condition(const tj_ex *ex);
/* Both as sets of reals; false (and *out untouched) if one is not seen to be such a set. */
bool tj_decide_real_sets(tj_decision *out, tj_deciding *d, const tj_ex *a, const tj_ex *b);
/* {x in Z : -1 <= x < 4} as {-1, 0, 1, 2, 3}; anything else, and what is not bounded, as it is.
 * NULL when the arena is exhausted. */
const tj_ex *tj_list_integers(tj_deciding *d, const tj_ex *ex);
/* "x + 1 where x > 0", {x^2 : x > 1}: at least one is a value under a condition. */
tj_decision tj_decide_conditional(tj_deciding *d, const tj_ex *a, const tj_ex *b);
/* What is left: sets by their form. */
tj_decision tj_decide_sets(tj_deciding *d, const tj_ex *a, const tj_ex *b);

#endif
