/* Inside of decide: sets of values with a parameter, "pi/4 + k pi, k an integer". */
#ifndef TJ_GRADE_DECIDE_FAMILY_H
#define TJ_GRADE_DECIDE_FAMILY_H

#include "grade/decide_inner.h"

/* A family, a congruence, or a list of such (and nothing else). */
bool tj_is_family(const tj_ex *ex);
tj_decision tj_decide_families(tj_deciding *d, const tj_ex *a, const tj_ex *b);

#endif
