/* What holds of a pass whatever its numbers are (test_decoder.c has those): threads, recomputation,
 * fusing and batching change no bit; memory grows with unique tokens and is not allocated anew once
 * warm; errors and failing allocations leave a pass as good as new. Random forests of up to several
 * tiles over several options, run in two ways that must agree; no number is stored. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "nn/nn_testing.h"
#include "support/must.h"

#define TILE     64 /* rows of a narrow model's tile: TJ_TILE_NARROW of nn/model.h */
#define MAX_ROWS 4096
#define E        1e-6
#define E_LOGP   1e-5 /* as in test_forest_paths.c */

static const size_t some_options[] = {0, 7, 25, 38, 50, 76, 79};
#define N_SOME (sizeof some_options / sizeof some_options[0])

static const tj_pass_options training = {.train = true};

/* ---------------------------------------------------------------- forests with their rows */

typedef struct work {
    tj_forest *forest;
    float *dlogp, *dvalues, *logp, *values; /* [MAX_ROWS] */
} work;

static void begin(work *w)
{
    assert_int_equal(tj_forest_create(&w->forest, NULL), TJ_OK);
    w->dlogp = calloc(MAX_ROWS, sizeof *w->dlogp);
    w->dvalues = calloc(MAX_ROWS, sizeof *w->dvalues);
    w->logp = calloc(MAX_ROWS, sizeof *w->logp);
    w->values = calloc(MAX_ROWS, sizeof *w->values);
    assert_true(w->dlogp != NULL && w->dvalues != NULL && w->logp != NULL && w->values != NULL);
}

static void end(work *w)
{
    tj_forest_destroy(w->forest);
    free(w->dlogp);
    free(w->dvalues);
    free(w->logp);
    free(w->values);
}

static size_t add_segment(work *w, size_t parent, size_t n, size_t n_vocab, tj_rng *rng)
{
    int32_t ids[1024];
    size_t segment;
    assert_true(n <= sizeof ids / sizeof ids[0]);
    nn_ids(ids, n, n_vocab, rng);
    assert_int_equal(tj_forest_add(w->forest, &segment, parent, ids, n, NULL), TJ_OK);
    return segment;
}

static void add_loss_row(work *w, size_t segment, size_t offset, size_t n_vocab, tj_rng *rng)
{
    int32_t target;
    size_t row;
    nn_ids(&target, 1, n_vocab, rng);
    assert_int_equal(tj_forest_add_loss_row(w->forest, &row, segment, offset, target, NULL), TJ_OK);
    assert_true(row < MAX_ROWS);
    w->dlogp[row] = (float)tj_rng_normal(rng);
}

static void add_value_row(work *w, size_t segment, size_t offset, tj_rng *rng)
{
    size_t row;
    assert_int_equal(tj_forest_add_value_row(w->forest, &row, segment, offset, NULL), TJ_OK);
    assert_true(row < MAX_ROWS);
    w->dvalues[row] = (float)tj_rng_normal(rng);
}

/* A tree of a trunk and three branches, n tokens in all, rows at every `every`-th token, with twins
 * now and then; every 0: no rows. */
static void add_tree(work *w, const tj_model_config *cfg, size_t n, size_t every, bool values,
                     tj_rng *rng)
{
    size_t at[4];
    size_t length[4] = {n / 2, n / 4, n / 16, n - n / 2 - n / 4 - n / 16};
    size_t t = 0;
    at[0] = add_segment(w, TJ_NO_SEGMENT, length[0], cfg->n_vocab, rng);
    at[1] = add_segment(w, at[0], length[1], cfg->n_vocab, rng);
    at[2] = add_segment(w, at[1], length[2], cfg->n_vocab, rng);
    at[3] = add_segment(w, at[0], length[3], cfg->n_vocab, rng);
    for (size_t s = 0; s < 4; s++) {
        for (size_t i = 0; i < length[s]; i++, t++) {
            for (size_t twin = 0; every > 0 && t % every == 0 && twin < 1 + t % 7 / 6; twin++) {
                add_loss_row(w, at[s], i, cfg->n_vocab, rng);
            }
            if (values && t % 9 == 1) {
                add_value_row(w, at[s], i, rng);
            }
        }
    }
}

/* One to four trees, 20 to 600 tokens: up to five tiles, whose edges fall anywhere. */
static work random_work(const tj_model_config *cfg, bool values, uint64_t seed)
{
    work w;
    tj_rng rng;
    tj_rng_init(&rng, seed, 2, 0, 0);
    begin(&w);
    size_t n_trees = 1 + (size_t)tj_rng_below(&rng, 4);
    for (size_t i = 0; i < n_trees; i++) {
        size_t n = 20 + (size_t)tj_rng_below(&rng, 130);
        add_tree(&w, cfg, n, 1 + (size_t)tj_rng_below(&rng, 3), values && cfg->value_head, &rng);
    }
    return w;
}

