/* Solutions in JSON lines, each step put to a rewarder.
 *
 * Ownership: plain functions.
 * Threads:   one.
 */
#ifndef TJ_CLI_SCORE_LINES_H
#define TJ_CLI_SCORE_LINES_H

#include "cli/cli.h"
#include "tree/tree.h"

/* Reads objects {"problem", "steps": [text, ...], "answer" where it is known} from the file at path,
 * or standard input where it is "-", and prints each with `scores` beside: a list as long as steps,
 * of {"value", "reason"} or {"error"} with what it cost. Steps of some solutions, `piece` or more,
 * are put to the rewarder at once, and printed before the next. Errors: TJ_E_PARSE naming line and
 * field, those of the rewarder. */
TJ_MUST_USE tj_code tj_cli_score_lines(const char *path, const tj_scorer *scorer, size_t piece,
                                       tj_err *err);

#endif
