/* Without filters the cumulative distribution is walked in the order of ids. With filters, the kept
 * tokens are a prefix of the order by falling probability, and are drawn from in that order: the
 * candidates above a threshold form a heap, from which tokens are popped until a filter says stop.
 * The threshold starts high and is lowered when the heap runs dry, since nearly always a few dozen
 * tokens of a large vocabulary hold all the mass that matters. */
#include "infer/sampler.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "infer/infer_kernels.h"

#define TILE 256 /* tokens that are summed, or passed over, at once */

void tj_sampler_init(tj_sampler *sampler)
{
    *sampler = (tj_sampler){0};
}

void tj_sampler_deinit(tj_sampler *sampler)
{
    tj_free(sampler->weights);
    tj_free(sampler->ids);
    tj_free(sampler->masked);
    *sampler = (tj_sampler){0};
}

tj_code tj_sampler_reserve(tj_sampler *sampler, size_t n_vocab, tj_err *err)
{
    if (n_vocab <= sampler->cap) {
        return TJ_OK;
    }
    tj_sampler_deinit(sampler);
    sampler->weights = tj_aligned_array(n_vocab, sizeof *sampler->weights);
    sampler->ids = tj_aligned_array(n_vocab, sizeof *sampler->ids);
    sampler->masked = tj_aligned_array(n_vocab, sizeof *sampler->masked);
    if (sampler->weights == NULL || sampler->ids == NULL || sampler->masked == NULL) {
        tj_sampler_deinit(sampler);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a sampler of %zu tokens", n_vocab);
    }
    sampler->cap = n_vocab;
    return TJ_OK;
}

tj_code tj_sampling_check(const tj_sampling *s, tj_err *err)
{
    bool greedy = s->temperature >= 0.0 && s->temperature <= 0.0;
    if (!greedy && !(s->temperature >= TJ_MIN_TEMPERATURE && isfinite(s->temperature))) {
        return tj_fail(err, TJ_E_INVAL, "temperature is %g, expected 0 or at least %g",
                       s->temperature, TJ_MIN_TEMPERATURE);
    }
    if (!(s->top_p > 0.0) || !(s->top_p <= 1.0)) {
        return tj_fail(err, TJ_E_INVAL, "top_p is %g, expected in (0, 1]", s->top_p);
    }
    if (!(s->min_p >= 0.0) || !(s->min_p <= 1.0)) {
        return tj_fail(err, TJ_E_INVAL, "min_p is %g, expected in [0, 1]", s->min_p);
    }
    return TJ_OK;
}

/* *max of the logits, refusing what no model may give. */
static tj_code find_max(double *max, const float *logits, size_t n_vocab, tj_err *err)
{
    float top = tj_infer_kernels_get()->max(logits, n_vocab);
    if (!isfinite(top)) {
        return tj_fail(err, TJ_E_NUMERIC, "the largest of %zu logits is %g", n_vocab, (double)top);
    }
    *max = (double)top;
    return TJ_OK;
}

static int32_t argmax(const float *logits, size_t n_vocab, double max)
{
    size_t i = 0;
    while ((double)logits[i] < max && i + 1 < n_vocab) {
        i++;
    }
    return (int32_t)i;
}

static double logprob_of(const float *logits, size_t id, double max, double sum)
{
    return (double)logits[id] - max - log(sum);
}

static size_t tile_size(size_t n, size_t begin)
{
    return n - begin < TILE ? n - begin : TILE;
}

/* ------------------------------------------------------------ the most probable */

/* Puts token `id` where it belongs among the n most probable so far, of at most `cap`; those before
 * it have lower ids and win ties. */
static size_t insert_top(int32_t *ids, size_t n, size_t cap, const float *logits, int32_t id)
{
    size_t i = n < cap ? n : cap - 1;
    for (; i > 0 && logits[ids[i - 1]] < logits[id]; i--) {
        ids[i] = ids[i - 1];
    }
    ids[i] = id;
    return n < cap ? n + 1 : cap;
}

