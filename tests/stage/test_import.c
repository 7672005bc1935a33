/* Importing data sets: whole files or nothing of them, what is refused is counted and kept, a run
 * that was stopped goes on, and one that was done is not done again; contamination. */
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
#include "stage/stage.h"
#include "support/workspace.h"

#define FOLDER "tests/golden/datasets/"

/* A file of GSM8K's form: a record a letter, named by it; '!' is a bad one. */
static void write_letters(size_t file, const char *letters)
{
    tj_buf text;
    tj_buf_init(&text);
    for (; *letters != 0; letters++) {
        if (*letters == '!') {
            tj_buf_str(&text, "{\"question\":\"bad\",\"answer\":\"no mark\"}\n");
        } else {
            tj_buf_printf(&text, "{\"question\":\"problem %c\",\"answer\":\"#### 1\"}\n", *letters);
        }
    }
    assert_int_equal(tj_fs_write(workspace_files[file], tj_buf_text(&text), text.len, NULL), TJ_OK);
    tj_buf_deinit(&text);
}

static tj_import_config config_of(const char *const *files, size_t n, const char *set)
{
    return (tj_import_config){.paths = files,
                              .n_paths = n,
                              .set = set,
                              .source = "here",
                              .licence = "MIT",
                              .format = TJ_DATA_GSM8K,
                              .split = -1};
}

static tj_code import(tj_store *s, tj_import_result *r, const tj_import_config *cfg, tj_err *err)
{
    return tj_import(s, r, cfg, "build", NULL, NULL, err);
}

static size_t count(tj_store *s, const char *set)
{
    tj_problem_set p;
    tj_code rc = tj_store_find_problem_set(s, &p, set, NULL);
    size_t n = rc == TJ_OK ? p.n_problems[0] + p.n_problems[1] + p.n_problems[2] : 0;
    tj_problem_set_deinit(&p);
    return n;
}

static tj_code count_file(void *ctx, const tj_data_file *file, tj_err *err)
{
    (void)file;
    (void)err;
    ++*(size_t *)ctx;
    return TJ_OK;
}

static size_t count_files(tj_store *s)
{
    size_t n = 0;
    assert_int_equal(tj_store_data_file_each(s, 0, count_file, &n, NULL), TJ_OK);
    return n;
}

static void assert_verifies(tj_store *s)
{
    size_t n = 99;
    assert_int_equal(tj_store_verify(s, &n, NULL, NULL, NULL, NULL, NULL), TJ_OK);
    assert_int_equal(n, 0);
}

/* ------------------------------------------------------------------ imports */

static void the_same_problem_is_kept_once_with_all_its_records(void **state)
{
    (void)state;
    const char *files[] = {workspace_files[0], workspace_files[1]};
    tj_import_config cfg = config_of(files, 2, "set");
    tj_import_result r;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    write_letters(0, "abca");
    write_letters(1, "bd");
    assert_int_equal(import(s, &r, &cfg, NULL), TJ_OK);
    assert_int_equal(r.counts.n_records, 6);
    assert_int_equal(r.counts.n_problems, 4);
    assert_int_equal(r.counts.n_known, 2);
    assert_int_equal(r.counts.n_solutions, 6);
    assert_int_equal(count(s, "set"), 4);
    assert_verifies(s);
    tj_store_close(s);
}

static void an_import_that_is_done_is_not_done_again(void **state)
{
    (void)state;
    const char *files[] = {workspace_files[0]};
    tj_import_config cfg = config_of(files, 1, "set");
    tj_import_result first;
    tj_import_result second;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    write_letters(0, "abc");
    assert_int_equal(import(s, &first, &cfg, NULL), TJ_OK);
    assert_int_equal(import(s, &second, &cfg, NULL), TJ_OK);
    assert_true(second.was_done && !first.was_done);
    assert_true(first.run == second.run && first.set == second.set);
    tj_err err;
    write_letters(0, "abcd"); /* another file: the name is taken */
    assert_int_equal(import(s, &second, &cfg, &err), TJ_E_CONFLICT);
    assert_non_null(strstr(err.msg, "set"));
    assert_int_equal(count(s, "set"), 3);
    assert_verifies(s);
    tj_store_close(s);
}

