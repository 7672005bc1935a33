/* thought rewrite: drafts reworded by a language model, span by span. */
#include <string.h>

#include "base/alloc.h"
#include "cli/common.h"
#include "cli/flow.h"
#include "cli/generators.h"
#include "cli/talking.h"

typedef struct rewriting {
    tj_cli_flow flow;
    tj_cli_talk talking;
    tj_rewrite_config cfg;
    size_t lines[TJ_N_REWRITES + 1]; /* [n_lines] one after the other */
    size_t n_lines;
    size_t n, by_fate[TJ_N_FATES];
} rewriting;

#define STREAM_REWRITE 206 /* of the random numbers */

static const char *const fate_names[TJ_N_FATES] = {"taken", "same", "refused", "unasked"};

static json_t *verdicts_json(const tj_rewrite_verdict *verdicts, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < n; i++) {
        json_t *one =
            json_pack("{s:s, s:s}", "fate", fate_names[verdicts[i].fate], "why", verdicts[i].why);
        if (json_array_append_new(list, one) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* One line of rewording; *record is replaced by the result. */
static tj_code apply(rewriting *w, tj_record *record, json_t *report, size_t line, tj_err *err)
{
    tj_record out;
    size_t n = record->thought.n_spans;
    tj_rewrite_verdict *verdicts = tj_calloc(n, sizeof *verdicts);
    if (verdicts == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu spans", n);
    }
    w->cfg.line = (tj_rewrite_line)line;
    w->cfg.tok = w->flow.tok; /* of the row's ids; lines have none */
    w->cfg.eos = w->flow.tok == NULL ? -1 : tj_tokenizer_get_extras(w->flow.tok)->eos;
    tj_code rc = tj_rewrite(&out, verdicts, record, &w->talking.talk, &w->cfg, err);
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        w->by_fate[verdicts[i].fate]++;
    }
    if (rc == TJ_OK) {
        tj_record_deinit(record);
        *record = out;
        if (json_object_set_new(report, tj_rewrite_names[line], verdicts_json(verdicts, n)) != 0) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot report on %zu spans", n);
        }
    }
    tj_free(verdicts);
    return rc;
}

static tj_code count_fates(rewriting *w, const size_t *before, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < TJ_N_FATES && rc == TJ_OK; i++) {
        rc = tj_cli_flow_count(&w->flow, fate_names[i], w->by_fate[i] - before[i], err);
    }
    return rc;
}

static tj_code reword(void *ctx, tj_record *record, const char *where, tj_err *err)
{
    rewriting *w = ctx;
    json_t *report = json_object();
    size_t before[TJ_N_FATES];
    tj_code rc = TJ_OK;
    memcpy(before, w->by_fate, sizeof before);
    tj_cli_talk_begin(&w->talking, STREAM_REWRITE,
                      w->flow.run == NULL ? w->n : w->flow.origin.ordinal);
    if (record->thought.n_spans == 0) {
        rc = tj_rules_spans(&record->thought, err);
    }
    for (size_t i = 0; i < w->n_lines && rc == TJ_OK; i++) {
        if (w->flow.run == NULL) { /* a run tells of its items itself */
            tj_job_progress(tj_cli_job(), "rewording", w->n, 0, "thoughts", NULL);
        }
        rc = apply(w, record, report, w->lines[i], err);
    }
    tj_cli_talk_spend(&w->talking, &w->flow);
    if (rc == TJ_OK) {
        rc = count_fates(w, before, err);
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "%s", where);
        json_decref(report);
        return rc;
    }
    w->n++;
    return tj_cli_flow_keep(&w->flow, record, json_pack("{s:o}", "rewriting", report), NULL, err);
}

static tj_code read_lines(rewriting *w, const tj_args *args, tj_err *err)
{
    const char *all = tj_args_get(args, "line");
    for (size_t i = 0; tj_args_nth(args, "line", i) != NULL; i++) {
        size_t line = tj_name_index(tj_args_nth(args, "line", i), tj_rewrite_names);
        if (line == TJ_N_REWRITES || w->n_lines == TJ_N_REWRITES) {
            return tj_fail(err, TJ_E_INVAL,
                           "--line is '%s', expected coherence, granularity, gradual or explorer, "
                           "each once at most",
                           tj_args_nth(args, "line", i));
        }
        w->lines[w->n_lines++] = line;
    }
    if (all == NULL) {
        w->lines[w->n_lines++] = TJ_REWRITE_COHERENCE;
    }
    return TJ_OK;
}

static json_t *config_json(const rewriting *w, const tj_args *args)
{
    json_t *lines = json_array();
    for (size_t i = 0; i < w->n_lines; i++) {
        json_array_append_new(lines, json_string(tj_rewrite_names[w->lines[i]]));
    }
    return json_pack("{s:o, s:I, s:f, s:o}", "lines", lines, "spans",
                     (json_int_t)w->cfg.spans_at_once, "max_growth", w->cfg.max_growth, "model",
                     tj_cli_talk_json(&w->talking, args));
}

static void tell(const rewriting *w)
{
    if (w->n == 0) {
        return; /* the run was done before */
    }
    fprintf(stderr,
            "%zu thoughts; spans reworded %zu, as they were %zu, refused %zu, without an answer "
            "%zu\n",
            w->n, w->by_fate[TJ_REWRITE_TAKEN], w->by_fate[TJ_REWRITE_SAME],
            w->by_fate[TJ_REWRITE_REFUSED], w->by_fate[TJ_REWRITE_UNASKED]);
}

tj_code tj_cmd_thought_rewrite(const tj_args *args, tj_err *err)
{
    rewriting w = {.n_lines = 0};
    tj_rewrite_config_default(&w.cfg);
    tj_code rc = read_lines(&w, args, err);
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "spans", w.cfg.spans_at_once, 64, &w.cfg.spans_at_once, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_talk_open(&w.talking, args, err);
    }
    if (rc == TJ_OK) {
        json_t *config = config_json(&w, args);
        rc = tj_cli_flow_records(&w.flow, args, "rewrite", config, w.talking.talk.seed, reword, &w,
                                 err);
        tj_cli_progress_end();
        tell(&w);
        tj_cli_talk_report(&w.talking);
    }
    tj_cli_talk_close(&w.talking);
    return rc;
}
