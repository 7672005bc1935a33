/* Trees and journeys to look at in the report's data. */
#include <string.h>

#include "base/alloc.h"
#include "stage/experiment_parts.h"

#define NODES_SHOWN 120

static json_t *integer(size_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *thought_json(const tj_thought *t, size_t n_nodes)
{
    json_t *spans = json_array();
    for (size_t i = 0; i < t->n_spans; i++) {
        const tj_span *s = &t->spans[i];
        json_t *j = json_pack("{s:I, s:I, s:s, s:b}", "begin", (json_int_t)s->begin, "end",
                              (json_int_t)s->end, "action", tj_action_name(s->action), "on_path",
                              (int)s->on_path);
        if (s->node < n_nodes) {
            json_object_set_new(j, "node", integer(s->node));
        }
        json_array_append_new(spans, j);
    }
    return json_pack("{s:s, s:o, s:I}", "text", t->text, "spans", spans, "n_backtracks",
                     (json_int_t)t->n_backtracks);
}

/* No or yes; what is not known is left out. */
static void set_label(json_t *node, const char *key, int label)
{
    if (label == 0 || label == 1) {
        json_object_set_new(node, key, json_boolean(label));
    }
}

static json_t *node_json(const tj_tree *tree, size_t i, const char *root_text)
{
    const tj_node *n = &tree->nodes[i];
    double logprob = 0.0;
    json_t *j = json_pack("{s:I, s:s, s:b, s:b, s:b, s:I}", "id", (json_int_t)i, "text",
                          i == 0 ? root_text : n->text, "correct", (int)n->correct, "terminal",
                          (int)n->terminal, "pruned", (int)(n->pruned != 0), "n_duplicates",
                          (json_int_t)n->n_duplicates);
    set_label(j, "valid", i == 0 ? 1 : (int)n->valid);
    set_label(j, "solvable", (int)n->solvable);
    json_object_set_new(j, "parent", i == 0 ? json_null() : integer(n->parent));
    for (size_t t = 0; t < n->n_ids && n->logprobs != NULL; t++) {
        logprob += (double)n->logprobs[t];
    }
    if (i > 0 && n->n_ids > 0) {
        json_object_set_new(j, "logprob", json_real(logprob));
    }
    for (size_t r = 0; r < tree->n_rewards; r++) {
        if (tree->rewards[r].node == i && tree->rewards[r].reason[0] != 0) {
            json_object_set_new(j, "reason", json_string(tree->rewards[r].reason));
            break;
        }
    }
    return j;
}

static void mark_path(const tj_thought *t, bool *on_path, size_t n)
{
    for (size_t i = 0; i < t->n_spans; i++) {
        if (t->spans[i].on_path && t->spans[i].node < n) {
            on_path[t->spans[i].node] = true;
        }
    }
}

static json_t *nodes_json(const tj_tree *tree, const tj_thought *path, const char *prompt)
{
    json_t *nodes = json_array();
    bool *on_path = tj_calloc(tree->n_nodes, sizeof *on_path);
    if (on_path != NULL) {
        mark_path(path, on_path, tree->n_nodes);
    }
    for (size_t i = 0; i < tree->n_nodes; i++) {
        json_t *j = node_json(tree, i, prompt);
        json_object_set_new(j, "on_path", json_boolean(i == 0 || (on_path != NULL && on_path[i])));
        json_array_append_new(nodes, j);
    }
    tj_free(on_path);
    return nodes;
}

tj_code tj_report_tree(tj_store *store, json_t *out, json_t **example, int64_t tree,
                       int64_t shortcut, int64_t journey, uint64_t seed, tj_err *err)
{
    static const char *const names[] = {"shortcut", "journey"};
    const int64_t ids[] = {shortcut, journey};
    tj_thought thoughts[2] = {{0}, {0}};
    tj_told_tree told;
    tj_code rc = tj_told_tree_load(&told, store, tree, err);
    for (size_t i = 0; i < 2 && rc == TJ_OK; i++) {
        rc = ids[i] == 0 ? TJ_OK : tj_store_load_thought(store, &thoughts[i], NULL, ids[i], err);
    }
    if (rc == TJ_OK && told.tree.n_nodes <= NODES_SHOWN) {
        const char *prompt = tj_record_get(&told.about, TJ_META_PROMPT);
        const char *level = told.about.meta[TJ_META_LEVEL];
        json_t *j = json_pack("{s:s, s:s?, s:I, s:o}", "problem", prompt, "difficulty", level,
                              "seed", (json_int_t)seed, "nodes",
                              nodes_json(&told.tree, &thoughts[shortcut == 0 ? 1 : 0], prompt));
        for (size_t i = 0; i < 2; i++) {
            if (ids[i] != 0) {
                json_object_set_new(j, names[i], thought_json(&thoughts[i], told.tree.n_nodes));
            }
        }
        json_array_append_new(out, j);
        if (*example == NULL && shortcut != 0 && thoughts[1].n_backtracks == 1) {
            *example = json_pack("{s:s, s:s, s:s}", "prompt", prompt, "shortcut", thoughts[0].text,
                                 "journey", thoughts[1].text);
        }
    }
    tj_thought_deinit(&thoughts[0]);
    tj_thought_deinit(&thoughts[1]);
    tj_told_tree_deinit(&told);
    return rc;
}

/* One tree's thoughts of a run. */
typedef struct told_pair {
    int64_t tree, shortcut, other;
} told_pair;

static tj_code pair_up(tj_store *store, told_pair *pairs, size_t max, size_t *n, int64_t run,
                       tj_err *err)
{
    tj_row_ref *rows = NULL;
    size_t n_rows = 0;
    tj_code rc = tj_store_list(store, &rows, &n_rows, TJ_ROW_THOUGHT, run, err);
    *n = 0;
    for (size_t i = 0; i < n_rows && rc == TJ_OK; i++) {
        tj_thought t = {0};
        tj_origin origin;
        rc = tj_store_load_thought(store, &t, &origin, rows[i].id, err);
        size_t k = 0;
        while (rc == TJ_OK && k < *n && pairs[k].tree != origin.tree) {
            k++;
        }
        bool is_shortcut = t.kind == TJ_SHORTCUT;
        tj_thought_deinit(&t);
        if (rc != TJ_OK || origin.tree == 0) {
            continue;
        }
        if (k == max) {
            break; /* the first ones, whatever they look like */
        }
        if (k == *n) {
            pairs[(*n)++] = (told_pair){.tree = origin.tree};
        }
        *(is_shortcut ? &pairs[k].shortcut : &pairs[k].other) = rows[i].id;
    }
    tj_free(rows);
    return rc;
}

tj_code tj_report_run_trees(tj_store *store, json_t *out, json_t **example, int64_t run,
                            uint64_t seed, tj_err *err)
{
    told_pair pairs[TJ_REPORT_TREES];
    size_t n = 0;
    tj_code rc = pair_up(store, pairs, TJ_REPORT_TREES, &n, run, err);
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = tj_report_tree(store, out, example, pairs[i].tree, pairs[i].shortcut, pairs[i].other,
                            seed, err);
    }
    return rc;
}
