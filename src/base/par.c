/* Items go to whichever thread is free (schedule(dynamic, 1)): items are large (a tile of rows), so
 * the cost of handing one out is small beside it, and uneven items even out. */
#include "base/par.h"

#include <stdatomic.h>

#include "base/assert.h"

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

#else

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
