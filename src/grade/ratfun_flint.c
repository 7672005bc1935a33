/* The ring of two trees, and what is asked of two normal forms in it. */
#include "grade/ratfun_flint.h"
#include "grade/exact_flint.h"

/* Of all surds together: square roots four deep, or sixth roots of roots. */
#define MAX_SURD_DEGREE 64

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* The degree of the root that a node takes; 1 if it takes none. */
static uint64_t root_degree(const tj_ex *ex)
{
    tj_small e;
    if (ex->kind == TJ_EX_POW && tj_small_from(&e, ex->args[1])) {
        return (uint64_t)e.den;
    }
    if (ex->kind == TJ_EX_CALL && ex->id == TJ_FN_SQRT) {
        return 2;
    }
    if (ex->kind == TJ_EX_CALL && ex->id == TJ_FN_ROOT && ex->n_args == 2 &&
        tj_small_from(&e, ex->args[0]) && e.den == 1 && e.num > 0) {
        return (uint64_t)e.num;
    }
    return 1;
}

/* Counts what is more than arithmetic of letters and numbers; the least common multiple of the
 * degrees of roots, those of nested ones multiplied (`outer`: of the roots around ex). */
static void survey(const tj_ex *ex, uint64_t outer, size_t *n_other, uint64_t *common)
{
    uint64_t q = root_degree(ex);
    if (q > 1 || ex->kind == TJ_EX_CONST || ex->kind == TJ_EX_CALL || ex->kind == TJ_EX_APPLY ||
        ex->kind == TJ_EX_SUM || ex->kind == TJ_EX_PRODUCT ||
        (ex->kind == TJ_EX_POW && tj_literal(ex->args[1], &(bool){false}) == NULL)) {
        ++*n_other;
    }
    outer = q <= MAX_SURD_DEGREE && outer * q <= MAX_SURD_DEGREE ? outer * q : outer;
    uint64_t all = *common / gcd(*common, outer) * outer;
    *common = all <= MAX_SURD_DEGREE ? all : *common;
    for (size_t i = 0; i < ex->n_args; i++) {
        survey(ex->args[i], outer, n_other, common);
    }
}

tj_eval tj_ring_open(tj_ring *ring, tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    const char *names[TJ_DECIDE_MAX_SYMBOLS];
    size_t n = 0, n_other = 0;
    ring->d = d;
    ring->n_atoms = 0;
    ring->surd_degree = 2;
    if (!tj_free_symbols(a, names, &n) || !tj_free_symbols(b, names, &n)) {
        return TJ_EVAL_LIMIT;
    }
    survey(a, 1, &n_other, &ring->surd_degree);
    survey(b, 1, &n_other, &ring->surd_degree);
    ring->n_gens = n_other > 0 ? TJ_DECIDE_MAX_ATOMS : n == 0 ? 1 : n;
    fmpz_mpoly_ctx_init(ring->ctx, (slong)ring->n_gens, ORD_LEX);
    return TJ_EVAL_OK;
}

void tj_ring_close(tj_ring *ring)
{
    for (size_t i = 0; i < ring->n_atoms; i++) {
        tj_atom_clear(&ring->atoms[i], ring);
    }
    fmpz_mpoly_ctx_clear(ring->ctx);
}

void tj_ring_describe(tj_normal *out, const tj_ring *ring)
{
    out->complete = true;
    out->constant = true;
    for (size_t i = 0; i < ring->n_atoms; i++) {
        tj_atom_kind kind = ring->atoms[i].kind;
        if (kind != TJ_ATOM_SYMBOL && kind != TJ_ATOM_APPLY) {
            out->complete = false;
        }
        if (kind == TJ_ATOM_SYMBOL || kind == TJ_ATOM_APPLY) {
            out->constant = false;
        }
    }
}

static tj_eval compare_with_zero(tj_normal *out, tj_frac *f, tj_ring *ring)
{
    tj_frac zero;
    fmpq_t c;
    tj_frac_init(&zero, ring);
    fmpq_init(c);
    tj_eval got = tj_frac_equal(&out->equal, f, &zero, ring);
    if (got == TJ_EVAL_OK && !out->equal) {
        out->unequal = tj_frac_rational(c, f, ring) == TJ_EVAL_OK && !fmpq_is_zero(c);
    }
    fmpq_clear(c);
    tj_frac_clear(&zero, ring);
    return got;
}

tj_eval tj_frac_pair_open(tj_frac_pair *p, tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    tj_eval got = tj_ring_open(&p->ring, d, a, b);
    p->is_open = got == TJ_EVAL_OK;
    if (!p->is_open) {
        return got;
    }
    tj_frac_init(&p->x, &p->ring);
    tj_frac_init(&p->y, &p->ring);
    got = tj_frac_build(&p->x, a, &p->ring);
    return got == TJ_EVAL_OK ? tj_frac_build(&p->y, b, &p->ring) : got;
}

