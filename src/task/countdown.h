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

/* Bytes being read. Each function advances past what it reads and leaves the rest alone; false when
 * it is not there, with the cursor where reading stopped. */
typedef struct tj_countdown_cursor {
    const char *p, *end;
} tj_countdown_cursor;
bool tj_countdown_skip(tj_countdown_cursor *at, const char *word);
/* A number of at most 9 digits without leading zeros: fits 32 bits, and products fit 64. */
bool tj_countdown_read_number(tj_countdown_cursor *at, uint32_t *out);
/* One or more numbers, each after one space; at most max_n. */
bool tj_countdown_read_numbers(tj_countdown_cursor *at, uint32_t *out, size_t max_n, size_t *n);

/* The verdict of a line but for `solvable`, which costs a search: the caller fills it in. */
void tj_countdown_judge_text(const tj_countdown_config *cfg, const tj_countdown_state *state,
                             const char *line, size_t len, tj_line_verdict *verdict,
                             tj_countdown_state *after, tj_countdown_step *step);

/* The walk from a state, as tj_countdown_walk from a problem's first. */
TJ_MUST_USE tj_code tj_countdown_walk_from(tj_walk *out, const tj_countdown_config *cfg,
                                           const tj_countdown_state *first, const char *text,
                                           size_t len, tj_err *err);

/* The bytes of share/countdown/tokenizer.json; the build makes the file that defines them. */
extern const unsigned char tj_countdown_tokenizer[];
extern const size_t tj_countdown_tokenizer_n;

/* Marks in reachable[v / 64] bit v % 64 each value v <= value_max that `numbers` [n] can make with
 * all of them used. Adds the number of results looked at to *work. */
void tj_countdown_mark_reachable(const tj_countdown_config *cfg, uint64_t *reachable,
                                 const uint32_t *numbers, size_t n, uint64_t *work);

#endif
