/* What it cost, every run, what the numbers do not say, and how to do it again. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/report_chart.h"
#include "report/report_data.h"
#include "report/report_html.h"
#include "report/report_sections.h"

/* ------------------------------------------------------------ cost by stage */

#define MAX_STAGES 32 /* kinds of stages; tabiji has about ten */

typedef struct stage_cost {
    const char *stage;
    size_t n_runs;
    size_t n_failed; /* that did not end well */
    double seconds;
    double tokens;
} stage_cost;

static size_t sum_stages(stage_cost *costs, const json_t *runs)
{
    size_t n = 0;
    size_t i;
    const json_t *run;
    json_array_foreach(runs, i, run)
    {
        const char *stage = tj_data_text(run, "stage");
        size_t at = 0;
        while (at < n && strcmp(costs[at].stage, stage) != 0) {
            at++;
        }
        if (at == n && n == MAX_STAGES) {
            at = n - 1; /* the last one holds the rest */
            costs[at].stage = "others";
        } else if (at == n) {
            costs[n++] = (stage_cost){.stage = stage};
        }
        costs[at].n_runs++;
        costs[at].n_failed += strcmp(tj_data_text(run, "status"), "done") != 0;
        double seconds = tj_data_number(run, "seconds");
        double tokens = tj_data_number(run, "tokens");
        costs[at].seconds += isfinite(seconds) ? seconds : 0.0;
        costs[at].tokens += isfinite(tokens) ? tokens : 0.0;
    }
    return n;
}

static void cost_table(tj_buf *out, const stage_cost *costs, size_t n)
{
    stage_cost total = {.stage = "All"};
    tj_html_table_begin(out, "Cost by stage, in numbers",
                        "Stage|#Runs|#Not done|#Time|#Tokens|#Tokens a second", false);
    tj_buf_str(out, "<tbody>\n");
    for (size_t i = 0; i <= n; i++) {
        const stage_cost *c = i < n ? &costs[i] : &total;
        if (i < n) {
            total.n_runs += c->n_runs;
            total.n_failed += c->n_failed;
            total.seconds += c->seconds;
            total.tokens += c->tokens;
        }
        tj_buf_str(out,
                   i < n ? "<tr><th scope=\"row\">" : "<tr class=\"strong\"><th scope=\"row\">");
        tj_html_str(out, c->stage);
        tj_buf_printf(out, "</th><td class=\"n\">%zu</td><td class=\"n\">%zu</td><td class=\"n\">",
                      c->n_runs, c->n_failed);
        tj_html_seconds(out, c->seconds);
        tj_buf_str(out, "</td><td class=\"n\">");
        tj_html_count(out, c->tokens);
        tj_buf_str(out, "</td><td class=\"n\">");
        tj_html_amount(out, c->seconds > 0.0 ? c->tokens / c->seconds : (double)NAN);
        tj_buf_str(out, "</td></tr>\n");
    }
    tj_buf_str(out, "</tbody>");
    tj_html_table_end(out);
}

static void cost_chart(tj_buf *out, const stage_cost *costs, size_t n, bool tokens)
{
    double most = 0.0;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, tokens ? costs[i].tokens : costs[i].seconds);
    }
    if (!(most > 0.0)) {
        return;
    }
    tj_scale scale;
    tj_scale_linear(&scale, 0.0, most, true, tokens ? TJ_UNIT_AMOUNT : TJ_UNIT_SECONDS);
    tj_bars_begin(out, tokens ? "Tokens, by stage" : "Time, by stage");
    for (size_t i = 0; i < n; i++) {
        tj_row row = {.family = "base",
                      .bar = true,
                      .label = costs[i].stage,
                      .value = tokens ? costs[i].tokens : costs[i].seconds};
        tj_rows_row(out, &scale, &row);
    }
    tj_rows_end(out, &scale,
                tokens ? "Tokens computed in training or generated."
                       : "Wall-clock time, failed runs "
                         "included.");
}

/* ------------------------------------------------------------ every run */

