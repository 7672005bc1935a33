/* The batched engine as a policy: a path becomes a branch, and a step ends with the first token
 * whose bytes complete its delimiter. The branches of a turn are held until the next turn has
 * forked from them, so that siblings, children and trees whose prompts begin alike find the keys
 * and values of what they share; searches that come back to old nodes keep more. */
#include <string.h>

#include "base/alloc.h"
#include "tree/policy.h"

/* Branches that were lent in one turn. */
typedef struct level {
    tj_branch *branches; /* [n] */
    size_t n, cap;
} level;

typedef struct engine_ctx {
    tj_tree_model model;
    tj_prefixes *prefixes;
    const tj_task *task;
    tj_step_options options;
    size_t turn; /* of what was asked last */
    level now, before;
} engine_ctx;

tj_code tj_plain_prompt_encode(void *ctx, tj_ids *ids, const tj_task *task, const tj_tree *tree,
                               tj_err *err)
{
    const tj_plain_prompt *plain = ctx;
    tj_buf text;
    tj_buf_init(&text);
    if (tree->question == NULL) {
        task->write_prompt(task->ctx, &tree->first, &text);
    } else {
        tj_words_write_prompt(&text, NULL, tree->question);
    }
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

static tj_code begin_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    const engine_ctx *e = ctx;
    tj_ids ids = {0};
    tj_code rc = e->model.encode(e->model.ctx, &ids, e->task, tree, err);
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
        tj_prefixes_keep(e->prefixes, l->branches[i]); /* as far as there is room */
    }
    l->n = 0;
}

