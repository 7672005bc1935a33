/* Functions in normal form: hyperbolic functions are powers of e, their inverses logarithms;
 * factorials whose arguments are a whole number apart are written by one of them. */
#include <flint/fmpz.h>

#include "grade/enclose.h"
#include "grade/exact_flint.h"
#include "grade/ratfun_flint.h"

/* (n + 20)! = n! (n + 1) ... (n + 20) */
#define MAX_SHIFT 20

/* With u = e^x: (u - 1/u) / 2, (u + 1/u) / 2, and their quotient. */
static tj_eval hyperbolic(tj_frac *out, tj_ex_fn fn, const tj_frac *x, tj_ring *ring)
{
    tj_frac e, u, v, sum;
    tj_frac_init(&e, ring);
    tj_frac_init(&u, ring);
    tj_frac_init(&v, ring);
    tj_frac_init(&sum, ring);
    tj_frac_set_si(&v, 1, 1, ring);
    tj_eval got = tj_frac_const(&e, TJ_ATOM_E, ring);
    got = got == TJ_EVAL_OK ? tj_frac_power(&u, &e, x, ring) : got;
    got = got == TJ_EVAL_OK ? tj_frac_div(&v, &v, &u, ring) : got;
    got = got == TJ_EVAL_OK ? tj_frac_add(&sum, &u, &v, ring) : got;
    got = got == TJ_EVAL_OK ? tj_frac_sub(&u, &u, &v, ring) : got;
    if (got == TJ_EVAL_OK && fn == TJ_FN_TANH) {
        got = tj_frac_div(out, &u, &sum, ring);
    } else if (got == TJ_EVAL_OK) {
        tj_frac_swap(out, fn == TJ_FN_SINH ? &u : &sum, ring);
        got = tj_frac_scale(out, 1, 2, ring);
    }
    tj_frac_clear(&e, ring);
    tj_frac_clear(&u, ring);
    tj_frac_clear(&v, ring);
    tj_frac_clear(&sum, ring);
    return got;
}

/* Inverse hyperbolic functions are logarithms: asinh x = ln(x + sqrt(x^2 + 1)), acosh x =
 * ln(x + sqrt(x - 1) sqrt(x + 1)), atanh x = (ln(1 + x) - ln(1 - x)) / 2. */
static tj_eval area(tj_frac *out, tj_ex_fn fn, const tj_frac *x, tj_ring *ring)
{
    tj_frac one, u, v;
    tj_frac_init(&one, ring);
    tj_frac_init(&u, ring);
    tj_frac_init(&v, ring);
    tj_frac_set_si(&one, 1, 1, ring);
    tj_eval got;
    if (fn == TJ_FN_ASINH) {
        got = tj_frac_mul(&u, x, x, ring);
        got = got == TJ_EVAL_OK ? tj_frac_add(&u, &u, &one, ring) : got;
        got = got == TJ_EVAL_OK ? tj_frac_root(&u, &u, 2, ring) : got;
    } else {
        got = tj_frac_add(&u, x, &one, ring);
        got = got == TJ_EVAL_OK && fn == TJ_FN_ACOSH ? tj_frac_root(&u, &u, 2, ring) : got;
        if (got == TJ_EVAL_OK) {
            got =
                fn == TJ_FN_ACOSH ? tj_frac_sub(&v, x, &one, ring) : tj_frac_sub(&v, &one, x, ring);
        }
        got = got == TJ_EVAL_OK && fn == TJ_FN_ACOSH ? tj_frac_root(&v, &v, 2, ring) : got;
        got = got == TJ_EVAL_OK && fn == TJ_FN_ACOSH ? tj_frac_mul(&u, &u, &v, ring) : got;
    }
    if (got == TJ_EVAL_OK && fn == TJ_FN_ATANH) {
        got = tj_frac_log(&u, &u, ring);
        got = got == TJ_EVAL_OK ? tj_frac_log(&v, &v, ring) : got;
        got = got == TJ_EVAL_OK ? tj_frac_sub(out, &u, &v, ring) : got;
        got = got == TJ_EVAL_OK ? tj_frac_scale(out, 1, 2, ring) : got;
    } else if (got == TJ_EVAL_OK) {
        got = tj_frac_add(&u, &u, x, ring);
        got = got == TJ_EVAL_OK ? tj_frac_log(out, &u, ring) : got;
    }
    tj_frac_clear(&one, ring);
    tj_frac_clear(&u, ring);
    tj_frac_clear(&v, ring);
    return got;
}

