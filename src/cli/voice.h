/* A model that brings its own tokenizer, as real models do: loaded, and spoken to in its chat
 * template or in plain text.
 *
 * Ownership: open/close.
 * Threads:   one.
 */
#ifndef TJ_CLI_VOICE_H
#define TJ_CLI_VOICE_H

#include "cli/cli.h"
#include "infer/infer.h"
#include "nn/nn.h"
#include "text/text.h"

#define TJ_MAX_ENDS 4

typedef struct tj_voice {
    tj_model *model; /* for generation only */
    tj_tokenizer *tok;
    tj_encoder *encoder;
    tj_engine *engine;
    bool chats; /* prompts are put into the template */
    tj_chat_template chat;
    tj_chat_options options;
    const char *system;        /* prompt; NULL: none */
    int32_t ends[TJ_MAX_ENDS]; /* tokens that end an answer, besides the model's own */
    size_t n_ends;
} tj_voice;

/* Whether a path is a model with a tokenizer of its own: a GGUF file, or a folder with a
 * tokenizer.json. */
bool tj_voice_is_at(const char *path);
/* Opens the model at path. Options: --raw, --chat-template, --system, --no-thinking. Errors: those
 * of tj_model_open, tj_tokenizer_load and tj_chat_recognize; TJ_E_INVAL (the tokenizer has more
 * tokens than the model). The voice is closed then. */
TJ_MUST_USE tj_code tj_voice_open(tj_voice *voice, const char *path, const tj_args *args,
                                  tj_err *err);
void tj_voice_close(tj_voice *voice); /* a zeroed one is allowed */
/* Appends the ids of a prompt: a conversation of this one question, or the text as it stands, with
 * the tokens around it that the tokenizer's file asks for. */
TJ_MUST_USE tj_code tj_voice_encode(tj_voice *voice, tj_ids *ids, const char *prompt, tj_err *err);

#endif
