/* Arithmetic of polynomials and their quotients. Sizes of products and powers are bounded before
 * they are computed. Quotients are not kept in lowest terms: only contents, equal denominators and
 * equal cross factors cancel. */
#include "grade/exact_flint.h"
#include "grade/ratfun_flint.h"

/* ---- polynomials ---- */

int64_t tj_poly_bits(const fmpz_mpoly_t p)
{
    slong bits = fmpz_mpoly_max_bits(p);
    return bits < 0 ? -bits : bits;
}

int64_t tj_poly_degree(const fmpz_mpoly_t p, const tj_ring *ring)
{
    return fmpz_mpoly_total_degree_fits_si(p, ring->ctx) ? fmpz_mpoly_total_degree_si(p, ring->ctx)
                                                         : INT64_MAX / 4;
}

tj_eval tj_poly_mul(fmpz_mpoly_t out, const fmpz_mpoly_t a, const fmpz_mpoly_t b, tj_ring *ring)
{
    int64_t n_a = fmpz_mpoly_length(a, ring->ctx), n_b = fmpz_mpoly_length(b, ring->ctx);
    int64_t bits = tj_poly_bits(a) + tj_poly_bits(b);
    if (n_a * n_b > 16 * TJ_DECIDE_MAX_TERMS || bits > TJ_DECIDE_MAX_COEFF_BITS ||
        tj_poly_degree(a, ring) + tj_poly_degree(b, ring) > TJ_DECIDE_MAX_DEGREE ||
        !tj_work_spend(&ring->d->work, 200 + (uint64_t)(n_a * n_b) * (100 + tj_cost_mul(bits)))) {
        return TJ_EVAL_LIMIT;
    }
    fmpz_mpoly_mul(out, a, b, ring->ctx);
    return fmpz_mpoly_length(out, ring->ctx) <= TJ_DECIDE_MAX_TERMS ? TJ_EVAL_OK : TJ_EVAL_LIMIT;
}

/* Terms of a power are at most C(n + t - 1, t - 1). */
static bool power_fits(const fmpz_mpoly_t p, uint64_t n, tj_ring *ring)
{
    int64_t t = fmpz_mpoly_length(p, ring->ctx);
    double terms = 1;
    for (int64_t i = 1; i < t && terms < 1e9; i++) {
        terms *= ((double)n + (double)i) / (double)i;
    }
    double bits = (double)n * ((double)tj_poly_bits(p) + 1);
    for (int64_t s = t; s > 1; s /= 2) {
        bits += (double)n;
    }
    double all = (double)tj_poly_degree(p, ring) * (double)n;
    if (terms > TJ_DECIDE_MAX_TERMS || bits > TJ_DECIDE_MAX_COEFF_BITS ||
        all > TJ_DECIDE_MAX_DEGREE) {
        return false;
    }
    double cost = 500 + terms * (double)t * (double)(n < 64 ? n : 64) *
                            (100 + (double)tj_cost_mul((int64_t)bits));
    return cost < 1e12 && tj_work_spend(&ring->d->work, (uint64_t)cost);
}

tj_eval tj_poly_pow(fmpz_mpoly_t out, const fmpz_mpoly_t p, uint64_t n, tj_ring *ring)
{
    if (!power_fits(p, n, ring)) {
        return TJ_EVAL_LIMIT;
    }
    return fmpz_mpoly_pow_ui(out, p, n, ring->ctx) ? TJ_EVAL_OK : TJ_EVAL_LIMIT;
}

/* ---- quotients ---- */

void tj_frac_init(tj_frac *f, const tj_ring *ring)
{
    fmpz_mpoly_init(f->num, ring->ctx);
    fmpz_mpoly_init(f->den, ring->ctx);
    fmpz_mpoly_one(f->den, ring->ctx);
}

void tj_frac_clear(tj_frac *f, const tj_ring *ring)
{
    fmpz_mpoly_clear(f->num, ring->ctx);
    fmpz_mpoly_clear(f->den, ring->ctx);
}

