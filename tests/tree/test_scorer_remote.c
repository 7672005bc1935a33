/* Process reward models behind a server on loopback: what each form asks, what is made of its
 * answers, and what becomes of refusals and nonsense: no score, never a guess. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/json.h"
#include "support/http_script.h"
#include "tree/prm_answer.h"
#include "tree/tree.h"

#define STEP_TAG "\xD0\xBA\xD0\xB8"

typedef struct fixture {
    http_script server;
    pthread_mutex_t mu;
    char heads[8][512], bodies[8][2048]; /* of the first requests; guarded by mu */
    const char *answer;                  /* whole body; NULL: tags by the number of steps */
    int status;
    tj_scorer scorer;
} fixture;

static size_t count(const char *text, const char *find)
{
    size_t n = 0;
    for (; (text = strstr(text, find)) != NULL; text++) {
        n++;
    }
    return n;
}

/* P(+) is 0.8 in odd steps and 0.2 in even ones. */
static void answer_tags(const http_request *r, bool chat)
{
    char body[1024];
    bool odd = (chat ? count(r->body, "\"user\"") : count(r->body, STEP_TAG)) % 2 == 1;
    const char *logprobs =
        odd ? "{\"tokens\":[\" +\"],\"token_logprobs\":[-0.2231435513142097],"
              "\"top_logprobs\":[{\" +\":-0.2231435513142097,\" -\":-1.6094379124341003}]}"
            : "{\"tokens\":[\"-\"],\"token_logprobs\":[-0.2231435513142097],"
              "\"top_logprobs\":[{\"-\":-0.2231435513142097,\"+\":-1.6094379124341003}]}";
    (void)snprintf(body, sizeof body,
                   "{\"choices\":[{\"index\":0,\"finish_reason\":\"length\",%s,\"logprobs\":%s}],"
                   "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1}}",
                   chat ? "\"message\":{\"content\":\"+\"}" : "\"text\":\"+\"", logprobs);
    http_answer(r->fd, 200, "Content-Type: application/json\r\n", body);
}

static void serve(void *ctx, const http_request *r)
{
    fixture *f = ctx;
    pthread_mutex_lock(&f->mu);
    if (r->index < 8) {
        (void)snprintf(f->heads[r->index], sizeof f->heads[0], "%s", r->head);
        (void)snprintf(f->bodies[r->index], sizeof f->bodies[0], "%s", r->body);
    }
    pthread_mutex_unlock(&f->mu);
    if (f->answer != NULL) {
        http_answer(r->fd, f->status, "Content-Type: application/json\r\n", f->answer);
    } else {
        answer_tags(r, strstr(r->head, "chat/completions") != NULL);
    }
}

