/* Powers and logarithms as atoms. b^(u+v) = b^u b^v and b^(n u) = (b^u)^n for whole n hold for
 * principal values, so exponents are taken apart by terms: 2^(2x+1) = 2 g^2 with g = 2^x. */
#include <flint/fmpz.h>

#include "grade/ratfun_flint.h"

/* Terms of an exponent that are taken apart. */
#define MAX_EXPONENT_TERMS 6
#define MAX_WHOLE_EXPONENT 1000

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
        tj_eval got = ring->surd_degree % q == 0 ? tj_frac_positive_root(out, prime, n, q, ring)
                                                 : TJ_EVAL_OTHER;
        fmpq_clear(prime);
        return got;
    }
    return TJ_EVAL_OTHER;
}

/* (-8)^(n + 1/3) has its principal value, so the real root is not taken out. */
static bool is_negative_number(const tj_frac *f, const tj_ring *ring)
{
    return tj_frac_is_rational(f, ring) && tj_frac_looks_negative(f, ring);
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
            } else if (is_constant && !is_negative_number(base, ring)) {
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
    got = got == TJ_EVAL_OK ? tj_frac_times(out, &part, ring) : got;
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
static tj_eval numeric_base(tj_frac *out, const tj_factors *f, const tj_frac *exponent,
                            tj_ring *ring)
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
        got = got == TJ_EVAL_OK ? tj_frac_times(out, &part, ring) : got;
    }
    tj_frac_clear(&prime, ring);
    tj_frac_clear(&part, ring);
    tj_frac_clear(&scaled, ring);
    return got;
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
    got = got == TJ_EVAL_OK ? tj_frac_times(&sine, &i, ring) : got;
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

/* base^c. Whole powers that are too large stand for themselves: 9^(10^9). */
static tj_eval rational_power(tj_frac *out, const tj_frac *base, const tj_frac *exponent,
                              const fmpq_t c, tj_ring *ring)
{
    bool whole = fmpz_is_one(fmpq_denref(c)) != 0, fits = fmpz_fits_si(fmpq_numref(c)) != 0;
    if (whole) {
        tj_eval got =
            fits ? tj_frac_pow(out, base, fmpz_get_si(fmpq_numref(c)), ring) : TJ_EVAL_LIMIT;
        return got == TJ_EVAL_LIMIT && ring->d->work.left > 0
                   ? power_atom(out, base, exponent, 1, ring)
                   : got;
    }
    if (!fits || fmpz_cmp_si(fmpq_denref(c), MAX_WHOLE_EXPONENT) > 0) {
        return TJ_EVAL_LIMIT;
    }
    tj_eval got = tj_frac_root(out, base, fmpz_get_ui(fmpq_denref(c)), ring);
    return got == TJ_EVAL_OK ? tj_frac_pow(out, out, fmpz_get_si(fmpq_numref(c)), ring) : got;
}

tj_eval tj_frac_power(tj_frac *out, const tj_frac *base, const tj_frac *exponent, tj_ring *ring)
{
    tj_frac result;
    fmpq_t c;
    tj_factors f;
    fmpq_init(c);
    tj_frac_init(&result, ring);
    tj_eval got = tj_frac_rational(c, exponent, ring);
    if (got == TJ_EVAL_OK) {
        got = rational_power(&result, base, exponent, c, ring);
    } else if (got == TJ_EVAL_OTHER && is_generator(base, TJ_ATOM_E, ring)) {
        got = exponential(&result, base, exponent, ring);
    } else if (got == TJ_EVAL_OTHER) {
        got = tj_frac_rational(c, base, ring);
        if (got == TJ_EVAL_OK && fmpq_sgn(c) > 0 && uses_log(exponent, ring)) {
            got = by_log(&result, base, exponent, ring);
        } else if (got == TJ_EVAL_OK && fmpq_sgn(c) > 0 && tj_factor_rational(&f, c, ring)) {
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
static tj_eval plus_log(tj_frac *out, uint64_t prime, int64_t power, uint64_t degree, tj_ring *ring)
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
    tj_factors f = {0};
    fmpz_init(c);
    *done = fmpz_mpoly_length(p, ring->ctx) == 1;
    tj_eval got = TJ_EVAL_OK;
    if (*done) {
        fmpz_mpoly_get_term_coeff_fmpz(c, p, 0, ring->ctx);
        fmpz_mpoly_get_term_exp_ui(exps, p, 0, ring->ctx);
        *done = fmpz_sgn(c) > 0 && tj_factor(&f, c, 1, ring);
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
