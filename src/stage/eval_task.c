/* The run of an evaluation: what is not answered yet is asked, batch by batch, then all is scored.
 */
#include "stage/eval_task.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/config.h"
#include "stage/eval_inner.h"
#include "text/text.h"

/* ------------------------------------------------------------ prompts alone */

/* What prompts are shown with. */
typedef struct showing {
    const tj_eval_docs *docs;
    bool has_template;
    tj_chat_template template;
    tj_chat_options options;
    tj_chat chat;
} showing;

/* Adds a chat's text in the template. */
static tj_code add_rendered(showing *s, json_t *line, const tj_eval_doc *d, tj_err *err)
{
    tj_code rc = tj_chat_render(&s->chat, s->template, d->messages, d->n_messages, s->options, err);
    if (rc == TJ_OK) {
        tj_str text = {tj_buf_text(&s->chat.text), s->chat.text.len};
        rc = json_object_set_new(line, "prompt", tj_eval_text(text)) == 0
                 ? TJ_OK
                 : tj_fail(err, TJ_E_NOMEM, "cannot show a prompt");
    }
    return rc;
}

static tj_code show_prompt(showing *s, size_t i, tj_str target,
                           tj_code (*each)(void *ctx, const json_t *prompt, tj_err *err), void *ctx,
                           tj_err *err)
{
    const tj_eval_doc *d = &s->docs->docs[i];
    json_t *line = json_pack("{s:I, s:o, s:o, s:s}", "doc_id", (json_int_t)i,
                             d->messages == NULL ? "prompt" : "messages", tj_eval_prompt_json(d),
                             "target", tj_eval_text(target), "prompt_hash", d->prompt_hash);
    tj_code rc = line == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot show a prompt") : TJ_OK;
    if (rc == TJ_OK && s->has_template && d->messages != NULL) {
        rc = add_rendered(s, line, d, err);
    }
    if (rc == TJ_OK) {
        rc = each(ctx, line, err);
    }
    json_decref(line);
    return rc;
}

tj_code tj_eval_prompts(const tj_eval_task_config *cfg,
                        tj_code (*each)(void *ctx, const json_t *prompt, tj_err *err), void *ctx,
                        tj_err *err)
{
    tj_eval_docs docs;
    tj_harness *harness = NULL;
    tj_buf target;
    showing s = {.docs = &docs,
                 .has_template = cfg->shown_template != NULL,
                 .options = {.prompts = true, .no_thinking = cfg->no_thinking}};
    tj_buf_init(&target);
    tj_chat_init(&s.chat);
    tj_code rc = tj_eval_docs_open(&docs, cfg, err);
    if (rc == TJ_OK && s.has_template) {
        rc = tj_chat_by_name(&s.template, cfg->shown_template, err);
    }
    if (rc == TJ_OK) {
        rc = tj_harness_create(&harness, cfg->task, err);
    }
    for (size_t i = 0; i < docs.n && rc == TJ_OK; i++) {
        tj_buf_clear(&target);
        rc = tj_harness_target(harness, &target, docs.docs[i].solution, docs.docs[i].answer, err);
        if (rc == TJ_OK) {
            rc = show_prompt(&s, i, (tj_str){tj_buf_text(&target), target.len}, each, ctx, err);
        }
    }
    tj_buf_deinit(&target);
    tj_chat_deinit(&s.chat);
    tj_harness_destroy(harness);
    tj_eval_docs_close(&docs);
    return rc;
}

/* ------------------------------------------------------------ what determines the answers */

static json_t *config_json(const tj_eval_task_config *cfg, const tj_eval_docs *docs)
{
    return json_pack(
        "{s:s, s:s, s:s, s:I, s:o, s:s, s:s, s:b, s:s, s:f, s:I, s:f, s:f, s:I, s:I, "
        "s:o}",
        "task", cfg->task->name, "task_version", cfg->task->version, "data_digest", docs->digest,
        "shots", (json_int_t)docs->n_shots, "shots_seed", json_integer((json_int_t)cfg->shots_seed),
        "model", cfg->model, "model_digest", cfg->model_digest, "chat", cfg->chat, "system",
        cfg->system == NULL ? "" : cfg->system, "temperature", cfg->sampling.temperature, "top_k",
        (json_int_t)cfg->sampling.top_k, "top_p", cfg->sampling.top_p, "min_p", cfg->sampling.min_p,
        "samples", (json_int_t)cfg->n_samples, "max_tokens", (json_int_t)cfg->max_tokens, "seed",
        json_integer((json_int_t)cfg->seed));
}

