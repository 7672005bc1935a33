/* Trees beside the journeys derived from them, and cases: answers line by line.
 *
 * A tree is written as nested lists without recursion: its depth is the document's to choose. In
 * depth-first order each node opens its own list item; going up closes as many as it must. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "report/report.h"
#include "report/report_data.h"
#include "report/report_html.h"
#include "report/report_sections.h"

#define MAX_TREES 20
#define MAX_CASES 60
#define NO_NODE   SIZE_MAX

/* ------------------------------------------------------------ a tree */

typedef struct forest {
    const json_t *nodes;
    size_t *first_child, *last_child, *next; /* [n] each; NO_NODE: none */
    size_t n;
    size_t tree; /* for ids in the page */
} forest;

static size_t index_of(const json_t *nodes, json_int_t id, size_t end)
{
    for (size_t i = end; i-- > 0;) {
        if (json_integer_value(json_object_get(json_array_get(nodes, i), "id")) == id) {
            return i;
        }
    }
    return NO_NODE;
}

static bool forest_build(forest *f, const json_t *nodes, size_t tree)
{
    *f = (forest){.nodes = nodes, .n = json_array_size(nodes), .tree = tree};
    f->first_child = tj_calloc(f->n, 3 * sizeof *f->first_child);
    if (f->first_child == NULL) {
        return false;
    }
    f->last_child = f->first_child + f->n;
    f->next = f->last_child + f->n;
    for (size_t i = 0; i < f->n; i++) {
        f->first_child[i] = f->last_child[i] = f->next[i] = NO_NODE;
        const json_t *parent = json_object_get(json_array_get(nodes, i), "parent");
        if (!json_is_integer(parent)) {
            continue;
        }
        size_t p = index_of(nodes, json_integer_value(parent), i);
        if (f->first_child[p] == NO_NODE) {
            f->first_child[p] = i;
        } else {
            f->next[f->last_child[p]] = i;
        }
        f->last_child[p] = i;
    }
    return true;
}

typedef struct look {
    const char *class, *symbol, *word;
} look;

static look look_of(const json_t *node)
{
    if (tj_data_true(node, "correct")) {
        return (look){"good", "★", "reaches the goal"};
    }
    if (tj_data_has(node, "valid") && !tj_data_true(node, "valid")) {
        return (look){"bad", "✕", "invalid"};
    }
    if (!tj_data_has(node, "solvable")) {
        return (look){"other", "·", "not judged"};
    }
    if (!tj_data_true(node, "solvable")) {
        return tj_data_true(node, "terminal") ? (look){"dead", "■", "wrong end"}
                                              : (look){"dead", "◧", "valid but dead"};
    }
    return (look){"open", "○", "valid, still solvable"};
}

/* Text without the newlines at its end. */
static void trimmed(tj_buf *out, const char *text, size_t n)
{
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r')) {
        n--;
    }
    tj_html_text(out, text, n);
}

static void node_step(tj_buf *out, const json_t *node, bool has_children)
{
    look l = look_of(node);
    tj_buf_printf(out,
                  "<span class=\"step %s%s%s\"><span class=\"%s\"></span><span class=\"sym\" "
                  "title=\"%s\" aria-hidden=\"true\">%s</span><span class=\"hidden-text\">%s: "
                  "</span><code>",
                  l.class, tj_data_true(node, "on_path") ? " path" : "",
                  tj_data_true(node, "pruned") ? " cut" : "", has_children ? "twist" : "leaf",
                  l.word, l.symbol, l.word);
    const char *text = tj_data_text(node, "text");
    trimmed(out, text, strlen(text));
    tj_buf_str(out, "</code>");
    const char *reason = tj_data_text(node, "reason");
    if (reason[0] != '\0' || tj_data_true(node, "pruned")) {
        tj_buf_str(out, "<span class=\"more\">");
        tj_html_str(out, reason);
        tj_buf_str(out, reason[0] != '\0' && tj_data_true(node, "pruned") ? ", " : "");
        tj_buf_str(out, tj_data_true(node, "pruned") ? "not grown further" : "");
        tj_buf_str(out, "</span>");
    }
    if (tj_data_has(node, "logprob")) {
        tj_buf_str(out, "<span class=\"more\" title=\"log-probability of the step\">");
        tj_html_number(out, tj_data_number(node, "logprob"), 2);
        tj_buf_str(out, "</span>");
    }
    tj_buf_str(out, "</span>");
}

