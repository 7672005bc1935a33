/* The budget of a decision: work is counted, never timed, so that a verdict does not depend on the
 * machine, and every size is bounded before a library that cannot be interrupted is called.
 *
 * One unit of work is about a nanosecond here (a guess that measuring set; docs/grader.md). Each
 * engine says what an operation will cost and asks before doing it; when the whole is spent, what
 * is left is "undecided".
 *
 * Threads: values.
 */
#ifndef TJ_GRADE_DECIDE_BUDGET_H
#define TJ_GRADE_DECIDE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* Of one decision: some 50 ms, so that even where costs are guessed too small by half the slowest
 * stays under 100 ms. */
#define TJ_DECIDE_WORK 50000000

/* Numerator and denominator of an exact rational: 2^(10^6) has 1,000,001 bits, and a product of two
 * such numbers takes some milliseconds. */
#define TJ_DECIDE_MAX_BITS    1100000
/* The exact way is tried before enclosures only up to here: above, enclosures refute faster. */
#define TJ_DECIDE_FIRST_BITS  4096
/* Enclosures begin at 64 bits and double; 2048 bits are 600 digits, far beyond any two answers that
 * are not equal but for those made to be. */
#define TJ_DECIDE_FIRST_PREC  64
#define TJ_DECIDE_MAX_PREC    2048
/* At points: two rounds more than what tells most functions apart. */
#define TJ_DECIDE_POINT_PREC  256
/* Agreement at a point counts when the values are known to so many bits (30 digits). */
#define TJ_DECIDE_AGREE_BITS  100
/* Points tried, and usable ones needed: a function with poles and gaps still has 16 of 80. */
#define TJ_DECIDE_POINTS      80
#define TJ_DECIDE_ENOUGH      16
/* Letters in one comparison; answers have one to four. */
#define TJ_DECIDE_MAX_SYMBOLS 12
/* Terms of a SUM or PRODUCT, which are computed one by one. */
#define TJ_DECIDE_MAX_SUM     2000

/* Normal forms: generators (variables and atoms), terms of a polynomial, total degree (exponents
 * are then far below a machine word's), bits of a coefficient. */
#define TJ_DECIDE_MAX_ATOMS      16
#define TJ_DECIDE_MAX_TERMS      3000
#define TJ_DECIDE_MAX_DEGREE     1000000
#define TJ_DECIDE_MAX_COEFF_BITS 20000

/* Algebraic numbers: the degree of a result is at most the product of the degrees, and factoring
 * the resultant grows with its third power; degree 64 takes 15 ms here. */
#define TJ_DECIDE_MAX_ALGEBRAIC_DEGREE 72
#define TJ_DECIDE_MAX_ALGEBRAIC_BITS   1000

/* Values that one text with plus-minus signs stands for: four independent signs. */
#define TJ_DECIDE_MAX_SIGNS      4
/* Elements of a set or list that are matched (each pair may be a decision of its own). */
#define TJ_DECIDE_MAX_ELEMENTS   256
/* Ends of intervals in one comparison of sets. */
#define TJ_DECIDE_MAX_ENDS       64
/* Residues in the common period of two families. */
#define TJ_DECIDE_MAX_RESIDUES   96
/* Trees made while deciding, of all rewritings together. */
#define TJ_DECIDE_MAX_MADE_NODES 60000

typedef struct tj_work {
    uint64_t left;
} tj_work;

/* Takes `units` from what is left; false, with nothing left ever after, when there are not enough.
 */
static inline bool tj_work_spend(tj_work *work, uint64_t units)
{
    if (units > work->left) {
        work->left = 0;
        return false;
    }
    work->left -= units;
    return true;
}

#endif
