/* Statements (docs/grader.md, "Equations", "Inequalities"). A name on the left may be left out, so
 * most equations come down to values; others are compared up to a constant factor. Conditions on
 * one letter are sets (decide_set.c) and have been tried before. */
#include "grade/decide_relation.h"

#include <string.h>

#include "grade/decide_set.h"
#include "grade/decide_structure.h"
#include "grade/ratfun.h"

bool tj_is_statement(const tj_ex *ex)
{
    return ex->kind == TJ_EX_RELATION || ex->kind == TJ_EX_AND;
}

/* x, f(x), (x, y). */
static bool is_name(const tj_ex *ex)
{
    if (ex->kind == TJ_EX_TUPLE) {
        for (size_t i = 0; i < ex->n_args; i++) {
            if (ex->args[i]->kind != TJ_EX_SYMBOL) {
                return false;
            }
        }
        return true;
    }
    return ex->kind == TJ_EX_SYMBOL || ex->kind == TJ_EX_APPLY || ex->kind == TJ_EX_TEXT;
}

/* Does the value speak of what it is to be the value of? */
static bool mentions(const tj_ex *value, const tj_ex *name)
{
    if (name->kind == TJ_EX_SYMBOL) {
        return tj_has_symbol(value, name->text);
    }
    if (value->kind == TJ_EX_APPLY && name->kind == TJ_EX_APPLY &&
        strcmp(value->text, name->text) == 0) {
        return true;
    }
    for (size_t i = 0; i < (name->kind == TJ_EX_TUPLE ? name->n_args : value->n_args); i++) {
        if (name->kind == TJ_EX_TUPLE ? mentions(value, name->args[i])
                                      : mentions(value->args[i], name)) {
            return true;
        }
    }
    return false;
}

static bool all_signs_are(const tj_ex *ex, tj_ex_rel rel, tj_ex_rel or_rel)
{
    for (size_t i = 0; i + 1 < ex->n_args; i++) {
        if (ex->rels[i] != rel && ex->rels[i] != or_rel) {
            return false;
        }
    }
    return true;
}

const tj_ex *tj_named_answer(tj_deciding *d, const tj_ex *ex, const tj_ex **name)
{
    (void)d;
    if (ex->kind != TJ_EX_RELATION || ex->n_args < 2) {
        return NULL;
    }
    const tj_ex *first = ex->args[0], *last = ex->args[ex->n_args - 1];
    bool is_in = ex->n_args == 2 && ex->rels[0] == TJ_REL_IN;
    if (!is_in && !all_signs_are(ex, TJ_REL_EQ, TJ_REL_APPROX)) {
        return NULL;
    }
    if (is_name(first) && !mentions(last, first)) {
        *name = first;
        return last;
    }
    if (!is_in && ex->n_args == 2 && is_name(last) && !mentions(first, last)) {
        *name = last;
        return first;
    }
    return NULL;
}

static bool is_constant(const tj_ex *ex)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    return tj_free_symbols(ex, names, &n) && n == 0 && !tj_has_kind(ex, TJ_EX_APPLY);
}

/* ---- equations ---- */

static const tj_ex *sides_apart(tj_deciding *d, const tj_ex *ex)
{
    return tj_make_difference(d, ex->args[0], ex->args[1]);
}

/* Are f and g one function but for a constant factor, as far as points tell? f(x) g(p) = g(x) f(p)
 * at a fixed point p. */
static bool proportional_at_points(tj_deciding *d, const tj_ex *f, const tj_ex *g)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    if (!tj_free_symbols(f, names, &n) || !tj_free_symbols(g, names, &n)) {
        return false;
    }
    const tj_ex *f_at = f, *g_at = g;
    for (size_t i = 0; i < n; i++) {
        const tj_ex *value = tj_make_2(d, TJ_EX_DIV, tj_make_int(d, 7 + 4 * (int64_t)i),
                                       tj_make_int(d, 5));
        f_at = tj_substitute(d, f_at, names[i], value);
        g_at = tj_substitute(d, g_at, names[i], value);
    }
    const tj_ex *left = tj_make_2(d, TJ_EX_MUL, f, g_at), *right = tj_make_2(d, TJ_EX_MUL, g, f_at);
    if (left == NULL || right == NULL) {
        return false;
    }
    const char *method;
    const tj_ex *zero = tj_make_int(d, 0);
    tj_order u = tj_decide_order(d, &method, f_at, zero);
    tj_order v = tj_decide_order(d, &method, g_at, zero);
    return (u == TJ_ORDER_LESS || u == TJ_ORDER_GREATER) &&
           (v == TJ_ORDER_LESS || v == TJ_ORDER_GREATER) &&
           tj_decide_functions(d, left, right).verdict == TJ_VERDICT_EQUAL;
}

