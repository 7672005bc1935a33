/* Labelled steps from the forms that data sets have: trees put together, labels where they belong,
 * and refusals that name the line. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "support/folder.h"
#include "tree/tree.h"

static char dir[64];
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    assert_int_equal(folder_make(dir, "labelled"), 0);
    (void)snprintf(path, sizeof path, "%s/set.jsonl", dir);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return folder_remove(dir);
}

static tj_code read_text(tj_labelled *set, const char *text, const tj_labelled_options *options,
                         tj_err *err)
{
    *set = (tj_labelled){.n_trees = 0};
    assert_int_equal(tj_fs_write(path, text, strlen(text), NULL), TJ_OK);
    return tj_labelled_read(set, path, options, err);
}

static void must_read(tj_labelled *set, const char *text, const tj_labelled_options *options)
{
    tj_err err = {.code = TJ_OK};
    if (read_text(set, text, options, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
}

#define ROW(problem, responses, next, rating)                                                      \
    "{\"instruction\":\"" problem "\",\"responses\":[" responses "],\"next_response\":\"" next     \
    "\",\"answer\":null,\"is_human_response\":false,\"is_solution\":false,"                        \
    "\"is_preferred_response\":false,\"rating\":" rating "}\n"

static const char rows[] =
    ROW("P", "", "a", "1") ROW("P", "", "b", "-1") ROW("P", "\"a\"", "c", "0")
        ROW("P", "\"a\"", "d", "-1") ROW("Q", "", "e", "1") ROW("P", "\"x\"", "y", "1");

static void rows_of_one_problem_are_a_tree(void **state)
{
    const tj_labelled_options options = {.strict = true};
    tj_labelled set;
    const char *way[2];
    (void)state;
    must_read(&set, rows, &options);
    assert_string_equal(set.format, "prm800k-critic");
    assert_int_equal(set.n_trees, 3); /* what does not follow is another */
    const tj_labelled_tree *t = &set.trees[0];
    assert_int_equal(t->n_steps, 4);
    assert_int_equal(t->steps[2].parent, 0);
    assert_int_equal(t->steps[3].depth, 2);
    assert_true(t->steps[0].target == 1.0 && t->steps[1].target == 0.0);
    assert_true(t->steps[2].target == 1.0); /* neutral counts as right, unless told otherwise */
    assert_false(t->is_chain);
    tj_labelled_path(t, 3, way);
    assert_string_equal(way[0], "a");
    assert_string_equal(way[1], "d");
    assert_true(set.trees[1].is_chain && !set.trees[1].is_whole); /* a candidate is no solution */
    assert_true(isnan(set.trees[2].steps[0].target) && !set.trees[2].is_whole);
    tj_labelled_deinit(&set);
}

static void neutral_labels_count_as_they_are_told(void **state)
{
    tj_labelled set;
    (void)state;
    must_read(&set, rows, &(tj_labelled_options){.neutral = TJ_NEUTRAL_AS_WRONG});
    assert_true(set.trees[0].steps[2].target == 0.0);
    tj_labelled_deinit(&set);
    must_read(&set, rows, &(tj_labelled_options){.neutral = TJ_NEUTRAL_AS_NONE});
    assert_true(isnan(set.trees[0].steps[2].target));
    tj_labelled_deinit(&set);
}

#define CHAIN(label)                                                                               \
    "{\"id\":\"i\",\"generator\":\"g\",\"problem\":\"P\",\"steps\":[\"a\",\"b\",\"c\"],"           \
    "\"final_answer_correct\":false,\"label\":" label "}\n"

static void a_solution_is_a_chain_up_to_its_first_wrong_step(void **state)
{
    tj_labelled set;
    (void)state;
    must_read(&set, CHAIN("1") CHAIN("-1"), &(tj_labelled_options){.strict = true});
    assert_int_equal(set.n_trees, 2); /* solutions stay apart */
    const tj_labelled_step *s = set.trees[0].steps;
    assert_true(s[0].target == 1.0 && s[1].target == 0.0 && isnan(s[2].target));
    assert_true(set.trees[0].is_whole && set.trees[1].is_whole);
    assert_true(set.trees[1].steps[2].target == 1.0);
    tj_labelled_deinit(&set);
}

