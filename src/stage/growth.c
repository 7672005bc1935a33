/* Growing trees for a problem set as a run. */
#include "stage/growth.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/par.h"
#include "nn/nn.h"
#include "stage/ledger_run.h"

#define CURSOR      "grow"
#define STREAM_GROW 202 /* of the random numbers, the same as the demo's */

typedef struct work {
    tj_store *store;
    const tj_grow_run_config *cfg;
    const tj_growth *growth; /* as given */
    tj_grow_result *out;
    int64_t tokenizer, rewarder;
    size_t n_failures; /* judgements so far: the next one's ordinal */
    tj_problems problems;
    char **texts;        /* [2 * n] questions and answers of problems in words */
    tj_grow_item *items; /* [n_items] those that have no tree yet */
    size_t n_items;
    tj_tree_cost cost; /* of the tree at hand */
    tj_tree_done_fn see;
    void *see_ctx;
} work;

/* ------------------------------------------------------------------ problems */

static tj_code read_words(work *w, size_t i, tj_grow_item *item, tj_err *err)
{
    static const char *const names[] = {"problem", "answer"};
    const tj_problem *row = &w->problems.rows[i];
    json_t *json = NULL;
    char where[48];
    (void)snprintf(where, sizeof where, "problem %lld", (long long)row->id);
    tj_code rc = tj_json_parse(&json, row->json, row->n_json, 8, where, err);
    for (size_t k = 0; k < 2 && rc == TJ_OK; k++) {
        const char *text = json_string_value(json_object_get(json, names[k]));
        w->texts[2 * i + k] = text == NULL ? NULL : tj_strdup(text);
        if (text != NULL && w->texts[2 * i + k] == NULL) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot hold a problem");
        }
    }
    json_decref(json);
    if (rc == TJ_OK && w->texts[2 * i] == NULL) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: problem: expected a string", where);
    }
    item->question = w->texts[2 * i];
    item->answer = w->texts[2 * i + 1];
    return rc;
}

static tj_code read_items(work *w, bool words, const bool *there, tj_err *err)
{
    const tj_task *task = w->growth->task;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < w->problems.n && rc == TJ_OK; i++) {
        const tj_problem *row = &w->problems.rows[i];
        tj_grow_item item = {.problem = row->id};
        if (there[i]) {
            continue;
        }
        rc = words ? read_words(w, i, &item, err)
                   : task->begin(task->ctx, &item.first, row->json, row->n_json, err);
        w->items[w->n_items++] = item;
    }
    return rc;
}

/* Trees that an earlier process has stored: the ordinal of each is its problem's place. */
static tj_code find_grown(work *w, bool *there, tj_err *err)
{
    tj_row_ref *rows = NULL;
    size_t n = 0;
    tj_code rc = tj_store_list(w->store, &rows, &n, TJ_ROW_TREE, w->out->run, err);
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        if (rows[i].ordinal < w->problems.n) {
            there[rows[i].ordinal] = true;
            w->out->n_before++;
        }
    }
    tj_free(rows);
    return rc;
}

static tj_code load_items(work *w, tj_err *err)
{
    tj_problem_set set;
    size_t n = w->problems.n;
    tj_code rc = tj_store_get_problem_set(w->store, &set, w->cfg->set, err);
    if (rc != TJ_OK) {
        return rc;
    }
    bool words = strcmp(set.task, TJ_WORDS_TASK) == 0;
    bool known = words || (w->growth->task != NULL && strcmp(set.task, w->growth->task->name) == 0);
    if (!known) {
        rc =
            tj_fail(err, TJ_E_INVAL, "the problems of '%s' are of the task '%s': no trees of those",
                    set.name, set.task);
    }
    tj_problem_set_deinit(&set);
    bool *there = tj_calloc(n + 1, sizeof *there);
    w->items = tj_calloc(n + 1, sizeof *w->items);
    w->texts = tj_calloc(n + 1, 2 * sizeof *w->texts);
    if (rc == TJ_OK && (there == NULL || w->items == NULL || w->texts == NULL)) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot hold %zu problems", n);
    }
    if (rc == TJ_OK) {
        rc = find_grown(w, there, err);
    }
    if (rc == TJ_OK) {
        rc = read_items(w, words, there, err);
    }
    tj_free(there);
    return rc;
}

