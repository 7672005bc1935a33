/* One form for trees that are written differently but mean the same by spelling alone: nested sums
 * and products are flattened and sorted, signs leave products, each function has one spelling. */
#include <stdlib.h>

#include "grade/decide_inner.h"

static int compare_slots(const void *a, const void *b)
{
    const tj_ex *const *x = a, *const *y = b;
    return tj_ex_compare(*x, *y);
}

/* A sum or product of arguments that are canonical themselves; `args` is used up. */
static const tj_ex *flatten(tj_deciding *d, const tj_ex *ex, const tj_ex **args)
{
    size_t n = 0, at = 0;
    bool negative = false;
    for (size_t i = 0; i < ex->n_args; i++) {
        if (ex->kind == TJ_EX_MUL && args[i]->kind == TJ_EX_NEG) {
            negative = !negative;
            args[i] = args[i]->args[0];
        }
        n += args[i]->kind == ex->kind ? args[i]->n_args : 1;
    }
    const tj_ex **flat = tj_arena_calloc(d->arena, n, sizeof *flat);
    if (flat == NULL) {
        d->no_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        bool nested = args[i]->kind == ex->kind;
        for (size_t k = 0; k < (nested ? args[i]->n_args : 1); k++) {
            flat[at++] = nested ? args[i]->args[k] : args[i];
        }
    }
    qsort(flat, n, sizeof *flat, compare_slots);
    const tj_ex *made = tj_make_like(d, ex, flat, n);
    return negative ? tj_make_1(d, TJ_EX_NEG, made) : made;
}

static const tj_ex *spell_call(tj_deciding *d, const tj_ex *ex)
{
    const tj_ex *first = ex->n_args > 0 ? ex->args[0] : NULL;
    if (ex->id == TJ_FN_EXP) {
        return tj_make_2(d, TJ_EX_POW, tj_make_const(d, TJ_CONST_E), first);
    }
    if (ex->id == TJ_FN_LOG && ex->n_args == 2 && first->kind == TJ_EX_CONST &&
        first->id == TJ_CONST_E) {
        return tj_make_call(d, TJ_FN_LN, ex->args[1], NULL);
    }
    if (ex->id == TJ_FN_ROOT && ex->n_args == 2 && tj_is_int(first, 2)) {
        return tj_make_call(d, TJ_FN_SQRT, ex->args[1], NULL);
    }
    return ex;
}

/* b > a as a < b, and chains of such. */
static const tj_ex *turn_up(tj_deciding *d, const tj_ex *ex)
{
    size_t n = ex->n_args;
    for (size_t i = 0; i + 1 < n; i++) {
        if (ex->rels[i] != TJ_REL_GT && ex->rels[i] != TJ_REL_GE) {
            return ex;
        }
    }
    tj_ex_rel *rels = tj_arena_calloc(d->arena, n, sizeof *rels);
    const tj_ex **args = tj_arena_calloc(d->arena, n, sizeof *args);
    if (rels == NULL || args == NULL) {
        d->no_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        args[i] = ex->args[n - 1 - i];
        if (i + 1 < n) {
            rels[i] = ex->rels[n - 2 - i] == TJ_REL_GT ? TJ_REL_LT : TJ_REL_LE;
        }
    }
    tj_ex like = *ex;
    like.rels = rels;
    return tj_make_like(d, &like, args, n);
}

const tj_ex *tj_canonical(tj_deciding *d, const tj_ex *ex)
{
    if (ex == NULL || ex->n_args == 0) {
        return ex;
    }
    const tj_ex **args = tj_arena_calloc(d->arena, ex->n_args, sizeof *args);
    if (args == NULL) {
        d->no_memory = true;
        return NULL;
    }
    bool changed = false;
    for (size_t i = 0; i < ex->n_args; i++) {
        args[i] = tj_canonical(d, ex->args[i]);
        if (args[i] == NULL) {
            return NULL;
        }
        changed = changed || args[i] != ex->args[i];
    }
    switch (ex->kind) {
    case TJ_EX_ADD:
    case TJ_EX_MUL:
        return flatten(d, ex, args);
    case TJ_EX_NEG:
        if (args[0]->kind == TJ_EX_NEG) {
            return args[0]->args[0];
        }
        break;
    default:
        break;
    }
    const tj_ex *made = changed ? tj_make_like(d, ex, args, ex->n_args) : ex;
    if (made != NULL && made->kind == TJ_EX_RELATION && made->n_args >= 2) {
        return turn_up(d, made);
    }
    return made != NULL && made->kind == TJ_EX_CALL ? spell_call(d, made) : made;
}
