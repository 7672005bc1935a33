/* Normal forms: a tree as a quotient of two polynomials with whole coefficients in its letters and
 * in atoms, which stand for everything else (pi, sqrt(2), sin(x), e^x, n!).
 *
 *     (1 + sqrt(x)) / sin(2x)   is   (1 + g) / (2 s c),   g^2 = x,  s^2 = 1 - c^2
 *
 * Atoms are told apart by the normal forms of their arguments; what is known of them (g^2 = x) is
 * used to reduce. That a difference reduces to zero proves equality; that it does not proves
 * something only where there are no atoms.
 *
 * Threads: no shared state. Cost: bounded by terms, degrees and bits before each product.
 */
#ifndef TJ_GRADE_RATFUN_H
#define TJ_GRADE_RATFUN_H

#include "grade/decide_inner.h"

typedef struct tj_normal {
    bool equal;    /* proved */
    bool unequal;  /* proved: a - b is a number that is not 0 */
    bool complete; /* nothing but letters: if not equal, then different */
    bool constant; /* no letter is left */
} tj_normal;

/* Is a - b zero? UNDEFINED: a denominator is zero. */
tj_eval tj_ratfun_compare(tj_normal *out, tj_deciding *d, const tj_ex *a, const tj_ex *b);

/* equal: the equations a = 0 and b = 0 are one but for a constant factor (numerators in lowest
 * terms as far as they were cancelled). *sign: of the factor a / b where the quotient itself is a
 * constant of known sign, else 0. */
tj_eval tj_ratfun_proportional(tj_normal *out, int *sign, tj_deciding *d, const tj_ex *a,
                               const tj_ex *b);

/* Are two real constants equal that are known to be closer than 2^-TJ_RATFUN_CLOSE_BITS? Sums of
 * logarithms by their exponential, sums of inverse trigonometric functions by their cosine:
 * atan(1/2) + atan(1/3) = pi/4. OTHER if there are no such. */
#define TJ_RATFUN_CLOSE_BITS 20
tj_eval tj_ratfun_close_equal(bool *equal, tj_deciding *d, const tj_ex *a, const tj_ex *b);

/* The value if it is a rational number of 63 bits; OTHER if it is none (or not seen to be). */
tj_eval tj_ratfun_rational(tj_small *out, tj_deciding *d, const tj_ex *ex);

#endif
