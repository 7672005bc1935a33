/* Speed of a real model: reading a prompt, one stream, sixteen samples of one prompt, a tree grown
 * from it. One JSON object on standard output.
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
/* The tree: w = 3 steps of 20 tokens at each node, 3 nodes of a level grown on, D = 10. */
#define TREE_WIDTH  3
#define TREE_KEPT   3
#define TREE_DEPTH  10
#define TREE_STEP   20

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

/* Seconds to sample n_new tokens on each of n branches, and how many came. */
static double sample_all(tj_engine *engine, const tj_branch *branches, size_t n, size_t n_new,
                         double temperature, size_t *n_sampled)
{
    tj_gen gens[MAX_SAMPLES];
    tj_err err;
    for (size_t s = 0; s < n; s++) {
        gens[s] = (tj_gen){.branch = branches[s],
                           .sampling = {.temperature = temperature, .top_p = 1.0},
                           .seed = 1,
                           .node = s,
                           .max_tokens = n_new};
    }
    double begin = now();
    must(tj_engine_generate(engine, gens, n, NULL, &err), &err);
    double seconds = now() - begin;
    for (size_t s = 0; s < n; s++) {
        *n_sampled += gens[s].n_ids;
        tj_gen_deinit(&gens[s]);
    }
    return seconds;
}

/* Tokens a second on n branches of one prompt that is read already. */
static double sample(tj_engine *engine, tj_branch root, size_t n, size_t n_new)
{
    tj_branch branches[MAX_SAMPLES] = {0};
    tj_err err;
    size_t n_sampled = 0;
    for (size_t s = 0; s < n; s++) {
        must(tj_engine_fork(engine, &branches[s], root, tj_engine_length(engine, root), &err),
             &err);
    }
    double seconds = sample_all(engine, branches, n, n_new, n > 1 ? 1.0 : 0.0, &n_sampled);
    for (size_t s = 0; s < n; s++) {
        tj_engine_drop(engine, branches[s]);
    }
    return (double)n_sampled / seconds;
}

/* Tokens a second of a tree's growth from the prompt. */
static double grow(tj_engine *engine, tj_branch root)
{
    tj_branch kept[TREE_KEPT] = {root};
    tj_branch branches[TREE_KEPT * TREE_WIDTH] = {0};
    tj_err err;
    double seconds = 0.0;
    size_t n_sampled = 0;
    size_t n_kept = 1;
    for (size_t depth = 0; depth < TREE_DEPTH; depth++) {
        size_t n = n_kept * TREE_WIDTH;
        double begin = now();
        for (size_t s = 0; s < n; s++) {
            tj_branch from = kept[s / TREE_WIDTH];
            must(tj_engine_fork(engine, &branches[s], from, tj_engine_length(engine, from), &err),
                 &err);
        }
        seconds += now() - begin;
        seconds += sample_all(engine, branches, n, TREE_STEP, 1.0, &n_sampled);
        for (size_t k = 0; k < n_kept; k++) {
            if (kept[k] != root) {
                tj_engine_drop(engine, kept[k]);
            }
        }
        n_kept = TREE_KEPT; /* the first ones: which does not matter here */
        memcpy(kept, branches, sizeof kept);
        for (size_t s = n_kept; s < n; s++) {
            tj_engine_drop(engine, branches[s]);
        }
    }
    return (double)n_sampled / seconds;
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
    (void)sample(engine, root, 1, 8); /* warm */
    double one = sample(engine, root, 1, n_new);
    double many = sample(engine, root, n_samples, n_new);
    double tree = grow(engine, root);
    printf("{\"open_s\":%.3f,\"prompt_tokens\":%zu,\"prompt_tokens_per_s\":%.1f,"
           "\"stream_tokens_per_s\":%.1f,\"samples\":%zu,\"samples_tokens_per_s\":%.1f,"
           "\"tree_tokens_per_s\":%.1f,\"threads\":%zu}\n",
           open, n_prompt, (double)n_prompt / prompt, one, n_samples, many, tree, tj_par_threads());
    free(ids);
    tj_engine_destroy(engine);
    tj_model_destroy(m);
    return 0;
}
