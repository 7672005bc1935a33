/* Trees as JSON (docs/formats.md) and as GraphViz. Numbers keep every bit: a float is written as
 * the double of the same value, with 17 digits. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "tree/tree.h"

#define TJ_MAX_TREE_NODES 1000000 /* far above any tree that is grown or looked at */

static json_t *ids_json(const int32_t *ids, size_t n)
{
    json_t *a = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(a, json_integer(ids[i]));
    }
    return a;
}

static json_t *state_json(const tj_task_state *state)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * TJ_TASK_STATE_BYTES + 1];
    for (size_t i = 0; i < TJ_TASK_STATE_BYTES; i++) {
        hex[2 * i] = digits[state->bytes[i] >> 4];
        hex[2 * i + 1] = digits[state->bytes[i] & 15];
    }
    hex[2 * TJ_TASK_STATE_BYTES] = 0;
    return json_string(hex);
}

static json_t *node_json(const tj_tree *tree, size_t i)
{
    const tj_node *n = &tree->nodes[i];
    json_t *logprobs = json_array();
    char draw[32];
    for (size_t t = 0; t < n->n_ids; t++) {
        json_array_append_new(logprobs, json_real((double)n->logprobs[t]));
    }
    snprintf(draw, sizeof draw, "%llu", (unsigned long long)n->draw);
    return json_pack(
        "{s:o, s:I, s:s, s:s, s:o, s:o, s:s, s:o, s:b, s:b, s:b, s:b, s:b, s:I}", "parent",
        n->parent == TJ_NO_NODE ? json_null() : json_integer((json_int_t)n->parent), "order",
        (json_int_t)n->order, "text", n->text, "key", n->key, "ids", ids_json(n->ids, n->n_ids),
        "logprobs", logprobs, "draw", draw, "state", state_json(&n->state), "valid", (int)n->valid,
        "solvable", (int)n->solvable, "terminal", (int)n->terminal, "correct", (int)n->correct,
        "pruned", (int)n->pruned, "n_duplicates", (json_int_t)n->n_duplicates);
}

json_t *tj_tree_to_json(const tj_tree *tree, const tj_task *task)
{
    json_t *nodes = json_array();
    json_t *rewards = json_array();
    char seed[32];
    char run[32];
    for (size_t i = 0; i < tree->n_nodes; i++) {
        json_array_append_new(nodes, node_json(tree, i));
    }
    for (size_t i = 0; i < tree->n_rewards; i++) {
        const tj_reward *r = &tree->rewards[i];
        json_array_append_new(rewards, json_pack("{s:I, s:s, s:s, s:f, s:s}", "node",
                                                 (json_int_t)r->node, "rewarder", r->rewarder,
                                                 "meaning", tj_meaning_name(r->meaning), "value",
                                                 r->value, "reason", r->reason));
    }
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)tree->seed);
    snprintf(run, sizeof run, "%llu", (unsigned long long)tree->run);
    return json_pack("{s:i, s:s, s:I, s:s, s:s, s:o, s:o, s:o, s:o}", "tree_version", 1, "task",
                     task->name, "problem", (json_int_t)tree->problem, "seed", seed, "stream", run,
                     "prompt_ids", ids_json(tree->prompt_ids, tree->n_prompt), "first",
                     state_json(&tree->first), "nodes", nodes, "rewards", rewards);
}

/* ------------------------------------------------------------------ reading */

typedef struct reader {
    const char *where;
    tj_err *err;
    tj_code rc; /* the first failure stays */
} reader;

static void bad(reader *r, size_t node, const char *field, const char *want)
{
    if (r->rc == TJ_OK) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: node %zu: %s: expected %s", r->where, node, field,
                        want);
    }
}

static const char *text_of(reader *r, const json_t *o, size_t node, const char *field)
{
    const char *s = json_string_value(json_object_get(o, field));
    if (s == NULL) {
        bad(r, node, field, "a string");
    }
    return s == NULL ? "" : s;
}

static bool flag_of(reader *r, const json_t *o, size_t node, const char *field)
{
    const json_t *v = json_object_get(o, field);
    if (!json_is_boolean(v)) {
        bad(r, node, field, "true or false");
    }
    return json_is_true(v);
}

