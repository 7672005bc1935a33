/* Relations as conditions on one letter: both sides are brought to p = 0 for a polynomial p of
 * degree 2 at the most, whose roots are the ends; absolute values are taken apart before. */
#include "grade/decide_line.h"

#include <string.h>

/* value < 0, <= 0, = 0 and so on, for a constant. */
static const tj_formula *constant_sign(tj_line *l, tj_ex_rel rel, const tj_ex *value)
{
    const char *method;
    tj_order order = tj_decide_order(l->d, &method, value, tj_make_int(l->d, 0));
    bool less = order == TJ_ORDER_LESS, equal = order == TJ_ORDER_EQUAL;
    if (!less && !equal && order != TJ_ORDER_GREATER) {
        return NULL;
    }
    bool holds = rel == TJ_REL_LT   ? less
                 : rel == TJ_REL_LE ? less || equal
                 : rel == TJ_REL_GT ? !less && !equal
                 : rel == TJ_REL_GE ? !less
                 : rel == TJ_REL_EQ ? equal
                                    : !equal;
    return tj_line_make(l, holds ? TJ_LINE_ALL : TJ_LINE_NONE, 0, NULL, NULL);
}

/* p(x) R 0 from: p < 0 and p = 0. */
static const tj_formula *by_sign(tj_line *l, tj_ex_rel rel, const tj_formula *negative,
                                 const tj_formula *zero)
{
    switch (rel) {
    case TJ_REL_LT:
        return negative;
    case TJ_REL_LE:
        return tj_line_both(l, TJ_LINE_OR, negative, zero);
    case TJ_REL_GT:
        return tj_line_negate(l, tj_line_both(l, TJ_LINE_OR, negative, zero));
    case TJ_REL_GE:
        return tj_line_negate(l, negative);
    case TJ_REL_EQ:
        return zero;
    case TJ_REL_NE:
        return tj_line_negate(l, zero);
    default:
        return NULL;
    }
}

/* c1 x + c0 R 0 with c1 of known sign. */
static const tj_formula *linear(tj_line *l, tj_ex_rel rel, const tj_ex *c0, const tj_ex *c1,
                                int sign)
{
    tj_deciding *d = l->d;
    const tj_ex *root = tj_make_1(d, TJ_EX_NEG, tj_make_2(d, TJ_EX_DIV, c0, c1));
    return by_sign(l, rel, tj_line_against(l, sign > 0 ? TJ_LINE_BELOW : TJ_LINE_ABOVE, root),
                   tj_line_against(l, TJ_LINE_AT, root));
}

/* c2 x^2 + c1 x + c0 R 0: the roots are (-c1 +- sqrt(c1^2 - 4 c2 c0)) / (2 c2). */
static const tj_formula *quadratic(tj_line *l, tj_ex_rel rel, const tj_ex *c0, const tj_ex *c1,
                                   const tj_ex *c2, int sign)
{
    tj_deciding *d = l->d;
    const char *method;
    const tj_ex *four = tj_make_2(d, TJ_EX_MUL, tj_make_int(d, 4), tj_make_2(d, TJ_EX_MUL, c2, c0));
    const tj_ex *under = tj_make_difference(d, tj_make_2(d, TJ_EX_MUL, c1, c1), four);
    if (under == NULL) {
        return NULL;
    }
    tj_order order = tj_decide_order(d, &method, under, tj_make_int(d, 0));
    if (order == TJ_ORDER_LESS) { /* no root: the sign of c2 everywhere */
        return by_sign(l, rel,
                       tj_line_make(l, sign < 0 ? TJ_LINE_ALL : TJ_LINE_NONE, 0, NULL, NULL),
                       tj_line_make(l, TJ_LINE_NONE, 0, NULL, NULL));
    }
    if (order != TJ_ORDER_GREATER && order != TJ_ORDER_EQUAL) {
        return NULL;
    }
    const tj_ex *s = tj_make_call(d, TJ_FN_SQRT, under, NULL);
    const tj_ex *minus = tj_make_1(d, TJ_EX_NEG, c1);
    const tj_ex *twice = tj_make_2(d, TJ_EX_MUL, tj_make_int(d, 2), c2);
    const tj_ex *u = tj_make_2(d, TJ_EX_DIV, tj_make_difference(d, minus, s), twice);
    const tj_ex *v = tj_make_2(d, TJ_EX_DIV, tj_make_2(d, TJ_EX_ADD, minus, s), twice);
    const tj_ex *low = sign > 0 ? u : v, *high = sign > 0 ? v : u;
    const tj_formula *between = tj_line_both(l, TJ_LINE_AND, tj_line_against(l, TJ_LINE_ABOVE, low),
                                             tj_line_against(l, TJ_LINE_BELOW, high));
    const tj_formula *at = tj_line_both(l, TJ_LINE_OR, tj_line_against(l, TJ_LINE_AT, low),
                                        tj_line_against(l, TJ_LINE_AT, high));
    const tj_formula *negative =
        sign > 0 ? between : tj_line_negate(l, tj_line_both(l, TJ_LINE_OR, between, at));
    return by_sign(l, rel, negative, at);
}

