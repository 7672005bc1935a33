/* Runs of thoughts: an item is kept whole or not at all, a run that was stopped goes on with the
 * counts and the costs of all its items, one that is done is not done again, and the ledger vouches
 * for every row; trees come with what all runs say of them, and problems as the texts of a record.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "stage/stage.h"
#include "support/folder.h"
#include "support/must.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    return folder_make(dir, "thoughts");
}

static int remove_dir(void **state)
{
    (void)state;
    return folder_remove(dir);
}

static tj_store *open_it(void)
{
    tj_store *s;
    tj_err err = {.msg = ""};
    must(tj_store_open(&s, dir, TJ_STORE_CREATE, NULL, &err), &err);
    return s;
}

static size_t mismatches(tj_store *s)
{
    size_t n = 0;
    tj_err err = {.msg = ""};
    must(tj_store_verify(s, &n, NULL, NULL, NULL, NULL, &err), &err);
    return n;
}

/* ------------------------------------------------------------------ a run */

typedef struct work {
    size_t fail_at; /* item; SIZE_MAX: none */
    size_t n_calls;
    int64_t last; /* thought */
} work;

static void make_record(tj_record *r, size_t item)
{
    char text[64];
    tj_err err = {.msg = ""};
    tj_scribe scribe;
    tj_span step = {.action = TJ_PROPOSE,
                    .editor = TJ_BY_HUMAN,
                    .node = TJ_SPAN_NO_NODE,
                    .mark = item % 2 == 0 ? TJ_MARK_RIGHT : TJ_MARK_INVALID,
                    .annotation = 1,
                    .on_path = true};
    memset(r, 0, sizeof *r);
    tj_scribe_init(&scribe, NULL);
    int n = snprintf(text, sizeof text, "%zu + 1 = %zu\n", item, item + 1);
    must(tj_scribe_add(&scribe, &step, text, (size_t)n, &err), &err);
    must(tj_scribe_end(&scribe, &r->thought, -1, &err), &err);
    n = snprintf(text, sizeof text, "What is %zu + 1?", item);
    must(tj_record_set(r, TJ_META_PROMPT, text, (size_t)n, &err), &err);
    must(tj_record_set(r, TJ_META_LEVEL, "3", 1, &err), &err);
    r->thought.kind = TJ_HUMAN;
}

static tj_code make_item(void *ctx, tj_thought_run *run, size_t item, tj_err *err)
{
    work *w = ctx;
    tj_record r;
    tj_tree tree = {0};
    tj_thought_row row = {.record = &r};
    tj_run_cost cost = {.tokens = 10, .money = 0.5};
    make_record(&r, item);
    w->n_calls++;
    tj_thought_run_spend(run, &cost);
    tj_code rc = tj_thought_run_problem(run, &r.thought.problem, &r, err);
    if (rc == TJ_OK) {
        rc = tj_thought_to_tree(&tree, &r.thought, TJ_YES, err);
    }
    if (rc == TJ_OK) {
        rc = tj_thought_run_tree(run, &row.tree, &tree, err);
    }
    if (rc == TJ_OK) {
        rc = tj_thought_run_put(run, &w->last, &row, err);
    }
    if (rc == TJ_OK) {
        tj_annotation a = {.thought = w->last,
                           .node = TJ_NO_NODE,
                           .span = 0,
                           .author = "Aiko",
                           .kind = "step",
                           .text = "one more"};
        rc = tj_thought_run_annotate(run, a, err);
    }
    if (rc == TJ_OK) {
        rc = tj_thought_run_count(run, "made", 1, err);
    }
    tj_tree_deinit(&tree);
    tj_record_deinit(&r);
    return rc == TJ_OK && item == w->fail_at ? tj_fail(err, TJ_E_BACKEND, "the server is gone")
                                             : rc;
}

static tj_code go(tj_store *s, work *w, size_t n_items, tj_thought_result *result, tj_err *err)
{
    tj_thought_run *run;
    tj_thought_run_spec spec = {.stage = "import-thoughts",
                                .name = "a test",
                                .config = json_pack("{s:i}", "x", 1),
                                .seed = 7,
                                .build_id = "v1"};
    must(tj_thought_run_begin(&run, s, &spec, err), err);
    tj_code rc = tj_thought_run_items(run, n_items, make_item, w, err);
    return tj_thought_run_end(run, rc, NULL, 0, result, err);
}

static size_t count(tj_store *s, tj_row_kind kind, int64_t run)
{
    size_t n = 0;
    tj_err err = {.msg = ""};
    must(tj_store_count(s, &n, kind, run, &err), &err);
    return n;
}

