/* The sampler against definitions: a plain sort-and-sum reference for the filtered distribution,
 * exact frequencies by sweeping u over a fine grid, a chi-square test with the real random stream,
 * and log-probabilities in long double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "infer/sampler.h"

#define MAX_VOCAB 3000

static const tj_sampling plain = {.temperature = 1.0, .top_p = 1.0};

static void draw_logits(float *logits, size_t n, double spread, uint64_t seed)
{
    tj_rng rng;
    tj_rng_init(&rng, seed, 0, 0, 0);
    for (size_t i = 0; i < n; i++) {
        logits[i] = (float)(spread * tj_rng_normal(&rng));
    }
}

static tj_sampler make(size_t n)
{
    tj_sampler s;
    tj_sampler_init(&s);
    assert_int_equal(tj_sampler_reserve(&s, n, NULL), TJ_OK);
    return s;
}

/* ------------------------------------------------------------ the definition */

typedef struct token {
    double p;
    float logit;
    size_t id;
} token;

static int by_logit(const void *a, const void *b)
{
    const token *x = a;
    const token *y = b;
    if (x->logit > y->logit || x->logit < y->logit) {
        return x->logit > y->logit ? -1 : 1;
    }
    return x->id < y->id ? -1 : 1;
}

static void reference(double *probs, const float *logits, size_t n, const tj_sampling *s)
{
    static token tokens[MAX_VOCAB];
    double max = -HUGE_VAL;
    for (size_t i = 0; i < n; i++) {
        max = fmax(max, (double)logits[i]);
    }
    for (size_t i = 0; i < n; i++) {
        tokens[i] = (token){
            .p = exp(((double)logits[i] - max) / s->temperature), .logit = logits[i], .id = i};
    }
    qsort(tokens, n, sizeof *tokens, by_logit);
    size_t kept = s->top_k > 0 && s->top_k < n ? s->top_k : n;
    double mass = 0.0;
    for (size_t i = 0; i < kept; i++) {
        mass += tokens[i].p;
    }
    if (s->top_p < 1.0) {
        double sum = 0.0;
        size_t m = 0;
        while (m < kept && sum < s->top_p * mass) {
            sum += tokens[m++].p;
        }
        kept = m;
    }
    size_t m = 1;
    while (m < kept && tokens[m].p >= s->min_p * tokens[0].p) {
        m++;
    }
    kept = m;
    mass = 0.0;
    for (size_t i = 0; i < kept; i++) {
        mass += tokens[i].p;
    }
    memset(probs, 0, n * sizeof *probs);
    for (size_t i = 0; i < kept; i++) {
        probs[tokens[i].id] = tokens[i].p / mass;
    }
}

static void filters_equal_their_definition(void **state)
{
    (void)state;
    static float logits[MAX_VOCAB];
    static double got[MAX_VOCAB];
    static double want[MAX_VOCAB];
    size_t sizes[] = {1, 2, 15, 16, 17, 300, MAX_VOCAB};
    size_t ks[] = {0, 1, 2, 7, 50, 299, 5000};
    double ps[] = {1.0, 0.95, 0.5, 0.01, 1e-9};
    double mins[] = {0.0, 0.05, 0.5, 1.0};
    double temperatures[] = {1.0, 0.3, 2.5, 0.01};
    tj_sampler sampler = make(MAX_VOCAB);
    for (size_t c = 0; c < 7 * 7 * 5 * 4 * 4; c++) {
        size_t n = sizes[c % 7];
        tj_sampling s = {.temperature = temperatures[c / 7 / 7 / 5 / 4 % 4],
                         .top_k = ks[c / 7 % 7],
                         .top_p = ps[c / 7 / 7 % 5],
                         .min_p = mins[c / 7 / 7 / 5 % 4]};
        draw_logits(logits, n, 4.0, c);
        for (size_t i = 0; i < n && c % 3 == 0; i++) { /* many ties */
            logits[i] = roundf(logits[i]);
        }
        if (n > 20) { /* and a token that cannot be */
            logits[5] = -INFINITY;
        }
        assert_int_equal(tj_sampler_probs(&sampler, got, logits, n, &s, NULL), TJ_OK);
        reference(want, logits, n, &s);
        for (size_t i = 0; i < n; i++) {
            if (fabs(got[i] - want[i]) > 1e-12) {
                fail_msg("case %zu: p[%zu] is %.17g, want %.17g", c, i, got[i], want[i]);
            }
        }
    }
    tj_sampler_deinit(&sampler);
}

