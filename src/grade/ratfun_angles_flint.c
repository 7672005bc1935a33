/* Angles in normal form. Sines and cosines of sums and whole multiples are expanded, so that
 * trigonometric polynomials have one form; those of multiples of pi/12 are surds; those of inverse
 * functions are roots. */
#include <flint/fmpz.h>

#include "grade/enclose.h"
#include "grade/ratfun_flint.h"

/* Expanding cos(n x) gives n terms. */
#define MAX_MULTIPLE    16
#define MAX_ANGLE_TERMS 5

/* cos(k pi / 12) for k = 0 ... 6 is (a sqrt 2 + b sqrt 3 + c sqrt 6 + e) / 4. */
static tj_eval cos_twelfth(tj_frac *out, int64_t k, tj_ring *ring)
{
    static const int8_t parts[7][4] = {{0, 0, 0, 4}, {1, 0, 1, 0},  {0, 2, 0, 0}, {2, 0, 0, 0},
                                       {0, 0, 0, 2}, {-1, 0, 1, 0}, {0, 0, 0, 0}};
    static const int64_t radicands[3] = {2, 3, 6};
    tj_frac root;
    tj_frac_init(&root, ring);
    tj_frac_set_si(out, parts[k][3], 4, ring);
    tj_eval got = TJ_EVAL_OK;
    for (size_t i = 0; i < 3 && got == TJ_EVAL_OK; i++) {
        if (parts[k][i] == 0) {
            continue;
        }
        tj_frac_set_si(&root, radicands[i], 1, ring);
        got = tj_frac_root(&root, &root, 2, ring);
        got = got == TJ_EVAL_OK ? tj_frac_scale(&root, parts[k][i], 4, ring) : got;
        got = got == TJ_EVAL_OK ? tj_frac_add(out, out, &root, ring) : got;
    }
    tj_frac_clear(&root, ring);
    return got;
}

/* cos(r pi), reduced to 0 <= r <= 1/2. */
static tj_eval cos_pi(tj_frac *out, const fmpq_t turn, tj_ring *ring)
{
    fmpq_t r, one;
    fmpz_t twice;
    fmpq_init(r);
    fmpq_init(one);
    fmpz_init(twice);
    fmpq_abs(r, turn);
    fmpz_mul_2exp(twice, fmpq_denref(r), 1);
    fmpz_fdiv_r(fmpq_numref(r), fmpq_numref(r), twice); /* cos has period 2 pi */
    fmpq_canonicalise(r);
    fmpq_one(one);
    if (fmpq_cmp(r, one) > 0) { /* cos(2 pi - x) = cos(x) */
        fmpq_sub(r, one, r);
        fmpq_add(r, r, one);
    }
    fmpz_mul_2exp(twice, fmpq_numref(r), 1);
    bool flipped = fmpz_cmp(twice, fmpq_denref(r)) > 0;
    if (flipped) { /* cos(pi - x) = -cos(x) */
        fmpq_sub(r, one, r);
    }
    tj_eval got;
    if (fmpz_fits_si(fmpq_denref(r)) && 12 % fmpz_get_si(fmpq_denref(r)) == 0) {
        got =
            cos_twelfth(out, fmpz_get_si(fmpq_numref(r)) * 12 / fmpz_get_si(fmpq_denref(r)), ring);
    } else {
        tj_frac angle;
        tj_frac_init(&angle, ring);
        got = tj_frac_const(&angle, TJ_ATOM_PI, ring);
        fmpz_mpoly_scalar_mul_fmpz(angle.num, angle.num, fmpq_numref(r), ring->ctx);
        fmpz_mpoly_set_fmpz(angle.den, fmpq_denref(r), ring->ctx);
        got = got == TJ_EVAL_OK ? tj_frac_atom(out, TJ_ATOM_COS, 0, &angle, ring) : got;
        tj_frac_clear(&angle, ring);
    }
    if (flipped) {
        fmpz_mpoly_neg(out->num, out->num, ring->ctx);
    }
    fmpz_clear(twice);
    fmpq_clear(one);
    fmpq_clear(r);
    return got;
}

/* Both of r pi; sin(r pi) = cos((1/2 - r) pi). */
static tj_eval turn_pi(tj_frac *cosine, tj_frac *sine, const fmpq_t r, tj_ring *ring)
{
    fmpq_t rest;
    fmpq_init(rest);
    fmpq_set_si(rest, 1, 2);
    fmpq_sub(rest, rest, r);
    tj_eval got = cos_pi(cosine, r, ring);
    got = got == TJ_EVAL_OK ? cos_pi(sine, rest, ring) : got;
    fmpq_clear(rest);
    return got;
}

