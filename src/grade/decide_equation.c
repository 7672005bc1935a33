/* One equation or inequality against one. Both sides are brought to f = 0 (or f < 0), and are the
 * same if one f is the other times a constant. Where that is not so, small whole points may show
 * that the solutions differ; a factor that is no constant (x^2 = 0 against x = 0) still makes
 * another equation, as far as normal forms tell (docs/grader.md). */
#include "grade/decide_equation.h"

#include "grade/enclose.h"
#include "grade/exact.h"
#include "grade/ratfun.h"

/* Letters in the search for a point that solves only one of two equations: 5^3 points. */
#define MAX_GRID_LETTERS 3
#define GRID_REACH       2

/* left - right. */
static const tj_ex *sides_apart(tj_deciding *d, const tj_ex *ex)
{
    return tj_make_difference(d, ex->args[0], ex->args[1]);
}

/* Are f and g one function but for a constant factor, as far as points tell? f(x) g(p) = g(x) f(p)
 * at a fixed point p. */
static bool proportional_at_points(tj_deciding *d, const tj_ex *f, const tj_ex *g)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    if (!tj_free_symbols(f, names, &n) || !tj_free_symbols(g, names, &n)) {
        return false;
    }
    const tj_ex *f_at = f, *g_at = g;
    for (size_t i = 0; i < n; i++) {
        const tj_ex *value =
            tj_make_2(d, TJ_EX_DIV, tj_make_int(d, 7 + 4 * (int64_t)i), tj_make_int(d, 5));
        f_at = tj_substitute(d, f_at, names[i], value);
        g_at = tj_substitute(d, g_at, names[i], value);
    }
    const tj_ex *left = tj_make_2(d, TJ_EX_MUL, f, g_at), *right = tj_make_2(d, TJ_EX_MUL, g, f_at);
    if (left == NULL || right == NULL) {
        return false;
    }
    const char *method;
    const tj_ex *zero = tj_make_int(d, 0);
    tj_order u = tj_decide_order(d, &method, f_at, zero);
    tj_order v = tj_decide_order(d, &method, g_at, zero);
    return (u == TJ_ORDER_LESS || u == TJ_ORDER_GREATER) &&
           (v == TJ_ORDER_LESS || v == TJ_ORDER_GREATER) &&
           tj_decide_functions(d, left, right).verdict == TJ_VERDICT_EQUAL;
}

/* Is f zero at the point? EQUAL: yes, DIFFERENT: no. */
static tj_verdict is_zero_at(tj_deciding *d, const tj_ex *f, const tj_ex *zero, const tj_point *at)
{
    int sign;
    tj_apart apart;
    if (tj_exact_compare(&sign, &d->work, TJ_DECIDE_FIRST_BITS, f, zero, at) == TJ_EVAL_OK) {
        return sign == 0 ? TJ_VERDICT_EQUAL : TJ_VERDICT_DIFFERENT;
    }
    bool no =
        tj_enclose_compare(&apart, &d->work, f, zero, at, TJ_DECIDE_FIRST_PREC) == TJ_EVAL_OK &&
        apart.parted;
    return no ? TJ_VERDICT_DIFFERENT : TJ_VERDICT_UNDECIDED;
}

/* A point of small whole numbers that solves only one of f = 0, g = 0. */
static bool find_point(tj_decision *out, tj_deciding *d, const tj_ex *f, const tj_ex *g)
{
    tj_point at = {0};
    const tj_ex *zero = tj_make_int(d, 0);
    if (!tj_free_symbols(f, at.names, &at.n) || !tj_free_symbols(g, at.names, &at.n) ||
        at.n > MAX_GRID_LETTERS || zero == NULL) {
        return false;
    }
    size_t side = 2 * GRID_REACH + 1, n_points = 1;
    for (size_t i = 0; i < at.n; i++) {
        n_points *= side;
        at.den[i] = 1;
    }
    for (size_t p = 0; p < n_points; p++) {
        size_t rest = p;
        for (size_t i = 0; i < at.n; i++, rest /= side) {
            at.num[i] = (int64_t)(rest % side) - GRID_REACH;
        }
        tj_verdict u = is_zero_at(d, f, zero, &at), v = is_zero_at(d, g, zero, &at);
        if (u != v && u != TJ_VERDICT_UNDECIDED && v != TJ_VERDICT_UNDECIDED) {
            *out = tj_decided(TJ_VERDICT_DIFFERENT, "points", "a point solves only one of them");
            out->witness = tj_point_text(d, &at);
            return true;
        }
    }
    return false;
}

/* Equations of tuples, sets, matrices: side by side. A = B and A = C with B and C apart have no
 * common solution. */
static tj_decision decide_sides(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    tj_decision left = tj_decide_pair(d, a->args[0], b->args[0]);
    tj_decision right = tj_decide_pair(d, a->args[1], b->args[1]);
    bool left_equal = left.verdict == TJ_VERDICT_EQUAL;
    if (left_equal && right.verdict != TJ_VERDICT_UNDECIDED) {
        return tj_decide_weaker(left, right);
    }
    if (a->args[0]->kind != b->args[0]->kind || a->args[1]->kind != b->args[1]->kind) {
        return tj_decided(TJ_VERDICT_DIFFERENT, "kinds", "the sides are of different kinds");
    }
    return tj_undecided("the equations are not of values");
}

