/* The loop of growing, the same for every search method (search.c).
 *
 * A sample's stream is (seed, run, problem, draw) with draw a hash of the parent's draw and the
 * number of the try, so that a tree depends on nothing but (seed, run, problem), the policy and the
 * scorer. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "tree/search.h"

void tj_grow_config_default(tj_grow_config *cfg)
{
    *cfg = (tj_grow_config){.width = 3,
                            .depth = 10,
                            .max_tries = 6,
                            .temperature = 1.0,
                            .temperature_rise = 0.2,
                            .max_step_tokens = 64,
                            .batch_problems = 64,
                            .exploration = 1.4};
}

tj_code tj_grow_config_check(const tj_grow_config *cfg, tj_err *err)
{
    bool endless = cfg->method == TJ_SEARCH_BEST_FIRST || cfg->method == TJ_SEARCH_UCT ||
                   cfg->method == TJ_SEARCH_PUCT;
    bool bounded = cfg->max_rounds > 0 || cfg->max_nodes > 0 || cfg->max_tokens > 0 ||
                   cfg->max_seconds > 0.0 || cfg->max_answers > 0;
    bool needs_k = cfg->method == TJ_SEARCH_BEAM || cfg->method == TJ_SEARCH_DVTS;
    if (cfg->width == 0 || cfg->depth == 0 || cfg->max_tries == 0) {
        return tj_fail(err, TJ_E_INVAL, "width %zu, depth %zu, max_tries %zu: expected 1 or more",
                       cfg->width, cfg->depth, cfg->max_tries);
    }
    if (needs_k && cfg->prune_k == 0) {
        return tj_fail(err, TJ_E_INVAL, "%s needs prune_k: how many go on",
                       tj_search_names[cfg->method]);
    }
    return !endless || bounded
               ? TJ_OK
               : tj_fail(err, TJ_E_INVAL,
                         "%s needs a bound: max_rounds, max_nodes, max_tokens, max_answers or "
                         "max_seconds",
                         tj_search_names[cfg->method]);
}

/* The finaliser of splitmix64, Steele et al. 2014. */
uint64_t tj_grow_mix(uint64_t a, uint64_t b)
{
    uint64_t x = a * 0x9e3779b97f4a7c15ULL + b + 0x632be59bd9b4e019ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

/* ------------------------------------------------------------------ slots */

bool tj_slot_grows(const tj_grower *g, const tj_slot *slot, size_t node)
{
    const tj_node *n = &slot->tree.nodes[node];
    return n->valid != TJ_LABEL_NO && !n->terminal && n->pruned == TJ_KEPT &&
           n->depth < g->cfg->depth;
}

tj_code tj_slot_want(tj_slot *slot, const tj_want *want, tj_err *err)
{
    if (!tj_grow(&slot->wants, &slot->cap_wants, slot->n_wants + 1, sizeof *slot->wants)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot ask after %zu nodes", slot->n_wants + 1);
    }
    slot->wants[slot->n_wants++] = *want;
    return TJ_OK;
}

static void free_slot(tj_slot *slot)
{
    for (size_t i = 0; i < slot->n_unscored; i++) {
        tj_score_deinit(slot->unscored[i].score);
        tj_free(slot->unscored[i].score);
    }
    tj_free(slot->unscored);
    tj_tree_deinit(&slot->tree);
    tj_buf_deinit(&slot->problem);
    tj_free(slot->sides);
    tj_free(slot->wants);
    tj_free(slot->fronts);
    tj_free(slot->owners);
    *slot = (tj_slot){.live = false};
}

tj_code tj_slot_add_side(tj_slot *slot, tj_err *err)
{
    if (!tj_grow(&slot->sides, &slot->cap_sides, slot->tree.n_nodes, sizeof *slot->sides)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot search among %zu nodes", slot->tree.n_nodes);
    }
    slot->sides[slot->tree.n_nodes - 1] = (tj_side){.has_score = false};
    return TJ_OK;
}

static tj_code begin_slot(const tj_grower *g, tj_slot *slot, const tj_grow_item *item, tj_err *err)
{
    const tj_growth *o = g->growth;
    tj_tree *tree = &slot->tree;
    size_t root;
    tj_code rc = TJ_OK;
    *slot = (tj_slot){.simulated = TJ_NO_NODE, .begun = tj_clock_seconds()};
    tj_buf_init(&slot->problem);
    *tree = (tj_tree){.problem = item->problem, .first = item->first, .seed = o->seed};
    tree->run = o->run;
    if (item->question != NULL) {
        rc = tj_tree_set_question(tree, item->question, strlen(item->question), item->answer,
                                  item->answer == NULL ? 0 : strlen(item->answer), err);
        tj_buf_str(&slot->problem, item->question);
    } else {
        o->task->write_prompt(o->task->ctx, &item->first, &slot->problem);
    }
    if (rc == TJ_OK) {
        rc = tj_buf_check(&slot->problem, err);
    }
    if (rc == TJ_OK) {
        rc = o->policy->begin(o->policy->ctx, tree, err);
    }
    if (rc == TJ_OK) {
        rc = tj_tree_add_node(tree, &root, TJ_NO_NODE, "", NULL, NULL, 0, err);
    }
    if (rc == TJ_OK) {
        if (item->question != NULL) {
            tree->nodes[0].solvable = TJ_LABEL_UNKNOWN;
        }
        rc = tj_slot_add_side(slot, err);
    }
    if (rc == TJ_OK) {
        rc = tj_search_begin(g, slot, err);
    }
    slot->live = rc == TJ_OK;
    if (rc != TJ_OK) {
        free_slot(slot);
    }
    return rc;
}

/* ------------------------------------------------------------------ asking the policy */

/* Budgets end a tree between two calls of the policy. */
static bool has_budget(const tj_grower *g, const tj_slot *slot)
{
    const tj_grow_config *c = g->cfg;
    return (c->max_nodes == 0 || slot->tree.n_nodes < c->max_nodes) &&
           (c->max_tokens == 0 || slot->n_tokens < c->max_tokens) &&
           (c->max_answers == 0 || slot->n_answers < c->max_answers) &&
           (c->max_seconds <= 0.0 || tj_clock_seconds() - slot->begun < c->max_seconds);
}

static size_t lacks(const tj_slot *slot, const tj_want *want, size_t round)
{
    if (want->exact > 0) {
        return round == 0 ? want->exact : 0;
    }
    size_t have = slot->tree.nodes[want->node].n_children;
    size_t tried = slot->sides[want->node].n_samples;
    size_t missing = have < want->width ? want->width - have : 0;
    size_t left = tried < want->tries ? want->tries - tried : 0;
    return missing < left ? missing : left;
}

/* Asks for the steps that the wanted nodes of a tree lack. */
static tj_code collect(tj_grower *g, tj_slot *slot, size_t round, tj_err *err)
{
    for (size_t w = 0; w < slot->n_wants && has_budget(g, slot); w++) {
        const tj_want *want = &slot->wants[w];
        size_t n = lacks(slot, want, round);
        if (!tj_grow(&g->requests, &g->cap_requests, g->n_requests + n, sizeof *g->requests)) {
            return tj_fail(err, TJ_E_NOMEM, "cannot ask for %zu steps", g->n_requests + n);
        }
        for (size_t k = 0; k < n; k++) {
            g->requests[g->n_requests++] = (tj_step_request){
                .tree = &slot->tree,
                .node = want->node,
                .draw = tj_grow_mix(slot->tree.nodes[want->node].draw,
                                    slot->sides[want->node].n_samples++),
                .temperature = g->cfg->temperature + (double)round * g->cfg->temperature_rise,
                .turn = g->turn};
        }
    }
    return TJ_OK;
}

static void free_requests(tj_grower *g)
{
    for (size_t i = 0; i < g->n_requests; i++) {
        tj_free(g->requests[i].ids);
        tj_free(g->requests[i].logprobs);
        tj_free(g->requests[i].text);
    }
    g->n_requests = 0;
}

/* ------------------------------------------------------------------ rounds */

static tj_slot *slot_of(const tj_grower *g, const tj_tree *tree)
{
    for (size_t s = 0; s < g->n_slots; s++) {
        if (&g->slots[s].tree == tree) {
            return &g->slots[s];
        }
    }
    return NULL;
}

/* Samples what all trees want, again and again while steps are missing. */
static tj_code expand(tj_grower *g, tj_err *err)
{
    tj_code rc = TJ_OK;
    g->turn++;
    for (size_t round = 0; rc == TJ_OK && round < g->cfg->max_tries; round++) {
        g->n_requests = 0;
        for (size_t s = 0; s < g->n_slots && rc == TJ_OK; s++) {
            rc = g->slots[s].live ? collect(g, &g->slots[s], round, err) : TJ_OK;
        }
        if (rc != TJ_OK || g->n_requests == 0) {
            break;
        }
        const tj_policy *policy = g->growth->policy;
        rc = policy->sample(policy->ctx, g->requests, g->n_requests, g->growth->job, err);
        for (size_t i = 0; i < g->n_requests && rc == TJ_OK; i++) {
            const tj_step_request *r = &g->requests[i];
            rc = tj_grow_take(g, slot_of(g, r->tree), r, err);
        }
        free_requests(g);
    }
    free_requests(g);
    return rc;
}

/* Lets the methods choose; trees that may cost no more are done. */
static tj_code select_nodes(tj_grower *g, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t s = 0; s < g->n_slots && rc == TJ_OK; s++) {
        tj_slot *slot = &g->slots[s];
        slot->n_wants = 0;
        slot->first_new = slot->tree.n_nodes;
        slot->done = slot->live && !has_budget(g, slot);
        if (slot->live && !slot->done) {
            rc = tj_search_select(g, slot, err);
        }
    }
    return rc;
}