/* The atom that is all of the angle, if it is an inverse function: its sine or tangent is known. */
static const tj_atom *inverse_atom(const tj_frac *angle, const tj_ring *ring)
{
    for (size_t k = 0; k < ring->n_atoms; k++) {
        const tj_atom *atom = &ring->atoms[k];
        if (atom->kind == TJ_ATOM_CALL && (atom->id == TJ_FN_ASIN || atom->id == TJ_FN_ATAN) &&
            fmpz_mpoly_is_one(angle->den, ring->ctx) &&
            fmpz_mpoly_is_gen(angle->num, (slong)k, ring->ctx)) {
            return atom;
        }
    }
    return NULL;
}

/* cos(asin u) = sqrt(1 - u^2); cos(atan u) = 1 / sqrt(1 + u^2), sin(atan u) = u cos(atan u). */
static tj_eval turn_inverse(tj_frac *cosine, tj_frac *sine, bool is_asin, const tj_frac *u,
                            tj_ring *ring)
{
    tj_frac one;
    tj_frac_init(&one, ring);
    tj_frac_set_si(&one, 1, 1, ring);
    tj_frac_set(sine, u, ring);
    tj_eval got = tj_frac_mul(cosine, u, u, ring);
    if (got == TJ_EVAL_OK) {
        got = is_asin ? tj_frac_sub(cosine, &one, cosine, ring)
                      : tj_frac_add(cosine, &one, cosine, ring);
    }
    got = got == TJ_EVAL_OK ? tj_frac_root(cosine, cosine, 2, ring) : got;
    if (got == TJ_EVAL_OK && !is_asin) {
        got = tj_frac_div(cosine, &one, cosine, ring);
        got = got == TJ_EVAL_OK ? tj_frac_mul(sine, sine, cosine, ring) : got;
    }
    tj_frac_clear(&one, ring);
    return got;
}

/* Both of an angle that is not taken apart. */
static tj_eval turn_atom(tj_frac *cosine, tj_frac *sine, const tj_frac *angle, tj_ring *ring)
{
    const tj_atom *inverse = inverse_atom(angle, ring);
    if (inverse != NULL) {
        tj_frac u;
        tj_frac_init(&u, ring);
        tj_frac_set(&u, &inverse->args[0], ring);
        tj_eval got = turn_inverse(cosine, sine, inverse->id == TJ_FN_ASIN, &u, ring);
        tj_frac_clear(&u, ring);
        return got;
    }
    tj_eval got = tj_frac_atom(cosine, TJ_ATOM_COS, 0, angle, ring);
    if (got != TJ_EVAL_OK) {
        return got;
    }
    tj_atom atom = {.kind = TJ_ATOM_SIN, .n_args = 1};
    while (!fmpz_mpoly_is_gen(cosine->num, (slong)atom.partner, ring->ctx)) {
        atom.partner++;
    }
    tj_frac_init(&atom.args[0], ring);
    tj_frac_set(&atom.args[0], angle, ring);
    return tj_ring_atom(sine, &atom, ring);
}

/* (c, s) += (c1, s1) as angles: cos(a + b) = cos a cos b - sin a sin b, and so on. */
static tj_eval add_turn(tj_frac *c, tj_frac *s, const tj_frac *c1, const tj_frac *s1, tj_ring *ring)
{
    tj_frac cc, cs, ss;
    tj_frac_init(&cc, ring);
    tj_frac_init(&cs, ring);
    tj_frac_init(&ss, ring);
    tj_eval got = tj_frac_mul(&cc, c, c1, ring);
    got = got == TJ_EVAL_OK ? tj_frac_mul(&ss, s, s1, ring) : got;
    got = got == TJ_EVAL_OK ? tj_frac_mul(&cs, c, s1, ring) : got;
    got = got == TJ_EVAL_OK ? tj_frac_mul(s, s, c1, ring) : got;
    got = got == TJ_EVAL_OK ? tj_frac_sub(c, &cc, &ss, ring) : got;
    got = got == TJ_EVAL_OK ? tj_frac_add(s, s, &cs, ring) : got;
    tj_frac_clear(&cc, ring);
    tj_frac_clear(&cs, ring);
    tj_frac_clear(&ss, ring);
    return got;
}

/* (c, s) becomes both of n times the angle; n is not 0. */
static tj_eval multiply_turn(tj_frac *c, tj_frac *s, int64_t n, tj_ring *ring)
{
    tj_frac c1, s1;
    tj_frac_init(&c1, ring);
    tj_frac_init(&s1, ring);
    if (n < 0) {
        fmpz_mpoly_neg(s->num, s->num, ring->ctx);
        n = -n;
    }
    tj_frac_set(&c1, c, ring);
    tj_frac_set(&s1, s, ring);
    tj_eval got = TJ_EVAL_OK;
    for (int64_t k = 1; k < n && got == TJ_EVAL_OK; k++) {
        got = add_turn(c, s, &c1, &s1, ring);
    }
    tj_frac_clear(&c1, ring);
    tj_frac_clear(&s1, ring);
    return got;
}

