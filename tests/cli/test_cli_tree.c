/* The commands of trees from outside: problems in words by a policy behind a scripted server, to
 * standard output, to a file and into a workspace, where the same command finds what is done; trees
 * of other programs in, and out again; what is wrong is named. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "support/command.h"
#include "support/http_script.h"

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
    snprintf(all, sizeof all, "$T %s -m %s --remote-model m", arguments, server.url);
    command_expect(all, status);
    n_asked = atomic_load(&server.n_requests);
    http_script_stop(&server);
}

static json_t *first_tree(const char *text)
{
    json_t *tree = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(tree);
    return tree;
}

static void words_grow_by_a_server(void **state)
{
    (void)state;
    expect_with_server("tree grow --task math --answer 6 --method best-of-n --width 3 'How many?'",
                       0);
    command_expect_text(command_out,
                        "How many?\n  . 1. Take 2 and 4.\n    + 2. The answer is \\boxed{6}.\n");
    command_expect_text(command_out, "majority: 6 (3 of 3), right");
    command_expect_text(command_err, "1 trees, 2 nodes, 4 duplicates merged; 30 tokens");
    command_write("p.jsonl", "{\"question\":\"How many?\",\"answer\":\"so #### 6\"}\n"
                             "{\"question\":\"And cut?\",\"answer\":\"#### 7\"}\n");
    expect_with_server("tree grow --data p.jsonl --width 1 --max-tries 1 -f jsonl -o t.jsonl", 0);
    command_expect_text(command_err, "1 without an end");
    assert_int_equal(access("t.jsonl.part", F_OK), -1);
    char *trees = command_read("t.jsonl");
    json_t *tree = first_tree(trees);
    assert_string_equal(json_string_value(json_object_get(tree, "task")), "mathematics");
    assert_string_equal(json_string_value(json_object_get(tree, "answer")), "6");
    const json_t *node = json_array_get(json_object_get(tree, "nodes"), 1);
    assert_true(json_is_null(json_object_get(node, "valid")));
    json_decref(tree);
    command_expect_text(trees, "\"stopped\":\"endless\"");
    tj_free(trees);
}

static void a_set_grows_once(void **state)
{
    (void)state;
    command_write("g.jsonl", "{\"question\":\"How many?\",\"answer\":\"#### 6\"}\n"
                             "{\"question\":\"How many then?\",\"answer\":\"#### 7\"}\n");
    command_expect("$T data import gsm8k g.jsonl -w work --set g --split train", 0);
    /* the server's address is part of what a tree depends on: one server for all */
    http_script server;
    char all[1024];
    http_script_start(&server, answer, NULL);
    snprintf(all, sizeof all,
             "$T tree grow -w work --set g --width 1 --max-tries 1 -m %s --remote-model m",
             server.url);
    command_expect(all, 0);
    command_expect_text(command_out, "2 trees, 6 nodes, 1 with a correct path");
    size_t n = atomic_load(&server.n_requests);
    command_expect(all, 0);
    command_expect_text(command_out, "has grown these trees");
    assert_int_equal(atomic_load(&server.n_requests), n);
    http_script_stop(&server);
    command_expect("$T tree list -w work --set g --solved yes", 0);
    command_expect_text(command_out, "1 of 1 trees");
    command_expect("$T tree export -w work --set g -f omegaprm", 0);
    command_expect_text(command_out, "\"mc_value\":1.0");
    command_expect("$T tree export -w work --set g", 0);
    command_expect("$T tree show 1 -w work -f dot", 0);
    command_expect_text(command_out, "digraph tree {");
    command_expect("$T ledger verify -w work", 0);
}

/* A policy whose first step is one of two, of which the second misses the goal; a judge that knows
 * it; rollouts go on as the policy does. */
static void answer_all(void *ctx, const http_request *request)
{
    char body[640];
    const char *asked = strstr(request->body, "<next_step>");
    bool good = strstr(asked == NULL ? request->body : asked, "Take 5") == NULL &&
                strstr(asked == NULL ? request->body : asked, "boxed{5}") == NULL;
    bool first = strstr(request->body, "1. Take ") == NULL;
    const char *said = asked != NULL
                           ? (good ? "{\\\"reason\\\": \\\"it holds\\\", \\\"verdict\\\": 1}"
                                   : "{\\\"reason\\\": \\\"too few\\\", \\\"verdict\\\": -1}")
                       : first ? (request->index == 0 ? "1. Take 2 and 4." : "1. Take 5.")
                       : good  ? "2. The answer is \\\\boxed{6}."
                               : "2. The answer is \\\\boxed{5}.";
    (void)ctx;
    snprintf(body, sizeof body,
             "{\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"message\":{\"role\":"
             "\"assistant\",\"content\":\"%s\"}}],\"usage\":{\"prompt_tokens\":9,"
             "\"completion_tokens\":5,\"total_tokens\":14}}",
             said);
    http_answer(request->fd, 200, "", body);
}

