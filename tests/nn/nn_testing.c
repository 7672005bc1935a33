#include "nn/nn_testing.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

uint64_t nn_seed(uint64_t fallback)
{
    const char *text = getenv("TABIJI_TEST_SEED");
    uint64_t seed = text == NULL ? fallback : strtoull(text, NULL, 10);
    print_message("seed %" PRIu64 " (set TABIJI_TEST_SEED to repeat)\n", seed);
    return seed;
}

/* ---------------------------------------------------------------- models */

void nn_config_small(tj_model_config *cfg)
{
    tj_model_config_default(cfg);
    cfg->n_vocab = 37;
    cfg->width = 24;
    cfg->n_layers = 2;
    cfg->n_heads = 4;
    cfg->n_kv_heads = 2;
    cfg->head_dim = 6;
    cfg->ffn_width = 20;
    cfg->max_positions = 512;
}

/* Gemma's norms, activation, embedding scale and local RoPE, and scaled frequencies for the global
 * one: YaRN's, or with q/k norm Llama 3's. */
static void be_like_gemma(tj_model_config *cfg)
{
    cfg->post_norms = true;
    cfg->norm_plus_one = true;
    cfg->activation = TJ_GELU_TANH;
    cfg->embed_scale = sqrt((double)cfg->width);
    cfg->n_rope = 2;
    cfg->rope[1].theta = 50.0;
    cfg->layer[0].window = 5;
    cfg->layer[0].rope = 1;
    cfg->rope[0] = (tj_rope){.theta = 10000.0,
                             .kind = cfg->qk_norm ? TJ_ROPE_LLAMA3 : TJ_ROPE_YARN,
                             .factor = 4.0,
                             .original_positions = 16.0,
                             .low_freq_factor = 1.0,
                             .high_freq_factor = 4.0,
                             .beta_fast = 32.0,
                             .beta_slow = 1.0};
}

void nn_config_options(tj_model_config *cfg, size_t option)
{
    nn_config_small(cfg);
    cfg->qkv_bias = option & 1;
    cfg->qk_norm = option >> 1 & 1;
    cfg->tied_embedding = option >> 2 & 1;
    cfg->value_head = option >> 3 & 1;
    size_t kind = option >> 4;
    bool all = kind == 4;
    if (kind == 5) {
        be_like_gemma(cfg);
        return;
    }
    if (kind == 1 || all) {
        cfg->layer[0].window = 5;
        cfg->layer[1].window = all ? 0 : 1;
    }
    if (kind == 2 || all) {
        cfg->layer[0].scale = 0.3;
        cfg->layer[1].scale = 1.7;
    }
    if (kind == 3 || all) {
        cfg->n_rope = 2;
        cfg->rope[1].theta = 50.0;
        cfg->layer[1].rope = 1;
    }
}

const char *nn_config_name(const tj_model_config *c)
{
    static char name[128];
    snprintf(name, sizeof name, "%s%s%s%s%swindow %zu scale %g rope %zu, C %zu V %zu",
             c->qkv_bias ? "bias " : "", c->qk_norm ? "qk_norm " : "",
             c->post_norms ? "gemma " : "", c->tied_embedding ? "tied " : "",
             c->value_head ? "value " : "", c->layer[0].window, c->layer[0].scale, c->n_rope,
             c->width, c->n_vocab);
    return name;
}

