/* Reference solutions in the form that policies write: numbered steps, one a line, the last of
 * which is the answer (the paper's sec. 3.3; what the prompts gsm8k_lines and math_lines ask for).
 *
 *     1. Natalia sold 48/2 = 24 clips in May.
 *     2. Natalia sold 48+24 = 72 clips altogether in April and May.
 *     3. The answer is \boxed{72}.
 *
 * Steps are what the data set says they are (GSM8K: lines; PRM800K: the steps of a path that ended
 * in a solution rated right), or else sentences (MATH). What cannot be brought into this form
 * without guessing is left out with a reason.
 *
 * Ownership: texts go to the caller's buffer; nothing is kept.
 * Threads:   no shared state.
 */
#ifndef TJ_TASK_STEPFORM_H
#define TJ_TASK_STEPFORM_H

#include <stdbool.h>

#include "base/buf.h"
#include "task/dataset.h"

typedef enum tj_stepform_result {
    TJ_STEPFORM_OK = 0,
    TJ_STEPFORM_NO_SOLUTION, /* none that is right to its end */
    TJ_STEPFORM_NO_ANSWER,   /* the solution does not say its answer */
    TJ_STEPFORM_NO_STEPS,    /* nothing stands before the answer */
    TJ_STEPFORM_ELSEWHERE,   /* GSM8K: the last step does not have the answer's number */
    TJ_STEPFORM_FIGURE,      /* drawn in Asymptote */
    TJ_STEPFORM_COMMENT,     /* a % of LaTeX's would swallow the rest of a line */
    TJ_STEPFORM_OPEN         /* a formula, environment or brace does not end */
} tj_stepform_result;
#define TJ_N_STEPFORM_RESULTS 8
extern const char *const tj_stepform_reasons[TJ_N_STEPFORM_RESULTS]; /* in words; [OK] is "" */

typedef struct tj_stepform_options {
    bool calculations; /* GSM8K: keep <<48/2=24>> */
} tj_stepform_options;

/* Appends a record's solution, its last line without a newline. *gold is the reference answer,
 * which the answer of the text written should equal by the grader: of PRM800K's single candidates,
 * which have none, the answer that was accepted with its step. Lent with the record. Where the
 * result is not OK nothing is appended. Memory shows in the buffer (tj_buf_check). */
tj_stepform_result tj_stepform_write(tj_buf *out, tj_str *gold, const tj_data_record *record,
                                     const tj_stepform_options *options);

#endif
