/* The search for first wrong steps, in all paths at once. What a measurement says is spread as the
 * search assumes: up, that everything before a solvable step is solvable; down, that nothing behind
 * an unsolvable one is. Each round halves what is open of every path, and measures the steps that
 * this names together. */
#include <string.h>

#include "base/alloc.h"
#include "tree/ask_trie.h"
#include "tree/rollout.h"

typedef enum known { UNKNOWN = 0, SOLVABLE, UNSOLVABLE, FAILED } known;

typedef struct search {
    tj_rollouts *rollouts;
    const tj_score_ask *asks;
    tj_ask_trie trie;
    tj_score *scores; /* [trie.n_nodes] */
    known *known;     /* [trie.n_nodes] */
    bool *measured;   /* [trie.n_nodes] */
    size_t *round;    /* [trie.n_nodes] nodes to measure now */
    size_t n_round;
    size_t *path; /* [trie.n_nodes] room for one */
    const tj_job *job;
} search;

static bool is_problem(const search *s, size_t node)
{
    return s->trie.nodes[node].parent == TJ_NO_NODE;
}

/* ------------------------------------------------------------------ which steps next */

/* The step in the middle of what is open between the deepest solvable one above a leaf and the
 * first unsolvable one; of a path of which nothing is known, the leaf. TJ_NO_NODE: it is done.
 * Steps that nobody asks about, and such as failed, are passed over. */
static size_t middle_of(search *s, size_t leaf)
{
    size_t n = 0;
    bool bounded = false; /* something below the open steps is known to be unsolvable */
    for (size_t at = leaf; !is_problem(s, at); at = s->trie.nodes[at].parent) {
        if (s->known[at] == SOLVABLE) {
            break;
        }
        bounded = bounded || s->known[at] == UNSOLVABLE;
        if (s->known[at] == UNKNOWN && s->trie.nodes[at].ask != TJ_NO_NODE) {
            s->path[n++] = at;
        }
    }
    if (n == 0) {
        return TJ_NO_NODE;
    }
    return bounded ? s->path[n / 2] : s->path[0];
}

static void plan(search *s)
{
    s->n_round = 0;
    for (size_t i = 0; i < s->trie.n_nodes; i++) {
        bool is_leaf = s->trie.nodes[i].first_child == TJ_NO_NODE && !is_problem(s, i);
        size_t middle = is_leaf ? middle_of(s, i) : TJ_NO_NODE;
        if (middle != TJ_NO_NODE && !s->measured[middle]) {
            s->measured[middle] = true;
            s->round[s->n_round++] = middle;
        }
    }
}

/* ------------------------------------------------------------------ what follows */

static void spread(search *s)
{
    tj_ask_node *nodes = s->trie.nodes;
    for (size_t i = s->trie.n_nodes; i-- > 0;) { /* children before parents */
        size_t parent = nodes[i].parent;
        if (parent != TJ_NO_NODE && s->known[i] == SOLVABLE) {
            s->known[parent] = SOLVABLE;
        }
    }
    for (size_t i = 0; i < s->trie.n_nodes; i++) {
        size_t parent = nodes[i].parent;
        if (parent != TJ_NO_NODE && s->known[parent] == UNSOLVABLE && s->known[i] == UNKNOWN) {
            s->known[i] = UNSOLVABLE;
        }
    }
}

static tj_code measure(search *s, tj_err *err)
{
    size_t n = s->trie.n_asks;
    size_t *which = tj_calloc(s->n_round, sizeof *which);
    tj_score *out = tj_calloc(n, sizeof *out);
    tj_code rc = which == NULL || out == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot measure %zu steps", s->n_round)
                     : TJ_OK;
    for (size_t i = 0; i < s->n_round && rc == TJ_OK; i++) {
        which[i] = s->trie.nodes[s->round[i]].ask;
    }
    if (rc == TJ_OK) {
        rc = tj_rollouts_measure(s->rollouts, out, s->asks, which, s->n_round, s->job, err);
    }
    for (size_t i = 0; i < s->n_round && out != NULL && which != NULL; i++) {
        tj_score *score = &s->scores[s->round[i]];
        *score = out[which[i]]; /* moved, or on error freed with the rest */
        s->known[s->round[i]] = score->failed         ? FAILED
                                : score->value > 0.0 ? SOLVABLE
                                                      : UNSOLVABLE;
    }
    tj_free(which);
    tj_free(out);
    return rc;
}

/* ------------------------------------------------------------------ what is said */

static tj_code say(tj_score *score, double value, const char *reason, tj_err *err)
{
    score->value = value;
    if (score->reason == NULL) {
        score->reason = tj_strdup(reason);
    }
    return score->reason != NULL ? TJ_OK : tj_fail(err, TJ_E_NOMEM, "cannot hold a score");
}

/* Reasons of measured steps are those of their rollouts. */
static tj_code label(search *s, size_t node, tj_err *err)
{
    size_t parent = s->trie.nodes[node].parent;
    tj_score *score = &s->scores[node];
    switch (s->known[node]) {
    case SOLVABLE:
        return say(score, 1.0, "a step behind it is still solvable", err);
    case UNSOLVABLE:
        return s->known[parent] == UNSOLVABLE
                   ? say(score, 0.0, "it stands behind the first wrong step", err)
                   : say(score, -1.0, "the first step from which no rollout is right", err);
    case UNKNOWN:
        return tj_score_fail(score, err, "a measurement on its path failed");
    case FAILED:
        return TJ_OK;
    }
    return TJ_OK;
}

static tj_code search_all(search *s, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (plan(s); s->n_round > 0 && rc == TJ_OK; plan(s)) {
        rc = measure(s, err);
        spread(s);
    }
    for (size_t i = 0; i < s->trie.n_nodes && rc == TJ_OK; i++) {
        if (!is_problem(s, i) && s->trie.nodes[i].ask != TJ_NO_NODE) {
            rc = label(s, i, err);
        }
    }
    return rc;
}

tj_code tj_rollouts_search(tj_rollouts *rollouts, tj_score *out, const tj_score_ask *asks, size_t n,
                           const tj_job *job, tj_err *err)
{
    search s = {.rollouts = rollouts, .asks = asks, .job = job};
    memset(out, 0, n * sizeof *out);
    tj_code rc = tj_ask_trie_init(&s.trie, asks, n, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t n_nodes = s.trie.n_nodes;
    s.scores = tj_calloc(n_nodes, sizeof *s.scores);
    s.known = tj_calloc(n_nodes, sizeof *s.known);
    s.measured = tj_calloc(n_nodes, sizeof *s.measured);
    s.round = tj_calloc(n_nodes, sizeof *s.round);
    s.path = tj_calloc(n_nodes, sizeof *s.path);
    if (s.scores == NULL || s.known == NULL || s.measured == NULL || s.round == NULL ||
        s.path == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot search %zu steps", n_nodes);
    }
    if (rc == TJ_OK) {
        rc = search_all(&s, err);
    }
    if (rc == TJ_OK) {
        rc = tj_ask_trie_give(&s.trie, out, s.scores, err);
    } else {
        for (size_t i = 0; s.scores != NULL && i < n_nodes; i++) {
            tj_score_deinit(&s.scores[i]);
        }
    }
    tj_free(s.scores);
    tj_free(s.known);
    tj_free(s.measured);
    tj_free(s.round);
    tj_free(s.path);
    tj_ask_trie_deinit(&s.trie);
    return rc;
}
