/* Choices in the workspace. What is scored is an output at once, in one transaction with its cost,
 * so that the rows themselves say what a run that was stopped has done. Log-likelihoods come back
 * as the bits that they were. */
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "stage/eval_inner.h"

json_t *tj_choice_json(const tj_choice_score *score)
{
    return json_pack("{s:f, s:b, s:I}", "logprob", score->logprob, "greedy", score->is_greedy,
                     "tokens", (json_int_t)score->n_tokens);
}

/* ------------------------------------------------------------ problems */

/* {"answer": the right choice, "choices", "problem": the query} */
static tj_code write_problem(const void *ctx, size_t i, tj_buf *json, size_t *difficulty,
                             tj_err *err)
{
    const tj_choice_row *row = &((const tj_choice_rows *)ctx)->rows[i];
    json_t *problem = json_pack(
        "{s:o, s:O, s:O}", "answer", tj_eval_text(tj_choice_text(row, row->gold)), "choices",
        json_object_get(row->json, "choices"), "problem", json_object_get(row->json, "query"));
    char *text = problem == NULL ? NULL : tj_json_canonical(problem);
    *difficulty = 0;
    json_decref(problem);
    if (text == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot describe a problem");
    }
    tj_buf_str(json, text);
    tj_free(text);
    return TJ_OK;
}

static tj_code find_problems(tj_choices_ledger *l, const tj_eval_choices_config *cfg,
                             const tj_choice_rows *rows, tj_err *err)
{
    tj_eval_problems problems = {.data = cfg->data,
                                 .digest = rows->digest,
                                 .kind = TJ_CHOICES_TASK,
                                 .n = rows->n,
                                 .write = write_problem,
                                 .ctx = rows};
    l->problems = tj_calloc(rows->n, sizeof *l->problems);
    if (l->problems == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu problems", rows->n);
    }
    tj_code rc = tj_store_begin(l->run.store, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tj_eval_problems_find(l->run.store, l->run.run, &problems, l->problems, err);
    if (rc == TJ_OK) {
        return tj_store_commit(l->run.store, err);
    }
    tj_store_rollback(l->run.store);
    return rc;
}

/* ------------------------------------------------------------ what is known */

static tj_code take_score(tj_choice_score *out, const json_t *from, tj_err *err)
{
    const json_t *logprob = json_object_get(from, "logprob");
    const json_t *greedy = json_object_get(from, "greedy");
    const json_t *tokens = json_object_get(from, "tokens");
    if (!json_is_number(logprob) || !json_is_boolean(greedy) || !json_is_integer(tokens)) {
        return tj_fail(err, TJ_E_PARSE, "choices: expected logprob, greedy and tokens of each");
    }
    *out = (tj_choice_score){.logprob = json_number_value(logprob),
                             .is_greedy = json_is_true(greedy),
                             .n_tokens = (size_t)json_integer_value(tokens)};
    return TJ_OK;
}

static tj_code take_scores(tj_choice_row *row, const tj_output *output, tj_err *err)
{
    json_t *metrics = output->metrics == NULL ? NULL : json_loads(output->metrics, 0, NULL);
    const json_t *all = json_object_get(metrics, "choices");
    tj_code rc = TJ_OK;
    if (json_array_size(all) != row->n) {
        rc = tj_fail(err, TJ_E_PARSE, "choices: expected %zu scores", row->n);
    } else {
        row->scores = tj_calloc(row->n, sizeof *row->scores);
        rc = row->scores != NULL ? TJ_OK
                                 : tj_fail(err, TJ_E_NOMEM, "cannot hold %zu scores", row->n);
    }
    for (size_t i = 0; i < row->n && rc == TJ_OK; i++) {
        rc = take_score(&row->scores[i], json_array_get(all, i), err);
    }
    row->n_tokens = output->n_tokens;
    json_decref(metrics);
    return rc;
}

static tj_code take_output(void *ctx, const tj_output *output, tj_err *err)
{
    tj_choice_rows *rows = ctx;
    tj_code rc = TJ_OK;
    if (output->origin.ordinal >= rows->n) {
        rc = tj_fail(err, TJ_E_PARSE, "item %zu of %zu", output->origin.ordinal, rows->n);
    } else if (rows->rows[output->origin.ordinal].scores == NULL) {
        rc = take_scores(&rows->rows[output->origin.ordinal], output, err);
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "output %lld of the workspace", (long long)output->id);
    }
    return rc;
}

/* ------------------------------------------------------------ beginning, items, ending */

