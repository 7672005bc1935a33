/* Algebraic numbers by minimal polynomial and enclosure: equality is decided, for nested roots and
 * sines of fractions of pi too, which normal forms do not see through.
 *
 * Threads: no shared state. Cost: bounded by degree and height before each operation.
 */
#ifndef TJ_GRADE_ALGEBRAIC_H
#define TJ_GRADE_ALGEBRAIC_H

#include "grade/decide_inner.h"

/* Are two constants equal? OTHER if one is not seen to be algebraic. */
tj_eval tj_algebraic_equal(bool *equal, tj_deciding *d, const tj_ex *a, const tj_ex *b);

#endif
