/* thought show: a stored thought, span by span. */
#include "cli/common.h"
#include "cli/show.h"

tj_code tj_cmd_thought_show(const tj_args *args, tj_err *err)
{
    tj_store *store = NULL;
    tj_thought t = {0};
    int64_t id;
    tj_code rc = tj_operand_id(args, &id, err);
    if (rc == TJ_OK) {
        rc = tj_open_workspace(&store, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_load_thought(store, &t, NULL, id, err);
    }
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        json_t *spans = tj_thought_spans_json(&t);
        rc = tj_print_json(spans, err);
        json_decref(spans);
    } else if (rc == TJ_OK) {
        tj_print_spans(&t);
    }
    tj_thought_deinit(&t);
    tj_store_close(store);
    return rc;
}
