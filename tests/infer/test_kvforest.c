/* The KV forest against a model without one: each branch as an array of tokens. In place of keys, a
 * token's place in its block gets a digest of the whole path up to it, so that reading a path
 * through its chunks shows at once if a split, a fork or a reused block mixed up any two paths.
 * TABIJI_TEST_SEED runs the random operations with one seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "infer/kvforest.h"

#define MAX_PATH     96
#define MAX_BRANCHES 12

static uint64_t digest(const int32_t *ids, size_t n)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */
    for (size_t i = 0; i < n; i++) {
        h = (h ^ (uint64_t)ids[i]) * 1099511628211u;
    }
    return h;
}

typedef struct naive_branch {
    int32_t ids[MAX_PATH];
    size_t n;
    size_t tip;
} naive_branch;

typedef struct world {
    tj_kvforest *forest;
    naive_branch branches[MAX_BRANCHES];
    size_t n;
    tj_rng rng;
} world;

static world make(size_t block_tokens, size_t n_blocks, uint64_t seed)
{
    world w = {.forest = NULL};
    size_t bytes = (block_tokens * sizeof(uint64_t) + 63) / 64 * 64;
    assert_int_equal(tj_kvforest_create(&w.forest, block_tokens, n_blocks, bytes, NULL), TJ_OK);
    tj_rng_init(&w.rng, seed, 0, 0, 0);
    return w;
}

static size_t pick(world *w, size_t n)
{
    return (size_t)tj_rng_below(&w->rng, n);
}

static size_t n_free_blocks(const world *w)
{
    return tj_blockpool_n_free(tj_kvforest_pool(w->forest));
}

static size_t all_blocks(const world *w)
{
    return tj_blockpool_n_blocks(tj_kvforest_pool(w->forest));
}

/* Tokens appended here come from a small alphabet, so that equal paths and equal tails occur. */
static void draw_ids(world *w, int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ids[i] = (int32_t)pick(w, 3);
    }
}

static size_t add_root(world *w, size_t n)
{
    naive_branch *b = &w->branches[w->n];
    draw_ids(w, b->ids, n);
    b->n = n;
    assert_int_equal(tj_kvforest_root(w->forest, &b->tip, b->ids, n, NULL), TJ_OK);
    return w->n++;
}

static size_t fork_branch(world *w, size_t from, size_t n)
{
    naive_branch *b = &w->branches[w->n];
    memcpy(b->ids, w->branches[from].ids, n * sizeof *b->ids);
    b->n = n;
    assert_int_equal(tj_kvforest_fork(w->forest, &b->tip, w->branches[from].tip, n, NULL), TJ_OK);
    return w->n++;
}

static void append(world *w, size_t branch, size_t n)
{
    naive_branch *b = &w->branches[branch];
    draw_ids(w, b->ids + b->n, n);
    assert_int_equal(tj_kvforest_append(w->forest, &b->tip, b->ids + b->n, n, pick(w, 5), NULL),
                     TJ_OK);
    b->n += n;
}

static void drop(world *w, size_t branch)
{
    tj_kvforest_drop(w->forest, w->branches[branch].tip);
    w->branches[branch] = w->branches[--w->n];
}

/* Stores a pinned path's missing tokens, at most n of them, the way the engine does: the root
 * first, evicting others. Returns false if memory was short. */
static bool compute_pinned(world *w, size_t branch, size_t n)
{
    const naive_branch *b = &w->branches[branch];
    size_t path[MAX_PATH];
    size_t n_path = 0;
    bool fits = true;
    for (size_t id = b->tip; id != TJ_NO_KVSEG; id = tj_kvforest_seg(w->forest, id)->parent) {
        path[n_path++] = id;
    }
    while (n_path > 0 && n > 0) {
        size_t id = path[--n_path];
        tj_code rc = TJ_E_LIMIT;
        while (rc == TJ_E_LIMIT) {
            rc = tj_kvforest_reserve(w->forest, id, NULL);
            if (rc == TJ_E_LIMIT && !tj_kvforest_evict(w->forest)) {
                break;
            }
        }
        fits = rc == TJ_OK;
        if (!fits) {
            break;
        }
        const tj_kvseg *seg = tj_kvforest_seg(w->forest, id);
        size_t m = seg->len - seg->n_stored < n ? seg->len - seg->n_stored : n;
        for (size_t i = seg->n_stored; i < seg->n_stored + m; i++) {
            size_t slot = 0;
            uint64_t key = digest(b->ids, seg->pos + i + 1);
            unsigned char *block = tj_kvforest_place(w->forest, id, i, &slot);
            memcpy(block + slot * sizeof key, &key, sizeof key);
        }
        tj_kvforest_stored(w->forest, id, m);
        n -= m;
    }
    return fits;
}