static tj_code differs(const json_t *old, const json_t *wanted, const char *dir, tj_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)wanted, key, value)
    {
        if (!json_equal(json_object_get(old, key), value)) {
            return tj_fail(err, TJ_E_CONFLICT,
                           "%s has answers of another evaluation: its %s differs (--force forgets "
                           "them)",
                           dir, key);
        }
    }
    return TJ_OK;
}

/* Makes the folder one of this configuration, or finds that it is. */
static tj_code claim(const tj_eval_task_config *cfg, const tj_eval_docs *docs, const char *answers,
                     tj_err *err)
{
    char *path = tj_fs_join(cfg->out, "config.json");
    json_t *wanted = config_json(cfg, docs);
    json_t *old = NULL;
    tj_code rc = path == NULL || wanted == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot write %s", cfg->out)
                     : tj_fs_mkdirs(cfg->out, err);
    if (rc == TJ_OK && cfg->force) {
        (void)unlink(path);
        (void)unlink(answers);
    }
    if (rc == TJ_OK && tj_fs_exists(path)) {
        rc = tj_config_load(&old, path, err);
        rc = rc == TJ_OK ? differs(old, wanted, cfg->out, err) : rc;
    } else if (rc == TJ_OK && tj_fs_exists(answers)) {
        rc = tj_fail(err, TJ_E_CONFLICT, "%s has answers without their config.json", cfg->out);
    } else if (rc == TJ_OK) {
        rc = tj_eval_write_json(cfg->out, "config.json", wanted, err);
    }
    json_decref(old);
    json_decref(wanted);
    tj_free(path);
    return rc;
}

/* ------------------------------------------------------------ asking */

typedef struct asking {
    const tj_eval_task_config *cfg;
    const tj_generator *generator;
    const tj_eval_docs *docs;
    tj_eval_answers *answers;
    const tj_job *job;
    tj_query *queries; /* [generator->batch] */
    size_t *which;     /* [generator->batch] */
    size_t n;
} asking;

static tj_query query_of(const asking *a, size_t doc)
{
    const tj_eval_task_config *cfg = a->cfg;
    const tj_eval_doc *d = &a->docs->docs[doc];
    size_t n_stop = 0;
    while (cfg->task->until[n_stop] != NULL) {
        n_stop++;
    }
    return (tj_query){.messages = d->messages,
                      .n_messages = d->n_messages,
                      .text = d->messages == NULL ? d->prompt.s : NULL,
                      .n_text = d->prompt.n,
                      .sampling = cfg->sampling,
                      .seed = cfg->seed,
                      .problem = doc,
                      .n_samples = cfg->n_samples,
                      .max_tokens = cfg->max_tokens,
                      .stop = cfg->task->until,
                      .n_stop = n_stop};
}

/* Asks the batch at hand. What was answered is kept whatever happened to the rest. */
static tj_code ask(asking *a, tj_err *err)
{
    double begin = tj_clock_seconds();
    tj_err kept;
    tj_code rc = a->generator->generate(a->generator->ctx, a->queries, a->n, a->job, err);
    double seconds = (tj_clock_seconds() - begin) / (double)a->n;
    tj_code written = TJ_OK;
    bool is_named = rc == TJ_E_CANCELLED; /* that is no problem's fault */
    for (size_t i = 0; i < a->n; i++) {
        tj_query *q = &a->queries[i];
        if (q->error.code == TJ_OK && written == TJ_OK) {
            written = tj_eval_answers_add(a->answers, a->docs, a->which[i], q, seconds, &kept);
        } else if (q->error.code != TJ_OK && !is_named) {
            tj_err_context(err, "problem %zu", a->which[i]); /* the first is what err is about */
            is_named = true;
        }
        tj_query_deinit(q);
    }
    a->n = 0;
    if (written == TJ_OK) {
        written = tj_eval_answers_flush(a->answers, &kept);
    }
    return rc == TJ_OK && written != TJ_OK ? tj_fail(err, written, "%s", kept.msg) : rc;
}

