/* reward score: rewards for the trees of a workspace, or for solutions in a file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "cli/common.h"
#include "cli/generators.h"
#include "cli/score_lines.h"
#include "nn/nn.h"
#include "stage/stage.h"

#define MAX_FILES 16 /* that a rewarder reads */
#define MAX_TREES 4096

/* What a rewarder is made of, for the run that uses it. */
typedef struct making {
    const char *model; /* of servers, where settings do not say it; "": none */
    json_t *settings;  /* all that its rewards depend on */
    char *paths[MAX_FILES];
    char digests[MAX_FILES][TJ_SHA256_HEX];
    tj_run_input files[MAX_FILES];
    size_t n_files;
} making;

static void forget(making *m)
{
    for (size_t i = 0; i < m->n_files; i++) {
        tj_free(m->paths[i]);
    }
    json_decref(m->settings);
}

/* ------------------------------------------------------------------ what rewards depend on */

/* A model here is known by its weights, a prompt by its bytes. */
static tj_code add_file(making *m, const char *path, tj_err *err)
{
    struct stat st;
    char *file = stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? tj_fs_join(path, "model.safetensors")
                                                             : tj_strdup(path);
    if (file == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot name a file of a rewarder");
    }
    if (m->n_files == MAX_FILES || !tj_fs_exists(file)) { /* shards, or no file: opening tells */
        tj_free(file);
        return TJ_OK;
    }
    size_t i = m->n_files++;
    m->paths[i] = file;
    m->files[i] = (tj_run_input){.role = file, .kind = "file", .digest = m->digests[i]};
    return tj_sha256_file(m->digests[i], file, err);
}

static tj_code describe(making *m, json_t *settings, tj_err *err);

static tj_code describe_each(making *m, json_t *list, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < json_array_size(list) && rc == TJ_OK; i++) {
        json_t *one = json_incref(json_array_get(list, i));
        if (json_is_string(one)) { /* a rewarder's short text, or its file */
            json_t *parsed = NULL;
            rc = tj_scorer_spec_parse(&parsed, json_string_value(one), err);
            json_decref(one);
            one = parsed;
            if (rc == TJ_OK && json_array_set(list, i, one) != 0) {
                rc = tj_fail(err, TJ_E_NOMEM, "cannot describe a rewarder");
            }
        }
        if (rc == TJ_OK && json_is_object(one)) {
            rc = describe(m, one, err);
        }
        json_decref(one);
    }
    return rc;
}

/* Takes out what does not change a reward, such as how patient a client is: with more patience the
 * same run goes on. */
static tj_code describe(making *m, json_t *settings, tj_err *err)
{
    const char *where = json_string_value(json_object_get(settings, "where"));
    const char *prompt = json_string_value(json_object_get(settings, "prompt"));
    json_t *remote = json_object_get(settings, "remote");
    json_t *model = json_object_get(remote, "model");
    tj_code rc = TJ_OK;
    if (model != NULL && json_object_get(settings, "model") == NULL) {
        (void)json_object_set(settings, "model", model);
    }
    (void)json_object_del(settings, "remote");
    (void)json_object_del(settings, "unanswered");
    if (where != NULL && !tj_is_url(where)) {
        rc = add_file(m, where, err);
    } else if (where != NULL && m->model[0] != 0 && json_object_get(settings, "model") == NULL) {
        (void)json_object_set_new(settings, "model", json_string(m->model));
    }
    if (rc == TJ_OK && prompt != NULL && tj_fs_exists(prompt)) {
        rc = add_file(m, prompt, err);
    }
    if (rc == TJ_OK) {
        rc = describe_each(m, json_object_get(settings, "judges"), err);
    }
    return rc == TJ_OK ? describe_each(m, json_object_get(settings, "members"), err) : rc;
}

static tj_code make(making *m, const char *spec, const char *model, tj_err *err)
{
    memset(m, 0, sizeof *m);
    m->model = model;
    tj_code rc = tj_scorer_spec_parse(&m->settings, spec, err);
    if (rc == TJ_OK && !json_is_object(m->settings)) {
        rc = tj_fail(err, TJ_E_INVAL, "%.100s: expected a mapping of settings", spec);
    }
    return rc == TJ_OK ? describe(m, m->settings, err) : rc;
}

