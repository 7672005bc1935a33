/* Real processes on one workspace: two read whole states while one writes; one that is killed at
 * any moment, again and again, loses the item under way and nothing else, and ends at the same rows
 * as one that never was. And folders that cannot be used as a workspace: damaged, read-only, newer,
 * somebody else's, without room for the head. */
#include <errno.h>
#include <fcntl.h>
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
#include "store/everything.h"
#include "store/inner.h"
#include "support/folder.h"
#include "support/workspace.h"

static char root[64];
static char dir[128];
static char *db_path;

static int make_root(void **state)
{
    (void)state;
    if (folder_make(root, "writers") != 0) {
        return -1;
    }
    snprintf(dir, sizeof dir, "%s/w", root);
    db_path = tj_fs_join(dir, "tabiji.db");
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    tj_free(db_path);
    return folder_remove(root);
}

static int64_t frozen_clock(void *ctx)
{
    (void)ctx;
    return 1700000000000000;
}

static const tj_store_options frozen = {.now_us = frozen_clock};

static void pause_us(long us)
{
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    (void)nanosleep(&t, NULL);
}

/* In children: the code of a failure is the exit status, and its message goes to standard error. */
static void need(tj_code rc, const tj_err *err)
{
    if (rc != TJ_OK) {
        (void)fprintf(stderr, "child: %s\n", err->msg);
        _exit(10 + (int)rc);
    }
}

static void expect_exit(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static pid_t start(void (*work)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        work();
        _exit(0);
    }
    return child;
}

/* ------------------------------------------------------------------ one tree */

enum { N_NODES = 5 };

static int64_t begin_run(tj_store *s, const char *stage, tj_err *err)
{
    int64_t run;
    json_t *config = json_object();
    tj_run_spec spec = {.stage = stage, .name = stage, .config = config, .build_id = "", .isa = ""};
    need(tj_run_find(s, &run, &spec, TJ_RUN_RESUMABLE, err), err);
    if (run != 0) {
        need(tj_run_resume(s, run, &spec, err), err);
    } else {
        need(tj_run_begin(s, &run, &spec, err), err);
    }
    json_decref(config);
    return run;
}

static void end_run(tj_store *s, int64_t run, tj_err *err)
{
    tj_run_outcome done = {.status = TJ_RUN_DONE};
    need(tj_run_end(s, run, &done, err), err);
}

/* The problem that all trees are of. */
static int64_t add_problem(tj_store *s, tj_err *err)
{
    int64_t set;
    tj_problem_set there;
    tj_problems p;
    if (tj_store_find_problem_set(s, &there, "set", NULL) == TJ_OK) {
        set = there.id;
        tj_problem_set_deinit(&there);
    } else {
        json_t *config = json_object();
        const tj_problem problem = {.json = "{}", .n_json = 2};
        int64_t run = begin_run(s, "import", err);
        need(tj_store_begin(s, err), err); /* the set and the run's end are one */
        need(tj_store_add_problem_set(s, &set, run, "set", "t", config, &problem, 1, err), err);
        end_run(s, run, err);
        need(tj_store_commit(s, err), err);
        json_decref(config);
    }
    need(tj_store_load_problems(s, &p, set, TJ_SPLIT_TRAIN, 0, 1, err), err);
    int64_t id = p.rows[0].id;
    tj_problems_deinit(&p);
    return id;
}

static int64_t add_tree(tj_store *s, int64_t run, size_t ordinal, int64_t problem, tj_err *err)
{
    tj_tree t = {.problem = problem, .seed = ordinal};
    int64_t id;
    for (size_t i = 0; i < N_NODES; i++) {
        size_t node;
        char text[64];
        const int32_t ids[] = {(int32_t)ordinal, (int32_t)i, 3};
        const float logprobs[] = {-1.0F, (float)i * -0.5F, (float)ordinal * -0.25F};
        snprintf(text, sizeof text, "%zu. step %zu\n", i, ordinal);
        need(tj_tree_add_node(&t, &node, i == 0 ? TJ_NO_NODE : i - 1, i == 0 ? "" : text, ids,
                              logprobs, i == 0 ? 0 : 3, err),
             err);
        tj_reward r = {.node = i, .rewarder = "verifier", .value = (double)(i % 2)};
        need(tj_tree_add_reward(&t, &r, err), err);
    }
    tj_origin origin = {.run = run, .ordinal = ordinal};
    need(tj_store_add_tree(s, &id, &origin, &t, err), err);
    tj_tree_deinit(&t);
    return id;
}

