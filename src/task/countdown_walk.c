/* Judges a whole answer. What was visited is a tree: a node is a state reached by valid steps, its
 * parent the state before. The text stands at a node; a valid step adds a child and stands there; a
 * BACK line stands at a node that has the state it names.
 *
 *     1. 7 + 6 = 13    2. 13 * 3 = 39    ...    back to 3 11 13    2. 13 + 11 = 24
 *     3 6 7 11 ── 3 11 13 ── 11 39
 *                    └────── 3 24      the chain is the way from the root to where the text stands
 *
 * A node is clean when every line on its chain was right. An invalid line stains the rest of the
 * attempt, hence the nodes made after it; going back to a clean node leaves the stain behind.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "task/countdown.h"

typedef struct visit {
    tj_countdown_state state;
    size_t parent;
    tj_countdown_step step; /* that led here; unused in the root */
    bool clean;
    bool solvable;
} visit;

typedef struct walker {
    const tj_countdown_config *cfg;
    tj_walk *out;
    size_t cap_lines;
    visit *visits; /* [n_visits]; 0 is the first state */
    size_t n_visits, cap_visits;
    size_t at;  /* the node where the text stands */
    bool clean; /* no invalid line in the attempt since a clean node */
    bool done;  /* a valid REACHED line was read */
    size_t attempt;
} walker;

void tj_walk_deinit(tj_walk *walk)
{
    tj_free(walk->lines);
    *walk = (tj_walk){.first_wrong = SIZE_MAX};
}

static tj_code add_visit(walker *w, const visit *v, tj_err *err)
{
    if (!tj_grow(&w->visits, &w->cap_visits, w->n_visits + 1, sizeof *w->visits)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu states", w->n_visits + 1);
    }
    w->at = w->n_visits;
    w->visits[w->n_visits++] = *v;
    return TJ_OK;
}

/* The node that a BACK line means: on the present chain if it is there, else the latest clean one,
 * else the latest; SIZE_MAX if the state was never visited. */
static size_t find_visit(const walker *w, const tj_countdown_state *to)
{
    for (size_t i = w->at;; i = w->visits[i].parent) {
        if (tj_countdown_same_state(&w->visits[i].state, to)) {
            return i;
        }
        if (i == 0) {
            break;
        }
    }
    size_t found = SIZE_MAX;
    for (size_t i = w->n_visits; i-- > 0;) {
        if (tj_countdown_same_state(&w->visits[i].state, to)) {
            if (w->visits[i].clean) {
                return i;
            }
            found = found == SIZE_MAX ? i : found;
        }
    }
    return found;
}

static void go_back(walker *w, tj_line_verdict *verdict, const tj_countdown_state *to)
{
    w->attempt++;
    size_t found = verdict->valid ? find_visit(w, to) : SIZE_MAX;
    if (found != SIZE_MAX) {
        w->at = found;
        w->clean = w->visits[found].clean;
        return;
    }
    if (verdict->valid) {
        verdict->valid = false;
        (void)snprintf(verdict->reason, sizeof verdict->reason,
                       "these numbers were not there before");
    }
    const tj_countdown_state *state = &w->visits[w->at].state;
    verdict->terminal = state->n_numbers == 1;
    verdict->correct = verdict->terminal && state->numbers[0] == state->target;
    w->clean = false;
}

/* Judges the line text[begin .. end), its newline included if it has one. */
static tj_code walk_line(walker *w, const char *text, size_t begin, size_t end, tj_err *err)
{
    tj_walk *out = w->out;
    if (!tj_grow(&out->lines, &w->cap_lines, out->n_lines + 1, sizeof *out->lines)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu lines", out->n_lines + 1);
    }
    tj_walk_line *line = &out->lines[out->n_lines];
    *line = (tj_walk_line){.begin = begin, .end = end};
    tj_line_verdict *verdict = &line->verdict;
    tj_countdown_state after;
    tj_countdown_step step = {.op = 0};
    size_t len = end - begin - (text[end - 1] == '\n');
    tj_countdown_judge_text(w->cfg, &w->visits[w->at].state, text + begin, len, verdict, &after,
                            &step);
    if (verdict->kind == TJ_LINE_BACK) {
        go_back(w, verdict, &after);
    } else if (!verdict->valid) {
        w->clean = false;
    } else if (verdict->kind == TJ_LINE_STEP) {
        visit v = {.state = after, .parent = w->at, .step = step, .clean = w->clean};
        v.solvable = tj_countdown_solvable(w->cfg, &after);
        tj_code rc = add_visit(w, &v, err);
        if (rc != TJ_OK) {
            return rc;
        }
    } else if (verdict->kind == TJ_LINE_REACHED) {
        out->correct = w->clean;
        w->done = true;
    }
    if (!verdict->valid && out->first_wrong == SIZE_MAX) {
        out->first_wrong = out->n_lines;
    }
    verdict->solvable = w->visits[w->at].solvable;
    line->attempt = w->attempt;
    tj_countdown_pack(&line->state, &w->visits[w->at].state);
    out->n_lines++;
    return TJ_OK;
}

