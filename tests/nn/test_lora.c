/* Adapters beside frozen weights. That they compute what they should, in every shape and over
 * forests, is in the other tests of the decoder, whose models have adapters too; here is what holds
 * of adapters alone: how they begin, that their gradients are projections of the whole matrices',
 * that adding them to the weights changes nothing, and that nothing below them is touched. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "nn/adamw.h"
#include "nn/nn_testing.h"

#define N_TOKENS 70 /* more than a tile */
#define E        1e-5

static tj_lora_config all_targets(size_t rank)
{
    tj_lora_config c = {.rank = rank, .alpha = 3.0};
    assert_int_equal(tj_lora_targets_parse(c.targets, "all-linear", NULL), TJ_OK);
    return c;
}

static tj_param *find(tj_model *model, const char *name)
{
    size_t n;
    tj_param *p = tj_model_params(model, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(p[i].name, name) == 0) {
            return &p[i];
        }
    }
    fail_msg("no parameter %s", name);
    return NULL;
}

/* ---------------------------------------------------------------- a run */

typedef struct numbers {
    float logp[N_TOKENS], dlogp[N_TOKENS];
} numbers;

/* A prompt with two continuations, every token with a row. */
static void run(tj_model *model, numbers *out, bool backward)
{
    tj_forest *f;
    tj_pass *pass;
    tj_err err = {.msg = ""};
    tj_rng rng;
    int32_t ids[N_TOKENS];
    size_t at[3];
    const size_t begin[4] = {0, 30, 50, N_TOKENS};
    tj_rng_init(&rng, 4, 0, 0, 0);
    nn_ids(ids, N_TOKENS, tj_model_cfg(model)->n_vocab, &rng);
    assert_int_equal(tj_forest_create(&f, NULL), TJ_OK);
    for (size_t s = 0; s < 3; s++) {
        size_t n = begin[s + 1] - begin[s];
        size_t parent = s == 0 ? TJ_NO_SEGMENT : at[0];
        assert_int_equal(tj_forest_add(f, &at[s], parent, ids + begin[s], n, NULL), TJ_OK);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(tj_forest_add_loss_row(f, NULL, at[s], i, ids[i], NULL), TJ_OK);
        }
    }
    for (size_t i = 0; i < N_TOKENS; i++) {
        out->dlogp[i] = (float)tj_rng_normal(&rng);
    }
    assert_int_equal(tj_pass_create(&pass, model, (tj_pass_options){.train = backward}, NULL),
                     TJ_OK);
    tj_code rc = tj_forward(pass, f, out->logp, NULL, &err);
    if (rc == TJ_OK && backward) {
        rc = tj_backward(pass, f, out->dlogp, NULL, &err);
    }
    if (rc != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_pass_destroy(pass);
    tj_forest_destroy(f);
}

static void assert_same_run(tj_model *a, tj_model *b)
{
    numbers x;
    numbers y;
    run(a, &x, false);
    run(b, &y, false);
    nn_assert_same_bits(x.logp, y.logp, N_TOKENS, "log-probabilities");
}

/* ---------------------------------------------------------------- the beginning */

static void check_first_values(const tj_param *p)
{
    double bound = 1.0 / sqrt((double)p->shape[1]);
    bool is_b = strstr(p->name, "lora_B") != NULL;
    double sum = 0.0;
    double top = 0.0;
    for (size_t i = 0; i < p->n; i++) {
        sum += (double)p->weight[i];
        top = fmax(top, fabs((double)p->weight[i]));
    }
    if (is_b) {
        assert_true(top == 0.0);
        return;
    }
    double mean_error = 5.0 * bound / sqrt(3.0 * (double)p->n); /* five deviations of the mean */
    assert_true(top <= bound && top > 0.9 * bound);
    assert_true(fabs(sum / (double)p->n) < mean_error);
}

