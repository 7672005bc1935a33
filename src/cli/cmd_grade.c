/* grade: two answers compared, or a file of pairs. Pairs are graded in worker processes, which are
 * forked before anything else; this one reads, writes and counts. What a pair's line said is kept
 * in a ring until its verdict comes, in the same order. */
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/common.h"
#include "cli/grade_lines.h"
#include "cli/grade_tally.h"
#include "grade/grade.h"

#define MAX_SHOWN_TEXT 400 /* bytes of a text in the list of disagreements */
#define MAX_SHOWN_BAD  20  /* bad lines told one by one */
#define OUT_BYTES      ((size_t)64 << 10)

/* ------------------------------------------------------------------ a verdict as JSON */

static void add_member(tj_buf *out, const char *name, const char *text)
{
    tj_buf_printf(out, "\"%s\": ", name);
    tj_buf_json(out, text, strlen(text));
    tj_buf_str(out, ", ");
}

static void add_verdict(tj_buf *out, const tj_graded *g)
{
    const tj_grade *v = &g->grade;
    bool decided = g->code == TJ_OK && v->verdict != TJ_VERDICT_UNDECIDED;
    add_member(out, "verdict", tj_graded_name(g));
    tj_buf_printf(out, "\"equal\": %s, ",
                  !decided                         ? "null"
                  : v->verdict == TJ_VERDICT_EQUAL ? "true"
                                                   : "false");
    add_member(out, "method", v->method);
    add_member(out, "witness", v->witness);
    add_member(out, "reason", v->reason);
    add_member(out, "normalized_gold", v->normalized_gold);
    add_member(out, "normalized_pred", v->normalized_pred);
    add_member(out, "rule_gold", v->gold.rule == NULL ? "" : v->gold.rule);
    add_member(out, "rule_pred", v->pred.rule == NULL ? "" : v->pred.rule);
    tj_buf_printf(out, "\"ms\": %.3f}\n", 1e3 * g->seconds);
}

/* ------------------------------------------------------------------ two answers */

static void show(const char *name, const char *text)
{
    printf("  %-10s ", name);
    tj_print_text(text, strlen(text));
    putchar('\n');
}

static void show_side(const char *name, const char *text, const tj_extraction *at,
                      const char *normalized)
{
    printf("  %-10s ", name);
    if (at->rule == NULL) {
        fputs("no answer", stdout);
    } else if (normalized[0] == 0) {
        fputs("cannot be read: ", stdout);
        tj_print_text(text + at->begin, at->end - at->begin);
    } else {
        tj_print_text(normalized, strlen(normalized));
    }
    if (at->rule != NULL) {
        printf("   [%s]", at->rule);
    }
    putchar('\n');
}

static void explain(const tj_graded *g, const char *gold, const char *pred)
{
    const tj_grade *v = &g->grade;
    show_side("reference", gold, &v->gold, v->normalized_gold);
    show_side("answer", pred, &v->pred, v->normalized_pred);
    show("method", v->method);
    if (v->reason[0] != 0) {
        show("reason", v->reason);
    }
    if (v->witness[0] != 0) {
        show("witness", v->witness);
    }
    printf("  %-10s %.3f ms\n", "time", 1e3 * g->seconds);
}

static tj_code show_pair(const tj_args *args, const tj_graded *g, const char *gold,
                         const char *pred, tj_err *err)
{
    if (tj_args_has(args, "json")) {
        tj_buf out;
        tj_buf_init(&out);
        tj_buf_char(&out, '{');
        add_verdict(&out, g);
        fwrite(tj_buf_text(&out), 1, out.len, stdout);
        tj_code rc = tj_buf_check(&out, err);
        tj_buf_deinit(&out);
        return rc;
    }
    if (g->code != TJ_OK) {
        return tj_fail(err, TJ_E_PARSE, "%s", g->grade.reason);
    }
    printf("%s\n", tj_verdict_name(g->grade.verdict));
    if (tj_args_has(args, "explain")) {
        explain(g, gold, pred);
    }
    return TJ_OK;
}