typedef struct heard {
    size_t n_refused, n_done, last_line;
    char last[TJ_DATA_FIELD + TJ_DATA_REASON + 2];
} heard;

static void hear_refused(void *ctx, const char *path, const tj_refusal *refusal)
{
    heard *h = ctx;
    (void)path;
    h->n_refused++;
    h->last_line = refusal->line;
    (void)snprintf(h->last, sizeof h->last, "%s: %s", refusal->field, refusal->reason);
}

static void hear_done(void *ctx, const tj_import_file *file)
{
    heard *h = ctx;
    (void)file;
    h->n_done++;
}

static void bad_records_are_skipped_when_asked(void **state)
{
    (void)state;
    const char *files[] = {workspace_files[0]};
    tj_import_config cfg = config_of(files, 1, "set");
    tj_import_result r;
    heard h = {0};
    tj_import_listener listener = {.refused = hear_refused, .done = hear_done, .ctx = &h};
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    cfg.skip = true;
    write_letters(0, "a!b!c");
    assert_int_equal(tj_import(s, &r, &cfg, "build", &listener, NULL, NULL), TJ_OK);
    assert_int_equal(r.counts.n_records, 5);
    assert_int_equal(r.counts.n_refused, 2);
    assert_int_equal(r.counts.n_problems, 3);
    assert_int_equal(h.n_refused, 2);
    assert_int_equal(h.n_done, 1);
    assert_int_equal(h.last_line, 4);
    assert_string_equal(h.last, "answer: does not end in #### and the final answer");
    assert_verifies(s);
    tj_store_close(s);
}

static void a_bad_record_stops_the_import_and_nothing_of_its_file_stays(void **state)
{
    (void)state;
    const char *files[] = {workspace_files[0], workspace_files[1]};
    tj_import_config cfg = config_of(files, 2, "set");
    tj_import_result r;
    tj_err err;
    tj_run_info info;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    write_letters(0, "ab");
    write_letters(1, "cd!");
    assert_int_equal(import(s, &r, &cfg, &err), TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "1.jsonl:3: answer: does not end in ####"));
    assert_int_equal(tj_run_get(s, &info, r.run, NULL), TJ_OK);
    assert_int_equal(info.status, TJ_RUN_FAILED);
    assert_string_equal(info.error, err.msg);
    tj_run_info_deinit(&info);
    assert_int_equal(count(s, "set"), 0); /* not finished: not found by its name */
    assert_int_equal(count_files(s), 1);  /* of the first file all */
    assert_verifies(s);
    /* once the file is mended it is another import, and has the name */
    write_letters(1, "cde");
    assert_int_equal(import(s, &r, &cfg, NULL), TJ_OK);
    assert_int_equal(count(s, "set"), 5);
    assert_verifies(s);
    tj_store_close(s);
}

/* Asks to stop when the first file is done. */
typedef struct stopping {
    tj_cancel cancel;
} stopping;

static void stop_after_file(void *ctx, const tj_import_file *file)
{
    stopping *st = ctx;
    (void)file;
    tj_cancel_ask(&st->cancel);
}

static void an_import_that_was_stopped_goes_on(void **state)
{
    (void)state;
    const char *files[] = {workspace_files[0], workspace_files[1]};
    tj_import_config cfg = config_of(files, 2, "set");
    tj_import_result r;
    tj_import_result again;
    stopping st = {.cancel = {0}};
    tj_job job = {.cancel = &st.cancel};
    tj_import_listener listener = {.done = stop_after_file, .ctx = &st};
    char many[1025];
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    write_letters(0, "ab");
    memset(many, 'c', sizeof many - 1); /* the job is asked every few hundred records */
    many[sizeof many - 1] = 0;
    write_letters(1, many);
    assert_int_equal(tj_import(s, &r, &cfg, "build", &listener, &job, NULL), TJ_E_CANCELLED);
    assert_int_equal(count_files(s), 1);
    assert_int_equal(import(s, &again, &cfg, NULL), TJ_OK);
    assert_true(again.run == r.run && again.set == r.set);
    assert_int_equal(again.counts.n_records, 1026); /* of both files */
    assert_int_equal(again.counts.n_problems, 3);
    assert_int_equal(count(s, "set"), 3);
    assert_verifies(s);
    tj_store_close(s);
}

