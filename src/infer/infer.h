/* Generation on a KV forest: branches that share their prefix share its keys and values.
 *
 * A branch is a path of tokens from a root; forking it at any token costs nothing but bookkeeping,
 * and dropping it gives back the blocks that no other branch uses. Hundreds of branches of
 * different lengths decode together. A sample depends on the branch's own tokens and its random
 * stream (seed, run, problem, node) alone: not on what else is in the batch, nor on the threads.
 *
 * Ownership: the engine owns branches and blocks; callers hold ids.
 * Threads:   confined to one thread; work inside is shared out.
 */
#ifndef TJ_INFER_INFER_H
#define TJ_INFER_INFER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/job.h"
#include "text/text.h"

struct tj_model; /* nn/nn.h */

typedef struct tj_engine tj_engine;
typedef size_t tj_branch;
#define TJ_NO_BRANCH SIZE_MAX

typedef struct tj_engine_config {
    size_t block_tokens; /* tokens of a KV block; default 16 */
    size_t kv_bytes;     /* bound on KV memory; default 1 GiB */
    size_t batch_rows;   /* most rows decoded at once; default 512 */
} tj_engine_config;
void tj_engine_config_default(tj_engine_config *cfg);

/* The engine borrows model and tokenizer (which may be NULL: then no stop strings) for its life. KV
 * memory is in the model's compute type: f32 for all that tj_model_open gives. Errors: TJ_E_INVAL
 * (block_tokens not a multiple of 16, batch_rows not in [1, 65536], kv_bytes below one block),
 * TJ_E_LIMIT, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_engine_create(tj_engine **out, struct tj_model *model,
                                     const struct tj_tokenizer *tokenizer,
                                     const tj_engine_config *cfg, tj_err *err);
/* NULL is allowed; branches go with it. */
void tj_engine_destroy(tj_engine *engine);
/* Must be called after the model's weights were changed: forgets all keys and values, not the
 * branches; continuations that joined go on with the new weights. */
void tj_engine_refresh(tj_engine *engine);

/* A new root branch of the given tokens (n > 0). Nothing is computed until it is needed, and keys
 * and values are only a cache: when KV memory is short, those that were used longest ago are given
 * up and computed again, to the same bits, when they are needed. Errors of root, fork and append:
 * TJ_E_INVAL (n, an id or a position out of range), TJ_E_NOMEM; nothing is then changed. */
TJ_MUST_USE tj_code tj_engine_root(tj_engine *engine, tj_branch *out, const int32_t *ids, size_t n,
                                   tj_err *err);
/* A new branch that shares the first n_tokens (>= 1, at most its length) of `from`'s path. */
TJ_MUST_USE tj_code tj_engine_fork(tj_engine *engine, tj_branch *out, tj_branch from,
                                   size_t n_tokens, tj_err *err);
/* Appends given (not sampled) tokens to a branch. */
TJ_MUST_USE tj_code tj_engine_append(tj_engine *engine, tj_branch branch, const int32_t *ids,
                                     size_t n, tj_err *err);
/* Drops a branch; branches forked from it live on. */
void tj_engine_drop(tj_engine *engine, tj_branch branch);
size_t tj_engine_length(const tj_engine *engine, tj_branch branch); /* tokens of its path */
/* Copies tokens [begin, end) of the branch's path. */
void tj_engine_path(const tj_engine *engine, tj_branch branch, size_t begin, size_t end,
                    int32_t *out);
size_t tj_engine_kv_bytes_used(const tj_engine *engine);

typedef struct tj_sampling {
    double temperature; /* 0: greedy */
    size_t top_k;       /* 0: off */
    double top_p;       /* 1: off */
    double min_p;       /* 0: off; keeps tokens with p >= min_p * p_max */
} tj_sampling;

#define TJ_MAX_TOP 20 /* as OpenAI's top_logprobs */

/* ------------------------------------------------------------ forms */

#define TJ_FORM_MAX_DEPTH      12    /* objects and arrays in one another */
#define TJ_FORM_MAX_NODES      1024  /* values of a schema, and members of an object */
#define TJ_FORM_MAX_LITERALS   4096  /* values of all enums */
#define TJ_FORM_MAX_TEXT       60000 /* bytes of all names and fixed values; places fit 16 bits */
#define TJ_FORM_MAX_ITEMS      65000 /* minItems and maxItems; likewise */
#define TJ_FORM_MAX_CHARACTERS 1000000

/* The form of an answer: JSON that a schema describes, and nothing before or after it. */
typedef struct tj_form tj_form;

