/* The page and the summary, from simulated data: every sample gives well-formed HTML that loads
 * nothing from outside (read by a small checker of our own, which knows nothing of how the page
 * was written), says what the numbers say, and lets no text of the data become markup. Documents
 * that do not fit the contract are refused by their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fs.h"
#include "report/report.h"
#include "report/report_html.h"
#include "report/report_sample.h"

#define N_TEST 30 /* problems simulated: enough for every section to have something */

static char *page_of(const json_t *data)
{
    tj_buf out;
    tj_err err;
    tj_buf_init(&out);
    if (tj_report_html(&out, data, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return tj_buf_take(&out);
}

static char *sample_page(tj_sample kind)
{
    json_t *data = tj_sample_report(kind, N_TEST);
    char *page = page_of(data);
    json_decref(data);
    return page;
}

/* ------------------------------------------------------------ a small checker of HTML */

#define MAX_DEPTH 128
#define MAX_IDS   4096

typedef struct checker {
    char open[MAX_DEPTH][16];
    size_t depth;
    char *ids[MAX_IDS];
    size_t n_ids;
    char *refs[MAX_IDS]; /* what href="#…" and aria-labelledby point at */
    size_t n_refs;
    size_t n_scripts, n_styles;
} checker;

static bool is_void(const char *name)
{
    static const char *const names[] = {"meta", "link", "br", "img", "input", "hr"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void keep_value(char **list, size_t *n, const char *value, size_t len)
{
    assert_true(*n < MAX_IDS);
    list[*n] = tj_strndup(value, len);
    assert_non_null(list[*n]);
    (*n)++;
}

static void read_attribute(checker *c, const char *name, size_t n_name, const char *value,
                           size_t n_value)
{
    static const char *const loading[] = {"src", "srcset", "action", "style", "poster", "data"};
    assert_true(n_name < 2 || strncmp(name, "on", 2) != 0); /* no event handlers */
    for (size_t i = 0; i < sizeof loading / sizeof loading[0]; i++) {
        assert_false(strlen(loading[i]) == n_name && strncmp(loading[i], name, n_name) == 0);
    }
    if (n_name == 2 && strncmp(name, "id", 2) == 0) {
        keep_value(c->ids, &c->n_ids, value, n_value);
    } else if (n_name == 4 && strncmp(name, "href", 4) == 0) {
        bool icon = n_value == 6 && strncmp(value, "data:,", 6) == 0;
        assert_true(icon || value[0] == '#');
        if (!icon) {
            keep_value(c->refs, &c->n_refs, value + 1, n_value - 1);
        }
    } else if (n_name == 15 && strncmp(name, "aria-labelledby", 15) == 0) {
        keep_value(c->refs, &c->n_refs, value, n_value);
    }
}

/* From the first attribute to the '>' of the tag; gives what follows it. */
static const char *read_attributes(checker *c, const char *at, bool *closed)
{
    *closed = false;
    for (;;) {
        at += strspn(at, " \n");
        if (*at == '/' && at[1] == '>') {
            *closed = true;
            return at + 2;
        }
        if (*at == '>') {
            return at + 1;
        }
        size_t n_name =
            strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
        if (n_name == 0) {
            fail_msg("not an attribute: %.60s", at);
        }
        const char *name = at;
        at += n_name;
        if (*at != '=') {
            continue; /* open, without a value */
        }
        assert_int_equal(at[1], '"');
        const char *value = at + 2;
        size_t n_value = strcspn(value, "\"<");
        assert_int_equal(value[n_value], '"');
        read_attribute(c, name, n_name, value, n_value);
        at = value + n_value + 1;
    }
}

static const char *read_close(checker *c, const char *at)
{
    size_t n = strcspn(at, ">");
    assert_true(c->depth > 0);
    const char *want = c->open[--c->depth];
    if (strlen(want) != n || strncmp(want, at, n) != 0) {
        fail_msg("</%.*s> closes <%s>", (int)n, at, want);
    }
    return at + n + 1;
}

static const char *read_open(checker *c, const char *at)
{
    char name[16];
    size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789");
    assert_true(n > 0 && n < sizeof name);
    memcpy(name, at, n);
    name[n] = '\0';
    bool closed;
    at = read_attributes(c, at + n, &closed);
    c->n_scripts += strcmp(name, "script") == 0;
    c->n_styles += strcmp(name, "style") == 0;
    if (strcmp(name, "script") == 0 || strcmp(name, "style") == 0) {
        char end[24];
        (void)snprintf(end, sizeof end, "</%s>", name);
        at = strstr(at, end);
        assert_non_null(at);
        return at + strlen(end);
    }
    if (!closed && !is_void(name)) {
        assert_true(c->depth < MAX_DEPTH);
        memcpy(c->open[c->depth++], name, n + 1);
    }
    return at;
}

/* An '&' in text begins a reference. */
static void check_text(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)text[i];
        assert_true(byte >= 0x20 || byte == '\n' || byte == '\t');
        if (text[i] == '&') {
            size_t len = strcspn(text + i, ";");
            assert_true(len > 1 && len < 9);
        }
    }
}

static bool has_id(const checker *c, const char *id)
{
    for (size_t i = 0; i < c->n_ids; i++) {
        if (strcmp(c->ids[i], id) == 0) {
            return true;
        }
    }
    return false;
}

static void check_references(checker *c)
{
    for (size_t i = 0; i < c->n_ids; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(c->ids[i], c->ids[j]);
        }
    }
    for (size_t i = 0; i < c->n_refs; i++) {
        if (!has_id(c, c->refs[i])) {
            fail_msg("nothing has the id '%s'", c->refs[i]);
        }
    }
}

static void check_page(const char *page)
{
    static checker c;
    memset(&c, 0, sizeof c);
    const char *at = page;
    assert_int_equal(strncmp(at, "<!doctype html>\n", 16), 0);
    at += 16;
    while (*at != '\0') {
        size_t n = strcspn(at, "<");
        check_text(at, n);
        at += n;
        if (*at == '<') {
            at = at[1] == '/' ? read_close(&c, at + 2) : read_open(&c, at + 1);
        }
    }
    assert_int_equal(c.depth, 0);
    assert_int_equal(c.n_scripts, 1);
    assert_int_equal(c.n_styles, 1);
    check_references(&c);
    for (size_t i = 0; i < c.n_ids; i++) {
        tj_free(c.ids[i]);
    }
    for (size_t i = 0; i < c.n_refs; i++) {
        tj_free(c.refs[i]);
    }
}

static json_t *first(json_t *doc, const char *list)
{
    return json_array_get(json_object_get(doc, list), 0);
}

/* ------------------------------------------------------------ the page */

static void every_sample_is_well_formed_and_self_contained(void **state)
{
    (void)state;
    for (int k = 0; k < TJ_N_SAMPLES; k++) {
        char *page = sample_page((tj_sample)k);
        check_page(page);
        assert_null(strstr(page, "http://"));
        assert_null(strstr(page, "https://"));
        assert_null(strstr(page, "@import"));
        assert_null(strstr(page, "url("));
        tj_free(page);
    }
}

static void same_data_gives_the_same_bytes(void **state)
{
    (void)state;
    char *one = sample_page(TJ_SAMPLE_DEMO);
    char *two = sample_page(TJ_SAMPLE_DEMO);
    assert_string_equal(one, two);
    tj_free(one);
    tj_free(two);
}

static void hostile_text_stays_text(void **state)
{
    (void)state;
    char *page = sample_page(TJ_SAMPLE_HOSTILE);
    assert_null(strstr(page, "<script>alert"));
    assert_null(strstr(page, "<img"));
    assert_null(strstr(page, "<!-- "));
    assert_null(strchr(page, '\x01'));
    assert_null(strchr(page, '\x1b'));
    assert_null(strstr(page, "\xE2\x80\xAE"));
    assert_non_null(strstr(page, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    tj_free(page);
}

static json_t *interval(double points, double low, double high)
{
    return json_pack("{s:f, s:f, s:f, s:[{s:i, s:f, s:f, s:f, s:i, s:i, s:f}]}", "points", points,
                     "ci_low", low, "ci_high", high, "seeds", "seed", 1, "a", 0.3, "b", 0.2,
                     "points", points, "only_a", 7, "only_b", 3, "p_mcnemar", 0.34);
}

static void headline_says_what_the_interval_says(void **state)
{
    (void)state;
    const struct {
        double points, low, high;
        const char *phrase;
    } rows[] = {{0.04, 0.01, 0.07, "keeping the mistakes helped"},
                {0.04, 0.0, 0.08, "does not show that journeys help, or that they harm"},
                {0.01, -0.02, 0.04, "does not show that journeys help, or that they harm"},
                {-0.04, -0.07, 0.0, "does not show that journeys help, or that they harm"},
                {-0.04, -0.07, -0.01, "keeping the mistakes made the model worse"}};
    json_t *data = tj_sample_report(TJ_SAMPLE_DEMO, N_TEST);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_object_set_new(data, "difference",
                            interval(rows[i].points, rows[i].low, rows[i].high));
        char *page = page_of(data);
        for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++) {
            bool same = strcmp(rows[i].phrase, rows[j].phrase) == 0;
            assert_int_equal(strstr(page, rows[j].phrase) != NULL, same);
        }
        tj_free(page);
    }
    json_decref(data);
}

static void declaration_counts_only_before_the_first_look(void **state)
{
    (void)state;
    char *page = sample_page(TJ_SAMPLE_DEMO);
    assert_non_null(strstr(page, "Declared beforehand."));
    tj_free(page);
    page = sample_page(TJ_SAMPLE_NEGATIVE); /* its first look comes before its declaration */
    assert_null(strstr(page, "Declared beforehand."));
    assert_non_null(strstr(page, "Declared too late."));
    tj_free(page);
    json_t *data = tj_sample_report(TJ_SAMPLE_DEMO, N_TEST);
    json_object_del(json_object_get(data, "ledger"), "declaration");
    page = page_of(data);
    assert_null(strstr(page, "Declared beforehand."));
    assert_non_null(strstr(page, "exploratory"));
    tj_free(page);
    json_decref(data);
}

static void curve_is_shown_or_said_how_to_compute(void **state)
{
    (void)state;
    char *page = sample_page(TJ_SAMPLE_DEMO);
    assert_non_null(strstr(page, "has not been computed in this workspace"));
    assert_non_null(strstr(page, "tabiji demo --full"));
    tj_free(page);
    page = sample_page(TJ_SAMPLE_FULL);
    assert_null(strstr(page, "has not been computed in this workspace"));
    assert_non_null(strstr(page, "Accuracy over N"));
    tj_free(page);
}

static void thoughts_are_shown_in_numbers(void **state)
{
    (void)state;
    json_t *data = tj_sample_report(TJ_SAMPLE_FULL, N_TEST);
    char *page = page_of(data);
    assert_non_null(strstr(page, "Long thoughts in numbers"));
    assert_non_null(strstr(page, "Length against difficulty"));
    assert_non_null(strstr(page, "Ways back, by kind"));
    assert_non_null(strstr(page, "Actions, spans a thought"));
    assert_non_null(strstr(page, "<th scope=\"row\">wait</th>"));
    assert_non_null(strstr(page, "How far rules find the spans"));
    tj_free(page);
    /* what does not fit is left out: the statistics are looked up, not believed */
    json_t *entry = json_array_get(json_object_get(data, "thoughts"), 0);
    json_object_set_new(entry, "stats",
                        json_pack("{s:[[s, i], {s:[i], s:{s:s}}], s:i, s:{s:[s]}}", "groups", "x",
                                  1, "group", 2, "tokens", "n", "m", "difficulty", 3, "reflection",
                                  "en", "y"));
    page = page_of(data);
    check_page(page);
    tj_free(page);
    json_decref(data);
}

static void a_workspace_without_an_experiment_has_a_page(void **state)
{
    (void)state;
    json_t *data = tj_sample_report(TJ_SAMPLE_DEMO, N_TEST);
    json_object_del(data, "model");
    json_object_set_new(data, "arms", json_array());
    json_object_del(data, "difference");
    json_t *node = json_array_get(json_object_get(first(data, "trees"), "nodes"), 1);
    json_object_del(node, "valid");
    json_object_del(node, "solvable");
    char *page = page_of(data);
    check_page(page);
    assert_null(strstr(page, "What was found"));
    assert_null(strstr(page, "parameters"));
    assert_non_null(strstr(page, "not judged: "));
    assert_non_null(strstr(page, "No experiment was made"));
    tj_free(page);
    json_decref(data);
}

static void every_run_is_listed_with_its_error(void **state)
{
    (void)state;
    json_t *data = tj_sample_report(TJ_SAMPLE_FULL, N_TEST);
    char *page = page_of(data);
    const json_t *runs = json_object_get(data, "runs");
    for (size_t i = 0; i < json_array_size(runs); i++) {
        char head[64];
        (void)snprintf(head, sizeof head, "<tr><th scope=\"row\" class=\"n\">%zu</th>", i + 1);
        assert_non_null(strstr(page, head));
    }
    assert_non_null(strstr(page, "1 failed, 1 cancelled, 1 abandoned"));
    assert_non_null(strstr(page, "gradient norm of &#39;model.layers.2"));
    tj_free(page);
    json_decref(data);
}

static void evaluations_are_listed_with_their_intervals(void **state)
{
    (void)state;
    char *page = sample_page(TJ_SAMPLE_FULL);
    assert_non_null(strstr(page, "math500: tuned"));
    assert_non_null(strstr(page, "25.0%</td><td class=\"n\">22.0 to 28.0%"));
    tj_free(page);
    page = sample_page(TJ_SAMPLE_MINIMAL);
    assert_null(strstr(page, "href=\"#evaluations\""));
    tj_free(page);
}

static void unfinished_workspace_says_so(void **state)
{
    (void)state;
    char *page = sample_page(TJ_SAMPLE_MINIMAL);
    assert_non_null(strstr(page, "Not finished."));
    assert_non_null(strstr(page, "The comparison has not been made yet."));
    assert_null(strstr(page, "href=\"#trees\"")); /* no link to a section that is not there */
    tj_free(page);
}

/* A chain deeper than any stack of ours would like, and a node's tags still balance. */
static void deep_trees_are_written_without_recursion(void **state)
{
    (void)state;
    json_t *data = tj_sample_report(TJ_SAMPLE_MINIMAL, 0);
    json_t *nodes = json_array();
    for (int i = 0; i < 100; i++) {
        json_t *node = json_pack("{s:i, s:s, s:b, s:b, s:b}", "id", i, "text", "1. 1 + 1 = 2",
                                 "valid", 1, "solvable", 1, "correct", 0);
        json_object_set_new(node, "parent",
                            i == 0 ? json_null()
                                   : json_integer(i / 3 * 3 - 1 > 0 ? i / 3 * 3 - 1 : i - 1));
        json_array_append_new(nodes, node);
    }
    json_object_set_new(data, "trees", json_pack("[{s:s, s:o}]", "problem", "p", "nodes", nodes));
    char *page = page_of(data);
    size_t n_items = 0;
    for (const char *at = page; (at = strstr(at, "<li id=\"t1n")) != NULL; at++) {
        n_items++;
    }
    assert_int_equal(n_items, 100);
    tj_free(page);
    json_decref(data);
}

/* ------------------------------------------------------------ refusals */

typedef struct misfit {
    const char *what;                /* expected in the message */
    void (*spoil)(json_t *document); /* makes a good document bad */
} misfit;

static void no_title(json_t *doc)
{
    json_object_del(doc, "title");
}
static void unknown_key(json_t *doc)
{
    json_object_set_new(doc, "tittle", json_string("x"));
}
static void wrong_version(json_t *doc)
{
    json_object_set_new(doc, "report_version", json_integer(2));
}
static void accuracy_in_percent(json_t *doc)
{
    json_object_set_new(json_array_get(json_object_get(doc, "arms"), 2), "ci_low", json_real(34.1));
}
static void same_arm_twice(json_t *doc)
{
    json_object_set_new(json_array_get(json_object_get(doc, "arms"), 1), "key",
                        json_string("base"));
}
static void time_in_words(json_t *doc)
{
    json_object_set_new(first(doc, "runs"), "started", json_string("2025-02-03 10:00:00 UTC"));
}
static void unknown_status(json_t *doc)
{
    json_object_set_new(first(doc, "runs"), "status", json_string("fine"));
}
static void span_outside(json_t *doc)
{
    json_t *journey = json_object_get(first(doc, "trees"), "journey");
    json_object_set_new(first(journey, "spans"), "end", json_integer(100000));
}
static void span_inside_a_character(json_t *doc)
{
    json_t *journey = json_object_get(first(doc, "trees"), "journey");
    json_object_set_new(journey, "text", json_string("\xC3\xA9"));
    json_object_set_new(journey, "spans",
                        json_pack("[{s:i, s:i, s:s, s:b}]", "begin", 0, "end", 1, "action",
                                  "propose", "on_path", 1));
}
static void overlapping_spans(json_t *doc)
{
    json_t *spans = json_object_get(json_object_get(first(doc, "trees"), "journey"), "spans");
    json_object_set_new(json_array_get(spans, 1), "begin", json_integer(3));
}
static void overlapping_lines(json_t *doc)
{
    json_t *lines = json_object_get(first(first(doc, "cases"), "answers"), "lines");
    json_object_set_new(json_array_get(lines, 1), "begin", json_integer(3));
}
static void span_of_no_node(json_t *doc)
{
    json_t *journey = json_object_get(first(doc, "trees"), "journey");
    json_object_set_new(first(journey, "spans"), "node", json_integer(9999));
}
static void child_before_parent(json_t *doc)
{
    json_t *nodes = json_object_get(first(doc, "trees"), "nodes");
    json_object_set_new(json_array_get(nodes, 1), "parent", json_integer(50));
}
static void two_roots(json_t *doc)
{
    json_t *nodes = json_object_get(first(doc, "trees"), "nodes");
    json_object_set_new(json_array_get(nodes, 2), "parent", json_null());
}
static void zero_byte(json_t *doc)
{
    json_object_set_new(doc, "title", json_stringn("a\0b", 3));
}
static void loss_not_pairs(json_t *doc)
{
    json_object_set_new(first(doc, "learning"), "loss", json_pack("[[i]]", 1));
}

static void documents_that_do_not_fit_are_refused_by_their_place(void **state)
{
    (void)state;
    const misfit rows[] = {
        {"title: expected a value", no_title},
        {"tittle: expected no such field", unknown_key},
        {"report_version is 2", wrong_version},
        {"arms[2].ci_low: expected a number from 0 to 1", accuracy_in_percent},
        {"arms[1].key: 'base' is there twice", same_arm_twice},
        {"runs[0].started: expected a time", time_in_words},
        {"runs[0].status: expected one of the words", unknown_status},
        {"trees[0].journey.spans[0] is [0, 100000)", span_outside},
        {"trees[0].journey.spans[0] is [0, 1)", span_inside_a_character},
        {"trees[0].journey.spans[1] is [3, ", overlapping_spans},
        {"cases[0].answers[0].lines[1] is [3, ", overlapping_lines},
        {"trees[0].journey.spans[0]: the tree has no node 9999", span_of_no_node},
        {"trees[0].nodes[1]", child_before_parent},
        {"trees[0].nodes[2]", two_roots},
        {"title: expected a string without zero bytes", zero_byte},
        {"learning[0].loss: expected a list of [update, value]", loss_not_pairs},
    };
    json_t *good = tj_sample_report(TJ_SAMPLE_FULL, N_TEST);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *bad = json_deep_copy(good);
        rows[i].spoil(bad);
        tj_buf out;
        tj_err err;
        tj_buf_init(&out);
        tj_buf_str(&out, "before");
        assert_int_equal(tj_report_html(&out, bad, &err), TJ_E_INVAL);
        if (strstr(err.msg, rows[i].what) == NULL) {
            fail_msg("'%s' does not say '%s'", err.msg, rows[i].what);
        }
        assert_string_equal(tj_buf_text(&out), "before");
        tj_buf_deinit(&out);
        json_decref(bad);
    }
    json_decref(good);
}

