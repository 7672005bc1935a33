/* Trees in the workspace: a run is done once, goes on where it was stopped or killed, and says the
 * same in the end; trees of files come in whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "stage/stage.h"
#include "support/folder.h"
#include "support/script_words.h"

#define N 9

static char dir[64];
static json_t *policy_json;

static int make_dir(void **state)
{
    (void)state;
    policy_json = json_pack("{s:s}", "policy", "script");
    return folder_make(dir, "growth");
}

static int remove_dir(void **state)
{
    (void)state;
    json_decref(policy_json);
    return folder_remove(dir);
}

static tj_store *open_it(void)
{
    tj_store *s;
    tj_err err;
    if (tj_store_open(&s, dir, TJ_STORE_CREATE, NULL, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return s;
}

/* N problems in words; those of odd numbers have no reference answer. */
static int64_t add_set(tj_store *s)
{
    char json[N][96];
    tj_problem rows[N];
    int64_t run;
    int64_t set;
    json_t *config = json_object();
    tj_run_spec spec = {
        .stage = "data", .name = "data", .config = config, .build_id = "", .isa = ""};
    for (size_t i = 0; i < N; i++) {
        int n = snprintf(json[i], sizeof json[i],
                         i % 2 == 0 ? "{\"answer\":\"6\",\"problem\":\"Take %zu times\"}"
                                    : "{\"problem\":\"Take %zu times\"}",
                         i);
        rows[i] = (tj_problem){.json = json[i], .n_json = (size_t)n};
    }
    assert_int_equal(tj_run_begin(s, &run, &spec, NULL), TJ_OK);
    assert_int_equal(
        tj_store_add_problem_set(s, &set, run, "words", TJ_WORDS_TASK, config, rows, N, NULL),
        TJ_OK);
    tj_run_outcome done = {.status = TJ_RUN_DONE};
    assert_int_equal(tj_run_end(s, run, &done, NULL), TJ_OK);
    json_decref(config);
    return set;
}

typedef struct stopper {
    size_t after; /* trees; then the job is asked to stop; 0: never */
    size_t n;
    tj_cancel cancel;
} stopper;

static tj_code see(void *ctx, tj_tree *tree, tj_err *err)
{
    stopper *s = ctx;
    (void)tree;
    (void)err;
    if (++s->n == s->after) {
        tj_cancel_ask(&s->cancel);
    }
    return TJ_OK;
}

static tj_code grow(tj_store *store, int64_t set, uint64_t seed, stopper *stop, tj_grow_result *r,
                    tj_err *err)
{
    script_words words = {0};
    script_scorer scorer = {.favourite = 2, .fail_each = 5};
    tj_policy policy = script_words_policy(&words);
    tj_scorer rewards = script_words_scorer(&scorer);
    tj_grow_config c;
    tj_grow_config_default(&c);
    c.method = TJ_SEARCH_BEAM;
    c.prune_k = 2;
    c.batch_problems = 2;
    tj_job job = {.cancel = &stop->cancel};
    json_t *rewarder = json_pack("{s:s}", "kind", "prm");
    /* the script's ids are of no tokenizer: trees would be refused with them */
    tj_grow_run_config cfg = {.set = set,
                              .split = TJ_SPLIT_TRAIN,
                              .n = SIZE_MAX,
                              .policy = policy_json,
                              .tok = NULL,
                              .rewarder = rewarder,
                              .rewarder_kind = "prm",
                              .build_id = "build"};
    tj_growth growth = {
        .policy = &policy, .scorer = &rewards, .cfg = &c, .seed = seed, .job = &job};
    words.no_ids = true;
    tj_code rc = tj_grow_run(store, r, &cfg, &growth, see, stop, err);
    json_decref(rewarder);
    return rc;
}

/* The trees of a run as JSON, by ordinal. */
static json_t *trees_of(tj_store *s, int64_t run)
{
    tj_row_ref *rows;
    size_t n;
    json_t *all = json_array();
    assert_int_equal(tj_store_list(s, &rows, &n, TJ_ROW_TREE, run, NULL), TJ_OK);
    for (size_t i = 0; i < n; i++) {
        tj_tree t;
        assert_int_equal(tj_store_load_tree(s, &t, NULL, rows[i].id, NULL), TJ_OK);
        assert_int_equal(rows[i].ordinal, i);
        json_array_append_new(all, tj_tree_to_json(&t, NULL));
        tj_tree_deinit(&t);
    }
    tj_free(rows);
    return all;
}

