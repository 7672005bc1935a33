/* reward eval: rewarders against people's labels, in one table. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/common.h"
#include "cli/domain.h"
#include "cli/rewarders.h"
#include "stage/stage.h"

#define COLUMN     8  /* ten of them are 80 wide */
#define CELL       15 /* of the table of all sets: four are 80 wide */
#define NAME_WIDTH 20 /* of a rewarder beside three columns of figures with intervals */

typedef struct evaluation {
    tj_cli_rewarders rewarders;
    tj_domain domain;
    tj_reward_contender contenders[TJ_MAX_REWARDERS];
    tj_reward_eval_config cfg;
    tj_labelled_options labels;
    json_t *tables;
} evaluation;

/* ------------------------------------------------------------ settings */

static tj_code read_settings(evaluation *e, const tj_args *args, tj_err *err)
{
    static const char *const neutrals[] = {"right", "wrong", "skip", NULL};
    static const char *const criteria[] = {"auto", "wrong", "first", NULL};
    size_t neutral = 0;
    size_t criterion = 0;
    size_t seed = 1;
    tj_boot_config_default(&e->cfg.boot);
    tj_code rc = tj_args_choice(args, "neutral", neutrals, 0, &neutral, err);
    if (rc == TJ_OK) {
        rc = tj_args_choice(args, "threshold-by", criteria, 0, &criterion, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_double(args, "valid-part", 0.2, &e->cfg.valid_part, err);
    }
    if (rc == TJ_OK && !(e->cfg.valid_part >= 0.0 && e->cfg.valid_part <= 0.9)) {
        rc = tj_fail(err, TJ_E_INVAL, "--valid-part is %g, expected 0 to 0.9", e->cfg.valid_part);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "limit", 0, SIZE_MAX / 2, &e->labels.limit, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "resamples", 1000, 1000000, &e->cfg.boot.n_resamples, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "seed", 1, SIZE_MAX, &seed, err);
    }
    e->cfg.by_first = criterion != 1;
    e->cfg.seed = seed;
    e->labels.neutral = (tj_neutral_as)neutral;
    e->labels.rewarder = tj_args_get(args, "labels-of");
    return rc;
}

static tj_code open_rewarders(evaluation *e, const tj_args *args, tj_err *err)
{
    const char *task = tj_args_get(args, "task");
    if (task != NULL && strcmp(task, "countdown") != 0) {
        return tj_fail(err, TJ_E_INVAL, "--task is '%s', expected countdown", task);
    }
    tj_code rc = tj_domain_open(&e->domain, err);
    e->labels.task = &e->domain.task;
    if (rc == TJ_OK) {
        rc = tj_cli_rewarders_open(&e->rewarders, args, task == NULL ? NULL : &e->domain.task,
                                   e->cfg.seed, err);
    }
    for (size_t i = 0; i < e->rewarders.n; i++) {
        e->contenders[i] = (tj_reward_contender){.scorer = &e->rewarders.scorers[i],
                                                 .spec = e->rewarders.specs[i],
                                                 .keeps_threshold = e->rewarders.has_threshold[i]};
    }
    return rc;
}

/* ------------------------------------------------------------ the table */

static const json_t *figure(const json_t *row, const char *name)
{
    return json_object_get(json_object_get(row, "figures"), name);
}

/* In percent. */
static void print_percent(double x)
{
    if (isnan(x)) {
        printf("%*s", COLUMN, "-");
    } else {
        printf("%*.1f", COLUMN, 100.0 * x);
    }
}

static void print_range(const json_t *x)
{
    char text[32] = "";
    double low = tj_number(x, "low");
    double high = tj_number(x, "high");
    if (!isnan(low)) {
        (void)snprintf(text, sizeof text, "%.0f-%.0f", 100.0 * low, 100.0 * high);
    }
    printf("%*s", COLUMN, text);
}

