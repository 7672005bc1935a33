/* demo, run, config, report. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/fs.h"
#include "base/par.h"
#include "cli/cli.h"
#include "cli/common.h"
#include "report/report.h"
#include "stage/stage.h"

/* What is wrong with a setting is said with its line. */
static tj_code read_file(tj_demo_config *cfg, const char *path, tj_err *err)
{
    char *text = NULL;
    size_t len = 0;
    json_t *json = NULL;
    tj_code rc = tj_fs_read(&text, &len, path, TJ_MAX_CONFIG_BYTES, err);
    if (rc == TJ_OK) {
        rc = tj_config_parse(&json, text, len, path, err);
    }
    if (rc == TJ_OK && !json_is_object(json)) {
        rc = tj_fail(err, TJ_E_INVAL, "%s: expected a mapping of settings", path);
    } else if (rc == TJ_OK) {
        rc = tj_demo_config_read(cfg, json, "", err);
        if (rc != TJ_OK) {
            tj_config_add_line(err, text, len, path);
        }
    }
    json_decref(json);
    tj_free(text);
    return rc;
}

/* Defaults, then the file, then each --set. */
static tj_code read_config(const tj_args *args, tj_demo_config *cfg, tj_err *err)
{
    const char *file = tj_args_get(args, "config");
    json_t *sets = json_object();
    file = tj_args_n_operands(args) > 0 ? tj_args_operand(args, 0) : file;
    tj_demo_config_default(cfg, tj_args_has(args, "full"));
    tj_code rc = sets == NULL   ? tj_fail(err, TJ_E_NOMEM, "cannot read the settings")
                 : file == NULL ? TJ_OK
                                : read_file(cfg, file, err);
    if (rc == TJ_OK) {
        for (size_t i = 0; rc == TJ_OK && tj_args_nth(args, "set", i) != NULL; i++) {
            rc = tj_config_set(sets, tj_args_nth(args, "set", i), err);
        }
        if (rc == TJ_OK) {
            rc = tj_demo_config_read(cfg, sets, "", err);
        }
        if (rc != TJ_OK) {
            tj_err_context(err, "--set");
        }
    }
    json_decref(sets);
    return rc;
}

static void print_summary(const json_t *s, const char *dir)
{
    const json_t *d = json_object_get(s, "difference");
    tj_print_arms(s);
    printf("\njourney - shortcut: %+.1f points, 95%% interval %+.1f to %+.1f\n",
           100.0 * tj_number(d, "points"), 100.0 * tj_number(d, "ci_low"),
           100.0 * tj_number(d, "ci_high"));
    printf("McNemar p = %.2g, N = %.0f, %.0f test problems, %.0f s\n\nreport: %s/report.html\n",
           tj_number(d, "p_mcnemar"), tj_number(s, "n_train"), tj_number(s, "n_test"),
           tj_number(s, "seconds"), dir);
}

/* DIR/report.html and DIR/summary.json; then says or prints what came out. */
static tj_code write_results(const tj_args *args, const char *dir, const json_t *data, tj_err *err)
{
    char *page = tj_fs_join(dir, "report.html");
    char *short_form = tj_fs_join(dir, "summary.json");
    json_t *summary = NULL;
    tj_code rc = page == NULL || short_form == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot write the report")
                     : tj_report_write(page, data, err);
    if (rc == TJ_OK) {
        rc = tj_summary_write(short_form, data, err);
    }
    if (rc == TJ_OK) {
        rc = tj_summary_json(&summary, data, err);
    }
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        rc = tj_print_json(summary, err);
    } else if (rc == TJ_OK) {
        tj_cli_progress_end();
        print_summary(summary, dir);
    }
    json_decref(summary);
    tj_free(page);
    tj_free(short_form);
    return rc;
}

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
        rc = read_config(args, &cfg, err);
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
        rc = write_results(args, dir, data, err);
    }
    json_decref(data);
    return rc;
}

tj_code tj_cmd_config(const tj_args *args, tj_err *err)
{
    tj_demo_config cfg;
    tj_code rc = read_config(args, &cfg, err);
    if (rc == TJ_OK) {
        json_t *json = tj_demo_config_write(&cfg);
        rc = tj_print_json(json, err);
        json_decref(json);
    }
    return rc;
}

tj_code tj_cmd_report(const tj_args *args, tj_err *err)
{
    json_t *data = NULL;
    char command[256];
    const char *dir = tj_args_get(args, "workspace");
    dir = dir == NULL ? "demo" : dir;
    snprintf(command, sizeof command, "tabiji demo -w %s", dir);
    tj_code rc = tj_demo_report(dir, command, tj_build_id(), &data, err);
    if (rc == TJ_OK) {
        rc = write_results(args, dir, data, err);
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
        print_summary(summary, dir);
    }
    json_decref(summary);
    tj_free(path);
    return rc;
}
