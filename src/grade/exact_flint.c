/* Plain recursion over the tree. Before each operation the size of its result is bounded from the
 * sizes of its arguments and its cost is asked for. */
#include "grade/exact_flint.h"

#include <string.h>

#include "base/alloc.h"

static uint64_t log2_of(uint64_t n)
{
    uint64_t log = 1;
    while (n > 1) {
        n /= 2;
        log++;
    }
    return log;
}

uint64_t tj_cost_mul(int64_t bits)
{
    uint64_t words = (uint64_t)bits / 64 + 1;
    return 40 + 12 * words * log2_of(words);
}

/* By the school method where one factor is short. */
uint64_t tj_cost_product(int64_t bits_a, int64_t bits_b)
{
    uint64_t a = (uint64_t)bits_a / 64 + 1, b = (uint64_t)bits_b / 64 + 1;
    uint64_t school = 40 + 2 * a * b, fast = tj_cost_mul(bits_a + bits_b);
    return school < fast ? school : fast;
}

uint64_t tj_cost_gcd(int64_t bits)
{
    uint64_t words = (uint64_t)bits / 64 + 1;
    return 80 + 12 * words * log2_of(words) * log2_of(words);
}

int64_t tj_exact_bits(const fmpq_t x)
{
    int64_t num = (int64_t)fmpz_bits(fmpq_numref(x)), den = (int64_t)fmpz_bits(fmpq_denref(x));
    return num > den ? num : den;
}

static bool is_integer(const fmpq_t x)
{
    return fmpz_is_one(fmpq_denref(x)) != 0;
}

/* D = the first n digits, in the number's base. */
static tj_eval digits_value(fmpz_t out, const tj_ex_num *num, uint32_t n)
{
    char text[TJ_EX_MAX_DIGITS + 1];
    if (n > TJ_EX_MAX_DIGITS) {
        return TJ_EVAL_LIMIT;
    }
    memcpy(text, num->digits, n);
    text[n] = '\0';
    if (n == 0) {
        fmpz_zero(out);
        return TJ_EVAL_OK;
    }
    return fmpz_set_str(out, text, num->base) == 0 ? TJ_EVAL_OK : TJ_EVAL_OTHER;
}

static void base_power(fmpz_t out, const tj_ex_num *num, uint32_t n)
{
    fmpz_set_ui(out, num->base);
    fmpz_pow_ui(out, out, n);
}

/* out *= 10^exponent. */
static void scale(fmpq_t out, int32_t exponent)
{
    fmpq_t power;
    fmpq_init(power);
    fmpz_set_ui(fmpq_numref(power), 10);
    fmpz_pow_ui(fmpq_numref(power), fmpq_numref(power),
                (ulong)(exponent < 0 ? -(int64_t)exponent : exponent));
    if (exponent < 0) {
        fmpq_div(out, out, power);
    } else {
        fmpq_mul(out, out, power);
    }
    fmpq_clear(power);
}

/* See decide_small.c for the formula. */
tj_eval tj_exact_number(fmpq_t out, const tj_exact_run *run, const tj_ex_num *num)
{
    int64_t exponent = num->exponent < 0 ? -(int64_t)num->exponent : num->exponent;
    int64_t bits = 6 * (int64_t)num->n_digits + 4 * exponent;
    if (exponent > TJ_EX_MAX_EXPONENT || bits > run->max_bits ||
        !tj_work_spend(run->work, 4 * tj_cost_mul(bits) + tj_cost_gcd(bits))) {
        return TJ_EVAL_LIMIT;
    }
    fmpz_t ones;
    fmpz_init(ones);
    tj_eval got = digits_value(fmpq_numref(out), num, num->n_digits);
    base_power(fmpq_denref(out), num, num->n_frac - num->n_repeat);
    if (got == TJ_EVAL_OK && num->n_repeat > 0) {
        got = digits_value(ones, num, num->n_digits - num->n_repeat);
        fmpz_sub(fmpq_numref(out), fmpq_numref(out), ones);
        base_power(ones, num, num->n_repeat);
        fmpz_sub_ui(ones, ones, 1);
        fmpz_mul(fmpq_denref(out), fmpq_denref(out), ones);
    }
    fmpz_clear(ones);
    fmpq_canonicalise(out);
    if (got == TJ_EVAL_OK && num->exponent != 0) {
        scale(out, num->exponent);
    }
    return got;
}

