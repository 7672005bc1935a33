/* Examples as a source of batches, in an order drawn anew each epoch. Whole groups are ordered, so
 * that a pair's two sequences stand side by side. */
#include "base/alloc.h"
#include "base/rng.h"
#include "train/train.h"

#define STREAM_ORDER 204 /* of the random numbers that order an epoch's examples */

tj_code tj_example_source_init(tj_example_source *s, const tj_examples *examples, size_t per_update,
                               uint64_t seed, tj_err *err)
{
    size_t n = tj_examples_n_lines(examples);
    *s = (tj_example_source){.examples = examples,
                             .per_update = per_update,
                             .seed = seed,
                             .n = n,
                             .order = tj_calloc(n, sizeof *s->order),
                             .order_epoch = SIZE_MAX};
    if (per_update == 0) {
        tj_example_source_deinit(s);
        return tj_fail(err, TJ_E_INVAL, "an update needs at least one example");
    }
    return s->order == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot order %zu examples", n) : TJ_OK;
}

void tj_example_source_deinit(tj_example_source *s)
{
    tj_free(s->order);
    s->order = NULL;
}

size_t tj_example_source_updates(const tj_example_source *s)
{
    return s->n / s->per_update + (s->n % s->per_update > 0 ? 1 : 0);
}

/* Stretch by stretch of tokens that are, or are not, learnt, and labels where steps end. */
tj_code tj_examples_add(const tj_examples *all, size_t i, tj_batch *batch, tj_err *err)
{
    const tj_example *e = &all->examples[i];
    const int32_t *ids = all->ids + e->begin;
    const int32_t *learned = all->learned + e->begin;
    size_t l = e->first_label;
    size_t end = l + e->n_labels;
    tj_code rc = tj_batch_begin(batch, err);
    for (size_t at = 0; at < e->n && rc == TJ_OK;) {
        size_t last = l < end ? all->labels[l].at : e->n - 1;
        size_t n = 1;
        while (at + n <= last && learned[at + n] == learned[at]) {
            n++;
        }
        rc = tj_batch_add(batch, ids + at, n, (float)learned[at], err);
        at += n;
        if (rc == TJ_OK && l < end && at == all->labels[l].at + 1) {
            rc = tj_batch_label(batch, all->labels[l++].label, err);
        }
    }
    if (rc == TJ_OK && all->references != NULL) {
        rc = tj_batch_refer(batch, all->references[i], err);
    }
    return rc;
}

tj_code tj_example_source_fill(void *ctx, size_t update, tj_batch *batch, tj_err *err)
{
    tj_example_source *s = ctx;
    size_t an_epoch = tj_example_source_updates(s);
    size_t epoch = update / an_epoch;
    size_t first = update % an_epoch * s->per_update;
    if (s->order_epoch != epoch) {
        tj_rng rng;
        for (size_t i = 0; i < s->n; i++) {
            s->order[i] = i;
        }
        tj_rng_init(&rng, s->seed, STREAM_ORDER, epoch, 0);
        tj_rng_shuffle(&rng, s->order, s->n);
        s->order_epoch = epoch;
    }
    tj_code rc = TJ_OK;
    for (size_t i = first; i < s->n && i - first < s->per_update; i++) {
        size_t at;
        size_t n = tj_examples_line(s->examples, s->order[i], &at);
        for (size_t g = 0; g < n && rc == TJ_OK; g++) {
            rc = tj_examples_add(s->examples, at + g, batch, err);
        }
    }
    return rc;
}
