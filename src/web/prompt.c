/* From a request in OpenAI's words to one of the service. */
#include "web/prompt.h"

#include <string.h>

#include "base/alloc.h"

#define TEXT_MAX_TOKENS 16 /* of a completion that does not say, as OpenAI */

/* What the tokenizer puts before a text, and its ids. */
static tj_code encode_text(tj_ids *ids, const char *text, size_t len, const tj_service_config *cfg,
                           tj_err *err)
{
    const tj_tokenizer_extras *extras = tj_tokenizer_get_extras(cfg->tok);
    tj_code rc = extras->add_bos ? tj_ids_add(ids, &extras->bos, 1, err) : TJ_OK;
    return rc == TJ_OK ? tj_encoder_encode(cfg->encoder, ids, text, len, cfg->parse_special, err)
                       : rc;
}

static tj_chat_options options_of(const tj_api_request *api, const tj_service_config *cfg)
{
    return (tj_chat_options){
        .prompts = true, .no_thinking = api->says_thinking ? api->no_thinking : cfg->no_thinking};
}

static tj_code encode_chat(tj_ids *ids, const tj_api_request *api, const tj_service_config *cfg,
                           tj_err *err)
{
    size_t n = api->n_messages;
    bool adds = cfg->system != NULL && api->messages[0].role != TJ_ROLE_SYSTEM;
    tj_message *messages = tj_calloc(n + 1, sizeof *messages);
    tj_chat chat;
    if (messages == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu messages", n);
    }
    if (adds) {
        messages[0] = (tj_message){TJ_ROLE_SYSTEM, cfg->system, strlen(cfg->system)};
    }
    memcpy(messages + (adds ? 1 : 0), api->messages, n * sizeof *messages);
    tj_chat_init(&chat);
    tj_code rc =
        tj_chat_render(&chat, cfg->chat, messages, n + (adds ? 1 : 0), options_of(api, cfg), err);
    if (rc == TJ_OK) {
        rc = tj_chat_encode(cfg->encoder, &chat, ids, NULL, err);
    }
    tj_chat_deinit(&chat);
    tj_free(messages);
    return rc;
}

static tj_code encode_one(tj_ids *ids, const tj_api_request *api, size_t p,
                          const tj_service_config *cfg, tj_err *err)
{
    if (api->kind == TJ_API_CHAT) {
        return encode_chat(ids, api, cfg, err);
    }
    const tj_api_prompt *prompt = &api->prompts[p];
    return prompt->text == NULL ? tj_ids_add(ids, prompt->ids.ids, prompt->ids.n, err)
                                : encode_text(ids, prompt->text, prompt->len, cfg, err);
}

static tj_code encode_all(tj_request *out, const tj_api_request *api, const tj_service_config *cfg,
                          tj_api_error *e)
{
    const char *field = api->kind == TJ_API_CHAT ? "messages" : "prompt";
    size_t most = cfg->n_positions - (out->max_tokens > 0 ? 1 : 0);
    size_t n = api->kind == TJ_API_CHAT ? 1 : api->n_prompts;
    out->prompts = tj_calloc(n, sizeof *out->prompts);
    if (out->prompts == NULL) {
        return tj_api_fail(e, TJ_E_NOMEM, field, "cannot hold %zu prompts", n);
    }
    out->n_prompts = n;
    for (size_t p = 0; p < n; p++) {
        tj_err err;
        tj_code rc = encode_one(&out->prompts[p], api, p, cfg, &err);
        if (rc != TJ_OK) {
            return tj_api_fail(e, rc == TJ_E_LIMIT ? TJ_E_INVAL : rc, field, "%s: %s", field,
                               err.msg);
        }
        if (out->prompts[p].n == 0) {
            return tj_api_fail(e, TJ_E_INVAL, field,
                               "%s is empty, and the tokenizer begins with "
                               "nothing",
                               field);
        }
        if (out->prompts[p].n > most) {
            rc = tj_api_fail(e, TJ_E_INVAL, field, "%s has %zu tokens, the model reads at most %zu",
                             field, out->prompts[p].n, most);
            e->code = "context_length_exceeded";
            return rc;
        }
    }
    return TJ_OK;
}

static tj_code copy_stops(tj_request *out, const tj_api_request *api, tj_api_error *e)
{
    out->stop = tj_calloc(TJ_MAX_STOPS, sizeof *out->stop);
    for (size_t s = 0; out->stop != NULL && s < api->n_stop; s++) {
        out->stop[s] = tj_strdup(api->stop[s]);
        if (out->stop[s] == NULL) {
            break;
        }
        out->n_stop++;
    }
    return out->n_stop == api->n_stop && out->stop != NULL
               ? TJ_OK
               : tj_api_fail(e, TJ_E_NOMEM, "stop", "cannot hold %zu stop strings", api->n_stop);
}

/* A chat that does not say may go on to the end of what the model can read. */
static tj_code choose_max_tokens(tj_request *out, const tj_api_request *api,
                                 const tj_service_config *cfg, tj_api_error *e)
{
    if (!api->has_max_tokens) {
        size_t n = api->kind == TJ_API_CHAT ? cfg->max_tokens : TEXT_MAX_TOKENS;
        out->max_tokens = n < cfg->max_tokens ? n : cfg->max_tokens;
        return TJ_OK;
    }
    if (api->max_tokens > cfg->max_tokens) {
        return tj_api_fail(e, TJ_E_INVAL, "max_tokens", "max_tokens is %zu, at most %zu here",
                           api->max_tokens, cfg->max_tokens);
    }
    out->max_tokens = api->max_tokens;
    return TJ_OK;
}

tj_code tj_prompt_prepare(tj_request *out, tj_api_request *api, const tj_service_config *cfg,
                          uint64_t seed, tj_api_error *e)
{
    bool chats = api->kind == TJ_API_CHAT;
    *out = (tj_request){.n_samples = api->best_of,
                        .sampling = api->sampling,
                        .seed = api->has_seed ? api->seed : seed,
                        .scores = api->echo && api->logprobs,
                        .n_top = api->n_top,
                        .splits_thought = chats,
                        .thinks = chats && tj_chat_thinks(cfg->chat, options_of(api, cfg))};
    if (strcmp(api->model, cfg->name) != 0) {
        tj_code rc =
            tj_api_fail(e, TJ_E_NOTFOUND, "model", "there is no model '%.128s' here, only '%s'",
                        api->model, cfg->name);
        e->code = "model_not_found";
        return rc;
    }
    if (chats && !cfg->chats) {
        return tj_api_fail(e, TJ_E_INVAL, "messages",
                           "the model has no chat template; use /v1/completions");
    }
    tj_code rc = choose_max_tokens(out, api, cfg, e);
    if (rc == TJ_OK) {
        rc = encode_all(out, api, cfg, e);
    }
    if (rc == TJ_OK) {
        rc = copy_stops(out, api, e);
    }
    if (rc != TJ_OK) {
        tj_request_deinit(out);
        return rc;
    }
    out->form = api->form;
    api->form = NULL;
    return rc;
}
