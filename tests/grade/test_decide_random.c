/* A second way to each verdict, for random trees: values in complex doubles, products of
 * polynomials by convolution, sets of reals by membership, families by residues, lists by counting.
 */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/rng.h"
#include "deciding.h"

typedef struct world {
    tj_decider *decider;
    tj_arena arena;
    tj_rng rng;
} world;

static int open_world(void **state)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    tj_grade_options options = {.min_digits = 0}; /* no roundings: verdicts are of exact values */
    assert_int_equal(tj_decider_create(&w->decider, &options, NULL), TJ_OK);
    tj_arena_init(&w->arena, 0);
    tj_rng_init(&w->rng, 1, 0, 0, 0);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;
    tj_decider_destroy(w->decider);
    tj_arena_deinit(&w->arena);
    free(w);
    return 0;
}

static uint32_t below(world *w, uint32_t n)
{
    return (uint32_t)tj_rng_below(&w->rng, n);
}

static const tj_ex *number(world *w, int64_t value)
{
    const tj_ex *ex = tj_ex_integer(&w->arena, value < 0 ? -value : value);
    return value < 0 ? tj_ex_unary(&w->arena, TJ_EX_NEG, ex) : ex;
}

static const tj_ex *two(world *w, tj_ex_kind kind, const tj_ex *a, const tj_ex *b)
{
    return tj_ex_binary(&w->arena, kind, a, b);
}

static const tj_ex *symbol(world *w, const char *name)
{
    tj_ex *ex = tj_ex_new(&w->arena, TJ_EX_SYMBOL, 0);
    ex->text = name;
    return ex;
}

static const char *text_of(const tj_ex *ex)
{
    static tj_buf buf;
    tj_buf_clear(&buf);
    tj_ex_show(&buf, ex);
    return tj_buf_text(&buf);
}

/* ---- constants ---- */

static const tj_ex *constant(world *w, int depth)
{
    uint32_t kind = depth == 0 ? below(w, 3) : below(w, 12);
    switch (kind) {
    case 0:
    case 1:
        return number(w, (int64_t)below(w, 7) - 2);
    case 2: {
        tj_ex *ex = tj_ex_new(&w->arena, TJ_EX_CONST, 0);
        ex->id = (int32_t)below(w, 3); /* pi, e, i */
        return ex;
    }
    case 3:
    case 4:
        return two(w, TJ_EX_ADD, constant(w, depth - 1), constant(w, depth - 1));
    case 5:
    case 6:
        return two(w, TJ_EX_MUL, constant(w, depth - 1), constant(w, depth - 1));
    case 7:
        return two(w, TJ_EX_DIV, constant(w, depth - 1), constant(w, depth - 1));
    case 8:
        return two(w, TJ_EX_POW, constant(w, depth - 1), number(w, (int64_t)below(w, 4)));
    case 9:
        return tj_ex_call(&w->arena, TJ_FN_SQRT, constant(w, depth - 1), NULL);
    case 10:
        return tj_ex_unary(&w->arena, TJ_EX_NEG, constant(w, depth - 1));
    default: {
        static const tj_ex_fn fns[] = {TJ_FN_SIN, TJ_FN_COS,  TJ_FN_EXP,
                                       TJ_FN_LN,  TJ_FN_ATAN, TJ_FN_ABS};
        return tj_ex_call(&w->arena, fns[below(w, 6)], constant(w, depth - 1), NULL);
    }
    }
}

/* A negative zero as imaginary part would turn roots of negative numbers. */
static double complex off_cut(double complex a)
{
    double complex real = creal(a);
    return cimag(a) == 0 ? real : a;
}

/* The value in doubles; NAN where it is not computed safely: overflow, and branch cuts, whose side
 * rounding may change. */
