/* Long thoughts in numbers: the table of the O1 Replication Journey and what spans say beyond it,
 * a box a run. What is drawn stands in words and numbers beside the drawing. The statistics are
 * thought/stats.h's and are looked up as they are; what is missing is left out. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/report_chart.h"
#include "report/report_data.h"
#include "report/report_html.h"
#include "report/report_sections.h"

#define MAX_GROUPS 24 /* rows of a table, lines of a chart */

static const json_t *at(const json_t *json, const char *a, const char *b)
{
    const json_t *one = json_object_get(json, a);
    return b == NULL ? one : json_object_get(one, b);
}

static const char *group_name(const json_t *group)
{
    return tj_data_text(group, "group");
}

/* ------------------------------------------------------------ lengths */

static void number_cell(tj_buf *out, const json_t *value, int n_decimals)
{
    tj_buf_str(out, "<td class=\"n\">");
    tj_html_number(out, json_is_number(value) ? json_number_value(value) : (double)NAN, n_decimals);
    tj_buf_str(out, "</td>");
}

/* A row a group, as many as there is room for; its cells are the caller's. */
static void groups_table(tj_buf *out, const char *title, const char *head, const json_t *groups,
                         void (*write_cells)(tj_buf *out, const json_t *group))
{
    tj_html_table_begin(out, title, head, false);
    tj_buf_str(out, "<tbody>\n");
    for (size_t i = 0; i < json_array_size(groups) && i < MAX_GROUPS; i++) {
        const json_t *g = json_array_get(groups, i);
        tj_buf_str(out, "<tr><th scope=\"row\">");
        tj_html_str(out, group_name(g));
        tj_buf_str(out, "</th>");
        write_cells(out, g);
        tj_buf_str(out, "</tr>\n");
    }
    tj_buf_str(out, "</tbody>");
    tj_html_table_end(out);
}

static void length_cells(tj_buf *out, const json_t *g)
{
    tj_buf_str(out, "<td class=\"n\">");
    tj_html_count(out, tj_data_number(g, "records"));
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_share_of(out, tj_data_number(g, "right"), tj_data_number(g, "judged"));
    tj_buf_str(out, "</td>");
    number_cell(out, at(g, "tokens", "mean"), 1);
    number_cell(out, at(g, "words", "mean"), 1);
    number_cell(out, at(g, "lines", "mean"), 1);
    number_cell(out, at(g, "words_per_line", "mean"), 1);
    number_cell(out, at(g, "backtracks_per_record", "mean"), 2);
}

static void lengths_table(tj_buf *out, const json_t *groups)
{
    groups_table(out, "Lengths: means a thought",
                 "Group|#Thoughts|#Right|#Tokens|#Words|#Lines|#Words a line|#Ways back", groups,
                 length_cells);
}

/* A line a level: the median length, and from it to the shortest and longest tenth. */
static void length_chart(tj_buf *out, const json_t *stats)
{
    const json_t *groups = json_object_get(stats, "groups");
    const json_t *levels[MAX_GROUPS];
    size_t n = 0;
    size_t i;
    const json_t *g;
    double most = 0.0;
    bool in_tokens = json_integer_value(at(json_array_get(groups, 0), "tokens", "n")) > 0;
    const char *what = in_tokens ? "tokens" : "words";
    json_array_foreach(groups, i, g)
    {
        if (strncmp(group_name(g), "level ", 6) == 0 && n < MAX_GROUPS) {
            double high = tj_data_number(json_object_get(g, what), "p90");
            most = isfinite(high) ? fmax(most, high) : most;
            levels[n++] = g;
        }
    }
    if (n == 0 || !(most > 0.0)) {
        return;
    }
    tj_scale scale;
    char caption[200];
    double spearman =
        tj_data_number(json_object_get(json_object_get(stats, "difficulty"), what), "spearman");
    tj_scale_linear(&scale, 0.0, most, true, TJ_UNIT_PLAIN);
    tj_rows_begin(out, "Length against difficulty");
    for (size_t k = 0; k < n; k++) {
        const json_t *length = json_object_get(levels[k], what);
        char detail[48];
        snprintf(detail, sizeof detail, "%lld thoughts",
                 (long long)json_integer_value(json_object_get(levels[k], "records")));
        tj_row row = {.family = "journey",
                      .label = group_name(levels[k]) + strlen("level "),
                      .detail = detail,
                      .value = tj_data_number(length, "median"),
                      .low = tj_data_number(length, "p10"),
                      .high = tj_data_number(length, "p90")};
        if (isfinite(row.value)) {
            tj_rows_row(out, &scale, &row);
        }
    }
    int used = snprintf(caption, sizeof caption,
                        "Median of the %s, with the range of the middle eight tenths.", what);
    if (isfinite(spearman) && used > 0) {
        snprintf(caption + used, sizeof caption - (size_t)used,
                 " Rank correlation with the level's number (Spearman): %.2f.", spearman);
    }
    tj_rows_end(out, &scale, caption);
}