static void run_pass(tj_pass *pass, work *w, bool fused)
{
    tj_err err = {.msg = ""};
    if (fused) {
        must(tj_forward_backward(pass, w->forest, w->logp, w->dlogp, &err), &err);
        return;
    }
    must(tj_forward(pass, w->forest, w->logp, w->values, &err), &err);
    must(tj_backward(pass, w->forest, w->dlogp, w->dvalues, &err), &err);
}

static void run(tj_model *model, work *w, bool recompute, bool fused)
{
    tj_pass *pass;
    tj_pass_options options = {.train = true, .recompute = recompute};
    assert_int_equal(tj_pass_create(&pass, model, options, NULL), TJ_OK);
    run_pass(pass, w, fused);
    tj_pass_destroy(pass);
}

/* Of two runs of the same forest. */
static void assert_same_results(const work *a, const work *b, tj_model *model_a, tj_model *model_b)
{
    const char *name = nn_config_name(tj_model_cfg(model_a));
    nn_assert_same_bits(a->logp, b->logp, tj_forest_n_loss_rows(a->forest), name);
    nn_assert_same_bits(a->values, b->values, tj_forest_n_value_rows(a->forest), name);
    nn_assert_same_grads(model_a, model_b);
}

typedef struct way {
    size_t n_threads;
    bool recompute, fused;
} way;

/* Runs a random forest of every option in two ways. */
static void compare(tj_dtype dtype, way one, way other, bool values)
{
    uint64_t seed = nn_seed(1);
    for (size_t i = 0; i < N_SOME; i++) {
        tj_model_config cfg;
        tj_model *models[2];
        work works[2];
        nn_config_options(&cfg, some_options[i]);
        if (i % 2 == 1) {
            cfg.n_vocab = 530; /* three chunks */
            cfg.n_layers = 3;
            cfg.layer[2] = cfg.layer[0];
        }
        for (size_t k = 0; k < 2; k++) {
            way how = k == 0 ? one : other;
            tj_par_set_threads(how.n_threads); /* before a model's scratch is made for them */
            models[k] = nn_any_model(&cfg, dtype, seed + i);
            works[k] = random_work(&cfg, values, seed + i);
            run(models[k], &works[k], how.recompute, how.fused);
        }
        assert_same_results(&works[0], &works[1], models[0], models[1]);
        for (size_t k = 0; k < 2; k++) {
            end(&works[k]);
            tj_model_destroy(models[k]);
        }
        tj_par_set_threads(1);
    }
}

static void need_bf16(void)
{
    if (tj_dtype_best() != TJ_BF16) {
        skip();
    }
}

/* ---------------------------------------------------------------- one way or another */

static void compare_threads(tj_dtype dtype)
{
    compare(dtype, (way){1, false, false}, (way){2, false, false}, true);
    compare(dtype, (way){1, true, true}, (way){2, true, true}, false);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    compare_threads(TJ_F32);
}

static void threads_change_no_bit_in_bf16(void **state)
{
    (void)state;
    need_bf16();
    compare_threads(TJ_BF16);
}

static void recomputation_changes_no_bit(void **state)
{
    (void)state;
    compare(TJ_F32, (way){1, false, false}, (way){1, true, false}, true);
}

static void recomputation_changes_no_bit_in_bf16(void **state)
{
    (void)state;
    need_bf16();
    compare(TJ_BF16, (way){1, false, false}, (way){1, true, false}, true);
}

/* Not only near: backward computes the logits again by the same products from the same rows. */
static void fused_has_the_bits_of_forward_and_backward(void **state)
{
    (void)state;
    compare(TJ_F32, (way){1, false, false}, (way){1, false, true}, false);
}

static void fused_has_the_bits_of_forward_and_backward_in_bf16(void **state)
{
    (void)state;
    need_bf16();
    compare(TJ_BF16, (way){1, false, false}, (way){1, false, true}, false);
}

/* ---------------------------------------------------------------- micro-batches */

#define N_TREES 9

typedef struct tree { /* of a batch: drawn by its own number, so alike wherever it stands */
    size_t n, every;
    bool values;
} tree;

static work batch_of(const tj_model_config *cfg, const tree *trees, size_t from, size_t to,
                     uint64_t seed)
{
    work w;
    begin(&w);
    for (size_t i = from; i < to; i++) {
        tj_rng rng;
        tj_rng_init(&rng, seed, 3, 0, i);
        add_tree(&w, cfg, trees[i].n, trees[i].every, trees[i].values, &rng);
    }
    return w;
}

/* All trees at once in one model, and those between `cuts` one after the other in the other. Their
 * log-probabilities are equal to e. */
