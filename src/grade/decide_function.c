/* Functions of letters: one normal form proves equality, and where nothing but letters is in it
 * difference too. Otherwise both are evaluated at fixed points: where all steps of both are real,
 * balls that part refute, and agreement to 30 digits at enough points counts as equality. */
#include <string.h>

#include "grade/decide_inner.h"
#include "grade/enclose.h"
#include "grade/ratfun.h"

/* A fixed scramble of 64 bits (the finaliser of splitmix64), so that points depend on nothing but
 * their numbers. */
static uint64_t scramble(uint64_t x)
{
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}

/* Six kinds of values: whole and broken, of both signs, inside the unit interval and up to 30. */
static void value_of_kind(int64_t *num, int64_t *den, uint64_t kind, uint64_t h)
{
    int64_t r = (int64_t)(h % 1000);
    switch (kind) {
    case 0:
        *num = -1 - r % 12;
        *den = 1;
        break;
    case 1:
        *num = 2 + r % 25;
        *den = 1;
        break;
    case 2:
        *num = 1 + r % 96;
        *den = 97;
        break;
    case 3:
        *num = -1 - r % 88;
        *den = 89;
        break;
    case 4:
        *num = 102 + 3 * r;
        *den = 101;
        break;
    default:
        *num = -104 - 3 * r;
        *den = 103;
        break;
    }
}

/* Point number t: the first is -1, -2, ...; every third has values of one kind, since roots of
 * products need equal signs; in the others the kinds are mixed. */
static void make_point(tj_point *at, const char *const *names, size_t n, uint64_t t,
                       const bool *whole)
{
    at->n = n;
    for (size_t i = 0; i < n; i++) {
        uint64_t h = scramble(64 * t + i);
        uint64_t kind = t % 3 == 0 ? t / 3 % 6 : (t + i * (h >> 32)) % 6;
        at->names[i] = names[i];
        if (whole[i]) { /* positive: factorials, ends of sums and residues want it */
            at->num[i] = (int64_t)(t % 5 == 4 ? h % 4 : 1 + h % (4 + t));
            at->den[i] = 1;
        } else if (t == 0) {
            at->num[i] = -1 - (int64_t)i;
            at->den[i] = 1;
        } else {
            value_of_kind(&at->num[i], &at->den[i], kind, h >> 8);
        }
    }
}

static bool is_of_whole_numbers(const tj_ex *ex)
{
    if (ex->kind != TJ_EX_CALL) {
        return false;
    }
    switch ((tj_ex_fn)ex->id) {
    case TJ_FN_FACTORIAL:
    case TJ_FN_DOUBLE_FACTORIAL:
    case TJ_FN_BINOMIAL:
    case TJ_FN_PERMUTATIONS:
    case TJ_FN_GCD:
    case TJ_FN_LCM:
    case TJ_FN_MOD:
        return true;
    default:
        return false;
    }
}

/* Does the letter stand for a whole number: in a factorial, at an end of a sum? */
static bool wants_whole(const tj_ex *ex, const char *name)
{
    bool has_ends = ex->kind == TJ_EX_SUM || ex->kind == TJ_EX_PRODUCT;
    if (has_ends && (tj_has_symbol(ex->args[1], name) || tj_has_symbol(ex->args[2], name))) {
        return true;
    }
    if (is_of_whole_numbers(ex) && tj_has_symbol(ex, name)) {
        return true;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        if (wants_whole(ex->args[i], name)) {
            return true;
        }
    }
    return false;
}

static void find_whole(bool whole[TJ_DECIDE_MAX_SYMBOLS], const tj_ex *a, const tj_ex *b,
                       const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        whole[i] = wants_whole(a, names[i]) || wants_whole(b, names[i]);
    }
}

const char *tj_point_text(tj_deciding *d, const tj_point *at)
{
    const char *text = "";
    for (size_t i = 0; i < at->n; i++) {
        const char *sep = i == 0 ? "" : ", ";
        text = at->den[i] == 1 ? tj_decide_say(d, "%s%s%s = %lld", text, sep, at->names[i],
                                               (long long)at->num[i])
                               : tj_decide_say(d, "%s%s%s = %lld/%lld", text, sep, at->names[i],
                                               (long long)at->num[i], (long long)at->den[i]);
    }
    return text;
}

static tj_decision differ_at(tj_deciding *d, const tj_ex *a, const tj_ex *b, const tj_point *at,
                             const char *method)
{
    const char *u, *v;
    tj_decision out = tj_decided(TJ_VERDICT_DIFFERENT, method, "the values at a point differ");
    tj_enclose_texts(&u, &v, d, a, b, at);
    out.witness = tj_decide_say(d, "%s: %s", tj_point_text(d, at), tj_decide_both(d, u, v));
    return out;
}

/* Evaluates at a point with rising precision until the balls part or agree. */
static tj_eval look(tj_apart *apart, tj_deciding *d, const tj_ex *a, const tj_ex *b,
                    const tj_point *at)
{
    tj_eval got = TJ_EVAL_OTHER;
    for (int64_t prec = 2 * TJ_DECIDE_FIRST_PREC; prec <= TJ_DECIDE_POINT_PREC; prec *= 2) {
        got = tj_enclose_compare(apart, &d->work, a, b, at, prec);
        if (got != TJ_EVAL_OK && got != TJ_EVAL_OTHER) {
            return got;
        }
        if (got == TJ_EVAL_OK && (apart->parted || apart->agree)) {
            return got;
        }
    }
    return got == TJ_EVAL_OK ? TJ_EVAL_OTHER : got;
}

