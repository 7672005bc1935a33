/* Asks put together to trees. Asks of one problem mostly stand together, so its latest one is
 * looked at first. */
#include "tree/ask_trie.h"

#include <string.h>

#include "base/alloc.h"

static tj_code add_node(tj_ask_trie *t, size_t *out, size_t parent, const char *text, tj_err *err)
{
    if (!tj_grow(&t->nodes, &t->cap_nodes, t->n_nodes + 1, sizeof *t->nodes)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu steps", t->n_nodes + 1);
    }
    size_t at = t->n_nodes++;
    size_t *first = parent == TJ_NO_NODE ? &t->first_root : &t->nodes[parent].first_child;
    size_t *last = parent == TJ_NO_NODE ? &t->last_root : &t->nodes[parent].last_child;
    t->nodes[at] = (tj_ask_node){.parent = parent,
                                 .depth = parent == TJ_NO_NODE ? 0 : t->nodes[parent].depth + 1,
                                 .first_child = TJ_NO_NODE,
                                 .last_child = TJ_NO_NODE,
                                 .next = TJ_NO_NODE,
                                 .ask = TJ_NO_NODE,
                                 .text = text};
    if (*first == TJ_NO_NODE) {
        *first = at;
    } else {
        t->nodes[*last].next = at;
    }
    *last = at;
    *out = at;
    return TJ_OK;
}

/* The child of a node, or the problem, of that text; it is added if there is none. */
static tj_code go_down(tj_ask_trie *t, size_t *out, size_t parent, const char *text, tj_err *err)
{
    size_t last = parent == TJ_NO_NODE ? t->last_root : t->nodes[parent].last_child;
    size_t at = parent == TJ_NO_NODE ? t->first_root : t->nodes[parent].first_child;
    if (last != TJ_NO_NODE && strcmp(t->nodes[last].text, text) == 0) {
        *out = last;
        return TJ_OK;
    }
    while (at != TJ_NO_NODE && strcmp(t->nodes[at].text, text) != 0) {
        at = t->nodes[at].next;
    }
    *out = at;
    return at != TJ_NO_NODE ? TJ_OK : add_node(t, out, parent, text, err);
}

static tj_code add_ask(tj_ask_trie *t, const tj_score_ask *asks, size_t i, tj_err *err)
{
    size_t at = TJ_NO_NODE;
    if (asks[i].n_steps == 0) {
        return tj_fail(err, TJ_E_INVAL, "ask %zu has no step", i);
    }
    tj_code rc = go_down(t, &at, TJ_NO_NODE, asks[i].problem, err);
    for (size_t s = 0; s < asks[i].n_steps && rc == TJ_OK; s++) {
        rc = go_down(t, &at, at, asks[i].steps[s], err);
    }
    if (rc == TJ_OK) {
        t->node_of[i] = at;
        t->nodes[at].ask = t->nodes[at].ask == TJ_NO_NODE ? i : t->nodes[at].ask;
    }
    return rc;
}

tj_code tj_ask_trie_init(tj_ask_trie *t, const tj_score_ask *asks, size_t n, tj_err *err)
{
    *t = (tj_ask_trie){.first_root = TJ_NO_NODE, .last_root = TJ_NO_NODE, .n_asks = n};
    t->node_of = tj_calloc(n, sizeof *t->node_of);
    tj_code rc =
        t->node_of == NULL && n > 0 ? tj_fail(err, TJ_E_NOMEM, "cannot hold %zu asks", n) : TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = add_ask(t, asks, i, err);
    }
    if (rc != TJ_OK) {
        tj_ask_trie_deinit(t);
    }
    return rc;
}

void tj_ask_trie_deinit(tj_ask_trie *t)
{
    tj_free(t->nodes);
    tj_free(t->node_of);
    *t = (tj_ask_trie){.first_root = TJ_NO_NODE, .last_root = TJ_NO_NODE};
}

void tj_ask_trie_path(const tj_ask_trie *t, size_t node, const char **steps)
{
    for (size_t at = node; t->nodes[at].parent != TJ_NO_NODE; at = t->nodes[at].parent) {
        steps[t->nodes[at].depth - 1] = t->nodes[at].text;
    }
}

size_t tj_ask_trie_root(const tj_ask_trie *t, size_t node)
{
    while (t->nodes[node].parent != TJ_NO_NODE) {
        node = t->nodes[node].parent;
    }
    return node;
}

/* The text's copy, or NULL where there is none; *failed without memory. */
static char *copy(const char *text, bool *failed)
{
    char *out = text == NULL ? NULL : tj_strdup(text);
    *failed = *failed || (text != NULL && out == NULL);
    return out;
}

tj_code tj_ask_trie_give(const tj_ask_trie *t, tj_score *out, tj_score *scores, tj_err *err)
{
    bool failed = false;
    for (size_t i = 0; i < t->n_asks; i++) {
        const tj_ask_node *node = &t->nodes[t->node_of[i]];
        if (node->ask == i) {
            out[i] = scores[t->node_of[i]];
            scores[t->node_of[i]] = (tj_score){.value = 0.0};
            continue;
        }
        const tj_score *from = &out[node->ask]; /* an earlier ask */
        out[i] = (tj_score){.failed = from->failed,
                            .value = from->value,
                            .reason = copy(from->reason, &failed),
                            .raw = copy(from->raw, &failed),
                            .error = copy(from->error, &failed),
                            .path_tokens = from->path_tokens};
    }
    for (size_t i = 0; i < t->n_asks && failed; i++) {
        tj_score_deinit(&out[i]);
    }
    return failed ? tj_fail(err, TJ_E_NOMEM, "cannot hold %zu scores", t->n_asks) : TJ_OK;
}
