/* A set of reals is a formula over comparisons of its element with numbers, its ends:
 *
 *     [1, 2) u {3}      x >= 1 and x < 2 or x = 3
 *
 * The ends of both sets together are sorted exactly; they cut the line into points and gaps on each
 * of which both formulas are constant. The sets are equal if the formulas agree on all of them, and
 * one where they do not is the witness. */
#include "grade/decide_set.h"

#include <string.h>

typedef enum rule {
    ALL,   /* every real */
    NONE,  /* no real */
    BELOW, /* x < ends[end] */
    AT,    /* x = ends[end] */
    ABOVE,
    NOT, /* of left */
    AND, /* of left and right */
    OR
} rule;

typedef struct formula formula;
struct formula {
    rule rule;
    size_t end;
    const formula *left, *right;
};

typedef struct line {
    tj_deciding *d;
    size_t n_ends;
    const tj_ex *ends[TJ_DECIDE_MAX_ENDS];
    size_t rank[TJ_DECIDE_MAX_ENDS]; /* place in the order; equal ends have equal ranks */
    size_t n_ranks;
    const char *letter; /* of the conditions; NULL if there are none yet */
    size_t depth;       /* of negations and expansions that are under way */
} line;

static const formula *make(line *l, rule r, size_t end, const formula *left, const formula *right)
{
    formula *f = tj_arena_calloc(l->d->arena, 1, sizeof *f);
    if (f == NULL) {
        l->d->no_memory = true;
        return NULL;
    }
    *f = (formula){r, end, left, right};
    return f;
}

static const formula *both(line *l, rule r, const formula *left, const formula *right)
{
    return left == NULL || right == NULL ? NULL : make(l, r, 0, left, right);
}

static const formula *negate(line *l, const formula *f)
{
    return f == NULL ? NULL : make(l, NOT, 0, f, NULL);
}

/* x against a constant. */
static const formula *against(line *l, rule r, const tj_ex *value)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    if (value == NULL || !tj_is_scalar(value) || !tj_free_symbols(value, names, &n) || n > 0 ||
        tj_has_kind(value, TJ_EX_APPLY) || l->n_ends == TJ_DECIDE_MAX_ENDS) {
        return NULL;
    }
    l->ends[l->n_ends] = value;
    return make(l, r, l->n_ends++, NULL, NULL);
}

static int infinity_sign(const tj_ex *ex)
{
    if (ex->kind == TJ_EX_NEG) {
        return -infinity_sign(ex->args[0]);
    }
    return ex->kind == TJ_EX_CONST && ex->id == TJ_CONST_INFINITY;
}

static const formula *interval(line *l, const tj_ex *ex)
{
    const tj_ex *low = ex->args[0], *high = ex->args[1];
    const formula *from, *to;
    if (infinity_sign(low) != 0) {
        from = make(l, infinity_sign(low) < 0 ? ALL : NONE, 0, NULL, NULL);
    } else {
        from = (ex->id & TJ_EX_OPEN_LOW) != 0 ? against(l, ABOVE, low)
                                              : negate(l, against(l, BELOW, low));
    }
    if (infinity_sign(high) != 0) {
        to = make(l, infinity_sign(high) > 0 ? ALL : NONE, 0, NULL, NULL);
    } else {
        to = (ex->id & TJ_EX_OPEN_HIGH) != 0 ? against(l, BELOW, high)
                                             : negate(l, against(l, ABOVE, high));
    }
    return both(l, AND, from, to);
}

static const formula *from_tree(line *l, const tj_ex *ex);

static const formula *joined(line *l, const tj_ex *ex, rule r)
{
    const formula *all = make(l, r == OR ? NONE : ALL, 0, NULL, NULL);
    for (size_t i = 0; i < ex->n_args && all != NULL; i++) {
        all = both(l, r, all, from_tree(l, ex->args[i]));
    }
    return all;
}

/* A set or list: of values, or of sets. */
static const formula *listed(line *l, const tj_ex *ex)
{
    const formula *all = make(l, NONE, 0, NULL, NULL);
    for (size_t i = 0; i < ex->n_args && all != NULL; i++) {
        const tj_ex *arg = ex->args[i];
        all = both(l, OR, all, tj_is_scalar(arg) ? against(l, AT, arg) : from_tree(l, arg));
    }
    return all;
}

/* ---- conditions ---- */

/* value < 0, <= 0, = 0 and so on, for a constant. */
static const formula *constant_sign(line *l, tj_ex_rel rel, const tj_ex *value)
{
    const char *method;
    tj_order order = tj_decide_order(l->d, &method, value, tj_make_int(l->d, 0));
    bool less = order == TJ_ORDER_LESS, equal = order == TJ_ORDER_EQUAL;
    if (!less && !equal && order != TJ_ORDER_GREATER) {
        return NULL;
    }
    bool holds = rel == TJ_REL_LT   ? less
                 : rel == TJ_REL_LE ? less || equal
                 : rel == TJ_REL_GT ? !less && !equal
                 : rel == TJ_REL_GE ? !less
                 : rel == TJ_REL_EQ ? equal
                                    : !equal;
    return make(l, holds ? ALL : NONE, 0, NULL, NULL);
}

