/* One request on the engine: its branches, the scores of its prompts, its continuations and their
 * text. Internal to the service.
 *
 *     create -> start -> score ... -> (continuations join the engine's rounds) feed ... -> close
 *
 * Ownership: create/destroy; a work keeps its request.
 * Threads:   create on any; after it was handed over, the engine's alone, but for `left`.
 */
#ifndef TJ_WEB_WORK_H
#define TJ_WEB_WORK_H

#include "web/web.h"

typedef enum tj_phase { TJ_PHASE_WAITING, TJ_PHASE_SCORING, TJ_PHASE_SAMPLING } tj_phase;

typedef struct tj_work {
    struct tj_work *next;
    tj_ticket ticket;
    tj_request request;
    tj_reply reply;
    tj_sink sink;
    double submitted; /* tj_clock_seconds */
    bool left;        /* nobody waits for it any more; guarded by the service's mu */
    tj_phase phase;
    size_t prompt; /* being scored */
    size_t n_open; /* continuations that are not finished */
    tj_code rc;    /* why it failed */
    tj_err err;
} tj_work;

/* Takes the request on success. Errors: TJ_E_INVAL, TJ_E_NOMEM, as tj_service_submit. */
TJ_MUST_USE tj_code tj_work_create(tj_work **out, tj_request *request, const tj_service_config *cfg,
                                   tj_err *err);
void tj_work_destroy(tj_work *work); /* it must be closed, or never have been started */

/* Lends its branches. A failure is kept in work->rc, here and below. */
void tj_work_start(tj_work *work, tj_prefixes *prefixes);
/* Scores a bounded number of tokens; after the last of them, joins the engine. */
void tj_work_score(tj_work *work, tj_engine *engine);
/* Reads what the last round sampled; gives the number of tokens. */
size_t tj_work_feed(tj_work *work, tj_engine *engine);
bool tj_work_is_done(const tj_work *work); /* failed, or nothing is left to do */
/* Gives its branches back, for later prompts to share unless it failed. */
void tj_work_close(tj_work *work, tj_engine *engine, tj_prefixes *prefixes);

#endif
