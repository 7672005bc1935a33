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

/* ------------------------------------------------------------------ eval without a task */

static void print_evaluation(const json_t *e)
{
    const json_t *result = json_object_get(e, "result");
    const json_t *scores = json_object_get(result, "scores");
    const char *filter;
    json_t *score;
    printf("%4.0f %-9s %s", tj_number(e, "run"), json_string_value(json_object_get(e, "status")),
           json_string_value(json_object_get(e, "name")));
    if (scores == NULL) {
        const char *error = json_string_value(json_object_get(e, "error"));
        printf("%s%.60s\n", error == NULL ? "" : ": ", error == NULL ? "" : error);
        return;
    }
    printf(", %.0f problems, %.0f samples\n", tj_number(result, "problems"),
           tj_number(result, "samples"));
    json_object_foreach((json_t *)(uintptr_t)scores, filter, score)
    {
        printf("     %-18s %-16s %.4f  [%.4f, %.4f]\n", filter,
               json_string_value(json_object_get(score, "metric")), tj_number(score, "mean"),
               tj_number(score, "low"), tj_number(score, "high"));
    }
}

static tj_code load_evaluations(json_t **list, const tj_args *args, tj_err *err)
{
    tj_store *store = NULL;
    *list = NULL;
    tj_code rc = tj_open_workspace(&store, args, err);
    if (rc == TJ_OK) {
        rc = tj_eval_runs(store, list, err);
    }
    tj_store_close(store);
    return rc;
}

/* The summary of the workspace's experiment; NULL where it has none. */
static tj_code load_summary(json_t **summary, const char *dir, tj_err *err)
{
    char *path = tj_fs_join(dir, "summary.json");
    *summary = NULL;
    tj_code rc = path == NULL         ? tj_fail(err, TJ_E_NOMEM, "cannot read the summary")
                 : tj_fs_exists(path) ? tj_config_load(summary, path, err)
                                      : TJ_OK;
    tj_free(path);
    return rc;
}

static tj_code print_as_json(json_t *summary, json_t *list, tj_err *err)
{
    json_t *all = summary == NULL ? json_object() : json_copy(summary);
    tj_code rc = all == NULL || json_object_set(all, "evaluations", list) != 0
                     ? tj_fail(err, TJ_E_NOMEM, "cannot print the evaluations")
                     : tj_print_json(all, err);
    json_decref(all);
    return rc;
}

tj_code tj_cmd_eval_workspace(const tj_args *args, tj_err *err)
{
    const char *dir = tj_args_get(args, "workspace");
    dir = dir == NULL ? "demo" : dir;
    json_t *list = NULL;
    json_t *summary = NULL;
    size_t i;
    const json_t *one;
    tj_code rc = load_evaluations(&list, args, err);
    if (rc == TJ_OK) {
        rc = load_summary(&summary, dir, err);
    }
    if (rc == TJ_OK && summary == NULL && json_array_size(list) == 0) {
        rc = tj_fail(err, TJ_E_NOTFOUND, "%s has neither an experiment's summary nor evaluations",
                     dir);
    }
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        rc = print_as_json(summary, list, err);
    } else if (rc == TJ_OK) {
        json_array_foreach(list, i, one)
        {
            print_evaluation(one);
        }
        if (summary != NULL) {
            tj_print_summary(summary, dir);
        }
    }
    json_decref(list);
    json_decref(summary);
    return rc;
}