/* The rewards that a rewarder gave a node: how many, and the last one's value. */
static size_t rewards_of(const json_t *tree, size_t node, const char *rewarder, double *value)
{
    const json_t *r;
    size_t i;
    size_t n = 0;
    json_array_foreach(json_object_get(tree, "rewards"), i, r)
    {
        if ((size_t)json_integer_value(json_object_get(r, "node")) == node &&
            strcmp(json_string_value(json_object_get(r, "rewarder")), rewarder) == 0) {
            n++;
            *value = json_number_value(json_object_get(r, "value"));
        }
    }
    return n;
}

/* Names a rewarder, in a file if it takes several lines; @ stands for the server. */
static void name_rewarder(char *out, size_t n_out, const char *spec, const char *url)
{
    tj_buf named;
    tj_buf_init(&named);
    for (const char *at = spec; *at != 0; at++) {
        tj_buf_add(&named, *at == '@' ? url : at, *at == '@' ? strlen(url) : 1);
    }
    bool is_file = strchr(spec, '\n') != NULL;
    if (is_file) {
        command_write("rewarder.yaml", tj_buf_text(&named));
    }
    snprintf(out, n_out, "%s", is_file ? "rewarder.yaml" : tj_buf_text(&named));
    tj_buf_deinit(&named);
}

/* Grows while `spec` scores: both first steps, of which one is kept, and
 * its end, each once. `wrong` is what the step that misses the goal is worth (NAN: not known); the
 * policy sends 4 requests, the rewarder `n_asked_by_it`. */
static void grow_with(const char *spec, const char *rewarder, double wrong, size_t n_asked_by_it)
{
    http_script server;
    char named[256];
    char all[1024];
    http_script_start(&server, answer_all, NULL);
    name_rewarder(named, sizeof named, spec, server.url);
    snprintf(
        all, sizeof all,
        "$T tree grow --task math --answer 6 --width 2 --max-tries 2 --prune top_k --prune-k 1 "
        "-f jsonl -m %s --remote-model m -r '%s' 'How many?'",
        server.url, named);
    command_expect(all, 0);
    assert_int_equal(atomic_load(&server.n_requests), 4 + n_asked_by_it);
    http_script_stop(&server);
    command_expect_text(command_err, "3 steps scored, with ");
    json_t *tree = first_tree(command_out);
    const json_t *nodes = json_object_get(tree, "nodes");
    assert_int_equal(json_array_size(nodes), 4);
    for (size_t i = 1; i < 4; i++) {
        double value = (double)NAN;
        const char *text = json_string_value(json_object_get(json_array_get(nodes, i), "text"));
        assert_int_equal(rewards_of(tree, i, rewarder, &value), 1);
        bool misses = strstr(text, "Take 5") != NULL;
        assert_true(isnan(wrong) ? value >= 0.0 && value <= 1.0 : value == (misses ? wrong : 1.0));
    }
    json_decref(tree);
}

static void each_rewarder_scores_once_while_trees_grow(void **state)
{
    (void)state;
    command_write("set.jsonl",
                  "{\"prompt\":\"How many?\\n\\n\",\"completions\":[\"a\",\"b\"],\"labels\":[true,"
                  "false]}\n");
    command_expect(
        "$T train prm set.jsonl --new --shape width=32 --shape n_layers=1 --shape n_heads=2 "
        "--shape "
        "n_kv_heads=2 --shape head_dim=16 --shape ffn_width=32 --epochs 1 --out prm --quiet",
        0);
    grow_with("prm:prm", "prm", (double)NAN, 0);
    grow_with("judge:@,model=m", "judge", -1.0, 3);
    /* two rollouts of each first step; ends are graded alone */
    grow_with("rollout:@,model=m,rollouts=2", "rollout", 0.0, 4);
    grow_with("kind: consensus\nmembers:\n  - {kind: judge, where: '@', model: m}\n"
              "  - {kind: rollout, where: '@', model: m, rollouts: 2}\n",
              "consensus", -1.0, 7);
}

#define MC                                                                                         \
    "{\"question\":\"p\",\"final_answer\":\"6\",\"reasoning_steps\":{\"text\":\"p\",\"mc_value\":" \
    "0.5,\"children\":[{\"text\":\"a\",\"mc_value\":0.25,\"children\":[]}]}}\n"

static void trees_of_others_come_in_and_go_out(void **state)
{
    (void)state;
    command_write("mc.jsonl", MC MC);
    command_expect("$T tree import mc.jsonl", 0);
    command_expect_text(command_out,
                        "\"rewarder\":\"monte-carlo\",\"meaning\":\"solvable\",\"value\":0.25");
    command_write("own.jsonl", command_out);
    command_expect("$T tree import own.jsonl -w other --set own", 0);
    command_expect_text(command_out, "2 trees of 1 problems, 4 nodes");
    command_expect("$T tree import own.jsonl -w other --set own", 0);
    command_expect_text(command_out, "has imported these files");
    command_expect("$T tree show 1 -w other -f omegaprm", 0);
    command_expect_text(command_out, "\"text\":\"a\",\"mc_value\":0.25");
    command_expect("$T tree import mc.jsonl -w other --set own", 4);
}