tj_model *nn_model(const tj_model_config *cfg, tj_dtype compute, uint64_t seed)
{
    tj_model *model;
    tj_err err = {.msg = ""};
    size_t n;
    tj_rng rng;
    if (tj_model_create(&model, cfg, compute, seed, &err) != TJ_OK ||
        tj_model_make_grads(model, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_param *params = tj_model_params(model, &n);
    tj_rng_init(&rng, seed, 1, 0, 0);
    for (size_t i = 0; i < n; i++) {
        bool is_norm = strstr(params[i].name, "norm") != NULL;
        double std = params[i].shape[0] > 1 ? 1.0 / sqrt((double)params[i].shape[1]) : 0.3;
        for (size_t j = 0; j < params[i].n; j++) {
            params[i].weight[j] = (float)((is_norm ? 1.0 : 0.0) + std * tj_rng_normal(&rng));
        }
    }
    assert_int_equal(tj_model_refresh(model, NULL), TJ_OK);
    return model;
}

void nn_add_lora(tj_model *model, uint64_t seed)
{
    static const size_t ranks[] = {1, 2, 3, 5, 8, 17};
    tj_err err = {.msg = ""};
    tj_rng rng;
    size_t n;
    tj_rng_init(&rng, seed, 2, 0, 0);
    tj_lora_config c = {.rank = ranks[tj_rng_below(&rng, sizeof ranks / sizeof ranks[0])],
                        .rslora = tj_rng_below(&rng, 2) == 1};
    /* a scale around 1: a large one makes what the weights give vanish beside the adapters' */
    c.alpha = (0.5 + tj_rng_double(&rng)) * (c.rslora ? sqrt((double)c.rank) : (double)c.rank);
    uint64_t which = tj_rng_below(&rng, 2) == 0 ? 127 : 1 + tj_rng_below(&rng, 127);
    for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
        c.targets[t] = which >> t & 1;
    }
    if (tj_model_add_lora(model, &c, seed, &err) != TJ_OK ||
        tj_model_make_grads(model, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_param *params = tj_model_params(model, &n);
    for (size_t i = 0; i < n; i++) {
        double std = 0.5 / sqrt((double)params[i].shape[1]);
        for (size_t j = 0; params[i].trainable && j < params[i].n; j++) {
            params[i].weight[j] = (float)(std * tj_rng_normal(&rng));
        }
    }
    assert_int_equal(tj_model_refresh(model, NULL), TJ_OK);
}

/* Has a value head trained beside the adapters. */
static void train_value_head(tj_model *model)
{
    size_t n;
    tj_param *params = tj_model_params(model, &n);
    for (size_t i = 0; i < n; i++) {
        bool is_head = strncmp(params[i].name, "value_head.", strlen("value_head.")) == 0;
        params[i].trainable = params[i].trainable || is_head;
    }
    assert_int_equal(tj_model_make_grads(model, NULL), TJ_OK);
}

tj_model *nn_any_model(const tj_model_config *cfg, tj_dtype compute, uint64_t seed)
{
    tj_model *model = nn_model(cfg, compute, seed);
    if (seed % 3 == 0) {
        nn_add_lora(model, seed);
        if (seed % 2 == 0) {
            train_value_head(model);
        }
    }
    return model;
}

tj_ref *nn_ref(tj_model *model)
{
    tj_ref *ref;
    size_t n;
    tj_param *params = tj_model_params(model, &n);
    assert_int_equal(tj_ref_create(&ref, tj_model_cfg(model), tj_model_lora(model), NULL), TJ_OK);
    assert_int_equal(ref->n_tensors, n);
    for (size_t i = 0; i < n; i++) {
        tj_ref_tensor *t = tj_ref_find(ref, params[i].name);
        assert_non_null(t);
        assert_int_equal(t->n, params[i].n);
        for (size_t j = 0; j < t->n; j++) {
            t->w[j] = (double)params[i].weight[j];
        }
    }
    return ref;
}

void nn_ref_zero(tj_ref *ref)
{
    for (size_t i = 0; i < ref->n_tensors; i++) {
        memset(ref->tensors[i].g, 0, ref->tensors[i].n * sizeof *ref->tensors[i].g);
    }
}

void nn_ids(int32_t *ids, size_t n, size_t n_vocab, tj_rng *rng)
{
    for (size_t i = 0; i < n; i++) {
        ids[i] = (int32_t)tj_rng_below(rng, n_vocab);
    }
}

/* ---------------------------------------------------------------- comparisons */

double nn_tensor_error(const float *got, const double *want, size_t n)
{
    double top = 1e-8;
    double worst = 0.0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - want[i]);
        top = fmax(top, fabs(want[i]));
        worst = d > worst || isnan(d) ? d : worst;
    }
    return worst / top;
}

double nn_logp_error(const float *got, const double *want, size_t n)
{
    double worst = 0.0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - want[i]) / fmax(1.0, fabs(want[i]));
        worst = d > worst || isnan(d) ? d : worst;
    }
    return worst;
}

