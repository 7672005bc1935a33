/* Functions whose values at rationals are rational: those of whole numbers, rounding, exact roots
 * and logarithms, and the few known values at 0. */
#include <math.h>

#include <flint/fmpz.h>

#include "grade/exact_flint.h"

#define MAX_CALL_ARGS 64

/* Whole numbers up to here as arguments of factorials: sizes are estimated in doubles below. */
static const slong max_argument = 4000000000000;

static bool is_integer(const fmpq_t x)
{
    return fmpz_is_one(fmpq_denref(x)) != 0;
}

/* The value as a whole number that is not negative, and not beyond any estimate. */
static tj_eval natural(ulong *out, const fmpq_t x)
{
    if (!is_integer(x) || fmpq_sgn(x) < 0) {
        return TJ_EVAL_OTHER;
    }
    if (fmpz_cmp_si(fmpq_numref(x), max_argument) > 0) {
        return TJ_EVAL_LIMIT;
    }
    *out = fmpz_get_ui(fmpq_numref(x));
    return TJ_EVAL_OK;
}

/* May a whole number of about this many bits be built up from small factors? */
static bool may_build(const tj_exact_run *run, double bits)
{
    return bits <= (double)run->max_bits &&
           tj_work_spend(run->work, 6 * tj_cost_mul((int64_t)bits + 1));
}

static tj_eval factorial(fmpq_t out, const tj_exact_run *run, const fmpq_t x)
{
    ulong n;
    tj_eval got = natural(&n, x);
    if (got != TJ_EVAL_OK) {
        return got == TJ_EVAL_OTHER && is_integer(x) ? TJ_EVAL_UNDEFINED : got;
    }
    if (!may_build(run, (double)n * log2((double)n + 2))) {
        return TJ_EVAL_LIMIT;
    }
    fmpz_fac_ui(fmpq_numref(out), n);
    fmpz_one(fmpq_denref(out));
    return TJ_EVAL_OK;
}

/* n!! = 2^h h! for n = 2h, and n! / (2^h h!) for n = 2h + 1. */
static tj_eval double_factorial(fmpq_t out, const tj_exact_run *run, const fmpq_t x)
{
    ulong n;
    tj_eval got = natural(&n, x);
    if (got != TJ_EVAL_OK) {
        return got;
    }
    if (!may_build(run, (double)n * log2((double)n + 2))) {
        return TJ_EVAL_LIMIT;
    }
    fmpz_t half;
    fmpz_init(half);
    fmpz_fac_ui(half, n / 2);
    fmpz_mul_2exp(half, half, n / 2);
    if (n % 2 == 0) {
        fmpz_set(fmpq_numref(out), half);
    } else {
        fmpz_fac_ui(fmpq_numref(out), n);
        fmpz_divexact(fmpq_numref(out), fmpq_numref(out), half);
    }
    fmpz_one(fmpq_denref(out));
    fmpz_clear(half);
    return TJ_EVAL_OK;
}

/* Ways to choose k of n, or to arrange them; 0 for k > n. */
static tj_eval choose(fmpq_t out, const tj_exact_run *run, const fmpq_t x, const fmpq_t y,
                      bool arranged)
{
    ulong n, k;
    tj_eval got = natural(&n, x);
    if (got == TJ_EVAL_OK) {
        got = natural(&k, y);
    }
    if (got != TJ_EVAL_OK) {
        return got;
    }
    fmpq_zero(out);
    if (k > n) {
        return TJ_EVAL_OK;
    }
    if (!arranged && k > n - k) {
        k = n - k;
    }
    /* C(n, k) < (e n / k)^k */
    double each = arranged ? log2((double)n + 1) : log2(2.72 * (double)n / (double)(k + 1) + 2) + 1;
    if (!may_build(run, (double)k * each) ||
        !tj_work_spend(run->work,
                       20 * (uint64_t)k + (arranged ? 0 : (uint64_t)((double)k * each)))) {
        return TJ_EVAL_LIMIT;
    }
    if (arranged) {
        fmpz_rfac_uiui(fmpq_numref(out), n - k + 1, k);
    } else {
        fmpz_bin_uiui(fmpq_numref(out), n, k);
    }
    return TJ_EVAL_OK;
}