/* ------------------------------------------------------------------ storing */

static size_t place_of(const work *w, int64_t problem)
{
    size_t i = 0;
    while (i < w->problems.n && w->problems.rows[i].id != problem) {
        i++;
    }
    return i;
}

/* What a resumed run has to know again. */
static tj_code save_cursor(work *w, tj_err *err)
{
    const tj_grow_result *r = w->out;
    char text[192];
    (void)snprintf(text, sizeof text,
                   "{\"failures\":%zu,\"nodes\":%llu,\"solved\":%zu,\"tokens\":%llu,\"trees\":%zu}",
                   w->n_failures, (unsigned long long)r->n_nodes, r->n_solved,
                   (unsigned long long)r->n_tokens, r->n_trees);
    return tj_store_set_cursor(w->store, r->run, CURSOR, text, err);
}

static tj_code load_cursor(work *w, tj_err *err)
{
    char *text = NULL;
    tj_grow_result *r = w->out;
    tj_code rc = tj_store_get_cursor(w->store, &text, r->run, CURSOR, err);
    json_t *json = rc == TJ_OK && text != NULL ? json_loads(text, 0, NULL) : NULL;
    r->n_nodes = (uint64_t)json_integer_value(json_object_get(json, "nodes"));
    r->n_solved = (size_t)json_integer_value(json_object_get(json, "solved"));
    r->n_tokens = (uint64_t)json_integer_value(json_object_get(json, "tokens"));
    r->n_trees = (size_t)json_integer_value(json_object_get(json, "trees"));
    w->n_failures = (size_t)json_integer_value(json_object_get(json, "failures"));
    json_decref(json);
    tj_free(text);
    return rc;
}

/* Scores that failed: what was asked in vain, and what came instead of an answer. */
static tj_code add_failures(work *w, int64_t tree, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < w->cost.n_unscored && rc == TJ_OK; i++) {
        const tj_score *s = w->cost.unscored[i].score;
        int64_t id;
        tj_judgement j = {.run = w->out->run,
                          .ordinal = w->n_failures + i,
                          .rewarder = w->rewarder,
                          .tree = tree,
                          .node = w->cost.unscored[i].node,
                          .failed = true,
                          .n_tries = s->n_tries,
                          .answer = s->raw,
                          .error = s->error == NULL ? "no reason is given" : s->error,
                          .cost = {.tokens = s->tokens, .seconds = s->seconds, .money = s->money}};
        rc = tj_store_add_judgement(w->store, &id, &j, err);
    }
    return rc;
}

static tj_code add_tree(work *w, const tj_tree *tree, tj_err *err)
{
    int64_t id;
    tj_origin origin = {.run = w->out->run,
                        .ordinal = place_of(w, tree->problem),
                        .model = w->cfg->model,
                        .tokenizer = w->tokenizer};
    tj_run_cost cost = {.tokens = w->cost.tokens, .money = w->cost.money};
    tj_code rc = tj_store_add_tree(w->store, &id, &origin, tree, err);
    if (rc == TJ_OK) {
        rc = tj_run_add_cost(w->store, w->out->run, &cost, err);
    }
    if (rc == TJ_OK) {
        rc = add_failures(w, id, err);
    }
    w->n_failures += rc == TJ_OK ? w->cost.n_unscored : 0;
    return rc == TJ_OK ? save_cursor(w, err) : rc;
}

static tj_code store_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    work *w = ctx;
    tj_grow_result before = *w->out;
    tj_code rc = tj_store_begin(w->store, err);
    if (rc != TJ_OK) {
        return rc;
    }
    w->out->n_trees++;
    w->out->n_nodes += tree->n_nodes;
    w->out->n_tokens += w->cost.tokens;
    w->out->n_solved += tj_tree_leads_to_correct(tree, 0) ? 1 : 0;
    rc = add_tree(w, tree, err);
    if (rc == TJ_OK) {
        rc = tj_store_commit(w->store, err);
    } else {
        tj_store_rollback(w->store);
    }
    if (rc != TJ_OK) {
        *w->out = before;
        return rc;
    }
    return w->see == NULL ? TJ_OK : w->see(w->see_ctx, tree, err);
}