static double complex value_of(const tj_ex *ex)
{
    const double complex unknown = (double)NAN;
    double complex a = ex->n_args > 0 ? value_of(ex->args[0]) : 0, b = 0;
    if (ex->n_args > 1) {
        b = value_of(ex->args[1]);
    }
    bool on_cut = creal(a) < 0 && fabs(cimag(a)) < 1e-9 && cimag(a) != 0;
    switch (ex->kind) {
    case TJ_EX_NUMBER:
        return strtod(ex->num.digits, NULL);
    case TJ_EX_CONST:
        return ex->id == TJ_CONST_PI  ? acos(-1.0)
               : ex->id == TJ_CONST_E ? exp(1.0)
                                      : (double complex)I;
    case TJ_EX_ADD:
        return a + b;
    case TJ_EX_MUL:
        return a * b;
    case TJ_EX_NEG:
        return -a;
    case TJ_EX_DIV:
        return cabs(b) < 1e-9 ? unknown : a / b;
    case TJ_EX_POW: {
        double complex power = 1;
        for (int n = (int)creal(b); n > 0; n--) {
            power *= a;
        }
        return creal(b) <= 0 && !(cabs(a) > 1e-9) ? unknown : power; /* NAN^0 too */
    }
    default:
        switch ((tj_ex_fn)ex->id) {
        case TJ_FN_SQRT:
            return on_cut ? unknown : csqrt(off_cut(a));
        case TJ_FN_SIN:
            return csin(a);
        case TJ_FN_COS:
            return ccos(a);
        case TJ_FN_EXP:
            return cexp(a);
        case TJ_FN_LN:
            return on_cut || cabs(a) < 1e-9 ? unknown : clog(off_cut(a));
        case TJ_FN_ATAN:
            return fabs(creal(a)) < 1e-9 ? unknown : catan(a);
        default:
            return cabs(a);
        }
    }
}

static void verdicts_on_constants_agree_with_doubles(void **state)
{
    world *w = *state;
    size_t n_equal = 0, n_different = 0, n_undecided = 0;
    for (int i = 0; i < 4000; i++) {
        tj_arena_clear(&w->arena);
        const tj_ex *a = constant(w, 3), *b = constant(w, 3);
        double complex u = value_of(a), v = value_of(b);
        double size = 1 + cabs(u) + cabs(v), apart = cabs(u - v);
        if (!isfinite(size) || size > 1e6) {
            continue;
        }
        tj_verdict verdict = verdict_of_trees(w->decider, &w->arena, a, b);
        if (apart > 1e-6 * size && verdict != TJ_VERDICT_DIFFERENT) {
            fail_msg("%s: verdict %d, but %g+%gi and %g+%gi", text_of(two(w, TJ_EX_ADD, a, b)),
                     verdict, creal(u), cimag(u), creal(v), cimag(v));
        }
        n_equal += verdict == TJ_VERDICT_EQUAL;
        n_different += verdict == TJ_VERDICT_DIFFERENT;
        n_undecided += verdict == TJ_VERDICT_UNDECIDED;
    }
    assert_true(n_equal > 20 && n_different > 1000);
    assert_true(n_undecided * 100 < n_equal + n_different);
}

/* a + (b - b), (a c) / c, -(-a), a squared over a. */
static const tj_ex *rewritten(world *w, const tj_ex *a)
{
    const tj_ex *c = number(w, 2 + (int64_t)below(w, 5));
    const tj_ex *s = tj_ex_call(&w->arena, TJ_FN_SQRT, c, NULL);
    switch (below(w, 5)) {
    case 0:
        return two(w, TJ_EX_ADD, s, two(w, TJ_EX_ADD, a, tj_ex_unary(&w->arena, TJ_EX_NEG, s)));
    case 1:
        return two(w, TJ_EX_DIV, two(w, TJ_EX_MUL, a, s), s);
    case 2:
        return tj_ex_unary(&w->arena, TJ_EX_NEG, tj_ex_unary(&w->arena, TJ_EX_NEG, a));
    case 3:
        return two(w, TJ_EX_DIV, two(w, TJ_EX_MUL, a, c), two(w, TJ_EX_POW, s, number(w, 2)));
    default:
        return two(w, TJ_EX_ADD, two(w, TJ_EX_MUL, c, a),
                   two(w, TJ_EX_MUL,
                       two(w, TJ_EX_ADD, number(w, 1), tj_ex_unary(&w->arena, TJ_EX_NEG, c)), a));
    }
}

static void rewriting_a_value_never_makes_it_different(void **state)
{
    world *w = *state;
    size_t n_equal = 0, n = 0;
    for (int i = 0; i < 2000; i++) {
        tj_arena_clear(&w->arena);
        const tj_ex *a = constant(w, 3), *b = rewritten(w, a);
        tj_verdict verdict = verdict_of_trees(w->decider, &w->arena, a, b);
        if (verdict == TJ_VERDICT_DIFFERENT) {
            fail_msg("%s is different from itself rewritten", text_of(a));
        }
        n_equal += verdict == TJ_VERDICT_EQUAL;
        n += isfinite(cabs(value_of(a))) ? 1 : 0;
    }
    assert_true(n_equal * 100 > n * 95);
}

