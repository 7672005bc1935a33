/* Data and bases, and the declaration. */
#include "stage/experiment.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "stage/corpus.h"
#include "stage/training.h"

#define SPLIT_SEED 7

const char *tj_arm_kind_name(tj_arm_kind kind)
{
    static const char *const names[] = {"shortcut", "journey", "shortcut_equal_tokens",
                                        "journey_masked"};
    return names[kind];
}

/* ------------------------------------------------------------------ opening */

static void plan_cells(tj_experiment *x)
{
    const tj_demo_config *c = x->env.cfg;
    x->n_cells = 0;
    for (size_t b = 0; b < c->n_bases; b++) {
        for (size_t s = 0; s < c->n_seeds && x->n_cells < TJ_MAX_CELLS; s++) {
            x->cells[x->n_cells++] =
                (tj_cell){.base = b, .seed_index = s, .seed = c->seeds[s] + 100 * b};
        }
    }
    x->n_needed = c->n_train;
    for (size_t i = 0; c->full && i < c->n_curve; i++) {
        x->n_needed = c->curve[i] > x->n_needed ? c->curve[i] : x->n_needed;
    }
    x->n_candidates = (size_t)((double)x->n_needed * c->grow_spare + 0.999);
    x->n_valid = c->eval.split == 0 ? c->eval.n_valid : c->eval.n_problems;
}

static size_t split_size(const tj_experiment *x, tj_split split)
{
    const tj_demo_config *c = x->env.cfg;
    return split == TJ_SPLIT_TRAIN   ? c->corpus.n_problems + c->n_seeds * x->n_candidates
           : split == TJ_SPLIT_VALID ? x->n_valid
                                     : c->eval.n_problems;
}

/* The setting must have `margin` times the problems that are used, so that what is learnt is not
 * the list of problems. */
static tj_code check_setting(tj_experiment *x, tj_err *err)
{
    size_t used = 0;
    tj_code rc = tj_countdown_count(&x->task_cfg, &x->n_multisets, &x->n_countdown_problems, err);
    x->count_is_bound = rc == TJ_E_LIMIT;
    if (rc != TJ_OK && rc != TJ_E_LIMIT) {
        return rc;
    }
    for (int s = 0; s < 3; s++) {
        used += split_size(x, (tj_split)s);
    }
    if (x->n_countdown_problems / x->env.cfg->margin < used) {
        return tj_fail(err, TJ_E_LIMIT,
                       "the setting has %zu problems, but %zu are used and there should be %zu "
                       "times as many: widen task.number_max or task.target_max, or lower "
                       "corpus.n_problems",
                       x->n_countdown_problems, used, x->env.cfg->margin);
    }
    return TJ_OK;
}

static tj_code open_tokenizer(tj_stage_env *env, tj_err *err)
{
    size_t len;
    const char *json = tj_countdown_tokenizer_json(&len);
    tj_code rc = tj_tokenizer_parse(&env->tok, json, len, "countdown tokenizer", err);
    if (rc == TJ_OK) {
        env->eos = tj_tokenizer_find(env->tok, "<eos>");
        rc = env->eos >= 0 ? TJ_OK
                           : tj_fail(err, TJ_E_INVAL, "the countdown tokenizer has no <eos>");
    }
    return rc;
}

tj_code tj_experiment_open(tj_experiment *x, const char *dir, const tj_demo_config *cfg,
                           const char *build_id, bool only_done, const tj_job *job, tj_err *err)
{
    memset(x, 0, sizeof *x);
    x->start = tj_clock_seconds();
    x->task_cfg = cfg->task;
    tj_stage_env *env = &x->env;
    env->cfg = cfg;
    env->build_id = build_id;
    env->job = job;
    env->only_done = only_done;
    env->dtype = cfg->precision == 0 ? tj_dtype_best() : cfg->precision == 1 ? TJ_F32 : TJ_BF16;
    snprintf(env->isa, sizeof env->isa, "%s-%s", tj_isa_name(), tj_dtype_name(env->dtype));
    tj_countdown_task(&env->task, &x->task_cfg);
    plan_cells(x);
    tj_code rc = check_setting(x, err); /* before a workspace is made that begins with it */
    if (rc == TJ_OK) {
        rc = open_tokenizer(env, err);
    }
    if (rc == TJ_OK) {
        rc =
            tj_store_open(&env->store, dir, only_done ? TJ_STORE_READ : TJ_STORE_CREATE, NULL, err);
    }
    if (rc != TJ_OK) {
        tj_experiment_close(x);
    }
    return rc;
}

