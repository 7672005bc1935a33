/* What happened on the way: the process counts of the arms side by side, by attempt and by
 * difficulty. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "eval/eval.h"
#include "report/report_chart.h"
#include "report/report_data.h"
#include "report/report_html.h"
#include "report/report_sections.h"

#define MAX_ARMS   8 /* columns of the table, lines of a chart */
#define MAX_PLACES TJ_EVAL_MAX_ATTEMPTS

typedef struct arms {
    const json_t *arm[MAX_ARMS];
    const json_t *process[MAX_ARMS];
    size_t n;
} arms;

static void find_arms(arms *out, const json_t *data)
{
    out->n = 0;
    size_t i;
    const json_t *arm;
    json_array_foreach(json_object_get(data, "arms"), i, arm)
    {
        const json_t *process = json_object_get(arm, "process");
        if (json_is_object(process) && out->n < MAX_ARMS) {
            out->arm[out->n] = arm;
            out->process[out->n++] = process;
        }
    }
}

/* ------------------------------------------------------------ the table */

/* A row: `part` in `whole` as a share, or per answer when `per` is set. */
typedef struct metric {
    const char *label;
    const char *part, *whole;
    bool per;
    const char *group; /* a heading before this row */
} metric;

/* Attempts after a backtrack: a whole that is not a count of its own. */
static const char LATER_ATTEMPTS[] = "";

static const metric METRICS[] = {
    {"Correct", "n_correct", "n_answers", false, "The answer"},
    {"Tokens", "n_tokens", "n_answers", true, NULL},
    {"Attempts", "n_attempts", "n_answers", true, NULL},
    {"Cut by the token limit", "n_truncated", "n_answers", false, NULL},
    {"Answers with a wrong result", "n_answers_wrong", "n_answers", false, "Wrong results"},
    {"… recovered: correct in the end", "n_recovered", "n_answers_wrong", false, NULL},
    {"Wrong results", "n_wrong", "n_answers", true, NULL},
    {"… an invalid step", "n_wrong_invalid", "n_wrong", false, NULL},
    {"… valid steps to a wrong end", "n_wrong_end", "n_wrong", false, NULL},
    {"Noticed at once", "n_noticed", "n_wrong", false, "After a wrong result"},
    {"Missed", "n_missed", "n_wrong", false, NULL},
    {"… claimed as success", "n_missed_claimed", "n_wrong", false, NULL},
    {"… went on as if nothing had happened", "n_missed_went_on", "n_wrong", false, NULL},
    {"… but noticed later in the attempt", "n_noticed_late", "n_missed_went_on", false, NULL},
    {"… stopped", "n_missed_stopped", "n_wrong", false, NULL},
    {"Answers that go back", "n_answers_backtrack", "n_answers", false, "Going back"},
    {"Backtracks", "n_backtracks", "n_answers", true, NULL},
    {"Needless: still solvable, or solved", "n_backtracks_needless", "n_backtracks", false, NULL},
    {"Early: a dead branch left before its end", "n_backtracks_early", "n_backtracks", false, NULL},
    {"To a state never visited", "n_backtracks_bad", "n_backtracks", false, NULL},
    {"Repeated branches, of later attempts", "n_repeated", LATER_ATTEMPTS, false, NULL},
    {"False claims of success", "n_false_claims", "n_claims", false, "What it says of itself"},
    {"Calls the goal a failure", "n_false_denials", "n_denials", false, NULL},
};

/* Sum of a list's items from `from` up to (not with) `to`. */
static double list_sum(const json_t *process, const char *key, size_t from, size_t to)
{
    const json_t *list = json_object_get(process, key);
    double sum = 0.0;
    for (size_t i = from; i < to && i < json_array_size(list); i++) {
        sum += json_number_value(json_array_get(list, i));
    }
    return sum;
}

static void metric_rows(tj_buf *out, const arms *a)
{
    for (size_t m = 0; m < sizeof METRICS / sizeof METRICS[0]; m++) {
        const metric *row = &METRICS[m];
        if (row->group != NULL) {
            tj_buf_printf(out,
                          "%s<tbody class=\"group\"><tr><th scope=\"rowgroup\" colspan=\"%zu\">%s"
                          "</th></tr>\n",
                          m > 0 ? "</tbody>\n" : "", a->n + 1, row->group);
        }
        tj_buf_printf(out, "<tr><th scope=\"row\" class=\"wide\">%s%s</th>", row->label,
                      row->per ? " an answer" : "");
        for (size_t i = 0; i < a->n; i++) {
            double part = tj_data_number(a->process[i], row->part);
            double whole = row->whole == LATER_ATTEMPTS
                               ? list_sum(a->process[i], "tried", 1, SIZE_MAX)
                               : tj_data_number(a->process[i], row->whole);
            tj_buf_str(out, "<td class=\"n\">");
            if (row->per) {
                tj_html_number(out, whole > 0.0 ? part / whole : (double)NAN, 2);
            } else {
                tj_html_share_of(out, part, whole);
            }
            tj_buf_str(out, "</td>");
        }
        tj_buf_str(out, "</tr>\n");
    }
    tj_buf_str(out, "</tbody>\n");
}

