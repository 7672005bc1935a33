/* Reasoning trees. All become nodes with their parents before them: a nested tree is walked level
 * by level, a flat one is put together from its prefixes, and numbered nodes are checked against
 * each other. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/dataset_inner.h"

/* ------------------------------------------------------------------ Monte-Carlo trees */

static tj_code read_mc_value(tj_mapper *m, tj_data_node *node, size_t object)
{
    size_t value;
    tj_code rc = tj_map_find(m, &value, object, "mc_value");
    if (rc == TJ_OK && (value == 0 || !tj_jtape_double(&m->tape, value, &node->score))) {
        rc = tj_map_wrong_type(m, "mc_value", "a number", value);
    }
    if (rc == TJ_OK && !(node->score >= 0.0 && node->score <= 1.0)) {
        rc = tj_map_refuse(m, "mc_value", "is %g, not in [0, 1]", node->score);
    }
    node->has_score = rc == TJ_OK;
    return rc;
}

/* Nodes of a nested tree; its depth is bounded by the tape's. */
static size_t count_nested(const tj_mapper *m, size_t root)
{
    size_t n = 0;
    for (size_t v = root; v < m->tape.nodes[root].past; v++) {
        n += m->tape.nodes[v].kind == TJ_JSON_OBJECT ? 1 : 0;
    }
    return n;
}

/* Level by level: node i's children are added behind all nodes that are there. */
static tj_code map_nested(tj_mapper *m, tj_data_node **out, size_t root)
{
    const tj_jnode *tape = m->tape.nodes;
    tj_data_node *nodes;
    size_t *objects = NULL; /* of the nodes */
    size_t n = 1;
    size_t n_max = count_nested(m, root);
    tj_code rc = tj_map_alloc_nodes(m, &nodes, n_max, "reasoning_steps");
    if (rc == TJ_OK) {
        rc = tj_map_alloc(m, &objects, n_max, sizeof *objects);
    }
    if (rc == TJ_OK) {
        objects[0] = root;
        *out = nodes;
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        size_t children = 0;
        rc = tj_map_text(m, &nodes[i].text, objects[i], "text");
        if (rc == TJ_OK) {
            rc = read_mc_value(m, &nodes[i], objects[i]);
        }
        if (rc == TJ_OK) {
            rc = tj_map_value(m, &children, objects[i], "children", TJ_JSON_ARRAY);
        }
        for (size_t v = children + 1; rc == TJ_OK && v < tape[children].past; v = tape[v].past) {
            if (tape[v].kind != TJ_JSON_OBJECT) {
                rc = tj_map_wrong_type(m, "children", "objects", v);
                break;
            }
            nodes[n].parent = i;
            objects[n++] = v;
        }
        rc = tj_map_inside(m, rc, "node", i);
    }
    m->record.n_nodes = n;
    return rc;
}

typedef struct prefix {
    tj_str text;
    size_t value; /* on the tape */
} prefix;

static int by_text(const void *a, const void *b)
{
    const prefix *p = a;
    const prefix *q = b;
    size_t n = p->text.n < q->text.n ? p->text.n : q->text.n;
    int order = memcmp(p->text.s, q->text.s, n);
    return order != 0 ? order : p->text.n < q->text.n ? -1 : p->text.n > q->text.n ? 1 : 0;
}

/* Whether b goes on where a ends: a step begins a line of its own. */
static bool is_prefix(tj_str a, tj_str b)
{
    return a.n < b.n && memcmp(a.s, b.s, a.n) == 0 && b.s[a.n] == '\n';
}