/* |x|: by its sign where it is a real constant; an atom over a real function. */
static tj_eval absolute(tj_frac *out, const tj_ex *arg, const tj_frac *x, tj_ring *ring)
{
    int sign;
    bool is_real;
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    bool constant = tj_free_symbols(arg, names, &n) && n == 0;
    if (constant &&
        tj_enclose_sign(&sign, &is_real, &ring->d->work, arg, NULL, 2 * TJ_DECIDE_FIRST_PREC) ==
            TJ_EVAL_OK &&
        is_real && sign != 0) {
        tj_frac_set(out, x, ring);
        if (sign < 0) {
            fmpz_mpoly_neg(out->num, out->num, ring->ctx);
        }
        return TJ_EVAL_OK;
    }
    for (size_t k = 0; k < ring->n_atoms; k++) {
        if (ring->atoms[k].kind == TJ_ATOM_I || ring->atoms[k].kind == TJ_ATOM_APPLY) {
            return TJ_EVAL_OTHER; /* maybe not real: then g^2 = x^2 would be wrong */
        }
    }
    tj_frac u;
    tj_frac_init(&u, ring);
    tj_frac_set(&u, x, ring);
    if (tj_frac_looks_negative(&u, ring)) {
        fmpz_mpoly_neg(u.num, u.num, ring->ctx);
    }
    tj_eval got = tj_frac_atom(out, TJ_ATOM_ABS, 0, &u, ring);
    tj_frac_clear(&u, ring);
    return got;
}

/* x - y if it is a whole number of at most MAX_SHIFT; OTHER if not. */
static tj_eval shift_between(int64_t *out, const tj_frac *x, const tj_frac *y, tj_ring *ring)
{
    tj_frac difference;
    fmpq_t c;
    tj_frac_init(&difference, ring);
    fmpq_init(c);
    tj_eval got = tj_frac_sub(&difference, x, y, ring);
    got = got == TJ_EVAL_OK ? tj_frac_rational(c, &difference, ring) : got;
    if (got == TJ_EVAL_OK) {
        bool small = fmpz_is_one(fmpq_denref(c)) && fmpz_cmp_si(fmpq_numref(c), MAX_SHIFT) <= 0 &&
                     fmpz_cmp_si(fmpq_numref(c), -MAX_SHIFT) >= 0;
        got = small ? TJ_EVAL_OK : TJ_EVAL_OTHER;
        *out = small ? fmpz_get_si(fmpq_numref(c)) : 0;
    }
    fmpq_clear(c);
    tj_frac_clear(&difference, ring);
    return got;
}

/* x! as (x - shift)! times what is between, where (x - shift)! is an atom already. */
static tj_eval factorial(tj_frac *out, const tj_frac *x, tj_ring *ring)
{
    int64_t shift = 0;
    tj_frac base, factor;
    tj_frac_init(&base, ring);
    tj_frac_init(&factor, ring);
    tj_frac_set(&base, x, ring);
    for (size_t k = 0; k < ring->n_atoms; k++) {
        if (ring->atoms[k].kind == TJ_ATOM_CALL && ring->atoms[k].id == TJ_FN_FACTORIAL &&
            shift_between(&shift, x, &ring->atoms[k].args[0], ring) == TJ_EVAL_OK) {
            tj_frac_set(&base, &ring->atoms[k].args[0], ring);
            break;
        }
    }
    tj_eval got = tj_frac_atom(out, TJ_ATOM_CALL, TJ_FN_FACTORIAL, &base, ring);
    int64_t n = shift < 0 ? -shift : shift;
    for (int64_t i = 1; i <= n && got == TJ_EVAL_OK; i++) {
        tj_frac_set_si(&factor, shift < 0 ? 1 - i : i, 1, ring);
        got = tj_frac_add(&factor, &factor, &base, ring);
        if (got == TJ_EVAL_OK) {
            got = shift < 0 ? tj_frac_div(out, out, &factor, ring)
                            : tj_frac_mul(out, out, &factor, ring);
        }
    }
    tj_frac_clear(&base, ring);
    tj_frac_clear(&factor, ring);
    return got;
}

