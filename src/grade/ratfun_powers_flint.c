/* Roots, powers and logarithms as atoms.
 *
 * Roots of whole numbers are taken apart by primes: sqrt(12) = 2 g with g^2 = 3, and all surds of
 * one prime are powers of one generator, so that products of surds are a basis of their field and
 * the normal form is exact there. b^(u+v) = b^u b^v and b^(n u) = (b^u)^n for whole n hold for
 * principal values, so exponents are taken apart by terms. */
#include <flint/fmpz.h>

#include "grade/exact_flint.h"
#include "grade/ratfun_flint.h"

/* Primes up to here are split off; what is left counts as one more "prime". */
#define MAX_PRIME   1000
#define MAX_FACTORS 24
/* Terms of an exponent that are taken apart. */
#define MAX_EXPONENT_TERMS 6
#define MAX_WHOLE_EXPONENT 1000

typedef struct factors {
    size_t n;
    uint64_t prime[MAX_FACTORS];
    int64_t power[MAX_FACTORS]; /* negative in the denominator */
} factors;

/* x = product of prime^power for x > 0; false if a part that is left does not fit a word. */
static bool factor(factors *out, const fmpz_t x, int64_t sign, tj_ring *ring)
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
        ok = out->n < MAX_FACTORS;
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
        ok = out->n < MAX_FACTORS && fmpz_abs_fits_ui(rest);
        if (ok) {
            out->prime[out->n] = fmpz_get_ui(rest);
            out->power[out->n++] = sign * root;
        }
    }
    fmpz_clear(rest);
    fmpz_clear(p);
    return ok;
}

static bool factor_rational(factors *out, const fmpq_t x, tj_ring *ring)
{
    *out = (factors){0};
    return factor(out, fmpq_numref(x), 1, ring) && factor(out, fmpq_denref(x), -1, ring);
}

/* out *= f. */
static tj_eval times(tj_frac *out, const tj_frac *f, tj_ring *ring)
{
    return tj_frac_mul(out, out, f, ring);
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
    got = got == TJ_EVAL_OK ? times(out, &part, ring) : got;
    if (got == TJ_EVAL_OK && rest > 0) {
        tj_atom atom = {.kind = TJ_ATOM_SURD, .prime = prime, .degree = ring->surd_degree};
        got = tj_ring_atom(&part, &atom, ring);
        got = got == TJ_EVAL_OK
                  ? tj_frac_pow(&part, &part, rest * ((int64_t)ring->surd_degree / n), ring)
                  : got;
        got = got == TJ_EVAL_OK ? times(out, &part, ring) : got;
    }
    tj_frac_clear(&part, ring);
    return got;
}

/* x^(power / degree) of a positive rational. */
static tj_eval positive_root(tj_frac *out, const fmpq_t x, int64_t power, uint64_t degree,
                             tj_ring *ring)
{
    factors f;
    if (!factor_rational(&f, x, ring)) {
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
    tj_eval got = positive_root(out, size, 1, degree, ring);
    if (got == TJ_EVAL_OK && negative && degree == 2) {
        tj_frac i;
        tj_frac_init(&i, ring);
        got = tj_frac_const(&i, TJ_ATOM_I, ring);
        got = got == TJ_EVAL_OK ? times(out, &i, ring) : got;
        tj_frac_clear(&i, ring);
    } else if (got == TJ_EVAL_OK && negative) {
        fmpz_mpoly_neg(out->num, out->num, ring->ctx); /* the real root */
    }
    fmpq_clear(size);
    return got;
}

/* out *= root of one term of surds, if its coefficient is positive and the root is a surd again. */
static tj_eval times_root_of_term(tj_frac *out, const fmpz_mpoly_t p, int64_t sign,
                                  uint64_t degree, tj_ring *ring)
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
    got = got == TJ_EVAL_OK ? positive_root(&part, c, sign, degree, ring) : got;
    got = got == TJ_EVAL_OK ? times(out, &part, ring) : got;
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
        positive_root(&outside, c, 1, degree, ring) == TJ_EVAL_OK) {
        fmpz_mpoly_scalar_divexact_fmpz(atom.args[0].num, base->num, fmpq_numref(c), ring->ctx);
        fmpz_mpoly_scalar_divexact_fmpz(atom.args[0].den, base->den, fmpq_denref(c), ring->ctx);
    } else {
        tj_frac_set_si(&outside, 1, 1, ring);
    }
    got = tj_ring_atom(out, &atom, ring);
    got = got == TJ_EVAL_OK ? times(out, &outside, ring) : got;
    tj_frac_clear(&outside, ring);
    fmpq_clear(c);
    return got;
}

