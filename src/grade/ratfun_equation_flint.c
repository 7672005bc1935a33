/* Equations that are one but for a constant factor: the coefficients of one power product of the
 * letters on both sides, which are constants, must take one numerator to the other. */
#include "grade/ratfun_flint.h"

static bool is_letter(const tj_ring *ring, size_t i)
{
    return ring->atoms[i].kind == TJ_ATOM_SYMBOL || ring->atoms[i].kind == TJ_ATOM_APPLY;
}

/* Does atom i contain letters, itself or in its arguments? Only then may coefficients not hold it.
 */
static bool varies(const tj_ring *ring, size_t i)
{
    if (is_letter(ring, i)) {
        return true;
    }
    for (size_t k = 0; k < ring->atoms[i].n_args; k++) {
        const tj_frac *arg = &ring->atoms[i].args[k];
        for (size_t j = 0; j < i; j++) {
            if (varies(ring, j) && (fmpz_mpoly_degree_si(arg->num, (slong)j, ring->ctx) > 0 ||
                                    fmpz_mpoly_degree_si(arg->den, (slong)j, ring->ctx) > 0)) {
                return true;
            }
        }
    }
    return false;
}

typedef struct letters {
    bool varies[TJ_DECIDE_MAX_ATOMS];
    ulong exps[TJ_DECIDE_MAX_ATOMS];
} letters;

/* The sum of those terms of p whose powers of letters are l->exps, without these powers. */
static void coefficient(fmpz_mpoly_t out, const fmpz_mpoly_t p, const letters *l,
                        const tj_ring *ring)
{
    ulong exps[TJ_DECIDE_MAX_ATOMS];
    fmpz_t c;
    fmpz_init(c);
    fmpz_mpoly_zero(out, ring->ctx);
    for (slong t = 0; t < fmpz_mpoly_length(p, ring->ctx); t++) {
        fmpz_mpoly_get_term_exp_ui(exps, p, t, ring->ctx);
        bool same = true;
        for (size_t i = 0; i < ring->n_gens; i++) {
            same = same && (!l->varies[i] || exps[i] == l->exps[i]);
            exps[i] = l->varies[i] ? 0 : exps[i];
        }
        if (same) {
            fmpz_mpoly_get_term_coeff_fmpz(c, p, t, ring->ctx);
            fmpz_mpoly_push_term_fmpz_ui(out, c, exps, ring->ctx);
        }
    }
    fmpz_mpoly_sort_terms(out, ring->ctx);
    fmpz_mpoly_combine_like_terms(out, ring->ctx);
    fmpz_clear(c);
}

/* Is p = c q for a constant c, which is not zero? *sign of c if it is rational, else 0. */
static tj_eval proportional(bool *yes, int *sign, fmpz_mpoly_t p, fmpz_mpoly_t q, tj_ring *ring)
{
    letters l = {0};
    fmpz_mpoly_t a, b;
    *yes = false;
    *sign = 0;
    tj_eval got = tj_poly_reduce(p, ring);
    got = got == TJ_EVAL_OK ? tj_poly_reduce(q, ring) : got;
    if (got != TJ_EVAL_OK || fmpz_mpoly_is_zero(p, ring->ctx) || fmpz_mpoly_is_zero(q, ring->ctx)) {
        *yes = got == TJ_EVAL_OK && fmpz_mpoly_is_zero(p, ring->ctx) &&
               fmpz_mpoly_is_zero(q, ring->ctx);
        return got;
    }
    for (size_t i = 0; i < ring->n_atoms; i++) {
        l.varies[i] = varies(ring, i);
    }
    fmpz_mpoly_get_term_exp_ui(l.exps, p, 0, ring->ctx);
    fmpz_mpoly_init(a, ring->ctx);
    fmpz_mpoly_init(b, ring->ctx);
    coefficient(a, p, &l, ring);
    coefficient(b, q, &l, ring);
    if (!fmpz_mpoly_is_zero(b, ring->ctx)) {
        if (fmpz_mpoly_is_fmpz(a, ring->ctx) && fmpz_mpoly_is_fmpz(b, ring->ctx)) {
            fmpz_t c;
            fmpz_init(c);
            fmpz_mpoly_get_fmpz(c, a, ring->ctx);
            *sign = fmpz_sgn(c);
            fmpz_mpoly_get_fmpz(c, b, ring->ctx);
            *sign *= fmpz_sgn(c);
            fmpz_clear(c);
        }
        got = tj_poly_mul(b, p, b, ring);
        got = got == TJ_EVAL_OK ? tj_poly_mul(a, q, a, ring) : got;
        fmpz_mpoly_sub(a, a, b, ring->ctx);
        got = got == TJ_EVAL_OK ? tj_poly_reduce(a, ring) : got;
        *yes = got == TJ_EVAL_OK && fmpz_mpoly_is_zero(a, ring->ctx);
    }
    fmpz_mpoly_clear(a, ring->ctx);
    fmpz_mpoly_clear(b, ring->ctx);
    return got;
}

