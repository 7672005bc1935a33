/* thought stats: the statistics' JSON as tables of 80 columns. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/common.h"
#include "cli/flow.h"
#include "text/text.h"

#define MAX_GROUP_ROWS 24

static tj_code add(void *ctx, tj_record *record, const char *where, tj_err *err)
{
    tj_stats *stats = ctx;
    tj_code rc = tj_stats_add(stats, record, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s", where);
    }
    return rc;
}

/* ------------------------------------------------------------------ cells */

static const json_t *at(const json_t *json, const char *a, const char *b)
{
    const json_t *one = json_object_get(json, a);
    return b == NULL ? one : json_object_get(one, b);
}

/* A number right-aligned; "-" where there is none. */
static void cell(int width, int digits, const json_t *value)
{
    if (json_is_integer(value)) {
        printf(" %*lld", width, (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        printf(" %*.*f", width, digits, json_real_value(value));
    } else {
        printf(" %*s", width, "-");
    }
}

static void percent(int width, const json_t *value)
{
    if (json_is_number(value)) {
        printf(" %*.1f%%", width - 1, 100.0 * json_number_value(value));
    } else {
        printf(" %*s", width, "-");
    }
}

/* Columns that a text takes on a terminal: two for what is wide in East Asian scripts. */
static size_t columns_of(const char *text, size_t n)
{
    size_t columns = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        columns += (c & 0xC0) != 0x80 ? 1 : 0;
        columns += c >= 0xE3 && c <= 0xED ? 1 : 0; /* U+3000 to U+DFFF */
    }
    return columns;
}

/* A text padded, or cut at a character, to a width. */
static void label(size_t width, const char *text)
{
    size_t n = strlen(text);
    while (columns_of(text, n) > width && n > 0) {
        n--;
        while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) {
            n--;
        }
    }
    tj_print_text(text, n);
    for (size_t i = columns_of(text, n); i < width; i++) {
        putchar(' ');
    }
}

/* ------------------------------------------------------------------ tables */

static void print_lengths(const json_t *groups)
{
    size_t i;
    const json_t *g;
    printf("%-20s %7s %7s %7s %7s %7s %7s %8s\n", "", "records", "right", "tokens", "words",
           "lines", "w/line", "backs");
    json_array_foreach(groups, i, g)
    {
        if (i == MAX_GROUP_ROWS) {
            printf("... %zu groups more (--json has them)\n", json_array_size(groups) - i);
            break;
        }
        label(20, json_string_value(json_object_get(g, "group")));
        cell(7, 0, at(g, "records", NULL));
        json_int_t judged = json_integer_value(at(g, "judged", NULL));
        json_t *right =
            judged > 0
                ? json_real((double)json_integer_value(at(g, "right", NULL)) / (double)judged)
                : json_null();
        percent(7, right);
        json_decref(right);
        cell(7, 1, at(g, "tokens", "mean"));
        cell(7, 1, at(g, "words", "mean"));
        cell(7, 1, at(g, "lines", "mean"));
        cell(7, 1, at(g, "words_per_line", "mean"));
        cell(8, 2, at(g, "backtracks_per_record", "mean"));
        putchar('\n');
    }
}

static void print_keywords(const json_t *all)
{
    const char *word;
    const json_t *count;
    size_t n = 0;
    double records = json_number_value(at(all, "records", NULL));
    printf("\nKeywords, times in all and a record\n");
    json_object_foreach((json_t *)(uintptr_t)json_object_get(all, "keywords"), word, count)
    {
        if (json_integer_value(count) > 0) {
            label(14, word);
            printf("%6lld %5.2f%s", (long long)json_integer_value(count),
                   json_number_value(count) / records, n % 3 == 2 ? "\n" : " ");
            n++;
        }
    }
    printf("%s", n == 0 ? "none\n" : n % 3 == 0 ? "" : "\n");
}