/* Reads the prefixes and sorts them, so that whatever a text goes on from stands before it. */
static tj_code read_prefixes(tj_mapper *m, prefix **out, size_t *n, size_t array)
{
    prefix *all = NULL;
    *n = m->tape.nodes[array].count;
    if (*n == 0 || *n > TJ_DATA_MAX_NODES) {
        return tj_map_refuse(m, "reasoning_steps", "%zu nodes; expected 1 to %d", *n,
                             TJ_DATA_MAX_NODES);
    }
    tj_code rc = tj_map_alloc(m, &all, *n, sizeof *all);
    size_t value = array + 1;
    for (size_t i = 0; i < *n && rc == TJ_OK; i++, value = m->tape.nodes[value].past) {
        all[i].value = value;
        rc = m->tape.nodes[value].kind == TJ_JSON_OBJECT
                 ? tj_map_inside(m, tj_map_text(m, &all[i].text, value, "solution_prefix"),
                                 "reasoning_steps", i)
                 : tj_map_wrong_type(m, "reasoning_steps", "objects", value);
    }
    if (rc == TJ_OK) {
        qsort(all, *n, sizeof *all, by_text);
    }
    *out = all;
    return rc;
}

static tj_code map_flat(tj_mapper *m, tj_data_node **out, size_t array)
{
    prefix *all = NULL;
    size_t n;
    size_t *path = NULL; /* nodes each of which the next goes on from, the last one latest */
    size_t depth = 0;
    tj_data_node *nodes;
    tj_code rc = read_prefixes(m, &all, &n, array);
    if (rc == TJ_OK) {
        rc = tj_map_alloc(m, &path, n, sizeof *path);
    }
    if (rc == TJ_OK) {
        rc = tj_map_alloc_nodes(m, &nodes, n, "reasoning_steps");
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        while (depth > 0 && !is_prefix(all[path[depth - 1]].text, all[i].text)) {
            depth--;
        }
        if (i > 0 && depth == 0) {
            return tj_map_refuse(m, "reasoning_steps",
                                 by_text(&all[i - 1], &all[i]) == 0
                                     ? "the same solution_prefix twice"
                                     : "a solution_prefix goes on from no other one");
        }
        if (i > 0) {
            nodes[i].parent = path[depth - 1];
            nodes[i].text = tj_str_trim(tj_str_from(all[i].text, all[path[depth - 1]].text.n));
        } else {
            nodes[0].text = all[0].text;
        }
        path[depth++] = i;
        rc = read_mc_value(m, &nodes[i], all[i].value);
        *out = nodes;
    }
    m->record.n_nodes = n;
    return rc;
}

tj_code tj_map_omegaprm(tj_mapper *m)
{
    static const char *const carried[] = {"question_id", NULL};
    tj_data_record *r = &m->record;
    tj_data_node *nodes = NULL;
    size_t steps;
    tj_code rc = tj_map_text(m, &r->problem, 0, "question");
    if (rc == TJ_OK) {
        rc = tj_map_scalar(m, &r->answer, 0, "final_answer");
    }
    if (rc == TJ_OK) {
        rc = tj_map_find(m, &steps, 0, "reasoning_steps");
    }
    if (rc == TJ_OK) {
        tj_json_kind kind = (tj_json_kind)m->tape.nodes[steps].kind;
        rc = steps != 0 && kind == TJ_JSON_OBJECT ? map_nested(m, &nodes, steps)
             : steps != 0 && kind == TJ_JSON_ARRAY
                 ? map_flat(m, &nodes, steps)
                 : tj_map_wrong_type(m, "reasoning_steps", "an object or array", steps);
    }
    if (rc == TJ_OK) {
        tj_str root = tj_str_trim(nodes[0].text);
        tj_str problem = tj_str_trim(r->problem);
        if (root.n != problem.n || memcmp(root.s, problem.s, root.n) != 0) {
            return tj_map_refuse(m, "reasoning_steps", "the tree does not begin with the question");
        }
        nodes[0].text = (tj_str){NULL, 0}; /* the root is the problem */
        r->scorer = "monte-carlo";
        rc = tj_map_meta(m, 0, carried);
    }
    return rc;
}

/* ------------------------------------------------------------------ the released trees */

