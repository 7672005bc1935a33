/* One thread owns the engine. In turn it lets waiting requests in, in their order, runs a round for
 * all that are in, and tells their sinks. The lock is held but for the round itself, which is where
 * the time goes, so that submit and leave wait for a few microseconds.
 *
 * Lock order: mu, then whatever a sink locks. */
#include "web/service.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/job.h"
#include "base/rng.h"
#include "web/work.h"

struct tj_service {
    tj_service_config cfg;
    tj_prefixes *prefixes; /* the thread's */
    tj_metrics metrics;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mu;
    pthread_cond_t wake; /* there is something to do */
    /* guarded by mu; the thread may read `running` without, since it alone changes it */
    tj_work *waiting, **waiting_end; /* a queue */
    size_t n_waiting;
    tj_work *running;
    size_t n_running, n_continuations;
    tj_ticket n_tickets;
    tj_rng rng;
    bool draining, stopping;
};

void tj_service_config_default(tj_service_config *cfg)
{
    *cfg = (tj_service_config){.build = "",
                               .max_tokens = 4096,
                               .max_running = 64,
                               .max_queue = 256,
                               .n_kept_tokens = (size_t)1 << 20,
                               .timeout_s = 600.0};
}

const tj_service_config *tj_service_get_config(const tj_service *s)
{
    return &s->cfg;
}

tj_metrics *tj_service_metrics(tj_service *s)
{
    return &s->metrics;
}

/* ------------------------------------------------------------ the thread, locked */

/* Ends a work: its sink is told unless nobody waits. */
static void finish(tj_service *s, tj_work *w)
{
    tj_reply *reply = &w->reply;
    if (w->left) {
        w->rc = TJ_OK; /* its branches are as good as any */
    }
    tj_work_close(w, s->cfg.engine, s->prefixes);
    tj_metrics_tokens(&s->metrics, w->phase == TJ_PHASE_WAITING ? 0 : reply->n_prompt_tokens,
                      reply->n_cached, reply->n_generated);
    if (!w->left) {
        w->sink.done(w->sink.ctx, reply, w->rc, &w->err);
    }
    tj_work_destroy(w);
}

static void expire(tj_service *s, tj_work *w, double now)
{
    if (w->rc == TJ_OK && now - w->submitted > s->cfg.timeout_s) {
        w->rc = tj_fail(&w->err, TJ_E_CANCELLED, "not done within %g seconds", s->cfg.timeout_s);
    } else if (w->rc == TJ_OK && s->stopping) {
        w->rc = tj_fail(&w->err, TJ_E_CANCELLED, "the service ends");
    }
}

/* Those that have waited too long, wherever they stand. */
static void expire_waiting(tj_service *s, double now)
{
    tj_work **at = &s->waiting;
    while (*at != NULL) {
        tj_work *w = *at;
        expire(s, w, now);
        if (w->rc == TJ_OK) {
            at = &w->next;
        } else {
            *at = w->next;
            s->n_waiting--;
            finish(s, w);
        }
    }
    s->waiting_end = at;
}

static void let_in(tj_service *s)
{
    while (s->waiting != NULL) {
        tj_work *w = s->waiting;
        size_t n = w->reply.n_choices;
        if (s->n_running > 0 && s->n_continuations + n > s->cfg.max_running) {
            return;
        }
        s->waiting = w->next;
        s->waiting_end = s->waiting == NULL ? &s->waiting : s->waiting_end;
        s->n_waiting--;
        w->next = s->running;
        s->running = w;
        s->n_running++;
        s->n_continuations += n;
        tj_work_start(w, s->prefixes);
    }
}