/* ------------------------------------------------------------ the expression */

typedef struct expression {
    uint32_t value;
    char text[sizeof((tj_walk *)0)->expression]; /* six numbers of 7 digits, 5 times "(+)": 57 */
} expression;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Orders texts byte by byte, but runs of digits as numbers (which have no leading zeros). */
static int compare_texts(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    size_t n_a = strspn(a, "0123456789"), n_b = strspn(b, "0123456789");
    if (is_digit(*a) && is_digit(*b) && n_a != n_b) {
        return n_a < n_b ? -1 : 1;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

/* The expression to use for a value: of several, the shortest and then the first in order, so that
 * a given number goes before one that was made. Takes it out of the list. */
static expression take_expression(expression *list, size_t *n, uint32_t value)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < *n; i++) {
        if (list[i].value != value) {
            continue;
        }
        size_t len = strlen(list[i].text),
               best_len = best == SIZE_MAX ? 0 : strlen(list[best].text);
        if (best == SIZE_MAX || len < best_len ||
            (len == best_len && compare_texts(list[i].text, list[best].text) < 0)) {
            best = i;
        }
    }
    TJ_ASSERT(best != SIZE_MAX);
    expression taken = list[best];
    list[best] = list[--*n];
    return taken;
}

static void join_expressions(expression *out, const tj_countdown_step *step, const expression *a,
                             const expression *b)
{
    bool commutes = step->op == '+' || step->op == '*';
    bool swap = commutes && compare_texts(b->text, a->text) < 0;
    const char *parts[] = {"(", swap ? b->text : a->text, (const char[]){step->op, '\0'},
                           swap ? a->text : b->text, ")"};
    size_t len = 0;
    out->value = step->result;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t n = strlen(parts[i]);
        TJ_ASSERT(len + n < sizeof out->text);
        memcpy(out->text + len, parts[i], n);
        len += n;
    }
    out->text[len] = '\0';
}

/* Writes what the chain to the present node computes, if that is one number. */
static void write_expression(const walker *w)
{
    const visit *end = &w->visits[w->at];
    if (end->state.n_numbers != 1) {
        return;
    }
    const tj_countdown_step *steps[TJ_COUNTDOWN_MAX_NUMBERS];
    size_t n_steps = 0;
    for (size_t i = w->at; i != 0; i = w->visits[i].parent) {
        TJ_ASSERT(n_steps < TJ_COUNTDOWN_MAX_NUMBERS);
        steps[n_steps++] = &w->visits[i].step;
    }
    const tj_countdown_state *first = &w->visits[0].state;
    expression list[TJ_COUNTDOWN_MAX_NUMBERS];
    size_t n = first->n_numbers;
    for (size_t i = 0; i < n; i++) {
        list[i].value = first->numbers[i];
        (void)snprintf(list[i].text, sizeof list[i].text, "%" PRIu32, first->numbers[i]);
    }
    while (n_steps-- > 0) {
        expression a = take_expression(list, &n, steps[n_steps]->a);
        expression b = take_expression(list, &n, steps[n_steps]->b);
        join_expressions(&list[n++], steps[n_steps], &a, &b);
    }
    (void)snprintf(w->out->expression, sizeof w->out->expression, "%s", list[0].text);
}

/* ------------------------------------------------------------ the walk */

tj_code tj_countdown_walk_from(tj_walk *out, const tj_countdown_config *cfg,
                               const tj_countdown_state *first, const char *text, size_t len,
                               tj_err *err)
{
    *out = (tj_walk){.first_wrong = SIZE_MAX};
    if (len > TJ_WALK_MAX_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "answer has %zu bytes, at most %d are read", len,
                       TJ_WALK_MAX_BYTES);
    }
    walker w = {.cfg = cfg, .out = out, .clean = true};
    visit root = {.state = *first, .clean = true, .solvable = tj_countdown_solvable(cfg, first)};
    tj_code rc = add_visit(&w, &root, err);
    for (size_t begin = 0; rc == TJ_OK && begin < len && !w.done;) {
        const char *newline = memchr(text + begin, '\n', len - begin);
        size_t end = newline == NULL ? len : (size_t)(newline - text) + 1;
        rc = walk_line(&w, text, begin, end, err);
        begin = end;
    }
    if (rc == TJ_OK) {
        write_expression(&w);
    } else {
        tj_walk_deinit(out);
    }
    tj_free(w.visits);
    return rc;
}

tj_code tj_countdown_walk(tj_walk *out, const tj_countdown_config *cfg,
                          const tj_countdown_problem *problem, const char *text, size_t len,
                          tj_err *err)
{
    tj_countdown_state first;
    tj_countdown_first_state(&first, problem);
    return tj_countdown_walk_from(out, cfg, &first, text, len, err);
}
