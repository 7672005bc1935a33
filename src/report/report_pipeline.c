/* How it was made: the picture of what flows, the stages with their cost, the model, the machine
 * and every setting. */
#include <math.h>
#include <string.h>

#include "report/report_data.h"
#include "report/report_html.h"
#include "report/report_sections.h"

void tj_section_begin(tj_buf *out, const char *id, const char *title)
{
    tj_buf_printf(out, "<section id=\"%s\" aria-labelledby=\"%s-title\">\n<h2 id=\"%s-title\">", id,
                  id, id);
    tj_html_str(out, title);
    tj_buf_str(out, "</h2>\n");
}

void tj_section_end(tj_buf *out)
{
    tj_buf_str(out, "</section>\n\n");
}

/* ------------------------------------------------------------ the picture */

#define BOX_WIDTH  124
#define BOX_HEIGHT 54

static void box(tj_buf *out, int x, int y, const char *class, const char *title, const char *sub)
{
    tj_buf_printf(out, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\"/>",
                  class, x, y, BOX_WIDTH, BOX_HEIGHT);
    tj_buf_printf(out, "<text x=\"%d\" y=\"%d\">%s</text>", x + BOX_WIDTH / 2, y + 23, title);
    tj_buf_printf(out, "<text class=\"sub\" x=\"%d\" y=\"%d\">", x + BOX_WIDTH / 2, y + 41);
    tj_html_short(out, sub, 24);
    tj_buf_str(out, "</text>\n");
}

static void arrow(tj_buf *out, int x1, int y1, int x2, int y2)
{
    int mid = (x1 + x2) / 2;
    tj_buf_printf(out, "<path class=\"arrow\" d=\"M%d %dC%d %d %d %d %d %d\"/>", x1, y1, mid, y1,
                  mid, y2, x2 - 5, y2);
    tj_buf_printf(out, "<path class=\"tip\" d=\"M%d %dl-8 -4v8z\"/>\n", x2, y2);
}

/* Empties a buffer for the next phrase; one that failed stays failed, which clearing would hide. */
static void next_phrase(tj_buf *phrase)
{
    if (!phrase->failed) {
        tj_buf_clear(phrase);
    }
}

static void picture(tj_buf *out, const json_t *data)
{
    tj_buf sub;
    tj_buf_init(&sub);
    tj_buf_str(out,
               "<figure><div class=\"flow\" tabindex=\"0\" role=\"img\" aria-label=\"Problems "
               "train a base model; the base model grows trees; from each tree come a shortcut "
               "and a journey; one model is trained on each; both answer the same unseen "
               "problems.\"><svg viewBox=\"0 0 864 196\">\n");
    const int step = BOX_WIDTH + 24;
    const int mid = 98 - BOX_HEIGHT / 2;
    const int up = 18;
    const int down = 196 - 18 - BOX_HEIGHT;
    box(out, 0, mid, "", "Problems", tj_data_text(json_object_get(data, "task"), "name"));
    tj_html_amount(&sub, tj_data_number(json_object_get(data, "model"), "parameters"));
    tj_buf_str(&sub, " parameters");
    box(out, step, mid, "c-base", "Base model", tj_buf_text(&sub));
    box(out, 2 * step, mid, "", "Trees", "grown by the base");
    box(out, 3 * step, up, "c-shortcut", "Shortcuts", "the correct path");
    box(out, 3 * step, down, "c-journey", "Journeys", "mistakes kept");
    next_phrase(&sub);
    tj_html_count(&sub, tj_data_number(data, "n_train"));
    tj_buf_str(&sub, " problems");
    box(out, 4 * step, up, "c-shortcut", "Shortcut model", tj_buf_text(&sub));
    box(out, 4 * step, down, "c-journey", "Journey model", tj_buf_text(&sub));
    next_phrase(&sub);
    tj_html_count(&sub, tj_data_number(data, "n_test"));
    tj_buf_str(&sub, " unseen");
    box(out, 5 * step, mid, "", "Comparison", tj_buf_text(&sub));
    for (int i = 0; i < 2; i++) {
        arrow(out, i * step + BOX_WIDTH, 98, (i + 1) * step, 98);
    }
    const int rows[] = {up + BOX_HEIGHT / 2, down + BOX_HEIGHT / 2};
    for (int i = 0; i < 2; i++) {
        arrow(out, 2 * step + BOX_WIDTH, 98, 3 * step, rows[i]);
        arrow(out, 3 * step + BOX_WIDTH, rows[i], 4 * step, rows[i]);
        arrow(out, 4 * step + BOX_WIDTH, rows[i], 5 * step, 98);
    }
    tj_buf_str(out, "</svg></div><figcaption>Both models start from the same base and learn from "
                    "the same problems and trees. Only what is written down differs.</figcaption>"
                    "</figure>\n");
    out->failed = out->failed || sub.failed;
    tj_buf_deinit(&sub);
}

