/* Blocks form a list in the order they were made, each at least as large as TJ_ARENA_BLOCK. A
 * request that does not fit goes to the next kept block that holds it, or to a new one behind the
 * block in use; what is left of a block is lost until the next clear. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

#define TJ_ARENA_BLOCK ((size_t)16 * 1024) /* one is enough for nearly every expression */
#define TJ_ARENA_ALIGN alignof(max_align_t)

struct tj_arena_block {
    tj_arena_block *next;
    size_t size; /* bytes behind this header */
    alignas(max_align_t) unsigned char bytes[];
};

void tj_arena_init(tj_arena *arena, size_t max_bytes)
{
    *arena = (tj_arena){.max = max_bytes};
}

void tj_arena_deinit(tj_arena *arena)
{
    for (tj_arena_block *block = arena->first; block != NULL;) {
        tj_arena_block *next = block->next;
        tj_free(block);
        block = next;
    }
    *arena = (tj_arena){.max = arena->max};
}

void tj_arena_clear(tj_arena *arena)
{
    arena->at = arena->first;
    arena->used = 0;
    arena->total = 0;
}

/* Makes `at` a block with room for `bytes`; false when memory is exhausted. */
static bool open_block(tj_arena *arena, size_t bytes)
{
    tj_arena_block *next = arena->at == NULL ? arena->first : arena->at->next;
    if (next == NULL || next->size < bytes) {
        size_t size = bytes > TJ_ARENA_BLOCK ? bytes : TJ_ARENA_BLOCK;
        size_t whole;
        tj_arena_block *made = tj_add_size(&whole, sizeof *made, size) ? tj_malloc(whole) : NULL;
        if (made == NULL) {
            return false;
        }
        *made = (tj_arena_block){.next = next, .size = size};
        *(arena->at == NULL ? &arena->first : &arena->at->next) = made;
        next = made;
    }
    arena->at = next;
    arena->used = 0;
    return true;
}

void *tj_arena_calloc(tj_arena *arena, size_t n, size_t size)
{
    size_t bytes;
    if (!tj_mul_size(&bytes, n, size) || !tj_add_size(&bytes, bytes, TJ_ARENA_ALIGN - 1)) {
        return NULL;
    }
    bytes -= bytes % TJ_ARENA_ALIGN;
    size_t total;
    if (!tj_add_size(&total, arena->total, bytes) || (arena->max != 0 && total > arena->max)) {
        return NULL;
    }
    if ((arena->at == NULL || arena->at->size - arena->used < bytes) && !open_block(arena, bytes)) {
        return NULL;
    }
    void *given = arena->at->bytes + arena->used;
    arena->used += bytes;
    arena->total = total;
    return memset(given, 0, bytes);
}

char *tj_arena_strndup(tj_arena *arena, const char *s, size_t n)
{
    size_t bytes;
    char *copy = tj_add_size(&bytes, n, 1) ? tj_arena_calloc(arena, bytes, 1) : NULL;
    if (copy != NULL) {
        memcpy(copy, s, n); /* the byte behind is zero already */
    }
    return copy;
}
