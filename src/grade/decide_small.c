/* Rationals of 63 bits, for the pairs of plain numbers that most comparisons are: no memory, no
 * library. Whatever does not fit is left to the exact engine. */
#include "grade/decide_inner.h"

static int64_t gcd(int64_t a, int64_t b)
{
    a = a < 0 ? -a : a;
    b = b < 0 ? -b : b;
    while (b != 0) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* Lowest terms; INT64_MIN is refused so that signs can be turned freely. */
static bool reduce(tj_small *out, int64_t num, int64_t den)
{
    if (den == 0 || num == INT64_MIN || den == INT64_MIN) {
        return false;
    }
    int64_t g = gcd(num, den);
    g = den < 0 ? -g : g;
    *out = (tj_small){num / g, den / g};
    return true;
}

static bool add(tj_small *out, tj_small a, tj_small b)
{
    int64_t left, right, num, den;
    return !__builtin_mul_overflow(a.num, b.den, &left) &&
           !__builtin_mul_overflow(b.num, a.den, &right) &&
           !__builtin_add_overflow(left, right, &num) &&
           !__builtin_mul_overflow(a.den, b.den, &den) && reduce(out, num, den);
}

static bool mul(tj_small *out, tj_small a, tj_small b)
{
    int64_t num, den;
    return !__builtin_mul_overflow(a.num, b.num, &num) &&
           !__builtin_mul_overflow(a.den, b.den, &den) && reduce(out, num, den);
}

static bool divide(tj_small *out, tj_small a, tj_small b)
{
    return b.num != 0 && mul(out, a, (tj_small){b.den, b.num});
}

static bool power(tj_small *out, tj_small a, tj_small exponent)
{
    int64_t n = exponent.num;
    if (exponent.den != 1 || n < -63 || n > 63 || (a.num == 0 && n <= 0)) {
        return false;
    }
    tj_small base = a, result = {1, 1};
    if (n < 0 && !divide(&base, result, a)) {
        return false;
    }
    for (n = n < 0 ? -n : n; n > 0; n--) {
        if (!mul(&result, result, base)) {
            return false;
        }
    }
    *out = result;
    return true;
}

static int digit_value(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* base^n; false on overflow. */
static bool int_power(int64_t *out, int64_t base, uint32_t n)
{
    int64_t p = 1;
    for (uint32_t i = 0; i < n; i++) {
        if (__builtin_mul_overflow(p, base, &p)) {
            return false;
        }
    }
    *out = p;
    return true;
}

/* The first n digits as an integer. */
static bool digits_value(int64_t *out, const tj_ex_num *num, uint32_t n)
{
    int64_t v = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (__builtin_mul_overflow(v, (int64_t)num->base, &v) ||
            __builtin_add_overflow(v, (int64_t)digit_value(num->digits[i]), &v)) {
            return false;
        }
    }
    *out = v;
    return true;
}

/* All digits D with f behind the point, r of them repeating: (D - D') / (b^(f-r) (b^r - 1)), where
 * D' are the digits before the repeating ones; D / b^f if none repeat. */
static bool from_number(tj_small *out, const tj_ex_num *num)
{
    int64_t all, fixed = 0, den, ones;
    if (num->n_digits > 64 || !digits_value(&all, num, num->n_digits) ||
        !int_power(&den, num->base, num->n_frac - num->n_repeat)) {
        return false;
    }
    if (num->n_repeat > 0) {
        if (!digits_value(&fixed, num, num->n_digits - num->n_repeat) ||
            !int_power(&ones, num->base, num->n_repeat) ||
            __builtin_mul_overflow(den, ones - 1, &den)) {
            return false;
        }
    }
    if (num->exponent == 0) {
        return reduce(out, all - fixed, den);
    }
    int64_t scale;
    tj_small plain;
    bool up = num->exponent > 0;
    return num->exponent > -19 && num->exponent < 19 &&
           int_power(&scale, 10, (uint32_t)(up ? num->exponent : -num->exponent)) &&
           reduce(&plain, all - fixed, den) &&
           mul(out, plain, up ? (tj_small){scale, 1} : (tj_small){1, scale});
}

bool tj_small_from(tj_small *out, const tj_ex *ex)
{
    tj_small a, b;
    switch (ex->kind) {
    case TJ_EX_NUMBER:
        return from_number(out, &ex->num);
    case TJ_EX_NEG:
        if (!tj_small_from(&a, ex->args[0])) {
            return false;
        }
        *out = (tj_small){-a.num, a.den};
        return true;
    case TJ_EX_DIV:
        return tj_small_from(&a, ex->args[0]) && tj_small_from(&b, ex->args[1]) &&
               divide(out, a, b);
    case TJ_EX_POW:
        return tj_small_from(&a, ex->args[0]) && tj_small_from(&b, ex->args[1]) && power(out, a, b);
    case TJ_EX_ADD:
    case TJ_EX_MUL:
        if (!tj_small_from(&a, ex->args[0])) {
            return false;
        }
        for (size_t i = 1; i < ex->n_args; i++) {
            if (!tj_small_from(&b, ex->args[i]) ||
                !(ex->kind == TJ_EX_ADD ? add(&a, a, b) : mul(&a, a, b))) {
                return false;
            }
        }
        *out = a;
        return true;
    default:
        return false;
    }
}
