#include "stage/reward_eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/json.h"

/* A set as asks, in the order of its trees and steps. */
typedef struct asked {
    const tj_labelled *set;
    const tj_reward_eval_config *cfg;
    size_t *problem; /* [n_trees] index among the different problems of its part */
    bool *is_valid;  /* [n_trees] */
    size_t n_valid_problems, n_test_problems;
    tj_score_ask *asks; /* [n] of labelled steps */
    const char **paths; /* what the asks' steps point into */
    size_t n;
    tj_rewarded *valid, *test; /* [n] room; values by the contender at hand */
    tj_rewarded_solution *valid_solutions, *test_solutions; /* [n_trees] room */
    size_t n_valid, n_test, n_valid_solutions, n_test_solutions;
} asked;

/* ------------------------------------------------------------ problems */

typedef struct known_problem {
    uint64_t hash;
    size_t tree;
} known_problem;

static int by_hash(const void *a, const void *b)
{
    const known_problem *x = a;
    const known_problem *y = b;
    return x->hash != y->hash ? (x->hash < y->hash ? -1 : 1)
                              : (x->tree > y->tree) - (x->tree < y->tree);
}

/* The first 64 bits of the text's SHA-256. */
static uint64_t hash_of(const char *text)
{
    char hex[TJ_SHA256_HEX];
    tj_sha256_hex(hex, text, strlen(text));
    hex[16] = 0;
    return strtoull(hex, NULL, 16);
}

/* Numbers the different problems and says which are of the validation part. */
static tj_code split_problems(asked *a, tj_err *err)
{
    size_t n = a->set->n_trees;
    known_problem *known = tj_calloc(n, sizeof *known);
    if (known == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu problems", n);
    }
    for (size_t i = 0; i < n; i++) {
        known[i] = (known_problem){hash_of(a->set->trees[i].problem), i};
    }
    qsort(known, n, sizeof *known, by_hash);
    for (size_t i = 0; i < n; i++) {
        bool is_new = i == 0 || known[i].hash != known[i - 1].hash;
        bool valid = ldexp((double)known[i].hash, -64) < a->cfg->valid_part;
        size_t *n_problems = valid ? &a->n_valid_problems : &a->n_test_problems;
        *n_problems += is_new ? 1 : 0;
        a->problem[known[i].tree] = *n_problems - 1;
        a->is_valid[known[i].tree] = valid;
    }
    tj_free(known);
    return TJ_OK;
}

/* ------------------------------------------------------------ asks */

static tj_code make_asks(asked *a, tj_err *err)
{
    size_t n_paths = 0;
    size_t at = 0;
    for (size_t t = 0; t < a->set->n_trees; t++) {
        const tj_labelled_tree *tree = &a->set->trees[t];
        for (size_t s = 0; s < tree->n_steps; s++) {
            a->n += isnan(tree->steps[s].target) ? 0 : 1;
            n_paths += isnan(tree->steps[s].target) ? 0 : tree->steps[s].depth;
        }
    }
    a->asks = tj_calloc(a->n, sizeof *a->asks);
    a->paths = tj_calloc(n_paths, sizeof *a->paths);
    a->valid = tj_calloc(a->n, sizeof *a->valid);
    a->test = tj_calloc(a->n, sizeof *a->test);
    if (a->asks == NULL || a->paths == NULL || a->valid == NULL || a->test == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot ask about %zu steps", a->n);
    }
    a->n = 0;
    for (size_t t = 0; t < a->set->n_trees; t++) {
        const tj_labelled_tree *tree = &a->set->trees[t];
        for (size_t s = 0; s < tree->n_steps; s++) {
            if (isnan(tree->steps[s].target)) {
                continue;
            }
            tj_labelled_path(tree, s, a->paths + at);
            a->asks[a->n++] = (tj_score_ask){.problem = tree->problem,
                                             .answer = tree->answer,
                                             .steps = a->paths + at,
                                             .n_steps = tree->steps[s].depth,
                                             .node = TJ_NO_NODE,
                                             .key = ((uint64_t)t << 20) + s};
            at += tree->steps[s].depth;
        }
    }
    return TJ_OK;
}

/* The solution that a tree is: its steps up to the first wrong one. */
static void add_solution(asked *a, size_t t, size_t begin)
{
    const tj_labelled_tree *tree = &a->set->trees[t];
    size_t n = 0;
    if (!tree->is_whole) {
        return;
    }
    while (n < tree->n_steps && tree->steps[n].target >= 0.5) {
        n++;
    }
    n += n < tree->n_steps ? 1 : 0;
    tj_rewarded_solution solution = {a->problem[t], begin, n};
    if (a->is_valid[t]) {
        a->valid_solutions[a->n_valid_solutions++] = solution;
    } else {
        a->test_solutions[a->n_test_solutions++] = solution;
    }
}

