/* Generation with the KV forest against recomputation from nothing, and bit for bit against itself:
 * alone or in a batch, on one thread or two, with memory plentiful or short, with and without what
 * is already in the cache. */
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
#include "infer/sampler.h"
#include "tiny.h"

#define V           61
#define PLENTY      ((size_t)64 << 20)
#define BLOCK_BYTES ((size_t)3 * 2 * (8 + 16) * 16 * 4) /* of the tiny model in f32 */

static void generate(tj_engine *engine, tj_gen *gens, size_t n)
{
    tj_err err = {0};
    if (tj_engine_generate(engine, gens, n, NULL, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
}

static void skip_without_bf16(void)
{
    if (tj_dtype_best() != TJ_BF16) {
        skip();
    }
}

/* ------------------------------------------------------------ recomputation from nothing */

/* Each token of gen is what its sampler draws from the distribution of the training forward over
 * the whole path before it, and has that log-probability. */
static void check_recomputed(tj_engine *engine, tj_model *model, const tj_gen *gen)
{
    tj_sampler sampler;
    tj_rng rng;
    int32_t path[512];
    float logp[V];
    size_t len = tj_engine_length(engine, gen->branch);
    tj_sampler_init(&sampler);
    assert_int_equal(tj_sampler_reserve(&sampler, V, NULL), TJ_OK);
    tj_rng_init(&rng, gen->seed, gen->run, gen->problem, gen->node);
    tj_engine_path(engine, gen->branch, 0, len, path);
    assert_memory_equal(path + len - gen->n_ids, gen->ids, gen->n_ids * sizeof *path);
    for (size_t i = 0; i < gen->n_ids; i++) {
        int32_t id = -1;
        tiny_next_logprobs(logp, model, path, len - gen->n_ids + i);
        assert_int_equal(tj_sampler_draw(&sampler, &id, NULL, NULL, logp, V, &gen->sampling,
                                         tj_rng_double(&rng), NULL),
                         TJ_OK);
        assert_int_equal(id, gen->ids[i]);
        double want = (double)logp[id];
        assert_true(fabs((double)gen->logprobs[i] - want) <= 1e-5 * fmax(1.0, fabs(want)));
    }
    tj_sampler_deinit(&sampler);
}

static void tokens_and_logprobs_equal_recomputation_from_nothing(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 50);
    tj_sampling settings[] = {{.temperature = 0.0, .top_p = 1.0},
                              {.temperature = 1.0, .top_p = 1.0},
                              {.temperature = 0.8, .top_k = 20, .top_p = 0.9},
                              {.temperature = 1.5, .top_p = 1.0, .min_p = 0.05}};
    tj_gen gens[12];
    for (size_t i = 0; i < 12; i++) {
        gens[i] = tiny_gen(tiny_root(engine, 1 + i * 5, i), 0.0, i, 24);
        gens[i].sampling = settings[i % 4];
    }
    generate(engine, gens, 12);
    for (size_t i = 0; i < 12; i++) {
        check_recomputed(engine, model, &gens[i]);
    }
    tiny_end(engine, model, gens, 12);
}

/* A tree: forks of forks at offsets around block edges, the parents going on between. */
static void forks_around_block_edges_equal_recomputation(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 64);
    tj_gen gens[36];
    size_t n = 0;
    gens[n++] = tiny_gen(tiny_root(engine, 13, 1), 1.0, 0, 6);
    generate(engine, gens, 1); /* decoded to 19: blocks end at 16 */
    tj_gen_deinit(&gens[0]);
    for (size_t at = 12; at <= 19; at++) {
        tj_branch branch = TJ_NO_BRANCH;
        size_t len = tj_engine_length(engine, gens[0].branch);
        assert_int_equal(tj_engine_fork(engine, &branch, gens[0].branch, at < len ? at : len, NULL),
                         TJ_OK);
        gens[n] = tiny_gen(branch, 1.0, at, 18);
        n++;
        tj_gen both[] = {tiny_gen(gens[0].branch, 1.0, 100 + at, 1), gens[n - 1]};
        generate(engine, both, 2); /* the parent decodes on beside its child */
        check_recomputed(engine, model, &both[0]);
        check_recomputed(engine, model, &both[1]);
        tj_gen_deinit(&both[0]);
        tj_gen_deinit(&both[1]);
    }
    tj_engine_drop(engine, gens[0].branch); /* dropped before its children */
    gens[0] = gens[--n];
    for (size_t i = 0; i < n; i++) {
        gens[i] = tiny_gen(gens[i].branch, 1.0, 200 + i, 3);
    }
    generate(engine, gens, n);
    for (size_t i = 0; i < n; i++) {
        check_recomputed(engine, model, &gens[i]);
    }
    tiny_end(engine, model, gens, n);
}

/* ------------------------------------------------------------ bit for bit */

