/* Prompts: a text is put together as the task's table says, examples drawn are those that Python
 * 3.11 draws (numbers below: random.Random(seed), printed once), and every task of the table can be
 * rendered. That they equal lm-evaluation-harness's byte for byte is bench/lm_eval/prompts.py's to
 * show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "task/task.h"

static tj_str str(const char *text)
{
    return (tj_str){text, strlen(text)};
}

static void numbers_are_those_of_the_mersenne_twister(void **state)
{
    static const struct {
        uint64_t seed;
        uint32_t first[3], number_700;
    } known[] = {{0, {3626764237u, 1654615998u, 3255389356u}, 3579999110u},
                 {1234, {4150886329u, 3342196574u, 1892932127u}, 2395385490u},
                 {(UINT64_C(1) << 40) + 5, {2166296868u, 2220160828u, 1153647273u}, 3200142176u}};
    (void)state;
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        tj_pyrandom r;
        tj_pyrandom_init(&r, known[k].seed);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(tj_pyrandom_u32(&r), known[k].first[i]);
        }
        for (size_t i = 3; i < 699; i++) {
            (void)tj_pyrandom_u32(&r);
        }
        assert_int_equal(tj_pyrandom_u32(&r), known[k].number_700);
    }
}

static void expect_sample(tj_pyrandom *r, size_t n, const size_t *want, size_t k)
{
    size_t got[TJ_MAX_SHOTS];
    assert_true(tj_pyrandom_sample(r, got, n, k));
    assert_memory_equal(got, want, k * sizeof *got);
}

static void samples_are_those_of_python_one_after_another(void **state)
{
    tj_pyrandom r;
    (void)state;
    tj_pyrandom_init(&r, 1234);
    expect_sample(&r, 7473, (const size_t[]){6374, 3610, 957, 61, 742}, 5);
    expect_sample(&r, 7473, (const size_t[]){7462, 6610, 4769, 286, 5501}, 5);
    expect_sample(&r, 7473, (const size_t[]){5677, 687, 806, 6279, 2905}, 5);
}

/* On both sides of where Python changes from a list to a set. */
static void small_pools_are_drawn_from_as_python_does(void **state)
{
    tj_pyrandom r;
    (void)state;
    tj_pyrandom_init(&r, 7);
    expect_sample(&r, 21, (const size_t[]){10, 4, 12, 1, 2}, 5);
    expect_sample(&r, 22, (const size_t[]){17, 3, 11, 18, 1}, 5);
    expect_sample(&r, 10, (const size_t[]){8, 3, 0, 7, 9, 5, 6, 4, 2, 1}, 10);
    expect_sample(&r, 85, (const size_t[]){7, 72, 15, 28, 80, 74}, 6);
    expect_sample(&r, 86, (const size_t[]){7, 73, 74, 50, 6, 28}, 6);
    expect_sample(&r, 1, (const size_t[]){0}, 1);
}

static void samples_are_distinct_and_in_bounds(void **state)
{
    size_t got[TJ_MAX_SHOTS];
    tj_pyrandom r;
    (void)state;
    tj_pyrandom_init(&r, 99);
    for (size_t n = 0; n < 400; n++) {
        size_t k = n < TJ_MAX_SHOTS ? n : TJ_MAX_SHOTS;
        assert_true(tj_pyrandom_sample(&r, got, n, k));
        for (size_t i = 0; i < k; i++) {
            assert_true(got[i] < n);
            for (size_t j = 0; j < i; j++) {
                assert_true(got[i] != got[j]);
            }
        }
    }
}

static void more_than_there_are_is_refused_and_draws_nothing(void **state)
{
    size_t got[TJ_MAX_SHOTS + 1];
    tj_pyrandom r, other;
    (void)state;
    tj_pyrandom_init(&r, 5);
    tj_pyrandom_init(&other, 5);
    assert_false(tj_pyrandom_sample(&r, got, 4, 5));
    assert_false(tj_pyrandom_sample(&r, got, 1000, TJ_MAX_SHOTS + 1));
    assert_false(tj_pyrandom_sample(&r, got, UINT32_MAX, 1));
    assert_int_equal(tj_pyrandom_u32(&r), tj_pyrandom_u32(&other));
}

