/* Trees made and looked at while deciding. Recursion is bounded by TJ_EX_MAX_DEPTH, which
 * tj_decide() checks, plus the few levels that rewriting adds. */
#include "grade/decide_inner.h"

#include <string.h>

/* A node from the arena; NULL when it or the number of nodes is exhausted. */
static tj_ex *new_node(tj_deciding *d, tj_ex_kind kind, size_t n_args)
{
    if (d->n_made >= TJ_DECIDE_MAX_MADE_NODES) {
        d->work.left = 0; /* a limit like any other: undecided */
        return NULL;
    }
    d->n_made++;
    tj_ex *ex = tj_ex_new(d->arena, kind, n_args);
    if (ex == NULL) {
        d->no_memory = true;
    }
    return ex;
}

const tj_ex *tj_make_int(tj_deciding *d, int64_t value)
{
    char digits[TJ_EX_INT_DIGITS];
    size_t n = tj_ex_digits(digits, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    tj_ex *ex = new_node(d, TJ_EX_NUMBER, 0);
    char *copy = ex == NULL ? NULL : tj_arena_strndup(d->arena, digits, n);
    if (copy == NULL) {
        d->no_memory = d->no_memory || ex != NULL;
        return NULL;
    }
    ex->num = (tj_ex_num){.digits = copy, .n_digits = (uint32_t)n, .base = 10};
    return value < 0 ? tj_make_1(d, TJ_EX_NEG, ex) : ex;
}

const tj_ex *tj_make_const(tj_deciding *d, tj_ex_const id)
{
    tj_ex *ex = new_node(d, TJ_EX_CONST, 0);
    if (ex != NULL) {
        ex->id = (int32_t)id;
    }
    return ex;
}

const tj_ex *tj_make_symbol(tj_deciding *d, const char *name)
{
    tj_ex *ex = new_node(d, TJ_EX_SYMBOL, 0);
    if (ex != NULL) {
        ex->text = name;
    }
    return ex;
}

const tj_ex *tj_make_1(tj_deciding *d, tj_ex_kind kind, const tj_ex *a)
{
    return a == NULL ? NULL : tj_ex_fill(new_node(d, kind, 1), a, NULL);
}

const tj_ex *tj_make_2(tj_deciding *d, tj_ex_kind kind, const tj_ex *a, const tj_ex *b)
{
    return a == NULL || b == NULL ? NULL : tj_ex_fill(new_node(d, kind, 2), a, b);
}

const tj_ex *tj_make_call(tj_deciding *d, tj_ex_fn fn, const tj_ex *a, const tj_ex *b)
{
    tj_ex *ex = a == NULL ? NULL : new_node(d, TJ_EX_CALL, b == NULL ? 1 : 2);
    if (ex != NULL) {
        ex->id = (int32_t)fn;
    }
    return tj_ex_fill(ex, a, b);
}

const tj_ex *tj_make_difference(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    return tj_make_2(d, TJ_EX_ADD, a, tj_make_1(d, TJ_EX_NEG, b));
}

const tj_ex *tj_make_like(tj_deciding *d, const tj_ex *ex, const tj_ex *const *args, size_t n)
{
    tj_ex *made = new_node(d, ex->kind, n);
    if (made == NULL) {
        return NULL;
    }
    const tj_ex **slots = made->args;
    *made = *ex;
    made->args = slots;
    made->n_args = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        if (args[i] == NULL) {
            return NULL;
        }
        slots[i] = args[i];
    }
    return made;
}

/* The argument that a node binds as a name inside, or -1. */
static int bound_arg(const tj_ex *ex)
{
    switch (ex->kind) {
    case TJ_EX_SUM:
    case TJ_EX_PRODUCT:
        return 0;
    case TJ_EX_FAMILY:
        return 1;
    default:
        return -1;
    }
}

static bool binds(const tj_ex *ex, const char *name)
{
    int i = bound_arg(ex);
    return i >= 0 && (size_t)i < ex->n_args && ex->args[i]->kind == TJ_EX_SYMBOL &&
           strcmp(ex->args[i]->text, name) == 0;
}

bool tj_has_symbol(const tj_ex *ex, const char *name)
{
    if (ex == NULL) {
        return false;
    }
    if (ex->kind == TJ_EX_SYMBOL) {
        return strcmp(ex->text, name) == 0;
    }
    if (binds(ex, name)) {
        return false;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        if (tj_has_symbol(ex->args[i], name)) {
            return true;
        }
    }
    return false;
}

const tj_ex *tj_substitute(tj_deciding *d, const tj_ex *ex, const char *name, const tj_ex *by)
{
    if (ex == NULL || by == NULL) {
        return NULL;
    }
    if (!tj_has_symbol(ex, name)) {
        return ex;
    }
    if (ex->kind == TJ_EX_SYMBOL) {
        return by;
    }
    tj_ex *made = new_node(d, ex->kind, ex->n_args);
    if (made == NULL) {
        return NULL;
    }
    const tj_ex **slots = made->args;
    *made = *ex;
    made->args = slots;
    for (size_t i = 0; i < ex->n_args; i++) {
        slots[i] = tj_substitute(d, ex->args[i], name, by);
        if (slots[i] == NULL) {
            return NULL;
        }
    }
    return made;
}

