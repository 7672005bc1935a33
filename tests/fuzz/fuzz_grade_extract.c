/* Any bytes as a model's output: the answer is a piece of it without white space at its ends, found
 * again each time, and never before the end of the thinking; what is put in a box behind it is the
 * answer then, unless the text ends within thinking. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "grade/grade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tj_grader *grader; /* one for all inputs, as in use */

static void expect_piece(const tj_extraction *x, const char *text, size_t len)
{
    TJ_ASSERT(x->begin <= x->end);
    TJ_ASSERT(x->end <= len);
    if (x->rule == NULL) {
        TJ_ASSERT(x->end == 0);
        return;
    }
    TJ_ASSERT(x->begin < x->end);
    TJ_ASSERT(memchr(" \t\r\n", text[x->begin], 4) == NULL);
    TJ_ASSERT(memchr(" \t\r\n", text[x->end - 1], 4) == NULL);
    for (size_t i = 0; i + 8 <= len; i++) {
        TJ_ASSERT(memcmp(text + i, "</think>", 8) != 0 || x->begin >= i + 8);
    }
}

static void expect_box(const char *text, size_t len)
{
    static const char end[] = "</think>So \\boxed{17}";
    size_t n = sizeof end - 1;
    char *longer = tj_malloc(len + n);
    tj_extraction x;
    TJ_ASSERT(longer != NULL);
    memcpy(longer, text, len);
    memcpy(longer + len, end, n);
    tj_grade_extract(&x, grader, longer, len + n);
    TJ_ASSERT(x.rule != NULL);
    TJ_ASSERT(strcmp(x.rule, "boxed") == 0);
    TJ_ASSERT(x.end == len + n - 1 && x.begin == x.end - 2);
    tj_free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    tj_extraction a, b;
    if (grader == NULL && tj_grader_create(&grader, NULL, NULL) != TJ_OK) {
        return 0;
    }
    tj_grade_extract(&a, grader, text, size);
    expect_piece(&a, text, size);
    tj_grade_extract(&b, grader, text, size);
    TJ_ASSERT(a.rule == b.rule);
    TJ_ASSERT(a.begin == b.begin && a.end == b.end);
    if (size < 65536) {
        expect_box(text, size);
    }
    return 0;
}
