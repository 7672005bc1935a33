/* From records to labelled trees. */
#include "tree/labelled.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "tree/tree.h"

/* ------------------------------------------------------------ sets */

static void free_tree(tj_labelled_tree *tree)
{
    for (size_t i = 0; i < tree->n_steps; i++) {
        tj_free(tree->steps[i].text);
    }
    tj_free(tree->steps);
    tj_free(tree->problem);
    tj_free(tree->answer);
}

void tj_labelled_deinit(tj_labelled *set)
{
    for (size_t i = 0; i < set->n_trees; i++) {
        free_tree(&set->trees[i]);
    }
    tj_free(set->trees);
    memset(set, 0, sizeof *set);
}

tj_code tj_labelled_begin(tj_labelled *set, tj_str problem, tj_str answer, size_t line, tj_err *err)
{
    if (!tj_grow(&set->trees, &set->cap_trees, set->n_trees + 1, sizeof *set->trees)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu problems", set->n_trees + 1);
    }
    tj_labelled_tree *tree = &set->trees[set->n_trees];
    *tree = (tj_labelled_tree){.line = line, .problem = tj_strndup(problem.s, problem.n)};
    bool has_answer = answer.s != NULL;
    tree->answer = has_answer ? tj_strndup(answer.s, answer.n) : NULL;
    if (tree->problem == NULL || (has_answer && tree->answer == NULL)) {
        free_tree(tree);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a problem");
    }
    set->n_trees++;
    return TJ_OK;
}

tj_code tj_labelled_add(tj_labelled *set, size_t *step, size_t parent, tj_str text, double target,
                        tj_err *err)
{
    if (set->n_trees == 0) {
        return tj_fail(err, TJ_E_INVAL, "no tree was begun");
    }
    tj_labelled_tree *tree = &set->trees[set->n_trees - 1];
    if (parent != SIZE_MAX && parent >= tree->n_steps) {
        return tj_fail(err, TJ_E_INVAL, "step %zu cannot follow step %zu", tree->n_steps, parent);
    }
    char *copy = tj_strndup(text.s == NULL ? "" : text.s, text.n);
    if (copy == NULL ||
        !tj_grow(&tree->steps, &tree->cap_steps, tree->n_steps + 1, sizeof *tree->steps)) {
        tj_free(copy);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a step");
    }
    tree->steps[tree->n_steps] =
        (tj_labelled_step){.parent = parent,
                           .depth = parent == SIZE_MAX ? 1 : tree->steps[parent].depth + 1,
                           .text = copy,
                           .target = target};
    *step = tree->n_steps++;
    return TJ_OK;
}

void tj_labelled_end(tj_labelled *set)
{
    tj_labelled_tree *tree = &set->trees[set->n_trees - 1];
    bool any = false;
    bool before_wrong = true;
    tree->is_chain = true;
    tree->is_whole = true;
    for (size_t i = 0; i < tree->n_steps; i++) {
        const tj_labelled_step *s = &tree->steps[i];
        any = any || !isnan(s->target);
        tree->is_chain = tree->is_chain && s->parent == (i == 0 ? SIZE_MAX : i - 1);
        tree->is_whole = tree->is_whole && !(before_wrong && isnan(s->target));
        before_wrong = before_wrong && !(s->target < 0.5);
    }
    tree->is_whole = tree->is_whole && tree->is_chain;
    if (!any) {
        free_tree(tree);
        set->n_trees--;
    }
}

double tj_labelled_target(int label, tj_neutral_as neutral)
{
    static const double of_neutral[] = {1.0, 0.0, (double)NAN};
    return label == 1 ? 1.0 : label == -1 ? 0.0 : label == 0 ? of_neutral[neutral] : (double)NAN;
}

void tj_labelled_path(const tj_labelled_tree *tree, size_t step, const char **out)
{
    for (size_t at = step; at != SIZE_MAX; at = tree->steps[at].parent) {
        out[tree->steps[at].depth - 1] = tree->steps[at].text;
    }
}

/* ------------------------------------------------------------ data sets */

