/* The KV forest is itself a tree of token ids, so it serves as the index: a look-up walks the paths
 * of all branches, kept and lent, and compares their segments with the wanted ids. Nothing is
 * copied that a split, an append or an eviction could make wrong. A segment is compared once a
 * look-up, however many branches go through it: a mark holds the result. So a look-up costs as much
 * as there are segments, plus the tokens that match; for thousands of branches that is less than
 * computing one token. */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "infer/engine.h"

struct tj_prefixes {
    tj_engine *engine;
    size_t max_tokens;
    tj_branch *kept; /* [n_kept], the longest unused first; room for the lent ones too */
    size_t n_kept, cap_kept;
    size_t n_kept_tokens; /* of their paths; what two share counts twice */
    tj_branch *lent;      /* [n_lent] in no order */
    size_t n_lent, cap_lent;
    int32_t *ids; /* [cap_ids]; the path of the branch that is being kept */
    size_t cap_ids;
};

tj_code tj_prefixes_create(tj_prefixes **out, tj_engine *engine, size_t max_tokens, tj_err *err)
{
    *out = tj_calloc(1, sizeof **out);
    if (*out == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate shared prefixes");
    }
    (*out)->engine = engine;
    (*out)->max_tokens = max_tokens;
    return TJ_OK;
}

void tj_prefixes_destroy(tj_prefixes *prefixes)
{
    if (prefixes == NULL) {
        return;
    }
    for (size_t i = 0; i < prefixes->n_kept; i++) {
        tj_engine_drop(prefixes->engine, prefixes->kept[i]);
    }
    tj_free(prefixes->kept);
    tj_free(prefixes->lent);
    tj_free(prefixes->ids);
    tj_free(prefixes);
}

/* ------------------------------------------------------------ looking up */

typedef struct wanted {
    const int32_t *ids; /* [n] */
    size_t n;
    uint64_t mark; /* segments that have it are compared already */
} wanted;

/* What a branch has in common with the wanted ids. */
typedef struct shared {
    size_t n;        /* tokens of the common beginning */
    size_t n_stored; /* of them with keys and values */
} shared;

/* Tokens of a segment that are those wanted at its positions, up to the first that is not. */
static size_t compare_segment(tj_kvforest *forest, size_t id, const wanted *w)
{
    const tj_kvseg *seg = tj_kvforest_seg(forest, id);
    if (seg->mark == w->mark) {
        return seg->mark_value;
    }
    size_t n = 0;
    size_t max = seg->pos < w->n ? w->n - seg->pos : 0;
    max = seg->len < max ? seg->len : max;
    while (n < max && seg->ids[n] == w->ids[seg->pos + n]) {
        n++;
    }
    tj_kvforest_mark(forest, id, w->mark, n);
    return n;
}

/* From the tip up: the last segment met that differs is the first of the path. */
static shared compare_branch(const tj_prefixes *prefixes, tj_branch branch, const wanted *w)
{
    tj_kvforest *forest = prefixes->engine->forest;
    shared s = {.n = tj_engine_length(prefixes->engine, branch)};
    for (size_t id = tj_engine_tip(prefixes->engine, branch); id != TJ_NO_KVSEG;) {
        const tj_kvseg *seg = tj_kvforest_seg(forest, id);
        size_t n = compare_segment(forest, id, w);
        s.n = n < seg->len ? seg->pos + n : s.n;
        s.n_stored += seg->n_stored; /* none below a segment that is not stored to its end */
        id = seg->parent;
    }
    s.n_stored = s.n_stored < s.n ? s.n_stored : s.n;
    return s;
}

/* The index of the branch that has most in common, of equal ones the most that is stored; n if none
 * has more than *best. */
static size_t find(const tj_prefixes *prefixes, const tj_branch *branches, size_t n,
                   const wanted *w, shared *best)
{
    size_t found = n;
    for (size_t i = 0; i < n; i++) {
        shared s = compare_branch(prefixes, branches[i], w);
        if (s.n > best->n || (s.n == best->n && s.n_stored > best->n_stored)) {
            *best = s;
            found = i;
        }
    }
    return found;
}

/* ------------------------------------------------------------ lending */

/* The branch that has most in common with the wanted ids, one that is kept being used anew by it;
 * TJ_NO_BRANCH: none has anything. */
static tj_branch donor(tj_prefixes *prefixes, const wanted *w, shared *best)
{
    *best = (shared){0};
    size_t k = find(prefixes, prefixes->kept, prefixes->n_kept, w, best);
    size_t l = find(prefixes, prefixes->lent, prefixes->n_lent, w, best);
    if (l < prefixes->n_lent) {
        return prefixes->lent[l];
    }
    if (k == prefixes->n_kept) {
        return TJ_NO_BRANCH;
    }
    tj_branch branch = prefixes->kept[k];
    memmove(prefixes->kept + k, prefixes->kept + k + 1,
            (prefixes->n_kept - k - 1) * sizeof *prefixes->kept);
    prefixes->kept[prefixes->n_kept - 1] = branch;
    return branch;
}

