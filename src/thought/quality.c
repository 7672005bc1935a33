/* See quality.h. */
#include "thought/quality.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "thought/answer.h"
#include "thought/rules.h"
#include "thought/words.h"
#include "tree/tree.h"

#define MANY 1000000000.0

const char *const tj_rule_names[TJ_N_RULES + 1] = {"pass",  "answer",     "conclusion", "jump",
                                                   "loop",  "repeated",   "tokens",     "words",
                                                   "lines", "backtracks", "needless",   NULL};

const tj_field tj_quality_fields[] = {
    TJ_FIELD_BOOL(tj_quality_config, need_right, "the final answer is known to be right"),
    TJ_FIELD_BOOL(tj_quality_config, refuse_wrong, "the final answer is not known to be wrong"),
    TJ_FIELD_BOOL(tj_quality_config, need_conclusion, "it ends with its answer"),
    TJ_FIELD_BOOL(tj_quality_config, no_jumps, "no unexplained jump"),
    TJ_FIELD_SIZE(tj_quality_config, max_loop, 0, MANY, "times in a row, of a block; 0: any"),
    TJ_FIELD_SIZE(tj_quality_config, min_loop_words, 0, MANY, "shorter runs are no loops"),
    TJ_FIELD_SIZE(tj_quality_config, max_repeated_attempts, 0, MANY, "the same once more"),
    TJ_FIELD_SIZE(tj_quality_config, min_tokens, 0, MANY, "at least"),
    TJ_FIELD_SIZE(tj_quality_config, max_tokens, 0, MANY, "at most; 0: any"),
    TJ_FIELD_SIZE(tj_quality_config, min_words, 0, MANY, "at least"),
    TJ_FIELD_SIZE(tj_quality_config, max_words, 0, MANY, "at most; 0: any"),
    TJ_FIELD_SIZE(tj_quality_config, min_lines, 0, MANY, "at least"),
    TJ_FIELD_SIZE(tj_quality_config, max_lines, 0, MANY, "at most; 0: any"),
    TJ_FIELD_SIZE(tj_quality_config, min_backtracks, 0, MANY, "at least"),
    TJ_FIELD_SIZE(tj_quality_config, max_backtracks, 0, MANY, "at most; 0: any"),
    TJ_FIELD_BOOL(tj_quality_config, no_backtracks, "none at all"),
    TJ_FIELD_SIZE(tj_quality_config, max_needless, 0, MANY, "ways back without a reason"),
    TJ_FIELD_END};

void tj_quality_config_default(tj_quality_config *cfg)
{
    *cfg = (tj_quality_config){.refuse_wrong = true,
                               .no_jumps = true,
                               .max_loop = 3,
                               .min_loop_words = 12,
                               .max_repeated_attempts = (size_t)MANY,
                               .max_needless = (size_t)MANY};
}

typedef struct judge {
    tj_quality *out;
    const tj_record *record;
    const tj_thought *thought; /* with spans */
    const tj_quality_config *cfg;
    tj_facts facts;
} judge;

TJ_PRINTF(3, 4) static void refuse(judge *j, tj_rule rule, const char *fmt, ...)
{
    va_list args;
    if (j->out->rule != TJ_RULE_PASS) {
        return; /* the first one counts */
    }
    j->out->rule = rule;
    va_start(args, fmt);
    vsnprintf(j->out->reason, sizeof j->out->reason, fmt, args);
    va_end(args);
}

