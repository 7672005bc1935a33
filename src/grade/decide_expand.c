/* Signs are drawn out of the expressions that hold them: 2 +- sqrt(3) becomes the list 2 + sqrt(3),
 * 2 - sqrt(3). */
#include "grade/decide_expand.h"

#include <string.h>

static size_t count_kind(const tj_ex *ex, tj_ex_kind kind)
{
    size_t n = ex->kind == kind;
    for (size_t i = 0; i < ex->n_args; i++) {
        n += count_kind(ex->args[i], kind);
    }
    return n;
}

static bool has_minusplus(const tj_ex *ex)
{
    if (ex->kind == TJ_EX_PLUSMINUS && ex->id == 1) {
        return true;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        if (has_minusplus(ex->args[i])) {
            return true;
        }
    }
    return false;
}

/* ex with sign number i (in reading order, from *at) negative where bit i of mask is set; with
 * `tied`, all are by bit 0, and \mp against it. */
static const tj_ex *with_signs(tj_deciding *d, const tj_ex *ex, uint64_t mask, size_t *at,
                               bool tied)
{
    if (count_kind(ex, TJ_EX_PLUSMINUS) == 0) {
        return ex;
    }
    bool negative = false;
    if (ex->kind == TJ_EX_PLUSMINUS) {
        size_t i = (*at)++;
        negative = tied ? ((mask & 1) != 0) != (ex->id == 1) : ((mask >> i) & 1) != 0;
    }
    const tj_ex **args = tj_arena_calloc(d->arena, ex->n_args, sizeof *args);
    if (args == NULL) {
        d->no_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        args[i] = with_signs(d, ex->args[i], mask, at, tied);
        if (args[i] == NULL) {
            return NULL;
        }
    }
    if (ex->kind == TJ_EX_PLUSMINUS) {
        return negative ? tj_make_1(d, TJ_EX_NEG, args[0]) : args[0];
    }
    return tj_make_like(d, ex, args, ex->n_args);
}

/* All values of an expression with signs as a list. */
static const tj_ex *all_signs(tj_deciding *d, const tj_ex *ex, size_t n_signs)
{
    bool tied = has_minusplus(ex);
    size_t n = tied ? 2 : (size_t)1 << n_signs;
    const tj_ex *values[1 << TJ_DECIDE_MAX_SIGNS];
    for (size_t mask = 0; mask < n; mask++) {
        size_t at = 0;
        values[mask] = with_signs(d, ex, mask, &at, tied);
    }
    /* x is not +-1: it is neither */
    bool neither = ex->kind == TJ_EX_RELATION && ex->n_args == 2 && ex->rels[0] == TJ_REL_NE;
    const tj_ex like = {.kind = neither ? TJ_EX_AND : TJ_EX_LIST, .id = neither ? 0 : 1};
    return tj_make_like(d, &like, values, n);
}

/* A list or set whose elements have signs: the elements' values take their places. */
static const tj_ex *expand_elements(tj_deciding *d, const tj_ex *ex)
{
    const tj_ex **values =
        tj_arena_calloc(d->arena, (size_t)ex->n_args << TJ_DECIDE_MAX_SIGNS, sizeof *values);
    if (values == NULL) {
        d->no_memory = true;
        return NULL;
    }
    size_t n = 0;
    for (size_t i = 0; i < ex->n_args; i++) {
        const tj_ex *arg = ex->args[i], *all = tj_expand_signs(d, arg);
        if (all == NULL) {
            return NULL;
        }
        bool listed =
            all != arg && all->kind == TJ_EX_LIST && all->n_args <= (1U << TJ_DECIDE_MAX_SIGNS);
        for (size_t k = 0; k < (listed ? all->n_args : 1); k++) {
            values[n++] = listed ? all->args[k] : all;
        }
    }
    return tj_make_like(d, ex, values, n);
}

const tj_ex *tj_expand_signs(tj_deciding *d, const tj_ex *ex)
{
    size_t n_signs = ex == NULL ? 0 : count_kind(ex, TJ_EX_PLUSMINUS);
    if (n_signs == 0) {
        return ex;
    }
    if (ex->kind == TJ_EX_LIST || ex->kind == TJ_EX_SET) {
        return expand_elements(d, ex);
    }
    if (ex->kind == TJ_EX_EITHER || ex->kind == TJ_EX_FAMILY) { /* inside, each by itself */
        const tj_ex **args = tj_arena_calloc(d->arena, ex->n_args, sizeof *args);
        if (args == NULL) {
            d->no_memory = true;
            return NULL;
        }
        for (size_t i = 0; i < ex->n_args; i++) {
            args[i] = tj_expand_signs(d, ex->args[i]);
        }
        return tj_make_like(d, ex, args, ex->n_args);
    }
    return n_signs > TJ_DECIDE_MAX_SIGNS ? ex : all_signs(d, ex, n_signs);
}

/* ---- sums of letters with subscripts ---- */

/* Terms that are written out. */
#define MAX_WRITTEN_OUT 32

/* x_i with i = 3 is x_3; NULL if the letter's subscript is more than the index. */
static const tj_ex *with_subscript(tj_deciding *d, const tj_ex *letter, const char *index,
                                   int64_t value)
{
    const char *mark = strchr(letter->text, '_');
    if (mark == NULL || strcmp(mark + 1, index) != 0) {
        return mark == NULL || strstr(mark, index) == NULL ? letter : NULL;
    }
    return tj_make_symbol(d, tj_decide_say(d, "%.*s_%lld", (int)(mark - letter->text), letter->text,
                                           (long long)value));
}

/* ex with the index replaced, in subscripts too; NULL where that cannot be done. */
static const tj_ex *at_index(tj_deciding *d, const tj_ex *ex, const char *index, int64_t value)
{
    if (ex->kind == TJ_EX_SYMBOL) {
        return strcmp(ex->text, index) == 0 ? tj_make_int(d, value)
                                            : with_subscript(d, ex, index, value);
    }
    if (ex->n_args == 0) {
        return ex;
    }
    const tj_ex **args = tj_arena_calloc(d->arena, ex->n_args, sizeof *args);
    if (args == NULL) {
        d->no_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        args[i] = at_index(d, ex->args[i], index, value);
        if (args[i] == NULL) {
            return NULL;
        }
    }
    return tj_make_like(d, ex, args, ex->n_args);
}

const tj_ex *tj_write_out_sum(tj_deciding *d, const tj_ex *ex)
{
    tj_small first, last;
    const tj_ex *terms[MAX_WRITTEN_OUT];
    if (ex == NULL || (ex->kind != TJ_EX_SUM && ex->kind != TJ_EX_PRODUCT) || tj_is_scalar(ex) ||
        ex->args[0]->kind != TJ_EX_SYMBOL || !tj_small_from(&first, ex->args[1]) ||
        !tj_small_from(&last, ex->args[2]) || first.den != 1 || last.den != 1 ||
        last.num <= first.num || last.num - first.num >= MAX_WRITTEN_OUT) {
        return ex;
    }
    size_t n = 0;
    for (int64_t i = first.num; i <= last.num; i++) {
        terms[n] = at_index(d, ex->args[3], ex->args[0]->text, i);
        if (terms[n++] == NULL) {
            return d->no_memory ? NULL : ex;
        }
    }
    const tj_ex like = {.kind = ex->kind == TJ_EX_SUM ? TJ_EX_ADD : TJ_EX_MUL};
    return tj_make_like(d, &like, terms, n);
}
