/* Rows of the workspace for the problems that an evaluation measures: those of the set that was
 * imported from the same content, where there is one, or else of a set that the run makes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "stage/eval_inner.h"

#define NAMED_BYTES 12 /* of a digest in a set's name */

typedef struct problem_ids {
    const tj_eval_problems *problems;
    int64_t *of; /* [problems->n] rows of the workspace */
    tj_buf json;
} problem_ids;

static tj_code problem_of(problem_ids *ids, size_t i, tj_problem *out, tj_err *err)
{
    size_t difficulty = 0;
    tj_buf_clear(&ids->json);
    tj_code rc = ids->problems->write(ids->problems->ctx, i, &ids->json, &difficulty, err);
    *out = (tj_problem){.split = TJ_SPLIT_TEST,
                        .json = tj_buf_text(&ids->json),
                        .n_json = ids->json.len,
                        .difficulty = difficulty};
    return rc == TJ_OK ? tj_buf_check(&ids->json, err) : rc;
}

static int by_digest(const void *a, const void *b)
{
    return memcmp(((const tj_problem *)a)->digest, ((const tj_problem *)b)->digest, TJ_SHA256_HEX);
}

/* Finds the problems among rows, which it sorts; TJ_E_NOTFOUND where one is missing. */
static tj_code look_up(problem_ids *ids, tj_problem *rows, size_t n, tj_err *err)
{
    tj_code rc = TJ_OK;
    if (n > 0) {
        qsort(rows, n, sizeof *rows, by_digest);
    }
    for (size_t i = 0; i < ids->problems->n && rc == TJ_OK; i++) {
        tj_problem wanted;
        rc = problem_of(ids, i, &wanted, err);
        tj_sha256_hex(wanted.digest, wanted.json, wanted.n_json);
        const tj_problem *found =
            n == 0 ? NULL : bsearch(&wanted, rows, n, sizeof *rows, by_digest);
        if (rc == TJ_OK && found == NULL) {
            rc = TJ_E_NOTFOUND;
        }
        ids->of[i] = found == NULL ? 0 : found->id;
    }
    return rc;
}

static tj_code find_in_set(tj_store *store, problem_ids *ids, int64_t set, tj_err *err)
{
    tj_problem *all = NULL;
    tj_problems parts[TJ_SPLIT_TEST + 1] = {{0}};
    size_t n = 0;
    size_t cap = 0;
    tj_code rc = TJ_OK;
    for (int split = TJ_SPLIT_TRAIN; split <= TJ_SPLIT_TEST && rc == TJ_OK; split++) {
        tj_problems *p = &parts[split];
        rc = tj_store_load_problems(store, p, set, (tj_split)split, 0, SIZE_MAX, err);
        if (rc == TJ_OK && p->n > 0 && !tj_grow(&all, &cap, n + p->n, sizeof *all)) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot hold the problems of set %lld", (long long)set);
        }
        if (rc == TJ_OK && p->n > 0) {
            memcpy(all + n, p->rows, p->n * sizeof *all);
            n += p->n;
        }
    }
    if (rc == TJ_OK) {
        rc = look_up(ids, all, n, err);
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        tj_problems_deinit(&parts[i]);
    }
    tj_free(all);
    return rc;
}

typedef struct imported {
    const char *content; /* digest */
    int64_t set;
} imported;

static tj_code see_file(void *ctx, const tj_data_file *file, tj_err *err)
{
    imported *i = ctx;
    (void)err;
    i->set = strcmp(file->content_digest, i->content) == 0 ? file->set : i->set;
    return TJ_OK;
}

static tj_code make_set(tj_store *store, int64_t run, problem_ids *ids, const char *name,
                        tj_err *err)
{
    int64_t set;
    json_t *config = json_pack("{s:s}", "content_digest", ids->problems->digest);
    tj_code rc = config == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot describe a set of problems")
                     : tj_store_begin_set(store, &set, run, name, ids->problems->kind, config, err);
    for (size_t i = 0; i < ids->problems->n && rc == TJ_OK; i++) {
        tj_problem problem;
        bool is_new;
        rc = problem_of(ids, i, &problem, err);
        if (rc == TJ_OK) {
            rc = tj_store_put_problem(store, &ids->of[i], &is_new, set, &problem, err);
        }
    }
    if (rc == TJ_OK) {
        rc = tj_store_seal_set(store, set, err);
    }
    json_decref(config);
    return rc;
}

static tj_code find(tj_store *store, int64_t run, problem_ids *ids, tj_err *err)
{
    char name[TJ_STORE_MAX_NAME + 1];
    tj_problem_set set = {0};
    const tj_eval_problems *p = ids->problems;
    imported file = {.content = p->digest};
    const char *slash = strrchr(p->data, '/');
    (void)snprintf(name, sizeof name, "%.200s %.*s", slash == NULL ? p->data : slash + 1,
                   NAMED_BYTES, p->digest);
    tj_code rc = tj_store_data_file_each(store, 0, see_file, &file, err);
    if (rc == TJ_OK) {
        rc = file.set == 0 ? TJ_E_NOTFOUND : find_in_set(store, ids, file.set, err);
    }
    if (rc == TJ_E_NOTFOUND) {
        rc = tj_store_find_problem_set(store, &set, name, NULL);
        rc = rc == TJ_OK ? find_in_set(store, ids, set.id, err) : rc;
        tj_problem_set_deinit(&set);
    }
    return rc == TJ_E_NOTFOUND ? make_set(store, run, ids, name, err) : rc;
}

tj_code tj_eval_problems_find(tj_store *store, int64_t run, const tj_eval_problems *problems,
                              int64_t *of, tj_err *err)
{
    problem_ids ids = {.problems = problems, .of = of};
    tj_buf_init(&ids.json);
    tj_code rc = find(store, run, &ids, err);
    tj_buf_deinit(&ids.json);
    return rc;
}