typedef struct failures {
    size_t n_failed;
} failures;

static tj_code count_rewarder(void *ctx, const tj_rewarder *rewarder, tj_err *err)
{
    failures *count = ctx;
    (void)err;
    count->n_failed += strcmp(rewarder->name, "script") == 0 ? rewarder->n_failed : 0;
    return TJ_OK;
}

static void a_run_is_done_once(void **state)
{
    (void)state;
    tj_store *s = open_it();
    int64_t set = add_set(s);
    stopper never = {.after = 0};
    tj_grow_result r;
    tj_grow_result again;
    assert_int_equal(grow(s, set, 1, &never, &r, NULL), TJ_OK);
    assert_true(r.n_trees == N && !r.was_done && r.n_before == 0);
    assert_int_equal(grow(s, set, 1, &never, &again, NULL), TJ_OK);
    assert_true(again.was_done && again.run == r.run);
    assert_int_equal(grow(s, set, 2, &never, &again, NULL), TJ_OK);
    assert_true(!again.was_done && again.run != r.run);
    tj_tree t;
    tj_row_ref *rows;
    size_t n;
    assert_int_equal(tj_store_list(s, &rows, &n, TJ_ROW_TREE, r.run, NULL), TJ_OK);
    for (size_t i = 0; i < 2; i++) { /* words and labels come back */
        assert_int_equal(tj_store_load_tree(s, &t, NULL, rows[i].id, NULL), TJ_OK);
        assert_non_null(strstr(t.question, "Take "));
        assert_true((t.answer != NULL) == (i == 0));
        assert_int_equal(t.nodes[1].valid, TJ_LABEL_UNKNOWN);
        assert_int_equal(t.nodes[t.n_nodes - 1].terminal, true);
        assert_true((t.nodes[t.n_nodes - 1].solvable == TJ_LABEL_UNKNOWN) == (i == 1));
        tj_tree_deinit(&t);
    }
    tj_free(rows);
    failures count = {0};
    assert_int_equal(tj_store_rewarder_each(s, count_rewarder, &count, NULL), TJ_OK);
    assert_true(count.n_failed >= r.stats.n_failed && r.stats.n_failed > 0);
    tj_run_info info;
    assert_int_equal(tj_run_get(s, &info, r.run, NULL), TJ_OK);
    assert_true(info.status == TJ_RUN_DONE && info.cost.tokens == r.n_tokens);
    tj_run_info_deinit(&info);
    tj_store_close(s);
}

static void a_run_that_was_stopped_goes_on(void **state)
{
    (void)state;
    char other[80];
    tj_store *s = open_it();
    int64_t set = add_set(s);
    stopper never = {.after = 0};
    stopper soon = {.after = 3};
    tj_grow_result whole;
    tj_grow_result part;
    tj_store_close(s);
    (void)snprintf(other, sizeof other, "%s-copy", dir); /* the same problems, undisturbed */
    assert_int_equal(folder_copy(dir, other), 0);
    assert_int_equal(tj_store_open(&s, other, TJ_STORE_WRITE, NULL, NULL), TJ_OK);
    assert_int_equal(grow(s, set, 7, &never, &whole, NULL), TJ_OK);
    json_t *expected = trees_of(s, whole.run);
    tj_store_close(s);
    assert_int_equal(folder_remove(other), 0);
    s = open_it();
    assert_int_equal(grow(s, set, 7, &soon, &part, NULL), TJ_E_CANCELLED);
    size_t before = part.n_trees;
    assert_true(before >= 3 && before < N);
    tj_store_close(s); /* as after a kill: what was committed is all there is */
    s = open_it();
    tj_err err = {.msg = ""};
    if (grow(s, set, 7, &never, &part, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    assert_true(part.n_before == before && part.n_trees == N && !part.was_done);
    assert_true(part.stats.n_trees == N - before && part.n_nodes == whole.n_nodes);
    json_t *all = trees_of(s, part.run);
    assert_int_equal(json_array_size(all), N);
    assert_true(json_equal(all, expected));
    json_decref(all);
    json_decref(expected);
    tj_store_close(s);
}

static void what_cannot_be_grown_is_refused(void **state)
{
    (void)state;
    tj_store *s = open_it();
    stopper never = {.after = 0};
    tj_grow_result r;
    tj_err err;
    assert_int_equal(grow(s, 99999, 1, &never, &r, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "no such problems"));
    tj_store_close(s);
}

/* ------------------------------------------------------------------ trees of files */

static const char *write_file(const char *name, const char *text)
{
    static char path[96];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(tj_fs_write(path, text, strlen(text), NULL), TJ_OK);
    return path;
}

static tj_code count_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    (void)err;
    assert_true(tree->n_nodes > 0);
    ++*(size_t *)ctx;
    return TJ_OK;
}

#define MC(a, b)                                                                                   \
    "{\"question\":\"p\",\"final_answer\":\"6\",\"reasoning_steps\":{\"text\":\"p\","              \
    "\"mc_value\":0.5,\"children\":[{\"text\":\"" a "\",\"mc_value\":" b ",\"children\":[]}]}}\n"

static void files_of_other_programs_are_read(void **state)
{
    (void)state;
    size_t n = 0;
    const char *path = write_file("mc.jsonl", MC("a", "0.5") MC("b", "1.0"));
    assert_int_equal(tj_trees_of_file(path, TJ_DATA_AUTO, NULL, count_tree, &n, NULL, NULL), TJ_OK);
    assert_int_equal(n, 2);
    tj_err err;
    path = write_file("bad.jsonl", MC("a", "0.5") MC("b", "7.0"));
    assert_int_equal(tj_trees_of_file(path, TJ_DATA_AUTO, NULL, count_tree, &n, NULL, &err),
                     TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "bad.jsonl:2"));
    path = write_file("none.jsonl", "{\"question\":\"p\",\"answer\":\"#### 6\"}\n");
    assert_int_equal(tj_trees_of_file(path, TJ_DATA_AUTO, NULL, count_tree, &n, NULL, &err),
                     TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "neither a tree nor labelled steps"));
}