/* Compiles a JSON Schema. Known are
 *
 *     {"type": "object"}      any object; its values are nested as deep as the bound allows
 *     ... "properties"        members in this order, each exactly once and no others, whatever
 *                             `required` and `additionalProperties` allow beyond that
 *     {"type": "array"}       `items` (else any values), `minItems`, `maxItems`
 *     {"type": "string"}      `minLength` (then it does not begin with a blank), `maxLength`
 *     {"type": "integer"}, "number", "boolean", "null"
 *     {"enum": [...]}, "const"   of scalars
 *     "type": [T, "null"], {"anyOf": [X, {"type": "null"}]}   a value or null
 *     {}                      any value
 *
 * and title, description, $schema, $id, $comment, default, examples, deprecated, readOnly and
 * writeOnly, which change nothing. Every answer in the form is valid under the schema; not every
 * valid one is in the form (infer/form.h). Gives *out (tj_form_destroy); NULL on error. Errors:
 * TJ_E_INVAL (another keyword, or a value that it cannot have, by name and path; `where` begins
 * the path), TJ_E_LIMIT, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_form_create(tj_form **out, const json_t *schema, const char *where,
                                   tj_err *err);
void tj_form_destroy(tj_form *form); /* NULL is allowed */

/* ------------------------------------------------------------ continuations */

typedef enum tj_finish {
    TJ_FINISH_NONE = 0,
    TJ_FINISH_EOS,    /* a token that ends it was sampled (it is in ids) */
    TJ_FINISH_STOP,   /* a stop string, or its form, was completed by the last token of ids */
    TJ_FINISH_LENGTH, /* max_tokens were sampled, or the model's positions ended */
    TJ_FINISH_FAILED, /* it cannot go on: tj_gen_error says why */
    TJ_FINISH_FILTER  /* of a server only: its content filter cut or refused the answer */
} tj_finish;

/* One continuation to sample. The inputs are borrowed for the call. */
typedef struct tj_gen {
    tj_branch branch; /* extended in place by the sampled tokens */
    tj_sampling sampling;
    uint64_t seed, run, problem, node; /* the random stream */
    size_t max_tokens;
    const char *const *stop; /* stop strings; NULL if none */
    size_t n_stop;
    const int32_t *ends; /* tokens that end it, besides the model's own; NULL if none */
    size_t n_ends;
    size_t n_top;        /* most probable tokens told beside each sampled one, at most TJ_MAX_TOP */
    const tj_form *form; /* of the text; NULL: any. Tokens are drawn from those that fit, filters
                          * and temperature being applied to these alone; what ends it fits once
                          * the form is complete, and where nothing more may come it is finished */
    bool thinks;         /* a thought, <think>...</think>, may come before the form */
    /* outputs, given: free with tj_gen_deinit */
    int32_t *ids;        /* [n_ids] */
    float *logprobs;     /* [n_ids] under the model at temperature 1, whole vocabulary */
    int32_t *top_ids;    /* [n_ids, n_top], the most probable first; ties by id */
    float *top_logprobs; /* [n_ids, n_top] as logprobs */
    size_t n_ids;
    tj_finish finish;
    tj_code code; /* of one that failed: TJ_E_NUMERIC, TJ_E_LIMIT or TJ_E_INVAL (form) */
} tj_gen;
void tj_gen_deinit(tj_gen *gen); /* frees the outputs */
/* The error of a continuation that failed, its branch still being there; else TJ_OK. */
TJ_MUST_USE tj_code tj_gen_error(const tj_engine *engine, const tj_gen *gen, tj_err *err);

/* Samples all of them, in batches. No branch may be given twice. Stop strings are looked for in the
 * bytes of the sampled tokens; special tokens have none. A form needs a tokenizer whose tokens can
 * spell it: where none fits, the continuation fails. On TJ_E_CANCELLED and other errors the
 * outputs hold what was sampled so far, as do the branches. Errors: TJ_E_INVAL (before anything is
 * sampled), TJ_E_LIMIT when KV memory cannot hold even one branch, TJ_E_NUMERIC (logits that are
 * not finite), TJ_E_NOMEM. Others that joined before (below) go on meanwhile. */
TJ_MUST_USE tj_code tj_engine_generate(tj_engine *engine, tj_gen *gens, size_t n_gens,
                                       const tj_job *job, tj_err *err);

