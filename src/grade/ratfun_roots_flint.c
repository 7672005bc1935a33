/* Roots as atoms. Roots of whole numbers are taken apart by primes: sqrt(12) = 2 g with g^2 = 3,
 * and all surds of one prime are powers of one generator, so that products of surds are a basis of
 * their field and the normal form is exact there. */
#include <flint/fmpz.h>

#include "grade/exact_flint.h"
#include "grade/ratfun_flint.h"

/* Primes up to here are split off; what is left counts as one more "prime". */
#define MAX_PRIME      1000
#define TJ_MAX_FACTORS 24

/* x = product of prime^power for x > 0; false if a part that is left does not fit a word. */
bool tj_factor(tj_factors *out, const fmpz_t x, int64_t sign, tj_ring *ring)
{
    fmpz_t rest, p;
    int64_t bits = (int64_t)fmpz_bits(x);
    if (bits > 4096 || !tj_work_spend(&ring->d->work, 2000 + 200 * (uint64_t)bits / 16)) {
        return false;
    }
    fmpz_init_set(rest, x);
    fmpz_init(p);
    bool ok = true;
    for (uint64_t q = 2; q <= MAX_PRIME && ok && !fmpz_is_one(rest); q += q == 2 ? 1 : 2) {
        if (fmpz_fits_si(rest) && (int64_t)(q * q) > fmpz_get_si(rest)) {
            break; /* what is left is prime */
        }
        if (fmpz_fdiv_ui(rest, q) != 0) {
            continue;
        }
        fmpz_set_ui(p, q);
        int64_t power = fmpz_remove(rest, rest, p);
        ok = out->n < TJ_MAX_FACTORS;
        if (ok) {
            out->prime[out->n] = q;
            out->power[out->n++] = sign * power;
        }
    }
    if (ok && !fmpz_is_one(rest)) {
        slong root = 1;
        for (slong k = 5; k >= 2; k--) { /* 10007^2 */
            fmpz_root(p, rest, k);
            fmpz_t back;
            fmpz_init(back);
            fmpz_pow_ui(back, p, (ulong)k);
            if (fmpz_equal(back, rest)) {
                fmpz_set(rest, p);
                root *= k;
                k++;
            }
            fmpz_clear(back);
        }
        ok = out->n < TJ_MAX_FACTORS && fmpz_abs_fits_ui(rest);
        if (ok) {
            out->prime[out->n] = fmpz_get_ui(rest);
            out->power[out->n++] = sign * root;
        }
    }
    fmpz_clear(rest);
    fmpz_clear(p);
    return ok;
}

bool tj_factor_rational(tj_factors *out, const fmpq_t x, tj_ring *ring)
{
    *out = (tj_factors){0};
    return tj_factor(out, fmpq_numref(x), 1, ring) && tj_factor(out, fmpq_denref(x), -1, ring);
}

/* out *= prime^(power / degree). */
static tj_eval times_surd(tj_frac *out, uint64_t prime, int64_t power, uint64_t degree,
                          tj_ring *ring)
{
    int64_t n = (int64_t)degree, whole = power / n, rest = power % n;
    if (rest < 0) {
        whole--;
        rest += n;
    }
    tj_frac part;
    tj_frac_init(&part, ring);
    tj_frac_set_si(&part, 1, 1, ring);
    fmpz_mpoly_set_ui(part.num, prime, ring->ctx);
    tj_eval got = tj_frac_pow(&part, &part, whole, ring);
    got = got == TJ_EVAL_OK ? tj_frac_times(out, &part, ring) : got;
    if (got == TJ_EVAL_OK && rest > 0) {
        tj_atom atom = {.kind = TJ_ATOM_SURD, .prime = prime, .degree = ring->surd_degree};
        got = tj_ring_atom(&part, &atom, ring);
        got = got == TJ_EVAL_OK
                  ? tj_frac_pow(&part, &part, rest * ((int64_t)ring->surd_degree / n), ring)
                  : got;
        got = got == TJ_EVAL_OK ? tj_frac_times(out, &part, ring) : got;
    }
    tj_frac_clear(&part, ring);
    return got;
}

