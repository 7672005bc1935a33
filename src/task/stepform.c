/* See stepform.h. */
#include "task/stepform.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "task/dataset_inner.h"
#include "task/mathprose.h"

#define ANSWER_HEADING "# Answer" /* in the last step of PRM800K's paths */

const char *const tj_stepform_reasons[TJ_N_STEPFORM_RESULTS] = {
    "",
    "no solution that is right to its end",
    "the solution does not say its answer",
    "nothing stands before the answer",
    "the last step does not have the answer's number",
    "a figure",
    "a comment of LaTeX's",
    "mathematics that does not end"};

/* ------------------------------------------------------------------ writing */

typedef struct writer {
    tj_buf *out;
    size_t n;          /* steps written */
    size_t last_begin; /* of the latest step, its number included */
    size_t last_text;  /* behind its number */
} writer;

/* Without a number of its own: "2.", "2)", "Step 2:". */
static tj_str without_number(tj_str text)
{
    static const char step[] = "Step ";
    size_t i = text.n >= 5 && memcmp(text.s, step, 5) == 0 ? 5 : 0;
    size_t first = i;
    while (i < text.n && text.s[i] >= '0' && text.s[i] <= '9') {
        i++;
    }
    bool is_number =
        i > first && i + 1 < text.n && strchr(".:)", text.s[i]) != NULL && text.s[i + 1] == ' ';
    return is_number ? tj_str_trim(tj_str_from(text, i + 1)) : text;
}

static void add_step(writer *w, tj_str text, void (*write)(tj_buf *, tj_str))
{
    text = without_number(tj_str_trim(text));
    if (text.n == 0) {
        return;
    }
    w->last_begin = w->out->len;
    tj_buf_printf(w->out, "%s%zu. ", w->n > 0 ? "\n" : "", w->n + 1);
    w->last_text = w->out->len;
    write(w->out, text);
    w->n++;
}

static tj_str last_step(const writer *w)
{
    return w->n == 0 || w->out->failed
               ? (tj_str){NULL, 0}
               : (tj_str){w->out->data + w->last_text, w->out->len - w->last_text};
}

static void drop_last(writer *w)
{
    w->out->len = w->last_begin;
    w->out->data[w->out->len] = '\0';
    w->n--;
}

static tj_stepform_result add_answer(writer *w, tj_str answer)
{
    if (w->n == 0) {
        return TJ_STEPFORM_NO_STEPS;
    }
    tj_buf_printf(w->out, "\n%zu. The answer is \\boxed{", w->n + 1);
    tj_prose_line(w->out, answer);
    tj_buf_str(w->out, "}.");
    return TJ_STEPFORM_OK;
}

/* ------------------------------------------------------------------ GSM8K */

static void write_line(tj_buf *out, tj_str line)
{
    tj_prose_line(out, line);
}

/* Whether a number of the text is the answer; commas between digits do not count. */
static bool has_number(tj_str text, tj_str answer)
{
    char digits[64];
    char want[64];
    size_t n = 0;
    for (size_t i = 0; i < answer.n && n + 1 < sizeof want; i++) {
        want[n] = answer.s[i];
        n += answer.s[i] != ',' ? 1 : 0;
    }
    want[n] = '\0';
    double target = strtod(want[0] == '-' ? want + 1 : want, NULL);
    n = 0;
    for (size_t i = 0; i <= text.n; i++) {
        char c = i < text.n ? text.s[i] : ' ';
        if ((c >= '0' && c <= '9') || (c == '.' && (n > 0 || i + 1 < text.n))) {
            digits[n] = c;
            n += n + 1 < sizeof digits ? 1 : 0;
        } else if (c != ',' || n == 0) {
            digits[n] = '\0';
            if (n > 0 && strtod(digits, NULL) == target) {
                return true;
            }
            n = 0;
        }
    }
    return false;
}

static tj_stepform_result write_gsm8k(writer *w, const tj_data_solution *s,
                                      const tj_stepform_options *o)
{
    if (!o->calculations) {
        for (size_t i = 0; i < s->n_steps; i++) {
            add_step(w, s->steps[i].text, write_line);
        }
    } else {
        size_t end = tj_str_find_last(s->text, "####");
        tj_str rest = {s->text.s, end == SIZE_MAX ? s->text.n : end};
        while (rest.n > 0) {
            size_t newline = tj_str_find(rest, "\n");
            size_t n = newline == SIZE_MAX ? rest.n : newline;
            add_step(w, (tj_str){rest.s, n}, write_line);
            rest = tj_str_from(rest, n < rest.n ? n + 1 : n);
        }
    }
    return w->n > 0 && !has_number(last_step(w), s->answer) ? TJ_STEPFORM_ELSEWHERE
                                                            : add_answer(w, s->answer);
}

/* ------------------------------------------------------------------ MATH */

/* Whether a sentence says nothing but "So the answer is $5$.": the line of the answer says it. */
static bool is_answer_alone(tj_str step)
{
    static const char cue[] = "answer is";
    size_t at = tj_str_find(step, cue);
    if (at == SIZE_MAX || at > 32) { /* "Therefore, the final answer is" */
        return false;
    }
    tj_str rest = tj_str_trim(tj_str_from(step, at + strlen(cue)));
    while (rest.n > 0 && rest.s[rest.n - 1] == '.') {
        rest.n--;
    }
    tj_str inner = {rest.s + 1, rest.n > 1 ? rest.n - 2 : 0};
    return rest.n > 1 && rest.s[0] == '$' && rest.s[rest.n - 1] == '$' &&
           memchr(inner.s, '$', inner.n) == NULL;
}

