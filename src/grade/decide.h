/* Are two trees equal: exact arithmetic, enclosures, normal forms, matching.
 *
 * Ownership: a decider owns FLINT's contexts and scratch; strings of a decision live in the arena.
 * Threads:   a decider is confined to one thread at a time.
 */
#ifndef TJ_GRADE_DECIDE_H
#define TJ_GRADE_DECIDE_H

#include "base/arena.h"
#include "grade/expr.h"
#include "grade/grade.h"

typedef struct tj_decider tj_decider;

typedef struct tj_decision {
    tj_verdict verdict;
    const char *method;  /* static; as tj_grade.method */
    const char *reason;  /* in the arena, or static; never NULL */
    const char *witness; /* in the arena, or static; "" if none */
} tj_decision;

/* Gives *out (tj_decider_destroy, in the thread that used it last: it frees what FLINT keeps for
 * that thread). Borrows options. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_decider_create(tj_decider **out, const tj_grade_options *options,
                                      tj_err *err);
void tj_decider_destroy(tj_decider *decider);

/* Decides; the same verdict and method for (b, a). Errors: TJ_E_NOMEM; *out is then UNDECIDED. */
TJ_MUST_USE tj_code tj_decide(tj_decision *out, tj_decider *decider, tj_arena *arena,
                              const tj_ex *a, const tj_ex *b, tj_err *err);

#endif
