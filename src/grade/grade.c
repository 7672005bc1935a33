/* Extract, read, decide. A text that was read while its answer was looked for is not read again,
 * and an answer that is written alike on both sides is one tree. */
#include "grade/grade.h"

#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "grade/decide.h"
#include "grade/extract.h"
#include "grade/read.h"

/* Of one pair's trees and scratch: a hundred times what the hardest pair of the tests takes. What
 * is above it is undecided; the bound is of bytes asked for, so that it fires everywhere alike. */
#define MAX_ARENA_BYTES ((size_t)64 << 20)

struct tj_grader {
    tj_grade_options options;
    tj_arena arena;
    tj_arena scratch; /* of printing */
    tj_decider *decider;
    tj_grade_pool *pool; /* NULL: pairs are decided in this process */
    size_t n_stopped;
    tj_buf gold, pred; /* normalized */
    char reason[TJ_ERR_MSG_BYTES];
};

const char *tj_verdict_name(tj_verdict verdict)
{
    static const char *const names[] = {"equal", "different", "undecided"};
    return names[verdict];
}

tj_grade_options tj_grade_defaults(void)
{
    return (tj_grade_options){.min_digits = 3};
}

tj_code tj_grader_create(tj_grader **out, const tj_grade_options *options, tj_err *err)
{
    tj_grader *g = tj_calloc(1, sizeof *g);
    *out = NULL;
    if (g == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot make a grader");
    }
    g->options = options == NULL ? tj_grade_defaults() : *options;
    tj_arena_init(&g->arena, MAX_ARENA_BYTES);
    tj_arena_init(&g->scratch, 0); /* one reading's */
    tj_buf_init(&g->gold);
    tj_buf_init(&g->pred);
    tj_code rc = tj_decider_create(&g->decider, &g->options, err);
    if (rc != TJ_OK) {
        tj_grader_destroy(g);
        return rc;
    }
    *out = g;
    return TJ_OK;
}

tj_code tj_grader_create_apart(tj_grader **out, const tj_grade_options *options,
                               const tj_grade_limits *limits, tj_err *err)
{
    tj_code rc = tj_grader_create(out, options, err);
    if (rc == TJ_OK) {
        rc = tj_grade_pool_create(&(*out)->pool, 1, options, limits, err);
    }
    if (rc != TJ_OK) {
        tj_grader_destroy(*out);
        *out = NULL;
    }
    return rc;
}

size_t tj_grader_n_stopped(const tj_grader *g)
{
    return g->n_stopped;
}

void tj_grader_destroy(tj_grader *g)
{
    if (g == NULL) {
        return;
    }
    tj_grade_pool_destroy(g->pool);
    tj_decider_destroy(g->decider);
    tj_arena_deinit(&g->arena);
    tj_arena_deinit(&g->scratch);
    tj_buf_deinit(&g->gold);
    tj_buf_deinit(&g->pred);
    tj_free(g);
}

/* ------------------------------------------------------------------ one side */

/* The answer of a text and its tree. *tree is NULL without one: TJ_E_NOTFOUND (no answer),
 * TJ_E_PARSE, TJ_E_LIMIT or TJ_E_NOMEM as tj_read. */
static tj_code read_side(const tj_ex **tree, tj_extraction *at, tj_grader *g, const char *text,
                         size_t len, tj_err *err)
{
    tj_extractor x = {.s = text, .arena = &g->arena};
    *tree = NULL;
    *at = (tj_extraction){.rule = NULL};
    if (len > TJ_MAX_OUTPUT_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "a text of %zu bytes, expected at most %zu", len,
                       TJ_MAX_OUTPUT_BYTES);
    }
    tj_extract(at, &x, len);
    if (at->rule == NULL) {
        return tj_fail(err, TJ_E_NOTFOUND, "no answer was found");
    }
    if (x.tree != NULL && x.read.begin == at->begin && x.read.end == at->end) {
        *tree = x.tree;
        return TJ_OK;
    }
    return tj_read(tree, &g->arena, text + at->begin, at->end - at->begin, err);
}

void tj_grade_extract(tj_extraction *out, tj_grader *g, const char *text, size_t len)
{
    tj_extractor x = {.s = text, .arena = &g->arena};
    tj_arena_clear(&g->arena);
    *out = (tj_extraction){.rule = NULL};
    if (len <= TJ_MAX_OUTPUT_BYTES) {
        tj_extract(out, &x, len);
    }
}

/* ------------------------------------------------------------------ a pair */

static void undecided(tj_grade *out, tj_grader *g, const char *method, const char *reason)
{
    size_t n = strnlen(reason, sizeof g->reason - 1);
    memcpy(g->reason, reason, n);
    g->reason[n] = 0;
    out->verdict = TJ_VERDICT_UNDECIDED;
    out->method = method;
    out->reason = g->reason;
    out->witness = "";
}

/* The bound of the arena is a budget; everything else that lacks memory is an error. */
static bool over_budget(const tj_grader *g)
{
    return g->arena.total > MAX_ARENA_BYTES / 2;
}