/* All of its nodes, and so many rewards of its own run. */
static bool is_whole(tj_store *s, int64_t id, size_t n_rewards, tj_err *err)
{
    tj_tree t;
    tj_origin origin;
    need(tj_store_load_tree(s, &t, &origin, id, err), err);
    bool whole = t.n_nodes == N_NODES && t.n_rewards == n_rewards && t.seed == origin.ordinal &&
                 t.nodes[N_NODES - 1].ids[0] == (int32_t)origin.ordinal;
    tj_tree_deinit(&t);
    return whole;
}

/* ------------------------------------------------------------------ two read, one writes */

enum { N_ROUNDS = 30, N_PER_ROUND = 4 };

/* Each round is a run of its own, so that the head changes all the time. */
static void write_rounds(void)
{
    tj_store *s;
    tj_err err = {.msg = ""};
    need(tj_store_open(&s, dir, TJ_STORE_WRITE, NULL, &err), &err);
    int64_t problem = add_problem(s, &err);
    for (size_t round = 0; round < N_ROUNDS; round++) {
        char note[32];
        int64_t run = begin_run(s, "grow", &err);
        need(tj_store_begin(s, &err), &err);
        for (size_t i = 0; i < N_PER_ROUND; i++) {
            (void)add_tree(s, run, i, problem, &err);
        }
        snprintf(note, sizeof note, "%zu", round + 1);
        need(tj_store_set_note(s, "rounds", note, &err), &err);
        need(tj_store_commit(s, &err), &err);
        end_run(s, run, &err);
        pause_us(2000);
    }
    tj_store_close(s);
}

static tj_code count_whole(void *ctx, const tj_tree_row *row, tj_err *err)
{
    (void)err;
    *(int64_t *)ctx = row->n_nodes == N_NODES ? row->id : -1;
    return TJ_OK;
}

/* The number of rounds that is noted, in one snapshot with the trees that it must have. */
static size_t look(tj_store *s, tj_err *err)
{
    char *note = NULL;
    size_t n = 0;
    int64_t last = 0;
    tj_tree_filter all = {.newest = true, .limit = 1};
    need(tj_store_begin(s, err), err);
    need(tj_store_get_note(s, &note, "rounds", err), err);
    size_t rounds = note == NULL ? 0 : strtoul(note, NULL, 10);
    tj_free(note);
    need(tj_store_tree_count(s, &n, &all, err), err);
    need(tj_store_tree_list(s, &all, count_whole, &last, err), err);
    if (n != rounds * N_PER_ROUND || last < 0 || (n > 0 && !is_whole(s, last, N_NODES, err))) {
        (void)fprintf(stderr, "child: %zu trees in %zu rounds\n", n, rounds);
        _exit(1);
    }
    tj_store_rollback(s);
    return rounds;
}

static void read_rounds(void)
{
    tj_store *s;
    size_t n_states = 0;
    size_t before = SIZE_MAX;
    tj_err err = {.msg = ""};
    need(tj_store_open(&s, dir, TJ_STORE_READ, NULL, &err), &err);
    while (before != N_ROUNDS) {
        size_t now = look(s, &err);
        n_states += now != before ? 1 : 0;
        before = now;
    }
    tj_store_close(s);
    _exit(n_states >= 3 ? 0 : 2); /* it saw the writer at work */
}

/* Verifies while it is written to. */
static void verify_rounds(void)
{
    tj_store *s;
    size_t n_looks = 0;
    size_t rounds = 0;
    tj_err err = {.msg = ""};
    need(tj_store_open(&s, dir, TJ_STORE_READ, NULL, &err), &err);
    while (rounds != N_ROUNDS) {
        size_t n = 0;
        need(tj_store_verify(s, &n, NULL, NULL, NULL, NULL, &err), &err);
        if (n != 0) {
            _exit(1);
        }
        n_looks++;
        rounds = look(s, &err);
    }
    tj_store_close(s);
    _exit(n_looks >= 3 ? 0 : 2);
}

static void two_read_and_one_verifies_while_one_writes(void **state)
{
    (void)state;
    tj_store_close(workspace_open_at(dir, TJ_STORE_CREATE, NULL));
    pid_t readers[] = {start(read_rounds), start(read_rounds), start(verify_rounds)};
    pid_t writer = start(write_rounds);
    expect_exit(writer);
    for (size_t i = 0; i < 3; i++) {
        expect_exit(readers[i]);
    }
    assert_int_equal(everything_mismatches(dir, NULL), 0);
}

