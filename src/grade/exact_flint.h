/* Exact rationals for the other files that use FLINT. */
#ifndef TJ_GRADE_EXACT_FLINT_H
#define TJ_GRADE_EXACT_FLINT_H

#include <flint/flint.h>
#include <flint/fmpq.h>

#include "grade/exact.h"

typedef struct tj_exact_run {
    tj_work *work;
    const tj_point *at; /* NULL: no letter has a value */
    int64_t max_bits;   /* of numerators and denominators */
} tj_exact_run;

/* The value of ex; *out is unspecified unless OK. */
tj_eval tj_exact_eval(fmpq_t out, const tj_exact_run *run, const tj_ex *ex);
/* The exact value of a literal. */
tj_eval tj_exact_number(fmpq_t out, const tj_exact_run *run, const tj_ex_num *num);
/* Functions (exact_calls_flint.c). */
tj_eval tj_exact_call(fmpq_t out, const tj_exact_run *run, const tj_ex *ex);
/* x^(p/q), if it is rational. */
tj_eval tj_exact_power(fmpq_t out, const tj_exact_run *run, const fmpq_t x, const fmpq_t exponent);

/* What products and greatest common divisors of so many bits cost. */
uint64_t tj_cost_mul(int64_t bits);
uint64_t tj_cost_product(int64_t bits_a, int64_t bits_b);
uint64_t tj_cost_gcd(int64_t bits);
/* The larger of the sizes of numerator and denominator. */
int64_t tj_exact_bits(const fmpq_t x);

#endif
