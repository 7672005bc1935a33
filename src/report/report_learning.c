/* The data, and how the models learned from them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "report/report_chart.h"
#include "report/report_data.h"
#include "report/report_html.h"
#include "report/report_sections.h"

/* ------------------------------------------------------------ data */

static void problem_sets(tj_buf *out, const json_t *data)
{
    const json_t *sets = json_object_get(json_object_get(data, "data"), "sets");
    size_t i;
    const json_t *set;
    bool digests = false;
    json_array_foreach(sets, i, set)
    {
        digests = digests || tj_data_has(set, "digest");
    }
    tj_html_table_begin(out, "Problem sets",
                        digests ? "Set|Split|#Problems|What it is for|Digest"
                                : "Set|Split|#Problems|What it is for",
                        false);
    tj_buf_str(out, "<tbody>\n");
    json_array_foreach(sets, i, set)
    {
        tj_buf_str(out, "<tr><th scope=\"row\">");
        tj_html_str(out, tj_data_text(set, "name"));
        tj_buf_str(out, "</th><td>");
        tj_html_str(out, tj_data_text(set, "split"));
        tj_buf_str(out, "</td><td class=\"n\">");
        tj_html_count(out, tj_data_number(set, "n"));
        tj_buf_str(out, "</td><td class=\"text\">");
        tj_html_str(out, tj_data_text(set, "what"));
        if (digests) {
            tj_buf_str(out, "</td><td>");
            tj_html_digest(out, tj_data_text(set, "digest"));
        }
        tj_buf_str(out, "</td></tr>\n");
    }
    tj_buf_str(out, "</tbody>");
    tj_html_table_end(out);
}

static void split_row(tj_buf *out, const json_t *split)
{
    tj_buf_str(out, "<tr><th scope=\"row\">");
    tj_html_str(out, tj_data_text(split, "split"));
    tj_buf_str(out, "</th><td class=\"n\">");
    tj_html_count(out, tj_data_number(split, "n_multisets"));
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_count(out, tj_data_number(split, "n_problems"));
    tj_buf_str(out, "</td></tr>\n");
}

static void splits(tj_buf *out, const json_t *data)
{
    const json_t *list = json_object_get(json_object_get(data, "data"), "splits");
    if (json_array_size(list) == 0) {
        return;
    }
    tj_html_table_of(out, "What the setting has", "Split|#Multisets of numbers|#Distinct problems",
                     false, list, split_row);
}

static void example_text(tj_buf *out, const char *title, const char *text)
{
    if (text[0] == '\0') {
        return;
    }
    tj_buf_str(out, "<div><h4>");
    tj_html_str(out, title);
    tj_buf_str(out, "</h4><pre tabindex=\"0\">");
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '\n') {
        len--;
    }
    tj_html_text(out, text, len);
    tj_buf_str(out, "</pre></div>\n");
}

void tj_section_data(tj_buf *out, const json_t *data)
{
    const json_t *sets = json_object_get(data, "data");
    const json_t *task = json_object_get(data, "task");
    tj_section_begin(out, "data", "Data");
    if (tj_data_has(task, "n_problems")) {
        tj_buf_str(out, "<p>The setting has ");
        tj_buf_str(out, tj_data_true(task, "count_is_bound") ? "at least <b>" : "<b>");
        tj_html_count(out, tj_data_number(task, "n_problems"));
        tj_buf_str(out, "</b> distinct problems");
        if (tj_data_has(task, "n_multisets")) {
            tj_buf_str(out, " over ");
            tj_html_count(out, tj_data_number(task, "n_multisets"));
            tj_buf_str(out, " multisets of numbers");
        }
        tj_buf_str(out, ". ");
        tj_html_str(out, tj_data_text(sets, "disjoint"));
        tj_buf_str(out, "</p>\n");
    } else if (tj_data_has(sets, "disjoint")) {
        tj_buf_str(out, "<p>");
        tj_html_str(out, tj_data_text(sets, "disjoint"));
        tj_buf_str(out, "</p>\n");
    }
    problem_sets(out, data);
    splits(out, data);
    const json_t *example = json_object_get(sets, "example");
    if (json_is_object(example)) {
        tj_buf_str(out, "<h3>The same problem, written in two ways</h3>\n");
        example_text(out, "The problem", tj_data_text(example, "prompt"));
        tj_buf_str(out, "<div class=\"pair\">\n");
        example_text(out, "Shortcut", tj_data_text(example, "shortcut"));
        example_text(out, "Journey", tj_data_text(example, "journey"));
        tj_buf_str(out, "</div>\n");
    }
    tj_section_end(out);
}

/* ------------------------------------------------------------ learning curves */

#define MAX_CURVES 12  /* in one chart; more would not be told apart */
#define MAX_POINTS 400 /* of a curve: about one a pixel */

/* One chart: what (loss or validation) of the curves of one phase. */
typedef struct chart {
    tj_series series[MAX_CURVES];
    double *points; /* [MAX_CURVES, 2, MAX_POINTS] */
    size_t n;
    size_t n_left_out;
    double x_max, y_min, y_max;
} chart;

