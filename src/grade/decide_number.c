/* Values as answers: equal, a rounding of one another, or different. */
#include <string.h>

#include "grade/decide_inner.h"
#include "grade/enclose.h"
#include "grade/exact.h"

/* ---- rounding ---- */

/* Digits that count: all but leading zeros. */
static size_t significant(const tj_ex_num *num)
{
    size_t i = 0;
    while (i < num->n_digits && num->digits[i] == '0') {
        i++;
    }
    return num->n_digits - i;
}

/* Half a unit of the literal's last digit. */
static const tj_ex *half_unit(tj_deciding *d, const tj_ex_num *num)
{
    const tj_ex *five = tj_make_int(d, 5);
    int64_t exponent = (int64_t)num->exponent - num->n_frac - 1;
    return tj_make_2(d, TJ_EX_MUL, five,
                     tj_make_2(d, TJ_EX_POW, tj_make_int(d, 10), tj_make_int(d, exponent)));
}

static bool at_most(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    const char *method;
    if (a == NULL || b == NULL) {
        return false;
    }
    tj_order order = tj_decide_order(d, &method, a, b);
    return order == TJ_ORDER_LESS || order == TJ_ORDER_EQUAL;
}

bool tj_decide_rounded(tj_deciding *d, const char **reason, const tj_ex *a, const tj_ex *b)
{
    bool negative, other_negative, terminates;
    const tj_ex *x = tj_literal(a, &negative), *y = tj_literal(b, &other_negative);
    bool a_is = x != NULL && x->num.is_decimal && x->num.n_repeat == 0;
    bool b_is = y != NULL && y->num.is_decimal && y->num.n_repeat == 0;
    if (a_is == b_is) {
        return false;
    }
    const tj_ex *literal = a_is ? a : b, *value = a_is ? b : a;
    const tj_ex_num *num = a_is ? &x->num : &y->num;
    size_t n = significant(num);
    if (d->options->min_digits == 0 || n < d->options->min_digits || num->base != 10 ||
        tj_has_const(value, TJ_CONST_INFINITY)) {
        return false;
    }
    if (tj_exact_terminates(&terminates, &d->work, value) == TJ_EVAL_OK) {
        if (terminates) {
            return false;
        }
    } else {
        tj_small small; /* sqrt(2)^2: a rational in disguise */
        if (tj_decide_rational(d, &small, value)) {
            while (small.den % 2 == 0) {
                small.den /= 2;
            }
            while (small.den % 5 == 0) {
                small.den /= 5;
            }
            if (small.den == 1) {
                return false;
            }
        }
    }
    const tj_ex *half = half_unit(d, num);
    if (!at_most(d, tj_make_difference(d, literal, half), value) ||
        !at_most(d, value, tj_make_2(d, TJ_EX_ADD, literal, half))) {
        return false;
    }
    *reason = tj_decide_say(d, "%s is %s rounded to %zu digits", tj_decide_text(d, literal),
                            tj_decide_text(d, value), n);
    return true;
}

/* ---- scalars ---- */

/* ex = im i, or -im i: the factor of i; NULL if it is no such product. */
static const tj_ex *factor_of_i(tj_deciding *d, const tj_ex *ex)
{
    if (ex->kind == TJ_EX_NEG) {
        const tj_ex *inner = factor_of_i(d, ex->args[0]);
        return inner == NULL ? NULL : tj_make_1(d, TJ_EX_NEG, inner);
    }
    if (ex->kind == TJ_EX_CONST && ex->id == TJ_CONST_I) {
        return tj_make_int(d, 1);
    }
    if (ex->kind != TJ_EX_MUL || ex->n_args != 2) {
        return NULL;
    }
    for (size_t k = 0; k < 2; k++) {
        const tj_ex *other = ex->args[1 - k];
        if (ex->args[k]->kind == TJ_EX_CONST && ex->args[k]->id == TJ_CONST_I &&
            !tj_has_const(other, TJ_CONST_I)) {
            return other;
        }
    }
    return NULL;
}

static bool is_decimal(const tj_ex *ex)
{
    bool negative;
    const tj_ex *literal = tj_literal(ex, &negative);
    return literal != NULL && literal->num.is_decimal;
}

