/* What is written is read back: prompts and problems exactly, and every text cut short or with a
 * byte changed is either read or refused, never worse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/rng.h"
#include "task/task.h"

static const tj_countdown_problem sample = {.numbers = {3, 6, 7, 11}, .n_numbers = 4, .target = 36};

static tj_countdown_problem random_problem(tj_rng *rng)
{
    static const uint32_t corners[] = {1, 9, 10, 99, 100, 999999, TJ_COUNTDOWN_MAX_VALUE};
    tj_countdown_problem p = {.n_numbers = (uint32_t)(2 + tj_rng_below(rng, 5))};
    uint32_t least = 1;
    for (size_t i = 0; i < p.n_numbers; i++) {
        uint32_t v = corners[tj_rng_below(rng, 7)];
        p.numbers[i] = least = v > least ? v : least;
    }
    p.target = corners[tj_rng_below(rng, 7)];
    return p;
}

static void forms_are_as_documented(void **state)
{
    (void)state;
    const tj_countdown_state after = {
        .numbers = {3, 4, 6}, .n_numbers = 3, .target = 36, .n_given = 4};
    const tj_countdown_step step = {.a = 11, .b = 7, .result = 4, .op = '-'};
    tj_buf buf;
    tj_buf_init(&buf);
    tj_countdown_write_prompt(&buf, &sample);
    tj_countdown_write_step(&buf, 1, &step, &after);
    tj_countdown_write_reached(&buf, 36);
    tj_countdown_write_failed(&buf, 18, 36);
    tj_countdown_write_back(&buf, &after);
    tj_countdown_write_json(&buf, &sample);
    assert_string_equal(tj_buf_text(&buf), "Use 3 6 7 11 to make 36.\n"
                                           "1. 11 - 7 = 4 left 3 4 6\n"
                                           "Reached 36.\n"
                                           "18 is not 36.\n"
                                           "Back to 3 4 6, make 36.\n"
                                           "{\"numbers\":[3,6,7,11],\"target\":36}");
    tj_buf_deinit(&buf);
}

static void prompts_and_problems_come_back(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 31, 0, 0, 0);
    for (size_t trial = 0; trial < 500; trial++) {
        tj_countdown_problem p = random_problem(&rng), back;
        tj_buf buf;
        tj_buf_init(&buf);
        tj_countdown_write_prompt(&buf, &p);
        assert_int_equal(tj_countdown_parse_prompt(&back, buf.data, buf.len, NULL), TJ_OK);
        assert_memory_equal(&back, &p, sizeof p);
        tj_buf_clear(&buf);
        tj_countdown_write_json(&buf, &p);
        assert_int_equal(tj_countdown_read_json(&back, buf.data, buf.len, NULL), TJ_OK);
        assert_memory_equal(&back, &p, sizeof p);
        tj_buf_deinit(&buf);
    }
}

static void wrong_prompts_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "Use",
        "Use 3 6 to make 9.",
        "Use 3 6 to make 9.\n\n",
        "Use 6 3 to make 9.\n",
        "Use 3  6 to make 9.\n",
        "Use 03 6 to make 9.\n",
        "Use 3 6 to make 09.\n",
        "Use 3 to make 3.\n",
        "Use 0 3 to make 3.\n",
        "Use 1 2 3 4 5 6 7 to make 9.\n",
        "Use 3 6 to make 0.\n",
        "Use 3 1000001 to make 9.\n",
        "Use 3 99999999999999999999 to make 9.\n",
        "use 3 6 to make 9.\n",
        "Use 3 -6 to make 9.\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        tj_countdown_problem p = sample;
        assert_int_equal(tj_countdown_parse_prompt(&p, wrong[i], strlen(wrong[i]), NULL),
                         TJ_E_PARSE);
        assert_memory_equal(&p, &sample, sizeof p);
    }
}

static void wrong_problems_are_refused_by_field(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"", "not JSON"},
        {"[]", "object"},
        {"{}", "numbers"},
        {"{\"numbers\":[3],\"target\":3}", "numbers"},
        {"{\"numbers\":[1,2,3,4,5,6,7],\"target\":3}", "numbers"},
        {"{\"numbers\":[3,\"6\"],\"target\":3}", "numbers"},
        {"{\"numbers\":[3,6.0],\"target\":3}", "numbers"},
        {"{\"numbers\":[3,0],\"target\":3}", "numbers"},
        {"{\"numbers\":[3,-1],\"target\":3}", "numbers"},
        {"{\"numbers\":[3,1000001],\"target\":3}", "numbers"},
        {"{\"numbers\":[3,6]}", "target"},
        {"{\"numbers\":[3,6],\"target\":null}", "target"},
        {"{\"numbers\":[3,6],\"target\":0}", "target"},
        {"{\"numbers\":[3,6],\"target\":9,\"extra\":1}", "besides"},
        {"{\"numbers\":[3,6],\"target\":9,\"target\":9}", "not JSON"},
        {"{\"numbers\":[3,6],\"target\":9} x", "not JSON"},
        {"{\"numbers\":[3,6],\"target\":99999999999999999999}", "not JSON"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        tj_countdown_problem p = sample;
        tj_err err = {.msg = ""};
        assert_int_equal(tj_countdown_read_json(&p, wrong[i].text, strlen(wrong[i].text), &err),
                         TJ_E_PARSE);
        if (strstr(err.msg, wrong[i].says) == NULL) {
            fail_msg("'%s': '%s' does not speak of %s", wrong[i].text, err.msg, wrong[i].says);
        }
        assert_memory_equal(&p, &sample, sizeof p);
    }
}

static void problems_take_numbers_in_any_order(void **state)
{
    (void)state;
    static const char text[] = " {\n\"target\" : 36, \"numbers\": [11, 3, 7, 6] } ";
    tj_countdown_problem p;
    assert_int_equal(tj_countdown_read_json(&p, text, strlen(text), NULL), TJ_OK);
    assert_memory_equal(&p, &sample, sizeof p);
}

static void a_changed_byte_never_gives_a_problem_out_of_range(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 32, 0, 0, 0);
    for (size_t trial = 0; trial < 20000; trial++) {
        tj_buf buf;
        tj_buf_init(&buf);
        bool json = trial % 2 == 0;
        tj_countdown_problem from = random_problem(&rng), p;
        json ? tj_countdown_write_json(&buf, &from) : tj_countdown_write_prompt(&buf, &from);
        size_t at = (size_t)tj_rng_below(&rng, buf.len);
        buf.data[at] = (char)(unsigned char)tj_rng_below(&rng, 256);
        size_t len = tj_rng_below(&rng, 4) == 0 ? at : buf.len;
        tj_code rc = json ? tj_countdown_read_json(&p, buf.data, len, NULL)
                          : tj_countdown_parse_prompt(&p, buf.data, len, NULL);
        assert_true(rc == TJ_OK || rc == TJ_E_PARSE);
        for (size_t i = 0; rc == TJ_OK && i < p.n_numbers; i++) {
            assert_in_range(p.numbers[i], i == 0 ? 1 : p.numbers[i - 1], TJ_COUNTDOWN_MAX_VALUE);
        }
        tj_buf_deinit(&buf);
    }
}

static void the_task_begins_only_what_the_setting_can_hold(void **state)
{
    (void)state;
    const tj_countdown_config cfg = {.n_numbers = 4,
                                     .number_min = 1,
                                     .number_max = 13,
                                     .target_min = 1,
                                     .target_max = 100,
                                     .value_max = 100};
    static const char good[] = "{\"numbers\":[11,3,7,6],\"target\":36}";
    static const char large[] = "{\"numbers\":[101,3,7,6],\"target\":36}";
    tj_task task;
    tj_task_state first;
    tj_buf buf;
    tj_buf_init(&buf);
    tj_countdown_task(&task, &cfg);
    assert_int_equal(task.begin(task.ctx, &first, large, strlen(large), NULL), TJ_E_PARSE);
    assert_int_equal(task.begin(task.ctx, &first, good, strlen(good), NULL), TJ_OK);
    task.write_prompt(task.ctx, &first, &buf);
    assert_string_equal(tj_buf_text(&buf), "Use 3 6 7 11 to make 36.\n");
    assert_true(task.solvable(task.ctx, &first));
    assert_int_equal(task.step_number(task.ctx, &first), 1);
    for (size_t d = 0; task.difficulty_name(task.ctx, d) != NULL; d++) {
        assert_true(d < 10);
    }
    assert_non_null(task.difficulty_name(task.ctx, task.difficulty(task.ctx, &first)));
    tj_buf_clear(&buf);
    task.write_back(task.ctx, &first, &buf);
    task.write_reached(task.ctx, &first, &buf);
    task.write_failed(task.ctx, &first, &buf);
    assert_string_equal(tj_buf_text(&buf), "Back to 3 6 7 11, make 36.\nReached 36.\n"
                                           "3 6 7 11 does not make 36.\n");
    tj_buf_deinit(&buf);
}

/* The examples that a model is shown are right themselves, and written as answers are read. */
static void the_rules_show_correct_answers(void **state)
{
    (void)state;
    static const tj_countdown_config cfg = {.n_numbers = TJ_COUNTDOWN_MAX_NUMBERS,
                                            .number_min = 1,
                                            .number_max = 99,
                                            .target_min = 1,
                                            .target_max = 99,
                                            .value_max = 999};
    tj_buf rules;
    size_t n = 0;
    tj_buf_init(&rules);
    tj_countdown_write_rules(&rules);
    for (const char *at = strstr(tj_buf_text(&rules), "Use "); at != NULL; n++) {
        tj_countdown_problem problem;
        tj_walk walk;
        const char *answer = strchr(at, '\n') + 1;
        const char *end = strstr(answer, "\n\n");
        assert_int_equal(tj_countdown_parse_prompt(&problem, at, (size_t)(answer - at), NULL),
                         TJ_OK);
        size_t len = end == NULL ? strlen(answer) : (size_t)(end + 1 - answer);
        assert_int_equal(tj_countdown_walk(&walk, &cfg, &problem, answer, len, NULL), TJ_OK);
        assert_true(walk.correct);
        tj_walk_deinit(&walk);
        at = strstr(answer, "Use ");
    }
    assert_int_equal(n, 2);
    tj_buf_deinit(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_as_documented),
        cmocka_unit_test(the_rules_show_correct_answers),
        cmocka_unit_test(prompts_and_problems_come_back),
        cmocka_unit_test(wrong_prompts_are_refused),
        cmocka_unit_test(wrong_problems_are_refused_by_field),
        cmocka_unit_test(problems_take_numbers_in_any_order),
        cmocka_unit_test(a_changed_byte_never_gives_a_problem_out_of_range),
        cmocka_unit_test(the_task_begins_only_what_the_setting_can_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
