/* The whole experiment at toy size (two numbers, a model of two layers): it gives every figure that
 * the report needs, is found when done, goes on when stopped at any place to the same result, keeps
 * failed runs, and refuses what would make its figures worthless. */
#define _XOPEN_SOURCE 700 /* nftw */
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/par.h"
#include "report/report.h"
#include "stage/stage.h"

static char dir[64]; /* of all workspaces */

static tj_demo_config toy(void)
{
    tj_demo_config c;
    tj_demo_config_default(&c, false);
    c.seed = 5;
    c.n_seeds = 2;
    c.n_train = 6;
    c.margin = 1;
    c.precision = 1; /* f32 */
    c.task.n_numbers = 2;
    c.task.number_max = 30;
    c.task.target_min = 1;
    c.task.target_max = 60;
    c.task.value_max = 60;
    c.model.width = 64;
    c.model.n_layers = 2;
    c.model.n_heads = 2;
    c.model.n_kv_heads = 2;
    c.model.ffn_width = 128;
    c.corpus.n_problems = 400;
    c.corpus.chain_tokens = 60;
    c.corpus.p_fail = 0.1;
    c.corpus.p_smaller = 0.0;
    c.phase1.n_updates = 500;
    c.phase1.lr_max = 3e-3;
    c.phase1.save_every = 100;
    c.phase2.epochs = 2;
    c.phase2.save_every = 1;
    c.grow.depth = 1;
    c.grow.max_tries = 8;
    c.grow.batch_problems = 4;
    c.grow_spare = 8.0;
    c.eval.n_problems = 20;
    c.eval.n_valid = 5;
    c.eval.max_tokens = 60;
    c.eval.max_samples = 2;
    c.eval.n_resamples = 100;
    return c;
}

static void workspace(char path[128], const char *name)
{
    snprintf(path, 128, "%s/%s", dir, name);
}

/* Says stop at the n-th look. */
typedef struct stopper {
    tj_job job;
    tj_cancel cancel;
    size_t left;
} stopper;

static void count_down(stopper *s)
{
    if (s->left > 0 && --s->left == 0) {
        tj_cancel_ask(&s->cancel);
    }
}

static void on_progress(void *ctx, const char *what, uint64_t done, uint64_t total,
                        const char *unit, const char *note)
{
    (void)what;
    (void)done;
    (void)total;
    (void)unit;
    (void)note;
    count_down(ctx);
}

static void on_log(void *ctx, const char *line)
{
    (void)line;
    count_down(ctx);
}

static tj_code run(const char *name, const tj_demo_config *cfg, size_t stop_at, json_t **data,
                   tj_err *err)
{
    char path[128];
    stopper s = {.left = stop_at};
    s.job = (tj_job){on_progress, on_log, &s, &s.cancel};
    workspace(path, name);
    return tj_demo_run(path, cfg, "toy", "test", data, &s.job, err);
}

/* What must not depend on interruptions: all but times and costs. */
static char *figures(const json_t *data)
{
    json_t *summary = NULL;
    assert_int_equal(tj_summary_json(&summary, data, NULL), TJ_OK);
    json_object_del(summary, "seconds");
    json_object_del(summary, "created");
    json_object_del(summary, "ledger_head");
    json_object_del(summary, "ledger_entries");
    char *text = tj_json_canonical(summary);
    json_decref(summary);
    assert_non_null(text);
    return text;
}

static char *wanted; /* the figures of an unbroken run */

static size_t count_runs(const json_t *data, const char *status)
{
    size_t i;
    size_t n = 0;
    const json_t *run_json;
    json_array_foreach(json_object_get(data, "runs"), i, run_json)
    {
        n += strcmp(json_string_value(json_object_get(run_json, "status")), status) == 0 ? 1 : 0;
    }
    return n;
}

