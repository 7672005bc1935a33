/* Both scores of all answers. */
#include <string.h>

#include "base/alloc.h"
#include "stage/eval_inner.h"

static tj_code no_memory(tj_err *err)
{
    return tj_fail(err, TJ_E_NOMEM, "cannot hold the scores");
}

/* Room for n problems with n_samples each, in the arena. */
static tj_code make_room(tj_eval_scores *s, size_t n_filters, tj_err *err)
{
    size_t n = s->n;
    size_t all;
    if (!tj_mul_size(&all, n, s->n_samples)) {
        return no_memory(err);
    }
    s->n_filters = n_filters;
    s->doc = tj_arena_calloc(&s->arena, n, sizeof *s->doc);
    s->target = tj_arena_calloc(&s->arena, n, sizeof *s->target);
    s->grades = tj_arena_calloc(&s->arena, all, sizeof *s->grades);
    s->normal = tj_arena_calloc(&s->arena, all, sizeof *s->normal);
    s->method = tj_arena_calloc(&s->arena, all, sizeof *s->method);
    s->graded = tj_arena_calloc(&s->arena, all, 1);
    s->majority = tj_arena_calloc(&s->arena, n, 1);
    bool ok = s->doc != NULL && s->target != NULL && s->grades != NULL && s->graded != NULL &&
              s->normal != NULL && s->method != NULL && s->majority != NULL;
    for (size_t f = 0; f < n_filters; f++) {
        s->found[f] = tj_arena_calloc(&s->arena, all, sizeof *s->found[f]);
        s->right[f] = tj_arena_calloc(&s->arena, all, 1);
        ok = ok && s->found[f] != NULL && s->right[f] != NULL;
    }
    return ok ? TJ_OK : no_memory(err);
}

static tj_code keep(tj_eval_scores *s, tj_str *out, tj_buf *text, tj_err *err)
{
    out->s = tj_arena_strndup(&s->arena, tj_buf_text(text), text->len);
    out->n = text->len;
    tj_buf_clear(text);
    return out->s == NULL ? no_memory(err) : TJ_OK;
}

static tj_code score_by_filters(tj_eval_scores *s, size_t i, tj_harness *harness,
                                const tj_eval_doc *doc, const tj_eval_answer *answer,
                                tj_buf *scratch, tj_err *err)
{
    tj_code rc = tj_harness_target(harness, scratch, doc->solution, doc->answer, err);
    if (rc == TJ_OK) {
        rc = keep(s, &s->target[i], scratch, err);
    }
    for (size_t k = 0; k < s->n_filters * s->n_samples && rc == TJ_OK; k++) {
        size_t f = k / s->n_samples;
        size_t at = i * s->n_samples + k % s->n_samples;
        bool right = false;
        rc = tj_harness_extract(harness, scratch, f, answer->texts[k % s->n_samples], err);
        if (rc == TJ_OK) {
            rc = keep(s, &s->found[f][at], scratch, err);
        }
        if (rc == TJ_OK) {
            rc = tj_harness_match(harness, &right, s->found[f][at], s->target[i], err);
            s->right[f][at] = right ? 1 : 0;
        }
    }
    return rc;
}

/* How the grader read an answer and decided, for whoever looks at the samples. */
static tj_code note_reading(tj_eval_scores *s, size_t at, tj_grade_pool *pool, tj_str gold,
                            tj_str text, tj_err *err)
{
    tj_graded pair;
    tj_code rc = tj_grade_pool_pair(pool, &pair, gold.s, gold.n, text.s, text.n, NULL, err);
    if (rc == TJ_OK) {
        size_t n = strlen(pair.grade.normalized_pred);
        s->normal[at] = (tj_str){tj_arena_strndup(&s->arena, pair.grade.normalized_pred, n), n};
        s->method[at] = tj_arena_strndup(&s->arena, pair.grade.method, strlen(pair.grade.method));
        rc = s->normal[at].s == NULL || s->method[at] == NULL ? no_memory(err) : TJ_OK;
    }
    return rc;
}

