/* AdamW against a reference in doubles written here, update by update, to 1e-6; its schedules at
 * points that are known; and that an error, a frozen parameter, a stop and a failed allocation
 * change no bit that they should not. Gradients are random and written into the parameters, but
 * where freezing is tested, which backward has a part in. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "nn/adamw.h"
#include "nn/nn_testing.h"

#define E 1e-6

static tj_adamw_config config(void)
{
    return (tj_adamw_config){.lr_max = 0.01,
                             .lr_min = 0.001,
                             .beta1 = 0.9,
                             .beta2 = 0.98,
                             .eps = 1e-8,
                             .weight_decay = 0.1,
                             .n_warmup = 4,
                             .n_updates = 20,
                             .schedule = TJ_SCHEDULE_COSINE};
}

static tj_model *new_model(size_t option)
{
    tj_model_config cfg;
    nn_config_options(&cfg, option);
    return nn_model(&cfg, TJ_F32, 3);
}

static tj_adamw *new_adamw(tj_model *model, tj_adamw_config cfg)
{
    tj_adamw *opt;
    tj_err err = {.msg = ""};
    if (tj_adamw_create(&opt, model, &cfg, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return opt;
}

/* Random gradients of update t, of norms that differ from update to update. */
static void draw_grads(tj_model *model, size_t t)
{
    size_t n;
    tj_param *p = tj_model_params(model, &n);
    for (size_t i = 0; i < n; i++) {
        tj_rng rng;
        tj_rng_init(&rng, 11, 0, t, i);
        for (size_t j = 0; p[i].grad != NULL && j < p[i].n; j++) {
            p[i].grad[j] = (float)((1.0 + 0.9 * sin((double)t)) * tj_rng_normal(&rng));
        }
    }
}

