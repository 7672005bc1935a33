/* Progress and signals. On a terminal one line is drawn over and over, at most ten times a second;
 * elsewhere a plain line appears at most every ten seconds and when a piece of work ends. */
#define _XOPEN_SOURCE 700 /* sigaltstack */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"

#define MAX_LINE      256 /* bytes of a line of progress */
#define MIN_SECONDS   1.0 /* of a piece of work whose end is told of in any case */
#define BAR_CELLS     20  /* of its bar, at most */
#define MIN_BAR_CELLS 6   /* fewer say too little */
#define MIN_NAME      8   /* columns of the name of the work */

static struct {
    tj_job job;
    tj_cancel cancel;
    bool quiet, tty, drawn;
    double last;  /* when the last line was written */
    double start; /* of the piece of work at hand */
    uint64_t start_done, last_done;
    char what[96];
} state;

static void format_time(char *to, size_t n, double seconds)
{
    unsigned long s = (unsigned long)(seconds + 0.5);
    if (s >= 3600) {
        snprintf(to, n, "%luh%02lum", s / 3600, s / 60 % 60);
    } else {
        snprintf(to, n, "%lu:%02lu", s / 60, s % 60);
    }
}

/* Columns of the terminal that a line may take: one is left free, since a full line would wrap. */
static size_t columns(void)
{
    struct winsize size = {0};
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    size_t n = known ? size.ws_col : 80;
    return (n < MAX_LINE ? n : MAX_LINE) - 1;
}

/* "12/60 trees, 3.1/s, left 0:16, 1546 nodes": of what has no total, "12 trees, ...". */
static void write_counts(char *to, size_t n, uint64_t done, uint64_t total, const char *unit,
                         double rate, const char *note)
{
    char of[32] = "";
    char left[40] = "";
    char speed[32] = "";
    if (total > 0) {
        (void)snprintf(of, sizeof of, "/%" PRIu64, total);
    }
    if (rate > 0.0 && total > done) {
        (void)snprintf(left, sizeof left, ", left ");
        format_time(left + strlen(left), sizeof left - strlen(left), (double)(total - done) / rate);
    }
    if (rate > 0.0) {
        (void)snprintf(speed, sizeof speed, ", %.*f/s",
                       rate >= 10.0  ? 0
                       : rate >= 1.0 ? 1
                                     : 2,
                       rate);
    }
    (void)snprintf(to, n, "%" PRIu64 "%s %s%s%s%s%s", done, of, unit, speed, left,
                   note == NULL ? "" : ", ", note == NULL ? "" : note);
}

/* The counts come first to what there is of room, then the name of the work, and a bar where it can
 * be read. */
static void draw_on_terminal(const char *what, double share, bool has_total, const char *counts)
{
    char line[2 * MAX_LINE];
    char bar[BAR_CELLS + 4] = "";
    size_t width = columns();
    size_t n_counts = strlen(counts);
    size_t for_name = n_counts + 1 + MIN_NAME < width ? width - n_counts - 1 : MIN_NAME;
    size_t n_name = strlen(what) < for_name ? strlen(what) : for_name;
    size_t used = n_name + 1 + n_counts;
    size_t room = used + 3 < width ? width - used - 3 : 0;
    size_t cells = room < BAR_CELLS ? room : BAR_CELLS;
    if (has_total && cells >= MIN_BAR_CELLS) {
        size_t filled = (size_t)(share * (double)cells);
        bar[0] = '[';
        memset(bar + 1, '.', cells);
        memset(bar + 1, '#', filled > cells ? cells : filled);
        memcpy(bar + 1 + cells, "] ", 3);
    }
    (void)snprintf(line, sizeof line, "%.*s %s%s", (int)n_name, what, bar, counts);
    fprintf(stderr, "\r%-*.*s", (int)width, (int)width, line);
    state.drawn = true;
}

static void draw(const char *what, uint64_t done, uint64_t total, const char *unit, double rate,
                 const char *note)
{
    char counts[MAX_LINE];
    write_counts(counts, sizeof counts, done, total, unit, rate, note);
    if (state.tty) {
        double share = total > 0 ? (double)done / (double)total : 0.0;
        draw_on_terminal(what, share, total > 0, counts);
    } else {
        fprintf(stderr, "%s: %s\n", what, counts);
    }
    fflush(stderr);
}

