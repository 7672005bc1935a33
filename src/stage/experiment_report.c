/* The report data of docs/report.md, from the experiment and the workspace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/par.h"
#include "stage/experiment_parts.h"

static json_t *integer(size_t n)
{
    return json_integer((json_int_t)n);
}

/* ------------------------------------------------------------------ what it ran on */

/* The text behind "model name" in /proc/cpuinfo; "" where it is not known. */
static void cpu_name(char *out, size_t n)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    out[0] = 0;
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            snprintf(out, n, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
            break;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
}

json_t *tj_report_environment(const char *build_id, const char *isa, const char *precision)
{
    char cpu[128];
    struct utsname os;
    char os_text[160] = "";
    cpu_name(cpu, sizeof cpu);
    if (uname(&os) == 0) {
        snprintf(os_text, sizeof os_text, "%.60s %.60s", os.sysname, os.machine);
    }
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);
    json_t *j =
        json_pack("{s:s, s:s, s:s, s:s?, s:I, s:s, s:s, s:s}", "version", TJ_VERSION, "build_id",
                  build_id, "isa", isa, "precision", precision, "threads",
                  (json_int_t)tj_par_threads(), "cpu", cpu, "os", os_text, "compiler", __VERSION__);
    if (pages > 0 && page > 0) {
        json_object_set_new(j, "memory_bytes", json_integer((json_int_t)pages * page));
    }
    return j;
}

static json_t *task_json(const tj_experiment *x)
{
    const tj_countdown_config *t = &x->task_cfg;
    char text[320];
    json_t *names = json_array();
    for (size_t d = 0; x->env.task.difficulty_name(x->env.task.ctx, d) != NULL; d++) {
        json_array_append_new(names, json_string(x->env.task.difficulty_name(x->env.task.ctx, d)));
    }
    snprintf(text, sizeof text,
             "Combine %zu numbers from %zu to %zu by + - * / (each once, exact division, nothing "
             "negative, no intermediate result above %zu) to reach a target from %zu to %zu.",
             t->n_numbers, t->number_min, t->number_max, t->value_max, t->target_min,
             t->target_max);
    return json_pack("{s:s, s:s, s:I, s:I, s:b, s:o}", "name", "countdown", "description", text,
                     "n_multisets", (json_int_t)x->n_multisets, "n_problems",
                     (json_int_t)x->n_countdown_problems, "count_is_bound", (int)x->count_is_bound,
                     "difficulties", names);
}

static json_t *model_json(const tj_experiment *x)
{
    tj_model_config m = x->env.cfg->model;
    m.n_vocab = tj_tokenizer_n_vocab(x->env.tok);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "parameters",
                     (json_int_t)tj_model_config_n_weights(&m), "layers", (json_int_t)m.n_layers,
                     "width", (json_int_t)m.width, "heads", (json_int_t)m.n_heads, "kv_heads",
                     (json_int_t)m.n_kv_heads, "feed_forward", (json_int_t)m.ffn_width,
                     "vocabulary", (json_int_t)m.n_vocab, "context", (json_int_t)m.max_positions,
                     "tokenizer_hash", tj_tokenizer_hash(x->env.tok));
}

/* ------------------------------------------------------------------ data */

static json_t *data_json(const tj_experiment *x, json_t *example)
{
    const tj_demo_config *c = x->env.cfg;
    size_t train = c->corpus.n_problems + c->n_seeds * x->n_candidates;
    return json_pack(
        "{s:[{s:s, s:s, s:I, s:s}, {s:s, s:s, s:I, s:s}, {s:s, s:s, s:I, s:s}, {s:s, s:s, s:I, "
        "s:s}], s:o*, s:s}",
        "sets", "name", "phase 1", "split", "train", "n", (json_int_t)c->corpus.n_problems, "what",
        "drawn from again and again, with solver-made attempts", "name", "trees", "split", "train",
        "n", (json_int_t)(train - c->corpus.n_problems), "what",
        "each used by one seed; not in phase 1", "name", "validation", "split", "valid", "n",
        (json_int_t)x->n_valid, "what", "for choosing settings", "name", "test", "split", "test",
        "n", (json_int_t)c->eval.n_problems, "what", "looked at after the declaration", "example",
        example, "disjoint",
        "A hash of the multiset of numbers decides the split: no test multiset occurs in "
        "training.");
}

/* ------------------------------------------------------------------ arms */

static json_t *arm_json(const tj_experiment *x, const tj_arm_result *r)
{
    json_t *j = tj_accuracy_json(&r->accuracy);
    json_object_set_new(j, "key", json_string(r->key));
    json_object_set_new(j, "label", json_string(r->label));
    json_object_set_new(j, "budget", json_string(r->budget));
    json_object_set_new(j, "decoding", json_string(r->decoding));
    json_object_set_new(j, "n_samples", json_real(r->n_samples));
    if (r->note[0] != 0) {
        json_object_set_new(j, "note", json_string(r->note));
    }
    if (r->has_process) {
        json_object_set_new(j, "process", tj_process_table_json(&r->process, &x->env.task));
    }
    return j;
}