static tj_eval modulo(fmpq_t out, const tj_exact_run *run, const fmpq_t a, const fmpq_t b)
{
    if (fmpq_sgn(b) <= 0) {
        return fmpq_is_zero(b) ? TJ_EVAL_UNDEFINED : TJ_EVAL_OTHER;
    }
    int64_t bits = 2 * (tj_exact_bits(a) + tj_exact_bits(b));
    if (bits > 2 * run->max_bits || !tj_work_spend(run->work, 2 * tj_cost_gcd(bits))) {
        return TJ_EVAL_LIMIT;
    }
    fmpq_t whole;
    fmpq_init(whole);
    fmpq_div(whole, a, b);
    fmpz_fdiv_q(fmpq_numref(whole), fmpq_numref(whole), fmpq_denref(whole));
    fmpz_one(fmpq_denref(whole));
    fmpq_mul(whole, whole, b);
    fmpq_sub(out, a, whole);
    fmpq_clear(whole);
    return TJ_EVAL_OK;
}

/* The whole k with b^k = x, if there is one. */
static tj_eval logarithm(fmpq_t out, const tj_exact_run *run, const fmpq_t b, const fmpq_t x)
{
    if (fmpq_is_zero(x) || fmpq_is_zero(b) || fmpq_is_one(b)) {
        return TJ_EVAL_UNDEFINED;
    }
    if (fmpq_sgn(x) < 0 || fmpq_sgn(b) < 0) {
        return TJ_EVAL_OTHER;
    }
    if (fmpq_is_one(x)) {
        fmpq_zero(out);
        return TJ_EVAL_OK;
    }
    if (!is_integer(b) || (!is_integer(x) && !fmpz_is_one(fmpq_numref(x)))) {
        return TJ_EVAL_OTHER; /* the normal form takes logarithms apart by primes */
    }
    if (!tj_work_spend(run->work, 4 * tj_cost_gcd(tj_exact_bits(x) + tj_exact_bits(b)))) {
        return TJ_EVAL_LIMIT;
    }
    bool below = !is_integer(x);
    fmpz_t rest;
    fmpz_init(rest);
    slong k = fmpz_remove(rest, below ? fmpq_denref(x) : fmpq_numref(x), fmpq_numref(b));
    tj_eval got = fmpz_is_one(rest) ? TJ_EVAL_OK : TJ_EVAL_OTHER;
    fmpz_clear(rest);
    fmpq_set_si(out, below ? -k : k, 1);
    return got;
}

static tj_eval root(fmpq_t out, const tj_exact_run *run, const fmpq_t degree, const fmpq_t x)
{
    if (!is_integer(degree) || fmpz_cmp_si(fmpq_numref(degree), 2) < 0) {
        return TJ_EVAL_OTHER;
    }
    fmpq_t exponent;
    fmpq_init(exponent);
    fmpq_inv(exponent, degree);
    tj_eval got = tj_exact_power(out, run, x, exponent);
    fmpq_clear(exponent);
    return got;
}

/* Functions with f(0) = 0 and f(0) = 1, and those with a pole there. */
static tj_eval at_zero(fmpq_t out, tj_ex_fn fn)
{
    switch (fn) {
    case TJ_FN_SIN:
    case TJ_FN_TAN:
    case TJ_FN_ASIN:
    case TJ_FN_ATAN:
    case TJ_FN_SINH:
    case TJ_FN_TANH:
    case TJ_FN_ASINH:
    case TJ_FN_ATANH:
        fmpq_zero(out);
        return TJ_EVAL_OK;
    case TJ_FN_COS:
    case TJ_FN_SEC:
    case TJ_FN_EXP:
    case TJ_FN_COSH:
        fmpq_one(out);
        return TJ_EVAL_OK;
    case TJ_FN_COT:
    case TJ_FN_CSC:
    case TJ_FN_LN:
        return TJ_EVAL_UNDEFINED;
    default:
        return TJ_EVAL_OTHER;
    }
}

