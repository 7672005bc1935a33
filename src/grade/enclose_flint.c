/* Recursion over the tree with complex balls; real values stay real exactly (their imaginary part
 * is an exact zero), so that "is real" is a proof. */
#include "grade/enclose_flint.h"

#include <string.h>

#include "grade/exact_flint.h"

/* Exponents of numbers whose decimal digits are printed. */
#define MAX_PRINTED_EXPONENT 2000

bool tj_acb_spend(tj_enclosing *run, uint64_t times)
{
    uint64_t p = (uint64_t)run->prec;
    return tj_work_spend(run->work, times * (400 + p * p / 100));
}

tj_eval tj_acb_check(const acb_t x)
{
    return acb_is_finite(x) ? TJ_EVAL_OK : TJ_EVAL_OTHER;
}

static tj_eval number(acb_t out, tj_enclosing *run, const tj_ex_num *num)
{
    tj_exact_run exact = {run->work, NULL, TJ_DECIDE_MAX_BITS};
    fmpq_t x;
    fmpq_init(x);
    tj_eval got = tj_exact_number(x, &exact, num);
    if (got == TJ_EVAL_OK) {
        acb_set_fmpq(out, x, run->prec);
    }
    fmpq_clear(x);
    return got;
}

static tj_eval constant(acb_t out, const tj_enclosing *run, int32_t id)
{
    acb_zero(out);
    switch ((tj_ex_const)id) {
    case TJ_CONST_PI:
        arb_const_pi(acb_realref(out), run->prec);
        return TJ_EVAL_OK;
    case TJ_CONST_E:
        arb_const_e(acb_realref(out), run->prec);
        return TJ_EVAL_OK;
    case TJ_CONST_I:
        acb_onei(out);
        return TJ_EVAL_OK;
    case TJ_CONST_UNDEFINED:
        return TJ_EVAL_UNDEFINED;
    default:
        return TJ_EVAL_OTHER;
    }
}

static tj_eval symbol(acb_t out, const tj_enclosing *run, const char *name)
{
    if (run->at != NULL) {
        for (size_t i = run->at->n; i-- > 0;) {
            if (strcmp(run->at->names[i], name) == 0) {
                acb_set_si(out, run->at->num[i]);
                acb_div_si(out, out, run->at->den[i], run->prec);
                return TJ_EVAL_OK;
            }
        }
    }
    return TJ_EVAL_OTHER;
}

static tj_eval joined(acb_t out, tj_enclosing *run, const tj_ex *ex)
{
    acb_t next;
    acb_init(next);
    tj_eval got = tj_acb_eval(out, run, ex->args[0]);
    for (size_t i = 1; i < ex->n_args && got == TJ_EVAL_OK; i++) {
        got = tj_acb_eval(next, run, ex->args[i]);
        if (got == TJ_EVAL_OK && ex->kind == TJ_EX_ADD) {
            acb_add(out, out, next, run->prec);
        } else if (got == TJ_EVAL_OK) {
            acb_mul(out, out, next, run->prec);
        }
    }
    acb_clear(next);
    return got;
}

static tj_eval quotient(acb_t out, tj_enclosing *run, const tj_ex *ex)
{
    acb_t den;
    acb_init(den);
    tj_eval got = tj_acb_eval(den, run, ex->args[1]);
    if (got == TJ_EVAL_OK && acb_contains_zero(den)) {
        got = acb_is_zero(den) ? TJ_EVAL_UNDEFINED : TJ_EVAL_OTHER;
    }
    if (got == TJ_EVAL_OK) {
        got = tj_acb_eval(out, run, ex->args[0]);
    }
    if (got == TJ_EVAL_OK) {
        acb_div(out, out, den, run->prec);
    }
    acb_clear(den);
    return got;
}

static tj_eval principal_power(acb_t out, const tj_enclosing *run, const acb_t x, tj_small exponent)
{
    acb_t e;
    acb_init(e);
    acb_set_si(e, exponent.num);
    acb_div_si(e, e, exponent.den, run->prec);
    acb_pow(out, x, e, run->prec);
    acb_clear(e);
    return tj_acb_check(out);
}

