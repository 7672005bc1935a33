/* Samples of a problem: classes of equal answers and the majority against hand-made cases; means
 * and pass@k over many against sums done here in another way. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "eval/eval.h"

#define MAX 8

static tj_grade_pool *pool;

static int make_pool(void **state)
{
    (void)state;
    return tj_grade_pool_create(&pool, 1, NULL, NULL, NULL) == TJ_OK ? 0 : -1;
}

static int drop_pool(void **state)
{
    (void)state;
    tj_grade_pool_destroy(pool);
    return 0;
}

static void grade(tj_sample_grade *out, const char *gold, const char *const *texts, size_t n,
                  tj_code want)
{
    tj_str list[MAX];
    for (size_t i = 0; i < n; i++) {
        list[i] = (tj_str){texts[i], strlen(texts[i])};
    }
    assert_int_equal(tj_eval_grade_samples(out, pool, (tj_str){gold, strlen(gold)}, list, n, NULL),
                     want);
}

static void equal_answers_vote_together(void **state)
{
    static const char *const texts[] = {"The answer is 3.", "\\boxed{\\frac12}", "0.5", "50\\%",
                                        "3"};
    tj_sample_grade g[MAX];
    (void)state;
    grade(g, "1/2", texts, 5, TJ_OK);
    assert_int_equal(g[0].class_id, 0);
    assert_int_equal(g[1].class_id, 1);
    assert_int_equal(g[2].class_id, 1);
    assert_int_equal(g[3].class_id, 1);
    assert_int_equal(g[4].class_id, 0);
    assert_int_equal(tj_eval_majority_class(g, 5), 1);
    assert_int_equal(g[1].verdict, TJ_VERDICT_EQUAL);
    assert_int_equal(g[0].verdict, TJ_VERDICT_DIFFERENT);
}

static void who_gives_no_answer_abstains(void **state)
{
    static const char *const texts[] = {"<think>it is 7", "<think>hm", "8"};
    tj_sample_grade g[MAX];
    (void)state;
    grade(g, "7", texts, 3, TJ_OK);
    assert_int_equal(g[0].class_id, TJ_NO_CLASS);
    assert_int_equal(g[1].class_id, TJ_NO_CLASS);
    assert_false(g[0].answers);
    assert_int_equal(tj_eval_majority_class(g, 3), 2); /* one vote is more than none */
    assert_int_equal(tj_eval_majority_class(g, 2), SIZE_MAX);
}

static void ties_go_to_the_first(void **state)
{
    static const char *const texts[] = {"1", "2", "2", "1"};
    tj_sample_grade g[MAX];
    (void)state;
    grade(g, "2", texts, 4, TJ_OK);
    assert_int_equal(tj_eval_majority_class(g, 4), 0);
}

static void a_reference_that_cannot_be_read_rewards_nobody(void **state)
{
    static const char *const texts[] = {"\\frac{1}{", "1"};
    tj_sample_grade g[MAX];
    (void)state;
    grade(g, "\\frac{1}{", texts, 2, TJ_E_PARSE);
    assert_int_equal(g[0].verdict, TJ_VERDICT_UNDECIDED);
    assert_int_equal(g[1].verdict, TJ_VERDICT_UNDECIDED);
}

static void assert_near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-12)) {
        fail_msg("got %.17g, want %.17g", got, want);
    }
}

static void means_and_passes_of_three_problems(void **state)
{
    static const unsigned char right[] = {1, 0, 0, 1, /**/ 0, 0, 0, 0, /**/ 1, 1, 1, 1};
    static const unsigned char majority[] = {0, 0, 1};
    tj_sampled s;
    tj_boot_config boot;
    (void)state;
    tj_boot_config_default(&boot);
    assert_int_equal(tj_eval_sampled(&s, right, majority, 3, 4, &boot, NULL), TJ_OK);
    assert_int_equal(s.n_pass, 3);
    assert_int_equal(s.pass[0].k, 1);
    assert_int_equal(s.pass[1].k, 2);
    assert_int_equal(s.pass[2].k, 4);
    assert_near(s.mean.mean, 6.0 / 12.0);
    assert_near(s.pass[0].share.mean, 6.0 / 12.0);
    assert_near(s.pass[1].share.mean, (1.0 - 1.0 / 6.0 + 0.0 + 1.0) / 3.0); /* C(2,2) / C(4,2) */
    assert_near(s.pass[2].share.mean, 2.0 / 3.0);
    assert_near(s.majority.mean, 1.0 / 3.0);
    assert_true(s.mean.low <= s.mean.mean && s.mean.mean <= s.mean.high);
}

static void passes_end_with_all_samples(void **state)
{
    static const unsigned char right[] = {0, 0, 0, 0, 0, 1};
    tj_sampled s;
    tj_boot_config boot;
    (void)state;
    tj_boot_config_default(&boot);
    assert_int_equal(tj_eval_sampled(&s, right, NULL, 1, 6, &boot, NULL), TJ_OK);
    assert_int_equal(s.n_pass, 4);
    assert_int_equal(s.pass[3].k, 6);
    assert_near(s.pass[3].share.mean, 1.0);
    assert_false(s.has_majority);
}

static void one_answer_each_has_wilsons_interval(void **state)
{
    unsigned char right[20] = {1, 1, 1};
    tj_sampled s;
    tj_interval want;
    tj_boot_config boot;
    (void)state;
    tj_boot_config_default(&boot);
    assert_int_equal(tj_eval_sampled(&s, right, right, 20, 1, &boot, NULL), TJ_OK);
    tj_eval_wilson(&want, 3, 20, 0.95);
    assert_near(s.mean.low, want.low);
    assert_near(s.mean.high, want.high);
    assert_int_equal(s.n_pass, 0);
    assert_int_equal(tj_eval_sampled(&s, right, NULL, 0, 1, &boot, NULL), TJ_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_answers_vote_together),
        cmocka_unit_test(who_gives_no_answer_abstains),
        cmocka_unit_test(ties_go_to_the_first),
        cmocka_unit_test(a_reference_that_cannot_be_read_rewards_nobody),
        cmocka_unit_test(means_and_passes_of_three_problems),
        cmocka_unit_test(passes_end_with_all_samples),
        cmocka_unit_test(one_answer_each_has_wilsons_interval),
    };
    return cmocka_run_group_tests(tests, make_pool, drop_pool);
}