/* ---- exponents with letters ---- */

/* out = base^unit as an atom, to the whole power n. */
static tj_eval power_atom(tj_frac *out, const tj_frac *base, const tj_frac *unit, int64_t n,
                          tj_ring *ring)
{
    tj_atom atom = {.kind = TJ_ATOM_POWER, .n_args = 2};
    tj_frac_init(&atom.args[0], ring);
    tj_frac_init(&atom.args[1], ring);
    tj_frac_set(&atom.args[0], base, ring);
    tj_frac_set(&atom.args[1], unit, ring);
    tj_eval got = tj_ring_atom(out, &atom, ring);
    return got == TJ_EVAL_OK ? tj_frac_pow(out, out, n, ring) : got;
}

static bool is_generator(const tj_frac *f, tj_atom_kind kind, const tj_ring *ring)
{
    for (size_t k = 0; k < ring->n_atoms; k++) {
        if (ring->atoms[k].kind == kind && fmpz_mpoly_is_one(f->den, ring->ctx) &&
            fmpz_mpoly_is_gen(f->num, (slong)k, ring->ctx)) {
            return true;
        }
    }
    return false;
}

/* e^(n ln x) = x^n for whole n, and e^(n/q ln p) = p^(n/q) for primes p: OTHER if the unit is no
 * logarithm. */
static tj_eval undo_log(tj_frac *out, const tj_frac *unit, int64_t n, uint64_t q, tj_ring *ring)
{
    for (size_t k = 0; k < ring->n_atoms; k++) {
        const tj_atom *atom = &ring->atoms[k];
        if (atom->kind != TJ_ATOM_LOG || !fmpz_mpoly_is_gen(unit->num, (slong)k, ring->ctx)) {
            continue;
        }
        if (atom->prime == 0) {
            return q == 1 ? tj_frac_pow(out, &atom->args[0], n, ring) : TJ_EVAL_OTHER;
        }
        fmpq_t prime;
        fmpq_init(prime);
        fmpz_set_ui(fmpq_numref(prime), atom->prime);
        tj_eval got = ring->surd_degree % q == 0 ? positive_root(out, prime, n, q, ring)
                                                 : TJ_EVAL_OTHER;
        fmpq_clear(prime);
        return got;
    }
    return TJ_EVAL_OTHER;
}

/* out *= base^(term number t of num / den), den a whole number. */
static tj_eval times_term(tj_frac *out, const tj_frac *base, const tj_frac *exponent, slong t,
                          tj_ring *ring)
{
    fmpq_t c;
    fmpq_init(c);
    tj_frac unit, part;
    tj_frac_init(&unit, ring);
    tj_frac_init(&part, ring);
    fmpz_mpoly_get_term_coeff_fmpz(fmpq_numref(c), exponent->num, t, ring->ctx);
    fmpz_mpoly_get_fmpz(fmpq_denref(c), exponent->den, ring->ctx);
    fmpq_canonicalise(c);
    fmpz_mpoly_get_term_monomial(unit.num, exponent->num, t, ring->ctx);
    bool is_constant = fmpz_mpoly_is_one(unit.num, ring->ctx) != 0;
    tj_eval got = TJ_EVAL_LIMIT;
    if (fmpz_cmpabs(fmpq_numref(c), fmpq_denref(c)) != 0 &&
        (!fmpz_fits_si(fmpq_numref(c)) || !fmpz_fits_si(fmpq_denref(c)))) {
        got = TJ_EVAL_LIMIT;
    } else {
        slong n = fmpz_get_si(fmpq_numref(c));
        ulong q = fmpz_get_ui(fmpq_denref(c));
        if (n <= MAX_WHOLE_EXPONENT && n >= -MAX_WHOLE_EXPONENT && q <= MAX_WHOLE_EXPONENT) {
            if (is_constant && q == 1) {
                got = tj_frac_pow(&part, base, n, ring);
            } else if (is_constant) {
                got = tj_frac_root(&part, base, q, ring);
                got = got == TJ_EVAL_OK ? tj_frac_pow(&part, &part, n, ring) : got;
            } else {
                got = is_generator(base, TJ_ATOM_E, ring) ? undo_log(&part, &unit, n, q, ring)
                                                          : TJ_EVAL_OTHER;
                fmpz_mpoly_set_ui(unit.den, q, ring->ctx);
                got = got == TJ_EVAL_OTHER ? power_atom(&part, base, &unit, n, ring) : got;
            }
        }
    }
    got = got == TJ_EVAL_OK ? times(out, &part, ring) : got;
    tj_frac_clear(&unit, ring);
    tj_frac_clear(&part, ring);
    fmpq_clear(c);
    return got;
}

