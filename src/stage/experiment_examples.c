/* Answers to look at in the report's data. */
#include "stage/experiment_parts.h"

#define N_CASES 12 /* of each kind */

/* ------------------------------------------------------------------ cases */

static json_t *lines_json(const tj_walk *walk)
{
    static const char *const kinds[] = {"step", "reached", "failed", "back", "other"};
    json_t *lines = json_array();
    for (size_t i = 0; i < walk->n_lines; i++) {
        const tj_walk_line *l = &walk->lines[i];
        json_t *j = json_pack("{s:I, s:I, s:s, s:b}", "begin", (json_int_t)l->begin, "end",
                              (json_int_t)l->end, "kind", kinds[l->verdict.kind], "valid",
                              (int)l->verdict.valid);
        if (l->verdict.reason[0] != 0) {
            json_object_set_new(j, "reason", json_string(l->verdict.reason));
        }
        json_array_append_new(lines, j);
    }
    return lines;
}

static tj_code answer_json(const tj_experiment *x, json_t *answers, const char *arm,
                           const tj_answer *a, size_t problem, tj_err *err)
{
    tj_output o = {0};
    tj_walk walk;
    tj_code rc = tj_store_get_output(x->env.store, &o, a->output, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = x->env.task.walk(x->env.task.ctx, &walk, &x->test.first[problem], o.text, o.n_text, err);
    if (rc == TJ_OK) {
        json_t *text = json_stringn(o.text, o.n_text);
        json_array_append_new(answers, json_pack("{s:s, s:b, s:o, s:I, s:o*}", "arm", arm,
                                                 "correct", (int)a->correct, "text",
                                                 text == NULL ? json_string("") : text, "tokens",
                                                 (json_int_t)a->n_tokens, "lines",
                                                 text == NULL ? NULL : lines_json(&walk)));
        tj_walk_deinit(&walk);
    }
    tj_output_deinit(&o);
    return rc;
}

static tj_code case_json(const tj_experiment *x, json_t *out, const char *kind, size_t problem,
                         tj_err *err)
{
    json_t *answers = json_array();
    tj_buf prompt;
    tj_buf_init(&prompt);
    x->env.task.write_prompt(x->env.task.ctx, &x->test.first[problem], &prompt);
    tj_code rc = answer_json(x, answers, "journey", &x->greedy[1][0].rows[problem], problem, err);
    if (rc == TJ_OK) {
        rc = answer_json(x, answers, "shortcut", &x->greedy[0][0].rows[problem], problem, err);
    }
    if (rc == TJ_OK) {
        const char *name =
            x->env.task.difficulty_name(x->env.task.ctx, x->test.difficulty[problem]);
        json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:I, s:O}", "kind", kind, "problem",
                                             tj_buf_text(&prompt), "difficulty", name, "seed",
                                             (json_int_t)x->cells[0].seed, "answers", answers));
    }
    json_decref(answers);
    tj_buf_deinit(&prompt);
    return rc;
}

/* The first test problems of each kind, in their order, of the first seed. */
tj_code tj_report_cases(const tj_experiment *x, json_t *out, tj_err *err)
{
    static const char *const kinds[] = {"journey_lost", "journey_wrong", "journey_won"};
    tj_code rc = TJ_OK;
    for (size_t k = 0; k < 3; k++) {
        size_t n = 0;
        for (size_t i = 0; i < x->test.n && n < N_CASES && rc == TJ_OK; i++) {
            bool s = x->greedy[0][0].rows[i].correct;
            bool j = x->greedy[1][0].rows[i].correct;
            bool is[] = {s && !j, !s && !j, j && !s};
            if (is[k]) {
                n++;
                rc = case_json(x, out, kinds[k], i, err);
            }
        }
    }
    return rc;
}