static tj_eval symbol(fmpq_t out, const tj_exact_run *run, const char *name)
{
    if (run->at != NULL) {
        for (size_t i = run->at->n; i-- > 0;) {
            if (strcmp(run->at->names[i], name) == 0) {
                fmpq_set_si(out, run->at->num[i], (ulong)run->at->den[i]);
                return TJ_EVAL_OK;
            }
        }
    }
    return TJ_EVAL_OTHER;
}

/* a (+ or *) b into a, within the bounds. */
static tj_eval join(fmpq_t a, const tj_exact_run *run, const fmpq_t b, bool is_sum)
{
    int64_t bits = tj_exact_bits(a) + tj_exact_bits(b);
    bool integers = is_integer(a) && is_integer(b);
    uint64_t cost = integers && is_sum ? 40 + (uint64_t)bits / 64
                                       : tj_cost_product(tj_exact_bits(a), tj_exact_bits(b));
    cost += integers ? 0 : tj_cost_gcd(bits);
    if (!tj_work_spend(run->work, cost)) {
        return TJ_EVAL_LIMIT;
    }
    if (is_sum) {
        if (!integers && bits > run->max_bits) {
            return TJ_EVAL_LIMIT;
        }
        fmpq_add(a, a, b);
    } else {
        if (bits > run->max_bits) {
            return TJ_EVAL_LIMIT;
        }
        fmpq_mul(a, a, b);
    }
    return TJ_EVAL_OK;
}

static tj_eval joined(fmpq_t out, const tj_exact_run *run, const tj_ex *ex)
{
    fmpq_t next;
    fmpq_init(next);
    tj_eval got = tj_exact_eval(out, run, ex->args[0]);
    for (size_t i = 1; i < ex->n_args && got == TJ_EVAL_OK; i++) {
        got = tj_exact_eval(next, run, ex->args[i]);
        if (got == TJ_EVAL_OK) {
            got = join(out, run, next, ex->kind == TJ_EX_ADD);
        }
    }
    fmpq_clear(next);
    return got;
}

static tj_eval quotient(fmpq_t out, const tj_exact_run *run, const tj_ex *ex)
{
    fmpq_t den;
    fmpq_init(den);
    tj_eval got = tj_exact_eval(den, run, ex->args[1]);
    if (got == TJ_EVAL_OK) {
        got = fmpq_is_zero(den) ? TJ_EVAL_UNDEFINED : tj_exact_eval(out, run, ex->args[0]);
    }
    if (got == TJ_EVAL_OK) {
        fmpq_inv(den, den);
        got = join(out, run, den, false);
    }
    fmpq_clear(den);
    return got;
}

/* x^n for an integer n. */
static tj_eval integer_power(fmpq_t out, const tj_exact_run *run, const fmpq_t x, const fmpz_t n)
{
    if (fmpq_is_zero(x)) {
        fmpq_zero(out);
        return fmpz_sgn(n) > 0 ? TJ_EVAL_OK : TJ_EVAL_UNDEFINED;
    }
    if (tj_exact_bits(x) == 1) { /* 1 or -1 */
        fmpq_set_si(out, fmpq_sgn(x) > 0 || fmpz_is_even(n) ? 1 : -1, 1);
        return TJ_EVAL_OK;
    }
    int64_t bits = tj_exact_bits(x);
    if (!fmpz_fits_si(n)) {
        return TJ_EVAL_LIMIT;
    }
    slong exponent = fmpz_get_si(n);
    if (exponent < -run->max_bits || exponent > run->max_bits) {
        return TJ_EVAL_LIMIT;
    }
    int64_t size = exponent < 0 ? -exponent : exponent;
    if (bits * size > 2 * run->max_bits || /* 2^n: bits is 2 but the result has n + 1 */
        !tj_work_spend(run->work, 100 + tj_cost_mul(bits * size))) {
        return TJ_EVAL_LIMIT;
    }
    fmpq_pow_si(out, x, exponent);
    return TJ_EVAL_OK;
}

/* The exact root of degree n of x >= 0. */
static tj_eval exact_root(fmpq_t out, const tj_exact_run *run, const fmpq_t x, slong n)
{
    int64_t bits = tj_exact_bits(x);
    if (!tj_work_spend(run->work, 100 + 8 * tj_cost_mul(bits))) {
        return TJ_EVAL_LIMIT;
    }
    fmpz_t power;
    fmpz_init(power);
    fmpq_t root;
    fmpq_init(root);
    fmpz_root(fmpq_numref(root), fmpq_numref(x), n);
    fmpz_pow_ui(power, fmpq_numref(root), (ulong)n);
    bool exact = fmpz_equal(power, fmpq_numref(x)) != 0;
    if (exact) {
        fmpz_root(fmpq_denref(root), fmpq_denref(x), n);
        fmpz_pow_ui(power, fmpq_denref(root), (ulong)n);
        exact = fmpz_equal(power, fmpq_denref(x)) != 0;
    }
    if (exact) {
        fmpq_set(out, root);
    }
    fmpq_clear(root);
    fmpz_clear(power);
    return exact ? TJ_EVAL_OK : TJ_EVAL_OTHER;
}

