/* Positions along x are percentages of the drawing, which SVG resolves when it is shown; lines,
 * which SVG cannot give in percentages, are drawn in an inner svg that is stretched
 * (preserveAspectRatio="none") with strokes that are not (vector-effect). So nothing here needs to
 * know how wide the page is. */
#include "report/report_chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/report_html.h"

#define PLOT_TOP    10
#define PLOT_HEIGHT 200
#define PLOT_BOTTOM 24
#define DODGE       6.0 /* pixels between marks of the same x */

/* ------------------------------------------------------------ scales */

/* The smallest of 1, 2, 5 times a power of ten that is at least x. */
static double nice_step(double x)
{
    double power = pow(10.0, floor(log10(x)));
    double lead = x / power;
    return (lead <= 1.0 + 1e-9   ? 1.0
            : lead <= 2.0 + 1e-9 ? 2.0
            : lead <= 5.0 + 1e-9 ? 5.0
                                 : 10.0) *
           power;
}

void tj_scale_linear(tj_scale *scale, double low, double high, bool with_zero, tj_unit unit)
{
    if (with_zero) {
        low = fmin(low, 0.0);
        high = fmax(high, 0.0);
    }
    if (!(low < high)) { /* one value, or none */
        low = isfinite(low) ? low - 0.5 : 0.0;
        high = low + 1.0;
    }
    /* Times are divided as clocks are. */
    bool clock = unit == TJ_UNIT_SECONDS;
    double whole = clock && high >= 7200.0 ? 3600.0 : clock && high >= 120.0 ? 60.0 : 1.0;
    double step = nice_step((high - low) / whole / 5.0) * whole;
    *scale = (tj_scale){.min = floor(low / step + 1e-9) * step,
                        .max = ceil(high / step - 1e-9) * step,
                        .step = step,
                        .unit = unit};
}

void tj_scale_log(tj_scale *scale, double low, double high, tj_unit unit)
{
    *scale = (tj_scale){.logarithmic = true, .unit = unit};
    double power = pow(10.0, floor(log10(low)));
    double lead = low / power;
    scale->min = (lead >= 5.0 ? 5.0 : lead >= 2.0 ? 2.0 : 1.0) * power;
    scale->max = fmax(nice_step(high), scale->min * 2.0);
}

double tj_scale_at(const tj_scale *scale, double value)
{
    if (scale->logarithmic) {
        return log(fmax(value, 1e-300) / scale->min) / log(scale->max / scale->min);
    }
    return (value - scale->min) / (scale->max - scale->min);
}

/* A number of the unit, as short as the axis allows. */
static void write_tick(char *out, size_t size, double x, const tj_scale *scale)
{
    const char *sign = x < -1e-12 ? "\xE2\x88\x92" : "";
    double size_of = fabs(x);
    switch (scale->unit) {
    case TJ_UNIT_PERCENT:
        (void)snprintf(out, size, "%s%.4g%%", sign, 100.0 * size_of);
        return;
    case TJ_UNIT_POINTS:
        (void)snprintf(out, size, "%s%.4g", x > 1e-12 ? "+" : sign, 100.0 * size_of);
        return;
    case TJ_UNIT_SECONDS:
        if (scale->max >= 7200.0) {
            (void)snprintf(out, size, "%s%.3g h", sign, size_of / 3600.0);
        } else if (scale->max >= 120.0) {
            (void)snprintf(out, size, "%s%.3g min", sign, size_of / 60.0);
        } else {
            (void)snprintf(out, size, "%s%.3g s", sign, size_of);
        }
        return;
    case TJ_UNIT_AMOUNT:
        if (size_of >= 999.5e3) {
            (void)snprintf(out, size, "%s%.4g M", sign, size_of / 1e6);
        } else if (size_of >= 9999.5) {
            (void)snprintf(out, size, "%s%.4g k", sign, size_of / 1e3);
        } else {
            (void)snprintf(out, size, "%s%.4g", sign, size_of);
        }
        return;
    case TJ_UNIT_PLAIN:
        (void)snprintf(out, size, "%s%.4g", sign, size_of);
        return;
    }
}