static void judge_answer(judge *j)
{
    tj_known right = j->record->correct;
    const char *gold = tj_record_get(j->record, TJ_META_ANSWER);
    tj_final_answer answer = {.rule = NULL};
    tj_answer_find(&answer, j->thought->text, j->thought->n_text);
    if (right == TJ_NO && (j->cfg->need_right || j->cfg->refuse_wrong)) {
        refuse(j, TJ_RULE_ANSWER, "the answer '%.*s' is not right%s%.80s",
               (int)(answer.end - answer.begin < 80 ? answer.end - answer.begin : 80),
               j->thought->text + answer.begin, gold[0] == 0 ? "" : "; it is ", gold);
    } else if (right == TJ_UNKNOWN && j->cfg->need_right) {
        refuse(j, TJ_RULE_ANSWER, "nothing says whether the answer is right");
    }
    size_t n = j->thought->n_spans;
    if (j->cfg->need_conclusion && (n == 0 || j->thought->spans[n - 1].action != TJ_CONCLUDE)) {
        refuse(j, TJ_RULE_CONCLUSION, "it does not end with its answer");
    }
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

#define MAX_WORKED_OUT                                                                             \
    64 /* numbers that a conclusion works out; one with more is not looked at on */

typedef struct numbers {
    uint64_t
        *said; /* [n] hashes, sorted: of the problem and of what stands before the conclusion */
    size_t n, cap;
    uint64_t worked_out[MAX_WORKED_OUT];
    size_t n_worked_out;
} numbers;

static bool add_numbers(numbers *to, const char *text, size_t len)
{
    tj_number_at one;
    for (size_t at = 0; tj_next_number(text, len, &at, &one);) {
        if (!tj_grow(&to->said, &to->cap, to->n + 1, sizeof *to->said)) {
            return false;
        }
        to->said[to->n++] = tj_fnv64(one.text, strlen(one.text));
    }
    return true;
}

static bool is_known(const numbers *of, uint64_t hash)
{
    for (size_t i = 0; i < of->n_worked_out; i++) {
        if (of->worked_out[i] == hash) {
            return true;
        }
    }
    return of->n > 0 && bsearch(&hash, of->said, of->n, sizeof *of->said, by_hash) != NULL;
}

/* Whether the number at `at` is what something comes to: an equals sign stands before it. */
static bool is_result(const char *text, size_t at)
{
    while (at > 0 && strchr(" \t$", text[at - 1]) != NULL) {
        at--;
    }
    return at > 0 && text[at - 1] == '=';
}

/* The first number of a span of a conclusion that was neither said nor is worked out in it. The
 * number of a step is none of its numbers. */
static bool find_unexplained(tj_number_at *one, numbers *known, const char *text, size_t len)
{
    for (size_t at = tj_step_marker(text, len); tj_next_number(text, len, &at, one);) {
        uint64_t hash = tj_fnv64(one->text, strlen(one->text));
        if (is_known(known, hash)) {
            continue;
        }
        if (!is_result(text, one->begin)) {
            return true;
        }
        if (known->n_worked_out == MAX_WORKED_OUT) {
            return false;
        }
        known->worked_out[known->n_worked_out++] = hash;
    }
    return false;
}

/* A conclusion states what was found: a number that stands nowhere before it fell from the sky. */
static tj_code judge_conclusion(judge *j, tj_err *err)
{
    const tj_thought *t = j->thought;
    const char *prompt = tj_record_get(j->record, TJ_META_PROMPT);
    tj_number_at one;
    numbers known = {.n = 0};
    size_t first = t->n_spans;
    while (first > 0 && t->spans[first - 1].action == TJ_CONCLUDE) {
        first--;
    }
    if (first == 0 || first == t->n_spans) {
        return TJ_OK; /* nothing but an answer, or none: that is for other rules */
    }
    if (!add_numbers(&known, t->text, t->spans[first].begin) ||
        !add_numbers(&known, prompt, strlen(prompt))) {
        tj_free(known.said);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold the numbers of a thought");
    }
    if (known.n > 0) {
        qsort(known.said, known.n, sizeof *known.said, by_hash);
    }
    for (size_t i = first; i < t->n_spans; i++) {
        const tj_span *s = &t->spans[i];
        if (find_unexplained(&one, &known, t->text + s->begin, s->end - s->begin)) {
            refuse(j, TJ_RULE_JUMP, "the conclusion says %s, which stands nowhere before it",
                   one.text);
        }
    }
    tj_free(known.said);
    return TJ_OK;
}

static tj_code judge_jumps(judge *j, tj_err *err)
{
    const tj_thought *t = j->thought;
    size_t last = SIZE_MAX; /* the step before, if nothing was said since */
    for (size_t i = 0; i < t->n_spans; i++) {
        const tj_span *s = &t->spans[i];
        if (s->action == TJ_PROPOSE && last != SIZE_MAX) {
            refuse(j, TJ_RULE_JUMP,
                   "span %zu begins anew, but nothing says why after span %zu (byte %zu)", i + 1,
                   last + 1, s->begin);
        }
        last = tj_is_step(s) ? i : s->action == TJ_CONCLUDE ? last : SIZE_MAX;
    }
    return judge_conclusion(j, err);
}

static tj_code judge_loop(judge *j, tj_err *err)
{
    tj_loop loop;
    tj_code rc = tj_find_loop(&loop, j->thought->text, j->thought->n_text, err);
    if (rc == TJ_OK && j->cfg->max_loop > 0 && loop.n_times > j->cfg->max_loop &&
        loop.n_words >= j->cfg->min_loop_words) {
        size_t n = loop.end - loop.begin;
        refuse(j, TJ_RULE_LOOP, "from byte %zu '%.*s%s' stands %zu times in a row", loop.begin,
               (int)(n < 60 ? n : 60), j->thought->text + loop.begin, n < 60 ? "" : "...",
               loop.n_times);
    }
    if (rc == TJ_OK && j->facts.n_repeated_attempts > j->cfg->max_repeated_attempts) {
        refuse(j, TJ_RULE_REPEATED, "%zu attempts are word for word those of before",
               j->facts.n_repeated_attempts);
    }
    return rc;
}

static void judge_bounds(judge *j, tj_rule rule, const char *what, size_t n, size_t min, size_t max)
{
    if (n < min) {
        refuse(j, rule, "%zu %s, at least %zu", n, what, min);
    } else if (max > 0 && n > max) {
        refuse(j, rule, "%zu %s, at most %zu", n, what, max);
    }
}

static void judge_counts(judge *j)
{
    const tj_quality_config *cfg = j->cfg;
    size_t n_tokens = tj_record_n_tokens(j->record);
    if (n_tokens == 0 && (cfg->min_tokens > 0 || cfg->max_tokens > 0)) {
        refuse(j, TJ_RULE_TOKENS, "its tokens are not counted");
    }
    judge_bounds(j, TJ_RULE_TOKENS, "tokens", n_tokens, cfg->min_tokens, cfg->max_tokens);
    judge_bounds(j, TJ_RULE_WORDS, "words", j->facts.n_words, cfg->min_words, cfg->max_words);
    judge_bounds(j, TJ_RULE_LINES, "lines", j->facts.n_lines, cfg->min_lines, cfg->max_lines);
    judge_bounds(j, TJ_RULE_BACKTRACKS, "ways back", j->facts.n_backtracks, cfg->min_backtracks,
                 cfg->max_backtracks);
    if (cfg->no_backtracks && j->facts.n_backtracks > 0) {
        refuse(j, TJ_RULE_BACKTRACKS, "%zu ways back, expected none", j->facts.n_backtracks);
    }
    if (j->facts.n_needless > cfg->max_needless) {
        refuse(j, TJ_RULE_NEEDLESS, "%zu ways back without a wrong step before, at most %zu",
               j->facts.n_needless, cfg->max_needless);
    }
}

tj_code tj_quality_judge(tj_quality *out, const tj_record *record, const tj_quality_config *cfg,
                         tj_err *err)
{
    judge j = {.out = out, .record = record, .thought = &record->thought, .cfg = cfg};
    tj_thought copy = {.n_spans = 0};
    tj_code rc = TJ_OK;
    *out = (tj_quality){.rule = TJ_RULE_PASS};
    if (record->thought.n_spans == 0) {
        rc = tj_thought_copy(&copy, &record->thought, err);
        if (rc == TJ_OK) {
            rc = tj_rules_spans(&copy, err);
        }
        j.thought = &copy;
    }
    if (rc == TJ_OK) {
        rc = tj_facts_of(&j.facts, j.thought, err);
    }
    if (rc == TJ_OK) {
        judge_answer(&j);
        rc = cfg->no_jumps ? judge_jumps(&j, err) : TJ_OK;
    }
    if (rc == TJ_OK) {
        rc = judge_loop(&j, err);
    }
    if (rc == TJ_OK) {
        judge_counts(&j);
    }
    tj_thought_deinit(&copy);
    return rc;
}
