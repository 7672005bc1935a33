/* Sets by their form, and sets of reals by their formulas (decide_line.h): two sets are equal if
 * the formulas agree on all points and gaps, and one where they do not is the witness. */
#include "grade/decide_set.h"

#include <string.h>

#include "grade/decide_line.h"
#include "grade/enclose.h"

/* Whole numbers of a bounded set that are listed. */
#define MAX_LISTED 64

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

/* The cell of the line that a whole number lies in; false if its order is not known. */
static bool find_cell(tj_deciding *d, const tj_line *l,
                      const tj_ex *const sorted[TJ_DECIDE_MAX_ENDS], int64_t value, size_t *cell)
{
    const char *method;
    for (size_t r = 0; r < l->n_ranks; r++) {
        tj_order order = tj_decide_order(d, &method, tj_make_int(d, value), sorted[r]);
        if (order == TJ_ORDER_LESS || order == TJ_ORDER_EQUAL) {
            *cell = 2 * r + (order == TJ_ORDER_EQUAL);
            return true;
        }
        if (order != TJ_ORDER_GREATER) {
            return false;
        }
    }
    *cell = 2 * l->n_ranks;
    return true;
}

const tj_ex *tj_list_integers(tj_deciding *d, const tj_ex *ex)
{
    if (ex->kind != TJ_EX_WHERE || ex->args[0]->kind != TJ_EX_RELATION ||
        ex->args[0]->rels[0] != TJ_REL_IN || ex->args[0]->args[0]->kind != TJ_EX_SYMBOL ||
        ex->args[0]->args[1]->kind != TJ_EX_NUMBERS) {
        return ex;
    }
    int32_t domain = ex->args[0]->args[1]->id;
    tj_line l = {.d = d, .letter = ex->args[0]->args[0]->text};
    const tj_ex *sorted[TJ_DECIDE_MAX_ENDS], *values[MAX_LISTED];
    int64_t low, high;
    size_t n = 0, cell;
    const tj_formula *f = tj_line_read(&l, ex->args[1]);
    if ((domain != TJ_NUMBERS_INTEGER && domain != TJ_NUMBERS_NATURAL) || f == NULL ||
        !tj_line_sort(&l, sorted) || l.n_ranks == 0 || tj_line_holds(&l, f, 0) ||
        tj_line_holds(&l, f, 2 * l.n_ranks) ||
        tj_enclose_nearest(&low, &d->work, sorted[0], TJ_DECIDE_FIRST_PREC) != TJ_EVAL_OK ||
        tj_enclose_nearest(&high, &d->work, sorted[l.n_ranks - 1], TJ_DECIDE_FIRST_PREC) !=
            TJ_EVAL_OK ||
        high - low > MAX_LISTED - 3) {
        return ex;
    }
    for (int64_t value = low - 1; value <= high + 1; value++) {
        if (!find_cell(d, &l, sorted, value, &cell)) {
            return ex;
        }
        if (tj_line_holds(&l, f, cell) && (value > 0 || domain == TJ_NUMBERS_INTEGER)) {
            values[n++] = tj_make_int(d, value);
        }
    }
    const tj_ex like = {.kind = TJ_EX_SET};
    return tj_make_like(d, &like, values, n);
}

bool tj_is_set_like(const tj_ex *ex)
{
    switch (ex->kind) {
    case TJ_EX_NUMBERS:
    case TJ_EX_INTERVAL:
    case TJ_EX_UNION:
    case TJ_EX_INTERSECTION:
    case TJ_EX_DIFFERENCE:
        return true;
    case TJ_EX_WHERE: /* {x : x > 3}, {x in R : x > 3} */
        return ex->args[0]->kind == TJ_EX_SYMBOL ||
               (ex->args[0]->kind == TJ_EX_RELATION && ex->args[0]->rels[0] == TJ_REL_IN);
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
    const tj_ex *set = a->kind == TJ_EX_SET ? a : b, *other = set == a ? b : a;
    if (set->kind == TJ_EX_SET && set->n_args > 0 && other->kind == TJ_EX_INTERVAL &&
        other->id == (TJ_EX_OPEN_LOW | TJ_EX_OPEN_HIGH)) { /* {a, b}, (a, b) */
        return tj_decided(TJ_VERDICT_DIFFERENT, "sets", "only one of them is finite");
    }
    if (a->kind == b->kind && a->n_args == b->n_args && a->n_args > 0) {
        tj_decision parts = tj_undecided("the sets are not of a kind that can be compared");
        bool ordered = a->kind == TJ_EX_DIFFERENCE;
        tj_decision all = tj_decided(TJ_VERDICT_EQUAL, "same form", "the parts are equal");
        for (size_t i = 0; i < a->n_args && ordered; i++) {
            all = tj_decide_weaker(all, tj_decide_pair(d, a->args[i], b->args[i]));
        }
        return ordered && all.verdict == TJ_VERDICT_EQUAL ? all : parts;
    }
    return tj_undecided("the sets are not of a kind that can be compared");
}

tj_decision tj_decide_conditional(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    bool a_is = a->kind == TJ_EX_WHERE, b_is = b->kind == TJ_EX_WHERE;
    tj_decision values = tj_decide_pair(d, a_is ? a->args[0] : a, b_is ? b->args[0] : b);
    if (!a_is || !b_is) {
        return values.verdict == TJ_VERDICT_DIFFERENT ? values
                                                      : tj_undecided("only one has a condition");
    }
    tj_decision both = tj_decide_weaker(values, tj_decide_pair(d, a->args[1], b->args[1]));
    return both.verdict == TJ_VERDICT_EQUAL
               ? both
               : tj_undecided("other values under other conditions may be the same set");
}
