/* Models measured on data sets of the field: every evaluation of the workspace that is done. */
#include "report/report_data.h"
#include "report/report_html.h"
#include "report/report_sections.h"

/* The name stands beside the first score of an evaluation only. */
static void score_row(tj_buf *out, const json_t *e, const json_t *score, bool first)
{
    tj_buf_str(out, "<tr><th scope=\"row\" class=\"n\">");
    if (first) {
        tj_html_count(out, tj_data_number(e, "run"));
    }
    tj_buf_str(out, "</th><td class=\"text\">");
    tj_html_str(out, first ? tj_data_text(e, "label") : "");
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_count(out, tj_data_number(e, "problems"));
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_count(out, tj_data_number(e, "samples"));
    tj_buf_str(out, "</td><td>");
    tj_html_str(out, tj_data_text(score, "filter"));
    tj_buf_str(out, "</td><td>");
    tj_html_str(out, tj_data_text(score, "metric"));
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_percent(out, tj_data_number(score, "mean"));
    tj_buf_str(out, "</td><td class=\"n\">");
    tj_html_range(out, tj_data_number(score, "low"), tj_data_number(score, "high"));
    tj_buf_str(out, "</td></tr>\n");
}

void tj_section_evaluations(tj_buf *out, const json_t *data)
{
    const json_t *list = json_object_get(data, "evaluations");
    size_t i, k;
    const json_t *e, *score;
    if (json_array_size(list) == 0) {
        return;
    }
    tj_section_begin(out, "evaluations", "Measured on data sets");
    tj_buf_str(out,
               "<p>Evaluations of this workspace, each a run of its ledger, with 95% intervals "
               "over problems. The filter <code>grader</code> is tabiji's own; the others are "
               "lm-evaluation-harness's.</p>\n");
    tj_html_table_begin(out, "Evaluations on data sets",
                        "#Run|What|#Problems|#Samples|Filter|Score|#Mean|#Interval", true);
    tj_buf_str(out, "<tbody>\n");
    json_array_foreach(list, i, e)
    {
        json_array_foreach(json_object_get(e, "scores"), k, score)
        {
            score_row(out, e, score, k == 0);
        }
    }
    tj_buf_str(out, "</tbody>");
    tj_html_table_end(out);
    tj_section_end(out);
}