static void it_gives_every_figure_and_a_report(void **state)
{
    (void)state;
    static const char *const keys[] = {"base", "shortcut", "journey", "shortcut_same_tokens",
                                       "shortcut_verified_same_tokens"};
    tj_demo_config cfg = toy();
    json_t *data = NULL;
    json_t *summary = NULL;
    tj_err err = {.msg = ""};
    if (run("whole", &cfg, 0, &data, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(tj_summary_json(&summary, data, NULL), TJ_OK);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *arm = json_object_get(summary, keys[i]);
        double a = json_number_value(json_object_get(arm, "accuracy"));
        assert_true(json_is_number(json_object_get(arm, "accuracy")));
        assert_true(json_number_value(json_object_get(arm, "ci_low")) <= a);
        assert_true(json_number_value(json_object_get(arm, "ci_high")) >= a);
        assert_true(json_number_value(json_object_get(arm, "tokens_per_answer")) > 1.0);
    }
    /* it learnt something, or every comparison here is of nothing with nothing */
    assert_true(
        json_number_value(json_object_get(json_object_get(summary, "shortcut"), "accuracy")) > 0.2);
    assert_int_equal(json_array_size(json_object_get(summary, "seeds")), 2);
    assert_int_equal(count_runs(data, "done"), json_array_size(json_object_get(data, "runs")));
    json_decref(summary);
    wanted = figures(data);
    json_decref(data);
}

static void done_stages_are_found(void **state)
{
    (void)state;
    tj_demo_config cfg = toy();
    json_t *data = NULL;
    json_t *again = NULL;
    char path[128];
    assert_int_equal(run("whole", &cfg, 0, &data, NULL), TJ_OK);
    workspace(path, "whole");
    assert_int_equal(tj_demo_report(path, "test", &again, NULL), TJ_OK);
    char *first = figures(data);
    char *second = figures(again);
    assert_string_equal(first, wanted);
    assert_string_equal(second, wanted);
    assert_string_equal(json_string_value(json_object_get(again, "command")), "toy");
    assert_int_equal(json_array_size(json_object_get(again, "runs")),
                     json_array_size(json_object_get(data, "runs")));
    tj_free(first);
    tj_free(second);
    json_decref(data);
    json_decref(again);
}

/* Stopped again and again, a little further each time. */
static void a_stopped_experiment_goes_on_to_the_same_figures(void **state)
{
    (void)state;
    tj_demo_config cfg = toy();
    json_t *data = NULL;
    tj_err err = {.msg = ""};
    size_t n_stops = 0;
    tj_code rc = TJ_E_CANCELLED;
    for (size_t stop_at = 3; rc == TJ_E_CANCELLED; stop_at += 2 + stop_at / 4) {
        rc = run("stopped", &cfg, stop_at, &data, &err);
        n_stops += rc == TJ_E_CANCELLED ? 1 : 0;
        assert_true(rc == TJ_E_CANCELLED ? data == NULL : true);
    }
    if (rc != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    assert_true(n_stops >= 4);
    char *got = figures(data);
    assert_string_equal(got, wanted);
    tj_free(got);
    json_decref(data);
}

/* A process that is killed, whatever stage it is at: it trains, grows, derives, evaluates. */
static pid_t start_experiment(const char *name)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tj_demo_config cfg = toy();
        json_t *data = NULL;
        tj_err err = {.msg = ""};
        if (run(name, &cfg, 0, &data, &err) != TJ_OK) {
            (void)fprintf(stderr, "child: %s\n", err.msg);
            _exit(1);
        }
        _exit(0);
    }
    return child;
}

/* What it left agrees with its ledger. */
static void expect_sound(const char *path)
{
    tj_store *store;
    size_t n_bad = 99;
    tj_err err = {.msg = ""};
    if (tj_store_open(&store, path, TJ_STORE_READ, NULL, &err) != TJ_OK) {
        return; /* killed before there was a workspace: the next one makes it */
    }
    if (tj_store_verify(store, &n_bad, NULL, NULL, NULL, NULL, &err) != TJ_OK || n_bad != 0) {
        fail_msg("%zu places differ: %s", n_bad, err.msg);
    }
    tj_store_close(store);
}