static void run_batches(tj_model *whole, tj_model *parts, const tree *trees, const size_t *cuts,
                        double e, uint64_t seed)
{
    work w = batch_of(tj_model_cfg(whole), trees, 0, N_TREES, seed);
    tj_pass *pass;
    run(whole, &w, false, false);
    assert_int_equal(tj_pass_create(&pass, parts, training, NULL), TJ_OK);
    size_t row = 0;
    size_t value = 0;
    for (size_t i = 0; cuts[i] < N_TREES; i++) {
        work part = batch_of(tj_model_cfg(whole), trees, cuts[i], cuts[i + 1], seed);
        size_t n_rows = tj_forest_n_loss_rows(part.forest);
        size_t n_values = tj_forest_n_value_rows(part.forest);
        run_pass(pass, &part, false);
        for (size_t r = 0; r < n_rows; r++) {
            assert_true(fabs((double)part.logp[r] - (double)w.logp[row + r]) <=
                        e * fmax(1.0, fabs((double)w.logp[row + r])));
        }
        row += n_rows;
        value += n_values;
        end(&part);
    }
    assert_int_equal(row, tj_forest_n_loss_rows(w.forest));
    assert_int_equal(value, tj_forest_n_value_rows(w.forest));
    tj_pass_destroy(pass);
    end(&w);
}

/* The batch's gradients where every weight is one rounding off. */
static tj_model *run_rounded(const tj_model_config *cfg, const tree *trees, uint64_t seed)
{
    tj_model *model = nn_any_model(cfg, TJ_F32, seed);
    work w = batch_of(cfg, trees, 0, N_TREES, seed);
    size_t n;
    tj_rng rng;
    tj_param *p = tj_model_params(model, &n);
    tj_rng_init(&rng, seed, 77, 0, 0);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < p[i].n; j++) {
            p[i].weight[j] = nextafterf(p[i].weight[j], tj_rng_below(&rng, 2) == 0 ? 9e9F : -9e9F);
        }
    }
    assert_int_equal(tj_model_refresh(model, NULL), TJ_OK);
    run(model, &w, false, false);
    tj_model_join_grads(model);
    end(&w);
    return model;
}

static void check_cuts(const tj_model_config *cfg, const tree *trees, uint64_t seed)
{
    static const size_t cuts[] = {0, 1, 2, 5, 8, N_TREES};
    const char *where = "";
    double by = 0.0;
    tj_model *whole = nn_any_model(cfg, TJ_F32, seed);
    tj_model *parts = nn_any_model(cfg, TJ_F32, seed);
    run_batches(whole, parts, trees, cuts, E_LOGP, seed);
    tj_model_join_grads(whole);
    tj_model_join_grads(parts);
    /* seldom: a gradient that nearly cancels */
    if (!nn_grads_are_near(parts, whole, NULL, E, &where, &by)) {
        tj_model *rounded = run_rounded(cfg, trees, seed);
        if (!nn_grads_are_near(parts, whole, rounded, E, &where, &by)) {
            fail_msg("%s: gradient of %s differs by %g", nn_config_name(cfg), where, by);
        }
        tj_model_destroy(rounded);
    }
    tj_model_destroy(whole);
    tj_model_destroy(parts);
}

static void micro_batches_add_up_to_the_batch(void **state)
{
    (void)state;
    uint64_t seed = nn_seed(2);
    for (size_t i = 0; i < N_SOME; i++) {
        tj_model_config cfg;
        tree trees[N_TREES];
        tj_rng rng;
        nn_config_options(&cfg, some_options[i]);
        tj_rng_init(&rng, seed, 4, 0, i);
        for (size_t t = 0; t < N_TREES; t++) {
            trees[t] = (tree){.n = 1 + (size_t)tj_rng_below(&rng, 150),
                              .every = 1 + (size_t)tj_rng_below(&rng, 3),
                              .values = cfg.value_head};
        }
        check_cuts(&cfg, trees, seed + i);
    }
}

static const tree whole_tiles[N_TREES] = {
    {TILE, 1, false}, {2 * TILE, 2, false}, {3 * TILE, 3, false},
    {TILE, 1, false}, {TILE, 1, false},     {2 * TILE, 1, false},
    {TILE, 0, false}, {TILE, 1, false},     {TILE, 1, false}};
static const tree value_tiles[N_TREES] = {{TILE, 0, true},  {2 * TILE, 0, true}, {TILE, 0, true},
                                          {TILE, 0, false}, {TILE, 0, true},     {TILE, 0, true},
                                          {TILE, 0, true},  {TILE, 0, true},     {TILE, 0, true}};

/* Trees and their loss positions fill whole tiles, so both ways add the same tiles in the same
 * order: docs/architecture.md, "Determinism". Not so where a batch has both loss and value rows:
 * the final norm, which both go through, adds all of a batch's loss rows first. */
