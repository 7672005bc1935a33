/* The final answer of a thought, and whether it is the reference's. Between two texts of a draft
 * numbers and plain texts are compared; a reference answer is the grader's affair (grade/grade.h).
 *
 * Ownership: views of the text.
 * Threads:   no state.
 */
#ifndef TJ_THOUGHT_ANSWER_H
#define TJ_THOUGHT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "grade/grade.h"
#include "thought/record.h"

typedef struct tj_final_answer {
    const char *rule;  /* static: "boxed", "####", "output", "phrase", "last number"; NULL: none */
    size_t begin, end; /* bytes of the text */
} tj_final_answer;
/* The last \boxed{...}; or what follows the last "####"; or an <Output> part; or what follows the
 * last "answer is", "answer:", 答えは or 答案是, up to the end of its line; or the last number. */
void tj_answer_find(tj_final_answer *out, const char *text, size_t len);

/* YES where both are the same number (a fraction of integers counts as one: 1/2 is 0.5) or the same
 * text without regard to case, blanks, $ signs and a full stop at the end; NO where both are
 * numbers that differ; else UNKNOWN. */
tj_known tj_answer_same(const char *a, size_t n_a, const char *b, size_t n_b);
/* Sets `correct` where it is not known, from the reference answer, by the grader: EQUAL is YES,
 * DIFFERENT is NO, what is undecided stays unknown; so does what has no reference answer or one
 * that cannot be read. Errors: those of tj_grade_pair but for TJ_E_PARSE. */
TJ_MUST_USE tj_code tj_answer_judge(tj_record *record, tj_grader *grader, tj_err *err);
/* Is a op b = c, for op one of + - * / and decimal numbers? Exact; false where they are too long.
 */
bool tj_arithmetic_holds(const char *a, char op, const char *b, const char *c);

#endif