/* Tells sinks what the round gave, and lets out what is done, left or late. */
static void let_out(tj_service *s, double now)
{
    for (tj_work **at = &s->running; *at != NULL;) {
        tj_work *w = *at;
        bool is_first = w->reply.n_generated == 0;
        size_t n_new = w->phase == TJ_PHASE_SAMPLING ? tj_work_feed(w, s->cfg.engine) : 0;
        if (n_new > 0 && is_first) {
            tj_metrics_first_token(&s->metrics, now - w->submitted);
        }
        bool is_done = tj_work_is_done(w);
        if (!is_done) {
            expire(s, w, now);
        }
        if (n_new > 0 && !w->left && w->rc == TJ_OK) {
            w->sink.progress(w->sink.ctx, &w->reply);
        }
        if (is_done || w->left || w->rc != TJ_OK) {
            *at = w->next;
            s->n_running--;
            s->n_continuations -= w->reply.n_choices;
            finish(s, w);
        } else {
            at = &w->next;
        }
    }
}

static void tell_gauges(tj_service *s)
{
    tj_engine_stats stats = tj_engine_get_stats(s->cfg.engine);
    tj_metrics_set(&s->metrics, &(tj_gauges){.n_waiting = s->n_waiting,
                                             .n_running = s->n_running,
                                             .n_continuations = s->n_continuations,
                                             .kv_bytes = tj_engine_kv_bytes_used(s->cfg.engine),
                                             .n_computed = stats.n_rows,
                                             .n_path = stats.n_path_tokens});
}

/* ------------------------------------------------------------ the thread, not locked */

/* A piece of each prompt that is to be scored, then a round. */
static void step(tj_service *s)
{
    tj_err err;
    size_t n_left = 0, n_open = 0;
    for (tj_work *w = s->running; w != NULL; w = w->next) {
        if (w->rc == TJ_OK && w->phase == TJ_PHASE_SCORING) {
            tj_work_score(w, s->cfg.engine);
        }
        n_open += w->n_open;
    }
    tj_code rc = n_open > 0 ? tj_engine_round(s->cfg.engine, &n_left, &err) : TJ_OK;
    for (tj_work *w = s->running; w != NULL && rc != TJ_OK; w = w->next) {
        if (w->rc == TJ_OK && w->phase == TJ_PHASE_SAMPLING) {
            w->rc = rc;
            w->err = err;
        }
    }
}

static void *run(void *arg)
{
    tj_service *s = arg;
    (void)pthread_mutex_lock(&s->mu);
    for (;;) {
        double now = tj_clock_seconds();
        expire_waiting(s, now);
        let_out(s, now);
        if (s->stopping) {
            break;
        }
        let_in(s);
        tell_gauges(s);
        if (s->running == NULL) {
            (void)pthread_cond_wait(&s->wake, &s->mu);
            continue;
        }
        (void)pthread_mutex_unlock(&s->mu);
        step(s);
        (void)pthread_mutex_lock(&s->mu);
    }
    (void)pthread_mutex_unlock(&s->mu);
    return NULL;
}

/* ------------------------------------------------------------ from outside */

tj_code tj_service_create(tj_service **out, const tj_service_config *cfg, tj_err *err)
{
    *out = NULL;
    if (cfg->max_tokens == 0 || cfg->max_running == 0 || cfg->max_queue == 0 ||
        !(cfg->timeout_s > 0.0) || cfg->n_positions < 2 || cfg->n_vocab == 0) {
        return tj_fail(err, TJ_E_INVAL,
                       "a service of %zu tokens, %zu continuations, %zu waiting, %g seconds",
                       cfg->max_tokens, cfg->max_running, cfg->max_queue, cfg->timeout_s);
    }
    tj_service *s = tj_calloc(1, sizeof *s);
    if (s == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot serve");
    }
    s->cfg = *cfg;
    s->waiting_end = &s->waiting;
    tj_rng_init(&s->rng, cfg->entropy, 0, 0, 0);
    tj_metrics_init(&s->metrics);
    (void)pthread_mutex_init(&s->mu, NULL); /* neither fails with default attributes on Linux */
    (void)pthread_cond_init(&s->wake, NULL);
    tj_code rc = tj_prefixes_create(&s->prefixes, cfg->engine, cfg->n_kept_tokens, err);
    if (rc == TJ_OK) {
        int why = pthread_create(&s->thread, NULL, run, s);
        s->has_thread = why == 0;
        rc = why == 0 ? TJ_OK
                      : tj_fail(err, TJ_E_BACKEND, "cannot start a thread: %s", strerror(why));
    }
    if (rc != TJ_OK) {
        tj_service_destroy(s);
        return rc;
    }
    *out = s;
    return TJ_OK;
}