/* x^(power / degree) of a positive rational. */
tj_eval tj_frac_positive_root(tj_frac *out, const fmpq_t x, int64_t power, uint64_t degree,
                              tj_ring *ring)
{
    tj_factors f;
    if (!tj_factor_rational(&f, x, ring)) {
        return TJ_EVAL_OTHER;
    }
    tj_frac_set_si(out, 1, 1, ring);
    tj_eval got = TJ_EVAL_OK;
    for (size_t i = 0; i < f.n && got == TJ_EVAL_OK; i++) {
        int64_t all;
        if (__builtin_mul_overflow(f.power[i], power, &all)) {
            return TJ_EVAL_LIMIT;
        }
        got = times_surd(out, f.prime[i], all, degree, ring);
    }
    return got;
}

static tj_eval rational_root(tj_frac *out, const fmpq_t x, uint64_t degree, tj_ring *ring)
{
    if (fmpq_is_zero(x)) {
        tj_frac_set_si(out, 0, 1, ring);
        return TJ_EVAL_OK;
    }
    bool negative = fmpq_sgn(x) < 0;
    if (ring->surd_degree % degree != 0 || (negative && degree % 2 == 0 && degree != 2)) {
        return TJ_EVAL_OTHER;
    }
    fmpq_t size;
    fmpq_init(size);
    fmpq_abs(size, x);
    tj_eval got = tj_frac_positive_root(out, size, 1, degree, ring);
    if (got == TJ_EVAL_OK && negative && degree == 2) {
        tj_frac i;
        tj_frac_init(&i, ring);
        got = tj_frac_const(&i, TJ_ATOM_I, ring);
        got = got == TJ_EVAL_OK ? tj_frac_times(out, &i, ring) : got;
        tj_frac_clear(&i, ring);
    } else if (got == TJ_EVAL_OK && negative) {
        fmpz_mpoly_neg(out->num, out->num, ring->ctx); /* the real root */
    }
    fmpq_clear(size);
    return got;
}

/* out *= root of one term of surds, if its coefficient is positive and the root is a surd again. */
static tj_eval times_root_of_term(tj_frac *out, const fmpz_mpoly_t p, int64_t sign, uint64_t degree,
                                  tj_ring *ring)
{
    ulong exps[TJ_DECIDE_MAX_ATOMS] = {0};
    fmpq_t c;
    fmpq_init(c);
    tj_eval got = fmpz_mpoly_length(p, ring->ctx) == 1 ? TJ_EVAL_OK : TJ_EVAL_OTHER;
    if (got == TJ_EVAL_OK) {
        fmpz_mpoly_get_term_exp_ui(exps, p, 0, ring->ctx);
        fmpz_mpoly_get_term_coeff_fmpz(fmpq_numref(c), p, 0, ring->ctx);
        got = fmpq_sgn(c) > 0 ? TJ_EVAL_OK : TJ_EVAL_OTHER;
    }
    size_t n_atoms = ring->n_atoms;
    for (size_t k = 0; k < n_atoms && got == TJ_EVAL_OK; k++) {
        bool surd = ring->atoms[k].kind == TJ_ATOM_SURD && exps[k] % degree == 0;
        got = exps[k] == 0 || surd ? TJ_EVAL_OK : TJ_EVAL_OTHER;
    }
    for (size_t k = 0; k < n_atoms && got == TJ_EVAL_OK; k++) {
        if (exps[k] > 0) {
            got = times_surd(out, ring->atoms[k].prime, sign * (int64_t)(exps[k] / degree),
                             ring->atoms[k].degree, ring);
        }
    }
    tj_frac part;
    tj_frac_init(&part, ring);
    got = got == TJ_EVAL_OK ? tj_frac_positive_root(&part, c, sign, degree, ring) : got;
    got = got == TJ_EVAL_OK ? tj_frac_times(out, &part, ring) : got;
    tj_frac_clear(&part, ring);
    fmpq_clear(c);
    return got;
}

