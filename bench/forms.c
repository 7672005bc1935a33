/* What it costs to hold answers to a form: sorting the vocabulary, masks of new places and of known
 * ones, draws under a mask, and whole rounds with and without a form.
 *
 *     tabiji-bench-forms MODEL [BRANCHES]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/job.h"
#include "infer/form_mask.h"
#include "infer/sampler.h"
#include "nn/nn.h"

#define SCHEMA                                                                                     \
    "{\"type\":\"object\",\"properties\":{\"reason\":{\"type\":\"string\",\"minLength\":1,"        \
    "\"maxLength\":300},\"verdict\":{\"enum\":[1,0,-1]}}}"
#define TEXT                                                                                       \
    "{\n  \"reason\": \"The step says that 48 / 2 is 24, which is true, and it follows from what " \
    "the problem says: half as many clips were sold in May as in April.\",\n  \"verdict\": 1\n}"
#define MAX_TOKENS 120

static void must(tj_code rc, const tj_err *err)
{
    if (rc != TJ_OK) {
        fprintf(stderr, "%s\n", err->msg);
        exit(1);
    }
}

/* Milliseconds of a mask at each byte of TEXT, and of the dearest. */
static void time_masks(tj_form_masks *masks, const tj_form *form, const char *what)
{
    tj_form_state s;
    tj_form_mask mask;
    double sum = 0.0;
    double most = 0.0;
    tj_form_begin(&s, form, false);
    for (size_t i = 0; i < strlen(TEXT); i++) {
        double begin = tj_clock_seconds();
        must(tj_form_masks_get(masks, &mask, form, &s, NULL), NULL);
        double took = (tj_clock_seconds() - begin) * 1e3;
        sum += took;
        most = took > most ? took : most;
        if (!tj_form_step(&s, form, (unsigned char)TEXT[i])) {
            exit(1);
        }
    }
    printf("masks, %s: %.4f ms each, %.3f ms the dearest\n", what, sum / (double)strlen(TEXT),
           most);
}

static void time_draws(size_t n_vocab, const tj_form_mask *mask)
{
    tj_sampler sampler;
    const tj_sampling sampling = {.temperature = 1.0, .top_p = 1.0};
    const tj_allowed allowed = {.bits = mask->bits};
    float *logits = tj_calloc(n_vocab, sizeof *logits);
    double seconds[2];
    tj_sampler_init(&sampler);
    must(tj_sampler_reserve(&sampler, n_vocab, NULL), NULL);
    for (size_t i = 0; i < n_vocab; i++) {
        logits[i] = (float)((i * 2654435761u) % 1000) * 0.01F;
    }
    for (int masked = 0; masked < 2; masked++) {
        double begin = tj_clock_seconds();
        for (int k = 0; k < 100; k++) {
            int32_t id;
            float logprob;
            must(masked ? tj_sampler_draw_allowed(&sampler, &id, &logprob, NULL, logits, n_vocab,
                                                  &allowed, &sampling, k * 0.01, NULL)
                        : tj_sampler_draw(&sampler, &id, &logprob, NULL, logits, n_vocab, &sampling,
                                          k * 0.01, NULL),
                 NULL);
        }
        seconds[masked] = (tj_clock_seconds() - begin) / 100.0;
    }
    printf("a draw: %.3f ms, under a mask %.3f ms\n", seconds[0] * 1e3, seconds[1] * 1e3);
    tj_free(logits);
    tj_sampler_deinit(&sampler);
}

static void time_rounds(tj_voice *voice, const tj_form *form, size_t n, uint64_t seed)
{
    static const char prompt[] = "Say whether 48 / 2 = 24 is right, and why, as JSON.";
    const tj_message message = {TJ_ROLE_USER, prompt, sizeof prompt - 1};
    tj_gen *gens = tj_calloc(n, sizeof *gens);
    tj_ids ids = {.n = 0};
    tj_err err;
    size_t n_sampled = 0;
    must(voice->chats ? tj_voice_encode_chat(voice, &ids, &message, 1, &err)
                      : tj_voice_encode_text(voice, &ids, prompt, sizeof prompt - 1, &err),
         &err);
    for (size_t i = 0; i < n; i++) {
        gens[i] = (tj_gen){.sampling = {.temperature = 1.0, .top_p = 1.0},
                           .seed = seed,
                           .node = i,
                           .max_tokens = MAX_TOKENS,
                           .form = form};
        must(tj_engine_root(voice->engine, &gens[i].branch, ids.ids, ids.n, &err), &err);
    }
    double begin = tj_clock_seconds();
    must(tj_engine_generate(voice->engine, gens, n, NULL, &err), &err);
    double took = tj_clock_seconds() - begin;
    for (size_t i = 0; i < n; i++) {
        n_sampled += gens[i].n_ids;
        tj_engine_drop(voice->engine, gens[i].branch);
        tj_gen_deinit(&gens[i]);
    }
    printf("%zu branches %s: %.3f ms a token (%zu tokens)\n", n,
           form == NULL ? "without a form" : "in the form", took * 1e3 / (double)n_sampled,
           n_sampled);
    tj_free(gens);
    tj_ids_deinit(&ids);
}

int main(int argc, char **argv)
{
    tj_voice voice;
    tj_form *form = NULL;
    tj_form_vocab *vocab = NULL;
    tj_form_masks *masks = NULL;
    tj_form_mask mask;
    tj_form_state in_text;
    tj_err err;
    json_t *schema = json_loads(SCHEMA, 0, NULL);
    if (argc < 2) {
        fprintf(stderr, "usage: tabiji-bench-forms MODEL [BRANCHES]\n");
        return 2;
    }
    must(tj_voice_load(&voice, argv[1], &(tj_voice_options){.raw = false}, &err), &err);
    must(tj_form_create(&form, schema, "schema", &err), &err);
    const size_t n_vocab = tj_model_cfg(voice.model)->n_vocab;
    double begin = tj_clock_seconds();
    must(tj_form_vocab_create(&vocab, voice.tok, n_vocab, &err), &err);
    printf("%zu tokens sorted: %.1f ms\n", n_vocab, (tj_clock_seconds() - begin) * 1e3);
    must(tj_form_masks_create(&masks, vocab, &err), &err);
    time_masks(masks, form, "new places");
    time_masks(masks, form, "known places");
    tj_form_begin(&in_text, form, false);
    for (size_t i = 0; i < 20; i++) {
        (void)tj_form_step(&in_text, form, (unsigned char)TEXT[i]);
    }
    must(tj_form_masks_get(masks, &mask, form, &in_text, &err), &err);
    time_draws(n_vocab, &mask);
    const size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        time_rounds(&voice, NULL, n, seed);
        time_rounds(&voice, form, n, seed);
    }
    tj_form_masks_destroy(masks);
    tj_form_vocab_destroy(vocab);
    tj_form_destroy(form);
    tj_voice_close(&voice);
    json_decref(schema);
    return 0;
}
