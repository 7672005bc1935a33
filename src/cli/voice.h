/* Models that bring their own tokenizer, as command lines name them; see tj_voice in infer.h.
 *
 * Ownership: tj_voice_close ends what is opened here.
 * Threads:   one.
 */
#ifndef TJ_CLI_VOICE_H
#define TJ_CLI_VOICE_H

#include "cli/cli.h"
#include "infer/infer.h"

/* Whether a path is a model with a tokenizer of its own: a GGUF file, or a folder with a
 * tokenizer.json. */
bool tj_voice_is_at(const char *path);
/* The options --raw, --chat-template and --no-thinking. */
tj_voice_options tj_voice_options_of(const tj_args *args);
/* tj_voice_load with them. */
TJ_MUST_USE tj_code tj_voice_open(tj_voice *voice, const char *path, const tj_args *args,
                                  tj_err *err);

#endif
