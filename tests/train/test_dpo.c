/* DPO's loss has the values computed by hand and the derivatives found by differences; the
 * gradients through a forest that pairs share equal those of separate sequences; a tiny model
 * learns a preference; a training that was stopped gives the weights of an unbroken one. */
#include "train/loss_testing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/rng.h"

/* A chosen completion of two tokens and a rejected one of four, with log-probabilities of -10 and
 * -12, under the reference -11 and -10. */
static double loss_of_example(tj_dpo_config *cfg, double d[2], tj_update *up)
{
    const int32_t ids[] = {1, 2, 3, 4, 5};
    float logp[] = {-6.0F, -4.0F, -3.0F, -3.0F, -2.0F, -4.0F};
    float weights[] = {1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F};
    size_t sequence[] = {0, 0, 1, 1, 1, 1};
    float dlogp[6];
    tj_batch *b;
    tj_rows rows = {.n_loss = 6, .weights = weights, .sequence = sequence};
    tj_loss loss = tj_dpo_loss(cfg);
    assert_int_equal(tj_dpo_config_check(cfg, NULL), TJ_OK);
    assert_int_equal(tj_batch_create(&b, NULL), TJ_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(tj_batch_begin(b, NULL), TJ_OK);
        assert_int_equal(tj_batch_add(b, ids, 1, 0.0F, NULL), TJ_OK);
        assert_int_equal(tj_batch_add(b, ids + 1, i == 0 ? 2 : 4, 1.0F, NULL), TJ_OK);
        assert_int_equal(tj_batch_refer(b, i == 0 ? -11.0 : -10.0, NULL), TJ_OK);
    }
    tj_train_pass pass = {.batch = b, .n = 2, .rows = &rows, .logp = logp};
    *up = (tj_update){.update = 0};
    assert_int_equal(loss.derive(loss.ctx, &pass, dlogp, NULL, up, NULL), TJ_OK);
    d[0] = (double)dlogp[0];
    d[1] = (double)dlogp[5];
    tj_batch_destroy(b);
    return up->loss;
}

static bool is_near(double a, double b)
{
    return fabs(a - b) <= 1e-7 * fmax(1.0, fabs(b));
}

static void losses_are_those_computed_by_hand(void **state)
{
    (void)state;
    /* h = (-10 + 11) - (-12 + 10) = 3, of averages 1/2 + 2/4 = 1 */
    static const struct {
        tj_dpo_config cfg;
        double loss, chosen, rejected; /* derivatives */
    } cases[] = {
        {{TJ_DPO_SIGMOID, 0.1, 0.0, 0.0},
         0.554355244468527,
         -0.0425557483188341,
         0.0425557483188341},
        {{TJ_DPO_SIGMOID, 0.5, 0.2, 0.0},
         0.5014132779827525,
         0.008787238096821831,
         -0.008787238096821831},
        {{TJ_DPO_SIGMOID, 0.1, 0.0, 0.5},
         3.054355244468527,
         -0.29255574831883413,
         0.0425557483188341}, /* and half of the mean of 6 and 4 */
        {{TJ_DPO_IPO, 0.25, 0.0, 0.0}, 1.0, -1.0, 0.5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_dpo_config cfg = cases[i].cfg;
        tj_update up;
        double d[2];
        double loss = loss_of_example(&cfg, d, &up);
        if (!is_near(loss, cases[i].loss) || !is_near(d[0], cases[i].chosen) ||
            !is_near(d[1], cases[i].rejected)) {
            fail_msg("case %zu: %.9g, %.9g, %.9g", i, loss, d[0], d[1]);
        }
    }
}

static double metric(const tj_update *up, const char *name)
{
    for (size_t i = 0; i < up->n_metrics; i++) {
        if (strcmp(up->metrics[i].name, name) == 0) {
            return up->metrics[i].value;
        }
    }
    fail_msg("there is no metric %s", name);
    return 0.0;
}

static void metrics_are_trls(void **state)
{
    (void)state;
    tj_dpo_config cfg = {TJ_DPO_SIGMOID, 0.5, 0.0, 0.5};
    tj_update up;
    double d[2];
    (void)loss_of_example(&cfg, d, &up);
    assert_true(is_near(metric(&up, "rewards/chosen"), 0.5));
    assert_true(is_near(metric(&up, "rewards/rejected"), -1.0));
    assert_true(is_near(metric(&up, "rewards/margins"), 1.5));
    assert_true(is_near(metric(&up, "rewards/accuracies"), 1.0));
    assert_true(is_near(metric(&up, "logps/chosen"), -10.0));
    assert_true(is_near(metric(&up, "logps/rejected"), -12.0));
    assert_true(is_near(metric(&up, "nll_loss"), 5.0));
    assert_int_equal(up.n_metrics, 7);
}

static void impossible_settings_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        tj_dpo_config cfg;
        const char *says;
    } cases[] = {
        {{TJ_DPO_SIGMOID, 0.0, 0.0, 0.0}, "beta is 0"},
        {{TJ_DPO_SIGMOID, (double)NAN, 0.0, 0.0}, "beta is nan"},
        {{TJ_DPO_SIGMOID, 0.1, 0.5, 0.0}, "label_smoothing is 0.5"},
        {{TJ_DPO_IPO, 0.1, 0.1, 0.0}, "not of ipo"},
        {{TJ_DPO_SIGMOID, 0.1, 0.0, -1.0}, "rpo_alpha is -1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_err err = {.msg = ""};
        assert_int_equal(tj_dpo_config_check(&cases[i].cfg, &err), TJ_E_INVAL);
        assert_non_null(strstr(err.msg, cases[i].says));
    }
}