#define N_BATCH 200

/* 200 branches of different lengths, settings and numbers of tokens; every fourth is a fork inside
 * the one before. */
static void make_gens(tj_engine *engine, tj_gen *gens, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tj_branch branch = TJ_NO_BRANCH;
        if (i % 4 == 3) {
            size_t len = tj_engine_length(engine, gens[i - 1].branch);
            assert_int_equal(
                tj_engine_fork(engine, &branch, gens[i - 1].branch, (len + 1) / 2, NULL), TJ_OK);
        } else {
            branch = tiny_root(engine, 1 + (i * 7) % 50, i);
        }
        gens[i] = tiny_gen(branch, 0.5 + (double)(i % 5) * 0.25, i, 1 + (i * 11) % 30);
        gens[i].sampling.top_p = i % 3 == 0 ? 0.9 : 1.0;
    }
}

static void check_alone_and_in_a_batch(tj_dtype compute)
{
    tj_model *model = tiny_model(compute, 256);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 512);
    tj_gen gens[N_BATCH];
    make_gens(engine, gens, N_BATCH);
    int32_t prompts[8][64];
    size_t lens[8];
    for (size_t i = 0; i < 8; i++) {
        lens[i] = tj_engine_length(engine, gens[i * 25].branch);
        tj_engine_path(engine, gens[i * 25].branch, 0, lens[i], prompts[i]);
    }
    generate(engine, gens, N_BATCH);
    for (size_t i = 0; i < 8; i++) {
        tj_engine *alone = tiny_engine(model, NULL, PLENTY, 1 + i);
        tj_branch branch = TJ_NO_BRANCH;
        assert_int_equal(tj_engine_root(alone, &branch, prompts[i], lens[i], NULL), TJ_OK);
        tj_gen gen = gens[i * 25];
        gen.branch = branch;
        generate(alone, &gen, 1);
        tiny_assert_same(&gen, &gens[i * 25]);
        assert_int_equal(gen.finish, gens[i * 25].finish);
        tj_gen_deinit(&gen);
        tj_engine_destroy(alone);
    }
    tiny_end(engine, model, gens, N_BATCH);
}

static void one_branch_alone_and_in_a_batch_of_200_is_the_same(void **state)
{
    (void)state;
    check_alone_and_in_a_batch(TJ_F32);
}

static void one_branch_alone_and_in_a_batch_of_200_is_the_same_in_bf16(void **state)
{
    (void)state;
    skip_without_bf16();
    check_alone_and_in_a_batch(TJ_BF16);
}

/* The whole batch again under other circumstances. */
static void check_batch(tj_model *model, const tj_gen *want, size_t kv_bytes, size_t batch_rows)
{
    tj_engine *engine = tiny_engine(model, NULL, kv_bytes, batch_rows);
    tj_gen gens[N_BATCH];
    make_gens(engine, gens, N_BATCH);
    generate(engine, gens, N_BATCH);
    for (size_t i = 0; i < N_BATCH; i++) {
        tiny_assert_same(&gens[i], &want[i]);
        assert_int_equal(gens[i].finish, want[i].finish);
        tj_engine_drop(engine, gens[i].branch);
        tj_gen_deinit(&gens[i]);
    }
    assert_int_equal(tj_engine_kv_bytes_used(engine), 0);
    tj_engine_destroy(engine);
}

static void threads_batch_size_and_memory_change_no_bit(void **state)
{
    (void)state;
    tj_par_set_threads(2); /* a model's scratch is made for the threads of that moment */
    tj_model *model2 = tiny_model(TJ_F32, 256);
    tj_par_set_threads(1);
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 512);
    tj_gen gens[N_BATCH];
    make_gens(engine, gens, N_BATCH);
    generate(engine, gens, N_BATCH);
    check_batch(model, gens, PLENTY, 33);
    tj_par_set_threads(2);
    check_batch(model2, gens, PLENTY, 512);
    check_batch(model2, gens, BLOCK_BYTES * 40, 64); /* some wait */
    check_batch(model2, gens, BLOCK_BYTES * 7, 64);  /* one or two at a time */
    tj_model_destroy(model2);
    tj_par_set_threads(0);
    tiny_end(engine, model, gens, N_BATCH);
}

/* A root's last token and many children of one token, all new: in one call, the children see a
 * token that the call itself stores, whichever thread is first. */