/* Removing any one field, or replacing its value by a list of a list, gives a page or an error of
 * the contract, never anything else. */
static void any_field_may_be_missing_or_wrong(void **state)
{
    (void)state;
    json_t *good = tj_sample_report(TJ_SAMPLE_FULL, 10);
    const char *key;
    json_t *value;
    json_object_foreach(good, key, value)
    {
        for (int wrong = 0; wrong < 2; wrong++) {
            json_t *bad = json_copy(good);
            if (wrong != 0) {
                json_object_set_new(bad, key, json_pack("[[]]"));
            } else {
                json_object_del(bad, key);
            }
            tj_buf out;
            tj_err err;
            tj_buf_init(&out);
            tj_code rc = tj_report_html(&out, bad, &err);
            assert_true(rc == TJ_OK || rc == TJ_E_INVAL);
            if (rc == TJ_OK) {
                check_page(tj_buf_text(&out));
            } else {
                assert_non_null(strstr(err.msg, key));
            }
            tj_buf_deinit(&out);
            json_decref(bad);
        }
    }
    json_decref(good);
}

static void each_failed_allocation_is_reported(void **state)
{
    (void)state;
    json_t *data = tj_sample_report(TJ_SAMPLE_FULL, 10);
    tj_code rc = TJ_E_NOMEM;
    size_t k = 0;
    for (; rc != TJ_OK && k < 2000; k++) {
        tj_buf out;
        tj_buf_init(&out);
        tj_alloc_fail_after(k);
        rc = tj_report_html(&out, data, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true(rc == TJ_OK || out.len == 0);
        tj_buf_deinit(&out);
    }
    assert_int_equal(rc, TJ_OK);
    assert_true(k > 20);
    json_decref(data);
}

/* ------------------------------------------------------------ the summary */

static void summary_has_exactly_the_promised_fields(void **state)
{
    (void)state;
    static const char *const arms[] = {"base", "shortcut", "journey", "shortcut_same_tokens",
                                       "shortcut_verified_same_tokens"};
    static const char *const numbers[] = {"accuracy", "ci_low", "ci_high", "tokens_per_answer"};
    json_t *data = tj_sample_report(TJ_SAMPLE_FULL, N_TEST);
    json_t *sum;
    assert_int_equal(tj_summary_json(&sum, data, NULL), TJ_OK);
    for (size_t i = 0; i < 5; i++) {
        const json_t *arm = json_object_get(sum, arms[i]);
        assert_int_equal(json_object_size(arm), 4);
        for (size_t k = 0; k < 4; k++) {
            assert_true(json_is_number(json_object_get(arm, numbers[k])));
        }
        const json_t *from = json_array_get(json_object_get(data, "arms"), i);
        assert_true(
            json_equal(json_object_get(arm, "accuracy"), json_object_get(from, "accuracy")));
    }
    const json_t *difference = json_object_get(sum, "difference");
    assert_int_equal(json_object_size(difference), 4);
    assert_true(json_is_real(json_object_get(difference, "p_mcnemar")));
    assert_true(json_equal(json_object_get(difference, "points"),
                           json_object_get(json_object_get(data, "difference"), "points")));
    assert_int_equal(json_integer_value(json_object_get(sum, "n_train")), 327);
    assert_int_equal(json_integer_value(json_object_get(sum, "n_test")), N_TEST);
    assert_int_equal(json_array_size(json_object_get(sum, "seeds")), 3);
    assert_true(json_is_number(json_object_get(sum, "seconds")));
    json_decref(sum);
    json_decref(data);
}

static void summary_waits_for_every_arm(void **state)
{
    (void)state;
    json_t *data = tj_sample_report(TJ_SAMPLE_DEMO, N_TEST);
    json_t *sum;
    tj_err err;
    json_array_remove(json_object_get(data, "arms"), 3);
    assert_int_equal(tj_summary_json(&sum, data, &err), TJ_E_NOTFOUND);
    assert_null(sum);
    assert_non_null(strstr(err.msg, "'shortcut_same_tokens'"));
    json_decref(data);
    data = tj_sample_report(TJ_SAMPLE_DEMO, N_TEST);
    json_object_del(data, "difference");
    assert_int_equal(tj_summary_json(&sum, data, &err), TJ_E_NOTFOUND);
    json_decref(data);
}

static void files_are_written_whole(void **state)
{
    (void)state;
    char folder[] = "/tmp/tabiji-report-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char page_path[64];
    char sum_path[64];
    (void)snprintf(page_path, sizeof page_path, "%s/report.html", folder);
    (void)snprintf(sum_path, sizeof sum_path, "%s/summary.json", folder);
    json_t *data = tj_sample_report(TJ_SAMPLE_DEMO, N_TEST);
    assert_int_equal(tj_report_write(page_path, data, NULL), TJ_OK);
    assert_int_equal(tj_summary_write(sum_path, data, NULL), TJ_OK);
    char *text;
    size_t len;
    assert_int_equal(tj_fs_read(&text, &len, page_path, 1 << 24, NULL), TJ_OK);
    char *page = page_of(data);
    assert_string_equal(text, page);
    tj_free(page);
    tj_free(text);
    json_t *sum = json_load_file(sum_path, 0, NULL);
    assert_true(json_is_object(sum));
    json_decref(sum);
    json_object_del(data, "title"); /* a document that is refused leaves the old file */
    assert_int_equal(tj_report_write(page_path, data, NULL), TJ_E_INVAL);
    assert_true(tj_fs_exists(page_path));
    assert_int_equal(tj_report_write("/nonexistent/report.html", data, NULL), TJ_E_INVAL);
    json_decref(data);
    assert_int_equal(remove(page_path), 0);
    assert_int_equal(remove(sum_path), 0);
    assert_int_equal(remove(folder), 0);
}

/* ------------------------------------------------------------ numbers as people read them */

static void numbers_are_written_for_people(void **state)
{
    (void)state;
    tj_buf out;
    tj_buf_init(&out);
    tj_html_count(&out, 1234567.0);
    tj_buf_char(&out, '|');
    tj_html_count(&out, 999.0);
    tj_buf_char(&out, '|');
    tj_html_percent(&out, 0.342);
    tj_buf_char(&out, '|');
    tj_html_points(&out, -0.0123);
    tj_buf_char(&out, '|');
    tj_html_points(&out, 0.00004);
    tj_buf_char(&out, '|');
    tj_html_seconds(&out, 119.6);
    tj_buf_char(&out, '|');
    tj_html_seconds(&out, 7322.0);
    tj_buf_char(&out, '|');
    tj_html_amount(&out, 11300000.0);
    tj_buf_char(&out, '|');
    tj_html_p(&out, 0.0412, -1.385);
    tj_buf_char(&out, '|');
    tj_html_p(&out, 0.0, -1500.3);
    tj_buf_char(&out, '|');
    tj_html_time(&out, "2025-01-31T12:34:56Z");
    assert_string_equal(tj_buf_text(&out),
                        "1,234,567|999|34.2%|\xE2\x88\x92"
                        "1.2|0.0|2 min 0 s|2 h 2 min|11.3 M|= 0.0412|= 5.0 × 10<sup>\xE2\x88\x92"
                        "1501</sup>|<time class=\"nowrap\" datetime=\"2025-01-31T12:34:56Z\">"
                        "2025-01-31 12:34 UTC</time>");
    tj_buf_deinit(&out);
}

static void text_is_cut_between_characters(void **state)
{
    (void)state;
    tj_buf out;
    tj_buf_init(&out);
    tj_html_short(&out, "a\xC3\xA9\xE6\x97\x85", 5);
    assert_string_equal(tj_buf_text(&out), "a\xC3\xA9\xE2\x80\xA6");
    tj_buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_is_well_formed_and_self_contained),
        cmocka_unit_test(same_data_gives_the_same_bytes),
        cmocka_unit_test(hostile_text_stays_text),
        cmocka_unit_test(headline_says_what_the_interval_says),
        cmocka_unit_test(declaration_counts_only_before_the_first_look),
        cmocka_unit_test(curve_is_shown_or_said_how_to_compute),
        cmocka_unit_test(thoughts_are_shown_in_numbers),
        cmocka_unit_test(a_workspace_without_an_experiment_has_a_page),
        cmocka_unit_test(every_run_is_listed_with_its_error),
        cmocka_unit_test(evaluations_are_listed_with_their_intervals),
        cmocka_unit_test(unfinished_workspace_says_so),
        cmocka_unit_test(deep_trees_are_written_without_recursion),
        cmocka_unit_test(documents_that_do_not_fit_are_refused_by_their_place),
        cmocka_unit_test(any_field_may_be_missing_or_wrong),
        cmocka_unit_test(each_failed_allocation_is_reported),
        cmocka_unit_test(summary_has_exactly_the_promised_fields),
        cmocka_unit_test(summary_waits_for_every_arm),
        cmocka_unit_test(files_are_written_whole),
        cmocka_unit_test(numbers_are_written_for_people),
        cmocka_unit_test(text_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
