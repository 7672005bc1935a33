/* Arithmetic progressions c + p k over all integers k. All that occur on both sides have rational
 * ratios of periods; in units of one of them, each is a set of residues modulo a common period P.
 * Residues are compared by whether their difference is a whole multiple of P, which is decided
 * exactly: the whole number is guessed from an enclosure, and then proved. */
#include "grade/decide_family.h"

#include <string.h>

#include "grade/decide_relation.h"
#include "grade/enclose.h"

/* Progressions on one side. */
#define MAX_PROGRESSIONS 16
/* Values with signs by the parity of k are taken apart into so many progressions. */
#define MAX_SPLIT        2

typedef struct progression {
    const tj_ex *start, *period; /* period is not 0 */
    tj_small ratio;              /* of the period to the first one, positive */
} progression;

typedef struct progressions {
    size_t n;
    progression all[MAX_PROGRESSIONS];
    const tj_ex *name; /* of what they are values of; NULL if none is given */
} progressions;

static bool is_congruence(const tj_ex *ex)
{
    return ex->kind == TJ_EX_RELATION && ex->n_args == 2 && ex->rels[0] == TJ_REL_CONGRUENT &&
           ex->args[1]->kind == TJ_EX_CALL && ex->args[1]->id == TJ_FN_MOD &&
           ex->args[1]->n_args == 2;
}

bool tj_is_family(const tj_ex *ex)
{
    if (ex->kind == TJ_EX_FAMILY || is_congruence(ex)) {
        return true;
    }
    if (ex->kind != TJ_EX_LIST && ex->kind != TJ_EX_UNION && ex->kind != TJ_EX_SET) {
        return false;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        if (!tj_is_family(ex->args[i])) {
            return false;
        }
    }
    return ex->n_args > 0;
}

/* (-1)^(even) = 1 and (-1)^(odd) = -1 where the exponent, with k = 2 j + r, shows its parity: it is
 * linear in k with whole coefficients. */
static const tj_ex *settle_signs(tj_deciding *d, const tj_ex *ex, const char *k, int64_t r)
{
    if (ex == NULL || !tj_has_symbol(ex, k)) {
        return ex;
    }
    bool negative;
    if (ex->kind == TJ_EX_POW) {
        const tj_ex *base = tj_literal(ex->args[0], &negative);
        tj_small at[2];
        const tj_ex *e = ex->args[1];
        if (base != NULL && negative && tj_is_int(base, 1) &&
            tj_decide_rational(d, &at[0], tj_substitute(d, e, k, tj_make_int(d, r))) &&
            tj_decide_rational(d, &at[1], tj_substitute(d, e, k, tj_make_int(d, r + 2))) &&
            at[0].den == 1 && at[1].den == 1 && (at[1].num - at[0].num) % 2 == 0) {
            return tj_make_int(d, at[0].num % 2 == 0 ? 1 : -1);
        }
    }
    const tj_ex **args = tj_arena_calloc(d->arena, ex->n_args, sizeof *args);
    if (args == NULL) {
        d->no_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        args[i] = settle_signs(d, ex->args[i], k, r);
        if (args[i] == NULL) {
            return NULL;
        }
    }
    return ex->n_args == 0 ? ex : tj_make_like(d, ex, args, ex->n_args);
}

/* value(k) = start + period k, proved by normal form. */
static bool is_linear(tj_deciding *d, progression *out, const tj_ex *value, const char *k)
{
    out->start = tj_substitute(d, value, k, tj_make_int(d, 0));
    out->period = tj_make_difference(d, tj_substitute(d, value, k, tj_make_int(d, 1)), out->start);
    const tj_ex *form = tj_make_2(d, TJ_EX_ADD, out->start,
                                  tj_make_2(d, TJ_EX_MUL, out->period, tj_make_symbol(d, k)));
    return form != NULL && tj_decide_identical(d, value, form);
}

