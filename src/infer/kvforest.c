/* Segments live in one growing array and are named by index. A freed one goes on a list through its
 * `parent` field and keeps its arrays. Paths are walked from the tip to the root; nothing walks
 * from a parent to its children, which are only counted. */
#include "infer/kvforest.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

struct tj_kvforest {
    tj_blockpool *pool;
    size_t block_tokens; /* T */
    tj_kvseg *segs;      /* [cap_segs]; those with neither tips nor children are free */
    size_t n_segs;       /* ever used */
    size_t cap_segs;
    size_t free_list; /* through parent; TJ_NO_KVSEG ends it */
    size_t n_free;
    uint64_t clock; /* counts unpins */
};

tj_code tj_kvforest_create(tj_kvforest **out, size_t block_tokens, size_t n_blocks,
                           size_t block_bytes, tj_err *err)
{
    *out = NULL;
    if (block_tokens == 0 || block_tokens > UINT32_MAX) {
        return tj_fail(err, TJ_E_INVAL, "a KV block cannot have %zu tokens", block_tokens);
    }
    tj_kvforest *forest = tj_calloc(1, sizeof *forest);
    if (forest == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a KV forest");
    }
    forest->block_tokens = block_tokens;
    forest->free_list = TJ_NO_KVSEG;
    tj_code rc = tj_blockpool_create(&forest->pool, n_blocks, block_bytes, err);
    if (rc != TJ_OK) {
        tj_kvforest_destroy(forest);
        return rc;
    }
    *out = forest;
    return TJ_OK;
}

static void release_blocks(tj_kvforest *forest, tj_kvseg *seg, size_t n_keep)
{
    if (seg->n_blocks > 0 && n_keep == 0 && seg->parent != TJ_NO_KVSEG) {
        TJ_ASSERT(forest->segs[seg->parent].n_warm_children > 0);
        forest->segs[seg->parent].n_warm_children--;
    }
    while (seg->n_blocks > n_keep) {
        tj_blockpool_release(forest->pool, seg->blocks[--seg->n_blocks]);
    }
}

void tj_kvforest_destroy(tj_kvforest *forest)
{
    if (forest == NULL) {
        return;
    }
    for (size_t i = 0; i < forest->n_segs; i++) {
        tj_kvseg *seg = &forest->segs[i];
        for (size_t b = 0; b < seg->n_blocks; b++) {
            tj_blockpool_release(forest->pool, seg->blocks[b]);
        }
        tj_free(seg->ids);
        tj_free(seg->blocks);
    }
    tj_free(forest->segs);
    tj_blockpool_destroy(forest->pool);
    tj_free(forest);
}

/* Takes a free segment slot with room for n_ids ids and n_blocks blocks; its fields are zero but
 * for its arrays. May move forest->segs. It is on no list: the caller gives it a tip or a child, or
 * puts it back. */
static tj_code take_slot(tj_kvforest *forest, size_t *out, size_t n_ids, size_t n_blocks,
                         tj_err *err)
{
    size_t id = forest->free_list;
    if (id == TJ_NO_KVSEG) {
        if (!tj_grow(&forest->segs, &forest->cap_segs, forest->n_segs + 1, sizeof *forest->segs)) {
            return tj_fail(err, TJ_E_NOMEM, "cannot allocate a KV segment");
        }
        id = forest->n_segs;
        forest->segs[id] = (tj_kvseg){.parent = TJ_NO_KVSEG};
    }
    tj_kvseg *seg = &forest->segs[id];
    if (id == forest->n_segs) { /* from here on it is a free slot like any other */
        forest->n_segs++;
        forest->free_list = id;
        forest->n_free++;
    }
    if (!tj_grow(&seg->ids, &seg->cap_ids, n_ids, sizeof *seg->ids) ||
        !tj_grow(&seg->blocks, &seg->cap_blocks, n_blocks, sizeof *seg->blocks)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a KV segment of %zu tokens", n_ids);
    }
    forest->free_list = seg->parent;
    forest->n_free--;
    *seg = (tj_kvseg){.parent = TJ_NO_KVSEG,
                      .ids = seg->ids,
                      .cap_ids = seg->cap_ids,
                      .blocks = seg->blocks,
                      .cap_blocks = seg->cap_blocks};
    *out = id;
    return TJ_OK;
}

static size_t blocks_for(const tj_kvforest *forest, size_t first, size_t n)
{
    return n == 0 ? 0 : (first + n - 1) / forest->block_tokens + 1;
}