/* A message's content; none where the message is missing or null. */
static tj_code read_message(tj_mapper *m, tj_str *out, size_t *message, size_t object,
                            const char *field)
{
    tj_code rc = tj_map_find(m, message, object, field);
    *out = (tj_str){NULL, 0};
    if (rc == TJ_OK && *message != 0 && m->tape.nodes[*message].kind == TJ_JSON_NULL) {
        *message = 0;
    }
    return rc == TJ_OK && *message != 0 ? tj_map_optional(m, out, *message, "content") : rc;
}

static void add_meta(tj_buf *meta, const char *name, tj_str text)
{
    if (text.s != NULL) {
        tj_buf_printf(meta, "%c\"%s\":", meta->len == 0 ? '{' : ',', name);
        tj_buf_json(meta, text.s, text.n);
    }
}

/* What judged the step, in words, and the number of the step that replaced it. */
static tj_code read_judgements(tj_mapper *m, tj_data_node *node, size_t object, size_t n)
{
    size_t message;
    size_t improved;
    tj_str score;
    tj_str terminal;
    tj_str verification;
    int64_t number = -1;
    tj_code rc = read_message(m, &terminal, &message, object, "terminal_message_check");
    if (rc == TJ_OK && message != 0) {
        rc = tj_map_bool(m, &node->terminal, message, "is_final");
    }
    if (rc == TJ_OK) {
        rc = read_message(m, &verification, &message, object, "verification_message");
    }
    if (rc == TJ_OK) {
        rc = read_message(m, &score, &message, object, "score_message");
    }
    if (rc == TJ_OK && message != 0) {
        size_t value;
        rc = tj_map_find(m, &value, message, "score");
        node->has_score =
            rc == TJ_OK && value != 0 && tj_jtape_double(&m->tape, value, &node->score);
        rc =
            rc == TJ_OK && !node->has_score ? tj_map_wrong_type(m, "score", "a number", value) : rc;
    }
    if (rc == TJ_OK) {
        rc = tj_map_find(m, &improved, object, "improved_step");
    }
    if (rc == TJ_OK && improved != 0 && m->tape.nodes[improved].kind != TJ_JSON_NULL &&
        (!tj_jtape_int(&m->tape, improved, &number) || number < 1 || (uint64_t)number >= n)) {
        rc = tj_map_refuse(m, "improved_step", "is no node's number");
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_buf *meta = &m->meta;
    tj_buf_clear(meta);
    if (number >= 0) {
        tj_buf_printf(meta, "{\"improved_step\":%lld", (long long)number);
    }
    add_meta(meta, "score_message", score);
    add_meta(meta, "terminal_message", terminal);
    add_meta(meta, "verification_message", verification);
    if (meta->len > 0) {
        tj_buf_char(meta, '}');
        node->meta.s = tj_arena_strndup(&m->arena, tj_buf_text(meta), meta->len);
        node->meta.n = meta->len;
    }
    return meta->failed || (meta->len > 0 && node->meta.s == NULL) ? TJ_E_NOMEM : TJ_OK;
}

static tj_code read_tree_node(tj_mapper *m, tj_data_node *node, size_t object, size_t i, size_t n)
{
    int64_t number;
    int64_t parent;
    size_t step;
    tj_code rc = tj_map_int(m, &number, object, "id");
    if (rc == TJ_OK && (number < 0 || (uint64_t)number != i)) {
        rc = tj_map_refuse(m, "id", "is %lld; nodes are numbered from 0", (long long)number);
    }
    if (rc != TJ_OK || i == 0) {
        return rc;
    }
    rc = tj_map_int(m, &parent, object, "parent_step");
    if (rc == TJ_OK && (parent < 0 || (uint64_t)parent >= i)) {
        rc = tj_map_refuse(m, "parent_step", "is %lld, which does not stand before the node",
                           (long long)parent);
    }
    if (rc == TJ_OK) {
        node->parent = (size_t)parent;
        rc = tj_map_value(m, &step, object, "step_message", TJ_JSON_OBJECT);
    }
    if (rc == TJ_OK) {
        rc = tj_map_text(m, &node->text, step, "content");
    }
    if (rc == TJ_OK) {
        rc = tj_map_bool(m, &node->pruned, object, "aborted");
    }
    return rc == TJ_OK ? read_judgements(m, node, object, n) : rc;
}

/* Every child that a node names has it as parent, and every node but the root is named once. */
static tj_code check_children(tj_mapper *m, const tj_data_node *nodes, size_t list)
{
    const tj_jnode *tape = m->tape.nodes;
    size_t n = tape[list].count;
    size_t n_named = 0;
    size_t i = 0;
    for (size_t v = list + 1; v < tape[list].past; v = tape[v].past, i++) {
        size_t children;
        tj_code rc = tj_map_value(m, &children, v, "child_steps", TJ_JSON_ARRAY);
        if (rc != TJ_OK) {
            return tj_map_inside(m, rc, "nodes", i);
        }
        int64_t before = 0;
        for (size_t c = children + 1; c < tape[children].past; c = tape[c].past) {
            int64_t child;
            if (!tj_jtape_int(&m->tape, c, &child) || child <= before || (uint64_t)child >= n ||
                nodes[child].parent != i) {
                rc = tj_map_refuse(m, "child_steps",
                                   "names a node whose parent is another, or one "
                                   "twice, or out of order");
                return tj_map_inside(m, rc, "nodes", i);
            }
            before = child;
            n_named++;
        }
    }
    return n_named + 1 == n ? TJ_OK : tj_map_refuse(m, "nodes", "a node is nobody's child");
}

/* The last message of the conversation that the tree begins with, without the instruction. */
static tj_code read_root(tj_mapper *m, size_t root)
{
    size_t list;
    size_t last = 0;
    tj_str text;
    tj_code rc = tj_map_value(m, &list, root, "base_conversation", TJ_JSON_ARRAY);
    if (rc == TJ_OK) {
        for (size_t v = list + 1; v < m->tape.nodes[list].past; v = m->tape.nodes[v].past) {
            last = v;
        }
        rc = last == 0 || m->tape.nodes[last].kind != TJ_JSON_OBJECT
                 ? tj_map_refuse(m, "base_conversation", "expected messages")
                 : tj_map_text(m, &text, last, "content");
    }
    if (rc != TJ_OK) {
        return rc;
    }
    size_t blank = tj_str_find(text, "\n\n");
    bool told = blank != SIZE_MAX && tj_str_find(text, "Solve the following") == 0;
    m->record.problem = told ? tj_str_trim(tj_str_from(text, blank)) : text;
    return m->record.problem.n == 0 ? tj_map_refuse(m, "content", "has no problem") : TJ_OK;
}

tj_code tj_map_trees(tj_mapper *m)
{
    static const char *const carried[] = {"source", NULL};
    const tj_jnode *tape = m->tape.nodes;
    tj_data_node *nodes;
    size_t list;
    tj_code rc = tj_map_value(m, &list, 0, "nodes", TJ_JSON_ARRAY);
    if (rc == TJ_OK && tape[list].count == 0) {
        rc = tj_map_refuse(m, "nodes", "is empty");
    }
    if (rc == TJ_OK) {
        rc = tj_map_alloc_nodes(m, &nodes, tape[list].count, "nodes");
    }
    size_t i = 0;
    for (size_t v = list + 1; rc == TJ_OK && v < tape[list].past; v = tape[v].past, i++) {
        rc = tape[v].kind != TJ_JSON_OBJECT ? tj_map_refuse(m, "", "expected an object")
                                            : read_tree_node(m, &nodes[i], v, i, tape[list].count);
        rc = tj_map_inside(m, rc, "nodes", i);
    }
    if (rc == TJ_OK) {
        rc = check_children(m, nodes, list);
    }
    if (rc == TJ_OK) {
        rc = tj_map_inside(m, read_root(m, list + 1), "nodes", 0);
    }
    m->record.n_nodes = i;
    m->record.scorer = "self";
    return rc == TJ_OK ? tj_map_meta(m, 0, carried) : rc;
}
