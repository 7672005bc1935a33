/* Arithmetic of matrices on trees: entries are not evaluated, only written out. */
#include "grade/decide_matrix.h"

#include <string.h>

/* Determinants are expanded by rows: 4! products. */
#define MAX_DETERMINANT 4
/* Entries of a product. */
#define MAX_ENTRIES     64

static bool is_array(const tj_ex *ex)
{
    return ex->kind == TJ_EX_MATRIX || ex->kind == TJ_EX_TUPLE;
}

static size_t n_rows(const tj_ex *ex)
{
    return ex->kind == TJ_EX_MATRIX ? ex->n_rows : ex->n_args;
}

static size_t n_columns(const tj_ex *ex)
{
    return ex->kind == TJ_EX_MATRIX && ex->n_rows > 0 ? ex->n_args / ex->n_rows : 1;
}

static const tj_ex *make_matrix(tj_deciding *d, const tj_ex *const *entries, size_t rows,
                                size_t columns)
{
    const tj_ex like = {.kind = TJ_EX_MATRIX, .n_rows = (uint32_t)rows};
    return tj_make_like(d, &like, entries, rows * columns);
}

/* Each entry of an array: times or over a value, or its opposite (by NULL). */
static const tj_ex *each(tj_deciding *d, const tj_ex *array, tj_ex_kind kind, const tj_ex *by)
{
    const tj_ex *entries[MAX_ENTRIES];
    if (array->n_args > MAX_ENTRIES) {
        return array;
    }
    for (size_t i = 0; i < array->n_args; i++) {
        entries[i] = by == NULL ? tj_make_1(d, kind, array->args[i])
                                : tj_make_2(d, kind, array->args[i], by);
    }
    return tj_make_like(d, array, entries, array->n_args);
}

static const tj_ex *sum(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    const tj_ex *entries[MAX_ENTRIES];
    if (a->n_args != b->n_args || n_rows(a) != n_rows(b) || a->n_args > MAX_ENTRIES) {
        return NULL;
    }
    for (size_t i = 0; i < a->n_args; i++) {
        entries[i] = tj_make_2(d, TJ_EX_ADD, a->args[i], b->args[i]);
    }
    return tj_make_like(d, a, entries, a->n_args);
}

static const tj_ex *product(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    const tj_ex *entries[MAX_ENTRIES];
    size_t m = n_rows(a), k = n_columns(a), n = n_columns(b);
    if (k != n_rows(b) || m * n > MAX_ENTRIES || m * n == 0) {
        return NULL;
    }
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            const tj_ex *all = NULL;
            for (size_t s = 0; s < k; s++) {
                const tj_ex *one = tj_make_2(d, TJ_EX_MUL, a->args[i * k + s], b->args[s * n + j]);
                all = s == 0 ? one : tj_make_2(d, TJ_EX_ADD, all, one);
            }
            entries[i * n + j] = all;
        }
    }
    return make_matrix(d, entries, m, n);
}

static const tj_ex *transpose(tj_deciding *d, const tj_ex *a)
{
    const tj_ex *entries[MAX_ENTRIES];
    size_t m = n_rows(a), n = n_columns(a);
    if (a->n_args > MAX_ENTRIES) {
        return NULL;
    }
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            entries[j * m + i] = a->args[i * n + j];
        }
    }
    return make_matrix(d, entries, n, m);
}

/* By the first row, of an n x n array of entries. */
static const tj_ex *determinant(tj_deciding *d, const tj_ex *const *entries, size_t n)
{
    const tj_ex *minor[MAX_DETERMINANT * MAX_DETERMINANT], *all = NULL;
    if (n == 1) {
        return entries[0];
    }
    for (size_t column = 0; column < n; column++) {
        size_t at = 0;
        for (size_t i = n; i < n * n; i++) {
            if (i % n != column) {
                minor[at++] = entries[i];
            }
        }
        const tj_ex *term = tj_make_2(d, TJ_EX_MUL, entries[column], determinant(d, minor, n - 1));
        term = column % 2 == 1 ? tj_make_1(d, TJ_EX_NEG, term) : term;
        all = column == 0 ? term : tj_make_2(d, TJ_EX_ADD, all, term);
    }
    return all;
}

static const tj_ex *length(tj_deciding *d, const tj_ex *vector)
{
    const tj_ex *all = NULL;
    for (size_t i = 0; i < vector->n_args; i++) {
        const tj_ex *size = tj_make_call(d, TJ_FN_ABS, vector->args[i], NULL);
        const tj_ex *square = tj_make_2(d, TJ_EX_POW, size, tj_make_int(d, 2));
        all = i == 0 ? square : tj_make_2(d, TJ_EX_ADD, all, square);
    }
    return tj_make_call(d, TJ_FN_SQRT, all, NULL);
}

