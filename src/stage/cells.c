/* The trees and thoughts of a cell. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "stage/experiment.h"

/* Streams of random numbers, one a purpose. */
#define STREAM_GROW   202
#define STREAM_DERIVE 203

/* ------------------------------------------------------------------ trees */

static size_t cell_index(const tj_experiment *x, const tj_cell *cell)
{
    return (size_t)(cell - x->cells);
}

static tj_code cell_problems(const tj_experiment *x, const tj_cell *cell, tj_problem_list *out,
                             tj_err *err)
{
    /* a seed's problems are the same for every base */
    size_t offset = x->env.cfg->corpus.n_problems + cell->seed_index * x->n_candidates;
    return tj_problem_list_load(out, &x->env, x->set, TJ_SPLIT_TRAIN, offset, x->n_candidates, err);
}

typedef struct grow_work {
    tj_experiment *x;
    tj_scope *scope;
    int64_t model;
    int64_t first_problem; /* rows of a split are numbered on */
    size_t n_solved;       /* trees with an answer */
    size_t in_bracket;
    const char *name;
} grow_work;

static bool is_solved(const tj_tree *tree)
{
    return tj_tree_leads_to_correct(tree, 0);
}

static tj_code store_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    grow_work *w = ctx;
    tj_store *store = w->x->env.store;
    tj_origin origin = {.run = w->scope->run,
                        .ordinal = (size_t)(tree->problem - w->first_problem),
                        .model = w->model,
                        .tokenizer = w->x->env.tok_row};
    int64_t id;
    tj_run_cost cost = {0};
    for (size_t i = 0; i < tree->n_nodes; i++) {
        cost.tokens += tree->nodes[i].n_ids;
    }
    tj_code rc = w->in_bracket == 0 ? tj_store_begin(store, err) : TJ_OK;
    if (rc != TJ_OK) {
        return rc;
    }
    w->in_bracket++;
    rc = tj_store_add_tree(store, &id, &origin, tree, err);
    if (rc == TJ_OK) {
        rc = tj_run_add_cost(store, w->scope->run, &cost, err);
    }
    if (rc == TJ_OK && w->in_bracket >= 128) {
        w->in_bracket = 0;
        rc = tj_store_commit(store, err);
    }
    if (is_solved(tree) && w->n_solved++ < w->x->n_needed) {
        tj_job_progress(w->x->env.job, w->name, w->n_solved, w->x->n_needed, "trees with an answer",
                        NULL);
    }
    return rc;
}

/* Which problems' trees an earlier process has stored; those with an answer are counted. */
static tj_code find_grown(grow_work *w, bool *there, size_t n, tj_err *err)
{
    tj_store *store = w->x->env.store;
    tj_row_ref *rows = NULL;
    size_t n_rows = 0;
    tj_code rc = tj_store_list(store, &rows, &n_rows, TJ_ROW_TREE, w->scope->run, err);
    for (size_t i = 0; i < n_rows && rc == TJ_OK; i++) {
        tj_tree tree = {0};
        rc = tj_store_load_tree(store, &tree, NULL, rows[i].id, err);
        if (rc == TJ_OK && rows[i].ordinal < n) {
            there[rows[i].ordinal] = true;
            w->n_solved += is_solved(&tree) ? 1 : 0;
        }
        tj_tree_deinit(&tree);
    }
    tj_free(rows);
    return rc;
}

/* Batch by batch, until enough trees have an answer or the problems are used up. Batches stand at
 * fixed places, so that a run that was stopped grows the same trees as an unbroken one. */
static tj_code grow_batches(grow_work *w, tj_engine *engine, const tj_problem_list *problems,
                            const bool *there, tj_grow_item *items, uint64_t seed, tj_err *err)
{
    const tj_stage_env *env = &w->x->env;
    const tj_grow_config *cfg = &env->cfg->grow;
    tj_plain_prompt prompt = {env->tok, env->eos};
    tj_tree_model model = {
        .engine = engine, .tok = env->tok, .encode = tj_plain_prompt_encode, .ctx = &prompt};
    tj_job quiet = {.cancel = env->job == NULL ? NULL : env->job->cancel};
    tj_code rc = TJ_OK;
    for (size_t at = 0; at < problems->n && w->n_solved < w->x->n_needed && rc == TJ_OK;) {
        size_t end =
            at + cfg->batch_problems < problems->n ? at + cfg->batch_problems : problems->n;
        size_t n = 0;
        for (; at < end; at++) {
            if (!there[at]) {
                items[n++] =
                    (tj_grow_item){.problem = problems->ids[at], .first = problems->first[at]};
            }
        }
        if (n > 0) {
            rc = tj_tree_grow(&model, &env->task, items, n, cfg, seed, STREAM_GROW, store_tree, w,
                              &quiet, err);
        }
    }
    if (w->in_bracket > 0) { /* what is whole is kept, also when stopped */
        tj_err kept;
        tj_code end = tj_store_commit(env->store, &kept);
        if (rc == TJ_OK && end != TJ_OK) {
            rc = tj_fail(err, end, "%s", kept.msg);
        }
    }
    return rc;
}

