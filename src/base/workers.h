/* Work in processes of their own, under limits, answered in order: for libraries that can neither
 * be interrupted nor kept from ending the process.
 *
 *     caller ──requests──▶ worker 0 ─┐
 *         │  ──requests──▶ worker 1 ─┴─▶ responses, in the order of the requests
 *         └─▶ keeper: forks the workers, and again those that die
 *
 * A worker that runs out of time or memory, or crashes, loses the request that it was at and no
 * other: its successor answers that one with "lost" and goes on with the next. Which requests are
 * lost depends on the machine and what else runs there, so nothing that must be reproducible may
 * hang on it; who asks counts them.
 *
 * The keeper is forked once, by create, and forks all workers: later threads, memory and files of
 * the caller are none of theirs. Create workers early, before threads are started: a lock that
 * another thread holds at that moment stays locked in the workers. Standard input, output and error
 * of keeper and workers are /dev/null, and all other files of the caller closed. They are a process
 * group of their own, so that Ctrl-C is the caller's to handle, and end by themselves when the
 * caller is gone.
 *
 * Ownership: create/destroy; a response is lent until the next push or pull.
 * Threads:   confined to one thread at a time.
 * Cost:      a fraction of a microsecond a request, and a wake-up for each batch of them.
 */
#ifndef TJ_BASE_WORKERS_H
#define TJ_BASE_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/job.h"

#define TJ_MAX_WORKERS 256 /* as TJ_MAX_THREADS: no machine we know has more useful */

typedef struct tj_workers tj_workers;

typedef struct tj_workers_config {
    size_t n_workers;          /* 1 to TJ_MAX_WORKERS */
    size_t max_request_bytes;  /* of one request, at least 1; memory is taken as it is used */
    size_t max_response_bytes; /* of one response, at least 1; a longer one is lost */
    size_t memory_bytes;       /* that a worker may take beyond what it has at its start; 0: any */
    double cpu_seconds;        /* for one request; it may be an eighth less; above 0 */
    double wall_seconds;       /* the same by the clock, for what waits; not below cpu_seconds */
    void *ctx;                 /* kept; as it is when the workers are created */
    /* In each worker, once: gives *state. An error ends all workers, and pull tells its message. */
    tj_code (*start)(void **state, void *ctx, tj_err *err);
    /* In a worker: adds the response to out, which is empty. An error loses the request and ends
     * the worker (TJ_E_NOMEM: for lack of memory). */
    tj_code (*answer)(void *state, tj_buf *out, const char *request, size_t n);
} tj_workers_config;

/* Gives *out (tj_workers_destroy); NULL on error. Errors: TJ_E_INVAL (a field out of its range),
 * TJ_E_NOMEM, TJ_E_BACKEND (the system refuses pipes or processes). */
TJ_MUST_USE tj_code tj_workers_create(tj_workers **out, const tj_workers_config *config,
                                      tj_err *err);
/* Ends the processes at once, whatever they are at, and waits for them. NULL is allowed. */
void tj_workers_destroy(tj_workers *workers);

/* Whether a request of n bytes can be pushed now; where not, pull first. */
bool tj_workers_has_room(const tj_workers *workers, size_t n);
/* Copies a request. It may wait for others before a worker gets it, until pull or flush. Errors:
 * TJ_E_LIMIT (no room, or longer than max_request_bytes). */
TJ_MUST_USE tj_code tj_workers_push(tj_workers *workers, const char *request, size_t n,
                                    tj_err *err);
/* Hands what was pushed to the workers. */
void tj_workers_flush(tj_workers *workers);
/* Requests pushed whose response has not been pulled. */
size_t tj_workers_pending(const tj_workers *workers);

typedef struct tj_response {
    const char *bytes; /* [n] */
    size_t n;
    const char
        *lost; /* NULL; or why there is no response: "2 s of processor time", "memory", ... */
} tj_response;

/* The response to the oldest pending request, of which there must be one; waits for it. Errors:
 * TJ_E_CANCELLED (by job, which may be NULL), TJ_E_BACKEND (the workers cannot start, or their
 * keeper was ended); the request stays pending. */
TJ_MUST_USE tj_code tj_workers_pull(tj_workers *workers, tj_response *out, const tj_job *job,
                                    tj_err *err);

#endif