void tj_frac_set(tj_frac *out, const tj_frac *f, const tj_ring *ring)
{
    fmpz_mpoly_set(out->num, f->num, ring->ctx);
    fmpz_mpoly_set(out->den, f->den, ring->ctx);
}

void tj_frac_swap(tj_frac *a, tj_frac *b, const tj_ring *ring)
{
    fmpz_mpoly_swap(a->num, b->num, ring->ctx);
    fmpz_mpoly_swap(a->den, b->den, ring->ctx);
}

void tj_frac_set_si(tj_frac *out, int64_t num, uint64_t den, const tj_ring *ring)
{
    fmpz_mpoly_set_si(out->num, num, ring->ctx);
    fmpz_mpoly_set_ui(out->den, den, ring->ctx);
}

void tj_frac_set_fmpq(tj_frac *out, const fmpq_t x, const tj_ring *ring)
{
    fmpz_mpoly_set_fmpz(out->num, fmpq_numref(x), ring->ctx);
    fmpz_mpoly_set_fmpz(out->den, fmpq_denref(x), ring->ctx);
}

bool tj_frac_is_rational(const tj_frac *f, const tj_ring *ring)
{
    return fmpz_mpoly_is_fmpz(f->num, ring->ctx) && fmpz_mpoly_is_fmpz(f->den, ring->ctx);
}

/* Divides both by the greatest common divisor of all coefficients, and makes the first one of the
 * denominator positive. */
static void drop_content(tj_frac *f, const tj_ring *ring)
{
    if (fmpz_mpoly_is_one(f->den, ring->ctx)) {
        return;
    }
    fmpz_t c, all;
    fmpz_init(c);
    fmpz_init(all);
    for (slong i = 0; i < fmpz_mpoly_length(f->den, ring->ctx) && !fmpz_is_one(all); i++) {
        fmpz_mpoly_get_term_coeff_fmpz(c, f->den, i, ring->ctx);
        fmpz_gcd(all, all, c);
    }
    for (slong i = 0; i < fmpz_mpoly_length(f->num, ring->ctx) && !fmpz_is_one(all); i++) {
        fmpz_mpoly_get_term_coeff_fmpz(c, f->num, i, ring->ctx);
        fmpz_gcd(all, all, c);
    }
    fmpz_mpoly_get_term_coeff_fmpz(c, f->den, 0, ring->ctx);
    if (fmpz_sgn(c) < 0) {
        fmpz_neg(all, all);
    }
    if (!fmpz_is_one(all) && !fmpz_is_zero(all)) {
        fmpz_mpoly_scalar_divexact_fmpz(f->num, f->num, all, ring->ctx);
        fmpz_mpoly_scalar_divexact_fmpz(f->den, f->den, all, ring->ctx);
    }
    fmpz_clear(c);
    fmpz_clear(all);
}

tj_eval tj_frac_add(tj_frac *out, const tj_frac *a, const tj_frac *b, tj_ring *ring)
{
    if (fmpz_mpoly_equal(a->den, b->den, ring->ctx)) {
        if (!tj_work_spend(&ring->d->work,
                           100 + 60 * (uint64_t)(fmpz_mpoly_length(a->num, ring->ctx) +
                                                 fmpz_mpoly_length(b->num, ring->ctx)))) {
            return TJ_EVAL_LIMIT;
        }
        fmpz_mpoly_add(out->num, a->num, b->num, ring->ctx);
        fmpz_mpoly_set(out->den, a->den, ring->ctx);
        drop_content(out, ring);
        return fmpz_mpoly_length(out->num, ring->ctx) <= TJ_DECIDE_MAX_TERMS ? TJ_EVAL_OK
                                                                             : TJ_EVAL_LIMIT;
    }
    tj_frac sum;
    fmpz_mpoly_t cross;
    tj_frac_init(&sum, ring);
    fmpz_mpoly_init(cross, ring->ctx);
    tj_eval got = tj_poly_mul(sum.num, a->num, b->den, ring);
    got = got == TJ_EVAL_OK ? tj_poly_mul(cross, b->num, a->den, ring) : got;
    got = got == TJ_EVAL_OK ? tj_poly_mul(sum.den, a->den, b->den, ring) : got;
    if (got == TJ_EVAL_OK) {
        fmpz_mpoly_add(sum.num, sum.num, cross, ring->ctx);
        drop_content(&sum, ring);
        tj_frac_swap(out, &sum, ring);
    }
    fmpz_mpoly_clear(cross, ring->ctx);
    tj_frac_clear(&sum, ring);
    return got;
}