static void a_killed_experiment_goes_on_to_the_same_figures(void **state)
{
    (void)state;
    json_t *data = NULL;
    char path[128];
    size_t n_kills = 0;
    uint64_t random = 5;
    double longest = 50.0; /* milliseconds; grows, so that any machine gets through in the end */
    int status = 0;
    workspace(path, "killed");
    for (;;) {
        pid_t child = start_experiment("killed");
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        uint64_t ms = (random >> 33U) % (uint64_t)longest;
        struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
        (void)nanosleep(&t, NULL);
        (void)kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        expect_sound(path);
        if (WIFEXITED(status)) {
            break;
        }
        n_kills++;
        longest *= 1.25;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(n_kills >= 4);
    assert_int_equal(tj_demo_report(path, "test", &data, NULL), TJ_OK);
    char *got = figures(data);
    assert_string_equal(got, wanted);
    tj_free(got);
    json_decref(data);
}

static void other_settings_need_another_workspace(void **state)
{
    (void)state;
    tj_demo_config cfg = toy();
    json_t *data = NULL;
    tj_err err = {.msg = ""};
    cfg.phase2.lr_max *= 2.0;
    assert_int_equal(run("whole", &cfg, 0, &data, &err), TJ_E_CONFLICT);
    assert_non_null(strstr(err.msg, "other settings"));
    assert_null(data);
}

static void a_setting_without_enough_problems_leaves_no_workspace(void **state)
{
    (void)state;
    tj_demo_config cfg = toy();
    json_t *data = NULL;
    tj_err err = {.msg = ""};
    char path[128];
    struct stat st;
    cfg.margin = 1000;
    assert_int_equal(run("scarce", &cfg, 0, &data, &err), TJ_E_LIMIT);
    assert_non_null(strstr(err.msg, "task.number_max"));
    workspace(path, "scarce");
    assert_int_not_equal(stat(path, &st), 0);
}

/* A base that cannot solve enough problems is an error, not a smaller N; the failed run stays. */
static void too_few_trees_with_an_answer_fail(void **state)
{
    (void)state;
    tj_demo_config cfg = toy();
    json_t *data = NULL;
    tj_err err = {.msg = ""};
    char path[128];
    tj_store *store;
    size_t n_failed = 0;
    cfg.phase1.n_updates = 1;
    assert_int_equal(run("weak", &cfg, 0, &data, &err), TJ_E_LIMIT);
    assert_non_null(strstr(err.msg, "too weak"));
    workspace(path, "weak");
    assert_int_equal(tj_store_open(&store, path, TJ_STORE_READ, NULL, NULL), TJ_OK);
    for (int64_t id = 1; id < 10; id++) {
        tj_run_info info;
        if (tj_run_get(store, &info, id, NULL) == TJ_OK) {
            n_failed += info.status == TJ_RUN_FAILED ? 1 : 0;
            tj_run_info_deinit(&info);
        }
    }
    assert_int_equal(n_failed, 1);
    tj_store_close(store);
}

static void impossible_settings_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *field;
    } bad[] = {{"phase1: {n_updats: 5}", "n_updats"},
               {"phase1: {n_updates: many}", "n_updates"},
               {"model: {width: 0}", "width"},
               {"model: {n_heads: 3}", "n_heads"},
               {"n_train: 0", "n_train"},
               {"seeds: []", "seeds"},
               {"eval: {split: train}", "split"},
               {"eval: {max_tokens: 2000}", "max_tokens"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tj_demo_config cfg = toy();
        tj_demo_config before = cfg;
        json_t *json = NULL;
        tj_err err = {.msg = ""};
        assert_int_equal(tj_config_parse(&json, bad[i].yaml, strlen(bad[i].yaml), "toy.yaml", NULL),
                         TJ_OK);
        assert_int_equal(tj_demo_config_read(&cfg, json, "toy.yaml", &err), TJ_E_INVAL);
        if (strstr(err.msg, bad[i].field) == NULL) {
            fail_msg("\"%s\" does not name %s", err.msg, bad[i].field);
        }
        assert_memory_equal(&cfg, &before, sizeof cfg);
        json_decref(json);
    }
}

static int make_folder(void **state)
{
    (void)state;
    tj_par_set_threads(1);
    snprintf(dir, sizeof dir, "/tmp/tabiji-test-demo-XXXXXX");
    return mkdtemp(dir) == NULL ? 1 : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int remove_folder(void **state)
{
    (void)state;
    tj_free(wanted);
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gives_every_figure_and_a_report),
        cmocka_unit_test(done_stages_are_found),
        cmocka_unit_test(a_stopped_experiment_goes_on_to_the_same_figures),
        cmocka_unit_test(a_killed_experiment_goes_on_to_the_same_figures),
        cmocka_unit_test(other_settings_need_another_workspace),
        cmocka_unit_test(a_setting_without_enough_problems_leaves_no_workspace),
        cmocka_unit_test(too_few_trees_with_an_answer_fail),
        cmocka_unit_test(impossible_settings_are_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