static void add_tick(const tj_scale *scale, tj_tick *ticks, size_t *n, double x)
{
    if (*n < TJ_MAX_TICKS) {
        ticks[*n].at = tj_scale_at(scale, x);
        write_tick(ticks[*n].label, sizeof ticks[*n].label, x, scale);
        (*n)++;
    }
}

void tj_scale_ticks(const tj_scale *scale, tj_tick *ticks, size_t *n)
{
    *n = 0;
    if (!scale->logarithmic) {
        long n_steps = lround((scale->max - scale->min) / scale->step);
        for (long i = 0; i <= n_steps && *n < TJ_MAX_TICKS; i++) {
            add_tick(scale, ticks, n, scale->min + (double)i * scale->step);
        }
        return;
    }
    /* 1, 2, 5 in every decade, or the decades alone when they are many. */
    bool many = scale->max / scale->min > 1e4;
    int first = (int)floor(log10(scale->min) + 1e-9);
    int last = (int)floor(log10(scale->max) + 1e-9);
    for (int decade = first; decade <= last; decade++) {
        const double leads[] = {1.0, 2.0, 5.0};
        for (size_t i = 0; i < (many ? 1 : 3); i++) {
            double x = leads[i] * pow(10.0, decade);
            if (x >= scale->min * 0.9999 && x <= scale->max * 1.0001) {
                add_tick(scale, ticks, n, x);
            }
        }
    }
}

/* ------------------------------------------------------------ marks */

static const char *mark_path(const char *family)
{
    if (strcmp(family, "journey") == 0) {
        return "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z";
    }
    if (strcmp(family, "shortcut") == 0) {
        return "M-4.5-4.5h9v9h-9z";
    }
    return strcmp(family, "base") == 0 ? "M0-6l6 6l-6 6l-6-6z" : "M0-5.5l6 10h-12z";
}

static void draw_mark(tj_buf *out, const char *family, bool hollow)
{
    tj_buf_printf(out, "<g class=\"mark c-%s%s\"><path d=\"%s\"/></g>", family,
                  hollow ? " hollow" : "", mark_path(family));
}

void tj_mark_inline(tj_buf *out, const char *family, bool hollow)
{
    tj_buf_str(out, "<svg class=\"swatch\" viewBox=\"-7 -7 14 14\" aria-hidden=\"true\">");
    draw_mark(out, family, hollow);
    tj_buf_str(out, "</svg>");
}

/* ------------------------------------------------------------ rows */

static void rows_open(tj_buf *out, const char *title, const char *class)
{
    tj_buf_str(out, "<figure>");
    if (title[0] != '\0') {
        tj_buf_str(out, "<p class=\"title\">");
        tj_html_str(out, title);
        tj_buf_str(out, "</p>");
    }
    tj_buf_printf(out, "<div class=\"%s\">\n", class);
}

void tj_rows_begin(tj_buf *out, const char *title)
{
    rows_open(out, title, "rows");
}

void tj_bars_begin(tj_buf *out, const char *title)
{
    rows_open(out, title, "rows bars");
}

void tj_dots_begin(tj_buf *out, const char *title, const tj_dot *dots, size_t n)
{
    rows_open(out, title, "rows dots");
    tj_buf_str(out, "<ul class=\"legend\">");
    for (size_t i = 0; i < n; i++) {
        tj_buf_str(out, "<li>");
        tj_mark_inline(out, dots[i].family, false);
        tj_html_str(out, dots[i].label);
        tj_buf_str(out, "</li>");
    }
    tj_buf_str(out, "</ul>\n");
}

void tj_rows_group(tj_buf *out, const char *title)
{
    tj_buf_str(out, "<div class=\"group\"><span>");
    tj_html_str(out, title);
    tj_buf_str(out, "</span></div>\n");
}

/* Vertical lines at the ticks; the zero line is darker where values have a sign. */
static void draw_grid(tj_buf *out, const tj_scale *scale)
{
    tj_tick ticks[TJ_MAX_TICKS];
    size_t n;
    tj_scale_ticks(scale, ticks, &n);
    for (size_t i = 0; i < n; i++) {
        bool zero = scale->unit == TJ_UNIT_POINTS && strcmp(ticks[i].label, "0") == 0;
        tj_buf_printf(out, "<line class=\"%s\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"100%%\"/>",
                      zero ? "zero" : "grid", 100.0 * ticks[i].at, 100.0 * ticks[i].at);
    }
}

