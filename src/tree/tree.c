/* The tree as a value: nodes in one array, parents before children. */
#include "tree/tree.h"

#include <string.h>

#include "base/alloc.h"

const char *tj_meaning_name(tj_meaning meaning)
{
    static const char *const names[] = {"valid", "solvable", "progress"};
    return names[meaning];
}

const char *tj_pruned_name(tj_pruned pruned)
{
    static const char *const names[] = {"kept", "pruned", "loop", "endless"};
    return names[pruned];
}

void tj_tree_deinit(tj_tree *tree)
{
    for (size_t i = 0; i < tree->n_names; i++) {
        tj_free(tree->names[i]);
    }
    tj_free(tree->names);
    tj_free(tree->question);
    tj_free(tree->answer);
    for (size_t i = 0; i < tree->n_nodes; i++) {
        tj_free(tree->nodes[i].ids);
        tj_free(tree->nodes[i].logprobs);
        tj_free(tree->nodes[i].text);
    }
    tj_free(tree->nodes);
    tj_free(tree->rewards);
    tj_free(tree->prompt_ids);
    memset(tree, 0, sizeof *tree);
}

static tj_code copy_ids(tj_node *node, const int32_t *ids, const float *logprobs, size_t n,
                        tj_err *err)
{
    node->n_ids = n;
    if (n == 0) {
        return TJ_OK;
    }
    node->ids = tj_calloc(n, sizeof *node->ids);
    node->logprobs = tj_calloc(n, sizeof *node->logprobs);
    if (node->ids == NULL || node->logprobs == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a node of %zu tokens", n);
    }
    memcpy(node->ids, ids, n * sizeof *ids);
    if (logprobs != NULL) {
        memcpy(node->logprobs, logprobs, n * sizeof *logprobs);
    }
    return TJ_OK;
}

tj_code tj_tree_add_node(tj_tree *tree, size_t *out, size_t parent, const char *text,
                         const int32_t *ids, const float *logprobs, size_t n_ids, tj_err *err)
{
    bool is_root = parent == TJ_NO_NODE;
    if (is_root ? tree->n_nodes != 0 : parent >= tree->n_nodes) {
        return tj_fail(err, TJ_E_INVAL, "node %zu cannot have the parent %zu", tree->n_nodes,
                       parent);
    }
    if (!tj_grow(&tree->nodes, &tree->cap_nodes, tree->n_nodes + 1, sizeof *tree->nodes)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu nodes", tree->n_nodes + 1);
    }
    tj_node *node = &tree->nodes[tree->n_nodes];
    memset(node, 0, sizeof *node);
    node->parent = parent;
    node->depth = is_root ? 0 : tree->nodes[parent].depth + 1;
    node->state = is_root ? tree->first : tree->nodes[parent].state;
    node->valid = is_root ? TJ_LABEL_YES : TJ_LABEL_NO;
    node->solvable = node->valid;
    node->order = is_root ? 0 : tree->nodes[parent].n_children;
    node->text = tj_strdup(text);
    tj_code rc = node->text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a node's text")
                                    : copy_ids(node, ids, logprobs, n_ids, err);
    if (rc != TJ_OK) {
        tj_free(node->ids);
        tj_free(node->logprobs);
        tj_free(node->text);
        return rc;
    }
    if (!is_root) {
        tree->nodes[parent].n_children++;
    }
    *out = tree->n_nodes++;
    return TJ_OK;
}

tj_code tj_tree_add_reward(tj_tree *tree, const tj_reward *reward, tj_err *err)
{
    if (reward->node >= tree->n_nodes) {
        return tj_fail(err, TJ_E_INVAL, "no node %zu for a reward", reward->node);
    }
    if (!tj_grow(&tree->rewards, &tree->cap_rewards, tree->n_rewards + 1, sizeof *tree->rewards)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu rewards", tree->n_rewards + 1);
    }
    tree->rewards[tree->n_rewards++] = *reward;
    return TJ_OK;
}

const char *tj_tree_keep_name(tj_tree *tree, const char *name)
{
    for (size_t i = 0; i < tree->n_names; i++) {
        if (strcmp(tree->names[i], name) == 0) {
            return tree->names[i];
        }
    }
    char *copy = tj_strdup(name);
    if (copy == NULL ||
        !tj_grow(&tree->names, &tree->cap_names, tree->n_names + 1, sizeof *tree->names)) {
        tj_free(copy);
        return NULL;
    }
    tree->names[tree->n_names++] = copy;
    return copy;
}

tj_code tj_tree_set_question(tj_tree *tree, const char *question, size_t n_question,
                             const char *answer, size_t n_answer, tj_err *err)
{
    tree->question = tj_strndup(question, n_question);
    tree->answer = answer == NULL ? NULL : tj_strndup(answer, n_answer);
    return tree->question == NULL || (answer != NULL && tree->answer == NULL)
               ? tj_fail(err, TJ_E_NOMEM, "cannot hold a problem")
               : TJ_OK;
}

void tj_tree_path_text(const tj_tree *tree, size_t node, tj_buf *out)
{
    for (size_t left = tree->nodes[node].depth; left > 0; left--) {
        size_t at = node;
        for (size_t up = 1; up < left; up++) { /* the left-th node counted from below */
            at = tree->nodes[at].parent;
        }
        tj_buf_str(out, tree->nodes[at].text);
    }
}

size_t tj_tree_children(const tj_tree *tree, size_t node, size_t *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = node + 1; i < tree->n_nodes; i++) { /* siblings are added in sampled order */
        if (tree->nodes[i].parent == node) {
            if (n < cap) {
                out[n] = i;
            }
            n++;
        }
    }
    return n;
}

bool tj_tree_leads_to_correct(const tj_tree *tree, size_t node)
{
    for (size_t i = node; i < tree->n_nodes; i++) {
        if (!tree->nodes[i].correct) {
            continue;
        }
        size_t at = i;
        while (at != node && at != TJ_NO_NODE && at > node) {
            at = tree->nodes[at].parent;
        }
        if (at == node) {
            return true;
        }
    }
    return false;
}