/* Their leaves are graded, since nobody else says which answers are right. */
static void answers_of_others_are_graded(void **state)
{
    (void)state;
    command_write(
        "ends.jsonl",
        "{\"question\":\"What is "
        "2*3?\",\"final_answer\":\"6\",\"reasoning_steps\":{\"text\":\"What "
        "is 2*3?\",\"mc_value\":0.5,\"children\":[{\"text\":\"2*3 is 23.\",\"mc_value\":0.0,"
        "\"children\":[{\"text\":\"The answer is "
        "23.\",\"mc_value\":0.0,\"children\":[]}]},{\"text\":"
        "\"2*3 is 3+3.\",\"mc_value\":1.0,\"children\":[{\"text\":\"The answer is 6.\","
        "\"mc_value\":1.0,\"children\":[]}]}]}}\n");
    command_expect("$T tree import ends.jsonl -w ends --set ends", 0);
    command_expect_text(command_err, "2 answers graded: 1 right, 1 wrong, 0 undecided");
    command_expect("$T tree import ends.jsonl -w silent --set ends --quiet", 0);
    assert_string_equal(command_err, "");
    command_expect("$T tree list -w ends --solved yes", 0);
    command_expect_text(command_out, "1 of 1 trees");
    command_expect("$T thought derive -w ends --json", 0);
    command_expect_text(command_out, "\"journeys that go back\": 1");
    command_expect("$T thought derive -w ends --kind journey", 0);
    command_expect("$T tree import ends.jsonl", 0);
    command_expect_text(command_out,
                        "\"rewarder\":\"verifier\",\"meaning\":\"solvable\",\"value\":0");
    command_expect_text(command_err, "2 answers graded: 1 right, 1 wrong, 0 undecided");
}

#define Z32  "00000000000000000000000000000000"
#define Z128 Z32 Z32 Z32 Z32
#define NODE(parent, text, terminal)                                                               \
    "{\"parent\":" parent ",\"order\":0,\"text\":\"" text                                          \
    "\",\"key\":\"\",\"ids\":[],\"logprobs\":[],"                                                  \
    "\"draw\":\"0\",\"state\":\"" Z128                                                             \
    "\",\"valid\":null,\"solvable\":null,\"terminal\":" terminal                                   \
    ",\"correct\":false,\"pruned\":false,\"n_duplicates\":0}"

/* As of the released trees, which have no answers: they come in, the answer is added, they come in.
 */
static void an_answer_that_was_added_is_graded_by(void **state)
{
    (void)state;
    command_write(
        "added.jsonl",
        "{\"tree_version\":1,\"task\":\"mathematics\",\"problem\":1,\"seed\":\"1\","
        "\"stream\":\"1\",\"prompt_ids\":[],\"first\":\"" Z128
        "\",\"question\":\"What is 2*3?\",\"answer\":\"6\",\"rewards\":[],\"nodes\":[" NODE(
            "null", "", "false") "," NODE("0", "So 2*3 = 6, done.", "true") "]}\n");
    command_expect("$T tree import added.jsonl", 0);
    command_expect_text(command_err, "1 answers graded: 1 right, 0 wrong, 0 undecided");
    command_expect_text(command_out, "\"correct\":true");
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    command_write("two.jsonl",
                  "{\"tree_version\":1,\"task\":\"mathematics\",\"problem\":1,\"seed\":\"1\","
                  "\"stream\":\"1\",\"question\":\"p\",\"first\":\"00\",\"prompt_ids\":[],"
                  "\"nodes\":[1],\"rewards\":[]}");
    command_expect("$T tree import two.jsonl", 1);
    command_expect_text(command_err, "two.jsonl:1: first: expected 128");
    command_expect("$T tree import none.jsonl", 3);
    command_expect("$T tree grow --task math -m none.gguf p", 3);
    command_expect_text(command_err, "there is no model none.gguf");
    command_expect("$T tree import two.jsonl --from nothing", 2);
    command_expect("$T tree grow --task math --method puct --rounds 0 -m x 'p'", 2);
    command_expect_text(command_err, "puct needs a bound");
    command_expect("$T tree grow --task math --method magic 'p'", 2);
    command_expect("$T tree grow --answer 6 'Use 3 4 to make 12.'", 2);
    expect_with_server("tree grow --task math --rewarder verifier 'p'", 2);
    command_expect_text(command_err, "--rewarder verifier");
    expect_with_server("tree grow --task math --steps tokens 'p'", 2);
    expect_with_server("tree grow --task math --prompt nothing 'p'", 2);
    command_expect("$T tree grow --task math '{\"question\":3}'", 1);
    command_expect_text(command_err, "problem 1: a problem in JSON has no text");
    assert_int_equal(n_asked, 0);
}

static int enter(void **state)
{
    (void)state;
    return command_begin("cli-tree");
}

static int leave(void **state)
{
    (void)state;
    return command_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_grow_by_a_server),
        cmocka_unit_test(a_set_grows_once),
        cmocka_unit_test(each_rewarder_scores_once_while_trees_grow),
        cmocka_unit_test(trees_of_others_come_in_and_go_out),
        cmocka_unit_test(answers_of_others_are_graded),
        cmocka_unit_test(an_answer_that_was_added_is_graded_by),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
