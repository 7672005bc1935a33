/* The arms: both train from the same base, on the same problems, in the same order, beside the same
 * phase-1 texts, for the same number of epochs; an update takes the same number of problems in
 * both, so that equal epochs are equal updates. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "stage/experiment.h"
#include "stage/lessons.h"
#include "stage/training.h"

static tj_code arm_updates(const tj_experiment *x, const tj_cell *cell, tj_arm_kind kind,
                           const tj_lesson_set *set, tj_lessons *lessons, size_t *out, tj_err *err)
{
    const tj_phase_config *phase = &x->env.cfg->phase2;
    *out = tj_lessons_updates(lessons, phase->epochs);
    if (phase->max_updates > 0 && *out > phase->max_updates) {
        *out = phase->max_updates;
    }
    if (kind != TJ_ARM_SHORTCUT_TOKENS) {
        return TJ_OK;
    }
    tj_lesson_set journeys;
    tj_code rc = tj_lessons_load(&x->env, &journeys, cell->derive_run, true, false, set->n, err);
    if (rc == TJ_OK) { /* tokens of answers alone: what is replayed is the same a problem */
        double ratio = (double)journeys.n_tokens / (double)set->n_tokens;
        *out = (size_t)ceil((double)*out * ratio);
        tj_lessons_deinit(&journeys);
    }
    return rc;
}

static void describe(const tj_experiment *x, tj_scope_spec *spec, const tj_cell *cell,
                     tj_arm_kind kind, size_t n)
{
    snprintf(spec->name, sizeof spec->name, "%s, N = %zu, seed %llu", tj_arm_kind_name(kind), n,
             (unsigned long long)cell->seed);
    spec->config = tj_training_config_json(&x->env, "phase2", n);
    json_object_set_new(spec->config, "arm", json_string(tj_arm_kind_name(kind)));
    tj_scope_input(spec, "base", "model", x->base_model[cell->base]);
    tj_scope_input(spec, "thoughts", "run", cell->derive_run);
    tj_scope_input(spec, "replay", "problem_set", x->set);
}

tj_code tj_experiment_train(tj_experiment *x, int64_t *model, int64_t *run, const tj_cell *cell,
                            tj_arm_kind kind, size_t n, tj_err *err)
{
    const tj_demo_config *c = x->env.cfg;
    bool journey = kind == TJ_ARM_JOURNEY || kind == TJ_ARM_JOURNEY_MASKED;
    tj_lesson_set set = {0};
    tj_problem_list pool = {0};
    tj_scope_spec spec = {.stage = "train", .seed = cell->seed};
    tj_code rc = tj_lessons_load(&x->env, &set, cell->derive_run, journey,
                                 kind == TJ_ARM_JOURNEY_MASKED, n, err);
    if (rc == TJ_OK) {
        rc = tj_problem_list_load(&pool, &x->env, x->set, TJ_SPLIT_TRAIN, 0, c->corpus.n_problems,
                                  err);
    }
    tj_corpus corpus = {.cfg = &c->corpus,
                        .task = &x->task_cfg,
                        .tok = x->env.tok,
                        .problems = pool.countdown,
                        .n_problems = pool.n,
                        .eos = x->env.eos};
    tj_lessons lessons = {.lessons = set.lessons,
                          .n = set.n,
                          .per_update = c->phase2.problems,
                          .replay = c->phase2.replay,
                          .corpus = &corpus,
                          .seed = cell->seed,
                          .order = tj_calloc(set.n, sizeof(size_t)),
                          .order_epoch = SIZE_MAX};
    tj_training training = {.spec = &spec,
                            .source = {tj_lessons_fill, &lessons},
                            .phase = &c->phase2,
                            .from = x->base_model[cell->base]};
    if (rc == TJ_OK && lessons.order == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot order %zu lessons", set.n);
    }
    if (rc == TJ_OK) {
        rc = arm_updates(x, cell, kind, &set, &lessons, &training.n_updates, err);
    }
    if (rc == TJ_OK) {
        describe(x, &spec, cell, kind, n);
        snprintf(training.model_name, sizeof training.model_name, "%s-%zu-seed-%llu",
                 tj_arm_kind_name(kind), n, (unsigned long long)cell->seed);
        rc = tj_stage_train(&x->env, &training, model, run, err);
    }
    tj_free(lessons.order);
    tj_lessons_deinit(&set);
    tj_problem_list_deinit(&pool);
    return rc;
}