/* ------------------------------------------------------------------ kills */

enum { N_ITEMS = 60 };

/* A stage as stages are: finds its run or begins it, passes over what is there, and stores each
 * item with its judgement, cost and cursor in one bracket. */
static void run_stage(void)
{
    tj_store *s;
    tj_row_ref *rows;
    size_t n;
    int64_t judge;
    tj_err err = {.msg = ""};
    need(tj_store_open(&s, dir, TJ_STORE_CREATE, &frozen, &err), &err);
    int64_t problem = add_problem(s, &err);
    int64_t run = begin_run(s, "grow", &err);
    need(tj_store_list(s, &rows, &n, TJ_ROW_TREE, run, &err), &err);
    tj_free(rows);
    for (size_t i = n; i < N_ITEMS; i++) {
        char cursor[32];
        int64_t id;
        tj_rewarder_spec spec = {.name = "judge", .kind = TJ_REWARDER_JUDGE};
        tj_reward r = {.node = 1, .rewarder = "judge", .value = (double)(i % 3)};
        tj_run_cost cost = {.tokens = 7, .seconds = 0.5, .money = 0.25};
        need(tj_store_begin(s, &err), &err);
        int64_t tree = add_tree(s, run, i, problem, &err);
        need(tj_store_add_rewarder(s, &judge, run, &spec, &err), &err);
        tj_judgement j = {.run = run,
                          .ordinal = i,
                          .rewarder = judge,
                          .tree = tree,
                          .node = 1,
                          .n_tries = 1,
                          .answer = "fine",
                          .cost = cost,
                          .rewards = &r,
                          .n_rewards = 1};
        need(tj_store_add_judgement(s, &id, &j, &err), &err);
        need(tj_run_add_cost(s, run, &cost, &err), &err);
        snprintf(cursor, sizeof cursor, "%zu", i);
        need(tj_store_set_cursor(s, run, "last", cursor, &err), &err);
        need(tj_store_commit(s, &err), &err);
    }
    end_run(s, run, &err);
    tj_store_close(s);
}

/* What is there is whole and agrees: items, costs, cursor and ledger. Gives the number of items. */
static size_t check_state(void)
{
    tj_store *s;
    tj_row_ref *rows;
    size_t n = 0;
    size_t n_bad = 0;
    tj_err err = {.msg = ""};
    if (!tj_fs_exists(db_path)) {
        return 0;
    }
    tj_code rc = tj_store_open(&s, dir, TJ_STORE_READ, NULL, &err);
    if (rc == TJ_E_INVAL) { /* killed before the first transaction: an empty database */
        return 0;
    }
    need(rc, &err);
    need(tj_store_verify(s, &n_bad, NULL, NULL, NULL, NULL, &err), &err);
    assert_int_equal(n_bad, 0);
    tj_run_info info;
    if (tj_run_get(s, &info, 2, NULL) == TJ_OK) {
        need(tj_store_list(s, &rows, &n, TJ_ROW_TREE, 2, &err), &err);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(rows[i].ordinal, i);
            assert_true(is_whole(s, rows[i].id, N_NODES + 1, &err)); /* with the judge's */
        }
        assert_int_equal(info.cost.tokens, 7 * n);
        tj_free(rows);
        tj_run_info_deinit(&info);
    }
    tj_store_close(s);
    return n;
}

static void digests(char out[4][TJ_SHA256_HEX])
{
    size_t n_rows;
    size_t n = 0;
    tj_store *s = workspace_open_at(dir, TJ_STORE_READ, NULL);
    for (size_t kind = 0; kind < TJ_N_ROW_KINDS; kind++) {
        static const char *const names[] = {"tree", "node", "reward", "judgement"};
        for (size_t i = 0; i < 4; i++) {
            if (strcmp(tj_row_kind_name(kind), names[i]) == 0) {
                assert_int_equal(tj_rows_digest(s, out[i], &n_rows, kind, TJ_ROWS_FORM, 2, NULL),
                                 TJ_OK);
                assert_true(n_rows > 0);
                n++;
            }
        }
    }
    assert_int_equal(n, 4);
    tj_store_close(s);
}

