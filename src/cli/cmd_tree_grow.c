/* tree grow: a reasoning tree for each problem, grown by a model. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/common.h"
#include "cli/policies.h"
#include "cli/show.h"
#include "cli/tree_problems.h"
#include "stage/stage.h"

#define STREAM_GROW 202               /* of the random numbers, the same as the grow stage's */
#define KEPT_TOKENS ((size_t)1 << 20) /* of paths that a search may come back to */

enum { AS_TEXT, AS_JSON, AS_JSONL, AS_DOT };

typedef struct growing {
    tj_cli_policy policy;
    tj_scorer scorer;  /* zeroed: none */
    json_t *rewarder;  /* its settings */
    tj_grader *grader; /* of answers and votes */
    tj_grow_config cfg;
    tj_grow_stats stats;
    size_t seed, format, limit, offset;
    bool words;
    tj_tree_problems problems;
    size_t n_printed, n_correct, n_unfit;
    size_t n_majority, n_weighted; /* votes that are right */
    json_t *list;                  /* AS_JSON */
} growing;

/* ------------------------------------------------------------------ options */

static tj_code read_counts(growing *g, const tj_args *args, tj_err *err)
{
    tj_grow_config *c = &g->cfg;
    bool endless = c->method == TJ_SEARCH_BEST_FIRST || c->method == TJ_SEARCH_UCT ||
                   c->method == TJ_SEARCH_PUCT;
    size_t width = c->method == TJ_SEARCH_BEST_OF_N ? 8 : 3;
    const struct {
        const char *name;
        size_t fallback, min, max;
        size_t *out;
    } counts[] = {
        {"width", width, 1, 4096, &c->width},
        {"depth", g->words ? (size_t)16 : TJ_COUNTDOWN_MAX_NUMBERS - 1, 1, 4096, &c->depth},
        {"max-tries", 6, 1, 1024, &c->max_tries},
        {"prune-k", 2, 1, 1000000, &c->prune_k},
        {"rounds", endless ? (size_t)32 : 0, 0, 1000000, &c->max_rounds},
        {"max-nodes", 0, 0, TJ_MAX_TREE_NODES, &c->max_nodes},
        {"max-tokens", 0, 0, SIZE_MAX, &c->max_tokens},
        {"max-answers", 0, 0, SIZE_MAX, &c->max_answers},
        {"batch", 64, 1, 100000, &c->batch_problems},
        {"limit", 0, 0, SIZE_MAX, &g->limit},
        {"offset", 0, 0, SIZE_MAX, &g->offset},
        {"seed", 1, 0, SIZE_MAX, &g->seed}};
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && rc == TJ_OK; i++) {
        rc = tj_args_size(args, counts[i].name, counts[i].fallback, counts[i].max, counts[i].out,
                          err);
        if (rc == TJ_OK && *counts[i].out < counts[i].min) {
            rc = tj_fail(err, TJ_E_INVAL, "--%s is %zu, expected %zu to %zu", counts[i].name,
                         *counts[i].out, counts[i].min, counts[i].max);
        }
    }
    return rc == TJ_OK ? tj_cli_use_threads(args, err) : rc;
}

static tj_code read_numbers(growing *g, const tj_args *args, tj_err *err)
{
    tj_grow_config *c = &g->cfg;
    const struct {
        const char *name;
        double fallback, max;
        double *out;
    } numbers[] = {{"temperature", 0.8, 10.0, &c->temperature},
                   {"temperature-rise", 0.2, 10.0, &c->temperature_rise},
                   {"exploration", 1.4, 1e6, &c->exploration},
                   {"max-seconds", 0.0, 1e9, &c->max_seconds}};
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && rc == TJ_OK; i++) {
        rc = tj_args_number(args, numbers[i].name, numbers[i].fallback, numbers[i].max,
                            numbers[i].out, err);
    }
    return rc;
}

