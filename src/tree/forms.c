/* Trees of other programs. Nothing is guessed: a rating of 0 says that a step is right and leads
 * nowhere new, which is right; no rating says nothing; that no rollout arrived is a reward, not
 * a label. */
#include "tree/forms.h"

#include <string.h>

#include "base/alloc.h"

/* ------------------------------------------------------------------ records to trees */

static size_t n_labelled(const tj_data_record *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_solutions; i++) {
        const tj_data_solution *s = &r->solutions[i];
        bool any = false;
        for (size_t k = 0; k < s->n_steps; k++) {
            any = any || s->steps[k].label != TJ_NO_LABEL;
        }
        n += any ? 1 : 0;
    }
    return n;
}

bool tj_record_has_tree(const tj_data_record *record)
{
    return record->n_nodes > 0 || n_labelled(record) > 0;
}

static tj_label label_of(int label)
{
    return label == TJ_NO_LABEL ? TJ_LABEL_UNKNOWN : label < 0 ? TJ_LABEL_NO : TJ_LABEL_YES;
}

/* Rollouts say whether the goal is reached from a node, a person whether the step is right. */
static bool is_monte_carlo(const char *who)
{
    return who != NULL && strcmp(who, "monte-carlo") == 0;
}

static tj_code add_reward(tj_tree *tree, size_t node, const char *who, tj_meaning meaning,
                          double value, tj_err *err)
{
    const char *name = tj_tree_keep_name(tree, who == NULL ? "imported" : who);
    tj_reward reward = {.node = node, .rewarder = name, .meaning = meaning, .value = value};
    return name == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot keep a rewarder's name")
                        : tj_tree_add_reward(tree, &reward, err);
}

static tj_code add_text_node(tj_tree *tree, size_t *id, size_t parent, tj_str text, tj_err *err)
{
    if (parent != TJ_NO_NODE && tree->nodes[parent].depth >= TJ_MAX_TREE_DEPTH) {
        return tj_fail(err, TJ_E_LIMIT, "a path of more than %d steps", TJ_MAX_TREE_DEPTH);
    }
    char *copy = tj_strndup(text.s == NULL ? "" : text.s, text.n);
    tj_code rc = copy == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a step")
                              : tj_tree_add_node(tree, id, parent, copy, NULL, NULL, 0, err);
    if (rc == TJ_OK && parent != TJ_NO_NODE) {
        tj_step_key(tree->nodes[*id].key, copy, text.n);
    }
    tj_free(copy);
    return rc;
}

