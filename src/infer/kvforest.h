/* The KV cache as a forest of token segments: what branches have in common is stored once.
 *
 *     root  [p0 p1 p2 p3 p4]──┬─[a0 a1]          tip of branch A
 *                             └─[b0]──┬─[c0]     tip of branch C
 *                                     └─[d0 d1]  tip of branch D
 *
 * A segment {parent, first, len, pos} is a run of tokens: its first token has path position `pos`
 * (parent.pos + parent.len) and lies in slot `first` of its first block. A branch is the path from
 * a root to its tip, always a whole number of segments. A segment is sealed while it has children;
 * `split` makes two of one without moving a token's key, so that a fork at any token is split and
 * add: head and tail of a split share the block that the cut goes through, and a new child starts a
 * fresh block. A dropped branch gives back every block up to the first segment that another needs.
 *
 * Token ids are the truth and KV is a cache of them: a segment knows how many of its tokens have
 * stored keys and values (n_stored), blocks are acquired only for those about to be computed, and a
 * segment that no running branch needs may be evicted and computed again later, to the same bits.
 *
 * Invariants: a segment has blocks only if its parent has blocks; n_stored > 0 only if the parent
 * is stored to its end; a segment with neither tips nor children does not exist.
 *
 * Ownership: the forest owns segments, ids and blocks; callers hold segment ids through tips.
 * Threads:   confined to one thread.
 * Cost:      fork and drop are linear in the segments of a path, split also in the tokens of the
 *            split segment; appending is amortised O(1). Freed segments keep their arrays for the
 *            next one, so that steady work allocates nothing.
 */
#ifndef TJ_INFER_KVFOREST_H
#define TJ_INFER_KVFOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "infer/blockpool.h"

typedef struct tj_kvforest tj_kvforest;
#define TJ_NO_KVSEG SIZE_MAX

/* A segment, to be read only; tj_kvforest's functions change it. */
typedef struct tj_kvseg {
    size_t parent;          /* TJ_NO_KVSEG: a root */
    size_t first;           /* slot of token 0 in blocks[0] */
    size_t len;             /* tokens */
    size_t pos;             /* path position of token 0 */
    size_t n_stored;        /* leading tokens whose keys and values are in the blocks */
    size_t n_children;      /* sealed while > 0 */
    size_t n_tips;          /* branches that end here */
    size_t n_warm_children; /* children that have blocks */
    size_t n_pins;          /* running branches whose path goes through it: not to be evicted */
    uint64_t last_used;     /* clock of the last unpin, for eviction */
    uint64_t mark;          /* the caller's: tj_kvforest_mark */
    size_t mark_value;
    int32_t *ids;        /* [len] */
    tj_block_id *blocks; /* [n_blocks]; token i is in blocks[(first + i) / T] */
    size_t n_blocks;
    size_t cap_ids, cap_blocks;
} tj_kvseg;

/* A piece of a path inside one block: n tokens from `slot` on. */
typedef struct tj_kvchunk {
    unsigned char *block;
    uint32_t slot, n;
} tj_kvchunk;

/* Gives an empty forest over n_blocks blocks of block_bytes bytes, each for block_tokens tokens.
 * Errors: as tj_blockpool_create; TJ_E_INVAL (block_tokens 0). */
TJ_MUST_USE tj_code tj_kvforest_create(tj_kvforest **out, size_t block_tokens, size_t n_blocks,
                                       size_t block_bytes, tj_err *err);
/* Frees it with all its segments; NULL is allowed. */
void tj_kvforest_destroy(tj_kvforest *forest);

/* ------------------------------------------------------------ branches, by their tips */

/* A new root segment of n > 0 tokens; *tip is its only tip. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_kvforest_root(tj_kvforest *forest, size_t *tip, const int32_t *ids, size_t n,
                                     tj_err *err);
/* A new tip after the first n_tokens (in [1, path length]) of the path of `from`; splits a segment
 * where needed. Errors: TJ_E_NOMEM, the forest is then unchanged. */
