/* Reads one line of an answer and says what it is and whether it is right.
 *
 * What a line is, is decided by how it begins (or, for going back, by words in it), so that a line
 * that sets out to be a step and goes wrong is a wrong step and not idle talk:
 *
 *     a number, a dot, a space    step          Reached and a digit           reached
 *     digits and " is not "       failed        back to 3 4 6, make 36        back, anywhere
 *
 * Numbers have at most 9 digits when they are read, so that 64-bit arithmetic cannot overflow. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "task/countdown.h"

#define MAX_DIGITS 9

/* ------------------------------------------------------------ reading bytes */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool tj_countdown_skip(tj_countdown_cursor *at, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(at->end - at->p) < n || memcmp(at->p, word, n) != 0) {
        return false;
    }
    at->p += n;
    return true;
}

/* The same in any case; `word` is in lower case. */
static bool skip_any_case(tj_countdown_cursor *at, const char *word)
{
    const char *p = at->p;
    for (; *word != '\0'; word++, p++) {
        if (p == at->end || lower(*p) != *word) {
            return false;
        }
    }
    at->p = p;
    return true;
}

bool tj_countdown_read_number(tj_countdown_cursor *at, uint32_t *out)
{
    const char *p = at->p;
    uint32_t v = 0;
    while (p < at->end && is_digit(*p) && p - at->p < MAX_DIGITS) {
        v = v * 10 + (uint32_t)(*p++ - '0');
    }
    bool too_long = p < at->end && is_digit(*p);
    bool leading_zero = p - at->p > 1 && *at->p == '0';
    if (p == at->p || too_long || leading_zero) {
        return false;
    }
    at->p = p;
    *out = v;
    return true;
}

bool tj_countdown_read_numbers(tj_countdown_cursor *at, uint32_t *out, size_t max_n, size_t *n)
{
    *n = 0;
    while (at->end - at->p >= 2 && at->p[0] == ' ' && is_digit(at->p[1])) {
        at->p++;
        if (*n == max_n || !tj_countdown_read_number(at, &out[*n])) {
            return false;
        }
        ++*n;
    }
    return *n > 0;
}

/* ------------------------------------------------------------ verdicts */

static void refuse(tj_line_verdict *verdict, const char *fmt, ...) TJ_PRINTF(2, 3);
static void refuse(tj_line_verdict *verdict, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(verdict->reason, sizeof verdict->reason, fmt, args);
    va_end(args);
    verdict->valid = false;
}

/* "3 4 6"; six numbers of 7 digits fit. */
typedef struct number_list {
    char text[TJ_COUNTDOWN_MAX_NUMBERS * 11 + 1];
} number_list;

static number_list list_numbers(const tj_countdown_state *state)
{
    number_list list = {.text = ""};
    size_t len = 0;
    for (size_t i = 0; i < state->n_numbers; i++) {
        int n = snprintf(list.text + len, sizeof list.text - len, "%s%" PRIu32, i == 0 ? "" : " ",
                         state->numbers[i]);
        TJ_ASSERT(n > 0);
        len += (size_t)n;
    }
    return list;
}

static size_t count_of(const tj_countdown_state *state, uint32_t value)
{
    size_t n = 0;
    for (size_t i = 0; i < state->n_numbers; i++) {
        n += state->numbers[i] == value;
    }
    return n;
}

/* ------------------------------------------------------------ steps */

typedef struct read_step {
    uint32_t number;
    tj_countdown_step step; /* as written */
    uint32_t left[TJ_COUNTDOWN_MAX_NUMBERS];
    size_t n_left;
} read_step;

static bool begins_step(tj_countdown_cursor at)
{
    const char *p = at.p;
    while (p < at.end && is_digit(*p)) {
        p++;
    }
    return p > at.p && at.end - p >= 2 && p[0] == '.' && p[1] == ' ';
}

static bool is_operator(char c)
{
    return c == '+' || c == '-' || c == '*' || c == '/';
}

static bool parse_operation(tj_countdown_cursor *at, tj_countdown_step *step)
{
    if (!tj_countdown_read_number(at, &step->a) || !tj_countdown_skip(at, " ") ||
        at->p == at->end || !is_operator(*at->p)) {
        return false;
    }
    step->op = *at->p++;
    return tj_countdown_skip(at, " ") && tj_countdown_read_number(at, &step->b) &&
           tj_countdown_skip(at, " = ") && tj_countdown_read_number(at, &step->result);
}

/* Larger operand first for + and *. */
static void order_operands(tj_countdown_step *step)
{
    if ((step->op == '+' || step->op == '*') && step->a < step->b) {
        uint32_t a = step->a;
        step->a = step->b;
        step->b = a;
    }
}