static void a_problem_in_two_splits_is_refused(void **state)
{
    (void)state;
    char train[96];
    char test[96];
    (void)snprintf(train, sizeof train, "%s/train.jsonl", workspace_dir);
    (void)snprintf(test, sizeof test, "%s/test.jsonl", workspace_dir);
    const char *files[] = {train, test};
    tj_import_config cfg = config_of(files, 2, "set");
    tj_import_result r;
    tj_problem_set set;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    write_letters(0, "ab");
    write_letters(1, "bc");
    assert_int_equal(tj_fs_rename(workspace_files[0], train, NULL), TJ_OK);
    assert_int_equal(tj_fs_rename(workspace_files[1], test, NULL), TJ_OK);
    cfg.skip = true;
    assert_int_equal(import(s, &r, &cfg, NULL), TJ_OK);
    assert_int_equal(r.counts.n_refused, 1);
    assert_int_equal(tj_store_find_problem_set(s, &set, "set", NULL), TJ_OK);
    assert_int_equal(set.n_problems[TJ_SPLIT_TRAIN], 2);
    assert_int_equal(set.n_problems[TJ_SPLIT_TEST], 1);
    tj_problem_set_deinit(&set);
    assert_verifies(s);
    tj_store_close(s);
    (void)unlink(train);
    (void)unlink(test);
}

static void splits_are_read_from_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        tj_data_format format;
        int split; /* -1: two are named */
    } cases[] = {{"math/train/algebra.json", TJ_DATA_MATH, TJ_SPLIT_TRAIN},
                 {"math/val/algebra.json", TJ_DATA_MATH, TJ_SPLIT_VALID},
                 {"train/gsm8k_test.jsonl", TJ_DATA_GSM8K, TJ_SPLIT_TEST},
                 {"x/phase1_train_plus.jsonl.gz", TJ_DATA_CRITIC, TJ_SPLIT_TRAIN},
                 {"contest/latest.jsonl", TJ_DATA_GSM8K, TJ_SPLIT_TRAIN},
                 {"a.jsonl", TJ_DATA_PROCESSBENCH, TJ_SPLIT_TEST},
                 {"train/train_test.jsonl", TJ_DATA_GSM8K, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_split split;
        tj_code rc = tj_split_of_path(&split, cases[i].path, cases[i].format, NULL);
        assert_int_equal(rc, cases[i].split < 0 ? TJ_E_INVAL : TJ_OK);
        assert_true(rc != TJ_OK || (int)split == cases[i].split);
    }
}

static void trees_become_trees_with_rewards(void **state)
{
    (void)state;
    const char *files[] = {FOLDER "prm800k.jsonl", FOLDER "omegaprm-tree.jsonl",
                           FOLDER "trees.json"};
    tj_import_config cfg = config_of(files, 3, "trees");
    tj_import_result r;
    tj_row_ref *rows;
    size_t n;
    tj_tree tree;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    cfg.format = TJ_DATA_AUTO;
    assert_int_equal(import(s, &r, &cfg, NULL), TJ_OK);
    assert_int_equal(r.counts.n_trees, 4);
    assert_int_equal(tj_store_list(s, &rows, &n, TJ_ROW_TREE, r.run, NULL), TJ_OK);
    assert_int_equal(n, 4);
    assert_int_equal(tj_store_load_tree(s, &tree, NULL, rows[0].id, NULL), TJ_OK);
    assert_int_equal(tree.n_nodes, 7);
    assert_int_equal(tree.nodes[6].parent, 5);
    assert_true(tree.nodes[6].correct && tree.nodes[6].terminal && !tree.nodes[2].valid);
    assert_int_equal(tree.n_rewards, 5); /* what a human wrote has no rating */
    assert_string_equal(tree.rewards[1].rewarder, "human");
    assert_true(tree.rewards[1].node == 2 && tree.rewards[1].value == -1.0);
    tj_tree_deinit(&tree);
    assert_int_equal(tj_store_load_tree(s, &tree, NULL, rows[2].id, NULL), TJ_OK);
    assert_string_equal(tree.rewards[0].rewarder, "monte-carlo");
    assert_int_equal(tree.rewards[0].meaning, TJ_SOLVABLE);
    assert_true(tree.rewards[0].value == 0.75); /* that none arrived proves nothing */
    assert_int_equal(tree.nodes[2].solvable, TJ_LABEL_UNKNOWN);
    tj_tree_deinit(&tree);
    assert_int_equal(tj_store_load_tree(s, &tree, NULL, rows[3].id, NULL), TJ_OK);
    assert_true(tree.nodes[1].pruned && tree.nodes[3].terminal);
    tj_tree_deinit(&tree);
    tj_free(rows);
    assert_verifies(s);
    tj_store_close(s);
}