/* ------------------------------------------------------------ bars */

typedef struct bar {
    const char *label, *detail, *family;
    double value;
} bar;

static void bars(tj_buf *out, const char *title, const bar *all, size_t n, const char *caption)
{
    double most = 0.0;
    for (size_t i = 0; i < n; i++) {
        most = isfinite(all[i].value) ? fmax(most, all[i].value) : most;
    }
    if (!(most > 0.0)) {
        return;
    }
    tj_scale scale;
    tj_scale_linear(&scale, 0.0, most, true, TJ_UNIT_PLAIN);
    tj_rows_begin(out, title);
    for (size_t i = 0; i < n; i++) {
        tj_row row = {.family = all[i].family,
                      .bar = true,
                      .label = all[i].label,
                      .detail = all[i].detail,
                      .value = round(100.0 * all[i].value) / 100.0};
        if (isfinite(row.value)) {
            tj_rows_row(out, &scale, &row);
        }
    }
    tj_rows_end(out, &scale, caption);
}

static void actions_chart(tj_buf *out, const json_t *all)
{
    static const char *const names[] = {"propose",   "continue", "reflect",
                                        "backtrack", "verify",   "conclude"};
    static const char *const families[] = {"shortcut", "shortcut", "journey",
                                           "journey",  "journey",  "base"};
    bar list[6];
    char details[6][32];
    for (size_t i = 0; i < 6; i++) {
        const json_t *one = at(all, "actions", names[i]);
        double share = tj_data_number(one, "share");
        snprintf(details[i], sizeof details[i], "%.1f%% of text",
                 isfinite(share) ? 100.0 * share : 0.0);
        list[i] = (bar){names[i], details[i], families[i], tj_data_number(one, "per_record")};
    }
    bars(out, "Actions, spans a thought", list, 6,
         "Counted on spans; beside each name its share of the text.");
}

static void backtracks_chart(tj_buf *out, const json_t *all)
{
    const json_t *b = json_object_get(all, "backtracks");
    const bar list[] = {{"justified", NULL, "journey", tj_data_number(b, "justified")},
                        {"needless", NULL, "shortcut", tj_data_number(b, "needless")},
                        {"not judged", NULL, "other", tj_data_number(b, "unjudged")},
                        {"unexplained", NULL, "base", tj_data_number(b, "unexplained_jumps")}};
    bars(
        out, "Ways back, by kind", list, sizeof list / sizeof list[0],
        "Justified: a step of the attempt was wrong. Needless: all were right. Not judged: nothing "
        "wrong is known, and not all is known to be right. Unexplained: a new beginning without a "
        "word before it.");
}

/* ------------------------------------------------------------ keywords */

static void keywords_table(tj_buf *out, const json_t *all)
{
    json_t *keywords = json_object_get(all, "keywords");
    double records = tj_data_number(all, "records");
    const char *word;
    const json_t *count;
    bool any = false;
    json_object_foreach(keywords, word, count)
    {
        any = any || json_integer_value(count) > 0;
    }
    if (!any) {
        return;
    }
    tj_html_table_begin(out, "Keywords", "Keyword|#Times|#A thought", true);
    tj_buf_str(out, "<tbody>\n");
    json_object_foreach(keywords, word, count)
    {
        if (json_integer_value(count) > 0) {
            tj_buf_str(out, "<tr><th scope=\"row\">");
            tj_html_str(out, word);
            tj_buf_str(out, "</th><td class=\"n\">");
            tj_html_count(out, json_number_value(count));
            tj_buf_str(out, "</td><td class=\"n\">");
            tj_html_number(out, records > 0.0 ? json_number_value(count) / records : (double)NAN,
                           2);
            tj_buf_str(out, "</td></tr>\n");
        }
    }
    tj_buf_str(out, "</tbody>");
    tj_html_table_end(out);
}

/* ------------------------------------------------------------ process, by group */

/* What a column of the process table is. */
typedef struct column {
    const char *part, *key;
    bool share;
} column;

static void process_cells(tj_buf *out, const json_t *g)
{
    static const column columns[] = {
        {"backtracks", "needless_share", true}, {"noticing", "noticed_share", true},
        {"noticing", "lag_steps", false},       {"noticing", "recovery_rate", true},
        {"choices", "regret_continued", false}, {"choices", "regret_left", false},
        {"redundancy", "repeated_lines", true}, {"redundancy", "repeated_runs_of_4", true}};
    for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
        double value = tj_data_number(json_object_get(g, columns[c].part), columns[c].key);
        tj_buf_str(out, "<td class=\"n\">");
        if (columns[c].share) {
            tj_html_percent(out, value);
        } else {
            tj_html_number(out, value, 2);
        }
        tj_buf_str(out, "</td>");
    }
}