/* ------------------------------------------------------------------ pairs of a tiny language */

/* After the prompt "1 a 2 3", a+1 twice is better than a+2 twice. Three pairs, two of one prompt.
 */
static tj_code fill_pairs(void *ctx, size_t update, tj_batch *batch, tj_err *err)
{
    const double *references = ctx; /* of the chosen and the rejected; NULL: none */
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < 6 && rc == TJ_OK; i++) {
        int32_t a = (int32_t)(4 + (update + i / 4) % 4);
        const int32_t prompt[] = {1, a, 2, 3};
        int32_t better = i % 2 == 0 ? a + 1 : a + 2;
        const int32_t completion[] = {better, better, i / 2 == 1 ? 3 : 2};
        rc = tj_batch_begin(batch, err);
        if (rc == TJ_OK) {
            rc = tj_batch_add(batch, prompt, 4, 0.0F, err);
        }
        if (rc == TJ_OK) {
            rc = tj_batch_add(batch, completion, 3, 1.0F, err);
        }
        if (rc == TJ_OK && references != NULL) {
            rc = tj_batch_refer(batch, references[i % 2], err);
        }
    }
    return rc;
}

static double near_start[] = {-7.1, -7.3}; /* 3 ln 11 = 7.19: a model that knows nothing */

static tj_dpo_config kinds[] = {{TJ_DPO_SIGMOID, 0.1, 0.0, 0.0},
                                {TJ_DPO_SIGMOID, 0.7, 0.1, 0.3},
                                {TJ_DPO_IPO, 0.2, 0.0, 0.0},
                                {TJ_DPO_IPO, 0.2, 0.0, 1.0}};

static void derivatives_equal_central_differences(void **state)
{
    (void)state;
    tj_batch *b;
    tj_forest *f;
    tj_rng rng;
    tj_rows rows = {0};
    float logp[18];
    assert_int_equal(tj_batch_create(&b, NULL), TJ_OK);
    assert_int_equal(tj_forest_create(&f, NULL), TJ_OK);
    assert_int_equal(fill_pairs(near_start, 0, b, NULL), TJ_OK);
    assert_int_equal(tj_batch_to_forest(b, 0, 6, true, f, &rows, NULL), TJ_OK);
    assert_int_equal(rows.n_loss, 18);
    tj_rng_init(&rng, 3, 0, 0, 0);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        tj_loss loss = tj_dpo_loss(&kinds[k]);
        for (size_t i = 0; i < 18; i++) {
            logp[i] = -(float)tj_rng_below(&rng, 1024) / 256.0F;
        }
        loss_check_derivatives(&loss, b, &rows, logp, NULL);
    }
    tj_rows_deinit(&rows);
    tj_forest_destroy(f);
    tj_batch_destroy(b);
}

