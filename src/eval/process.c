/* Process counts of an answer, read off its verdicts line by line.
 *
 * Lines fall into attempts at each BACK line. To tell a repeated branch, every step line points to
 * the step before it on its way from the start; a BACK line goes to the step that produced the
 * state it names, and the next step hangs there. Two attempts are the same when the keys on the
 * ways of their last steps are.
 *
 *     1. 7+6=13   2. 13*3=39   FAILED   BACK to the state after 1.   2. 13*3=39
 *     chain: 1 ◀─ 2                                  1 ◀──────────── 2'       2' repeats 2 */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "eval/eval.h"

#define NO_LINE SIZE_MAX

/* What is known of the attempt being read. */
typedef struct attempt {
    bool has_step;
    bool wrong;     /* its wrong result has happened */
    bool answered;  /* what followed the wrong result has been counted */
    bool went_on;   /* and it was a further step */
    bool late;      /* noticed after that */
    bool succeeded; /* the goal was reached by valid steps */
    bool nameless;  /* a step without a key, or after a jump: cannot be compared */
} attempt;

typedef struct reader {
    const tj_walk_line *lines; /* [n_lines] */
    const tj_task_state *first;
    tj_process *out;
    size_t *parent; /* [n_lines]; of a step line: the step line before it, or NO_LINE */
    size_t *ends;   /* [n_ends]; last step lines of the comparable attempts so far */
    size_t n_ends;
    size_t at;     /* the step line where the text stands; NO_LINE: at the start */
    bool solvable; /* the state where the text stands */
    attempt now;
} reader;

