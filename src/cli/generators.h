/* Who answers, as command lines name it: a model that brings its tokenizer, one of the embedded
 * domain, or one behind a server.
 *
 * Ownership: open/close.
 * Threads:   one.
 */
#ifndef TJ_CLI_GENERATORS_H
#define TJ_CLI_GENERATORS_H

#include "cli/cli.h"
#include "cli/domain.h"
#include "infer/infer.h"

typedef struct tj_cli_generator {
    tj_generator generator;
    bool is_remote;
    char remote_model[256]; /* which of the server's models, as tj_remote_config; "": one here */
    tj_speaker speaker;     /* of the embedded domain; else zeroed */
    tj_cache cache;         /* of --cache; else zeroed */
} tj_cli_generator;

/* Opens what --model names, or else the workspace's model (--name). Options beside those of
 * tj_voice_options_of: of a URL --remote-model, --remote-config, --remote-set and --cache. Errors:
 * those of tj_generator_open and tj_speaker_open; TJ_E_INVAL (an option that does not go with it).
 * It is closed then. The generator points into *out, which must not move. */
TJ_MUST_USE tj_code tj_cli_generator_open(tj_cli_generator *out, const tj_args *args, tj_err *err);
/* How servers are asked: defaults, then --remote-config, each --remote-set, --remote-model. Errors:
 * those of tj_config_load, tj_config_set and tj_remote_config_read. */
TJ_MUST_USE tj_code tj_cli_remote_config(tj_remote_config *cfg, const tj_args *args, tj_err *err);
void tj_cli_generator_close(tj_cli_generator *g); /* a zeroed one is allowed */

/* --temperature, --top-k, --top-p and --min-p; without them greedy, all tokens. */
TJ_MUST_USE tj_code tj_cli_read_sampling(tj_sampling *out, const tj_args *args, tj_err *err);

/* What was asked of a server, and its price, as a line on standard error. */
void tj_cli_print_usage(const tj_generator_stats *stats);

#endif
