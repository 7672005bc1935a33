/* Items go to whichever thread is free (schedule(dynamic, 1)): items are large (a tile of rows), so
 * the cost of handing one out is small beside it, and uneven items even out. */
#include "base/par.h"

#include <sched.h>
#include <stdatomic.h>

#include "base/assert.h"

/* The counters stand on cache lines of their own: all threads write the one and read the other. */
struct tj_team {
    size_t n_threads;
    _Alignas(64) atomic_size_t next;    /* item of the loop at hand */
    _Alignas(64) atomic_size_t arrived; /* threads at its end */
    _Alignas(64) atomic_size_t phase;   /* loops done */
};

#define SPINS 4000 /* some 50 to 100 microseconds */

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* The last to arrive makes the counters ready for the next loop, and lets the others go. */
static void wait_for_all(tj_team *team)
{
    size_t phase = atomic_load_explicit(&team->phase, memory_order_relaxed);
    size_t before = atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel);
    if (before + 1 == team->n_threads) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&team->next, 0, memory_order_relaxed);
        atomic_store_explicit(&team->phase, phase + 1, memory_order_release);
        return;
    }
    for (size_t i = 0; atomic_load_explicit(&team->phase, memory_order_acquire) == phase; i++) {
        if (i < SPINS) {
            relax();
        } else {
            sched_yield();
        }
    }
}

void tj_team_for(tj_team *team, size_t thread, size_t n_items, tj_par_fn fn, void *ctx)
{
    for (;;) {
        size_t i = atomic_fetch_add_explicit(&team->next, 1, memory_order_relaxed);
        if (i >= n_items) {
            break;
        }
        fn(ctx, i, thread);
    }
    wait_for_all(team);
}

#ifdef _OPENMP
#include <omp.h>

/* 0: not yet known. Relaxed: a number that orders nothing else. */
static atomic_size_t n_threads_set = 0;

void tj_par_set_threads(size_t n_threads)
{
    if (n_threads == 0) {
        int offered = omp_get_num_procs();
        n_threads = offered < 1 ? 1 : (size_t)offered;
    }
    if (n_threads > TJ_MAX_THREADS) {
        n_threads = TJ_MAX_THREADS;
    }
    atomic_store_explicit(&n_threads_set, n_threads, memory_order_relaxed);
}

size_t tj_par_threads(void)
{
    size_t n = atomic_load_explicit(&n_threads_set, memory_order_relaxed);
    if (n == 0) {
        tj_par_set_threads(0);
        n = atomic_load_explicit(&n_threads_set, memory_order_relaxed);
    }
    return n;
}

void tj_par_for(size_t n_items, tj_par_fn fn, void *ctx)
{
    TJ_ASSERT(omp_get_level() == 0);
    int n_threads = (int)tj_par_threads();
#pragma omp parallel num_threads(n_threads)
    {
        /* This setting belongs to the region's own tasks: a library that an item calls (oneDNN)
         * sees one thread, even in a region of one thread, which OpenMP does not call parallel. */
        omp_set_num_threads(1);
        size_t thread = (size_t)omp_get_thread_num();
#pragma omp for schedule(dynamic, 1)
        for (size_t i = 0; i < n_items; i++) {
            fn(ctx, i, thread);
        }
    }
}

void tj_par_team(tj_team_fn fn, void *ctx)
{
    TJ_ASSERT(omp_get_level() == 0);
    tj_team team = {.n_threads = tj_par_threads()};
#pragma omp parallel num_threads((int)team.n_threads)
    {
        /* OpenMP may give fewer threads than asked for */
#pragma omp single
        team.n_threads = (size_t)omp_get_num_threads();
        omp_set_num_threads(1);
        fn(ctx, &team, (size_t)omp_get_thread_num());
    }
}

#else

void tj_par_team(tj_team_fn fn, void *ctx)
{
    tj_team team = {.n_threads = 1};
    fn(ctx, &team, 0);
}

void tj_par_set_threads(size_t n_threads)
{
    (void)n_threads;
}

size_t tj_par_threads(void)
{
    return 1;
}

void tj_par_for(size_t n_items, tj_par_fn fn, void *ctx)
{
    for (size_t i = 0; i < n_items; i++) {
        fn(ctx, i, 0);
    }
}

#endif