static void check_aligned(tj_dtype dtype, const tree *trees)
{
    static const size_t cuts[] = {0, 1, 3, 4, 8, N_TREES};
    uint64_t seed = nn_seed(3);
    for (size_t i = 0; i < N_SOME; i += trees == value_tiles ? 3 : 1) {
        tj_model_config cfg;
        nn_config_options(&cfg, some_options[i]);
        cfg.value_head = true;
        tj_model *whole = nn_any_model(&cfg, dtype, seed + i);
        tj_model *parts = nn_any_model(&cfg, dtype, seed + i);
        run_batches(whole, parts, trees, cuts, 0.0, seed + i);
        nn_assert_same_grads(whole, parts);
        tj_model_destroy(whole);
        tj_model_destroy(parts);
    }
}

static void whole_tiles_add_up_to_the_bits_of_the_batch(void **state)
{
    (void)state;
    check_aligned(TJ_F32, whole_tiles);
    check_aligned(TJ_F32, value_tiles);
}

static void whole_tiles_add_up_to_the_bits_of_the_batch_in_bf16(void **state)
{
    (void)state;
    need_bf16();
    check_aligned(TJ_BF16, whole_tiles);
    check_aligned(TJ_BF16, value_tiles);
}

/* ---------------------------------------------------------------- memory */

/* A trunk with leaves, n_loss of whose tokens have a row; as a forest, or each path by itself. */
typedef struct fan {
    size_t trunk, n_leaves, leaf, n_loss;
} fan;

static tj_forest *fan_forest(fan f, bool copied)
{
    work w;
    tj_rng rng;
    size_t trunk = 0;
    tj_rng_init(&rng, 1, 5, 0, 0);
    begin(&w);
    for (size_t i = 0; i < f.n_leaves; i++) {
        if (i == 0 || copied) {
            trunk = add_segment(&w, TJ_NO_SEGMENT, f.trunk, 37, &rng);
        }
        size_t leaf = add_segment(&w, trunk, f.leaf, 37, &rng);
        for (size_t r = i; r < f.n_loss; r += f.n_leaves) {
            add_loss_row(&w, leaf, r / f.n_leaves, 37, &rng);
        }
    }
    tj_forest *forest = w.forest;
    w.forest = NULL;
    end(&w);
    return forest;
}

/* Bytes after a forward of a forest, which is freed. */
static size_t bytes_after(tj_pass *pass, tj_forest *forest)
{
    float logp[1024];
    tj_err err = {.msg = ""};
    assert_true(tj_forest_n_loss_rows(forest) <= sizeof logp / sizeof logp[0]);
    must(tj_forward(pass, forest, logp, NULL, &err), &err);
    tj_forest_destroy(forest);
    return tj_pass_bytes(pass);
}

static size_t bytes_of(tj_model *model, tj_pass_options options, fan f, bool copied)
{
    tj_pass *pass;
    assert_int_equal(tj_pass_create(&pass, model, options, NULL), TJ_OK);
    size_t bytes = bytes_after(pass, fan_forest(f, copied));
    tj_pass_destroy(pass);
    return bytes;
}

static tj_model *small_model(size_t n_layers)
{
    tj_model_config cfg;
    nn_config_small(&cfg);
    cfg.n_layers = n_layers;
    return nn_model(&cfg, TJ_F32, 1);
}

static void memory_grows_with_unique_tokens_not_with_paths(void **state)
{
    (void)state;
    tj_model *model = small_model(2);
    fan shared = {.trunk = 340, .n_leaves = 24, .leaf = 10, .n_loss = 100};
    fan chain = {.trunk = 340, .n_leaves = 1, .leaf = 120, .n_loss = 100};
    size_t bytes = bytes_of(model, training, shared, false);
    assert_true(8 * bytes < bytes_of(model, training, shared, true)); /* 580 and 8,400 tokens */
    shared.leaf = 5; /* 460 tokens, on whatever paths */
    assert_int_equal(bytes_of(model, training, shared, false),
                     bytes_of(model, training, chain, false));
    tj_model_destroy(model);
}

static void recomputation_needs_clearly_less_memory(void **state)
{
    (void)state;
    tj_model *model = small_model(16);
    tj_pass_options again = {.train = true, .recompute = true};
    tj_pass_options forward_only = {.train = false};
    fan f = {.trunk = 300, .n_leaves = 40, .leaf = 10, .n_loss = 100};
    size_t keeping = bytes_of(model, training, f, false);
    size_t recomputing = bytes_of(model, again, f, false);
    size_t reading = bytes_of(model, forward_only, f, false);
    assert_true(2 * recomputing < keeping);
    assert_true(2 * reading < recomputing);
    tj_model_destroy(model);
}