/* x^(num/den) of a real x that is not a whole power. */
static tj_eval real_power(acb_t out, tj_enclosing *run, const acb_t x, tj_small exponent)
{
    if (!arb_is_positive(acb_realref(x)) && !arb_is_negative(acb_realref(x))) {
        if (acb_is_zero(x) && exponent.num > 0) {
            acb_zero(out);
            return TJ_EVAL_OK;
        }
        return acb_is_zero(x) ? TJ_EVAL_UNDEFINED : TJ_EVAL_OTHER;
    }
    bool negative = arb_is_negative(acb_realref(x)) != 0;
    if (negative && exponent.den % 2 == 0) {
        run->left_reals = true;
        return principal_power(out, run, x, exponent);
    }
    arb_t root;
    arb_init(root);
    arb_abs(root, acb_realref(x));
    arb_root_ui(root, root, (ulong)exponent.den, run->prec);
    if (negative) {
        arb_neg(root, root);
    }
    acb_set_arb(out, root);
    arb_clear(root);
    acb_pow_si(out, out, exponent.num, run->prec);
    return tj_acb_check(out);
}

tj_eval tj_acb_power(acb_t out, tj_enclosing *run, const acb_t x, tj_small exponent)
{
    if (!tj_acb_spend(run, 2)) {
        return TJ_EVAL_LIMIT;
    }
    if (exponent.den == 1) {
        if (exponent.num <= 0 && acb_contains_zero(x)) {
            return acb_is_zero(x) ? TJ_EVAL_UNDEFINED : TJ_EVAL_OTHER;
        }
        acb_pow_si(out, x, exponent.num, run->prec);
        return tj_acb_check(out);
    }
    if (acb_is_real(x) && exponent.den < 100000) {
        return real_power(out, run, x, exponent);
    }
    if (acb_contains_zero(x)) {
        return TJ_EVAL_OTHER;
    }
    return principal_power(out, run, x, exponent);
}

/* x^y where y is no small rational. */
static tj_eval general_power(acb_t out, tj_enclosing *run, const acb_t x, const acb_t y)
{
    if (!tj_acb_spend(run, 4)) {
        return TJ_EVAL_LIMIT;
    }
    if (acb_contains_zero(x)) {
        if (acb_is_zero(x) && arb_is_positive(acb_realref(y))) {
            acb_zero(out);
            return TJ_EVAL_OK;
        }
        return TJ_EVAL_OTHER;
    }
    if (acb_is_real(x) && acb_is_real(y)) {
        if (arb_is_positive(acb_realref(x))) {
            arb_pow(acb_realref(out), acb_realref(x), acb_realref(y), run->prec);
            arb_zero(acb_imagref(out));
            return tj_acb_check(out);
        }
        run->left_reals = true;
    }
    acb_pow(out, x, y, run->prec);
    return tj_acb_check(out);
}

static tj_eval power(acb_t out, tj_enclosing *run, const tj_ex *ex)
{
    tj_small exponent;
    bool is_small = tj_exact_small(&exponent, run->work, ex->args[1], run->at) == TJ_EVAL_OK;
    if (is_small && exponent.den > 1 && tj_has_kind(ex->args[1], TJ_EX_SYMBOL)) {
        is_small = false; /* (-1)^n at a point: its principal value */
    }
    acb_t x, y;
    acb_init(x);
    acb_init(y);
    tj_eval got = TJ_EVAL_OK;
    if (ex->args[0]->kind == TJ_EX_CONST && ex->args[0]->id == TJ_CONST_E) {
        got = tj_acb_eval(y, run, ex->args[1]);
        if (got == TJ_EVAL_OK) {
            got = tj_acb_spend(run, 1) ? TJ_EVAL_OK : TJ_EVAL_LIMIT;
            acb_exp(out, y, run->prec);
        }
        got = got == TJ_EVAL_OK ? tj_acb_check(out) : got;
    } else {
        got = tj_acb_eval(x, run, ex->args[0]);
        if (got == TJ_EVAL_OK && is_small) {
            got = tj_acb_power(out, run, x, exponent);
        } else if (got == TJ_EVAL_OK) {
            got = tj_acb_eval(y, run, ex->args[1]);
            got = got == TJ_EVAL_OK ? general_power(out, run, x, y) : got;
        }
    }
    acb_clear(x);
    acb_clear(y);
    return got;
}

