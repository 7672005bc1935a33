/* Enclosures: balls that are certain to hold a tree's value, at a precision. Two balls that do not
 * meet prove that two values differ; balls that meet prove nothing.
 *
 * Powers and roots are principal values, but for odd roots of negative reals, which are the real
 * ones (docs/grader.md); arccot is between 0 and pi.
 *
 * Threads: no shared state but the constants that Arb keeps, which are per thread.
 */
#ifndef TJ_GRADE_ENCLOSE_H
#define TJ_GRADE_ENCLOSE_H

#include "grade/decide_inner.h"

typedef struct tj_apart {
    bool parted;         /* the values differ: proved */
    bool agree;          /* the balls meet and are small (TJ_DECIDE_AGREE_BITS) */
    bool real_a, real_b; /* the value and all that was computed on the way are real: proved */
    int sign;            /* of a - b, if parted and both values are real; else 0 */
} tj_apart;

/* Encloses both at the precision; `at` gives the letters' values (NULL: there are none).
 * UNDEFINED: a side is proved to have no value; OTHER: a side cannot be enclosed (it is near a pole
 * at this precision, or of a kind that has no enclosure). */
tj_eval tj_enclose_compare(tj_apart *out, tj_work *work, const tj_ex *a, const tj_ex *b,
                           const tj_point *at, int64_t prec);
/* The same for one tree; *sign of a value that is real and known not to be 0, else 0. */
tj_eval tj_enclose_sign(int *sign, bool *is_real, tj_work *work, const tj_ex *ex,
                        const tj_point *at, int64_t prec);
/* The nearest whole number of a real value that is known to within a quarter and below 2^62. */
tj_eval tj_enclose_nearest(int64_t *out, tj_work *work, const tj_ex *ex, int64_t prec);

/* Two different values as texts of as many digits as tell them apart (at least 8). */
void tj_enclose_texts(const char **u, const char **v, tj_deciding *d, const tj_ex *a,
                      const tj_ex *b, const tj_point *at);

#endif
