/* What became of many pairs: counts, rates, and where verdicts and expectations disagree.
 *
 * Ownership: init/deinit on the caller's storage.
 * Threads:   one.
 */
#ifndef TJ_CLI_GRADE_TALLY_H
#define TJ_CLI_GRADE_TALLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "grade/grade.h"

#define TJ_MAX_TALLY_KINDS  1000 /* more are counted as "(others)" */
#define TJ_MAX_TALLY_LISTED 1000 /* disagreements that are kept */

typedef struct tj_counts {
    size_t n_pairs, n_equal, n_different, n_undecided, n_errors, n_limit;
    /* of pairs with an expectation; undecided and errors count as not equal */
    size_t n_true_pos, n_true_neg, n_false_pos, n_false_neg;
    size_t n_decided, n_decided_right;
} tj_counts;

typedef struct tj_tally_kind {
    char *name; /* owned */
    tj_counts counts;
} tj_tally_kind;

typedef struct tj_tally {
    tj_counts all;
    tj_tally_kind *kinds; /* [n_kinds] */
    size_t n_kinds, kinds_cap;
    size_t n_bad_lines, n_disagree;
    bool keep;      /* disagreements */
    json_t *listed; /* array of the first of them; NULL where none are kept */
} tj_tally;

/* A pair's labels and texts, as they were read. */
typedef struct tj_tally_pair {
    const char *id;          /* JSON */
    const char *kind;        /* NULL: none */
    const char *gold, *pred; /* cut to a line's length */
    int expected;            /* -1: none */
} tj_tally_pair;

/* keep: the disagreements for the listing. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_tally_init(tj_tally *tally, bool keep, tj_err *err);
void tj_tally_deinit(tj_tally *tally);
TJ_MUST_USE tj_code tj_tally_add(tj_tally *tally, const tj_tally_pair *pair,
                                 const tj_graded *graded, tj_err *err);

/* "equal", "different", "undecided", "error". */
const char *tj_graded_name(const tj_graded *graded);
/* The summary as docs/formats.md has it; NULL without memory. */
json_t *tj_tally_json(const tj_tally *tally, double seconds);
/* The same for people, at most 80 columns wide but for texts of disagreements. */
void tj_tally_print(const tj_tally *tally, double seconds);

#endif
