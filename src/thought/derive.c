/* The depth-first walk of sec. 3.4 of the O1 Replication Journey (arXiv:2410.18982): a node on the
 * correct path may first explore wrong children, each down to a leaf; a node off the path follows
 * one random child; at most K trials on each correct node. Departures: children are visited in the
 * order the policy sampled them (order: sampled), since a text that always errs first teaches to
 * err first; and going back restates the state and the goal. */
#include <string.h>

#include "base/alloc.h"
#include "thought/connectives.h"
#include "thought/thought.h"

void tj_derive_config_default(tj_derive_config *cfg)
{
    *cfg = (tj_derive_config){.order = TJ_ORDER_SAMPLED,
                              .max_trials = 2,
                              .max_backtracks = 4,
                              .restate = true,
                              .p_connective = 0.5,
                              .language = "en"};
}

const char *tj_action_name(tj_action action)
{
    static const char *const names[] = {"propose",   "continue", "reflect",
                                        "backtrack", "verify",   "conclude"};
    return names[action];
}

void tj_thought_deinit(tj_thought *t)
{
    tj_free(t->text);
    tj_free(t->ids);
    tj_free(t->spans);
    memset(t, 0, sizeof *t);
}

/* ------------------------------------------------------------------ writing */

typedef struct writer {
    const tj_tree *tree;
    const tj_task *task;
    const tj_tokenizer *tok;
    const tj_derive_config *cfg;
    tj_rng *rng;
    tj_buf text;
    tj_ids ids;
    tj_span *spans;
    size_t n_spans, cap_spans;
    size_t n_backtracks;
    bool fresh;       /* the next step begins an attempt */
    const char *last; /* the connective said last */
    size_t *path;     /* [n_path] nodes of the correct path, root first */
    size_t n_path;
    size_t *children; /* [n_nodes] scratch */
} writer;

static tj_code add_span(writer *w, tj_span span, tj_err *err)
{
    if (!tj_grow(&w->spans, &w->cap_spans, w->n_spans + 1, sizeof *w->spans)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu spans", w->n_spans + 1);
    }
    span.end = w->text.len;
    span.ids_end = w->ids.n;
    w->spans[w->n_spans++] = span;
    return tj_buf_check(&w->text, err);
}

static tj_span begin_span(const writer *w, tj_action action, size_t node, bool on_path)
{
    return (tj_span){.begin = w->text.len,
                     .ids_begin = w->ids.n,
                     .action = action,
                     .node = node,
                     .on_path = on_path};
}

/* A step in the node's own text and ids. */
static tj_code add_step(writer *w, size_t node, bool on_path, tj_err *err)
{
    const tj_node *n = &w->tree->nodes[node];
    tj_span span = begin_span(w, w->fresh ? TJ_PROPOSE : TJ_CONTINUE, node, on_path);
    w->fresh = false;
    tj_buf_str(&w->text, n->text);
    tj_code rc = tj_ids_add(&w->ids, n->ids, n->n_ids, err);
    return rc == TJ_OK ? add_span(w, span, err) : rc;
}

/* Text of no node, encoded by itself. */
static tj_code add_text(writer *w, const char *text, size_t len, tj_action action, size_t node,
                        bool on_path, tj_err *err)
{
    tj_span span = begin_span(w, action, node, on_path);
    tj_buf_add(&w->text, text, len);
    tj_code rc = tj_tokenizer_encode(w->tok, &w->ids, text, len, false, err);
    return rc == TJ_OK ? add_span(w, span, err) : rc;
}

typedef void (*write_fn)(const void *ctx, const tj_task_state *state, tj_buf *out);

static tj_code add_line(writer *w, write_fn write, const tj_task_state *state, tj_action action,
                        size_t node, bool on_path, tj_err *err)
{
    tj_buf line;
    tj_buf_init(&line);
    write(w->task->ctx, state, &line);
    tj_code rc = tj_buf_check(&line, err);
    if (rc == TJ_OK) {
        rc = add_text(w, tj_buf_text(&line), line.len, action, node, on_path, err);
    }
    tj_buf_deinit(&line);
    return rc;
}

