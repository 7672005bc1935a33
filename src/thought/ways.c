/* See ways.h. A step is told again when the same node (or, where there are none, the same words)
 * stands after the same step: a walk that goes back to the beginning comes down the same way. */
#include "thought/ways.h"

#include <string.h>

#include "base/alloc.h"

static bool same_step(const tj_thought *t, const tj_span *a, const tj_span *b)
{
    if (a->node != TJ_SPAN_NO_NODE || b->node != TJ_SPAN_NO_NODE) {
        return a->node == b->node;
    }
    return a->end - a->begin == b->end - b->begin &&
           memcmp(t->text + a->begin, t->text + b->begin, a->end - a->begin) == 0;
}

/* The step that this one tells again; TJ_NO_STEP if it is new. */
static size_t told_before(const tj_ways *w, const tj_thought *t, size_t span, size_t parent)
{
    for (size_t i = w->n_steps; i-- > 0;) {
        const tj_way_step *s = &w->steps[i];
        if (!s->again && s->parent == parent && same_step(t, &t->spans[s->span], &t->spans[span])) {
            return i;
        }
    }
    return TJ_NO_STEP;
}

/* Where a way back leads: the step of that node or annotation, the last one told of. */
static size_t back_from(const tj_ways *w, const tj_thought *t, const tj_span *back)
{
    for (size_t i = w->n_steps; i-- > 0;) {
        const tj_span *s = &t->spans[w->steps[i].span];
        bool there = back->node != TJ_SPAN_NO_NODE
                         ? s->node == back->node
                         : back->back_to > 0 && s->annotation > 0 && s->annotation <= back->back_to;
        if (there && !w->steps[i].again) {
            return i;
        }
    }
    return TJ_NO_STEP;
}

static void find_path(tj_ways *w, size_t at)
{
    size_t n = 0;
    for (size_t i = at; i != TJ_NO_STEP; i = w->steps[i].parent) {
        n++;
    }
    w->n_path = n;
    for (size_t i = at; i != TJ_NO_STEP; i = w->steps[i].parent) {
        w->path[--n] = i;
    }
}

tj_code tj_ways_of(tj_ways *out, const tj_thought *t, tj_err *err)
{
    size_t at = TJ_NO_STEP; /* where the thought stands */
    memset(out, 0, sizeof *out);
    out->conclusion = TJ_NO_STEP;
    out->steps = tj_calloc(t->n_spans, sizeof *out->steps);
    out->path = tj_calloc(t->n_spans, sizeof *out->path);
    if (out->steps == NULL || out->path == NULL) {
        tj_ways_deinit(out);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold the steps of %zu spans", t->n_spans);
    }
    for (size_t i = 0; i < t->n_spans; i++) {
        const tj_span *s = &t->spans[i];
        if (tj_is_step(s)) {
            size_t before = told_before(out, t, i, at);
            bool again = before != TJ_NO_STEP;
            size_t first = again ? before : out->n_steps;
            out->steps[out->n_steps] = (tj_way_step){i, at, again, first, false};
            at = first;
            out->n_steps++;
        } else if (s->action == TJ_BACKTRACK &&
                   (i + 1 == t->n_spans || t->spans[i + 1].action != TJ_BACKTRACK)) {
            if (at != TJ_NO_STEP) {
                out->steps[at].is_last = true;
            }
            at = back_from(out, t, s);
        } else if (s->action == TJ_CONCLUDE) {
            out->conclusion = i;
        }
    }
    if (at != TJ_NO_STEP) {
        out->steps[at].is_last = true;
    }
    find_path(out, at);
    return TJ_OK;
}

void tj_ways_deinit(tj_ways *ways)
{
    tj_free(ways->steps);
    tj_free(ways->path);
    memset(ways, 0, sizeof *ways);
}

size_t tj_ways_to(const tj_ways *ways, size_t step, size_t *out)
{
    size_t n = 0;
    for (size_t i = step; i != TJ_NO_STEP; i = ways->steps[i].parent) {
        n++;
    }
    size_t k = n;
    for (size_t i = step; i != TJ_NO_STEP; i = ways->steps[i].parent) {
        out[--k] = i;
    }
    return n;
}