static const tj_ex *call(tj_deciding *d, const tj_ex *ex)
{
    const tj_ex *a = ex->args[0];
    size_t m = n_rows(a), n = n_columns(a);
    if (ex->id == TJ_FN_TRANSPOSE && a->kind == TJ_EX_MATRIX) {
        return transpose(d, a);
    }
    if (ex->id == TJ_FN_ABS && (a->kind == TJ_EX_TUPLE || m == 1 || n == 1) && m * n > 1) {
        return length(d, a);
    }
    if ((ex->id == TJ_FN_DET || ex->id == TJ_FN_ABS) && a->kind == TJ_EX_MATRIX && m == n &&
        n > 0 && n <= MAX_DETERMINANT) {
        return determinant(d, a->args, n);
    }
    return NULL;
}

/* Factors from left to right; numbers go into the entries. */
static const tj_ex *multiply(tj_deciding *d, const tj_ex *ex)
{
    const tj_ex *all = ex->args[0];
    for (size_t i = 1; i < ex->n_args && all != NULL; i++) {
        const tj_ex *next = ex->args[i];
        if (is_array(all) && is_array(next)) {
            all = all->kind == TJ_EX_MATRIX ? product(d, all, next) : NULL;
        } else if (is_array(all)) {
            all = each(d, all, TJ_EX_MUL, next);
        } else if (is_array(next)) {
            all = each(d, next, TJ_EX_MUL, all);
        } else {
            all = tj_make_2(d, TJ_EX_MUL, all, next);
        }
    }
    return all;
}

/* The inverse: cofactors over the determinant, for up to 3 rows. */
static const tj_ex *inverse(tj_deciding *d, const tj_ex *a)
{
    const tj_ex *entries[9], *minor[4];
    size_t n = n_rows(a);
    if (n < 2 || n > 3) {
        return NULL;
    }
    const tj_ex *all = determinant(d, a->args, n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            size_t at = 0;
            for (size_t k = 0; k < n * n; k++) {
                if (k / n != j && k % n != i) { /* transposed */
                    minor[at++] = a->args[k];
                }
            }
            const tj_ex *one = determinant(d, minor, n - 1);
            one = (i + j) % 2 == 1 ? tj_make_1(d, TJ_EX_NEG, one) : one;
            entries[i * n + j] = tj_make_2(d, TJ_EX_DIV, one, all);
        }
    }
    return make_matrix(d, entries, n, n);
}

/* A^2, A^-1, A^T. */
static const tj_ex *power(tj_deciding *d, const tj_ex *ex)
{
    tj_small n;
    const tj_ex *base = ex->args[0], *exponent = ex->args[1], *all = base;
    if (base->kind == TJ_EX_MATRIX && exponent->kind == TJ_EX_SYMBOL &&
        strcmp(exponent->text, "T") == 0) {
        return transpose(d, base);
    }
    if (base->kind != TJ_EX_MATRIX || !tj_small_from(&n, exponent) || n.den != 1 ||
        n_rows(base) != n_columns(base) || base->n_args > 9) {
        return NULL;
    }
    if (n.num == -1) {
        return inverse(d, base);
    }
    for (int64_t i = 1; i < n.num && all != NULL; i++) {
        all = n.num > 4 ? NULL : product(d, all, base);
    }
    return n.num < 1 ? NULL : all;
}

/* ex, whose arguments are worked out and one of which is an array; NULL: it stays. */
static const tj_ex *work_out(tj_deciding *d, const tj_ex *ex)
{
    const tj_ex *all;
    switch (ex->kind) {
    case TJ_EX_NEG:
        return each(d, ex->args[0], TJ_EX_NEG, NULL);
    case TJ_EX_ADD:
        all = ex->args[0];
        for (size_t i = 1; i < ex->n_args && all != NULL; i++) {
            all = is_array(all) && is_array(ex->args[i]) ? sum(d, all, ex->args[i]) : NULL;
        }
        return all;
    case TJ_EX_MUL:
        return multiply(d, ex);
    case TJ_EX_DIV:
        return is_array(ex->args[1]) ? NULL : each(d, ex->args[0], TJ_EX_DIV, ex->args[1]);
    case TJ_EX_POW:
        return power(d, ex);
    case TJ_EX_CALL:
        return ex->n_args == 1 ? call(d, ex) : NULL;
    default:
        return NULL;
    }
}

const tj_ex *tj_work_out_matrices(tj_deciding *d, const tj_ex *ex)
{
    if (ex == NULL || (!tj_has_kind(ex, TJ_EX_MATRIX) && !tj_has_kind(ex, TJ_EX_TUPLE))) {
        return ex;
    }
    const tj_ex **args = tj_arena_calloc(d->arena, ex->n_args, sizeof *args);
    if (args == NULL) {
        d->no_memory = true;
        return NULL;
    }
    bool changed = false, has_array = false;
    for (size_t i = 0; i < ex->n_args; i++) {
        args[i] = tj_work_out_matrices(d, ex->args[i]);
        if (args[i] == NULL) {
            return NULL;
        }
        changed = changed || args[i] != ex->args[i];
        has_array = has_array || is_array(args[i]);
    }
    const tj_ex *made = changed ? tj_make_like(d, ex, args, ex->n_args) : ex;
    const tj_ex *result = made != NULL && has_array ? work_out(d, made) : NULL;
    return result != NULL ? result : made;
}
