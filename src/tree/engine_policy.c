/* The batched engine as a policy: a path becomes a branch, and a step ends with the first token
 * whose bytes contain a newline. The branches of a level are held until the next level has forked
 * from them, so that siblings, children and trees whose prompts begin alike find the keys and
 * values of what they share. */
#include <string.h>

#include "base/alloc.h"
#include "tree/policy.h"

/* Branches that were lent for the nodes of one depth. */
typedef struct level {
    tj_branch *branches; /* [n] */
    size_t n, cap;
} level;

typedef struct engine_ctx {
    const tj_tree_model *model;
    tj_prefixes *prefixes;
    const tj_task *task;
    const tj_grow_config *cfg;
    size_t depth; /* of the nodes that were asked about last */
    level now, before;
} engine_ctx;

tj_code tj_plain_prompt_encode(void *ctx, tj_ids *ids, const tj_task *task,
                               const tj_task_state *first, tj_err *err)
{
    const tj_plain_prompt *plain = ctx;
    tj_buf text;
    tj_buf_init(&text);
    task->write_prompt(task->ctx, first, &text);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK && plain->begin >= 0) {
        rc = tj_ids_add(ids, &plain->begin, 1, err);
    }
    if (rc == TJ_OK) {
        rc = tj_tokenizer_encode(plain->tok, ids, text.data, text.len, false, err);
    }
    tj_buf_deinit(&text);
    return rc;
}

static tj_code write_prompt(void *ctx, tj_tree *tree, tj_err *err)
{
    const engine_ctx *e = ctx;
    tj_ids ids = {0};
    tj_code rc = e->model->encode(e->model->ctx, &ids, e->task, &tree->first, err);
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

/* ------------------------------------------------------------------ branches */

static void drop_level(engine_ctx *e, level *l)
{
    for (size_t i = 0; i < l->n; i++) {
        tj_prefixes_drop(e->prefixes, l->branches[i]);
    }
    l->n = 0;
}

/* At another depth, what was sampled at the last one is what paths begin with now. */
static void turn_to(engine_ctx *e, size_t depth)
{
    if (depth != e->depth) {
        level freed = e->before;
        drop_level(e, &freed);
        e->before = e->now;
        e->now = freed;
        e->depth = depth;
    }
}

static tj_code lend(engine_ctx *e, tj_branch *out, const tj_ids *path, tj_err *err)
{
    level *l = &e->now;
    size_t n_shared;
    if (!tj_grow(&l->branches, &l->cap, l->n + 1, sizeof *l->branches)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu branches", l->n + 1);
    }
    tj_code rc = tj_prefixes_lend(e->prefixes, out, &n_shared, path->ids, path->n, err);
    if (rc == TJ_OK) {
        l->branches[l->n++] = *out;
    }
    return rc;
}

static tj_code open_branches(engine_ctx *e, const tj_step_request *requests, size_t n, tj_gen *gens,
                             tj_err *err)
{
    static const char *const newline[] = {"\n"};
    tj_code rc = TJ_OK;
    tj_ids path = {0}; /* of the latest node: requests after the same one stand together */
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        const tj_step_request *r = &requests[i];
        gens[i] = (tj_gen){.sampling = {.temperature = r->temperature, .top_p = 1.0},
                           .seed = r->tree->seed,
                           .run = r->tree->run,
                           .problem = (uint64_t)r->tree->problem,
                           .node = r->draw,
                           .max_tokens = e->cfg->max_step_tokens,
                           .stop = newline,
                           .n_stop = 1,
                           .ends = e->model->ends,
                           .n_ends = e->model->n_ends};
        if (i == 0 || requests[i - 1].tree != r->tree || requests[i - 1].node != r->node) {
            path.n = 0;
            rc = path_ids(r->tree, r->node, &path, err);
        }
        if (rc == TJ_OK) {
            rc = lend(e, &gens[i].branch, &path, err);
        }
    }
    tj_ids_deinit(&path);
    return rc;
}

static tj_code take_answer(const engine_ctx *e, tj_step_request *r, tj_gen *gen, tj_err *err)
{
    tj_buf text;
    tj_buf_init(&text);
    r->last = gen->finish == TJ_FINISH_EOS;
    tj_tokenizer_decode(e->model->tok, &text, gen->ids, gen->n_ids - (r->last ? 1 : 0), true);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK) {
        r->text = tj_strndup(tj_buf_text(&text), text.len);
        rc = r->text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a step's text") : TJ_OK;
    }
    tj_buf_deinit(&text);
    r->whole = gen->finish == TJ_FINISH_STOP || r->last;
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
    engine_ctx *e = ctx;
    tj_job quiet = {.cancel = job == NULL ? NULL : job->cancel};
    tj_gen *gens = tj_calloc(n, sizeof *gens);
    if (gens == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot sample %zu steps", n);
    }
    turn_to(e, requests[0].tree->nodes[requests[0].node].depth);
    tj_code rc = open_branches(e, requests, n, gens, err);
    if (rc == TJ_OK) {
        rc = tj_engine_generate(e->model->engine, gens, n, &quiet, err);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = take_answer(e, &requests[i], &gens[i], err);
    }
    for (size_t i = 0; i < n; i++) {
        tj_gen_deinit(&gens[i]);
    }
    tj_free(gens);
    return rc;
}

tj_code tj_tree_grow(const tj_tree_model *model, const tj_task *task, const tj_grow_item *items,
                     size_t n_items, const tj_grow_config *cfg, uint64_t seed, uint64_t run,
                     tj_tree_done_fn done, void *ctx, const tj_job *job, tj_err *err)
{
    engine_ctx e = {.model = model, .task = task, .cfg = cfg};
    tj_policy policy = {sample, &e};
    /* none are kept: levels hold theirs */
    tj_code rc = tj_prefixes_create(&e.prefixes, model->engine, 0, err);
    if (rc == TJ_OK) {
        rc = tj_tree_grow_by(&policy, task, items, n_items, cfg, seed, run, write_prompt, done, ctx,
                             job, err);
    }
    drop_level(&e, &e.now);
    drop_level(&e, &e.before);
    tj_free(e.now.branches);
    tj_free(e.before.branches);
    tj_prefixes_destroy(e.prefixes);
    return rc;
}
