/* Formulas and the line they are about. */
#include "grade/decide_line.h"

#include <string.h>

const tj_formula *tj_line_make(tj_line *l, tj_line_rule r, size_t end, const tj_formula *left,
                               const tj_formula *right)
{
    tj_formula *f = tj_arena_calloc(l->d->arena, 1, sizeof *f);
    if (f == NULL) {
        l->d->no_memory = true;
        return NULL;
    }
    *f = (tj_formula){r, end, left, right};
    return f;
}

const tj_formula *tj_line_both(tj_line *l, tj_line_rule r, const tj_formula *left,
                               const tj_formula *right)
{
    return left == NULL || right == NULL ? NULL : tj_line_make(l, r, 0, left, right);
}

const tj_formula *tj_line_negate(tj_line *l, const tj_formula *f)
{
    return f == NULL ? NULL : tj_line_make(l, TJ_LINE_NOT, 0, f, NULL);
}

const tj_formula *tj_line_against(tj_line *l, tj_line_rule r, const tj_ex *value)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    if (value == NULL || !tj_is_scalar(value) || !tj_free_symbols(value, names, &n) || n > 0 ||
        tj_has_kind(value, TJ_EX_APPLY) || l->n_ends == TJ_DECIDE_MAX_ENDS) {
        return NULL;
    }
    l->ends[l->n_ends] = value;
    return tj_line_make(l, r, l->n_ends++, NULL, NULL);
}

int tj_infinity_sign(const tj_ex *ex)
{
    if (ex->kind == TJ_EX_NEG) {
        return -tj_infinity_sign(ex->args[0]);
    }
    return ex->kind == TJ_EX_CONST && ex->id == TJ_CONST_INFINITY;
}

/* By insertion: ends are few, and each comparison is a decision. */
bool tj_line_sort(tj_line *l, const tj_ex *sorted[TJ_DECIDE_MAX_ENDS])
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

bool tj_line_holds(const tj_line *l, const tj_formula *f, size_t c)
{
    size_t at = 2 * l->rank[f->end] + 1;
    switch (f->rule) {
    case TJ_LINE_ALL:
        return true;
    case TJ_LINE_NONE:
        return false;
    case TJ_LINE_BELOW:
        return c < at;
    case TJ_LINE_AT:
        return c == at;
    case TJ_LINE_ABOVE:
        return c > at;
    case TJ_LINE_NOT:
        return !tj_line_holds(l, f->left, c);
    case TJ_LINE_AND:
        return tj_line_holds(l, f->left, c) && tj_line_holds(l, f->right, c);
    default:
        return tj_line_holds(l, f->left, c) || tj_line_holds(l, f->right, c);
    }
}