static tj_stepform_result write_prose(writer *w, const tj_data_solution *s, tj_str answer)
{
    tj_str sentence;
    size_t at = 0;
    tj_prose found;
    if (tj_str_find(s->text, "[asy]") != SIZE_MAX) {
        return TJ_STEPFORM_FIGURE;
    }
    if (tj_prose_has_comment(s->text)) {
        return TJ_STEPFORM_COMMENT;
    }
    while ((found = tj_prose_next(&sentence, s->text, &at)) == TJ_PROSE_SENTENCE) {
        add_step(w, sentence, tj_prose_unboxed);
    }
    if (found == TJ_PROSE_OPEN) {
        return TJ_STEPFORM_OPEN;
    }
    if (w->n > 0 && is_answer_alone(last_step(w))) {
        drop_last(w);
    }
    tj_str boxed = tj_last_boxed(s->text);
    answer = boxed.n > 0 ? boxed : answer;
    return answer.n == 0 ? TJ_STEPFORM_NO_ANSWER : add_answer(w, answer);
}

/* ------------------------------------------------------------------ PRM800K */

/* Splits "So it is 29.\n\n# Answer\n\n29"; false if there is no answer. */
static bool split_answer(tj_str *text, tj_str *answer)
{
    size_t at = tj_str_find_last(*text, ANSWER_HEADING);
    if (at == SIZE_MAX) {
        return false;
    }
    *answer = tj_str_trim(tj_str_from(*text, at + strlen(ANSWER_HEADING)));
    *text = tj_str_trim((tj_str){text->s, at});
    return answer->n > 0;
}

/* The nodes from the first step to `leaf`, written into path [n_nodes]; their number, or 0 where
 * one is labelled wrong. */
static size_t right_path(size_t *path, const tj_data_record *r, size_t leaf)
{
    size_t n = 0;
    for (size_t i = leaf; i != 0; i = r->nodes[i].parent) {
        if (r->nodes[i].label == -1) {
            return 0;
        }
        path[n++] = i;
    }
    for (size_t i = 0; i < n / 2; i++) {
        size_t other = path[i];
        path[i] = path[n - 1 - i];
        path[n - 1 - i] = other;
    }
    return n;
}

static tj_stepform_result write_tree(writer *w, const tj_data_record *r)
{
    size_t leaf = r->n_nodes;
    while (leaf-- > 1 && !(r->nodes[leaf].terminal && r->nodes[leaf].correct)) {
    }
    if (leaf == 0) {
        return TJ_STEPFORM_NO_SOLUTION;
    }
    size_t *path = tj_calloc(r->n_nodes, sizeof *path);
    w->out->failed = w->out->failed || path == NULL;
    size_t n = path == NULL ? 0 : right_path(path, r, leaf);
    tj_str text = r->nodes[leaf].text;
    tj_str answer;
    tj_stepform_result result = n == 0                         ? TJ_STEPFORM_NO_SOLUTION
                                : split_answer(&text, &answer) ? TJ_STEPFORM_OK
                                                               : TJ_STEPFORM_NO_ANSWER;
    for (size_t i = 0; i < n && result == TJ_STEPFORM_OK; i++) {
        add_step(w, path[i] == leaf ? text : r->nodes[path[i]].text, write_line);
    }
    tj_free(path);
    return result == TJ_STEPFORM_OK ? add_answer(w, answer) : result;
}

static bool ends_solution(tj_str meta)
{
    json_t *json = meta.n == 0 ? NULL : json_loadb(meta.s, meta.n, 0, NULL);
    bool is = json_is_true(json_object_get(json, "is_solution"));
    json_decref(json);
    return is;
}

/* One candidate a record: those that end a solution and were rated right, behind steps that were
 * chosen. */
static tj_stepform_result write_candidate(writer *w, tj_str *gold, const tj_data_record *r)
{
    const tj_data_solution *s = r->n_solutions == 1 ? &r->solutions[0] : NULL;
    if (s == NULL || s->role != TJ_SOLUTION_ATTEMPT || s->n_steps == 0 ||
        s->steps[s->n_steps - 1].label != 1 || !ends_solution(r->meta)) {
        return TJ_STEPFORM_NO_SOLUTION;
    }
    if (s->answer.n == 0) {
        return TJ_STEPFORM_NO_ANSWER;
    }
    for (size_t i = 0; i < s->n_steps; i++) {
        add_step(w, s->steps[i].text, write_line);
    }
    *gold = s->answer;
    return add_answer(w, s->answer);
}

/* ------------------------------------------------------------------ */

static const tj_data_solution *reference(const tj_data_record *r)
{
    for (size_t i = 0; i < r->n_solutions; i++) {
        if (r->solutions[i].role == TJ_SOLUTION_REFERENCE) {
            return &r->solutions[i];
        }
    }
    return NULL;
}

tj_stepform_result tj_stepform_write(tj_buf *out, tj_str *gold, const tj_data_record *record,
                                     const tj_stepform_options *options)
{
    writer w = {.out = out};
    size_t begin = out->len;
    const tj_data_solution *s = reference(record);
    tj_stepform_result result;
    *gold = record->answer;
    if (record->n_nodes > 0) {
        result = write_tree(&w, record);
    } else if (s != NULL && s->n_steps > 0) {
        result = write_gsm8k(&w, s, options);
    } else if (s != NULL && s->text.n > 0) {
        result = write_prose(&w, s, record->answer);
    } else {
        result = write_candidate(&w, gold, record);
    }
    if (result != TJ_STEPFORM_OK && out->len > begin) {
        out->len = begin;
        out->data[begin] = '\0';
    }
    return result;
}