tj_decision tj_decide_equations(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    const tj_ex *f = sides_apart(d, a), *g = sides_apart(d, b);
    if (!tj_is_scalar(f) || !tj_is_scalar(g)) {
        return decide_sides(d, a, b);
    }
    tj_normal normal;
    tj_decision out;
    int sign;
    tj_eval got = tj_ratfun_proportional(&normal, &sign, d, f, g);
    if (got == TJ_EVAL_OK && normal.equal) {
        return tj_decided(TJ_VERDICT_EQUAL, "normal form",
                          "the equations are one but for a constant factor");
    }
    if (find_point(&out, d, f, g)) {
        return out;
    }
    if (got == TJ_EVAL_OK && normal.complete) {
        return tj_decided(TJ_VERDICT_DIFFERENT, "normal form",
                          "no constant factor makes one equation the other");
    }
    if (proportional_at_points(d, f, g)) {
        return tj_decided(TJ_VERDICT_EQUAL, "random points",
                          "the equations are one but for a constant factor at 16 points");
    }
    return tj_undecided("whether the equations have the same solutions is not decided");
}

/* Comparison number i of a chain as f < 0 or f <= 0. */
static const tj_ex *turned_down(tj_deciding *d, const tj_ex *ex, size_t i, bool *strict)
{
    tj_ex_rel rel = ex->rels[i];
    *strict = rel == TJ_REL_LT || rel == TJ_REL_GT;
    bool less = rel == TJ_REL_LT || rel == TJ_REL_LE;
    return less ? tj_make_difference(d, ex->args[i], ex->args[i + 1])
                : tj_make_difference(d, ex->args[i + 1], ex->args[i]);
}

static bool is_polynomial(const tj_ex *ex)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    bool all = tj_free_symbols(ex, names, &n);
    for (size_t i = 0; i < n && all; i++) {
        all = tj_is_polynomial(ex, names[i]);
    }
    return all;
}

/* Comparison i of a against comparison j of b. */
static tj_decision decide_link(tj_deciding *d, const tj_ex *a, size_t i, const tj_ex *b, size_t j)
{
    bool strict_a, strict_b;
    const tj_ex *f = turned_down(d, a, i, &strict_a), *g = turned_down(d, b, j, &strict_b);
    tj_normal normal;
    int sign;
    if (!tj_is_scalar(f) || !tj_is_scalar(g)) {
        return tj_undecided("the inequalities are not of values");
    }
    if (!is_polynomial(f) || !is_polynomial(g)) { /* cancelling would change where they hold */
        return tj_undecided("the inequalities are not of polynomials");
    }
    tj_eval got = tj_ratfun_proportional(&normal, &sign, d, f, g);
    if (got != TJ_EVAL_OK || (normal.equal && sign == 0)) {
        return tj_undecided("whether the inequalities have the same solutions is not decided");
    }
    if (normal.equal && sign > 0 && strict_a == strict_b) {
        return tj_decided(TJ_VERDICT_EQUAL, "normal form",
                          "the inequalities are one but for a positive factor");
    }
    if (normal.equal || normal.complete) {
        return tj_decided(TJ_VERDICT_DIFFERENT, "normal form",
                          "no positive factor makes one inequality the other");
    }
    return tj_undecided("whether the inequalities have the same solutions is not decided");
}

/* Do all signs point up (1), or down (-1)? 0 if neither. */
static int direction(const tj_ex *ex)
{
    int all = 0;
    for (size_t i = 0; i + 1 < ex->n_args; i++) {
        tj_ex_rel rel = ex->rels[i];
        int one = rel == TJ_REL_LT || rel == TJ_REL_LE   ? 1
                  : rel == TJ_REL_GT || rel == TJ_REL_GE ? -1
                                                         : 0;
        if (one == 0 || (all != 0 && one != all)) {
            return 0;
        }
        all = one;
    }
    return all;
}

bool tj_decide_inequalities(tj_decision *out, tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    int up_a = direction(a), up_b = direction(b);
    if (up_a == 0 || up_b == 0) {
        return false;
    }
    if (a->n_args != b->n_args) {
        *out = tj_decided(TJ_VERDICT_DIFFERENT, "elements", "one has more inequalities");
        return true;
    }
    size_t n = a->n_args - 1;
    *out = tj_decided(TJ_VERDICT_EQUAL, "same form", "the inequalities are the same");
    for (size_t i = 0; i < n; i++) {
        *out = tj_decide_weaker(*out, decide_link(d, a, i, b, up_a == up_b ? i : n - 1 - i));
    }
    return true;
}

const tj_ex *tj_solve_linear(tj_deciding *d, const tj_ex *ex)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS], *method;
    size_t n = 0;
    if (ex->n_args != 2 || ex->rels[0] != TJ_REL_EQ || !tj_free_symbols(ex, names, &n) || n != 1) {
        return NULL;
    }
    const tj_ex *f = sides_apart(d, ex);
    if (f == NULL || !tj_is_polynomial(f, names[0]) || tj_has_kind(f, TJ_EX_APPLY)) {
        return NULL;
    }
    const tj_ex *c0 = tj_substitute(d, f, names[0], tj_make_int(d, 0));
    const tj_ex *c1 = tj_make_difference(d, tj_substitute(d, f, names[0], tj_make_int(d, 1)), c0);
    const tj_ex *letter = tj_make_symbol(d, names[0]);
    const tj_ex *form = tj_make_2(d, TJ_EX_ADD, c0, tj_make_2(d, TJ_EX_MUL, c1, letter));
    if (!tj_decide_identical(d, f, form)) {
        return NULL;
    }
    tj_order slope = tj_decide_order(d, &method, c1, tj_make_int(d, 0));
    return slope == TJ_ORDER_LESS || slope == TJ_ORDER_GREATER
               ? tj_make_1(d, TJ_EX_NEG, tj_make_2(d, TJ_EX_DIV, c0, c1))
               : NULL;
}
