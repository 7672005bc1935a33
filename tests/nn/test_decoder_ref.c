/* The reference decoder's gradients, operation by operation and whole, against central differences:
 * relative error below 1e-6 (five-point differences in double reach 1e-9). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/nn_testing.h"

#define E          1e-6
#define MAX_VALUES 2048

/* ---------------------------------------------------------------- operations
 *
 * The loss of an operation is the sum of its outputs with fixed random weights. */

typedef struct op {
    void (*run)(struct op *op);
    double in[4][MAX_VALUES];  /* inputs */
    double din[4][MAX_VALUES]; /* their gradients */
    double out[MAX_VALUES], dout[MAX_VALUES], probs[MAX_VALUES];
    size_t n_out;
    tj_ref_attn attn;
    size_t window;
} op;

static double loss(void *ctx)
{
    op *o = ctx;
    double sum = 0.0;
    o->run(o);
    for (size_t i = 0; i < o->n_out; i++) {
        sum += o->out[i] * o->dout[i];
    }
    return sum;
}

static op *make_op(void (*run)(op *), size_t n_out, uint64_t seed)
{
    op *o = calloc(1, sizeof *o);
    tj_rng rng;
    assert_non_null(o);
    tj_rng_init(&rng, seed, 0, 0, 0);
    for (size_t i = 0; i < MAX_VALUES; i++) {
        for (size_t j = 0; j < 4; j++) {
            o->in[j][i] = tj_rng_normal(&rng);
        }
        o->dout[i] = tj_rng_normal(&rng);
    }
    o->run = run;
    o->n_out = n_out;
    return o;
}

static void check(op *o, size_t input, size_t n)
{
    double error = nn_gradient_error(o->in[input], o->din[input], n, loss, o);
    if (!(error < E)) {
        fail_msg("input %zu: relative error %g", input, error);
    }
}

#define ROWS 3
#define IN   7
#define OUT  5

static void run_rmsnorm(op *o)
{
    tj_ref_rmsnorm(o->out, o->in[0], o->in[1], 0.5, 1e-2, ROWS, IN);
}

static void rmsnorm_gradient_is_its_slope(void **state)
{
    (void)state;
    op *o = make_op(run_rmsnorm, ROWS * IN, 1);
    tj_ref_rmsnorm_bwd(o->din[0], o->din[1], o->dout, o->in[0], o->in[1], 0.5, 1e-2, ROWS, IN);
    check(o, 0, ROWS * IN);
    check(o, 1, IN);
    free(o);
}

static void run_linear(op *o)
{
    tj_ref_linear(o->out, o->in[0], o->in[1], o->in[2], ROWS, IN, OUT);
}

static void linear_gradient_is_its_slope(void **state)
{
    (void)state;
    op *o = make_op(run_linear, ROWS * OUT, 2);
    tj_ref_linear_bwd(o->din[0], o->din[1], o->din[2], o->dout, o->in[0], o->in[1], ROWS, IN, OUT);
    check(o, 0, ROWS * IN);
    check(o, 1, OUT * IN);
    check(o, 2, OUT);
    free(o);
}

static void run_rope(op *o)
{
    memcpy(o->out, o->in[0], o->n_out * sizeof *o->out);
    tj_ref_rope(o->out, 9, 2, 6, &(tj_rope){.theta = 100.0}, 1.0);
}

static void rope_gradient_is_its_slope(void **state)
{
    (void)state;
    op *o = make_op(run_rope, 9 * 2 * 6, 3);
    memcpy(o->din[0], o->dout, o->n_out * sizeof *o->dout);
    tj_ref_rope(o->din[0], 9, 2, 6, &(tj_rope){.theta = 100.0}, -1.0);
    check(o, 0, o->n_out);
    free(o);
}