tj_eval tj_frac_sub(tj_frac *out, const tj_frac *a, const tj_frac *b, tj_ring *ring)
{
    tj_frac minus;
    tj_frac_init(&minus, ring);
    fmpz_mpoly_neg(minus.num, b->num, ring->ctx);
    fmpz_mpoly_set(minus.den, b->den, ring->ctx);
    tj_eval got = tj_frac_add(out, a, &minus, ring);
    tj_frac_clear(&minus, ring);
    return got;
}

tj_eval tj_frac_mul(tj_frac *out, const tj_frac *a, const tj_frac *b, tj_ring *ring)
{
    tj_frac product;
    tj_frac_init(&product, ring);
    tj_eval got;
    if (fmpz_mpoly_equal(a->num, b->den, ring->ctx) &&
        !fmpz_mpoly_is_one(b->den, ring->ctx)) { /* the commonest thing to cancel */
        fmpz_mpoly_set(product.num, b->num, ring->ctx);
        fmpz_mpoly_set(product.den, a->den, ring->ctx);
        got = TJ_EVAL_OK;
    } else if (fmpz_mpoly_equal(b->num, a->den, ring->ctx) &&
               !fmpz_mpoly_is_one(a->den, ring->ctx)) {
        fmpz_mpoly_set(product.num, a->num, ring->ctx);
        fmpz_mpoly_set(product.den, b->den, ring->ctx);
        got = TJ_EVAL_OK;
    } else {
        got = tj_poly_mul(product.num, a->num, b->num, ring);
        got = got == TJ_EVAL_OK ? tj_poly_mul(product.den, a->den, b->den, ring) : got;
    }
    if (got == TJ_EVAL_OK) {
        drop_content(&product, ring);
        tj_frac_swap(out, &product, ring);
    }
    tj_frac_clear(&product, ring);
    return got;
}

tj_eval tj_frac_times(tj_frac *f, const tj_frac *by, tj_ring *ring)
{
    return tj_frac_mul(f, f, by, ring);
}

tj_eval tj_frac_scale(tj_frac *f, int64_t num, uint64_t den, tj_ring *ring)
{
    tj_frac factor;
    tj_frac_init(&factor, ring);
    tj_frac_set_si(&factor, num, den, ring);
    tj_eval got = tj_frac_mul(f, f, &factor, ring);
    tj_frac_clear(&factor, ring);
    return got;
}

tj_eval tj_frac_div(tj_frac *out, const tj_frac *a, const tj_frac *b, tj_ring *ring)
{
    tj_frac inverse;
    tj_frac_init(&inverse, ring);
    fmpz_mpoly_set(inverse.num, b->den, ring->ctx);
    fmpz_mpoly_set(inverse.den, b->num, ring->ctx);
    tj_eval got = tj_poly_reduce(inverse.den, ring);
    if (got == TJ_EVAL_OK && fmpz_mpoly_is_zero(inverse.den, ring->ctx)) {
        got = TJ_EVAL_UNDEFINED;
    }
    if (got == TJ_EVAL_OK) {
        fmpz_mpoly_set(inverse.den, b->num, ring->ctx);
        drop_content(&inverse, ring);
        got = tj_frac_mul(out, a, &inverse, ring);
    }
    tj_frac_clear(&inverse, ring);
    return got;
}