void tj_experiment_close(tj_experiment *x)
{
    for (size_t i = 0; i < x->n_arms; i++) {
        tj_free(x->arms[i].scores);
        tj_free(x->arms[i].tokens);
    }
    for (size_t a = 0; a < 2; a++) {
        for (size_t c = 0; c < TJ_MAX_CELLS; c++) {
            tj_answers_deinit(&x->greedy[a][c]);
        }
    }
    tj_problem_list_deinit(&x->test);
    tj_store_close(x->env.store);
    tj_tokenizer_destroy(x->env.tok);
    memset(x, 0, sizeof *x);
}

tj_split tj_experiment_split(const tj_experiment *x)
{
    return x->env.cfg->eval.split == 0 ? TJ_SPLIT_TEST : TJ_SPLIT_VALID;
}

/* ------------------------------------------------------------------ data */

static json_t *task_json(const tj_experiment *x)
{
    const tj_countdown_config *t = &x->task_cfg;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "n_numbers", (json_int_t)t->n_numbers,
                     "number_min", (json_int_t)t->number_min, "number_max",
                     (json_int_t)t->number_max, "target_min", (json_int_t)t->target_min,
                     "target_max", (json_int_t)t->target_max, "value_max", (json_int_t)t->value_max,
                     "targets_by_play", (int)t->targets_by_play);
}

typedef struct new_problems {
    tj_problem *rows;
    tj_buf text; /* all JSON, one after the other */
    size_t n;
} new_problems;

static tj_code draw_split(const tj_experiment *x, new_problems *p, tj_split split, tj_err *err)
{
    tj_countdown_problem *drawn = NULL;
    size_t n = split_size(x, split);
    tj_code rc =
        tj_countdown_make_set(&drawn, n, 1, &x->task_cfg, split, SPLIT_SEED, x->env.cfg->seed, err);
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        tj_problem *row = &p->rows[p->n++];
        char json[256];
        tj_buf one;
        tj_task_state first;
        tj_buf_init(&one);
        tj_countdown_write_json(&one, &drawn[i]);
        snprintf(json, sizeof json, "%s", tj_buf_text(&one));
        tj_buf_deinit(&one);
        row->split = split;
        row->n_json = strlen(json);
        tj_buf_add(&p->text, json, row->n_json + 1);
        rc = x->env.task.begin(x->env.task.ctx, &first, json, row->n_json, err);
        if (rc == TJ_OK) { /* of the pool nobody asks, and it is costly */
            bool pool = split == TJ_SPLIT_TRAIN && i < x->env.cfg->corpus.n_problems;
            row->difficulty = pool ? 0 : x->env.task.difficulty(x->env.task.ctx, &first);
        }
    }
    tj_free(drawn);
    return rc == TJ_OK ? tj_buf_check(&p->text, err) : rc;
}