/* p R 0 for a polynomial p of degree 2 at the most: its coefficients are found from its values at
 * 0, 1 and -1, and proved by the normal form. */
static const tj_formula *polynomial(tj_line *l, tj_ex_rel rel, const tj_ex *p)
{
    tj_deciding *d = l->d;
    const char *x = l->letter;
    if (!tj_has_symbol(p, x)) {
        return constant_sign(l, rel, p);
    }
    if (!tj_is_polynomial(p, x)) {
        return NULL;
    }
    const tj_ex *c0 = tj_substitute(d, p, x, tj_make_int(d, 0));
    const tj_ex *up = tj_substitute(d, p, x, tj_make_int(d, 1));
    const tj_ex *down = tj_substitute(d, p, x, tj_make_int(d, -1));
    const tj_ex *half = tj_make_2(d, TJ_EX_DIV, tj_make_int(d, 1), tj_make_int(d, 2));
    const tj_ex *c1 = tj_make_2(d, TJ_EX_MUL, half, tj_make_difference(d, up, down));
    const tj_ex *c2 =
        tj_make_difference(d, tj_make_2(d, TJ_EX_MUL, half, tj_make_2(d, TJ_EX_ADD, up, down)), c0);
    const tj_ex *letter = tj_make_symbol(d, x);
    const tj_ex *inner = tj_make_2(d, TJ_EX_ADD, c1, tj_make_2(d, TJ_EX_MUL, c2, letter));
    const tj_ex *form = tj_make_2(d, TJ_EX_ADD, c0, tj_make_2(d, TJ_EX_MUL, letter, inner));
    if (!tj_decide_identical(d, p, form)) {
        return NULL;
    }
    const char *method;
    const tj_ex *zero = tj_make_int(d, 0);
    tj_order second = tj_decide_order(d, &method, c2, zero);
    if (second == TJ_ORDER_LESS || second == TJ_ORDER_GREATER) {
        return quadratic(l, rel, c0, c1, c2, second == TJ_ORDER_LESS ? -1 : 1);
    }
    tj_order first = tj_decide_order(d, &method, c1, zero);
    if (second != TJ_ORDER_EQUAL || (first != TJ_ORDER_LESS && first != TJ_ORDER_GREATER)) {
        return second == TJ_ORDER_EQUAL && first == TJ_ORDER_EQUAL ? constant_sign(l, rel, c0)
                                                                   : NULL;
    }
    return linear(l, rel, c0, c1, first == TJ_ORDER_LESS ? -1 : 1);
}