static void sharing_prompts_changes_no_gradient(void **state)
{
    (void)state;
    tj_batch *b;
    assert_int_equal(tj_batch_create(&b, NULL), TJ_OK);
    assert_int_equal(fill_pairs(near_start, 0, b, NULL), TJ_OK);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        tj_loss loss = tj_dpo_loss(&kinds[k]);
        loss_check_sharing(&loss, b, false);
    }
    tj_batch_destroy(b);
}

static tj_model *plain_model(void)
{
    return loss_model(false);
}

static void stopping_changes_nothing(void **state)
{
    (void)state;
    tj_loss loss = tj_dpo_loss(&kinds[1]);
    loss_check_resume(&loss, (tj_source){fill_pairs, near_start}, plain_model);
}

static void note_last(void *ctx, const tj_update *up)
{
    *(tj_update *)ctx = *up;
}

static void a_preference_is_learnt(void **state)
{
    (void)state;
    for (size_t k = 0; k < 4; k += 3) { /* the plain loss, and IPO with an SFT term */
        tj_model *m = loss_model(false);
        tj_loss loss = tj_dpo_loss(&kinds[k]);
        tj_train_config c;
        tj_update last;
        tj_train_config_default(&c);
        c.optimizer.n_updates = 40;
        c.optimizer.n_warmup = 5;
        c.optimizer.lr_max = 3e-3;
        assert_int_equal(tj_train_loop(m, (tj_source){fill_pairs, near_start}, &loss, &c, NULL,
                                       note_last, &last, NULL, NULL),
                         TJ_OK);
        assert_true(metric(&last, "rewards/accuracies") == 1.0);
        assert_true(metric(&last, "logps/chosen") > metric(&last, "logps/rejected") + 1.0);
        tj_model_destroy(m);
    }
}

static void pairs_need_references_and_both_sides(void **state)
{
    (void)state;
    tj_model *m = loss_model(false);
    tj_loss loss = tj_dpo_loss(&kinds[0]);
    tj_train_config c;
    tj_err err = {.msg = ""};
    tj_train_config_default(&c);
    assert_int_equal(
        tj_train_loop(m, (tj_source){fill_pairs, NULL}, &loss, &c, NULL, NULL, NULL, NULL, &err),
        TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "update 0: sequence 0 has no log-probability"));
    loss.group = 4;
    assert_int_equal(tj_train_loop(m, (tj_source){fill_pairs, near_start}, &loss, &c, NULL, NULL,
                                   NULL, NULL, &err),
                     TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "6 sequences, expected a multiple of 4"));
    tj_model_destroy(m);
}

/* ------------------------------------------------------------------ references */

static int32_t pair_ids[] = {1, 2, 3, 4, 1, 2, 3, 5, 6, 1, 2, 3, 4, 1, 7, 8};
static int32_t pair_learned[] = {0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1};
static tj_example pair_list[] = {
    {.begin = 0, .n = 4}, {.begin = 4, .n = 5}, {.begin = 9, .n = 4}, {.begin = 13, .n = 3}};

static tj_examples two_pairs(void)
{
    return (tj_examples){.kind = TJ_EXAMPLE_PAIRS,
                         .ids = pair_ids,
                         .learned = pair_learned,
                         .examples = pair_list,
                         .n = 4};
}