static tj_code grow_all(tj_experiment *x, const tj_cell *cell, tj_scope *scope, const char *name,
                        const tj_problem_list *problems, tj_err *err)
{
    tj_model *model = NULL;
    tj_engine *engine = NULL;
    tj_engine_config engine_cfg;
    grow_work w = {.x = x,
                   .scope = scope,
                   .model = x->base_model[cell->base],
                   .first_problem = problems->ids[0],
                   .name = name};
    tj_grow_item *items = tj_calloc(problems->n, sizeof *items);
    bool *there = tj_calloc(problems->n, sizeof *there);
    tj_engine_config_default(&engine_cfg);
    tj_code rc = items == NULL || there == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot grow %zu trees", problems->n)
                     : find_grown(&w, there, problems->n, err);
    if (rc == TJ_OK) {
        rc = tj_stage_load_model(&x->env, &model, w.model, err);
    }
    if (rc == TJ_OK) {
        rc = tj_engine_create(&engine, model, x->env.tok, &engine_cfg, err);
    }
    if (rc == TJ_OK) {
        rc = grow_batches(&w, engine, problems, there, items, cell->seed, err);
    }
    tj_engine_destroy(engine);
    tj_model_destroy(model);
    tj_free(items);
    tj_free(there);
    return rc;
}

static json_t *subset(const json_t *config, const char *const *keys, size_t n)
{
    json_t *out = json_object();
    for (size_t i = 0; i < n; i++) {
        json_object_set(out, keys[i], json_object_get(config, keys[i]));
    }
    return out;
}

tj_code tj_experiment_grow(tj_experiment *x, tj_cell *cell, tj_err *err)
{
    static const char *const keys[] = {"grow", "task"};
    tj_scope scope;
    tj_problem_list problems = {0};
    tj_scope_spec spec = {.stage = "grow", .seed = cell->seed};
    json_t *all = tj_demo_config_write(x->env.cfg);
    snprintf(spec.name, sizeof spec.name, "grow trees, seed %llu", (unsigned long long)cell->seed);
    spec.config = subset(all, keys, sizeof keys / sizeof keys[0]);
    json_object_set_new(spec.config, "n", json_integer((json_int_t)x->n_candidates));
    json_object_set_new(spec.config, "n_solved", json_integer((json_int_t)x->n_needed));
    json_object_set_new(spec.config, "cell", json_integer((json_int_t)cell_index(x, cell)));
    json_decref(all);
    tj_scope_input(&spec, "policy", "model", x->base_model[cell->base]);
    tj_scope_input(&spec, "problems", "problem_set", x->set);
    tj_code rc = tj_scope_begin(&x->env, &scope, &spec, err);
    if (rc == TJ_OK && !scope.done) {
        rc = cell_problems(x, cell, &problems, err);
        if (rc == TJ_OK) {
            rc = grow_all(x, cell, &scope, spec.name, &problems, err);
        }
        rc = tj_scope_end(&x->env, &scope, rc, NULL, err);
    }
    cell->grow_run = scope.run;
    tj_problem_list_deinit(&problems);
    return rc;
}

/* ------------------------------------------------------------------ thoughts */

typedef struct derive_work {
    tj_experiment *x;
    const tj_cell *cell;
    int64_t run;
    tj_derive_config rules;
    size_t n_used; /* problems with an answer so far */
    size_t tokens[2], backtracks;
} derive_work;

