/* Inside of decide: one equation or inequality against another. */
#ifndef TJ_GRADE_DECIDE_EQUATION_H
#define TJ_GRADE_DECIDE_EQUATION_H

#include "grade/decide_inner.h"

/* Two relations of two sides, both with "=". */
tj_decision tj_decide_equations(tj_deciding *d, const tj_ex *a, const tj_ex *b);
/* Two chains of inequalities, link by link; false if one is none. */
bool tj_decide_inequalities(tj_decision *out, tj_deciding *d, const tj_ex *a, const tj_ex *b);
/* The root of a linear equation in one letter; NULL if it is none. */
const tj_ex *tj_solve_linear(tj_deciding *d, const tj_ex *ex);

#endif