/* Whatever a pass has seen before, it counts what it holds. */
static void a_grown_pass_counts_the_bytes_of_a_new_one(void **state)
{
    (void)state;
    tj_model *model = small_model(2);
    const fan sizes[] = {{.trunk = 10, .n_leaves = 2, .leaf = 100, .n_loss = 3},
                         {.trunk = 10, .n_leaves = 2, .leaf = 100, .n_loss = 200},
                         {.trunk = 300, .n_leaves = 20, .leaf = 30, .n_loss = 600}};
    tj_pass *pass;
    assert_int_equal(tj_pass_create(&pass, model, training, NULL), TJ_OK);
    assert_int_equal(tj_pass_bytes(pass), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(bytes_after(pass, fan_forest(sizes[i], false)),
                         bytes_of(model, training, sizes[i], false));
    }
    tj_pass_destroy(pass);
    tj_model_destroy(model);
}

/* Each thread's scratch is counted, beside what a forest needs, which does not depend on threads.
 */
static void scratch_of_threads_is_counted(void **state)
{
    (void)state;
    const fan sizes[] = {{.trunk = 0, .n_leaves = 0, .leaf = 0, .n_loss = 0},
                         {.trunk = 100, .n_leaves = 2, .leaf = 100, .n_loss = 100}};
    size_t bytes[2][2];
    for (size_t k = 0; k < 2; k++) {
        tj_par_set_threads(k + 1);
        tj_model *model = small_model(2);
        for (size_t i = 0; i < 2; i++) {
            bytes[k][i] = bytes_of(model, training, sizes[i], false);
        }
        assert_int_equal(bytes[k][0] / bytes[0][0], tj_par_threads());
        assert_true(bytes[k][1] > bytes[k][0]);
        tj_model_destroy(model);
    }
    tj_par_set_threads(1);
    assert_int_equal(bytes[1][1] - bytes[0][1], bytes[1][0] - bytes[0][0]);
}

/* Large and small, with many loss rows, with value rows alone: in turn. */
static void an_update_allocates_nothing_once_warm(void **state)
{
    (void)state;
    const tj_adamw_config adamw = {
        .lr_max = 1e-3, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .n_updates = 100};
    for (size_t recompute = 0; recompute < 2; recompute++) {
        const tree trees[] = {
            {200, 0, true}, {600, 1, false}, {40, 1, false}, {450, 0, true}, {250, 4, true}};
        enum { N = sizeof trees / sizeof trees[0] };
        tj_model_config cfg;
        work works[N];
        tj_pass *pass;
        tj_adamw *opt;
        size_t warm = 0;
        nn_config_options(&cfg, NN_N_OPTIONS - 1);
        tj_model *model = nn_model(&cfg, TJ_F32, 4);
        tj_pass_options options = {.train = true, .recompute = recompute == 1};
        assert_int_equal(tj_pass_create(&pass, model, options, NULL), TJ_OK);
        assert_int_equal(tj_adamw_create(&opt, model, &adamw, NULL), TJ_OK);
        for (size_t i = 0; i < N; i++) {
            tj_rng rng;
            tj_rng_init(&rng, 5, 6, 0, i);
            begin(&works[i]);
            add_tree(&works[i], &cfg, trees[i].n, trees[i].every, trees[i].values, &rng);
        }
        for (size_t round = 0; round < 4; round++) {
            for (size_t i = 0; i < N; i++) {
                run_pass(pass, &works[i], !trees[i].values && round % 2 == 1);
                assert_int_equal(tj_adamw_update(opt, NULL, NULL), TJ_OK);
            }
            warm = round == 1 ? tj_alloc_count() : warm;
        }
        assert_int_equal(tj_alloc_count(), warm);
        for (size_t i = 0; i < N; i++) {
            end(&works[i]);
        }
        tj_adamw_destroy(opt);
        tj_pass_destroy(pass);
        tj_model_destroy(model);
    }
}

/* ---------------------------------------------------------------- errors */

/* A pass, a good forest, and its results in a pass that never saw an error. */
typedef struct bench {
    tj_model *model, *other;
    tj_pass *pass;
    work good, want;
} bench;

static void make_bench(bench *b, size_t option)
{
    tj_model_config cfg;
    nn_config_options(&cfg, option);
    b->model = nn_model(&cfg, TJ_F32, 6);
    b->other = nn_model(&cfg, TJ_F32, 6);
    b->good = random_work(&cfg, true, 7);
    b->want = random_work(&cfg, true, 7);
    assert_int_equal(tj_pass_create(&b->pass, b->model, training, NULL), TJ_OK);
    run(b->other, &b->want, false, false);
}

static void free_bench(bench *b)
{
    tj_pass_destroy(b->pass);
    end(&b->good);
    end(&b->want);
    tj_model_destroy(b->model);
    tj_model_destroy(b->other);
}

static void assert_good(bench *b)
{
    tj_model_zero_grads(b->model);
    memset(b->good.logp, 0, MAX_ROWS * sizeof *b->good.logp);
    run_pass(b->pass, &b->good, false);
    assert_same_results(&b->good, &b->want, b->model, b->other);
}

