/* 'tabiji eval --task' from outside: its lists and prompts, a tiny model measured, stopped short by
 * --limit and gone on with, scored again from its own files, and
 * what it refuses with which status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fs.h"
#include "task/task.h"

#define TINY                                                                                       \
    "--shape width=32 --shape n_layers=2 --shape n_heads=2 --shape n_kv_heads=2 "                  \
    "--shape head_dim=16 --shape ffn_width=64"

static char dir[64];
static char *out, *err; /* of the latest command */

static void path_of(char *path, size_t size, const char *name)
{
    (void)snprintf(path, size, "%s/%s", dir, name);
}

static char *slurp(const char *name)
{
    char path[128];
    char *text = NULL;
    size_t n;
    path_of(path, sizeof path, name);
    assert_int_equal(tj_fs_read(&text, &n, path, (size_t)1 << 24, NULL), TJ_OK);
    return text;
}

static void spit(const char *name, const char *text, size_t n)
{
    char path[128];
    path_of(path, sizeof path, name);
    assert_int_equal(tj_fs_write(path, text, n, NULL), TJ_OK);
}

/* Runs "tabiji WHAT" in the tests' folder; returns its exit status. */
static int run(const char *what)
{
    char command[1024];
    (void)snprintf(command, sizeof command, "cd %s; %s %s >out 2>err", dir, TJ_PROGRAM, what);
    tj_free(out);
    tj_free(err);
    int status = system(command);
    out = slurp("out");
    err = slurp("err");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("'%s' is not in '%s'", part, text);
    }
}

static void expect_run(const char *what)
{
    int status = run(what);
    if (status != 0) {
        fail_msg("%s: status %d: %s", what, status, err);
    }
}

static void make_data(void)
{
    tj_buf text;
    tj_buf_init(&text);
    for (int i = 0; i < 6; i++) {
        tj_buf_printf(&text, "{\"question\":\"What is %d + 1?\",\"answer\":\"It is.\\n#### %d\"}\n",
                      i, i + 1);
    }
    spit("data.jsonl", tj_buf_text(&text), text.len);
    tj_buf_deinit(&text);
    static const char pairs[] = "{\"prompt\":\"What is 1 + 1?\",\"completion\":\" #### 2\"}\n"
                                "{\"prompt\":\"What is 3 + 1?\",\"completion\":\" #### 4\"}\n";
    spit("pairs.jsonl", pairs, strlen(pairs));
    static const char choices[] =
        "{\"query\":\"What is 1 + 1?\",\"choices\":[\"#### 2\",\"7\"],\"gold\":0}\n"
        "{\"query\":\"What is\",\"choices\":[\"3 + 1?\",\"this\"],\"gold\":\"3 + 1?\"}\n";
    spit("choices.jsonl", choices, strlen(choices));
}

static int make_dir(void **state)
{
    size_t n;
    char model[128];
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/tabiji-evalcmd-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    make_data();
    if (run("train pairs.jsonl --new " TINY " --epochs 2 -t 1 -q --out model") != 0) {
        return -1;
    }
    const char *tokenizer = tj_countdown_tokenizer_json(&n);
    path_of(model, sizeof model, "model/tokenizer.json");
    return tj_fs_write(model, tokenizer, n, NULL) == TJ_OK ? 0 : -1;
}

static int remove_dir(void **state)
{
    char command[128];
    (void)state;
    tj_free(out);
    tj_free(err);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command);
}

static double number(const json_t *result, const char *name)
{
    return json_number_value(json_object_get(result, name));
}

static json_t *json_of_output(void)
{
    json_t *json = json_loads(out, 0, NULL);
    if (json == NULL) {
        fail_msg("not JSON: %s", out);
    }
    return json;
}

static void tasks_are_listed(void **state)
{
    (void)state;
    expect_run("eval --task list");
    expect(out, "gsm8k_cot ");
    expect(out, "(also: math500)");
    expect(out, "choices");
    expect_run("eval --task list --json");
    json_t *list = json_of_output();
    assert_true(json_array_size(list) > 20);
    json_decref(list);
}

static void prompts_are_shown_without_a_model(void **state)
{
    (void)state;
    expect_run("eval --task gsm8k --shots 1 --shots-from data.jsonl --data data.jsonl --prompts "
               "--limit 2");
    json_t *first = json_loads(out, JSON_DISABLE_EOF_CHECK, NULL);
    const char *prompt = json_string_value(json_object_get(first, "prompt"));
    expect(prompt, "Answer: It is.\n#### ");
    expect(prompt, "\n\nQuestion: What is 0 + 1?\nAnswer:");
    json_decref(first);
}