/* A rewarder's name and threshold, its figures, and their intervals. */
static void print_steps(const json_t *rows)
{
    static const char *const columns[] = {"wrong_precision", "wrong_recall", "wrong_f1",
                                          "right_precision", "right_recall", "right_f1",
                                          "brier",           "ece",          "auc"};
    static const char *const heads[] = {"P(w)",  "R(w)",  "F1(w)", "P(r)", "R(r)",
                                        "F1(r)", "Brier", "ECE",   "AUC"};
    size_t i;
    json_t *row;
    printf("%-*s", COLUMN, "steps");
    for (size_t c = 0; c < sizeof heads / sizeof heads[0]; c++) {
        printf("%*s", COLUMN, heads[c]);
    }
    putchar('\n');
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        printf("%.60s, at %.3f\n%*s", json_string_value(json_object_get(row, "rewarder")),
               tj_number(row, "threshold"), COLUMN, "");
        for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
            print_percent(tj_number(figure(row, columns[c]), "value"));
        }
        printf("\n%*s", COLUMN, "95%");
        for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
            print_range(figure(row, columns[c]));
        }
        putchar('\n');
    }
}

static void print_solutions(const json_t *rows)
{
    static const char *const columns[] = {"first_erroneous", "first_correct", "first_f1"};
    size_t i;
    json_t *row;
    printf("%-*s%20s%20s%20s\n", NAME_WIDTH, "first wrong step", "erroneous", "correct", "F1");
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        printf("%-*.*s", NAME_WIDTH, NAME_WIDTH - 1,
               json_string_value(json_object_get(row, "rewarder")));
        for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
            const json_t *x = figure(row, columns[c]);
            char text[48] = "-";
            if (!isnan(tj_number(x, "value"))) {
                (void)snprintf(text, sizeof text, "%.1f [%.1f-%.1f]", 100.0 * tj_number(x, "value"),
                               100.0 * tj_number(x, "low"), 100.0 * tj_number(x, "high"));
            }
            printf("%20s", text);
        }
        putchar('\n');
    }
}

static json_int_t count(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* What a row cannot show in columns: failures, cost, where its threshold is from. */
static void print_notes(const json_t *rows)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        const char *spec = json_string_value(json_object_get(row, "spec"));
        double sharing = tj_number(row, "sharing_ratio");
        if (spec[0] == 0) {
            continue;
        }
        printf("%.79s\n  threshold from %s; %.1f s, %" JSON_INTEGER_FORMAT " tokens",
               json_string_value(json_object_get(row, "rewarder")),
               json_string_value(json_object_get(row, "threshold_from")), tj_number(row, "seconds"),
               count(row, "tokens"));
        if (!isnan(sharing)) {
            printf(", sharing ratio %.2f", sharing);
        }
        if (count(row, "failed") > 0) {
            const char *why = json_string_value(json_object_get(row, "first_error"));
            printf("\n  %" JSON_INTEGER_FORMAT " steps without a score, the first: ",
                   count(row, "failed"));
            tj_print_text(why, strlen(why));
        }
        putchar('\n');
    }
}

static void print_table(const json_t *table)
{
    const json_t *test = json_object_get(table, "test");
    const json_t *valid = json_object_get(table, "validation");
    const json_t *rows = json_object_get(table, "rewarders");
    const char *name = json_string_value(json_object_get(table, "set"));
    tj_cli_progress_end();
    tj_print_text(name, strlen(name));
    printf(" (%s)\n", json_string_value(json_object_get(table, "format")));
    printf("test: %" JSON_INTEGER_FORMAT " problems, %" JSON_INTEGER_FORMAT
           " labelled steps, %" JSON_INTEGER_FORMAT " of them wrong\n",
           count(test, "problems"), count(test, "steps"), count(test, "wrong"));
    printf("validation (thresholds only): %" JSON_INTEGER_FORMAT " problems, %" JSON_INTEGER_FORMAT
           " steps; %" JSON_INTEGER_FORMAT " records refused\n\n",
           count(valid, "problems"), count(valid, "steps"), count(table, "refused"));
    print_steps(rows);
    if (count(test, "solutions") > 0) {
        putchar('\n');
        print_solutions(rows);
    }
    putchar('\n');
    print_notes(rows);
}

/* The row of a table that is of this rewarder; NULL: it has none. */
static const json_t *row_of(const json_t *table, const char *rewarder)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(table, "rewarders"), i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "rewarder")), rewarder) == 0) {
            return row;
        }
    }
    return NULL;
}