/* A draw is a step function of u: sweeping u over a grid gives each token its share, to one grid
 * step at each of its two edges. */
static void draws_over_a_grid_have_exact_shares(void **state)
{
    (void)state;
    enum { N = 40, GRID = 200000 };
    float logits[N];
    tj_sampling cases[] = {plain,
                           {.temperature = 0.7, .top_p = 0.9},
                           {.temperature = 1.3, .top_p = 1.0, .top_k = 5},
                           {.temperature = 1.0, .top_p = 1.0, .min_p = 0.1},
                           {.temperature = 1.0, .top_p = 0.8, .top_k = 9, .min_p = 0.02}};
    tj_sampler sampler = make(N);
    draw_logits(logits, N, 2.0, 9);
    logits[3] = -INFINITY;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        double probs[N];
        size_t counts[N] = {0};
        assert_int_equal(tj_sampler_probs(&sampler, probs, logits, N, &cases[c], NULL), TJ_OK);
        for (size_t g = 0; g < GRID; g++) {
            int32_t id = -1;
            assert_int_equal(tj_sampler_draw(&sampler, &id, NULL, NULL, logits, N, &cases[c],
                                             ((double)g + 0.5) / GRID, NULL),
                             TJ_OK);
            assert_in_range(id, 0, N - 1);
            counts[id]++;
        }
        for (size_t i = 0; i < N; i++) {
            assert_true(fabs((double)counts[i] - probs[i] * GRID) <= 2.0);
            assert_true(probs[i] > 0.0 || counts[i] == 0);
        }
    }
    tj_sampler_deinit(&sampler);
}

/* Pearson's chi-square with 39 degrees of freedom; 72.1 is its 0.999 quantile. The seed is fixed,
 * so the test cannot fail by chance. */
static void sampled_frequencies_pass_a_chi_square_test(void **state)
{
    (void)state;
    enum { N = 40, DRAWS = 100000 };
    float logits[N];
    double probs[N];
    size_t counts[N] = {0};
    tj_sampler sampler = make(N);
    draw_logits(logits, N, 1.0, 5);
    tj_rng rng;
    tj_rng_init(&rng, 20, 0, 0, 0);
    assert_int_equal(tj_sampler_probs(&sampler, probs, logits, N, &plain, NULL), TJ_OK);
    for (size_t i = 0; i < DRAWS; i++) {
        int32_t id = -1;
        assert_int_equal(tj_sampler_draw(&sampler, &id, NULL, NULL, logits, N, &plain,
                                         tj_rng_double(&rng), NULL),
                         TJ_OK);
        counts[id]++;
    }
    double chi = 0.0;
    for (size_t i = 0; i < N; i++) {
        double want = probs[i] * DRAWS;
        chi += ((double)counts[i] - want) * ((double)counts[i] - want) / want;
    }
    assert_true(chi < 72.1);
    tj_sampler_deinit(&sampler);
}

static void greedy_takes_the_largest_and_of_equals_the_first(void **state)
{
    (void)state;
    tj_sampling greedy = {.temperature = 0.0, .top_p = 1.0};
    tj_sampler sampler = make(100);
    float logits[100];
    for (size_t n = 1; n <= 100; n++) {
        for (size_t at = 0; at < n; at += 7) {
            int32_t id = -1;
            for (size_t i = 0; i < n; i++) {
                logits[i] = i % 3 == 0 ? -INFINITY : -1.0F;
            }
            logits[at] = 2.5F;
            logits[n - 1] = 2.5F;
            assert_int_equal(
                tj_sampler_draw(&sampler, &id, NULL, NULL, logits, n, &greedy, 0.99, NULL), TJ_OK);
            assert_int_equal(id, at);
        }
    }
    tj_sampler_deinit(&sampler);
}