static tj_code add_node(tj_tree *tree, const tj_data_record *r, size_t i, tj_err *err)
{
    const tj_data_node *node = &r->nodes[i];
    size_t at;
    tj_code rc = add_text_node(tree, &at, i == 0 ? TJ_NO_NODE : node->parent, node->text, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_node *made = &tree->nodes[at];
    made->valid = i == 0 ? TJ_LABEL_YES : label_of(node->label);
    made->solvable = node->correct ? TJ_LABEL_YES : TJ_LABEL_UNKNOWN;
    made->terminal = node->terminal;
    made->correct = node->correct;
    made->pruned = node->pruned ? TJ_PRUNED : TJ_KEPT;
    if (node->label != TJ_NO_LABEL) {
        rc = add_reward(tree, at, r->labeller, TJ_VALID, node->label, err);
    }
    if (rc == TJ_OK && node->has_score) {
        tj_meaning meaning = is_monte_carlo(r->scorer) ? TJ_SOLVABLE : TJ_PROGRESS;
        rc = add_reward(tree, at, r->scorer, meaning, node->score, err);
    }
    return rc;
}

static size_t find_child(const tj_tree *tree, size_t parent, tj_str text)
{
    char key[TJ_STEP_KEY_BYTES];
    tj_step_key(key, text.s == NULL ? "" : text.s, text.n);
    for (size_t i = parent + 1; i < tree->n_nodes; i++) {
        if (tree->nodes[i].parent == parent && strcmp(tree->nodes[i].key, key) == 0) {
            return i;
        }
    }
    return TJ_NO_NODE;
}

static tj_code label_step(tj_tree *tree, size_t node, const tj_data_record *r, int label,
                          tj_err *err)
{
    if (label == TJ_NO_LABEL) {
        return TJ_OK;
    }
    if (is_monte_carlo(r->labeller)) { /* its + and - say whether the answer can be reached */
        return add_reward(tree, node, r->labeller, TJ_SOLVABLE, label > 0 ? 1.0 : 0.0, err);
    }
    tree->nodes[node].valid = label_of(label);
    return add_reward(tree, node, r->labeller, TJ_VALID, label, err);
}

static bool has_reward(const tj_tree *tree, size_t node)
{
    for (size_t i = 0; i < tree->n_rewards; i++) {
        if (tree->rewards[i].node == node) {
            return true;
        }
    }
    return false;
}

tj_code tj_tree_add_solution(tj_tree *tree, const tj_data_record *record, const tj_data_solution *s,
                             tj_err *err)
{
    size_t at = 0;
    tj_code rc = TJ_OK;
    for (size_t k = 0; k < s->n_steps && rc == TJ_OK; k++) {
        size_t child = find_child(tree, at, s->steps[k].text);
        if (child != TJ_NO_NODE) { /* the first label stays; one that was missing is taken */
            bool labelled = has_reward(tree, child);
            tree->nodes[child].n_duplicates++;
            rc = labelled ? TJ_OK : label_step(tree, child, record, s->steps[k].label, err);
            at = child;
            continue;
        }
        rc = add_text_node(tree, &child, at, s->steps[k].text, err);
        if (rc == TJ_OK) {
            tree->nodes[child].valid = TJ_LABEL_UNKNOWN;
            tree->nodes[child].solvable = TJ_LABEL_UNKNOWN;
            rc = label_step(tree, child, record, s->steps[k].label, err);
            at = child;
        }
    }
    if (rc == TJ_OK && s->n_steps > 0 && s->correct != TJ_NOT_MARKED) {
        tree->nodes[at].terminal = true;
        tree->nodes[at].correct = s->correct == 1;
        tree->nodes[at].solvable = s->correct == 1 ? TJ_LABEL_YES : TJ_LABEL_NO;
    }
    return rc;
}

static tj_code fill_tree(tj_tree *tree, const tj_data_record *r, tj_err *err)
{
    size_t root;
    tj_code rc =
        tj_tree_set_question(tree, r->problem.s, r->problem.n, r->answer.s, r->answer.n, err);
    for (size_t i = 0; i < r->n_nodes && rc == TJ_OK; i++) {
        rc = add_node(tree, r, i, err);
    }
    if (r->n_nodes > 0 || rc != TJ_OK) {
        return rc;
    }
    rc = add_text_node(tree, &root, TJ_NO_NODE, (tj_str){NULL, 0}, err);
    if (rc == TJ_OK) {
        tree->nodes[root].solvable = TJ_LABEL_UNKNOWN;
    }
    for (size_t i = 0; i < r->n_solutions && rc == TJ_OK; i++) {
        rc = tj_tree_add_solution(tree, r, &r->solutions[i], err);
    }
    return rc;
}

tj_code tj_tree_from_record(tj_tree *out, const tj_data_record *record, tj_err *err)
{
    *out = (tj_tree){.problem = 0};
    if (!tj_record_has_tree(record)) {
        return tj_fail(err, TJ_E_INVAL, "record %zu has neither a tree nor labelled steps",
                       record->number);
    }
    tj_code rc = fill_tree(out, record, err);
    if (rc != TJ_OK) {
        tj_tree_deinit(out);
    }
    return rc;
}

/* ------------------------------------------------------------------ OmegaPRM's form */

typedef struct mc {
    bool known;
    double value;
    double right, ends; /* samples of ends below, and of them the right ones */
} mc;

static void take_rewards(mc *values, const tj_tree *tree, const char *rewarder)
{
    for (size_t i = 0; i < tree->n_rewards; i++) {
        const tj_reward *r = &tree->rewards[i];
        if (strcmp(r->rewarder, rewarder) == 0 && r->value >= 0.0 && r->value <= 1.0) {
            values[r->node] = (mc){.known = true, .value = r->value};
        }
    }
}

/* Children stand behind their parents: from the end on, each adds its ends to its parent's. */
static void take_ends(mc *values, const tj_tree *tree)
{
    for (size_t i = tree->n_nodes; i-- > 0;) {
        const tj_node *n = &tree->nodes[i];
        mc *v = &values[i];
        if (n->terminal && n->solvable != TJ_LABEL_UNKNOWN) {
            v->ends += 1.0 + (double)n->n_duplicates;
            v->right += n->correct ? 1.0 + (double)n->n_duplicates : 0.0;
        }
        if (i > 0) {
            values[n->parent].ends += v->ends;
            values[n->parent].right += v->right;
        }
        if (!v->known && v->ends > 0.0) {
            v->known = true;
            v->value = v->right / v->ends;
        }
    }
}

/* A path is one string for the reader of that form: steps have no line's end of their own. */
static json_t *omegaprm_node(const tj_tree *tree, size_t i, double value)
{
    const char *text = i == 0 ? tree->question : tree->nodes[i].text;
    size_t n = strlen(text);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' ')) {
        n--;
    }
    return json_pack("{s:s%, s:f, s:[]}", "text", text, n, "mc_value", value, "children");
}

