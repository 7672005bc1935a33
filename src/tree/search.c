/* Search methods over the same tree (docs/trees.md has their sources):
 *
 *   breadth     all open nodes of a level, pruned as the O1 Journey's report does (Qin et al. 2024)
 *   best-first  the open node that ranks highest
 *   beam        the best K of a level, ends among them (Snell et al. 2024, "beam search")
 *   dvts        K subtrees that each keep their best step (Beeching et al. 2024, "diverse verifier
 *               tree search")
 *   uct, puct   Monte-Carlo tree search (Kocsis and Szepesvari 2006; Rosin 2011, Silver et al.
 * 2017) best-of-n   width whole answers, with their common beginnings merged
 *
 * A node ranks by its score; without a scorer by the mean log-probability of its path's tokens. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "tree/search.h"

const char *const tj_search_names[] = {"breadth", "best-first", "beam",      "dvts",
                                       "uct",     "puct",       "best-of-n", NULL};

/* ------------------------------------------------------------------ ranks */

/* Mean log-probability of a path's tokens: the policy's own ranking. */
static double path_logprob(const tj_tree *tree, size_t node)
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

static double rank_of(const tj_grower *g, const tj_slot *slot, size_t node)
{
    const tj_side *side = &slot->sides[node];
    if (g->growth->scorer == NULL) {
        return path_logprob(&slot->tree, node);
    }
    return side->has_score ? side->score : (double)-INFINITY; /* one that failed comes last */
}

typedef struct ranked {
    size_t node;
    double rank;
} ranked;

/* The best first; of equals the one that was sampled first. */
static int by_rank(const void *a, const void *b)
{
    const ranked *x = a;
    const ranked *y = b;
    if (x->rank != y->rank) {
        return x->rank > y->rank ? -1 : 1;
    }
    return x->node < y->node ? -1 : x->node > y->node;
}

/* An open node, whether or not it is too deep to grow. */
static bool is_open(const tj_slot *slot, size_t node)
{
    const tj_node *n = &slot->tree.nodes[node];
    return n->valid != TJ_LABEL_NO && !n->terminal && n->pruned == TJ_KEPT;
}

/* A step that a search may go on to, or end with. */
static bool is_candidate(const tj_slot *slot, size_t node)
{
    const tj_node *n = &slot->tree.nodes[node];
    return n->valid != TJ_LABEL_NO && n->pruned == TJ_KEPT;
}

static void prune_node(tj_slot *slot, size_t node)
{
    tj_node *n = &slot->tree.nodes[node];
    if (is_open(slot, node)) {
        n->pruned = TJ_PRUNED;
    }
}

static tj_code want_steps(const tj_grower *g, tj_slot *slot, size_t node, size_t times, tj_err *err)
{
    tj_want want = {
        .node = node, .width = g->cfg->width * times, .tries = g->cfg->max_tries * times};
    slot->sides[node].expanded = true;
    return tj_slot_want(slot, &want, err);
}

/* ------------------------------------------------------------------ breadth */

static tj_code select_breadth(const tj_grower *g, tj_slot *slot, tj_err *err)
{
    tj_code rc = TJ_OK;
    slot->done = slot->level >= g->cfg->depth;
    for (size_t i = 0; i < slot->tree.n_nodes && rc == TJ_OK && !slot->done; i++) {
        if (slot->tree.nodes[i].depth == slot->level && tj_slot_grows(g, slot, i)) {
            rc = want_steps(g, slot, i, 1, err);
        }
    }
    return rc;
}

/* Whether a node counts as one from which the goal can be reached: by its score, or its label. */
static bool seems_live(const tj_grower *g, const tj_slot *slot, size_t node)
{
    const tj_side *side = &slot->sides[node];
    return side->has_score ? side->score >= g->growth->scorer->threshold
                           : slot->tree.nodes[node].solvable != TJ_LABEL_NO;
}

