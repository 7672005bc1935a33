/* Nodes are plain data in an arena; comparing and printing recurse, which TJ_EX_MAX_DEPTH bounds.
 */
#include "grade/expr.h"

#include <string.h>

tj_ex *tj_ex_new(tj_arena *arena, tj_ex_kind kind, size_t n_args)
{
    tj_ex *ex = tj_arena_calloc(arena, 1, sizeof *ex);
    const tj_ex **args = n_args == 0 ? NULL : tj_arena_calloc(arena, n_args, sizeof *args);
    if (ex == NULL || (args == NULL && n_args > 0)) {
        return NULL;
    }
    ex->kind = kind;
    ex->n_args = (uint32_t)n_args;
    ex->args = args;
    return ex;
}

tj_ex *tj_ex_fill(tj_ex *ex, const tj_ex *a, const tj_ex *b)
{
    if (ex == NULL || a == NULL || (ex->n_args == 2 && b == NULL)) {
        return NULL;
    }
    ex->args[0] = a;
    if (ex->n_args == 2) {
        ex->args[1] = b;
    }
    return ex;
}

size_t tj_ex_digits(char digits[TJ_EX_INT_DIGITS], uint64_t value)
{
    char backwards[TJ_EX_INT_DIGITS];
    size_t n = 0;
    do {
        backwards[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < n; i++) {
        digits[i] = backwards[n - 1 - i];
    }
    return n;
}

tj_ex *tj_ex_unary(tj_arena *arena, tj_ex_kind kind, const tj_ex *a)
{
    return tj_ex_fill(tj_ex_new(arena, kind, 1), a, NULL);
}

tj_ex *tj_ex_binary(tj_arena *arena, tj_ex_kind kind, const tj_ex *a, const tj_ex *b)
{
    return tj_ex_fill(tj_ex_new(arena, kind, 2), a, b);
}

tj_ex *tj_ex_call(tj_arena *arena, tj_ex_fn fn, const tj_ex *a, const tj_ex *b)
{
    tj_ex *ex = tj_ex_fill(tj_ex_new(arena, TJ_EX_CALL, b == NULL ? 1 : 2), a, b);
    if (ex != NULL) {
        ex->id = (int32_t)fn;
    }
    return ex;
}

static tj_ex *natural(tj_arena *arena, uint64_t value)
{
    char digits[TJ_EX_INT_DIGITS];
    size_t n = tj_ex_digits(digits, value);
    tj_ex *ex = tj_ex_new(arena, TJ_EX_NUMBER, 0);
    char *copy = tj_arena_strndup(arena, digits, n);
    if (ex == NULL || copy == NULL) {
        return NULL;
    }
    ex->num = (tj_ex_num){.digits = copy, .n_digits = (uint32_t)n, .base = 10};
    return ex;
}

tj_ex *tj_ex_integer(tj_arena *arena, int64_t value)
{
    if (value >= 0) {
        return natural(arena, (uint64_t)value);
    }
    return tj_ex_unary(arena, TJ_EX_NEG, natural(arena, 0 - (uint64_t)value));
}

/* ------------------------------------------------------------ order */

static int order_of(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_text(const char *a, const char *b)
{
    if (a == NULL || b == NULL) {
        return (a != NULL) - (b != NULL);
    }
    return strcmp(a, b);
}

static int compare_numbers(const tj_ex_num *a, const tj_ex_num *b)
{
    const int64_t left[] = {a->base,     a->is_decimal, a->exponent,
                            a->n_digits, a->n_frac,     a->n_repeat};
    const int64_t right[] = {b->base,     b->is_decimal, b->exponent,
                             b->n_digits, b->n_frac,     b->n_repeat};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        if (left[i] != right[i]) {
            return order_of(left[i], right[i]);
        }
    }
    return memcmp(a->digits, b->digits, a->n_digits);
}

int tj_ex_compare(const tj_ex *a, const tj_ex *b)
{
    int order = order_of(a->kind, b->kind);
    order = order != 0 ? order : order_of(a->id, b->id);
    order = order != 0 ? order : order_of(a->n_args, b->n_args);
    order = order != 0 ? order : order_of(a->n_rows, b->n_rows);
    order = order != 0 ? order : compare_text(a->text, b->text);
    if (order == 0 && a->kind == TJ_EX_NUMBER) {
        order = compare_numbers(&a->num, &b->num);
    }
    if (order == 0 && a->kind == TJ_EX_QUANTITY) {
        order = tj_unit_compare(&a->unit, &b->unit);
    }
    for (uint32_t i = 0; order == 0 && a->kind == TJ_EX_RELATION && i + 1 < a->n_args; i++) {
        order = order_of(a->rels[i], b->rels[i]);
    }
    for (uint32_t i = 0; order == 0 && i < a->n_args; i++) {
        order = tj_ex_compare(a->args[i], b->args[i]);
    }
    return order;
}

/* ------------------------------------------------------------ functions */

const char *tj_ex_fn_name(tj_ex_fn fn)
{
    static const char *const names[] = {
        [TJ_FN_SQRT] = "sqrt",
        [TJ_FN_ROOT] = "root",
        [TJ_FN_EXP] = "exp",
        [TJ_FN_LN] = "ln",
        [TJ_FN_LOG] = "log",
        [TJ_FN_SIN] = "sin",
        [TJ_FN_COS] = "cos",
        [TJ_FN_TAN] = "tan",
        [TJ_FN_COT] = "cot",
        [TJ_FN_SEC] = "sec",
        [TJ_FN_CSC] = "csc",
        [TJ_FN_ASIN] = "asin",
        [TJ_FN_ACOS] = "acos",
        [TJ_FN_ATAN] = "atan",
        [TJ_FN_ACOT] = "acot",
        [TJ_FN_ASEC] = "asec",
        [TJ_FN_ACSC] = "acsc",
        [TJ_FN_SINH] = "sinh",
        [TJ_FN_COSH] = "cosh",
        [TJ_FN_TANH] = "tanh",
        [TJ_FN_ASINH] = "asinh",
        [TJ_FN_ACOSH] = "acosh",
        [TJ_FN_ATANH] = "atanh",
        [TJ_FN_ABS] = "abs",
        [TJ_FN_FLOOR] = "floor",
        [TJ_FN_CEIL] = "ceil",
        [TJ_FN_FACTORIAL] = "factorial",
        [TJ_FN_DOUBLE_FACTORIAL] = "doublefactorial",
        [TJ_FN_BINOMIAL] = "binomial",
        [TJ_FN_PERMUTATIONS] = "permutations",
        [TJ_FN_GCD] = "gcd",
        [TJ_FN_LCM] = "lcm",
        [TJ_FN_MIN] = "min",
        [TJ_FN_MAX] = "max",
        [TJ_FN_MOD] = "mod",
        [TJ_FN_SIGN] = "sign",
        [TJ_FN_RE] = "re",
        [TJ_FN_IM] = "im",
        [TJ_FN_CONJ] = "conj",
        [TJ_FN_ARG] = "arg",
        [TJ_FN_DET] = "det",
        [TJ_FN_TRANSPOSE] = "transpose",
    };
    return names[fn];
}