static void a_refused_record_names_its_line_or_is_counted(void **state)
{
    tj_labelled set;
    tj_err err = {.code = TJ_OK};
    (void)state;
    assert_int_equal(
        read_text(&set, CHAIN("1") CHAIN("3"), &(tj_labelled_options){.strict = true}, &err),
        TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "set.jsonl:2"));
    assert_int_equal(set.n_trees, 0);
    tj_labelled_deinit(&set);
    must_read(&set, CHAIN("1") CHAIN("3") CHAIN("0"), &(tj_labelled_options){.strict = false});
    assert_int_equal(set.n_trees, 2);
    assert_int_equal(set.n_refused, 1);
    assert_non_null(strstr(set.first_refusal, ":2"));
    tj_labelled_deinit(&set);
}

static void sets_without_labels_are_refused(void **state)
{
    tj_labelled set;
    tj_err err = {.code = TJ_OK};
    (void)state;
    assert_int_equal(read_text(&set, "{\"question\":\"1+1?\",\"answer\":\"2\\n#### 2\"}\n",
                               &(tj_labelled_options){.strict = true}, &err),
                     TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "no labelled step"));
    tj_labelled_deinit(&set);
}

static const char monte_carlo[] =
    "{\"question\":\"P\",\"final_answer\":\"4\",\"reasoning_steps\":{\"text\":\"P\","
    "\"mc_value\":0.5,\"children\":[{\"text\":\"a\",\"mc_value\":0.75,\"children\":[]}]}}\n";

static void shares_of_rollouts_are_targets_where_they_are_wanted(void **state)
{
    tj_labelled set;
    tj_err err = {.code = TJ_OK};
    (void)state;
    must_read(&set, monte_carlo, &(tj_labelled_options){.scores = true});
    assert_int_equal(set.trees[0].n_steps, 1);
    assert_true(set.trees[0].steps[0].target == 0.75);
    assert_string_equal(set.trees[0].answer, "4");
    tj_labelled_deinit(&set);
    assert_int_equal(read_text(&set, monte_carlo, &(tj_labelled_options){.scores = false}, &err),
                     TJ_E_INVAL);
    tj_labelled_deinit(&set);
}

/* ------------------------------------------------------------ our trees */

static void our_trees_have_their_rewards_as_labels(void **state)
{
    tj_countdown_config cfg = {.n_numbers = 2,
                               .number_min = 1,
                               .number_max = 99,
                               .target_min = 1,
                               .target_max = 999,
                               .value_max = 9999};
    const tj_countdown_problem problem = {.numbers = {3, 4}, .n_numbers = 2, .target = 12};
    tj_countdown_state first;
    tj_task task;
    tj_tree tree = {.problem = 1};
    tj_labelled set;
    tj_err err = {.code = TJ_OK};
    size_t node;
    (void)state;
    tj_countdown_task(&task, &cfg);
    tj_countdown_first_state(&first, &problem);
    tj_countdown_pack(&tree.first, &first);
    assert_int_equal(tj_tree_add_node(&tree, &node, TJ_NO_NODE, "", NULL, NULL, 0, NULL), TJ_OK);
    assert_int_equal(tj_tree_add_node(&tree, &node, 0, "1. a\n", NULL, NULL, 0, NULL), TJ_OK);
    assert_int_equal(tj_tree_add_node(&tree, &node, 0, "1. b\n", NULL, NULL, 0, NULL), TJ_OK);
    assert_int_equal(tj_tree_add_node(&tree, &node, 1, "2. c\n", NULL, NULL, 0, NULL), TJ_OK);
    const tj_reward rewards[] = {{.node = 1, .rewarder = "verifier", .value = 1.0},
                                 {.node = 2, .rewarder = "verifier", .value = -1.0},
                                 {.node = 3, .rewarder = "solver", .value = 0.25}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tj_tree_add_reward(&tree, &rewards[i], NULL), TJ_OK);
    }
    json_t *json = tj_tree_to_json(&tree, &task);
    char *text = json_dumps(json, JSON_COMPACT);
    must_read(&set, text, &(tj_labelled_options){.task = &task});
    assert_string_equal(set.format, "tabiji trees");
    assert_string_equal(set.trees[0].problem, "Use 3 4 to make 12.");
    assert_string_equal(set.trees[0].steps[0].text, "1. a");
    assert_true(set.trees[0].steps[0].target == 1.0 && set.trees[0].steps[1].target == 0.0);
    assert_true(isnan(set.trees[0].steps[2].target) && set.trees[0].steps[2].parent == 0);
    tj_labelled_deinit(&set);
    must_read(&set, text, &(tj_labelled_options){.task = &task, .rewarder = "solver"});
    assert_true(set.trees[0].steps[2].target == 0.25);
    tj_labelled_deinit(&set);
    assert_int_equal(read_text(&set, text, &(tj_labelled_options){.task = NULL}, &err), TJ_E_PARSE);
    tj_labelled_deinit(&set);
    free(text);
    json_decref(json);
    tj_tree_deinit(&tree);
}