static void update(tj_adamw *opt, size_t t)
{
    tj_err err = {.msg = ""};
    draw_grads(tj_adamw_model(opt), t);
    if (tj_adamw_update(opt, NULL, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
}

static void assert_same_state(tj_adamw *a, tj_adamw *b)
{
    size_t n;
    tj_param *p = tj_model_params(tj_adamw_model(a), &n);
    nn_assert_same_weights(tj_adamw_model(a), tj_adamw_model(b));
    for (size_t i = 0; i < n; i++) {
        for (size_t which = 0; which < 2; which++) {
            nn_assert_same_bits(tj_adamw_moment(a, which, i), tj_adamw_moment(b, which, i), p[i].n,
                                p[i].name);
        }
    }
    assert_int_equal(tj_adamw_n_done(a), tj_adamw_n_done(b));
}

static bool is_named_undecayed(const char *name)
{
    return strstr(name, "norm") != NULL || strstr(name, ".bias") != NULL;
}

/* ---------------------------------------------------------------- the reference */

typedef struct ref { /* all parameters, one after the other */
    double *w, *g, *m, *v;
    size_t n, n_params;
    size_t begin[64];
} ref;

static ref make_ref(tj_model *model)
{
    ref r = {.n = 0};
    tj_param *p = tj_model_params(model, &r.n_params);
    assert_true(r.n_params < 64);
    for (size_t i = 0; i < r.n_params; i++) {
        r.begin[i] = r.n;
        r.n += p[i].n;
    }
    r.begin[r.n_params] = r.n;
    r.w = calloc(r.n, sizeof *r.w);
    r.g = calloc(r.n, sizeof *r.g);
    r.m = calloc(r.n, sizeof *r.m);
    r.v = calloc(r.n, sizeof *r.v);
    assert_true(r.w != NULL && r.g != NULL && r.m != NULL && r.v != NULL);
    for (size_t i = 0; i < r.n_params; i++) {
        for (size_t j = 0; j < p[i].n; j++) {
            r.w[r.begin[i] + j] = (double)p[i].weight[j];
        }
    }
    return r;
}

static void free_ref(ref *r)
{
    free(r->w);
    free(r->g);
    free(r->m);
    free(r->v);
}

static double ref_norm(const ref *r)
{
    double sum = 0.0;
    for (size_t j = 0; j < r->n; j++) {
        sum += r->g[j] * r->g[j];
    }
    return sqrt(sum);
}

/* Loshchilov & Hutter 2019, arXiv:1711.05101, alg. 2, lines 6 to 12, t from 1; the rate multiplies
 * the decay, too (there the schedule alone does). Before it, g is scaled down to the clip norm. */
static void ref_update(ref *r, const tj_param *p, const tj_adamw_config *c, size_t t, double rate)
{
    double norm = ref_norm(r);
    double scale = c->clip_norm > 0.0 && norm > c->clip_norm ? c->clip_norm / norm : 1.0;
    for (size_t i = 0; i < r->n_params; i++) {
        double decay = is_named_undecayed(p[i].name) ? 0.0 : c->weight_decay;
        for (size_t j = r->begin[i]; j < r->begin[i + 1]; j++) {
            double g = scale * r->g[j];
            r->m[j] = c->beta1 * r->m[j] + (1.0 - c->beta1) * g;
            r->v[j] = c->beta2 * r->v[j] + (1.0 - c->beta2) * g * g;
            double m_hat = r->m[j] / (1.0 - pow(c->beta1, (double)t));
            double v_hat = r->v[j] / (1.0 - pow(c->beta2, (double)t));
            r->w[j] -= rate * (m_hat / (sqrt(v_hat) + c->eps) + decay * r->w[j]);
        }
    }
}

static double furthest_of(const ref *r, const tj_param *p)
{
    double worst = 0.0;
    for (size_t i = 0; i < r->n_params; i++) {
        worst = fmax(worst, nn_tensor_error(p[i].weight, r->w + r->begin[i], p[i].n));
        for (size_t j = 0; j < p[i].n; j++) { /* and they are used up */
            assert_true(p[i].grad[j] == 0.0F);
        }
    }
    return worst;
}

/* 20 updates, each compared. *n_clipped of them were clipped. */
static double compare_updates(tj_model *model, const tj_adamw_config *c, size_t *n_clipped)
{
    size_t n;
    double worst = 0.0;
    tj_param *p = tj_model_params(model, &n);
    tj_adamw *opt = new_adamw(model, *c);
    ref r = make_ref(model);
    *n_clipped = 0;
    for (size_t t = 0; t < c->n_updates; t++) {
        double norm;
        draw_grads(model, t);
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < p[i].n; j++) {
                r.g[r.begin[i] + j] = (double)p[i].grad[j];
            }
        }
        *n_clipped += ref_norm(&r) > c->clip_norm ? 1 : 0;
        assert_int_equal(tj_adamw_update(opt, &norm, NULL), TJ_OK);
        assert_true(fabs(norm - ref_norm(&r)) <= 1e-12 * norm);
        ref_update(&r, p, c, t + 1, tj_adamw_lr(c, t));
        worst = fmax(worst, furthest_of(&r, p));
        assert_int_equal(tj_adamw_n_done(opt), t + 1);
    }
    free_ref(&r);
    tj_adamw_destroy(opt);
    return worst;
}

static void updates_equal_the_reference(void **state)
{
    (void)state;
    const tj_schedule schedules[] = {TJ_SCHEDULE_CONSTANT, TJ_SCHEDULE_COSINE, TJ_SCHEDULE_LINEAR};
    for (size_t i = 0; i < 3; i++) {
        tj_adamw_config c = config();
        tj_model_config cfg;
        size_t n_clipped;
        nn_config_options(&cfg, 11 + 2 * i); /* biases, q/k norm, tied, value head: all occur */
        cfg.n_vocab = i == 0 ? 3000 : 37;    /* 72,000 values: more than a work item takes */
        c.schedule = schedules[i];
        c.clip_norm = i == 2 ? 0.0 : 100.0 * sqrt(i == 0 ? 15.0 : 1.0);
        tj_model *model = nn_model(&cfg, TJ_F32, 20 + i);
        double error = compare_updates(model, &c, &n_clipped);
        assert_true(error <= E);
        assert_true(i == 2 || (n_clipped > 3 && n_clipped < 17));
        tj_model_destroy(model);
    }
}