static tj_ex_rel turned(tj_ex_rel rel)
{
    switch (rel) {
    case TJ_REL_LT:
        return TJ_REL_GT;
    case TJ_REL_LE:
        return TJ_REL_GE;
    case TJ_REL_GT:
        return TJ_REL_LT;
    case TJ_REL_GE:
        return TJ_REL_LE;
    default:
        return rel;
    }
}

static const tj_formula *compare(tj_line *l, const tj_ex *u, tj_ex_rel rel, const tj_ex *v);

/* |u| < v is u < v and -v < u; |u| > v is u > v or u < -v. */
static const tj_formula *absolute(tj_line *l, const tj_ex *u, tj_ex_rel rel, const tj_ex *v)
{
    const tj_ex *minus = tj_make_1(l->d, TJ_EX_NEG, v);
    const tj_formula *one = compare(l, u, rel, v);
    const tj_formula *other = compare(l, u, turned(rel), minus);
    bool inside = rel == TJ_REL_LT || rel == TJ_REL_LE || rel == TJ_REL_NE;
    return tj_line_both(l, inside ? TJ_LINE_AND : TJ_LINE_OR, one, other);
}

static bool is_absolute(const tj_line *l, const tj_ex *ex)
{
    return ex->kind == TJ_EX_CALL && ex->id == TJ_FN_ABS && tj_has_symbol(ex, l->letter);
}

/* u R v as a condition on the letter. */
static const tj_formula *compare(tj_line *l, const tj_ex *u, tj_ex_rel rel, const tj_ex *v)
{
    if (u == NULL || v == NULL || !tj_is_scalar(u) || !tj_is_scalar(v) || l->depth > 4) {
        return NULL;
    }
    int low = tj_infinity_sign(u), high = tj_infinity_sign(v);
    if (low != 0 || high != 0) { /* -infinity < x: always */
        bool strict = rel == TJ_REL_LT || rel == TJ_REL_LE;
        bool holds = strict ? low < 0 || high > 0 : low > 0 || high < 0;
        return rel == TJ_REL_EQ || rel == TJ_REL_NE || (low != 0 && high != 0)
                   ? NULL
                   : tj_line_make(l, holds ? TJ_LINE_ALL : TJ_LINE_NONE, 0, NULL, NULL);
    }
    l->depth++;
    const tj_formula *f;
    if (is_absolute(l, u) && !tj_has_symbol(v, l->letter)) {
        f = absolute(l, u->args[0], rel, v);
    } else if (is_absolute(l, v) && !tj_has_symbol(u, l->letter)) {
        f = absolute(l, v->args[0], turned(rel), u);
    } else {
        f = polynomial(l, rel, tj_make_difference(l->d, u, v));
    }
    l->depth--;
    return f;
}

/* The letter of conditions: all must be about the same one. */
static bool is_about_one(tj_line *l, const tj_ex *ex)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    if (!tj_free_symbols(ex, names, &n) || n > 1 || tj_has_kind(ex, TJ_EX_APPLY)) {
        return false;
    }
    if (n == 1 && l->letter == NULL) {
        l->letter = names[0];
    }
    return n == 0 || strcmp(names[0], l->letter) == 0;
}

const tj_formula *tj_line_condition(tj_line *l, const tj_ex *ex)
{
    if (!is_about_one(l, ex) || l->letter == NULL) {
        return NULL;
    }
    const tj_formula *all = tj_line_make(l, TJ_LINE_ALL, 0, NULL, NULL);
    for (size_t i = 0; i + 1 < ex->n_args && all != NULL; i++) {
        const tj_formula *one = NULL;
        if (ex->rels[i] == TJ_REL_IN) {
            one = ex->args[i]->kind == TJ_EX_SYMBOL ? tj_line_read(l, ex->args[i + 1]) : NULL;
        } else if (ex->rels[i] <= TJ_REL_GE) {
            one = compare(l, ex->args[i], ex->rels[i], ex->args[i + 1]);
        }
        all = tj_line_both(l, TJ_LINE_AND, all, one);
    }
    return all;
}