static tj_code say(writer *w, tj_purpose purpose, bool must, tj_action action, size_t node,
                   tj_err *err)
{
    if (!must && tj_rng_double(w->rng) >= w->cfg->p_connective) {
        return TJ_OK;
    }
    const char *text = tj_connective(w->cfg->language, purpose, w->last, w->rng);
    if (text == NULL) {
        return TJ_OK;
    }
    w->last = text;
    return add_text(w, text, strlen(text), action, node, false, err);
}

/* ------------------------------------------------------------------ the walk */

/* The correct leaf that a depth-first walk in sampled order meets first, and the way to it. */
static bool find_path(writer *w)
{
    size_t at = 0;
    w->n_path = 0;
    if (!tj_tree_leads_to_correct(w->tree, 0)) {
        return false;
    }
    w->path[w->n_path++] = at;
    while (!w->tree->nodes[at].correct) {
        size_t n = tj_tree_children(w->tree, at, w->children, w->tree->n_nodes);
        size_t next = TJ_NO_NODE;
        for (size_t i = 0; i < n && next == TJ_NO_NODE; i++) {
            next = tj_tree_leads_to_correct(w->tree, w->children[i]) ? w->children[i] : TJ_NO_NODE;
        }
        at = next;
        w->path[w->n_path++] = at;
    }
    return true;
}

static bool can_be_told(const writer *w, size_t node)
{
    const char *text = w->tree->nodes[node].text;
    size_t n = strlen(text);
    bool whole = n > 0 && text[n - 1] == '\n';
    return whole && (w->tree->nodes[node].valid || w->cfg->tell_invalid);
}

/* A wrong child down to a leaf, then what is wrong and the way back to `from`. */
static tj_code explore(writer *w, size_t child, size_t from, tj_err *err)
{
    size_t at = child;
    tj_code rc = add_step(w, at, false, err);
    while (rc == TJ_OK && w->tree->nodes[at].valid) {
        size_t all = tj_tree_children(w->tree, at, w->children, w->tree->n_nodes);
        size_t n = 0;
        for (size_t i = 0; i < all; i++) {
            if (can_be_told(w, w->children[i])) {
                w->children[n++] = w->children[i];
            }
        }
        if (n == 0) {
            break;
        }
        at = w->children[tj_rng_below(w->rng, n)];
        rc = add_step(w, at, false, err);
    }
    const tj_node *leaf = &w->tree->nodes[at];
    if (rc == TJ_OK && leaf->terminal) {
        rc = add_line(w, w->task->write_failed, &leaf->state, TJ_REFLECT, at, false, err);
    }
    if (rc == TJ_OK && !leaf->valid) {
        rc = say(w, TJ_SAY_INVALID, true, TJ_REFLECT, at, err);
    } else if (rc == TJ_OK) {
        rc = say(w, TJ_SAY_NOTICE, !leaf->terminal, TJ_REFLECT, at, err);
    }
    if (rc == TJ_OK) {
        rc = say(w, TJ_SAY_RETURN, !w->cfg->restate, TJ_BACKTRACK, from, err);
    }
    size_t to = w->cfg->back_to_root ? 0 : from;
    if (rc == TJ_OK && w->cfg->restate) {
        rc = add_line(w, w->task->write_back, &w->tree->nodes[to].state, TJ_BACKTRACK, to, false,
                      err);
    }
    w->fresh = true;
    w->n_backtracks++;
    for (size_t i = 1; w->cfg->back_to_root && rc == TJ_OK && w->path[i - 1] != from; i++) {
        rc = add_step(w, w->path[i], true, err); /* down again to where it went wrong */
    }
    return rc;
}