/* The same, one round at a time, for callers whose work comes and goes: continuations join at any
 * moment, each round gives every one that has its prompt behind it one more token, and finished
 * ones (finish is set) leave by themselves. What a continuation samples does not depend on when it
 * joined, nor on the others. Branches may be made, forked (also from one that is being continued),
 * scored and dropped between rounds.
 *
 * join keeps gen (and borrows its inputs) until it is finished or left; its outputs grow from round
 * to round and may be read in between; its branch may not be appended to or dropped. One that has
 * no token to sample is finished at once. Errors: as generate's of a single continuation. */
TJ_MUST_USE tj_code tj_engine_join(tj_engine *engine, tj_gen *gen, tj_err *err);
/* Takes an unfinished continuation out; its branch and outputs stay. Nothing if it is not in. */
void tj_engine_leave(tj_engine *engine, tj_gen *gen);
/* One call of the decoder for those that joined; *n_left of them are not finished after it. When a
 * single continuation is at fault (its logits are not finite, or KV memory cannot hold it even
 * alone) it leaves with finish TJ_FINISH_FAILED and the rest go on. Errors: TJ_E_NOMEM; nobody
 * leaves, and another round goes on to the same samples. */
TJ_MUST_USE tj_code tj_engine_round(tj_engine *engine, size_t *n_left, tj_err *err);

/* ------------------------------------------------------------ prefixes shared across requests */

/* Finished branches, kept so that later ones that begin alike find their keys and values. The
 * engine forgets keys and values that nobody runs when memory is short, the longest unused first;
 * this bounds the bookkeeping (token ids) in the same order. */
typedef struct tj_prefixes tj_prefixes;

/* Keeps the engine; max_tokens bounds the sum of the lengths of all kept branches. Errors:
 * TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_prefixes_create(tj_prefixes **out, tj_engine *engine, size_t max_tokens,
                                       tj_err *err);
/* Drops what it keeps, not the branches that are lent; NULL is allowed. */
void tj_prefixes_destroy(tj_prefixes *prefixes);
/* Lends a branch of exactly the n > 0 given tokens that shares the longest common beginning with
 * any branch kept or lent (a prompt that another request is still computing is shared too).
 * *n_shared: tokens of that beginning whose keys and values are there already. The branch must come
 * back by keep or drop. Errors: TJ_E_NOMEM, TJ_E_INVAL (n 0). */
TJ_MUST_USE tj_code tj_prefixes_lend(tj_prefixes *prefixes, tj_branch *out, size_t *n_shared,
                                     const int32_t *ids, size_t n, tj_err *err);
/* Takes a lent branch, with what was generated on it, back: keep for later use, drop for good. */
void tj_prefixes_keep(tj_prefixes *prefixes, tj_branch branch);
void tj_prefixes_drop(tj_prefixes *prefixes, tj_branch branch);

/* ------------------------------------------------------------ scores */

/* Log-probabilities of the tokens [begin, end) of a branch's path (begin >= 1), right whether or
 * not the prefix is cached, and the same bits as generate gave. out [end - begin]. Continuations
 * that run give way if memory is short, until the next round. Errors: as generate. */
TJ_MUST_USE tj_code tj_engine_score(tj_engine *engine, tj_branch branch, size_t begin, size_t end,
                                    float *out, tj_err *err);
/* The same with the n_top (in [1, TJ_MAX_TOP]) most probable tokens at each place beside it.
 * top_ids and top_logprobs [end - begin, n_top]. */
TJ_MUST_USE tj_code tj_engine_score_top(tj_engine *engine, tj_branch branch, size_t begin,
                                        size_t end, float *out, size_t n_top, int32_t *top_ids,
                                        float *top_logprobs, tj_err *err);

/* The value head's values after reading each of the tokens [begin, end). out [end - begin]. Errors:
 * TJ_E_INVAL (the model has none). */
TJ_MUST_USE tj_code tj_engine_value(tj_engine *engine, tj_branch branch, size_t begin, size_t end,
                                    float *out, tj_err *err);

/* Counters since create: what sharing saved. */
typedef struct tj_engine_stats {
    uint64_t n_rows;        /* tokens computed */
    uint64_t n_sampled;     /* of them sampled */
    uint64_t n_path_tokens; /* tokens that one-by-one generation would have computed */
} tj_engine_stats;
tj_engine_stats tj_engine_get_stats(const tj_engine *engine);

/* ------------------------------------------------------------ texts in, texts out */

/* A policy or a judge is a path or a URL: a model here, or one behind a server that speaks OpenAI's
 * protocol (completions and chat completions, as vLLM, SGLang, llama.cpp and tabiji serve do). Of a
 * model here token ids are the truth, and trees use them directly (above); of one behind a server
 * the texts are. */