static void rows_see_what_another_row_of_the_same_call_stores(void **state)
{
    (void)state;
    enum { N = 60 };
    tj_par_set_threads(2);
    tj_model *model = tiny_model(TJ_F32, 256);
    for (size_t trial = 0; trial < 20; trial++) {
        tj_engine *engine = tiny_engine(model, NULL, PLENTY, 64);
        tj_gen root = tiny_gen(tiny_root(engine, 20, trial), 1.0, 0, 1);
        generate(engine, &root, 1); /* its last token is sampled, not computed */
        tj_gen gens[N];
        for (int32_t i = 0; i < N; i++) {
            tj_branch branch = TJ_NO_BRANCH;
            assert_int_equal(tj_engine_fork(engine, &branch, root.branch, 21, NULL), TJ_OK);
            assert_int_equal(tj_engine_append(engine, branch, &i, 1, NULL), TJ_OK);
            gens[i] = tiny_gen(branch, 1.0, (uint64_t)i, 1);
        }
        generate(engine, gens, N);
        for (size_t i = 0; i < N; i++) {
            float again = 0.0F;
            tj_engine_refresh(engine);
            assert_int_equal(tj_engine_score(engine, gens[i].branch, 22, 23, &again, NULL), TJ_OK);
            assert_memory_equal(&again, gens[i].logprobs, sizeof again);
            tj_gen_deinit(&gens[i]);
        }
        tj_gen_deinit(&root);
        tj_engine_destroy(engine);
    }
    tj_par_set_threads(0);
    tj_model_destroy(model);
}

/* ------------------------------------------------------------ memory */

typedef struct watch {
    const tj_engine *engine;
    size_t most, n_calls;
} watch;

static void watch_memory(void *ctx, const char *what, uint64_t done, uint64_t total,
                         const char *unit, const char *note)
{
    watch *w = ctx;
    size_t used = tj_engine_kv_bytes_used(w->engine);
    (void)what;
    (void)unit;
    (void)note;
    assert_true(done <= total);
    w->most = used > w->most ? used : w->most;
    w->n_calls++;
}

static void memory_stays_within_its_bound_and_one_too_large_is_an_error(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, BLOCK_BYTES * 6 + 100, 64);
    tj_gen gens[10];
    for (size_t i = 0; i < 10; i++) {
        gens[i] = tiny_gen(tiny_root(engine, 20, i), 1.0, i, 40); /* up to 4 blocks each */
    }
    watch w = {.engine = engine};
    tj_job job = {.progress = watch_memory, .ctx = &w};
    tj_err err = {0};
    assert_int_equal(tj_engine_generate(engine, gens, 10, &job, &err), TJ_OK);
    assert_true(w.n_calls > 40);
    assert_int_equal(w.most, BLOCK_BYTES * 6);
    for (size_t i = 0; i < 10; i++) {
        check_recomputed(engine, model, &gens[i]);
    }
    tj_gen large = tiny_gen(tiny_root(engine, 90, 5), 1.0, 0, 20); /* 6 blocks hold 96 tokens */
    assert_int_equal(tj_engine_generate(engine, &large, 1, NULL, &err), TJ_E_LIMIT);
    assert_int_equal(large.finish, TJ_FINISH_FAILED);
    assert_int_equal(large.n_ids, 7); /* the seventh is sampled and cannot be stored */
    assert_int_equal(tj_engine_length(engine, large.branch), 97);
    tj_engine_drop(engine, large.branch);
    tj_gen_deinit(&large);
    large = tiny_gen(tiny_root(engine, 97, 5), 1.0, 0, 20);
    assert_int_equal(tj_engine_generate(engine, &large, 1, NULL, &err), TJ_E_LIMIT);
    assert_int_equal(large.n_ids, 0);
    float out[96];
    assert_int_equal(tj_engine_score(engine, large.branch, 1, 97, out, NULL), TJ_E_LIMIT);
    tj_engine_drop(engine, large.branch);
    tiny_end(engine, model, gens, 10);
}

static void decoding_allocates_nothing_once_warm(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 64);
    size_t counts[3];
    for (size_t turn = 0; turn < 3; turn++) {
        tj_gen gens[20];
        for (size_t i = 0; i < 20; i++) {
            gens[i] = tiny_gen(tiny_root(engine, 5 + i, i), 0.0, i, turn == 1 ? 10 : 100);
        }
        size_t before = tj_alloc_count();
        generate(engine, gens, 20);
        counts[turn] = tj_alloc_count() - before;
        for (size_t i = 0; i < 20; i++) {
            tj_engine_drop(engine, gens[i].branch);
            tj_gen_deinit(&gens[i]);
        }
    }
    /* Ten tokens or a hundred: the two outputs of each, and no more. */
    assert_int_equal(counts[1], 40);
    assert_int_equal(counts[2], 40);
    tiny_end(engine, model, NULL, 0);
}

static void a_shared_prefix_is_computed_once(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 64);
    tj_gen gens[100];
    gens[0] = tiny_gen(tiny_root(engine, 70, 3), 1.0, 0, 1);
    for (size_t i = 1; i < 100; i++) {
        tj_branch branch = TJ_NO_BRANCH;
        assert_int_equal(tj_engine_fork(engine, &branch, gens[0].branch, 70, NULL), TJ_OK);
        gens[i] = tiny_gen(branch, 1.0, i, 1);
    }
    generate(engine, gens, 100);
    tj_engine_stats stats = tj_engine_get_stats(engine);
    assert_int_equal(stats.n_sampled, 100);
    assert_int_equal(stats.n_path_tokens, 7000);
    assert_in_range(stats.n_rows, 70, 71); /* the second lot reads the last token once more */
    tiny_end(engine, model, gens, 100);
}