TJ_MUST_USE tj_code tj_kvforest_fork(tj_kvforest *forest, size_t *tip, size_t from, size_t n_tokens,
                                     tj_err *err);
/* Appends n > 0 tokens to the branch that ends at *tip: in place if no one else ends there and the
 * segment is not sealed, else as a new child, to which *tip then moves. `n_more` tokens are
 * expected to follow: memory is set aside for them (for at most TJ_KV_RESERVE).
 * Errors: TJ_E_NOMEM, nothing is then changed. */
#define TJ_KV_RESERVE 1024
TJ_MUST_USE tj_code tj_kvforest_append(tj_kvforest *forest, size_t *tip, const int32_t *ids,
                                       size_t n, size_t n_more, tj_err *err);
/* Gives up a tip, and with it every segment that has neither tips nor children any more. */
void tj_kvforest_drop(tj_kvforest *forest, size_t tip);

/* Makes two segments of one: the new *head takes its first `at` tokens (0 < at < len) and becomes
 * the parent of `seg`, which keeps the rest, its children and its tips; pins and reserved blocks
 * are then on both. (nn's forest keeps the id at the head; here tips must not move.) Errors:
 * TJ_E_NOMEM, nothing is then changed. */
TJ_MUST_USE tj_code tj_kvforest_split(tj_kvforest *forest, size_t *head, size_t seg, size_t at,
                                      tj_err *err);

/* ------------------------------------------------------------ what is stored */

/* Acquires blocks for all tokens of `seg`, whose parent must have its own.
 * Errors: TJ_E_LIMIT (no block is free), TJ_E_NOMEM; blocks acquired so far stay. */
TJ_MUST_USE tj_code tj_kvforest_reserve(tj_kvforest *forest, size_t seg, tj_err *err);
/* The keys and values of the next n tokens of `seg` are now in its blocks. */
void tj_kvforest_stored(tj_kvforest *forest, size_t seg, size_t n);

/* Counts a running branch in or out, on every segment from `tip` up to, not including, `until`
 * (TJ_NO_KVSEG: to the root). A segment whose last pin goes gives back blocks that were reserved
 * and never filled, and is from then on evictable. */
void tj_kvforest_pin(tj_kvforest *forest, size_t tip, size_t until);
void tj_kvforest_unpin(tj_kvforest *forest, size_t tip);
/* Gives back the blocks of the unpinned segment that was used longest ago and has no warm children;
 * false if there is none. */
bool tj_kvforest_evict(tj_kvforest *forest);

/* ------------------------------------------------------------ reading */

/* Lends a segment until the forest is next changed. */
const tj_kvseg *tj_kvforest_seg(const tj_kvforest *forest, size_t seg);
/* Leaves a note on a segment; `mark` 0 is what a new segment has. */
void tj_kvforest_mark(tj_kvforest *forest, size_t seg, uint64_t mark, size_t value);
size_t tj_kvforest_length(const tj_kvforest *forest, size_t tip); /* tokens of the path */
/* Copies tokens [begin, end) of the path of `tip`. */
void tj_kvforest_path(const tj_kvforest *forest, size_t tip, size_t begin, size_t end,
                      int32_t *out);
/* Chunks of the path of `tip` that have blocks, in path order: counts them, and writes them. */
size_t tj_kvforest_n_chunks(const tj_kvforest *forest, size_t tip);
void tj_kvforest_chunks(const tj_kvforest *forest, size_t tip, tj_kvchunk *out, size_t n_chunks);
/* Where token i of a segment is, or will be, stored: its block, and its slot in it. */
unsigned char *tj_kvforest_place(const tj_kvforest *forest, size_t seg, size_t i, size_t *slot);

size_t tj_kvforest_n_segments(const tj_kvforest *forest); /* in use */
const tj_blockpool *tj_kvforest_pool(const tj_kvforest *forest);

/* For tests: walks everything and asserts the invariants. */
void tj_kvforest_check(const tj_kvforest *forest);

#endif