static size_t size_of(reader *r, const json_t *o, size_t node, const char *field)
{
    const json_t *v = json_object_get(o, field);
    if (!json_is_integer(v) || json_integer_value(v) < 0) {
        bad(r, node, field, "an integer of at least 0");
        return 0;
    }
    return (size_t)json_integer_value(v);
}

static uint64_t word_of(reader *r, const json_t *o, size_t node, const char *field)
{
    unsigned long long n = 0;
    char rest;
    const char *s = text_of(r, o, node, field);
    if (r->rc == TJ_OK && sscanf(s, "%20llu%c", &n, &rest) != 1) {
        bad(r, node, field, "a number as text");
    }
    return n;
}

static void state_of(reader *r, const json_t *o, size_t node, const char *field,
                     tj_task_state *state)
{
    const char *s = text_of(r, o, node, field);
    if (strlen(s) != 2 * TJ_TASK_STATE_BYTES ||
        strspn(s, "0123456789abcdef") != 2 * TJ_TASK_STATE_BYTES) {
        bad(r, node, field, "128 hexadecimal digits");
        return;
    }
    for (size_t i = 0; i < TJ_TASK_STATE_BYTES; i++) {
        int high = s[2 * i] <= '9' ? s[2 * i] - '0' : s[2 * i] - 'a' + 10;
        int low = s[2 * i + 1] <= '9' ? s[2 * i + 1] - '0' : s[2 * i + 1] - 'a' + 10;
        state->bytes[i] = (unsigned char)(16 * high + low);
    }
}

/* An array of token ids; *n of them (tj_free). */
static int32_t *ids_of(reader *r, const json_t *o, size_t node, const char *field, size_t *n)
{
    const json_t *a = json_object_get(o, field);
    *n = json_array_size(a);
    int32_t *ids = *n == 0 ? NULL : tj_calloc(*n, sizeof *ids);
    if (!json_is_array(a) || (*n > 0 && ids == NULL)) {
        bad(r, node, field, "a list of token ids");
    }
    for (size_t i = 0; ids != NULL && i < *n; i++) {
        const json_t *v = json_array_get(a, i);
        if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > INT32_MAX) {
            bad(r, node, field, "a list of token ids");
            break;
        }
        ids[i] = (int32_t)json_integer_value(v);
    }
    return ids;
}

static void read_node(reader *r, tj_tree *tree, const json_t *o, size_t i)
{
    const json_t *parent = json_object_get(o, "parent");
    const json_t *logprobs = json_object_get(o, "logprobs");
    size_t n = 0;
    size_t id = 0;
    int32_t *ids = ids_of(r, o, i, "ids", &n);
    float *lp = n == 0 ? NULL : tj_calloc(n, sizeof *lp);
    if (json_array_size(logprobs) != n) {
        bad(r, i, "logprobs", "as many numbers as there are ids");
    }
    for (size_t t = 0; lp != NULL && t < n; t++) {
        lp[t] = (float)json_number_value(json_array_get(logprobs, t));
    }
    size_t at = i == 0 ? TJ_NO_NODE : size_of(r, o, i, "parent");
    if (i == 0 && !json_is_null(parent)) {
        bad(r, i, "parent", "null at the root");
    } else if (i > 0 && at >= i) {
        bad(r, i, "parent", "a node before it");
    }
    const char *text = text_of(r, o, i, "text");
    if (r->rc == TJ_OK) {
        r->rc = tj_tree_add_node(tree, &id, at, text, ids, lp, n, r->err);
    }
    if (r->rc == TJ_OK) {
        tj_node *node = &tree->nodes[id];
        snprintf(node->key, sizeof node->key, "%s", text_of(r, o, i, "key"));
        node->order = size_of(r, o, i, "order");
        node->draw = word_of(r, o, i, "draw");
        node->n_duplicates = size_of(r, o, i, "n_duplicates");
        node->valid = flag_of(r, o, i, "valid");
        node->solvable = flag_of(r, o, i, "solvable");
        node->terminal = flag_of(r, o, i, "terminal");
        node->correct = flag_of(r, o, i, "correct");
        node->pruned = flag_of(r, o, i, "pruned");
        state_of(r, o, i, "state", &node->state);
    }
    tj_free(ids);
    tj_free(lp);
}

