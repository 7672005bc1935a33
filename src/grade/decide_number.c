/* Values without letters. Cheap ways come first: small rationals, exact rationals, enclosures (which
 * refute), and only where balls meet the proofs of equality: large rationals, normal forms,
 * algebraic numbers. */
#include <string.h>

#include "grade/algebraic.h"
#include "grade/decide_inner.h"
#include "grade/enclose.h"
#include "grade/exact.h"
#include "grade/ratfun.h"

static tj_order order_of(int sign)
{
    return sign < 0 ? TJ_ORDER_LESS : sign > 0 ? TJ_ORDER_GREATER : TJ_ORDER_EQUAL;
}

/* ---- infinities ---- */

/* 1, -1: ex is that infinity; 0: it has none in it; 2: an expression with an infinity in it whose
 * value is not known. */
static int infinity_of(tj_deciding *d, const tj_ex *ex)
{
    if (!tj_has_const(ex, TJ_CONST_INFINITY)) {
        return 0;
    }
    int all = 0, one, sign;
    bool is_real;
    switch (ex->kind) {
    case TJ_EX_CONST:
        return 1;
    case TJ_EX_NEG:
        one = infinity_of(d, ex->args[0]);
        return one == 2 ? 2 : -one;
    case TJ_EX_ADD:
        for (size_t i = 0; i < ex->n_args; i++) {
            one = infinity_of(d, ex->args[i]);
            if (one == 2 || (one != 0 && all != 0 && one != all)) {
                return 2;
            }
            all = one != 0 ? one : all;
        }
        return all;
    case TJ_EX_MUL:
        all = 1;
        for (size_t i = 0; i < ex->n_args; i++) {
            one = infinity_of(d, ex->args[i]);
            if (one == 0) {
                if (tj_enclose_sign(&sign, &is_real, &d->work, ex->args[i], NULL,
                                    TJ_DECIDE_FIRST_PREC) != TJ_EVAL_OK ||
                    sign == 0) {
                    return 2;
                }
                one = sign;
            }
            if (one == 2) {
                return 2;
            }
            all *= one;
        }
        return all;
    default:
        return 2;
    }
}

/* Where a side is infinite; false if neither has an infinity in it. */
static bool infinite_order(tj_order *out, tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    int u = infinity_of(d, a), v = infinity_of(d, b);
    if (u == 0 && v == 0) {
        return false;
    }
    *out = u == 2 || v == 2 ? TJ_ORDER_UNKNOWN : order_of(u < v ? -1 : u > v);
    const tj_ex *finite = u == 0 ? a : v == 0 ? b : NULL;
    if (*out != TJ_ORDER_UNKNOWN && finite != NULL) {
        int sign;
        bool is_real;
        tj_eval got = tj_enclose_sign(&sign, &is_real, &d->work, finite, NULL,
                                      TJ_DECIDE_FIRST_PREC);
        if (got != TJ_EVAL_OK) {
            *out = got == TJ_EVAL_UNDEFINED ? TJ_ORDER_UNDEFINED : TJ_ORDER_UNKNOWN;
        } else if (!is_real) {
            *out = TJ_ORDER_UNEQUAL;
        }
    }
    return true;
}

/* ---- enclosures ---- */

/* Balls that part between the two precisions (doubling); TJ_ORDER_UNKNOWN if none do. *finite: at
 * some precision both sides had enclosures. */
static tj_order part(tj_deciding *d, bool *finite, const tj_ex *a, const tj_ex *b, int64_t from,
                     int64_t to)
{
    for (int64_t prec = from; prec <= to; prec *= 2) {
        tj_apart apart;
        tj_eval got = tj_enclose_compare(&apart, &d->work, a, b, NULL, prec);
        if (got == TJ_EVAL_UNDEFINED) {
            return TJ_ORDER_UNDEFINED;
        }
        if (got == TJ_EVAL_LIMIT) {
            break;
        }
        *finite = *finite || got == TJ_EVAL_OK;
        if (got == TJ_EVAL_OK && apart.parted) {
            return apart.sign == 0 ? TJ_ORDER_UNEQUAL : order_of(apart.sign);
        }
    }
    return TJ_ORDER_UNKNOWN;
}

/* ln of a power, product or positive number, as a tree; NULL if it is of no such form. */
static const tj_ex *log_tree(tj_deciding *d, const tj_ex *ex)
{
    if (ex->kind == TJ_EX_POW) {
        return tj_make_2(d, TJ_EX_MUL, ex->args[1],
                         tj_make_call(d, TJ_FN_LN, ex->args[0], NULL));
    }
    if (ex->kind == TJ_EX_MUL && ex->n_args == 2) {
        const tj_ex *u = log_tree(d, ex->args[0]), *v = log_tree(d, ex->args[1]);
        return tj_make_2(d, TJ_EX_ADD, u, v);
    }
    return tj_make_call(d, TJ_FN_LN, ex, NULL);
}