/* Checks that both operands are there. */
static bool check_operands(tj_line_verdict *verdict, const tj_countdown_state *state,
                           const tj_countdown_step *step)
{
    const uint32_t operands[] = {step->a, step->b};
    for (size_t i = 0; i < 2; i++) {
        if (count_of(state, operands[i]) == 0) {
            refuse(verdict, "%" PRIu32 " is not among %s", operands[i], list_numbers(state).text);
            return false;
        }
    }
    if (step->a == step->b && count_of(state, step->a) < 2) {
        refuse(verdict, "there is only one %" PRIu32 " among %s", step->a,
               list_numbers(state).text);
        return false;
    }
    return true;
}

/* Checks that the operation can be done and gives what is written. The operands are among a state's
 * numbers, so at most TJ_COUNTDOWN_MAX_VALUE. */
static bool check_arithmetic(tj_line_verdict *verdict, const tj_countdown_step *step,
                             uint64_t value_max)
{
    uint64_t a = step->a, b = step->b, result = 0;
    switch (step->op) {
    case '+':
        result = a + b;
        break;
    case '-':
        if (a < b) {
            refuse(verdict, "%" PRIu64 " - %" PRIu64 " is below 0", a, b);
            return false;
        }
        result = a - b;
        break;
    case '*':
        result = a * b;
        break;
    default:
        if (b == 0 || a % b != 0) {
            refuse(verdict, "%" PRIu64 " / %" PRIu64 " is %s", a, b,
                   b == 0 ? "a division by 0" : "not exact");
            return false;
        }
        result = a / b;
        break;
    }
    if (result != step->result) {
        refuse(verdict, "%" PRIu64 " %c %" PRIu64 " is %" PRIu64 ", not %" PRIu32, a, step->op, b,
               result, step->result);
        return false;
    }
    if (result > value_max) {
        refuse(verdict, "%" PRIu64 " is more than %" PRIu64, result, value_max);
        return false;
    }
    return true;
}

/* Judges a line that begins as a step; *after is the new state if it is valid. */
static void judge_step(const tj_countdown_config *cfg, const tj_countdown_state *state,
                       tj_countdown_cursor at, tj_line_verdict *verdict, tj_countdown_state *after,
                       tj_countdown_step *step)
{
    read_step r = {.number = 0};
    if (!tj_countdown_read_number(&at, &r.number) || !tj_countdown_skip(&at, ". ") ||
        !parse_operation(&at, &r.step)) {
        refuse(verdict, "not of the form '1. 11 - 7 = 4 left 3 4 6'");
        return;
    }
    *step = r.step;
    order_operands(step);
    (void)snprintf(verdict->key, sizeof verdict->key, "%" PRIu32 "%c%" PRIu32 "=%" PRIu32, step->a,
                   step->op, step->b, step->result);
    if (!tj_countdown_skip(&at, " left") ||
        !tj_countdown_read_numbers(&at, r.left, TJ_COUNTDOWN_MAX_NUMBERS, &r.n_left) ||
        at.p != at.end) {
        refuse(verdict, "the numbers left cannot be read");
        return;
    }
    uint32_t want = state->n_given - state->n_numbers + 1;
    if (state->n_numbers < 2) {
        refuse(verdict, "only %s is left", list_numbers(state).text);
        return;
    }
    if (!check_operands(verdict, state, &r.step) ||
        !check_arithmetic(verdict, &r.step, cfg->value_max)) {
        return;
    }
    tj_countdown_state next = *state;
    tj_countdown_apply(&next, step);
    if (r.n_left != next.n_numbers ||
        memcmp(r.left, next.numbers, r.n_left * sizeof r.left[0]) != 0) {
        refuse(verdict, "the numbers left should be %s", list_numbers(&next).text);
        return;
    }
    if (r.number != want) {
        refuse(verdict, "this should be step %" PRIu32 ", not %" PRIu32, want, r.number);
        return;
    }
    verdict->valid = true;
    *after = next;
}

/* ------------------------------------------------------------ the other kinds */

static void judge_reached(const tj_countdown_state *state, tj_countdown_cursor at,
                          tj_line_verdict *verdict)
{
    uint32_t claimed;
    if (!tj_countdown_skip(&at, "Reached ") || !tj_countdown_read_number(&at, &claimed) ||
        !tj_countdown_skip(&at, ".") || at.p != at.end) {
        refuse(verdict, "not of the form 'Reached 36.'");
    } else if (claimed != state->target) {
        refuse(verdict, "the target is %" PRIu32 ", not %" PRIu32, state->target, claimed);
    } else if (state->n_numbers != 1 || state->numbers[0] != state->target) {
        refuse(verdict, "%s %s left, not %" PRIu32, list_numbers(state).text,
               state->n_numbers == 1 ? "is" : "are", state->target);
    } else {
        verdict->valid = true;
    }
}

static bool begins_failed(tj_countdown_cursor at)
{
    const char *p = at.p;
    while (p < at.end && is_digit(*p)) {
        p++;
    }
    tj_countdown_cursor rest = {.p = p, .end = at.end};
    return p > at.p && tj_countdown_skip(&rest, " is not ");
}

