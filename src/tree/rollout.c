/* Rollouts: one query a step with k samples, so that on a model here they fork where the step ends,
 * and steps of one tree share what stands before them (infer/generator_engine.c). Their answers are
 * graded in a process of its own, which hostile texts may end without harm. */
#include "tree/rollout.h"

#include <string.h>

#include "base/alloc.h"
#include "base/interval.h"
#include "grade/grade.h"
#include "tree/blanks.h"
#include "tree/judge.h"
#include "tree/opening.h"

#define STREAM ((uint64_t)302 << 32) /* of the random numbers */

const tj_field tj_rollout_fields[] = {
    TJ_FIELD_STRING(tj_rollout_config, name, "of the rewards that it gives"),
    TJ_FIELD_STRING(tj_rollout_config, prompt, "how problems are put: a prompt task"),
    TJ_FIELD_SIZE(tj_rollout_config, shots, 0, TJ_MAX_SHOTS, "of its examples, at most"),
    TJ_FIELD_SIZE(tj_rollout_config, rollouts, 1, TJ_MAX_ROLLOUTS, "of a step"),
    TJ_FIELD_SIZE(tj_rollout_config, max_tokens, 1, 1 << 20, "of a rollout"),
    TJ_FIELD_DOUBLE(tj_rollout_config, temperature, 0.0, 10.0, "of rollouts"),
    TJ_FIELD_DOUBLE(tj_rollout_config, top_p, 0.0, 1.0, "of rollouts; 1: off"),
    TJ_FIELD_ENUM(tj_rollout_config, unanswered, tj_unanswered_names,
                  "where a server answers nothing at all: stop, or record failures"),
    TJ_FIELD_U64(tj_rollout_config, seed, "of the random numbers"),
    TJ_FIELD_END};

void tj_rollout_config_default(tj_rollout_config *cfg)
{
    *cfg = (tj_rollout_config){.name = "rollout",
                               .prompt = "math_lines",
                               .rollouts = 8,
                               .max_tokens = 512,
                               .temperature = 0.8,
                               .top_p = 1.0,
                               .seed = 1};
}

struct tj_rollouts {
    tj_rollout_config cfg;
    tj_asked_model model;
    const tj_task *task;
    tj_words_prompt prompt;
    tj_grade_pool *pool;
    tj_grader *grader; /* finds where an answer stands */
};

/* One step at work. */
typedef struct spot {
    size_t ask;
    tj_opening opening;
    size_t n_right, n_cut, n_open, n_done; /* open: not decided */
    tj_buf raw;                            /* a line of JSON a rollout */
} spot;

/* ------------------------------------------------------------------ what is asked */

static void write_steps(tj_buf *out, const tj_score_ask *ask)
{
    for (size_t i = 0; i < ask->n_steps; i++) {
        tj_blanks_step(out, ask->steps[i]);
        tj_buf_char(out, '\n');
    }
}

static bool is_state(const tj_rollouts *r, const tj_score_ask *ask)
{
    return r->task != NULL && ask->tree != NULL && ask->tree->question == NULL;
}

/* A model here goes on from the assistant's words; a server is asked to. */
static tj_code put(const tj_rollouts *r, tj_opening *o, const tj_score_ask *ask, tj_err *err)
{
    tj_code rc = is_state(r, ask) ? tj_opening_state(o, r->task, &ask->tree->first, err)
                                  : tj_opening_words(o, &r->prompt, ask->problem, err);
    write_steps(&o->text, ask);
    if (rc == TJ_OK) {
        rc = tj_opening_end_steps(o, err);
    }
    return rc == TJ_OK && o->chats && r->model.is_remote
               ? tj_opening_wish(o, "Go on from there, step by step, to the end of the solution.",
                                 err)
               : rc;
}

