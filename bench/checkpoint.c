/* Writes a small checkpoint of one family and prints the log-probabilities that our decoder gives
 * at every position, for bench/check_transformers.py to compare. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "nn/nn.h"

enum { LENGTH = 48 };

static void must(tj_code rc, const tj_err *err)
{
    if (rc != TJ_OK) {
        (void)fprintf(stderr, "tabiji-bench-checkpoint: %s\n", err->msg);
        exit(1);
    }
}

static tj_model_config family(const char *name)
{
    tj_model_config c;
    tj_model_config_default(&c);
    c.n_vocab = 160;
    c.width = 64;
    c.n_layers = 3;
    c.n_heads = 4;
    c.n_kv_heads = 2;
    c.head_dim = 16;
    c.ffn_width = 96;
    c.max_positions = 128;
    c.tied_embedding = strcmp(name, "llama") != 0;
    if (strcmp(name, "qwen2") == 0) {
        c.qkv_bias = true;
    } else if (strcmp(name, "qwen3") == 0) {
        c.qk_norm = true;
        c.head_dim = 32;
    } else if (strcmp(name, "llama") != 0) {
        (void)fprintf(stderr, "tabiji-bench-checkpoint: no family \"%s\"\n", name);
        exit(2);
    }
    return c;
}

/* Norms and biases start at one and zero, where a mistake would not show. */
static void stir(tj_model *model)
{
    size_t n;
    tj_param *params = tj_model_params(model, &n);
    for (size_t p = 0; p < n; p++) {
        for (size_t i = 0; i < params[p].n; i++) {
            uint64_t x = ((uint64_t)i + 1U) * 0x9e3779b97f4a7c15ULL + p * 0xbf58476d1ce4e5b9ULL;
            double unit = (double)(x >> 11U) / 9007199254740992.0;
            params[p].weight[i] += (float)(0.2 * (unit - 0.5));
        }
    }
}

int main(int argc, char **argv)
{
    tj_err err;
    tj_model *model;
    tj_pass *pass;
    tj_forest *forest;
    int32_t ids[LENGTH];
    size_t segment;
    if (argc != 3) {
        (void)fprintf(stderr, "usage: tabiji-bench-checkpoint llama|qwen2|qwen3 DIR\n");
        return 2;
    }
    tj_model_config c = family(argv[1]);
    must(tj_model_create(&model, &c, TJ_F32, 1, &err), &err);
    stir(model);
    must(tj_model_refresh(model, &err), &err);
    must(tj_model_save(model, argv[2], TJ_F32, &err), &err);

    for (size_t i = 0; i < LENGTH; i++) {
        ids[i] = (int32_t)(i * 37 % c.n_vocab);
    }
    must(tj_forest_create(&forest, &err), &err);
    must(tj_forest_add(forest, &segment, TJ_NO_SEGMENT, ids, LENGTH, &err), &err);
    for (size_t i = 0; i < LENGTH; i++) {
        for (size_t v = 0; v < c.n_vocab; v++) {
            must(tj_forest_add_loss_row(forest, NULL, segment, i, (int32_t)v, &err), &err);
        }
    }
    float *logp = tj_calloc(LENGTH * c.n_vocab, sizeof *logp);
    json_t *all = json_array();
    json_t *tokens = json_array();
    if (logp == NULL || all == NULL || tokens == NULL) {
        return 1;
    }
    must(tj_pass_create(&pass, model, (tj_pass_options){.train = false}, &err), &err);
    must(tj_forward(pass, forest, logp, NULL, &err), &err);
    for (size_t i = 0; i < LENGTH; i++) {
        json_t *row = json_array();
        (void)json_array_append_new(tokens, json_integer(ids[i]));
        for (size_t v = 0; v < c.n_vocab; v++) {
            (void)json_array_append_new(row, json_real((double)logp[i * c.n_vocab + v]));
        }
        (void)json_array_append_new(all, row);
    }
    json_t *out = json_pack("{s:o, s:o}", "ids", tokens, "logp", all);
    (void)json_dumpf(out, stdout, JSON_COMPACT);
    json_decref(out);
    tj_pass_destroy(pass);
    tj_forest_destroy(forest);
    tj_model_destroy(model);
    tj_free(logp);
    return 0;
}