static bool add_progression(tj_deciding *d, progressions *out, progression p)
{
    const char *method;
    tj_order order = tj_decide_order(d, &method, p.period, tj_make_int(d, 0));
    if ((order != TJ_ORDER_LESS && order != TJ_ORDER_GREATER) || out->n == MAX_PROGRESSIONS) {
        return false;
    }
    if (order == TJ_ORDER_LESS) { /* k runs both ways */
        p.period = tj_make_1(d, TJ_EX_NEG, p.period);
    }
    out->all[out->n++] = p;
    return p.period != NULL;
}

/* A value with the parameter k over the integers. */
static bool add_value(tj_deciding *d, progressions *out, const tj_ex *value, const char *k)
{
    progression p;
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    if (!tj_is_scalar(value) || !tj_free_symbols(value, names, &n) || n != 1 ||
        strcmp(names[0], k) != 0 || tj_has_kind(value, TJ_EX_APPLY)) {
        return false;
    }
    if (is_linear(d, &p, value, k)) {
        return add_progression(d, out, p);
    }
    for (int64_t r = 0; r < MAX_SPLIT; r++) { /* k = 2 j + r */
        const tj_ex *k_of_j = tj_make_2(
            d, TJ_EX_ADD, tj_make_2(d, TJ_EX_MUL, tj_make_int(d, MAX_SPLIT), tj_make_symbol(d, k)),
            tj_make_int(d, r));
        const tj_ex *part = tj_substitute(d, settle_signs(d, value, k, r), k, k_of_j);
        if (part == NULL || !is_linear(d, &p, part, k) || !add_progression(d, out, p)) {
            return false;
        }
    }
    return true;
}

static bool add_family(tj_deciding *d, progressions *out, const tj_ex *ex);

/* The values of a family: one, a list of them, each perhaps under a name. */
static bool add_values(tj_deciding *d, progressions *out, const tj_ex *values, const char *k)
{
    if (values->kind == TJ_EX_LIST || values->kind == TJ_EX_SET) {
        for (size_t i = 0; i < values->n_args; i++) {
            if (!add_values(d, out, values->args[i], k)) {
                return false;
            }
        }
        return values->n_args > 0;
    }
    if (values->kind == TJ_EX_RELATION) {
        const tj_ex *name, *value = tj_named_answer(values, &name);
        if (value == NULL || (out->name != NULL && tj_ex_compare(out->name, name) != 0)) {
            return false;
        }
        out->name = name;
        return add_values(d, out, value, k);
    }
    return add_value(d, out, values, k);
}

