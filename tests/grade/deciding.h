/* Checks of deciding that its tests share: pairs of texts and their verdicts, which must be the
 * same in both orders and again. */
#ifndef TJ_TESTS_GRADE_DECIDING_H
#define TJ_TESTS_GRADE_DECIDING_H

#include <stddef.h>

#include "grade/decide.h"

/* Each text is equal to the first; a NULL ends them. */
void assert_equal_texts(const char *const *texts);
/* Each text but the first is different from the first. */
void assert_different_texts(const char *const *texts);
void assert_undecided_texts(const char *const *texts);
#define ALL_EQUAL(...)     assert_equal_texts((const char *const[]){__VA_ARGS__, NULL})
#define ALL_DIFFERENT(...) assert_different_texts((const char *const[]){__VA_ARGS__, NULL})
#define ALL_UNDECIDED(...) assert_undecided_texts((const char *const[]){__VA_ARGS__, NULL})

/* The decision for two texts in this order; its strings are lent until the next call. */
tj_decision decision_of(const char *a, const char *b);
/* The same with other options. */
tj_decision decision_with(tj_grade_options options, const char *a, const char *b);
/* The pair is decided by this method. */
void assert_method(const char *method, const char *a, const char *b);
/* The witness of a difference is this text. */
void assert_witness(const char *witness, const char *a, const char *b);

/* The verdict for two trees that are in an arena, checked in both orders. */
tj_verdict verdict_of_trees(tj_decider *decider, tj_arena *arena, const tj_ex *a, const tj_ex *b);

#endif