/* One equation each. */
static tj_decision decide_equations(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    const tj_ex *f = sides_apart(d, a), *g = sides_apart(d, b);
    if (f == NULL || g == NULL || !tj_is_scalar(f) || !tj_is_scalar(g)) {
        tj_decision left = tj_decide_pair(d, a->args[0], b->args[0]);
        tj_decision both = tj_decide_weaker(left, tj_decide_pair(d, a->args[1], b->args[1]));
        return both.verdict == TJ_VERDICT_EQUAL ? both
                                                : tj_undecided("the equations are not of values");
    }
    tj_normal normal;
    int sign;
    tj_eval got = tj_ratfun_proportional(&normal, &sign, d, f, g);
    if (got == TJ_EVAL_OK && normal.equal) {
        return tj_decided(TJ_VERDICT_EQUAL, "normal form",
                          "the equations are one but for a constant factor");
    }
    if (got == TJ_EVAL_OK && normal.complete) {
        return tj_decided(TJ_VERDICT_DIFFERENT, "normal form",
                          "no constant factor makes one equation the other");
    }
    if (proportional_at_points(d, f, g)) {
        return tj_decided(TJ_VERDICT_EQUAL, "random points",
                          "the equations are one but for a constant factor at 10 points");
    }
    return tj_undecided("whether the equations have the same solutions is not decided");
}

/* f(x) = ... and f(t) = ...: the parameters are renamed. Names of one kind must be the same; a
 * function's name and a variable's ("y = x + 1") go together. */
static bool same_name(tj_deciding *d, const tj_ex *a, const tj_ex *b, const tj_ex **value_b)
{
    if (a->kind != b->kind) {
        const tj_ex *function = a->kind == TJ_EX_APPLY ? a : b;
        const tj_ex *letter = function == a ? b : a;
        return function->kind == TJ_EX_APPLY && letter->kind == TJ_EX_SYMBOL;
    }
    if (a->kind != TJ_EX_APPLY) {
        return tj_ex_compare(a, b) == 0;
    }
    if (strcmp(a->text, b->text) != 0 || a->n_args != b->n_args) {
        return false;
    }
    for (size_t i = 0; i < a->n_args; i++) {
        if (a->args[i]->kind != TJ_EX_SYMBOL || b->args[i]->kind != TJ_EX_SYMBOL) {
            return tj_ex_compare(a, b) == 0;
        }
        *value_b = tj_substitute(d, *value_b, b->args[i]->text, a->args[i]);
    }
    return true;
}

/* ---- inequalities in several letters ---- */

/* One comparison as f < 0 or f <= 0. */
static const tj_ex *turned_down(tj_deciding *d, const tj_ex *ex, bool *strict)
{
    tj_ex_rel rel = ex->rels[0];
    *strict = rel == TJ_REL_LT || rel == TJ_REL_GT;
    bool less = rel == TJ_REL_LT || rel == TJ_REL_LE;
    return less ? tj_make_difference(d, ex->args[0], ex->args[1])
                : tj_make_difference(d, ex->args[1], ex->args[0]);
}

static tj_decision decide_inequalities(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    bool strict_a, strict_b;
    const tj_ex *f = turned_down(d, a, &strict_a), *g = turned_down(d, b, &strict_b);
    tj_normal normal;
    int sign;
    if (f == NULL || g == NULL || !tj_is_scalar(f) || !tj_is_scalar(g)) {
        return tj_undecided("the inequalities are not of values");
    }
    tj_eval got = tj_ratfun_proportional(&normal, &sign, d, f, g);
    if (got != TJ_EVAL_OK || (normal.equal && sign == 0)) {
        return tj_undecided("whether the inequalities have the same solutions is not decided");
    }
    if (normal.equal && sign > 0 && strict_a == strict_b) {
        return tj_decided(TJ_VERDICT_EQUAL, "normal form",
                          "the inequalities are one but for a positive factor");
    }
    if (normal.equal || normal.complete) {
        return tj_decided(TJ_VERDICT_DIFFERENT, "normal form",
                          "no positive factor makes one inequality the other");
    }
    return tj_undecided("whether the inequalities have the same solutions is not decided");
}

static bool is_comparison(const tj_ex *ex)
{
    return ex->n_args == 2 && ex->rels[0] >= TJ_REL_LT && ex->rels[0] <= TJ_REL_GE;
}

/* ---- two relations ---- */

/* The same signs between the same sides, in this order or turned around. */
static tj_decision decide_chains(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    tj_decision all = tj_decided(TJ_VERDICT_EQUAL, "same form", "the sides are equal");
    bool same = a->n_args == b->n_args;
    for (size_t i = 0; same && i + 1 < a->n_args; i++) {
        same = a->rels[i] == b->rels[i];
    }
    for (size_t i = 0; same && i < a->n_args; i++) {
        all = tj_decide_weaker(all, tj_decide_pair(d, a->args[i], b->args[i]));
    }
    return same && all.verdict == TJ_VERDICT_EQUAL
               ? all
               : tj_undecided("whether the statements mean the same is not decided");
}