static tj_code build(json_t **nodes, size_t *n_left_out, const tj_tree *tree, const mc *values,
                     tj_err *err)
{
    for (size_t i = 0; i < tree->n_nodes; i++) {
        size_t parent = tree->nodes[i].parent;
        size_t len = strlen(i == 0 ? tree->question : tree->nodes[i].text);
        /* a step without words cannot be a node there */
        if (!values[i].known || (i > 0 && nodes[parent] == NULL) || len == 0) {
            (*n_left_out)++;
            continue;
        }
        nodes[i] = omegaprm_node(tree, i, values[i].value);
        if (nodes[i] == NULL) {
            return tj_fail(err, TJ_E_PARSE, "node %zu: its text is not UTF-8", i);
        }
        if (i > 0 && json_array_append_new(json_object_get(nodes[parent], "children"), nodes[i])) {
            nodes[i] = NULL;
            return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu nodes", i);
        }
    }
    return TJ_OK;
}

tj_code tj_tree_to_omegaprm(json_t **out, size_t *n_left_out, const tj_tree *tree,
                            const char *rewarder, tj_err *err)
{
    *out = NULL;
    *n_left_out = 0;
    if (tree->question == NULL) {
        return tj_fail(err, TJ_E_INVAL, "OmegaPRM's form has problems in words only");
    }
    mc *values = tj_calloc(tree->n_nodes, sizeof *values);
    json_t **nodes = tj_calloc(tree->n_nodes, sizeof(json_t *)); /* nodes[0] owns all */
    tj_code rc = values == NULL || nodes == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot hold %zu nodes", tree->n_nodes)
                     : TJ_OK;
    if (rc == TJ_OK) {
        take_rewards(values, tree, rewarder == NULL ? "rollout" : rewarder);
        if (rewarder == NULL) {
            take_rewards(values, tree, "monte-carlo");
        }
        take_ends(values, tree);
        rc = values[0].known ? build(nodes, n_left_out, tree, values, err)
                             : tj_fail(err, TJ_E_INVAL,
                                       "the tree has no Monte-Carlo value: neither such a reward "
                                       "nor an end that was judged");
    }
    if (rc == TJ_OK) {
        json_t *answer = tree->answer == NULL ? json_null() : json_string(tree->answer);
        *out = json_pack("{s:s, s:o, s:O}", "question", tree->question, "final_answer", answer,
                         "reasoning_steps", nodes[0]);
        rc = *out == NULL ? tj_fail(err, TJ_E_PARSE, "the problem is not UTF-8") : TJ_OK;
    }
    if (nodes != NULL) {
        json_decref(nodes[0]);
    }
    tj_free(nodes);
    tj_free(values);
    return rc;
}
