/* The commands of long thoughts from outside: annotated thinking is imported, filtered, exported
 * and counted; what is wrong is named with its file and line; models behind a scripted server
 * propose and criticise, debate, and reword. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "support/command.h"
#include "support/http_script.h"

static const char notes[] = "---\n"
                            "author: Aiko\n"
                            "answer: 42\n"
                            "licence: CC0-1.0\n"
                            "---\n"
                            "> What is 6 times 7?\n"
                            "\n"
                            "Let me add sevens.\n"
                            "! 7 + 7 + 7 + 7 + 7 = 42\n"
                            "? Those were five.\n"
                            "<\n"
                            "35 + 7 = 42\n"
                            "= The answer is 42.\n";

/* Runs the program with the arguments; its output is in the files `out` and `err`. */
static void expect(const char *arguments, int status)
{
    char line[4096];
    snprintf(line, sizeof line, "$T %s", arguments);
    command_expect(line, status);
}

static void expect_text(const char *name, const char *words)
{
    char *text = command_read(name);
    command_expect_text(text, words);
    tj_free(text);
}

static void thinking_is_imported_filtered_exported_and_counted(void **state)
{
    (void)state;
    command_write("notes.md", notes);
    expect("thought import notes.md", 0);
    expect_text("out", "  continue   7 + 7 + 7 + 7 + 7 = 42\n");
    expect("thought import notes.md --json", 0);
    char *records = command_read("out");
    command_write("records.jsonl", records);
    tj_free(records);
    expect("thought filter records.jsonl -s need_right=true -s min_backtracks=1 -o good.jsonl", 0);
    expect_text("err", "1 of 1 thoughts passed");
    expect("thought filter records.jsonl -s max_backtracks=1 -s min_lines=9 --rejected no.jsonl",
           0);
    expect_text("no.jsonl", "\"rule\":\"lines\",\"reason\":\"6 lines, at least 9\"");
    expect("thought export good.jsonl -f step-dpo --card card.md", 0);
    expect_text("out",
                "\"chosen\": \"35 + 7 = 42\\n\", \"rejected\": \"7 + 7 + 7 + 7 + 7 = 42\\n\"");
    expect_text("card.md", "| CC0-1.0 | 1 |");
    expect("thought export good.jsonl -f markdown -o again.md", 0);
    expect("thought import again.md --json", 0);
    expect_text("out", "\"mark\":\"invalid\"");
    expect("thought export good.jsonl good.jsonl -f markdown -o twice.md", 0);
    expect("thought import twice.md --json", 0);
    char *both = command_read("out");
    const char *end_of_first = strchr(both, '\n');
    assert_non_null(end_of_first);
    assert_memory_equal(both, end_of_first + 1, (size_t)(end_of_first + 1 - both));
    tj_free(both);
    expect("thought stats good.jsonl", 0);
    expect_text("out", "justified: a step of the attempt was wrong                  1");
    char *table = command_read("out");
    for (char *line = table; *line != 0;) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        assert_true(end - line <= 80);
        line = end + 1;
    }
    tj_free(table);
    expect("thought stats good.jsonl --json", 0);
    json_t *json = json_load_file("out", 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(json, "records")), 1);
    json_decref(json);
}

static void what_is_wrong_is_named_with_file_and_line(void **state)
{
    (void)state;
    command_write("bad.md", "step\n< 7\n");
    expect("thought import bad.md", 1);
    expect_text("err", "bad.md:2: back to entry 7");
    command_write("bad.yaml", "language: x\nreflect:\n  any: [7]\n");
    command_write("notes.md", notes);
    expect("thought import notes.md --sentences bad.yaml", 2);
    expect_text("err", "bad.yaml:3: reflect.any[0]");
    command_write("bad.jsonl", "{\"completion\":\"a\"}\n{\"completion\":\"a\",\"kind\":\"x\"}\n");
    expect("thought stats bad.jsonl", 1);
    expect_text("err", "bad.jsonl:2: kind: 'x' is none that is known");
    command_write("plain.jsonl", "{\"prompt\":\"p\",\"completion\":\"a\"}\n");
    expect("thought export plain.jsonl -f prm800k", 2);
    expect_text("err", "no record gives a row of the form prm800k");
    expect_text("err", "1 of the records gave no row: it has no spans");
    expect("thought filter plain.jsonl -s max_words=x", 2);
    expect_text("err", "rules.max_words");
    expect("thought stats missing.jsonl", 3);
    expect("thought critique 'x'", 2);
    expect_text("err", "--model");
    expect("thought critique -m nowhere --threads many 'x'", 2);
    expect_text("err", "--threads is 'many'");
}

