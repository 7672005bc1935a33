/* Is this answer equal to that one: LaTeX and plain mathematics, decided by exact arithmetic.
 *
 *     model output ─▶ extract ─▶ answer's text ─▶ read ─▶ tree ─┐
 *     reference    ─▶ extract ─▶ answer's text ─▶ read ─▶ tree ─┴▶ decide ─▶ verdict and why
 *
 * Verdicts depend only on the two texts and the options: a fixed budget of work (digits, degree,
 * precision, terms), never a clock. The verdict does not depend on the order of the two texts. What
 * counts as equal is written down in docs/grader.md.
 *
 * Ownership: a grader or pool owns everything it lends.
 * Threads:   a grader or pool is confined to one thread at a time; make one a thread.
 * Cost:      some microseconds for numbers, below 100 ms for the hardest (docs/grader.md). A grader
 *            allocates nothing of ours once warm.
 */
#ifndef TJ_GRADE_GRADE_H
#define TJ_GRADE_GRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/job.h"

#define TJ_MAX_OUTPUT_BYTES ((size_t)1 << 20) /* of a text to grade: models end long before */

typedef enum tj_verdict { TJ_VERDICT_EQUAL, TJ_VERDICT_DIFFERENT, TJ_VERDICT_UNDECIDED } tj_verdict;

/* "equal", "different", "undecided". */
const char *tj_verdict_name(tj_verdict verdict);

typedef struct tj_grade_options {
    size_t min_digits; /* a decimal equals an exact value that it is the correct rounding of if it
                        * has at least so many significant digits; 0: never */
    bool strict_units; /* a unit that only one side has makes them different */
    bool normalize;    /* fill in tj_grade.normalized_* */
} tj_grade_options;
tj_grade_options tj_grade_defaults(void); /* min_digits 3, units may be left out, no normalizing */

/* Where an answer was found in a text. */
typedef struct tj_extraction {
    const char *rule;  /* static: "boxed", "final answer", "####", "bold", "math", "number",
                        * "choice", "label", "whole"; NULL if there is no answer */
    size_t begin, end; /* bytes of the answer in the text; 0 if there is none */
} tj_extraction;

typedef struct tj_grade {
    tj_verdict verdict;
    const char *method;  /* static: how it was decided: "same form", "exact rational", "algebraic",
                          * "enclosure", "normal form", "random points", "rounding", "sets", ... */
    const char *reason;  /* a sentence: "0.333 is 1/3 rounded to 3 digits"; never NULL */
    const char *witness; /* where they differ: "x = 2: 5 and 7", "element 3"; "" if none */
    const char *normalized_gold, *normalized_pred; /* as read, in plain text; "" if not read, or
                                                    * not asked for */
    tj_extraction gold, pred;
} tj_grade;

typedef struct tj_grader tj_grader;
/* Gives *out (tj_grader_destroy); NULL on error. options NULL: the defaults. */
TJ_MUST_USE tj_code tj_grader_create(tj_grader **out, const tj_grade_options *options, tj_err *err);
void tj_grader_destroy(tj_grader *grader);

/* Finds the answer in a model's output, or in a bare answer (rule "whole"). Never looks into
 * <think> ... </think>. A text above TJ_MAX_OUTPUT_BYTES has none. */
void tj_grade_extract(tj_extraction *out, tj_grader *grader, const char *text, size_t len);

/* Compares a reference answer with a model's, each a bare answer or a whole output. The strings of
 * *out are lent until the grader's next call. What cannot be read or decided on the model's side is
 * UNDECIDED (method "unreadable"), no answer at all DIFFERENT (method "no answer"). Errors:
 * TJ_E_PARSE (the reference has no answer, or it cannot be read: it must never be rewarded),
 * TJ_E_NOMEM, and of a grader apart TJ_E_BACKEND (no worker); *out is then UNDECIDED with the
 * reason. */
TJ_MUST_USE tj_code tj_grade_pair(tj_grade *out, tj_grader *grader, const char *gold,
                                  size_t gold_len, const char *pred, size_t pred_len, tj_err *err);

/* ------------------------------------------------------------ in processes of their own
 *
 * FLINT can neither be interrupted nor kept from ending the process. A pool grades in worker
 * processes (base/workers.h) with limits far above what the budget of work needs. Where one fires,
 * the pair is UNDECIDED with method "limit", which is not reproducible: who uses a pool counts them
 * and shows the count. Create a pool before threads are started. */

typedef struct tj_grade_limits {
    size_t memory_bytes;              /* of a worker, beyond its start */
    double cpu_seconds, wall_seconds; /* of a pair */
} tj_grade_limits;
tj_grade_limits tj_grade_limits_defaults(void); /* 1 GiB, 2 s, 30 s */

typedef struct tj_graded {
    tj_grade grade;
    tj_code code; /* TJ_OK, or TJ_E_PARSE as of tj_grade_pair: grade.reason is then the message */
    bool limit;   /* a limit of the pool fired */
    double seconds;
} tj_graded;

typedef struct tj_grade_pool tj_grade_pool;
/* Gives *out (tj_grade_pool_destroy); NULL on error. options and limits NULL: the defaults. Errors:
 * those of tj_workers_create. */
TJ_MUST_USE tj_code tj_grade_pool_create(tj_grade_pool **out, size_t n_workers,
                                         const tj_grade_options *options,
                                         const tj_grade_limits *limits, tj_err *err);
void tj_grade_pool_destroy(tj_grade_pool *pool);

/* Whether a pair of so many bytes can be pushed now; where not, pull first. */
bool tj_grade_pool_has_room(const tj_grade_pool *pool, size_t gold_len, size_t pred_len);
/* Copies a pair. Errors: TJ_E_LIMIT (no room; a text above TJ_MAX_OUTPUT_BYTES). */
TJ_MUST_USE tj_code tj_grade_pool_push(tj_grade_pool *pool, const char *gold, size_t gold_len,
                                       const char *pred, size_t pred_len, tj_err *err);
/* Pairs pushed whose verdict has not been pulled. */
size_t tj_grade_pool_pending(const tj_grade_pool *pool);
/* The verdict on the oldest pending pair, of which there must be one; waits for it. Strings are
 * lent until the next call. Errors: TJ_E_CANCELLED (by job, which may be NULL), TJ_E_BACKEND (no
 * workers); the pair stays pending. */
TJ_MUST_USE tj_code tj_grade_pool_pull(tj_grade_pool *pool, tj_graded *out, const tj_job *job,
                                       tj_err *err);
/* One pair alone, where none is pending: push and pull. A reference that cannot be read is
 * out->code. Errors: those of both. */
TJ_MUST_USE tj_code tj_grade_pool_pair(tj_grade_pool *pool, tj_graded *out, const char *gold,
                                       size_t gold_len, const char *pred, size_t pred_len,
                                       const tj_job *job, tj_err *err);

/* A grader whose pairs are decided by a pool of one worker, so that no text can end this process:
 * for whoever grades now and then in the midst of other work. Gives *out (tj_grader_destroy); NULL
 * on error. options and limits NULL: the defaults. Errors: those of tj_grade_pool_create. */
TJ_MUST_USE tj_code tj_grader_create_apart(tj_grader **out, const tj_grade_options *options,
                                           const tj_grade_limits *limits, tj_err *err);
/* Pairs so far that a limit of the pool stopped; of a grader in this process 0. */
size_t tj_grader_n_stopped(const tj_grader *grader);

#endif
