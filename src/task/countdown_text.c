/* How everything in countdown is written, and how prompts and problems are read back. Lines of
 * answers are read in countdown_judge.c. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "task/countdown.h"

#define MAX_JSON_BYTES 4096 /* six numbers and a target, with any white space in reason */

static void write_numbers(tj_buf *out, const uint32_t *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tj_buf_printf(out, " %" PRIu32, numbers[i]);
    }
}

void tj_countdown_write_prompt(tj_buf *out, const tj_countdown_problem *problem)
{
    tj_buf_str(out, "Use");
    write_numbers(out, problem->numbers, problem->n_numbers);
    tj_buf_printf(out, " to make %" PRIu32 ".\n", problem->target);
}

void tj_countdown_write_rules(tj_buf *out)
{
    tj_buf_str(out,
               "Combine the numbers with +, -, * and / to make the target. Every number is used "
               "once. Results are whole and not negative. Each step is one line: its number, two "
               "of the numbers with an operation and the result, then \"left\" and the numbers "
               "that are left, in ascending order. Write the steps and nothing else.\n"
               "\n"
               "Use 2 4 5 10 to make 32.\n"
               "1. 5 * 4 = 20 left 2 10 20\n"
               "2. 10 + 2 = 12 left 12 20\n"
               "3. 20 + 12 = 32 left 32\n"
               "Reached 32.\n"
               "\n"
               "Use 2 5 9 to make 35.\n"
               "1. 9 - 2 = 7 left 5 7\n"
               "2. 7 * 5 = 35 left 35\n"
               "Reached 35.\n");
}

void tj_countdown_write_step(tj_buf *out, size_t number, const tj_countdown_step *step,
                             const tj_countdown_state *after)
{
    tj_buf_printf(out, "%zu. %" PRIu32 " %c %" PRIu32 " = %" PRIu32 " left", number, step->a,
                  step->op, step->b, step->result);
    write_numbers(out, after->numbers, after->n_numbers);
    tj_buf_char(out, '\n');
}

void tj_countdown_write_reached(tj_buf *out, uint32_t target)
{
    tj_buf_printf(out, "Reached %" PRIu32 ".\n", target);
}

void tj_countdown_write_failed(tj_buf *out, uint32_t got, uint32_t target)
{
    tj_buf_printf(out, "%" PRIu32 " is not %" PRIu32 ".\n", got, target);
}

void tj_countdown_write_back(tj_buf *out, const tj_countdown_state *to)
{
    tj_buf_str(out, "Back to");
    write_numbers(out, to->numbers, to->n_numbers);
    tj_buf_printf(out, ", make %" PRIu32 ".\n", to->target);
}

void tj_countdown_write_json(tj_buf *out, const tj_countdown_problem *problem)
{
    tj_buf_str(out, "{\"numbers\":[");
    for (size_t i = 0; i < problem->n_numbers; i++) {
        tj_buf_printf(out, "%s%" PRIu32, i == 0 ? "" : ",", problem->numbers[i]);
    }
    tj_buf_printf(out, "],\"target\":%" PRIu32 "}", problem->target);
}

/* ------------------------------------------------------------ reading */

tj_code tj_countdown_parse_prompt(tj_countdown_problem *out, const char *text, size_t len,
                                  tj_err *err)
{
    tj_countdown_cursor at = {.p = text, .end = text + len};
    tj_countdown_problem p = {.n_numbers = 0};
    uint32_t numbers[TJ_COUNTDOWN_MAX_NUMBERS];
    size_t n = 0;
    bool read = tj_countdown_skip(&at, "Use") &&
                tj_countdown_read_numbers(&at, numbers, TJ_COUNTDOWN_MAX_NUMBERS, &n) &&
                tj_countdown_skip(&at, " to make ") && tj_countdown_read_number(&at, &p.target) &&
                tj_countdown_skip(&at, ".\n") && at.p == at.end;
    if (!read) {
        return tj_fail(err, TJ_E_PARSE,
                       "prompt is not of the form 'Use 3 6 7 11 to make 36.' at byte %zu",
                       (size_t)(at.p - text));
    }
    memcpy(p.numbers, numbers, n * sizeof numbers[0]);
    p.n_numbers = (uint32_t)n;
    tj_countdown_sort(p.numbers, n);
    bool in_range = n >= 2 && p.numbers[0] >= 1 && p.numbers[n - 1] <= TJ_COUNTDOWN_MAX_VALUE &&
                    p.target >= 1 && p.target <= TJ_COUNTDOWN_MAX_VALUE;
    if (!in_range || memcmp(p.numbers, numbers, n * sizeof numbers[0]) != 0) {
        return tj_fail(err, TJ_E_PARSE,
                       "prompt needs 2 to %d ascending numbers and a target, from 1 to %d",
                       TJ_COUNTDOWN_MAX_NUMBERS, TJ_COUNTDOWN_MAX_VALUE);
    }
    *out = p;
    return TJ_OK;
}

static tj_code read_value(uint32_t *out, const json_t *value, const char *where, tj_err *err)
{
    json_int_t v = json_integer_value(value);
    if (!json_is_integer(value) || v < 1 || v > TJ_COUNTDOWN_MAX_VALUE) {
        return tj_fail(err, TJ_E_PARSE, "%s must be a whole number from 1 to %d", where,
                       TJ_COUNTDOWN_MAX_VALUE);
    }
    *out = (uint32_t)v;
    return TJ_OK;
}

static tj_code read_object(tj_countdown_problem *out, const json_t *root, tj_err *err)
{
    tj_countdown_problem p = {.n_numbers = 0};
    const json_t *numbers = json_object_get(root, "numbers");
    size_t n = json_array_size(numbers);
    if (!json_is_array(numbers) || n < 2 || n > TJ_COUNTDOWN_MAX_NUMBERS) {
        return tj_fail(err, TJ_E_PARSE, "problem.numbers must be an array of 2 to %d numbers",
                       TJ_COUNTDOWN_MAX_NUMBERS);
    }
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = read_value(&p.numbers[i], json_array_get(numbers, i), "each of problem.numbers", err);
    }
    if (rc == TJ_OK) {
        rc = read_value(&p.target, json_object_get(root, "target"), "problem.target", err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    if (json_object_size(root) != 2) {
        return tj_fail(err, TJ_E_PARSE, "problem has fields besides numbers and target");
    }
    p.n_numbers = (uint32_t)n;
    tj_countdown_sort(p.numbers, n);
    *out = p;
    return TJ_OK;
}

tj_code tj_countdown_read_json(tj_countdown_problem *out, const char *text, size_t len, tj_err *err)
{
    if (len > MAX_JSON_BYTES) {
        return tj_fail(err, TJ_E_PARSE, "problem has %zu bytes, at most %d expected", len,
                       MAX_JSON_BYTES);
    }
    json_error_t why;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL) {
        return tj_fail(err, TJ_E_PARSE, "problem is not JSON: %s at byte %d", why.text,
                       why.position);
    }
    tj_code rc = json_is_object(root) ? read_object(out, root, err)
                                      : tj_fail(err, TJ_E_PARSE, "problem must be a JSON object");
    json_decref(root);
    return rc;
}
