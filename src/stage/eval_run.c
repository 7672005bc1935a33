/* An evaluation in the workspace: its run, whatever is measured. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "nn/nn.h"
#include "stage/eval_inner.h"
#include "stage/ledger_run.h"
#include "stage/lineage.h"

/* ------------------------------------------------------------------ beginning */

typedef struct inputs {
    tj_run_input all[3];
    char digests[2][TJ_SHA256_HEX];
    char *data; /* where it is */
    tj_buf shots;
    size_t n;
} inputs;

static tj_code add_file(inputs *in, const char *role, const char *path, tj_err *err)
{
    char *digest = in->digests[in->n];
    in->all[in->n++] = (tj_run_input){.role = role, .kind = "file", .digest = digest};
    return tj_sha256_file(digest, path, err);
}

static tj_code gather(inputs *in, const tj_eval_run_spec *cfg, tj_err *err)
{
    char *shots = NULL;
    tj_code rc = tj_fs_real_path(&in->data, cfg->data, err);
    if (rc == TJ_OK) {
        rc = add_file(in, in->data, in->data, err);
    }
    if (rc == TJ_OK && cfg->shots_data != NULL) {
        rc = tj_fs_real_path(&shots, cfg->shots_data, err);
        tj_buf_printf(&in->shots, TJ_INPUT_SHOTS "%s", rc == TJ_OK ? shots : "");
        rc = rc == TJ_OK ? tj_buf_check(&in->shots, err) : rc;
    }
    if (rc == TJ_OK && shots != NULL) {
        rc = add_file(in, tj_buf_text(&in->shots), shots, err);
    }
    tj_free(shots);
    if (cfg->model_digest[0] != '\0') { /* of a server's model nothing is known but its name */
        in->all[in->n++] =
            (tj_run_input){.role = TJ_INPUT_MODEL, .kind = "file", .digest = cfg->model_digest};
    }
    return rc;
}

static tj_code begin(tj_eval_run *r, const tj_run_spec *spec, bool is_known, tj_err *err)
{
    bool resumed = false, done = false;
    tj_run_info info;
    tj_code rc = TJ_OK;
    if (is_known) {
        rc = tj_ledger_run_find_done(r->store, &r->run, &done, spec, err);
    }
    if (done) {
        r->store = NULL;
        return TJ_OK;
    }
    if (rc == TJ_OK) {
        rc = tj_ledger_run_go_on(r->store, &r->run, &resumed, spec, err);
    }
    if (rc == TJ_OK && resumed) {
        rc = tj_run_get(r->store, &info, r->run, err);
        r->paid = info.cost;
        tj_run_info_deinit(&info);
    }
    return rc;
}

tj_code tj_eval_run_begin(tj_eval_run *out, const tj_eval_run_spec *cfg, bool is_known, tj_err *err)
{
    char name[TJ_STORE_MAX_NAME + 1];
    *out = (tj_eval_run){.store = cfg->store};
    if (cfg->store == NULL) {
        return TJ_OK;
    }
    inputs in = {.n = 0};
    json_t *all = json_copy((json_t *)(uintptr_t)cfg->config);
    if (all == NULL ||
        json_object_set_new(all, "problems", json_integer((json_int_t)cfg->n_problems)) != 0) {
        json_decref(all);
        return tj_fail(err, TJ_E_NOMEM, "cannot describe the evaluation");
    }
    tj_buf_init(&in.shots);
    tj_code rc = gather(&in, cfg, err);
    (void)snprintf(name, sizeof name, "%s: %.200s", cfg->task, cfg->model);
    tj_run_spec spec = {.stage = "eval",
                        .name = name,
                        .config = all,
                        .seed = cfg->seed,
                        .inputs = in.all,
                        .n_inputs = in.n,
                        .build_id = cfg->build_id,
                        .isa = tj_isa_name(),
                        .n_threads = tj_par_threads()};
    if (rc == TJ_OK) {
        rc = begin(out, &spec, is_known, err);
    }
    tj_free(in.data);
    tj_buf_deinit(&in.shots);
    json_decref(all);
    return rc;
}

