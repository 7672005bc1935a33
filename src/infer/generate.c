/* Continuous batching. Each round is one call of the decoder: a row for every running branch that
 * only lacks its last token, and what room is left goes to the prompts of those that lack more.
 * Finished branches leave and waiting ones enter, in order.
 *
 * KV memory is bounded. A branch enters when blocks for its whole path can be had, if need be by
 * evicting what no running branch uses. When a running branch cannot get its next block, the one
 * that entered last goes back to waiting; it keeps its tokens and its random stream, and its keys
 * are computed again, to the same bits, if they have been evicted by then. The oldest branch is
 * never sent back, so the work always advances. None of this can change a sample: that depends on
 * the branch's own logits and the draw index alone. */
#include "infer/engine.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/par.h"
#include "base/rng.h"
#include "text/text.h"

#define FIRST_OUTPUTS 256 /* outputs set aside when a branch starts; they double after that */

typedef struct tj_gen_state {
    tj_gen *gen;
    tj_rng rng; /* one draw for each token sampled */
    size_t out; /* output row of this round; TJ_NO_OUT: none */
    size_t cap_ids, cap_logprobs;
    int32_t id; /* sampled in this round */
    float logprob;
    tj_code rc;
    bool done;
} tj_gen_state;

typedef struct batch {
    tj_engine *engine;
    tj_gen_state *states; /* [n], in the order of the gens */
    size_t n;
    size_t next;    /* states[next ..] have not been tried yet */
    size_t *active; /* [n_active] ascending */
    size_t n_active;
    size_t *waiting; /* [n_waiting]; sent back, the first to return on top (last) */
    size_t n_waiting;
    size_t n_done;
    bool hold; /* memory ran out: let nobody in before somebody leaves */
} batch;

void tj_gen_deinit(tj_gen *gen)
{
    tj_free(gen->ids);
    tj_free(gen->logprobs);
    gen->ids = NULL;
    gen->logprobs = NULL;
    gen->n_ids = 0;
}

/* ------------------------------------------------------------ stop strings */

/* True if `stop` ends at byte `end` of the last token, looking back over the tokens before it.
 * Special tokens have no bytes here. */
static bool ends_at(const tj_tokenizer *tok, const int32_t *ids, size_t n_ids, size_t end,
                    const char *stop, size_t len)
{
    size_t token = n_ids - 1;
    size_t n_left = end;
    const char *bytes = tj_tokenizer_bytes(tok, ids[token], &(size_t){0});
    while (len > 0) {
        while (n_left == 0) {
            if (token == 0) {
                return false;
            }
            bytes = tj_tokenizer_bytes(tok, ids[--token], &n_left);
            if (tj_tokenizer_is_special(tok, ids[token])) {
                n_left = 0;
            }
        }
        if (bytes[--n_left] != stop[--len]) {
            return false;
        }
    }
    return true;
}

static bool is_stopped(const tj_tokenizer *tok, const tj_gen *gen)
{
    if (gen->n_stop == 0 || tj_tokenizer_is_special(tok, gen->ids[gen->n_ids - 1])) {
        return false;
    }
    size_t n_bytes = 0;
    (void)tj_tokenizer_bytes(tok, gen->ids[gen->n_ids - 1], &n_bytes);
    for (size_t s = 0; s < gen->n_stop; s++) {
        size_t len = strlen(gen->stop[s]);
        for (size_t end = 1; end <= n_bytes; end++) {
            if (ends_at(tok, gen->ids, gen->n_ids, end, gen->stop[s], len)) {
                return true;
            }
        }
    }
    return false;
}

/* ------------------------------------------------------------ beginning */