/* A reference that cannot be read is told, counted, and rewards nobody. */
static tj_code score_by_grader(tj_eval_scores *s, size_t i, tj_grade_pool *pool,
                               const tj_eval_doc *doc, const tj_eval_answer *answer,
                               const tj_job *job, tj_err *err)
{
    tj_sample_grade *grades = s->grades + i * s->n_samples;
    tj_err why;
    tj_code rc =
        tj_eval_grade_samples(grades, pool, doc->answer, answer->texts, s->n_samples, &why);
    if (rc == TJ_E_PARSE) {
        s->n_bad_gold++;
        tj_job_log(job, "problem %zu: %s", s->doc[i], why.msg);
        return TJ_OK;
    }
    if (rc != TJ_OK) {
        return tj_fail(err, rc, "%s", why.msg);
    }
    for (size_t k = 0; k < s->n_samples; k++) {
        s->graded[i * s->n_samples + k] = grades[k].verdict == TJ_VERDICT_EQUAL ? 1 : 0;
        s->n_undecided += grades[k].verdict == TJ_VERDICT_UNDECIDED ? 1 : 0;
        s->n_limit += grades[k].limit ? 1 : 0;
        s->n_unread += grades[k].answers ? 0 : 1;
        rc = note_reading(s, i * s->n_samples + k, pool, doc->answer, answer->texts[k], err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    size_t winner = tj_eval_majority_class(grades, s->n_samples);
    s->majority[i] = winner != SIZE_MAX && grades[winner].verdict == TJ_VERDICT_EQUAL ? 1 : 0;
    return TJ_OK;
}

static tj_code sum_up(tj_eval_scores *s, tj_err *err)
{
    tj_boot_config boot;
    tj_boot_config_default(&boot);
    tj_code rc =
        tj_eval_sampled(&s->by_grader, s->graded, s->majority, s->n, s->n_samples, &boot, err);
    for (size_t f = 0; f < s->n_filters && rc == TJ_OK; f++) {
        rc = tj_eval_sampled(&s->by_filter[f], s->right[f], NULL, s->n, s->n_samples, &boot, err);
    }
    return rc;
}

/* How many problems are answered, and the fewest samples of one. */
static void count(tj_eval_scores *s, const tj_eval_answers *answers)
{
    for (size_t i = 0; i < answers->n_docs; i++) {
        const tj_eval_answer *a = &answers->of[i];
        if (a->texts != NULL) {
            s->n_samples = s->n == 0 || a->n < s->n_samples ? a->n : s->n_samples;
            s->n++;
        }
    }
}

tj_code tj_eval_score(tj_eval_scores *s, const tj_prompt_task *task, const tj_eval_docs *docs,
                      const tj_eval_answers *answers, const tj_job *job, tj_err *err)
{
    tj_harness *harness = NULL;
    tj_grade_options options = tj_grade_defaults();
    tj_grade_pool *pool = NULL; /* no answer, however odd, ends an evaluation */
    tj_buf scratch;
    memset(s, 0, sizeof *s);
    tj_arena_init(&s->arena, 0);
    tj_buf_init(&scratch);
    count(s, answers);
    tj_code rc = tj_harness_create(&harness, task, err);
    if (rc == TJ_OK) {
        s->metric = tj_harness_metric(harness);
        rc = make_room(s, tj_harness_n_filters(harness), err);
    }
    if (rc == TJ_OK) {
        options.normalize = true;
        rc = tj_grade_pool_create(&pool, 1, &options, NULL, err);
    }
    size_t i = 0;
    for (size_t d = 0; d < docs->n && rc == TJ_OK; d++) {
        const tj_eval_answer *answer = &answers->of[d];
        if (answer->texts == NULL) {
            continue;
        }
        s->doc[i] = d;
        rc = score_by_filters(s, i, harness, &docs->docs[d], answer, &scratch, err);
        if (rc == TJ_OK) {
            rc = score_by_grader(s, i, pool, &docs->docs[d], answer, job, err);
        }
        if (rc == TJ_OK) {
            rc = tj_job_check(job, err);
        }
        i++;
        tj_job_progress(job, "scoring", i, s->n, "problems", NULL);
    }
    if (rc == TJ_OK) {
        rc = sum_up(s, err);
    }
    tj_buf_deinit(&scratch);
    tj_grade_pool_destroy(pool);
    tj_harness_destroy(harness);
    return rc;
}

void tj_eval_scores_close(tj_eval_scores *s)
{
    tj_arena_deinit(&s->arena);
    memset(s, 0, sizeof *s);
}
