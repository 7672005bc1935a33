/* Random forests against their root-to-leaf paths run one by one: losses, values, gradients and
 * log-probabilities to 1e-5 in f32; TABIJI_TEST_SHAPES says how many (1,000). A path is a forest of
 * one chain, which test_decoder.c holds to the reference. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/par.h"
#include "nn/nn_testing.h"

#define N_SHAPES     1000
#define E            1e-5
#define MAX_SEGMENTS 14
#define MAX_LENGTH   80
#define MAX_ROWS     160

typedef struct piece {
    size_t parent; /* TJ_NO_SEGMENT: a root */
    int32_t ids[MAX_LENGTH];
    size_t n;
    bool is_leaf;
} piece;

typedef struct asked {
    size_t segment, offset;
    int32_t target;
    float dlogp, logp, path_logp;
    bool is_value, is_done;
} asked;

typedef struct shape {
    piece segments[MAX_SEGMENTS];
    size_t n_segments;
    asked rows[MAX_ROWS];
    size_t n_rows;
} shape;

/* Empty and one-token segments, those around a tile of keys, and any. */
static size_t draw_length(tj_rng *rng)
{
    static const size_t edges[] = {0, 1, 1, 2, 31, 32, 33, 63, 64, 65};
    if (tj_rng_below(rng, 2) == 0) {
        return edges[tj_rng_below(rng, sizeof edges / sizeof edges[0])];
    }
    return (size_t)tj_rng_below(rng, 24);
}

/* A deep chain, a wide fan, several roots, or any tree. */
static size_t draw_parent(tj_rng *rng, size_t kind, size_t i)
{
    if (i == 0 || (kind >= 2 && tj_rng_below(rng, kind == 2 ? 3 : 8) == 0)) {
        return TJ_NO_SEGMENT;
    }
    return kind == 0 ? i - 1 : kind == 1 ? 0 : (size_t)tj_rng_below(rng, i);
}

static void draw_rows(shape *s, size_t segment, const tj_model_config *cfg, tj_rng *rng)
{
    for (size_t k = 0; k < 8 && s->segments[segment].n > 0 && s->n_rows < MAX_ROWS; k++) {
        asked *r = &s->rows[s->n_rows++];
        *r = (asked){.segment = segment,
                     .offset = (size_t)tj_rng_below(rng, s->segments[segment].n),
                     .dlogp = (float)tj_rng_normal(rng),
                     .is_value = cfg->value_head && k == 0};
        nn_ids(&r->target, 1, cfg->n_vocab, rng);
    }
}

static void draw_shape(shape *s, const tj_model_config *cfg, uint64_t seed, size_t number)
{
    tj_rng rng;
    memset(s, 0, sizeof *s);
    tj_rng_init(&rng, seed, number, 0, 0);
    s->n_segments = 1 + (size_t)tj_rng_below(&rng, MAX_SEGMENTS);
    for (size_t i = 0; i < s->n_segments; i++) {
        piece *g = &s->segments[i];
        g->parent = draw_parent(&rng, number / NN_N_OPTIONS % 4, i);
        g->n = draw_length(&rng);
        g->is_leaf = true;
        nn_ids(g->ids, g->n, cfg->n_vocab, &rng);
        if (g->parent != TJ_NO_SEGMENT) {
            s->segments[g->parent].is_leaf = false;
        }
        draw_rows(s, i, cfg, &rng);
    }
}

