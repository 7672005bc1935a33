/* Growth, level by level: in each round every node of the level that still lacks distinct steps
 * asks for the missing ones, all trees of the batch in one call of the policy; then the level is
 * pruned.
 *
 * A sample's stream is (seed, run, problem, draw) with draw a hash of the parent's draw and the
 * number of the try, so that a tree depends on nothing but (seed, run, problem) and the policy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "tree/policy.h"

void tj_grow_config_default(tj_grow_config *cfg)
{
    *cfg = (tj_grow_config){.width = 3,
                            .depth = 10,
                            .max_tries = 6,
                            .temperature = 1.0,
                            .temperature_rise = 0.2,
                            .max_step_tokens = 64,
                            .batch_problems = 64};
}

/* A mixing of two words (the finaliser of splitmix64, Steele et al. 2014). */
static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t x = a * 0x9e3779b97f4a7c15ULL + b + 0x632be59bd9b4e019ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

typedef struct grower {
    const tj_policy *policy;
    const tj_task *task;
    const tj_grow_config *cfg;
    tj_tree *trees; /* [n_trees] of the batch */
    size_t n_trees;
    const tj_job *job;
    tj_step_request *requests;
    size_t n_requests, cap_requests;
} grower;

static bool grows(const grower *g, const tj_tree *tree, size_t node, size_t depth)
{
    const tj_node *n = &tree->nodes[node];
    bool room = g->cfg->max_nodes == 0 || tree->n_nodes < g->cfg->max_nodes;
    return n->depth == depth && n->valid && !n->terminal && !n->pruned && room;
}

static size_t count_children(const tj_tree *tree, size_t node)
{
    return tj_tree_children(tree, node, NULL, 0);
}

static size_t count_samples(const tj_tree *tree, size_t node)
{
    size_t n = 0;
    for (size_t i = node + 1; i < tree->n_nodes; i++) {
        n += tree->nodes[i].parent == node ? 1 + tree->nodes[i].n_duplicates : 0;
    }
    return n;
}

/* Asks for the steps that nodes of this depth lack. */
static tj_code collect(grower *g, size_t depth, size_t round, tj_err *err)
{
    g->n_requests = 0;
    for (size_t t = 0; t < g->n_trees; t++) {
        for (size_t i = 0; i < g->trees[t].n_nodes; i++) {
            if (!grows(g, &g->trees[t], i, depth)) {
                continue;
            }
            size_t have = count_children(&g->trees[t], i);
            size_t tried = count_samples(&g->trees[t], i);
            size_t want = have < g->cfg->width ? g->cfg->width - have : 0;
            size_t left = tried < g->cfg->max_tries ? g->cfg->max_tries - tried : 0;
            want = want < left ? want : left;
            if (!tj_grow(&g->requests, &g->cap_requests, g->n_requests + want,
                         sizeof *g->requests)) {
                return tj_fail(err, TJ_E_NOMEM, "cannot ask for %zu steps", g->n_requests + want);
            }
            for (size_t k = 0; k < want; k++) {
                g->requests[g->n_requests++] = (tj_step_request){
                    .tree = &g->trees[t],
                    .node = i,
                    .draw = mix(g->trees[t].nodes[i].draw, tried + k),
                    .temperature = g->cfg->temperature + (double)round * g->cfg->temperature_rise};
            }
        }
    }
    return TJ_OK;
}

static void judge(const grower *g, const tj_tree *tree, const tj_step_request *r,
                  tj_line_verdict *verdict, tj_task_state *after)
{
    size_t len = strlen(r->text);
    while (len > 0 && r->text[len - 1] == '\n') { /* a token may hold two */
        len--;
    }
    g->task->judge_line(g->task->ctx, &tree->nodes[r->node].state, r->text, len, verdict, after);
    if (verdict->kind != TJ_LINE_STEP || !r->whole) {
        verdict->valid = false;
        verdict->terminal = false;
        verdict->correct = false;
        verdict->solvable = false;
        snprintf(verdict->reason, sizeof verdict->reason, "%s",
                 r->whole ? "this is not a step" : "the step has no end");
        *after = tree->nodes[r->node].state;
    }
    if (verdict->key[0] == 0) { /* cannot be read: its own text tells it apart */
        snprintf(verdict->key, sizeof verdict->key, "%.*s", (int)len, r->text);
    }
}

