/* Arithmetic of quotients, the table of atoms, and the comparisons. */
#include "grade/ratfun_flint.h"

#include <string.h>

#include "grade/exact_flint.h"

/* Of all surds together: square roots four deep, or sixth roots of roots. */
#define MAX_SURD_DEGREE 64

/* ---- products within bounds ---- */

static int64_t coeff_bits(const fmpz_mpoly_t p, const tj_ring *ring)
{
    slong bits = fmpz_mpoly_max_bits(p);
    (void)ring;
    return bits < 0 ? -bits : bits;
}

static int64_t degree(const fmpz_mpoly_t p, const tj_ring *ring)
{
    return fmpz_mpoly_total_degree_fits_si(p, ring->ctx)
               ? fmpz_mpoly_total_degree_si(p, ring->ctx)
               : INT64_MAX / 4;
}

tj_eval tj_poly_mul(fmpz_mpoly_t out, const fmpz_mpoly_t a, const fmpz_mpoly_t b, tj_ring *ring)
{
    int64_t n_a = fmpz_mpoly_length(a, ring->ctx), n_b = fmpz_mpoly_length(b, ring->ctx);
    int64_t bits = coeff_bits(a, ring) + coeff_bits(b, ring);
    if (n_a * n_b > 16 * TJ_DECIDE_MAX_TERMS || bits > TJ_DECIDE_MAX_COEFF_BITS ||
        degree(a, ring) + degree(b, ring) > TJ_DECIDE_MAX_DEGREE ||
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
    double bits = (double)n * ((double)coeff_bits(p, ring) + 1);
    for (int64_t s = t; s > 1; s /= 2) {
        bits += (double)n;
    }
    double all = (double)degree(p, ring) * (double)n;
    if (terms > TJ_DECIDE_MAX_TERMS || bits > TJ_DECIDE_MAX_COEFF_BITS ||
        all > TJ_DECIDE_MAX_DEGREE) {
        return false;
    }
    double cost = 500 + terms * (double)t * (double)(n < 64 ? n : 64) *
                            (100 + (double)tj_cost_mul((int64_t)bits));
    return cost < 1e12 && tj_work_spend(&ring->d->work, (uint64_t)cost);
}

static tj_eval poly_pow(fmpz_mpoly_t out, const fmpz_mpoly_t p, uint64_t n, tj_ring *ring)
{
    if (!power_fits(p, n, ring)) {
        return TJ_EVAL_LIMIT;
    }
    return fmpz_mpoly_pow_ui(out, p, n, ring->ctx) ? TJ_EVAL_OK : TJ_EVAL_LIMIT;
}

/* ---- relations ---- */

/* g^n = num / den of the atom; false if there is none. */
static bool relation(fmpz_mpoly_t num, fmpz_mpoly_t den, uint64_t *n, size_t i, tj_ring *ring)
{
    const tj_atom *atom = &ring->atoms[i];
    fmpz_mpoly_one(den, ring->ctx);
    *n = 2;
    switch (atom->kind) {
    case TJ_ATOM_I:
        fmpz_mpoly_set_si(num, -1, ring->ctx);
        return true;
    case TJ_ATOM_SURD:
        fmpz_mpoly_set_ui(num, atom->prime, ring->ctx);
        *n = atom->degree;
        return true;
    case TJ_ATOM_RADICAL:
        fmpz_mpoly_set(num, atom->args[0].num, ring->ctx);
        fmpz_mpoly_set(den, atom->args[0].den, ring->ctx);
        *n = atom->degree;
        return true;
    case TJ_ATOM_SIN:
        fmpz_mpoly_gen(num, (slong)atom->partner, ring->ctx);
        fmpz_mpoly_mul(num, num, num, ring->ctx);
        fmpz_mpoly_neg(num, num, ring->ctx);
        fmpz_mpoly_add_ui(num, num, 1, ring->ctx);
        return true;
    case TJ_ATOM_ABS:
        return tj_poly_mul(num, atom->args[0].num, atom->args[0].num, ring) == TJ_EVAL_OK &&
               tj_poly_mul(den, atom->args[0].den, atom->args[0].den, ring) == TJ_EVAL_OK;
    default:
        return false;
    }
}

/* p = sum of c_j g^j  becomes  den^m p = sum of c_j g^(j mod n) num^(j div n) den^(m - j div n). */
static tj_eval use_relation(fmpz_mpoly_t p, size_t i, const fmpz_mpoly_t num,
                            const fmpz_mpoly_t den, uint64_t n, tj_ring *ring)
{
    fmpz_mpoly_univar_t parts;
    fmpz_mpoly_t sum, term, factor;
    fmpz_mpoly_univar_init(parts, ring->ctx);
    fmpz_mpoly_init(sum, ring->ctx);
    fmpz_mpoly_init(term, ring->ctx);
    fmpz_mpoly_init(factor, ring->ctx);
    fmpz_mpoly_to_univar(parts, p, (slong)i, ring->ctx);
    slong n_parts = fmpz_mpoly_univar_length(parts, ring->ctx);
    uint64_t top = (uint64_t)fmpz_mpoly_univar_get_term_exp_si(parts, 0, ring->ctx) / n;
    bool has_den = !fmpz_mpoly_is_one(den, ring->ctx);
    tj_eval got = TJ_EVAL_OK;
    for (slong k = 0; k < n_parts && got == TJ_EVAL_OK; k++) {
        uint64_t j = (uint64_t)fmpz_mpoly_univar_get_term_exp_si(parts, k, ring->ctx);
        fmpz_mpoly_univar_get_term_coeff(term, parts, k, ring->ctx);
        fmpz_mpoly_gen(factor, (slong)i, ring->ctx);
        fmpz_mpoly_pow_ui(factor, factor, j % n, ring->ctx);
        got = tj_poly_mul(term, term, factor, ring);
        if (got == TJ_EVAL_OK && j / n > 0) {
            got = poly_pow(factor, num, j / n, ring);
            got = got == TJ_EVAL_OK ? tj_poly_mul(term, term, factor, ring) : got;
        }
        if (got == TJ_EVAL_OK && has_den && top > j / n) {
            got = poly_pow(factor, den, top - j / n, ring);
            got = got == TJ_EVAL_OK ? tj_poly_mul(term, term, factor, ring) : got;
        }
        if (got == TJ_EVAL_OK) {
            fmpz_mpoly_add(sum, sum, term, ring->ctx);
        }
    }
    fmpz_mpoly_swap(p, sum, ring->ctx);
    fmpz_mpoly_univar_clear(parts, ring->ctx);
    fmpz_mpoly_clear(sum, ring->ctx);
    fmpz_mpoly_clear(term, ring->ctx);
    fmpz_mpoly_clear(factor, ring->ctx);
    return got;
}

/* An atom's arguments hold only atoms that are older, so one pass from the newest is enough. */
tj_eval tj_poly_reduce(fmpz_mpoly_t p, tj_ring *ring)
{
    fmpz_mpoly_t num, den;
    uint64_t n;
    fmpz_mpoly_init(num, ring->ctx);
    fmpz_mpoly_init(den, ring->ctx);
    tj_eval got = TJ_EVAL_OK;
    for (size_t i = ring->n_atoms; i-- > 0 && got == TJ_EVAL_OK;) {
        tj_atom_kind kind = ring->atoms[i].kind;
        if (kind == TJ_ATOM_SYMBOL || kind == TJ_ATOM_PI ||
            fmpz_mpoly_degree_si(p, (slong)i, ring->ctx) < 2) {
            continue;
        }
        if (relation(num, den, &n, i, ring) &&
            (uint64_t)fmpz_mpoly_degree_si(p, (slong)i, ring->ctx) >= n) {
            got = use_relation(p, i, num, den, n, ring);
        }
    }
    fmpz_mpoly_clear(num, ring->ctx);
    fmpz_mpoly_clear(den, ring->ctx);
    return got;
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

bool tj_frac_is_rational(const tj_frac *f, const tj_ring *ring)
{
    return fmpz_mpoly_is_fmpz(f->num, ring->ctx) && fmpz_mpoly_is_fmpz(f->den, ring->ctx);
}

void tj_frac_get_fmpq(fmpq_t out, const tj_frac *f, const tj_ring *ring)
{
    fmpz_mpoly_get_fmpz(fmpq_numref(out), f->num, ring->ctx);
    fmpz_mpoly_get_fmpz(fmpq_denref(out), f->den, ring->ctx);
    fmpq_canonicalise(out);
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
    got = got == TJ_EVAL_OK ? poly_pow(power.num, power.num, size, ring) : got;
    got = got == TJ_EVAL_OK ? poly_pow(power.den, power.den, size, ring) : got;
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

/* ---- atoms ---- */

void tj_atom_clear(tj_atom *atom, const tj_ring *ring)
{
    for (size_t i = 0; i < atom->n_args; i++) {
        tj_frac_clear(&atom->args[i], ring);
    }
    atom->n_args = 0;
}

static tj_eval same_atom(bool *same, const tj_atom *a, const tj_atom *b, tj_ring *ring)
{
    *same = a->kind == b->kind && a->id == b->id && a->prime == b->prime &&
            a->degree == b->degree && a->n_args == b->n_args &&
            (a->name == NULL ? b->name == NULL
                             : b->name != NULL && strcmp(a->name, b->name) == 0);
    tj_eval got = TJ_EVAL_OK;
    for (size_t i = 0; i < a->n_args && *same && got == TJ_EVAL_OK; i++) {
        got = tj_frac_equal(same, &a->args[i], &b->args[i], ring);
    }
    return got;
}

tj_eval tj_ring_atom(tj_frac *out, tj_atom *atom, tj_ring *ring)
{
    tj_eval got = TJ_EVAL_OK;
    bool same = false;
    size_t i = 0;
    for (; i < ring->n_atoms && got == TJ_EVAL_OK; i++) {
        got = same_atom(&same, &ring->atoms[i], atom, ring);
        if (same) {
            break;
        }
    }
    if (got == TJ_EVAL_OK && !same && ring->n_atoms == ring->n_gens) {
        got = TJ_EVAL_LIMIT;
    }
    if (got != TJ_EVAL_OK || same) {
        tj_atom_clear(atom, ring);
    } else {
        ring->atoms[ring->n_atoms++] = *atom;
        *atom = (tj_atom){0};
    }
    if (got == TJ_EVAL_OK) {
        fmpz_mpoly_gen(out->num, (slong)i, ring->ctx);
        fmpz_mpoly_one(out->den, ring->ctx);
    }
    return got;
}

tj_eval tj_frac_const(tj_frac *out, tj_atom_kind kind, tj_ring *ring)
{
    tj_atom atom = {.kind = kind};
    return tj_ring_atom(out, &atom, ring);
}

/* ---- the ring of two trees ---- */

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

static tj_eval open_ring(tj_ring *ring, tj_deciding *d, const tj_ex *a, const tj_ex *b)
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

static void close_ring(tj_ring *ring)
{
    for (size_t i = 0; i < ring->n_atoms; i++) {
        tj_atom_clear(&ring->atoms[i], ring);
    }
    fmpz_mpoly_ctx_clear(ring->ctx);
}

static void describe(tj_normal *out, const tj_ring *ring)
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

tj_eval tj_ratfun_compare(tj_normal *out, tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    tj_ring ring;
    tj_frac x, y;
    *out = (tj_normal){0};
    tj_eval got = open_ring(&ring, d, a, b);
    if (got != TJ_EVAL_OK) {
        return got;
    }
    tj_frac_init(&x, &ring);
    tj_frac_init(&y, &ring);
    got = tj_frac_build(&x, a, &ring);
    if (got == TJ_EVAL_OK) {
        got = tj_frac_build(&y, b, &ring);
    }
    if (got == TJ_EVAL_OK) {
        got = tj_frac_equal(&out->equal, &x, &y, &ring);
    }
    describe(out, &ring);
    tj_frac_clear(&x, &ring);
    tj_frac_clear(&y, &ring);
    close_ring(&ring);
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
    tj_ring ring;
    tj_frac x, y;
    *equal = false;
    tj_eval got = open_ring(&ring, d, a, b);
    if (got != TJ_EVAL_OK) {
        return got;
    }
    tj_frac_init(&x, &ring);
    tj_frac_init(&y, &ring);
    got = tj_frac_build(&x, a, &ring);
    got = got == TJ_EVAL_OK ? tj_frac_build(&y, b, &ring) : got;
    got = got == TJ_EVAL_OK ? tj_frac_sub(&x, &x, &y, &ring) : got;
    fmpz_t den;
    fmpz_init(den);
    if (got == TJ_EVAL_OK && fmpz_mpoly_is_fmpz(x.den, ring.ctx)) {
        fmpz_mpoly_get_fmpz(den, x.den, ring.ctx);
    }
    if (got == TJ_EVAL_OK && (fmpz_is_zero(den) || fmpz_bits(den) > TJ_RATFUN_CLOSE_BITS)) {
        got = TJ_EVAL_OTHER;
    }
    fmpz_clear(den);
    if (got == TJ_EVAL_OK) {
        fmpz_mpoly_one(x.den, ring.ctx);
        got = TJ_EVAL_OTHER;
        if (has_atom(&ring, TJ_ATOM_LOG)) {
            got = is_log_of_one(equal, &x, &ring);
        } else if (has_atom(&ring, TJ_ATOM_CALL)) {
            got = is_whole_turn(equal, &x, &ring);
        }
    }
    tj_frac_clear(&x, &ring);
    tj_frac_clear(&y, &ring);
    close_ring(&ring);
    return got;
}

tj_eval tj_ratfun_rational(tj_small *out, tj_deciding *d, const tj_ex *ex)
{
    tj_ring ring;
    tj_frac x;
    tj_eval got = open_ring(&ring, d, ex, ex);
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
    if (got == TJ_EVAL_OK && fmpz_fits_si(fmpq_numref(value)) &&
        fmpz_fits_si(fmpq_denref(value)) && fmpz_get_si(fmpq_numref(value)) != INT64_MIN) {
        *out = (tj_small){fmpz_get_si(fmpq_numref(value)), fmpz_get_si(fmpq_denref(value))};
    } else if (got == TJ_EVAL_OK) {
        got = TJ_EVAL_OTHER;
    }
    fmpq_clear(value);
    tj_frac_clear(&x, &ring);
    close_ring(&ring);
    return got;
}

/* ---- equations ---- */

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
    if (got != TJ_EVAL_OK || fmpz_mpoly_is_zero(p, ring->ctx) ||
        fmpz_mpoly_is_zero(q, ring->ctx)) {
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
    int64_t size = degree(f->num, ring) + degree(f->den, ring);
    if (fmpz_mpoly_is_fmpz(f->den, ring->ctx) || n > 400 || size > 24 ||
        !tj_work_spend(&ring->d->work, 20000 + 2000 * (uint64_t)n)) {
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
    tj_ring ring;
    tj_frac x, y;
    *out = (tj_normal){0};
    *sign = 0;
    tj_eval got = open_ring(&ring, d, a, b);
    if (got != TJ_EVAL_OK) {
        return got;
    }
    tj_frac_init(&x, &ring);
    tj_frac_init(&y, &ring);
    got = tj_frac_build(&x, a, &ring);
    got = got == TJ_EVAL_OK ? tj_frac_build(&y, b, &ring) : got;
    if (got == TJ_EVAL_OK) {
        bool whole;
        tj_frac u, v;
        int unused;
        cancel(&x, &ring);
        cancel(&y, &ring);
        tj_frac_init(&u, &ring);
        tj_frac_init(&v, &ring);
        tj_frac_set(&u, &x, &ring);
        tj_frac_set(&v, &y, &ring);
        got = proportional(&out->equal, &unused, u.num, v.num, &ring);
        if (got == TJ_EVAL_OK && out->equal) {
            got = tj_poly_mul(u.num, x.num, y.den, &ring);
            got = got == TJ_EVAL_OK ? tj_poly_mul(v.num, y.num, x.den, &ring) : got;
            got = got == TJ_EVAL_OK ? proportional(&whole, sign, u.num, v.num, &ring) : got;
            *sign = got == TJ_EVAL_OK && whole ? *sign : 0;
            got = TJ_EVAL_OK; /* the sign is an extra */
        }
        tj_frac_clear(&u, &ring);
        tj_frac_clear(&v, &ring);
    }
    describe(out, &ring);
    tj_frac_clear(&x, &ring);
    tj_frac_clear(&y, &ring);
    close_ring(&ring);
    return got;
}