static tj_code end_slot(tj_grower *g, tj_slot *slot, tj_err *err)
{
    const tj_growth *o = g->growth;
    g->stats.n_trees++;
    g->stats.n_solved += tj_tree_leads_to_correct(&slot->tree, 0) ? 1 : 0;
    if (o->cost != NULL) {
        *o->cost = (tj_tree_cost){.tokens = slot->n_tokens + slot->score_tokens,
                                  .seconds = tj_clock_seconds() - slot->begun,
                                  .money = slot->score_money,
                                  .unscored = slot->unscored,
                                  .n_unscored = slot->n_unscored};
    }
    if (o->stats != NULL) {
        *o->stats = g->stats;
    }
    tj_code rc = o->done(o->ctx, &slot->tree, err);
    free_slot(slot);
    return rc;
}

static void say_progress(const tj_grower *g, size_t n_items)
{
    char note[96];
    double seconds = tj_clock_seconds() - g->begun;
    (void)snprintf(note, sizeof note, "%llu nodes, %.0f tokens/s, %zu solved",
                   (unsigned long long)g->stats.n_nodes,
                   seconds > 0.0 ? (double)g->stats.n_tokens / seconds : 0.0, g->stats.n_solved);
    tj_job_progress(g->growth->job, "growing", g->stats.n_trees, n_items, "trees", note);
}

