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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/job.h"

struct tj_model;     /* nn/nn.h */
struct tj_tokenizer; /* text/text.h */

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
 * memory is in the model's compute type (f32 for one opened with its matrices quantised). Errors:
 * TJ_E_INVAL (block_tokens not a multiple of 16, batch_rows not in [1, 65536], kv_bytes below one
 * block), TJ_E_LIMIT, TJ_E_NOMEM. */
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

typedef enum tj_finish {
    TJ_FINISH_NONE = 0,
    TJ_FINISH_EOS,    /* a token that ends it was sampled (it is in ids) */
    TJ_FINISH_STOP,   /* a stop string was completed by the last token of ids */
    TJ_FINISH_LENGTH, /* max_tokens were sampled, or the model's positions ended */
    TJ_FINISH_FAILED  /* it cannot go on: tj_gen_error says why */
} tj_finish;

/* One continuation to sample. The inputs are borrowed for the call. */
typedef struct tj_gen {
    tj_branch branch; /* extended in place by the sampled tokens */
    tj_sampling sampling;
    uint64_t seed, run, problem, node; /* the random stream */
    size_t max_tokens;
    const char *const *stop; /* stop strings; NULL if none */
    size_t n_stop;
    const int32_t *ends; /* tokens that end it, besides the model's eos_id; NULL if none */
    size_t n_ends;
    size_t n_top; /* most probable tokens told beside each sampled one, at most TJ_MAX_TOP */
    /* outputs, given: free with tj_gen_deinit */
    int32_t *ids;        /* [n_ids] */
    float *logprobs;     /* [n_ids] under the model at temperature 1, whole vocabulary */
    int32_t *top_ids;    /* [n_ids, n_top], the most probable first; ties by id */
    float *top_logprobs; /* [n_ids, n_top] as logprobs */
    size_t n_ids;
    tj_finish finish;
    tj_code code; /* of one that failed: TJ_E_NUMERIC or TJ_E_LIMIT */
} tj_gen;
void tj_gen_deinit(tj_gen *gen); /* frees the outputs */
/* The error of a continuation that failed, its branch still being there; else TJ_OK. */
TJ_MUST_USE tj_code tj_gen_error(const tj_engine *engine, const tj_gen *gen, tj_err *err);

/* Samples all of them, in batches. No branch may be given twice. Stop strings are looked for in the
 * bytes of the sampled tokens; special tokens have none. On TJ_E_CANCELLED and other errors the
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

#endif
