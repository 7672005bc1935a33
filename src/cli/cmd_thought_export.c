/* thought export: thoughts as training data in the forms of others, with a data card. */
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/common.h"
#include "cli/records.h"

typedef struct export
{
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

tj_code tj_cmd_thought_export(const tj_args *args, tj_err *err)
{
    export e = {.exporter = NULL};
    size_t format = TJ_EXPORT_TRL;
    tj_cli_inputs inputs = {.n = 0};
    tj_buf_init(&e.rows);
    tj_code rc = tj_args_choice(args, "format", tj_export_names, TJ_EXPORT_TRL, &format, err);
    tj_export_config cfg = {.format = (tj_export_format)format,
                            .think = tj_args_has(args, "think")};
    if (rc == TJ_OK) {
        rc = tj_exporter_create(&e.exporter, &cfg, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_records(args, add, &e, &inputs, err);
    }
    if (rc == TJ_OK && tj_exporter_n_rows(e.exporter) == 0) {
        rc = tj_fail(err, TJ_E_INVAL, "no record gives a row of the form %s%s",
                     tj_export_names[format],
                     format == TJ_EXPORT_JSONL ? "" : ": see 'tabiji thought export --help'");
    }
    if (rc == TJ_OK) {
        rc = tj_cli_write(args, "out", &e.rows, err);
    }
    if (rc == TJ_OK && tj_args_has(args, "card")) {
        rc = write_card(args, e.exporter, &inputs, &cfg, err);
    }
    tj_exporter_destroy(e.exporter);
    tj_cli_inputs_deinit(&inputs);
    tj_buf_deinit(&e.rows);
    return rc;
}