static bool compute(world *w, size_t branch, size_t n)
{
    tj_kvforest_pin(w->forest, w->branches[branch].tip, TJ_NO_KVSEG);
    bool fits = compute_pinned(w, branch, n);
    tj_kvforest_unpin(w->forest, w->branches[branch].tip);
    return fits;
}

/* Tokens, length and the keys of what is stored, read back through the chunks. */
static void check_branch(const world *w, size_t branch)
{
    const naive_branch *b = &w->branches[branch];
    int32_t ids[MAX_PATH];
    assert_int_equal(tj_kvforest_length(w->forest, b->tip), b->n);
    tj_kvforest_path(w->forest, b->tip, 0, b->n, ids);
    assert_memory_equal(ids, b->ids, b->n * sizeof *ids);
    tj_kvforest_path(w->forest, b->tip, b->n / 3, b->n - b->n / 4, ids);
    assert_memory_equal(ids, b->ids + b->n / 3, (b->n - b->n / 4 - b->n / 3) * sizeof *ids);

    size_t n_stored = 0;
    for (size_t id = b->tip; id != TJ_NO_KVSEG; id = tj_kvforest_seg(w->forest, id)->parent) {
        n_stored += tj_kvforest_seg(w->forest, id)->n_stored;
    }
    tj_kvchunk chunks[MAX_PATH];
    size_t n = tj_kvforest_n_chunks(w->forest, b->tip);
    assert_true(n <= MAX_PATH);
    tj_kvforest_chunks(w->forest, b->tip, chunks, n);
    size_t pos = 0;
    for (size_t c = 0; c < n; c++) {
        for (size_t i = 0; i < chunks[c].n && pos < n_stored; i++, pos++) {
            uint64_t key;
            memcpy(&key, chunks[c].block + (chunks[c].slot + i) * sizeof key, sizeof key);
            assert_true(key == digest(b->ids, pos + 1));
        }
    }
    assert_int_equal(pos, n_stored);
}

static void check_world(const world *w)
{
    tj_kvforest_check(w->forest);
    for (size_t i = 0; i < w->n; i++) {
        check_branch(w, i);
    }
}

static void end(world *w)
{
    while (w->n > 0) {
        drop(w, pick(w, w->n));
        check_world(w);
    }
    assert_int_equal(n_free_blocks(w), all_blocks(w));
    assert_int_equal(tj_kvforest_n_segments(w->forest), 0);
    tj_kvforest_destroy(w->forest);
}

/* ------------------------------------------------------------ stated cases */

/* For every length and every cut around the edges of blocks, with the parent stored or not, going
 * on or not, dropped before or after its child. */
static void fork_at_every_offset_keeps_both_paths(void **state)
{
    (void)state;
    size_t T = 4;
    for (size_t len = 1; len <= 3 * T + 1; len++) {
        for (size_t at = 1; at <= len; at++) {
            for (size_t how = 0; how < 16; how++) {
                world w = make(T, 40, len);
                size_t parent = add_root(&w, len);
                if ((how & 1) != 0) {
                    assert_true(compute(&w, parent, how & 8 ? len : (len + 1) / 2));
                }
                size_t child = fork_branch(&w, parent, at);
                append(&w, child, 3);
                check_world(&w);
                if ((how & 2) != 0) { /* the parent goes on while the child lives */
                    append(&w, parent, 2);
                    assert_true(compute(&w, parent, SIZE_MAX));
                }
                assert_true(compute(&w, child, SIZE_MAX));
                check_world(&w);
                drop(&w, how & 4 ? parent : child); /* the other is then branch 0 */
                check_world(&w);
                append(&w, 0, T);
                assert_true(compute(&w, 0, SIZE_MAX));
                check_world(&w);
                end(&w);
            }
        }
    }
}

