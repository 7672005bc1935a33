/* Parallel loops over fixed work items. With OpenMP the items are shared out among threads
 * (dynamic order, fixed items); without it they run in turn. Which thread runs an item never
 * changes a result: an item writes only what is its own.
 *
 * Inside an item, OpenMP of other libraries (oneDNN) sees one thread.
 *
 * Threads: call from one thread at a time; never nested.
 */
#ifndef TJ_BASE_PAR_H
#define TJ_BASE_PAR_H

#include <stddef.h>

/* fn(ctx, item, thread) for item in [0, n_items), thread in [0, tj_par_threads()). */
typedef void (*tj_par_fn)(void *ctx, size_t item, size_t thread);
void tj_par_for(size_t n_items, tj_par_fn fn, void *ctx);

/* Many loops in a row by the same threads. Between loops threads wait busily for a moment before
 * they give way: a loop of tj_team_for costs a fraction of a microsecond where one of tj_par_for
 * costs ten to fifty. fn(ctx, team, thread) runs once in each thread, and every thread must come to
 * the same calls of tj_team_for in the same order. */
typedef struct tj_team tj_team;
typedef void (*tj_team_fn)(void *ctx, tj_team *team, size_t thread);
void tj_par_team(tj_team_fn fn, void *ctx);
/* As tj_par_for, by the threads of the team. When it returns, all items are done, and what they
 * wrote is seen by all. */
void tj_team_for(tj_team *team, size_t thread, size_t n_items, tj_par_fn fn, void *ctx);

/* The number of threads that tj_par_for uses; set before objects with per-thread scratch are made.
 * 0 means all that the machine offers. */
void tj_par_set_threads(size_t n_threads);
size_t tj_par_threads(void);
#define TJ_MAX_THREADS                                                                             \
    256 /* per-thread scratch is sized by it; no machine we know has more useful */

#endif
