/* Byte pair encoding (Sennrich, Haddow and Birch 2016, arXiv:1508.07909): of all neighbours that
 * have a merge, the one of the least rank is merged, the leftmost of several, until none is left.
 * SentencePiece's is the same with other names: two neighbours have a merge if their joined text is
 * a token, and its rank is the token's place in the order of falling scores.
 *
 * Short pieces, which most are, are merged by looking over all neighbours each time. Long ones form
 * a linked list in an array, and candidates wait in a heap. A merge outdates the candidates of its
 * neighbours: they are not looked for but told when they come up, since then the two symbols have
 * not the bytes that they had. Each merge adds at most two candidates, so n symbols make fewer than
 * 3 n in all.
 *
 * Where a vocabulary is not byte-level and text is not cut by a pattern, a piece is a whole text.
 * Merges on both sides of two characters that stand side by side in no token do not know of each
 * other, so the text may be cut there: such pairs of characters are told by a set of bits. A pair's
 * bit may be set by another pair, which costs time and nothing else. */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

#define NONE        TJ_BPE_NONE
#define SHORT_PIECE 24 /* symbols; from about here on the heap is faster */

void tj_bpe_deinit(tj_bpe *bpe)
{
    tj_free(bpe->symbols);
    tj_free(bpe->heap);
    *bpe = (tj_bpe){.symbols = NULL};
}

tj_code tj_bpe_add(tj_bpe *bpe, int32_t id, size_t n, tj_err *err)
{
    if (!tj_grow(&bpe->symbols, &bpe->cap_symbols, bpe->n_symbols + 1, sizeof *bpe->symbols)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu symbols", bpe->n_symbols + 1);
    }
    TJ_DASSERT(bpe->n_symbols < NONE);
    TJ_ASSERT(bpe->symbols != NULL);
    uint32_t i = (uint32_t)bpe->n_symbols++;
    tj_bpe_symbol *before = i == 0 ? NULL : &bpe->symbols[i - 1];
    bpe->symbols[i] = (tj_bpe_symbol){.id = id,
                                      .at = before == NULL ? 0 : before->at + before->n,
                                      .n = (uint32_t)n,
                                      .prev = i == 0 ? NONE : i - 1,
                                      .next = NONE};
    if (before != NULL) {
        before->next = i;
    }
    return TJ_OK;
}

typedef struct pair {
    uint32_t rank; /* NONE: they have no merge */
    int32_t made;
} pair;

static inline pair pair_of(const tj_tokenizer *tok, const char *piece, const tj_bpe_symbol *left,
                           const tj_bpe_symbol *right)
{
    if (tok->by_score) {
        int32_t made = tj_tokenizer_lookup(tok, piece + left->at, left->n + right->n);
        bool joins = made >= 0 && !tok->tokens[made].is_special && !tok->tokens[made].is_byte;
        return joins ? (pair){tok->tokens[made].rank, made} : (pair){NONE, -1};
    }
    const tj_merge *merge = tj_tokenizer_merge(tok, left->id, right->id);
    return merge == NULL ? (pair){NONE, -1} : (pair){merge->rank, merge->made};
}

/* ------------------------------------------------------------ short pieces */

static size_t first_of_least_rank(const pair *pairs, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        best = pairs[i].rank < pairs[best].rank ? i : best;
    }
    return best;
}

