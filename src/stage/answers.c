/* Generation in chunks of problems, each chunk's rows committed together, so that a stopped run
 * goes on with the next chunk. */
#include "stage/answers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define CHUNK          1024 /* answers generated and committed together */
/* Streams of random numbers, one a purpose. */
#define STREAM_ANSWERS 201

/* ------------------------------------------------------------------ problems */

static tj_code list_alloc(tj_problem_list *l, size_t n, tj_err *err)
{
    l->n = n;
    l->ids = tj_calloc(n, sizeof *l->ids);
    l->first = tj_calloc(n, sizeof *l->first);
    l->countdown = tj_calloc(n, sizeof *l->countdown);
    l->difficulty = tj_calloc(n, sizeof *l->difficulty);
    if (l->ids == NULL || l->first == NULL || l->countdown == NULL || l->difficulty == NULL) {
        tj_problem_list_deinit(l);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu problems", n);
    }
    return TJ_OK;
}

tj_code tj_problem_list_load(tj_problem_list *out, const tj_stage_env *env, int64_t set,
                             tj_split split, size_t offset, size_t n, tj_err *err)
{
    tj_problems rows = {0};
    memset(out, 0, sizeof *out);
    tj_code rc = tj_store_load_problems(env->store, &rows, set, split, offset, n, err);
    if (rc == TJ_OK && rows.n != n) {
        rc =
            tj_fail(err, TJ_E_LIMIT, "the problem set has %zu problems from %zu on, %zu are needed",
                    rows.n, offset, n);
    }
    if (rc == TJ_OK) {
        rc = list_alloc(out, n, err);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        const tj_problem *p = &rows.rows[i];
        out->ids[i] = p->id;
        out->difficulty[i] = p->difficulty;
        rc = tj_countdown_read_json(&out->countdown[i], p->json, p->n_json, err);
        if (rc == TJ_OK) {
            rc = env->task.begin(env->task.ctx, &out->first[i], p->json, p->n_json, err);
        }
    }
    tj_problems_deinit(&rows);
    if (rc != TJ_OK) {
        tj_problem_list_deinit(out);
    }
    return rc;
}

void tj_problem_list_deinit(tj_problem_list *l)
{
    tj_free(l->ids);
    tj_free(l->first);
    tj_free(l->countdown);
    tj_free(l->difficulty);
    memset(l, 0, sizeof *l);
}

/* ------------------------------------------------------------------ models and prompts */

tj_code tj_stage_prompt(const tj_stage_env *env, tj_ids *ids, const tj_task_state *first,
                        tj_err *err)
{
    tj_buf text;
    tj_buf_init(&text);
    env->task.write_prompt(env->task.ctx, first, &text);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK) {
        rc = tj_ids_add(ids, &env->eos, 1, err);
    }
    if (rc == TJ_OK) {
        rc = tj_tokenizer_encode(env->tok, ids, text.data, text.len, false, err);
    }
    tj_buf_deinit(&text);
    return rc;
}

tj_code tj_stage_load_model(const tj_stage_env *env, tj_model **out, int64_t id, tj_err *err)
{
    tj_model_row row = {0};
    char *path = NULL;
    *out = NULL;
    tj_code rc = tj_store_get_model(env->store, &row, id, err);
    if (rc == TJ_OK) {
        rc = tj_store_path(env->store, &path, row.path, err);
    }
    if (rc == TJ_OK) {
        rc = tj_model_load(out, path, env->dtype, err);
    }
    tj_free(path);
    tj_model_row_deinit(&row);
    return rc;
}

/* ------------------------------------------------------------------ generation */

typedef struct chunk_work {
    const tj_stage_env *env;
    const tj_answer_spec *spec;
    tj_engine *engine;
    char sampling[96]; /* JSON */
    tj_scope *scope;
} chunk_work;

static size_t problem_of(const chunk_work *w, size_t ordinal)
{
    return ordinal % w->spec->problems->n;
}