static tj_code fail_reference(tj_grade *out, tj_grader *g, tj_code rc, tj_err *err)
{
    if (rc == TJ_E_NOMEM && !over_budget(g)) {
        undecided(out, g, "error", "memory is exhausted");
        return rc;
    }
    tj_err_context(err, "the reference cannot be read");
    undecided(out, g, "unreadable", err->msg);
    err->code = TJ_E_PARSE;
    return TJ_E_PARSE;
}

static tj_code fail_answer(tj_grade *out, tj_grader *g, tj_code rc, tj_err *err)
{
    if (rc == TJ_E_NOMEM && !over_budget(g)) {
        undecided(out, g, "error", "memory is exhausted");
        return rc;
    }
    if (rc == TJ_E_NOTFOUND) {
        out->verdict = TJ_VERDICT_DIFFERENT;
        out->method = "no answer";
        out->reason = "there is no answer";
        return TJ_OK;
    }
    tj_err_context(err, "the answer cannot be read");
    undecided(out, g, "unreadable", err->msg);
    return TJ_OK;
}

static tj_code normalize(const char **out, tj_grader *g, tj_buf *buf, const tj_ex *tree,
                         tj_err *err)
{
    tj_buf_clear(buf);
    if (g->options.normalize && tree != NULL) {
        tj_ex_print(buf, &g->scratch, tree);
        *out = tj_buf_text(buf);
    }
    return tj_buf_check(buf, err);
}

static bool written_alike(const tj_extraction *a, const char *s, const tj_extraction *b,
                          const char *t)
{
    return a->end - a->begin == b->end - b->begin &&
           memcmp(s + a->begin, t + b->begin, a->end - a->begin) == 0;
}

static tj_code decide(tj_grade *out, tj_grader *g, const tj_ex *gold, const tj_ex *pred,
                      tj_err *err)
{
    tj_decision d;
    tj_code rc = tj_decide(&d, g->decider, &g->arena, gold, pred, err);
    if (rc != TJ_OK) {
        undecided(out, g, over_budget(g) ? "budget" : "error", "memory is exhausted");
        return over_budget(g) ? TJ_OK : rc;
    }
    out->verdict = d.verdict;
    out->method = d.method;
    out->reason = d.reason;
    out->witness = d.witness;
    return TJ_OK;
}

static tj_code pair_apart(tj_grade *out, tj_grader *g, const char *gold, size_t gold_len,
                          const char *pred, size_t pred_len, tj_err *err)
{
    tj_graded graded;
    tj_err own = {.msg = ""}; /* the message is a reason too */
    tj_code rc = tj_grade_pool_pair(g->pool, &graded, gold, gold_len, pred, pred_len, NULL, &own);
    if (rc != TJ_OK) {
        undecided(out, g, "error", own.msg);
        return tj_fail(err, rc, "%s", own.msg);
    }
    *out = graded.grade;
    g->n_stopped += graded.limit ? 1 : 0;
    return graded.code == TJ_OK ? TJ_OK : tj_fail(err, graded.code, "%s", out->reason);
}

static tj_code pair_here(tj_grade *out, tj_grader *g, const char *gold, size_t gold_len,
                         const char *pred, size_t pred_len, tj_err *err)
{
    const tj_ex *a = NULL, *b = NULL;
    tj_err own = {.msg = ""}; /* the message is a reason too */
    tj_arena_clear(&g->arena);
    tj_code rc = read_side(&a, &out->gold, g, gold, gold_len, &own);
    if (rc != TJ_OK) {
        rc = fail_reference(out, g, rc, &own);
        return tj_fail(err, rc, "%s", own.msg);
    }
    rc = read_side(&b, &out->pred, g, pred, pred_len, &own);
    if (rc == TJ_OK) {
        b = written_alike(&out->gold, gold, &out->pred, pred) ? a : b;
        rc = decide(out, g, a, b, &own);
    } else {
        rc = fail_answer(out, g, rc, &own);
    }
    if (rc == TJ_OK) {
        rc = normalize(&out->normalized_gold, g, &g->gold, a, &own);
    }
    if (rc == TJ_OK) {
        rc = normalize(&out->normalized_pred, g, &g->pred, b, &own);
    }
    return rc == TJ_OK ? TJ_OK : tj_fail(err, rc, "%s", own.msg);
}

tj_code tj_grade_pair(tj_grade *out, tj_grader *g, const char *gold, size_t gold_len,
                      const char *pred, size_t pred_len, tj_err *err)
{
    *out = (tj_grade){.verdict = TJ_VERDICT_UNDECIDED,
                      .method = "",
                      .reason = "",
                      .witness = "",
                      .normalized_gold = "",
                      .normalized_pred = ""};
    /* What is too long for a pool is refused before anything is decided. */
    bool apart =
        g->pool != NULL && gold_len <= TJ_MAX_OUTPUT_BYTES && pred_len <= TJ_MAX_OUTPUT_BYTES;
    return apart ? pair_apart(out, g, gold, gold_len, pred, pred_len, err)
                 : pair_here(out, g, gold, gold_len, pred, pred_len, err);
}
