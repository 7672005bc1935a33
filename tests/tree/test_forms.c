/* Trees of other programs: labels stay what they are, the unknown stays unknown, branches that
 * begin alike are one; OmegaPRM's form is written from what is known and reads back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/folder.h"
#include "tree/tree.h"

#define STR(s)                                                                                     \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }

static void rated_alternatives_become_a_tree(void **state)
{
    (void)state;
    const tj_data_node nodes[] = {{.parent = SIZE_MAX, .label = TJ_NO_LABEL},
                                  {.parent = 0, .text = STR("Take 2."), .label = 1},
                                  {.parent = 0, .text = STR("Take 9."), .label = -1},
                                  {.parent = 1, .text = STR("Hm."), .label = 0},
                                  {.parent = 1,
                                   .text = STR("So 6."),
                                   .label = TJ_NO_LABEL,
                                   .terminal = true,
                                   .correct = true}};
    const tj_data_record r = {.problem = STR("How many?"),
                              .answer = STR("6"),
                              .nodes = nodes,
                              .n_nodes = 5,
                              .labeller = "human"};
    tj_tree t;
    assert_int_equal(tj_tree_from_record(&t, &r, NULL), TJ_OK);
    assert_string_equal(t.question, "How many?");
    assert_string_equal(t.answer, "6");
    const tj_label valid[] = {TJ_LABEL_YES, TJ_LABEL_YES, TJ_LABEL_NO, TJ_LABEL_YES,
                              TJ_LABEL_UNKNOWN};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(t.nodes[i].valid, valid[i]);
        assert_int_equal(t.nodes[i].solvable, i == 4 ? TJ_LABEL_YES : TJ_LABEL_UNKNOWN);
    }
    assert_int_equal(t.n_rewards, 3);
    assert_string_equal(t.rewards[1].rewarder, "human");
    assert_true(t.rewards[1].value == -1.0 && t.rewards[2].value == 0.0);
    tj_tree_deinit(&t);
}

static void no_arrival_is_no_proof(void **state)
{
    (void)state;
    const tj_data_node nodes[] = {
        {.parent = SIZE_MAX, .label = TJ_NO_LABEL, .has_score = true, .score = 0.5},
        {.parent = 0, .text = STR("a"), .label = TJ_NO_LABEL, .has_score = true, .score = 0.0}};
    const tj_data_record r = {
        .problem = STR("p"), .nodes = nodes, .n_nodes = 2, .scorer = "monte-carlo"};
    tj_tree t;
    assert_int_equal(tj_tree_from_record(&t, &r, NULL), TJ_OK);
    assert_int_equal(t.nodes[1].solvable, TJ_LABEL_UNKNOWN);
    assert_int_equal(t.rewards[1].meaning, TJ_SOLVABLE);
    assert_null(t.answer);
    tj_tree_deinit(&t);
}

static void solutions_that_begin_alike_share_their_beginning(void **state)
{
    (void)state;
    const tj_data_step first[] = {{STR("1. Take 2."), 1}, {STR("2. Take 4."), 1}};
    const tj_data_step second[] = {{STR("Step 1: Take 2."), 1}, {STR("Step 2: Take 5."), -1}};
    const tj_data_solution solutions[] = {{.steps = first, .n_steps = 2, .correct = 1},
                                          {.steps = second, .n_steps = 2, .correct = 0}};
    tj_data_record r = {
        .problem = STR("p"), .solutions = solutions, .n_solutions = 2, .labeller = "monte-carlo"};
    tj_tree t;
    assert_true(tj_record_has_tree(&r));
    assert_int_equal(tj_tree_from_record(&t, &r, NULL), TJ_OK);
    assert_int_equal(t.n_nodes, 4);
    assert_int_equal(t.nodes[0].n_children, 1);
    assert_int_equal(t.nodes[1].n_children, 2);
    assert_int_equal(t.nodes[1].valid, TJ_LABEL_UNKNOWN); /* rollouts do not say that it is right */
    assert_int_equal(t.nodes[2].solvable, TJ_LABEL_YES);
    assert_int_equal(t.nodes[3].solvable, TJ_LABEL_NO);
    assert_true(t.rewards[2].meaning == TJ_SOLVABLE && t.rewards[2].value == 0.0);
    tj_tree_deinit(&t);
    r.n_solutions = 0;
    assert_int_equal(tj_tree_from_record(&t, &r, NULL), TJ_E_INVAL);
    assert_null(t.nodes);
}

/* As in rows of one candidate each, behind steps that other rows have labelled, or will. */
static void a_label_that_comes_later_is_taken(void **state)
{
    (void)state;
    const tj_data_step first[] = {{STR("a"), TJ_NO_LABEL}, {STR("b"), -1}};
    const tj_data_step second[] = {{STR("a"), 1}};
    const tj_data_step third[] = {{STR("a"), -1}};
    const tj_data_solution solutions[] = {{.steps = first, .n_steps = 2, .correct = TJ_NOT_MARKED},
                                          {.steps = second, .n_steps = 1, .correct = TJ_NOT_MARKED},
                                          {.steps = third, .n_steps = 1, .correct = TJ_NOT_MARKED}};
    const tj_data_record r = {
        .problem = STR("p"), .solutions = solutions, .n_solutions = 3, .labeller = "human"};
    tj_tree t;
    assert_int_equal(tj_tree_from_record(&t, &r, NULL), TJ_OK);
    assert_int_equal(t.n_nodes, 3);
    assert_int_equal(t.n_rewards, 2);
    assert_int_equal(t.nodes[1].valid, TJ_LABEL_YES);
    assert_int_equal(t.nodes[2].valid, TJ_LABEL_NO);
    tj_tree_deinit(&t);
}