static tj_code grade_two(const tj_args *args, tj_grade_pool *pool, tj_err *err)
{
    static const int statuses[] = {[TJ_VERDICT_EQUAL] = TJ_EXIT_EQUAL,
                                   [TJ_VERDICT_DIFFERENT] = TJ_EXIT_DIFFERENT,
                                   [TJ_VERDICT_UNDECIDED] = TJ_EXIT_UNDECIDED};
    const char *gold = tj_args_operand(args, 0), *pred = tj_args_operand(args, 1);
    tj_graded g;
    tj_code rc = tj_grade_pool_push(pool, gold, strlen(gold), pred, strlen(pred), err);
    if (rc == TJ_OK) {
        rc = tj_grade_pool_pull(pool, &g, tj_cli_job(), err);
    }
    if (rc == TJ_OK) {
        tj_cli_set_status(g.code == TJ_OK ? statuses[g.grade.verdict] : TJ_EXIT_GRADE_ERROR);
        rc = show_pair(args, &g, gold, pred, err);
    }
    return rc;
}

/* ------------------------------------------------------------------ a file of pairs */

/* A pair whose verdict is to come. */
typedef struct waiting {
    tj_buf texts;            /* id, kind, gold and pred one after another, each ended by a zero */
    size_t kind, gold, pred; /* where they begin; kind SIZE_MAX: none */
    int expected;
} waiting;

typedef struct grading {
    tj_grade_pool *pool;
    tj_pair_reader reader;
    tj_tally tally;
    bool keep_texts;
    waiting *ring; /* [ring_cap]; pending ones from `first` on */
    size_t ring_cap, first;
    tj_buf out;           /* records not yet written */
    tj_fs_writer *writer; /* NULL: standard output */
    bool no_records;      /* only the summary is wanted */
} grading;

/* A ring twice as large, with what waits at its beginning. */
static tj_code grow_ring(grading *g, tj_err *err)
{
    size_t cap = g->ring_cap == 0 ? 256 : 2 * g->ring_cap;
    waiting *ring = tj_calloc(cap, sizeof *ring);
    if (ring == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot keep the pairs under way");
    }
    for (size_t i = 0; i < g->ring_cap; i++) {
        ring[i] = g->ring[(g->first + i) % g->ring_cap];
    }
    tj_free(g->ring);
    g->ring = ring;
    g->ring_cap = cap;
    g->first = 0;
    return TJ_OK;
}

static size_t keep_text(tj_buf *texts, const char *text, size_t n, size_t max)
{
    size_t at = texts->len;
    bool cut = n > max;
    n = cut ? max : n;
    while (cut && n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80) {
        n--;
    }
    tj_buf_add(texts, text, n);
    tj_buf_str(texts, cut ? " ..." : "");
    tj_buf_char(texts, '\0');
    return at;
}

static tj_code push_pair(grading *g, const tj_pair *p, tj_err *err)
{
    size_t n = tj_grade_pool_pending(g->pool);
    tj_code rc = n == g->ring_cap ? grow_ring(g, err) : TJ_OK;
    if (rc != TJ_OK) {
        return rc;
    }
    waiting *w = &g->ring[(g->first + n) % g->ring_cap];
    tj_buf_clear(&w->texts);
    w->expected = p->expected;
    if (p->id.s != NULL) {
        (void)keep_text(&w->texts, p->id.s, p->id.n, TJ_MAX_PAIR_ID);
    } else {
        tj_buf_printf(&w->texts, "%zu", p->line);
        tj_buf_char(&w->texts, '\0');
    }
    w->kind =
        p->kind.s == NULL ? SIZE_MAX : keep_text(&w->texts, p->kind.s, p->kind.n, TJ_MAX_PAIR_ID);
    size_t most = g->keep_texts ? MAX_SHOWN_TEXT : 0;
    w->gold = keep_text(&w->texts, p->gold.s, p->gold.n, most);
    w->pred = keep_text(&w->texts, p->pred.s, p->pred.n, most);
    rc = tj_buf_check(&w->texts, err);
    return rc == TJ_OK
               ? tj_grade_pool_push(g->pool, p->gold.s, p->gold.n, p->pred.s, p->pred.n, err)
               : rc;
}

