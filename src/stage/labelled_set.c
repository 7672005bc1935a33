#include "stage/labelled_set.h"

#include <jansson.h>
#include <string.h>

typedef struct adding {
    tj_labelled *set;
    tj_store *store;
    tj_neutral_as neutral;
    int64_t problem;  /* whose texts are at hand; 0: none */
    json_t *texts;    /* of its row */
    int64_t problems; /* the set's id */
    int64_t file;     /* of the latest solution, */
    bool is_critic;   /* and whether its rows are candidates, not solutions */
} adding;

/* A text field of the problem; none where it has not. */
static tj_str text_of(const adding *a, const char *field)
{
    const json_t *text = json_object_get(a->texts, field);
    return (tj_str){json_string_value(text), json_string_length(text)};
}

static tj_code find_problem(adding *a, int64_t id, tj_err *err)
{
    tj_problems problems = {.n = 0};
    if (a->problem == id) {
        return TJ_OK;
    }
    tj_code rc = tj_store_load_problem(a->store, &problems, id, err);
    if (rc == TJ_OK) {
        json_decref(a->texts);
        a->texts = json_loads(problems.rows[0].json, 0, NULL);
        a->problem = id;
    }
    tj_problems_deinit(&problems);
    if (rc == TJ_OK && text_of(a, "problem").s == NULL) {
        rc = tj_fail(err, TJ_E_PARSE, "problem %lld is not one in words", (long long)id);
    }
    return rc;
}

static tj_code look_at_file(void *ctx, const tj_data_file *file, tj_err *err)
{
    adding *a = ctx;
    (void)err;
    if (file->id == a->file) {
        a->is_critic = strcmp(file->format, tj_data_format_name(TJ_DATA_CRITIC)) == 0;
    }
    return TJ_OK;
}

static tj_code find_file(adding *a, int64_t id, tj_err *err)
{
    if (a->file == id) {
        return TJ_OK;
    }
    a->file = id;
    return tj_store_data_file_each(a->store, a->problems, look_at_file, a, err);
}

static bool is_labelled(const tj_data_solution *s)
{
    for (size_t i = 0; i < s->n_steps; i++) {
        if (s->steps[i].label != TJ_NO_LABEL) {
            return true;
        }
    }
    return false;
}

static tj_code add_solution(void *ctx, const tj_solution_row *row, tj_err *err)
{
    adding *a = ctx;
    const tj_data_solution *s = &row->content;
    size_t at = SIZE_MAX;
    if (!is_labelled(s)) {
        return TJ_OK;
    }
    tj_code rc = find_problem(a, row->problem, err);
    if (rc == TJ_OK) {
        rc = find_file(a, row->file, err);
    }
    if (rc == TJ_OK) {
        rc = tj_labelled_begin(a->set, text_of(a, "problem"), text_of(a, "answer"), row->number,
                               err);
    }
    for (size_t i = 0; i < s->n_steps && rc == TJ_OK; i++) {
        rc = tj_labelled_add(a->set, &at, at, s->steps[i].text,
                             tj_labelled_target(s->steps[i].label, a->neutral), err);
    }
    if (rc == TJ_OK) {
        tj_labelled_end(a->set);
        tj_labelled_tree *tree =
            &a->set->trees[a->set->n_trees - 1]; /* it has labels: it is there */
        tree->is_whole = tree->is_whole && !a->is_critic;
    }
    return rc;
}

tj_code tj_labelled_from_store(tj_labelled *set, tj_store *store, const char *name,
                               tj_neutral_as neutral, tj_err *err)
{
    adding a = {.set = set, .store = store, .neutral = neutral};
    tj_problem_set problems = {.id = 0};
    size_t before = set->n_trees;
    tj_code rc = tj_store_find_problem_set(store, &problems, name, err);
    if (rc == TJ_OK) {
        set->format = "workspace";
        a.problems = problems.id;
        rc = tj_store_solution_each(store, problems.id, add_solution, &a, err);
        tj_problem_set_deinit(&problems);
    }
    json_decref(a.texts);
    if (rc == TJ_OK && set->n_trees == before) {
        rc = tj_fail(err, TJ_E_INVAL, "it has no labelled step");
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "the set %s", name);
    }
    return rc;
}
