/* Each end is one text for the grader: the step that states its answer, or the whole path. Pairs of
 * a tree are in flight together, and come back in the order in which they went. */
#include "tree/ends.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "grade/grade.h"

struct tj_ends {
    tj_grade_pool *pool;
    tj_grader *grader; /* finds where answers stand */
    tj_ends_stats stats;
};

tj_code tj_ends_create(tj_ends **out, size_t n_workers, tj_err *err)
{
    tj_ends *e = tj_calloc(1, sizeof *e);
    *out = NULL;
    if (e == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot grade answers");
    }
    tj_code rc = tj_grade_pool_create(&e->pool, n_workers, NULL, NULL, err);
    if (rc == TJ_OK) {
        rc = tj_grader_create(&e->grader, NULL, err);
    }
    if (rc != TJ_OK) {
        tj_ends_destroy(e);
        return rc;
    }
    *out = e;
    return TJ_OK;
}

void tj_ends_destroy(tj_ends *e)
{
    if (e != NULL) {
        tj_grade_pool_destroy(e->pool);
        tj_grader_destroy(e->grader);
        tj_free(e);
    }
}

tj_ends_stats tj_ends_get_stats(const tj_ends *e)
{
    return e->stats;
}

static bool states_answer(const tj_ends *e, const char *step)
{
    tj_extraction found;
    tj_grade_extract(&found, e->grader, step, strlen(step));
    return tj_words_is_stated(found.rule);
}

/* Steps of others may have no line's end of their own: one stands between each two. */
static tj_code add_path(tj_buf *text, const tj_tree *tree, size_t node, tj_err *err)
{
    size_t n = tree->nodes[node].depth;
    size_t *path = tj_calloc(n + 1, sizeof *path);
    if (path == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a path of %zu steps", n);
    }
    for (size_t i = n + 1, at = node; i-- > 0; at = tree->nodes[at].parent) {
        path[i] = at;
    }
    for (size_t i = 1; i <= n; i++) {
        tj_buf_str(text, tree->nodes[path[i]].text);
        tj_buf_str(text, "\n");
    }
    tj_free(path);
    return TJ_OK;
}

/* The text by which a node is graded, if it is an end. Errors: TJ_E_NOMEM. */
static tj_code text_of(const tj_ends *e, tj_buf *text, bool *is_end, bool *states,
                       const tj_tree *tree, size_t node, tj_err *err)
{
    const tj_node *n = &tree->nodes[node];
    tj_code rc = TJ_OK;
    tj_buf_clear(text);
    *states = states_answer(e, n->text);
    *is_end = *states || n->terminal;
    if (*states) {
        tj_buf_str(text, n->text);
    } else if (*is_end) {
        rc = add_path(text, tree, node, err);
    }
    return rc == TJ_OK ? tj_buf_check(text, err) : rc;
}

static tj_label count(tj_ends *e, const tj_graded *g)
{
    bool decided = g->code == TJ_OK && g->grade.verdict != TJ_VERDICT_UNDECIDED;
    bool right = decided && g->grade.verdict == TJ_VERDICT_EQUAL;
    e->stats.n_right += right ? 1 : 0;
    e->stats.n_wrong += decided && !right ? 1 : 0;
    e->stats.n_undecided += decided ? 0 : 1;
    e->stats.n_limits += g->limit ? 1 : 0;
    return !decided ? TJ_LABEL_UNKNOWN : right ? TJ_LABEL_YES : TJ_LABEL_NO;
}

/* Takes the oldest verdict. */
static tj_code pull(tj_ends *e, tj_words_verdict *out, const tj_job *job, tj_err *err)
{
    tj_graded g;
    tj_code rc = tj_grade_pool_pull(e->pool, &g, job, err);
    if (rc == TJ_OK) {
        out->right = count(e, &g);
        (void)snprintf(out->reason, sizeof out->reason, "%s", g.grade.reason);
    }
    return rc;
}

