/* The batched engine as a policy: a path becomes a branch, siblings fork from it, and a step ends
 * with the first token whose bytes contain a newline. */
#include <string.h>

#include "base/alloc.h"
#include "tree/policy.h"

typedef struct engine_ctx {
    tj_engine *engine;
    const tj_tokenizer *tok;
    const tj_task *task;
    const tj_grow_config *cfg;
    int32_t start; /* token before every prompt; -1: none */
} engine_ctx;

static tj_code write_prompt(void *ctx, tj_tree *tree, tj_err *err)
{
    const engine_ctx *e = ctx;
    tj_buf text;
    tj_ids ids = {0};
    tj_buf_init(&text);
    e->task->write_prompt(e->task->ctx, &tree->first, &text);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK && e->start >= 0) {
        rc = tj_ids_add(&ids, &e->start, 1, err);
    }
    if (rc == TJ_OK) {
        rc = tj_tokenizer_encode(e->tok, &ids, text.data, text.len, false, err);
    }
    tj_buf_deinit(&text);
    if (rc != TJ_OK) {
        tj_ids_deinit(&ids);
        return rc;
    }
    tree->prompt_ids = ids.ids; /* taken: both are freed with tj_free */
    tree->n_prompt = ids.n;
    return TJ_OK;
}

/* A path's ids: the prompt, then each step's. */
static tj_code path_ids(const tj_tree *tree, size_t node, tj_ids *out, tj_err *err)
{
    size_t n = 0;
    for (size_t i = node; i != 0; i = tree->nodes[i].parent) {
        n++;
    }
    tj_code rc = tj_ids_add(out, tree->prompt_ids, tree->n_prompt, err);
    for (size_t left = n; left > 0 && rc == TJ_OK; left--) {
        size_t at = node;
        for (size_t up = 1; up < left; up++) { /* the left-th node counted from below */
            at = tree->nodes[at].parent;
        }
        rc = tj_ids_add(out, tree->nodes[at].ids, tree->nodes[at].n_ids, err);
    }
    return rc;
}

/* Requests after the same node stand together; the first makes the branch, the others fork it. */
static tj_code open_branches(const engine_ctx *e, const tj_step_request *requests, size_t n,
                             tj_gen *gens, size_t *n_open, tj_err *err)
{
    static const char *const newline[] = {"\n"};
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        const tj_step_request *r = &requests[i];
        bool same = i > 0 && requests[i - 1].tree == r->tree && requests[i - 1].node == r->node;
        gens[i] = (tj_gen){.sampling = {.temperature = r->temperature, .top_p = 1.0},
                           .seed = r->tree->seed,
                           .run = r->tree->run,
                           .problem = (uint64_t)r->tree->problem,
                           .node = r->draw,
                           .max_tokens = e->cfg->max_step_tokens,
                           .stop = newline,
                           .n_stop = 1};
        if (same) {
            rc = tj_engine_fork(e->engine, &gens[i].branch, gens[i - 1].branch,
                                tj_engine_length(e->engine, gens[i - 1].branch), err);
        } else {
            tj_ids path = {0};
            rc = path_ids(r->tree, r->node, &path, err);
            if (rc == TJ_OK) {
                rc = tj_engine_root(e->engine, &gens[i].branch, path.ids, path.n, err);
            }
            tj_ids_deinit(&path);
        }
        *n_open += rc == TJ_OK ? 1 : 0;
    }
    return rc;
}

static tj_code take_answer(const engine_ctx *e, tj_step_request *r, tj_gen *gen, tj_err *err)
{
    tj_buf text;
    tj_buf_init(&text);
    tj_tokenizer_decode(e->tok, &text, gen->ids, gen->n_ids, true);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK) {
        r->text = tj_strndup(tj_buf_text(&text), text.len);
        rc = r->text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a step's text") : TJ_OK;
    }
    tj_buf_deinit(&text);
    r->whole = gen->finish == TJ_FINISH_STOP;
    r->ids = gen->ids;
    r->logprobs = gen->logprobs;
    r->n_ids = gen->n_ids;
    gen->ids = NULL;
    gen->logprobs = NULL;
    return rc;
}

static tj_code sample(void *ctx, tj_step_request *requests, size_t n, const tj_job *job,
                      tj_err *err)
{
    const engine_ctx *e = ctx;
    tj_job quiet = {.cancel = job == NULL ? NULL : job->cancel};
    size_t n_open = 0;
    tj_gen *gens = tj_calloc(n, sizeof *gens);
    tj_code rc = gens == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot sample %zu steps", n)
                              : open_branches(e, requests, n, gens, &n_open, err);
    if (rc == TJ_OK) {
        rc = tj_engine_generate(e->engine, gens, n, &quiet, err);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = take_answer(e, &requests[i], &gens[i], err);
    }
    for (size_t i = 0; i < n_open; i++) {
        tj_engine_drop(e->engine, gens[i].branch);
        tj_gen_deinit(&gens[i]);
    }
    tj_free(gens);
    return rc;
}

tj_code tj_tree_grow(tj_engine *engine, const tj_tokenizer *tok, const tj_task *task, int32_t start,
                     const tj_grow_item *items, size_t n_items, const tj_grow_config *cfg,
                     uint64_t seed, uint64_t run, tj_tree_done_fn done, void *ctx,
                     const tj_job *job, tj_err *err)
{
    engine_ctx e = {engine, tok, task, cfg, start};
    tj_policy policy = {sample, &e};
    return tj_tree_grow_by(&policy, task, items, n_items, cfg, seed, run, write_prompt, done, ctx,
                           job, err);
}
