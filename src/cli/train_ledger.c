/* See train_ledger.h. */
#include "cli/train_ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "cli/guarding.h"
#include "cli/model_files.h"
#include "stage/stage.h"

tj_code tj_train_ledger_open(tj_train_ledger *l, const tj_args *args, const char *examples,
                             tj_err *err)
{
    json_t *found = NULL;
    *l = (tj_train_ledger){.start = tj_clock_seconds()};
    tj_code rc = tj_cli_workspace_if_given(&l->store, args, !tj_args_has(args, "name"), err);
    if (rc == TJ_OK) {
        rc = tj_cli_guard_training(&found, args, l->store, examples, err);
    }
    json_decref(found);
    return rc;
}

void tj_train_ledger_close(tj_train_ledger *l)
{
    tj_store_close(l->store);
    memset(l, 0, sizeof *l);
}

/* ------------------------------------------------------------------ what is read */

typedef struct inputs {
    tj_run_input all[TJ_STORE_MAX_INPUTS];
    size_t n;
    tj_model_files model;
    char *examples; /* where they are */
    char digest[TJ_SHA256_HEX];
} inputs;

/* The first model: a row of the workspace, or files. */
static tj_code add_model(inputs *in, const tj_train_ledger *l, const tj_args *args,
                         const char *from, tj_err *err)
{
    const char *weights[TJ_STORE_MAX_INPUTS - 1];
    const char *name = tj_args_get(args, "name");
    tj_model_row row;
    if (name != NULL) {
        tj_code rc = tj_store_find_model(l->store, &row, name, 0, err);
        in->all[in->n++] = (tj_run_input){.role = TJ_INPUT_MODEL, .kind = "model", .id = row.id};
        tj_model_row_deinit(&row);
        return rc;
    }
    if (from == NULL) {
        return TJ_OK;
    }
    tj_code rc = tj_model_files_list(&in->model, from, err);
    size_t n = tj_model_files_weights(&in->model, weights, TJ_STORE_MAX_INPUTS - 1);
    for (size_t i = 0; i < n; i++) {
        in->all[in->n++] =
            (tj_run_input){.role = TJ_INPUT_MODEL, .kind = "file", .digest = weights[i]};
    }
    return rc;
}

tj_code tj_train_ledger_begin(tj_train_ledger *l, const tj_args *args, const json_t *record,
                              size_t seed, const char *examples, const char *from, tj_err *err)
{
    char name[96];
    bool resumed = false;
    if (l->store == NULL) {
        return TJ_OK;
    }
    inputs *in = tj_calloc(1, sizeof *in);
    if (in == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot describe the training");
    }
    const char *slash = strrchr(examples, '/');
    (void)snprintf(name, sizeof name, "train on %.80s", slash == NULL ? examples : slash + 1);
    tj_code rc = tj_fs_real_path(&in->examples, examples, err);
    in->all[in->n++] = (tj_run_input){.role = in->examples, .kind = "file", .digest = in->digest};
    if (rc == TJ_OK) {
        rc = tj_sha256_file(in->digest, examples, err);
    }
    if (rc == TJ_OK) {
        rc = add_model(in, l, args, from, err);
    }
    tj_run_spec spec = {.stage = "train",
                        .name = name,
                        .config = record,
                        .seed = seed,
                        .inputs = in->all,
                        .n_inputs = in->n,
                        .build_id = tj_build_id(),
                        .isa = tj_isa_name(),
                        .n_threads = tj_par_threads()};
    if (rc == TJ_OK) {
        rc = tj_ledger_run_go_on(l->store, &l->run, &resumed, &spec, err);
    }
    tj_model_files_deinit(&in->model);
    tj_free(in->examples);
    tj_free(in);
    return rc;
}

/* ------------------------------------------------------------------ what is written */

typedef struct outputs {
    tj_run_file *all; /* [n]; paths are to be freed */
    size_t n, cap;
    tj_model_files files[2];
} outputs;

static tj_code add_folder(outputs *o, size_t which, const char *folder, tj_err *err)
{
    tj_model_files *files = &o->files[which];
    tj_code rc = tj_model_files_list(files, folder, err);
    for (size_t i = 0; i < files->n && rc == TJ_OK; i++) {
        char *path = NULL;
        rc = tj_fs_real_path(&path, files->all[i].path, err);
        if (rc == TJ_OK && !tj_grow(&o->all, &o->cap, o->n + 1, sizeof *o->all)) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot list %s", folder);
        }
        if (rc != TJ_OK) {
            tj_free(path);
            return rc;
        }
        o->all[o->n++] = (tj_run_file){.path = path, .digest = files->all[i].digest};
    }
    return rc;
}

static void drop_outputs(outputs *o)
{
    for (size_t i = 0; i < o->n; i++) {
        tj_free((char *)(uintptr_t)o->all[i].path);
    }
    tj_free(o->all);
    tj_model_files_deinit(&o->files[0]);
    tj_model_files_deinit(&o->files[1]);
}

tj_code tj_train_ledger_end(tj_train_ledger *l, tj_code rc, const char *out, const char *merged,
                            tj_run_cost cost, const json_t *metrics, tj_err *err)
{
    outputs o = {.n = 0};
    if (l->run == 0) {
        return rc;
    }
    if (rc == TJ_OK) {
        rc = add_folder(&o, 0, out, err);
    }
    if (rc == TJ_OK && merged != NULL) {
        rc = add_folder(&o, 1, merged, err);
    }
    cost.seconds = tj_clock_seconds() - l->start;
    tj_run_outcome outcome = {.metrics = metrics, .cost = cost};
    if (rc == TJ_OK) {
        outcome.files = o.all;
        outcome.n_files = o.n;
    }
    rc = tj_ledger_run_end(l->store, l->run, rc, &outcome, err);
    drop_outputs(&o);
    return rc;
}