static void assert_fails(tj_code rc, tj_code want, const tj_err *err, const char *what)
{
    assert_int_equal(rc, want);
    if (strstr(err->msg, what) == NULL) {
        fail_msg("'%s' does not say '%s'", err->msg, what);
    }
}

/* forward and the fused way refuse it, backward finds no forward of it, and the good one is good.
 */
static void assert_refused(bench *b, work *bad, const char *what)
{
    tj_err err = {.msg = ""};
    tj_code rc = tj_forward(b->pass, bad->forest, bad->logp, bad->values, &err);
    assert_fails(rc, TJ_E_INVAL, &err, what);
    rc = tj_backward(b->pass, bad->forest, bad->dlogp, bad->dvalues, &err);
    assert_fails(rc, TJ_E_INVAL, &err, "forward");
    rc = tj_backward(b->pass, b->good.forest, b->good.dlogp, b->good.dvalues, &err);
    assert_fails(rc, TJ_E_INVAL, &err, "forward");
    assert_good(b);
    if (tj_forest_n_value_rows(bad->forest) == 0) {
        rc = tj_forward_backward(b->pass, bad->forest, bad->logp, bad->dlogp, &err);
        assert_fails(rc, TJ_E_INVAL, &err, what);
    }
    assert_good(b);
}

/* The good forest and a chain of n segments of one token each. */
static work good_with(const bench *b, int32_t id, size_t n)
{
    work w = random_work(tj_model_cfg(b->model), true, 7);
    size_t segment;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(
            tj_forest_add(w.forest, &segment, i == 0 ? TJ_NO_SEGMENT : segment, &id, 1, NULL),
            TJ_OK);
    }
    return w;
}

static void ids_and_positions_out_of_range_are_refused(void **state)
{
    (void)state;
    static const size_t options[] = {0, 76};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const int32_t bad_ids[] = {-1, 37, INT32_MAX, INT32_MIN};
        bench b;
        make_bench(&b, options[i]);
        assert_good(&b);
        for (size_t k = 0; k < sizeof bad_ids / sizeof bad_ids[0]; k++) {
            char text[32];
            work w = good_with(&b, bad_ids[k], 1);
            snprintf(text, sizeof text, "token id %d ", (int)bad_ids[k]);
            assert_refused(&b, &w, text);
            end(&w);
            w = good_with(&b, 3, 1);
            size_t row = tj_forest_n_loss_rows(w.forest);
            assert_int_equal(tj_forest_add_loss_row(w.forest, NULL, 0, 0, bad_ids[k], NULL), TJ_OK);
            snprintf(text, sizeof text, "target %d of loss row %zu ", (int)bad_ids[k], row);
            assert_refused(&b, &w, text);
            end(&w);
        }
        work w = good_with(&b, 3, 513); /* positions end at 512 */
        assert_refused(&b, &w, "513 tokens is longer than the model's 512");
        end(&w);
        w = good_with(&b, 3, 512);
        run_pass(b.pass, &w, false);
        end(&w);
        assert_good(&b);
        free_bench(&b);
    }
}

static void value_rows_without_a_value_head_are_refused(void **state)
{
    (void)state;
    bench b;
    make_bench(&b, 0);
    assert_good(&b);
    work w = good_with(&b, 3, 1);
    assert_int_equal(tj_forest_add_value_row(w.forest, NULL, 0, 0, NULL), TJ_OK);
    assert_refused(&b, &w, "value head");
    end(&w);
    free_bench(&b);
}

static void backward_without_its_forward_is_refused(void **state)
{
    (void)state;
    bench b;
    tj_err err = {.msg = ""};
    make_bench(&b, 76);
    work w = good_with(&b, 3, 1);
    work *g = &b.good;
    tj_code rc = tj_backward(b.pass, g->forest, g->dlogp, g->dvalues, &err);
    assert_fails(rc, TJ_E_INVAL, &err, "forward"); /* of nothing */
    assert_good(&b);
    rc = tj_backward(b.pass, w.forest, g->dlogp, g->dvalues, &err);
    assert_fails(rc, TJ_E_INVAL, &err, "forward"); /* of one token more */
    end(&w);
    for (size_t values = 0; values < 2; values++) { /* of one row more */
        w = random_work(tj_model_cfg(b.model), true, 7);
        rc = values == 0 ? tj_forest_add_loss_row(w.forest, NULL, 0, 0, 1, NULL)
                         : tj_forest_add_value_row(w.forest, NULL, 0, 0, NULL);
        assert_int_equal(rc, TJ_OK);
        rc = tj_backward(b.pass, w.forest, g->dlogp, g->dvalues, &err);
        assert_fails(rc, TJ_E_INVAL, &err, "forward");
        end(&w);
    }
    assert_good(&b);
    free_bench(&b);
}

