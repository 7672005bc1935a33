/* Inside of decide: a set of reals as a formula over comparisons of its element with numbers, its
 * ends:
 *
 *     [1, 2) u {3}      x >= 1 and x < 2 or x = 3
 *
 * The ends of all sets in question stand on one line. Sorted, they cut it into points and gaps, on
 * each of which every formula is constant.
 *
 * Ownership: formulas live in the decision's arena; NULL stands for what is no such set (or no
 * memory), and whatever is made of NULL is NULL.
 */
#ifndef TJ_GRADE_DECIDE_LINE_H
#define TJ_GRADE_DECIDE_LINE_H

#include "grade/decide_inner.h"

typedef enum tj_line_rule {
    TJ_LINE_ALL,   /* every real */
    TJ_LINE_NONE,  /* no real */
    TJ_LINE_BELOW, /* x < ends[end] */
    TJ_LINE_AT,    /* x = ends[end] */
    TJ_LINE_ABOVE,
    TJ_LINE_NOT, /* of left */
    TJ_LINE_AND, /* of left and right */
    TJ_LINE_OR
} tj_line_rule;

typedef struct tj_formula tj_formula;
struct tj_formula {
    tj_line_rule rule;
    size_t end;
    const tj_formula *left, *right;
};

typedef struct tj_line {
    tj_deciding *d;
    size_t n_ends;
    const tj_ex *ends[TJ_DECIDE_MAX_ENDS];
    size_t rank[TJ_DECIDE_MAX_ENDS]; /* place in the order; equal ends have equal ranks */
    size_t n_ranks;
    const char *letter; /* of the conditions; NULL if there are none yet */
    size_t depth;       /* of absolute values that are being taken apart */
    bool slip;          /* an interval has its ends in the wrong order: empty, but hardly meant */
} tj_line;

const tj_formula *tj_line_make(tj_line *l, tj_line_rule rule, size_t end, const tj_formula *left,
                               const tj_formula *right);
const tj_formula *tj_line_both(tj_line *l, tj_line_rule rule, const tj_formula *left,
                               const tj_formula *right);
const tj_formula *tj_line_negate(tj_line *l, const tj_formula *f);
/* x below, at or above a constant, which becomes an end. */
const tj_formula *tj_line_against(tj_line *l, tj_line_rule rule, const tj_ex *value);
/* A tree that stands for a set (decide_set.c), and a relation as a condition on its letter
 * (decide_condition.c). */
const tj_formula *tj_line_read(tj_line *l, const tj_ex *ex);
const tj_formula *tj_line_condition(tj_line *l, const tj_ex *relation);

/* Ranks the ends; sorted[r] is one of rank r. False if an order is not known. */
bool tj_line_sort(tj_line *l, const tj_ex *sorted[TJ_DECIDE_MAX_ENDS]);
/* The formula on cell number c of 2 n_ranks + 1: cell 2r + 1 is the end of rank r, cell 2r the gap
 * below it. */
bool tj_line_holds(const tj_line *l, const tj_formula *f, size_t c);

/* 1 for infinity, -1 for its opposite, else 0. */
int tj_infinity_sign(const tj_ex *ex);

#endif
