/* Propose and critique: one model proposes the next step, another (or the same) says what to do
 * with it: continue, reflect, backtrack or terminate, over an explicit state.
 *
 *     state: the steps on the way ─▶ proposer ─▶ step ─▶ critic ─▶ action ─▶ state
 *
 * It ends with an answer, or when its budget is spent, or when it goes in circles: a step that was
 * proposed from the same place before is refused, and after some refusals the loop is over. What
 * the critic says is its opinion: steps have no marks.
 *
 * Ownership: a dialogue owns its record and transcript; tj_dialogue_deinit frees them.
 * Threads:   confined to one thread.
 */
#ifndef TJ_THOUGHT_CRITIQUE_H
#define TJ_THOUGHT_CRITIQUE_H

#include "base/rng.h"
#include "thought/record.h"
#include "thought/talk.h"
#include "thought/templates.h"

/* How a dialogue ended. */
typedef enum tj_outcome {
    TJ_OUTCOME_ANSWERED = 0,
    TJ_OUTCOME_BUDGET, /* turns, ways back or tokens are spent */
    TJ_OUTCOME_LOOP,   /* it went in circles */
    TJ_OUTCOME_FAILED, /* a model gave no usable answer within the bound of tries */
    TJ_N_OUTCOMES
} tj_outcome;
extern const char *const tj_outcome_names[TJ_N_OUTCOMES + 1];

/* What came of it: a record whose spans' annotations number the transcript's entries (from 1), up
 * to the point where it ended. */
typedef struct tj_dialogue {
    tj_record record;
    tj_outcome outcome;
    json_t *transcript; /* list of {who, ...} as said */
    size_t n_turns;
} tj_dialogue;
void tj_dialogue_deinit(tj_dialogue *dialogue);
/* The record's JSON with `outcome`, `turns`, `transcript` and the talk's `failures`, a new
 * reference; NULL without memory. */
json_t *tj_dialogue_json(const tj_dialogue *dialogue, const tj_talk *talk);

typedef struct tj_critique_config {
    size_t max_turns; /* steps proposed */
    size_t max_backtracks;
    size_t max_tokens;                /* of all answers; 0: no bound */
    size_t max_loops;                 /* proposals in circles that are refused before it is over */
    char language[TJ_LANGUAGE_BYTES]; /* of the sentences of ways back */
    const tj_templates *templates;    /* borrowed */
    const tj_tokenizer *tok;          /* of the record's ids; NULL: none */
    int32_t eos;
} tj_critique_config;
void tj_critique_config_default(tj_critique_config *cfg); /* but for templates */

/* problem [n]: the problem's text. Errors: TJ_E_INVAL, those of tj_talk_ask; *out is empty then.
 * Everything else is an outcome. */
TJ_MUST_USE tj_code tj_critique(tj_dialogue *out, const char *problem, size_t n, tj_talk *proposer,
                                tj_talk *critic, const tj_critique_config *cfg, tj_rng *rng,
                                tj_err *err);

#endif
