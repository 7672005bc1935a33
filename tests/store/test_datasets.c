/* Imported data sets in the workspace: what was added comes back, a set built piece by piece is the
 * one that is added whole, every change is noticed, and a workspace of the first schema takes them
 * too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "store/db.h"
#include "store/migrations.h"
#include "store/store.h"
#include "support/workspace.h"

static int64_t begin_run(tj_store *s, const char *name)
{
    json_t *config = json_pack("{s:s}", "set", name);
    tj_run_spec spec = {.stage = "import",
                        .name = name,
                        .config = config,
                        .build_id = "b",
                        .isa = "",
                        .n_threads = 1};
    int64_t run;
    assert_int_equal(tj_run_begin(s, &run, &spec, NULL), TJ_OK);
    json_decref(config);
    return run;
}

static void end_run(tj_store *s, int64_t run)
{
    tj_run_outcome done = {.status = TJ_RUN_DONE};
    assert_int_equal(tj_run_end(s, run, &done, NULL), TJ_OK);
}

static const tj_problem problems[] = {
    {.split = TJ_SPLIT_TRAIN, .json = "{\"problem\":\"a\"}", .n_json = 15, .difficulty = 2},
    {.split = TJ_SPLIT_TEST, .json = "{\"problem\":\"b\"}", .n_json = 15},
    {.split = TJ_SPLIT_TRAIN, .json = "{\"problem\":\"c\"}", .n_json = 15}};

static int64_t put_all(tj_store *s, int64_t run, const char *name)
{
    int64_t set;
    json_t *config = json_object();
    assert_int_equal(tj_store_begin_set(s, &set, run, name, "mathematics", config, NULL), TJ_OK);
    for (size_t i = 0; i < 3; i++) {
        int64_t id;
        bool is_new;
        assert_int_equal(tj_store_put_problem(s, &id, &is_new, set, &problems[i], NULL), TJ_OK);
        assert_true(is_new && id > 0);
    }
    json_decref(config);
    return set;
}

static void a_set_put_piece_by_piece_is_the_one_added_whole(void **state)
{
    (void)state;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    int64_t run = begin_run(s, "both");
    json_t *config = json_object();
    int64_t whole;
    tj_problem_set a;
    tj_problem_set b;
    assert_int_equal(
        tj_store_add_problem_set(s, &whole, run, "whole", "mathematics", config, problems, 3, NULL),
        TJ_OK);
    int64_t pieces = put_all(s, run, "pieces");
    assert_int_equal(tj_store_find_problem_set(s, &a, "pieces", NULL), TJ_E_NOTFOUND);
    assert_int_equal(tj_store_seal_set(s, pieces, NULL), TJ_OK);
    assert_int_equal(tj_store_find_problem_set(s, &a, "pieces", NULL), TJ_OK);
    assert_int_equal(tj_store_get_problem_set(s, &b, whole, NULL), TJ_OK);
    assert_string_equal(a.digest, b.digest);
    for (int split = 0; split < 3; split++) {
        tj_problems p;
        tj_problems q;
        assert_int_equal(a.n_problems[split], b.n_problems[split]);
        assert_int_equal(tj_store_load_problems(s, &p, pieces, (tj_split)split, 0, SIZE_MAX, NULL),
                         TJ_OK);
        assert_int_equal(tj_store_load_problems(s, &q, whole, (tj_split)split, 0, SIZE_MAX, NULL),
                         TJ_OK);
        for (size_t i = 0; i < p.n; i++) {
            assert_int_equal(p.rows[i].ordinal, q.rows[i].ordinal);
            assert_string_equal(p.rows[i].json, q.rows[i].json);
            assert_string_equal(p.rows[i].digest, q.rows[i].digest);
            assert_int_equal(p.rows[i].difficulty, q.rows[i].difficulty);
        }
        tj_problems_deinit(&p);
        tj_problems_deinit(&q);
    }
    tj_problem_set_deinit(&a);
    tj_problem_set_deinit(&b);
    json_decref(config);
    tj_store_close(s);
}

static void a_problem_is_in_a_set_once_and_in_one_split(void **state)
{
    (void)state;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    int64_t set = put_all(s, begin_run(s, "x"), "x");
    int64_t first;
    int64_t again;
    bool is_new;
    tj_problem moved = problems[0];
    assert_int_equal(tj_store_put_problem(s, &first, &is_new, set, &problems[0], NULL), TJ_OK);
    assert_false(is_new);
    assert_int_equal(tj_store_put_problem(s, &again, &is_new, set, &problems[0], NULL), TJ_OK);
    assert_true(first == again && !is_new);
    moved.split = TJ_SPLIT_TEST;
    assert_int_equal(tj_store_put_problem(s, &again, &is_new, set, &moved, NULL), TJ_E_CONFLICT);
    assert_true(again == 0);
    tj_store_close(s);
}

/* ------------------------------------------------------------------ files and records */