/* p(x) R 0 from: p < 0 and p = 0. */
static const formula *by_sign(line *l, tj_ex_rel rel, const formula *negative,
                              const formula *zero)
{
    switch (rel) {
    case TJ_REL_LT:
        return negative;
    case TJ_REL_LE:
        return both(l, OR, negative, zero);
    case TJ_REL_GT:
        return negate(l, both(l, OR, negative, zero));
    case TJ_REL_GE:
        return negate(l, negative);
    case TJ_REL_EQ:
        return zero;
    case TJ_REL_NE:
        return negate(l, zero);
    default:
        return NULL;
    }
}

/* c1 x + c0 R 0 with c1 of known sign. */
static const formula *linear(line *l, tj_ex_rel rel, const tj_ex *c0, const tj_ex *c1, int sign)
{
    tj_deciding *d = l->d;
    const tj_ex *root = tj_make_1(d, TJ_EX_NEG, tj_make_2(d, TJ_EX_DIV, c0, c1));
    return by_sign(l, rel, against(l, sign > 0 ? BELOW : ABOVE, root), against(l, AT, root));
}

/* c2 x^2 + c1 x + c0 R 0: the roots are (-c1 +- sqrt(c1^2 - 4 c2 c0)) / (2 c2). */
static const formula *quadratic(line *l, tj_ex_rel rel, const tj_ex *c0, const tj_ex *c1,
                                const tj_ex *c2, int sign)
{
    tj_deciding *d = l->d;
    const char *method;
    const tj_ex *four = tj_make_2(d, TJ_EX_MUL, tj_make_int(d, 4), tj_make_2(d, TJ_EX_MUL, c2, c0));
    const tj_ex *under = tj_make_difference(d, tj_make_2(d, TJ_EX_MUL, c1, c1), four);
    if (under == NULL) {
        return NULL;
    }
    tj_order order = tj_decide_order(d, &method, under, tj_make_int(d, 0));
    if (order == TJ_ORDER_LESS) { /* no root: the sign of c2 everywhere */
        return by_sign(l, rel, make(l, sign < 0 ? ALL : NONE, 0, NULL, NULL),
                       make(l, NONE, 0, NULL, NULL));
    }
    if (order != TJ_ORDER_GREATER && order != TJ_ORDER_EQUAL) {
        return NULL;
    }
    const tj_ex *s = tj_make_call(d, TJ_FN_SQRT, under, NULL);
    const tj_ex *minus = tj_make_1(d, TJ_EX_NEG, c1);
    const tj_ex *twice = tj_make_2(d, TJ_EX_MUL, tj_make_int(d, 2), c2);
    const tj_ex *u = tj_make_2(d, TJ_EX_DIV, tj_make_difference(d, minus, s), twice);
    const tj_ex *v = tj_make_2(d, TJ_EX_DIV, tj_make_2(d, TJ_EX_ADD, minus, s), twice);
    const tj_ex *low = sign > 0 ? u : v, *high = sign > 0 ? v : u;
    const formula *between = both(l, AND, against(l, ABOVE, low), against(l, BELOW, high));
    const formula *at = both(l, OR, against(l, AT, low), against(l, AT, high));
    const formula *negative = sign > 0 ? between : negate(l, both(l, OR, between, at));
    return by_sign(l, rel, negative, at);
}

/* p R 0 for a polynomial p of degree 2 at the most: its coefficients are found from its values at
 * 0, 1 and -1, and proved by the normal form. */
