/* Models with the tokenizer and the chat template that their files bring. */
#include <string.h>

#include "base/fs.h"
#include "infer/infer.h"
#include "nn/nn.h"

static void add_end(tj_voice *v, int32_t id)
{
    for (size_t i = 0; i < v->n_ends; i++) {
        if (v->ends[i] == id) {
            return;
        }
    }
    if (id >= 0 && v->n_ends < TJ_MAX_ENDS) {
        v->ends[v->n_ends++] = id;
    }
}

/* What ends an assistant's turn in the templates that we know: a vocabulary has those of its own.
 */
static void find_ends(tj_voice *v)
{
    static const char *const turns[] = {"<|im_end|>", "<|eot_id|>", "<end_of_turn>"};
    add_end(v, tj_tokenizer_get_extras(v->tok)->eos);
    for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++) {
        add_end(v, tj_tokenizer_find(v->tok, turns[i]));
    }
}

/* The template that is named, or that the file brings; none if none is wanted, or where a base
 * model's file has none. */
static tj_code choose_chat(tj_voice *v, const tj_voice_options *options, tj_err *err)
{
    const char *name = options->chat_template;
    const char *own = tj_tokenizer_get_extras(v->tok)->chat_template;
    v->options = (tj_chat_options){.prompts = true, .no_thinking = options->no_thinking};
    if (options->raw || (name == NULL && own == NULL)) {
        return TJ_OK;
    }
    v->chats = true;
    tj_code rc =
        name != NULL ? tj_chat_by_name(&v->chat, name, err) : tj_chat_recognize(&v->chat, own, err);
    v->thinks = rc == TJ_OK && tj_chat_thinks(v->chat, v->options);
    return rc;
}

static tj_code load_parts(tj_voice *v, const char *path, const tj_voice_options *options,
                          tj_err *err)
{
    tj_engine_config cfg;
    tj_engine_config_default(&cfg);
    tj_code rc = tj_tokenizer_load(&v->tok, path, err);
    if (rc == TJ_OK) {
        rc = choose_chat(v, options, err);
    }
    if (rc == TJ_OK) {
        rc = tj_model_open(&v->model, path, err);
    }
    if (rc == TJ_OK && tj_tokenizer_n_vocab(v->tok) > tj_model_cfg(v->model)->n_vocab) {
        rc = tj_fail(err, TJ_E_INVAL, "%s: the tokenizer has %zu tokens, the model only %zu", path,
                     tj_tokenizer_n_vocab(v->tok), tj_model_cfg(v->model)->n_vocab);
    }
    if (rc == TJ_OK) {
        rc = tj_encoder_create(&v->encoder, v->tok, err);
    }
    if (rc == TJ_OK) {
        rc = tj_engine_create(&v->engine, v->model, v->tok,
                              options->engine != NULL ? options->engine : &cfg, err);
    }
    return rc;
}

tj_code tj_voice_load(tj_voice *v, const char *path, const tj_voice_options *options, tj_err *err)
{
    memset(v, 0, sizeof *v);
    if (!tj_fs_exists(path)) {
        return tj_fail(err, TJ_E_NOTFOUND, "there is no model %s", path);
    }
    tj_code rc = load_parts(v, path, options, err);
    if (rc == TJ_OK) {
        find_ends(v);
    } else {
        tj_voice_close(v);
    }
    return rc;
}

void tj_voice_close(tj_voice *v)
{
    tj_engine_destroy(v->engine);
    tj_encoder_destroy(v->encoder);
    tj_model_destroy(v->model);
    tj_tokenizer_destroy(v->tok);
    memset(v, 0, sizeof *v);
}

tj_code tj_voice_encode_chat(tj_voice *v, tj_ids *ids, const tj_message *messages, size_t n,
                             tj_err *err)
{
    if (!v->chats) {
        return tj_fail(err, TJ_E_INVAL,
                       "the model has no chat template: name one with "
                       "--chat-template");
    }
    tj_chat chat;
    tj_chat_init(&chat);
    tj_code rc = tj_chat_render(&chat, v->chat, messages, n, v->options, err);
    if (rc == TJ_OK) {
        rc = tj_chat_encode(v->encoder, &chat, ids, NULL, err);
    }
    tj_chat_deinit(&chat);
    return rc;
}

tj_code tj_voice_encode_text(tj_voice *v, tj_ids *ids, const char *text, size_t len, tj_err *err)
{
    const tj_tokenizer_extras *extras = tj_tokenizer_get_extras(v->tok);
    size_t before = ids->n;
    tj_code rc = extras->add_bos ? tj_ids_add(ids, &extras->bos, 1, err) : TJ_OK;
    if (rc == TJ_OK) {
        rc = tj_encoder_encode(v->encoder, ids, text, len, false, err);
    }
    if (rc == TJ_OK && ids->n == before) {
        rc = tj_fail(err, TJ_E_INVAL, "the prompt is empty, and the tokenizer begins with nothing");
    }
    return rc;
}