static void write_value(tj_buf *out, const tj_scale *scale, const tj_row *row)
{
    tj_buf_str(out, "<div class=\"value\"><b>");
    switch (scale->unit) {
    case TJ_UNIT_PERCENT:
        tj_html_percent(out, row->value);
        break;
    case TJ_UNIT_POINTS:
        tj_html_points(out, row->value);
        break;
    case TJ_UNIT_SECONDS:
        tj_html_seconds(out, row->value);
        break;
    case TJ_UNIT_AMOUNT:
        tj_html_amount(out, row->value);
        break;
    case TJ_UNIT_PLAIN:
        tj_html_plain(out, row->value);
        break;
    }
    tj_buf_str(out, "</b>");
    if (!row->bar && isfinite(row->low) && isfinite(row->high)) {
        tj_buf_str(out, " <span>");
        if (scale->unit == TJ_UNIT_POINTS) {
            tj_html_signed_range(out, row->low, row->high);
        } else if (scale->unit == TJ_UNIT_PLAIN) {
            tj_html_plain(out, row->low);
            tj_buf_str(out, " to ");
            tj_html_plain(out, row->high);
        } else {
            tj_html_number(out, 100.0 * row->low, 1);
            tj_buf_str(out, " to ");
            tj_html_number(out, 100.0 * row->high, 1);
        }
        tj_buf_str(out, "</span>");
    }
    tj_buf_str(out, "</div>");
}

/* Opens a row with its name and its drawing, in which the grid stands already. */
static void row_open(tj_buf *out, const tj_scale *scale, const char *family, const char *label,
                     const char *detail)
{
    tj_buf_printf(out, "<div class=\"row c-%s\"><div class=\"name\">", family);
    tj_html_str(out, label);
    if (detail != NULL && detail[0] != '\0') {
        tj_buf_str(out, " <span class=\"soft small\">");
        tj_html_str(out, detail);
        tj_buf_str(out, "</span>");
    }
    tj_buf_str(out, "</div><svg aria-hidden=\"true\">");
    draw_grid(out, scale);
}

void tj_dots_row(tj_buf *out, const tj_scale *scale, const char *label, const char *detail,
                 const tj_dot *dots, size_t n)
{
    row_open(out, scale, "base", label, detail);
    for (size_t i = 0; i < n; i++) {
        if (isfinite(dots[i].value)) {
            tj_buf_printf(out, "<svg class=\"at\" x=\"%.2f%%\" y=\"50%%\">",
                          100.0 * tj_scale_at(scale, dots[i].value));
            draw_mark(out, dots[i].family, false);
            tj_buf_str(out, "</svg>");
        }
    }
    tj_buf_str(out, "</svg><p class=\"hidden-text\">");
    for (size_t i = 0; i < n; i++) {
        tj_buf_str(out, i > 0 ? ", " : "");
        tj_html_str(out, dots[i].label);
        tj_buf_char(out, ' ');
        tj_html_percent(out, dots[i].value);
    }
    tj_buf_str(out, "</p></div>\n");
}

void tj_rows_row(tj_buf *out, const tj_scale *scale, const tj_row *row)
{
    double at = 100.0 * tj_scale_at(scale, row->value);
    row_open(out, scale, row->family, row->label, row->detail);
    if (row->bar) {
        tj_buf_printf(out,
                      "<rect class=\"bar\" x=\"0\" y=\"25%%\" height=\"50%%\" width=\"%.2f%%\" "
                      "rx=\"2\"/>",
                      fmax(at, 0.0));
    } else {
        if (isfinite(row->low) && isfinite(row->high)) {
            tj_buf_printf(out,
                          "<line class=\"whisker\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"50%%\" "
                          "y2=\"50%%\"/>",
                          100.0 * tj_scale_at(scale, row->low),
                          100.0 * tj_scale_at(scale, row->high));
        }
        tj_buf_printf(out, "<svg class=\"at\" x=\"%.2f%%\" y=\"50%%\">", at);
        draw_mark(out, row->family, row->hollow);
        tj_buf_str(out, "</svg>");
    }
    tj_buf_str(out, "</svg>");
    write_value(out, scale, row);
    tj_buf_str(out, "</div>\n");
}

