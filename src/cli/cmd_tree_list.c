/* tree list: the trees of a workspace, filtered, a page at a time. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"

tj_code tj_cli_find_set(tj_store *store, int64_t *out, const char *name, tj_err *err)
{
    tj_problem_set set;
    char *end = NULL;
    *out = 0;
    if (name == NULL) {
        return TJ_OK;
    }
    tj_code rc = tj_store_find_problem_set(store, &set, name, err);
    if (rc == TJ_E_NOTFOUND) {
        unsigned long long id = strtoull(name, &end, 10);
        bool is_number = name[0] >= '0' && name[0] <= '9' && *end == 0 && id <= INT64_MAX;
        rc = is_number ? tj_store_get_problem_set(store, &set, (int64_t)id, err) : rc;
    }
    if (rc == TJ_OK) {
        *out = set.id;
        tj_problem_set_deinit(&set);
        return TJ_OK;
    }
    return rc == TJ_E_NOTFOUND ? tj_fail(err, rc, "there is no problem set '%s'", name) : rc;
}

static tj_code read_id(const tj_args *args, const char *name, int64_t *out, tj_err *err)
{
    size_t n = 0;
    tj_code rc = tj_args_size(args, name, 0, (size_t)INT64_MAX, &n, err);
    *out = (int64_t)n;
    return rc;
}

static tj_code read_rewards(const tj_args *args, tj_tree_filter *f, tj_err *err)
{
    static const char *const measures[] = {"high", "mean", "low", NULL};
    size_t measure = 0;
    f->rewarder = tj_args_get(args, "rewarder");
    tj_code rc = tj_args_choice(args, "measure", measures, 0, &measure, err);
    f->measure = (tj_measure)measure;
    if (rc == TJ_OK) {
        rc = tj_args_double(args, "min-reward", (double)-INFINITY, &f->min_reward, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_double(args, "max-reward", (double)INFINITY, &f->max_reward, err);
    }
    bool bounded = tj_args_has(args, "min-reward") || tj_args_has(args, "max-reward") ||
                   tj_args_has(args, "measure");
    return rc == TJ_OK && bounded && f->rewarder == NULL
               ? tj_fail(err, TJ_E_INVAL, "whose rewards: --rewarder is missing")
               : rc;
}

tj_code tj_cli_tree_filter(tj_tree_filter *f, const tj_args *args, size_t limit, tj_err *err)
{
    static const char *const answers[] = {"any", "yes", "no", NULL};
    size_t solved = 0;
    memset(f, 0, sizeof *f);
    f->newest = tj_args_has(args, "newest");
    tj_code rc = tj_args_choice(args, "solved", answers, 0, &solved, err);
    f->solved = (tj_solved)solved;
    if (rc == TJ_OK) {
        rc = read_id(args, "run", &f->run, err);
    }
    if (rc == TJ_OK) {
        rc = read_id(args, "problem", &f->problem, err);
    }
    if (rc == TJ_OK) {
        rc = read_id(args, "after", &f->after, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "min-nodes", 0, INT32_MAX, &f->min_nodes, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "max-nodes", 0, INT32_MAX, &f->max_nodes, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "limit", limit, INT32_MAX, &f->limit, err);
    }
    return rc == TJ_OK ? read_rewards(args, f, err) : rc;
}

/* ------------------------------------------------------------------ printing */

typedef struct page {
    tj_store *store;
    json_t *list; /* NULL: lines */
    size_t n;
    int64_t last;
} page;

static tj_code add_reward(void *ctx, const tj_tree_reward *r, tj_err *err)
{
    (void)err;
    json_array_append_new(
        ctx, json_pack("{s:I, s:I, s:s, s:I, s:f, s:f, s:f}", "run", (json_int_t)r->run, "rewarder",
                       (json_int_t)r->rewarder, "meaning", tj_meaning_name(r->meaning), "n",
                       (json_int_t)r->n, "low", r->low, "mean", r->mean, "high", r->high));
    return TJ_OK;
}

static tj_code add_json(page *p, const tj_tree_row *t, tj_err *err)
{
    json_t *rewards = json_array();
    tj_code rc = tj_store_tree_reward_each(p->store, t->id, add_reward, rewards, err);
    json_array_append_new(p->list,
                          json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "id",
                                    (json_int_t)t->id, "run", (json_int_t)t->run, "set",
                                    (json_int_t)t->set, "problem", (json_int_t)t->problem, "nodes",
                                    (json_int_t)t->n_nodes, "depth", (json_int_t)t->depth, "leaves",
                                    (json_int_t)t->n_leaves, "correct", (json_int_t)t->n_correct,
                                    "tokens", (json_int_t)t->n_tokens, "rewards", rewards));
    return rc;
}

static tj_code add_row(void *ctx, const tj_tree_row *t, tj_err *err)
{
    page *p = ctx;
    p->n++;
    p->last = t->id;
    if (p->list != NULL) {
        return add_json(p, t, err);
    }
    if (p->n == 1) {
        printf("%8s %5s %8s %6s %6s %8s %s\n", "tree", "run", "problem", "nodes", "depth", "tokens",
               "correct leaves");
    }
    char tokens[24] = "-"; /* of a server's steps only the texts are known */
    if (t->n_tokens > 0) {
        (void)snprintf(tokens, sizeof tokens, "%zu", t->n_tokens);
    }
    printf("%8" PRId64 " %5" PRId64 " %8" PRId64 " %6zu %6zu %8s %zu of %zu\n", t->id, t->run,
           t->problem, t->n_nodes, t->depth, tokens, t->n_correct, t->n_leaves);
    return TJ_OK;
}

static tj_code print_page(tj_store *store, const tj_tree_filter *f, bool as_json, tj_err *err)
{
    page p = {.store = store, .list = as_json ? json_array() : NULL};
    size_t n_all = 0;
    tj_code rc = tj_store_tree_count(store, &n_all, f, err);
    if (rc == TJ_OK) {
        rc = tj_store_tree_list(store, f, add_row, &p, err);
    }
    if (rc == TJ_OK && as_json) {
        json_t *all = json_pack("{s:I, s:O}", "n", (json_int_t)n_all, "trees", p.list);
        rc = tj_print_json(all, err);
        json_decref(all);
    } else if (rc == TJ_OK) {
        printf("%zu of %zu trees", p.n, n_all);
        if (p.n > 0 && p.n == f->limit && p.n < n_all) {
            printf("; the next: --after %" PRId64, p.last);
        }
        printf("\n");
    }
    json_decref(p.list);
    return rc;
}

tj_code tj_cmd_tree_list(const tj_args *args, tj_err *err)
{
    tj_store *store = NULL;
    tj_tree_filter filter;
    tj_code rc = tj_cli_tree_filter(&filter, args, 50, err);
    if (rc == TJ_OK) {
        rc = tj_open_workspace(&store, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_find_set(store, &filter.set, tj_args_get(args, "set"), err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_begin(store, err); /* page and number are of one moment */
    }
    if (rc == TJ_OK) {
        rc = print_page(store, &filter, tj_args_has(args, "json"), err);
        tj_store_rollback(store);
    }
    tj_store_close(store);
    return rc;
}
