/* A language model that commands of thoughts talk with.
 *
 * Ownership: open/close.
 * Threads:   one.
 */
#ifndef TJ_CLI_TALKING_H
#define TJ_CLI_TALKING_H

#include "cli/flow.h"
#include "cli/generators.h"
#include "thought/thought.h"

typedef struct tj_cli_talk {
    tj_cli_generator generator;
    tj_talk talk;
    tj_job job; /* the program's, without progress: whoever talks for a purpose tells of that */
    char name[TJ_EDITOR_NAME_BYTES];
    tj_run_cost spent; /* of the talk so far, by tj_cli_talk_spend */
    bool is_open;
} tj_cli_talk;

/* The model of --model, asked as --temperature, --max-tokens, --tries and --seed say. It must not
 * move while it is open. */
TJ_MUST_USE tj_code tj_cli_talk_open(tj_cli_talk *out, const tj_args *args, tj_err *err);
/* The random streams of what is asked from now on: by what it is for and which it is, so that an
 * item of a run has the same whether the run was stopped before it or not. */
void tj_cli_talk_begin(tj_cli_talk *talk, uint64_t stream, uint64_t item);
/* Puts what was spent since the last call on the flow's run, if it has one. */
void tj_cli_talk_spend(tj_cli_talk *talk, tj_cli_flow *flow);
/* Which model, asked how: a new reference; NULL without memory. Of a model here its digest too. */
json_t *tj_cli_talk_json(const tj_cli_talk *talk, const tj_args *args);
void tj_cli_talk_close(tj_cli_talk *talk); /* a zeroed one is allowed */
/* What was asked, refused and given up, as lines on standard error. */
void tj_cli_talk_report(const tj_cli_talk *talk);

#endif
