/* Filters on quality. A thought that is not let through is refused by the first rule that it
 * breaks, with a reason that says where and how.
 *
 * Ownership: plain data.
 * Threads:   no shared state.
 */
#ifndef TJ_THOUGHT_QUALITY_H
#define TJ_THOUGHT_QUALITY_H

#include "base/config.h"
#include "thought/facts.h"
#include "thought/record.h"

typedef struct tj_quality_config {
    bool need_right;      /* the final answer is right; what is not known to be is refused */
    bool refuse_wrong;    /* only what is known to be wrong is refused */
    bool need_conclusion; /* the text ends with its answer */
    bool no_jumps;        /* no attempt begins without a word about the one before, and no number in
                           * the conclusion is new */
    size_t max_loop;      /* a block of words at most so often in a row; 0: any */
    size_t min_loop_words;         /* shorter runs ("ha ha ha") are no loops */
    size_t max_repeated_attempts;  /* the default is none too many */
    size_t min_tokens, max_tokens; /* of texts whose tokens are counted; 0: no bound */
    size_t min_words, max_words;
    size_t min_lines, max_lines;
    size_t min_backtracks, max_backtracks; /* max 0: no bound; see no_backtracks */
    bool no_backtracks;
    size_t max_needless; /* ways back without a reason; by default any */
} tj_quality_config;
void tj_quality_config_default(tj_quality_config *cfg);
extern const tj_field tj_quality_fields[]; /* for YAML and --set */

typedef enum tj_rule {
    TJ_RULE_PASS = 0,
    TJ_RULE_ANSWER,
    TJ_RULE_CONCLUSION,
    TJ_RULE_JUMP,
    TJ_RULE_LOOP,
    TJ_RULE_REPEATED,
    TJ_RULE_TOKENS,
    TJ_RULE_WORDS,
    TJ_RULE_LINES,
    TJ_RULE_BACKTRACKS,
    TJ_RULE_NEEDLESS,
    TJ_N_RULES
} tj_rule;
extern const char *const tj_rule_names[TJ_N_RULES + 1]; /* "pass", "answer", ... */

typedef struct tj_quality {
    tj_rule rule; /* that was broken first, in the order above; PASS: none */
    char reason[256];
} tj_quality;
/* Judges a record. One without spans is judged by what the rules (thought/rules.h) find in a copy.
 * Errors: TJ_E_NOMEM, TJ_E_LIMIT. */
TJ_MUST_USE tj_code tj_quality_judge(tj_quality *out, const tj_record *record,
                                     const tj_quality_config *cfg, tj_err *err);

#endif