static void broken_trees_of_ours_are_refused_by_line(void **state)
{
    (void)state;
    size_t n = 0;
    tj_err err;
    const char *path = write_file("own.jsonl", "{\"tree_version\":1}\n");
    assert_int_equal(tj_trees_of_file(path, TJ_DATA_AUTO, NULL, count_tree, &n, NULL, &err),
                     TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "own.jsonl:1: nodes, rewards"));
    path = write_file("deep.jsonl", "{\"tree_version\":1,\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]"
                                    "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}");
    assert_int_equal(tj_trees_of_file(path, TJ_DATA_AUTO, NULL, count_tree, &n, NULL, &err),
                     TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "nested deeper"));
    assert_int_equal(n, 0);
}

static void an_import_is_whole_or_nothing(void **state)
{
    (void)state;
    char good[96];
    char bad[96];
    const char *paths[] = {good, bad};
    tj_store *s = open_it();
    tj_tree_import_result r;
    tj_err err;
    (void)snprintf(good, sizeof good, "%s", write_file("g.jsonl", MC("a", "0.5")));
    (void)snprintf(bad, sizeof bad, "%s", write_file("b.jsonl", MC("a", "0.5") MC("b", "7.0")));
    tj_tree_import_config cfg = {
        .paths = paths, .n_paths = 2, .set = "mc", .split = TJ_SPLIT_TRAIN, .build_id = "build"};
    assert_int_equal(tj_trees_import(s, &r, &cfg, NULL, &err), TJ_E_PARSE);
    size_t n;
    assert_int_equal(tj_store_count(s, &n, TJ_ROW_TREE, r.run, NULL), TJ_OK);
    assert_int_equal(n, 1); /* of the good file; of the bad one none */
    cfg.n_paths = 1;
    cfg.set = "mc-2";
    assert_int_equal(tj_trees_import(s, &r, &cfg, NULL, &err), TJ_OK);
    assert_true(r.n_trees == 1 && r.n_nodes == 2 && r.n_problems == 1 && !r.was_done);
    assert_int_equal(tj_trees_import(s, &r, &cfg, NULL, &err), TJ_OK);
    assert_true(r.was_done);
    tj_row_ref *rows;
    tj_tree t;
    assert_int_equal(tj_store_list(s, &rows, &n, TJ_ROW_TREE, r.run, NULL), TJ_OK);
    assert_int_equal(tj_store_load_tree(s, &t, NULL, rows[0].id, NULL), TJ_OK);
    assert_string_equal(t.question, "p");
    assert_string_equal(t.answer, "6");
    assert_string_equal(t.rewards[1].rewarder, "monte-carlo");
    tj_tree_deinit(&t);
    tj_free(rows);
    tj_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_is_done_once, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_run_that_was_stopped_goes_on, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_cannot_be_grown_is_refused, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(files_of_other_programs_are_read, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(broken_trees_of_ours_are_refused_by_line, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(an_import_is_whole_or_nothing, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