/* A token's bytes, n_bytes from `begin` of tj_completion.bytes, and its log-probability. */
typedef struct tj_token_prob {
    size_t begin, n_bytes;
    double logprob;
} tj_token_prob;

/* One answer. All NULL or 0 where there is none. */
typedef struct tj_completion {
    char *text; /* [n_text] and a zero; without the stop string that ended it */
    size_t n_text;
    char *reasoning; /* [n_reasoning] and a zero: thoughts, kept apart in chats; NULL: none */
    size_t n_reasoning;
    tj_finish finish; /* EOS, STOP, LENGTH or FILTER. Servers do not tell EOS from STOP: where there
                       * are stop strings it is STOP */
    tj_token_prob *tokens; /* [n_tokens]; NULL where they were not asked for */
    size_t n_tokens;
    size_t *top_begin;  /* [n_tokens + 1]: token i's alternatives are top[top_begin[i]] up to */
    tj_token_prob *top; /* top[top_begin[i + 1]], as the server orders them; NULL: none */
    char *bytes;        /* of all of them */
    bool is_cached;     /* from the cache: nothing was asked */
} tj_completion;

typedef struct tj_usage {
    uint64_t n_prompt;     /* tokens of prompts, */
    uint64_t n_cached;     /* of them such as the server had keys and values of */
    uint64_t n_completion; /* tokens of answers, thoughts included, */
    uint64_t n_reasoning;  /* of them thoughts, where the server says so */
    double cost;           /* by the prices of the configuration, in their currency */
} tj_usage;

/* One prompt and how to answer it. The inputs are borrowed for the call. */
typedef struct tj_query {
    const tj_message *messages; /* [n_messages]: a conversation to answer (where the assistant has
                                 * the last word, a model here goes on from it); or NULL: */
    size_t n_messages;
    const char *text; /* [n_text]: a text to continue */
    size_t n_text;
    tj_sampling sampling;
    uint64_t seed, run, problem; /* sample i is of the random stream (seed, run, problem, i) */
    size_t n_samples;            /* in [1, TJ_MAX_QUERY_SAMPLES] */
    size_t max_tokens;           /* of an answer, at least 1 */
    const char *const *stop;     /* [n_stop] stop strings; NULL if none */
    size_t n_stop;
    bool logprobs;       /* of the answers' tokens, */
    size_t n_top;        /* with so many alternatives, at most TJ_MAX_TOP */
    const tj_form *form; /* of the answers; NULL: any. A server is asked for it as its settings say,
                          * in chats alone, and may not know it */
    bool pooled; /* of a server only: not an answer to the conversation, but what the model's
                  * pooling makes of it (vLLM's /pooling), as JSON in the completion's text; one
                  * sample */
    /* outputs, given: free with tj_query_deinit */
    tj_completion *completions; /* [n_samples]; text is NULL where there is no answer */
    tj_usage usage;             /* of what was asked now */
    tj_usage saved;             /* of what the cache held */
    tj_err error;               /* why answers are missing; code TJ_OK: none are */
} tj_query;
#define TJ_MAX_QUERY_SAMPLES 4096 /* pass@k needs some hundreds */
void tj_query_deinit(tj_query *query);
void tj_completion_deinit(tj_completion *completion);

/* Sums since it was opened. */
typedef struct tj_generator_stats {
    uint64_t n_answers;       /* given, */
    uint64_t n_from_cache;    /* of them such as the cache held */
    uint64_t n_damaged;       /* entries of the cache that were damaged and asked for again */
    uint64_t n_tries;         /* requests sent, */
    uint64_t n_retries;       /* of them such as repeat one that failed */
    uint64_t n_without_usage; /* answered requests that do not say what they used */
    tj_usage usage, saved;
    bool has_prices; /* else every cost is 0 and means nothing */
    bool is_refused; /* a server would refuse all that follows: the key, or the address */
} tj_generator_stats;

typedef struct tj_generator {
    /* Answers all of them. Where some cannot be answered the others still are; the first such
     * query's error is then returned, and each one's own is in its `error`. Errors: TJ_E_INVAL (a
     * query out of its bounds; a conversation, where `chats` is false), TJ_E_CANCELLED, those of
     * tj_engine_generate here; of a server see tj_remote_config. */
    tj_code (*generate)(void *ctx, tj_query *queries, size_t n, const tj_job *job, tj_err *err);
    tj_generator_stats (*get_stats)(const void *ctx);
    void (*close)(void *ctx);
    void *ctx;
    bool chats;   /* conversations can be answered, not only texts continued */
    size_t batch; /* queries that are worth giving at once */
} tj_generator;

