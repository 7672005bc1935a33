/* The page: head, masthead, contents, sections, foot. A Content-Security-Policy in the page allows
 * the one style sheet and the one script that are embedded, by their digests, and nothing else. */
#include "report/report.h"

#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/fs.h"
#include "report/report_assets.h"
#include "report/report_data.h"
#include "report/report_html.h"
#include "report/report_sections.h"

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Appends 'sha256-BASE64' of an asset, as the policy names it. */
static void policy_digest(tj_buf *out, const unsigned char *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char hex[TJ_SHA256_HEX];
    tj_sha256_hex(hex, bytes, n);
    unsigned char raw[33] = {0}; /* 32 bytes and a zero: 33 = 11 * 3 */
    for (size_t i = 0; i < 32; i++) {
        raw[i] = (unsigned char)(16 * hex_digit(hex[2 * i]) + hex_digit(hex[2 * i + 1]));
    }
    tj_buf_str(out, "'sha256-");
    for (size_t i = 0; i < 33; i += 3) {
        unsigned triple = (unsigned)raw[i] << 16 | (unsigned)raw[i + 1] << 8 | raw[i + 2];
        for (unsigned k = 0; k < 4; k++) {
            bool pad = i + 3 == 33 && k == 3; /* 32 bytes end in one '=' */
            tj_buf_char(out, pad ? '=' : digits[triple >> (18 - 6 * k) & 63]);
        }
    }
    tj_buf_char(out, '\'');
}

