/* Matching elements in any order. Elements that are equal as they come are paired first, which
 * settles most; what is left is a bipartite graph of verdicts. A perfect matching of equal pairs
 * proves equality; that none exists even if every undecided pair were equal proves difference. */
#include "grade/decide_structure.h"

/* What is left after the first pairing: each pair of it costs a decision. */
#define MAX_LEFT 48

typedef struct graph {
    size_t n;
    const tj_ex *a[MAX_LEFT], *b[MAX_LEFT];
    tj_decision verdicts[MAX_LEFT][MAX_LEFT];
    size_t partner[MAX_LEFT]; /* of b: index of a, or MAX_LEFT */
    bool seen[MAX_LEFT];
} graph;

/* An augmenting path from a[i] (Kuhn's algorithm); undecided edges count if `lenient`. */
static bool augment(graph *g, size_t i, bool lenient)
{
    for (size_t j = 0; j < g->n; j++) {
        tj_verdict verdict = g->verdicts[i][j].verdict;
        if (g->seen[j] || verdict == TJ_VERDICT_DIFFERENT ||
            (verdict == TJ_VERDICT_UNDECIDED && !lenient)) {
            continue;
        }
        g->seen[j] = true;
        if (g->partner[j] == MAX_LEFT || augment(g, g->partner[j], lenient)) {
            g->partner[j] = i;
            return true;
        }
    }
    return false;
}

/* The first element of a that no perfect matching reaches; n if all are matched. */
static size_t match(graph *g, bool lenient)
{
    for (size_t j = 0; j < g->n; j++) {
        g->partner[j] = MAX_LEFT;
    }
    for (size_t i = 0; i < g->n; i++) {
        for (size_t j = 0; j < g->n; j++) {
            g->seen[j] = false;
        }
        if (!augment(g, i, lenient)) {
            return i;
        }
    }
    return g->n;
}

static tj_decision decide_graph(tj_deciding *d, graph *g, tj_decision so_far)
{
    for (size_t i = 0; i < g->n; i++) {
        for (size_t j = 0; j < g->n; j++) {
            g->verdicts[i][j] = tj_decide_pair(d, g->a[i], g->b[j]);
        }
    }
    if (match(g, false) == g->n) {
        for (size_t j = 0; j < g->n; j++) {
            so_far = tj_decide_weaker(so_far, g->verdicts[g->partner[j]][j]);
        }
        return so_far;
    }
    size_t alone = match(g, true);
    if (alone < g->n) {
        tj_decision out = tj_decided(TJ_VERDICT_DIFFERENT, "sets", "an element has no partner");
        out.witness = g->n == 1 ? g->verdicts[0][0].witness : tj_decide_text(d, g->a[alone]);
        return out;
    }
    return tj_undecided("whether some elements are equal is not decided");
}

tj_decision tj_decide_match(tj_deciding *d, const tj_ex *const *a, const tj_ex *const *b, size_t n)
{
    graph *g = tj_arena_calloc(d->arena, 1, sizeof *g);
    bool *used = tj_arena_calloc(d->arena, n, sizeof *used);
    if (g == NULL || used == NULL) {
        d->no_memory = true;
        return tj_undecided("");
    }
    if (n > TJ_DECIDE_MAX_ELEMENTS) {
        return tj_undecided("there are too many elements");
    }
    tj_decision all = tj_decided(TJ_VERDICT_EQUAL, "same form", "the elements are equal");
    size_t n_left = 0;
    for (size_t i = 0; i < n; i++) {
        bool found = false;
        for (size_t k = 0; k < n && !found; k++) { /* from its own place on */
            size_t j = (i + k) % n;
            found = !used[j] && tj_ex_compare(a[i], b[j]) == 0 && tj_is_total(a[i]);
            used[j] = used[j] || found;
        }
        if (!found && n_left < MAX_LEFT) {
            g->a[n_left] = a[i];
        }
        n_left += !found;
    }
    if (n_left > MAX_LEFT) {
        return tj_undecided("there are too many elements");
    }
    for (size_t j = 0; j < n; j++) {
        if (!used[j]) {
            g->b[g->n++] = b[j];
        }
    }
    return g->n == 0 ? all : decide_graph(d, g, all);
}
