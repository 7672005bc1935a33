/* The caller's side. Batches are numbered, and responses come back in the order of the numbers. A
 * new batch goes to the lane that has least to do, so that none waits behind a slow one while
 * another worker is idle. */
#define _GNU_SOURCE /* pipe2, MAP_ANONYMOUS */
#include "base/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/workers_inner.h"

#define MIN_ROOM ((size_t)256 << 10) /* a batch of requests of ordinary length */
#define PAUSE_MS 200                 /* between looks at whether the job is to stop */

/* ------------------------------------------------------------------ shared memory */

char *tj_workers_requests(const tj_workers *w, size_t lane, size_t slot)
{
    size_t bytes = w->room_bytes + TJ_WORKERS_BATCH * w->config.max_response_bytes;
    return (char *)w->shared + w->lanes_bytes + (TJ_WORKERS_DEPTH * lane + slot) * bytes;
}

char *tj_workers_responses(const tj_workers *w, size_t lane, size_t slot)
{
    return tj_workers_requests(w, lane, slot) + w->room_bytes;
}

static tj_batch_place *place_of(const tj_workers *w, uint64_t number)
{
    return &w->places[number % (w->config.n_workers * TJ_WORKERS_DEPTH)];
}

static tj_batch *batch_of(const tj_workers *w, uint64_t number)
{
    const tj_batch_place *at = place_of(w, number);
    return &w->shared->lanes[at->lane].batches[at->slot];
}

static tj_code map_shared(tj_workers *w, tj_err *err)
{
    size_t responses, one, all, lanes;
    size_t n = w->config.n_workers;
    w->room_bytes = w->config.max_request_bytes < MIN_ROOM ? MIN_ROOM : w->config.max_request_bytes;
    if (!tj_mul_size(&responses, TJ_WORKERS_BATCH, w->config.max_response_bytes) ||
        !tj_add_size(&one, responses, w->room_bytes) ||
        !tj_mul_size(&all, one, TJ_WORKERS_DEPTH * n) || !tj_mul_size(&lanes, n, sizeof(tj_lane)) ||
        !tj_add_size(&lanes, lanes, sizeof(tj_workers_shared)) || !tj_add_size(&all, all, lanes)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot make room for the requests of %zu workers", n);
    }
    w->lanes_bytes = lanes;
    w->shared_bytes = all;
    void *map =
        mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        return tj_fail(err, TJ_E_NOMEM, "cannot make room for the requests of %zu workers", n);
    }
    w->shared = map; /* zero: all batches are FREE */
    return TJ_OK;
}

/* ------------------------------------------------------------------ life */