/* From weights of 0 the weights are the updates, so that E is of these. The betas are such as f32
 * holds exactly: 0.999 in f32 is off by 1e-8, but 1 - 0.999 by 1e-5 of itself. */
static void updates_from_zero_equal_the_reference(void **state)
{
    (void)state;
    size_t n;
    size_t n_clipped;
    tj_adamw_config c = config();
    tj_model *model = new_model(79);
    tj_param *p = tj_model_params(model, &n);
    for (size_t i = 0; i < n; i++) {
        memset(p[i].weight, 0, p[i].n * sizeof *p[i].weight);
    }
    c.beta1 = 0.875;
    c.beta2 = 0.9990234375;
    c.clip_norm = 80.0;
    c.eps = 1e-3;
    double error = compare_updates(model, &c, &n_clipped);
    assert_true(error <= E);
    assert_true(n_clipped > 3 && n_clipped < 17);
    tj_model_destroy(model);
}

static void matrices_decay_and_norms_and_biases_do_not(void **state)
{
    (void)state;
    size_t n;
    tj_adamw_config c = config();
    tj_model *model = new_model(11); /* with biases, q/k norms and a value head, untied */
    tj_model *before = new_model(11);
    tj_adamw *opt = new_adamw(model, c);
    tj_param *p = tj_model_params(model, &n);
    tj_param *q = tj_model_params(before, &n);
    float shrink = (float)(1.0 - tj_adamw_lr(&c, 0) * c.weight_decay);
    size_t n_decayed = 0;
    assert_int_equal(tj_adamw_update(opt, NULL, NULL), TJ_OK); /* gradients are all 0 */
    for (size_t i = 0; i < n; i++) {
        bool decays = !is_named_undecayed(p[i].name);
        n_decayed += decays ? 1 : 0;
        for (size_t j = 0; j < p[i].n; j++) {
            q[i].weight[j] *= decays ? shrink : 1.0F;
        }
    }
    assert_int_equal(n_decayed, 2 * 7 + 3);
    nn_assert_same_weights(model, before);
    tj_adamw_destroy(opt);
    tj_model_destroy(model);
    tj_model_destroy(before);
}

/* ---------------------------------------------------------------- schedules */

static void assert_lr(const tj_adamw_config *c, size_t t, double want)
{
    double got = tj_adamw_lr(c, t);
    if (!(fabs(got - want) <= 4.0 * DBL_EPSILON * want)) {
        fail_msg("the rate of update %zu is %.17g, expected %.17g", t, got, want);
    }
}

/* 10 updates of warm-up, then 100 from 1e-3 to 1e-4. */
static tj_adamw_config long_schedule(tj_schedule schedule)
{
    tj_adamw_config c = config();
    c.lr_max = 1e-3;
    c.lr_min = 1e-4;
    c.n_warmup = 10;
    c.n_updates = 110;
    c.schedule = schedule;
    return c;
}

static void warm_up_is_linear_from_the_first_update(void **state)
{
    (void)state;
    for (int s = TJ_SCHEDULE_CONSTANT; s <= TJ_SCHEDULE_LINEAR; s++) {
        tj_adamw_config c = long_schedule((tj_schedule)s);
        for (size_t t = 0; t < 10; t++) {
            assert_lr(&c, t, 1e-4 * (double)(t + 1));
        }
        assert_lr(&c, 10, 1e-3);
        c.n_warmup = 0;
        assert_lr(&c, 0, 1e-3);
        c.n_warmup = 1;
        assert_lr(&c, 0, 1e-3);
        c.n_warmup = 200; /* longer than all */
        assert_lr(&c, 99, 5e-4);
        assert_lr(&c, 199, 1e-3);
        assert_lr(&c, 200, 1e-3);
    }
}