/* "57.5 | 22.7": F1 of wrong steps, and of the first wrong one of whole solutions. */
static void print_cell(const json_t *row)
{
    static const char *const figures[] = {"wrong_f1", "first_f1"};
    char parts[2][16];
    char cell[40];
    for (size_t i = 0; i < 2; i++) {
        double x = tj_number(figure(row, figures[i]), "value");
        (void)snprintf(parts[i], sizeof parts[i], isnan(x) ? "-" : "%.1f", 100.0 * x);
    }
    (void)snprintf(cell, sizeof cell, "%s | %s", parts[0], parts[1]);
    printf("%*s", CELL, cell);
}

/* Rewarders by sets, where there are several. */
static void print_together(const json_t *tables)
{
    size_t i;
    size_t k;
    json_t *table;
    json_t *row;
    printf("\n%-*s", NAME_WIDTH, "F1(w) | F1 first");
    json_array_foreach((json_t *)(uintptr_t)tables, i, table)
    {
        char head[32];
        (void)snprintf(head, sizeof head, "[%zu]", i + 1);
        printf("%*s", CELL, head);
    }
    putchar('\n');
    json_array_foreach(json_object_get(json_array_get(tables, 0), "rewarders"), k, row)
    {
        const char *name = json_string_value(json_object_get(row, "rewarder"));
        printf("%-*.*s", NAME_WIDTH, NAME_WIDTH - 1, name);
        json_array_foreach((json_t *)(uintptr_t)tables, i, table)
        {
            print_cell(row_of(table, name));
        }
        putchar('\n');
    }
    json_array_foreach((json_t *)(uintptr_t)tables, i, table)
    {
        const char *name = json_string_value(json_object_get(table, "set"));
        printf("[%zu] ", i + 1);
        tj_print_text(name, strlen(name));
        putchar('\n');
    }
}

/* ------------------------------------------------------------ sets */

#define SET_MARK "set:" /* before the name of a workspace's set */

/* A file, or "set:NAME" of the workspace. */
static tj_code read_labels(evaluation *e, tj_labelled *set, const tj_args *args, const char *name,
                           tj_err *err)
{
    if (strncmp(name, SET_MARK, strlen(SET_MARK)) != 0) {
        return tj_labelled_read(set, name, &e->labels, err);
    }
    tj_store *store = NULL;
    tj_code rc = tj_open_workspace(&store, args, err);
    if (rc == TJ_OK) {
        rc = tj_labelled_from_store(set, store, name + strlen(SET_MARK), e->labels.neutral, err);
    }
    tj_store_close(store);
    return rc;
}

static tj_code evaluate_set(evaluation *e, const tj_args *args, const char *path, bool as_json,
                            tj_err *err)
{
    tj_labelled set = {.n_trees = 0};
    json_t *table = NULL;
    tj_code rc = read_labels(e, &set, args, path, err);
    if (rc == TJ_OK) {
        rc = tj_reward_eval(&table, &set, path, e->contenders, e->rewarders.n, &e->cfg,
                            tj_cli_job(), err);
    }
    tj_labelled_deinit(&set);
    if (rc == TJ_OK && !as_json) {
        printf("%s", json_array_size(e->tables) > 0 ? "\n" : "");
        print_table(table);
    }
    if (rc == TJ_OK && json_array_append(e->tables, table) != 0) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot hold a table");
    }
    json_decref(table);
    return rc;
}

tj_code tj_cmd_reward_eval(const tj_args *args, tj_err *err)
{
    static evaluation e;
    bool as_json = tj_args_has(args, "json");
    e = (evaluation){.tables = json_array()};
    tj_code rc = e.tables == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a table")
                                  : read_settings(&e, args, err);
    if (rc == TJ_OK) {
        rc = open_rewarders(&e, args, err);
    }
    for (size_t i = 0; i < tj_args_n_operands(args) && rc == TJ_OK; i++) {
        rc = evaluate_set(&e, args, tj_args_operand(args, i), as_json, err);
    }
    if (rc == TJ_OK && !as_json && json_array_size(e.tables) > 1) {
        print_together(e.tables);
    }
    if (rc == TJ_OK && as_json) {
        rc = tj_print_json(e.tables, err);
    }
    json_decref(e.tables);
    tj_cli_rewarders_close(&e.rewarders);
    tj_domain_close(&e.domain);
    return rc;
}
