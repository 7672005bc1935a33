/* The answers of an evaluation in the workspace. While it goes on they are in OUT/answers.jsonl
 * alone; the outputs, whose verdicts are known at the end, are added in one transaction with the
 * run's end. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "stage/eval_inner.h"
#include "tree/tree.h"

/* ------------------------------------------------------------------ beginning */

tj_code tj_eval_outputs_begin(tj_eval_run *run, const tj_eval_task_config *cfg,
                              const tj_eval_docs *docs, const tj_eval_answers *answers,
                              const json_t *config, tj_err *err)
{
    tj_eval_run_spec spec = {.store = cfg->store,
                             .task = cfg->task->name,
                             .model = cfg->model,
                             .model_digest = cfg->model_digest,
                             .build_id = cfg->build_id,
                             .data = cfg->data,
                             .shots_data = cfg->shots_data,
                             .config = config,
                             .n_problems = docs->n,
                             .seed = cfg->seed};
    tj_code rc = tj_eval_run_begin(run, &spec, answers->n_answered == docs->n, err);
    if (rc == TJ_OK && cfg->force) {
        run->paid = (tj_run_cost){0}; /* the answers that it was for are forgotten */
    }
    return rc;
}

/* ------------------------------------------------------------------ outputs */

static tj_code write_problem(const void *ctx, size_t i, tj_buf *json, size_t *difficulty,
                             tj_err *err)
{
    const tj_eval_doc *d = &((const tj_eval_docs *)ctx)->docs[i];
    tj_data_record record = {.problem = d->problem,
                             .answer = d->answer,
                             .subject = d->subject,
                             .id = d->id,
                             .level = d->level};
    (void)err; /* the buffer says what failed */
    tj_data_write_problem(json, &record);
    *difficulty = d->level;
    return TJ_OK;
}

/* What each score made of a sample. */
static char *metrics_of(const tj_eval_task_config *cfg, const tj_eval_scores *s, size_t at)
{
    json_t *m = json_pack("{s:s, s:s, s:o}", "verdict", tj_verdict_name(s->grades[at].verdict),
                          "method", s->method[at] == NULL ? "" : s->method[at], "answer",
                          tj_eval_text(s->normal[at]));
    for (size_t f = 0; f < s->n_filters; f++) {
        json_object_set_new(m, cfg->task->filters[f].name, json_integer(s->right[f][at]));
    }
    char *text = m == NULL ? NULL : tj_json_canonical(m);
    json_decref(m);
    return text;
}

static tj_code add_output(const tj_eval_run *r, const tj_eval_task_config *cfg,
                          const tj_eval_answer *answer, const tj_eval_scores *s, size_t i, size_t k,
                          int64_t problem, const char *sampling, tj_err *err)
{
    size_t at = i * s->n_samples + k;
    int64_t id;
    char *metrics = metrics_of(cfg, s, at);
    if (metrics == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot describe an answer");
    }
    tj_output output = {
        .origin = {.run = r->run, .ordinal = s->doc[i] * s->n_samples + k},
        .problem = problem,
        .sampling = sampling,
        .seed = cfg->seed,
        .draw = k,
        .text = answer->texts[k].s,
        .n_text = answer->texts[k].n,
        /* a server tells only the sum of a problem's samples: it is shared out among them */
        .n_tokens =
            (size_t)(answer->n_tokens / answer->n) + (k < answer->n_tokens % answer->n ? 1 : 0),
        .finish = answer->finishes[k],
        .correct = s->grades[at].verdict == TJ_VERDICT_UNDECIDED
                       ? TJ_UNDECIDED
                       : (s->grades[at].verdict == TJ_VERDICT_EQUAL ? 1 : 0),
        .metrics = metrics};
    tj_code rc = tj_store_add_output(r->store, &id, &output, err);
    tj_free(metrics);
    return rc;
}

/* What the rows of a run that is done are made of. */
typedef struct done_run {
    const tj_eval_run *run;
    const tj_eval_task_config *cfg;
    const tj_eval_docs *docs;
    const tj_eval_answers *answers;
    const tj_eval_scores *scores;
} done_run;

static tj_code add_outputs(void *ctx, tj_err *err)
{
    const done_run *d = ctx;
    const tj_eval_scores *s = d->scores;
    const tj_sampling *how = &d->cfg->sampling;
    char sampling[160];
    int64_t *ids = tj_calloc(d->docs->n, sizeof *ids);
    tj_eval_problems problems = {.data = d->cfg->data,
                                 .digest = d->docs->digest,
                                 .kind = TJ_WORDS_TASK,
                                 .n = d->docs->n,
                                 .write = write_problem,
                                 .ctx = d->docs};
    (void)snprintf(
        sampling, sizeof sampling,
        "{\"max_tokens\":%zu,\"min_p\":%g,\"temperature\":%g,\"top_k\":%zu,\"top_p\":%g}",
        d->cfg->max_tokens, how->min_p, how->temperature, how->top_k, how->top_p);
    tj_code rc = ids == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot hold %zu problems", d->docs->n)
                     : tj_eval_problems_find(d->run->store, d->run->run, &problems, ids, err);
    for (size_t n = 0; n < s->n * s->n_samples && rc == TJ_OK; n++) {
        size_t i = n / s->n_samples;
        size_t doc = s->doc[i];
        rc = add_output(d->run, d->cfg, &d->answers->of[doc], s, i, n % s->n_samples, ids[doc],
                        sampling, err);
    }
    tj_free(ids);
    return rc;
}

/* ------------------------------------------------------------------ ending */

/* What was spent on the answers beyond what the run was charged for. */
static tj_run_cost cost_of(const tj_eval_run *r, const tj_eval_answers *a)
{
    tj_run_cost cost = {0};
    cost.tokens = a->n_completion > r->paid.tokens ? a->n_completion - r->paid.tokens : 0;
    cost.seconds = a->seconds > r->paid.seconds ? a->seconds - r->paid.seconds : 0.0;
    cost.money = a->cost > r->paid.money ? a->cost - r->paid.money : 0.0;
    return cost;
}

tj_code tj_eval_outputs_end(tj_eval_run *run, tj_code rc, const tj_eval_task_config *cfg,
                            const tj_eval_docs *docs, const tj_eval_answers *answers,
                            const tj_eval_scores *scores, const json_t *result, tj_err *err)
{
    done_run done = {run, cfg, docs, answers, scores};
    tj_run_cost cost = cost_of(run, answers);
    return tj_eval_run_end(run, rc, &cost, cfg->out, result, add_outputs, &done, err);
}