/* floor(pi): an enclosure of a step that is one whole number. */
static tj_eval step(tj_frac *out, const tj_ex *ex, const tj_frac *x, tj_ring *ring)
{
    int64_t value;
    if (tj_enclose_nearest(&value, &ring->d->work, ex, 4 * TJ_DECIDE_FIRST_PREC) == TJ_EVAL_OK) {
        tj_frac_set_si(out, value, 1, ring);
        return TJ_EVAL_OK;
    }
    return tj_frac_atom(out, TJ_ATOM_CALL, ex->id, x, ring);
}

static tj_eval of_one(tj_frac *out, const tj_ex *ex, const tj_frac *x, tj_ring *ring)
{
    tj_ex_fn fn = (tj_ex_fn)ex->id;
    tj_frac e;
    tj_eval got;
    switch (fn) {
    case TJ_FN_SQRT:
        return tj_frac_root(out, x, 2, ring);
    case TJ_FN_EXP:
        tj_frac_init(&e, ring);
        got = tj_frac_const(&e, TJ_ATOM_E, ring);
        got = got == TJ_EVAL_OK ? tj_frac_power(out, &e, x, ring) : got;
        tj_frac_clear(&e, ring);
        return got;
    case TJ_FN_LN:
        return tj_frac_log(out, x, ring);
    case TJ_FN_SIN:
    case TJ_FN_COS:
    case TJ_FN_TAN:
    case TJ_FN_COT:
    case TJ_FN_SEC:
    case TJ_FN_CSC:
        return tj_frac_trigonometric(out, fn, x, ring);
    case TJ_FN_SINH:
    case TJ_FN_COSH:
    case TJ_FN_TANH:
        return hyperbolic(out, fn, x, ring);
    case TJ_FN_ASIN:
    case TJ_FN_ACOS:
    case TJ_FN_ATAN:
    case TJ_FN_ACOT:
    case TJ_FN_ASEC:
    case TJ_FN_ACSC:
        return tj_frac_arc(out, fn, ex, x, ring);
    case TJ_FN_ASINH:
    case TJ_FN_ACOSH:
    case TJ_FN_ATANH:
        return area(out, fn, x, ring);
    case TJ_FN_ABS:
        return absolute(out, ex->args[0], x, ring);
    case TJ_FN_FACTORIAL:
        return factorial(out, x, ring);
    case TJ_FN_FLOOR:
    case TJ_FN_CEIL:
    case TJ_FN_SIGN:
        return step(out, ex, x, ring);
    default:
        return tj_frac_atom(out, TJ_ATOM_CALL, ex->id, x, ring);
    }
}

/* n! / (n-k)!, over k! too if it is the binomial coefficient. */
static tj_eval choose(tj_frac *out, const tj_frac *n, const tj_frac *k, bool arranged,
                      tj_ring *ring)
{
    tj_frac part;
    tj_frac_init(&part, ring);
    tj_eval got = tj_frac_sub(&part, n, k, ring);
    got = got == TJ_EVAL_OK ? factorial(&part, &part, ring) : got;
    got = got == TJ_EVAL_OK ? factorial(out, n, ring) : got;
    got = got == TJ_EVAL_OK ? tj_frac_div(out, out, &part, ring) : got;
    if (got == TJ_EVAL_OK && !arranged) {
        got = factorial(&part, k, ring);
        got = got == TJ_EVAL_OK ? tj_frac_div(out, out, &part, ring) : got;
    }
    tj_frac_clear(&part, ring);
    return got;
}