/* Wrong children of a node of the path that the walk tries before `good`. */
static size_t choose_wrong(writer *w, size_t node, size_t good, size_t *wrong)
{
    size_t n = tj_tree_children(w->tree, node, w->children, w->tree->n_nodes);
    size_t n_wrong = 0;
    for (size_t i = 0; i < n && n_wrong < w->cfg->max_trials; i++) {
        size_t c = w->children[i];
        bool before = w->tree->nodes[c].order < w->tree->nodes[good].order;
        bool forced = w->cfg->order == TJ_ORDER_PAPER && n_wrong == 0;
        if (c != good && (before || forced) && can_be_told(w, c) &&
            !tj_tree_leads_to_correct(w->tree, c)) {
            wrong[n_wrong++] = c;
        }
    }
    return n_wrong;
}

static tj_code walk_path(writer *w, bool journey, tj_err *err)
{
    tj_code rc = TJ_OK;
    size_t *wrong = tj_calloc(w->tree->n_nodes, sizeof *wrong);
    if (wrong == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot walk the tree");
    }
    w->fresh = true;
    for (size_t i = 0; i + 1 < w->n_path && rc == TJ_OK; i++) {
        size_t n = journey ? choose_wrong(w, w->path[i], w->path[i + 1], wrong) : 0;
        for (size_t k = 0; k < n && rc == TJ_OK; k++) {
            if (w->cfg->max_backtracks == 0 || w->n_backtracks < w->cfg->max_backtracks) {
                rc = explore(w, wrong[k], w->path[i], err);
            }
        }
        if (rc == TJ_OK) {
            rc = add_step(w, w->path[i + 1], true, err);
        }
    }
    tj_free(wrong);
    if (rc == TJ_OK) {
        size_t leaf = w->path[w->n_path - 1];
        rc = add_line(w, w->task->write_reached, &w->tree->nodes[leaf].state, TJ_CONCLUDE, leaf,
                      true, err);
    }
    return rc;
}

static tj_code derive(tj_thought *out, tj_thought_kind kind, writer *w, int32_t eos, tj_err *err)
{
    memset(out, 0, sizeof *out);
    tj_buf_init(&w->text);
    w->path = tj_calloc(w->tree->n_nodes + 1, sizeof *w->path);
    w->children = tj_calloc(w->tree->n_nodes + 1, sizeof *w->children);
    tj_code rc = w->path == NULL || w->children == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot walk the tree")
                 : !find_path(w) ? tj_fail(err, TJ_E_NOTFOUND, "the tree has no correct path")
                                 : walk_path(w, kind == TJ_JOURNEY, err);
    if (rc == TJ_OK && eos >= 0) {
        rc = tj_ids_add(&w->ids, &eos, 1, err);
    }
    tj_free(w->path);
    tj_free(w->children);
    if (rc != TJ_OK) {
        tj_buf_deinit(&w->text);
        tj_ids_deinit(&w->ids);
        tj_free(w->spans);
        return rc;
    }
    out->problem = w->tree->problem;
    out->kind = kind;
    out->n_text = w->text.len;
    out->text = tj_buf_take(&w->text);
    out->ids = w->ids.ids;
    out->n_ids = w->ids.n;
    out->spans = w->spans;
    out->n_spans = w->n_spans;
    out->n_backtracks = w->n_backtracks;
    return TJ_OK;
}

tj_code tj_derive_shortcut(tj_thought *out, const tj_tree *tree, const tj_task *task,
                           const tj_tokenizer *tok, int32_t eos, tj_err *err)
{
    tj_derive_config cfg;
    tj_derive_config_default(&cfg);
    writer w = {.tree = tree, .task = task, .tok = tok, .cfg = &cfg};
    return derive(out, TJ_SHORTCUT, &w, eos, err);
}

tj_code tj_derive_journey(tj_thought *out, const tj_tree *tree, const tj_task *task,
                          const tj_tokenizer *tok, int32_t eos, const tj_derive_config *cfg,
                          tj_rng *rng, tj_err *err)
{
    writer w = {.tree = tree, .task = task, .tok = tok, .cfg = cfg, .rng = rng};
    return derive(out, TJ_JOURNEY, &w, eos, err);
}