/* The score of a rotated query and key depends on the distance of their positions alone. */
static void rope_scores_depend_on_distance(void **state)
{
    (void)state;
    enum { N = 12, D = 8 };
    double q[N * D];
    double k[N * D];
    for (size_t i = 0; i < N * D; i++) {
        q[i] = sin(1.0 + (double)(i % D));
        k[i] = cos(2.0 + 3.0 * (double)(i % D));
    }
    tj_ref_rope(q, N, 1, D, &(tj_rope){.theta = 1000.0}, 1.0);
    tj_ref_rope(k, N, 1, D, &(tj_rope){.theta = 1000.0}, 1.0);
    for (size_t shift = 1; shift < 6; shift++) {
        double a = 0.0;
        double b = 0.0;
        for (size_t d = 0; d < D; d++) {
            a += q[6 * D + d] * k[2 * D + d];
            b += q[(6 + shift - 1) * D + d] * k[(2 + shift - 1) * D + d];
        }
        assert_true(fabs(a - b) < 1e-5); /* angles are rounded to f32 */
    }
}

static void run_attention(op *o)
{
    tj_ref_attention(o->out, o->probs, o->in[0], o->in[1], o->in[2], &o->attn);
}

static void check_attention(size_t window, double scale)
{
    op *o = make_op(run_attention, (size_t)6 * 4 * 3, 4 + window);
    o->attn = (tj_ref_attn){
        .n = 6, .n_heads = 4, .n_kv_heads = 2, .head_dim = 3, .window = window, .scale = scale};
    run_attention(o);
    tj_ref_attention_bwd(o->din[0], o->din[1], o->din[2], o->dout, o->probs, o->in[0], o->in[1],
                         o->in[2], &o->attn);
    check(o, 0, (size_t)6 * 4 * 3);
    check(o, 1, (size_t)6 * 2 * 3);
    check(o, 2, (size_t)6 * 2 * 3);
    free(o);
}

static void attention_gradient_is_its_slope(void **state)
{
    (void)state;
    check_attention(0, 0.6);
    check_attention(2, 0.6);
    check_attention(4, 1.3);
}

static void attention_of_window_one_gives_own_value(void **state)
{
    (void)state;
    op *o = make_op(run_attention, (size_t)6 * 2 * 3, 9);
    o->attn = (tj_ref_attn){
        .n = 6, .n_heads = 2, .n_kv_heads = 2, .head_dim = 3, .window = 1, .scale = 1.0};
    run_attention(o);
    for (size_t i = 0; i < o->n_out; i++) {
        assert_true(fabs(o->out[i] - o->in[2][i]) < 1e-15);
    }
    free(o);
}

static tj_activation activation;

static void run_glu(op *o)
{
    tj_ref_glu(o->out, o->in[0], o->in[1], activation, 40);
}

static void gated_units_gradients_are_their_slopes(void **state)
{
    (void)state;
    for (activation = TJ_SILU; activation <= TJ_GELU_TANH; activation++) {
        op *o = make_op(run_glu, 40, 5);
        tj_ref_glu_bwd(o->din[0], o->din[1], o->dout, o->in[0], o->in[1], activation, 40);
        check(o, 0, 40);
        check(o, 1, 40);
        free(o);
    }
}

static void run_logp(op *o)
{
    o->out[0] = tj_ref_logp(o->in[0], 11, 4);
}

static void logp_gradient_is_its_slope(void **state)
{
    (void)state;
    op *o = make_op(run_logp, 1, 6);
    tj_ref_logp_bwd(o->din[0], o->dout[0], o->in[0], 11, 4);
    check(o, 0, 11);
    free(o);
}

static void logp_survives_large_logits(void **state)
{
    (void)state;
    double x[3] = {1e4, -1e4, 1e4};
    assert_true(fabs(tj_ref_logp(x, 3, 0) + log(2.0)) < 1e-12);
    assert_true(fabs(tj_ref_logp(x, 3, 1) + 2e4 + log(2.0)) < 1e-9);
}

/* ---------------------------------------------------------------- the whole decoder */

#define N_TOKENS 7
#define N_ROWS   5
#define N_VALUES 2

static const int32_t ids[N_TOKENS] = {3, 7, 3, 0, 10, 7, 1};
static const size_t row_at[N_ROWS] = {0, 2, 2, 5, 6};
static const int32_t row_target[N_ROWS] = {7, 0, 3, 1, 9};
static const size_t value_at[N_VALUES] = {3, 6};
static const double dlogp[N_ROWS] = {-0.5, 0.25, -1.0, -0.7, 0.1};
static const double dvalues[N_VALUES] = {0.8, -0.3};

typedef struct whole {
    tj_ref *ref;
    tj_ref_chain chain;
} whole;

