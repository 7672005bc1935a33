/* Trees, journeys and answers to look at in the report's data. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "stage/experiment_parts.h"

#define N_TREES     10
#define N_CASES     12 /* of each kind */
#define NODES_SHOWN 120

static json_t *integer(size_t n)
{
    return json_integer((json_int_t)n);
}

/* ------------------------------------------------------------------ trees */

static json_t *thought_json(const tj_thought *t, const size_t *shown, size_t n_shown)
{
    json_t *spans = json_array();
    for (size_t i = 0; i < t->n_spans; i++) {
        const tj_span *s = &t->spans[i];
        json_t *j = json_pack("{s:I, s:I, s:s, s:b}", "begin", (json_int_t)s->begin, "end",
                              (json_int_t)s->end, "action", tj_action_name(s->action), "on_path",
                              (int)s->on_path);
        if (s->node != TJ_NO_NODE && s->node < n_shown && shown[s->node] != SIZE_MAX) {
            json_object_set_new(j, "node", integer(s->node));
        }
        json_array_append_new(spans, j);
    }
    return json_pack("{s:s, s:o, s:I}", "text", t->text, "spans", spans, "n_backtracks",
                     (json_int_t)t->n_backtracks);
}

static json_t *node_json(const tj_tree *tree, size_t i, const char *root_text)
{
    const tj_node *n = &tree->nodes[i];
    double logprob = 0.0;
    json_t *j =
        json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b, s:I}", "id", (json_int_t)i, "text",
                  i == 0 ? root_text : n->text, "valid", (int)(i == 0 || n->valid), "solvable",
                  (int)n->solvable, "correct", (int)n->correct, "terminal", (int)n->terminal,
                  "pruned", (int)n->pruned, "n_duplicates", (json_int_t)n->n_duplicates);
    json_object_set_new(j, "parent", i == 0 ? json_null() : integer(n->parent));
    for (size_t t = 0; t < n->n_ids && n->logprobs != NULL; t++) {
        logprob += (double)n->logprobs[t];
    }
    if (i > 0) {
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

static tj_code tree_json(const tj_experiment *x, json_t *out, json_t **example, int64_t shortcut_id,
                         int64_t journey_id, uint64_t seed, tj_err *err)
{
    tj_thought thoughts[2] = {{0}, {0}};
    tj_origin origin;
    tj_tree tree = {0};
    tj_buf prompt;
    tj_buf_init(&prompt);
    tj_code rc = tj_store_load_thought(x->env.store, &thoughts[0], NULL, shortcut_id, err);
    if (rc == TJ_OK) {
        rc = tj_store_load_thought(x->env.store, &thoughts[1], &origin, journey_id, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_load_tree(x->env.store, &tree, NULL, origin.tree, err);
    }
    bool *on_path = rc == TJ_OK ? tj_calloc(tree.n_nodes, sizeof *on_path) : NULL;
    size_t *shown = rc == TJ_OK ? tj_calloc(tree.n_nodes, sizeof *shown) : NULL;
    if (rc == TJ_OK && on_path != NULL && shown != NULL && tree.n_nodes <= NODES_SHOWN) {
        json_t *nodes = json_array();
        x->env.task.write_prompt(x->env.task.ctx, &tree.first, &prompt);
        mark_path(&thoughts[0], on_path, tree.n_nodes);
        for (size_t i = 0; i < tree.n_nodes; i++) {
            json_t *j = node_json(&tree, i, tj_buf_text(&prompt));
            json_object_set_new(j, "on_path", json_boolean(on_path[i] || i == 0));
            json_array_append_new(nodes, j);
        }
        size_t d = x->env.task.difficulty(x->env.task.ctx, &tree.first);
        json_array_append_new(
            out, json_pack("{s:s, s:s, s:I, s:o, s:o, s:o}", "problem", tj_buf_text(&prompt),
                           "difficulty", x->env.task.difficulty_name(x->env.task.ctx, d), "seed",
                           (json_int_t)seed, "nodes", nodes, "shortcut",
                           thought_json(&thoughts[0], shown, tree.n_nodes), "journey",
                           thought_json(&thoughts[1], shown, tree.n_nodes)));
        if (*example == NULL && thoughts[1].n_backtracks == 1) {
            *example = json_pack("{s:s, s:s, s:s}", "prompt", tj_buf_text(&prompt), "shortcut",
                                 thoughts[0].text, "journey", thoughts[1].text);
        }
    }
    tj_free(on_path);
    tj_free(shown);
    tj_buf_deinit(&prompt);
    tj_thought_deinit(&thoughts[0]);
    tj_thought_deinit(&thoughts[1]);
    tj_tree_deinit(&tree);
    return rc;
}

/* The first ten problems of the first seed: not chosen for their looks. */
tj_code tj_report_trees(const tj_experiment *x, json_t *out, json_t **example, tj_err *err)
{
    tj_row_ref *rows = NULL;
    size_t n = 0;
    tj_code rc =
        tj_store_list(x->env.store, &rows, &n, TJ_ROW_THOUGHT, x->cells[0].derive_run, err);
    for (size_t i = 0; i + 1 < n && i / 2 < N_TREES && rc == TJ_OK; i += 2) {
        rc = tree_json(x, out, example, rows[i].id, rows[i + 1].id, x->cells[0].seed, err);
    }
    tj_free(rows);
    return rc;
}

/* ------------------------------------------------------------------ cases */

static json_t *lines_json(const tj_walk *walk)
{
    static const char *const kinds[] = {"step", "reached", "failed", "back", "other"};
    json_t *lines = json_array();
    for (size_t i = 0; i < walk->n_lines; i++) {
        const tj_walk_line *l = &walk->lines[i];
        json_t *j = json_pack("{s:I, s:I, s:s, s:b}", "begin", (json_int_t)l->begin, "end",
                              (json_int_t)l->end, "kind", kinds[l->verdict.kind], "valid",
                              (int)l->verdict.valid);
        if (l->verdict.reason[0] != 0) {
            json_object_set_new(j, "reason", json_string(l->verdict.reason));
        }
        json_array_append_new(lines, j);
    }
    return lines;
}

static tj_code answer_json(const tj_experiment *x, json_t *answers, const char *arm,
                           const tj_answer *a, size_t problem, tj_err *err)
{
    tj_output o = {0};
    tj_walk walk;
    tj_code rc = tj_store_get_output(x->env.store, &o, a->output, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = x->env.task.walk(x->env.task.ctx, &walk, &x->test.first[problem], o.text, o.n_text, err);
    if (rc == TJ_OK) {
        json_t *text = json_stringn(o.text, o.n_text);
        json_array_append_new(answers, json_pack("{s:s, s:b, s:o, s:I, s:o*}", "arm", arm,
                                                 "correct", (int)a->correct, "text",
                                                 text == NULL ? json_string("") : text, "tokens",
                                                 (json_int_t)a->n_tokens, "lines",
                                                 text == NULL ? NULL : lines_json(&walk)));
        tj_walk_deinit(&walk);
    }
    tj_output_deinit(&o);
    return rc;
}

static tj_code case_json(const tj_experiment *x, json_t *out, const char *kind, size_t problem,
                         tj_err *err)
{
    json_t *answers = json_array();
    tj_buf prompt;
    tj_buf_init(&prompt);
    x->env.task.write_prompt(x->env.task.ctx, &x->test.first[problem], &prompt);
    tj_code rc = answer_json(x, answers, "journey", &x->greedy[1][0].rows[problem], problem, err);
    if (rc == TJ_OK) {
        rc = answer_json(x, answers, "shortcut", &x->greedy[0][0].rows[problem], problem, err);
    }
    if (rc == TJ_OK) {
        const char *name =
            x->env.task.difficulty_name(x->env.task.ctx, x->test.difficulty[problem]);
        json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:I, s:O}", "kind", kind, "problem",
                                             tj_buf_text(&prompt), "difficulty", name, "seed",
                                             (json_int_t)x->cells[0].seed, "answers", answers));
    }
    json_decref(answers);
    tj_buf_deinit(&prompt);
    return rc;
}

/* The first test problems of each kind, in their order, of the first seed. */
tj_code tj_report_cases(const tj_experiment *x, json_t *out, tj_err *err)
{
    static const char *const kinds[] = {"journey_lost", "journey_wrong", "journey_won"};
    tj_code rc = TJ_OK;
    for (size_t k = 0; k < 3; k++) {
        size_t n = 0;
        for (size_t i = 0; i < x->test.n && n < N_CASES && rc == TJ_OK; i++) {
            bool s = x->greedy[0][0].rows[i].correct;
            bool j = x->greedy[1][0].rows[i].correct;
            bool is[] = {s && !j, !s && !j, j && !s};
            if (is[k]) {
                n++;
                rc = case_json(x, out, kinds[k], i, err);
            }
        }
    }
    return rc;
}