static void run(tj_model *model, const tj_forest *forest, tj_pass_options options, float *logp,
                const float *dlogp, float *values, const float *dvalues)
{
    tj_pass *pass;
    tj_err err = {.msg = ""};
    assert_int_equal(tj_pass_create(&pass, model, options, NULL), TJ_OK);
    if (tj_forward(pass, forest, logp, values, &err) != TJ_OK ||
        tj_backward(pass, forest, dlogp, dvalues, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_pass_destroy(pass);
}

typedef struct numbers { /* of the loss and value rows, apart */
    float logp[MAX_ROWS], dlogp[MAX_ROWS], values[MAX_ROWS], dvalues[MAX_ROWS];
    size_t of_logp[MAX_ROWS], of_value[MAX_ROWS];
    size_t n_logp, n_values;
} numbers;

static void add_row(tj_forest *f, numbers *n, const shape *s, size_t r, size_t segment,
                    size_t offset)
{
    const asked *row = &s->rows[r];
    if (row->is_value) {
        assert_int_equal(tj_forest_add_value_row(f, NULL, segment, offset, NULL), TJ_OK);
        n->of_value[n->n_values] = r;
        n->dvalues[n->n_values++] = row->dlogp;
        return;
    }
    assert_int_equal(tj_forest_add_loss_row(f, NULL, segment, offset, row->target, NULL), TJ_OK);
    n->of_logp[n->n_logp] = r;
    n->dlogp[n->n_logp++] = row->dlogp;
}

static void run_forest(tj_model *model, shape *s, bool recompute)
{
    tj_forest *f;
    numbers n = {.n_logp = 0};
    size_t ids[MAX_SEGMENTS];
    assert_int_equal(tj_forest_create(&f, NULL), TJ_OK);
    for (size_t i = 0; i < s->n_segments; i++) {
        const piece *g = &s->segments[i];
        size_t parent = g->parent == TJ_NO_SEGMENT ? TJ_NO_SEGMENT : ids[g->parent];
        assert_int_equal(tj_forest_add(f, &ids[i], parent, g->ids, g->n, NULL), TJ_OK);
    }
    for (size_t r = 0; r < s->n_rows; r++) {
        add_row(f, &n, s, r, ids[s->rows[r].segment], s->rows[r].offset);
    }
    run(model, f, (tj_pass_options){.train = true, .recompute = recompute}, n.logp, n.dlogp,
        n.values, n.dvalues);
    for (size_t i = 0; i < n.n_logp; i++) {
        s->rows[n.of_logp[i]].logp = n.logp[i];
    }
    for (size_t i = 0; i < n.n_values; i++) {
        s->rows[n.of_value[i]].logp = n.values[i];
    }
    tj_forest_destroy(f);
}

/* One path, with the rows that no earlier path has had. */
static void run_path(tj_model *model, shape *s, size_t leaf)
{
    size_t path[MAX_SEGMENTS];
    size_t begin[MAX_SEGMENTS];
    int32_t ids[MAX_SEGMENTS * MAX_LENGTH];
    numbers n = {.n_logp = 0};
    size_t depth = 0;
    size_t length = 0;
    size_t chain;
    tj_forest *f;
    for (size_t i = leaf; i != TJ_NO_SEGMENT; i = s->segments[i].parent) {
        path[depth++] = i;
    }
    for (size_t d = depth; d-- > 0;) {
        const piece *g = &s->segments[path[d]];
        begin[d] = length;
        memcpy(ids + length, g->ids, g->n * sizeof *ids);
        length += g->n;
    }
    assert_int_equal(tj_forest_create(&f, NULL), TJ_OK);
    assert_int_equal(tj_forest_add(f, &chain, TJ_NO_SEGMENT, ids, length, NULL), TJ_OK);
    for (size_t r = 0; r < s->n_rows; r++) {
        for (size_t d = 0; d < depth && !s->rows[r].is_done; d++) {
            if (path[d] == s->rows[r].segment) {
                add_row(f, &n, s, r, chain, begin[d] + s->rows[r].offset);
                s->rows[r].is_done = true;
            }
        }
    }
    run(model, f, (tj_pass_options){.train = true}, n.logp, n.dlogp, n.values, n.dvalues);
    for (size_t i = 0; i < n.n_logp; i++) {
        s->rows[n.of_logp[i]].path_logp = n.logp[i];
    }
    for (size_t i = 0; i < n.n_values; i++) {
        s->rows[n.of_value[i]].path_logp = n.values[i];
    }
    tj_forest_destroy(f);
}

static void run_paths(tj_model *model, shape *s)
{
    for (size_t r = 0; r < s->n_rows; r++) {
        s->rows[r].is_done = false;
    }
    for (size_t i = 0; i < s->n_segments; i++) {
        if (s->segments[i].is_leaf) {
            run_path(model, s, i);
        }
    }
    tj_model_join_grads(model);
}

static float nudge(float x, tj_rng *rng)
{
    return nextafterf(x, tj_rng_below(rng, 2) == 0 ? 9e9F : -9e9F);
}

/* The paths' gradients where every weight and every derivative given is one rounding off. */
static tj_model *run_rounded(const tj_model_config *cfg, shape *s, uint64_t model_seed)
{
    tj_model *model = nn_any_model(cfg, TJ_F32, model_seed);
    size_t n;
    tj_rng rng;
    tj_param *p = tj_model_params(model, &n);
    tj_rng_init(&rng, model_seed, 77, 0, 0);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < p[i].n; j++) {
            p[i].weight[j] = nudge(p[i].weight[j], &rng);
        }
    }
    for (size_t r = 0; r < s->n_rows; r++) {
        s->rows[r].dlogp = nudge(s->rows[r].dlogp, &rng);
    }
    assert_int_equal(tj_model_refresh(model, NULL), TJ_OK);
    run_paths(model, s);
    return model;
}

