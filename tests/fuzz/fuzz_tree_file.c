/* Any bytes as a file of trees: tabiji's own, or the records of any data set. A tree that is given
 * holds together, is written as JSON that reads back to the same, and in OmegaPRM's form where its
 * values are known; a file that is refused says why. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "stage/stage.h"
#include "support/one_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_nodes(const tj_tree *tree)
{
    for (size_t i = 0; i < tree->n_nodes; i++) {
        const tj_node *n = &tree->nodes[i];
        TJ_ASSERT(i == 0 ? n->parent == TJ_NO_NODE : n->parent < i);
        TJ_ASSERT(n->depth <= TJ_MAX_TREE_DEPTH);
        TJ_ASSERT(n->valid <= TJ_LABEL_UNKNOWN && n->solvable <= TJ_LABEL_UNKNOWN);
        TJ_ASSERT(n->pruned <= TJ_PRUNED_ENDLESS);
    }
    for (size_t i = 0; i < tree->n_rewards; i++) {
        TJ_ASSERT(tree->rewards[i].node < tree->n_nodes && tree->rewards[i].rewarder != NULL);
    }
}

static tj_code check_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    static const tj_countdown_config cfg = {.n_numbers = 4};
    tj_task task;
    tj_tree back;
    json_t *mc = NULL;
    size_t n_left_out;
    (void)err;
    ++*(size_t *)ctx;
    tj_countdown_task(&task, &cfg);
    check_nodes(tree);
    json_t *json = tj_tree_to_json(tree, &task);
    TJ_ASSERT(json != NULL);
    TJ_ASSERT(tj_tree_from_json(&back, json, "written", NULL) == TJ_OK);
    json_t *again = tj_tree_to_json(&back, &task);
    TJ_ASSERT(json_equal(json, again));
    if (tj_tree_to_omegaprm(&mc, &n_left_out, tree, NULL, NULL) == TJ_OK) {
        TJ_ASSERT(mc != NULL && n_left_out < tree->n_nodes);
    }
    json_decref(mc);
    json_decref(json);
    json_decref(again);
    tj_tree_deinit(&back);
    return TJ_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = 0;
    tj_err err = {.msg = ""};
    if (size == 0) {
        return 0;
    }
    tj_data_format format = (tj_data_format)(data[0] % TJ_N_DATA_FORMATS);
    const char *path = one_file(data + 1, size - 1);
    tj_code rc = format == TJ_DATA_FIELDS
                     ? TJ_OK
                     : tj_trees_of_file(path, format, NULL, check_tree, &n, NULL, &err);
    TJ_ASSERT(rc == TJ_OK || err.msg[0] != '\0');
    return 0;
}