/* ------------------------------------------------------------------ with a server */

/* Answers in the order of a list, whatever is asked. */
static void give(void *ctx, const http_request *request)
{
    const char *const *answers = ctx;
    json_t *json = json_pack("{s:[{s:i, s:{s:s, s:s}, s:s}], s:{s:i, s:i, s:i}}", "choices",
                             "index", 0, "message", "role", "assistant", "content",
                             answers[request->index], "finish_reason", "stop", "usage",
                             "prompt_tokens", 5, "completion_tokens", 7, "total_tokens", 12);
    char *text = json_dumps(json, 0);
    http_answer(request->fd, 200, "Content-Type: application/json\r\n", text);
    free(text);
    json_decref(json);
}

static void expect_with_server(const char *const *answers, const char *arguments, int status)
{
    http_script server;
    char all[2048];
    http_script_start(&server, give, (void *)(uintptr_t)answers);
    snprintf(all, sizeof all, "%s -m %s --remote-model m", arguments, server.url);
    expect(all, status);
    http_script_stop(&server);
}

/* What a proposer and a critic say in turn: a wrong step, a way back, the right one. */
static const char *const criticised[] = {
    "{\"step\":\"6 + 7 = 13\"}",
    "{\"action\":\"backtrack\",\"to\":0,\"reason\":\"Wait, it says times.\"}",
    "{\"step\":\"6 * 7 = 42\",\"answer\":\"42\"}", "not json",
    "{\"action\":\"terminate\",\"reason\":\"done\"}"};

static void a_critic_behind_a_url_decides(void **state)
{
    (void)state;
    expect_with_server(criticised,
                       "thought critique --json '{\"question\":\"6 * 7?\",\"answer\":\"42\"}'", 0);
    json_t *json = json_load_file("out", 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "outcome")), "answered");
    assert_true(json_is_true(json_object_get(json, "correct")));
    assert_int_equal(json_array_size(json_object_get(json, "failures")), 1);
    assert_int_equal(json_array_size(json_object_get(json, "transcript")), 4);
    json_decref(json);
    expect_text("err", "1 dialogues: answered 1");
    char *thought = command_read("out");
    command_write("critique.jsonl", thought);
    tj_free(thought);
    expect("thought stats critique.jsonl", 0); /* it is a record like any other */
}

static void a_lesson_behind_a_url_is_told(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{\"say\":\"6 * 7 = 42\",\"stance\":\"propose\"}",
        "{\"say\":\"Good.\",\"stance\":\"check\"}",
        "{\"decision\":\"settle\",\"answer\":\"42\",\"reason\":\"r\"}",
        "{\"text\":\"Let me see: 6 * 7 = 42.\"}", "{\"text\":\"That seems right.\"}"};
    expect_with_server(answers, "thought debate --roles teacher '6 * 7?'", 0);
    expect_text("out", "answered after 1 turns");
    expect_text("out", "Let me see: 6 * 7 = 42.");
    expect_with_server(answers,
                       "thought debate --own-words --json --agent 'Aiko=You add.' --agent "
                       "'Ben=You check.' '6 * 7?'",
                       0);
    expect_text("out", "\"name\":\"Aiko\"");
    expect("thought debate --agent Aiko -m x.gguf '6 * 7?'", 2);
    expect_text("err", "expected NAME=ROLE");
    expect("thought debate --roles teacher --agent A=b -m x.gguf '6 * 7?'", 2);
}

static void rewording_keeps_what_it_may_not_change(void **state)
{
    (void)state;
    static const char *const answers[] = {"{\"spans\":[{\"n\":1,\"text\":\"I might add "
                                          "sevens.\"},{\"n\":2,\"text\":\"7 + 7 + 7 + 7 + 7 = "
                                          "35\"}]}"};
    command_write("notes.md", notes);
    expect("thought import notes.md --json", 0);
    char *records = command_read("out");
    command_write("records.jsonl", records);
    tj_free(records);
    expect_with_server(answers, "thought rewrite records.jsonl", 0);
    expect_text("err", "spans reworded 1, as they were 4, refused 1, without an answer 0");
    expect_text("out", "\"completion\":\"I might add sevens.\\n7 + 7 + 7 + 7 + 7 = 42\\n");
}

