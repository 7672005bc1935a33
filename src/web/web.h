/* Serving a model: a service that answers many requests with one engine, and an OpenAI-compatible
 * HTTP server before it. The service is of use without HTTP too.
 *
 *     HTTP threads --tj_service_submit--> queue --> engine thread: rounds for all that run
 *                  <------- tj_sink.progress, tj_sink.done -------
 *
 * Ownership: stated at each function.
 * Threads:   a service and a server are locked inside; the engine belongs to the service's thread.
 */
#ifndef TJ_WEB_WEB_H
#define TJ_WEB_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "infer/infer.h"
#include "text/text.h"

/* ------------------------------------------------------------ requests and replies */

/* Continuations of prompts. */
typedef struct tj_request {
    tj_ids *prompts; /* [n_prompts], none empty */
    size_t n_prompts;
    size_t n_samples; /* of each prompt */
    tj_sampling sampling;
    uint64_t seed;     /* sample s of prompt p has the random stream (seed, 0, p, s) */
    size_t max_tokens; /* of a continuation; 0: nothing is sampled */
    char **stop;       /* [n_stop] strings, for tj_free */
    size_t n_stop;
    bool scores;         /* the prompts' own log-probabilities */
    size_t n_top;        /* most probable tokens told beside each, at most TJ_MAX_TOP */
    bool splits_thought; /* what stands in <think>...</think> is no part of the text */
    tj_form *form;       /* of the text (tj_form_destroy); NULL: any */
    bool thinks;         /* a thought may come before the form */
} tj_request;
void tj_request_deinit(tj_request *request); /* a zeroed one is allowed */

/* One continuation so far. */
typedef struct tj_choice {
    size_t prompt, sample;
    tj_gen gen;       /* ids and log-probabilities, those of a stop string or end token included */
    tj_buf text;      /* UTF-8 without stop string; nothing of it is taken back later */
    tj_buf thought;   /* the same of what stood in <think>...</think>, without newlines around */
    size_t n_thought; /* tokens of the thought */
    tj_finish finish; /* TJ_FINISH_NONE: it goes on */
    size_t n_fed;     /* of gen's ids, those that text, thought and finish know of */
    struct tj_speech *speech;
} tj_choice;

/* Log-probabilities of the tokens of a prompt after its first. */
typedef struct tj_prompt_score {
    float *logprobs;     /* [n - 1] of a prompt with n tokens; NULL if not asked for */
    int32_t *top_ids;    /* [n - 1, n_top], the most probable first */
    float *top_logprobs; /* [n - 1, n_top] */
    size_t n_done;       /* scored so far */
} tj_prompt_score;

typedef struct tj_reply {
    const tj_request *request;
    tj_choice *choices; /* [n_choices]; sample s of prompt p is p * n_samples + s */
    size_t n_choices;
    tj_prompt_score *scores; /* [n_scores]: one for each prompt */
    size_t n_scores;
    size_t n_prompt_tokens; /* of all prompts */
    size_t n_cached;        /* of them, those whose keys and values were there */
    size_t n_generated;     /* of all continuations */
} tj_reply;

/* Who is told, on the service's thread and while it is locked: these must be quick and must not
 * call the service. The reply is lent for the call. progress: after each round that sampled
 * something (all scores are there by then). done, once and last: rc is TJ_OK, or says why there is
 * no reply: TJ_E_CANCELLED (time is up, or the service ends), TJ_E_NUMERIC, TJ_E_LIMIT,
 * TJ_E_BACKEND, TJ_E_NOMEM. */
typedef struct tj_sink {
    void (*progress)(void *ctx, const tj_reply *reply);
    void (*done)(void *ctx, const tj_reply *reply, tj_code rc, const tj_err *err);
    void *ctx;
} tj_sink;

/* ------------------------------------------------------------ the service */

typedef struct tj_service_config {
    tj_engine *engine;       /* kept, as are the next two; the service's thread alone calls it */
    const tj_tokenizer *tok; /* the engine's */
    tj_encoder *encoder;     /* of tok; the server's thread alone calls it */
    size_t n_vocab;          /* of the model */
    size_t n_positions;      /* of the model: prompt and continuation together */
    int32_t ends[8];         /* tokens that end an answer, besides the model's own */
    size_t n_ends;
    bool chats; /* there is a chat template: */
    tj_chat_template chat;
    bool no_thinking;     /* unless a request says otherwise, answers have no thoughts */
    const char *system;   /* prompt of conversations that bring none, or NULL; kept */
    bool parse_special;   /* the texts of special tokens in plain prompts become those tokens */
    const char *name;     /* of the model; kept */
    const char *build;    /* what determines answers besides the request; kept */
    uint64_t entropy;     /* seeds of requests without one, and ids of answers, come from it */
    int64_t created;      /* seconds since 1970: when the model was opened */
    size_t max_tokens;    /* of a continuation */
    size_t max_running;   /* continuations at once; a larger request runs alone */
    size_t max_queue;     /* requests that wait */
    size_t n_kept_tokens; /* of finished paths, whose keys and values later prompts may find */
    double timeout_s;     /* of a request, from submit to done */
} tj_service_config;
/* All but engine, tok, encoder, n_vocab, n_positions and name have defaults. */
void tj_service_config_default(tj_service_config *cfg);

