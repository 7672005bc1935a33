/* Shared prefixes against a plain list of token arrays, and what is sampled through them against a
 * fresh engine that runs each continuation alone. TABIJI_TEST_SEED runs the random test with one
 * seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/par.h"
#include "base/rng.h"
#include "infer/engine.h"
#include "tiny.h"

#define PLENTY      ((size_t)64 << 20)
#define BLOCK_BYTES ((size_t)3 * 2 * (8 + 16) * 16 * 4) /* of the tiny model in f32 */
#define MAX_PATH    200

typedef struct world {
    tj_model *model;
    tj_engine *engine;
    tj_prefixes *prefixes;
} world;

static world make(size_t kv_bytes, size_t max_tokens)
{
    world w = {.model = tiny_model(TJ_F32, MAX_PATH)};
    w.engine = tiny_engine(w.model, NULL, kv_bytes, 24);
    assert_int_equal(tj_prefixes_create(&w.prefixes, w.engine, max_tokens, NULL), TJ_OK);
    return w;
}

/* Everything that was lent has come back. */
static void end(world *w)
{
    tj_prefixes_destroy(w->prefixes);
    assert_int_equal(tj_kvforest_n_segments(w->engine->forest), 0);
    assert_int_equal(tj_engine_kv_bytes_used(w->engine), 0);
    tj_engine_destroy(w->engine);
    tj_model_destroy(w->model);
}