/* ------------------------------------------------------------------ evaluation */

static tj_boot_config boot(const tj_experiment *x)
{
    tj_boot_config b;
    tj_boot_config_default(&b);
    b.n_resamples = x->env.cfg->eval.n_resamples;
    return b;
}

static tj_code answer(const tj_experiment *x, tj_answers *out, int64_t model, const char *what,
                      uint64_t seed, double temperature, size_t n_samples, tj_err *err)
{
    char name[96];
    snprintf(name, sizeof name, "evaluate %s, seed %llu", what, (unsigned long long)seed);
    tj_answer_spec spec = {.model = model,
                           .name = name,
                           .temperature = temperature,
                           .n_samples = n_samples,
                           .seed = seed,
                           .set = x->set,
                           .split = tj_experiment_split(x),
                           .problems = &x->test};
    return tj_stage_answer(&x->env, out, &spec, err);
}

static tj_arm_result *new_arm(tj_experiment *x, const char *key, const char *label,
                              const char *budget, const char *decoding, size_t n_cells, tj_err *err)
{
    tj_arm_result *r = &x->arms[x->n_arms];
    memset(r, 0, sizeof *r);
    r->key = key;
    r->label = label;
    r->budget = budget;
    r->decoding = decoding;
    r->n_cells = n_cells;
    r->n_samples = 1.0;
    r->scores = tj_calloc(n_cells * x->test.n, sizeof *r->scores);
    r->tokens = tj_calloc(n_cells * x->test.n, sizeof *r->tokens);
    if (r->scores == NULL || r->tokens == NULL) {
        tj_free(r->scores);
        tj_free(r->tokens);
        (void)tj_fail(err, TJ_E_NOMEM, "cannot hold the scores of %zu problems", x->test.n);
        return NULL;
    }
    x->n_arms++;
    return r;
}

static void score_greedy(const tj_experiment *x, tj_arm_result *r, size_t cell,
                         const tj_answers *answers)
{
    r->has_process = true;
    for (size_t i = 0; i < x->test.n; i++) {
        const tj_answer *a = &answers->rows[i];
        r->scores[cell * x->test.n + i] = a->correct ? 1.0 : 0.0;
        r->tokens[cell * x->test.n + i] = (double)a->n_tokens;
        tj_process_table_add(&r->process, &a->process, x->test.difficulty[i]);
    }
}

/* One sample a problem, as the mean over several. */
static void score_mean(const tj_experiment *x, tj_arm_result *r, size_t cell,
                       const tj_answers *answers)
{
    double n = (double)answers->n_samples;
    for (size_t i = 0; i < x->test.n; i++) {
        double right = 0.0;
        double tokens = 0.0;
        for (size_t s = 0; s < answers->n_samples; s++) {
            const tj_answer *a = &answers->rows[s * x->test.n + i];
            right += a->correct ? 1.0 : 0.0;
            tokens += (double)a->n_tokens;
        }
        r->scores[cell * x->test.n + i] = right / n;
        r->tokens[cell * x->test.n + i] = tokens / n;
    }
}

