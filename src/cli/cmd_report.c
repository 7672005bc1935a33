/* report, eval: what a finished experiment says. */
#include "base/alloc.h"
#include "base/config.h"
#include "base/fs.h"
#include "cli/common.h"
#include "cli/results.h"
#include "stage/stage.h"

tj_code tj_cmd_report(const tj_args *args, tj_err *err)
{
    json_t *data = NULL;
    char command[256];
    const char *dir = tj_args_get(args, "workspace");
    dir = dir == NULL ? "demo" : dir;
    snprintf(command, sizeof command, "tabiji demo -w %s", dir);
    tj_code rc = tj_demo_report(dir, command, tj_build_id(), &data, err);
    if (rc == TJ_OK) {
        rc = tj_write_results(args, dir, data, err);
    }
    json_decref(data);
    return rc;
}

tj_code tj_cmd_eval(const tj_args *args, tj_err *err)
{
    const char *dir = tj_args_get(args, "workspace");
    dir = dir == NULL ? "demo" : dir;
    char *path = tj_fs_join(dir, "summary.json");
    json_t *summary = NULL;
    tj_code rc = path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot read the summary")
                              : tj_config_load(&summary, path, err);
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        rc = tj_print_json(summary, err);
    } else if (rc == TJ_OK) {
        tj_print_summary(summary, dir);
    }
    json_decref(summary);
    tj_free(path);
    return rc;
}