/* As an engine does with a branch that runs: its path stays pinned while others fork from it, its
 * blocks are reserved ahead of what is stored, and it goes on through all of them. */
static void a_branch_that_runs_may_be_forked_at_every_offset(void **state)
{
    (void)state;
    size_t T = 4;
    for (size_t len = 2; len <= 3 * T + 1; len++) {
        for (size_t at = 1; at <= len; at++) {
            for (size_t n_stored = 0; n_stored <= len; n_stored++) {
                world w = make(T, 40, len);
                size_t parent = add_root(&w, len);
                tj_kvforest_pin(w.forest, w.branches[parent].tip, TJ_NO_KVSEG);
                assert_int_equal(tj_kvforest_reserve(w.forest, w.branches[parent].tip, NULL),
                                 TJ_OK);
                assert_true(compute_pinned(&w, parent, n_stored));
                size_t child = fork_branch(&w, parent, at);
                check_world(&w);
                append(&w, child, 3);
                assert_true(compute(&w, child, at + n_stored % 3));
                while (tj_kvforest_evict(w.forest)) { /* takes nothing from the pinned */
                }
                assert_true(compute_pinned(&w, parent, SIZE_MAX));
                check_world(&w);
                assert_true(compute(&w, child, SIZE_MAX));
                tj_kvforest_unpin(w.forest, w.branches[parent].tip);
                check_world(&w);
                end(&w);
            }
        }
    }
}

static void sealed_segment_is_not_extended_in_place(void **state)
{
    (void)state;
    world w = make(4, 16, 1);
    size_t a = add_root(&w, 6);
    assert_true(compute(&w, a, SIZE_MAX));
    size_t tip = w.branches[a].tip;
    append(&w, a, 1);
    assert_int_equal(w.branches[a].tip, tip); /* alone: in place */
    size_t b = fork_branch(&w, a, 7);
    assert_int_equal(w.branches[b].tip, tip); /* a fork at the end shares the tip */
    append(&w, b, 1);
    assert_int_not_equal(w.branches[b].tip, tip);
    append(&w, a, 1); /* sealed by its child */
    assert_int_not_equal(w.branches[a].tip, tip);
    assert_int_equal(tj_kvforest_seg(w.forest, w.branches[a].tip)->parent, tip);
    check_world(&w);
    end(&w);
}

static void nothing_shared_is_copied(void **state)
{
    (void)state;
    world w = make(4, 64, 2);
    size_t a = add_root(&w, 30);
    assert_true(compute(&w, a, SIZE_MAX));
    size_t used = all_blocks(&w) - n_free_blocks(&w);
    assert_int_equal(used, 8);
    for (size_t at = 1; at <= 30; at += 5) {
        fork_branch(&w, a, at);
    }
    check_world(&w);
    assert_int_equal(all_blocks(&w) - n_free_blocks(&w), used);
    end(&w);
}

static void dropped_leaf_frees_up_to_the_first_needed_ancestor(void **state)
{
    (void)state;
    world w = make(4, 64, 3);
    size_t a = add_root(&w, 8);
    append(&w, a, 24);
    assert_true(compute(&w, a, SIZE_MAX)); /* 8 blocks */
    size_t b = fork_branch(&w, a, 10);     /* needs the first 3 */
    (void)b;
    drop(&w, a);
    assert_int_equal(all_blocks(&w) - n_free_blocks(&w), 3);
    check_world(&w);
    end(&w);
}

