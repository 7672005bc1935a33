/* Rounds: whatever joins, leaves or fails between them, each continuation samples what it samples
 * alone in an engine of its own, bit for bit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/par.h"
#include "base/rng.h"
#include "tiny.h"

#define V           61
#define PLENTY      ((size_t)64 << 20)
#define BLOCK_BYTES ((size_t)3 * 2 * (8 + 16) * 16 * 4) /* of the tiny model in f32 */

static size_t play(tj_engine *engine)
{
    size_t n_left = 0;
    tj_err err = {0};
    if (tj_engine_round(engine, &n_left, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return n_left;
}

static void join(tj_engine *engine, tj_gen *gen)
{
    tj_err err = {0};
    if (tj_engine_join(engine, gen, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
}

/* A continuation of many kinds, after n tokens of its own. */
static tj_gen make_gen(tj_engine *engine, size_t i)
{
    tj_gen gen = tiny_gen(tiny_root(engine, 1 + (i * 7) % 50, i), (double)(i % 4) * 0.5, i,
                          1 + (i * 11) % 30);
    gen.n_top = (i * 3) % 8;
    return gen;
}

/* ------------------------------------------------------------ joining and leaving */

static void a_sample_does_not_depend_on_when_it_joined(void **state)
{
    (void)state;
    enum { N = 40 };
    size_t kv[] = {PLENTY, BLOCK_BYTES * 20, BLOCK_BYTES * 6};
    for (size_t how = 0; how < 3; how++) {
        tj_model *model = tiny_model(TJ_F32, 256);
        tj_engine *engine = tiny_engine(model, NULL, kv[how], 24);
        tj_gen gens[N];
        tj_rng rng;
        size_t n = 0;
        size_t n_left = 0;
        tj_rng_init(&rng, 7, how, 0, 0);
        while (n < N || n_left > 0) {
            for (size_t k = (size_t)tj_rng_below(&rng, 5); k > 0 && n < N; k--) {
                gens[n] = make_gen(engine, n);
                join(engine, &gens[n++]);
            }
            n_left = play(engine);
            assert_true(tj_engine_kv_bytes_used(engine) <= kv[how]);
        }
        for (size_t i = 0; i < N; i++) {
            tiny_check_alone(model, engine, &gens[i]);
        }
        tiny_end(engine, model, gens, N);
    }
}

/* One token a round for those that have their prompts behind them; the prompt gets the other rows.
 */
static void long_prompts_do_not_starve_the_others(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 512);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 16);
    tj_gen gens[4];
    for (size_t i = 0; i < 3; i++) {
        gens[i] = tiny_gen(tiny_root(engine, 4, i + 20), 0.0, i, 100);
        join(engine, &gens[i]);
    }
    (void)play(engine);
    gens[3] = tiny_gen(tiny_root(engine, 130, 9), 0.0, 3, 5);
    join(engine, &gens[3]);
    for (size_t round = 1; round <= 10; round++) {
        assert_int_equal(gens[3].n_ids, 0);
        (void)play(engine);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(gens[i].n_ids, 1 + round);
        }
    }
    assert_int_equal(gens[3].n_ids, 1); /* 130 tokens, 13 a round */
    for (size_t i = 0; i < 4; i++) {
        tj_engine_leave(engine, &gens[i]);
    }
    tiny_end(engine, model, gens, 4);
}

static void who_waits_for_memory_enters_when_another_leaves(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, BLOCK_BYTES * 5, 64);
    tj_gen gens[3];
    size_t max_tokens[] = {2, 12, 12}; /* 2 blocks each: two at a time */
    for (size_t i = 0; i < 3; i++) {
        gens[i] = tiny_gen(tiny_root(engine, 20, i + 1), 0.0, i, max_tokens[i]);
        join(engine, &gens[i]);
    }
    assert_int_equal(play(engine), 3);
    assert_int_equal(play(engine), 2);
    assert_int_equal(gens[2].n_ids, 0);
    assert_int_equal(play(engine), 2);
    assert_int_equal(gens[1].n_ids, 3);
    assert_int_equal(gens[2].n_ids, 1);
    while (play(engine) > 0) {
    }
    tiny_end(engine, model, gens, 3);
}