static tj_decision decide_at_points(tj_deciding *d, const tj_ex *a, const tj_ex *b,
                                    const char *const *names, size_t n)
{
    bool whole[TJ_DECIDE_MAX_SYMBOLS];
    find_whole(whole, a, b, names, n);
    bool complex_too = tj_has_const(a, TJ_CONST_I) || tj_has_const(b, TJ_CONST_I);
    size_t n_real = 0, n_complex = 0;
    tj_point complex_point;
    bool complex_parted = false;
    for (uint64_t t = 0; t < TJ_DECIDE_POINTS; t++) {
        tj_point at;
        tj_apart apart;
        make_point(&at, names, n, t, whole);
        tj_eval got = look(&apart, d, a, b, &at);
        if (got == TJ_EVAL_LIMIT) {
            break;
        }
        if (got != TJ_EVAL_OK) {
            continue;
        }
        if (complex_too || (apart.real_a && apart.real_b)) {
            if (apart.parted) {
                return differ_at(d, a, b, &at, "random points");
            }
            n_real++;
        } else if (apart.parted && !complex_parted) {
            complex_parted = true;
            complex_point = at;
        } else if (!apart.parted) {
            n_complex++;
        }
        if (n_real == TJ_DECIDE_ENOUGH) {
            return tj_decided(TJ_VERDICT_EQUAL, "random points",
                              "the values agree to 30 digits at 16 points");
        }
    }
    if (n_real == 0 && complex_parted && d->work.left > 0) {
        return differ_at(d, a, b, &complex_point, "random points");
    }
    if (n_real == 0 && n_complex >= TJ_DECIDE_ENOUGH) {
        return tj_decided(TJ_VERDICT_EQUAL, "random points",
                          "the complex values agree to 30 digits at 16 points");
    }
    return tj_undecided("the functions are defined at too few of the points tried");
}

/* A point where two different rational functions differ: almost any. */
static tj_decision differ_somewhere(tj_deciding *d, const tj_ex *a, const tj_ex *b,
                                    const char *const *names, size_t n)
{
    static const bool none_whole[TJ_DECIDE_MAX_SYMBOLS];
    for (uint64_t t = 0; t < TJ_DECIDE_POINTS; t++) {
        tj_point at;
        tj_apart apart;
        make_point(&at, names, n, t, none_whole);
        if (tj_enclose_compare(&apart, &d->work, a, b, &at, 2 * TJ_DECIDE_FIRST_PREC) ==
                TJ_EVAL_OK &&
            apart.parted) {
            return differ_at(d, a, b, &at, "normal form");
        }
    }
    return tj_decided(TJ_VERDICT_DIFFERENT, "normal form", "the normal forms differ");
}

/* Are both defined at some point at all, and the same at the first few? A normal form does not see
 * every zero in a denominator (1 / (floor(x) - floor(x))), and takes letters for real numbers. */
static bool agree_at_first(tj_deciding *d, const tj_ex *a, const tj_ex *b, const char *const *names,
                           size_t n)
{
    bool whole[TJ_DECIDE_MAX_SYMBOLS];
    find_whole(whole, a, b, names, n);
    size_t n_seen = 0;
    for (uint64_t t = 0; t < TJ_DECIDE_POINTS && n_seen < 3; t++) {
        tj_point at;
        tj_apart apart;
        make_point(&at, names, n, t, whole);
        if (tj_enclose_compare(&apart, &d->work, a, b, &at, 2 * TJ_DECIDE_FIRST_PREC) !=
            TJ_EVAL_OK) {
            continue;
        }
        if (apart.parted && apart.real_a && apart.real_b) {
            return false;
        }
        n_seen++;
    }
    return n_seen > 0;
}

bool tj_decide_identical(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    tj_normal normal;
    return a != NULL && b != NULL && tj_ratfun_compare(&normal, d, a, b) == TJ_EVAL_OK &&
           normal.equal;
}

tj_decision tj_decide_functions(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0;
    if (!tj_free_symbols(a, names, &n) || !tj_free_symbols(b, names, &n)) {
        return tj_undecided("there are too many letters");
    }
    tj_normal normal;
    tj_work saved = d->work;
    d->work.left /= 2; /* the rest for points */
    uint64_t lent = saved.left - d->work.left;
    tj_eval got = tj_ratfun_compare(&normal, d, a, b);
    d->work.left += lent;
    bool applies = tj_has_kind(a, TJ_EX_APPLY) || tj_has_kind(b, TJ_EX_APPLY);
    if (got == TJ_EVAL_OK && normal.equal &&
        (normal.complete || applies || agree_at_first(d, a, b, names, n))) {
        return tj_decided(TJ_VERDICT_EQUAL, "normal form", "both have the same normal form");
    }
    if (got == TJ_EVAL_OK && !normal.equal && normal.complete) {
        return differ_somewhere(d, a, b, names, n);
    }
    if (got == TJ_EVAL_UNDEFINED) {
        return tj_undecided("a denominator is zero");
    }
    if (applies) {
        return tj_undecided("a function that is not known is in it");
    }
    return decide_at_points(d, a, b, names, n);
}