/* Whole tiles are passed over where not even their largest logit belongs: nearly all of them. */
static void find_top(const tj_top *top, const float *logits, size_t n_vocab, double max, double sum)
{
    const tj_infer_kernels *kernels = tj_infer_kernels_get();
    size_t n = 0;
    for (size_t i = 0; i < n_vocab; i += TILE) {
        size_t m = tile_size(n_vocab, i);
        if (n == top->n && !(kernels->max(logits + i, m) > logits[top->ids[n - 1]])) {
            continue;
        }
        for (size_t j = i; j < i + m; j++) {
            if (n < top->n || logits[j] > logits[top->ids[n - 1]]) {
                n = insert_top(top->ids, n, top->n, logits, (int32_t)j);
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        top->logprobs[i] = (float)logprob_of(logits, (size_t)top->ids[i], max, sum);
    }
}

tj_top tj_top_at(tj_top first, size_t at)
{
    if (first.n == 0) { /* there is nothing to point into */
        return first;
    }
    return (tj_top){first.n, first.ids + at * first.n, first.logprobs + at * first.n};
}

static bool wants_top(const tj_top *top)
{
    return top != NULL && top->n > 0;
}

tj_code tj_sampler_logprob(float *logprob, const tj_top *top, const float *logits, size_t n_vocab,
                           int32_t id, tj_err *err)
{
    double max = 0.0;
    tj_code rc = find_max(&max, logits, n_vocab, err);
    if (rc == TJ_OK) {
        double sum = tj_infer_kernels_get()->exp_sum(NULL, logits, n_vocab, max, 1.0);
        *logprob = (float)logprob_of(logits, (size_t)id, max, sum);
        if (wants_top(top)) {
            find_top(top, logits, n_vocab, max, sum);
        }
    }
    return rc;
}

/* ------------------------------------------------------------ no filters */

static double sum_tile(const double *w, size_t n)
{
    double lanes[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        for (size_t j = 0; j < 8; j++) {
            lanes[j] += w[i + j];
        }
    }
    for (; i < n; i++) {
        lanes[i % 8] += w[i];
    }
    return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
           ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

/* The first id at which the cumulative weight exceeds u times the total; rounding at the very end
 * falls to the last id of positive weight. */
static int32_t draw_all(const double *w, size_t n, double u)
{
    double total = 0.0;
    for (size_t i = 0; i < n; i += TILE) {
        total += sum_tile(w + i, tile_size(n, i));
    }
    double want = u * total;
    double sum = 0.0;
    size_t last = 0;
    for (size_t i = 0; i < n; i += TILE) {
        size_t m = tile_size(n, i);
        double tile = sum_tile(w + i, m);
        if (tile > 0.0 && sum + tile > want) {
            double inner = sum;
            for (size_t j = i; j < i + m; j++) {
                inner += w[j];
                last = w[j] > 0.0 ? j : last;
                if (w[j] > 0.0 && inner > want) {
                    return (int32_t)j;
                }
            }
            return (int32_t)last; /* the tile's two sums differ by rounding */
        }
        for (size_t j = i + m; tile > 0.0 && j-- > i;) {
            if (w[j] > 0.0) {
                last = j;
                break;
            }
        }
        sum += tile;
    }
    return (int32_t)last;
}

/* ------------------------------------------------------------ filters */

/* Candidates in a binary heap, the most probable on top. Equal weights may come from different
 * logits (both 0 after underflow), so logits are compared. */
typedef struct heap {
    int32_t *ids; /* [n] */
    size_t n;
    const float *logits;
} heap;

static bool is_before(const heap *h, int32_t a, int32_t b)
{
    float x = h->logits[a];
    float y = h->logits[b];
    return x > y || (x == y && a < b);
}

static void sift_down(heap *h, size_t i)
{
    int32_t id = h->ids[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= h->n) {
            break;
        }
        if (child + 1 < h->n && is_before(h, h->ids[child + 1], h->ids[child])) {
            child++;
        }
        if (!is_before(h, h->ids[child], id)) {
            break;
        }
        h->ids[i] = h->ids[child];
        i = child;
    }
    h->ids[i] = id;
}

static int32_t pop(heap *h)
{
    int32_t top = h->ids[0];
    h->ids[0] = h->ids[--h->n];
    if (h->n > 0) {
        sift_down(h, 0);
    }
    return top;
}

/* The tokens of weight in [low, high), as a heap. */
static void fill(heap *h, const double *w, size_t n_vocab, double low, double high)
{
    h->n = 0;
    for (size_t i = 0; i < n_vocab; i++) {
        if (w[i] >= low && w[i] < high) {
            h->ids[h->n++] = (int32_t)i;
        }
    }
    for (size_t i = h->n / 2; i-- > 0;) {
        sift_down(h, i);
    }
}

/* Weights are relative to the largest, which is 1: min_p is a bound on the weight itself. */
typedef struct filter {
    size_t k;       /* tokens at most */
    double min_w;   /* weight at least; the first token always passes */
    double mass;    /* stop once this much is reached; HUGE_VAL: no such bound */
    bool mass_of_k; /* top_p is measured on the mass of the first k, known only at the end */
} filter;

/* Orders tokens by falling probability until the filter is sure to need no more: the j-th is
 * ids[n_vocab - 1 - j]. Returns how many. */
static size_t order_tokens(tj_sampler *sampler, const float *logits, size_t n_vocab,
                           const filter *f)
{
    static const double lows[] = {0x1p-8, 0x1p-24, 0x1p-80, 0.0};
    heap h = {.ids = sampler->ids, .logits = logits};
    double high = HUGE_VAL;
    double sum = 0.0;
    size_t n = 0;
    for (size_t band = 0; band < sizeof lows / sizeof lows[0]; band++) {
        fill(&h, sampler->weights, n_vocab, lows[band], high);
        high = lows[band];
        while (h.n > 0) {
            int32_t id = pop(&h);
            double w = sampler->weights[id];
            if (w <= 0.0 || (n > 0 && !f->mass_of_k && w < f->min_w)) {
                return n;
            }
            sampler->ids[n_vocab - ++n] = id; /* never meets the heap: together they fit */
            sum += w;
            if (n == f->k || sum >= f->mass) {
                return n;
            }
        }
    }
    return n;
}

/* The kept prefix of that order, and its mass. */
static size_t keep(tj_sampler *sampler, double *mass, const float *logits, size_t n_vocab,
                   const tj_sampling *s, double total)
{
    bool some_k = s->top_k > 0 && s->top_k < n_vocab;
    bool some_p = s->top_p < 1.0;
    filter f = {.k = some_k ? s->top_k : n_vocab,
                .min_w = s->min_p,
                .mass = some_p && !some_k ? s->top_p * total : HUGE_VAL,
                .mass_of_k = some_p && some_k};
    size_t n_ordered = order_tokens(sampler, logits, n_vocab, &f);
    const int32_t *last = sampler->ids + n_vocab - 1;
    if (f.mass_of_k) {
        double sum = 0.0;
        for (size_t j = 0; j < n_ordered; j++) {
            sum += sampler->weights[*(last - j)];
        }
        f.mass = s->top_p * sum;
    }
    size_t n = 0;
    *mass = 0.0;
    while (n < n_ordered && *mass < f.mass) {
        double w = sampler->weights[*(last - n)];
        if (n > 0 && w < f.min_w) {
            break;
        }
        *mass += w;
        n++;
    }
    return n;
}

static int32_t draw_kept(const tj_sampler *sampler, size_t n_vocab, size_t n_kept, double mass,
                         double u)
{
    double want = u * mass;
    double sum = 0.0;
    for (size_t j = 0; j + 1 < n_kept; j++) {
        int32_t id = sampler->ids[n_vocab - 1 - j];
        sum += sampler->weights[id];
        if (sum > want) {
            return id;
        }
    }
    return sampler->ids[n_vocab - n_kept];
}

static bool has_filters(const tj_sampling *s, size_t n_vocab)
{
    return (s->top_k > 0 && s->top_k < n_vocab) || s->top_p < 1.0 || s->min_p > 0.0;
}

tj_code tj_sampler_draw(tj_sampler *sampler, int32_t *id, float *logprob, const tj_top *top,
                        const float *logits, size_t n_vocab, const tj_sampling *s, double u,
                        tj_err *err)
{
    TJ_ASSERT(n_vocab <= sampler->cap);
    const tj_infer_kernels *kernels = tj_infer_kernels_get();
    double max = 0.0;
    tj_code rc = find_max(&max, logits, n_vocab, err);
    if (rc != TJ_OK) {
        return rc;
    }
    double sum = 0.0; /* at temperature 1; 0: not known yet */
    if (s->temperature <= 0.0) {
        *id = argmax(logits, n_vocab, max);
    } else {
        double total =
            kernels->exp_sum(sampler->weights, logits, n_vocab, max, 1.0 / s->temperature);
        sum = s->temperature == 1.0 ? total : 0.0;
        if (has_filters(s, n_vocab)) {
            double mass = 0.0;
            size_t n = keep(sampler, &mass, logits, n_vocab, s, total);
            *id = draw_kept(sampler, n_vocab, n, mass, u);
        } else {
            *id = draw_all(sampler->weights, n_vocab, u);
        }
    }
    if ((logprob != NULL || wants_top(top)) && sum == 0.0) {
        sum = kernels->exp_sum(NULL, logits, n_vocab, max, 1.0);
    }
    if (logprob != NULL) {
        *logprob = (float)logprob_of(logits, (size_t)*id, max, sum);
    }
    if (wants_top(top)) {
        find_top(top, logits, n_vocab, max, sum);
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ some tokens alone */

/* Most words are full (in a text) or empty (elsewhere). */
static void mask_word(float *out, const float *logits, size_t n, uint64_t bits)
{
    if (bits == UINT64_MAX) {
        memcpy(out, logits, n * sizeof *out);
        return;
    }
    for (size_t j = 0; j < n; j++) {
        out[j] = -INFINITY;
    }
    for (size_t j = 0; bits != 0 && j < n; j++, bits >>= 1) {
        out[j] = (bits & 1) != 0 ? logits[j] : out[j];
    }
}

static void mask(float *out, const float *logits, size_t n_vocab, const tj_allowed *allowed)
{
    for (size_t begin = 0; begin < n_vocab; begin += 64) {
        size_t n = n_vocab - begin < 64 ? n_vocab - begin : 64;
        mask_word(out + begin, logits + begin, n, allowed->bits[begin / 64]);
    }
    for (size_t list = 0; list < 2; list++) {
        for (size_t i = 0; i < allowed->n_ends[list]; i++) {
            size_t id = (size_t)allowed->ends[list][i];
            out[id] = allowed->may_end ? logits[id] : -INFINITY;
        }
    }
}

tj_code tj_sampler_draw_allowed(tj_sampler *sampler, int32_t *id, float *logprob, const tj_top *top,
                                const float *logits, size_t n_vocab, const tj_allowed *allowed,
                                const tj_sampling *s, double u, tj_err *err)
{
    TJ_ASSERT(n_vocab <= sampler->cap);
    mask(sampler->masked, logits, n_vocab, allowed);
    tj_code rc = tj_sampler_draw(sampler, id, NULL, NULL, sampler->masked, n_vocab, s, u, err);
    return rc == TJ_OK ? tj_sampler_logprob(logprob, top, logits, n_vocab, *id, err) : rc;
}

/* ------------------------------------------------------------ the distribution */

tj_code tj_sampler_probs(tj_sampler *sampler, double *probs, const float *logits, size_t n_vocab,
                         const tj_sampling *s, tj_err *err)
{
    TJ_ASSERT(n_vocab <= sampler->cap);
    double max = 0.0;
    tj_code rc = find_max(&max, logits, n_vocab, err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < n_vocab; i++) {
        probs[i] = 0.0;
    }
    if (s->temperature <= 0.0) {
        probs[argmax(logits, n_vocab, max)] = 1.0;
        return TJ_OK;
    }
    double mass = tj_infer_kernels_get()->exp_sum(sampler->weights, logits, n_vocab, max,
                                                  1.0 / s->temperature);
    if (!has_filters(s, n_vocab)) {
        for (size_t i = 0; i < n_vocab; i++) {
            probs[i] = sampler->weights[i] / mass;
        }
        return TJ_OK;
    }
    size_t n = keep(sampler, &mass, logits, n_vocab, s, mass);
    for (size_t j = 0; j < n; j++) {
        int32_t id = sampler->ids[n_vocab - 1 - j];
        probs[id] = sampler->weights[id] / mass;
    }
    return TJ_OK;
}