static tj_code check_gen(tj_engine *engine, const tj_gen *gen, size_t i, tj_err *err)
{
    if (gen->branch >= engine->n_branches || engine->branches[gen->branch].tip == TJ_NO_KVSEG) {
        return tj_fail(err, TJ_E_INVAL, "continuation %zu has no branch", i);
    }
    tj_branch_slot *slot = &engine->branches[gen->branch];
    if (slot->mark == engine->n_generates) {
        return tj_fail(err, TJ_E_INVAL, "continuation %zu has the branch of another", i);
    }
    slot->mark = engine->n_generates;
    if (gen->n_stop > 0 && engine->tokenizer == NULL) {
        return tj_fail(err, TJ_E_INVAL, "continuation %zu has stop strings and no tokenizer", i);
    }
    for (size_t s = 0; s < gen->n_stop; s++) {
        if (gen->stop[s][0] == '\0') {
            return tj_fail(err, TJ_E_INVAL, "stop string %zu of continuation %zu is empty", s, i);
        }
    }
    tj_code rc = tj_sampling_check(&gen->sampling, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "continuation %zu", i);
    }
    return rc;
}

static tj_code begin(batch *b, tj_engine *engine, tj_gen *gens, size_t n_gens, tj_err *err)
{
    *b = (batch){.engine = engine, .n = n_gens};
    engine->n_generates++;
    for (size_t i = 0; i < n_gens; i++) {
        gens[i].ids = NULL;
        gens[i].logprobs = NULL;
        gens[i].n_ids = 0;
        gens[i].finish = TJ_FINISH_NONE;
    }
    if (!tj_grow(&engine->states, &engine->cap_states, n_gens, sizeof *engine->states) ||
        !tj_grow(&engine->active, &engine->cap_active, n_gens, sizeof *engine->active) ||
        !tj_grow(&engine->waiting, &engine->cap_waiting, n_gens, sizeof *engine->waiting)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu continuations", n_gens);
    }
    b->states = engine->states;
    b->active = engine->active;
    b->waiting = engine->waiting;
    for (size_t i = 0; i < n_gens; i++) {
        tj_code rc = check_gen(engine, &gens[i], i, err);
        if (rc != TJ_OK) {
            return rc;
        }
        b->states[i] = (tj_gen_state){.gen = &gens[i], .out = TJ_NO_OUT};
        tj_rng_init(&b->states[i].rng, gens[i].seed, gens[i].run, gens[i].problem, gens[i].node);
    }
    return tj_engine_samplers(engine, err);
}

/* ------------------------------------------------------------ entering and leaving */

static size_t tip_of(const batch *b, const tj_gen_state *state)
{
    return tj_engine_tip(b->engine, state->gen->branch);
}

static size_t n_tokens_left(const batch *b, const tj_gen_state *state)
{
    size_t positions = b->engine->model_cfg->max_positions -
                       tj_kvforest_length(b->engine->forest, tip_of(b, state));
    size_t n = state->gen->max_tokens - state->gen->n_ids;
    return n < positions ? n : positions;
}

/* What is there to say when memory cannot hold the only running branch. */
static tj_code too_large(const batch *b, const tj_gen_state *state, tj_err *err)
{
    return tj_fail(err, TJ_E_LIMIT, "a branch of %zu tokens does not fit into %zu bytes of KV",
                   tj_kvforest_length(b->engine->forest, tip_of(b, state)),
                   b->engine->cfg.kv_bytes);
}

/* Pins the path of a state and reserves its blocks; *entered says whether it could. */
static tj_code enter(batch *b, size_t index, bool *entered, tj_err *err)
{
    tj_engine *engine = b->engine;
    tj_gen_state *state = &b->states[index];
    size_t tip = tip_of(b, state);
    size_t n = 0;
    *entered = false;
    tj_kvforest_pin(engine->forest, tip, TJ_NO_KVSEG);
    tj_code rc = tj_engine_cold_path(engine, &n, tip, err);
    while (rc == TJ_OK && n > 0) {
        rc = tj_engine_reserve(engine, engine->path[--n], err);
    }
    if (rc == TJ_OK) {
        b->active[b->n_active++] = index;
        *entered = true;
        return TJ_OK;
    }
    tj_kvforest_unpin(engine->forest, tip);
    if (rc == TJ_E_LIMIT) {
        return b->n_active > 0 ? TJ_OK : too_large(b, state, err);
    }
    return rc;
}

static void finish(batch *b, tj_gen_state *state, tj_finish how)
{
    state->gen->finish = how;
    state->done = true;
    b->n_done++;
}