/* In another turn, what was sampled in the last one is what paths begin with now. */
static void turn_to(engine_ctx *e, size_t turn)
{
    if (turn != e->turn) {
        level freed = e->before;
        drop_level(e, &freed);
        e->before = e->now;
        e->now = freed;
        e->turn = turn;
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

/* What ends a step, besides the end of the answer. */
static const char *const newline[] = {"\n"};
static const char *const empty_line[] = {"\n\n"};

static tj_gen gen_of(const engine_ctx *e, const tj_step_request *r)
{
    const tj_step_options *o = &e->options;
    return (tj_gen){.sampling = {.temperature = r->temperature, .top_p = o->top_p},
                    .seed = r->tree->seed,
                    .run = r->tree->run,
                    .problem = (uint64_t)r->tree->problem,
                    .node = r->draw,
                    .max_tokens = o->max_tokens,
                    .stop = o->form == TJ_STEPS_PARAGRAPHS ? empty_line : newline,
                    .n_stop = o->form == TJ_STEPS_TOKENS ? 0 : 1,
                    .ends = e->model.ends,
                    .n_ends = e->model.n_ends};
}

static tj_code open_branches(engine_ctx *e, const tj_step_request *requests, size_t n, tj_gen *gens,
                             tj_err *err)
{
    tj_code rc = TJ_OK;
    tj_ids path = {0}; /* of the latest node: requests after the same one stand together */
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        const tj_step_request *r = &requests[i];
        gens[i] = gen_of(e, r);
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

/* ------------------------------------------------------------------ answers */

/* Takes what a continuation sampled behind what the request has. */
static tj_code take_ids(tj_step_request *r, tj_gen *gen, tj_err *err)
{
    if (r->n_ids == 0) { /* nearly always: nothing is copied */
        tj_free(r->ids);
        tj_free(r->logprobs);
        r->ids = gen->ids;
        r->logprobs = gen->logprobs;
        r->n_ids = gen->n_ids;
        gen->ids = NULL;
        gen->logprobs = NULL;
        gen->n_ids = 0;
        return TJ_OK;
    }
    size_t n = r->n_ids + gen->n_ids;
    size_t cap_ids = r->n_ids;
    size_t cap_logprobs = r->n_ids;
    if (!tj_grow(&r->ids, &cap_ids, n, sizeof *r->ids) ||
        !tj_grow(&r->logprobs, &cap_logprobs, n, sizeof *r->logprobs)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a step of %zu tokens", n);
    }
    memcpy(r->ids + r->n_ids, gen->ids, gen->n_ids * sizeof *gen->ids);
    memcpy(r->logprobs + r->n_ids, gen->logprobs, gen->n_ids * sizeof *gen->logprobs);
    r->n_ids = n;
    return TJ_OK;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* *more: only empty lines came before the delimiter; those of a problem in words begin the step. */
static tj_code take_answer(const engine_ctx *e, tj_step_request *r, tj_gen *gen, bool *more,
                           tj_err *err)
{
    tj_buf text;
    tj_finish finish = gen->finish;
    r->last = finish == TJ_FINISH_EOS;
    tj_code rc = take_ids(r, gen, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_buf_init(&text);
    tj_tokenizer_decode(e->model.tok, &text, r->ids, r->n_ids - (r->last ? 1 : 0), true);
    rc = tj_buf_check(&text, err);
    if (rc == TJ_OK) {
        tj_free(r->text);
        r->text = tj_strndup(tj_buf_text(&text), text.len);
        rc = r->text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a step's text") : TJ_OK;
    }
    tj_buf_deinit(&text);
    r->cut = e->options.form == TJ_STEPS_TOKENS && finish == TJ_FINISH_LENGTH;
    r->whole = finish == TJ_FINISH_STOP || r->last || r->cut;
    r->n_tokens = r->n_ids;
    *more = rc == TJ_OK && finish == TJ_FINISH_STOP && r->tree->question != NULL &&
            is_blank(r->text) && r->n_ids < e->options.max_tokens;
    return rc;
}

/* Goes on with the steps that have begun with empty lines; each time with a stream of its own. */
static size_t again(const engine_ctx *e, tj_step_request *const *asked, tj_gen *gens,
                    const bool *more, size_t n, tj_step_request **out)
{
    size_t n_again = 0;
    for (size_t i = 0; i < n; i++) {
        tj_branch branch = gens[i].branch;
        tj_gen_deinit(&gens[i]);
        if (more[i]) {
            tj_step_request *r = asked[i];
            gens[n_again] = gen_of(e, r);
            gens[n_again].branch = branch;
            gens[n_again].node = r->draw + r->n_ids; /* draws are hashes: no other has it */
            gens[n_again].max_tokens = e->options.max_tokens - r->n_ids;
            out[n_again++] = r;
        }
    }
    return n_again;
}

static tj_code sample_all(engine_ctx *e, tj_step_request **asked, tj_gen *gens, bool *more,
                          size_t n, const tj_job *job, tj_err *err)
{
    tj_job quiet = {.cancel = job == NULL ? NULL : job->cancel};
    tj_code rc = TJ_OK;
    while (n > 0 && rc == TJ_OK) {
        rc = tj_engine_generate(e->model.engine, gens, n, &quiet, err);
        for (size_t i = 0; i < n && rc == TJ_OK; i++) {
            rc = take_answer(e, asked[i], &gens[i], &more[i], err);
        }
        n = rc == TJ_OK ? again(e, asked, gens, more, n, asked) : n;
    }
    return rc;
}

static tj_code sample(void *ctx, tj_step_request *requests, size_t n, const tj_job *job,
                      tj_err *err)
{
    engine_ctx *e = ctx;
    tj_gen *gens = tj_calloc(n, sizeof *gens);
    tj_step_request **asked = tj_calloc(n, sizeof *asked);
    bool *more = tj_calloc(n, sizeof *more);
    tj_code rc = gens == NULL || asked == NULL || more == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot sample %zu steps", n)
                     : TJ_OK;
    if (rc == TJ_OK) {
        turn_to(e, requests[0].turn);
        rc = open_branches(e, requests, n, gens, err);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        asked[i] = &requests[i];
    }
    if (rc == TJ_OK) {
        rc = sample_all(e, asked, gens, more, n, job, err);
    }
    for (size_t i = 0; gens != NULL && i < n; i++) {
        tj_gen_deinit(&gens[i]);
    }
    tj_free(gens);
    tj_free(asked);
    tj_free(more);
    return rc;
}

/* ------------------------------------------------------------------ its life */

static void close_engine(void *ctx)
{
    engine_ctx *e = ctx;
    drop_level(e, &e->now);
    drop_level(e, &e->before);
    tj_free(e->now.branches);
    tj_free(e->before.branches);
    tj_prefixes_destroy(e->prefixes);
    tj_free(e);
}

tj_code tj_policy_of_model(tj_policy *out, const tj_tree_model *model, const tj_task *task,
                           const tj_step_options *options, tj_err *err)
{
    *out = (tj_policy){0};
    engine_ctx *e = tj_calloc(1, sizeof *e);
    if (e == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a policy");
    }
    e->model = *model;
    e->task = task;
    e->options = *options;
    tj_code rc = tj_prefixes_create(&e->prefixes, model->engine, options->keep_tokens, err);
    if (rc != TJ_OK) {
        tj_free(e);
        return rc;
    }
    *out = (tj_policy){.begin = begin_tree, .sample = sample, .close = close_engine, .ctx = e};
    return TJ_OK;
}

tj_code tj_tree_grow(const tj_tree_model *model, const tj_task *task, const tj_grow_item *items,
                     size_t n_items, const tj_grow_config *cfg, uint64_t seed, uint64_t run,
                     tj_tree_done_fn done, void *ctx, const tj_job *job, tj_err *err)
{
    tj_policy policy;
    tj_step_options options;
    tj_step_options_default(&options);
    options.max_tokens = cfg->max_step_tokens;
    tj_growth growth = {.policy = &policy,
                        .task = task,
                        .cfg = cfg,
                        .seed = seed,
                        .run = run,
                        .done = done,
                        .ctx = ctx,
                        .job = job};
    tj_code rc = tj_policy_of_model(&policy, model, task, &options, err);
    if (rc == TJ_OK) {
        rc = tj_trees_grow(&growth, items, n_items, err);
        tj_policy_close(&policy);
    }
    return rc;
}