static tj_query query_of(const tj_rollouts *r, const tj_opening *opening, const tj_score_ask *ask)
{
    const tj_rollout_config *cfg = &r->cfg;
    const char *const *until = r->prompt.task->until;
    tj_query q = {.sampling = {.temperature = cfg->temperature, .top_p = cfg->top_p},
                  .seed = cfg->seed,
                  .run = STREAM,
                  .problem = ask->key,
                  .n_samples = cfg->rollouts,
                  .max_tokens = cfg->max_tokens,
                  .stop = until};
    while (until[q.n_stop] != NULL) {
        q.n_stop++;
    }
    tj_opening_lend(opening, &q);
    return q;
}

/* ------------------------------------------------------------------ what it is worth */

typedef enum worth { WRONG = 0, RIGHT, OPEN } worth;

/* Steps and what follows them, judged by the domain. */
static tj_code walk(const tj_rollouts *r, worth *out, const tj_score_ask *ask, const char *text,
                    size_t len, tj_err *err)
{
    tj_walk w;
    tj_code rc = r->task->walk(r->task->ctx, &w, &ask->tree->first, text, len, err);
    if (rc == TJ_OK) {
        *out = w.correct ? RIGHT : WRONG;
        tj_walk_deinit(&w);
    }
    return rc;
}

/* *unread: the reference cannot be read; *err has the grader's reason for the caller to tell. */
static tj_code grade(const tj_rollouts *r, worth *out, bool *unread, const tj_score_ask *ask,
                     const char *text, size_t len, const tj_job *job, tj_err *err)
{
    tj_graded graded;
    tj_code rc =
        tj_grade_pool_pair(r->pool, &graded, ask->answer, strlen(ask->answer), text, len, job, err);
    if (rc == TJ_E_LIMIT) { /* a text longer than any answer */
        *out = OPEN;
        return TJ_OK;
    }
    if (rc != TJ_OK) {
        return rc;
    }
    *unread = graded.code != TJ_OK;
    if (*unread) {
        (void)tj_fail(err, graded.code, "%s", graded.grade.reason);
    }
    *out = graded.grade.verdict == TJ_VERDICT_EQUAL       ? RIGHT
           : graded.grade.verdict == TJ_VERDICT_DIFFERENT ? WRONG
                                                          : OPEN;
    return TJ_OK;
}

/* What the steps and `more` come to. */
static tj_code judge(const tj_rollouts *r, worth *out, bool *unread, const tj_score_ask *ask,
                     const char *more, size_t n_more, const tj_job *job, tj_err *err)
{
    tj_buf all;
    *unread = false;
    tj_buf_init(&all);
    write_steps(&all, ask);
    tj_buf_add(&all, more, n_more);
    tj_code rc = tj_buf_check(&all, err);
    if (rc == TJ_OK) {
        rc = is_state(r, ask) ? walk(r, out, ask, tj_buf_text(&all), all.len, err)
                              : grade(r, out, unread, ask, tj_buf_text(&all), all.len, job, err);
    }
    tj_buf_deinit(&all);
    return rc;
}

/* Whether nothing can follow: the tree says so, or the step has the marks of a final answer. */
static bool is_end(const tj_rollouts *r, const tj_score_ask *ask)
{
    tj_extraction x;
    if (tj_score_ask_is_end(ask)) {
        return true;
    }
    const char *step = ask->steps[ask->n_steps - 1];
    tj_grade_extract(&x, r->grader, step, strlen(step));
    return !is_state(r, ask) && tj_words_is_stated(x.rule);
}

static tj_code measure_end(const tj_rollouts *r, tj_score *out, const tj_score_ask *ask,
                           const tj_job *job, tj_err *err)
{
    worth w = OPEN;
    bool unread;
    tj_err why;
    tj_code rc = judge(r, &w, &unread, ask, "", 0, job, &why);
    if (rc != TJ_OK) {
        return tj_fail(err, rc, "%s", why.msg);
    }
    if (unread) {
        return tj_score_fail(out, err, "%s", why.msg);
    }
    if (w == OPEN) {
        return tj_score_fail(out, err, "the grader cannot decide the answer");
    }
    out->value = w == RIGHT ? 1.0 : 0.0;
    out->reason = tj_strdup(w == RIGHT ? "it ends in the right answer"
                                       : "it ends in another answer, or none");
    return out->reason == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a score") : TJ_OK;
}

