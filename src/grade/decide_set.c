/* Sets by their form, and sets of reals by their formulas (decide_line.h): two sets are equal if
 * the formulas agree on all points and gaps, and one where they do not is the witness. */
#include "grade/decide_set.h"

#include <string.h>

#include "grade/decide_line.h"

bool tj_is_backward(tj_deciding *d, const tj_ex *interval)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS], *method;
    const tj_ex *low = interval->args[0], *high = interval->args[1];
    size_t n = 0;
    if (!tj_is_scalar(low) || !tj_is_scalar(high) || !tj_free_symbols(interval, names, &n) ||
        n > 0 || tj_has_kind(interval, TJ_EX_APPLY)) {
        return false;
    }
    tj_order order = tj_decide_order(d, &method, low, high);
    return order == TJ_ORDER_GREATER || order == TJ_ORDER_UNEQUAL ||
           (order == TJ_ORDER_EQUAL && interval->id != 0);
}

static const tj_formula *interval(tj_line *l, const tj_ex *ex)
{
    const tj_ex *low = ex->args[0], *high = ex->args[1];
    const tj_formula *from, *to;
    l->slip = l->slip || tj_is_backward(l->d, ex);
    if (tj_infinity_sign(low) != 0) {
        from =
            tj_line_make(l, tj_infinity_sign(low) < 0 ? TJ_LINE_ALL : TJ_LINE_NONE, 0, NULL, NULL);
    } else {
        from = (ex->id & TJ_EX_OPEN_LOW) != 0
                   ? tj_line_against(l, TJ_LINE_ABOVE, low)
                   : tj_line_negate(l, tj_line_against(l, TJ_LINE_BELOW, low));
    }
    if (tj_infinity_sign(high) != 0) {
        to =
            tj_line_make(l, tj_infinity_sign(high) > 0 ? TJ_LINE_ALL : TJ_LINE_NONE, 0, NULL, NULL);
    } else {
        to = (ex->id & TJ_EX_OPEN_HIGH) != 0
                 ? tj_line_against(l, TJ_LINE_BELOW, high)
                 : tj_line_negate(l, tj_line_against(l, TJ_LINE_ABOVE, high));
    }
    return tj_line_both(l, TJ_LINE_AND, from, to);
}

static const tj_formula *joined(tj_line *l, const tj_ex *ex, tj_line_rule r)
{
    const tj_formula *all =
        tj_line_make(l, r == TJ_LINE_OR ? TJ_LINE_NONE : TJ_LINE_ALL, 0, NULL, NULL);
    for (size_t i = 0; i < ex->n_args && all != NULL; i++) {
        all = tj_line_both(l, r, all, tj_line_read(l, ex->args[i]));
    }
    return all;
}

/* A set or list: of values, or of sets. */
static const tj_formula *listed(tj_line *l, const tj_ex *ex)
{
    const tj_formula *all = tj_line_make(l, TJ_LINE_NONE, 0, NULL, NULL);
    for (size_t i = 0; i < ex->n_args && all != NULL; i++) {
        const tj_ex *arg = ex->args[i];
        all = tj_line_both(l, TJ_LINE_OR, all,
                           tj_is_scalar(arg) ? tj_line_against(l, TJ_LINE_AT, arg)
                                             : tj_line_read(l, arg));
    }
    return all;
}

/* {x : condition}. */
static const tj_formula *where(tj_line *l, const tj_ex *ex)
{
    if (ex->args[0]->kind == TJ_EX_RELATION) { /* {x in R : x > 3} */
        return tj_line_both(l, TJ_LINE_AND, tj_line_read(l, ex->args[0]),
                            tj_line_read(l, ex->args[1]));
    }
    if (ex->args[0]->kind != TJ_EX_SYMBOL ||
        (l->letter != NULL && strcmp(l->letter, ex->args[0]->text) != 0)) {
        return NULL;
    }
    l->letter = ex->args[0]->text;
    return tj_line_read(l, ex->args[1]);
}

const tj_formula *tj_line_read(tj_line *l, const tj_ex *ex)
{
    if (!tj_work_spend(&l->d->work, 300)) {
        return NULL;
    }
    switch (ex->kind) {
    case TJ_EX_INTERVAL:
        return interval(l, ex);
    case TJ_EX_NUMBERS:
        return ex->id == TJ_NUMBERS_REAL ? tj_line_make(l, TJ_LINE_ALL, 0, NULL, NULL) : NULL;
    case TJ_EX_UNION:
        return joined(l, ex, TJ_LINE_OR);
    case TJ_EX_INTERSECTION:
    case TJ_EX_AND:
        return joined(l, ex, TJ_LINE_AND);
    case TJ_EX_DIFFERENCE:
        return tj_line_both(l, TJ_LINE_AND, tj_line_read(l, ex->args[0]),
                            tj_line_negate(l, tj_line_read(l, ex->args[1])));
    case TJ_EX_SET:
    case TJ_EX_LIST:
        return listed(l, ex);
    case TJ_EX_RELATION:
        return tj_line_condition(l, ex);
    case TJ_EX_WHERE:
        return where(l, ex);
    default:
        return NULL;
    }
}