static void print_actions(const json_t *all)
{
    const char *name;
    const json_t *a;
    printf("\n%-12s %8s %10s %8s\n", "Action", "spans", "a record", "of text");
    json_object_foreach((json_t *)(uintptr_t)json_object_get(all, "actions"), name, a)
    {
        printf("%-12s", name);
        cell(8, 0, at(a, "spans", NULL));
        cell(10, 2, at(a, "per_record", NULL));
        percent(8, at(a, "share", NULL));
        putchar('\n');
    }
}

static void line(const char *text, int digits, const json_t *value)
{
    printf("%-52s", text);
    cell(10, digits, value);
    putchar('\n');
}

static void share_line(const char *text, const json_t *value)
{
    printf("%-52s", text);
    percent(10, value);
    putchar('\n');
}

static void print_process(const json_t *all)
{
    printf("\nWays back\n");
    line("  in all", 0, at(all, "backtracks", "n"));
    line("  justified: a step of the attempt was wrong", 0, at(all, "backtracks", "justified"));
    line("  needless: all its steps were right", 0, at(all, "backtracks", "needless"));
    line("  not judged: steps without marks", 0, at(all, "backtracks", "unjudged"));
    line("  new beginnings that nothing explains", 0, at(all, "backtracks", "unexplained_jumps"));
    printf("Noticing\n");
    line("  attempts with a wrong step", 0, at(all, "noticing", "wrong_attempts"));
    share_line("  noticed before the next attempt", at(all, "noticing", "noticed_share"));
    line("  steps from the first wrong one to its notice", 2, at(all, "noticing", "lag_steps"));
    line("  words in them", 1, at(all, "noticing", "lag_words"));
    share_line("  recovery: of thoughts that erred, right in the end",
               at(all, "noticing", "recovery_rate"));
    printf("Choices where values are known\n");
    line("  in all", 0, at(all, "choices", "n"));
    line("  mean regret", 3, at(all, "choices", "regret"));
    line("  of going on", 3, at(all, "choices", "regret_continued"));
    line("  of going back", 3, at(all, "choices", "regret_left"));
    printf("Redundancy\n");
    share_line("  lines that stood there before", at(all, "redundancy", "repeated_lines"));
    share_line("  runs of four words that stood there before",
               at(all, "redundancy", "repeated_runs_of_4"));
    share_line("  attempts made before", at(all, "redundancy", "repeated_attempts"));
}

/* The same for each group, where there are several: shares and means. */
static void print_process_groups(const json_t *groups)
{
    size_t i;
    const json_t *g;
    if (json_array_size(groups) < 2) {
        return;
    }
    printf("\n%-20s %8s %8s %6s %8s %8s %7s %7s\n", "", "needless", "noticed", "lag", "recover",
           "on", "back", "repeat");
    json_array_foreach(groups, i, g)
    {
        if (i == MAX_GROUP_ROWS) {
            break;
        }
        label(20, json_string_value(json_object_get(g, "group")));
        percent(8, at(g, "backtracks", "needless_share"));
        percent(8, at(g, "noticing", "noticed_share"));
        cell(6, 2, at(g, "noticing", "lag_steps"));
        percent(8, at(g, "noticing", "recovery_rate"));
        cell(8, 3, at(g, "choices", "regret_continued"));
        cell(7, 3, at(g, "choices", "regret_left"));
        percent(7, at(g, "redundancy", "repeated_runs_of_4"));
        putchar('\n');
    }
    printf("on, back: regret of going on and of going back\n");
}

static void print_difficulty(const json_t *json)
{
    const json_t *d = json_object_get(json, "difficulty");
    if (json_integer_value(at(d, "words", "n")) > 2) {
        printf("\nAgainst the number in the level (Spearman): tokens");
        cell(6, 2, at(d, "tokens", "spearman"));
        printf(", words");
        cell(6, 2, at(d, "words", "spearman"));
        printf(",\nways back");
        cell(6, 2, at(d, "backtracks", "spearman"));
        putchar('\n');
    }
}

