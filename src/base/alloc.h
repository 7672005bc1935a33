/* All of tabiji's own allocation: products are checked, and tests can fail the k-th call.
 *
 * Ownership: what these give is freed with tj_free() (aligned arrays too).
 * Threads:   safe from any thread; the fault injection counts calls of all threads.
 */
#ifndef TJ_BASE_ALLOC_H
#define TJ_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* Like malloc, calloc and realloc for n items of `size` bytes: NULL when the product overflows or
 * memory is exhausted. n or size may be 0: the result is then a pointer that may be freed. */
void *tj_malloc(size_t bytes);
void *tj_calloc(size_t n, size_t size);
void *tj_realloc(void *ptr, size_t n, size_t size); /* on NULL, ptr is unchanged */

/* n items of `size` bytes, zeroed, aligned to 64 bytes and padded to a multiple of 64. */
void *tj_aligned_array(size_t n, size_t size);

/* Copies of strings; NULL when memory is exhausted. tj_strndup stops at n bytes. */
char *tj_strdup(const char *s);
char *tj_strndup(const char *s, size_t n);

/* NULL is allowed. */
void tj_free(void *ptr);

/* *out = a * b (or a + b); false, with *out unchanged, on overflow. */
bool tj_mul_size(size_t *out, size_t a, size_t b);
bool tj_add_size(size_t *out, size_t a, size_t b);

/* Grows the array *items (of `size` bytes an item, capacity *cap) to hold at least `need` items,
 * doubling; false, with nothing changed, when memory is exhausted. */
bool tj_grow(void *items, size_t *cap, size_t need, size_t size);

/* For tests: the k-th allocation from now (k = 0 is the next) fails, once; SIZE_MAX turns it off.
 */
void tj_alloc_fail_after(size_t k);
/* Number of successful allocations since the start of the process. */
size_t tj_alloc_count(void);

#endif