static tj_decision decide_relations(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    const tj_ex *name_a, *name_b;
    const tj_ex *u = tj_named_answer(d, a, &name_a), *v = tj_named_answer(d, b, &name_b);
    bool equations = a->n_args == 2 && b->n_args == 2 && a->rels[0] == TJ_REL_EQ &&
                     b->rels[0] == TJ_REL_EQ;
    if (u != NULL && v != NULL) {
        const tj_ex *renamed = v;
        if (same_name(d, name_a, name_b, &renamed)) {
            return tj_decide_pair(d, u, renamed);
        }
        bool letters = name_a->kind == TJ_EX_SYMBOL && name_b->kind == TJ_EX_SYMBOL;
        if (!letters || (is_constant(u) && is_constant(v)) || !equations) {
            tj_decision out = tj_decided(TJ_VERDICT_DIFFERENT, "names", "the names differ");
            out.witness = tj_decide_both(d, tj_decide_text(d, name_a), tj_decide_text(d, name_b));
            return out;
        }
    }
    if (equations) {
        return decide_equations(d, a, b);
    }
    if (is_comparison(a) && is_comparison(b)) {
        return decide_inequalities(d, a, b);
    }
    bool eq_a = all_signs_are(a, TJ_REL_EQ, TJ_REL_APPROX);
    bool eq_b = all_signs_are(b, TJ_REL_EQ, TJ_REL_APPROX);
    if (eq_a != eq_b) {
        return tj_decided(TJ_VERDICT_DIFFERENT, "kinds", "only one of them is an equation");
    }
    return decide_chains(d, a, b);
}

/* ---- systems ---- */

/* The values of x = 1 and y = 2 in the order of their names, or as written; NULL if some statement
 * is no such answer. */
static const tj_ex *values_of(tj_deciding *d, const tj_ex *system, bool by_name)
{
    const tj_ex *names[TJ_DECIDE_MAX_SYMBOLS], *values[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    if (system->n_args > TJ_DECIDE_MAX_SYMBOLS) {
        return NULL;
    }
    for (size_t i = 0; i < system->n_args; i++) {
        const tj_ex *name, *value = tj_named_answer(d, system->args[i], &name);
        if (value == NULL || name->kind != TJ_EX_SYMBOL) {
            return NULL;
        }
        size_t at = n;
        while (by_name && at > 0 && strcmp(names[at - 1]->text, name->text) > 0) {
            names[at] = names[at - 1];
            values[at] = values[at - 1];
            at--;
        }
        names[at] = name;
        values[at] = value;
        n++;
    }
    const tj_ex like = {.kind = TJ_EX_TUPLE};
    return tj_make_like(d, &like, values, n);
}

/* (x, y) = (1, 2) as a system; anything else as it is. */
static const tj_ex *as_system(tj_deciding *d, const tj_ex *ex)
{
    if (ex->kind != TJ_EX_RELATION || ex->n_args != 2 || ex->rels[0] != TJ_REL_EQ ||
        ex->args[0]->kind != TJ_EX_TUPLE || ex->args[1]->kind != TJ_EX_TUPLE ||
        ex->args[0]->n_args != ex->args[1]->n_args) {
        return ex;
    }
    size_t n = ex->args[0]->n_args;
    const tj_ex **parts = tj_arena_calloc(d->arena, n, sizeof *parts);
    if (parts == NULL) {
        d->no_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        const tj_ex *sides[2] = {ex->args[0]->args[i], ex->args[1]->args[i]};
        parts[i] = tj_make_like(d, ex, sides, 2);
    }
    const tj_ex like = {.kind = TJ_EX_AND};
    return tj_make_like(d, &like, parts, n);
}

static tj_decision decide_systems(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    bool solved = values_of(d, a, true) != NULL && values_of(d, b, true) != NULL;
    tj_decision out = tj_undecided("whether the systems have the same solutions is not decided");
    if (a->n_args == b->n_args) {
        tj_decision parts = tj_decide_match(d, a->args, b->args, a->n_args);
        return parts.verdict == TJ_VERDICT_EQUAL || solved ? parts : out;
    }
    return solved ? tj_decided(TJ_VERDICT_DIFFERENT, "names", "the systems give other names") : out;
}

/* A system against values: x = 1 and y = 2 is (1, 2), by the order of names or as written. */
static tj_decision system_and_values(tj_deciding *d, const tj_ex *system, const tj_ex *other,
                                     bool system_is_a)
{
    tj_decision best = tj_decided(TJ_VERDICT_DIFFERENT, "kinds", "one is a system, the other is not");
    for (int by_name = 1; by_name >= 0; by_name--) {
        const tj_ex *values = values_of(d, system, by_name == 1);
        if (values == NULL) {
            return tj_undecided("whether the values solve the system is not decided");
        }
        tj_decision one = system_is_a ? tj_decide_pair(d, values, other)
                                      : tj_decide_pair(d, other, values);
        if (one.verdict == TJ_VERDICT_EQUAL) {
            return one;
        }
        best = by_name == 1 || one.verdict == TJ_VERDICT_UNDECIDED ? one : best;
    }
    return best;
}

/* ---- a statement against a value ---- */

/* The root of a linear equation in one letter; NULL if it is none. */
static const tj_ex *solve_linear(tj_deciding *d, const tj_ex *ex)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS], *method;
    size_t n = 0;
    if (ex->n_args != 2 || ex->rels[0] != TJ_REL_EQ || !tj_free_symbols(ex, names, &n) || n != 1) {
        return NULL;
    }
    const tj_ex *f = sides_apart(d, ex);
    if (f == NULL || !tj_is_scalar(f) || tj_has_kind(f, TJ_EX_APPLY)) {
        return NULL;
    }
    const tj_ex *c0 = tj_substitute(d, f, names[0], tj_make_int(d, 0));
    const tj_ex *c1 = tj_make_difference(d, tj_substitute(d, f, names[0], tj_make_int(d, 1)), c0);
    tj_ex *letter = tj_ex_new(d->arena, TJ_EX_SYMBOL, 0);
    if (letter == NULL || c1 == NULL) {
        return NULL;
    }
    letter->text = names[0];
    const tj_ex *form = tj_make_2(d, TJ_EX_ADD, c0, tj_make_2(d, TJ_EX_MUL, c1, letter));
    if (!tj_decide_identical(d, f, form)) {
        return NULL;
    }
    tj_order slope = tj_decide_order(d, &method, c1, tj_make_int(d, 0));
    return slope == TJ_ORDER_LESS || slope == TJ_ORDER_GREATER
               ? tj_make_1(d, TJ_EX_NEG, tj_make_2(d, TJ_EX_DIV, c0, c1))
               : NULL;
}

