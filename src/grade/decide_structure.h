/* Inside of decide: elements in order, in any order, and as sets. */
#ifndef TJ_GRADE_DECIDE_STRUCTURE_H
#define TJ_GRADE_DECIDE_STRUCTURE_H

#include "grade/decide_inner.h"

/* n elements each, as multisets. */
tj_decision tj_decide_match(tj_deciding *d, const tj_ex *const *a, const tj_ex *const *b, size_t n);
/* n elements each, one by one. */
tj_decision tj_decide_elements(tj_deciding *d, const tj_ex *const *a, const tj_ex *const *b,
                               size_t n);
/* Tuples, lists, sets, matrices. */
bool tj_is_structure(const tj_ex *ex);
tj_decision tj_decide_structures(tj_deciding *d, const tj_ex *a, const tj_ex *b);

#endif
