/* The client at work, shared by remote.c (opening, and what is sent when), remote_plan.c (which
 * samples are asked for) and remote_settle.c (what comes of a request). Other files use remote.h.
 *
 * A request is a run of a query's samples. It waits until it may be sent, is sent, and is then
 * done, or waits again.
 */
#ifndef TJ_INFER_REMOTE_CLIENT_H
#define TJ_INFER_REMOTE_CLIENT_H

#include "infer/http.h"
#include "infer/remote.h"

#define TJ_MAX_REDIRECTS       5   /* of a request; more is a circle */
#define TJ_MAX_REQUEST_SAMPLES 128 /* the largest n of OpenAI and vLLM's default */
#define TJ_MAX_SERVER_WORDS    200 /* bytes of a server's message in one of ours */

typedef struct tj_remote {
    tj_remote_config cfg;
    char *chat_url, *text_url, *pool_url;
    char *key;      /* NULL: none */
    tj_cache cache; /* get is NULL: none */
    tj_clock clock;
    tj_http *http;
    size_t retries_left;
    tj_generator_stats stats;
} tj_remote;

typedef enum tj_remote_state { TJ_REMOTE_WAITS, TJ_REMOTE_RUNS, TJ_REMOTE_DONE } tj_remote_state;

typedef struct tj_remote_request {
    size_t query, first, n; /* samples [first, first + n) of a query */
    tj_remote_state state;
    double ready_s; /* of the clock: not sent before */
    size_t n_tries, n_redirects;
    char *body;  /* once it was sent */
    char *moved; /* where redirects led; NULL: nowhere */
    tj_http_call call;
} tj_remote_request;

/* One call of generate. */
typedef struct tj_remote_batch {
    tj_remote *r;
    tj_query *queries; /* [n_queries] */
    size_t n_queries;
    tj_remote_request **requests; /* [n_requests]; at fixed addresses, as calls that run need */
    size_t n_requests, cap_requests;
    size_t first_open;      /* those before it are done */
    tj_http_call **running; /* [n_running] */
    size_t n_running, cap_running;
    size_t n_samples, n_done; /* to be answered, and answered or failed */
    double pause_s;           /* of the clock: nothing is sent before */
    tj_err fatal;             /* why nothing more is sent */
    const tj_job *job;
} tj_remote_batch;

/* Begins the queries, takes what the cache holds, and makes requests of the rest. Errors, to err
 * (never NULL) and to the queries that have no requests for it: those of the cache, TJ_E_NOMEM. A
 * query that cannot be sent has an error of its own, and the others go on. */
TJ_MUST_USE tj_code tj_remote_plan(tj_remote_batch *b, tj_err *err);
TJ_MUST_USE tj_code tj_remote_add(tj_remote_batch *b, size_t query, size_t first, size_t n,
                                  tj_err *err);
/* Keeps an answer's choice in the cache, if there is one, with usage (NULL: not this one's). */
TJ_MUST_USE tj_code tj_remote_keep(tj_remote_batch *b, const tj_query *q, size_t sample,
                                   const json_t *choice, const json_t *usage, tj_err *err);
const char *tj_remote_url(const tj_remote_batch *b, const tj_query *q);

/* Decides what becomes of a request whose call is out: answered, failed, or waiting again. */
void tj_remote_settle(tj_remote_batch *b, tj_remote_request *request);
/* Ends a request with an error, which is its query's if that has none yet. */
void tj_remote_fail(tj_remote_batch *b, tj_remote_request *request, const tj_err *why);

#endif
