/* 'reward score' from outside, with a judge behind a scripted server: verdicts become rewards; a
 * program that is killed, or stopped, in the midst goes on and pays for no answer twice; a judge
 * that talks nonsense, never answers, or dies half-way is told of, and nothing is lost; solutions
 * in a file are scored line by line. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <jansson.h>

#include "support/command.h"
#include "support/http_script.h"
#include "support/word_trees.h"

/* ------------------------------------------------------------------ the server */

enum { SENSE, NONSENSE, SILENCE, RESETS };

typedef struct judge {
    http_script server;
    atomic_int mode;
    atomic_size_t n_answered;
    atomic_size_t signal_at; /* the request, from 1, at which… */
    atomic_int signal;       /* …this is sent, */
    atomic_int child;        /* to this process */
} judge;

static const char *verdict_on(const char *body)
{
    const char *step = strstr(body, "<next_step>");
    return step == NULL                   ? "what step?"
           : strstr(step, "good") != NULL ? "{\\\"reason\\\": \\\"it holds\\\", \\\"verdict\\\": 1}"
           : strstr(step, "wrong") != NULL ? "{\\\"reason\\\": \\\"it does not\\\", "
                                             "\\\"verdict\\\": -1}"
                                           : "{\\\"verdict\\\": 0, \\\"reason\\\": \\\"hm\\\"}";
}

static void answer(void *ctx, const http_request *request)
{
    judge *j = ctx;
    char body[1024];
    char byte;
    int mode = atomic_load(&j->mode);
    if (request->index + 1 == atomic_load(&j->signal_at)) {
        (void)kill(atomic_load(&j->child), atomic_load(&j->signal));
    }
    if (mode == SILENCE) { /* until the client has gone */
        while (recv(request->fd, &byte, 1, 0) > 0) {
        }
        return;
    }
    if (mode == RESETS) {
        http_reset(request->fd);
        return;
    }
    (void)snprintf(body, sizeof body,
                   "{\"choices\": [{\"index\": 0, \"finish_reason\": \"stop\", \"message\": "
                   "{\"role\": \"assistant\", \"content\": \"%s\"}}], \"usage\": "
                   "{\"prompt_tokens\": 100, \"completion_tokens\": 10, \"total_tokens\": 110}}",
                   mode == NONSENSE ? "I think it is right." : verdict_on(request->body));
    http_answer(request->fd, 200, "Content-Type: application/json\r\n", body);
    atomic_fetch_add(&j->n_answered, 1);
}

static void start(judge *j, int mode)
{
    memset(j, 0, sizeof *j);
    atomic_store(&j->mode, mode);
    http_script_start(&j->server, answer, j);
}

/* ------------------------------------------------------------------ the program */

/* Runs it with the arguments, whose %s is the server's URL. */
static void expect(judge *j, const char *arguments, int status)
{
    char line[2048];
    const char *at = strstr(arguments, "%s");
    int n = at == NULL ? (int)strlen(arguments) : (int)(at - arguments);
    (void)snprintf(line, sizeof line, "exec $T %.*s%s%s", n, arguments,
                   at == NULL ? "" : j->server.url, at == NULL ? "" : at + 2);
    int got = command_run_as(&j->child, line);
    if (got != status) {
        fail_msg("'%s' gave %d, expected %d:\n%s", arguments, got, status, command_err);
    }
}

static int make_dir(void **state)
{
    (void)state;
    if (command_begin("reward") != 0) {
        return -1;
    }
    word_trees_make("w");
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return command_end();
}

#define ONE_BY_ONE                                                                                 \
    " --remote-set max_in_flight=1 --remote-set max_tries=1 --remote-set backoff_ms=1"             \
    " --remote-set price_input=10 --remote-set price_output=100 --piece 4"
#define SCORE "reward score -w w -r judge:%s,model=m,name=judge-a" ONE_BY_ONE

static void expect_all(void)
{
    command_expect_text(command_out, "trees       3 with 15 steps\n");
    command_expect_text(command_out, "judged      15, of them 0 failed\n");
    command_expect_text(command_out, "values      6 right (1), 3 neither (0), 6 wrong (-1)\n");
    command_expect_text(command_out, "asked       15 times\n");
    command_expect_text(command_out, "cost        1650 tokens, ");
    command_expect_text(command_out, " 0.030000 in money"); /* 15 (100 * 10 + 10 * 100) / 10^6 */
    command_expect("$T ledger verify -w w", 0);
}

/* ------------------------------------------------------------------ tests */

static void verdicts_become_rewards(void **state)
{
    judge j;
    (void)state;
    start(&j, SENSE);
    expect(&j, SCORE, 0);
    expect_all();
    assert_int_equal(j.server.n_requests, 15);
    expect(&j, SCORE " --json", 0);
    command_expect_text(command_out, "\"was_done\": true");
    assert_int_equal(j.server.n_requests, 15);
    command_expect("$T tree list -w w --rewarder judge-a --min-reward 1 --json", 0);
    command_expect_text(command_out, "\"mean\": 0.0");
    http_script_stop(&j.server);
}

