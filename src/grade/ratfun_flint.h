/* Inside of normal forms. */
#ifndef TJ_GRADE_RATFUN_FLINT_H
#define TJ_GRADE_RATFUN_FLINT_H

#include <flint/fmpq.h>
#include <flint/fmpz_mpoly.h>

#include "grade/ratfun.h"

/* A quotient; den is not zero. Not in lowest terms: cancelling costs more than crosswise products
 * save, as most denominators are numbers. */
typedef struct tj_frac {
    fmpz_mpoly_t num, den;
} tj_frac;

typedef enum tj_atom_kind {
    TJ_ATOM_SYMBOL,  /* name */
    TJ_ATOM_APPLY,   /* name, args */
    TJ_ATOM_PI,      /* no relation */
    TJ_ATOM_E,       /* no relation */
    TJ_ATOM_I,       /* g^2 = -1 */
    TJ_ATOM_SURD,    /* g = prime^(1/degree), g^degree = prime */
    TJ_ATOM_RADICAL, /* g^degree = args[0] */
    TJ_ATOM_POWER,   /* args[0]^args[1] */
    TJ_ATOM_LOG,     /* ln prime, or ln args[0] where prime is 0 */
    TJ_ATOM_COS,     /* of args[0] */
    TJ_ATOM_SIN,     /* of args[0]; g^2 = 1 - c^2, c = the generator `partner` */
    TJ_ATOM_ABS,     /* of args[0]; g^2 = args[0]^2 */
    TJ_ATOM_CALL     /* id, args: any other function */
} tj_atom_kind;

#define TJ_ATOM_MAX_ARGS 3

typedef struct tj_atom {
    tj_atom_kind kind;
    const char *name;
    int32_t id;
    uint64_t prime, degree;
    size_t partner;
    size_t n_args;
    tj_frac args[TJ_ATOM_MAX_ARGS];
} tj_atom;

/* One comparison: the ring and its generators, each of which is an atom. */
typedef struct tj_ring {
    tj_deciding *d;
    fmpz_mpoly_ctx_t ctx;
    size_t n_gens;
    size_t n_atoms;
    tj_atom atoms[TJ_DECIDE_MAX_ATOMS];
    uint64_t surd_degree; /* all roots of whole numbers are powers of surds of this degree */
} tj_ring;

/* The ring for two trees (ratfun_flint.c): LIMIT if they have too many letters. */
tj_eval tj_ring_open(tj_ring *ring, tj_deciding *d, const tj_ex *a, const tj_ex *b);
void tj_ring_close(tj_ring *ring);
/* Fills in what the atoms that were met say of the result. */
void tj_ring_describe(tj_normal *out, const tj_ring *ring);

/* Two trees as quotients over one ring. */
typedef struct tj_frac_pair {
    tj_ring ring;
    tj_frac x, y;
    bool is_open; /* the ring is; else there is nothing to close or to describe */
} tj_frac_pair;
tj_eval tj_frac_pair_open(tj_frac_pair *p, tj_deciding *d, const tj_ex *a, const tj_ex *b);
void tj_frac_pair_close(tj_frac_pair *p); /* whatever open gave */

/* Polynomials: LIMIT or OK. */
tj_eval tj_poly_mul(fmpz_mpoly_t out, const fmpz_mpoly_t a, const fmpz_mpoly_t b, tj_ring *ring);
tj_eval tj_poly_pow(fmpz_mpoly_t out, const fmpz_mpoly_t p, uint64_t n, tj_ring *ring);
/* Of the largest coefficient; in total. */
int64_t tj_poly_bits(const fmpz_mpoly_t p);
int64_t tj_poly_degree(const fmpz_mpoly_t p, const tj_ring *ring);
/* p with all relations used until none applies; a factor that is not zero may be lost. */
tj_eval tj_poly_reduce(fmpz_mpoly_t p, tj_ring *ring);