/* Means of equal runs of points, so that at most MAX_POINTS are left. */
static void add_curve(chart *c, const json_t *curve, const char *what)
{
    const json_t *pairs = json_object_get(curve, what);
    size_t n = json_array_size(pairs);
    if (n == 0) {
        return;
    }
    if (c->n == MAX_CURVES) {
        c->n_left_out++;
        return;
    }
    double *x = c->points + 2 * MAX_POINTS * c->n;
    double *y = x + MAX_POINTS;
    size_t stride = (n + MAX_POINTS - 1) / MAX_POINTS;
    size_t n_points = 0;
    for (size_t i = 0; i < n; i += stride) {
        size_t end = i + stride < n ? i + stride : n;
        double sum_x = 0.0;
        double sum_y = 0.0;
        for (size_t k = i; k < end; k++) {
            sum_x += json_number_value(json_array_get(json_array_get(pairs, k), 0));
            sum_y += json_number_value(json_array_get(json_array_get(pairs, k), 1));
        }
        x[n_points] = sum_x / (double)(end - i);
        y[n_points] = sum_y / (double)(end - i);
        c->x_max = fmax(c->x_max, x[n_points]);
        c->y_min = fmin(c->y_min, y[n_points]);
        c->y_max = fmax(c->y_max, y[n_points]);
        n_points++;
    }
    size_t n_same = 0; /* curves of the same colour so far: they differ by their dashes */
    const char *family = tj_data_family(tj_data_text(curve, "arm"));
    for (size_t s = 0; s < c->n; s++) {
        n_same += strcmp(c->series[s].family, family) == 0;
    }
    c->series[c->n++] = (tj_series){.family = family,
                                    .label = tj_data_text(curve, "label"),
                                    .x = x,
                                    .y = y,
                                    .n = n_points,
                                    .dash = n_same,
                                    .thin = true};
}

static void draw_chart(tj_buf *out, chart *c, const char *phase, const char *what)
{
    bool loss = strcmp(what, "loss") == 0;
    tj_scale x_scale;
    tj_scale_linear(&x_scale, 0.0, c->x_max, true, TJ_UNIT_AMOUNT);
    tj_tick ticks[TJ_MAX_TICKS];
    size_t n_ticks;
    tj_scale_ticks(&x_scale, ticks, &n_ticks);
    for (size_t s = 0; s < c->n; s++) {
        double *x = c->points + 2 * MAX_POINTS * s;
        for (size_t i = 0; i < c->series[s].n; i++) {
            x[i] = tj_scale_at(&x_scale, x[i]);
        }
    }
    char caption[120] = "";
    if (c->n_left_out > 0) {
        (void)snprintf(caption, sizeof caption, "%zu further runs are not drawn.", c->n_left_out);
    }
    tj_plot plot = {.title = phase,
                    .subtitle = loss ? "loss per update" : "validation accuracy",
                    .x_name = "updates",
                    .caption = caption,
                    .x_ticks = ticks,
                    .n_x_ticks = n_ticks,
                    .series = c->series,
                    .n_series = c->n};
    if (loss && c->y_min > 0.0 && c->y_max > 4.0 * c->y_min) {
        tj_scale_log(&plot.y, c->y_min, c->y_max, TJ_UNIT_PLAIN);
        plot.subtitle = "loss per update, logarithmic";
    } else {
        tj_scale_linear(&plot.y, c->y_min, c->y_max, !loss, loss ? TJ_UNIT_PLAIN : TJ_UNIT_PERCENT);
    }
    tj_plot_draw(out, &plot);
}

static void phase_chart(tj_buf *out, const json_t *curves, const char *phase, const char *what)
{
    chart c = {.y_min = HUGE_VAL, .y_max = -HUGE_VAL};
    c.points = tj_calloc((size_t)2 * MAX_CURVES * MAX_POINTS, sizeof *c.points);
    if (c.points == NULL) {
        out->failed = true;
        return;
    }
    size_t i;
    const json_t *curve;
    json_array_foreach(curves, i, curve)
    {
        if (strcmp(tj_data_text(curve, "phase"), phase) == 0) {
            add_curve(&c, curve, what);
        }
    }
    if (c.n > 0) {
        draw_chart(out, &c, phase[0] == '\0' ? "Training" : phase, what);
    }
    tj_free(c.points);
}

void tj_section_learning(tj_buf *out, const json_t *data)
{
    const json_t *curves = json_object_get(data, "learning");
    size_t n = json_array_size(curves);
    if (n == 0) {
        return;
    }
    tj_section_begin(out, "learning", "Learning curves");
    tj_buf_str(out, "<div class=\"figures\">\n");
    for (size_t i = 0; i < n; i++) {
        const char *phase = tj_data_text(json_array_get(curves, i), "phase");
        bool first = true;
        for (size_t j = 0; j < i && first; j++) {
            first = strcmp(tj_data_text(json_array_get(curves, j), "phase"), phase) != 0;
        }
        if (first) {
            phase_chart(out, curves, phase, "loss");
            phase_chart(out, curves, phase, "validation");
        }
    }
    tj_buf_str(out, "</div>\n");
    tj_section_end(out);
}