tj_code tj_ends_judge(tj_ends *e, tj_words_verdict *out, const tj_tree *tree, size_t node,
                      const tj_job *job, tj_err *err)
{
    tj_buf text;
    bool is_end = false;
    tj_buf_init(&text);
    *out = (tj_words_verdict){.right = TJ_LABEL_UNKNOWN};
    tj_code rc = text_of(e, &text, &is_end, &out->states_answer, tree, node, err);
    if (rc == TJ_OK && is_end && tree->answer != NULL) {
        tj_err why;
        rc = tj_grade_pool_push(e->pool, tree->answer, strlen(tree->answer), tj_buf_text(&text),
                                text.len, &why);
        if (rc == TJ_OK) {
            rc = pull(e, out, job, err);
        } else { /* a text longer than any answer */
            (void)snprintf(out->reason, sizeof out->reason, "%.*s", TJ_STEP_REASON_BYTES - 1,
                           why.msg);
            rc = TJ_OK;
        }
    }
    tj_buf_deinit(&text);
    return rc;
}

/* ------------------------------------------------------------------ all of a tree */

/* Ends whose pairs are in flight, in their order. */
typedef struct queue {
    tj_ends *ends;
    tj_tree *tree;
    size_t *nodes; /* [tree->n_nodes] */
    size_t first, n;
} queue;

static tj_code land(queue *q, const tj_job *job, tj_err *err)
{
    tj_words_verdict v = {.right = TJ_LABEL_UNKNOWN};
    size_t at = q->nodes[q->first];
    tj_code rc = pull(q->ends, &v, job, err);
    if (rc != TJ_OK) {
        return rc;
    }
    q->first++;
    if (v.right == TJ_LABEL_UNKNOWN) {
        return TJ_OK;
    }
    tj_node *n = &q->tree->nodes[at];
    n->solvable = v.right;
    n->correct = v.right == TJ_LABEL_YES;
    tj_reward reward = {.node = at,
                        .rewarder = "verifier",
                        .meaning = TJ_SOLVABLE,
                        .value = v.right == TJ_LABEL_YES ? 1.0 : 0.0};
    memcpy(reward.reason, v.reason, sizeof reward.reason);
    return tj_tree_add_reward(q->tree, &reward, err);
}

static tj_code send(queue *q, size_t node, const tj_buf *text, const tj_job *job, tj_err *err)
{
    tj_grade_pool *pool = q->ends->pool;
    const char *answer = q->tree->answer;
    size_t n_answer = strlen(answer);
    tj_code rc = TJ_OK;
    while (rc == TJ_OK && q->first < q->n && !tj_grade_pool_has_room(pool, n_answer, text->len)) {
        rc = land(q, job, err);
    }
    if (rc == TJ_OK &&
        tj_grade_pool_push(pool, answer, n_answer, tj_buf_text(text), text->len, NULL) == TJ_OK) {
        q->nodes[q->n++] = node;
    } /* else: longer than any answer, and stays unknown */
    return rc;
}

static tj_code grade_leaf(queue *q, size_t node, tj_buf *text, const tj_job *job, tj_err *err)
{
    tj_node *n = &q->tree->nodes[node];
    bool is_end = false;
    bool states = false;
    if (n->n_children > 0 || n->solvable != TJ_LABEL_UNKNOWN) {
        return TJ_OK;
    }
    tj_code rc = text_of(q->ends, text, &is_end, &states, q->tree, node, err);
    n->terminal = n->terminal || is_end;
    return rc == TJ_OK && is_end && q->tree->answer != NULL ? send(q, node, text, job, err) : rc;
}

tj_code tj_ends_grade(tj_ends *e, tj_tree *tree, const tj_job *job, tj_err *err)
{
    queue q = {.ends = e, .tree = tree};
    tj_buf text;
    if (tree->question == NULL) {
        return TJ_OK;
    }
    q.nodes = tj_calloc(tree->n_nodes, sizeof *q.nodes);
    if (q.nodes == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot grade %zu nodes", tree->n_nodes);
    }
    tj_buf_init(&text);
    tj_code rc = TJ_OK;
    for (size_t i = 1; i < tree->n_nodes && rc == TJ_OK; i++) {
        rc = grade_leaf(&q, i, &text, job, err);
    }
    while (rc == TJ_OK && q.first < q.n) {
        rc = land(&q, job, err);
    }
    tj_buf_deinit(&text);
    tj_free(q.nodes);
    return rc;
}
