/* Before a training or an evaluation: what examples hold of measured problems, whatever words stand
 * around them; and what the ledger knows of where a model comes from and what was measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "stage/stage.h"
#include "support/workspace.h"

#define LONG_ONE "A train leaves the station at noon and goes to the sea in two hours."

static void spit(size_t file, const char *text)
{
    assert_int_equal(tj_fs_write(workspace_files[file], text, strlen(text), NULL), TJ_OK);
}

static const char measured[] = "{\"question\":\"What is 2 + 2?\",\"answer\":\"#### 4\"}\n"
                               "{\"question\":\"" LONG_ONE "\",\"answer\":\"#### 1\"}\n"
                               "{\"question\":\"Another thing.\",\"answer\":\"#### 1\"}\n";

static json_int_t number(const json_t *entry, const char *key)
{
    const json_t *value = json_object_get(entry, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

/* ------------------------------------------------------------------ examples */

typedef struct found {
    size_t n, same, whole, shared;
} found;

static found check(const char *examples)
{
    tj_texts learned;
    tj_texts problems;
    tj_contamination c;
    spit(0, measured);
    spit(1, examples);
    assert_int_equal(tj_texts_of_examples(&learned, workspace_files[1], NULL), TJ_OK);
    assert_int_equal(tj_texts_of_file(&problems, workspace_files[0], NULL, NULL), TJ_OK);
    assert_int_equal(tj_contamination_check(&c, &learned, &problems, 8, NULL, NULL), TJ_OK);
    found f = {c.n_learned, c.same_learned, c.whole_learned, c.shared_learned};
    assert_true(c.n_list == c.shared_learned && c.n_measured == 3);
    tj_contamination_deinit(&c);
    tj_texts_deinit(&learned);
    tj_texts_deinit(&problems);
    return f;
}

static void a_short_problem_is_found_in_any_prompt(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"prompt\":\"What is 2+2?\",\"completion\":\"4\"}",
        "{\"prompt\":\"Question: What is 2 + 2?\\nAnswer:\",\"completion\":\"4\"}",
        "{\"prompt\":\"Problem:\\nWhat is $2 + 2$?\\n\\nSolution:\",\"completion\":\"4\"}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"Q: what is 2 + 2\"},"
        "{\"role\":\"assistant\",\"content\":\"4\"}]}",
        "{\"prompt\":[{\"role\":\"user\",\"content\":\"What is 2 + 2?\"}],\"chosen\":[{\"role\":"
        "\"assistant\",\"content\":\"4\"}],\"rejected\":[]}",
        "{\"prompt\":\"What is 2 + 2?\",\"completions\":[\"4\"],\"labels\":[true]}"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        found f = check(lines[i]);
        if (f.n != 1 || f.same != 1 || f.whole != 1) {
            fail_msg("%s: same %zu of %zu", lines[i], f.same, f.n);
        }
    }
    /* what the assistant says is no problem: a short one cannot be told from chance there */
    assert_int_equal(check("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":"
                           "\"assistant\",\"content\":\"What is 2 + "
                           "2?\"}]}")
                         .shared,
                     0);
    assert_int_equal(check("{\"prompt\":\"What is 2 - 2?\",\"completion\":\"0\"}").shared, 0);
}

static void a_long_one_is_found_anywhere(void **state)
{
    (void)state;
    found f = check("{\"prompt\":\"x\",\"completion\":\"I recall: " LONG_ONE " So it is 1.\"}\n"
                    "{\"prompt\":\"a train leaves the station at noon and goes home\","
                    "\"completion\":\"y\"}\n"
                    "\n{\"prompt\":\"nothing of it\",\"completion\":\"z\"}");
    assert_int_equal(f.n, 3);
    assert_int_equal(f.same, 0);
    assert_int_equal(f.whole, 1);
    assert_int_equal(f.shared, 2);
}

static void bad_examples_are_named(void **state)
{
    (void)state;
    tj_texts texts;
    tj_err err;
    spit(1, "{\"prompt\":\"a\"}\n{\"prompt\":");
    assert_int_equal(tj_texts_of_examples(&texts, workspace_files[1], &err), TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "1.jsonl:2"));
    assert_int_equal(texts.n, 0);
}

