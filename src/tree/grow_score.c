/* New nodes of all trees to the scorer, in one call a round. What fails is kept as that. */
#include <stdio.h>

#include "base/alloc.h"
#include "tree/search.h"

typedef struct scoring {
    tj_score_ask *asks; /* [n] */
    size_t *slots;      /* [n] whose they are */
    tj_score *scores;   /* [n] */
    const char **texts; /* of all steps, path after path */
    size_t n, n_texts;
} scoring;

/* Steps that are known to be no steps, to be wrong or to go in circles need no score. */
static bool is_scored(const tj_slot *slot, size_t node)
{
    const tj_node *n = &slot->tree.nodes[node];
    return n->valid != TJ_LABEL_NO && n->pruned == TJ_KEPT;
}

static void count_asks(const tj_grower *g, scoring *s)
{
    for (size_t k = 0; k < g->n_slots; k++) {
        const tj_slot *slot = &g->slots[k];
        for (size_t i = slot->first_new; slot->live && i < slot->tree.n_nodes; i++) {
            s->n += is_scored(slot, i) ? 1 : 0;
            s->n_texts += is_scored(slot, i) ? slot->tree.nodes[i].depth : 0;
        }
    }
}

static void fill_asks(const tj_grower *g, scoring *s)
{
    size_t n = 0;
    size_t at = 0;
    for (size_t k = 0; k < g->n_slots; k++) {
        const tj_slot *slot = &g->slots[k];
        const tj_tree *tree = &slot->tree;
        for (size_t i = slot->first_new; slot->live && i < tree->n_nodes; i++) {
            if (!is_scored(slot, i)) {
                continue;
            }
            size_t depth = tree->nodes[i].depth;
            size_t up = i;
            for (size_t d = depth; d-- > 0; up = tree->nodes[up].parent) {
                s->texts[at + d] = tree->nodes[up].text;
            }
            s->slots[n] = k;
            s->asks[n++] =
                (tj_score_ask){.problem = tj_buf_text(&slot->problem),
                               .answer = tree->answer,
                               .steps = s->texts + at,
                               .n_steps = depth,
                               .tree = tree,
                               .node = i,
                               .key = tj_grow_mix((uint64_t)tree->problem, tree->nodes[i].draw)};
            at += depth;
        }
    }
}

/* Keeps a score that failed; takes it. */
static tj_code keep_failure(tj_grower *g, tj_slot *slot, size_t node, tj_score *score, tj_err *err)
{
    if (g->stats.n_failed++ == 0) {
        (void)snprintf(g->stats.failure, sizeof g->stats.failure, "%s",
                       score->error == NULL ? "no reason is given" : score->error);
    }
    tj_score *kept = tj_calloc(1, sizeof *kept);
    if (kept == NULL || !tj_grow(&slot->unscored, &slot->cap_unscored, slot->n_unscored + 1,
                                 sizeof *slot->unscored)) {
        tj_free(kept);
        return tj_fail(err, TJ_E_NOMEM, "cannot keep a score that failed");
    }
    *kept = *score;
    *score = (tj_score){.failed = true};
    slot->unscored[slot->n_unscored++] = (tj_unscored){node, kept};
    return TJ_OK;
}

static tj_code take_score(tj_grower *g, tj_slot *slot, size_t node, tj_score *score, tj_err *err)
{
    const tj_scorer *scorer = g->growth->scorer;
    tj_side *side = &slot->sides[node];
    g->stats.n_scores++;
    g->stats.score_tokens += score->tokens;
    g->stats.score_money += score->money;
    slot->score_tokens += score->tokens;
    slot->score_money += score->money;
    if (score->failed) {
        return keep_failure(g, slot, node, score, err);
    }
    side->has_score = true;
    side->score = score->value;
    const char *name = tj_tree_keep_name(&slot->tree, scorer->name);
    if (name == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot keep a rewarder's name");
    }
    tj_reward reward = {
        .node = node, .rewarder = name, .meaning = scorer->meaning, .value = score->value};
    (void)snprintf(reward.reason, sizeof reward.reason, "%s",
                   score->reason == NULL ? "" : score->reason);
    return tj_tree_add_reward(&slot->tree, &reward, err);
}

/* Scores the new nodes of all trees in one call. */
tj_code tj_grow_score(tj_grower *g, tj_err *err)
{
    const tj_scorer *scorer = g->growth->scorer;
    scoring s = {.n = 0};
    count_asks(g, &s);
    if (scorer == NULL || s.n == 0) {
        return TJ_OK;
    }
    s.asks = tj_calloc(s.n, sizeof *s.asks);
    s.slots = tj_calloc(s.n, sizeof *s.slots);
    s.scores = tj_calloc(s.n, sizeof *s.scores);
    s.texts = tj_calloc(s.n_texts, sizeof *s.texts);
    tj_code rc = TJ_OK;
    if (s.asks == NULL || s.slots == NULL || s.scores == NULL || s.texts == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot score %zu steps", s.n);
    }
    if (rc == TJ_OK) {
        fill_asks(g, &s);
        rc = scorer->score(scorer->ctx, s.scores, s.asks, s.n, g->growth->job, err);
        for (size_t i = 0; i < s.n && rc == TJ_OK; i++) {
            rc = take_score(g, &g->slots[s.slots[i]], s.asks[i].node, &s.scores[i], err);
        }
        for (size_t i = 0; i < s.n; i++) {
            tj_score_deinit(&s.scores[i]);
        }
    }
    tj_free(s.asks);
    tj_free(s.slots);
    tj_free(s.scores);
    tj_free(s.texts);
    return rc;
}
