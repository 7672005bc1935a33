/* Runs, the pipeline and the ledger in the report's data. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stage/experiment_parts.h"

json_t *tj_report_time(int64_t us)
{
    time_t seconds = (time_t)(us / 1000000);
    struct tm tm;
    char text[32];
    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        return json_null();
    }
    return json_string(text);
}

enum { P_DATA, P_BASE, P_GROW, P_DERIVE, P_ARMS, P_EVAL };

static size_t pipeline_slot(const tj_run_info *r)
{
    if (strcmp(r->stage, "train") == 0) {
        return strncmp(r->name, "phase 1", 7) == 0 ? P_BASE : P_ARMS;
    }
    return strcmp(r->stage, "grow") == 0     ? P_GROW
           : strcmp(r->stage, "derive") == 0 ? P_DERIVE
           : strcmp(r->stage, "eval") == 0   ? P_EVAL
                                             : P_DATA;
}

static tj_code add_run(void *ctx, const tj_run_info *r, tj_err *err)
{
    (void)err;
    tj_run_sums *s = ctx;
    size_t slot = pipeline_slot(r);
    const char *status = r->status == TJ_RUN_STARTED ? "running" : tj_run_status_name(r->status);
    json_t *j =
        json_pack("{s:I, s:s, s:s, s:s, s:o, s:f, s:I, s:I, s:I, s:s}", "id", (json_int_t)r->id,
                  "stage", r->stage, "label", r->name, "status", status, "started",
                  tj_report_time(r->started_us), "seconds", r->cost.seconds, "tokens",
                  (json_int_t)r->cost.tokens, "updates", (json_int_t)r->cost.updates, "seed",
                  (json_int_t)r->seed, "config_digest", r->config_digest);
    if (r->error != NULL) {
        json_object_set_new(j, "error", json_string(r->error));
    }
    if (r->result != NULL) {
        json_object_set_new(j, "output_digest", json_string(r->result));
    }
    json_array_append_new(s->runs, j);
    s->seconds[slot] += r->cost.seconds;
    s->tokens[slot] += r->cost.tokens;
    s->n[slot]++;
    s->total_seconds += r->cost.seconds;
    s->total_tokens += r->cost.tokens;
    return TJ_OK;
}

json_t *tj_report_pipeline(const tj_experiment *x, const tj_run_sums *s)
{
    const tj_demo_config *c = x->env.cfg;
    char detail[6][120];
    static const char *const stages[] = {"data", "train", "grow", "derive", "train", "eval"};
    static const char *const titles[] = {"Draw problems",   "Train phase 1",   "Grow trees",
                                         "Derive thoughts", "Train both arms", "Evaluate"};
    static const char *const inputs[] = {"the setting",    "problems, solver",
                                         "base, problems", "trees",
                                         "base, thoughts", "models, problems unseen"};
    char outputs[6][64];
    size_t n_trees = 0;
    json_t *out = json_array();
    for (size_t i = 0; i < x->n_cells; i++) {
        n_trees += x->cells[i].n_trees;
    }
    snprintf(detail[P_DATA], sizeof detail[0], "%zu train, %zu validation, %zu test",
             c->corpus.n_problems + c->n_seeds * x->n_candidates, x->n_valid, c->eval.n_problems);
    snprintf(detail[P_BASE], sizeof detail[0], "%zu updates", c->phase1.n_updates);
    snprintf(detail[P_GROW], sizeof detail[0], "w = %zu, D = %zu, until %zu have an answer",
             c->grow.width, c->grow.depth, x->n_needed);
    snprintf(detail[P_DERIVE], sizeof detail[0], "a shortcut and a journey of each tree");
    snprintf(detail[P_ARMS], sizeof detail[0], "%zu seeds, N = %zu, %zu epochs", x->n_cells,
             c->n_train, c->phase2.epochs);
    snprintf(detail[P_EVAL], sizeof detail[0], "%zu problems", c->eval.n_problems);
    snprintf(outputs[P_DATA], sizeof outputs[0], "problems in splits");
    snprintf(outputs[P_BASE], sizeof outputs[0], "%zu %s", c->n_bases,
             c->n_bases == 1 ? "base" : "bases");
    snprintf(outputs[P_GROW], sizeof outputs[0], "%zu trees", n_trees);
    snprintf(outputs[P_DERIVE], sizeof outputs[0], "%zu thoughts", 2 * x->n_cells * x->n_needed);
    snprintf(outputs[P_ARMS], sizeof outputs[0], "%zu models", s->n[P_ARMS]);
    snprintf(outputs[P_EVAL], sizeof outputs[0], "%zu sets of answers", s->n[P_EVAL]);
    for (size_t i = 0; i < 6; i++) {
        json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:I, s:s}", "stage",
                                             stages[i], "title", titles[i], "detail", detail[i],
                                             "in", inputs[i], "out", outputs[i], "seconds",
                                             s->seconds[i], "tokens", (json_int_t)s->tokens[i],
                                             "status", s->n[i] > 0 ? "done" : "pending"));
    }
    return out;
}

typedef struct entry_out {
    int64_t seq;
    json_t *json;
} entry_out;

/* The declaration as a sentence; its body stands beside it, whole. */
static json_t *declaration_text(const json_t *body)
{
    char *seeds = json_dumps(json_object_get(body, "seeds"), 0);
    json_t *text = json_sprintf(
        "Problem set %.12s…: N = %lld, %lld test problems, seeds %s. Primary: %s. McNemar's exact "
        "test on seed %lld. Same tokens: %s.",
        json_string_value(json_object_get(body, "problem_set")),
        (long long)json_integer_value(json_object_get(body, "n_train")),
        (long long)json_integer_value(json_object_get(body, "n_test")), seeds == NULL ? "" : seeds,
        json_string_value(json_object_get(body, "primary")),
        (long long)json_integer_value(json_object_get(body, "mcnemar_seed")),
        json_string_value(json_object_get(body, "same_tokens")));
    free(seeds); /* Jansson's own allocation */
    return text;
}

