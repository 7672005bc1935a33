/* The engine's life and its branches: names for tips of the KV forest. */
#include "infer/engine.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/par.h"

#define MAX_BATCH_ROWS ((size_t)1 << 16) /* arrays of a call are allocated for it at once */

void tj_engine_config_default(tj_engine_config *cfg)
{
    *cfg = (tj_engine_config){.block_tokens = 16, .kv_bytes = (size_t)1 << 30, .batch_rows = 512};
}

static tj_code create_call(tj_engine *engine, tj_err *err)
{
    tj_call *call = &engine->call;
    size_t n = engine->cfg.batch_rows;
    call->runs = tj_calloc(n, sizeof *call->runs);
    call->ids = tj_calloc(n, sizeof *call->ids);
    call->pos = tj_calloc(n, sizeof *call->pos);
    call->rows = tj_calloc(n, sizeof *call->rows);
    call->common = tj_calloc(n, sizeof *call->common);
    call->out_rows = tj_calloc(engine->max_out, sizeof *call->out_rows);
    if (call->runs == NULL || call->ids == NULL || call->pos == NULL || call->rows == NULL ||
        call->common == NULL || call->out_rows == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a batch of %zu rows", n);
    }
    return tj_infer_scratch_create(&engine->scratch, err);
}

static tj_code create_parts(tj_engine *engine, tj_err *err)
{
    const tj_engine_config *cfg = &engine->cfg;
    if (cfg->batch_rows == 0 || cfg->batch_rows > MAX_BATCH_ROWS) {
        return tj_fail(err, TJ_E_INVAL, "batch_rows is %zu, expected 1 to %zu", cfg->batch_rows,
                       MAX_BATCH_ROWS);
    }
    tj_code rc = tj_attn_layout_init(&engine->layout, engine->model_cfg,
                                     tj_model_compute(engine->model), cfg->block_tokens, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t n_blocks = cfg->kv_bytes / engine->layout.block_bytes;
    if (n_blocks == 0) {
        return tj_fail(err, TJ_E_INVAL, "kv_bytes is %zu, expected at least a block's %zu",
                       cfg->kv_bytes, engine->layout.block_bytes);
    }
    n_blocks = n_blocks < UINT32_MAX ? n_blocks : UINT32_MAX;
    rc = tj_kvforest_create(&engine->forest, cfg->block_tokens, n_blocks,
                            engine->layout.block_bytes, err);
    if (rc != TJ_OK) {
        return rc;
    }
    engine->max_out = TJ_LOGITS_BYTES / (engine->model_cfg->n_vocab * sizeof(float));
    engine->max_out = engine->max_out < 1 ? 1 : engine->max_out;
    engine->max_out = engine->max_out < cfg->batch_rows ? engine->max_out : cfg->batch_rows;
    return create_call(engine, err);
}

tj_code tj_engine_create(tj_engine **out, tj_model *model, const struct tj_tokenizer *tokenizer,
                         const tj_engine_config *cfg, tj_err *err)
{
    *out = NULL;
    tj_engine *engine = tj_calloc(1, sizeof *engine);
    if (engine == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate an engine");
    }
    engine->model = model;
    engine->tokenizer = tokenizer;
    engine->model_cfg = tj_model_cfg(model);
    engine->cfg = *cfg;
    for (size_t i = 0; i < TJ_MAX_THREADS; i++) {
        tj_sampler_init(&engine->samplers[i]);
    }
    tj_code rc = create_parts(engine, err);
    if (rc != TJ_OK) {
        tj_engine_destroy(engine);
        return rc;
    }
    *out = engine;
    return TJ_OK;
}

void tj_engine_destroy(tj_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    tj_kvforest_destroy(engine->forest);
    tj_infer_scratch_destroy(engine->scratch);
    for (size_t i = 0; i < TJ_MAX_THREADS; i++) {
        tj_sampler_deinit(&engine->samplers[i]);
    }
    tj_form_masks_destroy(engine->form_masks);
    tj_form_vocab_destroy(engine->form_vocab);
    tj_call *call = &engine->call;
    void *arrays[] = {engine->branches, engine->free_branches,
                      engine->path,     engine->joined,
                      call->runs,       call->ids,
                      call->pos,        call->rows,
                      call->out_rows,   call->chunks,
                      call->logits,     call->scratch,
                      call->common};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        tj_free(arrays[i]);
    }
    tj_free(engine);
}

/* ------------------------------------------------------------ branches */

size_t tj_engine_tip(const tj_engine *engine, tj_branch branch)
{
    TJ_ASSERT(branch < engine->n_branches);
    TJ_ASSERT(engine->branches[branch].tip != TJ_NO_KVSEG);
    return engine->branches[branch].tip;
}

/* Makes sure that take_branch cannot fail. */
static tj_code reserve_branch(tj_engine *engine, tj_err *err)
{
    size_t need = engine->n_branches + 1;
    if (engine->n_free == 0 &&
        (!tj_grow(&engine->branches, &engine->cap_branches, need, sizeof *engine->branches) ||
         !tj_grow(&engine->free_branches, &engine->cap_free, need,
                  sizeof *engine->free_branches))) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a branch");
    }
    return TJ_OK;
}

static tj_branch take_branch(tj_engine *engine, size_t tip)
{
    tj_branch branch =
        engine->n_free > 0 ? engine->free_branches[--engine->n_free] : engine->n_branches++;
    engine->branches[branch] = (tj_branch_slot){.tip = tip};
    return branch;
}