static void a_model_is_measured_and_gone_on_with(void **state)
{
    (void)state;
    static const char command[] = "eval --task gsm8k_boxed --data data.jsonl -m model --out o "
                                  "--max-tokens 8 -t 1 -q --json";
    char limited[192];
    (void)snprintf(limited, sizeof limited, "%s --limit 2", command);
    expect_run(limited);
    json_t *part = json_of_output();
    assert_true(number(part, "problems") == 2.0);
    expect_run(command);
    json_t *whole = json_of_output();
    assert_true(number(whole, "problems") == 6.0);
    assert_true(number(whole, "completion_tokens") > number(part, "completion_tokens"));
    assert_int_equal(strlen(json_string_value(json_object_get(whole, "model_digest"))), 64);
    char *answers = slurp("o/answers.jsonl");
    json_t *first = json_loads(answers, JSON_DISABLE_EOF_CHECK, NULL);
    assert_true(number(first, "problem") == 0.0);
    json_decref(first);
    tj_free(answers);
    json_decref(part);
    json_decref(whole);
    expect_run("eval --task gsm8k_boxed --data data.jsonl --answers o/answers.jsonl");
    expect(out, "gsm8k_boxed, 0-shot, 6 of 6 problems, one answer each\n");
    expect(out, "grader             graded ");
}

static void samples_need_a_temperature_and_give_passes(void **state)
{
    (void)state;
    expect_run("eval --task gsm8k --shots 0 --data data.jsonl -m model --out s --samples 4 "
               "--temperature 1 --max-tokens 6 -t 1 -q");
    expect(out, "4 samples\n");
    expect(out, "pass@2");
    expect(out, "pass@4");
    expect(out, "majority");
    assert_int_equal(run("eval --task gsm8k --shots 0 --data data.jsonl -m model --out s2 "
                         "--samples 4"),
                     2);
    expect(err, "--temperature");
}

static void choices_are_scored(void **state)
{
    (void)state;
    expect_run("eval --task choices --data choices.jsonl -m model --out c -t 1 -q");
    expect(out, "choices, 2 problems\n  acc  ");
    expect_run("eval --task choices --data choices.jsonl -m model -t 1 -q --json");
    json_t *result = json_of_output();
    assert_int_equal(json_array_size(json_object_get(result, "rows")), 2);
    json_decref(result);
}

static void what_does_not_go_is_refused_by_name(void **state)
{
    static const struct {
        const char *command;
        int status;
        const char *said;
    } bad[] = {
        {"eval --task gsm", 2, "no task 'gsm'"},
        {"eval --task gsm8k -m model --out x", 2, "--data is needed"},
        {"eval --task gsm8k --data data.jsonl --out x", 2, "--model is needed"},
        {"eval --task gsm8k --data data.jsonl -m model", 2, "--out is needed"},
        {"eval --task gsm8k --data data.jsonl -m model --out x -q", 2, "drawn from data"},
        {"eval --task math500 --data data.jsonl -m model --out x -q", 2, "not about"},
        {"eval --task gsm8k --shots 0 --data none.jsonl -m model --out x -q", 3, "none.jsonl"},
        {"eval --task gsm8k --shots 0 --data data.jsonl -m nowhere --out x -q", 3, "nowhere"},
        {"eval --task gsm8k --shots 0 --data data.jsonl -m model --out x --greedy --temperature 1",
         2, "--greedy"},
        {"eval --task gsm8k --shots 0 --data data.jsonl -m model --out x --chat -q", 2,
         "no chat template"},
        {"eval --task gsm8k --shots 0 --data data.jsonl --answers choices.jsonl", 1,
         "choices.jsonl:1"},
        {"eval --task choices --data pairs.jsonl -m model -q", 1, "pairs.jsonl:1: query"},
        {"eval --task choices --data choices.jsonl -m http://127.0.0.1:1/v1", 2, "a model here"},
        {"eval --data data.jsonl", 2, "--data needs --task"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int status = run(bad[i].command);
        if (status != bad[i].status || strstr(err, bad[i].said) == NULL) {
            fail_msg("%s: status %d: %s", bad[i].command, status, err);
        }
    }
}

static void another_evaluation_in_the_folder_is_a_conflict(void **state)
{
    (void)state;
    static const char command[] =
        "eval --task gsm8k --shots 0 --data data.jsonl -m model --out f --limit 1 -t 1 -q";
    char other[192];
    expect_run(command);
    (void)snprintf(other, sizeof other, "%s --max-tokens 4", command);
    assert_int_equal(run(other), 4);
    expect(err, "max_tokens differs");
    (void)snprintf(other, sizeof other, "%s --max-tokens 4 --force", command);
    expect_run(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_are_listed),
        cmocka_unit_test(prompts_are_shown_without_a_model),
        cmocka_unit_test(a_model_is_measured_and_gone_on_with),
        cmocka_unit_test(samples_need_a_temperature_and_give_passes),
        cmocka_unit_test(choices_are_scored),
        cmocka_unit_test(what_does_not_go_is_refused_by_name),
        cmocka_unit_test(another_evaluation_in_the_folder_is_a_conflict),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