typedef struct tj_service tj_service;
typedef uint64_t tj_ticket;

/* Starts its thread. Gives *out; NULL on error. Errors: TJ_E_NOMEM, TJ_E_INVAL (a bound is 0),
 * TJ_E_BACKEND (no thread). */
TJ_MUST_USE tj_code tj_service_create(tj_service **out, const tj_service_config *cfg, tj_err *err);
/* Ends what runs (its sinks are told TJ_E_CANCELLED) and waits for the thread; NULL is allowed. */
void tj_service_destroy(tj_service *service);
const tj_service_config *tj_service_get_config(const tj_service *service);

/* Takes the request, which is empty afterwards, on success only. Errors: TJ_E_LIMIT (the queue is
 * full), TJ_E_CONFLICT (draining), TJ_E_INVAL (an id, a count or a length out of range),
 * TJ_E_NOMEM; the sink is not called then. */
TJ_MUST_USE tj_code tj_service_submit(tj_service *service, tj_ticket *ticket, tj_request *request,
                                      const tj_sink *sink, tj_err *err);
/* Gives a request up: once this returns its sink is not called any more, and what runs for it
 * stops with the round at hand. Nothing if it is done already. */
void tj_service_leave(tj_service *service, tj_ticket ticket);
/* Takes no more requests; those that it has go on. */
void tj_service_drain(tj_service *service);
bool tj_service_is_draining(tj_service *service);
bool tj_service_is_idle(tj_service *service); /* nothing runs and nothing waits */
/* A number that differs from call to call, from the entropy of the configuration. */
uint64_t tj_service_random(tj_service *service);

/* ------------------------------------------------------------ the server */

typedef struct tj_http_event {
    const char *method, *route; /* route: "/v1/models/{id}"; "other" for unknown ones */
    unsigned status;            /* 499: the client left before it was answered */
    size_t n_prompt_tokens, n_cached, n_generated;
    double seconds;
} tj_http_event;

#define TJ_MAX_KEYS 1024 /* far more than a server of one model has users */

typedef struct tj_server_config {
    const char *host; /* a name or a number; borrowed, as are all pointers here */
    uint16_t port;    /* 0: any that is free */
    const char *keys; /* one a line, or with commas between; '#' begins a comment; NULL: none */
    bool allow_open;  /* without keys on an address that others reach */
    const char *tls_cert, *tls_key; /* PEM texts; NULL: plain HTTP */
    size_t max_body;                /* bytes */
    size_t max_connections;
    double read_timeout_s; /* for a whole request to arrive, or the next one to begin */
    /* Called after each request, from the server's thread; NULL is allowed. */
    void (*log)(void *ctx, const tj_http_event *event);
    void *ctx;
} tj_server_config;
void tj_server_config_default(tj_server_config *cfg); /* 127.0.0.1, port 8080 */

typedef struct tj_server tj_server;

/* Serves: /v1/models, /v1/models/{id}, /v1/completions, /v1/chat/completions, /health, /metrics.
 * Keeps the service. Gives *out; NULL on error. Errors: TJ_E_INVAL (a key is malformed, no keys on
 * an address that others reach, one of the two TLS texts alone), TJ_E_NOTFOUND (host),
 * TJ_E_CONFLICT (the port is taken), TJ_E_IO, TJ_E_BACKEND (the TLS texts are refused), TJ_E_NOMEM.
 */
TJ_MUST_USE tj_code tj_server_start(tj_server **out, tj_service *service,
                                    const tj_server_config *cfg, tj_err *err);
uint16_t tj_server_port(const tj_server *server);
/* Refuses new requests with 503, lets those at hand end, waits until the last byte is sent (to a
 * client that reads none of it: for grace_s seconds after the last answer is ready). */
void tj_server_drain(tj_server *server, double grace_s);
void tj_server_stop(tj_server *server); /* closes what is open; NULL is allowed */

#endif
