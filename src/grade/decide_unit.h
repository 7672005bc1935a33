/* Inside of decide: values with units. */
#ifndef TJ_GRADE_DECIDE_UNIT_H
#define TJ_GRADE_DECIDE_UNIT_H

#include "grade/decide_inner.h"

/* Is there a quantity in the expression (and nothing but arithmetic around it)? */
bool tj_is_quantity(const tj_ex *ex);
/* Whether the units within it can be added as they are: not in 5 m + 1. */
bool tj_units_fit(tj_deciding *d, const tj_ex *ex);
/* At least one of them is a quantity, the other one too or a value. */
tj_decision tj_decide_quantities(tj_deciding *d, const tj_ex *a, const tj_ex *b);

#endif
