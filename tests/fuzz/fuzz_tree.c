/* Any bytes as a tree in JSON. What is read is written as JSON that reads back to the same tree, as
 * text too, and as GraphViz. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "tree/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const tj_tree *a, const tj_tree *b)
{
    TJ_ASSERT(a->n_nodes == b->n_nodes);
    TJ_ASSERT(a->n_rewards == b->n_rewards);
    TJ_ASSERT(a->seed == b->seed && a->run == b->run && a->problem == b->problem);
    for (size_t i = 0; i < a->n_nodes; i++) {
        const tj_node *x = &a->nodes[i];
        const tj_node *y = &b->nodes[i];
        TJ_ASSERT(x->parent == y->parent && x->depth == y->depth && x->order == y->order);
        TJ_ASSERT(x->draw == y->draw);
        TJ_ASSERT(strcmp(x->text, y->text) == 0);
        TJ_ASSERT(strcmp(x->key, y->key) == 0);
        TJ_ASSERT(memcmp(&x->state, &y->state, sizeof x->state) == 0);
        TJ_ASSERT(x->n_ids == y->n_ids);
        TJ_ASSERT(x->n_ids == 0 || memcmp(x->ids, y->ids, x->n_ids * sizeof *x->ids) == 0);
        TJ_ASSERT(x->n_ids == 0 ||
                  memcmp(x->logprobs, y->logprobs, x->n_ids * sizeof *x->logprobs) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const tj_countdown_config cfg = {.n_numbers = 4};
    tj_task task;
    tj_tree tree, back;
    tj_err err;
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (json == NULL) {
        return 0;
    }
    tj_countdown_task(&task, &cfg);
    if (tj_tree_from_json(&tree, json, "input", &err) == TJ_OK) {
        json_t *once = tj_tree_to_json(&tree, &task);
        TJ_ASSERT(once != NULL);
        char *text = json_dumps(once, 0);
        TJ_ASSERT(text != NULL);
        json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        TJ_ASSERT(tj_tree_from_json(&back, parsed, "written", NULL) == TJ_OK);
        json_t *twice = tj_tree_to_json(&back, &task);
        TJ_ASSERT(json_equal(once, twice));
        compare(&tree, &back);
        tj_buf dot;
        tj_buf_init(&dot);
        tj_tree_to_dot(&tree, &dot);
        TJ_ASSERT(dot.len > 0);
        tj_buf_deinit(&dot);
        json_decref(once);
        json_decref(twice);
        json_decref(parsed);
        free(text);
        tj_tree_deinit(&back);
        tj_tree_deinit(&tree);
    } else {
        TJ_ASSERT(tree.nodes == NULL);
        TJ_ASSERT(strncmp(err.msg, "input: ", 7) == 0);
    }
    json_decref(json);
    return 0;
}
