/* The comparison: every arm with its interval and cost, then the paired differences, the declared
 * test and all seeds. And the curve over N, where it was computed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "report/report_chart.h"
#include "report/report_data.h"
#include "report/report_html.h"
#include "report/report_sections.h"

static const struct {
    const char *budget;
    const char *title;
} BUDGETS[] = {{"none", "Before: the model that both start from"},
               {"epochs", "Trained for the same number of epochs"},
               {"updates", "Trained for the same number of updates"},
               {"tokens", "Trained on the same number of tokens"}};
#define N_BUDGETS (sizeof BUDGETS / sizeof BUDGETS[0])

static bool of_budget(const json_t *arm, size_t b)
{
    return strcmp(tj_data_text(arm, "budget"), BUDGETS[b].budget) == 0;
}

static bool has_budget(const json_t *arms, size_t b)
{
    size_t i;
    const json_t *arm;
    json_array_foreach(arms, i, arm)
    {
        if (of_budget(arm, b)) {
            return true;
        }
    }
    return false;
}

static bool is_verified(const json_t *arm)
{
    return strcmp(tj_data_text(arm, "decoding"), "verified") == 0;
}

/* "greedy", "majority of 3", "pass@3". */
static void decoding_phrase(char *out, size_t size, const json_t *arm)
{
    const char *decoding = tj_data_text(arm, "decoding");
    double n = tj_data_number(arm, "n_samples");
    if (is_verified(arm)) {
        (void)(isfinite(n) ? snprintf(out, size, "pass@%.4g", n) : snprintf(out, size, "pass@n"));
    } else if (strcmp(decoding, "majority") == 0 && isfinite(n)) {
        (void)snprintf(out, size, "majority of %.4g", n);
    } else {
        (void)snprintf(out, size, "%s", decoding);
    }
}

static tj_row arm_row(const json_t *arm, char *detail, size_t size)
{
    decoding_phrase(detail, size, arm);
    return (tj_row){.family = tj_data_family(tj_data_text(arm, "key")),
                    .hollow = is_verified(arm),
                    .label = tj_data_text(arm, "label"),
                    .detail = detail,
                    .value = tj_data_number(arm, "accuracy"),
                    .low = tj_data_number(arm, "ci_low"),
                    .high = tj_data_number(arm, "ci_high")};
}

static void arms_chart(tj_buf *out, const json_t *data)
{
    const json_t *arms = json_object_get(data, "arms");
    double low = 1.0;
    double high = 0.0;
    size_t i;
    const json_t *arm;
    json_array_foreach(arms, i, arm)
    {
        low = fmin(low, tj_data_number(arm, "ci_low"));
        high = fmax(high, tj_data_number(arm, "ci_high"));
    }
    tj_scale scale;
    tj_scale_linear(&scale, low, high, false, TJ_UNIT_PERCENT);
    tj_rows_begin(out, "Test problems answered correctly");
    for (size_t b = 0; b < N_BUDGETS; b++) {
        if (has_budget(arms, b)) {
            tj_rows_group(out, BUDGETS[b].title);
        }
        json_array_foreach(arms, i, arm)
        {
            if (of_budget(arm, b)) {
                char detail[64];
                tj_row row = arm_row(arm, detail, sizeof detail);
                tj_rows_row(out, &scale, &row);
            }
        }
    }
    char caption[400];
    (void)snprintf(
        caption, sizeof caption,
        "Mean over seeds, with the %.4g%% bootstrap interval over problems. Hollow marks "
        "are pass@n: the exact verifier picks the right sample if there is one, which "
        "nobody has who does not know the answer.",
        tj_data_level(data));
    tj_rows_end(out, &scale, caption);
}

static void arm_table_row(tj_buf *out, const json_t *arm)
{
    const char *key = tj_data_text(arm, "key");
    bool headline = strcmp(key, "journey") == 0 || strcmp(key, "shortcut") == 0;
    char detail[64];
    decoding_phrase(detail, sizeof detail, arm);
    tj_buf_printf(out, "<tr%s><th scope=\"row\" class=\"wide\">",
                  headline ? " class=\"strong\"" : "");
    tj_mark_inline(out, tj_data_family(key), is_verified(arm));
    tj_html_str(out, tj_data_text(arm, "label"));
    tj_html_below(out, tj_data_text(arm, "note"));
    tj_buf_str(out, "</th><td class=\"nowrap\">");
    tj_html_str(out, detail);
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_percent(out, tj_data_number(arm, "accuracy"));
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_range(out, tj_data_number(arm, "ci_low"), tj_data_number(arm, "ci_high"));
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_number(out, tj_data_number(arm, "tokens_per_answer"), 1);
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_number(out, 100.0 * tj_data_number(arm, "seed_sd"), 1);
    tj_buf_str(out, "</td><td class=\"n\">");
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(arm, "by_seed"), i, one)
    {
        tj_buf_str(out, i > 0 ? " · " : "");
        tj_html_number(out, 100.0 * json_number_value(one), 1);
    }
    tj_buf_str(out, "</td></tr>\n");
}