static tj_branch lend(world *w, size_t *n_shared, const int32_t *ids, size_t n)
{
    tj_branch branch = TJ_NO_BRANCH;
    int32_t path[MAX_PATH];
    tj_err err = {0};
    if (tj_prefixes_lend(w->prefixes, &branch, n_shared, ids, n, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(tj_engine_length(w->engine, branch), n);
    tj_engine_path(w->engine, branch, 0, n, path);
    assert_memory_equal(path, ids, n * sizeof *ids);
    return branch;
}

static void run(world *w, tj_branch branch, size_t n)
{
    tj_gen gen = tiny_gen(branch, 1.0, 1, n);
    assert_int_equal(tj_engine_generate(w->engine, &gen, 1, NULL, NULL), TJ_OK);
    tj_gen_deinit(&gen);
}

static size_t n_rows(const world *w)
{
    return (size_t)tj_engine_get_stats(w->engine).n_rows;
}

/* ------------------------------------------------------------ stated cases */

static void a_kept_path_is_found_by_all_that_begin_with_it(void **state)
{
    (void)state;
    world w = make(PLENTY, 1000);
    int32_t ids[60];
    size_t n_shared = 9;
    tiny_ids(ids, 60, 1);
    tj_branch a = lend(&w, &n_shared, ids, 40);
    assert_int_equal(n_shared, 0);
    assert_int_equal(n_rows(&w), 0); /* nothing is computed until it is needed */
    run(&w, a, 1);
    tj_prefixes_keep(w.prefixes, a);
    for (size_t n = 1; n <= 60; n += 3) { /* shorter, equal, longer */
        size_t before = n_rows(&w);
        tj_branch b = lend(&w, &n_shared, ids, n);
        assert_int_equal(n_shared, n < 40 ? n : 40);
        run(&w, b, 1);
        assert_int_equal(n_rows(&w) - before, n <= 40 ? 1 : n - 40);
        tj_prefixes_drop(w.prefixes, b);
    }
    for (size_t at = 0; at < 40; at += 3) { /* another token there */
        int32_t other[40];
        memcpy(other, ids, sizeof other);
        other[at] = (ids[at] + 1) % 60;
        tj_branch b = lend(&w, &n_shared, other, 40);
        assert_int_equal(n_shared, at);
        tj_prefixes_drop(w.prefixes, b);
    }
    tj_engine_refresh(w.engine);
    tj_branch b = lend(&w, &n_shared, ids, 40);
    assert_int_equal(n_shared, 0); /* found, but its keys are gone */
    tj_prefixes_drop(w.prefixes, b);
    end(&w);
}

/* Two requests with one cold prompt and a third with its beginning, all at once. */
static void a_cold_prompt_that_several_run_is_computed_once(void **state)
{
    (void)state;
    world w = make(PLENTY, 1000);
    int32_t ids[90];
    tj_gen gens[3];
    size_t lens[] = {90, 90, 50};
    tiny_ids(ids, 90, 2);
    for (size_t i = 0; i < 3; i++) {
        size_t n_shared = 9;
        gens[i] = tiny_gen(lend(&w, &n_shared, ids, lens[i]), 1.0, i, 6);
        assert_int_equal(n_shared, 0);
    }
    assert_int_equal(tj_engine_generate(w.engine, gens, 3, NULL, NULL), TJ_OK);
    size_t n_sampled = 0;
    for (size_t i = 0; i < 3; i++) {
        tiny_check_alone(w.model, w.engine, &gens[i]);
        n_sampled += gens[i].n_ids - 1; /* the last one is not read */
        tj_prefixes_keep(w.prefixes, gens[i].branch);
        tj_gen_deinit(&gens[i]);
    }
    assert_in_range(n_rows(&w), 90 + n_sampled,
                    93 + n_sampled); /* a last token may be read twice */
    end(&w);
}

/* The second comes while the first is anywhere between its first row and its last token. */
static void what_a_running_request_has_computed_is_shared(void **state)
{
    (void)state;
    int32_t ids[80];
    tiny_ids(ids, 80, 3);
    for (size_t n_rounds = 0; n_rounds < 9; n_rounds++) {
        world w = make(PLENTY, 1000);
        size_t n_shared = 9;
        size_t n_left = 0;
        tj_gen gens[2];
        gens[0] = tiny_gen(lend(&w, &n_shared, ids, 70), 0.0, 0, 12);
        assert_int_equal(tj_engine_join(w.engine, &gens[0], NULL), TJ_OK);
        for (size_t r = 0; r < n_rounds; r++) {
            assert_int_equal(tj_engine_round(w.engine, &n_left, NULL), TJ_OK);
        }
        size_t stored = n_rounds * 24 < 70 ? n_rounds * 24 : 70;
        gens[1] = tiny_gen(lend(&w, &n_shared, ids, 60), 1.0, 1, 12);
        assert_int_equal(n_shared, stored < 60 ? stored : 60);
        assert_int_equal(tj_engine_join(w.engine, &gens[1], NULL), TJ_OK);
        if (gens[0].n_ids > 2) { /* and what it has sampled */
            memcpy(ids + 70, gens[0].ids, 2 * sizeof *ids);
            tj_branch c = lend(&w, &n_shared, ids, 72);
            assert_int_equal(n_shared, 72);
            tj_prefixes_drop(w.prefixes, c);
        }
        do {
            assert_int_equal(tj_engine_round(w.engine, &n_left, NULL), TJ_OK);
            tj_kvforest_check(w.engine->forest);
        } while (n_left > 0);
        for (size_t i = 0; i < 2; i++) {
            tiny_check_alone(w.model, w.engine, &gens[i]);
            tj_prefixes_keep(w.prefixes, gens[i].branch);
            tj_gen_deinit(&gens[i]);
        }
        end(&w);
    }
}

/* Two branches of the same tokens, and only one has been run. */
static void of_two_equal_paths_the_stored_one_is_shared(void **state)
{
    (void)state;
    for (size_t stored_first = 0; stored_first < 2; stored_first++) {
        world w = make(PLENTY, 1000);
        int32_t ids[30];
        size_t n_shared = 9;
        tj_branch both[2];
        tiny_ids(ids, 30, 6);
        for (size_t i = 0; i < 2; i++) {
            both[i] = lend(&w, &n_shared, ids, 1);
            assert_int_equal(tj_engine_append(w.engine, both[i], ids + 1, 29, NULL), TJ_OK);
        }
        run(&w, both[1 - stored_first], 1);
        tj_branch third = lend(&w, &n_shared, ids, 30);
        assert_int_equal(n_shared, 30);
        tj_prefixes_drop(w.prefixes, third);
        tj_prefixes_drop(w.prefixes, both[0]);
        tj_prefixes_drop(w.prefixes, both[1]);
        end(&w);
    }
}

static void keep_path(world *w, int32_t first, size_t n)
{
    int32_t ids[MAX_PATH] = {first};
    size_t n_shared = 0;
    tj_branch branch = lend(w, &n_shared, ids, n);
    run(w, branch, 0);
    tj_prefixes_keep(w->prefixes, branch);
}

static bool is_kept(world *w, int32_t first)
{
    size_t n_shared = 0;
    tj_branch branch = lend(w, &n_shared, &first, 1);
    bool shares =
        tj_kvforest_seg(w->engine->forest, tj_engine_tip(w->engine, branch))->n_children > 0;
    tj_prefixes_drop(w->prefixes, branch);
    return shares;
}

static void the_longest_unused_are_forgotten_first(void **state)
{
    (void)state;
    world w = make(PLENTY, 100);
    for (int32_t i = 1; i <= 5; i++) {
        keep_path(&w, i, 20);
    }
    assert_true(is_kept(&w, 1)); /* and is used by that: 2 is now the oldest */
    keep_path(&w, 6, 30);
    assert_false(is_kept(&w, 2));
    assert_false(is_kept(&w, 3));
    assert_true(is_kept(&w, 1));
    assert_true(is_kept(&w, 4));
    keep_path(&w, 7, 101); /* more than may be kept: nothing is forgotten for it */
    assert_false(is_kept(&w, 7));
    assert_true(is_kept(&w, 5));
    keep_path(&w, 8, 100);
    for (int32_t i = 1; i <= 7; i++) {
        assert_false(is_kept(&w, i));
    }
    assert_true(is_kept(&w, 8));
    end(&w);
}

/* A conversation's earlier turns, and the same prompt again and again, take no room. */
static void a_path_takes_the_place_of_its_beginnings(void **state)
{
    (void)state;
    world w = make(PLENTY, 100);
    int32_t ids[80];
    tiny_ids(ids, 80, 4);
    keep_path(&w, 60, 15); /* another's: 60 is none of the ids */
    for (size_t n = 5; n <= 80; n += 5) {
        for (size_t again = 0; again < 3; again++) {
            size_t n_shared = 0;
            tj_branch branch = lend(&w, &n_shared, ids, n);
            run(&w, branch, 0);
            tj_prefixes_keep(w.prefixes, branch);
        }
    }
    assert_true(is_kept(&w, 60)); /* 15 + 80 tokens are kept */
    end(&w);
}

static void impossible_prompts_are_refused_and_change_nothing(void **state)
{
    (void)state;
    world w = make(PLENTY, 1000);
    int32_t ids[MAX_PATH + 1] = {1, 2, 3};
    size_t n_shared = 0;
    tj_branch branch = 0;
    tj_err err;
    keep_path(&w, 1, 20);
    int32_t wrong[] = {1, 0, 0, 61};
    assert_int_equal(tj_prefixes_lend(w.prefixes, &branch, &n_shared, ids, 0, &err), TJ_E_INVAL);
    assert_int_equal(tj_prefixes_lend(w.prefixes, &branch, &n_shared, wrong, 4, &err), TJ_E_INVAL);
    assert_string_equal(err.msg, "token 3 is 61, expected 0 to 60");
    assert_int_equal(tj_prefixes_lend(w.prefixes, &branch, &n_shared, ids, MAX_PATH + 1, &err),
                     TJ_E_INVAL);
    assert_true(branch == TJ_NO_BRANCH);
    tj_prefixes_destroy(NULL);
    end(&w);
}

static void failed_allocations_are_errors_and_leak_nothing(void **state)
{
    (void)state;
    int32_t ids[100];
    tiny_ids(ids, 100, 5);
    size_t n_failed = SIZE_MAX;
    for (size_t k = 0; n_failed > 0; k++) {
        assert_true(k < 200);
        world w = make(PLENTY, 200);
        n_failed = 0;
        tj_alloc_fail_after(k);
        for (size_t i = 0; i < 12; i++) {
            tj_branch branch = TJ_NO_BRANCH;
            size_t n_shared = 0;
            size_t begin = i % 3 == 2 ? i : 0;
            tj_code rc = tj_prefixes_lend(w.prefixes, &branch, &n_shared, ids + begin,
                                          10 + i * 31 % 70, NULL);
            assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
            n_failed += rc != TJ_OK;
            if (rc == TJ_OK && i % 4 == 0) {
                tj_prefixes_drop(w.prefixes, branch);
            } else if (rc == TJ_OK) {
                tj_prefixes_keep(w.prefixes, branch);
            }
            tj_kvforest_check(w.engine->forest);
        }
        tj_alloc_fail_after(SIZE_MAX);
        if (n_failed == 0 && k < 12) {
            n_failed = 1; /* it hit the room for a path that is kept: no error */
        }
        end(&w);
    }
}

/* ------------------------------------------------------------ at random */

#define N_REQUESTS 12
#define MAX_KEPT   200
#define MAX_TOKENS 900

typedef struct request {
    tj_gen gen; /* branch TJ_NO_BRANCH: none */
    bool is_joined;
} request;

typedef struct plain_path {
    int32_t ids[MAX_PATH];
    size_t n;
    tj_branch branch;
} plain_path;

/* The same as lists: what is kept, the longest unused first, and what is lent. */
typedef struct plain {
    plain_path kept[MAX_KEPT];
    size_t n_kept;
    request requests[N_REQUESTS];
    size_t n_finished;
} plain;

static size_t common(const plain_path *a, const plain_path *b)
{
    size_t n = 0;
    while (n < a->n && n < b->n && a->ids[n] == b->ids[n]) {
        n++;
    }
    return n;
}

static plain_path path_of(const world *w, tj_branch branch)
{
    plain_path p = {.n = tj_engine_length(w->engine, branch), .branch = branch};
    tj_engine_path(w->engine, branch, 0, p.n, p.ids);
    return p;
}

static size_t stored_of(const world *w, tj_branch branch)
{
    size_t n = 0;
    for (size_t id = tj_engine_tip(w->engine, branch); id != TJ_NO_KVSEG;) {
        const tj_kvseg *seg = tj_kvforest_seg(w->engine->forest, id);
        n += seg->n_stored;
        id = seg->parent;
    }
    return n;
}

static void remove_kept(plain *m, size_t i)
{
    memmove(&m->kept[i], &m->kept[i + 1], (--m->n_kept - i) * sizeof m->kept[0]);
}

static void keep(world *w, plain *m, tj_branch branch)
{
    plain_path p = path_of(w, branch);
    size_t sum = p.n;
    tj_prefixes_keep(w->prefixes, branch);
    for (size_t i = m->n_kept; i-- > 0;) {
        if (common(&m->kept[i], &p) == m->kept[i].n) {
            remove_kept(m, i);
        } else {
            sum += m->kept[i].n;
        }
    }
    while (sum > MAX_TOKENS) {
        sum -= m->kept[0].n;
        remove_kept(m, 0);
    }
    assert_true(m->n_kept < MAX_KEPT);
    m->kept[m->n_kept++] = p;
}

/* Whether a branch has more in common with what is wanted than the best so far. */
static bool is_better(const world *w, const plain_path *a, const plain_path *want, size_t *best,
                      size_t *best_stored)
{
    size_t n = common(a, want);
    size_t stored = stored_of(w, a->branch);
    stored = stored < n ? stored : n;
    if (n < *best || (n == *best && stored <= *best_stored)) {
        return false;
    }
    *best = n;
    *best_stored = stored;
    return true;
}

/* What is to be shared, and with whom; a kept one counts as used. */
static size_t expect_shared(const world *w, plain *m, const plain_path *want)
{
    size_t best = 0;
    size_t stored = 0;
    size_t used = SIZE_MAX;
    for (size_t i = 0; i < m->n_kept; i++) {
        used = is_better(w, &m->kept[i], want, &best, &stored) ? i : used;
    }
    for (size_t i = 0; i < N_REQUESTS; i++) {
        if (m->requests[i].gen.branch != TJ_NO_BRANCH) {
            plain_path p = path_of(w, m->requests[i].gen.branch);
            used = is_better(w, &p, want, &best, &stored) ? SIZE_MAX : used;
        }
    }
    if (used != SIZE_MAX) {
        plain_path p = m->kept[used];
        remove_kept(m, used);
        m->kept[m->n_kept++] = p;
    }
    return stored;
}

/* A new prompt: the beginning of something earlier, or of nothing, and some tokens of its own. */
static void begin_request(world *w, plain *m, request *r, tj_rng *rng, uint64_t key)
{
    plain_path p = {.n = 0};
    size_t n_shared = 0;
    if (m->n_kept > 0 && tj_rng_below(rng, 4) > 0) {
        p = m->kept[tj_rng_below(rng, m->n_kept)];
        p.n = (size_t)tj_rng_below(rng, p.n + 1);
        p.n = p.n < 110 ? p.n : 110;
    }
    size_t more = (size_t)tj_rng_below(rng, p.n == 0 ? 40 : 20) + (p.n == 0);
    tiny_ids(p.ids + p.n, more, key);
    p.n += more;
    size_t want = expect_shared(w, m, &p);
    tj_branch branch = lend(w, &n_shared, p.ids, p.n);
    assert_int_equal(n_shared, want);
    *r = (request){.gen = tiny_gen(branch, (double)tj_rng_below(rng, 3) * 0.6, key,
                                   1 + (size_t)tj_rng_below(rng, 25))};
    r->gen.n_top = (size_t)tj_rng_below(rng, 4);
}

static void end_request(world *w, plain *m, request *r, bool is_kept)
{
    tj_engine_leave(w->engine, &r->gen);
    if (r->is_joined) {
        tiny_check_alone(w->model, w->engine, &r->gen);
        m->n_finished += r->gen.finish != TJ_FINISH_NONE;
        tj_gen_deinit(&r->gen);
    }
    if (is_kept) {
        keep(w, m, r->gen.branch);
    } else {
        tj_prefixes_drop(w->prefixes, r->gen.branch);
    }
    *r = (request){.gen = {.branch = TJ_NO_BRANCH}};
}

/* Scores a prompt whose keys and values are there as far as they are. */
static void check_score(world *w, tj_branch branch)
{
    plain_path p = path_of(w, branch);
    float got[MAX_PATH];
    float want[MAX_PATH];
    tj_branch same = TJ_NO_BRANCH;
    tj_engine *alone = tiny_engine(w->model, NULL, (size_t)1 << 20, 64);
    assert_int_equal(tj_engine_root(alone, &same, p.ids, p.n, NULL), TJ_OK);
    assert_int_equal(tj_engine_score(alone, same, 1, p.n, want + 1, NULL), TJ_OK);
    assert_int_equal(tj_engine_score(w->engine, branch, 1, p.n, got + 1, NULL), TJ_OK);
    assert_memory_equal(got + 1, want + 1, (p.n - 1) * sizeof *got);
    tj_engine_destroy(alone);
}

static void check(const world *w, const plain *m, size_t kv_bytes)
{
    int32_t ids[MAX_PATH];
    size_t n_lent = 0;
    for (size_t i = 0; i < m->n_kept; i++) {
        const plain_path *p = &m->kept[i];
        assert_int_equal(tj_engine_length(w->engine, p->branch), p->n);
        tj_engine_path(w->engine, p->branch, 0, p->n, ids);
        assert_memory_equal(ids, p->ids, p->n * sizeof *ids);
    }
    for (size_t i = 0; i < N_REQUESTS; i++) {
        n_lent += m->requests[i].gen.branch != TJ_NO_BRANCH;
    }
    assert_int_equal(w->engine->n_branches - w->engine->n_free, m->n_kept + n_lent);
    assert_true(tj_engine_kv_bytes_used(w->engine) <= kv_bytes);
    tj_kvforest_check(w->engine->forest);
}

static void step(world *w, plain *m, tj_rng *rng, uint64_t key)
{
    request *r = &m->requests[tj_rng_below(rng, N_REQUESTS)];
    size_t n_left = 0;
    if (r->gen.branch == TJ_NO_BRANCH) {
        begin_request(w, m, r, rng, key);
    } else if (!r->is_joined && tj_rng_below(rng, 3) > 0) {
        assert_int_equal(tj_engine_join(w->engine, &r->gen, NULL), TJ_OK);
        r->is_joined = true;
    } else if (!r->is_joined && tj_rng_below(rng, 3) > 0) {
        check_score(w, r->gen.branch);
    } else if (r->gen.finish != TJ_FINISH_NONE || tj_rng_below(rng, 8) == 0) {
        end_request(w, m, r, tj_rng_below(rng, 4) > 0);
    } else if (tj_rng_below(rng, 40) == 0) {
        tj_engine_refresh(w->engine);
    }
    for (size_t k = (size_t)tj_rng_below(rng, 3); k > 0; k--) {
        assert_int_equal(tj_engine_round(w->engine, &n_left, NULL), TJ_OK);
    }
}

static void random_requests_equal_plain_lists_and_fresh_engines(void **state)
{
    (void)state;
    const char *given = getenv("TABIJI_TEST_SEED");
    uint64_t first = given != NULL ? strtoull(given, NULL, 10) : 1;
    uint64_t n_seeds = given != NULL ? 1 : 16;
    size_t n_finished = 0;
    plain *m = tj_calloc(1, sizeof *m);
    assert_non_null(m);
    for (uint64_t seed = first; seed < first + n_seeds; seed++) {
        /* 24 blocks hold any one path, however it is cut, and few of them together */
        size_t kv_bytes = seed % 2 == 0 ? PLENTY : BLOCK_BYTES * 24;
        world w = make(kv_bytes, MAX_TOKENS);
        tj_rng rng;
        tj_rng_init(&rng, seed, 0, 0, 0);
        *m = (plain){.n_kept = 0};
        for (size_t i = 0; i < N_REQUESTS; i++) {
            m->requests[i].gen.branch = TJ_NO_BRANCH;
        }
        for (uint64_t turn = 0; turn < 400; turn++) {
            step(&w, m, &rng, seed * 1000 + turn);
            check(&w, m, kv_bytes);
        }
        for (size_t i = 0; i < N_REQUESTS; i++) {
            if (m->requests[i].gen.branch != TJ_NO_BRANCH) {
                end_request(&w, m, &m->requests[i], i % 2 == 0);
            }
        }
        check(&w, m, kv_bytes);
        n_finished += m->n_finished;
        end(&w);
    }
    assert_true(n_finished > 40 * n_seeds);
    tj_free(m);
}

int main(void)
{
    tj_par_set_threads(1); /* what threads do is test_generate's affair; many tiny calls are slow on
                            * several where the machine is busy */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_path_is_found_by_all_that_begin_with_it),
        cmocka_unit_test(a_cold_prompt_that_several_run_is_computed_once),
        cmocka_unit_test(what_a_running_request_has_computed_is_shared),
        cmocka_unit_test(of_two_equal_paths_the_stored_one_is_shared),
        cmocka_unit_test(the_longest_unused_are_forgotten_first),
        cmocka_unit_test(a_path_takes_the_place_of_its_beginnings),
        cmocka_unit_test(impossible_prompts_are_refused_and_change_nothing),
        cmocka_unit_test(failed_allocations_are_errors_and_leak_nothing),
        cmocka_unit_test(random_requests_equal_plain_lists_and_fresh_engines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