static const tj_data_step steps[] = {
    {{"right", 5}, 1}, {{"neutral", 7}, 0}, {{"", 0}, -1}, {{"none", 4}, TJ_NO_LABEL}};

static int64_t import_one(tj_store *s)
{
    int64_t run = begin_run(s, "set");
    int64_t set = put_all(s, run, "set");
    tj_data_file file = {.run = run,
                         .set = set,
                         .path = "a.jsonl",
                         .format = "prm800k",
                         .source = "somewhere",
                         .licence = "MIT",
                         .framing = "lines",
                         .compression = "gzip",
                         .digest = "d1",
                         .split = TJ_SPLIT_TEST};
    int64_t id;
    tj_problems p;
    tj_data_solution solutions[] = {
        {.role = TJ_SOLUTION_REFERENCE, .text = {"ref", 3}, .answer = {"7", 1}, .correct = -1},
        {.role = TJ_SOLUTION_ATTEMPT,
         .author = {"m", 1},
         .correct = 0,
         .steps = steps,
         .n_steps = 4}};
    tj_data_record record = {.number = 3,
                             .line = 9,
                             .problem = {"b", 1},
                             .meta = {"{\"k\":1}", 7},
                             .solutions = solutions,
                             .n_solutions = 2,
                             .labeller = "human"};
    tj_refusal refusal = {.number = 4, .line = 10, .field = "f", .reason = "why"};
    assert_int_equal(tj_store_add_data_file(s, &id, &file, NULL), TJ_OK);
    assert_int_equal(tj_store_load_problems(s, &p, set, TJ_SPLIT_TEST, 0, 1, NULL), TJ_OK);
    assert_int_equal(tj_store_add_record(s, id, &record, p.rows[0].id, 0, NULL), TJ_OK);
    assert_int_equal(tj_store_add_record(s, id, &record, p.rows[0].id, 0, NULL), TJ_E_CONFLICT);
    assert_int_equal(tj_store_add_refusal(s, id, &refusal, NULL), TJ_OK);
    tj_tree tree = {.problem = p.rows[0].id};
    size_t node;
    int64_t tree_id;
    tj_origin origin = {.run = run};
    assert_int_equal(tj_tree_add_node(&tree, &node, TJ_NO_NODE, "", NULL, NULL, 0, NULL), TJ_OK);
    assert_int_equal(tj_store_add_tree(s, &tree_id, &origin, &tree, NULL), TJ_OK);
    assert_int_equal(tj_store_add_node_meta(s, tree_id, 0, (tj_str){"{}", 2}, NULL), TJ_OK);
    tj_tree_deinit(&tree);
    tj_problems_deinit(&p);
    file.content_bytes = 1234;
    file.content_digest = "d2";
    file.n_records = 4;
    file.n_refused = 1;
    assert_int_equal(tj_store_end_data_file(s, id, &file, NULL), TJ_OK);
    assert_int_equal(tj_store_seal_set(s, set, NULL), TJ_OK);
    end_run(s, run);
    return set;
}

