/* Progress and signals. On a terminal one line is drawn over and over, at most ten times a second;
 * elsewhere a plain line appears at most every ten seconds and when a piece of work ends. */
#define _XOPEN_SOURCE 700 /* sigaltstack */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"

static struct {
    tj_job job;
    tj_cancel cancel;
    bool quiet, tty, drawn;
    double last;  /* when the last line was written */
    double start; /* of the piece of work at hand */
    uint64_t start_done;
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

#define BAR         12
#define MAX_COLUMNS 200

/* Columns of a line that no terminal breaks. */
static int line_columns(void)
{
    struct winsize size;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    int columns = known ? size.ws_col - 1 : 79;
    return columns > MAX_COLUMNS ? MAX_COLUMNS : columns;
}

/* The figures come first to what there is of room, then the name of the work. */
static void draw_line(const char *what, const char *figures)
{
    int columns = line_columns(), room = columns - (int)strlen(figures);
    room = room < 8 ? 8 : room > 30 ? 30 : room;
    char line[2 * MAX_COLUMNS];
    snprintf(line, sizeof line, "%-*.*s%s", room, room, what, figures);
    fprintf(stderr, "\r%-*.*s", columns, columns, line);
    state.drawn = true;
}

static void draw(const char *what, uint64_t done, uint64_t total, const char *unit, double rate,
                 const char *note)
{
    char left[32] = "";
    char bar[BAR + 1];
    double share = total > 0 ? (double)done / (double)total : 0.0;
    size_t filled = (size_t)(share * BAR);
    memset(bar, '.', BAR);
    memset(bar, '#', filled > BAR ? BAR : filled);
    bar[BAR] = 0;
    if (rate > 0.0 && total > done) {
        format_time(left, sizeof left, (double)(total - done) / rate);
    }
    if (state.tty) {
        char figures[MAX_COLUMNS];
        snprintf(figures, sizeof figures, " [%s] %3.0f%% %.0f %s/s%s%s%s%s%s", bar, 100.0 * share,
                 rate, unit, left[0] == 0 ? "" : " ", left, left[0] == 0 ? "" : " left",
                 note == NULL ? "" : ", ", note == NULL ? "" : note);
        draw_line(what, figures);
    } else {
        fprintf(stderr, "%s: %" PRIu64 "/%" PRIu64 " %s, %.0f/s%s%s%s%s\n", what, done, total, unit,
                rate, left[0] == 0 ? "" : ", left ", left, note == NULL ? "" : ", ",
                note == NULL ? "" : note);
    }
    fflush(stderr);
}

static void on_progress(void *ctx, const char *what, uint64_t done, uint64_t total,
                        const char *unit, const char *note)
{
    (void)ctx;
    double now = tj_clock_seconds();
    if (strcmp(what, state.what) != 0) {
        tj_cli_progress_end();
        snprintf(state.what, sizeof state.what, "%s", what);
        state.start = now;
        state.start_done = done;
        state.last = now;
        return; /* no rate yet */
    }
    double pause = state.tty ? 0.1 : 10.0;
    if (state.quiet || (now - state.last < pause && done != total)) {
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
    if (sigaltstack(&stack, NULL) != 0 || sigaction(SIGUSR1, &wake, NULL) != 0 ||
        pthread_sigmask(SIG_BLOCK, &signals.set, NULL) != 0) {
        return; /* signals end the program, as they would by themselves */
    }
    if (pthread_create(&thread, NULL, wait_for_signals, NULL) != 0) {
        (void)pthread_sigmask(SIG_UNBLOCK, &signals.set, NULL);
        return;
    }
    (void)pthread_detach(thread);
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