static tj_code store_answer(const chunk_work *w, size_t ordinal, const tj_gen *gen, tj_err *err)
{
    const tj_answer_spec *spec = w->spec;
    const tj_task *task = &w->env->task;
    size_t problem = problem_of(w, ordinal);
    tj_walk walk;
    tj_buf text;
    tj_buf_init(&text);
    tj_tokenizer_decode(w->env->tok, &text, gen->ids, gen->n_ids, false);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK) {
        rc = task->walk(task->ctx, &walk, &spec->problems->first[problem], tj_buf_text(&text),
                        text.len, err);
    }
    if (rc == TJ_OK) {
        tj_output output = {.origin = {.run = w->scope->run,
                                       .ordinal = ordinal,
                                       .model = spec->model,
                                       .tokenizer = w->env->tok_row},
                            .problem = spec->problems->ids[problem],
                            .sampling = w->sampling,
                            .seed = gen->seed,
                            .stream = gen->run,
                            .draw = gen->node,
                            .text = tj_buf_text(&text),
                            .n_text = text.len,
                            .ids = gen->ids,
                            .logprobs = gen->logprobs,
                            .n_ids = gen->n_ids,
                            .n_tokens = gen->n_ids,
                            .finish = gen->finish,
                            .correct = walk.correct ? 1 : 0};
        int64_t id;
        rc = tj_store_add_output(w->env->store, &id, &output, err);
        tj_walk_deinit(&walk);
    }
    tj_buf_deinit(&text);
    return rc;
}

static tj_code begin_gen(const chunk_work *w, size_t ordinal, tj_gen *gen, tj_err *err)
{
    const tj_answer_spec *spec = w->spec;
    size_t problem = problem_of(w, ordinal);
    tj_ids prompt = {0};
    tj_code rc = tj_stage_prompt(w->env, &prompt, &spec->problems->first[problem], err);
    if (rc == TJ_OK) {
        *gen = (tj_gen){.sampling = {.temperature = spec->temperature, .top_p = 1.0},
                        .seed = spec->seed,
                        .run = STREAM_ANSWERS,
                        .problem = (uint64_t)spec->problems->ids[problem],
                        .node = ordinal / spec->problems->n,
                        .max_tokens = w->env->cfg->eval.max_tokens};
        rc = tj_engine_root(w->engine, &gen->branch, prompt.ids, prompt.n, err);
    }
    tj_ids_deinit(&prompt);
    return rc;
}

static tj_code store_chunk(const chunk_work *w, size_t first, const tj_gen *gens, size_t n,
                           tj_err *err)
{
    tj_run_cost cost = {0};
    tj_code rc = tj_store_begin(w->env->store, err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        cost.tokens += gens[i].n_ids;
        rc = store_answer(w, first + i, &gens[i], err);
    }
    if (rc == TJ_OK) {
        rc = tj_run_add_cost(w->env->store, w->scope->run, &cost, err);
    }
    if (rc == TJ_OK) {
        return tj_store_commit(w->env->store, err);
    }
    tj_store_rollback(w->env->store);
    return rc;
}

static tj_code run_chunk(const chunk_work *w, size_t first, size_t n, tj_err *err)
{
    tj_gen *gens = tj_calloc(n, sizeof *gens);
    tj_code rc = TJ_OK;
    size_t n_begun = 0;
    if (gens == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot generate %zu answers", n);
    }
    while (n_begun < n && rc == TJ_OK) {
        rc = begin_gen(w, first + n_begun, &gens[n_begun], err);
        n_begun += rc == TJ_OK ? 1 : 0;
    }
    if (rc == TJ_OK) {
        tj_job quiet = {.cancel = w->env->job == NULL ? NULL : w->env->job->cancel};
        rc = tj_engine_generate(w->engine, gens, n, &quiet, err);
    }
    if (rc == TJ_OK) {
        rc = store_chunk(w, first, gens, n, err);
    }
    for (size_t i = 0; i < n_begun; i++) {
        tj_engine_drop(w->engine, gens[i].branch);
        tj_gen_deinit(&gens[i]);
    }
    tj_free(gens);
    return rc;
}

static tj_code generate_all(const tj_stage_env *env, tj_scope *scope, const tj_answer_spec *spec,
                            tj_err *err)
{
    tj_model *model = NULL;
    tj_engine *engine = NULL;
    tj_engine_config engine_cfg;
    size_t total = spec->problems->n * spec->n_samples;
    size_t done = 0;
    tj_engine_config_default(&engine_cfg);
    tj_code rc = tj_store_count(env->store, &done, TJ_ROW_OUTPUT, scope->run, err);
    if (rc == TJ_OK) {
        rc = tj_stage_load_model(env, &model, spec->model, err);
    }
    if (rc == TJ_OK) {
        rc = tj_engine_create(&engine, model, env->tok, &engine_cfg, err);
    }
    chunk_work w = {.env = env, .spec = spec, .engine = engine, .scope = scope};
    snprintf(w.sampling, sizeof w.sampling, "{\"max_tokens\":%zu,\"temperature\":%g}",
             env->cfg->eval.max_tokens, spec->temperature);
    while (rc == TJ_OK && done < total) {
        size_t n = total - done < CHUNK ? total - done : CHUNK;
        rc = run_chunk(&w, done, n, err);
        done += n;
        tj_job_progress(env->job, spec->name, done, total, "answers", NULL);
    }
    tj_engine_destroy(engine);
    tj_model_destroy(model);
    return rc;
}

