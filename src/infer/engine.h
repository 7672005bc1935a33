/* Inside of the engine, shared by engine.c (branches), engine_call.c (one call of the decoder),
 * rounds.c, finish.c, form_hold.c, generate.c, score.c and prefixes.c. Other rooms use infer.h.
 *
 * A call is a set of runs; a run is a range of consecutive tokens of one segment, a row each. Rows
 * whose keys and values are not in the cache yet are stored by the call, the others are only
 * computed again, for their logits. No run lies in a segment twice, so what branches share is
 * computed once.
 */
#ifndef TJ_INFER_ENGINE_H
#define TJ_INFER_ENGINE_H

#include "base/par.h"
#include "infer/attend.h"
#include "infer/form_mask.h"
#include "infer/infer.h"
#include "infer/kvforest.h"
#include "infer/sampler.h"
#include "nn/nn.h"

#define TJ_NO_RUN SIZE_MAX
#define TJ_NO_OUT SIZE_MAX

/* Logits of one call are held at once; their number is bounded by this many bytes. */
#define TJ_LOGITS_BYTES ((size_t)256 << 20)

typedef struct tj_branch_slot {
    size_t tip;     /* a tip in the KV forest; TJ_NO_KVSEG: the slot is free */
    bool is_joined; /* a continuation that joined extends it */
} tj_branch_slot;

typedef struct tj_run {
    size_t seg, begin, n; /* tokens [begin, begin + n) of a segment */
    bool store;
    size_t row;    /* its first row of the call */
    size_t out;    /* the output row of its last token; TJ_NO_OUT: none */
    size_t chunks; /* first of its n_chunks chunks */
    size_t n_chunks;
} tj_run;

/* The call being built. Arrays but chunks are as long as they can get. */
typedef struct tj_call {
    uint64_t mark; /* of segments that have a run in this call */
    tj_run *runs;  /* [batch_rows] */
    size_t n_runs;
    int32_t *ids;      /* [batch_rows] */
    size_t *pos;       /* [batch_rows] */
    tj_attn_row *rows; /* [batch_rows] */
    size_t n_rows;
    size_t *out_rows; /* [max_out] */
    size_t n_out;
    tj_kvchunk *chunks; /* [cap_chunks] */
    size_t cap_chunks;
    float *logits; /* [cap_logits, V] of the out rows, after tj_call_run */
    size_t cap_logits;
    float *scratch; /* of attention; see tj_attn_call */
    size_t scratch_len, scratch_threads;
    size_t *common; /* [batch_rows]; of attention too */
} tj_call;

struct tj_engine {
    tj_model *model;
    const struct tj_tokenizer *tokenizer;
    const tj_model_config *model_cfg;
    tj_engine_config cfg;
    tj_attn_layout layout;
    tj_kvforest *forest;
    tj_branch_slot *branches; /* [n_branches] */
    size_t n_branches, cap_branches;
    tj_branch *free_branches; /* [n_free]; a stack with room for all branches */
    size_t n_free, cap_free;
    size_t max_out; /* most output rows of a call */
    tj_call call;
    tj_infer_scratch *scratch;
    size_t *path; /* [cap_path]; segments of a path, the tip first */
    size_t cap_path;
    tj_sampler samplers[TJ_MAX_THREADS]; /* one for each thread */
    tj_form_vocab *form_vocab;           /* NULL until a continuation has a form */
    tj_form_masks *form_masks;
    struct tj_gen_state *joined; /* [n_joined] in the order of joining; the first n_running run */
    size_t n_joined, n_running, cap_joined;
    bool hold;        /* memory ran out: let nobody in before somebody leaves */
    uint64_t n_marks; /* given out */
    tj_engine_stats stats;
};

/* A new mark for segments (tj_kvforest_mark). */
uint64_t tj_engine_mark(tj_engine *engine);

/* Starts an empty call. */
void tj_call_begin(tj_engine *engine);
size_t tj_call_room(const tj_engine *engine); /* rows that still fit */
/* Adds tokens [begin, begin + n) of a segment, at most tj_call_room; where they are to be stored
 * they must be the next to be, and blocks are reserved. */
tj_run *tj_call_add(tj_engine *engine, size_t seg, size_t begin, size_t n, bool store);
/* Asks for the output of one row of the call; returns its output index. */
size_t tj_call_want(tj_engine *engine, size_t row);
/* Runs it: logits are then in call.logits, or values in `values` [n_out] if that is not NULL.
 * After an error nothing counts as stored. */
TJ_MUST_USE tj_code tj_call_run(tj_engine *engine, float *values, tj_err *err);

/* Fills engine->path with the segments of the path of `tip`, the tip first, up to the first one
 * that is stored to its end (excluded). Gives their number. */
TJ_MUST_USE tj_code tj_engine_cold_path(tj_engine *engine, size_t *n, size_t tip, tj_err *err);
/* Reserves blocks for a segment, evicting what nobody runs. Errors: TJ_E_LIMIT, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_engine_reserve(tj_engine *engine, size_t seg, tj_err *err);
/* Samplers for all threads. */
TJ_MUST_USE tj_code tj_engine_samplers(tj_engine *engine, tj_err *err);
size_t tj_engine_tip(const tj_engine *engine, tj_branch branch);
/* TJ_E_INVAL if a row has no n_top most probable tokens to tell. */
TJ_MUST_USE tj_code tj_engine_check_top(const tj_engine *engine, size_t n_top, tj_err *err);

/* Where a continuation stands in its form; nothing of it is used where it has none. */
typedef struct tj_hold {
    tj_form_state at;
    tj_form_mask mask; /* of this round */
} tj_hold;
/* Begins gen's form. Errors: TJ_E_INVAL (there is no tokenizer to spell it), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_hold_begin(tj_hold *hold, tj_engine *engine, const tj_gen *gen, tj_err *err);
/* Finds the round's mask. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_hold_prepare(tj_hold *hold, tj_engine *engine, const tj_gen *gen,
                                    tj_err *err);
/* Draws gen's next token under the mask: the id and its log-probability, behind those that are
 * there. TJ_E_INVAL: no token fits; TJ_E_NUMERIC: as tj_sampler_draw. */
TJ_MUST_USE tj_code tj_hold_draw(const tj_hold *hold, const tj_engine *engine, tj_sampler *sampler,
                                 tj_gen *gen, const tj_top *top, const float *logits, double u);
/* Steps over gen's last token; true where that completes the form and nothing more may come. */
bool tj_hold_take(tj_hold *hold, const tj_engine *engine, const tj_gen *gen);

/* Sends the running continuation that entered last back to waiting, so that its keys and values may
 * be evicted; false if none runs. */
bool tj_engine_send_back(tj_engine *engine);
/* Sets the outputs to none. */
void tj_gen_clear(tj_gen *gen);
/* How the last of gen's tokens ends it where `n_more` more may follow; TJ_FINISH_NONE: not. */
tj_finish tj_gen_ended(const tj_engine *engine, const tj_gen *gen, size_t n_more);

#endif