/* ------------------------------------------------------------------ rollouts */

static void write_raw(spot *s, const tj_completion *c, worth w)
{
    static const char *const words[] = {"false", "true", "null"};
    tj_buf_printf(&s->raw, "{\"rollout\": %zu, \"right\": %s, \"text\": ", s->n_done, words[w]);
    tj_buf_json(&s->raw, c->text, c->n_text);
    tj_buf_str(&s->raw, c->finish == TJ_FINISH_LENGTH ? ", \"cut\": true}\n" : "}\n");
}

static tj_code take_rollout(const tj_rollouts *r, spot *s, bool *unread, const tj_score_ask *ask,
                            const tj_completion *c, const tj_job *job, tj_err *err)
{
    worth w = WRONG;
    bool cut = c->finish == TJ_FINISH_LENGTH || c->finish == TJ_FINISH_FILTER;
    tj_code rc = cut ? TJ_OK : judge(r, &w, unread, ask, c->text, c->n_text, job, err);
    if (rc == TJ_OK) {
        write_raw(s, c, w);
        s->n_cut += cut ? 1 : 0;
        s->n_right += w == RIGHT ? 1 : 0;
        s->n_open += w == OPEN ? 1 : 0;
        s->n_done++;
    }
    return rc;
}

static tj_code write_value(const tj_rollouts *r, spot *s, tj_score *out, tj_err *err)
{
    size_t k = r->cfg.rollouts;
    double low;
    double high;
    tj_buf reason;
    tj_wilson(&low, &high, s->n_right, k, TJ_Z_95);
    tj_buf_init(&reason);
    tj_buf_printf(&reason, "%zu of %zu rollouts right (95%%: %.3f to %.3f)", s->n_right, k, low,
                  high);
    if (s->n_cut > 0) {
        tj_buf_printf(&reason, ", %zu cut", s->n_cut);
    }
    if (s->n_open > 0) {
        tj_buf_printf(&reason, ", %zu not decided", s->n_open);
    }
    tj_code rc = tj_buf_check(&reason, err);
    if (rc == TJ_OK) {
        out->value = (double)s->n_right / (double)k;
        out->reason = tj_buf_take(&reason);
    }
    tj_buf_deinit(&reason);
    return rc;
}

/* All k answers, or a failure: a share of fewer would be another measure. */
static tj_code take(const tj_rollouts *r, spot *s, tj_score *out, const tj_score_ask *ask,
                    const tj_query *q, const tj_job *job, tj_err *err)
{
    bool unread = false;
    tj_err why = {.code = TJ_OK};
    tj_code rc = TJ_OK;
    out->n_tries = r->cfg.rollouts;
    for (size_t i = 0; q->completions != NULL && i < q->n_samples && rc == TJ_OK && !unread; i++) {
        if (q->completions[i].text != NULL) {
            rc = take_rollout(r, s, &unread, ask, &q->completions[i], job, &why);
        }
    }
    if (rc != TJ_OK) {
        return tj_fail(err, rc, "%s", why.msg);
    }
    rc = tj_buf_check(&s->raw, err);
    if (rc != TJ_OK) {
        return rc;
    }
    out->raw = s->raw.len > 0 ? tj_buf_take(&s->raw) : NULL;
    if (unread) {
        return tj_score_fail(out, err, "%s", why.msg);
    }
    if (s->n_done < r->cfg.rollouts) {
        return tj_score_fail(out, err, "%zu of %zu rollouts came: %s", s->n_done, r->cfg.rollouts,
                             q->error.code != TJ_OK ? q->error.msg : "the others have no answer");
    }
    return write_value(r, s, out, err);
}

/* Whether there is anything to compare with. */
static bool has_reference(const tj_rollouts *r, const tj_score_ask *ask)
{
    return is_state(r, ask) || ask->answer != NULL;
}

