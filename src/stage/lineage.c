/* A walk from a run to what it read, and on to what made that. */
#include "stage/lineage.h"

#include <string.h>

#include "base/alloc.h"

typedef struct walk {
    tj_store *store;
    tj_run_input_fn fn;
    void *ctx;
    int64_t *runs; /* [n] to be looked at; those before `next` have been */
    size_t n, cap, next;
} walk;

static tj_code push(walk *w, int64_t run, tj_err *err)
{
    for (size_t i = 0; i < w->n; i++) {
        if (w->runs[i] == run) {
            return TJ_OK;
        }
    }
    if (w->n == TJ_LINEAGE_MAX_RUNS) {
        return tj_fail(err, TJ_E_LIMIT, "a model comes from more than %d runs",
                       TJ_LINEAGE_MAX_RUNS);
    }
    if (!tj_grow(&w->runs, &w->cap, w->n + 1, sizeof *w->runs)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold the runs that a model comes from");
    }
    w->runs[w->n++] = run;
    return TJ_OK;
}

/* ------------------------------------------------------------------ who made a file */

typedef struct search {
    walk *walk;
    const char *digest;
    int64_t run; /* at hand */
} search;

static tj_code look_at_output(void *ctx, const tj_run_output *output, tj_err *err)
{
    search *s = ctx;
    bool is_it = strcmp(output->kind, "file") == 0 && strcmp(output->digest, s->digest) == 0;
    return is_it ? push(s->walk, s->run, err) : TJ_OK;
}

static tj_code look_at_run(void *ctx, const tj_run_info *info, tj_err *err)
{
    search *s = ctx;
    s->run = info->id;
    return tj_run_outputs_each(s->walk->store, info->id, look_at_output, s, err);
}

static tj_code push_makers(walk *w, const char *digest, tj_err *err)
{
    search s = {.walk = w, .digest = digest};
    tj_run_filter trainings = {.statuses = TJ_RUN_BIT(TJ_RUN_DONE), .stage = "train"};
    return tj_run_list(w->store, &trainings, look_at_run, &s, err);
}

/* ------------------------------------------------------------------ what a run read */

static tj_code push_maker_of_model(walk *w, int64_t model, tj_err *err)
{
    tj_model_row row;
    tj_code rc = tj_store_get_model(w->store, &row, model, err);
    if (rc == TJ_OK) {
        rc = push(w, row.run, err);
    }
    tj_model_row_deinit(&row);
    return rc;
}

static bool is_source(const tj_run_input *in)
{
    return strcmp(in->kind, "problem_set") == 0 ||
           (strcmp(in->kind, "file") == 0 && strcmp(in->role, TJ_INPUT_MODEL) != 0 &&
            strncmp(in->role, TJ_INPUT_SHOTS, strlen(TJ_INPUT_SHOTS)) != 0);
}

static tj_code look_at_input(void *ctx, const tj_run_input *in, tj_err *err)
{
    walk *w = ctx;
    if (is_source(in)) {
        return w->fn(w->ctx, in, err);
    }
    if (strcmp(in->kind, "file") == 0 && strcmp(in->role, TJ_INPUT_MODEL) == 0) {
        return push_makers(w, in->digest, err);
    }
    if (strcmp(in->kind, "run") == 0) {
        return push(w, in->id, err);
    }
    return strcmp(in->kind, "model") == 0 ? push_maker_of_model(w, in->id, err) : TJ_OK;
}

tj_code tj_lineage_of_file(tj_store *store, const char *digest, tj_run_input_fn fn, void *ctx,
                           tj_err *err)
{
    walk w = {.store = store, .fn = fn, .ctx = ctx};
    tj_code rc = push_makers(&w, digest, err);
    while (rc == TJ_OK && w.next < w.n) {
        rc = tj_run_inputs_each(store, w.runs[w.next++], look_at_input, &w, err);
    }
    tj_free(w.runs);
    return rc;
}

/* ------------------------------------------------------------------ what was measured */

static tj_code give_measured(void *ctx, const tj_run_input *in, tj_err *err)
{
    const walk *w = ctx;
    return is_source(in) ? w->fn(w->ctx, in, err) : TJ_OK;
}

static tj_code look_at_evaluation(void *ctx, const tj_run_info *info, tj_err *err)
{
    walk *w = ctx;
    return tj_run_inputs_each(w->store, info->id, give_measured, w, err);
}

tj_code tj_lineage_measured(tj_store *store, tj_run_input_fn fn, void *ctx, tj_err *err)
{
    walk w = {.store = store, .fn = fn, .ctx = ctx};
    tj_run_filter evaluations = {.stage = "eval"};
    return tj_run_list(store, &evaluations, look_at_evaluation, &w, err);
}
