/* The demo: the experiment from beginning to end, and the data of its report. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "stage/experiment_parts.h"

#define NOTE_COMMAND "demo/command" /* a JSON string */

/* The workspace remembers the settings it was begun with, so that `tabiji report` can go through
 * the same stages and others are not mixed in. */
static tj_code remember_command(tj_experiment *x, const char *command, tj_err *err)
{
    json_t *json = json_string(command);
    char *text = json == NULL ? NULL : tj_json_canonical(json);
    tj_code rc = text == NULL ? tj_fail(err, TJ_E_INVAL, "the command line is not UTF-8")
                              : tj_store_set_note(x->env.store, NOTE_COMMAND, text, err);
    tj_free(text);
    json_decref(json);
    return rc;
}

static tj_code remember_config(tj_experiment *x, const char *command, tj_err *err)
{
    json_t *config = tj_demo_config_write(x->env.cfg);
    char *now = config == NULL ? NULL : tj_json_canonical(config);
    char *before = NULL;
    tj_code rc = now == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write the configuration")
                             : tj_store_get_note(x->env.store, &before, TJ_NOTE_DEMO, err);
    if (rc == TJ_OK && before != NULL && strcmp(before, now) != 0) {
        rc = tj_fail(err, TJ_E_CONFLICT,
                     "the workspace %s was begun with other settings: use another --workspace, or "
                     "remove it",
                     tj_store_dir(x->env.store));
    } else if (rc == TJ_OK && before == NULL && !x->env.only_done) {
        /* last, since it says that all is noted: whoever is killed in between notes both again */
        rc = remember_command(x, command, err);
        if (rc == TJ_OK) {
            rc = tj_store_set_note(x->env.store, TJ_NOTE_DEMO, now, err);
        }
    }
    tj_free(before);
    tj_free(now);
    json_decref(config);
    return rc;
}

static tj_code note_abandoned(void *ctx, const tj_run_info *info, tj_err *err)
{
    (void)err;
    tj_experiment *x = ctx;
    tj_job_log(x->env.job, "an earlier process stopped in '%s'; it is taken up again", info->name);
    return TJ_OK;
}

static tj_code run_stages(tj_experiment *x, tj_err *err)
{
    tj_code rc = tj_run_each(x->env.store, TJ_RUN_BIT(TJ_RUN_STARTED), note_abandoned, x, err);
    if (rc == TJ_OK) {
        rc = tj_experiment_data(x, err);
    }
    for (size_t b = 0; b < x->env.cfg->n_bases && rc == TJ_OK; b++) {
        rc = tj_experiment_base(x, b, err);
    }
    for (size_t c = 0; c < x->n_cells && rc == TJ_OK; c++) {
        rc = tj_experiment_grow(x, &x->cells[c], err);
        if (rc == TJ_OK) {
            rc = tj_experiment_derive(x, &x->cells[c], err);
        }
    }
    if (rc == TJ_OK) { /* before the first look at a test problem */
        rc = tj_experiment_declare(x, err);
    }
    return rc == TJ_OK ? tj_experiment_evaluate(x, err) : rc;
}

static tj_code run(const char *dir, const tj_demo_config *cfg, const char *command,
                   const char *build_id, bool only_done, json_t **data, const tj_job *job,
                   tj_err *err)
{
    tj_experiment *x = tj_calloc(1, sizeof *x);
    *data = NULL;
    if (x == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot begin the experiment");
    }
    tj_code rc = tj_experiment_open(x, dir, cfg, build_id, only_done, job, err);
    if (rc == TJ_OK) {
        rc = remember_config(x, command, err);
        if (rc == TJ_OK) {
            rc = run_stages(x, err);
        }
        if (rc == TJ_OK) {
            rc = tj_experiment_report(x, data, command, err);
        }
        tj_experiment_close(x);
    }
    tj_free(x);
    return rc;
}

tj_code tj_demo_run(const char *dir, const tj_demo_config *cfg, const char *command,
                    const char *build_id, json_t **data, const tj_job *job, tj_err *err)
{
    tj_code rc = tj_demo_config_check(cfg, err);
    return rc == TJ_OK ? run(dir, cfg, command, build_id, false, data, job, err) : rc;
}

/* The settings and the command that a workspace was begun with; *command is a JSON string. */
static tj_code stored_experiment(const char *dir, tj_demo_config *cfg, json_t **command,
                                 tj_err *err)
{
    tj_store *store;
    char *texts[2] = {NULL, NULL};
    static const char *const keys[] = {TJ_NOTE_DEMO, NOTE_COMMAND};
    json_t *config = NULL;
    tj_code rc = tj_store_open(&store, dir, TJ_STORE_READ, NULL, err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < 2 && rc == TJ_OK; i++) {
        rc = tj_store_get_note(store, &texts[i], keys[i], err);
        if (rc == TJ_OK && texts[i] == NULL) {
            rc = tj_fail(err, TJ_E_NOTFOUND, "no experiment was begun in %s", dir);
        }
    }
    tj_store_close(store);
    if (rc == TJ_OK) {
        rc = tj_config_parse(&config, texts[0], strlen(texts[0]), "stored configuration", err);
    }
    if (rc == TJ_OK) {
        *command = json_loads(texts[1], JSON_DECODE_ANY, NULL);
        tj_demo_config_default(cfg, false);
        rc = tj_demo_config_read(cfg, config, "stored configuration", err);
    }
    json_decref(config);
    tj_free(texts[0]);
    tj_free(texts[1]);
    return rc;
}

tj_code tj_demo_report(const char *dir, const char *build_id, json_t **data, tj_err *err)
{
    tj_demo_config cfg;
    json_t *command = NULL;
    *data = NULL;
    tj_code rc = stored_experiment(dir, &cfg, &command, err);
    if (rc == TJ_OK) {
        const char *text = json_is_string(command) ? json_string_value(command) : "tabiji demo";
        rc = run(dir, &cfg, text, build_id, true, data, NULL, err);
    }
    json_decref(command);
    return rc;
}
