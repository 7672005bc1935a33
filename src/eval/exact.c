/* What has a closed form: McNemar's test, Wilson's interval, votes, pass@k. */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/interval.h"
#include "eval/eval.h"

/* With n = only_a + only_b and k the smaller count, p = 2 P(X <= k) for X ~ Binomial(n, 1/2).
 * log P(X = k) = sum over i of log((n - k + i) / i) - n log 2; the smaller terms are summed by
 * their ratio to it, P(X = j - 1) / P(X = j) = j / (n - j + 1), which is below 1 for j <= n / 2. */
void tj_eval_mcnemar(tj_mcnemar *out, size_t only_a, size_t only_b)
{
    const double ln2 = log(2.0);
    double n = (double)only_a + (double)only_b;
    size_t k = only_a < only_b ? only_a : only_b;
    double log_term = -n * ln2;
    for (size_t i = 1; i <= k; i++) {
        log_term += log((n - (double)k + (double)i) / (double)i);
    }
    double sum = 1.0;
    double term = 1.0;
    for (size_t j = k; j > 0 && term > sum * 1e-18; j--) {
        term *= (double)j / (n - (double)j + 1.0);
        sum += term;
    }
    double log_p = fmin(ln2 + log_term + log(sum), 0.0);
    *out = (tj_mcnemar){.only_a = only_a, .only_b = only_b};
    out->p = exp(log_p);
    out->log10_p = log_p / log(10.0);
}

/* The z with P(|Z| < z) = level, by bisection of erf, which is exact enough and cannot fail. */
static double normal_z(double level)
{
    double low = 0.0;
    double high = 40.0; /* erf is 1 in double long before */
    for (int i = 0; i < 100; i++) {
        double mid = (low + high) / 2.0;
        if (erf(mid / sqrt(2.0)) < level) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return low;
}

void tj_eval_wilson(tj_interval *out, size_t n_success, size_t n, double level)
{
    TJ_ASSERT(n > 0);
    TJ_ASSERT(n_success <= n);
    out->mean = (double)n_success / (double)n;
    tj_wilson(&out->low, &out->high, n_success, n, normal_z(level));
}

static bool abstains(const tj_vote *vote)
{
    return vote->key == NULL || vote->key[0] == '\0';
}

/* Quadratic in n, which is the samples of one problem: tens. */
size_t tj_eval_majority(const tj_vote *votes, size_t n)
{
    size_t best = SIZE_MAX;
    size_t best_count = 0;
    double best_mean = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (abstains(&votes[i])) {
            continue;
        }
        size_t count = 0;
        size_t speaker = i; /* of this key's samples, the one with the highest mean_logprob */
        double sum = 0.0;
        for (size_t j = 0; j < n; j++) {
            if (abstains(&votes[j]) || strcmp(votes[i].key, votes[j].key) != 0) {
                continue;
            }
            count++;
            sum += votes[j].mean_logprob;
            if (votes[j].mean_logprob > votes[speaker].mean_logprob) {
                speaker = j;
            }
        }
        double mean = sum / (double)count;
        if (count > best_count || (count == best_count && mean > best_mean)) {
            best = speaker;
            best_count = count;
            best_mean = mean;
        }
    }
    return best;
}

/* C(n - c, k) / C(n, k) = product over i in (n - c, n] of (1 - k / i). */
double tj_eval_pass_at(size_t n, size_t n_correct, size_t k)
{
    TJ_ASSERT(k >= 1);
    TJ_ASSERT(k <= n);
    TJ_ASSERT(n_correct <= n);
    if (n - n_correct < k) {
        return 1.0;
    }
    double none = 1.0;
    for (size_t i = n - n_correct + 1; i <= n; i++) {
        none *= 1.0 - (double)k / (double)i;
    }
    return 1.0 - none;
}

size_t tj_eval_samples_for(double budget, double tokens_per_answer)
{
    if (!(tokens_per_answer > 0.0) || !(budget > tokens_per_answer)) {
        return 1;
    }
    double n = ceil(budget / tokens_per_answer);
    return n < 1e6 ? (size_t)n : 1000000; /* a bound on nonsense, not on use */
}