static void adapters_begin_uniform_and_change_nothing(void **state)
{
    (void)state;
    tj_model_config cfg;
    size_t n;
    nn_config_small(&cfg);
    tj_lora_config lora = all_targets(4);
    tj_model *model = nn_model(&cfg, TJ_F32, 1);
    tj_model *plain = nn_model(&cfg, TJ_F32, 1);
    tj_model_params(model, &n);
    size_t n_base = n;
    assert_null(tj_model_lora(model));
    assert_int_equal(tj_model_add_lora(model, &lora, 7, NULL), TJ_OK);
    assert_int_equal(tj_model_lora(model)->rank, 4);
    tj_param *p = tj_model_params(model, &n);
    assert_int_equal(n, n_base + 2 * 2 * TJ_N_LORA_TARGETS);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(p[i].trainable, i >= n_base);
        if (i >= n_base) {
            check_first_values(&p[i]);
        }
    }
    assert_same_run(model, plain);
    tj_model_destroy(model);
    tj_model_destroy(plain);
}

static void first_values_depend_on_seed_layer_and_target_alone(void **state)
{
    (void)state;
    static const char name[] = "model.layers.1.mlp.up_proj.lora_A.weight";
    static const char other[] = "model.layers.0.mlp.up_proj.lora_A.weight";
    tj_model_config cfg;
    nn_config_small(&cfg);
    tj_model *models[3];
    for (size_t i = 0; i < 3; i++) {
        tj_lora_config lora = {.rank = 3, .alpha = 1.0};
        const char *targets = i == 0 ? "all-linear" : "up_proj,q_proj";
        assert_int_equal(tj_lora_targets_parse(lora.targets, targets, NULL), TJ_OK);
        models[i] = nn_model(&cfg, TJ_F32, i);
        assert_int_equal(tj_model_add_lora(models[i], &lora, i == 2 ? 8 : 7, NULL), TJ_OK);
    }
    const tj_param *a = find(models[0], name);
    size_t bytes = a->n * sizeof(float);
    assert_memory_equal(a->weight, find(models[1], name)->weight, bytes);
    assert_memory_not_equal(a->weight, find(models[2], name)->weight, bytes);
    assert_memory_not_equal(a->weight, find(models[0], other)->weight, bytes);
    for (size_t i = 0; i < 3; i++) {
        tj_model_destroy(models[i]);
    }
}

/* ---------------------------------------------------------------- gradients */

/* dB = s dW A^T and dA = s B^T dW, where W x + s B A x is one product of a whole matrix. */
static void check_projection(tj_model *adapted, tj_model *whole, const char *module, double scale)
{
    char name[96];
    snprintf(name, sizeof name, "%s.weight", module);
    const tj_param *w = find(whole, name);
    snprintf(name, sizeof name, "%s.lora_A.weight", module);
    const tj_param *a = find(adapted, name);
    snprintf(name, sizeof name, "%s.lora_B.weight", module);
    const tj_param *b = find(adapted, name);
    size_t out = w->shape[0];
    size_t in = w->shape[1];
    size_t rank = a->shape[0];
    double *da = calloc(a->n, sizeof *da);
    double *db = calloc(b->n, sizeof *db);
    assert_true(da != NULL && db != NULL);
    for (size_t o = 0; o < out; o++) {
        for (size_t i = 0; i < in; i++) {
            double dw = scale * (double)w->grad[o * in + i];
            for (size_t r = 0; r < rank; r++) {
                da[r * in + i] += (double)b->weight[o * rank + r] * dw;
                db[o * rank + r] += dw * (double)a->weight[r * in + i];
            }
        }
    }
    double error = fmax(nn_tensor_error(a->grad, da, a->n), nn_tensor_error(b->grad, db, b->n));
    /* two f32 gradients are compared, each within E of the exact one */
    if (!(error <= 2.0 * E)) {
        fail_msg("%s (%s): gradients differ by %g", module, nn_config_name(tj_model_cfg(whole)),
                 error);
    }
    free(da);
    free(db);
}

