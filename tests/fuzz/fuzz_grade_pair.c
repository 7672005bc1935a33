/* Any two texts (a line end between them) through the whole grader: the verdict and its method do
 * not depend on the order, nor on what was graded before, and an answer never differs from itself.
 * Two graders of different pasts stand for any past: one has graded all inputs, the other is made
 * anew now and then and sees each pair the other way round first. Time is the fuzzer's to watch
 * (-timeout): the budget of work bounds it. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "grade/grade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct outcome {
    tj_code code;
    tj_verdict verdict;
    const char *method;
} outcome;

static outcome grade(tj_grader *g, const char *a, size_t na, const char *b, size_t nb)
{
    tj_grade v;
    outcome o = {.code = tj_grade_pair(&v, g, a, na, b, nb, NULL)};
    TJ_ASSERT(o.code == TJ_OK || o.code == TJ_E_PARSE);
    TJ_ASSERT(v.reason != NULL && v.witness != NULL && v.method != NULL);
    TJ_ASSERT(strlen(v.reason) < ((size_t)1 << 20));
    TJ_ASSERT(o.code == TJ_OK || v.verdict == TJ_VERDICT_UNDECIDED);
    o.verdict = v.verdict;
    o.method = v.method;
    return o;
}

static void expect_same(const outcome *x, const outcome *y)
{
    TJ_ASSERT(x->code == y->code);
    TJ_ASSERT(x->verdict == y->verdict);
    TJ_ASSERT(strcmp(x->method, y->method) == 0);
}

#define RENEWED 256 /* inputs that one grades */

/* NULL without memory. */
static tj_grader *new_grader(void)
{
    tj_grade_options options = {.min_digits = 3, .normalize = true};
    tj_grader *grader;
    return tj_grader_create(&grader, &options, NULL) == TJ_OK ? grader : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tj_grader *old;   /* has graded all inputs so far */
    static tj_grader *young; /* and this one those since it was made */
    static size_t n_inputs;
    const char *a = (const char *)data;
    const char *end = memchr(a, '\n', size);
    size_t na = end == NULL ? size : (size_t)(end - a);
    const char *b = end == NULL ? a : end + 1;
    size_t nb = end == NULL ? size : size - na - 1;
    if (n_inputs++ % RENEWED == 0) {
        tj_grader_destroy(young);
        young = new_grader();
    }
    old = old == NULL ? new_grader() : old;
    if (old == NULL || young == NULL) {
        return 0;
    }
    outcome ab = grade(old, a, na, b, nb), ba = grade(young, b, nb, a, na);
    outcome again = grade(young, a, na, b, nb), aa = grade(old, a, na, a, na);
    expect_same(&ab, &again);
    if (ab.code == TJ_OK && ba.code == TJ_OK) {
        expect_same(&ab, &ba);
    }
    TJ_ASSERT(aa.code != TJ_OK || aa.verdict != TJ_VERDICT_DIFFERENT);
    return 0;
}