static void an_item_is_whole_and_a_stopped_run_goes_on(void **state)
{
    (void)state;
    tj_store *s = open_it();
    tj_err err = {.msg = ""};
    tj_thought_result result;
    work w = {.fail_at = 3};
    assert_int_equal(go(s, &w, 5, &result, &err), TJ_E_BACKEND);
    assert_int_equal(w.n_calls, 4);
    assert_int_equal(count(s, TJ_ROW_THOUGHT, 1), 3); /* nothing of the fourth */
    assert_int_equal(count(s, TJ_ROW_TREE, 1), 3);
    assert_int_equal(mismatches(s), 0);
    tj_store_close(s);

    s = open_it(); /* as another process would */
    w = (work){.fail_at = SIZE_MAX};
    must(go(s, &w, 5, &result, &err), &err);
    assert_int_equal(w.n_calls, 2);
    assert_int_equal(result.run, 1);
    assert_false(result.was_done);
    assert_int_equal(json_integer_value(json_object_get(result.metrics, "made")), 5);
    assert_int_equal(json_integer_value(json_object_get(result.metrics, "thoughts")), 5);
    json_decref(result.metrics);
    assert_int_equal(count(s, TJ_ROW_THOUGHT, 1), 5);
    tj_run_info info;
    must(tj_run_get(s, &info, 1, &err), &err);
    assert_int_equal(info.status, TJ_RUN_DONE);
    assert_int_equal(info.cost.tokens, 60); /* what the failed try spent, too */
    assert_true(info.cost.money > 2.99 && info.cost.money < 3.01);
    assert_int_equal(info.seed, 7);
    tj_run_info_deinit(&info);

    w = (work){.fail_at = SIZE_MAX};
    must(go(s, &w, 5, &result, &err), &err);
    assert_true(result.was_done);
    assert_int_equal(w.n_calls, 0);
    assert_int_equal(json_integer_value(json_object_get(result.metrics, "made")), 5);
    json_decref(result.metrics);
    assert_int_equal(mismatches(s), 0);
    tj_store_close(s);
}

static tj_code keep_annotation(void *ctx, const tj_annotation *a, tj_err *err)
{
    (void)err;
    size_t *n = ctx;
    assert_string_equal(a->author, "Aiko");
    assert_int_equal(a->span, 0);
    (*n)++;
    return TJ_OK;
}

static void rows_say_what_they_are_of(void **state)
{
    (void)state;
    tj_store *s = open_it();
    tj_err err = {.msg = ""};
    int64_t run;
    tj_row_ref *rows;
    size_t n;
    must(tj_find_run_with(s, &run, TJ_ROW_THOUGHT, NULL, &err), &err);
    must(tj_store_list(s, &rows, &n, TJ_ROW_THOUGHT, run, &err), &err);
    tj_record r;
    tj_origin origin;
    must(tj_told_thought_load(&r, NULL, &origin, s, rows[1].id, &err), &err);
    assert_string_equal(tj_record_get(&r, TJ_META_PROMPT), "What is 1 + 1?");
    assert_string_equal(tj_record_get(&r, TJ_META_LEVEL), "3");
    assert_int_equal(r.thought.spans[0].node, 1);
    assert_int_equal(r.thought.spans[0].editor, TJ_BY_HUMAN);
    size_t n_notes = 0;
    must(tj_store_annotation_each(s, 0, rows[1].id, false, keep_annotation, &n_notes, &err), &err);
    assert_int_equal(n_notes, 1);
    tj_told_tree told;
    must(tj_told_tree_load(&told, s, origin.tree, &err), &err);
    assert_false(told.is_countdown);
    assert_int_equal(told.tree.n_nodes, 2);
    assert_string_equal(told.tree.nodes[1].text, "1 + 1 = 2\n");
    assert_string_equal(tj_record_get(&told.about, TJ_META_PROMPT), "What is 1 + 1?");
    tj_told_tree_deinit(&told);
    tj_record_deinit(&r);
    tj_free(rows);
    assert_int_equal(tj_told_tree_load(&told, s, 99, &err), TJ_E_NOTFOUND);
    assert_int_equal(tj_find_run_with(s, &run, TJ_ROW_OUTPUT, NULL, &err), TJ_E_NOTFOUND);
    tj_store_close(s);
}

static void the_report_counts_them(void **state)
{
    (void)state;
    json_t *data = NULL;
    tj_err err = {.msg = ""};
    must(tj_report_data(dir, "v1", &data, &err), &err);
    const json_t *one = json_array_get(json_object_get(data, "thoughts"), 0);
    assert_int_equal(json_integer_value(json_object_get(one, "n")), 5);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(one, "stats"), "records")),
                     5);
    assert_int_equal(json_array_size(json_object_get(data, "trees")), 5);
    assert_null(json_object_get(data, "model"));
    json_decref(data);
    assert_int_equal(tj_report_data("/tmp/there/is/nothing", "v1", &data, &err), TJ_E_NOTFOUND);
    assert_null(data);
}

static void what_has_no_problem_is_refused(void **state)
{
    (void)state;
    tj_store *s = open_it();
    tj_err err = {.msg = ""};
    tj_thought_run *run;
    tj_thought_result result;
    tj_thought_run_spec spec = {.stage = "import-thoughts",
                                .name = "a test",
                                .config = json_pack("{s:i}", "x", 2),
                                .build_id = "v1"};
    tj_record r;
    int64_t problem;
    must(tj_thought_run_begin(&run, s, &spec, &err), &err);
    make_record(&r, 0);
    must(tj_record_set(&r, TJ_META_PROMPT, NULL, 0, &err), &err);
    assert_int_equal(tj_thought_run_problem(run, &problem, &r, &err), TJ_E_INVAL);
    tj_record_deinit(&r);
    assert_int_equal(tj_thought_run_end(run, TJ_E_CANCELLED, NULL, 0, &result, &err),
                     TJ_E_CANCELLED);
    assert_int_equal(mismatches(s), 0);
    tj_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_is_whole_and_a_stopped_run_goes_on),
        cmocka_unit_test(rows_say_what_they_are_of),
        cmocka_unit_test(the_report_counts_them),
        cmocka_unit_test(what_has_no_problem_is_refused),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