void tj_rows_end(tj_buf *out, const tj_scale *scale, const char *caption)
{
    tj_tick ticks[TJ_MAX_TICKS];
    size_t n;
    tj_scale_ticks(scale, ticks, &n);
    tj_buf_str(out, "<div class=\"axis\"><svg height=\"22\" aria-hidden=\"true\">");
    for (size_t i = 0; i < n; i++) {
        tj_buf_printf(out, "<text x=\"%.2f%%\" y=\"15\" text-anchor=\"middle\">",
                      100.0 * ticks[i].at);
        tj_html_str(out, ticks[i].label);
        tj_buf_str(out, "</text>");
    }
    tj_buf_str(out, "</svg></div>\n</div>");
    if (caption[0] != '\0') {
        tj_buf_str(out, "<figcaption>");
        tj_html_str(out, caption);
        tj_buf_str(out, "</figcaption>");
    }
    tj_buf_str(out, "</figure>\n");
}

/* ------------------------------------------------------------ plots */

static void draw_legend(tj_buf *out, const tj_plot *plot)
{
    tj_buf_str(out, "<ul class=\"legend\">");
    for (size_t s = 0; s < plot->n_series; s++) {
        const tj_series *one = &plot->series[s];
        if (one->label[0] == '\0') {
            continue;
        }
        tj_buf_str(out, "<li><svg width=\"28\" height=\"14\" aria-hidden=\"true\">");
        tj_buf_printf(out, "<g class=\"c-%s\"><path class=\"line d%zu\" d=\"M0 7H28\"/></g>",
                      one->family, one->dash % 4);
        if (one->marks) {
            tj_buf_str(out, "<svg class=\"at\" x=\"14\" y=\"7\">");
            draw_mark(out, one->family, false);
            tj_buf_str(out, "</svg>");
        }
        tj_buf_str(out, "</svg>");
        tj_html_str(out, one->label);
        tj_buf_str(out, "</li>");
    }
    tj_buf_str(out, "</ul>\n");
}

static double pixel(const tj_plot *plot, double y)
{
    double at = fmin(fmax(tj_scale_at(&plot->y, y), 0.0), 1.0);
    return PLOT_TOP + PLOT_HEIGHT * (1.0 - at);
}

static void draw_line(tj_buf *out, const tj_plot *plot, const tj_series *one, double shift)
{
    tj_buf_printf(out,
                  "<svg class=\"at\" x=\"%.1f\" y=\"%d\" width=\"100%%\" height=\"%d\" "
                  "viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\"><path class=\"line%s "
                  "d%zu\" d=\"",
                  shift, PLOT_TOP, PLOT_HEIGHT, one->thin ? " thin" : "", one->dash % 4);
    bool broken = true;
    for (size_t i = 0; i < one->n; i++) {
        if (!isfinite(one->y[i])) {
            broken = true;
            continue;
        }
        double at = fmin(fmax(tj_scale_at(&plot->y, one->y[i]), 0.0), 1.0);
        tj_buf_printf(out, "%s%.1f %.1f", broken ? "M" : "L", 1000.0 * one->x[i],
                      1000.0 * (1.0 - at));
        broken = false;
    }
    tj_buf_str(out, "\"/></svg>");
}

static void draw_points(tj_buf *out, const tj_plot *plot, const tj_series *one, double shift)
{
    for (size_t i = 0; i < one->n; i++) {
        if (!isfinite(one->y[i])) {
            continue;
        }
        tj_buf_printf(out, "<svg class=\"at\" x=\"%.2f%%\" y=\"0\">", 100.0 * one->x[i]);
        if (one->low != NULL && isfinite(one->low[i]) && isfinite(one->high[i])) {
            tj_buf_printf(out,
                          "<line class=\"whisker\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
                          "y2=\"%.1f\"/>",
                          shift, shift, pixel(plot, one->low[i]), pixel(plot, one->high[i]));
        }
        tj_buf_printf(out, "<g transform=\"translate(%.1f %.1f)\">", shift, pixel(plot, one->y[i]));
        draw_mark(out, one->family, false);
        tj_buf_str(out, "</g></svg>");
    }
}

