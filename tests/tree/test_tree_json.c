/* A tree in JSON is read whole and exactly, or refused by the name of its wrong field: whatever
 * would come back changed (a name too long, a number that a float does not hold) is refused. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "tree/tree.h"

static tj_task task;

/* A root and two steps with all there is, made by hand. */
static void make_tree(tj_tree *t)
{
    static const int32_t ids[] = {0, 7, INT32_MAX};
    static const float logprobs[] = {-0.0F, -FLT_MIN / 2.0F, -FLT_MAX}; /* one is subnormal */
    size_t n;
    memset(t, 0, sizeof *t);
    t->problem = INT64_MAX;
    t->seed = UINT64_MAX;
    t->run = (uint64_t)INT64_MAX + 1;
    t->prompt_ids = tj_calloc(2, sizeof *t->prompt_ids);
    t->n_prompt = 2;
    t->prompt_ids[1] = 5;
    memset(t->first.bytes, 0xA5, sizeof t->first.bytes);
    assert_int_equal(tj_tree_add_node(t, &n, TJ_NO_NODE, "", NULL, NULL, 0, NULL), TJ_OK);
    assert_int_equal(tj_tree_add_node(t, &n, 0, "4 * 3 = 12\n", ids, logprobs, 3, NULL), TJ_OK);
    assert_int_equal(tj_tree_add_node(t, &n, 1, "\"旅路\"\\\t\x7f\n", ids, logprobs, 1, NULL),
                     TJ_OK);
    for (size_t i = 0; i < 3; i++) {
        t->nodes[i].draw = UINT64_MAX - i;
        t->nodes[i].order = 3 * i;
        t->nodes[i].n_duplicates = i;
        t->nodes[i].valid = i == 1;
        t->nodes[i].solvable = i == 0;
        t->nodes[i].terminal = i == 2;
        t->nodes[i].correct = i == 2;
        t->nodes[i].pruned = i == 1;
        memset(t->nodes[i].key, 'k', i == 2 ? sizeof t->nodes[i].key - 1 : i);
    }
    tj_reward r = {.node = 2, .rewarder = "solver", .meaning = TJ_PROGRESS, .value = 0.1};
    memset(r.reason, 'r', sizeof r.reason - 1);
    assert_int_equal(tj_tree_add_reward(t, &r, NULL), TJ_OK);
    r = (tj_reward){.node = 1, .rewarder = "verifier", .meaning = TJ_VALID, .value = -1.0};
    assert_int_equal(tj_tree_add_reward(t, &r, NULL), TJ_OK);
}

static json_t *example(void)
{
    tj_tree t;
    make_tree(&t);
    json_t *json = tj_tree_to_json(&t, &task);
    assert_non_null(json);
    tj_tree_deinit(&t);
    return json;
}

static void every_field_comes_back(void **state)
{
    (void)state;
    tj_tree a, b;
    make_tree(&a);
    json_t *json = tj_tree_to_json(&a, &task);
    char *text = json_dumps(json, 0);
    json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(tj_tree_from_json(&b, parsed, "t", NULL), TJ_OK);
    assert_true(a.problem == b.problem && a.seed == b.seed && a.run == b.run);
    assert_int_equal(b.n_prompt, 2);
    assert_memory_equal(a.prompt_ids, b.prompt_ids, 2 * sizeof *a.prompt_ids);
    assert_memory_equal(&a.first, &b.first, sizeof a.first);
    assert_int_equal(b.n_nodes, 3);
    for (size_t i = 0; i < 3; i++) {
        const tj_node *x = &a.nodes[i];
        const tj_node *y = &b.nodes[i];
        assert_true(x->parent == y->parent && x->depth == y->depth && x->order == y->order);
        assert_true(x->draw == y->draw && x->n_duplicates == y->n_duplicates);
        assert_true(x->valid == y->valid && x->solvable == y->solvable);
        assert_true(x->terminal == y->terminal && x->correct == y->correct);
        assert_true(x->pruned == y->pruned);
        assert_string_equal(x->text, y->text);
        assert_string_equal(x->key, y->key);
        assert_memory_equal(&x->state, &y->state, sizeof x->state);
        assert_int_equal(x->n_ids, y->n_ids);
        for (size_t k = 0; k < x->n_ids; k++) { /* with the sign of 0 */
            assert_int_equal(x->ids[k], y->ids[k]);
            assert_memory_equal(&x->logprobs[k], &y->logprobs[k], sizeof(float));
        }
    }
    assert_int_equal(b.n_rewards, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(a.rewards[i].node, b.rewards[i].node);
        assert_string_equal(a.rewards[i].rewarder, b.rewards[i].rewarder);
        assert_int_equal(a.rewards[i].meaning, b.rewards[i].meaning);
        assert_true(a.rewards[i].value == b.rewards[i].value);
        assert_string_equal(a.rewards[i].reason, b.rewards[i].reason);
    }
    json_decref(json);
    json_decref(parsed);
    free(text);
    tj_tree_deinit(&a);
    tj_tree_deinit(&b);
}