static double whole_loss(void *ctx)
{
    whole *w = ctx;
    double logp[N_ROWS];
    double values[N_VALUES];
    double sum = 0.0;
    assert_int_equal(tj_ref_run(w->ref, &w->chain, logp, values, NULL, NULL, NULL), TJ_OK);
    for (size_t i = 0; i < N_ROWS; i++) {
        sum += dlogp[i] * logp[i];
    }
    for (size_t i = 0; i < w->chain.n_values; i++) {
        sum += dvalues[i] * values[i];
    }
    return sum;
}

static void check_whole(size_t option)
{
    tj_model_config cfg;
    double logp[N_ROWS];
    double values[N_VALUES];
    nn_config_options(&cfg, option);
    cfg.n_vocab = 11;
    cfg.width = 6;
    cfg.n_heads = 2;
    cfg.n_kv_heads = 1;
    cfg.head_dim = 4;
    cfg.ffn_width = 5;
    cfg.norm_eps = cfg.post_norms ? 0.3 : 1e-2; /* smooth enough for differences of 1e-3 */
    tj_model *model = nn_any_model(&cfg, TJ_F32, option);
    whole w = {.ref = nn_ref(model),
               .chain = {.ids = ids,
                         .n = N_TOKENS,
                         .row_at = row_at,
                         .row_target = row_target,
                         .n_rows = N_ROWS,
                         .value_at = value_at,
                         .n_values = cfg.value_head ? N_VALUES : 0}};
    assert_int_equal(
        tj_ref_run(w.ref, &w.chain, logp, values, dlogp, cfg.value_head ? dvalues : NULL, NULL),
        TJ_OK);
    for (size_t i = 0; i < w.ref->n_tensors; i++) {
        tj_ref_tensor *t = &w.ref->tensors[i];
        double error = nn_gradient_error(t->w, t->g, t->n, whole_loss, &w);
        if (!(error < E)) {
            fail_msg("%s (option %zu): relative error %g", t->name, option, error);
        }
    }
    tj_ref_destroy(w.ref);
    tj_model_destroy(model);
}

/* All options change in every seventh: 7 and 96 have no common factor, so each bit and kind is met
 * with each other. */
static void whole_gradient_is_its_slope(void **state)
{
    (void)state;
    for (size_t i = 0; i < 12; i++) {
        check_whole(i * 7 % NN_N_OPTIONS);
    }
    check_whole(NN_N_OPTIONS - 1);
}

static void gradients_add_up_over_runs(void **state)
{
    (void)state;
    tj_model_config cfg;
    double logp[N_ROWS];
    double values[N_VALUES];
    nn_config_options(&cfg, NN_N_OPTIONS - 1);
    tj_model *model = nn_model(&cfg, TJ_F32, 1);
    tj_ref *once = nn_ref(model);
    tj_ref *twice = nn_ref(model);
    tj_ref_chain chain = {ids, N_TOKENS, row_at, row_target, N_ROWS, value_at, N_VALUES};
    assert_int_equal(tj_ref_run(once, &chain, logp, values, dlogp, dvalues, NULL), TJ_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(tj_ref_run(twice, &chain, logp, values, dlogp, dvalues, NULL), TJ_OK);
    }
    for (size_t i = 0; i < once->n_tensors; i++) {
        for (size_t j = 0; j < once->tensors[i].n; j++) {
            double a = 2.0 * once->tensors[i].g[j];
            assert_true(fabs(twice->tensors[i].g[j] - a) <= 1e-12 * fmax(1.0, fabs(a)));
        }
    }
    tj_ref_destroy(once);
    tj_ref_destroy(twice);
    tj_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rmsnorm_gradient_is_its_slope),
        cmocka_unit_test(linear_gradient_is_its_slope),
        cmocka_unit_test(rope_gradient_is_its_slope),
        cmocka_unit_test(rope_scores_depend_on_distance),
        cmocka_unit_test(attention_gradient_is_its_slope),
        cmocka_unit_test(attention_of_window_one_gives_own_value),
        cmocka_unit_test(gated_units_gradients_are_their_slopes),
        cmocka_unit_test(logp_gradient_is_its_slope),
        cmocka_unit_test(logp_survives_large_logits),
        cmocka_unit_test(whole_gradient_is_its_slope),
        cmocka_unit_test(gradients_add_up_over_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
