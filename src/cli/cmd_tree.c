/* tree show, export and import: trees of a workspace and of files, form by form. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "cli/common.h"
#include "cli/show.h"
#include "stage/stage.h"

enum { AS_TEXT, AS_JSON, AS_DOT, AS_OMEGAPRM };

static tj_code print_json(const tj_tree *tree, bool line, tj_err *err)
{
    tj_countdown_config cfg = {0}; /* of the task, only its name is written */
    tj_task task;
    tj_countdown_task(&task, &cfg);
    json_t *json = tj_tree_to_json(tree, &task);
    tj_code rc = json == NULL ? tj_fail(err, TJ_E_PARSE, "a step of the tree is not UTF-8 text")
                 : line       ? tj_print_json_line(json, err)
                              : tj_print_json(json, err);
    json_decref(json);
    return rc;
}

static tj_code print_omegaprm(const tj_tree *tree, const char *rewarder, tj_err *err)
{
    json_t *json = NULL;
    size_t n_left_out = 0;
    tj_code rc = tj_tree_to_omegaprm(&json, &n_left_out, tree, rewarder, err);
    if (rc == TJ_OK) {
        rc = tj_print_json_line(json, err);
    }
    if (rc == TJ_OK && n_left_out > 0) {
        tj_job_log(tj_cli_job(), "%zu of %zu nodes are left out: nobody knows their value",
                   n_left_out, tree->n_nodes);
    }
    json_decref(json);
    return rc;
}

/* A tree with the rewards of all runs, which may have come long after it grew. */
static tj_code load_with_rewards(tj_store *store, tj_tree *out, int64_t id, tj_err *err)
{
    tj_reward *rewards = NULL;
    size_t n = 0;
    tj_code rc = tj_store_load_tree(store, out, NULL, id, err);
    if (rc == TJ_OK) {
        rc = tj_store_load_rewards(store, &rewards, &n, id, 0, err);
        if (rc == TJ_OK) {
            tj_free(out->rewards);
            out->rewards = rewards;
            out->n_rewards = n;
            out->cap_rewards = n;
        } else {
            tj_tree_deinit(out);
        }
    }
    return rc;
}

/* ------------------------------------------------------------------ show */

tj_code tj_cmd_tree_show(const tj_args *args, tj_err *err)
{
    static const char *const formats[] = {"text", "json", "dot", "omegaprm", NULL};
    size_t format;
    tj_store *store = NULL;
    tj_tree tree = {0};
    int64_t id;
    tj_code rc = tj_args_choice(args, "format", formats, 0, &format, err);
    if (rc == TJ_OK) {
        rc = tj_operand_id(args, &id, err);
    }
    if (rc == TJ_OK) {
        rc = tj_open_workspace(&store, args, err);
    }
    if (rc == TJ_OK) {
        rc = format == AS_OMEGAPRM ? load_with_rewards(store, &tree, id, err)
                                   : tj_store_load_tree(store, &tree, NULL, id, err);
    }
    if (rc == TJ_OK) {
        rc = format == AS_TEXT   ? tj_print_tree(&tree, err)
             : format == AS_JSON ? print_json(&tree, false, err)
             : format == AS_DOT  ? tj_print_tree_dot(&tree, err)
                                 : print_omegaprm(&tree, tj_args_get(args, "values"), err);
    }
    tj_tree_deinit(&tree);
    tj_store_close(store);
    return rc;
}

/* ------------------------------------------------------------------ export */

typedef struct exporting {
    tj_store *store;
    size_t format;
    const char *rewarder;
    size_t n, n_refused;
    int64_t refused; /* the first, */
    tj_err why;      /* and why */
} exporting;

