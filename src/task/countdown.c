/* Settings and states of countdown, its splits, and the table by which other rooms see it. */
#include "task/countdown.h"

#include <string.h>

#include "base/assert.h"

_Static_assert(sizeof(tj_countdown_state) <= TJ_TASK_STATE_BYTES, "a state fits");
_Static_assert(sizeof(tj_countdown_state) == (TJ_COUNTDOWN_MAX_NUMBERS + 3) * sizeof(uint32_t),
               "no padding: equal states have equal bytes");

static tj_code check_range(const char *field, size_t value, size_t min, size_t max, tj_err *err)
{
    if (value < min || value > max) {
        return tj_fail(err, TJ_E_INVAL, "countdown.%s is %zu, expected %zu to %zu", field, value,
                       min, max);
    }
    return TJ_OK;
}

tj_code tj_countdown_check_config(const tj_countdown_config *cfg, tj_err *err)
{
    const struct {
        const char *field;
        size_t value, min, max;
    } checks[] = {
        {"n_numbers", cfg->n_numbers, 2, TJ_COUNTDOWN_MAX_NUMBERS},
        {"value_max", cfg->value_max, 1, TJ_COUNTDOWN_MAX_VALUE},
        {"number_max", cfg->number_max, 1, cfg->value_max},
        {"number_min", cfg->number_min, 1, cfg->number_max},
        {"target_max", cfg->target_max, 1, cfg->value_max},
        {"target_min", cfg->target_min, 1, cfg->target_max},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        tj_code rc =
            check_range(checks[i].field, checks[i].value, checks[i].min, checks[i].max, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ states */

void tj_countdown_sort(uint32_t *numbers, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint32_t v = numbers[i];
        size_t j = i;
        for (; j > 0 && numbers[j - 1] > v; j--) {
            numbers[j] = numbers[j - 1];
        }
        numbers[j] = v;
    }
}

void tj_countdown_first_state(tj_countdown_state *out, const tj_countdown_problem *problem)
{
    *out = (tj_countdown_state){
        .n_numbers = problem->n_numbers, .target = problem->target, .n_given = problem->n_numbers};
    memcpy(out->numbers, problem->numbers, problem->n_numbers * sizeof out->numbers[0]);
}

void tj_countdown_pack(tj_task_state *out, const tj_countdown_state *state)
{
    *out = (tj_task_state){.bytes = {0}};
    memcpy(out->bytes, state, sizeof *state);
}

void tj_countdown_unpack(tj_countdown_state *out, const tj_task_state *state)
{
    memcpy(out, state->bytes, sizeof *out);
    TJ_ASSERT(out->n_numbers <= out->n_given);
    TJ_ASSERT(out->n_given <= TJ_COUNTDOWN_MAX_NUMBERS);
}

bool tj_countdown_same_state(const tj_countdown_state *a, const tj_countdown_state *b)
{
    return memcmp(a, b, sizeof *a) == 0; /* no padding, and unused numbers are 0 */
}

/* Takes one `value` out of the state's numbers. */
static void take_number(tj_countdown_state *state, uint32_t value)
{
    size_t i = 0;
    while (i < state->n_numbers && state->numbers[i] != value) {
        i++;
    }
    TJ_ASSERT(i < state->n_numbers);
    state->n_numbers--;
    for (; i < state->n_numbers; i++) {
        state->numbers[i] = state->numbers[i + 1];
    }
    state->numbers[state->n_numbers] = 0;
}

void tj_countdown_apply(tj_countdown_state *state, const tj_countdown_step *step)
{
    take_number(state, step->a);
    take_number(state, step->b);
    state->numbers[state->n_numbers++] = step->result;
    tj_countdown_sort(state->numbers, state->n_numbers);
}

/* ------------------------------------------------------------ splits */

/* The finaliser of SplitMix64 (Steele, Lea and Flood 2014), a bijection that mixes all bits. */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

tj_split tj_countdown_split_of(const tj_countdown_problem *problem, uint64_t split_seed)
{
    uint64_t h = mix(split_seed + 0x9E3779B97F4A7C15u);
    for (size_t i = 0; i < problem->n_numbers; i++) {
        h = mix(h ^ problem->numbers[i]) + 0x9E3779B97F4A7C15u;
    }
    switch (mix(h) % 20) {
    case 0:
        return TJ_SPLIT_VALID;
    case 1:
        return TJ_SPLIT_TEST;
    default:
        return TJ_SPLIT_TRAIN;
    }
}

/* ------------------------------------------------------------ the table */

/* Strata of difficulty: number of solutions from `least` up to that of the stratum before. */
static const struct {
    size_t least;
    const char *name;
} strata[] = {
    {101, "more than 100 solutions"}, {31, "31 to 100 solutions"}, {11, "11 to 30 solutions"},
    {4, "4 to 10 solutions"},         {1, "1 to 3 solutions"},     {0, "no solution"},
};
#define N_STRATA (sizeof strata / sizeof strata[0])

static size_t difficulty(const void *ctx, const tj_task_state *first)
{
    tj_countdown_state state;
    tj_countdown_unpack(&state, first);
    size_t n = tj_countdown_n_solutions(ctx, &state, strata[0].least);
    size_t d = 0;
    while (n < strata[d].least) {
        d++;
    }
    return d;
}

static const char *difficulty_name(const void *ctx, size_t d)
{
    (void)ctx;
    return d < N_STRATA ? strata[d].name : NULL;
}

static tj_code begin(const void *ctx, tj_task_state *state, const char *problem, size_t len,
                     tj_err *err)
{
    const tj_countdown_config *cfg = ctx;
    tj_countdown_problem p;
    tj_code rc = tj_countdown_read_json(&p, problem, len, err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < p.n_numbers; i++) {
        if (p.numbers[i] > cfg->value_max) {
            return tj_fail(err, TJ_E_PARSE, "problem.numbers[%zu] is %u, more than value_max %zu",
                           i, p.numbers[i], cfg->value_max);
        }
    }
    tj_countdown_state first;
    tj_countdown_first_state(&first, &p);
    tj_countdown_pack(state, &first);
    return TJ_OK;
}

static void write_prompt(const void *ctx, const tj_task_state *first, tj_buf *out)
{
    (void)ctx;
    tj_countdown_state state;
    tj_countdown_unpack(&state, first);
    tj_countdown_problem problem = {.n_numbers = state.n_numbers, .target = state.target};
    memcpy(problem.numbers, state.numbers, sizeof problem.numbers);
    tj_countdown_write_prompt(out, &problem);
}

static void judge_line(const void *ctx, const tj_task_state *state, const char *line, size_t len,
                       tj_line_verdict *verdict, tj_task_state *after)
{
    tj_countdown_state s;
    tj_countdown_unpack(&s, state);
    tj_countdown_judge_line(ctx, &s, line, len, verdict, &s);
    tj_countdown_pack(after, &s);
}

static tj_code walk(const void *ctx, tj_walk *out, const tj_task_state *first, const char *text,
                    size_t len, tj_err *err)
{
    tj_countdown_state s;
    tj_countdown_unpack(&s, first);
    return tj_countdown_walk_from(out, ctx, &s, text, len, err);
}

static bool solvable(const void *ctx, const tj_task_state *state)
{
    tj_countdown_state s;
    tj_countdown_unpack(&s, state);
    return tj_countdown_solvable(ctx, &s);
}

static void write_failed(const void *ctx, const tj_task_state *end, tj_buf *out)
{
    (void)ctx;
    tj_countdown_state s;
    tj_countdown_unpack(&s, end);
    if (s.n_numbers == 1) {
        tj_countdown_write_failed(out, s.numbers[0], s.target);
        return;
    }
    for (size_t i = 0; i < s.n_numbers; i++) { /* given up before the end */
        tj_buf_printf(out, "%u ", s.numbers[i]);
    }
    tj_buf_printf(out, "does not make %u.\n", s.target);
}

static void write_back(const void *ctx, const tj_task_state *to, tj_buf *out)
{
    (void)ctx;
    tj_countdown_state s;
    tj_countdown_unpack(&s, to);
    tj_countdown_write_back(out, &s);
}

static void write_rules(const void *ctx, tj_buf *out)
{
    (void)ctx;
    tj_countdown_write_rules(out);
}

static void write_reached(const void *ctx, const tj_task_state *end, tj_buf *out)
{
    (void)ctx;
    tj_countdown_state s;
    tj_countdown_unpack(&s, end);
    tj_countdown_write_reached(out, s.target);
}

static size_t step_number(const void *ctx, const tj_task_state *state)
{
    (void)ctx;
    tj_countdown_state s;
    tj_countdown_unpack(&s, state);
    return s.n_given - s.n_numbers + 1;
}

void tj_countdown_task(tj_task *out, const tj_countdown_config *cfg)
{
    *out = (tj_task){.name = "countdown",
                     .ctx = cfg,
                     .begin = begin,
                     .write_prompt = write_prompt,
                     .write_rules = write_rules,
                     .judge_line = judge_line,
                     .walk = walk,
                     .solvable = solvable,
                     .difficulty = difficulty,
                     .difficulty_name = difficulty_name,
                     .write_failed = write_failed,
                     .write_back = write_back,
                     .write_reached = write_reached,
                     .step_number = step_number};
}