static void begin(fixture *f, const char *format)
{
    char spec[256];
    tj_err err = {.code = TJ_OK};
    memset(f, 0, sizeof *f);
    unsetenv("TABIJI_API_KEY");
    unsetenv("OPENAI_API_KEY");
    f->status = 200;
    pthread_mutex_init(&f->mu, NULL);
    http_script_start(&f->server, serve, f);
    (void)snprintf(spec, sizeof spec,
                   "remote:%s,format=%s,model=m,remote.max_tries=1,remote.max_in_flight=1",
                   f->server.url, format);
    if (tj_scorer_open(&f->scorer, spec, NULL, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
}

static void end(fixture *f)
{
    tj_scorer_close(&f->scorer);
    http_script_stop(&f->server);
    pthread_mutex_destroy(&f->mu);
}

static const char *const steps[] = {"Two and two are four.\n", "Step 2: So it is 5."};
#define N 3
static const tj_score_ask asks[N] = {{.problem = "What?", .steps = steps, .n_steps = 1},
                                     {.problem = "What?", .steps = steps, .n_steps = 2},
                                     {.problem = "What?", .steps = steps, .n_steps = 2}};

static void score(fixture *f, tj_score *out)
{
    tj_err err = {.code = TJ_OK};
    if (f->scorer.score(f->scorer.ctx, out, asks, N, NULL, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
}

static void free_scores(tj_score *out)
{
    for (size_t i = 0; i < N; i++) {
        tj_score_deinit(&out[i]);
    }
}

static void expect_close(double x, double want)
{
    assert_true(x > want - 1e-9 && x < want + 1e-9);
}

static void math_shepherd_is_asked_by_its_tag(void **state)
{
    fixture f;
    tj_score out[N];
    (void)state;
    begin(&f, "math-shepherd");
    score(&f, out);
    expect_close(out[0].value, 0.8);
    expect_close(out[1].value, 0.2);
    expect_close(out[2].value, 0.2);
    assert_int_equal(f.server.n_requests, 2); /* the same step is asked about once */
    assert_int_equal(out[1].tokens, 11);
    assert_int_equal(out[2].tokens, 0);
    assert_non_null(strstr(f.heads[0], "POST /v1/completions"));
    assert_non_null(
        strstr(f.bodies[0], "\"prompt\":\"What? Step 1: Two and two are four. " STEP_TAG "\""));
    assert_non_null(strstr(f.bodies[1], "four. " STEP_TAG "\\nStep 2: So it is 5. " STEP_TAG "\""));
    assert_non_null(strstr(f.bodies[1], "\"max_tokens\":1"));
    free_scores(out);
    end(&f);
}

static void rlhflow_is_asked_turn_by_turn(void **state)
{
    fixture f;
    tj_score out[N];
    (void)state;
    begin(&f, "rlhflow");
    score(&f, out);
    expect_close(out[0].value, 0.8);
    expect_close(out[1].value, 0.2);
    assert_non_null(strstr(f.heads[0], "POST /v1/chat/completions"));
    assert_non_null(
        strstr(f.bodies[1],
               "\"messages\":[{\"content\":\"What? Two and two are four.\",\"role\":\"user\"},"
               "{\"content\":\"+\",\"role\":\"assistant\"},"
               "{\"content\":\"Step 2: So it is 5.\",\"role\":\"user\"}]"));
    free_scores(out);
    end(&f);
}

static void qwen_is_asked_once_a_path(void **state)
{
    fixture f;
    tj_score out[N];
    (void)state;
    begin(&f, "qwen");
    f.answer = "{\"data\":[{\"index\":0,\"object\":\"pooling\",\"data\":[[0.25,0.75],[0.9,0.1]]}],"
               "\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":0,\"total_tokens\":30}}";
    score(&f, out);
    expect_close(out[0].value, 0.75);
    expect_close(out[1].value, 0.1);
    expect_close(out[2].value, 0.1);
    assert_int_equal(f.server.n_requests, 1);
    assert_non_null(strstr(f.heads[0], "POST /pooling"));
    assert_non_null(strstr(f.bodies[0], "\"content\":\"Two and two are four.<extra_0>Step 2: So it "
                                        "is 5.<extra_0>\",\"role\":\"assistant\""));
    assert_null(strstr(f.bodies[0], "max_tokens"));
    free_scores(out);
    end(&f);
}

/* What no score can be made of, with words of its reason. */
static void expect_failure(const char *format, const char *answer, int status, const char *words)
{
    fixture f;
    tj_score out[N];
    begin(&f, format);
    f.answer = answer;
    f.status = status;
    score(&f, out);
    for (size_t i = 0; i < N; i++) {
        assert_true(out[i].failed && out[i].error != NULL);
    }
    if (strstr(out[1].error, words) == NULL) {
        fail_msg("'%s' is not in: %s", words, out[1].error);
    }
    free_scores(out);
    end(&f);
}

static void nonsense_is_a_failure_and_no_score(void **state)
{
    static const char other[] =
        "{\"choices\":[{\"index\":0,\"finish_reason\":\"length\",\"text\":\"the\",\"logprobs\":"
        "{\"tokens\":[\"the\"],\"token_logprobs\":[-0.1],\"top_logprobs\":[{\"the\":-0.1}]}}]}";
    (void)state;
    expect_failure("math-shepherd", other, 200, "neither '+' nor '-'");
    expect_failure("math-shepherd", "{\"choices\":[]}", 200, "choices");
    expect_failure("qwen", "{\"data\":[{\"index\":0,\"data\":[[0.5,0.5]]}]}", 200,
                   "1 values for 2 steps");
    expect_failure("qwen", "{\"data\":[{\"index\":0,\"data\":[[0.5,0.9],[0,1]]}]}", 200, "step 1");
    expect_failure("qwen", "{\"data\":[{\"index\":0}]}", 200, "data is missing");
    expect_failure("qwen", "not JSON", 200, "JSON");
    expect_failure("rlhflow", "{\"error\":{\"message\":\"too long\"}}", 400, "too long");
}

static void a_refused_key_ends_the_call(void **state)
{
    fixture f;
    tj_score out[N];
    tj_err err = {.code = TJ_OK};
    (void)state;
    begin(&f, "rlhflow");
    f.answer = "{\"error\":{\"message\":\"no such key\"}}";
    f.status = 401;
    assert_int_equal(f.scorer.score(f.scorer.ctx, out, asks, N, NULL, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "no such key"));
    assert_null(out[0].error);
    end(&f);
}

static void a_step_with_the_mark_in_it_is_not_asked_about(void **state)
{
    static const char *const marked[] = {"a <extra_0> b"};
    const tj_score_ask ask = {.problem = "What?", .steps = marked, .n_steps = 1};
    fixture f;
    tj_score out;
    (void)state;
    begin(&f, "qwen");
    assert_int_equal(f.scorer.score(f.scorer.ctx, &out, &ask, 1, NULL, NULL), TJ_OK);
    assert_true(out.failed);
    assert_non_null(strstr(out.error, "<extra_0>"));
    assert_int_equal(f.server.n_requests, 0);
    tj_score_deinit(&out);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(math_shepherd_is_asked_by_its_tag),
        cmocka_unit_test(rlhflow_is_asked_turn_by_turn),
        cmocka_unit_test(qwen_is_asked_once_a_path),
        cmocka_unit_test(nonsense_is_a_failure_and_no_score),
        cmocka_unit_test(a_refused_key_ends_the_call),
        cmocka_unit_test(a_step_with_the_mark_in_it_is_not_asked_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