static tj_code read_config(growing *g, const tj_args *args, tj_err *err)
{
    static const char *const formats[] = {"text", "json", "jsonl", "dot", NULL};
    static const char *const prunes[] = {"none", "top_k", "at_most_k_correct", NULL};
    static const char *const tasks[] = {"countdown", "math", NULL};
    size_t prune = 0;
    size_t method = 0;
    size_t task = 0;
    tj_grow_config_default(&g->cfg);
    tj_code rc = tj_args_choice(args, "task", tasks, tj_args_has(args, "data") ? 1 : 0, &task, err);
    g->words = task == 1;
    if (rc == TJ_OK) {
        rc = tj_args_choice(args, "method", tj_search_names, TJ_SEARCH_BREADTH, &method, err);
        g->cfg.method = (tj_search)method;
    }
    if (rc == TJ_OK) {
        rc = tj_args_choice(args, "prune", prunes, TJ_PRUNE_NONE, &prune, err);
        g->cfg.prune = (tj_prune)prune;
    }
    if (rc == TJ_OK) {
        rc = tj_args_choice(args, "format", formats, AS_TEXT, &g->format, err);
    }
    if (rc == TJ_OK) {
        rc = read_counts(g, args, err);
    }
    if (rc == TJ_OK) {
        rc = read_numbers(g, args, err);
    }
    return rc == TJ_OK ? tj_grow_config_check(&g->cfg, err) : rc;
}

/* ------------------------------------------------------------------ votes */

static json_t *vote_json(const tj_ballot *v)
{
    return json_pack(
        "{s:s?, s:f, s:f, s:o}", "answer", v->answer, "weight", v->weight, "of", v->total, "right",
        v->right == TJ_LABEL_UNKNOWN ? json_null() : json_boolean(v->right == TJ_LABEL_YES));
}

typedef struct votes {
    tj_ballot majority, weighted;
    bool has_weighted;
} votes;

static tj_code take_votes(growing *g, votes *v, const tj_tree *tree, tj_err *err)
{
    *v = (votes){.has_weighted = g->scorer.score != NULL};
    tj_code rc = tj_tree_vote(&v->majority, tree, g->grader, NULL, 0.0, err);
    if (rc == TJ_OK && v->has_weighted) {
        rc = tj_tree_vote(&v->weighted, tree, g->grader, g->scorer.name, g->scorer.low, err);
    }
    g->n_majority +=
        rc == TJ_OK && v->majority.end != TJ_NO_NODE && v->majority.right == TJ_LABEL_YES;
    g->n_weighted += rc == TJ_OK && v->has_weighted && v->weighted.end != TJ_NO_NODE &&
                     v->weighted.right == TJ_LABEL_YES;
    return rc;
}

static void end_votes(votes *v)
{
    tj_ballot_deinit(&v->majority);
    tj_ballot_deinit(&v->weighted);
}

static void print_vote(const char *name, const tj_ballot *v)
{
    static const char *const verdicts[] = {"wrong", "right", "not known whether right"};
    printf("%s: ", name);
    if (v->answer == NULL) {
        printf("no answer\n");
        return;
    }
    tj_print_text(v->answer, strlen(v->answer));
    printf(" (%g of %g), %s\n", v->weight, v->total, verdicts[v->right]);
}

/* ------------------------------------------------------------------ printing */

static bool votes_matter(const growing *g, const tj_tree *tree)
{
    return g->words && tree->question != NULL && g->cfg.method == TJ_SEARCH_BEST_OF_N;
}

/* JSON cannot hold every tree: an untrained model's bytes need not be UTF-8. */
static tj_code print_json(growing *g, const tj_tree *tree, const votes *v, tj_err *err)
{
    json_t *json = tj_tree_to_json(tree, &g->policy.domain.task);
    if (json != NULL && v != NULL) {
        json_object_set_new(json, "majority", vote_json(&v->majority));
        if (v->has_weighted) {
            json_object_set_new(json, "weighted", vote_json(&v->weighted));
        }
    }
    if (json == NULL) {
        g->n_unfit++;
        tj_job_log(tj_cli_job(), "tree %lld is left out: a step of it is not UTF-8 text",
                   (long long)tree->problem);
        return TJ_OK;
    }
    tj_code rc = TJ_OK;
    if (g->list == NULL) {
        rc = tj_print_json_line(json, err);
        json_decref(json);
        fflush(stdout); /* a tree that is done is there, whatever comes after */
    } else if (json_array_append_new(g->list, json) != 0) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot hold a tree as JSON");
    }
    return rc;
}

static tj_code print_text(growing *g, const tj_tree *tree, const votes *v, tj_err *err)
{
    const tj_task *task = &g->policy.domain.task;
    tj_buf prompt;
    tj_buf_init(&prompt);
    if (tree->question == NULL) {
        task->write_prompt(task->ctx, &tree->first, &prompt);
    } else {
        tj_buf_str(&prompt, tree->question);
        tj_buf_char(&prompt, '\n');
    }
    tj_code rc = tj_buf_check(&prompt, err);
    if (rc == TJ_OK) {
        printf("%s", g->n_printed > 0 ? "\n" : "");
        tj_print_text(tj_buf_text(&prompt), prompt.len);
        rc = tj_print_tree(tree, err);
    }
    if (rc == TJ_OK && v != NULL) {
        print_vote("majority", &v->majority);
        if (v->has_weighted) {
            print_vote("weighted by reward", &v->weighted);
        }
    }
    tj_buf_deinit(&prompt);
    return rc;
}