typedef struct change {
    const char *where; /* "nodes", "rewards" or NULL: the tree itself */
    const char *field;
    const char *value; /* JSON; NULL: the field is left out */
    const char *says;
} change;

#define KEY_64 "\"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\""
#define REASON_160                                                                                 \
    "\"rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"           \
    "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\""

static const change changes[] = {
    {NULL, "tree_version", "2", "tree_version: expected 1"},
    {NULL, "tree_version", NULL, "tree_version: expected 1"},
    {NULL, "problem", "\"3\"", "problem: expected an integer"},
    {NULL, "problem", NULL, "problem: expected an integer"},
    {NULL, "seed", "7", "seed: expected a string"},
    {NULL, "seed", "\"\"", "seed: expected an integer from 0 to 2^64 - 1 as text"},
    {NULL, "seed", "\"-1\"", "seed: expected an integer from 0"},
    {NULL, "seed", "\" 1\"", "seed: expected an integer from 0"},
    {NULL, "seed", "\"18446744073709551616\"", "seed: expected an integer from 0"},
    {NULL, "stream", NULL, "stream: expected a string"},
    {NULL, "first", "\"00\"", "first: expected 128 hexadecimal digits"},
    {NULL, "prompt_ids", NULL, "prompt_ids: expected a list of token ids"},
    {NULL, "prompt_ids", "{}", "prompt_ids: expected a list of token ids"},
    {NULL, "prompt_ids", "[1,-1]", "prompt_ids: expected a list of token ids"},
    {NULL, "nodes", "[]", "nodes, rewards: expected lists"},
    {NULL, "nodes", "{}", "nodes, rewards: expected lists"},
    {NULL, "nodes", "[1]", "node 0: "},
    {NULL, "rewards", NULL, "nodes, rewards: expected lists"},
    {NULL, "rewards", "[1]", "reward 0: "},
    {"nodes", "parent", "2", "node 2: parent: expected a node before it"},
    {"nodes", "parent", "null", "node 2: parent: expected a node: there is a root already"},
    {"nodes", "parent", "3", "node 2: parent: expected a node before it"}, /* a cycle, an orphan */
    {"nodes", "stopped", "\"bored\"", "node 2: stopped: expected loop or endless"},
    {"nodes", "stopped", "\"loop\"", "node 2: stopped: expected loop or endless"}, /* not pruned */
    {NULL, "question", "\"p\"", "question: expected a string where the task is mathematics"},
    {NULL, "task", "\"mathematics\"", "question: expected a string where the task is"},
    {"nodes", "parent", "-1", "node 2: parent: expected an integer of at least 0"},
    {"nodes", "parent", NULL, "node 2: parent: expected an integer"},
    {"nodes", "text", "5", "node 2: text: expected a string"},
    {"nodes", "text", NULL, "node 2: text: expected a string"},
    {"nodes", "key", KEY_64, "node 2: key: expected a shorter string"},
    {"nodes", "key", "null", "node 2: key: expected a string"},
    {"nodes", "ids", "[2147483648]", "node 2: ids: expected a list of token ids"},
    {"nodes", "ids", "[1.0]", "node 2: ids: expected a list of token ids"},
    {"nodes", "ids", "[1,2]", "node 2: logprobs: expected as many numbers as there are ids"},
    {"nodes", "ids", NULL, "node 2: ids: expected a list of token ids"},
    {"nodes", "logprobs", "[]", "node 2: logprobs: expected as many numbers as there are ids"},
    {"nodes", "logprobs", "{\"a\":1}", "node 2: logprobs: expected as many numbers"},
    {"nodes", "logprobs", "[null]", "node 2: logprobs: expected numbers that a float holds"},
    {"nodes", "logprobs", "[-1e39]", "node 2: logprobs: expected numbers that a float holds"},
    {"nodes", "draw", "5", "node 2: draw: expected a string"},
    {"nodes", "draw", "\"+5\"", "node 2: draw: expected an integer from 0"},
    {"nodes", "order", "1.5", "node 2: order: expected an integer of at least 0"},
    {"nodes", "n_duplicates", "-1", "node 2: n_duplicates: expected an integer of at least 0"},
    {"nodes", "state", "\"zz\"", "node 2: state: expected 128 hexadecimal digits"},
    {"nodes", "valid", "1", "node 2: valid: expected true, false or null"},
    {"nodes", "solvable", "\"true\"", "node 2: solvable: expected true, false or null"},
    {"nodes", "terminal", NULL, "node 2: terminal: expected true or false"},
    {"nodes", "correct", "null", "node 2: correct: expected true or false"},
    {"nodes", "pruned", "0", "node 2: pruned: expected true or false"},
    {"rewards", "node", "3", "reward 1: node: expected a node of the tree"},
    {"rewards", "node", "null", "reward 1: node: expected an integer"},
    {"rewards", "rewarder", "1", "reward 1: rewarder: expected a string"},
    {"rewards", "meaning", "\"good\"", "reward 1: meaning: expected valid, solvable or progress"},
    {"rewards", "value", "\"1\"", "reward 1: value: expected a number"},
    {"rewards", "reason", REASON_160, "reward 1: reason: expected a shorter string"},
    {"rewards", "reason", NULL, "reward 1: reason: expected a string"},
};