void tj_frac_pair_close(tj_frac_pair *p)
{
    if (p->is_open) {
        tj_frac_clear(&p->x, &p->ring);
        tj_frac_clear(&p->y, &p->ring);
        tj_ring_close(&p->ring);
    }
}

tj_eval tj_ratfun_compare(tj_normal *out, tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    tj_frac_pair p;
    *out = (tj_normal){0};
    tj_eval got = tj_frac_pair_open(&p, d, a, b);
    got = got == TJ_EVAL_OK ? tj_frac_sub(&p.x, &p.x, &p.y, &p.ring) : got;
    got = got == TJ_EVAL_OK ? compare_with_zero(out, &p.x, &p.ring) : got;
    if (p.is_open) {
        tj_ring_describe(out, &p.ring);
    }
    tj_frac_pair_close(&p);
    return got;
}

static bool has_atom(const tj_ring *ring, tj_atom_kind kind)
{
    for (size_t i = 0; i < ring->n_atoms; i++) {
        if (ring->atoms[i].kind == kind) {
            return true;
        }
    }
    return false;
}

/* e^(num) = 1? */
static tj_eval is_log_of_one(bool *yes, tj_frac *num, tj_ring *ring)
{
    tj_frac e, one;
    tj_frac_init(&e, ring);
    tj_frac_init(&one, ring);
    tj_frac_set_si(&one, 1, 1, ring);
    tj_eval got = tj_frac_const(&e, TJ_ATOM_E, ring);
    got = got == TJ_EVAL_OK ? tj_frac_power(&e, &e, num, ring) : got;
    got = got == TJ_EVAL_OK ? tj_frac_equal(yes, &e, &one, ring) : got;
    tj_frac_clear(&e, ring);
    tj_frac_clear(&one, ring);
    return got;
}

/* cos(num) = 1 (and so sin(num) = 0)? */
static tj_eval is_whole_turn(bool *yes, const tj_frac *num, tj_ring *ring)
{
    tj_frac c, s, one;
    tj_frac_init(&c, ring);
    tj_frac_init(&s, ring);
    tj_frac_init(&one, ring);
    tj_frac_set_si(&one, 1, 1, ring);
    tj_eval got = tj_frac_turn(&c, &s, num, ring);
    got = got == TJ_EVAL_OK ? tj_frac_equal(yes, &c, &one, ring) : got;
    tj_frac_clear(&c, ring);
    tj_frac_clear(&s, ring);
    tj_frac_clear(&one, ring);
    return got;
}

tj_eval tj_ratfun_close_equal(bool *equal, tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    tj_frac_pair p;
    *equal = false;
    tj_eval got = tj_frac_pair_open(&p, d, a, b);
    got = got == TJ_EVAL_OK ? tj_frac_sub(&p.x, &p.x, &p.y, &p.ring) : got;
    fmpz_t den;
    fmpz_init(den);
    if (got == TJ_EVAL_OK && fmpz_mpoly_is_fmpz(p.x.den, p.ring.ctx)) {
        fmpz_mpoly_get_fmpz(den, p.x.den, p.ring.ctx);
    }
    if (got == TJ_EVAL_OK && (fmpz_is_zero(den) || fmpz_bits(den) > TJ_RATFUN_CLOSE_BITS)) {
        got = TJ_EVAL_OTHER;
    }
    fmpz_clear(den);
    if (got == TJ_EVAL_OK) {
        fmpz_mpoly_one(p.x.den, p.ring.ctx);
        got = TJ_EVAL_OTHER;
        if (has_atom(&p.ring, TJ_ATOM_LOG)) {
            got = is_log_of_one(equal, &p.x, &p.ring);
        } else if (has_atom(&p.ring, TJ_ATOM_CALL)) {
            got = is_whole_turn(equal, &p.x, &p.ring);
        }
    }
    tj_frac_pair_close(&p);
    return got;
}

tj_eval tj_ratfun_rational(tj_small *out, tj_deciding *d, const tj_ex *ex)
{
    tj_ring ring;
    tj_frac x;
    tj_eval got = tj_ring_open(&ring, d, ex, ex);
    if (got != TJ_EVAL_OK) {
        return got;
    }
    tj_frac_init(&x, &ring);
    fmpq_t value;
    fmpq_init(value);
    got = tj_frac_build(&x, ex, &ring);
    if (got == TJ_EVAL_OK) {
        got = tj_frac_rational(value, &x, &ring);
    }
    if (got == TJ_EVAL_OK && fmpz_fits_si(fmpq_numref(value)) && fmpz_fits_si(fmpq_denref(value)) &&
        fmpz_get_si(fmpq_numref(value)) != INT64_MIN) {
        *out = (tj_small){fmpz_get_si(fmpq_numref(value)), fmpz_get_si(fmpq_denref(value))};
    } else if (got == TJ_EVAL_OK) {
        got = TJ_EVAL_OTHER;
    }
    fmpq_clear(value);
    tj_frac_clear(&x, &ring);
    tj_ring_close(&ring);
    return got;
}
