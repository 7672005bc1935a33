/* Products are checked, arrays are aligned and zeroed, and the k-th call fails when asked to: once,
 * and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

static void sums_and_products_that_overflow_change_nothing(void **state)
{
    (void)state;
    size_t out = 7;
    const size_t half = SIZE_MAX / 2 + 1;
    assert_false(tj_mul_size(&out, half, 2));
    assert_false(tj_mul_size(&out, SIZE_MAX, SIZE_MAX));
    assert_false(tj_add_size(&out, SIZE_MAX, 1));
    assert_false(tj_add_size(&out, half, half));
    assert_int_equal(out, 7);
    assert_true(tj_mul_size(&out, half - 1, 2));
    assert_true(out == SIZE_MAX - 1);
    assert_true(tj_add_size(&out, SIZE_MAX, 0));
    assert_true(out == SIZE_MAX);
    assert_true(tj_mul_size(&out, 0, SIZE_MAX));
    assert_int_equal(out, 0);
}

static void products_that_overflow_give_no_memory(void **state)
{
    (void)state;
    /* (2^63 + 1) * 2 is 2 when it wraps, which any allocator would give */
    const size_t n = SIZE_MAX / 2 + 2;
    char *p = tj_malloc(4);
    size_t cap = 4;
    memcpy(p, "abc", 4);
    assert_null(tj_calloc(n, 2));
    assert_null(tj_aligned_array(n, 2));
    assert_null(tj_aligned_array(SIZE_MAX, 1)); /* the padding overflows */
    assert_null(tj_realloc(p, n, 2));
    assert_false(tj_grow(&p, &cap, n, 2));
    assert_int_equal(cap, 4);
    assert_string_equal(p, "abc");
    tj_free(p);
}

static void nothing_is_a_pointer_that_may_be_freed(void **state)
{
    (void)state;
    void *p[] = {tj_malloc(0), tj_calloc(0, 8), tj_calloc(8, 0), tj_realloc(NULL, 0, 8),
                 tj_aligned_array(0, 4)};
    for (size_t i = 0; i < sizeof p / sizeof p[0]; i++) {
        assert_non_null(p[i]);
        tj_free(p[i]);
    }
    tj_free(NULL);
}

static void aligned_arrays_are_aligned_padded_and_zero(void **state)
{
    (void)state;
    for (size_t i = 0; i < 32; i++) { /* each size twice: the second has the first one's bytes */
        size_t n = i / 2 * 13;
        unsigned char *p = tj_aligned_array(n, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        size_t padded = n == 0 ? 64 : (n + 63) / 64 * 64;
        for (size_t k = 0; k < padded; k++) {
            assert_int_equal(p[k], 0);
            p[k] = 0xFF; /* the sanitizer knows where it ends */
        }
        tj_free(p);
    }
}

static void copies_end_where_asked(void **state)
{
    (void)state;
    const char bytes[4] = {'a', 'b', 'c', 'd'}; /* no zero: strndup must not look for one */
    char *p[] = {tj_strndup(bytes, 4), tj_strndup("ab\0cd", 5), tj_strndup("abc", 0),
                 tj_strdup("")};
    const char *want[] = {"abcd", "ab", "", ""};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(p[i], want[i]);
        tj_free(p[i]);
    }
}

static void growing_keeps_what_is_there_and_doubles(void **state)
{
    (void)state;
    uint16_t *items = NULL;
    size_t cap = 0;
    size_t n_allocs = tj_alloc_count();
    for (size_t i = 0; i < 1000; i++) {
        assert_true(tj_grow(&items, &cap, i + 1, sizeof *items));
        assert_true(cap > i);
        items[i] = (uint16_t)i;
    }
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(items[i], i);
    }
    assert_int_equal(cap, 1024);
    assert_int_equal(tj_alloc_count() - n_allocs, 8); /* 8, 16 ... 1024 */
    tj_free(items);
}

/* One of each kind of call, in order; the index of the one that failed, or 6. */
static size_t first_failure(void)
{
    char *items = NULL;
    size_t cap = 0;
    void *p[6] = {tj_malloc(1), tj_calloc(1, 1), tj_realloc(NULL, 1, 1), tj_aligned_array(1, 1),
                  tj_strdup("x")};
    bool grown = tj_grow(&items, &cap, 1, 1);
    p[5] = items;
    assert_true(grown == (items != NULL));
    assert_true(grown == (cap > 0));
    size_t n_failed = 0;
    size_t first = 6;
    for (size_t i = 6; i-- > 0;) {
        n_failed += p[i] == NULL ? 1 : 0;
        first = p[i] == NULL ? i : first;
        tj_free(p[i]);
    }
    assert_int_equal(n_failed, first == 6 ? 0 : 1);
    return first;
}

static void the_kth_call_fails_once(void **state)
{
    (void)state;
    for (size_t k = 0; k < 6; k++) {
        size_t n_allocs = tj_alloc_count();
        tj_alloc_fail_after(k);
        assert_int_equal(first_failure(), k);
        assert_int_equal(tj_alloc_count() - n_allocs, 5);
        assert_int_equal(first_failure(), 6); /* once */
    }
    tj_alloc_fail_after(3);
    tj_alloc_fail_after(SIZE_MAX);
    assert_int_equal(first_failure(), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_products_that_overflow_change_nothing),
        cmocka_unit_test(products_that_overflow_give_no_memory),
        cmocka_unit_test(nothing_is_a_pointer_that_may_be_freed),
        cmocka_unit_test(aligned_arrays_are_aligned_padded_and_zero),
        cmocka_unit_test(copies_end_where_asked),
        cmocka_unit_test(growing_keeps_what_is_there_and_doubles),
        cmocka_unit_test(the_kth_call_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