/* Puts a name where it belongs among the sorted ones; false if there is no room. */
static bool add_name(const char *name, const char *names[TJ_DECIDE_MAX_SYMBOLS], size_t *n)
{
    size_t at = 0;
    while (at < *n && strcmp(names[at], name) < 0) {
        at++;
    }
    if (at < *n && strcmp(names[at], name) == 0) {
        return true;
    }
    if (*n == TJ_DECIDE_MAX_SYMBOLS) {
        return false;
    }
    memmove(names + at + 1, names + at, (*n - at) * sizeof *names);
    names[at] = name;
    (*n)++;
    return true;
}

/* Names in scope: a list on the stack, innermost first. */
typedef struct scope {
    const char *name;
    const struct scope *outer;
} scope;

static bool add_free(const tj_ex *ex, const scope *in, const char *names[TJ_DECIDE_MAX_SYMBOLS],
                     size_t *n)
{
    if (ex->kind == TJ_EX_SYMBOL) {
        for (const scope *s = in; s != NULL; s = s->outer) {
            if (strcmp(s->name, ex->text) == 0) {
                return true;
            }
        }
        return add_name(ex->text, names, n);
    }
    scope inner = {NULL, in};
    int bound = bound_arg(ex);
    if (bound >= 0 && (size_t)bound < ex->n_args && ex->args[bound]->kind == TJ_EX_SYMBOL) {
        inner.name = ex->args[bound]->text;
        in = &inner;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        if (!add_free(ex->args[i], in, names, n)) {
            return false;
        }
    }
    return true;
}

bool tj_free_symbols(const tj_ex *ex, const char *names[TJ_DECIDE_MAX_SYMBOLS], size_t *n)
{
    return ex != NULL && add_free(ex, NULL, names, n);
}

bool tj_has_kind(const tj_ex *ex, tj_ex_kind kind)
{
    if (ex == NULL) {
        return false;
    }
    if (ex->kind == kind) {
        return true;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        if (tj_has_kind(ex->args[i], kind)) {
            return true;
        }
    }
    return false;
}

bool tj_has_const(const tj_ex *ex, tj_ex_const id)
{
    if (ex == NULL) {
        return false;
    }
    if (ex->kind == TJ_EX_CONST) {
        return ex->id == (int32_t)id;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        if (tj_has_const(ex->args[i], id)) {
            return true;
        }
    }
    return false;
}

/* F_k in a sum over k: a letter whose subscript holds the index. It is one word to us, so that the
 * sum cannot be worked out. */
static bool has_indexed(const tj_ex *ex, const char *index)
{
    if (ex->kind == TJ_EX_SYMBOL) {
        const char *subscript = strchr(ex->text, '_');
        return subscript != NULL && strstr(subscript, index) != NULL;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        if (has_indexed(ex->args[i], index)) {
            return true;
        }
    }
    return false;
}

bool tj_is_scalar(const tj_ex *ex)
{
    if (ex == NULL) {
        return false;
    }
    if ((ex->kind == TJ_EX_SUM || ex->kind == TJ_EX_PRODUCT) &&
        (ex->args[0]->kind != TJ_EX_SYMBOL || has_indexed(ex->args[3], ex->args[0]->text))) {
        return false;
    }
    switch (ex->kind) {
    case TJ_EX_NUMBER:
    case TJ_EX_CONST:
    case TJ_EX_SYMBOL:
        return true;
    case TJ_EX_APPLY:
        return true;
    case TJ_EX_ADD:
    case TJ_EX_MUL:
    case TJ_EX_NEG:
    case TJ_EX_DIV:
    case TJ_EX_POW:
    case TJ_EX_CALL:
    case TJ_EX_SUM:
    case TJ_EX_PRODUCT:
        for (size_t i = 0; i < ex->n_args; i++) {
            if (!tj_is_scalar(ex->args[i])) {
                return false;
            }
        }
        return true;
    default:
        return false;
    }
}

bool tj_is_polynomial(const tj_ex *ex, const char *letter)
{
    tj_small n;
    if (!tj_has_symbol(ex, letter)) {
        return tj_is_scalar(ex);
    }
    switch (ex->kind) {
    case TJ_EX_SYMBOL:
    case TJ_EX_APPLY:
        return true;
    case TJ_EX_DIV:
        return !tj_has_symbol(ex->args[1], letter) && tj_is_polynomial(ex->args[0], letter) &&
               tj_is_scalar(ex->args[1]);
    case TJ_EX_POW:
        return tj_small_from(&n, ex->args[1]) && n.den == 1 && n.num >= 0 &&
               tj_is_polynomial(ex->args[0], letter);
    case TJ_EX_ADD:
    case TJ_EX_MUL:
    case TJ_EX_NEG:
        for (size_t i = 0; i < ex->n_args; i++) {
            if (!tj_is_polynomial(ex->args[i], letter)) {
                return false;
            }
        }
        return true;
    default:
        return false;
    }
}