/* ---- polynomials ---- */

#define MAX_TERMS 8

static const tj_ex *polynomial(world *w, const int64_t *c, size_t n)
{
    const tj_ex *all = number(w, c[0]), *x = symbol(w, "x");
    for (size_t k = 1; k < n; k++) {
        const tj_ex *power = two(w, TJ_EX_POW, x, number(w, (int64_t)k));
        all = two(w, TJ_EX_ADD, two(w, TJ_EX_MUL, number(w, c[k]), power), all);
    }
    return all;
}

static void products_of_polynomials_are_their_convolutions(void **state)
{
    world *w = *state;
    for (int i = 0; i < 300; i++) {
        tj_arena_clear(&w->arena);
        int64_t p[MAX_TERMS] = {0}, q[MAX_TERMS] = {0}, r[2 * MAX_TERMS] = {0};
        size_t n_p = 1 + below(w, MAX_TERMS), n_q = 1 + below(w, MAX_TERMS);
        for (size_t k = 0; k < MAX_TERMS; k++) {
            p[k] = k < n_p ? (int64_t)below(w, 9) - 4 : 0;
            q[k] = k < n_q ? (int64_t)below(w, 9) - 4 : 0;
        }
        for (size_t j = 0; j < n_p; j++) {
            for (size_t k = 0; k < n_q; k++) {
                r[j + k] += p[j] * q[k];
            }
        }
        const tj_ex *product = two(w, TJ_EX_MUL, polynomial(w, p, n_p), polynomial(w, q, n_q));
        const tj_ex *expanded = polynomial(w, r, n_p + n_q);
        assert_int_equal(verdict_of_trees(w->decider, &w->arena, product, expanded),
                         TJ_VERDICT_EQUAL);
        r[below(w, (uint32_t)(n_p + n_q))]++;
        const tj_ex *other = polynomial(w, r, n_p + n_q);
        assert_int_equal(verdict_of_trees(w->decider, &w->arena, product, other),
                         TJ_VERDICT_DIFFERENT);
    }
}

/* ---- sets of reals ---- */

typedef struct piece {
    int low, high, closed; /* closed: TJ_EX_OPEN_* bits */
} piece;

#define MAX_PIECES 4

static const tj_ex *union_of(world *w, const piece *pieces, size_t n)
{
    tj_ex *all = tj_ex_new(&w->arena, TJ_EX_UNION, n);
    for (size_t i = 0; i < n; i++) {
        tj_ex *one = tj_ex_new(&w->arena, TJ_EX_INTERVAL, 2);
        one->args[0] = number(w, pieces[i].low);
        one->args[1] = number(w, pieces[i].high);
        one->id = pieces[i].closed;
        all->args[i] = one;
    }
    return all;
}

/* x / 2 is in the union. */
static bool holds(const piece *pieces, size_t n, int x)
{
    for (size_t i = 0; i < n; i++) {
        int low = 2 * pieces[i].low, high = 2 * pieces[i].high;
        bool above = (pieces[i].closed & TJ_EX_OPEN_LOW) != 0 ? x > low : x >= low;
        bool below_high = (pieces[i].closed & TJ_EX_OPEN_HIGH) != 0 ? x < high : x <= high;
        if (above && below_high) {
            return true;
        }
    }
    return false;
}

static void unions_are_equal_when_they_hold_the_same_points(void **state)
{
    world *w = *state;
    size_t n_equal = 0;
    for (int i = 0; i < 3000; i++) {
        tj_arena_clear(&w->arena);
        piece sides[2][MAX_PIECES];
        size_t n[2];
        for (size_t s = 0; s < 2; s++) {
            n[s] = 2 + below(w, MAX_PIECES - 1);
            for (size_t k = 0; k < n[s]; k++) {
                int low = (int)below(w, 2);
                sides[s][k] = (piece){low, low + 1 + (int)below(w, 2), (int)below(w, 4)};
            }
        }
        bool same = true; /* ends are whole: whole and half numbers tell all */
        for (int x = -1; x <= 20; x++) {
            same = same && holds(sides[0], n[0], x) == holds(sides[1], n[1], x);
        }
        tj_verdict verdict = verdict_of_trees(w->decider, &w->arena, union_of(w, sides[0], n[0]),
                                              union_of(w, sides[1], n[1]));
        assert_int_equal(verdict, same ? TJ_VERDICT_EQUAL : TJ_VERDICT_DIFFERENT);
        n_equal += same;
    }
    assert_true(n_equal > 100);
}