static bool looks_at_paths(const json_t *settings)
{
    const char *kind = json_string_value(json_object_get(settings, "kind"));
    const json_t *members = json_object_get(settings, "members");
    bool any = kind != NULL && (strcmp(kind, "search") == 0 || strcmp(kind, "prm") == 0);
    for (size_t i = 0; i < json_array_size(members); i++) {
        any = any || looks_at_paths(json_array_get(members, i));
    }
    return any;
}

static tj_rewarder_kind kind_of(const json_t *settings)
{
    static const struct {
        const char *name;
        tj_rewarder_kind kind;
    } kinds[] = {{"verifier", TJ_REWARDER_VERIFIER}, {"prm", TJ_REWARDER_PRM},
                 {"remote", TJ_REWARDER_PRM},        {"judge", TJ_REWARDER_JUDGE},
                 {"rollout", TJ_REWARDER_ROLLOUT},   {"search", TJ_REWARDER_ROLLOUT}};
    const char *kind = json_string_value(json_object_get(settings, "kind"));
    for (size_t i = 0; kind != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, kind) == 0) {
            return kinds[i].kind;
        }
    }
    return TJ_REWARDER_OTHER;
}

/* ------------------------------------------------------------------ the table */

static void print_values(const tj_score_result *r, const tj_scorer *scorer)
{
    size_t n = r->n_judged - r->n_failed;
    if (scorer->low < 0.0) {
        printf("values      %zu right (1), %zu neither (0), %zu wrong (-1)\n", r->n_high,
               r->n_between, r->n_low);
    } else if (n > 0) {
        printf("values      mean %.4f; %zu at or above %g\n", r->sum / (double)n, r->n_right,
               scorer->threshold);
    }
}

static void print_table(const tj_score_result *r, const tj_scorer *scorer, const char *kind)
{
    tj_cli_progress_end();
    printf("rewarder    %s (%s): %s\n", scorer->name, kind, tj_meaning_name(scorer->meaning));
    printf("run         %" PRId64 "%s\n", r->run, r->was_done ? ", done before" : "");
    printf("trees       %zu with %zu steps\n", r->n_trees, r->n_steps);
    printf("judged      %zu, of them %zu failed\n", r->n_judged, r->n_failed);
    if (r->n_failed > 0) {
        printf("            ");
        tj_print_text(r->failure, strlen(r->failure));
        putchar('\n');
    }
    print_values(r, scorer);
    printf("asked       %" PRIu64 " times\n", r->n_tries);
    printf("cost        %" PRIu64 " tokens, %.1f s, %.6f in money", r->cost.tokens, r->cost.seconds,
           r->cost.money);
    if (r->cached_tokens > 0) {
        printf("; of it now from the cache %" PRIu64 " tokens, %.6f", r->cached_tokens,
               r->cached_money);
    }
    putchar('\n');
}

static tj_code print_result(const tj_score_result *r, const tj_scorer *scorer, tj_err *err)
{
    json_t *json = json_pack(
        "{s:s, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:f, s:f}",
        "rewarder", scorer->name, "run", (json_int_t)r->run, "was_done", (int)r->was_done, "trees",
        (json_int_t)r->n_trees, "steps", (json_int_t)r->n_steps, "judged", (json_int_t)r->n_judged,
        "failed", (json_int_t)r->n_failed, "right", (json_int_t)r->n_right, "lowest",
        (json_int_t)r->n_low, "highest", (json_int_t)r->n_high, "between", (json_int_t)r->n_between,
        "sum", r->sum, "threshold", scorer->threshold, "asked", (json_int_t)r->n_tries, "tokens",
        (json_int_t)r->cost.tokens, "seconds", r->cost.seconds, "money", r->cost.money);
    tj_code rc = tj_print_json(json, err);
    json_decref(json);
    return rc;
}

