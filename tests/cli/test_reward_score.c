/* 'reward score' from outside, with a judge behind a scripted server: verdicts become rewards; a
 * program that is killed, or stopped, in the midst goes on and pays for no answer twice; a judge
 * that talks nonsense, never answers, or dies half-way is told of, and nothing is lost; solutions in
 * a file are scored line by line. */
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "support/folder.h"
#include "support/http_script.h"
#include "support/word_trees.h"

static char dir[64];

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
    return step == NULL                  ? "what step?"
           : strstr(step, "good") != NULL  ? "{\\\"reason\\\": \\\"it holds\\\", \\\"verdict\\\": 1}"
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

/* Runs it with the arguments, whose %s is the server's URL; its output is in `out` and `err`. */
static int run(judge *j, const char *arguments)
{
    char url[64];
    char with[2048];
    char command[4096];
    (void)snprintf(url, sizeof url, "%s", j == NULL ? "" : j->server.url);
    const char *at = strstr(arguments, "%s");
    int n = at == NULL ? (int)strlen(arguments) : (int)(at - arguments);
    (void)snprintf(with, sizeof with, "%.*s%s%s", n, arguments, at == NULL ? "" : url,
                   at == NULL ? "" : at + 2);
    (void)snprintf(command, sizeof command, "exec '%s' %s >%s/out 2>%s/err </dev/null", TJ_PROGRAM,
                   with, dir, dir);
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    if (j != NULL) {
        atomic_store(&j->child, child);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char *slurp(const char *name)
{
    char path[128];
    char *text = NULL;
    size_t n;
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(tj_fs_read(&text, &n, path, (size_t)1 << 24, NULL), TJ_OK);
    return text;
}

static void expect(judge *j, const char *arguments, int status)
{
    int got = run(j, arguments);
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

static void spit(const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(tj_fs_write(path, text, strlen(text), NULL), TJ_OK);
}

static int make_dir(void **state)
{
    (void)state;
    if (folder_make(dir, "reward") != 0 || chdir(dir) != 0) {
        return -1;
    }
    word_trees_make("w");
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return chdir("/") == 0 ? folder_remove(dir) : -1;
}

#define ONE_BY_ONE                                                                                 \
    " --remote-set max_in_flight=1 --remote-set max_tries=1 --remote-set backoff_ms=1"             \
    " --remote-set price_input=10 --remote-set price_output=100 --piece 4"
#define SCORE "reward score -w w -r judge:%s,model=m,name=judge-a" ONE_BY_ONE

static void expect_all(void)
{
    expect_text("out", "trees       3 with 15 steps\n");
    expect_text("out", "judged      15, of them 0 failed\n");
    expect_text("out", "values      6 right (1), 3 neither (0), 6 wrong (-1)\n");
    expect_text("out", "asked       15 times\n");
    expect_text("out", "cost        1650 tokens, ");
    expect_text("out", " 0.030000 in money"); /* 15 (100 * 10 + 10 * 100) / 10^6 */
    expect(NULL, "ledger verify -w w", 0);
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
    expect_text("out", "\"was_done\": true");
    assert_int_equal(j.server.n_requests, 15);
    expect(NULL, "tree list -w w --rewarder judge-a --min-reward 1 --json", 0);
    expect_text("out", "\"mean\": 0.0");
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
    expect_text("out", "judged      15, of them 15 failed\n");
    expect_text("out", "no answer of 3 could be used; the last: it is not JSON");
    expect_text("out", "values      0 right (1), 0 neither (0), 0 wrong (-1)\n");
    expect_text("out", "asked       45 times\n");
    expect(NULL, "ledger verify -w w", 0);
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
        expect_text("err", cases[i].message);
        expect_text("err", "0 of 15 steps have a judgement; the same command goes on");
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
    spit("in.jsonl", "{\"problem\": \"p\", \"steps\": [\"a good one\", \"a wrong one\"], \"id\": 7}\n"
                     "{\"problem\": \"q\", \"answer\": null, \"steps\": []}\n");
    expect(&j, "reward score -i in.jsonl -r judge:%s,model=m --cache answers", 0);
    expect_text("err", "2 solutions; 0 steps without a score");
    char *text = slurp("out");
    json_t *json = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
    const json_t *scores = json_object_get(json, "scores");
    assert_int_equal(json_integer_value(json_object_get(json, "id")), 7);
    assert_int_equal(json_array_size(scores), 2);
    assert_true(json_real_value(json_object_get(json_array_get(scores, 0), "value")) == 1.0);
    assert_true(json_real_value(json_object_get(json_array_get(scores, 1), "value")) == -1.0);
    json_decref(json);
    tj_free(text);
    size_t n = j.server.n_requests;
    expect(&j, "reward score -i in.jsonl -r judge:%s,model=m --cache answers", 0);
    assert_int_equal(j.server.n_requests, n); /* paid for already */
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char lines[256];
        (void)snprintf(lines, sizeof lines, "{\"problem\": \"p\", \"steps\": []}\n%s\n",
                       bad[i].line);
        spit("bad.jsonl", lines);
        expect(&j, "reward score -i bad.jsonl -r judge:%s,model=m", 1);
        expect_text("err", bad[i].message);
    }
    http_script_stop(&j.server);
}

static void what_cannot_be_done_is_said(void **state)
{
    (void)state;
    expect(NULL, "reward score -w w", 2);
    expect_text("err", "--rewarder");
    expect(NULL, "reward score -r constant", 2);
    expect_text("err", "--workspace DIR, or --input FILE");
    expect(NULL, "reward score -w w -r wishing", 2);
    expect_text("err", "'wishing' is none of");
    expect(NULL, "reward score -w w -r constant --tree x", 2);
    expect(NULL, "reward score -w w -r constant --tree 99", 3);
    expect(NULL, "reward score -w nowhere -r constant", 3);
    expect(NULL, "reward score -w w -r constant,value=0.25", 0);
    expect_text("out", "values      mean 0.2500");
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