/* ---- families ---- */

static const tj_ex *family(world *w, const int *starts, const int *periods, size_t n)
{
    tj_ex *values = tj_ex_new(&w->arena, TJ_EX_LIST, n);
    tj_ex *pi = tj_ex_new(&w->arena, TJ_EX_CONST, 0), *domain;
    for (size_t i = 0; i < n; i++) { /* (s + p k) pi / 6 */
        const tj_ex *steps = two(w, TJ_EX_MUL, number(w, periods[i]), symbol(w, "k"));
        const tj_ex *sum = two(w, TJ_EX_ADD, number(w, starts[i]), steps);
        values->args[i] = two(w, TJ_EX_DIV, two(w, TJ_EX_MUL, sum, pi), number(w, 6));
    }
    domain = tj_ex_new(&w->arena, TJ_EX_NUMBERS, 0);
    domain->id = TJ_NUMBERS_INTEGER;
    tj_ex *all = tj_ex_new(&w->arena, TJ_EX_FAMILY, 3);
    all->args[0] = values;
    all->args[1] = symbol(w, "k");
    all->args[2] = domain;
    return all;
}

static bool family_holds(const int *starts, const int *periods, size_t n, int x)
{
    for (size_t i = 0; i < n; i++) {
        if ((x - starts[i]) % periods[i] == 0) {
            return true;
        }
    }
    return false;
}

static void families_are_equal_when_they_have_the_same_residues(void **state)
{
    world *w = *state;
    size_t n_equal = 0;
    for (int i = 0; i < 400; i++) {
        tj_arena_clear(&w->arena);
        int starts[2][2], periods[2][2];
        for (size_t s = 0; s < 2; s++) {
            for (size_t k = 0; k < 2; k++) {
                starts[s][k] = (int)below(w, 4);
                periods[s][k] = 1 + (int)below(w, 4);
            }
        }
        bool same = true;
        for (int x = 0; x < 12; x++) { /* 12 is a multiple of 1, 2, 3 and 4 */
            same = same && family_holds(starts[0], periods[0], 2, x) ==
                               family_holds(starts[1], periods[1], 2, x);
        }
        tj_verdict verdict =
            verdict_of_trees(w->decider, &w->arena, family(w, starts[0], periods[0], 2),
                             family(w, starts[1], periods[1], 2));
        assert_int_equal(verdict, same ? TJ_VERDICT_EQUAL : TJ_VERDICT_DIFFERENT);
        n_equal += same;
    }
    assert_true(n_equal > 20);
}

/* ---- lists ---- */

static void lists_are_equal_when_each_value_is_as_frequent(void **state)
{
    world *w = *state;
    size_t n_equal = 0;
    for (int i = 0; i < 2000; i++) {
        tj_arena_clear(&w->arena);
        size_t n = 2 + below(w, 4);
        int counts[2][3] = {{0}, {0}};
        tj_ex *lists[2];
        for (size_t s = 0; s < 2; s++) {
            lists[s] = tj_ex_new(&w->arena, TJ_EX_LIST, n);
            for (size_t k = 0; k < n; k++) {
                uint32_t value = below(w, 3);
                counts[s][value]++;
                const tj_ex *square = number(w, (int64_t)value * (int64_t)value);
                lists[s]->args[k] = below(w, 2) == 0
                                        ? number(w, (int64_t)value)
                                        : tj_ex_call(&w->arena, TJ_FN_SQRT, square, NULL);
            }
        }
        bool same = memcmp(counts[0], counts[1], sizeof counts[0]) == 0;
        assert_int_equal(verdict_of_trees(w->decider, &w->arena, lists[0], lists[1]),
                         same ? TJ_VERDICT_EQUAL : TJ_VERDICT_DIFFERENT);
        n_equal += same;
    }
    assert_true(n_equal > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_on_constants_agree_with_doubles),
        cmocka_unit_test(rewriting_a_value_never_makes_it_different),
        cmocka_unit_test(products_of_polynomials_are_their_convolutions),
        cmocka_unit_test(unions_are_equal_when_they_hold_the_same_points),
        cmocka_unit_test(families_are_equal_when_they_have_the_same_residues),
        cmocka_unit_test(lists_are_equal_when_each_value_is_as_frequent),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
