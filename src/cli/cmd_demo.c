/* demo, run. */
#include "base/par.h"
#include "cli/results.h"
#include "cli/settings.h"
#include "stage/stage.h"

tj_code tj_cmd_demo(const tj_args *args, tj_err *err)
{
    tj_demo_config cfg;
    json_t *data = NULL;
    char command[256];
    size_t threads;
    const char *dir = tj_args_get(args, "workspace");
    dir = dir == NULL ? "demo" : dir;
    tj_code rc = tj_args_size(args, "threads", 0, TJ_MAX_THREADS, &threads, err);
    if (rc == TJ_OK) {
        tj_par_set_threads(threads);
        rc = tj_read_settings(args, &cfg, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    if (tj_args_has(args, "quiet")) {
        tj_cli_quiet();
    }
    snprintf(command, sizeof command, "tabiji demo%s -w %s", cfg.full ? " --full" : "", dir);
    rc = tj_demo_run(dir, &cfg, command, tj_build_id(), &data, tj_cli_job(), err);
    if (rc == TJ_E_CANCELLED) {
        return tj_fail(err, rc,
                       "stopped; everything so far is in %s: run the same command to go on", dir);
    }
    if (rc == TJ_OK) {
        rc = tj_write_results(args, dir, data, err);
    }
    json_decref(data);
    return rc;
}
