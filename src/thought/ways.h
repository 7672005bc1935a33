/* The tree that a thought's spans tell of: each step after the step before it, and the way that
 * ends in the answer. Internal to thought.
 *
 * Ownership: tj_ways_deinit frees the arrays.
 * Threads:   confined to one thread.
 */
#ifndef TJ_THOUGHT_WAYS_H
#define TJ_THOUGHT_WAYS_H

#include "thought/span.h"

#define TJ_NO_STEP SIZE_MAX

typedef struct tj_way_step {
    size_t span;
    size_t parent; /* the step before it, by index here; TJ_NO_STEP at the start */
    bool again;    /* tells once more of a step that the thought has told: leave it out of trees */
    size_t first;  /* that step; itself where it is new */
    bool is_last;  /* an attempt ends with it */
} tj_way_step;

typedef struct tj_ways {
    tj_way_step *steps; /* [n_steps], in the order of the text */
    size_t n_steps;
    size_t *path; /* [n_path] steps of the way that the thought ends on, first one first, without
                   * those told again */
    size_t n_path;
    size_t conclusion; /* span; TJ_NO_STEP if there is none */
} tj_ways;
TJ_MUST_USE tj_code tj_ways_of(tj_ways *out, const tj_thought *thought, tj_err *err);
void tj_ways_deinit(tj_ways *ways);
/* The steps from the start to `step`, in out [n_steps]; returns their number. */
size_t tj_ways_to(const tj_ways *ways, size_t step, size_t *out);

#endif
