/* The report data of docs/report.md, from the experiment and the workspace. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/par.h"
#include "stage/experiment.h"

#define N_TREES     10
#define N_CASES     12 /* of each kind */
#define NODES_SHOWN 120

static json_t *time_json(int64_t us)
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

static json_t *environment_json(const tj_experiment *x)
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
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:s}", "version", TJ_VERSION,
                          "build_id", x->env.build_id, "isa", x->env.isa, "precision",
                          tj_dtype_name(x->env.dtype), "threads", (json_int_t)tj_par_threads(),
                          "cpu", cpu, "os", os_text, "compiler", __VERSION__);
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

/* ------------------------------------------------------------------ runs and pipeline */

typedef struct run_sums {
    json_t *runs;
    double seconds[6];
    uint64_t tokens[6];
    size_t n[6];
    double total_seconds;
    uint64_t total_tokens;
} run_sums;

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
    run_sums *s = ctx;
    size_t slot = pipeline_slot(r);
    const char *status = r->status == TJ_RUN_STARTED ? "running" : tj_run_status_name(r->status);
    json_t *j = json_pack("{s:I, s:s, s:s, s:s, s:o, s:f, s:I, s:I, s:I, s:s}", "id",
                          (json_int_t)r->id, "stage", r->stage, "label", r->name, "status", status,
                          "started", time_json(r->started_us), "seconds", r->cost.seconds, "tokens",
                          (json_int_t)r->cost.tokens, "updates", (json_int_t)r->cost.updates,
                          "seed", (json_int_t)r->seed, "config_digest", r->config_digest);
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

static json_t *pipeline_json(const tj_experiment *x, const run_sums *s)
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

/* ------------------------------------------------------------------ data and ledger */

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
                              e->hash, "time", time_json(e->time_us), "text",
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

static tj_code ledger_json(const tj_experiment *x, json_t **out, tj_err *err)
{
    char head[TJ_SHA256_HEX];
    size_t n;
    int64_t first_look = 0;
    entry_out entry = {.seq = x->declaration};
    tj_code rc = tj_ledger_head(x->env.store, head, &n, err);
    if (rc == TJ_OK) {
        rc = tj_ledger_each(x->env.store, "declared", 0, find_entry, &entry, err);
    }
    if (rc == TJ_OK) {
        rc = tj_run_each(x->env.store, TJ_RUN_ANY, find_first_look, &first_look, err);
    }
    if (first_look != 0 && entry.json != NULL) {
        json_object_set_new(entry.json, "first_look", time_json(first_look));
    }
    *out = rc == TJ_OK ? json_pack("{s:s, s:I, s:o*}", "head", head, "n_entries", (json_int_t)n,
                                   "declaration", entry.json)
                       : NULL;
    return rc;
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

/* ------------------------------------------------------------------ trees */

static json_t *thought_json(const tj_thought *t, const size_t *shown, size_t n_shown)
{
    json_t *spans = json_array();
    for (size_t i = 0; i < t->n_spans; i++) {
        const tj_span *s = &t->spans[i];
        json_t *j = json_pack("{s:I, s:I, s:s, s:b}", "begin", (json_int_t)s->begin, "end",
                              (json_int_t)s->end, "action", tj_action_name(s->action), "on_path",
                              (int)s->on_path);
        if (s->node != TJ_NO_NODE && s->node < n_shown && shown[s->node] != SIZE_MAX) {
            json_object_set_new(j, "node", integer(s->node));
        }
        json_array_append_new(spans, j);
    }
    return json_pack("{s:s, s:o, s:I}", "text", t->text, "spans", spans, "n_backtracks",
                     (json_int_t)t->n_backtracks);
}

static json_t *node_json(const tj_tree *tree, size_t i, const char *root_text)
{
    const tj_node *n = &tree->nodes[i];
    double logprob = 0.0;
    json_t *j =
        json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b, s:I}", "id", (json_int_t)i, "text",
                  i == 0 ? root_text : n->text, "valid", (int)(i == 0 || n->valid), "solvable",
                  (int)n->solvable, "correct", (int)n->correct, "terminal", (int)n->terminal,
                  "pruned", (int)n->pruned, "n_duplicates", (json_int_t)n->n_duplicates);
    json_object_set_new(j, "parent", i == 0 ? json_null() : integer(n->parent));
    for (size_t t = 0; t < n->n_ids && n->logprobs != NULL; t++) {
        logprob += (double)n->logprobs[t];
    }
    if (i > 0) {
        json_object_set_new(j, "logprob", json_real(logprob));
    }
    for (size_t r = 0; r < tree->n_rewards; r++) {
        if (tree->rewards[r].node == i && tree->rewards[r].reason[0] != 0) {
            json_object_set_new(j, "reason", json_string(tree->rewards[r].reason));
            break;
        }
    }
    return j;
}