tj_eval tj_frac_pow(tj_frac *out, const tj_frac *a, int64_t n, tj_ring *ring)
{
    tj_frac power;
    tj_frac_init(&power, ring);
    tj_eval got = TJ_EVAL_OK;
    if (n <= 0) { /* 1 / a: also a test that a is not 0 */
        tj_frac_set_si(&power, 1, 1, ring);
        got = tj_frac_div(&power, &power, a, ring);
    } else {
        tj_frac_set(&power, a, ring);
    }
    uint64_t size = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    got = got == TJ_EVAL_OK ? tj_poly_pow(power.num, power.num, size, ring) : got;
    got = got == TJ_EVAL_OK ? tj_poly_pow(power.den, power.den, size, ring) : got;
    if (got == TJ_EVAL_OK) {
        tj_frac_swap(out, &power, ring);
    }
    tj_frac_clear(&power, ring);
    return got;
}

tj_eval tj_frac_equal(bool *equal, const tj_frac *a, const tj_frac *b, tj_ring *ring)
{
    tj_frac minus;
    tj_frac_init(&minus, ring);
    tj_eval got = tj_frac_sub(&minus, a, b, ring);
    got = got == TJ_EVAL_OK ? tj_poly_reduce(minus.num, ring) : got;
    *equal = got == TJ_EVAL_OK && fmpz_mpoly_is_zero(minus.num, ring->ctx);
    tj_frac_clear(&minus, ring);
    return got;
}

/* If num = c den for a rational c, then c is the quotient of the first coefficients once surds are
 * reduced; that it is indeed is then proved. */
tj_eval tj_frac_rational(fmpq_t out, const tj_frac *f, tj_ring *ring)
{
    fmpz_mpoly_t num, den;
    fmpz_mpoly_init(num, ring->ctx);
    fmpz_mpoly_init(den, ring->ctx);
    fmpz_mpoly_set(num, f->num, ring->ctx);
    fmpz_mpoly_set(den, f->den, ring->ctx);
    fmpq_zero(out);
    tj_eval got = tj_poly_reduce(num, ring);
    got = got == TJ_EVAL_OK ? tj_poly_reduce(den, ring) : got;
    if (got == TJ_EVAL_OK && fmpz_mpoly_is_zero(den, ring->ctx)) {
        got = TJ_EVAL_UNDEFINED;
    }
    if (got == TJ_EVAL_OK && !fmpz_mpoly_is_zero(num, ring->ctx)) {
        fmpz_mpoly_get_term_coeff_fmpz(fmpq_numref(out), num, 0, ring->ctx);
        fmpz_mpoly_get_term_coeff_fmpz(fmpq_denref(out), den, 0, ring->ctx);
        fmpq_canonicalise(out);
        fmpz_mpoly_scalar_mul_fmpz(num, f->num, fmpq_denref(out), ring->ctx);
        fmpz_mpoly_scalar_mul_fmpz(den, f->den, fmpq_numref(out), ring->ctx);
        fmpz_mpoly_sub(num, num, den, ring->ctx);
        got = tj_poly_reduce(num, ring);
        if (got == TJ_EVAL_OK && !fmpz_mpoly_is_zero(num, ring->ctx)) {
            got = TJ_EVAL_OTHER;
        }
    }
    fmpz_mpoly_clear(num, ring->ctx);
    fmpz_mpoly_clear(den, ring->ctx);
    return got;
}

bool tj_frac_looks_negative(const tj_frac *x, const tj_ring *ring)
{
    fmpz_t c;
    fmpz_init(c);
    if (!fmpz_mpoly_is_zero(x->num, ring->ctx)) {
        fmpz_mpoly_get_term_coeff_fmpz(c, x->num, 0, ring->ctx);
    }
    bool negative = fmpz_sgn(c) < 0;
    fmpz_clear(c);
    return negative;
}

bool tj_frac_has_i(const tj_frac *f, const tj_ring *ring)
{
    for (size_t k = 0; k < ring->n_atoms; k++) {
        if (ring->atoms[k].kind == TJ_ATOM_I) {
            return fmpz_mpoly_degree_si(f->num, (slong)k, ring->ctx) > 0;
        }
    }
    return false;
}
