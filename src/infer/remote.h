/* Inside of the client of OpenAI-compatible servers: what goes out, what comes in, when to try
 * again, and what the cache holds. Other rooms use infer.h.
 *
 * Ownership: stated at each function.
 * Threads:   no shared state.
 */
#ifndef TJ_INFER_REMOTE_H
#define TJ_INFER_REMOTE_H

#include <jansson.h>

#include "base/fs.h"
#include "infer/generator.h"

/* ------------------------------------------------------------ out: remote_request.c */

/* The seed of a request whose first sample is `first`, in [0, 2^31): every server takes those. */
uint64_t tj_remote_seed(const tj_query *query, size_t first);
/* Gives the canonical JSON of a request for n samples from `first` on (tj_free); one with a
 * response_format has its keys in order instead. What a server's default is anyway is left out.
 * Errors: TJ_E_INVAL (a text that is not UTF-8), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_remote_body(char **out, const tj_remote_config *cfg, const tj_query *query,
                                   size_t first, size_t n, tj_err *err);
/* Whether such a request has a response_format. */
bool tj_remote_sends_format(const tj_remote_config *cfg, const tj_query *query);
/* The cache's key of one sample: SHA-256 of the canonical JSON of {body, endpoint, sample}, where
 * body is that of a request for the query's first sample (so the model and the seed are in it), not
 * streamed: how samples are shared out among requests does not matter. Errors: as above. */
TJ_MUST_USE tj_code tj_remote_key(char out[TJ_SHA256_HEX], const char *endpoint,
                                  const tj_remote_config *cfg, const tj_query *query, size_t sample,
                                  tj_err *err);

/* ------------------------------------------------------------ in: remote_response.c, _stream.c */

#define TJ_MAX_ANSWER_DEPTH 32 /* of JSON; the protocol's answers have 8 levels */

/* What a request asked for, which its answer is held against. */
typedef struct tj_remote_asked {
    bool chat;      /* chat completions, else completions */
    size_t n;       /* choices */
    bool has_stops; /* stop strings */
    bool logprobs;
    bool pooled; /* vLLM's /pooling: `data` in the place of `choices` */
} tj_remote_asked;
tj_remote_asked tj_remote_asked_of(const tj_query *query, size_t n);

/* Reads a choice, an element of `choices`. Errors: TJ_E_PARSE naming the field ("choices[2].text is
 * missing"), TJ_E_NOMEM; *out is empty then. */
TJ_MUST_USE tj_code tj_remote_read_choice(tj_completion *out, const json_t *choice,
                                          tj_remote_asked asked, tj_err *err);
/* Finds the choices of an answer in the order of their indexes: lends choices [asked.n], of which
 * the first *n_found (at least 1) are set. Errors: TJ_E_PARSE (none, more than were asked for, an
 * index that is no choice's or another's too). */
TJ_MUST_USE tj_code tj_remote_find_choices(const json_t **choices, size_t *n_found,
                                           const json_t *answer, tj_remote_asked asked,
                                           tj_err *err);
/* Reads `usage` and reckons its cost; *there is false where the answer has none. Errors: TJ_E_PARSE
 * naming the field. */
TJ_MUST_USE tj_code tj_remote_read_usage(tj_usage *out, bool *there, const json_t *answer,
                                         const tj_remote_config *cfg, tj_err *err);
/* The message of {"error": {"message": ...}}, or of the other forms that servers have for it; lent,
 * NULL if it is none of them. */
const char *tj_remote_error_message(const json_t *answer);

/* Joins a stream of events to the answer that would have come without streaming (json_decref); NULL
 * on error. *is_cut: it ended before [DONE]. Errors: TJ_E_PARSE naming event and field,
 * TJ_E_BACKEND (an event tells of an error), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_remote_join_stream(json_t **out, bool *is_cut, const char *stream,
                                          size_t len, tj_remote_asked asked, tj_err *err);

/* ------------------------------------------------------------ again: remote_retry.c */

bool tj_remote_may_retry(long status);
/* Milliseconds that a Retry-After asks for: seconds, or a date; -1 if it is neither. */
int64_t tj_remote_retry_after_ms(const char *text, int64_t unix_us);
/* Milliseconds of back-off after `tries` tries; see tj_remote_config. */
double tj_remote_backoff_ms(const tj_remote_config *cfg, const tj_query *query, size_t first,
                            size_t tries);

/* ------------------------------------------------------------ kept: remote_cache.c */

/* A sample as the cache holds it: a digest, then the choice and, beside a request's first sample,
 * the answer's usage. Gives *out (tj_free). */
TJ_MUST_USE tj_code tj_remote_seal(char **out, size_t *len, const char *key, const json_t *choice,
                                   const json_t *usage, tj_err *err);
/* The other way (json_decref): {"choice", "key", "usage"}. NULL if the entry is damaged or another
 * key's. */
json_t *tj_remote_unseal(const char *value, size_t len, const char *key);

/* ------------------------------------------------------------ keys: remote_key.c */

#define TJ_MAX_KEY_BYTES ((size_t)4096) /* as long as the tokens of single sign-on */

/* Finds the key as cfg says: gives *out (tj_remote_forget_key), NULL if there is none, and where it
 * came from, for messages. Errors: those of tj_fs_read; TJ_E_INVAL (a named variable is not set, or
 * the key has bytes that a header cannot). No message holds it. */
TJ_MUST_USE tj_code tj_remote_find_key(char **out, char from[160], const tj_remote_config *cfg,
                                       tj_err *err);
void tj_remote_forget_key(char *key); /* overwrites and frees it; NULL is allowed */

/* ------------------------------------------------------------ all of it: remote.c */

/* Where time comes from; tests have one of their own, in which waiting takes none. */
typedef struct tj_clock {
    double (*seconds)(void *ctx); /* monotonic */
    int64_t (*unix_us)(void *ctx);
    void (*sleep)(void *ctx, double seconds);
    void *ctx;
} tj_clock;
/* tj_remote_open with a clock of one's own (NULL: the machine's); keeps what it points to. */
TJ_MUST_USE tj_code tj_remote_open_at(tj_generator *out, const char *url,
                                      const tj_remote_config *cfg, const tj_cache *cache,
                                      const tj_clock *clock, tj_err *err);

#endif