static void mark_path(const tj_thought *t, bool *on_path, size_t n)
{
    for (size_t i = 0; i < t->n_spans; i++) {
        if (t->spans[i].on_path && t->spans[i].node < n) {
            on_path[t->spans[i].node] = true;
        }
    }
}

static tj_code tree_json(const tj_experiment *x, json_t *out, json_t **example, int64_t shortcut_id,
                         int64_t journey_id, uint64_t seed, tj_err *err)
{
    tj_thought thoughts[2] = {{0}, {0}};
    tj_origin origin;
    tj_tree tree = {0};
    tj_buf prompt;
    tj_buf_init(&prompt);
    tj_code rc = tj_store_load_thought(x->env.store, &thoughts[0], NULL, shortcut_id, err);
    if (rc == TJ_OK) {
        rc = tj_store_load_thought(x->env.store, &thoughts[1], &origin, journey_id, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_load_tree(x->env.store, &tree, NULL, origin.tree, err);
    }
    bool *on_path = rc == TJ_OK ? tj_calloc(tree.n_nodes, sizeof *on_path) : NULL;
    size_t *shown = rc == TJ_OK ? tj_calloc(tree.n_nodes, sizeof *shown) : NULL;
    if (rc == TJ_OK && on_path != NULL && shown != NULL && tree.n_nodes <= NODES_SHOWN) {
        json_t *nodes = json_array();
        x->env.task.write_prompt(x->env.task.ctx, &tree.first, &prompt);
        mark_path(&thoughts[0], on_path, tree.n_nodes);
        for (size_t i = 0; i < tree.n_nodes; i++) {
            json_t *j = node_json(&tree, i, tj_buf_text(&prompt));
            json_object_set_new(j, "on_path", json_boolean(on_path[i] || i == 0));
            json_array_append_new(nodes, j);
        }
        size_t d = x->env.task.difficulty(x->env.task.ctx, &tree.first);
        json_array_append_new(
            out, json_pack("{s:s, s:s, s:I, s:o, s:o, s:o}", "problem", tj_buf_text(&prompt),
                           "difficulty", x->env.task.difficulty_name(x->env.task.ctx, d), "seed",
                           (json_int_t)seed, "nodes", nodes, "shortcut",
                           thought_json(&thoughts[0], shown, tree.n_nodes), "journey",
                           thought_json(&thoughts[1], shown, tree.n_nodes)));
        if (*example == NULL && thoughts[1].n_backtracks == 1) {
            *example = json_pack("{s:s, s:s, s:s}", "prompt", tj_buf_text(&prompt), "shortcut",
                                 thoughts[0].text, "journey", thoughts[1].text);
        }
    }
    tj_free(on_path);
    tj_free(shown);
    tj_buf_deinit(&prompt);
    tj_thought_deinit(&thoughts[0]);
    tj_thought_deinit(&thoughts[1]);
    tj_tree_deinit(&tree);
    return rc;
}

/* The first ten problems of the first seed: not chosen for their looks. */
static tj_code trees_json(const tj_experiment *x, json_t *out, json_t **example, tj_err *err)
{
    tj_row_ref *rows = NULL;
    size_t n = 0;
    tj_code rc =
        tj_store_list(x->env.store, &rows, &n, TJ_ROW_THOUGHT, x->cells[0].derive_run, err);
    for (size_t i = 0; i + 1 < n && i / 2 < N_TREES && rc == TJ_OK; i += 2) {
        rc = tree_json(x, out, example, rows[i].id, rows[i + 1].id, x->cells[0].seed, err);
    }
    tj_free(rows);
    return rc;
}

/* ------------------------------------------------------------------ cases */

static json_t *lines_json(const tj_walk *walk)
{
    static const char *const kinds[] = {"step", "reached", "failed", "back", "other"};
    json_t *lines = json_array();
    for (size_t i = 0; i < walk->n_lines; i++) {
        const tj_walk_line *l = &walk->lines[i];
        json_t *j = json_pack("{s:I, s:I, s:s, s:b}", "begin", (json_int_t)l->begin, "end",
                              (json_int_t)l->end, "kind", kinds[l->verdict.kind], "valid",
                              (int)l->verdict.valid);
        if (l->verdict.reason[0] != 0) {
            json_object_set_new(j, "reason", json_string(l->verdict.reason));
        }
        json_array_append_new(lines, j);
    }
    return lines;
}

static tj_code answer_json(const tj_experiment *x, json_t *answers, const char *arm,
                           const tj_answer *a, size_t problem, tj_err *err)
{
    tj_output o = {0};
    tj_walk walk;
    tj_code rc = tj_store_get_output(x->env.store, &o, a->output, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = x->env.task.walk(x->env.task.ctx, &walk, &x->test.first[problem], o.text, o.n_text, err);
    if (rc == TJ_OK) {
        json_t *text = json_stringn(o.text, o.n_text);
        json_array_append_new(answers, json_pack("{s:s, s:b, s:o, s:I, s:o*}", "arm", arm,
                                                 "correct", (int)a->correct, "text",
                                                 text == NULL ? json_string("") : text, "tokens",
                                                 (json_int_t)a->n_tokens, "lines",
                                                 text == NULL ? NULL : lines_json(&walk)));
        tj_walk_deinit(&walk);
    }
    tj_output_deinit(&o);
    return rc;
}

static tj_code case_json(const tj_experiment *x, json_t *out, const char *kind, size_t problem,
                         tj_err *err)
{
    json_t *answers = json_array();
    tj_buf prompt;
    tj_buf_init(&prompt);
    x->env.task.write_prompt(x->env.task.ctx, &x->test.first[problem], &prompt);
    tj_code rc = answer_json(x, answers, "journey", &x->greedy[1][0].rows[problem], problem, err);
    if (rc == TJ_OK) {
        rc = answer_json(x, answers, "shortcut", &x->greedy[0][0].rows[problem], problem, err);
    }
    if (rc == TJ_OK) {
        const char *name =
            x->env.task.difficulty_name(x->env.task.ctx, x->test.difficulty[problem]);
        json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:I, s:O}", "kind", kind, "problem",
                                             tj_buf_text(&prompt), "difficulty", name, "seed",
                                             (json_int_t)x->cells[0].seed, "answers", answers));
    }
    json_decref(answers);
    tj_buf_deinit(&prompt);
    return rc;
}