static tj_code print_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    growing *g = ctx;
    votes v;
    bool voted = votes_matter(g, tree);
    tj_code rc = voted ? take_votes(g, &v, tree, err) : TJ_OK;
    if (rc == TJ_OK) {
        tj_cli_progress_end();
        rc = g->format == AS_TEXT  ? print_text(g, tree, voted ? &v : NULL, err)
             : g->format == AS_DOT ? tj_print_tree_dot(tree, err)
                                   : print_json(g, tree, voted ? &v : NULL, err);
    }
    if (voted) {
        end_votes(&v);
    }
    g->n_printed++;
    g->n_correct += tj_tree_leads_to_correct(tree, 0) ? 1 : 0;
    return rc;
}

/* A tree that the workspace has: only the votes are counted. */
static tj_code see_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    growing *g = ctx;
    votes v;
    if (!votes_matter(g, tree)) {
        return TJ_OK;
    }
    tj_code rc = take_votes(g, &v, tree, err);
    end_votes(&v);
    return rc;
}

/* ------------------------------------------------------------------ what it is worked with */

static tj_code open_scorer(growing *g, const tj_args *args, tj_err *err)
{
    const char *spec = tj_args_get(args, "rewarder");
    tj_scorer_options options = {.task = g->words ? NULL : &g->policy.domain.task,
                                 .cache =
                                     g->policy.far.cache.get == NULL ? NULL : &g->policy.far.cache,
                                 .seed = g->seed};
    if (spec == NULL || strcmp(spec, "none") == 0) {
        return TJ_OK;
    }
    tj_code rc = tj_scorer_spec_parse(&g->rewarder, spec, err);
    const char *kind = json_string_value(json_object_get(g->rewarder, "kind"));
    if (rc == TJ_OK && kind != NULL && strcmp(kind, "verifier") == 0) {
        return tj_fail(err, TJ_E_INVAL,
                       "--rewarder verifier: what can be verified is labelled in any "
                       "case; name a rewarder that scores steps");
    }
    return rc == TJ_OK ? tj_scorer_open(&g->scorer, spec, &options, err) : rc;
}

static tj_code open_parts(growing *g, const tj_args *args, tj_err *err)
{
    bool returns = g->cfg.method == TJ_SEARCH_BEST_FIRST || g->cfg.method == TJ_SEARCH_UCT ||
                   g->cfg.method == TJ_SEARCH_PUCT;
    tj_code rc = g->words ? tj_cli_grader_open(&g->grader, err) : TJ_OK;
    if (rc == TJ_OK) {
        rc = tj_cli_policy_open(&g->policy, args, g->words, returns ? KEPT_TOKENS : 0, err);
    }
    g->cfg.max_step_tokens = g->policy.steps.max_tokens;
    return rc == TJ_OK ? open_scorer(g, args, err) : rc;
}

static void close_parts(growing *g)
{
    if (g->scorer.score != NULL) {
        tj_scorer_close(&g->scorer);
    }
    tj_cli_policy_close(&g->policy);
    tj_cli_grader_close(g->grader);
    json_decref(g->rewarder);
    json_decref(g->list);
    tj_tree_problems_deinit(&g->problems);
}

static tj_growth growth_of(growing *g)
{
    return (tj_growth){.policy = &g->policy.policy,
                       .task = &g->policy.domain.task,
                       .scorer = g->scorer.score == NULL ? NULL : &g->scorer,
                       .cfg = &g->cfg,
                       .grader = g->grader,
                       .seed = g->seed,
                       .run = STREAM_GROW,
                       .done = print_tree,
                       .ctx = g,
                       .job = tj_cli_job(),
                       .stats = &g->stats};
}