static tj_code end_done(tj_grower *g, size_t *n_live, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t s = 0; s < g->n_slots && rc == TJ_OK; s++) {
        if (g->slots[s].live && g->slots[s].done) {
            rc = end_slot(g, &g->slots[s], err);
            (*n_live)--;
        }
    }
    return rc;
}

static tj_code fill_slots(tj_grower *g, const tj_grow_item *items, size_t n_items, size_t *next,
                          size_t *n_live, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t s = 0; s < g->n_slots && *next < n_items && rc == TJ_OK; s++) {
        if (!g->slots[s].live) {
            rc = begin_slot(g, &g->slots[s], &items[*next], err);
            if (rc != TJ_OK) {
                tj_err_context(err, "problem %lld", (long long)items[*next].problem);
            }
            (*next)++;
            (*n_live) += rc == TJ_OK ? 1 : 0;
        }
    }
    return rc;
}

static tj_code grow_round(tj_grower *g, tj_err *err)
{
    tj_code rc = tj_job_check(g->growth->job, err);
    if (rc == TJ_OK) {
        rc = expand(g, err);
    }
    if (rc == TJ_OK) {
        rc = tj_grow_score(g, err);
    }
    for (size_t s = 0; s < g->n_slots && rc == TJ_OK; s++) {
        rc = g->slots[s].live ? tj_search_update(g, &g->slots[s], err) : TJ_OK;
    }
    return rc;
}

static tj_code grow_all(tj_grower *g, const tj_grow_item *items, size_t n_items, tj_err *err)
{
    size_t next = 0;
    size_t n_live = 0;
    tj_code rc = TJ_OK;
    while (rc == TJ_OK && (next < n_items || n_live > 0)) {
        rc = fill_slots(g, items, n_items, &next, &n_live, err);
        if (rc == TJ_OK) {
            rc = select_nodes(g, err);
        }
        if (rc == TJ_OK) {
            rc = end_done(g, &n_live, err);
        }
        if (rc == TJ_OK && n_live > 0) {
            rc = grow_round(g, err);
        }
        say_progress(g, n_items);
    }
    return rc;
}

tj_code tj_trees_grow(const tj_growth *growth, const tj_grow_item *items, size_t n_items,
                      tj_err *err)
{
    tj_grower g = {.growth = growth, .cfg = growth->cfg, .begun = tj_clock_seconds()};
    bool words = false;
    for (size_t i = 0; i < n_items; i++) {
        words = words || items[i].question != NULL;
    }
    tj_grader *own = NULL;
    tj_code rc = tj_grow_config_check(g.cfg, err);
    if (rc == TJ_OK && words && growth->grader == NULL) {
        rc = tj_grader_create(&own, NULL, err);
    }
    g.grader = growth->grader != NULL ? growth->grader : own;
    g.n_slots = g.cfg->batch_problems > 0 ? g.cfg->batch_problems : 1;
    g.n_slots = g.n_slots < n_items ? g.n_slots : n_items;
    if (rc == TJ_OK && n_items > 0) {
        g.slots = tj_calloc(g.n_slots, sizeof *g.slots);
        rc = g.slots == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot grow %zu trees", g.n_slots)
                             : grow_all(&g, items, n_items, err);
    }
    for (size_t s = 0; g.slots != NULL && s < g.n_slots; s++) {
        free_slot(&g.slots[s]);
    }
    if (growth->stats != NULL) {
        *growth->stats = g.stats;
    }
    tj_free(g.slots);
    tj_free(g.requests);
    tj_grader_destroy(own);
    return rc;
}
