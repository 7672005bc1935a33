/* Log-probabilities under the reference policy, computed once, before that policy is trained away:
 * no second model is held in memory while training. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "train/train.h"

#define MAX_FILE_BYTES ((size_t)1 << 30) /* 40 million references */

typedef struct referrer {
    tj_examples *examples;
    const tj_train_config *cfg;
    tj_pass *pass;
    tj_batch *batch;
    tj_forest *forest;
    tj_rows rows;
    float *logp; /* [rows.n_loss] */
    size_t cap_logp;
} referrer;

/* Puts examples from `first` on into the batch, as many as fit into a pass; *n is their number. */
static tj_code fill(const referrer *r, size_t first, size_t *n, tj_err *err)
{
    const tj_examples *all = r->examples;
    size_t group = tj_examples_group(all);
    tj_code rc = TJ_OK;
    *n = 0;
    tj_batch_clear(r->batch);
    while (first + *n < all->n && rc == TJ_OK) {
        size_t tokens = tj_batch_n_tokens(r->batch);
        for (size_t g = 0; g < group; g++) {
            tokens += all->examples[first + *n + g].n;
        }
        if (*n > 0 && tokens > r->cfg->micro_tokens) {
            break;
        }
        for (size_t g = 0; g < group && rc == TJ_OK; g++) {
            rc = tj_examples_add(all, first + (*n)++, r->batch, err);
        }
    }
    return rc;
}

static tj_code run_pass(referrer *r, size_t first, size_t n, double *references, tj_err *err)
{
    tj_forest_clear(r->forest);
    tj_code rc = tj_batch_to_forest(r->batch, 0, n, r->cfg->share, r->forest, &r->rows, err);
    if (rc == TJ_OK && !tj_grow(&r->logp, &r->cap_logp, r->rows.n_loss, sizeof *r->logp)) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot hold %zu loss rows", r->rows.n_loss);
    }
    if (rc == TJ_OK) {
        rc = tj_forward(r->pass, r->forest, r->logp, NULL, err);
    }
    for (size_t i = 0; rc == TJ_OK && i < r->rows.n_loss; i++) {
        references[first + r->rows.sequence[i]] += (double)r->rows.weights[i] * (double)r->logp[i];
    }
    return rc;
}

static tj_code run_all(referrer *r, double *references, const tj_job *job, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < r->examples->n && rc == TJ_OK;) {
        size_t n = 0;
        rc = tj_job_check(job, err);
        if (rc == TJ_OK) {
            rc = fill(r, i, &n, err);
        }
        if (rc == TJ_OK) {
            rc = run_pass(r, i, n, references, err);
        }
        i += n;
        tj_job_progress(job, "reference", i, r->examples->n, "completions", NULL);
    }
    return rc;
}

tj_code tj_examples_refer(tj_examples *examples, tj_model *model, const tj_train_config *cfg,
                          const tj_job *job, tj_err *err)
{
    referrer r = {.examples = examples, .cfg = cfg};
    tj_free(examples->references); /* what they were, if anything, is not the batch's any more */
    examples->references = NULL;
    double *references = tj_calloc(examples->n, sizeof *references);
    tj_code rc = references == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot hold %zu log-probabilities", examples->n)
                     : tj_pass_create(&r.pass, model, (tj_pass_options){0}, err);
    if (rc == TJ_OK) {
        rc = tj_batch_create(&r.batch, err);
    }
    if (rc == TJ_OK) {
        rc = tj_forest_create(&r.forest, err);
    }
    if (rc == TJ_OK) {
        rc = run_all(&r, references, job, err);
    }
    if (rc == TJ_OK) {
        examples->references = references;
        references = NULL;
    }
    tj_free(references);
    tj_free(r.logp);
    tj_rows_deinit(&r.rows);
    tj_forest_destroy(r.forest);
    tj_batch_destroy(r.batch);
    tj_pass_destroy(r.pass);
    return rc;
}

/* ------------------------------------------------------------------ kept in a file */

static json_t *to_json(const tj_examples *examples)
{
    json_t *list = json_array();
    for (size_t i = 0; i < examples->n; i++) {
        json_array_append_new(list, json_real(examples->references[i]));
    }
    return json_pack("{s:s, s:o}", "examples", examples->digest, "references", list);
}

tj_code tj_references_save(const tj_examples *examples, const char *path, tj_err *err)
{
    json_t *json = to_json(examples);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT); /* 17 digits: exact */
    tj_code rc = text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write %s", path)
                              : tj_fs_write(path, text, strlen(text), err);
    free(text); /* Jansson's own allocation */
    json_decref(json);
    return rc;
}

static tj_code from_json(double *references, const tj_examples *examples, const json_t *json,
                         const char *path, tj_err *err)
{
    const char *digest = json_string_value(json_object_get(json, "examples"));
    const json_t *list = json_object_get(json, "references");
    if (digest == NULL || strcmp(digest, examples->digest) != 0) {
        return tj_fail(err, TJ_E_CONFLICT, "%s is not of these examples", path);
    }
    if (json_array_size(list) != examples->n) {
        return tj_fail(err, TJ_E_PARSE, "%s: %zu references, but there are %zu examples", path,
                       json_array_size(list), examples->n);
    }
    for (size_t i = 0; i < examples->n; i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_number(value) || !(json_number_value(value) <= 0.0)) {
            return tj_fail(err, TJ_E_PARSE, "%s: references[%zu] is not a log-probability", path,
                           i);
        }
        references[i] = json_number_value(value);
    }
    return TJ_OK;
}

tj_code tj_references_load(tj_examples *examples, const char *path, tj_err *err)
{
    char *text = NULL;
    size_t len = 0;
    json_error_t why;
    tj_code rc = tj_fs_read(&text, &len, path, MAX_FILE_BYTES, err);
    if (rc != TJ_OK) {
        return rc;
    }
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    double *references = tj_calloc(examples->n, sizeof *references);
    if (references == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot hold %zu log-probabilities", examples->n);
    } else if (json == NULL) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: not JSON: %s", path, why.text);
    } else {
        rc = from_json(references, examples, json, path, err);
    }
    if (rc == TJ_OK) {
        tj_free(examples->references);
        examples->references = references;
        references = NULL;
    }
    tj_free(references);
    tj_free(text);
    json_decref(json);
    return rc;
}
