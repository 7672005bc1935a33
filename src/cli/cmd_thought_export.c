/* thought export: thoughts as training data in the forms of others, with a data card. */
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/common.h"
#include "cli/flow.h"

typedef struct export
{
    tj_cli_flow flow;
    tj_exporter *exporter;
    tj_buf rows;
}
export;

static tj_code add(void *ctx, tj_record *record, const char *where, tj_err *err)
{
    export *e = ctx;
    return tj_exporter_add(e->exporter, &e->rows, record, where, err);
}

static tj_code write_card(const tj_args *args, const tj_exporter *exporter,
                          const tj_cli_inputs *inputs, const tj_export_config *cfg, tj_err *err)
{
    const char *title = tj_args_get(args, "title");
    const char *tokenizer = tj_args_get(args, "tokenizer");
    json_t *json = json_pack("{s:s, s:b, s:s?}", "format", tj_export_names[cfg->format], "think",
                             (int)cfg->think, "tokenizer", tokenizer);
    char *settings = json == NULL ? NULL : tj_json_canonical(json);
    tj_buf text;
    json_decref(json);
    if (settings == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot write the card");
    }
    tj_buf_init(&text);
    tj_card card = {.title = title == NULL ? "Long thoughts" : title,
                    .inputs = (const char *const *)inputs->names,
                    .digests = (const char *const *)inputs->digests,
                    .n_inputs = inputs->n,
                    .settings = settings,
                    .made_by = "tabiji " TJ_VERSION};
    tj_exporter_card(exporter, &card, &text);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK) {
        rc = tj_fs_write(tj_args_get(args, "card"), tj_buf_text(&text), text.len, err);
    }
    tj_buf_deinit(&text);
    tj_free(settings);
    return rc;
}

/* With a workspace: the files that were written, as what a run made of the thoughts. */
static tj_code record_run(export *e, const tj_args *args, const tj_export_config *cfg,
                          int64_t source, tj_err *err)
{
    static const char *const names[] = {"out", "card"};
    tj_run_file files[2];
    char digests[2][TJ_SHA256_HEX];
    size_t n = 0;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < 2 && rc == TJ_OK; i++) {
        const char *path = tj_args_get(args, names[i]);
        if (path != NULL && strcmp(path, "-") != 0) {
            rc = tj_sha256_file(digests[n], path, err);
            files[n] = (tj_run_file){.path = path, .digest = digests[n]};
            n++;
        }
    }
    tj_run_input input = {.role = "thoughts", .kind = "run", .id = source};
    if (rc == TJ_OK) {
        json_t *config = json_pack("{s:s, s:b, s:s?, s:s?}", "format", tj_export_names[cfg->format],
                                   "think", (int)cfg->think, "out", tj_args_get(args, "out"),
                                   "card", tj_args_get(args, "card"));
        rc = tj_cli_flow_begin(&e->flow, "export", config, 0, &input, 1, err);
    }
    if (rc == TJ_OK) {
        rc = tj_thought_run_count(e->flow.run, "rows", tj_exporter_n_rows(e->exporter), err);
        rc = tj_cli_flow_end(&e->flow, args, rc, files, n, err);
    }
    return rc;
}

static void say_skipped(const tj_exporter *exporter)
{
    const char *why = NULL;
    for (size_t i = 0, n; (n = tj_exporter_skipped(exporter, i, &why)) > 0; i++) {
        tj_job_log(tj_cli_job(), "%zu of the records gave no row: %s", n, why);
    }
}

static bool writes_file(const tj_args *args)
{
    const char *out = tj_args_get(args, "out");
    return tj_cli_has_workspace(args) && out != NULL && strcmp(out, "-") != 0;
}

tj_code tj_cmd_thought_export(const tj_args *args, tj_err *err)
{
    export e = {.exporter = NULL};
    size_t format = TJ_EXPORT_TRL;
    int64_t source = 0;
    tj_cli_inputs inputs = {.n = 0};
    tj_buf_init(&e.rows);
    tj_code rc = tj_args_choice(args, "format", tj_export_names, TJ_EXPORT_TRL, &format, err);
    tj_export_config cfg = {.format = (tj_export_format)format,
                            .think = tj_args_has(args, "think")};
    if (rc == TJ_OK) {
        rc = tj_exporter_create(&e.exporter, &cfg, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_flow_read(&e.flow, args, writes_file(args), &source, add, &e, &inputs, err);
    }
    if (rc == TJ_OK) {
        say_skipped(e.exporter);
    }
    if (rc == TJ_OK && tj_exporter_n_rows(e.exporter) == 0) {
        rc = tj_fail(err, TJ_E_INVAL, "no record gives a row of the form %s",
                     tj_export_names[format]);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_write(args, "out", &e.rows, err);
    }
    if (rc == TJ_OK && tj_args_has(args, "card")) {
        rc = write_card(args, e.exporter, &inputs, &cfg, err);
    }
    if (rc == TJ_OK && writes_file(args)) {
        rc = record_run(&e, args, &cfg, source, err);
    }
    tj_exporter_destroy(e.exporter);
    tj_cli_inputs_deinit(&inputs);
    tj_buf_deinit(&e.rows);
    tj_cli_flow_close(&e.flow);
    return rc;
}