static void gradients_are_projections_of_the_whole_matrixs(void **state)
{
    (void)state;
    static const char *const modules[] = {
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
        "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};
    static const size_t options[] = {0, 3, 34, 55, 66, 80, 83};
    for (size_t k = 0; k < sizeof options / sizeof options[0]; k++) {
        tj_model_config cfg;
        numbers n;
        nn_config_options(&cfg, options[k]);
        tj_model *adapted = nn_model(&cfg, TJ_F32, 3 + k);
        tj_model *whole = nn_model(&cfg, TJ_F32, 3 + k);
        nn_add_lora(adapted, 3 + k);
        nn_add_lora(whole, 3 + k);
        const tj_lora_config lora = *tj_model_lora(adapted);
        double rank = (double)lora.rank;
        assert_int_equal(tj_model_merge_lora(whole, NULL), TJ_OK);
        assert_int_equal(tj_model_make_grads(whole, NULL), TJ_OK);
        run(adapted, &n, true);
        run(whole, &n, true);
        for (size_t i = 0; i < cfg.n_layers * TJ_N_LORA_TARGETS; i++) {
            char module[64];
            snprintf(module, sizeof module, "model.layers.%zu.%s", i / TJ_N_LORA_TARGETS,
                     modules[i % TJ_N_LORA_TARGETS]);
            if (lora.targets[i % TJ_N_LORA_TARGETS]) {
                check_projection(adapted, whole, module,
                                 lora.alpha / (lora.rslora ? sqrt(rank) : rank));
            }
        }
        tj_model_destroy(adapted);
        tj_model_destroy(whole);
    }
}

/* ---------------------------------------------------------------- merging */

/* Attention of a lone first token, which sees its own value only. */
typedef struct lone {
    const tj_model_config *cfg;
    float v[64];
} lone;

static void store(void *ctx, size_t layer, size_t row, const float *k, const float *v)
{
    lone *l = ctx;
    (void)layer;
    (void)row;
    (void)k;
    memcpy(l->v, v, l->cfg->n_kv_heads * l->cfg->head_dim * sizeof *v);
}

static void attend(void *ctx, size_t layer, size_t item, size_t thread, const float *q, float *out)
{
    const lone *l = ctx;
    size_t dim = l->cfg->head_dim;
    (void)layer;
    (void)item;
    (void)thread;
    (void)q;
    for (size_t h = 0; h < l->cfg->n_heads; h++) {
        size_t group = h / (l->cfg->n_heads / l->cfg->n_kv_heads);
        memcpy(out + h * dim, l->v + group * dim, dim * sizeof *out);
    }
}

static void generate(tj_model *model, float *logits)
{
    const int32_t id = 5;
    const size_t zero = 0;
    lone l = {.cfg = tj_model_cfg(model)};
    tj_attend a = {.store = store, .attend = attend, .n_items = 1, .ctx = &l};
    tj_infer_scratch *scratch;
    assert_true(l.cfg->n_kv_heads * l.cfg->head_dim <= 64);
    assert_int_equal(tj_infer_scratch_create(&scratch, NULL), TJ_OK);
    assert_int_equal(tj_infer(model, scratch, 1, &id, &zero, a, 1, &zero, logits, NULL, NULL),
                     TJ_OK);
    tj_infer_scratch_destroy(scratch);
}

/* To 1e-5 in training's products, where adapters are products of their own; generation reads the
 * sum either way. */
static void merging_changes_no_result(void **state)
{
    (void)state;
    for (size_t option = 0; option < NN_N_OPTIONS; option += 5) {
        tj_model_config cfg;
        numbers before;
        numbers after;
        double want[N_TOKENS];
        float logits[2][64];
        nn_config_options(&cfg, option);
        tj_model *model = nn_model(&cfg, TJ_F32, option);
        generate(model, logits[1]);
        nn_add_lora(model, option);
        run(model, &before, false);
        generate(model, logits[0]);
        const bool *targets = tj_model_lora(model)->targets; /* q and k of a lone token show not */
        bool shows = targets[TJ_LORA_V] || targets[TJ_LORA_O] || targets[TJ_LORA_GATE] ||
                     targets[TJ_LORA_UP] || targets[TJ_LORA_DOWN];
        assert_int_equal(memcmp(logits[0], logits[1], cfg.n_vocab * sizeof(float)) != 0, shows);
        assert_int_equal(tj_model_merge_lora(model, NULL), TJ_OK);
        assert_null(tj_model_lora(model));
        run(model, &after, false);
        generate(model, logits[1]);
        for (size_t i = 0; i < N_TOKENS; i++) {
            want[i] = (double)before.logp[i];
        }
        /* norms of outputs enlarge small ones, and their errors, as in test_forest_paths.c */
        nn_assert_logp(after.logp, want, N_TOKENS, cfg.post_norms ? 3.0 * E : E,
                       nn_config_name(&cfg));
        nn_assert_same_bits(logits[0], logits[1], cfg.n_vocab, "logits");
        assert_int_equal(tj_model_merge_lora(model, NULL), TJ_E_INVAL);
        tj_model_destroy(model);
    }
}

/* ---------------------------------------------------------------- training */

static const tj_adamw_config optimizer = {.lr_max = 0.05,
                                          .beta1 = 0.9,
                                          .beta2 = 0.98,
                                          .eps = 1e-8,
                                          .weight_decay = 0.1,
                                          .clip_norm = 1.0,
                                          .n_updates = 10,
                                          .schedule = TJ_SCHEDULE_CONSTANT};

static void train(tj_model *model, size_t n_updates)
{
    tj_adamw *opt;
    numbers n;
    size_t n_params;
    tj_param *p = tj_model_params(model, &n_params);
    assert_int_equal(tj_adamw_create(&opt, model, &optimizer, NULL), TJ_OK);
    for (size_t i = 0; i < n_params; i++) {
        assert_int_equal(tj_adamw_moment(opt, 0, i) != NULL, p[i].trainable);
    }
    for (size_t i = 0; i < n_updates; i++) {
        run(model, &n, true);
        assert_int_equal(tj_adamw_update(opt, NULL, NULL), TJ_OK);
    }
    tj_adamw_destroy(opt);
}

static void training_changes_adapters_alone(void **state)
{
    (void)state;
    tj_model_config cfg;
    size_t n;
    size_t n_base;
    nn_config_options(&cfg, 79);
    tj_lora_config lora = all_targets(2);
    tj_model *plain = nn_model(&cfg, TJ_F32, 1);
    tj_model *model = nn_model(&cfg, TJ_F32, 1);
    assert_int_equal(tj_model_add_lora(model, &lora, 1, NULL), TJ_OK);
    train(model, 3);
    const tj_param *before = tj_model_params(plain, &n_base);
    const tj_param *p = tj_model_params(model, &n);
    size_t n_trainable = 0;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(p[i].grad != NULL, i >= n_base);
        n_trainable += i >= n_base ? p[i].n : 0;
        bool changed = true;
        for (size_t j = 0; i >= n_base && j < p[i].n && changed; j++) {
            changed = p[i].weight[j] != 0.0F;
        }
        assert_true(changed); /* every value of B, which began at 0 */
        if (i < n_base) {
            nn_assert_same_bits(p[i].weight, before[i].weight, p[i].n, p[i].name);
        }
    }
    assert_int_equal(tj_model_n_trainable(model), n_trainable);
    tj_model_destroy(model);
    tj_model_destroy(plain);
}