static const char *cell_text(tj_deciding *d, const tj_line *l,
                             const tj_ex *const sorted[TJ_DECIDE_MAX_ENDS], size_t c)
{
    size_t r = c / 2;
    if (c % 2 == 1) {
        return tj_decide_say(d, "%s is in only one of them", tj_decide_text(d, sorted[r]));
    }
    if (l->n_ranks == 0) {
        return "one has all numbers, the other none";
    }
    if (r == 0) {
        return tj_decide_say(d, "numbers below %s are in only one of them",
                             tj_decide_text(d, sorted[0]));
    }
    if (r == l->n_ranks) {
        return tj_decide_say(d, "numbers above %s are in only one of them",
                             tj_decide_text(d, sorted[r - 1]));
    }
    return tj_decide_say(d, "numbers between %s and %s are in only one of them",
                         tj_decide_text(d, sorted[r - 1]), tj_decide_text(d, sorted[r]));
}

bool tj_decide_real_sets(tj_decision *out, tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    tj_line l = {.d = d};
    const tj_ex *sorted[TJ_DECIDE_MAX_ENDS];
    const tj_formula *f = tj_line_read(&l, a);
    if (!tj_is_condition(a) || !tj_is_condition(b)) { /* two conditions must be about one letter */
        l.letter = NULL;
    }
    const tj_formula *g = f == NULL ? NULL : tj_line_read(&l, b);
    if (g == NULL || !tj_line_sort(&l, sorted)) {
        return false;
    }
    for (size_t c = 0; c <= 2 * l.n_ranks; c++) {
        if (tj_line_holds(&l, f, c) != tj_line_holds(&l, g, c)) {
            *out = tj_decided(TJ_VERDICT_DIFFERENT, "sets", "a number is in only one of them");
            out->witness = cell_text(d, &l, sorted, c);
            return true;
        }
    }
    *out = l.slip ? tj_undecided("an interval has its ends in the wrong order")
                  : tj_decided(TJ_VERDICT_EQUAL, "sets", "both hold the same numbers");
    return true;
}

bool tj_is_set_like(const tj_ex *ex)
{
    switch (ex->kind) {
    case TJ_EX_NUMBERS:
    case TJ_EX_INTERVAL:
    case TJ_EX_UNION:
    case TJ_EX_INTERSECTION:
    case TJ_EX_DIFFERENCE:
    case TJ_EX_WHERE:
        return true;
    default:
        return false;
    }
}

static bool is_inequality(const tj_ex *ex)
{
    if (ex->kind != TJ_EX_RELATION) {
        return false;
    }
    for (size_t i = 0; i + 1 < ex->n_args; i++) {
        if (ex->rels[i] >= TJ_REL_NE && ex->rels[i] <= TJ_REL_GE) {
            return true;
        }
    }
    return false;
}

bool tj_is_condition(const tj_ex *ex)
{
    if (ex->kind != TJ_EX_AND && ex->kind != TJ_EX_LIST) {
        return is_inequality(ex);
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        if (is_inequality(ex->args[i]) ||
            (ex->args[i]->kind == TJ_EX_AND && tj_is_condition(ex->args[i]))) {
            return true;
        }
    }
    return false;
}

/* Ends that are roundings, or hold letters: one by one. */
static tj_decision decide_intervals(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    tj_decision ends = tj_decide_weaker(tj_decide_pair(d, a->args[0], b->args[0]),
                                        tj_decide_pair(d, a->args[1], b->args[1]));
    if (ends.verdict == TJ_VERDICT_EQUAL && a->id != b->id) {
        return tj_decided(TJ_VERDICT_DIFFERENT, "sets", "an end is in only one of them");
    }
    return ends;
}

tj_decision tj_decide_sets(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    if (a->kind == TJ_EX_INTERVAL && b->kind == TJ_EX_INTERVAL) {
        return decide_intervals(d, a, b);
    }
    if (a->kind == TJ_EX_NUMBERS && b->kind == TJ_EX_NUMBERS) {
        return a->id == b->id
                   ? tj_decided(TJ_VERDICT_EQUAL, "same form", "both are the same set")
                   : tj_decided(TJ_VERDICT_DIFFERENT, "sets", "the sets of numbers differ");
    }
    bool a_only = a->kind == TJ_EX_NUMBERS && (b->kind == TJ_EX_INTERVAL || b->kind == TJ_EX_SET);
    bool b_only = b->kind == TJ_EX_NUMBERS && (a->kind == TJ_EX_INTERVAL || a->kind == TJ_EX_SET);
    if (a_only || b_only) {
        return tj_decided(TJ_VERDICT_DIFFERENT, "sets", "the sets of numbers differ");
    }
    if (a->kind == b->kind && a->n_args == b->n_args && a->n_args > 0) {
        tj_decision parts = tj_undecided("the sets are not of a kind that can be compared");
        bool ordered = a->kind == TJ_EX_DIFFERENCE || a->kind == TJ_EX_WHERE;
        tj_decision all = tj_decided(TJ_VERDICT_EQUAL, "same form", "the parts are equal");
        for (size_t i = 0; i < a->n_args && ordered; i++) {
            all = tj_decide_weaker(all, tj_decide_pair(d, a->args[i], b->args[i]));
        }
        return ordered && all.verdict == TJ_VERDICT_EQUAL ? all : parts;
    }
    return tj_undecided("the sets are not of a kind that can be compared");
}