static void schedules_go_through_known_points(void **state)
{
    (void)state;
    tj_adamw_config c = long_schedule(TJ_SCHEDULE_COSINE);
    assert_lr(&c, 35, 1e-4 + 9e-4 * (0.5 + sqrt(0.125)));
    assert_lr(&c, 60, 5.5e-4);
    assert_lr(&c, 85, 1e-4 + 9e-4 * (0.5 - sqrt(0.125)));
    c = long_schedule(TJ_SCHEDULE_LINEAR);
    assert_lr(&c, 35, 7.75e-4);
    assert_lr(&c, 60, 5.5e-4);
    assert_lr(&c, 109, 1.09e-4);
    c = long_schedule(TJ_SCHEDULE_CONSTANT);
    assert_lr(&c, 60, 1e-3);
    assert_lr(&c, 1000, 1e-3);
}

static void schedules_fall_to_the_least_rate_and_stay(void **state)
{
    (void)state;
    const tj_schedule falling[] = {TJ_SCHEDULE_COSINE, TJ_SCHEDULE_LINEAR};
    for (size_t i = 0; i < 2; i++) {
        tj_adamw_config c = long_schedule(falling[i]);
        for (size_t t = 10; t < 110; t++) {
            assert_true(tj_adamw_lr(&c, t + 1) < tj_adamw_lr(&c, t));
            assert_true(tj_adamw_lr(&c, t) >= 1e-4);
        }
        assert_lr(&c, 110, 1e-4);
        assert_lr(&c, 111, 1e-4);
        assert_lr(&c, SIZE_MAX, 1e-4);
    }
}

/* ---------------------------------------------------------------- clipping */

/* The first moment of the first update, over (1 - beta1): the gradient that was used. */
static double used_norm(tj_adamw *opt)
{
    size_t n;
    double sum = 0.0;
    tj_param *p = tj_model_params(tj_adamw_model(opt), &n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < p[i].n; j++) {
            sum += pow((double)tj_adamw_moment(opt, 0, i)[j] / 0.1, 2.0);
        }
    }
    return sqrt(sum);
}

static double norm_of_first_update(double clip_norm, double *used)
{
    double norm;
    tj_adamw_config c = config();
    tj_model *model = new_model(15);
    c.clip_norm = clip_norm;
    tj_adamw *opt = new_adamw(model, c);
    draw_grads(model, 0);
    assert_int_equal(tj_adamw_update(opt, &norm, NULL), TJ_OK);
    *used = used_norm(opt);
    tj_adamw_destroy(opt);
    tj_model_destroy(model);
    return norm;
}

static void clipping_scales_to_the_norm_and_0_clips_nothing(void **state)
{
    (void)state;
    double used;
    double norm = norm_of_first_update(0.0, &used);
    assert_true(norm > 10.0);
    assert_true(fabs(used - norm) <= E * norm);
    const double clips[] = {1e-3, 1.0, 0.99 * norm};
    for (size_t i = 0; i < sizeof clips / sizeof clips[0]; i++) {
        assert_true(norm_of_first_update(clips[i], &used) == norm); /* before clipping */
        assert_true(fabs(used - clips[i]) <= E * clips[i]);
    }
    assert_true(norm_of_first_update(1.01 * norm, &used) == norm);
    assert_true(fabs(used - norm) <= E * norm);
}

/* Their squares are beyond f32, but not the gradients. */
static void norms_beyond_f32_are_finite(void **state)
{
    (void)state;
    const float sizes[] = {1e25F, 1e-25F};
    for (size_t s = 0; s < 2; s++) {
        size_t n;
        double norm;
        tj_adamw_config c = config();
        tj_model *model = new_model(0);
        c.clip_norm = 1.0;
        tj_adamw *opt = new_adamw(model, c);
        tj_param *p = tj_model_params(model, &n);
        p[0].grad[3] = 3.0F * sizes[s];
        p[1].grad[0] = -4.0F * sizes[s];
        assert_int_equal(tj_adamw_update(opt, &norm, NULL), TJ_OK);
        assert_true(fabs(norm / (double)sizes[s] - 5.0) <= E);
        assert_true(isfinite(p[0].weight[3]) && isfinite(p[1].weight[0]));
        tj_adamw_destroy(opt);
        tj_model_destroy(model);
    }
}

