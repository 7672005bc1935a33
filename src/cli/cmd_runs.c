/* runs: what was done in a workspace, failed runs included. */
#include <inttypes.h>

#include "cli/common.h"

static tj_code print_run(void *ctx, const tj_run_info *r, tj_err *err)
{
    (void)err;
    json_t *list = ctx;
    const char *status = tj_run_status_name(r->status);
    if (list != NULL) {
        json_array_append_new(
            list, json_pack("{s:I, s:s, s:s, s:s, s:f, s:I, s:f, s:s, s:s?}", "id",
                            (json_int_t)r->id, "stage", r->stage, "name", r->name, "status", status,
                            "seconds", r->cost.seconds, "tokens", (json_int_t)r->cost.tokens,
                            "money", r->cost.money, "build", r->build_id, "error", r->error));
        return TJ_OK;
    }
    printf("%4" PRId64 " %-7.7s %-9.9s %8.1f s %10" PRIu64 " tok %s\n", r->id, r->stage, status,
           r->cost.seconds, r->cost.tokens, r->name);
    if (r->error != NULL) {
        printf("     %s\n", r->error);
    }
    return TJ_OK;
}

static tj_code read_filter(const tj_args *args, tj_run_filter *f, tj_err *err)
{
    static const char *const statuses[] = {"any",       "started",   "done", "failed",
                                           "cancelled", "abandoned", NULL};
    size_t status = 0;
    size_t after = 0;
    *f =
        (tj_run_filter){.stage = tj_args_get(args, "stage"), .newest = tj_args_has(args, "newest")};
    tj_code rc = tj_args_choice(args, "status", statuses, 0, &status, err);
    if (rc == TJ_OK && status > 0) {
        f->statuses = TJ_RUN_BIT(status - 1);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "limit", 0, INT32_MAX, &f->limit, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "after", 0, (size_t)INT64_MAX, &after, err);
    }
    f->after = (int64_t)after;
    return rc;
}

tj_code tj_cmd_runs(const tj_args *args, tj_err *err)
{
    tj_store *store = NULL;
    tj_run_filter filter;
    tj_code rc = read_filter(args, &filter, err);
    if (rc == TJ_OK) {
        rc = tj_open_workspace(&store, args, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    json_t *list = tj_args_has(args, "json") ? json_array() : NULL;
    rc = tj_run_list(store, &filter, print_run, list, err);
    if (rc == TJ_OK && list != NULL) {
        rc = tj_print_json(list, err);
    }
    json_decref(list);
    tj_store_close(store);
    return rc;
}
