/* Speed of a real model: reading a prompt, one stream, sixteen samples of one prompt. One JSON
 * object on standard output.
 *
 *     tabiji-bench-infer MODEL [PROMPT_TOKENS] [NEW_TOKENS] [SAMPLES] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/par.h"
#include "infer/infer.h"
#include "nn/nn.h"

#define MAX_SAMPLES 64

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(tj_code rc, const tj_err *err)
{
    if (rc != TJ_OK) {
        fprintf(stderr, "%s\n", err->msg);
        exit(1);
    }
}

/* Ordinary ids, the same for every program that is compared. */
static int32_t *prompt_of(size_t n, size_t n_vocab)
{
    int32_t *ids = malloc(n * sizeof *ids);
    for (size_t i = 0; ids != NULL && i < n; i++) {
        ids[i] = (int32_t)(1000 + i * 37 % (n_vocab / 2 - 1000));
    }
    return ids;
}

/* Seconds to sample n_new tokens on each of n_samples branches of one prompt that is read already.
 */
static double sample(tj_engine *engine, tj_branch root, size_t n_prompt, size_t n_samples,
                     size_t n_new)
{
    tj_gen gens[MAX_SAMPLES];
    tj_err err;
    for (size_t s = 0; s < n_samples; s++) {
        gens[s] = (tj_gen){.sampling = {.temperature = n_samples > 1 ? 1.0 : 0.0, .top_p = 1.0},
                           .seed = 1,
                           .node = s,
                           .max_tokens = n_new};
        must(tj_engine_fork(engine, &gens[s].branch, root, n_prompt, &err), &err);
    }
    double begin = now();
    must(tj_engine_generate(engine, gens, n_samples, NULL, &err), &err);
    double seconds = now() - begin;
    size_t n = 0;
    for (size_t s = 0; s < n_samples; s++) {
        n += gens[s].n_ids;
        tj_engine_drop(engine, gens[s].branch);
        tj_gen_deinit(&gens[s]);
    }
    return seconds * (double)(n_samples * n_new) / (double)(n > 0 ? n : 1); /* of as many tokens */
}

int main(int argc, char **argv)
{
    tj_model *m;
    tj_engine *engine;
    tj_engine_config cfg;
    tj_branch root;
    tj_err err = {.msg = ""};
    float logp;
    if (argc < 2) {
        fprintf(stderr, "usage: tabiji-bench-infer MODEL [PROMPT_TOKENS] [NEW_TOKENS] [SAMPLES]\n");
        return 2;
    }
    size_t n_prompt = argc > 2 ? strtoul(argv[2], NULL, 10) : 512;
    size_t n_new = argc > 3 ? strtoul(argv[3], NULL, 10) : 128;
    size_t n_samples = argc > 4 ? strtoul(argv[4], NULL, 10) : 16;
    n_samples = n_samples < MAX_SAMPLES ? n_samples : MAX_SAMPLES;
    double begin = now();
    must(tj_model_open(&m, argv[1], &err), &err);
    double open = now() - begin;
    tj_engine_config_default(&cfg);
    must(tj_engine_create(&engine, m, NULL, &cfg, &err), &err);
    int32_t *ids = prompt_of(n_prompt, tj_model_cfg(m)->n_vocab);
    must(tj_engine_root(engine, &root, ids, n_prompt, &err), &err);
    begin = now();
    must(tj_engine_score(engine, root, n_prompt - 1, n_prompt, &logp, &err), &err);
    double prompt = now() - begin;
    (void)sample(engine, root, n_prompt, 1, 8); /* warm */
    double one = sample(engine, root, n_prompt, 1, n_new);
    double many = sample(engine, root, n_prompt, n_samples, n_new);
    printf("{\"open_s\":%.3f,\"prompt_tokens\":%zu,\"prompt_tokens_per_s\":%.1f,"
           "\"stream_tokens_per_s\":%.1f,\"samples\":%zu,\"samples_tokens_per_s\":%.1f,"
           "\"threads\":%zu}\n",
           open, n_prompt, (double)n_prompt / prompt, (double)n_new / one, n_samples,
           (double)(n_samples * n_new) / many, tj_par_threads());
    free(ids);
    tj_engine_destroy(engine);
    tj_model_destroy(m);
    return 0;
}
