/* Any bytes as a file of training examples, held against a problem and against their own texts:
 * each of these is the same as itself, and counts contain one another. What is not read names the
 * input. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "stage/stage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const tj_texts *learned, const tj_texts *measured)
{
    tj_contamination c;
    TJ_ASSERT(tj_contamination_check(&c, learned, measured, 4, NULL, NULL) == TJ_OK);
    TJ_ASSERT(c.same_learned <= c.whole_learned && c.whole_learned <= c.shared_learned);
    TJ_ASSERT(c.same_measured <= c.whole_measured && c.whole_measured <= c.shared_measured);
    TJ_ASSERT(c.shared_learned == c.n_list && c.n_list <= c.n_learned);
    TJ_ASSERT(c.n_learned <= learned->n && c.shared_measured <= c.n_measured);
    TJ_ASSERT((c.shared_learned == 0) == (c.shared_measured == 0));
    for (size_t i = 0; i < c.n_list; i++) {
        const tj_shared_text *s = &c.list[i];
        TJ_ASSERT(s->learned < learned->n && s->measured < measured->n);
        TJ_ASSERT(s->begin < s->end && s->end <= strlen(learned->all[s->learned]));
    }
    tj_contamination_deinit(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char problem[] = "How many apples are left of 12 apples?";
    tj_texts learned;
    tj_texts measured = {0};
    tj_err err = {.msg = ""};
    if (tj_texts_parse_examples(&learned, (const char *)data, size, "input", &err) != TJ_OK) {
        TJ_ASSERT(learned.n == 0 && strncmp(err.msg, "input:", 6) == 0);
        return 0;
    }
    TJ_ASSERT(tj_texts_add(&measured, 1, problem, strlen(problem), NULL) == TJ_OK);
    check(&learned, &measured);
    check(&learned, &learned);
    tj_texts_deinit(&measured);
    tj_texts_deinit(&learned);
    return 0;
}