static bool is_positive(tj_deciding *d, const tj_ex *ex)
{
    int sign;
    bool is_real;
    if (ex->kind == TJ_EX_POW) { /* a real power of a positive number */
        tj_eval got = tj_enclose_sign(&sign, &is_real, &d->work, ex->args[1], NULL,
                                      TJ_DECIDE_FIRST_PREC);
        return is_positive(d, ex->args[0]) &&
               ((got == TJ_EVAL_OK && is_real) || is_positive(d, ex->args[1]));
    }
    return tj_enclose_sign(&sign, &is_real, &d->work, ex, NULL, TJ_DECIDE_FIRST_PREC) ==
               TJ_EVAL_OK &&
           sign > 0;
}

/* Towers overflow any enclosure: their logarithms, or those of these, may not. */
static tj_order compare_logs(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    bool finite = false;
    for (int times = 0; times < 3 && a != NULL && b != NULL && !finite; times++) {
        if ((a->kind != TJ_EX_POW && b->kind != TJ_EX_POW) || !is_positive(d, a) ||
            !is_positive(d, b)) {
            return TJ_ORDER_UNKNOWN;
        }
        a = log_tree(d, a);
        b = log_tree(d, b);
        if (a != NULL && b != NULL) {
            tj_order order = part(d, &finite, a, b, TJ_DECIDE_FIRST_PREC, TJ_DECIDE_FIRST_PREC);
            if (order != TJ_ORDER_UNKNOWN) {
                return order == TJ_ORDER_UNDEFINED ? TJ_ORDER_UNKNOWN : order;
            }
        }
    }
    return TJ_ORDER_UNKNOWN;
}

/* ---- proofs of equality ---- */

/* Real, and nearer than 2^-TJ_RATFUN_CLOSE_BITS. */
static bool is_close(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    int64_t nearest;
    const tj_ex *scaled = tj_make_2(d, TJ_EX_MUL, tj_make_difference(d, a, b),
                                    tj_make_int(d, (int64_t)1 << TJ_RATFUN_CLOSE_BITS));
    return scaled != NULL && tj_enclose_nearest(&nearest, &d->work, scaled,
                                                2 * TJ_DECIDE_FIRST_PREC) == TJ_EVAL_OK &&
           nearest == 0;
}

/* EQUAL, UNDEFINED or UNEQUAL if proved. */
static tj_order prove(tj_deciding *d, const char **method, const tj_ex *a, const tj_ex *b,
                      bool defined)
{
    tj_normal normal;
    tj_eval got = tj_ratfun_compare(&normal, d, a, b);
    *method = "normal form";
    if (got == TJ_EVAL_OK && normal.equal && defined) {
        return TJ_ORDER_EQUAL;
    }
    if (got == TJ_EVAL_UNDEFINED) {
        return TJ_ORDER_UNDEFINED;
    }
    bool equal;
    if (is_close(d, a, b) && tj_ratfun_close_equal(&equal, d, a, b) == TJ_EVAL_OK && equal) {
        return TJ_ORDER_EQUAL;
    }
    got = tj_algebraic_equal(&equal, d, a, b);
    *method = "algebraic";
    if (got == TJ_EVAL_OK) {
        return equal ? TJ_ORDER_EQUAL : TJ_ORDER_UNEQUAL;
    }
    return got == TJ_EVAL_UNDEFINED ? TJ_ORDER_UNDEFINED : TJ_ORDER_UNKNOWN;
}

static bool small_order(tj_order *out, const tj_ex *a, const tj_ex *b)
{
    tj_small x, y;
    if (!tj_small_from(&x, a) || !tj_small_from(&y, b)) {
        return false;
    }
    if (x.num == y.num && x.den == y.den) {
        *out = TJ_ORDER_EQUAL;
        return true;
    }
    int64_t left, right;
    if (__builtin_mul_overflow(x.num, y.den, &left) ||
        __builtin_mul_overflow(y.num, x.den, &right)) {
        return false;
    }
    *out = order_of(left < right ? -1 : 1);
    return true;
}

