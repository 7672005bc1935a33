/* Byte pair encoding (Sennrich, Haddow and Birch 2016, arXiv:1508.07909): of all neighbours that
 * have a merge, the one of the least rank is merged, the leftmost of several, until none is left.
 *
 * Symbols form a linked list in an array; candidates wait in a heap. A merge outdates the
 * candidates of its neighbours: they are not looked for but told when they come up, since then the
 * list no longer holds their two ids side by side. Each merge adds at most two candidates, so n
 * symbols make fewer than 3 n in all. */
#include "base/alloc.h"
#include "base/assert.h"
#include "text/tokenizer.h"

#define NONE UINT32_MAX

void tj_bpe_deinit(tj_bpe *bpe)
{
    tj_free(bpe->symbols);
    tj_free(bpe->heap);
    *bpe = (tj_bpe){.symbols = NULL};
}

tj_code tj_bpe_add(tj_bpe *bpe, int32_t id, tj_err *err)
{
    if (!tj_grow(&bpe->symbols, &bpe->cap_symbols, bpe->n_symbols + 1, sizeof *bpe->symbols)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu symbols", bpe->n_symbols + 1);
    }
    TJ_DASSERT(bpe->n_symbols < NONE);
    uint32_t at = (uint32_t)bpe->n_symbols++;
    bpe->symbols[at] = (tj_bpe_symbol){.id = id, .prev = at == 0 ? NONE : at - 1, .next = NONE};
    if (at > 0) {
        bpe->symbols[at - 1].next = at;
    }
    return TJ_OK;
}

static bool before(const tj_bpe_candidate *a, const tj_bpe_candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

/* The heap has room: see tj_bpe_merge. */
static void push(tj_bpe *bpe, const tj_bpe_candidate *c)
{
    size_t i = bpe->n_heap++;
    for (; i > 0 && before(c, &bpe->heap[(i - 1) / 2]); i = (i - 1) / 2) {
        bpe->heap[i] = bpe->heap[(i - 1) / 2];
    }
    bpe->heap[i] = *c;
}

static tj_bpe_candidate pop(tj_bpe *bpe)
{
    tj_bpe_candidate top = bpe->heap[0], last = bpe->heap[--bpe->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= bpe->n_heap) {
            break;
        }
        if (child + 1 < bpe->n_heap && before(&bpe->heap[child + 1], &bpe->heap[child])) {
            child++;
        }
        if (!before(&bpe->heap[child], &last)) {
            break;
        }
        bpe->heap[i] = bpe->heap[child];
        i = child;
    }
    bpe->heap[i] = last;
    return top;
}

/* Makes a candidate of the symbol at `at` and the one after it, if they have a merge. */
static void consider(tj_bpe *bpe, const tj_tokenizer *tok, uint32_t at)
{
    if (at == NONE || bpe->symbols[at].next == NONE) {
        return;
    }
    int32_t left = bpe->symbols[at].id, right = bpe->symbols[bpe->symbols[at].next].id;
    const tj_merge *merge = tj_tokenizer_merge(tok, left, right);
    if (merge != NULL) {
        push(bpe,
             &(tj_bpe_candidate){
                 .rank = merge->rank, .at = at, .left = left, .right = right, .made = merge->made});
    }
}

static void apply(tj_bpe *bpe, const tj_tokenizer *tok, const tj_bpe_candidate *c)
{
    tj_bpe_symbol *left = &bpe->symbols[c->at];
    if (left->id != c->left || left->next == NONE || bpe->symbols[left->next].id != c->right) {
        return; /* outdated */
    }
    tj_bpe_symbol *right = &bpe->symbols[left->next];
    left->id = c->made;
    left->next = right->next;
    right->id = -1;
    if (left->next != NONE) {
        bpe->symbols[left->next].prev = c->at;
    }
    consider(bpe, tok, left->prev);
    consider(bpe, tok, c->at);
}

tj_code tj_bpe_merge(tj_bpe *bpe, const tj_tokenizer *tok, tj_ids *out, tj_err *err)
{
    size_t n = bpe->n_symbols, most;
    if (n == 0) {
        return TJ_OK;
    }
    /* At once there are at most n - 1 candidates from the start and 2 for each of n - 1 merges. */
    if (!tj_mul_size(&most, n, 3) ||
        !tj_grow(&bpe->heap, &bpe->cap_heap, most, sizeof *bpe->heap)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu merge candidates", n);
    }
    bpe->n_heap = 0;
    for (uint32_t i = 0; i < n; i++) {
        consider(bpe, tok, i);
    }
    while (bpe->n_heap > 0) {
        tj_bpe_candidate c = pop(bpe);
        apply(bpe, tok, &c);
    }
    for (uint32_t i = 0; i != NONE; i = bpe->symbols[i].next) { /* symbol 0 is never merged away */
        tj_code rc = tj_ids_add(out, &bpe->symbols[i].id, 1, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}