/* ---------------------------------------------------------------- errors */

/* Two optimisers go the same way, but one meets a bad gradient in each tensor before update 3. */
static void a_gradient_that_is_not_finite_changes_nothing(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    size_t n;
    tj_model *models[2] = {new_model(79), new_model(79)};
    tj_adamw *opts[2] = {new_adamw(models[0], config()), new_adamw(models[1], config())};
    tj_param *p = tj_model_params(models[0], &n);
    for (size_t t = 0; t < 3; t++) {
        update(opts[0], t);
        update(opts[1], t);
    }
    for (size_t i = 0; i < n; i++) {
        tj_err err = {.msg = ""};
        char text[128];
        double norm = -1.0;
        draw_grads(models[0], 3);
        draw_grads(models[1], 3);
        size_t at = (i % 2 == 0 ? p[i].n - 1 : 0);
        float kept = p[i].grad[at];
        p[i].grad[at] = bad[i % 3];
        assert_int_equal(tj_adamw_update(opts[0], &norm, &err), TJ_E_NUMERIC);
        snprintf(text, sizeof text, "update 3: the gradient of %s is not finite", p[i].name);
        assert_string_equal(err.msg, text);
        assert_true(norm == -1.0);
        assert_same_state(opts[0], opts[1]);
        p[i].grad[at] = kept;
        nn_assert_same_grads(models[0], models[1]);
    }
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(tj_adamw_update(opts[k], NULL, NULL), TJ_OK);
    }
    assert_same_state(opts[0], opts[1]);
    for (size_t k = 0; k < 2; k++) {
        tj_adamw_destroy(opts[k]);
        tj_model_destroy(models[k]);
    }
}

static void impossible_settings_are_refused_by_name(void **state)
{
    (void)state;
    tj_adamw_config bad[10];
    static const char *const names[10] = {"lr_max",    "lr_min", "beta1", "beta1",
                                          "beta2",     "beta2",  "eps",   "weight_decay",
                                          "clip_norm", "lr_max"};
    for (size_t i = 0; i < 10; i++) {
        bad[i] = config();
    }
    bad[0].lr_max = -1e-3;
    bad[1].lr_min = 0.011; /* above lr_max */
    bad[2].beta1 = 1.0;
    bad[3].beta1 = -0.1;
    bad[4].beta2 = 1.0;
    bad[5].beta2 = (double)NAN;
    bad[6].eps = 0.0;
    bad[7].weight_decay = -1.0;
    bad[8].clip_norm = (double)INFINITY;
    bad[9].lr_max = (double)NAN;
    tj_model *model = new_model(0);
    for (size_t i = 0; i < 10; i++) {
        tj_adamw *opt;
        tj_err err = {.msg = ""};
        assert_int_equal(tj_adamw_create(&opt, model, &bad[i], &err), TJ_E_INVAL);
        assert_null(opt);
        assert_non_null(strstr(err.msg, names[i]));
    }
    tj_model_destroy(model);
}

