/* Fixed-size KV-cache blocks, shared by the branches of a generation forest.
 *
 * A block holds the keys and values of a short run of tokens for all layers. The two parts of a
 * split segment may share one, so each block counts its holders and goes back to the pool when the
 * last one releases it.
 *
 * Ownership: the pool owns all block memory; callers hold ids.
 * Threads:   confined to one thread; the bytes of different blocks may be used from several.
 * Cost:      every call but create and destroy is O(1). Memory is taken from the system in slabs as
 *            blocks are first needed, so that a large bound costs nothing until it is used; once a
 *            slab is there it is kept, and nothing is allocated any more.
 */
#ifndef TJ_INFER_BLOCKPOOL_H
#define TJ_INFER_BLOCKPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct tj_blockpool tj_blockpool;
typedef uint32_t tj_block_id; /* index in [0, n_blocks) */

/* Creates a pool of n_blocks free blocks of block_bytes bytes each.
 * Gives *out, to be freed with tj_blockpool_destroy(); NULL on error.
 * Errors: TJ_E_INVAL (n_blocks not in [1, UINT32_MAX], or block_bytes not a positive multiple of
 * 64), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_blockpool_create(tj_blockpool **out, size_t n_blocks, size_t block_bytes,
                                        tj_err *err);

/* Frees the pool; NULL is allowed. Every block must have been released. */
void tj_blockpool_destroy(tj_blockpool *pool);

/* Takes a free block: *out has one holder and unspecified contents.
 * Errors: TJ_E_LIMIT (no block is free), TJ_E_NOMEM; the pool and *out are unchanged. */
TJ_MUST_USE tj_code tj_blockpool_acquire(tj_blockpool *pool, tj_block_id *out, tj_err *err);

/* Adds or drops one holder of a held block. */
void tj_blockpool_retain(tj_blockpool *pool, tj_block_id id);
void tj_blockpool_release(tj_blockpool *pool, tj_block_id id);

/* Number of holders; 0 for a free block. */
size_t tj_blockpool_n_holders(const tj_blockpool *pool, tj_block_id id);

/* Lends the block_bytes bytes of a held block, 64-byte aligned, while it is held. */
void *tj_blockpool_data(const tj_blockpool *pool, tj_block_id id);

size_t tj_blockpool_n_blocks(const tj_blockpool *pool);
size_t tj_blockpool_n_free(const tj_blockpool *pool);
size_t tj_blockpool_block_bytes(const tj_blockpool *pool);

#endif
