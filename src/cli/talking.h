/* A language model that commands of thoughts talk with.
 *
 * Ownership: open/close.
 * Threads:   one.
 */
#ifndef TJ_CLI_TALKING_H
#define TJ_CLI_TALKING_H

#include "cli/generators.h"
#include "thought/thought.h"

typedef struct tj_cli_talk {
    tj_cli_generator generator;
    tj_talk talk;
    char name[TJ_EDITOR_NAME_BYTES];
    bool is_open;
} tj_cli_talk;

/* The model of --model, asked as --temperature, --max-tokens, --tries and --seed say. It must not
 * move while it is open. */
TJ_MUST_USE tj_code tj_cli_talk_open(tj_cli_talk *out, const tj_args *args, tj_err *err);
void tj_cli_talk_close(tj_cli_talk *talk); /* a zeroed one is allowed */
/* What was asked, refused and given up, as lines on standard error. */
void tj_cli_talk_report(const tj_cli_talk *talk);

#endif