double nn_rounding(tj_dtype dtype)
{
    return dtype == TJ_F32 ? 0x1p-24 : 0x1p-9;
}

void nn_ref_round(tj_ref *ref, tj_dtype dtype, uint64_t seed)
{
    tj_rng rng;
    tj_rng_init(&rng, seed, 77, 0, 0);
    for (size_t i = 0; i < ref->n_tensors; i++) {
        for (size_t j = 0; j < ref->tensors[i].n; j++) {
            double sign = tj_rng_below(&rng, 2) == 0 ? -1.0 : 1.0;
            ref->tensors[i].w[j] *= 1.0 + sign * nn_rounding(dtype);
        }
    }
}

static double largest(const double *x, const double *minus, size_t n)
{
    double top = 0.0;
    for (size_t i = 0; i < n; i++) {
        top = fmax(top, fabs(x[i] - (minus == NULL ? 0.0 : minus[i])));
    }
    return top;
}

double nn_gradient_scale(double own, double everywhere)
{
    return own > 1e-4 * everywhere ? own : everywhere;
}

void nn_assert_grads(tj_model *model, const tj_ref *ref, const tj_ref *rounded, double e,
                     const char *what)
{
    size_t n;
    tj_param *params = tj_model_params(model, &n);
    double everywhere = 0.0;
    tj_model_join_grads(model);
    for (size_t i = 0; i < n; i++) {
        const tj_ref_tensor *t = tj_ref_find(ref, params[i].name);
        everywhere = params[i].trainable ? fmax(everywhere, largest(t->g, NULL, t->n)) : everywhere;
    }
    for (size_t i = 0; i < n; i++) {
        const tj_ref_tensor *t = tj_ref_find(ref, params[i].name);
        const tj_ref_tensor *r = tj_ref_find(rounded, params[i].name);
        assert_true((params[i].grad != NULL) == params[i].trainable);
        if (!params[i].trainable) {
            continue;
        }
        double top = nn_gradient_scale(largest(t->g, NULL, t->n), everywhere);
        double rounding = largest(r->g, t->g, t->n) / top;
        double allowed = fmax(e, NN_ROUNDINGS * rounding);
        double worst = 0.0;
        for (size_t j = 0; j < t->n; j++) {
            double d = fabs((double)params[i].grad[j] - t->g[j]);
            worst = d > worst || isnan(d) ? d : worst;
        }
        if (!(worst <= allowed * top)) {
            fail_msg("%s: gradient of %s differs by %g of %g, allowed %g (one rounding: %g)", what,
                     t->name, worst, top, allowed, rounding);
        }
    }
}

static double largest_grad(const tj_param *p, const tj_param *minus)
{
    double top = 0.0;
    for (size_t j = 0; p->trainable && j < p->n; j++) {
        double d = fabs((double)p->grad[j] - (minus == NULL ? 0.0 : (double)minus->grad[j]));
        top = d > top || isnan(d) ? d : top;
    }
    return top;
}

