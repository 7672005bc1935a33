/* A debate of several agents, or a teacher and a student, turned into one explorer's thought.
 *
 *     round: each agent speaks in its role ─▶ moderator: go on, or settle ─▶ ... ─▶ one voice
 *
 * What an agent says is an entry of the transcript with a stance: propose, continue, check, object
 * or retract. The explorer's voice is made entry by entry: a model rewords each as the thought of
 * one person, and where its mathematics would change (thought/mathcheck.h) the agent's own words
 * stay. Stances become actions of spans.
 *
 * Ownership: tj_dialogue_deinit frees what is given.
 * Threads:   confined to one thread.
 */
#ifndef TJ_THOUGHT_DEBATE_H
#define TJ_THOUGHT_DEBATE_H

#include "thought/critique.h"

#define TJ_MAX_AGENTS 8

typedef struct tj_agent {
    char name[TJ_EDITOR_NAME_BYTES];
    const char *role; /* what it is told that it is; borrowed */
    tj_talk *talk;    /* several agents may share one */
} tj_agent;

typedef struct tj_debate_config {
    size_t max_rounds;
    size_t max_tokens;                /* of all answers; 0: no bound */
    bool one_voice;                   /* reword; else the agents' own words stand in the thought */
    char language[TJ_LANGUAGE_BYTES]; /* of sentences of ways back */
    const tj_templates *templates;    /* borrowed */
    const tj_tokenizer *tok;
    int32_t eos;
} tj_debate_config;
void tj_debate_config_default(tj_debate_config *cfg); /* but for templates */

/* Roles by name: "debate" (three agents: one who proposes, one who doubts, one who checks) or
 * "teacher" (a student and a teacher). Fills agents, all of whom share talk; returns their number,
 * 0 for an unknown name. */
size_t tj_debate_roles(tj_agent agents[TJ_MAX_AGENTS], const char *name, tj_talk *talk);

/* Errors: TJ_E_INVAL (no agents, or too many; no sentences in the language), those of tj_talk_ask.
 * Everything else is an outcome: ANSWERED when the moderator settled it. */
TJ_MUST_USE tj_code tj_debate(tj_dialogue *out, const char *problem, size_t n,
                              const tj_agent *agents, size_t n_agents, tj_talk *moderator,
                              const tj_debate_config *cfg, tj_rng *rng, tj_err *err);

#endif
