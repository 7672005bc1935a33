/* What the countdown files of this room share and no other room needs.
 *
 * Ownership: plain values.
 * Threads:   no shared state.
 */
#ifndef TJ_TASK_COUNTDOWN_H
#define TJ_TASK_COUNTDOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "task/task.h"

/* Ascending, in place: at most six numbers, so insertion sort. */
void tj_countdown_sort(uint32_t *numbers, size_t n);

/* Equal numbers left, target and number of given numbers. */
bool tj_countdown_same_state(const tj_countdown_state *a, const tj_countdown_state *b);

/* The verdict of a line but for `solvable`, which costs a search: the caller fills it in. */
void tj_countdown_judge_text(const tj_countdown_config *cfg, const tj_countdown_state *state,
                             const char *line, size_t len, tj_line_verdict *verdict,
                             tj_countdown_state *after, tj_countdown_step *step);

/* The walk from a state, as tj_countdown_walk from a problem's first. */
TJ_MUST_USE tj_code tj_countdown_walk_from(tj_walk *out, const tj_countdown_config *cfg,
                                           const tj_countdown_state *first, const char *text,
                                           size_t len, tj_err *err);

/* Marks in reachable[v / 64] bit v % 64 each value v <= value_max that `numbers` [n] can make with
 * all of them used. Adds the number of results looked at to *work. */
void tj_countdown_mark_reachable(const tj_countdown_config *cfg, uint64_t *reachable,
                                 const uint32_t *numbers, size_t n, uint64_t *work);

#endif
