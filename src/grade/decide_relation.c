/* Statements (docs/grader.md, "Equations", "Inequalities"). A name on the left may be left out, so
 * most equations come down to values; others are compared up to a constant factor. Conditions on
 * one letter are sets (decide_set.c) and have been tried before. */
#include "grade/decide_relation.h"

#include <string.h>

#include "grade/decide_equation.h"
#include "grade/decide_set.h"
#include "grade/decide_structure.h"

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

const tj_ex *tj_named_answer(const tj_ex *ex, const tj_ex **name)
{
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

/* The value of b with the parameters of its function (b) named as those of a; through names that no
 * text has, so that f(y, x) can become f(x, y). */
static const tj_ex *rename_parameters(tj_deciding *d, const tj_ex *value, const tj_ex *a,
                                      const tj_ex *b)
{
    static const char *const between[] = {"#0", "#1", "#2", "#3"};
    const size_t n_most = sizeof between / sizeof *between;
    for (size_t i = 0; i < b->n_args && i < n_most; i++) {
        value = tj_substitute(d, value, b->args[i]->text, tj_make_symbol(d, between[i]));
    }
    for (size_t i = 0; i < b->n_args && i < n_most; i++) {
        value = tj_substitute(d, value, between[i], a->args[i]);
    }
    return b->n_args <= n_most ? value : NULL;
}

static bool has_letters_only(const tj_ex *apply)
{
    for (size_t i = 0; i < apply->n_args; i++) {
        if (apply->args[i]->kind != TJ_EX_SYMBOL) {
            return false;
        }
    }
    return true;
}

/* Names of one kind must be the same, but for the parameters of functions: f(x) = ... and f(t) =
 * ... A function's name and a variable's go together, y = x + 1 and f(x) = x + 1, unless the
 * variable is the parameter. */
static bool same_name(tj_deciding *d, const tj_ex *a, const tj_ex *b, const tj_ex **value_b)
{
    if (a->kind != b->kind) {
        const tj_ex *function = a->kind == TJ_EX_APPLY ? a : b;
        const tj_ex *letter = function == a ? b : a;
        return function->kind == TJ_EX_APPLY && letter->kind == TJ_EX_SYMBOL &&
               !tj_has_symbol(function, letter->text);
    }
    if (a->kind != TJ_EX_APPLY || !has_letters_only(a) || !has_letters_only(b)) {
        return tj_ex_compare(a, b) == 0;
    }
    if (strcmp(a->text, b->text) != 0 || a->n_args != b->n_args) {
        return false;
    }
    *value_b = rename_parameters(d, *value_b, a, b);
    return true;
}

/* ---- two relations ---- */

/* The same signs between the same sides. */
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

/* Conditions on one letter each, which are not about the same one. */
static bool are_of_other_letters(const tj_ex *a, const tj_ex *b)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    bool one = tj_is_condition(a) && tj_is_condition(b) && tj_free_symbols(a, names, &n) && n == 1;
    size_t n_b = 0;
    const char *names_b[TJ_DECIDE_MAX_SYMBOLS];
    return one && tj_free_symbols(b, names_b, &n_b) && n_b == 1 &&
           strcmp(names[0], names_b[0]) != 0;
}

static tj_decision decide_relations(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    const tj_ex *name_a, *name_b;
    const tj_ex *u = tj_named_answer(a, &name_a), *v = tj_named_answer(b, &name_b);
    bool equations =
        a->n_args == 2 && b->n_args == 2 && a->rels[0] == TJ_REL_EQ && b->rels[0] == TJ_REL_EQ;
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
        return tj_decide_equations(d, a, b);
    }
    tj_decision out;
    if (are_of_other_letters(a, b)) {
        return tj_decided(TJ_VERDICT_DIFFERENT, "names", "the conditions are on different letters");
    }
    if (tj_decide_inequalities(&out, d, a, b)) {
        return out;
    }
    bool eq_a = all_signs_are(a, TJ_REL_EQ, TJ_REL_APPROX);
    bool eq_b = all_signs_are(b, TJ_REL_EQ, TJ_REL_APPROX);
    if (eq_a != eq_b) {
        return tj_decided(TJ_VERDICT_DIFFERENT, "kinds", "only one of them is an equation");
    }
    return decide_chains(d, a, b);
}

/* ---- systems ---- */

/* x_1, x_2, ...: several values of one thing. */
static bool are_numbered(const tj_ex *const *names, size_t n)
{
    size_t stem = strcspn(names[0]->text, "_");
    for (size_t i = 0; i < n; i++) {
        if (strncmp(names[i]->text, names[0]->text, stem) != 0 || names[i]->text[stem] != '_') {
            return false;
        }
    }
    return true;
}