/* Two ends below "a", one of them right and sampled twice; nothing is known of "b". */
static void make_tree(tj_tree *t)
{
    static const char *const texts[] = {"a\n", "b\n", "right\n", "wrong\n"};
    static const size_t parents[] = {0, 0, 1, 1};
    size_t n;
    *t = (tj_tree){.problem = 1};
    assert_int_equal(tj_tree_set_question(t, "p", 1, "6", 1, NULL), TJ_OK);
    assert_int_equal(tj_tree_add_node(t, &n, TJ_NO_NODE, "", NULL, NULL, 0, NULL), TJ_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(tj_tree_add_node(t, &n, parents[i], texts[i], NULL, NULL, 0, NULL), TJ_OK);
        t->nodes[n].solvable = TJ_LABEL_UNKNOWN;
    }
    t->nodes[3].terminal = t->nodes[3].correct = true;
    t->nodes[3].solvable = TJ_LABEL_YES;
    t->nodes[3].n_duplicates = 1;
    t->nodes[4].terminal = true;
    t->nodes[4].solvable = TJ_LABEL_NO;
}

static double value_at(const json_t *node)
{
    return json_real_value(json_object_get(node, "mc_value"));
}

static void omegaprm_has_what_is_known(void **state)
{
    (void)state;
    tj_tree t;
    json_t *json;
    size_t n_left_out;
    make_tree(&t);
    assert_int_equal(tj_tree_to_omegaprm(&json, &n_left_out, &t, NULL, NULL), TJ_OK);
    assert_int_equal(n_left_out, 1); /* "b" */
    const json_t *root = json_object_get(json, "reasoning_steps");
    const json_t *a = json_array_get(json_object_get(root, "children"), 0);
    assert_string_equal(json_string_value(json_object_get(root, "text")), "p");
    assert_string_equal(json_string_value(json_object_get(a, "text")), "a");
    assert_true(value_at(root) == 2.0 / 3.0 && value_at(a) == 2.0 / 3.0);
    json_decref(json);
    tj_reward r = {.node = 1, .rewarder = "rollout", .meaning = TJ_SOLVABLE, .value = 0.25};
    assert_int_equal(tj_tree_add_reward(&t, &r, NULL), TJ_OK);
    assert_int_equal(tj_tree_to_omegaprm(&json, &n_left_out, &t, NULL, NULL), TJ_OK);
    root = json_object_get(json, "reasoning_steps");
    a = json_array_get(json_object_get(root, "children"), 0);
    assert_true(value_at(a) == 0.25 && value_at(root) == 2.0 / 3.0);
    json_decref(json);
    t.nodes[3].solvable = t.nodes[4].solvable = TJ_LABEL_UNKNOWN;
    t.nodes[3].correct = false;
    assert_int_equal(tj_tree_to_omegaprm(&json, &n_left_out, &t, "nobody", NULL), TJ_E_INVAL);
    assert_null(json);
    tj_tree_deinit(&t);
}

static void omegaprm_reads_back(void **state)
{
    (void)state;
    char folder[64];
    char path[80];
    tj_tree t;
    tj_tree back;
    json_t *json;
    size_t n_left_out;
    tj_dataset *data;
    const tj_data_record *record;
    make_tree(&t);
    assert_int_equal(tj_tree_to_omegaprm(&json, &n_left_out, &t, NULL, NULL), TJ_OK);
    assert_int_equal(folder_make(folder, "forms"), 0);
    (void)snprintf(path, sizeof path, "%s/t.jsonl", folder);
    assert_int_equal(json_dump_file(json, path, JSON_COMPACT), 0);
    assert_int_equal(tj_dataset_open(&data, path, NULL, NULL), TJ_OK);
    assert_int_equal(tj_dataset_next(data, &record, NULL), TJ_OK);
    assert_int_equal(tj_tree_from_record(&back, record, NULL), TJ_OK);
    assert_int_equal(back.n_nodes, 4);
    assert_string_equal(back.nodes[1].text, "a");
    assert_true(back.rewards[0].value == 2.0 / 3.0);
    tj_dataset_close(data);
    tj_tree_deinit(&back);
    tj_tree_deinit(&t);
    json_decref(json);
    assert_int_equal(folder_remove(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rated_alternatives_become_a_tree),
        cmocka_unit_test(no_arrival_is_no_proof),
        cmocka_unit_test(solutions_that_begin_alike_share_their_beginning),
        cmocka_unit_test(a_label_that_comes_later_is_taken),
        cmocka_unit_test(omegaprm_has_what_is_known),
        cmocka_unit_test(omegaprm_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