static tj_code add_tokenizer(work *w, tj_err *err)
{
    tj_buf json;
    const tj_tokenizer *tok = w->cfg->tok;
    if (tok == NULL) {
        return TJ_OK;
    }
    const char *hash = tj_tokenizer_hash(tok);
    tj_tokenizer_row row;
    tj_code rc = tj_store_find_tokenizer(w->store, &row, hash, NULL);
    w->tokenizer = row.id;
    tj_tokenizer_row_deinit(&row);
    if (rc != TJ_E_NOTFOUND) {
        return rc == TJ_OK ? rc : tj_fail(err, rc, "cannot look for the policy's tokenizer");
    }
    tj_buf_init(&json);
    rc = tj_tokenizer_to_json(tok, &json, err);
    if (rc == TJ_OK) {
        rc = tj_store_add_tokenizer(w->store, &w->tokenizer, w->out->run, "policy", hash,
                                    tj_buf_text(&json), json.len, err);
    }
    tj_buf_deinit(&json);
    return rc;
}

static tj_code add_rewarder(work *w, tj_err *err)
{
    const tj_grow_run_config *cfg = w->cfg;
    if (w->growth->scorer == NULL) {
        return TJ_OK;
    }
    tj_rewarder_spec spec = {
        .name = w->growth->scorer->name, .kind = TJ_REWARDER_OTHER, .config = cfg->rewarder};
    for (int k = 0; k <= TJ_REWARDER_OTHER && cfg->rewarder_kind != NULL; k++) {
        if (strcmp(cfg->rewarder_kind, tj_rewarder_kind_name((tj_rewarder_kind)k)) == 0) {
            spec.kind = (tj_rewarder_kind)k;
        }
    }
    return tj_store_add_rewarder(w->store, &w->rewarder, w->out->run, &spec, err);
}

/* ------------------------------------------------------------------ the run */

static json_t *grow_json(const tj_grow_config *c)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f}",
                     "method", tj_search_names[c->method], "width", (json_int_t)c->width, "depth",
                     (json_int_t)c->depth, "max_tries", (json_int_t)c->max_tries, "temperature",
                     c->temperature, "temperature_rise", c->temperature_rise, "max_step_tokens",
                     (json_int_t)c->max_step_tokens, "prune", (json_int_t)c->prune, "prune_k",
                     (json_int_t)c->prune_k, "max_nodes", (json_int_t)c->max_nodes, "max_rounds",
                     (json_int_t)c->max_rounds, "max_tokens", (json_int_t)c->max_tokens,
                     "max_answers", (json_int_t)c->max_answers, "max_seconds", c->max_seconds,
                     "exploration", c->exploration);
}

static json_t *config_json(const work *w)
{
    const tj_grow_run_config *c = w->cfg;
    json_t *rewarder =
        c->rewarder == NULL ? json_null() : json_incref((json_t *)(uintptr_t)c->rewarder);
    return json_pack("{s:o, s:O, s:o, s:I, s:I, s:I}", "grow", grow_json(w->growth->cfg), "policy",
                     c->policy, "rewarder", rewarder, "split", (json_int_t)c->split, "offset",
                     (json_int_t)c->offset, "n", (json_int_t)w->problems.n);
}

static tj_code begin_run(work *w, const tj_run_spec *spec, tj_err *err)
{
    bool resumed;
    tj_grow_result *r = w->out;
    tj_code rc = tj_ledger_run_take_up(w->store, &r->run, &r->was_done, &resumed, spec, err);
    return rc == TJ_OK && resumed ? load_cursor(w, err) : rc;
}

static json_t *metrics_json(const work *w)
{
    const tj_grow_result *r = w->out;
    const tj_grow_stats *s = &r->stats;
    json_t *json =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "trees", (json_int_t)r->n_trees,
                  "solved", (json_int_t)r->n_solved, "nodes", (json_int_t)r->n_nodes, "tokens",
                  (json_int_t)r->n_tokens, "duplicates", (json_int_t)s->n_duplicates, "loops",
                  (json_int_t)s->n_loops, "endless", (json_int_t)s->n_endless, "scores",
                  (json_int_t)s->n_scores, "scores_failed", (json_int_t)s->n_failed);
    if (json != NULL && s->n_failed > 0) {
        json_object_set_new(json, "first_failure", tj_json_text(s->failure, strlen(s->failure)));
    }
    return json;
}