typedef struct reader {
    tj_labelled *set;
    const tj_labelled_options *options;
    bool joins; /* records of one problem that follow one another: rows of the critic form */
    bool is_open;
    tj_err *err;
} reader;

static void end_open(reader *r)
{
    size_t n = r->set->n_trees;
    if (r->is_open) {
        tj_labelled_end(r->set);
    }
    if (r->is_open && r->joins && r->set->n_trees == n) {
        r->set->trees[n - 1].is_whole = false; /* rows are candidates, not solutions */
    }
    r->is_open = false;
}

static tj_code begin(reader *r, const tj_data_record *record)
{
    end_open(r);
    tj_code rc = tj_labelled_begin(r->set, record->problem, record->answer, record->line, r->err);
    r->is_open = rc == TJ_OK;
    return rc;
}

static bool has_text(const tj_labelled_step *step, tj_str text)
{
    return strncmp(step->text, text.s, text.n) == 0 && step->text[text.n] == 0;
}

/* The step of that text after `parent` of the open tree; SIZE_MAX: none. */
static size_t find_step(const reader *r, size_t parent, tj_str text)
{
    const tj_labelled_tree *tree = &r->set->trees[r->set->n_trees - 1];
    for (size_t i = tree->n_steps; i-- > 0;) { /* the latest is the likeliest */
        if (tree->steps[i].parent == parent && has_text(&tree->steps[i], text)) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Adds a row's accepted steps, where they are not there, and its candidate, which has a place of
 * its own if one of the same text is labelled already. */
static tj_code join_row(reader *r, const tj_data_solution *s)
{
    size_t at = SIZE_MAX;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < s->n_steps && rc == TJ_OK; i++) {
        size_t parent = at;
        double target = tj_labelled_target(s->steps[i].label, r->options->neutral);
        at = find_step(r, parent, s->steps[i].text);
        tj_labelled_step *there =
            at == SIZE_MAX ? NULL : &r->set->trees[r->set->n_trees - 1].steps[at];
        if (there != NULL && (isnan(target) || isnan(there->target))) {
            there->target = isnan(target) ? there->target : target;
        } else {
            rc = tj_labelled_add(r->set, &at, parent, s->steps[i].text, target, r->err);
        }
    }
    return rc;
}

static tj_code add_row(reader *r, const tj_data_record *record)
{
    const tj_labelled_tree *open = r->is_open ? &r->set->trees[r->set->n_trees - 1] : NULL;
    bool same = open != NULL && strncmp(open->problem, record->problem.s, record->problem.n) == 0 &&
                open->problem[record->problem.n] == 0;
    tj_code rc = same ? TJ_OK : begin(r, record);
    for (size_t i = 0; i < record->n_solutions && rc == TJ_OK; i++) {
        rc = join_row(r, &record->solutions[i]);
    }
    return rc;
}

static bool is_labelled(const tj_data_solution *s)
{
    for (size_t i = 0; i < s->n_steps; i++) {
        if (s->steps[i].label != TJ_NO_LABEL) {
            return true;
        }
    }
    return false;
}

static tj_code add_chain(reader *r, const tj_data_record *record, const tj_data_solution *s)
{
    size_t at = SIZE_MAX;
    tj_code rc = begin(r, record);
    for (size_t i = 0; i < s->n_steps && rc == TJ_OK; i++) {
        rc = tj_labelled_add(r->set, &at, at, s->steps[i].text,
                             tj_labelled_target(s->steps[i].label, r->options->neutral), r->err);
    }
    return rc;
}

/* Nodes have the root at 0, which is no step. */
static tj_code add_nodes(reader *r, const tj_data_record *record)
{
    size_t step;
    tj_code rc = begin(r, record);
    for (size_t i = 1; i < record->n_nodes && rc == TJ_OK; i++) {
        const tj_data_node *n = &record->nodes[i];
        double target = tj_labelled_target(n->label, r->options->neutral);
        if (n->label == TJ_NO_LABEL && n->has_score && r->options->scores) {
            target = n->score;
        }
        rc = tj_labelled_add(r->set, &step, n->parent == 0 ? SIZE_MAX : n->parent - 1, n->text,
                             target, r->err);
    }
    return rc;
}

static tj_code add_record(reader *r, const tj_data_record *record)
{
    if (r->joins) {
        return add_row(r, record);
    }
    tj_code rc = record->n_nodes > 1 ? add_nodes(r, record) : TJ_OK;
    for (size_t i = 0; i < record->n_solutions && rc == TJ_OK; i++) {
        if (is_labelled(&record->solutions[i])) {
            rc = add_chain(r, record, &record->solutions[i]);
        }
    }
    return rc;
}

static tj_code read_records(reader *r, tj_dataset *data)
{
    size_t limit = r->options->limit == 0 ? SIZE_MAX : r->options->limit;
    tj_err why = {.code = TJ_OK};
    for (size_t n = 0; n < limit; n++) {
        const tj_data_record *record;
        tj_code rc = tj_dataset_next(data, &record, &why);
        if (rc != TJ_OK && tj_dataset_refusal(data) != NULL && !r->options->strict) {
            if (r->set->n_refused++ == 0) {
                memcpy(r->set->first_refusal, why.msg, sizeof why.msg);
            }
            continue;
        }
        if (rc != TJ_OK) {
            return tj_fail(r->err, rc, "%s", why.msg);
        }
        if (record == NULL) {
            break;
        }
        rc = add_record(r, record);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ our trees */

/* The rewarder's first reward of each node as its target; NaN where there is none. Rewards from -1
 * to 1 say "wrong" below 0. Gives targets [n_nodes] (tj_free); NULL without memory. */
static double *targets_of(const tj_tree *tree, const char *rewarder)
{
    double *targets = tj_calloc(tree->n_nodes, sizeof *targets);
    for (size_t i = 0; targets != NULL && i < tree->n_nodes; i++) {
        targets[i] = (double)NAN;
    }
    for (size_t i = 0; targets != NULL && i < tree->n_rewards; i++) {
        const tj_reward *r = &tree->rewards[i];
        if (isnan(targets[r->node]) && strcmp(r->rewarder, rewarder) == 0) {
            targets[r->node] = r->value < 0.0 ? 0.0 : r->value > 1.0 ? 1.0 : r->value;
        }
    }
    return targets;
}

static tj_str without_newlines(const char *text)
{
    size_t n = strlen(text);
    while (n > 0 && text[n - 1] == '\n') {
        n--;
    }
    return (tj_str){text, n};
}

/* Begins the tree with its question, or with what its task writes of its first state. */
static tj_code begin_our_tree(reader *r, const tj_tree *tree, size_t line)
{
    const tj_task *task = r->options->task;
    tj_str answer = {NULL, 0};
    tj_buf prompt;
    tj_buf_init(&prompt);
    if (tree->question != NULL) {
        tj_buf_str(&prompt, tree->question);
        answer = tree->answer == NULL ? answer : (tj_str){tree->answer, strlen(tree->answer)};
    } else {
        task->write_prompt(task->ctx, &tree->first, &prompt);
    }
    tj_code rc = tj_buf_check(&prompt, r->err);
    end_open(r);
    if (rc == TJ_OK) {
        rc =
            tj_labelled_begin(r->set, without_newlines(tj_buf_text(&prompt)), answer, line, r->err);
        r->is_open = rc == TJ_OK;
    }
    tj_buf_deinit(&prompt);
    return rc;
}

static tj_code add_our_nodes(reader *r, const tj_tree *tree, const double *targets, size_t line)
{
    size_t step;
    tj_code rc = begin_our_tree(r, tree, line);
    for (size_t i = 1; i < tree->n_nodes && rc == TJ_OK; i++) {
        const tj_node *n = &tree->nodes[i];
        rc = tj_labelled_add(r->set, &step, n->parent == 0 ? SIZE_MAX : n->parent - 1,
                             without_newlines(n->text), targets[i], r->err);
    }
    return rc;
}

/* Whether the task of a tree is at hand: that of the options, or problems in words. */
static bool knows_task(const reader *r, const char *task)
{
    return task != NULL &&
           (strcmp(task, TJ_WORDS_TASK) == 0 ||
            (r->options->task != NULL && strcmp(task, r->options->task->name) == 0));
}

static tj_code add_our_tree(void *ctx, const json_t *json, size_t line, tj_err *err)
{
    reader *r = ctx;
    tj_tree tree;
    char where[32];
    const char *task = json_string_value(json_object_get(json, "task"));
    (void)snprintf(where, sizeof where, "line %zu", line);
    if (r->options->limit > 0 && r->set->n_trees >= r->options->limit) {
        return TJ_OK;
    }
    if (!knows_task(r, task)) {
        return tj_fail(err, TJ_E_PARSE, "%s: a tree of the task '%.40s', which is not at hand",
                       where, task == NULL ? "" : task);
    }
    const char *rewarder = r->options->rewarder == NULL ? "verifier" : r->options->rewarder;
    tj_code rc = tj_tree_from_json(&tree, json, where, err);
    if (rc != TJ_OK) {
        return rc;
    }
    double *targets = targets_of(&tree, rewarder);
    rc = targets == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a tree")
                         : add_our_nodes(r, &tree, targets, line);
    tj_free(targets);
    tj_tree_deinit(&tree);
    return rc;
}

/* Whether text [n] has the mark in it. */
static bool has_mark(const char *text, size_t n, const char *mark)
{
    size_t n_mark = strlen(mark);
    for (size_t i = 0; i + n_mark <= n; i++) {
        if (text[i] == mark[0] && memcmp(text + i, mark, n_mark) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the file is of our trees: plain, and its first line says so. */
static tj_code read_our_trees(reader *r, bool *are, const char *path)
{
    tj_fs_map map = {0};
    *are = false;
    if (tj_fs_map_open(&map, path, NULL) != TJ_OK) {
        return TJ_OK; /* tj_dataset_open says what is wrong */
    }
    const char *text = (const char *)map.data;
    const char *end = memchr(text, '\n', map.n_bytes);
    size_t n = end == NULL ? map.n_bytes : (size_t)(end - text);
    *are = has_mark(text, n, "\"tree_version\"");
    tj_code rc = TJ_OK;
    if (*are) {
        r->set->format = "tabiji trees";
        rc = tj_json_values_each(text, map.n_bytes, path, 0, add_our_tree, r, r->err);
    }
    tj_fs_map_close(&map);
    return rc;
}

/* ------------------------------------------------------------ files */

static tj_code read_dataset(reader *r, const char *path)
{
    tj_dataset *data = NULL;
    tj_dataset_info info;
    tj_code rc = tj_dataset_open(&data, path, NULL, r->err);
    if (rc == TJ_OK) {
        tj_dataset_describe(data, &info);
        r->set->format = tj_data_format_name(info.format);
        r->joins = info.format == TJ_DATA_CRITIC;
        rc = read_records(r, data);
        tj_dataset_close(data);
    }
    return rc;
}

tj_code tj_labelled_read(tj_labelled *set, const char *path, const tj_labelled_options *options,
                         tj_err *err)
{
    reader r = {.set = set, .options = options, .err = err};
    size_t before = set->n_trees;
    bool ours = false;
    tj_code rc = read_our_trees(&r, &ours, path);
    if (rc == TJ_OK && !ours) {
        rc = read_dataset(&r, path);
    }
    end_open(&r);
    if (rc == TJ_OK && set->n_trees == before) {
        rc = set->n_refused > 0
                 ? tj_fail(err, TJ_E_INVAL, "%s has no labelled step; its first refusal: %s", path,
                           set->first_refusal)
                 : tj_fail(err, TJ_E_INVAL, "%s has no labelled step", path);
    }
    while (rc != TJ_OK && set->n_trees > before) {
        free_tree(&set->trees[--set->n_trees]);
    }
    return rc;
}
