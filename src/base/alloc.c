/* Thin over malloc: what it adds is checked products and a countdown by which tests make the k-th
 * allocation fail. The two counters are the only mutable globals of base besides the thread count
 * of par.c: fault injection must reach allocations that no parameter reaches. */
#define _DEFAULT_SOURCE /* madvise */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT 64                 /* a cache line, and the widest vector register (AVX-512) */
#define HUGE_PAGE ((size_t)2 << 20U) /* bytes */

/* Both relaxed: counts that order nothing else. */
static atomic_size_t fail_in = SIZE_MAX; /* SIZE_MAX: off */
static atomic_size_t n_allocs = 0;

/* True for the one call that must fail. */
static bool injected_failure(void)
{
    size_t left = atomic_load_explicit(&fail_in, memory_order_relaxed);
    while (left != SIZE_MAX) {
        size_t next = left == 0 ? SIZE_MAX : left - 1;
        if (atomic_compare_exchange_weak_explicit(&fail_in, &left, next, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            return left == 0;
        }
    }
    return false;
}

static void *counted(void *ptr)
{
    if (ptr != NULL) {
        atomic_fetch_add_explicit(&n_allocs, 1, memory_order_relaxed);
    }
    return ptr;
}

bool tj_mul_size(size_t *out, size_t a, size_t b)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        return false;
    }
    *out = product;
    return true;
}

bool tj_add_size(size_t *out, size_t a, size_t b)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *out = sum;
    return true;
}

void *tj_malloc(size_t bytes)
{
    if (injected_failure()) {
        return NULL;
    }
    return counted(malloc(bytes == 0 ? 1 : bytes)); /* malloc(0) may be NULL without a failure */
}

void *tj_calloc(size_t n, size_t size)
{
    size_t bytes;
    if (injected_failure() || !tj_mul_size(&bytes, n, size)) {
        return NULL;
    }
    return counted(calloc(1, bytes == 0 ? 1 : bytes));
}

void *tj_realloc(void *ptr, size_t n, size_t size)
{
    size_t bytes;
    if (injected_failure() || !tj_mul_size(&bytes, n, size)) {
        return NULL;
    }
    return counted(realloc(ptr, bytes == 0 ? 1 : bytes)); /* realloc(p, 0) would free p */
}

void *tj_aligned_array(size_t n, size_t size)
{
    size_t bytes;
    if (injected_failure() || !tj_mul_size(&bytes, n, size) ||
        !tj_add_size(&bytes, bytes, ALIGNMENT - 1)) {
        return NULL;
    }
    bytes -= bytes % ALIGNMENT;
    if (bytes == 0) {
        bytes = ALIGNMENT;
    }
    /* on large pages the first touch faults five hundred times less often */
    bool huge = bytes >= 2 * HUGE_PAGE;
    void *ptr = NULL;
    if (posix_memalign(&ptr, huge ? HUGE_PAGE : ALIGNMENT, bytes) != 0) {
        return NULL;
    }
#if defined(MADV_HUGEPAGE)
    if (huge) {
        (void)madvise(ptr, bytes, MADV_HUGEPAGE); /* advice: it need not be taken */
    }
#endif
    memset(ptr, 0, bytes);
    return counted(ptr);
}

char *tj_strdup(const char *s)
{
    return tj_strndup(s, strlen(s));
}

char *tj_strndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy = tj_calloc(1, len + 1);
    if (copy != NULL) {
        memcpy(copy, s, len);
    }
    return copy;
}

void tj_free(void *ptr)
{
    free(ptr);
}

bool tj_grow(void *items, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) {
        return true;
    }
    size_t new_cap = *cap < 8 ? 8 : *cap;
    while (new_cap < need) {
        if (!tj_mul_size(&new_cap, new_cap, 2)) {
            new_cap = need;
        }
    }
    /* `items` points to a pointer of some type; memcpy is the portable way to read and write it. */
    void *old;
    memcpy(&old, items, sizeof old);
    void *grown = tj_realloc(old, new_cap, size);
    if (grown == NULL) {
        return false;
    }
    memcpy(items, &grown, sizeof grown);
    *cap = new_cap;
    return true;
}

void tj_alloc_fail_after(size_t k)
{
    atomic_store_explicit(&fail_in, k, memory_order_relaxed);
}

size_t tj_alloc_count(void)
{
    return atomic_load_explicit(&n_allocs, memory_order_relaxed);
}