static tj_eval general_power(tj_frac *out, const tj_frac *base, const tj_frac *exponent,
                             tj_ring *ring)
{
    slong n_terms = fmpz_mpoly_length(exponent->num, ring->ctx);
    if (!fmpz_mpoly_is_fmpz(exponent->den, ring->ctx) || n_terms > MAX_EXPONENT_TERMS) {
        return power_atom(out, base, exponent, 1, ring);
    }
    tj_frac product;
    tj_frac_init(&product, ring);
    tj_frac_set_si(&product, 1, 1, ring);
    tj_eval got = TJ_EVAL_OK;
    for (slong t = 0; t < n_terms && got == TJ_EVAL_OK; t++) {
        got = times_term(&product, base, exponent, t, ring);
    }
    if (got == TJ_EVAL_OK) {
        tj_frac_swap(out, &product, ring);
    }
    tj_frac_clear(&product, ring);
    return got;
}

/* A positive rational base by its primes: 6^n = 2^n 3^n. */
static tj_eval numeric_base(tj_frac *out, const factors *f, const tj_frac *exponent, tj_ring *ring)
{
    tj_frac prime, part, scaled;
    tj_frac_init(&prime, ring);
    tj_frac_init(&part, ring);
    tj_frac_init(&scaled, ring);
    tj_frac_set_si(out, 1, 1, ring);
    tj_eval got = TJ_EVAL_OK;
    for (size_t i = 0; i < f->n && got == TJ_EVAL_OK; i++) {
        tj_frac_set_si(&prime, 1, 1, ring);
        fmpz_mpoly_set_ui(prime.num, f->prime[i], ring->ctx);
        tj_frac_set(&scaled, exponent, ring);
        got = tj_frac_scale(&scaled, f->power[i], 1, ring);
        got = got == TJ_EVAL_OK ? general_power(&part, &prime, &scaled, ring) : got;
        got = got == TJ_EVAL_OK ? times(out, &part, ring) : got;
    }
    tj_frac_clear(&prime, ring);
    tj_frac_clear(&part, ring);
    tj_frac_clear(&scaled, ring);
    return got;
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

/* exponent = i angle for an angle without i? */
static tj_eval is_imaginary(bool *yes, const tj_frac *exponent, tj_frac *angle, tj_ring *ring)
{
    tj_eval got = tj_frac_const(angle, TJ_ATOM_I, ring);
    fmpz_mpoly_neg(angle->num, angle->num, ring->ctx);
    got = got == TJ_EVAL_OK ? tj_frac_mul(angle, angle, exponent, ring) : got;
    got = got == TJ_EVAL_OK ? tj_poly_reduce(angle->num, ring) : got;
    *yes = got == TJ_EVAL_OK && fmpz_mpoly_is_fmpz(angle->den, ring->ctx) &&
           !tj_frac_has_i(angle, ring);
    return got;
}

/* e^(i angle). */
static tj_eval unit_circle(tj_frac *out, const tj_frac *angle, tj_ring *ring)
{
    tj_frac sine, i;
    tj_frac_init(&sine, ring);
    tj_frac_init(&i, ring);
    tj_eval got = tj_frac_turn(out, &sine, angle, ring);
    got = got == TJ_EVAL_OK ? tj_frac_const(&i, TJ_ATOM_I, ring) : got;
    got = got == TJ_EVAL_OK ? times(&sine, &i, ring) : got;
    got = got == TJ_EVAL_OK ? tj_frac_add(out, out, &sine, ring) : got;
    tj_frac_clear(&sine, ring);
    tj_frac_clear(&i, ring);
    return got;
}

static tj_eval exponential(tj_frac *out, const tj_frac *base, const tj_frac *exponent,
                           tj_ring *ring)
{
    bool done = false;
    tj_frac angle;
    tj_frac_init(&angle, ring);
    tj_eval got = TJ_EVAL_OK;
    if (tj_frac_has_i(exponent, ring)) {
        got = is_imaginary(&done, exponent, &angle, ring);
        if (got == TJ_EVAL_OK && done) {
            got = unit_circle(out, &angle, ring);
        }
    }
    tj_frac_clear(&angle, ring);
    return got == TJ_EVAL_OK && !done ? general_power(out, base, exponent, ring) : got;
}

static bool uses_log(const tj_frac *f, const tj_ring *ring)
{
    for (size_t k = 0; k < ring->n_atoms; k++) {
        if (ring->atoms[k].kind == TJ_ATOM_LOG &&
            fmpz_mpoly_degree_si(f->num, (slong)k, ring->ctx) > 0) {
            return true;
        }
    }
    return false;
}

/* 2^(ln 5 / ln 2) = e^(ln 5): b^u as e^(u ln b). */
static tj_eval by_log(tj_frac *out, const tj_frac *base, const tj_frac *exponent, tj_ring *ring)
{
    tj_frac e, log;
    tj_frac_init(&e, ring);
    tj_frac_init(&log, ring);
    tj_eval got = tj_frac_log(&log, base, ring);
    got = got == TJ_EVAL_OK ? tj_frac_mul(&log, &log, exponent, ring) : got;
    got = got == TJ_EVAL_OK ? tj_frac_const(&e, TJ_ATOM_E, ring) : got;
    got = got == TJ_EVAL_OK ? exponential(out, &e, &log, ring) : got;
    tj_frac_clear(&e, ring);
    tj_frac_clear(&log, ring);
    return got;
}

tj_eval tj_frac_power(tj_frac *out, const tj_frac *base, const tj_frac *exponent, tj_ring *ring)
{
    tj_frac result;
    fmpq_t c;
    factors f;
    fmpq_init(c);
    tj_frac_init(&result, ring);
    tj_eval got = tj_frac_rational(c, exponent, ring);
    if (got == TJ_EVAL_OK) {
        if (!fmpz_fits_si(fmpq_numref(c)) ||
            fmpz_cmp_si(fmpq_denref(c), MAX_WHOLE_EXPONENT) > 0) {
            got = TJ_EVAL_LIMIT;
        } else if (fmpz_is_one(fmpq_denref(c))) {
            got = tj_frac_pow(&result, base, fmpz_get_si(fmpq_numref(c)), ring);
        } else {
            got = tj_frac_root(&result, base, fmpz_get_ui(fmpq_denref(c)), ring);
            got = got == TJ_EVAL_OK
                      ? tj_frac_pow(&result, &result, fmpz_get_si(fmpq_numref(c)), ring)
                      : got;
        }
    } else if (got == TJ_EVAL_OTHER && is_generator(base, TJ_ATOM_E, ring)) {
        got = exponential(&result, base, exponent, ring);
    } else if (got == TJ_EVAL_OTHER) {
        got = tj_frac_rational(c, base, ring);
        if (got == TJ_EVAL_OK && fmpq_sgn(c) > 0 && uses_log(exponent, ring)) {
            got = by_log(&result, base, exponent, ring);
        } else if (got == TJ_EVAL_OK && fmpq_sgn(c) > 0 && factor_rational(&f, c, ring)) {
            got = numeric_base(&result, &f, exponent, ring);
        } else if (got == TJ_EVAL_OK || got == TJ_EVAL_OTHER) {
            got = general_power(&result, base, exponent, ring);
        }
    }
    if (got == TJ_EVAL_OK) {
        tj_frac_swap(out, &result, ring);
    }
    tj_frac_clear(&result, ring);
    fmpq_clear(c);
    return got;
}

/* ---- logarithms ---- */

/* out += power / degree * ln prime. */
static tj_eval plus_log(tj_frac *out, uint64_t prime, int64_t power, uint64_t degree,
                        tj_ring *ring)
{
    tj_frac part;
    tj_atom atom = {.kind = TJ_ATOM_LOG, .prime = prime};
    tj_frac_init(&part, ring);
    tj_eval got = tj_ring_atom(&part, &atom, ring);
    got = got == TJ_EVAL_OK ? tj_frac_scale(&part, power, degree, ring) : got;
    got = got == TJ_EVAL_OK ? tj_frac_add(out, out, &part, ring) : got;
    tj_frac_clear(&part, ring);
    return got;
}

/* ln of sign * (one term of surds and e), which is a positive number: as a sum. */
static tj_eval plus_monomial(tj_frac *out, bool *done, const fmpz_mpoly_t p, int64_t sign,
                             tj_ring *ring)
{
    ulong exps[TJ_DECIDE_MAX_ATOMS] = {0};
    fmpz_t c;
    factors f = {0};
    fmpz_init(c);
    *done = fmpz_mpoly_length(p, ring->ctx) == 1;
    tj_eval got = TJ_EVAL_OK;
    if (*done) {
        fmpz_mpoly_get_term_coeff_fmpz(c, p, 0, ring->ctx);
        fmpz_mpoly_get_term_exp_ui(exps, p, 0, ring->ctx);
        *done = fmpz_sgn(c) > 0 && factor(&f, c, 1, ring);
    }
    for (size_t k = 0; k < ring->n_gens && *done; k++) {
        *done = exps[k] == 0 ||
                (k < ring->n_atoms && exps[k] <= MAX_WHOLE_EXPONENT &&
                 (ring->atoms[k].kind == TJ_ATOM_SURD || ring->atoms[k].kind == TJ_ATOM_E));
    }
    for (size_t k = 0; k < f.n && *done && got == TJ_EVAL_OK; k++) {
        got = plus_log(out, f.prime[k], sign * f.power[k], 1, ring);
    }
    size_t n_atoms = ring->n_atoms;
    for (size_t k = 0; k < n_atoms && *done && got == TJ_EVAL_OK; k++) {
        if (exps[k] > 0 && ring->atoms[k].kind == TJ_ATOM_SURD) {
            got = plus_log(out, ring->atoms[k].prime, sign * (int64_t)exps[k],
                           ring->atoms[k].degree, ring);
        } else if (exps[k] > 0) {
            tj_frac whole;
            tj_frac_init(&whole, ring);
            tj_frac_set_si(&whole, sign * (int64_t)exps[k], 1, ring);
            got = tj_frac_add(out, out, &whole, ring);
            tj_frac_clear(&whole, ring);
        }
    }
    fmpz_clear(c);
    return got;
}

tj_eval tj_frac_log(tj_frac *out, const tj_frac *x, tj_ring *ring)
{
    bool is_one_term = false, done = false;
    tj_frac sum;
    fmpz_mpoly_t num;
    tj_frac_init(&sum, ring);
    fmpz_mpoly_init(num, ring->ctx);
    fmpz_mpoly_set(num, x->num, ring->ctx);
    tj_eval got = tj_poly_reduce(num, ring);
    if (got == TJ_EVAL_OK && fmpz_mpoly_is_zero(num, ring->ctx)) {
        got = TJ_EVAL_UNDEFINED;
    }
    got = got == TJ_EVAL_OK ? plus_monomial(&sum, &is_one_term, x->num, 1, ring) : got;
    if (got == TJ_EVAL_OK && is_one_term) {
        got = plus_monomial(&sum, &done, x->den, -1, ring);
    }
    if (got == TJ_EVAL_OK && done) {
        tj_frac_swap(out, &sum, ring);
    } else if (got == TJ_EVAL_OK) {
        tj_atom atom = {.kind = TJ_ATOM_LOG, .n_args = 1};
        tj_frac_init(&atom.args[0], ring);
        tj_frac_set(&atom.args[0], x, ring);
        got = tj_ring_atom(out, &atom, ring);
    }
    fmpz_mpoly_clear(num, ring->ctx);
    tj_frac_clear(&sum, ring);
    return got;
}