static void logprobs_are_those_of_the_whole_vocabulary_at_temperature_1(void **state)
{
    (void)state;
    static float logits[MAX_VOCAB];
    tj_sampler sampler = make(MAX_VOCAB);
    tj_sampling s = {.temperature = 0.5, .top_k = 3, .top_p = 1.0};
    for (size_t n = 1; n <= MAX_VOCAB; n = n * 3 / 2 + 1) {
        for (double spread = 0.1; spread < 1000.0; spread *= 10.0) {
            draw_logits(logits, n, spread, n);
            int32_t id = -1;
            float got = 0.0F;
            float again = 0.0F;
            assert_int_equal(tj_sampler_draw(&sampler, &id, &got, NULL, logits, n, &s, 0.6, NULL),
                             TJ_OK);
            assert_int_equal(tj_sampler_logprob(&again, NULL, logits, n, id, NULL), TJ_OK);
            assert_memory_equal(&got, &again, sizeof got);
            long double sum = 0.0L;
            for (size_t i = 0; i < n; i++) {
                sum += expl((long double)logits[i] - (long double)logits[id]);
            }
            double want = (double)-logl(sum);
            assert_true(fabs((double)got - want) <= 1e-7 * fmax(1.0, fabs(want)));
        }
    }
    tj_sampler_deinit(&sampler);
}