static void print_reflection(const json_t *json)
{
    static const char *const names[] = {"English", "Japanese", "Chinese"};
    static const char *const codes[] = {"en", "ja", "zh"};
    size_t i;
    const json_t *g;
    for (size_t l = 0; l < 3; l++) {
        const json_t *list = json_object_get(json_object_get(json, "reflection"), codes[l]);
        if (json_array_size(list) == 0) {
            continue;
        }
        printf("\nRuns of words that mark reflection, %s\n%-32s %7s %8s %8s %9s %9s\n", names[l],
               "", "z", "reflect", "else", "/1k right", "/1k wrong");
        json_array_foreach(list, i, g)
        {
            label(32, json_string_value(json_object_get(g, "run")));
            cell(7, 1, at(g, "z", NULL));
            cell(8, 0, at(g, "in_reflection", NULL));
            cell(8, 0, at(g, "elsewhere", NULL));
            cell(9, 2, at(g, "per_1000_right", NULL));
            cell(9, 2, at(g, "per_1000_wrong", NULL));
            putchar('\n');
        }
    }
}

static void print_rules(const json_t *json)
{
    const json_t *rules = json_object_get(json, "rules");
    const char *name;
    const json_t *a;
    json_int_t n = json_integer_value(json_object_get(json, "spans_by_rules"));
    if (n > 0) {
        printf("\nThe spans of %lld of %lld records are found by rules.\n", (long long)n,
               (long long)json_integer_value(json_object_get(json, "records")));
    }
    if (json_integer_value(json_object_get(rules, "records")) == 0) {
        return;
    }
    printf("\nThe rules against the spans of %lld records, by bytes\n%-12s %10s %10s %8s %8s\n",
           (long long)json_integer_value(json_object_get(rules, "records")), "", "precision",
           "recall", "spans", "found");
    json_object_foreach((json_t *)(uintptr_t)json_object_get(rules, "actions"), name, a)
    {
        printf("%-12s", name);
        percent(10, at(a, "precision", NULL));
        percent(10, at(a, "recall", NULL));
        cell(8, 0, at(a, "spans", NULL));
        cell(8, 0, at(a, "found", NULL));
        putchar('\n');
    }
}

static void print_all(const json_t *json)
{
    const json_t *groups = json_object_get(json, "groups");
    const json_t *all = json_array_get(groups, 0);
    print_lengths(groups);
    print_difficulty(json);
    print_keywords(all);
    print_actions(all);
    print_process(all);
    print_process_groups(groups);
    print_reflection(json);
    print_rules(json);
}

tj_code tj_cmd_thought_stats(const tj_args *args, tj_err *err)
{
    const char *keywords[TJ_MAX_KEYWORDS];
    tj_stats_config cfg;
    tj_stats *stats = NULL;
    json_t *json = NULL;
    tj_cli_flow flow = {.store = NULL};
    int64_t source;
    tj_stats_config_default(&cfg);
    for (size_t i = 0; tj_args_nth(args, "keyword", i) != NULL; i++) {
        if (i == TJ_MAX_KEYWORDS) {
            return tj_fail(err, TJ_E_INVAL, "--keyword: at most %d", TJ_MAX_KEYWORDS);
        }
        keywords[i] = tj_args_nth(args, "keyword", i);
        cfg.keywords = keywords;
        cfg.n_keywords = i + 1;
    }
    cfg.by_rules = tj_args_has(args, "by-rules");
    tj_code rc = tj_args_size(args, "max-run", cfg.max_gram, 6, &cfg.max_gram, err);
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "top", cfg.n_top, 10000, &cfg.n_top, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "min-count", cfg.min_count, SIZE_MAX, &cfg.min_count, err);
    }
    if (rc == TJ_OK) {
        rc = tj_stats_create(&stats, &cfg, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_flow_read(&flow, args, false, &source, add, stats, NULL, err);
    }
    if (rc == TJ_OK) {
        rc = tj_stats_json(stats, &json, err);
    }
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        rc = tj_print_json(json, err);
    } else if (rc == TJ_OK) {
        print_all(json);
    }
    json_decref(json);
    tj_stats_destroy(stats);
    tj_cli_flow_close(&flow);
    return rc;
}