static tj_decision in_order(tj_deciding *d, const tj_ex *value, const tj_ex *other,
                            bool value_is_a)
{
    return value_is_a ? tj_decide_pair(d, value, other) : tj_decide_pair(d, other, value);
}

static tj_decision statement_and_value(tj_deciding *d, const tj_ex *statement, const tj_ex *other,
                                       bool is_a)
{
    const tj_ex *name, *value = tj_named_answer(d, statement, &name);
    if (value != NULL) {
        return in_order(d, value, other, is_a);
    }
    size_t n = statement->n_args;
    if (all_signs_are(statement, TJ_REL_EQ, TJ_REL_APPROX)) {
        if (is_constant(statement)) { /* 1/2 = 0.5: the same value twice, or a value and its rounding */
            tj_decision first = in_order(d, statement->args[0], other, is_a);
            return first.verdict == TJ_VERDICT_EQUAL
                       ? first
                       : in_order(d, statement->args[n - 1], other, is_a);
        }
        value = solve_linear(d, statement);
        if (value != NULL) {
            return in_order(d, value, other, is_a);
        }
        return tj_undecided("whether the value solves the equation is not decided");
    }
    if (tj_is_condition(statement) && tj_is_scalar(other)) {
        return tj_decided(TJ_VERDICT_DIFFERENT, "kinds",
                          "one is a condition, the other is a value");
    }
    return tj_undecided("a statement and something that is none");
}

tj_decision tj_decide_statements(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    bool a_is = tj_is_statement(a), b_is = tj_is_statement(b);
    if (a_is && b_is && (a->kind == TJ_EX_AND || b->kind == TJ_EX_AND)) {
        a = as_system(d, a);
        b = as_system(d, b);
        if (a == NULL || b == NULL) {
            return tj_undecided("");
        }
        if (a->kind == TJ_EX_AND && b->kind == TJ_EX_AND) {
            return decide_systems(d, a, b);
        }
        bool solved = values_of(d, a->kind == TJ_EX_AND ? a : b, true) != NULL;
        return solved ? tj_decided(TJ_VERDICT_DIFFERENT, "kinds", "only one of them is a system")
                      : tj_undecided("whether the system is the statement is not decided");
    }
    if (a_is && b_is) {
        return decide_relations(d, a, b);
    }
    const tj_ex *statement = a_is ? a : b, *other = a_is ? b : a;
    return statement->kind == TJ_EX_AND ? system_and_values(d, statement, other, a_is)
                                        : statement_and_value(d, statement, other, a_is);
}
