/* Workers answer in order, and whatever ends one costs only the request that it was at: each way to
 * die is tried for real, by a handler that does what the request says. What a worker should answer
 * is worked out here a second time. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/workers.h"

/* ------------------------------------------------------------------ what workers do here */

static tj_code begin(void **state, void *ctx, tj_err *err)
{
    static size_t n_answers; /* of this process */
    *state = &n_answers;
    return ctx == NULL ? TJ_OK : tj_fail(err, TJ_E_INVAL, "%s", (const char *)ctx);
}

static void nap(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

/* What workers and the test both see. */
static struct shared {
    atomic_size_t n_counted;
    atomic_bool released;
} * shared;

/* "=text" is answered with the text twice; everything else is a way to die or a thing to tell. */
static tj_code obey(void *state, tj_buf *out, const char *request, size_t n)
{
    static volatile unsigned spins;
    size_t *n_answers = state;
    ++*n_answers;
    switch (n == 0 ? 0 : request[0]) {
    case '=':
        tj_buf_add(out, request + 1, n - 1);
        tj_buf_add(out, request + 1, n - 1);
        return TJ_OK;
    case 'c': /* what this process answered */
        tj_buf_printf(out, "%zu", *n_answers);
        return TJ_OK;
    case '+':
        atomic_fetch_add(&shared->n_counted, 1);
        return TJ_OK;
    case 'h': /* until the test lets it go */
        while (!atomic_load(&shared->released)) {
            nap(1);
        }
        return TJ_OK;
    case 'p':
        tj_buf_printf(out, "%ld %ld", (long)getpid(), (long)getppid());
        return TJ_OK;
    case 's':
        for (;;) {
            spins = spins + 1;
        }
    case 'w':
        for (;;) {
            nap(1000);
        }
    case 'a':
        abort();
    case 'k':
        (void)raise(SIGKILL);
        return TJ_OK;
    case 'x':
        _exit(0);
    case 'e':
        return TJ_E_NUMERIC;
    case 'n':
        return TJ_E_NOMEM;
    case 'm': /* until it gets no more */
        for (;;) {
            char *block = tj_malloc((size_t)1 << 20);
            if (block == NULL) {
                return TJ_E_NOMEM;
            }
            memset(block, 1, (size_t)1 << 20);
        }
    case 'l':
        for (size_t i = 0; i < 5000; i++) {
            tj_buf_char(out, 'l');
        }
        return TJ_OK;
    case 'o': /* what must not reach the caller's files */
        puts("from a worker");
        (void)fflush(stdout);
        fputs("from a worker\n", stderr);
        return TJ_OK;
    default:
        return TJ_OK;
    }
}

static tj_workers *make_with(size_t n_workers, double cpu_seconds, double wall_seconds)
{
    tj_workers_config config = {.n_workers = n_workers,
                                .max_request_bytes = 300000,
                                .max_response_bytes = 4096,
                                .memory_bytes = (size_t)64 << 20,
                                .cpu_seconds = cpu_seconds,
                                .wall_seconds = wall_seconds,
                                .start = begin,
                                .answer = obey};
    tj_workers *w = NULL;
    tj_err err = {.msg = ""};
    if (tj_workers_create(&w, &config, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return w;
}

/* On a machine with much else to do, the clock goes far ahead of the processor's time. */
static tj_workers *make(size_t n_workers)
{
    return make_with(n_workers, 0.1, 60.0);
}

static void push(tj_workers *w, const char *request)
{
    assert_int_equal(tj_workers_push(w, request, strlen(request), NULL), TJ_OK);
}

static tj_response pull(tj_workers *w)
{
    tj_response r;
    tj_err err = {.msg = ""};
    if (tj_workers_pull(w, &r, NULL, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return r;
}

static void expect(tj_workers *w, const char *text)
{
    tj_response r = pull(w);
    assert_null(r.lost);
    assert_int_equal(r.n, strlen(text));
    assert_memory_equal(r.bytes, text, r.n);
}

static void expect_lost(tj_workers *w, const char *why)
{
    tj_response r = pull(w);
    assert_non_null(r.lost);
    assert_string_equal(r.lost, why);
    assert_int_equal(r.n, 0);
}

/* ------------------------------------------------------------------ properties */

/* Random lengths from nothing to the bound, pushed and pulled in random turns. */
static void responses_come_in_the_order_of_the_requests(void **state)
{
    (void)state;
    for (size_t n_workers = 1; n_workers <= 4; n_workers += 3) {
        tj_workers *w = make(n_workers);
        tj_rng rng;
        tj_rng_init(&rng, 5, n_workers, 0, 0);
        size_t pushed = 0, pulled = 0, total = 3000;
        char text[4096], twice[4096];
        while (pulled < total) {
            bool more = pushed < total && tj_rng_below(&rng, 3) > 0;
            int len = snprintf(text, sizeof text, "=%zu", pushed);
            if (more && tj_workers_has_room(w, (size_t)len)) {
                push(w, text);
                pushed++;
            } else if (tj_workers_pending(w) > 0) {
                snprintf(twice, sizeof twice, "%zu%zu", pulled, pulled);
                expect(w, twice);
                pulled++;
            }
            assert_int_equal(tj_workers_pending(w), pushed - pulled);
        }
        tj_workers_destroy(w);
    }
}

static void requests_may_be_empty_or_as_long_as_the_bound_and_no_longer(void **state)
{
    (void)state;
    tj_workers *w = make(2);
    char *text = tj_malloc(300001);
    assert_non_null(text);
    memset(text, '-', 300001);
    for (size_t i = 0; i < 20; i++) {
        while (!tj_workers_has_room(w, 300000)) {
            expect(w, "");
        }
        assert_int_equal(tj_workers_push(w, text, 300000, NULL), TJ_OK);
        while (!tj_workers_has_room(w, 0)) {
            expect(w, "");
        }
        assert_int_equal(tj_workers_push(w, NULL, 0, NULL), TJ_OK);
    }
    assert_false(tj_workers_has_room(w, 300001));
    assert_int_equal(tj_workers_push(w, text, 300001, NULL), TJ_E_LIMIT);
    while (tj_workers_pending(w) > 0) {
        expect(w, "");
    }
    tj_free(text);
    tj_workers_destroy(w);
}

static void without_room_a_request_is_refused_until_one_is_pulled(void **state)
{
    (void)state;
    tj_workers *w = make(1);
    size_t n = 0;
    while (tj_workers_has_room(w, 2)) {
        push(w, "=a");
        n++;
    }
    assert_int_equal(tj_workers_push(w, "=a", 2, NULL), TJ_E_LIMIT);
    assert_int_equal(tj_workers_pending(w), n);
    while (!tj_workers_has_room(w, 2)) {
        expect(w, "aa");
        n--;
    }
    push(w, "=b");
    for (; n > 0; n--) {
        expect(w, "aa");
    }
    expect(w, "bb");
    tj_workers_destroy(w);
}

static void what_ends_a_worker_loses_its_own_request_alone(void **state)
{
    (void)state;
    static const struct {
        const char *request, *why;
    } deaths[] = {{"spin", "0.1 s of processor time"},    {"abort", "signal 6 ended the worker"},
                  {"kill", "signal 9 ended the worker"},  {"xit", "a failure of the worker"},
                  {"error", "a failure of the worker"},   {"no memory", "memory"},
                  {"long", "a response above 4096 bytes"}};
    for (size_t n_workers = 1; n_workers <= 2; n_workers++) {
        tj_workers *w = make(n_workers);
        for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++) {
            push(w, "=a");
            push(w, deaths[i].request);
            push(w, "=b");
        }
        for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++) {
            expect(w, "aa");
            expect_lost(w, deaths[i].why);
            expect(w, "bb");
        }
        tj_workers_destroy(w);
    }
}

static void the_clock_is_a_limit_for_what_waits(void **state)
{
    (void)state;
    tj_workers *w = make_with(2, 0.2, 0.4);
    push(w, "=a");
    push(w, "wait");
    push(w, "=b");
    expect(w, "aa");
    expect_lost(w, "0.4 s by the clock");
    expect(w, "bb");
    tj_workers_destroy(w);
}

static void all_requests_of_a_batch_may_be_lost(void **state)
{
    (void)state;
    tj_workers *w = make(2);
    for (size_t i = 0; i < 100; i++) {
        push(w, "kill");
    }
    for (size_t i = 0; i < 100; i++) {
        expect_lost(w, "signal 9 ended the worker");
    }
    push(w, "=still here");
    expect(w, "still herestill here");
    tj_workers_destroy(w);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* The address sanitizer's allocator ends the process instead of giving NULL. */
static void memory_is_limited(void **state)
{
    (void)state;
    tj_workers *w = make_with(1, 20.0, 60.0); /* touching the memory takes its time */
    push(w, "memory");
    push(w, "=a");
    tj_response r = pull(w);
    assert_non_null(r.lost);
#ifndef SANITIZED
    assert_string_equal(r.lost, "memory");
#endif
    expect(w, "aa");
    tj_workers_destroy(w);
}

static void a_worker_that_leaves_by_itself_is_forked_again(void **state)
{
    (void)state;
    tj_workers *w = make(1);
    push(w, "c");
    push(w, "c");
    push(w, "error");
    push(w, "c");
    expect(w, "1");
    expect(w, "2");
    expect_lost(w, "a failure of the worker");
    expect(w, "1");
    tj_workers_destroy(w);
}

static void workers_that_cannot_start_are_an_error_with_their_reason(void **state)
{
    (void)state;
    static char why[] = "no such thing";
    tj_workers_config config = {.n_workers = 3,
                                .max_request_bytes = 10,
                                .max_response_bytes = 10,
                                .cpu_seconds = 1.0,
                                .wall_seconds = 1.0,
                                .ctx = why,
                                .start = begin,
                                .answer = obey};
    tj_workers *w = NULL;
    tj_err err = {.msg = ""};
    tj_response r;
    assert_int_equal(tj_workers_create(&w, &config, NULL), TJ_OK);
    push(w, "=a");
    assert_int_equal(tj_workers_pull(w, &r, NULL, &err), TJ_E_BACKEND);
    assert_string_equal(err.msg, "cannot start worker processes: no such thing");
    assert_int_equal(tj_workers_pending(w), 1);
    tj_workers_destroy(w);
}

static void wrong_configurations_are_refused(void **state)
{
    (void)state;
    const tj_workers_config good = {.n_workers = 1,
                                    .max_request_bytes = 10,
                                    .max_response_bytes = 10,
                                    .cpu_seconds = 1.0,
                                    .wall_seconds = 2.0,
                                    .start = begin,
                                    .answer = obey};
    tj_workers_config bad[7] = {good, good, good, good, good, good, good};
    bad[0].n_workers = 0;
    bad[1].n_workers = TJ_MAX_WORKERS + 1;
    bad[2].max_request_bytes = 0;
    bad[3].max_response_bytes = 0;
    bad[4].cpu_seconds = 0.0;
    bad[5].wall_seconds = 0.5;
    bad[6].wall_seconds = (double)NAN;
    for (size_t i = 0; i < 7; i++) {
        tj_workers *w = (tj_workers *)(uintptr_t)1;
        assert_int_equal(tj_workers_create(&w, &bad[i], NULL), TJ_E_INVAL);
        assert_null(w);
    }
}

static void a_job_that_is_stopped_leaves_the_request_pending(void **state)
{
    (void)state;
    tj_workers *w = make_with(1, 0.2, 0.4);
    tj_cancel cancel = {0};
    const tj_job job = {.cancel = &cancel};
    tj_response r;
    push(w, "wait");
    tj_cancel_ask(&cancel);
    assert_int_equal(tj_workers_pull(w, &r, &job, NULL), TJ_E_CANCELLED);
    assert_int_equal(tj_workers_pending(w), 1);
    expect_lost(w, "0.4 s by the clock");
    tj_workers_destroy(w);
}

static size_t open_files(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d) != NULL) {
        n++;
    }
    closedir(d);
    return n;
}

/* Also where workers are at work, or have been lost. */
static void destroy_leaves_no_process_and_no_file(void **state)
{
    (void)state;
    static const char *const last[] = {"=a", "spin", "wait", "kill", NULL};
    for (size_t i = 0; i < 5; i++) {
        size_t before = open_files();
        tj_workers *w = make(3);
        if (last[i] != NULL) {
            push(w, last[i]);
            tj_workers_flush(w);
            nap(20);
        }
        tj_workers_destroy(w);
        assert_int_equal(open_files(), before);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
    }
}

/* Their own standard files are /dev/null: a library that reports its abort there is not heard. */
static void workers_write_nothing_to_the_callers_files(void **state)
{
    (void)state;
    char path[] = "/tmp/tabiji-workers-XXXXXX";
    int fd = mkstemp(path), saved[2] = {dup(1), dup(2)};
    assert_true(fd >= 0);
    (void)fflush(stdout);
    (void)fflush(stderr);
    assert_true(dup2(fd, 1) == 1 && dup2(fd, 2) == 2);
    tj_workers *w = make(1);
    push(w, "output");
    tj_response r = pull(w);
    tj_workers_destroy(w);
    assert_true(dup2(saved[0], 1) == 1 && dup2(saved[1], 2) == 2);
    assert_null(r.lost);
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    (void)close(saved[0]);
    (void)close(saved[1]);
    (void)close(fd);
    (void)unlink(path);
}

/* A caller that is killed cannot destroy: its workers read that its ends of the pipes are closed.
 * They belong to nobody here then, so that they are asked after by signal 0. */
static void workers_of_a_caller_that_was_killed_end_by_themselves(void **state)
{
    (void)state;
    int tell[2];
    long worker = 0, keeper = 0;
    char text[64] = "";
    assert_int_equal(pipe(tell), 0);
    pid_t caller = fork();
    assert_true(caller >= 0);
    if (caller == 0) {
        tj_workers *w = make(1);
        push(w, "pids");
        tj_response r = pull(w);
        _exit(write(tell[1], r.bytes, r.n) > 0 && raise(SIGKILL) == 0 ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(caller, &status, 0), caller);
    assert_true(WIFSIGNALED(status));
    assert_true(read(tell[0], text, sizeof text - 1) > 0);
    assert_int_equal(sscanf(text, "%ld %ld", &worker, &keeper), 2);
    for (size_t i = 0; i < 300; i++) {
        char path[64], stat[256] = "";
        snprintf(path, sizeof path, "/proc/%ld/stat", worker);
        FILE *f = fopen(path, "r");
        bool gone = f == NULL || fgets(stat, sizeof stat, f) == NULL || strstr(stat, ") Z") != NULL;
        if (f != NULL) {
            fclose(f);
        }
        if (gone) {
            break;
        }
        nap(10);
        assert_true(i < 299);
    }
    (void)close(tell[0]);
    (void)close(tell[1]);
}

static void a_lack_of_memory_is_an_error(void **state)
{
    (void)state;
    tj_workers_config config = {.n_workers = 2,
                                .max_request_bytes = 10,
                                .max_response_bytes = 10,
                                .cpu_seconds = 1.0,
                                .wall_seconds = 1.0,
                                .start = begin,
                                .answer = obey};
    size_t before = open_files();
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_workers *w = NULL;
        tj_alloc_fail_after(k);
        rc = tj_workers_create(&w, &config, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || (rc == TJ_E_NOMEM && w == NULL && k < 10));
        tj_workers_destroy(w);
        assert_int_equal(open_files(), before);
    }
}

/* Behind a request that takes long nothing waits that another worker could do: of five batches four
 * or more are answered while it is not. (One may be pushed just before the batch before it is seen
 * to be done; in turn, only three would be.) */
static void others_go_on_beside_a_slow_request(void **state)
{
    (void)state;
    enum { N_BATCHES = 5, BATCH = 64 };
    tj_response r;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    tj_workers *w = make_with(2, 20.0, 30.0);
    push(w, "h");
    tj_workers_flush(w);
    for (size_t b = 1; b <= N_BATCHES; b++) {
        for (size_t i = 0; i < BATCH; i++) {
            push(w, "+");
        }
        tj_workers_flush(w);
        for (size_t ms = 0; ms < 500 && atomic_load(&shared->n_counted) < b * BATCH; ms++) {
            nap(1);
        }
        nap(2);
    }
    for (size_t ms = 0; ms < 5000 && atomic_load(&shared->n_counted) < 4 * BATCH; ms++) {
        nap(1); /* a busy machine */
    }
    assert_true(atomic_load(&shared->n_counted) >= 4 * BATCH);
    atomic_store(&shared->released, true);
    for (size_t i = 0; i < 1 + N_BATCHES * BATCH; i++) {
        assert_int_equal(tj_workers_pull(w, &r, NULL, NULL), TJ_OK);
        assert_null(r.lost);
    }
    tj_workers_destroy(w);
    assert_int_equal(munmap(shared, sizeof *shared), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_come_in_the_order_of_the_requests),
        cmocka_unit_test(requests_may_be_empty_or_as_long_as_the_bound_and_no_longer),
        cmocka_unit_test(without_room_a_request_is_refused_until_one_is_pulled),
        cmocka_unit_test(what_ends_a_worker_loses_its_own_request_alone),
        cmocka_unit_test(the_clock_is_a_limit_for_what_waits),
        cmocka_unit_test(all_requests_of_a_batch_may_be_lost),
        cmocka_unit_test(others_go_on_beside_a_slow_request),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(a_worker_that_leaves_by_itself_is_forked_again),
        cmocka_unit_test(workers_that_cannot_start_are_an_error_with_their_reason),
        cmocka_unit_test(wrong_configurations_are_refused),
        cmocka_unit_test(a_job_that_is_stopped_leaves_the_request_pending),
        cmocka_unit_test(destroy_leaves_no_process_and_no_file),
        cmocka_unit_test(workers_write_nothing_to_the_callers_files),
        cmocka_unit_test(workers_of_a_caller_that_was_killed_end_by_themselves),
        cmocka_unit_test(a_lack_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