/* ------------------------------------------------------------------ a workspace */

typedef struct scoring {
    const tj_args *args;
    making making;
    tj_score_config cfg;
    int64_t trees[MAX_TREES];
    tj_store *store;
    tj_answers *answers;
    tj_cache cache;
    tj_remote_config remote; /* what servers are asked with unless a rewarder says otherwise */
    tj_countdown_config countdown;
    tj_task task;
    tj_scorer scorer;
    size_t piece, seed;
} scoring;

static tj_code find_set(const scoring *s, int64_t *out, tj_err *err)
{
    tj_problem_set set;
    const char *name = tj_args_get(s->args, "set");
    if (name == NULL) {
        return TJ_OK;
    }
    tj_code rc = tj_store_find_problem_set(s->store, &set, name, err);
    if (rc == TJ_OK) {
        *out = set.id;
        tj_problem_set_deinit(&set);
    }
    return rc;
}

static tj_code read_trees(scoring *s, tj_err *err)
{
    size_t run = 0;
    tj_code rc = tj_args_size(s->args, "run", 0, (size_t)INT64_MAX, &run, err);
    s->cfg.trees.run = (int64_t)run;
    for (size_t i = 0; rc == TJ_OK && tj_args_nth(s->args, "tree", i) != NULL; i++) {
        const char *text = tj_args_nth(s->args, "tree", i);
        char *end = NULL;
        int64_t id = strtoll(text, &end, 10);
        if (end == text || *end != 0 || id <= 0 || i == MAX_TREES) {
            return tj_fail(err, TJ_E_INVAL, "--tree is '%s', expected a tree's number, %d at most",
                           text, MAX_TREES);
        }
        s->trees[i] = id;
        s->cfg.n_tree_ids = i + 1;
        s->cfg.tree_ids = s->trees;
    }
    if (rc == TJ_OK && s->cfg.tree_ids != NULL &&
        (run != 0 || tj_args_get(s->args, "set") != NULL)) {
        rc = tj_fail(err, TJ_E_INVAL, "--tree names trees, --run and --set look for them");
    }
    return rc == TJ_OK ? find_set(s, &s->cfg.trees.set, err) : rc;
}

static tj_code see_first(void *ctx, const tj_tree_row *row, tj_err *err)
{
    (void)err;
    *(int64_t *)ctx = row->id;
    return TJ_OK;
}

/* Trees of an embedded task can be judged exactly; those in words are not of one. */
static tj_code find_task(scoring *s, const tj_task **task, tj_err *err)
{
    tj_tree tree;
    tj_tree_filter first = s->cfg.trees;
    int64_t id = s->cfg.tree_ids == NULL ? 0 : s->cfg.tree_ids[0];
    first.limit = 1;
    tj_code rc = id != 0 ? TJ_OK : tj_store_tree_list(s->store, &first, see_first, &id, err);
    *task = NULL;
    if (rc != TJ_OK || id == 0) {
        return rc; /* scoring says that there is none */
    }
    rc = tj_store_load_tree(s->store, &tree, NULL, id, err);
    if (rc == TJ_OK) {
        *task = tree.question == NULL ? &s->task : NULL;
        tj_tree_deinit(&tree);
    }
    return rc;
}

static tj_code open_workspace(scoring *s, tj_err *err)
{
    const char *dir = tj_args_get(s->args, "workspace");
    tj_countdown_task(&s->task, &s->countdown);
    tj_code rc = tj_store_open(&s->store, dir, TJ_STORE_WRITE, NULL, err);
    if (rc == TJ_OK) {
        rc = tj_answers_open(&s->answers, dir, err);
    }
    if (rc == TJ_OK) {
        s->cache = tj_answers_cache(s->answers);
        rc = read_trees(s, err);
    }
    return rc;
}

