/* Enclosures for the other files that use Arb. */
#ifndef TJ_GRADE_ENCLOSE_FLINT_H
#define TJ_GRADE_ENCLOSE_FLINT_H

#include <acb.h>

#include "grade/enclose.h"

typedef struct tj_enclosing {
    tj_work *work;
    const tj_point *at;
    slong prec;
    bool left_reals; /* some step was given reals and has no real value */
} tj_enclosing;

tj_eval tj_acb_eval(acb_t out, tj_enclosing *run, const tj_ex *ex);
tj_eval tj_acb_call(acb_t out, tj_enclosing *run, const tj_ex *ex);
/* x^(num/den). */
tj_eval tj_acb_power(acb_t out, tj_enclosing *run, const acb_t x, tj_small exponent);
/* OK if the value is finite, else OTHER. */
tj_eval tj_acb_check(const acb_t x);

/* Asks for an elementary function's cost at the precision. */
bool tj_acb_spend(tj_enclosing *run, uint64_t times);

#endif