static void read_reward(reader *r, tj_tree *tree, const json_t *o, size_t i)
{
    static const char *const rewarders[] = {"verifier", "solver"};
    tj_reward reward = {.node = size_of(r, o, i, "node"), .rewarder = "imported"};
    const char *rewarder = text_of(r, o, i, "rewarder");
    const char *meaning = text_of(r, o, i, "meaning");
    for (size_t k = 0; k < 2; k++) {
        reward.rewarder = strcmp(rewarder, rewarders[k]) == 0 ? rewarders[k] : reward.rewarder;
    }
    int known = -1;
    for (int k = 0; k <= TJ_PROGRESS; k++) {
        known = strcmp(meaning, tj_meaning_name((tj_meaning)k)) == 0 ? k : known;
    }
    if (known < 0 || !json_is_number(json_object_get(o, "value"))) {
        bad(r, i, "reward", "a known meaning and a value");
        return;
    }
    reward.meaning = (tj_meaning)known;
    reward.value = json_number_value(json_object_get(o, "value"));
    snprintf(reward.reason, sizeof reward.reason, "%s", text_of(r, o, i, "reason"));
    if (r->rc == TJ_OK) {
        r->rc = tj_tree_add_reward(tree, &reward, r->err);
    }
}

tj_code tj_tree_from_json(tj_tree *out, const json_t *json, const char *where, tj_err *err)
{
    reader r = {.where = where, .err = err};
    const json_t *nodes = json_object_get(json, "nodes");
    const json_t *rewards = json_object_get(json, "rewards");
    memset(out, 0, sizeof *out);
    if (!json_is_object(json) || json_integer_value(json_object_get(json, "tree_version")) != 1) {
        return tj_fail(err, TJ_E_PARSE, "%s: tree_version: expected 1", where);
    }
    if (!json_is_array(nodes) || json_array_size(nodes) == 0 ||
        json_array_size(nodes) > TJ_MAX_TREE_NODES || !json_is_array(rewards)) {
        return tj_fail(err, TJ_E_PARSE, "%s: nodes, rewards: expected lists, with 1 to %d nodes",
                       where, TJ_MAX_TREE_NODES);
    }
    out->problem = (int64_t)json_integer_value(json_object_get(json, "problem"));
    out->seed = word_of(&r, json, 0, "seed");
    out->run = word_of(&r, json, 0, "stream");
    state_of(&r, json, 0, "first", &out->first);
    out->prompt_ids = ids_of(&r, json, 0, "prompt_ids", &out->n_prompt);
    for (size_t i = 0; i < json_array_size(nodes) && r.rc == TJ_OK; i++) {
        read_node(&r, out, json_array_get(nodes, i), i);
    }
    for (size_t i = 0; i < json_array_size(rewards) && r.rc == TJ_OK; i++) {
        read_reward(&r, out, json_array_get(rewards, i), i);
    }
    if (r.rc != TJ_OK) {
        tj_tree_deinit(out);
    }
    return r.rc;
}

/* ------------------------------------------------------------------ GraphViz */

void tj_tree_to_dot(const tj_tree *tree, tj_buf *out)
{
    tj_buf_str(out, "digraph tree {\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (size_t i = 0; i < tree->n_nodes; i++) {
        const tj_node *n = &tree->nodes[i];
        const char *color = n->correct     ? "#1b7837"
                            : !n->valid    ? "#b2182b"
                            : !n->solvable ? "#888888"
                                           : "#2166ac";
        size_t len = strcspn(n->text, "\n");
        tj_buf_printf(out, "  n%zu [color=\"%s\", label=", i, color);
        if (i == 0) {
            tj_buf_str(out, "\"(problem)\"");
        } else {
            tj_buf_json(out, n->text, len); /* a quoted string in both languages */
        }
        tj_buf_str(out, "];\n");
        if (i > 0) {
            tj_buf_printf(out, "  n%zu -> n%zu;\n", n->parent, i);
        }
    }
    tj_buf_str(out, "}\n");
}