/* Of a model that has no gradients yet: they are made, too. */
static void failing_allocations_give_no_optimiser(void **state)
{
    (void)state;
    tj_model_config cfg;
    tj_adamw_config c = config();
    tj_code rc = TJ_E_NOMEM;
    size_t k = 0;
    nn_config_options(&cfg, 79);
    for (; rc != TJ_OK; k++) {
        tj_model *model;
        tj_adamw *opt;
        assert_int_equal(tj_model_create(&model, &cfg, TJ_F32, 5, NULL), TJ_OK);
        tj_alloc_fail_after(k);
        rc = tj_adamw_create(&opt, model, &c, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true((rc == TJ_OK) == (opt != NULL));
        assert_true(k < 20);
        if (rc != TJ_OK) {
            opt = new_adamw(model, c);
        }
        update(opt, 0);
        tj_adamw_destroy(opt);
        tj_model_destroy(model);
    }
    assert_int_equal(
        k - 1,
        3 + 5); /* the gradients, the other half of a tied one and its rows; the optimiser's */
}

/* ---------------------------------------------------------------- freezing */

/* A model as new_model makes them, with frozen[i] parameters. */
static tj_model *frozen_model(size_t option, const bool *frozen)
{
    tj_model *model;
    tj_model *like = new_model(option);
    size_t n;
    assert_int_equal(tj_model_create(&model, tj_model_cfg(like), TJ_F32, 1, NULL), TJ_OK);
    tj_param *p = tj_model_params(model, &n);
    const tj_param *q = tj_model_params(like, &n);
    for (size_t i = 0; i < n; i++) {
        memcpy(p[i].weight, q[i].weight, p[i].n * sizeof *p[i].weight);
        p[i].trainable = !frozen[i];
    }
    assert_int_equal(tj_model_make_grads(model, NULL), TJ_OK);
    assert_int_equal(tj_model_refresh(model, NULL), TJ_OK);
    tj_model_destroy(like);
    return model;
}

/* Gradients of a chain with loss and value rows. */
static void backward(tj_model *model)
{
    enum { N = 40 };
    int32_t ids[N];
    float dlogp[N];
    float logp[N];
    float values[2];
    const float dvalues[2] = {1.0F, -0.5F};
    tj_forest *f;
    tj_pass *pass;
    size_t segment;
    tj_rng rng;
    tj_rng_init(&rng, 12, 0, 0, 0);
    nn_ids(ids, N, 37, &rng);
    assert_int_equal(tj_forest_create(&f, NULL), TJ_OK);
    assert_int_equal(tj_forest_add(f, &segment, TJ_NO_SEGMENT, ids, N, NULL), TJ_OK);
    for (size_t i = 0; i < N; i++) {
        dlogp[i] = (float)tj_rng_normal(&rng);
        assert_int_equal(tj_forest_add_loss_row(f, NULL, segment, i, ids[(i + 1) % N], NULL),
                         TJ_OK);
    }
    for (size_t i = 0; tj_model_cfg(model)->value_head && i < 2; i++) {
        assert_int_equal(tj_forest_add_value_row(f, NULL, segment, 10 * i, NULL), TJ_OK);
    }
    assert_int_equal(tj_pass_create(&pass, model, (tj_pass_options){.train = true}, NULL), TJ_OK);
    assert_int_equal(tj_forward(pass, f, logp, values, NULL), TJ_OK);
    assert_int_equal(tj_backward(pass, f, dlogp, dvalues, NULL), TJ_OK);
    tj_model_join_grads(model);
    tj_pass_destroy(pass);
    tj_forest_destroy(f);
}

/* The trainable parameters have the gradients of `all`, a model with none frozen, and the norm is
 * theirs; after two updates they have changed, the others not. */
static void check_frozen(size_t option, const bool *frozen, tj_model *all)
{
    size_t n;
    tj_model *model = frozen_model(option, frozen);
    tj_model *before = new_model(option);
    tj_param *p = tj_model_params(model, &n);
    const tj_param *a = tj_model_params(all, &n);
    const tj_param *b = tj_model_params(before, &n);
    tj_adamw *opt = new_adamw(model, config());
    double sum = 0.0;
    double norm;
    backward(model);
    for (size_t i = 0; i < n; i++) {
        assert_true((p[i].grad == NULL) == frozen[i]);
        if (!frozen[i]) {
            nn_assert_same_bits(p[i].grad, a[i].grad, p[i].n, p[i].name);
        }
        for (size_t j = 0; !frozen[i] && j < p[i].n; j++) {
            sum += (double)p[i].grad[j] * (double)p[i].grad[j];
        }
    }
    assert_int_equal(tj_adamw_update(opt, &norm, NULL), TJ_OK);
    assert_true(fabs(norm - sqrt(sum)) <= 1e-12 * norm);
    backward(model);
    assert_int_equal(tj_adamw_update(opt, NULL, NULL), TJ_OK);
    for (size_t i = 0; i < n; i++) {
        bool same = memcmp(p[i].weight, b[i].weight, p[i].n * sizeof *p[i].weight) == 0;
        if (same != frozen[i]) {
            fail_msg("%s: %s", p[i].name, same ? "trained, but unchanged" : "frozen, but changed");
        }
    }
    tj_adamw_destroy(opt);
    tj_model_destroy(model);
    tj_model_destroy(before);
}

static void frozen_parameters_keep_their_bits(void **state)
{
    (void)state;
    static const size_t options[] = {11, 79}; /* untied and tied, all else on */
    for (size_t k = 0; k < 2; k++) {
        bool frozen[64] = {false};
        size_t n;
        tj_model *all = new_model(options[k]);
        tj_model_params(all, &n);
        assert_true(n <= 64);
        backward(all);
        check_frozen(options[k], frozen, all);
        for (size_t i = 0; i < n; i++) { /* each alone */
            frozen[i] = true;
            check_frozen(options[k], frozen, all);
            frozen[i] = false;
        }
        for (size_t i = 0; i < n; i++) { /* all but one */
            for (size_t j = 0; j < n; j++) {
                frozen[j] = j != i;
            }
            check_frozen(options[k], frozen, all);
        }
        tj_model_destroy(all);
    }
}

/* ---------------------------------------------------------------- the state in a file */

static void a_loaded_state_gives_the_same_further_bits(void **state)
{
    (void)state;
    const char *path = nn_in_folder("optimizer.safetensors");
    for (size_t stop = 0; stop < 10; stop += 3) {
        tj_model *models[2] = {new_model(79), new_model(79)};
        tj_adamw *opts[2] = {new_adamw(models[0], config()), new_adamw(models[1], config())};
        size_t n;
        for (size_t t = 0; t < stop; t++) {
            update(opts[0], t);
        }
        update(opts[1], 77); /* what it holds before does not matter */
        assert_int_equal(tj_adamw_save(opts[0], path, NULL), TJ_OK);
        assert_int_equal(tj_adamw_load(opts[1], path, NULL), TJ_OK);
        const tj_param *from = tj_model_params(models[0], &n);
        tj_param *to = tj_model_params(models[1], &n);
        for (size_t i = 0; i < n; i++) {
            memcpy(to[i].weight, from[i].weight, from[i].n * sizeof *from[i].weight);
        }
        for (size_t t = stop; t < 12; t++) {
            update(opts[0], t);
            update(opts[1], t);
            assert_same_state(opts[0], opts[1]);
        }
        for (size_t k = 0; k < 2; k++) {
            tj_adamw_destroy(opts[k]);
            tj_model_destroy(models[k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_equal_the_reference),
        cmocka_unit_test(updates_from_zero_equal_the_reference),
        cmocka_unit_test(matrices_decay_and_norms_and_biases_do_not),
        cmocka_unit_test(warm_up_is_linear_from_the_first_update),
        cmocka_unit_test(schedules_go_through_known_points),
        cmocka_unit_test(schedules_fall_to_the_least_rate_and_stay),
        cmocka_unit_test(clipping_scales_to_the_norm_and_0_clips_nothing),
        cmocka_unit_test(norms_beyond_f32_are_finite),
        cmocka_unit_test(a_gradient_that_is_not_finite_changes_nothing),
        cmocka_unit_test(impossible_settings_are_refused_by_name),
        cmocka_unit_test(failing_allocations_give_no_optimiser),
        cmocka_unit_test(frozen_parameters_keep_their_bits),
        cmocka_unit_test_setup_teardown(a_loaded_state_gives_the_same_further_bits, nn_make_folder,
                                        nn_remove_folder),
    };
    tj_par_set_threads(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
