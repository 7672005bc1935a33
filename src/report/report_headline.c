/* The claim, as plainly as the numbers allow: in favour, against, or not shown. The words are
 * chosen by the interval of the paired difference alone; what the same tokens buy the shortcut
 * model is said in the same place, since a sceptic asks for it first. */
#include <math.h>
#include <string.h>

#include "report/report_chart.h"
#include "report/report_data.h"
#include "report/report_html.h"
#include "report/report_sections.h"

static double first_seed_number(const json_t *difference, const char *key)
{
    return tj_data_number(json_array_get(json_object_get(difference, "seeds"), 0), key);
}

static void write_level(tj_buf *out, const json_t *data)
{
    tj_buf_printf(out, "%.4g%% interval ", tj_data_level(data));
}

static const char *budget_phrase(const json_t *arm)
{
    const char *budget = tj_data_text(arm, "budget");
    if (strcmp(budget, "updates") == 0) {
        return ", for the same number of updates";
    }
    if (strcmp(budget, "tokens") == 0) {
        return ", for the same number of tokens";
    }
    return strcmp(budget, "epochs") == 0 ? ", for the same number of epochs" : "";
}

static void claim(tj_buf *out, const json_t *data, const json_t *journey, const json_t *shortcut)
{
    const json_t *difference = json_object_get(data, "difference");
    tj_buf_str(out, "<p class=\"claim\">On ");
    tj_html_count(out, tj_data_number(data, "n_test"));
    tj_buf_str(out, " problems never seen before, the model trained on <em>journeys</em> gets <b>");
    tj_html_percent(out, tj_data_number(journey, "accuracy"));
    tj_buf_str(out, "</b> right, and the model trained on <em>shortcuts</em> from the same ");
    tj_html_count(out, tj_data_number(data, "n_train"));
    tj_buf_str(out, " problems and the same trees");
    tj_buf_str(out, budget_phrase(journey));
    tj_buf_str(out, ", <b>");
    tj_html_percent(out, tj_data_number(shortcut, "accuracy"));
    tj_buf_str(out, "</b>: a difference of <b>");
    tj_html_points(out, tj_data_number(difference, "points"));
    tj_buf_str(out, " points</b> (");
    write_level(out, data);
    tj_html_signed_range(out, tj_data_number(difference, "ci_low"),
                         tj_data_number(difference, "ci_high"));
    tj_buf_str(out, ").</p>\n");
}

static void verdict(tj_buf *out, const json_t *data)
{
    const json_t *difference = json_object_get(data, "difference");
    bool helped = tj_data_number(difference, "ci_low") > 0.0;
    bool harmed = tj_data_number(difference, "ci_high") < 0.0;
    const char *class = helped ? "up" : harmed ? "down" : "flat";
    const char *sign = helped ? "▲" : harmed ? "▼" : "≈";
    tj_buf_printf(out,
                  "<p class=\"verdict %s\"><span class=\"sign\" aria-hidden=\"true\">%s</span>"
                  "<span>",
                  class, sign);
    if (helped) {
        tj_buf_str(out, "The interval is clear of zero: with training on ");
        tj_html_count(out, tj_data_number(data, "n_train"));
        tj_buf_str(out, " problems, keeping the mistakes helped.");
    } else if (harmed) {
        tj_buf_str(out, "The interval is clear of zero, and against the claim: with training on ");
        tj_html_count(out, tj_data_number(data, "n_train"));
        tj_buf_str(out, " problems, keeping the mistakes made the model worse.");
    } else {
        tj_buf_str(out, "The interval includes zero: with training on ");
        tj_html_count(out, tj_data_number(data, "n_train"));
        tj_buf_str(out, " problems, this report does not show that journeys help, or that they "
                        "harm.");
    }
    tj_buf_str(out, "</span></p>\n");
}

/* Seeds, their spread, and the test; where they came from stands in the comparison. */
static void beside(tj_buf *out, const json_t *data)
{
    const json_t *difference = json_object_get(data, "difference");
    const json_t *seeds = json_object_get(difference, "seeds");
    size_t n = json_array_size(seeds);
    tj_buf_str(out, "<p>");
    if (n > 1) {
        tj_buf_printf(out, "The %zu seeds one by one: ", n);
        for (size_t i = 0; i < n; i++) {
            tj_buf_str(out, i > 0 ? ", " : "");
            tj_html_points(out, tj_data_number(json_array_get(seeds, i), "points"));
        }
        tj_buf_str(out, " points");
        if (tj_data_has(difference, "seed_sd")) {
            tj_buf_str(out, " (standard deviation ");
            tj_html_number(out, 100.0 * tj_data_number(difference, "seed_sd"), 1);
            tj_buf_char(out, ')');
        }
        tj_buf_str(out, ". ");
    }
    if (isfinite(first_seed_number(difference, "p_mcnemar"))) {
        tj_buf_str(out, "McNemar’s exact test on the first seed: <span class=\"nowrap\">p ");
        tj_html_p(out, first_seed_number(difference, "p_mcnemar"),
                  first_seed_number(difference, "log10_p"));
        tj_buf_str(out, "</span>. ");
    }
    tj_buf_str(out, "</p>\n");
}

static void write_samples(tj_buf *out, const json_t *arm)
{
    double n = tj_data_number(arm, "n_samples");
    if (isfinite(n)) {
        tj_html_plain(out, n);
        tj_buf_str(out, n == 1.0 ? " sample" : " samples");
    } else {
        tj_buf_str(out, "several samples");
    }
}

/* The paired difference of journey and that arm, if the data have it. */
static const json_t *against(const json_t *data, const char *key)
{
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(data, "differences"), i, one)
    {
        if (strcmp(tj_data_text(one, "a"), "journey") == 0 &&
            strcmp(tj_data_text(one, "b"), key) == 0) {
            return one;
        }
    }
    return NULL;
}

