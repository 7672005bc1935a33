/* The report data of docs/report.md for a workspace in which no experiment was made: its problem
 * sets, runs, trees, long thoughts and evaluations. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "stage/experiment_parts.h"

#define MAX_RUNS 12 /* whose thoughts are counted, the newest */

/* ------------------------------------------------------------------ thoughts in numbers */

static tj_code count_thoughts(tj_store *store, json_t **stats, size_t *n, int64_t run,
                              tj_grader *grader, tj_err *err)
{
    tj_stats_config cfg;
    tj_stats *sums = NULL;
    tj_row_ref *rows = NULL;
    *stats = NULL;
    tj_stats_config_default(&cfg);
    tj_code rc = tj_store_list(store, &rows, n, TJ_ROW_THOUGHT, run, err);
    if (rc == TJ_OK) {
        rc = tj_stats_create(&sums, &cfg, err);
    }
    for (size_t i = 0; i < *n && rc == TJ_OK; i++) {
        tj_record record;
        rc = tj_told_thought_load(&record, NULL, NULL, store, rows[i].id, err);
        if (rc != TJ_OK) {
            break;
        }
        rc = tj_answer_judge(&record, grader, err);
        if (rc == TJ_OK) {
            rc = tj_stats_add(sums, &record, err);
        }
        tj_record_deinit(&record);
    }
    if (rc == TJ_OK) {
        rc = tj_stats_json(sums, stats, err);
    }
    tj_stats_destroy(sums);
    tj_free(rows);
    return rc;
}

typedef struct counting {
    tj_store *store;
    tj_grader *grader;
    json_t *out;
    int64_t newest; /* run with thoughts; 0: none yet */
} counting;

static tj_code count_run(void *ctx, const tj_run_info *info, tj_err *err)
{
    counting *c = ctx;
    json_t *stats = NULL;
    size_t n = 0;
    tj_code rc = tj_store_count(c->store, &n, TJ_ROW_THOUGHT, info->id, err);
    if (rc != TJ_OK || n == 0 || json_array_size(c->out) == MAX_RUNS) {
        return rc;
    }
    rc = count_thoughts(c->store, &stats, &n, info->id, c->grader, err);
    if (rc == TJ_OK) {
        json_t *one =
            json_pack("{s:I, s:s, s:s, s:I, s:o}", "run", (json_int_t)info->id, "stage",
                      info->stage, "name", info->name, "n", (json_int_t)n, "stats", stats);
        rc = json_array_append_new(c->out, one) == 0
                 ? TJ_OK
                 : tj_fail(err, TJ_E_NOMEM, "cannot report on thoughts");
    }
    return rc;
}

tj_code tj_report_thoughts(tj_store *store, json_t *out, tj_err *err)
{
    counting c = {.store = store, .out = out};
    tj_run_filter filter = {.statuses = TJ_RUN_BIT(TJ_RUN_DONE), .newest = true};
    tj_code rc = tj_grader_create_apart(&c.grader, NULL, NULL, err);
    if (rc == TJ_OK) {
        rc = tj_run_list(store, &filter, count_run, &c, err);
    }
    tj_grader_destroy(c.grader);
    return rc;
}

/* ------------------------------------------------------------------ trees */

static tj_code find_with_trees(void *ctx, const tj_run_info *info, tj_err *err)
{
    counting *c = ctx;
    tj_row_ref *rows = NULL;
    size_t n = 0;
    tj_thought t = {0};
    tj_origin origin = {.tree = 0};
    if (c->newest != 0) {
        return TJ_OK;
    }
    tj_code rc = tj_store_list(c->store, &rows, &n, TJ_ROW_THOUGHT, info->id, err);
    if (rc == TJ_OK && n > 0) {
        rc = tj_store_load_thought(c->store, &t, &origin, rows[0].id, err);
    }
    c->newest = origin.tree != 0 ? info->id : 0;
    tj_thought_deinit(&t);
    tj_free(rows);
    return rc;
}

static tj_code add_trees(tj_store *store, json_t *trees, json_t **example, tj_err *err)
{
    counting c = {.store = store};
    tj_run_info info = {0};
    tj_run_filter filter = {.statuses = TJ_RUN_BIT(TJ_RUN_DONE), .newest = true};
    tj_code rc = tj_run_list(store, &filter, find_with_trees, &c, err);
    if (rc == TJ_OK && c.newest != 0) {
        rc = tj_run_get(store, &info, c.newest, err);
        if (rc == TJ_OK) {
            rc = tj_report_run_trees(store, trees, example, c.newest, info.seed, err);
        }
        tj_run_info_deinit(&info);
    }
    return rc;
}

/* ------------------------------------------------------------------ evaluations */

static json_t *evaluation_json(const json_t *run)
{
    const json_t *result = json_object_get(run, "result");
    const char *filter;
    json_t *score;
    json_t *scores = json_array();
    json_object_foreach(json_object_get(result, "scores"), filter, score)
    {
        json_array_append_new(scores, json_pack("{s:s, s:O, s:O, s:O, s:O}", "filter", filter,
                                                "metric", json_object_get(score, "metric"), "mean",
                                                json_object_get(score, "mean"), "low",
                                                json_object_get(score, "low"), "high",
                                                json_object_get(score, "high")));
    }
    return json_pack("{s:O, s:O, s:O, s:O, s:o}", "run", json_object_get(run, "run"), "label",
                     json_object_get(run, "name"), "problems", json_object_get(result, "problems"),
                     "samples", json_object_get(result, "samples"), "scores", scores);
}

