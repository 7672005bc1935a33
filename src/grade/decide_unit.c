/* A sum or product of quantities is one value with one unit; values are then compared after one is
 * converted, exactly, into the other's unit (docs/grader.md, "Units"). A decimal keeps its unit, so
 * that its last digit still means a rounding. */
#include "grade/decide_unit.h"

#include <string.h>

typedef struct measure {
    const tj_ex *value; /* in terms of the unit */
    bool has_unit;
    tj_unit unit;
} measure;

bool tj_is_quantity(const tj_ex *ex)
{
    switch (ex->kind) {
    case TJ_EX_QUANTITY:
        return tj_is_scalar(ex->args[0]) || tj_is_quantity(ex->args[0]);
    case TJ_EX_ADD:
    case TJ_EX_MUL:
    case TJ_EX_NEG:
    case TJ_EX_DIV:
    case TJ_EX_POW:
    case TJ_EX_CALL:
        break;
    default:
        return false;
    }
    bool found = false;
    for (size_t i = 0; i < ex->n_args; i++) {
        bool one = tj_is_quantity(ex->args[i]);
        if (!one && !tj_is_scalar(ex->args[i])) {
            return false;
        }
        found = found || one;
    }
    return found;
}

/* Percent, degrees: a number after all. */
static bool is_pure(const tj_unit *unit)
{
    for (size_t i = 0; i < TJ_N_DIMS; i++) {
        if (unit->dims[i] != 0 && i != TJ_DIM_ANGLE) {
            return false;
        }
    }
    return true;
}

static const tj_ex *ratio(tj_deciding *d, int64_t num, int64_t den)
{
    const tj_ex *n = tj_make_int(d, num);
    return den == 1 ? n : tj_make_2(d, TJ_EX_DIV, n, tj_make_int(d, den));
}

static const tj_ex *pi_to(tj_deciding *d, int power)
{
    return tj_make_2(d, TJ_EX_POW, tj_make_const(d, TJ_CONST_PI), tj_make_int(d, power));
}

/* value * num / den * pi^p + offset. */
static const tj_ex *to_base(tj_deciding *d, const tj_ex *value, const tj_unit *u)
{
    if (u->num != 1 || u->den != 1) {
        value = tj_make_2(d, TJ_EX_MUL, value, ratio(d, u->num, u->den));
    }
    if (u->pi_power != 0) {
        value = tj_make_2(d, TJ_EX_MUL, value, pi_to(d, u->pi_power));
    }
    if (u->offset_num != 0) {
        value = tj_make_2(d, TJ_EX_ADD, value, ratio(d, u->offset_num, u->offset_den));
    }
    return value;
}

/* The same quantity in terms of another unit of its kind. */
static const tj_ex *convert(tj_deciding *d, const tj_ex *value, const tj_unit *from,
                            const tj_unit *to)
{
    if (tj_unit_compare(from, to) == 0) {
        return value;
    }
    value = to_base(d, value, from);
    if (to->offset_num != 0) {
        value = tj_make_2(d, TJ_EX_ADD, value, ratio(d, -to->offset_num, to->offset_den));
    }
    if (to->pi_power != 0) {
        value = tj_make_2(d, TJ_EX_MUL, value, pi_to(d, -to->pi_power));
    }
    return to->num == 1 && to->den == 1
               ? value
               : tj_make_2(d, TJ_EX_MUL, value, ratio(d, to->den, to->num));
}

static bool take_measure(tj_deciding *d, measure *out, const tj_ex *ex);

/* Arguments of functions and exponents: numbers, or units that are. */
static const tj_ex *plain(tj_deciding *d, const tj_ex *ex)
{
    measure m;
    if (!take_measure(d, &m, ex) || (m.has_unit && !is_pure(&m.unit))) {
        return NULL;
    }
    return m.has_unit ? to_base(d, m.value, &m.unit) : m.value;
}

