/* Continuous batching. Each round is one call of the decoder: a row for every running continuation
 * that only lacks its last token, and what room is left goes to the prompts of those that lack
 * more. Those that joined stand in a queue in the order of joining, and the first n_running of them
 * run; finished ones leave it, and then the next may enter.
 *
 * KV memory is bounded. A continuation enters when blocks for its whole path can be had, if need be
 * by evicting what none that runs uses. When a running one cannot get its next block, the one that
 * entered last goes back to waiting; it keeps its tokens and its random stream, and its keys are
 * computed again, to the same bits, if they have been evicted by then. The oldest is never sent
 * back, so the work always advances. None of this can change a sample: that depends on the branch's
 * own logits and the draw index alone. */
#include "base/alloc.h"
#include "base/assert.h"
#include "base/par.h"
#include "base/rng.h"
#include "infer/engine.h"

#define FIRST_OUTPUTS 256 /* outputs set aside when a branch starts; they double after that */

typedef struct tj_gen_state {
    tj_gen *gen;
    tj_rng rng; /* one draw for each token sampled */
    double u;   /* the draw of the next token: the same if a round must be played again */
    tj_hold hold;
    size_t out; /* output row of this round; TJ_NO_OUT: none */
    size_t cap_ids, cap_logprobs, cap_top_ids, cap_top_logprobs;
    tj_code rc;  /* of this round's draw */
    bool is_out; /* finished, failed or told to leave */
} tj_gen_state;

static size_t tip_of(const tj_engine *engine, const tj_gen_state *state)
{
    return tj_engine_tip(engine, state->gen->branch);
}

static size_t n_tokens_left(const tj_engine *engine, const tj_gen *gen)
{
    size_t positions = engine->model_cfg->max_positions - tj_engine_length(engine, gen->branch);
    size_t n = gen->max_tokens - gen->n_ids;
    return n < positions ? n : positions;
}

/* ------------------------------------------------------------ joining and leaving */

static tj_code check_gen(const tj_engine *engine, const tj_gen *gen, tj_err *err)
{
    if (gen->branch >= engine->n_branches || engine->branches[gen->branch].tip == TJ_NO_KVSEG) {
        return tj_fail(err, TJ_E_INVAL, "there is no such branch to continue");
    }
    if (engine->branches[gen->branch].is_joined) {
        return tj_fail(err, TJ_E_INVAL, "the branch is being continued by another");
    }
    if (gen->n_stop > 0 && engine->tokenizer == NULL) {
        return tj_fail(err, TJ_E_INVAL, "there are stop strings and no tokenizer");
    }
    for (size_t s = 0; s < gen->n_stop; s++) {
        if (gen->stop[s][0] == '\0') {
            return tj_fail(err, TJ_E_INVAL, "stop string %zu is empty", s);
        }
    }
    tj_code rc = tj_engine_check_top(engine, gen->n_top, err);
    return rc == TJ_OK ? tj_sampling_check(&gen->sampling, err) : rc;
}

