/* The embedded domain (Countdown) and models that speak its vocabulary: what the commands that
 * generate, grow, derive and train share.
 *
 * Ownership: open/close pairs; stated at each function.
 * Threads:   one.
 */
#ifndef TJ_CLI_DOMAIN_H
#define TJ_CLI_DOMAIN_H

#include "base/err.h"
#include "cli/cli.h"
#include "infer/infer.h"
#include "nn/nn.h"
#include "task/task.h"
#include "text/text.h"

/* The task keeps a pointer to cfg: a domain is not copied once it is open. */
typedef struct tj_domain {
    tj_countdown_config cfg; /* every problem that can be written */
    tj_task task;
    tj_tokenizer *tok;
    int32_t eos; /* also stands before each prompt */
} tj_domain;
TJ_MUST_USE tj_code tj_domain_open(tj_domain *domain, tj_err *err);
void tj_domain_close(tj_domain *domain); /* a zeroed one is allowed */

/* Reads a prompt, with or without its newline, as a problem. Errors: TJ_E_PARSE. */
TJ_MUST_USE tj_code tj_domain_problem(tj_countdown_problem *out, const char *prompt, tj_err *err);

/* The folder that option `dir` ("model") gives, or that of the workspace's model --name, or of its
 * latest model whose name begins with `latest`. Gives *out (tj_free); NULL on error. */
TJ_MUST_USE tj_code tj_domain_folder(char **out, const tj_args *args, const char *dir,
                                     const char *latest, tj_err *err);
/* Loads a model folder in the best compute type. Gives *out (tj_model_destroy); NULL on error.
 * Errors: TJ_E_INVAL (its vocabulary is not the domain's) and those of tj_model_load. */
TJ_MUST_USE tj_code tj_domain_load(const tj_domain *domain, tj_model **out, const char *folder,
                                   tj_err *err);

/* A domain with a model, that of --model, --name or the latest, and its engine. */
typedef struct tj_speaker {
    tj_domain domain;
    tj_model *model;
    tj_engine *engine;
} tj_speaker;
TJ_MUST_USE tj_code tj_speaker_open(tj_speaker *speaker, const tj_args *args, const char *latest,
                                    tj_err *err);
void tj_speaker_close(tj_speaker *speaker); /* a zeroed one is allowed */

/* Calls fn with each prompt, in order: the operands, or where there are none the lines of standard
 * input (newline included, as they stand). `index` counts from 0. Errors: those of fn; TJ_E_LIMIT
 * (a line of more than 64 KiB); TJ_E_IO. */
typedef tj_code (*tj_prompt_fn)(void *ctx, const char *prompt, size_t index, tj_err *err);
TJ_MUST_USE tj_code tj_each_prompt(const tj_args *args, tj_prompt_fn fn, void *ctx, tj_err *err);

#endif
