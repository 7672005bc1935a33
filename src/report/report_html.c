#include "report/report_html.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DASH  "<span class=\"soft\">–</span>"
#define MINUS "\xE2\x88\x92" /* U+2212 */

/* Bytes at s that must not reach the page: control characters but tab and newline, and the
 * directional overrides U+202A to U+202E and U+2066 to U+2069, which make text read other than it
 * is. 0 for anything else. */
static size_t unwanted(const unsigned char *s, size_t n)
{
    if ((s[0] < 0x20 && s[0] != '\n' && s[0] != '\t') || s[0] == 0x7F) {
        return 1;
    }
    bool override = n >= 3 && s[0] == 0xE2 &&
                    ((s[1] == 0x80 && s[2] >= 0xAA && s[2] <= 0xAE) ||
                     (s[1] == 0x81 && s[2] >= 0xA6 && s[2] <= 0xA9));
    return override ? 3 : 0;
}

void tj_html_text(tj_buf *out, const char *s, size_t n)
{
    size_t plain = 0; /* start of what is not yet written */
    for (size_t i = 0; i < n; i++) {
        size_t skip = unwanted((const unsigned char *)s + i, n - i);
        if (skip > 0) {
            tj_buf_html(out, s + plain, i - plain);
            tj_buf_str(out, "\xEF\xBF\xBD");
            plain = i + skip;
            i = plain - 1;
        }
    }
    tj_buf_html(out, s + plain, n - plain);
}

void tj_html_str(tj_buf *out, const char *s)
{
    tj_html_text(out, s, strlen(s));
}

void tj_html_short(tj_buf *out, const char *s, size_t max_bytes)
{
    size_t n = strlen(s);
    if (n <= max_bytes) {
        tj_html_text(out, s, n);
        return;
    }
    n = max_bytes;
    while (n > 0 && ((unsigned char)s[n] & 0xC0) == 0x80) {
        n--; /* not inside a character */
    }
    tj_html_text(out, s, n);
    tj_buf_str(out, "…");
}

void tj_html_digest(tj_buf *out, const char *digest)
{
    tj_buf_str(out, "<code class=\"soft\" title=\"");
    tj_html_str(out, digest);
    tj_buf_str(out, "\">");
    tj_html_short(out, digest, 12);
    tj_buf_str(out, "</code>");
}

void tj_html_below(tj_buf *out, const char *s)
{
    if (s[0] != '\0') {
        tj_buf_str(out, "<br><small>");
        tj_html_str(out, s);
        tj_buf_str(out, "</small>");
    }
}

/* ------------------------------------------------------------ numbers */

void tj_html_count(tj_buf *out, double n)
{
    if (!isfinite(n)) {
        tj_buf_str(out, DASH);
        return;
    }
    char digits[400];
    int len = snprintf(digits, sizeof digits, "%.0f", fabs(n));
    tj_buf_str(out, n <= -0.5 ? MINUS : "");
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            tj_buf_char(out, ',');
        }
        tj_buf_char(out, digits[i]);
    }
}

void tj_html_number(tj_buf *out, double x, int n_decimals)
{
    if (!isfinite(x)) {
        tj_buf_str(out, DASH);
        return;
    }
    tj_buf_str(out, x < 0.0 ? MINUS : "");
    tj_buf_printf(out, "%.*f", n_decimals, fabs(x));
}

void tj_html_plain(tj_buf *out, double x)
{
    if (!isfinite(x)) {
        tj_buf_str(out, DASH);
        return;
    }
    tj_buf_str(out, x < 0.0 ? MINUS : "");
    tj_buf_printf(out, "%.6g", fabs(x));
}

void tj_html_percent(tj_buf *out, double share)
{
    tj_html_number(out, 100.0 * share, 1);
    tj_buf_str(out, isfinite(share) ? "%" : "");
}

