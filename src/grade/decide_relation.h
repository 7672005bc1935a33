/* Inside of decide: equations, inequalities, systems. */
#ifndef TJ_GRADE_DECIDE_RELATION_H
#define TJ_GRADE_DECIDE_RELATION_H

#include "grade/decide_inner.h"

bool tj_is_statement(const tj_ex *ex);
/* At least one of them is a statement. */
tj_decision tj_decide_statements(tj_deciding *d, const tj_ex *a, const tj_ex *b);
/* An answer under a name: "x = 5" says 5, "x in (1, 2)" the interval. *name is the left side. NULL
 * if the relation is no such answer. */
const tj_ex *tj_named_answer(const tj_ex *ex, const tj_ex **name);

#endif