/* ------------------------------------------------------------ stages and settings */

static const char *status_class(const char *status)
{
    if (strcmp(status, "done") == 0) {
        return "good";
    }
    return strcmp(status, "failed") == 0 || strcmp(status, "abandoned") == 0 ? "bad" : "dead";
}

static void stage_row(tj_buf *out, const json_t *stage)
{
    tj_buf_str(out, "<tr><th scope=\"row\" class=\"wide\">");
    tj_html_str(out, tj_data_text(stage, "title"));
    tj_html_below(out, tj_data_text(stage, "detail"));
    tj_buf_str(out, "</th><td>");
    tj_html_str(out, tj_data_text(stage, "in"));
    tj_buf_str(out, "</td><td>");
    tj_html_str(out, tj_data_text(stage, "out"));
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_amount(out, tj_data_number(stage, "tokens"));
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_seconds(out, tj_data_number(stage, "seconds"));
    const char *status = tj_data_text(stage, "status");
    tj_buf_printf(out, "</td><td><span class=\"chip %s\">%s</span></td></tr>\n",
                  status_class(status), status);
}

static void stages(tj_buf *out, const json_t *data)
{
    const json_t *list = json_object_get(data, "pipeline");
    if (json_array_size(list) == 0) {
        return;
    }
    tj_html_table_of(out, "Stages, in the order in which they ran",
                     "Stage|In|Out|#Tokens|#Time|Status", false, list, stage_row);
}

static void model_facts(tj_buf *out, const json_t *data)
{
    const json_t *model = json_object_get(data, "model");
    tj_buf_str(out, "<div><h3>Model</h3><dl class=\"facts\">\n");
    tj_html_fact_count(out, "Parameters", tj_data_number(model, "parameters"));
    tj_html_fact_count(out, "Layers", tj_data_number(model, "layers"));
    tj_html_fact_count(out, "Width", tj_data_number(model, "width"));
    tj_buf_str(out, "<dt>Heads</dt><dd>");
    tj_html_count(out, tj_data_number(model, "heads"));
    tj_buf_str(out, " query, ");
    tj_html_count(out, tj_data_number(model, "kv_heads"));
    tj_buf_str(out, " key-value</dd>\n");
    tj_html_fact_count(out, "Feed-forward", tj_data_number(model, "feed_forward"));
    tj_html_fact_count(out, "Vocabulary", tj_data_number(model, "vocabulary"));
    tj_html_fact_count(out, "Context", tj_data_number(model, "context"));
    const char *hash = tj_data_text(model, "tokenizer_hash");
    if (hash[0] != '\0') {
        tj_buf_str(out, "<dt>Tokenizer</dt><dd class=\"hash\"><code>");
        tj_html_str(out, hash);
        tj_buf_str(out, "</code></dd>\n");
    }
    tj_buf_str(out, "</dl></div>\n");
}

static void task_facts(tj_buf *out, const json_t *data)
{
    const json_t *task = json_object_get(data, "task");
    const char *order = tj_data_text(data, "walk_order");
    tj_buf_str(out, "<div><h3>Task and journeys</h3><dl class=\"facts\">\n");
    tj_html_fact(out, "Task", tj_data_text(task, "name"));
    tj_html_fact(out, "What is asked", tj_data_text(task, "description"));
    if (strcmp(order, "sampled") == 0) {
        tj_html_fact(out, "Walk",
                     "sampled: children in the order in which the policy sampled them, until a "
                     "good one");
    } else if (strcmp(order, "paper") == 0) {
        tj_html_fact(out, "Walk", "paper: a wrong child is forced first where there is one");
    }
    tj_html_fact_count(out, "Headline N", tj_data_number(data, "n_train"));
    tj_html_fact_count(out, "Test problems", tj_data_number(data, "n_test"));
    tj_buf_str(out, "<dt>Seeds</dt><dd>");
    size_t i;
    const json_t *seed;
    json_array_foreach(json_object_get(data, "seeds"), i, seed)
    {
        tj_buf_printf(out, "%s%lld", i > 0 ? ", " : "", (long long)json_integer_value(seed));
    }
    tj_buf_str(out, "</dd></dl></div>\n");
}

void tj_section_pipeline(tj_buf *out, const json_t *data)
{
    tj_section_begin(out, "pipeline", "How it was made");
    picture(out, data);
    stages(out, data);
    tj_buf_str(out, "<div class=\"pair\">\n");
    task_facts(out, data);
    model_facts(out, data);
    tj_buf_str(out, "</div>\n");
    json_t *config = json_object_get(data, "config");
    if (json_object_size(config) > 0) {
        tj_buf_str(out, "<details class=\"box\"><summary>The whole configuration</summary>"
                        "<div class=\"inside\"><dl class=\"facts\">\n");
        tj_html_leaves(out, config);
        tj_buf_str(out, "</dl></div></details>\n");
    }
    tj_section_end(out);
}
