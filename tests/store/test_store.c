/* The workspace keeps what was committed, refuses a second writer, and notices every change. */
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
#include "support/workspace.h"

static tj_run_spec spec_of(json_t *config)
{
    return (tj_run_spec){.stage = "test",
                         .name = "a test",
                         .config = config,
                         .seed = 7,
                         .build_id = "b",
                         .isa = "i",
                         .n_threads = 1};
}

/* A run with one problem set, one tree and one output. */
static int64_t make_run(tj_store *s)
{
    json_t *config = json_pack("{s:i}", "x", 1);
    tj_run_spec spec = spec_of(config);
    int64_t run;
    int64_t set;
    int64_t id;
    tj_problem p = {.split = TJ_SPLIT_TEST, .json = "{\"a\":1}", .n_json = 7};
    assert_int_equal(tj_run_begin(s, &run, &spec, NULL), TJ_OK);
    assert_int_equal(tj_store_add_problem_set(s, &set, run, "set", "t", config, &p, 1, NULL),
                     TJ_OK);
    tj_problems rows;
    assert_int_equal(tj_store_load_problems(s, &rows, set, TJ_SPLIT_TEST, 0, 10, NULL), TJ_OK);
    assert_int_equal(rows.n, 1);
    assert_string_equal(rows.rows[0].json, p.json);
    tj_tree tree = {.problem = rows.rows[0].id, .seed = UINT64_MAX};
    size_t node;
    const int32_t ids[] = {1, 2, 3};
    const float logprobs[] = {-0.0F, -1.5F, -1e-30F};
    assert_int_equal(tj_tree_add_node(&tree, &node, TJ_NO_NODE, "", NULL, NULL, 0, NULL), TJ_OK);
    assert_int_equal(tj_tree_add_node(&tree, &node, 0, "step\n", ids, logprobs, 3, NULL), TJ_OK);
    tj_reward reward = {.node = 1, .rewarder = "verifier", .value = 1.0, .reason = "r"};
    assert_int_equal(tj_tree_add_reward(&tree, &reward, NULL), TJ_OK);
    tj_origin origin = {.run = run, .ordinal = 3};
    assert_int_equal(tj_store_add_tree(s, &id, &origin, &tree, NULL), TJ_OK);
    tj_tree back;
    assert_int_equal(tj_store_load_tree(s, &back, NULL, id, NULL), TJ_OK);
    assert_int_equal(back.n_nodes, 2);
    assert_true(back.seed == UINT64_MAX);
    assert_memory_equal(back.nodes[1].logprobs, logprobs, sizeof logprobs);
    assert_string_equal(back.rewards[0].rewarder, "verifier");
    assert_int_equal(tj_store_add_tree(s, &id, &origin, &tree, NULL), TJ_E_CONFLICT);
    tj_tree_deinit(&back);
    tj_output o = {.origin = {.run = run},
                   .problem = rows.rows[0].id,
                   .text = "hi",
                   .n_text = 2,
                   .n_tokens = 1};
    assert_int_equal(tj_store_add_output(s, &id, &o, NULL), TJ_OK);
    tj_problems_deinit(&rows);
    tj_tree_deinit(&tree);
    json_t *metrics = json_pack("{s:f}", "loss", 0.5);
    tj_run_outcome done = {.status = TJ_RUN_DONE, .metrics = metrics};
    assert_int_equal(tj_run_end(s, run, &done, NULL), TJ_OK);
    assert_int_equal(tj_run_end(s, run, &done, NULL), TJ_E_CONFLICT);
    int64_t found;
    assert_int_equal(tj_run_find(s, &found, &spec, TJ_RUN_BIT(TJ_RUN_DONE), NULL), TJ_OK);
    assert_true(found == run);
    json_decref(metrics);
    json_decref(config);
    return run;
}

static size_t mismatches(void)
{
    tj_store *s = workspace_open(TJ_STORE_READ);
    size_t n = 99;
    assert_int_equal(tj_store_verify(s, &n, NULL, NULL, NULL, NULL, NULL), TJ_OK);
    tj_store_close(s);
    return n;
}

static void every_change_is_found(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"UPDATE run SET config = '{\"x\":2}'", "UPDATE run SET config = '{\"x\":1}'"},
        {"UPDATE run SET metrics = '{\"loss\":0.4}'", "UPDATE run SET metrics = '{\"loss\":0.5}'"},
        {"UPDATE output SET text = x'686921'", "UPDATE output SET text = x'6869'"},
        {"UPDATE node SET text = 'other' WHERE ordinal = 1",
         "UPDATE node SET text = 'step' || char(10) WHERE ordinal = 1"},
        {"UPDATE reward SET value = 0.0", "UPDATE reward SET value = 1.0"},
        {"UPDATE problem SET json = '{}'", "UPDATE problem SET json = '{\"a\":1}'"}};
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    make_run(s);
    tj_store_close(s);
    assert_int_equal(mismatches(), 0);
    char *path = tj_fs_join(workspace_dir, "tabiji.db");
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        for (size_t undo = 0; undo < 2; undo++) {
            tj_db *db;
            assert_int_equal(tj_db_open(&db, path, path, TJ_DB_WRITE, NULL), TJ_OK);
            assert_int_equal(tj_db_exec(db, changes[i][undo], NULL), TJ_OK);
            tj_db_close(db);
            if (undo == 0) {
                assert_true(mismatches() > 0);
            } else {
                assert_int_equal(mismatches(), 0);
            }
        }
    }
    tj_free(path);
}

