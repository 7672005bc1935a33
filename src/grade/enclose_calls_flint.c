/* Functions of complex balls. Where a real argument has no real value, that is noted: functions of
 * letters are compared where both are real. */
#include <acb_hypgeom.h>

#include "grade/enclose_flint.h"
#include "grade/exact_flint.h"

/* Arguments of the gamma function beyond this are left to exact estimates. */
#define MAX_GAMMA_EXPONENT 48

/* A real ball, and all of it below (-1) or above (1) the bound; 0 if it may be either. */
static int side_of(const acb_t x, slong bound)
{
    arb_t b;
    arb_init(b);
    arb_set_si(b, bound);
    int side = arb_lt(acb_realref(x), b) ? -1 : arb_gt(acb_realref(x), b) ? 1 : 0;
    arb_clear(b);
    return side;
}

static void note_real_domain(tj_enclosing *run, const acb_t x, slong low, slong high)
{
    if (acb_is_real(x) && (side_of(x, low) < 0 || side_of(x, high) > 0)) {
        run->left_reals = true;
    }
}

/* sin, cos and tan reduce their argument modulo pi to as many bits as its exponent has. */
static bool is_moderate(const tj_enclosing *run, const acb_t x)
{
    return arf_cmpabs_2exp_si(arb_midref(acb_realref(x)), run->prec + 64) < 0 &&
           arf_cmpabs_2exp_si(arb_midref(acb_imagref(x)), run->prec + 64) < 0;
}

static tj_eval trigonometric(acb_t out, tj_enclosing *run, tj_ex_fn fn, const acb_t x)
{
    if (!is_moderate(run, x)) {
        return TJ_EVAL_OTHER;
    }
    switch (fn) {
    case TJ_FN_SIN:
        acb_sin(out, x, run->prec);
        break;
    case TJ_FN_COS:
        acb_cos(out, x, run->prec);
        break;
    case TJ_FN_TAN:
        acb_tan(out, x, run->prec);
        break;
    case TJ_FN_COT:
        acb_cot(out, x, run->prec);
        break;
    case TJ_FN_SEC:
        acb_sec(out, x, run->prec);
        break;
    case TJ_FN_CSC:
        acb_csc(out, x, run->prec);
        break;
    case TJ_FN_SINH:
        acb_sinh(out, x, run->prec);
        break;
    case TJ_FN_COSH:
        acb_cosh(out, x, run->prec);
        break;
    default:
        acb_tanh(out, x, run->prec);
        break;
    }
    return tj_acb_check(out);
}

static tj_eval inverse(acb_t out, tj_enclosing *run, tj_ex_fn fn, acb_t x)
{
    if (fn == TJ_FN_ASEC || fn == TJ_FN_ACSC) {
        if (acb_contains_zero(x)) {
            return acb_is_zero(x) ? TJ_EVAL_UNDEFINED : TJ_EVAL_OTHER;
        }
        acb_inv(x, x, run->prec);
        fn = fn == TJ_FN_ASEC ? TJ_FN_ACOS : TJ_FN_ASIN;
    }
    switch (fn) {
    case TJ_FN_ASIN:
        note_real_domain(run, x, -1, 1);
        acb_asin(out, x, run->prec);
        break;
    case TJ_FN_ACOS:
        note_real_domain(run, x, -1, 1);
        acb_acos(out, x, run->prec);
        break;
    case TJ_FN_ATAN:
        acb_atan(out, x, run->prec);
        break;
    case TJ_FN_ACOT:
        acb_atan(x, x, run->prec);
        acb_const_pi(out, run->prec);
        acb_mul_2exp_si(out, out, -1);
        acb_sub(out, out, x, run->prec);
        break;
    case TJ_FN_ASINH:
        acb_asinh(out, x, run->prec);
        break;
    case TJ_FN_ACOSH:
        if (acb_is_real(x) && side_of(x, 1) < 0) {
            run->left_reals = true;
        }
        acb_acosh(out, x, run->prec);
        break;
    default:
        note_real_domain(run, x, -1, 1);
        acb_atanh(out, x, run->prec);
        break;
    }
    return tj_acb_check(out);
}

static tj_eval logarithm(acb_t out, tj_enclosing *run, const acb_t x)
{
    if (acb_contains_zero(x)) {
        return acb_is_zero(x) ? TJ_EVAL_UNDEFINED : TJ_EVAL_OTHER;
    }
    if (acb_is_real(x) && arb_is_negative(acb_realref(x))) {
        run->left_reals = true;
    }
    acb_log(out, x, run->prec);
    return tj_acb_check(out);
}

/* 1 / gamma(x + 1), which has no poles. */
static tj_eval inverse_factorial(acb_t out, tj_enclosing *run, const acb_t x)
{
    uint64_t p = (uint64_t)run->prec;
    acb_add_ui(out, x, 1, run->prec);
    if (arf_cmpabs_2exp_si(arb_midref(acb_realref(out)), MAX_GAMMA_EXPONENT) > 0 ||
        arf_cmpabs_2exp_si(arb_midref(acb_imagref(out)), MAX_GAMMA_EXPONENT) > 0) {
        return TJ_EVAL_OTHER;
    }
    if (!tj_work_spend(run->work, 10000 + 2 * p * p)) {
        return TJ_EVAL_LIMIT;
    }
    acb_rgamma(out, out, run->prec);
    return tj_acb_check(out);
}