static void wrong_fields_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const change *c = &changes[i];
        json_t *json = example();
        json_t *list = c->where == NULL ? NULL : json_object_get(json, c->where);
        json_t *object = list == NULL ? json : json_array_get(list, json_array_size(list) - 1);
        tj_tree t;
        tj_err err = {.msg = ""};
        if (c->value == NULL) {
            assert_int_equal(json_object_del(object, c->field), 0);
        } else {
            json_t *value = json_loads(c->value, JSON_DECODE_ANY, NULL);
            assert_non_null(value);
            assert_int_equal(json_object_set_new(object, c->field, value), 0);
        }
        tj_code rc = tj_tree_from_json(&t, json, "t.json", &err);
        char says[200];
        snprintf(says, sizeof says, "t.json: %s", c->says);
        if (rc != TJ_E_PARSE || strncmp(err.msg, says, strlen(says)) != 0) {
            fail_msg("case %zu: %d, '%s' is not '%s'", i, (int)rc, err.msg, says);
        }
        assert_null(t.nodes);
        json_decref(json);
    }
    tj_tree t;
    assert_int_equal(tj_tree_from_json(&t, NULL, "t.json", NULL), TJ_E_PARSE);
}

static void rewarders_keep_their_names(void **state)
{
    (void)state;
    json_t *json = example();
    tj_tree t;
    json_object_set_new(json_array_get(json_object_get(json, "rewards"), 0), "rewarder",
                        json_string("a judge"));
    assert_int_equal(tj_tree_from_json(&t, json, "t", NULL), TJ_OK);
    assert_string_equal(t.rewards[0].rewarder, "a judge");
    assert_string_equal(t.rewards[1].rewarder, "verifier");
    tj_tree_deinit(&t);
    json_decref(json);
}