/* A new segment under `parent` with one tip. */
static tj_code add(tj_kvforest *forest, size_t *out, size_t parent, const int32_t *ids, size_t n,
                   size_t n_more, tj_err *err)
{
    TJ_ASSERT(n > 0);
    size_t room = n + (n_more < TJ_KV_RESERVE ? n_more : TJ_KV_RESERVE);
    size_t id = 0;
    tj_code rc = take_slot(forest, &id, room, blocks_for(forest, 0, room), err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_kvseg *seg = &forest->segs[id];
    memcpy(seg->ids, ids, n * sizeof *ids);
    seg->len = n;
    seg->n_tips = 1;
    seg->parent = parent;
    if (parent != TJ_NO_KVSEG) {
        seg->pos = forest->segs[parent].pos + forest->segs[parent].len;
        forest->segs[parent].n_children++;
    }
    *out = id;
    return TJ_OK;
}

tj_code tj_kvforest_root(tj_kvforest *forest, size_t *tip, const int32_t *ids, size_t n,
                         tj_err *err)
{
    return add(forest, tip, TJ_NO_KVSEG, ids, n, 0, err);
}

tj_code tj_kvforest_append(tj_kvforest *forest, size_t *tip, const int32_t *ids, size_t n,
                           size_t n_more, tj_err *err)
{
    tj_kvseg *seg = &forest->segs[*tip];
    TJ_ASSERT(seg->n_tips > 0);
    if (seg->n_tips > 1 || seg->n_children > 0) {
        size_t child = 0;
        tj_code rc = add(forest, &child, *tip, ids, n, n_more, err); /* may move segs */
        if (rc == TJ_OK) {
            forest->segs[*tip].n_tips--;
            *tip = child;
        }
        return rc;
    }
    size_t room = seg->len + n + (n_more < TJ_KV_RESERVE ? n_more : TJ_KV_RESERVE);
    if (!tj_grow(&seg->ids, &seg->cap_ids, room, sizeof *seg->ids) ||
        !tj_grow(&seg->blocks, &seg->cap_blocks, blocks_for(forest, seg->first, room),
                 sizeof *seg->blocks)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a KV segment of %zu tokens", room);
    }
    memcpy(seg->ids + seg->len, ids, n * sizeof *ids);
    seg->len += n;
    return TJ_OK;
}

/* Blocks that hold nothing stored go back. */
static void trim(tj_kvforest *forest, tj_kvseg *seg)
{
    release_blocks(forest, seg, blocks_for(forest, seg->first, seg->n_stored));
    if (seg->n_blocks == 0) {
        seg->first = 0;
    }
}

/* Shares a segment's blocks out between its first `at` tokens, h, and the others, t, which has them
 * all; the block that the cut goes through is shared. */
static void split_blocks(tj_kvforest *forest, tj_kvseg *h, tj_kvseg *t, size_t at)
{
    size_t cut = t->first + at; /* the first slot of the tail, counted from blocks[0] */
    size_t n_gone = cut / forest->block_tokens;
    size_t n_head = blocks_for(forest, t->first, at);
    n_gone = n_gone < t->n_blocks ? n_gone : t->n_blocks;
    h->n_blocks = n_head < t->n_blocks ? n_head : t->n_blocks;
    if (h->n_blocks > 0) {
        memcpy(h->blocks, t->blocks, h->n_blocks * sizeof *h->blocks);
    }
    if (h->n_blocks > n_gone) {
        tj_blockpool_retain(forest->pool, t->blocks[n_gone]);
    }
    t->n_blocks -= n_gone;
    t->first = t->n_blocks > 0 ? cut % forest->block_tokens : 0;
    if (t->n_blocks > 0) {
        memmove(t->blocks, t->blocks + n_gone, t->n_blocks * sizeof *t->blocks);
    }
}

tj_code tj_kvforest_split(tj_kvforest *forest, size_t *head, size_t seg, size_t at, tj_err *err)
{
    TJ_ASSERT(at > 0);
    TJ_ASSERT(at < forest->segs[seg].len);
    size_t head_id = 0;
    tj_code rc = take_slot(forest, &head_id, at, forest->segs[seg].n_blocks, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_kvseg *t = &forest->segs[seg];
    tj_kvseg *h = &forest->segs[head_id];
    h->parent = t->parent;
    h->first = t->first;
    h->len = at;
    h->pos = t->pos;
    h->n_children = 1;
    h->n_pins = t->n_pins; /* who runs through the tail runs through the head */
    h->last_used = t->last_used;
    h->n_stored = at < t->n_stored ? at : t->n_stored;
    memcpy(h->ids, t->ids, at * sizeof *h->ids);
    memmove(t->ids, t->ids + at, (t->len - at) * sizeof *t->ids);
    split_blocks(forest, h, t, at);
    t->n_stored -= h->n_stored;
    t->len -= at;
    t->pos += at;
    t->parent = head_id; /* h took its place among the parent's children, warm or not */
    h->n_warm_children = t->n_blocks > 0;
    if (t->n_pins == 0) {
        trim(forest, t);
        trim(forest, h);
    }
    *head = head_id;
    return TJ_OK;
}

tj_code tj_kvforest_fork(tj_kvforest *forest, size_t *tip, size_t from, size_t n_tokens,
                         tj_err *err)
{
    TJ_ASSERT(n_tokens > 0);
    TJ_ASSERT(n_tokens <= tj_kvforest_length(forest, from));
    size_t seg = from;
    while (forest->segs[seg].pos >= n_tokens) {
        seg = forest->segs[seg].parent;
    }
    size_t at = n_tokens - forest->segs[seg].pos;
    if (at < forest->segs[seg].len) {
        tj_code rc = tj_kvforest_split(forest, &seg, seg, at, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    forest->segs[seg].n_tips++;
    *tip = seg;
    return TJ_OK;
}

void tj_kvforest_drop(tj_kvforest *forest, size_t tip)
{
    TJ_ASSERT(forest->segs[tip].n_tips > 0);
    forest->segs[tip].n_tips--;
    for (size_t id = tip; id != TJ_NO_KVSEG;) {
        tj_kvseg *seg = &forest->segs[id];
        if (seg->n_tips > 0 || seg->n_children > 0) {
            return;
        }
        TJ_ASSERT(seg->n_pins == 0);
        release_blocks(forest, seg, 0);
        size_t parent = seg->parent;
        if (parent != TJ_NO_KVSEG) {
            forest->segs[parent].n_children--;
        }
        seg->len = 0;
        seg->n_stored = 0;
        seg->parent = forest->free_list;
        forest->free_list = id;
        forest->n_free++;
        id = parent;
    }
}

/* ------------------------------------------------------------ what is stored */

tj_code tj_kvforest_reserve(tj_kvforest *forest, size_t id, tj_err *err)
{
    tj_kvseg *seg = &forest->segs[id];
    size_t n_need = blocks_for(forest, seg->first, seg->len);
    if (!tj_grow(&seg->blocks, &seg->cap_blocks, n_need, sizeof *seg->blocks)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a KV segment of %zu tokens", seg->len);
    }
    while (seg->n_blocks < n_need) {
        tj_code rc = tj_blockpool_acquire(forest->pool, &seg->blocks[seg->n_blocks], err);
        if (rc != TJ_OK) {
            return rc;
        }
        if (seg->n_blocks++ == 0 && seg->parent != TJ_NO_KVSEG) {
            forest->segs[seg->parent].n_warm_children++;
        }
    }
    return TJ_OK;
}

void tj_kvforest_stored(tj_kvforest *forest, size_t id, size_t n)
{
    tj_kvseg *seg = &forest->segs[id];
    seg->n_stored += n;
    TJ_ASSERT(seg->n_stored <= seg->len);
    TJ_ASSERT(seg->n_blocks >= blocks_for(forest, seg->first, seg->n_stored));
}

void tj_kvforest_pin(tj_kvforest *forest, size_t tip, size_t until)
{
    for (size_t id = tip; id != until; id = forest->segs[id].parent) {
        forest->segs[id].n_pins++;
    }
}

void tj_kvforest_unpin(tj_kvforest *forest, size_t tip)
{
    forest->clock++;
    for (size_t id = tip; id != TJ_NO_KVSEG; id = forest->segs[id].parent) {
        tj_kvseg *seg = &forest->segs[id];
        TJ_ASSERT(seg->n_pins > 0);
        seg->n_pins--;
        seg->last_used = forest->clock;
        if (seg->n_pins == 0) {
            trim(forest, seg);
        }
    }
}

bool tj_kvforest_evict(tj_kvforest *forest)
{
    tj_kvseg *victim = NULL;
    for (size_t i = 0; i < forest->n_segs; i++) {
        tj_kvseg *seg = &forest->segs[i];
        if (seg->n_blocks > 0 && seg->n_pins == 0 && seg->n_warm_children == 0 &&
            (victim == NULL || seg->last_used < victim->last_used)) {
            victim = seg;
        }
    }
    if (victim == NULL) {
        return false;
    }
    victim->n_stored = 0;
    trim(forest, victim);
    return true;
}

/* ------------------------------------------------------------ reading */

const tj_kvseg *tj_kvforest_seg(const tj_kvforest *forest, size_t seg)
{
    TJ_DASSERT(seg < forest->n_segs);
    return &forest->segs[seg];
}

void tj_kvforest_mark(tj_kvforest *forest, size_t seg, uint64_t mark, size_t value)
{
    forest->segs[seg].mark = mark;
    forest->segs[seg].mark_value = value;
}

size_t tj_kvforest_length(const tj_kvforest *forest, size_t tip)
{
    return forest->segs[tip].pos + forest->segs[tip].len;
}

void tj_kvforest_path(const tj_kvforest *forest, size_t tip, size_t begin, size_t end, int32_t *out)
{
    TJ_ASSERT(begin <= end);
    TJ_ASSERT(end <= tj_kvforest_length(forest, tip));
    for (size_t id = tip; begin < end; id = forest->segs[id].parent) {
        const tj_kvseg *seg = &forest->segs[id];
        if (seg->pos >= end) {
            continue;
        }
        size_t from = begin > seg->pos ? begin : seg->pos;
        memcpy(out + (from - begin), seg->ids + (from - seg->pos), (end - from) * sizeof *out);
        end = from;
    }
}

size_t tj_kvforest_n_chunks(const tj_kvforest *forest, size_t tip)
{
    size_t n = 0;
    for (size_t id = tip; id != TJ_NO_KVSEG; id = forest->segs[id].parent) {
        n += forest->segs[id].n_blocks;
    }
    return n;
}

void tj_kvforest_chunks(const tj_kvforest *forest, size_t tip, tj_kvchunk *out, size_t n_chunks)
{
    size_t at = n_chunks;
    for (size_t id = tip; id != TJ_NO_KVSEG; id = forest->segs[id].parent) {
        const tj_kvseg *seg = &forest->segs[id];
        size_t left = seg->len;
        at -= seg->n_blocks;
        for (size_t b = 0; b < seg->n_blocks; b++) {
            size_t slot = b == 0 ? seg->first : 0;
            size_t n = forest->block_tokens - slot;
            n = n < left ? n : left;
            out[at + b] = (tj_kvchunk){.block = tj_blockpool_data(forest->pool, seg->blocks[b]),
                                       .slot = (uint32_t)slot,
                                       .n = (uint32_t)n};
            left -= n;
        }
    }
    TJ_ASSERT(at == 0);
}

unsigned char *tj_kvforest_place(const tj_kvforest *forest, size_t id, size_t i, size_t *slot)
{
    const tj_kvseg *seg = &forest->segs[id];
    size_t at = seg->first + i;
    TJ_ASSERT(at / forest->block_tokens < seg->n_blocks);
    *slot = at % forest->block_tokens;
    return tj_blockpool_data(forest->pool, seg->blocks[at / forest->block_tokens]);
}

size_t tj_kvforest_n_segments(const tj_kvforest *forest)
{
    return forest->n_segs - forest->n_free;
}

const tj_blockpool *tj_kvforest_pool(const tj_kvforest *forest)
{
    return forest->pool;
}

static void check_seg(const tj_kvforest *forest, size_t id)
{
    const tj_kvseg *seg = &forest->segs[id];
    size_t n_children = 0;
    size_t n_warm = 0;
    for (size_t i = 0; i < forest->n_segs; i++) {
        const tj_kvseg *other = &forest->segs[i];
        if ((other->n_tips > 0 || other->n_children > 0) && other->parent == id) {
            n_children++;
            n_warm += other->n_blocks > 0;
        }
    }
    TJ_ASSERT(seg->n_children == n_children);
    TJ_ASSERT(seg->n_warm_children == n_warm);
    TJ_ASSERT(seg->len > 0);
    TJ_ASSERT(seg->n_stored <= seg->len);
    TJ_ASSERT(seg->first < forest->block_tokens);
    TJ_ASSERT(seg->n_blocks >= blocks_for(forest, seg->first, seg->n_stored));
    TJ_ASSERT(seg->n_blocks <= blocks_for(forest, seg->first, seg->len));
    for (size_t b = 0; b < seg->n_blocks; b++) {
        TJ_ASSERT(tj_blockpool_n_holders(forest->pool, seg->blocks[b]) > 0);
    }
    if (seg->parent == TJ_NO_KVSEG) {
        TJ_ASSERT(seg->pos == 0);
        return;
    }
    const tj_kvseg *parent = &forest->segs[seg->parent];
    TJ_ASSERT(seg->pos == parent->pos + parent->len);
    TJ_ASSERT(seg->n_blocks == 0 || parent->n_blocks > 0);
    TJ_ASSERT(seg->n_stored == 0 || parent->n_stored == parent->len);
}

void tj_kvforest_check(const tj_kvforest *forest)
{
    size_t n_live = 0;
    size_t n_held = 0;
    for (size_t i = 0; i < forest->n_segs; i++) {
        if (forest->segs[i].n_tips > 0 || forest->segs[i].n_children > 0) {
            check_seg(forest, i);
            n_live++;
            n_held += forest->segs[i].n_blocks;
        } else {
            TJ_ASSERT(forest->segs[i].n_blocks == 0);
        }
    }
    TJ_ASSERT(n_live == tj_kvforest_n_segments(forest));
    size_t n_holders = 0;
    for (size_t b = 0; b < tj_blockpool_n_blocks(forest->pool); b++) {
        n_holders += tj_blockpool_n_holders(forest->pool, (tj_block_id)b);
    }
    TJ_ASSERT(n_held == n_holders);
}