/* Shares the values [n] out to the two parts. */
static void place_values(asked *a, const double *values)
{
    size_t i = 0;
    a->n_valid = a->n_test = a->n_valid_solutions = a->n_test_solutions = 0;
    for (size_t t = 0; t < a->set->n_trees; t++) {
        const tj_labelled_tree *tree = &a->set->trees[t];
        add_solution(a, t, a->is_valid[t] ? a->n_valid : a->n_test);
        for (size_t s = 0; s < tree->n_steps; s++) {
            double target = tree->steps[s].target;
            if (isnan(target)) {
                continue;
            }
            tj_rewarded step = {a->problem[t], values[i++], target >= 0.5};
            if (a->is_valid[t]) {
                a->valid[a->n_valid++] = step;
            } else {
                a->test[a->n_test++] = step;
            }
        }
    }
}

static tj_rewarded_set valid_set(const asked *a)
{
    return (tj_rewarded_set){a->valid, a->valid_solutions, a->n_valid, a->n_valid_solutions,
                             a->n_valid_problems};
}

/* ------------------------------------------------------------ a contender */

typedef struct cost {
    size_t n_failed;
    uint64_t tokens, path_tokens;
    double seconds, money;
    char first_error[TJ_ERR_MSG_BYTES];
} cost;

static void take_score(double *value, cost *sum, const tj_score *score, const tj_scorer *scorer)
{
    *value =
        score->failed ? (double)NAN : (score->value - scorer->low) / (scorer->high - scorer->low);
    sum->tokens += score->tokens;
    sum->path_tokens += score->path_tokens;
    sum->money += score->money;
    if (score->failed && sum->n_failed++ == 0 && score->error != NULL) {
        (void)strncat(sum->first_error, score->error, sizeof sum->first_error - 1);
    }
}

/* Scores all asks: values [n]. */
static tj_code run_scorer(double *values, cost *sum, const asked *a, const tj_scorer *scorer,
                          const tj_job *job, tj_err *err)
{
    double start = tj_clock_seconds();
    tj_score *scores = tj_calloc(a->n, sizeof *scores);
    if (scores == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu scores", a->n);
    }
    tj_code rc = scorer->score(scorer->ctx, scores, a->asks, a->n, job, err);
    for (size_t i = 0; i < a->n && rc == TJ_OK; i++) {
        take_score(&values[i], sum, &scores[i], scorer);
        tj_score_deinit(&scores[i]);
    }
    tj_free(scores);
    sum->seconds = tj_clock_seconds() - start;
    return rc;
}

/* Whether the validation part has solutions with an error and such without: else there is no F1 of
 * the first wrong step to be best for. */
static bool has_both_kinds(const asked *a)
{
    size_t n_correct = 0;
    for (size_t i = 0; i < a->n_valid_solutions; i++) {
        const tj_rewarded_solution *s = &a->valid_solutions[i];
        n_correct += s->n > 0 && a->valid[s->begin + s->n - 1].right ? 1 : 0;
    }
    return n_correct > 0 && n_correct < a->n_valid_solutions;
}