static bool measure_sum(tj_deciding *d, measure *out, const tj_ex *ex)
{
    if (!take_measure(d, out, ex->args[0])) {
        return false;
    }
    for (size_t i = 1; i < ex->n_args; i++) {
        measure next;
        if (!take_measure(d, &next, ex->args[i])) {
            return false;
        }
        if (out->has_unit && next.has_unit) {
            if (!tj_unit_same_kind(&out->unit, &next.unit)) {
                return false;
            }
            next.value = convert(d, next.value, &next.unit, &out->unit);
        } else if (out->has_unit || next.has_unit) { /* 1 + 50% */
            measure *with = out->has_unit ? out : &next;
            if (!is_pure(&with->unit)) {
                return false;
            }
            with->value = to_base(d, with->value, &with->unit);
            out->has_unit = false;
        }
        out->value = tj_make_2(d, TJ_EX_ADD, out->value, next.value);
    }
    return true;
}

/* out times next to the given power. */
static bool join_units(tj_deciding *d, measure *out, const measure *next, int power)
{
    if (!next->has_unit) {
        return true;
    }
    const tj_unit one = {.num = 1, .den = 1, .offset_den = 1, .name = "", .text = ""};
    tj_unit joined;
    if (!tj_unit_combine(&joined, d->arena, out->has_unit ? &out->unit : &one, 1, &next->unit,
                         power)) {
        return false;
    }
    out->unit = joined;
    out->has_unit = true;
    return true;
}

static bool measure_product(tj_deciding *d, measure *out, const tj_ex *ex)
{
    if (!take_measure(d, out, ex->args[0])) {
        return false;
    }
    for (size_t i = 1; i < ex->n_args; i++) {
        measure next;
        if (!take_measure(d, &next, ex->args[i]) ||
            !join_units(d, out, &next, ex->kind == TJ_EX_DIV ? -1 : 1)) {
            return false;
        }
        out->value = tj_make_2(d, ex->kind, out->value, next.value);
    }
    return true;
}

static bool measure_power(tj_deciding *d, measure *out, const tj_ex *ex)
{
    tj_small e;
    measure base;
    if (!take_measure(d, &base, ex->args[0])) {
        return false;
    }
    const tj_ex *exponent = plain(d, ex->args[1]);
    *out = (measure){.value = tj_make_2(d, TJ_EX_POW, base.value, exponent)};
    if (!base.has_unit || exponent == NULL) {
        return exponent != NULL;
    }
    return tj_small_from(&e, exponent) && e.den == 1 && e.num >= -6 && e.num <= 6 &&
           join_units(d, out, &base, (int)e.num);
}

static bool measure_call(tj_deciding *d, measure *out, const tj_ex *ex)
{
    const tj_ex **args = tj_arena_calloc(d->arena, ex->n_args, sizeof *args);
    if (args == NULL) {
        d->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        args[i] = plain(d, ex->args[i]);
        if (args[i] == NULL) {
            return false;
        }
    }
    *out = (measure){.value = tj_make_like(d, ex, args, ex->n_args)};
    return out->value != NULL;
}

static bool take_measure(tj_deciding *d, measure *out, const tj_ex *ex)
{
    measure inner;
    if (!tj_has_kind(ex, TJ_EX_QUANTITY)) {
        *out = (measure){.value = ex};
        return true;
    }
    switch (ex->kind) {
    case TJ_EX_QUANTITY:
        if (!take_measure(d, &inner, ex->args[0])) {
            return false;
        }
        *out = (measure){.value = inner.value, .has_unit = true, .unit = ex->unit};
        return !inner.has_unit || join_units(d, out, &inner, 1);
    case TJ_EX_NEG:
        if (!take_measure(d, out, ex->args[0])) {
            return false;
        }
        out->value = tj_make_1(d, TJ_EX_NEG, out->value);
        return out->value != NULL;
    case TJ_EX_ADD:
        return measure_sum(d, out, ex) && out->value != NULL;
    case TJ_EX_MUL:
    case TJ_EX_DIV:
        return measure_product(d, out, ex) && out->value != NULL;
    case TJ_EX_POW:
        return measure_power(d, out, ex) && out->value != NULL;
    case TJ_EX_CALL:
        return measure_call(d, out, ex);
    default:
        return false;
    }
}