/* ------------------------------------------------------------------ ending */

/* What it made outside of the database. */
static tj_code find_file(tj_run_file *file, char digest[TJ_SHA256_HEX], char **whole,
                         const char *out, tj_err *err)
{
    char *path = tj_fs_join(out, "eval.json");
    tj_code rc = path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot name eval.json")
                              : tj_fs_real_path(whole, path, err);
    if (rc == TJ_OK) {
        rc = tj_sha256_file(digest, *whole, err);
        *file = (tj_run_file){.path = *whole, .digest = digest};
    }
    tj_free(path);
    return rc;
}

static tj_code end_done(tj_eval_run *r, tj_run_outcome *outcome,
                        tj_code (*add_rows)(void *ctx, tj_err *err), void *ctx, tj_err *err)
{
    tj_code rc = tj_store_begin(r->store, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = add_rows == NULL ? TJ_OK : add_rows(ctx, err);
    if (rc == TJ_OK) {
        rc = tj_ledger_run_end(r->store, r->run, TJ_OK, outcome, err);
    }
    if (rc == TJ_OK) {
        return tj_store_commit(r->store, err);
    }
    tj_store_rollback(r->store);
    return rc;
}

tj_code tj_eval_run_end(tj_eval_run *r, tj_code rc, const tj_run_cost *cost, const char *out,
                        const json_t *result, tj_code (*add_rows)(void *ctx, tj_err *err),
                        void *ctx, tj_err *err)
{
    char digest[TJ_SHA256_HEX];
    char *whole = NULL;
    tj_run_file file;
    tj_run_outcome outcome = {.cost = *cost};
    if (r->store == NULL) {
        return rc;
    }
    if (rc == TJ_OK && out != NULL) {
        rc = find_file(&file, digest, &whole, out, err);
        outcome.files = &file;
        outcome.n_files = rc == TJ_OK ? 1 : 0;
    }
    if (rc == TJ_OK) {
        outcome.metrics = result;
        rc = end_done(r, &outcome, add_rows, ctx, err);
        if (rc == TJ_OK) {
            tj_free(whole);
            return TJ_OK;
        }
        outcome.metrics = NULL;
        outcome.n_files = 0;
    }
    tj_free(whole);
    return tj_ledger_run_end(r->store, r->run, rc, &outcome, err);
}

/* ------------------------------------------------------------------ the list */

static tj_code list_run(void *ctx, const tj_run_info *info, tj_err *err)
{
    json_t *list = ctx;
    json_t *config = json_loads(info->config, 0, NULL);
    if (!json_is_string(json_object_get(config, "task"))) { /* an experiment's */
        json_decref(config);
        return TJ_OK;
    }
    json_t *result = info->metrics == NULL ? json_null() : json_loads(info->metrics, 0, NULL);
    json_t *entry =
        json_pack("{s:I, s:s, s:s, s:o, s:f, s:I, s:f, s:s?, s:o, s:o}", "run",
                  (json_int_t)info->id, "name", info->name, "status",
                  tj_run_status_name(info->status), "seed", json_integer((json_int_t)info->seed),
                  "seconds", info->cost.seconds, "tokens", (json_int_t)info->cost.tokens, "money",
                  info->cost.money, "error", info->error, "config", config, "result", result);
    return entry != NULL && json_array_append_new(list, entry) == 0
               ? TJ_OK
               : tj_fail(err, TJ_E_NOMEM, "cannot list the evaluations");
}

tj_code tj_eval_runs(tj_store *store, json_t **list, tj_err *err)
{
    tj_run_filter filter = {.stage = "eval"};
    *list = json_array();
    tj_code rc = *list == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot list the evaluations")
                               : tj_run_list(store, &filter, list_run, *list, err);
    if (rc != TJ_OK) {
        json_decref(*list);
        *list = NULL;
    }
    return rc;
}