static tj_code score_workspace(scoring *s, tj_err *err)
{
    const char *where = json_string_value(json_object_get(s->making.settings, "where"));
    const char *kind = json_string_value(json_object_get(s->making.settings, "kind"));
    tj_scorer_options options = {.remote = &s->remote, .cache = &s->cache, .seed = s->seed};
    tj_score_result result;
    tj_code rc = open_workspace(s, err);
    if (rc == TJ_OK) {
        rc = find_task(s, &options.task, err);
    }
    if (rc == TJ_OK) {
        rc = tj_scorer_open(&s->scorer, tj_args_get(s->args, "rewarder"), &options, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    s->cfg.kind = kind_of(s->making.settings);
    s->cfg.url = where != NULL && tj_is_url(where) ? where : NULL;
    s->cfg.settings = s->making.settings;
    s->cfg.seed = s->seed;
    s->cfg.files = s->making.files;
    s->cfg.n_files = s->making.n_files;
    s->cfg.piece = s->piece;
    s->cfg.by_trees = looks_at_paths(s->making.settings);
    s->cfg.build_id = tj_build_id();
    s->cfg.isa = tj_isa_name();
    rc = tj_score_trees(s->store, &result, &s->scorer, &s->cfg, tj_cli_job(), err);
    if (rc != TJ_OK) {
        tj_cli_progress_end();
        if (result.n_steps > 0) {
            fprintf(stderr, "%zu of %zu steps have a judgement; the same command goes on\n",
                    result.n_judged, result.n_steps);
        }
        return rc;
    }
    if (tj_args_has(s->args, "json")) {
        return print_result(&result, &s->scorer, err);
    }
    print_table(&result, &s->scorer, kind);
    return TJ_OK;
}

/* ------------------------------------------------------------------ a file */

static tj_code score_file(scoring *s, const char *path, tj_err *err)
{
    const char *dir = tj_args_get(s->args, "cache");
    tj_cache cache = {.ctx = NULL};
    tj_code rc = dir == NULL ? TJ_OK : tj_cache_open_dir(&cache, dir, err);
    tj_scorer_options options = {
        .remote = &s->remote, .cache = dir == NULL ? NULL : &cache, .seed = s->seed};
    if (rc == TJ_OK) {
        rc = tj_scorer_open(&s->scorer, tj_args_get(s->args, "rewarder"), &options, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_score_lines(path, &s->scorer, s->piece, err);
    }
    tj_scorer_close(&s->scorer);
    tj_cache_close_dir(&cache);
    return rc;
}

static tj_code check(scoring *s, tj_err *err)
{
    const char *input = tj_args_get(s->args, "input");
    if (tj_args_get(s->args, "rewarder") == NULL) {
        return tj_fail(err, TJ_E_INVAL, "name a rewarder with --rewarder");
    }
    if ((input == NULL) == (tj_args_get(s->args, "workspace") == NULL)) {
        return tj_fail(err, TJ_E_INVAL, "say what to score: --workspace DIR, or --input FILE");
    }
    if (input == NULL && tj_args_has(s->args, "cache")) {
        return tj_fail(err, TJ_E_INVAL, "--cache is for --input: a workspace has its own");
    }
    tj_code rc = tj_args_count(s->args, "piece", 32, TJ_SCORE_MAX_PIECE, &s->piece, err);
    if (rc == TJ_OK) {
        rc = tj_args_size(s->args, "seed", 1, SIZE_MAX, &s->seed, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_remote_config(&s->remote, s->args, err);
    }
    return rc == TJ_OK ? make(&s->making, tj_args_get(s->args, "rewarder"), s->remote.model, err)
                       : rc;
}

tj_code tj_cmd_reward_score(const tj_args *args, tj_err *err)
{
    scoring *s = tj_calloc(1, sizeof *s);
    const char *input = tj_args_get(args, "input");
    if (s == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot score");
    }
    s->args = args;
    tj_code rc = check(s, err);
    if (rc == TJ_OK) {
        rc = input != NULL ? score_file(s, input, err) : score_workspace(s, err);
    }
    tj_scorer_close(&s->scorer);
    tj_answers_close(s->answers);
    tj_store_close(s->store);
    forget(&s->making);
    tj_free(s);
    return rc;
}
