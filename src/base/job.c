#include "base/job.h"

#include <stdio.h>
#include <time.h>

#define LOG_LINE_BYTES 2048 /* a log line is for a person to read; longer ones are cut */

void tj_cancel_ask(tj_cancel *cancel)
{
    atomic_store_explicit(&cancel->asked, 1, memory_order_relaxed);
}

bool tj_job_cancelled(const tj_job *job)
{
    return job != NULL && job->cancel != NULL &&
           atomic_load_explicit(&job->cancel->asked, memory_order_relaxed) != 0;
}

tj_code tj_job_check(const tj_job *job, tj_err *err)
{
    if (tj_job_cancelled(job)) {
        return tj_fail(err, TJ_E_CANCELLED, "stopped on request");
    }
    return TJ_OK;
}

void tj_job_progress(const tj_job *job, const char *what, uint64_t done, uint64_t total,
                     const char *unit, const char *note)
{
    if (job != NULL && job->progress != NULL) {
        job->progress(job->ctx, what, done, total, unit, note);
    }
}

void tj_job_log(const tj_job *job, const char *fmt, ...)
{
    if (job == NULL || job->log == NULL) {
        return;
    }
    char line[LOG_LINE_BYTES];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (n >= 0) {
        job->log(job->ctx, line);
    }
}

double tj_clock_seconds(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int64_t tj_clock_unix_us(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + (int64_t)now.tv_nsec / 1000;
}
