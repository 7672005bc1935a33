/* Free ids form a stack, so the block freed last, likely still in cache, is reused first. Ids that
 * were never used are not on it: they are counted by n_fresh and come in order, so that slabs of
 * memory are taken one after another. Invariant: an id is on the stack, or at least n_used, exactly
 * when it has no holder. */
#include "infer/blockpool.h"

#include "base/alloc.h"
#include "base/assert.h"

/* A slab is large enough that the system is asked rarely, and small enough that a tiny model's
 * tests do not take megabytes they never use. */
#define SLAB_BYTES ((size_t)1 << 20)

struct tj_blockpool {
    size_t n_blocks;
    size_t n_used; /* ids in [0, n_used) were acquired at least once */
    size_t n_free; /* on the stack */
    size_t block_bytes;
    size_t slab_shift; /* a slab has 1 << slab_shift blocks */
    size_t n_slabs;
    uint32_t *n_holders;   /* [n_blocks] */
    tj_block_id *free_ids; /* [n_blocks]; the stack is free_ids[0 .. n_free) */
    unsigned char **slabs; /* [n_slabs]; each NULL until one of its blocks is needed */
};

tj_code tj_blockpool_create(tj_blockpool **out, size_t n_blocks, size_t block_bytes, tj_err *err)
{
    *out = NULL;
    if (n_blocks == 0 || n_blocks > UINT32_MAX || block_bytes == 0 || block_bytes % 64 != 0) {
        return tj_fail(err, TJ_E_INVAL, "cannot pool %zu x %zu bytes", n_blocks, block_bytes);
    }
    tj_blockpool *pool = tj_calloc(1, sizeof *pool);
    if (pool == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a block pool");
    }
    pool->n_blocks = n_blocks;
    pool->block_bytes = block_bytes;
    while ((block_bytes << (pool->slab_shift + 1)) <= SLAB_BYTES) {
        pool->slab_shift++;
    }
    pool->n_slabs = ((n_blocks - 1) >> pool->slab_shift) + 1;
    pool->n_holders = tj_calloc(n_blocks, sizeof *pool->n_holders);
    pool->free_ids = tj_calloc(n_blocks, sizeof *pool->free_ids);
    pool->slabs = tj_calloc(pool->n_slabs, sizeof *pool->slabs);
    if (pool->n_holders == NULL || pool->free_ids == NULL || pool->slabs == NULL) {
        tj_blockpool_destroy(pool);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a pool of %zu blocks", n_blocks);
    }
    *out = pool;
    return TJ_OK;
}

void tj_blockpool_destroy(tj_blockpool *pool)
{
    if (pool == NULL) {
        return;
    }
    TJ_ASSERT(pool->n_free == pool->n_used);
    for (size_t i = 0; pool->slabs != NULL && i < pool->n_slabs; i++) {
        tj_free(pool->slabs[i]);
    }
    tj_free(pool->slabs);
    tj_free(pool->free_ids);
    tj_free(pool->n_holders);
    tj_free(pool);
}

tj_code tj_blockpool_acquire(tj_blockpool *pool, tj_block_id *out, tj_err *err)
{
    tj_block_id id;
    if (pool->n_free > 0) {
        id = pool->free_ids[--pool->n_free];
    } else if (pool->n_used < pool->n_blocks) {
        size_t slab = pool->n_used >> pool->slab_shift;
        size_t n_left = pool->n_blocks - (slab << pool->slab_shift);
        size_t n = (size_t)1 << pool->slab_shift;
        n = n < n_left ? n : n_left; /* the last slab may be shorter */
        if (pool->slabs[slab] == NULL) {
            pool->slabs[slab] = tj_aligned_array(n, pool->block_bytes);
        }
        if (pool->slabs[slab] == NULL) {
            return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu KV blocks of %zu bytes", n,
                           pool->block_bytes);
        }
        id = (tj_block_id)pool->n_used++;
    } else {
        return tj_fail(err, TJ_E_LIMIT, "all %zu KV blocks of %zu bytes are in use", pool->n_blocks,
                       pool->block_bytes);
    }
    TJ_ASSERT(pool->n_holders[id] == 0);
    pool->n_holders[id] = 1;
    *out = id;
    return TJ_OK;
}

void tj_blockpool_retain(tj_blockpool *pool, tj_block_id id)
{
    TJ_ASSERT(id < pool->n_used);
    TJ_ASSERT(pool->n_holders[id] > 0);
    TJ_ASSERT(pool->n_holders[id] < UINT32_MAX);
    pool->n_holders[id]++;
}

void tj_blockpool_release(tj_blockpool *pool, tj_block_id id)
{
    TJ_ASSERT(id < pool->n_used);
    TJ_ASSERT(pool->n_holders[id] > 0);
    if (--pool->n_holders[id] == 0) {
        pool->free_ids[pool->n_free++] = id;
    }
}

size_t tj_blockpool_n_holders(const tj_blockpool *pool, tj_block_id id)
{
    TJ_ASSERT(id < pool->n_blocks);
    return pool->n_holders[id];
}

void *tj_blockpool_data(const tj_blockpool *pool, tj_block_id id)
{
    TJ_DASSERT(id < pool->n_used);
    size_t in_slab = id & (((size_t)1 << pool->slab_shift) - 1);
    return pool->slabs[id >> pool->slab_shift] + in_slab * pool->block_bytes;
}

size_t tj_blockpool_n_blocks(const tj_blockpool *pool)
{
    return pool->n_blocks;
}

size_t tj_blockpool_n_free(const tj_blockpool *pool)
{
    return pool->n_free + (pool->n_blocks - pool->n_used);
}

size_t tj_blockpool_block_bytes(const tj_blockpool *pool)
{
    return pool->block_bytes;
}