/* How the journey stands to the majority of the shortcut's samples: by the paired interval if
 * there is one, else by two numbers, and then that is said. */
static void same_tokens_verdict(tj_buf *out, const json_t *data, const json_t *journey,
                                const json_t *majority)
{
    const json_t *paired = against(data, "shortcut_same_tokens");
    double low = tj_data_number(paired, "ci_low");
    double high = tj_data_number(paired, "ci_high");
    if (paired == NULL) {
        bool below = tj_data_number(majority, "accuracy") < tj_data_number(journey, "accuracy");
        tj_buf_str(out, below ? ", less than the journey model (not a paired test). "
                              : ", no less than the journey model (not a paired test). ");
        return;
    }
    tj_buf_str(out, low > 0.0    ? ", less than the journey model: journey minus this is "
                    : high < 0.0 ? ", more than the journey model, so at this cost the shortcut is "
                                   "the better way: journey minus this is "
                                 : ", not clearly different from the journey model: journey minus "
                                   "this is ");
    tj_html_points(out, tj_data_number(paired, "points"));
    tj_buf_str(out, " (");
    tj_html_signed_range(out, low, high);
    tj_buf_str(out, "). ");
}

/* What the journey's tokens buy the shortcut model. */
static void same_tokens(tj_buf *out, const json_t *data, const json_t *journey)
{
    const json_t *majority = tj_data_arm(data, "shortcut_same_tokens");
    const json_t *verified = tj_data_arm(data, "shortcut_verified_same_tokens");
    if (majority == NULL && verified == NULL) {
        return;
    }
    tj_buf_str(out, "<p>An answer of the journey model costs ");
    tj_html_number(out, tj_data_number(journey, "tokens_per_answer"), 0);
    tj_buf_str(out, " tokens. ");
    if (majority != NULL) {
        tj_buf_str(out, "Given ");
        tj_html_number(out, tj_data_number(majority, "tokens_per_answer"), 0);
        tj_buf_str(out, ", the shortcut model (the majority of ");
        write_samples(out, majority);
        tj_buf_str(out, ") gets <b>");
        tj_html_percent(out, tj_data_number(majority, "accuracy"));
        tj_buf_str(out, "</b>");
        same_tokens_verdict(out, data, journey, majority);
    }
    if (verified != NULL) {
        tj_buf_str(out, "With the exact verifier choosing among its samples, which is pass@n and "
                        "needs to know the answer, it gets <b>");
        tj_html_percent(out, tj_data_number(verified, "accuracy"));
        tj_buf_str(out, "</b>.");
    }
    tj_buf_str(out, "</p>\n");
}

static void accuracy_tile(tj_buf *out, const json_t *arm, const char *family, const char *name)
{
    if (arm == NULL) {
        return;
    }
    tj_buf_str(out, "<div class=\"tile\"><dt>");
    tj_mark_inline(out, family, false);
    tj_buf_str(out, name);
    tj_buf_str(out, "</dt><dd>");
    tj_html_percent(out, tj_data_number(arm, "accuracy"));
    tj_buf_str(out, "<small>");
    tj_html_range(out, tj_data_number(arm, "ci_low"), tj_data_number(arm, "ci_high"));
    tj_buf_str(out, "</small></dd></div>\n");
}

static void tiles(tj_buf *out, const json_t *data, const json_t *journey, const json_t *shortcut)
{
    tj_buf_str(out, "<dl class=\"tiles\">\n");
    accuracy_tile(out, tj_data_arm(data, "base"), "base", "Base model");
    accuracy_tile(out, shortcut, "shortcut", "Shortcut");
    accuracy_tile(out, journey, "journey", "Journey");
    tj_buf_str(out, "<div class=\"tile\"><dt>Tokens an answer</dt><dd>");
    tj_html_number(out, tj_data_number(journey, "tokens_per_answer"), 0);
    tj_buf_str(out, "<small>journey; shortcut ");
    tj_html_number(out, tj_data_number(shortcut, "tokens_per_answer"), 0);
    tj_buf_str(out, "</small></dd></div>\n<div class=\"tile\"><dt>All of it took</dt><dd>");
    tj_html_seconds(out, tj_data_number(data, "seconds"));
    tj_buf_printf(out, "<small>%zu runs, each listed below</small></dd></div>\n</dl>\n",
                  json_array_size(json_object_get(data, "runs")));
}

void tj_section_headline(tj_buf *out, const json_t *data)
{
    const json_t *journey = tj_data_arm(data, "journey");
    const json_t *shortcut = tj_data_arm(data, "shortcut");
    tj_section_begin(out, "headline", "What was found");
    if (journey == NULL || shortcut == NULL || !tj_data_has(data, "difference")) {
        tj_buf_str(out, "<p class=\"claim\">The comparison has not been made yet.</p>\n<p>What is "
                        "below is what the workspace holds so far. Run <code>");
        tj_html_str(out, tj_data_text(data, "command"));
        tj_buf_str(out, "</code> to go on from here.</p>\n");
        tj_section_end(out);
        return;
    }
    claim(out, data, journey, shortcut);
    verdict(out, data);
    tiles(out, data, journey, shortcut);
    beside(out, data);
    same_tokens(out, data, journey);
    size_t i;
    const json_t *note;
    json_array_foreach(json_object_get(data, "notes"), i, note)
    {
        tj_buf_str(out, "<p class=\"note\">");
        tj_html_str(out, json_string_value(note));
        tj_buf_str(out, "</p>\n");
    }
    tj_section_end(out);
}