static void arms_table(tj_buf *out, const json_t *data)
{
    const json_t *arms = json_object_get(data, "arms");
    tj_html_table_begin(out, "Every arm, with what an answer costs",
                        "Arm|Answer chosen|#Accuracy|#Interval|#Tokens an answer|#SD over "
                        "seeds|#By seed, %",
                        false);
    for (size_t b = 0; b < N_BUDGETS; b++) {
        if (!has_budget(arms, b)) {
            continue;
        }
        tj_buf_printf(
            out, "<tbody class=\"group\"><tr><th scope=\"rowgroup\" colspan=\"7\">%s</th></tr>\n",
            BUDGETS[b].title);
        size_t i;
        const json_t *arm;
        json_array_foreach(arms, i, arm)
        {
            if (of_budget(arm, b)) {
                arm_table_row(out, arm);
            }
        }
        tj_buf_str(out, "</tbody>\n");
    }
    tj_html_table_end(out);
}

/* ------------------------------------------------------------ differences */

static tj_row difference_row(const json_t *difference, const char *label)
{
    return (tj_row){.family = tj_data_family(
                        tj_data_has(difference, "a") ? tj_data_text(difference, "a") : "journey"),
                    .label = label,
                    .value = tj_data_number(difference, "points"),
                    .low = tj_data_number(difference, "ci_low"),
                    .high = tj_data_number(difference, "ci_high")};
}

static const char *headline_label(const json_t *difference)
{
    return tj_data_has(difference, "label") ? tj_data_text(difference, "label")
                                            : "Journey minus shortcut";
}

static void differences_chart(tj_buf *out, const json_t *data)
{
    const json_t *first = json_object_get(data, "difference");
    const json_t *more = json_object_get(data, "differences");
    double low = tj_data_number(first, "ci_low");
    double high = tj_data_number(first, "ci_high");
    size_t i;
    const json_t *one;
    json_array_foreach(more, i, one)
    {
        low = fmin(low, tj_data_number(one, "ci_low"));
        high = fmax(high, tj_data_number(one, "ci_high"));
    }
    tj_scale scale;
    tj_scale_linear(&scale, low, high, true, TJ_UNIT_POINTS);
    tj_rows_begin(out, "Paired differences, in points");
    tj_row row = difference_row(first, headline_label(first));
    row.detail = "headline";
    tj_rows_row(out, &scale, &row);
    json_array_foreach(more, i, one)
    {
        row = difference_row(one, tj_data_text(one, "label"));
        tj_rows_row(out, &scale, &row);
    }
    tj_rows_end(
        out, &scale,
        "For each problem the difference is the mean over seeds; the interval is a bootstrap "
        "over problems. Right of zero favours the first of the two.");
}

static void seeds_rows(tj_buf *out, const json_t *difference, const char *label, bool declared)
{
    tj_buf_str(out, "<tbody class=\"group\"><tr><th scope=\"rowgroup\" colspan=\"7\">");
    tj_html_str(out, label);
    tj_buf_str(out, "</th></tr>\n");
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(difference, "seeds"), i, row)
    {
        tj_buf_printf(out, "<tr%s><th scope=\"row\">%lld%s</th><td class=\"n\">",
                      declared && i == 0 ? " class=\"strong\"" : "",
                      (long long)json_integer_value(json_object_get(row, "seed")),
                      declared && i == 0 ? " <small>the declared one</small>" : "");
        tj_html_percent(out, tj_data_number(row, "a"));
        tj_buf_str(out, "</td><td class=\"n\">");
        tj_html_percent(out, tj_data_number(row, "b"));
        tj_buf_str(out, "</td><td class=\"n\">");
        tj_html_points(out, tj_data_number(row, "points"));
        tj_buf_str(out, "</td><td class=\"n\">");
        tj_html_count(out, tj_data_number(row, "only_a"));
        tj_buf_str(out, "</td><td class=\"n\">");
        tj_html_count(out, tj_data_number(row, "only_b"));
        tj_buf_str(out, "</td><td class=\"n\">");
        if (tj_data_has(row, "p_mcnemar")) {
            tj_buf_str(out, "p ");
        }
        tj_html_p(out, tj_data_number(row, "p_mcnemar"), tj_data_number(row, "log10_p"));
        tj_buf_str(out, "</td></tr>\n");
    }
    tj_buf_str(out, "</tbody>\n");
}