static void without_memory_there_are_no_references(void **state)
{
    (void)state;
    tj_examples all = two_pairs();
    tj_model *m = loss_model(false);
    tj_train_config c;
    tj_code rc = TJ_E_NOMEM;
    tj_train_config_default(&c);
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_alloc_fail_after(k);
        rc = tj_examples_refer(&all, m, &c, NULL, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_E_NOMEM ? all.references == NULL : rc == TJ_OK);
    }
    tj_free(all.references);
    tj_model_destroy(m);
}

static void references_are_kept_to_the_bit(void **state)
{
    (void)state;
    char path[] = "/tmp/tabiji-references-XXXXXX";
    double kept[] = {-1.0 / 3.0, -1e-300, -12345.678901234567, 0.0};
    tj_examples all = two_pairs();
    tj_err err = {.msg = ""};
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    snprintf(all.digest, sizeof all.digest, "abc");
    all.references = kept;
    assert_int_equal(tj_references_save(&all, path, NULL), TJ_OK);
    all.references = NULL;
    assert_int_equal(tj_references_load(&all, path, NULL), TJ_OK);
    assert_memory_equal(all.references, kept, sizeof kept);
    all.n = 3;
    assert_int_equal(tj_references_load(&all, path, &err), TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "4 references, but there are 3 examples"));
    snprintf(all.digest, sizeof all.digest, "abd");
    assert_int_equal(tj_references_load(&all, path, &err), TJ_E_CONFLICT);
    assert_memory_equal(all.references, kept, sizeof kept); /* failing changes nothing */
    const char *wrong = "{\"examples\":\"abd\",\"references\":[-1,2,-3]}";
    assert_int_equal(tj_fs_write(path, wrong, strlen(wrong), NULL), TJ_OK);
    assert_int_equal(tj_references_load(&all, path, &err), TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "references[1] is not a log-probability"));
    unlink(path);
    assert_int_equal(tj_references_load(&all, path, &err), TJ_E_NOTFOUND);
    tj_free(all.references);
}

static void references_are_the_log_probabilities_of_the_start(void **state)
{
    (void)state;
    tj_examples all = two_pairs();
    tj_model *m = loss_model(false);
    tj_dpo_config cfg;
    tj_example_source source;
    tj_train_config c;
    tj_update first;
    tj_train_config_default(&c);
    tj_dpo_config_default(&cfg);
    c.micro_tokens = 10; /* two passes */
    c.optimizer.n_updates = 1;
    assert_int_equal(tj_examples_refer(&all, m, &c, NULL, NULL), TJ_OK);
    assert_true(all.references[0] < -1.0);
    assert_true(all.references[0] == all.references[2]); /* the same tokens, in another pass */
    assert_int_equal(tj_example_source_init(&source, &all, 2, 1, NULL), TJ_OK);
    assert_int_equal(tj_example_source_updates(&source), 1);
    tj_loss loss = tj_dpo_loss(&cfg);
    assert_int_equal(tj_train_loop(m, (tj_source){tj_example_source_fill, &source}, &loss, &c, NULL,
                                   note_last, &first, NULL, NULL),
                     TJ_OK);
    assert_true(is_near(first.loss, log(2.0))); /* before its first update it is its reference */
    assert_true(is_near(metric(&first, "rewards/chosen"), 0.0));
    assert_true(is_near(metric(&first, "rewards/rejected"), 0.0));
    tj_example_source_deinit(&source);
    tj_free(all.references);
    tj_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_those_computed_by_hand),
        cmocka_unit_test(metrics_are_trls),
        cmocka_unit_test(impossible_settings_are_refused_by_name),
        cmocka_unit_test(derivatives_equal_central_differences),
        cmocka_unit_test(sharing_prompts_changes_no_gradient),
        cmocka_unit_test(stopping_changes_nothing),
        cmocka_unit_test(a_preference_is_learnt),
        cmocka_unit_test(pairs_need_references_and_both_sides),
        cmocka_unit_test(references_are_kept_to_the_bit),
        cmocka_unit_test(without_memory_there_are_no_references),
        cmocka_unit_test(references_are_the_log_probabilities_of_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