static void close_end(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

/* Wake-ups are lost where a pipe is full of them, which is right: who reads it will wake up. */
static tj_code open_ends(tj_workers *w, tj_err *err)
{
    for (size_t i = 0; i < w->config.n_workers; i++) {
        tj_lane_ends *e = &w->ends[i];
        if (pipe2(e->work, O_CLOEXEC) != 0 || pipe2(e->done, O_CLOEXEC) != 0 ||
            fcntl(e->work[1], F_SETFL, O_NONBLOCK) != 0 ||
            fcntl(e->done[0], F_SETFL, O_NONBLOCK) != 0 ||
            fcntl(e->done[1], F_SETFL, O_NONBLOCK) != 0) {
            return tj_fail(err, TJ_E_BACKEND, "cannot make pipes to %zu workers: %s",
                           w->config.n_workers, strerror(errno));
        }
    }
    return TJ_OK;
}

/* Signals wait until the keeper has handlers of its own: the caller's are not to run there. */
static tj_code fork_keeper(tj_workers *w, tj_err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    int why = errno;
    if (pid == 0) {
        tj_workers_keep(w);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        return tj_fail(err, TJ_E_BACKEND, "cannot start worker processes: %s", strerror(why));
    }
    (void)setpgid(pid, pid); /* the keeper does too: whoever comes first */
    w->keeper = pid;
    for (size_t i = 0; i < w->config.n_workers; i++) {
        close_end(&w->ends[i].work[0]);
        close_end(&w->ends[i].done[1]);
    }
    return TJ_OK;
}

static tj_code check_config(const tj_workers_config *c, tj_err *err)
{
    if (c->n_workers < 1 || c->n_workers > TJ_MAX_WORKERS) {
        return tj_fail(err, TJ_E_INVAL, "n_workers is %zu, expected 1 to %d", c->n_workers,
                       TJ_MAX_WORKERS);
    }
    if (c->max_request_bytes < 1 || c->max_response_bytes < 1) {
        return tj_fail(err, TJ_E_INVAL, "workers need room for requests and responses");
    }
    if (!(c->cpu_seconds > 0.0 && c->cpu_seconds <= 1e6 && c->wall_seconds <= 1e6 &&
          c->wall_seconds >= c->cpu_seconds)) {
        return tj_fail(err, TJ_E_INVAL, "a request cannot have %g s of processor time in %g s",
                       c->cpu_seconds, c->wall_seconds);
    }
    return TJ_OK;
}

tj_code tj_workers_create(tj_workers **out, const tj_workers_config *config, tj_err *err)
{
    *out = NULL;
    tj_code rc = check_config(config, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_workers *w = tj_calloc(1, sizeof *w);
    tj_lane_ends *ends = tj_calloc(config->n_workers, sizeof *ends);
    tj_batch_place *places = tj_calloc(config->n_workers * TJ_WORKERS_DEPTH, sizeof *places);
    if (w == NULL || ends == NULL || places == NULL) {
        tj_free(w);
        tj_free(ends);
        tj_free(places);
        return tj_fail(err, TJ_E_NOMEM, "cannot make %zu workers", config->n_workers);
    }
    w->config = *config;
    w->ends = ends;
    w->places = places;
    for (size_t i = 0; i < config->n_workers; i++) {
        ends[i] = (tj_lane_ends){.work = {-1, -1}, .done = {-1, -1}};
    }
    rc = map_shared(w, err);
    if (rc == TJ_OK) {
        rc = open_ends(w, err);
    }
    if (rc == TJ_OK) {
        rc = fork_keeper(w, err);
    }
    if (rc != TJ_OK) {
        tj_workers_destroy(w);
        return rc;
    }
    *out = w;
    return TJ_OK;
}

void tj_workers_destroy(tj_workers *w)
{
    if (w == NULL) {
        return;
    }
    if (w->keeper > 0) {
        /* the keeper outlives its workers, so that none is left to a parent that does not wait */
        (void)kill(-w->keeper, SIGTERM);
        while (waitpid(w->keeper, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    for (size_t i = 0; i < w->config.n_workers; i++) {
        close_end(&w->ends[i].work[0]);
        close_end(&w->ends[i].work[1]);
        close_end(&w->ends[i].done[0]);
        close_end(&w->ends[i].done[1]);
    }
    if (w->shared != NULL) {
        (void)munmap(w->shared, w->shared_bytes);
    }
    tj_free(w->ends);
    tj_free(w->places);
    tj_free(w);
}

/* ------------------------------------------------------------------ requests */

static size_t used_bytes(const tj_batch *b)
{
    return b->n_requests == 0 ? 0 : b->request_end[b->n_requests - 1];
}

static bool fits(const tj_workers *w, const tj_batch *b, size_t n)
{
    return b->n_requests < TJ_WORKERS_BATCH && n <= w->room_bytes - used_bytes(b);
}

static bool can_begin(const tj_workers *w)
{
    return w->n_filled - w->n_pulled < TJ_WORKERS_DEPTH * (uint64_t)w->config.n_workers;
}

bool tj_workers_has_room(const tj_workers *w, size_t n)
{
    if (n > w->config.max_request_bytes) {
        return false;
    }
    return (w->filling && fits(w, batch_of(w, w->n_filled - 1), n)) || can_begin(w);
}

void tj_workers_flush(tj_workers *w)
{
    if (!w->filling) {
        return;
    }
    tj_batch *b = batch_of(w, w->n_filled - 1);
    const tj_lane_ends *e = &w->ends[place_of(w, w->n_filled - 1)->lane];
    w->filling = false;
    atomic_store_explicit(&b->state, TJ_BATCH_QUEUED, memory_order_release);
    /* a full pipe wakes up as well; a broken one is seen by pull */
    ssize_t n = write(e->work[1], "", 1);
    (void)n;
}

/* A free batch of the lane with the fewest that are not done; there is one. */
static tj_batch_place free_place(const tj_workers *w)
{
    tj_batch_place best = {.lane = 0};
    size_t fewest = SIZE_MAX;
    for (size_t lane = 0; lane < w->config.n_workers; lane++) {
        size_t n_queued = 0;
        size_t slot = SIZE_MAX;
        for (size_t i = 0; i < TJ_WORKERS_DEPTH; i++) {
            int state = atomic_load(&w->shared->lanes[lane].batches[i].state);
            n_queued += state == TJ_BATCH_QUEUED ? 1 : 0;
            slot = state == TJ_BATCH_FREE ? i : slot;
        }
        if (slot != SIZE_MAX && n_queued < fewest) {
            fewest = n_queued;
            best = (tj_batch_place){lane, slot};
        }
    }
    TJ_ASSERT(fewest != SIZE_MAX);
    return best;
}

static void begin_batch(tj_workers *w)
{
    *place_of(w, w->n_filled) = free_place(w);
    tj_batch *b = batch_of(w, w->n_filled);
    b->number = w->n_filled++;
    b->n_requests = 0;
    atomic_store(&b->n_started, 0);
    atomic_store(&b->n_done, 0);
    w->filling = true;
}

tj_code tj_workers_push(tj_workers *w, const char *request, size_t n, tj_err *err)
{
    if (!tj_workers_has_room(w, n)) {
        return tj_fail(err, TJ_E_LIMIT, "a request of %zu bytes has no room", n);
    }
    if (w->filling && !fits(w, batch_of(w, w->n_filled - 1), n)) {
        tj_workers_flush(w);
    }
    if (!w->filling) {
        begin_batch(w);
    }
    const tj_batch_place *place = place_of(w, w->n_filled - 1);
    tj_batch *b = batch_of(w, w->n_filled - 1);
    size_t at = used_bytes(b);
    if (n > 0) {
        memcpy(tj_workers_requests(w, place->lane, place->slot) + at, request, n);
    }
    b->request_end[b->n_requests++] = at + n;
    w->n_pending++;
    return TJ_OK;
}

size_t tj_workers_pending(const tj_workers *w)
{
    return w->n_pending;
}

/* ------------------------------------------------------------------ responses */

static tj_code failed(const tj_workers *w, tj_err *err)
{
    if (atomic_load(&w->shared->failed)) {
        return tj_fail(err, TJ_E_BACKEND, "cannot start worker processes: %s", w->shared->message);
    }
    return tj_fail(err, TJ_E_BACKEND, "the process that keeps the workers was ended");
}

/* Until the oldest batch is done. A pipe that ends tells that the keeper and all workers have. */
static tj_code wait_for_oldest(const tj_workers *w, const tj_job *job, tj_err *err)
{
    const tj_batch *b = batch_of(w, w->n_pulled);
    int fd = w->ends[place_of(w, w->n_pulled)->lane].done[0];
    bool ended = false;
    while (atomic_load_explicit(&b->state, memory_order_acquire) != TJ_BATCH_DONE) {
        char bytes[64];
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        tj_code rc = tj_job_check(job, err);
        if (rc != TJ_OK) {
            return rc;
        }
        if (ended) {
            return failed(w, err);
        }
        if (poll(&ready, 1, PAUSE_MS) > 0) {
            ended = read(fd, bytes, sizeof bytes) == 0;
        }
    }
    return TJ_OK;
}

static const char *say_lost(tj_workers *w, int loss)
{
    size_t n = sizeof w->lost;
    switch (loss) {
    case TJ_LOSS_NONE:
        return NULL;
    case TJ_LOSS_CPU:
        snprintf(w->lost, n, "%g s of processor time", w->config.cpu_seconds);
        break;
    case TJ_LOSS_WALL:
        snprintf(w->lost, n, "%g s by the clock", w->config.wall_seconds);
        break;
    case TJ_LOSS_MEMORY:
        snprintf(w->lost, n, "memory");
        break;
    case TJ_LOSS_LENGTH:
        snprintf(w->lost, n, "a response above %zu bytes", w->config.max_response_bytes);
        break;
    case TJ_LOSS_ERROR:
        snprintf(w->lost, n, "a failure of the worker");
        break;
    default:
        snprintf(w->lost, n, "signal %d ended the worker", loss - TJ_LOSS_SIGNAL);
        break;
    }
    return w->lost;
}

tj_code tj_workers_pull(tj_workers *w, tj_response *out, const tj_job *job, tj_err *err)
{
    *out = (tj_response){.bytes = ""};
    TJ_ASSERT(w->n_pending > 0);
    const tj_batch_place *place = place_of(w, w->n_pulled);
    tj_batch *b = batch_of(w, w->n_pulled);
    if (atomic_load(&b->state) != TJ_BATCH_DONE) {
        tj_workers_flush(w); /* who waits has nothing more to push */
    }
    tj_code rc = wait_for_oldest(w, job, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t begin = w->at == 0 ? 0 : b->response_end[w->at - 1];
    out->bytes = tj_workers_responses(w, place->lane, place->slot) + begin;
    out->n = b->response_end[w->at] - begin;
    out->lost = say_lost(w, b->lost[w->at]);
    w->n_pending--;
    if (++w->at == b->n_requests) {
        /* a later push may fill it again: out is lent until then */
        atomic_store(&b->state, TJ_BATCH_FREE);
        w->n_pulled++;
        w->at = 0;
    }
    return TJ_OK;
}