static void on_progress(void *ctx, const char *what, uint64_t done, uint64_t total,
                        const char *unit, const char *note)
{
    (void)ctx;
    double now = tj_clock_seconds();
    if (strcmp(what, state.what) != 0 || done < state.last_done) { /* another piece of work */
        tj_cli_progress_end();
        snprintf(state.what, sizeof state.what, "%s", what);
        state.start = now;
        state.start_done = done;
        state.last_done = done;
        state.last = now;
        return; /* no rate yet */
    }
    double pause = state.tty ? 0.1 : 10.0;
    bool ends =
        done == total && done > state.last_done && (state.tty || now - state.start >= MIN_SECONDS);
    state.last_done = done;
    if (state.quiet || (now - state.last < pause && !ends)) {
        return;
    }
    state.last = now;
    double seconds = now - state.start;
    draw(what, done, total, unit, seconds > 0.0 ? (double)(done - state.start_done) / seconds : 0.0,
         note);
}

static void on_log(void *ctx, const char *line)
{
    (void)ctx;
    if (!state.quiet) {
        tj_cli_progress_end();
        fprintf(stderr, "%s\n", line);
    }
}

void tj_cli_progress_end(void)
{
    if (state.drawn) {
        fputc('\n', stderr);
        state.drawn = false;
    }
}

void tj_cli_quiet(void)
{
    state.quiet = true;
}

/* ------------------------------------------------------------ signals */

/* A signal handler's frame on the stack of a thread that is inside one of oneDNN's f32 products
 * corrupts memory: its kernels keep values where that frame goes. Of 478 trainings that were
 * stopped in the midst 13 crashed, of 387 none since no thread that computes takes a signal: all
 * block them, and one thread waits for them. */
static struct {
    pthread_t main;
    sigset_t set;
    sem_t waits;                    /* the thread has begun */
    atomic_bool has_job;            /* somebody looks at state.cancel */
    _Alignas(64) char stack[65536]; /* for the handler that wakes the main thread */
} signals;

static void on_wake(int number)
{
    (void)number; /* a system call that waits returns: that is all it is for */
}

static void *wait_for_signals(void *ctx)
{
    (void)ctx;
    (void)sem_post(&signals.waits);
    for (;;) {
        int number = 0;
        if (sigwait(&signals.set, &number) != 0) {
            continue;
        }
        if (!atomic_load(&signals.has_job)) { /* nobody would see it: as without us */
            (void)signal(number, SIG_DFL);
            (void)pthread_sigmask(SIG_UNBLOCK, &signals.set, NULL);
            (void)raise(number);
        }
        if (tj_job_cancelled(&state.job)) {
            _exit(TJ_EXIT_CANCELLED); /* asked twice */
        }
        tj_cancel_ask(&state.cancel);
        (void)pthread_kill(signals.main, SIGUSR1);
    }
    return NULL;
}

void tj_cli_catch_signals(void)
{
    const stack_t stack = {.ss_sp = signals.stack, .ss_size = sizeof signals.stack};
    struct sigaction wake = {.sa_handler = on_wake, .sa_flags = SA_ONSTACK};
    pthread_t thread;
    sigemptyset(&wake.sa_mask);
    sigemptyset(&signals.set);
    sigaddset(&signals.set, SIGINT);
    sigaddset(&signals.set, SIGTERM);
    signals.main = pthread_self();
    state.job.cancel = &state.cancel;
    if (sem_init(&signals.waits, 0, 0) != 0 || sigaltstack(&stack, NULL) != 0 ||
        sigaction(SIGUSR1, &wake, NULL) != 0 ||
        pthread_sigmask(SIG_BLOCK, &signals.set, NULL) != 0) {
        return; /* signals end the program, as they would by themselves */
    }
    if (pthread_create(&thread, NULL, wait_for_signals, NULL) != 0) {
        (void)pthread_sigmask(SIG_UNBLOCK, &signals.set, NULL);
        return;
    }
    (void)pthread_detach(thread);
    /* A thread that begins may hold an allocator's lock, which would stay locked in a worker that
     * is forked in that moment (base/workers.h); one that waits for signals holds none. */
    while (sem_wait(&signals.waits) != 0 && errno == EINTR) {
    }
}

tj_job *tj_cli_job(void)
{
    if (state.job.progress == NULL) {
        state.tty = isatty(STDERR_FILENO) == 1;
        state.job = (tj_job){.progress = on_progress, .log = on_log, .cancel = &state.cancel};
        atomic_store(&signals.has_job, true);
    }
    return &state.job;
}

const char *tj_build_id(void)
{
    return TJ_BUILD_ID;
}
