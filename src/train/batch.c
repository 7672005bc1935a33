/* Sequences in one pool of tokens, weights and labels; shared beginnings are found by sorting the
 * sequences and building the forest like a trie, each common part one segment. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "train/train.h"

struct tj_batch {
    int32_t *ids;
    float *weights; /* of each token as a target */
    float *labels;  /* of each token's value row; NaN: it has none */
    size_t n, cap_ids, cap_weights, cap_labels;
    size_t *begin;      /* [n_seqs + 1] */
    double *references; /* [n_seqs] NaN: not told */
    size_t n_seqs, cap_seqs, cap_references;
};

tj_code tj_batch_create(tj_batch **out, tj_err *err)
{
    *out = tj_calloc(1, sizeof **out);
    return *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot allocate a batch") : TJ_OK;
}

void tj_batch_destroy(tj_batch *b)
{
    if (b != NULL) {
        tj_free(b->ids);
        tj_free(b->weights);
        tj_free(b->labels);
        tj_free(b->begin);
        tj_free(b->references);
        tj_free(b);
    }
}

void tj_batch_clear(tj_batch *b)
{
    b->n = 0;
    b->n_seqs = 0;
}

tj_code tj_batch_begin(tj_batch *b, tj_err *err)
{
    if (!tj_grow(&b->begin, &b->cap_seqs, b->n_seqs + 2, sizeof *b->begin) ||
        !tj_grow(&b->references, &b->cap_references, b->n_seqs + 1, sizeof *b->references)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu sequences", b->n_seqs + 1);
    }
    b->references[b->n_seqs] = (double)NAN;
    b->begin[b->n_seqs++] = b->n;
    b->begin[b->n_seqs] = b->n;
    return TJ_OK;
}

tj_code tj_batch_add(tj_batch *b, const int32_t *ids, size_t n, float weight, tj_err *err)
{
    if (b->n_seqs == 0) {
        return tj_fail(err, TJ_E_INVAL, "no sequence was begun");
    }
    if (!tj_grow(&b->ids, &b->cap_ids, b->n + n, sizeof *b->ids) ||
        !tj_grow(&b->weights, &b->cap_weights, b->n + n, sizeof *b->weights) ||
        !tj_grow(&b->labels, &b->cap_labels, b->n + n, sizeof *b->labels)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu tokens", b->n + n);
    }
    for (size_t i = 0; i < n; i++) {
        b->ids[b->n + i] = ids[i];
        b->weights[b->n + i] = weight;
        b->labels[b->n + i] = NAN;
    }
    b->n += n;
    b->begin[b->n_seqs] = b->n;
    return TJ_OK;
}

tj_code tj_batch_label(tj_batch *b, float label, tj_err *err)
{
    if (tj_batch_last_length(b) == 0) {
        return tj_fail(err, TJ_E_INVAL, "there is no token to label");
    }
    b->labels[b->n - 1] = label;
    return TJ_OK;
}

tj_code tj_batch_refer(tj_batch *b, double logp, tj_err *err)
{
    if (b->n_seqs == 0) {
        return tj_fail(err, TJ_E_INVAL, "no sequence was begun");
    }
    b->references[b->n_seqs - 1] = logp;
    return TJ_OK;
}

double tj_batch_reference(const tj_batch *b, size_t sequence)
{
    return b->references[sequence];
}

size_t tj_batch_n_sequences(const tj_batch *b)
{
    return b->n_seqs;
}

size_t tj_batch_n_tokens(const tj_batch *b)
{
    return b->n;
}

size_t tj_batch_last_length(const tj_batch *b)
{
    return b->n_seqs == 0 ? 0 : b->n - b->begin[b->n_seqs - 1];
}

void tj_batch_lengths(const tj_batch *b, size_t *lengths)
{
    for (size_t s = 0; s < b->n_seqs; s++) {
        lengths[s] = b->begin[s + 1] - b->begin[s];
    }
}

double tj_batch_sequence_weight(const tj_batch *b, size_t sequence)
{
    double sum = 0.0;
    for (size_t i = b->begin[sequence] + 1; i < b->begin[sequence + 1]; i++) {
        sum += (double)b->weights[i];
    }
    return sum;
}

double tj_batch_weight(const tj_batch *b)
{
    double sum = 0.0;
    for (size_t s = 0; s < b->n_seqs; s++) {
        sum += tj_batch_sequence_weight(b, s);
    }
    return sum;
}

size_t tj_batch_n_labels(const tj_batch *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) {
        n += isnan(b->labels[i]) ? 0 : 1;
    }
    return n;
}

/* ------------------------------------------------------------------ rows */

void tj_rows_deinit(tj_rows *rows)
{
    tj_free(rows->weights);
    tj_free(rows->sequence);
    tj_free(rows->labels);
    *rows = (tj_rows){0};
}

/* Room for as many rows of both kinds as there are tokens. */
static tj_code reserve_rows(tj_rows *rows, size_t n_tokens, tj_err *err)
{
    if (!tj_grow(&rows->weights, &rows->cap_weights, n_tokens, sizeof *rows->weights) ||
        !tj_grow(&rows->sequence, &rows->cap_sequence, n_tokens, sizeof *rows->sequence) ||
        !tj_grow(&rows->labels, &rows->cap_labels, n_tokens, sizeof *rows->labels)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold the rows of %zu tokens", n_tokens);
    }
    return TJ_OK;
}