/* One term of an angle with a whole denominator: c m / q. */
static tj_eval turn_term(tj_frac *cosine, tj_frac *sine, const tj_frac *angle, slong t,
                         tj_ring *ring)
{
    fmpq_t c;
    tj_frac unit;
    fmpq_init(c);
    tj_frac_init(&unit, ring);
    fmpz_mpoly_get_term_coeff_fmpz(fmpq_numref(c), angle->num, t, ring->ctx);
    fmpz_mpoly_get_fmpz(fmpq_denref(c), angle->den, ring->ctx);
    fmpq_canonicalise(c);
    fmpz_mpoly_get_term_monomial(unit.num, angle->num, t, ring->ctx);
    tj_frac pi;
    tj_frac_init(&pi, ring);
    tj_eval got = tj_frac_const(&pi, TJ_ATOM_PI, ring);
    if (got == TJ_EVAL_OK && fmpz_mpoly_equal(unit.num, pi.num, ring->ctx)) {
        got = turn_pi(cosine, sine, c, ring);
    } else if (got == TJ_EVAL_OK) {
        int64_t n = 1;
        if (fmpz_cmp_si(fmpq_numref(c), MAX_MULTIPLE) <= 0 &&
            fmpz_cmp_si(fmpq_numref(c), -MAX_MULTIPLE) >= 0) {
            n = fmpz_get_si(fmpq_numref(c));
        } else {
            fmpz_mpoly_scalar_mul_fmpz(unit.num, unit.num, fmpq_numref(c), ring->ctx);
        }
        fmpz_mpoly_set_fmpz(unit.den, fmpq_denref(c), ring->ctx);
        got = turn_atom(cosine, sine, &unit, ring);
        got = got == TJ_EVAL_OK ? multiply_turn(cosine, sine, n, ring) : got;
    }
    tj_frac_clear(&pi, ring);
    tj_frac_clear(&unit, ring);
    fmpq_clear(c);
    return got;
}

tj_eval tj_frac_turn(tj_frac *cosine, tj_frac *sine, const tj_frac *angle, tj_ring *ring)
{
    tj_frac a, c, s;
    tj_frac_init(&a, ring);
    tj_frac_init(&c, ring);
    tj_frac_init(&s, ring);
    tj_frac_set(&a, angle, ring);
    tj_eval got = TJ_EVAL_OK;
    slong n_terms = fmpz_mpoly_length(a.num, ring->ctx);
    tj_frac_set_si(cosine, 1, 1, ring);
    tj_frac_set_si(sine, 0, 1, ring);
    if (got == TJ_EVAL_OK && (n_terms > MAX_ANGLE_TERMS || !fmpz_mpoly_is_fmpz(a.den, ring->ctx))) {
        got = turn_atom(cosine, sine, &a, ring);
        n_terms = 0;
    }
    for (slong t = 0; t < n_terms && got == TJ_EVAL_OK; t++) {
        got = turn_term(&c, &s, &a, t, ring);
        got = got == TJ_EVAL_OK ? add_turn(cosine, sine, &c, &s, ring) : got;
    }
    tj_frac_clear(&a, ring);
    tj_frac_clear(&c, ring);
    tj_frac_clear(&s, ring);
    return got;
}

tj_eval tj_frac_trigonometric(tj_frac *out, tj_ex_fn fn, const tj_frac *x, tj_ring *ring)
{
    tj_frac c, s, one;
    tj_frac_init(&c, ring);
    tj_frac_init(&s, ring);
    tj_frac_init(&one, ring);
    tj_frac_set_si(&one, 1, 1, ring);
    tj_eval got = tj_frac_turn(&c, &s, x, ring);
    if (got == TJ_EVAL_OK) {
        switch (fn) {
        case TJ_FN_SIN:
            tj_frac_swap(out, &s, ring);
            break;
        case TJ_FN_COS:
            tj_frac_swap(out, &c, ring);
            break;
        case TJ_FN_TAN:
            got = tj_frac_div(out, &s, &c, ring);
            break;
        case TJ_FN_COT:
            got = tj_frac_div(out, &c, &s, ring);
            break;
        case TJ_FN_SEC:
            got = tj_frac_div(out, &one, &c, ring);
            break;
        default:
            got = tj_frac_div(out, &one, &s, ring);
            break;
        }
    }
    tj_frac_clear(&c, ring);
    tj_frac_clear(&s, ring);
    tj_frac_clear(&one, ring);
    return got;
}

