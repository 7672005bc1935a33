/* Inside of workers: what the caller's side (workers.c) and the processes (workers_keeper.c) share.
 *
 * Each worker has a lane: some batches of requests in shared memory, so that it has work while the
 * caller waits for a slow batch of another lane, and two pipes that carry nothing but wake-ups.
 * What is true stands in the shared memory: a worker may die at any instruction, and its successor
 * finds there how far it came.
 *
 *     FREE ─caller─▶ QUEUED ─worker─▶ DONE ─caller─▶ FREE
 */
#ifndef TJ_BASE_WORKERS_INNER_H
#define TJ_BASE_WORKERS_INNER_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/workers.h"

/* Requests of a batch at most: a wake-up costs as much as some requests of microseconds, and a slow
 * batch should not hold many fast ones. */
#define TJ_WORKERS_BATCH 64
#define TJ_WORKERS_DEPTH 8 /* batches of a lane; docs/grader.md has what fewer cost */

typedef enum tj_batch_state { TJ_BATCH_FREE, TJ_BATCH_QUEUED, TJ_BATCH_DONE } tj_batch_state;

/* The caller writes a batch that is FREE or DONE, the worker one that is QUEUED. */
typedef struct tj_batch {
    atomic_int state;      /* tj_batch_state; released by who writes it, acquired by who reads */
    uint64_t number;       /* of all batches of the workers, from 0 */
    uint32_t n_requests;   /* <= TJ_WORKERS_BATCH */
    atomic_uint n_started; /* requests that a worker began with ... */
    atomic_uint n_done;    /* ... and those that have their response; one less while it is at one */
    size_t request_end[TJ_WORKERS_BATCH]; /* offsets into the batch's requests */
    size_t response_end[TJ_WORKERS_BATCH];
    int lost[TJ_WORKERS_BATCH]; /* 0, or a tj_loss */
} tj_batch;

/* Why a request has no response: one of these, or TJ_LOSS_SIGNAL + the signal that ended it. */
typedef enum tj_loss {
    TJ_LOSS_NONE,
    TJ_LOSS_CPU,
    TJ_LOSS_WALL,
    TJ_LOSS_MEMORY,
    TJ_LOSS_LENGTH, /* of the response */
    TJ_LOSS_ERROR,  /* answer() failed, or the process left by itself */
    TJ_LOSS_SIGNAL
} tj_loss;

/* How a worker ends by itself. */
enum {
    TJ_WORKER_LEFT = 100, /* the caller is gone */
    TJ_WORKER_NOMEM = 101,
    TJ_WORKER_FAILED = 102,  /* answer() failed */
    TJ_WORKER_NO_START = 103 /* start() failed: no use in trying again */
};

typedef struct tj_lane {
    tj_batch batches[TJ_WORKERS_DEPTH];
    atomic_uint n_taken; /* requests that any worker of the lane began with */
    int how;             /* a tj_loss: how the last worker ended; written by the keeper */
} tj_lane;

/* The beginning of the shared memory; what batches hold follows. */
typedef struct tj_workers_shared {
    atomic_bool failed; /* message is written */
    char message[TJ_ERR_MSG_BYTES];
    tj_lane lanes[]; /* [n_workers] */
} tj_workers_shared;

typedef struct tj_lane_ends {
    int work[2], done[2]; /* pipes: the caller writes work[1] and reads done[0]; -1: closed */
} tj_lane_ends;

/* Where a batch is. */
typedef struct tj_batch_place {
    size_t lane, slot;
} tj_batch_place;

struct tj_workers {
    tj_workers_config config;
    tj_workers_shared *shared;
    size_t shared_bytes;
    size_t lanes_bytes;     /* of shared: where the first batch's bytes begin */
    size_t room_bytes;      /* for the requests of one batch */
    tj_lane_ends *ends;     /* [n_workers] */
    tj_batch_place *places; /* [n_workers * TJ_WORKERS_DEPTH]: of batch k at k modulo that */
    pid_t keeper;           /* and its process group; 0: none */
    uint64_t n_filled;      /* batches begun, the one being filled included */
    uint64_t n_pulled;      /* batches pulled whole */
    size_t at;              /* the next response of batch n_pulled */
    size_t n_pending;
    bool filling; /* batch n_filled - 1 takes requests */
    char lost[64];
};

/* The bytes of a lane's batch: shared by the caller and the worker. */
char *tj_workers_requests(const tj_workers *workers, size_t lane, size_t slot);
char *tj_workers_responses(const tj_workers *workers, size_t lane, size_t slot);

/* The keeper's life, in the process that was forked for it. */
_Noreturn void tj_workers_keep(tj_workers *workers);

#endif