static tj_eval of_two(tj_frac *out, const tj_ex *ex, const tj_frac *x, const tj_frac *y,
                      tj_ring *ring)
{
    tj_ex_fn fn = (tj_ex_fn)ex->id;
    if (fn == TJ_FN_LOG) {
        tj_frac base;
        tj_frac_init(&base, ring);
        tj_eval got = tj_frac_log(&base, x, ring);
        got = got == TJ_EVAL_OK ? tj_frac_log(out, y, ring) : got;
        got = got == TJ_EVAL_OK ? tj_frac_div(out, out, &base, ring) : got;
        tj_frac_clear(&base, ring);
        return got;
    }
    if (fn == TJ_FN_ROOT) {
        fmpq_t degree;
        fmpq_init(degree);
        tj_eval got = tj_frac_rational(degree, x, ring);
        if (got == TJ_EVAL_OK) {
            got = fmpz_is_one(fmpq_denref(degree)) && fmpz_cmp_si(fmpq_numref(degree), 2) >= 0 &&
                          fmpz_cmp_si(fmpq_numref(degree), 1000) <= 0
                      ? tj_frac_root(out, y, fmpz_get_ui(fmpq_numref(degree)), ring)
                      : TJ_EVAL_OTHER;
        }
        fmpq_clear(degree);
        return got;
    }
    if (fn == TJ_FN_BINOMIAL || fn == TJ_FN_PERMUTATIONS) {
        return choose(out, x, y, fn == TJ_FN_PERMUTATIONS, ring);
    }
    tj_atom atom = {.kind = TJ_ATOM_CALL, .id = ex->id, .n_args = 2};
    tj_frac_init(&atom.args[0], ring);
    tj_frac_init(&atom.args[1], ring);
    tj_frac_set(&atom.args[0], x, ring);
    tj_frac_set(&atom.args[1], y, ring);
    return tj_ring_atom(out, &atom, ring);
}

/* A call of numbers whose value is rational: gcd(12, 18), 5!, floor(7/2). */
static tj_eval exactly(tj_frac *out, const tj_ex *ex, tj_ring *ring)
{
    tj_exact_run run = {&ring->d->work, NULL, TJ_DECIDE_FIRST_BITS};
    fmpq_t x;
    fmpq_init(x);
    tj_eval got = tj_exact_eval(x, &run, ex);
    if (got == TJ_EVAL_OK) {
        tj_frac_set_fmpq(out, x, ring);
    }
    fmpq_clear(x);
    return got;
}

tj_eval tj_frac_call(tj_frac *out, const tj_ex *ex, tj_ring *ring)
{
    tj_eval got = exactly(out, ex, ring);
    if (got == TJ_EVAL_OK || got == TJ_EVAL_UNDEFINED) {
        return got;
    }
    if (ex->n_args == 0 || ex->n_args > 2) {
        return TJ_EVAL_OTHER;
    }
    tj_frac x, y, result;
    tj_frac_init(&x, ring);
    tj_frac_init(&y, ring);
    tj_frac_init(&result, ring);
    got = tj_frac_build(&x, ex->args[0], ring);
    if (got == TJ_EVAL_OK && ex->n_args == 2) {
        got = tj_frac_build(&y, ex->args[1], ring);
        got = got == TJ_EVAL_OK ? of_two(&result, ex, &x, &y, ring) : got;
    } else if (got == TJ_EVAL_OK) {
        got = of_one(&result, ex, &x, ring);
    }
    tj_frac_swap(out, &result, ring);
    tj_frac_clear(&x, ring);
    tj_frac_clear(&y, ring);
    tj_frac_clear(&result, ring);
    return got;
}