/* ------------------------------------------------------------------ in a workspace */

static long long metric(const char *key)
{
    json_t *json = json_load_file("out", 0, NULL);
    const json_t *value = json_object_get(json_object_get(json, "metrics"), key);
    long long n = json_integer_value(value);
    json_decref(json);
    return n;
}

/* Files go in, each command makes a run of the thoughts of the one before, and a file comes out. */
static void thoughts_go_from_run_to_run(void **state)
{
    (void)state;
    static const char *const answers[] = {"{\"spans\":[{\"n\":1,\"text\":\"I might add "
                                          "sevens.\"},{\"n\":2,\"text\":\"7 + 7 = 35\"}]}"};
    command_write("notes.md", notes);
    command_write("short.jsonl",
                  "{\"prompt\":\"1 + 1?\",\"answer\":\"2\",\"completion\":\"1 + 1 = 3\\nThe "
                  "answer is 3.\\n\"}\n");
    expect("thought import -w w notes.md short.jsonl --by-rules --json", 0);
    assert_int_equal(metric("thoughts"), 2);
    expect("thought import -w w notes.md short.jsonl --by-rules", 0);
    expect_text("out", "run 1 (done before):");
    expect("thought show 1 -w w", 0);
    expect_text("out", "7 + 7 + 7 + 7 + 7 = 42");
    expect("thought stats -w w", 0);
    expect_text("out", "justified: a step of the attempt was wrong                  1");
    expect("thought filter -w w --json", 0);
    assert_int_equal(metric("pass"), 1);
    assert_int_equal(metric("answer"), 1);
    expect("thought filter -w w", 0); /* the same again is found, and not done to its own result */
    expect_text("out", "run 2 (done before):");
    expect("thought filter -w w -o passed.jsonl", 2);
    expect_text("err", "thought export");
    expect("thought list -w w", 0);
    expect_text("out", "1 of 1 thoughts of run 2");
    expect("thought list -w w --refused", 0);
    expect_text("out", "run 2, answer: the answer '3' is not right; it is 2");
    expect_text("out", "1 of 2 thoughts of run 1");
    expect("thought list -w w --run 1 -n 1", 0);
    expect_text("out", "the next: --after 1");
    expect("thought list -w w --run 1 --refused", 3);
    expect_with_server(answers, "thought rewrite -w w --json", 0);
    assert_int_equal(metric("taken"), 1);
    assert_int_equal(metric("refused"), 1);
    expect("thought export -w w -f step-dpo -o pairs.jsonl --card card.md", 0);
    expect_text("pairs.jsonl", "\"rejected\": \"7 + 7 + 7 + 7 + 7 = 42\\n\"");
    expect_text("card.md", "run 3");
    expect("thought export -w w --run 1 -f jsonl", 0);
    expect_text("out", "The answer is 3.");
    expect("runs -w w", 0);
    expect_text("out", "rewrite");
    expect("ledger verify -w w", 0);
    expect("report -w w", 0);
    expect_text("w/report.html", "Long thoughts in numbers");
    expect_text("w/report.html", "data-node=");
}

static void people_are_rewarders(void **state)
{
    (void)state;
    expect("tree list -w w --json", 0);
    expect_text("out", "\"nodes\"");
    expect("thought derive -w w --run 1 --rewarder Aiko --order paper --json", 0);
    assert_int_equal(metric("journey"), 1);
    assert_int_equal(metric("ways back"), 1);
    assert_int_equal(metric("without a correct path"), 1); /* the other has a wrong answer */
    expect("thought derive -w w --run 1 --rewarder Nobody", 3);
    expect_text("err", "no rewarder 'Nobody'");
}

