/* The response cache of a workspace gives back what was put, from any thread and any process, keeps
 * it through kills and undone brackets, and lets a client that asks again pay nothing. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "store/db.h"
#include "store/store.h"
#include "support/http_script.h"
#include "support/workspace.h"

static tj_answers *open_them(void)
{
    tj_answers *a;
    tj_err err = {.msg = ""};
    if (tj_answers_open(&a, workspace_dir, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return a;
}

static void expect(tj_cache cache, const char *key, const char *value, size_t n)
{
    char *got = NULL;
    size_t len = 0;
    assert_int_equal(cache.get(cache.ctx, &got, &len, key, NULL), TJ_OK);
    if (value == NULL) {
        assert_null(got);
        return;
    }
    assert_non_null(got);
    assert_int_equal(len, n);
    assert_memory_equal(got, value, n);
    tj_free(got);
}

static void what_was_put_is_got(void **state)
{
    (void)state;
    size_t n;
    uint64_t n_bytes;
    tj_answers *a = open_them();
    tj_cache cache = tj_answers_cache(a);
    expect(cache, "k1", NULL, 0);
    assert_int_equal(cache.put(cache.ctx, "k1", "with\0zero", 9, NULL), TJ_OK);
    assert_int_equal(cache.put(cache.ctx, "k2", "", 0, NULL), TJ_OK);
    expect(cache, "k1", "with\0zero", 9);
    expect(cache, "k2", "", 0);
    assert_int_equal(cache.put(cache.ctx, "k1", "new", 3, NULL), TJ_OK);
    tj_answers_close(a);
    a = open_them();
    expect(tj_answers_cache(a), "k1", "new", 3);
    assert_int_equal(tj_answers_count(a, &n, &n_bytes, NULL), TJ_OK);
    assert_int_equal(n, 2);
    assert_int_equal(n_bytes, 3);
    tj_answers_close(a);
}

typedef struct worker {
    tj_cache cache;
    size_t index;
    size_t n_wrong;
} worker;

static void *work(void *ctx)
{
    worker *w = ctx;
    for (size_t i = 0; i < 50; i++) {
        char key[32];
        char value[32];
        char *got = NULL;
        size_t len = 0;
        snprintf(key, sizeof key, "key %zu %zu", w->index, i);
        int n = snprintf(value, sizeof value, "value %zu", i * w->index);
        if (w->cache.put(w->cache.ctx, key, value, (size_t)n, NULL) != TJ_OK ||
            w->cache.get(w->cache.ctx, &got, &len, key, NULL) != TJ_OK || got == NULL ||
            strcmp(got, value) != 0) {
            w->n_wrong++;
        }
        tj_free(got);
    }
    return NULL;
}

static void threads_and_processes_share_it(void **state)
{
    (void)state;
    pthread_t threads[4];
    worker workers[4];
    size_t n;
    uint64_t n_bytes;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) { /* another process, with a handle of its own */
        tj_answers *own;
        worker w = {.index = 9};
        if (tj_answers_open(&own, workspace_dir, NULL) != TJ_OK) {
            _exit(2);
        }
        w.cache = tj_answers_cache(own);
        (void)work(&w);
        tj_answers_close(own);
        _exit(w.n_wrong == 0 ? 0 : 1);
    }
    tj_answers *a = open_them();
    for (size_t i = 0; i < 4; i++) {
        workers[i] = (worker){.cache = tj_answers_cache(a), .index = i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(workers[i].n_wrong, 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(tj_answers_count(a, &n, &n_bytes, NULL), TJ_OK);
    assert_int_equal(n, 250);
    tj_answers_close(a);
}

/* While a bracket of the workspace is open that is never committed. */
static void a_kill_loses_no_answer(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tj_store *s;
        tj_answers *a;
        if (tj_store_open(&s, workspace_dir, TJ_STORE_CREATE, NULL, NULL) == TJ_OK &&
            tj_answers_open(&a, workspace_dir, NULL) == TJ_OK && tj_store_begin(s, NULL) == TJ_OK &&
            tj_store_set_note(s, "never", "1", NULL) == TJ_OK) {
            tj_cache cache = tj_answers_cache(a);
            if (cache.put(cache.ctx, "paid", "for", 3, NULL) == TJ_OK) {
                kill(getpid(), SIGKILL);
            }
        }
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    tj_answers *a = open_them();
    expect(tj_answers_cache(a), "paid", "for", 3);
    tj_answers_close(a);
}

static void answer(void *ctx, const http_request *request)
{
    (void)ctx;
    http_answer(request->fd, 200, "",
                "{\"choices\":[{\"index\":0,\"text\":\"12\",\"finish_reason\":\"stop\"}],"
                "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}");
}

/* A stage that runs again: a new process as far as client and cache know. */
static void asking_again_costs_nothing(void **state)
{
    (void)state;
    http_script server;
    http_script_start(&server, answer, NULL);
    for (size_t round = 0; round < 2; round++) {
        tj_answers *a = open_them();
        tj_cache cache = tj_answers_cache(a);
        tj_generator g;
        tj_remote_config cfg;
        tj_err err = {.msg = ""};
        tj_remote_config_default(&cfg);
        snprintf(cfg.model, sizeof cfg.model, "m");
        if (tj_remote_open(&g, server.url, &cfg, &cache, &err) != TJ_OK) {
            fail_msg("%s", err.msg);
        }
        tj_query q = {.text = "4 * 3 =",
                      .n_text = 7,
                      .sampling = {.top_p = 1.0},
                      .n_samples = 1,
                      .max_tokens = 4};
        if (g.generate(g.ctx, &q, 1, NULL, &err) != TJ_OK) {
            fail_msg("%s", err.msg);
        }
        assert_string_equal(q.completions[0].text, "12");
        assert_true(q.completions[0].is_cached == (round == 1));
        assert_int_equal(q.usage.n_prompt, round == 0 ? 5 : 0);
        tj_query_deinit(&q);
        g.close(g.ctx);
        tj_answers_close(a);
        assert_int_equal(atomic_load(&server.n_requests), 1);
    }
    http_script_stop(&server);
}

static void other_and_newer_databases_are_refused(void **state)
{
    (void)state;
    tj_answers *a = open_them();
    tj_err err = {.msg = ""};
    tj_answers_close(a);
    char *path = tj_fs_join(workspace_dir, "answers.db");
    tj_db *db;
    assert_int_equal(tj_db_open(&db, path, path, TJ_DB_WRITE, NULL), TJ_OK);
    assert_int_equal(tj_db_exec(db, "PRAGMA user_version = 9", NULL), TJ_OK);
    tj_db_close(db);
    assert_int_equal(tj_answers_open(&a, workspace_dir, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "version 9"));
    assert_null(a);
    assert_int_equal(tj_fs_write(path, "this is no database, not at all, no", 35, NULL), TJ_OK);
    assert_int_equal(tj_answers_open(&a, workspace_dir, &err), TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "answers.db"));
    tj_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_put_is_got, workspace_make, workspace_remove),
        cmocka_unit_test_setup_teardown(threads_and_processes_share_it, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(a_kill_loses_no_answer, workspace_make, workspace_remove),
        cmocka_unit_test_setup_teardown(asking_again_costs_nothing, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(other_and_newer_databases_are_refused, workspace_make,
                                        workspace_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