static const struct {
    const char *status, *class, *symbol, *phrase;
} STATUSES[] = {{"done", "good", "✓", "done"},
                {"failed", "bad", "✕", "failed"},
                {"cancelled", "dead", "◼", "cancelled"},
                {"abandoned", "bad", "✕", "abandoned"},
                {"running", "open", "▸", "still running"},
                {"pending", "open", "·", "pending"}};
#define N_STATUSES (sizeof STATUSES / sizeof STATUSES[0])

static void status_counts(tj_buf *out, const json_t *runs)
{
    tj_buf_printf(out, "<p>%zu runs: ", json_array_size(runs));
    bool any = false;
    for (size_t s = 0; s < N_STATUSES; s++) {
        size_t n = 0;
        size_t i;
        const json_t *run;
        json_array_foreach(runs, i, run)
        {
            n += strcmp(tj_data_text(run, "status"), STATUSES[s].status) == 0;
        }
        if (n > 0) {
            tj_buf_printf(out, "%s%zu %s", any ? ", " : "", n, STATUSES[s].phrase);
            any = true;
        }
    }
    tj_buf_str(out, ". None is left out.</p>\n");
}

static void run_row(tj_buf *out, const json_t *run)
{
    size_t s = 0;
    while (s + 1 < N_STATUSES && strcmp(STATUSES[s].status, tj_data_text(run, "status")) != 0) {
        s++;
    }
    tj_buf_printf(out, "<tr><th scope=\"row\" class=\"n\">%lld</th><td>",
                  (long long)json_integer_value(json_object_get(run, "id")));
    tj_html_str(out, tj_data_text(run, "stage"));
    tj_buf_str(out, "</td><td class=\"text\">");
    tj_html_str(out, tj_data_text(run, "label"));
    tj_html_below(out, tj_data_text(run, "error"));
    tj_buf_printf(out, "</td><td><span class=\"chip %s\">%s %s</span></td><td class=\"n\">",
                  STATUSES[s].class, STATUSES[s].symbol, STATUSES[s].phrase);
    if (tj_data_has(run, "seed")) {
        tj_buf_printf(out, "%lld", (long long)json_integer_value(json_object_get(run, "seed")));
    }
    tj_buf_str(out, "</td><td>");
    tj_html_time(out, tj_data_text(run, "started"));
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_seconds(out, tj_data_number(run, "seconds"));
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_amount(out, tj_data_number(run, "tokens"));
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_count(out, tj_data_number(run, "updates"));
    tj_buf_str(out, "</td><td>");
    tj_html_digest(out, tj_data_text(run, "config_digest"));
    tj_buf_str(out, "</td></tr>\n");
}

void tj_section_runs(tj_buf *out, const json_t *data)
{
    const json_t *runs = json_object_get(data, "runs");
    tj_section_begin(out, "runs", "Cost and runs");
    if (json_array_size(runs) == 0) {
        tj_buf_str(out, "<p>The workspace has no runs.</p>\n");
        tj_section_end(out);
        return;
    }
    stage_cost costs[MAX_STAGES];
    size_t n = sum_stages(costs, runs);
    tj_buf_str(out, "<div class=\"figures\">\n");
    cost_chart(out, costs, n, false);
    cost_chart(out, costs, n, true);
    tj_buf_str(out, "</div>\n");
    cost_table(out, costs, n);
    tj_buf_str(out, "<h3>Every run</h3>\n");
    status_counts(out, runs);
    tj_html_table_of(out, "Runs, failed ones included",
                     "#Run|Stage|What|Status|#Seed|Started|#Time|#Tokens|#Updates|Config", true,
                     runs, run_row);
    tj_section_end(out);
}

/* ------------------------------------------------------------ limits */

static void own_limits(tj_buf *out, const json_t *data)
{
    size_t i;
    const json_t *limit;
    json_array_foreach(json_object_get(data, "limits"), i, limit)
    {
        tj_buf_str(out, "<li>");
        tj_html_str(out, json_string_value(limit));
        tj_buf_str(out, "</li>\n");
    }
    tj_buf_str(out, "</ul>\n");
}