/* Is fn(x) = k pi / 12? k is guessed from an enclosure of the tree, and proved by the value of the
 * function that fn inverts. */
static tj_eval multiple_of_pi(tj_frac *out, bool *done, tj_ex_fn fn, const tj_ex *ex,
                              const tj_frac *x, tj_ring *ring)
{
    tj_deciding *d = ring->d;
    int64_t k;
    *done = false;
    const tj_ex *twelfths = tj_make_2(d, TJ_EX_DIV, tj_make_2(d, TJ_EX_MUL, tj_make_int(d, 12), ex),
                                      tj_make_const(d, TJ_CONST_PI));
    if (twelfths == NULL) {
        return TJ_EVAL_LIMIT;
    }
    if (tj_enclose_nearest(&k, &d->work, twelfths, TJ_DECIDE_FIRST_PREC) != TJ_EVAL_OK) {
        return TJ_EVAL_OK;
    }
    tj_frac c, s;
    fmpq_t turn;
    fmpq_init(turn);
    fmpq_set_si(turn, k, 12);
    tj_frac_init(&c, ring);
    tj_frac_init(&s, ring);
    tj_eval got = turn_pi(&c, &s, turn, ring);
    if (got == TJ_EVAL_OK && fn == TJ_FN_ATAN) {
        got = tj_frac_div(&s, &s, &c, ring);
        got = got == TJ_EVAL_UNDEFINED ? TJ_EVAL_OTHER : got;
    }
    got = got == TJ_EVAL_OK ? tj_frac_equal(done, &s, x, ring) : got;
    /* asin and atan lie in [-pi/2, pi/2], where they are one to one */
    *done = *done && k >= -6 && k <= 6;
    if (*done) {
        got = tj_frac_const(out, TJ_ATOM_PI, ring);
        got = got == TJ_EVAL_OK ? tj_frac_scale(out, k, 12, ring) : got;
    }
    tj_frac_clear(&c, ring);
    tj_frac_clear(&s, ring);
    fmpq_clear(turn);
    return got == TJ_EVAL_OTHER ? TJ_EVAL_OK : got;
}

tj_eval tj_frac_arc(tj_frac *out, tj_ex_fn fn, const tj_ex *ex, const tj_frac *x, tj_ring *ring)
{
    bool done = false;
    tj_frac u;
    tj_frac_init(&u, ring);
    tj_frac_set(&u, x, ring);
    tj_eval got = TJ_EVAL_OK;
    tj_ex_fn base = fn;
    if (fn == TJ_FN_ASEC || fn == TJ_FN_ACSC) {
        tj_frac_set_si(&u, 1, 1, ring);
        got = tj_frac_div(&u, &u, x, ring);
        base = fn == TJ_FN_ASEC ? TJ_FN_ACOS : TJ_FN_ASIN;
    }
    bool complement = base == TJ_FN_ACOS || base == TJ_FN_ACOT;
    base = base == TJ_FN_ACOS ? TJ_FN_ASIN : base == TJ_FN_ACOT ? TJ_FN_ATAN : base;
    if (got == TJ_EVAL_OK && !complement && base == fn) {
        got = multiple_of_pi(out, &done, base, ex, &u, ring);
    } else if (got == TJ_EVAL_OK) {
        const tj_ex *arg = ex->args[0];
        arg = fn == TJ_FN_ASEC || fn == TJ_FN_ACSC
                  ? tj_make_2(ring->d, TJ_EX_DIV, tj_make_int(ring->d, 1), arg)
                  : arg;
        const tj_ex *simple = tj_make_call(ring->d, base, arg, NULL);
        got = simple == NULL ? TJ_EVAL_LIMIT : multiple_of_pi(out, &done, base, simple, &u, ring);
    }
    if (got == TJ_EVAL_OK && !done) {
        bool negative = tj_frac_looks_negative(&u, ring);
        if (negative) {
            fmpz_mpoly_neg(u.num, u.num, ring->ctx);
        }
        got = tj_frac_atom(out, TJ_ATOM_CALL, (int32_t)base, &u, ring);
        if (negative) {
            fmpz_mpoly_neg(out->num, out->num, ring->ctx);
        }
    }
    if (got == TJ_EVAL_OK && complement) { /* pi/2 - */
        got = tj_frac_const(&u, TJ_ATOM_PI, ring);
        got = got == TJ_EVAL_OK ? tj_frac_scale(&u, 1, 2, ring) : got;
        got = got == TJ_EVAL_OK ? tj_frac_sub(out, &u, out, ring) : got;
    }
    tj_frac_clear(&u, ring);
    return got;
}
