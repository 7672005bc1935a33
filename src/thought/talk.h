/* Asking a language model for an answer in a strict JSON form: read or refused, asked again within
 * a bound, then recorded as failed. What could not be read is never guessed.
 *
 * Ownership: a talk owns its failures; tj_talk_deinit frees them.
 * Threads:   confined to one thread.
 */
#ifndef TJ_THOUGHT_TALK_H
#define TJ_THOUGHT_TALK_H

#include <jansson.h>

#include "base/job.h"
#include "infer/infer.h"

#define TJ_TALK_WHY_BYTES    200
#define TJ_TALK_MAX_ANSWER   ((size_t)1 << 20) /* bytes of an answer that is read at all */
#define TJ_TALK_MAX_FAILURES 4096              /* kept; further ones are counted */

/* One answer that could not be used. */
typedef struct tj_talk_failure {
    char what[48];               /* what was asked: "rewrite spans 3 to 8" */
    size_t attempt;              /* from 1 */
    bool is_last;                /* no further attempt was made */
    char why[TJ_TALK_WHY_BYTES]; /* "not JSON: ..." */
} tj_talk_failure;

typedef struct tj_talk {
    tj_generator *generator; /* borrowed */
    tj_sampling sampling;    /* of the first attempt */
    double temperature_rise; /* added at each further one */
    size_t max_tokens;       /* of an answer */
    size_t max_tries;        /* attempts at one thing, at least 1 */
    uint64_t seed, run;      /* of the random streams: each thing and each attempt has its own */
    const tj_job *job;
    const char *name; /* of the model, for editors; NULL: "model" */
    /* filled in */
    uint64_t n_things;                   /* asked for so far: part of the random stream's key */
    size_t n_asked, n_refused, n_failed; /* attempts; answers that could not be used; things given
                                          * up */
    tj_talk_failure *failures;           /* [n_failures] */
    size_t n_failures, cap_failures;
    tj_usage usage;
} tj_talk;
void tj_talk_init(tj_talk *talk, tj_generator *generator); /* with defaults: 3 tries, 0.2 more */
void tj_talk_deinit(tj_talk *talk);

/* Takes an answer apart. `json` is an object. Refuses it by writing into why. */
typedef tj_code (*tj_talk_read_fn)(void *ctx, const json_t *json, char why[TJ_TALK_WHY_BYTES],
                                   tj_err *err);

/* Asks until `read` takes an answer, which is held to the form (NULL: none; it is borrowed). *ok:
 * it did. An answer is one JSON object and nothing else, but blanks and a Markdown fence around it;
 * one that was cut is refused. After a refusal the model is told why. A generator without
 * conversations gets the text "System: ... User: ... Assistant:". Errors: TJ_E_CANCELLED,
 * TJ_E_NOMEM, TJ_E_INVAL and TJ_E_NOTFOUND (the server refused the request), TJ_E_IO (at no attempt
 * anything came back from the server: it is gone). Other failures of the generator count as refused
 * answers. */
TJ_MUST_USE tj_code tj_talk_ask(tj_talk *talk, bool *ok, const char *what,
                                const tj_message *messages, size_t n, const tj_form *form,
                                tj_talk_read_fn read, void *ctx, tj_err *err);

/* A question with an exchange before it that shows the form: small models follow an example where
 * they do not follow a rule. */
typedef struct tj_talk_prompt {
    const char *system;
    const char *example, *answer; /* what might be asked, and a good answer */
    const char *user;
    const char *schema; /* of the answer, a JSON Schema of tj_form_create; NULL: none */
} tj_talk_prompt;
/* tj_talk_ask with these as messages. */
TJ_MUST_USE tj_code tj_talk_ask_like(tj_talk *talk, bool *ok, const char *what,
                                     const tj_talk_prompt *prompt, tj_talk_read_fn read, void *ctx,
                                     tj_err *err);

/* For readers: a text field that is not blank, or NULL with `why` written. */
const char *tj_talk_text(const json_t *json, const char *key, char why[TJ_TALK_WHY_BYTES]);
/* The failures as JSON, a new reference; NULL without memory. */
json_t *tj_talk_failures_json(const tj_talk *talk);

#endif
