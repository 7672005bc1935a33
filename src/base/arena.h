/* Many small objects that die together: the nodes of a parsed expression, the parts of one request.
 * Memory comes from blocks that are kept when the arena is cleared, so that the next use of it
 * allocates nothing.
 *
 * Ownership: the arena owns what it gives; init/deinit on the caller's storage.
 * Threads:   confined to one thread.
 * Cost:      an allocation is a few instructions while the block lasts.
 */
#ifndef TJ_BASE_ARENA_H
#define TJ_BASE_ARENA_H

#include <stddef.h>

typedef struct tj_arena_block tj_arena_block;
typedef struct tj_arena {
    tj_arena_block *first; /* the blocks in the order they were made; kept by clear */
    tj_arena_block *at;    /* the block in use; NULL before the first allocation */
    size_t used;           /* bytes of `at` that are taken */
    size_t total;          /* bytes given since the last clear */
    size_t max;            /* of `total`; 0 is no bound */
} tj_arena;

/* max_bytes bounds what may be given between two clears (0: no bound). */
void tj_arena_init(tj_arena *arena, size_t max_bytes);
void tj_arena_deinit(tj_arena *arena);
/* Everything given is gone; the memory is kept. */
void tj_arena_clear(tj_arena *arena);

/* n * size bytes, zeroed, aligned for any type; lent until the arena is cleared. NULL when memory
 * or the bound is exhausted, or the product overflows. n or size may be 0. */
void *tj_arena_calloc(tj_arena *arena, size_t n, size_t size);
/* A zero-terminated copy of n bytes; NULL as above. */
char *tj_arena_strndup(tj_arena *arena, const char *s, size_t n);

#endif