static void dialogues_become_rows(void **state)
{
    (void)state;
    static const char *const nonsense[] = {"no", "no", "no", "no"};
    expect_with_server(criticised,
                       "thought critique -w v --json '{\"question\":\"6 * 7?\",\"answer\":\"42\"}'",
                       0);
    assert_int_equal(metric("answered"), 1);
    assert_int_equal(metric("thoughts"), 1);
    expect("thought stats -w v --json", 0);
    expect("thought derive -w v --rewarder m --order paper --json", 0); /* the critic's verdicts */
    assert_int_equal(metric("ways back"), 1);
    expect_with_server(nonsense, "thought critique -w v --json '5 * 5?'", 0);
    assert_int_equal(metric("failed"), 1);
    assert_int_equal(metric("thoughts"), 0); /* nothing was said, and how it ended is kept */
    expect("ledger verify -w v", 0);
}

/* Answers each question with a step that ends it; at the third request the client is killed. */
static void kill_at_the_third(void *ctx, const http_request *request)
{
    static const char *const answers[] = {"{\"step\":\"6 * 7 = 42\",\"answer\":\"42\"}",
                                          "{\"action\":\"terminate\",\"reason\":\"r\"}", NULL,
                                          "{\"step\":\"5 * 5 = 25\",\"answer\":\"25\"}",
                                          "{\"action\":\"terminate\",\"reason\":\"r\"}"};
    if (request->index == 2) {
        char *pid = command_read("pid");
        kill((pid_t)strtol(pid, NULL, 10), SIGKILL);
        tj_free(pid);
        return;
    }
    assert_true(request->index < 5);
    give((void *)(uintptr_t)answers, request);
    (void)ctx;
}

static void a_killed_run_goes_on_and_asks_nothing_twice(void **state)
{
    (void)state;
    http_script server;
    char command[1024];
    command_write("two.jsonl", "{\"question\":\"6 * 7?\",\"answer\":\"42\"}\n"
                               "{\"question\":\"5 * 5?\",\"answer\":\"25\"}\n");
    http_script_start(&server, kill_at_the_third, NULL);
    snprintf(command, sizeof command,
             "sh -c 'echo $$ >pid; exec \"%s\" thought critique -w k --json -m %s --remote-model m "
             "<two.jsonl >out 2>err'",
             TJ_PROGRAM, server.url);
    assert_int_not_equal(system(command), 0);
    assert_int_equal(atomic_load(&server.n_requests), 3);
    if (system(command) != 0) {
        fail_msg("%s", command_read("err"));
    }
    http_script_stop(&server);
    assert_int_equal(atomic_load(&server.n_requests), 5);
    assert_int_equal(metric("answered"), 2);
    assert_int_equal(metric("thoughts"), 2);
    expect("thought stats -w k --json", 0);
    json_t *json = json_load_file("out", 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(json, "records")), 2);
    json_decref(json);
    expect("ledger verify -w k", 0);
}

static void labelled_alternatives_become_journeys(void **state)
{
    (void)state;
    command_write(
        "prm.jsonl",
        "{\"labeler\":\"a\",\"timestamp\":\"2022-08-01T00:00:00\",\"generation\":null,"
        "\"is_quality_control_question\":false,\"is_initial_screening_question\":false,"
        "\"question\":{\"problem\":\"What is 2+3*4?\",\"ground_truth_answer\":\"14\"},"
        "\"label\":{\"steps\":[{\"completions\":[{\"text\":\"Add first: 2+3=5.\",\"rating\":-1,"
        "\"flagged\":false},{\"text\":\"Hm, 12 is even.\",\"rating\":0,\"flagged\":false},"
        "{\"text\":\"Multiply first: 3*4=12.\",\"rating\":1,\"flagged\":false}],"
        "\"human_completion\":null,\"chosen_completion\":2},{\"completions\":[{\"text\":\"So the "
        "answer is 14.\\n\\n# Answer\\n\\n14\",\"rating\":1,\"flagged\":false}],"
        "\"human_completion\":null,\"chosen_completion\":0}],\"total_time\":1,"
        "\"finish_reason\":\"solution\"}}\n");
    expect("data import prm.jsonl --set labels -w u --licence MIT --source PRM800K", 0);
    expect("thought derive -w u --json", 0);
    assert_int_equal(metric("journey"), 1);
    assert_int_equal(metric("ways back"), 1); /* 0 is neutral: not told as wrong */
    expect("thought show 2 -w u", 0);
    expect_text("out", "Add first: 2+3=5.");
    expect_text("out", "conclude");
    expect("thought export -w u -o rows.jsonl --card card.md", 0);
    expect_text("card.md", "| MIT | 2 |");
    expect_text("card.md", "| PRM800K | 2 |");
    expect("thought derive -w u --language ja --kind journey", 0);
    expect("thought derive prm.jsonl -w u", 2);
    expect_text("err", "tree import");
    expect("thought stats -w nowhere", 3);
    expect("thought filter short.jsonl -w u", 2);
    expect_text("err", "thought import");
    expect("thought stats -w u --run 1", 3);
    expect_text("err", "run 1 made no thoughts");
}