static tj_code let_in(batch *b, tj_err *err)
{
    size_t max = b->engine->max_out; /* at most batch_rows */
    while (b->n_active < max && !(b->hold && b->n_active > 0)) {
        bool entered = false;
        if (b->n_waiting > 0) {
            tj_code rc = enter(b, b->waiting[b->n_waiting - 1], &entered, err);
            b->n_waiting -= entered;
            if (rc != TJ_OK || !entered) {
                return rc;
            }
        } else if (b->next == b->n) {
            return TJ_OK;
        } else if (n_tokens_left(b, &b->states[b->next]) == 0) {
            finish(b, &b->states[b->next++], TJ_FINISH_LENGTH);
        } else {
            tj_code rc = enter(b, b->next, &entered, err);
            b->next += entered;
            if (rc != TJ_OK || !entered) {
                return rc;
            }
        }
    }
    return TJ_OK;
}

/* Sends the branch that entered last back to waiting. */
static void send_back(batch *b)
{
    size_t index = b->active[--b->n_active];
    tj_kvforest_unpin(b->engine->forest, tip_of(b, &b->states[index]));
    b->waiting[b->n_waiting++] = index;
    b->hold = true;
}

/* Blocks for the token that each branch sampled last, the oldest branch first. */
static tj_code make_room(batch *b, tj_err *err)
{
    for (size_t i = 0; i < b->n_active;) {
        tj_gen_state *state = &b->states[b->active[i]];
        tj_code rc = tj_engine_reserve(b->engine, tip_of(b, state), err);
        if (rc == TJ_OK) {
            i++;
        } else if (rc != TJ_E_LIMIT) {
            return rc;
        } else if (b->n_active == 1) {
            return too_large(b, state, err);
        } else {
            send_back(b);
        }
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ a round */

/* Lacks at most the last token of its path. */
static bool is_ready(const batch *b, const tj_gen_state *state)
{
    const tj_kvseg *tip = tj_kvforest_seg(b->engine->forest, tip_of(b, state));
    if (tip->n_stored + 1 < tip->len) {
        return false;
    }
    if (tip->parent == TJ_NO_KVSEG) {
        return true;
    }
    const tj_kvseg *parent = tj_kvforest_seg(b->engine->forest, tip->parent);
    return parent->n_stored == parent->len;
}

/* Adds the rows that the branch lacks, as far as there is room, and asks for the logits of its last
 * token once that is among them. A segment that another branch's plan has added is not added
 * again. */
static tj_code plan(batch *b, tj_gen_state *state, tj_err *err)
{
    tj_engine *engine = b->engine;
    size_t tip = tip_of(b, state);
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
        if (seg->mark == engine->call.serial) {
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

static tj_code plan_all(batch *b, tj_err *err)
{
    tj_call_begin(b->engine);
    for (size_t i = 0; i < b->n_active; i++) {
        b->states[b->active[i]].out = TJ_NO_OUT;
    }
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < b->n_active; i++) {
            tj_gen_state *state = &b->states[b->active[i]];
            if (is_ready(b, state) == (pass == 0)) {
                tj_code rc = plan(b, state, err);
                if (rc != TJ_OK) {
                    return rc;
                }
            }
        }
    }
    return TJ_OK;
}

static void sample_item(void *ctx, size_t item, size_t thread)
{
    const batch *b = ctx;
    tj_gen_state *state = &b->states[b->active[item]];
    if (state->out == TJ_NO_OUT) {
        return;
    }
    size_t n_vocab = b->engine->model_cfg->n_vocab;
    state->rc = tj_sampler_draw(&b->engine->samplers[thread], &state->id, &state->logprob,
                                b->engine->call.logits + state->out * n_vocab, n_vocab,
                                &state->gen->sampling, tj_rng_double(&state->rng), NULL);
}

static bool is_end(const tj_engine *engine, const tj_gen *gen, int32_t id)
{
    bool ends = id == engine->model_cfg->eos_id;
    for (size_t i = 0; i < gen->n_ends; i++) {
        ends = ends || id == gen->ends[i];
    }
    return ends;
}

/* Adds the sampled token to the branch and to the outputs: to all or to none. */
static tj_code commit(batch *b, tj_gen_state *state, tj_err *err)
{
    tj_engine *engine = b->engine;
    tj_gen *gen = state->gen;
    size_t more = n_tokens_left(b, state) - 1;
    size_t need = gen->n_ids + 1;
    if (need == 1) {
        need += more < FIRST_OUTPUTS ? more : FIRST_OUTPUTS;
    }
    if (!tj_grow(&gen->ids, &state->cap_ids, need, sizeof *gen->ids) ||
        !tj_grow(&gen->logprobs, &state->cap_logprobs, need, sizeof *gen->logprobs)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu sampled tokens", need);
    }
    size_t old = tip_of(b, state);
    size_t tip = old;
    tj_code rc = tj_kvforest_append(engine->forest, &tip, &state->id, 1, more, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (tip != old) {
        tj_kvforest_pin(engine->forest, tip, old);
        engine->branches[gen->branch].tip = tip;
    }
    gen->ids[gen->n_ids] = state->id;
    gen->logprobs[gen->n_ids] = state->logprob;
    gen->n_ids++;
    engine->stats.n_sampled++;
    if (is_end(engine, gen, state->id)) {
        finish(b, state, TJ_FINISH_EOS);
    } else if (is_stopped(engine->tokenizer, gen)) {
        finish(b, state, TJ_FINISH_STOP);
    } else if (more == 0) {
        finish(b, state, TJ_FINISH_LENGTH);
    }
    return TJ_OK;
}

static tj_code commit_all(batch *b, tj_err *err)
{
    for (size_t i = 0; i < b->n_active; i++) {
        const tj_gen_state *state = &b->states[b->active[i]];
        if (state->out != TJ_NO_OUT && state->rc != TJ_OK) {
            return tj_fail(err, state->rc,
                           "the logits of problem %llu, node %llu are not finite at token %zu",
                           (unsigned long long)state->gen->problem,
                           (unsigned long long)state->gen->node, state->gen->n_ids);
        }
    }
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < b->n_active && rc == TJ_OK; i++) {
        tj_gen_state *state = &b->states[b->active[i]];
        rc = state->out == TJ_NO_OUT ? TJ_OK : commit(b, state, err);
    }
    return rc;
}

/* Takes the finished ones out, keeping the order. */
static void let_out(batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n_active; i++) {
        tj_gen_state *state = &b->states[b->active[i]];
        if (state->done) {
            tj_kvforest_unpin(b->engine->forest, tip_of(b, state));
            b->hold = false;
        } else {
            b->active[n++] = b->active[i];
        }
    }
    b->n_active = n;
}

static tj_code play_round(batch *b, const tj_job *job, tj_err *err)
{
    tj_code rc = tj_job_check(job, err);
    if (rc == TJ_OK) {
        rc = let_in(b, err);
    }
    if (rc == TJ_OK) {
        rc = make_room(b, err);
    }
    if (rc != TJ_OK || b->n_active == 0) {
        return rc;
    }
    rc = plan_all(b, err);
    if (rc == TJ_OK) {
        rc = tj_call_run(b->engine, NULL, err);
    }
    if (rc == TJ_OK) {
        tj_par_for(b->n_active, sample_item, b);
        rc = commit_all(b, err);
    }
    let_out(b);
    tj_job_progress(job, "generating", b->n_done, b->n, "branches", NULL);
    return rc;
}

tj_code tj_engine_generate(tj_engine *engine, tj_gen *gens, size_t n_gens, const tj_job *job,
                           tj_err *err)
{
    batch b;
    tj_code rc = begin(&b, engine, gens, n_gens, err);
    while (rc == TJ_OK && b.n_done < n_gens) {
        rc = play_round(&b, job, err);
    }
    for (size_t i = 0; i < b.n_active; i++) {
        tj_kvforest_unpin(engine->forest, tip_of(&b, &b.states[b.active[i]]));
    }
    for (size_t i = 0; i < n_gens; i++) {
        if (gens[i].n_ids > 0) {
            engine->stats.n_path_tokens += tj_engine_length(engine, gens[i].branch) - 1;
        }
    }
    return rc;
}
