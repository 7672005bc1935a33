#include "cli/generators.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "cli/voice.h"

/* ------------------------------------------------------------ a server */

tj_code tj_cli_remote_config(tj_remote_config *cfg, const tj_args *args, tj_err *err)
{
    const char *path = tj_args_get(args, "remote-config");
    const char *model = tj_args_get(args, "remote-model");
    json_t *json = NULL;
    tj_remote_config_default(cfg);
    tj_code rc = path == NULL ? TJ_OK : tj_config_load(&json, path, err);
    if (json == NULL) {
        json = json_object();
    }
    for (size_t i = 0; rc == TJ_OK && tj_args_nth(args, "remote-set", i) != NULL; i++) {
        rc = tj_config_set(json, tj_args_nth(args, "remote-set", i), err);
    }
    if (rc == TJ_OK && model != NULL && json_object_set_new(json, "model", json_string(model))) {
        rc = tj_fail(err, TJ_E_INVAL, "--remote-model is not UTF-8");
    }
    if (rc == TJ_OK) {
        rc = tj_remote_config_read(cfg, json, "remote", err);
    }
    json_decref(json);
    return rc;
}

static tj_code read_remote(tj_remote_config *cfg, const tj_args *args, tj_err *err)
{
    tj_code rc = tj_cli_remote_config(cfg, args, err);
    return rc == TJ_OK && cfg->model[0] == '\0'
               ? tj_fail(err, TJ_E_INVAL,
                         "which of the server's models is not said: name it with --remote-model")
               : rc;
}

static tj_code refuse_options(const tj_args *args, const char *const *names, const char *why,
                              tj_err *err)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (tj_args_has(args, names[i])) {
            return tj_fail(err, TJ_E_INVAL, "--%s is for %s", names[i], why);
        }
    }
    return TJ_OK;
}

static tj_code open_remote(tj_cli_generator *g, const char *url, const tj_args *args, tj_err *err)
{
    static const char *const not_ours[] = {"chat-template", "no-thinking", "name", NULL};
    const char *cache = tj_args_get(args, "cache");
    tj_generator_options options = {.cache = cache == NULL ? NULL : &g->cache};
    g->is_remote = true;
    tj_code rc = refuse_options(args, not_ours, "a model here, not one behind a URL", err);
    if (rc == TJ_OK) {
        rc = read_remote(&options.remote, args, err);
    }
    memcpy(g->remote_model, options.remote.model, sizeof g->remote_model);
    if (rc == TJ_OK && cache != NULL) {
        rc = tj_cache_open_dir(&g->cache, cache, err);
    }
    return rc == TJ_OK ? tj_generator_open(&g->generator, url, &options, err) : rc;
}

/* ------------------------------------------------------------ the embedded domain */

/* The end token, then the prompt as a line: its stop and newline are one token. */
static tj_code encode_domain(void *ctx, tj_ids *ids, const tj_query *q, tj_err *err)
{
    const tj_domain *d = ctx;
    bool ends = q->n_text > 0 && q->text[q->n_text - 1] == '\n';
    tj_buf line;
    tj_buf_init(&line);
    tj_buf_add(&line, q->text, q->n_text);
    tj_buf_str(&line, ends ? "" : "\n");
    tj_code rc = tj_buf_check(&line, err);
    if (rc == TJ_OK) {
        rc = tj_ids_add(ids, &d->eos, 1, err);
    }
    if (rc == TJ_OK) {
        rc = tj_tokenizer_encode(d->tok, ids, line.data, line.len, false, err);
    }
    tj_buf_deinit(&line);
    return rc;
}

static tj_code open_domain(tj_cli_generator *g, const tj_args *args, tj_err *err)
{
    tj_code rc = tj_speaker_open(&g->speaker, args, "journey", err);
    tj_engine_speech speech = {.engine = g->speaker.engine,
                               .tok = g->speaker.domain.tok,
                               .encode = encode_domain,
                               .ctx = &g->speaker.domain};
    return rc == TJ_OK ? tj_generator_of_engine(&g->generator, &speech, err) : rc;
}

/* ------------------------------------------------------------ all of them */

tj_code tj_cli_generator_open(tj_cli_generator *out, const tj_args *args, tj_err *err)
{
    static const char *const of_urls[] = {"remote-model", "remote-config", "remote-set", "cache",
                                          NULL};
    const char *model = tj_args_get(args, "model");
    memset(out, 0, sizeof *out);
    tj_code rc = TJ_OK;
    if (model != NULL && tj_is_url(model)) {
        rc = open_remote(out, model, args, err);
    } else {
        rc = refuse_options(args, of_urls, "a model behind a URL", err);
    }
    if (rc == TJ_OK && !out->is_remote) {
        tj_generator_options options = {.voice = tj_voice_options_of(args)};
        rc = model != NULL && tj_voice_is_at(model)
                 ? tj_generator_open(&out->generator, model, &options, err)
                 : open_domain(out, args, err);
    }
    if (rc != TJ_OK) {
        tj_cli_generator_close(out);
    }
    return rc;
}

void tj_cli_generator_close(tj_cli_generator *g)
{
    tj_generator_close(&g->generator);
    tj_speaker_close(&g->speaker);
    tj_cache_close_dir(&g->cache);
    memset(g, 0, sizeof *g);
}

tj_code tj_cli_read_sampling(tj_sampling *out, const tj_args *args, tj_err *err)
{
    tj_code rc = tj_args_double(args, "temperature", 0.0, &out->temperature, err);
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "top-k", 0, 1 << 24, &out->top_k, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_double(args, "top-p", 1.0, &out->top_p, err);
    }
    return rc == TJ_OK ? tj_args_double(args, "min-p", 0.0, &out->min_p, err) : rc;
}

void tj_cli_print_usage(const tj_generator_stats *s)
{
    tj_cli_progress_end();
    fprintf(stderr, "%" PRIu64 " request%s", s->n_tries, s->n_tries == 1 ? "" : "s");
    if (s->n_retries > 0) {
        fprintf(stderr, ", %" PRIu64 " of them again", s->n_retries);
    }
    fprintf(stderr, "; tokens: %" PRIu64 " of prompts (%" PRIu64 " cached), %" PRIu64 " of answers",
            s->usage.n_prompt, s->usage.n_cached, s->usage.n_completion);
    if (s->has_prices) {
        fprintf(stderr, "; cost %.6f", s->usage.cost);
    }
    if (s->n_without_usage > 0) {
        fprintf(stderr, "; %" PRIu64 " answers do not say what they used", s->n_without_usage);
    }
    if (s->n_from_cache > 0) {
        fprintf(stderr,
                "; %" PRIu64 " answers from the cache, which saved %" PRIu64 " and %" PRIu64
                " tokens",
                s->n_from_cache, s->saved.n_prompt, s->saved.n_completion);
    }
    if (s->n_from_cache > 0 && s->has_prices) {
        fprintf(stderr, " and %.6f", s->saved.cost);
    }
    fputc('\n', stderr);
}
