/* 'tabiji eval --task' from outside: its lists and prompts, a tiny model measured, stopped short by
 * --limit and gone on with, scored again from its own files; what a workspace's ledger has of it;
 * models behind a URL, also one that dies; and what it refuses with which status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fs.h"
#include "support/command.h"
#include "support/http_script.h"
#include "task/task.h"

#define TINY                                                                                       \
    "--shape width=32 --shape n_layers=2 --shape n_heads=2 --shape n_kv_heads=2 "                  \
    "--shape head_dim=16 --shape ffn_width=64"

/* Runs "tabiji WHAT"; returns its exit status. */
static int run(const char *what)
{
    char line[2048];
    (void)snprintf(line, sizeof line, "$T %s", what);
    return command_run(line);
}

static void expect_run(const char *what)
{
    int status = run(what);
    if (status != 0) {
        fail_msg("%s: status %d: %s", what, status, command_err);
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
    command_write("data.jsonl", tj_buf_text(&text));
    tj_buf_deinit(&text);
    static const char pairs[] = "{\"prompt\":\"What is 1 + 1?\",\"completion\":\" #### 2\"}\n"
                                "{\"prompt\":\"What is 3 + 1?\",\"completion\":\" #### 4\"}\n";
    command_write("pairs.jsonl", pairs);
    static const char choices[] =
        "{\"query\":\"What is 1 + 1?\",\"choices\":[\"#### 2\",\"7\"],\"gold\":0}\n"
        "{\"query\":\"What is\",\"choices\":[\"3 + 1?\",\"this\"],\"gold\":\"3 + 1?\"}\n";
    command_write("choices.jsonl", choices);
}

static int make_dir(void **state)
{
    size_t n;
    (void)state;
    if (command_begin("eval") != 0) {
        return -1;
    }
    make_data();
    if (run("train pairs.jsonl --new " TINY " --epochs 2 -t 1 -q --out model") != 0) {
        return -1;
    }
    const char *tokenizer = tj_countdown_tokenizer_json(&n);
    return tj_fs_write("model/tokenizer.json", tokenizer, n, NULL) == TJ_OK ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return command_end();
}

static double number(const json_t *result, const char *name)
{
    return json_number_value(json_object_get(result, name));
}

static void tasks_are_listed(void **state)
{
    (void)state;
    expect_run("eval --task list");
    command_expect_text(command_out, "gsm8k_cot ");
    command_expect_text(command_out, "(also: math500)");
    command_expect_text(command_out, "choices");
    expect_run("eval --task list --json");
    json_t *list = command_json(command_out);
    assert_true(json_array_size(list) > 20);
    json_decref(list);
}

static void prompts_are_shown_without_a_model(void **state)
{
    (void)state;
    expect_run("eval --task gsm8k --shots 1 --shots-from data.jsonl --data data.jsonl --prompts "
               "--limit 2");
    json_t *first = json_loads(command_out, JSON_DISABLE_EOF_CHECK, NULL);
    const char *prompt = json_string_value(json_object_get(first, "prompt"));
    command_expect_text(prompt, "Answer: It is.\n#### ");
    command_expect_text(prompt, "\n\nQuestion: What is 0 + 1?\nAnswer:");
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
    json_t *part = command_json(command_out);
    assert_true(number(part, "problems") == 2.0);
    expect_run(command);
    json_t *whole = command_json(command_out);
    assert_true(number(whole, "problems") == 6.0);
    assert_true(number(whole, "completion_tokens") > number(part, "completion_tokens"));
    assert_int_equal(strlen(json_string_value(json_object_get(whole, "model_digest"))), 64);
    char *answers = command_read("o/answers.jsonl");
    json_t *first = json_loads(answers, JSON_DISABLE_EOF_CHECK, NULL);
    assert_true(number(first, "problem") == 0.0);
    json_decref(first);
    tj_free(answers);
    json_decref(part);
    json_decref(whole);
    expect_run("eval --task gsm8k_boxed --data data.jsonl --answers o/answers.jsonl");
    command_expect_text(command_out, "gsm8k_boxed, 0-shot, 6 of 6 problems, one answer each\n");
    command_expect_text(command_out, "grader             graded ");
}

static void samples_need_a_temperature_and_give_passes(void **state)
{
    (void)state;
    expect_run("eval --task gsm8k --shots 0 --data data.jsonl -m model --out s --samples 4 "
               "--temperature 1 --max-tokens 6 -t 1 -q");
    command_expect_text(command_out, "4 samples\n");
    command_expect_text(command_out, "pass@2");
    command_expect_text(command_out, "pass@4");
    command_expect_text(command_out, "majority");
    assert_int_equal(run("eval --task gsm8k --shots 0 --data data.jsonl -m model --out s2 "
                         "--samples 4"),
                     2);
    command_expect_text(command_err, "--temperature");
}

static void choices_are_scored(void **state)
{
    (void)state;
    expect_run("eval --task choices --data choices.jsonl -m model --out c -t 1 -q");
    command_expect_text(command_out, "choices, 2 problems\n  acc  ");
    command_expect_text(command_out, "\n  acc_norm           per character    ");
    expect_run("eval --task choices --data choices.jsonl -m model -t 1 -q --json");
    json_t *result = command_json(command_out);
    assert_int_equal(json_array_size(json_object_get(result, "rows")), 2);
    json_decref(result);
}

static void choices_are_a_run_of_the_workspace(void **state)
{
    (void)state;
    static const char command[] =
        "eval --task choices --data choices.jsonl -m model --out cw -t 1 -q -w chosen";
    expect_run(command);
    expect_run(command); /* it is done */
    expect_run("runs -w chosen --json");
    json_t *runs = command_json(command_out);
    assert_int_equal(json_array_size(runs), 1);
    const json_t *one = json_array_get(runs, 0);
    assert_string_equal(json_string_value(json_object_get(one, "name")), "choices: model");
    assert_string_equal(json_string_value(json_object_get(one, "status")), "done");
    assert_true(number(one, "tokens") > 0.0);
    json_decref(runs);
    expect_run("eval -w chosen");
    command_expect_text(command_out, "done      choices: model, 2 problems, 1 samples\n"
                                     "     acc                log-likelihood   ");
    assert_int_equal(run("train pairs.jsonl --new " TINY " --epochs 1 -t 1 -q --out no -w chosen"),
                     4); /* the ledger knows that the first of them was measured */
    command_expect_text(command_err, "is no. 1 of ");
    expect_run("report -w chosen --data chosen.json");
    char *text = command_read("chosen.json");
    json_t *data = command_json(text);
    const json_t *score = json_array_get(
        json_object_get(json_array_get(json_object_get(data, "evaluations"), 0), "scores"), 1);
    assert_string_equal(json_string_value(json_object_get(score, "filter")), "acc_norm");
    json_decref(data);
    tj_free(text);
    expect_run("ledger verify -w chosen --files");
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
        if (status != bad[i].status || strstr(command_err, bad[i].said) == NULL) {
            fail_msg("%s: status %d: %s", bad[i].command, status, command_err);
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
    command_expect_text(command_err, "max_tokens differs");
    (void)snprintf(other, sizeof other, "%s --max-tokens 4 --force", command);
    expect_run(other);
}

/* ------------------------------------------------------------ contamination and the ledger */

static void contaminated_training_is_refused(void **state)
{
    (void)state;
    static const char train[] = "train pairs.jsonl --new " TINY " --epochs 1 -t 1 -q --out t";
    char line[512];
    (void)snprintf(line, sizeof line, "%s --check-against data.jsonl", train);
    assert_int_equal(run(line), 4);
    command_expect_text(command_err, "2 measured problems stand in what is learnt: no. 1 of "
                                     "pairs.jsonl is no. 2 of data.jsonl");
    assert_false(tj_fs_exists("t"));
    (void)snprintf(line, sizeof line, "%s --check-against data.jsonl --contaminated warn", train);
    expect_run(line);
    command_expect_text(command_err, "warning: pairs.jsonl shares text with data.jsonl: of 6 "
                                     "measured problems 2 stand whole in it (2 the same)");
    (void)snprintf(line, sizeof line, "%s --force --check-against choices.jsonl", train);
    assert_int_equal(run(line), 4);
    command_expect_text(command_err, "no. 1 of choices.jsonl");
    (void)snprintf(line, sizeof line, "%s --force --check-against pairs.jsonl", train);
    assert_int_equal(run(line), 1); /* no problems of a data set */
    command_expect_text(command_err, "pairs.jsonl");
    (void)snprintf(line, sizeof line, "%s --force --check-against none", train);
    assert_int_equal(run(line), 3);
}

#define EVAL                                                                                       \
    "eval --task gsm8k_boxed --data data.jsonl -m tuned --out ledger-o --max-tokens 8 -t 1 -q "    \
    "-w work"

/* A model that was trained in the workspace is measured there: the ledger knows what it learnt, and
 * a later training what was measured. */
static void the_ledger_knows_what_was_learnt_and_measured(void **state)
{
    (void)state;
    expect_run("train pairs.jsonl --new " TINY " --epochs 1 -t 1 -q --out tuned -w work");
    command_expect("cp model/tokenizer.json tuned", 0);
    assert_int_equal(run(EVAL " --contaminated refuse"), 4);
    command_expect_text(command_err, "2 measured problems stand in what is learnt");
    expect_run(EVAL);
    command_expect_text(command_err, "pairs.jsonl shares text with data.jsonl: of 6 measured "
                                     "problems 2 stand whole in it");
    char *text = command_read("ledger-o/eval.json");
    json_t *result = command_json(text);
    const json_t *entry = json_array_get(json_object_get(result, "contamination"), 0);
    assert_true(number(entry, "whole_measured") == 2.0);
    json_decref(result);
    tj_free(text);
    assert_int_equal(run("train pairs.jsonl --new " TINY " --epochs 2 -t 1 -q --out again -w work"),
                     4);
    expect_run("runs -w work --json");
    json_t *runs = command_json(command_out);
    assert_int_equal(json_array_size(runs), 2); /* what is refused is no run */
    const json_t *train = json_array_get(runs, 0), *eval = json_array_get(runs, 1);
    assert_string_equal(json_string_value(json_object_get(train, "name")), "train on pairs.jsonl");
    assert_string_equal(json_string_value(json_object_get(train, "status")), "done");
    assert_true(number(train, "tokens") > 0.0);
    assert_string_equal(json_string_value(json_object_get(eval, "name")), "gsm8k_boxed: tuned");
    assert_string_equal(json_string_value(json_object_get(eval, "status")), "done");
    json_decref(runs);
    expect_run("eval -w work");
    command_expect_text(command_out, "done      gsm8k_boxed: tuned, 6 problems, 1 samples\n");
    command_expect_text(command_out, "     grader             graded ");
    expect_run("eval -w work --json");
    json_t *list = command_json(command_out);
    assert_int_equal(json_array_size(json_object_get(list, "evaluations")), 1);
    json_decref(list);
    expect_run("ledger verify -w work --files");
}

static void what_cannot_be_recorded_is_refused(void **state)
{
    (void)state;
    assert_int_equal(run("eval --task gsm8k --shots 0 --data data.jsonl --answers a.jsonl -w w"),
                     2);
    command_expect_text(command_err, "--workspace is not for");
    assert_int_equal(run("eval --task gsm8k --shots 0 --data data.jsonl --prompts "
                         "--check-against pairs.jsonl"),
                     2);
    assert_int_equal(run("eval -w nowhere"), 3);
}

/* ------------------------------------------------------------ behind a URL */

/* Adds rightly; from a request on it resets connections. */
typedef struct adder {
    size_t dies_at;
    atomic_size_t n_chats, n_messages, n_texts;
} adder;

static void answer_sum(void *ctx, const http_request *r)
{
    adder *a = ctx;
    char body[512];
    const char *asked = NULL;
    if (r->index >= a->dies_at) {
        http_reset(r->fd);
        return;
    }
    for (const char *at = r->body; (at = strstr(at, "What is ")) != NULL; at++) {
        asked = at; /* the last one is the question */
    }
    long sum = asked == NULL ? -1 : strtol(asked + 8, NULL, 10) + 1;
    bool is_chat = strstr(r->head, "/chat/completions") != NULL;
    json_t *request = json_loads(r->body, 0, NULL);
    atomic_fetch_add(is_chat ? &a->n_chats : &a->n_texts, 1);
    atomic_store(&a->n_messages, json_array_size(json_object_get(request, "messages")));
    json_decref(request);
    (void)snprintf(body, sizeof body,
                   is_chat ? "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                             "\"content\":\"It is \\\\boxed{%ld}.\"},\"finish_reason\":\"stop\"}],"
                             "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3}}"
                           : "{\"choices\":[{\"index\":0,\"text\":\" It is.\\n#### %ld\","
                             "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,"
                             "\"completion_tokens\":3}}",
                   sum);
    http_answer(r->fd, 200, "Content-Type: application/json\r\n", body);
}

static int run_with(http_script *server, adder *a, const char *what)
{
    char line[1024];
    http_script_start(server, answer_sum, a);
    (void)snprintf(line, sizeof line,
                   "%s -m %s --remote-model m --remote-set max_in_flight=1 --remote-set "
                   "max_tries=1",
                   what, server->url);
    int status = run(line);
    http_script_stop(server);
    return status;
}

static void a_server_is_asked_in_conversations(void **state)
{
    (void)state;
    http_script server;
    adder a = {.dies_at = SIZE_MAX};
    assert_int_equal(run_with(&server, &a,
                              "eval --task gsm8k_boxed --data data.jsonl --out chat --chat "
                              "--system 'Be brief.' --shots 1 --shots-from data.jsonl -q --json"),
                     0);
    json_t *result = command_json(command_out);
    const json_t *grader = json_object_get(json_object_get(result, "scores"), "grader");
    assert_true(number(grader, "mean") == 1.0);
    assert_true(number(result, "completion_tokens") == 18.0);
    char model[128];
    (void)snprintf(model, sizeof model, "m at %s", server.url);
    assert_string_equal(json_string_value(json_object_get(result, "model")), model);
    json_decref(result);
    assert_int_equal(a.n_chats, 6);
    assert_int_equal(a.n_texts, 0);
    assert_int_equal(a.n_messages, 4); /* the system's, an example's two, the question */
    command_expect_text(command_err, "6 requests");
}

/* Its address is part of what determines the answers: the same server is told to live again. */
static void a_server_that_dies_loses_nothing(void **state)
{
    (void)state;
    static const char what[] = "eval --task gsm8k --shots 0 --data data.jsonl --out dies -w ws -q";
    http_script server;
    adder a = {.dies_at = 3};
    char line[1024];
    http_script_start(&server, answer_sum, &a);
    (void)snprintf(line, sizeof line,
                   "%s -m %s --remote-model m --remote-set max_in_flight=1 --remote-set "
                   "max_tries=1",
                   what, server.url);
    assert_int_equal(run(line), 1);
    command_expect_text(command_err, "problem 3");
    char *answers = command_read("dies/answers.jsonl");
    size_t n = 0;
    for (const char *at = answers; (at = strchr(at, '\n')) != NULL; at++) {
        n++;
    }
    assert_int_equal(n, 3);
    tj_free(answers);
    expect_run("runs -w ws");
    command_expect_text(command_out, "failed");
    expect_run("eval -w ws");
    command_expect_text(command_out, "failed    gsm8k: m at ");
    a.dies_at = SIZE_MAX;
    expect_run(line);
    http_script_stop(&server);
    assert_int_equal(a.n_texts, 6); /* each problem once */
    command_expect_text(command_out, "strict-match       exact_match      1.0000");
    expect_run("runs -w ws --json");
    json_t *runs = command_json(command_out);
    assert_int_equal(json_array_size(runs), 1);
    const json_t *one = json_array_get(runs, 0);
    assert_string_equal(json_string_value(json_object_get(one, "status")), "done");
    assert_true(number(one, "tokens") == 18.0);
    json_decref(runs);
    expect_run("ledger verify -w ws");
}

/* The program's own server gives the answers that the model gives here. */
static void what_is_served_answers_as_it_does_here(void **state)
{
    (void)state;
    static const char what[] = "eval --task gsm8k_boxed --data data.jsonl --max-tokens 8 -q";
    char line[1024];
    (void)snprintf(line, sizeof line, "%s -m model --out here -t 1", what);
    expect_run(line);
    command_expect("$T serve -m model --port 0 --json -t 1 >served 2>served.err & echo $! >pid; "
                   "for i in $(seq 200); do test -s served && break; sleep 0.1; done",
                   0);
    char *said = command_read("served");
    json_t *event = json_loads(said, JSON_DISABLE_EOF_CHECK, NULL);
    (void)snprintf(line, sizeof line, "%s -m %s --remote-model model --out there", what,
                   json_string_value(json_object_get(event, "url")));
    int status = run(line);
    char *why = tj_strdup(command_err);
    command_expect("kill $(cat pid)", 0);
    if (status != 0) {
        fail_msg("status %d: %s", status, why);
    }
    command_expect(
        "for d in here there; do sed 's/\"prompt_tokens.*//; s/\"finish\":\"[a-z]*\"//g' "
        "$d/answers.jsonl >$d.txt; done; cmp here.txt there.txt",
        0);
    tj_free(why);
    json_decref(event);
    tj_free(said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_are_listed),
        cmocka_unit_test(prompts_are_shown_without_a_model),
        cmocka_unit_test(a_model_is_measured_and_gone_on_with),
        cmocka_unit_test(samples_need_a_temperature_and_give_passes),
        cmocka_unit_test(choices_are_scored),
        cmocka_unit_test(choices_are_a_run_of_the_workspace),
        cmocka_unit_test(what_does_not_go_is_refused_by_name),
        cmocka_unit_test(another_evaluation_in_the_folder_is_a_conflict),
        cmocka_unit_test(contaminated_training_is_refused),
        cmocka_unit_test(the_ledger_knows_what_was_learnt_and_measured),
        cmocka_unit_test(what_cannot_be_recorded_is_refused),
        cmocka_unit_test(a_server_is_asked_in_conversations),
        cmocka_unit_test(a_server_that_dies_loses_nothing),
        cmocka_unit_test(what_is_served_answers_as_it_does_here),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