tj_eval tj_exact_power(fmpq_t out, const tj_exact_run *run, const fmpq_t x, const fmpq_t exponent)
{
    if (is_integer(exponent)) {
        return integer_power(out, run, x, fmpq_numref(exponent));
    }
    if (fmpq_is_zero(x)) {
        fmpq_zero(out);
        return fmpq_sgn(exponent) > 0 ? TJ_EVAL_OK : TJ_EVAL_UNDEFINED;
    }
    bool negative = fmpq_sgn(x) < 0;
    if (fmpz_cmp_si(fmpq_denref(exponent), 1000) > 0 ||
        (negative && fmpz_is_even(fmpq_denref(exponent)))) {
        return TJ_EVAL_OTHER; /* the latter is not real */
    }
    fmpq_t root;
    fmpq_init(root);
    fmpq_abs(root, x);
    tj_eval got = exact_root(root, run, root, fmpz_get_si(fmpq_denref(exponent)));
    if (got == TJ_EVAL_OK) {
        if (negative) { /* the real root: docs/grader.md */
            fmpq_neg(root, root);
        }
        got = integer_power(out, run, root, fmpq_numref(exponent));
    }
    fmpq_clear(root);
    return got;
}

/* Roots of negative numbers are the real ones only where the exponent is written as a number: at a
 * point, (-1)^n has its principal value, which is not real. */
static bool leaves_reals(const fmpq_t base, const fmpq_t exponent, const tj_ex *tree)
{
    return fmpq_sgn(base) < 0 && !is_integer(exponent) && tj_has_kind(tree, TJ_EX_SYMBOL);
}

static tj_eval power(fmpq_t out, const tj_exact_run *run, const tj_ex *ex)
{
    fmpq_t base, exponent;
    fmpq_init(base);
    fmpq_init(exponent);
    tj_eval got = tj_exact_eval(base, run, ex->args[0]);
    if (got == TJ_EVAL_OK) {
        got = tj_exact_eval(exponent, run, ex->args[1]);
    }
    if (got == TJ_EVAL_OK && leaves_reals(base, exponent, ex->args[1])) {
        got = TJ_EVAL_OTHER;
    }
    if (got == TJ_EVAL_OK) {
        got = tj_exact_power(out, run, base, exponent);
    }
    fmpq_clear(base);
    fmpq_clear(exponent);
    return got;
}

/* Term by term, with the index as one more letter. */
static tj_eval series(fmpq_t out, const tj_exact_run *run, const tj_ex *ex)
{
    tj_small first, last;
    tj_point at = {0};
    if (run->at != NULL) {
        at = *run->at;
    }
    tj_eval got = tj_exact_small(&first, run->work, ex->args[1], run->at);
    if (got == TJ_EVAL_OK) {
        got = tj_exact_small(&last, run->work, ex->args[2], run->at);
    }
    if (got != TJ_EVAL_OK || ex->args[0]->kind != TJ_EX_SYMBOL) {
        return got == TJ_EVAL_OK ? TJ_EVAL_OTHER : got;
    }
    if (first.den != 1 || last.den != 1) {
        return TJ_EVAL_OTHER;
    }
    if (at.n == TJ_DECIDE_MAX_SYMBOLS || first.num < -TJ_DECIDE_MAX_BITS ||
        last.num - first.num >= TJ_DECIDE_MAX_SUM) {
        return TJ_EVAL_LIMIT;
    }
    tj_exact_run inner = {run->work, &at, run->max_bits};
    fmpq_t term;
    fmpq_init(term);
    bool is_sum = ex->kind == TJ_EX_SUM;
    fmpq_set_si(out, is_sum ? 0 : 1, 1);
    at.names[at.n] = ex->args[0]->text;
    at.den[at.n++] = 1;
    for (int64_t i = first.num; i <= last.num && got == TJ_EVAL_OK; i++) {
        at.num[at.n - 1] = i;
        got = tj_exact_eval(term, &inner, ex->args[3]);
        if (got == TJ_EVAL_OK) {
            got = join(out, run, term, is_sum);
        }
    }
    fmpq_clear(term);
    return got;
}

