/* The keeper and the workers. The keeper does nothing but fork and wait, so that it stays as small
 * as the caller was when it was made. How a worker ended is written down before its successor is
 * forked; that one finds the request that was lost (begun, not done) and says so in its place.
 *
 * Time is limited by two timers of the system, whose signals end the process by default: no code of
 * ours has to run for it. They are set again only when an eighth of the limit has gone by, so that
 * short requests cost no system calls. */
#define _GNU_SOURCE /* close_range, MAP_ANONYMOUS */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/workers_inner.h"

#define MAX_IDLE_DEATHS 3 /* of a lane's workers in a row that never began with a request */

static volatile sig_atomic_t asked_to_end; /* of the process that gets the signal alone */

static void on_term(int number)
{
    (void)number;
    asked_to_end = 1;
}

typedef struct worker {
    tj_workers *w;
    size_t lane;
    void *state;
    tj_buf out;
    double armed; /* when the timers were set; 0: they are not */
} worker;

/* ------------------------------------------------------------------ limits */

static struct timeval to_timeval(double seconds)
{
    struct timeval t = {.tv_sec = (time_t)seconds};
    t.tv_usec = (suseconds_t)((seconds - (double)t.tv_sec) * 1e6);
    if (t.tv_sec == 0 && t.tv_usec == 0) {
        t.tv_usec = 1;
    }
    return t;
}

static void set_timers(double cpu, double wall)
{
    struct itimerval a = {.it_value = cpu > 0.0 ? to_timeval(cpu) : (struct timeval){0}};
    struct itimerval b = {.it_value = wall > 0.0 ? to_timeval(wall) : (struct timeval){0}};
    (void)setitimer(ITIMER_PROF, &a, NULL);
    (void)setitimer(ITIMER_REAL, &b, NULL);
}

static void arm(worker *k)
{
    double now = tj_clock_seconds();
    const tj_workers_config *c = &k->w->config;
    if (k->armed <= 0.0 || now - k->armed > c->cpu_seconds / 8.0) {
        set_timers(c->cpu_seconds, c->wall_seconds);
        k->armed = now;
    }
}

static void disarm(worker *k)
{
    set_timers(0.0, 0.0);
    k->armed = 0.0;
}