static void draw_plot_grid(tj_buf *out, const tj_plot *plot, const tj_tick *y_ticks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double y = PLOT_TOP + PLOT_HEIGHT * (1.0 - y_ticks[i].at);
        tj_buf_printf(out, "<line class=\"%s\" x1=\"0\" x2=\"100%%\" y1=\"%.1f\" y2=\"%.1f\"/>",
                      i == 0 ? "zero" : "grid", y, y);
    }
    for (size_t i = 0; i < plot->n_x_ticks; i++) {
        tj_buf_printf(out, "<text x=\"%.2f%%\" y=\"%d\" text-anchor=\"middle\">",
                      100.0 * plot->x_ticks[i].at, PLOT_TOP + PLOT_HEIGHT + 18);
        tj_html_str(out, plot->x_ticks[i].label);
        tj_buf_str(out, "</text>");
    }
}

/* What a reader who does not see the plot is told: each series' first and last value. */
static void write_description(tj_buf *out, const tj_plot *plot)
{
    tj_html_str(out, plot->title);
    for (size_t s = 0; s < plot->n_series && s < 8; s++) {
        const tj_series *one = &plot->series[s];
        if (one->n == 0 || one->label[0] == '\0') {
            continue;
        }
        char first[40];
        char last[40];
        write_tick(first, sizeof first, one->y[0], &plot->y);
        write_tick(last, sizeof last, one->y[one->n - 1], &plot->y);
        tj_buf_str(out, s == 0 ? ": " : "; ");
        tj_html_str(out, one->label);
        tj_buf_str(out, " from ");
        tj_html_str(out, first);
        tj_buf_str(out, " to ");
        tj_html_str(out, last);
    }
}

void tj_plot_draw(tj_buf *out, const tj_plot *plot)
{
    tj_tick y_ticks[TJ_MAX_TICKS];
    size_t n;
    tj_scale_ticks(&plot->y, y_ticks, &n);
    tj_buf_str(out, "<figure><p class=\"title\">");
    tj_html_str(out, plot->title);
    tj_buf_str(out, " <span>");
    tj_html_str(out, plot->subtitle);
    tj_buf_str(out, "</span></p>\n");
    draw_legend(out, plot);
    tj_buf_str(out, "<div class=\"plot\" role=\"img\" aria-label=\"");
    write_description(out, plot);
    int height = PLOT_TOP + PLOT_HEIGHT + PLOT_BOTTOM;
    tj_buf_printf(out, "\"><svg class=\"ylabels\" height=\"%d\">", height);
    for (size_t i = 0; i < n; i++) {
        tj_buf_printf(out, "<text x=\"100%%\" dx=\"-8\" y=\"%.1f\">",
                      PLOT_TOP + PLOT_HEIGHT * (1.0 - y_ticks[i].at) + 4.0);
        tj_html_str(out, y_ticks[i].label);
        tj_buf_str(out, "</text>");
    }
    tj_buf_printf(out, "</svg><svg height=\"%d\">", height);
    draw_plot_grid(out, plot, y_ticks, n);
    for (size_t s = 0; s < plot->n_series; s++) {
        const tj_series *one = &plot->series[s];
        /* Only marks of a shared x hide each other; lines without marks stay where they are. */
        double shift = one->marks ? DODGE * ((double)s - (double)(plot->n_series - 1) / 2.0) : 0.0;
        tj_buf_printf(out, "<g class=\"c-%s\">", one->family);
        draw_line(out, plot, one, shift);
        if (one->marks) {
            draw_points(out, plot, one, shift);
        }
        tj_buf_str(out, "</g>");
    }
    tj_buf_str(out, "</svg></div>");
    if (plot->x_name[0] != '\0') {
        tj_buf_str(out, "<p class=\"xname\">");
        tj_html_str(out, plot->x_name);
        tj_buf_str(out, "</p>");
    }
    if (plot->caption[0] != '\0') {
        tj_buf_str(out, "<figcaption>");
        tj_html_str(out, plot->caption);
        tj_buf_str(out, "</figcaption>");
    }
    tj_buf_str(out, "</figure>\n");
}
