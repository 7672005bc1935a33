/* Spans for texts that come without: by rules over cue words in English, Japanese and Chinese.
 *
 * A line is cut into sentences; each becomes a conclusion, a way back, a check, a reflection, or
 * else a step, by the first list of cues of which one stands in it; neighbours of one line that are
 * the same become one span. What is missed and what is taken wrongly is measured against texts
 * whose spans are known (tj_rules_measure; figures in docs/thoughts.md).
 *
 * Ownership: stated at each function.
 * Threads:   no shared state.
 */
#ifndef TJ_THOUGHT_RULES_H
#define TJ_THOUGHT_RULES_H

#include "thought/record.h"

/* What one sentence is: TJ_CONTINUE where no cue says otherwise. */
tj_action tj_rules_action(const char *sentence, size_t len);
/* Gives the thought spans of the editor rules, in the place of those it has; steps after the last
 * way back are taken to be on the path. Errors: TJ_E_NOMEM, TJ_E_LIMIT. */
TJ_MUST_USE tj_code tj_rules_spans(tj_thought *thought, tj_err *err);

/* How the rules do on texts with spans: bytes that are `truth` and were called `called`. To
 * propose or to continue is one thing here: a step. */
typedef struct tj_rules_score {
    uint64_t bytes[TJ_N_ACTIONS][TJ_N_ACTIONS]; /* [truth][called] */
    uint64_t spans[TJ_N_ACTIONS];               /* true ones, */
    uint64_t hits[TJ_N_ACTIONS];    /* of them such as most bytes of were called what they are */
    uint64_t n_backtracks, n_found; /* ways back: true ones, and those that the rules found */
} tj_rules_score;
/* Adds one thought, which has spans. */
TJ_MUST_USE tj_code tj_rules_measure(tj_rules_score *score, const tj_thought *thought, tj_err *err);
/* By bytes; NaN where there is nothing to divide by. Of PROPOSE: of steps. */
double tj_rules_precision(const tj_rules_score *score, tj_action action);
double tj_rules_recall(const tj_rules_score *score, tj_action action);

#endif