/* TOP_K keeps the K best-ranked open nodes of the level. AT_MOST_K_CORRECT keeps the first K from
 * which the goal can be reached and the first K dead ones, in sampled order: the paper's two ways
 * of pruning (by reward, and by bounding the number of correct steps kept). */
static tj_code update_breadth(const tj_grower *g, tj_slot *slot, tj_err *err)
{
    const tj_grow_config *c = g->cfg;
    size_t n = 0;
    slot->level++;
    if (c->prune == TJ_PRUNE_NONE || c->prune_k == 0) {
        return TJ_OK;
    }
    ranked *level = tj_calloc(slot->tree.n_nodes, sizeof *level);
    if (level == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot prune a level");
    }
    for (size_t i = 0; i < slot->tree.n_nodes; i++) {
        if (slot->tree.nodes[i].depth == slot->level && is_open(slot, i)) {
            level[n++] = (ranked){i, rank_of(g, slot, i)};
        }
    }
    if (c->prune == TJ_PRUNE_TOP_K) {
        qsort(level, n, sizeof *level, by_rank);
    }
    size_t kept[2] = {0, 0};
    for (size_t i = 0; i < n; i++) {
        bool live = c->prune == TJ_PRUNE_AT_MOST_K_CORRECT && seems_live(g, slot, level[i].node);
        if (kept[live ? 1 : 0]++ >= c->prune_k) {
            prune_node(slot, level[i].node);
        }
    }
    tj_free(level);
    return TJ_OK;
}

/* ------------------------------------------------------------------ best-first */

static tj_code select_best(const tj_grower *g, tj_slot *slot, tj_err *err)
{
    ranked best = {TJ_NO_NODE, 0.0};
    bool may = g->cfg->max_rounds == 0 || slot->n_rounds < g->cfg->max_rounds;
    for (size_t i = 0; i < slot->tree.n_nodes && may; i++) {
        if (!slot->sides[i].expanded && tj_slot_grows(g, slot, i)) {
            ranked other = {i, i == 0 ? 0.0 : rank_of(g, slot, i)};
            best = best.node == TJ_NO_NODE || by_rank(&other, &best) < 0 ? other : best;
        }
    }
    slot->done = best.node == TJ_NO_NODE;
    return slot->done ? TJ_OK : want_steps(g, slot, best.node, 1, err);
}

/* ------------------------------------------------------------------ fronts */

static bool front_grows(const tj_grower *g, const tj_slot *slot, size_t f)
{
    return slot->fronts[f] != TJ_NO_NODE && tj_slot_grows(g, slot, slot->fronts[f]);
}

static tj_code begin_fronts(tj_slot *slot, size_t n, tj_err *err)
{
    slot->fronts = tj_calloc(n, sizeof *slot->fronts); /* all at the root */
    slot->owners = tj_calloc(n, sizeof *slot->owners);
    slot->n_fronts = n;
    return slot->fronts == NULL || slot->owners == NULL
               ? tj_fail(err, TJ_E_NOMEM, "cannot follow %zu paths", n)
               : TJ_OK;
}

/* The first of the fronts that are at a node asks for all of them. */
static bool is_first_at(const tj_slot *slot, size_t f)
{
    for (size_t k = 0; k < f; k++) {
        if (slot->fronts[k] == slot->fronts[f]) {
            return false;
        }
    }
    return true;
}

static size_t count_at(const tj_slot *slot, size_t node)
{
    size_t n = 0;
    for (size_t k = 0; k < slot->n_fronts; k++) {
        n += slot->fronts[k] == node ? 1 : 0;
    }
    return n;
}