/* A problem in words, and what nobody knows: null, which is neither of the others. */
static void the_unknown_comes_back_as_such(void **state)
{
    (void)state;
    for (int known = 0; known < 2; known++) {
        tj_tree a;
        tj_tree b;
        make_tree(&a);
        assert_int_equal(
            tj_tree_set_question(&a, "How \"many\"?", 11, known ? "6" : NULL, known ? 1 : 0, NULL),
            TJ_OK);
        a.nodes[1].valid = TJ_LABEL_UNKNOWN;
        a.nodes[2].solvable = TJ_LABEL_UNKNOWN;
        a.nodes[1].pruned = TJ_PRUNED_LOOP;
        a.nodes[2].pruned = TJ_PRUNED_ENDLESS;
        json_t *json = tj_tree_to_json(&a, NULL);
        assert_string_equal(json_string_value(json_object_get(json, "task")), "mathematics");
        assert_int_equal(tj_tree_from_json(&b, json, "t", NULL), TJ_OK);
        json_t *again = tj_tree_to_json(&b, NULL);
        assert_true(json_equal(json, again));
        assert_string_equal(b.question, "How \"many\"?");
        assert_true(known ? strcmp(b.answer, "6") == 0 : b.answer == NULL);
        assert_int_equal(b.nodes[1].valid, TJ_LABEL_UNKNOWN);
        assert_int_equal(b.nodes[2].solvable, TJ_LABEL_UNKNOWN);
        assert_int_equal(b.nodes[1].pruned, TJ_PRUNED_LOOP);
        assert_int_equal(b.nodes[2].pruned, TJ_PRUNED_ENDLESS);
        json_decref(json);
        json_decref(again);
        tj_tree_deinit(&a);
        tj_tree_deinit(&b);
    }
}

static void absurd_depth_is_refused(void **state)
{
    (void)state;
    json_t *json = example();
    json_t *nodes = json_object_get(json, "nodes");
    tj_tree t;
    tj_err err;
    for (size_t i = 2; i < TJ_MAX_TREE_DEPTH; i++) {
        json_t *node = json_deep_copy(json_array_get(nodes, 1));
        json_object_set_new(node, "parent", json_integer((json_int_t)i));
        json_array_append_new(nodes, node);
    }
    assert_int_equal(tj_tree_from_json(&t, json, "t", &err), TJ_OK);
    tj_tree_deinit(&t);
    json_t *node = json_deep_copy(json_array_get(nodes, 1));
    json_object_set_new(node, "parent", json_integer(TJ_MAX_TREE_DEPTH));
    json_array_append_new(nodes, node);
    assert_int_equal(tj_tree_from_json(&t, json, "t", &err), TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "node 4097: parent: expected a path of at most 4096 steps"));
    json_decref(json);
}

/* Never a tree with fewer nodes than there are. */
static void what_json_cannot_hold_is_not_written(void **state)
{
    (void)state;
    tj_tree t;
    make_tree(&t);
    t.nodes[1].text[0] = '\xff';
    assert_null(tj_tree_to_json(&t, &task));
    tj_tree_deinit(&t);
    make_tree(&t);
    t.nodes[1].logprobs[2] = -INFINITY;
    assert_null(tj_tree_to_json(&t, &task));
    tj_tree_deinit(&t);
    make_tree(&t);
    t.rewards[1].value = (double)NAN;
    assert_null(tj_tree_to_json(&t, &task));
    tj_tree_deinit(&t);
}

static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    json_t *json = example();
    tj_code rc = TJ_E_NOMEM;
    size_t k = 0;
    for (; rc != TJ_OK; k++) {
        tj_tree t;
        tj_err err = {.code = TJ_OK};
        tj_alloc_fail_after(k);
        rc = tj_tree_from_json(&t, json, "t", &err);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || (rc == TJ_E_NOMEM && err.code == rc && t.nodes == NULL));
        assert_true(k < 100);
        tj_tree_deinit(&t);
    }
    assert_true(k > 8);
    json_decref(json);
}

int main(void)
{
    static const tj_countdown_config cfg = {.n_numbers = 4};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(wrong_fields_are_refused_by_name),
        cmocka_unit_test(rewarders_keep_their_names),
        cmocka_unit_test(the_unknown_comes_back_as_such),
        cmocka_unit_test(absurd_depth_is_refused),
        cmocka_unit_test(what_json_cannot_hold_is_not_written),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    tj_countdown_task(&task, &cfg);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