void tj_service_destroy(tj_service *s)
{
    if (s == NULL) {
        return;
    }
    if (s->has_thread) {
        (void)pthread_mutex_lock(&s->mu);
        s->stopping = true;
        s->draining = true;
        (void)pthread_cond_signal(&s->wake);
        (void)pthread_mutex_unlock(&s->mu);
        (void)pthread_join(s->thread, NULL);
    }
    tj_prefixes_destroy(s->prefixes);
    (void)pthread_cond_destroy(&s->wake);
    (void)pthread_mutex_destroy(&s->mu);
    tj_metrics_deinit(&s->metrics);
    tj_free(s);
}

/* Locked. */
static tj_code enqueue(tj_service *s, tj_work *w, tj_err *err)
{
    if (s->draining) {
        return tj_fail(err, TJ_E_CONFLICT, "the server is about to end");
    }
    if (s->n_waiting >= s->cfg.max_queue) {
        return tj_fail(err, TJ_E_LIMIT, "%zu requests are waiting already", s->n_waiting);
    }
    w->ticket = ++s->n_tickets;
    *s->waiting_end = w;
    s->waiting_end = &w->next;
    s->n_waiting++;
    (void)pthread_cond_signal(&s->wake);
    return TJ_OK;
}

tj_code tj_service_submit(tj_service *s, tj_ticket *ticket, tj_request *request,
                          const tj_sink *sink, tj_err *err)
{
    tj_work *w = NULL;
    tj_code rc = tj_work_create(&w, request, &s->cfg, err);
    if (rc != TJ_OK) {
        return rc;
    }
    w->sink = *sink;
    w->submitted = tj_clock_seconds();
    (void)pthread_mutex_lock(&s->mu);
    rc = enqueue(s, w, err);
    *ticket = w->ticket;
    (void)pthread_mutex_unlock(&s->mu);
    if (rc != TJ_OK) {
        *request = w->request; /* the caller's again */
        w->request = (tj_request){0};
        tj_work_destroy(w);
    }
    return rc;
}

void tj_service_leave(tj_service *s, tj_ticket ticket)
{
    tj_work *dead = NULL;
    (void)pthread_mutex_lock(&s->mu);
    for (tj_work **at = &s->waiting; *at != NULL && dead == NULL;) {
        if ((*at)->ticket == ticket) {
            dead = *at;
            *at = dead->next;
            s->waiting_end = *at == NULL ? at : s->waiting_end;
            s->n_waiting--;
        } else {
            at = &(*at)->next;
        }
    }
    for (tj_work *w = s->running; w != NULL; w = w->next) {
        w->left = w->left || w->ticket == ticket;
    }
    (void)pthread_mutex_unlock(&s->mu);
    if (dead != NULL) {
        tj_work_destroy(dead);
    }
}

void tj_service_drain(tj_service *s)
{
    (void)pthread_mutex_lock(&s->mu);
    s->draining = true;
    (void)pthread_mutex_unlock(&s->mu);
}

bool tj_service_is_draining(tj_service *s)
{
    (void)pthread_mutex_lock(&s->mu);
    bool is = s->draining;
    (void)pthread_mutex_unlock(&s->mu);
    return is;
}

bool tj_service_is_idle(tj_service *s)
{
    (void)pthread_mutex_lock(&s->mu);
    bool is = s->n_waiting == 0 && s->n_running == 0;
    (void)pthread_mutex_unlock(&s->mu);
    return is;
}

uint64_t tj_service_random(tj_service *s)
{
    (void)pthread_mutex_lock(&s->mu);
    uint64_t n = tj_rng_u64(&s->rng);
    (void)pthread_mutex_unlock(&s->mu);
    return n;
}
