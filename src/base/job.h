/* What a long-running function is given by its caller: a way to say how far it is, a way to be
 * stopped, and a way to log. Library code never prints; the command line and the server implement
 * this interface, and tests use a silent one.
 *
 * Ownership: the job borrows its ctx; all functions may be NULL, and a NULL job is allowed.
 * Threads:   tj_cancel may be set from any thread or a signal handler; the callbacks are called
 *            from the thread that runs the work.
 */
#ifndef TJ_BASE_JOB_H
#define TJ_BASE_JOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct tj_cancel {
    atomic_int asked; /* relaxed: a flag that orders nothing else */
} tj_cancel;

typedef struct tj_job {
    /* `what` is a short phrase ("training phase 1"), done and total are in `unit`s; called at will:
     * the receiver limits the rate. total 0: not known. `note` may be NULL (e.g. "loss 0.41"). */
    void (*progress)(void *ctx, const char *what, uint64_t done, uint64_t total, const char *unit,
                     const char *note);
    /* One line of text for the log, without a newline. */
    void (*log)(void *ctx, const char *line);
    void *ctx;
    tj_cancel *cancel;
} tj_job;

void tj_cancel_ask(tj_cancel *cancel);
bool tj_job_cancelled(const tj_job *job);
/* TJ_E_CANCELLED if the job was asked to stop. */
TJ_MUST_USE tj_code tj_job_check(const tj_job *job, tj_err *err);
void tj_job_progress(const tj_job *job, const char *what, uint64_t done, uint64_t total,
                     const char *unit, const char *note);
void tj_job_log(const tj_job *job, const char *fmt, ...) TJ_PRINTF(2, 3);

/* Monotonic seconds, for rates and durations; never a source of results. */
double tj_clock_seconds(void);
/* Microseconds since 1970 UTC, for records. */
int64_t tj_clock_unix_us(void);

#endif