static const formula *polynomial(line *l, tj_ex_rel rel, const tj_ex *p)
{
    tj_deciding *d = l->d;
    const char *x = l->letter;
    if (!tj_has_symbol(p, x)) {
        return constant_sign(l, rel, p);
    }
    const tj_ex *c0 = tj_substitute(d, p, x, tj_make_int(d, 0));
    const tj_ex *up = tj_substitute(d, p, x, tj_make_int(d, 1));
    const tj_ex *down = tj_substitute(d, p, x, tj_make_int(d, -1));
    const tj_ex *half = tj_make_2(d, TJ_EX_DIV, tj_make_int(d, 1), tj_make_int(d, 2));
    const tj_ex *c1 = tj_make_2(d, TJ_EX_MUL, half, tj_make_difference(d, up, down));
    const tj_ex *c2 = tj_make_difference(
        d, tj_make_2(d, TJ_EX_MUL, half, tj_make_2(d, TJ_EX_ADD, up, down)), c0);
    tj_ex *letter = tj_ex_new(d->arena, TJ_EX_SYMBOL, 0);
    if (letter == NULL) {
        d->no_memory = true;
        return NULL;
    }
    letter->text = x;
    const tj_ex *inner = tj_make_2(d, TJ_EX_ADD, c1, tj_make_2(d, TJ_EX_MUL, c2, letter));
    const tj_ex *form = tj_make_2(d, TJ_EX_ADD, c0, tj_make_2(d, TJ_EX_MUL, letter, inner));
    if (!tj_decide_identical(d, p, form)) {
        return NULL;
    }
    const char *method;
    const tj_ex *zero = tj_make_int(d, 0);
    tj_order second = tj_decide_order(d, &method, c2, zero);
    if (second == TJ_ORDER_LESS || second == TJ_ORDER_GREATER) {
        return quadratic(l, rel, c0, c1, c2, second == TJ_ORDER_LESS ? -1 : 1);
    }
    tj_order first = tj_decide_order(d, &method, c1, zero);
    if (second != TJ_ORDER_EQUAL || (first != TJ_ORDER_LESS && first != TJ_ORDER_GREATER)) {
        return second == TJ_ORDER_EQUAL && first == TJ_ORDER_EQUAL ? constant_sign(l, rel, c0)
                                                                   : NULL;
    }
    return linear(l, rel, c0, c1, first == TJ_ORDER_LESS ? -1 : 1);
}

static tj_ex_rel turned(tj_ex_rel rel)
{
    switch (rel) {
    case TJ_REL_LT:
        return TJ_REL_GT;
    case TJ_REL_LE:
        return TJ_REL_GE;
    case TJ_REL_GT:
        return TJ_REL_LT;
    case TJ_REL_GE:
        return TJ_REL_LE;
    default:
        return rel;
    }
}

static const formula *compare(line *l, const tj_ex *u, tj_ex_rel rel, const tj_ex *v);

/* |u| < v is u < v and -v < u; |u| > v is u > v or u < -v. */
static const formula *absolute(line *l, const tj_ex *u, tj_ex_rel rel, const tj_ex *v)
{
    const tj_ex *minus = tj_make_1(l->d, TJ_EX_NEG, v);
    const formula *one = compare(l, u, rel, v);
    const formula *other = compare(l, u, turned(rel), minus);
    bool inside = rel == TJ_REL_LT || rel == TJ_REL_LE || rel == TJ_REL_NE;
    return both(l, inside ? AND : OR, one, other);
}

static bool is_absolute(const line *l, const tj_ex *ex)
{
    return ex->kind == TJ_EX_CALL && ex->id == TJ_FN_ABS && tj_has_symbol(ex, l->letter);
}

/* u R v as a condition on the letter. */
static const formula *compare(line *l, const tj_ex *u, tj_ex_rel rel, const tj_ex *v)
{
    if (u == NULL || v == NULL || !tj_is_scalar(u) || !tj_is_scalar(v) || l->depth > 4) {
        return NULL;
    }
    int low = infinity_sign(u), high = infinity_sign(v);
    if (low != 0 || high != 0) { /* -infinity < x: always */
        bool strict = rel == TJ_REL_LT || rel == TJ_REL_LE;
        bool holds = strict ? low < 0 || high > 0 : low > 0 || high < 0;
        return rel == TJ_REL_EQ || rel == TJ_REL_NE || (low != 0 && high != 0)
                   ? NULL
                   : make(l, holds ? ALL : NONE, 0, NULL, NULL);
    }
    l->depth++;
    const formula *f;
    if (is_absolute(l, u) && !tj_has_symbol(v, l->letter)) {
        f = absolute(l, u->args[0], rel, v);
    } else if (is_absolute(l, v) && !tj_has_symbol(u, l->letter)) {
        f = absolute(l, v->args[0], turned(rel), u);
    } else {
        f = polynomial(l, rel, tj_make_difference(l->d, u, v));
    }
    l->depth--;
    return f;
}

/* The letter of conditions: all must be about the same one. */
static bool is_about_one(line *l, const tj_ex *ex)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    if (!tj_free_symbols(ex, names, &n) || n > 1 || tj_has_kind(ex, TJ_EX_APPLY)) {
        return false;
    }
    if (n == 1 && l->letter == NULL) {
        l->letter = names[0];
    }
    return n == 0 || strcmp(names[0], l->letter) == 0;
}

static const formula *relation(line *l, const tj_ex *ex)
{
    if (!is_about_one(l, ex) || l->letter == NULL) {
        return NULL;
    }
    const formula *all = make(l, ALL, 0, NULL, NULL);
    for (size_t i = 0; i + 1 < ex->n_args && all != NULL; i++) {
        const formula *one = NULL;
        if (ex->rels[i] == TJ_REL_IN) {
            one = ex->args[i]->kind == TJ_EX_SYMBOL ? from_tree(l, ex->args[i + 1]) : NULL;
        } else if (ex->rels[i] <= TJ_REL_GE) {
            one = compare(l, ex->args[i], ex->rels[i], ex->args[i + 1]);
        }
        all = both(l, AND, all, one);
    }
    return all;
}