static void as_many_run_after_a_refresh_as_before(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, BLOCK_BYTES * 5, 64);
    tj_gen gens[3];
    for (size_t i = 0; i < 3; i++) { /* 2 blocks each: two at a time */
        gens[i] = tiny_gen(tiny_root(engine, 20, i + 1), 0.0, i, 12);
        join(engine, &gens[i]);
    }
    for (size_t round = 1; round <= 4; round++) {
        assert_int_equal(play(engine), 3);
        assert_int_equal(gens[0].n_ids, round);
        assert_int_equal(gens[1].n_ids, round);
        assert_int_equal(gens[2].n_ids, 0);
        tj_engine_refresh(engine);
    }
    while (play(engine) > 0) {
    }
    tiny_end(engine, model, gens, 3);
}

static void who_leaves_keeps_branch_and_outputs_and_holds_no_memory(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 24);
    tj_gen want = tiny_gen(tiny_root(engine, 20, 2), 0.0, 0, 30);
    assert_int_equal(tj_engine_generate(engine, &want, 1, NULL, NULL), TJ_OK);
    assert_true(want.n_ids > 12);
    for (size_t after = 0; after < 12; after++) {
        tj_gen gen = tiny_gen(tiny_root(engine, 20, 2), 0.0, 0, 30);
        tj_gen other = make_gen(engine, 40 + after);
        join(engine, &other);
        join(engine, &gen);
        for (size_t r = 0; r < after; r++) {
            (void)play(engine);
        }
        size_t n = gen.n_ids;
        tj_engine_leave(engine, &gen);
        tj_engine_leave(engine, &gen); /* nothing, the second time */
        (void)play(engine);
        assert_int_equal(gen.n_ids, n);
        assert_int_equal(gen.finish, TJ_FINISH_NONE);
        assert_int_equal(tj_engine_length(engine, gen.branch), 20 + n);
        tj_gen rest = tiny_gen(gen.branch, 0.0, 0, 30 - n); /* greedy: the rest of the same */
        join(engine, &rest);
        while (play(engine) > 0) {
        }
        assert_int_equal(n + rest.n_ids, want.n_ids);
        assert_memory_equal(gen.ids, want.ids, n * sizeof *gen.ids);
        assert_memory_equal(rest.ids, want.ids + n, rest.n_ids * sizeof *gen.ids);
        assert_memory_equal(rest.logprobs, want.logprobs + n, rest.n_ids * sizeof *gen.logprobs);
        tiny_check_alone(model, engine, &other);
        tj_engine_drop(engine, rest.branch);
        tj_engine_drop(engine, other.branch);
        tj_gen_deinit(&gen);
        tj_gen_deinit(&rest);
        tj_gen_deinit(&other);
        tj_engine_refresh(engine);
        assert_int_equal(tj_engine_kv_bytes_used(engine), 0); /* nothing is pinned */
    }
    tiny_end(engine, model, &want, 1);
}