/* Term by term, with the index as one more letter. */
static tj_eval series(acb_t out, tj_enclosing *run, const tj_ex *ex)
{
    tj_small first, last;
    tj_point at = {0};
    if (run->at != NULL) {
        at = *run->at;
    }
    if (ex->args[0]->kind != TJ_EX_SYMBOL ||
        tj_exact_small(&first, run->work, ex->args[1], run->at) != TJ_EVAL_OK ||
        tj_exact_small(&last, run->work, ex->args[2], run->at) != TJ_EVAL_OK || first.den != 1 ||
        last.den != 1) {
        return TJ_EVAL_OTHER;
    }
    if (at.n == TJ_DECIDE_MAX_SYMBOLS || first.num < -TJ_DECIDE_MAX_BITS ||
        last.num - first.num >= TJ_DECIDE_MAX_SUM) {
        return TJ_EVAL_LIMIT;
    }
    bool is_sum = ex->kind == TJ_EX_SUM;
    acb_t term;
    acb_init(term);
    acb_set_si(out, is_sum ? 0 : 1);
    at.names[at.n] = ex->args[0]->text;
    at.den[at.n++] = 1;
    const tj_point *outer = run->at;
    tj_eval got = TJ_EVAL_OK;
    run->at = &at;
    for (int64_t i = first.num; i <= last.num && got == TJ_EVAL_OK; i++) {
        at.num[at.n - 1] = i;
        got = tj_acb_eval(term, run, ex->args[3]);
        if (got == TJ_EVAL_OK && is_sum) {
            acb_add(out, out, term, run->prec);
        } else if (got == TJ_EVAL_OK) {
            acb_mul(out, out, term, run->prec);
        }
    }
    run->at = outer;
    acb_clear(term);
    return got;
}

tj_eval tj_acb_eval(acb_t out, tj_enclosing *run, const tj_ex *ex)
{
    tj_eval got;
    if (!tj_work_spend(run->work, 100 + (uint64_t)run->prec / 4)) {
        return TJ_EVAL_LIMIT;
    }
    switch (ex->kind) {
    case TJ_EX_NUMBER:
        return number(out, run, &ex->num);
    case TJ_EX_CONST:
        return constant(out, run, ex->id);
    case TJ_EX_SYMBOL:
        return symbol(out, run, ex->text);
    case TJ_EX_NEG:
        got = tj_acb_eval(out, run, ex->args[0]);
        acb_neg(out, out);
        return got;
    case TJ_EX_ADD:
    case TJ_EX_MUL:
        return joined(out, run, ex);
    case TJ_EX_DIV:
        return quotient(out, run, ex);
    case TJ_EX_POW:
        return power(out, run, ex);
    case TJ_EX_SUM:
    case TJ_EX_PRODUCT:
        return series(out, run, ex);
    case TJ_EX_CALL:
        return tj_acb_call(out, run, ex);
    default:
        return TJ_EVAL_OTHER;
    }
}

/* Is the value known well enough for an agreement to mean something? */
static bool is_sharp(const acb_t x)
{
    if (acb_rel_accuracy_bits(x) >= TJ_DECIDE_AGREE_BITS) {
        return true;
    }
    return mag_cmp_2exp_si(arb_radref(acb_realref(x)), -TJ_DECIDE_AGREE_BITS) <= 0 &&
           mag_cmp_2exp_si(arb_radref(acb_imagref(x)), -TJ_DECIDE_AGREE_BITS) <= 0;
}

tj_eval tj_enclose_compare(tj_apart *out, tj_work *work, const tj_ex *a, const tj_ex *b,
                           const tj_point *at, int64_t prec)
{
    tj_enclosing run_a = {work, at, prec, false}, run_b = run_a;
    acb_t x, y;
    acb_init(x);
    acb_init(y);
    *out = (tj_apart){0};
    tj_eval got = tj_acb_eval(x, &run_a, a);
    if (got == TJ_EVAL_OK || got == TJ_EVAL_OTHER) { /* a proof of UNDEFINED in either counts */
        tj_eval other = tj_acb_eval(y, &run_b, b);
        got = got == TJ_EVAL_OTHER && other == TJ_EVAL_OK ? got : other;
    }
    if (got == TJ_EVAL_OK) {
        out->parted = !acb_overlaps(x, y);
        out->agree = !out->parted && is_sharp(x) && is_sharp(y);
        out->real_a = acb_is_real(x) && !run_a.left_reals;
        out->real_b = acb_is_real(y) && !run_b.left_reals;
        if (out->parted && acb_is_real(x) && acb_is_real(y)) {
            out->sign = arb_lt(acb_realref(x), acb_realref(y)) ? -1 : 1;
        }
    }
    acb_clear(x);
    acb_clear(y);
    return got;
}

