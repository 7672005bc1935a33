/* Tuples, lists, sets and matrices (docs/grader.md, "Several answers"). */
#include "grade/decide_structure.h"

#include "grade/decide_relation.h"
#include "grade/decide_unit.h"

bool tj_is_structure(const tj_ex *ex)
{
    return ex->kind == TJ_EX_TUPLE || ex->kind == TJ_EX_LIST || ex->kind == TJ_EX_SET ||
           ex->kind == TJ_EX_MATRIX;
}

static tj_decision other_size(tj_deciding *d, size_t n_a, size_t n_b)
{
    tj_decision out = tj_decided(TJ_VERDICT_DIFFERENT, "elements", "the sizes differ");
    out.witness = tj_decide_both(d, tj_decide_say(d, "%zu elements", n_a),
                                 tj_decide_say(d, "%zu elements", n_b));
    return out;
}

tj_decision tj_decide_elements(tj_deciding *d, const tj_ex *const *a, const tj_ex *const *b,
                               size_t n)
{
    tj_decision all = tj_decided(TJ_VERDICT_EQUAL, "same form", "the elements are equal");
    for (size_t i = 0; i < n; i++) {
        tj_decision one = tj_decide_pair(d, a[i], b[i]);
        if (one.verdict == TJ_VERDICT_DIFFERENT) {
            one.witness = one.witness[0] == '\0'
                              ? tj_decide_say(d, "element %zu", i + 1)
                              : tj_decide_say(d, "element %zu: %s", i + 1, one.witness);
            return one;
        }
        all = tj_decide_weaker(all, one);
    }
    return all;
}

/* Has b an element equal to x? EQUAL, DIFFERENT (from all), UNDECIDED. */
static tj_decision find(tj_deciding *d, const tj_ex *x, const tj_ex *b)
{
    bool undecided = false;
    for (size_t j = 0; j < b->n_args; j++) {
        tj_decision one = tj_decide_pair(d, x, b->args[j]);
        if (one.verdict == TJ_VERDICT_EQUAL) {
            return one;
        }
        undecided = undecided || one.verdict == TJ_VERDICT_UNDECIDED;
    }
    if (undecided) {
        return tj_undecided("whether some elements are equal is not decided");
    }
    tj_decision out = tj_decided(TJ_VERDICT_DIFFERENT, "sets", "an element is in only one of them");
    out.witness = tj_decide_text(d, x);
    return out;
}

/* Every element of each is in the other; repetitions do not count. */
static tj_decision decide_as_sets(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    if ((a->n_args > 0) != (b->n_args > 0)) {
        return other_size(d, a->n_args, b->n_args);
    }
    if (a->n_args > TJ_DECIDE_MAX_ELEMENTS || b->n_args > TJ_DECIDE_MAX_ELEMENTS) {
        return tj_undecided("there are too many elements");
    }
    tj_decision all = tj_decided(TJ_VERDICT_EQUAL, "same form", "the sets are equal");
    for (size_t i = 0; i < a->n_args; i++) {
        all = tj_decide_weaker(all, find(d, a->args[i], b));
    }
    for (size_t j = 0; j < b->n_args && all.verdict != TJ_VERDICT_DIFFERENT; j++) {
        tj_decision one = find(d, b->args[j], a);
        if (one.verdict != TJ_VERDICT_EQUAL) {
            all = tj_decide_weaker(all, one);
        }
    }
    return all;
}

static size_t n_columns(const tj_ex *matrix)
{
    return matrix->n_rows == 0 ? 0 : matrix->n_args / matrix->n_rows;
}

/* One row or one column: the same as a tuple. */
static bool is_vector(const tj_ex *ex)
{
    return ex->kind == TJ_EX_MATRIX && (ex->n_rows == 1 || n_columns(ex) == 1);
}

static bool is_ordered(const tj_ex *ex)
{
    return ex->kind == TJ_EX_TUPLE || ex->kind == TJ_EX_LIST || is_vector(ex);
}