static tj_code end_run(work *w, tj_code rc, double seconds, tj_err *err)
{
    json_t *metrics = metrics_json(w);
    tj_run_outcome outcome = {.metrics = metrics, .cost = {.seconds = seconds}};
    rc = tj_ledger_run_end(w->store, w->out->run, rc, &outcome, err);
    json_decref(metrics);
    return rc;
}

static tj_code grow_items(work *w, tj_err *err)
{
    double start = tj_clock_seconds();
    tj_growth growth = *w->growth;
    growth.run = STREAM_GROW;
    growth.done = store_tree;
    growth.ctx = w;
    growth.cost = &w->cost;
    growth.stats = &w->out->stats;
    tj_code rc = load_items(w, err);
    if (rc == TJ_OK) {
        rc = add_tokenizer(w, err);
    }
    if (rc == TJ_OK) {
        rc = add_rewarder(w, err);
    }
    if (rc == TJ_OK) {
        rc = tj_trees_grow(&growth, w->items, w->n_items, err);
    }
    return end_run(w, rc, tj_clock_seconds() - start, err);
}

static tj_code describe_inputs(const work *w, tj_run_input *inputs, size_t *n,
                               char digest[TJ_SHA256_HEX], tj_err *err)
{
    const tj_grow_run_config *c = w->cfg;
    *n = 0;
    inputs[(*n)++] = (tj_run_input){.role = "problems", .kind = "problem_set", .id = c->set};
    if (c->model != 0) {
        inputs[(*n)++] = (tj_run_input){.role = "policy", .kind = "model", .id = c->model};
    } else if (c->model_file != NULL) {
        tj_code rc = tj_sha256_file(digest, c->model_file, err);
        inputs[(*n)++] = (tj_run_input){.role = "policy", .kind = "file", .digest = digest};
        return rc;
    }
    return TJ_OK;
}

static tj_code run(work *w, tj_err *err)
{
    tj_run_input inputs[2];
    size_t n_inputs;
    char digest[TJ_SHA256_HEX];
    char name[96];
    tj_code rc = describe_inputs(w, inputs, &n_inputs, digest, err);
    json_t *config = rc == TJ_OK ? config_json(w) : NULL;
    (void)snprintf(name, sizeof name, "grow %zu trees by %s, seed %llu", w->problems.n,
                   tj_search_names[w->growth->cfg->method], (unsigned long long)w->growth->seed);
    tj_run_spec spec = {.stage = "grow",
                        .name = name,
                        .config = config,
                        .seed = w->growth->seed,
                        .inputs = inputs,
                        .n_inputs = n_inputs,
                        .build_id = w->cfg->build_id,
                        .isa = tj_isa_name(),
                        .n_threads = tj_par_threads()};
    if (rc == TJ_OK && config == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot describe the run");
    }
    if (rc == TJ_OK) {
        rc = begin_run(w, &spec, err);
    }
    if (rc == TJ_OK && !w->out->was_done) {
        rc = grow_items(w, err);
    }
    json_decref(config);
    return rc;
}

tj_code tj_grow_run(tj_store *store, tj_grow_result *out, const tj_grow_run_config *cfg,
                    const tj_growth *growth, tj_tree_done_fn see, void *ctx, tj_err *err)
{
    work w = {.store = store, .cfg = cfg, .growth = growth, .out = out, .see = see, .see_ctx = ctx};
    *out = (tj_grow_result){.run = 0};
    tj_code rc = tj_grow_config_check(growth->cfg, err);
    if (rc == TJ_OK) {
        rc = tj_store_load_problems(store, &w.problems, cfg->set, cfg->split, cfg->offset, cfg->n,
                                    err);
    }
    if (rc == TJ_OK && w.problems.n == 0) {
        rc = tj_fail(err, TJ_E_INVAL, "the set has no such problems in this split");
    }
    if (rc == TJ_OK) {
        rc = run(&w, err);
    }
    for (size_t i = 0; w.texts != NULL && i < 2 * w.problems.n; i++) {
        tj_free(w.texts[i]);
    }
    tj_free(w.texts);
    tj_free(w.items);
    tj_problems_deinit(&w.problems);
    return rc;
}
