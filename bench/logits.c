/* Logits of texts, for comparing with other programs: reads lines of token ids from standard input
 * and writes, for each, the logits at its last positions as f32.
 *
 *     tabiji-bench-logits load|open|train MODEL POSITIONS <ids >logits
 *
 * load: weights in f32, through generation; open: as the file holds them; train: in f32, through
 * the forward pass of training, whose log-probabilities are written instead. Attention is here the
 * plainest there is. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "nn/nn.h"

#define MAX_IDS 4096

typedef struct cache { /* keys and values of one text */
    const tj_model_config *cfg;
    size_t n;
    float *k, *v; /* [L, n, G, D] */
} cache;

static void must(tj_code rc, const tj_err *err)
{
    if (rc != TJ_OK) {
        fprintf(stderr, "%s\n", err->msg);
        exit(1);
    }
}

static void store(void *ctx, size_t layer, size_t row, const float *k, const float *v)
{
    cache *c = ctx;
    size_t width = c->cfg->n_kv_heads * c->cfg->head_dim;
    memcpy(c->k + (layer * c->n + row) * width, k, width * sizeof *k);
    memcpy(c->v + (layer * c->n + row) * width, v, width * sizeof *v);
}

/* One query: out = sum of softmax(scale q . k_j) v_j over the keys it sees. */
static void attend_head(const cache *c, size_t layer, size_t row, size_t head, const float *q,
                        float *out)
{
    const tj_layer_attn *a = &c->cfg->layer[layer];
    size_t dim = c->cfg->head_dim;
    size_t stride = c->cfg->n_kv_heads * dim;
    size_t kv = head / (c->cfg->n_heads / c->cfg->n_kv_heads) * dim;
    double scale = a->scale > 0.0 ? a->scale : 1.0 / sqrt((double)dim);
    size_t begin = a->window > 0 && row + 1 > a->window ? row + 1 - a->window : 0;
    double weights[MAX_IDS];
    double max = -HUGE_VAL;
    double sum = 0.0;
    double acc[TJ_MAX_HEAD_DIM] = {0};
    for (size_t j = begin; j <= row; j++) {
        const float *k = c->k + (layer * c->n + j) * stride + kv;
        double dot = 0.0;
        for (size_t d = 0; d < dim; d++) {
            dot += (double)q[d] * (double)k[d];
        }
        weights[j] = dot * scale;
        max = fmax(max, weights[j]);
    }
    for (size_t j = begin; j <= row; j++) {
        const float *v = c->v + (layer * c->n + j) * stride + kv;
        double w = exp(weights[j] - max);
        sum += w;
        for (size_t d = 0; d < dim; d++) {
            acc[d] += w * (double)v[d];
        }
    }
    for (size_t d = 0; d < dim; d++) {
        out[d] = (float)(acc[d] / sum);
    }
}

static void attend(void *ctx, size_t layer, size_t item, size_t thread, const float *q, float *out)
{
    const cache *c = ctx;
    size_t head = item % c->cfg->n_heads;
    size_t row = item / c->cfg->n_heads;
    (void)thread;
    attend_head(c, layer, row, head, q + item * c->cfg->head_dim, out + item * c->cfg->head_dim);
}

static void put(const float *values, size_t n)
{
    if (fwrite(values, sizeof *values, n, stdout) != n) {
        fprintf(stderr, "cannot write\n");
        exit(1);
    }
}

static void by_generation(tj_model *m, const int32_t *ids, size_t n, size_t n_out)
{
    const tj_model_config *cfg = tj_model_cfg(m);
    size_t width = cfg->n_layers * cfg->n_kv_heads * cfg->head_dim;
    tj_infer_scratch *scratch;
    tj_err err;
    size_t pos[MAX_IDS];
    size_t out[MAX_IDS];
    cache c = {.cfg = cfg, .n = n};
    c.k = tj_aligned_array(n * width, sizeof(float));
    c.v = tj_aligned_array(n * width, sizeof(float));
    float *logits = tj_aligned_array(n_out * cfg->n_vocab, sizeof(float));
    must(tj_infer_scratch_create(&scratch, &err), &err);
    for (size_t i = 0; i < n; i++) {
        pos[i] = i;
    }
    for (size_t i = 0; i < n_out; i++) {
        out[i] = n - n_out + i;
    }
    tj_attend how = {.store = store, .attend = attend, .n_items = n * cfg->n_heads, .ctx = &c};
    must(tj_infer(m, scratch, n, ids, pos, how, n_out, out, logits, NULL, &err), &err);
    put(logits, n_out * cfg->n_vocab);
    tj_infer_scratch_destroy(scratch);
    tj_free(logits);
    tj_free(c.k);
    tj_free(c.v);
}

/* A loss row for every token of the vocabulary at each position. */
static void by_training(tj_model *m, const int32_t *ids, size_t n, size_t n_out)
{
    size_t n_vocab = tj_model_cfg(m)->n_vocab;
    tj_forest *forest;
    tj_pass *pass;
    tj_err err;
    size_t segment;
    float *logp = tj_aligned_array(n_out * n_vocab, sizeof(float));
    must(tj_forest_create(&forest, &err), &err);
    must(tj_pass_create(&pass, m, (tj_pass_options){.train = false}, &err), &err);
    must(tj_forest_add(forest, &segment, TJ_NO_SEGMENT, ids, n, &err), &err);
    for (size_t i = 0; i < n_out * n_vocab; i++) {
        must(tj_forest_add_loss_row(forest, NULL, segment, n - n_out + i / n_vocab,
                                    (int32_t)(i % n_vocab), &err),
             &err);
    }
    must(tj_forward(pass, forest, logp, NULL, &err), &err);
    put(logp, n_out * n_vocab);
    tj_pass_destroy(pass);
    tj_forest_destroy(forest);
    tj_free(logp);
}

int main(int argc, char **argv)
{
    tj_model *m;
    tj_err err = {.msg = ""};
    char line[1 << 16];
    if (argc != 4) {
        fprintf(stderr, "usage: tabiji-bench-logits load|open|train MODEL POSITIONS\n");
        return 2;
    }
    must(strcmp(argv[1], "open") == 0 ? tj_model_open(&m, argv[2], &err)
                                      : tj_model_load(&m, argv[2], TJ_F32, &err),
         &err);
    size_t n_out = strtoul(argv[3], NULL, 10);
    while (fgets(line, sizeof line, stdin) != NULL) {
        int32_t ids[MAX_IDS];
        size_t n = 0;
        for (char *p = line, *end; n < MAX_IDS; p = end) {
            long id = strtol(p, &end, 10);
            if (end == p) {
                break;
            }
            ids[n++] = (int32_t)id;
        }
        if (n < n_out) {
            fprintf(stderr, "a line of %zu ids, fewer than %zu\n", n, n_out);
            return 1;
        }
        if (strcmp(argv[1], "train") == 0) {
            by_training(m, ids, n, n_out);
        } else {
            by_generation(m, ids, n, n_out);
        }
    }
    tj_model_destroy(m);
    return 0;
}