static tj_code roll(const tj_rollouts *r, tj_score *out, const tj_score_ask *asks, spot *spots,
                    size_t n, const tj_job *job, tj_err *err)
{
    tj_query *queries = tj_calloc(n, sizeof *queries);
    double *seconds = tj_calloc(n, sizeof *seconds);
    tj_code rc = queries == NULL || seconds == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot roll out %zu steps", n)
                     : TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = put(r, &spots[i].opening, &asks[spots[i].ask], err);
        if (rc == TJ_OK) {
            queries[i] = query_of(r, &spots[i].opening, &asks[spots[i].ask]);
        }
    }
    if (rc == TJ_OK && n > 0) {
        rc = tj_asked_model_ask(&r->model, queries, seconds, n,
                                r->cfg.unanswered == TJ_UNANSWERED_FAILED, job, err);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        tj_score *s = &out[spots[i].ask];
        tj_score_add_cost(s, &queries[i], seconds[i]);
        rc = take(r, &spots[i], s, &asks[spots[i].ask], &queries[i], job, err);
    }
    for (size_t i = 0; queries != NULL && i < n; i++) {
        tj_query_deinit(&queries[i]);
    }
    tj_free(queries);
    tj_free(seconds);
    return rc;
}

tj_code tj_rollouts_measure(tj_rollouts *r, tj_score *out, const tj_score_ask *asks,
                            const size_t *which, size_t n, const tj_job *job, tj_err *err)
{
    spot *spots = tj_calloc(n, sizeof *spots);
    size_t n_spots = 0;
    tj_code rc = spots == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot roll out %zu steps", n) : TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        const tj_score_ask *ask = &asks[which[i]];
        if (!has_reference(r, ask)) {
            rc = tj_score_fail(&out[which[i]], err, "the reference answer is not known");
        } else if (is_end(r, ask)) {
            rc = measure_end(r, &out[which[i]], ask, job, err);
        } else {
            spots[n_spots].ask = which[i];
            tj_opening_init(&spots[n_spots].opening, r->model.generator.chats);
            tj_buf_init(&spots[n_spots].raw);
            n_spots++;
        }
    }
    if (rc == TJ_OK) {
        rc = roll(r, out, asks, spots, n_spots, job, err);
    }
    for (size_t i = 0; i < n_spots; i++) {
        tj_opening_deinit(&spots[i].opening);
        tj_buf_deinit(&spots[i].raw);
    }
    tj_free(spots);
    return rc;
}

/* ------------------------------------------------------------------ life */

tj_code tj_rollouts_create(tj_rollouts **out, const tj_rollout_config *cfg, const tj_task *task,
                           tj_err *err)
{
    const tj_prompt_task *prompt = tj_prompt_find(cfg->prompt);
    *out = NULL;
    if (prompt == NULL) {
        return tj_fail(err, TJ_E_INVAL, "prompt: there is no prompt task '%s'", cfg->prompt);
    }
    tj_rollouts *r = tj_calloc(1, sizeof *r);
    if (r == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot make rollouts");
    }
    r->cfg = *cfg;
    r->task = task;
    r->prompt = (tj_words_prompt){prompt, cfg->shots};
    tj_code rc = tj_grader_create(&r->grader, NULL, err);
    if (rc == TJ_OK) {
        rc = tj_grade_pool_create(&r->pool, 1, NULL, NULL, err);
    }
    if (rc != TJ_OK) {
        tj_rollouts_destroy(r);
        return rc;
    }
    *out = r;
    return TJ_OK;
}

void tj_rollouts_take_model(tj_rollouts *r, const tj_asked_model *model)
{
    r->model = *model;
}

void tj_rollouts_destroy(tj_rollouts *r)
{
    if (r != NULL) {
        tj_generator_close(&r->model.generator);
        tj_grade_pool_destroy(r->pool);
        tj_grader_destroy(r->grader);
        tj_free(r);
    }
}