tj_order tj_decide_order(tj_deciding *d, const char **method, const tj_ex *a, const tj_ex *b)
{
    tj_order order;
    int sign;
    bool finite = false;
    *method = "exact rational";
    if (small_order(&order, a, b)) {
        return order;
    }
    tj_eval exact = tj_exact_compare(&sign, &d->work, TJ_DECIDE_FIRST_BITS, a, b, NULL);
    if (exact == TJ_EVAL_OK) {
        return order_of(sign);
    }
    if (exact == TJ_EVAL_UNDEFINED) {
        return TJ_ORDER_UNDEFINED;
    }
    *method = "enclosure";
    if (infinite_order(&order, d, a, b)) {
        return order;
    }
    order = part(d, &finite, a, b, TJ_DECIDE_FIRST_PREC, 2 * TJ_DECIDE_FIRST_PREC);
    if (order != TJ_ORDER_UNKNOWN) {
        return order;
    }
    if (exact == TJ_EVAL_LIMIT) {
        tj_work part_of = {d->work.left / 2}; /* the rest for the other ways */
        d->work.left -= part_of.left;
        exact = tj_exact_compare(&sign, &part_of, TJ_DECIDE_MAX_BITS, a, b, NULL);
        d->work.left += part_of.left;
        if (exact == TJ_EVAL_OK) {
            *method = "exact rational";
            return order_of(sign);
        }
    }
    tj_order proved = prove(d, method, a, b, finite);
    if (proved == TJ_ORDER_EQUAL || proved == TJ_ORDER_UNDEFINED) {
        return proved;
    }
    const char *refuted_by = *method;
    *method = "enclosure";
    order = part(d, &finite, a, b, 4 * TJ_DECIDE_FIRST_PREC, TJ_DECIDE_MAX_PREC);
    if (order == TJ_ORDER_UNKNOWN && proved == TJ_ORDER_UNEQUAL) {
        *method = refuted_by;
        return TJ_ORDER_UNEQUAL;
    }
    if (order == TJ_ORDER_UNKNOWN && !finite) {
        order = compare_logs(d, a, b);
    }
    return order;
}

bool tj_decide_rational(tj_deciding *d, tj_small *out, const tj_ex *ex)
{
    if (tj_exact_small(out, &d->work, ex, NULL) == TJ_EVAL_OK) {
        return true;
    }
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    return tj_free_symbols(ex, names, &n) && n == 0 &&
           tj_ratfun_rational(out, d, ex) == TJ_EVAL_OK;
}

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
    bool a_is = x != NULL && x->num.is_decimal, b_is = y != NULL && y->num.is_decimal;
    if (a_is == b_is) {
        return false;
    }
    const tj_ex *literal = a_is ? a : b, *value = a_is ? b : a;
    const tj_ex_num *num = a_is ? &x->num : &y->num;
    size_t n = significant(num);
    if (d->options->min_digits == 0 || n < d->options->min_digits || num->base != 10 ||
        num->n_repeat > 0 || tj_has_const(value, TJ_CONST_INFINITY)) {
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

/* a = re + im i with two literals, at least one of them decimal. */
static bool is_complex_literal(const tj_ex *ex, const tj_ex **re, const tj_ex **im)
{
    bool negative;
    if (ex->kind != TJ_EX_ADD || ex->n_args != 2) {
        return false;
    }
    for (size_t k = 0; k < 2; k++) {
        const tj_ex *other = ex->args[1 - k], *inner = other;
        if (inner->kind == TJ_EX_NEG) {
            inner = inner->args[0];
        }
        if (tj_literal(ex->args[k], &negative) == NULL || inner->kind != TJ_EX_MUL ||
            inner->n_args != 2) {
            continue;
        }
        for (size_t j = 0; j < 2; j++) {
            if (inner->args[j]->kind == TJ_EX_CONST && inner->args[j]->id == TJ_CONST_I &&
                tj_literal(inner->args[1 - j], &negative) != NULL) {
                *re = ex->args[k];
                *im = other;
                return true;
            }
        }
    }
    return false;
}

/* Both parts of a complex literal are roundings (or exact values) of the other's. */
static bool rounded_parts(tj_deciding *d, const char **reason, const tj_ex *a, const tj_ex *b)
{
    const tj_ex *re, *im, *unused;
    bool a_is = is_complex_literal(a, &re, &im);
    if (a_is ? is_complex_literal(b, &unused, &unused) : !is_complex_literal(b, &re, &im)) {
        return false;
    }
    const tj_ex *other = a_is ? b : a;
    const tj_ex *parts[2] = {re, NULL};
    const tj_ex *product = im->kind == TJ_EX_NEG ? im->args[0] : im;
    const tj_ex *size = product->args[product->args[0]->kind == TJ_EX_CONST ? 1 : 0];
    parts[1] = im->kind == TJ_EX_NEG ? tj_make_1(d, TJ_EX_NEG, size) : size;
    for (size_t k = 0; k < 2; k++) {
        const char *method;
        const tj_ex *value = tj_make_call(d, k == 0 ? TJ_FN_RE : TJ_FN_IM, other, NULL);
        if (value == NULL || parts[k] == NULL) {
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