/* The first test problems of each kind, in their order, of the first seed. */
static tj_code cases_json(const tj_experiment *x, json_t *out, tj_err *err)
{
    static const char *const kinds[] = {"journey_lost", "journey_wrong", "journey_won"};
    tj_code rc = TJ_OK;
    for (size_t k = 0; k < 3; k++) {
        size_t n = 0;
        for (size_t i = 0; i < x->test.n && n < N_CASES && rc == TJ_OK; i++) {
            bool s = x->greedy[0][0].rows[i].correct;
            bool j = x->greedy[1][0].rows[i].correct;
            bool is[] = {s && !j, !s && !j, j && !s};
            if (is[k]) {
                n++;
                rc = case_json(x, out, kinds[k], i, err);
            }
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
    snprintf(text, sizeof text,
             "In each seed trees were grown, problem by problem in a drawn order, until %zu had a "
             "correct path (%zu to %zu trees a seed). A problem whose tree has none is in neither "
             "arm, so that both learn from what the base can reach.",
             x->n_needed, fewest, most);
    json_array_append_new(notes, json_string(text));
    return notes;
}

static void set_body(const tj_experiment *x, json_t *d, const run_sums *sums, json_t *example,
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
    json_object_set_new(d, "created", time_json(tj_store_now_us(x->env.store)));
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
    json_object_set_new(d, "environment", environment_json(x));
    json_object_set_new(d, "task", task_json(x));
    json_object_set_new(d, "model", model_json(x));
    json_object_set_new(d, "pipeline", pipeline_json(x, sums));
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
    run_sums sums = {.runs = json_array()};
    json_t *learning = json_array();
    json_t *trees = json_array();
    json_t *cases = json_array();
    json_t *ledger = NULL;
    json_t *example = NULL;
    *data = NULL;
    tj_code rc = tj_run_each(x->env.store, TJ_RUN_ANY, add_run, &sums, err);
    if (rc == TJ_OK) {
        rc = learning_json(x, learning, err);
    }
    if (rc == TJ_OK) {
        rc = trees_json(x, trees, &example, err);
    }
    if (rc == TJ_OK) {
        rc = cases_json(x, cases, err);
    }
    if (rc == TJ_OK) {
        rc = ledger_json(x, &ledger, err);
    }
    if (rc == TJ_OK) {
        json_t *d = json_object();
        set_body(x, d, &sums, example, command);
        json_object_set(d, "learning", learning);
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
    json_decref(learning);
    json_decref(sums.runs);
    return rc;
}
