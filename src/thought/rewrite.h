/* A draft reworded by a language model, span by span: for coherence, or along the three lines by
 * which the O1 Replication Journey augments people's thinking (sec. 3.4: finer steps, gradual
 * reasoning, an explorer's perspective). A span's new words are taken only if they keep its
 * mathematics (thought/mathcheck.h), so that numbers, the final answer and the order of attempts
 * stay; else that span stays as it was, and the report says why.
 *
 *     draft ─▶ pieces of some spans ─▶ model ─▶ {"spans": [{"n": 3, "text": ...}]} ─▶ check each
 *
 * Ownership: stated at each function.
 * Threads:   confined to one thread.
 */
#ifndef TJ_THOUGHT_REWRITE_H
#define TJ_THOUGHT_REWRITE_H

#include "thought/mathcheck.h"
#include "thought/record.h"
#include "thought/talk.h"

typedef enum tj_rewrite_line {
    TJ_REWRITE_COHERENCE = 0, /* the same signs */
    TJ_REWRITE_GRANULARITY,   /* finer steps: more signs, if true equations give them */
    TJ_REWRITE_GRADUAL,       /* no jumps to conclusions: the same */
    TJ_REWRITE_EXPLORER,      /* as one who finds out: the same signs */
    TJ_N_REWRITES
} tj_rewrite_line;
extern const char *const tj_rewrite_names[TJ_N_REWRITES + 1]; /* "coherence", "granularity", ... */

typedef struct tj_rewrite_config {
    tj_rewrite_line line;
    size_t spans_at_once;    /* of a piece, 1 to 64 */
    double max_growth;       /* a span's new bytes: at most so many times the old ones, and 200 */
    const tj_tokenizer *tok; /* to encode again; NULL: the result has no ids */
    int32_t eos;
} tj_rewrite_config;
void tj_rewrite_config_default(tj_rewrite_config *cfg);

typedef enum tj_rewrite_fate {
    TJ_REWRITE_TAKEN = 0,
    TJ_REWRITE_SAME,    /* the model left it out, or as it was */
    TJ_REWRITE_REFUSED, /* the check said no */
    TJ_REWRITE_UNASKED, /* its piece got no usable answer */
    TJ_N_FATES
} tj_rewrite_fate;
typedef struct tj_rewrite_verdict {
    tj_rewrite_fate fate;
    char why[TJ_WHY_BYTES]; /* of REFUSED */
} tj_rewrite_verdict;

/* Gives *out, a record of its own with the same spans; those that were taken have the editor
 * rewrite and the model's name. verdicts [n_spans of the record] gets each span's fate. Errors:
 * TJ_E_INVAL (no spans, a bad config), those of tj_talk_ask; *out is empty then. */
TJ_MUST_USE tj_code tj_rewrite(tj_record *out, tj_rewrite_verdict *verdicts,
                               const tj_record *record, tj_talk *talk, const tj_rewrite_config *cfg,
                               tj_err *err);

#endif