static void process_table(tj_buf *out, const json_t *groups)
{
    groups_table(out, "On the way",
                 "Group|#Needless ways back|#Wrong attempts noticed|#Steps to the notice|"
                 "#Recovery|#Regret of going on|#Regret of going back|#Repeated lines|"
                 "#Repeated runs of words",
                 groups, process_cells);
    tj_buf_str(out, "<p class=\"small soft\">Recovery: of thoughts that erred and whose answer is "
                    "judged, those that are right in the end. Regret: the best value among the "
                    "places at hand less that of where one goes on, where values are known.</p>\n");
}

/* ------------------------------------------------------------ reflection and rules */

static void reflection_row(tj_buf *out, const json_t *g)
{
    tj_buf_str(out, "<tr><th scope=\"row\">");
    tj_html_str(out, tj_data_text(g, "run"));
    tj_buf_str(out, "</th>");
    number_cell(out, json_object_get(g, "z"), 1);
    number_cell(out, json_object_get(g, "in_reflection"), 0);
    number_cell(out, json_object_get(g, "elsewhere"), 0);
    number_cell(out, json_object_get(g, "per_1000_right"), 2);
    number_cell(out, json_object_get(g, "per_1000_wrong"), 2);
    tj_buf_str(out, "</tr>\n");
}

static void reflection_tables(tj_buf *out, const json_t *stats)
{
    static const char *const codes[] = {"en", "ja", "zh"};
    static const char *const captions[] = {"Words that mark reflection, English",
                                           "Words that mark reflection, Japanese",
                                           "Words that mark reflection, Chinese"};
    for (size_t l = 0; l < 3; l++) {
        const json_t *list = at(stats, "reflection", codes[l]);
        if (json_array_size(list) == 0) {
            continue;
        }
        tj_html_table_of(out, captions[l],
                         "Run of words|#z|#In reflection|#Elsewhere|#A 1000 words, right|"
                         "#A 1000 words, wrong",
                         true, list, reflection_row);
    }
}

static void rules_table(tj_buf *out, const json_t *stats)
{
    const json_t *rules = json_object_get(stats, "rules");
    const char *name;
    const json_t *one;
    size_t n_by_rules = tj_data_size(stats, "spans_by_rules");
    if (n_by_rules > 0) {
        tj_buf_printf(out, "<p>The spans of %zu of %zu thoughts are found by rules.</p>\n",
                      n_by_rules, tj_data_size(stats, "records"));
    }
    if (tj_data_size(rules, "records") == 0) {
        return;
    }
    tj_html_table_begin(out, "How far rules find the spans that are known here, by bytes",
                        "Called|#Precision|#Recall|#Spans|#Found", false);
    tj_buf_str(out, "<tbody>\n");
    json_object_foreach(json_object_get(rules, "actions"), name, one)
    {
        tj_buf_str(out, "<tr><th scope=\"row\">");
        tj_html_str(out, name);
        tj_buf_str(out, "</th><td class=\"n\">");
        tj_html_percent(out, tj_data_number(one, "precision"));
        tj_buf_str(out, "</td><td class=\"n\">");
        tj_html_percent(out, tj_data_number(one, "recall"));
        tj_buf_str(out, "</td>");
        number_cell(out, json_object_get(one, "spans"), 0);
        number_cell(out, json_object_get(one, "found"), 0);
        tj_buf_str(out, "</tr>\n");
    }
    tj_buf_str(out, "</tbody>");
    tj_html_table_end(out);
}

/* ------------------------------------------------------------ the section */

static void one_run(tj_buf *out, const json_t *entry, bool open)
{
    const json_t *stats = json_object_get(entry, "stats");
    const json_t *groups = json_object_get(stats, "groups");
    const json_t *all = json_array_get(groups, 0);
    tj_buf_printf(out, "<details class=\"box\"%s><summary><b>", open ? " open" : "");
    tj_html_str(out, tj_data_text(entry, "name"));
    tj_buf_str(out, "</b> <span class=\"soft\">");
    tj_html_count(out, tj_data_number(entry, "n"));
    tj_buf_printf(out, " thoughts, run %lld</span></summary><div class=\"inside\">\n",
                  (long long)json_integer_value(json_object_get(entry, "run")));
    lengths_table(out, groups);
    length_chart(out, stats);
    actions_chart(out, all);
    backtracks_chart(out, all);
    process_table(out, groups);
    keywords_table(out, all);
    reflection_tables(out, stats);
    rules_table(out, stats);
    tj_buf_str(out, "</div></details>\n");
}

void tj_section_thoughts(tj_buf *out, const json_t *data)
{
    const json_t *list = json_object_get(data, "thoughts");
    size_t i;
    const json_t *entry;
    if (json_array_size(list) == 0) {
        return;
    }
    tj_section_begin(out, "thoughts", "Long thoughts in numbers");
    tj_buf_str(
        out, "<p class=\"lead\">Every character of a thought belongs to a span that knows what it "
             "does. A step is wrong when it is marked invalid or dead; what has no mark is not "
             "judged.</p>\n");
    json_array_foreach(list, i, entry)
    {
        one_run(out, entry, i == 0);
    }
    tj_section_end(out);
}