static tj_eval factorial(acb_t out, tj_enclosing *run, const acb_t x)
{
    tj_eval got = inverse_factorial(out, run, x);
    if (got != TJ_EVAL_OK) {
        return got;
    }
    if (acb_contains_zero(out)) {
        return acb_is_zero(out) ? TJ_EVAL_UNDEFINED : TJ_EVAL_OTHER;
    }
    acb_inv(out, out, run->prec);
    return tj_acb_check(out);
}

/* n! / (n-k)!, over k! too if it is the binomial coefficient. */
static tj_eval choose(acb_t out, tj_enclosing *run, const acb_t n, const acb_t k, bool arranged)
{
    acb_t part;
    acb_init(part);
    acb_sub(part, n, k, run->prec);
    tj_eval got = inverse_factorial(part, run, part);
    if (got == TJ_EVAL_OK) {
        got = factorial(out, run, n);
        acb_mul(out, out, part, run->prec);
    }
    if (got == TJ_EVAL_OK && !arranged) {
        got = inverse_factorial(part, run, k);
        acb_mul(out, out, part, run->prec);
    }
    acb_clear(part);
    return got == TJ_EVAL_OK ? tj_acb_check(out) : got;
}

/* Steps of reals: floor, ceiling, sign. */
static tj_eval step(acb_t out, const tj_enclosing *run, tj_ex_fn fn, const acb_t x)
{
    if (!acb_is_real(x) || arf_cmpabs_2exp_si(arb_midref(acb_realref(x)), 4 * run->prec) > 0) {
        return TJ_EVAL_OTHER;
    }
    arb_zero(acb_imagref(out));
    if (fn == TJ_FN_FLOOR) {
        arb_floor(acb_realref(out), acb_realref(x), run->prec);
    } else if (fn == TJ_FN_CEIL) {
        arb_ceil(acb_realref(out), acb_realref(x), run->prec);
    } else {
        arb_sgn(acb_realref(out), acb_realref(x));
    }
    return TJ_EVAL_OK;
}

static tj_eval part(acb_t out, const tj_enclosing *run, tj_ex_fn fn, const acb_t x)
{
    switch (fn) {
    case TJ_FN_ABS:
        acb_abs(acb_realref(out), x, run->prec);
        break;
    case TJ_FN_RE:
        arb_set(acb_realref(out), acb_realref(x));
        break;
    case TJ_FN_IM:
        arb_set(acb_realref(out), acb_imagref(x));
        break;
    case TJ_FN_CONJ:
        acb_conj(out, x);
        return TJ_EVAL_OK;
    default: /* ARG */
        if (acb_contains_zero(x)) {
            return TJ_EVAL_OTHER;
        }
        acb_arg(acb_realref(out), x, run->prec);
        break;
    }
    arb_zero(acb_imagref(out));
    return tj_acb_check(out);
}

static tj_eval of_one(acb_t out, tj_enclosing *run, tj_ex_fn fn, acb_t x)
{
    switch (fn) {
    case TJ_FN_SQRT:
        if (acb_is_real(x) && arb_is_negative(acb_realref(x))) {
            run->left_reals = true;
        }
        acb_sqrt(out, x, run->prec);
        return tj_acb_check(out);
    case TJ_FN_EXP:
        acb_exp(out, x, run->prec);
        return tj_acb_check(out);
    case TJ_FN_LN:
        return logarithm(out, run, x);
    case TJ_FN_ASIN:
    case TJ_FN_ACOS:
    case TJ_FN_ATAN:
    case TJ_FN_ACOT:
    case TJ_FN_ASEC:
    case TJ_FN_ACSC:
    case TJ_FN_ASINH:
    case TJ_FN_ACOSH:
    case TJ_FN_ATANH:
        return inverse(out, run, fn, x);
    case TJ_FN_FLOOR:
    case TJ_FN_CEIL:
    case TJ_FN_SIGN:
        return step(out, run, fn, x);
    case TJ_FN_FACTORIAL:
        return factorial(out, run, x);
    case TJ_FN_ABS:
    case TJ_FN_RE:
    case TJ_FN_IM:
    case TJ_FN_CONJ:
    case TJ_FN_ARG:
        return part(out, run, fn, x);
    case TJ_FN_DET:
    case TJ_FN_TRANSPOSE:
        acb_set(out, x);
        return TJ_EVAL_OK;
    case TJ_FN_SIN:
    case TJ_FN_COS:
    case TJ_FN_TAN:
    case TJ_FN_COT:
    case TJ_FN_SEC:
    case TJ_FN_CSC:
    case TJ_FN_SINH:
    case TJ_FN_COSH:
    case TJ_FN_TANH:
        return trigonometric(out, run, fn, x);
    default:
        return TJ_EVAL_OTHER;
    }
}