static void attempt_rows(tj_buf *out, const arms *a)
{
    const struct {
        const char *label;
        size_t from, to;
    } rows[] = {{"First attempt", 0, 1},
                {"Second: right after a backtrack", 1, 2},
                {"Third", 2, 3},
                {"Later", 3, SIZE_MAX}};
    tj_buf_printf(out,
                  "<tbody class=\"group\"><tr><th scope=\"rowgroup\" colspan=\"%zu\">Attempts that "
                  "succeed</th></tr>\n",
                  a->n + 1);
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        tj_buf_printf(out, "<tr><th scope=\"row\">%s</th>", rows[r].label);
        for (size_t i = 0; i < a->n; i++) {
            tj_buf_str(out, "<td class=\"n\">");
            tj_html_share_of(out, list_sum(a->process[i], "succeeded", rows[r].from, rows[r].to),
                             list_sum(a->process[i], "tried", rows[r].from, rows[r].to));
            tj_buf_str(out, "</td>");
        }
        tj_buf_str(out, "</tr>\n");
    }
    tj_buf_str(out, "</tbody>\n");
}

/* Heads cannot go through tj_html_table_begin's list, since labels may hold any character. */
static void metrics_table(tj_buf *out, const arms *a)
{
    static const char caption[] = "Process metrics, all seeds together";
    tj_buf_printf(out,
                  "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table>"
                  "<caption>%s</caption>\n<thead><tr><th scope=\"col\">Metric</th>",
                  caption, caption);
    for (size_t i = 0; i < a->n; i++) {
        tj_buf_str(out, "<th scope=\"col\" class=\"n\">");
        tj_mark_inline(out, tj_data_family(tj_data_text(a->arm[i], "key")), false);
        tj_html_str(out, tj_data_text(a->arm[i], "label"));
        tj_buf_str(out, "</th>");
    }
    tj_buf_str(out, "</tr></thead>\n");
    metric_rows(out, a);
    attempt_rows(out, a);
    tj_html_table_end(out);
}

/* ------------------------------------------------------------ the charts */

/* Values of up to MAX_ARMS arms at up to MAX_PLACES attempts. */
typedef struct ordinal {
    tj_tick ticks[MAX_PLACES];
    double x[MAX_PLACES];
    double y[MAX_ARMS][MAX_PLACES];
    tj_series series[MAX_ARMS];
    size_t n_places;
    double max;
} ordinal;

static void place(ordinal *o, size_t i)
{
    o->x[i] = ((double)i + 0.5) / (double)o->n_places;
    o->ticks[i].at = o->x[i];
    bool pooled = i + 1 == TJ_EVAL_MAX_ATTEMPTS;
    (void)snprintf(o->ticks[i].label, sizeof o->ticks[i].label, "%zu%s", i + 1, pooled ? "+" : "");
}

static void set_value(ordinal *o, size_t arm, size_t place, double part, double whole)
{
    o->y[arm][place] = whole > 0.0 ? part / whole : (double)NAN;
    o->max = whole > 0.0 ? fmax(o->max, part / whole) : o->max;
}

static void draw_ordinal(tj_buf *out, ordinal *o, const arms *a, const char *title,
                         const char *x_name)
{
    size_t n_dashed[MAX_ARMS] = {0};
    for (size_t i = 0; i < a->n; i++) {
        const char *family = tj_data_family(tj_data_text(a->arm[i], "key"));
        for (size_t j = 0; j < i; j++) {
            n_dashed[i] += strcmp(o->series[j].family, family) == 0;
        }
        o->series[i] = (tj_series){.family = family,
                                   .label = tj_data_text(a->arm[i], "label"),
                                   .x = o->x,
                                   .y = o->y[i],
                                   .n = o->n_places,
                                   .dash = n_dashed[i],
                                   .marks = true};
    }
    tj_plot plot = {.title = title,
                    .subtitle = "",
                    .x_name = x_name,
                    .caption = "",
                    .x_ticks = o->ticks,
                    .n_x_ticks = o->n_places,
                    .series = o->series,
                    .n_series = a->n};
    tj_scale_linear(&plot.y, 0.0, o->max, true, TJ_UNIT_PERCENT);
    tj_plot_draw(out, &plot);
}

static void by_attempt(tj_buf *out, ordinal *o, const arms *a)
{
    *o = (ordinal){.n_places = 0};
    for (size_t i = 0; i < a->n; i++) { /* places that any arm has reached */
        const json_t *tried = json_object_get(a->process[i], "tried");
        for (size_t k = 0; k < json_array_size(tried) && k < MAX_PLACES; k++) {
            if (json_number_value(json_array_get(tried, k)) > 0.0 && k + 1 > o->n_places) {
                o->n_places = k + 1;
            }
        }
    }
    if (o->n_places < 2) {
        return; /* nobody went back */
    }
    for (size_t k = 0; k < o->n_places; k++) {
        place(o, k);
        for (size_t i = 0; i < a->n; i++) {
            set_value(o, i, k, list_sum(a->process[i], "succeeded", k, k + 1),
                      list_sum(a->process[i], "tried", k, k + 1));
        }
    }
    draw_ordinal(out, o, a, "Attempts that succeed, by their place",
                 "attempt (2: right after the first backtrack)");
}

