/* Is this answer equal to that one: LaTeX and plain mathematics, decided by exact arithmetic.
 *
 *     model output ─▶ extract ─▶ answer's text ─▶ read ─▶ tree ─┐
 *     reference    ─▶ extract ─▶ answer's text ─▶ read ─▶ tree ─┴▶ decide ─▶ verdict, method,
 * witness
 *
 * Verdicts depend only on the two texts and the options: a fixed budget of work (digits, degree,
 * precision, terms), never a clock. The verdict does not depend on the order of the two texts. What
 * counts as equal is written down in docs/grader.md.
 *
 * Ownership: a grader owns everything it lends.
 * Threads:   a grader is confined to one thread at a time; make one a thread.
 * Cost:      some microseconds for numbers, below 100 ms for the hardest (docs/grader.md).
 */
#ifndef TJ_GRADE_GRADE_H
#define TJ_GRADE_GRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef enum tj_verdict { TJ_VERDICT_EQUAL, TJ_VERDICT_DIFFERENT, TJ_VERDICT_UNDECIDED } tj_verdict;

/* "equal", "different", "undecided". */
const char *tj_verdict_name(tj_verdict verdict);

typedef struct tj_grade_options {
    size_t min_digits; /* a decimal equals an exact value that it is the correct rounding of if it
                        * has at least so many significant digits; 0: never */
    bool strict_units; /* a unit that only one side has makes them different */
} tj_grade_options;
tj_grade_options tj_grade_defaults(void); /* min_digits 3, units may be left out */

/* Where an answer was found in a text. */
typedef struct tj_extraction {
    const char *rule;  /* static: "boxed", "final answer", "####", "bold", "math", "number",
                        * "choice", "whole"; NULL if there is no answer */
    size_t begin, end; /* bytes of the answer in the text */
} tj_extraction;

/* Finds the answer in a model's output, or in a bare answer (rule "whole"). Never looks into
 * <think> ... </think>. */
void tj_grade_extract(tj_extraction *out, const char *text, size_t len);

typedef struct tj_grade {
    tj_verdict verdict;
    const char *method;  /* static: how it was decided: "same form", "exact rational", "algebraic",
                          * "enclosure", "normal form", "random points", "rounding", "sets", ... */
    const char *reason;  /* a sentence: "0.333 is 1/3 rounded to 3 digits"; never NULL */
    const char *witness; /* where they differ: "x = 2: 5 and 7", "element 3"; "" if none */
    const char *normalized_gold, *normalized_pred; /* as read, in plain text; "" if not read */
    const char *rule_gold, *rule_pred;             /* of extraction; "" if none */
} tj_grade;

typedef struct tj_grader tj_grader;
/* Gives *out (tj_grader_destroy); NULL on error. options NULL: the defaults. */
TJ_MUST_USE tj_code tj_grader_create(tj_grader **out, const tj_grade_options *options, tj_err *err);
void tj_grader_destroy(tj_grader *grader);

/* Compares a reference answer with a model's. The strings of *out are lent until the grader's next
 * call. What cannot be read or decided on the model's side is UNDECIDED (method "unreadable"), no
 * answer at all DIFFERENT (method "no answer"). Errors: TJ_E_PARSE (the reference has no answer, or
 * it cannot be read: it must never be rewarded), TJ_E_NOMEM; *out is then UNDECIDED with the
 * reason.
 */
TJ_MUST_USE tj_code tj_grade_pair(tj_grade *out, tj_grader *grader, const char *gold,
                                  size_t gold_len, const char *pred, size_t pred_len, tj_err *err);

#endif