bool nn_grads_are_near(tj_model *got, tj_model *want, tj_model *rounded, double e,
                       const char **where, double *by)
{
    size_t n;
    double everywhere = 0.0;
    const tj_param *a = tj_model_params(got, &n);
    const tj_param *b = tj_model_params(want, &n);
    for (size_t i = 0; i < n; i++) {
        everywhere = fmax(everywhere, largest_grad(&b[i], NULL));
    }
    for (size_t i = 0; i < n; i++) {
        double allowed = e * nn_gradient_scale(largest_grad(&b[i], NULL), everywhere);
        if (rounded != NULL) {
            const tj_param *r = &tj_model_params(rounded, &n)[i];
            allowed = fmax(allowed, NN_ROUNDINGS * largest_grad(&b[i], r));
        }
        *by = largest_grad(&a[i], &b[i]);
        *where = b[i].name;
        if (!(*by <= allowed)) {
            return false;
        }
    }
    return true;
}

void nn_assert_logp(const float *got, const double *want, size_t n, double e, const char *what)
{
    double error = nn_logp_error(got, want, n);
    if (!(error <= e)) {
        fail_msg("%s: log-probabilities differ by %g, allowed %g", what, error, e);
    }
}

void nn_assert_same_bits(const float *a, const float *b, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&a[i], &b[i], sizeof a[i]) != 0) {
            fail_msg("%s: value %zu of %zu is %.9g and %.9g", what, i, n, (double)a[i],
                     (double)b[i]);
        }
    }
}

static void assert_same(tj_model *a, tj_model *b, bool grads)
{
    size_t n;
    tj_param *pa = tj_model_params(a, &n);
    tj_param *pb = tj_model_params(b, &n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(pa[i].trainable, pb[i].trainable);
        if (grads && !pa[i].trainable) {
            continue;
        }
        nn_assert_same_bits(grads ? pa[i].grad : pa[i].weight, grads ? pb[i].grad : pb[i].weight,
                            pa[i].n, pa[i].name);
    }
}

void nn_assert_same_grads(tj_model *a, tj_model *b)
{
    tj_model_join_grads(a);
    tj_model_join_grads(b);
    assert_same(a, b, true);
}

void nn_assert_same_weights(tj_model *a, tj_model *b)
{
    assert_same(a, b, false);
}

double nn_gradient_error(double *x, const double *g, size_t n, double (*f)(void *ctx), void *ctx)
{
    const double h = 1e-3;
    double top = 1e-8;
    double worst = 0.0;
    for (size_t i = 0; i < n; i++) {
        double at = x[i];
        double y[4];
        const double steps[4] = {-2.0, -1.0, 1.0, 2.0};
        for (size_t s = 0; s < 4; s++) {
            x[i] = at + steps[s] * h;
            y[s] = f(ctx);
        }
        x[i] = at;
        double slope = (8.0 * (y[2] - y[1]) - (y[3] - y[0])) / (12.0 * h);
        double d = fabs(slope - g[i]);
        worst = d > worst || isnan(d) ? d : worst;
        top = fmax(top, fabs(g[i]));
    }
    return worst / top;
}

/* ---------------------------------------------------------------- files */

/* Folders of ours are three deep at most. */
static void remove_tree(const char *path, size_t depth)
{
    DIR *dir = opendir(path);
    for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL; e = readdir(dir)) {
        char inner[1024];
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        if (remove(inner) != 0 && depth > 0) {
            remove_tree(inner, depth - 1);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    remove(path);
}

void nn_remove(const char *path)
{
    remove_tree(path, 3);
}

char nn_folder[256];

int nn_make_folder(void **state)
{
    const char *tmp = getenv("TMPDIR");
    (void)state;
    snprintf(nn_folder, sizeof nn_folder, "%s/tabiji-nn-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    return mkdtemp(nn_folder) == NULL ? -1 : 0;
}

int nn_remove_folder(void **state)
{
    (void)state;
    nn_remove(nn_folder);
    return 0;
}

const char *nn_in_folder(const char *name)
{
    static char paths[8][512];
    static size_t at;
    at = (at + 1) % 8;
    snprintf(paths[at], sizeof paths[at], "%s/%s", nn_folder, name);
    return paths[at];
}
