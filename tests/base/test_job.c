/* A job may be missing in any of its parts; a cancel asked for in another thread or a signal
 * handler is seen. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/job.h"

typedef struct record {
    size_t n_progress, n_lines;
    uint64_t done;
    char line[4096];
} record;

static void on_progress(void *ctx, const char *what, uint64_t done, uint64_t total,
                        const char *unit, const char *note)
{
    record *r = ctx;
    assert_string_equal(what, "counting");
    assert_string_equal(unit, "sheep");
    assert_null(note);
    assert_int_equal(total, 9);
    r->done = done;
    r->n_progress++;
}

static void on_log(void *ctx, const char *line)
{
    record *r = ctx;
    assert_true(strlen(line) < sizeof r->line);
    memcpy(r->line, line, strlen(line) + 1);
    r->n_lines++;
}

static void a_job_without_parts_is_silent(void **state)
{
    (void)state;
    const tj_job empty = {.progress = NULL};
    const tj_job *const jobs[] = {NULL, &empty};
    for (size_t i = 0; i < 2; i++) {
        tj_job_progress(jobs[i], "counting", 1, 9, "sheep", NULL);
        tj_job_log(jobs[i], "%s", "unheard");
        assert_false(tj_job_cancelled(jobs[i]));
        assert_int_equal(tj_job_check(jobs[i], NULL), TJ_OK);
    }
}

static void progress_and_lines_arrive(void **state)
{
    (void)state;
    record r = {.n_lines = 0};
    const tj_job job = {.progress = on_progress, .log = on_log, .ctx = &r};
    tj_job_progress(&job, "counting", UINT64_MAX, 9, "sheep", NULL);
    assert_int_equal(r.n_progress, 1);
    assert_true(r.done == UINT64_MAX);
    tj_job_log(&job, "%d of %s", 3, "x");
    assert_string_equal(r.line, "3 of x");
    char big[6000];
    memset(big, 'y', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    tj_job_log(&job, "%s", big); /* cut, not overrun */
    assert_int_equal(r.n_lines, 2);
    assert_memory_equal(r.line, big, strlen(r.line));
    assert_true(strlen(r.line) > 1000);
}

static void *ask(void *cancel)
{
    tj_cancel_ask(cancel);
    return NULL;
}

static void asked_in_another_thread_is_seen(void **state)
{
    (void)state;
    tj_cancel cancel = {.asked = 0};
    const tj_job job = {.cancel = &cancel};
    tj_err err;
    pthread_t thread;
    assert_int_equal(tj_job_check(&job, &err), TJ_OK);
    assert_int_equal(pthread_create(&thread, NULL, ask, &cancel), 0);
    while (!tj_job_cancelled(&job)) { /* ends when the other thread has run */
    }
    pthread_join(thread, NULL);
    assert_int_equal(tj_job_check(&job, &err), TJ_E_CANCELLED);
    assert_int_equal(err.code, TJ_E_CANCELLED);
    assert_int_equal(tj_job_check(&job, NULL), TJ_E_CANCELLED); /* stays asked */
}

static tj_cancel signalled;

static void on_signal(int number)
{
    (void)number;
    tj_cancel_ask(&signalled);
}

static void asked_in_a_signal_handler_is_seen(void **state)
{
    (void)state;
    const tj_job job = {.cancel = &signalled};
    signal(SIGUSR1, on_signal);
    assert_false(tj_job_cancelled(&job));
    raise(SIGUSR1);
    assert_true(tj_job_cancelled(&job));
}

static void clocks_go_forward(void **state)
{
    (void)state;
    double a = tj_clock_seconds();
    double b = tj_clock_seconds();
    assert_true(b >= a);
    assert_true(tj_clock_unix_us() > (int64_t)1700000000 * 1000000); /* after 2023 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_without_parts_is_silent),
        cmocka_unit_test(progress_and_lines_arrive),
        cmocka_unit_test(asked_in_another_thread_is_seen),
        cmocka_unit_test(asked_in_a_signal_handler_is_seen),
        cmocka_unit_test(clocks_go_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