void tj_html_points(tj_buf *out, double points)
{
    /* What is shown as 0.0 has no sign. */
    double shown = round(1000.0 * points) / 10.0;
    tj_buf_str(out, shown > 0.0 ? "+" : "");
    tj_html_number(out, shown == 0.0 ? 0.0 : shown, 1);
}

void tj_html_range(tj_buf *out, double low, double high)
{
    tj_html_number(out, 100.0 * low, 1);
    tj_buf_str(out, " to ");
    tj_html_percent(out, high);
}

void tj_html_signed_range(tj_buf *out, double low, double high)
{
    tj_html_points(out, low);
    tj_buf_str(out, " to ");
    tj_html_points(out, high);
}

void tj_html_p(tj_buf *out, double p, double log10_p)
{
    if (!isfinite(p)) {
        tj_buf_str(out, DASH);
        return;
    }
    if (p >= 0.001) {
        tj_buf_printf(out, "= %.*f", p < 0.1 ? 4 : 3, p);
        return;
    }
    double log_p = isfinite(log10_p) ? log10_p : log10(p);
    if (!isfinite(log_p)) {
        tj_buf_str(out, "&lt; 10<sup>" MINUS "300</sup>");
        return;
    }
    double exponent = floor(log_p);
    tj_buf_printf(out, "= %.1f × 10<sup>" MINUS "%.0f</sup>", pow(10.0, log_p - exponent),
                  -exponent);
}

void tj_html_seconds(tj_buf *out, double seconds)
{
    if (!isfinite(seconds)) {
        tj_buf_str(out, DASH);
    } else if (seconds < 99.95) {
        tj_buf_printf(out, "%.1f s", seconds);
    } else if (seconds < 3600.0) {
        double whole = round(seconds);
        tj_buf_printf(out, "%.0f min %.0f s", floor(whole / 60.0), fmod(whole, 60.0));
    } else {
        double minutes = round(seconds / 60.0);
        tj_buf_printf(out, "%.0f h %.0f min", floor(minutes / 60.0), fmod(minutes, 60.0));
    }
}

void tj_html_amount(tj_buf *out, double n)
{
    static const char *const units[] = {"", " k", " M", " G", " T"};
    if (!isfinite(n)) {
        tj_buf_str(out, DASH);
        return;
    }
    size_t unit = 0;
    while (n >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        n /= 1000.0;
        unit++;
    }
    tj_buf_printf(out, "%.*f%s", unit == 0 || n >= 99.95 ? 0 : 1, n, units[unit]);
}

void tj_html_bytes(tj_buf *out, double n)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (n >= 1024.0 && unit + 1 < sizeof units / sizeof units[0]) {
        n /= 1024.0;
        unit++;
    }
    tj_buf_printf(out, "%.*f %s", unit == 0 ? 0 : 1, n, units[unit]);
}

void tj_html_time(tj_buf *out, const char *rfc3339)
{
    if (strlen(rfc3339) < 16) {
        tj_buf_str(out, DASH);
        return;
    }
    tj_buf_str(out, "<time class=\"nowrap\" datetime=\"");
    tj_html_str(out, rfc3339);
    tj_buf_str(out, "\">");
    tj_html_text(out, rfc3339, 10);
    tj_buf_char(out, ' ');
    tj_html_text(out, rfc3339 + 11, 5);
    tj_buf_str(out, " UTC</time>");
}

void tj_html_share_of(tj_buf *out, double part, double whole)
{
    if (!(whole > 0.0)) {
        tj_buf_str(out, DASH);
        return;
    }
    tj_html_percent(out, part / whole);
    tj_buf_str(out, " <small>");
    tj_html_count(out, part);
    tj_buf_char(out, '/');
    tj_html_count(out, whole);
    tj_buf_str(out, "</small>");
}

/* ------------------------------------------------------------ tables and facts */