/* Bytes of address space that the process has now; 0 if the system does not tell. */
static size_t address_space(void)
{
    char text[64] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    return n > 0 ? (size_t)strtoull(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static void limit_memory(size_t bytes)
{
    struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    size_t now = address_space();
    (void)setrlimit(RLIMIT_CORE, &none);
    if (bytes > 0 && now > 0) {
        struct rlimit space = {.rlim_cur = now + bytes, .rlim_max = now + bytes};
        (void)setrlimit(RLIMIT_AS, &space);
    }
}

/* ------------------------------------------------------------------ a worker */

/* The batch to do next: the one that was queued first. NULL: none is. */
static tj_batch *next_batch(const worker *k, size_t *which)
{
    tj_batch *batches = k->w->shared->lanes[k->lane].batches, *first = NULL;
    for (size_t i = 0; i < TJ_WORKERS_DEPTH; i++) {
        if (atomic_load_explicit(&batches[i].state, memory_order_acquire) == TJ_BATCH_QUEUED &&
            (first == NULL || batches[i].number < first->number)) {
            first = &batches[i];
            *which = i;
        }
    }
    return first;
}

static void wait_for_work(worker *k)
{
    char bytes[64];
    ssize_t n;
    disarm(k);
    do {
        n = read(k->w->ends[k->lane].work[0], bytes, sizeof bytes);
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        _exit(TJ_WORKER_LEFT); /* nobody holds the other end any more */
    }
}

/* The response to request i of a batch is what out holds, or none for a loss. */
static void respond(const worker *k, tj_batch *b, size_t which, uint32_t i, int loss)
{
    size_t at = i == 0 ? 0 : b->response_end[i - 1];
    size_t n = loss == TJ_LOSS_NONE ? k->out.len : 0;
    if (n > k->w->config.max_response_bytes) {
        n = 0;
        loss = TJ_LOSS_LENGTH;
    }
    if (n > 0) {
        memcpy(tj_workers_responses(k->w, k->lane, which) + at, k->out.data, n);
    }
    b->response_end[i] = at + n;
    b->lost[i] = loss;
    atomic_store_explicit(&b->n_done, i + 1, memory_order_release);
}

static void answer(worker *k, tj_batch *b, size_t which, uint32_t i)
{
    const tj_workers_config *c = &k->w->config;
    size_t begin = i == 0 ? 0 : b->request_end[i - 1];
    arm(k);
    atomic_fetch_add(&k->w->shared->lanes[k->lane].n_taken, 1);
    atomic_store_explicit(&b->n_started, i + 1, memory_order_release);
    tj_buf_clear(&k->out);
    tj_code rc = c->answer(k->state, &k->out, tj_workers_requests(k->w, k->lane, which) + begin,
                           b->request_end[i] - begin);
    if (rc == TJ_OK) {
        rc = tj_buf_check(&k->out, NULL);
    }
    if (rc != TJ_OK) {
        _exit(rc == TJ_E_NOMEM ? TJ_WORKER_NOMEM : TJ_WORKER_FAILED);
    }
    respond(k, b, which, i, TJ_LOSS_NONE);
}

static void do_batch(worker *k, tj_batch *b, size_t which)
{
    uint32_t i = atomic_load(&b->n_done);
    if (atomic_load(&b->n_started) > i) { /* by a predecessor, which it ended */
        respond(k, b, which, i++, k->w->shared->lanes[k->lane].how);
    }
    for (; i < b->n_requests; i++) {
        answer(k, b, which, i);
    }
    atomic_store_explicit(&b->state, TJ_BATCH_DONE, memory_order_release);
    ssize_t n = write(k->w->ends[k->lane].done[1], "", 1); /* full: it wakes up as well */
    (void)n;
}

static _Noreturn void work(tj_workers *w, size_t lane)
{
    worker k = {.w = w, .lane = lane};
    tj_err err = {.msg = ""};
    size_t which = 0;
    for (size_t i = 0; i < w->config.n_workers; i++) {
        if (i != lane) {
            (void)close(w->ends[i].work[0]);
            (void)close(w->ends[i].done[1]);
        }
    }
    (void)signal(SIGTERM, SIG_DFL);
    if (asked_to_end) { /* before that line */
        _exit(TJ_WORKER_LEFT);
    }
    limit_memory(w->config.memory_bytes);
    tj_buf_init(&k.out);
    if (w->config.start(&k.state, w->config.ctx, &err) != TJ_OK) {
        memcpy(w->shared->message, err.msg, sizeof err.msg);
        _exit(TJ_WORKER_NO_START);
    }
    for (;;) {
        tj_batch *b = next_batch(&k, &which);
        if (b == NULL) {
            wait_for_work(&k);
        } else {
            do_batch(&k, b, which);
        }
    }
}

/* ------------------------------------------------------------------ the keeper */

static int compare_fds(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* Closes all files but the workers' ends of the pipes. Files shared with the caller would keep its
 * locks, sockets and pipes open after it. */
static void close_others(const tj_workers *w)
{
    int keep[2 * TJ_MAX_WORKERS + 1];
    size_t n = 0;
    int null = open("/dev/null", O_RDWR);
    for (size_t i = 0; i < w->config.n_workers; i++) {
        keep[n++] = w->ends[i].work[0];
        keep[n++] = w->ends[i].done[1];
    }
    qsort(keep, n, sizeof keep[0], compare_fds);
    for (int fd = 0; fd <= 2; fd++) {
        bool ours = false;
        for (size_t i = 0; i < n; i++) {
            ours = ours || keep[i] == fd; /* the caller had closed its own */
        }
        if (!ours && null >= 0) {
            (void)dup2(null, fd);
        }
    }
    unsigned from = 3;
    for (size_t i = 0; i < n; i++) {
        unsigned fd = (unsigned)keep[i];
        if (fd > from) {
            (void)close_range(from, fd - 1, 0);
        }
        from = fd >= from ? fd + 1 : from;
    }
    (void)close_range(from, ~0U, 0);
}

static void default_signals(void)
{
    struct sigaction term = {.sa_handler = on_term};
    sigset_t none;
    sigemptyset(&none);
    sigemptyset(&term.sa_mask);
    for (int number = 1; number < NSIG; number++) {
        (void)signal(number, SIG_DFL);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigaction(SIGTERM, &term, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &none, NULL);
}

typedef struct keeper {
    tj_workers *w;
    pid_t pids[TJ_MAX_WORKERS];
    unsigned taken[TJ_MAX_WORKERS]; /* the lane's n_taken when its last worker died */
    unsigned idle_deaths[TJ_MAX_WORKERS];
} keeper;

static void give_up(keeper *k, const char *message)
{
    if (message != NULL) {
        snprintf(k->w->shared->message, sizeof k->w->shared->message, "%s", message);
    }
    atomic_store(&k->w->shared->failed, true);
    asked_to_end = 1;
    for (size_t i = 0; i < k->w->config.n_workers; i++) {
        if (k->pids[i] > 0) {
            (void)kill(k->pids[i], SIGKILL);
        }
    }
}

static void fork_worker(keeper *k, size_t lane)
{
    pid_t pid = fork();
    if (pid == 0) {
        work(k->w, lane);
    }
    k->pids[lane] = pid;
    if (pid < 0) {
        give_up(k, strerror(errno));
    } else if (asked_to_end) { /* the signal to all of the group came before it was one of them */
        (void)kill(pid, SIGKILL);
    }
}

static tj_loss loss_of(int status)
{
    if (WIFSIGNALED(status)) {
        int number = WTERMSIG(status);
        return number == SIGPROF || number == SIGXCPU ? TJ_LOSS_CPU
               : number == SIGALRM                    ? TJ_LOSS_WALL
                                                      : (tj_loss)(TJ_LOSS_SIGNAL + number);
    }
    return WEXITSTATUS(status) == TJ_WORKER_NOMEM ? TJ_LOSS_MEMORY : TJ_LOSS_ERROR;
}

static void buried(keeper *k, size_t i, int status)
{
    tj_lane *lane = &k->w->shared->lanes[i];
    unsigned taken = atomic_load(&lane->n_taken);
    k->pids[i] = 0;
    if (asked_to_end || (WIFEXITED(status) && WEXITSTATUS(status) == TJ_WORKER_LEFT)) {
        return;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == TJ_WORKER_NO_START) {
        give_up(k, NULL);
        return;
    }
    k->idle_deaths[i] = taken == k->taken[i] ? k->idle_deaths[i] + 1 : 0;
    k->taken[i] = taken;
    if (k->idle_deaths[i] >= MAX_IDLE_DEATHS) {
        give_up(k, "they end before their first request");
        return;
    }
    lane->how = (int)loss_of(status);
    fork_worker(k, i);
}

_Noreturn void tj_workers_keep(tj_workers *w)
{
    keeper k = {.w = w};
    int status = 0;
    (void)setpgid(0, 0);
    close_others(w);
    default_signals();
    for (size_t i = 0; i < w->config.n_workers && !asked_to_end; i++) {
        fork_worker(&k, i);
    }
    for (;;) {
        pid_t pid = waitpid(-1, &status, 0);
        if (pid < 0 && errno != EINTR) {
            _exit(0); /* none is left */
        }
        for (size_t i = 0; pid > 0 && i < w->config.n_workers; i++) {
            if (k.pids[i] == pid) {
                buried(&k, i, status);
                break;
            }
        }
    }
}