static tj_code add_label(tj_tree *tree, size_t node, const char *rewarder, tj_meaning meaning,
                         bool value, const char *reason, tj_err *err)
{
    tj_reward reward = {.node = node, .rewarder = rewarder, .meaning = meaning, .value = value};
    snprintf(reward.reason, sizeof reward.reason, "%s", reason);
    return tj_tree_add_reward(tree, &reward, err);
}

/* Puts one sampled step into its tree, or counts it as a duplicate of a sibling. */
static tj_code take(const grower *g, const tj_step_request *r, tj_err *err)
{
    tj_tree *tree = r->tree;
    tj_line_verdict verdict;
    tj_task_state after;
    size_t id;
    judge(g, tree, r, &verdict, &after);
    for (size_t i = r->node + 1; i < tree->n_nodes; i++) {
        tj_node *n = &tree->nodes[i];
        if (n->parent == r->node && n->valid == verdict.valid && strcmp(n->key, verdict.key) == 0) {
            n->n_duplicates++;
            return TJ_OK;
        }
    }
    tj_code rc = tj_tree_add_node(tree, &id, r->node, r->text, r->ids, r->logprobs, r->n_ids, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_node *n = &tree->nodes[id];
    memcpy(n->key, verdict.key, sizeof n->key);
    n->draw = r->draw;
    n->state = after;
    n->valid = verdict.valid;
    n->solvable = verdict.valid && verdict.solvable;
    n->terminal = verdict.valid && (verdict.terminal || r->last);
    n->correct = verdict.valid && verdict.correct;
    rc = add_label(tree, id, "verifier", TJ_VALID, n->valid, verdict.reason, err);
    if (rc == TJ_OK) {
        const char *reason = n->solvable   ? ""
                             : !n->valid   ? "the step is not valid"
                             : n->terminal ? "the target was missed"
                                           : "the target is out of reach";
        rc = add_label(tree, id, "solver", TJ_SOLVABLE, n->solvable, reason, err);
    }
    return rc;
}

static void free_requests(grower *g)
{
    for (size_t i = 0; i < g->n_requests; i++) {
        tj_free(g->requests[i].ids);
        tj_free(g->requests[i].logprobs);
        tj_free(g->requests[i].text);
    }
    g->n_requests = 0;
}

/* ------------------------------------------------------------------ pruning */

typedef struct ranked {
    size_t node;
    double score;
} ranked;

static int by_score(const void *a, const void *b)
{
    const ranked *x = a;
    const ranked *y = b;
    if (x->score != y->score) {
        return x->score > y->score ? -1 : 1;
    }
    return x->node < y->node ? -1 : x->node > y->node;
}

/* Mean log-probability of a path's tokens: the policy's own ranking. */
static double path_score(const tj_tree *tree, size_t node)
{
    double sum = 0.0;
    size_t n = 0;
    for (size_t i = node; i != 0; i = tree->nodes[i].parent) {
        for (size_t t = 0; t < tree->nodes[i].n_ids; t++) {
            sum += (double)tree->nodes[i].logprobs[t];
        }
        n += tree->nodes[i].n_ids;
    }
    return n == 0 ? 0.0 : sum / (double)n;
}

/* TOP_K keeps the K best-ranked growable nodes of the level. AT_MOST_K_CORRECT keeps the first K
 * from which the goal can be reached and the first K dead ones, in sampled order: the paper's two
 * ways of pruning (by reward, and by bounding the number of correct steps kept). */
static tj_code prune(const grower *g, tj_tree *tree, size_t depth, tj_err *err)
{
    size_t n = 0;
    if (g->cfg->prune == TJ_PRUNE_NONE || g->cfg->prune_k == 0) {
        return TJ_OK;
    }
    ranked *level = tj_calloc(tree->n_nodes, sizeof *level);
    if (level == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot prune a level");
    }
    for (size_t i = 0; i < tree->n_nodes; i++) {
        if (grows(g, tree, i, depth)) {
            level[n++] = (ranked){i, path_score(tree, i)};
        }
    }
    if (g->cfg->prune == TJ_PRUNE_TOP_K) {
        qsort(level, n, sizeof *level, by_score);
    }
    size_t kept[2] = {0, 0};
    for (size_t i = 0; i < n; i++) {
        tj_node *node = &tree->nodes[level[i].node];
        size_t group = g->cfg->prune == TJ_PRUNE_AT_MOST_K_CORRECT && node->solvable ? 1 : 0;
        node->pruned = kept[group]++ >= g->cfg->prune_k;
    }
    tj_free(level);
    return TJ_OK;
}

/* ------------------------------------------------------------------ batches */

static tj_code grow_level(grower *g, size_t depth, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t round = 0; rc == TJ_OK && round < g->cfg->max_tries; round++) {
        rc = collect(g, depth, round, err);
        if (rc != TJ_OK || g->n_requests == 0) {
            break;
        }
        rc = g->policy->sample(g->policy->ctx, g->requests, g->n_requests, g->job, err);
        for (size_t i = 0; i < g->n_requests && rc == TJ_OK; i++) {
            rc = take(g, &g->requests[i], err);
        }
        free_requests(g);
    }
    free_requests(g);
    for (size_t t = 0; t < g->n_trees && rc == TJ_OK; t++) {
        rc = prune(g, &g->trees[t], depth + 1, err);
    }
    return rc;
}

