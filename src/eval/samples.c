#include "eval/samples.h"

#include <string.h>

#include "base/alloc.h"

/* ------------------------------------------------------------ one problem */

/* One pair; the verdict of one that a limit stopped is UNDECIDED, and noted at the sample. */
static tj_code grade(tj_graded *out, tj_grade_pool *pool, tj_str gold, tj_str pred,
                     tj_sample_grade *sample, tj_err *err)
{
    tj_code rc = tj_grade_pool_pair(pool, out, gold.s, gold.n, pred.s, pred.n, NULL, err);
    sample->limit = sample->limit || (rc == TJ_OK && out->limit);
    return rc;
}

/* Puts sample i into the class of an earlier one, or into one of its own. */
static tj_code classify(tj_sample_grade *grades, tj_grade_pool *pool, const tj_str *texts, size_t i,
                        tj_err *err)
{
    for (size_t k = 0; k < i; k++) {
        tj_graded pair;
        if (grades[k].class_id != k) { /* not the first of a class */
            continue;
        }
        tj_code rc = grade(&pair, pool, texts[k], texts[i], &grades[i], err);
        if (rc != TJ_OK) {
            return rc;
        }
        if (pair.grade.verdict == TJ_VERDICT_EQUAL) {
            grades[i].class_id = k;
            return TJ_OK;
        }
    }
    grades[i].class_id = i;
    return TJ_OK;
}

/* *refused: why the reference gives no verdict; TJ_OK as long as it does. */
static tj_code grade_one(tj_sample_grade *grades, tj_code *refused, tj_grade_pool *pool,
                         tj_str gold, const tj_str *texts, size_t i, tj_err *err)
{
    tj_sample_grade *own = &grades[i];
    tj_graded pair;
    *own = (tj_sample_grade){.verdict = TJ_VERDICT_UNDECIDED, .class_id = TJ_NO_CLASS};
    tj_code rc = grade(&pair, pool, gold, texts[i], own, err);
    if (rc == TJ_OK && pair.code != TJ_OK) {
        *refused = tj_fail(err, pair.code, "%s", pair.grade.reason);
    } else if (rc == TJ_OK) {
        own->verdict = pair.grade.verdict;
    }
    if (rc == TJ_OK) { /* what can be read is equal to itself */
        rc = grade(&pair, pool, texts[i], texts[i], own, err);
        own->answers = rc == TJ_OK && pair.code == TJ_OK && pair.grade.verdict == TJ_VERDICT_EQUAL;
    }
    return rc;
}

tj_code tj_eval_grade_samples(tj_sample_grade *out, tj_grade_pool *pool, tj_str gold,
                              const tj_str *texts, size_t n, tj_err *err)
{
    tj_code refused = TJ_OK;
    for (size_t i = 0; i < n; i++) {
        tj_code rc = grade_one(out, &refused, pool, gold, texts, i, err);
        if (rc == TJ_OK && n > 1 && out[i].answers) {
            rc = classify(out, pool, texts, i, err);
        }
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return refused;
}

size_t tj_eval_majority_class(const tj_sample_grade *grades, size_t n)
{
    size_t best = SIZE_MAX;
    size_t most = 0;
    for (size_t i = 0; i < n; i++) {
        size_t votes = 0;
        for (size_t k = i; k < n && grades[i].class_id == i; k++) {
            votes += grades[k].class_id == i ? 1 : 0;
        }
        if (votes > most) {
            most = votes;
            best = i;
        }
    }
    return best;
}

/* ------------------------------------------------------------ many */

static size_t count_right(const unsigned char *right, size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += right[i] != 0 ? 1 : 0;
    }
    return sum;
}

/* The mean over problems of pass@k of their samples. */
static tj_code pass_at(tj_interval *out, double *values, const unsigned char *right,
                       const tj_sampled *s, size_t k, const tj_boot_config *boot, tj_err *err)
{
    for (size_t i = 0; i < s->n_problems; i++) {
        size_t n_right = count_right(right + i * s->n_samples, s->n_samples);
        values[i] = tj_eval_pass_at(s->n_samples, n_right, k);
    }
    return tj_eval_mean(out, values, s->n_problems, boot, err);
}

tj_code tj_eval_sampled(tj_sampled *out, const unsigned char *right, const unsigned char *majority,
                        size_t n_problems, size_t n_samples, const tj_boot_config *boot,
                        tj_err *err)
{
    *out = (tj_sampled){.n_problems = n_problems, .n_samples = n_samples};
    if (n_problems == 0 || n_samples == 0) {
        return tj_fail(err, TJ_E_INVAL, "no answers to count");
    }
    if (n_samples == 1) {
        tj_eval_wilson(&out->mean, count_right(right, n_problems), n_problems, boot->level);
        return TJ_OK;
    }
    double *values = tj_calloc(n_problems, sizeof *values);
    if (values == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot count %zu problems", n_problems);
    }
    tj_code rc = TJ_OK;
    for (size_t k = 1; k < 2 * n_samples && rc == TJ_OK; k *= 2) {
        size_t at = k < n_samples ? k : n_samples; /* the last is all of them */
        out->pass[out->n_pass].k = at;
        rc = pass_at(&out->pass[out->n_pass++].share, values, right, out, at, boot, err);
    }
    tj_free(values);
    out->mean = out->pass[0].share; /* pass@1 is the share of all samples */
    if (majority != NULL) {
        out->has_majority = true;
        tj_eval_wilson(&out->majority, count_right(majority, n_problems), n_problems, boot->level);
    }
    return rc;
}

static json_t *interval_json(const tj_interval *i)
{
    return json_pack("{s:f, s:f, s:f}", "mean", i->mean, "low", i->low, "high", i->high);
}

json_t *tj_sampled_json(const tj_sampled *s)
{
    json_t *all = interval_json(&s->mean);
    json_t *pass = json_array();
    for (size_t i = 0; i < s->n_pass; i++) {
        json_t *one = interval_json(&s->pass[i].share);
        json_object_set_new(one, "k", json_integer((json_int_t)s->pass[i].k));
        json_array_append_new(pass, one);
    }
    if (s->n_pass > 0) {
        json_object_set(all, "pass", pass);
    }
    if (s->has_majority) {
        json_object_set_new(all, "majority", interval_json(&s->majority));
    }
    json_decref(pass);
    return all;
}