/* ------------------------------------------------------------------ judging */

typedef struct judge_work {
    const tj_stage_env *env;
    const tj_problem_list *problems;
    tj_answers *answers;
} judge_work;

static tj_code judge_output(void *ctx, const tj_output *o, tj_err *err)
{
    judge_work *w = ctx;
    const tj_task *task = &w->env->task;
    size_t i = o->origin.ordinal;
    if (i >= w->answers->n_samples * w->answers->n_problems) {
        return tj_fail(err, TJ_E_CONFLICT, "run %lld has more outputs than it should",
                       (long long)o->origin.run);
    }
    const tj_task_state *first = &w->problems->first[i % w->problems->n];
    tj_answer *a = &w->answers->rows[i];
    tj_walk walk;
    tj_code rc = task->walk(task->ctx, &walk, first, o->text, o->n_text, err);
    if (rc != TJ_OK) {
        return rc;
    }
    double sum = 0.0;
    for (size_t t = 0; o->logprobs != NULL && t < o->n_ids; t++) {
        sum += (double)o->logprobs[t];
    }
    a->output = o->id;
    a->n_tokens = o->n_tokens;
    a->truncated = o->finish == TJ_FINISH_LENGTH;
    a->correct = walk.correct;
    a->claims = tj_eval_claims(&walk);
    a->mean_logprob = o->n_ids == 0 ? -(double)INFINITY : sum / (double)o->n_ids;
    snprintf(a->expression, sizeof a->expression, "%s", walk.expression);
    rc = tj_eval_process(&a->process, &walk, first, a->n_tokens, a->truncated, err);
    tj_walk_deinit(&walk);
    return rc;
}

static tj_code judge_all(const tj_stage_env *env, tj_answers *out, const tj_answer_spec *spec,
                         int64_t run, tj_err *err)
{
    size_t n = spec->problems->n * spec->n_samples;
    out->run = run;
    out->n_problems = spec->problems->n;
    out->n_samples = spec->n_samples;
    out->rows = tj_calloc(n, sizeof *out->rows);
    if (out->rows == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot judge %zu answers", n);
    }
    judge_work w = {env, spec->problems, out};
    tj_output_filter filter = {.run = run};
    return tj_store_output_each(env->store, &filter, judge_output, &w, err);
}

void tj_answers_deinit(tj_answers *a)
{
    tj_free(a->rows);
    memset(a, 0, sizeof *a);
}

tj_code tj_stage_answer(const tj_stage_env *env, tj_answers *out, const tj_answer_spec *spec,
                        tj_err *err)
{
    tj_scope scope;
    tj_scope_spec run = {.stage = "eval", .seed = spec->seed};
    memset(out, 0, sizeof *out);
    snprintf(run.name, sizeof run.name, "%s", spec->name);
    run.config =
        json_pack("{s:f, s:I, s:I, s:I, s:i, s:I}", "temperature", spec->temperature, "n_samples",
                  (json_int_t)spec->n_samples, "n_problems", (json_int_t)spec->problems->n,
                  "max_tokens", (json_int_t)env->cfg->eval.max_tokens, "split", (int)spec->split,
                  "first_problem", (json_int_t)spec->problems->ids[0]);
    tj_scope_input(&run, "model", "model", spec->model);
    tj_scope_input(&run, "problems", "problem_set", spec->set);
    tj_scope_input(&run, "tokenizer", "tokenizer", env->tok_row);
    tj_code rc = tj_scope_begin(env, &scope, &run, err);
    if (rc == TJ_OK && !scope.done) {
        rc = generate_all(env, &scope, spec, err);
        rc = tj_scope_end(env, &scope, rc, NULL, err);
    }
    if (rc == TJ_OK) {
        rc = judge_all(env, out, spec, scope.run, err);
    }
    if (rc != TJ_OK) {
        tj_answers_deinit(out);
        tj_err_context(err, "%s", spec->name);
    }
    return rc;
}
