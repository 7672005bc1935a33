/* The page's charts, all in one style: fluid inline SVG in which only positions along x are
 * relative, so that text and marks keep their size from a phone to paper.
 *
 *   rows   label │──●──│ value      one dot (or bar) with its interval a row, shared axis below
 *   plot   lines over ticks         series with or without marks and intervals
 *
 * Colour and shape say the arm's family (tj_data_family): journey ●, shortcut ■, base ◆, other ▲;
 * hollow marks are answers that the verifier chose. Colours are the style sheet's.
 *
 * Ownership: everything is borrowed for the call.
 * Threads:   no shared state.
 */
#ifndef TJ_REPORT_REPORT_CHART_H
#define TJ_REPORT_REPORT_CHART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

typedef enum tj_unit {
    TJ_UNIT_PERCENT, /* of a share of 1 */
    TJ_UNIT_POINTS,  /* a signed share of 1 */
    TJ_UNIT_SECONDS,
    TJ_UNIT_AMOUNT, /* tokens */
    TJ_UNIT_PLAIN
} tj_unit;

typedef struct tj_scale {
    double min, max, step; /* step: between ticks; not used when logarithmic */
    bool logarithmic;      /* min and max are then powers of ten times 1, 2 or 5 */
    tj_unit unit;
} tj_scale;

/* Round ends and step around [low, high], which holds zero when with_zero. */
void tj_scale_linear(tj_scale *scale, double low, double high, bool with_zero, tj_unit unit);
void tj_scale_log(tj_scale *scale, double low, double high, tj_unit unit); /* 0 < low */
double tj_scale_at(const tj_scale *scale, double value);                   /* [0, 1] inside */

typedef struct tj_tick {
    double at; /* [0, 1] along the axis */
    char label[40];
} tj_tick;
#define TJ_MAX_TICKS 32
/* *n of at most TJ_MAX_TICKS. */
void tj_scale_ticks(const tj_scale *scale, tj_tick *ticks, size_t *n);

/* ------------------------------------------------------------ rows */

typedef struct tj_row {
    const char *family;
    bool hollow;
    bool bar; /* from zero to value, instead of a dot with its interval */
    const char *label;
    const char *detail; /* after the label, softly; NULL or "" for none */
    double value, low, high;
} tj_row;

/* A row of several marks, without intervals: one line of a dot plot that compares arms. */
typedef struct tj_dot {
    const char *family;
    const char *label; /* what the mark is, for the legend and for who hovers */
    double value;      /* NaN: no mark */
} tj_dot;

void tj_rows_begin(tj_buf *out, const char *title);
void tj_bars_begin(tj_buf *out, const char *title); /* rows with short labels, in half the page */
/* Narrow rows for half the page, with a legend of the dots [n]. */
void tj_dots_begin(tj_buf *out, const char *title, const tj_dot *dots, size_t n);
void tj_dots_row(tj_buf *out, const tj_scale *scale, const char *label, const char *detail,
                 const tj_dot *dots, size_t n);
void tj_rows_group(tj_buf *out, const char *title); /* a heading inside */
void tj_rows_row(tj_buf *out, const tj_scale *scale, const tj_row *row);
/* The axis, and a caption ("" for none; plain text). */
void tj_rows_end(tj_buf *out, const tj_scale *scale, const char *caption);

/* ------------------------------------------------------------ plots */

typedef struct tj_series {
    const char *family;
    const char *label;
    const double *x;          /* [n], in [0, 1] along the axis */
    const double *y;          /* [n]; NaN: a gap */
    const double *low, *high; /* [n], or NULL */
    size_t n;
    size_t dash; /* 0: solid */
    bool marks;
    bool thin;
} tj_series;

typedef struct tj_plot {
    const char *title, *subtitle, *x_name, *caption; /* "" for none */
    tj_scale y;
    const tj_tick *x_ticks; /* [n_x_ticks] */
    size_t n_x_ticks;
    const tj_series *series; /* [n_series] */
    size_t n_series;
} tj_plot;

void tj_plot_draw(tj_buf *out, const tj_plot *plot);

/* A mark of the family by itself, for tables and legends. */
void tj_mark_inline(tj_buf *out, const char *family, bool hollow);

#endif
