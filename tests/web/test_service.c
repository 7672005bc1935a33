/* The service without HTTP, through its public header: what it gives is what the engine gives to
 * the same request alone, whatever else runs; scores are the engine's own; who leaves, waits too
 * long or comes too late is told so. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/job.h"
#include "served.h"

/* ------------------------------------------------------------ a sink that waits */

typedef struct copy { /* of a continuation */
    int32_t ids[512];
    float logprobs[512];
    size_t n_ids;
    char text[4096];
    tj_finish finish;
} copy;

typedef struct listener {
    pthread_mutex_t mu;
    pthread_cond_t told;
    bool done;
    tj_code rc;
    tj_err err;
    size_t n_progress, n_prompt, n_cached, n_generated;
    copy choices[8];
    size_t n_choices;
    float scores[512]; /* of the first prompt */
    int32_t top_ids[512];
} listener;

static void on_progress(void *ctx, const tj_reply *reply)
{
    listener *l = ctx;
    (void)pthread_mutex_lock(&l->mu);
    l->n_progress++;
    l->n_generated = reply->n_generated;
    (void)pthread_cond_signal(&l->told);
    (void)pthread_mutex_unlock(&l->mu);
}

static void on_done(void *ctx, const tj_reply *reply, tj_code rc, const tj_err *err)
{
    listener *l = ctx;
    (void)pthread_mutex_lock(&l->mu);
    l->done = true;
    l->rc = rc;
    l->err = *err;
    l->n_prompt = reply->n_prompt_tokens;
    l->n_cached = reply->n_cached;
    l->n_generated = reply->n_generated;
    l->n_choices = reply->n_choices;
    for (size_t i = 0; i < reply->n_choices && i < 8; i++) {
        const tj_choice *c = &reply->choices[i];
        copy *to = &l->choices[i];
        to->n_ids = c->gen.n_ids;
        for (size_t t = 0; t < c->gen.n_ids; t++) {
            to->ids[t] = c->gen.ids[t];
            to->logprobs[t] = c->gen.logprobs[t];
        }
        (void)snprintf(to->text, sizeof to->text, "%s", tj_buf_text(&c->text));
        to->finish = c->finish;
    }
    for (size_t t = 0; reply->request->scores && t < reply->scores[0].n_done; t++) {
        l->scores[t] = reply->scores[0].logprobs[t];
        l->top_ids[t] =
            reply->request->n_top > 0 ? reply->scores[0].top_ids[t * reply->request->n_top] : -1;
    }
    (void)pthread_cond_signal(&l->told);
    (void)pthread_mutex_unlock(&l->mu);
}

static void listen_to(listener *l)
{
    memset(l, 0, sizeof *l);
    (void)pthread_mutex_init(&l->mu, NULL);
    (void)pthread_cond_init(&l->told, NULL);
}

static void wait_done(listener *l)
{
    (void)pthread_mutex_lock(&l->mu);
    while (!l->done) {
        (void)pthread_cond_wait(&l->told, &l->mu);
    }
    (void)pthread_mutex_unlock(&l->mu);
}

static void wait_progress(listener *l)
{
    (void)pthread_mutex_lock(&l->mu);
    while (l->n_progress == 0 && !l->done) {
        (void)pthread_cond_wait(&l->told, &l->mu);
    }
    (void)pthread_mutex_unlock(&l->mu);
}

/* ------------------------------------------------------------ helpers */

static served s;

static tj_request ask(const char *prompt, size_t n_samples, uint64_t seed, size_t max_tokens)
{
    tj_request r = {.n_prompts = 1,
                    .n_samples = n_samples,
                    .sampling = {.temperature = 1.0, .top_p = 1.0},
                    .seed = seed,
                    .max_tokens = max_tokens};
    r.prompts = tj_calloc(1, sizeof *r.prompts);
    assert_int_equal(tj_tokenizer_encode(s.tok, &r.prompts[0], prompt, strlen(prompt), false, NULL),
                     TJ_OK);
    return r;
}