/* A declaration counts only if it stands in the ledger before the first look at the test set. */
static void declaration(tj_buf *out, const json_t *data)
{
    const json_t *ledger = json_object_get(data, "ledger");
    const json_t *declared = json_object_get(ledger, "declaration");
    tj_buf_str(out, "<div class=\"note\">");
    if (!json_is_object(declared)) {
        tj_buf_str(out,
                   "<p>The ledger holds no declaration of N, settings and seeds from before the "
                   "first look at the test problems: read the test as exploratory.</p></div>\n");
        return;
    }
    const char *time = tj_data_text(declared, "time");
    const char *look = tj_data_text(declared, "first_look");
    bool late = look[0] != '\0' && strcmp(time, look) > 0; /* RFC 3339 UTC sorts as text */
    tj_buf_str(out, late ? "<p><b>Declared too late.</b> " : "<p><b>Declared beforehand.</b> ");
    tj_html_str(out, tj_data_text(declared, "text"));
    tj_buf_printf(out, "</p><p class=\"small soft\">Ledger entry %lld, ",
                  (long long)json_integer_value(json_object_get(declared, "entry")));
    tj_html_time(out, time);
    if (look[0] != '\0') {
        tj_buf_str(out, "; first look at the test problems ");
        tj_html_time(out, look);
    }
    tj_buf_str(out, ".<br><code class=\"hash\">");
    tj_html_str(out, tj_data_text(declared, "hash"));
    tj_buf_str(out, "</code></p></div>\n");
    if (tj_data_has(declared, "body")) {
        tj_buf_str(out, "<details class=\"box\"><summary>The declaration as it stands in the "
                        "ledger</summary><div class=\"inside\"><code class=\"hash\">");
        tj_html_str(out, tj_data_text(declared, "body"));
        tj_buf_str(out, "</code></div></details>\n");
    }
}

static void differences(tj_buf *out, const json_t *data)
{
    const json_t *first = json_object_get(data, "difference");
    if (!json_is_object(first)) {
        return;
    }
    tj_buf_str(out, "<h3>Paired, problem by problem</h3>\n");
    differences_chart(out, data);
    declaration(out, data);
    tj_html_table_begin(
        out, "All seeds, with McNemar’s exact test",
        "Seed|#First arm|#Second arm|#Difference, points|#Only first right|#Only second "
        "right|#McNemar, two-sided",
        false);
    seeds_rows(out, first, headline_label(first), true);
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(data, "differences"), i, one)
    {
        seeds_rows(out, one, tj_data_text(one, "label"), false);
    }
    tj_html_table_end(out);
}

void tj_section_comparison(tj_buf *out, const json_t *data)
{
    if (json_array_size(json_object_get(data, "arms")) == 0) {
        return;
    }
    tj_section_begin(out, "comparison", "The comparison");
    arms_chart(out, data);
    arms_table(out, data);
    differences(out, data);
    tj_section_end(out);
}

/* ------------------------------------------------------------ the curve over N */

#define MAX_CURVE_POINTS 32

static const struct {
    const char *key;
    const char *label;
} CURVE_ARMS[] = {{"journey", "journey"},
                  {"shortcut", "shortcut"},
                  {"journey_masked", "journey, wrong branches masked"},
                  {"base", "base"}};
#define N_CURVE_ARMS (sizeof CURVE_ARMS / sizeof CURVE_ARMS[0])

typedef struct curve {
    tj_tick ticks[MAX_CURVE_POINTS];
    double x[MAX_CURVE_POINTS];
    double y[N_CURVE_ARMS][3][MAX_CURVE_POINTS]; /* accuracy, low, high */
    tj_series series[N_CURVE_ARMS];
    size_t n_series;
    double min, max;
} curve;

/* N on a logarithmic axis on which 0 stands one gap before the smallest N. */
static void place_ns(curve *c, const json_t *points, size_t n)
{
    double low = HUGE_VAL;
    double high = 0.0;
    for (size_t i = 0; i < n; i++) {
        double at = tj_data_number(json_array_get(points, i), "n");
        low = at > 0.0 ? fmin(low, at) : low;
        high = fmax(high, at);
    }
    double width = high > low ? log(high / low) : 1.0;
    for (size_t i = 0; i < n; i++) {
        double at = tj_data_number(json_array_get(points, i), "n");
        double place = at > 0.0 ? 0.24 + 0.7 * (high > low ? log(at / low) / width : 0.5) : 0.06;
        c->x[i] = place;
        c->ticks[i].at = place;
        (void)snprintf(c->ticks[i].label, sizeof c->ticks[i].label, "%.0f", at);
    }
}