/* "1 or 2", "x = 1, x = 2": one of them is meant, so that their order says nothing. */
static bool are_alternatives(const tj_ex *ex)
{
    if (ex->kind != TJ_EX_LIST || ex->id == 1) {
        return ex->kind == TJ_EX_LIST;
    }
    const tj_ex *first = NULL, *name;
    for (size_t i = 0; i < ex->n_args; i++) {
        if (tj_named_answer(ex->args[i], &name) == NULL ||
            (first != NULL && tj_ex_compare(first, name) != 0)) {
            return false;
        }
        first = name;
    }
    return first != NULL;
}

static tj_decision decide_matrices(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    if (a->n_rows != b->n_rows || a->n_args != b->n_args) {
        tj_decision out = tj_decided(TJ_VERDICT_DIFFERENT, "elements", "the sizes differ");
        const char *u = tj_decide_say(d, "%u x %zu", a->n_rows, n_columns(a));
        const char *v = tj_decide_say(d, "%u x %zu", b->n_rows, n_columns(b));
        out.witness = tj_decide_both(d, u, v);
        return out;
    }
    return tj_decide_elements(d, a->args, b->args, a->n_args);
}

/* A tuple of tuples against a matrix: row by row. */
static tj_decision decide_rows(tj_deciding *d, const tj_ex *rows, const tj_ex *matrix, bool swap)
{
    size_t n = n_columns(matrix);
    tj_decision all = tj_decided(TJ_VERDICT_EQUAL, "same form", "the elements are equal");
    if (rows->n_args != matrix->n_rows) {
        return other_size(d, swap ? matrix->n_rows : rows->n_args,
                          swap ? rows->n_args : matrix->n_rows);
    }
    for (size_t i = 0; i < rows->n_args; i++) {
        const tj_ex *row = rows->args[i];
        if (row->kind != TJ_EX_TUPLE || row->n_args != n) {
            return tj_decided(TJ_VERDICT_DIFFERENT, "elements", "the rows differ in size");
        }
        const tj_ex *const *u = row->args, *const *v = matrix->args + i * n;
        all = tj_decide_weaker(all, tj_decide_elements(d, swap ? v : u, swap ? u : v, n));
    }
    return all;
}

tj_decision tj_decide_structures(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    bool a_is = tj_is_structure(a), b_is = tj_is_structure(b);
    if (!a_is || !b_is) { /* a set or list of one is its element */
        const tj_ex *one = a_is ? a : b, *value = a_is ? b : a;
        if (one->kind == TJ_EX_SET || one->kind == TJ_EX_LIST) {
            const tj_ex *set = tj_make_1(d, one->kind, value);
            if (set == NULL) {
                return tj_undecided("");
            }
            return tj_decide_structures(d, a_is ? a : set, a_is ? set : b);
        }
        return tj_is_scalar(value) || tj_is_quantity(value)
                   ? tj_decided(TJ_VERDICT_DIFFERENT, "kinds",
                                "only one of them has several values")
                   : tj_undecided("there is no rule for such a pair");
    }
    if (a->kind == TJ_EX_SET || b->kind == TJ_EX_SET) {
        bool unordered = (a->kind == TJ_EX_SET || a->kind == TJ_EX_LIST) &&
                         (b->kind == TJ_EX_SET || b->kind == TJ_EX_LIST);
        return unordered ? decide_as_sets(d, a, b)
                         : tj_decided(TJ_VERDICT_DIFFERENT, "kinds",
                                      "one is a set, the other has an order");
    }
    if (a->kind == TJ_EX_LIST && b->kind == TJ_EX_LIST) {
        return a->n_args == b->n_args ? tj_decide_match(d, a->args, b->args, a->n_args)
                                      : other_size(d, a->n_args, b->n_args);
    }
    if (a->kind == TJ_EX_MATRIX && b->kind == TJ_EX_MATRIX) {
        return decide_matrices(d, a, b);
    }
    if (are_alternatives(a) || are_alternatives(b)) {
        return tj_decided(TJ_VERDICT_DIFFERENT, "kinds", "only one of them has an order");
    }
    if (is_ordered(a) && is_ordered(b)) {
        return a->n_args == b->n_args ? tj_decide_elements(d, a->args, b->args, a->n_args)
                                      : other_size(d, a->n_args, b->n_args);
    }
    return a->kind == TJ_EX_MATRIX ? decide_rows(d, b, a, true) : decide_rows(d, a, b, false);
}