static void impossible_continuations_do_not_join(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 32);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 8);
    tj_gen gen = tiny_gen(tiny_root(engine, 5, 1), 1.0, 0, 4);
    tj_gen bad = gen;
    tj_err err;
    join(engine, &gen);
    assert_int_equal(tj_engine_join(engine, &bad, &err), TJ_E_INVAL);
    assert_string_equal(err.msg, "the branch is being continued by another");
    assert_int_equal(tj_engine_generate(engine, &bad, 1, NULL, &err), TJ_E_INVAL);
    tj_engine_leave(engine, &bad); /* not the one that joined */
    assert_int_equal(play(engine), 1);
    tj_engine_leave(engine, &gen);
    bad.n_top = TJ_MAX_TOP + 1;
    assert_int_equal(tj_engine_join(engine, &bad, &err), TJ_E_INVAL);
    assert_string_equal(err.msg, "n_top is 21, expected at most 20");
    bad.n_top = TJ_MAX_TOP;
    bad.sampling.top_p = 2.0;
    assert_int_equal(tj_engine_join(engine, &bad, &err), TJ_E_INVAL);
    bad.sampling.top_p = 1.0;
    bad.max_tokens = 0;
    join(engine, &bad);
    assert_int_equal(bad.finish, TJ_FINISH_LENGTH);
    assert_int_equal(play(engine), 0);
    float out[4];
    int32_t ids[4];
    assert_int_equal(tj_engine_score_top(engine, gen.branch, 1, 3, out, 0, ids, out, &err),
                     TJ_E_INVAL);
    assert_int_equal(tj_engine_score_top(engine, gen.branch, 1, 3, out, 21, ids, out, &err),
                     TJ_E_INVAL);
    tiny_end(engine, model, &gen, 1);
}

/* ------------------------------------------------------------ failing */

/* A model that is lost when it has read token 59. */
static tj_model *model_with_a_bad_token(void)
{
    tj_model_config cfg;
    tj_model *model = NULL;
    size_t n_params = 0;
    tiny_config(&cfg, 256);
    cfg.tied_embedding = false; /* reading it is bad, not saying it */
    assert_int_equal(tj_model_create(&model, &cfg, TJ_F32, 5, NULL), TJ_OK);
    tj_param *params = tj_model_params(model, &n_params);
    for (size_t i = 0; i < n_params; i++) {
        if (strcmp(params[i].name, "model.embed_tokens.weight") == 0) {
            params[i].weight[(size_t)59 * 32] = NAN;
        }
    }
    assert_int_equal(tj_model_refresh(model, NULL), TJ_OK);
    return model;
}

static void one_at_fault_leaves_and_the_others_go_on(void **state)
{
    (void)state;
    tj_model *model = model_with_a_bad_token();
    tj_engine *engine = tiny_engine(model, NULL, BLOCK_BYTES * 6, 32);
    int32_t ids[100] = {3, 59, 4};
    tj_gen gens[12];
    for (size_t i = 0; i < 12; i++) {
        size_t n = i == 4 ? 97 : 3; /* 6 blocks hold 96 */
        ids[1] = i == 8 ? 59 : (int32_t)i;
        tj_branch branch = TJ_NO_BRANCH;
        assert_int_equal(tj_engine_root(engine, &branch, ids, n, NULL), TJ_OK);
        gens[i] = tiny_gen(branch, 1.0, i, 20);
        join(engine, &gens[i]);
    }
    while (play(engine) > 0) {
    }
    tj_err err;
    size_t n_whole = 0;
    for (size_t i = 0; i < 12; i++) {
        bool is_numeric = gens[i].n_ids > 0 && gens[i].ids[gens[i].n_ids - 1] == 59;
        if (i == 4) {
            assert_int_equal(gens[i].finish, TJ_FINISH_FAILED);
            assert_int_equal(tj_gen_error(engine, &gens[i], &err), TJ_E_LIMIT);
            assert_int_equal(gens[i].n_ids, 0);
        } else if (i == 8 || (is_numeric && gens[i].finish == TJ_FINISH_FAILED)) {
            assert_int_equal(gens[i].finish, TJ_FINISH_FAILED);
            assert_int_equal(tj_gen_error(engine, &gens[i], &err), TJ_E_NUMERIC);
            assert_non_null(strstr(err.msg, "node"));
        } else {
            assert_int_equal(tj_gen_error(engine, &gens[i], &err), TJ_OK);
            tiny_check_alone(model, engine, &gens[i]);
            n_whole++;
        }
    }
    assert_in_range(n_whole, 5, 10);
    tiny_end(engine, model, gens, 12);
}

#define N_FAILING 4

