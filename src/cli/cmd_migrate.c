/* migrate: what opening for writing does anyway, and nothing else. */
#include "cli/common.h"

tj_code tj_cmd_migrate(const tj_args *args, tj_err *err)
{
    tj_store *store;
    const char *dir = tj_args_get(args, "workspace");
    tj_code rc = tj_store_open(&store, dir == NULL ? "demo" : dir, TJ_STORE_WRITE, NULL, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_store_close(store);
    if (tj_args_has(args, "json")) {
        json_t *json = json_pack("{s:i}", "schema", TJ_STORE_SCHEMA_VERSION);
        rc = tj_print_json(json, err);
        json_decref(json);
        return rc;
    }
    printf("schema %d\n", TJ_STORE_SCHEMA_VERSION);
    return TJ_OK;
}
