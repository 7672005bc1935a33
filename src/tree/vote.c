/* Votes of a tree's ends: by number, or weighted by their rewards. Ends are put together where the
 * grader says that their answers are equal; each is compared with the first of every group. */
#include <string.h>

#include "base/alloc.h"
#include "tree/grow.h"

typedef struct group {
    size_t end; /* the first node with the answer */
    tj_buf answer;
    double weight;
} group;

void tj_ballot_deinit(tj_ballot *vote)
{
    tj_free(vote->answer);
    *vote = (tj_ballot){.end = TJ_NO_NODE};
}

static bool is_found(const tj_extraction *x)
{
    return x->rule != NULL && strcmp(x->rule, "whole") != 0; /* a whole text is no answer */
}

/* The answer that the path to an end states; empty where there is none. */
static tj_code answer_of(const tj_tree *tree, size_t node, tj_grader *grader, tj_buf *out,
                         tj_err *err)
{
    tj_buf path;
    tj_extraction found;
    tj_buf_init(&path);
    tj_tree_path_text(tree, node, &path);
    tj_code rc = tj_buf_check(&path, err);
    if (rc == TJ_OK) {
        const char *text = tree->nodes[node].text;
        tj_grade_extract(&found, grader, text, strlen(text));
        if (!is_found(&found)) {
            text = tj_buf_text(&path);
            tj_grade_extract(&found, grader, text, path.len);
        }
        if (is_found(&found)) {
            tj_buf_add(out, text + found.begin, found.end - found.begin);
        }
        rc = tj_buf_check(out, err);
    }
    tj_buf_deinit(&path);
    return rc;
}

static double reward_of(const tj_tree *tree, size_t node, const char *rewarder, double low)
{
    for (size_t i = tree->n_rewards; i-- > 0;) {
        const tj_reward *r = &tree->rewards[i];
        if (r->node == node && strcmp(r->rewarder, rewarder) == 0) {
            return r->value > low ? r->value - low : 0.0;
        }
    }
    return 0.0;
}

static tj_code same(bool *out, tj_grader *grader, const tj_buf *a, const tj_buf *b, tj_err *err)
{
    tj_grade g;
    tj_err why;
    *out = a->len == b->len && memcmp(tj_buf_text(a), tj_buf_text(b), a->len) == 0;
    if (*out) {
        return TJ_OK;
    }
    tj_code rc = tj_grade_pair(&g, grader, tj_buf_text(a), a->len, tj_buf_text(b), b->len, &why);
    *out = rc == TJ_OK && g.verdict == TJ_VERDICT_EQUAL;
    return rc == TJ_OK || rc == TJ_E_PARSE ? TJ_OK : tj_fail(err, rc, "%s", why.msg);
}

/* Adds an end's weight to its answer's group. Takes answer. */
static tj_code put(group **groups, size_t *n, size_t *cap, tj_grader *grader, size_t end,
                   tj_buf *answer, double weight, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < *n && rc == TJ_OK; i++) {
        bool is_same = false;
        rc = same(&is_same, grader, &(*groups)[i].answer, answer, err);
        if (rc == TJ_OK && is_same) {
            (*groups)[i].weight += weight;
            tj_buf_deinit(answer);
            return TJ_OK;
        }
    }
    if (rc == TJ_OK && !tj_grow(groups, cap, *n + 1, sizeof **groups)) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot count %zu answers", *n + 1);
    }
    if (rc != TJ_OK) {
        tj_buf_deinit(answer);
        return rc;
    }
    (*groups)[(*n)++] = (group){end, *answer, weight};
    return TJ_OK;
}

static tj_code choose(tj_ballot *out, const tj_tree *tree, const group *groups, size_t n,
                      tj_err *err)
{
    const group *best = NULL;
    for (size_t i = 0; i < n; i++) { /* of equals the one that was sampled first */
        best = best == NULL || groups[i].weight > best->weight ? &groups[i] : best;
    }
    if (best == NULL) {
        return TJ_OK;
    }
    out->answer = tj_strndup(tj_buf_text(&best->answer), best->answer.len);
    if (out->answer == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold an answer");
    }
    out->end = best->end;
    out->weight = best->weight;
    out->right = tree->nodes[best->end].solvable;
    return TJ_OK;
}

tj_code tj_tree_vote(tj_ballot *out, const tj_tree *tree, tj_grader *grader, const char *rewarder,
                     double low, tj_err *err)
{
    group *groups = NULL;
    size_t n = 0;
    size_t cap = 0;
    tj_code rc = TJ_OK;
    *out = (tj_ballot){.end = TJ_NO_NODE, .right = TJ_LABEL_UNKNOWN};
    for (size_t i = 0; i < tree->n_nodes && rc == TJ_OK; i++) {
        const tj_node *node = &tree->nodes[i];
        tj_buf answer;
        if (!node->terminal) {
            continue;
        }
        double each = rewarder == NULL ? 1.0 : reward_of(tree, i, rewarder, low);
        double weight = each * (double)(1 + node->n_duplicates);
        out->total += weight;
        tj_buf_init(&answer);
        rc = answer_of(tree, i, grader, &answer, err);
        if (rc == TJ_OK && answer.len > 0) {
            rc = put(&groups, &n, &cap, grader, i, &answer, weight, err);
        } else {
            tj_buf_deinit(&answer);
        }
    }
    if (rc == TJ_OK) {
        rc = choose(out, tree, groups, n, err);
    }
    for (size_t i = 0; i < n; i++) {
        tj_buf_deinit(&groups[i].answer);
    }
    tj_free(groups);
    return rc;
}
