/* The tree that a thought tells of, as a value. Steps that are told again (thought/ways.h) are the
 * node that they were. */
#include <string.h>

#include "base/alloc.h"
#include "thought/thought.h"
#include "thought/ways.h"

typedef struct planter {
    tj_tree *tree;
    tj_thought *t;
    const tj_ways *ways;
    size_t *nodes; /* [n_steps]: the node of each step of the ways */
    tj_buf text;
} planter;

/* What a mark says of a step. */
static const struct {
    tj_label valid, solvable;
} labels[TJ_N_MARKS] = {{TJ_LABEL_UNKNOWN, TJ_LABEL_UNKNOWN},
                        {TJ_LABEL_YES, TJ_LABEL_YES},
                        {TJ_LABEL_YES, TJ_LABEL_NO},
                        {TJ_LABEL_NO, TJ_LABEL_NO}};

static tj_code add_step(planter *p, size_t step, tj_err *err)
{
    const tj_way_step *s = &p->ways->steps[step];
    const tj_span *span = &p->t->spans[s->span];
    size_t parent = s->parent == TJ_NO_STEP ? 0 : p->nodes[s->parent];
    if (s->again) {
        p->nodes[step] = p->nodes[s->first];
        return TJ_OK;
    }
    tj_buf_clear(&p->text);
    tj_buf_add(&p->text, p->t->text + span->begin, span->end - span->begin);
    tj_code rc = tj_buf_check(&p->text, err);
    if (rc == TJ_OK) {
        rc = tj_tree_add_node(p->tree, &p->nodes[step], parent, tj_buf_text(&p->text), NULL, NULL,
                              0, err);
    }
    if (rc == TJ_OK) {
        tj_node *n = &p->tree->nodes[p->nodes[step]];
        n->valid = labels[span->mark].valid;
        n->solvable = labels[span->mark].solvable;
        n->terminal = s->is_last;
    }
    return rc;
}

/* Where the thought stands before its step `step`, or, behind the last one, at its end. */
static size_t place_after(const tj_ways *w, size_t step)
{
    if (step < w->n_steps) {
        return w->steps[step].parent;
    }
    return w->n_path > 0 ? w->path[w->n_path - 1] : TJ_NO_STEP;
}

/* Each span gets the node that it tells of: a step its own, a way back where it leads, what is said
 * in between the step before it. */
static void name_nodes(planter *p)
{
    size_t step = 0;
    size_t at = 0; /* the node where the thought stands */
    for (size_t i = 0; i < p->t->n_spans; i++) {
        tj_span *s = &p->t->spans[i];
        if (tj_is_step(s)) {
            at = p->nodes[step++];
        } else if (s->action == TJ_BACKTRACK) {
            size_t to = place_after(p->ways, step);
            at = to == TJ_NO_STEP ? 0 : p->nodes[to];
        }
        s->node = at;
    }
}

tj_code tj_thought_to_tree(tj_tree *out, tj_thought *thought, tj_known correct, tj_err *err)
{
    tj_ways ways = {.n_steps = 0};
    planter p = {.tree = out, .t = thought, .ways = &ways};
    size_t root;
    memset(out, 0, sizeof *out);
    out->problem = thought->problem;
    tj_buf_init(&p.text);
    tj_code rc = tj_ways_of(&ways, thought, err);
    if (rc == TJ_OK) {
        p.nodes = tj_calloc(ways.n_steps + 1, sizeof *p.nodes);
        rc = p.nodes == NULL
                 ? tj_fail(err, TJ_E_NOMEM, "cannot hold a tree of %zu steps", ways.n_steps)
                 : tj_tree_add_node(out, &root, TJ_NO_NODE, "", NULL, NULL, 0, err);
    }
    for (size_t i = 0; i < ways.n_steps && rc == TJ_OK; i++) {
        rc = add_step(&p, i, err);
    }
    if (rc == TJ_OK && ways.n_path > 0) {
        tj_node *end = &out->nodes[p.nodes[ways.path[ways.n_path - 1]]];
        end->terminal = true;
        end->correct = correct == TJ_YES && end->valid != TJ_LABEL_NO;
    }
    if (rc == TJ_OK) {
        name_nodes(&p);
    } else {
        tj_tree_deinit(out);
    }
    tj_free(p.nodes);
    tj_buf_deinit(&p.text);
    tj_ways_deinit(&ways);
    return rc;
}
