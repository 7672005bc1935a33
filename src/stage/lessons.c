/* Lessons from stored thoughts: even ordinals are shortcuts, odd ones journeys. */
#include "stage/lessons.h"

#include <string.h>

#include "base/alloc.h"
#include "stage/answers.h"

static void keep_path_only(const tj_thought *t, float *weights)
{
    for (size_t s = 0; s < t->n_spans; s++) {
        const tj_span *span = &t->spans[s];
        bool wrong = !span->on_path && (span->action == TJ_PROPOSE || span->action == TJ_CONTINUE);
        for (size_t i = span->ids_begin; wrong && i < span->ids_end; i++) {
            weights[i] = 0.0F;
        }
    }
}

static tj_code fill_lesson(const tj_stage_env *env, tj_lesson *l, const tj_thought *t, bool masked,
                           tj_err *err)
{
    tj_problems rows = {0};
    tj_task_state first;
    tj_ids prompt = {0};
    tj_code rc = tj_store_load_problem(env->store, &rows, t->problem, err);
    if (rc == TJ_OK) {
        rc = env->task.begin(env->task.ctx, &first, rows.rows[0].json, rows.rows[0].n_json, err);
    }
    if (rc == TJ_OK) {
        rc = tj_stage_prompt(env, &prompt, &first, err);
    }
    if (rc == TJ_OK) { /* the chain's own end token comes before the prompt already */
        l->n_prompt = prompt.n - 1;
        l->n_ids = t->n_ids;
        l->prompt = tj_calloc(l->n_prompt, sizeof *l->prompt);
        l->ids = tj_calloc(l->n_ids, sizeof *l->ids);
        l->weights = masked ? tj_calloc(l->n_ids, sizeof *l->weights) : NULL;
        if (l->prompt == NULL || l->ids == NULL || (masked && l->weights == NULL)) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot hold a lesson");
        }
    }
    if (rc == TJ_OK) {
        memcpy(l->prompt, prompt.ids + 1, l->n_prompt * sizeof *l->prompt);
        memcpy(l->ids, t->ids, l->n_ids * sizeof *l->ids);
        for (size_t i = 0; masked && i < l->n_ids; i++) {
            l->weights[i] = 1.0F;
        }
        if (masked) {
            keep_path_only(t, l->weights);
        }
    }
    tj_ids_deinit(&prompt);
    tj_problems_deinit(&rows);
    return rc;
}

tj_code tj_lessons_load(const tj_stage_env *env, tj_lesson_set *out, int64_t derive_run,
                        bool journey, bool masked, size_t n, tj_err *err)
{
    tj_row_ref *rows = NULL;
    size_t n_rows = 0;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_store_list(env->store, &rows, &n_rows, TJ_ROW_THOUGHT, derive_run, err);
    out->lessons = rc == TJ_OK ? tj_calloc(n, sizeof *out->lessons) : NULL;
    if (rc == TJ_OK && out->lessons == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot hold %zu lessons", n);
    }
    for (size_t i = 0; i < n_rows && out->n < n && rc == TJ_OK; i++) {
        tj_thought t = {0};
        if (rows[i].ordinal % 2 != (journey ? 1U : 0U)) {
            continue;
        }
        rc = tj_store_load_thought(env->store, &t, NULL, rows[i].id, err);
        if (rc == TJ_OK) {
            rc = fill_lesson(env, &out->lessons[out->n++], &t, masked, err);
            out->n_tokens += t.n_ids;
        }
        tj_thought_deinit(&t);
    }
    tj_free(rows);
    if (rc != TJ_OK) {
        tj_lessons_deinit(out);
    }
    return rc;
}

void tj_lessons_deinit(tj_lesson_set *set)
{
    for (size_t i = 0; set->lessons != NULL && i < set->n; i++) {
        tj_free(set->lessons[i].prompt);
        tj_free(set->lessons[i].ids);
        tj_free(set->lessons[i].weights);
    }
    tj_free(set->lessons);
    memset(set, 0, sizeof *set);
}