/* By sorting: whether token a comes before b in the order of tj_top. */
static bool is_more_probable(const float *logits, int32_t a, int32_t b)
{
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

/* Sorted in place of scanned; logits of few levels make ties, some are -infinity, and the lengths
 * lie around the edges of tiles. */
static void most_probable_tokens_equal_a_sorted_row(void **state)
{
    (void)state;
    size_t lens[] = {1, 2, 19, 20, 21, 255, 256, 257, 512, 700, MAX_VOCAB};
    static float logits[MAX_VOCAB];
    int32_t order[TJ_MAX_TOP];
    tj_sampler sampler = make(MAX_VOCAB);
    for (size_t trial = 0; trial < 44; trial++) {
        size_t n = lens[trial % 11];
        draw_logits(logits, n, trial % 2 == 0 ? 1.0 : 30.0, trial);
        for (size_t i = 0; i < n && trial % 4 >= 2; i++) {
            logits[i] = i % 5 == 4 ? -INFINITY : rintf(logits[i]);
        }
        size_t n_top = trial % 3 == 0 ? 1 : (n < TJ_MAX_TOP ? n : TJ_MAX_TOP);
        size_t n_order = 0;
        for (int32_t id = 0; id < (int32_t)n; id++) { /* insertion into a sorted list */
            size_t at = n_order;
            while (at > 0 && is_more_probable(logits, id, order[at - 1])) {
                at--;
            }
            size_t end = n_order < n_top ? n_order++ : n_top - 1;
            for (size_t i = end; i > at; i--) {
                order[i] = order[i - 1];
            }
            if (at < n_top) {
                order[at] = id;
            }
        }
        int32_t ids[2][TJ_MAX_TOP];
        float logprobs[2][TJ_MAX_TOP];
        tj_top drawn = {n_top, ids[0], logprobs[0]};
        tj_top scored = {n_top, ids[1], logprobs[1]};
        int32_t id = -1;
        float logprob = 0.0F;
        tj_sampling s = trial % 5 == 0 ? (tj_sampling){.top_p = 1.0} : plain;
        assert_int_equal(tj_sampler_draw(&sampler, &id, NULL, &drawn, logits, n, &s, 0.3, NULL),
                         TJ_OK);
        assert_memory_equal(ids[0], order, n_top * sizeof *order);
        for (size_t i = 0; i < n_top; i++) {
            assert_int_equal(tj_sampler_logprob(&logprob, &scored, logits, n, order[i], NULL),
                             TJ_OK);
            assert_memory_equal(&logprob, &logprobs[0][i], sizeof logprob);
        }
        assert_memory_equal(ids[1], order, n_top * sizeof *order);
        assert_memory_equal(logprobs[1], logprobs[0], n_top * sizeof **logprobs);
    }
    tj_sampler_deinit(&sampler);
}

static void logits_that_are_no_numbers_are_an_error(void **state)
{
    (void)state;
    float logits[50];
    tj_sampler sampler = make(50);
    for (size_t n = 1; n <= 50; n++) {
        for (size_t bad = 0; bad < 3; bad++) {
            int32_t id = -1;
            draw_logits(logits, n, 1.0, n);
            if (bad == 2) {
                for (size_t i = 0; i < n; i++) {
                    logits[i] = -INFINITY;
                }
            } else {
                logits[n * 2 / 3] = bad == 0 ? NAN : INFINITY;
            }
            tj_err err;
            assert_int_equal(
                tj_sampler_draw(&sampler, &id, NULL, NULL, logits, n, &plain, 0.5, &err),
                TJ_E_NUMERIC);
            assert_int_equal(id, -1);
        }
    }
    tj_sampler_deinit(&sampler);
}

static void impossible_settings_are_refused(void **state)
{
    (void)state;
    tj_sampling bad[] = {{.temperature = -1.0, .top_p = 1.0},
                         {.temperature = (double)NAN, .top_p = 1.0},
                         {.temperature = (double)INFINITY, .top_p = 1.0},
                         {.temperature = 1e-9, .top_p = 1.0},
                         {.temperature = 1.0, .top_p = 0.0},
                         {.temperature = 1.0, .top_p = 1.1},
                         {.temperature = 1.0, .top_p = (double)NAN},
                         {.temperature = 1.0, .top_p = 1.0, .min_p = -0.1},
                         {.temperature = 1.0, .top_p = 1.0, .min_p = (double)NAN},
                         {.temperature = 1.0, .top_p = 1.0, .min_p = 1.5}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tj_err err;
        assert_int_equal(tj_sampling_check(&bad[i], &err), TJ_E_INVAL);
    }
    assert_int_equal(tj_sampling_check(&plain, NULL), TJ_OK);
}

static void draws_allocate_nothing(void **state)
{
    (void)state;
    static float logits[MAX_VOCAB];
    draw_logits(logits, MAX_VOCAB, 1.0, 3);
    tj_sampler sampler = make(MAX_VOCAB);
    tj_sampling s = {.temperature = 1.0, .top_k = 40, .top_p = 0.9, .min_p = 0.01};
    size_t before = tj_alloc_count();
    for (size_t i = 0; i < 10; i++) {
        int32_t id = -1;
        float logprob = 0.0F;
        assert_int_equal(tj_sampler_draw(&sampler, &id, &logprob, NULL, logits, MAX_VOCAB, &s,
                                         (double)i / 10.0, NULL),
                         TJ_OK);
    }
    assert_int_equal(tj_alloc_count(), before);
    tj_sampler_deinit(&sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_equal_their_definition),
        cmocka_unit_test(draws_over_a_grid_have_exact_shares),
        cmocka_unit_test(sampled_frequencies_pass_a_chi_square_test),
        cmocka_unit_test(greedy_takes_the_largest_and_of_equals_the_first),
        cmocka_unit_test(logprobs_are_those_of_the_whole_vocabulary_at_temperature_1),
        cmocka_unit_test(most_probable_tokens_equal_a_sorted_row),
        cmocka_unit_test(logits_that_are_no_numbers_are_an_error),
        cmocka_unit_test(impossible_settings_are_refused),
        cmocka_unit_test(draws_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
