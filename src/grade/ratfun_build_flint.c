/* From trees to quotients: arithmetic is done, everything else becomes an atom. */
#include "grade/ratfun_flint.h"

#include "grade/exact_flint.h"

/* Terms of sums and products that are written out. */
#define MAX_WRITTEN_OUT 64

static tj_eval number(tj_frac *out, const tj_ex_num *num, tj_ring *ring)
{
    tj_exact_run run = {&ring->d->work, NULL, TJ_DECIDE_MAX_COEFF_BITS};
    fmpq_t x;
    fmpq_init(x);
    tj_eval got = tj_exact_number(x, &run, num);
    if (got == TJ_EVAL_OK) {
        tj_frac_set_fmpq(out, x, ring);
    }
    fmpq_clear(x);
    return got;
}

static tj_eval constant(tj_frac *out, int32_t id, tj_ring *ring)
{
    switch ((tj_ex_const)id) {
    case TJ_CONST_PI:
        return tj_frac_const(out, TJ_ATOM_PI, ring);
    case TJ_CONST_E:
        return tj_frac_const(out, TJ_ATOM_E, ring);
    case TJ_CONST_I:
        return tj_frac_const(out, TJ_ATOM_I, ring);
    case TJ_CONST_UNDEFINED:
        return TJ_EVAL_UNDEFINED;
    default:
        return TJ_EVAL_OTHER;
    }
}

static tj_eval joined(tj_frac *out, const tj_ex *ex, tj_ring *ring)
{
    tj_frac next;
    tj_frac_init(&next, ring);
    tj_eval got = tj_frac_build(out, ex->args[0], ring);
    for (size_t i = 1; i < ex->n_args && got == TJ_EVAL_OK; i++) {
        got = tj_frac_build(&next, ex->args[i], ring);
        if (got == TJ_EVAL_OK) {
            got = ex->kind == TJ_EX_ADD ? tj_frac_add(out, out, &next, ring)
                                        : tj_frac_mul(out, out, &next, ring);
        }
    }
    tj_frac_clear(&next, ring);
    return got;
}

/* Two arguments and what is done with them. */
static tj_eval both(tj_frac *out, const tj_ex *ex, tj_ring *ring)
{
    tj_frac second;
    tj_frac_init(&second, ring);
    tj_eval got = tj_frac_build(out, ex->args[0], ring);
    got = got == TJ_EVAL_OK ? tj_frac_build(&second, ex->args[1], ring) : got;
    if (got == TJ_EVAL_OK) {
        got = ex->kind == TJ_EX_DIV ? tj_frac_div(out, out, &second, ring)
                                    : tj_frac_power(out, out, &second, ring);
    }
    tj_frac_clear(&second, ring);
    return got;
}

static tj_eval series(tj_frac *out, const tj_ex *ex, tj_ring *ring)
{
    tj_small first, last;
    if (ex->args[0]->kind != TJ_EX_SYMBOL ||
        tj_exact_small(&first, &ring->d->work, ex->args[1], NULL) != TJ_EVAL_OK ||
        tj_exact_small(&last, &ring->d->work, ex->args[2], NULL) != TJ_EVAL_OK || first.den != 1 ||
        last.den != 1) {
        return TJ_EVAL_OTHER;
    }
    if (first.num < -TJ_DECIDE_MAX_BITS || last.num - first.num >= MAX_WRITTEN_OUT) {
        return TJ_EVAL_LIMIT;
    }
    bool is_sum = ex->kind == TJ_EX_SUM;
    tj_frac term;
    tj_frac_init(&term, ring);
    tj_frac_set_si(out, is_sum ? 0 : 1, 1, ring);
    tj_eval got = TJ_EVAL_OK;
    for (int64_t i = first.num; i <= last.num && got == TJ_EVAL_OK; i++) {
        const tj_ex *body =
            tj_substitute(ring->d, ex->args[3], ex->args[0]->text, tj_make_int(ring->d, i));
        got = body == NULL ? TJ_EVAL_LIMIT : tj_frac_build(&term, body, ring);
        if (got == TJ_EVAL_OK) {
            got = is_sum ? tj_frac_add(out, out, &term, ring) : tj_frac_mul(out, out, &term, ring);
        }
    }
    tj_frac_clear(&term, ring);
    return got;
}

static tj_eval apply(tj_frac *out, const tj_ex *ex, tj_ring *ring)
{
    if (ex->n_args > TJ_ATOM_MAX_ARGS) {
        return TJ_EVAL_LIMIT;
    }
    tj_atom atom = {.kind = TJ_ATOM_APPLY, .name = ex->text};
    tj_eval got = TJ_EVAL_OK;
    while (atom.n_args < ex->n_args && got == TJ_EVAL_OK) {
        tj_frac_init(&atom.args[atom.n_args], ring);
        got = tj_frac_build(&atom.args[atom.n_args], ex->args[atom.n_args], ring);
        atom.n_args++;
    }
    if (got != TJ_EVAL_OK) {
        tj_atom_clear(&atom, ring);
        return got;
    }
    return tj_ring_atom(out, &atom, ring);
}

tj_eval tj_frac_build(tj_frac *out, const tj_ex *ex, tj_ring *ring)
{
    if (!tj_work_spend(&ring->d->work, 100)) {
        return TJ_EVAL_LIMIT;
    }
    tj_atom atom = {.kind = TJ_ATOM_SYMBOL};
    tj_eval got;
    switch (ex->kind) {
    case TJ_EX_NUMBER:
        return number(out, &ex->num, ring);
    case TJ_EX_CONST:
        return constant(out, ex->id, ring);
    case TJ_EX_SYMBOL:
        atom.name = ex->text;
        return tj_ring_atom(out, &atom, ring);
    case TJ_EX_NEG:
        got = tj_frac_build(out, ex->args[0], ring);
        fmpz_mpoly_neg(out->num, out->num, ring->ctx);
        return got;
    case TJ_EX_ADD:
    case TJ_EX_MUL:
        return joined(out, ex, ring);
    case TJ_EX_DIV:
    case TJ_EX_POW:
        return both(out, ex, ring);
    case TJ_EX_SUM:
    case TJ_EX_PRODUCT:
        return series(out, ex, ring);
    case TJ_EX_CALL:
        return tj_frac_call(out, ex, ring);
    case TJ_EX_APPLY:
        return apply(out, ex, ring);
    default:
        return TJ_EVAL_OTHER;
    }
}
