/* One call of the decoder: rows are laid out run by run, each with the chunks of its path, and
 * tj_infer calls back for attention over them. Runs keep indexes into the growing array of chunks;
 * pointers are filled in last. */
#include "infer/engine.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/par.h"

void tj_call_begin(tj_engine *engine)
{
    tj_call *call = &engine->call;
    call->mark = tj_engine_mark(engine);
    call->n_runs = 0;
    call->n_rows = 0;
    call->n_out = 0;
}

size_t tj_call_room(const tj_engine *engine)
{
    return engine->cfg.batch_rows - engine->call.n_rows;
}

tj_run *tj_call_add(tj_engine *engine, size_t seg_id, size_t begin, size_t n, bool store)
{
    tj_call *call = &engine->call;
    const tj_kvseg *seg = tj_kvforest_seg(engine->forest, seg_id);
    TJ_ASSERT(n > 0);
    TJ_ASSERT(n <= tj_call_room(engine));
    TJ_ASSERT(begin + n <= (store ? seg->len : seg->n_stored));
    TJ_ASSERT(!store || begin == seg->n_stored);
    tj_run *run = &call->runs[call->n_runs];
    *run = (tj_run){.seg = seg_id,
                    .begin = begin,
                    .n = n,
                    .store = store,
                    .row = call->n_rows,
                    .out = TJ_NO_OUT};
    for (size_t i = 0; i < n; i++) {
        call->ids[call->n_rows] = seg->ids[begin + i];
        call->pos[call->n_rows] = seg->pos + begin + i;
        call->n_rows++;
    }
    tj_kvforest_mark(engine->forest, seg_id, call->mark, call->n_runs);
    call->n_runs++;
    return run;
}

size_t tj_call_want(tj_engine *engine, size_t row)
{
    tj_call *call = &engine->call;
    TJ_ASSERT(row < call->n_rows);
    TJ_ASSERT(call->n_out < engine->max_out);
    call->out_rows[call->n_out] = row;
    return call->n_out++;
}

static tj_code build_rows(tj_engine *engine, tj_err *err)
{
    tj_call *call = &engine->call;
    size_t n_chunks = 0;
    for (size_t r = 0; r < call->n_runs; r++) {
        tj_run *run = &call->runs[r];
        run->chunks = n_chunks;
        run->n_chunks = tj_kvforest_n_chunks(engine->forest, run->seg);
        n_chunks += run->n_chunks;
        if (!tj_grow(&call->chunks, &call->cap_chunks, n_chunks, sizeof *call->chunks)) {
            return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu KV chunks", n_chunks);
        }
        tj_kvforest_chunks(engine->forest, run->seg, call->chunks + run->chunks, run->n_chunks);
    }
    for (size_t r = 0; r < call->n_runs; r++) {
        const tj_run *run = &call->runs[r];
        for (size_t i = 0; i < run->n; i++) {
            tj_attn_row *row = &call->rows[run->row + i];
            *row = (tj_attn_row){.chunks = call->chunks + run->chunks,
                                 .n_chunks = run->n_chunks,
                                 .pos = call->pos[run->row + i]};
            if (run->store) {
                row->block =
                    tj_kvforest_place(engine->forest, run->seg, run->begin + i, &row->slot);
            }
        }
    }
    return TJ_OK;
}

/* Scratch of attention for all threads and the longest path; lengths are doubled, so that a growing
 * path seldom allocates. */
static tj_code reserve_scratch(tj_engine *engine, tj_err *err)
{
    tj_call *call = &engine->call;
    size_t longest = 0;
    for (size_t i = 0; i < call->n_rows; i++) {
        longest = call->pos[i] >= longest ? call->pos[i] + 1 : longest;
    }
    size_t n_threads = tj_par_threads();
    if (longest <= call->scratch_len && n_threads <= call->scratch_threads) {
        return TJ_OK;
    }
    size_t len = call->scratch_len < 256 ? 256 : call->scratch_len;
    while (len < longest) {
        len *= 2; /* stays below twice TJ_MAX_POSITIONS */
    }
    size_t n_floats = tj_attn_scratch_floats(&engine->layout, len);
    tj_free(call->scratch);
    call->scratch_len = 0;
    call->scratch = NULL;
    if (tj_mul_size(&n_floats, n_floats, n_threads)) {
        call->scratch = tj_aligned_array(n_floats, sizeof *call->scratch);
    }
    if (call->scratch == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate attention scratch for %zu tokens", len);
    }
    call->scratch_len = len;
    call->scratch_threads = n_threads;
    return TJ_OK;
}

static tj_code reserve_logits(tj_engine *engine, tj_err *err)
{
    tj_call *call = &engine->call;
    if (call->n_out <= call->cap_logits) {
        return TJ_OK;
    }
    size_t n = call->cap_logits < 16 ? 16 : call->cap_logits;
    while (n < call->n_out) {
        n *= 2;
    }
    n = n < engine->max_out ? n : engine->max_out;
    tj_free(call->logits);
    call->cap_logits = 0;
    size_t n_floats = n * engine->model_cfg->n_vocab; /* bounded by TJ_LOGITS_BYTES, or one row */
    call->logits = tj_aligned_array(n_floats, sizeof *call->logits);
    if (call->logits == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu rows of logits", n);
    }
    call->cap_logits = n;
    return TJ_OK;
}

tj_code tj_call_run(tj_engine *engine, float *values, tj_err *err)
{
    tj_call *call = &engine->call;
    tj_code rc = build_rows(engine, err);
    if (rc == TJ_OK) {
        rc = reserve_scratch(engine, err);
    }
    if (rc == TJ_OK && values == NULL) {
        rc = reserve_logits(engine, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_attn_call attn = {.layout = &engine->layout,
                         .rows = call->rows,
                         .n_rows = call->n_rows,
                         .max_len = call->scratch_len,
                         .scratch = call->scratch,
                         .common = call->common};
    rc = tj_infer(engine->model, engine->scratch, call->n_rows, call->ids, call->pos,
                  tj_attn_attend(&attn), call->n_out, call->out_rows,
                  values == NULL ? call->logits : NULL, values, err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t r = 0; r < call->n_runs; r++) {
        if (call->runs[r].store) {
            tj_kvforest_stored(engine->forest, call->runs[r].seg, call->runs[r].n);
        }
    }
    engine->stats.n_rows += call->n_rows;
    return TJ_OK;
}
