/* The block pool against what its header promises: holders are counted, a block returns with its
 * last holder, ids and bytes of held blocks are distinct, and failed allocations leave no trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "infer/blockpool.h"

static tj_blockpool *make(size_t n_blocks, size_t block_bytes)
{
    tj_blockpool *pool = NULL;
    assert_int_equal(tj_blockpool_create(&pool, n_blocks, block_bytes, NULL), TJ_OK);
    return pool;
}

static tj_block_id acquire(tj_blockpool *pool)
{
    tj_block_id id = UINT32_MAX;
    assert_int_equal(tj_blockpool_acquire(pool, &id, NULL), TJ_OK);
    return id;
}

static void create_refuses_impossible_sizes(void **state)
{
    (void)state;
    tj_err err;
    tj_blockpool *pool = NULL;
    assert_int_equal(tj_blockpool_create(&pool, 0, 64, &err), TJ_E_INVAL);
    assert_int_equal(tj_blockpool_create(&pool, 4, 0, &err), TJ_E_INVAL);
    assert_int_equal(tj_blockpool_create(&pool, 4, 96, &err), TJ_E_INVAL);
    assert_int_equal(tj_blockpool_create(&pool, (size_t)UINT32_MAX + 1, 64, &err), TJ_E_INVAL);
    assert_null(pool);
    tj_blockpool_destroy(NULL);
}

static void release_by_last_holder_frees_block(void **state)
{
    (void)state;
    tj_blockpool *pool = make(2, 64);
    tj_block_id a = acquire(pool);
    tj_block_id b = acquire(pool);
    assert_int_not_equal(a, b);
    tj_blockpool_retain(pool, a);
    tj_blockpool_release(pool, a);
    assert_int_equal(tj_blockpool_n_free(pool), 0);
    tj_err err;
    tj_block_id none = 77;
    assert_int_equal(tj_blockpool_acquire(pool, &none, &err), TJ_E_LIMIT);
    assert_int_equal(none, 77);
    tj_blockpool_release(pool, a);
    assert_int_equal(tj_blockpool_n_free(pool), 1);
    assert_int_equal(acquire(pool), a);
    tj_blockpool_release(pool, a);
    tj_blockpool_release(pool, b);
    tj_blockpool_destroy(pool);
}

/* Sizes on both sides of a slab, so that blocks come from several slabs and the last is short. */
static void held_blocks_have_bytes_of_their_own(void **state)
{
    (void)state;
    size_t sizes[] = {64, 4096, ((size_t)1 << 20) - 64, (size_t)3 << 20};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        size_t n = sizes[s] > 100000 ? 3 : 700;
        tj_blockpool *pool = make(n, sizes[s]);
        for (size_t i = 0; i < n; i++) {
            unsigned char *data = tj_blockpool_data(pool, acquire(pool));
            assert_int_equal((uintptr_t)data % 64, 0);
            memset(data, (int)(i % 251), sizes[s]);
        }
        for (size_t i = 0; i < n; i++) {
            const unsigned char *data = tj_blockpool_data(pool, (tj_block_id)i);
            assert_int_equal(data[0], i % 251);
            assert_int_equal(data[sizes[s] - 1], i % 251);
            tj_blockpool_release(pool, (tj_block_id)i);
        }
        assert_int_equal(tj_blockpool_n_free(pool), n);
        tj_blockpool_destroy(pool);
    }
}

static void random_use_equals_a_table_of_counts(void **state)
{
    (void)state;
    enum { N = 9 };
    size_t holders[N] = {0};
    tj_blockpool *pool = make(N, 128);
    tj_rng rng;
    tj_rng_init(&rng, 1, 0, 0, 0);
    for (size_t turn = 0; turn < 20000; turn++) {
        size_t i = (size_t)tj_rng_below(&rng, N);
        switch (tj_rng_below(&rng, 3)) {
        case 0: {
            tj_block_id id = N;
            size_t n_free = tj_blockpool_n_free(pool);
            tj_code rc = tj_blockpool_acquire(pool, &id, NULL);
            assert_int_equal(rc, n_free > 0 ? TJ_OK : TJ_E_LIMIT);
            if (rc == TJ_OK) {
                assert_int_equal(holders[id], 0);
                holders[id] = 1;
            }
            break;
        }
        case 1:
            if (holders[i] > 0) {
                tj_blockpool_retain(pool, (tj_block_id)i);
                holders[i]++;
            }
            break;
        default:
            if (holders[i] > 0) {
                tj_blockpool_release(pool, (tj_block_id)i);
                holders[i]--;
            }
        }
        size_t n_free = 0;
        for (size_t b = 0; b < N; b++) {
            assert_int_equal(tj_blockpool_n_holders(pool, (tj_block_id)b), holders[b]);
            n_free += holders[b] == 0;
        }
        assert_int_equal(tj_blockpool_n_free(pool), n_free);
    }
    for (size_t b = 0; b < N; b++) {
        while (holders[b]-- > 0) {
            tj_blockpool_release(pool, (tj_block_id)b);
        }
    }
    tj_blockpool_destroy(pool);
}

static void failed_allocations_are_errors_and_leave_the_pool_usable(void **state)
{
    (void)state;
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_blockpool *pool = NULL;
        tj_alloc_fail_after(k);
        rc = tj_blockpool_create(&pool, 3, 64, NULL);
        if (rc == TJ_OK) {
            tj_block_id id = 0;
            rc = tj_blockpool_acquire(pool, &id, NULL);
            tj_alloc_fail_after(SIZE_MAX);
            if (rc != TJ_OK) {
                assert_int_equal(tj_blockpool_n_free(pool), 3);
                id = acquire(pool);
            }
            tj_blockpool_release(pool, id);
            tj_blockpool_destroy(pool);
        } else {
            assert_null(pool);
        }
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true(k < 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_refuses_impossible_sizes),
        cmocka_unit_test(release_by_last_holder_frees_block),
        cmocka_unit_test(held_blocks_have_bytes_of_their_own),
        cmocka_unit_test(random_use_equals_a_table_of_counts),
        cmocka_unit_test(failed_allocations_are_errors_and_leave_the_pool_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
