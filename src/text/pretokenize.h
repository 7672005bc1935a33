/* Cutting a text into the pieces that BPE works in: a list of patterns, each of which cuts the
 * pieces of the one before.
 *
 *     "1. 11 - 7"  ─pattern─▶  "1." " 11" " -" " 7"  ─pattern─▶ ...  ─▶  emit, piece by piece
 *
 * Ownership: a pretokenizer owns its patterns.
 * Threads:   immutable after create; a matcher is confined to one thread.
 */
#ifndef TJ_TEXT_PRETOKENIZE_H
#define TJ_TEXT_PRETOKENIZE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "text/scan.h"

#define TJ_MAX_PRETOKENIZERS 16          /* patterns in a row; known files have up to 7 */
#define TJ_MAX_PATTERN_BYTES (16 * 1024) /* a regular expression; known ones stay below 3,000 */
#define TJ_MATCH_LIMIT       1000000     /* backtracking steps of one search: milliseconds */
#define TJ_MATCH_HEAP_KIB    (64 * 1024) /* of the interpreter, where there is no JIT */

/* A compiled pattern: a regular expression as Oniguruma's Ruby syntax reads the common ones, or a
 * literal text. */
typedef struct tj_pattern tj_pattern;
/* What one thread needs to search with any pattern. */
typedef struct tj_matcher tj_matcher;

/* Gives *out (tj_pattern_destroy); NULL on error. The pattern must be UTF-8.
 * Errors: TJ_E_PARSE (says where), TJ_E_LIMIT, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_pattern_create(tj_pattern **out, const char *pattern, size_t len,
                                      bool literal, tj_err *err);
void tj_pattern_destroy(tj_pattern *pattern);

TJ_MUST_USE tj_code tj_matcher_create(tj_matcher **out, tj_err *err);
void tj_matcher_destroy(tj_matcher *matcher);

/* The first match at or after `from` in valid UTF-8 text: *found, and [*begin, *end) in bytes, with
 * *begin <= *end. Errors: TJ_E_LIMIT (too much work), TJ_E_NOMEM, TJ_E_BACKEND. */
TJ_MUST_USE tj_code tj_pattern_search(const tj_pattern *pattern, tj_matcher *matcher,
                                      const char *text, size_t len, size_t from, bool *found,
                                      size_t *begin, size_t *end, tj_err *err);

typedef struct tj_pretokenizer {
    struct {
        tj_pattern *pattern;          /* or NULL: */
        tj_scan_fn scan;              /* every piece of it is kept */
        bool keep_matches, keep_gaps; /* Isolated keeps both, Removed one of them */
        bool with_previous;           /* MergedWithPrevious: a match ends the gap before it */
    } stages[TJ_MAX_PRETOKENIZERS];
    size_t n_stages;
} tj_pretokenizer;

/* Add a stage: a pattern, which is taken; or a scan. TJ_E_LIMIT when there are too many. */
TJ_MUST_USE tj_code tj_pretokenizer_add(tj_pretokenizer *pre, tj_pattern *pattern,
                                        bool keep_matches, bool keep_gaps, tj_err *err);
TJ_MUST_USE tj_code tj_pretokenizer_add_merging(tj_pretokenizer *pre, tj_pattern *pattern,
                                                tj_err *err);
TJ_MUST_USE tj_code tj_pretokenizer_add_scan(tj_pretokenizer *pre, tj_scan_fn scan, tj_err *err);
void tj_pretokenizer_deinit(tj_pretokenizer *pre);

/* Receives a piece, never empty; an error ends the cutting. */
typedef tj_code (*tj_piece_fn)(void *ctx, const char *piece, size_t len, tj_err *err);
/* *matcher is created for the first pattern that needs one. */
TJ_MUST_USE tj_code tj_pretokenize(const tj_pretokenizer *pre, tj_matcher **matcher,
                                   const char *text, size_t len, tj_piece_fn emit, void *ctx,
                                   tj_err *err);

#endif
