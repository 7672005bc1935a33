/* Dialogues of models as rows of a workspace: the thought, the tree of what was tried, what the
 * critic said of each step as a judgement, and how it ended.
 *
 * Ownership: borrows everything.
 * Threads:   one.
 */
#ifndef TJ_CLI_DIALOGUES_H
#define TJ_CLI_DIALOGUES_H

#include "cli/flow.h"

/* Keeps a dialogue about a problem of the workspace (problem 0: of the run's own, by the record's
 * texts). talk has what could not be used; critic names the rewarder. The record's thought gets its
 * problem and nodes. */
TJ_MUST_USE tj_code tj_cli_keep_dialogue(tj_cli_flow *flow, tj_dialogue *dialogue, int64_t problem,
                                         const tj_talk *talk, const char *critic, tj_err *err);

#endif
