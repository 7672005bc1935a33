/* See talking.h. */
#include "cli/talking.h"

#include <stdio.h>
#include <string.h>

#include "cli/common.h"

static const char *name_of(const tj_args *args)
{
    const char *remote = tj_args_get(args, "remote-model");
    const char *model = tj_args_get(args, "model");
    const char *slash = model == NULL ? NULL : strrchr(model, '/');
    return remote != NULL ? remote : slash != NULL && slash[1] != 0 ? slash + 1 : model;
}

tj_code tj_cli_talk_open(tj_cli_talk *out, const tj_args *args, tj_err *err)
{
    size_t seed = 1;
    memset(out, 0, sizeof *out);
    if (!tj_args_has(args, "model")) {
        return tj_fail(err, TJ_E_INVAL, "name a model with --model: a path or a server's URL");
    }
    tj_code rc = tj_cli_use_threads(args, err);
    if (rc == TJ_OK) {
        rc = tj_cli_generator_open(&out->generator, args, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    out->is_open = true;
    tj_talk_init(&out->talk, &out->generator.generator);
    rc = tj_args_double(args, "temperature", out->talk.sampling.temperature,
                        &out->talk.sampling.temperature, err);
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "max-tokens", out->talk.max_tokens, 1 << 20, &out->talk.max_tokens,
                          err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_count(args, "tries", out->talk.max_tries, 60, &out->talk.max_tries, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "seed", 1, SIZE_MAX, &seed, err);
    }
    const char *name = name_of(args);
    snprintf(out->name, sizeof out->name, "%.31s", name == NULL ? "model" : name);
    out->talk.name = out->name;
    out->talk.seed = seed;
    out->job = *tj_cli_job();
    out->job.progress = NULL;
    out->talk.job = &out->job;
    return rc;
}

void tj_cli_talk_begin(tj_cli_talk *t, uint64_t stream, uint64_t item)
{
    t->talk.run = stream + (item << 16);
    t->talk.n_things = 0;
}

void tj_cli_talk_spend(tj_cli_talk *t, tj_cli_flow *flow)
{
    const tj_usage *usage = &t->talk.usage;
    tj_run_cost now = {.tokens = usage->n_prompt + usage->n_completion, .money = usage->cost};
    tj_run_cost cost = {.tokens = now.tokens - t->spent.tokens,
                        .money = now.money - t->spent.money};
    t->spent = now;
    if (flow->run != NULL) {
        tj_thought_run_spend(flow->run, &cost);
    }
}

json_t *tj_cli_talk_json(const tj_cli_talk *t, const tj_args *args)
{
    char digest[TJ_SHA256_HEX] = "";
    const char *path = tj_args_get(args, "model");
    if (!t->generator.is_remote && tj_sha256_file(digest, path, NULL) != TJ_OK) {
        digest[0] = 0; /* a folder: its name must do */
    }
    return json_pack(
        "{s:s, s:s?, s:s, s:f, s:f, s:I, s:I, s:s?, s:b}", "model", path, "remote_model",
        tj_args_get(args, "remote-model"), "digest", digest, "temperature",
        t->talk.sampling.temperature, "temperature_rise", t->talk.temperature_rise, "max_tokens",
        (json_int_t)t->talk.max_tokens, "tries", (json_int_t)t->talk.max_tries, "chat_template",
        tj_args_get(args, "chat-template"), "no_thinking", (int)tj_args_has(args, "no-thinking"));
}

void tj_cli_talk_close(tj_cli_talk *talk)
{
    if (talk->is_open) {
        tj_talk_deinit(&talk->talk);
        tj_cli_generator_close(&talk->generator);
    }
}

void tj_cli_talk_report(const tj_cli_talk *talk)
{
    const tj_talk *t = &talk->talk;
    if (t->n_asked == 0) {
        return; /* the run was done before */
    }
    fprintf(stderr, "%zu answers, %zu of them not usable, %zu questions given up\n", t->n_asked,
            t->n_refused, t->n_failed);
    for (size_t i = 0; i < t->n_failures && i < 5; i++) {
        fprintf(stderr, "  %s, attempt %zu: ", t->failures[i].what, t->failures[i].attempt);
        for (const char *c = t->failures[i].why; *c != 0; c++) {
            fputc((unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c, stderr);
        }
        fputc('\n', stderr);
    }
    if (t->n_failures > 5) {
        fprintf(stderr, "  ... and %zu more\n", t->n_failures - 5);
    }
    if (talk->generator.is_remote) {
        tj_generator_stats stats =
            talk->generator.generator.get_stats(talk->generator.generator.ctx);
        tj_cli_print_usage(&stats);
    }
}