tj_code tj_report_evaluations(tj_store *store, json_t *out, tj_err *err)
{
    json_t *runs = NULL;
    size_t i;
    const json_t *run;
    tj_code rc = tj_eval_runs(store, &runs, err);
    json_array_foreach(runs, i, run)
    {
        if (json_is_object(json_object_get(run, "result"))) {
            json_array_append_new(out, evaluation_json(run));
        }
    }
    json_decref(runs);
    return rc;
}

/* ------------------------------------------------------------------ the document */

static tj_code add_set(void *ctx, const tj_problem_set *set, tj_err *err)
{
    static const char *const splits[] = {"train", "valid", "test"};
    json_t *sets = ctx;
    for (size_t i = 0; i < 3; i++) {
        if (set->n_problems[i] > 0 &&
            json_array_append_new(sets,
                                  json_pack("{s:s, s:s, s:I, s:s, s:s}", "name", set->name, "split",
                                            splits[i], "n", (json_int_t)set->n_problems[i], "what",
                                            set->task, "digest", set->digest)) != 0) {
            return tj_fail(err, TJ_E_NOMEM, "cannot report on problem sets");
        }
    }
    return TJ_OK;
}

static json_t *document(const char *dir, const char *build_id, const tj_run_sums *sums,
                        int64_t now_us, json_t *sets, json_t *example)
{
    char command[600];
    snprintf(command, sizeof command, "tabiji report --workspace %s", dir);
    return json_pack("{s:i, s:s, s:o, s:s, s:s, s:f, s:b, s:i, s:i, s:[], s:o, s:{s:s, s:s, s:[]}, "
                     "s:[], s:{}, s:{s:O, s:O*}, s:[], s:O}",
                     "report_version", 1, "title", "Trees and long thoughts", "created",
                     tj_report_time(now_us), "profile", "workspace", "command", command, "seconds",
                     sums->total_seconds, "finished", 1, "n_train", 0, "n_test", 0, "seeds",
                     "environment", tj_report_environment(build_id, tj_isa_name(), NULL), "task",
                     "name", "trees and thoughts", "description", "What the workspace holds.",
                     "difficulties", "pipeline", "config", "data", "sets", sets, "example", example,
                     "arms", "runs", sums->runs);
}

static tj_code collect(tj_store *store, const char *build_id, json_t **data, tj_err *err)
{
    tj_run_sums sums;
    json_t *sets = json_array();
    json_t *thoughts = json_array();
    json_t *evaluations = json_array();
    json_t *trees = json_array();
    json_t *example = NULL;
    json_t *ledger = NULL;
    tj_code rc = tj_report_runs(store, &sums, err);
    if (rc == TJ_OK) {
        rc = tj_store_problem_set_each(store, add_set, sets, err);
    }
    if (rc == TJ_OK) {
        rc = tj_report_thoughts(store, thoughts, err);
    }
    if (rc == TJ_OK) {
        rc = tj_report_evaluations(store, evaluations, err);
    }
    if (rc == TJ_OK) {
        rc = add_trees(store, trees, &example, err);
    }
    if (rc == TJ_OK) {
        rc = tj_report_ledger(store, 0, &ledger, err);
    }
    if (rc == TJ_OK) {
        json_t *d =
            document(tj_store_dir(store), build_id, &sums, tj_store_now_us(store), sets, example);
        if (d == NULL || json_object_set(d, "thoughts", thoughts) != 0 ||
            json_object_set(d, "evaluations", evaluations) != 0 ||
            json_object_set(d, "trees", trees) != 0 || json_object_set(d, "ledger", ledger) != 0) {
            json_decref(d);
            rc = tj_fail(err, TJ_E_NOMEM, "cannot collect the report's data");
        } else {
            *data = d;
        }
    }
    json_decref(ledger);
    json_decref(example);
    json_decref(trees);
    json_decref(evaluations);
    json_decref(thoughts);
    json_decref(sets);
    json_decref(sums.runs);
    return rc;
}

static tj_code workspace_data(const char *dir, const char *build_id, json_t **data, tj_err *err)
{
    tj_store *store = NULL;
    *data = NULL;
    tj_code rc = tj_store_open(&store, dir, TJ_STORE_READ, NULL, err);
    if (rc == TJ_OK) {
        rc = collect(store, build_id, data, err);
    }
    tj_store_close(store);
    return rc;
}

tj_code tj_report_data(const char *dir, const char *build_id, json_t **data, tj_err *err)
{
    tj_store *store = NULL;
    char *config = NULL;
    *data = NULL;
    tj_code rc = tj_store_open(&store, dir, TJ_STORE_READ, NULL, err);
    if (rc == TJ_OK) {
        rc = tj_store_get_note(store, &config, TJ_NOTE_DEMO, err);
    }
    tj_store_close(store);
    bool is_demo = config != NULL;
    tj_free(config);
    if (rc != TJ_OK) {
        return rc;
    }
    return is_demo ? tj_demo_report(dir, build_id, data, err)
                   : workspace_data(dir, build_id, data, err);
}