static void head(tj_buf *out, const json_t *data)
{
    tj_buf_str(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                    "base-uri 'none'; form-action 'none'; img-src data:; style-src ");
    policy_digest(out, tj_report_css, tj_report_css_n);
    tj_buf_str(out, "; script-src ");
    policy_digest(out, tj_report_js, tj_report_js_n);
    tj_buf_str(out,
               "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
               "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    tj_html_str(out, tj_data_text(data, "title"));
    tj_buf_str(out, " · tabiji</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>");
    tj_buf_add(out, (const char *)tj_report_css, tj_report_css_n);
    tj_buf_str(out, "</style>\n</head>\n");
}

/* A way with a branch that leads nowhere, gone back from, and an arrival. */
static const char LOGO[] =
    "<svg viewBox=\"0 0 40 40\" aria-hidden=\"true\"><g class=\"c-shortcut\"><path class=\"line\" "
    "d=\"M14 24C14 14 8 13 7 7\"/></g><g class=\"c-journey\"><path class=\"line\" d=\"M14 37C14 24 "
    "15 "
    "20 22 17S33 12 33 7\"/><circle class=\"bar\" cx=\"33\" cy=\"6.5\" r=\"3.6\"/></g><g "
    "class=\"c-shortcut\"><path class=\"line\" d=\"M4.5 3l5 5M9.5 3l-5 5\"/></g></svg>";

static void masthead(tj_buf *out, const json_t *data)
{
    tj_buf_str(out, "<header class=\"masthead\">\n<div class=\"brand\">");
    tj_buf_str(out, LOGO);
    tj_buf_str(out, "<span><b>tabiji</b> progress report</span></div>\n<button type=\"button\" "
                    "class=\"theme\">Theme: auto</button>\n<h1>");
    tj_html_str(out, tj_data_text(data, "title"));
    tj_buf_str(out, "</h1>\n<p class=\"byline\"><span>");
    tj_html_time(out, tj_data_text(data, "created"));
    tj_buf_str(out, "</span><span>profile <bdi>");
    tj_html_str(out, tj_data_text(data, "profile"));
    tj_buf_str(out, "</bdi></span><span>");
    tj_html_str(out, tj_data_text(json_object_get(data, "task"), "name"));
    if (tj_data_has(data, "model")) {
        tj_buf_str(out, "</span><span>");
        tj_html_amount(out, tj_data_number(json_object_get(data, "model"), "parameters"));
        tj_buf_str(out, " parameters");
    }
    tj_buf_str(out, "</span></p>\n");
    if (!tj_data_true(data, "finished")) {
        tj_buf_str(out,
                   "<p class=\"banner\" role=\"status\"><b>Not finished.</b> Some stages have not "
                   "run yet; everything below is what the workspace holds so far.</p>\n");
    }
    tj_buf_str(out, "</header>\n");
}

typedef struct section {
    const char *id;
    const char *link;
    void (*write)(tj_buf *out, const json_t *data);
    bool of_experiment; /* says what an experiment did: not of a workspace without one */
} section;

static const section SECTIONS[] = {
    {"headline", "What was found", tj_section_headline, true},
    {"pipeline", "How it was made", tj_section_pipeline, true},
    {"data", "Data", tj_section_data, false},
    {"learning", "Learning curves", tj_section_learning, false},
    {"comparison", "The comparison", tj_section_comparison, false},
    {"process", "On the way", tj_section_process, false},
    {"curve", "Growth with N", tj_section_curve, true},
    {"thoughts", "Thoughts in numbers", tj_section_thoughts, false},
    {"trees", "Trees and journeys", tj_section_trees, false},
    {"cases", "Cases", tj_section_cases, false},
    {"evaluations", "Measured on data sets", tj_section_evaluations, false},
    {"runs", "Cost and runs", tj_section_runs, false},
    {"limits", "Limits, repeating it", tj_section_limits, false},
};
#define N_SECTIONS (sizeof SECTIONS / sizeof SECTIONS[0])

/* The contents name only sections that have something in them. */
static void contents_and_main(tj_buf *out, const json_t *data)
{
    tj_buf body;
    tj_buf_init(&body);
    tj_buf_str(out, "<nav class=\"contents\" aria-label=\"Contents\"><ol>\n");
    for (size_t i = 0; i < N_SECTIONS; i++) {
        size_t before = body.len;
        if (SECTIONS[i].of_experiment && !tj_data_has(data, "model")) {
            continue;
        }
        SECTIONS[i].write(&body, data);
        if (body.len > before) {
            tj_buf_printf(out, "<li><a href=\"#%s\">%s</a></li>\n", SECTIONS[i].id,
                          SECTIONS[i].link);
        }
    }
    tj_buf_str(out, "</ol></nav>\n<main id=\"main\">\n");
    tj_buf_add(out, tj_buf_text(&body), body.len);
    tj_buf_str(out, "</main>\n");
    out->failed = out->failed || body.failed;
    tj_buf_deinit(&body);
}

static void foot(tj_buf *out, const json_t *data)
{
    tj_buf_str(out, "<footer class=\"foot\">\n<p>Made by tabiji ");
    tj_html_str(out, tj_data_text(json_object_get(data, "environment"), "version"));
    tj_buf_str(out, " from report data with SHA-256 <code>");
    char *canonical = tj_json_canonical(data);
    if (canonical == NULL) {
        out->failed = true;
        return;
    }
    char hex[TJ_SHA256_HEX];
    tj_sha256_hex(hex, canonical, strlen(canonical));
    tj_free(canonical);
    tj_buf_str(out, hex);
    tj_buf_str(out, "</code>. This page loads nothing and sends nothing.</p>\n</footer>\n");
}

tj_code tj_report_html(tj_buf *out, const json_t *data, tj_err *err)
{
    tj_code rc = tj_report_check(data, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_buf page;
    tj_buf_init(&page);
    head(&page, data);
    tj_buf_str(&page, "<body>\n<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<div "
                      "class=\"frame\">\n");
    masthead(&page, data);
    contents_and_main(&page, data);
    foot(&page, data);
    tj_buf_str(&page, "</div>\n<script>");
    tj_buf_add(&page, (const char *)tj_report_js, tj_report_js_n);
    tj_buf_str(&page, "</script>\n</body>\n</html>\n");
    rc = tj_buf_check(&page, err);
    if (rc == TJ_OK) {
        size_t before = out->len;
        tj_buf_add(out, tj_buf_text(&page), page.len);
        rc = tj_buf_check(out, err);
        out->len = rc == TJ_OK ? out->len : before;
    }
    tj_buf_deinit(&page);
    return rc;
}

tj_code tj_report_write(const char *path, const json_t *data, tj_err *err)
{
    tj_buf page;
    tj_buf_init(&page);
    tj_code rc = tj_report_html(&page, data, err);
    if (rc == TJ_OK) {
        rc = tj_fs_write(path, tj_buf_text(&page), page.len, err);
    }
    tj_buf_deinit(&page);
    return rc;
}
