/* A workspace with problems in words and trees of them, made by hand, for tests. */
#ifndef TJ_TESTS_SUPPORT_WORD_TREES_H
#define TJ_TESTS_SUPPORT_WORD_TREES_H

#include "store/store.h"

#define WORD_TREES       3
#define WORD_TREES_STEPS 15 /* of all of them */

/* Makes the workspace at dir with one done run of WORD_TREES trees of five steps each:
 *
 *     a good start ─┬─ a good end (the right answer)
 *                   └─ a wrong end
 *     a wrong start ── and on
 *
 * Every step's text is its own, with "good" or "wrong" in it. Gives the run. */
int64_t word_trees_make(const char *dir);

#endif