bool tj_is_url(const char *path_or_url); /* begins with http:// or https:// */
struct tj_generator_options;
/* Opens a model (as tj_voice_load) or the client of a server. Errors: those of tj_voice_load, or of
 * tj_remote_open; *out needs no close then. */
TJ_MUST_USE tj_code tj_generator_open(tj_generator *out, const char *path_or_url,
                                      const struct tj_generator_options *options, tj_err *err);
void tj_generator_close(tj_generator *generator); /* a zeroed one is allowed */

/* ------------------------------------------------------------ a model here */

#define TJ_MAX_ENDS 4

/* A model that brings its own tokenizer, as real models do, with what it takes to speak with it. */
typedef struct tj_voice {
    struct tj_model *model; /* for generation only */
    tj_tokenizer *tok;
    tj_encoder *encoder;
    tj_engine *engine;
    bool chats; /* there is a chat template */
    tj_chat_template chat;
    tj_chat_options options;
    bool thinks;               /* its chats may begin with a thought */
    int32_t ends[TJ_MAX_ENDS]; /* tokens that end an answer, besides the model's own */
    size_t n_ends;
} tj_voice;

typedef struct tj_voice_options {
    const char *chat_template; /* its name; NULL: that of the model's files, if they have one */
    bool raw;                  /* no template */
    bool no_thinking;          /* qwen3: answers without thoughts */
    const tj_engine_config *engine; /* NULL: the defaults */
} tj_voice_options;

/* Loads the GGUF file, or the folder with a tokenizer.json, at path. Errors: those of
 * tj_model_open, tj_tokenizer_load, tj_chat_by_name and tj_chat_recognize; TJ_E_NOTFOUND (nothing
 * is there); TJ_E_INVAL (the tokenizer has more tokens than the model). The voice is closed then.
 */
TJ_MUST_USE tj_code tj_voice_load(tj_voice *voice, const char *path,
                                  const tj_voice_options *options, tj_err *err);
void tj_voice_close(tj_voice *voice); /* a zeroed one is allowed */
/* Appends the ids of a conversation in the chat template (TJ_E_INVAL if there is none), or of a
 * text as it stands, with the tokens before it that the tokenizer's file asks for. */
TJ_MUST_USE tj_code tj_voice_encode_chat(tj_voice *voice, tj_ids *ids, const tj_message *messages,
                                         size_t n, tj_err *err);
TJ_MUST_USE tj_code tj_voice_encode_text(tj_voice *voice, tj_ids *ids, const char *text, size_t len,
                                         tj_err *err);

/* An engine as a generator, for whoever has one: encode appends the ids of a query's prompt. */
typedef struct tj_engine_speech {
    tj_engine *engine;
    const tj_tokenizer *tok;
    const int32_t *ends; /* [n_ends], as tj_gen's */
    size_t n_ends;
    tj_code (*encode)(void *ctx, tj_ids *ids, const tj_query *query, tj_err *err);
    void *ctx;
    bool chats;
    bool thinks; /* answers in chats may begin with a thought: forms hold after it */
} tj_engine_speech;
/* Keeps engine, tok, ends and ctx; the beginnings of prompts stay in the engine until it is closed.
 * Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_generator_of_engine(tj_generator *out, const tj_engine_speech *speech,
                                           tj_err *err);

/* ------------------------------------------------------------ a model behind a server */

/* Answers that were paid for, by key: 64 hexadecimal digits. What get gives is checked, so that an
 * entry may be damaged or another's. */
typedef struct tj_cache {
    /* Gives *out (tj_free), len bytes; NULL, and TJ_OK, where there is none. */
    tj_code (*get)(void *ctx, char **out, size_t *len, const char *key, tj_err *err);
    /* Keeps value under key, in the place of what was there. */
    tj_code (*put)(void *ctx, const char *key, const char *value, size_t len, tj_err *err);
    void *ctx;
} tj_cache;

/* A cache in a folder, which is made where it is not: a file an entry, DIR/ab/ab12…, written
 * atomically, so that several processes may share it. Errors: those of tj_fs_mkdirs. Close with
 * tj_cache_close_dir. */
TJ_MUST_USE tj_code tj_cache_open_dir(tj_cache *out, const char *path, tj_err *err);
void tj_cache_close_dir(tj_cache *cache); /* a zeroed one is allowed */