static void only_training_passes_and_models_go_backward(void **state)
{
    (void)state;
    bench b;
    tj_pass *pass;
    tj_model *model;
    tj_err err = {.msg = ""};
    make_bench(&b, 0);
    work *g = &b.good;
    assert_int_equal(tj_pass_create(&pass, b.model, (tj_pass_options){.train = false}, NULL),
                     TJ_OK);
    assert_int_equal(tj_forward(pass, g->forest, g->logp, g->values, NULL), TJ_OK);
    nn_assert_same_bits(g->logp, b.want.logp, tj_forest_n_loss_rows(g->forest), "forward only");
    tj_code rc = tj_backward(pass, g->forest, g->dlogp, g->dvalues, &err);
    assert_fails(rc, TJ_E_INVAL, &err, "training pass");
    rc = tj_forward_backward(pass, g->forest, g->logp, g->dlogp, &err);
    assert_fails(rc, TJ_E_INVAL, &err, "training pass");
    tj_pass_destroy(pass);
    assert_int_equal(tj_model_create(&model, tj_model_cfg(b.model), TJ_F32, 1, NULL), TJ_OK);
    assert_int_equal(tj_pass_create(&pass, model, training, NULL), TJ_OK);
    rc = tj_forward_backward(pass, g->forest, g->logp, g->dlogp, &err);
    assert_fails(rc, TJ_E_INVAL, &err, "no gradients");
    tj_pass_destroy(pass);
    tj_model_destroy(model);
    free_bench(&b);
}

static void value_rows_are_not_for_the_fused_way(void **state)
{
    (void)state;
    bench b;
    tj_err err = {.msg = ""};
    make_bench(&b, 76);
    work *g = &b.good;
    assert_true(tj_forest_n_value_rows(g->forest) > 0);
    tj_code rc = tj_forward_backward(b.pass, g->forest, g->logp, g->dlogp, &err);
    assert_fails(rc, TJ_E_INVAL, &err, "no value rows");
    assert_good(&b);
    free_bench(&b);
}

/* Of every tensor, in turn: any weight that the forest reads, and of the output embedding one that
 * is no row's target. */
static void a_weight_that_is_not_finite_is_a_numeric_error(void **state)
{
    (void)state;
    static const size_t options[] = {3, 76, 79}; /* untied without values, tied with */
    for (size_t k = 0; k < sizeof options / sizeof options[0]; k++) {
        bench b;
        size_t n;
        make_bench(&b, options[k]);
        tj_param *params = tj_model_params(b.model, &n);
        for (size_t i = 0; i < n; i++) {
            for (size_t at = 0; at < 2; at++) { /* 37 ids in a random forest: all occur */
                tj_err err = {.msg = ""};
                float *w = &params[i].weight[at == 0 ? 0 : params[i].n - 1];
                float kept = *w;
                *w = at == 0 ? NAN : INFINITY;
                assert_int_equal(tj_model_refresh(b.model, NULL), TJ_OK);
                tj_code rc = tj_forward(b.pass, b.good.forest, b.good.logp, b.good.values, &err);
                if (rc != TJ_E_NUMERIC) {
                    fail_msg("%s: %g goes unnoticed (%s)", params[i].name, (double)*w,
                             nn_config_name(tj_model_cfg(b.model)));
                }
                assert_non_null(strstr(err.msg, " of row "));
                rc = tj_backward(b.pass, b.good.forest, b.good.dlogp, b.good.dvalues, &err);
                assert_fails(rc, TJ_E_INVAL, &err, "forward");
                *w = kept;
                assert_int_equal(tj_model_refresh(b.model, NULL), TJ_OK);
            }
        }
        assert_good(&b);
        free_bench(&b);
    }
}

/* ---------------------------------------------------------------- failing allocations */

/* A new model's first pass: its products, packed weights, tables, layout and activations. */
static void failing_allocations_leave_a_pass_usable(void **state)
{
    (void)state;
    for (size_t how = 0; how < 3; how++) {
        tj_model_config cfg;
        tj_code rc = TJ_E_NOMEM;
        tj_pass *pass;
        tj_err err = {.msg = ""};
        nn_config_options(&cfg, how == 1 ? 0 : 76);
        tj_model *model = nn_model(&cfg, TJ_F32, 8);
        tj_model *other = nn_model(&cfg, TJ_F32, 8);
        work w = random_work(&cfg, how != 1, 9);
        work want = random_work(&cfg, how != 1, 9);
        run(other, &want, how == 2, how == 1);
        tj_pass_options options = {.train = true, .recompute = how == 2};
        assert_int_equal(tj_pass_create(&pass, model, options, NULL), TJ_OK);
        size_t k = 0;
        for (; rc != TJ_OK; k++) {
            tj_alloc_fail_after(k);
            rc = how == 1 ? tj_forward_backward(pass, w.forest, w.logp, w.dlogp, &err)
                          : tj_forward(pass, w.forest, w.logp, w.values, &err);
            bool failed_forward = rc != TJ_OK;
            if (how != 1 && rc == TJ_OK) {
                rc = tj_backward(pass, w.forest, w.dlogp, w.dvalues, &err);
            }
            tj_alloc_fail_after(SIZE_MAX);
            assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
            assert_true(k < 1000);
            if (failed_forward) { /* what is half made is not run */
                rc = tj_backward(pass, w.forest, w.dlogp, w.dvalues, &err);
                assert_fails(rc, TJ_E_INVAL, &err, "forward");
            }
        }
        assert_true(k > 30);
        assert_same_results(&w, &want, model, other);
        end(&w);
        end(&want);
        tj_pass_destroy(pass);
        tj_model_destroy(model);
        tj_model_destroy(other);
    }
}