static void wrong_settings_are_refused(void **state)
{
    (void)state;
    const char *files[] = {workspace_files[0]};
    tj_import_result r;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    tj_import_config cfg = config_of(files, 1, "");
    write_letters(0, "a");
    assert_int_equal(import(s, &r, &cfg, NULL), TJ_E_INVAL);
    cfg = config_of(files, 0, "set");
    assert_int_equal(import(s, &r, &cfg, NULL), TJ_E_INVAL);
    cfg = config_of(files, 1, "set");
    cfg.map = "problem=q"; /* but the format is another */
    assert_int_equal(import(s, &r, &cfg, NULL), TJ_E_INVAL);
    files[0] = "/nonexistent.jsonl";
    cfg = config_of(files, 1, "set");
    assert_int_equal(import(s, &r, &cfg, NULL), TJ_E_NOTFOUND);
    tj_store_close(s);
}

static void a_limit_takes_the_first_records(void **state)
{
    (void)state;
    const char *files[] = {workspace_files[0]};
    tj_import_config cfg = config_of(files, 1, "set");
    tj_import_result r;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    write_letters(0, "abcdef!");
    cfg.limit = 4;
    assert_int_equal(import(s, &r, &cfg, NULL), TJ_OK);
    assert_int_equal(r.counts.n_records, 4);
    assert_int_equal(count(s, "set"), 4);
    tj_store_close(s);
}

/* ------------------------------------------------------------------ contamination */

static void sets_and_files_are_compared_alike(void **state)
{
    (void)state;
    const char *files[] = {workspace_files[0]};
    tj_import_config cfg = config_of(files, 1, "set");
    tj_import_result r;
    tj_texts set;
    tj_texts file;
    tj_contamination found;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    write_letters(0, "abc");
    write_letters(1, "bxxc");
    assert_int_equal(import(s, &r, &cfg, NULL), TJ_OK);
    assert_int_equal(tj_texts_of_set(s, &set, r.set, TJ_SPLIT_ANY, NULL), TJ_OK);
    assert_int_equal(tj_texts_of_file(&file, workspace_files[1], NULL, NULL), TJ_OK);
    assert_int_equal(set.n, 3);
    assert_int_equal(file.n, 3); /* the same text twice in a row is one */
    assert_int_equal(tj_contamination_check(&found, &set, &file, 8, NULL, NULL), TJ_OK);
    assert_int_equal(found.same_learned, 2);
    assert_int_equal(found.same_measured, 2);
    assert_int_equal(found.shared_learned, 2);
    assert_int_equal(found.n_list, 2);
    assert_int_equal(found.list[0].learned, 1);
    assert_int_equal(file.ids[found.list[1].measured], 4); /* the record's number */
    tj_contamination_deinit(&found);
    assert_int_equal(tj_contamination_check(&found, &set, &file, 1, NULL, NULL), TJ_OK);
    assert_int_equal(found.shared_learned, 3); /* "problem" */
    tj_contamination_deinit(&found);
    tj_texts_deinit(&set);
    tj_texts_deinit(&file);
    tj_store_close(s);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, workspace_make, workspace_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(the_same_problem_is_kept_once_with_all_its_records),
        IN_FOLDER(an_import_that_is_done_is_not_done_again),
        IN_FOLDER(bad_records_are_skipped_when_asked),
        IN_FOLDER(a_bad_record_stops_the_import_and_nothing_of_its_file_stays),
        IN_FOLDER(an_import_that_was_stopped_goes_on),
        IN_FOLDER(a_problem_in_two_splits_is_refused),
        IN_FOLDER(splits_are_read_from_paths),
        IN_FOLDER(trees_become_trees_with_rewards),
        IN_FOLDER(wrong_settings_are_refused),
        IN_FOLDER(a_limit_takes_the_first_records),
        IN_FOLDER(sets_and_files_are_compared_alike)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