typedef enum tj_max_tokens_field {
    TJ_MAX_TOKENS,           /* "max_tokens", as most servers call it */
    TJ_MAX_COMPLETION_TOKENS /* "max_completion_tokens", as OpenAI's chats of reasoning models do */
} tj_max_tokens_field;

typedef enum tj_response_format {
    TJ_RESPONSE_SCHEMA,        /* {"type": "json_schema", ...} with the form's schema, strict */
    TJ_RESPONSE_OBJECT_SCHEMA, /* {"type": "json_object", "schema": ...}, as llama.cpp and
                                * llama-cpp-python read it, too */
    TJ_RESPONSE_OBJECT,        /* {"type": "json_object"}: for servers that know no schemas */
    TJ_RESPONSE_NONE           /* nothing: for servers that refuse the field */
} tj_response_format;

/* How a server is asked. A request is a query's samples, or a part of them; it is tried again after
 * statuses 408, 409, 425, 429, 500, 502, 503, 504 and failures of the transport, after waiting
 *     min(backoff_ms * 2^(tries so far - 1), max_backoff_ms) * u,   u in [1/2, 1)
 * or, if that is longer, what the answer's Retry-After says. u is a Philox draw. */
typedef struct tj_remote_config {
    char model[256];        /* as the server calls it */
    char key_variable[128]; /* environment variable of the key; "": TABIJI_API_KEY, or else
                             * OPENAI_API_KEY */
    char key_file[1024];    /* file of the key, which then comes from no variable; "": none */
    char ca_file[1024];     /* certificates (PEM) that https servers are checked against; "": the
                             * machine's own */
    bool allow_plain_http;  /* send a key over http to hosts other than this one */
    bool stream;            /* ask for server-sent events: for answers that take long */
    bool send_seed;         /* requests have a seed, 31 bits drawn from that of the query */
    int max_tokens_field;   /* tj_max_tokens_field */
    int response_format;    /* tj_response_format: what is sent in chats that have a form */
    size_t max_in_flight;   /* requests at a time */
    size_t samples_per_request; /* at most; 0: all of a query. What a server leaves out is asked for
                                 * again */
    size_t connect_timeout_ms;
    size_t timeout_ms;  /* of a try that is not streamed */
    size_t silence_ms;  /* of a streamed one, without a byte */
    size_t max_tries;   /* of a request */
    size_t max_retries; /* of all requests together, since open */
    size_t backoff_ms, max_backoff_ms;
    size_t max_retry_after_s;         /* a server that asks for more patience has failed */
    double price_input, price_output; /* per million tokens, in any one currency; 0: not told */
    double price_cached_input;        /* below 0: as price_input */
} tj_remote_config;
void tj_remote_config_default(tj_remote_config *cfg);
/* Sets the fields that json (an object) has, as tj_config_read. */
TJ_MUST_USE tj_code tj_remote_config_read(tj_remote_config *cfg, const json_t *json,
                                          const char *where, tj_err *err);

/* The client of the server at url, the base of its routes: "https://host/v1"; of a URL without a
 * path "/v1" is meant. A key is looked for as cfg says; it goes to that host only, in no message,
 * and not over http to another machine unless cfg allows it. A redirect is followed (307 and 308)
 * to the same scheme, host and port only. Keeps cache (NULL: none) and what it points to. Errors:
 * TJ_E_INVAL (the URL has a user, a query or a fragment, no model is named, the named variable is
 * not set, the key would be seen), those of tj_fs_read, TJ_E_BACKEND, TJ_E_NOMEM.
 *
 * Errors of generate: TJ_E_IO (the transport), TJ_E_PARSE (what came is not what the protocol
 * says), TJ_E_INVAL and TJ_E_NOTFOUND (the server refused the request), TJ_E_LIMIT (429, or tries,
 * patience or bytes are exhausted), TJ_E_BACKEND (another status); they name URL, status and field.
 * After 401, 403 and 404 no further requests are sent. Answers that came are in the cache whatever
 * else failed. */
TJ_MUST_USE tj_code tj_remote_open(tj_generator *out, const char *url, const tj_remote_config *cfg,
                                   const tj_cache *cache, tj_err *err);

typedef struct tj_generator_options {
    tj_voice_options voice;  /* of a path */
    tj_remote_config remote; /* of a URL, */
    const tj_cache *cache;   /* with this; NULL: none */
} tj_generator_options;

#endif