static bool same_state(const tj_task_state *a, const tj_task_state *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool same_way(const reader *r, size_t a, size_t b)
{
    while (a != NO_LINE && b != NO_LINE && a != b) {
        if (strcmp(r->lines[a].verdict.key, r->lines[b].verdict.key) != 0) {
            return false;
        }
        a = r->parent[a];
        b = r->parent[b];
    }
    return a == b;
}

/* The step line that produced `state`: on the present way if it is there, else the latest. */
static bool find_state(const reader *r, size_t before, const tj_task_state *state, size_t *found)
{
    for (size_t i = r->at; i != NO_LINE; i = r->parent[i]) {
        if (r->lines[i].verdict.valid && same_state(&r->lines[i].state, state)) {
            *found = i;
            return true;
        }
    }
    if (same_state(r->first, state)) {
        *found = NO_LINE;
        return true;
    }
    for (size_t i = before; i-- > 0;) {
        const tj_walk_line *line = &r->lines[i];
        if (line->verdict.kind == TJ_LINE_STEP && line->verdict.valid &&
            same_state(&line->state, state)) {
            *found = i;
            return true;
        }
    }
    return false;
}

static void read_step(reader *r, size_t i)
{
    const tj_line_verdict *v = &r->lines[i].verdict;
    attempt *now = &r->now;
    if (now->wrong && !now->answered) {
        r->out->n_missed_went_on++;
        now->answered = true;
        now->went_on = true;
    }
    now->has_step = true;
    now->nameless = now->nameless || v->key[0] == '\0';
    r->parent[i] = r->at;
    r->at = i;
    if (now->wrong) {
        return;
    }
    if (!v->valid) {
        r->out->n_wrong_invalid++;
        now->wrong = true;
    } else if (v->terminal && !v->correct) {
        r->out->n_wrong_end++;
        now->wrong = true;
    } else if (v->correct) {
        now->succeeded = true;
    }
}

/* FAILED and BACK lines notice what went wrong. */
static void read_notice(reader *r)
{
    attempt *now = &r->now;
    if (now->wrong && !now->answered) {
        r->out->n_noticed++;
        now->answered = true;
    } else if (now->went_on && !now->late) {
        r->out->n_noticed_late++;
        now->late = true;
    }
}

static void read_claim(reader *r, const tj_line_verdict *v)
{
    r->out->n_claims++;
    r->out->n_false_claims += !v->valid || r->now.wrong;
    if (r->now.wrong && !r->now.answered) {
        r->out->n_missed_claimed++;
        r->now.answered = true;
    }
}

static void end_attempt(reader *r)
{
    tj_process *out = r->out;
    const attempt *now = &r->now;
    if (now->has_step) {
        size_t k = out->n_attempts++;
        k = k < TJ_EVAL_MAX_ATTEMPTS ? k : TJ_EVAL_MAX_ATTEMPTS - 1;
        out->tried[k]++;
        out->succeeded[k] += now->succeeded;
        if (!now->nameless) {
            bool repeated = false;
            for (size_t e = 0; e < r->n_ends && !repeated; e++) {
                repeated = same_way(r, r->at, r->ends[e]);
            }
            out->n_repeated += repeated;
            r->ends[r->n_ends++] = r->at;
        }
    }
    if (now->wrong && !now->answered) {
        out->n_missed_stopped++;
    }
    r->now = (attempt){.has_step = false};
}

static void read_back(reader *r, size_t i)
{
    const tj_line_verdict *v = &r->lines[i].verdict;
    tj_process *out = r->out;
    out->n_backtracks++;
    if (!r->now.wrong) {
        bool needless = r->now.succeeded || r->solvable;
        out->n_backtracks_needless += needless;
        out->n_backtracks_early += !needless;
    }
    read_notice(r);
    end_attempt(r);
    size_t found = NO_LINE;
    bool visited = v->valid && find_state(r, i, &r->lines[i].state, &found);
    out->n_backtracks_bad += !v->valid;
    r->at = found;
    r->now.nameless = !visited;
}

static void read_lines(reader *r, size_t n_lines)
{
    for (size_t i = 0; i < n_lines; i++) {
        const tj_line_verdict *v = &r->lines[i].verdict;
        switch (v->kind) {
        case TJ_LINE_STEP:
            read_step(r, i);
            break;
        case TJ_LINE_REACHED:
            read_claim(r, v);
            break;
        case TJ_LINE_FAILED:
            r->out->n_denials++;
            r->out->n_false_denials += r->now.succeeded && !r->now.wrong;
            read_notice(r);
            break;
        case TJ_LINE_BACK:
            read_back(r, i);
            break;
        case TJ_LINE_OTHER:
            break;
        }
        if (v->kind != TJ_LINE_OTHER) {
            r->solvable = v->solvable;
        }
    }
    end_attempt(r);
}

tj_code tj_eval_process(tj_process *out, const tj_walk *walk, const tj_task_state *first,
                        size_t n_tokens, bool truncated, tj_err *err)
{
    *out = (tj_process){
        .n_answers = 1, .n_correct = walk->correct, .n_tokens = n_tokens, .n_truncated = truncated};
    /* parent and ends in one array; an attempt ends at a line or at the end of the text. */
    size_t *scratch = tj_calloc(walk->n_lines, 2 * sizeof *scratch);
    if (scratch == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate for %zu lines", walk->n_lines);
    }
    reader r = {.lines = walk->lines,
                .first = first,
                .out = out,
                .parent = scratch,
                .ends = scratch + walk->n_lines,
                .at = NO_LINE,
                .solvable = true};
    read_lines(&r, walk->n_lines);
    tj_free(scratch);
    out->n_wrong = out->n_wrong_invalid + out->n_wrong_end;
    out->n_missed = out->n_missed_claimed + out->n_missed_went_on + out->n_missed_stopped;
    TJ_ASSERT(out->n_wrong == out->n_noticed + out->n_missed);
    out->n_answers_wrong = out->n_wrong > 0;
    out->n_recovered = out->n_wrong > 0 && walk->correct;
    out->n_answers_backtrack = out->n_backtracks > 0;
    return TJ_OK;
}

bool tj_eval_claims(const tj_walk *walk)
{
    for (size_t i = walk->n_lines; i-- > 0;) {
        tj_line_kind kind = walk->lines[i].verdict.kind;
        if (kind == TJ_LINE_REACHED) {
            return true;
        }
        if (kind == TJ_LINE_FAILED || kind == TJ_LINE_BACK) {
            return false;
        }
    }
    return false;
}

_Static_assert(sizeof(tj_process) % sizeof(size_t) == 0, "tj_process is an array of counts");

void tj_process_add(tj_process *sum, const tj_process *more)
{
    size_t *to = (size_t *)sum;
    const size_t *from = (const size_t *)more;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++) {
        to[i] += from[i];
    }
}

void tj_process_table_add(tj_process_table *table, const tj_process *answer, size_t difficulty)
{
    size_t at = difficulty < TJ_EVAL_MAX_STRATA ? difficulty : TJ_EVAL_MAX_STRATA - 1;
    tj_process_add(&table->all, answer);
    tj_process_add(&table->strata[at], answer);
    table->n_strata = at + 1 > table->n_strata ? at + 1 : table->n_strata;
}