/* Both thoughts of one tree; TJ_E_NOTFOUND when it has no answer. */
static tj_code derive_tree(derive_work *w, int64_t tree_id, size_t ordinal, tj_err *err)
{
    const tj_stage_env *env = &w->x->env;
    tj_tree tree = {0};
    tj_thought thoughts[2] = {{0}, {0}};
    tj_rng rng;
    tj_code rc = tj_store_load_tree(env->store, &tree, NULL, tree_id, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_rng_init(&rng, w->cell->seed, STREAM_DERIVE, (uint64_t)tree.problem, 0);
    rc = tj_derive_shortcut(&thoughts[0], &tree, &env->task, env->tok, env->eos, NULL, err);
    if (rc == TJ_OK) {
        rc = tj_derive_journey(&thoughts[1], &tree, &env->task, env->tok, env->eos, &w->rules, &rng,
                               err);
    }
    for (size_t a = 0; a < 2 && rc == TJ_OK; a++) {
        tj_origin origin = {
            .run = w->run, .ordinal = 2 * ordinal + a, .tokenizer = env->tok_row, .tree = tree_id};
        int64_t id;
        rc = tj_store_add_thought(env->store, &id, &origin, &thoughts[a], NULL, err);
        w->tokens[a] += thoughts[a].n_ids;
    }
    w->backtracks += rc == TJ_OK ? thoughts[1].n_backtracks : 0;
    w->n_used += rc == TJ_OK ? 1 : 0;
    tj_thought_deinit(&thoughts[0]);
    tj_thought_deinit(&thoughts[1]);
    tj_tree_deinit(&tree);
    return rc;
}

static tj_code derive_all(derive_work *w, tj_err *err)
{
    tj_store *store = w->x->env.store;
    tj_row_ref *trees = NULL;
    size_t n = 0;
    tj_code rc = tj_store_list(store, &trees, &n, TJ_ROW_TREE, w->cell->grow_run, err);
    if (rc == TJ_OK) {
        rc = tj_store_begin(store, err); /* short enough to be one bracket */
    }
    if (rc != TJ_OK) {
        tj_free(trees);
        return rc;
    }
    for (size_t i = 0; i < n && w->n_used < w->x->n_needed && rc == TJ_OK; i++) {
        rc = derive_tree(w, trees[i].id, w->n_used, err);
        rc = rc == TJ_E_NOTFOUND ? TJ_OK : rc;
    }
    if (rc == TJ_OK && w->n_used < w->x->n_needed) {
        rc = tj_fail(err, TJ_E_LIMIT,
                     "%zu of %zu trees have an answer, but N is %zu: the base is too weak; raise "
                     "phase1.n_updates, grow.width or grow_spare",
                     w->n_used, n, w->x->n_needed);
    }
    if (rc == TJ_OK) {
        rc = tj_store_commit(store, err);
    } else {
        tj_store_rollback(store);
    }
    tj_free(trees);
    return rc;
}

tj_code tj_experiment_derive(tj_experiment *x, tj_cell *cell, tj_err *err)
{
    static const char *const keys[] = {"derive"};
    tj_scope scope;
    tj_scope_spec spec = {.stage = "derive", .seed = cell->seed};
    json_t *all = tj_demo_config_write(x->env.cfg);
    json_t *metrics = NULL;
    snprintf(spec.name, sizeof spec.name, "derive thoughts, seed %llu",
             (unsigned long long)cell->seed);
    spec.config = subset(all, keys, 1);
    json_object_set_new(spec.config, "n", json_integer((json_int_t)x->n_needed));
    json_decref(all);
    tj_scope_input(&spec, "trees", "run", cell->grow_run);
    tj_code rc = tj_scope_begin(&x->env, &scope, &spec, err);
    cell->derive_run = scope.run;
    if (rc == TJ_OK && !scope.done) {
        derive_work w = {.x = x, .cell = cell, .run = scope.run, .rules = x->env.cfg->derive};
        tj_templates *templates = NULL;
        rc = tj_templates_create(&templates, err);
        w.rules.templates = templates;
        if (rc == TJ_OK) {
            rc = derive_all(&w, err);
        }
        tj_templates_destroy(templates);
        metrics = json_pack("{s:I, s:I, s:I, s:I}", "problems", (json_int_t)w.n_used,
                            "shortcut_tokens", (json_int_t)w.tokens[0], "journey_tokens",
                            (json_int_t)w.tokens[1], "backtracks", (json_int_t)w.backtracks);
        rc = tj_scope_end(&x->env, &scope, rc, metrics, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_count(x->env.store, &cell->n_trees, TJ_ROW_TREE, cell->grow_run, err);
    }
    return rc;
}