static tj_service *start(const tj_service_config *cfg)
{
    tj_service *service = NULL;
    tj_err err;
    if (tj_service_create(&service, cfg, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return service;
}

static tj_ticket submit(tj_service *service, tj_request *r, listener *l)
{
    tj_ticket ticket = 0;
    tj_err err;
    listen_to(l);
    if (tj_service_submit(service, &ticket, r, &(tj_sink){on_progress, on_done, l}, &err) !=
        TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return ticket;
}

/* The same by the engine alone. */
static void sample_alone(copy *out, const char *prompt, uint64_t seed, size_t sample,
                         size_t max_tokens)
{
    tj_request r = ask(prompt, 1, seed, max_tokens);
    tj_gen gen = {.sampling = r.sampling,
                  .seed = seed,
                  .node = sample,
                  .max_tokens = max_tokens,
                  .branch = TJ_NO_BRANCH};
    assert_int_equal(tj_engine_root(s.engine, &gen.branch, r.prompts[0].ids, r.prompts[0].n, NULL),
                     TJ_OK);
    assert_int_equal(tj_engine_generate(s.engine, &gen, 1, NULL, NULL), TJ_OK);
    out->n_ids = gen.n_ids;
    for (size_t t = 0; t < gen.n_ids; t++) {
        out->ids[t] = gen.ids[t];
        out->logprobs[t] = gen.logprobs[t];
    }
    tj_engine_drop(s.engine, gen.branch);
    tj_gen_deinit(&gen);
    tj_request_deinit(&r);
}

static void same(const copy *a, const copy *b)
{
    assert_int_equal(a->n_ids, b->n_ids);
    assert_memory_equal(a->ids, b->ids, a->n_ids * sizeof *a->ids);
    assert_memory_equal(a->logprobs, b->logprobs, a->n_ids * sizeof *a->logprobs);
}

/* ------------------------------------------------------------ tests */

static void samples_are_the_engines_whatever_else_runs(void **state)
{
    (void)state;
    static listener l[6];
    static copy alone[6][2];
    const char *prompts[] = {"Once upon a time", "Once upon a hill", "Why?"};
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < 2; k++) {
            sample_alone(&alone[i][k], prompts[i % 3], 10 + i, k, 20 + 7 * i);
        }
    }
    tj_service_config cfg = s.cfg;
    cfg.max_running = 6; /* so that some wait */
    tj_service *service = start(&cfg);
    for (size_t i = 0; i < 6; i++) {
        tj_request r = ask(prompts[i % 3], 2, 10 + i, 20 + 7 * i);
        (void)submit(service, &r, &l[i]);
    }
    for (size_t i = 0; i < 6; i++) {
        wait_done(&l[i]);
        assert_int_equal(l[i].rc, TJ_OK);
        assert_int_equal(l[i].n_choices, 2);
        for (size_t k = 0; k < 2; k++) {
            same(&l[i].choices[k], &alone[i][k]);
        }
        assert_int_equal(l[i].n_generated, l[i].choices[0].n_ids + l[i].choices[1].n_ids);
    }
    tj_service_destroy(service);
}

static void a_prompt_that_was_there_is_cached(void **state)
{
    (void)state;
    static listener first, again;
    tj_service *service = start(&s.cfg);
    tj_request r = ask("The same beginning, then one", 1, 1, 5);
    (void)submit(service, &r, &first);
    wait_done(&first);
    r = ask("The same beginning, then two", 1, 1, 5);
    (void)submit(service, &r, &again);
    wait_done(&again);
    assert_int_equal(first.n_cached, 0);
    assert_in_range(again.n_cached, 5, again.n_prompt - 1);
    tj_service_destroy(service);
}

static void scores_are_the_engines(void **state)
{
    (void)state;
    static listener l;
    const char *text =
        "A text that is long enough to be read in more than one piece, since a piece "
        "has no more than two hundred and fifty-six tokens and this text, as it is "
        "spelled by a vocabulary of six hundred, needs a few more of them than that, "
        "which the first assertion below makes sure of before anything is compared, "
        "for a test that proves less than it says is worse than no test at all; and "
        "so it goes on and on, word by word, until it is really long enough for it.";
    float want[512];
    float want_top_logprobs[512];
    int32_t want_top[512];
    tj_branch branch;
    tj_request r = ask(text, 1, 1, 0);
    size_t n = r.prompts[0].n;
    assert_in_range(n, 258, 511);
    assert_int_equal(tj_engine_root(s.engine, &branch, r.prompts[0].ids, n, NULL), TJ_OK);
    assert_int_equal(
        tj_engine_score_top(s.engine, branch, 1, n, want, 1, want_top, want_top_logprobs, NULL),
        TJ_OK);
    tj_engine_drop(s.engine, branch);
    tj_service *service = start(&s.cfg);
    for (size_t n_top = 0; n_top < 2; n_top++) { /* the second time it is cached */
        r.scores = true;
        r.n_top = n_top;
        (void)submit(service, &r, &l);
        wait_done(&l);
        assert_int_equal(l.rc, TJ_OK);
        assert_int_equal(l.n_generated, 0);
        assert_int_equal(l.choices[0].finish, TJ_FINISH_LENGTH);
        assert_memory_equal(l.scores, want, (n - 1) * sizeof *want);
        if (n_top > 0) {
            assert_memory_equal(l.top_ids, want_top, (n - 1) * sizeof *want_top);
        }
        r = ask(text, 1, 1, 0);
    }
    tj_request_deinit(&r);
    tj_service_destroy(service);
}

static void a_full_queue_refuses_and_keeps_the_request_with_its_owner(void **state)
{
    (void)state;
    static listener l[3];
    tj_service_config cfg = s.cfg;
    cfg.max_running = 1;
    cfg.max_queue = 1;
    tj_service *service = start(&cfg);
    tj_request r = ask("one", 1, 1, 400);
    tj_ticket first = submit(service, &r, &l[0]);
    wait_progress(&l[0]);
    r = ask("two", 1, 1, 5);
    (void)submit(service, &r, &l[1]);
    r = ask("three", 1, 1, 5);
    tj_ticket ticket;
    tj_err err;
    tj_code rc =
        tj_service_submit(service, &ticket, &r, &(tj_sink){on_progress, on_done, &l[2]}, &err);
    if (!l[0].done) { /* a model that ends early would have made room */
        assert_int_equal(rc, TJ_E_LIMIT);
        assert_int_equal(r.n_prompts, 1);
    }
    tj_request_deinit(&r);
    tj_service_leave(service, first);
    wait_done(&l[1]);
    assert_int_equal(l[1].rc, TJ_OK);
    tj_service_destroy(service);
}

static void who_leaves_is_told_nothing_more(void **state)
{
    (void)state;
    static listener l;
    tj_service_config cfg = s.cfg;
    tj_service *service = start(&cfg);
    tj_request r = ask("one", 4, 3, 400);
    tj_ticket ticket = submit(service, &r, &l);
    wait_progress(&l);
    tj_service_leave(service, ticket);
    (void)pthread_mutex_lock(&l.mu);
    bool was_done = l.done;
    size_t n = l.n_progress;
    (void)pthread_mutex_unlock(&l.mu);
    while (!tj_service_is_idle(service)) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(l.done, was_done);
    assert_int_equal(l.n_progress, n);
    tj_service_destroy(service);
}

static void time_is_up_where_it_runs_and_where_it_waits(void **state)
{
    (void)state;
    static listener l[2];
    tj_service_config cfg = s.cfg;
    cfg.timeout_s = 1e-6;
    cfg.max_running = 1;
    tj_service *service = start(&cfg);
    for (size_t i = 0; i < 2; i++) {
        tj_request r = ask("one", 1, 1, 400);
        (void)submit(service, &r, &l[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        wait_done(&l[i]);
        assert_int_equal(l[i].rc, TJ_E_CANCELLED);
        assert_non_null(strstr(l[i].err.msg, "seconds"));
    }
    tj_service_destroy(service);
}

static void a_draining_service_ends_what_it_has_and_takes_no_more(void **state)
{
    (void)state;
    static listener l[2];
    tj_service *service = start(&s.cfg);
    tj_request r = ask("one", 1, 1, 30);
    tj_ticket ticket;
    tj_err err;
    (void)submit(service, &r, &l[0]);
    tj_service_drain(service);
    r = ask("two", 1, 1, 5);
    assert_int_equal(
        tj_service_submit(service, &ticket, &r, &(tj_sink){on_progress, on_done, &l[1]}, &err),
        TJ_E_CONFLICT);
    tj_request_deinit(&r);
    wait_done(&l[0]);
    assert_int_equal(l[0].rc, TJ_OK);
    tj_service_destroy(service);
}

static void an_ending_service_tells_who_waits(void **state)
{
    (void)state;
    static listener l;
    tj_service *service = start(&s.cfg);
    tj_request r = ask("one", 2, 5, 400);
    (void)submit(service, &r, &l);
    wait_progress(&l);
    tj_service_destroy(service);
    assert_true(l.done);
    assert_true(l.rc == TJ_E_CANCELLED || l.rc == TJ_OK);
}

static void requests_out_of_range_are_refused(void **state)
{
    (void)state;
    static listener l;
    tj_service *service = start(&s.cfg);
    const tj_sink sink = {on_progress, on_done, &l};
    tj_ticket ticket;
    tj_err err;
    tj_request r = ask("one", 1, 1, 5);
    r.prompts[0].ids[0] = (int32_t)s.cfg.n_vocab;
    assert_int_equal(tj_service_submit(service, &ticket, &r, &sink, &err), TJ_E_INVAL);
    r.prompts[0].ids[0] = 0;
    r.max_tokens = s.cfg.max_tokens + 1;
    assert_int_equal(tj_service_submit(service, &ticket, &r, &sink, &err), TJ_E_INVAL);
    r.max_tokens = 1;
    r.n_top = TJ_MAX_TOP + 1;
    assert_int_equal(tj_service_submit(service, &ticket, &r, &sink, &err), TJ_E_INVAL);
    r.n_top = 0;
    size_t n = r.prompts[0].n;
    r.prompts[0].n = 0;
    assert_int_equal(tj_service_submit(service, &ticket, &r, &sink, &err), TJ_E_INVAL);
    r.prompts[0].n = n;
    tj_request_deinit(&r);
    tj_service_destroy(service);
}

static void failed_allocations_leave_the_request_with_its_owner(void **state)
{
    (void)state;
    static listener l;
    tj_service *service = start(&s.cfg);
    const tj_sink sink = {on_progress, on_done, &l};
    tj_code rc = TJ_E_NOMEM;
    tj_ticket ticket;
    tj_err err;
    tj_service_drain(service); /* so that its thread allocates nothing meanwhile */
    tj_request r = ask("one", 2, 1, 5);
    r.scores = true;
    r.n_top = 2;
    for (size_t k = 0; rc == TJ_E_NOMEM && k < 100; k++) {
        tj_alloc_fail_after(k);
        rc = tj_service_submit(service, &ticket, &r, &sink, &err);
        tj_alloc_fail_after(SIZE_MAX);
        assert_int_equal(r.n_prompts, 1);
    }
    assert_int_equal(rc, TJ_E_CONFLICT);
    tj_request_deinit(&r);
    tj_service_destroy(service);
}

static int open_all(void **state)
{
    (void)state;
    served_open(&s);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    served_close(&s);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_the_engines_whatever_else_runs),
        cmocka_unit_test(a_prompt_that_was_there_is_cached),
        cmocka_unit_test(scores_are_the_engines),
        cmocka_unit_test(a_full_queue_refuses_and_keeps_the_request_with_its_owner),
        cmocka_unit_test(who_leaves_is_told_nothing_more),
        cmocka_unit_test(time_is_up_where_it_runs_and_where_it_waits),
        cmocka_unit_test(a_draining_service_ends_what_it_has_and_takes_no_more),
        cmocka_unit_test(an_ending_service_tells_who_waits),
        cmocka_unit_test(requests_out_of_range_are_refused),
        cmocka_unit_test(failed_allocations_leave_the_request_with_its_owner)};
    return cmocka_run_group_tests(tests, open_all, close_all);
}
