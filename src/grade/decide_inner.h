/* Inside of decide: what the files that decide share. Functions that give a tj_decision cannot
 * fail: a lack of memory is noted in the tj_deciding and becomes an error in tj_decide().
 *
 * Ownership: trees and strings that are made live in the arena of the decision.
 * Threads:   one decision belongs to one thread.
 */
#ifndef TJ_GRADE_DECIDE_INNER_H
#define TJ_GRADE_DECIDE_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "grade/decide.h"
#include "grade/decide_budget.h"
#include "grade/expr.h"

/* A decision under way. */
typedef struct tj_deciding {
    const tj_grade_options *options;
    tj_buf *text; /* scratch for printing */
    tj_arena *arena;
    tj_work work;
    size_t n_made;  /* nodes made by rewriting */
    bool swapped;   /* the caller's a is our b: told in witnesses in the caller's order */
    bool no_memory; /* the arena is exhausted */
} tj_deciding;

/* What an engine found out about a tree or a pair of trees. */
typedef enum tj_eval {
    TJ_EVAL_OK,
    TJ_EVAL_UNDEFINED, /* a division by zero, log 0: proved to have no value */
    TJ_EVAL_OTHER,     /* not of this engine's kind: another one may know */
    TJ_EVAL_LIMIT      /* the budget does not reach */
} tj_eval;

/* Values for letters: rationals num / den. Inner bindings (of a sum's index) come last. */
typedef struct tj_point {
    size_t n;
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    int64_t num[TJ_DECIDE_MAX_SYMBOLS], den[TJ_DECIDE_MAX_SYMBOLS]; /* den > 0 */
} tj_point;

/* ---- decisions ---- */
tj_decision tj_decided(tj_verdict verdict, const char *method, const char *reason);
tj_decision tj_undecided(const char *reason);
/* printf into the arena; "" (and no_memory) when it is exhausted. */
const char *tj_decide_say(tj_deciding *d, const char *fmt, ...) TJ_PRINTF(2, 3);
/* "u and v", or "v and u" where the sides are swapped. */
const char *tj_decide_both(tj_deciding *d, const char *u, const char *v);
/* The tree as text in the arena, cut to a line. */
const char *tj_decide_text(tj_deciding *d, const tj_ex *ex);
/* The weaker of two decisions that must both hold for equality: different before undecided before
 * equal; of two equal ones the one whose method proves less. */
tj_decision tj_decide_weaker(tj_decision a, tj_decision b);

/* The whole comparison, for any two trees: recursion for elements of structures. */
tj_decision tj_decide_pair(tj_deciding *d, const tj_ex *a, const tj_ex *b);

/* ---- trees (decide_tree.c): NULL (and no_memory) when the arena is exhausted; arguments may be
 * NULL, the result is then NULL; questions are answered by no, so that a chain of makers needs no
 * checks ---- */
const tj_ex *tj_make_int(tj_deciding *d, int64_t value);
const tj_ex *tj_make_const(tj_deciding *d, tj_ex_const id);
const tj_ex *tj_make_symbol(tj_deciding *d, const char *name); /* keeps the name */
const tj_ex *tj_make_1(tj_deciding *d, tj_ex_kind kind, const tj_ex *a);
const tj_ex *tj_make_2(tj_deciding *d, tj_ex_kind kind, const tj_ex *a, const tj_ex *b);
const tj_ex *tj_make_call(tj_deciding *d, tj_ex_fn fn, const tj_ex *a, const tj_ex *b);
const tj_ex *tj_make_difference(tj_deciding *d, const tj_ex *a, const tj_ex *b);
/* ex with other arguments. */
const tj_ex *tj_make_like(tj_deciding *d, const tj_ex *ex, const tj_ex *const *args, size_t n);
/* ex with every free `name` replaced. */
const tj_ex *tj_substitute(tj_deciding *d, const tj_ex *ex, const char *name, const tj_ex *by);
/* Adds the free symbols of ex to names[*n], sorted, each once; false when there are more than
 * TJ_DECIDE_MAX_SYMBOLS. Unknown functions are not among them. */
bool tj_free_symbols(const tj_ex *ex, const char *names[TJ_DECIDE_MAX_SYMBOLS], size_t *n);
bool tj_has_symbol(const tj_ex *ex, const char *name);
bool tj_has_kind(const tj_ex *ex, tj_ex_kind kind);
bool tj_has_const(const tj_ex *ex, tj_ex_const id);
/* A value: arithmetic from numbers, constants, symbols and functions. */
bool tj_is_scalar(const tj_ex *ex);
/* A polynomial in the letter (and in values of unknown functions) by its form: defined everywhere,
 * as its normal form is. */
bool tj_is_polynomial(const tj_ex *ex, const char *letter);
/* Is every operation in ex certain to be defined, whatever the symbols are worth? */
bool tj_is_total(const tj_ex *ex);
/* 3, -0.25, the literal below signs; NULL if ex is no literal. */
const tj_ex *tj_literal(const tj_ex *ex, bool *is_negative);
bool tj_is_int(const tj_ex *ex, int64_t value);
/* The same tree flattened and sorted, with one spelling of each function (decide_form.c). */
const tj_ex *tj_canonical(tj_deciding *d, const tj_ex *ex);

/* ---- small rationals (decide_small.c) ---- */
typedef struct tj_small {
    int64_t num, den; /* lowest terms, den > 0 */
} tj_small;
/* The value of a tree of numbers and + - * / and small powers, if all of it fits 63 bits; false
 * otherwise (too large, undefined, or of another kind). */
bool tj_small_from(tj_small *out, const tj_ex *ex);

/* ---- values (decide_number.c) ---- */
typedef enum tj_order {
    TJ_ORDER_LESS,
    TJ_ORDER_EQUAL,
    TJ_ORDER_GREATER,
    TJ_ORDER_UNEQUAL, /* not real, or the order is not known, but not equal */
    TJ_ORDER_UNDEFINED,
    TJ_ORDER_UNKNOWN
} tj_order;
/* Compares the values of two trees without free symbols. *method tells how (static);
 * infinities are allowed. */
tj_order tj_decide_order(tj_deciding *d, const char **method, const tj_ex *a, const tj_ex *b);
/* Scalars: constants or functions of their letters. */
tj_decision tj_decide_scalars(tj_deciding *d, const tj_ex *a, const tj_ex *b);
/* Is a decimal literal the value of the other, rounded at its last digit? Neither has letters, and
 * they are known to differ. */
bool tj_decide_rounded(tj_deciding *d, const char **reason, const tj_ex *a, const tj_ex *b);
/* Functions of letters (decide_function.c). */
tj_decision tj_decide_functions(tj_deciding *d, const tj_ex *a, const tj_ex *b);
/* "x = -1, y = 2". */
const char *tj_point_text(tj_deciding *d, const tj_point *at);
/* Are they the same, seen by normal forms alone? */
bool tj_decide_identical(tj_deciding *d, const tj_ex *a, const tj_ex *b);
/* The exact value of a constant tree if it is a rational of 63 bits. */
bool tj_decide_rational(tj_deciding *d, tj_small *out, const tj_ex *ex);

#endif
