/* report, and eval without a task: what a finished experiment says. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/fs.h"
#include "cli/common.h"
#include "cli/results.h"
#include "stage/stage.h"

static tj_code write_data(const char *path, const json_t *data, tj_err *err)
{
    char *text = json_dumps(data, JSON_INDENT(1));
    tj_code rc = text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write %s", path)
                              : tj_fs_write(path, text, strlen(text), err);
    free(text); /* Jansson's own allocation */
    return rc;
}

tj_code tj_cmd_report(const tj_args *args, tj_err *err)
{
    json_t *data = NULL;
    const char *file = tj_args_get(args, "data");
    const char *dir = tj_args_get(args, "workspace");
    dir = dir == NULL ? "demo" : dir;
    tj_code rc = tj_report_data(dir, tj_build_id(), &data, err);
    if (rc == TJ_OK && file != NULL) {
        rc = write_data(file, data, err);
    }
    if (rc == TJ_OK) {
        rc = tj_write_results(args, dir, data, err);
    }
    json_decref(data);
    return rc;
}

tj_code tj_cmd_eval_workspace(const tj_args *args, tj_err *err)
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
