/* generate: answers sampled from a model. */
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "cli/common.h"
#include "cli/domain.h"
#include "cli/voice.h"

typedef struct generation {
    tj_speaker speaker; /* of the embedded domain, */
    tj_voice voice;     /* or a model with its own tokenizer: */
    bool has_voice;
    tj_engine *engine; /* the one's or the other's */
    const tj_tokenizer *tok;
    tj_sampling sampling;
    size_t n_samples, max_tokens, seed;
    json_t *list; /* with --json */
} generation;

static tj_code read_sampling(generation *g, const tj_args *args, tj_err *err)
{
    size_t threads;
    tj_code rc = tj_args_double(args, "temperature", 0.0, &g->sampling.temperature, err);
    if (rc == TJ_OK) {
        rc = tj_args_double(args, "top-p", 1.0, &g->sampling.top_p, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_double(args, "min-p", 0.0, &g->sampling.min_p, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "top-k", 0, 1 << 24, &g->sampling.top_k, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "samples", 1, 4096, &g->n_samples, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "max-tokens", 400, 1 << 20, &g->max_tokens, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "seed", 1, SIZE_MAX, &g->seed, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "threads", 0, TJ_MAX_THREADS, &threads, err);
        tj_par_set_threads(threads);
    }
    return rc;
}

static tj_code print_answer(generation *g, const char *prompt, const tj_gen *gen, size_t sample,
                            tj_err *err)
{
    static const char *const finishes[] = {"none", "eos", "stop", "length"};
    tj_buf text;
    tj_buf_init(&text);
    tj_tokenizer_decode(g->tok, &text, gen->ids, gen->n_ids, false);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK && g->list != NULL) {
        double sum = 0.0;
        for (size_t i = 0; i < gen->n_ids; i++) {
            sum += (double)gen->logprobs[i];
        }
        json_t *one = json_pack(
            "{s:o, s:I, s:o, s:I, s:f, s:s}", "prompt", tj_json_text(prompt, strlen(prompt)),
            "sample", (json_int_t)sample, "text", tj_json_text(tj_buf_text(&text), text.len),
            "tokens", (json_int_t)gen->n_ids, "logprob", sum, "finish", finishes[gen->finish]);
        if (json_array_append_new(g->list, one) != 0) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot hold an answer");
        }
    } else if (rc == TJ_OK) {
        tj_print_text(tj_buf_text(&text), text.len);
        bool ended = text.len > 0 && text.data[text.len - 1] == '\n';
        fputs(ended ? "" : "\n", stdout);
        fputs(g->n_samples > 1 ? "\n" : "", stdout);
    }
    tj_buf_deinit(&text);
    return rc;
}

/* The end token, then the prompt as a line: its stop and newline are one token. */
static tj_code encode_domain(const tj_domain *d, tj_ids *ids, const char *prompt, tj_err *err)
{
    size_t n = strlen(prompt);
    bool ends = n > 0 && prompt[n - 1] == '\n';
    tj_buf line;
    tj_buf_init(&line);
    tj_buf_printf(&line, "%s%s", prompt, ends ? "" : "\n");
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

static tj_code encode_prompt(generation *g, tj_ids *ids, const char *prompt, tj_err *err)
{
    return g->has_voice ? tj_voice_encode(&g->voice, ids, prompt, err)
                        : encode_domain(&g->speaker.domain, ids, prompt, err);
}

/* The samples of one prompt: branches that fork where it ends. */
static tj_code sample_prompt(generation *g, tj_gen *gens, const char *prompt, size_t index,
                             tj_err *err)
{
    tj_engine *engine = g->engine;
    tj_ids ids = {0};
    tj_branch root = TJ_NO_BRANCH;
    size_t n_open = 0;
    tj_code rc = encode_prompt(g, &ids, prompt, err);
    if (rc == TJ_OK) {
        rc = tj_engine_root(engine, &root, ids.ids, ids.n, err);
    }
    for (size_t s = 0; s < g->n_samples && rc == TJ_OK; s++) {
        gens[s] = (tj_gen){.sampling = g->sampling,
                           .seed = g->seed,
                           .problem = index,
                           .node = s,
                           .max_tokens = g->max_tokens,
                           .ends = g->voice.ends,
                           .n_ends = g->voice.n_ends};
        rc = tj_engine_fork(engine, &gens[s].branch, root, ids.n, err);
        n_open += rc == TJ_OK ? 1 : 0;
    }
    if (rc == TJ_OK) {
        rc = tj_engine_generate(engine, gens, g->n_samples, tj_cli_job(), err);
    }
    for (size_t s = 0; s < n_open; s++) {
        tj_engine_drop(engine, gens[s].branch);
    }
    if (root != TJ_NO_BRANCH) {
        tj_engine_drop(engine, root);
    }
    tj_ids_deinit(&ids);
    return rc;
}

static tj_code generate_one(void *ctx, const char *prompt, size_t index, tj_err *err)
{
    generation *g = ctx;
    tj_gen *gens = tj_calloc(g->n_samples, sizeof *gens);
    tj_code rc = gens == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot generate")
                              : sample_prompt(g, gens, prompt, index, err);
    for (size_t s = 0; s < g->n_samples && rc == TJ_OK; s++) {
        rc = print_answer(g, prompt, &gens[s], s, err);
    }
    for (size_t s = 0; gens != NULL && s < g->n_samples; s++) {
        tj_gen_deinit(&gens[s]);
    }
    tj_free(gens);
    return rc;
}

static tj_code open_model(generation *g, const tj_args *args, tj_err *err)
{
    const char *path = tj_args_get(args, "model");
    tj_code rc;
    g->has_voice = path != NULL && tj_voice_is_at(path);
    if (g->has_voice) {
        rc = tj_voice_open(&g->voice, path, args, err);
        g->engine = g->voice.engine;
        g->tok = g->voice.tok;
    } else {
        rc = tj_speaker_open(&g->speaker, args, "journey", err);
        g->engine = g->speaker.engine;
        g->tok = g->speaker.domain.tok;
    }
    return rc;
}

tj_code tj_cmd_generate(const tj_args *args, tj_err *err)
{
    generation g = {.list = tj_args_has(args, "json") ? json_array() : NULL};
    tj_code rc = read_sampling(&g, args, err);
    if (rc == TJ_OK) {
        rc = open_model(&g, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_each_prompt(args, generate_one, &g, err);
    }
    if (rc == TJ_OK && g.list != NULL) {
        rc = tj_print_json(g.list, err);
    }
    tj_speaker_close(&g.speaker);
    tj_voice_close(&g.voice);
    json_decref(g.list);
    return rc;
}
