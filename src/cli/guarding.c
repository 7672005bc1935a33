/* See guarding.h. */
#include "cli/guarding.h"

#include "cli/common.h"
#include "stage/stage.h"

#define MAX_WEIGHTS 64 /* files of a model; more than any has */

tj_code tj_cli_workspace_if_given(tj_store **out, const tj_args *args, bool create, tj_err *err)
{
    const char *dir = tj_args_get(args, "workspace");
    *out = NULL;
    return dir == NULL
               ? TJ_OK
               : tj_store_open(out, dir, create ? TJ_STORE_CREATE : TJ_STORE_WRITE, NULL, err);
}

/* ------------------------------------------------------------------ what is told */

static void tell_one(const json_t *entry)
{
    const char *missing = json_string_value(json_object_get(entry, "missing"));
    const char *learned = json_string_value(json_object_get(entry, "learned"));
    const char *measured = json_string_value(json_object_get(entry, "measured"));
    if (missing != NULL) {
        fprintf(stderr, "tabiji: warning: %s cannot be compared: %s\n", missing,
                json_string_value(json_object_get(entry, "reason")));
    } else if (tj_number(entry, "shared_measured") == 0.0) {
        tj_job_log(tj_cli_job(), "%s shares no text with %s", learned, measured);
    } else {
        fprintf(stderr,
                "tabiji: warning: %s shares text with %s: of %.0f measured problems %.0f stand "
                "whole in it (%.0f the same), %.0f share %d words in a row\n",
                learned, measured, tj_number(entry, "n_measured"),
                tj_number(entry, "whole_measured"), tj_number(entry, "same_measured"),
                tj_number(entry, "shared_measured"), TJ_OVERLAP_WORDS);
    }
}

static tj_code conclude(const tj_guard *g, bool refuses, tj_err *err)
{
    size_t i;
    const json_t *entry;
    tj_cli_progress_end();
    json_array_foreach(g->found, i, entry)
    {
        tell_one(entry);
    }
    if (g->n_whole == 0 || !refuses) {
        return TJ_OK;
    }
    return tj_fail(err, TJ_E_CONFLICT,
                   "%zu measured problems stand in what is learnt: %s (--contaminated warn lets "
                   "that pass)",
                   g->n_whole, g->first);
}

/* ------------------------------------------------------------------ the two sides */

/* 0: refuse, 1: warn. */
static tj_code read_choice(const tj_args *args, size_t fallback, size_t *choice, tj_err *err)
{
    static const char *const names[] = {"refuse", "warn", NULL};
    return tj_args_choice(args, "contaminated", names, fallback, choice, err);
}

static tj_code against_named(tj_guard *g, const tj_args *args, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; rc == TJ_OK && tj_args_nth(args, "check-against", i) != NULL; i++) {
        rc = tj_guard_against(g, tj_args_nth(args, "check-against", i), err);
    }
    return rc;
}

tj_code tj_cli_guard_training(json_t **found, const tj_args *args, tj_store *store,
                              const char *examples, tj_err *err)
{
    tj_texts own;
    tj_guard g = {.found = NULL};
    size_t choice = 0;
    *found = NULL;
    tj_code rc = read_choice(args, 0, &choice, err);
    if (rc != TJ_OK || (store == NULL && !tj_args_has(args, "check-against"))) {
        return rc;
    }
    rc = tj_texts_of_examples(&own, examples, err); /* all of their texts, if that can be */
    if (rc == TJ_E_PARSE) {
        rc = tj_texts_of_learned(&own, examples, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tj_guard_open(&g, store, true, examples, &own, tj_cli_job(), err);
    if (rc == TJ_OK) {
        rc = against_named(&g, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_guard_against_measured(&g, err);
    }
    if (rc == TJ_OK) {
        rc = conclude(&g, choice == 0, err);
    }
    *found = rc == TJ_OK ? json_incref(g.found) : NULL;
    tj_guard_close(&g);
    tj_texts_deinit(&own);
    return rc;
}

tj_code tj_cli_guard_evaluation(json_t **found, const tj_args *args, tj_store *store,
                                const tj_model_files *model, tj_err *err)
{
    const char *data = tj_args_get(args, "data");
    const char *map = tj_args_get(args, "map");
    const char *weights[MAX_WEIGHTS];
    tj_texts own;
    tj_guard g = {.found = NULL};
    size_t choice = 1;
    *found = NULL;
    tj_code rc = read_choice(args, 1, &choice, err);
    if (rc != TJ_OK || (store == NULL && !tj_args_has(args, "check-against"))) {
        return rc;
    }
    rc = map == NULL ? tj_texts_of_measured(&own, data, err)
                     : tj_texts_of_file(&own, data, map, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t n = model == NULL ? 0 : tj_model_files_weights(model, weights, MAX_WEIGHTS);
    rc = tj_guard_open(&g, store, false, data, &own, tj_cli_job(), err);
    if (rc == TJ_OK) {
        rc = against_named(&g, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_guard_against_learned(&g, weights, n, err);
    }
    if (rc == TJ_OK) {
        rc = conclude(&g, choice == 0, err);
    }
    *found = rc == TJ_OK ? json_incref(g.found) : NULL;
    tj_guard_close(&g);
    tj_texts_deinit(&own);
    return rc;
}