static void limits(tj_buf *out, const json_t *data)
{
    size_t n_seeds = json_array_size(json_object_get(data, "seeds"));
    if (!tj_data_has(data, "model")) {
        tj_buf_str(out, "<ul class=\"plain\">\n<li>No experiment was made in this workspace: "
                        "nothing here says what a model learns from it.</li>\n");
        own_limits(out, data);
        return;
    }
    tj_buf_str(out,
               "<ul class=\"plain\">\n<li>One task, one family of small models. What holds for ");
    tj_html_str(out, tj_data_text(json_object_get(data, "task"), "name"));
    tj_buf_str(out,
               " need not hold for mathematics in words or for large models.</li>\n<li>The "
               "intervals speak of other problems of the same kind, for these trained models. ");
    tj_buf_printf(out,
                  "How much another training run would differ is said only by the spread over %zu "
                  "seed%s, which is too few for an interval of its own.</li>\n",
                  n_seeds, n_seeds == 1 ? "" : "s");
    tj_buf_str(out,
               "<li>One comparison was declared beforehand. The others are shown to be read "
               "with it, and are not corrected for their number.</li>\n<li>pass@n lets the exact "
               "verifier choose. It bounds what sampling could give, and is no way to answer a "
               "question whose answer is not known.</li>\n");
    own_limits(out, data);
}

static void hash_fact(tj_buf *out, const char *name, const char *hash)
{
    tj_buf_printf(out, "<dt>%s</dt><dd class=\"hash\"><code>", name);
    tj_html_str(out, hash);
    tj_buf_str(out, "</code></dd>\n");
}

static void reproduce(tj_buf *out, const json_t *data)
{
    const json_t *e = json_object_get(data, "environment");
    const json_t *ledger = json_object_get(data, "ledger");
    tj_buf_str(out, "<h3>Do it again</h3>\n<div class=\"command\"><pre>");
    tj_html_str(out, tj_data_text(data, "command"));
    tj_buf_str(out, "</pre><button type=\"button\" class=\"copy\">Copy</button></div>\n<p>The same "
                    "build, instruction set, configuration and seed give the same bits.</p>\n"
                    "<dl class=\"facts\">\n");
    tj_html_fact(out, "tabiji", tj_data_text(e, "version"));
    tj_html_fact(out, "Build", tj_data_text(e, "build_id"));
    tj_html_fact(out, "Compiler", tj_data_text(e, "compiler"));
    tj_html_fact(out, "Instruction set", tj_data_text(e, "isa"));
    tj_html_fact(out, "Precision", tj_data_text(e, "precision"));
    tj_html_fact_count(out, "Threads", tj_data_number(e, "threads"));
    tj_html_fact(out, "Processor", tj_data_text(e, "cpu"));
    if (tj_data_has(e, "memory_bytes")) {
        tj_buf_str(out, "<dt>Memory</dt><dd>");
        tj_html_bytes(out, tj_data_number(e, "memory_bytes"));
        tj_buf_str(out, "</dd>\n");
    }
    tj_html_fact(out, "System", tj_data_text(e, "os"));
    double resamples = tj_data_number(data, "n_resamples");
    if (tj_data_has(data, "model")) {
        tj_html_fact_count(out, "Bootstrap resamples", isfinite(resamples) ? resamples : 10000.0);
    }
    tj_html_fact_count(out, "Ledger entries", tj_data_number(ledger, "n_entries"));
    hash_fact(out, "Ledger head", tj_data_text(ledger, "head"));
    if (tj_data_has(ledger, "signature")) {
        hash_fact(out, "Signed by", tj_data_text(ledger, "key"));
        hash_fact(out, "Signature", tj_data_text(ledger, "signature"));
    }
    tj_buf_str(out, "</dl>\n");
}

void tj_section_limits(tj_buf *out, const json_t *data)
{
    tj_section_begin(out, "limits", "Limits, and how to do it again");
    limits(out, data);
    reproduce(out, data);
    tj_section_end(out);
}