/* sqrt(3 sqrt(2) / 5): a surd, if the degree of surds is high enough. */
static tj_eval surd_root(tj_frac *out, const tj_frac *base, uint64_t degree, tj_ring *ring)
{
    tj_frac root;
    tj_frac_init(&root, ring);
    tj_frac_set_si(&root, 1, 1, ring);
    tj_eval got = ring->surd_degree % degree == 0 ? TJ_EVAL_OK : TJ_EVAL_OTHER;
    got = got == TJ_EVAL_OK ? times_root_of_term(&root, base->num, 1, degree, ring) : got;
    got = got == TJ_EVAL_OK ? times_root_of_term(&root, base->den, -1, degree, ring) : got;
    if (got == TJ_EVAL_OK) {
        tj_frac_swap(out, &root, ring);
    }
    tj_frac_clear(&root, ring);
    return got;
}

/* The positive rational c for which base / c has whole coefficients without a common divisor. */
static void content(fmpq_t c, const tj_frac *base, const tj_ring *ring)
{
    fmpz_t x;
    fmpz_init(x);
    fmpq_zero(c);
    fmpz_zero(fmpq_denref(c));
    for (slong i = 0; i < fmpz_mpoly_length(base->num, ring->ctx); i++) {
        fmpz_mpoly_get_term_coeff_fmpz(x, base->num, i, ring->ctx);
        fmpz_gcd(fmpq_numref(c), fmpq_numref(c), x);
    }
    for (slong i = 0; i < fmpz_mpoly_length(base->den, ring->ctx); i++) {
        fmpz_mpoly_get_term_coeff_fmpz(x, base->den, i, ring->ctx);
        fmpz_gcd(fmpq_denref(c), fmpq_denref(c), x);
    }
    fmpq_canonicalise(c);
    fmpz_clear(x);
}

tj_eval tj_frac_root(tj_frac *out, const tj_frac *base, uint64_t degree, tj_ring *ring)
{
    fmpq_t c;
    fmpq_init(c);
    tj_eval got = tj_frac_rational(c, base, ring);
    if (got == TJ_EVAL_OK) {
        got = rational_root(out, c, degree, ring);
    }
    if (got == TJ_EVAL_OTHER) {
        got = surd_root(out, base, degree, ring);
    }
    if (got != TJ_EVAL_OTHER) {
        fmpq_clear(c);
        return got;
    }
    /* (c b)^(1/n) = c^(1/n) b^(1/n) for c > 0 */
    tj_frac outside;
    tj_atom atom = {.kind = TJ_ATOM_RADICAL, .degree = degree, .n_args = 1};
    tj_frac_init(&outside, ring);
    tj_frac_init(&atom.args[0], ring);
    tj_frac_set(&atom.args[0], base, ring);
    content(c, base, ring);
    tj_frac_set_si(&outside, 1, 1, ring);
    if (!fmpq_is_one(c) && ring->surd_degree % degree == 0 &&
        tj_frac_positive_root(&outside, c, 1, degree, ring) == TJ_EVAL_OK) {
        fmpz_mpoly_scalar_divexact_fmpz(atom.args[0].num, base->num, fmpq_numref(c), ring->ctx);
        fmpz_mpoly_scalar_divexact_fmpz(atom.args[0].den, base->den, fmpq_denref(c), ring->ctx);
    } else {
        tj_frac_set_si(&outside, 1, 1, ring);
    }
    got = tj_ring_atom(out, &atom, ring);
    got = got == TJ_EVAL_OK ? tj_frac_times(out, &outside, ring) : got;
    tj_frac_clear(&outside, ring);
    fmpq_clear(c);
    return got;
}