static tj_code write_out(grading *g, size_t from, tj_err *err)
{
    tj_code rc = tj_buf_check(&g->out, err);
    if (rc != TJ_OK || g->out.len <= from) {
        return rc;
    }
    if (g->writer != NULL) {
        tj_fs_writer_add(g->writer, g->out.data, g->out.len);
    } else if (fwrite(g->out.data, 1, g->out.len, stdout) != g->out.len) {
        rc = tj_fail(err, TJ_E_IO, "cannot write to standard output");
    }
    tj_buf_clear(&g->out);
    return rc;
}

/* Takes the verdict on the pair that has waited longest. */
static tj_code pull_pair(grading *g, tj_err *err)
{
    tj_graded v;
    tj_code rc = tj_grade_pool_pull(g->pool, &v, tj_cli_job(), err);
    if (rc != TJ_OK) {
        return rc;
    }
    const waiting *w = &g->ring[g->first];
    const char *texts = tj_buf_text(&w->texts);
    tj_tally_pair p = {.id = texts,
                       .kind = w->kind == SIZE_MAX ? NULL : texts + w->kind,
                       .gold = texts + w->gold,
                       .pred = texts + w->pred,
                       .expected = w->expected};
    g->first = (g->first + 1) % g->ring_cap;
    if (!g->no_records) {
        tj_buf_printf(&g->out, "{\"id\": %s, ", p.id);
        if (p.kind != NULL) {
            add_member(&g->out, "kind", p.kind);
        }
        if (p.expected >= 0) {
            tj_buf_printf(&g->out, "\"expected\": %s, ", p.expected == 1 ? "true" : "false");
        }
        add_verdict(&g->out, &v);
        rc = write_out(g, OUT_BYTES, err);
    }
    return rc == TJ_OK ? tj_tally_add(&g->tally, &p, &v, err) : rc;
}

static tj_code pull_all(grading *g, tj_err *err)
{
    tj_code rc = TJ_OK;
    while (rc == TJ_OK && tj_grade_pool_pending(g->pool) > 0) {
        rc = pull_pair(g, err);
    }
    return rc;
}

static void tell_bad_line(grading *g, const tj_err *err)
{
    if (g->tally.n_bad_lines++ < MAX_SHOWN_BAD) {
        tj_cli_progress_end();
        fprintf(stderr, "tabiji: %s\n", err->msg);
    }
}

static tj_code grade_lines(grading *g, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (;;) {
        tj_pair p;
        if (tj_pair_reader_waits(&g->reader)) { /* whoever writes may wait for our verdicts */
            rc = pull_all(g, err);
            rc = rc == TJ_OK ? write_out(g, 0, err) : rc;
            (void)fflush(stdout);
        }
        if (rc == TJ_OK) {
            rc = tj_pair_next(&g->reader, &p, err);
        }
        if (rc == TJ_E_PARSE || rc == TJ_E_LIMIT) {
            tell_bad_line(g, err);
            rc = TJ_OK;
            continue;
        }
        if (rc != TJ_OK || p.line == 0) {
            break;
        }
        while (rc == TJ_OK && !tj_grade_pool_has_room(g->pool, p.gold.n, p.pred.n)) {
            rc = pull_pair(g, err);
        }
        rc = rc == TJ_OK ? push_pair(g, &p, err) : rc;
        if (rc != TJ_OK) {
            break;
        }
    }
    rc = rc == TJ_OK ? pull_all(g, err) : rc;
    return rc == TJ_OK ? write_out(g, 0, err) : rc;
}