static void eviction_takes_the_longest_unused_and_never_the_pinned(void **state)
{
    (void)state;
    world w = make(4, 6, 4);
    size_t a = add_root(&w, 8);
    size_t b = add_root(&w, 8);
    size_t c = add_root(&w, 8);
    assert_true(compute(&w, a, SIZE_MAX));
    assert_true(compute(&w, b, SIZE_MAX));
    assert_true(compute(&w, c, SIZE_MAX));
    assert_true(compute(&w, a, SIZE_MAX)); /* used again: b is now the oldest */
    assert_true(tj_kvforest_evict(w.forest));
    assert_int_equal(tj_kvforest_seg(w.forest, w.branches[b].tip)->n_stored, 0);
    tj_kvforest_pin(w.forest, w.branches[c].tip, TJ_NO_KVSEG);
    assert_true(tj_kvforest_evict(w.forest));
    assert_int_equal(tj_kvforest_seg(w.forest, w.branches[a].tip)->n_stored, 0);
    assert_false(tj_kvforest_evict(w.forest));
    tj_kvforest_unpin(w.forest, w.branches[c].tip);
    check_world(&w);
    end(&w);
}

/* ------------------------------------------------------------ random operations */

static void random_step(world *w)
{
    if (w->n == 0) {
        add_root(w, 1 + pick(w, 20));
        return;
    }
    size_t i = pick(w, w->n);
    naive_branch *b = &w->branches[i];
    switch (pick(w, 8)) {
    case 0:
        if (w->n < MAX_BRANCHES) {
            add_root(w, 1 + pick(w, 20));
        }
        break;
    case 1:
    case 2:
        if (w->n < MAX_BRANCHES) {
            fork_branch(w, i, 1 + pick(w, b->n));
        }
        break;
    case 3:
    case 4: {
        size_t n = 1 + pick(w, 6);
        if (b->n + n <= MAX_PATH) {
            append(w, i, n);
        }
        break;
    }
    case 5:
        drop(w, i);
        break;
    default:
        (void)compute(w, i, 1 + pick(w, MAX_PATH)); /* too little memory is a fair answer */
    }
}

static void random_operations_equal_the_naive_model(void **state)
{
    (void)state;
    const char *given = getenv("TABIJI_TEST_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : 1;
    uint64_t n_seeds = given != NULL ? 1 : 600;
    size_t block_tokens[] = {1, 2, 3, 4, 16};
    for (uint64_t seed = first; seed < first + n_seeds; seed++) {
        world w = make(block_tokens[seed % 5], 10 + seed % 60, seed);
        for (size_t turn = 0; turn < 150; turn++) {
            random_step(&w);
            check_world(&w);
        }
        end(&w);
    }
}

static void failed_allocations_change_nothing(void **state)
{
    (void)state;
    for (size_t k = 0; k < 40; k++) {
        world w = make(4, 32, k + 1);
        size_t a = add_root(&w, 9);
        assert_true(compute(&w, a, SIZE_MAX));
        size_t tip = 0;
        int32_t ids[300] = {0};
        tj_alloc_fail_after(k);
        tj_code fork_rc = tj_kvforest_fork(w.forest, &tip, w.branches[a].tip, 5, NULL);
        size_t to = w.branches[a].tip;
        tj_code append_rc = tj_kvforest_append(w.forest, &to, ids, 300, 0, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(fork_rc == TJ_OK || fork_rc == TJ_E_NOMEM);
        assert_true(append_rc == TJ_OK || append_rc == TJ_E_NOMEM);
        tj_kvforest_check(w.forest);
        if (append_rc == TJ_OK) { /* longer than the naive model's paths */
            tj_kvforest_drop(w.forest, to);
            w.n--;
        }
        check_world(&w);
        if (fork_rc == TJ_OK) {
            tj_kvforest_drop(w.forest, tip);
        }
        end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fork_at_every_offset_keeps_both_paths),
        cmocka_unit_test(a_branch_that_runs_may_be_forked_at_every_offset),
        cmocka_unit_test(sealed_segment_is_not_extended_in_place),
        cmocka_unit_test(nothing_shared_is_copied),
        cmocka_unit_test(dropped_leaf_frees_up_to_the_first_needed_ancestor),
        cmocka_unit_test(eviction_takes_the_longest_unused_and_never_the_pinned),
        cmocka_unit_test(random_operations_equal_the_naive_model),
        cmocka_unit_test(failed_allocations_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
