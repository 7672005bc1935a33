/* Every item is run once, by a thread whose number is in range, whatever the number of threads; and
 * inside an item other libraries see one thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/par.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#define MAX_ITEMS 1000

typedef struct work {
    unsigned char runs[MAX_ITEMS];  /* of each item */
    size_t thread[MAX_ITEMS];       /* that ran it */
    unsigned char inner[MAX_ITEMS]; /* threads that a library inside it would use */
    double result[MAX_ITEMS];
} work;

static void run_item(void *ctx, size_t item, size_t thread)
{
    work *w = ctx;
    w->runs[item]++;
    w->thread[item] = thread;
#ifdef _OPENMP
    w->inner[item] = (unsigned char)omp_get_max_threads();
#else
    w->inner[item] = 1;
#endif
    double x = (double)item;
    for (size_t i = 0; i < 100; i++) {
        x = x * 0.5 + 1.0 / (1.0 + x);
    }
    w->result[item] = x;
}

static void every_item_is_run_once(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 3, 7, 64, MAX_ITEMS};
    work *one = calloc(1, sizeof *one);
    assert_non_null(one);
    tj_par_set_threads(1);
    tj_par_for(MAX_ITEMS, run_item, one);
    for (size_t n_threads = 1; n_threads <= 3; n_threads++) {
        tj_par_set_threads(n_threads);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            work *w = calloc(1, sizeof *w);
            assert_non_null(w);
            tj_par_for(sizes[s], run_item, w);
            for (size_t i = 0; i < MAX_ITEMS; i++) {
                assert_int_equal(w->runs[i], i < sizes[s] ? 1 : 0);
                assert_true(w->thread[i] < tj_par_threads());
                assert_int_equal(w->inner[i], i < sizes[s] ? 1 : 0);
                assert_true(i >= sizes[s] || w->result[i] == one->result[i]);
            }
            free(w);
        }
    }
    free(one);
}

static void the_number_of_threads_is_what_was_set(void **state)
{
    (void)state;
    tj_par_set_threads(0);
    size_t all = tj_par_threads();
    assert_true(all >= 1);
    assert_true(all <= TJ_MAX_THREADS);
#ifdef _OPENMP
    tj_par_set_threads(2);
    assert_int_equal(tj_par_threads(), 2);
    tj_par_set_threads(SIZE_MAX);
    assert_int_equal(tj_par_threads(), TJ_MAX_THREADS);
#else
    tj_par_set_threads(2);
    assert_int_equal(tj_par_threads(), 1);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_run_once),
        cmocka_unit_test(the_number_of_threads_is_what_was_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