/* The values of x = 1 and y = 2 in the order of their names, or as written; a list if the names are
 * x_1, x_2. NULL if some statement is no such answer. */
static const tj_ex *values_of(tj_deciding *d, const tj_ex *system, bool by_name)
{
    const tj_ex *names[TJ_DECIDE_MAX_SYMBOLS], *values[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    if (system->n_args > TJ_DECIDE_MAX_SYMBOLS) {
        return NULL;
    }
    for (size_t i = 0; i < system->n_args; i++) {
        const tj_ex *name, *value = tj_named_answer(system->args[i], &name);
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
    const tj_ex like = {.kind = n > 0 && are_numbered(names, n) ? TJ_EX_LIST : TJ_EX_TUPLE};
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
    tj_decision best =
        tj_decided(TJ_VERDICT_DIFFERENT, "kinds", "one is a system, the other is not");
    for (int by_name = 1; by_name >= 0; by_name--) {
        const tj_ex *values = values_of(d, system, by_name == 1);
        if (values == NULL) {
            return tj_undecided("whether the values solve the system is not decided");
        }
        tj_decision one =
            system_is_a ? tj_decide_pair(d, values, other) : tj_decide_pair(d, other, values);
        if (one.verdict == TJ_VERDICT_EQUAL) {
            return one;
        }
        best = by_name == 1 || one.verdict == TJ_VERDICT_UNDECIDED ? one : best;
    }
    return best;
}

/* ---- a statement against a value ---- */

static tj_decision in_order(tj_deciding *d, const tj_ex *value, const tj_ex *other, bool value_is_a)
{
    return value_is_a ? tj_decide_pair(d, value, other) : tj_decide_pair(d, other, value);
}

/* 1/2 = 0.5 = 50%: does each sign hold, exactly or as a rounding? */
static bool is_true_chain(tj_deciding *d, const tj_ex *ex)
{
    for (size_t i = 0; i + 1 < ex->n_args; i++) {
        if (tj_decide_pair(d, ex->args[i], ex->args[i + 1]).verdict != TJ_VERDICT_EQUAL &&
            ex->rels[i] != TJ_REL_APPROX) {
            return false;
        }
    }
    return true;
}

/* A calculation that does not hold says no value, but is none that differs from all its sides:
 * 96/2 = 44 is not 72, but it may have been meant for 48 or for 44. */
static tj_decision false_chain_and_value(tj_deciding *d, const tj_ex *chain, const tj_ex *other,
                                         bool is_a)
{
    tj_decision side = tj_undecided("a chain without sides");
    for (size_t i = 0; i < chain->n_args; i++) {
        side = in_order(d, chain->args[i], other, is_a);
        if (side.verdict != TJ_VERDICT_DIFFERENT) {
            return tj_undecided("an equation of numbers does not hold, or is not seen to");
        }
    }
    return side;
}

/* A calculation with a result: any of its sides. */
static tj_decision chain_and_value(tj_deciding *d, const tj_ex *chain, const tj_ex *other,
                                   bool is_a)
{
    if (!is_true_chain(d, chain)) {
        return false_chain_and_value(d, chain, other, is_a);
    }
    tj_decision first = in_order(d, chain->args[0], other, is_a);
    return first.verdict == TJ_VERDICT_EQUAL
               ? first
               : in_order(d, chain->args[chain->n_args - 1], other, is_a);
}

static tj_decision statement_and_value(tj_deciding *d, const tj_ex *statement, const tj_ex *other,
                                       bool is_a)
{
    const tj_ex *name, *value = tj_named_answer(statement, &name);
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    if (value != NULL) {
        return in_order(d, value, other, is_a);
    }
    bool single = tj_is_scalar(other) || other->kind == TJ_EX_TUPLE || other->kind == TJ_EX_MATRIX;
    if (all_signs_are(statement, TJ_REL_EQ, TJ_REL_APPROX)) {
        if (is_constant(statement)) {
            return chain_and_value(d, statement, other, is_a);
        }
        value = tj_solve_linear(d, statement);
        if (value != NULL) {
            return in_order(d, value, other, is_a);
        }
        if (single && tj_free_symbols(statement, names, &n) && n > 1) {
            return tj_decided(TJ_VERDICT_DIFFERENT, "kinds",
                              "one is an equation, the other is a value");
        }
        return tj_undecided("whether the value solves the equation is not decided");
    }
    if (tj_is_condition(statement) && single) {
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