/* ------------------------------------------------------------ reading a path */

static void check_score_gives_the_bits_of_generate(tj_dtype compute)
{
    tj_model *model = tiny_model(compute, 256);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 16);
    tj_gen gen = tiny_gen(tiny_root(engine, 21, 3), 1.0, 9, 60);
    generate(engine, &gen, 1);
    size_t len = tj_engine_length(engine, gen.branch);
    float out[256];
    for (size_t how = 0; how < 4; how++) {
        size_t begin = how % 2 == 0 ? 21 : 21 + gen.n_ids / 2;
        if (how >= 2) {
            tj_engine_refresh(engine); /* nothing is cached */
            assert_int_equal(tj_engine_kv_bytes_used(engine), 0);
        }
        assert_int_equal(tj_engine_score(engine, gen.branch, begin, len, out, NULL), TJ_OK);
        assert_memory_equal(out, gen.logprobs + (begin - 21), (len - begin) * sizeof *out);
    }
    tj_branch half = TJ_NO_BRANCH; /* cached at its beginning only */
    assert_int_equal(tj_engine_fork(engine, &half, gen.branch, 30, NULL), TJ_OK);
    assert_int_equal(tj_engine_append(engine, half, gen.ids + 9, gen.n_ids - 9, NULL), TJ_OK);
    tj_engine_drop(engine, gen.branch);
    gen.branch = half;
    assert_int_equal(tj_engine_score(engine, half, 21, len, out, NULL), TJ_OK);
    assert_memory_equal(out, gen.logprobs, gen.n_ids * sizeof *out);
    tiny_end(engine, model, &gen, 1);
}

static void score_gives_the_bits_that_generate_gave(void **state)
{
    (void)state;
    check_score_gives_the_bits_of_generate(TJ_F32);
}

static void score_gives_the_bits_that_generate_gave_in_bf16(void **state)
{
    (void)state;
    skip_without_bf16();
    check_score_gives_the_bits_of_generate(TJ_BF16);
}

static void values_equal_those_of_the_training_forward(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 16);
    tj_branch branch = tiny_root(engine, 40, 8);
    int32_t ids[40];
    tj_forest *forest = NULL;
    tj_pass *pass = NULL;
    size_t segment = 0;
    tiny_ids(ids, 40, 8);
    assert_int_equal(tj_forest_create(&forest, NULL), TJ_OK);
    assert_int_equal(tj_forest_add(forest, &segment, TJ_NO_SEGMENT, ids, 40, NULL), TJ_OK);
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(tj_forest_add_value_row(forest, NULL, segment, i, NULL), TJ_OK);
    }
    float want[40];
    float got[40];
    assert_int_equal(tj_pass_create(&pass, model, (tj_pass_options){.train = false}, NULL), TJ_OK);
    assert_int_equal(tj_forward(pass, forest, NULL, want, NULL), TJ_OK);
    assert_int_equal(tj_engine_value(engine, branch, 25, 40, got + 25, NULL), TJ_OK);
    assert_int_equal(tj_engine_value(engine, branch, 0, 25, got, NULL), TJ_OK);
    for (size_t i = 0; i < 40; i++) {
        assert_true(fabsf(got[i] - want[i]) <= 1e-5F * fmaxf(1.0F, fabsf(want[i])));
    }
    tj_pass_destroy(pass);
    tj_forest_destroy(forest);
    tj_engine_drop(engine, branch);
    tiny_end(engine, model, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_and_logprobs_equal_recomputation_from_nothing),
        cmocka_unit_test(forks_around_block_edges_equal_recomputation),
        cmocka_unit_test(one_branch_alone_and_in_a_batch_of_200_is_the_same),
        cmocka_unit_test(one_branch_alone_and_in_a_batch_of_200_is_the_same_in_bf16),
        cmocka_unit_test(threads_batch_size_and_memory_change_no_bit),
        cmocka_unit_test(rows_see_what_another_row_of_the_same_call_stores),
        cmocka_unit_test(memory_stays_within_its_bound_and_one_too_large_is_an_error),
        cmocka_unit_test(decoding_allocates_nothing_once_warm),
        cmocka_unit_test(a_shared_prefix_is_computed_once),
        cmocka_unit_test(score_gives_the_bits_that_generate_gave),
        cmocka_unit_test(score_gives_the_bits_that_generate_gave_in_bf16),
        cmocka_unit_test(values_equal_those_of_the_training_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