void tj_html_table_begin(tj_buf *out, const char *caption, const char *columns, bool tall)
{
    /* A box that scrolls must be reachable by keyboard and have a name. */
    tj_buf_printf(out, "<div class=\"scroll%s\" tabindex=\"0\" role=\"region\" aria-label=\"",
                  tall ? " tall" : "");
    tj_html_str(out, caption);
    tj_buf_str(out, "\"><table><caption>");
    tj_html_str(out, caption);
    tj_buf_str(out, "</caption>\n<thead><tr>");
    while (*columns != '\0') {
        size_t len = strcspn(columns, "|");
        bool numbers = columns[0] == '#';
        tj_buf_str(out, numbers ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">");
        tj_html_text(out, columns + numbers, len - numbers);
        tj_buf_str(out, "</th>");
        columns += len + (columns[len] == '|');
    }
    tj_buf_str(out, "</tr></thead>\n");
}

void tj_html_table_end(tj_buf *out)
{
    tj_buf_str(out, "</table></div>\n");
}

void tj_html_table_of(tj_buf *out, const char *caption, const char *columns, bool tall,
                      const json_t *list, void (*write_row)(tj_buf *out, const json_t *element))
{
    size_t i;
    const json_t *element;
    tj_html_table_begin(out, caption, columns, tall);
    tj_buf_str(out, "<tbody>\n");
    json_array_foreach(list, i, element)
    {
        write_row(out, element);
    }
    tj_buf_str(out, "</tbody>");
    tj_html_table_end(out);
}

void tj_html_fact(tj_buf *out, const char *label, const char *text)
{
    if (text[0] == '\0') {
        return;
    }
    tj_buf_str(out, "<dt>");
    tj_html_str(out, label);
    tj_buf_str(out, "</dt><dd>");
    tj_html_str(out, text);
    tj_buf_str(out, "</dd>\n");
}

void tj_html_fact_count(tj_buf *out, const char *label, double n)
{
    if (!isfinite(n)) {
        return;
    }
    tj_buf_str(out, "<dt>");
    tj_html_str(out, label);
    tj_buf_str(out, "</dt><dd>");
    tj_html_count(out, n);
    tj_buf_str(out, "</dd>\n");
}

/* A leaf: a string as it is, a real number shortly, anything else as JSON on one line. */
static void leaf_value(tj_buf *out, const json_t *value)
{
    if (json_is_string(value)) {
        tj_html_text(out, json_string_value(value), json_string_length(value));
        return;
    }
    if (json_is_real(value)) {
        tj_buf_printf(out, "%.6g", json_real_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL) {
        out->failed = true;
        return;
    }
    tj_html_str(out, text);
    free(text); /* of Jansson's own allocator, which is malloc's */
}

#define MAX_CONFIG_DEPTH 16 /* below it a value is written as JSON; no configuration is so deep */

void tj_html_leaves(tj_buf *out, json_t *object)
{
    /* Depth first with a stack of iterators, since the depth is the document's to choose. */
    json_t *at[MAX_CONFIG_DEPTH];
    void *iter[MAX_CONFIG_DEPTH];
    size_t depth = 0;
    at[0] = object;
    iter[0] = json_object_iter(at[0]);
    for (;;) {
        if (iter[depth] == NULL) {
            if (depth == 0) {
                break;
            }
            depth--;
            iter[depth] = json_object_iter_next(at[depth], iter[depth]);
            continue;
        }
        json_t *value = json_object_iter_value(iter[depth]);
        if (json_object_size(value) > 0 && depth + 1 < MAX_CONFIG_DEPTH) {
            depth++;
            at[depth] = value;
            iter[depth] = json_object_iter(value);
            continue;
        }
        tj_buf_str(out, "<dt><code>");
        for (size_t d = 0; d <= depth; d++) {
            tj_buf_str(out, d > 0 ? "." : "");
            tj_html_str(out, json_object_iter_key(iter[d]));
        }
        tj_buf_str(out, "</code></dt><dd><code>");
        leaf_value(out, value);
        tj_buf_str(out, "</code></dd>\n");
        iter[depth] = json_object_iter_next(at[depth], iter[depth]);
    }
}