/* {x : condition}. */
static const formula *where(line *l, const tj_ex *ex)
{
    if (ex->args[0]->kind == TJ_EX_RELATION) { /* {x in R : x > 3} */
        return both(l, AND, from_tree(l, ex->args[0]), from_tree(l, ex->args[1]));
    }
    if (ex->args[0]->kind != TJ_EX_SYMBOL ||
        (l->letter != NULL && strcmp(l->letter, ex->args[0]->text) != 0)) {
        return NULL;
    }
    l->letter = ex->args[0]->text;
    return from_tree(l, ex->args[1]);
}

static const formula *from_tree(line *l, const tj_ex *ex)
{
    if (!tj_work_spend(&l->d->work, 300)) {
        return NULL;
    }
    switch (ex->kind) {
    case TJ_EX_INTERVAL:
        return interval(l, ex);
    case TJ_EX_NUMBERS:
        return ex->id == TJ_NUMBERS_REAL ? make(l, ALL, 0, NULL, NULL) : NULL;
    case TJ_EX_UNION:
        return joined(l, ex, OR);
    case TJ_EX_INTERSECTION:
    case TJ_EX_AND:
        return joined(l, ex, AND);
    case TJ_EX_DIFFERENCE:
        return both(l, AND, from_tree(l, ex->args[0]), negate(l, from_tree(l, ex->args[1])));
    case TJ_EX_SET:
    case TJ_EX_LIST:
        return listed(l, ex);
    case TJ_EX_RELATION:
        return relation(l, ex);
    case TJ_EX_WHERE:
        return where(l, ex);
    default:
        return NULL;
    }
}

/* ---- comparing ---- */

/* Sorts the ends by insertion; false if an order is not known. */
static bool sort_ends(line *l, const tj_ex *sorted[TJ_DECIDE_MAX_ENDS])
{
    const char *method;
    for (size_t i = 0; i < l->n_ends; i++) {
        size_t at = 0;
        tj_order order = TJ_ORDER_GREATER;
        for (; at < l->n_ranks; at++) {
            order = tj_decide_order(l->d, &method, l->ends[i], sorted[at]);
            if (order == TJ_ORDER_LESS || order == TJ_ORDER_EQUAL) {
                break;
            }
            if (order != TJ_ORDER_GREATER) {
                return false;
            }
        }
        if (at == l->n_ranks || order == TJ_ORDER_LESS) {
            memmove(sorted + at + 1, sorted + at, (l->n_ranks - at) * sizeof *sorted);
            sorted[at] = l->ends[i];
            l->n_ranks++;
            for (size_t k = 0; k < i; k++) {
                l->rank[k] += l->rank[k] >= at;
            }
        }
        l->rank[i] = at;
    }
    return true;
}

/* The formula on cell number c: cell 2r + 1 is the end of rank r, cell 2r the gap below it. */
static bool holds(const line *l, const formula *f, size_t c)
{
    size_t at = 2 * l->rank[f->end] + 1;
    switch (f->rule) {
    case ALL:
        return true;
    case NONE:
        return false;
    case BELOW:
        return c < at;
    case AT:
        return c == at;
    case ABOVE:
        return c > at;
    case NOT:
        return !holds(l, f->left, c);
    case AND:
        return holds(l, f->left, c) && holds(l, f->right, c);
    default:
        return holds(l, f->left, c) || holds(l, f->right, c);
    }
}

static const char *cell_text(tj_deciding *d, const line *l,
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
    line l = {.d = d};
    const tj_ex *sorted[TJ_DECIDE_MAX_ENDS];
    const formula *f = from_tree(&l, a);
    if (!tj_is_condition(a) || !tj_is_condition(b)) { /* two conditions must be about one letter */
        l.letter = NULL;
    }
    const formula *g = f == NULL ? NULL : from_tree(&l, b);
    if (g == NULL || !sort_ends(&l, sorted)) {
        return false;
    }
    for (size_t c = 0; c <= 2 * l.n_ranks; c++) {
        if (holds(&l, f, c) != holds(&l, g, c)) {
            *out = tj_decided(TJ_VERDICT_DIFFERENT, "sets", "a number is in only one of them");
            out->witness = cell_text(d, &l, sorted, c);
            return true;
        }
    }
    *out = tj_decided(TJ_VERDICT_EQUAL, "sets", "both hold the same numbers");
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
        if (is_inequality(ex->args[i]) || (ex->args[i]->kind == TJ_EX_AND &&
                                           tj_is_condition(ex->args[i]))) {
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