static tj_code see_file(void *ctx, const tj_data_file *f, tj_err *err)
{
    (void)err;
    ++*(size_t *)ctx;
    assert_string_equal(f->path, "a.jsonl");
    assert_string_equal(f->format, "prm800k");
    assert_string_equal(f->source, "somewhere");
    assert_string_equal(f->licence, "MIT");
    assert_string_equal(f->framing, "lines");
    assert_string_equal(f->compression, "gzip");
    assert_string_equal(f->digest, "d1");
    assert_string_equal(f->content_digest, "d2");
    assert_int_equal(f->content_bytes, 1234);
    assert_int_equal(f->n_records, 4);
    assert_int_equal(f->n_refused, 1);
    assert_int_equal(f->split, TJ_SPLIT_TEST);
    return TJ_OK;
}

static tj_code see_solution(void *ctx, const tj_solution_row *row, tj_err *err)
{
    (void)err;
    size_t i = (*(size_t *)ctx)++;
    const tj_data_solution *c = &row->content;
    assert_int_equal(row->number, 3);
    if (i == 0) {
        assert_int_equal(c->role, TJ_SOLUTION_REFERENCE);
        assert_true(tj_str_is(c->text, "ref") && tj_str_is(c->answer, "7"));
        assert_true(c->author.s == NULL && row->labeller.s == NULL);
        assert_true(c->n_steps == 0 && c->correct == TJ_NOT_MARKED);
        return TJ_OK;
    }
    assert_int_equal(c->role, TJ_SOLUTION_ATTEMPT);
    assert_true(tj_str_is(c->author, "m") && tj_str_is(row->labeller, "human"));
    assert_true(c->text.s == NULL && c->answer.s == NULL && c->correct == 0);
    assert_int_equal(c->n_steps, 4);
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(c->steps[k].label, steps[k].label);
        assert_true(tj_str_is(c->steps[k].text, steps[k].text.s));
    }
    return TJ_OK;
}

static void what_was_added_comes_back(void **state)
{
    (void)state;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    int64_t set = import_one(s);
    size_t n_files = 0;
    size_t n_solutions = 0;
    assert_int_equal(tj_store_data_file_each(s, set, see_file, &n_files, NULL), TJ_OK);
    assert_int_equal(tj_store_solution_each(s, set, see_solution, &n_solutions, NULL), TJ_OK);
    assert_int_equal(n_files, 1);
    assert_int_equal(n_solutions, 2);
    assert_int_equal(tj_store_data_file_each(s, set + 1, see_file, &n_files, NULL), TJ_OK);
    assert_int_equal(n_files, 1);
    tj_store_close(s);
}

static size_t mismatches(void)
{
    size_t n = 99;
    tj_store *s = workspace_open(TJ_STORE_READ);
    assert_int_equal(tj_store_verify(s, &n, NULL, NULL, NULL, NULL, NULL), TJ_OK);
    tj_store_close(s);
    return n;
}

static void change(const char *sql)
{
    char *path = tj_fs_join(workspace_dir, "tabiji.db");
    tj_db *db;
    assert_int_equal(tj_db_open(&db, path, path, TJ_DB_WRITE, NULL), TJ_OK);
    assert_int_equal(tj_db_exec(db, sql, NULL), TJ_OK);
    tj_db_close(db);
    tj_free(path);
}