static void a_stage_killed_at_any_moment_ends_at_the_same_rows(void **state)
{
    (void)state;
    char want[4][TJ_SHA256_HEX];
    char got[4][TJ_SHA256_HEX];
    size_t n_kills = 0;
    size_t n_at_work = 0; /* kills after which there was more than before */
    size_t before = 0;
    uint64_t random = 3;
    expect_exit(start(run_stage));
    assert_int_equal(check_state(), N_ITEMS);
    digests(want);
    assert_int_equal(folder_remove(dir), 0);
    for (;;) {
        int status;
        pid_t child = start(run_stage);
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        pause_us((long)((random >> 33U) % (2000 + 500 * n_kills)));
        (void)kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        size_t now = check_state();
        assert_true(now >= before);
        n_at_work += now > before ? 1 : 0;
        before = now;
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            break;
        }
        n_kills++;
    }
    assert_true(n_kills >= 5 && n_at_work >= 2);
    assert_int_equal(before, N_ITEMS);
    digests(got);
    assert_memory_equal(got, want, sizeof got);
}

/* ------------------------------------------------------------------ what cannot be used */

static void make_full(void)
{
    everything e;
    tj_store *s = workspace_open_at(dir, TJ_STORE_CREATE, NULL);
    everything_make(s, &e);
    tj_store_close(s);
}

/* Reads all that there is; gives what went wrong first. */
static tj_code read_all(size_t *n_bad, tj_err *err)
{
    tj_store *s;
    tj_tree tree;
    tj_thought thought;
    tj_verify_options options = {.files = true};
    *n_bad = 0;
    tj_code rc = tj_store_open(&s, dir, TJ_STORE_READ, NULL, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tj_store_load_tree(s, &tree, NULL, 1, err);
    tj_tree_deinit(&tree);
    if (rc == TJ_OK) {
        rc = tj_store_load_thought(s, &thought, NULL, 1, err);
        tj_thought_deinit(&thought);
    }
    if (rc == TJ_OK) {
        rc = tj_store_verify(s, n_bad, &options, NULL, NULL, NULL, err);
    }
    tj_store_close(s);
    return rc;
}

static void damage_is_an_error_or_a_mismatch(void **state)
{
    (void)state;
    char *whole;
    size_t len;
    size_t n_named = 0;
    size_t n_unnoticed = 0;
    make_full();
    assert_int_equal(tj_fs_read(&whole, &len, db_path, (size_t)1 << 30, NULL), TJ_OK);
    for (size_t page = 0; page * 16384 < len; page++) {
        for (size_t where = 0; where < 2; where++) { /* its head, and its rows at its end */
            size_t n_bad;
            tj_err err = {.msg = ""};
            FILE *f = fopen(db_path, "wb");
            assert_non_null(f);
            assert_int_equal(fwrite(whole, 1, len, f), len);
            assert_int_equal(
                fseek(f, (long)(page * 16384 + (where == 0 ? 0 : 16384 - 200)), SEEK_SET), 0);
            for (size_t i = 0; i < 200; i++) {
                assert_int_not_equal(fputc((int)(i * 37 % 251) ^ 0x5a, f), EOF);
            }
            assert_int_equal(fclose(f), 0);
            tj_code rc = read_all(&n_bad, &err);
            if (rc == TJ_OK && n_bad == 0) {
                assert_int_equal(where, 1);
                n_unnoticed++;
            } else if (rc != TJ_OK) {
                assert_true(err.msg[0] != 0 && rc != TJ_E_NOMEM);
                n_named += rc == TJ_E_PARSE && strstr(err.msg, "tabiji.db") != NULL ? 1 : 0;
            }
        }
    }
    assert_true(n_named > 20);
    assert_true(n_unnoticed <=
                3); /* rows of cursor, note and migration, which nobody vouches for */
    for (size_t cut = 0; cut < len; cut += len / 7) {
        size_t n_bad;
        tj_err err = {.msg = ""};
        assert_int_equal(tj_fs_write(db_path, whole, cut, NULL), TJ_OK);
        tj_code rc = read_all(&n_bad, &err);
        assert_true(rc != TJ_OK ? err.msg[0] != 0 : n_bad > 0);
    }
    tj_free(whole);
}

/* As nobody, whom permissions hold back, where the test runs as root. */
static void use_read_only(void)
{
    tj_store *s;
    tj_err err = {.msg = ""};
    size_t n = 99;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        _exit(3);
    }
    if (tj_store_open(&s, dir, TJ_STORE_WRITE, NULL, &err) != TJ_E_IO ||
        strstr(err.msg, dir) == NULL) {
        (void)fprintf(stderr, "child: %s\n", err.msg);
        _exit(4);
    }
    need(tj_store_open(&s, dir, TJ_STORE_READ, NULL, &err), &err);
    need(tj_store_verify(s, &n, NULL, NULL, NULL, NULL, &err), &err);
    tj_store_close(s);
    _exit(n == 0 ? 0 : 5);
}