static tj_eval of_one(fmpq_t out, const tj_exact_run *run, tj_ex_fn fn, const fmpq_t x)
{
    fmpq_t half;
    switch (fn) {
    case TJ_FN_SQRT:
        fmpq_init(half);
        fmpq_set_si(half, 1, 2);
        tj_eval got = tj_exact_power(out, run, x, half);
        fmpq_clear(half);
        return got;
    case TJ_FN_ABS:
        fmpq_abs(out, x);
        return TJ_EVAL_OK;
    case TJ_FN_FLOOR:
        fmpz_fdiv_q(fmpq_numref(out), fmpq_numref(x), fmpq_denref(x));
        fmpz_one(fmpq_denref(out));
        return TJ_EVAL_OK;
    case TJ_FN_CEIL:
        fmpz_cdiv_q(fmpq_numref(out), fmpq_numref(x), fmpq_denref(x));
        fmpz_one(fmpq_denref(out));
        return TJ_EVAL_OK;
    case TJ_FN_FACTORIAL:
        return factorial(out, run, x);
    case TJ_FN_DOUBLE_FACTORIAL:
        return double_factorial(out, run, x);
    case TJ_FN_SIGN:
        fmpq_set_si(out, fmpq_sgn(x), 1);
        return TJ_EVAL_OK;
    case TJ_FN_RE:
    case TJ_FN_CONJ:
    case TJ_FN_DET:
    case TJ_FN_TRANSPOSE:
        fmpq_set(out, x);
        return TJ_EVAL_OK;
    case TJ_FN_IM:
        fmpq_zero(out);
        return TJ_EVAL_OK;
    case TJ_FN_LN:
        if (fmpq_is_one(x)) {
            fmpq_zero(out);
            return TJ_EVAL_OK;
        }
        break;
    default:
        break;
    }
    return fmpq_is_zero(x) ? at_zero(out, fn) : TJ_EVAL_OTHER;
}

static tj_eval of_two(fmpq_t out, const tj_exact_run *run, tj_ex_fn fn, const fmpq_t x,
                      const fmpq_t y)
{
    int64_t bits = tj_exact_bits(x) + tj_exact_bits(y);
    switch (fn) {
    case TJ_FN_ROOT:
        return root(out, run, x, y);
    case TJ_FN_LOG:
        return logarithm(out, run, x, y);
    case TJ_FN_BINOMIAL:
        return choose(out, run, x, y, false);
    case TJ_FN_PERMUTATIONS:
        return choose(out, run, x, y, true);
    case TJ_FN_MOD:
        return modulo(out, run, x, y);
    case TJ_FN_MIN:
    case TJ_FN_MAX:
        if (!tj_work_spend(run->work, 2 * tj_cost_mul(bits))) {
            return TJ_EVAL_LIMIT;
        }
        fmpq_set(out, (fmpq_cmp(x, y) < 0) == (fn == TJ_FN_MIN) ? x : y);
        return TJ_EVAL_OK;
    case TJ_FN_GCD:
    case TJ_FN_LCM:
        if (!is_integer(x) || !is_integer(y)) {
            return TJ_EVAL_OTHER;
        }
        if (bits > run->max_bits || !tj_work_spend(run->work, tj_cost_gcd(bits))) {
            return TJ_EVAL_LIMIT;
        }
        if (fn == TJ_FN_GCD) {
            fmpz_gcd(fmpq_numref(out), fmpq_numref(x), fmpq_numref(y));
        } else {
            fmpz_lcm(fmpq_numref(out), fmpq_numref(x), fmpq_numref(y));
        }
        fmpz_one(fmpq_denref(out));
        return TJ_EVAL_OK;
    default:
        return TJ_EVAL_OTHER;
    }
}

tj_eval tj_exact_call(fmpq_t out, const tj_exact_run *run, const tj_ex *ex)
{
    tj_ex_fn fn = (tj_ex_fn)ex->id;
    if (ex->n_args == 0 || ex->n_args > MAX_CALL_ARGS) {
        return TJ_EVAL_OTHER;
    }
    fmpq_t x, y, z;
    fmpq_init(x);
    fmpq_init(y);
    fmpq_init(z);
    tj_eval got = tj_exact_eval(x, run, ex->args[0]);
    if (got == TJ_EVAL_OK && ex->n_args == 1) {
        got = of_one(out, run, fn, x);
    }
    bool folds = fn == TJ_FN_GCD || fn == TJ_FN_LCM || fn == TJ_FN_MIN || fn == TJ_FN_MAX;
    if (ex->n_args > 2 && !folds) {
        got = TJ_EVAL_OTHER;
    }
    for (size_t i = 1; i < ex->n_args && got == TJ_EVAL_OK; i++) {
        got = tj_exact_eval(y, run, ex->args[i]);
        if (got == TJ_EVAL_OK) {
            got = of_two(z, run, fn, x, y);
            fmpq_swap(x, z);
        }
    }
    if (got == TJ_EVAL_OK && ex->n_args > 1) {
        fmpq_swap(out, x);
    }
    fmpq_clear(x);
    fmpq_clear(y);
    fmpq_clear(z);
    return got;
}
