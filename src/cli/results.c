#include "cli/results.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/common.h"
#include "report/report.h"

void tj_print_summary(const json_t *s, const char *dir)
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

/* A workspace without an experiment has no arms to sum up. */
static tj_code write_page(const tj_args *args, const char *page, const json_t *data, tj_err *err)
{
    tj_code rc = tj_report_write(page, data, err);
    tj_cli_progress_end();
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        json_t *json = json_pack("{s:s}", "report", page);
        rc = tj_print_json(json, err);
        json_decref(json);
    } else if (rc == TJ_OK) {
        printf("report: %s\n", page);
    }
    return rc;
}

tj_code tj_write_results(const tj_args *args, const char *dir, const json_t *data, tj_err *err)
{
    char *page = tj_fs_join(dir, "report.html");
    char *short_form = tj_fs_join(dir, "summary.json");
    json_t *summary = NULL;
    if (page != NULL && json_object_get(data, "model") == NULL) {
        tj_code done = write_page(args, page, data, err);
        tj_free(page);
        tj_free(short_form);
        return done;
    }
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
        tj_print_summary(summary, dir);
    }
    json_decref(summary);
    tj_free(page);
    tj_free(short_form);
    return rc;
}