static tj_code select_fronts(const tj_grower *g, tj_slot *slot, tj_err *err)
{
    tj_code rc = TJ_OK;
    slot->done = true;
    for (size_t f = 0; f < slot->n_fronts && rc == TJ_OK; f++) {
        slot->owners[f] = 0;
        if (!front_grows(g, slot, f) || !is_first_at(slot, f)) {
            continue;
        }
        size_t n = count_at(slot, slot->fronts[f]);
        slot->done = false;
        if (g->cfg->method == TJ_SEARCH_BEST_OF_N) {
            slot->sides[slot->fronts[f]].expanded = true;
            rc = tj_slot_want(slot, &(tj_want){.node = slot->fronts[f], .exact = n}, err);
        } else { /* beams are apart; subtrees share the root only */
            rc =
                want_steps(g, slot, slot->fronts[f], g->cfg->method == TJ_SEARCH_DVTS ? n : 1, err);
        }
    }
    return rc;
}

/* The children of all fronts, and the fronts that have ended, by rank; the best K are the next
 * fronts. */
static tj_code update_beam(const tj_grower *g, tj_slot *slot, tj_err *err)
{
    size_t n = 0;
    ranked *all = tj_calloc(slot->tree.n_nodes + slot->n_fronts, sizeof *all);
    if (all == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot compare beams");
    }
    for (size_t f = 0; f < slot->n_fronts; f++) {
        size_t node = slot->fronts[f];
        if (node != TJ_NO_NODE && slot->tree.nodes[node].terminal) {
            all[n++] = (ranked){node, rank_of(g, slot, node)};
        }
    }
    for (size_t i = slot->first_new; i < slot->tree.n_nodes; i++) {
        if (is_candidate(slot, i)) {
            all[n++] = (ranked){i, rank_of(g, slot, i)};
        }
    }
    qsort(all, n, sizeof *all, by_rank);
    for (size_t f = 0; f < slot->n_fronts; f++) {
        slot->fronts[f] = f < n ? all[f].node : TJ_NO_NODE;
    }
    for (size_t i = slot->n_fronts; i < n; i++) {
        prune_node(slot, all[i].node);
    }
    tj_free(all);
    return TJ_OK;
}

/* The best child for each front among its own: at the root the i-th child is of subtree i mod K. */
static void update_dvts(const tj_grower *g, tj_slot *slot)
{
    const tj_tree *tree = &slot->tree;
    for (size_t f = 0; f < slot->n_fronts; f++) {
        ranked best = {TJ_NO_NODE, 0.0};
        size_t at = slot->fronts[f];
        if (at == TJ_NO_NODE || tree->nodes[at].terminal) {
            continue;
        }
        for (size_t i = slot->first_new; i < tree->n_nodes; i++) {
            bool own = tree->nodes[i].parent == at &&
                       (at != 0 || tree->nodes[i].order % slot->n_fronts == f);
            if (own && is_candidate(slot, i)) {
                ranked other = {i, rank_of(g, slot, i)};
                best = best.node == TJ_NO_NODE || by_rank(&other, &best) < 0 ? other : best;
            }
        }
        slot->fronts[f] = best.node;
    }
    for (size_t i = slot->first_new; i < tree->n_nodes; i++) {
        if (count_at(slot, i) == 0) {
            prune_node(slot, i);
        }
    }
}

/* Fronts that got no sample, by a budget, end. */
static void update_samples(const tj_grower *g, tj_slot *slot)
{
    for (size_t f = 0; f < slot->n_fronts; f++) {
        if (front_grows(g, slot, f) && slot->owners[f] == 0) {
            slot->fronts[f] = TJ_NO_NODE;
        }
    }
}

/* ------------------------------------------------------------------ Monte-Carlo tree search */

/* What a node is worth, in [0, 1]: by its score, its label, or at an end of which nothing is known
 * the policy's own probability for a token. False: not known yet. */