static tj_code ask_all(asking *a, tj_err *err)
{
    char note[64];
    tj_code rc = TJ_OK;
    for (size_t d = 0; d < a->docs->n && rc == TJ_OK; d++) {
        if (a->answers->of[d].texts == NULL) {
            a->which[a->n] = d;
            a->queries[a->n++] = query_of(a, d);
        }
        if (a->n == a->generator->batch || (d + 1 == a->docs->n && a->n > 0)) {
            rc = ask(a, err);
            (void)snprintf(note, sizeof note, "%llu tokens",
                           (unsigned long long)a->answers->n_completion);
            tj_job_progress(a->job, "answers", a->answers->n_answered, a->docs->n, "problems",
                            note);
        }
        if (rc == TJ_OK) {
            rc = tj_job_check(a->job, err);
        }
    }
    return rc;
}

static tj_code answer(const tj_eval_task_config *cfg, const tj_generator *generator,
                      const tj_eval_docs *docs, tj_eval_answers *answers, const tj_job *job,
                      tj_err *err)
{
    asking a = {.cfg = cfg,
                .generator = generator,
                .docs = docs,
                .answers = answers,
                .job = job,
                .queries = tj_calloc(generator->batch, sizeof *a.queries),
                .which = tj_calloc(generator->batch, sizeof *a.which)};
    tj_code rc = a.queries == NULL || a.which == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot ask %zu problems", generator->batch)
                     : ask_all(&a, err);
    tj_free(a.queries);
    tj_free(a.which);
    return rc;
}

/* ------------------------------------------------------------ the result */

static json_t *scores_json(const tj_eval_task_config *cfg, const tj_eval_scores *s)
{
    json_t *scores = json_object();
    for (size_t f = 0; f < s->n_filters; f++) {
        json_t *one = tj_sampled_json(&s->by_filter[f]);
        json_object_set_new(one, "metric", json_string(s->metric));
        json_object_set_new(scores, cfg->task->filters[f].name, one);
    }
    json_t *graded = tj_sampled_json(&s->by_grader);
    json_object_set_new(graded, "metric", json_string("graded"));
    json_object_set_new(graded, "undecided", json_integer((json_int_t)s->n_undecided));
    json_object_set_new(graded, "limit", json_integer((json_int_t)s->n_limit));
    json_object_set_new(graded, "unreadable", json_integer((json_int_t)s->n_unread));
    json_object_set_new(graded, "bad_references", json_integer((json_int_t)s->n_bad_gold));
    json_object_set_new(scores, "grader", graded);
    return scores;
}

static json_t *result_json(const tj_eval_task_config *cfg, const tj_eval_docs *docs,
                           const tj_eval_answers *answers, const tj_eval_scores *s)
{
    size_t n_cut = 0;
    for (size_t i = 0; i < s->n; i++) {
        const tj_eval_answer *a = &answers->of[s->doc[i]];
        for (size_t k = 0; k < s->n_samples; k++) {
            n_cut += a->finishes[k] == TJ_FINISH_LENGTH ? 1 : 0;
        }
    }
    json_t *result = config_json(cfg, docs);
    json_object_set_new(result, "samples", json_integer((json_int_t)s->n_samples));
    json_object_set_new(result, "problems", json_integer((json_int_t)s->n));
    json_object_set_new(result, "problems_of_data", json_integer((json_int_t)docs->n_original));
    json_object_set_new(result, "scores", scores_json(cfg, s));
    json_object_set_new(result, "cut_by_length", json_integer((json_int_t)n_cut));
    json_object_set_new(result, "prompt_tokens", json_integer((json_int_t)answers->n_prompt));
    json_object_set_new(result, "cached_tokens", json_integer((json_int_t)answers->n_cached));
    json_object_set_new(result, "completion_tokens",
                        json_integer((json_int_t)answers->n_completion));
    json_object_set_new(result, "seconds", json_real(answers->seconds));
    json_object_set_new(result, "cost", json_real(answers->cost));
    if (cfg->contamination != NULL) {
        json_object_set_new(result, "contamination", json_deep_copy(cfg->contamination));
    }
    json_object_set_new(result, "tabiji_version", json_string(TJ_VERSION));
    return result;
}