/* Ids and the length that a path of `at` tokens would have with n more. */
static tj_code check_ids(const tj_engine *engine, const int32_t *ids, size_t n, size_t at,
                         tj_err *err)
{
    size_t max = engine->model_cfg->max_positions;
    if (n == 0) {
        return tj_fail(err, TJ_E_INVAL, "a branch takes at least one token");
    }
    if (n > max || at > max - n) {
        return tj_fail(err, TJ_E_INVAL, "a branch of %zu tokens is longer than the model's %zu",
                       at + n, max);
    }
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= engine->model_cfg->n_vocab) {
            return tj_fail(err, TJ_E_INVAL, "token %zu is %d, expected 0 to %zu", at + i, ids[i],
                           engine->model_cfg->n_vocab - 1);
        }
    }
    return TJ_OK;
}

tj_code tj_engine_root(tj_engine *engine, tj_branch *out, const int32_t *ids, size_t n, tj_err *err)
{
    *out = TJ_NO_BRANCH;
    size_t tip = TJ_NO_KVSEG;
    tj_code rc = check_ids(engine, ids, n, 0, err);
    if (rc == TJ_OK) {
        rc = reserve_branch(engine, err);
    }
    if (rc == TJ_OK) {
        rc = tj_kvforest_root(engine->forest, &tip, ids, n, err);
    }
    if (rc == TJ_OK) {
        *out = take_branch(engine, tip);
    }
    return rc;
}

tj_code tj_engine_fork(tj_engine *engine, tj_branch *out, tj_branch from, size_t n_tokens,
                       tj_err *err)
{
    *out = TJ_NO_BRANCH;
    size_t len = tj_engine_length(engine, from);
    if (n_tokens == 0 || n_tokens > len) {
        return tj_fail(err, TJ_E_INVAL, "cannot fork a branch of %zu tokens after %zu", len,
                       n_tokens);
    }
    tj_code rc = reserve_branch(engine, err);
    size_t tip = TJ_NO_KVSEG;
    if (rc == TJ_OK) {
        rc = tj_kvforest_fork(engine->forest, &tip, tj_engine_tip(engine, from), n_tokens, err);
    }
    if (rc == TJ_OK) {
        *out = take_branch(engine, tip);
    }
    return rc;
}

tj_code tj_engine_append(tj_engine *engine, tj_branch branch, const int32_t *ids, size_t n,
                         tj_err *err)
{
    TJ_ASSERT(!engine->branches[branch].is_joined);
    tj_code rc = check_ids(engine, ids, n, tj_engine_length(engine, branch), err);
    return rc == TJ_OK
               ? tj_kvforest_append(engine->forest, &engine->branches[branch].tip, ids, n, 0, err)
               : rc;
}

void tj_engine_drop(tj_engine *engine, tj_branch branch)
{
    TJ_ASSERT(!engine->branches[branch].is_joined);
    tj_kvforest_drop(engine->forest, tj_engine_tip(engine, branch));
    engine->branches[branch].tip = TJ_NO_KVSEG;
    engine->free_branches[engine->n_free++] = branch;
}

size_t tj_engine_length(const tj_engine *engine, tj_branch branch)
{
    return tj_kvforest_length(engine->forest, tj_engine_tip(engine, branch));
}

void tj_engine_path(const tj_engine *engine, tj_branch branch, size_t begin, size_t end,
                    int32_t *out)
{
    tj_kvforest_path(engine->forest, tj_engine_tip(engine, branch), begin, end, out);
}

void tj_engine_refresh(tj_engine *engine)
{
    while (tj_engine_send_back(engine)) {
    }
    while (tj_kvforest_evict(engine->forest)) {
    }
}

size_t tj_engine_kv_bytes_used(const tj_engine *engine)
{
    const tj_blockpool *pool = tj_kvforest_pool(engine->forest);
    return (tj_blockpool_n_blocks(pool) - tj_blockpool_n_free(pool)) *
           tj_blockpool_block_bytes(pool);
}

tj_engine_stats tj_engine_get_stats(const tj_engine *engine)
{
    return engine->stats;
}

/* ------------------------------------------------------------ shared by rounds and scores */

uint64_t tj_engine_mark(tj_engine *engine)
{
    return ++engine->n_marks;
}

tj_code tj_engine_cold_path(tj_engine *engine, size_t *n, size_t tip, tj_err *err)
{
    *n = 0;
    for (size_t id = tip; id != TJ_NO_KVSEG;) {
        const tj_kvseg *seg = tj_kvforest_seg(engine->forest, id);
        if (seg->n_stored == seg->len) {
            break;
        }
        if (!tj_grow(&engine->path, &engine->cap_path, *n + 1, sizeof *engine->path)) {
            return tj_fail(err, TJ_E_NOMEM, "cannot allocate a path");
        }
        engine->path[(*n)++] = id;
        id = seg->parent;
    }
    return TJ_OK;
}

tj_code tj_engine_reserve(tj_engine *engine, size_t seg, tj_err *err)
{
    for (;;) {
        tj_code rc = tj_kvforest_reserve(engine->forest, seg, err);
        if (rc != TJ_E_LIMIT || !tj_kvforest_evict(engine->forest)) {
            return rc;
        }
    }
}

tj_code tj_engine_samplers(tj_engine *engine, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < tj_par_threads() && rc == TJ_OK; i++) {
        rc = tj_sampler_reserve(&engine->samplers[i], engine->model_cfg->n_vocab, err);
    }
    return rc;
}

tj_code tj_engine_check_top(const tj_engine *engine, size_t n_top, tj_err *err)
{
    size_t n_vocab = engine->model_cfg->n_vocab;
    size_t max = n_vocab < TJ_MAX_TOP ? n_vocab : TJ_MAX_TOP;
    return n_top <= max
               ? TJ_OK
               : tj_fail(err, TJ_E_INVAL, "n_top is %zu, expected at most %zu", n_top, max);
}