/* a - b floor(a / b). */
static tj_eval modulo(acb_t out, tj_enclosing *run, const acb_t a, const acb_t b)
{
    if (!acb_is_real(a) || !acb_is_real(b) || !arb_is_positive(acb_realref(b))) {
        return TJ_EVAL_OTHER;
    }
    arb_t whole;
    arb_init(whole);
    arb_div(whole, acb_realref(a), acb_realref(b), run->prec);
    arb_floor(whole, whole, run->prec);
    arb_mul(whole, whole, acb_realref(b), run->prec);
    arb_sub(acb_realref(out), acb_realref(a), whole, run->prec);
    arb_zero(acb_imagref(out));
    arb_clear(whole);
    return tj_acb_check(out);
}

static tj_eval of_two(acb_t out, tj_enclosing *run, tj_ex_fn fn, const acb_t x, const acb_t y)
{
    tj_eval got;
    acb_t base;
    switch (fn) {
    case TJ_FN_LOG:
        acb_init(base);
        got = logarithm(base, run, x);
        if (got == TJ_EVAL_OK && acb_contains_zero(base)) {
            got = acb_is_zero(base) ? TJ_EVAL_UNDEFINED : TJ_EVAL_OTHER;
        }
        if (got == TJ_EVAL_OK) {
            got = logarithm(out, run, y);
        }
        acb_div(out, out, base, run->prec);
        acb_clear(base);
        return got;
    case TJ_FN_BINOMIAL:
        return choose(out, run, x, y, false);
    case TJ_FN_PERMUTATIONS:
        return choose(out, run, x, y, true);
    case TJ_FN_MOD:
        return modulo(out, run, x, y);
    case TJ_FN_MIN:
    case TJ_FN_MAX:
        if (!acb_is_real(x) || !acb_is_real(y)) {
            return TJ_EVAL_OTHER;
        }
        acb_zero(out);
        if (fn == TJ_FN_MIN) {
            arb_min(acb_realref(out), acb_realref(x), acb_realref(y), run->prec);
        } else {
            arb_max(acb_realref(out), acb_realref(x), acb_realref(y), run->prec);
        }
        return TJ_EVAL_OK;
    default:
        return TJ_EVAL_OTHER;
    }
}

/* Whole-number functions have no enclosures: their exact value, if it is a rational. */
static tj_eval exactly(acb_t out, tj_enclosing *run, const tj_ex *ex)
{
    tj_exact_run exact = {run->work, run->at, 16 * TJ_DECIDE_FIRST_BITS};
    fmpq_t x;
    fmpq_init(x);
    tj_eval got = tj_exact_eval(x, &exact, ex);
    if (got == TJ_EVAL_OK) {
        acb_set_fmpq(out, x, run->prec);
    }
    fmpq_clear(x);
    return got;
}

static tj_eval root(acb_t out, tj_enclosing *run, const tj_ex *ex)
{
    tj_small degree;
    if (tj_exact_small(&degree, run->work, ex->args[0], run->at) != TJ_EVAL_OK || degree.den != 1 ||
        degree.num < 2) {
        return TJ_EVAL_OTHER;
    }
    acb_t x;
    acb_init(x);
    tj_eval got = tj_acb_eval(x, run, ex->args[1]);
    if (got == TJ_EVAL_OK) {
        got = tj_acb_power(out, run, x, (tj_small){1, degree.num});
    }
    acb_clear(x);
    return got;
}

tj_eval tj_acb_call(acb_t out, tj_enclosing *run, const tj_ex *ex)
{
    tj_ex_fn fn = (tj_ex_fn)ex->id;
    if (ex->n_args == 0) {
        return TJ_EVAL_OTHER;
    }
    if (fn == TJ_FN_GCD || fn == TJ_FN_LCM || fn == TJ_FN_DOUBLE_FACTORIAL) {
        return exactly(out, run, ex);
    }
    if (fn == TJ_FN_ROOT && ex->n_args == 2) {
        return root(out, run, ex);
    }
    if (!tj_acb_spend(run, 3)) {
        return TJ_EVAL_LIMIT;
    }
    bool folds = fn == TJ_FN_MIN || fn == TJ_FN_MAX;
    if (ex->n_args > 2 && !folds) {
        return TJ_EVAL_OTHER;
    }
    acb_t x, y, z;
    acb_init(x);
    acb_init(y);
    acb_init(z);
    tj_eval got = tj_acb_eval(x, run, ex->args[0]);
    if (got == TJ_EVAL_OK && ex->n_args == 1) {
        got = of_one(z, run, fn, x);
        acb_swap(x, z);
    }
    for (size_t i = 1; i < ex->n_args && got == TJ_EVAL_OK; i++) {
        got = tj_acb_eval(y, run, ex->args[i]);
        if (got == TJ_EVAL_OK) {
            got = of_two(z, run, fn, x, y);
            acb_swap(x, z);
        }
    }
    acb_swap(out, x);
    acb_clear(x);
    acb_clear(y);
    acb_clear(z);
    return got;
}