/* The copies that products read follow the weights. */
static void updated_adapters_are_those_that_compute(void **state)
{
    (void)state;
    tj_model_config cfg;
    size_t n;
    nn_config_small(&cfg);
    tj_lora_config lora = all_targets(5);
    tj_model *trained = nn_model(&cfg, TJ_F32, 2);
    tj_model *fresh = nn_model(&cfg, TJ_F32, 2);
    assert_int_equal(tj_model_add_lora(trained, &lora, 1, NULL), TJ_OK);
    assert_int_equal(tj_model_add_lora(fresh, &lora, 2, NULL), TJ_OK);
    train(trained, 2);
    const tj_param *from = tj_model_params(trained, &n);
    tj_param *to = tj_model_params(fresh, &n);
    for (size_t i = 0; i < n; i++) {
        memcpy(to[i].weight, from[i].weight, from[i].n * sizeof(float));
    }
    assert_same_run(trained, fresh);
    tj_model_destroy(trained);
    tj_model_destroy(fresh);
}

/* ---------------------------------------------------------------- refusals */

static void refuse(tj_model *model, tj_lora_config lora, const char *word)
{
    tj_err err = {.msg = ""};
    size_t before;
    size_t after;
    tj_model_params(model, &before);
    assert_int_equal(tj_model_add_lora(model, &lora, 1, &err), TJ_E_INVAL);
    if (strstr(err.msg, word) == NULL) {
        fail_msg("'%s' does not name %s", err.msg, word);
    }
    tj_model_params(model, &after);
    assert_int_equal(before, after);
}