static json_t *interval_json(const tj_accuracy *a)
{
    return json_pack("{s:f, s:f, s:f}", "accuracy", a->accuracy, "ci_low", a->ci_low, "ci_high",
                     a->ci_high);
}

static json_t *curve_json(const tj_experiment *x)
{
    json_t *points = json_array();
    const tj_accuracy *base = &x->arms[0].accuracy;
    json_array_append_new(points, json_pack("{s:i, s:o, s:o, s:o}", "n", 0, "base",
                                            interval_json(base), "shortcut", interval_json(base),
                                            "journey", interval_json(base)));
    for (size_t i = 0; i < x->n_curve; i++) {
        const tj_curve_point *p = &x->curve[i];
        json_t *j =
            json_pack("{s:I, s:o, s:o, s:{s:f, s:f, s:f}, s:I}", "n", (json_int_t)p->n, "shortcut",
                      interval_json(&p->shortcut), "journey", interval_json(&p->journey),
                      "difference", "points", p->difference.points, "ci_low", p->difference.ci_low,
                      "ci_high", p->difference.ci_high, "n_seeds", (json_int_t)x->n_cells);
        if (p->has_masked) {
            json_object_set_new(j, "journey_masked", interval_json(&p->masked));
        }
        json_array_append_new(points, j);
    }
    return json_pack("{s:o}", "points", points);
}

/* ------------------------------------------------------------------ learning curves */

static tj_code one_curve(const tj_experiment *x, json_t *out, int64_t run, const char *label,
                         const char *arm, const char *phase, uint64_t seed, tj_err *err)
{
    tj_metric_point *points = NULL;
    size_t n = 0;
    tj_code rc = tj_run_series(x->env.store, &points, &n, run, "loss", err);
    if (rc != TJ_OK) {
        return rc;
    }
    json_t *loss = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(loss,
                              json_pack("[I, f]", (json_int_t)points[i].update, points[i].value));
    }
    tj_free(points);
    json_array_append_new(out, json_pack("{s:s, s:I, s:I, s:s, s:s, s:o}", "label", label, "run",
                                         (json_int_t)run, "seed", (json_int_t)seed, "arm", arm,
                                         "phase", phase, "loss", loss));
    return TJ_OK;
}

static tj_code learning_json(const tj_experiment *x, json_t *out, tj_err *err)
{
    char label[64];
    tj_code rc = TJ_OK;
    for (size_t b = 0; b < x->env.cfg->n_bases && rc == TJ_OK; b++) {
        snprintf(label, sizeof label, "base %zu", b + 1);
        rc = one_curve(x, out, x->base_run[b], label, "base", "phase 1", b + 1, err);
    }
    for (size_t k = 0; k <= TJ_ARM_JOURNEY; k++) {
        for (size_t c = 0; c < x->n_cells && rc == TJ_OK; c++) {
            const char *arm = tj_arm_kind_name((tj_arm_kind)k);
            snprintf(label, sizeof label, "%s, seed %llu", arm,
                     (unsigned long long)x->cells[c].seed);
            rc =
                one_curve(x, out, x->train_run[k][c], label, arm, "phase 2", x->cells[c].seed, err);
        }
    }
    return rc;
}

/* ------------------------------------------------------------------ the document */

static json_t *arms_json(const tj_experiment *x)
{
    json_t *arms = json_array();
    for (size_t i = 0; i < x->n_arms; i++) {
        json_array_append_new(arms, arm_json(x, &x->arms[i]));
    }
    return arms;
}

static json_t *differences_json(const tj_experiment *x, const uint64_t *seeds)
{
    json_t *out = json_array();
    for (size_t i = 0; i < x->n_others; i++) {
        json_t *j = tj_difference_json(&x->others[i].difference, seeds);
        json_object_set_new(j, "label", json_string(x->others[i].label));
        json_object_set_new(j, "a", json_string(x->others[i].a));
        json_object_set_new(j, "b", json_string(x->others[i].b));
        json_array_append_new(out, j);
    }
    return out;
}

static json_t *notes_json(const tj_experiment *x)
{
    char text[320];
    size_t fewest = SIZE_MAX;
    size_t most = 0;
    for (size_t c = 0; c < x->n_cells; c++) {
        fewest = x->cells[c].n_trees < fewest ? x->cells[c].n_trees : fewest;
        most = x->cells[c].n_trees > most ? x->cells[c].n_trees : most;
    }
    json_t *notes = json_array();
    json_array_append_new(
        notes, json_string(x->env.cfg->full
                               ? "An update takes the same number of problems in both arms, so "
                                 "that equal epochs are equal updates; the comparison at equal "
                                 "training tokens stands beside it."
                               : "An update takes the same number of problems in both arms, so "
                                 "that equal epochs are equal updates; the full profile also "
                                 "compares at equal training tokens."));
    char range[64];
    snprintf(range, sizeof range, fewest == most ? "%zu" : "%zu to %zu", fewest, most);
    snprintf(text, sizeof text,
             "In each seed trees were grown, problem by problem in a drawn order, until %zu had a "
             "correct path (%s trees a seed). A problem whose tree has none is in neither "
             "arm, so that both learn from what the base can reach.",
             x->n_needed, range);
    json_array_append_new(notes, json_string(text));
    return notes;
}