/* In lowest terms where a greatest common divisor is cheap. */
static void cancel(tj_frac *f, tj_ring *ring)
{
    slong n = fmpz_mpoly_length(f->num, ring->ctx) * fmpz_mpoly_length(f->den, ring->ctx);
    int64_t size = tj_poly_degree(f->num, ring) + tj_poly_degree(f->den, ring);
    if (fmpz_mpoly_is_fmpz(f->den, ring->ctx) || n > 400 || size > 24 ||
        tj_poly_bits(f->num) + tj_poly_bits(f->den) > 400 ||
        !tj_work_spend(&ring->d->work, 20000 + 5000 * (uint64_t)n)) {
        return;
    }
    fmpz_mpoly_t g;
    fmpz_mpoly_init(g, ring->ctx);
    if (fmpz_mpoly_gcd(g, f->num, f->den, ring->ctx) && !fmpz_mpoly_is_one(g, ring->ctx) &&
        !fmpz_mpoly_is_zero(g, ring->ctx)) {
        fmpz_mpoly_divides(f->num, f->num, g, ring->ctx);
        fmpz_mpoly_divides(f->den, f->den, g, ring->ctx);
    }
    fmpz_mpoly_clear(g, ring->ctx);
}

tj_eval tj_ratfun_proportional(tj_normal *out, int *sign, tj_deciding *d, const tj_ex *a,
                               const tj_ex *b)
{
    tj_frac_pair p;
    *out = (tj_normal){0};
    *sign = 0;
    tj_eval got = tj_frac_pair_open(&p, d, a, b);
    if (got == TJ_EVAL_OK) {
        bool whole;
        tj_frac u, v;
        int unused;
        cancel(&p.x, &p.ring);
        cancel(&p.y, &p.ring);
        tj_frac_init(&u, &p.ring);
        tj_frac_init(&v, &p.ring);
        tj_frac_set(&u, &p.x, &p.ring);
        tj_frac_set(&v, &p.y, &p.ring);
        got = proportional(&out->equal, &unused, u.num, v.num, &p.ring);
        if (got == TJ_EVAL_OK && out->equal) {
            got = tj_poly_mul(u.num, p.x.num, p.y.den, &p.ring);
            got = got == TJ_EVAL_OK ? tj_poly_mul(v.num, p.y.num, p.x.den, &p.ring) : got;
            got = got == TJ_EVAL_OK ? proportional(&whole, sign, u.num, v.num, &p.ring) : got;
            *sign = got == TJ_EVAL_OK && whole ? *sign : 0;
            got = TJ_EVAL_OK; /* the sign is an extra */
        }
        tj_frac_clear(&u, &p.ring);
        tj_frac_clear(&v, &p.ring);
    }
    if (p.is_open) {
        tj_ring_describe(out, &p.ring);
    }
    tj_frac_pair_close(&p);
    return got;
}