void tj_frac_init(tj_frac *f, const tj_ring *ring); /* 0 */
void tj_frac_clear(tj_frac *f, const tj_ring *ring);
void tj_frac_set(tj_frac *out, const tj_frac *f, const tj_ring *ring);
void tj_frac_swap(tj_frac *a, tj_frac *b, const tj_ring *ring);
void tj_frac_set_si(tj_frac *out, int64_t num, uint64_t den, const tj_ring *ring);
void tj_frac_set_fmpq(tj_frac *out, const fmpq_t x, const tj_ring *ring);
bool tj_frac_is_rational(const tj_frac *f, const tj_ring *ring);
/* LIMIT or OK; out may be an argument. */
tj_eval tj_frac_add(tj_frac *out, const tj_frac *a, const tj_frac *b, tj_ring *ring);
tj_eval tj_frac_sub(tj_frac *out, const tj_frac *a, const tj_frac *b, tj_ring *ring);
tj_eval tj_frac_mul(tj_frac *out, const tj_frac *a, const tj_frac *b, tj_ring *ring);
tj_eval tj_frac_scale(tj_frac *f, int64_t num, uint64_t den, tj_ring *ring);
/* UNDEFINED for a b (or base with n < 0) that reduces to zero. */
tj_eval tj_frac_div(tj_frac *out, const tj_frac *a, const tj_frac *b, tj_ring *ring);
tj_eval tj_frac_pow(tj_frac *out, const tj_frac *a, int64_t n, tj_ring *ring);
tj_eval tj_frac_equal(bool *equal, const tj_frac *a, const tj_frac *b, tj_ring *ring);

/* The value if it is seen to be a rational number; else OTHER. */
tj_eval tj_frac_rational(fmpq_t out, const tj_frac *f, tj_ring *ring);

/* *f times a quotient, or a rational number. */
tj_eval tj_frac_times(tj_frac *f, const tj_frac *by, tj_ring *ring);
/* Has the first term of the numerator a negative coefficient? Odd functions turn their argument. */
bool tj_frac_looks_negative(const tj_frac *f, const tj_ring *ring);
/* Does the numerator hold the imaginary unit? */
bool tj_frac_has_i(const tj_frac *f, const tj_ring *ring);

/* The generator of an atom, made if it is new (its args are then taken over, and *atom is empty;
 * otherwise they are freed). */
tj_eval tj_ring_atom(tj_frac *out, tj_atom *atom, tj_ring *ring);
void tj_atom_clear(tj_atom *atom, const tj_ring *ring);
/* An atom of one argument. */
tj_eval tj_frac_atom(tj_frac *out, tj_atom_kind kind, int32_t id, const tj_frac *arg,
                     tj_ring *ring);
tj_eval tj_frac_const(tj_frac *out, tj_atom_kind kind, tj_ring *ring);

/* x = product of prime^power; parts beyond trial division count as primes. */
#define TJ_MAX_FACTORS 24
typedef struct tj_factors {
    size_t n;
    uint64_t prime[TJ_MAX_FACTORS];
    int64_t power[TJ_MAX_FACTORS]; /* negative in the denominator */
} tj_factors;

/* *out takes the factors of x > 0, their powers times sign, too; false if a part is too large. */
bool tj_factor(tj_factors *out, const fmpz_t x, int64_t sign, tj_ring *ring);
bool tj_factor_rational(tj_factors *out, const fmpq_t x, tj_ring *ring);

/* Roots (ratfun_roots_flint.c): of a quotient; x^(power / degree) of a rational x > 0, where degree
 * divides the ring's. */
tj_eval tj_frac_root(tj_frac *out, const tj_frac *base, uint64_t degree, tj_ring *ring);
tj_eval tj_frac_positive_root(tj_frac *out, const fmpq_t x, int64_t power, uint64_t degree,
                              tj_ring *ring);
/* Powers and logarithms (ratfun_powers_flint.c). */
tj_eval tj_frac_power(tj_frac *out, const tj_frac *base, const tj_frac *exponent, tj_ring *ring);
tj_eval tj_frac_log(tj_frac *out, const tj_frac *x, tj_ring *ring);
/* Angles (ratfun_angles_flint.c): cos and sin; one of six functions; an inverse function, where ex
 * is the call and x its argument. */
tj_eval tj_frac_turn(tj_frac *cosine, tj_frac *sine, const tj_frac *angle, tj_ring *ring);
tj_eval tj_frac_trigonometric(tj_frac *out, tj_ex_fn fn, const tj_frac *x, tj_ring *ring);
tj_eval tj_frac_arc(tj_frac *out, tj_ex_fn fn, const tj_ex *ex, const tj_frac *x, tj_ring *ring);
/* Trees (ratfun_build_flint.c) and calls (ratfun_calls_flint.c). */
tj_eval tj_frac_build(tj_frac *out, const tj_ex *ex, tj_ring *ring);
tj_eval tj_frac_call(tj_frac *out, const tj_ex *ex, tj_ring *ring);

#endif