static void judge_failed(const tj_countdown_state *state, tj_countdown_cursor at,
                         tj_line_verdict *verdict)
{
    uint32_t got, target;
    if (!tj_countdown_read_number(&at, &got) || !tj_countdown_skip(&at, " is not ") ||
        !tj_countdown_read_number(&at, &target) || !tj_countdown_skip(&at, ".") || at.p != at.end) {
        refuse(verdict, "not of the form '18 is not 36.'");
    } else if (target != state->target) {
        refuse(verdict, "the target is %" PRIu32 ", not %" PRIu32, state->target, target);
    } else if (state->n_numbers != 1 || state->numbers[0] != got) {
        refuse(verdict, "%s %s left, not %" PRIu32, list_numbers(state).text,
               state->n_numbers == 1 ? "is" : "are", got);
    } else if (got == target) {
        refuse(verdict, "%" PRIu32 " is the target", target);
    } else {
        verdict->valid = true;
    }
}

/* Finds "back to 3 4 6, make 36" in a line, in any case, "back" not being the end of a longer word;
 * the first place where it can be read whole. */
static bool find_back(tj_countdown_cursor line, tj_countdown_state *to)
{
    for (const char *p = line.p; p < line.end; p++) {
        tj_countdown_cursor at = {.p = p, .end = line.end};
        bool in_word = p > line.p && lower(p[-1]) >= 'a' && lower(p[-1]) <= 'z';
        if (in_word || !skip_any_case(&at, "back to")) {
            continue;
        }
        size_t n;
        *to = (tj_countdown_state){.n_numbers = 0};
        if (tj_countdown_read_numbers(&at, to->numbers, TJ_COUNTDOWN_MAX_NUMBERS, &n) &&
            skip_any_case(&at, ", make ") && tj_countdown_read_number(&at, &to->target)) {
            to->n_numbers = (uint32_t)n;
            tj_countdown_sort(to->numbers, n);
            return true;
        }
    }
    return false;
}

/* Whether `to` may be a state of the problem: that it was visited, only a walk can tell. */
static void judge_back(const tj_countdown_config *cfg, const tj_countdown_state *state,
                       tj_countdown_state *to, tj_line_verdict *verdict)
{
    to->n_given = state->n_given;
    if (to->target != state->target) {
        refuse(verdict, "the target is %" PRIu32 ", not %" PRIu32, state->target, to->target);
    } else if (to->n_numbers > to->n_given) {
        refuse(verdict, "the problem has only %" PRIu32 " numbers", to->n_given);
    } else if (to->numbers[to->n_numbers - 1] > cfg->value_max) {
        refuse(verdict, "%" PRIu32 " is more than %zu", to->numbers[to->n_numbers - 1],
               cfg->value_max);
    } else {
        verdict->valid = true;
    }
}

void tj_countdown_judge_text(const tj_countdown_config *cfg, const tj_countdown_state *state,
                             const char *line, size_t len, tj_line_verdict *verdict,
                             tj_countdown_state *after, tj_countdown_step *step)
{
    const tj_countdown_state before = *state; /* after may alias it */
    tj_countdown_cursor at = {.p = line, .end = line + len}, reached = at;
    tj_countdown_state to;
    *verdict = (tj_line_verdict){.kind = TJ_LINE_OTHER};
    *after = before;
    if (begins_step(at)) {
        verdict->kind = TJ_LINE_STEP;
        judge_step(cfg, &before, at, verdict, after, step);
    } else if (tj_countdown_skip(&reached, "Reached ") && reached.p < reached.end &&
               is_digit(*reached.p)) {
        verdict->kind = TJ_LINE_REACHED;
        judge_reached(&before, at, verdict);
    } else if (begins_failed(at)) {
        verdict->kind = TJ_LINE_FAILED;
        judge_failed(&before, at, verdict);
    } else if (find_back(at, &to)) {
        verdict->kind = TJ_LINE_BACK;
        judge_back(cfg, &before, &to, verdict);
        if (verdict->valid) {
            *after = to;
        }
    } else {
        verdict->valid = true;
    }
    bool wrong_step = verdict->kind == TJ_LINE_STEP && !verdict->valid;
    verdict->terminal = after->n_numbers == 1;
    verdict->correct = verdict->terminal && after->numbers[0] == after->target && !wrong_step;
}

void tj_countdown_judge_line(const tj_countdown_config *cfg, const tj_countdown_state *state,
                             const char *line, size_t len, tj_line_verdict *verdict,
                             tj_countdown_state *after)
{
    tj_countdown_step step;
    tj_countdown_judge_text(cfg, state, line, len, verdict, after, &step);
    verdict->solvable = tj_countdown_solvable(cfg, after);
}