tj_eval tj_enclose_sign(int *sign, bool *is_real, tj_work *work, const tj_ex *ex,
                        const tj_point *at, int64_t prec)
{
    tj_enclosing run = {work, at, prec, false};
    acb_t x;
    acb_init(x);
    tj_eval got = tj_acb_eval(x, &run, ex);
    *sign = 0;
    *is_real = got == TJ_EVAL_OK && acb_is_real(x);
    if (*is_real && !arb_contains_zero(acb_realref(x))) {
        *sign = arb_is_positive(acb_realref(x)) ? 1 : -1;
    }
    acb_clear(x);
    return got;
}

tj_eval tj_enclose_nearest(int64_t *out, tj_work *work, const tj_ex *ex, int64_t prec)
{
    tj_enclosing run = {work, NULL, prec, false};
    acb_t x;
    arf_t mid;
    acb_init(x);
    arf_init(mid);
    tj_eval got = tj_acb_eval(x, &run, ex);
    if (got == TJ_EVAL_OK) {
        arf_set(mid, arb_midref(acb_realref(x)));
        if (!acb_is_real(x) || mag_cmp_2exp_si(arb_radref(acb_realref(x)), -2) > 0 ||
            arf_cmpabs_2exp_si(mid, 62) >= 0) {
            got = TJ_EVAL_OTHER;
        } else {
            *out = arf_get_si(mid, ARF_RND_NEAR);
        }
    }
    acb_clear(x);
    arf_clear(mid);
    return got;
}

/* ---- values as text ---- */

static const char *real_text(tj_deciding *d, const arb_t x, slong n_digits)
{
    const char *sign = arf_sgn(arb_midref(x)) < 0 ? "-" : "";
    if (!arf_is_zero(arb_midref(x)) &&
        (arf_cmpabs_2exp_si(arb_midref(x), MAX_PRINTED_EXPONENT) > 0 ||
         arf_cmpabs_2exp_si(arb_midref(x), -MAX_PRINTED_EXPONENT) < 0)) {
        return fmpz_fits_si(ARF_EXPREF(arb_midref(x)))
                   ? tj_decide_say(d, "about %s2^%lld", sign,
                                   (long long)fmpz_get_si(ARF_EXPREF(arb_midref(x))))
                   : "?";
    }
    char *text = arb_get_str(x, n_digits, ARB_STR_NO_RADIUS);
    const char *kept = tj_decide_say(d, "%s", text);
    flint_free(text);
    return kept;
}

static const char *value_text(tj_deciding *d, const acb_t x, slong n_digits)
{
    const char *re = real_text(d, acb_realref(x), n_digits);
    if (acb_is_real(x)) {
        return re;
    }
    const char *im = real_text(d, acb_imagref(x), n_digits);
    return tj_decide_say(d, "%s + (%s)*i", re, im);
}

static const char *tree_text(tj_deciding *d, const tj_ex *ex, const tj_point *at, slong n_digits)
{
    const char *exact = tj_exact_text(d, ex, at);
    if (exact != NULL && strlen(exact) <= 24) {
        return exact;
    }
    tj_enclosing run = {&d->work, at, 64 + 4 * n_digits, false};
    acb_t x;
    acb_init(x);
    const char *text = "?";
    if (tj_acb_eval(x, &run, ex) == TJ_EVAL_OK) {
        text = value_text(d, x, n_digits);
    }
    acb_clear(x);
    return text;
}

void tj_enclose_texts(const char **u, const char **v, tj_deciding *d, const tj_ex *a,
                      const tj_ex *b, const tj_point *at)
{
    for (slong n_digits = 8; n_digits <= 256; n_digits *= 2) {
        *u = tree_text(d, a, at, n_digits);
        *v = tree_text(d, b, at, n_digits);
        if (strcmp(*u, *v) != 0) {
            break;
        }
    }
    bool same = strcmp(*u, *v) == 0; /* too large or too small to be told apart by digits */
    *u = same || strcmp(*u, "?") == 0 ? tj_decide_text(d, a) : *u;
    *v = same || strcmp(*v, "?") == 0 ? tj_decide_text(d, b) : *v;
}
