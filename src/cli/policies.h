/* Who proposes the steps of trees, as command lines name it: a model that brings its tokenizer, one
 * of the embedded domain, or one behind a server.
 *
 * Ownership: open/close.
 * Threads:   one.
 */
#ifndef TJ_CLI_POLICIES_H
#define TJ_CLI_POLICIES_H

#include <jansson.h>

#include "cli/generators.h"
#include "cli/voice.h"
#include "tree/tree.h"

typedef struct tj_cli_policy {
    tj_policy policy;
    tj_domain domain;      /* of Countdown */
    tj_speaker speaker;    /* a model of the embedded domain; else zeroed */
    tj_voice voice;        /* a model that brings its tokenizer; else zeroed */
    tj_cli_generator far;  /* behind a server; else zeroed */
    tj_plain_prompt plain; /* of the speaker */
    tj_words_prompt words; /* how problems in words are put */
    tj_step_options steps;
    const tj_tokenizer *tok; /* of the steps' ids, lent; NULL: there are none */
    int64_t model;           /* the workspace's; 0: another */
    char *file;              /* the weights of another one here; NULL: a server's */
    json_t *config;          /* what the steps depend on beside the weights */
} tj_cli_policy;

/* Opens the policy of --model (a path or URL), or else the workspace's model (--name, or its latest
 * base). Read are --steps, --step-tokens, --top-p, --prompt, --shots, those of tj_voice_options_of
 * and of tj_cli_generator_open. `domain` must be open. It must not move while it is open. Errors:
 * those of opening; TJ_E_INVAL naming the option. */
TJ_MUST_USE tj_code tj_cli_policy_open(tj_cli_policy *out, const tj_args *args, bool words,
                                       size_t keep_tokens, tj_err *err);
void tj_cli_policy_close(tj_cli_policy *policy); /* a zeroed one is allowed */

#endif
