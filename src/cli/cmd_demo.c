/* demo, run. */
#include "base/buf.h"
#include "cli/common.h"
#include "cli/results.h"
#include "cli/settings.h"
#include "stage/stage.h"

/* The command line again, as the report tells it. */
static void write_command(tj_buf *out, const tj_args *args, const char *dir)
{
    const char *file = tj_args_operand(args, 0);
    tj_buf_printf(out, "tabiji %s%s%s", file == NULL ? "demo" : "run ", file == NULL ? "" : file,
                  tj_args_has(args, "full") ? " --full" : "");
    if (tj_args_has(args, "config")) {
        tj_buf_printf(out, " --config %s", tj_args_get(args, "config"));
    }
    for (size_t i = 0; tj_args_nth(args, "set", i) != NULL; i++) {
        tj_buf_printf(out, " --set %s", tj_args_nth(args, "set", i));
    }
    tj_buf_printf(out, " -w %s", dir);
}

tj_code tj_cmd_demo(const tj_args *args, tj_err *err)
{
    tj_demo_config cfg;
    json_t *data = NULL;
    tj_buf command;
    const char *dir = tj_args_get(args, "workspace");
    dir = dir == NULL ? "demo" : dir;
    tj_code rc = tj_cli_use_threads(args, err);
    if (rc == TJ_OK) {
        rc = tj_read_settings(args, &cfg, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_buf_init(&command);
    write_command(&command, args, dir);
    rc = tj_buf_check(&command, err);
    if (rc == TJ_OK) {
        rc = tj_demo_run(dir, &cfg, tj_buf_text(&command), tj_build_id(), &data, tj_cli_job(), err);
    }
    tj_buf_deinit(&command);
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
