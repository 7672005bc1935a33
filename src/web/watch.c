/* A client that closes its side while it is owed an answer has gone: HTTP/1.1 has no other sign.
 * (One that half-closes after its request and still reads is taken for gone, as by other servers.)
 *
 * Lock order: mu, the service's, an exchange's. The HTTP library calls add and remove
 * without holding locks of its own. */
#define _GNU_SOURCE /* POLLRDHUP */
#include "web/watch.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/alloc.h"
#include "base/job.h"

#define PERIOD_NS 50000000L

struct tj_connection {
    tj_connection *prev, *next;
    int fd;
    double since; /* when it was opened, or its last request ended */
    bool complete;
    bool closed;     /* by us */
    tj_exchange *ex; /* NULL: between requests */
};

struct tj_watch {
    double read_timeout_s;
    bool plain;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mu;
    pthread_cond_t wake;
    /* guarded by mu */
    tj_connection *first;
    size_t n_exchanges;
    bool stopping;
};

/* ------------------------------------------------------------ the thread, locked */

static bool has_gone(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Nothing of an answer has been sent yet, so a few bytes always fit. */
static void close_slow(const tj_watch *w, tj_connection *c)
{
    static const char late[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n"
                               "Connection: close\r\n\r\n";
    if (w->plain && c->ex != NULL) {
        (void)send(c->fd, late, strlen(late), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    (void)shutdown(c->fd, SHUT_RDWR);
    if (c->ex != NULL) {
        tj_exchange_give_up(c->ex, 408);
    }
    c->closed = true;
}

static void look_at(const tj_watch *w, tj_connection *c, double now)
{
    if (c->closed) {
        return;
    }
    if (c->ex != NULL && c->complete) {
        if (has_gone(c->fd)) {
            tj_exchange_give_up(c->ex, 499);
            c->closed = true;
        }
    } else if (now - c->since > w->read_timeout_s) {
        close_slow(w, c);
    }
}

static void *run(void *arg)
{
    tj_watch *w = arg;
    (void)pthread_mutex_lock(&w->mu);
    while (!w->stopping) {
        if (w->first == NULL) {
            (void)pthread_cond_wait(&w->wake, &w->mu);
            continue;
        }
        double now = tj_clock_seconds();
        for (tj_connection *c = w->first; c != NULL; c = c->next) {
            look_at(w, c, now);
        }
        (void)pthread_mutex_unlock(&w->mu);
        (void)nanosleep(&(struct timespec){.tv_nsec = PERIOD_NS}, NULL);
        (void)pthread_mutex_lock(&w->mu);
    }
    (void)pthread_mutex_unlock(&w->mu);
    return NULL;
}

/* ------------------------------------------------------------ from outside */

tj_code tj_watch_create(tj_watch **out, double read_timeout_s, bool plain, tj_err *err)
{
    *out = NULL;
    tj_watch *w = tj_calloc(1, sizeof *w);
    if (w == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot watch connections");
    }
    w->read_timeout_s = read_timeout_s;
    w->plain = plain;
    (void)pthread_mutex_init(&w->mu, NULL); /* neither fails with default attributes on Linux */
    (void)pthread_cond_init(&w->wake, NULL);
    int why = pthread_create(&w->thread, NULL, run, w);
    if (why != 0) {
        tj_watch_destroy(w);
        return tj_fail(err, TJ_E_BACKEND, "cannot start a thread: %s", strerror(why));
    }
    w->has_thread = true;
    *out = w;
    return TJ_OK;
}

void tj_watch_destroy(tj_watch *w)
{
    if (w == NULL) {
        return;
    }
    if (w->has_thread) {
        (void)pthread_mutex_lock(&w->mu);
        w->stopping = true;
        (void)pthread_cond_signal(&w->wake);
        (void)pthread_mutex_unlock(&w->mu);
        (void)pthread_join(w->thread, NULL);
    }
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->mu);
    tj_free(w);
}

tj_connection *tj_watch_add(tj_watch *w, int fd)
{
    tj_connection *c = tj_calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->fd = fd;
    c->since = tj_clock_seconds();
    (void)pthread_mutex_lock(&w->mu);
    c->next = w->first;
    if (c->next != NULL) {
        c->next->prev = c;
    }
    w->first = c;
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->mu);
    return c;
}

void tj_watch_remove(tj_watch *w, tj_connection *c)
{
    if (c == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&w->mu);
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        w->first = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    (void)pthread_mutex_unlock(&w->mu);
    tj_free(c);
}

void tj_watch_begin(tj_watch *w, tj_connection *c, tj_exchange *ex)
{
    (void)pthread_mutex_lock(&w->mu);
    w->n_exchanges++;
    if (c != NULL) {
        c->ex = ex;
        c->complete = false;
    }
    (void)pthread_mutex_unlock(&w->mu);
}

void tj_watch_complete(tj_watch *w, tj_connection *c)
{
    (void)pthread_mutex_lock(&w->mu);
    if (c != NULL) {
        c->complete = true;
    }
    (void)pthread_mutex_unlock(&w->mu);
}

void tj_watch_end(tj_watch *w, tj_connection *c)
{
    (void)pthread_mutex_lock(&w->mu);
    w->n_exchanges--;
    if (c != NULL) {
        c->ex = NULL;
        c->complete = false;
        c->since = tj_clock_seconds();
    }
    (void)pthread_mutex_unlock(&w->mu);
}

size_t tj_watch_n_exchanges(tj_watch *w)
{
    (void)pthread_mutex_lock(&w->mu);
    size_t n = w->n_exchanges;
    (void)pthread_mutex_unlock(&w->mu);
    return n;
}

void tj_watch_give_up(tj_watch *w)
{
    (void)pthread_mutex_lock(&w->mu);
    for (tj_connection *c = w->first; c != NULL; c = c->next) {
        if (c->ex != NULL) {
            tj_exchange_give_up(c->ex, 499);
        }
        c->closed = true;
    }
    (void)pthread_mutex_unlock(&w->mu);
}
