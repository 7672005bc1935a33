/* Any two lines of text as a pair of answers. A verdict does not depend on the order of the two,
 * nor on what was decided before; an answer is never different from itself. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "grade/decide.h"
#include "grade/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input's bytes: two answers. */
#define MAX_INPUT 400
#define RENEWED   256 /* inputs between deciders */

static void check_pair(tj_decider *decider, tj_arena *arena, const tj_ex *a, const tj_ex *b)
{
    tj_decision one, other, again;
    TJ_ASSERT(tj_decide(&one, decider, arena, a, b, NULL) == TJ_OK);
    TJ_ASSERT(tj_decide(&other, decider, arena, b, a, NULL) == TJ_OK);
    TJ_ASSERT(tj_decide(&again, decider, arena, a, b, NULL) == TJ_OK);
    TJ_ASSERT(one.verdict == other.verdict && strcmp(one.method, other.method) == 0);
    TJ_ASSERT(one.verdict == again.verdict && strcmp(one.method, again.method) == 0);
    TJ_ASSERT(strcmp(one.reason, again.reason) == 0 && strcmp(one.witness, again.witness) == 0);
}

/* One for many inputs, as in use; made anew now and then, so that none depends on a long past. */
static tj_decider *decider_at_hand(void)
{
    static tj_decider *decider;
    static size_t n_inputs;
    tj_grade_options options = {.min_digits = 3};
    if (n_inputs++ % RENEWED == 0) {
        tj_decider_destroy(decider);
        TJ_ASSERT(tj_decider_create(&decider, &options, NULL) == TJ_OK);
    }
    return decider;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = memchr(data, '\n', size);
    if (cut == NULL || size > MAX_INPUT) {
        return 0;
    }
    const char *first = (const char *)data, *second = (const char *)cut + 1;
    size_t n_first = (size_t)(cut - data);
    tj_arena arena;
    tj_arena_init(&arena, 0);
    tj_decider *decider = decider_at_hand();
    const tj_ex *a, *b;
    if (tj_read(&a, &arena, first, n_first, NULL) == TJ_OK &&
        tj_read(&b, &arena, second, size - n_first - 1, NULL) == TJ_OK) {
        tj_decision same;
        check_pair(decider, &arena, a, b);
        TJ_ASSERT(tj_decide(&same, decider, &arena, a, a, NULL) == TJ_OK);
        TJ_ASSERT(same.verdict != TJ_VERDICT_DIFFERENT);
    }
    tj_arena_deinit(&arena);
    return 0;
}
