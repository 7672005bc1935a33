/* Reads a path: the log-probabilities of its tokens, or the values at them. Rows that are in the
 * cache are computed again for their outputs only; the others are stored on the way, so that a
 * later reading or continuation of the same path finds them. */
#include "infer/engine.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/par.h"

/* Rows at path positions [begin, end) are read; those before are only made sure of. */
typedef struct reading {
    tj_engine *engine;
    size_t tip;
    size_t begin, end;
    size_t n_segs;    /* engine->path [n_segs]: segments with positions below end, tip first */
    int32_t *targets; /* [end - begin]: the token after each row; NULL: values are read */
    float *out;       /* [end - begin] */
    tj_top top;       /* [end - begin] of them, one after the other */
    tj_code *codes;   /* of the current call: [n_out] */
} reading;

/* Continuations that run give way to a reading. */
static tj_code reserve(tj_engine *engine, size_t seg, tj_err *err)
{
    for (;;) {
        tj_code rc = tj_engine_reserve(engine, seg, err);
        if (rc != TJ_E_LIMIT || !tj_engine_send_back(engine)) {
            return rc;
        }
    }
}

static tj_code list_path(reading *r, tj_err *err)
{
    tj_engine *engine = r->engine;
    size_t n = 0;
    for (size_t id = r->tip; id != TJ_NO_KVSEG;) {
        const tj_kvseg *seg = tj_kvforest_seg(engine->forest, id);
        if (seg->pos < r->end) {
            if (!tj_grow(&engine->path, &engine->cap_path, n + 1, sizeof *engine->path)) {
                return tj_fail(err, TJ_E_NOMEM, "cannot allocate a path");
            }
            engine->path[n++] = id;
        }
        id = seg->parent;
    }
    r->n_segs = n;
    for (size_t i = n; i-- > 0;) {
        const tj_kvseg *seg = tj_kvforest_seg(engine->forest, engine->path[i]);
        tj_code rc = seg->n_stored == seg->len ? TJ_OK : reserve(engine, engine->path[i], err);
        if (rc != TJ_OK) {
            tj_err_context(err, "cannot read a path of %zu tokens", r->end);
            return rc;
        }
    }
    return TJ_OK;
}

/* Adds the next rows of segment `i` of the path from its token *from on, at most `room`. */
static size_t add_rows(reading *r, size_t i, size_t *from, size_t room)
{
    tj_engine *engine = r->engine;
    const tj_kvseg *seg = tj_kvforest_seg(engine->forest, engine->path[i]);
    size_t stop = r->end - seg->pos < seg->len ? r->end - seg->pos : seg->len;
    size_t first = r->begin > seg->pos ? r->begin - seg->pos : 0; /* first token to read */
    size_t cold = seg->n_stored;
    if (*from < cold && *from < first) {
        *from = first < cold ? first : cold;
    }
    size_t n_added = 0;
    while (*from < stop && n_added < room) {
        bool store = *from >= cold;
        size_t upto = store || stop < cold ? stop : cold;
        size_t n = upto - *from < room - n_added ? upto - *from : room - n_added;
        const tj_run *run = tj_call_add(engine, engine->path[i], *from, n, store);
        for (size_t t = 0; t < n; t++) {
            if (*from + t >= first) {
                (void)tj_call_want(engine, run->row + t);
            }
        }
        *from += n;
        n_added += n;
    }
    return n_added;
}

static void logprob_item(void *ctx, size_t item, size_t thread)
{
    const reading *r = ctx;
    const tj_call *call = &r->engine->call;
    size_t n_vocab = r->engine->model_cfg->n_vocab;
    size_t at = call->pos[call->out_rows[item]] - r->begin;
    tj_top top = tj_top_at(r->top, at);
    (void)thread;
    r->codes[item] = tj_sampler_logprob(&r->out[at], &top, call->logits + item * n_vocab, n_vocab,
                                        r->targets[at], NULL);
}

static tj_code take_outputs(reading *r, const float *values, tj_err *err)
{
    const tj_call *call = &r->engine->call;
    if (r->targets != NULL) {
        tj_par_for(call->n_out, logprob_item, r);
    }
    for (size_t i = 0; i < call->n_out; i++) {
        size_t pos = call->pos[call->out_rows[i]];
        if (r->targets == NULL) {
            r->out[pos - r->begin] = values[i];
        } else if (r->codes[i] != TJ_OK) {
            return tj_fail(err, r->codes[i], "the logits after token %zu are not finite", pos);
        }
    }
    return TJ_OK;
}

