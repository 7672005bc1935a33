/* Inside of decide: arithmetic with matrices and tuples. */
#ifndef TJ_GRADE_DECIDE_MATRIX_H
#define TJ_GRADE_DECIDE_MATRIX_H

#include "grade/decide_inner.h"

/* The tree with sums, multiples, products, small powers, determinants and transposes of matrices
 * worked out, and lengths of vectors; what does not fit together is left as it is. NULL when the
 * arena is exhausted. */
const tj_ex *tj_work_out_matrices(tj_deciding *d, const tj_ex *ex);

#endif
