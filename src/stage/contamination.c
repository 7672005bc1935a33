/* Contamination: problems to learn from against problems that are measured. */
#include <string.h>

#include "base/alloc.h"
#include "base/jscan.h"
#include "stage/stage.h"
#include "text/text.h"

/* ------------------------------------------------------------------ texts */

void tj_texts_deinit(tj_texts *t)
{
    for (size_t i = 0; i < t->n; i++) {
        tj_free(t->all[i]);
    }
    tj_free(t->all);
    tj_free(t->ids);
    memset(t, 0, sizeof *t);
}

tj_code tj_texts_add(tj_texts *t, int64_t id, const char *text, size_t len, tj_err *err)
{
    char *copy = tj_strndup(text, len);
    if (copy == NULL || !tj_grow(&t->all, &t->cap, t->n + 1, sizeof *t->all) ||
        !tj_grow(&t->ids, &t->cap_ids, t->n + 1, sizeof *t->ids)) {
        tj_free(copy);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu texts", t->n + 1);
    }
    t->ids[t->n] = id;
    t->all[t->n++] = copy;
    return TJ_OK;
}

/* Adds the statement of a problem that is kept as JSON. */
static tj_code add_problem(tj_texts *out, tj_jtape *tape, tj_buf *copy, const tj_problem *p,
                           tj_err *err)
{
    tj_jscan_end end;
    tj_buf_clear(copy);
    tj_buf_add(copy, p->json, p->n_json);
    tj_code rc = tj_buf_check(copy, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t value = 0;
    if (tj_jscan(tape, copy->data, copy->len, &end) == TJ_JSCAN_OK) {
        value = tj_jtape_member(tape, 0, "problem", NULL);
    }
    if (value == 0 || tape->nodes[value].kind != TJ_JSON_STRING) {
        return tj_fail(err, TJ_E_INVAL, "problem %lld has no text that could be compared",
                       (long long)p->id);
    }
    tj_str text = tj_jtape_text(tape, value);
    return tj_texts_add(out, p->id, text.s, text.n, err);
}

tj_code tj_texts_of_set(tj_store *store, tj_texts *out, int64_t set, tj_err *err)
{
    tj_jtape tape;
    tj_buf copy;
    tj_code rc = TJ_OK;
    memset(out, 0, sizeof *out);
    tj_jtape_init(&tape);
    tj_buf_init(&copy);
    for (int split = TJ_SPLIT_TRAIN; split <= TJ_SPLIT_TEST && rc == TJ_OK; split++) {
        tj_problems problems;
        rc = tj_store_load_problems(store, &problems, set, (tj_split)split, 0, SIZE_MAX, err);
        for (size_t i = 0; rc == TJ_OK && i < problems.n; i++) {
            rc = add_problem(out, &tape, &copy, &problems.rows[i], err);
        }
        tj_problems_deinit(&problems);
    }
    tj_buf_deinit(&copy);
    tj_jtape_deinit(&tape);
    if (rc != TJ_OK) {
        tj_texts_deinit(out);
    }
    return rc;
}

tj_code tj_texts_of_file(tj_texts *out, const char *path, tj_err *err)
{
    tj_dataset *data;
    const tj_data_record *r = NULL;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_dataset_open(&data, path, NULL, err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (rc = tj_dataset_next(data, &r, err); rc == TJ_OK && r != NULL;
         rc = tj_dataset_next(data, &r, err)) {
        /* records of one problem follow one another */
        bool again = out->n > 0 && strlen(out->all[out->n - 1]) == r->problem.n &&
                     memcmp(out->all[out->n - 1], r->problem.s, r->problem.n) == 0;
        rc = again ? TJ_OK : tj_texts_add(out, (int64_t)r->number, r->problem.s, r->problem.n, err);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_dataset_close(data);
    if (rc != TJ_OK) {
        tj_texts_deinit(out);
    }
    return rc;
}

/* ------------------------------------------------------------------ the check */

static tj_code note(tj_contamination *out, const tj_overlap_match *m, size_t learned, tj_err *err)
{
    if (m->item == SIZE_MAX) {
        return TJ_OK;
    }
    if (!tj_grow(&out->list, &out->cap_list, out->n_list + 1, sizeof *out->list)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a list of %zu texts", out->n_list + 1);
    }
    out->list[out->n_list++] = (tj_shared_text){.learned = learned,
                                                .measured = m->item,
                                                .is_same = m->is_same,
                                                .n_items = m->n_items,
                                                .n_shared = m->n_shared,
                                                .n_runs = m->n_runs,
                                                .begin = m->begin,
                                                .end = m->end};
    out->shared_learned++;
    out->same_learned += m->is_same ? 1 : 0;
    return TJ_OK;
}

tj_code tj_contamination_check(tj_contamination *out, const tj_texts *learned,
                               const tj_texts *measured, size_t n_words, const tj_job *job,
                               tj_err *err)
{
    tj_overlap *index;
    *out = (tj_contamination){.n_learned = learned->n, .n_measured = measured->n};
    tj_code rc = tj_overlap_create(&index, n_words, err);
    for (size_t i = 0; i < measured->n && rc == TJ_OK; i++) {
        rc = tj_overlap_add(index, measured->all[i], strlen(measured->all[i]), err);
    }
    for (size_t i = 0; i < learned->n && rc == TJ_OK; i++) {
        tj_overlap_match match;
        rc = tj_overlap_find(index, &match, learned->all[i], strlen(learned->all[i]), err);
        if (rc == TJ_OK) {
            rc = note(out, &match, i, err);
        }
        if (rc == TJ_OK && i % 256 == 0) {
            tj_job_progress(job, "comparing", i, learned->n, "problems", NULL);
            rc = tj_job_check(job, err);
        }
    }
    if (rc == TJ_OK) {
        tj_overlap_hits(index, &out->same_measured, &out->shared_measured);
    } else {
        tj_contamination_deinit(out);
    }
    tj_overlap_destroy(index);
    return rc;
}

void tj_contamination_deinit(tj_contamination *c)
{
    tj_free(c->list);
    memset(c, 0, sizeof *c);
}