bool tj_is_int(const tj_ex *ex, int64_t value)
{
    tj_small small;
    return ex != NULL && ex->kind == TJ_EX_NUMBER && tj_small_from(&small, ex) && small.den == 1 &&
           small.num == value;
}

const tj_ex *tj_literal(const tj_ex *ex, bool *is_negative)
{
    *is_negative = false;
    while (ex != NULL && ex->kind == TJ_EX_NEG) {
        *is_negative = !*is_negative;
        ex = ex->args[0];
    }
    return ex != NULL && ex->kind == TJ_EX_NUMBER ? ex : NULL;
}

static bool is_zero_number(const tj_ex *ex)
{
    for (size_t i = 0; i < ex->num.n_digits; i++) {
        if (ex->num.digits[i] != '0') {
            return false;
        }
    }
    return true;
}

static bool is_positive(const tj_ex *ex);

static bool all_positive(const tj_ex *ex)
{
    for (size_t i = 0; i < ex->n_args; i++) {
        if (!is_positive(ex->args[i])) {
            return false;
        }
    }
    return true;
}

/* Certain to be a positive real, from its form alone. */
static bool is_positive(const tj_ex *ex)
{
    switch (ex->kind) {
    case TJ_EX_NUMBER:
        return !is_zero_number(ex);
    case TJ_EX_CONST:
        return ex->id == TJ_CONST_PI || ex->id == TJ_CONST_E;
    case TJ_EX_ADD:
    case TJ_EX_MUL:
    case TJ_EX_DIV:
    case TJ_EX_POW:
        return all_positive(ex);
    case TJ_EX_CALL:
        return (ex->id == TJ_FN_SQRT || ex->id == TJ_FN_ROOT || ex->id == TJ_FN_ABS) &&
               all_positive(ex);
    default:
        return false;
    }
}

/* Certain not to be zero; a letter stands for any value and counts as one. */
static bool is_nonzero(const tj_ex *ex)
{
    switch (ex->kind) {
    case TJ_EX_SYMBOL:
        return true;
    case TJ_EX_CONST:
        return ex->id == TJ_CONST_I || is_positive(ex);
    case TJ_EX_NEG:
        return is_nonzero(ex->args[0]);
    case TJ_EX_MUL:
    case TJ_EX_DIV:
        for (size_t i = 0; i < ex->n_args; i++) {
            if (!is_nonzero(ex->args[i])) {
                return false;
            }
        }
        return true;
    case TJ_EX_POW:
        return is_nonzero(ex->args[0]);
    default:
        return is_positive(ex);
    }
}

static bool is_total_call(const tj_ex *ex)
{
    switch ((tj_ex_fn)ex->id) {
    case TJ_FN_SQRT:
    case TJ_FN_EXP:
    case TJ_FN_SIN:
    case TJ_FN_COS:
    case TJ_FN_SINH:
    case TJ_FN_COSH:
    case TJ_FN_TANH:
    case TJ_FN_ASINH:
    case TJ_FN_ABS:
    case TJ_FN_RE:
    case TJ_FN_IM:
    case TJ_FN_CONJ:
        return true;
    case TJ_FN_LN:
        return is_positive(ex->args[0]) || ex->args[0]->kind == TJ_EX_SYMBOL;
    case TJ_FN_FACTORIAL:
        return ex->args[0]->kind == TJ_EX_SYMBOL ||
               (ex->args[0]->kind == TJ_EX_NUMBER && ex->args[0]->num.n_frac == 0);
    default:
        return false;
    }
}

bool tj_is_total(const tj_ex *ex)
{
    for (size_t i = 0; i < ex->n_args; i++) {
        if (!tj_is_total(ex->args[i])) {
            return false;
        }
    }
    switch (ex->kind) {
    case TJ_EX_CONST:
        return true; /* infinity and "undefined" are answers of their own */
    case TJ_EX_ADD:
    case TJ_EX_MUL:
        return !tj_has_const(ex, TJ_CONST_INFINITY) && !tj_has_const(ex, TJ_CONST_UNDEFINED);
    case TJ_EX_DIV:
        return is_nonzero(ex->args[1]);
    case TJ_EX_POW:
        return is_nonzero(ex->args[0]) ||
               (ex->args[1]->kind == TJ_EX_NUMBER && is_positive(ex->args[1]));
    case TJ_EX_CALL:
        return is_total_call(ex);
    case TJ_EX_SUM:
    case TJ_EX_PRODUCT:
    case TJ_EX_APPLY:
        return ex->kind == TJ_EX_APPLY;
    default:
        return true;
    }
}