static bool add_family(tj_deciding *d, progressions *out, const tj_ex *ex)
{
    if (is_congruence(ex)) {
        progression p = {.start = ex->args[1]->args[0], .period = ex->args[1]->args[1]};
        out->name = ex->args[0];
        return ex->args[0]->kind == TJ_EX_SYMBOL && add_progression(d, out, p);
    }
    if (ex->kind == TJ_EX_FAMILY) {
        const tj_ex *domain = ex->n_args == 3 ? ex->args[2] : NULL;
        return ex->n_args == 3 && ex->args[1]->kind == TJ_EX_SYMBOL &&
               domain->kind == TJ_EX_NUMBERS && domain->id == TJ_NUMBERS_INTEGER &&
               add_values(d, out, ex->args[0], ex->args[1]->text);
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        if (!add_family(d, out, ex->args[i])) {
            return false;
        }
    }
    return ex->n_args > 0;
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* *num / *den becomes the least common multiple with x; false on overflow. */
static bool lcm(tj_small *all, tj_small x)
{
    int64_t num;
    if (__builtin_mul_overflow(all->num / gcd(all->num, x.num), x.num, &num)) {
        return false;
    }
    *all = (tj_small){num, gcd(all->den, x.den)};
    return true;
}

/* Ratios to one period, and their common multiple in units of it. */
static bool find_ratios(tj_deciding *d, progressions *p, const tj_ex *unit, tj_small *common)
{
    for (size_t i = 0; i < p->n; i++) {
        const tj_ex *q = tj_make_2(d, TJ_EX_DIV, p->all[i].period, unit);
        if (q == NULL || !tj_decide_rational(d, &p->all[i].ratio, q) || p->all[i].ratio.num <= 0 ||
            !lcm(common, p->all[i].ratio)) {
            return false;
        }
    }
    return true;
}

typedef struct residues {
    size_t n;
    const tj_ex *all[TJ_DECIDE_MAX_RESIDUES];
} residues;

/* All starts of progressions of the common period. */
static bool find_residues(tj_deciding *d, residues *out, const progressions *p, tj_small common)
{
    for (size_t i = 0; i < p->n; i++) {
        tj_small r = p->all[i].ratio; /* common / r is whole */
        int64_t n_steps = common.num / r.num * (r.den / common.den);
        if (n_steps > TJ_DECIDE_MAX_RESIDUES || out->n + (size_t)n_steps > TJ_DECIDE_MAX_RESIDUES) {
            return false;
        }
        for (int64_t j = 0; j < n_steps; j++) {
            const tj_ex *shift = tj_make_2(d, TJ_EX_MUL, tj_make_int(d, j), p->all[i].period);
            out->all[out->n] =
                j == 0 ? p->all[i].start : tj_make_2(d, TJ_EX_ADD, p->all[i].start, shift);
            if (out->all[out->n++] == NULL) {
                return false;
            }
        }
    }
    return true;
}

/* Is (x - y) / period a whole number? */
static tj_verdict congruent(tj_deciding *d, const tj_ex *x, const tj_ex *y, const tj_ex *period)
{
    const char *method;
    int64_t nearest;
    const tj_ex *q = tj_make_2(d, TJ_EX_DIV, tj_make_difference(d, x, y), period);
    if (q == NULL ||
        tj_enclose_nearest(&nearest, &d->work, q, 2 * TJ_DECIDE_FIRST_PREC) != TJ_EVAL_OK) {
        return TJ_VERDICT_UNDECIDED;
    }
    switch (tj_decide_order(d, &method, q, tj_make_int(d, nearest))) {
    case TJ_ORDER_EQUAL:
        return TJ_VERDICT_EQUAL;
    case TJ_ORDER_LESS:
    case TJ_ORDER_GREATER:
        return TJ_VERDICT_DIFFERENT;
    default:
        return TJ_VERDICT_UNDECIDED;
    }
}

/* Each residue of x among those of y. */
static tj_decision within(tj_deciding *d, const residues *x, const residues *y, const tj_ex *period)
{
    for (size_t i = 0; i < x->n; i++) {
        tj_verdict found = TJ_VERDICT_DIFFERENT;
        for (size_t j = 0; j < y->n && found != TJ_VERDICT_EQUAL; j++) {
            tj_verdict one = congruent(d, x->all[i], y->all[j], period);
            found = one == TJ_VERDICT_DIFFERENT ? found : one;
        }
        if (found == TJ_VERDICT_UNDECIDED) {
            return tj_undecided("whether two values are a whole number of periods apart is not "
                                "decided");
        }
        if (found == TJ_VERDICT_DIFFERENT) {
            tj_decision out =
                tj_decided(TJ_VERDICT_DIFFERENT, "sets", "a value is in only one of the families");
            out.witness = tj_decide_text(d, x->all[i]);
            return out;
        }
    }
    return tj_decided(TJ_VERDICT_EQUAL, "sets", "the families have the same values");
}

static tj_decision decide_progressions(tj_deciding *d, progressions *p, progressions *q)
{
    tj_small common = {1, 1};
    const char *method;
    const tj_ex *unit = p->all[0].period;
    if (p->n == 1 && q->n == 1) { /* one progression each: the period is the set's own */
        tj_order order = tj_decide_order(d, &method, unit, q->all[0].period);
        if (order == TJ_ORDER_LESS || order == TJ_ORDER_GREATER) {
            return tj_decided(TJ_VERDICT_DIFFERENT, "sets", "the periods of the families differ");
        }
    }
    if (!find_ratios(d, p, unit, &common) || !find_ratios(d, q, unit, &common)) {
        return tj_undecided("the periods have no ratio that is seen to be rational");
    }
    residues *x = tj_arena_calloc(d->arena, 2, sizeof *x);
    if (x == NULL) {
        d->no_memory = true;
        return tj_undecided("");
    }
    if (!find_residues(d, &x[0], p, common) || !find_residues(d, &x[1], q, common)) {
        return tj_undecided("the families have too many values in their common period");
    }
    const tj_ex *factor =
        tj_make_2(d, TJ_EX_DIV, tj_make_int(d, common.num), tj_make_int(d, common.den));
    const tj_ex *period = tj_make_2(d, TJ_EX_MUL, unit, factor);
    tj_decision one = within(d, &x[0], &x[1], period);
    return one.verdict == TJ_VERDICT_EQUAL ? within(d, &x[1], &x[0], period) : one;
}

/* Other families are equal if they are the same function of the parameter, or of its opposite. */
static tj_decision decide_as_functions(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    tj_decision unknown = tj_undecided("whether the families have the same values is not decided");
    if (a->kind != TJ_EX_FAMILY || b->kind != TJ_EX_FAMILY || a->n_args != 3 || b->n_args != 3 ||
        a->args[1]->kind != TJ_EX_SYMBOL || b->args[1]->kind != TJ_EX_SYMBOL) {
        return unknown;
    }
    tj_decision domains = tj_decide_pair(d, a->args[2], b->args[2]);
    if (domains.verdict != TJ_VERDICT_EQUAL) {
        return unknown;
    }
    bool both_ways = a->args[2]->kind == TJ_EX_NUMBERS && a->args[2]->id != TJ_NUMBERS_NATURAL;
    const tj_ex *k = a->args[1];
    for (int way = 0; way < (both_ways ? 2 : 1); way++) {
        const tj_ex *by = way == 0 ? k : tj_make_1(d, TJ_EX_NEG, k);
        const tj_ex *renamed = tj_substitute(d, b->args[0], b->args[1]->text, by);
        tj_decision out = tj_decide_pair(d, a->args[0], renamed);
        if (out.verdict == TJ_VERDICT_EQUAL) {
            return out;
        }
    }
    return unknown;
}

tj_decision tj_decide_families(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    bool a_is = tj_is_family(a), b_is = tj_is_family(b);
    if (!a_is || !b_is) {
        const tj_ex *other = a_is ? b : a;
        const tj_ex *name, *value = tj_named_answer(other, &name);
        other = value == NULL ? other : value;
        if (tj_is_scalar(other) || other->kind == TJ_EX_INTERVAL || other->kind == TJ_EX_TUPLE) {
            return tj_decided(TJ_VERDICT_DIFFERENT, "kinds", "only one of them is a family");
        }
        bool finite = other->kind == TJ_EX_SET || other->kind == TJ_EX_LIST;
        for (size_t i = 0; i < other->n_args && finite; i++) {
            finite = tj_is_scalar(other->args[i]);
        }
        return finite ? tj_decided(TJ_VERDICT_DIFFERENT, "kinds", "only one of them is a family")
                      : tj_undecided("a family and something that is none");
    }
    progressions *p = tj_arena_calloc(d->arena, 2, sizeof *p);
    if (p == NULL) {
        d->no_memory = true;
        return tj_undecided("");
    }
    if (add_family(d, &p[0], a) && add_family(d, &p[1], b)) {
        if (p[0].name != NULL && p[1].name != NULL && tj_ex_compare(p[0].name, p[1].name) != 0) {
            return tj_decided(TJ_VERDICT_DIFFERENT, "names", "the names differ");
        }
        return decide_progressions(d, &p[0], &p[1]);
    }
    return decide_as_functions(d, a, b);
}