/* ------------------------------------------------------------------ the guard */

static void a_guard_counts_a_source_once(void **state)
{
    (void)state;
    tj_texts own;
    tj_guard g;
    spit(0, measured);
    spit(1, "{\"prompt\":\"Q: What is 2 + 2?\",\"completion\":\"" LONG_ONE "\"}\n");
    assert_int_equal(tj_texts_of_examples(&own, workspace_files[1], NULL), TJ_OK);
    assert_int_equal(tj_guard_open(&g, NULL, true, workspace_files[1], &own, NULL, NULL), TJ_OK);
    assert_int_equal(tj_guard_against(&g, workspace_files[0], NULL), TJ_OK);
    assert_int_equal(tj_guard_against(&g, workspace_files[0], NULL), TJ_OK);
    assert_int_equal(json_array_size(g.found), 1);
    const json_t *entry = json_array_get(g.found, 0);
    assert_string_equal(json_string_value(json_object_get(entry, "measured")), workspace_files[0]);
    assert_int_equal(number(entry, "n_learned"), 1);
    assert_int_equal(number(entry, "whole_measured"), 2);
    assert_int_equal(number(entry, "same_measured"), 1);
    assert_int_equal(g.n_whole, 2);
    assert_non_null(strstr(g.first, "no. 1 of"));
    tj_err err;
    assert_int_equal(tj_guard_against(&g, "nowhere", &err), TJ_E_NOTFOUND);
    /* examples are nothing that is measured */
    assert_int_equal(tj_guard_against(&g, workspace_files[1], &err), TJ_E_PARSE);
    tj_guard_close(&g);
    tj_texts_deinit(&own);
}

/* ------------------------------------------------------------------ the ledger */

/* A run that is done, with a file as what it made; made NULL: none. */
static int64_t add_run(tj_store *s, const char *stage, const tj_run_input *inputs, size_t n,
                       const char *made)
{
    int64_t run;
    json_t *config = json_pack("{s:s}", "made", made == NULL ? "" : made);
    tj_run_spec spec = {.stage = stage,
                        .name = stage,
                        .config = config,
                        .inputs = inputs,
                        .n_inputs = n,
                        .build_id = "",
                        .isa = ""};
    tj_run_file file = {.path = "weights", .digest = made};
    tj_run_outcome done = {.status = TJ_RUN_DONE, .files = &file, .n_files = made == NULL ? 0 : 1};
    assert_int_equal(tj_run_begin(s, &run, &spec, NULL), TJ_OK);
    assert_int_equal(tj_run_end(s, run, &done, NULL), TJ_OK);
    json_decref(config);
    return run;
}

static char digests[3][TJ_SHA256_HEX];

static tj_run_input file_input(size_t file)
{
    assert_int_equal(tj_sha256_file(digests[file], workspace_files[file], NULL), TJ_OK);
    return (tj_run_input){.role = workspace_files[file], .kind = "file", .digest = digests[file]};
}

static const char base[] = "1111111111111111111111111111111111111111111111111111111111111111";
static const char tuned[] = "2222222222222222222222222222222222222222222222222222222222222222";

/* base was trained on examples 1, tuned from base on examples 2. */
static void add_trainings(tj_store *s)
{
    spit(0, measured);
    spit(1, "{\"prompt\":\"What is 2 + 2?\",\"completion\":\"4\"}\n");
    spit(2, "{\"prompt\":\"clean\",\"completion\":\"\"}\n");
    tj_run_input first = file_input(1);
    (void)add_run(s, "train", &first, 1, base);
    tj_run_input second[] = {file_input(2),
                             {.role = TJ_INPUT_MODEL, .kind = "file", .digest = base}};
    (void)add_run(s, "train", second, 2, tuned);
}