static void a_prompt_is_examples_and_then_the_question(void **state)
{
    const tj_prompt_task *task = tj_prompt_find("gsm8k");
    const tj_shot one = {.question = "1 + 1?", .target = "It is 2.\n#### 2"};
    const tj_shot two = {.question = "2 + 2?", .target = "#### 4"};
    const tj_shot *shots[] = {&one, &two};
    tj_buf out;
    (void)state;
    tj_buf_init(&out);
    tj_prompt_text(&out, task, shots, 2, str("3 + 3?"));
    assert_string_equal(tj_buf_text(&out), "Question: 1 + 1?\nAnswer: It is 2.\n#### 2\n\n"
                                           "Question: 2 + 2?\nAnswer: #### 4\n\n"
                                           "Question: 3 + 3?\nAnswer:");
    tj_buf_deinit(&out);
}

static void an_answer_stands_in_its_sentence(void **state)
{
    tj_buf out;
    (void)state;
    tj_buf_init(&out);
    tj_prompt_shot_target(&out, tj_prompt_find("gsm8k_cot"), &tj_shots_gsm8k[1]);
    assert_string_equal(tj_buf_text(&out), "There are originally 3 cars. 2 more cars arrive. 3 + 2 "
                                           "= 5. The answer is 5.");
    tj_buf_clear(&out);
    tj_prompt_shot_target(&out, tj_prompt_find("gsm8k_cot_llama"), &tj_shots_gsm8k[1]);
    assert_string_equal(tj_buf_text(&out), "There are originally 3 cars. 2 more cars arrive. 3 + 2 "
                                           "= 5. The final answer is 5");
    tj_buf_deinit(&out);
}

static void mgsm_examples_may_bring_the_words_that_begin_them(void **state)
{
    const tj_prompt_task *task = tj_prompt_find("mgsm_ja");
    const tj_shot with = {.question = "問題：1 + 1?",
                          .target = "ステップごとの答え: 答えは2です。"};
    const tj_shot without = {.question = "1 + 1?", .target = "答えは2です。"};
    tj_buf out;
    (void)state;
    tj_buf_init(&out);
    tj_prompt_shot_question(&out, task, &with);
    assert_string_equal(tj_buf_text(&out), "問題：1 + 1?\nステップごとの答え:");
    tj_buf_clear(&out);
    tj_prompt_shot_question(&out, task, &without);
    assert_string_equal(tj_buf_text(&out), "問題： 1 + 1?\nステップごとの答え:");
    tj_buf_clear(&out);
    tj_prompt_shot_target(&out, task, &with);
    assert_string_equal(tj_buf_text(&out), "答えは2です。");
    tj_buf_deinit(&out);
}

/* Names and aliases are one name space; what a table entry needs is there. */
static void every_task_can_be_found_and_rendered(void **state)
{
    tj_buf out;
    size_t n = 0;
    (void)state;
    tj_buf_init(&out);
    for (const tj_prompt_task *t = tj_prompt_tasks; t->name != NULL; t++, n++) {
        const tj_shot *shots[TJ_MAX_SHOTS];
        assert_ptr_equal(tj_prompt_find(t->name), t);
        assert_true(t->alias == NULL || tj_prompt_find(t->alias) == t);
        assert_non_null(t->brief);
        assert_non_null(t->version);
        assert_true(t->shots == NULL || t->n_shots <= t->n_fixed);
        assert_true(t->is_ours || t->filters[0].name != NULL);
        for (size_t i = 0; i < t->n_fixed; i++) {
            shots[i] = &t->shots[i];
        }
        tj_buf_clear(&out);
        tj_prompt_text(&out, t, shots, t->n_fixed, str("QUESTION"));
        const char *question = strstr(tj_buf_text(&out), "QUESTION");
        assert_non_null(question);
        assert_string_equal(question + 8, t->after);
        /* no example may be where an answer ends, or the model would be taught to stop there */
        for (size_t i = 0; t->until[i] != NULL; i++) {
            for (size_t k = 0; k < t->n_fixed; k++) {
                assert_null(strstr(t->shots[k].target, t->until[i]));
            }
        }
    }
    assert_true(n > 20);
    assert_null(tj_prompt_find("gsm"));
    tj_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_the_mersenne_twister),
        cmocka_unit_test(samples_are_those_of_python_one_after_another),
        cmocka_unit_test(small_pools_are_drawn_from_as_python_does),
        cmocka_unit_test(samples_are_distinct_and_in_bounds),
        cmocka_unit_test(more_than_there_are_is_refused_and_draws_nothing),
        cmocka_unit_test(a_prompt_is_examples_and_then_the_question),
        cmocka_unit_test(an_answer_stands_in_its_sentence),
        cmocka_unit_test(mgsm_examples_may_bring_the_words_that_begin_them),
        cmocka_unit_test(every_task_can_be_found_and_rendered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