static tj_code read_calls(reading *r, float *values, tj_err *err)
{
    tj_engine *engine = r->engine;
    size_t i = r->n_segs;
    size_t from = 0;
    while (i > 0) {
        tj_call_begin(engine);
        size_t room = engine->max_out; /* each row may want its output */
        while (i > 0 && room > 0) {
            room -= add_rows(r, i - 1, &from, room);
            const tj_kvseg *seg = tj_kvforest_seg(engine->forest, engine->path[i - 1]);
            if (from == seg->len || seg->pos + from >= r->end) {
                i--;
                from = 0;
            }
        }
        if (engine->call.n_rows == 0) {
            break;
        }
        tj_code rc = tj_call_run(engine, values, err);
        if (rc == TJ_OK) {
            rc = take_outputs(r, values, err);
        }
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

/* Fills r->out; of r, engine, begin, end, out and top are set. */
static tj_code read_path(reading *r, tj_branch branch, bool want_values, tj_err *err)
{
    tj_engine *engine = r->engine;
    size_t n = r->end - r->begin;
    float *values = NULL;
    tj_code rc = TJ_OK;
    r->tip = tj_engine_tip(engine, branch);
    if (want_values) {
        values = tj_calloc(engine->max_out, sizeof *values);
    } else {
        r->targets = tj_calloc(n, sizeof *r->targets);
        r->codes = tj_calloc(engine->max_out, sizeof *r->codes);
    }
    if (want_values ? values == NULL : r->targets == NULL || r->codes == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot allocate a reading of %zu tokens", n);
        goto out;
    }
    if (!want_values) {
        tj_engine_path(engine, branch, r->begin + 1, r->end + 1, r->targets);
    }
    tj_kvforest_pin(engine->forest, r->tip, TJ_NO_KVSEG);
    rc = list_path(r, err);
    if (rc == TJ_OK) {
        rc = read_calls(r, values, err);
    }
    tj_kvforest_unpin(engine->forest, r->tip);
    engine->stats.n_path_tokens += rc == TJ_OK ? r->end : 0;
out:
    tj_free(values);
    tj_free(r->targets);
    tj_free(r->codes);
    return rc;
}

static tj_code score(tj_engine *engine, tj_branch branch, size_t begin, size_t end, float *out,
                     tj_top top, tj_err *err)
{
    size_t len = tj_engine_length(engine, branch);
    if (begin == 0 || begin > end || end > len) {
        return tj_fail(err, TJ_E_INVAL, "cannot score tokens %zu to %zu of a branch of %zu", begin,
                       end, len);
    }
    reading r = {.engine = engine, .begin = begin - 1, .end = end - 1, .out = out, .top = top};
    return begin == end ? TJ_OK : read_path(&r, branch, false, err);
}

tj_code tj_engine_score(tj_engine *engine, tj_branch branch, size_t begin, size_t end, float *out,
                        tj_err *err)
{
    return score(engine, branch, begin, end, out, (tj_top){0}, err);
}

tj_code tj_engine_score_top(tj_engine *engine, tj_branch branch, size_t begin, size_t end,
                            float *out, size_t n_top, int32_t *top_ids, float *top_logprobs,
                            tj_err *err)
{
    tj_code rc = n_top > 0 ? tj_engine_check_top(engine, n_top, err)
                           : tj_fail(err, TJ_E_INVAL, "n_top is 0, expected at least 1");
    return rc == TJ_OK
               ? score(engine, branch, begin, end, out, (tj_top){n_top, top_ids, top_logprobs}, err)
               : rc;
}

tj_code tj_engine_value(tj_engine *engine, tj_branch branch, size_t begin, size_t end, float *out,
                        tj_err *err)
{
    size_t len = tj_engine_length(engine, branch);
    if (!engine->model_cfg->value_head) {
        return tj_fail(err, TJ_E_INVAL, "the model has no value head");
    }
    if (begin > end || end > len) {
        return tj_fail(err, TJ_E_INVAL, "cannot read values %zu to %zu of a branch of %zu", begin,
                       end, len);
    }
    reading r = {.engine = engine, .begin = begin, .end = end, .out = out};
    return begin == end ? TJ_OK : read_path(&r, branch, true, err);
}