static tj_code fork_and_append(tj_engine *engine, tj_branch *out, tj_branch from, size_t n_shared,
                               const wanted *w, tj_err *err)
{
    tj_code rc = tj_engine_fork(engine, out, from, n_shared, err);
    if (rc == TJ_OK && n_shared < w->n) {
        rc = tj_engine_append(engine, *out, w->ids + n_shared, w->n - n_shared, err);
        if (rc != TJ_OK) {
            tj_engine_drop(engine, *out);
            *out = TJ_NO_BRANCH;
        }
    }
    return rc;
}

tj_code tj_prefixes_lend(tj_prefixes *prefixes, tj_branch *out, size_t *n_shared,
                         const int32_t *ids, size_t n, tj_err *err)
{
    tj_engine *engine = prefixes->engine;
    wanted w = {.ids = ids, .n = n, .mark = tj_engine_mark(engine)};
    shared best;
    *out = TJ_NO_BRANCH;
    *n_shared = 0;
    size_t need = prefixes->n_lent + 1;
    if (!tj_grow(&prefixes->lent, &prefixes->cap_lent, need, sizeof *prefixes->lent) ||
        !tj_grow(&prefixes->kept, &prefixes->cap_kept, prefixes->n_kept + need,
                 sizeof *prefixes->kept)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a branch to lend");
    }
    tj_branch from = donor(prefixes, &w, &best);
    tj_code rc = from == TJ_NO_BRANCH ? tj_engine_root(engine, out, ids, n, err)
                                      : fork_and_append(engine, out, from, best.n, &w, err);
    if (rc == TJ_OK) {
        prefixes->lent[prefixes->n_lent++] = *out;
        *n_shared = best.n_stored;
    }
    return rc;
}

/* ------------------------------------------------------------ coming back */

static void end_loan(tj_prefixes *prefixes, tj_branch branch)
{
    size_t i = 0;
    while (i < prefixes->n_lent && prefixes->lent[i] != branch) {
        i++;
    }
    TJ_ASSERT(i < prefixes->n_lent);
    prefixes->lent[i] = prefixes->lent[--prefixes->n_lent];
}

void tj_prefixes_drop(tj_prefixes *prefixes, tj_branch branch)
{
    end_loan(prefixes, branch);
    tj_engine_drop(prefixes->engine, branch);
}

static void forget(tj_prefixes *prefixes, tj_branch branch)
{
    prefixes->n_kept_tokens -= tj_engine_length(prefixes->engine, branch);
    tj_engine_drop(prefixes->engine, branch);
}

/* Forgets the kept branches that `branch` begins with: whoever finds them finds it. Without memory
 * for its path they stay, which costs no more than their place. */
static void forget_beginnings(tj_prefixes *prefixes, tj_branch branch)
{
    tj_engine *engine = prefixes->engine;
    size_t len = tj_engine_length(engine, branch);
    if (!tj_grow(&prefixes->ids, &prefixes->cap_ids, len, sizeof *prefixes->ids)) {
        return;
    }
    tj_engine_path(engine, branch, 0, len, prefixes->ids);
    wanted w = {.ids = prefixes->ids, .n = len, .mark = tj_engine_mark(engine)};
    size_t n = 0;
    for (size_t i = 0; i < prefixes->n_kept; i++) {
        tj_branch other = prefixes->kept[i];
        if (compare_branch(prefixes, other, &w).n == tj_engine_length(engine, other)) {
            forget(prefixes, other);
        } else {
            prefixes->kept[n++] = other;
        }
    }
    prefixes->n_kept = n;
}

void tj_prefixes_keep(tj_prefixes *prefixes, tj_branch branch)
{
    TJ_ASSERT(!prefixes->engine->branches[branch].is_joined);
    size_t len = tj_engine_length(prefixes->engine, branch);
    if (len > prefixes->max_tokens) {
        tj_prefixes_drop(prefixes, branch);
        return;
    }
    end_loan(prefixes, branch);
    forget_beginnings(prefixes, branch);
    size_t n_old = 0;
    while (prefixes->n_kept_tokens > prefixes->max_tokens - len) {
        forget(prefixes, prefixes->kept[n_old++]);
    }
    prefixes->n_kept -= n_old;
    memmove(prefixes->kept, prefixes->kept + n_old, prefixes->n_kept * sizeof *prefixes->kept);
    prefixes->kept[prefixes->n_kept++] = branch;
    prefixes->n_kept_tokens += len;
}