static tj_code summarize(const tj_args *args, const grading *g, double seconds, tj_err *err)
{
    const tj_counts *c = &g->tally.all;
    if (g->tally.n_bad_lines > MAX_SHOWN_BAD) {
        fprintf(stderr, "tabiji: %zu more bad lines\n", g->tally.n_bad_lines - MAX_SHOWN_BAD);
    }
    if (c->n_errors > 0) {
        fprintf(stderr, "tabiji: %zu of %zu references cannot be read\n", c->n_errors, c->n_pairs);
    }
    if (c->n_limit > 0) {
        fprintf(stderr, "tabiji: %zu pairs were stopped by a limit: not reproducible\n",
                c->n_limit);
    }
    if (c->n_errors > 0 || g->tally.n_bad_lines > 0) {
        tj_cli_set_status(TJ_EXIT_GRADE_ERROR);
    }
    if (!tj_args_has(args, "summary")) {
        return TJ_OK;
    }
    if (!tj_args_has(args, "json")) {
        tj_tally_print(&g->tally, seconds);
        return TJ_OK;
    }
    json_t *j = tj_tally_json(&g->tally, seconds);
    tj_code rc = tj_print_json(j, err);
    json_decref(j);
    return rc;
}

static tj_code grade_file(const tj_args *args, tj_grade_pool *pool, tj_err *err)
{
    grading g = {.pool = pool};
    const char *out = tj_args_get(args, "out");
    bool summary = tj_args_has(args, "summary");
    double start = tj_clock_seconds();
    g.keep_texts = summary && tj_args_has(args, "explain");
    g.no_records = summary && out == NULL;
    tj_buf_init(&g.out);
    tj_code rc = tj_tally_init(&g.tally, g.keep_texts, err);
    tj_code opened =
        tj_pair_reader_open(&g.reader, tj_args_operand(args, 0), tj_cli_job(), rc ? NULL : err);
    rc = rc == TJ_OK ? opened : rc;
    if (rc == TJ_OK && out != NULL) {
        rc = tj_fs_writer_open(&g.writer, out, err);
    }
    rc = rc == TJ_OK ? grade_lines(&g, err) : rc;
    if (rc == TJ_OK && g.writer != NULL) {
        rc = tj_fs_writer_commit(g.writer, err);
        g.writer = NULL;
    }
    rc = rc == TJ_OK ? summarize(args, &g, tj_clock_seconds() - start, err) : rc;
    tj_fs_writer_abort(g.writer);
    tj_pair_reader_close(&g.reader);
    tj_tally_deinit(&g.tally);
    tj_buf_deinit(&g.out);
    for (size_t i = 0; i < g.ring_cap; i++) {
        tj_buf_deinit(&g.ring[i].texts);
    }
    tj_free(g.ring);
    return rc;
}

/* ------------------------------------------------------------------ the command */

static tj_code check_options(const tj_args *args, bool two, tj_err *err)
{
    static const char *const of_files[] = {"summary", "out", "jobs"};
    for (size_t i = 0; two && i < sizeof of_files / sizeof of_files[0]; i++) {
        if (tj_args_has(args, of_files[i])) {
            return tj_fail(err, TJ_E_INVAL, "--%s is for a file of pairs", of_files[i]);
        }
    }
    if (!two && tj_args_has(args, "explain") && !tj_args_has(args, "summary")) {
        return tj_fail(err, TJ_E_INVAL, "--explain of a file needs --summary: records say it all");
    }
    return TJ_OK;
}

tj_code tj_cmd_grade(const tj_args *args, tj_err *err)
{
    bool two = tj_args_n_operands(args) == 2;
    long n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
    tj_grade_options options = tj_grade_defaults();
    tj_grade_pool *pool = NULL;
    size_t n_jobs = 1;
    tj_code rc = check_options(args, two, err);
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "digits", options.min_digits, 1000, &options.min_digits, err);
    }
    if (rc == TJ_OK && !two) {
        rc = tj_args_count(args, "jobs", n_cpus < 1 ? 1 : (size_t)n_cpus, 256, &n_jobs, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    options.strict_units = tj_args_has(args, "strict-units");
    options.normalize = !tj_args_has(args, "summary") || tj_args_has(args, "out");
    rc = tj_grade_pool_create(&pool, n_jobs, &options, NULL, err);
    if (rc == TJ_OK) {
        rc = two ? grade_two(args, pool, err) : grade_file(args, pool, err);
    }
    tj_grade_pool_destroy(pool);
    return rc;
}