static tj_code begin_tree(tj_tree *tree, const tj_grow_item *item, uint64_t seed, uint64_t run,
                          tj_code (*prompt)(void *ctx, tj_tree *tree, tj_err *err), void *ctx,
                          tj_err *err)
{
    size_t root;
    *tree = (tj_tree){.problem = item->problem, .first = item->first, .seed = seed, .run = run};
    tj_code rc = prompt(ctx, tree, err);
    return rc == TJ_OK ? tj_tree_add_node(tree, &root, TJ_NO_NODE, "", NULL, NULL, 0, err) : rc;
}

tj_code tj_tree_grow_by(const tj_policy *policy, const tj_task *task, const tj_grow_item *items,
                        size_t n_items, const tj_grow_config *cfg, uint64_t seed, uint64_t run,
                        tj_code (*prompt)(void *ctx, tj_tree *tree, tj_err *err),
                        tj_tree_done_fn done, void *ctx, const tj_job *job, tj_err *err)
{
    grower g = {.policy = policy, .task = task, .cfg = cfg, .job = job};
    size_t batch = cfg->batch_problems > 0 ? cfg->batch_problems : 1;
    g.trees = tj_calloc(batch, sizeof *g.trees);
    tj_code rc = g.trees == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot grow %zu trees", batch) : TJ_OK;
    for (size_t first = 0; first < n_items && rc == TJ_OK; first += batch) {
        g.n_trees = 0;
        while (g.n_trees < batch && first + g.n_trees < n_items && rc == TJ_OK) {
            rc = begin_tree(&g.trees[g.n_trees], &items[first + g.n_trees], seed, run, prompt,
                            policy->ctx, err);
            g.n_trees++;
        }
        for (size_t d = 0; d < cfg->depth && rc == TJ_OK; d++) {
            rc = tj_job_check(job, err);
            if (rc == TJ_OK) {
                rc = grow_level(&g, d, err);
            }
        }
        for (size_t t = 0; t < g.n_trees; t++) {
            if (rc == TJ_OK) {
                rc = done(ctx, &g.trees[t], err);
            }
            tj_tree_deinit(&g.trees[t]);
        }
        tj_job_progress(job, "growing", first + g.n_trees, n_items, "trees", NULL);
    }
    tj_free(g.requests);
    tj_free(g.trees);
    return rc;
}