static void open_node(tj_buf *out, const forest *f, size_t i)
{
    const json_t *node = json_array_get(f->nodes, i);
    bool has_children = f->first_child[i] != NO_NODE;
    tj_buf_printf(out, "<li id=\"t%zun%zu\">", f->tree, i);
    if (has_children) {
        tj_buf_str(out, "<details open><summary>");
    }
    node_step(out, node, has_children);
    tj_buf_str(out, has_children ? "</summary><ul>\n" : "</li>\n");
}

static void write_tree(tj_buf *out, const forest *f, size_t *path)
{
    tj_buf_str(out, "<div class=\"tree\"><ul>\n");
    size_t depth = 0; /* path[0 .. depth): the open nodes that have children */
    size_t i = 0;
    while (i != NO_NODE) {
        open_node(out, f, i);
        size_t next = f->first_child[i];
        if (next != NO_NODE) {
            path[depth++] = i;
        } else {
            next = f->next[i];
        }
        while (next == NO_NODE && depth > 0) {
            size_t up = path[--depth];
            tj_buf_str(out, "</ul></details></li>\n");
            next = f->next[up];
        }
        i = next;
    }
    tj_buf_str(out, "</ul></div>\n");
}

/* ------------------------------------------------------------ a journey */

static void write_span(tj_buf *out, const forest *f, const char *text, const json_t *span)
{
    size_t begin = tj_data_size(span, "begin");
    size_t end = tj_data_size(span, "end");
    const json_t *node = json_object_get(span, "node");
    size_t at =
        json_is_integer(node) ? index_of(f->nodes, json_integer_value(node), f->n) : NO_NODE;
    bool on_path = tj_data_true(span, "on_path");
    tj_buf_str(out, on_path ? "<li" : "<li class=\"off\"");
    if (at != NO_NODE) {
        tj_buf_printf(out, " data-node=\"t%zun%zu\"", f->tree, at);
    }
    tj_buf_printf(out, "><span class=\"act\">%s</span>", tj_data_text(span, "action"));
    if (at != NO_NODE) {
        tj_buf_printf(out, "<a href=\"#t%zun%zu\">", f->tree, at);
        trimmed(out, text + begin, end - begin);
        tj_buf_str(out, "</a></li>\n");
    } else {
        tj_buf_str(out, "<span class=\"say\">");
        trimmed(out, text + begin, end - begin);
        tj_buf_str(out, "</span></li>\n");
    }
}

static void write_thought(tj_buf *out, const forest *f, const json_t *thought)
{
    const char *text = tj_data_text(thought, "text");
    const json_t *spans = json_object_get(thought, "spans");
    if (json_array_size(spans) == 0) {
        tj_buf_str(out, "<pre tabindex=\"0\">");
        trimmed(out, text, strlen(text));
        tj_buf_str(out, "</pre>\n");
        return;
    }
    tj_buf_str(out, "<ol class=\"thought\">\n");
    size_t i;
    const json_t *span;
    json_array_foreach(spans, i, span)
    {
        if (tj_data_size(span, "end") > tj_data_size(span, "begin")) {
            write_span(out, f, text, span);
        }
    }
    tj_buf_str(out, "</ol>\n");
}

static void tree_summary(tj_buf *out, const json_t *tree, size_t number)
{
    const json_t *nodes = json_object_get(tree, "nodes");
    size_t n_correct = 0;
    size_t i;
    const json_t *node;
    json_array_foreach(nodes, i, node)
    {
        n_correct += tj_data_true(node, "correct");
    }
    tj_buf_printf(out, "<summary><b>%zu</b>&ensp;<code>", number);
    const char *problem = tj_data_text(tree, "problem");
    trimmed(out, problem, strlen(problem));
    tj_buf_printf(out, "</code> <span class=\"soft\">%zu nodes, %zu reach%s the goal",
                  json_array_size(nodes), n_correct, n_correct == 1 ? "es" : "");
    const json_t *journey = json_object_get(tree, "journey");
    if (tj_data_has(journey, "n_backtracks")) {
        size_t n = tj_data_size(journey, "n_backtracks");
        tj_buf_printf(out, ", %zu backtrack%s", n, n == 1 ? "" : "s");
    }
    const char *difficulty = tj_data_text(tree, "difficulty");
    tj_buf_str(out, difficulty[0] == '\0' ? "" : ", ");
    tj_html_str(out, difficulty);
    tj_buf_str(out, "</span></summary>\n");
}