/* Killed while its n-th question is being answered: what came before is not asked again. */
static void a_killed_program_goes_on_and_pays_nothing_twice(void **state)
{
    static const struct {
        size_t at;
        int signal, status;
    } cases[] = {{1, SIGKILL, 128 + SIGKILL},
                 {6, SIGKILL, 128 + SIGKILL},
                 {15, SIGKILL, 128 + SIGKILL},
                 {7, SIGINT, 130}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        judge j;
        start(&j, SENSE);
        atomic_store(&j.signal, cases[i].signal);
        atomic_store(&j.signal_at, cases[i].at);
        expect(&j, SCORE, cases[i].status);
        expect(&j, SCORE, 0);
        expect_all();
        /* the question under way may have been answered to nobody */
        assert_true(j.server.n_requests <= WORD_TREES_STEPS + 1);
        http_script_stop(&j.server);
    }
}

static void nonsense_is_recorded_and_never_guessed(void **state)
{
    judge j;
    (void)state;
    start(&j, NONSENSE);
    expect(&j, SCORE, 0);
    command_expect_text(command_out, "judged      15, of them 15 failed\n");
    command_expect_text(command_out, "no answer of 3 could be used; the last: it is not JSON");
    command_expect_text(command_out, "values      0 right (1), 0 neither (0), 0 wrong (-1)\n");
    command_expect_text(command_out, "asked       45 times\n");
    command_expect("$T ledger verify -w w", 0);
    http_script_stop(&j.server);
}

static void a_judge_that_is_gone_is_told_of_and_waited_for(void **state)
{
    static const struct {
        int mode;
        const char *message;
    } cases[] = {{SILENCE, "/chat/completions: "}, {RESETS, "/chat/completions: "}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        judge j;
        start(&j, cases[i].mode);
        expect(&j, SCORE " --remote-set timeout_ms=150", 1);
        command_expect_text(command_err, cases[i].message);
        command_expect_text(command_err,
                            "0 of 15 steps have a judgement; the same command goes on");
        atomic_store(&j.mode, SENSE);
        expect(&j, SCORE " --remote-set timeout_ms=20000", 0); /* with more patience */
        expect_all();
        assert_int_equal(j.n_answered, 15);
        http_script_stop(&j.server);
    }
}

static void solutions_in_a_file_are_scored(void **state)
{
    static const struct {
        const char *line, *message;
    } bad[] = {{"[]", "bad.jsonl:2: expected an object"},
               {"{\"steps\": []}", "bad.jsonl:2: problem: expected a text"},
               {"{\"problem\": \"p\"}", "bad.jsonl:2: steps: expected a list of texts"},
               {"{\"problem\": \"p\", \"steps\": [\"a\", 1]}", "bad.jsonl:2: steps[1]"},
               {"{\"problem\": \"p\", \"steps\": [], \"answer\": 4}", "bad.jsonl:2: answer"},
               {"{\"problem\": ", "bad.jsonl:3: not JSON"}};
    judge j;
    (void)state;
    start(&j, SENSE);
    command_write("in.jsonl",
                  "{\"problem\": \"p\", \"steps\": [\"a good one\", \"a wrong one\"], \"id\": 7}\n"
                  "{\"problem\": \"q\", \"answer\": null, \"steps\": []}\n");
    expect(&j, "reward score -i in.jsonl -r judge:%s,model=m --cache answers", 0);
    command_expect_text(command_err, "2 solutions; 0 steps without a score");
    json_t *json = json_loads(command_out, JSON_DISABLE_EOF_CHECK, NULL);
    const json_t *scores = json_object_get(json, "scores");
    assert_int_equal(json_integer_value(json_object_get(json, "id")), 7);
    assert_int_equal(json_array_size(scores), 2);
    assert_true(json_real_value(json_object_get(json_array_get(scores, 0), "value")) == 1.0);
    assert_true(json_real_value(json_object_get(json_array_get(scores, 1), "value")) == -1.0);
    json_decref(json);
    size_t n = j.server.n_requests;
    expect(&j, "reward score -i in.jsonl -r judge:%s,model=m --cache answers", 0);
    assert_int_equal(j.server.n_requests, n); /* paid for already */
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char lines[256];
        (void)snprintf(lines, sizeof lines, "{\"problem\": \"p\", \"steps\": []}\n%s\n",
                       bad[i].line);
        command_write("bad.jsonl", lines);
        expect(&j, "reward score -i bad.jsonl -r judge:%s,model=m", 1);
        command_expect_text(command_err, bad[i].message);
    }
    http_script_stop(&j.server);
}

static void what_cannot_be_done_is_said(void **state)
{
    (void)state;
    command_expect("$T reward score -w w", 2);
    command_expect_text(command_err, "--rewarder");
    command_expect("$T reward score -r constant", 2);
    command_expect_text(command_err, "--workspace DIR, or --input FILE");
    command_expect("$T reward score -w w -r wishing", 2);
    command_expect_text(command_err, "'wishing' is none of");
    command_expect("$T reward score -w w -r constant --tree x", 2);
    command_expect("$T reward score -w w -r constant --tree 99", 3);
    command_expect("$T reward score -w nowhere -r constant", 3);
    command_expect("$T reward score -w w -r constant,value=0.25", 0);
    command_expect_text(command_out, "values      mean 0.2500");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(verdicts_become_rewards, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_killed_program_goes_on_and_pays_nothing_twice, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(nonsense_is_recorded_and_never_guessed, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(a_judge_that_is_gone_is_told_of_and_waited_for, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(solutions_in_a_file_are_scored, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_cannot_be_done_is_said, make_dir, remove_dir)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