static tj_code find_entry(void *ctx, const tj_ledger_entry *e, tj_err *err)
{
    (void)err;
    entry_out *out = ctx;
    if (e->seq == out->seq) {
        json_t *body = json_loads(e->body, 0, NULL);
        out->json = json_pack("{s:I, s:s, s:o, s:o, s:s}", "entry", (json_int_t)e->seq, "hash",
                              e->hash, "time", tj_report_time(e->time_us), "text",
                              declaration_text(body), "body", e->body);
        json_decref(body);
    }
    return TJ_OK;
}

static tj_code find_first_look(void *ctx, const tj_run_info *run, tj_err *err)
{
    (void)err;
    int64_t *first = ctx;
    if (strcmp(run->stage, "eval") == 0 && (*first == 0 || run->started_us < *first)) {
        *first = run->started_us;
    }
    return TJ_OK;
}

tj_code tj_report_ledger(tj_store *store, int64_t declaration, json_t **out, tj_err *err)
{
    tj_head head;
    int64_t first_look = 0;
    entry_out entry = {.seq = declaration};
    tj_code rc = tj_ledger_signed_head(store, &head, err);
    if (rc == TJ_OK) {
        rc = tj_ledger_each(store, "declared", 0, find_entry, &entry, err);
    }
    if (rc == TJ_OK) {
        rc = tj_run_each(store, TJ_RUN_ANY, find_first_look, &first_look, err);
    }
    if (first_look != 0 && entry.json != NULL) {
        json_object_set_new(entry.json, "first_look", tj_report_time(first_look));
    }
    *out = rc == TJ_OK ? json_pack("{s:s, s:I, s:o*}", "head", head.hash, "n_entries",
                                   (json_int_t)head.n_entries, "declaration", entry.json)
                       : NULL;
    if (rc == TJ_OK && head.is_signed) {
        json_object_set_new(*out, "key", json_string(head.key));
        json_object_set_new(*out, "signature", json_string(head.signature));
    }
    return rc;
}

tj_code tj_report_runs(tj_store *store, tj_run_sums *out, tj_err *err)
{
    memset(out, 0, sizeof *out);
    out->runs = json_array();
    return tj_run_each(store, TJ_RUN_ANY, add_run, out, err);
}