static void one_tree(tj_buf *out, const json_t *tree, size_t number)
{
    forest f;
    if (!forest_build(&f, json_object_get(tree, "nodes"), number)) {
        out->failed = true;
        return;
    }
    size_t *path = tj_calloc(f.n, sizeof *path);
    if (path == NULL) {
        out->failed = true;
        tj_free(f.first_child);
        return;
    }
    tj_buf_printf(out, "<details class=\"box\"%s>", number == 1 ? " open" : "");
    tree_summary(out, tree, number);
    tj_buf_str(out,
               "<div class=\"inside beside\"><div class=\"tree-box\"><h4>Tree <span>in sampled "
               "order</span></h4><div class=\"tools\"><button type=\"button\" data-do=\"open\">"
               "Open all</button><button type=\"button\" data-do=\"close\">Fold</button>"
               "</div>\n");
    write_tree(out, &f, path);
    tj_buf_str(out, "</div><div>");
    if (tj_data_has(tree, "journey")) {
        tj_buf_str(out, "<h4>Journey <span>span by span</span></h4>\n");
        write_thought(out, &f, json_object_get(tree, "journey"));
    }
    if (tj_data_has(tree, "shortcut")) {
        tj_buf_str(out, "<h4>Shortcut</h4>\n");
        write_thought(out, &f, json_object_get(tree, "shortcut"));
    }
    tj_buf_str(out, "</div></div></details>\n");
    tj_free(path);
    tj_free(f.first_child);
}

void tj_section_trees(tj_buf *out, const json_t *data)
{
    const json_t *trees = json_object_get(data, "trees");
    size_t n = json_array_size(trees);
    if (n == 0) {
        return;
    }
    tj_section_begin(out, "trees", "Trees and the journeys derived from them");
    tj_buf_str(out,
               "<p class=\"lead\">Point at a line of a journey to see its node in the tree, or "
               "follow it there. Bold steps lie on the path that ends in the answer; lines of a "
               "journey that stand aside, with a dashed edge, are the wrong branches and what "
               "is said about them.</p>\n<ul class=\"key\">");
    const look looks[] = {{"good", "★", "reaches the goal"}, {"open", "○", "valid, still solvable"},
                          {"dead", "◧", "valid but dead"},   {"dead", "■", "wrong end"},
                          {"bad", "✕", "invalid step"},      {"other", "·", "not judged"}};
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        tj_buf_printf(out,
                      "<li class=\"%s\"><span class=\"sym\" aria-hidden=\"true\">%s</span> %s</li>",
                      looks[i].class, looks[i].symbol, looks[i].word);
    }
    tj_buf_str(out, "</ul>\n");
    for (size_t i = 0; i < n && i < MAX_TREES; i++) {
        one_tree(out, json_array_get(trees, i), i + 1);
    }
    if (n > MAX_TREES) {
        tj_buf_printf(out, "<p class=\"soft\">%zu further trees are not shown.</p>\n",
                      n - MAX_TREES);
    }
    tj_section_end(out);
}

/* ------------------------------------------------------------ cases */

static const struct {
    const char *kind, *title, *lead;
} CASE_KINDS[] = {
    {"journey_lost", "Lost by the journey",
     "The shortcut model had these right; the journey model did not."},
    {"journey_wrong", "Journey wrong", "Problems that the journey model got wrong."},
    {"shortcut_wrong", "Shortcut wrong", "Problems that the shortcut model got wrong."},
    {"journey_won", "Won by the journey",
     "For comparison: the journey model had these right; the shortcut model did not."},
};

static look line_look(const json_t *line)
{
    const char *kind = tj_data_text(line, "kind");
    bool valid = tj_data_true(line, "valid");
    if (strcmp(kind, "reached") == 0) {
        return valid ? (look){"good", "★", "true claim"} : (look){"bad", "✕", "false claim"};
    }
    if (strcmp(kind, "failed") == 0) {
        return valid ? (look){"dead", "≠", "notices failure"} : (look){"bad", "✕", "false denial"};
    }
    if (strcmp(kind, "back") == 0) {
        return valid ? (look){"open", "↩", "goes back"}
                     : (look){"bad", "↩", "goes back to nowhere"};
    }
    if (strcmp(kind, "step") == 0) {
        return valid ? (look){"open", "○", "valid step"} : (look){"bad", "✕", "invalid step"};
    }
    return (look){"other", "·", "words"};
}

