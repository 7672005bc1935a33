/* tree show: a stored tree. */
#include <string.h>

#include "cli/common.h"
#include "cli/show.h"

static tj_code print_json(const tj_tree *tree, tj_err *err)
{
    tj_countdown_config cfg = {0}; /* of the task, only its name is written */
    tj_task task;
    tj_countdown_task(&task, &cfg);
    json_t *json = tj_tree_to_json(tree, &task);
    tj_code rc = tj_print_json(json, err);
    json_decref(json);
    return rc;
}

tj_code tj_cmd_tree_show(const tj_args *args, tj_err *err)
{
    static const char *const formats[] = {"text", "json", "dot", NULL};
    size_t format;
    tj_store *store = NULL;
    tj_tree tree = {0};
    int64_t id;
    tj_code rc = tj_args_choice(args, "format", formats, 0, &format, err);
    if (rc == TJ_OK) {
        rc = tj_operand_id(args, &id, err);
    }
    if (rc == TJ_OK) {
        rc = tj_open_workspace(&store, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_load_tree(store, &tree, NULL, id, err);
    }
    if (rc == TJ_OK) {
        rc = format == 0   ? tj_print_tree(&tree, err)
             : format == 1 ? print_json(&tree, err)
                           : tj_print_tree_dot(&tree, err);
    }
    tj_tree_deinit(&tree);
    tj_store_close(store);
    return rc;
}