/* ex = re + im i, or im i, and a decimal is among the two. */
static bool take_parts(tj_deciding *d, const tj_ex *parts[2], const tj_ex *ex)
{
    parts[0] = tj_make_int(d, 0);
    parts[1] = factor_of_i(d, ex);
    if (ex->kind == TJ_EX_ADD && ex->n_args == 2) {
        for (size_t k = 0; k < 2 && parts[1] == NULL; k++) {
            parts[1] = factor_of_i(d, ex->args[k]);
            parts[0] = ex->args[1 - k];
        }
    }
    return parts[0] != NULL && parts[1] != NULL && !tj_has_const(parts[0], TJ_CONST_I) &&
           (is_decimal(parts[0]) || is_decimal(parts[1]));
}

/* Both parts of a complex number in decimals are roundings (or exact values) of the other's. */
static bool rounded_parts(tj_deciding *d, const char **reason, const tj_ex *a, const tj_ex *b)
{
    const tj_ex *parts[2], *unused[2];
    bool a_is = take_parts(d, parts, a), b_is = take_parts(d, a_is ? unused : parts, b);
    if (a_is == b_is) {
        return false;
    }
    for (size_t k = 0; k < 2; k++) {
        const char *method;
        const tj_ex *value = tj_make_call(d, k == 0 ? TJ_FN_RE : TJ_FN_IM, a_is ? b : a, NULL);
        if (value == NULL) {
            return false;
        }
        tj_order order = tj_decide_order(d, &method, parts[k], value);
        if (order == TJ_ORDER_UNDEFINED || order == TJ_ORDER_UNKNOWN ||
            (order != TJ_ORDER_EQUAL && !tj_decide_rounded(d, reason, parts[k], value))) {
            return false;
        }
    }
    return true;
}

static bool is_word_undefined(const tj_ex *ex)
{
    return ex->kind == TJ_EX_CONST && ex->id == TJ_CONST_UNDEFINED;
}

/* "undefined" against a value. */
static tj_decision against_undefined(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    if (is_word_undefined(a) && is_word_undefined(b)) {
        return tj_decided(TJ_VERDICT_EQUAL, "same form", "both are undefined");
    }
    const tj_ex *value = is_word_undefined(a) ? b : a;
    const char *method;
    tj_order order = tj_decide_order(d, &method, value, value);
    if (order == TJ_ORDER_UNDEFINED) {
        return tj_decided(TJ_VERDICT_EQUAL, method, "one is called undefined, and the other is");
    }
    if (order == TJ_ORDER_EQUAL) {
        return tj_decided(TJ_VERDICT_DIFFERENT, "kinds", "only one of them is undefined");
    }
    return tj_undecided("it is not known whether a side is defined");
}

static tj_decision decide_constants(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    if (is_word_undefined(a) || is_word_undefined(b)) {
        return against_undefined(d, a, b);
    }
    const char *method, *reason;
    tj_order order = tj_decide_order(d, &method, a, b);
    switch (order) {
    case TJ_ORDER_EQUAL:
        return tj_decided(TJ_VERDICT_EQUAL, method, "the values are equal");
    case TJ_ORDER_UNDEFINED:
        return tj_undecided("a side has no value");
    case TJ_ORDER_UNKNOWN:
        return tj_undecided(d->work.left == 0 ? "comparing the values exceeds the budget"
                                              : "the values agree as far as they were computed, "
                                                "but are not proved equal");
    default:
        break;
    }
    if (tj_decide_rounded(d, &reason, a, b) || rounded_parts(d, &reason, a, b)) {
        return tj_decided(TJ_VERDICT_EQUAL, "rounding", reason);
    }
    tj_decision out = tj_decided(TJ_VERDICT_DIFFERENT, method, "the values differ");
    const char *u, *v;
    tj_enclose_texts(&u, &v, d, a, b, NULL);
    out.witness = tj_decide_both(d, u, v);
    return out;
}

tj_decision tj_decide_scalars(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    if (!tj_free_symbols(a, names, &n) || !tj_free_symbols(b, names, &n)) {
        return tj_undecided("there are too many letters");
    }
    bool applies = tj_has_kind(a, TJ_EX_APPLY) || tj_has_kind(b, TJ_EX_APPLY);
    return n == 0 && !applies ? decide_constants(d, a, b) : tj_decide_functions(d, a, b);
}