static void answer_lines(tj_buf *out, const json_t *answer)
{
    const char *text = tj_data_text(answer, "text");
    tj_buf_str(out, "<ul class=\"answer\">\n");
    size_t i;
    const json_t *line;
    json_array_foreach(json_object_get(answer, "lines"), i, line)
    {
        look l = line_look(line);
        size_t begin = tj_data_size(line, "begin");
        tj_buf_printf(out,
                      "<li class=\"%s\"><span class=\"sym\" title=\"%s\" aria-hidden=\"true\">%s"
                      "</span><span class=\"hidden-text\">%s: </span><span class=\"say\">",
                      l.class, l.word, l.symbol, l.word);
        trimmed(out, text + begin, tj_data_size(line, "end") - begin);
        tj_buf_str(out, "</span>");
        if (tj_data_has(line, "reason") && !tj_data_true(line, "valid")) {
            tj_buf_str(out, "<span class=\"why\">");
            tj_html_str(out, tj_data_text(line, "reason"));
            tj_buf_str(out, "</span>");
        }
        tj_buf_str(out, "</li>\n");
    }
    tj_buf_str(out, "</ul>\n");
}

static void one_answer(tj_buf *out, const json_t *data, const json_t *answer)
{
    const char *key = tj_data_text(answer, "arm");
    const json_t *arm = tj_data_arm(data, key);
    bool correct = tj_data_true(answer, "correct");
    tj_buf_str(out, "<div><h4>");
    tj_html_str(out, arm == NULL ? key : tj_data_text(arm, "label"));
    tj_buf_printf(out, " <span class=\"chip %s\">%s</span> <span>", correct ? "good" : "bad",
                  correct ? "★ right" : "✕ wrong");
    tj_html_str(out, tj_data_text(answer, "verdict"));
    if (tj_data_has(answer, "tokens")) {
        tj_buf_str(out, tj_data_has(answer, "verdict") ? ", " : "");
        tj_html_count(out, tj_data_number(answer, "tokens"));
        tj_buf_str(out, " tokens");
    }
    tj_buf_str(out, "</span></h4>\n");
    if (json_array_size(json_object_get(answer, "lines")) > 0) {
        answer_lines(out, answer);
    } else {
        const char *text = tj_data_text(answer, "text");
        tj_buf_str(out, "<pre tabindex=\"0\">");
        trimmed(out, text, strlen(text));
        tj_buf_str(out, "</pre>\n");
    }
    tj_buf_str(out, "</div>\n");
}

static void one_case(tj_buf *out, const json_t *data, const json_t *one, bool open)
{
    tj_buf_printf(out, "<details class=\"box\"%s><summary><code>", open ? " open" : "");
    const char *problem = tj_data_text(one, "problem");
    trimmed(out, problem, strlen(problem));
    tj_buf_str(out, "</code> <span class=\"soft\">");
    const char *difficulty = tj_data_text(one, "difficulty");
    tj_html_str(out, difficulty);
    if (tj_data_has(one, "seed")) {
        tj_buf_printf(out, "%sseed %lld", difficulty[0] == '\0' ? "" : ", ",
                      (long long)json_integer_value(json_object_get(one, "seed")));
    }
    tj_buf_str(out, "</span></summary><div class=\"inside\">");
    if (tj_data_has(one, "note")) {
        tj_buf_str(out, "<p class=\"small soft\">");
        tj_html_str(out, tj_data_text(one, "note"));
        tj_buf_str(out, "</p>\n");
    }
    tj_buf_str(out, "<div class=\"beside\">\n");
    size_t i;
    const json_t *answer;
    json_array_foreach(json_object_get(one, "answers"), i, answer)
    {
        one_answer(out, data, answer);
    }
    tj_buf_str(out, "</div></div></details>\n");
}

void tj_section_cases(tj_buf *out, const json_t *data)
{
    const json_t *cases = json_object_get(data, "cases");
    size_t n = json_array_size(cases);
    if (n == 0) {
        return;
    }
    tj_section_begin(out, "cases", "Cases, failures first");
    size_t n_shown = 0;
    for (size_t k = 0; k < sizeof CASE_KINDS / sizeof CASE_KINDS[0]; k++) {
        bool headed = false;
        size_t i;
        const json_t *one;
        json_array_foreach(cases, i, one)
        {
            if (strcmp(tj_data_text(one, "kind"), CASE_KINDS[k].kind) != 0 ||
                n_shown == MAX_CASES) {
                continue;
            }
            if (!headed) {
                tj_buf_printf(out, "<h3>%s</h3><p class=\"lead\">%s</p>\n", CASE_KINDS[k].title,
                              CASE_KINDS[k].lead);
            }
            one_case(out, data, one, !headed);
            headed = true;
            n_shown++;
        }
    }
    if (n > n_shown) {
        tj_buf_printf(out, "<p class=\"soft\">%zu of %zu cases are shown.</p>\n", n_shown, n);
    }
    tj_section_end(out);
}
