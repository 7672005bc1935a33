/* Writing HTML: escaped text, numbers as people read them, tables.
 *
 * Everything appends to a tj_buf, whose failure is checked once at the end. Names say what they
 * write; text from the data goes through tj_html_text or tj_html_str and through nothing else.
 *
 * Threads: no shared state.
 */
#ifndef TJ_REPORT_REPORT_HTML_H
#define TJ_REPORT_REPORT_HTML_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Text, escaped; control characters but tab and newline, and directional overrides, become U+FFFD.
 */
void tj_html_text(tj_buf *out, const char *s, size_t n);
void tj_html_str(tj_buf *out, const char *s);
/* The same, cut to max_bytes with an ellipsis. */
void tj_html_short(tj_buf *out, const char *s, size_t max_bytes);
/* Its beginning, softly, and all of it for who hovers. */
void tj_html_digest(tj_buf *out, const char *digest);
/* A small line below what a cell holds; nothing for "". */
void tj_html_below(tj_buf *out, const char *s);

/* Where a number is NaN, each of these writes a dash. */
void tj_html_count(tj_buf *out, double n);                  /* 12,345 */
void tj_html_percent(tj_buf *out, double share);            /* 34.1% */
void tj_html_points(tj_buf *out, double points);            /* +4.5 */
void tj_html_number(tj_buf *out, double x, int n_decimals); /* 4.50, with a true minus */
void tj_html_plain(tj_buf *out, double x); /* 0.0005, 3e+08: shortest of six digits */
void tj_html_range(tj_buf *out, double low, double high);        /* 32.1 to 36.2% */
void tj_html_signed_range(tj_buf *out, double low, double high); /* +1.2 to +6.0 */
void tj_html_p(tj_buf *out, double p, double log10_p);           /* "= 0.0123", "= 3.7 × 10^-5" */
void tj_html_seconds(tj_buf *out, double seconds);               /* 12.3 s, 8 min 32 s, 2 h 5 min */
void tj_html_amount(tj_buf *out, double n);                      /* 812, 48.3 k, 11.2 M, 3.4 G */
void tj_html_bytes(tj_buf *out, double n);                       /* 15.6 GiB */
void tj_html_time(tj_buf *out, const char *rfc3339); /* <time>2025-01-31 12:00 UTC</time> */
void tj_html_share_of(tj_buf *out, double part, double whole); /* 62.0% <small>31/50</small> */

/* A table in a box of its own that scrolls. `columns`: heads separated by '|'; a head that starts
 * with '#' is of a column of numbers. */
void tj_html_table_begin(tj_buf *out, const char *caption, const char *columns, bool tall);
void tj_html_table_end(tj_buf *out);
/* All of one with a body of a row for each element of an array. */
void tj_html_table_of(tj_buf *out, const char *caption, const char *columns, bool tall,
                      const json_t *list, void (*write_row)(tj_buf *out, const json_t *element));

/* <dt>label</dt><dd>text</dd> of a dl.facts, left out when the text is "". */
void tj_html_fact(tj_buf *out, const char *label, const char *text);
void tj_html_fact_count(tj_buf *out, const char *label, double n);

/* A JSON tree as the rows of a dl.facts, one for each leaf, named by its path: "train.lr_max".
 * Not const only because Jansson's iterators are not. */
void tj_html_leaves(tj_buf *out, json_t *object);

#endif