static bool value_of(const tj_grower *g, const tj_slot *slot, size_t node, double *out)
{
    const tj_scorer *scorer = g->growth->scorer;
    const tj_node *n = &slot->tree.nodes[node];
    const tj_side *side = &slot->sides[node];
    bool lost = n->valid == TJ_LABEL_NO || n->pruned != TJ_KEPT || n->solvable == TJ_LABEL_NO;
    if (side->has_score) {
        *out = (side->score - scorer->low) / (scorer->high - scorer->low);
        return true;
    }
    *out = 0.0;
    if (n->correct) {
        *out = 1.0;
    } else if (n->terminal && !lost) {
        *out = exp(path_logprob(&slot->tree, node));
    }
    bool failed = scorer != NULL && !lost;
    return n->terminal || lost || failed || !tj_slot_grows(g, slot, node);
}

static void back_up(tj_slot *slot, size_t node, double value)
{
    for (size_t i = node;; i = slot->tree.nodes[i].parent) {
        slot->sides[i].n_visits++;
        slot->sides[i].total += value;
        if (i == 0) {
            break;
        }
    }
}

/* A node is closed when it cannot grow and neither can anything below it. */
static void close_upwards(const tj_grower *g, tj_slot *slot, size_t node)
{
    for (size_t at = node;; at = slot->tree.nodes[at].parent) {
        tj_side *side = &slot->sides[at];
        bool open = !side->expanded && tj_slot_grows(g, slot, at);
        for (size_t i = at + 1; i < slot->tree.n_nodes && side->expanded && !open; i++) {
            open = slot->tree.nodes[i].parent == at && !slot->sides[i].closed;
        }
        side->closed = !open;
        if (at == 0 || open) {
            break;
        }
    }
}

static double step_logprob(const tj_node *n)
{
    double sum = 0.0;
    for (size_t t = 0; t < n->n_ids; t++) {
        sum += (double)n->logprobs[t];
    }
    return n->n_ids == 0 ? 0.0 : sum / (double)n->n_ids;
}

/* The policy's probability of a child among its siblings, by the mean log-probabilities of their
 * tokens; the same for all where a policy has none. */
static double prior_of(const tj_tree *tree, size_t child)
{
    double sum = 0.0;
    for (size_t i = tree->nodes[child].parent + 1; i < tree->n_nodes; i++) {
        if (tree->nodes[i].parent == tree->nodes[child].parent) {
            sum += exp(step_logprob(&tree->nodes[i]));
        }
    }
    return sum > 0.0 ? exp(step_logprob(&tree->nodes[child])) / sum : 0.0;
}

/* UCB1 applied to trees, or PUCT as in AlphaZero. */
static double urgency(const tj_grower *g, const tj_slot *slot, size_t parent, size_t child)
{
    const tj_side *s = &slot->sides[child];
    double n_parent = (double)slot->sides[parent].n_visits;
    double n = (double)s->n_visits;
    double q = s->n_visits == 0 ? 0.0 : s->total / n;
    double c = g->cfg->exploration;
    if (g->cfg->method == TJ_SEARCH_PUCT) {
        return q + c * prior_of(&slot->tree, child) * sqrt(n_parent) / (1.0 + n);
    }
    return s->n_visits == 0 ? (double)INFINITY : q + c * sqrt(log(n_parent) / n);
}

/* Down from the root by urgency, to a node that has not been expanded. */
static size_t descend(const tj_grower *g, const tj_slot *slot)
{
    size_t at = 0;
    while (slot->sides[at].expanded) {
        ranked best = {TJ_NO_NODE, 0.0};
        for (size_t i = at + 1; i < slot->tree.n_nodes; i++) {
            if (slot->tree.nodes[i].parent == at && !slot->sides[i].closed) {
                ranked other = {i, urgency(g, slot, at, i)};
                best = best.node == TJ_NO_NODE || by_rank(&other, &best) < 0 ? other : best;
            }
        }
        at = best.node; /* there is one: a node without open children is closed */
    }
    return at;
}