/* Plays with the k-th allocation failing; false if none did. */
static bool play_without_memory(tj_model *model, tj_gen *gens, size_t k)
{
    tj_engine *engine = tiny_engine(model, NULL, BLOCK_BYTES * 12, 24);
    size_t n_left = N_FAILING;
    size_t n_failed = 0;
    for (size_t i = 0; i < N_FAILING; i++) {
        gens[i] = make_gen(engine, 20 + i);
        join(engine, &gens[i]);
    }
    tj_alloc_fail_after(k);
    while (n_left > 0) {
        tj_code rc = tj_engine_round(engine, &n_left, NULL);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        n_failed += rc == TJ_E_NOMEM;
    }
    tj_alloc_fail_after(SIZE_MAX);
    tj_engine_destroy(engine);
    return n_failed > 0;
}

static void a_round_without_memory_is_played_again_to_the_same_samples(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_gen want[N_FAILING];
    assert_false(play_without_memory(model, want, SIZE_MAX));
    bool has_failed = true;
    for (size_t k = 0; has_failed; k++) {
        tj_gen gens[N_FAILING];
        assert_true(k < 200);
        has_failed = play_without_memory(model, gens, k);
        for (size_t i = 0; i < N_FAILING; i++) {
            tiny_assert_same(&gens[i], &want[i]);
            tj_gen_deinit(&gens[i]);
        }
    }
    for (size_t i = 0; i < N_FAILING; i++) {
        tj_gen_deinit(&want[i]);
    }
    tj_model_destroy(model);
}

/* ------------------------------------------------------------ between rounds */

static void a_reading_makes_running_ones_give_way(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, BLOCK_BYTES * 8, 32);
    tj_gen gens[3];
    for (size_t i = 0; i < 3; i++) {
        gens[i] = tiny_gen(tiny_root(engine, 20, i), 1.0, i, 40);
        join(engine, &gens[i]);
    }
    tj_branch large = tiny_root(engine, 120, 50); /* all 8 blocks */
    float want[120];
    float got[120];
    tj_engine *alone = tiny_engine(model, NULL, PLENTY, 32);
    tj_branch same = tiny_root(alone, 120, 50);
    assert_int_equal(tj_engine_score(alone, same, 1, 120, want + 1, NULL), TJ_OK);
    for (size_t r = 0; play(engine) > 0; r++) {
        if (r % 7 == 5) {
            assert_int_equal(tj_engine_score(engine, large, 1, 120, got + 1, NULL), TJ_OK);
            assert_memory_equal(got + 1, want + 1, 119 * sizeof *got);
        }
        if (r % 7 == 2) {
            tj_engine_refresh(engine);
            assert_int_equal(tj_engine_kv_bytes_used(engine), 0);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        tiny_check_alone(model, engine, &gens[i]);
    }
    tj_engine_destroy(alone);
    tj_engine_drop(engine, large);
    tiny_end(engine, model, gens, 3);
}

/* Forks of a branch that runs, at every offset of its prompt and of what it has sampled. */
static void a_running_branch_may_be_forked_anywhere(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, BLOCK_BYTES * 30, 8);
    for (size_t at = 1; at <= 40; at += 2) {
        tj_gen gens[2] = {tiny_gen(tiny_root(engine, 35, 3), 1.0, 1, 30)};
        join(engine, &gens[0]);
        while (tj_engine_length(engine, gens[0].branch) < at || at % 7 > gens[0].n_ids) {
            (void)play(engine); /* some are forked while the prompt is being read */
        }
        tj_branch branch = TJ_NO_BRANCH;
        assert_int_equal(tj_engine_fork(engine, &branch, gens[0].branch, at, NULL), TJ_OK);
        int32_t more[] = {5, 6};
        if (at % 3 > 0) {
            assert_int_equal(tj_engine_append(engine, branch, more, at % 3, NULL), TJ_OK);
        }
        gens[1] = tiny_gen(branch, 1.0, at, 10);
        join(engine, &gens[1]);
        while (play(engine) > 0) {
        }
        for (size_t i = 0; i < 2; i++) {
            tiny_check_alone(model, engine, &gens[i]);
            tj_engine_drop(engine, gens[i].branch);
            tj_gen_deinit(&gens[i]);
        }
    }
    tiny_end(engine, model, NULL, 0);
}