static void add_curve_arm(curve *c, const json_t *points, size_t n, size_t a)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        const json_t *arm = json_object_get(json_array_get(points, i), CURVE_ARMS[a].key);
        c->y[a][0][i] = tj_data_number(arm, "accuracy");
        c->y[a][1][i] = tj_data_number(arm, "ci_low");
        c->y[a][2][i] = tj_data_number(arm, "ci_high");
        any = any || json_is_object(arm);
        c->min = json_is_object(arm) ? fmin(c->min, c->y[a][1][i]) : c->min;
        c->max = json_is_object(arm) ? fmax(c->max, c->y[a][2][i]) : c->max;
    }
    if (any) {
        c->series[c->n_series++] = (tj_series){.family = tj_data_family(CURVE_ARMS[a].key),
                                               .label = CURVE_ARMS[a].label,
                                               .x = c->x,
                                               .y = c->y[a][0],
                                               .low = c->y[a][1],
                                               .high = c->y[a][2],
                                               .n = n,
                                               .marks = true};
    }
}

static void curve_chart(tj_buf *out, const json_t *data, const json_t *points)
{
    curve *c = tj_calloc(1, sizeof *c);
    if (c == NULL) {
        out->failed = true;
        return;
    }
    size_t n = json_array_size(points);
    n = n < MAX_CURVE_POINTS ? n : MAX_CURVE_POINTS;
    c->min = 1.0;
    place_ns(c, points, n);
    for (size_t a = 0; a < N_CURVE_ARMS; a++) {
        add_curve_arm(c, points, n, a);
    }
    char caption[160];
    (void)snprintf(caption, sizeof caption,
                   "Logarithmic from the smallest N; 0 is the base before phase 2. Bars: %.4g%% "
                   "intervals over problems.",
                   tj_data_level(data));
    tj_plot plot = {.title = "Accuracy over N",
                    .subtitle = "test problems answered correctly",
                    .x_name = "N, problems trained on in phase 2",
                    .caption = caption,
                    .x_ticks = c->ticks,
                    .n_x_ticks = n,
                    .series = c->series,
                    .n_series = c->n_series};
    tj_scale_linear(&plot.y, c->min, c->max, false, TJ_UNIT_PERCENT);
    tj_plot_draw(out, &plot);
    tj_free(c);
}

static void curve_cell(tj_buf *out, const json_t *point, const char *key)
{
    const json_t *arm = json_object_get(point, key);
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_percent(out, tj_data_number(arm, "accuracy"));
    if (json_is_object(arm)) {
        tj_buf_str(out, " <small>");
        tj_html_number(out, 100.0 * tj_data_number(arm, "ci_low"), 1);
        tj_buf_str(out, " to ");
        tj_html_number(out, 100.0 * tj_data_number(arm, "ci_high"), 1);
        tj_buf_str(out, "</small>");
    }
}

static void curve_row(tj_buf *out, const json_t *point)
{
    const json_t *difference = json_object_get(point, "difference");
    tj_buf_str(out, "<tr><td class=\"n\">");
    tj_html_count(out, tj_data_number(point, "n"));
    bool start = tj_data_size(point, "n") == 0;
    curve_cell(out, point, start && !tj_data_has(point, "shortcut") ? "base" : "shortcut");
    curve_cell(out, point, start && !tj_data_has(point, "journey") ? "base" : "journey");
    curve_cell(out, point, "journey_masked");
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_points(out, tj_data_number(difference, "points"));
    if (json_is_object(difference)) {
        tj_buf_str(out, " <small>");
        tj_html_signed_range(out, tj_data_number(difference, "ci_low"),
                             tj_data_number(difference, "ci_high"));
        tj_buf_str(out, "</small>");
    }
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_count(out, tj_data_number(point, "n_seeds"));
    tj_buf_str(out, "</td></tr>\n");
}

static void curve_table(tj_buf *out, const json_t *points)
{
    tj_html_table_of(out, "The curve in numbers",
                     "#N|#Shortcut|#Journey|#Masked journey|#Difference, points|#Seeds", false,
                     points, curve_row);
}

void tj_section_curve(tj_buf *out, const json_t *data)
{
    const json_t *points = json_object_get(json_object_get(data, "curve"), "points");
    tj_section_begin(out, "curve", "How it grows with N");
    if (json_array_size(points) == 0) {
        tj_buf_str(out, "<div class=\"how\"><p>The curve over N has not been computed in this "
                        "workspace: this profile trains at one N only. To compute it, with all "
                        "controls and several bases, run</p><pre>tabiji demo --full</pre><p>which "
                        "takes hours, may be stopped at any moment and goes on where it "
                        "stopped.</p></div>\n");
    } else {
        curve_chart(out, data, points);
        curve_table(out, points);
        const char *note = tj_data_text(json_object_get(data, "curve"), "note");
        if (note[0] != '\0') {
            tj_buf_str(out, "<p class=\"note\">");
            tj_html_str(out, note);
            tj_buf_str(out, "</p>\n");
        }
    }
    tj_section_end(out);
}