static void set_body(const tj_experiment *x, json_t *d, const tj_run_sums *sums, json_t *example,
                     const char *command)
{
    const tj_demo_config *c = x->env.cfg;
    uint64_t seeds[TJ_MAX_CELLS];
    json_t *seed_list = json_array();
    for (size_t i = 0; i < x->n_cells; i++) {
        seeds[i] = x->cells[i].seed;
        json_array_append_new(seed_list, json_integer((json_int_t)seeds[i]));
    }
    json_object_set_new(d, "report_version", json_integer(1));
    json_object_set_new(d, "title", json_string("The first journey"));
    json_object_set_new(d, "created", tj_report_time(tj_store_now_us(x->env.store)));
    json_object_set_new(d, "profile", json_string(c->full ? "full" : "demo"));
    json_object_set_new(d, "command", json_string(command));
    json_object_set_new(d, "seconds", json_real(sums->total_seconds));
    json_object_set_new(d, "finished", json_true());
    json_object_set_new(d, "n_train", integer(c->n_train));
    json_object_set_new(d, "n_test", integer(c->eval.n_problems));
    json_object_set_new(d, "seeds", seed_list);
    json_object_set_new(d, "n_resamples", integer(c->eval.n_resamples));
    json_object_set_new(d, "walk_order",
                        json_string(c->derive.order == TJ_ORDER_PAPER ? "paper" : "sampled"));
    json_object_set_new(
        d, "environment",
        tj_report_environment(x->env.build_id, x->env.isa, tj_dtype_name(x->env.dtype)));
    json_object_set_new(d, "task", task_json(x));
    json_object_set_new(d, "model", model_json(x));
    json_object_set_new(d, "pipeline", tj_report_pipeline(x, sums));
    json_object_set_new(d, "config", tj_demo_config_write(c));
    json_object_set_new(d, "data", data_json(x, example));
    json_object_set_new(d, "arms", arms_json(x));
    json_t *difference = tj_difference_json(&x->headline, seeds);
    json_object_set_new(difference, "label", json_string("journey - shortcut"));
    json_object_set_new(difference, "a", json_string("journey"));
    json_object_set_new(difference, "b", json_string("shortcut"));
    json_object_set_new(d, "difference", difference);
    json_object_set_new(d, "differences", differences_json(x, seeds));
    json_object_set_new(d, "notes", notes_json(x));
    if (x->n_curve > 0) {
        json_object_set_new(d, "curve", curve_json(x));
    }
    json_object_set(d, "runs", sums->runs);
}

tj_code tj_experiment_report(tj_experiment *x, json_t **data, const char *command, tj_err *err)
{
    tj_run_sums sums;
    json_t *learning = json_array();
    json_t *thoughts = json_array();
    json_t *evaluations = json_array();
    json_t *trees = json_array();
    json_t *cases = json_array();
    json_t *ledger = NULL;
    json_t *example = NULL;
    *data = NULL;
    tj_code rc = tj_report_runs(x->env.store, &sums, err);
    if (rc == TJ_OK) {
        rc = learning_json(x, learning, err);
    }
    if (rc == TJ_OK) {
        rc = tj_report_evaluations(x->env.store, evaluations, err);
    }
    if (rc == TJ_OK) {
        rc = tj_report_run_trees(x->env.store, trees, &example, x->cells[0].derive_run,
                                 x->cells[0].seed, err);
    }
    if (rc == TJ_OK) {
        rc = tj_report_cases(x, cases, err);
    }
    if (rc == TJ_OK) {
        rc = tj_report_ledger(x->env.store, x->declaration, &ledger, err);
    }
    if (rc == TJ_OK) {
        rc = tj_report_thoughts(x->env.store, thoughts, err);
    }
    if (rc == TJ_OK) {
        json_t *d = json_object();
        set_body(x, d, &sums, example, command);
        json_object_set(d, "learning", learning);
        json_object_set(d, "thoughts", thoughts);
        if (json_array_size(evaluations) > 0) {
            json_object_set(d, "evaluations", evaluations);
        }
        json_object_set(d, "trees", trees);
        json_object_set(d, "cases", cases);
        json_object_set(d, "ledger", ledger);
        *data = d;
    } else {
        json_decref(example);
    }
    json_decref(ledger);
    json_decref(cases);
    json_decref(trees);
    json_decref(thoughts);
    json_decref(learning);
    json_decref(evaluations);
    json_decref(sums.runs);
    return rc;
}