/* ------------------------------------------------------------------ forests */

typedef struct sequence {
    const tj_batch *batch;
    size_t index; /* in the batch: the order among equals */
    const int32_t *ids;
    size_t n;
} sequence;

static int compare(const void *a, const void *b)
{
    const sequence *x = a;
    const sequence *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    for (size_t i = 0; i < n; i++) {
        if (x->ids[i] != y->ids[i]) {
            return x->ids[i] < y->ids[i] ? -1 : 1;
        }
    }
    if (x->n != y->n) {
        return x->n < y->n ? -1 : 1;
    }
    return x->index < y->index ? -1 : x->index > y->index;
}

typedef struct trie {
    tj_forest *forest;
    size_t *segment; /* [deepest] segments on the way to the latest leaf */
    size_t *end;     /* [deepest] path length at the end of each */
    size_t depth, cap_segment, cap_end;
    tj_rows *rows;
} trie;

/* Adds the rows of a sequence, whose path is the latest way. */
static tj_code add_rows(trie *t, const sequence *s, tj_err *err)
{
    const float *weights = s->batch->weights + (s->ids - s->batch->ids);
    const float *labels = s->batch->labels + (s->ids - s->batch->ids);
    size_t level = 0;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < s->n && rc == TJ_OK; i++) {
        while (i >= t->end[level]) {
            level++;
        }
        size_t offset = i - (level == 0 ? 0 : t->end[level - 1]);
        if (i + 1 < s->n && weights[i + 1] > 0.0F) {
            t->rows->weights[t->rows->n_loss] = weights[i + 1];
            t->rows->sequence[t->rows->n_loss++] = s->index;
            rc = tj_forest_add_loss_row(t->forest, NULL, t->segment[level], offset, s->ids[i + 1],
                                        err);
        }
        if (rc == TJ_OK && !isnan(labels[i])) {
            t->rows->labels[t->rows->n_values++] = labels[i];
            rc = tj_forest_add_value_row(t->forest, NULL, t->segment[level], offset, err);
        }
    }
    return rc;
}

/* Puts sequence s after the latest one, with which it shares its first `common` tokens. */
static tj_code add_leaf(trie *t, const sequence *s, size_t common, tj_err *err)
{
    while (t->depth > 0 && (t->depth == 1 ? 0 : t->end[t->depth - 2]) >= common) {
        t->depth--;
    }
    if (t->depth > 0 && t->end[t->depth - 1] > common) { /* fork inside the deepest segment */
        size_t start = t->depth == 1 ? 0 : t->end[t->depth - 2];
        size_t tail;
        tj_code rc =
            tj_forest_split(t->forest, &tail, t->segment[t->depth - 1], common - start, err);
        if (rc != TJ_OK) {
            return rc;
        }
        t->end[t->depth - 1] = common;
    }
    if (s->n == common) {
        return TJ_OK; /* the same sequence again: rows only */
    }
    if (!tj_grow(&t->segment, &t->cap_segment, t->depth + 1, sizeof *t->segment) ||
        !tj_grow(&t->end, &t->cap_end, t->depth + 1, sizeof *t->end)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot build a forest");
    }
    size_t parent = t->depth == 0 ? TJ_NO_SEGMENT : t->segment[t->depth - 1];
    tj_code rc = tj_forest_add(t->forest, &t->segment[t->depth], parent, s->ids + common,
                               s->n - common, err);
    if (rc == TJ_OK) {
        t->end[t->depth++] = s->n;
    }
    return rc;
}

static size_t common_length(const sequence *a, const sequence *b)
{
    size_t n = a->n < b->n ? a->n : b->n;
    size_t i = 0;
    while (i < n && a->ids[i] == b->ids[i]) {
        i++;
    }
    return i;
}

tj_code tj_batch_to_forest(const tj_batch *b, size_t first, size_t n, bool share, tj_forest *forest,
                           tj_rows *rows, tj_err *err)
{
    trie t = {.forest = forest, .rows = rows};
    rows->n_loss = 0;
    rows->n_values = 0;
    tj_code rc = reserve_rows(rows, n == 0 ? 0 : b->begin[first + n] - b->begin[first], err);
    sequence *seqs = tj_calloc(n, sizeof *seqs);
    if (rc == TJ_OK && seqs == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot build a forest of %zu sequences", n);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        size_t at = b->begin[first + i];
        seqs[i] = (sequence){b, first + i, b->ids + at, b->begin[first + i + 1] - at};
    }
    if (rc == TJ_OK && share) {
        qsort(seqs, n, sizeof *seqs, compare);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        size_t common = share && i > 0 ? common_length(&seqs[i - 1], &seqs[i]) : 0;
        rc = add_leaf(&t, &seqs[i], common, err);
        if (rc == TJ_OK && seqs[i].n > 0) {
            rc = add_rows(&t, &seqs[i], err);
        }
    }
    tj_free(t.segment);
    tj_free(t.end);
    tj_free(seqs);
    return rc;
}
