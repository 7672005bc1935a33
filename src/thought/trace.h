/* Process traces: how somebody worked at something by trial and error, event by event, as records
 * of systems have it. A trace becomes a thought of the kind human.
 *
 *     {"intent": "...", "events": [{"action": "...", "evaluation": "wrong", "cause": "...",
 *                                   "decision": "...", "back_to": 0}, ...], "outcome": "..."}
 *
 *     action ─▶ a step, marked by the evaluation      cause ─▶ a reflection
 *     decision ─▶ a way back, where it says to where, else a reflection     outcome ─▶ conclusion
 *
 * docs/formats.md, "A process trace", has the fields.
 *
 * Ownership: tj_record_deinit frees what is given.
 * Threads:   no shared state.
 */
#ifndef TJ_THOUGHT_TRACE_H
#define TJ_THOUGHT_TRACE_H

#include <jansson.h>

#include "thought/record.h"

#define TJ_MAX_TRACE_EVENTS ((size_t)1 << 16) /* a day's events of a person are some hundreds */

/* Whether a JSON value is a trace: an object with `events`. */
bool tj_is_trace(const json_t *json);
/* Annotations of spans number events from 1. Errors: TJ_E_PARSE ("WHERE: events[3].action: ..."),
 * TJ_E_LIMIT, TJ_E_NOMEM; *out is empty then. */
TJ_MUST_USE tj_code tj_trace_to_record(tj_record *out, const json_t *json, const char *where,
                                       tj_err *err);

#endif