static void impossible_settings_are_refused_by_name(void **state)
{
    (void)state;
    tj_model_config cfg;
    tj_err err;
    bool targets[TJ_N_LORA_TARGETS] = {false};
    size_t n;
    nn_config_small(&cfg);
    tj_model *model = nn_model(&cfg, TJ_F32, 1);
    tj_lora_config none = {.rank = 1, .alpha = 1.0};
    tj_lora_config wrong = all_targets(0);
    refuse(model, none, "targeted");
    refuse(model, wrong, "rank");
    wrong.rank = TJ_MAX_LORA_RANK + 1;
    refuse(model, wrong, "rank");
    for (size_t i = 0; i < 4; i++) {
        const double alphas[] = {0.0, -1.0, (double)NAN, 2.0 * TJ_MAX_LORA_ALPHA};
        wrong = all_targets(1);
        wrong.alpha = alphas[i];
        refuse(model, wrong, "alpha");
    }
    const char *const texts[] = {"",        "q_proj,",           "q",
                                 "lm_head", "q_proj all-linear", "q_proj,,o_proj"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(tj_lora_targets_parse(targets, texts[i], &err), TJ_E_INVAL);
        assert_false(targets[TJ_LORA_Q]);
    }
    wrong = all_targets(1);
    assert_int_equal(tj_model_add_lora(model, &wrong, 1, NULL), TJ_OK);
    refuse(model, wrong, "already");
    tj_model_params(model, &n)[0].trainable = true;
    assert_int_equal(tj_model_make_grads(model, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "model.embed_tokens.weight"));
    assert_int_equal(tj_model_save(model, "/nowhere", TJ_F32, &err), TJ_E_INVAL);
    tj_model_destroy(model);
}

static void failing_allocations_leave_the_model_as_it_was(void **state)
{
    (void)state;
    tj_model_config cfg;
    nn_config_small(&cfg);
    tj_lora_config lora = all_targets(3);
    tj_model *model = nn_model(&cfg, TJ_F32, 1);
    tj_model *plain = nn_model(&cfg, TJ_F32, 1);
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_alloc_fail_after(k);
        rc = tj_model_add_lora(model, &lora, 1, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true(k < 20);
        assert_same_run(model, plain);
    }
    rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_alloc_fail_after(k);
        rc = tj_model_make_grads(model, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
    }
    train(model, 1);
    tj_model_destroy(model);
    tj_model_destroy(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_begin_uniform_and_change_nothing),
        cmocka_unit_test(first_values_depend_on_seed_layer_and_target_alone),
        cmocka_unit_test(gradients_are_projections_of_the_whole_matrixs),
        cmocka_unit_test(merging_changes_no_result),
        cmocka_unit_test(training_changes_adapters_alone),
        cmocka_unit_test(updated_adapters_are_those_that_compute),
        cmocka_unit_test(impossible_settings_are_refused_by_name),
        cmocka_unit_test(failing_allocations_leave_the_model_as_it_was),
    };
    tj_par_set_threads(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