/* Measures what place_values put into the parts: a row of the table. */
static tj_code measure(json_t **out, asked *a, const char *name, const char *spec,
                       double own_threshold, bool keeps, const cost *sum, tj_err *err)
{
    tj_reward_measures m;
    tj_rewarded_set test = {a->test, a->test_solutions, a->n_test, a->n_test_solutions,
                            a->n_test_problems};
    tj_rewarded_set valid = valid_set(a);
    bool chooses = !keeps && a->n_valid > 0;
    bool by_first = a->cfg->by_first && has_both_kinds(a);
    double threshold = own_threshold;
    *out = NULL;
    tj_code rc = chooses ? tj_reward_choose(&threshold, &valid,
                                            by_first ? TJ_BY_FIRST_F1 : TJ_BY_WRONG_F1, err)
                         : TJ_OK;
    if (rc == TJ_OK) {
        rc = tj_reward_measure(&m, &test, threshold, &a->cfg->boot, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    json_t *row = tj_reward_json(&m);
    json_t *more = json_pack("{s:s, s:o, s:s, s:I, s:s, s:I, s:o, s:f, s:f}", "rewarder", name,
                             "spec", tj_json_text(spec, strlen(spec)), "threshold_from",
                             !chooses   ? "the rewarder"
                             : by_first ? "validation, first_f1"
                                        : "validation, wrong_f1",
                             "failed", (json_int_t)sum->n_failed, "first_error", sum->first_error,
                             "tokens", (json_int_t)sum->tokens, "sharing_ratio",
                             tj_json_number(sum->tokens > 0 && sum->path_tokens > 0
                                                ? (double)sum->path_tokens / (double)sum->tokens
                                                : (double)NAN),
                             "seconds", sum->seconds, "money", sum->money);
    if (row == NULL || more == NULL || json_object_update(row, more) != 0) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot write a row");
        json_decref(row);
        row = NULL;
    }
    json_decref(more);
    *out = row;
    return rc;
}

/* ------------------------------------------------------------ all of them */

static tj_code append_row(json_t *rows, json_t *row, tj_err *err)
{
    return json_array_append_new(rows, row) == 0 ? TJ_OK
                                                 : tj_fail(err, TJ_E_NOMEM, "cannot hold a row");
}

/* A baseline that gives every step the same. */
static tj_code add_constant(json_t *rows, asked *a, double *values, const char *name, double value,
                            tj_err *err)
{
    json_t *row;
    cost none = {.n_failed = 0};
    for (size_t i = 0; i < a->n; i++) {
        values[i] = value;
    }
    place_values(a, values);
    tj_code rc = measure(&row, a, name, "", 0.5, true, &none, err);
    return rc == TJ_OK ? append_row(rows, row, err) : rc;
}

static tj_code add_baselines(json_t *rows, asked *a, double *values, tj_err *err)
{
    double n_right = 0.0;
    tj_code rc = add_constant(rows, a, values, "always right", 1.0, err);
    for (size_t i = 0; i < a->n_valid; i++) {
        n_right += a->valid[i].right ? 1.0 : 0.0;
    }
    return rc == TJ_OK && a->n_valid > 0
               ? add_constant(rows, a, values, "majority", n_right / (double)a->n_valid, err)
               : rc;
}

static tj_code add_contender(json_t *rows, asked *a, double *values, const tj_reward_contender *c,
                             const tj_job *job, tj_err *err)
{
    const tj_scorer *s = c->scorer;
    cost sum = {.n_failed = 0};
    json_t *row = NULL;
    tj_code rc = run_scorer(values, &sum, a, s, job, err);
    if (rc == TJ_OK) {
        place_values(a, values);
        rc = measure(&row, a, s->name, c->spec, (s->threshold - s->low) / (s->high - s->low),
                     c->keeps_threshold, &sum, err);
    }
    if (rc == TJ_OK) {
        rc = json_object_set_new(row, "meaning", json_string(tj_meaning_name(s->meaning))) == 0
                 ? append_row(rows, row, err)
                 : tj_fail(err, TJ_E_NOMEM, "cannot hold a row");
    } else {
        tj_err_context(err, "%s", s->name);
    }
    return rc;
}

/* Counts of a part: of its problems, solutions and steps. */
static json_t *part_json(const asked *a, bool valid)
{
    size_t n_trees = 0;
    size_t n_wrong = 0;
    size_t n = valid ? a->n_valid : a->n_test;
    const tj_rewarded *steps = valid ? a->valid : a->test;
    for (size_t t = 0; t < a->set->n_trees; t++) {
        n_trees += a->is_valid[t] == valid ? 1 : 0;
    }
    for (size_t i = 0; i < n; i++) {
        n_wrong += steps[i].right ? 0 : 1;
    }
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "problems",
                     (json_int_t)(valid ? a->n_valid_problems : a->n_test_problems), "trees",
                     (json_int_t)n_trees, "solutions",
                     (json_int_t)(valid ? a->n_valid_solutions : a->n_test_solutions), "steps",
                     (json_int_t)n, "wrong", (json_int_t)n_wrong);
}

static tj_code run_all(json_t **out, asked *a, const char *name,
                       const tj_reward_contender *contenders, size_t n, const tj_job *job,
                       tj_err *err)
{
    json_t *rows = json_array();
    double *values = tj_calloc(a->n, sizeof *values);
    tj_code rc = rows == NULL || values == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold values")
                                                : add_baselines(rows, a, values, err);
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = add_contender(rows, a, values, &contenders[i], job, err);
    }
    if (rc == TJ_OK) {
        *out = json_pack("{s:o, s:s, s:f, s:o, s:o, s:I, s:s, s:O}", "set",
                         tj_json_text(name, strlen(name)), "format", a->set->format, "valid_part",
                         a->cfg->valid_part, "validation", part_json(a, true), "test",
                         part_json(a, false), "refused", (json_int_t)a->set->n_refused,
                         "positive_class", "wrong", "rewarders", rows);
        rc = *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write the table") : TJ_OK;
    }
    json_decref(rows);
    tj_free(values);
    return rc;
}

tj_code tj_reward_eval(json_t **out, const tj_labelled *set, const char *name,
                       const tj_reward_contender *contenders, size_t n,
                       const tj_reward_eval_config *cfg, const tj_job *job, tj_err *err)
{
    asked a = {.set = set, .cfg = cfg};
    *out = NULL;
    a.problem = tj_calloc(set->n_trees, sizeof *a.problem);
    a.is_valid = tj_calloc(set->n_trees, sizeof *a.is_valid);
    a.valid_solutions = tj_calloc(set->n_trees, sizeof *a.valid_solutions);
    a.test_solutions = tj_calloc(set->n_trees, sizeof *a.test_solutions);
    tj_code rc = a.problem == NULL || a.is_valid == NULL || a.valid_solutions == NULL ||
                         a.test_solutions == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot hold %zu problems", set->n_trees)
                     : split_problems(&a, err);
    if (rc == TJ_OK) {
        rc = make_asks(&a, err);
    }
    if (rc == TJ_OK) {
        rc = run_all(out, &a, name, contenders, n, job, err);
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "%s", name);
    }
    tj_free(a.problem);
    tj_free(a.is_valid);
    tj_free(a.valid_solutions);
    tj_free(a.test_solutions);
    tj_free(a.asks);
    tj_free(a.paths);
    tj_free(a.valid);
    tj_free(a.test);
    return rc;
}