static void print_stats(growing *g, const tj_grow_stats *s, double seconds)
{
    tj_cli_progress_end();
    fprintf(stderr,
            "%zu trees, %" PRIu64 " nodes, %" PRIu64 " duplicates merged; %" PRIu64
            " tokens sampled (%.0f a second)",
            s->n_trees, s->n_nodes, s->n_duplicates, s->n_tokens,
            seconds > 0.0 ? (double)s->n_tokens / seconds : 0.0);
    if (s->n_loops + s->n_endless > 0) {
        fprintf(stderr, "; %" PRIu64 " steps that repeat their path, %" PRIu64 " without an end",
                s->n_loops, s->n_endless);
    }
    fputc('\n', stderr);
    if (s->n_scores > 0) {
        fprintf(stderr, "%" PRIu64 " steps scored, with %" PRIu64 " tokens\n", s->n_scores,
                s->score_tokens);
    }
    if (s->n_failed > 0) {
        fprintf(stderr, "%" PRIu64 " of %" PRIu64 " scores failed; the first: %s\n", s->n_failed,
                s->n_scores, s->failure);
    }
    if (g->policy.far.is_remote) {
        tj_generator_stats used = g->policy.far.generator.get_stats(g->policy.far.generator.ctx);
        tj_cli_print_usage(&used);
    }
}

/* ------------------------------------------------------------------ to standard output */

static tj_code grow_trees(growing *g, const tj_args *args, tj_err *err)
{
    tj_growth growth = growth_of(g);
    double start = tj_clock_seconds();
    tj_code rc = tj_trees_grow(&growth, g->problems.items, g->problems.n, err);
    if (!tj_args_has(args, "quiet")) {
        print_stats(g, &g->stats, tj_clock_seconds() - start);
    }
    if (rc == TJ_E_CANCELLED) {
        return tj_fail(err, rc, "stopped after %zu of %zu trees", g->n_printed, g->problems.n);
    }
    if (rc == TJ_OK && g->list != NULL) {
        rc = tj_print_json(g->list, err);
    }
    if (rc == TJ_OK && g->format == AS_TEXT && g->problems.n > 1) {
        printf("\n%zu of %zu trees have a correct path\n", g->n_correct, g->problems.n);
    }
    if (rc == TJ_OK && g->n_unfit > 0) {
        tj_job_log(tj_cli_job(), "%zu of %zu trees were left out", g->n_unfit, g->problems.n);
    }
    return rc;
}

/* Standard output goes to the file of --output until the end: under another name, so that nobody
 * meets half of it. */
static tj_code redirect(char **part, const tj_args *args, tj_err *err)
{
    const char *path = tj_args_get(args, "output");
    tj_buf name;
    *part = NULL;
    if (path == NULL) {
        return TJ_OK;
    }
    tj_buf_init(&name);
    tj_buf_printf(&name, "%s.part", path);
    *part = tj_buf_check(&name, err) == TJ_OK ? tj_buf_take(&name) : NULL;
    tj_buf_deinit(&name);
    if (*part == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a path");
    }
    return freopen(*part, "w", stdout) == NULL ? tj_fail(err, TJ_E_IO, "cannot write to %s", *part)
                                               : TJ_OK;
}

static tj_code finish_output(const char *part, const tj_args *args, tj_code rc, tj_err *err)
{
    if (part == NULL || rc != TJ_OK) {
        return rc;
    }
    if (fflush(stdout) != 0 || fsync(fileno(stdout)) != 0) {
        return tj_fail(err, TJ_E_IO, "cannot write to %s", part);
    }
    return tj_fs_rename(part, tj_args_get(args, "output"), err);
}

static tj_code grow_to_output(growing *g, const tj_args *args, tj_err *err)
{
    char *part = NULL;
    g->list = g->format == AS_JSON ? json_array() : NULL;
    /* what is wrong with a problem is said before a model is loaded */
    tj_code rc = tj_tree_problems_read(&g->problems, args, g->words, err);
    if (rc == TJ_OK) {
        rc = open_parts(g, args, err);
    }
    if (rc == TJ_OK) {
        rc = redirect(&part, args, err);
    }
    if (rc == TJ_OK) {
        rc = grow_trees(g, args, err);
    }
    rc = finish_output(part, args, rc, err);
    tj_free(part);
    return rc;
}

/* ------------------------------------------------------------------ into the workspace */

static const char *kind_of(const growing *g)
{
    const char *kind = json_string_value(json_object_get(g->rewarder, "kind"));
    return kind != NULL && strcmp(kind, "remote") == 0      ? "prm"
           : kind != NULL && strcmp(kind, "search") == 0    ? "rollout"
           : kind != NULL && strcmp(kind, "consensus") == 0 ? "other"
                                                            : kind;
}