static void every_change_is_found(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"UPDATE data_file SET licence = 'none'", "UPDATE data_file SET licence = 'MIT'"},
        {"UPDATE data_file SET content_digest = 'x'", "UPDATE data_file SET content_digest = 'd2'"},
        {"UPDATE record SET line = 8", "UPDATE record SET line = 9"},
        {"UPDATE refusal SET reason = ''", "UPDATE refusal SET reason = 'why'"},
        {"UPDATE solution SET correct = 1 WHERE role = 1",
         "UPDATE solution SET correct = 0 WHERE role = 1"},
        {"UPDATE solution_step SET label = 1 WHERE ordinal = 3",
         "UPDATE solution_step SET label = NULL WHERE ordinal = 3"},
        {"UPDATE solution_step SET label = 1 WHERE ordinal = 2",
         "UPDATE solution_step SET label = -1 WHERE ordinal = 2"},
        {"UPDATE node_meta SET json = '[]'", "UPDATE node_meta SET json = '{}'"}};
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    import_one(s);
    tj_store_close(s);
    assert_int_equal(mismatches(), 0);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        change(changes[i][0]);
        assert_true(mismatches() > 0);
        change(changes[i][1]);
        assert_int_equal(mismatches(), 0);
    }
}

static void a_label_can_be_nothing_else(void **state)
{
    (void)state;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    import_one(s);
    tj_store_close(s);
    char *path = tj_fs_join(workspace_dir, "tabiji.db");
    tj_db *db;
    assert_int_equal(tj_db_open(&db, path, path, TJ_DB_WRITE, NULL), TJ_OK);
    assert_int_not_equal(tj_db_exec(db, "UPDATE solution_step SET label = -100", NULL), TJ_OK);
    assert_int_not_equal(tj_db_exec(db, "UPDATE solution_step SET label = 'x'", NULL), TJ_OK);
    tj_db_close(db);
    tj_free(path);
}

static void an_unfinished_set_is_no_input(void **state)
{
    (void)state;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    int64_t set = put_all(s, begin_run(s, "x"), "x");
    json_t *config = json_object();
    tj_run_input input = {.role = "problems", .kind = "problem_set", .id = set};
    tj_run_spec spec = {.stage = "t",
                        .name = "t",
                        .config = config,
                        .inputs = &input,
                        .n_inputs = 1,
                        .build_id = "",
                        .isa = "",
                        .n_threads = 1};
    int64_t run;
    assert_int_equal(tj_run_begin(s, &run, &spec, NULL), TJ_E_NOTFOUND);
    assert_int_equal(tj_store_seal_set(s, set, NULL), TJ_OK);
    assert_int_equal(tj_run_begin(s, &run, &spec, NULL), TJ_OK);
    json_decref(config);
    tj_store_close(s);
}

/* ------------------------------------------------------------------ the schema before */

static void a_workspace_of_the_first_schema_is_brought_up_to_date(void **state)
{
    (void)state;
    char *path = tj_fs_join(workspace_dir, "tabiji.db");
    tj_db *db;
    tj_store *s;
    assert_int_equal(tj_db_open(&db, path, path, TJ_DB_CREATE, NULL), TJ_OK);
    assert_int_equal(tj_db_exec(db, (const char *)tj_schema_0001, NULL), TJ_OK);
    assert_int_equal(tj_db_exec(db, "INSERT INTO migration VALUES (1, 0)", NULL), TJ_OK);
    assert_int_equal(tj_db_exec(db, "PRAGMA user_version = 1", NULL), TJ_OK);
    tj_db_close(db);
    assert_int_equal(tj_store_open(&s, workspace_dir, TJ_STORE_READ, NULL, NULL), TJ_E_INVAL);
    s = workspace_open(TJ_STORE_WRITE);
    import_one(s);
    tj_store_close(s);
    s = workspace_open(TJ_STORE_READ);
    tj_store_close(s);
    tj_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_set_put_piece_by_piece_is_the_one_added_whole,
                                        workspace_make, workspace_remove),
        cmocka_unit_test_setup_teardown(a_problem_is_in_a_set_once_and_in_one_split, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(what_was_added_comes_back, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(every_change_is_found, workspace_make, workspace_remove),
        cmocka_unit_test_setup_teardown(a_label_can_be_nothing_else, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(an_unfinished_set_is_no_input, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(a_workspace_of_the_first_schema_is_brought_up_to_date,
                                        workspace_make, workspace_remove)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