/* A pass that has seen the good forest meets a larger one, at which the k-th allocation fails. */
static tj_code fail_to_grow(bench *b, work *large, size_t k)
{
    work *g = &b->good;
    tj_pass_destroy(b->pass);
    assert_int_equal(tj_pass_create(&b->pass, b->model, training, NULL), TJ_OK);
    assert_int_equal(tj_forward(b->pass, g->forest, g->logp, g->values, NULL), TJ_OK);
    tj_alloc_fail_after(k);
    tj_code rc = tj_forward(b->pass, large->forest, large->logp, large->values, NULL);
    tj_alloc_fail_after(SIZE_MAX);
    assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
    return rc;
}

static void failing_to_grow_leaves_a_pass_usable(void **state)
{
    (void)state;
    tj_code rc = TJ_E_NOMEM;
    bench b;
    work large;
    tj_rng rng;
    make_bench(&b, 76);
    tj_rng_init(&rng, 10, 7, 0, 0);
    begin(&large);
    add_tree(&large, tj_model_cfg(b.model), 600, 1, true, &rng);
    assert_int_equal(fail_to_grow(&b, &large, SIZE_MAX), TJ_OK);
    size_t bytes = tj_pass_bytes(b.pass);
    size_t k = 0;
    for (; rc != TJ_OK; k++) {
        rc = fail_to_grow(&b, &large, k);
        assert_true(k < 1000);
        assert_good(&b);
        assert_int_equal(tj_forward(b.pass, large.forest, large.logp, large.values, NULL), TJ_OK);
        assert_int_equal(tj_pass_bytes(b.pass), bytes); /* a failure leaves no count behind */
    }
    assert_true(k > 30);
    end(&large);
    free_bench(&b);
}

static void failing_to_make_a_pass_gives_none(void **state)
{
    (void)state;
    tj_model *model = small_model(2);
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_pass *pass;
        tj_alloc_fail_after(k);
        rc = tj_pass_create(&pass, model, training, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true((rc == TJ_OK) == (pass != NULL));
        assert_true(k < 10);
        tj_pass_destroy(pass);
    }
    tj_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(threads_change_no_bit_in_bf16),
        cmocka_unit_test(recomputation_changes_no_bit),
        cmocka_unit_test(recomputation_changes_no_bit_in_bf16),
        cmocka_unit_test(fused_has_the_bits_of_forward_and_backward),
        cmocka_unit_test(fused_has_the_bits_of_forward_and_backward_in_bf16),
        cmocka_unit_test(micro_batches_add_up_to_the_batch),
        cmocka_unit_test(whole_tiles_add_up_to_the_bits_of_the_batch),
        cmocka_unit_test(whole_tiles_add_up_to_the_bits_of_the_batch_in_bf16),
        cmocka_unit_test(memory_grows_with_unique_tokens_not_with_paths),
        cmocka_unit_test(recomputation_needs_clearly_less_memory),
        cmocka_unit_test(a_grown_pass_counts_the_bytes_of_a_new_one),
        cmocka_unit_test(scratch_of_threads_is_counted),
        cmocka_unit_test(an_update_allocates_nothing_once_warm),
        cmocka_unit_test(ids_and_positions_out_of_range_are_refused),
        cmocka_unit_test(value_rows_without_a_value_head_are_refused),
        cmocka_unit_test(backward_without_its_forward_is_refused),
        cmocka_unit_test(only_training_passes_and_models_go_backward),
        cmocka_unit_test(value_rows_are_not_for_the_fused_way),
        cmocka_unit_test(a_weight_that_is_not_finite_is_a_numeric_error),
        cmocka_unit_test(failing_allocations_leave_a_pass_usable),
        cmocka_unit_test(failing_to_grow_leaves_a_pass_usable),
        cmocka_unit_test(failing_to_make_a_pass_gives_none),
    };
    tj_par_set_threads(1); /* but where threads are compared: a second would only wait */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