/* Several samples a problem: the majority's answer, or any right one where the verifier chooses. */
static void score_samples(const tj_experiment *x, tj_arm_result *r, size_t cell,
                          const tj_answers *answers, bool verified)
{
    tj_vote votes[64];
    for (size_t i = 0; i < x->test.n; i++) {
        bool any = false;
        double tokens = 0.0;
        for (size_t s = 0; s < answers->n_samples; s++) {
            const tj_answer *a = &answers->rows[s * x->test.n + i];
            votes[s] = (tj_vote){a->claims ? a->expression : NULL, a->mean_logprob};
            any = any || a->correct;
            tokens += (double)a->n_tokens;
        }
        size_t chosen = tj_eval_majority(votes, answers->n_samples);
        bool right =
            verified ? any : chosen != SIZE_MAX && answers->rows[chosen * x->test.n + i].correct;
        r->scores[cell * x->test.n + i] = right ? 1.0 : 0.0;
        r->tokens[cell * x->test.n + i] = tokens;
    }
    r->n_samples = (double)answers->n_samples;
}

static tj_code finish_arm(const tj_experiment *x, tj_arm_result *r, tj_err *err)
{
    tj_boot_config b = boot(x);
    tj_scores scores = {r->scores, r->n_cells, x->test.n};
    return tj_eval_accuracy(&r->accuracy, &scores, r->tokens, &b, err);
}

/* A greedy arm: one model a cell. keep (may be NULL) takes the answers. */
static tj_code greedy_arm(tj_experiment *x, const char *key, const char *label, const char *budget,
                          const int64_t *models, size_t n_cells, tj_answers *keep, tj_err *err)
{
    tj_arm_result *r = new_arm(x, key, label, budget, "greedy", n_cells, err);
    if (r == NULL) {
        return TJ_E_NOMEM;
    }
    tj_code rc = TJ_OK;
    for (size_t c = 0; c < n_cells && rc == TJ_OK; c++) {
        tj_answers answers;
        uint64_t seed = strcmp(key, "base") == 0 ? c + 1 : x->cells[c].seed;
        rc = answer(x, &answers, models[c], key, seed, 0.0, 1, err);
        if (rc == TJ_OK) {
            score_greedy(x, r, c, &answers);
        }
        if (keep != NULL && rc == TJ_OK) {
            keep[c] = answers;
        } else if (rc == TJ_OK) {
            tj_answers_deinit(&answers);
        }
    }
    return rc == TJ_OK ? finish_arm(x, r, err) : rc;
}

enum { MAJORITY, VERIFIED, ONCE, N_READINGS };

/* The arms that n samples of each cell's model make: the majority's answer, the verifier's choice,
 * and one sample alone. */
static tj_code sampled_arms(tj_experiment *x, const char *what, const char *const keys[N_READINGS],
                            const char *const labels[N_READINGS], const int64_t *models,
                            size_t n_samples, size_t n_cells, tj_err *err)
{
    static const char *const decodings[N_READINGS] = {"majority", "verified", "sampled"};
    tj_arm_result *r[N_READINGS];
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < N_READINGS; i++) {
        r[i] = new_arm(x, keys[i], labels[i], "epochs", decodings[i], n_cells, err);
        if (r[i] == NULL) {
            return TJ_E_NOMEM;
        }
    }
    for (size_t c = 0; c < n_cells && rc == TJ_OK; c++) {
        tj_answers answers;
        char name[64];
        snprintf(name, sizeof name, "%s, %zu samples", what, n_samples);
        rc = answer(x, &answers, models[c], name, x->cells[c].seed, x->env.cfg->eval.temperature,
                    n_samples, err);
        if (rc == TJ_OK) {
            score_samples(x, r[MAJORITY], c, &answers, false);
            score_samples(x, r[VERIFIED], c, &answers, true);
            score_mean(x, r[ONCE], c, &answers);
            tj_answers_deinit(&answers);
        }
    }
    for (size_t i = 0; i < N_READINGS && rc == TJ_OK; i++) {
        rc = finish_arm(x, r[i], err);
    }
    return rc;
}

static const tj_arm_result *find_arm(const tj_experiment *x, const char *key)
{
    for (size_t i = 0; i < x->n_arms; i++) {
        if (strcmp(x->arms[i].key, key) == 0) {
            return &x->arms[i];
        }
    }
    return NULL;
}