static tj_code make_data(tj_experiment *x, int64_t run, tj_err *err)
{
    new_problems p = {0};
    size_t total = 0;
    json_t *config = task_json(x);
    size_t len;
    const char *tok_json = tj_countdown_tokenizer_json(&len);
    tj_buf_init(&p.text);
    for (int s = 0; s < 3; s++) {
        total += split_size(x, (tj_split)s);
    }
    p.rows = tj_calloc(total, sizeof *p.rows);
    tj_code rc = p.rows == NULL || config == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot draw %zu problems", total)
                     : TJ_OK;
    for (int s = 0; s < 3 && rc == TJ_OK; s++) {
        rc = draw_split(x, &p, (tj_split)s, err);
    }
    const char *at = tj_buf_text(&p.text);
    for (size_t i = 0; i < p.n && rc == TJ_OK; i++) {
        p.rows[i].json = at;
        at += p.rows[i].n_json + 1;
    }
    if (rc == TJ_OK) {
        rc = tj_store_add_tokenizer(x->env.store, &x->env.tok_row, run, "countdown",
                                    tj_tokenizer_hash(x->env.tok), tok_json, len, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_add_problem_set(x->env.store, &x->set, run, "countdown", "countdown", config,
                                      p.rows, p.n, err);
    }
    json_decref(config);
    tj_buf_deinit(&p.text);
    tj_free(p.rows);
    return rc;
}

static tj_code find_data(tj_experiment *x, int64_t run, tj_err *err)
{
    tj_row_ref *rows = NULL;
    size_t n = 0;
    tj_tokenizer_row tok = {0};
    tj_code rc = tj_store_list(x->env.store, &rows, &n, TJ_ROW_PROBLEM_SET, run, err);
    if (rc == TJ_OK && n == 0) {
        rc = tj_fail(err, TJ_E_NOTFOUND, "run %lld made no problem set", (long long)run);
    }
    if (rc == TJ_OK) {
        x->set = rows[0].id;
        rc = tj_store_find_tokenizer(x->env.store, &tok, tj_tokenizer_hash(x->env.tok), err);
        x->env.tok_row = tok.id;
    }
    tj_tokenizer_row_deinit(&tok);
    tj_free(rows);
    return rc;
}

tj_code tj_experiment_data(tj_experiment *x, tj_err *err)
{
    tj_scope scope;
    tj_scope_spec spec = {.stage = "data", .name = "draw problems", .seed = x->env.cfg->seed};
    spec.config = json_pack("{s:o, s:I, s:I, s:I}", "task", task_json(x), "train",
                            (json_int_t)split_size(x, TJ_SPLIT_TRAIN), "valid",
                            (json_int_t)split_size(x, TJ_SPLIT_VALID), "test",
                            (json_int_t)split_size(x, TJ_SPLIT_TEST));
    tj_code rc = tj_scope_begin(&x->env, &scope, &spec, err);
    if (rc == TJ_OK && !scope.done) {
        rc = make_data(x, scope.run, err);
        rc = tj_scope_end(&x->env, &scope, rc, NULL, err);
    } else if (rc == TJ_OK) {
        rc = find_data(x, scope.run, err);
    }
    if (rc == TJ_OK) {
        rc = tj_problem_list_load(&x->test, &x->env, x->set, tj_experiment_split(x), 0,
                                  x->env.cfg->eval.n_problems, err);
    }
    return rc;
}

/* ------------------------------------------------------------------ bases */

static tj_code base_corpus(const tj_experiment *x, tj_corpus *corpus, tj_problem_list *pool,
                           uint64_t seed, tj_err *err)
{
    const tj_demo_config *c = x->env.cfg;
    tj_code rc =
        tj_problem_list_load(pool, &x->env, x->set, TJ_SPLIT_TRAIN, 0, c->corpus.n_problems, err);
    *corpus = (tj_corpus){.cfg = &c->corpus,
                          .task = &x->task_cfg,
                          .tok = x->env.tok,
                          .problems = pool->countdown,
                          .n_problems = pool->n,
                          .eos = x->env.eos,
                          .seed = seed,
                          .chains = c->phase1.chains};
    return rc;
}

tj_code tj_experiment_base(tj_experiment *x, size_t base, tj_err *err)
{
    const tj_demo_config *c = x->env.cfg;
    tj_problem_list pool = {0};
    tj_corpus corpus;
    tj_scope_spec spec = {.stage = "train", .seed = c->seed + base};
    snprintf(spec.name, sizeof spec.name, "phase 1, base %zu", base + 1);
    spec.config = tj_training_config_json(&x->env, "phase1", 0);
    tj_scope_input(&spec, "problems", "problem_set", x->set);
    tj_scope_input(&spec, "tokenizer", "tokenizer", x->env.tok_row);
    tj_code rc = base_corpus(x, &corpus, &pool, c->seed + base, err);
    tj_training training = {.spec = &spec,
                            .source = {tj_corpus_fill, &corpus},
                            .phase = &c->phase1,
                            .n_updates = c->phase1.n_updates};
    snprintf(training.model_name, sizeof training.model_name, "base %zu", base + 1);
    if (rc == TJ_OK) {
        rc = tj_stage_train(&x->env, &training, &x->base_model[base], &x->base_run[base], err);
    } else {
        json_decref(spec.config);
    }
    tj_problem_list_deinit(&pool);
    return rc;
}

/* ------------------------------------------------------------------ declaration */

tj_code tj_experiment_declare(tj_experiment *x, tj_err *err)
{
    const tj_demo_config *c = x->env.cfg;
    tj_problem_set set = {0};
    json_t *seeds = json_array();
    tj_code rc = tj_store_get_problem_set(x->env.store, &set, x->set, err);
    if (rc != TJ_OK) {
        json_decref(seeds);
        return rc;
    }
    for (size_t i = 0; i < x->n_cells; i++) {
        json_array_append_new(seeds, json_integer((json_int_t)x->cells[i].seed));
    }
    json_t *declaration = json_pack(
        "{s:I, s:I, s:s, s:o, s:I, s:s, s:s, s:o}", "n_train", (json_int_t)c->n_train, "n_test",
        (json_int_t)c->eval.n_problems, "problem_set", set.digest, "seeds", seeds, "mcnemar_seed",
        (json_int_t)x->cells[0].seed, "primary",
        "accuracy of journey minus shortcut, greedy, on the same test problems: mean over seeds "
        "for "
        "each problem, 95% bootstrap interval over problems",
        "same_tokens",
        "as many samples of the shortcut model as spend at least the journey's mean tokens an "
        "answer; majority of the canonical final expression, ties by mean log-probability",
        "config", tj_demo_config_write(c));
    tj_problem_set_deinit(&set);
    if (declaration == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot write the declaration");
    }
    if (x->env.only_done) {
        rc = tj_declaration_find(x->env.store, &x->declaration, err);
    } else {
        rc = tj_store_declare(x->env.store, &x->declaration, declaration, err);
    }
    json_decref(declaration);
    return rc;
}
