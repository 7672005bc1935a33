/* The stages call one another piece by piece, at most TJ_MAX_PRETOKENIZERS deep, so no list of
 * pieces is ever built. */
#include "text/pretokenize.h"

#include <string.h>

#include "text/utf8.h"

/* Adds a stage of zeros, to be filled in. */
static tj_code add_stage(tj_pretokenizer *pre, tj_err *err)
{
    if (pre->n_stages == TJ_MAX_PRETOKENIZERS) {
        return tj_fail(err, TJ_E_LIMIT, "more than %d pre-tokenizers", TJ_MAX_PRETOKENIZERS);
    }
    memset(&pre->stages[pre->n_stages++], 0, sizeof pre->stages[0]);
    return TJ_OK;
}

tj_code tj_pretokenizer_add(tj_pretokenizer *pre, tj_pattern *pattern, bool keep_matches,
                            bool keep_gaps, tj_err *err)
{
    tj_code rc = add_stage(pre, err);
    if (rc == TJ_OK) {
        pre->stages[pre->n_stages - 1].pattern = pattern;
        pre->stages[pre->n_stages - 1].keep_matches = keep_matches;
        pre->stages[pre->n_stages - 1].keep_gaps = keep_gaps;
    }
    return rc;
}

tj_code tj_pretokenizer_add_merging(tj_pretokenizer *pre, tj_pattern *pattern, tj_err *err)
{
    tj_code rc = tj_pretokenizer_add(pre, pattern, true, true, err);
    if (rc == TJ_OK) {
        pre->stages[pre->n_stages - 1].with_previous = true;
    }
    return rc;
}

tj_code tj_pretokenizer_add_scan(tj_pretokenizer *pre, tj_scan_fn scan, tj_err *err)
{
    tj_code rc = add_stage(pre, err);
    if (rc == TJ_OK) {
        pre->stages[pre->n_stages - 1].scan = scan;
    }
    return rc;
}

void tj_pretokenizer_deinit(tj_pretokenizer *pre)
{
    for (size_t i = 0; i < pre->n_stages; i++) {
        tj_pattern_destroy(pre->stages[i].pattern);
    }
    *pre = (tj_pretokenizer){.n_stages = 0};
}

typedef struct cutter {
    const tj_pretokenizer *pre;
    tj_matcher **matcher;
    tj_piece_fn emit;
    void *ctx;
} cutter;

static tj_code cut(const cutter *c, size_t stage, const char *text, size_t len, tj_err *err);

/* Hands text[begin .. end) on, if it is kept and not empty. */
static tj_code pass_on(const cutter *c, size_t stage, bool keep, const char *text, size_t begin,
                       size_t end, tj_err *err)
{
    if (!keep || begin == end) {
        return TJ_OK;
    }
    return cut(c, stage + 1, text + begin, end - begin, err);
}

static tj_code scan(const cutter *c, size_t stage, const char *text, size_t len, tj_err *err)
{
    tj_scan_fn next = c->pre->stages[stage].scan;
    bool is_last = stage + 1 == c->pre->n_stages;
    tj_code rc = TJ_OK;
    for (size_t at = 0, end; at < len && rc == TJ_OK; at = end) {
        end = next(text, len, at);
        rc = is_last ? c->emit(c->ctx, text + at, end - at, err)
                     : cut(c, stage + 1, text + at, end - at, err);
    }
    return rc;
}

/* A match and the gap before it, which begins at `done`. A match that follows another has no gap to
 * end, and is a piece. */
static tj_code pass_match(const cutter *c, size_t stage, const char *text, size_t done,
                          size_t begin, size_t end, tj_err *err)
{
    if (c->pre->stages[stage].with_previous) {
        return pass_on(c, stage, true, text, done, end, err);
    }
    tj_code rc = pass_on(c, stage, c->pre->stages[stage].keep_gaps, text, done, begin, err);
    return rc != TJ_OK
               ? rc
               : pass_on(c, stage, c->pre->stages[stage].keep_matches, text, begin, end, err);
}

static tj_code search(const cutter *c, size_t stage, const char *text, size_t len, tj_err *err)
{
    size_t done = 0; /* handed on (or dropped) up to here */
    size_t from = 0; /* search from here */
    bool after_match = false;
    tj_code rc = *c->matcher == NULL ? tj_matcher_create(c->matcher, err) : TJ_OK;
    while (rc == TJ_OK && from <= len) {
        bool found;
        size_t begin, end;
        rc = tj_pattern_search(c->pre->stages[stage].pattern, *c->matcher, text, len, from, &found,
                               &begin, &end, err);
        if (rc != TJ_OK || !found) {
            break;
        }
        if (begin == end && after_match &&
            begin == done) { /* empty, right after a match: move on */
            from += from < len ? tj_utf8_length((unsigned char)text[from]) : 1;
            continue;
        }
        rc = pass_match(c, stage, text, done, begin, end, err);
        done = from = end;
        after_match = true;
    }
    return rc != TJ_OK ? rc
                       : pass_on(c, stage, c->pre->stages[stage].keep_gaps, text, done, len, err);
}

static tj_code cut(const cutter *c, size_t stage, const char *text, size_t len, tj_err *err)
{
    if (stage == c->pre->n_stages) {
        return c->emit(c->ctx, text, len, err);
    }
    return c->pre->stages[stage].scan != NULL ? scan(c, stage, text, len, err)
                                              : search(c, stage, text, len, err);
}

tj_code tj_pretokenize(const tj_pretokenizer *pre, tj_matcher **matcher, const char *text,
                       size_t len, tj_piece_fn emit, void *ctx, tj_err *err)
{
    if (len == 0) {
        return TJ_OK;
    }
    const cutter c = {.pre = pre, .matcher = matcher, .emit = emit, .ctx = ctx};
    return cut(&c, 0, text, len, err);
}
