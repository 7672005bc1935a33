/* The order of two values without letters. Cheap ways come first: small rationals, exact rationals,
 * enclosures (which refute), and only where balls meet the proofs of equality: large rationals,
 * normal forms, algebraic numbers. */
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
        tj_eval got =
            tj_enclose_sign(&sign, &is_real, &d->work, finite, NULL, TJ_DECIDE_FIRST_PREC);
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

/* Certain to be real and positive; of powers, only of positive numbers. */
static bool is_positive(tj_deciding *d, const tj_ex *ex)
{
    int sign;
    bool is_real;
    if (ex->kind == TJ_EX_MUL) { /* may be too large for an enclosure */
        for (size_t i = 0; i < ex->n_args; i++) {
            if (!is_positive(d, ex->args[i])) {
                return false;
            }
        }
        return true;
    }
    if (ex->kind == TJ_EX_POW) {
        tj_eval got =
            tj_enclose_sign(&sign, &is_real, &d->work, ex->args[1], NULL, TJ_DECIDE_FIRST_PREC);
        return is_positive(d, ex->args[0]) &&
               ((got == TJ_EVAL_OK && is_real) || is_positive(d, ex->args[1]));
    }
    return tj_enclose_sign(&sign, &is_real, &d->work, ex, NULL, TJ_DECIDE_FIRST_PREC) ==
               TJ_EVAL_OK &&
           sign > 0;
}

/* ln of a positive number, by its form where it is a power or product of positive numbers. */
static const tj_ex *log_tree(tj_deciding *d, const tj_ex *ex)
{
    if (ex->kind == TJ_EX_POW) {
        return tj_make_2(d, TJ_EX_MUL, ex->args[1], tj_make_call(d, TJ_FN_LN, ex->args[0], NULL));
    }
    if (ex->kind == TJ_EX_MUL && ex->n_args == 2 && is_positive(d, ex->args[0]) &&
        is_positive(d, ex->args[1])) {
        const tj_ex *u = log_tree(d, ex->args[0]), *v = log_tree(d, ex->args[1]);
        return tj_make_2(d, TJ_EX_ADD, u, v);
    }
    return tj_make_call(d, TJ_FN_LN, ex, NULL);
}

/* Certain to be real and not positive. */
static bool is_below(tj_deciding *d, const tj_ex *ex)
{
    int sign;
    tj_work *work = &d->work;
    const tj_ex *zero = tj_make_int(d, 0);
    if (zero != NULL &&
        tj_exact_compare(&sign, work, TJ_DECIDE_FIRST_BITS, ex, zero, NULL) == TJ_EVAL_OK) {
        return sign <= 0;
    }
    bool is_real;
    return tj_enclose_sign(&sign, &is_real, work, ex, NULL, TJ_DECIDE_FIRST_PREC) == TJ_EVAL_OK &&
           sign < 0;
}

/* Towers overflow any enclosure: their logarithms, or those of these, may not. */
static tj_order compare_logs(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    bool finite = false;
    if (is_below(d, b) && is_positive(d, a)) {
        return TJ_ORDER_GREATER;
    }
    if (is_below(d, a) && is_positive(d, b)) {
        return TJ_ORDER_LESS;
    }
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
    return scaled != NULL &&
           tj_enclose_nearest(&nearest, &d->work, scaled, 2 * TJ_DECIDE_FIRST_PREC) == TJ_EVAL_OK &&
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
    if (got == TJ_EVAL_OK && normal.unequal) {
        return TJ_ORDER_UNEQUAL;
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
    if (a == NULL || b == NULL) {
        return TJ_ORDER_UNKNOWN;
    }
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
    bool defined = finite || (tj_is_total(a) && tj_is_total(b));
    tj_order proved = prove(d, method, a, b, defined);
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
    if (ex == NULL) {
        return false;
    }
    if (tj_exact_small(out, &d->work, ex, NULL) == TJ_EVAL_OK) {
        return true;
    }
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    return tj_free_symbols(ex, names, &n) && n == 0 && tj_ratfun_rational(out, d, ex) == TJ_EVAL_OK;
}
