/* Sampled steps into their trees: judged by the task or, in words, by the grader at the end of a
 * path; merged with a sibling that is the same; labelled with what is known. */
#include <stdio.h>
#include <string.h>

#include "tree/search.h"

/* ------------------------------------------------------------------ judging */

/* A step as it will stand in the tree. */
typedef struct judged {
    char key[TJ_STEP_KEY_BYTES];
    tj_task_state state;
    tj_label valid, solvable;
    bool terminal, correct;
    tj_pruned pruned;
    char reason[TJ_STEP_REASON_BYTES]; /* of the verdict on validity; in words of the end's */
} judged;

static void judge_state(const tj_grower *g, const tj_step_request *r, judged *j)
{
    const tj_task *task = g->growth->task;
    const tj_task_state *before = &r->tree->nodes[r->node].state;
    tj_line_verdict v;
    size_t len = strlen(r->text);
    while (len > 0 && r->text[len - 1] == '\n') { /* a token may hold two */
        len--;
    }
    task->judge_line(task->ctx, before, r->text, len, &v, &j->state);
    bool is_step = v.kind == TJ_LINE_STEP && r->whole;
    if (!is_step) {
        (void)snprintf(v.reason, sizeof v.reason, "%s",
                       r->whole ? "this is not a step" : "the step has no end");
        j->state = *before;
    }
    j->valid = is_step && v.valid ? TJ_LABEL_YES : TJ_LABEL_NO;
    bool valid = j->valid == TJ_LABEL_YES;
    j->solvable = valid && v.solvable ? TJ_LABEL_YES : TJ_LABEL_NO;
    j->terminal = valid && (v.terminal || r->last);
    j->correct = valid && v.correct;
    memcpy(j->key, v.key, sizeof j->key);
    if (j->key[0] == 0) { /* cannot be read: its own text tells it apart */
        (void)snprintf(j->key, sizeof j->key, "%.*s", (int)len, r->text);
    }
    (void)snprintf(j->reason, sizeof j->reason, "%s", v.reason);
}

static bool was_said(const tj_tree *tree, size_t node, const char *key)
{
    for (size_t i = node; i != 0; i = tree->nodes[i].parent) {
        if (strcmp(tree->nodes[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static tj_code judge_words(const tj_grower *g, const tj_step_request *r, judged *j, tj_err *err)
{
    const tj_tree *tree = r->tree;
    tj_words_verdict v;
    tj_buf path;
    size_t len = strlen(r->text);
    tj_buf_init(&path);
    tj_tree_path_text(tree, r->node, &path);
    size_t begin = path.len;
    tj_buf_add(&path, r->text, len);
    tj_code rc = tj_buf_check(&path, err);
    if (rc == TJ_OK) {
        tj_words_end end = r->last ? TJ_WORDS_LAST : r->cut ? TJ_WORDS_CUT : TJ_WORDS_STEP;
        rc = tj_words_judge(&v, g->grader, tree->answer, tj_buf_text(&path), path.len, begin, end,
                            err);
    }
    tj_buf_deinit(&path);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_step_key(j->key, r->text, len);
    j->valid = TJ_LABEL_UNKNOWN;
    j->terminal = r->whole && (v.states_answer || r->last);
    j->solvable = j->terminal ? v.right : TJ_LABEL_UNKNOWN;
    j->correct = j->solvable == TJ_LABEL_YES;
    if (!j->terminal) {
        j->pruned = !r->whole                         ? TJ_PRUNED_ENDLESS
                    : was_said(tree, r->node, j->key) ? TJ_PRUNED_LOOP
                                                      : TJ_KEPT;
    }
    (void)snprintf(j->reason, sizeof j->reason, "%s", v.reason);
    return TJ_OK;
}

/* ------------------------------------------------------------------ taking steps in */

static tj_code add_label(tj_tree *tree, size_t node, const char *rewarder, tj_meaning meaning,
                         bool value, const char *reason, tj_err *err)
{
    tj_reward reward = {.node = node, .rewarder = rewarder, .meaning = meaning, .value = value};
    (void)snprintf(reward.reason, sizeof reward.reason, "%s", reason);
    return tj_tree_add_reward(tree, &reward, err);
}

/* What is known becomes rewards; what is not does not. */
static tj_code add_labels(tj_tree *tree, size_t id, const judged *j, tj_err *err)
{
    if (tree->question != NULL) {
        return j->terminal && j->solvable != TJ_LABEL_UNKNOWN
                   ? add_label(tree, id, "verifier", TJ_SOLVABLE, j->solvable == TJ_LABEL_YES,
                               j->reason, err)
                   : TJ_OK;
    }
    tj_code rc =
        add_label(tree, id, "verifier", TJ_VALID, j->valid == TJ_LABEL_YES, j->reason, err);
    if (rc == TJ_OK) {
        bool solvable = j->solvable == TJ_LABEL_YES;
        const char *reason = solvable                  ? ""
                             : j->valid == TJ_LABEL_NO ? "the step is not valid"
                             : j->terminal             ? "the target was missed"
                                                       : "the target is out of reach";
        rc = add_label(tree, id, "solver", TJ_SOLVABLE, solvable, reason, err);
    }
    return rc;
}

static size_t find_sibling(const tj_tree *tree, size_t parent, const judged *j)
{
    for (size_t i = parent + 1; i < tree->n_nodes; i++) {
        const tj_node *n = &tree->nodes[i];
        if (n->parent == parent && n->valid == j->valid && strcmp(n->key, j->key) == 0) {
            return i;
        }
    }
    return TJ_NO_NODE;
}

static tj_code add_step(tj_grower *g, tj_slot *slot, const tj_step_request *r, const judged *j,
                        size_t *id, tj_err *err)
{
    tj_tree *tree = &slot->tree;
    tj_code rc = tj_tree_add_node(tree, id, r->node, r->text, r->ids, r->logprobs, r->n_ids, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_node *n = &tree->nodes[*id];
    memcpy(n->key, j->key, sizeof n->key);
    n->draw = r->draw;
    n->state = j->state;
    n->valid = j->valid;
    n->solvable = j->solvable;
    n->terminal = j->terminal;
    n->correct = j->correct;
    n->pruned = j->pruned;
    slot->n_answers += j->terminal ? 1 : 0;
    g->stats.n_nodes++;
    g->stats.n_loops += j->pruned == TJ_PRUNED_LOOP ? 1 : 0;
    g->stats.n_endless += j->pruned == TJ_PRUNED_ENDLESS ? 1 : 0;
    rc = tj_slot_add_side(slot, err);
    return rc == TJ_OK ? add_labels(tree, *id, j, err) : rc;
}

/* Puts one sampled step into its tree, or counts it as a duplicate of a sibling. */
tj_code tj_grow_take(tj_grower *g, tj_slot *slot, const tj_step_request *r, tj_err *err)
{
    tj_tree *tree = &slot->tree;
    judged j = {.state = tree->nodes[r->node].state};
    tj_code rc = TJ_OK;
    if (tree->question == NULL) {
        judge_state(g, r, &j);
    } else {
        rc = judge_words(g, r, &j, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    slot->n_tokens += r->n_tokens;
    g->stats.n_tokens += r->n_tokens;
    size_t id = find_sibling(tree, r->node, &j);
    if (id != TJ_NO_NODE) {
        tree->nodes[id].n_duplicates++;
        g->stats.n_duplicates++;
    } else {
        rc = add_step(g, slot, r, &j, &id, err);
    }
    if (rc == TJ_OK) {
        tj_search_landed(g, slot, r->node, id);
    }
    return rc;
}