static void check_shape(tj_model *forest, tj_model *paths, uint64_t model_seed, uint64_t seed,
                        size_t number)
{
    const tj_model_config *cfg = tj_model_cfg(forest);
    shape *s = malloc(sizeof *s);
    const char *where = "";
    double by = 0.0;
    assert_non_null(s);
    draw_shape(s, cfg, seed, number);
    run_forest(forest, s, number % 3 == 0);
    tj_model_join_grads(forest);
    run_paths(paths, s);
    for (size_t r = 0; r < s->n_rows; r++) {
        double d = fabs((double)s->rows[r].logp - (double)s->rows[r].path_logp);
        assert_true(s->rows[r].is_done);
        double allowed = cfg->post_norms ? 3.0 * E : E; /* they enlarge small outputs, and errors */
        if (!(d <= allowed * fmax(1.0, fabs((double)s->rows[r].path_logp)))) {
            fail_msg("shape %zu (%s): row %zu differs by %g", number, nn_config_name(cfg), r, d);
        }
    }
    /* seldom: a gradient that nearly cancels */
    if (!nn_grads_are_near(forest, paths, NULL, E, &where, &by)) {
        tj_model *rounded = run_rounded(cfg, s, model_seed);
        if (!nn_grads_are_near(forest, paths, rounded, E, &where, &by)) {
            fail_msg("shape %zu (%s): gradient of %s differs by %g", number, nn_config_name(cfg),
                     where, by);
        }
        tj_model_destroy(rounded);
    }
    free(s);
}

static void forests_equal_their_paths(void **state)
{
    (void)state;
    uint64_t seed = nn_seed(1);
    const char *more = getenv("TABIJI_TEST_SHAPES");
    size_t n_shapes = more == NULL ? N_SHAPES : strtoul(more, NULL, 10);
    assert_true(n_shapes > 0);
    for (size_t option = 0; option < NN_N_OPTIONS; option++) {
        tj_model_config cfg;
        nn_config_options(&cfg, option);
        cfg.max_positions = MAX_SEGMENTS * MAX_LENGTH;
        tj_model *forest = nn_any_model(&cfg, TJ_F32, seed + option);
        tj_model *paths = nn_any_model(&cfg, TJ_F32, seed + option);
        for (size_t i = option; i < n_shapes; i += NN_N_OPTIONS) {
            check_shape(forest, paths, seed + option, seed, i);
            tj_model_zero_grads(forest);
            tj_model_zero_grads(paths);
        }
        tj_model_destroy(forest);
        tj_model_destroy(paths);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forests_equal_their_paths)};
    tj_par_set_threads(1); /* 3,000 small passes: a second thread would only wait */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
