/* The commands of trees from outside: problems in words by a policy behind a scripted server, to
 * standard output, to a file and into a workspace, where the same command finds what is done; trees
 * of other programs in, and out again; what is wrong is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "support/folder.h"
#include "support/http_script.h"

static char dir[64];

static void spit(const char *name, const char *text)
{
    assert_int_equal(tj_fs_write(name, text, strlen(text), NULL), TJ_OK);
}

static char *slurp(const char *name)
{
    char *text = NULL;
    size_t n;
    assert_int_equal(tj_fs_read(&text, &n, name, (size_t)1 << 24, NULL), TJ_OK);
    return text;
}

/* Runs the program with the arguments; its output is in the files `out` and `err`. */
static void expect(const char *arguments, int status)
{
    char command[4096];
    snprintf(command, sizeof command, "'%s' %s >out 2>err </dev/null", TJ_PROGRAM, arguments);
    int raw = system(command);
    int got = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128;
    if (got != status) {
        fail_msg("'%s' gave %d, expected %d:\n%s", arguments, got, status, slurp("err"));
    }
}

static void expect_text(const char *name, const char *words)
{
    char *text = slurp(name);
    if (strstr(text, words) == NULL) {
        fail_msg("'%s' is not in:\n%s", words, text);
    }
    tj_free(text);
}

/* The first line after a problem, the second after the first. Of problems with "cut" the line is
 * cut.
 */
static void answer(void *ctx, const http_request *request)
{
    char body[512];
    bool first = strstr(request->body, "1. Take 2 and 4.") == NULL;
    bool cut = strstr(request->body, "cut") != NULL;
    (void)ctx;
    snprintf(body, sizeof body,
             "{\"choices\":[{\"index\":0,\"finish_reason\":\"%s\",\"message\":{\"role\":"
             "\"assistant\",\"content\":\"%s\"}}],\"usage\":{\"prompt_tokens\":9,"
             "\"completion_tokens\":5,\"total_tokens\":14}}",
             cut ? "length" : "stop",
             first ? "1. Take 2 and 4." : "2. The answer is \\\\boxed{6}.");
    http_answer(request->fd, 200, "", body);
}

static size_t n_asked;

static void expect_with_server(const char *arguments, int status)
{
    http_script server;
    char all[2048];
    http_script_start(&server, answer, NULL);
    snprintf(all, sizeof all, "%s -m %s --remote-model m", arguments, server.url);
    expect(all, status);
    n_asked = atomic_load(&server.n_requests);
    http_script_stop(&server);
}

static json_t *first_tree(const char *name)
{
    char *text = slurp(name);
    json_t *tree = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(tree);
    tj_free(text);
    return tree;
}

static void words_grow_by_a_server(void **state)
{
    (void)state;
    expect_with_server("tree grow --task math --answer 6 --method best-of-n --width 3 'How many?'",
                       0);
    expect_text("out", "How many?\n  . 1. Take 2 and 4.\n    + 2. The answer is \\boxed{6}.\n");
    expect_text("out", "majority: 6 (3 of 3), right");
    expect_text("err", "1 trees, 2 nodes, 4 duplicates merged; 30 tokens");
    spit("p.jsonl", "{\"question\":\"How many?\",\"answer\":\"so #### 6\"}\n"
                    "{\"question\":\"And cut?\",\"answer\":\"#### 7\"}\n");
    expect_with_server("tree grow --data p.jsonl --width 1 --max-tries 1 -f jsonl -o t.jsonl", 0);
    expect_text("err", "1 without an end");
    assert_int_equal(access("t.jsonl.part", F_OK), -1);
    json_t *tree = first_tree("t.jsonl");
    assert_string_equal(json_string_value(json_object_get(tree, "task")), "mathematics");
    assert_string_equal(json_string_value(json_object_get(tree, "answer")), "6");
    const json_t *node = json_array_get(json_object_get(tree, "nodes"), 1);
    assert_true(json_is_null(json_object_get(node, "valid")));
    json_decref(tree);
    expect_text("t.jsonl", "\"stopped\":\"endless\"");
}

static void a_set_grows_once(void **state)
{
    (void)state;
    spit("g.jsonl", "{\"question\":\"How many?\",\"answer\":\"#### 6\"}\n"
                    "{\"question\":\"How many then?\",\"answer\":\"#### 7\"}\n");
    expect("data import gsm8k g.jsonl -w work --set g --split train", 0);
    /* the server's address is part of what a tree depends on: one server for all */
    http_script server;
    char all[1024];
    http_script_start(&server, answer, NULL);
    snprintf(all, sizeof all,
             "tree grow -w work --set g --width 1 --max-tries 1 -m %s --remote-model m",
             server.url);
    expect(all, 0);
    expect_text("out", "2 trees, 6 nodes, 1 with a correct path");
    size_t n = atomic_load(&server.n_requests);
    expect(all, 0);
    expect_text("out", "has grown these trees");
    assert_int_equal(atomic_load(&server.n_requests), n);
    http_script_stop(&server);
    expect("tree list -w work --set g --solved yes", 0);
    expect_text("out", "1 of 1 trees");
    expect("tree export -w work --set g -f omegaprm", 0);
    expect_text("out", "\"mc_value\":1.0");
    expect("tree export -w work --set g", 0);
    expect("tree show 1 -w work -f dot", 0);
    expect_text("out", "digraph tree {");
    expect("ledger verify -w work", 0);
}