static void the_ledger_cannot_be_rewritten(void **state)
{
    (void)state;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    make_run(s);
    tj_store_close(s);
    char *path = tj_fs_join(workspace_dir, "tabiji.db");
    tj_db *db;
    assert_int_equal(tj_db_open(&db, path, path, TJ_DB_WRITE, NULL), TJ_OK);
    assert_int_not_equal(tj_db_exec(db, "DELETE FROM ledger WHERE seq = 2", NULL), TJ_OK);
    assert_int_not_equal(tj_db_exec(db, "UPDATE ledger SET body = '{}'", NULL), TJ_OK);
    assert_int_equal(tj_db_exec(db, "DROP TRIGGER ledger_no_delete", NULL), TJ_OK);
    assert_int_equal(tj_db_exec(db, "DELETE FROM ledger WHERE seq = 2", NULL), TJ_OK);
    tj_db_close(db);
    tj_free(path);
    assert_true(mismatches() > 0);
}

static void a_second_writer_is_told_who_has_it(void **state)
{
    (void)state;
    char pid[32];
    tj_err err;
    tj_store *second;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    assert_int_equal(tj_store_open(&second, workspace_dir, TJ_STORE_WRITE, NULL, &err),
                     TJ_E_CONFLICT);
    assert_non_null(strstr(err.msg, pid));
    assert_non_null(strstr(err.msg, workspace_dir));
    tj_store *reader = workspace_open(TJ_STORE_READ);
    tj_store_close(reader);
    tj_store_close(s);
}

static void a_kill_loses_nothing_committed(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tj_store *s = workspace_open(TJ_STORE_CREATE);
        make_run(s);
        if (tj_store_begin(s, NULL) == TJ_OK &&
            tj_store_set_note(s, "never", "committed", NULL) == TJ_OK) {
            kill(getpid(), SIGKILL);
        }
        _exit(1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(mismatches(), 0);
    tj_store *s = workspace_open(TJ_STORE_WRITE);
    char *note;
    assert_int_equal(tj_store_get_note(s, &note, "never", NULL), TJ_OK);
    assert_null(note);
    tj_store_close(s);
}

static void a_full_disk_is_an_error_and_changes_nothing(void **state)
{
    (void)state;
    tj_store *s;
    tj_err err;
    tj_store_options small = {.max_bytes = 2000000};
    static char big[200001];
    assert_int_equal(tj_store_open(&s, workspace_dir, TJ_STORE_CREATE, &small, NULL), TJ_OK);
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    tj_code rc = TJ_OK;
    char key[16];
    size_t n = 0;
    for (; rc == TJ_OK && n < 20; n++) {
        snprintf(key, sizeof key, "k%zu", n);
        rc = tj_store_set_note(s, key, big, &err);
    }
    assert_int_equal(rc, TJ_E_IO);
    char *note;
    assert_int_equal(tj_store_get_note(s, &note, key, NULL), TJ_OK);
    assert_null(note);
    assert_int_equal(tj_store_get_note(s, &note, "k0", NULL), TJ_OK);
    assert_string_equal(note, big);
    tj_free(note);
    tj_store_close(s);
}

static void other_files_are_refused_by_name(void **state)
{
    (void)state;
    tj_store *s;
    tj_err err;
    assert_int_equal(tj_store_open(&s, "/nonexistent-folder", TJ_STORE_READ, NULL, &err),
                     TJ_E_NOTFOUND);
    char *path = tj_fs_join(workspace_dir, "tabiji.db");
    assert_int_equal(tj_fs_write(path, "this is not a database, not at all, no", 38, NULL), TJ_OK);
    assert_int_equal(tj_store_open(&s, workspace_dir, TJ_STORE_WRITE, NULL, &err), TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "tabiji.db"));
    tj_free(path);
}

static void the_same_declaration_is_one_entry(void **state)
{
    (void)state;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    json_t *d = json_pack("{s:i}", "n", 327);
    int64_t a;
    int64_t b;
    assert_int_equal(tj_store_declare(s, &a, d, NULL), TJ_OK);
    assert_int_equal(tj_store_declare(s, &b, d, NULL), TJ_OK);
    assert_true(a == b);
    json_decref(d);
    tj_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_change_is_found, workspace_make, workspace_remove),
        cmocka_unit_test_setup_teardown(the_ledger_cannot_be_rewritten, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(a_second_writer_is_told_who_has_it, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(a_kill_loses_nothing_committed, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(a_full_disk_is_an_error_and_changes_nothing, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(other_files_are_refused_by_name, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(the_same_declaration_is_one_entry, workspace_make,
                                        workspace_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