static tj_code compare(const tj_experiment *x, tj_difference *out, const tj_arm_result *a,
                       const tj_arm_result *b, tj_err *err)
{
    tj_boot_config cfg = boot(x);
    size_t n_cells = a->n_cells < b->n_cells ? a->n_cells : b->n_cells; /* the first ones */
    tj_scores sa = {a->scores, n_cells, x->test.n};
    tj_scores sb = {b->scores, n_cells, x->test.n};
    return tj_eval_difference(out, &sa, &sb, &cfg, err);
}

static tj_code compare_more(tj_experiment *x, const char *label, const char *a, const char *b,
                            tj_err *err)
{
    const tj_arm_result *ra = find_arm(x, a);
    const tj_arm_result *rb = find_arm(x, b);
    if (ra == NULL || rb == NULL) {
        return TJ_OK;
    }
    snprintf(x->others[x->n_others].label, sizeof x->others[0].label, "%s%s", label,
             ra->n_cells == rb->n_cells ? "" : " (first seed)");
    x->others[x->n_others].a = a;
    x->others[x->n_others].b = b;
    return compare(x, &x->others[x->n_others++].difference, ra, rb, err);
}

/* Trains an arm's models in all cells. */
static tj_code train_cells(tj_experiment *x, tj_arm_kind kind, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t c = 0; c < x->n_cells && rc == TJ_OK; c++) {
        rc = tj_experiment_train(x, &x->model[kind][c], &x->train_run[kind][c], &x->cells[c], kind,
                                 x->env.cfg->n_train, err);
    }
    return rc;
}

static tj_code same_token_controls(tj_experiment *x, tj_err *err)
{
    static const char *const keys[2][N_READINGS] = {
        {"shortcut_same_tokens", "shortcut_verified_same_tokens", "shortcut_sampled"},
        {"journey_same_tokens", "journey_verified_same_tokens", "journey_sampled"}};
    static const char *const labels[2][N_READINGS] = {
        {"Shortcut, same tokens: majority", "Shortcut, same tokens: verifier chooses (pass@n)",
         "Shortcut, one sample (mean of n)"},
        {"Journey, as many samples: majority",
         "Journey, as many samples: verifier chooses (pass@n)", "Journey, one sample (mean of n)"}};
    double budget = find_arm(x, "journey")->accuracy.tokens_per_answer;
    double each = find_arm(x, "shortcut")->accuracy.tokens_per_answer;
    size_t n = tj_eval_samples_for(budget, each);
    n = n > x->env.cfg->eval.max_samples ? x->env.cfg->eval.max_samples : n;
    tj_code rc = sampled_arms(x, "shortcut", keys[0], labels[0], x->model[TJ_ARM_SHORTCUT], n,
                              x->n_cells, err);
    if (rc == TJ_OK) {
        /* long answers, many of them: the demo does it for its first seed */
        size_t n_cells = x->env.cfg->full ? x->n_cells : 1;
        rc = sampled_arms(x, "journey", keys[1], labels[1], x->model[TJ_ARM_JOURNEY], n, n_cells,
                          err);
    }
    return rc;
}

static tj_code curve_point(tj_experiment *x, size_t n, tj_err *err)
{
    tj_curve_point *point = &x->curve[x->n_curve++];
    size_t first = x->n_arms;
    const tj_arm_kind kinds[] = {TJ_ARM_SHORTCUT, TJ_ARM_JOURNEY, TJ_ARM_JOURNEY_MASKED};
    tj_accuracy *const into[] = {&point->shortcut, &point->journey, &point->masked};
    tj_code rc = TJ_OK;
    point->n = n;
    point->has_masked = n <= x->env.cfg->n_train; /* a control, and training is most of the cost */
    for (size_t k = 0; k < (point->has_masked ? 3U : 2U) && rc == TJ_OK; k++) {
        int64_t models[TJ_MAX_CELLS];
        for (size_t c = 0; c < x->n_cells && rc == TJ_OK; c++) {
            int64_t run;
            rc = tj_experiment_train(x, &models[c], &run, &x->cells[c], kinds[k], n, err);
        }
        if (rc == TJ_OK) {
            rc = greedy_arm(x, tj_arm_kind_name(kinds[k]), "", "epochs", models, x->n_cells, NULL,
                            err);
        }
        if (rc == TJ_OK) {
            *into[k] = x->arms[first + k].accuracy;
        }
    }
    if (rc == TJ_OK) {
        rc = compare(x, &point->difference, &x->arms[first + 1], &x->arms[first], err);
    }
    while (x->n_arms > first) { /* scores of a point are not kept */
        tj_free(x->arms[--x->n_arms].scores);
        tj_free(x->arms[x->n_arms].tokens);
    }
    return rc;
}