static json_t *config_json(const tj_eval_choices_config *cfg, const tj_choice_rows *rows)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "task", TJ_CHOICES_TASK, "task_version", "1",
                     "data_digest", rows->digest, "model", cfg->model, "model_digest",
                     cfg->model_digest);
}

tj_code tj_choices_ledger_begin(tj_choices_ledger *out, const tj_eval_choices_config *cfg,
                                tj_choice_rows *rows, tj_err *err)
{
    tj_run_info info;
    memset(out, 0, sizeof *out);
    json_t *config = config_json(cfg, rows);
    tj_eval_run_spec spec = {.store = cfg->store,
                             .task = TJ_CHOICES_TASK,
                             .model = cfg->model,
                             .model_digest = cfg->model_digest,
                             .build_id = cfg->build_id,
                             .data = cfg->data,
                             .config = config,
                             .n_problems = rows->n};
    tj_code rc = tj_eval_run_begin(&out->run, &spec, true, err);
    json_decref(config);
    if (rc != TJ_OK || out->run.run == 0) {
        out->run.store = NULL; /* nothing was begun, and nothing is to be ended */
        return rc;
    }
    tj_output_filter filter = {.run = out->run.run};
    rc = tj_store_output_each(cfg->store, &filter, take_output, rows, err);
    if (rc == TJ_OK) {
        rc = tj_run_get(cfg->store, &info, out->run.run, err);
        out->seconds = info.cost.seconds;
        tj_run_info_deinit(&info);
    }
    return rc == TJ_OK && out->run.store != NULL ? find_problems(out, cfg, rows, err) : rc;
}

static char *metrics_of(const tj_choice_row *row)
{
    json_t *all = json_array();
    for (size_t i = 0; i < row->n; i++) {
        json_array_append_new(all, tj_choice_json(&row->scores[i]));
    }
    json_t *m = json_pack(
        "{s:o, s:i, s:i, s:I}", "choices", all, "acc", tj_choice_best(row) == row->gold ? 1 : 0,
        "acc_norm", tj_choice_best_norm(row) == row->gold ? 1 : 0, "gold", (json_int_t)row->gold);
    char *text = m == NULL ? NULL : tj_json_canonical(m);
    json_decref(m);
    return text;
}

static tj_code add_output(const tj_choices_ledger *l, const tj_choice_row *row, size_t i,
                          const char *metrics, tj_err *err)
{
    int64_t id;
    size_t best = tj_choice_best(row);
    tj_str chosen = tj_choice_text(row, best);
    tj_output output = {.origin = {.run = l->run.run, .ordinal = i},
                        .problem = l->problems[i],
                        .sampling = "{\"choose\":\"log-likelihood\"}",
                        .text = chosen.s,
                        .n_text = chosen.n,
                        .n_tokens = row->n_tokens,
                        .finish = TJ_FINISH_NONE,
                        .correct = best == row->gold ? 1 : 0,
                        .metrics = metrics};
    return tj_store_add_output(l->run.store, &id, &output, err);
}

tj_code tj_choices_ledger_add(tj_choices_ledger *l, const tj_choice_rows *rows, size_t i,
                              double seconds, tj_err *err)
{
    const tj_choice_row *row = &rows->rows[i];
    tj_run_cost cost = {.tokens = row->n_tokens, .seconds = seconds};
    if (l->run.store == NULL) {
        return TJ_OK;
    }
    char *metrics = metrics_of(row);
    tj_code rc = metrics == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot describe an item")
                                 : tj_store_begin(l->run.store, err);
    if (rc != TJ_OK) {
        tj_free(metrics);
        return rc;
    }
    rc = add_output(l, row, i, metrics, err);
    if (rc == TJ_OK) {
        rc = tj_run_add_cost(l->run.store, l->run.run, &cost, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_commit(l->run.store, err);
    } else {
        tj_store_rollback(l->run.store);
    }
    tj_free(metrics);
    return rc;
}

tj_code tj_choices_ledger_end(tj_choices_ledger *l, tj_code rc, const tj_eval_choices_config *cfg,
                              const json_t *result, tj_err *err)
{
    static const tj_run_cost none; /* every item has brought its own */
    json_t *metrics = rc == TJ_OK ? json_copy((json_t *)(uintptr_t)result) : NULL;
    if (metrics != NULL) {
        json_object_del(metrics, "rows"); /* the outputs are these */
    }
    if (rc == TJ_OK && metrics == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot end the evaluation");
    }
    rc = tj_eval_run_end(&l->run, rc, &none, cfg->out, metrics, NULL, NULL, err);
    json_decref(metrics);
    tj_free(l->problems);
    memset(l, 0, sizeof *l);
    return rc;
}
