/* thought filter: lets good thoughts through and says why others are not. */
#include <string.h>

#include "base/alloc.h"
#include "cli/common.h"
#include "cli/flow.h"

typedef struct filter {
    tj_cli_flow flow;
    tj_quality_config cfg;
    tj_buf passed, refused; /* JSON lines */
    bool keep_refused;
    size_t by_rule[TJ_N_RULES];
    size_t n;
} filter;

static tj_code read_config(tj_quality_config *cfg, const tj_args *args, tj_err *err)
{
    const char *path = tj_args_get(args, "config");
    json_t *json = NULL;
    tj_quality_config_default(cfg);
    tj_code rc = path == NULL ? TJ_OK : tj_config_load(&json, path, err);
    if (rc == TJ_OK && json == NULL) {
        json = json_object();
        rc = json == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold the rules") : TJ_OK;
    }
    for (size_t i = 0; rc == TJ_OK && tj_args_nth(args, "set", i) != NULL; i++) {
        rc = tj_config_set(json, tj_args_nth(args, "set", i), err);
    }
    if (rc == TJ_OK) {
        rc = tj_config_read(cfg, tj_quality_fields, json, "rules", err);
    }
    json_decref(json);
    return rc;
}

/* A refused record with the rule it broke and the reason, as a line of --rejected. */
static tj_code add_refused(filter *f, const tj_record *record, const tj_quality *q,
                           const char *where, tj_err *err)
{
    json_t *json = tj_record_to_json(record);
    json_t *line =
        json_pack("{s:s, s:s, s:o, s:O?}", "where", where, "rule", tj_rule_names[q->rule], "reason",
                  tj_json_text(q->reason, strlen(q->reason)), "record", json);
    tj_json_line(&f->refused, line);
    json_decref(line);
    json_decref(json);
    return tj_buf_check(&f->refused, err);
}

static tj_code judge(void *ctx, tj_record *record, const char *where, tj_err *err)
{
    filter *f = ctx;
    tj_quality q;
    tj_code rc = tj_quality_judge(&q, record, &f->cfg, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s", where);
        return rc;
    }
    f->n++;
    f->by_rule[q.rule]++;
    rc = tj_cli_flow_count(&f->flow, tj_rule_names[q.rule], 1, err);
    if (rc == TJ_OK && q.rule == TJ_RULE_PASS) {
        return tj_cli_flow_keep(&f->flow, record, NULL, &f->passed, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_flow_refuse(&f->flow, tj_rule_names[q.rule], q.reason, err);
    }
    return rc == TJ_OK && f->keep_refused ? add_refused(f, record, &q, where, err) : rc;
}

static tj_code print_counts(const filter *f, bool as_json, tj_err *err)
{
    json_t *json = json_object();
    json_object_set_new(json, "records", json_integer((json_int_t)f->n));
    for (size_t i = 0; i < TJ_N_RULES; i++) {
        json_object_set_new(json, tj_rule_names[i], json_integer((json_int_t)f->by_rule[i]));
    }
    tj_code rc = TJ_OK;
    if (as_json) {
        rc = json_dumpf(json, stderr, JSON_COMPACT) == 0 && fputc('\n', stderr) != EOF
                 ? TJ_OK
                 : tj_fail(err, TJ_E_IO, "cannot write to standard error");
    } else {
        fprintf(stderr, "%zu of %zu thoughts passed\n", f->by_rule[TJ_RULE_PASS], f->n);
        for (size_t i = 1; i < TJ_N_RULES; i++) {
            if (f->by_rule[i] > 0) {
                fprintf(stderr, "  %-10s refused %zu\n", tj_rule_names[i], f->by_rule[i]);
            }
        }
    }
    json_decref(json);
    return rc;
}

/* What the outcome depends on beside the thoughts. */
static json_t *config_json(const tj_quality_config *cfg, const tj_args *args)
{
    return json_pack("{s:o, s:b, s:s?}", "rules", tj_config_write(cfg, tj_quality_fields),
                     "by_rules", (int)tj_args_has(args, "by-rules"), "tokenizer",
                     tj_args_get(args, "tokenizer"));
}

/* A workspace keeps both: files beside it would lack what an earlier process of the run did. */
static tj_code refuse_files(const tj_args *args, tj_err *err)
{
    return tj_args_has(args, "out") || tj_args_has(args, "rejected")
               ? tj_fail(err, TJ_E_INVAL,
                         "with --workspace there are no --out and --rejected: 'tabiji thought "
                         "export' writes what passed, 'tabiji thought list --refused' has the "
                         "reasons")
               : TJ_OK;
}

tj_code tj_cmd_thought_filter(const tj_args *args, tj_err *err)
{
    filter f = {.keep_refused = tj_args_has(args, "rejected")};
    bool in_workspace = tj_cli_has_workspace(args);
    tj_buf_init(&f.passed);
    tj_buf_init(&f.refused);
    tj_code rc = in_workspace ? refuse_files(args, err) : TJ_OK;
    if (rc == TJ_OK) {
        rc = read_config(&f.cfg, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_flow_records(&f.flow, args, "filter", config_json(&f.cfg, args), 0, judge, &f,
                                 err);
    }
    if (rc == TJ_OK && !in_workspace) {
        rc = tj_cli_write(args, "out", &f.passed, err);
    }
    if (rc == TJ_OK && f.keep_refused) {
        rc = tj_cli_write(args, "rejected", &f.refused, err);
    }
    if (rc == TJ_OK && !in_workspace) {
        rc = print_counts(&f, tj_args_has(args, "json"), err);
    }
    tj_buf_deinit(&f.passed);
    tj_buf_deinit(&f.refused);
    return rc;
}
