/* Several samples a problem: what our grader says of each, which answer most of them give, and what
 * follows over many problems.
 *
 * Ownership: structs are plain data; json_t results are new references.
 * Threads:   as eval.h.
 */
#ifndef TJ_EVAL_SAMPLES_H
#define TJ_EVAL_SAMPLES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/jscan.h"
#include "eval/eval.h"
#include "grade/grade.h"

#define TJ_EVAL_MAX_PASS 14 /* k of pass@k: 1, 2, 4, ... 4096, and the number of samples */
#define TJ_NO_CLASS      SIZE_MAX

/* A sample's grade. Whoever wants more (reason, normal forms) asks the pool about that pair. */
typedef struct tj_sample_grade {
    tj_verdict verdict;
    bool answers;    /* there is an answer, and it can be read */
    bool limit;      /* a limit of the pool fired on a pair of it: not reproducible */
    size_t class_id; /* samples of one class give equal answers; TJ_NO_CLASS abstains */
} tj_sample_grade;

/* Grades n samples of a problem. Classes (only where n > 1): a sample belongs to the first whose
 * first member's answer equals its own; what cannot be read abstains. Errors: TJ_E_PARSE (the
 * reference has no answer that can be read: all are UNDECIDED then, and never right), TJ_E_LIMIT (a
 * text above TJ_MAX_OUTPUT_BYTES), those of the pool. */
TJ_MUST_USE tj_code tj_eval_grade_samples(tj_sample_grade *out, tj_grade_pool *pool, tj_str gold,
                                          const tj_str *texts, size_t n, tj_err *err);
/* The first sample of the class with most samples, ties by the first; SIZE_MAX: all abstain. */
size_t tj_eval_majority_class(const tj_sample_grade *grades, size_t n);

/* Of n_problems with n_samples each. */
typedef struct tj_sampled {
    size_t n_problems, n_samples;
    tj_interval mean; /* of all samples; of one a problem Wilson's interval, else a bootstrap over
                       * problems */
    struct {
        size_t k;
        tj_interval share; /* unbiased (Chen et al. 2021), bootstrap over problems */
    } pass[TJ_EVAL_MAX_PASS];
    size_t n_pass; /* 0 with one sample */
    bool has_majority;
    tj_interval majority; /* Wilson */
} tj_sampled;

/* right [n_problems, n_samples]: 1 or 0; majority [n_problems], or NULL. Errors: TJ_E_INVAL (none,
 * a bad config), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_eval_sampled(tj_sampled *out, const unsigned char *right,
                                    const unsigned char *majority, size_t n_problems,
                                    size_t n_samples, const tj_boot_config *boot, tj_err *err);
/* {"mean", "mean_low", "mean_high", "pass": [{"k", "mean", "low", "high"}], "majority", ...}. */
json_t *tj_sampled_json(const tj_sampled *sampled);

#endif