/* Scores, and writes where there is a folder. scores is to be closed in any case. */
static tj_code conclude(const tj_eval_task_config *cfg, const tj_eval_docs *docs,
                        const tj_eval_answers *answers, int64_t started_us, tj_eval_scores *scores,
                        json_t **result, const tj_job *job, tj_err *err)
{
    tj_code rc = tj_eval_score(scores, cfg->task, docs, answers, job, err);
    if (rc == TJ_OK) {
        *result = result_json(cfg, docs, answers, scores);
        rc = *result == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold the result") : TJ_OK;
    }
    if (rc == TJ_OK && cfg->out != NULL) {
        rc = tj_eval_write(cfg, docs, answers, scores, started_us, err);
    }
    if (rc == TJ_OK && cfg->out != NULL) {
        rc = tj_eval_write_json(cfg->out, "eval.json", *result, err);
    }
    return rc;
}

static void drop(json_t **result, tj_code rc)
{
    if (rc != TJ_OK) {
        json_decref(*result);
        *result = NULL;
    }
}

/* Asks and scores, as a run of the ledger where there is one. */
static tj_code carry_out(const tj_eval_task_config *cfg, const tj_generator *generator,
                         const tj_eval_docs *docs, tj_eval_answers *answers, json_t **result,
                         const tj_job *job, tj_err *err)
{
    int64_t started_us = tj_clock_unix_us();
    tj_eval_scores scores = {.n = 0};
    tj_eval_run run;
    json_t *config = config_json(cfg, docs);
    tj_code rc = tj_eval_outputs_begin(&run, cfg, docs, answers, config, err);
    json_decref(config);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = answer(cfg, generator, docs, answers, job, err);
    if (rc == TJ_OK) {
        rc = conclude(cfg, docs, answers, started_us, &scores, result, job, err);
    }
    rc = tj_eval_outputs_end(&run, rc, cfg, docs, answers, &scores, *result, err);
    tj_eval_scores_close(&scores);
    return rc;
}

tj_code tj_eval_task(const tj_eval_task_config *cfg, const tj_generator *generator, json_t **result,
                     const tj_job *job, tj_err *err)
{
    tj_eval_docs docs;
    tj_eval_answers answers = {.file = NULL};
    char *path = tj_fs_join(cfg->out, "answers.jsonl");
    *result = NULL;
    tj_code rc = tj_eval_docs_open(&docs, cfg, err);
    if (rc == TJ_OK && path == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot write %s", cfg->out);
    }
    if (rc == TJ_OK && cfg->chat && !generator->chats) {
        rc =
            tj_fail(err, TJ_E_INVAL, "the model has no chat template: name one, or leave out chat");
    }
    if (rc == TJ_OK && docs.n == 0) {
        rc = tj_fail(err, TJ_E_INVAL, "%s has no problems", cfg->data);
    }
    if (rc == TJ_OK) {
        rc = claim(cfg, &docs, path, err);
    }
    if (rc == TJ_OK) {
        rc = tj_eval_answers_open(&answers, path, &docs, cfg->n_samples, err);
    }
    if (rc == TJ_OK) {
        rc = carry_out(cfg, generator, &docs, &answers, result, job, err);
    }
    drop(result, rc);
    tj_eval_answers_close(&answers);
    tj_eval_docs_close(&docs);
    tj_free(path);
    return rc;
}

tj_code tj_eval_rescore(const tj_eval_task_config *cfg, const char *answers_path, json_t **result,
                        const tj_job *job, tj_err *err)
{
    int64_t started_us = tj_clock_unix_us();
    tj_eval_docs docs;
    tj_eval_answers answers = {.file = NULL};
    tj_eval_scores scores = {.n = 0};
    *result = NULL;
    tj_code rc = tj_eval_docs_open(&docs, cfg, err);
    if (rc == TJ_OK && cfg->out != NULL) {
        rc = tj_fs_mkdirs(cfg->out, err);
    }
    if (rc == TJ_OK) {
        rc = tj_eval_answers_read(&answers, answers_path, &docs, err);
    }
    if (rc == TJ_OK) {
        rc = conclude(cfg, &docs, &answers, started_us, &scores, result, job, err);
    }
    drop(result, rc);
    tj_eval_scores_close(&scores);
    tj_eval_answers_close(&answers);
    tj_eval_docs_close(&docs);
    return rc;
}