tj_eval tj_exact_eval(fmpq_t out, const tj_exact_run *run, const tj_ex *ex)
{
    tj_eval got;
    if (!tj_work_spend(run->work, 20)) {
        return TJ_EVAL_LIMIT;
    }
    switch (ex->kind) {
    case TJ_EX_NUMBER:
        return tj_exact_number(out, run, &ex->num);
    case TJ_EX_CONST:
        return ex->id == TJ_CONST_UNDEFINED ? TJ_EVAL_UNDEFINED : TJ_EVAL_OTHER;
    case TJ_EX_SYMBOL:
        return symbol(out, run, ex->text);
    case TJ_EX_NEG:
        got = tj_exact_eval(out, run, ex->args[0]);
        if (got == TJ_EVAL_OK) {
            fmpq_neg(out, out);
        }
        return got;
    case TJ_EX_ADD:
    case TJ_EX_MUL:
        return joined(out, run, ex);
    case TJ_EX_DIV:
        return quotient(out, run, ex);
    case TJ_EX_POW:
        return power(out, run, ex);
    case TJ_EX_SUM:
    case TJ_EX_PRODUCT:
        return series(out, run, ex);
    case TJ_EX_CALL:
        return tj_exact_call(out, run, ex);
    default:
        return TJ_EVAL_OTHER;
    }
}

tj_eval tj_exact_compare(int *sign, tj_work *work, int64_t max_bits, const tj_ex *a, const tj_ex *b,
                         const tj_point *at)
{
    tj_exact_run run = {work, at, max_bits};
    fmpq_t x, y;
    fmpq_init(x);
    fmpq_init(y);
    tj_eval got = tj_exact_eval(x, &run, a);
    if (got == TJ_EVAL_OK) {
        got = tj_exact_eval(y, &run, b);
    }
    if (got == TJ_EVAL_OK) {
        bool equal = fmpq_equal(x, y) != 0;
        int64_t bits = tj_exact_bits(x) + tj_exact_bits(y);
        bool whole = is_integer(x) && is_integer(y);
        if (!equal && !tj_work_spend(work, whole ? 40 : 2 * tj_cost_mul(bits))) {
            got = TJ_EVAL_LIMIT;
        } else {
            *sign = equal ? 0 : fmpq_cmp(x, y);
        }
    }
    fmpq_clear(x);
    fmpq_clear(y);
    return got;
}

tj_eval tj_exact_small(tj_small *out, tj_work *work, const tj_ex *ex, const tj_point *at)
{
    if (tj_small_from(out, ex)) {
        return TJ_EVAL_OK;
    }
    tj_exact_run run = {work, at, TJ_DECIDE_FIRST_BITS};
    fmpq_t x;
    fmpq_init(x);
    tj_eval got = tj_exact_eval(x, &run, ex);
    if (got == TJ_EVAL_OK) {
        if (fmpz_fits_si(fmpq_numref(x)) && fmpz_fits_si(fmpq_denref(x)) &&
            fmpz_get_si(fmpq_numref(x)) != INT64_MIN) {
            *out = (tj_small){fmpz_get_si(fmpq_numref(x)), fmpz_get_si(fmpq_denref(x))};
        } else {
            got = TJ_EVAL_OTHER;
        }
    }
    fmpq_clear(x);
    return got;
}

tj_eval tj_exact_terminates(bool *out, tj_work *work, const tj_ex *ex)
{
    tj_exact_run run = {work, NULL, 8 * TJ_DECIDE_FIRST_BITS};
    fmpq_t x;
    fmpz_t p;
    fmpq_init(x);
    fmpz_init(p);
    tj_eval got = tj_exact_eval(x, &run, ex);
    if (got == TJ_EVAL_OK) {
        fmpz_set_ui(p, 2);
        fmpz_remove(fmpq_denref(x), fmpq_denref(x), p);
        fmpz_set_ui(p, 5);
        fmpz_remove(fmpq_denref(x), fmpq_denref(x), p);
        *out = fmpz_is_one(fmpq_denref(x)) != 0;
        fmpz_one(fmpq_denref(x));
    }
    fmpz_clear(p);
    fmpq_clear(x);
    return got;
}

const char *tj_exact_text(tj_deciding *d, const tj_ex *ex, const tj_point *at)
{
    tj_small x;
    if (tj_exact_small(&x, &d->work, ex, at) != TJ_EVAL_OK) {
        return NULL;
    }
    if (x.den == 1) {
        return tj_decide_say(d, "%lld", (long long)x.num);
    }
    return tj_decide_say(d, "%lld/%lld", (long long)x.num, (long long)x.den);
}

void tj_exact_cleanup(void)
{
    flint_cleanup();
}