static tj_code select_mcts(const tj_grower *g, tj_slot *slot, tj_err *err)
{
    if (slot->simulated != TJ_NO_NODE) {
        return tj_slot_want(slot, &(tj_want){.node = slot->simulated, .exact = 1}, err);
    }
    bool may = g->cfg->max_rounds == 0 || slot->n_rounds < g->cfg->max_rounds;
    slot->done = !may || slot->sides[0].closed;
    if (slot->done) {
        return TJ_OK;
    }
    slot->n_rounds++;
    return want_steps(g, slot, descend(g, slot), 1, err);
}

/* Every new child of known value is an evaluation. Without a scorer the first of the others is
 * played out, one sample a step; what is played stays in the tree. */
static void update_mcts(const tj_grower *g, tj_slot *slot)
{
    double value;
    size_t from = slot->wants[0].node;
    if (slot->simulated != TJ_NO_NODE) {
        size_t at = slot->simulated; /* where the sample landed */
        if (at == from) {            /* a budget let none come */
            slot->simulated = TJ_NO_NODE;
        } else if (value_of(g, slot, at, &value)) {
            back_up(slot, at, value);
            close_upwards(g, slot, at);
            slot->simulated = TJ_NO_NODE;
        }
        return;
    }
    for (size_t i = from + 1; i < slot->tree.n_nodes; i++) {
        if (slot->tree.nodes[i].parent != from || slot->sides[i].n_visits > 0) {
            continue;
        }
        if (value_of(g, slot, i, &value)) {
            back_up(slot, i, value);
            close_upwards(g, slot, i);
        } else if (slot->simulated == TJ_NO_NODE) {
            slot->simulated = i;
        }
    }
    close_upwards(g, slot, from);
}

/* ------------------------------------------------------------------ by method */

tj_code tj_search_begin(const tj_grower *g, tj_slot *slot, tj_err *err)
{
    switch (g->cfg->method) {
    case TJ_SEARCH_BEAM:
        return begin_fronts(slot, g->cfg->prune_k, err);
    case TJ_SEARCH_DVTS:
        return begin_fronts(slot, g->cfg->prune_k, err);
    case TJ_SEARCH_BEST_OF_N:
        return begin_fronts(slot, g->cfg->width, err);
    default:
        return TJ_OK;
    }
}

tj_code tj_search_select(const tj_grower *g, tj_slot *slot, tj_err *err)
{
    switch (g->cfg->method) {
    case TJ_SEARCH_BREADTH:
        return select_breadth(g, slot, err);
    case TJ_SEARCH_BEST_FIRST:
        return select_best(g, slot, err);
    case TJ_SEARCH_UCT:
    case TJ_SEARCH_PUCT:
        return select_mcts(g, slot, err);
    default:
        return select_fronts(g, slot, err);
    }
}

void tj_search_landed(const tj_grower *g, tj_slot *slot, size_t parent, size_t node)
{
    if (slot->simulated == parent && slot->wants[0].exact > 0) {
        slot->simulated = node;
    }
    for (size_t f = 0; f < slot->n_fronts && g->cfg->method == TJ_SEARCH_BEST_OF_N; f++) {
        if (slot->fronts[f] == parent && slot->owners[f] == 0) {
            slot->fronts[f] = node;
            slot->owners[f] = 1;
            break;
        }
    }
}

tj_code tj_search_update(const tj_grower *g, tj_slot *slot, tj_err *err)
{
    switch (g->cfg->method) {
    case TJ_SEARCH_BREADTH:
        return update_breadth(g, slot, err);
    case TJ_SEARCH_BEST_FIRST:
        slot->n_rounds++;
        return TJ_OK;
    case TJ_SEARCH_BEAM:
        return update_beam(g, slot, err);
    case TJ_SEARCH_DVTS:
        update_dvts(g, slot);
        return TJ_OK;
    case TJ_SEARCH_BEST_OF_N:
        update_samples(g, slot);
        return TJ_OK;
    default:
        update_mcts(g, slot);
        return TJ_OK;
    }
}
