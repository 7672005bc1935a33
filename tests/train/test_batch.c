/* Batches become forests that hold each shared token once and keep every loss row: the sums over a
 * shared forest equal those over separate chains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "train/train.h"

static void shared_beginnings_are_stored_once(void **state)
{
    (void)state;
    tj_batch *b;
    tj_forest *f;
    tj_rows rows = {0};
    const int32_t p[] = {1, 2, 3};
    const int32_t x[] = {4, 5};
    const int32_t y[] = {4, 6, 7};
    assert_int_equal(tj_batch_create(&b, NULL), TJ_OK);
    assert_int_equal(tj_forest_create(&f, NULL), TJ_OK);
    for (int i = 0; i < 3; i++) { /* p x, p y, p x again */
        assert_int_equal(tj_batch_begin(b, NULL), TJ_OK);
        assert_int_equal(tj_batch_add(b, p, 3, 0.0F, NULL), TJ_OK);
        assert_int_equal(tj_batch_add(b, i == 1 ? y : x, i == 1 ? 3 : 2, 1.0F, NULL), TJ_OK);
    }
    assert_int_equal(tj_batch_to_forest(b, 0, 3, true, f, &rows, NULL), TJ_OK);
    assert_int_equal(tj_forest_n_tokens(f), 3 + 1 + 1 + 2); /* p, 4, 5 and 6 7 */
    assert_int_equal(tj_forest_n_loss_rows(f), 7);
    assert_true(tj_batch_weight(b) == 7.0);
    tj_forest_clear(f);
    assert_int_equal(tj_batch_to_forest(b, 0, 3, false, f, &rows, NULL), TJ_OK);
    assert_int_equal(tj_forest_n_tokens(f), 16);
    tj_rows_deinit(&rows);
    tj_forest_destroy(f);
    tj_batch_destroy(b);
}

static double loss_of(tj_model *m, const tj_batch *b, bool share, size_t *unique)
{
    tj_forest *f;
    tj_pass *p;
    size_t n = tj_batch_n_tokens(b);
    tj_rows rows = {0};
    float *logp = tj_calloc(n, sizeof *logp);
    double sum = 0.0;
    assert_int_equal(tj_forest_create(&f, NULL), TJ_OK);
    assert_int_equal(tj_pass_create(&p, m, (tj_pass_options){0}, NULL), TJ_OK);
    assert_int_equal(tj_batch_to_forest(b, 0, tj_batch_n_sequences(b), share, f, &rows, NULL),
                     TJ_OK);
    assert_int_equal(tj_forward(p, f, logp, NULL, NULL), TJ_OK);
    for (size_t i = 0; i < rows.n_loss; i++) {
        sum -= (double)rows.weights[i] * (double)logp[i];
    }
    *unique = tj_forest_n_tokens(f);
    tj_pass_destroy(p);
    tj_forest_destroy(f);
    tj_rows_deinit(&rows);
    tj_free(logp);
    return sum;
}

static void sharing_changes_no_loss(void **state)
{
    (void)state;
    tj_model_config c;
    tj_model *m;
    tj_rng rng;
    tj_model_config_default(&c);
    c.n_vocab = 5;
    c.width = 32;
    c.n_layers = 2;
    c.n_heads = 2;
    c.n_kv_heads = 1;
    c.head_dim = 16;
    c.ffn_width = 48;
    c.init_std = 0.2;
    assert_int_equal(tj_model_create(&m, &c, TJ_F32, 3, NULL), TJ_OK);
    tj_rng_init(&rng, 1, 0, 0, 0);
    for (size_t round = 0; round < 50; round++) {
        tj_batch *b;
        size_t shared;
        size_t separate;
        assert_int_equal(tj_batch_create(&b, NULL), TJ_OK);
        size_t n = 1 + tj_rng_below(&rng, 8);
        for (size_t s = 0; s < n; s++) {
            assert_int_equal(tj_batch_begin(b, NULL), TJ_OK);
            size_t len = 1 + tj_rng_below(&rng, 12);
            for (size_t i = 0; i < len; i++) { /* two letters: many common beginnings */
                int32_t id = (int32_t)tj_rng_below(&rng, 2);
                float w = (float)tj_rng_below(&rng, 3);
                assert_int_equal(tj_batch_add(b, &id, 1, w, NULL), TJ_OK);
            }
        }
        double a = loss_of(m, b, true, &shared);
        double d = loss_of(m, b, false, &separate);
        assert_true(shared <= separate);
        assert_true(a - d < 1e-4 && d - a < 1e-4);
        tj_batch_destroy(b);
    }
    tj_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shared_beginnings_are_stored_once),
                                       cmocka_unit_test(sharing_changes_no_loss)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