static void a_read_only_workspace_can_be_read(void **state)
{
    (void)state;
    char command[256];
    make_full();
    snprintf(command, sizeof command, "chmod -R a=rX %s", root);
    assert_int_equal(system(command), 0);
    expect_exit(start(use_read_only));
    snprintf(command, sizeof command, "chmod -R u+w %s", root);
    assert_int_equal(system(command), 0);
}

static void set_version(const char *sql)
{
    tj_db *db;
    assert_int_equal(tj_db_open(&db, db_path, db_path, TJ_DB_CREATE, NULL), TJ_OK);
    assert_int_equal(tj_db_exec(db, sql, NULL), TJ_OK);
    tj_db_close(db);
}

static void a_newer_workspace_is_refused_and_left_alone(void **state)
{
    (void)state;
    char before[TJ_SHA256_HEX];
    char after[TJ_SHA256_HEX];
    static const tj_store_mode modes[] = {TJ_STORE_READ, TJ_STORE_WRITE, TJ_STORE_CREATE};
    make_full();
    set_version("PRAGMA user_version = 99");
    assert_int_equal(tj_sha256_file(before, db_path, NULL), TJ_OK);
    for (size_t i = 0; i < 3; i++) {
        tj_store *s;
        tj_err err = {.msg = ""};
        assert_int_equal(tj_store_open(&s, dir, modes[i], NULL, &err), TJ_E_INVAL);
        assert_non_null(strstr(err.msg, "version 99"));
        assert_non_null(strstr(err.msg, "newer tabiji"));
        assert_null(s);
    }
    assert_int_equal(tj_sha256_file(after, db_path, NULL), TJ_OK);
    assert_string_equal(before, after);
}

static void a_database_of_something_else_is_refused(void **state)
{
    (void)state;
    static const char *const made[] = {"CREATE TABLE bookmark (url TEXT)",
                                       "CREATE TABLE bookmark (url TEXT); PRAGMA user_version = 2"};
    for (size_t i = 0; i < 2; i++) {
        tj_store *s;
        tj_err err = {.msg = ""};
        assert_int_equal(tj_fs_mkdirs(dir, NULL), TJ_OK);
        set_version(made[i]);
        assert_int_equal(tj_store_open(&s, dir, TJ_STORE_WRITE, NULL, &err), TJ_E_PARSE);
        assert_non_null(strstr(err.msg, "not a workspace"));
        assert_int_equal(tj_store_open(&s, dir, TJ_STORE_READ, NULL, &err), TJ_E_PARSE);
        assert_int_equal(folder_remove(dir), 0);
    }
}

/* An entry whose head cannot be written is not made. */
static void no_room_for_the_head_is_an_error_that_changes_nothing(void **state)
{
    (void)state;
    int64_t seq;
    size_t n;
    char hash[2][TJ_SHA256_HEX];
    tj_err err = {.msg = ""};
    json_t *body = json_object();
    make_full();
    tj_store *s = workspace_open_at(dir, TJ_STORE_WRITE, NULL);
    assert_int_equal(tj_ledger_head(s, hash[0], &n, NULL), TJ_OK);
    char *next = tj_fs_join(dir, "ledger.head.next");
    assert_int_equal(mkdir(next, 0777), 0); /* nothing can be renamed to it */
    assert_int_equal(tj_ledger_add(s, &seq, "accessed", 0, body, &err), TJ_E_IO);
    assert_non_null(strstr(err.msg, "ledger.head"));
    assert_int_equal(tj_ledger_head(s, hash[1], &n, NULL), TJ_OK);
    assert_string_equal(hash[0], hash[1]);
    assert_int_equal(rmdir(next), 0);
    assert_int_equal(tj_ledger_add(s, &seq, "accessed", 0, body, &err), TJ_OK);
    tj_store_close(s);
    assert_int_equal(everything_mismatches(dir, NULL), 0);
    tj_free(next);
    json_decref(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_read_and_one_verifies_while_one_writes, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(a_stage_killed_at_any_moment_ends_at_the_same_rows,
                                        make_root, remove_root),
        cmocka_unit_test_setup_teardown(damage_is_an_error_or_a_mismatch, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_read_only_workspace_can_be_read, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_newer_workspace_is_refused_and_left_alone, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(a_database_of_something_else_is_refused, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(no_room_for_the_head_is_an_error_that_changes_nothing,
                                        make_root, remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