static tj_decision decide_measured(tj_deciding *d, const measure *a, const measure *b)
{
    if (!tj_unit_same_kind(&a->unit, &b->unit)) {
        tj_decision out =
            tj_decided(TJ_VERDICT_DIFFERENT, "units", "the units are of different kinds");
        out.witness = tj_decide_both(d, a->unit.text, b->unit.text);
        return out;
    }
    if (tj_unit_compare(&a->unit, &b->unit) == 0) {
        return tj_decide_pair(d, a->value, b->value);
    }
    bool negative;
    const tj_ex *literal = tj_literal(b->value, &negative);
    bool keep_b = literal != NULL && literal->num.is_decimal; /* may be a rounding */
    const tj_ex *u = keep_b ? convert(d, a->value, &a->unit, &b->unit) : a->value;
    const tj_ex *v = keep_b ? b->value : convert(d, b->value, &b->unit, &a->unit);
    tj_decision out = tj_decide_pair(d, u, v);
    if (out.verdict == TJ_VERDICT_EQUAL && strcmp(out.method, "rounding") != 0) {
        out = tj_decided(TJ_VERDICT_EQUAL, "units", "the quantities are equal");
    }
    return out;
}

static tj_decision in_order(tj_deciding *d, const tj_ex *u, const tj_ex *v, bool u_is_a)
{
    return u_is_a ? tj_decide_pair(d, u, v) : tj_decide_pair(d, v, u);
}

/* A percentage or an angle as the number that it is. A decimal is compared in its own unit. */
static tj_decision decide_pure(tj_deciding *d, const measure *with, const tj_ex *without,
                               bool with_is_a)
{
    const tj_unit one = {.num = 1, .den = 1, .offset_den = 1, .name = "", .text = ""};
    bool negative;
    const tj_ex *literal = tj_literal(with->value, &negative);
    tj_decision out =
        literal != NULL && literal->num.is_decimal
            ? in_order(d, with->value, convert(d, without, &one, &with->unit), with_is_a)
            : in_order(d, to_base(d, with->value, &with->unit), without, with_is_a);
    if (out.verdict == TJ_VERDICT_EQUAL && strcmp(out.method, "rounding") != 0) {
        out.method = "units";
    }
    return out;
}

/* Only one side has a unit: 50% is 1/2, and 50 with its unit left out. */
static tj_decision decide_one_unit(tj_deciding *d, const measure *with, const tj_ex *without,
                                   bool with_is_a)
{
    tj_decision pure = tj_decided(TJ_VERDICT_DIFFERENT, "units", "only one of them has a unit");
    if (is_pure(&with->unit)) {
        pure = decide_pure(d, with, without, with_is_a);
    }
    if (pure.verdict == TJ_VERDICT_EQUAL || d->options->strict_units) {
        return pure;
    }
    tj_decision left_out = in_order(d, with->value, without, with_is_a);
    if (left_out.verdict == TJ_VERDICT_EQUAL) {
        left_out.method = "unit left out";
        left_out.reason = tj_decide_say(d, "one leaves out the unit: %s", with->unit.text);
    }
    bool open = pure.verdict == TJ_VERDICT_UNDECIDED && left_out.verdict == TJ_VERDICT_DIFFERENT;
    return open ? pure : left_out;
}

bool tj_units_fit(tj_deciding *d, const tj_ex *ex)
{
    measure unused;
    return take_measure(d, &unused, ex);
}

tj_decision tj_decide_quantities(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    measure u, v;
    if (!take_measure(d, &u, a) || !take_measure(d, &v, b)) {
        return tj_undecided("the units within a side do not fit together");
    }
    if (u.has_unit && v.has_unit) {
        return decide_measured(d, &u, &v);
    }
    if (!u.has_unit && !v.has_unit) { /* sin(30 degrees), 1 + 50% */
        return tj_decide_pair(d, u.value, v.value);
    }
    return u.has_unit ? decide_one_unit(d, &u, v.value, true)
                      : decide_one_unit(d, &v, u.value, false);
}