static void print_result(const growing *g, const tj_grow_result *r)
{
    if (r->was_done) {
        printf("run %" PRId64 " has grown these trees\n", r->run);
        return;
    }
    printf("run %" PRId64 ": %zu trees, %" PRIu64 " nodes, %zu with a correct path", r->run,
           r->n_trees, r->n_nodes, r->n_solved);
    if (r->n_before > 0) {
        printf("; %zu were there before", r->n_before);
    }
    putchar('\n');
    if (g->words && g->cfg.method == TJ_SEARCH_BEST_OF_N) {
        printf("of %zu grown now the majority is right in %zu", r->stats.n_trees, g->n_majority);
        if (g->scorer.score != NULL) {
            printf(", the vote weighted by reward in %zu", g->n_weighted);
        }
        putchar('\n');
    }
}

static tj_code print_result_json(const growing *g, const tj_grow_result *r, tj_err *err)
{
    json_t *json = json_pack("{s:I, s:b, s:I, s:I, s:I, s:I, s:I}", "run", (json_int_t)r->run,
                             "was_done", (int)r->was_done, "trees", (json_int_t)r->n_trees,
                             "before", (json_int_t)r->n_before, "solved", (json_int_t)r->n_solved,
                             "nodes", (json_int_t)r->n_nodes, "tokens", (json_int_t)r->n_tokens);
    if (g->words && g->cfg.method == TJ_SEARCH_BEST_OF_N) {
        json_object_set_new(json, "majority_right", json_integer((json_int_t)g->n_majority));
        json_object_set_new(json, "weighted_right", json_integer((json_int_t)g->n_weighted));
    }
    tj_code rc = tj_print_json(json, err);
    json_decref(json);
    return rc;
}

static tj_code grow_set(growing *g, tj_store *store, int64_t set, tj_split split,
                        const tj_args *args, tj_err *err)
{
    tj_growth growth = growth_of(g);
    tj_grow_result result;
    double start = tj_clock_seconds();
    tj_grow_run_config cfg = {.set = set,
                              .split = split,
                              .offset = g->offset,
                              .n = g->limit == 0 ? SIZE_MAX : g->limit,
                              .policy = g->policy.config,
                              .model = g->policy.model,
                              .model_file = g->policy.file,
                              .tok = g->policy.tok,
                              .rewarder = g->rewarder,
                              .rewarder_kind = kind_of(g),
                              .build_id = tj_build_id()};
    tj_code rc = tj_grow_run(store, &result, &cfg, &growth, see_tree, g, err);
    if (!tj_args_has(args, "quiet") && !result.was_done) {
        print_stats(g, &result.stats, tj_clock_seconds() - start);
    }
    if (rc == TJ_E_CANCELLED) {
        return tj_fail(err, rc, "stopped; the same command goes on with run %" PRId64, result.run);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    if (g->format != AS_TEXT) {
        return print_result_json(g, &result, err);
    }
    print_result(g, &result);
    return TJ_OK;
}

static tj_code grow_to_workspace(growing *g, const tj_args *args, tj_err *err)
{
    static const char *const splits[] = {"train", "valid", "test", NULL};
    const char *dir = tj_args_get(args, "workspace");
    tj_store *store = NULL;
    tj_problem_set set = {.id = 0};
    int64_t id = 0;
    size_t split = 0;
    tj_code rc = tj_args_choice(args, "split", splits, 0, &split, err);
    if (rc == TJ_OK && tj_args_n_operands(args) > 0) {
        rc = tj_fail(err, TJ_E_INVAL, "problems are those of --set: there can be no others");
    }
    if (rc == TJ_OK) { /* the policy looks for its model there, before it is held for writing */
        rc = tj_open_workspace(&store, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_find_set(store, &id, tj_args_get(args, "set"), err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_get_problem_set(store, &set, id, err);
    }
    tj_store_close(store);
    store = NULL;
    if (rc == TJ_OK) {
        g->words = strcmp(set.task, TJ_WORDS_TASK) == 0;
        rc = read_counts(g, args, err); /* whose defaults differ by task */
    }
    if (rc == TJ_OK) {
        rc = open_parts(g, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_open(&store, dir == NULL ? "demo" : dir, TJ_STORE_WRITE, NULL, err);
    }
    if (rc == TJ_OK) {
        rc = grow_set(g, store, set.id, (tj_split)split, args, err);
    }
    tj_problem_set_deinit(&set);
    tj_store_close(store);
    return rc;
}

tj_code tj_cmd_tree_grow(const tj_args *args, tj_err *err)
{
    growing g = {.seed = 0};
    tj_code rc = read_config(&g, args, err);
    if (rc == TJ_OK) {
        rc = tj_args_has(args, "set") ? grow_to_workspace(&g, args, err)
                                      : grow_to_output(&g, args, err);
    }
    close_parts(&g);
    return rc;
}
