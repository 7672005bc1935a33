#include "tiny.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/rng.h"

void tiny_config(tj_model_config *cfg, size_t max_positions)
{
    tj_model_config_default(cfg);
    cfg->n_vocab = 61;
    cfg->width = 32;
    cfg->n_layers = 3;
    cfg->n_heads = 4;
    cfg->n_kv_heads = 2;
    cfg->head_dim = 8;
    cfg->ffn_width = 48;
    cfg->max_positions = max_positions;
    cfg->init_std = 0.25;
    cfg->value_head = true;
    cfg->eos_id = 60;
    cfg->layer[1].window = 7;
}

tj_model *tiny_model(tj_dtype compute, size_t max_positions)
{
    tj_model_config cfg;
    tj_model *model = NULL;
    tj_err err = {0};
    tiny_config(&cfg, max_positions);
    if (tj_model_create(&model, &cfg, compute, 5, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return model;
}

tj_engine *tiny_engine(tj_model *model, const tj_tokenizer *tok, size_t kv_bytes, size_t batch_rows)
{
    tj_engine_config cfg;
    tj_engine_config_default(&cfg);
    cfg.kv_bytes = kv_bytes;
    cfg.batch_rows = batch_rows;
    tj_engine *engine = NULL;
    tj_err err = {0};
    if (tj_engine_create(&engine, model, tok, &cfg, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return engine;
}

void tiny_ids(int32_t *ids, size_t n, uint64_t seed)
{
    tj_rng rng;
    tj_rng_init(&rng, seed, 1, 0, 0);
    for (size_t i = 0; i < n; i++) {
        ids[i] = (int32_t)tj_rng_below(&rng, 60);
    }
}

tj_branch tiny_root(tj_engine *engine, size_t n, uint64_t seed)
{
    int32_t ids[1024];
    tj_branch branch = TJ_NO_BRANCH;
    assert_true(n <= 1024);
    tiny_ids(ids, n, seed);
    assert_int_equal(tj_engine_root(engine, &branch, ids, n, NULL), TJ_OK);
    return branch;
}

void tiny_next_logprobs(float *out, tj_model *model, const int32_t *ids, size_t n)
{
    tj_forest *forest = NULL;
    tj_pass *pass = NULL;
    size_t segment = 0;
    assert_int_equal(tj_forest_create(&forest, NULL), TJ_OK);
    assert_int_equal(tj_forest_add(forest, &segment, TJ_NO_SEGMENT, ids, n, NULL), TJ_OK);
    for (int32_t t = 0; t < 61; t++) {
        assert_int_equal(tj_forest_add_loss_row(forest, NULL, segment, n - 1, t, NULL), TJ_OK);
    }
    assert_int_equal(tj_pass_create(&pass, model, (tj_pass_options){.train = false}, NULL), TJ_OK);
    assert_int_equal(tj_forward(pass, forest, out, NULL, NULL), TJ_OK);
    tj_pass_destroy(pass);
    tj_forest_destroy(forest);
}

tj_gen tiny_gen(tj_branch branch, double temperature, uint64_t node, size_t max_tokens)
{
    return (tj_gen){.branch = branch,
                    .sampling = {.temperature = temperature, .top_p = 1.0},
                    .seed = 11,
                    .run = 12,
                    .problem = 13,
                    .node = node,
                    .max_tokens = max_tokens};
}

void tiny_end(tj_engine *engine, tj_model *model, tj_gen *gens, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tj_engine_drop(engine, gens[i].branch);
        tj_gen_deinit(&gens[i]);
    }
    assert_int_equal(tj_engine_kv_bytes_used(engine), 0);
    tj_engine_destroy(engine);
    tj_model_destroy(model);
}

void tiny_assert_same(const tj_gen *a, const tj_gen *b)
{
    assert_int_equal(a->n_ids, b->n_ids);
    assert_int_equal(a->n_top, b->n_top);
    if (a->n_ids > 0) {
        assert_memory_equal(a->ids, b->ids, a->n_ids * sizeof *a->ids);
        assert_memory_equal(a->logprobs, b->logprobs, a->n_ids * sizeof *a->logprobs);
    }
    size_t n_top = a->n_ids * a->n_top;
    if (n_top > 0) {
        assert_memory_equal(a->top_ids, b->top_ids, n_top * sizeof *a->top_ids);
        assert_memory_equal(a->top_logprobs, b->top_logprobs, n_top * sizeof *a->top_logprobs);
    }
}

void tiny_check_alone(tj_model *model, const tj_engine *engine, const tj_gen *gen)
{
    int32_t path[1024];
    size_t len = tj_engine_length(engine, gen->branch);
    tj_engine *alone = tiny_engine(model, NULL, (size_t)1 << 20, 64);
    tj_gen want = *gen;
    assert_true(len <= 1024);
    tj_engine_path(engine, gen->branch, 0, len, path);
    assert_memory_equal(path + len - gen->n_ids, gen->ids, gen->n_ids * sizeof *path);
    assert_int_equal(tj_engine_root(alone, &want.branch, path, len - gen->n_ids, NULL), TJ_OK);
    want.max_tokens = gen->finish == TJ_FINISH_NONE ? gen->n_ids : gen->max_tokens;
    assert_int_equal(tj_engine_generate(alone, &want, 1, NULL, NULL), TJ_OK);
    tiny_assert_same(&want, gen);
    if (gen->finish != TJ_FINISH_NONE) {
        assert_int_equal(want.finish, gen->finish);
    }
    tj_gen_deinit(&want);
    tj_engine_destroy(alone);
}
