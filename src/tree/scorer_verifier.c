/* What can be checked exactly. Where the domain has a verifier (tj_task), every step: it is right
 * if all steps before it are and the verifier says so of it. Else final answers only: a step that
 * gives one is right if the grader finds it equal to the reference. What has no answer, or is not
 * decided, has no score.
 *
 * The grader works in a process of its own, which hostile answers may end without harm. */
#include <string.h>

#include "base/alloc.h"
#include "grade/grade.h"
#include "tree/scorer_kinds.h"

typedef struct verifier {
    char name[TJ_SCORER_NAME_BYTES];
    const tj_task *task; /* NULL: answers are graded */
    tj_grade_pool *pool; /* where there is no task */
    tj_grader *grader;   /* finds where an answer stands */
} verifier;

/* ------------------------------------------------------------ exactly, by the domain */

static tj_code first_state(const verifier *v, tj_task_state *state, const tj_score_ask *ask,
                           tj_err *err)
{
    if (ask->tree != NULL) {
        *state = ask->tree->first;
        return TJ_OK;
    }
    return v->task->begin(v->task->ctx, state, ask->problem, strlen(ask->problem), err);
}

static tj_code judge(const verifier *v, tj_score *out, const tj_score_ask *ask, tj_err *err)
{
    tj_task_state state;
    tj_err why;
    tj_line_verdict verdict = {.valid = false};
    if (first_state(v, &state, ask, &why) != TJ_OK) {
        return tj_score_fail(out, err, "%s", why.msg);
    }
    for (size_t i = 0; i < ask->n_steps && (i == 0 || verdict.valid); i++) {
        const char *line = ask->steps[i];
        v->task->judge_line(v->task->ctx, &state, line, strcspn(line, "\n"), &verdict, &state);
    }
    out->value = verdict.valid ? 1.0 : 0.0;
    out->reason = verdict.reason[0] == 0 ? NULL : tj_strdup(verdict.reason);
    return verdict.reason[0] != 0 && out->reason == NULL
               ? tj_fail(err, TJ_E_NOMEM, "cannot hold a score")
               : TJ_OK;
}

/* ------------------------------------------------------------ answers, by the grader */

static bool ends_its_tree(const tj_score_ask *ask)
{
    return ask->tree != NULL && ask->node < ask->tree->n_nodes &&
           ask->tree->nodes[ask->node].terminal;
}

/* Whether there is something to grade; else the score says why not. */
static tj_code check_answer(const verifier *v, tj_score *out, bool *has, const tj_score_ask *ask,
                            tj_err *err)
{
    tj_extraction x;
    const char *step = ask->steps[ask->n_steps - 1];
    tj_grade_extract(&x, v->grader, step, strlen(step));
    *has = ask->answer != NULL && x.rule != NULL &&
           (tj_words_is_statement(x.rule) || ends_its_tree(ask));
    return *has ? TJ_OK
                : tj_score_fail(out, err, "%s",
                                ask->answer == NULL ? "the reference answer is not known"
                                                    : "the step gives no final answer");
}

static tj_code take_grade(tj_score *out, const tj_graded *graded, tj_err *err)
{
    const tj_grade *g = &graded->grade;
    if (graded->code != TJ_OK || g->verdict == TJ_VERDICT_UNDECIDED) {
        return tj_score_fail(out, err, "%s", g->reason);
    }
    out->value = g->verdict == TJ_VERDICT_EQUAL ? 1.0 : 0.0;
    out->reason = tj_strdup(g->reason);
    out->seconds = graded->seconds;
    return out->reason != NULL ? TJ_OK : tj_fail(err, TJ_E_NOMEM, "cannot hold a score");
}

static tj_code grade(const verifier *v, tj_score *out, const tj_score_ask *ask, const tj_job *job,
                     tj_err *err)
{
    tj_graded graded;
    bool has = false;
    const char *step = ask->steps[ask->n_steps - 1];
    tj_code rc = check_answer(v, out, &has, ask, err);
    if (rc != TJ_OK || !has) {
        return rc;
    }
    tj_err why;
    if (tj_grade_pool_push(v->pool, ask->answer, strlen(ask->answer), step, strlen(step), &why) !=
        TJ_OK) {
        return tj_score_fail(out, err, "%s", why.msg);
    }
    rc = tj_grade_pool_pull(v->pool, &graded, job, err);
    return rc == TJ_OK ? take_grade(out, &graded, err) : rc;
}

/* ------------------------------------------------------------ all of it */

static tj_code score(void *ctx, tj_score *out, const tj_score_ask *asks, size_t n,
                     const tj_job *job, tj_err *err)
{
    const verifier *v = ctx;
    tj_code rc = TJ_OK;
    memset(out, 0, n * sizeof *out);
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        out[i].n_tries = 1;
        rc = tj_job_check(job, err);
        if (rc == TJ_OK && asks[i].n_steps == 0) {
            rc = tj_fail(err, TJ_E_INVAL, "ask %zu has no step", i);
        }
        if (rc == TJ_OK) {
            rc = v->task != NULL ? judge(v, &out[i], &asks[i], err)
                                 : grade(v, &out[i], &asks[i], job, err);
        }
    }
    for (size_t i = 0; i < n && rc != TJ_OK; i++) {
        tj_score_deinit(&out[i]);
    }
    return rc;
}

static void close_verifier(void *ctx)
{
    verifier *v = ctx;
    tj_grade_pool_destroy(v->pool);
    tj_grader_destroy(v->grader);
    tj_free(v);
}

tj_code tj_scorer_open_verifier(tj_scorer *out, const json_t *settings,
                                const tj_scorer_options *options, tj_err *err)
{
    static const tj_field fields[] = {TJ_FIELD_STRING(verifier, name, "the rewarder's name"),
                                      TJ_FIELD_END};
    verifier *v = tj_calloc(1, sizeof *v);
    if (v == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot open a rewarder");
    }
    v->task = options->task;
    tj_code rc = tj_config_read(v, fields, settings, "settings", err);
    if (rc == TJ_OK && v->task == NULL) {
        rc = tj_grader_create(&v->grader, NULL, err);
    }
    if (rc == TJ_OK && v->task == NULL) {
        rc = tj_grade_pool_create(&v->pool, 1, NULL, NULL, err);
    }
    if (rc != TJ_OK) {
        close_verifier(v);
        return rc;
    }
    *out = (tj_scorer){.name = v->name,
                       .meaning = v->task != NULL ? TJ_VALID : TJ_SOLVABLE,
                       .high = 1.0,
                       .threshold = 0.5,
                       .score = score,
                       .close = close_verifier,
                       .ctx = v};
    return TJ_OK;
}