tj_code tj_engine_join(tj_engine *engine, tj_gen *gen, tj_err *err)
{
    tj_gen_clear(gen);
    tj_code rc = check_gen(engine, gen, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (n_tokens_left(engine, gen) == 0) {
        gen->finish = TJ_FINISH_LENGTH;
        return TJ_OK;
    }
    tj_hold hold;
    rc = tj_hold_begin(&hold, engine, gen, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (!tj_grow(&engine->joined, &engine->cap_joined, engine->n_joined + 1,
                 sizeof *engine->joined)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a continuation");
    }
    tj_gen_state *state = &engine->joined[engine->n_joined++];
    *state = (tj_gen_state){.gen = gen, .hold = hold, .out = TJ_NO_OUT};
    tj_rng_init(&state->rng, gen->seed, gen->run, gen->problem, gen->node);
    state->u = tj_rng_double(&state->rng);
    engine->branches[gen->branch].is_joined = true;
    return TJ_OK;
}

/* Takes those that are out from the queue. */
static void let_out(tj_engine *engine)
{
    size_t n = 0;
    size_t n_running = 0;
    for (size_t i = 0; i < engine->n_joined; i++) {
        tj_gen_state *state = &engine->joined[i];
        bool runs = i < engine->n_running;
        if (state->is_out) {
            const tj_gen *gen = state->gen;
            if (runs) {
                tj_kvforest_unpin(engine->forest, tip_of(engine, state));
                engine->hold = false;
            }
            engine->branches[gen->branch].is_joined = false;
            engine->stats.n_path_tokens +=
                gen->n_ids > 0 ? tj_engine_length(engine, gen->branch) - 1 : 0;
        } else {
            n_running += runs;
            if (n < i) {
                engine->joined[n] = *state;
            }
            n++;
        }
    }
    engine->n_joined = n;
    engine->n_running = n_running;
}

void tj_engine_leave(tj_engine *engine, tj_gen *gen)
{
    for (size_t i = 0; i < engine->n_joined; i++) {
        if (engine->joined[i].gen == gen) {
            engine->joined[i].is_out = true;
            let_out(engine);
            return;
        }
    }
}

static void finish(tj_gen_state *state, tj_finish how)
{
    state->gen->finish = how;
    state->is_out = how != TJ_FINISH_NONE;
}

static void fail(tj_gen_state *state, tj_code code)
{
    state->gen->code = code;
    finish(state, TJ_FINISH_FAILED);
}

tj_code tj_gen_error(const tj_engine *engine, const tj_gen *gen, tj_err *err)
{
    if (gen->finish != TJ_FINISH_FAILED) {
        return TJ_OK;
    }
    if (gen->code == TJ_E_LIMIT) {
        return tj_fail(err, gen->code, "a branch of %zu tokens does not fit into %zu bytes of KV",
                       tj_engine_length(engine, gen->branch), engine->cfg.kv_bytes);
    }
    if (gen->code == TJ_E_INVAL) {
        return tj_fail(err, gen->code,
                       "no token of the vocabulary goes on with the form after %zu tokens of "
                       "problem %llu, node %llu",
                       gen->n_ids, (unsigned long long)gen->problem, (unsigned long long)gen->node);
    }
    return tj_fail(err, gen->code,
                   "the logits of problem %llu, node %llu are not finite at token %zu",
                   (unsigned long long)gen->problem, (unsigned long long)gen->node, gen->n_ids);
}

/* ------------------------------------------------------------ running and waiting */

/* Pins the path of the first that waits and reserves its blocks; if memory is short it waits on, or
 * fails if it was to be the only one. */
static tj_code enter(tj_engine *engine, tj_err *err)
{
    tj_gen_state *state = &engine->joined[engine->n_running];
    size_t tip = tip_of(engine, state);
    size_t n = 0;
    tj_kvforest_pin(engine->forest, tip, TJ_NO_KVSEG);
    tj_code rc = tj_engine_cold_path(engine, &n, tip, err);
    while (rc == TJ_OK && n > 0) {
        rc = tj_engine_reserve(engine, engine->path[--n], err);
    }
    if (rc == TJ_OK) {
        engine->n_running++;
        return TJ_OK;
    }
    tj_kvforest_unpin(engine->forest, tip);
    if (rc != TJ_E_LIMIT) {
        return rc;
    }
    if (engine->n_running > 0) {
        engine->hold = true;
    } else {
        fail(state, rc);
        let_out(engine);
    }
    return TJ_OK;
}

static tj_code let_in(tj_engine *engine, tj_err *err)
{
    tj_code rc = TJ_OK;
    while (rc == TJ_OK && engine->n_running < engine->n_joined &&
           engine->n_running < engine->max_out && /* at most batch_rows */
           !(engine->hold && engine->n_running > 0)) {
        rc = enter(engine, err);
    }
    return rc;
}

bool tj_engine_send_back(tj_engine *engine)
{
    if (engine->n_running == 0) {
        return false;
    }
    tj_kvforest_unpin(engine->forest, tip_of(engine, &engine->joined[--engine->n_running]));
    engine->hold = false; /* what it had may be taken now */
    return true;
}

/* Blocks for the token that each sampled last, the oldest first. */
static tj_code make_room(tj_engine *engine, tj_err *err)
{
    for (size_t i = 0; i < engine->n_running;) {
        tj_gen_state *state = &engine->joined[i];
        tj_code rc = tj_engine_reserve(engine, tip_of(engine, state), err);
        if (rc == TJ_OK) {
            i++;
        } else if (rc != TJ_E_LIMIT) {
            return rc;
        } else if (engine->n_running == 1) {
            fail(state, rc);
            let_out(engine);
        } else {
            (void)tj_engine_send_back(engine);
            engine->hold = true; /* for those that run */
        }
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ a round */

/* Lacks at most the last token of its path. */
static bool is_ready(const tj_engine *engine, const tj_gen_state *state)
{
    const tj_kvseg *tip = tj_kvforest_seg(engine->forest, tip_of(engine, state));
    if (tip->n_stored + 1 < tip->len) {
        return false;
    }
    if (tip->parent == TJ_NO_KVSEG) {
        return true;
    }
    const tj_kvseg *parent = tj_kvforest_seg(engine->forest, tip->parent);
    return parent->n_stored == parent->len;
}

/* Adds the rows that the branch lacks, as far as there is room, and asks for the logits of its last
 * token once that is among them. A segment that another branch's plan has added is not added
 * again. */
static tj_code plan(tj_engine *engine, tj_gen_state *state, tj_err *err)
{
    size_t tip = tip_of(engine, state);
    size_t n = 0;
    tj_code rc = tj_engine_cold_path(engine, &n, tip, err);
    if (rc != TJ_OK) {
        return rc;
    }
    bool is_stored = n == 0; /* its last token's logits are wanted once more */
    if (is_stored) {
        engine->path[n++] = tip;
    }
    tj_run *run = NULL;
    while (n > 0) {
        size_t id = engine->path[--n];
        const tj_kvseg *seg = tj_kvforest_seg(engine->forest, id);
        if (seg->mark == engine->call.mark) {
            run = &engine->call.runs[seg->mark_value];
        } else {
            size_t from = is_stored ? seg->len - 1 : seg->n_stored;
            size_t room = tj_call_room(engine);
            size_t m = seg->len - from < room ? seg->len - from : room;
            if (m == 0) {
                return TJ_OK;
            }
            run = tj_call_add(engine, id, from, m, !is_stored);
        }
        if (run->begin + run->n < seg->len) {
            return TJ_OK;
        }
    }
    if (run->out == TJ_NO_OUT) {
        run->out = tj_call_want(engine, run->row + run->n - 1);
    }
    state->out = run->out;
    return TJ_OK;
}

static tj_code plan_all(tj_engine *engine, tj_err *err)
{
    tj_call_begin(engine);
    for (size_t i = 0; i < engine->n_running; i++) {
        engine->joined[i].out = TJ_NO_OUT;
    }
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < engine->n_running; i++) {
            tj_gen_state *state = &engine->joined[i];
            if (is_ready(engine, state) == (pass == 0)) {
                tj_code rc = plan(engine, state, err);
                if (rc != TJ_OK) {
                    return rc;
                }
            }
        }
    }
    return TJ_OK;
}

/* Room for the outputs of the token that the round samples. */
static tj_code grow_outputs(tj_engine *engine, tj_gen_state *state, tj_err *err)
{
    tj_gen *gen = state->gen;
    size_t need = gen->n_ids + 1;
    size_t n_top = gen->n_top;
    if (need == 1) {
        size_t more = n_tokens_left(engine, gen) - 1;
        need += more < FIRST_OUTPUTS ? more : FIRST_OUTPUTS;
    }
    if (!tj_grow(&gen->ids, &state->cap_ids, need, sizeof *gen->ids) ||
        !tj_grow(&gen->logprobs, &state->cap_logprobs, need, sizeof *gen->logprobs) ||
        !tj_grow(&gen->top_ids, &state->cap_top_ids, need * n_top, sizeof *gen->top_ids) ||
        !tj_grow(&gen->top_logprobs, &state->cap_top_logprobs, need * n_top,
                 sizeof *gen->top_logprobs)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu sampled tokens", need);
    }
    return TJ_OK;
}

static void sample_item(void *ctx, size_t item, size_t thread)
{
    tj_engine *engine = ctx;
    tj_gen_state *state = &engine->joined[item];
    if (state->out == TJ_NO_OUT) {
        return;
    }
    tj_gen *gen = state->gen;
    size_t n_vocab = engine->model_cfg->n_vocab;
    tj_top top = tj_top_at((tj_top){gen->n_top, gen->top_ids, gen->top_logprobs}, gen->n_ids);
    const float *logits = engine->call.logits + state->out * n_vocab;
    tj_sampler *sampler = &engine->samplers[thread];
    state->rc = gen->form != NULL
                    ? tj_hold_draw(&state->hold, engine, sampler, gen, &top, logits, state->u)
                    : tj_sampler_draw(sampler, &gen->ids[gen->n_ids], &gen->logprobs[gen->n_ids],
                                      &top, logits, n_vocab, &gen->sampling, state->u, NULL);
}

/* Adds the sampled token to the branch and to the outputs: to all or to none. */
static tj_code commit(tj_engine *engine, tj_gen_state *state, tj_err *err)
{
    tj_gen *gen = state->gen;
    size_t more = n_tokens_left(engine, gen) - 1;
    size_t old = tip_of(engine, state);
    size_t tip = old;
    tj_code rc = tj_kvforest_append(engine->forest, &tip, &gen->ids[gen->n_ids], 1, more, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (tip != old) {
        tj_kvforest_pin(engine->forest, tip, old);
        engine->branches[gen->branch].tip = tip;
    }
    gen->n_ids++;
    state->u = tj_rng_double(&state->rng);
    engine->stats.n_sampled++;
    bool is_closed = tj_hold_take(&state->hold, engine, gen);
    tj_finish how = tj_gen_ended(engine, gen, more);
    finish(state, is_closed && how != TJ_FINISH_EOS ? TJ_FINISH_STOP : how);
    return TJ_OK;
}

static tj_code commit_all(tj_engine *engine, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < engine->n_running && rc == TJ_OK; i++) {
        tj_gen_state *state = &engine->joined[i];
        if (state->out == TJ_NO_OUT) {
            continue;
        }
        if (state->rc == TJ_OK) {
            rc = commit(engine, state, err);
        } else {
            fail(state, state->rc);
        }
    }
    return rc;
}

/* What the draws of the round need. */
static tj_code prepare_draws(tj_engine *engine, tj_err *err)
{
    tj_code rc = TJ_OK;
    if (engine->form_masks != NULL) {
        tj_form_masks_trim(engine->form_masks);
    }
    for (size_t i = 0; i < engine->n_running && rc == TJ_OK; i++) {
        tj_gen_state *state = &engine->joined[i];
        if (state->out != TJ_NO_OUT) {
            rc = grow_outputs(engine, state, err);
        }
        if (state->out != TJ_NO_OUT && rc == TJ_OK) {
            rc = tj_hold_prepare(&state->hold, engine, state->gen, err);
        }
    }
    return rc;
}

static tj_code decode(tj_engine *engine, tj_err *err)
{
    tj_code rc = plan_all(engine, err);
    if (rc == TJ_OK) {
        rc = prepare_draws(engine, err);
    }
    if (rc == TJ_OK) {
        rc = tj_call_run(engine, NULL, err);
    }
    if (rc == TJ_OK) {
        tj_par_for(engine->n_running, sample_item, engine);
        rc = commit_all(engine, err);
    }
    return rc;
}

tj_code tj_engine_round(tj_engine *engine, size_t *n_left, tj_err *err)
{
    tj_code rc = tj_engine_samplers(engine, err);
    if (rc == TJ_OK) {
        rc = let_in(engine, err);
    }
    if (rc == TJ_OK) {
        rc = make_room(engine, err);
    }
    if (rc == TJ_OK && engine->n_running > 0) {
        rc = decode(engine, err);
    }
    let_out(engine);
    *n_left = engine->n_joined;
    return rc;
}
