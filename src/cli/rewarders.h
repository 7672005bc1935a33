/* The rewarders that a command line names: each --rewarder SPEC, with what servers need.
 *
 * Ownership: open/close.
 * Threads:   one.
 */
#ifndef TJ_CLI_REWARDERS_H
#define TJ_CLI_REWARDERS_H

#include "cli/cli.h"
#include "tree/tree.h"

#define TJ_MAX_REWARDERS 16

typedef struct tj_cli_rewarders {
    tj_scorer scorers[TJ_MAX_REWARDERS];
    const char *specs[TJ_MAX_REWARDERS];  /* of the arguments */
    bool has_threshold[TJ_MAX_REWARDERS]; /* the spec says one */
    size_t n;
    tj_remote_config remote;
    tj_cache cache;
    tj_scorer_options options;
} tj_cli_rewarders;

/* Opens them in their order, with --remote-config, --remote-set and --cache; task may be NULL. The
 * scorers point into *out, which must not move. Errors: those of tj_scorer_open, TJ_E_LIMIT; it is
 * closed then. */
TJ_MUST_USE tj_code tj_cli_rewarders_open(tj_cli_rewarders *out, const tj_args *args,
                                          const tj_task *task, uint64_t seed, tj_err *err);
void tj_cli_rewarders_close(tj_cli_rewarders *rewarders); /* a zeroed one is allowed */

#endif