/* The completion of the only record of a file; tj_free. */
static char *completion_in(const char *name)
{
    json_t *json = json_load_file(name, 0, NULL);
    const char *text = json_string_value(json_object_get(json, "completion"));
    assert_non_null(text);
    char *copy = tj_strdup(text);
    json_decref(json);
    return copy;
}

/* The trees of the test before, of a file and of the workspace: the same is told of both. */
static void trees_of_files_in_words_are_walked_as_a_workspaces(void **state)
{
    (void)state;
    expect("tree import prm.jsonl --set again -w walked", 0);
    expect("thought derive -w walked --kind journey", 0);
    expect("thought export -w walked -f jsonl", 0);
    char *of_workspace = completion_in("out");
    expect("tree export -w walked >trees.jsonl", 0);
    expect("thought derive trees.jsonl --json --kind journey", 0);
    char *of_file = completion_in("out");
    assert_non_null(strstr(of_file, "Add first: 2+3=5."));
    assert_string_equal(of_file, of_workspace);
    tj_free(of_file);
    tj_free(of_workspace);
    expect("thought derive trees.jsonl", 0);
    expect_text("out", "shortcut  What is 2+3*4?");
    expect_text("out", "backtrack");
    expect("thought derive trees.jsonl --rewarder human --language ja --kind journey", 0);
    expect("thought derive trees.jsonl --rewarder nobody", 3);
    expect_text("err", "no rewarder 'nobody'");
    /* rewards from -1 to 1 and from 0 to 1 have no threshold in common */
    expect("tree import prm.jsonl | sed 's/\\(\"rewards\":\\[\\)/\\1{\"node\":1,\"rewarder\":\"x\","
           "\"meaning\":\"valid\",\"value\":1.0,\"reason\":\"\"},/' >mixed.jsonl",
           0);
    expect("thought derive mixed.jsonl", 2);
    expect_text("err", "name a --rewarder");
    expect("thought derive mixed.jsonl --rewarder human", 0);
}

static void answers_that_a_file_calls_right_are_graded_again(void **state)
{
    (void)state;
    expect("tree import prm.jsonl | sed 's/\"answer\":\"14\"/\"answer\":\"15\"/' >lie.jsonl", 0);
    expect("thought derive lie.jsonl", 1);
    expect_text("err", "lie.jsonl:1: node 4: it is called correct, but");
    expect("tree import prm.jsonl | sed 's/\"terminal\":true/\"terminal\":false/' >lie.jsonl", 0);
    expect("thought derive lie.jsonl", 1);
    expect_text("err", "it is called correct, but is no end");
}

static int make_dir(void **state)
{
    (void)state;
    return command_begin("thoughts");
}

static int remove_dir(void **state)
{
    (void)state;
    return command_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thinking_is_imported_filtered_exported_and_counted),
        cmocka_unit_test(what_is_wrong_is_named_with_file_and_line),
        cmocka_unit_test(a_critic_behind_a_url_decides),
        cmocka_unit_test(a_lesson_behind_a_url_is_told),
        cmocka_unit_test(rewording_keeps_what_it_may_not_change),
        cmocka_unit_test(thoughts_go_from_run_to_run),
        cmocka_unit_test(people_are_rewarders),
        cmocka_unit_test(dialogues_become_rows),
        cmocka_unit_test(a_killed_run_goes_on_and_asks_nothing_twice),
        cmocka_unit_test(labelled_alternatives_become_journeys),
        cmocka_unit_test(trees_of_files_in_words_are_walked_as_a_workspaces),
        cmocka_unit_test(answers_that_a_file_calls_right_are_graded_again),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
