/* Trees as JSON (docs/formats.md) and as GraphViz. Numbers keep every bit: a float is written as
 * the double of the same value, with 17 digits.
 *
 * Reading refuses whatever would not be written back the same (a key longer than its field, a
 * log-probability that is no number), so that a tree never changes on its way through a file.
 * Writing gives NULL for a tree that JSON cannot hold: text that is not UTF-8, a value that is not
 * finite. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "tree/tree.h"

/* The array with one item more, both taken; NULL when either is NULL or memory is exhausted. */
static json_t *append(json_t *array, json_t *item)
{
    if (json_array_append_new(array, item) == 0) { /* takes the item in any case */
        return array;
    }
    json_decref(array);
    return NULL;
}

static json_t *ids_json(const int32_t *ids, size_t n)
{
    json_t *a = json_array();
    for (size_t i = 0; i < n; i++) {
        a = append(a, json_integer(ids[i]));
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

/* true, false, or null for what nobody knows. */
static json_t *label_json(tj_label label)
{
    return label == TJ_LABEL_UNKNOWN ? json_null() : json_boolean(label == TJ_LABEL_YES);
}

static json_t *node_json(const tj_tree *tree, size_t i)
{
    const tj_node *n = &tree->nodes[i];
    json_t *logprobs = json_array();
    char draw[32];
    for (size_t t = 0; t < n->n_ids; t++) {
        logprobs = append(logprobs, json_real((double)n->logprobs[t]));
    }
    snprintf(draw, sizeof draw, "%llu", (unsigned long long)n->draw);
    json_t *json = json_pack(
        "{s:o, s:I, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:b, s:b, s:b, s:I}", "parent",
        n->parent == TJ_NO_NODE ? json_null() : json_integer((json_int_t)n->parent), "order",
        (json_int_t)n->order, "text", n->text, "key", n->key, "ids", ids_json(n->ids, n->n_ids),
        "logprobs", logprobs, "draw", draw, "state", state_json(&n->state), "valid",
        label_json(n->valid), "solvable", label_json(n->solvable), "terminal", (int)n->terminal,
        "correct", (int)n->correct, "pruned", (int)(n->pruned != TJ_KEPT), "n_duplicates",
        (json_int_t)n->n_duplicates);
    if (json != NULL && n->pruned > TJ_PRUNED &&
        json_object_set_new(json, "stopped", json_string(tj_pruned_name(n->pruned))) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* Adds what a problem in words has; NULL, with json freed, where it cannot be held. */
static json_t *add_words(json_t *json, const tj_tree *tree)
{
    if (json == NULL || tree->question == NULL) {
        return json;
    }
    json_t *answer = tree->answer == NULL ? json_null() : json_string(tree->answer);
    if (json_object_set_new(json, "question", json_string(tree->question)) != 0 ||
        json_object_set_new(json, "answer", answer) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

json_t *tj_tree_to_json(const tj_tree *tree, const tj_task *task)
{
    json_t *nodes = json_array();
    json_t *rewards = json_array();
    char seed[32];
    char run[32];
    for (size_t i = 0; i < tree->n_nodes; i++) {
        nodes = append(nodes, node_json(tree, i));
    }
    for (size_t i = 0; i < tree->n_rewards; i++) {
        const tj_reward *r = &tree->rewards[i];
        rewards = append(rewards,
                         json_pack("{s:I, s:s, s:s, s:f, s:s}", "node", (json_int_t)r->node,
                                   "rewarder", r->rewarder, "meaning", tj_meaning_name(r->meaning),
                                   "value", r->value, "reason", r->reason));
    }
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)tree->seed);
    snprintf(run, sizeof run, "%llu", (unsigned long long)tree->run);
    const char *name = tree->question != NULL ? TJ_WORDS_TASK : task->name;
    json_t *json =
        json_pack("{s:i, s:s, s:I, s:s, s:s, s:o, s:o, s:o, s:o}", "tree_version", 1, "task", name,
                  "problem", (json_int_t)tree->problem, "seed", seed, "stream", run, "prompt_ids",
                  ids_json(tree->prompt_ids, tree->n_prompt), "first", state_json(&tree->first),
                  "nodes", nodes, "rewards", rewards);
    return add_words(json, tree);
}

/* ------------------------------------------------------------------ reading */

typedef struct reader {
    const char *where;
    tj_err *err;
    tj_code rc;       /* the first failure stays */
    const char *what; /* being read: "node", "reward"; NULL: the tree itself */
    size_t index;     /* of it */
} reader;

static void bad(reader *r, const char *field, const char *want)
{
    if (r->rc != TJ_OK) {
        return;
    }
    if (r->what == NULL) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: %s: expected %s", r->where, field, want);
    } else {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: %s %zu: %s: expected %s", r->where, r->what,
                        r->index, field, want);
    }
}

static void no_memory(reader *r)
{
    if (r->rc == TJ_OK) {
        r->rc = tj_fail(r->err, TJ_E_NOMEM, "%s: cannot hold the tree", r->where);
    }
}

static const char *text_of(reader *r, const json_t *o, const char *field)
{
    const char *s = json_string_value(json_object_get(o, field));
    if (s == NULL || strlen(s) != json_string_length(json_object_get(o, field))) {
        bad(r, field, "a string");
        return "";
    }
    return s;
}

/* A string that fits out [n_out]; a longer one is refused, not cut. */
static void short_text_of(reader *r, const json_t *o, const char *field, char *out, size_t n_out)
{
    const char *s = text_of(r, o, field);
    if (strlen(s) >= n_out) {
        bad(r, field, "a shorter string");
        return;
    }
    memcpy(out, s, strlen(s) + 1);
}

static bool flag_of(reader *r, const json_t *o, const char *field)
{
    const json_t *v = json_object_get(o, field);
    if (!json_is_boolean(v)) {
        bad(r, field, "true or false");
    }
    return json_is_true(v);
}

static tj_label label_of(reader *r, const json_t *o, const char *field)
{
    const json_t *v = json_object_get(o, field);
    if (!json_is_boolean(v) && !json_is_null(v)) {
        bad(r, field, "true, false or null");
    }
    return json_is_null(v) ? TJ_LABEL_UNKNOWN : json_is_true(v) ? TJ_LABEL_YES : TJ_LABEL_NO;
}

static tj_pruned pruned_of(reader *r, const json_t *o)
{
    bool pruned = flag_of(r, o, "pruned");
    const json_t *why = json_object_get(o, "stopped");
    const char *name = json_string_value(why);
    if (why == NULL) {
        return pruned ? TJ_PRUNED : TJ_KEPT;
    }
    for (int k = TJ_PRUNED_LOOP; k <= TJ_PRUNED_ENDLESS; k++) {
        if (pruned && name != NULL && strcmp(name, tj_pruned_name((tj_pruned)k)) == 0) {
            return (tj_pruned)k;
        }
    }
    bad(r, "stopped", "loop or endless, of a node that is pruned");
    return TJ_KEPT;
}

static size_t size_of(reader *r, const json_t *o, const char *field)
{
    const json_t *v = json_object_get(o, field);
    if (!json_is_integer(v) || json_integer_value(v) < 0) {
        bad(r, field, "an integer of at least 0");
        return 0;
    }
    return (size_t)json_integer_value(v);
}

/* 64 bits as decimal text: JSON integers end at 2^63. */
static uint64_t word_of(reader *r, const json_t *o, const char *field)
{
    const char *s = text_of(r, o, field);
    char *end;
    errno = 0;
    unsigned long long n = strtoull(s, &end, 10);
    bool digits = s[0] != '\0' && s[strspn(s, "0123456789")] == '\0';
    if (!digits || errno != 0) { /* strtoull alone takes signs and spaces */
        bad(r, field, "an integer from 0 to 2^64 - 1 as text");
        return 0;
    }
    return n;
}

static void state_of(reader *r, const json_t *o, const char *field, tj_task_state *state)
{
    const char *s = text_of(r, o, field);
    if (strlen(s) != 2 * TJ_TASK_STATE_BYTES ||
        strspn(s, "0123456789abcdef") != 2 * TJ_TASK_STATE_BYTES) {
        bad(r, field, "128 hexadecimal digits");
        return;
    }
    for (size_t i = 0; i < TJ_TASK_STATE_BYTES; i++) {
        int high = s[2 * i] <= '9' ? s[2 * i] - '0' : s[2 * i] - 'a' + 10;
        int low = s[2 * i + 1] <= '9' ? s[2 * i + 1] - '0' : s[2 * i + 1] - 'a' + 10;
        state->bytes[i] = (unsigned char)(16 * high + low);
    }
}

/* An array of token ids; *n of them (tj_free). */
static int32_t *ids_of(reader *r, const json_t *o, const char *field, size_t *n)
{
    const json_t *a = json_object_get(o, field);
    *n = json_array_size(a);
    if (!json_is_array(a)) {
        bad(r, field, "a list of token ids");
    }
    int32_t *ids = *n == 0 ? NULL : tj_calloc(*n, sizeof *ids);
    if (*n > 0 && ids == NULL) {
        no_memory(r);
    }
    for (size_t i = 0; ids != NULL && i < *n; i++) {
        const json_t *v = json_array_get(a, i);
        if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > INT32_MAX) {
            bad(r, field, "a list of token ids");
            break;
        }
        ids[i] = (int32_t)json_integer_value(v);
    }
    return ids;
}

/* The log-probabilities of n ids (tj_free). */
static float *logprobs_of(reader *r, const json_t *o, const char *field, size_t n)
{
    const json_t *a = json_object_get(o, field);
    if (!json_is_array(a) || json_array_size(a) != n) {
        bad(r, field, "as many numbers as there are ids");
        return NULL;
    }
    float *logprobs = n == 0 ? NULL : tj_calloc(n, sizeof *logprobs);
    if (n > 0 && logprobs == NULL) {
        no_memory(r);
    }
    for (size_t i = 0; logprobs != NULL && i < n; i++) {
        const json_t *v = json_array_get(a, i);
        double value = json_number_value(v);
        if (!json_is_number(v) || !(fabs(value) <= (double)FLT_MAX)) {
            bad(r, field, "numbers that a float holds");
            break;
        }
        logprobs[i] = (float)value;
    }
    return logprobs;
}

/* Parents stand before their children, so that nothing goes in a circle; there is one root. */
static size_t parent_of(reader *r, const tj_tree *tree, const json_t *o)
{
    if (r->index > 0 && json_is_null(json_object_get(o, "parent"))) {
        bad(r, "parent", "a node: there is a root already");
        return TJ_NO_NODE;
    }
    if (r->index > 0) {
        size_t parent = size_of(r, o, "parent");
        if (parent >= r->index) {
            bad(r, "parent", "a node before it");
        } else if (r->rc == TJ_OK && tree->nodes[parent].depth >= TJ_MAX_TREE_DEPTH) {
            bad(r, "parent", "a path of at most 4096 steps");
        }
        return parent;
    }
    if (!json_is_null(json_object_get(o, "parent"))) {
        bad(r, "parent", "null at the root");
    }
    return TJ_NO_NODE;
}

static void read_node(reader *r, tj_tree *tree, const json_t *o)
{
    size_t n = 0;
    size_t id = 0;
    size_t parent = parent_of(r, tree, o);
    const char *text = text_of(r, o, "text");
    int32_t *ids = ids_of(r, o, "ids", &n);
    float *logprobs = logprobs_of(r, o, "logprobs", n);
    if (r->rc == TJ_OK) {
        r->rc = tj_tree_add_node(tree, &id, parent, text, ids, logprobs, n, r->err);
    }
    if (r->rc == TJ_OK) {
        tj_node *node = &tree->nodes[id];
        short_text_of(r, o, "key", node->key, sizeof node->key);
        node->order = size_of(r, o, "order");
        node->draw = word_of(r, o, "draw");
        node->n_duplicates = size_of(r, o, "n_duplicates");
        node->valid = label_of(r, o, "valid");
        node->solvable = label_of(r, o, "solvable");
        node->terminal = flag_of(r, o, "terminal");
        node->correct = flag_of(r, o, "correct");
        node->pruned = pruned_of(r, o);
        state_of(r, o, "state", &node->state);
    }
    tj_free(ids);
    tj_free(logprobs);
}

static void read_reward(reader *r, tj_tree *tree, const json_t *o)
{
    tj_reward reward = {.node = size_of(r, o, "node")};
    const char *rewarder = text_of(r, o, "rewarder");
    const char *meaning = text_of(r, o, "meaning");
    const json_t *value = json_object_get(o, "value");
    int known = -1;
    for (int k = 0; k <= TJ_PROGRESS; k++) {
        known = strcmp(meaning, tj_meaning_name((tj_meaning)k)) == 0 ? k : known;
    }
    if (known < 0) {
        bad(r, "meaning", "valid, solvable or progress");
    }
    if (!json_is_number(value)) {
        bad(r, "value", "a number");
    }
    if (reward.node >= tree->n_nodes) {
        bad(r, "node", "a node of the tree");
    }
    short_text_of(r, o, "reason", reward.reason, sizeof reward.reason);
    if (r->rc == TJ_OK) {
        reward.meaning = (tj_meaning)known;
        reward.value = json_number_value(value);
        reward.rewarder = tj_tree_keep_name(tree, rewarder);
        if (reward.rewarder == NULL) {
            no_memory(r);
            return;
        }
        r->rc = tj_tree_add_reward(tree, &reward, r->err);
    }
}

/* A problem in words has its question here; the reference answer may be missing or null. */
static void read_words(reader *r, tj_tree *tree, const json_t *json)
{
    const char *task = json_string_value(json_object_get(json, "task"));
    const json_t *question = json_object_get(json, "question");
    const json_t *answer = json_object_get(json, "answer");
    bool words = task != NULL && strcmp(task, TJ_WORDS_TASK) == 0;
    if (words != (question != NULL)) {
        bad(r, "question", "a string where the task is " TJ_WORDS_TASK ", and nothing elsewhere");
    }
    if (r->rc != TJ_OK || !words) {
        return;
    }
    const char *text = text_of(r, json, "question");
    bool known = answer != NULL && !json_is_null(answer);
    const char *reference = known ? text_of(r, json, "answer") : NULL;
    if (r->rc == TJ_OK) {
        r->rc = tj_tree_set_question(tree, text, strlen(text), reference,
                                     known ? strlen(reference) : 0, r->err);
    }
}

tj_code tj_tree_from_json(tj_tree *out, const json_t *json, const char *where, tj_err *err)
{
    reader r = {.where = where, .err = err};
    const json_t *nodes = json_object_get(json, "nodes");
    const json_t *rewards = json_object_get(json, "rewards");
    const json_t *problem = json_object_get(json, "problem");
    memset(out, 0, sizeof *out);
    if (!json_is_object(json) || json_integer_value(json_object_get(json, "tree_version")) != 1) {
        return tj_fail(err, TJ_E_PARSE, "%s: tree_version: expected 1", where);
    }
    if (!json_is_array(nodes) || json_array_size(nodes) == 0 ||
        json_array_size(nodes) > TJ_MAX_TREE_NODES || !json_is_array(rewards)) {
        return tj_fail(err, TJ_E_PARSE, "%s: nodes, rewards: expected lists, with 1 to %d nodes",
                       where, TJ_MAX_TREE_NODES);
    }
    if (!json_is_integer(problem)) {
        bad(&r, "problem", "an integer");
    }
    out->problem = (int64_t)json_integer_value(problem);
    out->seed = word_of(&r, json, "seed");
    out->run = word_of(&r, json, "stream");
    state_of(&r, json, "first", &out->first);
    read_words(&r, out, json);
    out->prompt_ids = ids_of(&r, json, "prompt_ids", &out->n_prompt);
    r.what = "node";
    for (r.index = 0; r.index < json_array_size(nodes) && r.rc == TJ_OK; r.index++) {
        read_node(&r, out, json_array_get(nodes, r.index));
    }
    r.what = "reward";
    for (r.index = 0; r.index < json_array_size(rewards) && r.rc == TJ_OK; r.index++) {
        read_reward(&r, out, json_array_get(rewards, r.index));
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
        const char *color = n->correct                   ? "#1b7837"
                            : n->valid == TJ_LABEL_NO    ? "#b2182b"
                            : n->solvable == TJ_LABEL_NO ? "#888888"
                                                         : "#2166ac";
        const char *line = n->text + strspn(n->text, "\r\n");
        tj_buf_printf(out, "  n%zu [color=\"%s\"%s, label=", i, color,
                      n->pruned != TJ_KEPT ? ", style=dashed" : "");
        if (i == 0) {
            tj_buf_str(out, "\"(problem)\"");
        } else {
            tj_buf_json(out, line, strcspn(line, "\n")); /* a quoted string in both languages */
        }
        tj_buf_str(out, "];\n");
        if (i > 0) {
            tj_buf_printf(out, "  n%zu -> n%zu;\n", n->parent, i);
        }
    }
    tj_buf_str(out, "}\n");
}
