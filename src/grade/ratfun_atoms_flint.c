/* The table of atoms of a ring, and what is known of them: g^n = num / den. An atom's arguments
 * hold only atoms that are older, so one pass from the newest to the oldest reduces all. */
#include <string.h>

#include "grade/ratfun_flint.h"

/* ---- the table ---- */

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
            (a->name == NULL ? b->name == NULL : b->name != NULL && strcmp(a->name, b->name) == 0);
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

tj_eval tj_frac_atom(tj_frac *out, tj_atom_kind kind, int32_t id, const tj_frac *arg, tj_ring *ring)
{
    tj_atom atom = {.kind = kind, .id = id, .n_args = 1};
    tj_frac_init(&atom.args[0], ring);
    tj_frac_set(&atom.args[0], arg, ring);
    return tj_ring_atom(out, &atom, ring);
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
            got = tj_poly_pow(factor, num, j / n, ring);
            got = got == TJ_EVAL_OK ? tj_poly_mul(term, term, factor, ring) : got;
        }
        if (got == TJ_EVAL_OK && has_den && top > j / n) {
            got = tj_poly_pow(factor, den, top - j / n, ring);
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