static tj_code export_tree(void *ctx, const tj_tree_row *row, tj_err *err)
{
    exporting *e = ctx;
    tj_tree tree;
    tj_err why;
    tj_code rc = load_with_rewards(e->store, &tree, row->id, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = e->format == AS_DOT        ? tj_print_tree_dot(&tree, &why)
         : e->format == AS_OMEGAPRM ? print_omegaprm(&tree, e->rewarder, &why)
                                    : print_json(&tree, true, &why);
    if (rc == TJ_E_INVAL || rc == TJ_E_PARSE) { /* this one cannot be said in that form */
        if (e->n_refused++ == 0) {
            e->refused = row->id;
            e->why = why;
        }
        rc = TJ_OK;
    } else {
        e->n++;
    }
    tj_tree_deinit(&tree);
    return rc == TJ_OK ? TJ_OK : tj_fail(err, rc, "%s", why.msg);
}

tj_code tj_cmd_tree_export(const tj_args *args, tj_err *err)
{
    static const char *const formats[] = {"jsonl", "dot", "omegaprm", NULL};
    static const size_t forms[] = {AS_JSON, AS_DOT, AS_OMEGAPRM};
    exporting e = {.rewarder = tj_args_get(args, "values")};
    tj_tree_filter filter;
    size_t format = 0;
    tj_code rc = tj_args_choice(args, "format", formats, 0, &format, err);
    e.format = forms[format];
    if (rc == TJ_OK) {
        rc = tj_cli_tree_filter(&filter, args, 0, err);
    }
    if (rc == TJ_OK) {
        rc = tj_open_workspace(&e.store, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_find_set(e.store, &filter.set, tj_args_get(args, "set"), err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_tree_list(e.store, &filter, export_tree, &e, err);
    }
    tj_store_close(e.store);
    if (rc == TJ_OK) {
        tj_job_log(tj_cli_job(), "%zu trees", e.n);
    }
    if (rc == TJ_OK && e.n_refused > 0) {
        tj_job_log(tj_cli_job(), "%zu have no such form; the first is tree %" PRId64 ": %s",
                   e.n_refused, e.refused, e.why.msg);
    }
    return rc;
}

/* ------------------------------------------------------------------ import */

static tj_code print_one(void *ctx, tj_tree *tree, tj_err *err)
{
    size_t *n = ctx;
    if (tree->problem == 0) {
        tree->problem = (int64_t)++ * n; /* which in the files it is */
    }
    return print_json(tree, true, err);
}

/* What was found about answers of which the files say nothing. */
static void tell_ends(const tj_ends_stats *s)
{
    size_t n = s->n_right + s->n_wrong + s->n_undecided;
    if (n > 0) {
        tj_job_log(tj_cli_job(), "%zu answers graded: %zu right, %zu wrong, %zu undecided%s", n,
                   s->n_right, s->n_wrong, s->n_undecided,
                   s->n_limits > 0 ? " (some by a limit of time or memory)" : "");
    }
}

static tj_code import_to_workspace(const tj_tree_import_config *cfg, const tj_args *args,
                                   tj_err *err)
{
    const char *dir = tj_args_get(args, "workspace");
    tj_store *store = NULL;
    tj_tree_import_result r;
    tj_code rc = tj_store_open(&store, dir == NULL ? "demo" : dir, TJ_STORE_CREATE, NULL, err);
    if (rc == TJ_OK) {
        rc = tj_trees_import(store, &r, cfg, tj_cli_job(), err);
    }
    tj_store_close(store);
    tj_cli_progress_end();
    if (rc == TJ_OK) {
        tell_ends(&r.ends);
    }
    if (rc == TJ_OK && r.was_done) {
        printf("run %" PRId64 " has imported these files\n", r.run);
    } else if (rc == TJ_OK) {
        printf("run %" PRId64 ": %zu trees of %zu problems, %zu nodes; set '%s' is number %" PRId64
               "\n",
               r.run, r.n_trees, r.n_problems, r.n_nodes, cfg->set, r.set);
    }
    return rc;
}

static tj_code import_to_lines(const tj_tree_import_config *cfg, tj_err *err)
{
    size_t n = 0;
    tj_ends *ends = NULL;
    tj_code rc = tj_ends_create(&ends, tj_par_threads(), err);
    for (size_t i = 0; i < cfg->n_paths && rc == TJ_OK; i++) {
        rc = tj_trees_of_file(cfg->paths[i], cfg->format, ends, print_one, &n, tj_cli_job(), err);
    }
    if (rc == TJ_OK) {
        tj_ends_stats stats = tj_ends_get_stats(ends);
        tell_ends(&stats);
    }
    tj_ends_destroy(ends);
    return rc;
}

tj_code tj_cmd_tree_import(const tj_args *args, tj_err *err)
{
    static const char *const splits[] = {"train", "valid", "test", NULL};
    const char *paths[TJ_STORE_MAX_INPUTS];
    const char *format = tj_args_get(args, "from");
    size_t split = 0;
    tj_tree_import_config cfg = {.paths = paths,
                                 .n_paths = tj_args_n_operands(args),
                                 .set = tj_args_get(args, "set"),
                                 .build_id = tj_build_id()};
    for (size_t i = 0; i < cfg.n_paths; i++) {
        paths[i] = tj_args_operand(args, i);
    }
    if (format != NULL && !tj_data_format_find(&cfg.format, format)) {
        return tj_fail(err, TJ_E_INVAL, "--from: there is no format '%s'", format);
    }
    tj_code rc = tj_args_choice(args, "split", splits, 0, &split, err);
    cfg.split = (tj_split)split;
    if (rc != TJ_OK) {
        return rc;
    }
    return cfg.set != NULL ? import_to_workspace(&cfg, args, err) : import_to_lines(&cfg, err);
}