static tj_guard guard_of_problems(tj_store *s, tj_texts *own)
{
    tj_guard g;
    assert_int_equal(tj_texts_of_file(own, workspace_files[0], NULL, NULL), TJ_OK);
    assert_int_equal(tj_guard_open(&g, s, false, workspace_files[0], own, NULL, NULL), TJ_OK);
    return g;
}

static void what_a_model_comes_from_is_followed(void **state)
{
    (void)state;
    tj_texts own;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    add_trainings(s);
    const char *asked[] = {tuned};
    tj_guard g = guard_of_problems(s, &own);
    assert_int_equal(tj_guard_against_learned(&g, asked, 1, NULL), TJ_OK);
    assert_int_equal(json_array_size(g.found), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(g.found, 0), "learned")),
                        workspace_files[2]);
    assert_string_equal(json_string_value(json_object_get(json_array_get(g.found, 1), "learned")),
                        workspace_files[1]);
    assert_int_equal(g.n_whole, 1);
    tj_guard_close(&g);
    const char *unknown[] = {"3333333333333333333333333333333333333333333333333333333333333333"};
    assert_int_equal(tj_guard_open(&g, s, false, "own", &own, NULL, NULL), TJ_OK);
    assert_int_equal(tj_guard_against_learned(&g, unknown, 1, NULL), TJ_OK);
    assert_int_equal(json_array_size(g.found), 0);
    tj_guard_close(&g);
    tj_texts_deinit(&own);
    tj_store_close(s);
}

static void what_is_gone_or_changed_is_told(void **state)
{
    (void)state;
    tj_texts own;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    add_trainings(s);
    assert_int_equal(unlink(workspace_files[2]), 0);
    spit(1, "{\"prompt\":\"other\",\"completion\":\"\"}\n");
    const char *asked[] = {tuned};
    tj_guard g = guard_of_problems(s, &own);
    assert_int_equal(tj_guard_against_learned(&g, asked, 1, NULL), TJ_OK);
    assert_int_equal(json_array_size(g.found), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *entry = json_array_get(g.found, i);
        assert_string_equal(json_string_value(json_object_get(entry, "missing")),
                            workspace_files[2 - i]);
    }
    assert_int_equal(g.n_whole, 0);
    tj_guard_close(&g);
    tj_texts_deinit(&own);
    tj_store_close(s);
}

static void what_was_measured_is_known(void **state)
{
    (void)state;
    tj_texts own;
    tj_guard g;
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    add_trainings(s);
    const char *file[] = {workspace_files[0]};
    tj_import_result r;
    tj_import_config import = {.paths = file,
                               .n_paths = 1,
                               .set = "the set",
                               .source = "",
                               .licence = "",
                               .format = TJ_DATA_AUTO,
                               .split = TJ_SPLIT_TEST};
    assert_int_equal(tj_import(s, &r, &import, "", NULL, NULL, NULL), TJ_OK);
    tj_run_input inputs[] = {file_input(0),
                             {.role = "problems", .kind = "problem_set", .id = r.set},
                             {.role = TJ_INPUT_MODEL, .kind = "file", .digest = tuned}};
    (void)add_run(s, "eval", inputs, 3, NULL);
    assert_int_equal(tj_texts_of_examples(&own, workspace_files[1], NULL), TJ_OK);
    assert_int_equal(tj_guard_open(&g, s, true, workspace_files[1], &own, NULL, NULL), TJ_OK);
    assert_int_equal(tj_guard_against_measured(&g, NULL), TJ_OK);
    assert_int_equal(json_array_size(g.found), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(g.found, 1), "measured")),
                        "the set");
    assert_int_equal(g.n_whole, 2);
    tj_guard_close(&g);
    tj_texts_deinit(&own);
    tj_store_close(s);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, workspace_make, workspace_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_short_problem_is_found_in_any_prompt),
        IN_FOLDER(a_long_one_is_found_anywhere),
        IN_FOLDER(bad_examples_are_named),
        IN_FOLDER(a_guard_counts_a_source_once),
        IN_FOLDER(what_a_model_comes_from_is_followed),
        IN_FOLDER(what_is_gone_or_changed_is_told),
        IN_FOLDER(what_was_measured_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