/* ------------------------------------------------------------ the most probable */

static void most_probable_tokens_are_those_of_a_recomputation_and_of_a_reading(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 16);
    tj_gen gen = tiny_gen(tiny_root(engine, 21, 3), 1.0, 9, 40);
    gen.n_top = 7;
    join(engine, &gen);
    while (play(engine) > 0) {
    }
    size_t len = tj_engine_length(engine, gen.branch);
    int32_t path[256];
    float logp[V];
    tj_engine_path(engine, gen.branch, 0, len, path);
    for (size_t t = 0; t < gen.n_ids; t++) {
        tiny_next_logprobs(logp, model, path, 21 + t);
        for (size_t i = 0; i < 7; i++) {
            size_t n_above = 0;
            float p = gen.top_logprobs[t * 7 + i];
            size_t id = (size_t)gen.top_ids[t * 7 + i];
            assert_true(fabsf(p - logp[id]) <= 1e-5F * fmaxf(1.0F, fabsf(p)));
            for (size_t v = 0; v < V; v++) {
                n_above += logp[v] > logp[id];
            }
            assert_int_equal(n_above, i);
            if ((int32_t)id == gen.ids[t]) {
                assert_memory_equal(&p, &gen.logprobs[t], sizeof p);
            }
        }
    }
    float out[256];
    int32_t ids[256 * 7];
    float logprobs[256 * 7];
    for (size_t how = 0; how < 2; how++) {
        size_t m = len - 21;
        assert_int_equal(
            tj_engine_score_top(engine, gen.branch, 21, len, out, 7, ids, logprobs, NULL), TJ_OK);
        assert_memory_equal(out, gen.logprobs, m * sizeof *out);
        assert_memory_equal(ids, gen.top_ids, m * 7 * sizeof *ids);
        assert_memory_equal(logprobs, gen.top_logprobs, m * 7 * sizeof *logprobs);
        tj_engine_refresh(engine); /* and without the cache */
    }
    tiny_end(engine, model, &gen, 1);
}

static void rounds_allocate_nothing_once_warm(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 512);
    for (size_t turn = 0; turn < 2; turn++) {
        tj_gen gens[20];
        for (size_t i = 0; i < 20; i++) {
            gens[i] = tiny_gen(tiny_root(engine, 5 + i, i), 0.0, i, 100);
            gens[i].n_top = i % 6;
            join(engine, &gens[i]);
        }
        (void)play(engine); /* sets the outputs aside */
        size_t before = tj_alloc_count();
        while (play(engine) > 0) {
        }
        assert_true(turn == 0 || tj_alloc_count() == before);
        for (size_t i = 0; i < 20; i++) {
            tj_engine_drop(engine, gens[i].branch);
            tj_gen_deinit(&gens[i]);
        }
    }
    tiny_end(engine, model, NULL, 0);
}

int main(void)
{
    tj_par_set_threads(1); /* what threads do is test_generate's affair; many tiny calls are slow on
                            * several where the machine is busy */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_does_not_depend_on_when_it_joined),
        cmocka_unit_test(long_prompts_do_not_starve_the_others),
        cmocka_unit_test(who_waits_for_memory_enters_when_another_leaves),
        cmocka_unit_test(as_many_run_after_a_refresh_as_before),
        cmocka_unit_test(who_leaves_keeps_branch_and_outputs_and_holds_no_memory),
        cmocka_unit_test(impossible_continuations_do_not_join),
        cmocka_unit_test(one_at_fault_leaves_and_the_others_go_on),
        cmocka_unit_test(a_round_without_memory_is_played_again_to_the_same_samples),
        cmocka_unit_test(a_reading_makes_running_ones_give_way),
        cmocka_unit_test(a_running_branch_may_be_forked_anywhere),
        cmocka_unit_test(most_probable_tokens_are_those_of_a_recomputation_and_of_a_reading),
        cmocka_unit_test(rounds_allocate_nothing_once_warm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