/* The symbols that are left move together at the front. */
static void merge_short(tj_bpe *bpe, const tj_tokenizer *tok, const char *piece)
{
    tj_bpe_symbol *s = bpe->symbols;
    pair pairs[SHORT_PIECE]; /* pairs[i] is of s[i] and s[i + 1] */
    size_t n = bpe->n_symbols;
    for (size_t i = 0; i + 1 < n; i++) {
        pairs[i] = pair_of(tok, piece, &s[i], &s[i + 1]);
    }
    while (n > 1) {
        size_t best = first_of_least_rank(pairs, n - 1);
        if (pairs[best].rank == NONE) {
            break;
        }
        s[best].id = pairs[best].made;
        s[best].n += s[best + 1].n;
        n--;
        if (best + 1 < n) {
            memmove(&s[best + 1], &s[best + 2], (n - best - 1) * sizeof *s);
            memmove(&pairs[best + 1], &pairs[best + 2], (n - best - 2) * sizeof *pairs);
            pairs[best] = pair_of(tok, piece, &s[best], &s[best + 1]);
        }
        if (best > 0) {
            pairs[best - 1] = pair_of(tok, piece, &s[best - 1], &s[best]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        s[i].next = i + 1 < n ? (uint32_t)(i + 1) : NONE;
    }
}

/* ------------------------------------------------------------ long pieces */

static bool before(const tj_bpe_candidate *a, const tj_bpe_candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->at < b->at;
}

/* The heap has room: see merge_long. */
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
static void consider(tj_bpe *bpe, const tj_tokenizer *tok, const char *piece, uint32_t at)
{
    if (at == NONE || bpe->symbols[at].next == NONE) {
        return;
    }
    const tj_bpe_symbol *left = &bpe->symbols[at], *right = &bpe->symbols[left->next];
    pair p = pair_of(tok, piece, left, right);
    if (p.rank != NONE) {
        push(bpe, &(tj_bpe_candidate){
                      .rank = p.rank, .at = at, .n = left->n + right->n, .made = p.made});
    }
}

static void apply(tj_bpe *bpe, const tj_tokenizer *tok, const char *piece,
                  const tj_bpe_candidate *c)
{
    tj_bpe_symbol *left = &bpe->symbols[c->at];
    if (left->n == 0 || left->next == NONE || left->n + bpe->symbols[left->next].n != c->n) {
        return; /* outdated: one of the two was merged, and symbols only grow */
    }
    tj_bpe_symbol *right = &bpe->symbols[left->next];
    left->id = c->made;
    left->n += right->n;
    left->next = right->next;
    right->n = 0;
    if (left->next != NONE) {
        bpe->symbols[left->next].prev = c->at;
    }
    consider(bpe, tok, piece, left->prev);
    consider(bpe, tok, piece, c->at);
}

static tj_code merge_long(tj_bpe *bpe, const tj_tokenizer *tok, const char *piece, tj_err *err)
{
    size_t n = bpe->n_symbols, most;
    /* At once there are at most n - 1 candidates from the start and 2 for each of n - 1 merges. */
    if (!tj_mul_size(&most, n, 3) ||
        !tj_grow(&bpe->heap, &bpe->cap_heap, most, sizeof *bpe->heap)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu merge candidates", n);
    }
    bpe->n_heap = 0;
    for (uint32_t i = 0; i < n; i++) {
        consider(bpe, tok, piece, i);
    }
    while (bpe->n_heap > 0) {
        tj_bpe_candidate c = pop(bpe);
        apply(bpe, tok, piece, &c);
    }
    return TJ_OK;
}

tj_code tj_bpe_merge(tj_bpe *bpe, const tj_tokenizer *tok, const char *piece, tj_err *err)
{
    if (bpe->n_symbols <= SHORT_PIECE) {
        merge_short(bpe, tok, piece);
        return TJ_OK;
    }
    return merge_long(bpe, tok, piece, err);
}

/* ------------------------------------------------------------ joints */

#define BITS_A_TOKEN ((size_t)32) /* some 1 in 30 is then set, of Gemma's vocabulary */

static size_t joint_of(const tj_tokenizer *tok, uint32_t left, uint32_t right)
{
    return (size_t)tj_hash_pair(left, right) & (tok->n_joint_bits - 1);
}

/* Sets the bits of the pairs of characters in a token's text. */
static void add_joints(tj_tokenizer *tok, const char *text, size_t len)
{
    size_t n;
    uint32_t left = len == 0 ? 0 : tj_utf8_decode(text, &n);
    for (size_t at = len == 0 ? 0 : n; at < len; at += n) {
        uint32_t right = tj_utf8_decode(text + at, &n);
        size_t joint = joint_of(tok, left, right);
        tok->joints[joint / 64] |= (uint64_t)1 << joint % 64;
        left = right;
    }
}

tj_code tj_joints_build(tj_tokenizer *tok, tj_err *err)
{
    tok->n_joint_bits = 64;
    while (tok->n_joint_bits < BITS_A_TOKEN * tok->n_vocab) {
        tok->n_joint_bits *= 2;
    }
    tok->joints = tj_calloc(tok->n_joint_bits / 64, sizeof *tok->joints);
    if (tok->joints == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu joints", tok->n_joint_bits);
    }
    for (size_t i = 0; i < tok->n_vocab; i++) {
        const tj_token *t = &tok->tokens[i];
        if (t->in_model && !t->is_byte) {
            add_joints(tok, tok->slab + t->text, t->n_text);
        }
    }
    return TJ_OK;
}

size_t tj_joints_next(const tj_tokenizer *tok, const char *piece, size_t len, size_t from)
{
    if (tok->joints == NULL) {
        return len;
    }
    size_t n;
    uint32_t left = tj_utf8_decode(piece + from, &n);
    for (size_t at = from + n; at < len; at += n) {
        uint32_t right = tj_utf8_decode(piece + at, &n);
        size_t joint = joint_of(tok, left, right);
        if ((tok->joints[joint / 64] >> joint % 64 & 1) == 0) {
            return at;
        }
        left = right;
    }
    return len;
}