static void trees_in_words_bring_question_and_answer(void **state)
{
    tj_tree tree = {.problem = 1};
    tj_labelled set;
    size_t node;
    (void)state;
    assert_int_equal(tj_tree_set_question(&tree, "What is 1+1?", 12, "2", 1, NULL), TJ_OK);
    assert_int_equal(tj_tree_add_node(&tree, &node, TJ_NO_NODE, "", NULL, NULL, 0, NULL), TJ_OK);
    assert_int_equal(tj_tree_add_node(&tree, &node, 0, "one\nmore\n", NULL, NULL, 0, NULL), TJ_OK);
    assert_int_equal(
        tj_tree_add_reward(&tree, &(tj_reward){.node = 1, .rewarder = "monte-carlo", .value = 0.5},
                           NULL),
        TJ_OK);
    json_t *json = tj_tree_to_json(&tree, NULL);
    char *text = json_dumps(json, JSON_COMPACT);
    must_read(&set, text, &(tj_labelled_options){.rewarder = "monte-carlo"});
    assert_string_equal(set.trees[0].problem, "What is 1+1?");
    assert_string_equal(set.trees[0].answer, "2");
    assert_string_equal(set.trees[0].steps[0].text, "one\nmore");
    assert_true(set.trees[0].steps[0].target == 0.5);
    tj_labelled_deinit(&set);
    free(text);
    json_decref(json);
    tj_tree_deinit(&tree);
}

static void failing_allocations_lose_nothing(void **state)
{
    tj_labelled set;
    (void)state;
    assert_int_equal(tj_fs_write(path, rows, sizeof rows - 1, NULL), TJ_OK);
    for (size_t k = 0;; k++) {
        set = (tj_labelled){.n_trees = 0};
        tj_alloc_fail_after(k);
        tj_code rc = tj_labelled_read(&set, path, &(tj_labelled_options){.strict = true}, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true(rc == TJ_OK || set.n_trees == 0);
        tj_labelled_deinit(&set);
        if (rc == TJ_OK) {
            return;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_one_problem_are_a_tree),
        cmocka_unit_test(neutral_labels_count_as_they_are_told),
        cmocka_unit_test(a_solution_is_a_chain_up_to_its_first_wrong_step),
        cmocka_unit_test(a_refused_record_names_its_line_or_is_counted),
        cmocka_unit_test(sets_without_labels_are_refused),
        cmocka_unit_test(shares_of_rollouts_are_targets_where_they_are_wanted),
        cmocka_unit_test(our_trees_have_their_rewards_as_labels),
        cmocka_unit_test(trees_in_words_bring_question_and_answer),
        cmocka_unit_test(failing_allocations_lose_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