static const json_t *strata_of(const json_t *process)
{
    return json_object_get(process, "by_difficulty");
}

/* Share of correct answers of every arm, a row a stratum: its names are too long for an axis. */
static void by_difficulty(tj_buf *out, const arms *a)
{
    tj_dot dots[MAX_ARMS];
    const json_t *longest = NULL;
    double max = 0.0;
    for (size_t i = 0; i < a->n; i++) {
        const json_t *strata = strata_of(a->process[i]);
        longest = json_array_size(strata) > json_array_size(longest) ? strata : longest;
        dots[i] = (tj_dot){.family = tj_data_family(tj_data_text(a->arm[i], "key")),
                           .label = tj_data_text(a->arm[i], "label")};
        size_t k;
        const json_t *stratum;
        json_array_foreach(strata, k, stratum)
        {
            max = fmax(max, tj_data_number(stratum, "accuracy"));
        }
    }
    if (json_array_size(longest) < 2) {
        return;
    }
    tj_scale scale;
    tj_scale_linear(&scale, 0.0, max, true, TJ_UNIT_PERCENT);
    tj_dots_begin(out, "Correct, by difficulty", dots, a->n);
    for (size_t k = 0; k < json_array_size(longest); k++) {
        bool any = false; /* a stratum may have no test problem */
        for (size_t i = 0; i < a->n; i++) {
            dots[i].value = tj_data_number(json_array_get(strata_of(a->process[i]), k), "accuracy");
            any = any || isfinite(dots[i].value);
        }
        if (any) {
            tj_dots_row(out, &scale, tj_data_text(json_array_get(longest, k), "name"), NULL, dots,
                        a->n);
        }
    }
    tj_rows_end(out, &scale, "");
}

static void strata_table(tj_buf *out, const arms *a)
{
    tj_buf_str(out, "<details class=\"box\"><summary>By difficulty, in numbers</summary>"
                    "<div class=\"inside\">\n");
    tj_html_table_begin(out, "By difficulty",
                        "Difficulty|Arm|#Correct|#Noticed|#Recovered|#Needless backtracks", false);
    tj_buf_str(out, "<tbody>\n");
    for (size_t i = 0; i < a->n; i++) {
        size_t k;
        const json_t *stratum;
        json_array_foreach(strata_of(a->process[i]), k, stratum)
        {
            const struct {
                const char *part, *whole;
            } cells[] = {{"n_correct", "n_answers"},
                         {"n_noticed", "n_wrong"},
                         {"n_recovered", "n_answers_wrong"},
                         {"n_backtracks_needless", "n_backtracks"}};
            tj_buf_str(out, "<tr><th scope=\"row\">");
            tj_html_str(out, tj_data_text(stratum, "name"));
            tj_buf_str(out, "</th><td>");
            tj_html_str(out, tj_data_text(a->arm[i], "label"));
            tj_buf_str(out, "</td>");
            for (size_t c = 0; c < sizeof cells / sizeof cells[0]; c++) {
                tj_buf_str(out, "<td class=\"n\">");
                tj_html_share_of(out, tj_data_number(stratum, cells[c].part),
                                 tj_data_number(stratum, cells[c].whole));
                tj_buf_str(out, "</td>");
            }
            tj_buf_str(out, "</tr>\n");
        }
    }
    tj_buf_str(out, "</tbody>");
    tj_html_table_end(out);
    tj_buf_str(out, "</div></details>\n");
}

void tj_section_process(tj_buf *out, const json_t *data)
{
    arms a;
    find_arms(&a, data);
    ordinal *o = a.n == 0 ? NULL : tj_calloc(1, sizeof *o);
    if (o == NULL) {
        out->failed = out->failed || a.n > 0;
        return;
    }
    tj_section_begin(out, "process", "What happens on the way");
    tj_buf_str(
        out, "<p class=\"lead\">The verifier reads every answer line by line. A <em>wrong "
             "result</em> is the first step of an attempt that is invalid, or that ends where the "
             "goal is not; it is <em>noticed</em> if the next thing said is that it failed, or to "
             "go back. A backtrack is <em>needless</em> if nothing was wrong and the goal could "
             "still be reached.</p>\n<div class=\"figures\">\n");
    by_difficulty(out, &a);
    by_attempt(out, o, &a);
    tj_buf_str(out, "</div>\n");
    metrics_table(out, &a);
    strata_table(out, &a);
    tj_section_end(out);
    tj_free(o);
}