static tj_code headline(tj_experiment *x, tj_err *err)
{
    tj_code rc =
        greedy_arm(x, "base", "Base", "none", x->base_model, x->env.cfg->n_bases, NULL, err);
    if (rc == TJ_OK) {
        rc = greedy_arm(x, "shortcut", "Shortcut", "epochs", x->model[TJ_ARM_SHORTCUT], x->n_cells,
                        x->greedy[0], err);
    }
    if (rc == TJ_OK) {
        rc = greedy_arm(x, "journey", "Journey", "epochs", x->model[TJ_ARM_JOURNEY], x->n_cells,
                        x->greedy[1], err);
    }
    if (rc == TJ_OK) {
        rc = compare(x, &x->headline, find_arm(x, "journey"), find_arm(x, "shortcut"), err);
    }
    if (rc == TJ_OK) {
        rc = same_token_controls(x, err);
    }
    if (rc == TJ_OK && x->env.cfg->full) {
        rc = greedy_arm(x, "shortcut_equal_tokens", "Shortcut, trained for as many tokens",
                        "tokens", x->model[TJ_ARM_SHORTCUT_TOKENS], x->n_cells, NULL, err);
    }
    if (rc == TJ_OK && x->env.cfg->full) {
        rc = greedy_arm(x, "journey_masked", "Journey, wrong branches masked", "epochs",
                        x->model[TJ_ARM_JOURNEY_MASKED], x->n_cells, NULL, err);
    }
    return rc;
}

tj_code tj_experiment_evaluate(tj_experiment *x, tj_err *err)
{
    size_t n_kinds = x->env.cfg->full ? TJ_N_ARM_KINDS : TJ_ARM_JOURNEY + 1;
    tj_code rc = TJ_OK;
    for (size_t k = 0; k < n_kinds && rc == TJ_OK; k++) {
        rc = train_cells(x, (tj_arm_kind)k, err);
    }
    if (rc == TJ_OK) {
        rc = headline(x, err);
    }
    static const struct {
        const char *label, *a, *b;
    } more[] = {
        {"journey - shortcut trained for as many tokens", "journey", "shortcut_equal_tokens"},
        {"journey (greedy) - shortcut, same tokens, majority", "journey", "shortcut_same_tokens"},
        {"journey (greedy) - shortcut, same tokens, verifier chooses", "journey",
         "shortcut_verified_same_tokens"},
        {"journey - shortcut, as many samples, verifier chooses", "journey_verified_same_tokens",
         "shortcut_verified_same_tokens"},
        {"journey - shortcut, one sample each", "journey_sampled", "shortcut_sampled"},
        {"journey (one sample) - shortcut, same tokens, majority", "journey_sampled",
         "shortcut_same_tokens"},
        {"journey - journey with wrong branches masked", "journey", "journey_masked"}};
    for (size_t i = 0; i < sizeof more / sizeof more[0] && rc == TJ_OK; i++) {
        rc = compare_more(x, more[i].label, more[i].a, more[i].b, err);
    }
    for (size_t i = 0; x->env.cfg->full && i < x->env.cfg->n_curve && rc == TJ_OK; i++) {
        rc = curve_point(x, x->env.cfg->curve[i], err);
    }
    return rc;
}