#define MC                                                                                         \
    "{\"question\":\"p\",\"final_answer\":\"6\",\"reasoning_steps\":{\"text\":\"p\",\"mc_value\":" \
    "0.5,\"children\":[{\"text\":\"a\",\"mc_value\":0.25,\"children\":[]}]}}\n"

static void trees_of_others_come_in_and_go_out(void **state)
{
    (void)state;
    spit("mc.jsonl", MC MC);
    expect("tree import mc.jsonl", 0);
    expect_text("out", "\"rewarder\":\"monte-carlo\",\"meaning\":\"solvable\",\"value\":0.25");
    char *own = slurp("out");
    spit("own.jsonl", own);
    tj_free(own);
    expect("tree import own.jsonl -w other --set own", 0);
    expect_text("out", "2 trees of 1 problems, 4 nodes");
    expect("tree import own.jsonl -w other --set own", 0);
    expect_text("out", "has imported these files");
    expect("tree show 1 -w other -f omegaprm", 0);
    expect_text("out", "\"text\":\"a\",\"mc_value\":0.25");
    expect("tree import mc.jsonl -w other --set own", 4);
}

/* Their leaves are graded, since nobody else says which answers are right. */
static void answers_of_others_are_graded(void **state)
{
    (void)state;
    spit("ends.jsonl",
         "{\"question\":\"What is "
         "2*3?\",\"final_answer\":\"6\",\"reasoning_steps\":{\"text\":\"What "
         "is 2*3?\",\"mc_value\":0.5,\"children\":[{\"text\":\"2*3 is 23.\",\"mc_value\":0.0,"
         "\"children\":[{\"text\":\"The answer is "
         "23.\",\"mc_value\":0.0,\"children\":[]}]},{\"text\":"
         "\"2*3 is 3+3.\",\"mc_value\":1.0,\"children\":[{\"text\":\"The answer is 6.\","
         "\"mc_value\":1.0,\"children\":[]}]}]}}\n");
    expect("tree import ends.jsonl -w ends --set ends", 0);
    expect_text("err", "2 answers graded: 1 right, 1 wrong, 0 undecided");
    expect("tree list -w ends --solved yes", 0);
    expect_text("out", "1 of 1 trees");
    expect("thought derive -w ends --json", 0);
    expect_text("out", "\"journeys that go back\": 1");
    expect("thought derive -w ends --kind journey", 0);
    expect("tree import ends.jsonl", 0);
    expect_text("out", "\"rewarder\":\"verifier\",\"meaning\":\"solvable\",\"value\":0");
    expect_text("err", "2 answers graded: 1 right, 1 wrong, 0 undecided");
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    spit("two.jsonl", "{\"tree_version\":1,\"task\":\"mathematics\",\"problem\":1,\"seed\":\"1\","
                      "\"stream\":\"1\",\"question\":\"p\",\"first\":\"00\",\"prompt_ids\":[],"
                      "\"nodes\":[1],\"rewards\":[]}");
    expect("tree import two.jsonl", 1);
    expect_text("err", "two.jsonl:1: first: expected 128");
    expect("tree import none.jsonl", 3);
    expect("tree import two.jsonl --from nothing", 2);
    expect("tree grow --task math --method puct --rounds 0 -m x 'p'", 2);
    expect_text("err", "puct needs a bound");
    expect("tree grow --task math --method magic 'p'", 2);
    expect("tree grow --answer 6 'Use 3 4 to make 12.'", 2);
    expect_with_server("tree grow --task math --rewarder verifier 'p'", 2);
    expect_text("err", "--rewarder verifier");
    expect_with_server("tree grow --task math --steps tokens 'p'", 2);
    expect_with_server("tree grow --task math --prompt nothing 'p'", 2);
    expect("tree grow --task math '{\"question\":3}'", 1);
    expect_text("err", "problem 1: a problem in JSON has no text");
    assert_int_equal(n_asked, 0);
}

static int enter(void **state)
{
    (void)state;
    return folder_make(dir, "cli-tree") == 0 ? chdir(dir) : -1;
}

static int leave(void **state)
{
    (void)state;
    return chdir("/") == 0 ? folder_remove(dir) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_grow_by_a_server),
        cmocka_unit_test(a_set_grows_once),
        cmocka_unit_test(trees_of_others_come_in_and_go_out),
        cmocka_unit_test(answers_of_others_are_graded),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
